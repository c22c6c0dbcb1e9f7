# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""From a photo file of any kind to upright 8-bit sRGB pixels.

Belongs here: what the bytes are, whatever the name says; the header's size and what is refused for it; decoding at
reduced scale; orientation; colour.
Does not belong here: judging the picture (``media/photo_quality.py``), keeping files (``media/photos.py``).

JPEG goes through libjpeg-turbo, which decodes at a half, a quarter or an eighth of the size without holding the
interpreter lock, everything else through Pillow. Only the header is believed before it is checked: sizes first,
pixels later.
"""

import contextlib
import io
import math
import threading
from collections.abc import Generator
from dataclasses import dataclass

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from luxvid_pipeline.media.jpeg_damage import DamagedJpegError, decode_whole_jpeg

MOST_PIXELS = 200_000_000
"""A header that claims more is refused before a byte of it is decoded."""

LEAST_SHORT_SIDE_PX = 640

WORKING_LONG_SIDE_PX = 3840
WORKING_SHORT_SIDE_PX = 1440
"""A working photo is scaled down to whichever of the two is reached first, so panoramas keep their height."""

WORKING_MOST_PIXELS = 16_000_000

ENOUGH_LONG_SIDE_PX = 2560
"""Four thirds of the film's width: what the camera's moves need. Reduced decoding stops short of going below."""

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF", "GIF", "BMP")
_SUFFIX = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tif"}
_OTHER_SUFFIX = {"HEIF": ".heic", "GIF": ".gif", "BMP": ".bmp", "SVG": ".svg"}
_RAW_SUFFIXES = frozenset({".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"})
_BEST_DEFLATE_RATIO = 1032
_ORIENTATION_TAG = 0x0112
_UNTAGGED = "sRGB"
_PALETTES = ("1", "P", "PA")
_SRGB_GAMMA, _SAME_GAMMA, _LEAST_GAMMA, _MOST_GAMMA = 1 / 2.2, 0.05, 0.2, 2.0

# Pillow only knows the formats whose plug-ins are imported; MPO comes out of the JPEG plug-in by itself.
_PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
pillow_heif.register_heif_opener(thumbnails=False)
Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # Pillow warns from here on and refuses at twice as much


class RefusedPhotoError(Exception):
    """A photo cannot be used; the message says why, as the end of "refused because …".

    Never leaves ``media/``: reading photos turns it into a row.
    """

    def __init__(self, reason: str, header: "PhotoHeader | None" = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.header = header


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoHeader:
    """What a file says of itself before any pixel is decoded.

    Attributes:
        format: ``JPEG``, ``MPO``, ``PNG``, ``WEBP``, ``AVIF``, ``TIFF``, ``HEIF``, ``GIF``, ``BMP`` or ``SVG``.
        stored_width_px, stored_height_px: Size as stored.
        orientation: EXIF orientation, 1 to 8.
        mode: Pillow's name of the pixel layout.
        profile: Embedded ICC profile, or None.
        profile_name: Its description; ``sRGB`` where there is none.
        gamma: Exponent from light to value, which a PNG may say instead of a profile; 0 where it says none or sRGB's.
    """

    format: str
    stored_width_px: int = 0
    stored_height_px: int = 0
    orientation: int = 1
    mode: str = "RGB"
    profile: bytes | None = None
    profile_name: str = _UNTAGGED
    gamma: float = 0.0

    @property
    def upright_size_px(self) -> tuple[int, int]:
        """Width and height as the photo is meant to be seen."""
        size = (self.stored_width_px, self.stored_height_px)
        return (size[1], size[0]) if self.orientation >= 5 else size

    @property
    def has_palette(self) -> bool:
        """Whether its colours are a few, mixed of dots: a palette, or black and white."""
        return self.format == "GIF" or self.mode in _PALETTES

    @property
    def suffix(self) -> str:
        """The ending a file of this format should have."""
        return {**_SUFFIX, **_OTHER_SUFFIX}.get(self.format, ".bin")


def read_header(content: bytes, suffix: str = "") -> PhotoHeader:
    """Return what a file's bytes say they are, and refuse what no decoder should be let near.

    Args:
        content: The whole file.
        suffix: The ending of its name, which only matters for camera raw (a raw file is also a TIFF of its preview).

    Raises:
        RefusedPhotoError: Not a picture, a drawing, camera raw, over 200 megapixels, or too small.
    """
    if not content:
        raise RefusedPhotoError("the file is empty; it was probably not copied to the end")
    if suffix.lower() in _RAW_SUFFIXES:
        raise RefusedPhotoError("it is a camera raw file; export it as JPEG")
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if (head.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE")) and b"<svg" in head) or suffix.lower() == ".svgz":
        raise RefusedPhotoError(
            "it is a drawing (SVG), not a photo; if it is the logo, name it under brand in listing.yaml",
            PhotoHeader(format="SVG"),
        )
    with _opened(content) as image:
        header = _header_of(image)
    width, height = header.upright_size_px
    if width * height > MOST_PIXELS:
        raise RefusedPhotoError(
            f"it claims {width} × {height} pixels, over {MOST_PIXELS // 1_000_000} megapixels; scale it down", header
        )
    if header.format == "PNG" and width * height // 8 > len(content) * _BEST_DEFLATE_RATIO:
        raise RefusedPhotoError(f"it claims {width} × {height} pixels but holds far too few bytes for them", header)
    if min(width, height) < LEAST_SHORT_SIDE_PX:
        raise RefusedPhotoError(
            f"it is too small: {width} × {height}, and the short side should have {LEAST_SHORT_SIDE_PX} px or more",
            header,
        )
    return header


def decode(content: bytes, header: PhotoHeader) -> NDArray[np.uint8]:
    """Return the upright photo in sRGB at working size, height × width × 3, BGR.

    Raises:
        RefusedPhotoError: The decoder gave up on it, or painted over what is missing.
    """
    try:
        pixels = decode_whole_jpeg(content, _reduced_size_px(header)) if _is_plain_jpeg(header) else None
        if pixels is None:
            with _LARGE_ONE_AT_A_TIME.room_for(header.stored_width_px * header.stored_height_px):
                pixels = _decode_with_pillow(content, header)
    except (RefusedPhotoError, MemoryError):
        raise
    except DamagedJpegError as error:
        what = "cut off: the end" if error.cut_off else "damaged: a part"
        gone = "missing" if error.cut_off else "missing or overwritten"
        raise RefusedPhotoError(f"it is {what} of the picture is {gone}; copy it again", header) from error
    except Exception as error:  # decoders raise anything at all on damaged bytes: SyntaxError, struct.error, …
        reason = f"it cannot be decoded, it is damaged ({_first_words(error)}); copy or export it again"
        raise RefusedPhotoError(reason, header) from error
    return _upright(_at_working_size(pixels), header.orientation)


def reduction(header: PhotoHeader) -> int:
    """Return by how much a JPEG can be decoded smaller and still be enough for the film: 1, 2, 4 or 8."""
    long, short = sorted((header.stored_width_px, header.stored_height_px), reverse=True)
    fits = [by for by in (8, 4, 2) if long / by >= ENOUGH_LONG_SIDE_PX and short / by >= WORKING_SHORT_SIDE_PX]
    return fits[0] if fits else 1


def _reduced_size_px(header: PhotoHeader) -> tuple[int, int]:
    by = reduction(header)
    return -(-header.stored_width_px // by), -(-header.stored_height_px // by)


def decode_reduced_jpeg(content: bytes, by: int) -> NDArray[np.uint8] | None:
    """Return a JPEG's pixels at 1/``by`` of their size, as stored, or None if OpenCV cannot decode them."""
    flag = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    flags = flag.get(by, cv2.IMREAD_REDUCED_COLOR_8) | cv2.IMREAD_IGNORE_ORIENTATION
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    return None if decoded is None else decoded.astype(np.uint8, copy=False)


class _PixelBudget:
    """Lets decoders that need a whole picture in memory in, as long as all of them together stay within bounds."""

    def __init__(self, most_pixels: int) -> None:
        self._most_pixels = most_pixels
        self._in_use = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def room_for(self, pixels: int) -> Generator[None]:
        claim = min(pixels, self._most_pixels)
        with self._changed:
            self._changed.wait_for(lambda: self._in_use + claim <= self._most_pixels)
            self._in_use += claim
        try:
            yield
        finally:
            with self._changed:
                self._in_use -= claim
                self._changed.notify_all()


_LARGE_ONE_AT_A_TIME = _PixelBudget(50_000_000)


@contextlib.contextmanager
def _opened(content: bytes) -> Generator[Image.Image]:
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedPhotoError(f"it claims over {MOST_PIXELS // 1_000_000} megapixels; scale it down") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plug-ins let many kinds through
        raise RefusedPhotoError(f"it cannot be read as a picture ({_kind(content)}); export it as JPEG") from error
    with image:
        yield image


def _header_of(image: Image.Image) -> PhotoHeader:
    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) and len(profile) >= 128 else None
    name = _UNTAGGED if profile is None else _profile_name(profile)
    return PhotoHeader(
        format=image.format or "",
        stored_width_px=image.width,
        stored_height_px=image.height,
        orientation=_orientation_of(image),
        mode=image.mode,
        profile=profile,
        profile_name=name,
        gamma=_gamma_of(image) if profile is None else 0.0,
    )


def _gamma_of(image: Image.Image) -> float:
    """Exponent that a PNG's values were written with, if it is another than sRGB's.

    Source:
        PNG, third edition, 11.3.2.2 (gAMA) and 4.3: an sRGB chunk comes before it.
    """
    said = image.info.get("gamma", 0.0)
    known = isinstance(said, float) and _LEAST_GAMMA <= said <= _MOST_GAMMA and "srgb" not in image.info
    return said if known and abs(said - _SRGB_GAMMA) > _SAME_GAMMA else 0.0


def _orientation_of(image: Image.Image) -> int:
    try:
        said = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1
    return said if isinstance(said, int) and 1 <= said <= 8 else 1


def _profile_name(profile: bytes) -> str:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return " ".join(ImageCms.getProfileDescription(opened).split())[:120] or "unnamed"
    except (ImageCms.PyCMSError, OSError):
        return "unreadable profile, taken as sRGB"


def _is_jpeg(header: PhotoHeader) -> bool:
    return header.format in ("JPEG", "MPO")


def _is_plain_jpeg(header: PhotoHeader) -> bool:
    return _is_jpeg(header) and header.mode in ("RGB", "L") and _to_srgb_is_nothing(header)


def _to_srgb_is_nothing(header: PhotoHeader) -> bool:
    return header.profile is None or "srgb" in header.profile_name.lower()


def _decode_with_pillow(content: bytes, header: PhotoHeader) -> NDArray[np.uint8]:
    with _loaded(content, header) as image:
        shrunk = _shrunk(_eight_bit(image))
    return cv2.cvtColor(np.asarray(_in_srgb(shrunk, header)), cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)


def _loaded(content: bytes, header: PhotoHeader) -> Image.Image:
    if _is_jpeg(header) and header.mode in ("RGB", "L"):
        pixels = decode_whole_jpeg(content, _reduced_size_px(header), "RGB" if header.mode == "RGB" else "GRAY")
        if pixels is not None:
            return Image.fromarray(pixels.squeeze())
    if _is_jpeg(header) and header.mode == "CMYK":
        decode_whole_jpeg(content, (1, 1), "CMYK")  # only to learn that it is whole; Pillow knows its colours
    with _opened(content) as image:
        if _is_jpeg(header):
            image.draft(image.mode, _reduced_size_px(header))
        image.load()
        return image


def _shrunk(image: Image.Image) -> Image.Image:
    """Scale a picture far above working size down before its colours are converted, which costs more."""
    by = int(1 / _working_scale(image.width, image.height))
    return image.reduce(by) if by > 1 and image.mode not in _PALETTES else image


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        values = np.asarray(image, dtype=np.float32)
        top = float(values.max(initial=0.0))
        full_scale = 65535.0 if image.mode != "F" and top > 255 else (255.0 if top > 1 else 1.0)
        return Image.fromarray(np.clip(values * (255.0 / full_scale) + 0.5, 0, 255).astype(np.uint8))
    if image.mode in _PALETTES:
        return image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    return image


def _in_srgb(image: Image.Image, header: PhotoHeader) -> Image.Image:
    flat = _on_white(image)
    if header.gamma:
        light = (np.arange(256) / 255) ** (1 / header.gamma)
        values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return flat.convert("RGB").point(np.round(values * 255).astype(int).tolist() * 3)
    if _to_srgb_is_nothing(header) and flat.mode != "LAB":
        return flat.convert("RGB")
    srgb, profile = ImageCms.createProfile("sRGB"), header.profile
    try:
        source = ImageCms.createProfile("LAB") if profile is None else ImageCms.getOpenProfile(io.BytesIO(profile))
        # A press profile's tables hold a rendering made for pictures; a display's matrix only knows the exact one.
        intent = ImageCms.Intent.PERCEPTUAL if flat.mode == "CMYK" else ImageCms.Intent.RELATIVE_COLORIMETRIC
        transform = ImageCms.buildTransform(
            source, srgb, flat.mode, "RGB", intent, ImageCms.Flags.BLACKPOINTCOMPENSATION
        )
        converted = ImageCms.applyTransform(flat, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):  # the profile does not fit the pixels: viewers ignore it too
        return flat.convert("RGB")
    return flat.convert("RGB") if converted is None else converted


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "La", "RGBa") or (image.mode in ("L", "RGB") and "transparency" in image.info):
        image = image.convert("RGBA")
    if image.mode != "RGBA":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def _working_scale(width: int, height: int) -> float:
    long, short = max(width, height), min(width, height)
    wanted = max(WORKING_LONG_SIDE_PX / long, WORKING_SHORT_SIDE_PX / short)
    return min(1.0, wanted, math.sqrt(WORKING_MOST_PIXELS / (width * height)), 4 * WORKING_LONG_SIDE_PX / long)


def _at_working_size(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = _working_scale(width, height)
    if scale >= 1.0:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_CUBIC  # averaging softens where it hardly shrinks
    return cv2.resize(pixels, size, interpolation=way).astype(np.uint8, copy=False)


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation; 5 to 8 swap the sides.

    Source:
        EXIF 3.0, tag 0x0112: where row 0 and column 0 of the stored picture belong.
    """
    turned = cv2.transpose(pixels) if orientation >= 5 else pixels
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return (turned if flip is None else cv2.flip(turned, flip)).astype(np.uint8, copy=False)


def _kind(content: bytes) -> str:
    if content[:4] == b"%PDF":
        return "it is a PDF"
    if content[4:8] == b"ftyp":
        return "it is a film or a damaged HEIC or AVIF"
    if not any(content[:512]):
        return "it holds only zeros, the transfer broke off"
    if content[:15].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, probably saved instead of the picture"
    return "damaged or of an unknown kind"


def _first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
