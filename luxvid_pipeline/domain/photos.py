"""What is known of a photo: when it came in, and once it is catalogued.

Belongs here: the records behind the tables ``listing_photos`` and ``photo_catalogue``.
Does not belong here: decoding pictures (``media/photos.py``), judging rooms (``providers/``), Parquet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from luxvid_pipeline.domain.rooms import Room


class Verdict(StrEnum):
    """Whether a photo may be used in a film."""

    KEPT = "kept"
    REFUSED = "refused"


def public_address(url: str | None) -> str | None:
    """Return an address without what lets its bearer in: name and password, signature or token, fragment.

    It ends up in tables, manifests and on pages that are published; only fetching needs the whole of it.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRecord:
    """One photo that came in, kept or refused; a row of ``listing_photos``.

    Attributes:
        photo_id: SHA-256 of the original file's bytes, hex; two equal files are one photo.
        file: Where it lay, relative to the listing folder, as it was named.
        source_url: Where it came from, if the manifest says so; as ``public_address`` gives it.
        original: Media path of the untouched original (``listing_photos/<listing>/originals/…``).
        working: Media path of the working JPEG (upright, sRGB, no EXIF), or None for a refused photo.
        format: What the bytes are (``JPEG``, ``MPO``, ``HEIF``, …), whatever the name says.
        width_px, height_px: Size of the upright original.
        working_width_px, working_height_px: Size of the working JPEG; 0 where there is none.
        exif_orientation: 1 to 8 as found; 1 where nothing was said.
        colour_profile: Name of the embedded profile, ``sRGB`` where there was none.
        perceptual_hash: 64 bits as 16 hex digits; Hamming distance tells near-duplicates. Empty if undecodable.
        sharpness: 0 (mush) to 1 (crisp), comparable between photos of any size.
        exposure: Mean luma, 0 black to 1 white.
        verdict, reason: Kept or refused; the reason in words, empty for a kept photo.
        duplicate_of: ``photo_id`` of the better photo a near-duplicate lost to.
    """

    photo_id: str
    file: str
    source_url: str | None = None
    original: str
    working: str | None = None
    bytes: int
    format: str = ""
    width_px: int = 0
    height_px: int = 0
    working_width_px: int = 0
    working_height_px: int = 0
    exif_orientation: int = 1
    colour_profile: str = "sRGB"
    perceptual_hash: str = ""
    sharpness: float = 0.0
    exposure: float = 0.0
    verdict: Verdict
    reason: str = ""
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingPhoto:
    """A kept photo together with the local file that holds its working JPEG; what engines are given to look at."""

    record: PhotoRecord
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguedPhoto:
    """What a usable photo shows, and who said so; a row of ``photo_catalogue``.

    Attributes:
        photo_id, file, working, width_px, height_px: As in ``PhotoRecord``; the size is that of the working JPEG.
        room, room_by, room_confidence: The room, who said it (``manifest``, ``file name``, ``local rule`` or a
            model's name), how sure they are from 0 to 1.
        features, features_by: Words such as ``sky``, ``water``, ``greenery``, ``dusk``, ``symmetry``, ``mirror``.
        caption, caption_by: One short sentence.
        quality, quality_by: 0 to 1, of the photo as a photo: sharpness, exposure, resolution.
        sharpness, exposure: As in ``PhotoRecord``.
        symmetry: 0 to 1, likeness of the picture to its mirror image.
        depth: 0 to 1, how much the picture suggests depth.
        warmth: 0 (cold) to 1 (warm light).
        suitability: Scene key to 0–1, room fit and quality together.
        avoid: What in it a film would rather not show: ``people``, ``photographer``, ``text``, ….
    """

    photo_id: str
    file: str
    working: str
    width_px: int
    height_px: int
    room: Room
    room_by: str
    room_confidence: float
    features: tuple[str, ...] = ()
    features_by: str = "local rule"
    caption: str = ""
    caption_by: str = "local rule"
    quality: float = 0.5
    quality_by: str = "local rule"
    sharpness: float = 0.5
    exposure: float = 0.5
    symmetry: float = 0.0
    depth: float = 0.5
    warmth: float = 0.5
    suitability: Mapping[str, float] = field(default_factory=dict[str, float])
    avoid: tuple[str, ...] = ()
