# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Seeing a picture from elsewhere: enlarged once, then taken from under a homography, in parts of a pixel.

Belongs here: enlarging a plane for sampling, and sampling it.
Does not belong here: photos and what a clip shows of them (``media/clips.py``), which homography
(``domain/camera.py``, ``media/retiming.py``).

OpenCV samples bilinearly at exact places, but its cubic and Lanczos warps round positions to 1/32 px, which is seen as
a crawl in slow moves. ``media/clips.py`` has the measurements.

A view that neither turns nor leans only scales, and scaling takes half the time of a warp. It cannot begin between
two samples, though: its grid is laid from the corner of what it is given. It is given a few pixels more to the left
and above, as many as bring the grid to where it is wanted, and these are dropped. Where no number of them does
(about one frame in five of a push-in), the frame is warped.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.media.encode import Frame

OVERSAMPLING = 3.0
"""Samples a pixel of the frame, along each side, that a luma plane is enlarged to."""

CHROMA_OVERSAMPLING = 2.0

_LIFT = np.array([-0.025, 1.05, -0.025], np.float32)
"""Sharpening, 10 % at the finest detail, that returns what enlarging and bilinear sampling take from it on average."""

_MOST_DROPPED = 48
"""Rows or columns drawn in vain, at most, for a grid that begins at the right place."""

_NEAR_SAMPLES = 0.04
"""How far from its place a grid may lie: a seventy-fifth of a pixel of the frame at three samples a pixel."""

Homography = NDArray[np.float64]


def enlarged(luma: Frame, size: tuple[int, int]) -> Frame:
    """Return a luma plane as ``size`` (width, height) samples, to be taken from bilinearly."""
    lifted = cv2.sepFilter2D(luma, -1, _LIFT, _LIFT)
    return np.asarray(cv2.resize(lifted, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def together(blue: Frame, red: Frame) -> Frame:
    """Return both chroma planes as channels 0 and 1 of one picture of four.

    Though two are needed: OpenCV takes four in 1.1 ms, two planes one after the other in 1.9, two channels in 3.5.
    """
    return np.asarray(cv2.merge([blue, red, red, red]), np.uint8)


def warp(samples: Frame, homography: Homography, into: Frame) -> None:
    """Draw what each pixel of ``into`` shows: the sample at its place under the homography; edges are repeated."""
    rows, columns = into.shape[:2]
    normal = homography / homography[2, 2]
    flags, edge = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    is_affine = normal[2, 0] == 0 and normal[2, 1] == 0
    if is_affine and normal[0, 1] == 0 and normal[1, 0] == 0 and _scale(samples, normal, into):
        return
    if is_affine:  # the same samples, an eighth sooner
        cv2.warpAffine(samples, normal[:2], (columns, rows), dst=into, flags=flags, borderMode=edge)
    else:
        cv2.warpPerspective(samples, normal, (columns, rows), dst=into, flags=flags, borderMode=edge)


def _scale(samples: Frame, normal: Homography, into: Frame) -> bool:
    """Draw ``into`` by scaling a part of the samples; false, and nothing drawn, where no part fits."""
    across = _grid(float(normal[0, 0]), float(normal[0, 2]), into.shape[1], samples.shape[1])
    down = _grid(float(normal[1, 1]), float(normal[1, 2]), into.shape[0], samples.shape[0])
    if across is None or down is None:
        return False
    part = samples[down.start : down.end, across.start : across.end]
    drawn = cv2.resize(part, None, fx=1 / across.step, fy=1 / down.step, interpolation=cv2.INTER_LINEAR)
    np.copyto(into, drawn[down.dropped :, across.dropped :][: into.shape[0], : into.shape[1]])
    return True


@dataclass(frozen=True, slots=True)
class _Grid:
    """Along one side: from which sample to which, samples a pixel, and the pixels to drop from the beginning."""

    start: int
    end: int
    step: float
    dropped: int


def _grid(step: float, first: float, pixels: int, samples: int) -> _Grid | None:
    """The grid that shows sample ``first`` at its first pixel, ``step`` apart; None where it can begin at no sample."""
    if step <= 0:
        return None
    dropped = np.arange(_MOST_DROPPED)
    starts = first + 0.5 - (dropped + 0.5) * step  # OpenCV puts pixel i at (i + 0.5) * step - 0.5 from there
    ends = np.rint(starts) + np.ceil((dropped + pixels) * step) + 1
    off = np.abs(starts - np.rint(starts))
    off[(starts < -0.5) | (ends > samples)] = 1.0
    best = int(np.argmin(off))
    if off[best] > _NEAR_SAMPLES:
        return None
    return _Grid(int(np.rint(starts[best])), int(ends[best]), step, best)
