"""Photos as a video model wants them: 16:9, at the size it renders, as JPEG.

Belongs here: choosing the part of a photo that a model sees, and writing it.
Does not belong here: uploading (``predictions.py``), widening a photo that is too tall (``images.py``).
"""

import hashlib
import io
import threading
from pathlib import Path

import numpy as np
from cachetools import LRUCache, cached
from PIL import Image, UnidentifiedImageError

from luxvid_pipeline.domain.camera import interest_map
from luxvid_pipeline.domain.errors import MediaError

_QUALITY = 95
_SMALL_PX = 128
_KEPT = 16
"""Framed photos kept in memory, up to a megabyte each. A film sends 14: first to be looked up in the ledger, then
anew for each take and each engine that wants the same size; framing one takes a tenth of a second."""


def frame_photo(photo: Path, size_px: tuple[int, int], into: Path) -> str:
    """Write the part of a photo that a clip begins or ends on, and return the SHA-256 of the file, hex.

    The widest part of the wanted shape is taken, where most of what is interesting lies. Models given another shape
    would crop by themselves, in the middle, or stretch.

    Args:
        photo: A working JPEG.
        size_px: Width and height wanted.
        into: The JPEG to write; the same photo and size give the same bytes.

    Raises:
        MediaError: The photo cannot be read.
    """
    try:
        jpeg = _framed(photo.read_bytes(), size_px)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise MediaError(
            f"{photo.name} cannot be read as a picture ({error}); run the asset listing_photos again"
        ) from error
    into.write_bytes(jpeg)
    return hashlib.sha256(jpeg).hexdigest()


def _asked(original: bytes, size_px: tuple[int, int]) -> tuple[bytes, tuple[int, int]]:
    return hashlib.sha256(original).digest(), size_px


@cached(LRUCache[tuple[bytes, tuple[int, int]], bytes](_KEPT), key=_asked, lock=threading.Lock())
def _framed(original: bytes, size_px: tuple[int, int]) -> bytes:
    with Image.open(io.BytesIO(original)) as image:
        image.draft("RGB", size_px)
        picture = image.convert("RGB")
    framed = picture.resize(size_px, Image.Resampling.LANCZOS, box=_box(picture, size_px[0] / size_px[1]))
    jpeg = io.BytesIO()
    framed.save(jpeg, "JPEG", quality=_QUALITY, subsampling=0)
    return jpeg.getvalue()


def _box(picture: Image.Image, aspect: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the widest part of a shape that holds most of what is interesting."""
    width, height = picture.size
    part_width, part_height = min(width, height * aspect), min(height, width / aspect)
    small = picture.convert("L")
    small.thumbnail((_SMALL_PX, _SMALL_PX), Image.Resampling.BOX)
    interest = interest_map(np.asarray(small, np.float64))
    left = _best_start(interest.sum(axis=0), part_width / width) * width
    top = _best_start(interest.sum(axis=1), part_height / height) * height
    return left, top, min(float(width), left + part_width), min(float(height), top + part_height)


def _best_start(interest: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", share: float) -> float:
    """Where a window of a share of the whole begins, as a part of it, to hold the most; near the middle if in doubt."""
    count = len(interest)
    window = min(count, max(1, round(share * count)))
    held = np.convolve(interest, np.ones(window), "valid")
    middle = (count - window) / 2
    score = held - 1e-3 * np.abs(np.arange(len(held)) - middle) / count
    return min(int(np.argmax(score)) / count, max(0.0, 1.0 - share))
