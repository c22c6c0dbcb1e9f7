# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Joining the stages of a score that somebody else plays: finding what is new in a continuation, and where it goes on.

Belongs here: measuring where the slice that was sent lies in what came back, cutting it off, matching levels, the few
milliseconds in which the one becomes the other.
Does not belong here: asking for a continuation (``providers/replicate/score.py``), mastering (``media/film.py``).

A model that continues music returns the slice it was given, then what is new; the slice went through its codec and its
levels were set anew, so it is found by likeness, not by equality. The samples of the stage before are never changed:
they are lengthened by their own mirror image for a few milliseconds, under which the new part comes in.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy
import soundfile
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError, StorageError
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Pcm, Sound, decode_audio, mono_of, to_pcm, to_sound
from luxvid_pipeline.media.loudness import limit

SEAM_S = 0.012
"""Length of the crossfade: long enough for no click, short enough to leave a beat its attack."""

MOST_STRETCH_S = 0.15
"""How much shorter than asked new music may be; it is then played that much slower."""

_SEARCH_S = 0.5
"""The slice begins within this of the file's beginning."""

_ALIKE = 0.5
"""Correlation from which a slice counts as found. Two takes of the same style reach 0.2."""

_SAME_LENGTH_S = 0.3
_MOST_GAIN_DB = 12.0
_CEILING_DBTP = -1.0
_HOP = SAMPLE_RATE_HZ // 200
_TO_THE_END = 0x7FFF_0000
"""From here on, a length of a WAV's sound is no length: a writer that did not know it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Where a returned file goes beyond what was sent.

    Attributes:
        cut: First new frame.
        likeness: Correlation of the slice with what is in its place, 0 to 1; 0 where the file does not contain it.
        contains_slice: Whether it does.
        gain: What the new part has to be multiplied by to be as loud as what was sent.
    """

    cut: int
    likeness: float
    contains_slice: bool
    gain: float


def read_music(path: Path) -> Sound:
    """Return a file's sound at 48 kHz in stereo, to its very last sample.

    What a resampler makes of the end of a file is quieter than it was, since it hears silence after it; a score that
    goes on there would have a notch at every stage. So the end is lengthened by a straight line first.

    Raises:
        MediaError: It cannot be read, holds no sound, or is a WAV that ends before its own length.
    """
    _refuse_cut_wav(path)
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError):
        return decode_audio(path)
    if not len(samples):
        raise MediaError(f"{path.name}: its sound track is empty")
    stereo = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2]
    if rate_hz != SAMPLE_RATE_HZ:
        common = math.gcd(SAMPLE_RATE_HZ, int(rate_hz))
        stereo = scipy.signal.resample_poly(stereo, SAMPLE_RATE_HZ // common, rate_hz // common, axis=0, padtype="line")
    return np.asarray(stereo, np.float32)


def _refuse_cut_wav(path: Path) -> None:
    """Decoders play what there is of a WAV and say nothing of the rest.

    Source:
        Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), chapter 2: chunks of
        RIFF. Whoever writes into a pipe cannot know the length, and writes 0 or a number that means "to the end".
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            form, _, kind = struct.unpack("<4sI4s", stream.read(12))
            while (form, kind) == (b"RIFF", b"WAVE"):
                name, length = struct.unpack("<4sI", stream.read(8))
                start = stream.tell()
                if name == b"data":
                    break
                stream.seek(start + length + length % 2)
            else:
                return
    except (OSError, struct.error):  # the decoder says what is wrong with it
        return
    if length < _TO_THE_END and start + length > size:
        raise MediaError(f"{path.name}: it is cut off: {size - start} of {length} bytes of sound are there")


def find_continuation(sent: Sound, returned: Sound, new_s: float) -> Continuation:
    """Return where the new part begins in what a model made of a slice.

    Args:
        sent: The slice, 48 kHz.
        returned: What came back.
        new_s: Seconds of new music that were asked for.

    Raises:
        MediaError: What came back is neither the slice and something new, nor as long as what was asked for.
    """
    lag, likeness = _place_of(_mono(sent), _mono(returned))
    extra_s = (len(returned) - len(sent)) / SAMPLE_RATE_HZ
    if likeness >= _ALIKE and len(returned) > lag + len(sent):
        cut = lag + len(sent)
        return Continuation(
            cut=cut, likeness=likeness, contains_slice=True, gain=_gain(sent, returned[lag:cut], likeness)
        )
    if abs(extra_s - new_s) <= _SAME_LENGTH_S:
        # As long as the slice and the new part together, though the codec left little of the waveform.
        cut = len(sent)
        return Continuation(cut=cut, likeness=likeness, contains_slice=True, gain=_gain(sent, returned[:cut], 1.0))
    if len(returned) / SAMPLE_RATE_HZ >= new_s - MOST_STRETCH_S:
        return Continuation(cut=0, likeness=0.0, contains_slice=False, gain=end_gain(sent, returned))
    raise MediaError(
        f"the continuation lasts {len(returned) / SAMPLE_RATE_HZ:.2f} s: neither the slice of "
        f"{len(sent) / SAMPLE_RATE_HZ:.2f} s and {new_s:g} s more, nor {new_s:g} s alone"
    )


def write_slice(pcm: Pcm, into: Path) -> None:
    """Write what a model shall continue as a WAV of 16 bits, which every decoder reads.

    The same samples give the same bytes (a WAV of floats would carry the time it was written).

    Raises:
        StorageError: The file cannot be written.
    """
    try:
        soundfile.write(into, (pcm >> 8).astype(np.int16), SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
    except (OSError, soundfile.LibsndfileError) as error:
        raise StorageError(f"{into.name}: the sound could not be written: {error}") from error


def join_stage(so_far: Pcm, new: Sound, frames: int, *, gain: float = 1.0, seam_s: float = SEAM_S) -> Pcm:
    """Return the score so far, sample for sample, and after it so many frames of something new.

    Args:
        so_far: What is kept; may be empty.
        new: What comes after it, from its first frame on.
        frames: How much of it is wanted; if it is a little shorter, it is played that much slower.
        gain: What it is multiplied by.
        seam_s: Length of the crossfade, which lies at the beginning of the new part.

    Raises:
        MediaError: There is too little that is new.
    """
    part = fitted(new, frames).astype(np.float64) * gain
    seam = min(round(seam_s * SAMPLE_RATE_HZ), frames, len(so_far) - 1)
    if seam > 0:
        kept = to_sound(so_far[-seam - 1 :]).astype(np.float64)
        # Mirrored in its last sample, so that neither value nor slope jumps.
        lengthened = 2 * kept[-1] - kept[-2::-1]
        arrives = (np.sin(np.linspace(0, np.pi / 2, seam + 2)[1:-1]) ** 2)[:, None]
        part[:seam] = part[:seam] * arrives + lengthened * (1 - arrives)
    elif not len(so_far):
        rise = min(len(part), round(seam_s * SAMPLE_RATE_HZ))
        part[:rise] *= np.linspace(0, 1, rise)[:, None]
    return np.concatenate([so_far, to_pcm(limit(part.astype(np.float32), _CEILING_DBTP))])


def fitted(new: Sound, frames: int) -> Sound:
    """Return so many frames of a sound; one a little too short is played slower.

    Raises:
        MediaError: It is too short for that.
    """
    missing_s = (frames - len(new)) / SAMPLE_RATE_HZ
    if missing_s <= 0:
        return new[:frames]
    if missing_s > MOST_STRETCH_S or not len(new):
        raise MediaError(
            f"the new music lasts {len(new) / SAMPLE_RATE_HZ:.2f} s, {frames / SAMPLE_RATE_HZ:.2f} s were asked for"
        )
    places = np.linspace(0, len(new) - 1, frames)
    return np.stack(
        [np.interp(places, np.arange(len(new)), new[:, channel]) for channel in range(new.shape[1])], axis=1
    ).astype(np.float32)


def on_the_beat(sound: Sound, frames: int) -> int:
    """Return where to begin in a sound so that so many frames remain and a beat comes first.

    Args:
        sound: Something longer than needed.
        frames: How much has to remain.
    """
    slack = len(sound) - frames
    if slack < _HOP:
        return 0
    strength = _onsets(_mono(sound[: slack + _HOP]))
    if not len(strength):
        return 0
    return min(slack, int(np.argmax(strength)) * _HOP)


def end_gain(before: Sound, after: Sound, span_s: float = 1.0) -> float:
    """Return what ``after`` has to be multiplied by to begin as loud as ``before`` ends."""
    span = round(span_s * SAMPLE_RATE_HZ)
    return _limited(_rms(before[-span:]) / max(1e-6, _rms(after[:span])), 6.0)


def looped(sound: Sound, frames: int, *, overlap_s: float = 0.25) -> Sound:
    """Return a short sound repeated to a length, each repetition faded into the next.

    Args:
        sound: What is repeated.
        frames: How long the result has to be.
        overlap_s: How long the fades are.
    """
    overlap = min(round(overlap_s * SAMPLE_RATE_HZ), len(sound) // 3)
    out = sound.astype(np.float64)
    rises = np.sin(np.linspace(0, np.pi / 2, overlap))[:, None]
    falls = np.cos(np.linspace(0, np.pi / 2, overlap))[:, None]
    while len(out) < frames:
        out = np.concatenate([out[:-overlap], out[-overlap:] * falls + sound[:overlap] * rises, sound[overlap:]])
    return out[:frames].astype(np.float32)


def _place_of(template: Floats, inside: Floats) -> tuple[int, float]:
    """Where a sound lies in another near its beginning, and how alike they are there."""
    reach = round(_SEARCH_S * SAMPLE_RATE_HZ)
    heard = inside[: len(template) + reach]
    if len(heard) < len(template) or not len(template):
        return 0, 0.0
    product = scipy.signal.correlate(heard, template, mode="valid", method="fft")
    energy = np.concatenate([[0.0], np.cumsum(heard**2)])
    local = energy[len(template) :] - energy[: len(energy) - len(template)]
    scale = np.sqrt(np.maximum(local, 1e-9) * max(1e-9, float((template**2).sum())))
    alike = product / scale
    lag = int(np.argmax(alike))
    return lag, float(np.clip(alike[lag], 0.0, 1.0))


def _gain(sent: Sound, found: Sound, likeness: float) -> float:
    """The level of what was sent over that of the same music as it came back; noise of the codec does not count."""
    return _limited(_rms(sent) / max(1e-6, _rms(found) * max(0.7, likeness)), _MOST_GAIN_DB)


def _limited(gain: float, most_db: float) -> float:
    most = 10 ** (most_db / 20)
    return float(np.clip(gain, 1 / most, most))


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0


def _mono(sound: Sound) -> Floats:
    """The middle, below 4 kHz: what a codec leaves most alike."""
    middle = mono_of(sound).astype(np.float64)
    if len(middle) < 64:
        return middle
    return np.asarray(
        scipy.signal.sosfilt(scipy.signal.butter(2, 4000, fs=SAMPLE_RATE_HZ, output="sos"), middle), np.float64
    )


def _onsets(mono: Floats) -> Floats:
    """How much louder each 5 ms is than the 5 ms before."""
    blocks = len(mono) // _HOP
    level = np.sqrt((mono[: blocks * _HOP].reshape(blocks, _HOP) ** 2).mean(axis=1))
    return np.maximum(0.0, np.diff(level, prepend=level[:1]))
