# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Whether straight lines stay straight: a camera cannot bend them, a model that imagines frames does.

Belongs here: finding long straight edges in however many pieces, following points along them, how they bend.
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
_LEAST_PIECE_PX = 16.0
_MOST_PIECES = 200
_OFF_EDGE_PX = 1.0
_GAP_PX = 14.0
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
        bent_px: How far the most bent tenth of the lines has left its shape, in pixels of a frame 1920 wide.
        lines: Lines that could be followed.
    """

    bent_px: float
    lines: int


def bending(look: Look) -> Straightness:
    """Return how far long straight edges bend while the clip plays.

    Points along each edge are tracked to the clip's end; it has bent as far as a cubic through their distances from its
    chord differs from the one they began on, so that an arch that stays an arch is straight enough. An edge that no
    longer looks like itself, as in a dissolve, has not bent: it is gone. Edges are chosen anew every two seconds, so
    that what comes into view counts.

    Source:
        Edges: Grompone von Gioi et al., "LSD: a fast line segment detector", IEEE TPAMI 32(4), 2010.
    """
    span = max(4, round(_SPAN_S * look.fps))
    step = max(1, round(look.fps / _STEPS_A_SECOND))
    found: list[float] = []
    starts = [0] if len(look.greys) <= 1.5 * span else list(range(0, len(look.greys) - span // 2, span))
    for start in starts:
        found += _bends(look.greys[start::step])
    if not found:
        return Straightness(0.0, 0)
    worst = np.sort(found)[::-1][: max(2, round(_MOST_BENT_PART * len(found)))]
    return Straightness(float(worst.mean() * PX), len(found))


def _bends(greys: Grey) -> list[float]:
    """How far each line of the first frame bends, lines lost on the way left away."""
    lines = _lines(greys[0])
    if not lines:
        return []
    began = np.concatenate(lines)
    points = began[:, None].astype(np.float32)
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
            bend = _bend(began[mine], points[mine][:, 0].astype(np.float64))
            if bend is not None:
                bends[index].append(bend)
    # The third largest: a single stray reading is no bend.
    return [sorted(each)[-min(3, len(each))] for each in bends if each]


def _lines(grey: Grey) -> list[Floats]:
    """Points along the longest straight edges, each in as many pieces as the detector found of it."""
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    if found is None:  # pyright: ignore[reportUnnecessaryComparison]
        return []
    ends = np.asarray(found, np.float64).reshape(-1, 2, 2)
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    order = np.argsort(-lengths)
    pieces = ends[order[lengths[order] >= _LEAST_PIECE_PX]][:_MOST_PIECES]
    edges: list[tuple[float, list[Floats]]] = []
    free = np.ones(len(pieces), bool)
    for index in range(len(pieces)):
        if free[index]:
            edge, extent = _edge(pieces, index, free)
            if extent >= _LEAST_LENGTH_PX:
                edges.append((extent, edge))
    edges.sort(key=lambda each: -each[0])
    return [_in_order(np.concatenate([_along(piece) for piece in edge])) for _, edge in edges[:_MOST_LINES]]


def _in_order(points: Floats) -> Floats:
    return points[np.argsort(_beside(points)[0], kind="stable")]


def _edge(pieces: Floats, first: int, free: NDArray[np.bool_]) -> tuple[list[Floats], float]:
    """The pieces that lie end to end on one edge with a first one, and the edge's length; they are free no longer."""
    edge = [pieces[first]]
    free[first] = False
    while True:
        points = np.concatenate(edge)
        middle = points.mean(axis=0)
        axes = np.linalg.svd(points - middle, full_matrices=False)[2]
        along, off = (pieces - middle) @ axes[0], (pieces - middle) @ axes[1]
        begin, end = ((points - middle) @ axes[0]).min(), ((points - middle) @ axes[0]).max()
        gap = np.maximum(along.min(axis=1) - end, begin - along.max(axis=1))
        # Beside the edge lie its own other side and its reflection: only what goes on where it ends belongs to it.
        goes_on = free & (np.abs(off).max(axis=1) <= _OFF_EDGE_PX) & (gap > -2.0) & (gap <= _GAP_PX)
        if not goes_on.any():
            return edge, float(end - begin)
        nearest = int(np.flatnonzero(goes_on)[np.argmin(gap[goes_on])])
        edge.append(pieces[nearest])
        free[nearest] = False


def _along(piece: Floats) -> Floats:
    """Points along a piece. Its ends are corners, which go their own way."""
    length = float(np.hypot(*(piece[1] - piece[0])))
    count = max(_LEAST_POINTS if length >= _LEAST_LENGTH_PX else 3, round(length / _STEP_PX))
    return piece[0] + np.linspace(0.05, 0.95, count)[:, None] * (piece[1] - piece[0])


def _patches(grey: Grey, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """What lies around each point, without its brightness and contrast; shape ``(n, pixels)``, each of length 1."""
    across, down = (part.astype(np.float32) for part in np.meshgrid(*[np.arange(_PATCH_PX) - _PATCH_PX // 2] * 2))
    x = points[:, :, 0] + across.reshape(1, -1)
    y = points[:, :, 1] + down.reshape(1, -1)
    seen = cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    seen -= seen.mean(axis=1, keepdims=True)
    return np.asarray(seen / np.maximum(np.sqrt(np.square(seen).sum(axis=1, keepdims=True)), 1e-3), np.float32)


def _bend(began: Floats, points: Floats) -> float | None:
    """How far points of one edge have left the shape they began in, in measured pixels; None if they form no curve."""
    along, off = _beside(points)
    if np.ptp(along) < 0.6 * _LEAST_LENGTH_PX:
        return None
    cubic = np.polynomial.Polynomial.fit(along, off, 3)
    away = np.abs(off - cubic(along))
    near = away <= max(_NOISE_PX, 2.5 * float(np.median(away)))  # the others went astray
    if near.sum() < _LEAST_POINTS:
        return None
    cubic = np.polynomial.Polynomial.fit(along[near], off[near], 3)
    if float(np.sqrt(np.mean(np.square(off[near] - cubic(along[near]))))) > _NOISE_PX:
        return None
    then_along, then_off = _beside(began)
    then = np.polynomial.Polynomial.fit(then_along[near], then_off[near], 3)
    parts = np.linspace(0, 1, 25)
    now_at = along[near].min() + parts * np.ptp(along[near])
    then_at = then_along[near].min() + parts * np.ptp(then_along[near])
    grown = np.ptp(along[near]) / max(float(np.ptp(then_along[near])), 1.0)
    change = cubic(now_at) - grown * then(then_at)
    return float(np.abs(change - np.interp(parts, [0, 1], change[[0, -1]])).max())


def _beside(points: Floats) -> tuple[Floats, Floats]:
    """Where points lie along their edge, in the direction of their order, and how far beside it."""
    from_middle = points - points.mean(axis=0)
    axis = np.linalg.svd(from_middle, full_matrices=False)[2][0]
    half = len(points) // 2
    if (points[half:].mean(axis=0) - points[:half].mean(axis=0)) @ axis < 0:
        axis = -axis
    return from_middle @ axis, from_middle @ np.array([-axis[1], axis[0]])
