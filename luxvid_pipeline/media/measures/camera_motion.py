# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""How the camera moves: features tracked from frame to frame, and a similarity fitted to each step.

Belongs here: direction, amount and speed of a clip's move; where it cannot be followed.
Does not belong here: what move a scene wants (``domain/scenes.py``), smoothness (``steadiness.py``).

Source:
    Tracking: Lucas and Kanade, IJCAI 1981, with forward-backward check (Kalal et al., ICPR 2010). The sign of the
    move from tracked points is VBench's camera label (https://github.com/Vchitect/VBench); a fitted similarity says it
    more cheaply: scale above 1 is a push-in.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.media.measures.look import FULL_WIDTH_PX, WIDTH_PX, Grey, Look

Floats = NDArray[np.float64]

PX = FULL_WIDTH_PX / WIDTH_PX
"""Pixels of a frame 1920 wide to one pixel measured in."""

_POINTS = 240
_REFRESH_BELOW = 150
_REFRESH_EVERY = 15
_FIT_PX = 0.75
_LEAST_POINTS = 20
_LEAST_SHARE = 0.35
_CORNER_S = 0.25


@dataclass(frozen=True, slots=True)
class Motion:
    """The picture's motion, step by step.

    Attributes:
        steps: For each step how the picture's content moves, about the frame's centre: right and down in measured
            pixels, natural logarithm of the scale, turn in radians; shape ``(n - 1, 4)``. Steps that could not be
            followed are interpolated.
        followed: Whether each step could be followed; shape ``(n - 1,)``.
        fps: Steps a second.
        size: Width and height measured at.
    """

    steps: Floats
    followed: NDArray[np.bool_]
    fps: float
    size: tuple[int, int]

    @property
    def followed_part(self) -> float:
        """Part of the steps that could be followed."""
        return float(self.followed.mean()) if len(self.followed) else 0.0

    def whole(self) -> Floats:
        """Return where a point of the first frame, about its centre, lies in the last one; 3x3."""
        total = np.eye(3)
        for right, down, grows, turns in self.steps:
            scale = np.exp(grows)
            c, s = scale * np.cos(turns), scale * np.sin(turns)
            total = np.array([[c, -s, right], [s, c, down], [0, 0, 1]]) @ total
        return total

    def zoom(self) -> float:
        """Return the magnification of the last frame over the first."""
        return float(np.exp(self.steps[:, 2].sum()))

    def travel(self) -> tuple[float, float]:
        """Return where the view went over what the first frame shows, in frame widths and heights, right and down."""
        centre = np.linalg.inv(self.whole())[:2, 2]
        return float(centre[0] / self.size[0]), float(centre[1] / self.size[1])

    def path_px(self) -> Floats:
        """Return the way of the picture since the first frame, in pixels of a frame 1920 wide.

        Returns:
            Right, down and (at the frame's side) outward; shape ``(n, 3)``.
        """
        each = self.steps[:, :3] * np.array([1.0, 1.0, self.size[0] / 2]) * PX
        return np.concatenate([np.zeros((1, 3)), np.cumsum(each, axis=0)])

    def moved_px(self) -> float:
        """Return how far the frame's corner that moves most travelled, in pixels of a frame 1920 wide."""
        whole = self.whole()
        half = np.array(self.size) / 2
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        moved = corners @ whole[:2, :2].T + whole[:2, 2] - corners
        return float(np.hypot(*moved.T).max() * PX)

    def speeds_px_s(self) -> Floats:
        """Return the speed of the fastest corner at each step, over a quarter of a second."""
        right, down, grows, turns = self.steps.T
        half = np.hypot(*self.size) / 2
        speed = (np.hypot(right, down) + half * np.hypot(grows, turns)) * PX * self.fps
        span = max(1, min(len(speed), round(_CORNER_S * self.fps)))
        return np.convolve(speed, np.full(span, 1 / span), mode="valid")


def follow(look: Look) -> Motion:
    """Return the motion of a clip's picture."""
    greys = look.greys
    height, width = greys.shape[1:]
    steps = np.zeros((len(greys) - 1, 4))
    followed = np.zeros(len(greys) - 1, bool)
    points = np.zeros((0, 1, 2), np.float32)
    for number in range(len(greys) - 1):
        before, after = greys[number], greys[number + 1]
        if len(points) < _REFRESH_BELOW or number % _REFRESH_EVERY == 0:
            points = _features(before)
        if not len(points):
            continue
        moved, kept = track(before, after, points)
        step = _fit(points[kept], moved[kept], (width, height)) if kept.sum() >= _LEAST_POINTS else None
        if step is not None and kept.mean() > _LEAST_SHARE:
            steps[number], followed[number] = step, True
        points = moved[kept] if followed[number] else np.zeros((0, 1, 2), np.float32)
    if followed.any() and not followed.all():
        at = np.arange(len(steps))
        for column in range(4):
            steps[:, column] = np.interp(at, at[followed], steps[followed, column])
    return Motion(steps, followed, look.fps, (width, height))


def track(before: Grey, after: Grey, points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return where points go from one frame to the next, and which of them can be trusted.

    Args:
        before: Frame the points lie in.
        after: The next one.
        points: Shape ``(n, 1, 2)``.
    """
    there, found = _moved(before, after, points)
    back, returned = _moved(after, before, there)
    off = np.hypot(*(back - points)[:, 0].T)
    height, width = after.shape
    x, y = there[:, 0].T
    inside = (x > 2) & (y > 2) & (x < width - 3) & (y < height - 3)
    return there, found & returned & (off < 0.5) & inside


def _moved(before: Grey, after: Grey, points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.005)
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, np.empty_like(points), winSize=(15, 15), maxLevel=3, criteria=stop
    )
    return np.asarray(there, np.float32), np.asarray(found)[:, 0] == 1


def _features(grey: Grey) -> NDArray[np.float32]:
    """Corners all over the frame: found in each of its twelve parts, so that no busy corner speaks for all."""
    height, width = grey.shape
    found: list[NDArray[np.float32]] = []
    for row in range(3):
        for column in range(4):
            top, left = height * row // 3, width * column // 4
            part = grey[top : height * (row + 1) // 3, left : width * (column + 1) // 4]
            corners = cv2.goodFeaturesToTrack(part, _POINTS // 12, 0.02, 6)
            if corners is not None:  # pyright: ignore[reportUnnecessaryComparison]
                found.append(np.asarray(corners, np.float32) + np.array([left, top], np.float32))
    return np.concatenate(found) if found else np.zeros((0, 1, 2), np.float32)


def _fit(before: NDArray[np.float32], after: NDArray[np.float32], size: tuple[int, int]) -> Floats | None:
    centre = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2], np.float32)
    fitted, agree = cv2.estimateAffinePartial2D(
        before - centre, after - centre, method=cv2.RANSAC, ransacReprojThreshold=_FIT_PX, refineIters=10
    )
    if fitted is None or agree.mean() < _LEAST_SHARE:  # pyright: ignore[reportUnnecessaryComparison]
        return None
    scale = float(np.hypot(fitted[0, 0], fitted[1, 0]))
    if not 0.5 < scale < 2.0:
        return None
    return np.array([fitted[0, 2], fitted[1, 2], np.log(scale), np.arctan2(fitted[1, 0], fitted[0, 0])])
