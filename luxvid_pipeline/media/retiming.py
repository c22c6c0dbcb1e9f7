# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Playing a clip at half its pace without stutter.

Belongs here: drawing what lies between two frames of a camera move, and measuring whether that can be done.
Does not belong here: other frame rates (``media/conform.py``), which scenes play slower (``domain/delivery_plan.py``).

Doubled frames stutter, and mixed ones are sharp and soft in turn. A camera that moves over a photograph moves all of it
by one homography, so the frames a quarter and three quarters of the way are drawn along that homography from both
neighbours: none of the frames shown is one of the clip's, all are equally sharp, and all are equally far apart.
"""

from collections.abc import Sequence
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.conform import ssim
from luxvid_pipeline.media.encode import Frame, planes

SMOOTH_SSIM = 0.93
"""How like a frame drawn between two others has to be to the one that was really there."""

_LOOK_PX = 640
_GRID = 24
_PROBES = 5

Floats = NDArray[np.float64]


class HalfPace:
    """Draws the two frames that stand for the step from one frame to the next at half pace."""

    def __init__(self) -> None:
        """Begin without a flow."""
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def between(self, before: Frame, after: Frame, parts: Sequence[float] = (0.25, 0.75)) -> list[Frame]:
        """Return the frames so far on the way from ``before`` to ``after``."""
        motion = self._motion(before, after)
        return [_along(before, after, motion, part) for part in parts]

    def _motion(self, before: Frame, after: Frame) -> Floats:
        """The homography from a place in the one to the same thing in the other, in parts of the width."""
        luma = planes(before)[0]
        width = min(_LOOK_PX, luma.shape[1])
        height = round(luma.shape[0] * width / luma.shape[1])
        one, other = (
            cv2.resize(planes(frame)[0], (width, height), interpolation=cv2.INTER_AREA) for frame in (before, after)
        )
        flow = self._flow.calc(one, other, np.zeros((height, width, 2), np.float32))
        x, y = np.meshgrid(
            np.linspace(8, width - 9, _GRID).round(), np.linspace(8, height - 9, round(_GRID * height / width)).round()
        )
        places = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
        moved = places + flow[places[:, 1].astype(int), places[:, 0].astype(int)]
        found, _ = cv2.findHomography(places / width, moved / width, cv2.RANSAC, 0.5 / width)
        fitted = np.asarray(found, np.float64)
        # OpenCV returns an empty matrix, or none, where nothing fits.
        return fitted / fitted[2, 2] if fitted.shape == (3, 3) and fitted[2, 2] else np.eye(3)


def pace_likeness(clip: Path, frames: int) -> float:
    """Return how well frames of a clip can be drawn from their neighbours: the worst of a few places, as an SSIM.

    At each place the frame between two others is left out, drawn, and compared with what it was. That is a wider step
    than half pace takes, so the answer is on the safe side.

    Args:
        clip: In the film's own format.
        frames: Its length, three or more.

    Raises:
        MediaError: It cannot be read.
    """
    half = HalfPace()
    worst = 1.0
    try:
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            rate, base = stream.average_rate, stream.time_base
            if rate is None or base is None or frames < 3:
                return 0.0
            for place in np.linspace(0, max(0, frames - 4), _PROBES).astype(int):
                container.seek(round(int(place) / rate / base), stream=stream, backward=True)
                three: list[Frame] = []
                for frame in container.decode(stream):
                    three.append(np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8))
                    if len(three) == 3:
                        break
                if len(three) < 3:
                    return 0.0
                (drawn,) = half.between(three[0], three[2], (0.5,))
                worst = min(worst, _likeness(drawn, three[1]))
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{clip.name}: cannot be looked at: {error.strerror or error}") from error
    return round(worst, 4)


def _likeness(one: Frame, other: Frame) -> float:
    """SSIM at half size, where an eye at its usual distance compares."""
    small = [
        np.asarray(cv2.resize(planes(frame)[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        for frame in (one, other)
    ]
    return ssim(small[0], small[1])


def _along(before: Frame, after: Frame, motion: Floats, part: float) -> Frame:
    """What lies a part of the way between two frames, drawn from both."""
    rows, columns = before.shape
    into = np.empty((rows, columns), np.uint8)
    # A small step: its part of the way is that part of its difference from standing still.
    there = np.eye(3) + part * (motion - np.eye(3))
    back = np.eye(3) + (1 - part) * (np.linalg.inv(motion) / np.linalg.inv(motion)[2, 2] - np.eye(3))
    for one, other, target in zip(planes(before), planes(after), planes(into), strict=True):
        size = (target.shape[1], target.shape[0])
        pixels = np.diag([1 / size[0], 1 / size[0], 1.0])
        seen = [
            cv2.warpPerspective(
                plane,
                np.linalg.inv(pixels) @ np.linalg.inv(move) @ pixels,
                size,
                flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            for plane, move in ((one, there), (other, back))
        ]
        cv2.addWeighted(seen[0], 1 - part, seen[1], part, 0.0, dst=target)
    return into
