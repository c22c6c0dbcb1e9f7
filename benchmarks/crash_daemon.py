# ruff: noqa: S311 - moments are drawn by lot
"""The daemon and its runs killed in the middle of many listings, and started again until all are films.

Belongs here: choosing the moments, killing, counting what the vendor accepted, the ledger, films and partitions.
Does not belong here: kills of ``luxvid render`` (``crash.py``), the daemon (``luxvid_pipeline_tests/daemon.py``).

``python -m benchmarks.crash_daemon --listings 10 --kills 6 --seed 7``

Clips and scores come from hosted engines, their vendor simulated in a process of its own, which is never killed. One
listing is made undisturbed first: N paid requests. Then the others are dropped into the inbox at once. Each kill ends
daemon, code server and all runs with SIGKILL; the moments are spread over the paid requests, and half of them fall
while the vendor's answer is held back, so that a request is accepted and nobody has heard it.
"""

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import dagster as dg

from benchmarks.hosted_film import KEYS, read_books
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline_tests.daemon import Daemon, is_at_rest, told, wait_for
from luxvid_pipeline_tests.simulators import script
from luxvid_pipeline_tests.simulators.control_client import SimulatorProcess
from luxvid_pipeline_tests.studio import draw_photos

ENGINES = {"LUXVID_CLIPS": "google/veo-3.1-fast", "LUXVID_SCORE": "meta/musicgen", "LUXVID_MAX_TAKES": "1"}
ROOMS = ("aerial", "pool", "bedroom", "bathroom", "bathtub_shower", "living", "dining", "terrace", "garden")
_SOON = {"run_monitoring": {"enabled": True, "poll_interval_seconds": 3, "start_timeout_seconds": 60}}
_HELD_S = 0.5
_PATIENCE_S = 1800.0


def main() -> int:
    """Run and print; returns 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="benchmarks.crash_daemon", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listings", type=int, default=10)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=0.02, help="real seconds a simulated second takes")
    parser.add_argument("--undisturbed", type=int, help="paid requests of one listing, where that is known already")
    parser.add_argument("--made", type=Path, help="folder of clips the simulators made in an earlier trial")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    parser.add_argument("--json", type=Path, help="write everything here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="luxvid-crash-daemon-") as folder:
        work = options.keep or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        latencies = [
            "--speed",
            f"{options.speed:g}",
            "--picture-scale",
            "0.25",
            "--cache",
            str(options.made or work / "made"),
        ]
        (work / "vendors").mkdir()
        with SimulatorProcess(work / "vendors", *latencies) as vendors:
            result = _Trial(work, vendors, options).run()
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print("holds" if result["holds"] else "DOES NOT HOLD")
    return 0 if result["holds"] else 1


class _Trial:
    def __init__(self, work: Path, vendors: SimulatorProcess, options: argparse.Namespace) -> None:
        self._vendors = vendors
        self._options = options
        self._dice = random.Random(options.seed)
        self._photos = draw_photos(work / "drawn", len(ROOMS))
        environ = {**vendors.environment, **KEYS, **ENGINES}
        self._daemon = Daemon(work / "daemon", module="benchmarks.hosted_location", environ=environ, config=_SOON)
        self._staging = work

    def run(self) -> dict[str, Any]:
        names = [f"villa-{number:02}" for number in range(self._options.listings)]
        kills: list[dict[str, Any]] = []
        with self._daemon.instance() as instance:
            began = time.monotonic()
            undisturbed = self._options.undisturbed
            self._drop(0)
            if undisturbed is None:
                with self._daemon.running():
                    self._wait(instance, names[:1])
                undisturbed = self._accepted()
                print(f"undisturbed: {undisturbed} paid requests, {time.monotonic() - began:.0f} s", flush=True)
            first = self._accepted()
            for number in range(1, len(names)):
                self._drop(number)
            whole = undisturbed * len(names)
            for number in range(self._options.kills):
                share = (number + self._dice.uniform(0.2, 0.8)) / self._options.kills
                kills.append(self._kill(instance, first + round(share * (whole - first)), number))
                print(json.dumps(kills[-1]), flush=True)
            with self._daemon.running():
                self._wait(instance, names)
            books, payments = read_books(self._daemon.home), self._payments()
            accepted = self._accepted()
            recorded = set(instance.get_materialized_partitions(dg.AssetKey("scene_clips")))
            stuck = [run.run_id for run in instance.get_runs() if not run.is_finished]
            failed = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        missing = [name for name in names if not self._daemon.has_film(name)]
        lacking = [f"{name}|{scene}" for name in names for scene in SCENE_KEYS if f"{name}|{scene}" not in recorded]
        result = {
            "seed": self._options.seed,
            "listings": len(names),
            "kills": kills,
            "films": len(names) - len(missing),
            "paid_requests": accepted,
            "undisturbed_a_listing": undisturbed,
            "rows_in_the_ledger": payments["rows"],
            "delivered": payments["delivered"],
            "open_rows": books.open_rows,
            "reserved_usd": books.reserved_usd,
            "cost_usd": round(books.cost_usd, 2),
            "runs_that_failed": failed,
            "runs_that_never_end": stuck,
            "partitions_missing": lacking,
            "seconds": round(time.monotonic() - began),
        }
        once = accepted == whole == payments["rows"] == payments["delivered"]
        closed = not books.open_rows and not books.reserved_usd
        return {**result, "holds": once and closed and not missing and not stuck and not lacking}

    def _kill(self, instance: dg.DagsterInstance, at: int, number: int) -> dict[str, Any]:
        """Run the daemon until so many requests were accepted, and end everything at once."""
        unheard = number % 2 == 1
        began = time.monotonic()
        with self._daemon.running():
            wait_for(lambda: self._accepted() >= at - 1, _PATIENCE_S, f"paid request {at}", every_s=0.02)
            if unheard:
                self._vendors.replicate.on("create", script.delay(_HELD_S))
                ends = time.monotonic() + 20
                while self._accepted() < at and time.monotonic() < ends:
                    time.sleep(0.01)
                time.sleep(self._dice.uniform(0.0, _HELD_S))
            else:
                time.sleep(self._dice.uniform(0.0, 3.0))
        self._vendors.replicate.clear_script()
        books = read_books(self._daemon.home)
        under_way = [run for run in instance.get_runs() if run.status in {dg.DagsterRunStatus.STARTED}]
        return {
            "after_s": round(time.monotonic() - began, 1),
            "aimed_at": "unheard" if unheard else "any",
            "accepted": self._accepted(),
            "ids_known": books.ids,
            "states": {state: count for (_, state), count in sorted(books.states.items())},
            "runs_killed": sorted(f"{run.tags.get('luxvid/listing')} {run.job_name}" for run in under_way),
        }

    def _wait(self, instance: dg.DagsterInstance, names: list[str]) -> None:
        try:
            wait_for(lambda: all(self._daemon.has_film(name) for name in names), _PATIENCE_S, "films", every_s=1.0)
            wait_for(lambda: is_at_rest(instance), _PATIENCE_S, "the end of all runs", every_s=1.0)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {told(instance)}") from error

    def _accepted(self) -> int:
        """Return how many paid requests the vendor has accepted; asked again where a busy machine breaks the line."""
        for _ in range(20):
            try:
                return int(self._vendors.replicate.counters()["accepted"])
            except OSError:
                time.sleep(0.5)
        raise RuntimeError("the simulators no longer answer")

    def _payments(self) -> dict[str, int]:
        with sqlite3.connect(f"file:{self._daemon.home / 'ledger.db'}?mode=ro", uri=True, timeout=30) as connection:
            rows = connection.execute("SELECT state FROM ledger_payments").fetchall()
        connection.close()
        return {"rows": len(rows), "delivered": sum(state == "delivered" for (state,) in rows)}

    def _drop(self, number: int) -> None:
        """Put a listing into the inbox that has no photo in common with any other."""
        name = f"villa-{number:02}"
        hidden = self._daemon.inbox / f".{name}"
        hidden.mkdir()
        entries: list[str] = []
        for photo, room in zip(sorted(self._photos.glob("*.jpg")), ROOMS, strict=True):
            picture = cv2.imread(str(photo))
            if picture is None:
                raise RuntimeError(f"{photo} cannot be read")
            cv2.rectangle(picture, (40 + 50 * number, 60), (110 + 50 * number, 180), (20 * number, 200, 90), -1)
            cv2.imwrite(str(hidden / photo.name), picture)
            entries.append(f"  - {{file: {photo.name}, room: {room}}}")
        head = f"title: Villa {number}\nfilm: {{clip_seconds: 2}}\ngeneration: {{budget_usd: 100}}\nphotos:\n"
        (hidden / "listing.yaml").write_text(head + "\n".join(entries) + "\n")
        hidden.rename(self._daemon.inbox / name)


if __name__ == "__main__":
    sys.exit(main())
