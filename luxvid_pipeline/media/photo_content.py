# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What colours, textures and lines say of a photo's content: sky, leaves, water, dusk, symmetry, depth, warmth.

Belongs here: measures on pixels, each a share or a likeness from 0 to 1.
Does not belong here: rooms and words (``providers/local/tagger.py``), quality (``media/photo_quality.py``).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_LONG_SIDE_PX = 384
_SMOOTH = 4.0
_CALM = 9.0
_LEAFY = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoContent:
    """Measures of one photo, all from 0 to 1.

    Attributes:
        blue_sky, white_sky: Shares of the picture that are smooth, reach the upper edge, and are blue or white.
        leaves: Share that is green and finely textured; a green blanket is not.
        water: Share below the sky that is blue or cyan.
        calm_cyan: Largest single area of calm, bright cyan: a pool, or a southern sea.
        dusk: Share of glowing orange in the upper part.
        glow: Share that is nearly clipped: lamps and windows, seen from inside.
        exterior: How likely the camera stood outside.
        symmetry: Likeness to the mirror image.
        depth: How many oblique lines run to one point inside the frame.
        warmth: 0.5 is neutral light.
    """

    blue_sky: float
    white_sky: float
    leaves: float
    water: float
    calm_cyan: float
    dusk: float
    glow: float
    exterior: float
    symmetry: float
    depth: float
    warmth: float


def look_at(picture: NDArray[np.uint8]) -> PhotoContent:
    """Return what a photo's pixels say of its content.

    Args:
        picture: Height × width × 3, BGR, any size.
    """
    seen = _Seen(picture)
    small, grey, texture, down = seen.small, seen.grey, seen.texture, seen.down
    hue, saturation, value = seen.hue, seen.saturation, seen.value
    sky, blue, white, cyan = seen.sky, seen.blue, seen.white, seen.cyan
    leaves = _share((hue >= 28) & (hue <= 88) & (saturation >= 45) & (value >= 30) & (texture > _LEAFY))
    water = _share(cyan & (saturation >= 45) & (value >= 60))
    dusk = _share((hue <= 20) & (saturation >= 110) & (value >= 140) & (texture < 5) & (down < 0.65))
    blue_sky, white_sky, calm_cyan = _share(sky & blue), _share(sky & white), _largest_area(seen.pool_blue)
    # Orange alone is a painted wall; at sunset the ground before it is black.
    sunset = dusk if dusk > 0.08 and _share((value < 60) & (down > 0.65)) > 0.25 else 0.0
    signs = 7 * blue_sky + 2 * white_sky + 13 * leaves + 11 * calm_cyan + 2.5 * water + 12 * sunset
    rough = float(np.clip((float(texture.mean()) - 10) * 0.2, -0.6, 0.6))
    red, blue_light = float(small[..., 2].mean()), float(small[..., 0].mean())
    return PhotoContent(
        blue_sky=blue_sky,
        white_sky=white_sky,
        leaves=leaves,
        water=water,
        calm_cyan=calm_cyan,
        dusk=sunset,
        glow=_share(value >= 245),
        exterior=float(1 / (1 + np.exp(-2.2 * (signs + rough - 1.0)))),
        symmetry=_symmetry(grey),
        depth=_depth(grey),
        warmth=float(np.clip(0.5 + 1.2 * (red - blue_light) / (red + blue_light + 1), 0, 1)),
    )


def calm_water(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where a photo shows calm, bright cyan, a pool or a southern sea, at any size of the same shape.

    Args:
        picture: Height × width × 3, BGR, any size.
    """
    return _Seen(picture).pool_blue


class _Seen:
    """A photo made small, and what the colour and the texture of each place suggest."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        scale = _LONG_SIDE_PX / max(picture.shape[:2])
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        self.small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        self.grey = cv2.cvtColor(self.small, cv2.COLOR_BGR2GRAY).astype(np.uint8)
        hue, saturation, value = (
            channel.astype(np.int16) for channel in cv2.split(cv2.cvtColor(self.small, cv2.COLOR_BGR2HSV))
        )
        self.hue, self.saturation, self.value = hue, saturation, value
        self.texture = _texture(self.grey)
        self.down = np.linspace(0, 1, self.grey.shape[0])[:, None]
        self.blue = (hue >= 88) & (hue <= 128) & (saturation >= 30) & (value >= 90)
        self.white = (saturation < 30) & (value >= 200)
        self.sky = _reaching_the_top((self.blue | self.white) & (self.texture < _SMOOTH) & (self.down < 0.7))
        self.cyan = (hue >= 78) & (hue <= 118) & ~self.sky & (self.down > 0.3)
        pool = (hue >= 84) & (hue <= 104) & (saturation >= 70) & (value >= 140)
        self.pool_blue = self.cyan & pool & (self.texture < _CALM)


def _share(mask: NDArray[np.bool_]) -> float:
    return float(np.mean(mask))


def _texture(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    plain = grey.astype(np.float32)
    detail = np.abs(plain - cv2.GaussianBlur(plain, (0, 0), 2))
    return cv2.GaussianBlur(detail, (0, 0), 3).astype(np.float32, copy=False)


def _reaching_the_top(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    at_top = np.unique(labels[: max(2, labels.shape[0] // 40)])
    return np.isin(labels, at_top[at_top > 0])


def _largest_area(mask: NDArray[np.bool_]) -> float:
    count, _, measures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return float(measures[1:, cv2.CC_STAT_AREA].max()) / mask.size if count > 1 else 0.0


def _symmetry(grey: NDArray[np.uint8]) -> float:
    """The best correlation with the mirror image, its axis within a tenth of the middle."""
    low = cv2.resize(grey, (64, 48), interpolation=cv2.INTER_AREA).astype(np.float64)
    best = 0.0
    for shift in range(-6, 7):
        width = 64 - abs(shift)
        part = low[:, max(shift, 0) : max(shift, 0) + width]
        mirrored = part[:, ::-1]
        spread = float(part.std())
        if spread > 1:
            best = max(best, float(np.mean((part - part.mean()) * (mirrored - part.mean()))) / spread**2)
    return float(np.clip(best, 0, 1))


def _depth(grey: NDArray[np.uint8]) -> float:
    """The share of line length that runs obliquely to the one point where most oblique lines meet."""
    found = np.asarray(cv2.createLineSegmentDetector().detect(grey)[0])
    if found.ndim < 2:  # OpenCV gives None for a picture without lines
        return 0.2
    lines = found.reshape(-1, 4).astype(np.float64)
    across, down = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    lengths = np.hypot(across, down)
    slant = np.degrees(np.arctan2(np.abs(down), np.abs(across)))
    long = lengths >= 0.05 * max(grey.shape)
    oblique = long & (slant > 12) & (slant < 78)
    if oblique.sum() < 4 or not long.any():
        return 0.2
    order = np.argsort(-lengths[oblique], kind="stable")[:60]
    chosen, weights = lines[oblique][order], lengths[oblique][order]
    normals = np.stack([chosen[:, 1] - chosen[:, 3], chosen[:, 2] - chosen[:, 0]], axis=1) / weights[:, None]
    offsets = np.sum(normals * chosen[:, :2], axis=1)
    height, width = grey.shape
    columns, rows = np.meshgrid(np.linspace(0, width, 25), np.linspace(0, height, 19))
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    misses = np.abs(points @ normals.T - offsets)
    meeting = float(((misses < 0.035 * width) @ weights).max() / lengths[long].sum())
    return float(np.clip(0.2 + 1.6 * meeting, 0, 1))
