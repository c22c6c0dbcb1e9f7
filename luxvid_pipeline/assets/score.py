"""``soundtrack``: the progressive score, stage by stage.

Belongs here: the asset, and keeping every stage as soon as it is done.
Does not belong here: composing (``providers/``), mastering for delivery (``media/film.py``).
"""

from pathlib import Path

import dagster as dg
import polars as pl

from luxvid_pipeline.assets.metadata import (
    OWNERS,
    Stopwatch,
    engine_facts,
    engine_from_facts,
    engine_metadata,
    preview,
)
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.ports import Engine, ScoreComposer, ScoreRequest
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import lay_out
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.media.audio import waveform_png
from luxvid_pipeline.media.loudness import measure_loudness
from luxvid_pipeline.media.sheets import as_markdown
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.progress import ProgressBoard

CODE_VERSION = "1"


@dg.asset(
    partitions_def=listing_partitions,
    group_name="score",
    kinds={"audio"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    io_manager_key="media_io",
)
def soundtrack(
    context: dg.AssetExecutionContext,
    storyboard: Storyboard,
    scene_pairs: pl.DataFrame,
    score_composer: dg.ResourceParam[ScoreComposer],
    media_store: dg.ResourceParam[MediaStore],
    progress: dg.ResourceParam[ProgressBoard],
) -> StoredFile:
    """The progressive score, 4 s, 8 s, … to the film's end; every stage is kept, so a crash resumes at its stage."""
    watch = Stopwatch()
    listing = context.partition_key
    request = score_request(listing, storyboard, from_table(scene_pairs, ScenePair))
    engines: list[Engine] = []
    made = 0
    so_far: Path | None = None
    stored: StoredFile | None = None
    for stage in range(len(request.shots)):
        key = f"soundtrack/{listing}/stage-{stage + 1}.flac"
        made_from = digest([request.fingerprint(score_composer.engine, stage), CODE_VERSION])
        stored = media_store.kept(key, made_from)
        if stored is None:
            with media_store.scratch() as scratch:
                file = scratch / f"stage-{stage + 1}.flac"
                engine = score_composer.compose_stage(request, stage, so_far, file)
                stored = media_store.put(file, key, made_from=made_from, facts=engine_facts(engine))
            engines.append(engine)
            made += 1
        so_far = media_store.open(key)
        progress.report("score", "stages", (stage + 1) / len(request.shots))
    if stored is None or so_far is None:
        raise RuntimeError("a storyboard without shots reached the score")  # scene_pairs refuses such a listing
    for stale in _stages_after(media_store, listing, len(request.shots)):
        media_store.remove(stale)
    score = media_store.put_bytes(
        so_far.read_bytes(), media_key("soundtrack", listing), made_from=stored.made_from, facts=stored.facts
    )
    loudness = measure_loudness(so_far)
    degraded = "; ".join(dict.fromkeys(engine.degraded_reason for engine in engines if engine.degraded_reason))
    account = Engine(
        name=engine_from_facts(stored.facts).name,
        cost_usd=sum(engine.cost_usd for engine in engines),
        paid_calls=sum(engine.paid_calls for engine in engines),
        degraded_reason=degraded,
    )
    context.add_output_metadata(
        {
            "style": request.style,
            "duration_s": sum(request.stage_seconds),
            "stages": len(request.shots),
            "stages_made": made,
            "loudness_lufs": round(loudness.integrated_lufs, 2),
            "true_peak_dbtp": round(loudness.true_peak_dbtp, 2),
            **engine_metadata(account, watch, reused=made == 0),
            **preview(as_markdown(waveform_png(so_far, request.stage_seconds), "waveform")),
        }
    )
    return score


def score_request(listing: str, storyboard: Storyboard, pairs: list[ScenePair]) -> ScoreRequest:
    """Return the score that fits the scenes the film will really show."""
    shown = {pair.scene for pair in pairs if not pair.left_out}
    shots = tuple(shot for shot in storyboard.shots if shot.scene in shown)
    timeline = lay_out([shot.seconds for shot in shots], Transition(storyboard.transition))
    return ScoreRequest(listing=listing, style=storyboard.music, shots=shots, stage_seconds=timeline.stage_seconds)


def _stages_after(store: MediaStore, listing: str, stages: int) -> list[str]:
    """Return stages left over from a longer film."""
    current = {f"soundtrack/{listing}/stage-{number + 1}.flac" for number in range(stages)}
    kept = [key for key in store.keys(f"soundtrack/{listing}") if "/stage-" in key]
    return [key for key in kept if key not in current]
