"""Half pace without stutter."""

import itertools
from fractions import Fraction

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, empty_frame, planes
from luxvid_pipeline.media.retiming import SMOOTH_SSIM, HalfPace, pace_likeness
from luxvid_pipeline_tests.drawn import scenery

FILM = FilmFormat(width_px=640, height_px=360, fps=Fraction(30))
WALL = scenery(1000, 500, seed=4)


def view(left, zoom=1.0):
    """What a camera sees of a wall: exact to parts of a pixel, made at four times the size."""
    width, height = 640 * 4, 360 * 4
    move = np.array([[1 / (4 * zoom), 0, left], [0, 1 / (4 * zoom), 40.0]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(WALL, move, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    small = cv2.resize(seen, (640, 360), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), cv2.COLOR_BGR2YUV_I420)


def place_of(frame, near):
    """Where the camera stood for a frame, to a twentieth of a pixel: the view that it resembles most."""
    middle = (slice(40, -40), slice(40, -40))
    seen = planes(frame)[0][middle].astype(float)

    def most_alike(candidates):
        off = [np.square(seen - planes(view(left))[0][middle]).mean() for left in candidates]
        return candidates[int(np.argmin(off))]

    roughly = most_alike(near + np.arange(-0.6, 0.61, 0.2))
    return float(most_alike(roughly + np.arange(-0.2, 0.21, 0.05)))


def test_what_is_drawn_lies_evenly_between_the_frames_of_a_move():
    half = HalfPace()
    frames = [view(20 + 1.6 * number) for number in range(3)]
    shown = [frame for one, other in itertools.pairwise(frames) for frame in half.between(one, other)]
    expected = [20.4, 21.2, 22.0, 22.8]
    assert [place_of(frame, near) for frame, near in zip(shown, expected, strict=True)] == pytest.approx(
        expected, abs=0.11
    )


def test_what_is_drawn_is_equally_sharp_and_shows_what_was_there():
    half = HalfPace()
    early, late = half.between(view(20, 1.0), view(23, 1.01))
    sharp = [float(cv2.Laplacian(planes(frame)[0], cv2.CV_64F).var()) for frame in (early, late)]
    assert sharp[0] == pytest.approx(sharp[1], rel=0.05)
    (middle,) = half.between(view(20, 1.0), view(23, 1.01), (0.5,))
    off = planes(middle)[0].astype(int) - planes(view(21.5, 1.005))[0]
    assert np.abs(off[20:-20, 20:-20]).mean() < 3


def test_frames_without_a_common_motion_are_mixed_not_torn():
    flat, other = np.full_like(empty_frame(FILM), 60), np.full_like(empty_frame(FILM), 100)
    (middle,) = HalfPace().between(flat, other, (0.5,))
    assert int(planes(middle)[0].min()) == int(planes(middle)[0].max()) == 80


def clip_of(path, frames):
    with ClipWriter(path, FILM) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_a_camera_move_may_play_slower_and_a_picture_that_boils_may_not(tmp_path):
    moving = clip_of(tmp_path / "moving.mp4", [view(20 + 1.6 * number) for number in range(20)])
    dice = np.random.default_rng(1)
    boiling = clip_of(
        tmp_path / "boiling.mp4",
        [np.repeat(dice.integers(60, 200, (540, 160), dtype=np.uint8), 4, axis=1) for _ in range(20)],
    )
    assert pace_likeness(moving, 20) >= SMOOTH_SSIM
    assert pace_likeness(boiling, 20) < SMOOTH_SSIM
