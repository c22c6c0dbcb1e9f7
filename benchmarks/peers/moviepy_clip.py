"""A slow zoom by moviepy, as its users do it (``Resize`` with a function of time); run by the interpreter that has it.

Usage: moviepy_clip.py PHOTO OUT SECONDS FFMPEG CRF PRESET. Prints the seconds the clip took, imports left out.
"""

import os
import sys
import time

photo, out, seconds, ffmpeg, crf, preset = sys.argv[1:]
os.environ["FFMPEG_BINARY"] = ffmpeg

from moviepy import CompositeVideoClip, ImageClip  # noqa: E402
from moviepy.video.fx import Resize  # noqa: E402


def main() -> None:
    """Render one clip: the photo brought to the frame's width once, then enlarged for every frame and centred."""
    length = float(seconds)
    still = ImageClip(photo).with_duration(length).with_effects([Resize(width=1920)])
    zoomed = still.with_effects([Resize(lambda t: 1 + 0.18 * t / length)]).with_position("center")
    film = CompositeVideoClip([zoomed], size=(1920, 1080)).with_duration(length)
    film.write_videofile(
        out,
        fps=30,
        codec="libx264",
        preset=preset,
        audio=False,
        ffmpeg_params=["-crf", crf, "-pix_fmt", "yuv420p"],
        logger=None,
    )


start = time.perf_counter()
main()
print(time.perf_counter() - start)
