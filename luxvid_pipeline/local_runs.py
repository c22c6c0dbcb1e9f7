"""Running the assets in this process, on the same Dagster instance as the UI.

Belongs here: opening the instance, running a listing's jobs one after the other, tidying up after a killed process.
Does not belong here: printing (``cli.py``), what the assets do.
"""

import gc
import os
import shutil
import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.instance import InstanceRef
from dagster._core.utils import make_new_run_id
from filelock import FileLock, Timeout

from luxvid_pipeline.assets.approval import missing_error
from luxvid_pipeline.assets.costs import is_made
from luxvid_pipeline.assets.metadata import account_of, manifest_of
from luxvid_pipeline.assets.notes import take_note
from luxvid_pipeline.assets.package_maker import PACKAGE_LIST, package_files, prefix
from luxvid_pipeline.assets.score import kept_score, kept_stage, score_request
from luxvid_pipeline.domain.approvals import ApprovalState, Plan
from luxvid_pipeline.domain.errors import InputError, LuxVidError, SettingsError, StorageError
from luxvid_pipeline.domain.keys import check_listing_key, listing_key_from_name
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.ports import ScoreComposer
from luxvid_pipeline.domain.progress import HOST_TAG, LISTING_TAG, PID_TAG, STARTED_TAG
from luxvid_pipeline.domain.storyboard import NoteTaken, Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager, media_key
from luxvid_pipeline.ledger.processes import Process, runs_since
from luxvid_pipeline.media.listing_folder import read_listing_folder, read_manifest
from luxvid_pipeline.media.memory import keep_memory_low, return_free_memory
from luxvid_pipeline.partitions import all_scenes_tags, listing_partitions, split_key
from luxvid_pipeline.providers.ahead import ScoreAhead
from luxvid_pipeline.providers.chains import ScoreChain
from luxvid_pipeline.providers.local.silence import SILENCE
from luxvid_pipeline.records import is_of_database, quickened, records_named
from luxvid_pipeline.resources.approvals import opened_approvals
from luxvid_pipeline.resources.engines import LOCAL, engines_for, spent_by
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import ProgressBoard
from luxvid_pipeline.resources.settings import Settings

_SAID_OF_CONFIGURATION = 400
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# A run here must not capture this process's stdout and stderr: the progress bar is on them.
NO_CAPTURE = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFilm:
    """What a render made.

    Attributes:
        listing: Listing key.
        film: The film's file.
        duration_s: Its length.
        cost_usd: What this render cost, over all stages.
        paid_calls: Requests that cost money.
        scenes: Scene keys in the film.
        left_out: Scene keys it does without, each with the reason.
        degraded_reason: What was made by another engine than the one asked for; empty if nothing was.
        runs: Dagster run ids in order; the last one made the film.
    """

    listing: str
    film: Path
    duration_s: float
    cost_usd: float
    paid_calls: int
    scenes: tuple[str, ...]
    left_out: Mapping[str, str]
    degraded_reason: str = ""
    runs: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredPackage:
    """What a delivery made.

    Attributes:
        listing: Listing key.
        folder: Where the package lies.
        files: Every file that goes out, by its name in the package, as a local path; ``package.json``, which says that
            it is complete, comes last.
        notes: What was wanted and is not there, and why.
        frames_encoded: Frames that had to be encoded this time.
        run: Dagster run id.
    """

    listing: str
    folder: str
    files: dict[str, Path]
    notes: tuple[str, ...]
    frames_encoded: int
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected:
    """What a note made.

    Attributes:
        taken: The note and what became of it.
        before: The plan it was about.
        plan: The plan now.
    """

    taken: NoteTaken
    before: Plan
    plan: Plan


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Give the instance in ``DAGSTER_HOME``, which is made with the packaged ``dagster.yaml`` the first time.

    Raises:
        SettingsError: ``dagster.yaml`` says something that Dagster cannot use.
        StorageError: The directory cannot be written, or Dagster's records in it cannot be read or written.
    """
    home = settings.dagster_home
    target = home / "dagster.yaml"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            part = home / f".dagster.yaml.{os.getpid()}"
            shutil.copyfile(Path(__file__).with_name("dagster.yaml"), part)
            part.replace(target)
    except OSError as error:
        raise StorageError(f"{home}: Dagster's home cannot be written: {error.strerror or error}") from error
    os.environ["DAGSTER_HOME"] = str(home)
    with records_named(home), _configured(target) as instance:
        yield instance


def _configured(file: Path) -> dg.DagsterInstance:
    """Return the instance that a ``dagster.yaml`` describes.

    Raises:
        SettingsError: The file says something that Dagster cannot use.
        StorageError: A file or directory of the instance cannot be read or made.
    """
    try:
        return dg.DagsterInstance.from_ref(quickened(InstanceRef.from_dir(str(file.parent), overrides=NO_CAPTURE)))
    except OSError as error:
        at = error.filename or file.parent
        raise StorageError(f"{at}: Dagster's home cannot be read or written: {error.strerror or error}") from error
    except Exception as error:
        # Dagster's own checks, YAML's, the decoder's, or whatever a module named there raises.
        if is_of_database(error):
            raise
        said = shorten(str(error), _SAID_OF_CONFIGURATION, placeholder=" …") or type(error).__name__
        raise SettingsError(
            f"{file} cannot be used: {said}; correct it, or move it away and LuxVid puts its own there again"
        ) from error


def listing_key_of(folder: Path, asked_for: str | None) -> str:
    """Return the key of a folder's listing: the one asked for, its manifest's, or a slug of its name.

    Raises:
        InputError: The folder or its manifest cannot be used, or the key is not allowed.
    """
    if asked_for is not None:
        return check_listing_key(asked_for)
    manifest = read_listing_folder(folder).manifest
    return manifest.listing or listing_key_from_name(folder.resolve().name)


def render(
    folder: Path | None, settings: Settings, *, listing: str | None = None, board: ProgressBoard
) -> RenderedFilm:
    """Make the whole film of a folder in this process.

    Args:
        folder: The photos, and ``listing.yaml`` if there is one; None for a listing whose folder is known already.
        settings: The environment.
        listing: Listing key; by default the manifest's or the folder's name.
        board: Is told of progress.

    Raises:
        LuxVidError: Whatever stopped it; what was finished before is kept and used by the next try.
    """
    key = check_listing_key(listing or "") if folder is None else listing_key_of(folder, listing)
    # A misspelt engine or a missing key shows now, not when the stages before it have been paid for.
    for stage in settings.engines:
        engines_for(stage, settings)
    with _opened(folder, settings, key, board) as (defs, instance):
        return _run_stages(defs, instance, key, settings, board)


def direct(folder: Path, settings: Settings, *, listing: str, board: ProgressBoard) -> None:
    """Read a folder's photos and choose its pairs in this process, with whatever engines the settings name.

    Raises:
        LuxVidError: Whatever stopped it.
    """
    with _opened(folder, settings, listing, board) as (defs, instance):
        _execute(defs, instance, "direct_listing_job", listing)


def redirect(
    listing: str, text: str, settings: Settings, *, scene: str = "", by: str, board: ProgressBoard
) -> Redirected:
    """Keep a person's note on a listing and make the next version of its storyboard and pairs in this process.

    Where the listing waits for an approval, its animatic is made anew as well.

    Args:
        listing: Listing key; it must have pairs already.
        text: What should change, in words.
        settings: The environment.
        scene: Number, key or name of the one scene that may change; empty for the whole film.
        by: Who says so.
        board: Is told of progress.

    Raises:
        InputError: The note cannot be used, or there is nothing yet that it could be about; nothing is kept then.
        LuxVidError: Whatever stopped it; the note is kept, and the next run heeds it.
    """
    check_listing_key(listing)
    with opened_approvals(settings) as approvals:
        before = approvals.required_plan(listing)
        with _opened(None, settings, listing, board) as (defs, instance):
            note = take_note(approvals, listing, text, by=by, scene=scene)
            _execute(defs, instance, "revise_listing_job", listing)
            plan = approvals.required_plan(listing)
            if not approvals.state(listing, plan).may_go_on:
                _execute(defs, instance, "animatic_job", listing)
    taken = next(taken for taken in plan.storyboard.notes if taken.note.key == note.key)
    return Redirected(taken=taken, before=before, plan=plan)


def deliver(settings: Settings, *, listing: str, board: ProgressBoard) -> DeliveredPackage:
    """Make the package of a listing whose film is finished, in this process.

    Raises:
        InputError: There is no such listing, or its film is not finished.
        LuxVidError: Whatever stopped it; what was finished before is kept and used by the next try.
    """
    check_listing_key(listing)
    store = open_media_store(settings)
    if store.find(media_key("property_video", listing)) is None:
        raise InputError(
            f"{listing!r} has no finished film: run 'luxvid render FOLDER' first; 'luxvid status' lists all"
        )
    with _opened(None, settings, listing, board) as (defs, instance):
        result = _execute(defs, instance, "deliver_listing_job", listing)
    told = next(_metadata_of(result))
    names = (*package_files(store, listing), PACKAGE_LIST)
    return DeliveredPackage(
        listing=listing,
        folder=told["folder"],
        files={name: store.open(f"{prefix(listing)}/{name}") for name in names},
        notes=(*_said_since(settings, store, listing), *told["notes"]),
        frames_encoded=told["frames_encoded"],
        run=result.run_id,
    )


def _said_since(settings: Settings, store: MediaStore, listing: str) -> tuple[str, ...]:
    """Return a note where listing.yaml has changed since the direction: a package shows what it said then."""
    if "://" in settings.inbox:
        return ()
    try:
        folder = ListingSources(settings).folder(listing)
        now, then = read_manifest(folder), manifest_of(store, listing)
    except (LuxVidError, OSError):
        return ()
    names = ("title", "address", "client", "brief", "brand", "film")
    changed = [name for name in names if getattr(now, name) != getattr(then, name)]
    if not changed:
        return ()
    return (
        f"listing.yaml has another {' and '.join(changed)} since the listing was directed: "
        f"run 'luxvid render {folder}', then deliver again",
    )


@contextmanager
def _opened(
    folder: Path | None, settings: Settings, key: str, board: ProgressBoard
) -> Iterator[tuple[dg.Definitions, dg.DagsterInstance]]:
    """Give the definitions and the instance, with the listing known to it and held for this process."""
    from luxvid_pipeline.definitions import build_defs  # noqa: PLC0415 - definitions sit above: they are assembled per run

    keep_memory_low()
    with _only_one(settings, key):
        if folder is not None:
            ListingSources(settings).register(key, folder)
        with open_instance(settings) as instance:
            fail_abandoned_runs(instance)
            instance.add_dynamic_partitions(str(listing_partitions.name), [key])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)
                warnings.simplefilter("ignore", dg.PreviewWarning)
                defs = build_defs(lambda: settings, board)
            if not gc.get_freeze_count():
                gc.freeze()  # what is loaded stays: looking through it again and again took 0.4 s of a render
            gc.enable()
            yield defs, instance


def fail_abandoned_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs as failed whose process on this machine is gone (``kill -9``); returns how many."""
    abandoned = 0
    here = dg.RunsFilter(statuses=_UNFINISHED, tags={HOST_TAG: socket.gethostname()})
    for record in instance.get_run_records(here):
        if is_abandoned(record):
            instance.report_run_failed(
                record.dagster_run, "The process that ran this is gone; run it again, what is finished is kept."
            )
            abandoned += 1
    return abandoned


def is_abandoned(record: dg.RunRecord) -> bool:
    """Return whether a run was made by a process on this machine that ended without telling (``kill -9``)."""
    run = record.dagster_run
    if run.status not in _UNFINISHED or run.tags.get(HOST_TAG) != socket.gethostname():
        return False
    pid = run.tags.get(PID_TAG, "")
    began, started = record.create_timestamp.timestamp(), run.tags.get(STARTED_TAG, "")
    return not (pid.isdigit() and runs_since(int(pid), began, started))


def _run_stages(
    defs: dg.Definitions, instance: dg.DagsterInstance, listing: str, settings: Settings, board: ProgressBoard
) -> RenderedFilm:
    direction = _execute(defs, instance, "direct_listing_job", listing)
    _stop_unless_approved(defs, instance, listing, settings)
    # One after the other: two runs in one process deadlock in Dagster's logging set-up (docs/decisions/0005).
    ahead, score_run = _score_ahead(listing, settings, board)
    if ahead is None and settings.engines["clips"][0] == LOCAL:
        # The clips need most memory, and what the score leaves behind would lie beside it.
        clips = _execute(defs, instance, "shoot_scenes_job", listing, all_scenes_tags(listing))
        score = _execute(defs, instance, "score_listing_job", listing)
    elif ahead is None:  # a score that fails stops the film before its clips are paid for
        score = _execute(defs, instance, "score_listing_job", listing)
        clips = _execute(defs, instance, "shoot_scenes_job", listing, all_scenes_tags(listing))
    else:
        composer = ScoreChain(ahead.composers, spent_by(PaidServices(settings)))
        with ahead.playing():
            clips = _execute(defs, instance, "shoot_scenes_job", listing, all_scenes_tags(listing))
            score = _execute(
                defs, instance, "score_listing_job", listing, run_id=score_run, resources={"score_composer": composer}
            )
    results = [direction, score, clips, _execute(defs, instance, "assemble_film_job", listing)]
    accounts = [account for result in results for account in _metadata_of(result)]
    film = next(_metadata_of(results[-1]))
    return RenderedFilm(
        listing=listing,
        film=Path(film["file"]),
        duration_s=film["duration_s"],
        cost_usd=sum(account.get("cost_usd", 0.0) for account in accounts),
        paid_calls=sum(account.get("paid_calls", 0) for account in accounts),
        scenes=tuple(film["scenes"]),
        left_out=film["left_out"],
        degraded_reason="; ".join(_degraded(results)),
        runs=tuple(result.run_id for result in results),
    )


def _stop_unless_approved(defs: dg.Definitions, instance: dg.DagsterInstance, listing: str, settings: Settings) -> None:
    """Return if the listing may go on; otherwise make its animatic and raise what says how to decide.

    Raises:
        ApprovalMissingError: A person has to look first.
    """
    with opened_approvals(settings) as approvals:
        plan = approvals.required_plan(listing)
        state, made = approvals.state(listing, plan), is_made(approvals.store, settings, listing)
        if state.may_go_on or (made and state is not ApprovalState.REJECTED):
            return
        if made:
            raise missing_error(approvals, plan)
        _execute(defs, instance, "animatic_job", listing)
        raise missing_error(approvals, plan)


def _score_ahead(listing: str, settings: Settings, board: ProgressBoard) -> tuple[ScoreAhead | None, str]:
    """Return who plays a hosted score while the clips are shot, and the id of the run that will take it.

    None where the score's first engine is local, which waits for nobody and wants the same cores, or where the score
    is there already.
    """
    run_id = make_new_run_id()
    if settings.engines["score"][0] in {LOCAL, SILENCE}:
        return None, run_id
    store = open_media_store(settings)
    storyboard = DocumentIOManager(store).load_partition("storyboard", listing, missing_ok=False)
    pairs = TableIOManager(store).load_partition("scene_pairs", listing, missing_ok=False)
    if not isinstance(storyboard, Storyboard) or pairs is None:
        raise TypeError(f"storyboard and pairs of {listing} were made and cannot be read")
    account = account_of(listing, manifest_of(store, listing), "score", run_id)
    request = score_request(listing, storyboard, from_table(pairs, ScenePair), account)
    composers = engines_for("score", settings)
    if any(kept_score(store, request, composer.engine) for composer in composers):
        return None, run_id

    def kept(composer: ScoreComposer, stage: int) -> Path | None:
        stored = kept_stage(store, request, composer.engine, stage)
        return None if stored is None else store.open(stored.key)

    return ScoreAhead(
        composers, request, kept=kept, progress=lambda done: board.report("score", "stages", done)
    ), run_id


def _execute(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    listing: str,
    scene_range: Mapping[str, str] | None = None,
    *,
    run_id: str | None = None,
    resources: Mapping[str, object] | None = None,
) -> dg.ExecuteInProcessResult:
    by = {HOST_TAG: socket.gethostname(), PID_TAG: str(os.getpid()), STARTED_TAG: Process.this().started}
    tags = {**by, LISTING_TAG: listing, **(scene_range or {})}
    try:
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=None if scene_range else listing,
            tags=tags,
            run_config=_QUIET,
            raise_on_error=True,
            run_id=run_id,
            resources=resources,
        )
    except DagsterExecutionInterruptedError as error:
        raise KeyboardInterrupt from error
    except dg.DagsterError as error:
        # Dagster wraps what a resource or an IO manager raises; who reads the message wants what it was.
        cause = _cause(error)
        if cause is None:
            raise
        raise cause from error
    return_free_memory()
    failed = [event for event in result.get_asset_check_evaluations() if not event.passed and event.blocking]
    if failed:
        told = ", ".join(f"{event.check_name} {_plain(event.metadata)}" for event in failed)
        raise LuxVidError(f"{listing}: the film must not go out: {told}")
    return result


def _cause(error: BaseException) -> LuxVidError | None:
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, LuxVidError):
        inner = inner.__cause__ or inner.__context__
    return inner


def _degraded(results: Sequence[dg.ExecuteInProcessResult]) -> Iterator[str]:
    """Give each reason once, with the scenes it is about."""
    scenes_of: dict[str, list[str]] = {}
    for result in results:
        for event in result.filter_events(lambda event: event.is_step_materialization):
            made = event.step_materialization_data.materialization
            reason = str(_plain(made.metadata).get("degraded_reason", ""))
            if reason:
                is_scene = made.asset_key == dg.AssetKey("scene_clips") and made.partition
                scenes_of.setdefault(reason, []).extend([split_key(str(made.partition))[1]] if is_scene else [])
    for reason, scenes in scenes_of.items():
        yield f"{', '.join(scenes)}: {reason}" if scenes else reason


def _metadata_of(result: dg.ExecuteInProcessResult) -> Iterator[dict[str, Any]]:
    for event in result.filter_events(lambda event: event.is_step_materialization):
        yield _plain(event.step_materialization_data.materialization.metadata)


def _plain(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    return {key: value.value for key, value in metadata.items()}


@contextmanager
def _only_one(settings: Settings, listing: str) -> Iterator[None]:
    """Hold the listing for this process, so that two renders never write the same files."""
    directory = settings.home / "listings"
    lock = FileLock(directory / f"{listing}.lock", timeout=0)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise InputError(f"{listing!r} is being rendered by another process; wait for it or end it first") from error
    except OSError as error:
        raise StorageError(
            f"{directory}: cannot be written: {error.strerror or error}; free some space there, or set LUXVID_HOME "
            "to a directory of yours"
        ) from error
    try:
        yield
    finally:
        lock.release()
