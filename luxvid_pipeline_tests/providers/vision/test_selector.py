"""A model's choice of photos is held against the facts; what stays wrong is chosen locally from the photos left."""

import json

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.errors import BadKeyError, ContentRefusedError, InvalidRequestError, NoCreditError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairing import room_fit
from luxvid_pipeline.domain.payments import FREE
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS, scene
from luxvid_pipeline.domain.storyboard import LeftOut
from luxvid_pipeline.providers.local.selector import PairMeasure
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.providers.vision.selector import VisionSelector
from luxvid_pipeline_tests import imagined
from luxvid_pipeline_tests.imagined import a_whole_home, photo
from luxvid_pipeline_tests.simulators import script

ENGINE = "xai/grok-4.3"
HOME = [*a_whole_home(), photo("pool-b", Room.POOL, features=("water",)), photo("terrace", Room.TERRACE)]
BEST = {
    "1-arrival": ("pool", "pool-b"),
    "2-bedroom": ("bedroom", None),
    "3-vanity": ("bathroom", None),
    "4-bath": ("tub", None),
    "5-living": ("living", None),
    "6-lifestyle": ("dining", None),
    "7-farewell": ("front", None),
}


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    paths = {}
    for at, each in enumerate(HOME):
        paths[each.photo_id] = folder / f"{each.photo_id}.jpg"
        cv2.imwrite(str(paths[each.photo_id]), np.full((90, 135, 3), (20 * at, 140, 170), np.uint8))
    return paths


def measure(known=None):
    known = known or {}
    return PairMeasure(lambda path: path.stem, lambda first, last: known.get((first, last)))


def board(photos=HOME):
    return LocalWriter().write("villa-aurora", ListingManifest(), photos).storyboard


def keys(ask):
    return ask.schema["properties"]["scenes"]["items"]["properties"]["scene"]["enum"]


def names(ask):
    """``photo_id`` to the short id under which the question shows it."""
    shown = [json.loads(text) for text in ask.texts if text.startswith('{"photo"')]
    by_caption = {each.photo_id: each for each in HOME}
    ids = sorted(by_caption)
    return {ids[int(each["photo"][1:]) - 1]: each["photo"] for each in shown}


def choice(ask, key, first, last=None, **changes):
    short = names(ask)
    made = {
        "scene": key,
        "leave_out": False,
        "first": short.get(first, first),
        "last": short.get(last, last),
        "confidence": 0.8,
        "reason": f"{short.get(first, first)} is the one",
        "runner_up_first": None,
        "runner_up_last": None,
        "runner_up_reason": "",
    }
    return {**made, **changes}


def best(ask):
    return {"scenes": [choice(ask, key, *BEST[key]) for key in keys(ask)]}


def spoilt(key, first, last=None, **changes):
    """Answer well but for one scene."""

    def answer(ask):
        value = best(ask)
        for at, row in enumerate(value["scenes"]):
            if row["scene"] == key:
                value["scenes"][at] = choice(ask, key, first, last, **changes)
        return value

    return answer


@pytest.fixture
def select(xai, files):
    def run(storyboard=None, known=None, photos=HOME):
        selector = VisionSelector(xai.client(), measure=measure(known))
        return selector.select(storyboard or board(), photos, files, xai.account)

    return run


def by_scene(made):
    return {row.scene: row for row in made.pairs}


def assert_honest(made):
    """Whatever happened: seven rows in order, photos that exist, used once, in rooms that may play their scene."""
    assert tuple(row.scene for row in made.pairs) == SCENE_KEYS
    used = [each for row in made.pairs for each in row.photos]
    assert len(used) == len(set(used))
    photos = {each.photo_id: each for each in HOME}
    for row in made.pairs:
        assert all(room_fit(scene(row.scene), photos[each]) > 0 for each in row.photos)
        assert row.reason


def test_the_models_choice_becomes_the_pairs_with_overlap_measured(xai, select):
    xai.sim.answer_with(best)
    made = select(known={("pool", "pool-b"): imagined.overlap(share=0.7, zoom=1.2)})
    assert_honest(made)
    rows = by_scene(made)
    assert {key: (row.first_photo, row.last_photo) for key, row in rows.items()} == BEST
    assert rows["1-arrival"].overlap.zoom == pytest.approx(1.2)
    assert rows["2-bedroom"].reason == "bedroom.jpg is the one."
    assert {row.engine for row in made.pairs} == {ENGINE}
    assert (made.engine.name, made.engine.paid_calls, made.engine.degraded_reason) == (ENGINE, 1, "")


def test_overlap_is_turned_round_where_the_model_goes_the_other_way(xai, select):
    xai.sim.answer_with(spoilt("1-arrival", "pool-b", "pool"))
    row = by_scene(select(known={("pool", "pool-b"): imagined.overlap(share=0.7, zoom=1.25)}))["1-arrival"]
    assert row.photos == ("pool-b", "pool")
    assert row.overlap.zoom == pytest.approx(0.8)


def test_a_pair_without_measured_overlap_says_so(xai, select):
    xai.sim.answer_with(best)
    row = by_scene(select())["1-arrival"]
    assert row.overlap is None
    assert row.reason.endswith("No overlap of the two photos could be measured.")


def test_the_same_picture_twice_is_one_photo(xai, select):
    xai.sim.answer_with(best)
    row = by_scene(select(known={("pool", "pool-b"): imagined.overlap(share=0.99, zoom=1.001)}))["1-arrival"]
    assert (row.photos, row.overlap) == (("pool",), None)
    assert row.reason.endswith("Shot from the first photo alone: pool-b.jpg shows nearly the same picture.")


@pytest.mark.parametrize(
    ("known", "photos"), [({}, ("dining",)), ({("dining", "terrace"): 0.5}, ("dining", "terrace"))]
)
def test_from_inside_to_outside_only_goes_what_was_measured(xai, select, known, photos):
    xai.sim.answer_with(spoilt("6-lifestyle", "dining", "terrace"))
    overlaps = {pair: imagined.overlap(share=share, zoom=1.2) for pair, share in known.items()}
    row = by_scene(select(known=overlaps))["6-lifestyle"]
    assert row.photos == photos
    assert ("shows another place" in row.reason) == (len(photos) == 1)


def test_the_simulated_vendor_needs_no_help(desk, files):
    made = VisionSelector(desk.client(), measure=measure()).select(board(), HOME, files, desk.account)
    assert_honest(made)
    assert not any(row.left_out for row in made.pairs)
    assert len(desk.sim.asks[0].pictures) == len(HOME)


def test_a_runner_up_that_may_not_play_the_scene_is_dropped(xai, select):
    def answer(ask):
        value, short = best(ask), names(ask)
        value["scenes"][0] |= {"runner_up_first": short["front"], "runner_up_reason": "less water"}
        value["scenes"][1] |= {"runner_up_first": short["office"], "runner_up_reason": "no bed"}
        return value

    xai.sim.answer_with(answer)
    rows = by_scene(select())
    assert (rows["1-arrival"].runner_up_first, rows["1-arrival"].runner_up_reason) == ("front", "less water.")
    assert (rows["2-bedroom"].runner_up_first, rows["2-bedroom"].runner_up_reason) == (None, "")


# One scene wrong, and a word of what the model is told about it.
FAULTS = {
    "invented id": (spoilt("2-bedroom", "P99"), "there is no photo P99"),
    "reused photo": (spoilt("7-farewell", "pool"), "already serves 1-arrival"),
    "wrong room": (spoilt("2-bedroom", "office"), "shows office, which may not play this scene"),
    "first is last": (spoilt("2-bedroom", "bedroom", "bedroom"), "both first and last"),
    "no photo": (spoilt("2-bedroom", None), "no first photo"),
    "too sure": (spoilt("2-bedroom", "bedroom", confidence=7), "confidence is 7"),
    "no reason": (spoilt("2-bedroom", "bedroom", reason=" "), "no reason"),
    "left out though it could be shot": (spoilt("2-bedroom", None, leave_out=True, reason="dull"), "was left out"),
    "no number": (spoilt("2-bedroom", "bedroom", confidence="high"), "confidence"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_scene_is_chosen_again_from_the_photos_left(xai, select, fault):
    answer, told = FAULTS[fault]
    xai.sim.answer_with(lambda ask: answer(ask) if len(xai.sim.asks) == 1 else best(ask))
    made = select()
    assert_honest(made)
    assert made.engine.degraded_reason == ""
    assert {key: (row.first_photo, row.last_photo) for key, row in by_scene(made).items()} == BEST
    first, again = xai.sim.asks
    assert (len(keys(first)), len(keys(again))) == (7, 1)
    assert len(again.pictures) < len(first.pictures)
    assert told in again.text
    assert made.engine.paid_calls == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scene_that_stays_wrong_is_chosen_locally_and_marked(xai, select, fault):
    answer, _ = FAULTS[fault]
    # The second answer names photos of the first question, so it is wrong again in its own way.
    xai.sim.answer_with(answer)
    made = select()
    assert_honest(made)
    if fault == "reused photo":
        return  # The photo is not shown again, so the second answer is another fault, covered by its own row.
    row = by_scene(made)["2-bedroom"]
    assert row.first_photo == "bedroom"
    assert row.engine == "local"
    assert row.degraded_reason.startswith(f"{ENGINE}: ")
    assert made.engine.degraded_reason.startswith("chosen by local rules for 2-bedroom: ")
    assert {each.engine for each in made.pairs if each.scene != "2-bedroom"} == {ENGINE}


def test_the_only_photo_of_a_scene_is_taken_back_from_one_that_can_do_without(xai, select):
    xai.sim.answer_with(spoilt("3-vanity", "bathroom", "tub"))
    made = select()
    assert_honest(made)
    rows = by_scene(made)
    assert (rows["3-vanity"].first_photo, rows["4-bath"].first_photo) == ("bathroom", "tub")
    assert {rows["3-vanity"].engine, rows["4-bath"].engine} == {"local"}
    assert "chosen by local rules for 3-vanity: its photos were the only ones" in made.engine.degraded_reason


def test_a_scene_may_be_left_out_where_nothing_honest_exists(xai, files):
    photos = [each for each in HOME if each.room is not Room.BEDROOM]
    whole = board()

    def answer(ask):
        short = {each.photo_id: f"P{at:02}" for at, each in enumerate(sorted(photos, key=lambda p: p.photo_id), 1)}
        rows = [
            {**choice(ask, key, None), "first": short.get(BEST[key][0]), "last": None, "reason": "good"}
            for key in keys(ask)
        ]
        rows[1] |= {"leave_out": True, "reason": "there is no bedroom"}
        return {"scenes": rows}

    xai.sim.answer_with(answer)
    selector = VisionSelector(xai.client(), measure=measure())
    made = selector.select(whole, photos, {each.photo_id: files[each.photo_id] for each in photos}, xai.account)
    row = by_scene(made)["2-bedroom"]
    assert row.left_out
    assert (row.reason, row.engine) == ("there is no bedroom.", ENGINE)
    assert made.engine.degraded_reason == ""


def test_what_the_storyboard_leaves_out_is_not_asked(xai, select):
    xai.sim.answer_with(best)
    whole = board()
    shorter = whole.model_copy(
        update={"shots": whole.shots[1:], "left_out": (LeftOut(scene="1-arrival", reason="no drone licence"),)}
    )
    made = select(shorter)
    assert "1-arrival" not in keys(xai.sim.asks[0])
    assert (made.pairs[0].left_out, made.pairs[0].reason) == (True, "no drone licence")


@pytest.mark.parametrize("effect", [script.truncated(), script.text("I like them all.")], ids=["cut off", "no JSON"])
def test_unusable_answers_leave_everything_to_the_local_selector(xai, select, effect):
    xai.sim.script.language(effect, times=None)
    made = select()
    assert_honest(made)
    assert {row.engine for row in made.pairs} == {"local"}
    assert not any(row.left_out for row in made.pairs)
    assert made.engine.degraded_reason


@pytest.mark.parametrize(
    ("effect", "error"),
    [
        (script.refusal(), ContentRefusedError),
        (script.model_retired(), InvalidRequestError),
        (script.credit_exhausted(), NoCreditError),
        (script.bad_key(), BadKeyError),
    ],
    ids=["refusal", "retired", "no credit", "wrong key"],
)
def test_what_the_chain_or_the_operator_must_know_is_an_error(xai, select, effect, error):
    xai.sim.script.language(effect, times=None)
    with pytest.raises(error):
        select()


def test_a_refused_repair_keeps_what_was_good(xai, select):
    xai.sim.answer_with(FAULTS["wrong room"][0])
    xai.sim.script.language(script.refusal("Enough."), nth=2)
    made = select()
    assert_honest(made)
    assert [row.scene for row in made.pairs if row.engine == "local"] == ["2-bedroom"]
    assert "office.jpg shows office" in made.engine.degraded_reason, "people know photos by their files"
    assert "Enough" in made.engine.degraded_reason


def test_an_estimate_holds_what_it_costs_and_choosing_again_is_free(xai, select, files):
    selector = VisionSelector(xai.client(), measure=measure())
    estimate = selector.estimate(board(), HOME, files)
    xai.sim.answer_with(best)
    assert float(estimate.low_usd) <= select().engine.cost_usd <= float(estimate.high_usd)
    assert selector.estimate(board(), HOME, files) == FREE
    assert select().engine.paid_calls == 0


def test_without_photos_nobody_is_asked(xai, files):
    made = VisionSelector(xai.client()).select(board(), HOME, {}, xai.account)
    assert tuple(row.scene for row in made.pairs) == SCENE_KEYS
    assert xai.sent == 0
