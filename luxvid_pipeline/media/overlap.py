# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What two photos of the same space have in common, measured from their pictures.

Belongs here: features of a photo, matching two photos, judging whether the match is honest.
Does not belong here: what a pair is good for (``domain/pairing.py``), moving along it (``domain/camera.py``).
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.pairs import Overlap

_LONG_SIDE_PX = 960
_FEATURES = 1500
_RATIO = 0.78
_REACH_PX = 3.0
_LEAST_INLIERS = 24
_LEAST_INLIER_PART = 0.3
_LEAST_LIKENESS = 0.3
_ZOOMS = (0.33, 3.0)


@dataclass(frozen=True, slots=True)
class PhotoFeatures:
    """What is remembered of a photo to match it with others; measured once a photo.

    Attributes:
        width_px, height_px: Size of the photo.
        scale: Photo pixels to pixels of ``gray``.
        gray: The small picture the features were found in.
        points: Where they are, shape ``(n, 2)``, pixels of ``gray``.
        descriptors: What they look like, shape ``(n, 128)``.
    """

    width_px: int
    height_px: int
    scale: float
    gray: NDArray[np.uint8]
    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


def photo_features(path: Path) -> PhotoFeatures:
    """Return the features of a photo.

    Raises:
        MediaError: It cannot be read.
    """
    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if gray is None:
        raise MediaError(f"{path.name} cannot be read as a picture; read the listing's photos again")
    height, width = gray.shape
    scale = min(1.0, _LONG_SIDE_PX / max(width, height))
    if scale < 1.0:
        gray = cv2.resize(gray, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.SIFT.create(nfeatures=_FEATURES, contrastThreshold=0.02).detectAndCompute(gray, None)
    if descriptors is None or not found:  # pyright: ignore[reportUnnecessaryComparison]
        points, descriptors = np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    else:
        points = np.array([point.pt for point in found], np.float32)
        # Hellinger's distance ranks SIFT matches better than Euclid's (Arandjelovic and Zisserman, CVPR 2012).
        descriptors = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-7))
    return PhotoFeatures(width, height, scale, np.asarray(gray, np.uint8), points, np.asarray(descriptors, np.float32))


def measure_overlap(first: Path, last: Path) -> Overlap | None:
    """Return what two photos have in common; None if nothing that can be trusted."""
    return overlap_of(photo_features(first), photo_features(last))


def overlap_of(first: PhotoFeatures, last: PhotoFeatures) -> Overlap | None:
    """Return what two photos have in common; None if nothing that can be trusted.

    Trusted is a homography that many of the matches agree on, that a camera could have made (no mirror image, no
    wild zoom, a convex picture), and under which the shared part of both photos really looks alike: repeating
    patterns match without being the same.

    Returns:
        The overlap with its homography between pixel centres of the two working photos.
    """
    matches = _matches(first.descriptors, last.descriptors)
    if len(matches) < _LEAST_INLIERS:
        return None
    start, end = first.points[matches[:, 0]], last.points[matches[:, 1]]
    # Typed as always found; it is None where no sample of four matches gave a homography.
    fitted, agree = cv2.findHomography(
        start, end, method=cv2.USAC_MAGSAC, ransacReprojThreshold=_REACH_PX, maxIters=4000, confidence=0.999
    )
    if fitted is None or agree is None:  # pyright: ignore[reportUnnecessaryComparison]
        return None
    small = np.asarray(fitted, np.float64)
    inliers = int(agree.sum())
    if inliers < _LEAST_INLIERS or inliers < _LEAST_INLIER_PART * len(matches) or not _possible(small, first.gray):
        return None
    shared = _shared_part(small, first.gray.shape, last.gray.shape)
    if shared <= 0 or _likeness(small, first.gray, last.gray) < _LEAST_LIKENESS:
        return None
    return _described(small, shared, inliers, first, last)


def _matches(first: NDArray[np.float32], last: NDArray[np.float32]) -> NDArray[np.intp]:
    """Index pairs whose features choose each other, each clearly before its second choice."""
    if len(first) < 2 or len(last) < 2:
        return np.zeros((0, 2), np.intp)
    near = first @ last.T
    there = near.argmax(axis=1)
    best = near[np.arange(len(first)), there]
    second = np.partition(near, -2, axis=1)[:, -2]
    distance, runner_up = np.sqrt(np.maximum(2 - 2 * best, 0)), np.sqrt(np.maximum(2 - 2 * second, 1e-9))
    keep = (near.argmax(axis=0)[there] == np.arange(len(first))) & (distance < _RATIO * runner_up)
    return np.stack([np.flatnonzero(keep), there[keep]], axis=1)


def _possible(homography: NDArray[np.float64], gray: NDArray[np.uint8]) -> bool:
    height, width = gray.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64) @ homography.T
    if (corners[:, 2] <= 0.2 * homography[2, 2]).any():
        return False
    quad = corners[:, :2] / corners[:, 2:]
    edges = np.roll(quad, -1, axis=0) - quad
    turns = edges[:, 0] * np.roll(edges[:, 1], -1) - edges[:, 1] * np.roll(edges[:, 0], -1)
    zoom = _zoom_at(homography, width / 2, height / 2)
    return bool((turns > 0).all()) and _ZOOMS[0] < zoom < _ZOOMS[1]


def _zoom_at(homography: NDArray[np.float64], x: float, y: float) -> float:
    """Magnification of lengths at a point."""
    depth = homography[2] @ np.array([x, y, 1.0])
    return float(np.sqrt(abs(np.linalg.det(homography) / depth**3)))


def _shared_part(homography: NDArray[np.float64], first: tuple[int, ...], last: tuple[int, ...]) -> float:
    """Part of the first photo's area that lies inside the last photo."""
    frame = np.array([[0, 0], [first[1], 0], [first[1], first[0]], [0, first[0]]], np.float32)
    back = cv2.perspectiveTransform(
        np.array([[[0, 0], [last[1], 0], [last[1], last[0]], [0, last[0]]]], np.float32), np.linalg.inv(homography)
    )[0]
    area, _ = cv2.intersectConvexConvex(frame, cv2.convexHull(back)[:, 0])
    return float(min(1.0, max(0.0, area / (first[0] * first[1]))))


def _likeness(homography: NDArray[np.float64], first: NDArray[np.uint8], last: NDArray[np.uint8]) -> float:
    """Correlation of the two pictures where they overlap, -1 to 1, after a blur that forgives small parallax."""
    size = (last.shape[1], last.shape[0])
    moved = cv2.warpPerspective(cv2.GaussianBlur(first, (0, 0), 4), homography, size)
    seen = cv2.warpPerspective(np.full_like(first, 255), homography, size) > 250
    if seen.sum() < 400:
        return 0.0
    one, two = moved[seen].astype(np.float64), cv2.GaussianBlur(last, (0, 0), 4)[seen].astype(np.float64)
    spread = one.std() * two.std()
    return float(((one - one.mean()) * (two - two.mean())).mean() / spread) if spread > 1e-6 else 0.0


def _described(
    small: NDArray[np.float64], share: float, inliers: int, first: PhotoFeatures, last: PhotoFeatures
) -> Overlap:
    """The record, in pixels of the photos; pixel centres stay pixel centres between the two sizes."""

    def shrink(scale: float) -> NDArray[np.float64]:
        return np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5], [0, 0, 1.0]])

    whole = np.linalg.inv(shrink(last.scale)) @ small @ shrink(first.scale)
    whole /= whole[2, 2]
    x, y = (first.width_px - 1) / 2, (first.height_px - 1) / 2
    landed = whole @ np.array([x, y, 1.0])
    relative = first.width_px / last.width_px
    return Overlap(
        share=share,
        inliers=inliers,
        homography=tuple(float(number) for number in whole.ravel()),
        zoom=_zoom_at(whole, x, y) * relative,
        shift_x=float((landed[0] / landed[2] - (last.width_px - 1) / 2) / last.width_px),
        shift_y=float((landed[1] / landed[2] - (last.height_px - 1) / 2) / last.height_px),
    )
