"""Claims about cards, captions and marks: whatever is handed in, a good picture comes out and says what it left out."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.brand import CHARCOAL, CardText, contrast, parse_colour, safe_zone
from luxvid_pipeline.media.brand_graphics import (
    agent_card,
    caption,
    card_notes,
    disclosure_line,
    logo_mark,
    preview_mark,
)
from luxvid_pipeline.media.logos import Logo

WIDE, TALL, SQUARE, PORTRAIT = (960, 540), (540, 960), (540, 540), (540, 675)
SIZES = {"16x9": WIDE, "9x16": TALL, "1x1": SQUARE, "4x5": PORTRAIT}
NAVY = ["#0B2545", "#C9A46A"]

CARD = CardText(
    title="Villa Aurora",
    address="12 Cliff Road, Malibu",
    agent="Elena Marlowe",
    licence="DRE 00000000",
    brokerage="Aurora Estates",
    phone="+1 310 555 0142",
    email="elena.marlowe@example.com",
)


def ring(colour, rows=120, columns=240):
    rgba = np.zeros((rows, columns, 4), dtype=np.uint8)
    rgba[..., :3] = colour
    rgba[10:-10, 10:-10, 3] = 255
    rgba[30:-30, 30:-30, 3] = 0
    return rgba


BLACK = Logo(rgba=ring((0, 0, 0)), one_colour=True)
NAVY_PAIR = Logo(rgba=ring((11, 37, 69)))
ON_WHITE = Logo(
    rgba=np.where(ring((200, 0, 0))[..., 3:] > 0, ring((200, 0, 0)), 255).astype(np.uint8), backdrop=(255, 255, 255)
)

CASES = {
    "all": (CARD, NAVY, None, ()),
    "nothing": (CardText(), (), None, ()),
    "agent-without-telephone": (replace(CARD, phone=""), NAVY, BLACK, ()),
    "only-an-agent": (CardText(agent="Elena Marlowe"), NAVY, None, ()),
    "only-a-title": (CardText(title="Villa Aurora"), NAVY, BLACK, ()),
    "names-of-200-characters": (
        replace(CARD, agent="Maximilian zu Hohenlohe " * 8, title="The Residences " * 13, brokerage="W" * 200),
        NAVY,
        BLACK,
        ("agent.name: 192 characters", "title: 195 characters", "agent.brokerage: 200 characters"),
    ),
    "an-address-of-400-characters": (
        replace(CARD, address="Via della Conciliazione, " * 16),
        NAVY,
        None,
        ("address: ",),
    ),
    "contacts-that-cannot-be-set-whole": (
        replace(CARD, phone="9" * 200, email="e" * 200),
        NAVY,
        None,
        ("agent.phone: 200 characters do not fit; the line was left out", "agent.email: 200"),
    ),
    "right-to-left": (replace(CARD, title="וילה אורורה", address="רחוב 12", agent="ليلى الحسن"), NAVY, BLACK, ()),
    "chinese": (replace(CARD, title="极光别墅", address="上海市静安区南京西路1266号" * 4), NAVY, None, ()),
    "emoji": (replace(CARD, title="Villa 🏡 Aurora ✨", agent="Elena 👩‍💼 🇮🇹"), NAVY, None, ()),
    "a-letter-nobody-has": (replace(CARD, agent="𐎀𐎁"), NAVY, None, ("agent.name: no font has",)),
    "no-colour": (CARD, ["azure"], None, ("brand colour 'azure' is no colour",)),
    "a-bright-brand": (CARD, ["#FFE600"], BLACK, ("brand colour #FFE600 is drawn as",)),
    "a-dark-logo-on-a-dark-brand": (CARD, NAVY, NAVY_PAIR, ("background was chosen for the logo",)),
    "a-logo-with-its-own-ground": (CARD, NAVY, ON_WHITE, ("#C9A46A is drawn as",)),
}


def colour_of(values):
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def written(rgba):
    """Where a card is not its background."""
    ground = rgba[2, 2, :3].astype(int)
    return np.abs(rgba[..., :3].astype(int) - ground).max(axis=2) > 40


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(("card", "colours", "logo", "said"), CASES.values(), ids=CASES.keys())
def test_whatever_is_handed_in_the_card_is_a_good_picture_and_says_what_it_left_out(card, colours, logo, said, size):
    rgba = agent_card(card, size, colours, logo=logo)
    assert rgba.shape == (size[1], size[0], 4)
    assert rgba.dtype == np.uint8
    assert (rgba[..., 3] == 255).all()
    ink = written(rgba)
    assert ink.any() == bool(card.lines() or logo)
    top, right, bottom, left = (round(side * 0.8) for side in safe_zone(size))
    assert not ink[:top].any()
    assert not ink[size[1] - bottom :].any()
    assert not ink[:, :left].any()
    assert not ink[:, size[0] - right :].any()
    notes = card_notes(card, size, colours, logo=logo)
    for words in said:
        assert any(words in note for note in notes), notes
    if not said:
        assert notes == ()


def test_every_field_shows_on_the_card():
    whole = written(agent_card(CARD, WIDE, NAVY)).sum()
    for name in ("title", "address", "agent", "licence", "brokerage", "phone", "email"):
        assert written(agent_card(replace(CARD, **{name: ""}), WIDE, NAVY)).sum() < whole, name


def test_a_field_that_is_not_there_leaves_no_gap():
    rows = np.flatnonzero(written(agent_card(replace(CARD, phone="", email="", licence=""), TALL, NAVY)).any(axis=1))
    full = np.flatnonzero(written(agent_card(CARD, TALL, NAVY)).any(axis=1))
    assert np.diff(rows).max() <= np.diff(full).max() + 2


@pytest.mark.parametrize("size", [SQUARE, TALL])
@pytest.mark.parametrize("agent", ["مريم السالم", "สมชาย ใจดี", "Nguyễn Thị Ệ"])
def test_letters_that_hang_low_or_stand_high_touch_no_other_line(agent, size):
    def lines(card):
        rows = written(agent_card(card, size, NAVY)).any(axis=1).astype(int)
        return int((np.diff(rows, prepend=0) == 1).sum())

    assert lines(replace(CARD, agent=agent)) == lines(CARD)


def test_the_card_is_in_the_brands_colour_and_a_black_logo_is_turned_light_on_it():
    rgba = agent_card(CARD, WIDE, NAVY, logo=BLACK)
    assert tuple(rgba[2, 2, :3]) == parse_colour("#0B2545")
    assert not (rgba[..., :3] == 0).all(axis=2).any()


def test_a_logo_of_several_colours_is_never_recoloured_and_always_seen():
    rgba = agent_card(CARD, WIDE, NAVY, logo=NAVY_PAIR)
    ground = colour_of(rgba[2, 2, :3])
    assert (rgba[..., :3] == (11, 37, 69)).all(axis=2).any()
    assert contrast((11, 37, 69), ground) >= 3


@pytest.mark.parametrize(("size", "points"), [((1920, 1080), 844), ((1080, 1920), 390), ((1080, 1080), 390)])
def test_the_card_is_readable_on_a_phone(size, points):
    """Capitals and figures of a full screen of so many points across are at least 7 points high, as in small print."""
    ink = written(agent_card(CARD, size, NAVY))[:, size[0] // 2 + 20 :]
    rows = np.flatnonzero(np.diff(np.concatenate(([0], ink.any(axis=1).astype(int), [0]))))
    heights = [end - start for start, end in zip(rows[::2], rows[1::2], strict=True) if end - start > 6]
    assert min(heights) * points / size[0] >= 7


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("ground", [0, 128, 255], ids=["black", "grey", "white"])
def test_a_caption_is_read_over_any_picture(size, ground):
    rgba = caption("Principal bedroom", size)
    alpha = rgba[..., 3:].astype(float) / 255
    seen = (rgba[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    letters = (rgba[..., :3].min(axis=2) > 225) & (rgba[..., 3] > 250)
    around = cv2.dilate(letters.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    around &= ~cv2.dilate(letters.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    ink, paper = (colour_of(np.median(seen[part], axis=0)) for part in (letters, around))
    assert letters.sum() > 50
    assert contrast(ink, paper) >= 3.0


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("text", ["Principal bedroom", "חדר שינה ראשי", "A very long room's name " * 8, "主卧室"])
def test_a_caption_stays_out_of_what_platforms_cover(size, text):
    rgba = caption(text, size)
    letters = (rgba[..., :3].min(axis=2) > 200) & (rgba[..., 3] > 200)
    top, right, bottom, left = safe_zone(size)
    rows, columns = np.flatnonzero(letters.any(axis=1)), np.flatnonzero(letters.any(axis=0))
    assert top <= rows[0]
    assert rows[-1] < size[1] - bottom + 2
    assert left - 2 <= columns[0]
    assert columns[-1] <= size[0] - right + 2


def test_a_caption_that_reads_leftwards_stands_on_the_right():
    letters = caption("חדר שינה", WIDE)[..., :3].min(axis=2) > 200
    assert np.flatnonzero(letters.any(axis=0))[0] > WIDE[0] / 2


@pytest.mark.parametrize("text", ["", "   ", "𐎀𐎁"])
def test_a_caption_of_nothing_is_nothing(text):
    assert not caption(text, WIDE).any()


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_a_logo_stands_small_in_its_corner(corner):
    alpha = logo_mark(BLACK, WIDE, corner=corner)[..., 3]
    rows, columns = np.flatnonzero((alpha > 200).any(axis=1)), np.flatnonzero((alpha > 200).any(axis=0))
    assert (rows.mean() < WIDE[1] / 2) == corner.startswith("top")
    assert (columns.mean() < WIDE[0] / 2) == corner.endswith("left")
    assert np.ptp(rows) < WIDE[1] * 0.12


def test_a_preview_says_so_quietly():
    alpha = preview_mark(WIDE)[..., 3]
    assert 0 < (alpha > 0).mean() < 0.02


def test_the_disclosures_line_stays_clear_of_caption_and_logo():
    line = disclosure_line("Digitally altered. Unaltered originals: media.example.com/villa-aurora", WIDE)[..., 3] > 200
    assert line.any()
    assert not (line & (logo_mark(BLACK, WIDE)[..., 3] > 30)).any()
    assert not line[WIDE[1] // 2 :].any()


def test_the_same_card_is_the_same_bytes():
    assert agent_card(CARD, WIDE, NAVY, logo=BLACK).tobytes() == agent_card(CARD, WIDE, NAVY, logo=BLACK).tobytes()


def test_without_a_brand_the_card_is_charcoal():
    assert tuple(agent_card(CARD, WIDE)[2, 2, :3]) == CHARCOAL
