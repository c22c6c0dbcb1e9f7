"""The takes of a clip in the store: every one that was shot, beside the clip, with its score.

Belongs here: keeping their files, their facts on the clip's record, their table for people.
Does not belong here: shooting and judging them (``providers/takes.py``, ``domain/gates.py``).

``scene_clips/<listing>/<scene>/takes/<file>.mp4``; the chosen take is the clip itself and has no file of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.domain.takes import TakeRecord
from luxvid_pipeline.io_managers.store import MediaStore

_PLACE = "takes"


def keep_takes(store: MediaStore, clip_key: str, folder: Path, takes: Sequence[TakeRecord]) -> list[dict[str, Any]]:
    """Keep the takes that were not chosen and return the facts of all, in order; takes of an earlier clip go.

    Args:
        store: Where the clip is kept.
        clip_key: The clip's key.
        folder: Where their files lie now.
        takes: What the engine says it shot.

    Raises:
        StorageError: The storage does not take one.
    """
    place = f"{clip_key.removesuffix('.mp4')}/{_PLACE}"
    facts: list[dict[str, Any]] = []
    kept: set[str] = set()
    for take in takes:
        told = take.as_facts()
        file = folder / take.file
        if take.file and file.is_file():
            told["key"] = f"{place}/{take.file}"
            store.put(file, told["key"], facts={name: value for name, value in told.items() if name != "key"})
            kept.add(told["key"])
        facts.append(told)
    for stale in store.keys(place):
        if stale not in kept:
            store.remove(stale)
    return facts


def is_take(key: str) -> bool:
    """Whether a key of ``scene_clips`` is a take that was not chosen, and no clip of a film."""
    return PurePosixPath(key).parent.name == _PLACE


def seed_of(engine: Engine, seed: int) -> int:
    """Return the seed of the chosen take; the request's where there were no takes."""
    return next((take.seed for take in engine.takes if take.chosen), seed)


def takes_metadata(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a materialisation says of its takes; nothing for a clip that was made without."""
    takes: Sequence[Mapping[str, Any]] = facts.get("takes") or ()
    if not takes:
        return {}
    chosen = next((take for take in takes if take["chosen"]), None)
    return {
        "takes": len(takes),
        "takes_failed": sum(not take["passed"] for take in takes),
        "take_chosen": f"take {chosen['take']} of {chosen['engine']}" if chosen else "none of them",
        **({"gate_score": chosen["score"]} if chosen else {}),
    }


def takes_table(facts: Mapping[str, Any]) -> str:
    """Return the takes as a table in Markdown: which was chosen, and why not the others; empty without takes."""
    takes: Sequence[Mapping[str, Any]] = facts.get("takes") or ()
    if not takes:
        return ""
    rows = ["", "| take | engine | seed | cost | score | gate | |", "|---|---|---|---|---|---|---|"]
    for take in takes:
        told = str(take["told"]).replace("|", "\\|")
        gate = f"passed{f', but {told}' if told else ''}" if take["passed"] else told
        rows.append(
            f"| {take['take']} | {take['engine']} | {take['seed']} | ${take['cost_usd']:.2f} | {take['score']:.2f} "
            f"| {gate} | {'**in the film**' if take['chosen'] else ''} |"
        )
    return "\n".join(rows)
