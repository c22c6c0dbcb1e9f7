# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
"""What draws the eye in a picture.

Belongs here: a map of a frame that says where its subject is, from contrast, surprise and place.
Does not belong here: where to crop (``media/reframing.py``), what the subject is called.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""Rows × columns, each from 0, together 1."""

MAP_PX = (192, 108)
"""Width and height at which a frame is looked at."""

_SPECTRUM_PX = 64
_SURPRISE, _CONTRAST, _LINES = 0.2, 0.2, 0.6
_PEAKS = 1.5
"""One strong subject counts more than much that is half of one."""

_GLARE, _GREEN = 0.7, 0.6
"""How much less a glare and a plant count."""


def saliency(luma: NDArray[np.uint8], blue: NDArray[np.uint8], red: NDArray[np.uint8]) -> Map:
    """Return where the eye goes in a frame.

    Three measures that a photograph of a room answers differently, mixed: what the spectrum of the picture does not
    lead one to expect, what differs in colour from the rest, and where straight edges meet. The picture's middle
    rows count most: above are sky and ceilings, below floors.

    Args:
        luma: A frame's brightness, of any size.
        blue: The first of its two planes of colour.
        red: The second.

    Source:
        Hou and Zhang, "Saliency detection: a spectral residual approach", CVPR 2007; Achanta et al.,
        "Frequency-tuned salient region detection", CVPR 2009.
    """
    y, u, v = (_small(plane) for plane in (luma, blue, red))
    mixed = _SURPRISE * _even(_surprise(y)) + _CONTRAST * _even(_contrast(y, u, v)) + _LINES * _even(_corners(y))
    mixed = mixed**_PEAKS * _place(mixed.shape[0], mixed.shape[1])
    mixed *= (1 - _GLARE * _glare(y, u, v)) * (1 - _GREEN * _leaves(u, v))
    total = float(mixed.sum())
    return (mixed / total if total > 0 else np.full_like(mixed, 1 / mixed.size)).astype(np.float32)


def _small(plane: NDArray[np.uint8]) -> Map:
    return np.asarray(cv2.resize(plane, MAP_PX, interpolation=cv2.INTER_AREA), np.float32)


def _surprise(luma: Map) -> Map:
    """The spectral residual: what is left of the picture when its usual spectrum is taken away."""
    small = cv2.resize(luma, (_SPECTRUM_PX, _SPECTRUM_PX), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    height = np.log(np.abs(spectrum) + 1e-6).astype(np.float32)
    residual = height - cv2.blur(height, (3, 3))
    found = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 2.5)
    return np.asarray(cv2.resize(soft, MAP_PX, interpolation=cv2.INTER_CUBIC), np.float32).clip(0)


def _contrast(luma: Map, blue: Map, red: Map) -> Map:
    """How far each place is in colour from the whole picture's mean."""
    far = np.zeros_like(luma)
    for plane, weight in ((luma, 1.0), (blue, 2.5), (red, 2.5)):
        soft = cv2.GaussianBlur(plane, (0, 0), 2.0)
        far += (weight * (soft - float(plane.mean()))) ** 2
    return np.sqrt(far)


def _corners(luma: Map) -> Map:
    """Where edges of two directions meet, as on furniture; leaves and grain meet them everywhere and are damped."""
    found = cv2.cornerMinEigenVal(luma / 255, 5).clip(0)
    near = cv2.GaussianBlur(found, (0, 0), 3.0)
    wide = cv2.GaussianBlur(found, (0, 0), 18.0)
    return np.asarray(np.sqrt(near / (wide + float(found.mean()) + 1e-9)), np.float32)


def _glare(luma: Map, blue: Map, red: Map) -> Map:
    """Bright areas without colour, 0 to 1: overcast skies, and windows seen from inside, their bars included."""
    bright = np.clip((luma - 190) / 30, 0, 1)
    grey = np.clip(1 - np.hypot(blue - 128, red - 128) / 16, 0, 1)
    glaring = cv2.morphologyEx((bright * grey).astype(np.float32), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    return np.asarray(cv2.GaussianBlur(glaring, (0, 0), 3.0), np.float32)


def _leaves(blue: Map, red: Map) -> Map:
    """Green places, 0 to 1: no room and no house is about its plants."""
    green = np.clip((126 - blue) / 10, 0, 1) * np.clip((126 - red) / 10, 0, 1)
    return np.asarray(cv2.GaussianBlur(green.astype(np.float32), (0, 0), 1.5), np.float32)


def _even(found: Map) -> Map:
    """A measure from 0 to 1, its outliers cut off."""
    low, high = np.percentile(found, [20, 98])
    return np.asarray(np.clip((found - low) / max(1e-9, float(high - low)), 0, 1), np.float32)


def _place(rows: int, columns: int) -> Map:
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None]
    return np.exp(-((down - 0.56) ** 2) / (2 * 0.24**2)) * np.exp(-(across**2) / (2 * 0.42**2))
