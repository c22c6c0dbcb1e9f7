"""Music models as a composer: the port ``ScoreComposer`` on Replicate.

Belongs here: what each stage asks of MusicGen and of Riffusion, and making one score of what they play.
Does not belong here: finding and joining continuations (``media/stage_joins.py``), paying once (``predictions.py``).

Sources: input schemas of ``meta/musicgen`` 671ac645 and ``riffusion/riffusion`` 8cf61ea6, from the npm package
all-the-public-replicate-models 1.352.0; the rule of 30 s from MusicGen's own predict.py.
"""

import asyncio
import hashlib
import math
import tempfile
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from luxvid_pipeline.domain.errors import InvalidRequestError, SettingsError, TimelineError
from luxvid_pipeline.domain.payments import FREE, Estimate, PaidRequest
from luxvid_pipeline.domain.ports import Engine, ScoreRequest
from luxvid_pipeline.domain.pricing import billed_hardware, hardware_price
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Pcm, Sound, read_flac, to_sound, write_flac
from luxvid_pipeline.media.stage_joins import (
    SEAM_S,
    end_gain,
    find_continuation,
    join_stage,
    looped,
    on_the_beat,
    read_music,
    write_slice,
)
from luxvid_pipeline.providers.interrupts import run_to_its_end
from luxvid_pipeline.providers.replicate.clips import who_pays
from luxvid_pipeline.providers.replicate.predictions import Delivery, Desk, InputFile, Order, deliver

MUSICGEN = "meta/musicgen"
MUSICGEN_SINGLE = "meta/musicgen:single"
RIFFUSION = "riffusion/riffusion"

VERSIONS: Mapping[str, str] = {
    MUSICGEN: "671ac645ce5e552cc63a54a2bbff63fcf798043055d2dac5fc9e36a837eedcfb",
    RIFFUSION: "8cf61ea6c56afd61d8f5b9ffd14d7c216c0a93844ce2d82ac1c9ecc9c7f24e05",
}
"""Community models are asked for by version; a version never changes, so no live schema is compared."""

LONGEST_S = 30
"""MusicGen: slice and new music together. Beyond it the prediction fails, after it was queued."""

LONGEST_SLICE_S = 20
"""Of what there is so far, MusicGen hears the last 20 s: the seventh stage of four seconds still fits."""

_RIFFUSION_S = 5.0
_RIFFUSION_SEAM_S = 0.08

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Part:
    """One generation: what is asked, and how it becomes a stage."""

    given: Mapping[str, Any]
    files: Mapping[str, InputFile]
    made_s: float
    slice_frames: int = 0


class ReplicateScore:
    """Plays a score with MusicGen, stage by stage or in one piece, or with Riffusion."""

    def __init__(self, engine: str, desk: Desk, *, deadline_s: float = 900.0) -> None:
        """Choose a model.

        Args:
            engine: ``meta/musicgen``, ``meta/musicgen:single`` or ``riffusion/riffusion``.
            desk: Where paid requests are handed in.
            deadline_s: How long one generation may take; a cold start takes minutes.

        Raises:
            SettingsError: There is no adapter for it.
        """
        if engine not in {MUSICGEN, MUSICGEN_SINGLE, RIFFUSION}:
            raise SettingsError(
                f"there is no adapter for the score model {engine!r}; known: {MUSICGEN}, {MUSICGEN_SINGLE}, {RIFFUSION}"
            )
        self._engine = engine
        self._model = engine.removesuffix(":single")
        self._desk = desk
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._under_way: set[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = set()
        self._stopped = False

    @property
    def engine(self) -> str:
        """The model's name, with ``:single`` where it plays the film in one piece."""
        return self._engine

    def estimate(self, request: ScoreRequest) -> Estimate:
        """Return what the whole score may cost if all of it has to be bought.

        A run that failed for a passing reason is billed for the time it ran, and sent again: the upper end holds as
        many of each as there may be.

        Raises:
            InvalidRequestError: It is longer than the model plays.
        """
        if self._engine == MUSICGEN_SINGLE:
            total = self._price(self._whole_s(request))
        else:
            total = sum((self._price(_asked_s(seconds)) for seconds in request.stage_seconds), FREE)
        return total.at_most(self._desk.api.patience.tries)

    def compose_stage(self, request: ScoreRequest, stage: int, so_far: Path | None, into: Path) -> Engine:
        """Write the score up to the end of a stage, beginning with exactly what ``so_far`` holds.

        Raises:
            TimelineError: There is no such stage, or a later one is asked for without the one before.
            BudgetExceededError: It does not fit; nothing was sent.
            ProviderError: The model could not or would not play it.
            MediaError: What came back cannot be used.
            StorageError: The file cannot be written.
        """
        if not 0 <= stage < len(request.stage_seconds):
            raise TimelineError(
                f"the score of {request.listing!r} has {len(request.stage_seconds)} stages, none with index {stage}"
            )
        kept = read_flac(so_far) if so_far is not None and stage > 0 else np.zeros((0, 2), np.int32)
        if stage > 0 and so_far is None and self._engine != MUSICGEN_SINGLE:
            raise TimelineError(f"stage {stage + 1} of {request.listing!r} continues the one before, which is missing")
        end = round(sum(request.stage_seconds[: stage + 1]) * SAMPLE_RATE_HZ)
        with tempfile.TemporaryDirectory(prefix="luxvid-", dir=self._desk.scratch) as folder:
            part = self._part(request, stage, kept, Path(folder))
            delivery = _finish(self._delivered(self._order(request, stage, part)))
            score, notes = self._joined(request, stage, kept, part, read_music(delivery.path), end)
        write_flac(score, into)
        return self._account(delivery, notes)

    def stop(self) -> None:
        """Cancel what is under way, from any thread, and begin nothing more; the ledger goes on from there later.

        ``compose_stage`` then raises ``asyncio.CancelledError``.
        """
        with self._lock:
            self._stopped = True
            for loop, task in self._under_way:
                loop.call_soon_threadsafe(task.cancel)

    async def _delivered(self, order: Order) -> Delivery:
        work = asyncio.ensure_future(deliver(order, self._desk))
        entry = asyncio.get_running_loop(), work
        with self._lock:
            if self._stopped:
                work.cancel()
            self._under_way.add(entry)
        try:
            return await work
        finally:
            with self._lock:
                self._under_way.discard(entry)

    # ---- what is asked -------------------------------------------------------------------------------------------

    def _part(self, request: ScoreRequest, stage: int, kept: Pcm, folder: Path) -> _Part:
        if self._model == RIFFUSION:
            given = {
                "prompt_a": _words(request, stage),
                "denoising": 0.75,
                "num_inference_steps": 50,
                "seed_image_id": "og_beat",
            }
            return _Part(given, {}, _RIFFUSION_S)
        if self._engine == MUSICGEN_SINGLE:
            whole_s = self._whole_s(request)
            return _Part(self._musicgen(request, _whole_words(request), whole_s), {}, whole_s)
        asked_s = _asked_s(request.stage_seconds[stage])
        if asked_s >= LONGEST_S:
            raise InvalidRequestError(
                f"{self._engine}: stage {stage + 1} of {request.listing} lasts {request.stage_seconds[stage]:g} s; the "
                f"model plays less than {LONGEST_S} s at a time; choose another engine or shorten the scene"
            )
        given = self._musicgen(request, _words(request, stage), asked_s)
        if not len(kept):
            return _Part(given, {}, asked_s)
        heard = min(len(kept), min(LONGEST_SLICE_S, LONGEST_S - asked_s) * SAMPLE_RATE_HZ)
        file = folder / "slice.wav"
        write_slice(kept[-heard:], file)
        digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        # continuation_end stays out: the slice is the whole file, and -1, which the text names, violates the schema.
        given |= {"input_audio": digest, "continuation": True, "continuation_start": 0}
        return _Part(given, {digest: InputFile(path=file, content_type="audio/wav")}, asked_s, heard)

    def _musicgen(self, request: ScoreRequest, words: str, seconds: int) -> dict[str, Any]:
        return {
            "model_version": "stereo-large",
            "prompt": words,
            "duration": seconds,
            "continuation": False,
            "normalization_strategy": "loudness",
            "output_format": "wav",
            "seed": int.from_bytes(hashlib.sha256(request.listing.encode()).digest()[:3], "big"),
        }

    def _order(self, request: ScoreRequest, stage: int, part: _Part) -> Order:
        name = "the score" if self._engine == MUSICGEN_SINGLE else f"stage {stage + 1} of the score"
        scene = "" if self._engine == MUSICGEN_SINGLE else f"stage-{stage + 1}"

        def cost(metrics: Mapping[str, Any]) -> Decimal:
            return billed_hardware(self._model, metrics, made_s=part.made_s)

        return Order(
            request=PaidRequest(
                vendor="replicate",
                model=self._model,
                version=VERSIONS[self._model],
                input=part.given,
                account=who_pays(request.account, request.listing, "score", scene),
                estimate=self._price(part.made_s),
            ),
            files=part.files,
            doing=f"{self._engine} for {name} of {request.listing}",
            suffix=".wav",
            kinds=("audio/",),
            part="audio" if self._model == RIFFUSION else "",
            cost=cost,
            by_hardware=True,
            check=read_music,
            deadline_s=self._deadline_s,
            usual_s=30.0,
        )

    def _price(self, made_s: float) -> Estimate:
        return hardware_price(self._model, made_s=made_s)

    def _whole_s(self, request: ScoreRequest) -> int:
        whole_s = _asked_s(sum(request.stage_seconds))
        if whole_s > LONGEST_S:
            raise InvalidRequestError(
                f"{self._engine}: the film of {request.listing} lasts {sum(request.stage_seconds):g} s and the model "
                f"plays {LONGEST_S} s at most in one piece; use {MUSICGEN}, which continues"
            )
        return whole_s

    # ---- what is made of it --------------------------------------------------------------------------------------

    def _joined(
        self, request: ScoreRequest, stage: int, kept: Pcm, part: _Part, came: Sound, end: int
    ) -> tuple[Pcm, dict[str, float | str]]:
        """The score up to the end of the stage."""
        frames = end - len(kept)
        if self._engine == MUSICGEN_SINGLE:
            # The same recording serves every stage: what is kept is its beginning, to the sample.
            return join_stage(kept, came[len(kept) :], frames, seam_s=0.0 if len(kept) else SEAM_S), {}
        if self._model == RIFFUSION:
            start = on_the_beat(came, frames)
            new = came[start:] if len(came) - start >= frames else looped(came[start:], frames)
            gain = end_gain(to_sound(kept), new) if len(kept) else 1.0
            seam_s = _RIFFUSION_SEAM_S if len(kept) else SEAM_S
            return join_stage(kept, new, frames, gain=gain, seam_s=seam_s), {"begins_at_s": start / SAMPLE_RATE_HZ}
        if not part.slice_frames:
            return join_stage(kept, came, frames), {}
        found = find_continuation(to_sound(kept[-part.slice_frames :]), came, part.made_s)
        score = join_stage(kept, came[found.cut :], frames, gain=found.gain)
        return score, {
            "slice_s": part.slice_frames / SAMPLE_RATE_HZ,
            "slice_likeness": round(found.likeness, 4),
            "contains_slice": "yes" if found.contains_slice else "no",
            "cut_at_s": round(found.cut / SAMPLE_RATE_HZ, 5),
            "gain_db": round(20 * math.log10(found.gain), 2),
        }

    def _account(self, delivery: Delivery, notes: Mapping[str, float | str]) -> Engine:
        return Engine(
            name=self.engine,
            cost_usd=float(delivery.cost_usd),
            paid_calls=delivery.requests,
            notes=notes,
        )


def _asked_s(seconds: float) -> int:
    return max(1, math.ceil(seconds - 1e-6))


def _words(request: ScoreRequest, stage: int) -> str:
    return request.shots[stage].score_prompt


def _whole_words(request: ScoreRequest) -> str:
    moods = list(dict.fromkeys(shot.score_prompt for shot in request.shots))
    return f"{request.style.replace('-', ' ')} film score in one piece, growing from sparse to full: " + "; ".join(
        moods
    )


def _finish(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end from a thread without an event loop, or beside one that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run_to_its_end(work)
    outcome: list[_Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="score")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
