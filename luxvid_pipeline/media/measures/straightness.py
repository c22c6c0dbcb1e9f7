# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Whether straight lines stay straight: a camera cannot bend them, a model that imagines frames does.

Belongs here: finding long straight edges, following points along them, measuring how they bend.
Does not belong here: how much is too much (``domain/gates.py``).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.media.measures.camera_motion import PX, track
from luxvid_pipeline.media.measures.look import Grey, Look

Floats = NDArray[np.float64]

_LEAST_LENGTH_PX = 50.0
_STEP_PX = 5.0
_MOST_LINES = 40
_LEAST_POINTS = 7
_SPAN_S = 2.0
_NOISE_PX = 0.6
_MOST_BENT_PART = 0.1
_STEPS_A_SECOND = 10
_PATCH_PX = 9
_STILL_ITSELF = 0.95


@dataclass(frozen=True, slots=True)
class Straightness:
    """How straight lines stay.

    Attributes:
        bent_px: Sagitta of the most bent tenth of the lines, in pixels of a frame 1920 wide.
        lines: Lines that could be followed.
    """

    bent_px: float
    lines: int


def bending(look: Look) -> Straightness:
    """Return how far long straight edges bend while the clip plays.

    Points along each edge are tracked; the edge is the straighter the less a cubic through their distances from its own
    chord differs from a straight line. An edge that no longer looks like itself, as in a dissolve, has not bent: it is
    gone. Edges are chosen anew every two seconds, so that what comes into view counts.

    Source:
        Edges: Grompone von Gioi et al., "LSD: a fast line segment detector", IEEE TPAMI 32(4), 2010.
    """
    span = max(4, round(_SPAN_S * look.fps))
    step = max(1, round(look.fps / _STEPS_A_SECOND))
    found: list[float] = []
    starts = [0] if len(look.greys) <= 1.5 * span else list(range(0, len(look.greys) - span // 2, span))
    for start in starts:
        end = len(look.greys) if start == starts[-1] else start + span
        found += _bends(look.greys[start:end:step])
    if not found:
        return Straightness(0.0, 0)
    worst = np.sort(found)[::-1][: max(2, round(_MOST_BENT_PART * len(found)))]
    return Straightness(float(worst.mean() * PX), len(found))


def _bends(greys: Grey) -> list[float]:
    """How far each line of the first frame bends, lines lost on the way left away."""
    lines = _lines(greys[0])
    if not lines:
        return []
    points = np.concatenate(lines)[:, None].astype(np.float32)
    owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    alive = np.ones(len(points), bool)
    looks = _patches(greys[0], points)
    bends: list[list[float]] = [[] for _ in lines]
    for number in range(len(greys) - 1):
        moved, kept = track(greys[number], greys[number + 1], points[alive])
        points[alive] = moved
        alive[np.flatnonzero(alive)] = kept
        if not alive.any():
            break
        if (number + 1) % 2 and number + 2 < len(greys):
            continue
        alike = (looks * _patches(greys[number + 1], points)).sum(axis=1)
        for index, line in enumerate(lines):
            mine = (owner == index) & alive
            if mine.sum() < max(_LEAST_POINTS, 0.6 * len(line)) or np.median(alike[mine]) < _STILL_ITSELF:
                continue
            bend = _sagitta(points[mine][:, 0].astype(np.float64))
            if bend is not None:
                bends[index].append(bend)
    # The third largest: a single stray reading is no bend.
    return [sorted(each)[-min(3, len(each))] for each in bends if each]


def _lines(grey: Grey) -> list[Floats]:
    """Points along the longest straight edges."""
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    if found is None:  # pyright: ignore[reportUnnecessaryComparison]
        return []
    ends = np.asarray(found, np.float64).reshape(-1, 2, 2)
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    order = [index for index in np.argsort(-lengths) if lengths[index] >= _LEAST_LENGTH_PX][:_MOST_LINES]
    # The ends of an edge are corners, which go their own way.
    return [
        ends[index, 0]
        + np.linspace(0.05, 0.95, max(_LEAST_POINTS, round(lengths[index] / _STEP_PX)))[:, None]
        * (ends[index, 1] - ends[index, 0])
        for index in order
    ]


def _patches(grey: Grey, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """What lies around each point, without its brightness and contrast; shape ``(n, pixels)``, each of length 1."""
    across, down = (part.astype(np.float32) for part in np.meshgrid(*[np.arange(_PATCH_PX) - _PATCH_PX // 2] * 2))
    x = points[:, :, 0] + across.reshape(1, -1)
    y = points[:, :, 1] + down.reshape(1, -1)
    seen = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    seen -= seen.mean(axis=1, keepdims=True)
    return np.asarray(seen / np.maximum(np.sqrt(np.square(seen).sum(axis=1, keepdims=True)), 1e-3), np.float32)


def _sagitta(points: Floats) -> float | None:
    """How far points lie on a bend, in measured pixels; None if they lie on no smooth curve at all."""
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    along, off = (points - middle) @ axes.T[:, 0], (points - middle) @ axes.T[:, 1]
    if np.ptp(along) < 0.6 * _LEAST_LENGTH_PX:
        return None
    cubic = np.polynomial.Polynomial.fit(along, off, 3)
    away = np.abs(off - cubic(along))
    near = away <= max(_NOISE_PX, 2.5 * float(np.median(away)))  # the others went astray
    if near.sum() < _LEAST_POINTS:
        return None
    along, off = along[near], off[near]
    cubic = np.polynomial.Polynomial.fit(along, off, 3)
    if float(np.sqrt(np.mean(np.square(off - cubic(along))))) > _NOISE_PX:
        return None
    at = np.linspace(along.min(), along.max(), 25)
    curve = cubic(at)
    return float(np.abs(curve - np.interp(at, at[[0, -1]], curve[[0, -1]])).max())
