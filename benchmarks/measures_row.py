"""What measuring costs: all measures of a clip of 4 s, as a part of its length.

Belongs here: the row for ``python -m benchmarks``.
Does not belong here: whether the measures are right (``measures.py``).

Processor time of all threads is what is compared: the wall clock of a machine with nothing else to do shows at most as
much, and that of a busy one says nothing.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.clip_row import _photo_of_24_megapixels, _request
from luxvid_pipeline.media.measures.clip import glance_at_clip, measure_clip
from luxvid_pipeline.providers.local.camera import shoot_clip

SECONDS = 4.0
ROUNDS = 3


def measure() -> list[dict[str, Any]]:
    """Return the row of all measures, and that of the glance which clips of the local camera get."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        photo = _photo_of_24_megapixels(folder / "photo.jpg")
        clip = folder / "clip.mp4"
        shoot_clip(_request(photo), clip)
        rows: list[dict[str, Any]] = []
        for name, look, target in (
            ("all measures of a clip of 4 s", measure_clip, 2.0),
            ("a glance at a clip of 4 s", glance_at_clip, 0.5),
        ):
            times: list[tuple[float, float]] = []
            for _ in range(ROUNDS):
                start, start_wall = time.process_time(), time.perf_counter()
                look(clip, first_photo=photo, last_photo=photo)
                times.append((time.process_time() - start, time.perf_counter() - start_wall))
            busy_s, wall_s = min(times)
            rows.append(
                {
                    "name": f"{name}, against its length",
                    "ratio": round(busy_s / SECONDS, 3),
                    "target": target,
                    "better": "lower",
                    "detail": f"{busy_s:.1f} s of processor, {wall_s:.1f} s by the clock; two photos of 24 megapixels",
                }
            )
    return rows


if __name__ == "__main__":
    for row in measure():
        print(row)
