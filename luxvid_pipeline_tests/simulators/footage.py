# ruff: noqa: SIM905 - ffmpeg's arguments read as one writes them
"""Real media made from real inputs, quickly: clips between two photos, music that continues, extended pictures.

Belongs here: pixels, samples and the ffmpeg that carries them; all of it decided by the inputs alone, so that the same
request gives the same bytes; a cache on disk, so that a hundred runs pay for it once.
Does not belong here: which model makes what (``cards.py``), HTTP.
"""

import hashlib
import io
import json
import os
import subprocess
import tempfile
import wave
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import imageio_ffmpeg
import numpy as np

MUSICGEN_HZ = 32_000


class BadInputError(Exception):
    """The model cannot read what it was given; the words are the prediction's error."""


class MediaCache:
    """Made media by the digest of what decides them."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, recipe: Mapping[str, Any], make: Callable[[], bytes]) -> bytes:
        """Return the bytes for ``recipe`` (JSON values), making them once."""
        name = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        kept = self._folder / name
        if kept.exists():
            return kept.read_bytes()
        made = make()
        handle, half = tempfile.mkstemp(dir=self._folder)
        with os.fdopen(handle, "wb") as file:
            file.write(made)
        Path(half).replace(kept)
        return made


@lru_cache(maxsize=4)
def picture(data: bytes) -> np.ndarray:
    """Decode a photo to BGR, upright, to be looked at and not changed: the same photos come again and again.

    Raises:
        BadInputError: It is not a picture.
    """
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if decoded is None:
        raise BadInputError("cannot identify image file <_io.BytesIO object at 0x7f3c1c0d2e30>")
    decoded.setflags(write=False)
    return decoded


def filled(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale and crop a picture to cover this size, from its middle."""
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale)))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(scaled[y : y + height, x : x + width])


FORWARD = 0.03
"""How much nearer the camera comes over a clip: enough to be seen, too little to be the wrong way in any scene."""


def clip(
    first: np.ndarray | None,
    last: np.ndarray | None,
    *,
    width: int,
    height: int,
    fps: int,
    frames: int,
    audio: bool,
    forward: float = FORWARD,
) -> bytes:
    """Return an MP4 that begins on ``first`` and ends on ``last`` (or a closer look at ``first``).

    The camera goes a little forward all the way, as a real clip's does: a dissolve of two stills stands still.

    Args:
        first: BGR picture; None for grey.
        last: BGR picture the clip dissolves into; None for the slow zoom alone.
        width: Pixels, even.
        height: Pixels, even.
        fps: Frames a second.
        frames: Number of frames.
        audio: Whether it carries a soundtrack (a quiet tone).
        forward: How much nearer the camera comes; 0 stands still.
    """
    start = _planes(filled(first, width, height) if first is not None else np.full((height, width, 3), 128, np.uint8))
    end = _planes(filled(last, width, height)) if last is not None else None
    seconds = frames / fps
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.mp4"
        sound = (
            ["-f", "lavfi", "-t", f"{seconds:.6f}", "-i", "sine=frequency=220:sample_rate=48000", "-ac", "2"]
            if audio
            else []
        )
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            *"-y -v error -f rawvideo -pix_fmt yuv420p".split(),
            *["-s", f"{width}x{height}", "-r", str(fps), "-i", "pipe:0", *sound],
            *"-c:v libx264 -preset ultrafast -tune zerolatency -crf 20 -threads 1".split(),
            *"-fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 -movflags +faststart".split(),
            *"-vf setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv".split(),
            *(["-c:a", "aac", "-b:a", "96k"] if audio else ["-an"]),
            str(out),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin
        assert process.stderr
        try:
            for number in range(frames):
                part = number / max(1, frames - 1)
                seen = [_nearer(plane, 1 + forward * part) for plane in start]
                if end is not None:
                    other = [_nearer(plane, 1 - forward * (1 - part)) for plane in end]
                    seen = [cv2.addWeighted(one, 1 - part, two, part, 0) for one, two in zip(seen, other, strict=True)]
                process.stdin.write(b"".join(plane.tobytes() for plane in seen))
            process.stdin.close()
        except BrokenPipeError:
            process.kill()
        said = process.stderr.read()
        process.stderr.close()
        if process.wait():
            raise RuntimeError(f"ffmpeg: {said.decode(errors='replace')}")
        return out.read_bytes()


def _nearer(image: np.ndarray, zoom: float) -> np.ndarray:
    """The picture seen from a little nearer, or farther where the zoom is less than 1."""
    height, width = image.shape[:2]
    about = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 0, zoom)
    return cv2.warpAffine(image, about, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)


_RED, _BLUE = 0.2126, 0.0722
_LUMA = np.array([_BLUE, 1 - _RED - _BLUE, _RED])
_BGR_TO_YCBCR = np.array(
    [
        [*_LUMA * 219 / 255, 16],
        [*(np.array([1, 0, 0]) - _LUMA) / (2 * (1 - _BLUE)) * 224 / 255, 128],
        [*(np.array([0, 0, 1]) - _LUMA) / (2 * (1 - _RED)) * 224 / 255, 128],
    ]
)
"""BT.709, limited range; OpenCV itself only knows BT.601."""


def _planes(image: np.ndarray) -> list[np.ndarray]:
    """Convert a BGR picture to the planes of 4:2:0, once: they can be moved and mixed as well as it."""
    luma, blue, red = cv2.split(cv2.transform(image, _BGR_TO_YCBCR))
    half = (image.shape[1] // 2, image.shape[0] // 2)
    return [luma, *(cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (blue, red))]


def sound(data: bytes, hertz: int, channels: int) -> np.ndarray:
    """Decode sound to floats of shape (samples, channels).

    Raises:
        BadInputError: It is not sound.
    """
    layout = "stereo" if channels == 2 else "mono"
    try:
        with av.open(io.BytesIO(data)) as container:
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=hertz)
            blocks = [block.to_ndarray() for frame in container.decode(audio=0) for block in resampler.resample(frame)]
            blocks += [block.to_ndarray() for block in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise BadInputError(f"Error opening input audio: {type(error).__name__}") from error
    if not blocks:
        raise BadInputError("Error opening input audio: no samples")
    return np.concatenate(blocks, axis=1).T


def wav(samples: np.ndarray, hertz: int) -> bytes:
    """Return 16-bit WAV bytes of floats of shape (samples, channels)."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(hertz)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


def mp3(samples: np.ndarray, hertz: int) -> bytes:
    """Return MP3 bytes."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *"-v error -i pipe:0 -f mp3 -b:a 160k -fflags +bitexact pipe:1".split()]
    return subprocess.run(command, input=wav(samples, hertz), capture_output=True, check=True).stdout


def tune(words: str, seconds: float, hertz: int, channels: int) -> np.ndarray:
    """Return a quiet four-chord tune decided by ``words``, shape (samples, channels), peak near 0.3."""
    seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big")
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * hertz)) / hertz
    chord = (time // 1.0).astype(int) % 4
    roots = 110.0 * 2 ** (draw.permutation([0, 3, 5, 7]) / 12)
    out = np.zeros_like(time)
    for step, level in ((0, 1.0), (7, 0.6), (12, 0.4)):
        out += level * np.sin(2 * np.pi * roots[chord] * 2 ** (step / 12) * time)
    out *= 0.15 * (0.6 + 0.4 * np.exp(-3 * (time % 0.5)))
    if channels == 1:
        return out[:, None]
    return np.stack([out, 0.9 * out], axis=1)


def musicgen(full: Mapping[str, Any], input_audio: bytes | None) -> tuple[bytes, float]:
    """Return MusicGen's file and its length in seconds; a continuation contains the slice it continues, re-encoded.

    Raises:
        BadInputError: The model's own rules: nothing to go by, too long, wrong checkpoint.
    """
    channels = 2 if str(full["model_version"]).startswith("stereo") else 1
    seconds = float(full["duration"])
    if not full.get("prompt") and input_audio is None:
        raise BadInputError("Must provide either prompt or input_audio")
    if full["continuation"] and input_audio is None:
        raise BadInputError("Must provide `input_audio` if continuation is `True`.")
    if input_audio is not None and not full["continuation"] and "melody" not in str(full["model_version"]):
        raise BadInputError("Only melody models support `input_audio` without continuation.")
    before = np.zeros((0, channels))
    if full["continuation"]:
        heard = sound(input_audio or b"", MUSICGEN_HZ, channels)
        end = full.get("continuation_end")
        if end is not None and end < full["continuation_start"]:
            raise BadInputError("continuation_start must be less than or equal to continuation_end")
        stop = len(heard) if end is None else min(len(heard), end * MUSICGEN_HZ)
        before = heard[full["continuation_start"] * MUSICGEN_HZ : stop]
        if len(before) / MUSICGEN_HZ + seconds > 30:
            raise BadInputError("duration + continuation duration must be <= 30 seconds")
    elif seconds > 30:
        raise BadInputError("duration must be <= 30 seconds")
    melody = hashlib.sha256(input_audio).hexdigest() if input_audio and not full["continuation"] else ""
    fresh = tune(f"{full.get('prompt')}|{full.get('seed')}|{melody}", seconds, MUSICGEN_HZ, channels)
    # The codec's round trip softens what was given, and the level of the whole is set anew.
    softened = 0.5 * before + 0.5 * np.concatenate([before[:1], before[:-1]]) if len(before) else before
    whole = np.concatenate([softened, fresh])
    level = np.sqrt(np.mean(np.square(whole))) or 1.0
    whole = whole * (0.16 / level)
    whole /= max(1.0, float(np.abs(whole).max()))
    encode = mp3 if full["output_format"] == "mp3" else wav
    return encode(whole, MUSICGEN_HZ), len(whole) / MUSICGEN_HZ


def spectrogram(words: str) -> bytes:
    """Return a JPEG of 512 × 512 that looks like riffusion's."""
    seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big")
    grey = np.random.default_rng(seed).integers(0, 255, (512, 512), dtype=np.uint8)
    return encoded(cv2.GaussianBlur(grey, (9, 9), 0), "jpg")


def encoded(image: np.ndarray, file_type: str) -> bytes:
    """Return a picture as JPEG or PNG bytes."""
    return cv2.imencode(f".{file_type}", image)[1].tobytes()


def extended(image: np.ndarray, aspect: float) -> np.ndarray:
    """Return about one megapixel of this shape: the whole picture in the middle, its blurred surroundings beside it."""
    height = round((1_048_576 / aspect) ** 0.5 / 2) * 2
    width = round(height * aspect / 2) * 2
    coarse = cv2.GaussianBlur(filled(image, width // 8, height // 8), (0, 0), 2.5)
    backdrop = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = cv2.resize(image, (round(image.shape[1] * scale), round(image.shape[0] * scale)))
    x, y = (width - inner.shape[1]) // 2, (height - inner.shape[0]) // 2
    backdrop[y : y + inner.shape[0], x : x + inner.shape[1]] = inner
    return backdrop
