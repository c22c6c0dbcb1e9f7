"""Takes: every attempt at one scene, and what the gate said of it.

Belongs here: the record of a take, which take is kept, when one that failed may still be used, how the next differs.
Does not belong here: shooting (``providers/takes.py``), thresholds (``gates.py``), keeping the files (``assets/``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from luxvid_pipeline.domain.gates import Fault, GateVerdict
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.measured import ClipMeasures

UNUSABLE = frozenset(
    {
        Fault.LENGTH,
        Fault.FORMAT,
        Fault.BLACK,
        Fault.FROZEN,
        Fault.FIRST_FRAME,
        Fault.LAST_FRAME,
        Fault.FLASH,
        Fault.JUMP,
    }
)
"""Faults that no budget excuses: a clip with one of them shows another house, or is plainly broken."""

MOST_DEAD_PART = 0.25
"""Part of a clip that may stand still at its end in one that no budget is left to replace."""

_NOTES: Mapping[Fault, str] = {
    Fault.FROZEN: "The camera never stops moving.",
    Fault.FROZEN_TAIL: "The camera keeps moving until the very last frame.",
    Fault.FIRST_FRAME: "The clip begins exactly on the first photograph.",
    Fault.LAST_FRAME: "The clip ends exactly on the last photograph.",
    Fault.DIRECTION: "The camera moves exactly as described, never the other way.",
    Fault.FLASH: "The light stays constant, without a flash.",
    Fault.FLICKER: "The light stays constant, without flicker.",
    Fault.JUMP: "One continuous shot without a cut.",
    Fault.JUDDER: "The camera moves smoothly, as on rails.",
    Fault.BENT: "Walls, windows and edges stay perfectly straight.",
    Fault.BLACK: "The picture is never dark.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRecord:
    """One take of a scene.

    Attributes:
        take: 1 for the first take of its engine.
        engine: Who shot it.
        seed: Its seed, for engines that draw lots by number.
        note: What was added to the prompt for it; empty if nothing.
        passed: Whether nothing blocks it.
        chosen: Whether it is the clip.
        told: What blocks it and what else is worth knowing, in words; empty where there is nothing.
        faults: Names of its faults, blocking ones first.
        score: The gate's, 0 to 1.
        cost_usd: What it cost this time; 0 where it was paid for before.
        used_from_s, used_to_s: The part of the engine's clip that is used; None where that is not known.
        file: Name of its file, beside the clip while it is shot; empty for the chosen one.
        measures: What was measured, as ``ClipMeasures.as_facts`` writes it.
    """

    take: int
    engine: str
    seed: int
    note: str = ""
    passed: bool
    chosen: bool = False
    told: str = ""
    faults: tuple[str, ...] = ()
    score: float
    cost_usd: float = 0.0
    used_from_s: float | None = None
    used_to_s: float | None = None
    file: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)

    def as_facts(self) -> dict[str, Any]:
        """Return it as JSON, for a stored file's record."""
        return {
            "take": self.take,
            "engine": self.engine,
            "seed": self.seed,
            "note": self.note,
            "passed": self.passed,
            "chosen": self.chosen,
            "told": self.told,
            "faults": list(self.faults),
            "score": self.score,
            "cost_usd": self.cost_usd,
            "used_from_s": self.used_from_s,
            "used_to_s": self.used_to_s,
            "measures": dict(self.measures),
        }


def is_usable(verdict: GateVerdict, measures: ClipMeasures) -> bool:
    """Whether a take that failed may go into the film where nothing better can be paid for."""
    dead = measures.frozen_tail_s > MOST_DEAD_PART * measures.seconds
    return not dead and not UNUSABLE & set(verdict.faults)


def take_seed(seed: int, fingerprint: str, take: int) -> int:
    """Return the seed of a take, the same for the same request every time; the first take has the request's own.

    Args:
        seed: The request's.
        fingerprint: Of the request and its engine.
        take: 1 for the first.

    Returns:
        0 to 2^31 - 1, what every model takes that takes a seed at all.
    """
    return seed if take == 1 else int(digest([fingerprint, take])[:8], 16) & 0x7FFFFFFF


def retake_note(faults: Sequence[Fault], take: int) -> str:
    """Return what a director would add for the next take; never empty, and another one for each take.

    For models that take no seed: without another word the request would be the one that is paid for already.
    """
    words = " ".join(dict.fromkeys(_NOTES[fault] for fault in faults if fault in _NOTES))
    return f"{words} (Take {take}.)".strip()
