"""The local storyboard says what the photos, the manifest and the scene table say, and nothing else."""

import pytest

from luxvid_pipeline.domain.listing import MUSIC_STYLES, parse_manifest
from luxvid_pipeline.domain.pairing import choose_pairs
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.subjects import rooms_named, subject_of, words_of_name
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline_tests.imagined import a_whole_home, photo

MANIFEST = """
title: Villa Aurora
brief: {key_messages: ["ocean on three sides"], audience: "international buyers"}
brand: {tone: [calm, bright], avoid: [people, cars]}
film: {clip_seconds: 3, transition: dissolve, music: modern-piano}
"""


def write(photos, manifest=""):
    return LocalWriter().write("villa-aurora", parse_manifest(manifest), photos).storyboard


def shot(board, key):
    return next(each for each in board.shots if each.scene == key)


def test_a_whole_home_gets_seven_scenes_in_order():
    board = write(a_whole_home())
    assert tuple(each.scene for each in board.shots) == SCENE_KEYS
    assert board.left_out == ()
    assert (board.engine, board.version, board.listing, board.title) == ("local", 1, "villa-aurora", "Villa Aurora")


def test_the_manifest_reaches_every_shot():
    board = write(a_whole_home(), MANIFEST)
    assert (board.music, board.transition) == ("modern-piano", "dissolve")
    for each in board.shots:
        assert each.seconds == 3
        assert "Villa Aurora" in each.prompt
        assert "calm and bright mood" in each.prompt
        assert "calm and bright" in each.score_prompt
        assert "piano" in each.score_prompt
        assert each.negative_prompt.split(", ").count("people") == 1
        assert "cars" in each.negative_prompt.split(", ")
        assert "{" not in each.prompt


def test_key_messages_are_told_outside_and_never_put_the_ocean_into_the_bathroom():
    board = write(a_whole_home(), MANIFEST)
    told = [each.scene for each in board.shots if "ocean on three sides" in each.prompt]
    assert told == ["1-arrival", "7-farewell"]


def test_a_prompt_speaks_of_water_only_where_the_photo_shows_water():
    dry = [each for each in a_whole_home() if each.room is not Room.POOL] + [photo("back", Room.EXTERIOR_BACK)]
    assert "water" in shot(write(a_whole_home()), "1-arrival").prompt
    assert "water" not in shot(write(dry), "1-arrival").prompt


def test_braces_in_a_title_are_only_text():
    assert "Casa {subject} Azul" in shot(write(a_whole_home(), "title: 'Casa {subject} Azul'"), "5-living").prompt


@pytest.mark.parametrize("style", MUSIC_STYLES)
def test_each_music_style_has_a_score_of_its_own_that_opens_and_closes(style):
    board = write(a_whole_home(), f"film: {{music: {style}}}")
    prompts = [each.score_prompt for each in board.shots]
    assert len(set(prompts)) == len(prompts)
    assert prompts[0].startswith("Opening of")
    assert prompts[-1].startswith("Close of")
    assert all("no vocals" in each for each in prompts)


def test_scenes_without_an_honest_photo_are_left_out_with_the_reason():
    board = write([each for each in a_whole_home() if each.room not in (Room.BEDROOM, Room.LIVING, Room.DINING)])
    assert {each.scene: each.reason for each in board.left_out} == {
        "2-bedroom": "no photo shows a bedroom",
        "5-living": "no photo shows a living room",
        "6-lifestyle": "no photo shows a dining area, a kitchen or a terrace",
    }


@pytest.mark.parametrize("missing", ["pool", "tub", "living", "bathroom", "dining"])
def test_the_pairs_can_fill_every_scene_the_storyboard_promises(missing):
    photos = [each for each in a_whole_home() if each.photo_id != missing]
    board = write(photos)
    rows = choose_pairs(
        [each.scene for each in board.shots], photos, {}, subjects={each.scene: each.subject for each in board.shots}
    )
    assert [row.scene for row in rows if not row.left_out] == [each.scene for each in board.shots]
    chosen = {row.scene: row.first_photo for row in rows}
    subjects = {each.photo_id: subject_of(each) for each in photos}
    assert all(subjects[chosen[each.scene]] == each.subject for each in board.shots)


def test_an_empty_catalogue_leaves_everything_out():
    board = write([])
    assert board.shots == ()
    assert [each.scene for each in board.left_out] == list(SCENE_KEYS)


@pytest.mark.parametrize(
    ("room", "facts", "words"),
    [
        (Room.POOL, {}, "the pool"),
        (Room.POOL, {"features": ("Infinity-Pool", "dusk")}, "the infinity pool at dusk"),
        (Room.BEDROOM, {}, "the bedroom"),
        (Room.BEDROOM, {"file": "MasterBedroom-2.jpg"}, "the principal bedroom"),
        (Room.BEDROOM, {"file": "master/guest.jpg"}, "the bedroom"),
        (Room.BATHTUB_SHOWER, {}, "the bathing area"),
        (Room.BATHTUB_SHOWER, {"features": ("shower",)}, "the shower"),
        (Room.LIVING, {"features": ("dusk",)}, "the living room"),
        (Room.UNKNOWN, {"features": ("exterior",)}, "the property"),
    ],
)
def test_a_subject_says_no_more_than_the_catalogue(room, facts, words):
    assert subject_of(photo("a", room, **facts)) == words


@pytest.mark.parametrize("room", [room for room in Room if room is not Room.UNKNOWN])
def test_a_subject_names_its_own_room_or_none(room):
    assert rooms_named(subject_of(photo("a", room))) <= {room}


def test_the_words_of_a_name_leave_numbers_and_folders_out():
    assert words_of_name("upstairs\\IMG/MasterBath_02.jpeg") == ("master", "bath")
    assert words_of_name("DSC_0412.jpg") == ("dsc",)
