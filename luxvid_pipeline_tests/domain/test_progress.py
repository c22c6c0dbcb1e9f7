"""What to request next, from what is there and what is under way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.progress import (
    STAGES,
    Item,
    NextSteps,
    PastRun,
    RunState,
    Stage,
    Urgency,
    items_as_tag,
    items_from_tag,
    next_steps,
    priority,
    work_tags,
)

NOW = 1_000_000.0
SCENES = ("1-arrival", "2-bedroom", "3-vanity")


def item(name, made_from="new", *, current=False):
    return Item(name=name, made_from=made_from, current=current)


def listing(*, direction=True, scenes=(), score=False, film=False, delivery=None, held=""):
    """Return the stages of a listing of three scenes; ``scenes`` names those that are there."""
    stages = [
        Stage(name="direction", items=(item("direction", current=direction),)),
        Stage(
            name="scenes",
            items=tuple(item(name, f"pair-of-{name}", current=name in scenes) for name in SCENES),
            after=("direction",),
            held=held,
        ),
        Stage(name="score", items=(item("soundtrack", current=score),), after=("direction",), held=held),
        Stage(name="film", items=(item("property_video", current=film),), after=("direction", "scenes", "score")),
    ]
    if delivery is not None:
        stages.append(Stage(name="delivery", items=(item("delivery", current=delivery),), after=("film",)))
    return stages


def run(stage, state=RunState.UNFINISHED, *, ago_s=0.0, **facts):
    items = {"score": {"soundtrack": "new"}, "film": {"property_video": "new"}, "direction": {"direction": "new"}}
    given_items = facts.pop("items", items.get(stage, {name: f"pair-of-{name}" for name in SCENES}))
    return PastRun(stage=stage, state=state, items=given_items, ended_at=NOW - ago_s, **facts)


def steps(stages, runs=(), **options) -> NextSteps:
    return next_steps("villa", stages, runs, now=NOW, attempts=3, **options)


def asked(found):
    return {request.stage: [each.name for each in request.items] for request in found.requests}


ALL = {"scenes": SCENES, "score": True}


@pytest.mark.parametrize(
    ("stages", "runs", "expected"),
    [
        pytest.param(listing(), [], {"scenes": list(SCENES), "score": ["soundtrack"]}, id="directed"),
        pytest.param(listing(direction=False), [], {"direction": ["direction"]}, id="direction-to-be-made-again"),
        pytest.param(listing(), [run("direction")], {}, id="being-directed-again"),
        pytest.param(listing(), [run("")], {}, id="somebody-does-something-nobody-knows-what"),
        pytest.param(listing(), [run("scenes")], {"score": ["soundtrack"]}, id="shooting"),
        pytest.param(listing(), [run("scenes"), run("score")], {}, id="shooting-and-playing"),
        pytest.param(
            listing(scenes=("1-arrival", "3-vanity"), score=True), [], {"scenes": ["2-bedroom"]}, id="one-pair-changed"
        ),
        pytest.param(listing(**ALL), [], {"film": ["property_video"]}, id="shot-and-played"),
        pytest.param(listing(**ALL), [run("scenes")], {}, id="a-clip-is-being-made-again"),
        pytest.param(listing(**ALL), [run("film")], {}, id="film-under-way"),
        pytest.param(listing(**ALL, film=True), [], {}, id="done"),
        pytest.param(listing(**ALL, film=True, delivery=False), [], {"delivery": ["delivery"]}, id="to-be-delivered"),
        pytest.param(listing(**ALL, film=False, delivery=True), [], {"film": ["property_video"]}, id="film-is-old"),
        pytest.param(listing(held="waits"), [], {}, id="not-approved"),
        pytest.param(listing(**ALL, held=""), [], {"film": ["property_video"]}, id="made-before-and-still-right"),
    ],
)
def test_a_listing_is_taken_on_as_far_as_it_can_go(stages, runs, expected):
    assert asked(steps(stages, runs)) == expected


@pytest.mark.parametrize(
    ("failures", "ago_s", "comes"),
    [
        pytest.param(1, 29, False, id="second-try-after-30-s"),
        pytest.param(1, 31, True, id="second-try"),
        pytest.param(2, 119, False, id="third-try-after-120-s"),
        pytest.param(2, 121, True, id="third-try"),
        pytest.param(3, 1e6, False, id="no-fourth-try"),
    ],
)
def test_what_failed_is_asked_for_again_with_growing_distance_and_then_waits(failures, ago_s, comes):
    stages = listing(scenes=("1-arrival", "3-vanity"), score=True)
    # What else was in those runs, or what of it has another pair by now, does not count.
    runs = [run("scenes", RunState.FAILED, ago_s=1e6, items={"2-bedroom": "an earlier pair"})] * 5
    runs += [run("scenes", RunState.FAILED, ago_s=ago_s, reason="no answer")] * failures
    found = steps(stages, runs)
    assert asked(found) == ({"scenes": ["2-bedroom"]} if comes else {})
    if failures == 3:
        assert found.look_again_at is None
        assert "tried 3 times (no answer)" in found.waits[0]
        assert "luxvid retry villa" in found.waits[0]
    elif not comes:
        assert found.look_again_at == pytest.approx(NOW - ago_s + (30, 120)[failures - 1])


@pytest.mark.parametrize(
    ("deaths", "failures", "ago_s", "comes"),
    [
        pytest.param(5, 0, 31, True, id="a-machine-restarted-five-times"),
        pytest.param(5, 0, 29, False, id="not-at-once"),
        pytest.param(5, 2, 119, False, id="the-distance-grows-with-failures"),
        pytest.param(5, 2, 121, True, id="deaths-do-not-use-up-the-tries"),
        pytest.param(5, 3, 1e6, False, id="three-failures"),
        pytest.param(12, 0, 1e6, False, id="what-kills-its-process-every-time-waits-in-the-end"),
    ],
)
def test_runs_that_died_with_their_machine_hardly_count_as_tries(deaths, failures, ago_s, comes):
    died = run("score", RunState.FAILED, ago_s=ago_s, died=True, reason="its process ended without a word")
    failed = run("score", RunState.FAILED, ago_s=ago_s, reason="no answer")
    found = steps(listing(), [failed] * failures + [died] * deaths)
    assert ("score" in asked(found)) is comes


def test_a_failed_scene_holds_up_no_other():
    runs = [run("scenes", RunState.FAILED, items={"2-bedroom": "pair-of-2-bedroom"})] * 3
    assert asked(steps(listing(), runs)) == {"scenes": ["1-arrival", "3-vanity"], "score": ["soundtrack"]}


def test_what_a_repeat_cannot_cure_waits_for_a_person_at_once():
    found = steps(listing(), [run("score", RunState.FAILED, ago_s=1e6, curable=False, reason="budget of $10")])
    assert "score" not in asked(found)
    assert "budget of $10" in found.waits[0]


def test_what_a_person_ended_waits_for_a_person():
    found = steps(listing(), [run("score", RunState.ENDED, ago_s=1e6)])
    assert "score" not in asked(found)
    assert "ended by a person" in found.waits[0]


def test_a_run_that_ended_well_and_left_nothing_counts_as_a_try():
    found = steps(listing(), [run("score", RunState.DONE, ago_s=1e6)] * 3)
    assert "score" not in asked(found)
    assert "still missing" in found.waits[0]


def test_a_forgiven_failure_no_longer_counts_and_the_next_request_has_another_key():
    failed = [run("score", RunState.FAILED, ago_s=1e6)] * 3
    forgiven = [run("score", RunState.FAILED, ago_s=1e6, forgiven=True)] * 3
    first = next(each for each in steps(listing()).requests if each.stage == "score")
    assert "score" not in asked(steps(listing(), failed))
    again = next(each for each in steps(listing(), forgiven).requests if each.stage == "score")
    assert (again.attempt, again.key != first.key) == (4, True)


def test_a_failure_that_is_forgiven_for_one_item_still_counts_for_the_others():
    runs = [run("scenes", RunState.FAILED, ago_s=1e6, forgiven_items=frozenset({"2-bedroom"}))] * 3
    found = steps(listing(score=True), runs)
    assert asked(found) == {"scenes": ["2-bedroom"]}
    assert [wait.split(":")[0] for wait in found.waits] == ["1-arrival", "3-vanity"]


def test_a_listing_that_waits_for_approval_says_so_and_gets_its_animatic():
    stages = listing(held="waits for 'luxvid approve villa'")
    stages.insert(1, Stage(name="animatic", items=(item("animatic"),), after=("direction",)))
    found = steps(stages)
    assert asked(found) == {"animatic": ["animatic"]}
    assert "luxvid approve villa" in found.waits[0]


def test_later_stages_come_first_and_urgency_comes_before_all():
    for urgency in Urgency:
        values = [priority(stage, urgency) for stage in STAGES]
        assert values == sorted(values)
    assert priority("delivery", Urgency.BACKFILL) < priority("direction", Urgency.NORMAL)
    assert priority("delivery", Urgency.NORMAL) < priority("direction", Urgency.URGENT)
    assert priority("direction", Urgency.BACKFILL) == 0  # what a run from the UI has that nobody gave one


def test_dagster_itself_never_repeats_a_stage():
    assert work_tags("villa", "scenes", Urgency.NORMAL)["dagster/max_retries"] == "0"


@given(
    st.dictionaries(st.from_regex(r"[1-7]-[a-z]{1,12}", fullmatch=True), st.from_regex("[0-9a-f]{12}", fullmatch=True))
)
def test_a_runs_tag_holds_its_items(items):
    assert items_from_tag(items_as_tag([item(name, made_from) for name, made_from in items.items()])) == items


@given(st.lists(st.sampled_from(["", *STAGES]), max_size=4), st.sets(st.sampled_from(SCENES)), st.booleans())
def test_nothing_is_requested_twice(under_way, there, score):
    stages = listing(scenes=there, score=score)
    first = steps(stages, [run(stage) for stage in under_way])
    assert not set(asked(first)) & set(under_way)
    # The same look again, while what it asked for is under way, asks for nothing.
    again = steps(stages, [run(stage) for stage in [*under_way, *asked(first)]])
    assert not again.requests
