# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The film's own format: how pictures become H.264, in one place.

Belongs here: the encoder's settings, the writer that encodes frames one by one.
Does not belong here: drawing frames (``media/clips.py``), joining clips and sound (``media/film.py``).
"""

import contextlib
import errno
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat

PRESET = "veryfast"
CRF = 20
"""Constant rate factor. On three moves over real photos at 1080p, against the lossless frames, ``veryfast`` without
macroblock trees reaches VMAF 94.0 to 98.5 at 22 and about 0.9 more for each step down, at 15 % more bits; 20 is
5 to 6 Mbit/s there, and 0.2 to 0.5 better as its time is spent now (``_SPENT_WELL``)."""

ENCODER_THREADS = 3
"""Of one clip. Does not decide the bytes, as long as x264 runs as ``_codec_options`` says."""

_SPENT_WELL = "b-adapt=0:partitions=none:subme=3:me=dia:trellis=1"
"""Where x264's time goes. A camera that moves over a photograph moves everything alike: two B-frames are always right,
so looking for their number found the same stream in a quarter of all time; blocks need no parts that move apart, and
move as their neighbours do. What that saves goes into quantisation: VMAF 99.25 for 98.8 and 99.61 for 99.45 on two
scenes of the example listing, in 22 ms of a core for 28, with 3 to 4 % more bits (docs/decisions/0021 and 0025)."""

_CEILING_BITS_PER_PIXEL = 0.257
"""Ceiling of the bit rate: 16 Mbit/s at 1080p30, twice what YouTube advises for an upload, so that foliage in motion
keeps its detail and the buffer's swing stays below 20 Mbit/s over a scene."""

_LAST_FRAME = 1 << 20
"""A frame beyond any clip's end."""

_FRAMES_AHEAD = 2
"""Frames that may wait for the encoder, so that the next one is drawn while x264 still works on those before."""

_WITHOUT_SEI = "filter_units=remove_types=6"
"""x264 signs its streams with version and settings in an SEI message; nothing else of ours needs one."""

Frame = NDArray[np.uint8]


def ceiling_kbps(film: FilmFormat = FULL_HD) -> int:
    """Return the highest bit rate of the picture track in kbit/s."""
    return round(film.width_px * film.height_px * float(film.fps) * _CEILING_BITS_PER_PIXEL / 1000)


def gop_frames(film: FilmFormat = FULL_HD) -> int:
    """Return the length of a group of pictures: half a second, so a player can start and a cut can fall anywhere."""
    return max(1, round(film.fps / 2))


def x264_options(film: FilmFormat = FULL_HD, *, ceiling: bool = True) -> dict[str, str | int]:
    """Return the ffmpeg program's output options for the film's picture.

    Every encode with them has the same SPS and PPS, so that clips join by stream copy, and the same input gives the
    same bytes whatever else the machine does; versions and times are not written.

    Args:
        film: Size and rate.
        ceiling: Whether the bit rate is held below its ceiling. That takes one thread: the rate control looks at
            frames in flight, and the bytes would depend on the machine's load.

    Source:
        Closed groups of half the frame rate and two B-frames:
        https://support.google.com/youtube/answer/1722171
    """
    return {
        "c:v": "libx264",
        **_codec_options(film),
        **(_ceiling_options(film) if ceiling else {}),
        "pix_fmt": "yuv420p",
        "r": str(film.fps),
        "fps_mode": "cfr",
        "threads": 1 if ceiling else ENCODER_THREADS,
        "bsf:v": _WITHOUT_SEI,
    }


def is_above_ceiling(pictures: Path, frames: int, film: FilmFormat = FULL_HD) -> bool:
    """Return whether a file of so many frames has more bits than the ceiling allows."""
    return pictures.stat().st_size * 8 > 1000 * ceiling_kbps(film) * frames / film.fps


def _codec_options(film: FilmFormat) -> dict[str, str | int]:
    gop = gop_frames(film)
    return {
        "preset": PRESET,
        "crf": CRF,
        "profile": "high",
        "g": gop,
        "keyint_min": gop,
        "sc_threshold": 0,
        "bf": 2,
        # No macroblock trees: x264 (core 165) computes them from memory that it never wrote, so that equal frames gave
        # other bytes wherever that memory was not fresh (two threads, or an earlier encode in the process). Within
        # groups of half a second they gain nothing: the same VMAF at the same size.
        # Its lookahead in the thread that hands it frames, which waits anyway, holds three frames less: 15 MB a clip.
        "x264-params": "open-gop=0:force-cfr=1:lookahead-threads=1:sync-lookahead=0:mbtree=0:" + _SPENT_WELL,
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "colorspace": "bt709",
        "color_range": "tv",
        "chroma_sample_location": "left",
        "flags": "+cgop+bitexact",
    }


def _ceiling_options(film: FilmFormat) -> dict[str, str | int]:
    return {"maxrate": f"{ceiling_kbps(film)}k", "bufsize": f"{ceiling_kbps(film)}k"}


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


class FrameSink(Protocol):
    """Whoever takes a clip's frames one by one."""

    def buffer(self) -> Frame:
        """Return a buffer to draw the next frame into."""
        ...

    def write(self, frame: Frame) -> None:
        """Take what was drawn into the buffer."""
        ...


class _AtOnce:
    """Encodes what it is given before it returns."""

    def submit(self, encode: Callable[[Frame], Frame], frame: Frame) -> Future[Frame]:
        future: Future[Frame] = Future()
        try:
            future.set_result(encode(frame))
        except BaseException as error:  # the writer hears of it as it would from a thread
            future.set_exception(error)
        return future

    def shutdown(self, *, cancel_futures: bool) -> None:
        pass


class ClipWriter:
    """Encodes frames as they come, in a thread of its own or at once; memory does not grow with the clip's length.

    A context manager: leaving it finishes the file; leaving it by an exception removes the part that was written. The
    file is written where it is asked for; whoever wants it to appear whole moves it into place.
    """

    def __init__(
        self,
        into: Path,
        film: FilmFormat = FULL_HD,
        *,
        doing: str = "",
        threads: int = ENCODER_THREADS,
        detail: float = 1.0,
        at_once: bool = False,
    ) -> None:
        """Prepare to write ``into``.

        Args:
            into: The MP4 to write.
            film: Size and rate.
            doing: What this is about, for errors (``shooting 2-bedroom of villa-aurora``).
            threads: Encoder threads; up to three give the same bytes.
            detail: Bits for each frame over those of the film's rate factor; the parts still join by their packets.
            at_once: Whether whoever hands a frame over encodes it before going on, in their own thread.
        """
        self._into = into
        self._film = film
        self._doing = doing or f"encoding {into.name}"
        self._threads, self._detail = threads, detail
        self._encoder: _Encoder | None = None
        self._thread = _AtOnce() if at_once else ThreadPoolExecutor(1, "encode")
        self._waiting: deque[Future[Frame]] = deque()
        self._shared: set[Future[Frame]] = set()
        self._lent: Frame | None = None
        self.frames_written = 0

    def __enter__(self) -> Self:
        with self._told():
            self._encoder = _Encoder(self._into, self._film, self._threads, detail=self._detail)
        return self

    def buffer(self) -> Frame:
        """Return a buffer to draw the next frame into; ``write`` takes it over without a copy.

        Raises:
            MediaError: The file cannot be written.
        """
        if self._lent is None:
            free = self._next_free()
            self._lent = empty_frame(self._film) if free is None else free
        return self._lent

    def write(self, frame: Frame) -> None:
        """Encode one more frame.

        Args:
            frame: What ``buffer`` returned, which then belongs to the encoder, or any other frame as ``empty_frame``
                makes it, which may be used again right away.

        Raises:
            MediaError: It is no frame of this film, or the file cannot be written.
        """
        encoder = self._checked(frame)
        buffer = self.buffer()
        if frame is not buffer:
            np.copyto(buffer, frame)
        self._lent = None
        self._waiting.append(self._thread.submit(encoder.encode, buffer))
        self.frames_written += 1

    def show(self, frame: Frame) -> Future[Frame]:
        """Encode a frame that others show too, without a copy.

        Args:
            frame: As ``empty_frame`` makes it. Nobody may write to it before what is returned is done.

        Raises:
            MediaError: It is no frame of this film, or the file cannot be written.
        """
        encoder = self._checked(frame)
        spare = self._next_free()
        if self._lent is None:
            self._lent = spare
        shown = self._thread.submit(encoder.encode, frame)
        self._shared.add(shown)
        self._waiting.append(shown)
        self.frames_written += 1
        return shown

    def _checked(self, frame: Frame) -> "_Encoder":
        film = self._film
        if frame.shape != (film.height_px * 3 // 2, film.width_px) or frame.dtype != np.uint8:
            raise MediaError(
                f"{self._doing}: a frame of shape {frame.shape} is no {film.width_px}x{film.height_px} picture"
            )
        if self._encoder is None:
            raise MediaError(f"{self._doing}: the writer is used outside its 'with' block")
        return self._encoder

    def _next_free(self) -> Frame | None:
        """Wait until few enough frames wait for the encoder; a buffer that this gave free, if it is this writer's."""
        if len(self._waiting) < _FRAMES_AHEAD:
            return None
        done = self._waiting.popleft()
        with self._told():
            frame = done.result()
        if done in self._shared:
            self._shared.remove(done)
            return None
        return frame

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            if kind is None:
                self._finish(encoder)
        except BaseException:
            kind = MediaError
            raise
        finally:
            self._thread.shutdown(cancel_futures=True)
            if kind is not None:
                encoder.abandon()
                self._into.unlink(missing_ok=True)

    def _finish(self, encoder: "_Encoder") -> None:
        if self.frames_written == 0:
            raise MediaError(f"{self._doing}: no frame was written")
        with self._told():
            while self._waiting:
                self._waiting.popleft().result()
            encoder.finish()
            if is_above_ceiling(self._into, self.frames_written, self._film):
                _encode_below_ceiling(self._into, self._film)

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        """Turn what FFmpeg raises into one error that says what was being done."""
        try:
            yield
        except (FFmpegError, OSError) as error:
            full = error.errno == errno.ENOSPC
            reason = "the disk is full; free some space" if full else error.strerror or str(error)
            raise MediaError(f"{self._doing}: {self._into.name} cannot be written: {reason}") from error


class _Encoder:
    """One MP4 being written; FFmpeg's own errors."""

    def __init__(
        self, into: Path, film: FilmFormat, threads: int, *, ceiling: bool = False, detail: float = 1.0
    ) -> None:
        options = {key: str(value) for key, value in mp4_options(film).items() if key not in {"f", "map_metadata"}}
        self._film = film
        self._container: Any = av.open(str(into), "w", format="mp4", options=options)
        stream = self._container.add_stream("libx264", rate=film.fps)
        stream.width, stream.height, stream.pix_fmt = film.width_px, film.height_px, "yuv420p"
        stream.time_base = Fraction(1, timescale(film.fps))
        context = stream.codec_context
        context.thread_count, context.thread_type = threads, "FRAME"
        codec = {**_codec_options(film), **(_ceiling_options(film) if ceiling else {})}
        if detail != 1.0:
            # Over all frames by a zone: another rate factor would be another PPS, and parts would not join.
            codec["x264-params"] = f"{codec['x264-params']}:zones=0,{_LAST_FRAME},b={detail:g}"
        context.options = {key: str(value) for key, value in codec.items()}
        self._stream: Any = stream
        self._filter: Any = None
        self._frames = 0

    def encode(self, frame: Frame) -> Frame:
        """Encode a frame and return it, to be used again."""
        if self._container is None:
            return frame
        try:
            self._encode(frame)
        except BaseException:
            self.abandon()  # FFmpeg's muxer crashes when it is given more after it failed
            raise
        return frame

    def _encode(self, frame: Frame) -> None:
        # PyAV 18 takes a buffer in place only where its height is a multiple of four; of others it loses two rows, and
        # colours land two rows from where they belong.
        in_place = self._film.height_px % 4 == 0
        take = av.VideoFrame.from_numpy_buffer if in_place else av.VideoFrame.from_ndarray
        picture = take(frame, format="yuv420p")
        picture.pts, picture.time_base = self._frames, 1 / self._film.fps
        self._frames += 1
        self._mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._mux(self._stream.encode(None))
        if self._filter is not None:
            self._mux_filtered(self._filter.filter(None))
        self._container.close()
        self._release()

    def abandon(self) -> None:
        with contextlib.suppress(FFmpegError, OSError):
            if self._container is not None:
                self._container.close()
        self._release()

    def _release(self) -> None:
        # The encoder holds a hundred megabytes as long as anything refers to it.
        self._container = self._stream = self._filter = None

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            if self._filter is None:  # now, since the encoder is open and its parameters are known
                self._filter = BitStreamFilterContext(_WITHOUT_SEI, in_stream=self._stream)
            self._mux_filtered(self._filter.filter(packet))

    def _mux_filtered(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            packet.stream = self._stream
            self._container.mux_one(packet)


def _encode_below_ceiling(clip: Path, film: FilmFormat) -> None:
    """Encode a clip again with the ceiling on its bit rate; one thread, as its rate control needs for equal bytes."""
    part = clip.with_name(f"{clip.name}.again")
    try:
        with av.open(str(clip)) as source:
            encoder = _Encoder(part, film, 1, ceiling=True)
            try:
                for frame in source.decode(video=0):
                    encoder.encode(np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8))
                encoder.finish()
            finally:
                encoder.abandon()
        part.replace(clip)
    finally:
        part.unlink(missing_ok=True)
