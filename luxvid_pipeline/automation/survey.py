"""What is there of a listing, and what is under way: the facts from which its next steps follow.

Belongs here: reading the instance's events and runs and the store's records, and saying which piece is made from what
is wanted now.
Does not belong here: what follows (``domain/progress.py``), requesting it (``automation/progress.py``).

Only records are read, never media: a survey of a listing costs some thousandths of a second. A piece counts as there
when its record in the store was made from exactly what is wanted now *and* Dagster has a materialisation of it; a run
killed between the two is done again, which is free.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster import DagsterEventType

from luxvid_pipeline.assets.approval import animatic_of
from luxvid_pipeline.assets.clips import clip_made_from
from luxvid_pipeline.assets.film import film_made_from
from luxvid_pipeline.assets.score import score_made_from, score_request
from luxvid_pipeline.automation.cancellations import is_ended
from luxvid_pipeline.automation.listing_runs import runs_of
from luxvid_pipeline.automation.whole_film import MAKE_FILM
from luxvid_pipeline.domain import errors
from luxvid_pipeline.domain.approvals import ApprovalState
from luxvid_pipeline.domain.keys import scene_partition_key
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import PhotoRecord, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipGenerator, ClipRequest, ScoreComposer
from luxvid_pipeline.domain.progress import (
    ATTEMPT_TAG,
    CLASS_TAG,
    FORGIVEN_ITEMS_TAG,
    FORGIVEN_TAG,
    ITEMS_TAG,
    PID_TAG,
    STAGE_TAG,
    Item,
    PastRun,
    RunState,
    Stage,
    Urgency,
    items_from_tag,
    may_be_cured,
    short,
)
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.manifests import manifest_of
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager, media_key
from luxvid_pipeline.providers.chains import ScoreChain, composers_of
from luxvid_pipeline.resources.approvals import ListingApprovals

ASSET_STAGES = {
    "listing_photos": "direction",
    "photo_catalogue": "direction",
    "storyboard": "direction",
    "scene_pairs": "direction",
    "animatic": "animatic",
    "scene_clips": "scenes",
    "soundtrack": "score",
    "property_video": "film",
    "delivery_package": "delivery",
}
"""Which stage makes which asset."""

_OTHER_JOBS = {"revise_listing_job": "direction", MAKE_FILM: "direction"}

_LEFT_TO_A_TERMINAL = (
    "is left to the terminal that directed it: 'luxvid render' makes its film, 'luxvid retry' gives it to the daemon"
)

_DIRECTION = "direction"
_MATERIALIZED = DagsterEventType.ASSET_MATERIALIZATION
_STATES = {dg.DagsterRunStatus.SUCCESS: RunState.DONE, dg.DagsterRunStatus.CANCELED: RunState.ENDED}
_NO_PHOTO = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A listing as it is now.

    Attributes:
        stages: What each stage makes and whether it is there; empty where nothing is to be done here.
        runs: Its runs, oldest first.
        urgency: How soon its runs are taken from the queue.
        told: Why nothing is to be done here, if that is not plain.
    """

    stages: tuple[Stage, ...] = ()
    runs: tuple[PastRun, ...] = ()
    urgency: Urgency = Urgency.NORMAL
    told: str = ""


class Surveyor:
    """Surveys listings, one after the other.

    Args:
        instance: Dagster's.
        store: Where records lie.
        clips: Who would shoot now.
        score: Who would play now.
        spare: Who plays if none of them can.
        approvals: Whether a listing waits for a person.
        jobs: Stage to the name of its job; stages without one are not looked at.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        *,
        store: MediaStore,
        clips: ClipGenerator,
        score: ScoreComposer | ScoreChain,
        spare: ScoreComposer,
        approvals: ListingApprovals,
        jobs: Mapping[str, str],
    ) -> None:
        self._instance = instance
        self._store = store
        self._clips = clips
        self._composers = composers_of(score)
        self._spare = spare
        self._approvals = approvals
        self._jobs = jobs
        self._stages_of_jobs = {job: stage for stage, job in jobs.items()}

    def survey(self, listing: str) -> Survey:
        """Return how a listing stands.

        Raises:
            LuxVidError: Its records cannot be read.
        """
        records = runs_of(self._instance, listing)
        if any(self._stage(record.dagster_run) in {"", _DIRECTION} for record in records if _is_unfinished(record)):
            return Survey()  # Its direction is under way, or nobody can tell what is.
        directions = [record for record in records if self._stage(record.dagster_run) == _DIRECTION]
        survey = self._survey(listing, records, directions)
        if not is_ended(self._instance, listing, directions):
            return survey
        is_done = all(stage.is_done for stage in survey.stages)
        return Survey(told=survey.told if is_done else f"was ended by a person; then 'luxvid retry {listing}'")

    def _survey(self, listing: str, records: list[dg.RunRecord], directions: list[dg.RunRecord]) -> Survey:
        runs = [self._past(record) for record in records if self._stage(record.dagster_run) != _DIRECTION]
        latest = self._latest("scene_pairs", listing)
        direction, tries = self._direction(directions)
        urgency = self._urgency(listing, records)
        if latest is None or not direction.is_done:
            return Survey(stages=(direction,), runs=tuple(tries), urgency=urgency)
        if _is_left_to_a_terminal(directions, latest.run_id):
            return Survey(told=self._left_to_a_terminal(listing, latest))
        stages = self._after_direction(listing, latest)
        return Survey(stages=(direction, *stages), runs=(*tries, *runs), urgency=urgency)

    def _left_to_a_terminal(self, listing: str, pairs_event: dg.EventLogRecord) -> str:
        """Return what a listing waits for that ``luxvid render`` directed; empty once its film is there."""
        stages = {stage.name: stage for stage in self._after_direction(listing, pairs_event)}
        held = next((stage.held for stage in stages.values() if stage.held), "")
        if held:
            return held
        return "" if stages["film"].is_done else _LEFT_TO_A_TERMINAL

    def _direction(self, records: list[dg.RunRecord]) -> tuple[Stage, list[PastRun]]:
        """Return whether the direction that was asked for last came to its end, and its failures since."""
        failed: list[dg.RunRecord] = []
        asked_by = 0
        for record in reversed(records):
            if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
                asked_by = record.storage_id if record.dagster_run.job_name == MAKE_FILM else 0
                break
            if record.dagster_run.job_name != self._jobs[_DIRECTION]:
                continue  # Somebody tried a part of it by hand.
            failed.insert(0, record)
            if ATTEMPT_TAG not in record.dagster_run.tags:
                break  # The inbox or a person asked for this one: what was tried before it no longer counts.
        made_from = short([asked_by or (failed[0].storage_id if failed else 0)])
        tries = [self._past(record, items={_DIRECTION: made_from}) for record in failed]
        is_done = not failed and not asked_by
        return Stage(name=_DIRECTION, items=(Item(name=_DIRECTION, made_from=made_from, current=is_done),)), tries

    def _after_direction(self, listing: str, pairs_event: dg.EventLogRecord) -> tuple[Stage, ...]:
        seen = _Listing(self._store, listing)
        round_ = pairs_event.storage_id
        ids = self._storage_ids(listing)
        plan = self._approvals.plan_of(listing, seen.storyboard, seen.pairs)
        state = self._approvals.state(listing, plan)
        held = {
            ApprovalState.MISSING: f"waits for 'luxvid approve {listing} --plan {plan.name}'",
            ApprovalState.REJECTED: f"its plan was rejected: change it with 'luxvid direct {listing}'",
        }.get(state, "")
        stages: list[Stage] = []
        if state is ApprovalState.MISSING and "animatic" in self._jobs:
            shown = animatic_of(self._approvals, plan) is not None and "animatic" in ids
            item = Item(name="animatic", made_from=short([plan.digest, round_]), current=shown)
            stages.append(Stage(name="animatic", items=(item,), after=(_DIRECTION,)))
        is_new = self._film_began_at(listing) > pairs_event.timestamp
        is_settled = is_new and seen.film_shows_it
        scenes = tuple(self._scene(seen, scene, ids, round_, is_settled) for scene in seen.requests)
        score = self._score(seen, ids, round_, is_settled)
        stages.append(Stage(name="scenes", items=scenes, after=(_DIRECTION,), held="" if _all(scenes) else held))
        stages.append(Stage(name="score", items=(score,), after=(_DIRECTION,), held="" if score.current else held))
        film = self._film(seen, round_, is_new=is_new)
        stages.append(Stage(name="film", items=(film,), after=(_DIRECTION, "scenes", "score")))
        if "delivery" in self._jobs:
            film_id, delivery_id = ids.get("property_video", 0), ids.get("delivery_package", 0)
            item = Item(name="delivery", made_from=short([film_id]), current=delivery_id > film_id > 0)
            # What somebody said no to does not go out, though it was made before.
            no = held if state is ApprovalState.REJECTED else ""
            stages.append(Stage(name="delivery", items=(item,), after=("film",), held=no))
        return tuple(stages)

    def _film_began_at(self, listing: str) -> float:
        """Return when the run that made or confirmed the film began, Unix time; 0 without one."""
        event = self._latest("property_video", listing)
        if event is None:
            return 0.0
        record = self._instance.get_run_record_by_id(event.run_id)
        return record.start_time if record and record.start_time else event.timestamp

    def _scene(self, seen: "_Listing", scene: str, ids: Mapping[str, int], round_: int, is_settled: bool) -> Item:
        made_from = clip_made_from(seen.requests[scene], self._clips.engine)
        clip = seen.clips[scene]
        is_recorded = scene_partition_key(seen.listing, scene) in ids
        current = is_recorded and clip is not None and (is_settled or clip.made_from == made_from)
        return Item(name=scene, made_from=short([made_from, round_]), current=current)

    def _score(self, seen: "_Listing", ids: Mapping[str, int], round_: int, is_settled: bool) -> Item:
        request = score_request(seen.listing, seen.storyboard, seen.pairs)
        wanted = [score_made_from(request, composer.engine) for composer in self._composers]
        # The spare plays where no chosen engine could: that is the score of this direction, and it says so.
        spare = score_made_from(request, self._spare.engine)
        id_ = ids.get("soundtrack", 0)
        found = seen.score.made_from if seen.score else ""
        current = id_ > 0 and bool(found) and (is_settled or found in wanted or (found == spare and id_ > round_))
        return Item(name="soundtrack", made_from=short([wanted, round_]), current=current)

    def _film(self, seen: "_Listing", round_: int, *, is_new: bool) -> Item:
        """Return the film as an item: of these clips and this score, and made or confirmed since the last direction.

        Confirming takes what is there, and settles the listing.
        """
        wanted = seen.film_of_now
        current = is_new and seen.film is not None and seen.film.made_from == wanted
        return Item(name="property_video", made_from=short([wanted, round_]), current=current)

    def _storage_ids(self, listing: str) -> dict[str, int]:
        """Return the latest materialisation of each asset of a listing, the scenes' by their partition key."""
        ids: dict[str, int] = {}
        scenes = {scene_partition_key(listing, scene) for scene in SCENE_KEYS}
        ids.update(self._ids("scene_clips", scenes))
        for asset in ("animatic", "soundtrack", "property_video", "delivery_package"):
            for id_ in self._ids(asset, {listing}).values():
                ids[asset] = id_
        return ids

    def _ids(self, asset: str, partitions: set[str]) -> Mapping[str, int]:
        return self._instance.get_latest_storage_id_by_partition(dg.AssetKey(asset), _MATERIALIZED, partitions)

    def _latest(self, asset: str, listing: str) -> dg.EventLogRecord | None:
        records = self._instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[listing]), limit=1
        ).records
        return records[0] if records else None

    def _urgency(self, listing: str, records: list[dg.RunRecord]) -> Urgency:
        if self._store.find(f"listing_photos/{listing}/manifest.json") is not None:
            generation = manifest_of(self._store, listing).generation
            if generation.priority == Urgency.URGENT.value:
                return Urgency.URGENT
        directions = [record.dagster_run for record in records if self._stage(record.dagster_run) == _DIRECTION]
        tags = directions[-1].tags if directions else {}
        if "dagster/backfill" in tags or tags.get(CLASS_TAG) == Urgency.BACKFILL.value:
            return Urgency.BACKFILL
        return Urgency.URGENT if tags.get(CLASS_TAG) == Urgency.URGENT.value else Urgency.NORMAL

    def _stage(self, run: dg.DagsterRun) -> str:
        """Return the stage a run does; empty where nobody can tell."""
        if STAGE_TAG in run.tags:
            return run.tags[STAGE_TAG]
        if run.job_name in self._stages_of_jobs:
            return self._stages_of_jobs[run.job_name]
        if run.job_name in _OTHER_JOBS:
            return _OTHER_JOBS[run.job_name]
        stages = {ASSET_STAGES.get(key.to_user_string(), "") for key in run.asset_selection or ()}
        return stages.pop() if len(stages) == 1 else ""

    def _past(self, record: dg.RunRecord, items: Mapping[str, str] | None = None) -> PastRun:
        run = record.dagster_run
        state = RunState.UNFINISHED if _is_unfinished(record) else _STATES.get(run.status, RunState.FAILED)
        is_forgiven = FORGIVEN_TAG in run.tags
        failure = Failure(curable=True, reason="", died=False)
        if state is RunState.FAILED and not is_forgiven and (items or ITEMS_TAG in run.tags):
            failure = why_it_failed(self._instance, run.run_id)
        return PastRun(
            stage=self._stage(run),
            items=items if items is not None else items_from_tag(run.tags.get(ITEMS_TAG, "")),
            state=state,
            ended_at=record.end_time or record.update_timestamp.timestamp(),
            curable=failure.curable,
            reason=failure.reason,
            died=failure.died,
            forgiven=is_forgiven,
            forgiven_items=frozenset(filter(None, run.tags.get(FORGIVEN_ITEMS_TAG, "").split(","))),
        )


class _Listing:
    """The records of one listing, read once."""

    def __init__(self, store: MediaStore, listing: str) -> None:
        self.listing = listing
        tables = TableIOManager(store)
        board = DocumentIOManager(store).load_partition("storyboard", listing, missing_ok=False)
        pairs = tables.load_partition("scene_pairs", listing, missing_ok=False)
        photos = tables.load_partition("listing_photos", listing, missing_ok=False)
        if not isinstance(board, Storyboard) or pairs is None or photos is None:
            raise errors.DamagedMediaError(f"{listing}: its direction cannot be read; run direct_listing_job for it")
        self.storyboard = board
        self.pairs = from_table(pairs, ScenePair)
        known = {record.photo_id: record for record in from_table(photos, PhotoRecord)}
        self.requests = dict(self._clip_requests(known))
        self.clips = {scene: self._record(store, "scene_clips", scene) for scene in self.requests}
        self.score = self._record(store, "soundtrack")
        self.film = self._record(store, "property_video")

    @property
    def film_of_now(self) -> str:
        """Digest of the film of the clips and the score that are there; empty where one is missing."""
        clips = [clip for clip in self.clips.values() if clip is not None]
        if self.score is None or len(clips) < len(self.clips):
            return ""
        return film_made_from(clips, self.score, Transition(self.storyboard.transition))

    @property
    def film_shows_it(self) -> bool:
        """Whether the film is of the clips and the score that are there, and they of the photos chosen now.

        Such a film is left alone whatever engines are set now: another engine in the settings never makes old films
        anew, only a new direction does.
        """
        if self.film is None or not self.film_of_now or self.film.made_from != self.film_of_now:
            return False
        return all(clip is not None and self.shows_its_photos(scene, clip) for scene, clip in self.clips.items())

    def shows_its_photos(self, scene: str, clip: StoredFile) -> bool:
        """Whether a clip was shot from the photos that are chosen now."""
        request = self.requests[scene]
        last = request.last.record.photo_id if request.last else None
        return (clip.facts.get("first_photo"), clip.facts.get("last_photo")) == (request.first.record.photo_id, last)

    def _clip_requests(self, photos: Mapping[str, PhotoRecord]) -> Iterator[tuple[str, ClipRequest]]:
        pairs = {pair.scene: pair for pair in self.pairs}
        for shot in self.storyboard.for_pairs(self.pairs).shots:
            pair = pairs.get(shot.scene)
            if pair is None or pair.first_photo is None:
                continue
            first, last = (photos.get(photo) if photo else None for photo in (pair.first_photo, pair.last_photo))
            if first is None or (pair.last_photo and last is None):
                raise errors.DamagedMediaError(
                    f"{self.listing}: the pair of {shot.scene} names a photo that is no longer there; run "
                    "direct_listing_job for it"
                )
            yield (
                shot.scene,
                ClipRequest(
                    listing=self.listing,
                    shot=shot,
                    first=WorkingPhoto(record=first, path=_NO_PHOTO),
                    last=WorkingPhoto(record=last, path=_NO_PHOTO) if last else None,
                    overlap=pair.overlap,
                ),
            )

    def _record(self, store: MediaStore, asset: str, scene: str = "") -> StoredFile | None:
        return store.find(media_key(asset, scene_partition_key(self.listing, scene) if scene else self.listing))


class Failure(NamedTuple):
    """Why a run failed: whether the same again may succeed, a line for people, whether it died without a cause."""

    curable: bool
    reason: str
    died: bool


def why_it_failed(instance: dg.DagsterInstance, run_id: str) -> Failure:
    """Return why a run failed; one without a failed step was ended from outside: a killed process, a lost machine."""
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        error = event.step_failure_data.error if event else None
        chain: list[Any] = []
        while error is not None:
            chain.append(error)
            error = error.cause
        ours = [each for each in chain if each.cls_name and hasattr(errors, each.cls_name)]
        reason = (ours or chain)[0].message.strip() if chain else ""
        reason = " ".join(reason.partition(": ")[2].split() or reason.split())
        return Failure(_is_curable(chain), reason[:300], died=False)
    return Failure(curable=True, reason="its process ended without a word", died=True)


def _is_curable(chain: list[Any]) -> bool:
    """Return whether a repeat may cure this, by the first of our own errors that is more than a summary."""
    kinds = [getattr(errors, each.cls_name or "", None) for each in chain]
    own = [kind for kind in kinds if isinstance(kind, type) and kind is not errors.ScenesFailedError]
    return not own or may_be_cured(own[0])


def _is_left_to_a_terminal(directions: list[dg.RunRecord], run_id: str) -> bool:
    """Whether the direction that a run made or revised came from ``luxvid render``, which goes on with it.

    A note given with ``luxvid direct`` leaves a listing with whoever had it.
    """
    runs = [record.dagster_run for record in directions]
    made = next((at for at, run in enumerate(runs) if run.run_id == run_id), None)
    if made is None:
        return False
    owners = [run for run in runs[: made + 1] if PID_TAG not in run.tags or run.job_name not in _OTHER_JOBS]
    tags = owners[-1].tags if owners else runs[made].tags
    return PID_TAG in tags and FORGIVEN_TAG not in tags and FORGIVEN_TAG not in runs[made].tags


def _is_unfinished(record: dg.RunRecord) -> bool:
    run = record.dagster_run
    if not run.is_finished:
        return True
    # Dagster itself repeats runs whose process died, if somebody launched them without our tags.
    is_repeated = run.tags.get("dagster/will_retry") == "true" and "dagster/auto_retry_run_id" not in run.tags
    return run.status is dg.DagsterRunStatus.FAILURE and is_repeated


def _all(items: tuple[Item, ...]) -> bool:
    return all(item.current for item in items)
