"""Claims about the order of characters on a line."""

import pytest

from luxvid_pipeline.media import bidi


def as_seen(text):
    """The line from left to right, each run leftwards turned around."""
    parts = []
    for run in bidi.runs(text):
        piece = text[run.start : run.end]
        parts.append(piece if run.rightwards else piece[::-1])
    return "".join(parts)


# Expected lines follow UAX #9; Hebrew is written as capitals in its examples, here as letters.
@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("Villa Aurora", "Villa Aurora", id="only-rightwards"),
        pytest.param("אבג", "גבא", id="only-leftwards"),
        pytest.param("Villa אבג Sul", "Villa גבא Sul", id="a-name-inside"),
        pytest.param("אבג Villa דהו", "והד Villa גבא", id="a-latin-word-inside"),
        pytest.param("רחוב 12, תל", "לת ,12 בוחר", id="a-number-keeps-its-digits"),
        pytest.param("אבג 1,234.5 ₪", "₪ 1,234.5 גבא", id="separators-stay-in-a-number"),
        pytest.param("+972 3-555-0142", "+972 3-555-0142", id="a-telephone-number-alone"),
        pytest.param("نص 12", "12 صن", id="arabic-numbers"),
        pytest.param("Villa (אבג)", "Villa (גבא)", id="brackets-stay-with-the-line"),
    ],
)
def test_a_line_is_ordered_as_it_is_read(text, seen):
    assert as_seen(text) == seen


@pytest.mark.parametrize(
    ("text", "leftwards"), [("Villa אבג", False), ("12 אבג Villa", True), ("12 34", False), ("", False)]
)
def test_the_first_strong_letter_says_where_a_line_begins(text, leftwards):
    assert bidi.reads_leftwards(text) is leftwards


def test_every_character_is_drawn_once():
    text = "אב 12 Villa (גד) 3.5% — נס"
    places = sorted(index for run in bidi.runs(text) for index in range(run.start, run.end))
    assert places == list(range(len(text)))
