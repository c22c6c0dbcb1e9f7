# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""The word PREVIEW in a corner of each frame, so that nobody takes an animatic for the film.

Belongs here: drawing the mark once, stamping it on frames on their way into the encoder.
Does not belong here: which films get one (``providers/local/preview.py``).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, Frame, planes

WORD = "PREVIEW"

_TEXT_SHARE, _MARGIN_SHARE = 0.026, 0.045
"""Height of the letters and distance from the corner, as parts of the frame's height."""

_PLATE, _LETTERS = 0.34, 0.92
"""How opaque the dark plate and the letters on it are: white letters stay readable on a white wall, and the picture
stays visible under the plate."""

_BLACK, _WHITE = 16.0, 235.0
_FINER = 4


class PreviewMark:
    """The mark for one size of frame, ready to be put on any number of them."""

    def __init__(self, film: FilmFormat) -> None:
        """Draw it."""
        plate, letters = _masks(film)
        height, width = plate.shape
        margin = round(film.height_px * _MARGIN_SHARE / 2) * 2
        self._top, self._left = film.height_px - margin - height, film.width_px - margin - width
        self._size = height, width
        dark, light = plate * _PLATE, letters * _LETTERS
        self._keep = (1 - dark) * (1 - light)
        self._add = _BLACK * dark * (1 - light) + _WHITE * light
        # The mark has no colour, so both chroma planes go towards grey, a sample for every four of luma.
        self._keep_chroma = self._keep.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))

    def stamp(self, frame: Frame) -> None:
        """Put the mark on a frame (planar 4:2:0, as ``empty_frame`` makes it), in its lower right corner."""
        luma, *chroma = planes(frame)
        height, width = self._size
        part = luma[self._top : self._top + height, self._left : self._left + width]
        part[:] = np.round(part * self._keep + self._add).astype(np.uint8)
        top, left = self._top // 2, self._left // 2
        for plane in chroma:
            part = plane[top : top + height // 2, left : left + width // 2]
            part[:] = np.round(128 + (part.astype(np.float64) - 128) * self._keep_chroma).astype(np.uint8)


class MarkedClipWriter(ClipWriter):
    """A ``ClipWriter`` that puts the mark on every frame it is given; a frame is given once."""

    def __init__(self, into: Path, film: FilmFormat, *, doing: str = "") -> None:
        """Prepare to write ``into``; see ``ClipWriter``."""
        super().__init__(into, film, doing=doing)
        self._mark = PreviewMark(film)

    def write(self, frame: Frame) -> None:
        """Mark a frame and encode it."""
        self._mark.stamp(frame)
        super().write(frame)


def _masks(film: FilmFormat) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Plate and letters, each 0 to 1, of even height and width."""
    size = max(8, round(film.height_px * _TEXT_SHARE))
    font = ImageFont.load_default(size * _FINER)
    gap = round(size * 0.22)  # wide setting, as titles have it
    widths = [round(font.getlength(letter)) for letter in WORD]
    text_px = sum(widths) + gap * _FINER * (len(WORD) - 1)
    pad_x, pad_y = round(size * 0.75), round(size * 0.5)
    width = (round(text_px / _FINER) + 2 * pad_x + 1) // 2 * 2
    height = (size + 2 * pad_y + 1) // 2 * 2
    plate = Image.new("L", (width * _FINER, height * _FINER), 0)
    ImageDraw.Draw(plate).rounded_rectangle(
        (0, 0, plate.width - 1, plate.height - 1), radius=plate.height // 4, fill=255
    )
    letters = Image.new("L", plate.size, 0)
    draw, left = ImageDraw.Draw(letters), (plate.width - text_px) / 2
    for letter, letter_px in zip(WORD, widths, strict=True):
        draw.text((left, plate.height / 2), letter, fill=255, font=font, anchor="lm")
        left += letter_px + gap * _FINER
    return _shrunk(plate, width, height), _shrunk(letters, width, height)


def _shrunk(mask: Image.Image, width: int, height: int) -> NDArray[np.float64]:
    return np.asarray(mask.resize((width, height), Image.Resampling.BOX), np.float64) / 255
