"""What a person decided about a listing before money is spent: exactly which plan, at which estimate.

Belongs here: a plan's digest, a decision, when a plan may go on, the port behind which decisions are kept.
Does not belong here: keeping them (``ledger/approvals.py``), estimating (``estimates.py``), asking a person (the CLI).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.storyboard import Storyboard

_NAME_LENGTH = 12


class Verdict(StrEnum):
    """What was decided."""

    APPROVED = "approved"
    REJECTED = "rejected"


class ApprovalState(StrEnum):
    """Whether a listing may go on to what costs money."""

    NOT_NEEDED = "not_needed"
    MISSING = "missing"
    APPROVED = "approved"
    REJECTED = "rejected"

    @property
    def may_go_on(self) -> bool:
        """Whether clips and score may be made."""
        return self in {ApprovalState.NOT_NEEDED, ApprovalState.APPROVED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an approval is of: a storyboard, its photos, and who would shoot and play it.

    Attributes:
        listing: Listing key.
        storyboard: What will be shot.
        pairs: From which photos.
        engines: The settings' chains by stage.
        images: The model that widens portrait photos; empty for none.
        takes: How often a hosted engine may shoot one scene; 0 where none does.
    """

    listing: str
    storyboard: Storyboard
    pairs: tuple[ScenePair, ...]
    engines: Mapping[str, Sequence[str]]
    images: str = ""
    takes: int = 0

    @property
    def digest(self) -> str:
        """What identifies it; any change of a prompt, a length, a photo or an engine makes another."""
        images = {"images": (self.images,)} if self.images else {}
        # More takes cost more than what was said yes to.
        takes = {"takes": (str(self.takes),)} if self.takes else {}
        return plan_digest(self.storyboard, self.pairs, {**self.engines, **images, **takes})

    @property
    def name(self) -> str:
        """What people and commands call it: the beginning of its digest."""
        return self.digest[:_NAME_LENGTH]

    def check_is(self, name: str) -> None:
        """Return if this is the plan that somebody looked at.

        Args:
            name: Its digest, or enough of its beginning.

        Raises:
            InputError: It is another, or the name is too short to tell.
        """
        if len(name) < _NAME_LENGTH:
            raise InputError(f"{name!r} names no plan; name at least {_NAME_LENGTH} of its characters")
        if not self.digest.startswith(name.lower()):
            raise InputError(
                f"{self.listing}: its plan is {self.name} now, not {name}; look at it, then decide on that one"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One person's word on one plan.

    Attributes:
        listing: Listing key.
        plan: Digest of what was decided on, from ``plan_digest``.
        verdict: Approved or rejected.
        by: Who decided.
        at: When, with time zone.
        estimate_low_usd, estimate_high_usd: What the film would cost then, at least and at most.
        because: The reason; always there for a rejection.

    Raises:
        InputError: Nobody decided, a rejection has no reason, or the moment has no time zone.
    """

    listing: str
    plan: str
    verdict: Verdict
    by: str
    at: datetime
    estimate_low_usd: Decimal
    estimate_high_usd: Decimal
    because: str = ""

    def __post_init__(self) -> None:
        """Check that it can be accounted for."""
        if not self.by.strip():
            raise InputError(f"{self.listing}: nobody's name stands under this decision; give one with --by NAME")
        if self.verdict is Verdict.REJECTED and not self.because.strip():
            raise InputError(f'{self.listing}: a rejection needs its reason; give it with --because "…"')
        if self.at.tzinfo is None:
            raise InputError(f"{self.listing}: the decision of {self.by} has a moment without a time zone")


class Approvals(Protocol):
    """Decisions, only ever added to."""

    def decide(self, decision: Decision) -> None:
        """Keep a decision."""
        ...

    def standing(self, listing: str, plan: str) -> Decision | None:
        """Return the latest decision on exactly this plan; None if there is none."""
        ...

    def history(self, listing: str) -> Sequence[Decision]:
        """Return all decisions on a listing, oldest first."""
        ...


def plan_digest(storyboard: Storyboard, pairs: Sequence[ScenePair], engines: Mapping[str, Sequence[str]]) -> str:
    """Return what identifies a plan: prompts, seconds, photos, and who shoots and plays.

    Words that change nothing in the film (reasons, confidence, runner-up) do not count, so that a repeated choice of
    the same photos does not ask again.

    Args:
        storyboard: What will be shot.
        pairs: From which photos.
        engines: The settings' chains; those of ``clips`` and ``score``, and ``images`` and ``takes`` if they are
            there, count.
    """
    photos = {pair.scene: list(pair.photos) for pair in pairs}
    shots = [
        [shot.scene, shot.prompt, shot.negative_prompt, shot.score_prompt, shot.seconds, photos.get(shot.scene)]
        for shot in storyboard.for_pairs(pairs).shots
        if photos.get(shot.scene)
    ]
    makers = {stage: list(engines[stage]) for stage in ("clips", "score", "images", "takes") if stage in engines}
    return digest({"shots": shots, "music": storyboard.music, "transition": storyboard.transition, "makers": makers})
