"""What a clip must be to go into a film: thresholds with their reasons, and the verdict on one clip.

Belongs here: every threshold of a clip, whether missing it blocks or warns, the words a person reads, the score that
compares takes.
Does not belong here: taking the measures (``media/measures/``), shooting again, choosing a take.

Who shot the clip decides what blocks. A hosted model may imagine, so all that cannot be seen in an honest film blocks,
and the clip is shot again. The local camera only moves over photographs: it cannot bend a line or invent a thing, and
where its two photos agree badly a dissolve is all they honestly give. So there only a defect of the file blocks.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.measured import ClipMeasures, SoundMeasures
from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.scenes import CameraMove, MoveKind, scene


class EngineKind(StrEnum):
    """Who shot a clip, as far as a gate cares."""

    LOCAL = "local"
    HOSTED = "hosted"


class Fault(StrEnum):
    """What can be wrong with a clip; stable names for tables and metadata."""

    LENGTH = "wrong length"
    FORMAT = "wrong format"
    BLACK = "black"
    FROZEN = "frozen"
    FROZEN_TAIL = "frozen tail"
    FIRST_FRAME = "first frame"
    LAST_FRAME = "last frame"
    DRIFT = "drift"
    DIRECTION = "wrong direction"
    UNMOVED = "hardly moves"
    TOO_FAST = "too fast"
    FLASH = "flash"
    FLICKER = "flicker"
    JUMP = "cut inside"
    JUDDER = "judder"
    BENT = "bent lines"
    SOFT = "softened"
    CLICK = "click"
    LEVEL = "level jump"
    TIMBRE = "timbre jump"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One threshold.

    Attributes:
        at: The value from which a hosted clip has the fault.
        unit: What it counts in.
        because: Where the number comes from.
        blocks: Who must not have the fault; the others are warned of it, but see ``judge_clip``.
    """

    at: float
    unit: str
    because: str
    blocks: frozenset[EngineKind] = frozenset({EngineKind.HOSTED})


_BOTH = frozenset(EngineKind)
_NONE: frozenset[EngineKind] = frozenset()

LIMITS: Mapping[Fault, Limit] = {
    Fault.LENGTH: Limit(at=0.5, unit="frames", because="clips are joined by copying packets", blocks=_BOTH),
    Fault.FORMAT: Limit(at=0, unit="", because="clips are joined by copying packets", blocks=_BOTH),
    Fault.BLACK: Limit(at=0.02, unit="s", because="a single black frame is seen as a blink", blocks=_BOTH),
    Fault.FROZEN: Limit(
        at=0.75,
        unit="s",
        because="half a second without motion reads as a fault in a moving shot; it is known to a quarter of a second",
        blocks=_BOTH,
    ),
    Fault.FROZEN_TAIL: Limit(
        at=0.4, unit="s", because="a tail that dies is the commonest defect of generated clips", blocks=_BOTH
    ),
    Fault.FIRST_FRAME: Limit(
        at=0.6, unit="SSIM", because="clean clips have 0.89 and more, another room of the house at most 0.45"
    ),
    Fault.LAST_FRAME: Limit(
        at=0.6, unit="SSIM", because="clean clips have 0.91 and more, another room of the house at most 0.45"
    ),
    Fault.DRIFT: Limit(
        at=0.45, unit="SSIM", because="parallax costs likeness too, so only what looks like another place", blocks=_NONE
    ),
    Fault.DIRECTION: Limit(at=0.25, unit="part of the move", because="the sign has to be beyond doubt"),
    Fault.UNMOVED: Limit(at=0.15, unit="part of the move", because="below it a viewer sees a still", blocks=_NONE),
    Fault.TOO_FAST: Limit(
        at=900.0, unit="px/s", because="half a frame a second is a whip; the fastest local move has 240", blocks=_NONE
    ),
    Fault.FLASH: Limit(at=1, unit="flashes", because="no light of a house goes on and off within half a second"),
    Fault.FLICKER: Limit(at=0.5, unit="levels", because="the encoder alone gives 0.08 to 0.19"),
    Fault.JUMP: Limit(at=1, unit="cuts", because="a scene is one shot"),
    Fault.JUDDER: Limit(at=0.5, unit="px", because="clean clips have 0.03 to 0.08; half a pixel of shake shows"),
    Fault.BENT: Limit(
        at=2.7,
        unit="px",
        because="clean moves reach 2.2, dissolves of two stills 2.5, lines bowed by 16 px begin at 2.8",
    ),
    Fault.SOFT: Limit(
        at=1.5, unit="px", because="a 720p clip enlarged has about 0.8; twice that is seen at once", blocks=_NONE
    ),
    Fault.CLICK: Limit(at=1, unit="clicks", because="a click is always heard; clean scores have none", blocks=_NONE),
    Fault.LEVEL: Limit(
        at=2.5,
        unit="dB beyond the usual",
        because="clean scores fall by up to 2.0 more than elsewhere; they rise by up to 6.0, where notes are struck",
        blocks=_NONE,
    ),
    Fault.TIMBRE: Limit(
        at=-15.0, unit="dB", because="what sounded is gone; no chord of a clean score ends by more than 6", blocks=_NONE
    ),
    Fault.SILENCE: Limit(at=0.3, unit="s", because="a rest of the score's slowest style is 0.1 s", blocks=_NONE),
}
"""Every threshold. The figures in the reasons are from ``docs/quality.md``."""

_WEIGHTS: Mapping[str, float] = {
    "first": 0.2,
    "last": 0.2,
    "drift": 0.15,
    "direction": 0.15,
    "steady": 0.1,
    "straight": 0.1,
    "calm": 0.05,
    "sharp": 0.05,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """Whether a clip may go into the film.

    Attributes:
        passed: Whether nothing blocks it.
        reasons: What blocks it, in sentences; empty where it passed.
        warnings: What else is worth knowing.
        faults: The faults found, blocking ones first.
        score: 0 to 1, to compare takes with each other; a blocked take is always below one that passed.
    """

    passed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    faults: tuple[Fault, ...]
    score: float

    @property
    def told(self) -> str:
        """Everything in one line; empty where there is nothing to tell."""
        return "; ".join((*self.reasons, *self.warnings))


def engine_kind(engine: str) -> EngineKind:
    """Return which kind an engine's name says it is."""
    return EngineKind.LOCAL if engine.split(" ", maxsplit=1)[0] in {"", "local"} else EngineKind.HOSTED


def judge_clip(
    measures: ClipMeasures,
    scene_key: str,
    kind: EngineKind,
    *,
    overlap: Overlap | None = None,
    has_pair: bool | None = None,
    planned_s: float | None = None,
    film: FilmFormat | None = FULL_HD,
) -> GateVerdict:
    """Return whether a clip may go into the film, and why not.

    Args:
        measures: What was measured of it.
        scene_key: Scene it is for.
        kind: Who shot it.
        overlap: What its two photos have in common; then they, not the scene, say where the camera has to go.
        has_pair: Whether it goes from one photo to another; default: whether a last frame was compared.
        planned_s: Length it should have, in seconds; not judged without.
        film: Format it should have; not judged without.
    """
    pair = measures.last_ssim is not None if has_pair is None else has_pair
    found = _found(measures, scene(scene_key).camera, overlap, pair, planned_s, film)
    if kind is EngineKind.LOCAL:
        found = {fault: words for fault, words in found.items() if fault not in _NOT_OF_THE_LOCAL_CAMERA}
    blocking = {fault: words for fault, words in found.items() if _blocks(fault, kind, overlap, pair, scene_key)}
    warned = {fault: words for fault, words in found.items() if fault not in blocking}
    quality = _quality(measures, scene(scene_key).camera, overlap, pair)
    return GateVerdict(
        passed=not blocking,
        reasons=tuple(blocking.values()),
        warnings=tuple(warned.values()),
        faults=(*blocking, *warned),
        score=round(0.5 + quality / 2 if not blocking else quality / 2, 4),
    )


def judge_sound(measures: SoundMeasures) -> GateVerdict:
    """Return whether a score goes on without a seam.

    Nothing of it blocks: music never stops a film (see ``domain/fallback.py``), but what is heard is said.
    """
    found: dict[Fault, str] = {}
    if measures.clicks:
        found[Fault.CLICK] = f"it clicks at {_times(measures.clicks)}"
    if measures.silence_s >= LIMITS[Fault.SILENCE].at:
        found[Fault.SILENCE] = f"it is silent at {_times(tuple(start for start, _ in measures.silences))}"
    beyond = LIMITS[Fault.LEVEL].at
    others = [join.at_s for join in measures.joins if join.carried_db <= LIMITS[Fault.TIMBRE].at]
    steps = [
        join.at_s
        for join in measures.joins
        if join.carried_db < join.usual_low_db - beyond or join.carried_db > join.usual_high_db + beyond + _STRUCK_DB
    ]
    steps = [at for at in steps if at not in others]
    if steps:
        found[Fault.LEVEL] = f"its level jumps where a stage begins, at {_times(tuple(steps))}"
    if others:
        found[Fault.TIMBRE] = f"another music begins at {_times(tuple(others))}"
    return GateVerdict(
        passed=True,
        reasons=(),
        warnings=tuple(found.values()),
        faults=tuple(found),
        score=round(max(0.0, 1.0 - 0.25 * len(found)), 4),
    )


def agreement(measures: ClipMeasures, move: CameraMove, overlap: Overlap | None = None) -> float:
    """Return how far the camera went the way it should, as a part of the whole move; negative is the wrong way.

    What counts is what the move is mostly made of: magnification for a push-in, travel for a truck. Between two photos
    that overlap, their homography says what that is. A shot that shall hold still always agrees: 1.
    """
    wanted = _wanted(move, overlap)
    if wanted is None:
        return 1.0
    zoom, travel_x, travel_y = wanted
    along = (math.log(measures.zoom) * _SIDE, measures.travel_x, measures.travel_y)
    aims = (zoom * _SIDE, travel_x, travel_y)
    main = max(range(3), key=lambda index: abs(aims[index]))
    return max(-2.0, min(2.0, along[main] / aims[main]))


_STRUCK_DB = 4.0
"""How much more than it falls the level of what sounds may rise at a boundary: a note struck again is louder."""
_SIDE = 0.5
"""A little magnification moves the frame's side by half as many widths as it magnifies: what zoom weighs as travel."""

_NOT_OF_THE_LOCAL_CAMERA = frozenset({Fault.BENT, Fault.DRIFT, Fault.SOFT, Fault.TOO_FAST, Fault.UNMOVED})
"""Its moves are homographies of photographs: it cannot do these; what is measured there is a dissolve."""

_LEAST_AIM = 0.02
_RESTS = 0.8


def _wanted(move: CameraMove, overlap: Overlap | None) -> tuple[float, float, float] | None:
    """Logarithm of the zoom, travel right and down; None where no direction is asked for."""
    if overlap is not None:
        # Content that moves to the right means a view that travels left.
        aims = math.log(max(1e-3, overlap.zoom)), -overlap.shift_x, -overlap.shift_y
        if max(abs(aims[0]) * _SIDE, abs(aims[1]), abs(aims[2])) >= _LEAST_AIM:
            return aims
    if move.kind is MoveKind.HOLD:
        return None
    return math.log(move.zoom), move.travel_x, move.travel_y


def _found(
    measures: ClipMeasures,
    move: CameraMove,
    overlap: Overlap | None,
    pair: bool,
    planned_s: float | None,
    film: FilmFormat | None,
) -> dict[Fault, str]:
    """Every fault with its sentence, whoever shot the clip."""
    m = measures
    holds = move.kind is MoveKind.HOLD
    along = agreement(m, move, overlap)
    # A shot that shall hold still may; one that first moves and then dies is at fault all the same.
    rests = holds and m.frozen_s >= _RESTS * m.seconds
    frozen_s, tail_s = (0.0, 0.0) if rests else (m.frozen_s, m.frozen_tail_s)
    checks: list[tuple[Fault, bool, Callable[[], str]]] = [
        (
            Fault.BLACK,
            m.black_s >= LIMITS[Fault.BLACK].at,
            lambda: f"it is black for {m.black_s:.2f} s",
        ),
        (
            Fault.FROZEN_TAIL,
            tail_s >= LIMITS[Fault.FROZEN_TAIL].at,
            lambda: f"its last {tail_s:.1f} s stand still",
        ),
        (
            Fault.FROZEN,
            frozen_s >= LIMITS[Fault.FROZEN].at and tail_s < frozen_s,
            lambda: f"it stands still for {frozen_s:.1f} s",
        ),
        (
            Fault.FIRST_FRAME,
            m.first_ssim < LIMITS[Fault.FIRST_FRAME].at,
            lambda: f"its first frame is not the photo it should begin on (likeness {m.first_ssim:.2f})",
        ),
        (
            Fault.LAST_FRAME,
            m.last_ssim is not None and m.last_ssim < LIMITS[Fault.LAST_FRAME].at,
            lambda: f"its last frame is not the photo it should end on (likeness {m.last_ssim or 0:.2f})",
        ),
        (
            Fault.DRIFT,
            m.drift_ssim < LIMITS[Fault.DRIFT].at <= m.first_ssim,
            lambda: f"on its way it looks like neither photo (likeness {m.drift_ssim:.2f})",
        ),
        (
            Fault.DIRECTION,
            along <= -LIMITS[Fault.DIRECTION].at,
            lambda: f"the camera moves the wrong way ({_move_in_words(m)})",
        ),
        (
            Fault.UNMOVED,
            rests or (not holds and not pair and abs(along) < LIMITS[Fault.UNMOVED].at),
            lambda: f"the camera hardly moves ({_move_in_words(m)})",
        ),
        (
            Fault.TOO_FAST,
            m.fastest_px_s >= LIMITS[Fault.TOO_FAST].at,
            lambda: f"the camera rushes ({m.fastest_px_s:.0f} px a second)",
        ),
        (
            Fault.FLASH,
            len(m.flashes) >= LIMITS[Fault.FLASH].at,
            lambda: f"light flashes at {_times(m.flashes)}",
        ),
        (
            Fault.FLICKER,
            m.flicker >= LIMITS[Fault.FLICKER].at,
            lambda: f"its brightness trembles by {m.flicker:.1f} levels",
        ),
        (Fault.JUMP, len(m.jumps) >= LIMITS[Fault.JUMP].at, lambda: f"it cuts at {_times(m.jumps)}"),
        (
            Fault.JUDDER,
            m.judder_px >= LIMITS[Fault.JUDDER].at,
            lambda: f"the camera judders by {m.judder_px:.1f} px",
        ),
        (
            Fault.BENT,
            m.lines >= 4 and m.bent_px >= LIMITS[Fault.BENT].at,
            lambda: f"straight lines bend by {m.bent_px:.1f} px",
        ),
        (
            Fault.SOFT,
            max(m.softened_px, m.softest_px) >= LIMITS[Fault.SOFT].at,
            lambda: f"it is softer than its photo (blur of {max(m.softened_px, m.softest_px):.1f} px)",
        ),
    ]
    found = {fault: words() for fault, is_so, words in checks if is_so}
    return {**_of_the_file(m, planned_s, film), **found}


def _of_the_file(m: ClipMeasures, planned_s: float | None, film: FilmFormat | None) -> dict[Fault, str]:
    found: dict[Fault, str] = {}
    if film is not None:
        is_right = (m.width_px, m.height_px) == (film.width_px, film.height_px)
        if not is_right or not m.constant_rate or abs(m.fps - float(film.fps)) > 0.01:
            rate = f"{m.fps:g} fps" if m.constant_rate else "a changing rate"
            found[Fault.FORMAT] = (
                f"it is {m.width_px}×{m.height_px} at {rate}, "
                f"the film {film.width_px}×{film.height_px} at {film.fps} fps"
            )
        if planned_s is not None and abs(m.frames - film.frames(planned_s)) > LIMITS[Fault.LENGTH].at:
            found[Fault.LENGTH] = f"it has {m.frames} frames where {film.frames(planned_s)} were planned"
    elif planned_s is not None and abs(m.seconds - planned_s) > 0.5 / Fraction(m.fps):
        found[Fault.LENGTH] = f"it lasts {m.seconds:.2f} s where {planned_s:g} s were planned"
    return found


def _blocks(fault: Fault, kind: EngineKind, overlap: Overlap | None, pair: bool, scene_key: str) -> bool:
    if kind not in LIMITS[fault].blocks:
        return False
    if fault is Fault.DIRECTION:
        # Between two photos whose relation is not known, and for a truck whose side no prompt names, the sign is worth
        # knowing and not worth another dollar.
        sideways = scene(scene_key).camera.kind in {MoveKind.TRUCK, MoveKind.SWEEP}
        return overlap is not None or not (pair or sideways)
    return True


def _quality(m: ClipMeasures, move: CameraMove, overlap: Overlap | None, pair: bool) -> float:
    """A number from 0 to 1 to compare takes by."""
    parts = {
        "first": _ramp(m.first_ssim, 0.4, 0.95),
        "last": _ramp(m.last_ssim, 0.4, 0.95) if m.last_ssim is not None else None,
        "drift": _ramp(m.drift_ssim, 0.3, 0.9),
        "direction": _ramp(agreement(m, move, overlap), -0.25, 0.6) if overlap is not None or not pair else None,
        "steady": _ramp(-m.judder_px, -1.0, -0.1),
        "straight": _ramp(-m.bent_px, -12.0, -3.0) if m.lines >= 4 else None,
        "calm": _ramp(-m.flicker, -1.0, -0.2) * (0.5 ** (len(m.flashes) + len(m.jumps))),
        "sharp": _ramp(-max(m.softened_px, m.softest_px), -2.5, -0.5),
    }
    counted = {name: value for name, value in parts.items() if value is not None}
    total = sum(_WEIGHTS[name] for name in counted)
    return sum(_WEIGHTS[name] * value for name, value in counted.items()) / total


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _move_in_words(m: ClipMeasures) -> str:
    return f"zoom {m.zoom:.2f}, travel {m.travel_x:+.2f} across and {m.travel_y:+.2f} down"


def _times(seconds: tuple[float, ...]) -> str:
    told = ", ".join(f"{at:.1f} s" for at in seconds[:4])
    return told + (f" and {len(seconds) - 4} times more" if len(seconds) > 4 else "")
