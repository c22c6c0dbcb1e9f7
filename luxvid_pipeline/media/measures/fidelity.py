# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""How like a frame is to a photo, crop and zoom allowed for.

Belongs here: structural similarity, laying a photo on a frame.
Does not belong here: what two photos have in common (``media/overlap.py``), thresholds.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.measures.look import WIDTH_PX, Grey
from luxvid_pipeline.media.photo_decoding import decode_reduced_jpeg

Floats = NDArray[np.float64]

_FEATURES = 900
_RATIO = 0.8
_LEAST_INLIERS = 12
_FIT_PX = 2.0
_LONG_SIDE_PX = 640
_LEAST_WIDTH_PX = 1900
_LUMA = np.array([[0.0722, 0.7152, 0.2126]], np.float32)


@dataclass(frozen=True)
class Photo:
    """A photo made ready to be compared with frames.

    Attributes:
        name: File name, for errors.
        small: Grey, its long side 640 pixels.
        large: Grey, at least about as wide as a full frame where the photo is.
        features_of: How its features are found.
    """

    name: str
    small: Grey
    large: Grey
    features_of: "Callable[[Grey], Features]"

    @cached_property
    def features(self) -> "Features":
        """Its features, in pixels of ``small``; found when first asked for, since a bare frame asks for none."""
        return self.features_of(self.small)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a frame is to a photo.

    Attributes:
        ssim: Mean structural similarity over the whole frame, 1 for the same; what the photo does not show counts 0.
        to_frame: Homography from pixels of the photo's ``small`` to pixels of the frame measured.
        aligned: Whether features of both agree, so that ``to_frame`` is more than the plain filling of the frame.
    """

    ssim: float
    to_frame: Floats
    aligned: bool


def read_photo(path: Path) -> Photo:
    """Read a photo for comparison, a large JPEG at a reduced size.

    Raises:
        MediaError: It cannot be read.
    """
    return _read_photo(path, _LEAST_WIDTH_PX, features)


def glance_at_photo(path: Path) -> Photo:
    """Read a photo for a comparison with ``coarse_features``; its ``large`` may be as small as its ``small``.

    Raises:
        MediaError: It cannot be read.
    """
    return _read_photo(path, _LONG_SIDE_PX, coarse_features)


def _read_photo(path: Path, least_width_px: int, features_of: "Callable[[Grey], Features]") -> Photo:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror}; run the asset listing_photos again") from error
    width = _width_px(data)
    reduced = next((by for by in (4, 2) if width >= by * least_width_px), 1)
    picture = decode_reduced_jpeg(data, reduced) if reduced > 1 else None
    if picture is None:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise MediaError(f"{path.name} cannot be read as a picture; run the asset listing_photos again")
    pixels = np.asarray(picture, np.uint8)
    large: Grey = np.asarray(cv2.transform(pixels, _LUMA), np.uint8).reshape(pixels.shape[:2])
    scale = _LONG_SIDE_PX / max(large.shape)
    size = (max(2, round(large.shape[1] * scale)), max(2, round(large.shape[0] * scale)))
    small = np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Photo(path.name, small, large, features_of)


def _width_px(data: bytes) -> int:
    """The width a JPEG's header states; 0 for any other file, which is then read whole."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            return image.width
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return 0


def features(grey: Grey) -> "Features":
    """Return where a picture's features are and what they look like, for matching."""
    found, described = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=0.02).detectAndCompute(grey, None)
    if described is None or not found:  # pyright: ignore[reportUnnecessaryComparison]
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    rooted = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-7))
    return np.array([point.pt for point in found], np.float32), np.asarray(rooted, np.float32)


def coarse_features(grey: Grey) -> "Features":
    """Return the features of a picture's half, in pixels of the whole: a quarter of the work.

    They tell what the picture shows, and where to a third of a pixel.
    """
    half = (max(2, grey.shape[1] // 2), max(2, grey.shape[0] // 2))
    points, descriptors = features(np.asarray(cv2.resize(grey, half, interpolation=cv2.INTER_AREA), np.uint8))
    by = np.array([grey.shape[1] / half[0], grey.shape[0] / half[1]], np.float32)
    return (points + np.float32(0.5)) * by - np.float32(0.5), descriptors


Features = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Where a picture's features are and what they look like."""


def likeness(frame: Grey, photo: Photo, seen: Features | None = None) -> Likeness:
    """Return how like a frame is to a photo, laid on it as well as crop, zoom and a turn of the camera allow.

    The photo filling the frame from its middle is tried too, so a picture without features is still compared.

    Args:
        frame: Grey, ``WIDTH_PX`` wide.
        photo: What it should show.
        seen: The frame's features, if they are known.
    """
    height, width = frame.shape
    candidates = [(filling(photo.small.shape, (width, height)), False)]
    candidates += [(found, True) for found in _alignments(photo, features(frame) if seen is None else seen)]
    laid = [Likeness(_seen_ssim(frame, photo, to_frame), to_frame, aligned) for to_frame, aligned in candidates]
    return max(laid, key=lambda found: found.ssim)


def as_framed(photo: Photo, found: Likeness, size: tuple[int, int]) -> Grey:
    """Return the photo's finest picture as the frame frames it, in a size of its own.

    Args:
        photo: The photo.
        found: How it lies on a frame ``WIDTH_PX`` wide.
        size: Width and height wanted.
    """
    shrink = photo.small.shape[1] / photo.large.shape[1]
    grow = size[0] / WIDTH_PX
    to_size = _about_centres(grow) @ found.to_frame @ _about_centres(shrink)
    return np.asarray(cv2.warpPerspective(photo.large, to_size, size, flags=cv2.INTER_AREA), np.uint8)


def ssim(one: Grey, other: Grey) -> float:
    """Return the structural similarity of two grey pictures of the same size, 1 for equal ones.

    Source:
        Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13(4), 2004.
    """
    return float(ssim_map(one, other).mean())


def ssim_map(one: Grey, other: Grey) -> NDArray[np.float32]:
    """Return the structural similarity of two grey pictures at each pixel."""
    a, b = one.astype(np.float32), other.astype(np.float32)

    def blurred(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), np.float32)

    mean_a, mean_b = blurred(a), blurred(b)
    variance_a = blurred(a * a) - mean_a**2
    variance_b = blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return np.asarray(
        ((2 * mean_a * mean_b + c1) * (2 * covariance + c2))
        / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)),
        np.float32,
    )


def filling(photo_shape: tuple[int, ...], size: tuple[int, int]) -> Floats:
    """Return the homography that lays a photo on a frame, filling it from the photo's middle."""
    rows, columns = photo_shape[:2]
    scale = max(size[0] / columns, size[1] / rows)
    x, y = ((side - 1) / 2 - scale * (own - 1) / 2 for side, own in zip(size, (columns, rows), strict=True))
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])


def _alignments(photo: Photo, frame: Features) -> list[Floats]:
    points, descriptors = frame
    if len(points) < _LEAST_INLIERS or len(photo.features[0]) < _LEAST_INLIERS:
        return []
    photo_points, photo_descriptors = photo.features
    near = photo_descriptors @ descriptors.T
    there = near.argmax(axis=1)
    best = near[np.arange(len(near)), there]
    second = np.partition(near, -2, axis=1)[:, -2]
    distance, runner_up = np.sqrt(np.maximum(2 - 2 * best, 0)), np.sqrt(np.maximum(2 - 2 * second, 1e-9))
    kept = distance < _RATIO * runner_up
    if kept.sum() < _LEAST_INLIERS:
        return []
    here, seen = photo_points[kept], points[there[kept]]
    found: list[Floats] = []
    similar, agree = cv2.estimateAffinePartial2D(here, seen, method=cv2.RANSAC, ransacReprojThreshold=_FIT_PX)
    if similar is not None and agree.sum() >= _LEAST_INLIERS:  # pyright: ignore[reportUnnecessaryComparison]
        found.append(np.vstack([similar, [0.0, 0.0, 1.0]]))
    fitted, agree = cv2.findHomography(here, seen, method=cv2.USAC_MAGSAC, ransacReprojThreshold=_FIT_PX)
    if fitted is not None and agree is not None and agree.sum() >= 2 * _LEAST_INLIERS:  # pyright: ignore[reportUnnecessaryComparison]
        found.append(np.asarray(fitted, np.float64))
    return [each for each in found if 0.2 < abs(np.linalg.det(each[:2, :2])) < 25]


def _seen_ssim(frame: Grey, photo: Photo, to_frame: Floats) -> float:
    size = (frame.shape[1], frame.shape[0])
    # Shrunk by more than the samples lie apart, the photo would alias.
    step = float(np.sqrt(abs(np.linalg.det(to_frame[:2, :2]))))
    small = cv2.GaussianBlur(photo.small, (0, 0), 0.5 / step) if step < 0.8 else photo.small
    laid = cv2.warpPerspective(small, to_frame, size, flags=cv2.INTER_LINEAR)
    seen = cv2.warpPerspective(np.full_like(photo.small, 255), to_frame, size, flags=cv2.INTER_NEAREST) > 0
    return float((ssim_map(frame, np.asarray(laid, np.uint8)) * seen).mean())


def _about_centres(scale: float) -> Floats:
    """Pixel centres of a picture to those of the same picture ``scale`` times as large."""
    return np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
