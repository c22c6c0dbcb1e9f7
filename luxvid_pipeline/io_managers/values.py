# pyright: reportUnknownMemberType=false
"""The IO managers: a Dagster value to a stored file and back, with its hash on the materialisation.

Belongs here: which file an asset's partition lies in, how a table, a document or a media file is written and read.
Does not belong here: how files are kept (``store.py``).

================  ==================================  ==========================================
manager           value                               file
================  ==================================  ==========================================
``table_io``      ``polars.DataFrame``                ``<asset>/<listing or day>/table.parquet``
``document_io``   a pydantic model                    ``<asset>/<listing>/document.json``
``media_io``      ``StoredFile`` (already kept)       wherever its asset kept it
================  ==================================  ==========================================

An asset without partitions lies in ``<asset>/<file>``. Each manager loads one partition as the value and several as
``{partition key: value}``; an input whose metadata says ``allow_missing`` gets only those that are there.
"""

import io
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import dagster as dg
import polars as pl
from pydantic import BaseModel

from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile

ValueT = TypeVar("ValueT")


def value_key(asset: str, partition: str, name: str) -> str:
    """Return the key of a partition's file, ``<asset>/<listing>[/<scene>]/<name>``; ``<asset>/<name>`` without one."""
    return "/".join((asset, *(partition.split("|") if partition else ()), name))


class StoredValueIOManager(dg.IOManager, Generic[ValueT]):
    """What the three managers share: keys, several partitions at once, hash and size as metadata."""

    file_name = ""

    def __init__(self, store: MediaStore) -> None:
        """Keep values in ``store``."""
        self.store = store

    def encode(self, value: ValueT) -> bytes:
        """Return the bytes a value is kept as."""
        raise TypeError(f"{type(self).__name__} keeps no {type(value).__name__}")

    def decode(self, asset: str, data: bytes) -> ValueT:
        """Return the value that an asset's bytes hold."""
        raise TypeError(f"{type(self).__name__} cannot read {asset}")

    def handle_output(self, context: dg.OutputContext, obj: ValueT) -> None:
        """Keep one partition's value."""
        partition = context.asset_partition_key if context.has_asset_partitions else ""
        key = value_key(context.asset_key.to_user_string(), partition, self.file_name)
        said = context.output_metadata.get("made_from")
        made_from = str(said.value) if said else ""
        stored = self.store.put_bytes(self.encode(obj), key, made_from=made_from)
        context.add_output_metadata({"sha256": stored.sha256, "bytes": stored.bytes, "path": stored.key})

    def load_input(self, context: dg.InputContext) -> Any:
        """Return one partition's value, or a dictionary where the input spans several."""
        asset = context.asset_key.to_user_string()
        if not context.has_asset_partitions:
            return self.load_partition(asset, "", missing_ok=False)
        partitions = context.asset_partition_keys
        single = len(partitions) == 1 and not (context.definition_metadata or {}).get("allow_missing")
        values: dict[str, Any] = {}
        for partition in sorted(partitions):
            value = self.load_partition(asset, partition, missing_ok=not single)
            if value is not None:
                values[partition] = value
        return values[partitions[0]] if single else values

    def load_partition(self, asset: str, partition: str, *, missing_ok: bool) -> ValueT | None:
        """Return one partition's value; None where it was never made and ``missing_ok``."""
        key = value_key(asset, partition, self.file_name)
        if missing_ok and self.store.find(key) is None:
            return None
        return self.decode(asset, self.store.read_bytes(key))

    def earlier(self, asset: str, partition: str) -> ValueT | None:
        """Return what an earlier run left, for one that makes it anew; None where that is nothing, damaged or gone."""
        try:
            return self.load_partition(asset, partition, missing_ok=True)
        except DamagedMediaError:
            return None

    def recall(self, asset: str, partition: str, made_from: str) -> ValueT | None:
        """Return the value an earlier run made from exactly this, so that unchanged input costs nothing; else None."""
        key = value_key(asset, partition, self.file_name)
        if self.store.kept(key, made_from) is None:
            return None
        return self.decode(asset, self.store.read_bytes(key))


class TableIOManager(StoredValueIOManager[pl.DataFrame]):
    """Polars tables as Parquet."""

    file_name = "table.parquet"

    def encode(self, value: pl.DataFrame) -> bytes:
        """Return Parquet; the same table gives the same bytes."""
        buffer = io.BytesIO()
        value.write_parquet(buffer, compression="zstd", statistics=True)
        return buffer.getvalue()

    def decode(self, asset: str, data: bytes) -> pl.DataFrame:
        """Return the table."""
        return pl.read_parquet(io.BytesIO(data))


class DocumentIOManager(StoredValueIOManager[BaseModel]):
    """Small documents as JSON that a person can read."""

    file_name = "document.json"

    def encode(self, value: BaseModel) -> bytes:
        """Return indented JSON."""
        return (value.model_dump_json(indent=2) + "\n").encode()

    def decode(self, asset: str, data: bytes) -> BaseModel:
        """Return the model of this asset."""
        return _DOCUMENTS[asset].model_validate_json(data)


class MediaIOManager(StoredValueIOManager[StoredFile]):
    """Media files, kept by the asset itself as soon as they are finished; here only their record travels.

    A clip must be on disk and recorded the moment it is done, not when the whole run ends, so the asset calls
    ``MediaStore.put``; this manager puts hash and size on the materialisation and checks the file on load.
    """

    def handle_output(self, context: dg.OutputContext, obj: StoredFile) -> None:
        """Record a file that its asset has kept."""
        context.add_output_metadata({"sha256": obj.sha256, "bytes": obj.bytes, "path": obj.key})

    def load_partition(self, asset: str, partition: str, *, missing_ok: bool) -> StoredFile | None:
        """Return the record of a partition's file, the file checked against it."""
        stored = self.store.find(media_key(asset, partition))
        if stored is None:
            if missing_ok:
                return None
            raise DamagedMediaError(
                f"{asset} of {partition} has no finished file: run the asset {asset} for {partition.replace('|', ', ')}"
            )
        self.store.open(stored.key)
        return stored


def media_key(asset: str, partition: str) -> str:
    """Return the key of a media asset's main file.

    ``scene_clips/<listing>/<scene>.mp4``, ``property_video/<listing>/film.mp4``, ``soundtrack/<listing>/score.flac``.
    """
    suffix = _MEDIA_NAMES[asset]
    return "/".join((asset, *partition.split("|"))) + suffix


_DOCUMENTS: Mapping[str, type[BaseModel]] = {"storyboard": Storyboard}

_MEDIA_NAMES: Mapping[str, str] = {
    "scene_clips": ".mp4",
    "soundtrack": "/score.flac",
    "property_video": "/film.mp4",
    "delivery_package": "/package.json",
    "animatic": "/animatic.mp4",
}
