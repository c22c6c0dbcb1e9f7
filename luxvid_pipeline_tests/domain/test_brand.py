"""Claims about colours that go together and text that is made to fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain import brand
from luxvid_pipeline.domain.listing import parse_manifest

CHANNELS = st.integers(0, 255)
COLOURS = st.tuples(CHANNELS, CHANNELS, CHANNELS)


def hex_of(colour):
    return "#{:02x}{:02x}{:02x}".format(*colour)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#0B2545", (11, 37, 69)),
        ("0b2545", (11, 37, 69)),
        ("#abc", (170, 187, 204)),
        (" #FFFFFF ", (255, 255, 255)),
        ("azure", None),
        ("#12345", None),
        ("#GGGGGG", None),
        ("", None),
    ],
)
def test_a_colour_is_six_or_three_hex_digits(text, expected):
    assert brand.parse_colour(text) == expected


def test_contrast_is_that_of_wcag():
    assert brand.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert brand.contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@given(st.lists(COLOURS, max_size=4), st.none() | COLOURS)
def test_whatever_the_brand_its_card_can_be_read(colours, background):
    chosen = brand.palette([hex_of(colour) for colour in colours], background=background)
    assert background is None or chosen.background == background
    assert brand.contrast(chosen.ink, chosen.background) >= brand.TEXT_CONTRAST
    assert brand.contrast(chosen.quiet, chosen.background) >= brand.TEXT_CONTRAST
    assert brand.contrast(chosen.accent_text, chosen.background) >= brand.TEXT_CONTRAST
    assert brand.contrast(chosen.accent, chosen.background) >= brand.LARGE_TEXT_CONTRAST


@given(COLOURS, COLOURS)
def test_a_legible_colour_stays_as_it_is(colour, background):
    if brand.contrast(colour, background) >= brand.TEXT_CONTRAST:
        assert brand.nearest_legible(colour, background) == colour


def test_a_deep_colour_fills_the_card_and_a_bright_one_only_draws_on_it():
    assert brand.palette(["#0B2545", "#C9A46A"]).background == (0x0B, 0x25, 0x45)
    assert brand.palette(["#0B2545", "#C9A46A"]).accent == (0xC9, 0xA4, 0x6A)
    red = brand.palette(["#E4002B"])
    assert (red.background, red.accent) == (brand.IVORY, (0xE4, 0x00, 0x2B))


def test_what_is_no_colour_is_left_out_and_said():
    chosen = brand.palette(["azure", "#0B2545"])
    assert chosen.background == (0x0B, 0x25, 0x45)
    assert chosen.notes == ("brand colour 'azure' is no colour and was left out; write six hex digits, as in #0B2545",)


def width(text):
    return float(len(text))


@pytest.mark.parametrize(
    ("text", "lines", "size", "shortened"),
    [
        pytest.param("", (), 4, False, id="nothing-takes-no-line"),
        pytest.param("Villa Aurora", ("Villa Aurora",), 4, False, id="one-line-at-full-size"),
        pytest.param("Villa Aurora Sul", ("Villa Aurora Sul",), 3, False, id="a-little-smaller-before-two-lines"),
        pytest.param("Villa Aurora at the Shore", ("Villa Aurora", "at the Shore"), 4, False, id="then-two-lines"),
        pytest.param("a" * 40, ("a" * 30, "a" * 10), 2, False, id="then-a-word-broken"),
        pytest.param(("abc " * 30).strip(), ("abc " * 6 + "abc", "abc " * 6 + "abc…"), 2, True, id="then-an-ellipsis"),
    ],
)
def test_text_is_made_to_fit(text, lines, size, shortened):
    fitted = brand.fit(text, width, width=60, sizes=[4, 3, 2], most_lines=2)
    assert fitted == brand.FittedText(lines=lines, size=size, shortened=shortened)


@given(st.text(max_size=300), st.integers(1, 4))
def test_fitted_text_never_leaves_its_column(text, most_lines):
    line = brand.one_line(text)
    fitted = brand.fit(line, width, width=24, sizes=[3, 2, 1], most_lines=most_lines)
    assert len(fitted.lines) <= most_lines
    for row in fitted.lines:
        assert width(row) * fitted.size <= 24 or len(brand.clusters(row)) == 1
    if not fitted.shortened:
        assert "".join(fitted.lines).replace(" ", "") == line.replace(" ", "")
    else:
        assert fitted.lines[-1].endswith("…")


def test_joined_emoji_flags_and_marks_are_one_character():
    assert brand.clusters("👨‍👩‍👧🇮🇹e\u0301") == ("👨‍👩‍👧", "🇮🇹", "e\u0301")


def test_identity_is_whoever_sells_and_never_the_property():
    manifest = parse_manifest(
        "title: Villa Aurora\naddress: 12 Cliff Road\nclient: aurora-estates\n"
        "brand: {agent: {name: Elena Marlowe, phone: '+1 310 555 0142', brokerage: ' '}}\n"
    )
    assert brand.identity(manifest) == ("Elena Marlowe", "+1 310 555 0142", "aurora-estates")
    assert brand.card_text(manifest).lines() == ("Villa Aurora", "12 Cliff Road", "Elena Marlowe", "+1 310 555 0142")


def test_control_characters_and_line_breaks_become_spaces():
    assert brand.one_line(" Elena\n\tMarlowe\x00\u2028Jr ") == "Elena Marlowe Jr"


def test_an_upright_film_keeps_text_out_of_what_platforms_cover():
    top, right, bottom, left = brand.safe_zone((1080, 1920))
    assert (top, right, bottom) == (250, 120, 480)
    assert left > 0
    assert brand.safe_zone((1920, 1080)) == (54, 96, 54, 96)
