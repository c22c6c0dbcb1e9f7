"""The command about quality: ``luxvid inspect``.

Belongs here: its arguments and what it prints.
Does not belong here: the delivery table (``domain/delivery_table.py``), measuring (``media/measures/``).
"""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from luxvid_pipeline.domain.errors import InputError, MediaError
from luxvid_pipeline.terminal import JsonOption, out


def inspect(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A film, a clip or a sound file.", exists=True, dir_okay=False)
    ],
    lufs: Annotated[
        float | None,
        typer.Option(
            metavar="LUFS", help="Loudness its destination asks for; default: -23 for a file named ..._r128, else -14."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print every figure of FILE beside what platforms take; exit code 1 if something is out, 2 if it does not play."""
    from luxvid_pipeline.domain.delivery_plan import BROADCAST, WEB  # noqa: PLC0415 - beside the next
    from luxvid_pipeline.domain.delivery_table import against_table  # noqa: PLC0415 - beside the next
    from luxvid_pipeline.media.measures.delivery import inspect_file  # noqa: PLC0415 - loads media libraries

    try:
        figures = inspect_file(file)
    except MediaError as error:
        raise InputError(str(error)) from error
    target = BROADCAST if file.stem.endswith(f"_{BROADCAST.name}") else WEB
    rows = against_table(figures, loudness_lufs=target.loudness_lufs if lufs is None else lufs)
    is_right = all(row.is_right for row in rows)
    if as_json:
        values = {
            "file": str(file),
            "kind": figures.kind.value,
            "well": is_right,
            "rows": [dataclasses.asdict(row) for row in rows],
            "figures": _plain(dataclasses.asdict(figures)),
        }
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        out.print(f"{escape(str(file))}: a {figures.kind.value}")
        for row in rows:
            mark = "[red]WRONG[/]" if not row.is_right else "[green]ok[/]   " if row.wanted else "     "
            wanted = f"  (wanted: {row.wanted}{'; ' + row.because if row.because else ''})" if not row.is_right else ""
            out.print(f"{mark}  {row.name:20} {escape(row.value)}{escape(wanted)}")
    if not is_right:
        raise typer.Exit(1)


def _plain(value: Any) -> Any:
    """JSON's types."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, Fraction) else value
