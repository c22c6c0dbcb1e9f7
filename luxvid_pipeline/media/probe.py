"""Facts of a media file, as its container and its streams state them.

Belongs here: reading what is there: sizes, rates, lengths, codecs, colour tags, the order of MP4 boxes.
Does not belong here: judging it (``media/film.py``, ``checks.py``), loudness (``media/loudness.py``).
"""

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.video_files import open_without_decoding


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """A picture track.

    Attributes:
        frames: Frames in the track.
        duration_s: From the first frame's start to the last frame's end.
        start_s: When the first frame is shown.
        width_px, height_px: Size as stored.
        fps: Frame rate; every frame keeps to it where ``constant_rate`` holds.
        constant_rate: Whether all frames are equally long.
        codec, profile, pix_fmt: As FFmpeg names them, ``h264``, ``High``, ``yuv420p``.
        primaries, transfer, matrix, range: Colour tags by their numbers in ITU-T H.273; 1 is BT.709, range 1 limited.
        longest_gop_frames: Most frames from one key frame to before the next.
        closed_gops: Whether no frame is shown before the key frame it is stored after.
    """

    frames: int
    duration_s: Fraction
    start_s: Fraction
    width_px: int
    height_px: int
    fps: Fraction
    constant_rate: bool
    codec: str
    profile: str
    pix_fmt: str
    primaries: int
    transfer: int
    matrix: int
    range: int
    longest_gop_frames: int
    closed_gops: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """A sound track.

    Attributes:
        codec, profile: As FFmpeg names them, ``aac``, ``LC``.
        rate_hz, channels: What it is.
        start_s, duration_s: When its first sample is heard and how long it lasts.
        bitrate_bps: Mean over the track.
    """

    codec: str
    profile: str
    rate_hz: int
    channels: int
    start_s: Fraction
    duration_s: Fraction
    bitrate_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4Layout:
    """How an MP4 file is put together.

    Attributes:
        boxes: Names of the top boxes in order.
        edit_lists: Tracks that carry one.
        dated: Whether any header states when the file was made.
        movie_s: Length in the movie header.
        track_s: Length of each track's media.
    """

    boxes: tuple[str, ...]
    edit_lists: int
    dated: bool
    movie_s: Fraction
    track_s: tuple[Fraction, ...]

    @property
    def moov_first(self) -> bool:
        """Whether a player can begin before it has all of the file."""
        return "moov" in self.boxes and self.boxes.index("moov") < self.boxes.index("mdat")


def probe_video(path: Path) -> VideoFacts:
    """Return the facts of a file's first picture track; every packet is looked at, none decoded.

    Raises:
        MediaError: The file cannot be read or holds no pictures.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise MediaError(f"{path.name}: holds no pictures")
            return _video_facts(path, container, container.streams.video[0])
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name}: not readable as video: {error.strerror or error}") from error


def probe_audio(path: Path) -> AudioFacts:
    """Return the facts of a file's first sound track.

    Raises:
        MediaError: The file cannot be read or holds no sound.
    """
    try:
        with open_without_decoding(path) as container:
            if not container.streams.audio:
                raise MediaError(f"{path.name}: holds no sound")
            return _audio_facts(path, container, container.streams.audio[0])
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name}: its sound is not readable: {error.strerror or error}") from error


def read_mp4_layout(path: Path) -> Mp4Layout:
    """Return how an MP4 file is put together.

    Raises:
        MediaError: The file cannot be read or is not an MP4.
    """
    try:
        with path.open("rb") as file:
            top = list(_boxes(file, 0, path.stat().st_size))
            moov = next(((start, end) for name, start, end in top if name == "moov"), None)
            if moov is None:
                raise MediaError(f"{path.name}: not an MP4 file, or one that was never finished")
            inner = list(_boxes(file, *moov))
            header = next((start, end) for name, start, end in inner if name == "mvhd")
            dated, movie_s = _header(file, *header)
            edit_lists, track_s = 0, list[Fraction]()
            for name, start, end in inner:
                if name != "trak":
                    continue
                parts = {part: (at, to) for part, at, to in _boxes(file, start, end)}
                edit_lists += "edts" in parts
                media = {part: (at, to) for part, at, to in _boxes(file, *parts["mdia"])}
                when, length_s = _header(file, *media["mdhd"])
                dated |= when
                track_s.append(length_s)
    except OSError as error:
        raise MediaError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (struct.error, KeyError, StopIteration) as error:
        raise MediaError(f"{path.name}: not an MP4 file, or a damaged one") from error
    return Mp4Layout(
        boxes=tuple(name for name, _, _ in top),
        edit_lists=edit_lists,
        dated=dated,
        movie_s=movie_s,
        track_s=tuple(track_s),
    )


def _video_facts(path: Path, container: InputContainer, stream: VideoStream) -> VideoFacts:
    context = stream.codec_context
    times: list[int] = []
    keys: list[int] = []
    ends = 0
    closed = True
    for packet in container.demux(stream):
        if packet.pts is None or packet.size == 0:
            continue
        if packet.is_keyframe:
            keys.append(packet.pts)
        closed &= bool(keys) and packet.pts >= keys[-1]
        times.append(packet.pts)
        ends = max(ends, packet.pts + (packet.duration or 0))
    base = stream.time_base
    if not times or base is None:
        raise MediaError(f"{path.name}: its picture track is empty")
    if not keys:
        raise MediaError(f"{path.name}: it is cut off or damaged: no whole picture is left; make or copy it again")
    times.sort()
    steps = {later - earlier for earlier, later in itertools.pairwise(times)}
    shown = {time: place for place, time in enumerate(times)}
    places = [*sorted(shown[key] for key in keys), len(times)]
    rate = stream.average_rate or Fraction(0)
    if len(steps) == 1:
        rate = 1 / (steps.pop() * base)
        steps = {0}
    return VideoFacts(
        frames=len(times),
        duration_s=(ends - times[0]) * base,
        start_s=times[0] * base,
        width_px=context.width,
        height_px=context.height,
        fps=rate,
        constant_rate=len(steps) <= 1,
        codec=context.name,
        profile=stream.profile or "",
        pix_fmt=context.pix_fmt or "",
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=int(context.colorspace),
        range=int(context.color_range),
        longest_gop_frames=max(after - before for before, after in itertools.pairwise(places)),
        closed_gops=closed,
    )


def _audio_facts(path: Path, container: InputContainer, stream: AudioStream) -> AudioFacts:
    context = stream.codec_context
    base = stream.time_base
    size = 0
    first: int | None = None
    ends = 0
    for packet in container.demux(stream):
        if packet.pts is None or packet.size == 0:
            continue
        first = packet.pts if first is None else first
        ends = packet.pts + (packet.duration or 0)
        size += packet.size
    if first is None or base is None:
        raise MediaError(f"{path.name}: its sound track is empty")
    duration_s = (ends - first) * base
    return AudioFacts(
        codec=context.name,
        profile=stream.profile or "",
        rate_hz=context.sample_rate,
        channels=context.channels,
        start_s=first * base,
        duration_s=duration_s,
        bitrate_bps=round(8 * size / duration_s) if duration_s else 0,
    )


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each box's content between two places."""
    at = start
    while at + 8 <= end:
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            raise struct.error(f"a box of {size} bytes does not fit")
        yield name.decode("latin-1"), at + head, at + size
        at += size


def _header(file: BinaryIO, start: int, end: int) -> tuple[bool, Fraction]:
    """Whether an ``mvhd`` or ``mdhd`` box is dated, and the length it states."""
    file.seek(start)
    content = file.read(min(32, end - start))
    if content[0] == 1:
        created, changed, scale, length = struct.unpack_from(">QQIQ", content, 4)
    else:
        created, changed, scale, length = struct.unpack_from(">4I", content, 4)
    return bool(created or changed), Fraction(length, scale)
