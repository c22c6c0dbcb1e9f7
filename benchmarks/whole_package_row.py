"""What the whole package of the example listing costs, against the encoder alone on the frames it makes.

Belongs here: the row for ``python -m benchmarks``; delivering as ``luxvid deliver`` does, in a process of its own.
Does not belong here: one scene's pictures (``package_row.py``).

Counted is the processor time of the whole command, Python's start and Dagster included, in four shapes. The encoder
alone gets frames of the same parts from memory, right after each scene was made, so that both see the same machine:
thirty of each part, as its encoder was given them (``_Keeps``), now from its beginning, now from its middle or end,
since a move begins slowly and the slow part of it is less work. Keeping them is not counted.
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
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.package_row import STRETCH
from benchmarks.whole_film_row import EXAMPLE
from luxvid_pipeline.assets import package_maker
from luxvid_pipeline.media import part_runs
from luxvid_pipeline.media.encode import ClipWriter, Frame
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


class _Keeps(ClipWriter):
    """A writer that keeps the frames of one run of its part; the time that takes is told apart."""

    folder = Path()
    seconds = 0.0
    _telling = threading.Lock()

    def __init__(self, into: Path, *args: Any, **options: Any) -> None:
        super().__init__(into, *args, **options)
        part, _, run = into.name.rpartition(".")
        runs = 2 if "captioned" in part else 4
        self._kept: list[Frame] | None = [] if int(run) == zlib.crc32(part.encode()) % runs else None
        self._name = f"{part}.npy"

    def write(self, frame: Frame) -> None:
        self._keep(frame)
        super().write(frame)

    def show(self, frame: Frame) -> "Future[Frame]":
        self._keep(frame)
        return super().show(frame)

    def _keep(self, frame: Frame) -> None:
        if self._kept is None:
            return
        start = time.thread_time()
        self._kept.append(frame.copy())
        if len(self._kept) == STRETCH:
            np.save(_Keeps.folder / self._name, np.stack(self._kept))
            self._kept = None
        with _Keeps._telling:
            _Keeps.seconds += time.thread_time() - start


class _Beside:
    """Has the parts encoded again as soon as they are made, by another process, and keeps the account of it."""

    def __init__(self) -> None:
        self._make_parts, self._make_card = package_maker.make_parts, package_maker.make_card
        self.encoder_s = self.others_s = self.wall_s = 0.0
        self.frames = 0

    def parts(self, source: Any, orders: Sequence[PartOrder], *args: Any, **kwargs: Any) -> None:
        self._make_parts(source, orders, *args, **kwargs)
        self._encode([(_Keeps.folder / f"{order.into.name}.npy", order) for order in orders])

    def card(self, source: Any, orders: Sequence[PartOrder], *args: Any, **kwargs: Any) -> None:
        self._make_card(source, orders, *args, **kwargs)
        self._encode([(order.into, order) for order in orders])

    def _encode(self, kept: Sequence[tuple[Path, PartOrder]]) -> None:
        start = time.monotonic()
        self.frames += sum(order.frames for _, order in kept)
        command = [sys.executable, "-m", "benchmarks.package_row"]
        for file, order in kept:
            command += [str(file), str(order.frames), str(part_runs.SLOW_DETAIL if order.part.slow else 1.0)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = process.stdout.read() if process.stdout is not None else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError("encoding alone failed")
        self.encoder_s += float(said)
        self.others_s += used.ru_utime + used.ru_stime
        for file, _ in kept:
            if file.suffix == ".npy":
                file.unlink()
        self.wall_s += time.monotonic() - start


def _deliver(listing: str) -> None:
    from luxvid_pipeline.cli import main  # noqa: PLC0415 - what is measured begins here

    beside = _Beside()
    package_maker.make_parts, package_maker.make_card = beside.parts, beside.card
    part_runs.ClipWriter = _Keeps  # pyright: ignore[reportPrivateImportUsage]
    sys.argv = ["luxvid", "deliver", listing, "--json"]
    with tempfile.TemporaryDirectory() as folder:
        _Keeps.folder = Path(folder)
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = sum(each.ru_utime + each.ru_stime for each in (own, children))
    told = {
        "package_s": used - beside.others_s - _Keeps.seconds,
        "encoder_s": beside.encoder_s,
        "frames": beside.frames,
        "beside_wall_s": beside.wall_s,
        "peak_mb": own.ru_maxrss / 1024,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    _deliver(sys.argv[1])
