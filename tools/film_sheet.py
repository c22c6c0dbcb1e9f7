"""Makes the README's picture: a film's scenes as rows of frames.

Belongs here: arranging frames of a finished film into one small JPEG.
Does not belong here: making films; previews in Dagster's UI (``luxvid_pipeline/assets/``).

Usage: ``python tools/film_sheet.py FILM CLIP_SECONDS OUT.jpg``
"""

import sys
from pathlib import Path

from PIL import Image

from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.media.sheets import frames_of

COLUMNS, WIDTH_PX, GAP_PX = 4, 300, 3


def main() -> None:
    """Write the sheet."""
    film, clip_seconds, out = Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
    scenes = round(float(probe_video(film).duration_s) / clip_seconds)
    # Frames in the middle of each quarter of a scene, so none falls on a cut.
    frames = frames_of(film, scenes * COLUMNS * 2 + 1, width_px=WIDTH_PX)[1::2]
    height = frames[0].height
    size = (COLUMNS * (WIDTH_PX + GAP_PX) - GAP_PX, scenes * (height + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", size, "white")
    for number, frame in enumerate(frames):
        sheet.paste(frame, (number % COLUMNS * (WIDTH_PX + GAP_PX), number // COLUMNS * (height + GAP_PX)))
    sheet.save(out, quality=80, optimize=True)


main()
