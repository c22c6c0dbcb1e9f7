# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A kept score made to another length, as a music editor would: cut where it repeats itself, rung out at its end.

Belongs here: finding the place of a cut, joining there, a hall's answer to the last chord.
Does not belong here: composing (``domain/score.py``, ``providers/``), loudness and AAC (``media/film.py``).
"""

import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound, mono_of

_HOP = SAMPLE_RATE_HZ // 100
_BANDS = 24
_AROUND_S = 0.6
_JOIN_S = 0.08
_EDGE_S = 1.5
"""How much of a score's beginning and of its end no cut touches."""

_RING_LOOK_S = 6.0
_RING_FROM_S = 2.5
_RING_OVER_S = 0.6
_RING_SHARE = 0.8
_RING_FALL_DB = 34.0
_RING_CUTOFF_HZ = 5_200.0

Floats = NDArray[np.float64]


def recut(score: Sound, seconds: float) -> Sound:
    """Return a score made shorter or longer; its beginning and its end stay.

    Shorter, it jumps ahead once; longer, it goes back as often as needed. Both places of a jump sound as alike as any
    that far apart: attacks fall together and the chord is the same, so the beat goes on through it.

    Args:
        score: 48 kHz; longer than three seconds.
        seconds: Length wanted; three seconds or more.
    """
    frames = round(seconds * SAMPLE_RATE_HZ)
    surplus = len(score) - frames
    if abs(surplus) <= _HOP:
        return _cut_to(score, frames)
    edge = round(min(_EDGE_S, len(score) / SAMPLE_RATE_HZ / 4) * SAMPLE_RATE_HZ)
    most_back = max(SAMPLE_RATE_HZ, round((len(score) - 2 * edge) * 0.7))
    jumps = 1 if surplus > 0 else -(surplus // most_back)
    # Positive: frames left out; negative: frames played again.
    jump = surplus / jumps
    whole = [round(jump * (number + 1)) - round(jump * number) for number in range(jumps)]
    place = _best_place(score, whole[0], edge)
    out = score[:place]
    for number, step in enumerate(whole):
        # What follows the jump, until the place comes round again.
        out = _joined(out, score, place, place + step, place if number < jumps - 1 else len(score))
    return _cut_to(out, frames)


def ring_out(score: Sound, seconds: float) -> Sound:
    """Return a score that is followed by so many seconds in which its last chord dies away, as in a hall.

    Where the score begins to fade for its end, its own echo takes over; what sounds before is as it was.

    Args:
        score: 48 kHz.
        seconds: What is added.
    """
    extra = round(seconds * SAMPLE_RATE_HZ)
    if extra <= 0 or len(score) < SAMPLE_RATE_HZ:
        return score
    leaves = _last_loud(score)
    source = score[max(0, leaves - round(_RING_FROM_S * SAMPLE_RATE_HZ)) : leaves].astype(np.float64)
    length = len(score) - leaves + extra
    at = np.arange(len(source) + length) / SAMPLE_RATE_HZ
    decay = 10 ** (-_RING_FALL_DB / 20 * at * SAMPLE_RATE_HZ / length) * np.minimum(1.0, at / 0.06)
    darker = scipy.signal.butter(2, _RING_CUTOFF_HZ, fs=SAMPLE_RATE_HZ, output="sos")
    lots = np.random.default_rng(28)
    wet = np.stack(
        [
            scipy.signal.oaconvolve(
                channel, np.asarray(scipy.signal.sosfilt(darker, lots.standard_normal(len(at)) * decay))
            )
            for channel in source.T
        ],
        axis=1,
    )[: len(source) + length]
    over = min(round(_RING_OVER_S * SAMPLE_RATE_HZ), len(source))
    enters = len(source) - over
    wet *= _rms(source[-over:]) / max(1e-9, _rms(wet[enters : len(source)]))
    # The score's own end stays under its echo: only the echo is what the card adds.
    out = np.zeros((len(score) + extra, 2))
    out[: len(score)] = score
    rise = np.sin(np.linspace(0, np.pi / 2, over))[:, None]
    out[leaves - over : leaves] *= np.sqrt(1 - (_RING_SHARE * rise) ** 2)
    out[leaves - over : leaves] += wet[enters : len(source)] * _RING_SHARE * rise
    out[leaves : len(score)] *= np.sqrt(1 - _RING_SHARE**2)
    out[leaves:] += wet[len(source) :] * _RING_SHARE
    return out.astype(np.float32)


def _last_loud(score: Sound) -> int:
    """The end of the last tenth of a second before the score fades for its end."""
    block = SAMPLE_RATE_HZ // 10
    last = score[-round(_RING_LOOK_S * SAMPLE_RATE_HZ) :].astype(np.float64)
    blocks = len(last) // block
    tail = last[len(last) - blocks * block :].reshape(blocks, -1)
    levels = np.sqrt((tail**2).mean(axis=1))
    loud = np.flatnonzero(levels >= 0.5 * np.percentile(levels, 90))
    return len(score) - (blocks - 1 - int(loud[-1])) * block


def _joined(so_far: Sound, score: Sound, leaves: int, enters: int, until: int) -> Sound:
    """What was played until ``leaves``, then the score from ``enters`` to ``until``, one crossfade around the cut."""
    half = min(round(_JOIN_S * SAMPLE_RATE_HZ / 2), leaves, enters, len(score) - leaves, len(so_far))
    fall = np.cos(np.linspace(0, np.pi / 2, 2 * half, dtype=np.float32))[:, None]
    rise = np.sin(np.linspace(0, np.pi / 2, 2 * half, dtype=np.float32))[:, None]
    over = score[leaves - half : leaves + half] * fall + score[enters - half : enters + half] * rise
    return np.concatenate([so_far[: len(so_far) - half], over, score[enters + half : until]])


def _best_place(score: Sound, jump: int, edge: int) -> int:
    """Where to leave the score so that what sounds ``jump`` frames later goes on from it best."""
    features = _features(score)
    hops = round(jump / _HOP)
    low, high = edge // _HOP, len(features) - edge // _HOP
    places = np.arange(max(low, low - hops), min(high, high - hops))
    if not len(places):
        return int(np.clip(len(score) // 2, max(0, -jump), len(score) - max(0, jump)))
    alike = (features[places] * features[places + hops]).sum(axis=1)
    width = min(len(alike), 2 * round(_AROUND_S * SAMPLE_RATE_HZ / _HOP / 2) + 1)
    smooth = np.convolve(alike, np.hanning(width + 2)[1:-1] / np.hanning(width + 2).sum(), mode="same")
    # An attack just after the cut hides it.
    attack = features[:, -1]
    smooth += 0.05 * np.clip(attack[np.minimum(places + hops + 2, len(attack) - 1)], 0, 3)
    # Near the middle of what may be cut: an opening and an ending both stay recognisable.
    middle = np.abs(np.linspace(-1, 1, len(places)))
    return int(places[int(np.argmax(smooth - 0.05 * middle))]) * _HOP


def _features(score: Sound) -> Floats:
    """A row each hundredth of a second: the spectrum's shape, and how much louder it becomes."""
    mono = mono_of(score).astype(np.float64)
    size = 4096
    hops = len(mono) // _HOP
    padded = np.pad(mono, (size // 2, size))
    window = np.hanning(size)
    edges = np.geomspace(60, 6_000, _BANDS + 1) * size / SAMPLE_RATE_HZ
    rows = np.empty((hops, _BANDS))
    for hop in range(hops):
        power = np.abs(np.fft.rfft(padded[hop * _HOP : hop * _HOP + size] * window)) ** 2
        sums = np.concatenate([[0.0], np.cumsum(power)])
        places = np.interp(edges, np.arange(len(sums)), sums)
        rows[hop] = np.diff(places)
    levels = np.log10(rows + 1e-7)
    rising = np.clip(np.diff(levels, axis=0, prepend=levels[:1]), 0, None).sum(axis=1)
    shape = levels - levels.mean(axis=1, keepdims=True)
    shape /= np.linalg.norm(shape, axis=1, keepdims=True) + 1e-9
    onset = (rising - rising.mean()) / (rising.std() + 1e-9)
    return np.concatenate([shape, 0.3 * onset[:, None]], axis=1)


def _cut_to(sound: Sound, frames: int) -> Sound:
    if len(sound) >= frames:
        return sound[:frames]
    return np.concatenate([sound, np.zeros((frames - len(sound), 2), np.float32)])


def _rms(sound: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
