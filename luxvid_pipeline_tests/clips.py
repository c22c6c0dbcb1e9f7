"""Small clips in the film's own format, made on the spot, and what is in their packets."""

from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import numpy as np

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.encode import mp4_options, x264_options
from luxvid_pipeline.media.ffmpeg import run_ffmpeg

SMALL = FilmFormat(width_px=320, height_px=180, fps=Fraction(30))


def draw_clip(into: Path, seconds: float = 1.0, film: FilmFormat = SMALL, *, hue: int = 0, **other: object) -> Path:
    """A moving test card, tinted; ``other`` overrides the encoder's options."""
    card = ffmpeg.input(
        f"testsrc2=s={film.width_px}x{film.height_px}:r={film.fps},hue=h={hue},format=yuv420p,"
        "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv",
        f="lavfi",
    )
    options = {**x264_options(film), **mp4_options(film), "frames:v": film.frames(seconds), **other}
    run_ffmpeg(ffmpeg.output(card, str(into), **options).overwrite_output().compile()[1:], doing=f"drawing {into.name}")
    return into


def picture_packets(path: Path) -> list[bytes]:
    """The compressed pictures of a file, as they are stored."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


def decoded_pictures(path: Path) -> list[tuple[int, np.ndarray]]:
    """Time and luma of every picture as a player shows it."""
    with av.open(str(path)) as container:
        return [(frame.pts or 0, frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
