# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The film's own format: how pictures become H.264, in one place.

Belongs here: the encoder's settings, the writer that feeds frames to ffmpeg one by one.
Does not belong here: drawing frames (``media/clips.py``), joining clips and sound (``media/film.py``).
"""

import contextlib
import os
import select
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.media.ffmpeg import ffmpeg_failure, ffmpeg_path

PRESET = "veryfast"
CRF = 21
"""Measured on three photos under zoom and truck at 1080p, one thread, against the lossless frames: ``veryfast`` at 21
reaches VMAF 97.9 to 99.7 for 38 ms of processor a frame; ``fast`` (at 18 and 20) gains at most 0.8 for 2 to 2.3 times
the time, ``superfast`` falls to 94.9 on foliage."""

ENCODER_THREADS = 1
"""Part of what decides the bytes. With two, the same frames gave different bytes under load: the ceiling's rate control
looks at frames in flight. One clip alone takes 3.5 s instead of 2.7 s; two at a time take the same (4.5 and 4.7 s)."""

_CEILING_BITS_PER_PIXEL = 0.257
"""Ceiling of the bit rate: 16 Mbit/s at 1080p30, twice what YouTube advises for an upload, so that foliage in motion
keeps its detail and the buffer's swing stays below 20 Mbit/s over a scene."""

_PIPE_BYTES = 1 << 20

Frame = NDArray[np.uint8]


def ceiling_kbps(film: FilmFormat = FULL_HD) -> int:
    """Return the highest bit rate of the picture track in kbit/s."""
    return round(film.width_px * film.height_px * float(film.fps) * _CEILING_BITS_PER_PIXEL / 1000)


def gop_frames(film: FilmFormat = FULL_HD) -> int:
    """Return the length of a group of pictures: half a second, so a player can start and a cut can fall anywhere."""
    return max(1, round(film.fps / 2))


def x264_options(film: FilmFormat = FULL_HD, *, threads: int = ENCODER_THREADS) -> dict[str, str | int]:
    """Return ffmpeg's output options for the film's picture, whoever encodes it.

    Every encode with them has the same SPS and PPS, so that clips join by stream copy, and the same input gives the
    same bytes whatever else the machine does: threads are fixed, versions and times are not written.

    Args:
        film: Size and rate.
        threads: Encoder threads; the bytes depend on it, so it is a constant of the caller, never the machine's.

    Source:
        Closed groups of half the frame rate and two B-frames:
        https://support.google.com/youtube/answer/1722171
    """
    kbps, gop = ceiling_kbps(film), gop_frames(film)
    return {
        "c:v": "libx264",
        "preset": PRESET,
        "crf": CRF,
        "maxrate": f"{kbps}k",
        "bufsize": f"{kbps}k",
        "profile:v": "high",
        "pix_fmt": "yuv420p",
        "r": str(film.fps),
        "fps_mode": "cfr",
        "g": gop,
        "keyint_min": gop,
        "sc_threshold": 0,
        "bf": 2,
        "threads": threads,
        "x264-params": "open-gop=0:b-adapt=1:force-cfr=1:lookahead-threads=1",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "colorspace": "bt709",
        "color_range": "tv",
        "chroma_sample_location": "left",
        "flags": "+cgop+bitexact",
        # x264 signs its streams with version and settings in an SEI message; nothing else of ours needs one.
        "bsf:v": "filter_units=remove_types=6",
    }


def mp4_options(film: FilmFormat = FULL_HD) -> dict[str, str | int]:
    """Return ffmpeg's output options for the container: index first, one time scale, no edit list, no time stamps."""
    return {
        "f": "mp4",
        "movflags": "+faststart+negative_cts_offsets",
        "use_editlist": 0,
        "video_track_timescale": timescale(film.fps),
        "fflags": "+bitexact",
        "map_metadata": -1,
    }


def timescale(fps: Fraction) -> int:
    """Return the ticks a second of the picture track: a whole number of them makes one frame."""
    return fps.numerator * 512 if fps.denominator == 1 else fps.numerator


def empty_frame(film: FilmFormat = FULL_HD) -> Frame:
    """Return a buffer for one frame, planar 4:2:0: ``height * 3 / 2`` rows of ``width`` bytes."""
    return np.empty((film.height_px * 3 // 2, film.width_px), np.uint8)


def planes(frame: Frame) -> tuple[Frame, Frame, Frame]:
    """Return the luma plane and the two chroma planes of a frame's buffer, as views into it."""
    rows, width = frame.shape
    height = rows * 2 // 3
    blue, red = frame[height:].reshape(2, height // 2, width // 2)
    return frame[:height], blue, red


class ClipWriter:
    """Encodes frames as they come; memory does not grow with the clip's length.

    A context manager: leaving it finishes the file; leaving it by an exception ends ffmpeg and removes the part that
    was written. The file is written where it is asked for; whoever wants it to appear whole moves it into place.
    """

    def __init__(
        self,
        into: Path,
        film: FilmFormat = FULL_HD,
        *,
        doing: str = "",
        threads: int = ENCODER_THREADS,
        stall_s: float = 60.0,
    ) -> None:
        """Prepare to write ``into``.

        Args:
            into: The MP4 to write.
            film: Size and rate.
            doing: What this is about, for errors (``shooting 2-bedroom of villa-aurora``).
            threads: Encoder threads; part of what decides the bytes.
            stall_s: Seconds without any progress after which ffmpeg is given up.
        """
        self._into = into
        self._film = film
        self._doing = doing or f"encoding {into.name}"
        self._threads = threads
        self._stall_s = stall_s
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self.frames_written = 0

    def command(self) -> list[str]:
        """Return the whole command line."""
        film = self._film
        source = ffmpeg.input(
            "pipe:0",
            f="rawvideo",
            pix_fmt="yuv420p",
            s=f"{film.width_px}x{film.height_px}",
            r=str(film.fps),
            color_primaries="bt709",
            color_trc="bt709",
            colorspace="bt709",
            color_range="tv",
            chroma_sample_location="left",
        )
        options = {**x264_options(film, threads=self._threads), **mp4_options(film)}
        command: list[str] = (
            ffmpeg.output(source, str(self._into), **options)
            .global_args("-hide_banner", "-loglevel", "error")
            .overwrite_output()
            .compile(cmd=ffmpeg_path())
        )
        return command

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said
            )
        except OSError as error:
            self._said.close()
            raise MediaError(f"{self._doing}: ffmpeg could not be started: {error}") from error
        pipe = self._pipe()
        os.set_blocking(pipe, False)
        _widen(pipe)
        return self

    def write(self, frame: Frame) -> None:
        """Encode one more frame.

        Args:
            frame: A buffer as ``empty_frame`` makes it; it may be used again right away.

        Raises:
            MediaError: ffmpeg gave up, or has not taken anything for ``stall_s``.
        """
        film = self._film
        if frame.shape != (film.height_px * 3 // 2, film.width_px) or frame.dtype != np.uint8:
            raise MediaError(
                f"{self._doing}: a frame of shape {frame.shape} is no {film.width_px}x{film.height_px} picture"
            )
        rest = np.ascontiguousarray(frame).data.cast("B")
        pipe = self._pipe()
        while len(rest):
            _, ready, _ = select.select([], [pipe], [], self._stall_s)
            if not ready:
                raise MediaError(f"{self._doing}: ffmpeg took no frame for {self._stall_s:.0f} s")
            try:
                rest = rest[os.write(pipe, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise self._failure() from error
        self.frames_written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                self._discard()
                return
            try:
                self._finish()
            except BaseException:
                self._discard()
                raise
        finally:
            self._close()

    def _finish(self) -> None:
        process = self._running()
        # Not process.stdin.close(): a broken pipe at the very end is told by the exit code.
        self._close_pipe()
        try:
            returncode = process.wait(self._stall_s + self.frames_written)
        except subprocess.TimeoutExpired as error:
            raise MediaError(f"{self._doing}: ffmpeg did not finish") from error
        if returncode != 0:
            raise self._failure()
        if self.frames_written == 0:
            raise MediaError(f"{self._doing}: no frame was written")

    def _failure(self) -> MediaError:
        """What ffmpeg said when it ended; it is given a moment to end."""
        process = self._running()
        try:
            returncode = process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            returncode = process.wait()
        said = ""
        if self._said is not None:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace")
        return MediaError(ffmpeg_failure(self._doing, returncode, said))

    def _discard(self) -> None:
        process = self._running()
        process.kill()
        process.wait()
        self._into.unlink(missing_ok=True)

    def _close(self) -> None:
        self._close_pipe()
        if self._said is not None:
            self._said.close()

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise MediaError(f"{self._doing}: the writer is used outside its 'with' block")
        return self._process

    def _pipe(self) -> int:
        stdin = self._running().stdin
        if stdin is None or stdin.closed:
            raise MediaError(f"{self._doing}: the writer is used after its 'with' block")
        return stdin.fileno()


def _widen(pipe: int) -> None:
    """Let the pipe hold a third of a 1080p frame, where the system allows it, so both ends switch less often."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, PermissionError):
        return
