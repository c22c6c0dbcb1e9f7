"""What a branded film shows beside the property: the agent's card, captions, the logo, marks.

Belongs here: laying out and drawing these graphics as pixels, over nothing; and saying what could not be drawn.
Does not belong here: rules about colours and text (``domain/brand.py``), fonts (``media/fonts.py``), reading logos
(``media/logos.py``), laying a graphic over a film (``media/packaging.py``).

Every function returns ``(rows, columns, 4)`` bytes, red, green, blue and alpha, not premultiplied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from luxvid_pipeline.domain.brand import (
    CHARCOAL,
    IVORY,
    LARGE_TEXT_CONTRAST,
    CardText,
    FittedText,
    Palette,
    Rgb,
    SafeZone,
    contrast,
    fit,
    palette,
    safe_zone,
)
from luxvid_pipeline.media import bidi
from luxvid_pipeline.media.fonts import Family, TypeStyle, advance_em, draw_line, legible
from luxvid_pipeline.media.logos import Logo

Rgba = NDArray[np.uint8]

Corner = Literal["top left", "top right", "bottom left", "bottom right"]

_NAME = TypeStyle(family=Family.SERIF, weight=500)
_TITLE = TypeStyle(family=Family.SERIF, weight=400)
_CAPS = TypeStyle(family=Family.SANS, weight=400, tracking_em=0.2, capitals=True)
_WORDMARK = TypeStyle(family=Family.SERIF, weight=500, tracking_em=0.22, capitals=True)
_PLAIN = TypeStyle(family=Family.SANS, weight=400, tracking_em=0.03)
_CAPTION = TypeStyle(family=Family.SANS, weight=500, tracking_em=0.22, capitals=True)
_MARK_UNITS = 24.0
"""How wide a logo in a corner may be, in hundredths of the short side."""

_NOTHING = FittedText(lines=(), size=1.0)
_RISE_EM, _FALL_EM = 0.86, 0.3
_WHOLE_OR_NOT_AT_ALL = frozenset(("agent.phone", "agent.email", "agent.licence"))
"""A number or an address without its end is another one."""

_MARK = TypeStyle(family=Family.SANS, weight=500, tracking_em=0.3, capitals=True)


# --- The agent's card -----------------------------------------------------------------------------------------------


def agent_card(
    card: CardText, size_px: tuple[int, int], colours: Sequence[str] = (), *, logo: Logo | None = None
) -> Rgba:
    """Return the opaque card at the end of a branded film: who sells the property, and what it is called.

    A wide card has the property on the left and the agent on the right of a hairline; an upright or square one has
    them below each other. Fields that are not set leave no gap, long ones are wrapped, set smaller and at last
    shortened with an ellipsis. On an upright card all text keeps out of what platforms cover.

    Args:
        card: What it says.
        size_px: Width and height; 16:9, 9:16, 1:1 and 4:5 are designed for, others work.
        colours: ``brand.colors``.
        logo: Drawn at the top; without one the brokerage's name stands there.
    """
    return _laid_out(card, size_px, colours, logo).rgba


def card_notes(
    card: CardText, size_px: tuple[int, int], colours: Sequence[str] = (), *, logo: Logo | None = None
) -> tuple[str, ...]:
    """Return what of a card could not be drawn as asked for, one sentence each: colours, characters, shortened text."""
    return _laid_out(card, size_px, colours, logo).notes


@dataclass(frozen=True, slots=True)
class _Card:
    rgba: Rgba
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """One paragraph of a column: text of one style, or a rule, or the logo; with the space above it.

    ``over_px`` is how much higher its letters stand than Latin ones.
    """

    height_px: float
    above_px: float
    text: FittedText = _NOTHING
    style: TypeStyle = _PLAIN
    colour: Rgb = IVORY
    leading: float = 1.25
    over_px: float = 0.0
    rule_px: float = 0.0
    logo: Logo | None = None


@dataclass(slots=True)
class _Column:
    """A column being filled from top to bottom.

    Attributes:
        width_px: What text is set into.
        unit_px: A hundredth of the card's size, by which all sizes are given.
    """

    width_px: float
    unit_px: float
    blocks: list[_Block] = field(default_factory=list[_Block])
    notes: list[str] = field(default_factory=list[str])

    def text(
        self, what: str, text: str, style: TypeStyle, colour: Rgb, sizes: tuple[float, float], above: float, lines: int
    ) -> None:
        """Add a paragraph: its largest and smallest size and the space above it in units."""
        readable = legible(text)
        if readable.missing:
            left_out = "the line was" if not readable.text else "these were"
            self.notes.append(f"{what}: no font has {' '.join(readable.missing)!r}; {left_out} left out")
        if not readable.text:
            return
        largest, smallest = sizes
        steps = [(largest - (largest - smallest) * step / 8) * self.unit_px for step in range(9)]
        fitted = fit(
            readable.text, lambda line: advance_em(line, style), width=self.width_px, sizes=steps, most_lines=lines
        )
        if fitted.shortened and what in _WHOLE_OR_NOT_AT_ALL:
            self.notes.append(f"{what}: {len(text)} characters do not fit; the line was left out")
            return
        if fitted.shortened:
            self.notes.append(f"{what}: {len(text)} characters do not fit; shortened to {' '.join(fitted.lines)!r}")
        leading = 1.12 if style.family is Family.SERIF else 1.4
        drawn = [draw_line(line, style, fitted.size) for line in fitted.lines]
        rises = [-line.top_px for line in drawn]
        falls = [line.top_px + line.mask.shape[0] for line in drawn]
        # Latin letters keep to these bounds; other scripts stand higher and hang lower, and get the room they take.
        over = max(0.0, rises[0] - _RISE_EM * fitted.size)
        under = max(0.0, falls[-1] - _FALL_EM * fitted.size)
        apart = [1.05 * (fall + rise) / fitted.size for fall, rise in zip(falls, rises[1:], strict=False)]
        leading = max(leading, *apart, 0.0)
        height = fitted.size * (0.72 + leading * (len(fitted.lines) - 1)) + over + under
        self.blocks.append(_Block(height, above * self.unit_px, fitted, style, colour, leading, over))

    def rule(self, colour: Rgb, width: float, above: float) -> None:
        """Add a thin line."""
        if self.blocks:
            thick = max(2.0, round(self.unit_px * 0.16))
            self.blocks.append(_Block(thick, above * self.unit_px, colour=colour, rule_px=width * self.unit_px))

    def mark(self, logo: Logo, height: float, width: float) -> None:
        """Add the logo, as large as fits."""
        tall = min(height * self.unit_px, min(width * self.unit_px, self.width_px) / logo.aspect)
        self.blocks.append(_Block(tall, 0.0, logo=logo))

    @property
    def height_px(self) -> float:
        """How high the blocks stand together, without the space above the first."""
        return sum(block.height_px + block.above_px for block in self.blocks) - (
            self.blocks[0].above_px if self.blocks else 0.0
        )


def _laid_out(card: CardText, size_px: tuple[int, int], colours: Sequence[str], logo: Logo | None) -> _Card:
    width, height = size_px
    notes: list[str] = list(logo.notes) if logo else []
    paint = _palette(colours, logo)
    notes += paint.notes
    if logo is not None:
        logo = _seen_on(logo, paint)
    rgba = np.empty((height, width, 4), dtype=np.uint8)
    rgba[:] = (*paint.background, 255)
    if not card.lines() and logo is None:
        return _Card(rgba, tuple(notes))
    unit = min(width, height) / 100
    if width / height > 1.3 and card.names_somebody and (card.title or card.address or logo):
        notes += _wide(rgba, card, paint, logo, unit)
    else:
        notes += _stacked(rgba, card, paint, logo, unit)
    return _Card(rgba, tuple(dict.fromkeys(notes)))


def _wide(rgba: Rgba, card: CardText, paint: Palette, logo: Logo | None, unit: float) -> list[str]:
    height, width = rgba.shape[:2]
    column_px = width * 0.36
    left, right = _Column(column_px, unit), _Column(column_px, unit)
    brokerage_on_right = bool(logo) or bool(card.title or card.address)
    if logo is not None:
        left.mark(logo, *((26.0, 56.0) if not card.title else (19.0, 44.0)))
    left.text("title", card.title, _TITLE, paint.ink, (10.5, 5.6), 10.0, 2)
    left.text("address", card.address, _CAPS, paint.quiet, (3.3, 2.8), 4.6, 3)
    right.text("agent.name", card.agent, _NAME, paint.ink, (8.2, 4.4), 0.0, 3)
    if brokerage_on_right:
        right.text("agent.brokerage", card.brokerage, _CAPS, paint.accent_text, (3.3, 2.8), 4.0, 3)
    right.rule(paint.accent, 9.0, 5.2)
    above = 5.4
    for what, text in (("agent.phone", card.phone), ("agent.email", card.email)):
        right.text(what, text, _PLAIN, paint.ink, (4.2, 3.0), above, 2)
        above = 3.5 if text else above
    right.text("agent.licence", card.licence, _CAPS, paint.quiet, (2.8, 2.6), 4.4, 2)
    _tidy(right)
    middle = width / 2
    gap = width * 0.055
    _draw_column(rgba, left, paint, centre_px=middle - gap - column_px / 2, middle_px=height / 2)
    _draw_column(rgba, right, paint, centre_px=middle + gap + column_px / 2, middle_px=height / 2)
    _fill(rgba, paint.accent, middle - max(1, unit * 0.08), height * 0.27, middle + max(1, unit * 0.08), height * 0.73)
    return left.notes + right.notes


def _stacked(rgba: Rgba, card: CardText, paint: Palette, logo: Logo | None, unit: float) -> list[str]:
    height, width = rgba.shape[:2]
    top, right, bottom, left = safe_zone((width, height))
    across = min(width - 2 * max(left, right), width * 0.8)
    tall = height / width
    roomy = tall > 1.5
    spread = 1.35 if roomy else 0.86 if tall < 1.1 else 1.0
    column = _Column(across, unit)
    if logo is not None:
        column.mark(logo, *((20.0, 48.0) if roomy else (13.0, 36.0)))
    column.text("title", card.title, _TITLE, paint.ink, (10.0 if roomy else 9.2, 5.6), 8.4 * spread, 2)
    column.text("address", card.address, _CAPS, paint.quiet, (3.3 if roomy else 3.0, 2.8), 4.4 * spread, 3)
    if card.names_somebody:
        column.rule(paint.accent, 12.0, 6.2 * spread)
    column.text("agent.name", card.agent, _NAME, paint.ink, (8.0 if roomy else 7.0, 4.4), 6.6 * spread, 3)
    column.text(
        "agent.brokerage", card.brokerage, _CAPS, paint.accent_text, (3.3 if roomy else 3.0, 2.8), 3.8 * spread, 3
    )
    above = 6.2
    for what, text in (("agent.phone", card.phone), ("agent.email", card.email)):
        column.text(what, text, _PLAIN, paint.ink, (4.4 if roomy else 4.0, 3.0), above * spread, 2)
        above = 3.1 if text else above
    column.text("agent.licence", card.licence, _CAPS, paint.quiet, (2.9, 2.7), 4.0 * spread, 2)
    _tidy(column)
    room = height - top - bottom
    if column.height_px > room:
        column.blocks = [_squeezed(block, room / column.height_px) for block in column.blocks]
    middle = top + room / 2 if roomy else height / 2
    _draw_column(rgba, column, paint, centre_px=width / 2, middle_px=middle)
    return column.notes


def _tidy(column: _Column) -> None:
    """Take away a rule that nothing follows."""
    while column.blocks and column.blocks[-1].rule_px:
        column.blocks.pop()


def _squeezed(block: _Block, factor: float) -> _Block:
    text = replace(block.text, size=block.text.size * factor)
    return replace(
        block,
        height_px=block.height_px * factor,
        above_px=block.above_px * factor,
        over_px=block.over_px * factor,
        text=text,
    )


def _draw_column(rgba: Rgba, column: _Column, paint: Palette, *, centre_px: float, middle_px: float) -> None:
    """Draw the blocks centred on a vertical axis, their whole height centred on ``middle_px``."""
    y = middle_px - column.height_px / 2
    for number, block in enumerate(column.blocks):
        y += block.above_px if number else 0.0
        if block.logo is not None:
            mark = _resized(block.logo.rgba, block.height_px)
            _over(rgba, mark, round(centre_px - mark.shape[1] / 2), round(y))
        elif block.rule_px:
            half = block.rule_px / 2
            _fill(rgba, block.colour, centre_px - half, y, centre_px + half, y + block.height_px)
        for row, line in enumerate(block.text.lines):
            baseline = y + block.over_px + block.text.size * (0.70 + row * block.leading)
            start = centre_px - advance_em(line, block.style) * block.text.size / 2
            _write(rgba, line, block.style, block.text.size, start, baseline, block.colour)
        y += block.height_px


def _palette(colours: Sequence[str], logo: Logo | None) -> Palette:
    """Return the card's colours: those of the brand, unless its logo would not be seen on them."""
    if logo is None:
        return palette(colours)
    if logo.backdrop is not None:
        return palette(colours, background=logo.backdrop)
    wanted = palette(colours)
    if logo.one_colour or contrast(logo.colour, wanted.background) >= LARGE_TEXT_CONTRAST:
        return wanted
    other = max((IVORY, CHARCOAL), key=lambda background: contrast(logo.colour, background))
    changed = palette(colours, background=other)
    return replace(changed, notes=(*changed.notes, "the card's background was chosen for the logo to be seen on it"))


def _seen_on(logo: Logo, paint: Palette) -> Logo:
    """Return a logo of one colour in the card's ink where its own colour would not be seen."""
    if not logo.one_colour or contrast(logo.colour, paint.background) >= LARGE_TEXT_CONTRAST:
        return logo
    return replace(logo, rgba=_in_colour(logo.rgba, paint.ink))


# --- Over the picture -----------------------------------------------------------------------------------------------


def caption(
    text: str,
    size_px: tuple[int, int],
    safe_zone_px: SafeZone | None = None,
    *,
    detail: str = "",
) -> Rgba:
    """Return a room's caption as a lower third, transparent around it.

    Small tracked capitals stand over a shade that fades upwards and a soft shadow of their own, so that they can be
    read over any picture. Text that reads from right to left stands on the right.

    Args:
        text: What is shown, as in "Principal bedroom".
        size_px: Of the whole picture.
        safe_zone_px: What the platform covers (top, right, bottom, left); None for what is usual for the shape.
        detail: A second, quieter line.
    """
    width, height = size_px
    _, right, bottom, left = safe_zone(size_px) if safe_zone_px is None else safe_zone_px
    rgba = np.zeros((height, width, 4), dtype=np.uint8)
    unit = min(width, height) / 100
    room_px = max(1.0, width - left - right)
    first = _fitted_line(text, _CAPTION, (3.5 if width > height else 4.0) * unit, room_px)
    second = _fitted_line(detail, _PLAIN, (3.2 if width > height else 3.6) * unit, room_px)
    if not first.lines and not second.lines:
        return rgba
    baseline = height - max(bottom, round(height * 0.05)) - unit * 1.2
    _shade(rgba, baseline - 16 * unit, baseline + 4 * unit)
    rows: list[tuple[str, TypeStyle, float, float]] = []
    if second.lines:
        rows.append((second.lines[0], _PLAIN, second.size, baseline))
        baseline -= second.size * 1.5
    if first.lines:
        rows.append((first.lines[0], _CAPTION, first.size, baseline))
    for line, style, size, y in rows:
        advance = advance_em(line, style) * size
        start = width - max(right, round(width * 0.05)) - advance if bidi.reads_leftwards(line) else left
        _write_shadowed(rgba, line, style, size, start, y)
    return rgba


def logo_mark(
    logo: Logo, size_px: tuple[int, int], safe_zone_px: SafeZone | None = None, *, corner: Corner = "top right"
) -> Rgba:
    """Return the logo small in a corner of a picture, transparent around it.

    A logo of one colour is drawn in ivory with a soft shadow, one of many colours as it is.

    Args:
        logo: The mark.
        size_px: Of the whole picture.
        safe_zone_px: What the platform covers; None for what is usual for the shape.
        corner: Where it stands.
    """
    width, height = size_px
    top, right, bottom, left = safe_zone(size_px) if safe_zone_px is None else safe_zone_px
    unit = min(width, height) / 100
    tall = min(9.0 * unit, _MARK_UNITS * unit / logo.aspect)
    mark = _resized(_in_colour(logo.rgba, IVORY) if logo.one_colour else logo.rgba, tall)
    rows, columns = mark.shape[:2]
    x = left if corner.endswith("left") else width - right - columns
    y = top if corner.startswith("top") else height - bottom - rows
    rgba = np.zeros((height, width, 4), dtype=np.uint8)
    if logo.backdrop is None:
        # An even ground over a white wall, and a close one for the thin strokes.
        _shadow(rgba, np.full_like(mark[..., 3], 255), x, y, blur_px=unit * 3.2, strength=0.36)
        _shadow(rgba, mark[..., 3], x, y, blur_px=unit * 0.3, strength=0.5)
    _over(rgba, mark, x, y)
    return rgba


def preview_mark(size_px: tuple[int, int], text: str = "Preview") -> Rgba:
    """Return a small word in the top left corner, transparent around it: this is not the film yet.

    Args:
        size_px: Of the whole picture.
        text: The word.
    """
    width, height = size_px
    top, _, _, left = safe_zone(size_px)
    unit = min(width, height) / 100
    size = 2.8 * unit
    readable = legible(text).text
    advance = advance_em(readable, _MARK) * size
    rgba = np.zeros((height, width, 4), dtype=np.uint8)
    pad = size * 0.75
    box = (left, top, left + advance + 2 * pad, top + size * 0.7 + 2 * pad * 0.8)
    _fill(rgba, CHARCOAL, *box, alpha=150)
    _write(rgba, readable, _MARK, size, left + pad, box[3] - pad * 0.8, IVORY)
    return rgba


def disclosure_line(text: str, size_px: tuple[int, int], safe_zone_px: SafeZone | None = None) -> Rgba:
    """Return one small line in the top left corner that says the picture was altered, transparent around it.

    It leaves the foot to captions and the top right corner to a logo.

    Args:
        text: The disclosure, wrapped to up to three lines if it must be.
        size_px: Of the whole picture.
        safe_zone_px: What the platform covers; None for what is usual for the shape.
    """
    width, height = size_px
    top, right, _, left = safe_zone(size_px) if safe_zone_px is None else safe_zone_px
    unit = min(width, height) / 100
    fitted = fit(
        legible(text).text,
        lambda line: advance_em(line, _PLAIN),
        width=width - left - right - _MARK_UNITS * unit * 1.1,
        sizes=[2.9 * unit, 2.7 * unit, 2.5 * unit],
        most_lines=3,
    )
    rgba = np.zeros((height, width, 4), dtype=np.uint8)
    if not fitted.lines:
        return rgba
    leading = fitted.size * 1.35
    foot = top + fitted.size * 0.8 + leading * (len(fitted.lines) - 1)
    _shade(rgba[::-1], height - foot - unit * 10, height - foot + unit * 2)
    for row, line in enumerate(fitted.lines):
        _write_shadowed(rgba, line, _PLAIN, fitted.size, left, top + fitted.size * 0.8 + row * leading)
    return rgba


def _fitted_line(text: str, style: TypeStyle, size_px: float, width_px: float) -> FittedText:
    sizes = [size_px, size_px * 0.9, size_px * 0.8, size_px * 0.72]
    return fit(legible(text).text, lambda line: advance_em(line, style), width=width_px, sizes=sizes, most_lines=1)


# --- Pixels ---------------------------------------------------------------------------------------------------------


def _write(rgba: Rgba, line: str, style: TypeStyle, size_px: float, x: float, baseline: float, colour: Rgb) -> None:
    drawn = draw_line(line, style, size_px)
    text = np.empty((*drawn.mask.shape, 4), dtype=np.uint8)
    text[..., :3] = colour
    text[..., 3] = drawn.mask
    _over(rgba, text, round(x) + drawn.left_px, round(baseline) + drawn.top_px)


def _write_shadowed(rgba: Rgba, line: str, style: TypeStyle, size_px: float, x: float, baseline: float) -> None:
    drawn = draw_line(line, style, size_px)
    left, top = round(x) + drawn.left_px, round(baseline) + drawn.top_px
    _shadow(rgba, drawn.mask, left, top, blur_px=size_px * 0.42, strength=0.75)
    _shadow(rgba, drawn.mask, left, top, blur_px=size_px * 0.12, strength=0.6)
    _write(rgba, line, style, size_px, x, baseline, IVORY)


def _shadow(rgba: Rgba, mask: NDArray[np.uint8], left: int, top: int, *, blur_px: float, strength: float) -> None:
    """Lay a soft dark copy of a mask under what comes next."""
    pad = int(blur_px * 3) + 1
    wide = cv2.copyMakeBorder(mask, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=[0.0])
    soft = cv2.GaussianBlur(wide.astype(np.float32), (0, 0), blur_px)
    strongest = float(soft.max()) or 1.0
    layer = np.zeros((*wide.shape, 4), dtype=np.uint8)
    layer[..., 3] = np.clip(soft * (255.0 * strength / strongest), 0, 255).astype(np.uint8)
    _over(rgba, layer, left - pad, top - pad)


def _shade(rgba: Rgba, top: float, full: float) -> None:
    """Darken smoothly from ``top`` to ``full``; below it evenly to the edge, or out again if that is far."""
    height = rgba.shape[0]
    rise = max(1.0, full - top)
    leaves = height - full > rise
    depths = [min(1.0, max(0.0, (row - top) / rise)) for row in range(height)]
    if leaves:
        depths = [min(depth, max(0.0, 1.0 - (row - full) / rise)) for row, depth in enumerate(depths)]
    smooth = np.array([depth * depth * (3 - 2 * depth) for depth in depths])
    dark = (smooth * 115).astype(np.uint8)
    rows = np.flatnonzero(dark)
    if not len(rows):
        return
    first, end = int(rows[0]), int(rows[-1]) + 1
    shade = np.zeros((end - first, rgba.shape[1], 4), dtype=np.uint8)
    shade[..., 3] = dark[first:end, None]
    _over(rgba, shade, 0, first)


def _fill(rgba: Rgba, colour: Rgb, left: float, top: float, right: float, bottom: float, alpha: int = 255) -> None:
    x, y = round(left), round(top)
    box = np.empty((max(1, round(bottom) - y), max(1, round(right) - x), 4), dtype=np.uint8)
    box[:] = (*colour, alpha)
    _over(rgba, box, x, y)


def _resized(rgba: Rgba, height_px: float) -> Rgba:
    rows = max(1, round(height_px))
    columns = max(1, round(rgba.shape[1] * height_px / rgba.shape[0]))
    picture = Image.fromarray(rgba).convert("RGBa").resize((columns, rows), Image.Resampling.LANCZOS)
    return np.asarray(picture.convert("RGBA"))


def _in_colour(rgba: Rgba, colour: Rgb) -> Rgba:
    painted = rgba.copy()
    painted[..., :3] = colour
    return painted


def _over(rgba: Rgba, layer: Rgba, left: int, top: int) -> None:
    """Lay a picture over another, both with transparency; what reaches beyond the edges is cut off."""
    rows, columns = rgba.shape[:2]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(columns, left + layer.shape[1]), min(rows, top + layer.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = layer[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
    under = rgba[y0:y1, x0:x1].astype(np.float32)
    alpha, beneath = part[..., 3:] / 255, under[..., 3:] / 255
    together = alpha + beneath * (1 - alpha)
    colour = (part[..., :3] * alpha + under[..., :3] * beneath * (1 - alpha)) / np.maximum(together, 1e-6)
    rgba[y0:y1, x0:x1, :3] = np.rint(colour).astype(np.uint8)
    rgba[y0:y1, x0:x1, 3:] = np.rint(together * 255).astype(np.uint8)
