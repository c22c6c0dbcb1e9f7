"""The commands about what goes out: ``luxvid deliver`` and ``luxvid explain``.

Belongs here: arguments, printing, copying a package to where a person wants it.
Does not belong here: running jobs (``local_runs.py``), what a package holds (``domain/delivery_plan.py``), what its
manifest says (``domain/proof.py``).
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from luxvid_pipeline.domain.errors import InputError, StorageError
from luxvid_pipeline.terminal import JsonOption, named_path, out, progress_bars

_LIST, _LIST_BEFORE = "package.json", ".package.json.before"


def deliver(
    listing: Annotated[str, typer.Argument(metavar="KEY", help="Listing key, as 'luxvid status' shows it.")],
    target: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", parser=named_path, help="Copy the package here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make what goes out of a listing's film: shapes, lengths, sizes, branded and not, posters, teaser, streams.

    Everything is made from the clips that are there; nothing is generated and nothing is paid for. Running it again
    makes only what has changed, and takes out of FOLDER what the package no longer has.
    """
    from luxvid_pipeline.local_runs import deliver as deliver_listing  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    start = time.monotonic()
    settings = Settings.from_environment()
    before = _package_in(target, listing) if target is not None else ()
    with progress_bars(show=not as_json, stages=("delivery",)) as board:
        package = deliver_listing(settings, listing=listing, board=board)
    if target is not None:
        _copy(package.files, target, before)
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


def explain(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A file of a package, in its folder.", exists=True, dir_okay=False)
    ],
    at_s: Annotated[
        float | None,
        typer.Option("--at", metavar="SECONDS", min=0, help="Everything about this moment alone."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is seen or heard in a delivered FILE: from which photos and why, who made it, which take, what it cost.

    Read from the package's manifest.json, wherever the package was copied to; nothing else is asked.
    """
    from luxvid_pipeline.domain.proof import explain as explained  # noqa: PLC0415 - beside the next
    from luxvid_pipeline.io_managers.store import sha256_of  # noqa: PLC0415 - loads file systems

    name, document = _manifest_beside(file)
    entry = next((each for each in document["files"] if each["file"] == name), None)
    score: Mapping[str, Any] | None = document["score"] if entry is not None and entry["kind"] == "score" else None
    if entry is None or not (entry["segments"] or score):
        raise InputError(f"{file}: the package's manifest says nothing of what is seen in it")
    if score is not None and at_s is not None:
        raise InputError(f"{file}: it is the score, heard under every scene; leave out --at")
    if at_s is not None and at_s >= len(entry["seconds"]):
        raise InputError(f"{file}: it is {entry['duration_s']:g} s long, and has no second {at_s:g}")
    is_same = sha256_of(file) == entry["sha256"]
    moment = None if at_s is None else explained(document, name, int(at_s))
    if as_json:
        told: Mapping[str, Any] = {"file": name, "segments": entry["segments"]} if moment is None else moment
        if score is not None:
            told = {"file": name, "score": score, "stages": list(document["scenes"])}
        typer.echo(json.dumps({"listing": document["listing"], "unchanged": is_same, **told}, indent=2))
        return
    shown = f"{entry['duration_s']:g} s, " if at_s is None else f"second {int(at_s)} of {entry['duration_s']:g}, "
    out.print(f"{escape(name)}: {'' if score is not None else shown}{escape(document['title'] or document['listing'])}")
    if not is_same:
        out.print("[yellow]Note    its bytes have changed since the manifest was written[/]")
    if score is not None:
        stages = document["scenes"]
        out.print(f"{'Made by':8}{escape(_about_score(score))}")
        out.print(f"{'Stages':8}{len(stages)}, each continuing the one before: {escape(', '.join(stages))}")
        if score["prompt"]:
            out.print(f"{'Prompt':8}{escape(' '.join(score['prompt'].split()))}")
        return
    if moment is None:
        out.print(_segments_table(entry["segments"], document["scenes"]))
        out.print("Add --at SECONDS for everything about one moment.")
        return
    for scene in moment["scenes"]:
        for title, value in _about_scene(scene):
            out.print(f"{title:8}{escape(value)}")
    if moment["score"] is not None:
        out.print(f"{'Music':8}{escape(_about_score(moment['score']))}")


def _manifest_beside(file: Path) -> tuple[str, dict[str, Any]]:
    """The file's name in its package, and the package's manifest.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    place = file.resolve()
    places = [folder / "manifest.json" for folder in place.parents[:3]]  # clips and streams lie in folders of a package
    manifest = next((each for each in places if each.is_file()), None)
    if manifest is None:
        raise InputError(
            f"{file}: no manifest.json lies beside it; name a file in the folder that 'luxvid deliver KEY' prints"
        )
    try:
        document = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{manifest}: it cannot be read: {error}") from error
    if not isinstance(document, dict) or not {"listing", "title", "files", "scenes", "score"} <= document.keys():
        raise InputError(f"{manifest}: it is not the manifest of a package")
    return place.relative_to(manifest.parent).as_posix(), document


def _segments_table(segments: list[dict[str, Any]], scenes: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("from", "to", "shows", "photos", "made by", box=None, pad_edge=False)
    table.add_column("cost", justify="right")
    for segment in segments:
        scene = scenes.get(segment["scene"] or "", {})
        cells = [
            f"{segment['from_s']:g} s",
            f"{segment['to_s']:g} s",
            scene.get("title") or segment["scene"] or "the card",
            " → ".join(photo["file"] for photo in scene.get("photos", ())),
            _maker(scene) if scene else "",
            _dollars(scene["cost_usd"]) if scene else "",
        ]
        table.add_row(*map(escape, cells))
    return table


def _about_scene(scene: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One scene of a manifest in words, under short titles; a card has its name alone."""
    if "engine" not in scene:
        return [("Scene", f"the {scene['scene']}")]
    told = [("Scene", f"{scene['scene']}: {scene['title']}, {scene['camera'] or 'no camera named'}")]
    for photo in scene["photos"]:
        room = f", {photo['room']}" if photo.get("room") else ""
        altered = f", altered by {photo['altered_by']}" if photo.get("altered_by") else ""
        told.append(("Photo", f"{photo['role']}: {photo['file']}{room}{altered}  (sha256 {photo['sha256'][:16]})"))
    if scene.get("reason"):  # a package of an earlier LuxVid tells none
        told.append(("Because", f"{scene['reason']}  (chosen by {scene['chosen_by']})"))
    take = f", take {scene['take']} of {scene['takes']}" if scene["takes"] > 1 else ""
    seed = f", seed {scene['seed']}" if scene["seed"] is not None else ""
    of_all = " for all takes" if scene["takes"] > 1 else ""
    told.append(("Made by", f"{_maker(scene)}{take}{seed}: {_dollars(scene['cost_usd'])}{of_all}"))
    if scene["prompt"]:
        told.append(("Prompt", " ".join(scene["prompt"].split())))
    if scene["degraded_reason"]:
        told.append(("Note", scene["degraded_reason"]))
    score = scene["measures"].get("gate_score")
    if score is not None:
        passed = "passed" if scene["measures"].get("gate_passed") else "did not pass"
        told.append(("Checks", f"{passed}, {score:g} of 1"))
    return told


def _about_score(score: Mapping[str, Any]) -> str:
    style = f", {score['style']}" if score["style"] else ""
    seed = f", seed {score['seed']}" if score["seed"] is not None else ""
    note = f" ({score['degraded_reason']})" if score["degraded_reason"] else ""
    return f"{_maker(score)}{style}{seed}: {_dollars(score['cost_usd'])}{note}"


def _maker(made: Mapping[str, Any]) -> str:
    return f"{made['engine']} {made['model_version']}" if made.get("model_version") else made["engine"]


def _dollars(amount: float) -> str:
    return f"${amount:.2f}"


def _package_in(target: Path, listing: str) -> tuple[str, ...]:
    """What a folder holds of an earlier package of this listing, by its ``package.json``.

    Raises:
        BadParameter: It is a file, or holds another listing's package, whose manifest would be lost.
    """
    if target.exists() and not target.is_dir():
        raise typer.BadParameter(f"{target} is a file; name a folder")
    held: dict[str, None] = {}
    for name in (_LIST, _LIST_BEFORE):  # the second is there where a copy was interrupted
        try:
            document = json.loads((target / name).read_text(encoding="utf-8"))
            owner, files = document["listing"], [PurePosixPath(file) for file in document["files"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if owner != listing:
            raise typer.BadParameter(f"{target} holds the package of {owner!r}; name another folder for {listing!r}")
        held |= {str(file): None for file in files if not file.is_absolute() and ".." not in file.parts}
    return tuple(held)


def _copy(files: Mapping[str, Path], target: Path, before: Iterable[str]) -> None:
    """Copy a package, its ``package.json`` last, and take out what an earlier one had and this one has not."""
    into = target / _LIST
    try:
        if into.exists():  # until all is there, nothing says that it may go out
            into.replace(target / _LIST_BEFORE)
        for name, path in files.items():
            into = target / name
            into.parent.mkdir(parents=True, exist_ok=True)
            part = into.with_name(f".{into.name}.part")
            try:
                shutil.copyfile(path, part)
                part.replace(into)
            finally:
                part.unlink(missing_ok=True)
        for name in set(before) - files.keys():
            into = target / name
            into.unlink(missing_ok=True)
            for folder in into.relative_to(target).parents[:-1]:
                if any((target / folder).iterdir()):
                    break
                (target / folder).rmdir()
        (target / _LIST_BEFORE).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{into}: the package could not be copied here: {error.strerror or error}") from error
