"""Takes: a hosted clip is measured before it counts, and shot again where it fails.

Belongs here: ``WithTakes``, a clip generator around a hosted one.
Does not belong here: the measures (``media/measures/``), the verdict (``domain/gates.py``), which engine is next
(``chains.py``), keeping the files (``assets/clips.py``).

A take that fails is first looked at elsewhere: where the engine's clip is longer than the scene, its beginning, middle
and end are cut and measured too, which costs seconds and no money. Then another take is shot, with another seed or,
for models that take none, with a director's note about what was wrong. Seeds and notes follow from the request and the
takes before, so a run that was killed finds its earlier takes in the ledger and pays for none of them again.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from luxvid_pipeline.domain.errors import NoCreditError, StoppedError, TakesFailedError
from luxvid_pipeline.domain.fallback import moves_on, step_in_words
from luxvid_pipeline.domain.gates import EngineKind, GateVerdict, judge_clip
from luxvid_pipeline.domain.measured import ClipMeasures
from luxvid_pipeline.domain.payments import Estimate, PaidRequest
from luxvid_pipeline.domain.ports import ClipRequest, Engine, Progress, ignore_progress
from luxvid_pipeline.domain.takes import TakeRecord, is_usable, retake_note, take_seed
from luxvid_pipeline.media.measures.clip import measure_clip

Measure = Callable[[Path, ClipRequest, bool], ClipMeasures]
"""Measures a clip against its request's photos; whether it ends on the last one."""

_WINDOWS = (0.0, 0.5, 1.0)
_LEAST_SLACK_S = 0.3
"""A clip that is longer by less than this has no other part worth measuring."""

_AT_THE_END_S = 0.2
"""A part that begins or ends within this of its clip's own end shows that end."""

_MEASURERS = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="measure")


class HostedClips(Protocol):
    """A clip generator that costs money: it can be asked what a request costs, and to cut a paid clip elsewhere."""

    @property
    def engine(self) -> str:
        """The model's name."""
        ...

    @property
    def most_at_once(self) -> int:
        """How many clips it shoots at the same time to good effect."""
        ...

    @property
    def takes_seed(self) -> bool:
        """Whether another seed gives another clip."""
        ...

    def estimate(self, request: ClipRequest) -> Estimate:
        """Return what one take may cost."""
        ...

    def paid_request(self, request: ClipRequest) -> PaidRequest:
        """Return the first take's request as the ledger knows it."""
        ...

    async def shoot(
        self, request: ClipRequest, into: Path, progress: Progress = ignore_progress, *, window: float | None = None
    ) -> Engine:
        """Write the clip to ``into``; ``window`` says which part of a longer one."""
        ...


@dataclass(frozen=True, slots=True)
class _Shot:
    """A take that was shot and measured."""

    record: TakeRecord
    measures: ClipMeasures
    verdict: GateVerdict
    engine: Engine
    file: Path


def measured(clip: Path, request: ClipRequest, ends_on_last: bool) -> ClipMeasures:
    """Measure a clip against the photos of its request."""
    last = request.last.path if request.last is not None and ends_on_last else None
    return measure_clip(
        clip,
        first_photo=request.first.path,
        last_photo=last,
        doing=f"measuring {request.shot.scene} of {request.listing}",
    )


def _with_its_own_ends(measures: ClipMeasures, engine: Engine) -> ClipMeasures:
    """Return what to judge of a clip that is too long to be shown whole.

    Its ends then lie outside the part that is used, for a reason of length and not by a fault of the take; so it is the
    clip's own first and last frame that have to be the photos.
    """
    noted = {name: value for name, value in engine.notes.items() if isinstance(value, float)}
    begins, ends, whole_s = (noted.get(name) for name in ("used_from_s", "used_to_s", "came_seconds"))
    if begins is None or ends is None or whole_s is None:
        return measures
    if begins > _AT_THE_END_S:
        measures = replace(measures, first_ssim=max(measures.first_ssim, noted.get("came_first_ssim", 0.0)))
    if measures.last_ssim is not None and whole_s - ends > _AT_THE_END_S:
        measures = replace(measures, last_ssim=max(measures.last_ssim, noted.get("came_last_ssim", 0.0)))
    return measures


class WithTakes:
    """Shoots with a hosted generator until a take passes its gate, at most so many times."""

    def __init__(self, clips: HostedClips, most_takes: int, *, measure: Measure = measured) -> None:
        """Put the gate behind a generator.

        Args:
            clips: Who shoots.
            most_takes: How often it may shoot one scene, 1 or more.
            measure: Who measures.
        """
        self._clips = clips
        self.most_takes = most_takes
        self._measure = measure

    @property
    def engine(self) -> str:
        """The model's name: what is wanted of it is the same clip, so what was shot before still counts."""
        return self._clips.engine

    @property
    def most_at_once(self) -> int:
        """As many as the generator takes."""
        return self._clips.most_at_once

    def estimate(self, request: ClipRequest) -> Estimate:
        """Return what the scene may cost: one take is expected, and each that may be shot is in the upper end."""
        return self._clips.estimate(request).at_most(self.most_takes)

    def paid_request(self, request: ClipRequest) -> PaidRequest:
        """Return the first take's request as the ledger knows it."""
        return self._clips.paid_request(request)

    async def shoot(self, request: ClipRequest, into: Path, progress: Progress = ignore_progress) -> Engine:
        """Write the first take that passes to ``into``; see ``ClipGenerator``.

        The other takes stay beside it, under the names in the engine's ``takes``, for whoever keeps them.

        Raises:
            TakesFailedError: None passed; it carries their records.
            BudgetExceededError: Not even the first take fits.
            ProviderError: The first take could not be made.
            MediaError: A photo cannot be read, or what came back cannot be used.
        """
        shots: list[_Shot] = []
        stopped: Exception | None = None
        for number in range(1, self.most_takes + 1):
            asked, note = self._request(request, shots, number)
            try:
                shots.append(await self._take(asked, note, number, into, progress if number == 1 else ignore_progress))
            except (StoppedError, NoCreditError) as error:
                # A person's limit, or an empty account: what there is has to do, if it can.
                if not shots:
                    raise
                stopped = error
                break
            except Exception as error:
                if not shots or not moves_on(error):
                    raise
                stopped = error
                break
            if shots[-1].verdict.passed:
                return self._chosen(shots, shots[-1], into)
        return self._best(shots, stopped, into)

    def _request(self, request: ClipRequest, shots: list[_Shot], number: int) -> tuple[ClipRequest, str]:
        """The request of a take, and what was added to its prompt."""
        if number == 1:
            return request, ""
        if self._clips.takes_seed:
            return replace(request, seed=take_seed(request.seed, request.fingerprint(self.engine), number)), ""
        note = retake_note(shots[-1].verdict.faults, number)
        prompt = f"{request.shot.prompt.rstrip()} {note}"
        return replace(request, shot=request.shot.model_copy(update={"prompt": prompt})), note

    async def _take(self, request: ClipRequest, note: str, number: int, into: Path, progress: Progress) -> _Shot:
        name = f"{into.stem}.take-{number}-{self.engine.replace('/', '-')}"
        shot = await self._cut(request, note, number, into.with_name(f"{name}.mp4"), progress, None)
        if shot.verdict.passed:
            return shot
        whole_s, begins, ends = (shot.engine.notes.get(key) for key in ("came_seconds", "used_from_s", "used_to_s"))
        if not (isinstance(whole_s, float) and isinstance(begins, float) and isinstance(ends, float)):
            return shot
        slack_s = whole_s - (ends - begins)
        if slack_s < _LEAST_SLACK_S:
            return shot
        for window in _WINDOWS:
            if abs(window * slack_s - begins) < _LEAST_SLACK_S / 2:
                continue
            file = into.with_name(f"{name}-part.mp4")
            other = await self._cut(request, note, number, file, ignore_progress, window)
            if other.verdict.score > shot.verdict.score:
                file.replace(shot.file)
                # The cut cost nothing; what the take cost was paid with its first one.
                paid = replace(other.engine, cost_usd=shot.engine.cost_usd, paid_calls=shot.engine.paid_calls)
                record = replace(other.record, cost_usd=shot.record.cost_usd, file=shot.file.name)
                shot = _Shot(record, other.measures, other.verdict, paid, shot.file)
            file.unlink(missing_ok=True)
            if shot.verdict.passed:
                break
        return shot

    async def _cut(
        self, request: ClipRequest, note: str, number: int, file: Path, progress: Progress, window: float | None
    ) -> _Shot:
        engine = await self._clips.shoot(request, file, progress, window=window)
        # A model without a last frame shoots a pair from its first photo; it is not measured against the other.
        pair = request.last is not None and "last_frame_ssim" in engine.notes
        loop = asyncio.get_running_loop()
        measures = await loop.run_in_executor(_MEASURERS, self._measure, file, request, pair)
        verdict = judge_clip(
            _with_its_own_ends(measures, engine),
            request.shot.scene,
            EngineKind.HOSTED,
            overlap=request.overlap if pair else None,
            has_pair=pair,
            planned_s=request.shot.seconds,
            film=request.format,
        )
        begins, ends = engine.notes.get("used_from_s"), engine.notes.get("used_to_s")
        record = TakeRecord(
            take=number,
            engine=self.engine,
            seed=request.seed,
            note=note,
            passed=verdict.passed,
            told=verdict.told,
            faults=tuple(fault.value for fault in verdict.faults),
            score=verdict.score,
            cost_usd=engine.cost_usd,
            used_from_s=begins if isinstance(begins, float) else None,
            used_to_s=ends if isinstance(ends, float) else None,
            file=file.name,
            measures=measures.as_facts(),
        )
        return _Shot(record, measures, verdict, engine, file)

    def _best(self, shots: list[_Shot], stopped: Exception | None, into: Path) -> Engine:
        """Keep the best take where only a limit stands in the way of a better one; else tell what was wrong with all.

        Raises:
            TakesFailedError: The next engine may do better, or none of the takes can be used.
        """
        best = max(shots, key=lambda shot: shot.verdict.score)
        if isinstance(stopped, StoppedError | NoCreditError) and is_usable(best.verdict, best.measures):
            engine = self._chosen(shots, best, into)
            kept = f"take {best.record.take} of {self.engine} is kept though {best.verdict.told}"
            told = f"{kept}: no further take ({stopped})"
            return replace(engine, degraded_reason="; ".join(filter(None, [told, engine.degraded_reason])))
        told = "; ".join(f"take {shot.record.take}: {shot.verdict.told}" for shot in shots)
        if stopped is not None:
            told += f"; take {len(shots) + 1}: {step_in_words(self.engine, stopped)}"
        raise TakesFailedError(f"no take of {self.engine} passed: {told}", [shot.record for shot in shots])

    def _chosen(self, shots: list[_Shot], chosen: _Shot, into: Path) -> Engine:
        chosen.file.replace(into)
        takes = tuple(replace(shot.record, chosen=True, file="") if shot is chosen else shot.record for shot in shots)
        return replace(
            chosen.engine,
            cost_usd=sum(shot.engine.cost_usd for shot in shots),
            paid_calls=sum(shot.engine.paid_calls for shot in shots),
            notes={
                **chosen.engine.notes,
                "take": float(chosen.record.take),
                "gate_score": chosen.verdict.score,
                **({"gate_warnings": "; ".join(chosen.verdict.warnings)} if chosen.verdict.warnings else {}),
            },
            takes=takes,
        )
