"""``scene_clips``: one silent clip a scene, all scenes of a listing at the same time.

Belongs here: the asset, and recording each clip the moment it is done.
Does not belong here: moving the camera (``providers/``), encoding (``media/encode.py``).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from luxvid_pipeline import checks
from luxvid_pipeline.assets.approval import ApprovalGate
from luxvid_pipeline.assets.clip_gate import gate_event, gate_facts, gate_metadata, left_out_event
from luxvid_pipeline.assets.data_versions import input_tags, own_tags
from luxvid_pipeline.assets.metadata import (
    OWNERS,
    Stopwatch,
    account_of,
    engine_facts,
    engine_from_facts,
    engine_metadata,
    manifest_of,
    preview,
)
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.assets.takes import keep_takes, seed_of, takes_metadata, takes_table
from luxvid_pipeline.domain.errors import InputError, LuxVidError, ScenesFailedError, StoppedError
from luxvid_pipeline.domain.keys import digest, scene_partition_key
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.ports import ClipGenerator, ClipRequest
from luxvid_pipeline.domain.progress import ITEMS_TAG, items_from_tag, may_be_cured
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.media.sheets import as_markdown, frames_of, strip
from luxvid_pipeline.partitions import listing_scene_partitions, scenes_of_a_listing, split_key
from luxvid_pipeline.providers.interrupts import run_to_its_end
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.progress import ProgressBoard

CODE_VERSION = "3"
ASSET = dg.AssetKey("scene_clips")
_MADE_FROM = ("listing_photos", "storyboard", "scene_pairs")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """What every scene of one run is shot with."""

    context: dg.AssetExecutionContext
    generator: ClipGenerator
    store: MediaStore
    progress: ProgressBoard
    at_once: asyncio.Semaphore
    gate: ApprovalGate
    inputs: "_Inputs"
    wanted: frozenset[str]
    """Scenes that the run was asked for; empty where it was asked for all of its range."""
    versions: Mapping[str, Mapping[str, str]]
    """By listing: what Dagster is told of the inputs."""


@dg.asset(
    partitions_def=listing_scene_partitions,
    ins={name: dg.AssetIn(partition_mapping=scenes_of_a_listing) for name in _MADE_FROM},
    group_name="shooting",
    kinds={"ffmpeg", "video"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    io_manager_key="media_io",
    pool="clips",
    # Each scene is recorded by its own event as soon as its clip is kept; an output would record every partition of
    # the run at its end, left-out scenes included, and none if one of them failed.
    output_required=False,
    check_specs=checks.CLIP_CHECKS,
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=7),
)
def scene_clips(
    context: dg.AssetExecutionContext,
    listing_photos: Any,
    storyboard: Any,
    scene_pairs: Any,
    clip_generator: dg.ResourceParam[ClipGenerator],
    media_store: dg.ResourceParam[MediaStore],
    progress: dg.ResourceParam[ProgressBoard],
    listing_approvals: dg.ResourceParam[ListingApprovals],
) -> Iterator[dg.Output[None]]:
    """One silent clip a scene in the film's own format; all scenes of a listing are shot at the same time."""
    if not context.partition_keys:
        raise InputError(
            "this run's range of partitions holds no scene: Dagster takes a range over listings and scenes as a "
            "product, so one that begins late in one listing and ends early in the next is empty; launch each listing "
            "by itself"
        )
    inputs = _Inputs(context.partition_keys, listing_photos, storyboard, scene_pairs)
    stage = _Stage(
        context=context,
        generator=clip_generator,
        store=media_store,
        progress=progress,
        at_once=asyncio.Semaphore(clip_generator.most_at_once),
        gate=ApprovalGate(listing_approvals),
        inputs=inputs,
        wanted=frozenset(items_from_tag(context.run.tags.get(ITEMS_TAG, ""))),
        versions={
            listing: input_tags(context.instance, listing, _MADE_FROM, code_version=CODE_VERSION)
            for listing in {split_key(key)[0] for key in context.partition_keys}
        },
    )
    requests = {key: inputs.request(key, media_store, context.run.run_id) for key in context.partition_keys}
    for key, request in requests.items():
        if request is None:
            context.log.info(f"{key}: the film does without this scene: {inputs.pair(key).reason}")
            context.log_event(left_out_event(key, inputs.pair(key).reason))  # pyright: ignore[reportArgumentType] - as below
    planned = {key: request for key, request in requests.items() if request is not None}
    # A loop of its own: when the run is ended, it cancels the scenes in flight and waits until they have cleaned up;
    # Dagster's loop for asynchronous assets leaves them behind.
    _raise_failures(run_to_its_end(_shoot_all(stage, planned)))
    # Each scene has logged what its check says; Dagster still waits for the check's own output.
    yield dg.Output(None, output_name=ASSET.path[-1] + "_" + checks.CLIP_CHECK)


async def _shoot_all(stage: _Stage, planned: Mapping[str, ClipRequest]) -> dict[str, BaseException | None]:
    """Shoot scenes at the same time; returns what went wrong with each, or None, without those left alone."""
    scenes = (_shoot(stage, key, request) for key, request in planned.items())
    outcomes = await asyncio.gather(*scenes, return_exceptions=True)
    return {
        key: outcome if isinstance(outcome, BaseException) else None
        for key, outcome in zip(planned, outcomes, strict=True)
        if outcome is not False
    }


async def _shoot(stage: _Stage, partition: str, request: ClipRequest) -> bool:
    """Shoot one scene, unless exactly this clip is there already, and record it; returns whether it is there.

    A range reaches from the first to the last scene that was asked for. One between them that nobody asked for and
    that is not there waits for its next try or for a person, and is left alone.
    """
    watch = Stopwatch()
    engine_name = stage.generator.engine
    key = media_key("scene_clips", partition)
    made_from = _made_from(request, engine_name)
    scene_key = request.shot.scene
    stored = await asyncio.to_thread(stage.store.kept, key, made_from)
    reused = stored is not None
    if stored is None and stage.wanted and scene_key not in stage.wanted:
        stage.context.log.info(f"{partition}: this run was not asked for it; it waits for its own turn")
        return False
    if stored is None:
        await asyncio.to_thread(stage.inputs.pass_gate, stage.gate, request.listing)
        async with stage.at_once:
            stage.progress.report("clips", scene_key, 0.0)
            with stage.store.scratch() as scratch:
                file = scratch / f"{scene_key}.mp4"
                engine = await stage.generator.shoot(
                    request, file, lambda done: stage.progress.report("clips", scene_key, done)
                )
                takes = await asyncio.to_thread(keep_takes, stage.store, key, scratch, engine.takes)
                gate = await asyncio.to_thread(gate_facts, file, request, engine)
                facts = {
                    **engine_facts(engine),
                    **gate,
                    **({"takes": takes} if takes else {}),
                    "first_photo": request.first.record.photo_id,
                    "last_photo": request.last.record.photo_id if request.last else None,
                    "seed": seed_of(engine, request.seed),
                }
                stored = await asyncio.to_thread(stage.store.put, file, key, made_from=made_from, facts=facts)
    stage.progress.report("clips", scene_key, 1.0)
    metadata = await asyncio.to_thread(_describe, stage.store, stored, request)
    stage.context.log_event(
        dg.AssetMaterialization(
            asset_key=ASSET,
            partition=partition,
            description=f"{scene(scene_key).title}: {request.shot.camera}",
            metadata={**metadata, **engine_metadata(engine_from_facts(stored.facts), watch, reused=reused)},
            tags={**stage.versions[request.listing], **own_tags(stored.sha256)},
        )
    )
    if (event := gate_event(partition, stored.facts, stage.context.instance)) is not None:
        stage.context.log_event(event)  # pyright: ignore[reportArgumentType] - taken, but missing in Dagster's own type
    return True


def kept_clip(store: MediaStore, request: ClipRequest, engine: str) -> StoredFile | None:
    """Return the clip of exactly this request if it is there, so that nothing has to be shot."""
    key = media_key("scene_clips", scene_partition_key(request.listing, request.shot.scene))
    return store.kept(key, _made_from(request, engine))


def clip_made_from(request: ClipRequest, engine: str) -> str:
    """Return the digest that the record of exactly this clip holds."""
    return _made_from(request, engine)


def _made_from(request: ClipRequest, engine: str) -> str:
    return digest([request.fingerprint(engine), CODE_VERSION])


def _describe(store: MediaStore, stored: StoredFile, request: ClipRequest) -> dict[str, Any]:
    path = store.open(stored.key)
    facts = probe_video(path)
    last = request.last or request.first
    return {
        "path": stored.key,
        "sha256": stored.sha256,
        "bytes": stored.bytes,
        "duration_s": float(facts.duration_s),
        "width_px": facts.width_px,
        "height_px": facts.height_px,
        "fps": float(facts.fps),
        "camera": request.shot.camera,
        "first_photo": request.first.record.file,
        "last_photo": last.record.file,
        "seed": stored.facts.get("seed", request.seed),
        **takes_metadata(stored.facts),
        **gate_metadata(stored.facts),
        **preview(
            as_markdown(strip(frames_of(path, 5, width_px=240, exact=False)), request.shot.scene)
            + takes_table(stored.facts)
        ),
    }


def _raise_failures(outcomes: dict[str, BaseException | None]) -> None:
    """Raise what went wrong, once every other scene is done and recorded."""
    failures = {key: outcome for key, outcome in outcomes.items() if outcome is not None}
    for failure in failures.values():
        if not isinstance(failure, Exception) or isinstance(failure, StoppedError):
            raise failure
    if not failures:
        return
    if len(failures) == 1:
        (failure,) = failures.values()
        if not isinstance(failure, LuxVidError):
            raise failure
        raise ScenesFailedError(_failed_line(outcomes, failures)) from failure
    ordinary = [failure for failure in failures.values() if isinstance(failure, Exception)]
    if not any(may_be_cured(type(failure)) for failure in ordinary):
        # Whoever decides whether to ask again reads the causes, and a group hides what it is made of.
        raise ScenesFailedError(_failed_line(outcomes, failures)) from ordinary[0]
    raise ScenesFailedError(_failed_line(outcomes, failures)) from ExceptionGroup("scenes", ordinary)


def _failed_line(outcomes: dict[str, BaseException | None], failures: dict[str, BaseException]) -> str:
    told = "; ".join(f"{key}: {failure or type(failure).__name__}" for key, failure in failures.items())
    kept = len(outcomes) - len(failures)
    return f"{len(failures)} of {len(outcomes)} scenes failed ({told}); {kept} are kept, run it again for the rest"


class _Inputs:
    """The inputs by listing: one run may hold scenes of several listings, and Dagster then gives dictionaries."""

    def __init__(self, partitions: Sequence[str], photos: Any, storyboards: Any, pairs: Any) -> None:
        listings = sorted({split_key(partition)[0] for partition in partitions})
        self._photos: dict[str, pl.DataFrame] = _by_listing(photos, listings)
        self._storyboards: dict[str, Storyboard] = _by_listing(storyboards, listings)
        tables: dict[str, pl.DataFrame] = _by_listing(pairs, listings)
        self._pairs = {
            listing: {pair.scene: pair for pair in from_table(table, ScenePair)} for listing, table in tables.items()
        }
        self._opened: dict[str, dict[str, Any]] = {}

    def pair(self, partition: str) -> ScenePair:
        listing, scene_key = split_key(partition)
        return self._pairs[listing][scene_key]

    def pass_gate(self, gate: ApprovalGate, listing: str) -> None:
        """Return if a listing may be shot; see ``ApprovalGate``."""
        gate.pass_through(listing, self._storyboards[listing], list(self._pairs[listing].values()))

    def request(self, partition: str, store: MediaStore, run_id: str = "") -> ClipRequest | None:
        """Return what to shoot for one partition, and who pays; None where the film does without the scene."""
        listing, scene_key = split_key(partition)
        pair = self.pair(partition)
        board = self._storyboards[listing].for_pairs([pair])
        shot = next((shot for shot in board.shots if shot.scene == scene_key), None)
        if pair.left_out or shot is None or pair.first_photo is None:
            return None
        if listing not in self._opened:
            opened = working_photos(store, self._photos[listing])
            self._opened[listing] = {photo.record.photo_id: photo for photo in opened}
        photos = self._opened[listing]
        return ClipRequest(
            listing=listing,
            shot=shot,
            first=photos[pair.first_photo],
            last=photos[pair.last_photo] if pair.last_photo else None,
            overlap=pair.overlap,
            account=account_of(listing, manifest_of(store, listing), "clips", run_id),
        )


def _by_listing(value: Any, listings: Sequence[str]) -> dict[str, Any]:
    return value if isinstance(value, dict) else {listings[0]: value}
