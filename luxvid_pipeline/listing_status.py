"""How far each listing is.

Belongs here: reading the instance and the store for ``luxvid status``.
Does not belong here: printing (``cli.py``), changing anything.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import dagster as dg

from luxvid_pipeline.automation.arrivals import Memory
from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.listing_runs import runs_of
from luxvid_pipeline.automation.survey import Surveyor
from luxvid_pipeline.domain.arrivals import Rejection, State, as_text
from luxvid_pipeline.domain.errors import InputError, ListingKeyError, LuxVidError
from luxvid_pipeline.domain.keys import check_listing_key, listing_key_from_name, scene_partition_key
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict
from luxvid_pipeline.domain.progress import next_steps
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import TableIOManager, media_key
from luxvid_pipeline.local_runs import is_abandoned, open_instance
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.resources.approvals import ListingApprovals, opened_approvals
from luxvid_pipeline.resources.engines import engine_for
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingStatus:
    """How far one listing is.

    Attributes:
        listing: Listing key.
        photos, kept: Photos that came in, and those a film may use.
        planned: Scenes the film will show; 0 before the pairs are chosen.
        clips: Scene keys whose clip is finished.
        score: Whether the score is finished.
        film: The film's address, or None.
        package: The address of what goes out, or None.
        working: Runs that are queued or under way, ``shoot_scenes_job started``.
        waits: What does not go on by itself and why, a line each; only looked for where no run is under way.
        last_run: The last run's job and its state, ``gone`` where its process ended without telling.
        rejected: In the row of a folder of the inbox that is rejected: why. Empty in a listing's.
        arriving: In the row of a folder of the inbox that is still arriving: what it waits for.
        folder: That folder's name; ``listing`` is then the key it would have.
        approval: ``not_needed``, ``missing``, ``approved`` or ``rejected``, of the plan as it is now; empty before
            there is one.
        plan: That plan's digest; empty before there is one. ``luxvid approve --plan`` takes it.
    """

    listing: str
    photos: int
    kept: int
    planned: int
    clips: tuple[str, ...]
    score: bool
    film: str | None
    last_run: str | None
    package: str | None = None
    working: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    rejected: str = ""
    arriving: str = ""
    folder: str = ""
    approval: str = ""
    plan: str = ""


def statuses(settings: Settings, listing: str | None = None) -> list[ListingStatus]:
    """Return the state of one listing or of all, by key; folders of the inbox that are none yet have rows of their own.

    Raises:
        InputError: There is no such listing.
    """
    if listing is not None:
        check_listing_key(listing)
    store = open_media_store(settings)
    waiting = [
        *(_inbox_row(folder, arriving=why) for folder, why in _arriving(settings).items()),
        *(_inbox_row(each.folder, rejected=each.reason) for each in rejected_listings(settings)),
    ]
    with open_instance(settings) as instance, opened_approvals(settings) as approvals:
        known = sorted(instance.get_dynamic_partitions(str(listing_partitions.name)))
        if listing is not None and listing not in {*known, *(row.listing for row in waiting)}:
            raise InputError(f"there is no listing {listing!r}; known: {', '.join(known) or 'none'}")
        reader = _Reader(settings, store, instance, approvals)
        rows = [reader.status(key) for key in known if listing in (None, key)]
    return rows + [row for row in waiting if listing in (None, row.listing)]


def rejected_listings(settings: Settings) -> list[Rejection]:
    """Return the folders of the inbox that no film can be made of as they are, by name."""
    return [each for each in ListingSources(settings).rejections() if _is_in_the_inbox(settings, each.folder)]


def _arriving(settings: Settings) -> dict[str, str]:
    """Return the folders that the sensor has seen and that have not come in to their end, with what they wait for."""
    file = settings.home / "arrivals.json"
    try:
        memory = Memory.load(file, str(json.loads(file.read_text())["name"]))
    except (OSError, ValueError, KeyError):
        return {}  # nobody has watched the inbox yet
    why = f"taken once all its listing.yaml names is there, or nothing in it has changed for {settings.settle_s:g} s"
    return {
        name: why
        for name, folder in sorted(memory.folders.items())
        if folder.state in {State.ARRIVING, State.INCOMPLETE} and not folder.key and _is_in_the_inbox(settings, name)
    }


def _is_in_the_inbox(settings: Settings, folder: str) -> bool:
    """Whether a folder is still there; nobody may be watching since it was taken out."""
    return "://" in settings.inbox or (Path(settings.inbox) / folder).is_dir()


def _inbox_row(folder: str, *, rejected: str = "", arriving: str = "") -> ListingStatus:
    return ListingStatus(
        listing=_key_of(folder),
        photos=0,
        kept=0,
        planned=0,
        clips=(),
        score=False,
        film=None,
        last_run=None,
        rejected=rejected,
        arriving=arriving,
        folder=as_text(folder),
    )


def _key_of(folder: str) -> str:
    """The key a rejected folder would have; its name as it is, where that makes none."""
    try:
        return listing_key_from_name(folder)
    except ListingKeyError:
        return as_text(folder)


class _Reader:
    """Reads one listing after the other."""

    def __init__(
        self, settings: Settings, store: MediaStore, instance: dg.DagsterInstance, approvals: ListingApprovals
    ) -> None:
        self._settings = settings
        self._store = store
        self._instance = instance
        self._approvals = approvals

    def status(self, listing: str) -> ListingStatus:
        store, tables, damage = self._store, TableIOManager(self._store), ""
        photos, pairs = tables.earlier("listing_photos", listing), tables.earlier("scene_pairs", listing)
        approval, digest = "", ""
        try:
            tables.load_partition("listing_photos", listing, missing_ok=True)
            plan = self._approvals.plan(listing) if pairs is not None else None
            if plan is not None:
                approval, digest = self._approvals.state(listing, plan).value, plan.digest
        except LuxVidError as error:  # one listing's damage is told at its row
            damage = str(error)
        records = from_table(photos, PhotoRecord) if photos is not None else []
        planned = [pair for pair in from_table(pairs, ScenePair) if not pair.left_out] if pairs is not None else []
        made = runs_of(self._instance, listing)
        runs, abandoned = [each.dagster_run for each in made], [each.dagster_run for each in made if is_abandoned(each)]
        working = tuple(_named(run) for run in runs if not run.is_finished and run not in abandoned)
        gone = tuple(
            f"the process of {run.job_name} is gone; 'luxvid retry {listing}' goes on with what is finished"
            for run in abandoned
        )
        return ListingStatus(
            listing=listing,
            photos=len(records),
            kept=sum(record.verdict is Verdict.KEPT for record in records),
            planned=len(planned),
            clips=tuple(key for key in SCENE_KEYS if _has_clip(store, listing, key)),
            score=store.find(media_key("soundtrack", listing)) is not None,
            film=self._address("property_video", listing),
            package=self._address("delivery_package", listing),
            working=working,
            waits=() if working else (damage,) if damage else gone or self._waits(listing),
            last_run=_named(runs[-1], is_gone=runs[-1] in abandoned) if runs else None,
            approval=approval,
            plan=digest,
        )

    def _address(self, asset: str, listing: str) -> str | None:
        found = self._store.find(media_key(asset, listing))
        return f"{self._store.base}/{found.key}" if found else None

    def _waits(self, listing: str) -> tuple[str, ...]:
        """Return what the progress sensor would say of a listing."""
        try:
            survey = self._surveyor.survey(listing)
            attempts = self._settings.scene_attempts
            steps = next_steps(listing, survey.stages, survey.runs, now=time.time(), attempts=attempts)
        except LuxVidError as error:
            return (str(error),)
        # Scenes and score wait for the same word; it is said once.
        waits = list(dict.fromkeys((*steps.waits, *filter(None, [survey.told]))))
        if not waits and steps.look_again_at is not None:
            return (f"tried again at {datetime.fromtimestamp(steps.look_again_at, UTC):%H:%M:%S} UTC",)
        return _scenes_together(waits)

    @cached_property
    def _surveyor(self) -> Surveyor:
        """As the sensor has it, with the engines this environment names; raises where they cannot be used."""
        return Surveyor(
            self._instance,
            store=self._store,
            clips=engine_for("clips", self._settings),
            score=engine_for("score", self._settings),
            spare=LocalComposer(),
            approvals=self._approvals,
            jobs={stage: job.name for stage, job in STAGE_JOBS.items()},
        )


def _scenes_together(waits: list[str]) -> tuple[str, ...]:
    """Return the lines with one for all scenes that wait for the same reason."""
    scenes: dict[str, list[str]] = {}
    for wait in waits:
        name, _, why = wait.partition(": ")
        if name in SCENE_KEYS:
            scenes.setdefault(why, []).append(name)
        else:
            scenes[wait] = []
    return tuple(f"{', '.join(names)}: {why}" if names else why for why, names in scenes.items())


def _named(run: dg.DagsterRun, *, is_gone: bool = False) -> str:
    return f"{run.job_name} {'gone' if is_gone else run.status.value.lower()}"


def _has_clip(store: MediaStore, listing: str, scene: str) -> bool:
    return store.find(media_key("scene_clips", scene_partition_key(listing, scene))) is not None
