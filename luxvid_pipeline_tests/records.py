"""Dagster's SQLite event log, written quickly: the same files with the same rows, on an instance that only tests use.

Belongs here: opening such an instance.
Does not belong here: the instance that films are made on (``local_runs.py``), the daemon's (``daemon.py``).

Dagster opens and closes a file for each event, and makes each run's file with its migrations: a third of all that the
tests of assets took. Here a file stays open until the instance is closed, and a run's file begins as a copy of an empty
one. And it starts four processes a step, two of them Python's, that carry what a step prints to a file and back; here
that stays where it is printed, as in a terminal's render.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

from luxvid_pipeline.local_runs import NO_CAPTURE


def open_records(base: Path) -> dg.DagsterInstance:
    """Open an instance in a directory, as ``DagsterInstance.local_temp`` does."""
    config = {"base_dir": str(base / "history" / "runs")}
    events = {"module": __name__, "class": QuickEvents.__name__, "config": config}
    base.mkdir(parents=True, exist_ok=True)
    return dg.DagsterInstance.local_temp(str(base), overrides={"event_log_storage": events, **NO_CAPTURE})


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
                self._engines[shard] = create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=StaticPool,
                    connect_args={"timeout": 60, "check_same_thread": False},
                )
            with self._engines[shard].begin() as connection:
                yield connection

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


@cache
def _empty_file() -> bytes:
    """A run's file as Dagster makes it, before its first event."""
    with tempfile.TemporaryDirectory() as folder:
        SqliteEventLogStorage(folder).get_logs_for_run("empty")
        return (Path(folder) / "empty.db").read_bytes()
