import numpy as np
import pytest
import scipy

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media import soundfont
from luxvid_pipeline.media.soundfont import DRUM_BANK, SoundFont, default_soundfont

PIANO, HARP, STRINGS, CHOIR, CONTRABASS, FLUTE = 1, 46, 48, 52, 43, 73


def fundamental_off_by_cents(sound, pitch: int) -> float:
    """How far the strongest partial near a key's frequency lies from it."""
    mono = sound[4800:100_800].mean(axis=1)
    power = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 1 << 19))
    wanted_hz = 440 * 2 ** ((pitch - 69) / 12)
    at = int(wanted_hz * (1 << 19) / 48_000)
    near = slice(int(at * 0.97), int(at * 1.03) + 2)
    found_hz = (near.start + int(np.argmax(power[near]))) * 48_000 / (1 << 19)
    return 1200 * np.log2(found_hz / wanted_hz)


@pytest.mark.parametrize("program", [PIANO, HARP, STRINGS, CHOIR, CONTRABASS, FLUTE])
@pytest.mark.parametrize("pitch", [48, 60, 67, 72])
def test_an_instrument_sounds_at_the_pitch_of_its_key(program, pitch):
    # The singers of this soundfont were recorded up to 29 cents flat; that is theirs.
    own = 30 if program == CHOIR else 20
    assert abs(fundamental_off_by_cents(default_soundfont().note(program, pitch, 2.0), pitch)) < own


@pytest.mark.parametrize("ratio", [0.25 + 1 / 9_600, 0.1371, 1 / 3 + 1e-4, 0.5, 1.0, 1.7818, 3.9999])
def test_a_sound_is_played_in_tune_whatever_the_ratio(ratio):
    rate_hz, hertz = 48_000, 1_000.0
    source = np.sin(2 * np.pi * hertz * np.arange(round(2 * rate_hz * ratio)) / rate_hz).astype(np.float32)
    played = soundfont._at_ratio(source, ratio)[4_800:-4_800]
    phase = np.unwrap(np.angle(scipy.signal.hilbert(played.astype(np.float64))))[4_800:-4_800]
    found_hz = (phase[-1] - phase[0]) / (2 * np.pi) / (len(phase) - 1) * rate_hz
    assert abs(1200 * np.log2(found_hz / (hertz * ratio))) < 0.05


def test_a_plucked_note_dies_away_and_a_bowed_one_stays():
    harp, strings = (default_soundfont().note(program, 60, 2.0) for program in (HARP, STRINGS))

    def level(sound, at_s):
        return float(np.sqrt((sound[int(at_s * 48_000) : int((at_s + 0.2) * 48_000)] ** 2).mean()))

    assert level(harp, 1.7) < 0.2 * level(harp, 0.1)
    assert level(strings, 1.7) > 0.4 * level(strings, 0.5)


@pytest.mark.parametrize("program", [PIANO, STRINGS, CONTRABASS])
def test_a_note_ends_in_silence_after_its_key_is_let_go(program):
    sound = default_soundfont().note(program, 55, 0.5)
    assert len(sound) > 0.5 * 48_000
    assert np.abs(sound[-1]).max() < 1e-4
    assert sound.dtype == np.float32


def test_one_pitch_played_long_and_short_is_one_instrument():
    font = default_soundfont()
    long, short, again = font.note(HARP, 64, 1.5), font.note(HARP, 64, 0.5), font.note(HARP, 64, 1.5)
    assert np.array_equal(long, again)
    assert np.allclose(long[:20_000], short[:20_000], atol=1e-6)


def test_a_kit_has_drums_and_no_sound_for_keys_without_one():
    assert len(default_soundfont().note(40, 36, 0.3, bank=DRUM_BANK))
    with pytest.raises(MediaError, match="key 3"):
        default_soundfont().note(40, 3, 0.3, bank=DRUM_BANK)


@pytest.mark.parametrize("content", [b"", b"RIFF\x04\x00\x00\x00WAVE", b"RIFF\x20\x00\x00\x00sfbkLIST" + bytes(20)])
def test_what_is_no_soundfont_is_refused_by_name(tmp_path, content):
    (tmp_path / "broken.sf2").write_bytes(content)
    with pytest.raises(MediaError, match=r"broken\.sf2"):
        SoundFont(tmp_path / "broken.sf2")


def test_a_missing_soundfont_is_named(tmp_path):
    with pytest.raises(MediaError, match=r"none\.sf2"):
        SoundFont(tmp_path / "none.sf2")


@pytest.mark.parametrize(("program", "pitch"), [(STRINGS, 60), (CHOIR, 67), (PIANO, 48), (FLUTE, 60)])
def test_at_half_the_rate_a_note_that_fits_is_the_same_note(program, pitch):
    font = default_soundfont()
    assert font.bandwidth_hz(program, pitch) < 11_000
    whole, half = font.note(program, pitch, 1.0)[:, 0], font.note(program, pitch, 1.0, rate_hz=24_000)[:, 0]
    finer = scipy.signal.resample(np.pad(half, (0, 24_000)), 2 * (len(half) + 24_000))[: len(whole)]
    begin = slice(480, 24_000)
    assert np.corrcoef(whole[begin], finer[begin])[0, 1] > 0.995
    assert np.std(finer[begin]) == pytest.approx(np.std(whole[begin]), rel=0.02)


@pytest.mark.parametrize("program", [PIANO, HARP, STRINGS, CHOIR, CONTRABASS, FLUTE])
def test_nothing_of_a_note_is_above_its_bandwidth(program):
    font = default_soundfont()
    highest_hz = font.bandwidth_hz(program, 55)
    power = np.abs(np.fft.rfft(font.note(program, 55, 1.5)[:, 0])) ** 2
    hertz = np.fft.rfftfreq(2 * len(power) - 2, 1 / 48_000)
    assert highest_hz < 24_000
    assert power[hertz > 1.1 * highest_hz].sum() < 1e-5 * power.sum()


def test_a_note_is_its_voices_at_their_places():
    font = default_soundfont()
    note, voices = font.note(STRINGS, 60, 0.5), font.voices(STRINGS, 60, 0.5)
    left = sum(np.pad(voice.tone, (0, len(note) - len(voice.tone))) * voice.left for voice in voices)
    assert np.allclose(note[:, 0], left, atol=1e-6)
    for voice in voices:
        assert voice.left**2 + voice.right**2 == pytest.approx(1)
