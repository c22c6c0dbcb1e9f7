# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Loudness as broadcasters and platforms measure it, true peak, and a limiter that holds one.

Belongs here: ITU-R BS.1770 and EBU R128 measures of sound in memory or of a file; gain that respects them.
Does not belong here: what loudness a film or a score should have (``media/film.py``, ``providers/local/``).
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, decode_audio, louder

Sound = NDArray[np.float32]

SILENCE_LUFS = -70.0
"""The absolute gate; what is quieter has no loudness."""

# K-weighting at 48 kHz: ITU-R BS.1770-4, tables 1 and 2.
_K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
_HOP_S = 0.1
_OVERSAMPLING = 4
_BLOCK, _MARGIN = 4096, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """What a meter says of a programme.

    Attributes:
        integrated_lufs: Gated loudness of the whole, ``SILENCE_LUFS`` where there is only silence.
        true_peak_dbtp: Highest peak between samples too, in dB of full scale.
        range_lu: Loudness range (EBU Tech 3342).
    """

    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float


def measure_loudness(path: Path) -> Loudness:
    """Return the loudness of a file's sound as it decodes, at 48 kHz in stereo.

    Raises:
        MediaError: The file cannot be read or holds no sound.
    """
    return loudness_of(decode_audio(path))


def loudness_of(sound: Sound) -> Loudness:
    """Return the loudness of sound in memory.

    Args:
        sound: Frames × 2 at 48 kHz.
    """
    weighted = _weighted_energy(sound)
    return Loudness(
        integrated_lufs=_integrated_lufs(weighted),
        true_peak_dbtp=true_peak_dbtp(sound),
        range_lu=_range_lu(weighted),
    )


def integrated_lufs(sound: Sound) -> float:
    """Return the gated loudness of a programme.

    Source:
        ITU-R BS.1770-4, annex 1: blocks of 400 ms every 100 ms, gates at -70 LUFS and 10 LU below the rest.
    """
    return _integrated_lufs(_weighted_energy(sound))


def _integrated_lufs(weighted: NDArray[np.float64]) -> float:
    power = _block_power(weighted, 0.4)
    loud = power[_lufs(power) > SILENCE_LUFS]
    if not len(loud):
        return SILENCE_LUFS
    kept = loud[_lufs(loud) > float(_lufs(loud.mean())) - 10]
    return float(_lufs(kept.mean()))


def loudness_over_time_lufs(sound: Sound, window_s: float = 3.0) -> NDArray[np.float64]:
    """Return the ungated loudness of each window, one every 100 ms: 3 s is short-term, 0.4 s momentary."""
    return np.maximum(_lufs(_block_power(_weighted_energy(sound), window_s)), -120.0)


def true_peak_dbtp(sound: Sound) -> float:
    """Return the highest peak of the sound, between its samples too, in dB of full scale."""
    return float(20 * np.log10(max(1e-7, float(peaks_over_time(sound).max(initial=0.0)))))


def limit(
    sound: Sound, ceiling_dbtp: float, *, reach_s: float = 0.012, peaks: NDArray[np.float64] | None = None
) -> Sound:
    """Return the sound with no true peak above the ceiling, turned down smoothly around each one.

    Args:
        sound: Frames × 2 at 48 kHz.
        ceiling_dbtp: Highest true peak allowed.
        reach_s: How long before and after a peak the gain moves.
        peaks: Its ``peaks_over_time``, where they are known.
    """
    ceiling = 10 ** (ceiling_dbtp / 20)
    needed = np.minimum(1.0, ceiling / np.maximum(peaks_over_time(sound) if peaks is None else peaks, 1e-9))
    if needed.min(initial=1.0) >= 1.0:
        return sound
    width = 2 * int(reach_s * SAMPLE_RATE_HZ) + 1
    held = scipy.ndimage.minimum_filter1d(needed, 2 * width - 1, mode="nearest")
    # A weighted mean of values that are each low enough for this sample is low enough too.
    weights = np.hanning(width + 2)[1:-1]
    gain = scipy.signal.oaconvolve(np.pad(held, width // 2, mode="edge"), weights / weights.sum(), mode="valid")
    return (sound * np.minimum(gain, 1.0)[:, None]).astype(np.float32)


@functools.cache
def _between_samples() -> NDArray[np.float32]:
    # The filter that ``resample_poly`` would design anew for each block.
    taps = scipy.signal.firwin(20 * _OVERSAMPLING + 1, 1 / _OVERSAMPLING, window=("kaiser", 5.0))
    return np.asarray(taps, np.float32)


def peaks_over_time(sound: Sound) -> NDArray[np.float64]:
    """Return the highest absolute value of both channels in the time of each frame, between the samples too.

    Looked for between samples only where the sound is at least half as loud as at its loudest. Louder or softer by a
    factor, a sound's peaks are those times the factor.

    Args:
        sound: Frames × 2 at 48 kHz.
    """
    own = louder(np.abs(sound)).astype(np.float64)
    if not len(own):
        return own
    # Between its samples sound rises by a few decibels at most, so only loud places need a closer look.
    blocks = -(-len(own) // _BLOCK)
    tallest = np.maximum.reduceat(own, np.arange(blocks) * _BLOCK)
    for block in np.flatnonzero(tallest > 0.5 * tallest.max()):
        start, end = block * _BLOCK, min(len(own), (block + 1) * _BLOCK)
        before, after = max(0, start - _MARGIN), min(len(own), end + _MARGIN)
        finer = np.abs(
            scipy.signal.resample_poly(sound[before:after], _OVERSAMPLING, 1, axis=0, window=_between_samples())
        )
        finer = finer[_OVERSAMPLING * (start - before) : _OVERSAMPLING * (end - before)]
        highest = functools.reduce(np.maximum, louder(finer).reshape(-1, _OVERSAMPLING).T)
        own[start:end] = np.maximum(own[start:end], highest)
    return own


def _weighted_energy(sound: Sound) -> NDArray[np.float64]:
    """The K-weighted energy of both channels up to each multiple of 100 ms, from which all windows come."""
    hop = int(_HOP_S * SAMPLE_RATE_HZ)
    # A window that the sound does not fill is none, but of a sound shorter than any window all of it counts.
    hops = len(sound) // hop if len(sound) >= 4 * hop else -(-len(sound) // hop)
    square = np.zeros(hops * hop)
    for channel in sound[: hops * hop].T:
        weighted = scipy.signal.sosfilt(_K_WEIGHTING, channel)
        square[: len(weighted)] += np.square(weighted, out=weighted)
    return np.concatenate([[0.0], np.cumsum(square.reshape(-1, hop).sum(axis=1))])


def _block_power(weighted: NDArray[np.float64], window_s: float) -> NDArray[np.float64]:
    """The mean power of each window, one every 100 ms; of a sound shorter than one, as if silence followed."""
    width = round(window_s / _HOP_S)
    starts = np.arange(max(1, len(weighted) - width))
    ends = np.minimum(starts + width, len(weighted) - 1)
    return (weighted[ends] - weighted[starts]) / (width * int(_HOP_S * SAMPLE_RATE_HZ))


def _lufs(power: NDArray[np.float64] | np.floating) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-13)))


def _range_lu(weighted: NDArray[np.float64]) -> float:
    levels = _lufs(_block_power(weighted, 3.0))
    levels = levels[levels > SILENCE_LUFS]
    if not len(levels):
        return 0.0
    levels = levels[levels > float(_lufs(np.mean(10 ** ((levels + 0.691) / 10)))) - 20]
    low, high = np.percentile(levels, [10, 95])
    return float(high - low)
