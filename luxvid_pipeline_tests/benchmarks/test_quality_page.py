"""docs/quality.md says what the program does."""

import pytest

from benchmarks import quality_page


def test_the_thresholds_are_the_programs_own():
    written = quality_page.block("thresholds")
    assert written == quality_page.thresholds(), "out of date: run python -m benchmarks.quality_page"


@pytest.mark.parametrize("name", ["confusion", "vmaf"])
def test_what_was_measured_stands_in_its_place(name):
    assert quality_page.block(name).startswith("| ")


def test_a_block_is_replaced_and_nothing_else(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: written by a program -->\nold\n<!-- end of x -->\nafter\n")
    quality_page.replace_block("x", "new", page)
    assert page.read_text() == "before\n<!-- x: written by a program -->\nnew\n<!-- end of x -->\nafter\n"
    with pytest.raises(ValueError, match="no block 'y'"):
        quality_page.replace_block("y", "new", page)
