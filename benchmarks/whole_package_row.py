"""What the whole package of the example listing costs, against the encoder alone on the frames it makes.

Belongs here: the row for ``python -m benchmarks``; delivering as ``luxvid deliver`` does, in a process of its own.
Does not belong here: one scene's pictures (``package_row.py``).

Counted is the processor time of the whole command, Python's start and Dagster included, in four shapes. The encoder
alone gets frames of the same parts from memory, right after each scene was made, so that both see the same machine.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.whole_film_row import EXAMPLE
from luxvid_pipeline.assets import package_maker
from luxvid_pipeline.media.part_runs import PartOrder


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
        seconds = time.monotonic() - start - found["beside_wall_s"]
    return [
        {
            "name": "the whole package of the example listing, against the encoder alone",
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


class _Beside:
    """Has the parts encoded again as soon as they are made, by another process, and keeps the account of it."""

    def __init__(self) -> None:
        self._make_parts, self._make_card = package_maker.make_parts, package_maker.make_card
        self.encoder_s = self.others_s = self.wall_s = 0.0
        self.frames = 0

    def parts(self, source: Any, orders: Sequence[PartOrder], *args: Any, **kwargs: Any) -> None:
        self._make_parts(source, orders, *args, **kwargs)
        self._encode(orders)

    def card(self, source: Any, orders: Sequence[PartOrder], *args: Any, **kwargs: Any) -> None:
        self._make_card(source, orders, *args, **kwargs)
        self._encode(orders)

    def _encode(self, orders: Sequence[PartOrder]) -> None:
        start = time.monotonic()
        self.frames += sum(order.frames for order in orders)
        command = [sys.executable, "-m", "benchmarks.package_row"]
        command += [word for order in orders for word in (str(order.into), str(order.frames))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = process.stdout.read() if process.stdout is not None else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError("encoding alone failed")
        self.encoder_s += float(said)
        self.others_s += used.ru_utime + used.ru_stime
        self.wall_s += time.monotonic() - start


def _deliver(listing: str) -> None:
    from luxvid_pipeline.cli import main  # noqa: PLC0415 - what is measured begins here

    beside = _Beside()
    package_maker.make_parts, package_maker.make_card = beside.parts, beside.card
    sys.argv = ["luxvid", "deliver", listing, "--json"]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = sum(each.ru_utime + each.ru_stime for each in (own, children))
    told = {
        "package_s": used - beside.others_s,
        "encoder_s": beside.encoder_s,
        "frames": beside.frames,
        "beside_wall_s": beside.wall_s,
        "peak_mb": own.ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    _deliver(sys.argv[1])
