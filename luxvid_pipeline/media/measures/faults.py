# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What no clip should have: frozen or black runs, flashes, flicker, cuts.

Belongs here: finding them in the frames of one look.
Does not belong here: how much of them is too much (``domain/gates.py``).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from luxvid_pipeline.media.measures.camera_motion import PX, Motion
from luxvid_pipeline.media.measures.look import Look

Floats = NDArray[np.float64]

_BLACK = 24
"""A frame counts as black if 98 of 100 pixels are darker (0 to 255). ffmpeg's ``blackdetect`` takes 10 % of the
scale and 98 of 100 pixels; a night view has more light than that in its windows."""

_SPAN_S = 0.5
_UNMOVED_PX = 0.3
_SAME = 0.35
_GRID = (8, 6)
_FLASH = 6.0
_FLASH_IN_PART = 18.0
_FLASH_PART = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What was found; the attributes are those of ``ClipMeasures``."""

    frozen_s: float
    frozen_tail_s: float
    still_s: float
    black_s: float
    flashes: tuple[float, ...]
    flicker: float
    jumps: tuple[float, ...]


def find_faults(look: Look, motion: Motion) -> Faults:
    """Return what is wrong with the frames themselves."""
    step_s = 1 / look.fps
    blocks = np.stack([cv2.resize(grey, _GRID, interpolation=cv2.INTER_AREA) for grey in look.greys]).astype(np.float64)
    changes = _changes(look)
    unmoved = _unmoved(look, motion, changes)
    place = round(look.greys[0].size * 0.98)
    dark = np.array([np.partition(grey.ravel(), place)[place] for grey in look.greys])
    jumps = _jumps(changes, motion)
    flashes = _flashes(blocks, look.fps)
    # What a flash changes back is no cut.
    cuts = [at for at in jumps if not any(abs(at - flash) <= _SPAN_S * look.fps for flash in flashes)]
    return Faults(
        frozen_s=_longest(unmoved) * step_s,
        frozen_tail_s=_tail(unmoved) * step_s,
        still_s=_longest(changes < _SAME / 4) * step_s,
        black_s=_longest(dark < _BLACK) * step_s,
        flashes=tuple(round(float(look.times_s[at]), 2) for at in flashes),
        flicker=_flicker(blocks, look.fps),
        jumps=tuple(round(float(look.times_s[at]), 2) for at in cuts),
    )


def _changes(look: Look) -> Floats:
    """Mean absolute change of brightness at each step."""
    return np.array([cv2.absdiff(one, other).mean() for one, other in zip(look.greys, look.greys[1:], strict=False)])


def _unmoved(look: Look, motion: Motion, changes: Floats) -> NDArray[np.bool_]:
    """For each step, whether it lies in a time of a quarter of a second in which nothing moved."""
    span = max(2, round(_SPAN_S / 2 * look.fps))
    right, down, grows, turns = motion.steps.T
    reach = np.hypot(*motion.size) / 4
    # Signed sums: noise of the tracking cancels over the span, motion does not.
    sums = [ndimage.uniform_filter1d(part, span, mode="nearest") * span for part in (right, down, grows, turns)]
    moved = (np.hypot(sums[0], sums[1]) + reach * np.hypot(sums[2], sums[3])) * PX
    calm = ndimage.uniform_filter1d(changes, span, mode="nearest") < _SAME
    return (moved < _UNMOVED_PX) & calm


def _longest(marks: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _tail(marks: NDArray[np.bool_]) -> int:
    return len(marks) if marks.all() else int(np.argmin(marks[::-1]))


def _flashes(blocks: Floats, fps: float) -> list[int]:
    """Frames at which the picture, or a good part of it, leaves its own running median and comes back."""
    span = round(_SPAN_S * fps) * 2 + 1
    usual = ndimage.median_filter(blocks, size=(min(span, len(blocks) // 2 * 2 + 1), 1, 1), mode="nearest")
    off = blocks - usual
    whole = np.abs(off.mean(axis=(1, 2)))
    part = (np.abs(off) > _FLASH_IN_PART).mean(axis=(1, 2))
    marks = (whole > _FLASH) | (part > _FLASH_PART)
    starts = np.flatnonzero(np.diff(np.concatenate([[False], marks]).astype(np.int8)) == 1)
    return [int(at) for number, at in enumerate(starts) if number == 0 or at - starts[number - 1] > 0.2 * fps]


def _flicker(blocks: Floats, fps: float) -> float:
    means = blocks.mean(axis=(1, 2))
    span = min(round(0.3 * fps) // 2 * 2 + 1, (len(means) - 1) // 2 * 2 + 1)
    if span < 5:
        return 0.0
    off = np.abs(means - np.asarray(signal.savgol_filter(means, span, 2)))
    # A flash is no flicker: the greatest hundredth does not count.
    return float(np.sqrt(np.mean(np.square(np.sort(off)[: max(1, round(0.97 * len(off)))]))))


def _jumps(changes: Floats, motion: Motion) -> list[int]:
    """Frames that begin a new picture: a step that changes far more than those around it, and cannot be followed."""
    usual = ndimage.median_filter(changes, size=min(15, len(changes)), mode="nearest") + 0.5
    return [int(at) + 1 for at in np.flatnonzero((changes > 5 * usual) & (changes > 8) & ~motion.followed)]
