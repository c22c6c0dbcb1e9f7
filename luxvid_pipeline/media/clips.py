# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Drawing the frames of a clip from photos, as planned, straight into the encoder.

Belongs here: a photo prepared for sampling, sampling it under a homography, dissolving, measuring misalignment.
Does not belong here: where the camera is at which frame (``domain/camera.py``), the encoder's settings
(``media/encode.py``), running clips side by side (``providers/local/camera.py``).

How a frame is sampled was chosen by measurement against a Lanczos resampling in floating point (1080p, a photo of
foliage and roof tiles under a zoom of 1.18, one thread; PSNR in dB, RMS of the error's change from frame to frame, time
of the luma plane):

=============================  =====  ======  =======
photo at view size, cubic       44.1    2.06  12.6 ms
photo at view size, Lanczos4    46.0    1.67  62.8 ms
twice the size, bilinear        41.1    2.64   4.1 ms
three times, bilinear           45.5    1.70   4.2 ms
three times, sharpened a bit    45.8    1.70   4.2 ms
=============================  =====  ======  =======

How it is enlarged beforehand, by the same measure on three real photos (foliage, pool, living room; seconds a clip):

==============================  =====  =====  =====  ======
Lanczos, sharpened by 5 %        51.6   45.6   50.2  0.13 s
cubic, sharpened by 5 %          49.4   44.0   48.7  0.01 s
cubic, sharpened by 10 %         49.3   45.0   49.6  0.01 s
==============================  =====  =====  =====  ======

So the photo is enlarged once, cubically, to three samples a pixel of the frame, and each frame is taken from that
bilinearly, which OpenCV does exactly (its cubic and Lanczos warps round positions to 1/32 px, seen as a crawl in slow
moves). Everything is done in the planes that the encoder takes, BT.709 4:2:0, so no colour is converted a frame.
"""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from luxvid_pipeline.domain.camera import CameraPlan, corners
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import Frame, FrameSink, empty_frame, planes
from luxvid_pipeline.media.photo_decoding import decode_reduced_jpeg
from luxvid_pipeline.media.sampling import CHROMA_OVERSAMPLING, OVERSAMPLING, enlarged, together, warp

_MOST_SAMPLES = 48_000_000
"""Most samples of an enlarged luma plane (48 MB); a larger one is enlarged less. No ordinary move comes near."""

_MARGIN_PX = 4

_BGR_TO_YCBCR = np.array(
    [
        [0.0722 * 219 / 255, 0.7152 * 219 / 255, 0.2126 * 219 / 255, 16.0],
        [0.5 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, -0.2126 / 1.8556 * 224 / 255, 128.0],
        [-0.0722 / 1.5748 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, 0.5 * 224 / 255, 128.0],
    ],
    np.float32,
)
"""BT.709, video range. Source: ITU-R BT.709-6, sections 3.2 to 3.4."""

Homographies = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Plane:
    """Samples, and how photo pixels become their coordinates (pixel centres at whole numbers)."""

    samples: Frame
    from_photo: Homographies


class StillPhoto:
    """A photo made ready to be looked at through a number of views; holds only the part they show.

    Any number of threads may draw from it.
    """

    def __init__(self, path: Path, views: Homographies, film: FilmFormat) -> None:
        """Read the photo.

        Args:
            path: Its working JPEG.
            views: Every view it will be drawn under, shape ``(n, 3, 3)``.
            film: Size of the frames.

        Raises:
            MediaError: The photo cannot be read.
        """
        self._film = film
        steps = np.sqrt(np.abs(np.linalg.det(views[:, :2, :2] / views[:, 2:, 2:]))) / film.width_px
        step = float(np.sqrt(steps.min() * steps.max()))
        box = corners(views, film.aspect)
        pixels, low, reduced = _read_part(path, box.min(axis=(0, 1)), box.max(axis=(0, 1)), step)
        rows, columns = pixels.shape[:2]
        region = np.array([columns, rows], np.float64)
        frame_sizes = region * reduced / step
        coarse, fine = _whole(frame_sizes / 2), _whole(frame_sizes / 2 * CHROMA_OVERSAMPLING)
        with ThreadPoolExecutor(1, "chroma") as beside:  # a clip that is shot alone has a core to spare here
            chroma = beside.submit(_chroma_planes, pixels, coarse, fine)
            luma = np.asarray(cv2.transform(pixels, _BGR_TO_YCBCR[:1]), np.uint8)
            del pixels  # the whole decoded photo: gone once the chroma is made, before luma is enlarged as a rule
            if step > reduced:
                luma = np.asarray(Image.fromarray(luma).resize(_whole(frame_sizes), Image.Resampling.LANCZOS))
            oversampling = min(OVERSAMPLING, math.sqrt(_MOST_SAMPLES / float(np.prod(frame_sizes))))
            size = _whole(frame_sizes * oversampling)
            luma = enlarged(luma, size)
            blue, red = chroma.result()
        self._luma = _Plane(luma, _to_samples(low, region, reduced, size))
        self._chroma = _Plane(together(blue, red), _to_samples(low, region, reduced, fine))
        self._drawn = threading.local()  # each thread draws chroma through a buffer of its own

    def draw(self, view: Homographies, into: Frame) -> None:
        """Draw the photo under a view into a frame's buffer."""
        width, height = self._film.width_px, self._film.height_px
        frame = np.array(
            [
                [1 / width, 0.0, 0.5 / width - 0.5],
                [0.0, 1 / width, 0.5 / width - 0.5 * height / width],
                [0.0, 0.0, 1.0],
            ]
        )
        # Chroma is sited left: on the even luma columns, halfway between two luma rows (H.264's default).
        sited = frame @ np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]])
        luma, blue, red = planes(into)
        warp(self._luma.samples, self._luma.from_photo @ view @ frame, luma)
        if not hasattr(self._drawn, "chroma"):
            self._drawn.chroma = np.empty((*blue.shape, 4), np.uint8)
        warp(self._chroma.samples, self._chroma.from_photo @ view @ sited, self._drawn.chroma)
        cv2.extractChannel(self._drawn.chroma, 0, dst=blue)
        cv2.extractChannel(self._drawn.chroma, 1, dst=red)


class PlanPhotos:
    """The photos of a plan, each opened when the first of all who draw from it comes to it, let go after the last."""

    def __init__(self, plan: CameraPlan, first: Path, last: Path | None, film: FilmFormat, *, users: int = 1) -> None:
        """Open nothing yet.

        Args:
            plan: Where the camera is.
            first: Working photo it begins on.
            last: Working photo it ends on, if there are two.
            film: Size of the frames.
            users: How many will call ``leave_first`` once they no longer need the first photo.
        """
        self._plan, self._first, self._last, self._film, self._users = plan, first, last, film, users
        self._opened: dict[bool, StillPhoto] = {}
        self._opening = {False: threading.Lock(), True: threading.Lock()}

    def first(self) -> StillPhoto:
        """Return the photo the plan begins on, ready for every frame that shows it."""
        return self._photo(is_last=False)

    def last(self) -> StillPhoto:
        """Return the photo it ends on."""
        return self._photo(is_last=True)

    def leave_first(self) -> None:
        """Say that one of the users is past the first photo."""
        with self._opening[False]:
            self._users -= 1
            if self._users == 0:
                self._opened.pop(False, None)

    def _photo(self, *, is_last: bool) -> StillPhoto:
        plan = self._plan
        with self._opening[is_last]:
            if is_last not in self._opened:
                path, views = (self._last, plan.last) if is_last else (self._first, plan.first)
                if path is None or views is None:
                    raise ValueError("a plan of one photo has no other")
                shows = plan.mix > 0 if is_last else plan.mix < 1
                self._opened[is_last] = StillPhoto(path, views[shows], self._film)
            return self._opened[is_last]


def draw_clip(
    plan: CameraPlan,
    photos: PlanPhotos,
    film: FilmFormat,
    writer: FrameSink,
    each_frame: Callable[[int], None] = lambda _done: None,
    *,
    frames: range | None = None,
) -> None:
    """Draw frames of a plan and hand them on; one who draws all holds at most two photos, and one outside a dissolve.

    Args:
        plan: Where the camera is.
        photos: Its photos.
        film: Size of the frames.
        writer: Takes frames of that format; an open ``ClipWriter``, or whoever shows them otherwise.
        each_frame: Called with the number of frames done; what it raises ends the work.
        frames: Which of the plan's; by default all.
    """
    # Clips run side by side, one a core; OpenCV's own threads would only get in their way. The
    # setting is the process's, and right for whoever reads photos in parallel too.
    cv2.setNumThreads(1)
    other = empty_frame(film)
    is_past_first = False
    for done, index in enumerate(range(plan.frames) if frames is None else frames, 1):
        frame, mix = writer.buffer(), float(plan.mix[index])
        if mix >= 1 and not is_past_first:
            is_past_first = True
            photos.leave_first()
        if mix > 0 and plan.last is not None:
            # First, since whoever draws the frames before is opening the other one.
            photos.last().draw(plan.last[index], frame if mix >= 1 else other)
        if mix < 1:
            photos.first().draw(plan.first[index], frame)
            if mix > 0:
                cv2.addWeighted(frame, 1 - mix, other, mix, 0.0, dst=frame)
        writer.write(frame)
        each_frame(done)
    if not is_past_first:
        photos.leave_first()


def small_luma(path: Path, long_side_px: int = 640) -> NDArray[np.uint8]:
    """Return a photo small and grey, to judge it by.

    Raises:
        MediaError: It cannot be read.
    """
    return _small(path, "L", long_side_px)


def small_picture(path: Path, long_side_px: int = 640) -> NDArray[np.uint8]:
    """Return a photo small, BGR, to see by its colours what it shows.

    Raises:
        MediaError: It cannot be read.
    """
    return np.ascontiguousarray(_small(path, "RGB", long_side_px)[..., ::-1])


def _small(path: Path, mode: str, long_side_px: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            image.draft(mode, (long_side_px, long_side_px))
            image.thumbnail((long_side_px, long_side_px), Image.Resampling.BOX)
            return np.asarray(image.convert(mode))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise _unreadable(path, error) from error


def photo_size(path: Path) -> tuple[int, int]:
    """Return a photo's width and height in pixels, read from its header.

    Raises:
        MediaError: It cannot be read.
    """
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise _unreadable(path, error) from error


def misalignment_px(
    first: NDArray[np.uint8],
    last: NDArray[np.uint8],
    views: tuple[Homographies, Homographies],
    sizes_px: tuple[int, int],
    film: FilmFormat,
) -> float:
    """Return how far apart the two photos show the same things at one frame: the double image a dissolve would show.

    Args:
        first: Small grey picture of the photo it begins on.
        last: The same of the photo it ends on.
        views: How each is seen at that frame.
        sizes_px: Width of each photo, to which the views refer.
        film: Size of the frame.

    Returns:
        The 80th percentile of the optical flow between the two, in pixels of the frame.
    """
    width, height = 480, round(480 / film.aspect)
    frame = np.array([[1 / width, 0, 0.5 / width - 0.5], [0, 1 / width, 0.5 / width - 0.5 / film.aspect], [0, 0, 1]])
    seen: list[NDArray[np.uint8]] = []
    for picture, view, photo_px in zip((first, last), views, sizes_px, strict=True):
        scale = picture.shape[1] / photo_px
        to_small = np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1]])
        target = np.empty((height, width), np.uint8)
        warp(picture, to_small @ view @ frame, target)
        seen.append(np.asarray(cv2.equalizeHist(target), np.uint8))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        seen[0], seen[1], np.zeros((height, width, 2), np.float32)
    )
    return float(np.percentile(np.hypot(flow[..., 0], flow[..., 1]), 80)) * film.width_px / width


def _whole(sizes: NDArray[np.float64]) -> tuple[int, int]:
    return max(2, round(float(sizes[0]))), max(2, round(float(sizes[1])))


def _to_samples(
    low: NDArray[np.float64], region: NDArray[np.float64], reduced: float, size: tuple[int, int]
) -> Homographies:
    """Photo pixels to sample coordinates of a plane that shows ``region`` decoded pixels from ``low`` on."""
    x, y = np.array(size) / region
    return np.array([[x / reduced, 0.0, -low[0] * x - 0.5], [0.0, y / reduced, -low[1] * y - 0.5], [0.0, 0.0, 1.0]])


def _chroma_planes(pixels: Frame, coarse: tuple[int, int], fine: tuple[int, int]) -> Sequence[Frame]:
    """Both chroma planes without detail finer than 4:2:0 can carry, which would turn into coloured crawl."""
    shrinks = coarse[0] < pixels.shape[1]
    small = cv2.resize(pixels, coarse, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    chroma = cv2.transform(small, _BGR_TO_YCBCR[1:])
    chroma = cv2.resize(chroma, fine, interpolation=cv2.INTER_CUBIC)
    return [np.asarray(plane, np.uint8) for plane in cv2.split(chroma)]


def _read_part(
    path: Path, low: NDArray[np.float64], high: NDArray[np.float64], step: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64], float]:
    """The decoded pixels the views show, where they begin, and photo pixels to one decoded pixel.

    A photo much finer than the frame is decoded at half or a quarter of its size, which JPEG does in less time.
    """
    width, height = photo_size(path)
    reduced = next(by for by in (8, 4, 2, 1) if by <= max(1.0, step))
    try:
        pixels = decode_reduced_jpeg(path.read_bytes(), reduced)
        if pixels is None:  # not a JPEG, or one that OpenCV does not take
            with Image.open(path) as image:
                pixels, reduced = np.asarray(image.convert("RGB"))[..., ::-1], 1
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise _unreadable(path, error) from error
    size = np.array([math.ceil(width / reduced), math.ceil(height / reduced)])
    start = np.maximum(np.floor(low / reduced).astype(int) - _MARGIN_PX, 0)
    end = np.minimum(np.ceil(high / reduced).astype(int) + _MARGIN_PX, size)
    return pixels[start[1] : end[1], start[0] : end[0]], start.astype(np.float64), float(reduced)


def _unreadable(path: Path, error: Exception) -> MediaError:
    return MediaError(f"{path.name} cannot be read as a picture ({error}); run the asset listing_photos again")
