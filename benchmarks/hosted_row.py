"""How long a hosted film takes beyond what cannot be shortened: the vendors' own time, and the local work.

Belongs here: one row, the hosted film with simulated latencies in real time (clips 60 s, a score's stages 8 s, language
models at once) against its critical path and its assembly.
Does not belong here: the film and its vendors (``hosted_film.py``), kills (``crash.py``).

Critical path: the slowest clip or the score's chain of seven stages, whichever is longer. Assembly: the same film once
everything is paid for and on the shelf, so all local work is done again: reading, direction, converting clips, joining
stages, the film.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.hosted_film import draw_listing, finished, start_render
from luxvid_pipeline_tests.simulators.control_client import SimulatorProcess

CLIP_S, STAGE_S, ANSWER_S = 60.0, 8.0, 0.0
_STAGES = 7


def measure(speed: float = 1.0) -> list[dict[str, Any]]:
    """Return the row.

    Args:
        speed: Real seconds a simulated second takes; less than 1 only to try it out, since pauses between two looks
            at a prediction do not shrink with it.
    """
    with tempfile.TemporaryDirectory(prefix="luxvid-hosted-") as folder:
        return [_measure(Path(folder), speed)]


def _measure(work: Path, speed: float) -> dict[str, Any]:
    listing, home = draw_listing(work / "villa-drawn", clip_seconds=4), work / "home"
    options = ["--cache", str(work / "made"), "--picture-scale", "0.5", "--answer-s", f"{ANSWER_S:g}"]
    latencies = ["--clip-s", f"{CLIP_S:g}", "--music-s", f"{STAGE_S:g}"]
    # The simulators' own work, making clips, is no vendor's latency: it is done and kept before the clock counts.
    with _simulators(work / "warm", *options, "--speed", "0.001") as vendors:
        finished(start_render(listing, work / "warm.mp4", work / "warm-home", vendors))
    shutil.rmtree(work / "warm-home")
    with _simulators(work / "timed", *options, *latencies, "--speed", f"{speed:g}") as vendors:
        whole_s, paid = _timed(listing, work / "film.mp4", home, vendors)
        _forget_local_work(home)
        assembly_s, again = _timed(listing, work / "again.mp4", home, vendors)
    if (work / "film.mp4").read_bytes() != (work / "again.mp4").read_bytes() or again:
        raise RuntimeError(f"the film made from what was paid for is another, or cost again ({again} paid calls)")
    path_s = speed * max(CLIP_S, _STAGES * STAGE_S)
    return {
        "name": "hosted film against its critical path and assembly",
        "ratio": round(whole_s / (path_s + assembly_s), 3),
        "target": 1.15,
        "better": "lower",
        "detail": (
            f"{whole_s:.1f} s; clips of {CLIP_S:g} s and seven stages of {STAGE_S:g} s"
            f"{'' if speed == 1 else f' at {speed:g} of real time'}, {paid} paid calls: {path_s:.1f} s; "
            f"the same with everything paid: {assembly_s:.1f} s"
        ),
    }


def _simulators(folder: Path, *options: str) -> SimulatorProcess:
    folder.mkdir()
    return SimulatorProcess(folder, *options)


def _timed(listing: Path, film: Path, home: Path, vendors: SimulatorProcess) -> tuple[float, int]:
    start = time.monotonic()
    said = finished(start_render(listing, film, home, vendors))
    return time.monotonic() - start, int(said["paid_calls"])


def _forget_local_work(home: Path) -> None:
    """Leave a home with its ledger and what it paid for, and nothing that was made of it."""
    for entry in home.iterdir():
        if entry.is_dir() and entry.name != "media":
            shutil.rmtree(entry)
    for entry in (home / "media").iterdir():
        if entry.name != "paid_results":
            shutil.rmtree(entry)


if __name__ == "__main__":
    row = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(json.dumps(row, indent=2))
