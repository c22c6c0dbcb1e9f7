"""What goes out, as a plan."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.delivery_plan import (
    CARD,
    LONG_S,
    SHORT_S,
    Material,
    Preset,
    Shape,
    format_of,
    plan_delivery,
    room_caption,
    scene_weight,
)
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS

GRID = 15


def material(frames=120, scenes=7, *, slows=True):
    return [
        Material(scene=key, frames=frames, weight=scene_weight(key, 0.8), slows=slows) for key in SCENE_KEYS[:scenes]
    ]


def plan(given=None, shapes=(Shape.TALL,), **options):
    return plan_delivery("villa", given or material(), shapes, grid=GRID, **{"captioned": SCENE_KEYS, **options})


def cut_of(made, preset, *, branded):
    return next(cut for cut in made.cuts if cut.preset is preset and cut.branded is branded)


def photo(room, by="manifest", confidence=1.0, features=()):
    return CataloguedPhoto(
        photo_id="p",
        file="p.jpg",
        working="p.jpg",
        width_px=1,
        height_px=1,
        room=room,
        room_by=by,
        room_confidence=confidence,
        features=features,
    )


def test_a_film_of_seven_scenes_goes_out_in_three_lengths_with_a_card_and_without():
    made = plan()
    assert [(cut.preset.value, cut.branded, cut.seconds) for cut in made.cuts] == [
        ("film", False, 28.0),
        ("film", True, 33.0),
        ("short", False, 15.0),
        ("short", True, 15.0),
        ("long", False, 56.0),
        ("long", True, 60.0),
    ]
    assert made.teaser.seconds == 6.0
    assert made.notes == ()


def test_names_tell_listing_length_shape_brand_and_size():
    names = [file.name for file in plan().files]
    assert "villa_28s_9x16_unbranded_1080p.mp4" in names
    assert "villa_33s_16x9_branded_480p.mp4" in names
    assert "villa_15s_9x16_branded_1080p.mp4" in names
    assert len(set(names)) == len(names)


def test_sixteen_by_nine_always_goes_out_and_small_sizes_only_of_the_film_itself():
    made = plan(shapes=(Shape.SQUARE,))
    assert {file.shape for file in made.files} == {Shape.WIDE, Shape.SQUARE}
    small = [file for file in made.files if file.short_side_px < 1080]
    assert {(file.shape, file.cut.preset) for file in small} == {(Shape.WIDE, Preset.FILM)}
    assert [stream.folder for stream in made.streams] == ["villa_28s_16x9_unbranded_hls", "villa_33s_16x9_branded_hls"]


def test_a_short_cut_opens_and_ends_as_the_film_does_with_the_best_rooms_between():
    shown = [window.scene for window in cut_of(plan(), Preset.SHORT, branded=False).windows]
    assert shown == ["1-arrival", "2-bedroom", "5-living", "6-lifestyle", "7-farewell"]


def test_the_last_window_ends_where_the_scene_ends():
    for cut in plan().cuts:
        last = cut.windows[-1]
        assert last.start + last.frames == 120 * (2 if last.slow else 1)


def test_a_caption_is_the_same_stretch_in_every_cut_so_that_it_is_encoded_once():
    places = {
        (window.scene, window.slow): window.caption
        for cut in plan().cuts
        for window in cut.windows
        if window.caption is not None
    }
    for cut in plan().cuts:
        for window in cut.windows:
            assert window.caption in {None, places.get((window.scene, window.slow))}
    captioned = [part for part in plan().parts if part.captioned]
    assert len({part.name for part in captioned}) == len(captioned)


def test_unbranded_cuts_carry_neither_caption_nor_card():
    for cut in plan().cuts:
        if not cut.branded:
            assert cut.card_frames == 0
            assert all(window.caption is None for window in cut.windows)


def test_without_a_brand_nothing_branded_goes_out_and_it_is_said():
    made = plan(branded=False)
    assert not any(file.cut.branded for file in made.files)
    assert "neither an agent nor a logo" in made.notes[0]


@pytest.mark.parametrize(
    ("given", "note"),
    [
        pytest.param(material(60), "no 15 s cut: the film itself lasts 14 s", id="short-film"),
        pytest.param(material(slows=False), "no 60 s cut: too few of the clips", id="nothing-slows"),
        pytest.param(material(210), "no 60 s cut: the film itself nearly is", id="nearly-a-minute"),
    ],
)
def test_a_length_that_the_clips_do_not_give_is_left_out_and_it_is_said(given, note):
    assert any(said.startswith(note) for said in plan(given).notes)


def test_scenes_that_do_not_slow_keep_their_pace_and_are_named():
    scenes = material()
    scenes[2] = Material(scene="3-vanity", frames=120, slows=False)
    made = plan(scenes)
    window = cut_of(made, Preset.LONG, branded=False).windows[2]
    assert (window.slow, window.frames) == (False, 120)
    assert "3-vanity" in made.notes[0]


def test_broadcasters_get_the_film_at_their_own_loudness():
    files = [file for file in plan(broadcast=True).files if file.target.name == "r128"]
    assert [file.name for file in files] == [
        "villa_28s_16x9_unbranded_1080p_r128.mp4",
        "villa_33s_16x9_branded_1080p_r128.mp4",
    ]
    assert {file.target.loudness_lufs for file in files} == {-23.0}


@given(
    frames=st.lists(st.integers(60, 300), min_size=1, max_size=7),
    slows=st.lists(st.booleans(), min_size=7, max_size=7),
    captioned=st.sets(st.sampled_from(SCENE_KEYS)),
)
def test_whatever_the_clips_every_file_is_joined_from_whole_groups_of_pictures(frames, slows, captioned):
    scenes = [
        Material(scene=key, frames=length, slows=slow)
        for key, length, slow in zip(SCENE_KEYS, frames, slows, strict=False)
    ]
    made = plan_delivery("villa", scenes, [Shape.TALL], grid=GRID, captioned=captioned)
    lengths = {scene.scene: scene.frames for scene in scenes}
    assert len({file.name for file in made.files}) == len(made.files)
    for cut in made.cuts:
        assert cut.windows
        if cut.preset is Preset.SHORT:
            assert cut.seconds <= SHORT_S
        if cut.preset is Preset.LONG:
            assert cut.seconds <= LONG_S
        assert sum(cut.stage_seconds) == pytest.approx(cut.seconds)
    for file in made.files:
        assert sum(piece.frames for piece in file.pieces) == file.cut.frames
        for piece in file.pieces:
            if piece.part.scene == CARD or piece.part.captioned:
                continue
            whole = lengths[piece.part.scene] * (2 if piece.part.slow else 1)
            assert piece.start % GRID == 0
            assert (piece.start + piece.frames) % GRID == 0 or piece.start + piece.frames == whole


@pytest.mark.parametrize(("shape", "short"), list(itertools.product(Shape, (1080, 720, 480))))
def test_every_size_is_even_and_as_its_shape_says(shape, short):
    size = format_of(shape, short)
    assert size.width_px % 2 == size.height_px % 2 == 0
    across, down = (int(number) for number in shape.value.split("x"))
    assert size.aspect == pytest.approx(across / down, rel=0.002)
    assert min(size.width_px, size.height_px) == short


@pytest.mark.parametrize(
    ("photos", "words"),
    [
        pytest.param([photo(Room.LIVING)], "Living room", id="manifest"),
        pytest.param([photo(Room.LIVING), photo(Room.DINING)], "", id="two-rooms"),
        pytest.param([photo(Room.KITCHEN, "local rule", 0.5)], "", id="unsure"),
        pytest.param([photo(Room.KITCHEN, "local rule", 0.8)], "Kitchen", id="sure"),
        pytest.param([photo(Room.BATHTUB_SHOWER, features=("tub",))], "Bath", id="tub"),
        pytest.param([photo(Room.UNKNOWN)], "", id="unknown"),
        pytest.param([photo(Room.DETAIL)], "", id="detail"),
    ],
)
def test_a_room_is_named_only_where_it_is_sure(photos, words):
    assert room_caption(photos) == words
