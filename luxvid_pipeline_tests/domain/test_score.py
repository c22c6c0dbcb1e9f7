import itertools
from collections import Counter
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import SettingsError, TimelineError
from luxvid_pipeline.domain.listing import MUSIC_STYLES
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.score import PITCHED, Part, ScorePlan, Texture, compose
from luxvid_pipeline_tests.sounds import score_request

requests = st.builds(
    score_request,
    st.text("abcdefghijklmnop-0123", min_size=1, max_size=12),
    st.sampled_from(MUSIC_STYLES),
    st.lists(st.sampled_from([2.0, 3.0, 3.5, 4.0, 5.0, 8.0, 10.0]), min_size=1, max_size=7),
)


def melody_line(plan: ScorePlan, slot_index: int) -> list[tuple[float, int]]:
    """Start in parts of the slot, and pitch, of the upper melody voice in a slot."""
    slot = plan.slots[slot_index]
    return [
        ((note.at_s - slot.start_s) / slot.length_s, note.pitch)
        for note in plan.notes
        if note.part is Part.MELODY and note.voice == 0 and plan.slot_at(note.at_s) is slot
    ]


def test_a_style_nobody_plays_is_refused_with_those_that_are_known():
    with pytest.raises(SettingsError, match=r"polka.*cinematic-ambient"):
        compose(score_request(style="polka"))


@pytest.mark.parametrize("stages", [(), (4.0, 0.0)])
def test_a_score_without_time_is_refused(stages):
    with pytest.raises(TimelineError, match="villa-aurora"):
        compose(score_request(stage_seconds=stages))


@settings(max_examples=40, deadline=None)
@given(requests)
def test_no_wrong_note_sounds_on_any_beat(request):
    plan = compose(request)
    for slot in plan.slots:
        for quarter in range(4):
            moment_s, harmony = slot.start_s + slot.length_s * quarter / 4 + 0.05, slot.chord_at(quarter / 4)
            sounding = [
                note.pitch % 12
                for note in plan.notes
                if note.part in PITCHED and note.at_s <= moment_s < note.at_s + note.held_s
            ]
            assert set(sounding) <= {*harmony.scale, *harmony.pitch_classes}


@settings(max_examples=40, deadline=None)
@given(requests)
def test_long_melody_notes_belong_to_their_chord(request):
    plan = compose(request)
    for note in plan.notes:
        slot = plan.slot_at(note.at_s)
        if note.part is Part.MELODY and note.held_s > 0.45 * slot.length_s and slot.texture is not Texture.OPENING:
            half = slot.chord_at(min(0.99, (note.at_s - slot.start_s) / slot.length_s + 0.01))
            assert note.pitch % 12 in half.pitch_classes


@settings(max_examples=40, deadline=None)
@given(requests)
def test_the_score_ends_at_home_when_the_film_ends(request):
    plan = compose(request)
    assert plan.duration_s == pytest.approx(sum(request.stage_seconds))
    last = plan.slots[-1]
    assert last.start_s + last.length_s == pytest.approx(plan.duration_s)
    assert last.chords[0].root == plan.key.tonic
    assert (last.chords[0].tones[1] - last.chords[0].root) % 12 == 4
    assert melody_line(plan, -1)[-1][1] % 12 == plan.key.tonic
    assert max(note.at_s + note.held_s for note in plan.notes if note.part in PITCHED) <= plan.duration_s + 0.01


@settings(max_examples=40, deadline=None)
@given(requests)
def test_every_stage_begins_on_a_chord_of_its_own_beat(request):
    plan = compose(request)
    starts_s = [0.0, *plan.stage_ends_s[:-1]]
    for stage, start_s in enumerate(starts_s):
        first = next(slot for slot in plan.slots if slot.stage == stage)
        assert first.start_s == pytest.approx(start_s, abs=1e-9)
    for before, after in itertools.pairwise(plan.slots):
        assert before.start_s + before.length_s == pytest.approx(after.start_s)


def test_a_stage_of_four_seconds_is_a_whole_number_of_beats():
    for listing, style in itertools.product("abcdef", MUSIC_STYLES):
        beats = 4 * compose(score_request(listing, style)).tempo_bpm / 60
        assert beats == pytest.approx(round(beats), abs=1e-6)


@pytest.mark.parametrize("style", MUSIC_STYLES)
def test_the_motif_of_the_beginning_returns_in_the_finale(style):
    for listing in ("a", "b", "villa-aurora", "casa"):
        plan = compose(score_request(listing, style))
        stated, finale = melody_line(plan, 2), melody_line(plan, -2)
        assert len(stated) == len(finale) == len(plan.motif.lengths)
        for (when, _), (then, _) in zip(stated, finale, strict=True):
            assert when == pytest.approx(then, abs=0.03)
        # The notes before the long one may bend to a chord of the cadence; the direction stays.
        rises = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(stated)]
        again = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(finale)]
        assert sum(a * b >= 0 for a, b in zip(rises, again, strict=True)) >= len(rises) - 1


@pytest.mark.parametrize("style", MUSIC_STYLES)
def test_more_is_played_the_more_intense_the_scene(style):
    plan = compose(score_request(style=style))
    played = Counter(plan.slot_at(note.at_s).stage for note in plan.notes)
    assert played[0] < played[1] < played[2] < played[4]
    assert played[6] > 2 * played[0]
    loud = [
        mean(note.velocity for note in plan.notes if note.part is Part.ARPEGGIO and plan.slot_at(note.at_s).stage == k)
        for k in (1, 2, 4)
    ]
    assert loud == sorted(loud)


@settings(max_examples=20, deadline=None)
@given(requests)
def test_the_same_request_gives_the_same_notes(request):
    assert compose(request) == compose(request)


def test_another_listing_gets_another_piece():
    pieces = [compose(score_request(f"villa-{number}", style)) for number in range(12) for style in MUSIC_STYLES]
    assert len({piece.notes for piece in pieces}) == len(pieces)
    for style in MUSIC_STYLES:
        of_style = [piece for piece in pieces if piece.style == style]
        assert len({piece.key for piece in of_style}) >= 5
        assert len({piece.motif for piece in of_style}) >= 6
        chords = {tuple(chord.degree for slot in piece.slots for chord in slot.chords) for piece in of_style}
        assert len(chords) >= 10


def test_a_film_without_some_scenes_still_opens_and_ends():
    plan = compose(score_request(stage_seconds=(4.0,) * 3, scenes=(SCENE_KEYS[3], SCENE_KEYS[4], SCENE_KEYS[5])))
    assert plan.slots[0].texture is Texture.OPENING
    assert plan.slots[-1].texture is Texture.FINALE
    assert [slot.stage for slot in plan.slots] == [0, 0, 1, 1, 2, 2]
