# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Video files opened and single frames fetched, without decoding what nobody looks at.

Belongs here: opening for packets or for chosen frames, one key frame, one frame by its number.
Does not belong here: decoding all of a clip (whoever draws from it), what a file is (``media/probe.py``).

FFmpeg decodes a frame of every file it opens, to learn its pixel format, and a decoder that reorders frames hands a
key frame over only once later ones have come. A key frame of 1080p takes 12 to 20 ms, so a film of sixty seconds opens
in 2.5 ms without it instead of 24, and one of its key frames comes in 16 ms instead of 45.
"""

from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream


def open_without_decoding(path: Path) -> InputContainer:
    """Open a file for its packets, or to decode some of its frames; pixel formats are unknown until one is decoded.

    Raises:
        FFmpegError: FFmpeg cannot open it.
    """
    # More options than a file has streams do no harm. PyAV's stub has their type wrong.
    options: Any = [{"skip_frame": "all"}] * 3
    return av.open(str(path), stream_options=options)


def key_frame(container: InputContainer, stream: VideoStream, pts: int) -> av.VideoFrame:
    """Return the last key frame at ``pts`` or before it, in the stream's time base.

    Raises:
        ValueError: There is none, or it cannot be decoded.
        FFmpegError: The file is damaged there.
    """
    container.seek(pts, stream=stream, backward=True)
    for packet in container.demux(stream):
        if packet.is_keyframe:
            # Asked for what it holds, the decoder hands the frame over at once; seeking lets it begin anew.
            for frame in (*stream.decode(packet), *stream.decode(None)):
                return frame
            break
    raise ValueError(f"no key frame can be decoded at {pts}")


def frame_at(container: InputContainer, stream: VideoStream, number: int) -> av.VideoFrame:
    """Return one frame by its number, decoding from the key frame before it only: every clip has one each 15 frames.

    Raises:
        ValueError: There is none, or the file has no constant frame rate.
        FFmpegError: The file is damaged there.
    """
    rate, base = stream.average_rate, stream.time_base
    if rate is None or base is None:
        raise ValueError("it has no constant frame rate")
    wanted = (stream.start_time or 0) + round(number / rate / base)
    half = round(1 / rate / base / 2)
    entries = stream.index_entries
    if number < len(entries) and entries[number].is_keyframe:
        stream.codec_context.skip_frame = "DEFAULT"
        found = key_frame(container, stream, wanted)
        if found.pts is not None and abs(found.pts - wanted) <= half:
            return found
    # The last frame of a clip is one that others refer to: on the way to it, those that nothing refers to are left out.
    for left_out in ("NONREF", "DEFAULT") if number == stream.frames - 1 else ("DEFAULT",):
        stream.codec_context.skip_frame = left_out
        container.seek(wanted, stream=stream, backward=True)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts >= wanted - half:
                return frame
    raise ValueError(f"frame {number} is not in it")
