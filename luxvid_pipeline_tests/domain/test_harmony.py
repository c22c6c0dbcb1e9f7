import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.harmony import MODES, PROGRESSIONS, Key, cadences, chord, parallel, voice_lead

keys = st.builds(Key, st.integers(0, 11), st.sampled_from(sorted(PROGRESSIONS)))


@pytest.mark.parametrize(
    ("key", "degree", "tones"),
    [
        pytest.param(Key(0, "major"), 0, (0, 4, 7), id="C-is-C-E-G"),
        pytest.param(Key(0, "major"), 1, (2, 5, 9), id="ii-is-minor"),
        pytest.param(Key(9, "minor"), 5, (5, 9, 0), id="VI-of-A-minor-is-F"),
        pytest.param(Key(9, "harmonic minor"), 4, (4, 8, 11), id="V-of-A-minor-has-its-leading-note"),
        pytest.param(Key(5, "lydian"), 1, (7, 11, 2), id="II-of-lydian-is-major"),
    ],
)
def test_a_chord_is_stacked_in_thirds_on_its_degree(key, degree, tones):
    assert chord(key, degree).tones == tones


def test_a_colour_a_semitone_from_root_or_third_is_left_away():
    assert chord(Key(0, "major"), 0, colour="7").colour is None
    assert chord(Key(0, "major"), 1, colour="7").colour == 0
    assert chord(Key(0, "major"), 2, colour="9").colour is None
    assert chord(Key(0, "major"), 0, colour="9").colour == 2


@given(keys)
def test_every_ending_comes_home_to_the_major_tonic(key):
    for cadence in cadences(key):
        assert cadence.home.tones == chord(parallel(key), 0).tones
        assert cadence.home.bass == key.tonic % 12
        assert 1 <= len(cadence.approach) <= 2


@given(keys)
def test_every_chord_stays_in_the_scale_it_is_heard_in(key):
    for phrase in PROGRESSIONS[key.mode]:
        for degree in phrase:
            each = chord(key, degree, colour="9")
            assert each.pitch_classes <= set(each.scale)
    for cadence in cadences(key):
        for each in (*cadence.approach, cadence.home):
            assert each.pitch_classes <= set(each.scale)


def test_every_scale_has_seven_notes_within_an_octave():
    for steps in MODES.values():
        assert len(set(steps)) == 7
        assert list(steps) == sorted(steps)
        assert steps[0] == 0
        assert steps[-1] < 12


@settings(max_examples=25, deadline=None)
@given(keys, st.data())
def test_voices_never_cross_and_sound_every_chord_tone(key, data):
    phrase = data.draw(st.sampled_from(PROGRESSIONS[key.mode]))
    chords = [chord(key, degree, colour=data.draw(st.sampled_from(["", "9", "7"]))) for degree in phrase]
    for each, voicing in zip(chords, voice_lead(chords, [62.0] * len(chords)), strict=True):
        assert {pitch % 12 for pitch in voicing} >= set(each.tones)
        gaps = [upper - lower for lower, upper in itertools.pairwise(voicing)]
        assert min(gaps) >= 2
        assert max(gaps) <= 12


@settings(max_examples=25, deadline=None)
@given(keys, st.integers(0, 4))
def test_voices_move_by_small_steps(key, which):
    phrase = PROGRESSIONS[key.mode][which]
    voicings = voice_lead([chord(key, degree) for degree in phrase], [62.0] * len(phrase))
    for before, after in itertools.pairwise(voicings):
        moves = [abs(new - old) for old, new in zip(before, after, strict=True)]
        assert sum(moves) / len(moves) <= 4
        assert max(moves) <= 9
