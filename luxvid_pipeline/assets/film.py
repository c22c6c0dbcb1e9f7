"""``property_video``: the film.

Belongs here: the asset.
Does not belong here: joining and mixing (``media/film.py``), what must hold of it (``checks.py``).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from luxvid_pipeline import checks
from luxvid_pipeline.assets.metadata import (
    OWNERS,
    Stopwatch,
    engine_facts,
    engine_from_facts,
    engine_metadata,
    preview,
)
from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.domain.keys import digest, scene_partition_key
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.domain.scenes import SCENE_KEYS, scene
from luxvid_pipeline.domain.storyboard import Shot, Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import Timeline, lay_out
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.media.film import assemble_film, inspect_film
from luxvid_pipeline.media.measures.delivery import inspect_file
from luxvid_pipeline.media.sheets import as_markdown, frames_of
from luxvid_pipeline.partitions import listing_partitions, scenes_of_a_listing
from luxvid_pipeline.providers.local.silence import SILENCE
from luxvid_pipeline.resources.progress import ProgressBoard

CODE_VERSION = "2"


@dg.asset(
    partitions_def=listing_partitions,
    ins={
        "scene_clips": dg.AssetIn(
            partition_mapping=scenes_of_a_listing,
            # A listing that cannot show all seven scenes has fewer clips; which must be there is checked below.
            metadata={"allow_missing": True},
        )
    },
    group_name="film",
    kinds={"ffmpeg", "video"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    io_manager_key="media_io",
    check_specs=checks.FILM_CHECKS,
)
def property_video(
    context: dg.AssetExecutionContext,
    scene_clips: dict[str, StoredFile],
    soundtrack: StoredFile,
    storyboard: Storyboard,
    scene_pairs: pl.DataFrame,
    media_store: dg.ResourceParam[MediaStore],
    progress: dg.ResourceParam[ProgressBoard],
) -> Iterator[dg.Output[StoredFile] | dg.AssetCheckResult]:
    """The film: the clips in order, the score mixed in, loudness normalised, 1080p, ready to upload."""
    watch = Stopwatch()
    listing = context.partition_key
    pairs = {pair.scene: pair for pair in from_table(scene_pairs, ScenePair)}
    shots = [shot for shot in storyboard.for_pairs(pairs.values()).shots if not pairs[shot.scene].left_out]
    clips = [clip_of(scene_clips, listing, shot, pairs[shot.scene]) for shot in shots]
    transition = Transition(storyboard.transition)
    timeline = lay_out([shot.seconds for shot in shots], transition)
    made_from = film_made_from(clips, soundtrack, transition)
    key = media_key("property_video", listing)
    stored = media_store.kept(key, made_from)
    reused = stored is not None
    if stored is None:
        stored = _assemble(media_store, clips, soundtrack, key, made_from, timeline, transition, progress)
    progress.report("film", "film", 1.0)

    path = media_store.open(key)
    facts = inspect_film(path)
    (poster,) = frames_of(path, 1, width_px=960)
    makers = [engine_from_facts(stored.facts) for stored in (*clips, soundtrack)]
    degraded = "; ".join(dict.fromkeys(maker.degraded_reason for maker in makers if maker.degraded_reason))
    engine = Engine(name=" + ".join(dict.fromkeys(maker.name for maker in makers)), degraded_reason=degraded)
    left_out = {pair.scene: pair.reason for pair in pairs.values() if pair.left_out}
    yield dg.Output(
        stored,
        metadata={
            "file": dg.MetadataValue.path(str(path)),
            "duration_s": float(facts.duration_s),
            "width_px": facts.width_px,
            "height_px": facts.height_px,
            "fps": float(facts.fps),
            "loudness_lufs": round(facts.integrated_lufs, 2),
            "true_peak_dbtp": round(facts.true_peak_dbtp, 2),
            "scenes": [shot.scene for shot in shots],
            "left_out": left_out,
            "transition": transition.value,
            **engine_metadata(engine, watch, reused=reused),
            "film_cost_usd": sum(maker.cost_usd for maker in makers),
            **preview(as_markdown(poster, "poster") + "\n\n" + _scene_table(shots, timeline, clips, left_out)),
        },
    )
    yield checks.film_is_as_long_as_its_scenes(facts, timeline.duration_s)
    yield checks.film_is_as_loud_as_agreed(facts, silent=engine_from_facts(soundtrack.facts).name == SILENCE)
    yield checks.film_is_what_platforms_take(inspect_file(path, loudness=facts.loudness))


def film_made_from(clips: Sequence[StoredFile], score: StoredFile, transition: Transition) -> str:
    """Return the digest that the record of the film of exactly these clips, in play order, and this score holds."""
    return digest([[clip.sha256 for clip in clips], score.sha256, transition.value, CODE_VERSION])


def _assemble(
    store: MediaStore,
    clips: list[StoredFile],
    score: StoredFile,
    key: str,
    made_from: str,
    timeline: Timeline,
    transition: Transition,
    progress: ProgressBoard,
) -> StoredFile:
    with store.scratch() as scratch:
        file = scratch / Path(key).name
        assemble_film(
            [store.open(clip.key) for clip in clips],
            store.open(score.key),
            file,
            timeline=timeline,
            transition=transition,
            workdir=scratch,
            silent=engine_from_facts(score.facts).name == SILENCE,
            progress=lambda done: progress.report("film", "film", done),
        )
        return store.put(file, key, made_from=made_from, facts=engine_facts(Engine()))


def clip_of(clips: dict[str, StoredFile], listing: str, shot: Shot, pair: ScenePair) -> StoredFile:
    """Return the clip of a planned scene.

    Raises:
        DamagedMediaError: It is missing, or it was shot from other photos than those now chosen.
    """
    partition = scene_partition_key(listing, shot.scene)
    clip = clips.get(partition)
    remedy = f"run the asset scene_clips for {listing}, scene {shot.scene}, then property_video again"
    if clip is None:
        missing = [key for key in SCENE_KEYS if scene_partition_key(listing, key) not in clips]
        raise DamagedMediaError(
            f"{listing}: the clip of {shot.scene} is missing (no clip: {', '.join(missing)}): {remedy}"
        )
    shot_from = (clip.facts.get("first_photo"), clip.facts.get("last_photo"))
    if shot_from != (pair.first_photo, pair.last_photo):
        raise DamagedMediaError(f"{listing}: the clip of {shot.scene} shows other photos than now chosen: {remedy}")
    return clip


def _scene_table(shots: list[Shot], timeline: Timeline, clips: list[StoredFile], left_out: dict[str, str]) -> str:
    rows = ["| from | scene | shows | engine |", "|---|---|---|---|"]
    rows += [
        f"| {start_s:.1f} s | {scene(shot.scene).title} | {shot.subject} | {clip.facts.get('engine', 'local')} |"
        for start_s, shot, clip in zip(timeline.starts_s, shots, clips, strict=True)
    ]
    rows += [f"| – | {scene(key).title} | *left out:* {reason} | |" for key, reason in left_out.items()]
    return "\n".join(rows)
