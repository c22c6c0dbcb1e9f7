# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""The film: clips joined, the score mastered and laid under them, one file a platform takes as it is.

Belongs here: joining with cuts (packets copied), dissolves and fades (encoded once); mastering sound; the MP4.
Does not belong here: shooting clips, composing, when each scene is shown (``domain/timeline.py``), x264's settings
(``media/encode.py``).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import ffmpeg
import numpy as np

from luxvid_pipeline.domain.errors import MediaError, StorageError
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.ports import Progress, ignore_progress
from luxvid_pipeline.domain.timeline import Timeline
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound, decode_audio, write_wav
from luxvid_pipeline.media.encode import gop_frames, is_above_ceiling, mp4_options, timescale, x264_options
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.loudness import SILENCE_LUFS, Loudness, integrated_lufs, limit, loudness_of, peaks_over_time
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.media.probe import VideoFacts, probe_audio, probe_video, read_mp4_layout
from luxvid_pipeline.media.video_files import open_without_decoding

FILM_LUFS = -14.0
FILM_CEILING_DBTP = -1.0
FADE_S = 0.5
AUDIO_BITRATE_BPS = 192_000

_AAC_FRAME = 1024
# What an AAC encoder adds to a peak at this bitrate is about this much; where it is more, the next round takes it off.
_HEADROOM_DB = 0.7
_CLOSE_ENOUGH_LU = 0.1
_NOT_HEARD_LU = 0.005
_ROUNDS = 5
_DIP_S = 0.25
_BEFORE_ALL = -(1 << 40)
"""A time before any file's first frame."""

_ASSET = "scene_clips"

Packet = Any


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a file's pictures.

    Attributes:
        path: The file.
        start: Its first frame, which has to be a key frame.
        frames: Its length; None for all the rest.
    """

    path: Path
    start: int = 0
    frames: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFacts:
    """What a finished film is.

    Attributes:
        frames, duration_s: Length of the picture.
        audio_duration_s: Length of the sound.
        width_px, height_px, fps: The picture's format.
        bytes: Size of the file.
        integrated_lufs, true_peak_dbtp, range_lu: Of the sound as it decodes.
        moov_first: Whether it plays before it is loaded.
        edit_lists: Tracks with an edit list.
        reencoded: Whether the pictures were encoded again for the transition; known only to who joined them.
    """

    frames: int
    duration_s: Fraction
    audio_duration_s: Fraction
    width_px: int
    height_px: int
    fps: Fraction
    bytes: int
    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float
    moov_first: bool
    edit_lists: int

    @property
    def loudness(self) -> Loudness:
        """What a meter says of its sound."""
        return Loudness(
            integrated_lufs=self.integrated_lufs, true_peak_dbtp=self.true_peak_dbtp, range_lu=self.range_lu
        )


def assemble_film(
    clips: Sequence[Path],
    score: Path,
    into: Path,
    *,
    timeline: Timeline,
    transition: Transition,
    format: FilmFormat = FULL_HD,
    workdir: Path,
    silent: bool = False,
    progress: Progress = ignore_progress,
) -> FilmFacts:
    """Write the film and return what it is.

    Hard cuts copy the clips' packets untouched; dissolves and fades encode the pictures once. The sound is brought to
    ``FILM_LUFS`` under ``FILM_CEILING_DBTP`` as measured on the AAC that is in the file. Same clips and score, same
    bytes.

    Args:
        clips: The scenes' clips in play order, one for each of the timeline's.
        score: The score; cut, or continued with silence, to the film's length.
        into: The MP4 to write; it appears whole or not at all.
        timeline: When each clip is shown.
        transition: ``cut``, ``dissolve`` or ``fade``.
        format: Size and rate that every clip must have.
        workdir: For files on the way, on the same disk as ``into``; left as clean as it was.
        silent: Whether the film is meant to have no sound; its sound track is then digital silence.
        progress: Told how far the work is.

    Raises:
        MediaError: A clip is not in the film's format or not as long as planned, the score is silent or unreadable,
            or ffmpeg failed.
        StorageError: The disk is full or may not be written.
    """
    facts = _checked(clips, timeline, format)
    tag = f".{into.name}.{os.getpid()}"
    wav, aac, joined, unfinished = (workdir / f"{tag}.{end}" for end in ("wav", "m4a", "pictures.mp4", "mp4"))
    try:
        progress(0.05)
        parts, lengths = list(clips), [fact.frames for fact in facts]
        if transition is not Transition.CUT and len(clips) > 1:
            _encode_joined(clips, timeline, transition, format, joined)
            parts, lengths = [joined], [probe_video(joined).frames]
        progress(0.4)
        frames = sum(lengths)
        planned = format.frames(timeline.duration_s)
        # A clip is a whole number of frames, its plan perhaps not.
        if abs(frames - planned) > len(clips):
            raise MediaError(f"{into.name}: {frames} frames were joined where {planned} were planned")
        samples = round(frames / format.fps * SAMPLE_RATE_HZ)
        if silent:
            loudness = encode_silence(samples, wav, aac)
        else:
            loudness = master_sound(
                decode_audio(score),
                samples,
                wav,
                aac,
                score.name,
                progress=lambda done: progress(0.4 + 0.5 * done),
            )
        progress(0.9)
        stretches = [Stretch(part) for part in parts]
        join_packets(stretches, aac, unfinished, frames=frames, samples=samples, film_format=format)
        unfinished.replace(into)
    except OSError as error:
        raise StorageError(f"{into.name}: the film could not be written: {error.strerror or error}") from error
    finally:
        for path in (wav, aac, joined, unfinished):
            path.unlink(missing_ok=True)
    film = _facts(into, loudness)
    progress(1.0)
    return film


def inspect_film(path: Path) -> FilmFacts:
    """Return what a finished film is, measured from the file: its tracks, and its sound as it decodes.

    Raises:
        MediaError: It is not a film of this project's kind.
    """
    return _facts(path, loudness_of(decode_audio(path)))


def _facts(path: Path, loudness: Loudness) -> FilmFacts:
    video, audio, layout = probe_video(path), probe_audio(path), read_mp4_layout(path)
    return FilmFacts(
        frames=video.frames,
        duration_s=video.duration_s,
        audio_duration_s=audio.duration_s,
        width_px=video.width_px,
        height_px=video.height_px,
        fps=video.fps,
        bytes=path.stat().st_size,
        integrated_lufs=loudness.integrated_lufs,
        true_peak_dbtp=loudness.true_peak_dbtp,
        range_lu=loudness.range_lu,
        moov_first=layout.moov_first,
        edit_lists=layout.edit_lists,
    )


# Pictures


def _checked(clips: Sequence[Path], timeline: Timeline, film_format: FilmFormat) -> list[VideoFacts]:
    """The clips' facts, each in the film's format and as long as planned."""
    if len(clips) != len(timeline.durations_s) or not clips:
        raise MediaError(f"{len(clips)} clips for {len(timeline.durations_s)} planned scenes; run {_ASSET} again")
    found: list[VideoFacts] = []
    gop = gop_frames(film_format)
    for clip, planned_s in zip(clips, timeline.durations_s, strict=True):
        facts = probe_video(clip)
        wanted: tuple[tuple[str, object, object], ...] = (
            ("size is", f"{facts.width_px}×{facts.height_px}", f"{film_format.width_px}×{film_format.height_px}"),
            ("frame rate is", facts.fps if facts.constant_rate else "variable", film_format.fps),
            ("codec is", f"{facts.codec} {facts.profile}", "h264 High"),
            ("pixel format is", facts.pix_fmt, "yuv420p"),
            ("colour is", (facts.primaries, facts.transfer, facts.matrix), (1, 1, 1)),
            ("number of frames is", facts.frames, film_format.frames(planned_s)),
            ("GOP is", "closed" if facts.closed_gops else "open", "closed"),
            ("key frames are", f"every {facts.longest_gop_frames}", f"every {min(gop, facts.frames)}"),
        )
        for name, is_value, want in wanted:
            if is_value != want:
                raise MediaError(
                    f"{clip.name}: {name} {is_value}, the film needs {want}; run the asset {_ASSET} again for it"
                )
        found.append(facts)
    return found


def _encode_joined(
    clips: Sequence[Path], timeline: Timeline, transition: Transition, film_format: FilmFormat, into: Path
) -> None:
    """Encode the clips as one with dissolves between them, or with dips to black."""
    fps = f"{film_format.fps.numerator}/{film_format.fps.denominator}"
    pictures = [
        ffmpeg.input(str(clip)).video.filter("settb", f"{film_format.fps.denominator}/{film_format.fps.numerator}")
        for clip in clips
    ]
    if transition is Transition.DISSOLVE:
        film = pictures[0]
        for picture, start_s in zip(pictures[1:], timeline.starts_s[1:], strict=True):
            film = ffmpeg.filter(
                [film, picture], "xfade", transition="fade", duration=timeline.overlap_s, offset=start_s
            )
    else:
        dip_frames = max(1, round(_DIP_S * film_format.fps))
        dipped: list[Any] = []
        for place, (picture, seconds) in enumerate(zip(pictures, timeline.durations_s, strict=True)):
            here = picture
            if place > 0:
                here = here.filter("fade", type="in", start_frame=0, nb_frames=dip_frames)
            if place < len(pictures) - 1:
                last = film_format.frames(seconds) - dip_frames
                here = here.filter("fade", type="out", start_frame=last, nb_frames=dip_frames)
            dipped.append(here)
        film = ffmpeg.concat(*dipped, v=1, a=0)
    film = film.filter("fps", fps)
    for ceiling in (False, True):
        options = {**x264_options(film_format, ceiling=ceiling), **mp4_options(film_format)}
        command = ffmpeg.output(film, str(into), **options).overwrite_output().compile()
        run_ffmpeg(command[1:], doing=f"joining {len(clips)} clips with {transition.value}s")
        if not is_above_ceiling(into, film_format.frames(timeline.duration_s), film_format):
            return


@dataclass(frozen=True, slots=True)
class _Picture:
    packet: Packet
    shown: int


def _pictures(part: Stretch, container: Any) -> list[_Picture]:
    """A part's picture packets in the order they are stored, with the number of the frame each one shows.

    Reads the file from its beginning, however often it was read before.

    Raises:
        MediaError: There are none, or it does not begin with a key frame or end before one.
    """
    stream = container.streams.video[0]
    container.seek(_BEFORE_ALL, stream=stream, backward=False)
    packets = [packet for packet in container.demux(stream) if packet.size and packet.pts is not None]
    place = {pts: number for number, pts in enumerate(sorted(packet.pts for packet in packets))}
    end = len(packets) if part.frames is None else part.start + part.frames
    stored = [
        _Picture(packet, place[packet.pts] - part.start) for packet in packets if part.start <= place[packet.pts] < end
    ]
    if not stored:
        raise MediaError(f"{part.path.name}: its picture track is empty; run the asset {_ASSET} again for it")
    after = next((packet for packet in packets if place[packet.pts] == end), None)
    if not stored[0].packet.is_keyframe or (after is not None and not after.is_keyframe) or end > len(packets):
        raise MediaError(f"{part.path.name}: frames {part.start} to {end} cannot be cut out without an encode")
    return stored


def _reordering(pictures: Sequence[_Picture]) -> int:
    """How many frames a part's pictures are decoded ahead of the one that is shown."""
    return max(stored - picture.shown for stored, picture in enumerate(pictures))


def join_packets(
    parts: Sequence[Stretch], aac: Path | None, into: Path, *, frames: int, samples: int, film_format: FilmFormat
) -> None:
    """Write the MP4: the parts' packets one after the other, the sound's beside them; nothing is encoded.

    Both tracks begin at 0 without an edit list, which platforms ask to do without: the pictures' reordering is kept
    in negative composition offsets, and the sound was encoded without its first frame (``_encode_aac``).

    Args:
        parts: What is shown, in order; each begins with a key frame and ends before one.
        aac: The sound, as ``master_sound`` encodes it; None for a film without a sound track.
        into: The MP4 to write.
        frames: Length of all parts together.
        samples: Length of the sound, 48 000 a second.
        film_format: Size and rate of the parts.

    Raises:
        MediaError: A part cannot be cut there, the parts were encoded with different settings, or writing failed.
    """
    options = {"movflags": "+faststart+negative_cts_offsets", "use_editlist": "0", "fflags": "+bitexact"}
    with ExitStack() as stack:
        try:
            paths = dict.fromkeys(part.path for part in parts)
            files = {path: stack.enter_context(open_without_decoding(path)) for path in paths}
            opened = [files[part.path] for part in parts]
            sound = stack.enter_context(av.open(str(aac))) if aac is not None else None
            film = stack.enter_context(av.open(str(into), "w", format="mp4", options=options))
            video = film.add_stream_from_template(opened[0].streams.video[0])
            audio = film.add_stream_from_template(sound.streams.audio[0]) if sound is not None else None
            base = Fraction(1, timescale(film_format.fps))
            video.time_base = base
            if audio is not None:
                audio.time_base = Fraction(1, SAMPLE_RATE_HZ)
            extradata = opened[0].streams.video[0].codec_context.extradata
            for part, container in zip(parts, opened, strict=True):
                if container.streams.video[0].codec_context.extradata != extradata:
                    raise MediaError(
                        f"{part.path.name}: encoded with other settings than {parts[0].path.name}; "
                        f"run the asset {_ASSET} again for it"
                    )
            tracks = _interleaved(list(zip(parts, opened, strict=True)), sound, frames, samples, film_format)
            for packet, is_picture, pts, dts, length in tracks:
                packet.stream = video if is_picture else audio
                packet.time_base = base if is_picture else Fraction(1, SAMPLE_RATE_HZ)
                packet.pts, packet.dts, packet.duration = pts, dts, length
                film.mux_one(packet)
        except av.error.FFmpegError as error:
            raise MediaError(f"{into.name}: the film could not be put together: {error.strerror or error}") from error


def _interleaved(
    parts: Sequence[tuple[Stretch, Any]], sound: Any, frames: int, samples: int, film_format: FilmFormat
) -> Iterator[tuple[Packet, bool, int, int, int]]:
    """Packets of both tracks in order of time: packet, whether a picture, pts, dts, duration."""
    heard = (packet for packet in sound.demux(sound.streams.audio[0]) if packet.size) if sound is not None else iter(())
    place = 0

    def sounds_until(sample: int) -> Iterator[tuple[Packet, bool, int, int, int]]:
        nonlocal place
        while place * _AAC_FRAME < min(sample, samples):
            packet = next(heard, None)
            if packet is None:
                return
            at = place * _AAC_FRAME
            yield packet, False, at, at, min(_AAC_FRAME, samples - at)
            place += 1

    fps = film_format.fps
    ticks = int(timescale(fps) / fps)
    read = {part: _pictures(part, container) for part, container in dict(parts).items()}
    # One delay for all: a part without B-frames needs none, but after it the next would be decoded before its end.
    delay = max(_reordering(pictures) for pictures in read.values())
    before = 0
    for part, container in parts:
        pictures = read.pop(part, None) or _pictures(part, container)  # a packet is written once
        for stored, picture in enumerate(pictures):
            dts = before + stored - delay
            # The first sample that is not heard before it.
            yield from sounds_until(-(-dts * SAMPLE_RATE_HZ * fps.denominator // fps.numerator))
            yield picture.packet, True, (before + picture.shown) * ticks, dts * ticks, ticks
        before += len(pictures)
    if before != frames:
        raise MediaError(f"{before} frames were joined where {frames} were planned")
    yield from sounds_until(samples)


# Sound


def master_sound(
    score: Sound,
    samples: int,
    wav: Path,
    aac: Path,
    name: str,
    *,
    loudness_lufs: float = FILM_LUFS,
    ceiling_dbtp: float = FILM_CEILING_DBTP,
    bitrate_bps: int = AUDIO_BITRATE_BPS,
    progress: Callable[[float], None] = ignore_progress,
) -> Loudness:
    """Encode a score as a film needs it, and again until what decodes is as loud as it should be.

    Args:
        score: The score; cut, or continued with silence, to the film's length, and faded at both ends.
        samples: The film's length at 48 kHz.
        wav: Where to put what the encoder reads.
        aac: The AAC file to write, for ``join_packets``.
        name: What to call the score in errors.
        loudness_lufs: Integrated loudness wanted.
        ceiling_dbtp: Highest true peak allowed.
        bitrate_bps: Of the AAC.
        progress: Told how many of the rounds are done, 0 to 1.

    Raises:
        MediaError: It is silent, or no gain brings it there.
    """
    with memory_reused():
        master = Master(score, samples, name, loudness_lufs=loudness_lufs, ceiling_dbtp=ceiling_dbtp)
        return master.encode(wav, aac, bitrate_bps=bitrate_bps, progress=progress)


class Master:
    """A score cut to a film's length, faded and brought to a loudness; encoded at whatever bit rates are wanted."""

    def __init__(self, score: Sound, samples: int, name: str, *, loudness_lufs: float, ceiling_dbtp: float) -> None:
        """Bring it there; the arguments are those of :func:`master_sound`.

        Raises:
            MediaError: It is silent.
        """
        self._sound = _fitted(score, samples)
        own_lufs = integrated_lufs(self._sound)
        if own_lufs <= SILENCE_LUFS + 5:
            raise MediaError(f"{name}: the score is silent; run the asset soundtrack again")
        self._name, self._loudness_lufs, self._ceiling_dbtp = name, loudness_lufs, ceiling_dbtp
        self._peaks = peaks_over_time(self._sound)
        self._below_dbtp = ceiling_dbtp - _HEADROOM_DB
        self._mastered, self._gain_db = self._limited(loudness_lufs - own_lufs, self._below_dbtp)

    def encode(
        self,
        wav: Path,
        aac: Path,
        *,
        bitrate_bps: int = AUDIO_BITRATE_BPS,
        progress: Callable[[float], None] = ignore_progress,
    ) -> Loudness:
        """Encode it, and again until what decodes is as loud as it should be.

        Raises:
            MediaError: No gain brings it there.
        """
        heard = Loudness(integrated_lufs=SILENCE_LUFS, true_peak_dbtp=0.0, range_lu=0.0)
        mastered, gain_db, below_dbtp = self._mastered, self._gain_db, self._below_dbtp
        for tried in range(_ROUNDS):
            if tried:
                mastered, gain_db = self._limited(gain_db, below_dbtp)
            heard = _encode_aac(mastered, wav, aac, bitrate_bps)
            progress((tried + 1) / _ROUNDS)
            off_lu = self._loudness_lufs - heard.integrated_lufs
            if abs(off_lu) <= _CLOSE_ENOUGH_LU and heard.true_peak_dbtp <= self._ceiling_dbtp:
                return heard
            gain_db += off_lu
            below_dbtp -= max(0.0, heard.true_peak_dbtp - self._ceiling_dbtp + 0.1)
        if abs(self._loudness_lufs - heard.integrated_lufs) <= 1.0 and heard.true_peak_dbtp <= self._ceiling_dbtp:
            return heard
        raise MediaError(
            f"{self._name}: cannot be brought to {self._loudness_lufs:g} LUFS under {self._ceiling_dbtp:g} dBTP "
            f"(reached {heard.integrated_lufs:.1f} LUFS, {heard.true_peak_dbtp:.1f} dBTP); choose another score"
        )

    def _limited(self, gain_db: float, below_dbtp: float) -> tuple[Sound, float]:
        """The sound with a gain, under a ceiling, and that gain: more where the limiter makes the whole softer."""

        def limited(gain_db: float) -> Sound:
            gain = 10 ** (gain_db / 20)
            return limit((self._sound * gain).astype(np.float32), below_dbtp, peaks=self._peaks * gain)

        mastered = limited(gain_db)
        # Once more before the dear part, the encoder.
        softer_lu = self._loudness_lufs - integrated_lufs(mastered)
        if abs(softer_lu) > _NOT_HEARD_LU:
            gain_db += softer_lu
            mastered = limited(gain_db)
        return mastered, gain_db


def encode_silence(samples: int, wav: Path, aac: Path) -> Loudness:
    """Encode digital silence of a film's length, for a film that is meant to have no sound."""
    return _encode_aac(np.zeros((samples, 2), dtype=np.float32), wav, aac)


def _fitted(score: Sound, samples: int) -> Sound:
    """The score cut, or continued with silence, to the film's length, faded in and out."""
    sound = np.zeros((samples, 2), dtype=np.float32)
    length = min(samples, len(score))
    sound[:length] = score[:length]
    fade = min(round(FADE_S * SAMPLE_RATE_HZ), samples // 2)
    ramp = (0.5 - 0.5 * np.cos(np.linspace(0, np.pi, fade, dtype=np.float32)))[:, None]
    sound[:fade] *= ramp
    sound[samples - fade :] *= ramp[::-1]
    return sound


def _encode_aac(sound: Sound, wav: Path, aac: Path, bitrate_bps: int = AUDIO_BITRATE_BPS) -> Loudness:
    """Encode sound and return how loud it decodes.

    The encoder puts one frame of silence in front and tells players by an edit list to leave it away. As the film has
    no edit list, the first frame's worth of sound is left away instead: it is the softest of the fade in, and what
    follows is heard when it should be.

    Not with ``aac_coder=fast``: it comes 6 dB nearer to a full score in a third of the time, but of sparse music it
    makes 56 kbit/s, and platforms ask for 192.
    """
    write_wav(sound[_AAC_FRAME:], wav)
    source = ffmpeg.input(str(wav)).audio
    command = (
        ffmpeg.output(
            source,
            str(aac),
            acodec="aac",
            audio_bitrate=bitrate_bps,
            ar=SAMPLE_RATE_HZ,
            ac=2,
            **{"profile:a": "aac_low", "flags:a": "+bitexact", "fflags": "+bitexact", "use_editlist": "0"},
        )
        .overwrite_output()
        .compile()
    )
    run_ffmpeg(command[1:], doing="encoding the film's sound")
    return loudness_of(decode_audio(aac))
