# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Bringing a clip that came from elsewhere into the film's own format, in one encode.

Belongs here: choosing the part and the speed, converting the frame rate without judder, scaling, measuring the first
and the last frame against the photos.
Does not belong here: where the clip came from (``providers/``), the encoder's settings (``media/encode.py``).

A frame rate is converted in one of two ways. Where each frame of the film can be a frame of the clip (24 frames a
second played at 30 are 1.25 times as fast, which nobody sees in a slow camera move), it is: nothing is invented and
nothing stutters. Elsewhere frames between two others are drawn along the optical flow between them; where the flow
fails they are mixed.
"""

import hashlib
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from cachetools import LRUCache, cached
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, Frame, empty_frame, planes
from luxvid_pipeline.media.measures.fidelity import ssim

FASTEST = 1.5
"""A clip may be played this much faster; what is longer is trimmed as well."""

SLOWEST = 0.85
"""A clip a little shorter than asked may be played this slow; one that is shorter still is refused."""

_SNAP = 0.04
"""A step within this part of a whole number of frames becomes that number: the speed changes by 4 % at most."""

_STILL, _DEAD, _LEAST_CHANGE = 0.12, 0.02, 0.05
"""A step counts as dead below this part of the usual change, and a dead second weighs like half a likeness."""

_COMMON = (480, 270)
_SMALL = (96, 54)
_FLOW_WIDTH_PX = 640
_FRACTION = 1e-3
_KEPT = 14
"""Clips whose frames are remembered as 96 × 54 pixels, a megabyte each: a film's scenes, each with a second take."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformed:
    """What was made of a clip.

    Attributes:
        source_width_px, source_height_px, source_fps, source_seconds: As it came.
        had_sound: Whether it had a sound track, which is dropped.
        speed: How much faster it plays than it was.
        used_from_s, used_to_s: The part of it that is used.
        drawn_frames: Frames that lie between two of its frames and were drawn along the flow.
        first_ssim: Likeness of the first frame to the photo it was to begin on, 1 for the same.
        last_ssim: Likeness of the last frame to the photo it was to end on; None without one.
        source_first_ssim, source_last_ssim: The same of the clip's own first and last frame, which may lie outside the
            part that is used; looked at 96 pixels wide.
    """

    source_width_px: int
    source_height_px: int
    source_fps: float
    source_seconds: float
    had_sound: bool
    speed: float
    used_from_s: float
    used_to_s: float
    drawn_frames: int
    first_ssim: float | None
    last_ssim: float | None
    source_first_ssim: float | None
    source_last_ssim: float | None


@dataclass(frozen=True, slots=True)
class _Source:
    """What one look at every frame tells; shared by all who ask for the same clip, so nobody changes it."""

    width_px: int
    height_px: int
    times_s: Floats
    fps: float
    seconds: float
    has_sound: bool
    smalls: NDArray[np.uint8]


def conform_clip(
    clip: Path,
    into: Path,
    film: FilmFormat,
    frames: int,
    *,
    first: Path | None = None,
    last: Path | None = None,
    window: float | None = None,
    doing: str = "",
    stopped: Callable[[], bool] = lambda: False,
) -> Conformed:
    """Write a clip in the film's own format: its size, rate and length, silent, BT.709.

    Args:
        clip: What came.
        into: The MP4 to write.
        film: Size and rate.
        frames: Length wanted.
        first: Photo the clip was to begin on, framed as it was sent.
        last: Photo it was to end on; it then counts as much as the first in choosing the part.
        window: Where in a longer clip the part that is used begins, 0 for as early and 1 for as late as possible; by
            default where the photos are met best and nothing jumps or stands still.
        doing: What this is about, for errors.
        stopped: Asked before each frame; true ends the work and leaves no file.

    Raises:
        MediaError: It cannot be read, is much too short, was stopped, or the encoder gave up.
    """
    doing = doing or f"converting {clip.name}"
    source = _look(clip, doing)
    wanted_s = float(frames / film.fps)
    _check_length(clip, source.seconds, wanted_s, doing)
    ends = (_small_photo(first), _small_photo(last))
    positions = _positions(source, film, frames, ends, pair=last is not None, window=window)
    drawn = 0
    shown: list[Frame] = []
    cv2.setNumThreads(1)
    with ClipWriter(into, film, doing=doing) as writer:
        for picture, is_drawn in _pictures(clip, positions, film, doing):
            if stopped():
                raise MediaError(f"{doing}: stopped")
            writer.write(picture)
            drawn += is_drawn
            if writer.frames_written in {1, frames}:
                shown.append(planes(picture)[0].copy())
    used = source.times_s[[math.floor(positions[0]), min(len(source.times_s) - 1, math.ceil(positions[-1]))]]
    played = float(np.interp(positions[-1], np.arange(len(source.times_s)), source.times_s)) - float(
        np.interp(positions[0], np.arange(len(source.times_s)), source.times_s)
    )
    return Conformed(
        source_width_px=source.width_px,
        source_height_px=source.height_px,
        source_fps=source.fps,
        source_seconds=source.seconds,
        had_sound=source.has_sound,
        speed=played / ((frames - 1) / float(film.fps)) if frames > 1 else 1.0,
        used_from_s=float(used[0]),
        used_to_s=float(used[1]),
        drawn_frames=drawn,
        first_ssim=_likeness(shown[0], first),
        last_ssim=_likeness(shown[-1], last),
        source_first_ssim=_likeness_of_small(source.smalls[0], ends[0]),
        source_last_ssim=_likeness_of_small(source.smalls[-1], ends[1]),
    )


def check_clip(clip: Path, frames: int, film: FilmFormat) -> None:
    """Look at a clip before it counts: every frame decodes, and it is long enough for so many frames of the film.

    Raises:
        MediaError: It is not, or cannot be read.
    """
    seconds = _look(clip, "checking what came").seconds
    _check_length(clip, seconds, float(frames / film.fps), "checking what came")


def _check_length(clip: Path, seconds: float, wanted_s: float, doing: str) -> None:
    if seconds < wanted_s * SLOWEST:
        raise MediaError(f"{doing}: {clip.name} lasts {seconds:.2f} s, too short for {wanted_s:g} s")


def _sha256_of(clip: Path, doing: str) -> str:
    try:
        with clip.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(f"{doing}: {clip.name} cannot be decoded: {error.strerror or error}") from error


@cached(LRUCache[str, _Source](_KEPT), key=_sha256_of, lock=threading.Lock())
def _look(clip: Path, doing: str) -> _Source:
    """Decode everything once, small: a clip is checked when it comes, and converted when it counts."""
    times: list[float] = []
    smalls: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(clip)) as container:
            if not container.streams.video:
                raise MediaError(f"{doing}: {clip.name} holds no pictures")
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            rate = float(stream.average_rate or 24)
            has_sound = bool(container.streams.audio)
            # A frame's own ``reformat`` prepares the scaler anew each time: on a small clip ten times the decoding.
            scaler = VideoReformatter()
            for decoded in container.decode(stream):
                times.append(len(times) / rate if decoded.pts is None else decoded.time)
                grey = scaler.reformat(decoded, width=_SMALL[0], height=_SMALL[1], format="gray")
                smalls.append(np.asarray(grey.to_ndarray(), np.uint8))
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{doing}: {clip.name} cannot be decoded: {error.strerror or error}") from error
    if len(times) < 2:
        raise MediaError(f"{doing}: {clip.name} holds {len(times)} frame(s)")
    at = np.asarray(times, np.float64)
    order = np.argsort(at, kind="stable")
    at = at[order] - at.min()
    last_step = float(np.median(np.diff(at))) or 1 / rate
    return _Source(
        width_px=width,
        height_px=height,
        times_s=at,
        fps=1 / last_step,
        seconds=float(at[-1]) + last_step,
        has_sound=has_sound,
        smalls=np.stack(smalls)[order],
    )


def _positions(
    source: _Source,
    film: FilmFormat,
    frames: int,
    ends: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None],
    *,
    pair: bool,
    window: float | None,
) -> Floats:
    """Which place of the clip, counted in its frames, each frame of the film shows; rising."""
    wanted_s = float(frames / film.fps)
    last_frame = len(source.times_s) - 1
    natural = source.seconds / wanted_s
    steps = max(1, frames - 1)
    if natural <= FASTEST:
        step = last_frame / steps
        whole = round(step)
        if whole >= 1 and whole * steps <= last_frame and abs(step / whole - 1) <= _SNAP:
            step = float(whole)
        length = step * steps
        # A pair must end on its last frame; a single photo must begin on its first.
        start = last_frame - length if pair else 0.0
        start = _nearer_start(source, ends, length, start) if last_frame - length >= 1 else start
    else:
        fastest = FASTEST * source.fps / float(film.fps)
        whole = math.floor(fastest + 1e-6)
        exact = float(whole) if whole >= 1 and whole * float(film.fps) / source.fps >= 0.9 else 0.0
        # One photo: the smoothest playing there is. Two: as much of the way between them as can be shown, unless nearly
        # as much can be shown without drawing a single frame.
        step = fastest if pair or not exact else exact
        if pair and exact and exact / fastest >= 0.8:
            step = exact
        length = step * steps
        start = _nearer_start(source, ends, length, 0.0)
    if window is not None:
        start = max(0.0, min(1.0, window)) * max(0.0, last_frame - length)
    if float(step).is_integer():
        start = float(round(start))
    places = start + step * np.arange(frames)
    if _is_even(source.times_s):
        return np.asarray(np.clip(places, 0, last_frame), np.float64)
    # Unevenly timed clips are read by their time stamps.
    even_s = np.interp(places, [0, last_frame], [source.times_s[0], source.times_s[-1]])
    return np.asarray(np.interp(even_s, source.times_s, np.arange(last_frame + 1)), np.float64)


def _is_even(times_s: Floats) -> bool:
    """Whether frames follow each other at one rate, within a fifth of a frame."""
    steps = np.diff(times_s)
    return bool(np.abs(steps - np.median(steps)).max() <= 0.2 * np.median(steps))


def _nearer_start(
    source: _Source, ends: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None], length: float, default: float
) -> float:
    """Where a window of the clip should begin: near to the photos at both ends, without a jump inside."""
    first, last = ends
    count = len(source.smalls)
    starts = np.arange(max(1, count - math.ceil(length)))
    if len(starts) == 1:
        return float(starts[0])
    like_first = _closeness(source.smalls, first)
    like_last = _closeness(source.smalls, last)
    jumps = _jumps(source.smalls)
    through = np.concatenate([[0.0], np.cumsum(jumps + _dead(source.smalls))])
    scores: list[float] = []
    for start in starts:
        end = min(count - 1, round(start + length))
        broken = through[end] - through[start]
        off = 1e-4 * abs(start - default)
        scores.append(float(like_first[start] + like_last[end] - broken - off))
    return float(starts[int(np.argmax(scores))])


def _closeness(smalls: NDArray[np.uint8], photo: NDArray[np.uint8] | None) -> Floats:
    if photo is None:
        return np.zeros(len(smalls))
    return np.array([ssim(small, photo) for small in smalls])


def _jumps(smalls: NDArray[np.uint8]) -> Floats:
    """For each step, how far beyond the usual the picture changes: 0 in a calm move, 1 and more at a cut or a flash."""
    change = np.abs(np.diff(smalls.astype(np.float32), axis=0)).mean(axis=(1, 2)).astype(np.float64)
    usual = float(np.median(change)) + 0.5
    return np.clip((change - 6 * usual) / 20, 0, 3)


def _dead(smalls: NDArray[np.uint8]) -> Floats:
    """For each step, what it costs to show it: something where the picture stands still though it moves elsewhere."""
    change = np.abs(np.diff(smalls.astype(np.float32), axis=0)).mean(axis=(1, 2)).astype(np.float64)
    usual = float(np.percentile(change, 75))
    if usual < _LEAST_CHANGE:
        return np.zeros(len(change))  # A shot that holds still everywhere is meant to.
    # Over a quarter of a second, so that a doubled frame is no standstill.
    around = np.convolve(np.pad(change, 3, mode="edge"), np.full(7, 1 / 7), mode="valid")
    return np.where(around < _STILL * usual, _DEAD, 0.0)


def _pictures(clip: Path, positions: Floats, film: FilmFormat, doing: str) -> Iterator[tuple[Frame, bool]]:
    """Each frame of the film, and whether it was drawn between two."""
    between = _Between()
    decoded = _decoded(clip, film, doing)
    number, before = next(decoded)
    after_number, after = number, before
    for place in positions:
        low = math.floor(place + _FRACTION)
        part = place - low
        while after_number < low or (part > _FRACTION and after_number < low + 1):
            number, before = after_number, after
            try:
                after_number, after = next(decoded)
            except StopIteration:
                break
        if part <= _FRACTION or after_number <= low or number == after_number:
            yield (before if number == low else after), False
        else:
            yield between.draw(before, after, part, (number, after_number)), True


def _decoded(clip: Path, film: FilmFormat, doing: str) -> Iterator[tuple[int, Frame]]:
    """Every frame with its number, in the film's size and colours; each is a buffer of its own."""
    try:
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            scaler = VideoReformatter()
            for number, frame in enumerate(container.decode(stream)):
                yield number, _fitted(scaler, frame, film)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{doing}: {clip.name} cannot be decoded: {error.strerror or error}") from error


def _fitted(scaler: VideoReformatter, frame: Any, film: FilmFormat) -> Frame:
    """A decoded frame as the film has it: filled, cut to its shape, BT.709 in limited range."""
    source = int(frame.colorspace)
    if source in {0, 2}:  # not said: what players assume
        source = int(Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601)
    scaled = scaler.reformat(
        frame,
        format="yuv420p",
        src_colorspace=source,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=frame.color_range or ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
    )
    picture = np.asarray(scaled.to_ndarray(), np.uint8)
    rows, columns = picture.shape
    height = rows * 2 // 3
    into = empty_frame(film)
    if (columns, height) == (film.width_px, film.height_px):
        np.copyto(into, picture)
        return into
    scale = max(film.width_px / columns, film.height_px / height)
    cut_width, cut_height = film.width_px / scale, film.height_px / scale
    for plane, target in zip(planes(picture), planes(into), strict=True):
        share = plane.shape[1] / columns
        left, top = (columns - cut_width) / 2 * share, (height - cut_height) / 2 * share
        part = _cut(plane, left, top, cut_width * share, cut_height * share)
        shrinks = part.shape[1] > target.shape[1]
        cv2.resize(
            part,
            (target.shape[1], target.shape[0]),
            dst=target,
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC,
        )
    return into


def _cut(plane: Frame, left: float, top: float, width: float, height: float) -> Frame:
    x, y = round(left), round(top)
    return np.ascontiguousarray(plane[y : y + max(1, round(height)), x : x + max(1, round(width))])


class _Between:
    """Draws frames between two others along the optical flow; the flow of a pair is computed once."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._known: tuple[int, int] | None = None
        self._there: NDArray[np.float32] = np.zeros((0, 0, 2), np.float32)
        self._back: NDArray[np.float32] = self._there

    def draw(self, before: Frame, after: Frame, part: float, numbers: tuple[int, int]) -> Frame:
        """Return the frame a part of the way from the one to the other."""
        if numbers != self._known:
            self._there, self._back = self._flows(planes(before)[0], planes(after)[0])
            self._known = numbers
        into = np.empty_like(before)
        # Source: Jiang et al., "Super SloMo", CVPR 2018, equation 4.
        to_before = -(1 - part) * part * self._there + part * part * self._back
        to_after = (1 - part) ** 2 * self._there - part * (1 - part) * self._back
        for one, other, target in zip(planes(before), planes(after), planes(into), strict=True):
            seen = _moved(one, to_before.astype(np.float32)), _moved(other, to_after.astype(np.float32))
            cv2.addWeighted(seen[0], 1 - part, seen[1], part, 0.0, dst=target)
        return into

    def _flows(self, one: Frame, other: Frame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Flow there and back, in parts of the width, at a size that is quick."""
        width = min(_FLOW_WIDTH_PX, one.shape[1])
        height = round(one.shape[0] * width / one.shape[1])
        a, b = (cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in (one, other))
        empty = np.zeros((height, width, 2), np.float32)
        there = np.asarray(self._flow.calc(a, b, empty.copy()), np.float64) / width
        back = np.asarray(self._flow.calc(b, a, empty.copy()), np.float64) / width
        return there.astype(np.float32), back.astype(np.float32)


def _moved(plane: Frame, flow: NDArray[np.float32]) -> Frame:
    height, width = plane.shape
    x, y = _grid(width, height)
    across, down = (cv2.resize(np.ascontiguousarray(part), (width, height)) for part in (flow[..., 0], flow[..., 1]))
    across, down = cv2.scaleAdd(across, width, x), cv2.scaleAdd(down, width, y)
    return np.asarray(cv2.remap(plane, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@lru_cache(maxsize=4)
def _grid(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


def _small_photo(photo: Path | None) -> NDArray[np.uint8] | None:
    if photo is None:
        return None
    return np.asarray(cv2.resize(_grey(photo), _SMALL, interpolation=cv2.INTER_AREA), np.uint8)


def _likeness(luma: Frame, photo: Path | None) -> float | None:
    """SSIM at a common size, both with full range."""
    if photo is None:
        return None
    full = np.clip((luma.astype(np.float32) - 16) * 255 / 219, 0, 255).astype(np.uint8)
    one, other = (cv2.resize(each, _COMMON, interpolation=cv2.INTER_AREA) for each in (full, _grey(photo)))
    return round(ssim(np.asarray(one, np.uint8), np.asarray(other, np.uint8)), 4)


def _likeness_of_small(small: NDArray[np.uint8], photo: NDArray[np.uint8] | None) -> float | None:
    return None if photo is None else round(ssim(small, photo), 4)


def _grey(photo: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
    if picture is None:
        raise MediaError(f"{photo.name} cannot be read as a picture; run the asset listing_photos again")
    weights = np.array([[0.0722, 0.7152, 0.2126]], np.float32)
    return np.asarray(cv2.transform(picture, weights), np.uint8).reshape(picture.shape[:2])
