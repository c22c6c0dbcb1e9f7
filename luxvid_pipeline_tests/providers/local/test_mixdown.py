import numpy as np
import pytest

from luxvid_pipeline.domain.score import Note, Part
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ
from luxvid_pipeline.media.soundfont import default_soundfont
from luxvid_pipeline.providers.local.mixdown import _rate_for, _Room, _Track
from luxvid_pipeline.providers.local.orchestra import ORCHESTRAS, Player

HALF = SAMPLE_RATE_HZ // 2
FLUTE, GLOCKENSPIEL, CONTRABASS = 73, 9, 43


def sine(hertz, rate_hz, *, seconds=1.0):
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    rise = np.clip(np.minimum(time_s, seconds - time_s) / 0.2, 0, 1) ** 2
    return _Track(np.stack([rise * np.sin(2 * np.pi * hertz * time_s)] * 2).astype(np.float32), rate_hz)


def heard(*tracks, send_db=-200.0, seconds=1.0):
    room = _Room(round(seconds * SAMPLE_RATE_HZ), 1.2, 0.0)
    for track in tracks:
        room.add(track, send_db)
    return room.sound()


def loud_db(sound):
    return 20 * np.log10(np.std(sound[:, 0]))


@pytest.mark.parametrize("hertz", [60, 440, 3_000, 10_000])
@pytest.mark.parametrize("send_db", [-200.0, 0.0])
def test_a_track_of_half_the_rate_is_heard_as_one_of_the_whole(hertz, send_db):
    whole, half = (heard(sine(hertz, rate_hz), send_db=send_db) for rate_hz in (SAMPLE_RATE_HZ, HALF))
    assert np.abs(whole - half).max() < 2e-3 * np.abs(whole).max()


def test_players_of_both_rates_are_heard_together():
    together = heard(sine(500, SAMPLE_RATE_HZ), sine(900, HALF))
    apart = heard(sine(500, SAMPLE_RATE_HZ)) + heard(sine(900, HALF))
    assert np.allclose(together, apart, atol=1e-4)


@pytest.mark.parametrize(
    ("hertz", "from_db", "to_db"),
    [
        pytest.param(10, -30, -15, id="rumble-goes"),
        pytest.param(440, -0.3, 0.3, id="the-middle-stays"),
        pytest.param(12_000, 4.0, 5.2, id="air-comes"),
    ],
)
def test_the_desk_takes_rumble_and_adds_air(hertz, from_db, to_db):
    track = sine(hertz, SAMPLE_RATE_HZ, seconds=2.0)
    gained_db = loud_db(heard(track, seconds=2.0)) - loud_db(track.sound.T)
    assert from_db < gained_db < to_db


def test_a_hall_goes_on_after_the_players_and_nothing_comes_before_them():
    track = sine(440, SAMPLE_RATE_HZ)
    track.sound[:, : SAMPLE_RATE_HZ // 2] = 0
    track.sound[:, 3 * SAMPLE_RATE_HZ // 4 :] = 0
    dry, wet = heard(track), heard(track, send_db=0.0)
    after = slice(round(0.8 * SAMPLE_RATE_HZ), round(0.95 * SAMPLE_RATE_HZ))
    assert loud_db(wet[after]) > loud_db(dry[after]) + 20
    assert np.abs(wet[: round(0.45 * SAMPLE_RATE_HZ)]).max() < 1e-3


@pytest.mark.parametrize(
    ("program", "pitch", "cut_hz", "rate_hz"),
    [
        pytest.param(FLUTE, 60, 16_000, HALF, id="recorded-at-half-the-rate"),
        pytest.param(GLOCKENSPIEL, 88, 16_000, SAMPLE_RATE_HZ, id="bright"),
        pytest.param(GLOCKENSPIEL, 88, 1_200, HALF, id="bright-before-a-dark-microphone"),
        pytest.param(CONTRABASS, 36, 1_200, HALF, id="a-drone"),
    ],
)
def test_a_player_is_recorded_at_half_the_rate_only_where_that_holds_all_of_it(program, pitch, cut_hz, rate_hz):
    player = Player(program=program, gain_db=0, high_cut_hz=cut_hz)
    strokes = [Note(part=Part.MELODY, at_s=0.0, held_s=1.0, pitch=pitch, velocity=80)]
    assert _rate_for(strokes, player, default_soundfont()) == rate_hz


def test_every_style_has_players_of_half_the_rate_or_the_trick_is_worth_nothing():
    font = default_soundfont()
    for orchestra in ORCHESTRAS.values():
        rates = {
            _rate_for([Note(part=Part.PAD, at_s=0.0, held_s=1.0, pitch=60, velocity=80)], player, font)
            for section in orchestra.players.get(Part.PAD, ())
            for player in section
        }
        assert HALF in rates
