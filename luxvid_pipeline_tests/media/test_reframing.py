"""Crops that look for their subject, and glide."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.delivery_plan import Shape, format_of
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, empty_frame, planes
from luxvid_pipeline.media.reframing import Look, crop_path, draw_crop, look_along
from luxvid_pipeline.media.saliency import saliency
from luxvid_pipeline_tests.drawn import scenery, subject_in

FILM = FilmFormat(width_px=640, height_px=360, fps=Fraction(30))
TALL = format_of(Shape.TALL)
FRAMES = 120


def frame_of(picture):
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), cv2.COLOR_BGR2YUV_I420)


def look(at, centre):
    return Look(at, saliency(*planes(frame_of(subject_in(640, 360, (centre, 0.55), 0.09)))))


def path_of(*centres, shape=TALL):
    places = np.linspace(0, 1, len(centres))
    return crop_path([look(at, centre) for at, centre in zip(places, centres, strict=True)], FILM, shape, FRAMES)


def middle_of(path, frame):
    return float((path.lefts_px[frame] + path.width_px / 2) / FILM.width_px)


@pytest.mark.parametrize("centre", [0.28, 0.5, 0.72])
def test_a_subject_that_stays_is_framed_wherever_it_stands(centre):
    path = path_of(centre, centre, centre)
    assert middle_of(path, 0) == pytest.approx(centre, abs=0.08)
    assert np.ptp(path.lefts_px) < 0.02 * FILM.width_px


def test_a_subject_off_centre_is_held_better_than_by_a_crop_in_the_middle():
    path = path_of(0.72, 0.72)
    assert path.held > path.centre_held + 0.2


def test_a_crop_travels_with_a_subject_that_it_would_lose_otherwise():
    path = path_of(0.3, 0.4, 0.5, 0.6, 0.7)
    assert middle_of(path, FRAMES - 1) - middle_of(path, 0) > 0.1


def test_the_path_never_jumps_stutters_or_turns_back():
    steps = np.diff(path_of(0.3, 0.5, 0.7).lefts_px)
    assert (steps > 0).all()
    assert np.abs(np.diff(steps)).max() < 0.1 * steps.max()
    assert steps.max() / FILM.width_px < 0.005


def test_a_crop_stays_inside_the_picture():
    for centres in ((0.02, 0.02), (0.98, 0.98), (0.05, 0.95)):
        path = path_of(*centres)
        assert path.lefts_px.min() >= 0
        assert path.lefts_px.max() + path.width_px <= FILM.width_px + 1e-6


def test_the_own_shape_needs_no_crop_and_a_wider_one_cannot_be_had():
    whole = crop_path([look(0, 0.5)], FILM, format_of(Shape.WIDE), FRAMES)
    assert (whole.lefts_px == 0).all()
    assert whole.width_px == FILM.width_px
    with pytest.raises(MediaError, match="wider than the clip"):
        crop_path([look(0, 0.5)], FILM, FilmFormat(width_px=2100, height_px=900), FRAMES)


def test_an_even_picture_is_cropped_in_its_middle():
    grey = np.full((360, 640, 3), 120, np.uint8)
    path = crop_path([Look(0, saliency(*planes(frame_of(grey))))], FILM, TALL, FRAMES)
    assert middle_of(path, 0) == pytest.approx(0.5, abs=0.02)


def test_a_bright_window_draws_the_eye_less_than_the_furniture_beside_it():
    picture = np.full((360, 640, 3), 120, np.uint8)
    picture[60:250, 40:230] = 250
    furniture = scenery(130, 110, seed=3)
    picture[170:280, 420:550] = furniture
    found = saliency(*planes(frame_of(picture)))
    columns = found.sum(axis=0)
    assert columns[126:165].sum() > columns[12:69].sum()


def shifted(picture, by_px):
    """The picture of a camera that stood ``by_px`` further right: exact, from a picture of four times the size."""
    move = np.array([[1.0, 0.0, 4 * by_px], [0.0, 1.0, 0.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(picture, move, (2560, 1440), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return frame_of(cv2.resize(seen, (640, 360), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("by_px", [0.25, 0.5, 0.75, 1.0])
def test_a_crop_moved_by_parts_of_a_pixel_moves_the_picture_by_as_much(by_px):
    # Soft enough for half-sized colour planes to hold all of it.
    large = cv2.GaussianBlur(scenery(2560, 1440, seed=2), (0, 0), 5.0)
    moved, expected, resting = empty_frame(TALL), empty_frame(TALL), empty_frame(TALL)
    draw_crop(shifted(large, 0), 100 + by_px, 202.5, moved)
    draw_crop(shifted(large, by_px), 100, 202.5, expected)
    draw_crop(shifted(large, 0), 100, 202.5, resting)
    for one, other, still in zip(planes(moved), planes(expected), planes(resting), strict=True):
        off = np.abs(one.astype(int) - other).mean()
        # Rounding to whole levels, on both ways, is a fifth of a level.
        assert off < 0.2 + 0.2 * np.abs(still.astype(int) - other).mean()


def test_a_clip_is_looked_at_on_its_key_frames_only(tmp_path):
    clip = tmp_path / "clip.mp4"
    frame = frame_of(subject_in(640, 360, (0.7, 0.5), 0.1))
    with ClipWriter(clip, FILM) as writer:
        for _ in range(45):
            writer.write(frame)
    looks = look_along(clip, 45)
    assert [round(look.at * 44) for look in looks] == [0, 15, 30]
    assert looks[0].map.sum() == pytest.approx(1, abs=1e-3)


def test_a_clip_that_cannot_be_read_is_named(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        look_along(broken, 30)
