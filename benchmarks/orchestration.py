"""How long orchestration takes: from a folder's arrival to its film, with engines that take no time.

Belongs here: the real daemon on a home of its own, arrivals, waiting, what its ticks and its memory were.
Does not belong here: kills (``crash_daemon.py``), the engines (``luxvid_pipeline_tests/instant.py``).

``python -m benchmarks.orchestration`` prints the row of ``make bench``; with ``--listings 1000 --films 24`` a thousand
folders are dropped into the inbox at once and go through the run queue until so many films are finished; the others are
left queued, and their time follows from the films' (a sample for real, the rest by calculation). ``--ticks 1000`` takes
what the two sensors do through a thousand folders in this process, their runs recorded and not made: seconds by the
clock and of the CPU; then the real daemon ticks on that home, and its memory is read.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np

from luxvid_pipeline.automation.arrivals import FINGERPRINT_TAG, Memory, history_of, look_around
from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.progress import LISTINGS_A_TICK, Cursor, Progress
from luxvid_pipeline.automation.survey import Surveyor
from luxvid_pipeline.domain.arrivals import State
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.progress import work_tags
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.media.encode import ClipWriter, empty_frame
from luxvid_pipeline.providers.local.camera import LocalCamera
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline_tests.daemon import Daemon, is_at_rest, told, wait_for
from luxvid_pipeline_tests.studio import draw_photos

TARGET_S = 15.0
ARRIVALS = 3
PATIENCE_S = 600.0
_SENSORS = ("new_listings_sensor", "listing_progress_sensor")
_TICKS = 20
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def measure(*, beside_eager: bool = True) -> list[dict[str, Any]]:
    """Return the row: the median of several arrivals, one after the other, on a daemon that is up.

    Args:
        beside_eager: Whether to measure the eager wiring too.
    """
    with tempfile.TemporaryDirectory(prefix="luxvid-orchestration-") as folder:
        work = Path(folder)
        photos, clip = _listing(work / "villa"), _clip(work / "clip.mp4")
        arrivals_s, cpu_s = _arrivals(Daemon(work / "sensors", clip), photos)
        detail = f"{', '.join(f'{each:.1f}' for each in arrivals_s)} s; {cpu_s:.0f} CPU seconds a film"
        if beside_eager:
            eager_s = _eager_arrival(Daemon(work / "eager", clip, module="benchmarks.eager_wiring"), photos)
            detail += f"; plain eager() wiring of the same assets: {eager_s:.1f} s"
    return [
        {
            "name": "arrival in the inbox to finished film, instant engines, seconds",
            "ratio": round(statistics.median(arrivals_s), 2),
            "target": TARGET_S,
            "better": "lower",
            "detail": detail,
        }
    ]


def _arrivals(daemon: Daemon, photos: Path) -> tuple[list[float], float]:
    took: list[float] = []
    with daemon.instance() as instance, daemon.running():
        _wait_until_up(instance)
        before = Group(daemon.pid).cpu_s()
        for number in range(ARRIVALS):
            began = time.monotonic()
            _drop(photos, daemon.inbox / f"villa-{number}")
            wait_for(lambda name=f"villa-{number}": daemon.has_film(name), PATIENCE_S, "a film", every_s=0.05)
            took.append(time.monotonic() - began)
            wait_for(lambda: is_at_rest(instance), PATIENCE_S, "the end of its runs")
        return took, (Group(daemon.pid).cpu_s() - before) / ARRIVALS


def _eager_arrival(daemon: Daemon, photos: Path) -> float:
    """Return how long the eager wiring takes from a partition to its film; nobody has to notice the folder there."""
    with daemon.instance() as instance, daemon.running():
        _wait_for_tick(instance, "eager_sensor")
        began = time.monotonic()
        daemon.add(instance, "villa-eager", photos)
        wait_for(lambda: daemon.has_film("villa-eager"), PATIENCE_S, "the eager film", every_s=0.05)
        return time.monotonic() - began


def measure_many(listings: int, films: int, work: Path) -> dict[str, Any]:
    """Drop many folders at once and follow them until some are films.

    Args:
        listings: Folders in the inbox.
        films: After how many films to stop.
        work: An empty folder.

    Returns:
        Seconds and CPU seconds a film, the ticks' durations, the memory of the daemon and all it started.
    """
    photos, clip = _listing(work / "villa"), _clip(work / "clip.mp4")
    daemon = Daemon(work / "daemon", clip)
    names = _fill(daemon.inbox, photos, listings)
    with daemon.instance() as instance, daemon.running():
        began = time.monotonic()
        group = Group(daemon.pid)
        with group.watched() as watch:
            finished: list[float] = []
            while len(finished) < films:
                count = sum(daemon.has_film(name) for name in names)
                finished += [time.monotonic() - began] * (count - len(finished))
                if time.monotonic() - began > 6 * PATIENCE_S:
                    raise TimeoutError(f"{count} of {films} films after {6 * PATIENCE_S:g} s: {told(instance)[-2000:]}")
                time.sleep(1.0)
            cpu_s, known = group.cpu_s(), len(instance.get_dynamic_partitions("listings"))
        ticks = {name: _tick_seconds(instance, name) for name in _SENSORS}
        queued = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    between_s = (finished[-1] - finished[0]) / max(1, len(finished) - 1)
    return {
        "listings": listings,
        "films": len(finished),
        "first_film_s": round(finished[0], 1),
        "seconds_a_film": round(between_s, 2),
        "cpu_s_a_film": round(cpu_s / len(finished), 1),
        "all_in_hours": round(listings * between_s / 3600, 2),
        "known_by_then": known,
        "queued_at_the_end": queued,
        "memory_mb": watch.most_mb,
        "ticks": {name: _spread(each) for name, each in ticks.items()},
        "shots": len(daemon.shots()),
        "shots_twice": len(daemon.shots()) - len(set(daemon.shots())),
    }


def measure_ticks(listings: int, work: Path) -> dict[str, Any]:
    """Take both sensors through an inbox of many folders without making a run, then let a real daemon do so.

    Args:
        listings: Folders in the inbox.
        work: An empty folder.

    Returns:
        Of each kind of tick, how many there were and how long they took by the clock and of the CPU; the daemon's.
    """
    photos = _listing(work / "villa")
    daemon = Daemon(work / "daemon")
    _fill(daemon.inbox, photos, listings)
    sources, memory, rows = ListingSources(daemon.settings), Memory(), dict[str, list[tuple[float, float]]]()
    with daemon.instance() as instance:
        history, known = history_of(instance), set[str]()
        while len(known) < listings:
            with _timed(rows, "inbox: folders arriving"):
                found = look_around(sources, memory, history, now=time.time())
                memory.save(daemon.home / "arrivals.json")
            for arrival in found.arrivals:
                tags = {**work_tags(arrival.listing, "direction", arrival.urgency), FINGERPRINT_TAG: arrival.content}
                tags |= {"dagster/run_key": arrival.key, "dagster/partition": arrival.listing}
                done = dg.DagsterRunStatus.SUCCESS
                instance.run_storage.add_run(dg.DagsterRun("direct_listing_job", status=done, tags=tags))
            known |= {arrival.listing for arrival in found.arrivals}
            instance.add_dynamic_partitions("listings", [arrival.listing for arrival in found.arrivals])
            time.sleep(0 if found.arrivals else 1.0)
        while any(folder.state is not State.CONFIRMED for folder in memory.folders.values()):
            look_around(sources, memory, history, now=time.time())
        memory.save(daemon.home / "arrivals.json")
        for _ in range(10):
            with _timed(rows, f"inbox: {listings} known folders"):
                kept = Memory.load(daemon.home / "arrivals.json", memory.name)
                look_around(sources, kept, history, now=time.time())
                kept.save(daemon.home / "arrivals.json")
        surveyor = Surveyor(
            instance,
            store=daemon.store,
            clips=LocalCamera(),
            score=LocalComposer(),
            spare=LocalComposer(),
            approvals=ListingApprovals(daemon.settings, daemon.store, SqlApprovals(daemon.settings.database_url)),
            jobs={stage: job.name for stage, job in STAGE_JOBS.items()},
        )
        progress, cursor = Progress(instance, surveyor, attempts=3), Cursor()
        log, looked_at = dg.get_dagster_logger(), 0
        while looked_at < listings:
            with _timed(rows, f"progress: {listings} runs have ended since, {LISTINGS_A_TICK} listings a tick"):
                looked_at += progress.look(cursor, log, go_round=False).looked_at
        for _ in range(10):
            with _timed(rows, f"progress: {listings} listings known, none has moved"):
                progress.look(cursor, log, go_round=True)
        real = _on_the_daemon(daemon, instance)
    ticks = {
        name: {
            "ticks": len(times),
            "median_s": round(statistics.median(wall for wall, _ in times), 3),
            "most_s": round(max(wall for wall, _ in times), 3),
            "median_cpu_s": round(statistics.median(cpu for _, cpu in times), 3),
            "most_cpu_s": round(max(cpu for _, cpu in times), 3),
        }
        for name, times in rows.items()
    }
    kept_bytes = (daemon.home / "arrivals.json").stat().st_size
    return {"listings": listings, "memory_file_bytes": kept_bytes, "ticks": ticks, "on_the_daemon": real}


def _on_the_daemon(daemon: Daemon, instance: dg.DagsterInstance) -> dict[str, Any]:
    """Let the real daemon tick on what is there; returns its ticks and the memory of it and all it started, in MB."""
    with daemon.running():
        group = Group(daemon.pid)
        with group.watched() as watch:
            for name in _SENSORS:
                wait_for(lambda name=name: len(_tick_seconds(instance, name)) >= _TICKS, PATIENCE_S, f"ticks of {name}")
    return {"memory_mb": watch.most_mb, "ticks": {name: _spread(_tick_seconds(instance, name)) for name in _SENSORS}}


@contextmanager
def _timed(rows: dict[str, list[tuple[float, float]]], name: str):
    wall, cpu = time.monotonic(), time.process_time()
    yield
    rows.setdefault(name, []).append((time.monotonic() - wall, time.process_time() - cpu))


def _fill(inbox: Path, photos: Path, listings: int) -> list[str]:
    """Put many folders into an inbox; their photos are the same files, their manifests are not."""
    names = [f"villa-{number:04}" for number in range(listings)]
    for name in names:
        folder = inbox / name
        shutil.copytree(photos, folder, copy_function=os.link)
        (folder / "listing.yaml").unlink()
        (folder / "listing.yaml").write_text(f"title: {name}\n{(photos / 'listing.yaml').read_text()}")
    return names


class Group:
    """The processes of a daemon: itself, its code server, the fork server, the runs.

    Args:
        pid: The daemon's, and the id of its session.
    """

    def __init__(self, pid: int) -> None:
        self._session = pid
        self.most_mb: dict[str, float] = {}

    def cpu_s(self) -> float:
        """Return the CPU seconds of all, those that have ended and were waited for included."""
        return sum(sum(int(field) for field in fields[11:15]) for _, fields in self._members()) / _TICKS_A_SECOND

    def look(self) -> None:
        """Remember the most memory, in MB (proportional set size: what is shared counts once)."""
        now: dict[str, float] = {"all": 0.0}
        for pid, _ in self._members():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            mb = next((int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss:")), 0.0)
            now["all"] += mb
            name = "daemon" if int(pid) == self._session else "code server" if "api\0grpc" in command else "runs"
            now[name] = now.get(name, 0.0) + mb
        for name, mb in now.items():
            self.most_mb[name] = round(max(mb, self.most_mb.get(name, 0.0)))

    def watched(self) -> "_Watch":
        """Look again and again while a block runs."""
        return _Watch(self)

    def _members(self) -> Iterable[tuple[str, list[str]]]:
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self._session:
                yield folder.name, fields


class _Watch:
    def __init__(self, group: Group) -> None:
        self._group = group
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._over.wait(2.0):
            self._group.look()

    def __enter__(self) -> Group:
        self._thread.start()
        return self._group

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _wait_until_up(instance: dg.DagsterInstance) -> None:
    for name in _SENSORS:
        _wait_for_tick(instance, name)


def _wait_for_tick(instance: dg.DagsterInstance, name: str) -> None:
    wait_for(lambda: _tick_seconds(instance, name), PATIENCE_S, f"a tick of {name}")


def _tick_seconds(instance: dg.DagsterInstance, name: str) -> list[float]:
    """Return how long a sensor's finished ticks took, newest first."""
    state = next((each for each in instance.all_instigator_state() if each.name == name), None)
    if state is None:
        return []
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    return [tick.end_timestamp - tick.timestamp for tick in ticks if tick.end_timestamp]


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "median_s": round(statistics.median(ordered), 2),
        "p95_s": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "most_s": round(ordered[-1], 2),
    }


def _listing(folder: Path) -> Path:
    """Draw eight photos, all of them named in the manifest, so that their arrival is known at once."""
    photos = draw_photos(folder, 8)
    named = "".join(f"  - {{file: {photo.name}}}\n" for photo in sorted(photos.glob("*.jpg")))
    (photos / "listing.yaml").write_text(f"film: {{clip_seconds: 2}}\nphotos:\n{named}")
    return photos


def _clip(file: Path) -> Path:
    """Make what the instant camera shows: two seconds of grey."""
    frame = np.full_like(empty_frame(FULL_HD), 128)
    with ClipWriter(file, FULL_HD) as writer:
        for _ in range(60):
            writer.write(frame)
    return file


def _drop(photos: Path, folder: Path) -> None:
    """Put a folder into the inbox in one move, as a person's file manager does on one disk."""
    hidden = folder.with_name(f".{folder.name}")
    shutil.copytree(photos, hidden)
    hidden.rename(folder)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.orchestration", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listings", type=int, help="drop so many folders at once")
    parser.add_argument("--films", type=int, default=24, help="and stop after so many films")
    parser.add_argument("--ticks", type=int, help="time the sensors alone, with so many folders")
    parser.add_argument("--json", type=Path, help="write it here too")
    options = parser.parse_args()
    result: Any
    if options.ticks:
        with tempfile.TemporaryDirectory(prefix="luxvid-ticks-") as folder:
            result = measure_ticks(options.ticks, Path(folder))
    elif options.listings:
        with tempfile.TemporaryDirectory(prefix="luxvid-many-") as folder:
            result = measure_many(options.listings, options.films, Path(folder))
    else:
        result = measure()
    told_ = json.dumps(result, indent=1)
    print(told_)
    if options.json:
        options.json.write_text(told_ + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
