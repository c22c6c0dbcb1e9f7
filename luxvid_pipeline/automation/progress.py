"""``listing_progress_sensor``: from a listing's direction to its film, with nobody at a terminal.

Belongs here: the sensor, its cursor, turning a request into a run; giving a listing another chance.
Does not belong here: what a listing needs next (``domain/progress.py``), how it stands (``survey.py``).

It looks at levels, not at edges. Finished runs behind a cursor say only *which listings may have moved*; what to do
follows from what is there. An event seen twice changes nothing, one never seen is made up for by the round that goes
through all listings. Dagster's own ``@asset_sensor`` loses all but one of several partitions materialised between two
ticks (https://github.com/dagster-io/dagster/issues/32853).
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.listing_runs import listings_of
from luxvid_pipeline.automation.survey import Survey, Surveyor
from luxvid_pipeline.domain.ports import ClipGenerator, ScoreComposer
from luxvid_pipeline.domain.progress import (
    ATTEMPT_TAG,
    FORGIVEN_TAG,
    ITEMS_TAG,
    LISTING_TAG,
    RETRY_DISTANCES_S,
    NextSteps,
    Request,
    Urgency,
    items_as_tag,
    next_steps,
    work_tags,
)
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.partitions import listing_partitions, scenes_range_tags
from luxvid_pipeline.providers.chains import ScoreChain
from luxvid_pipeline.resources.approvals import ListingApprovals

LISTINGS_A_TICK = 100
SECONDS_A_TICK = 20.0
"""A tick ends its work after so many listings or so long, whichever comes first; the rest stays for the next."""

LOOKS_FOR_S = 4.0
"""Dagster's daemon begins its round of sensors every five seconds. A tick with nothing to do goes on looking for most
of that time, so that a film does not wait for the next round after each of its stages."""

_LOOK_EVERY_S = 0.4
_OVERLAP_S = 30.0
"""Runs are written by many processes: one that ended earlier may be seen later, by as much as this."""
_RUNS_A_LOOK = 500
_HELD_AGAIN_S = 5.0
_BROKEN_AGAIN_S = 60.0
_ROUND = 2
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass
class Cursor:
    """What one tick leaves to the next. Losing it costs time and nothing else.

    Attributes:
        until: Finished runs have been seen up to here, Unix time.
        seen: Those within the overlap before it, each with the time of its last change.
        queue: Listings to look at, first come first.
        due: Listings to look at later, and when, Unix time.
        last: Where the round through all listings stands.
    """

    until: float = 0.0
    seen: dict[str, float] = field(default_factory=dict)
    queue: list[str] = field(default_factory=list)
    due: dict[str, float] = field(default_factory=dict)
    last: str = ""

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """Read what ``written`` wrote; whatever cannot be read is begun afresh."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def written(self) -> str:
        """Return it as the text that Dagster keeps."""
        return json.dumps(vars(self), separators=(",", ":"))


@dataclass
class Look:
    """What one look came to."""

    requests: list[dg.RunRequest] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    looked_at: int = 0


class Progress:
    """Looks at the listings that may have moved and says what to run.

    Args:
        instance: Dagster's.
        surveyor: Says how a listing stands.
        attempts: How often a piece of work is tried before it waits for a person.
        distances_s: Seconds between a failure and the next try.
        clock: Unix time.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        surveyor: Surveyor,
        *,
        attempts: int,
        distances_s: Sequence[float] = RETRY_DISTANCES_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._instance = instance
        self._surveyor = surveyor
        self._attempts = attempts
        self._distances_s = distances_s
        self._clock = clock

    def look(self, cursor: Cursor, log: Any, *, go_round: bool) -> Look:
        """Look once, and move the cursor.

        Args:
            cursor: What the look before left; changed in place.
            log: Is told of listings that cannot be looked at.
            go_round: Whether to look at a few listings that nothing is known to have moved.
        """
        self._take_finished_runs(cursor)
        now = self._clock()
        for listing in [listing for listing, due in cursor.due.items() if due <= now]:
            del cursor.due[listing]
            _add(cursor.queue, [listing])
        found = Look()
        if not cursor.queue and not go_round:
            return found
        known = set(self._instance.get_dynamic_partitions(str(listing_partitions.name)))
        if go_round:
            _add(cursor.queue, _next_of_the_round(cursor, known))
        begun = time.monotonic()
        while cursor.queue and found.looked_at < LISTINGS_A_TICK and time.monotonic() - begun < SECONDS_A_TICK:
            listing = cursor.queue.pop(0)
            cursor.due.pop(listing, None)
            if listing in known:
                found.looked_at += 1
                self._look_at(listing, cursor, found, log)
        return found

    def _look_at(self, listing: str, cursor: Cursor, found: Look, log: Any) -> None:
        now = self._clock()
        try:
            survey = self._surveyor.survey(listing)
            steps = next_steps(
                listing,
                survey.stages,
                survey.runs,
                now=now,
                attempts=self._attempts,
                distances_s=self._distances_s,
            )
        except Exception as error:
            log.warning(f"{listing}: cannot be looked at: {error}")
            found.told.append(f"{listing}: cannot be looked at: {error}")
            cursor.due[listing] = now + _BROKEN_AGAIN_S
            return
        found.requests += [run_request(listing, request, survey.urgency) for request in steps.requests]
        found.told += [f"{listing}: {wait}" for wait in (*steps.waits, *filter(None, [survey.told]))]
        again = _again_at(survey, steps, now)
        if again is not None:
            cursor.due[listing] = again

    def _take_finished_runs(self, cursor: Cursor) -> None:
        after = datetime.fromtimestamp(max(0.0, cursor.until - _OVERLAP_S), UTC)
        records = self._instance.get_run_records(
            dg.RunsFilter(updated_after=after, statuses=_FINISHED),
            limit=_RUNS_A_LOOK + len(cursor.seen),
            order_by="update_timestamp",
            ascending=True,
        )
        for record in records:
            changed, run = record.update_timestamp.timestamp(), record.dagster_run
            if cursor.seen.get(run.run_id) == changed:
                continue
            cursor.seen[run.run_id] = changed
            cursor.until = max(cursor.until, changed)
            _add(cursor.queue, sorted(listings_of(self._instance, run)))
        cursor.seen = {run: at for run, at in cursor.seen.items() if at > cursor.until - _OVERLAP_S}


def run_request(listing: str, request: Request, urgency: Urgency) -> dg.RunRequest:
    """Return the run that does a request."""
    tags = {
        **work_tags(listing, request.stage, urgency),
        ITEMS_TAG: items_as_tag(request.items),
        ATTEMPT_TAG: str(request.attempt),
    }
    partition: str | None = listing
    if request.stage == "scenes":
        # One run for all of them. Scenes between the first and the last that are there already are used as they are.
        wanted = sorted((item.name for item in request.items), key=SCENE_KEYS.index)
        tags |= scenes_range_tags(listing, wanted[0], wanted[-1])
        partition = None
    return dg.RunRequest(
        run_key=request.key, job_name=STAGE_JOBS[request.stage].name, partition_key=partition, tags=tags
    )


def forgive(instance: dg.DagsterInstance, listing: str) -> int:
    """Give a listing another chance: none of its finished runs counts as a try any longer; returns how many did.

    The sensor looks at it again within seconds. A listing that was directed in a terminal goes on with the daemon.
    """
    failed = 0
    for record in instance.get_run_records(dg.RunsFilter(tags={LISTING_TAG: listing}, statuses=_FINISHED)):
        run = record.dagster_run
        if FORGIVEN_TAG not in run.tags:
            instance.add_run_tags(run.run_id, {FORGIVEN_TAG: datetime.now(UTC).isoformat(timespec="seconds")})
            failed += run.status is not dg.DagsterRunStatus.SUCCESS
    return failed


def build_progress_sensor(
    jobs: Mapping[str, UnresolvedAssetJobDefinition] = STAGE_JOBS,
    *,
    looks_for_s: float = LOOKS_FOR_S,
    distances_s: Sequence[float] = RETRY_DISTANCES_S,
) -> dg.SensorDefinition:
    """Return the sensor.

    Args:
        jobs: The job of each stage it takes a listing through.
        looks_for_s: How long a tick with nothing to do goes on looking.
        distances_s: Seconds between a failure and the next try.
    """

    @dg.sensor(
        name="listing_progress_sensor",
        jobs=list(jobs.values()),
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Takes each directed listing on to its film: scenes and score at the same time, the film, the delivery; "
            "asks again for what failed, with growing distance, and says what waits for a person."
        ),
    )
    def listing_progress_sensor(
        context: dg.SensorEvaluationContext,
        media_store: dg.ResourceParam[MediaStore],
        clip_generator: dg.ResourceParam[ClipGenerator],
        score_composer: dg.ResourceParam[ScoreComposer | ScoreChain],
        spare_composer: dg.ResourceParam[ScoreComposer],
        listing_approvals: dg.ResourceParam[ListingApprovals],
    ) -> dg.SensorResult:
        surveyor = Surveyor(
            context.instance,
            store=media_store,
            clips=clip_generator,
            score=score_composer,
            spare=spare_composer,
            approvals=listing_approvals,
            jobs={stage: job.name for stage, job in jobs.items()},
        )
        attempts = listing_approvals.settings.scene_attempts
        progress = Progress(context.instance, surveyor, attempts=attempts, distances_s=distances_s)
        cursor = Cursor.read(context.cursor)
        ends = time.monotonic() + looks_for_s
        look = progress.look(cursor, context.log, go_round=True)
        while not look.requests and time.monotonic() < ends:
            time.sleep(_LOOK_EVERY_S)
            further = progress.look(cursor, context.log, go_round=False)
            look = Look(further.requests, further.told or look.told, look.looked_at + further.looked_at)
        for line in look.told:
            context.log.info(line)
        return dg.SensorResult(
            run_requests=look.requests,
            skip_reason=None if look.requests else _as_one_line(look, cursor),
            cursor=cursor.written(),
        )

    return listing_progress_sensor


def _as_one_line(look: Look, cursor: Cursor) -> str:
    if look.told:
        more = f"; and {len(look.told) - 5} more" if len(look.told) > 5 else ""
        return "; ".join(look.told[:5]) + more
    waiting = f", {len(cursor.queue)} more to look at" if cursor.queue else ""
    return f"{look.looked_at} listings looked at, nothing to request{waiting}"


def _again_at(survey: Survey, steps: NextSteps, now: float) -> float | None:
    """Return when to look at a listing again without any run of it ending, Unix time."""
    times = [steps.look_again_at] if steps.look_again_at is not None else []
    if any(stage.held for stage in survey.stages):
        times.append(now + _HELD_AGAIN_S)  # A person's word comes without a run.
    return min(times, default=None)


def _next_of_the_round(cursor: Cursor, known: set[str]) -> list[str]:
    ordered = sorted(known)
    after = [listing for listing in ordered if listing > cursor.last][:_ROUND] or ordered[:_ROUND]
    cursor.last = after[-1] if after else ""
    return after


def _add(queue: list[str], listings: Sequence[str]) -> None:
    queue += [listing for listing in listings if listing not in queue]


listing_progress_sensor = build_progress_sensor()
