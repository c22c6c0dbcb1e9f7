"""Records to Polars tables and back.

Belongs here: the schema a record class has as a table, and the conversion both ways without loss.
Does not belong here: the records themselves, Parquet files (``io_managers/``).
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, cast

import polars as pl

from luxvid_pipeline.domain.scenes import SCENE_KEYS

RecordT = TypeVar("RecordT")

_PLAIN: dict[Any, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
    # Dollars, exact to the unit in which the dearest-counting vendor bills (1e-10).
    Decimal: pl.Decimal(38, 10),
}


def table_schema(record: type[Any]) -> dict[str, pl.DataType]:
    """Return the columns of a record class, in the order of its fields.

    ``Mapping[str, float]`` becomes a struct with a field a scene, a nested record a struct, a tuple a list.

    Raises:
        TypeError: A field has a type no table can hold.
    """
    hints = typing.get_type_hints(record)
    return {field.name: _column(hints[field.name]) for field in dataclasses.fields(record)}


def to_table(records: Sequence[Any], record: type[Any]) -> pl.DataFrame:
    """Return one row a record; without records, an empty table with the same columns."""
    return pl.DataFrame([_to_row(each) for each in records], schema=table_schema(record), orient="row")


def from_table(table: pl.DataFrame, record: type[RecordT]) -> list[RecordT]:
    """Return one record a row; the inverse of ``to_table``."""
    return [cast(RecordT, _from_value(row, record)) for row in table.iter_rows(named=True)]


def _column(annotation: Any) -> pl.DataType:
    hint, _ = _without_none(annotation)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if _is_enum(hint):
        return pl.String()
    if dataclasses.is_dataclass(hint):
        return pl.Struct(table_schema(cast("type[Any]", hint)))
    if origin is tuple:
        return pl.List(_column(arguments[0]))
    if origin is Mapping:
        return pl.Struct(dict.fromkeys(SCENE_KEYS, pl.Float64()))
    raise TypeError(f"no column type for {hint!r}")


def _to_row(record: Any) -> dict[str, Any]:
    return {field.name: _to_value(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _to_value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _to_row(value)
    if isinstance(value, tuple):
        return [_to_value(each) for each in cast("tuple[Any, ...]", value)]
    if isinstance(value, Mapping):
        return {key: cast("Mapping[str, Any]", value).get(key) for key in SCENE_KEYS}
    return value


def _from_value(value: Any, annotation: Any) -> Any:
    hint, optional = _without_none(annotation)
    held: Any = value
    if optional and held is None:
        return None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if _is_enum(hint):
        return hint(held)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        fields = dataclasses.fields(hint)
        return cast("type[Any]", hint)(
            # A column that an older table lacks takes its default.
            **{each.name: _from_value(value[each.name], hints[each.name]) for each in fields if each.name in value}
        )
    if origin is tuple:
        return tuple(_from_value(each, arguments[0]) for each in held)
    if origin is Mapping:
        return {key: each for key, each in held.items() if each is not None}
    return held


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Split ``X | None`` into ``X`` and whether None is allowed."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        members = [each for each in typing.get_args(hint) if each is not type(None)]
        if len(members) == 1:
            return members[0], True
    return hint, False
