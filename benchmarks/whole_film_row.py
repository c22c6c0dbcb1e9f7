"""The whole film, photos to file: time against encoding its frames alone, and the memory of all processes.

Belongs here: the two rows that run ``luxvid render`` as its users do, in a process of its own with an empty home.
Does not belong here: single stages (the other rows).
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.photos_row import draw_photos
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.media.encode import ClipWriter

EXAMPLE = Path(__file__).parents[1] / "examples" / "listings" / "villa-aurora"
_ROOMS = ("pool", "bedroom", "bathroom", "bathtub_shower", "living", "dining", "aerial", "kitchen", "garden", "terrace")
_MEMORY_MB = 800


def measure(listing: Path | None = None, photos: int = 80) -> list[dict[str, Any]]:
    """Return the time row and the memory row."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        film = work / "film.mp4"
        rendered_s, _ = _render(listing or EXAMPLE, film, work / "home")
        frames, encoded_s = _encode_alone(film, work)
        many = work / "many"
        draw_photos(many, photos)
        rooms = [f"  - {{file: {file.name}, room: {_ROOMS[n % len(_ROOMS)]}}}" for n, file in enumerate(_jpegs(many))]
        (many / "listing.yaml").write_text("photos:\n" + "\n".join(rooms) + "\n")
        many_s, peak_mb = _render(many, work / "many.mp4", work / "home-many")
    return [
        {
            "name": "whole local film against encoding its frames alone",
            "ratio": rendered_s / encoded_s,
            "target": 1.6,
            "better": "lower",
            "detail": f"{rendered_s:.1f} s for photos to file, {encoded_s:.1f} s for encoding {frames} frames",
        },
        {
            "name": f"peak memory of that run with {photos} photos of 24 megapixels, MB",
            "ratio": peak_mb,
            "target": _MEMORY_MB,
            "better": "lower",
            "detail": f"proportional set size of all processes, sampled each 50 ms over {many_s:.1f} s",
        },
    ]


def _jpegs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def _render(folder: Path, film: Path, home: Path) -> tuple[float, float]:
    """Render as a user does; returns seconds and the peak of all processes' memory in MB."""
    environment = {**os.environ, "LUXVID_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    command = [sys.executable, "-m", "luxvid_pipeline.cli", "render", str(folder), "--out", str(film), "--json"]
    start = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    _, said = process.communicate()
    watcher.join()
    if process.returncode != 0:
        raise RuntimeError(f"luxvid render failed: {said.decode()[-800:]}")
    return time.monotonic() - start, peak[0]


def _watch(process: "subprocess.Popen[bytes]", peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(_memory_mb(pid) for pid in _family(process.pid)))
        time.sleep(0.05)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task").glob("*/children")
        for listed in children:
            for child in listed.read_text().split():
                yield from _family(int(child))
    except OSError:
        return


def _memory_mb(pid: int) -> float:
    """Return the proportional set size: shared pages count once over all processes."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _encode_alone(film: Path, work: Path) -> tuple[int, float]:
    """Encode the film's frames from memory with the clips' settings, as many at once as there are cores."""
    at_once = os.cpu_count() or 1
    frames, seconds = 0, 0.0
    for batch in _batches(film, at_once):
        start = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda part: _encode(part[1], work / f"alone-{part[0]}.mp4"), enumerate(batch)))
        seconds += time.monotonic() - start
        frames += sum(len(part) for part in batch)
    return frames, seconds


def _batches(film: Path, at_once: int, clip_frames: int = 120) -> Iterator[list[list[np.ndarray]]]:
    """Yield the film's frames, a few clips' worth at a time; decoding is not part of what is timed."""
    clips: list[list[np.ndarray]] = [[]]
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            if len(clips[-1]) == clip_frames:
                if len(clips) == at_once:
                    yield clips
                    clips = []
                clips.append([])
            clips[-1].append(frame.to_ndarray(format="yuv420p"))
    if clips[0]:
        yield clips


def _encode(frames: list[np.ndarray], into: Path) -> None:
    with ClipWriter(into, FULL_HD) as writer:
        for frame in frames:
            writer.write(frame)
