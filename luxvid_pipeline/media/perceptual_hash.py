# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Telling the same picture, saved twice, from two pictures that merely look alike.

Belongs here: the perceptual hash, its distance, the comparison that confirms what a near hash suggests.
Does not belong here: which of two near-duplicates stays (``media/photos.py``).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

NEAR_HASH_BITS = 12
"""Differing bits of 64 up to which two photos are worth comparing; a hash alone never refuses a photo."""

SAME_PICTURE_LIKENESS = 0.75
"""Least correlation of details for two photos to be one picture; different photos of one home stay below 0.2."""

_LEAST_CHROMA = 4.0
"""Distance from grey, in Lab units of OpenCV's bytes, that a twentieth of a photo in colour has at least. The dullest
of two villas' photos has 13.6, the same photos at nightfall 13.0, a JPEG without colour 0."""

_SKETCH_PX = 96
_FARTHEST_SHIFT = 0.04
_DIFFERENT_SHAPE = 0.12


def perceptual_hash(grey: NDArray[np.uint8]) -> str:
    """Return 64 bits as 16 hex digits: the signs of the lowest cosine frequencies of the squared picture.

    Args:
        grey: Height × width, any size.

    Source:
        "pHash", the DCT variant; https://www.phash.org
    """
    square = _shrunk(grey, 32).astype(np.float32)
    low = cv2.dct(square)[:8, :8].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def differing_bits(one: str, other: str) -> int:
    """Return the Hamming distance of two hashes, 0 to 64."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def sketch(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the details of a picture, light and large shapes taken out, 96 × 96, three channels (Lab).

    Args:
        small: Height × width × 3, BGR.
    """
    square = _shrunk(small, _SKETCH_PX)
    lab = cv2.cvtColor(square, cv2.COLOR_BGR2LAB).astype(np.float32)
    lab[..., 0] -= cv2.GaussianBlur(lab[..., 0], (0, 0), 8)
    return lab


def has_colour(drawn: NDArray[np.float32]) -> bool:
    """Return whether a picture is more than black and white, by its ``sketch``."""
    return float(np.percentile(np.hypot(drawn[..., 1] - 128, drawn[..., 2] - 128), 95)) >= _LEAST_CHROMA


def likeness(
    one: NDArray[np.float32], other: NDArray[np.float32], one_aspect: float = 1.0, other_aspect: float = 1.0
) -> float:
    """Return how far two sketches agree, -1 to 1; a shift of a few pixels between them is allowed for.

    Args:
        one: As ``sketch`` gives it.
        other: Likewise.
        one_aspect: Width over height of the first photo; pictures of different shape are not the same.
        other_aspect: Likewise of the other.

    Returns:
        The correlation of their details, weakest quarter of the picture counted by half, less what their colours
        differ: a room painted another colour, or shot at dusk, is another picture.
    """
    if abs(np.log(one_aspect / other_aspect)) > _DIFFERENT_SHAPE:
        return 0.0
    margin = round(_SKETCH_PX * _FARTHEST_SHIFT)
    inner = slice(margin, _SKETCH_PX - margin)
    found = cv2.matchTemplate(other[..., 0], np.ascontiguousarray(one[inner, inner, 0]), cv2.TM_CCOEFF_NORMED)
    _, _, _, (left, top) = cv2.minMaxLoc(found)
    size = _SKETCH_PX - 2 * margin
    mine, theirs = one[inner, inner], other[top : top + size, left : left + size]
    whole = _correlation(mine[..., 0], theirs[..., 0])
    half = size // 2
    quarters = [
        _correlation(mine[rows, columns, 0], theirs[rows, columns, 0])
        for rows in (slice(0, half), slice(half, size))
        for columns in (slice(0, half), slice(half, size))
    ]
    colours = float(np.mean(np.abs(mine[..., 1:] - theirs[..., 1:]))) / 255
    return 0.5 * whole + 0.5 * min(whole, 0.1 + min(quarters)) - 6.0 * max(0.0, colours - 0.01)


def _shrunk(picture: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Return the picture squeezed into a square; quartered first, which is many times as fast as an odd ratio."""
    height, width = (side // 4 * 4 for side in picture.shape[:2])
    if min(height, width) >= 4 * side_px:
        picture = cv2.resize(picture[:height, :width], (width // 4, height // 4), interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
    return cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one - one.mean(), other - other.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return 1.0 if size < 1e-3 else float((a * b).sum()) / size
