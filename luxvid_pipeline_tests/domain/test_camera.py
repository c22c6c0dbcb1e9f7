import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.camera import (
    END_SPEED,
    PhotoShape,
    continuous,
    corners,
    eased,
    half_pace,
    inside,
    interest_map,
    plan_pair,
    plan_single,
    without_leaning,
)
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.scenes import SCENES, MoveKind, scene
from luxvid_pipeline_tests.drawn import scenery, subject_in

HD = FilmFormat()
shapes = st.tuples(st.integers(640, 8000), st.integers(640, 8000))
moves = st.sampled_from([each.camera for each in SCENES])


def photo(width_px, height_px, interest=True):
    if not interest:
        return PhotoShape(width_px=width_px, height_px=height_px)
    small = scenery(
        max(8, 96 * width_px // max(width_px, height_px)), max(8, 96 * height_px // max(width_px, height_px))
    )
    return PhotoShape(width_px=width_px, height_px=height_px, interest=interest_map(small.mean(axis=2)))


def overlap(homography, share=0.8):
    return Overlap(share=share, inliers=99, homography=tuple(homography.ravel()), zoom=1, shift_x=0, shift_y=0)


def view_width(view):
    points = corners(view[None], HD.aspect)[0]
    return np.linalg.norm(points[1] - points[0])


@pytest.mark.parametrize("frames", [1, 2, 15, 120, 300])
def test_a_move_goes_from_nothing_to_all_of_it_and_never_back(frames):
    s = eased(frames)
    assert s[0] == 0
    assert frames == 1 or s[-1] == 1
    assert (np.diff(s) > 0).all()


def test_velocity_never_jumps_and_does_not_die_at_the_cuts():
    speed = np.diff(eased(1201)) * 1200
    assert np.abs(np.diff(speed)).max() < 0.01
    assert speed[0] / speed.max() == pytest.approx(END_SPEED, abs=0.01)
    assert speed[-1] / speed.max() == pytest.approx(END_SPEED, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, move=moves, format_px=st.sampled_from([(1920, 1080), (1080, 1920), (640, 640)]))
def test_a_single_photo_never_shows_its_edge(shape, move, format_px):
    film = FilmFormat(*format_px, Fraction(30))
    subject = photo(*shape)
    plan = plan_single(move, subject, film, 61)
    assert inside(plan.first, subject, film.aspect).all()


@settings(max_examples=60, deadline=None)
@given(first=shapes, last=shapes, move=moves)
def test_a_pair_without_overlap_never_shows_an_edge(first, last, move):
    one, two = photo(*first), photo(*last, interest=False)
    plan = plan_pair(move, one, two, HD, 61)
    assert inside(plan.first[plan.mix < 1], one, HD.aspect).all()
    assert inside(plan.last[plan.mix > 0], two, HD.aspect).all()


@settings(max_examples=40, deadline=None)
@given(
    move=moves,
    zoom=st.floats(0.7, 1.5),
    x=st.floats(-0.3, 0.3),
    y=st.floats(-0.2, 0.2),
    lean=st.floats(-0.1, 0.1),
    tilt=st.floats(-0.04, 0.04),
)
def test_a_pair_with_overlap_never_shows_an_edge(move, zoom, x, y, lean, tilt):
    first, last = photo(1920, 1440), photo(1800, 1200)
    to_middle = np.array([[1, 0, -960], [0, 1, -720], [0, 0, 1.0]])
    seen = np.array([[zoom, -tilt, 900 + x * 1800], [tilt, zoom, 600 + y * 1200], [lean / 1920, 0, 1.0]])
    plan = plan_pair(move, first, last, HD, 61, overlap(seen @ to_middle))
    assert inside(plan.first[plan.mix < 1], first, HD.aspect).all()
    assert inside(plan.last[plan.mix > 0], last, HD.aspect).all()
    assert plan.mix[0] == 0
    assert plan.mix[-1] == 1
    assert (np.diff(plan.mix) >= 0).all()


@pytest.mark.parametrize(
    ("key", "sign"),
    [("1-arrival", 1), ("4-bath", 1), ("7-farewell", -1), ("6-lifestyle", 1)],
)
def test_each_zooming_scene_zooms_by_what_its_table_says(key, sign):
    move = scene(key).camera
    plan = plan_single(move, photo(3000, 2000), HD, 120)
    zoomed = view_width(plan.first[0]) / view_width(plan.first[-1])
    assert math.copysign(1, math.log(zoomed)) == sign
    assert zoomed == pytest.approx(move.zoom, rel=0.01)


@pytest.mark.parametrize("key", ["2-bedroom", "3-vanity", "5-living"])
def test_each_travelling_scene_travels_by_what_its_table_says(key):
    move = scene(key).camera
    plan = plan_single(move, photo(3000, 2000), HD, 120)
    travelled = (plan.first[-1] - plan.first[0])[:2, 2] / view_width(plan.first[0])
    assert travelled[0] == pytest.approx(move.travel_x, rel=0.02)


def test_every_corner_moves_without_a_jerk():
    for each in SCENES:
        path = corners(plan_single(each.camera, photo(3000, 2250), HD, 120).first, HD.aspect)
        step = np.linalg.norm(np.diff(path, axis=0), axis=2)
        jerk = np.linalg.norm(np.diff(path, n=3, axis=0), axis=2)
        assert jerk.max() < 0.02 * step.max(), each.key


@pytest.mark.parametrize(("where", "low", "high"), [(0.15, 0.0, 0.5), (0.85, 0.5, 1.0)])
def test_a_wide_framing_keeps_the_subject_that_a_centre_crop_would_cut(where, low, high):
    small = subject_in(96, 128, (0.5, where), 0.12).mean(axis=2)
    tall = PhotoShape(width_px=960, height_px=1280, interest=interest_map(small))
    plan = plan_single(scene("4-bath").camera, tall, HD, 60)
    end = corners(plan.first[-1:], HD.aspect)[0]
    assert end[0, 1] < where * 1280 < end[2, 1]
    assert low <= end[:, 1].mean() / 1280 <= high


@pytest.mark.parametrize("kind", list(MoveKind))
def test_a_portrait_is_travelled_along_not_cropped_blindly(kind):
    move = next(each.camera for each in SCENES if each.camera.kind is kind)
    tall = photo(1200, 1800)
    path = corners(plan_single(move, tall, HD, 60).first, HD.aspect)
    shown = (path[..., 1].max() - path[..., 1].min()) / (path[0, 2, 1] - path[0, 0, 1])
    assert shown > (1.1 if kind is MoveKind.HOLD else 1.25)


@pytest.mark.parametrize(
    ("rows_of_water", "ends"),
    [
        pytest.param((0.65, 0.85), "low", id="below-the-trees"),
        pytest.param((0.3, 0.9), "high", id="in-sight-wherever-it-ends"),
        pytest.param((0.15, 0.35), "high", id="where-the-trees-are"),
        pytest.param((0.99, 1.0), "high", id="out-of-reach"),
        pytest.param(None, "high", id="none"),
    ],
)
@pytest.mark.parametrize("kind", [MoveKind.DOLLY_FORWARD, MoveKind.PULL_BACK])
def test_a_travel_does_not_end_on_trees_and_leave_the_pool_behind(kind, rows_of_water, ends):
    interest = np.where(np.arange(120)[:, None] < 70, 3.0, 1.0) * np.ones((1, 80))
    down = (np.arange(120)[:, None] + 0.5) / 120 * np.ones((1, 80))
    water = None if rows_of_water is None else ((down > rows_of_water[0]) & (down < rows_of_water[1])).astype(float)
    tall = PhotoShape(width_px=1200, height_px=1800, interest=interest / interest.sum(), water=water)
    path = corners(plan_single(next(e.camera for e in SCENES if e.camera.kind is kind), tall, HD, 60).first, HD.aspect)
    middle = path[:, :, 1].mean(axis=1)
    assert (middle[-1] > middle[0]) == (ends == "low")
    if ends == "low":
        top, bottom = path[-1, 0, 1], path[-1, 2, 1]
        assert bottom - 0.65 * 1800 > 0.1 * (bottom - top)


@pytest.mark.parametrize("lower_is_richer", [True, False])
def test_a_dissolve_between_two_tall_photos_does_not_turn_round(lower_is_richer):
    rising, falling = (
        np.where((np.arange(120)[:, None] < 60) == upper, 3.0, 1.0) * np.ones((1, 80)) for upper in (1, 0)
    )
    shapes_ = [PhotoShape(width_px=1200, height_px=1800, interest=each / each.sum()) for each in (rising, falling)]
    plan = plan_pair(scene("1-arrival").camera, *(shapes_ if lower_is_richer else shapes_[::-1]), HD, 120)
    start, end = plan.window
    for views in (plan.first[: end + 1], plan.last[start:]):
        middle = corners(views, HD.aspect)[..., 1].mean(axis=1)
        assert (middle[-1] > middle[0]) == lower_is_richer


def test_without_overlap_both_photos_move_alike_across_the_dissolve():
    move = scene("5-living").camera
    plan = plan_pair(move, photo(3000, 2000), photo(2400, 1800), HD, 120)
    during = np.flatnonzero((plan.mix > 0) & (plan.mix < 1))
    assert 0.4 <= len(during) / 30 <= 0.8
    steps = []
    for views in (plan.first, plan.last):
        here = np.linalg.inv(views[during[0]]) @ views[during[-1]]
        steps.append(here[0, 2] / here[2, 2])
    assert steps[0] == pytest.approx(steps[1], rel=0.08)
    assert steps[0] > 0


def test_with_overlap_a_scene_point_stays_in_one_place_of_the_frame_through_the_dissolve():
    first, last = photo(1920, 1280), photo(1920, 1280)
    measured = np.array([[1.12, 0.0, -200.0], [0.0, 1.12, -80.0], [0.0, 0.0, 1.0]])
    plan = plan_pair(scene("1-arrival").camera, first, last, HD, 120, overlap(measured))
    assert plan.aligned
    there = continuous(tuple(measured.ravel()))
    for at in np.flatnonzero((plan.mix > 0) & (plan.mix < 1)):
        seen_by_last = corners((there @ plan.first[at])[None], HD.aspect)
        assert np.abs(seen_by_last - corners(plan.last[at][None], HD.aspect)).max() < 1e-6


def test_an_overlap_that_goes_back_is_followed_even_in_a_scene_that_goes_in():
    first, last = photo(1920, 1280), photo(1920, 1280)
    back = np.array([[0.7, 0.0, 288.0], [0.0, 0.7, 192.0], [0.0, 0.0, 1.0]])
    plan = plan_pair(scene("1-arrival").camera, first, last, HD, 120, overlap(back))
    assert plan.aligned
    assert view_width(plan.first[-1]) > view_width(plan.first[0])


@pytest.mark.parametrize(
    "homography",
    [
        pytest.param(np.diag([-1.0, 1.0, 1.0]), id="mirror-image"),
        pytest.param(np.array([[1.0, 0, 1500], [0, 1, 0], [0, 0, 1]]), id="too-far-apart"),
        pytest.param(np.array([[0.0, -1, 1200], [1, 0, 0], [0, 0, 1]]), id="quarter-turn"),
    ],
)
def test_a_homography_no_camera_should_follow_is_not_followed(homography):
    plan = plan_pair(scene("2-bedroom").camera, photo(1920, 1280), photo(1920, 1280), HD, 60, overlap(homography))
    assert not plan.aligned


def lean(overlap_of_numbers):
    return Overlap(share=0.8, inliers=100, homography=tuple(overlap_of_numbers), zoom=1.0, shift_x=0.0, shift_y=0.0)


def test_a_homography_that_is_a_similarity_loses_nothing_by_the_plainer_move():
    turn = 1.1 * np.exp(0.03j)
    exact = [turn.real, -turn.imag, 40.0, turn.imag, turn.real, -25.0, 0.0, 0.0, 1.0]
    plainer = without_leaning(lean(exact), PhotoShape(width_px=2400, height_px=1600), 16 / 9)
    assert plainer.homography == pytest.approx(exact, abs=1e-6)


@given(st.floats(-8e-5, 8e-5), st.floats(-8e-5, 8e-5), st.floats(-0.2, 0.2), st.floats(0.8, 1.25))
def test_the_plainer_move_keeps_verticals_parallel_and_the_middle_in_place(across, down, shear, zoom):
    photo = PhotoShape(width_px=2400, height_px=1600)
    leaning = np.array([[zoom, shear, 30.0], [0.0, zoom, -20.0], [across, down, 1.0]])
    plainer = np.array(without_leaning(lean(leaning.ravel()), photo, 16 / 9).homography).reshape(3, 3)
    assert plainer[2] == pytest.approx([0.0, 0.0, 1.0], abs=1e-12)
    assert plainer[0, 0] == pytest.approx(plainer[1, 1])
    assert plainer[0, 1] == pytest.approx(-plainer[1, 0])
    middle = np.array([1200.0, 800.0, 1.0])
    there, plain = leaning @ middle, plainer @ middle
    assert np.hypot(*(there[:2] / there[2] - plain[:2])) < 0.12 * 2400


@pytest.mark.parametrize("has_pair", [False, True])
def test_half_pace_takes_twice_the_frames_and_leaves_and_arrives_as_the_plan_does(has_pair):
    move, film = scene("1-arrival").camera, FilmFormat(width_px=1920, height_px=1080, fps=Fraction(30))
    plan = (
        plan_pair(move, photo(3000, 2000), photo(2800, 2000), film, 120, None)
        if has_pair
        else plan_single(move, photo(3000, 2000), film, 120)
    )
    places = half_pace(120)
    slow = plan.at(places)
    assert slow.frames == 240
    assert np.allclose(slow.first[[0, -1]], plan.first[[0, -1]])
    assert (slow.last is not None) == has_pair
    assert np.all(np.diff(slow.mix) >= 0)
    # Every other frame is one of the plan's own, the others stand halfway; it comes to rest a little.
    assert np.allclose(slow.first[:238:2], plan.first[:119])
    assert np.allclose(slow.first[1:238:2], (plan.first[:-1] + plan.first[1:]) / 2)
    assert np.allclose(np.diff(places), [0.5] * 237 + [0.25] * 2)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_half_pace_of_a_few_frames_stays_among_them(frames):
    places = half_pace(frames)
    assert len(places) == 2 * frames
    assert places[0] == 0
    assert places[-1] == frames - 1
    assert (np.diff(places) >= 0).all()
