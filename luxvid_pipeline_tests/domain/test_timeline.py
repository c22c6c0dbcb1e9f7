"""Clips on one line: nothing lost, nothing counted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import TimelineError
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.timeline import DISSOLVE_S, lay_out


@pytest.mark.parametrize(
    ("durations_s", "transition", "starts_s", "duration_s"),
    [
        pytest.param([4.0], Transition.CUT, (0.0,), 4.0, id="one-clip"),
        pytest.param([4.0] * 7, Transition.CUT, (0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0), 28.0, id="the-film"),
        pytest.param([4.0, 4.0, 4.0], Transition.DISSOLVE, (0.0, 3.5, 7.0), 11.0, id="dissolves-overlap"),
        pytest.param([4.0, 4.0], Transition.FADE, (0.0, 4.0), 8.0, id="fades-through-black-do-not"),
        pytest.param([4.0], Transition.DISSOLVE, (0.0,), 4.0, id="one-clip-has-nothing-to-dissolve-with"),
    ],
)
def test_each_clip_starts_where_the_one_before_lets_it(durations_s, transition, starts_s, duration_s):
    timeline = lay_out(durations_s, transition)
    assert timeline.starts_s == starts_s
    assert timeline.duration_s == duration_s


@given(st.lists(st.floats(1.1, 30.0), min_size=1, max_size=40), st.sampled_from(Transition))
def test_stages_fill_the_film_and_a_film_is_its_parts_less_the_overlaps(durations_s, transition):
    timeline = lay_out(durations_s, transition)
    overlaps = len(durations_s) - 1 if transition is Transition.DISSOLVE else 0
    assert timeline.duration_s == pytest.approx(sum(durations_s) - DISSOLVE_S * overlaps)
    assert sum(timeline.stage_seconds) == pytest.approx(timeline.duration_s)
    assert all(seconds > 0 for seconds in timeline.stage_seconds)


@pytest.mark.parametrize("durations_s", [[], [4.0, 1.0], [0.3, 4.0]])
def test_clips_that_cannot_make_a_film_are_refused(durations_s):
    with pytest.raises(TimelineError):
        lay_out(durations_s, Transition.DISSOLVE)
