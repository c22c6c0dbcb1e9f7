"""A model's words for the scenes keep the rules or give way to the local draft; feedback changes what it names."""

import pytest

from luxvid_pipeline.domain.errors import ContentRefusedError, InputError, InvalidRequestError
from luxvid_pipeline.domain.listing import parse_manifest
from luxvid_pipeline.domain.payments import FREE
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.providers.vision.writer import LIMITS, VisionWriter, scenes_meant
from luxvid_pipeline_tests.imagined import a_whole_home
from luxvid_pipeline_tests.simulators import script

ENGINE = "xai/grok-4.3"
MANIFEST = parse_manifest("""
title: Villa Aurora
brief: {goal: private viewings, key_messages: ["ocean on three sides"], audience: "international buyers"}
brand: {tone: [calm], avoid: [people, cars], agent: {name: Ada Agent, phone: "+1 555 0100"}}
address: 12 Cliff Road
""")


def keys(ask):
    return ask.schema["properties"]["scenes"]["items"]["properties"]["scene"]["enum"]


def words(key, **changes):
    told = {
        "subject": "the house",
        "prompt": f"A calm, slow move for {key}, everything stays as it is",
        "negative_prompt": "text, flicker",
        "score_prompt": "felt piano, sparse",
    }
    return {"scene": key, **told, **changes}


def everything(ask):
    return {"scenes": [words(key) for key in keys(ask)]}


@pytest.fixture
def writer(xai):
    return VisionWriter(xai.client())


@pytest.fixture
def write(xai, writer):
    return lambda: writer.write("villa-aurora", MANIFEST, a_whole_home(), xai.account)


def local():
    return LocalWriter().write("villa-aurora", MANIFEST, a_whole_home()).storyboard


def test_every_scene_gets_the_models_words_within_the_brands_rules(xai, write):
    xai.sim.answer_with(everything)
    draft = write()
    board = draft.storyboard
    assert [shot.scene for shot in board.shots] == [shot.scene for shot in local().shots]
    assert (board.engine, board.degraded_reason, board.version, board.title) == (ENGINE, "", 1, "Villa Aurora")
    for shot, before in zip(board.shots, local().shots, strict=True):
        assert shot.prompt.startswith(f"A calm, slow move for {shot.scene}")
        assert shot.written_by == ENGINE
        assert shot.negative_prompt == "text, flicker, people, cars"
        assert shot.score_prompt == "felt piano, sparse; instrumental, no vocals"
        assert (shot.camera, shot.seconds) == (before.camera, before.seconds)
    assert (draft.engine.name, draft.engine.paid_calls) == (ENGINE, 1)
    assert draft.engine.cost_usd == pytest.approx(xai.sim.cost_usd)


def test_the_simulated_vendor_needs_no_help(desk):
    board = VisionWriter(desk.client()).write("villa-aurora", MANIFEST, a_whole_home(), desk.account).storyboard
    assert {shot.written_by for shot in board.shots} == {board.engine} == {f"{desk.vendor}/{desk.client().model}"}


def test_the_model_is_told_the_brief_and_not_the_agent_or_the_address(xai, write):
    xai.sim.answer_with(everything)
    write()
    told = xai.sim.asks[0].text
    assert "ocean on three sides" in told
    assert "private viewings" in told
    assert not any(secret in told for secret in ("Ada Agent", "555", "Cliff Road"))


def test_scenes_that_no_photo_shows_stay_left_out_whatever_the_model_says(xai, writer):
    photos = [each for each in a_whole_home() if each.room is not Room.BEDROOM]
    xai.sim.answer_with(lambda ask: {"scenes": [words("2-bedroom"), *everything(ask)["scenes"]]})
    board = writer.write("villa-aurora", MANIFEST, photos, xai.account).storyboard
    assert [each.scene for each in board.left_out] == ["2-bedroom"]
    assert "2-bedroom" not in [shot.scene for shot in board.shots]


FAULTS = {
    "missing": None,
    "too long": {"prompt": "so " * 400},
    "empty": {"subject": " "},
    "what the brand avoids": {"prompt": "No cars, no PEOPLE, only calm"},
    "another room": {"subject": "the kitchen"},
    "no word": {"prompt": None},
}


def spoil(fault):
    def answer(ask):
        rows = [words(key) for key in keys(ask)]
        wrong = [row for row in rows if row["scene"] == "2-bedroom"]
        if FAULTS[fault] is None:
            rows = [row for row in rows if row not in wrong]
        for row in wrong:
            row.update(FAULTS[fault] or {})
        return {"scenes": rows}

    return answer


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_repaired_by_one_more_call_for_that_scene(xai, write, fault):
    xai.sim.answer_with(everything)
    xai.sim.answer_with(lambda ask: spoil(fault)(ask) if len(xai.sim.asks) == 1 else None)
    board = write().storyboard
    assert {shot.written_by for shot in board.shots} == {ENGINE}
    first, again = xai.sim.asks
    assert len(keys(first)) == 7
    assert keys(again) == ["2-bedroom"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scene_that_stays_wrong_keeps_the_local_words_and_says_so(xai, write, fault):
    xai.sim.answer_with(spoil(fault))
    draft = write()
    shots = {shot.scene: shot for shot in draft.storyboard.shots}
    assert shots["2-bedroom"] == next(shot for shot in local().shots if shot.scene == "2-bedroom")
    assert shots["2-bedroom"].written_by == "local"
    assert all(shot.written_by == ENGINE for key, shot in shots.items() if key != "2-bedroom")
    assert draft.engine.degraded_reason.startswith("local words kept for 2-bedroom: ")
    assert draft.storyboard.degraded_reason == draft.engine.degraded_reason


def test_an_unusable_answer_twice_leaves_the_local_draft(xai, write):
    xai.sim.script.language(script.truncated(), times=2)
    board = write().storyboard
    assert board.shots == local().shots
    assert "cut off" in board.degraded_reason


@pytest.mark.parametrize(
    ("effect", "error"), [(script.refusal(), ContentRefusedError), (script.model_retired(), InvalidRequestError)]
)
def test_a_model_that_refuses_or_is_gone_is_an_error(xai, write, effect, error):
    xai.sim.script.language(effect, times=None)
    with pytest.raises(error):
        write()


def test_a_refused_repair_keeps_what_was_good(xai, write):
    xai.sim.answer_with(spoil("another room"))
    xai.sim.script.language(script.refusal("Enough."), nth=2)
    draft = write()
    assert sum(shot.written_by == ENGINE for shot in draft.storyboard.shots) == 6
    assert "Enough" in draft.engine.degraded_reason


def test_an_empty_catalogue_asks_nobody(xai, writer):
    assert writer.write("villa-aurora", MANIFEST, [], xai.account).storyboard.shots == ()
    assert writer.estimate("villa-aurora", MANIFEST, []) == FREE
    assert xai.sent == 0


def test_an_estimate_holds_what_it_costs(xai, writer, write):
    estimate = writer.estimate("villa-aurora", MANIFEST, a_whole_home())
    xai.sim.answer_with(lambda ask: {"scenes": [words(key, prompt="calm light, " * 50) for key in keys(ask)]})
    assert float(estimate.low_usd) <= write().engine.cost_usd <= float(estimate.high_usd)
    assert writer.estimate("villa-aurora", MANIFEST, a_whole_home()) == FREE
    assert write().engine.paid_calls == 0


# Feedback


def revision(*rows, meant=(), not_done=""):
    keep = dict.fromkeys(LIMITS)
    return lambda _ask: {"meant": list(meant), "scenes": [{**keep, **row} for row in rows], "not_done": not_done}


@pytest.fixture
def revise(xai, writer):
    return lambda feedback: writer.revise(local(), feedback, MANIFEST, a_whole_home(), xai.account)


def test_feedback_changes_the_scene_it_names_and_the_field_it_touches(xai, revise):
    xai.sim.answer_with(revision({"scene": "2-bedroom", "score_prompt": "slow strings, warm"}, meant=["2-bedroom"]))
    draft = revise("Warmer music in the bedroom, please.")
    before = {shot.scene: shot for shot in local().shots}
    for shot in draft.storyboard.shots:
        if shot.scene == "2-bedroom":
            assert shot.score_prompt == "slow strings, warm; instrumental, no vocals"
            assert (shot.prompt, shot.subject) == (before[shot.scene].prompt, before[shot.scene].subject)
        else:
            assert shot.model_dump_json() == before[shot.scene].model_dump_json()
    assert (draft.storyboard.version, draft.engine.degraded_reason, draft.engine.paid_calls) == (2, "", 1)


def test_scenes_the_model_touched_without_being_asked_are_put_back(xai, revise):
    meddling = [words(key) for key in ("1-arrival", "2-bedroom", "5-living", "7-farewell")]
    xai.sim.answer_with(revision(*meddling, meant=[row["scene"] for row in meddling]))
    board = revise("The bedroom should feel like early morning.").storyboard
    changed = [new.scene for new, old in zip(board.shots, local().shots, strict=True) if new != old]
    assert changed == ["2-bedroom"]


def test_where_the_words_name_no_scene_the_models_own_reading_counts(xai, revise):
    meddling = [words(key) for key in ("1-arrival", "3-vanity")]
    xai.sim.answer_with(revision(*meddling, meant=["3-vanity"]))
    board = revise("The mirror must look brighter.").storyboard
    changed = [new.scene for new, old in zip(board.shots, local().shots, strict=True) if new != old]
    assert changed == ["3-vanity"]


def test_feedback_against_the_rules_leaves_the_scene_and_says_why(xai, revise):
    xai.sim.answer_with(revision({"scene": "5-living", "prompt": "Two people talk on the sofa"}, meant=["5-living"]))
    draft = revise("Put people into the living room.")
    assert draft.storyboard == local()
    assert "5-living stays as it was: prompt speaks of 'people'" in draft.engine.degraded_reason


def test_what_cannot_be_done_is_said(xai, revise):
    xai.sim.answer_with(revision(not_done="A storyboard cannot change the weather."))
    draft = revise("Make it rain in the living room.")
    assert draft.storyboard.version == 1
    assert draft.engine.degraded_reason == "not done: A storyboard cannot change the weather."


def test_the_same_feedback_on_the_same_version_is_paid_for_once(xai, revise):
    xai.sim.answer_with(revision({"scene": "2-bedroom", "subject": "the bedroom at dawn"}, meant=["2-bedroom"]))
    first, again = revise("Bedroom at dawn."), revise("Bedroom at dawn.")
    assert first.storyboard == again.storyboard
    assert (first.engine.paid_calls, again.engine.paid_calls) == (1, 0)


def test_feedback_on_a_scene_that_was_left_out_is_answered_for_nothing(xai, writer):
    photos = [each for each in a_whole_home() if each.room is not Room.BEDROOM]
    board = LocalWriter().write("villa-aurora", MANIFEST, photos).storyboard
    draft = writer.revise(board, "Make the bedroom brighter", MANIFEST, photos, xai.account)
    assert draft.storyboard == board
    assert draft.engine.degraded_reason == "2-bedroom is not in the film: no photo shows a bedroom"
    assert xai.sent == 0


@pytest.mark.parametrize("feedback", ["", "  \n", "so " * 2000])
def test_feedback_nobody_can_read_is_refused_before_it_costs(xai, revise, feedback):
    with pytest.raises(InputError, match="feedback"):
        revise(feedback)
    assert xai.sent == 0


@pytest.mark.parametrize(
    ("feedback", "scenes"),
    [
        ("Calmer arrival please", {"1-arrival"}),
        ("scene 3 is too cold", {"3-vanity"}),
        ("The third scene is too cold", {"3-vanity"}),
        ("2-bedroom: less pillows", {"2-bedroom"}),
        ("The opening drags, and the ending too", {"1-arrival", "7-farewell"}),
        ("Show the tub from the side", {"4-bath"}),
        ("The pool should ripple", {"1-arrival"}),
        ("Warmer light in every scene, the bedroom too", set()),
        ("Softer overall", set()),
        ("I like it", set()),
    ],
)
def test_a_persons_words_name_scenes(feedback, scenes):
    assert scenes_meant(feedback, local()) == scenes
