"""``soundtrack``: the progressive score, stage by stage.

Belongs here: the asset, and keeping every stage as soon as it is done.
Does not belong here: composing (``providers/``), mastering for delivery (``media/film.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl

from luxvid_pipeline import checks
from luxvid_pipeline.assets.approval import ApprovalGate
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
from luxvid_pipeline.domain.fallback import film_goes_on_without, moves_on, step_in_words
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.ports import Engine, ScoreComposer, ScoreRequest
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import lay_out
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.media.audio import waveform_png
from luxvid_pipeline.media.film import FADE_S
from luxvid_pipeline.media.measures.sound import measure_sound
from luxvid_pipeline.media.sheets import as_markdown
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.providers.chains import COST_NOTHING, ScoreChain, after, composers_of
from luxvid_pipeline.providers.local.silence import SILENCE
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.progress import ProgressBoard

CODE_VERSION = "2"


@dg.asset(
    partitions_def=listing_partitions,
    group_name="score",
    kinds={"audio"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    io_manager_key="media_io",
    pool="score",
    check_specs=checks.SCORE_CHECKS,
)
def soundtrack(
    context: dg.AssetExecutionContext,
    storyboard: Storyboard,
    scene_pairs: pl.DataFrame,
    score_composer: dg.ResourceParam[ScoreComposer | ScoreChain],
    spare_composer: dg.ResourceParam[ScoreComposer],
    media_store: dg.ResourceParam[MediaStore],
    progress: dg.ResourceParam[ProgressBoard],
    listing_approvals: dg.ResourceParam[ListingApprovals],
) -> Iterator[dg.Output[StoredFile] | dg.AssetCheckResult]:
    """The progressive score, 4 s, 8 s, … to the film's end; every stage is kept, so a crash resumes at its stage."""
    watch = Stopwatch()
    listing = context.partition_key
    manifest = manifest_of(media_store, listing)
    account = account_of(listing, manifest, "score", context.run.run_id)
    pairs = from_table(scene_pairs, ScenePair)
    request = score_request(listing, storyboard, pairs, account)
    if not any(kept_score(media_store, request, composer.engine) for composer in composers_of(score_composer)):
        ApprovalGate(listing_approvals).pass_through(listing, storyboard, pairs)
    stages = ScoreStages(request, media_store, progress)
    stored, engines = stages.play(composers_of(score_composer), spare_composer)
    made = len(engines)
    so_far = media_store.open(stored.key)
    for stale in _stages_after(media_store, listing, len(request.shots)):
        media_store.remove(stale)
    maker = engine_from_facts(stored.facts)
    account_of_run = replace(
        maker,
        cost_usd=sum(engine.cost_usd for engine in engines),
        paid_calls=sum(engine.paid_calls for engine in engines),
    )
    if isinstance(score_composer, ScoreChain):
        account_of_run = score_composer.billed(account_of_run, account)
    key = media_key("soundtrack", listing)
    score = media_store.kept(key, stored.made_from) if made == 0 else None
    if score is None:
        # The film adds up what its clips and its score cost: all of this run, and the stages kept from earlier ones.
        whole = replace(maker, cost_usd=account_of_run.cost_usd + stages.kept_usd)
        score = media_store.put_bytes(so_far.read_bytes(), key, made_from=stored.made_from, facts=engine_facts(whole))
    sound = measure_sound(so_far, stage_seconds=request.stage_seconds, fade_s=FADE_S)
    context.add_output_metadata(
        {
            "style": request.style,
            "duration_s": sum(request.stage_seconds),
            "stages": len(request.shots),
            "stages_made": made,
            "loudness_lufs": round(sound.integrated_lufs, 2),
            "true_peak_dbtp": round(sound.true_peak_dbtp, 2),
            **engine_metadata(account_of_run, watch, reused=made == 0),
            **preview(as_markdown(waveform_png(so_far, request.stage_seconds), "waveform")),
        },
        output_name="result",
    )
    yield dg.Output(score)
    yield checks.score_has_no_seam(sound, silent=maker.name == SILENCE)


def score_request(
    listing: str, storyboard: Storyboard, pairs: list[ScenePair], account: Account | None = None
) -> ScoreRequest:
    """Return the score that fits the scenes the film will really show."""
    shown = {pair.scene for pair in pairs if not pair.left_out}
    shots = tuple(shot for shot in storyboard.shots if shot.scene in shown)
    if not shots:
        raise RuntimeError("a storyboard without shots reached the score")  # scene_pairs refuses such a listing
    timeline = lay_out([shot.seconds for shot in shots], Transition(storyboard.transition))
    return ScoreRequest(
        listing=listing,
        style=storyboard.music,
        shots=shots,
        stage_seconds=timeline.stage_seconds,
        account=account,
    )


def kept_score(store: MediaStore, request: ScoreRequest, engine: str) -> StoredFile | None:
    """Return the last stage of exactly this score if it is there, so that nothing has to be played."""
    return kept_stage(store, request, engine, len(request.shots) - 1)


def kept_stage(store: MediaStore, request: ScoreRequest, engine: str, stage: int) -> StoredFile | None:
    """Return the score of exactly this request up to the end of a stage (from 0), if it is there."""
    return store.kept(_key(request, stage), _made_from(request, engine, stage))


def score_made_from(request: ScoreRequest, engine: str) -> str:
    """Return the digest that the record of exactly this score holds."""
    return _made_from(request, engine, len(request.shots) - 1)


def _key(request: ScoreRequest, stage: int) -> str:
    return f"soundtrack/{request.listing}/stage-{stage + 1}.flac"


def _made_from(request: ScoreRequest, engine: str, stage: int) -> str:
    return digest([request.fingerprint(engine, stage), CODE_VERSION])


class ScoreStages:
    """The stages of one score in the store."""

    def __init__(self, request: ScoreRequest, store: MediaStore, progress: ProgressBoard) -> None:
        self._request = request
        self._store = store
        self._progress = progress
        self._count = len(request.shots)
        self.kept_usd = 0.0
        """What the stages of the played score cost that were there from earlier runs."""

    def play(self, composers: Sequence[ScoreComposer], spare: ScoreComposer) -> tuple[StoredFile, list[Engine]]:
        """Return the last stage, and the accounts of what was played now; each stage is kept as soon as it is done.

        A stage continues the one before, so the next composer of a chain begins the score again. Whatever composer
        of the chain finished this score earlier, its score is taken: running again asks nobody.

        Args:
            composers: In the order in which they are asked.
            spare: Who plays if none of them can, or if a reason that no other paid one could mend stops them: music
                never stops a film. A later run asks the chain again.
        """
        for composer in composers:
            last = self._kept(composer, self._count - 1)
            if last is not None:
                self._progress.report("score", "stages", 1.0)
                return last, []
        steps: list[str] = []
        played: list[Engine] = []
        may_pay = True
        for composer in composers:
            costs = composer.engine not in COST_NOTHING
            if costs and not may_pay:
                continue
            try:
                return self._play(composer, steps, played)
            except Exception as error:
                if not costs or not film_goes_on_without(error):
                    raise
                may_pay = moves_on(error)
                steps.append(step_in_words(composer.engine, error))
        return self._play(spare, steps, played)

    def _play(self, composer: ScoreComposer, steps: list[str], played: list[Engine]) -> tuple[StoredFile, list[Engine]]:
        so_far: Path | None = None
        stored: StoredFile | None = None
        self.kept_usd = 0.0
        for stage in range(self._count):
            stored = self._kept(composer, stage)
            if stored is not None:
                self.kept_usd += engine_from_facts(stored.facts).cost_usd
            else:
                with self._store.scratch() as scratch:
                    file = scratch / f"stage-{stage + 1}.flac"
                    engine = after(steps, composer.compose_stage(self._request, stage, so_far, file))
                    facts = engine_facts(engine)
                    stored = self._store.put(
                        file,
                        _key(self._request, stage),
                        made_from=_made_from(self._request, composer.engine, stage),
                        facts=facts,
                    )
                played.append(engine)
            so_far = self._store.open(stored.key)
            self._progress.report("score", "stages", (stage + 1) / self._count)
        if stored is None:
            raise RuntimeError("a score has at least one stage")
        return stored, played

    def _kept(self, composer: ScoreComposer, stage: int) -> StoredFile | None:
        return kept_stage(self._store, self._request, composer.engine, stage)


def _stages_after(store: MediaStore, listing: str, stages: int) -> list[str]:
    """Return stages left over from a longer film."""
    current = {f"soundtrack/{listing}/stage-{number + 1}.flac" for number in range(stages)}
    kept = [key for key in store.keys(f"soundtrack/{listing}") if "/stage-" in key]
    return [key for key in kept if key not in current]
