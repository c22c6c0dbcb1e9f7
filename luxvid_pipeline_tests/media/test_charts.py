"""Bars that say what they mean."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from luxvid_pipeline.media.charts import Bar, bar_chart
from luxvid_pipeline.media.sheets import MARKDOWN_WIDTH_PX, as_markdown

FIRST, SECOND = (38, 70, 120), (224, 142, 55)


def picture_of(png):
    with Image.open(io.BytesIO(png)) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened.convert("RGB")).astype(int)


def longest_run(picture, colour, row):
    """Widest stretch of a colour in one row of pixels."""
    near = np.abs(picture[row] - colour).max(axis=1) < 24
    edges = np.flatnonzero(np.diff(np.concatenate(([0], near.astype(int), [0]))))
    return max((edges[1::2] - edges[::2]).tolist(), default=0)


def lengths(picture, colour):
    """Lengths of the bars of a colour, from top to bottom, the legend's square left out."""
    rows = [longest_run(picture, colour, row) for row in range(picture.shape[0])]
    found = []
    for length, before in zip(rows, [0, *rows], strict=False):
        if length > 20 and before <= 20:
            found.append(0)
        if length > 20:
            found[-1] = max(found[-1], length)
    return found


def test_bars_are_as_long_as_their_values():
    bars = [
        Bar(label="villa", parts={"clips": 4.0, "score": 1.0}, text="$5.00"),
        Bar(label="haus", parts={"clips": 2.0, "score": 0.5}, text="$2.50"),
    ]
    picture = picture_of(bar_chart("Money", bars))
    clips, score = lengths(picture, FIRST), lengths(picture, SECOND)
    assert len(clips) == len(score) == 2
    assert clips[0] / clips[1] == pytest.approx(2, rel=0.02)
    assert clips[0] / score[0] == pytest.approx(4, rel=0.03)


def test_the_smallest_amount_is_seen():
    picture = picture_of(bar_chart("Money", [Bar(label="a", parts={"x": 1e6}), Bar(label="b", parts={"x": 1e-4})]))
    row = picture.shape[0] - 24 - 34 + 10
    assert longest_run(picture, FIRST, row) == 1


@pytest.mark.parametrize(
    "bars",
    [
        pytest.param([], id="none"),
        pytest.param([Bar(label="x", parts={"a": 0.0})], id="all-zero"),
        pytest.param([Bar(label="x" * 500, parts={"a": 1.0}, text="y" * 500)], id="long-words"),
        pytest.param([Bar(label=f"{n}", parts={"a": float(n)}) for n in range(400)], id="many"),
        pytest.param([Bar(label="x", parts={f"part {n}": 1.0 for n in range(9)})], id="more-parts-than-colours"),
    ],
)
def test_any_bars_give_a_picture_of_bounded_size(bars):
    picture = picture_of(bar_chart("Title", bars))
    assert picture.shape[1] == MARKDOWN_WIDTH_PX
    assert picture.shape[0] < 1000


def test_what_the_ui_would_cut_off_is_made_to_fit_and_nothing_else_is_touched():
    wide, small = Image.new("RGB", (1600, 400), "navy"), Image.new("RGB", (300, 100), "navy")
    png = io.BytesIO()
    wide.save(png, "PNG")
    for picture, size_px in ((wide, (960, 240)), (png.getvalue(), (960, 240)), (small, (300, 100))):
        data = base64.b64decode(as_markdown(picture, "x").partition("base64,")[2].rstrip(")"))
        with Image.open(io.BytesIO(data)) as shown:
            assert shown.size == size_px
    chart = bar_chart("Money", [])
    assert base64.b64encode(chart).decode() in as_markdown(chart, "x")
