"""The bench's row on reading photos: all of the work against decoding alone, in the same run.

Belongs here: drawing photos of a camera's size, timing.
Does not belong here: the table of all rows.
"""

import json
import os
import statistics
import subprocess
import sys
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
    """Return the row: reading ``photos`` photos over decoding each once at half size on all cores.

    Each side runs in a process of its own, in turns: in one process, the decoder would find the memory warm that
    reading has kept for itself, which no plain program does.
    """
    with tempfile.TemporaryDirectory(prefix="luxvid-bench-") as directory:
        home = Path(directory)
        folder = home / "photos"
        size = draw_photos(folder, photos)
        decoding, reading = [], []
        for turn in range(_ROUNDS):
            decoding.append(_alone("decode", folder))
            reading.append(_alone("read", folder, home / f"media-{turn}"))
    wall, cpu = (
        statistics.median(read[part] / decoded[part] for read, decoded in zip(reading, decoding, strict=True))
        for part in (0, 1)
    )
    seconds = statistics.median(each[0] for each in reading)
    return {
        "name": f"reading {photos} photos of 24 megapixels, against decoding them once at half size on all cores",
        "ratio": round(wall, 3),
        "target": 1.3,
        "better": "lower",
        "detail": (
            f"{seconds:.1f} s for photos of {size / photos / 1e6:.1f} MB on {_cores()} cores; "
            f"in processor time {cpu:.2f}"
        ),
    }


def _alone(what: str, *folders: Path) -> tuple[float, float]:
    """Do one side in a process of its own; returns seconds of its work and of the processor."""
    command = [sys.executable, "-m", "benchmarks.photos_row", what, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{what} failed: {done.stderr[-800:]}")
    seconds, processor_s = json.loads(done.stdout)
    return seconds, processor_s


def _decode(folder: Path) -> None:
    listing = read_listing_folder(folder)

    def decode_one(file: Path) -> int:
        pixels = decode_reduced_jpeg(listing.path(file).read_bytes(), 2)
        return 0 if pixels is None else pixels.shape[1]

    with ThreadPoolExecutor(_cores()) as pool:
        widths = set(pool.map(decode_one, listing.photo_files))
    if widths != {_WIDTH_PX // 2}:
        raise RuntimeError("the drawn photos did not decode to half their size")


def _read(folder: Path, into: Path) -> None:
    listing = read_listing_folder(folder)
    kept = [record for record in read_photos(listing, into, "bench") if record.working]
    if len(kept) != len(listing.photo_files):
        raise RuntimeError("reading refused photos that it should keep")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    work, folders = {"decode": _decode, "read": _read}[sys.argv[1]], [Path(each) for each in sys.argv[2:]]
    began, began_cpu = time.perf_counter(), time.process_time()
    work(*folders)
    print(json.dumps([time.perf_counter() - began, time.process_time() - began_cpu]))
