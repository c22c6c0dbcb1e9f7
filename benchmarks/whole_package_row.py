"""What the whole package of the example listing costs, against the encoder's own time for the frames it makes.

Belongs here: the row for ``python -m benchmarks``; delivering as ``luxvid deliver`` does, in a process of its own.
Does not belong here: one scene's pictures (``package_row.py``).

Counted is the processor time of the whole command, Python's start and Dagster included, in four shapes. The encoder's
own time is that of the very same encoders, from opening to closing: parts are encoded by the thread that hands frames
over, so its processor time is theirs. Where an encoder has threads of its own (the card's), they are not counted as the
encoder's, though they are as the package's.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.whole_film_row import EXAMPLE
from luxvid_pipeline.media import encode


def measure() -> list[dict[str, Any]]:
    """Return the row."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        listing = work / EXAMPLE.name
        shutil.copytree(EXAMPLE, listing, ignore=shutil.ignore_patterns("truth"))
        manifest = listing / "listing.yaml"
        manifest.write_text(_in_all_shapes(manifest.read_text()))
        environment = {**os.environ, "LUXVID_HOME": str(work / "home"), "DAGSTER_HOME": str(work / "home" / "dagster")}
        _run(["-m", "luxvid_pipeline.cli", "render", str(listing), "--json"], environment)
        start = time.monotonic()
        found = json.loads(_run(["-m", "benchmarks.whole_package_row", EXAMPLE.name], environment).splitlines()[-1])
        seconds = time.monotonic() - start
    return [
        {
            "name": "the whole package of the example listing, against its encoders' own time",
            "ratio": round(found["package_s"] / found["encoder_s"], 3),
            "target": 1.3,
            "better": "lower",
            "detail": f"{found['package_s']:.0f} s of processor against {found['encoder_s']:.0f} s, "
            f"{found['frames']} frames, {seconds:.0f} s by the clock, peak {found['peak_mb']:.0f} MB",
        }
    ]


def _in_all_shapes(manifest: str) -> str:
    lines = manifest.splitlines()
    place = next(number for number, line in enumerate(lines) if line.lstrip().startswith("variants:"))
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    lines[place] = f"{indent}variants: [16x9, 9x16, 1x1, 4x5]"
    return "\n".join(lines) + "\n"


def _run(arguments: Sequence[str], environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr[-800:]}")
    return done.stdout


class _Clock:
    """Adds up the processor time that encoders take, each in the thread that works for it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.frames = 0
        self._telling = threading.Lock()

    def times(self, work: Callable[..., Any], *, frames: int) -> Callable[..., Any]:
        """Return the work, its time counted as the encoder's."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                with self._telling:
                    self.seconds += time.thread_time() - start
                    self.frames += frames

        return timed


def _deliver(listing: str) -> None:
    from luxvid_pipeline.cli import main  # noqa: PLC0415 - what is measured begins here

    clock, encoder = _Clock(), encode._Encoder  # pyright: ignore[reportPrivateUsage]
    encoder.__init__ = clock.times(encoder.__init__, frames=0)
    encoder.encode = clock.times(encoder.encode, frames=1)
    encoder.finish = clock.times(encoder.finish, frames=0)
    sys.argv = ["luxvid", "deliver", listing, "--json"]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    told = {
        "package_s": sum(each.ru_utime + each.ru_stime for each in (own, children)),
        "encoder_s": clock.seconds,
        "frames": clock.frames,
        "peak_mb": own.ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    _deliver(sys.argv[1])
