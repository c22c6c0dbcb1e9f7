"""Launching runs on this machine, and knowing when one of them has died with the daemon that launched it.

Belongs here: the run launcher that ``dagster.yaml`` names.
Does not belong here: what runs when (``progress.py``).

Dagster's default launcher starts each run as a process of the code server. While that server lives it notices a killed
run by itself; when daemon, server and run are killed together (a machine that restarts), the run stays *started* for
ever, and whoever waits for its end waits as long. Run monitoring asks the launcher how each run is; this one knows.
"""

import os
import socket
from pathlib import Path
from typing import Any

from dagster import DagsterEventType, DagsterRun, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus

LAUNCHED_TAG = "luxvid/launched_on"
"""The machine whose daemon launched a run."""

_HOST_TAG, _PID_TAG = "luxvid/host", "luxvid/pid"  # of a run that a luxvid command makes in its own process

_CLOCK_S = 2.0
"""Two clocks of one machine may differ by as much."""


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also knows whether the process of a run on this machine is still there."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run as a process of the code server, and note on which machine."""
        self._instance.add_run_tags(context.dagster_run.run_id, {LAUNCHED_TAG: _host()})
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether the process of a started run is there.

        A terminal's run on another machine counts as there. A daemon's does not: an instance has one daemon, and what
        it launched is as gone as the machine or the container it was on.
        """
        on = run.tags.get(_HOST_TAG) or run.tags.get(LAUNCHED_TAG, "")
        if on != _host():
            if LAUNCHED_TAG in run.tags and _HOST_TAG not in run.tags:
                return CheckRunHealthResult(WorkerStatus.FAILED, f"the daemon that launched it was on {on}")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it is made on another machine")
        pid, since = self._process(run)
        if pid is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its process has not said its name yet")
        if _is_alive(pid, since):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid} is gone; what is finished is kept")

    def _process(self, run: DagsterRun) -> tuple[int | None, float]:
        """Return the id of a run's process and a moment at which it was there, Unix time."""
        if run.tags.get(_PID_TAG, "").isdigit():
            stats = self._instance.get_run_stats(run.run_id)
            return int(run.tags[_PID_TAG]), stats.start_time or stats.launch_time or 0.0
        for entry in self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
            event = entry.dagster_event
            data: Any = event.event_specific_data if event else None
            pid = str(data.metadata["pid"].value) if data is not None and "pid" in data.metadata else ""
            if pid.isdigit():
                return int(pid), entry.timestamp
        return None, 0.0


def _host() -> str:
    return socket.gethostname()


def _is_alive(pid: int, since: float) -> bool:
    """Return whether a process is there that was there at a moment (Unix time): ids are given out again."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is there and belongs to somebody else.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, StopIteration):
        return Path("/proc/self/stat").exists() is False  # Without /proc, an id that is taken is all that is known.
    state, started_ticks = fields[0], int(fields[19])  # proc_pid_stat(5): fields 3 and 22
    started = int(booted.split()[1]) + started_ticks / os.sysconf("SC_CLK_TCK")
    return state not in "ZX" and started <= since + _CLOCK_S
