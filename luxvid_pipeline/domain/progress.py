"""From direction to film: given what is there and what is under way, what to request next.

Belongs here: which stage waits for which, when a failed piece of work is asked for again and when it waits for a
person, which listing goes first, the names of the tags that carry this from one look to the next.
Does not belong here: looking (``automation/progress.py``), running (``automation/jobs.py``).

A stage makes *items*: the score is one, the scenes of a listing are up to seven. Each item has a digest of what it is
to be made from. A run says on its tags which items it makes, so the runs themselves are the memory: how often a scene
of exactly these photos was tried is counted, not remembered, and survives any restart and any lost cursor. A scene
whose pair has changed is another item, never tried before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from luxvid_pipeline.domain.errors import (
    DamagedMediaError,
    InputError,
    NotDeliverableError,
    PermanentProviderError,
    StoppedError,
    TimelineError,
)
from luxvid_pipeline.domain.keys import digest

RETRY_DISTANCES_S = (30.0, 120.0, 600.0)
"""How long after a failure the second, the third, every later try comes, in seconds."""

DEATHS_A_TRY = 4
"""So many runs that died with their process or machine count as one that failed by itself."""

LISTING_TAG = "luxvid/listing"
HOST_TAG, PID_TAG = "luxvid/host", "luxvid/pid"
"""On a run that a ``luxvid`` command makes in its own process: the machine, and the process there."""

STARTED_TAG = "luxvid/started"
"""When the process of a run began, in a number that no clock changes."""

STAGE_TAG = "luxvid/stage"
ITEMS_TAG = "luxvid/items"
ATTEMPT_TAG = "luxvid/attempt"
CLASS_TAG = "luxvid/class"
WORK_TAG = "luxvid/work"
FORGIVEN_TAG = "luxvid/forgiven"
"""On a run that a person has looked at (``luxvid retry``): it no longer counts as a try."""
FORGIVEN_ITEMS_TAG = "luxvid/forgiven-items"
"""On a run of which a person has looked at some items only (``luxvid retry --scene``): their names, with commas."""

_DIGEST_CHARACTERS = 12


class Urgency(StrEnum):
    """How soon a listing's runs are taken from the queue; a backfill's never before anybody else's."""

    BACKFILL = "backfill"
    NORMAL = "normal"
    URGENT = "urgent"


_FIRST_PRIORITY = {Urgency.BACKFILL: 0, Urgency.NORMAL: 10, Urgency.URGENT: 100}

STAGES = ("direction", "animatic", "scenes", "score", "film", "delivery")
"""All stages in the order of the work."""

_STEPS = {"direction": 0, "animatic": 1, "scenes": 2, "score": 2, "film": 3, "delivery": 4}


def priority(stage: str, urgency: Urgency) -> int:
    """Return the value of Dagster's ``dagster/priority`` for a stage of a listing; higher is taken first.

    Later stages come first, so that films that were begun are finished before others are. 0 is what a run has that
    nobody gave a priority, as those of a backfill from the UI.
    """
    return _FIRST_PRIORITY[urgency] + _STEPS[stage]


def work_tags(listing: str, stage: str, urgency: Urgency) -> dict[str, str]:
    """Return the tags of a run that does one stage of one listing: whose it is, and when the queue lets it go.

    ``dagster.yaml`` lets one run a listing and stage go at a time, by ``luxvid/work``. Dagster's own retries are off:
    a failed stage is asked for again in one place, here.
    """
    return {
        LISTING_TAG: listing,
        STAGE_TAG: stage,
        CLASS_TAG: urgency.value,
        WORK_TAG: f"{listing}/{stage}",
        "dagster/priority": str(priority(stage, urgency)),
        "dagster/max_retries": "0",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One piece of work of a stage.

    Attributes:
        name: A scene key, or the asset's name.
        made_from: Digest of what it is to be made from; the same digest, the same work.
        current: Whether it is there, made from exactly this.
    """

    name: str
    made_from: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of one listing, as it is now.

    Attributes:
        name: One of ``STAGES``.
        items: What it makes.
        after: Stages that have to be done, and at rest, before it.
        held: Why it must not begin (an approval is missing); empty if it may.
    """

    name: str
    items: tuple[Item, ...]
    after: tuple[str, ...] = ()
    held: str = ""

    @property
    def is_done(self) -> bool:
        """Whether all of it is there."""
        return all(item.current for item in self.items)


class RunState(StrEnum):
    """What became of a run."""

    UNFINISHED = "unfinished"
    DONE = "done"
    FAILED = "failed"
    ENDED = "ended"
    """By a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run of the listing, finished or not.

    Attributes:
        stage: One of ``STAGES``; empty where nobody can tell, which holds up every stage while it runs.
        items: What it was to make: name to digest.
        state: What became of it.
        ended_at: When it ended, Unix time; 0 while it runs.
        curable: For a failure: whether the same again may succeed.
        reason: Why it failed, in a line.
        died: It failed without a cause of its own: its process was killed, its machine is gone.
        forgiven: A person has looked at it; it does not count.
        forgiven_items: Names of the items for which alone it does not count.
    """

    stage: str
    items: Mapping[str, str] = field(default_factory=dict[str, str])
    state: RunState
    ended_at: float = 0.0
    curable: bool = True
    reason: str = ""
    died: bool = False
    forgiven: bool = False
    forgiven_items: frozenset[str] = frozenset()

    def counts_for(self, item: str) -> bool:
        """Return whether it is a try of an item that nobody has forgiven."""
        return not self.forgiven and item not in self.forgiven_items


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A run to request.

    Attributes:
        stage: One of ``STAGES``.
        items: What it is to make.
        attempt: 1 for the first; the highest of its items.
        key: The same for the same work at the same attempt, so that nothing is requested twice.
    """

    stage: str
    items: tuple[Item, ...]
    attempt: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSteps:
    """What to do for a listing.

    Attributes:
        requests: Runs to request now.
        look_again_at: When something becomes due without anybody doing anything, Unix time; None for never.
        waits: What waits for a person, and why, a line each.
    """

    requests: tuple[Request, ...] = ()
    look_again_at: float | None = None
    waits: tuple[str, ...] = ()


_FINAL = (
    StoppedError,
    InputError,
    PermanentProviderError,
    DamagedMediaError,
    NotDeliverableError,
    TimelineError,
)


def may_be_cured(error: type[BaseException]) -> bool:
    """Return whether the same again may end better: not after bad input, a missing decision, a vendor's final word."""
    return not issubclass(error, _FINAL)


def next_steps(
    listing: str,
    stages: Sequence[Stage],
    runs: Sequence[PastRun],
    *,
    now: float,
    attempts: int,
    distances_s: Sequence[float] = RETRY_DISTANCES_S,
) -> NextSteps:
    """Return what to request for a listing, what to wait for, and what only a person can move.

    Args:
        listing: Listing key.
        stages: All stages it has, as they are now.
        runs: Its runs, oldest first.
        now: Unix time.
        attempts: How often an item is tried before it waits for a person.
        distances_s: Seconds between a failure and the next try; the last one repeats.
    """
    busy = {run.stage for run in runs if run.state is RunState.UNFINISHED}
    if "" in busy:
        return NextSteps()
    at_rest = {stage.name for stage in stages if stage.is_done and stage.name not in busy}
    known = {stage.name for stage in stages}
    requests: list[Request] = []
    waits: list[str] = []
    due: list[float] = []
    for stage in stages:
        if stage.is_done or stage.name in busy or not (set(stage.after) & known) <= at_rest:
            continue
        if stage.held:
            waits.append(stage.held)
            continue
        wanted: dict[Item, int] = {}
        for item in stage.items:
            if item.current:
                continue
            tries = [run for run in runs if run.stage == stage.name and run.items.get(item.name) == item.made_from]
            when, why = _when([run for run in tries if run.counts_for(item.name)], attempts, distances_s)
            if when is None:
                waits.append(f"{item.name}: {why}; then 'luxvid retry {listing}'")
            elif when > now:
                due.append(when)
            else:
                wanted[item] = len(tries) + 1
        if wanted:
            requests.append(_request(listing, stage.name, wanted))
    return NextSteps(requests=tuple(requests), look_again_at=min(due, default=None), waits=tuple(waits))


def _when(counted: Sequence[PastRun], attempts: int, distances_s: Sequence[float]) -> tuple[float | None, str]:
    """Return from when an item may be asked for (Unix time), or None and what a person has to know."""
    if not counted:
        return 0.0, ""
    last = counted[-1]
    if last.state is RunState.ENDED:
        return None, "its run was ended by a person; go on when you are ready"
    if last.state is RunState.FAILED and not last.curable:
        return None, f"the same again would fail again ({last.reason}); mend that"
    # A daemon that is restarted, or a machine that is lost, is no fault of the work; what kills its process again and
    # again is.
    faults = [run for run in counted if not run.died]
    if len(faults) >= attempts or len(counted) >= attempts * DEATHS_A_TRY:
        told = f"tried {len(counted)} times" if len(counted) > 1 else "tried once"
        reason = last.reason or "it is still missing after its run"
        return None, f"{told} ({reason}); look at its runs"
    return last.ended_at + distances_s[min(max(1, len(faults)), len(distances_s)) - 1], ""


def _request(listing: str, stage: str, wanted: Mapping[Item, int]) -> Request:
    named = sorted((item.name, item.made_from, attempt) for item, attempt in wanted.items())
    return Request(
        stage=stage,
        items=tuple(wanted),
        attempt=max(wanted.values()),
        key=f"{listing}/{stage}/{digest([list(each) for each in named])[:_DIGEST_CHARACTERS]}",
    )


def short(value: object) -> str:
    """Return a digest, made of JSON's types, short enough for a run's tag."""
    return digest(value)[:_DIGEST_CHARACTERS]


def items_as_tag(items: Sequence[Item]) -> str:
    """Return items as a run's tag holds them, ``1-arrival=0a1b…,3-vanity=2c3d…``."""
    return ",".join(f"{item.name}={item.made_from}" for item in items)


def items_from_tag(tag: str) -> dict[str, str]:
    """Return name to digest, as ``items_as_tag`` wrote it; what cannot be read is left out."""
    pairs = (part.partition("=") for part in tag.split(","))
    return {name: made_from for name, _, made_from in pairs if name and made_from}
