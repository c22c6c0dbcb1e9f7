"""Each measure on frames of known truth: what was drawn is what is measured, and clean frames have nothing."""

from fractions import Fraction

import numpy as np
import pytest

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.gates import EngineKind, Fault, judge_clip
from luxvid_pipeline.domain.measured import really_measured
from luxvid_pipeline.media.measures.camera_motion import follow
from luxvid_pipeline.media.measures.clip import glance_at_clip, measure_clip
from luxvid_pipeline.media.measures.faults import find_faults, is_black
from luxvid_pipeline.media.measures.fidelity import likeness, read_photo, ssim
from luxvid_pipeline.media.measures.look import Look, look_at
from luxvid_pipeline.media.measures.sharpness import added_blur_px
from luxvid_pipeline.media.measures.steadiness import judder_px
from luxvid_pipeline.media.measures.straightness import bending
from luxvid_pipeline_tests import faulty
from luxvid_pipeline_tests.faulty import PUSH_IN, TRUCK, Move

FILM = FilmFormat(width_px=480, height_px=270, fps=Fraction(30))
COUNT = 60


@pytest.fixture(scope="module")
def picture():
    return faulty.room(960, 540, seed=3)


@pytest.fixture(scope="module")
def push_in(picture):
    return faulty.clean(picture, FILM, PUSH_IN, COUNT)


@pytest.fixture(scope="module")
def truck(picture):
    return faulty.clean(picture, FILM, TRUCK, COUNT)


def seen(frames):
    """A look at frames that were never encoded."""
    times = np.arange(len(frames)) / 30
    return Look("drawn", FILM.width_px, FILM.height_px, times, 30.0, np.stack(frames), {})


def faults_of(frames):
    look = seen(frames)
    return find_faults(look, follow(look))


@pytest.mark.parametrize(
    "move",
    [
        pytest.param(PUSH_IN, id="push-in"),
        pytest.param(Move(zoom=0.85), id="pull-back"),
        pytest.param(TRUCK, id="truck to the right"),
        pytest.param(Move(zoom=1.0, right=-0.08, down=0.03), id="to the left and down"),
    ],
)
def test_the_move_that_was_drawn_is_the_move_that_is_measured(picture, move):
    motion = follow(seen(faulty.clean(picture, FILM, move, 30)))
    assert motion.followed_part == 1
    assert motion.zoom() == pytest.approx(move.zoom, abs=0.01)
    # Travel is told in widths of what the first frame shows, and so is what was drawn.
    assert motion.travel() == pytest.approx((move.right, move.down), abs=0.012)


def test_clean_footage_has_nothing(push_in):
    faults = faults_of(push_in)
    assert (faults.frozen_s, faults.black_s, faults.flashes, faults.jumps) == (0, 0, (), ())
    assert faults.flicker < 0.2


def test_a_tail_that_died_is_as_long_as_it_was_dead(truck):
    faults = faults_of(faulty.frozen_tail(truck, 0.8))
    assert faults.frozen_tail_s == pytest.approx(0.8, abs=0.2)
    assert faults.jumps == ()


def test_a_freeze_in_the_middle_is_no_tail(truck):
    faults = faults_of(faulty.frozen_middle(truck, 0.8))
    assert faults.frozen_s == pytest.approx(0.8, abs=0.1)
    assert faults.frozen_tail_s == 0


def test_black_frames_are_counted(push_in):
    assert faults_of(faulty.black_gap(push_in, 3)).black_s == pytest.approx(0.1)
    assert is_black(np.full((90, 160), 5, np.uint8))
    assert not is_black(np.full((90, 160), 60, np.uint8))


@pytest.mark.parametrize(
    ("spoil", "at_s"),
    [
        pytest.param(faulty.flash, COUNT // 3 / 30, id="everything"),
        pytest.param(faulty.lamp, COUNT // 2 / 30, id="a lamp in a part"),
    ],
)
def test_a_flash_is_found_where_it_is_and_is_no_cut(push_in, spoil, at_s):
    faults = faults_of(spoil(push_in))
    assert faults.flashes == pytest.approx((at_s,), abs=0.05)
    assert faults.jumps == ()


def test_brightness_that_trembles_is_flicker(push_in):
    assert faults_of(faulty.flicker(push_in, 0.012)).flicker > 0.5


def test_a_cut_is_found_where_it_is(push_in):
    other = faulty.clean(faulty.room(960, 540, seed=8), FILM, PUSH_IN, COUNT)
    assert faults_of(faulty.cut_to(push_in, other)).jumps == pytest.approx((1.0,), abs=0.05)


def test_shake_is_measured_in_pixels_and_a_smooth_move_has_none(picture, truck):
    smooth, _ = judder_px(follow(seen(truck)))
    shaken, peak = judder_px(follow(seen(faulty.shaken(picture, FILM, TRUCK, COUNT, 1.5))))
    assert smooth < 0.2
    # Of 1.5 px both ways a running cubic takes up some.
    assert 1.0 < shaken < 2.4
    assert peak > shaken


def test_frames_that_are_repeated_judder(truck):
    assert judder_px(follow(seen(faulty.repeated(truck))))[0] > 0.5


def test_lines_that_bow_are_measured_and_straight_ones_are_not(push_in):
    straight, bowed = bending(seen(push_in)), bending(seen(faulty.bent(push_in, 20)))
    assert straight.lines >= 4
    assert straight.bent_px < 2
    assert bowed.bent_px > 4


def test_blur_is_measured_in_pixels(picture):
    sharp = faulty.look_through(picture, faulty.views(picture, FILM, Move(), 1)[0], FILM)
    some, more = (added_blur_px(sharp, *faulty.softened([sharp], sigma)) for sigma in (4.0, 8.0))
    assert added_blur_px(sharp, sharp) == 0
    # The sharpest edges of a drawing are lines, which blur makes fainter as well as wider.
    assert 1.5 < some < 5
    assert some + 1 < more < 9


def test_a_frame_is_like_its_photo_through_crop_and_zoom_and_like_no_other(picture, tmp_path):
    frame = faulty.look_through(picture, faulty.views(picture, FILM, PUSH_IN, 10)[9], FILM)
    own = read_photo(faulty.keep_photo(faulty.photo_of(picture, FILM, PUSH_IN, 10, 0), tmp_path / "own.jpg"))
    room = faulty.room(960, 540, seed=8)
    other = read_photo(faulty.keep_photo(faulty.photo_of(room, FILM, PUSH_IN, 10, 0), tmp_path / "other.jpg"))
    assert likeness(frame, own).ssim > 0.9
    assert likeness(frame, other).ssim < 0.5
    assert ssim(frame, frame) == pytest.approx(1)


def test_a_photo_that_is_none_is_told_in_one_line(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"photo\.jpg cannot be read as a picture; run the asset listing_photos"):
        read_photo(tmp_path / "photo.jpg")
    with pytest.raises(MediaError, match=r"gone\.jpg cannot be read: No such file"):
        read_photo(tmp_path / "gone.jpg")


def test_a_clip_that_is_none_is_told_in_one_line(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"no clip")
    with pytest.raises(MediaError, match=r"measuring it: clip\.mp4 cannot be decoded"):
        look_at(tmp_path / "clip.mp4", doing="measuring it")


def test_a_file_is_measured_as_it_plays_and_a_glance_agrees_with_the_long_look(picture, push_in, tmp_path):
    clip = faulty.encode(push_in, tmp_path / "clip.mp4", FILM)
    first = faulty.keep_photo(faulty.photo_of(picture, FILM, PUSH_IN, COUNT, 0), tmp_path / "first.jpg")
    last = faulty.keep_photo(faulty.photo_of(picture, FILM, PUSH_IN, COUNT, COUNT - 1), tmp_path / "last.jpg")
    long = measure_clip(clip, first_photo=first, last_photo=last)
    short = glance_at_clip(clip, first_photo=first, last_photo=last)
    for found in (long, short):
        assert (found.frames, found.seconds, found.fps, found.constant_rate) == (COUNT, 2.0, 30.0, True)
        assert found.first_ssim > 0.9
        # A glance ends on the last key frame, half a second before the clip.
        assert found.zoom == pytest.approx(PUSH_IN.zoom, abs=0.04)
        verdict = judge_clip(found, "4-bath", EngineKind.HOSTED, planned_s=2, film=FILM)
        assert (verdict.passed, verdict.faults) == (True, ())
    assert (long.thorough, short.thorough) == (True, False)
    assert long.last_ssim > 0.9
    assert short.last_ssim is not None
    told, glanced = (really_measured(found.as_facts()) for found in (long, short))
    assert told.keys() == long.as_facts().keys()
    assert told.keys() - glanced.keys() >= {"drift_ssim", "bent_px", "judder_px", "flicker", "softened_px", "jumps"}
    assert {"first_ssim", "zoom", "frozen_s", "black_s", "thorough"} <= glanced.keys()


def test_the_last_frame_of_another_room_is_found_in_a_file(picture, push_in, tmp_path):
    clip = faulty.encode(push_in[::4], tmp_path / "clip.mp4", FILM)
    first = faulty.keep_photo(faulty.photo_of(picture, FILM, PUSH_IN, COUNT, 0), tmp_path / "first.jpg")
    room = faulty.room(960, 540, seed=8)
    last = faulty.keep_photo(faulty.photo_of(room, FILM, PUSH_IN, COUNT, COUNT - 1), tmp_path / "last.jpg")
    found = measure_clip(clip, first_photo=first, last_photo=last)
    verdict = judge_clip(found, "4-bath", EngineKind.HOSTED, film=FILM)
    assert not verdict.passed
    assert verdict.faults[0] is Fault.LAST_FRAME
    assert "its last frame is not the photo it should end on" in verdict.told
