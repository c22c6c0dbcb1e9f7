"""Pictures with known truth: textures, fine tiles, a wall photographed by two cameras, portraits.

Belongs here: what tests of cameras and overlaps photograph.
Does not belong here: real listings, films (``studio.py``).
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto


def scenery(width_px, height_px, seed=1, grain_px=3.0):
    """A picture full of corners of all sizes, RGB, the same for the same seed."""
    rng = np.random.default_rng(seed)
    picture = np.full((height_px, width_px, 3), 128, np.uint8)
    for size in (0.2, 0.08, 0.03):
        for _ in range(round(6 / size)):
            side = max(4, round(size * max(width_px, height_px) * rng.uniform(0.4, 1.0)))
            x, y = rng.integers(-side // 2, width_px), rng.integers(-side // 2, height_px)
            colour = [int(value) for value in rng.integers(30, 226, 3)]
            corners = np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], np.float64)
            corners += rng.uniform(-side / 5, side / 5, (4, 2))
            cv2.fillConvexPoly(picture, np.round(corners).astype(np.int32), colour, lineType=cv2.LINE_AA)
    grain = rng.normal(0, 12, (int(height_px / grain_px) + 2, int(width_px / grain_px) + 2)).astype(np.float32)
    grain = cv2.resize(grain, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)


def tiles(width_px, height_px, side_px=6):
    """Fine tiles with dark joints, softened to what a lens resolves; shimmers under bad sampling."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    joints = ((x % side_px) == 0) | ((y % (side_px + 1)) == 0)
    grey = np.where(joints, 70.0, 190.0 - 40 * ((x // side_px + y // (side_px + 1)) % 2))
    return np.repeat(cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.6)[..., None], 3, axis=2).astype(np.uint8)


def subject_in(width_px, height_px, centre, radius):
    """An even wall with one patterned object; ``centre`` and ``radius`` in parts of the size."""
    picture = np.full((height_px, width_px, 3), 170, np.uint8)
    picture[:] += (np.linspace(0, 12, width_px, dtype=np.uint8))[None, :, None]
    object_ = scenery(width_px, height_px, seed=5)
    y, x = np.mgrid[0:height_px, 0:width_px]
    side = radius * max(width_px, height_px)
    within = np.hypot(x - centre[0] * width_px, y - centre[1] * height_px) < side
    return np.where(within[..., None], object_, picture)


def wall_seen_by(wall, homography, width_px, height_px):
    """The photo a camera takes of a flat wall; ``homography`` from the photo's pixel centres to the wall's."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(wall, homography, (width_px, height_px), flags=flags, borderMode=cv2.BORDER_REFLECT)


def camera_on_wall(wall_px, photo_px, centre, width, yaw=0.0):
    """Homography from a photo's pixels to a wall's: ``centre`` and ``width`` of what it shows in parts of the wall."""
    scale = width * wall_px[0] / photo_px[0]
    shift = np.array([[1, 0, -photo_px[0] / 2], [0, 1, -photo_px[1] / 2], [0, 0, 1.0]])
    lens = np.array([[1, 0, 0], [0, 1, 0], [yaw / photo_px[0], 0, 1.0]])
    place = np.array([[scale, 0, centre[0] * wall_px[0]], [0, scale, centre[1] * wall_px[1]], [0, 0, 1.0]])
    return place @ lens @ shift


def keep(picture, path: Path):
    """Write a picture as a photo."""
    Image.fromarray(picture).save(path, quality=95, subsampling=0)
    return path


def working_photo(picture, path: Path):
    """Write a picture and return it as a kept photo."""
    height, width = picture.shape[:2]
    keep(picture, path)
    record = PhotoRecord(
        photo_id=path.stem,
        file=path.name,
        original=path.name,
        working=path.name,
        bytes=path.stat().st_size,
        width_px=width,
        height_px=height,
        working_width_px=width,
        working_height_px=height,
        verdict=Verdict.KEPT,
    )
    return WorkingPhoto(record=record, path=path)
