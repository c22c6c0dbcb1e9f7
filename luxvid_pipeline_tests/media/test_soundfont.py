import numpy as np
import pytest

from luxvid_pipeline.domain.errors import MediaError
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
    assert abs(fundamental_off_by_cents(default_soundfont().note(program, pitch, 2.0), pitch)) < 20


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
