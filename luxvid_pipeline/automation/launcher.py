"""Launching runs on this machine: quickly, and knowing when one of them has died.

Belongs here: the run launcher that ``dagster.yaml`` names.
Does not belong here: what runs when (``progress.py``).

Dagster's default launcher starts each run as a fresh Python, which loads everything first: two to three seconds of a
core a run, five runs a film. Here one process loads everything once (a *fork server*, which runs nothing itself), and
each run is a copy of it, there in some hundredths of a second and sharing its memory. Where that is not possible (a
code location that is not a Python module, a system other than Linux, source files newer than what was loaded) the
default launcher does it.

When daemon, code server and run are killed together, Dagster never hears of the run's end: it stays *started*, and
whoever waits for it waits for ever. Run monitoring asks the launcher how each run is; this one knows.
"""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, cast

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DefaultRunLauncher
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._serdes import deserialize_value, serialize_value

from luxvid_pipeline.automation.cancellations import is_ended
from luxvid_pipeline.automation.listing_runs import runs_of
from luxvid_pipeline.domain.progress import ATTEMPT_TAG, HOST_TAG, LISTING_TAG, PID_TAG, STARTED_TAG
from luxvid_pipeline.ledger.processes import Process, runs_since
from luxvid_pipeline.media.memory import keep_memory_low
from luxvid_pipeline.records import quickened

LAUNCHED_TAG = "luxvid/launched_on"
"""The machine whose daemon launched a run."""

FORKED_TAG = "luxvid/process"
"""The process of a run that is a copy of the fork server: its id."""

_ALSO_LOADED = ("dagster._cli.api", "dagster._daemon.cli", "scipy.signal", "scipy.ndimage")
_PACKAGE = Path(__file__).parents[1]
_log = logging.getLogger("luxvid.launcher")


class WatchedRunLauncher(DefaultRunLauncher):
    """Makes each run a copy of a process that has everything loaded, and knows whether its process is still there."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run, and note on which machine.

        What the progress sensor had asked for while a person ended the listing is not begun.
        """
        run = context.dagster_run
        listing = run.tags.get(LISTING_TAG, "")
        if ATTEMPT_TAG in run.tags and is_ended(self._instance, listing, runs_of(self._instance, listing)):
            self._instance.report_run_canceled(run, message=f"A person has ended {listing}; then 'luxvid retry'.")
            return
        self._instance.add_run_tags(run.run_id, {LAUNCHED_TAG: _host()})
        module = _module_of(run)
        process = _FORKS.start(module, self._instance, run.run_id) if module else None
        if process is None:
            super().launch_run(context)
            return
        self._instance.add_run_tags(run.run_id, {FORKED_TAG: str(process.pid)})
        self._run_ids.add(run.run_id)
        threading.Thread(
            target=_report_its_end, args=(process, self._instance.get_ref(), run.run_id), daemon=True
        ).start()

    def terminate(self, run_id: str) -> bool:
        """End a run: its process is asked to, and cleans up after itself; one that has its id by now is left alone."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if FORKED_TAG not in run.tags or run.tags.get(LAUNCHED_TAG) != _host():
            return super().terminate(run_id)
        pid = int(run.tags[FORKED_TAG])
        if not runs_since(pid, time.time(), run.tags.get(STARTED_TAG, "")):
            return False  # run monitoring will find it gone
        self._instance.report_run_canceling(run)
        try:
            os.kill(pid, signal.SIGINT)
        except ProcessLookupError:
            return False
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether the process of a started run is there.

        A terminal's run on another machine counts as there. A daemon's does not: an instance has one daemon, and what
        it launched is as gone as the machine or the container it was on.
        """
        on = run.tags.get(HOST_TAG) or run.tags.get(LAUNCHED_TAG, "")
        if on != _host():
            if LAUNCHED_TAG in run.tags and HOST_TAG not in run.tags:
                return CheckRunHealthResult(WorkerStatus.FAILED, f"the daemon that launched it was on {on}")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it is made on another machine")
        pid, since = self._process(run)
        if pid is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its process has not said its name yet")
        if runs_since(pid, since, run.tags.get(STARTED_TAG, "")):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"its process {pid} is gone; what is finished is kept")

    def _process(self, run: DagsterRun) -> tuple[int | None, float]:
        """Return the id of a run's process and a moment at which it was there, Unix time."""
        if run.tags.get(PID_TAG, "").isdigit():
            stats = self._instance.get_run_stats(run.run_id)
            return int(run.tags[PID_TAG]), stats.start_time or stats.launch_time or 0.0
        for entry in self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
            event = entry.dagster_event
            data: Any = event.event_specific_data if event else None
            pid = str(data.metadata["pid"].value) if data is not None and "pid" in data.metadata else ""
            if pid.isdigit():
                return int(pid), entry.timestamp
        return None, 0.0


class _ForkServer:
    """The one process of which runs are copies, begun when the first run is."""

    def __init__(self) -> None:
        self._context: ForkServerContext | None = None
        self._lock = threading.Lock()
        self._module = ""
        self._loaded_at = 0.0

    def start(self, module: str, instance: DagsterInstance, run_id: str) -> ForkServerProcess | None:
        """Start a run as a copy; None where it cannot be one."""
        if sys.platform != "linux":
            return None
        with self._lock:
            if self._context is None:
                self._context = multiprocessing.get_context("forkserver")
                self._context.set_forkserver_preload([module, *_ALSO_LOADED])
                self._module, self._loaded_at = module, time.time()
            if module != self._module or _changed_at() > self._loaded_at:
                return None
            process = self._context.Process(
                target=make_run, args=(serialize_value(instance.get_ref()), run_id), name=f"run-{run_id}"
            )
            process.start()
        return cast("ForkServerProcess", process)


_FORKS = _ForkServer()


def make_run(instance_ref: str, run_id: str) -> None:
    """Make a run in this process, from its launch to its end; what becomes of it is in the instance."""
    from dagster._cli.api import _execute_run_command_body  # noqa: PLC0415 - only a run needs it
    from dagster._utils.interrupts import capture_interrupts  # noqa: PLC0415

    keep_memory_low()
    ref = quickened(deserialize_value(instance_ref, InstanceRef))
    with capture_interrupts(), DagsterInstance.from_ref(ref) as instance:
        instance.add_run_tags(run_id, {STARTED_TAG: Process.this().started})
        _execute_run_command_body(run_id, instance, lambda _: None, set_exit_code_on_failure=False)


def _report_its_end(process: ForkServerProcess, instance_ref: InstanceRef, run_id: str) -> None:
    """Wait for a run's process, and say so if it ended without a word."""
    process.join()
    with DagsterInstance.from_ref(instance_ref) as instance:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, f"Its process ended without a word (exit code {process.exitcode}).")


def _module_of(run: DagsterRun) -> str:
    """Return the Python module of a run's code location, empty if it is not one of this environment."""
    origin = run.job_code_origin
    if origin is None or origin.repository_origin.executable_path != sys.executable:
        return ""
    pointer: Any = origin.repository_origin.code_pointer
    return str(getattr(pointer, "module", ""))


def _changed_at() -> float:
    """Return when the newest source file of this package was written, Unix time."""
    return max(file.stat().st_mtime for file in _PACKAGE.rglob("*.py"))


def _host() -> str:
    return socket.gethostname()
