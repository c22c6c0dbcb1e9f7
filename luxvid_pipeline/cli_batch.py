"""``luxvid render`` of a folder of listings: a line each, and what it comes to.

Belongs here: printing.
Does not belong here: which folders are listings, going on after a failure (``batch.py``).
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from luxvid_pipeline.batch import Rendered, exit_code_of, render_each
from luxvid_pipeline.local_runs import RenderedFilm
from luxvid_pipeline.terminal import INTERRUPTED, INTERRUPTED_TOLD, err, one_line, out


def render_all(
    folders: Sequence[Path],
    render: Callable[[Path], RenderedFilm],
    deliver: Callable[[RenderedFilm], Path],
    *,
    as_json: bool,
) -> None:
    """Make the films of all listings and say of each where it lies or why there is none.

    Args:
        folders: The listings.
        render: Makes one film.
        deliver: Puts a film where it was asked for, and says where that is.
        as_json: Print one JSON object instead of words.

    Raises:
        typer.Exit: 1 if a listing failed, 3 if one waits for a person; 130 if it was interrupted and JSON tells it.
        KeyboardInterrupt: It was interrupted.
    """
    results: list[Rendered] = []
    places: dict[Path, Path] = {}

    def finished(folder: Path) -> RenderedFilm:
        film = render(folder)
        places[folder] = deliver(film)
        return film

    if not as_json:
        err.print(f"{len(folders)} listings, one after the other; --listing KEY makes one film of all photos instead")
    interrupted = False
    try:
        for result in render_each(folders, finished):
            results.append(result)
            if not as_json:
                out.print(_line(result, len(results), len(folders), places.get(result.folder)))
    except KeyboardInterrupt:
        if not as_json:  # each line is told already
            raise
        interrupted = True
    films = [each.film for each in results if each.film is not None]
    cost_usd = sum(film.cost_usd for film in films)
    if as_json:
        values = {
            "films": len(films),
            "failed": len(results) - len(films),
            "cost_usd": cost_usd,
            "listings": [_as_json(each, places.get(each.folder)) for each in results],
        }
        if interrupted:
            left = [str(folder) for folder in folders[len(results) :]]
            values |= {"left": left, "problem": INTERRUPTED_TOLD, "exit_code": INTERRUPTED}
        typer.echo(json.dumps(values, indent=2))
    else:
        seconds = sum(each.seconds for each in results)
        out.print(f"{len(films)} of {len(results)} films, ${cost_usd:.2f}, {seconds:.0f} s")
    code = INTERRUPTED if interrupted else exit_code_of(results)
    if code:
        raise typer.Exit(code)


def _line(result: Rendered, number: int, of: int, place: Path | None) -> str:
    head = f"{number}/{of}  {escape(result.folder.name)}"
    if result.film is None:
        state = "[yellow]waits[/] " if result.is_stopped else "[red]FAILED[/]"
        return f"{state} {head}: {escape(one_line(result.problem))}"
    film = result.film
    note = f"; {escape(film.degraded_reason)}" if film.degraded_reason else ""
    facts = f"{len(film.scenes)} scenes, {film.duration_s:.1f} s, ${film.cost_usd:.2f}, took {result.seconds:.0f} s"
    return f"[green]film[/]   {head}: {escape(str(place))} ({facts}){note}"


def _as_json(result: Rendered, place: Path | None) -> dict[str, Any]:
    film = result.film
    return {
        "folder": str(result.folder),
        "listing": film.listing if film else None,
        "film": str(place) if place else None,
        "duration_s": film.duration_s if film else None,
        "cost_usd": film.cost_usd if film else 0.0,
        "paid_calls": film.paid_calls if film else 0,
        "scenes": list(film.scenes) if film else [],
        "left_out": dict(film.left_out) if film else {},
        "degraded_reason": film.degraded_reason if film else "",
        "problem": result.problem,
        "exit_code": result.exit_code,
        "seconds_taken": round(result.seconds, 2),
    }
