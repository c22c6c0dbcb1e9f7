"""What a note asks for: the vocabulary, what it changes, and that nothing else changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.approvals import plan_digest
from luxvid_pipeline.domain.directions import check_note, put_on, read_note, scene_key_of
from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairing import choose_pairs
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.wishes import NO_WISHES, PictureWishes
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline_tests.imagined import photo

HOME = (
    photo("pool", Room.POOL, features=("water", "sky")),
    photo("pool-dusk", Room.POOL, features=("water", "dusk"), sharpness=0.5),
    photo("front", Room.EXTERIOR_FRONT),
    photo("bedroom", Room.BEDROOM, file="upstairs/IMG_0003.jpg"),
    photo("guest", Room.BEDROOM, file="guest-bedroom.jpg", sharpness=0.4),
    photo("bath", Room.BATHROOM),
    photo("tub", Room.BATHTUB_SHOWER, features=("tub",)),
    photo("living", Room.LIVING),
    photo("dining", Room.DINING, features=("table",)),
    photo("kitchen", Room.KITCHEN, file="Küche 1.jpg"),
    photo("terrace", Room.TERRACE),
    photo("unknown", Room.UNKNOWN, file="DSC_0777.jpg", room_confidence=0.0),
)
BY_ID = {each.photo_id: each for each in HOME}


def board():
    return LocalWriter().write("villa", ListingManifest(), HOME).storyboard


def pairs_of(storyboard, pinned=None):
    return choose_pairs(
        [shot.scene for shot in storyboard.shots],
        HOME,
        {},
        subjects={shot.scene: shot.subject for shot in storyboard.shots},
        wishes={shot.scene: shot.wishes for shot in storyboard.shots},
        pinned=pinned,
    )


def asked(text):
    direction = read_note(text, HOME)
    values = {name: value for name, value in direction.wishes if value}
    for name in ("never", "other", "leave_out", "scenes", "not_understood", "unknown"):
        if getattr(direction, name):
            values[name] = getattr(direction, name)
    return values


T, K, D = Room.TERRACE, Room.KITCHEN, Room.DINING


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("show the terrace, not the kitchen", {"rooms": (T,), "not_rooms": (K,)}),
        ("show the terrace not the kitchen", {"rooms": (T,), "not_rooms": (K,)}),
        ("Not the kitchen: the terrace!", {"rooms": (T,), "not_rooms": (K,)}),
        ("instead of the kitchen show the terrace", {"rooms": (T,), "not_rooms": (K,)}),
        ("we don't want to see the kitchen or the dining room", {"not_rooms": (K, D)}),
        ("no kitchen", {"not_rooms": (K,)}),
        ("more terrace", {"rooms": (T,)}),
        ("at dusk, please", {"words": ("dusk",)}),
        ("by day", {"not_words": ("dusk",)}),
        ("not the guest bedroom", {"not_words": ("guest",), "not_rooms": (Room.BEDROOM,)}),
        ("the tub, not the shower", {"words": ("tub",)}),
        ("use IMG_3", {"photos": ("bedroom",)}),
        ("Use IMG_0003.JPG instead of guest-bedroom.jpg", {"photos": ("bedroom",), "not_photos": ("guest",)}),
        ("use Küche 1.jpg", {"photos": ("kitchen",)}),
        ("begin on pool.jpg, end on pool-dusk.jpg", {"first": "pool", "last": "pool-dusk"}),
        ("from upstairs/IMG_0003.jpg to guest-bedroom.jpg", {"first": "bedroom", "last": "guest"}),
        ("another photo, please", {"other": True}),
        ("scene 3: a different picture", {"scenes": ("3-vanity",), "other": True}),
        ("no people", {"never": ("people",)}),
        ("no people, cars or text", {"never": ("people", "cars", "text")}),
        ("no people in the pool", {"never": ("people",)}),
        ("without any garden furniture", {"not_rooms": (Room.GARDEN,), "never": ("furniture",)}),
        ("remove the cars from the driveway", {"never": ("cars",)}),
        ("not the green sofa", {"never": ("green sofa",)}),
        ("leave it out", {"leave_out": True}),
        # What is not understood is told back, and no wish is made up from it.
        ("the kitchen is too dark", {"not_understood": ("the kitchen is too dark",)}),
        ("Make it rain in the living room.", {"not_understood": ("rain",)}),
        ("not so dark", {"not_understood": ("so dark",)}),
        ("show the terrace, slower", {"rooms": (T,), "not_understood": ("slower",)}),
        ("use IMG_0042.jpg", {"unknown": ("no usable photo is IMG_0042.jpg",)}),
        ("show it at night, no lights", {"words": ("dusk",), "never": ("lights",)}),
    ],
)
def test_the_vocabulary(text, meant):
    assert asked(text) == meant


@pytest.mark.parametrize(("said", "key"), [("3", "3-vanity"), ("3-vanity", "3-vanity"), (" Vanity ", "3-vanity")])
def test_a_scene_is_given_by_number_key_or_name(said, key):
    assert scene_key_of(said) == key


@pytest.mark.parametrize("said", ["0", "8", "vanities", "3-bath", "²"])
def test_a_scene_that_is_none_is_refused_with_the_list(said):
    with pytest.raises(InputError, match=r"give 1 to 7 or one of 1-arrival, .*7-farewell"):
        scene_key_of(said)


@pytest.mark.parametrize("text", ["", " \n ", "so " * 2000])
def test_a_note_that_nobody_can_read_is_refused(text):
    with pytest.raises(InputError, match="the feedback"):
        check_note(text)


def revised(text, about="", before=None, storyboard=None):
    before = pairs_of(board()) if before is None else before
    return LocalWriter().revise(storyboard or board(), text, ListingManifest(), HOME, about=about, pairs=before)


def test_another_room_changes_the_words_of_its_scene_alone():
    draft = revised("show the terrace, not the dining room", "6-lifestyle")
    old = {shot.scene: shot for shot in board().shots}
    for shot in draft.storyboard.shots:
        if shot.scene == "6-lifestyle":
            assert (shot.subject, shot.since) == ("the terrace", 2)
            assert "the terrace" in shot.prompt
            assert shot.score_prompt == old[shot.scene].score_prompt
        else:
            assert shot == old[shot.scene]
    assert draft.storyboard.version == 2
    assert draft.done == ("6-lifestyle is chosen anew: show terrace, not dining area",)
    assert draft.not_done == ()
    chosen = {row.scene: row for row in pairs_of(draft.storyboard)}
    assert chosen["6-lifestyle"].first_photo == "terrace"
    assert chosen["6-lifestyle"].reason.endswith("As a person's note asks.")


def test_a_named_photo_is_taken_whatever_its_label_says():
    draft = revised("use DSC_0777.jpg", "3-vanity")
    chosen = {row.scene: row for row in pairs_of(draft.storyboard)}
    assert chosen["3-vanity"].photos == ("unknown",)


def test_a_scene_begins_and_ends_where_a_person_says():
    draft = revised("begin on pool-dusk.jpg and end on pool.jpg", "1-arrival")
    chosen = {row.scene: row for row in pairs_of(draft.storyboard)}
    assert chosen["1-arrival"].photos == ("pool-dusk", "pool")


def test_a_named_photo_brings_back_a_scene_that_was_left_out():
    out = revised("leave it out", "4-bath")
    assert [each.scene for each in out.storyboard.left_out] == ["4-bath"]
    assert out.storyboard.shots == tuple(shot for shot in board().shots if shot.scene != "4-bath")
    back = revised("use tub.jpg", "4-bath", pairs_of(out.storyboard), out.storyboard).storyboard
    assert [shot.scene for shot in back.shots] == list(SCENE_KEYS)
    shot = back.shots[3]
    assert (shot.subject, shot.since, back.version) == ("the tub", 3, 3)
    assert shot.prompt


def test_what_must_not_appear_goes_into_the_negative_prompt_and_changes_no_photo():
    draft = revised("no garden gnomes", "5-living")
    assert draft.storyboard.version == 1 or draft.done
    draft = revised("no red balloons")
    assert all(shot.negative_prompt.endswith("red balloons") for shot in draft.storyboard.shots)
    assert all(shot.since == 1 for shot in draft.storyboard.shots)


def test_a_note_about_what_is_so_already_chooses_nothing_anew():
    draft = revised("show the dining room", "6-lifestyle")
    assert draft.done == ("6-lifestyle is so already: dining.jpg",)
    assert all(shot.since == 1 for shot in draft.storyboard.shots)


@pytest.mark.parametrize(
    ("text", "about", "line"),
    [
        ("show the kitchen", "2-bedroom", "2-bedroom may honestly show bedroom only; name a photo's file to vouch"),
        ("show the garden", "1-arrival", "1-arrival: show garden: no usable photo that may play this scene does"),
        ("use pool.jpg", "7-farewell", "pool.jpg already serves 1-arrival; direct that scene to another photo first"),
        ("show the tub", "3-vanity", "3-vanity: with tub: the only photos for it serve 4-bath"),
        ("show the terrace", "", "say which scene's photos to change, with --scene"),
        ("another photo", "", "say which scene's photos to change, with --scene"),
        ("leave it out", "", "say which scene to leave out, with --scene"),
        ("make it sing", "2-bedroom", "not understood: “make it sing”"),
        ("…", "2-bedroom", "not understood: “…”"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_changes_nothing(text, about, line):
    draft = revised(text, about)
    assert len(draft.not_done) == 1
    assert draft.not_done[0].startswith(line)
    assert draft.storyboard == board()


def test_without_a_scene_an_unwanted_room_gives_way_wherever_it_is_shown():
    before = pairs_of(board())
    draft = revised("not the dining room, the terrace", before=before)
    changed = [new.scene for new, old in zip(draft.storyboard.shots, board().shots, strict=True) if new != old]
    assert changed == ["6-lifestyle"]


def test_another_photo_is_none_of_those_the_person_saw():
    before = pairs_of(board())
    arrival = before[0].photos
    draft = revised("another photo", "1-arrival", before)
    chosen = pairs_of(draft.storyboard, {row.scene: row for row in before if row.scene != "1-arrival"})
    assert chosen[0].photos
    assert not set(chosen[0].photos) & set(arrival)
    later = put_on(board(), read_note("another photo", HOME), HOME, before, about="1-arrival", seen=("front",))
    assert later.storyboard.shots[0].wishes == PictureWishes(not_photos=("front",))


def test_a_later_note_takes_back_an_earlier_one():
    first = revised("show the terrace, not the dining room", "6-lifestyle").storyboard
    second = revised("show the dining room after all", "6-lifestyle", pairs_of(first), first).storyboard
    chosen = {row.scene: row for row in pairs_of(second)}
    assert chosen["6-lifestyle"].first_photo == "dining"
    assert second.version == 3


VOCABULARY = """
show not no use the a terrace kitchen pool bedroom tub dusk day people cars another photo pool.jpg IMG_3 DSC_0777.jpg
begin on end leave it out , . and from to guest brighter scene 2
"""
_WORDS = st.sampled_from(VOCABULARY.split())


@settings(max_examples=40, deadline=None)
@given(text=st.lists(_WORDS, min_size=1, max_size=8).map(" ".join), about=st.sampled_from(SCENE_KEYS))
def test_a_note_for_one_scene_leaves_all_other_shots_and_pairs_identical(text, about):
    before, old = pairs_of(board()), {shot.scene: shot for shot in board().shots}
    new = revised(text, about, before).storyboard
    others = {shot.scene: shot for shot in new.shots if shot.scene != about}
    assert others == {key: shot for key, shot in old.items() if key != about}
    pinned = {
        row.scene: row for row in before if any(shot.scene == row.scene and shot.since == 1 for shot in new.shots)
    }
    rows = {row.scene: row for row in pairs_of(new, pinned)}
    assert all(rows[row.scene] == row for row in before if row.scene != about)
    used = [photo_id for row in rows.values() for photo_id in row.photos]
    assert len(used) == len(set(used))
    shot = next((shot for shot in new.shots if shot.scene == about), None)
    if shot is not None and shot.wishes != NO_WISHES:
        assert shot.wishes.met_by(rows[about].photos, BY_ID)


@given(text=st.text(max_size=80))
def test_any_text_is_read_without_an_accident(text):
    read_note(text, HOME)


def test_a_plan_is_another_as_soon_as_a_prompt_a_photo_or_an_engine_is():
    engines = {"clips": ["local"], "score": ["local"]}
    first, pairs = board(), pairs_of(board())
    plan = plan_digest(first, pairs, engines)
    noted = revised("no red balloons", "5-living").storyboard
    assert plan_digest(first, pairs_of(first), engines) == plan
    assert plan_digest(noted, pairs, engines) != plan
    assert plan_digest(first, pairs, engines | {"clips": ["google/veo-3.1-fast"]}) != plan
    assert plan_digest(first, pairs, engines | {"images": ["google/nano-banana"]}) != plan
    other = [row if row.scene != "1-arrival" else type(row)(scene=row.scene, first_photo="front") for row in pairs]
    assert plan_digest(first, other, engines) != plan
