# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""How good a photo is as a photo, and whether it is one at all: sharpness, exposure, drawings.

Belongs here: measures on decoded pixels and the thresholds that refuse a photo, each with what it was judged on.
Does not belong here: decoding (``media/photo_decoding.py``), what a photo shows (``providers/local/tagger.py``).

The thresholds were judged on thirty owner's photographs of one villa (deep shade, a dark bathroom and sunset
silhouettes among them, all usable) and on drawn counter-examples; the tests hold the drawn ones.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

ANALYSIS_LONG_SIDE_PX = 1024
"""All measures are taken at this size, so photos of any size can be compared."""

BLURRED_EDGE_PX = 1.2
"""Width (sigma, at analysis size) of a photo's sharpest edges from which it counts as blurred.

The villa's photos have 0.2 to 0.5; blurred by a Gaussian of 4 px at 1920 wide they have 1.22 to 1.6.
"""

_CRISP_EDGE_PX = 0.25
_MUSH_EDGE_PX = 1.5
_PROBE_PX = 2.0
_TILE_PX = 64
_LEAST_CONTRAST = 2.0
_SHARP_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class PhotoQuality:
    """What the pixels say of a photo.

    Attributes:
        sharpness: 0 (mush) to 1 (crisp), of the sharpest twentieth of the picture, so that a sharp subject before a
            soft background counts as sharp.
        exposure: Mean luma, 0 to 1.
        reason: Why it cannot be used, in words; empty if it can.
    """

    sharpness: float
    exposure: float
    reason: str = ""


def analysis_size(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with its long side ``ANALYSIS_LONG_SIDE_PX``; height × width × 3, BGR."""
    while max(picture.shape[:2]) >= 2 * ANALYSIS_LONG_SIDE_PX:  # halving is many times as fast as an odd ratio
        picture = _halved(picture)
    height, width = picture.shape[:2]
    scale = ANALYSIS_LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=way).astype(np.uint8, copy=False)


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    even = picture[: height // 2 * 2, : width // 2 * 2]
    return cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def judge(small: NDArray[np.uint8]) -> PhotoQuality:
    """Return how good a photo is, and why it cannot be used if it cannot.

    Args:
        small: The photo at analysis size, height × width × 3, BGR.
    """
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    luma = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.float64) / grey.size
    exposure = float(luma @ np.arange(256)) / 255
    edge_px = sharpest_edges_px(grey)
    sharpness = float(np.clip((_MUSH_EDGE_PX - edge_px) / (_MUSH_EDGE_PX - _CRISP_EDGE_PX), 0, 1))
    reason = _unlit(luma) or _drawn(small, grey, luma) or ""
    if not reason and edge_px >= BLURRED_EDGE_PX:
        reason = "it is blurred: nothing in it is in focus"
    return PhotoQuality(sharpness=round(sharpness, 4), exposure=round(exposure, 4), reason=reason)


def sharpest_edges_px(grey: NDArray[np.uint8]) -> float:
    """Return how wide the sharpest edges are, as the sigma of a blurred step in pixels; infinity without edges.

    A step of sigma s, blurred once more by p, loses gradient: the fourth power of the gradient, summed across the
    step, falls by (1 + p²/s²)^(3/2). Contrast cancels out, and noise hardly counts where an edge is strong, which
    the plain variance of a Laplacian cannot say.
    """
    soft = cv2.GaussianBlur(grey, (0, 0), _PROBE_PX).astype(np.uint8, copy=False)
    before, after = (_tile_energy(each) for each in (grey, soft))
    strong = after >= _LEAST_CONTRAST**4
    if not strong.any():
        return float("inf")
    loss = np.maximum(before[strong] / after[strong], 1.0 + 1e-6) ** (2 / 3)
    widths = np.sort(_PROBE_PX / np.sqrt(loss - 1.0))
    return float(widths[min(len(widths) - 1, max(2, int(len(widths) * _SHARP_SHARE)))])


def _tile_energy(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean fourth power of the gradient in each whole tile, in (grey levels a pixel)⁴."""
    height, width = (side // _TILE_PX * _TILE_PX for side in grey.shape)
    across, down = (cv2.Sobel(grey[:height, :width], cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    square = cv2.add(cv2.multiply(across, across), cv2.multiply(down, down))
    tiles = (width // _TILE_PX, height // _TILE_PX)
    return cv2.resize(cv2.multiply(square, square), tiles, interpolation=cv2.INTER_AREA).astype(np.float64)


def _unlit(luma: NDArray[np.float64]) -> str | None:
    brighter = 1.0 - np.cumsum(luma)
    if brighter[38] < 0.01:  # 15 % grey: a dark room still shows a lamp or a window over a hundredth of the picture
        return "it is almost black"
    if brighter[235] > 0.95:
        return "it is almost white"
    return None


def _drawn(small: NDArray[np.uint8], grey: NDArray[np.uint8], luma: NDArray[np.float64]) -> str | None:
    """Tell floor plans, logos and screenshots by what light never does: large areas without the least variation."""
    bright, middle = float(luma[225:].sum()), float(luma[71:215].sum())
    few_tones = float(np.sort(luma)[-4:].sum())
    if not (bright > 0.5 and middle < 0.2) and few_tones < 0.45:
        return None  # most photos end here, by their histogram alone
    window = np.ones((5, 5), np.uint8)
    least = cv2.erode(grey, window)
    spread = cv2.subtract(cv2.dilate(grey, window), least)
    paper = float(np.mean((least >= 225) & (spread <= 14)))
    colour = float(np.mean(cv2.cvtColor(small, cv2.COLOR_BGR2HSV)[..., 1] > 60))
    if paper > 0.5 and middle < 0.2 and colour < 0.3:
        return "it is a floor plan or a drawing, not a photograph"
    unclipped = (grey > 16) & (grey < 253)  # a silhouette is as black as ink, a blown window as white as paper
    if few_tones >= 0.45 and float(np.mean((spread == 0) & unclipped)) + paper > 0.35:
        return "it is a graphic (a logo, a plan or a screenshot), not a photograph"
    return None
