# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false
# uharfbuzz is compiled and has no stubs.
"""Text in any script, set with fonts that come with the project or with packages it needs, never the machine's.

Belongs here: which font draws which character, shaping, both directions, tracking, one line of text as pixels.
Does not belong here: what is written where (``media/brand_graphics.py``), fitting text (``domain/brand.py``).

Pillow shapes Arabic and Hebrew only where the system has FriBiDi: its wheels carry Raqm but not that. HarfBuzz comes
whole in its wheel and draws outlines itself, so every machine sets the same pixels.
"""

import importlib.util
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from luxvid_pipeline.domain.brand import clusters, one_line
from luxvid_pipeline.media import bidi

FONTS = Path(__file__).parent / "fonts"
"""The fonts the project ships; each has its licence (SIL OFL 1.1) beside it."""


class Family(StrEnum):
    """The two voices of a card."""

    SERIF = "serif"
    SANS = "sans"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeStyle:
    """How text is set.

    Attributes:
        family: Serif for names, sans for the rest.
        weight: 300 light to 700 bold; fonts of one weight ignore it.
        tracking_em: Added between letters, in em, in scripts whose letters stand apart.
        capitals: Set in capitals, in scripts that have them.
    """

    family: Family = Family.SANS
    weight: int = 400
    tracking_em: float = 0.0
    capitals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of text as pixels.

    Attributes:
        mask: (rows, columns), 0 to 255: how much of each pixel is covered.
        left_px: Where the mask's first column lies, from the point the line starts at; may be negative.
        top_px: Where its first row lies, from the baseline; negative is above.
        advance_px: How far the line reaches.
    """

    mask: NDArray[np.uint8]
    left_px: int
    top_px: int
    advance_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Legible:
    """What of a text the fonts can draw.

    Attributes:
        text: What is drawn: the text, without symbols that no font has; empty where a letter is missing, because a
            name without one of its letters is another name.
        missing: Characters that no font has.
    """

    text: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Font:
    """A font file, and how it is set to look as large and as dark as the family's first."""

    path: Path
    index: int = 0
    scale: float = 1.0
    lighter: int = 0


@dataclass(frozen=True, slots=True)
class _Glyph:
    font: _Font
    weight: int
    number: int
    x_em: float
    y_em: float


_IGNORED = frozenset((0x200B, 0x200C, 0x200D, 0x2060, 0xFE0E, 0xFE0F, *range(0xE0020, 0xE0080)))
_FIRST_PICTOGRAPH = 0x1F000
_ALPHA = 0x3B1
_EMOJI = "NotoEmoji[wght].ttf"
_CJK = "NotoSansCJK-VF.otf.ttc"
_CJK_FACES = {"ja": 0, "ko": 1, "zh": 2}
_TRACKED = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HEBREW")


def legible(text: str) -> Legible:
    """Return what of a text can be drawn without an empty box in it."""
    kept: list[str] = []
    missing: list[str] = []
    for cluster in clusters(unicodedata.normalize("NFC", _without_direction_marks(one_line(text)))):
        if _font_for(cluster, Family.SANS, "zh") is not None:
            kept.append(cluster)
        else:
            missing.append(cluster)
    if any(unicodedata.category(cluster[0])[0] in "LN" for cluster in missing):
        return Legible(text="", missing=tuple(dict.fromkeys(missing)))
    return Legible(text=" ".join("".join(kept).split()), missing=tuple(dict.fromkeys(missing)))


def advance_em(text: str, style: TypeStyle) -> float:
    """Return how wide a line of text is, in em; 1 em is the size it is set in."""
    return _shape(text, style)[1]


def draw_line(text: str, style: TypeStyle, size_px: float) -> Line:
    """Return one line of text as pixels.

    Args:
        text: Legible text (see :func:`legible`); what no font has is left out.
        style: How it is set.
        size_px: Its em in pixels.
    """
    glyphs, width_em = _shape(text, style)
    pen = hb.RasterDraw()
    drawn = False
    for glyph in glyphs:
        face, font = _instance(glyph.font, glyph.weight)
        scale = size_px * glyph.font.scale / face.upem
        pen.transform = (scale, 0.0, 0.0, scale, glyph.x_em * size_px, glyph.y_em * size_px)
        drawn = pen.draw_glyph_or_fail(font, glyph.number) or drawn
    picture = pen.render() if drawn else None
    if picture is None or not picture.extents.width or not picture.extents.height:
        empty = np.zeros((1, 1), dtype=np.uint8)
        return Line(mask=empty, left_px=0, top_px=0, advance_px=width_em * size_px)
    box = picture.extents
    rows = np.frombuffer(picture.buffer, dtype=np.uint8).reshape(box.height, box.stride)
    return Line(
        mask=np.ascontiguousarray(rows[::-1, : box.width]),
        left_px=box.x_origin,
        top_px=-(box.y_origin + box.height),
        advance_px=width_em * size_px,
    )


@lru_cache(maxsize=4096)
def _shape(text: str, style: TypeStyle) -> tuple[tuple[_Glyph, ...], float]:
    """Return the glyphs of a line in the order they are seen, and the line's width, both in em."""
    if style.capitals:
        text = _capitals(text)
    language = _han_language(text)
    glyphs: list[_Glyph] = []
    pen_em = 0.0
    last_gap = 0.0
    for run in bidi.runs(text):
        pieces = list(_pieces(text[run.start : run.end], style.family, language))
        for font, piece in pieces if run.rightwards else reversed(pieces):
            gap = style.tracking_em if _is_tracked(piece) else 0.0
            pen_em = _shape_piece(piece, font, style.weight, run.rightwards, gap, pen_em, glyphs)
            last_gap = gap
    return tuple(glyphs), max(0.0, pen_em - last_gap)


def _shape_piece(
    piece: str, font: _Font, weight: int, rightwards: bool, gap_em: float, pen_em: float, glyphs: list[_Glyph]
) -> float:
    """Append the glyphs of text in one font and direction; return where the next one starts, in em."""
    face, instance = _instance(font, weight)
    buffer = hb.Buffer()
    buffer.add_str(piece)
    buffer.guess_segment_properties()
    buffer.direction = "ltr" if rightwards else "rtl"
    buffer.language = "en"  # HarfBuzz would take the process's locale, and with it another machine's letter forms.
    hb.shape(instance, buffer, {"lnum": True, **({"liga": False, "clig": False} if gap_em else {})})
    em = font.scale / face.upem
    infos, positions = buffer.glyph_infos, buffer.glyph_positions or []
    for index, (info, place) in enumerate(zip(infos, positions, strict=True)):
        x_em, y_em = pen_em + place.x_offset * em, place.y_offset * em
        glyphs.append(_Glyph(font, weight, info.codepoint, x_em, y_em))
        pen_em += place.x_advance * em
        if gap_em and (index + 1 == len(infos) or infos[index + 1].cluster != info.cluster):
            pen_em += gap_em
    return pen_em


def _pieces(text: str, family: Family, language: str) -> Iterator[tuple[_Font, str]]:
    """Return text cut where the font changes; what no font has is left out."""
    chosen: list[tuple[_Font, str]] = []
    for cluster in clusters(text):
        before = chosen[-1][0] if chosen else None
        if before is not None and not cluster.strip() and before.path.name != _EMOJI and _covers(before, cluster):
            chosen.append((before, cluster))
        elif (font := _font_for(cluster, family, language)) is not None:
            chosen.append((font, cluster))
    for font, group in groupby(chosen, key=lambda item: item[0]):
        yield font, "".join(cluster for _, cluster in group)


@lru_cache(maxsize=4096)
def _font_for(cluster: str, family: Family, language: str) -> _Font | None:
    chain = _chain(family, language)
    if "\ufe0f" in cluster or ord(cluster[0]) >= _FIRST_PICTOGRAPH:
        chain = (*(font for font in chain if font.path.name == _EMOJI), *chain)
    return next((font for font in chain if _covers(font, cluster)), None)


def _covers(font: _Font, cluster: str) -> bool:
    known = _characters(font.path, font.index)
    if _ALPHA not in known and any(unicodedata.name(char, "").startswith("GREEK") for char in cluster):
        return False  # Text fonts carry a few Greek letters for formulas; a word is set in one font.
    return all(ord(char) in known or ord(char) in _IGNORED for char in cluster)


@cache
def _chain(family: Family, language: str) -> tuple[_Font, ...]:
    """Return the fonts of a family in the order they are tried; the first draws Latin and Cyrillic."""
    noto = _package("manimgx_fonts")
    cjk = _package("manimgx_fonts_cjk")
    size, lighter = (0.86, 150) if family is Family.SERIF else (1.0, 0)
    fonts: list[_Font] = []
    if family is Family.SERIF:
        fonts += [
            _Font(FONTS / "CormorantGaramond.ttf"),
            _Font(FONTS / "EBGaramond.ttf", scale=0.97, lighter=100),
            _Font(FONTS / "FrankRuhlLibre.ttf", scale=0.95, lighter=150),
            _Font(FONTS / "Amiri.ttf", scale=0.95),
        ]
    else:
        fonts.append(_Font(FONTS / "Jost.ttf"))
    if noto is not None:
        rest = sorted(noto.glob("NotoSans*.ttf"), key=lambda path: (path.name != "NotoSans[wght].ttf", path.name))
        symbols = [path for path in rest if "Symbols" in path.name]
        letters = [path for path in rest if path not in symbols and "Italic" not in path.name]
        fonts += [_Font(path, scale=size, lighter=lighter) for path in letters]
        fonts += [_Font(noto / _EMOJI, scale=0.8 * size)]
        fonts += [_Font(path, scale=size) for path in symbols]
    if family is Family.SANS:
        fonts += [
            _Font(FONTS / "EBGaramond.ttf"),
            _Font(FONTS / "FrankRuhlLibre.ttf"),
            _Font(FONTS / "Amiri.ttf"),
        ]
    if cjk is not None:
        fonts.append(_Font(cjk / _CJK, index=_CJK_FACES[language], scale=0.94 * size, lighter=lighter))
    return tuple(font for font in fonts if font.path.is_file())


def _package(name: str) -> Path | None:
    """Return the folder of a package that carries fonts, without importing it; None where it is not installed."""
    found = importlib.util.find_spec(name)
    places = list(found.submodule_search_locations or ()) if found else []
    return Path(places[0]) if places else None


@cache
def _face(path: Path, index: int) -> Any:
    return hb.Face(hb.Blob.from_file_path(str(path)), index)


@cache
def _characters(path: Path, index: int) -> frozenset[int]:
    return frozenset(_face(path, index).unicodes)


@cache
def _instance(font: _Font, weight: int) -> tuple[Any, Any]:
    face = _face(font.path, font.index)
    instance = hb.Font(face)
    instance.set_variations({"wght": float(weight - font.lighter)})
    return face, instance


def _capitals(text: str) -> str:
    """Return text in capitals; Greek ones lose their accents, as Greek sets them."""
    capitals = "".join(
        char if not unicodedata.name(char, "").startswith("GREEK") else unicodedata.normalize("NFD", char)[0]
        for char in text.upper()
    )
    return unicodedata.normalize("NFC", capitals)


def _is_tracked(piece: str) -> bool:
    letters = [char for char in piece if char.isalpha()]
    return all(unicodedata.name(char, "").startswith(_TRACKED) for char in letters)


def _han_language(text: str) -> str:
    """Return whose forms Chinese characters take: Japanese beside kana, Korean beside Hangul, else Chinese."""
    names = [unicodedata.name(char, "") for char in text]
    if any(name.startswith(("HIRAGANA", "KATAKANA")) for name in names):
        return "ja"
    return "ko" if any(name.startswith("HANGUL") for name in names) else "zh"


def _without_direction_marks(text: str) -> str:
    marks: Sequence[str] = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return "".join(char for char in text if unicodedata.bidirectional(char) not in marks and char not in "\u200e\u200f")
