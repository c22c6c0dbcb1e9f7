# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Every figure of a film, a clip or a sound file that the delivery table asks for.

Belongs here: reading them from the file as it is, sound measured as it decodes.
Does not belong here: what they have to be (``domain/delivery_table.py``).
"""

from pathlib import Path

import av.error
from av.stream import Disposition

from luxvid_pipeline.domain.delivery_table import FileFigures, PictureFigures, SoundFigures
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.loudness import Loudness, measure_loudness
from luxvid_pipeline.media.probe import probe_audio, probe_video, read_mp4_layout
from luxvid_pipeline.media.video_files import open_without_decoding


def inspect_file(path: Path, *, loudness: Loudness | None = None) -> FileFigures:
    """Return every figure of a file.

    Args:
        path: The file.
        loudness: Of its sound, if that was measured already.

    Raises:
        MediaError: It cannot be read, or holds neither pictures nor sound.
    """
    has_pictures, has_sound = _tracks(path)
    try:
        layout = read_mp4_layout(path)
        boxes, edit_lists = layout.boxes, layout.edit_lists
    except MediaError:  # another container: a figure like any other
        boxes, edit_lists = (), 0
    return FileFigures(
        name=path.name,
        bytes=path.stat().st_size,
        boxes=boxes,
        edit_lists=edit_lists,
        picture=_picture(path) if has_pictures else None,
        sound=_sound(path, loudness) if has_sound else None,
    )


def _tracks(path: Path) -> tuple[bool, bool]:
    try:
        with open_without_decoding(path) as container:
            # A cover in a sound file is a picture, not pictures.
            moving = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
            found = bool(moving), bool(container.streams.audio)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path}: not readable as film, clip or sound: {error.strerror or error}; give a file that plays"
        ) from error
    if not any(found):
        raise MediaError(f"{path}: holds neither pictures nor sound; give a film, a clip or a sound file")
    return found


def _picture(path: Path) -> PictureFigures:
    facts = probe_video(path)
    b_frames, size, is_progressive = _packets(path)
    seconds = float(facts.duration_s)
    return PictureFigures(
        codec=facts.codec,
        profile=facts.profile,
        pix_fmt=facts.pix_fmt,
        width_px=facts.width_px,
        height_px=facts.height_px,
        fps=facts.fps,
        constant_rate=facts.constant_rate,
        is_progressive=is_progressive,
        frames=facts.frames,
        seconds=seconds,
        start_s=float(facts.start_s),
        primaries=facts.primaries,
        transfer=facts.transfer,
        matrix=facts.matrix,
        range=facts.range,
        longest_gop_frames=facts.longest_gop_frames,
        closed_gops=facts.closed_gops,
        b_frames=b_frames,
        bitrate_bps=round(8 * size / seconds) if seconds else 0,
    )


def _packets(path: Path) -> tuple[int, int, bool]:
    """Most B-frames in a row, bytes of the track, and whether its first frame is progressive.

    A frame stored after one that is shown later is a B-frame.
    """
    longest = run = size = 0
    latest: int | None = None
    try:
        with open_without_decoding(path) as container:
            stream = container.streams.video[0]
            first = next(container.decode(stream), None)
            is_progressive = first is None or not first.interlaced_frame
        with open_without_decoding(path) as container:
            for packet in container.demux(container.streams.video[0]):
                if packet.pts is None or not packet.size:
                    continue
                size += packet.size
                is_earlier = latest is not None and packet.pts < latest
                run = run + 1 if is_earlier else 0
                longest = max(longest, run)
                latest = packet.pts if latest is None else max(latest, packet.pts)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path.name}: its pictures cannot be decoded: {error.strerror or error}") from error
    return longest, size, is_progressive


def _sound(path: Path, known: Loudness | None) -> SoundFigures:
    facts = probe_audio(path)
    loudness = known or measure_loudness(path)
    return SoundFigures(
        codec=facts.codec,
        profile=facts.profile,
        rate_hz=facts.rate_hz,
        channels=facts.channels,
        seconds=float(facts.duration_s),
        start_s=float(facts.start_s),
        bitrate_bps=facts.bitrate_bps,
        integrated_lufs=round(loudness.integrated_lufs, 2),
        true_peak_dbtp=round(loudness.true_peak_dbtp, 2),
        range_lu=round(loudness.range_lu, 2),
    )
