# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""What is laid over pictures: captions, notices, cards, as they lie in memory and on frames.

Belongs here: overlays packed, one laid over another, one blended into a frame's planes.
Does not belong here: drawing them (``media/brand_graphics.py``), when they are seen (``media/part_runs.py``).
"""

import math
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.delivery_plan import Shape
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import Frame, planes

Overlay = NDArray[np.uint8]
"""Height × width × 4, RGBA, straight alpha, as large as a shape's full size."""


class PackedOverlays(MutableMapping[tuple[str, Shape], Overlay]):
    """Overlays by scene and shape, packed: nearly all of each is empty, and a package has dozens of 8 MB."""

    def __init__(self) -> None:
        """Begin with none."""
        self._packed: dict[tuple[str, Shape], _Packed] = {}

    def __setitem__(self, place: tuple[str, Shape], overlay: Overlay) -> None:
        """Keep an overlay: of what is wholly clear, nothing."""
        rows, columns = (np.flatnonzero((overlay[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
        box = tuple(slice(int(each[0]), int(each[-1]) + 1) if len(each) else slice(0, 0) for each in (rows, columns))
        self._packed[place] = _Packed(overlay.shape, box, overlay[box].copy())

    def __getitem__(self, place: tuple[str, Shape]) -> Overlay:
        """Return an overlay, unpacked for whoever asks."""
        packed = self._packed[place]
        overlay = np.zeros(packed.shape, np.uint8)
        overlay[packed.box] = packed.pixels
        return overlay

    def __delitem__(self, place: tuple[str, Shape]) -> None:
        """Forget an overlay."""
        del self._packed[place]

    def __iter__(self) -> Iterator[tuple[str, Shape]]:
        """Go through the scenes and shapes that have one."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed)


@dataclass(frozen=True, slots=True)
class _Packed:
    """An overlay's size, and what of it is not clear."""

    shape: tuple[int, ...]
    box: tuple[slice, ...]
    pixels: Overlay


# BT.709, video range, from R, G, B. Source: ITU-R BT.709-6, sections 3.2 to 3.4.
_RGB_TO_YCBCR = np.array(
    [
        [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255, 16.0],
        [-0.2126 / 1.8556 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, 0.5 * 224 / 255, 128.0],
        [0.5 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, -0.0722 / 1.5748 * 224 / 255, 128.0],
    ],
    np.float32,
)


def laid_over(below: Overlay, above: Overlay) -> Overlay:
    """Return two overlays of one size as one, the second in front."""
    front, back = above.astype(np.float32) / 255, below.astype(np.float32) / 255
    alpha = front[..., 3:] + back[..., 3:] * (1 - front[..., 3:])
    colour = front[..., :3] * front[..., 3:] + back[..., :3] * back[..., 3:] * (1 - front[..., 3:])
    colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0)
    return np.asarray(np.round(np.concatenate([colour, alpha], axis=2) * 255), np.uint8)


class Ink:
    """An overlay in the planes of one size, only where it covers something."""

    def __init__(self, overlay: Overlay, size: FilmFormat) -> None:
        """Prepare an overlay of a shape's full size for frames of one size."""
        rows, columns = _filled(overlay, size)
        rgba = overlay[rows, columns].astype(np.float32)
        alpha = rgba[..., 3:] / 255
        colour = cv2.transform(np.ascontiguousarray(rgba[..., :3]), _RGB_TO_YCBCR) * alpha
        stack = np.concatenate([colour, alpha], axis=2).astype(np.float32)
        by = overlay.shape[0] / size.height_px, overlay.shape[1] / size.width_px
        self._bands: list[list[_Band]] = []
        for plane, coarser in ((0, 1), (1, 2), (2, 2)):
            top, left = round(rows.start / by[0] / coarser), round(columns.start / by[1] / coarser)
            end, right = round(rows.stop / by[0] / coarser), round(columns.stop / by[1] / coarser)
            layer = _resized(stack, (right - left, end - top))
            self._bands.append([_band(layer, plane, place, (top, left)) for place in _covered(layer)])

    def blend(self, frame: Frame, strength: float) -> None:
        """Lay it over a frame, 0 to 1 strong."""
        for plane, bands in zip(planes(frame), self._bands, strict=True):
            for band in bands:
                below = plane[band.rows, band.columns]
                # OpenCV rounds to the nearest whole value, and its sums stay within what a byte holds.
                through = band.through if strength == 1 else 1 - strength * band.alpha
                shown = cv2.multiply(below, through, dtype=cv2.CV_32F)
                below[...] = cv2.convertScaleAbs(cv2.scaleAdd(band.colour, strength, shown))


@dataclass(frozen=True, slots=True)
class _Band:
    """A stretch of rows of one plane that an overlay covers.

    Attributes:
        rows, columns: Where.
        colour: Its colour, times how much it covers.
        alpha: How much it covers.
        through: How much is seen through it.
    """

    rows: slice
    columns: slice
    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]
    through: NDArray[np.float32]


def _band(layer: NDArray[np.float32], plane: int, place: tuple[slice, slice], corner: tuple[int, int]) -> _Band:
    rows, columns = place
    # Copies, since a view would hold the whole.
    return _Band(
        slice(rows.start + corner[0], rows.stop + corner[0]),
        slice(columns.start + corner[1], columns.stop + corner[1]),
        layer[rows, columns, plane].copy(),
        layer[rows, columns, 3].copy(),
        1 - layer[rows, columns, 3],
    )


def _filled(overlay: Overlay, size: FilmFormat) -> tuple[slice, slice]:
    """The rows and columns in which an overlay has something, widened to where pixels of a smaller picture begin."""
    filled = overlay[..., 3] > 0
    found: list[slice] = []
    for length, small, has in (
        (overlay.shape[0], size.height_px, filled.any(axis=1)),
        (overlay.shape[1], size.width_px, filled.any(axis=0)),
    ):
        places = np.flatnonzero(has)
        # A picture of half the size shares its edges with this one every so many pixels.
        step = 2 * length // math.gcd(length, small)
        low, high = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
        found.append(slice(low // step * step, min(length, -(-high // step) * step)))
    return found[0], found[1]


def _covered(stack: NDArray[np.float32]) -> list[tuple[slice, slice]]:
    """The bands of rows in which an overlay has something, each with its columns."""
    if not stack.size:
        return []
    alpha = stack[..., 3] > 1 / 512
    filled = np.flatnonzero(alpha.any(axis=1))
    if not len(filled):
        return []
    bands: list[tuple[slice, slice]] = []
    for rows in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
        columns = np.flatnonzero(alpha[rows[0] : rows[-1] + 1].any(axis=0))
        bands.append((slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)))
    return bands


def _resized(picture: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if (picture.shape[1], picture.shape[0]) == size or not picture.size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
