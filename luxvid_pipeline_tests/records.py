"""Dagster's SQLite records, written quickly: the same files with the same rows, on an instance that only tests use.

Belongs here: opening such an instance.
Does not belong here: the instance that films are made on (``local_runs.py``), the daemon's (``daemon.py``).

Dagster opens and closes a file for each event and each look at its runs, and makes each run's file with its migrations:
a third of all that the tests of assets took. Here a file stays open until the instance is closed, and a run's file
begins as a copy of an empty one. And it starts four processes a step, two of them Python's, that carry what a step
prints to a file and back; here that stays where it is printed, as in a terminal's render.
"""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from luxvid_pipeline.local_runs import NO_CAPTURE


def open_records(base: Path) -> dg.DagsterInstance:
    """Open an instance in a directory, as ``DagsterInstance.local_temp`` does."""
    config = {"base_dir": str(base / "history" / "runs")}
    events = {"module": __name__, "class": QuickEvents.__name__, "config": config}
    runs = {"module": __name__, "class": QuickRuns.__name__, "config": {"base_dir": str(base / "history")}}
    base.mkdir(parents=True, exist_ok=True)
    overrides = {"event_log_storage": events, "run_storage": runs, **NO_CAPTURE}
    return dg.DagsterInstance.local_temp(str(base), overrides=overrides)


class QuickEvents(SqliteEventLogStorage):
    """Dagster's own event log with one connection to each file; its lock lets one thread in at a time."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "QuickEvents":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._engines:
                file = Path(self.path_for_shard(shard))
                if not file.exists():
                    file.write_bytes(_empty_file())
                self._engines[shard] = _kept_open(self.conn_string_for_shard(shard))
            with self._engines[shard].begin() as connection:
                yield connection

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


class QuickRuns(SqliteRunStorage):
    """Dagster's own runs with one connection to their file, for one thread at a time."""

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        super().__init__(conn_string, inst_data)
        self._engine = _kept_open(conn_string)
        self._turn = threading.RLock()

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "QuickRuns":
        return cls.from_local(inst_data=inst_data, **config_value)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._turn, self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()
        super().dispose()


def _kept_open(address: str) -> Engine:
    return create_engine(address, poolclass=StaticPool, connect_args={"timeout": 60, "check_same_thread": False})


@cache
def _empty_file() -> bytes:
    """A run's file as Dagster makes it, before its first event."""
    with tempfile.TemporaryDirectory() as folder:
        SqliteEventLogStorage(folder).get_logs_for_run("empty")
        return (Path(folder) / "empty.db").read_bytes()
