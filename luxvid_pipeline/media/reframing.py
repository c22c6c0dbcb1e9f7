# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A wide clip in another shape: which part of each frame is shown, and drawing it.

Belongs here: the path of the crop along a clip, cropping and enlarging one frame.
Does not belong here: what draws the eye (``media/saliency.py``), encoding (``media/packaging.py``).

The crop is as tall as the frame and moves along one eased line from the clip's first frame to its last, with the same
easing as the camera: two numbers decide it, so it cannot wobble. They are chosen together, over all such lines, by how
much of what draws the eye the crop holds along the whole move, near its middle rather than at its sides, less how far
it travels. A crop that followed its subject exactly would cancel a truck and leave a still; travel has its price, so it
moves only where it would lose the subject otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.camera import eased
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import Frame, planes
from luxvid_pipeline.media.saliency import MAP_PX, Map, saliency
from luxvid_pipeline.media.video_files import open_without_decoding

_PLACES = 49
_MOST_TRAVEL = 0.3
_TRAVEL_PRICE = 2.2
_TAPS = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPath:
    """Which part of each frame of a clip is shown.

    Attributes:
        lefts_px: Left side of the crop at each frame, in pixels of the clip, between pixels too.
        width_px: Its width, the same throughout; it is as tall as the clip.
        held: Share of what draws the eye that it holds, mean over the clip, 0 to 1.
        centre_held: The same for a crop that stays in the middle.
    """

    lefts_px: Floats
    width_px: float
    held: float
    centre_held: float


@dataclass(frozen=True, slots=True)
class Look:
    """A frame's saliency and its place in the clip, 0 to 1."""

    at: float
    map: Map


def look_along(clip: Path, frames: int) -> list[Look]:
    """Return what draws the eye along a clip, looked at on its key frames; no other frame is decoded.

    Args:
        clip: A clip in the film's own format.
        frames: Its length.

    Raises:
        MediaError: It cannot be read.
    """
    looks: list[Look] = []
    try:
        with open_without_decoding(clip) as container:
            stream = container.streams.video[0]
            stream.codec_context.skip_frame = "NONKEY"
            rate, base = stream.average_rate, stream.time_base
            if rate is None or base is None:
                raise MediaError(f"{clip.name}: it has no constant frame rate")
            for frame in container.decode(stream):
                number = round((frame.pts or 0) * base * rate)
                picture = np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)
                looks.append(Look(number / max(1, frames - 1), saliency(*planes(picture))))
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{clip.name}: cannot be looked at: {error.strerror or error}") from error
    if not looks:
        raise MediaError(f"{clip.name}: holds no picture")
    return looks


def crop_path(looks: Sequence[Look], film: FilmFormat, shape: FilmFormat, frames: int) -> CropPath:
    """Return the best crop of a clip for another shape.

    Args:
        looks: What draws the eye along it, one or more.
        film: The clip's own format.
        shape: The format wanted; not wider than the clip's.
        frames: Length of the clip.

    Raises:
        MediaError: The shape wanted is wider than the clip.
    """
    share = shape.aspect / film.aspect
    if share > 1 + 1e-6:
        raise MediaError(f"a crop of {shape.width_px}x{shape.height_px} is wider than the clip")
    width_px = film.width_px * min(1.0, share)
    if share >= 1 - 1e-6:
        return CropPath(lefts_px=np.zeros(frames), width_px=width_px, held=1.0, centre_held=1.0)
    lefts = np.linspace(0, 1 - share, _PLACES)
    held = np.array([[_held(look.map, left, share) for left in lefts] for look in looks])
    worth = np.array([[_worth(look.map, left, share) for left in lefts] for look in looks])
    # The easing at the frames that were looked at; of all lines between two places the best.
    progress = np.interp([look.at for look in looks], np.linspace(0, 1, 101), eased(101))
    start, end = np.meshgrid(np.arange(_PLACES), np.arange(_PLACES), indexing="ij")
    value = np.zeros(start.shape)
    step = lefts[1] - lefts[0]
    for row, part in zip(worth, progress, strict=True):
        value += np.interp(start + (end - start) * part, np.arange(_PLACES), row)
    travel = np.abs(end - start) * step
    value = value / len(worth) - _TRAVEL_PRICE * travel**2
    value[travel > _MOST_TRAVEL] = -np.inf
    best = np.unravel_index(int(np.argmax(value)), value.shape)
    first, last = (float(lefts[int(place)]) for place in best)
    places = (first + (last - first) * progress) / step
    middle = (_PLACES - 1) / 2
    return CropPath(
        lefts_px=(first + (last - first) * eased(frames)) * film.width_px,
        width_px=width_px,
        held=float(np.mean([np.interp(at, np.arange(_PLACES), row) for at, row in zip(places, held, strict=True)])),
        centre_held=float(np.mean([np.interp(middle, np.arange(_PLACES), row) for row in held])),
    )


def draw_crop(frame: Frame, left_px: float, width_px: float, into: Frame) -> None:
    """Draw the part of a frame from ``left_px`` on, as tall as the frame, into another frame's buffer.

    The crop is moved by parts of a pixel with a windowed-sinc filter at the clip's own size, where it is cheapest,
    and then enlarged cubically: a slow crop glides and stays as sharp as a resting one.
    """
    total = planes(frame)[0].shape[1]
    for source, target in zip(planes(frame), planes(into), strict=True):
        by = source.shape[1] / total
        # Chroma is sited on the even luma columns; enlarged, it stays on the even columns of the new frame.
        scale = target.shape[1] / (width_px * by)
        sited = 0.0 if source is planes(frame)[0] or by == 1 else 0.25
        left = left_px * by + (sited / scale - sited)
        width = width_px * by
        _enlarge(source, left, width, target)


def _enlarge(source: Frame, left: float, width: float, target: Frame) -> None:
    rows, columns = target.shape
    whole = round(width)
    # cv2.resize maps all of its source onto all of its target, so the crop has to be whole pixels; what the rounding
    # changes in scale is less than a thousandth.
    base = int(np.floor(left))
    part = left - base
    margin = _TAPS // 2
    low, high = base - margin, base + whole + margin
    within = source[:, max(0, low) : min(source.shape[1], high)]
    if low < 0 or high > source.shape[1]:
        within = cv2.copyMakeBorder(within, 0, 0, max(0, -low), max(0, high - source.shape[1]), cv2.BORDER_REPLICATE)
    if part > 1e-3:
        within = cv2.filter2D(within, -1, _shift_kernel(part), borderType=cv2.BORDER_REPLICATE)
    cv2.resize(within[:, margin : margin + whole], (columns, rows), dst=target, interpolation=cv2.INTER_CUBIC)


def _shift_kernel(part: float) -> NDArray[np.float32]:
    """The filter whose output at a pixel is the picture ``part`` of a pixel to the right of it (Lanczos 3)."""
    reach = _TAPS // 2
    weights = [_sinc(place - part) * _sinc((place - part) / reach) for place in range(1 - reach, reach + 1)]
    total = sum(weights)
    return np.array([[0.0, *(weight / total for weight in weights)]], np.float32)


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def _held(found: Map, left: float, share: float) -> float:
    """The part of a map between two columns, columns between pixels included."""
    columns = np.concatenate([[0.0], np.cumsum(found.sum(axis=0))])
    x = np.arange(len(columns)) / MAP_PX[0]
    return float(np.interp(left + share, x, columns) - np.interp(left, x, columns))


def _worth(found: Map, left: float, share: float) -> float:
    """What a crop holds, its middle counting more than its sides: a subject is framed, not merely inside."""
    x = (np.arange(MAP_PX[0]) + 0.5) / MAP_PX[0]
    off = np.clip(np.abs(x - left - share / 2) / (share / 2), 0, 1)
    return float((found.sum(axis=0) * (1 - off**2)).sum())
