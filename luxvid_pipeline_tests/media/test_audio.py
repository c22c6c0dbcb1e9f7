import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from luxvid_pipeline.domain.errors import MediaError, StorageError
from luxvid_pipeline.media.audio import (
    SAMPLE_RATE_HZ,
    decode_audio,
    find_clicks,
    louder,
    mono_of,
    read_flac,
    to_pcm,
    to_sound,
    waveform_png,
    write_flac,
)
from luxvid_pipeline_tests.sounds import pluckings, silence, tone


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1.25, 1.25, width=32), min_size=1, max_size=50))
def test_samples_survive_the_way_to_sound_and_back(values):
    pcm = to_pcm(np.array([values, values], dtype=np.float32).T)
    assert np.array_equal(to_pcm(to_sound(pcm)), pcm)


def test_a_flac_holds_exactly_what_was_written_and_always_in_the_same_bytes(tmp_path):
    pcm = to_pcm(pluckings(1.5))
    for name in ("one.flac", "two.flac"):
        write_flac(pcm, tmp_path / name)
    assert np.array_equal(read_flac(tmp_path / "one.flac"), pcm)
    assert (tmp_path / "one.flac").read_bytes() == (tmp_path / "two.flac").read_bytes()
    assert np.array_equal(decode_audio(tmp_path / "one.flac"), to_sound(pcm))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.flac", "two.flac"]


def test_mono_of_another_rate_decodes_to_stereo_at_ours(tmp_path):
    soundfile.write(tmp_path / "mono.wav", tone(440, 1.0, -6)[::2, 0], 24_000)
    sound = decode_audio(tmp_path / "mono.wav")
    assert sound.shape[1] == 2
    assert len(sound) == pytest.approx(SAMPLE_RATE_HZ, abs=64)


def test_a_file_that_is_no_sound_is_named(tmp_path):
    (tmp_path / "noise.flac").write_bytes(b"fLaC" + bytes(100))
    for read in (read_flac, decode_audio):
        with pytest.raises(MediaError, match=r"noise\.flac"):
            read(tmp_path / "noise.flac")


def test_another_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "slow.flac", silence(0.2), 44_100)
    with pytest.raises(MediaError, match="44100 Hz"):
        read_flac(tmp_path / "slow.flac")


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"x\.flac"):
        write_flac(to_pcm(silence(0.1)), tmp_path / "file" / "x.flac")


@pytest.mark.parametrize("at_s", [0.5, 1.0, 1.37])
def test_a_jump_is_found_where_it_is(at_s):
    sound = tone(220, 2.0, -12)
    sound[round(at_s * SAMPLE_RATE_HZ) :] += 0.02
    assert find_clicks(sound) == pytest.approx([at_s], abs=0.001)


@pytest.mark.parametrize("sound", [tone(220, 1.0, -3), tone(4000, 1.0, -20), silence(1.0)])
def test_a_steady_sound_has_no_clicks(sound):
    assert find_clicks(sound) == []


def test_a_waveform_is_a_picture_with_a_mark_for_each_stage_there_is(tmp_path):
    sound = np.concatenate([pluckings(2.0) * 0.2, pluckings(2.0)])
    write_flac(to_pcm(sound), tmp_path / "score.flac")
    picture = waveform_png(tmp_path / "score.flac", (2.0, 2.0, 2.0))
    image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    assert image.shape == (300, 1280, 3)
    ink = (image[60:240, :, 0] > 150).sum(axis=0)
    assert ink[660:1200].mean() > 2 * ink[80:620].mean()
    assert waveform_png(tmp_path / "score.flac", (2.0, 2.0)) == picture


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_greater_and_the_mean_of_both_channels_are_numpys_own(dtype):
    sound = np.random.default_rng(3).normal(0, 0.3, (5000, 2)).astype(dtype)
    for ours, numpys in ((louder(sound), sound.max(axis=1)), (mono_of(sound), sound.mean(axis=1))):
        assert ours.dtype == numpys.dtype
        assert np.array_equal(ours, numpys)
