"""Dagster's records on an instance that only tests use.

Belongs here: opening such an instance, laying out the empty records of one.
Does not belong here: the instance that films are made on (``local_runs.py``), the daemon's (``daemon.py``).

Its files are kept open as a render keeps them (``luxvid_pipeline/records.py``). Dagster starts four processes a step,
two of them Python's, that carry what a step prints to a file and back; here that stays where it is printed, as in a
terminal's render, too. Empty records are made once and copied: making them takes a fifth of a second.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import dagster as dg
from dagster._core.instance import InstanceRef

from luxvid_pipeline import records
from luxvid_pipeline.local_runs import NO_CAPTURE


def open_records(base: Path) -> dg.DagsterInstance:
    """Open an instance in a directory, as ``DagsterInstance.local_temp`` does."""

    def storage(which: type, folder: Path) -> dict[str, object]:
        return {"module": records.__name__, "class": which.__name__, "config": {"base_dir": str(folder)}}

    lay_out_empty(base)
    history = base / "history"
    overrides = {
        "event_log_storage": storage(records.QuickEvents, history / "runs"),
        "run_storage": storage(records.QuickRuns, history),
        "schedule_storage": storage(records.QuickSchedules, base / "schedules"),
        **NO_CAPTURE,
    }
    return dg.DagsterInstance.local_temp(str(base), overrides=overrides)


def lay_out_empty(base: Path) -> None:
    """Put empty records into Dagster's home, unless it has its own."""
    if not (base / "history").exists():
        shutil.copytree(_empty(), base, dirs_exist_ok=True)


@cache
def _empty() -> Path:
    base = Path(tempfile.mkdtemp(prefix="luxvid-records-"))
    atexit.register(shutil.rmtree, base)
    with dg.DagsterInstance.from_ref(records.quickened(InstanceRef.from_dir(str(base)))):
        pass
    return base
