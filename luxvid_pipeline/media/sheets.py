# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
"""Pictures about pictures: contact sheets, pairs side by side, strips of frames.

Belongs here: arranging small pictures with a line of text each, for Dagster's UI and the README.
Does not belong here: waveforms (``media/audio.py``), reading a listing's photos (``media/photos.py``).
"""

import base64
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from av.error import FFmpegError
from PIL import Image, ImageDraw, ImageFont, ImageOps

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.video_files import frame_at, open_without_decoding

_PAPER, _INK, _FAINT, _ALARM = (250, 249, 246), (33, 37, 41), (120, 124, 130), (176, 42, 55)
_GAP_PX = 8
_FONT_PX = 13

MARKDOWN_WIDTH_PX = 960
"""What Dagster's UI shows of a picture in Markdown: its window is 1,024 pixels wide and cuts off the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One cell of a sheet.

    Attributes:
        picture: A file or an image; None draws an empty frame.
        text: What stands under it, wrapped to two lines.
        crossed: Draw it faint and struck through, with the text in red: a refused photo.
    """

    picture: Path | Image.Image | None
    text: str = ""
    crossed: bool = False


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 6, tile_px: tuple[int, int] = (192, 128)) -> Image.Image:
    """Return all tiles in rows, each fitted into ``tile_px`` without cropping."""
    columns = max(1, min(columns, len(tiles)))
    rows = max(1, -(-len(tiles) // columns))
    width, height = tile_px
    line_px = _FONT_PX + 3
    cell = (width + _GAP_PX, height + 2 * line_px + _GAP_PX)
    sheet = Image.new("RGB", (columns * cell[0] + _GAP_PX, rows * cell[1] + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left = _GAP_PX + number % columns * cell[0]
        top = _GAP_PX + number // columns * cell[1]
        picture = _open(tile.picture, tile_px)
        if picture is None:
            draw.rectangle((left, top, left + width - 1, top + height - 1), outline=_FAINT)
        else:
            if tile.crossed:
                picture = Image.blend(picture, Image.new("RGB", picture.size, _PAPER), 0.55)
            x, y = left + (width - picture.width) // 2, top + (height - picture.height) // 2
            sheet.paste(picture, (x, y))
            if tile.crossed:
                draw.line((x, y, x + picture.width, y + picture.height), fill=_ALARM, width=2)
        colour = _ALARM if tile.crossed else _INK
        lines = textwrap.wrap(tile.text, width=max(8, int(width / (_FONT_PX * 0.52))), max_lines=2, placeholder="…")
        for row, line in enumerate(lines):
            draw.text((left, top + height + 2 + row * line_px), line, fill=colour, font=_font())
    return sheet


def frames_of(clip: Path, count: int, *, width_px: int = 320, exact: bool = True) -> list[Image.Image]:
    """Return ``count`` frames at equal distances, the first and the last frame included, scaled to ``width_px``.

    Args:
        clip: Any video file of a constant rate.
        count: How many.
        width_px: Width of the pictures.
        exact: Whether frames between the first and the last lie exactly there, or at the nearest key frame, which
            takes half the work.

    Raises:
        MediaError: The file cannot be decoded.
    """
    try:
        with open_without_decoding(clip) as container:
            stream = container.streams.video[0]
            height_px = round(width_px * stream.height / stream.width / 2) * 2
            last = stream.frames - 1
            numbers = [round(index * last / max(1, count - 1)) for index in range(count)]
            if not exact:
                keys = [number for number, entry in enumerate(stream.index_entries) if entry.is_keyframe]
                numbers[1:-1] = [_nearest(keys, number) for number in numbers[1:-1]]
            pictures: list[Image.Image] = []
            for number in numbers:
                frame = frame_at(container, stream, number)
                pictures.append(frame.reformat(width=width_px, height=height_px, format="rgb24").to_image())
            return pictures
    except (FFmpegError, IndexError, StopIteration, ValueError) as error:
        raise MediaError(f"{clip}: no frames can be read from it: {error}") from error


def _nearest(keys: Sequence[int], number: int) -> int:
    return min(keys, key=lambda key: abs(key - number), default=number)


def strip(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return pictures of one height side by side."""
    gap = 4
    height = max(picture.height for picture in pictures)
    sheet = Image.new("RGB", (sum(picture.width + gap for picture in pictures) - gap, height), _PAPER)
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + gap
    return sheet


def as_markdown(picture: Image.Image | bytes, alt: str, *, quality: int = 72) -> str:
    """Return a picture as Markdown with the data inside, as Dagster's UI shows it; JPEG unless a PNG's bytes are given.

    What is wider than ``MARKDOWN_WIDTH_PX`` is made smaller.
    """
    kind = "jpeg" if isinstance(picture, Image.Image) else "png"
    opened = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
    if opened.width > MARKDOWN_WIDTH_PX:
        height_px = max(1, round(opened.height * MARKDOWN_WIDTH_PX / opened.width))
        picture = opened = opened.convert("RGB").resize((MARKDOWN_WIDTH_PX, height_px), Image.Resampling.LANCZOS)
    if isinstance(picture, Image.Image):
        buffer = io.BytesIO()
        opened.save(buffer, kind, quality=quality, optimize=True)
        data = buffer.getvalue()
    else:
        data = picture
    return f"![{alt}](data:image/{kind};base64,{base64.b64encode(data).decode()})"


def _open(picture: Path | Image.Image | None, within: tuple[int, int]) -> Image.Image | None:
    if picture is None:
        return None
    if isinstance(picture, Image.Image):
        return ImageOps.contain(picture.convert("RGB"), within)
    try:
        return _shrunk(picture, picture.stat().st_mtime_ns, within)
    except OSError:
        return None


@lru_cache(maxsize=128)  # two sheets of a listing show the same photos: 55 kB each instead of a decode
def _shrunk(picture: Path, _changed_ns: int, within: tuple[int, int]) -> Image.Image | None:
    try:
        with Image.open(picture) as opened:
            opened.draft("RGB", (within[0] * 2, within[1] * 2))
            upright = ImageOps.exif_transpose(opened)
            return ImageOps.contain(upright.convert("RGB"), within, method=Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # A refused photo may be one that nobody can open; its tile stays an empty frame.


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_PX)
