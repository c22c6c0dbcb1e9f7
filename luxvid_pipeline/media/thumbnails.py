"""Photos made small enough to be sent: JPEGs within a vendor's limits.

Belongs here: scaling a working photo down and encoding it, the same bytes every time.
Does not belong here: contact sheets (``media/sheets.py``), who looks at them (``providers/``).
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from luxvid_pipeline.domain.errors import MediaError

MOST_BYTES = 2 * 1024 * 1024
"""A picture's JPEG at most; xAI takes 20 MiB a picture, OpenAI 50 MB a request, of which 80 pictures need little."""

_QUALITIES = (82, 70, 55, 40)
_LEAST_SIDE_PX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A picture ready to be sent: baseline JPEG, sRGB, upright, without metadata."""

    jpeg: bytes
    width_px: int
    height_px: int

    @property
    def sha256(self) -> str:
        """Hash of the bytes, hex."""
        return hashlib.sha256(self.jpeg).hexdigest()


def thumbnail(photo: Path, *, long_side_px: int, most_bytes: int = MOST_BYTES) -> Thumbnail:
    """Return a photo scaled down to at most ``long_side_px`` and ``most_bytes``; a smaller one keeps its size.

    Args:
        photo: A working JPEG, or any picture Pillow opens.
        long_side_px: Longer side at most, in pixels.
        most_bytes: Size of the JPEG at most; quality gives way first, then pixels.

    Raises:
        MediaError: The file cannot be read, or does not fit even at its smallest.
    """
    try:
        with Image.open(photo) as opened:
            opened.draft("RGB", (long_side_px * 2, long_side_px * 2))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{photo.name} cannot be read as a picture; read the listing's photos again") from error
    side_px = long_side_px
    while side_px >= min(_LEAST_SIDE_PX, long_side_px):
        small = picture.copy()
        small.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=quality, optimize=True)
            if buffer.tell() <= most_bytes:
                return Thumbnail(jpeg=buffer.getvalue(), width_px=small.width, height_px=small.height)
        side_px //= 2
    raise MediaError(f"{photo.name} does not fit into {most_bytes} bytes as a JPEG, however small")
