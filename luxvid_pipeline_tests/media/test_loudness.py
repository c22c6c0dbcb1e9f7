import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.audio import to_pcm, write_flac
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.loudness import (
    SILENCE_LUFS,
    integrated_lufs,
    limit,
    loudness_of,
    measure_loudness,
    true_peak_dbtp,
)
from luxvid_pipeline_tests.sounds import pluckings, silence, tone


@pytest.mark.parametrize(
    ("draw", "lufs"),
    [
        # EBU Tech 3341, cases 1 to 3: a stereo sine of 1 kHz at -23 dBFS measures -23 LUFS, softer parts or not.
        pytest.param(lambda: tone(1000, 20, -23), -23.0, id="ebu-1"),
        pytest.param(lambda: tone(1000, 20, -33), -33.0, id="ebu-2"),
        pytest.param(
            lambda: np.concatenate([tone(1000, 10, -36), tone(1000, 60, -23), tone(1000, 10, -36)]),
            -23.0,
            id="ebu-3-gated",
        ),
        pytest.param(lambda: np.concatenate([tone(1000, 15, -20), silence(20)]), -20.0, id="silence-does-not-count"),
    ],
)
def test_integrated_loudness_is_what_the_standard_says(draw, lufs):
    assert integrated_lufs(draw()) == pytest.approx(lufs, abs=0.1)


def test_silence_has_no_loudness():
    assert integrated_lufs(silence(2)) == SILENCE_LUFS
    assert loudness_of(silence(2)).range_lu == 0


def test_a_peak_between_samples_is_seen():
    # EBU Tech 3341, case 15: a quarter of the sampling rate, sampled off its tops.
    sound = tone(12_000, 1.0, -6.0, phase=np.pi / 4)
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(-9.0, abs=0.1)
    assert true_peak_dbtp(sound) == pytest.approx(-6.0, abs=0.4)


def test_ffmpeg_agrees(tmp_path):
    sound = np.concatenate([pluckings(6.0) * 0.2, pluckings(6.0, seed=2)])
    write_flac(to_pcm(sound), tmp_path / "music.flac")
    ours = measure_loudness(tmp_path / "music.flac")
    said = run_ffmpeg(
        ["-i", str(tmp_path / "music.flac"), "-af", "ebur128=peak=true", "-f", "null", "-"], doing="metering"
    )
    summary = said[said.rindex("Summary:") :]
    theirs = {name: float(value) for name, value in re.findall(r"(I|LRA|Peak):\s+(-?[\d.]+) (?:LUFS|LU|dBFS)", summary)}
    assert ours.integrated_lufs == pytest.approx(theirs["I"], abs=0.15)
    assert ours.true_peak_dbtp == pytest.approx(theirs["Peak"], abs=0.3)
    assert ours.range_lu == pytest.approx(theirs["LRA"], abs=1.0)


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 18), st.floats(-12, -0.5), st.integers(0, 9))
def test_nothing_gets_over_a_limiter_and_what_is_under_it_is_left_alone(gain_db, ceiling_dbtp, seed):
    sound = (pluckings(1.0, seed) * 10 ** (gain_db / 20)).astype(np.float32)
    limited = limit(sound, ceiling_dbtp)
    assert true_peak_dbtp(limited) <= ceiling_dbtp + 0.15
    assert np.abs(limited).max() <= np.abs(sound).max() + 1e-6
    if true_peak_dbtp(sound) <= ceiling_dbtp:
        assert np.array_equal(limited, sound)


def test_a_limiter_turns_down_smoothly():
    sound = tone(200, 1.0, -20)
    sound[24_000:24_050] *= 8
    gain = limit(sound, -12.0)[:, 0] / np.where(np.abs(sound[:, 0]) < 1e-4, np.nan, sound[:, 0])
    assert np.nanmin(gain) < 0.6
    assert gain[1] == pytest.approx(1.0)
    assert np.nanmax(np.abs(np.diff(gain))) < 0.01


def test_a_file_without_sound_is_named(tmp_path):
    (tmp_path / "mute.flac").write_bytes(b"no")
    with pytest.raises(MediaError, match=r"mute\.flac"):
        measure_loudness(tmp_path / "mute.flac")
