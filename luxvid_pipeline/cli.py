"""The ``luxvid`` command: the same assets, the same instance, for a terminal.

Belongs here: arguments, printing, exit codes; the commands about money are in ``cli_money.py``.
Does not belong here: running jobs (``local_runs.py``), progress bars (``terminal.py``), looking after the installation
(``doctor.py``).

Dagster takes seconds to import, so the commands import what they need when they run.
"""

import dataclasses
import gc
import json
import os
import shutil
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from luxvid_pipeline import __version__, cli_delivery, cli_direction, cli_money, cli_operations, cli_quality, cli_review
from luxvid_pipeline.domain.errors import LuxVidError, StorageError
from luxvid_pipeline.terminal import (
    INTERRUPTED,
    INTERRUPTED_TOLD,
    JsonOption,
    err,
    is_directory,
    named_path,
    one_line,
    out,
    progress_bars,
    takes_output,
)

_LONGEST_NAME = 240
"""Bytes of a file's name that every file system takes, with what is added to it while it is written."""

app = typer.Typer(
    name="luxvid",
    help="Turn a folder of property photos into a film with a continuous score. Local, free and offline by default.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(cli_direction.approve)
app.command()(cli_direction.reject)
app.command()(cli_direction.direct)
app.command()(cli_review.review)
app.command()(cli_quality.inspect)
app.command()(cli_delivery.deliver)
app.command()(cli_delivery.explain)
app.command()(cli_operations.cancel)
app.command()(cli_operations.retry)
app.command()(cli_money.estimate)
app.command()(cli_money.costs)
app.add_typer(cli_money.ledger, name="ledger")


def main() -> None:
    """Run the command; every expected failure is one line on stderr and an exit code of DESIGN.md."""
    # Dagster says of each new feature of its own, on import, that it is new; setup.cfg bounds the version instead.
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")
    # What Pillow finds odd in a file (EXIF, transparency) it reads all the same; what it cannot read has its row.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # Nothing that is loaded is garbage, and looking for it takes a sixth of a short command; a run looks again.
    gc.disable()
    try:
        app()
    except LuxVidError as error:
        err.print(f"luxvid: {escape(one_line(str(error)))}")
        _tell_machines(str(error), error.exit_code)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # of which typer says nothing
            err.print(f"luxvid: {INTERRUPTED_TOLD}")
            # A command that ends so by itself has told machines; typer's own Exit has the interruption as its cause.
            has_told = isinstance(end.__context__, typer.Exit) and end.__context__.__cause__ is None
            if not has_told:
                _tell_machines(INTERRUPTED_TOLD, INTERRUPTED)
        elif isinstance(end.__context__, typer.TyperException):  # wrong usage, which typer has told
            _tell_machines(end.__context__.format_message(), end.__context__.exit_code)
        raise
    except Exception as error:
        if isinstance(error, OSError) and not takes_output():
            err.print(f"luxvid: what it prints cannot be written: {error.strerror}; what was made is kept")
            sys.exit(1)
        _tell_machines(f"{type(error).__name__}: {error}", 1)
        raise


def _tell_machines(problem: str, exit_code: int) -> None:
    """Print what went wrong as JSON where JSON was asked for; a command that fails has printed nothing else."""
    if "--json" in sys.argv:
        with suppress(OSError):  # its reader is gone or its disk is full, which may be what went wrong
            typer.echo(json.dumps({"problem": one_line(problem), "exit_code": exit_code}, indent=2))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def render(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", parser=named_path, help="Folder with a listing's photos, or a folder of such folders."
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", parser=named_path, help="Copy the film to this file; of many, to this folder."
        ),
    ] = None,
    listing: Annotated[str | None, typer.Option(help="Listing key, a-z 0-9 -; default: from the folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the whole film of FOLDER in this process and say where it lies and what it cost.

    Running it again on unchanged photos changes nothing and takes seconds. A folder of listings makes a film of each,
    one after the other; what fails is told at its line.
    """
    from luxvid_pipeline.batch import listings_in  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.local_runs import RenderedFilm  # noqa: PLC0415 - beside it
    from luxvid_pipeline.local_runs import render as render_film  # noqa: PLC0415 - beside it
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    start = time.monotonic()
    settings = Settings.from_environment()
    listings = listings_in(folder) if listing is None else []
    if listings and target is not None and target.suffix and not is_directory(target):
        raise typer.BadParameter(
            f"{folder} holds {len(listings)} listings: name a folder for --out, or one film's --listing KEY"
        )
    if listings:
        from luxvid_pipeline.cli_batch import render_all  # noqa: PLC0415 - beside it

        def make(each: Path) -> RenderedFilm:
            with progress_bars(show=not as_json) as board:
                return render_film(each, settings, board=board)

        def deliver(film: RenderedFilm) -> Path:
            return _copy(film.film, target / f"{film.listing}.mp4") if target else film.film

        render_all(listings, make, deliver, as_json=as_json)
        return
    if target is not None:
        _check_target(target)
    with progress_bars(show=not as_json) as board:
        film = render_film(folder, settings, listing=listing, board=board)
    delivered = _copy(film.film, target) if target is not None else film.film
    seconds = time.monotonic() - start
    if as_json:
        values = {**dataclasses.asdict(film), "film": str(delivered), "seconds_taken": round(seconds, 2)}
        typer.echo(json.dumps(values, indent=2))
        return
    scenes = f"{len(film.scenes)} scenes, {film.duration_s:.1f} s"
    out.print(f"Film   {escape(str(delivered))}  ({scenes})")
    for scene, reason in film.left_out.items():
        out.print(f"       without {scene}: {escape(reason)}")
    if film.degraded_reason:
        out.print(f"Note   {escape(film.degraded_reason)}")
    out.print(f"Cost   ${film.cost_usd:.2f}  ({film.paid_calls} paid calls, {seconds:.0f} s)")
    out.print(
        f"See    how it was made: DAGSTER_HOME={escape(quote(str(settings.dagster_home)))} {escape(_dagster())} dev -m "
        f"luxvid_pipeline.definitions, then http://127.0.0.1:3000/runs/{film.runs[-1]}"
    )


def _dagster() -> str:
    """The command as it can be typed: that of this environment, which need not be on anybody's path."""
    beside = Path(sys.executable).with_name("dagster")
    return quote(str(beside)) if beside.exists() else "dagster"


@app.command()
def status(
    listing: Annotated[str | None, typer.Argument(metavar="KEY", help="Listing key; default: all listings.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how far each listing is, and what waits for whom."""
    from luxvid_pipeline.listing_status import statuses  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    rows = statuses(Settings.from_environment(), listing)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    if not rows:
        out.print("No listings yet. Make one: luxvid render FOLDER")
        return
    table = Table("listing", "photos", "approval", "scenes", "score", "package", box=None, pad_edge=False)
    table.add_column("runs")
    table.add_column("film", overflow="fold")
    for row in rows:
        if row.folder:
            continue
        photos = f"{row.kept} of {row.photos}" if row.photos else "–"
        scenes = f"{len(row.clips)} of {row.planned}" if row.planned else "–"
        table.add_row(
            row.listing,
            photos,
            "–" if row.approval in {"", "not_needed"} else row.approval,
            scenes,
            "yes" if row.score else "–",
            "yes" if row.package else "–",
            escape("\n".join(row.working) or row.last_run or "–"),
            escape(row.film or "–"),
        )
    if table.row_count:
        out.print(table)
    for row in rows:
        for wait in row.waits:
            out.print(f"[yellow]waits[/]     {escape(row.listing)}: {escape(one_line(wait))}")
        if row.rejected:
            out.print(f"[yellow]rejected[/]  {escape(row.folder)}: {escape(row.rejected)}")
        if row.arriving:
            out.print(f"arriving  {escape(row.folder)}: {escape(row.arriving)}")


@app.command()
def doctor(
    as_json: JsonOption = False,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="Dagster's daemon must run, too: for a container's health check.")
    ] = False,
) -> None:
    """Look whether everything LuxVid needs is well; exit code 1 if something is not."""
    from luxvid_pipeline.doctor import examine  # noqa: PLC0415 - loads Dagster

    findings = examine(daemon=daemon)
    well = all(finding.well for finding in findings)
    if as_json:
        values = {"well": well, "findings": [dataclasses.asdict(finding) for finding in findings]}
        typer.echo(json.dumps(values, indent=2))
    else:
        for finding in findings:
            mark = "[green]ok[/]   " if finding.well else "[red]WRONG[/]"
            out.print(f"{mark}  {finding.name:16} {escape(finding.detail)}")
    if not well:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of listing.yaml."""
    from luxvid_pipeline.domain.listing import manifest_json_schema  # noqa: PLC0415 - pydantic models

    typer.echo(json.dumps(manifest_json_schema(), indent=2))


def _check_target(out: Path) -> None:
    """Raise before minutes are spent on a film that could not be put there."""
    if len(os.fsencode(out.name)) > _LONGEST_NAME:
        raise typer.BadParameter(f"{out.name[:40]}… is too long for a file's name; name a shorter one")
    if is_directory(out):
        raise typer.BadParameter(f"{out} is a directory; name the film's file, for example {out / 'film.mp4'}")
    if out.exists() and not out.is_file():
        raise typer.BadParameter(f"{out} is no file that could be replaced; name another")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise typer.BadParameter(f"{above} is a file, so nothing can be put into it; name another place for {out.name}")


def _copy(film: Path, out: Path) -> Path:
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(film, part)
        part.replace(out)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(f"{out}: the film could not be copied here: {error.strerror}; it lies at {film}") from error
    return out


if __name__ == "__main__":
    main()
