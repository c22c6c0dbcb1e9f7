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

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.conform import ssim
from luxvid_pipeline.media.encode import Frame, planes
from luxvid_pipeline.media.sampling import CHROMA_OVERSAMPLING, OVERSAMPLING, enlarged, together, warp
from luxvid_pipeline.media.video_files import open_without_decoding

SMOOTH_SSIM = 0.93
"""How like a frame drawn between two others has to be to the one that was really there."""

_LOOK_PX = 640
_GRID = 24
_PROBES = 5

Floats = NDArray[np.float64]


class HalfPace:
    """Draws the two frames that stand for the step from one frame to the next at half pace.

    What is made of a frame to draw from it is kept for the step after, which begins with it.
    """

    def __init__(self) -> None:
        """Begin without a flow."""
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last: _Source | None = None

    def between(self, before: Frame, after: Frame, parts: Sequence[float] = (0.25, 0.75)) -> list[Frame]:
        """Return the frames so far on the way from ``before`` to ``after``."""
        known = self._last
        one = known if known is not None and known.frame is before else _Source(before)
        other = self._last = _Source(after)
        motion = self._motion(one, other)
        return [_along(one, other, motion, part) for part in parts]

    def _motion(self, before: "_Source", after: "_Source") -> Floats:
        """The homography from a place in the one to the same thing in the other, in parts of the width."""
        height, width = before.small.shape
        flow = self._flow.calc(before.small, after.small, np.zeros((height, width, 2), np.float32))
        x, y = np.meshgrid(
            np.linspace(8, width - 9, _GRID).round(), np.linspace(8, height - 9, round(_GRID * height / width)).round()
        )
        places = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
        moved = places + flow[places[:, 1].astype(int), places[:, 0].astype(int)]
        found, _ = cv2.findHomography(places / width, moved / width, cv2.RANSAC, 0.5 / width)
        fitted = np.asarray(found, np.float64)
        # OpenCV returns an empty matrix, or none, where nothing fits.
        return fitted / fitted[2, 2] if fitted.shape == (3, 3) and fitted[2, 2] else np.eye(3)


class _Source:
    """A frame ready to be drawn from, and small enough to be compared."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        luma, blue, red = planes(frame)
        rows, columns = luma.shape
        width = min(_LOOK_PX, columns)
        size = width, round(rows * width / columns)
        self.small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        self._luma = enlarged(luma, (round(columns * OVERSAMPLING), round(rows * OVERSAMPLING)))
        size = round(blue.shape[1] * CHROMA_OVERSAMPLING), round(blue.shape[0] * CHROMA_OVERSAMPLING)
        self._chroma = together(
            *(np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_CUBIC), np.uint8) for each in (blue, red))
        )

    def seen(self, move: Floats) -> tuple[Frame, Frame]:
        """Return luma and chroma (four channels) as they look once everything has moved so, in parts of the width."""
        rows, columns = planes(self.frame)[0].shape
        luma = np.empty((rows, columns), np.uint8)
        chroma = np.empty((rows // 2, columns // 2, 4), np.uint8)
        back = np.linalg.inv(move)
        for samples, into, by in ((self._luma, luma, OVERSAMPLING), (self._chroma, chroma, CHROMA_OVERSAMPLING)):
            pixels = np.diag([1 / into.shape[1], 1 / into.shape[1], 1.0])
            finer = np.array([[by, 0, (by - 1) / 2], [0, by, (by - 1) / 2], [0, 0, 1.0]])
            warp(samples, finer @ np.linalg.inv(pixels) @ back @ pixels, into)
        return luma, chroma


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
        with open_without_decoding(clip) as container:
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


def _along(before: _Source, after: _Source, motion: Floats, part: float) -> Frame:
    """What lies a part of the way between two frames, drawn from both."""
    into = np.empty_like(before.frame)
    # A small step: its part of the way is that part of its difference from standing still.
    there = np.eye(3) + part * (motion - np.eye(3))
    back = np.eye(3) + (1 - part) * (np.linalg.inv(motion) / np.linalg.inv(motion)[2, 2] - np.eye(3))
    luma, blue, red = planes(into)
    (one, one_chroma), (other, other_chroma) = before.seen(there), after.seen(back)
    cv2.addWeighted(one, 1 - part, other, part, 0.0, dst=luma)
    mixed = cv2.addWeighted(one_chroma, 1 - part, other_chroma, part, 0.0)
    cv2.extractChannel(mixed, 0, dst=blue)
    cv2.extractChannel(mixed, 1, dst=red)
    return into
