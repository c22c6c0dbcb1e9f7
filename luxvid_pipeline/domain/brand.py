"""A client's brand on a film: which colours go together legibly, what a card says, how long text is made to fit.

Belongs here: rules about colours, text and where platforms cover the picture, as plain numbers and words.
Does not belong here: fonts and pixels (``media/fonts.py``, ``media/brand_graphics.py``), reading a logo
(``media/logos.py``), looking for a brand in a file (``media/branding_check.py``).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from luxvid_pipeline.domain.listing import Agent, ListingManifest

Rgb = tuple[int, int, int]
"""Red, green and blue, 0 to 255 each, sRGB."""

IVORY: Rgb = (246, 242, 234)
CHARCOAL: Rgb = (24, 25, 28)
CHAMPAGNE: Rgb = (201, 176, 132)

TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3: what text of any size needs against its background."""
LARGE_TEXT_CONTRAST = 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11: what large text, rules and logos need."""

_DEEP = 0.1
"""Relative luminance up to which a brand's colour fills a whole card; brighter ones would glare."""

SafeZone = tuple[int, int, int, int]
"""What a platform may cover, in pixels from the top, right, bottom and left edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardText:
    """What an agent's card says; an empty field is left out.

    Attributes:
        title, address: Of the property.
        agent, licence, brokerage, phone, email: Of whoever sells it.
    """

    title: str = ""
    address: str = ""
    agent: str = ""
    licence: str = ""
    brokerage: str = ""
    phone: str = ""
    email: str = ""

    @property
    def names_somebody(self) -> bool:
        """Whether the card would say who sells the property, which is what a card is for."""
        return any((self.agent, self.licence, self.brokerage, self.phone, self.email))

    def lines(self) -> tuple[str, ...]:
        """Return every field that is set, in the order of the class."""
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(value for value in values if value)


def card_text(manifest: ListingManifest) -> CardText:
    """Return what the card of a listing says, white space and control characters made plain spaces."""
    agent = manifest.brand.agent or Agent()
    return CardText(
        title=one_line(manifest.title),
        address=one_line(manifest.address),
        agent=one_line(agent.name),
        licence=one_line(agent.licence),
        brokerage=one_line(agent.brokerage),
        phone=one_line(agent.phone),
        email=one_line(agent.email),
    )


def identity(manifest: ListingManifest) -> tuple[str, ...]:
    """Return what an unbranded file must not show: names, numbers and addresses of whoever sells the property.

    Source:
        MLS rules on unbranded media: no agent or broker name, phone, e-mail, URL (delivery-and-quality reference).
        The property's own title and address may stay.
    """
    agent = manifest.brand.agent or Agent()
    values = (agent.name, agent.licence, agent.brokerage, agent.phone, agent.email, manifest.client)
    return tuple(dict.fromkeys(one_line(value) for value in values if value.strip()))


def one_line(text: str) -> str:
    """Return text as one line: line breaks, tabs and control characters become single spaces."""
    printable = "".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in text)
    return " ".join(printable.split())


# --- Colours ------------------------------------------------------------------------------------------------------


def parse_colour(text: str) -> Rgb | None:
    """Return ``#0B2545``, ``0b2545`` or ``#abc`` as numbers; None for anything else."""
    digits = text.strip().removeprefix("#")
    if re.fullmatch(r"[0-9A-Fa-f]{3}", digits):
        digits = "".join(2 * digit for digit in digits)
    if not re.fullmatch(r"[0-9A-Fa-f]{6}", digits):
        return None
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def luminance(colour: Rgb) -> float:
    """Return a colour's relative luminance, 0 to 1.

    Source:
        WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
    """
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, 1 to 21.

    Source:
        WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
    """
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def nearest_legible(colour: Rgb, background: Rgb, ratio: float = TEXT_CONTRAST) -> Rgb:
    """Return the colour nearest to ``colour`` that reaches ``ratio`` on ``background``, mixed with white or black.

    Where even white or black cannot reach it, the better of the two is returned.
    """
    if contrast(colour, background) >= ratio:
        return colour
    ends: tuple[Rgb, Rgb] = ((255, 255, 255), (0, 0, 0))
    end = max(ends, key=lambda end: contrast(end, background))
    for step in range(1, 51):
        mixed = mix(colour, end, step / 50)
        if contrast(mixed, background) >= ratio:
            return mixed
    return end


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """Return a mixture of two colours: 0 is ``one``, 1 is ``other``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of a card.

    Attributes:
        background: Fills the card.
        ink: Names and numbers; at least 4.5 to 1 on the background.
        quiet: What stands behind them: captions, licence; at least 4.5 to 1 too.
        accent: Rules and ornaments; at least 3 to 1.
        accent_text: The accent for small text; at least 4.5 to 1.
        notes: What was changed of what the brand asked for, for people.
    """

    background: Rgb
    ink: Rgb
    quiet: Rgb
    accent: Rgb
    accent_text: Rgb
    notes: tuple[str, ...] = ()


def palette(colours: Sequence[str], *, background: Rgb | None = None) -> Palette:
    """Return the legible palette nearest to a brand's colours.

    A deep colour fills the card and is written on in ivory. A brand of light or bright colours gets an ivory card,
    on which its first colour draws the rules. Without colours the card is charcoal and champagne.

    Args:
        colours: As in ``brand.colors``; what is no colour is left out with a note.
        background: Must fill the card, for a logo that brings its own; None chooses.
    """
    notes: list[str] = []
    known: list[Rgb] = []
    for text in colours:
        colour = parse_colour(text)
        if colour is None:
            notes.append(f"brand colour {text!r} is no colour and was left out; write six hex digits, as in #0B2545")
        else:
            known.append(colour)
    deep = [colour for colour in known if luminance(colour) <= _DEEP]
    if background is None:
        background = deep[0] if deep else IVORY if known else CHARCOAL
    dark = luminance(background) < 0.18
    ink = nearest_legible(IVORY if dark else CHARCOAL, background, 7.0)
    rest = [colour for colour in known if colour != background]
    wanted = max(rest, key=_colourfulness) if rest else CHAMPAGNE
    accent = nearest_legible(wanted, background, LARGE_TEXT_CONTRAST)
    if rest and accent != wanted:
        notes.append(f"brand colour {_hex(wanted)} is drawn as {_hex(accent)}, to be seen on {_hex(background)}")
    quiet = nearest_legible(mix(ink, background, 0.28), background)
    return Palette(
        background=background,
        ink=ink,
        quiet=quiet,
        accent=accent,
        accent_text=nearest_legible(accent, background),
        notes=tuple(notes),
    )


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _colourfulness(colour: Rgb) -> int:
    return max(colour) - min(colour)


def _hex(colour: Rgb) -> str:
    return "#{:02X}{:02X}{:02X}".format(*colour)


# --- Text that has to fit -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedText:
    """Text set into a column.

    Attributes:
        lines: From top to bottom; none for an empty text.
        size: The size it is set in, in the unit of the sizes offered.
        shortened: Whether something was left out at the end, with an ellipsis in its place.
    """

    lines: tuple[str, ...]
    size: float
    shortened: bool = False


_LITTLE_SMALLER = 0.74


def fit(
    text: str,
    width_of: Callable[[str], float],
    *,
    width: float,
    sizes: Sequence[float],
    most_lines: int,
) -> FittedText:
    """Set a text into a column: on one line if a little smaller is enough, else on more, else smaller, else shortened.

    Args:
        text: One line of it.
        width_of: How wide a piece of text is at size 1.
        width: Of the column, in the unit of ``sizes``.
        sizes: The sizes allowed, largest first; at least one.
        most_lines: How many lines there may be.
    """
    if not text:
        return FittedText(lines=(), size=sizes[0])
    for size in sizes:
        if size >= _LITTLE_SMALLER * sizes[0] and width_of(text) <= width / size:
            return FittedText(lines=(text,), size=size)
    for size in sizes:
        lines = _wrap(text, width_of, width / size)
        if len(lines) <= most_lines and all(width_of(line) <= width / size for line in lines):
            return FittedText(lines=_balance(text, width_of, width / size, len(lines)), size=size)
    size = sizes[-1]
    lines = _wrap(text, width_of, width / size, break_words=True)
    if len(lines) <= most_lines:
        return FittedText(lines=lines, size=size)
    kept = (*lines[: most_lines - 1], _ellipsis(" ".join(lines[most_lines - 1 :]), width_of, width / size))
    return FittedText(lines=kept, size=size, shortened=True)


def clusters(text: str) -> tuple[str, ...]:
    """Return a text's user-perceived characters: marks, joiners and flags stay with what they belong to.

    Source:
        The parts of UAX #29 that names need: https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries
    """
    parts: list[str] = []
    for char in text:
        if parts and (_extends(char) or parts[-1].endswith("\u200d") or _completes_flag(parts[-1], char)):
            parts[-1] += char
        else:
            parts.append(char)
    return tuple(parts)


def _extends(char: str) -> bool:
    code = ord(char)
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or code in (0x200C, 0x200D)
        or 0x1F3FB <= code <= 0x1F3FF
        or 0xE0020 <= code <= 0xE007F
    )


def _completes_flag(before: str, char: str) -> bool:
    return len(before) == 1 and all(0x1F1E6 <= ord(part) <= 0x1F1FF for part in (before, char))


def _wrap(text: str, width_of: Callable[[str], float], width: float, *, break_words: bool = False) -> tuple[str, ...]:
    lines: list[str] = []
    line = ""
    for word in _words(text):
        longer = line + word
        if line and width_of(longer.rstrip()) > width:
            lines.append(line.rstrip())
            line = word
        else:
            line = longer
        while break_words and width_of(line.rstrip()) > width and len(clusters(line.rstrip())) > 1:
            head = _longest(line.rstrip(), width_of, width)
            lines.append(head)
            line = line[len(head) :]
    if line.strip():
        lines.append(line.rstrip())
    return tuple(lines)


def _words(text: str) -> list[str]:
    """Return the pieces a line may end after: words with their spaces, single characters of Han and kana."""
    return re.findall(
        r"[\u2E80-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF][、。，．）」』]?\s*|[^\s\u2E80-\u9FFF]+[-–—/]?\s*|\s+", text
    )


def _balance(text: str, width_of: Callable[[str], float], width: float, count: int) -> tuple[str, ...]:
    """Return the same number of lines, as even in length as they can be: no last line of one short word."""
    best = _wrap(text, width_of, width)
    narrow, wide = width / max(2, count + 1), width
    for _ in range(12):
        middle = (narrow + wide) / 2
        lines = _wrap(text, width_of, middle)
        if len(lines) == count and all(width_of(line) <= width for line in lines):
            best, wide = lines, middle
        else:
            narrow = middle
    return best


def _longest(text: str, width_of: Callable[[str], float], width: float) -> str:
    """Return as many characters from the start as fit, at least one."""
    parts = clusters(text)
    low, high = 1, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of("".join(parts[:middle])) <= width:
            low = middle
        else:
            high = middle - 1
    return "".join(parts[:low])


def _ellipsis(text: str, width_of: Callable[[str], float], width: float) -> str:
    parts = clusters(text)
    low, high = 0, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of("".join(parts[:middle]).rstrip(" ,;·-") + "…") <= width:
            low = middle
        else:
            high = middle - 1
    kept = "".join(parts[:low])
    at_a_word = kept.rpartition(" ")[0]
    if low < len(parts) and parts[low] != " " and len(at_a_word) >= 0.6 * len(kept):
        kept = at_a_word
    return kept.rstrip(" ,;·-") + "…"


# --- Where platforms cover the picture ------------------------------------------------------------------------------


def safe_zone(size_px: tuple[int, int]) -> SafeZone:
    """Return the margins in which no text may stand, for a picture of this shape.

    Args:
        size_px: Width and height in pixels.

    Source:
        Upright video: Reels keep 250 px from the top and 350 px from the bottom of 1920 px, TikTok and Shorts 150 and
        480 px (delivery-and-quality reference, convention); the buttons on the right take 120 px of 1080. Other
        shapes: 5 % of each side, the title-safe area of EBU R 95.
    """
    width, height = size_px
    if height / width > 1.5:
        return round(height * 250 / 1920), round(width * 120 / 1080), round(height * 480 / 1920), round(width * 0.06)
    return round(height * 0.05), round(width * 0.05), round(height * 0.05), round(width * 0.05)
