"""Claims about text as pixels: every script is drawn, shaped, and never as an empty box."""

import numpy as np
import pytest

from luxvid_pipeline.media import fonts
from luxvid_pipeline.media.fonts import FONTS, Family, TypeStyle, advance_em, draw_line, legible

SERIF = TypeStyle(family=Family.SERIF)
SANS = TypeStyle()

LINES = {
    "latin": "Ágnès Ñandú, Łódź & Smëth",
    "vietnamese": "Nguyễn Thị Hồng",
    "greek": "Βίλα Αυρόρα",
    "cyrillic": "Вилла Аврора",
    "arabic": "فيلا أورورا",
    "hebrew": "וילה אורורה",
    "chinese": "极光别墅",
    "japanese": "オーロラ邸",
    "korean": "한남동 빌라",
    "hindi": "बंगला अरोरा",
    "thai": "บ้านออโรร่า",
    "armenian-georgian": "Ես Հայ ქართული",
    "emoji": "🏡✨☎️👨‍👩‍👧🇮🇹",
}


@pytest.mark.parametrize("text", LINES.values(), ids=LINES.keys())
@pytest.mark.parametrize("style", [SERIF, SANS], ids=["serif", "sans"])
def test_every_script_is_drawn_without_an_empty_box(text, style):
    assert legible(text) == fonts.Legible(text=text)
    glyphs, width = fonts._shape(text, style)
    assert width > 0
    assert all(glyph.number != 0 for glyph in glyphs), "glyph 0 is the empty box of every font"
    line = draw_line(text, style, 40)
    assert int((line.mask > 128).sum()) > 100


def test_arabic_letters_are_joined_and_run_leftwards():
    joined, _ = fonts._shape("سلم", SANS)
    alone = [fonts._shape(letter, SANS)[0][0].number for letter in "سلم"]
    assert [glyph.number for glyph in joined] != alone[::-1]
    assert [glyph.x_em for glyph in joined] == sorted(glyph.x_em for glyph in joined)


def test_the_first_letter_of_a_word_that_runs_leftwards_is_drawn_at_its_right():
    both, _ = fonts._shape("אב", SANS)
    first, _ = fonts._shape("א", SANS)
    assert both[-1].number == first[0].number


def test_letters_that_join_are_never_tracked_apart():
    tracked = TypeStyle(tracking_em=0.3)
    assert advance_em("سلام", tracked) == advance_em("سلام", SANS)
    assert advance_em("Villa", tracked) == pytest.approx(advance_em("Villa", SANS) + 4 * 0.3, abs=0.02)


def test_a_joined_emoji_is_one_glyph():
    glyphs, _ = fonts._shape("👨‍👩‍👧", SANS)
    assert len(glyphs) == 1


def test_a_greek_word_is_set_in_one_font_and_loses_accents_in_capitals():
    glyphs, _ = fonts._shape("Ωμέγα", SERIF)
    assert len({glyph.font.path for glyph in glyphs}) == 1
    capitals = TypeStyle(capitals=True)
    assert advance_em("Αυρόρα", capitals) == advance_em("ΑΥΡΟΡΑ", capitals)


def test_a_symbol_that_no_font_has_is_left_out_and_named():
    assert legible("Villa 𝌆 Aurora") == fonts.Legible(text="Villa Aurora", missing=("𝌆",))


def test_a_name_with_a_letter_that_no_font_has_is_left_out_whole():
    assert legible("Elena 𐎀𐎁") == fonts.Legible(text="", missing=("𐎀", "𐎁"))


def test_marks_that_turn_the_direction_around_are_taken_out():
    assert legible("Elena\u202e Marlowe\u2066").text == "Elena Marlowe"


def test_without_the_packages_text_that_is_not_shipped_is_left_out_and_not_boxed(monkeypatch):
    monkeypatch.setattr(fonts, "_package", lambda name: None)
    for cached in (fonts._chain, fonts._font_for, fonts._shape):
        cached.cache_clear()
    try:
        assert legible("极光别墅").text == ""
        for kept in ("Villa Ágnès", "Βίλα", "Вилла", "فيلا", "וילה"):
            assert legible(kept).text == kept
    finally:
        for cached in (fonts._chain, fonts._font_for, fonts._shape):
            cached.cache_clear()


def test_the_same_text_gives_the_same_pixels_at_the_same_place():
    one, other = draw_line("Villa Aurora", SERIF, 60), draw_line("Villa Aurora", SERIF, 60)
    assert np.array_equal(one.mask, other.mask)
    assert (one.left_px, one.top_px) == (other.left_px, other.top_px)


def test_a_line_lies_on_its_baseline():
    line = draw_line("HH", SANS, 100)
    assert line.top_px + line.mask.shape[0] == pytest.approx(0, abs=1)
    assert line.mask.shape[0] == pytest.approx(70, abs=3)


def test_nothing_to_draw_is_an_empty_line():
    line = draw_line("", SERIF, 40)
    assert not line.mask.any()
    assert line.advance_px == 0


def test_every_font_that_is_shipped_has_its_licence_beside_it():
    for font in FONTS.glob("*.ttf"):
        licence = FONTS / f"{font.stem}-OFL.txt"
        assert "SIL OPEN FONT LICENSE" in licence.read_text().upper()
