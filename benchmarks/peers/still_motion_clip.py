"""A slow zoom by still-motion, as its README does it; run by the interpreter that has it.

Usage: still_motion_clip.py PHOTO OUT SECONDS FFMPEG CRF PRESET. Prints the seconds the clip took, imports left out.
"""

import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

from still_motion import KenBurns, RenderConfig  # noqa: E402


def main() -> None:
    """Render one clip with the package's own smoothness (its working size is four times the frame)."""
    photo, out, seconds, ffmpeg, crf, preset = sys.argv[1:]
    config = RenderConfig(width=1920, height=1080, fps=30, crf=int(crf), preset=preset, ffmpeg_binary=ffmpeg)
    KenBurns(photo, duration=float(seconds), zoom_start=1.0, zoom_end=1.18).render(Path(out), config)


start = time.perf_counter()
main()
print(time.perf_counter() - start)
