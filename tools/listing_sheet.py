"""Makes the README's picture of a listing: its photographs as rows of thumbnails.

Belongs here: arranging the usable photographs of a folder with ``LABELS.csv`` into one small JPEG, outside first.
Does not belong here: making photographs (``tools/villa``); sheets in Dagster's UI (``luxvid_pipeline/assets/``).

Usage: ``python tools/listing_sheet.py FOLDER OUT.jpg``
"""

import csv
import sys
from pathlib import Path

from PIL import Image, ImageOps

COLUMNS, TILE_PX, GAP_PX = 8, (240, 160), 4
OUTSIDE = ["aerial", "exterior_front", "exterior_back", "pool", "view", "terrace", "garden"]
INSIDE = ["hallway", "living", "dining", "kitchen", "office", "bedroom", "bathroom", "bathtub_shower", "detail"]
ROOMS = OUTSIDE + INSIDE


def main() -> None:
    """Write the sheet."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    with (folder / "LABELS.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["usable"] == "yes"]
    rows.sort(key=lambda row: (ROOMS.index(row["room"]), row["file"]))
    step = (TILE_PX[0] + GAP_PX, TILE_PX[1] + GAP_PX)
    size = (COLUMNS * step[0] - GAP_PX, -(-len(rows) // COLUMNS) * step[1] - GAP_PX)
    sheet = Image.new("RGB", size, "white")
    for number, row in enumerate(rows):
        with Image.open(folder / row["file"]) as photo:
            tile = ImageOps.contain(photo.convert("RGB"), TILE_PX, Image.Resampling.LANCZOS)
        left = number % COLUMNS * step[0] + (TILE_PX[0] - tile.width) // 2
        sheet.paste(tile, (left, number // COLUMNS * step[1]))
    sheet.save(out, quality=84, optimize=True)


main()
