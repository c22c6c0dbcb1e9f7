# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""One look at a clip: every frame decoded once, kept small and grey, a few kept whole.

Belongs here: decoding for measures.
Does not belong here: any measure, decoding for film (``media/conform.py``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.video_files import open_without_decoding

WIDTH_PX = 480
"""All frames are measured at this width. Tracked points are good to a few hundredths of such a pixel."""

FULL_WIDTH_PX = 1920
"""The width that figures in pixels refer to."""

Grey = NDArray[np.uint8]

_PROBES_A_SECOND = 1
_MOST_PROBES = 24
_TO_FULL_RANGE = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over a clip keeps.

    Attributes:
        name: The file's name, for errors.
        width_px, height_px: Size as stored.
        times_s: When each frame is shown, from 0; shape ``(n,)``.
        fps: Usual rate.
        greys: Every frame, ``WIDTH_PX`` wide, full range; shape ``(n, h, w)``.
        wholes: Some frames in their own size, by number: the first, the last, and a few between.
    """

    name: str
    width_px: int
    height_px: int
    times_s: NDArray[np.float64]
    fps: float
    greys: Grey
    wholes: dict[int, Grey]

    @property
    def seconds(self) -> float:
        """From the first frame's start to the last one's end."""
        return float(self.times_s[-1]) + 1 / self.fps

    @property
    def constant_rate(self) -> bool:
        """Whether frames follow each other at one rate, within a tenth of a frame."""
        return bool(np.abs(np.diff(self.times_s) * self.fps - 1).max(initial=0.0) <= 0.1)

    def part(self, start: int, end: int) -> "Look":
        """Return the frames from ``start`` to before ``end`` as a look of its own, without whole frames."""
        times = self.times_s[start:end]
        return Look(self.name, self.width_px, self.height_px, times - times[0], self.fps, self.greys[start:end], {})


def look_at(clip: Path, *, doing: str = "", with_wholes: bool = True, only_key_frames: bool = False) -> Look:
    """Decode a clip once.

    Args:
        clip: Any video file.
        doing: What this is about, for errors.
        with_wholes: Whether to keep some frames in their own size (2 MB each at 1080p).
        only_key_frames: Whether to decode key frames alone, a quarter of the work.

    Raises:
        MediaError: It cannot be decoded, or has fewer than two frames.
    """
    prefix = f"{doing}: " if doing else ""
    times: list[float] = []
    greys: list[Grey] = []
    wholes: dict[int, Grey] = {}
    try:
        # The local camera's files say in their header what others may only show.
        with open_without_decoding(clip) if only_key_frames else av.open(str(clip)) as container:
            if not container.streams.video:
                raise MediaError(f"{prefix}{clip.name} holds no pictures")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            if only_key_frames:
                stream.codec_context.skip_frame = "NONKEY"
            width, height = stream.codec_context.width, stream.codec_context.height
            rate = float(stream.average_rate or 24)
            every = _probe_step(rate, stream.frames)
            size = (WIDTH_PX, max(2, round(WIDTH_PX * height / width)))
            newest: tuple[int, Grey] | None = None
            for number, decoded in enumerate(container.decode(stream)):
                times.append(number / rate if decoded.pts is None else float(decoded.time or 0.0))
                luma = _luma(decoded)
                greys.append(np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8))
                if with_wholes:
                    newest = (number, luma)
                    if number % every == 0:
                        wholes[number] = luma
            if newest is not None:
                wholes[newest[0]] = newest[1]
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{prefix}{clip.name} cannot be decoded: {error.strerror or error}") from error
    if len(times) < 2:
        raise MediaError(f"{prefix}{clip.name} holds {len(times)} frame(s)")
    at = np.asarray(times, np.float64)
    at = np.sort(at) - at.min()
    step = float(np.median(np.diff(at))) or 1 / rate
    return Look(clip.name, width, height, at, 1 / step, np.stack(greys), wholes)


def _probe_step(rate: float, frames: int) -> int:
    step = max(1, round(rate / _PROBES_A_SECOND))
    return max(step, -(-frames // _MOST_PROBES))


def _luma(decoded: Any) -> Grey:
    """The brightness of a decoded frame, full range, in a buffer of its own."""
    if decoded.format.name in {"yuv420p", "yuvj420p", "nv12", "yuv422p", "yuv444p"}:
        plane = decoded.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    else:
        return np.asarray(decoded.reformat(format="gray").to_ndarray(), np.uint8)  # full range already
    if decoded.color_range == ColorRange.JPEG or decoded.format.name == "yuvj420p":
        return rows.copy()
    return np.asarray(cv2.LUT(np.ascontiguousarray(rows), _TO_FULL_RANGE), np.uint8)
