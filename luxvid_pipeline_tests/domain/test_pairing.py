"""Which photos may play a scene, what a pair must offer, and that the choice over all scenes is the best there is."""

import itertools
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.pairing import (
    MOST_UNMEASURED,
    Take,
    best_takes,
    choose_pairs,
    exposure_score,
    inverted,
    pair_gain,
    pair_key,
    photo_score,
    possible_takes,
    promising_pairs,
    room_fit,
)
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS, SCENES, scene
from luxvid_pipeline_tests.imagined import a_whole_home, overlap, photo

SCENE = {each.key.split("-")[1]: each for each in SCENES}


def rows_by_scene(rows):
    return {row.scene: row for row in rows}


# --- one photo ---


@pytest.mark.parametrize("each", SCENES, ids=SCENE_KEYS)
def test_a_photo_never_plays_a_scene_its_room_is_not_listed_for(each):
    for room in Room:
        fit = room_fit(each, photo("a", room))
        assert fit == each.rooms.get(room, 0.0)
        assert (photo_score(each, photo("a", room)) > 0) == (room in each.rooms)


@pytest.mark.parametrize(
    ("which", "better", "worse"),
    [
        pytest.param("arrival", {"sharpness": 0.9}, {"sharpness": 0.3}, id="sharper"),
        pytest.param("arrival", {"exposure": 0.5}, {"exposure": 0.12}, id="not-dark"),
        pytest.param("arrival", {"exposure": 0.5}, {"exposure": 0.9}, id="not-burnt-out"),
        pytest.param("arrival", {}, {"width_px": 900, "height_px": 600}, id="larger"),
        pytest.param("arrival", {}, {"width_px": 2000, "height_px": 3000}, id="landscape-before-portrait"),
        pytest.param("arrival", {"depth": 0.9}, {"depth": 0.1}, id="deep-for-a-dolly"),
        pytest.param("arrival", {"features": ("water",)}, {}, id="water-for-the-arrival"),
        pytest.param("vanity", {"symmetry": 0.9}, {"symmetry": 0.1}, id="symmetrical-for-the-vanity"),
        pytest.param("lifestyle", {"warmth": 0.9}, {"warmth": 0.1}, id="warm-for-lifestyle"),
        pytest.param("bedroom", {"file": "master-bedroom.jpg"}, {"file": "bedroom-2.jpg"}, id="the-principal-bedroom"),
        pytest.param("living", {"room_confidence": 1.0}, {"room_confidence": 0.5}, id="surer"),
        pytest.param("living", {"suitability": {"5-living": 1.0}}, {"suitability": {"5-living": 0.1}}, id="suited"),
    ],
)
def test_of_two_photos_of_a_room_the_better_made_one_scores_higher(which, better, worse):
    shown = SCENE[which]
    room = max(shown.rooms, key=lambda each: shown.rooms[each])
    assert photo_score(shown, photo("a", room, **better)) > photo_score(shown, photo("b", room, **worse))


@given(st.floats(0, 1))
def test_exposure_scores_stay_between_nothing_and_everything(exposure):
    assert 0 <= exposure_score(exposure) <= 1


@pytest.mark.parametrize(
    ("features", "which", "may"),
    [
        (("exterior", "sky"), "arrival", True),
        (("exterior", "sky"), "farewell", True),
        (("exterior", "sky"), "lifestyle", False),
        (("interior",), "living", False),
        ((), "arrival", False),
    ],
)
def test_an_unknown_room_only_ever_stands_for_the_outside_of_the_house(features, which, may):
    unknown = photo("a", Room.UNKNOWN, room_confidence=0.0, features=features)
    assert (photo_score(SCENE[which], unknown) > 0) is may
    doubtful = photo("a", Room.BEDROOM, room_confidence=0.1, features=features)
    assert photo_score(SCENE["bedroom"], doubtful) == 0


def test_the_storyboards_subject_is_preferred_but_not_at_any_price():
    kitchen, dining = photo("k", Room.KITCHEN), photo("d", Room.DINING)
    lifestyle = SCENE["lifestyle"]
    assert photo_score(lifestyle, dining) > photo_score(lifestyle, kitchen)
    assert photo_score(lifestyle, kitchen, "the kitchen") > photo_score(lifestyle, dining, "the kitchen") > 0


# --- two photos ---


@pytest.mark.parametrize(
    ("which", "follows", "against"),
    [
        pytest.param("arrival", {"zoom": 1.2}, {"zoom": 1 / 1.2}, id="a-dolly-goes-closer"),
        pytest.param("bath", {"zoom": 1.15}, {"zoom": 1 / 1.15}, id="a-push-in-goes-closer"),
        pytest.param("farewell", {"zoom": 0.8}, {"zoom": 1.25}, id="a-pull-back-goes-wider"),
        # The first photo's centre found further left in the second means that the view went right.
        pytest.param("bedroom", {"shift_x": -0.12}, {"shift_x": 0.12}, id="this-truck-goes-right"),
        pytest.param("vanity", {"shift_x": 0.12}, {"shift_x": -0.12}, id="this-truck-goes-left"),
        pytest.param("living", {"shift_x": -0.2}, {"shift_x": 0.2}, id="this-sweep-goes-right"),
        pytest.param("lifestyle", {"zoom": 1.04}, {"zoom": 1.5}, id="a-hold-hardly-moves"),
    ],
)
def test_a_pair_gains_by_following_the_scenes_camera_and_loses_by_going_against_it(which, follows, against):
    shown = SCENE[which]
    room = next(iter(shown.rooms))
    a, b = photo("a", room), photo("b", room)
    good, bad = pair_gain(shown, a, b, overlap(**follows)), pair_gain(shown, a, b, overlap(**against))
    assert good is not None
    assert bad is not None
    assert good > 2 * MOST_UNMEASURED
    assert bad < 0
    [pair] = [
        take for take in possible_takes(shown, [a, b], {("a", "b"): overlap(**follows)}) if take.photos == ("a", "b")
    ]
    assert pair.worth > max(photo_score(shown, a), photo_score(shown, b))


@pytest.mark.parametrize(
    "no_pair",
    [
        pytest.param(overlap(share=0.99), id="the-same-picture-twice"),
        pytest.param(overlap(share=0.1, zoom=1.2), id="hardly-anything-in-common"),
    ],
)
def test_two_photos_that_offer_no_move_are_no_pair(no_pair):
    assert pair_gain(SCENE["arrival"], photo("a"), photo("b"), no_pair) is None


def test_a_second_photo_in_another_light_is_worth_less():
    arrival, step = SCENE["arrival"], overlap(zoom=1.2)
    day, dusk = photo("a"), photo("b", exposure=0.3, features=("dusk",))
    assert pair_gain(arrival, day, dusk, step) < pair_gain(arrival, day, photo("b"), step) / 2


def test_an_overlap_measured_one_way_serves_both_ways():
    a, b = photo("a"), photo("b")
    there = overlap(share=0.6, zoom=1.25, shift_x=0.1, shift_y=-0.05)
    back = inverted(there, a, b)
    assert back.zoom == pytest.approx(0.8)
    assert back.shift_x == pytest.approx(-0.1 / 1.25)
    assert back.shift_y == pytest.approx(0.05 / 1.25)
    assert back.share == pytest.approx(0.6 * 1.25**2)
    again = inverted(back, b, a)
    assert again.homography == pytest.approx(there.homography)
    assert (again.shift_x, again.zoom) == (pytest.approx(there.shift_x), pytest.approx(there.zoom))


def test_the_second_photo_of_a_pull_back_is_the_wider_one_whichever_way_it_was_measured():
    photos = [photo("tight", Room.AERIAL), photo("wide", Room.AERIAL)]
    for overlaps in ({("tight", "wide"): overlap(zoom=0.8)}, {("wide", "tight"): overlap(zoom=1.25)}):
        row = rows_by_scene(choose_pairs(["7-farewell"], photos, overlaps))["7-farewell"]
        assert row.photos == ("tight", "wide")
        assert row.overlap is not None
        assert row.overlap.zoom == pytest.approx(0.8)
        assert "a step further back" in row.reason


@pytest.mark.parametrize(
    ("room", "facts", "may"),
    [
        pytest.param(Room.LIVING, {}, True, id="a-home-has-one-living-room"),
        pytest.param(Room.BEDROOM, {}, False, id="two-bedrooms-are-two-rooms"),
        pytest.param(Room.BATHROOM, {}, False, id="two-bathrooms-are-two-rooms"),
        pytest.param(Room.LIVING, {"room_confidence": 0.6}, False, id="nobody-is-sure"),
        pytest.param(Room.LIVING, {"file": "downstairs-living.jpg"}, False, id="the-names-say-another-floor"),
    ],
)
def test_without_measured_overlap_only_sure_views_of_a_room_there_is_one_of_make_a_pair(room, facts, may):
    shown = next(each for each in SCENES if each.rooms.get(room) == 1.0)
    photos = [photo("a", room), photo("b", room, **facts)]
    takes = possible_takes(shown, photos, {}, {("a", "b"): 0.97})
    assert any(take.last for take in takes) is may
    assert not any(take.last for take in possible_takes(shown, photos, {}, {("a", "b"): 0.6}))


@pytest.mark.parametrize(
    ("which", "room", "facts", "other", "may"),
    [
        pytest.param("arrival", Room.POOL, {}, {}, True, id="a-home-has-one-pool"),
        pytest.param("farewell", Room.EXTERIOR_FRONT, {}, {}, True, id="and-one-front"),
        pytest.param("farewell", Room.AERIAL, {}, {}, True, id="and-is-one-property-from-the-air"),
        pytest.param("arrival", Room.POOL, {}, {"room_confidence": 0.6}, False, id="nobody-is-sure"),
        pytest.param("arrival", Room.POOL, {}, {"features": ("dusk",)}, False, id="by-day-and-by-night"),
        pytest.param("arrival", Room.POOL, {}, {"exposure": 0.25}, False, id="in-the-sun-and-in-the-shade"),
        pytest.param("arrival", Room.POOL, {}, {"file": "indoor-pool.jpg"}, False, id="indoor-and-outdoor"),
        pytest.param("arrival", Room.GARDEN, {}, {}, False, id="gardens-may-be-many"),
        pytest.param(
            *("bedroom", Room.BEDROOM, {"file": "master-1.jpg"}, {"file": "primary-2.jpg"}, True),
            id="the-principal-bedroom",
        ),
        pytest.param("bedroom", Room.BEDROOM, {"file": "master-1.jpg"}, {}, False, id="principal-and-any-other"),
        pytest.param(
            "living", Room.LIVING, {"file": "main-living.jpg"}, {"file": "living.jpg"}, False, id="two-living-rooms"
        ),
    ],
)
def test_labels_vouch_for_the_one_space_of_its_kind_though_its_sides_have_other_colours(which, room, facts, other, may):
    shown, photos = SCENE[which], [photo("a", room, **facts), photo("b", room, **other)]
    takes = possible_takes(shown, photos, {}, {("a", "b"): 0.75})
    assert any(take.last for take in takes) is may
    assert not any(take.last for take in possible_takes(shown, photos, {}, {("a", "b"): 0.5})), "nothing alike at all"


@pytest.mark.parametrize(
    ("which", "begins", "ends"),
    [
        pytest.param("arrival", "hero", "other", id="dolly"),
        pytest.param("farewell", "other", "hero", id="pull-back"),
    ],
)
def test_two_views_of_the_front_open_on_the_better_one_and_a_pull_back_arrives_at_it(which, begins, ends):
    photos = [photo("other", Room.EXTERIOR_FRONT, sharpness=0.8), photo("hero", Room.EXTERIOR_FRONT)]
    likeness = {("hero", "other"): 0.8}
    row = rows_by_scene(choose_pairs([SCENE[which].key], photos, {}, likeness=likeness))[SCENE[which].key]
    assert row.photos == (begins, ends)
    assert row.overlap is None
    assert "dissolves" in row.reason
    assert 0.7 < row.confidence < 1
    assert "the other way round" in row.runner_up_reason or row.runner_up_last is None


def test_a_second_view_that_is_much_worse_is_not_worth_the_dissolve():
    photos = [photo("hero"), photo("dull", sharpness=0.2, width_px=1000, height_px=700)]
    row = rows_by_scene(choose_pairs(["1-arrival"], photos, {}, likeness={("dull", "hero"): 0.8}))["1-arrival"]
    assert row.photos == ("hero",)


def test_too_little_in_common_to_move_along_is_still_the_one_pool():
    photos, measured = [photo("a"), photo("b")], {("a", "b"): overlap(share=0.1, zoom=1.2)}
    takes = possible_takes(SCENE["arrival"], photos, measured, {("a", "b"): 0.8})
    assert {take.photos: take.overlap for take in takes}["a", "b"] is None


def test_a_pair_without_measured_overlap_ranks_below_one_with_it():
    photos = [photo(key, Room.LIVING) for key in "abc"]
    likeness = {pair_key(*pair): 1.0 for pair in itertools.combinations("abc", 2)}
    takes = possible_takes(SCENE["living"], photos, {("a", "b"): overlap(shift_x=-0.1)}, likeness)
    worth = {take.photos: take.worth for take in takes}
    assert worth["a", "b"] > worth["a", "c"] + MOST_UNMEASURED
    assert worth["a", "c"] <= worth["a",] + MOST_UNMEASURED


def test_two_photos_of_different_rooms_are_no_pair_without_overlap():
    photos = [photo("a", Room.DINING), photo("b", Room.TERRACE), photo("c", Room.KITCHEN)]
    likeness = {pair_key(*pair): 1.0 for pair in itertools.combinations("abc", 2)}
    assert not any(take.last for take in possible_takes(SCENE["lifestyle"], photos, {}, likeness))


# --- the choice over all scenes ---


def brute_force(takes):
    """The most scenes, then the most worth in thousandths, by trying everything."""
    by_scene = [
        [None, *group] for _, group in itertools.groupby(sorted(takes, key=lambda take: take.scene), lambda t: t.scene)
    ]
    best = (0, 0)
    for choice in itertools.product(*by_scene):
        chosen = [take for take in choice if take is not None]
        photos = [each for take in chosen for each in take.photos]
        if len(photos) == len(set(photos)):
            best = max(best, (len(chosen), sum(round(1000 * take.worth) for take in chosen)))
    return best


@st.composite
def small_sets_of_takes(draw):
    takes = {}
    for _ in range(draw(st.integers(1, 14))):
        photos = tuple(draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=2, unique=True)))
        key = draw(st.sampled_from(SCENE_KEYS[:5]))
        worth = draw(st.integers(0, 40)) / 32
        takes[key, photos] = Take(scene=key, first=photos[0], last=photos[1] if len(photos) > 1 else None, worth=worth)
    return list(takes.values())


@given(small_sets_of_takes(), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_the_choice_is_as_good_as_trying_everything_and_uses_no_photo_twice(takes, dice):
    chosen = best_takes(takes)
    photos = [each for take in chosen.values() for each in take.photos]
    assert len(photos) == len(set(photos))
    assert (len(chosen), sum(round(1000 * take.worth) for take in chosen.values())) == brute_force(takes)
    dice.shuffle(takes)
    assert best_takes(takes) == chosen


def test_the_choice_is_optimal_where_a_greedy_one_is_not():
    # Taking the best take first (arrival on "a", 1.0) would leave the farewell with "b" at 0.1.
    takes = [
        Take(scene="1-arrival", first="a", worth=1.0),
        Take(scene="1-arrival", first="b", worth=0.9),
        Take(scene="7-farewell", first="a", worth=0.8),
        Take(scene="7-farewell", first="b", worth=0.1),
    ]
    assert {key: take.first for key, take in best_takes(takes).items()} == {"1-arrival": "b", "7-farewell": "a"}


def test_filling_a_scene_beats_leaving_it_out_whatever_it_costs_the_others():
    takes = [
        Take(scene="3-vanity", first="a", last="b", worth=1.25),
        Take(scene="3-vanity", first="a", worth=0.01),
        Take(scene="4-bath", first="b", worth=0.01),
    ]
    assert {key: take.photos for key, take in best_takes(takes).items()} == {"3-vanity": ("a",), "4-bath": ("b",)}


def test_equals_go_to_the_lower_id():
    takes = [Take(scene="2-bedroom", first=key, worth=0.5) for key in ("c", "a", "b")]
    assert best_takes(takes)["2-bedroom"].first == "a"


def test_a_whole_home_fills_all_seven_scenes_with_the_rooms_they_ask_for():
    rows = choose_pairs(SCENE_KEYS, a_whole_home(), {})
    assert [(row.scene, row.first_photo) for row in rows] == list(
        zip(SCENE_KEYS, ("pool", "bedroom", "bathroom", "tub", "living", "dining", "front"), strict=True)
    )
    assert all(row.last_photo is None and 0.5 < row.confidence <= 1 for row in rows)


def test_rows_do_not_depend_on_the_order_of_the_photos():
    photos = [*a_whole_home(), photo("pool-2"), photo("bedroom-2", Room.BEDROOM), photo("aerial", Room.AERIAL)]
    overlaps = {("pool", "pool-2"): overlap(zoom=1.15), ("bedroom-2", "bedroom"): overlap(shift_x=-0.1)}
    expected = choose_pairs(SCENE_KEYS, photos, overlaps)
    for seed in range(5):
        shuffled = random.Random(seed).sample(photos, len(photos))
        assert choose_pairs(SCENE_KEYS, shuffled, overlaps) == expected


def test_a_scene_nobody_can_show_is_left_out_with_its_reason():
    home = [each for each in a_whole_home() if each.room not in (Room.BATHROOM, Room.BATHTUB_SHOWER)]
    rows = rows_by_scene(choose_pairs(SCENE_KEYS, home, {}))
    assert list(rows) == list(SCENE_KEYS)
    assert rows["3-vanity"].left_out
    assert rows["3-vanity"].reason == "no photo shows a bathroom"
    assert rows["4-bath"].reason == "no photo shows a tub or shower"
    assert sum(row.left_out for row in rows.values()) == 2


def test_one_bathroom_photo_serves_one_scene_and_the_other_says_so():
    home = [each for each in a_whole_home() if each.room is not Room.BATHTUB_SHOWER]
    bath = rows_by_scene(choose_pairs(SCENE_KEYS, home, {}))["4-bath"]
    assert bath.reason == "the only photo that could show a tub or shower already serves “Vanity”"


def test_a_scene_the_storyboard_leaves_out_stays_left_out_for_that_reason():
    rows = rows_by_scene(
        choose_pairs(["1-arrival"], a_whole_home(), {}, left_out={"2-bedroom": "the client keeps it private"})
    )
    assert rows["2-bedroom"].reason == "the client keeps it private"
    assert [key for key, row in rows.items() if not row.left_out] == ["1-arrival"]


def test_the_runner_up_is_the_best_of_the_rest_given_the_other_scenes():
    home = [*a_whole_home(), photo("dull", Room.BEDROOM, sharpness=0.3), photo("duller", Room.BEDROOM, sharpness=0.1)]
    rows = rows_by_scene(choose_pairs(SCENE_KEYS, home, {}))
    bedroom = rows["2-bedroom"]
    assert bedroom.runner_up_first == "dull"
    assert "less sharp" in bedroom.runner_up_reason
    assert rows["5-living"].runner_up_first is None, "the dining photo serves another scene"


def test_promising_pairs_are_few_alike_and_shared_out_between_the_scenes():
    photos = [
        photo(f"{room.value}-{at:02}", room) for room in (Room.POOL, Room.BEDROOM, Room.LIVING) for at in range(20)
    ]
    likeness = {pair_key(a.photo_id, b.photo_id): 0.9 for a in photos for b in photos if a.room is b.room}
    pairs = promising_pairs(SCENES, photos, likeness, at_most=30)
    assert len(pairs) == len(set(pairs)) == 30
    assert all(a < b and a.split("-")[0] == b.split("-")[0] for a, b in pairs)
    assert {a.split("-")[0] for a, _ in pairs} == {"pool", "bedroom", "living"}
    assert promising_pairs(SCENES, photos, {}) == ()


def test_eighty_photos_are_chosen_from_in_a_moment():
    rooms = [room for room in Room if room not in (Room.UNKNOWN, Room.FLOOR_PLAN)]
    dice = random.Random(3)
    photos = [
        photo(f"{at:02}", rooms[at % len(rooms)], sharpness=dice.random(), exposure=dice.random(), depth=dice.random())
        for at in range(80)
    ]
    overlaps = {
        pair_key(f"{at:02}", f"{at + 16:02}"): overlap(zoom=1.1 + 0.01 * (at % 7), shift_x=0.05) for at in range(60)
    }
    likeness = {pair_key(a.photo_id, b.photo_id): 0.95 for a, b in itertools.combinations(photos, 2)}
    began = time.process_time()
    rows = choose_pairs(SCENE_KEYS, photos, overlaps, likeness=likeness)
    assert time.process_time() - began < 2
    assert not any(row.left_out for row in rows)
    used = [each for row in rows for each in row.photos]
    assert len(used) == len(set(used))


def test_a_stand_in_is_called_one():
    living = rows_by_scene(choose_pairs(["5-living"], [photo("a", Room.HALLWAY)], {}))["5-living"]
    assert living.reason.startswith("A stand-in, with nothing better left to show a living room: the hallway")
    real = choose_pairs(["5-living"], [photo("a", Room.LIVING)], {})[4]
    assert real.reason.startswith("The living room, sharp and evenly lit; ")
    assert living.confidence < real.confidence


@pytest.mark.parametrize("each", SCENES, ids=SCENE_KEYS)
def test_what_a_scene_needs_adds_up_to_one(each):
    needs = each.needs
    parts = (needs.sharpness, needs.exposure, needs.resolution, needs.aspect, needs.depth, needs.symmetry, needs.warmth)
    assert sum(parts) == pytest.approx(1)
    assert scene(each.key).asks_for


@pytest.mark.parametrize(
    ("photographed", "told"),
    [
        pytest.param({"width_px": 2000, "height_px": 3000}, ", sharp and evenly lit, though portrait; ", id="portrait"),
        pytest.param({"width_px": 1200, "height_px": 800}, ", though low in resolution; ", id="few-pixels"),
        pytest.param({"width_px": 1280, "height_px": 720}, ", sharp and evenly lit; ", id="enough"),
        pytest.param({"width_px": 2400, "height_px": 640}, ", though low in resolution; ", id="a-low-panorama"),
        pytest.param(
            {"width_px": 960, "height_px": 1440, "sharpness": 0.6, "exposure": 0.3},
            "The living room, though portrait and low in resolution; ",
            id="nothing-else-to-say",
        ),
    ],
)
def test_what_speaks_against_a_photo_is_told_after_what_speaks_for_it(photographed, told):
    row = rows_by_scene(choose_pairs(["5-living"], [photo("a", Room.LIVING, **photographed)], {}))["5-living"]
    assert told in row.reason
