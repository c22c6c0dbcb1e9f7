"""A score at other lengths."""

import numpy as np
import pytest

from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, find_clicks
from luxvid_pipeline.media.score_editing import recut, ring_out
from luxvid_pipeline_tests.sounds import tone


def level_db(sound, start_s, end_s):
    part = sound[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
    return 20 * np.log10(float(np.sqrt(np.mean(np.square(part, dtype=np.float64)))) + 1e-9)


def beats(seconds, every_s=0.5):
    """A bar of four different notes, over and over: what a cut has to find again."""
    sound = np.zeros((round(seconds * SAMPLE_RATE_HZ), 2), np.float32)
    step = round(every_s * SAMPLE_RATE_HZ)
    for number, start in enumerate(range(0, len(sound), step)):
        hz = (220.0, 277.2, 329.6, 440.0)[number % 4]
        note = tone(hz, every_s, -12) * np.exp(-np.arange(step) / (0.15 * SAMPLE_RATE_HZ))[:, None]
        sound[start : start + step] += note[: len(sound) - start].astype(np.float32)
    return sound


@pytest.mark.parametrize("seconds", [10.0, 14.97, 28.0, 41.5, 60.0])
def test_a_score_is_as_long_as_asked_without_a_click_and_keeps_its_ends(seconds):
    score = pad(28)
    made = recut(score, seconds)
    assert len(made) == round(seconds * SAMPLE_RATE_HZ)
    assert find_clicks(made) == []
    second = SAMPLE_RATE_HZ
    np.testing.assert_array_equal(made[:second], score[:second])
    np.testing.assert_array_equal(made[-second:], score[-second:])


@pytest.mark.parametrize("seconds", [14.0, 40.0])
def test_the_beat_goes_on_through_a_cut_of_whole_bars(seconds):
    made = recut(beats(28), seconds)
    expected = beats(seconds)
    inside = slice(SAMPLE_RATE_HZ, len(made) - SAMPLE_RATE_HZ)
    off = made[inside].astype(np.float64) - expected[inside]
    assert np.sqrt(np.mean(off**2)) < 0.15 * np.sqrt(np.mean(expected[inside].astype(np.float64) ** 2))


def pad(seconds):
    """Soft chords that change every two seconds, without an attack anywhere."""
    at = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave = np.zeros(len(at))
    for number, hz in enumerate((110.0, 165.0, 220.0, 277.0)):
        wave += np.sin(2 * np.pi * hz * at) * (0.6 + 0.4 * np.sin(2 * np.pi * at / 8 + number * np.pi / 2))
    return np.stack([wave, wave], axis=1).astype(np.float32) * 0.1


def ending():
    score = tone(220, 10, -12) + tone(330, 10, -14)
    fade = np.ones(len(score), np.float32)
    fade[-2 * SAMPLE_RATE_HZ :] = np.linspace(1, 0, 2 * SAMPLE_RATE_HZ) ** 2
    return (score * fade[:, None]).astype(np.float32)


def test_the_last_chord_rings_on_under_the_card_and_dies_away():
    score = ending()
    made = ring_out(score, 5)
    assert len(made) == len(score) + 5 * SAMPLE_RATE_HZ
    np.testing.assert_array_equal(made[: 7 * SAMPLE_RATE_HZ], score[: 7 * SAMPLE_RATE_HZ])
    levels = [level_db(made, second, second + 1) for second in range(9, 15)]
    assert levels == sorted(levels, reverse=True)
    assert -40 < levels[1] < -20
    assert levels[-1] < levels[1] - 12
    assert find_clicks(made) == []


def test_the_echo_is_the_same_every_time_and_nothing_is_added_for_no_card():
    score = ending()
    np.testing.assert_array_equal(ring_out(score, 5), ring_out(score, 5))
    np.testing.assert_array_equal(ring_out(score, 0), score)
