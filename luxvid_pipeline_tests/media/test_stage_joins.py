"""A continuation is cut where the slice ends, comes in as loud as what was there, and clicks nowhere."""

import struct

import numpy as np
import pytest
from scipy import signal

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, find_clicks, to_pcm, to_sound
from luxvid_pipeline.media.stage_joins import (
    find_continuation,
    fitted,
    join_stage,
    looped,
    on_the_beat,
    read_music,
    write_slice,
)
from luxvid_pipeline_tests.sounds import pluckings, silence, tone


def through_a_codec(sound, gain_db=0.0, noise_db=-40.0, seed=3):
    """Softened, at 32 kHz, with noise, at another level."""
    low = signal.resample_poly(sound, 2, 3, axis=0)
    low = signal.sosfiltfilt(signal.butter(3, 9000, fs=32_000, output="sos"), low, axis=0)
    back = signal.resample_poly(low, 3, 2, axis=0)[: len(sound)]
    noise = np.random.default_rng(seed).normal(0, 10 ** (noise_db / 20), back.shape)
    return ((back + noise) * 10 ** (gain_db / 20)).astype(np.float32)


@pytest.mark.parametrize("gain_db", [-8.0, 0.0, 6.0])
@pytest.mark.parametrize("late_s", [0.0, 0.02, 0.31])
def test_the_slice_is_found_to_the_sample_and_its_level_is_taken_back(gain_db, late_s):
    whole = pluckings(12)
    sent, new = whole[: 8 * SAMPLE_RATE_HZ], whole[8 * SAMPLE_RATE_HZ :]
    returned = np.concatenate([silence(late_s), through_a_codec(np.concatenate([sent, new]), gain_db)])
    found = find_continuation(sent, returned, 4.0)
    assert found.contains_slice
    assert found.likeness > 0.9
    assert abs(found.cut - len(sent) - late_s * SAMPLE_RATE_HZ) <= 3
    assert 20 * np.log10(found.gain) == pytest.approx(-gain_db, abs=0.5)


def test_new_music_alone_is_not_mistaken_for_a_slice():
    found = find_continuation(pluckings(4, seed=1), pluckings(4, seed=2), 4.0)
    assert (found.contains_slice, found.cut) == (False, 0)


def test_a_slice_that_the_codec_left_unlike_is_found_by_length():
    sent = pluckings(4, seed=1)
    returned = np.concatenate([pluckings(4, seed=8), pluckings(4, seed=2)])
    found = find_continuation(sent, returned, 4.0)
    assert (found.contains_slice, found.cut, found.likeness < 0.5) == (True, len(sent), True)


def test_silence_is_cut_by_length():
    returned = np.concatenate([silence(4), pluckings(4)])
    assert find_continuation(silence(4), returned, 4.0).cut == 4 * SAMPLE_RATE_HZ


def test_a_file_of_an_odd_length_is_refused():
    with pytest.raises(MediaError, match=r"lasts 2\.00 s"):
        find_continuation(pluckings(4, seed=1), pluckings(2, seed=2), 4.0)


@pytest.mark.parametrize("gain_db", [-8.0, 6.0])
def test_the_joined_score_keeps_what_was_there_and_clicks_nowhere(gain_db):
    whole = (0.5 * (tone(220, 12, -9) + tone(331, 12, -15) + pluckings(12))).astype(np.float32)
    kept = to_pcm(whole[: 8 * SAMPLE_RATE_HZ])
    returned = through_a_codec(whole, gain_db, noise_db=-60)
    found = find_continuation(to_sound(kept), returned, 4.0)
    score = join_stage(kept, returned[found.cut :], 4 * SAMPLE_RATE_HZ, gain=found.gain)
    assert len(score) == 12 * SAMPLE_RATE_HZ
    assert np.array_equal(score[: len(kept)], kept)
    assert [at for at in find_clicks(to_sound(score)) if abs(at - 8.0) < 0.1] == []
    before, after = (
        to_sound(score)[part] for part in (slice(-5 * SAMPLE_RATE_HZ, -4 * SAMPLE_RATE_HZ), slice(-192_000, -144_000))
    )
    assert 20 * np.log10(np.std(after) / np.std(before)) == pytest.approx(
        20 * np.log10(np.std(whole[384_000:432_000]) / np.std(whole[336_000:384_000])), abs=1.0
    )


def test_a_hard_cut_would_click():
    whole = tone(220, 8, -6)
    kept, new = to_pcm(whole[: 4 * SAMPLE_RATE_HZ]), tone(220, 4, -6, phase=1.5)
    hard = np.concatenate([to_sound(kept), new])
    joined = to_sound(join_stage(kept, new, 4 * SAMPLE_RATE_HZ))
    assert any(abs(at - 4.0) < 0.05 for at in find_clicks(hard))
    assert not any(abs(at - 4.0) < 0.05 for at in find_clicks(joined))


def test_a_little_too_short_is_played_slower_and_much_too_short_is_refused():
    frames = 4 * SAMPLE_RATE_HZ
    assert len(fitted(pluckings(4)[: frames - 4000], frames)) == frames
    with pytest.raises(MediaError, match=r"3\.00 s"):
        fitted(pluckings(3), frames)


def test_it_begins_on_a_beat_if_there_is_time_to_spare():
    sound = np.concatenate([0.01 * pluckings(0.7), tone(300, 5, -6)]).astype(np.float32)
    assert on_the_beat(sound, 4 * SAMPLE_RATE_HZ) == pytest.approx(0.7 * SAMPLE_RATE_HZ, abs=0.02 * SAMPLE_RATE_HZ)
    assert on_the_beat(sound[: 4 * SAMPLE_RATE_HZ], 4 * SAMPLE_RATE_HZ) == 0


def test_a_short_sound_is_repeated_without_a_click():
    long = looped(tone(200, 5, -6), 12 * SAMPLE_RATE_HZ)
    assert len(long) == 12 * SAMPLE_RATE_HZ
    assert find_clicks(long) == []


def test_the_same_slice_gives_the_same_bytes(tmp_path):
    write_slice(to_pcm(pluckings(2)), tmp_path / "one.wav")
    write_slice(to_pcm(pluckings(2)), tmp_path / "two.wav")
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()


def _wav(path, length=None, *, sent=None, odd_chunk=b""):
    """A WAV of half a second that says another length of its sound, or was sent in part."""
    write_slice(to_pcm(tone(440, 0.5)), path)
    whole = path.read_bytes()
    at = whole.index(b"data")
    said = whole[at + 4 : at + 8] if length is None else struct.pack("<I", length)
    path.write_bytes((whole[:at] + odd_chunk + b"data" + said + whole[at + 8 :])[:sent])
    return path


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({}, id="as-it-should-be"),
        pytest.param({"odd_chunk": b"LIST\3\0\0\0abc\0"}, id="with-a-chunk-of-odd-length"),
        pytest.param({"length": 0xFFFF_FFFF}, id="written-into-a-pipe"),
    ],
)
def test_a_wav_is_read_to_its_end(tmp_path, written):
    assert len(read_music(_wav(tmp_path / "a.wav", **written))) == SAMPLE_RATE_HZ // 2


@pytest.mark.parametrize("sent", [60, 5_000, -1])
def test_a_wav_that_ends_before_its_own_length_is_refused(tmp_path, sent):
    with pytest.raises(MediaError, match=r"a\.wav: it is cut off: \d+ of 96000 bytes of sound are there"):
        read_music(_wav(tmp_path / "a.wav", sent=sent))
