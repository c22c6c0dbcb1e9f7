# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Sound files: reading, writing, looking at them.

Belongs here: FLAC and WAV at 48 kHz stereo, decoding any file's sound, finding clicks, drawing the waveform.
Does not belong here: loudness (``media/loudness.py``), AAC in a film (``media/film.py``), music.
"""

import contextlib
import io
import os
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import scipy
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from luxvid_pipeline.domain.errors import MediaError, StorageError

SAMPLE_RATE_HZ = 48_000

Sound = NDArray[np.float32]
"""Frames × 2 channels, left first, full scale 1.0, at ``SAMPLE_RATE_HZ``."""

Pcm = NDArray[np.int32]
"""Frames × 2 channels of 24-bit samples: what a FLAC file of this project holds, exactly."""

_FULL_SCALE = 1 << 23
# ``SF_ERR_SYSTEM`` of sndfile.h: the operating system refused, not the encoder.
_SYSTEM_ERROR = 2


def to_pcm(sound: Sound) -> Pcm:
    """Return the sound as 24-bit samples, clipped at full scale."""
    return np.clip(np.round(sound.astype(np.float64) * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int32)


def to_sound(pcm: Pcm) -> Sound:
    """Return 24-bit samples as sound; ``to_pcm`` gives the same samples back."""
    return (pcm / np.float64(_FULL_SCALE)).astype(np.float32)


def write_flac(pcm: Pcm, into: Path) -> None:
    """Write samples as a 24-bit FLAC: the same samples give the same bytes; the file appears whole or not at all.

    Raises:
        StorageError: The file cannot be written.
        MediaError: The encoder failed.
    """
    unfinished = into.with_name(f".{into.name}.{os.getpid()}.part")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        # libsndfile takes the upper 24 of 32 bits.
        soundfile.write(unfinished, pcm << 8, SAMPLE_RATE_HZ, subtype="PCM_24", format="FLAC")
        unfinished.replace(into)
    except OSError as error:
        raise StorageError(f"{into.name}: the sound could not be written: {error.strerror or error}") from error
    except soundfile.LibsndfileError as error:
        raise _unwritten(into, error) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def write_wav(sound: Sound, into: Path) -> None:
    """Write sound as a WAV of 32-bit floats, for ffmpeg to read.

    Raises:
        StorageError: The file cannot be written.
        MediaError: The encoder failed.
    """
    try:
        soundfile.write(into, sound, SAMPLE_RATE_HZ, subtype="FLOAT", format="WAV")
    except OSError as error:
        raise StorageError(f"{into.name}: the sound could not be written: {error.strerror or error}") from error
    except soundfile.LibsndfileError as error:
        raise _unwritten(into, error) from error


def _unwritten(into: Path, error: soundfile.LibsndfileError) -> StorageError | MediaError:
    why = f"{into.name}: the sound could not be written: {error.error_string}"
    return StorageError(why) if error.code == _SYSTEM_ERROR else MediaError(why)


def read_flac(path: Path) -> Pcm:
    """Return the samples of a file that ``write_flac`` wrote.

    Raises:
        MediaError: The file cannot be read, or is not 48 kHz stereo.
    """
    try:
        samples, rate_hz = soundfile.read(path, dtype="int32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise MediaError(f"{path.name}: not readable as sound; make it again (asset soundtrack)") from error
    if rate_hz != SAMPLE_RATE_HZ or samples.shape[1] != 2:
        raise MediaError(
            f"{path.name}: {rate_hz} Hz with {samples.shape[1]} channel(s), expected {SAMPLE_RATE_HZ} Hz stereo"
        )
    return np.asarray(samples, dtype=np.int32) >> 8


def decode_audio(path: Path) -> Sound:
    """Return the first sound track of any file, exactly as its samples decode, at 48 kHz in stereo.

    Raises:
        MediaError: The file cannot be read or holds no sound.
    """
    blocks: list[NDArray[Any]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise MediaError(f"{path.name}: holds no sound")
            resampler = av.AudioResampler(format="flt", layout="stereo", rate=SAMPLE_RATE_HZ)
            for frame in container.decode(container.streams.audio[0]):
                blocks += [part.to_ndarray().reshape(-1, 2) for part in resampler.resample(frame)]
            blocks += [part.to_ndarray().reshape(-1, 2) for part in resampler.resample(None)]
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name}: its sound cannot be decoded: {error.strerror or error}") from error
    if not blocks:
        raise MediaError(f"{path.name}: its sound track is empty")
    return np.concatenate(blocks).astype(np.float32)


def louder(channels: NDArray[Any]) -> NDArray[Any]:
    """Return the greater of both channels at each moment: ``max(axis=1)``, which for two takes ten times as long."""
    return np.maximum(channels[:, 0], channels[:, 1])


def mono_of(channels: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of both channels at each moment: ``mean(axis=1)``, which for two takes ten times as long."""
    return (channels[:, 0] + channels[:, 1]) / 2


def find_clicks(sound: Sound, *, times: float = 14.0) -> list[float]:
    """Return where the sound jumps, in seconds: places whose bend stands far out from those around.

    Args:
        sound: Frames × 2 at 48 kHz.
        times: How many times the usual bend of the 20 ms around counts as a jump.
    """
    bend = louder(np.abs(np.diff(sound.astype(np.float64), n=3, axis=0)))
    if not len(bend):
        return []
    window = SAMPLE_RATE_HZ // 50
    usual = np.sqrt(np.maximum(scipy.ndimage.uniform_filter1d(bend**2, window, mode="nearest"), 0.0))
    # The jump itself is in the mean, at most a 1 / window part of its square.
    usual = np.maximum(np.sqrt(np.maximum(usual**2 - bend**2 / window, 0)), 2e-5)
    found = np.flatnonzero(bend > times * usual)
    apart = found[np.insert(np.diff(found) > SAMPLE_RATE_HZ // 100, 0, True)] if len(found) else found
    return [float(at) / SAMPLE_RATE_HZ for at in apart]


_WIDTH_PX, _HEIGHT_PX, _MARGIN_PX = 1280, 300, 28
_GROUND, _INK, _QUIET, _MARK = (14, 20, 31), (232, 190, 118), (124, 98, 62), (120, 136, 160)


def waveform_png(score: Path, stage_seconds: Sequence[float]) -> bytes:
    """Return a picture of a score: peaks and body over time, its stages marked and numbered.

    Args:
        score: The sound file.
        stage_seconds: Length of each stage; those beyond the end of the file are left away.

    Raises:
        MediaError: The file cannot be read.
    """
    sound = decode_audio(score)
    scale = 2
    width, height = _WIDTH_PX * scale, _HEIGHT_PX * scale
    margin = _MARGIN_PX * scale
    middle, reach = height // 2, height // 2 - margin
    columns = width - 2 * margin
    edges = np.linspace(0, len(sound), columns + 1).astype(int)
    mono = louder(np.abs(sound))
    peak = np.maximum.reduceat(mono, np.minimum(edges[:-1], len(mono) - 1))
    body = np.sqrt(
        np.maximum.reduceat(scipy.ndimage.uniform_filter1d(mono**2, 2400), np.minimum(edges[:-1], len(mono) - 1))
    )

    picture = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=13 * scale)
    for column in range(0, columns, 3 * scale):
        here = slice(column, column + 3 * scale)
        x = margin + column
        for level, ink in ((float(peak[here].max()), _QUIET), (float(body[here].max()), _INK)):
            tall = max(scale, int(level * reach))
            draw.rounded_rectangle((x, middle - tall, x + 2 * scale - 1, middle + tall), radius=scale, fill=ink)
    length_s = len(sound) / SAMPLE_RATE_HZ
    for number, end_s in enumerate(accumulate(stage_seconds), start=1):
        start_s = end_s - stage_seconds[number - 1]
        if start_s >= length_s - 1e-3:
            break
        x = margin + int(columns * start_s / length_s)
        if number > 1:
            draw.line((x, margin, x, height - margin), fill=_MARK, width=scale)
        draw.text((x + 4 * scale, 6 * scale), f"{number}", fill=_MARK, font=font)
        draw.text((x + 4 * scale, height - 22 * scale), f"{start_s:g} s", fill=_MARK, font=font)
    out = io.BytesIO()
    picture.resize((_WIDTH_PX, _HEIGHT_PX), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()
