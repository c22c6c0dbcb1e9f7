"""Clicks, silences and seams of scores of known truth."""

import numpy as np
import pytest

from luxvid_pipeline.domain.gates import Fault, judge_sound
from luxvid_pipeline.media.audio import to_pcm, write_flac
from luxvid_pipeline.media.measures.sound import measure_sound, measures_of
from luxvid_pipeline_tests import faulty
from luxvid_pipeline_tests.sounds import pluckings, silence, tone

STAGES = (4.0, 4.0, 4.0, 4.0)


@pytest.fixture(scope="module")
def score():
    """Slow chords that swell and go: nothing happens at 4, 8 and 12 s that does not happen elsewhere."""
    sound = silence(16)
    for number, hertz in enumerate((110.0, 138.6, 164.8, 220.0, 277.2, 329.6)):
        voice = tone(hertz, 16, -20 - number, phase=number)
        voice *= (1.2 + np.sin(np.linspace(0, 9 + number, len(voice))))[:, None].astype(np.float32) / 2
        sound += voice
    return sound


def test_a_score_that_goes_on_has_nothing(score):
    found = measures_of(score, stage_seconds=STAGES)
    assert judge_sound(found).faults == ()
    assert [join.at_s for join in found.joins] == [4.0, 8.0, 12.0]
    assert found.clicks == ()
    assert found.silences == ()
    assert found.seconds == 16


@pytest.mark.parametrize(
    ("spoil", "fault", "at"),
    [
        pytest.param(lambda s: faulty.with_click(s, 8.0), Fault.CLICK, "8.0 s", id="click-at-a-seam"),
        pytest.param(lambda s: faulty.with_click(s, 9.3), Fault.CLICK, "9.3 s", id="click-inside-a-stage"),
        pytest.param(lambda s: faulty.with_step(s, 8.0, -9), Fault.LEVEL, "8.0 s", id="it-falls"),
        pytest.param(lambda s: faulty.with_step(s, 8.0, 9), Fault.LEVEL, "8.0 s", id="it-rises"),
        pytest.param(
            lambda s: faulty.with_other_timbre(s, 8.0, faulty.another_song(16)), Fault.TIMBRE, "8.0 s", id="other-music"
        ),
        pytest.param(lambda s: faulty.with_gap(s, 9.0), Fault.SILENCE, "9.0 s", id="silence"),
    ],
)
def test_what_was_put_in_is_found_where_it_is(score, spoil, fault, at):
    verdict = judge_sound(measures_of(spoil(score), stage_seconds=STAGES))
    assert fault in verdict.faults
    assert at in verdict.told
    assert verdict.passed  # music stops no film


def test_what_a_composer_does_all_the_time_is_no_seam():
    # Each tone begins at full strength, which is heard as a click, on every beat alike.
    assert set(judge_sound(measures_of(pluckings(16), stage_seconds=STAGES)).faults) <= {Fault.CLICK}


def test_silence_in_the_fades_is_meant(score):
    sound = score.copy()
    sound[: 48_000 // 2] = 0
    sound[-48_000 // 2 :] = 0
    assert measures_of(sound, fade_s=0.5).silences == ()
    assert measures_of(sound).silence_s == pytest.approx(0.5, abs=0.02)


def test_a_file_is_measured_as_it_sounds(score, tmp_path):
    write_flac(to_pcm(score), tmp_path / "score.flac")
    found = measure_sound(tmp_path / "score.flac", stage_seconds=STAGES)
    assert found.true_peak_dbtp < 0
    assert len(found.joins) == 3


def test_a_score_of_one_stage_has_no_joins(score):
    assert measures_of(score, stage_seconds=(16.0,)).joins == ()
