"""The bench's row on reading photos: all of the work against decoding alone, in the same run.

Belongs here: drawing photos of a camera's size, timing.
Does not belong here: the table of all rows.
"""

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.media.listing_folder import read_listing_folder
from luxvid_pipeline.media.photo_decoding import decode_reduced_jpeg
from luxvid_pipeline.media.photos import read_photos

_DISTINCT = 8
_ROUNDS = 3
_WIDTH_PX, _HEIGHT_PX = 6000, 4000


def draw_photos(into: Path, photos: int) -> int:
    """Write ``photos`` JPEGs of 24 megapixels and 6 to 10 MB each, no two alike, and return their size in bytes."""
    into.mkdir(parents=True, exist_ok=True)
    settings = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    total = 0
    for base in range(min(photos, _DISTINCT)):
        picture = _draw(base)
        for number in range(base, photos, _DISTINCT):
            # Shifted by a good part of itself, a picture is another one to eye and hash.
            turn = number // _DISTINCT
            shifted = np.roll(picture, (turn * 397, turn * 593), axis=(0, 1))
            content = cv2.imencode(".jpg", shifted, settings)[1].tobytes()
            (into / f"photo-{number:03d}.jpg").write_bytes(content)
            total += len(content)
    return total


def _draw(number: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(number)
    large = cv2.resize(random.uniform(30, 225, (8, 12, 3)), (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    for cells, strength in ((60, 25), (400, 14), (3000, 3), (6000, 9)):
        texture = random.normal(0, strength, (cells * 2 // 3, cells)).astype(np.float32)
        large += cv2.resize(texture, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_CUBIC)[..., None]
    picture = np.clip(large, 0, 255).astype(np.uint8)
    for _ in range(60):
        left, top = (int(random.integers(0, side)) for side in (_WIDTH_PX, _HEIGHT_PX))
        corner = (left + int(random.integers(100, 1500)), top + int(random.integers(100, 1500)))
        cv2.rectangle(picture, (left, top), corner, random.integers(0, 255, 3).tolist(), 12)
    return picture


def measure(photos: int = 80) -> dict[str, object]:
    """Return the row: reading ``photos`` photos over decoding each once at half size on all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="luxvid-bench-") as directory:
        home = Path(directory)
        folder = home / "photos"
        size = draw_photos(folder, photos)
        listing = read_listing_folder(folder)
        files = [folder / file for file in listing.photo_files]

        def decode_one(path: Path) -> int:
            pixels = decode_reduced_jpeg(path.read_bytes(), 2)
            return 0 if pixels is None else pixels.shape[1]

        ratios: list[float] = []
        cpu_ratios: list[float] = []
        reading_s: list[float] = []
        for turn in range(_ROUNDS):
            began, began_cpu = time.perf_counter(), time.process_time()
            with ThreadPoolExecutor(cores) as pool:
                widths = list(pool.map(decode_one, files))
            decoded, decoded_cpu = time.perf_counter(), time.process_time()
            read_photos(listing, home / f"media-{turn}", "bench", workers=cores)
            done, done_cpu = time.perf_counter(), time.process_time()
            if set(widths) != {_WIDTH_PX // 2}:
                raise RuntimeError("the drawn photos did not decode to half their size")
            ratios.append((done - decoded) / (decoded - began))
            cpu_ratios.append((done_cpu - decoded_cpu) / (decoded_cpu - began_cpu))
            reading_s.append(done - decoded)
    return {
        "name": f"reading {photos} photos of 24 megapixels, against decoding them once at half size on all cores",
        "ratio": round(statistics.median(ratios), 3),
        "target": 1.3,
        "better": "lower",
        "detail": (
            f"{statistics.median(reading_s):.1f} s for photos of {size / photos / 1e6:.1f} MB on {cores} cores; "
            f"in processor time {statistics.median(cpu_ratios):.2f}"
        ),
    }
