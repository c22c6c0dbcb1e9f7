"""Strips and sheets: which frames they show, and that a changed photo is seen."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, empty_frame
from luxvid_pipeline.media.sheets import Tile, contact_sheet, frames_of

SMALL = FilmFormat(width_px=320, height_px=180, fps=Fraction(30))
FRAMES = 50


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose brightness says which frame is shown: 16 and 4 more for each."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with ClipWriter(path, SMALL) as writer:
        for number in range(FRAMES):
            frame = empty_frame(SMALL)
            frame[:] = 128
            frame[: SMALL.height_px] = 16 + 4 * number
            writer.write(frame)
    return path


def shown(clip: Path, count: int, *, exact: bool) -> list[int]:
    levels = [np.asarray(picture).mean() for picture in frames_of(clip, count, width_px=160, exact=exact)]
    return [round(level * 219 / 255 / 4) for level in levels]


def test_frames_lie_at_equal_distances(clip: Path):
    assert shown(clip, 5, exact=True) == [0, 12, 24, 37, 49]


def test_a_quick_strip_keeps_its_ends_and_takes_key_frames_between_them(clip: Path):
    assert shown(clip, 5, exact=False) == [0, 15, 30, 30, 49]


def test_a_photo_that_was_replaced_is_shown_anew(tmp_path: Path):
    photo = tmp_path / "photo.png"
    colours: list[float] = []
    for grey in (20, 200):
        Image.new("RGB", (192, 128), (grey, grey, grey)).save(photo)
        os.utime(photo, (grey, grey))
        sheet = contact_sheet([Tile(picture=photo)])
        colours.append(float(np.asarray(sheet)[60:80, 80:120].mean()))
    assert colours == pytest.approx([20, 200], abs=2)
