# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Seeing a picture from elsewhere: enlarged once, then taken from under a homography, in parts of a pixel.

Belongs here: enlarging a plane for sampling, and sampling it.
Does not belong here: photos and what a clip shows of them (``media/clips.py``), which homography
(``domain/camera.py``, ``media/retiming.py``).

OpenCV samples bilinearly at exact places, but its cubic and Lanczos warps round positions to 1/32 px, which is seen as
a crawl in slow moves. ``media/clips.py`` has the measurements.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.media.encode import Frame

OVERSAMPLING = 3.0
"""Samples a pixel of the frame, along each side, that a luma plane is enlarged to."""

CHROMA_OVERSAMPLING = 2.0

_LIFT = np.array([-0.025, 1.05, -0.025], np.float32)
"""Sharpening, 10 % at the finest detail, that returns what enlarging and bilinear sampling take from it on average."""

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
    if normal[2, 0] == 0 and normal[2, 1] == 0:  # the same samples, an eighth sooner
        cv2.warpAffine(samples, normal[:2], (columns, rows), dst=into, flags=flags, borderMode=edge)
    else:
        cv2.warpPerspective(samples, normal, (columns, rows), dst=into, flags=flags, borderMode=edge)
