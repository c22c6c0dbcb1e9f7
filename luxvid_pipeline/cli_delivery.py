"""The commands about what goes out: ``luxvid deliver``.

Belongs here: arguments, printing, copying a package to where a person wants it.
Does not belong here: running jobs (``local_runs.py``), what a package holds (``domain/delivery_plan.py``).
"""

import json
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.terminal import JsonOption, interruptible, out, progress_bars


def deliver(
    listing: Annotated[str, typer.Argument(metavar="KEY", help="Listing key, as 'luxvid status' shows it.")],
    target: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Copy the package here.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make what goes out of a listing's film: shapes, lengths, sizes, branded and not, posters, teaser, streams.

    Everything is made from the clips that are there; nothing is generated and nothing is paid for. Running it again
    makes only what has changed.
    """
    from luxvid_pipeline.local_runs import deliver as deliver_listing  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    start = time.monotonic()
    settings = Settings.from_environment()
    if target is not None and target.exists() and not target.is_dir():
        raise typer.BadParameter(f"{target} is a file; name a folder")
    with interruptible(), progress_bars(show=not as_json, stages=("delivery",)) as board:
        package = deliver_listing(settings, listing=listing, board=board)
    if target is not None:
        _copy(package.files, target)
    place = str(target) if target is not None else package.folder
    seconds = time.monotonic() - start
    if as_json:
        values = {
            "listing": package.listing,
            "folder": place,
            "files": {name: str(path) for name, path in package.files.items()},
            "notes": list(package.notes),
            "frames_encoded": package.frames_encoded,
            "seconds_taken": round(seconds, 2),
        }
        typer.echo(json.dumps(values, indent=2))
        return
    table = Table("file", box=None, pad_edge=False)
    table.add_column("MB", justify="right")
    for name, path in package.files.items():
        if "/" not in name:
            table.add_row(escape(name), f"{path.stat().st_size / 1e6:.1f}")
    out.print(table)
    for name in package.files:
        if name.endswith("/master.m3u8"):
            out.print(f"Stream  {escape(name)}")
    if "disclosure/index.html" in package.files:
        out.print("Shown beside the film  disclosure/index.html")
    for note in package.notes:
        out.print(f"Note    {escape(note)}")
    out.print(f"Folder  {escape(place)}  ({package.frames_encoded} frames encoded, {seconds:.0f} s)")


def _copy(files: dict[str, Path], target: Path) -> None:
    for name, path in files.items():
        into = target / name
        part = into.with_name(f".{into.name}.part")
        try:
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            part.replace(into)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StorageError(f"{into}: the package could not be copied here: {error.strerror or error}") from error
