"""Bar charts for people who look at a report in Dagster's UI.

Belongs here: drawing bars with labels and a legend.
Does not belong here: what is charted (``assets/accounts.py``), waveforms (``audio.py``), sheets (``sheets.py``).
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _FAINT, _RULE = (250, 249, 246), (33, 37, 41), (98, 103, 110), (224, 222, 215)
# Told apart also by people who see few colours: they differ in lightness, and neighbours in hue.
_COLOURS = ((38, 70, 120), (224, 142, 55), (178, 58, 72), (72, 145, 130), (150, 130, 190), (120, 120, 115))
_WIDTH_PX, _ROW_PX, _BAR_PX, _MARGIN_PX, _FONT_PX = 960, 34, 20, 24, 15
_SCALE = 2
_MOST_ROWS = 24

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a chart.

    Attributes:
        label: What stands left of it.
        parts: Its parts by the names of the legend, 0 or more each; they are drawn one after the other.
        text: What stands right of it: its figures in words.
    """

    label: str
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    text: str = ""


def bar_chart(title: str, bars: Sequence[Bar], *, nothing: str = "nothing to show") -> bytes:
    """Return a chart of horizontal bars as PNG, the legend under its title.

    Args:
        title: What is charted, and in which unit.
        bars: From top to bottom. Beyond 24 the rest is counted in a last line, so put the greatest first.
        nothing: What is written where there are no bars.
    """
    shown = bars[:_MOST_ROWS]
    names = list(dict.fromkeys(name for bar in shown for name in bar.parts))
    colours = dict(zip(names, cycle(_COLOURS)))
    font, bold = _font(_FONT_PX), _font(_FONT_PX + 4)
    rows = max(1, len(shown)) + (len(bars) > len(shown))
    top = _MARGIN_PX + 34 + (30 if names else 0)
    size = (_WIDTH_PX * _SCALE, (top + rows * _ROW_PX + _MARGIN_PX) * _SCALE)
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text(_at(_MARGIN_PX, _MARGIN_PX - 6), title, fill=_INK, font=bold)
    left = _MARGIN_PX
    for name in names:
        draw.rectangle((*_at(left, _MARGIN_PX + 34), *_at(left + 14, _MARGIN_PX + 48)), fill=colours[name])
        draw.text(_at(left + 20, _MARGIN_PX + 32), name, fill=_FAINT, font=font)
        left += round(20 + font.getlength(name) / _SCALE + 24)
    if not shown:
        draw.text(_at(_MARGIN_PX, top), nothing, fill=_FAINT, font=font)
    _draw_bars(draw, shown, top, colours)
    if len(bars) > len(shown):
        told = f"and {len(bars) - len(shown)} more"
        draw.text(_at(_MARGIN_PX, top + len(shown) * _ROW_PX), told, fill=_FAINT, font=font)
    out = io.BytesIO()
    smooth = picture.resize((size[0] // _SCALE, size[1] // _SCALE), Image.Resampling.LANCZOS)
    smooth.quantize(128).save(out, "PNG", optimize=True)
    return out.getvalue()


def _draw_bars(
    draw: ImageDraw.ImageDraw, bars: Sequence[Bar], top: int, colours: Mapping[str, tuple[int, int, int]]
) -> None:
    font = _font(_FONT_PX)
    most = max((sum(bar.parts.values()) for bar in bars), default=0.0)
    label_px = min(_WIDTH_PX // 3, _widest([bar.label for bar in bars], font))
    text_px = min(_WIDTH_PX // 3, _widest([bar.text for bar in bars], font))
    begin = _MARGIN_PX + label_px + 14
    room = _WIDTH_PX - begin - text_px - 12 - _MARGIN_PX
    for number, bar in enumerate(bars):
        y = top + number * _ROW_PX
        middle = y + _BAR_PX / 2
        draw.text(_at(_MARGIN_PX, middle), _fitted(bar.label, label_px, font), fill=_INK, font=font, anchor="lm")
        draw.line((*_at(begin, y - 4), *_at(begin, y + _BAR_PX + 4)), fill=_RULE, width=_SCALE)
        x = float(begin)
        for name, value in bar.parts.items():
            wide = room * value / most if most > 0 else 0.0
            if wide > 0:
                # Never thinner than a pixel: what was spent is seen.
                end = x + max(1.0, wide)
                draw.rectangle((*_at(x, y), *_at(end, y + _BAR_PX)), fill=colours[name])
                x = end
        draw.text(_at(x + 10, middle), _fitted(bar.text, text_px, font), fill=_FAINT, font=font, anchor="lm")


def _at(x: float, y: float) -> tuple[int, int]:
    return round(x * _SCALE), round(y * _SCALE)


def _widest(texts: Sequence[str], font: _Font) -> int:
    return max((round(font.getlength(text) / _SCALE) + 1 for text in texts), default=0)


def _fitted(text: str, width_px: int, font: _Font) -> str:
    """Return a text shortened in its middle until it fits: ends of names tell models apart."""
    kept = len(text)
    fitted = text
    while kept > 2 and font.getlength(fitted) / _SCALE > width_px:
        kept -= 1
        fitted = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return fitted


def _font(size_px: int) -> _Font:
    return ImageFont.load_default(size_px * _SCALE)
