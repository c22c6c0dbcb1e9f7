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

import numpy as np

from benchmarks.photos_row import draw_photos
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager
from luxvid_pipeline.media.clips import draw_clip
from luxvid_pipeline.media.encode import ClipWriter, empty_frame
from luxvid_pipeline.providers.local.camera import photos_of, plan_clip
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.settings import Settings

EXAMPLE = Path(__file__).parents[1] / "examples" / "listings" / "villa-aurora"
_ROOMS = ("pool", "bedroom", "bathroom", "bathtub_shower", "living", "dining", "aerial", "kitchen", "garden", "terrace")
_MEMORY_MB = 800
_TURNS = 2


def measure(listing: Path | None = None, photos: int = 80) -> list[dict[str, Any]]:
    """Return the time row and the memory row."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        rendered_s, encoded_s, frames = [], [], 0
        for turn in range(_TURNS):  # in turns, so that a busy machine slows both
            home = work / f"home-{turn}"
            seconds, _ = _render(listing or EXAMPLE, work / "film.mp4", home)
            rendered_s.append(seconds)
            frames, seconds = _encode_alone(home, work)
            encoded_s.append(seconds)
        many = work / "many"
        draw_photos(many, photos)
        rooms = [f"  - {{file: {file.name}, room: {_ROOMS[n % len(_ROOMS)]}}}" for n, file in enumerate(_jpegs(many))]
        (many / "listing.yaml").write_text("photos:\n" + "\n".join(rooms) + "\n")
        many_s, peak_mb = _render(many, work / "many.mp4", work / "home-many")
    return [
        {
            "name": "whole local film against encoding its frames alone",
            "ratio": min(rendered_s) / min(encoded_s),
            "target": 1.6,
            "better": "lower",
            "detail": f"{min(rendered_s):.1f} s for photos to file, {min(encoded_s):.1f} s for {frames} frames",
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


def _encode_alone(home: Path, work: Path) -> tuple[int, float]:
    """Encode the film's frames from memory with the clips' settings, as many clips at once as there are cores.

    The frames are those that the camera drew. Decoded from the finished film they would be easier to encode: what the
    encoder found too fine is gone from them.
    """
    at_once = os.cpu_count() or 1
    requests = list(_requests(home))
    frames, seconds = 0, 0.0
    for place in range(0, len(requests), at_once):
        batch = [_drawn(request) for request in requests[place : place + at_once]]
        start = time.monotonic()
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda part: _encode(part[1], work / f"alone-{part[0]}.mp4"), enumerate(batch)))
        seconds += time.monotonic() - start
        frames += sum(len(part) for part in batch)
    return frames, seconds


def _requests(home: Path) -> Iterator[ClipRequest]:
    """What the camera was asked for, scene by scene."""
    store = open_media_store(Settings.from_environment({"LUXVID_HOME": str(home)}))
    (listing,) = {key.split("/")[1] for key in store.keys("scene_pairs")}
    board = DocumentIOManager(store).load_partition("storyboard", listing, missing_ok=False)
    tables = TableIOManager(store)
    photos, pairs = (
        tables.load_partition(name, listing, missing_ok=False) for name in ("listing_photos", "scene_pairs")
    )
    if not isinstance(board, Storyboard) or photos is None or pairs is None:
        raise TypeError(f"the direction of {listing} cannot be read")
    by_id = {photo.record.photo_id: photo for photo in working_photos(store, photos)}
    rows = {row.scene: row for row in from_table(pairs, ScenePair)}
    for shot in board.shots:
        row = rows[shot.scene]
        if row.first_photo is not None and not row.left_out:
            last = by_id[row.last_photo] if row.last_photo else None
            yield ClipRequest(listing=listing, shot=shot, first=by_id[row.first_photo], last=last, overlap=row.overlap)


class _Kept(ClipWriter):
    """Keeps frames where the camera expects them to be encoded."""

    def __init__(self, film: FilmFormat) -> None:
        self._format = film
        self.frames: list[np.ndarray] = []

    def buffer(self) -> np.ndarray:
        return empty_frame(self._format)

    def write(self, frame: np.ndarray) -> None:
        self.frames.append(frame)


def _drawn(request: ClipRequest) -> list[np.ndarray]:
    kept = _Kept(request.format)
    plan = plan_clip(request)
    draw_clip(plan, photos_of(plan, request), request.format, kept)
    return kept.frames


def _encode(frames: list[np.ndarray], into: Path) -> None:
    with ClipWriter(into, FULL_HD) as writer:
        for frame in frames:
            writer.write(frame)
