"""Dagster's SQLite records, written quickly: the same files with the same rows, for whoever makes runs.

Belongs here: storages that keep those files open, putting them in the place of Dagster's, telling what is wrong with
them.
Does not belong here: opening the instance (``local_runs.py``), what is written; other databases, which need none of it.

Dagster opens and closes a file for each event and each look at its runs; the last one that closes a file copies its
write-ahead log and flushes it, twice. It asks before most of that whether a table is there, makes each run's file with
all its tables one by one, and reads seventy migrations to see that there is none to make: two of the two and a half
seconds that a render takes in which nothing has to be made. Here a file stays open until the instance is closed, a
run's file begins as a copy of an empty one, and what Dagster has stamped once needs no migrations.
"""

import contextlib
import os
import sqlite3
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine
from sqlalchemy import event as sql_event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from luxvid_pipeline.domain.errors import LuxVidError, StorageError

_OPEN_AT_ONCE = 16
"""Files of events that stay open: a render writes six, somebody who looks through many runs reads hundreds."""
_SQLITE_BEGINS = b"SQLite format 3\0"
_REMEDIES = (
    ("readonly", "give this user the right to write to it and to what lies in it, or set DAGSTER_HOME"),
    ("disk is full", "free some space, nothing of what was written before is lost"),
    ("disk i/o error", "free some space or check the disk"),
    ("not a database", "move the file away or set DAGSTER_HOME; films and the ledger lie elsewhere"),
    ("malformed", "restore it from a backup, or move it away; films and the ledger lie elsewhere"),
    ("unable to open", "see that it may be written and that the disk has space, or set DAGSTER_HOME"),
    ("is locked", "another process has been writing for too long: see whether one hangs"),
    ("no such table", "another program has changed it: move it away or set DAGSTER_HOME"),
    ("connect", "the server does not answer: check storage in dagster.yaml"),
)


def quickened(ref: InstanceRef) -> InstanceRef:
    """Return the same instance with its SQLite records written quickly; with other storages, the instance itself."""
    kept = ref.storage_data
    if kept is None or kept.class_name != DagsterSqliteStorage.__name__:
        return ref
    return ref._replace(storage_data=ConfigurableClassData(__name__, QuickRecords.__name__, kept.config_yaml))


@contextmanager
def records_named(home: Path) -> Iterator[None]:
    """Tell in one line of Dagster's records that cannot be read or written, with where they lie and the remedy.

    Args:
        home: ``DAGSTER_HOME``.

    Raises:
        StorageError: A database failed, and nobody on the way has said so in words of LuxVid.
    """
    try:
        yield
    except LuxVidError:
        raise
    except Exception as error:
        cause = _database_error(error)
        if cause is None:
            raise
        # Without the statement, and in one line.
        said = " ".join(str(cause.orig if isinstance(cause, DBAPIError) else cause).split())
        remedy = next((remedy for sign, remedy in _REMEDIES if sign in said.lower()), "check DAGSTER_HOME")
        raise StorageError(f"{_at_fault(home)}: Dagster's records failed: {said}; {remedy}") from error


def is_of_database(error: BaseException) -> bool:
    """Whether an error is a database's, or comes from one."""
    return _database_error(error) is not None


def _database_error(error: BaseException) -> SQLAlchemyError | sqlite3.Error | None:
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, SQLAlchemyError | sqlite3.Error):
            return inner
        inner = inner.__cause__ or (None if inner.__suppress_context__ else inner.__context__)
    return None


def _at_fault(home: Path) -> Path:
    """Return the one file of the records that is no SQLite database, otherwise their directory."""
    for file in (home / "history" / "runs.db", home / "history" / "runs" / "index.db", home / "schedules/schedules.db"):
        with contextlib.suppress(OSError), file.open("rb") as opened:
            if opened.read(len(_SQLITE_BEGINS)) not in {_SQLITE_BEGINS, b""}:
                return file
    return home


class QuickEvents(SqliteEventLogStorage):
    """Dagster's own event log with one connection to each file; its lock lets one thread in at a time."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the log of a directory, making what is not there."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "QuickEvents":
        """Open the log that an instance's configuration names."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._engines:
                self._engines[shard] = self._opened(shard)
                while len(self._engines) > _OPEN_AT_ONCE:
                    self._engines.popitem(last=False)[1].dispose()
            self._engines.move_to_end(shard)
            with self._engines[shard].begin() as connection:
                yield connection

    def _opened(self, shard: str) -> Engine:
        file = Path(self.path_for_shard(shard))
        if not file.exists():
            _place(_empty_file(file.parent.parent), file)
        engine = _kept_open(self.conn_string_for_shard(shard))
        if not _is_stamped(file):  # another process is making it just now, or an older Dagster did
            self._initdb(engine)
        return engine

    def has_table(self, table_name: str) -> bool:
        """Return whether a table is there; what is there once stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close all files."""
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
        super().dispose()


class QuickRuns(SqliteRunStorage):
    """Dagster's own runs with one connection to their file, for one thread at a time."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the file that an address names."""
        super().__init__(conn_string, inst_data)
        self._engine = _kept_open(conn_string)
        self._turn = threading.RLock()

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "QuickRuns":
        """Open the runs that an instance's configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> "QuickRuns":
        """Open the runs of a directory, making what is not there."""
        file = Path(base_dir).absolute() / "runs.db"
        if _is_stamped(file, "instance_info"):
            return cls(f"sqlite:///{file}", inst_data)
        return super().from_local(base_dir, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a transaction on the one connection."""
        with self._turn, self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the file."""
        self._engine.dispose()
        super().dispose()


class QuickSchedules(SqliteScheduleStorage):
    """Dagster's own schedules, opened without a look at migrations; a run neither reads nor writes them."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> SqliteScheduleStorage:
        """Open the schedules that an instance's configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> SqliteScheduleStorage:
        """Open the schedules of a directory, making what is not there."""
        file = Path(base_dir).absolute() / "schedules.db"
        if _is_stamped(file):
            return cls(f"sqlite:///{file}", inst_data)
        return super().from_local(base_dir, inst_data)


class QuickRecords(DagsterSqliteStorage):
    """Dagster's own three kinds of records in one directory."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the records of an instance, making what is not there."""
        self.base_dir = base_dir
        home = Path(base_dir)
        self._run_storage = QuickRuns.from_local(str(home / "history"))
        self._event_log_storage = QuickEvents(str(home / "history" / "runs"))
        self._schedule_storage = QuickSchedules.from_local(str(home / "schedules"))
        self._inst_data = inst_data
        # What Dagster's own would do first is to open all three in its way.
        super(DagsterSqliteStorage, self).__init__()

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> "QuickRecords":
        """Open the records that an instance's configuration names."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _kept_open(address: str) -> Engine:
    """Return an engine with one connection, which may lose its last words when the power fails, and never the file.

    Source:
        https://www.sqlite.org/wal.html#performance_considerations
    """
    engine = create_engine(
        address,
        poolclass=StaticPool,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    sql_event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return engine


def _is_stamped(file: Path, *tables: str) -> bool:
    """Whether Dagster has finished making a file."""
    if not file.exists():
        return False
    with closing(sqlite3.connect(file, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)) as connection:
        try:
            stamped = connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0]
        except sqlite3.OperationalError:
            return False
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    return stamped > 0 and names.issuperset(tables)


def _empty_file(history: Path) -> bytes:
    """Return a run's file as this Dagster makes it, before its first event; kept in the instance for others."""
    kept = history / f"empty-run-{dg.__version__}"
    if kept.exists():
        return kept.read_bytes()
    made = _made_by_dagster()
    _place(made, kept)
    return made


@cache
def _made_by_dagster() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        SqliteEventLogStorage(folder).get_logs_for_run("empty")
        return (Path(folder) / "empty.db").read_bytes()


def _place(content: bytes, file: Path) -> None:
    """Write a file whole, unless another process has; where no file can be linked, Dagster makes it."""
    part = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
    part.write_bytes(content)
    try:
        with contextlib.suppress(OSError):  # it is there already, or this file system knows no links
            os.link(part, file)
    finally:
        part.unlink()
