# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What is heard in a score: clicks, silences, and whether its stages go on into each other.

Belongs here: comparing a stage boundary with every other place of the same music.
Does not belong here: loudness and true peak (``media/loudness.py``), joining stages (``media/stage_joins.py``).
"""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.measured import SoundMeasures, StageJoin
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound, decode_audio, find_clicks, mono_of
from luxvid_pipeline.media.loudness import loudness_of

Floats = NDArray[np.float64]

_BESIDE_S = 0.5
"""How much of the music on either side of a place is compared."""

_HOP_S = 0.05
_FRAME = 4096
_NEAR_S = 0.05
_SILENT_DB = -60.0
_LEAST_SILENCE_S = 0.15
_BANDS_A_OCTAVE = 3
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 12_000.0
_FLOOR_DB = -75.0
_USUAL_PERCENTILE = 95.0
_PARTIAL_FRAME = 8192
_APART_S = 0.09
_PARTIALS = 40
_PARTIALS_HZ = (80.0, 6000.0)
_PARTIAL_RANGE_DB = 35.0
_SHIFT_S = 0.1


def measure_sound(path: Path, *, stage_seconds: Sequence[float] = (), fade_s: float = 0.0) -> SoundMeasures:
    """Return what is measured of a sound file.

    Args:
        path: Any file with sound.
        stage_seconds: Length of each stage of the score; none means no boundaries are looked at.
        fade_s: Length of the fades at both ends, in which silence is meant.

    Raises:
        MediaError: It cannot be read or holds no sound.
    """
    return measures_of(decode_audio(path), stage_seconds=stage_seconds, fade_s=fade_s)


def measures_of(sound: Sound, *, stage_seconds: Sequence[float] = (), fade_s: float = 0.0) -> SoundMeasures:
    """Return what is measured of sound in memory; the arguments are those of ``measure_sound``.

    A stage that begins another piece of music changes level and timbre at its boundary more than the music does
    elsewhere, so each boundary is compared with every place of the same score: what a composer does all the time is no
    seam.
    """
    loudness = loudness_of(sound)
    clicks = find_clicks(sound)
    return SoundMeasures(
        seconds=len(sound) / SAMPLE_RATE_HZ,
        integrated_lufs=round(loudness.integrated_lufs, 2),
        true_peak_dbtp=round(loudness.true_peak_dbtp, 2),
        range_lu=round(loudness.range_lu, 2),
        clicks=tuple(round(at, 3) for at in clicks),
        silences=_silences(sound, fade_s),
        joins=_joins(sound, stage_seconds, clicks),
    )


def _silences(sound: Sound, fade_s: float) -> tuple[tuple[float, float], ...]:
    hop = round(0.01 * SAMPLE_RATE_HZ)
    count = len(sound) // hop
    power = mono_of(np.square(sound[: count * hop], dtype=np.float64)).reshape(count, hop).mean(axis=1)
    quiet = power < 10 ** (_SILENT_DB / 10)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    end_s = len(sound) / SAMPLE_RATE_HZ
    found: list[tuple[float, float]] = []
    for start, stop in zip(edges[::2] * 0.01, edges[1::2] * 0.01, strict=True):
        begins, ends = max(float(start), fade_s), min(float(stop), end_s - fade_s)
        if ends - begins >= _LEAST_SILENCE_S:
            found.append((round(begins, 2), round(ends, 2)))
    return tuple(found)


def _joins(sound: Sound, stage_seconds: Sequence[float], clicks: Sequence[float]) -> tuple[StageJoin, ...]:
    boundaries = [at for at in accumulate(stage_seconds[:-1]) if at < len(sound) / SAMPLE_RATE_HZ - _BESIDE_S]
    if not boundaries:
        return ()
    bands = _bands(sound)
    mono = mono_of(sound).astype(np.float64)
    span = round(_BESIDE_S / _HOP_S)
    places = np.arange(span, len(bands) - span)
    timbres = _timbre_jumps(bands, places, span)
    near = np.zeros(len(places), bool)
    for at in boundaries:
        near |= np.abs(places * _HOP_S - at) < _BESIDE_S
    elsewhere = ~near if (~near).any() else ~np.zeros(len(places), bool)
    every = round(_SHIFT_S / _HOP_S)
    carried = [_carried_db(mono, float(at) * _HOP_S) for at in places[elsewhere][::every]]
    low, high = (float(value) for value in np.percentile(carried, [1, 99]))
    usual_timbre = float(np.percentile(timbres[elsewhere], _USUAL_PERCENTILE))
    found: list[StageJoin] = []
    for at in boundaries:
        timbre = _timbre_jumps(bands, np.array([np.clip(round(at / _HOP_S), span, len(bands) - span)]), span)
        found.append(
            StageJoin(
                at_s=float(at),
                clicks=sum(abs(click - at) <= _NEAR_S for click in clicks),
                carried_db=round(_carried_db(mono, at), 2),
                usual_low_db=round(low, 2),
                usual_high_db=round(high, 2),
                timbre_jump=round(float(timbre[0]), 2),
                usual_timbre_jump=round(usual_timbre, 2),
            )
        )
    return tuple(found)


def _carried_db(mono: Floats, at_s: float) -> float:
    """Median change, in dB, of the partials that sound right before a place."""
    before, after = (_spectrum(mono, at_s + side * _APART_S) for side in (-1, 1))
    low, high = (round(hertz / SAMPLE_RATE_HZ * _PARTIAL_FRAME) for hertz in _PARTIALS_HZ)
    inside = np.arange(low, high)
    peaks = inside[(before[inside] > before[inside - 1]) & (before[inside] >= before[inside + 1])]
    if not len(peaks):
        return 0.0
    levels = _db(before[peaks])
    strong = peaks[levels > levels.max() - _PARTIAL_RANGE_DB]
    strong = strong[np.argsort(-before[strong])][:_PARTIALS]
    # Vibrato moves a partial by a bin.
    still = np.maximum(np.maximum(after[strong - 1], after[strong]), after[strong + 1])
    return float(np.median(_db(still) - _db(before[strong])))


@cache
def _hanning(samples: int) -> Floats:
    return np.hanning(samples)


def _spectrum(mono: Floats, at_s: float) -> Floats:
    start = round(at_s * SAMPLE_RATE_HZ) - _PARTIAL_FRAME // 2
    part = mono[max(0, start) : start + _PARTIAL_FRAME]
    part = np.pad(part, (max(0, -start), _PARTIAL_FRAME - len(part) - max(0, -start)))
    return np.square(np.abs(np.fft.rfft(part * _hanning(_PARTIAL_FRAME)))) / _PARTIAL_FRAME


def _bands(sound: Sound) -> Floats:
    """Power in thirds of an octave every 50 ms; shape ``(n, bands)``, linear."""
    hop = round(_HOP_S * SAMPLE_RATE_HZ)
    mono = mono_of(sound).astype(np.float64)
    padded = np.pad(mono, _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::hop]
    power = np.square(np.abs(np.fft.rfft(frames * _hanning(_FRAME), axis=1)))
    hertz = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE_HZ)
    count = round(np.log2(_HIGHEST_HZ / _LOWEST_HZ) * _BANDS_A_OCTAVE)
    edges = np.searchsorted(hertz, _LOWEST_HZ * 2 ** (np.arange(count + 1) / _BANDS_A_OCTAVE))
    bands = [power[:, low : max(low + 1, high)].mean(axis=1) for low, high in pairwise(edges)]
    return np.stack(bands, axis=1) / _FRAME


def _timbre_jumps(bands: Floats, places: NDArray[np.intp], span: int) -> Floats:
    """Mean change of the bands in dB, the level left out, at each place."""
    total = np.concatenate([np.zeros((1, bands.shape[1])), np.cumsum(bands, axis=0)])
    before = (total[places] - total[places - span]) / span
    after = (total[places + span] - total[places]) / span
    shapes = [np.maximum(_db(each) - _db(each.sum(axis=1, keepdims=True)), _FLOOR_DB / 2) for each in (before, after)]
    return np.abs(shapes[1] - shapes[0]).mean(axis=1)


def _db(power: Floats) -> Floats:
    return 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DB / 10)))
