# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What no clip should have: frozen or black runs, flashes, flicker, cuts.

Belongs here: finding them in the frames of one look.
Does not belong here: how much of them is too much (``domain/gates.py``).
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.media.measures.camera_motion import PX, Motion
from luxvid_pipeline.media.measures.look import Grey, Look

Floats = NDArray[np.float64]

_BLACK = 24
"""A frame counts as black if 98 of 100 pixels are darker (0 to 255). ffmpeg's ``blackdetect`` takes 10 % of the
scale and 98 of 100 pixels; a night view has more light than that in its windows."""

_SPAN_S = 0.5
_UNMOVED_PX, _SAME, _SAME_IN_PART = 0.3, 1.8, 3.5
"""Nothing moves: motion in a quarter of a second, mean change of the picture and of a part of it (0 to 255). An encoder
that has few bits goes on improving a frozen picture, which changes it by up to 1.6 and 2.5."""

_NEARLY_UNMOVED_PX, _VERY_SAME, _VERY_SAME_IN_PART = 0.6, 1.3, 2.0
"""The same where the picture is all but identical: what is tracked then is the encoder's noise.

Of the footage of known truth (``luxvid_pipeline_tests/confusion.py``), all 15 clips that freeze are found with any mean
change from 1.0 to 1.8 (14 with 0.8); the longest that one of the 88 clean clips seems to stand still is 0.30 s of the
0.75 that count, whichever it is.
"""

_GRID = (8, 6)
_FLASH = 6.0
_FLASH_IN_PART = 18.0
_FLASH_PART = 0.08
_OUTSTANDING = 6.0
_CUT = 2.5
_COURSE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What was found; the attributes are those of ``ClipMeasures``."""

    frozen_s: float
    frozen_tail_s: float
    black_s: float
    flashes: tuple[float, ...]
    flicker: float
    jumps: tuple[float, ...]


def find_faults(look: Look, motion: Motion) -> Faults:
    """Return what is wrong with the frames themselves."""
    step_s = 1 / look.fps
    blocks = np.stack([cv2.resize(grey, _GRID, interpolation=cv2.INTER_AREA) for grey in look.greys]).astype(np.float64)
    changes = _changes(look)
    unmoved = _unmoved(look, motion)
    dark = np.array([is_black(grey) for grey in look.greys])
    jumps = _jumps(changes, motion)
    flashing = _flashing(blocks, look.fps)
    flashes = _starts(flashing, look.fps)
    # What a flash changes back is no cut.
    cuts = [at for at in jumps if not any(abs(at - flash) <= _SPAN_S * look.fps for flash in flashes)]
    tail = _tail(unmoved)
    return Faults(
        frozen_s=max(tail, _longest_inside(unmoved[: len(unmoved) - tail], look.fps)) * step_s,
        frozen_tail_s=tail * step_s,
        black_s=_longest(dark) * step_s,
        flashes=tuple(round(float(look.times_s[at]), 2) for at in flashes),
        flicker=_flicker(blocks, look.fps, flashing, cuts),
        jumps=tuple(round(float(look.times_s[at]), 2) for at in cuts),
    )


def find_at_a_glance(look: Look, motion: Motion, step_s: float) -> tuple[float, float, float]:
    """Return how long a clip is frozen, how long its tail is, and how long it is black, from its key frames alone.

    Args:
        look: Its key frames.
        motion: From each to the next.
        step_s: Time between two.
    """
    right, down, grows, turns = motion.steps.T
    moved = (np.hypot(right, down) + np.hypot(*motion.size) / 4 * np.hypot(grows, turns)) * PX
    same = [_is_same(one, other) for one, other in pairwise(look.greys)]
    unmoved = (moved < _UNMOVED_PX) & np.array(same, bool)
    dark = np.array([is_black(grey) for grey in look.greys])
    return _longest(unmoved) * step_s, _tail(unmoved) * step_s, _longest(dark) * step_s


def is_black(grey: Grey) -> bool:
    """Return whether a frame shows nothing."""
    place = round(grey.size * 0.98)
    return bool(np.partition(grey.ravel(), place)[place] < _BLACK)


def _changes(look: Look) -> Floats:
    """Mean absolute change of brightness at each step."""
    return np.array([cv2.absdiff(one, other).mean() for one, other in pairwise(look.greys)])


def _unmoved(look: Look, motion: Motion) -> NDArray[np.bool_]:
    """For each step, whether it lies in a time of a quarter of a second in which nothing moved."""
    span = min(max(2, round(_SPAN_S / 2 * look.fps)), len(motion.steps))
    right, down, grows, turns = motion.steps.T
    reach = np.hypot(*motion.size) / 4
    # Signed sums: noise of the tracking cancels over the span, motion does not.
    sums = [scipy.ndimage.uniform_filter1d(part, span, mode="nearest") * span for part in (right, down, grows, turns)]
    moved = (np.hypot(sums[0], sums[1]) + reach * np.hypot(sums[2], sums[3])) * PX
    # A dissolve of two stills moves nothing either, but it goes somewhere.
    starts = np.clip(np.arange(len(motion.steps)) - span // 2, 0, len(look.greys) - 1 - span)
    off = np.array([_off(look.greys[at], look.greys[at + span]) for at in np.maximum(starts, 0)])
    same = (off < (_SAME, _SAME_IN_PART)).all(axis=1)
    very_same = (off < (_VERY_SAME, _VERY_SAME_IN_PART)).all(axis=1)
    return np.asarray(((moved < _UNMOVED_PX) & same) | ((moved < _NEARLY_UNMOVED_PX) & very_same), bool)


def _is_same(one: Grey, other: Grey) -> bool:
    """Whether two frames differ by no more than the encoder's noise, nowhere."""
    whole, part = _off(one, other)
    return whole < _SAME and part < _SAME_IN_PART


def _off(one: Grey, other: Grey) -> tuple[float, float]:
    """By how much two frames differ, as a whole and in the part that differs most."""
    off = cv2.absdiff(one, other)
    return float(off.mean()), float(cv2.resize(off, _GRID, interpolation=cv2.INTER_AREA).max())


def _longest(marks: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _longest_inside(marks: NDArray[np.bool_], fps: float) -> int:
    """The longest run, with the halves of the spans at both of its ends, in which nothing moved either."""
    longest = _longest(marks)
    return min(longest + max(2, round(_SPAN_S / 2 * fps)) - 1, len(marks)) if longest else 0


def _tail(marks: NDArray[np.bool_]) -> int:
    return len(marks) if marks.all() else int(np.argmin(marks[::-1]))


def _flashing(blocks: Floats, fps: float) -> NDArray[np.bool_]:
    """Frames at which the picture, or a good part of it, has left its own running median, to which it comes back."""
    span = round(_SPAN_S * fps) * 2 + 1
    usual = scipy.ndimage.median_filter(blocks, size=(min(span, len(blocks) // 2 * 2 + 1), 1, 1), mode="nearest")
    off = blocks - usual
    whole = np.abs(off.mean(axis=(1, 2)))
    # A picture that trembles all the time flickers; a flash stands out from that.
    trembling = 1.48 * float(np.median(whole))
    part = (np.abs(off) > _FLASH_IN_PART).mean(axis=(1, 2))
    return np.asarray((whole > max(_FLASH, _OUTSTANDING * trembling)) | (part > _FLASH_PART), bool)


def _starts(marks: NDArray[np.bool_], fps: float) -> list[int]:
    starts = np.flatnonzero(np.diff(np.concatenate([[False], marks]).astype(np.int8)) == 1)
    return [int(at) for number, at in enumerate(starts) if number == 0 or at - starts[number - 1] > 0.2 * fps]


def _flicker(blocks: Floats, fps: float, flashing: NDArray[np.bool_], cuts: list[int]) -> float:
    """How much the mean brightness trembles about its own course; a flash is no flicker, nor is a cut."""
    at = np.arange(len(blocks))
    calm = ~np.asarray(scipy.ndimage.binary_dilation(flashing, iterations=2), bool)
    if not calm.any():
        return 0.0
    means = np.interp(at, at[calm], blocks.mean(axis=(1, 2))[calm])
    off: list[Floats] = []
    for shot, counted in zip(np.split(means, cuts), np.split(calm, cuts), strict=True):
        span = min(round(_COURSE_S * fps) // 2 * 2 + 1, (len(shot) - 1) // 2 * 2 + 1)
        if span >= 5:
            off.append((shot - np.asarray(scipy.signal.savgol_filter(shot, span, 2)))[counted])
    return float(np.sqrt(np.mean(np.square(np.concatenate(off))))) if off else 0.0


def _jumps(changes: Floats, motion: Motion) -> list[int]:
    """Frames that begin a new picture: a step that changes far more than those around it, and cannot be followed."""
    usual = scipy.ndimage.median_filter(changes, size=min(15, len(changes)), mode="nearest") + 0.5
    return [int(at) + 1 for at in np.flatnonzero((changes > _CUT * usual) & (changes > 8) & ~motion.followed)]
