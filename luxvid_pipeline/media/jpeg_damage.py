# simplejpeg is compiled and has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Decoding a JPEG that somebody sent, and telling whether its coded picture is whole.

Belongs here: which of libjpeg's complaints mean damage and which an odd but sound writer.
Does not belong here: what to tell the customer (``media/photo_decoding.py``), decoding JPEGs that were written here.

libjpeg paints grey or shifted stripes over damaged data, warns and reports success. OpenCV and Pillow swallow its
warnings; simplejpeg hands on the first one. Its pixels are those of OpenCV, in the same time.
"""

import re
from contextlib import suppress
from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_FEW_BYTES = 4
"""So many bytes too many are left by cheap encoders of cameras whose pictures are sound."""

_READ_AHEAD_BYTES = 16
"""More than libjpeg holds ready. A hole has more zeros than that before those left over: they were read as blocks."""

_DAMAGE = ("Corrupt JPEG data", "Unsupported marker type", "Invalid JPEG file structure")
_NO_END = "Premature end of JPEG file"
_OF_NO_HARM = (
    "Corrupt JPEG data: bad ICC marker",
    "Inconsistent progression sequence",
    "Invalid SOS parameters for sequential JPEG",
    "Unknown Adobe color transform",
    "Warning: unknown JFIF revision",
)
_END = b"\xff\xd9"


class DamagedJpegError(Exception):
    """A part of the coded picture is missing or overwritten; ``cut_off`` if it is the end that is missing."""

    def __init__(self, cut_off: bool) -> None:
        super().__init__("cut off" if cut_off else "damaged")
        self.cut_off = cut_off


def decode_whole_jpeg(
    content: bytes, size_px: tuple[int, int], colours: Literal["BGR", "RGB", "GRAY", "CMYK"] = "BGR"
) -> NDArray[np.uint8] | None:
    """Return the pixels of a JPEG's main picture, or None if it is of a kind that this decoder does not take.

    Finds what leaves the coded data too long, too short or against its own tables: nearly every hole of half a kilobyte
    or more, three of four places where forty bytes were overwritten, half of those with four. Cannot find: changes
    after which the codes happen to fall into step again. What follows the picture's end is not looked at.

    Args:
        content: The whole file.
        size_px: Width and height wanted; the picture is decoded at the least number of eighths that are no smaller.
        colours: What the pixels become; CMYK only for a picture that is CMYK.

    Raises:
        DamagedJpegError: The coded picture is not whole.
    """
    try:
        return _decoded(content, size_px, colours, strict=True)
    except ValueError as error:
        said = str(error)
    if said.startswith(_NO_END):
        return _decoded_without_its_end(content, size_px, colours)
    if said.startswith(_OF_NO_HARM) or _is_padding(content, said):
        with suppress(ValueError):  # what is said of the header stops this decoder even so
            return _decoded(content, size_px, colours, strict=False)
        return None
    if said.startswith(_DAMAGE):
        raise DamagedJpegError(cut_off=False)
    return None


def _decoded(content: bytes, size_px: tuple[int, int], colours: str, *, strict: bool) -> NDArray[np.uint8]:
    return simplejpeg.decode_jpeg(content, colours, min_width=size_px[0], min_height=size_px[1], strict=strict)


def _decoded_without_its_end(content: bytes, size_px: tuple[int, int], colours: str) -> NDArray[np.uint8]:
    """Some writers leave the end marker out; the picture is whole if nothing else is missing."""
    try:
        return _decoded(content + _END, size_px, colours, strict=True)
    except ValueError as error:
        raise DamagedJpegError(cut_off=True) from error


def _is_padding(content: bytes, said: str) -> bool:
    """Whether bytes that no code uses are few, or a writer's padding: all alike, and none of them read as a code."""
    found = _EXTRANEOUS.search(said)
    if found is None:
        return False
    unused, marker = int(found[1]), bytes((0xFF, int(found[2], 16)))
    alike = re.compile(rb"(([^\xff])\2{%d,})\xff*%b" % (unused - 1, re.escape(marker)), re.DOTALL)
    return unused <= _FEW_BYTES or any(len(run[1]) <= unused + _READ_AHEAD_BYTES for run in alike.finditer(content))
