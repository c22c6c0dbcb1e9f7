"""The ledger's database: SQLite in WAL mode by default, Postgres by URL, the same tables and rules on both.

Belongs here: connections, transactions, making the tables, turning a database's errors into ``LedgerError``.
Does not belong here: what is written (``payments.py``, ``rate_limits.py``).
"""

import os
import random
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from luxvid_pipeline.domain.errors import LedgerError
from luxvid_pipeline.ledger import schema

# Any number that nobody else in the same Postgres database locks.
_ADVISORY_LOCK = 0x4C_75_78_56_69_64
_WRITING = "luxvid_writing"
# Parameters of an address that are secrets: password, sslpassword, oauth_client_secret; a passfile is only a place.
_SECRET = re.compile(r"pass(?!file)|pwd|secret|token", re.IGNORECASE)
_HIDDEN = "hidden-by-luxvid"
# A server that is gone without a word is missed after a minute; what the address says of these counts.
_LINE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

_REMEDIES = (
    ("readonly", "it may only be read: give this user the right to write to it, and to its folder"),
    ("disk is full", "the disk is full: free some space, nothing of what was written before is lost"),
    ("disk i/o error", "the disk cannot be read or written: free some space or check the disk"),
    ("not a database", "the file is no SQLite database: move it away or set LUXVID_DATABASE_URL"),
    ("malformed", "the file is damaged: restore it from a backup, it says what was paid for"),
    ("unable to open", "it cannot be opened: check that its folder exists and may be written"),
    ("is locked", "another process has been writing to it for too long: see whether one hangs"),
    ("lock timeout", "another process has been writing to it for too long: see whether one hangs"),
    ("idle-in-transaction", "this process stood still while it wrote: run it again"),
    ("connection", "the server does not answer: check LUXVID_DATABASE_URL"),
)


class Database:
    """A ledger's database, opened and given its tables at the first use; safe for threads and after a fork.

    Args:
        url: ``sqlite:///folder/ledger.db`` or ``postgresql://user:password@host/name``.
        busy_timeout_s: How long a transaction waits for those of other processes; on Postgres, one whose process stands
            still for twice as long is given up by the server.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0):
        self._url = _parsed(url)
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._pid = 0

    def __str__(self) -> str:
        """Return where it is, without its password, wherever in the address that stands."""
        shown = {name: _HIDDEN if _SECRET.search(name) else value for name, value in self._url.query.items()}
        return self._url.set(query=shown).render_as_string(hide_password=True).replace(_HIDDEN, "***")

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite, which has one writer at a time."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written to it: no file of SQLite is there. A server's database is asked itself."""
        place = self._url.database or ""
        return self.is_sqlite and not place.startswith("file:") and not Path(place).exists()

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """Give a transaction that sees one moment of the ledger and writes nothing.

        Raises:
            LedgerError: The ledger cannot be opened or read.
        """
        with self._errors_named(), self._opened().begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = False) -> Generator[sa.Connection]:
        """Give a transaction that is kept as a whole, on disk when this returns, or not at all.

        Args:
            alone: No other transaction that asks for this runs at the same time; on SQLite it always is so.

        Raises:
            LedgerError: The ledger cannot be opened, read or written.
        """
        with self._errors_named(), self._opened().execution_options(**{_WRITING: True}).begin() as connection:
            if alone and not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection

    def close(self) -> None:
        """Close its connections; the next use opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose(close=self._pid == os.getpid())
            self._engine = None

    def _opened(self) -> sa.Engine:
        """Return the engine, tables made. A forked child never uses its parent's connections."""
        with self._lock:
            if self._engine is not None and self._pid != os.getpid():
                self._engine.dispose(close=False)
                self._engine = None
            if self._engine is None:
                engine = self._new_engine()
                try:
                    self._make_tables(engine)
                except BaseException:
                    engine.dispose()
                    raise
                self._engine, self._pid = engine, os.getpid()
                weakref.finalize(self, _let_go, engine, os.getpid())  # whoever only dropped it never closed it
            return self._engine

    def _new_engine(self) -> sa.Engine:
        if not self.is_sqlite:
            line = {name: value for name, value in _LINE.items() if name not in self._url.query}
            try:
                engine = sa.create_engine(self._url, hide_parameters=True, pool_pre_ping=True, connect_args=line)
            except ImportError as error:
                raise LedgerError(
                    f"the ledger {self} needs the package {error.name}: pip install 'luxvid-pipeline[postgres]'"
                ) from error
            event.listen(engine, "begin", _bounded_postgres(self._busy_timeout_s))
            return engine
        database = self._url.database or ""
        if not database.startswith("file:"):
            try:
                Path(database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LedgerError(f"the ledger's folder cannot be made: {error}") from error
        engine = sa.create_engine(self._url, hide_parameters=True, connect_args={"timeout": self._busy_timeout_s})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _queueing_sqlite(self._busy_timeout_s))
        return engine

    def _make_tables(self, engine: sa.Engine) -> None:
        """Make the tables unless they are there, and those that an older ledger lacks; several processes may do so."""
        if self.is_sqlite:
            self._use_wal(engine)
        with engine.begin() as connection:
            found = self._version(connection)
        if found is None or schema.OLDEST <= found < schema.VERSION:
            with engine.execution_options(**{_WRITING: True}).begin() as connection:
                if not self.is_sqlite:
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
                found = self._version(connection)
                if found is None:
                    schema.metadata.create_all(connection)
                    connection.execute(schema.version.insert().values(version=schema.VERSION))
                    return
                if schema.OLDEST <= found < schema.VERSION:
                    # Every step so far only added tables, and making those that are missing leaves the others alone.
                    schema.metadata.create_all(connection)
                    connection.execute(schema.version.update().values(version=schema.VERSION))
                    return
        if found != schema.VERSION:
            which = "a newer" if found > schema.VERSION else "an older"
            raise LedgerError(
                f"the ledger {self} was written by {which} LuxVid (its version is {found}, this LuxVid knows "
                f"{schema.VERSION}): use that LuxVid, or another ledger with LUXVID_DATABASE_URL"
            )

    def _version(self, connection: sa.Connection) -> int | None:
        """Return the version of the tables, or None in a place without any.

        Raises:
            LedgerError: Something else is there.
        """
        names = set(sa.inspect(connection).get_table_names())
        if schema.version.name in names:
            return connection.execute(sa.select(sa.func.max(schema.version.c.version))).scalar()
        # A Postgres database may be shared with others, a SQLite file is the ledger's own.
        in_the_way = names if self.is_sqlite else names & set(schema.metadata.tables)
        if in_the_way:
            raise LedgerError(
                f"{self} is no ledger of LuxVid: it holds the tables {', '.join(sorted(in_the_way))}; "
                "set LUXVID_DATABASE_URL to another place"
            )
        return None

    def _use_wal(self, engine: sa.Engine) -> None:
        """Turn on write-ahead logging, which stays on; SQLite does not wait for others here, so this does."""
        give_up_at = time.monotonic() + self._busy_timeout_s
        while True:
            raw = engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute("PRAGMA journal_mode")
                if cursor.fetchone() != ("wal",):
                    cursor.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.02)
            else:
                return
            finally:
                raw.close()

    @contextmanager
    def _errors_named(self) -> Generator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise LedgerError(f"the ledger {self} failed: {_words(error)}") from error
        except Exception as error:
            # Raised by the driver itself, before SQLAlchemy saw it.
            if type(error).__module__ not in ("sqlite3", "psycopg", "psycopg.errors"):
                raise
            raise LedgerError(f"the ledger {self} failed: {_words(error)}") from error


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        name = parsed.get_backend_name()
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        # Without its cause: that quotes parts of the address, and a password may be among them.
        raise LedgerError(
            "LUXVID_DATABASE_URL is no address of a ledger: write sqlite:///folder/ledger.db or "
            "postgresql://user:password@host/name"
        ) from None
    if name not in ("sqlite", "postgresql"):
        raise LedgerError(f"a ledger is kept in SQLite or Postgres, not in {name}: change LUXVID_DATABASE_URL")
    if name != "sqlite" and "@" in f"{parsed.host}{parsed.database}":
        # What follows the first one would be taken, and shown, for the host or the database.
        raise LedgerError("LUXVID_DATABASE_URL holds an @ too many: write one that belongs to the password as %40")
    if name == "sqlite" and (parsed.database or ":memory:") == ":memory:":
        raise LedgerError("a ledger in memory forgets what was paid for: give LUXVID_DATABASE_URL a file")
    return parsed


def _let_go(engine: sa.Engine, pid: int) -> None:
    """Close an engine's connections, in the process that opened them."""
    engine.dispose(close=pid == os.getpid())


def _queueing_sqlite(busy_timeout_s: float) -> Callable[[sa.Connection], None]:
    """Return what begins a transaction, and where it will write, queues for that at once.

    A transaction that starts by reading and then writes may fail where another wrote in between. SQLite itself
    waits for a writer in steps of up to 0.1 s, so one of several busy processes could starve for seconds.

    Not a method: an engine that refers to its ``Database`` would keep it, and its connections, for good.
    """

    def begin(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get(_WRITING):
            connection.exec_driver_sql("BEGIN DEFERRED")
            return
        sqlite: Any = connection.connection.driver_connection
        give_up_at = time.monotonic() + busy_timeout_s
        sqlite.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    sqlite.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > give_up_at:
                        raise
                    time.sleep(random.uniform(0.001, 0.004))  # noqa: S311 - no secret
                else:
                    return
        finally:
            sqlite.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")

    return begin


def _bounded_postgres(busy_timeout_s: float) -> Callable[[sa.Connection], None]:
    """Return what bounds a transaction that will write: its waiting for others, and theirs for a process that stopped.

    Postgres would wait for ever. For the one transaction only: the connection may be a pool's, and another's next.
    """
    wait_ms, idle_ms = int(busy_timeout_s * 1000), int(busy_timeout_s * 2000)

    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get(_WRITING):
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = {wait_ms}; SET LOCAL idle_in_transaction_session_timeout = {idle_ms}"
            )

    return begin


def _set_up_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver leaves transactions to ``_queueing_sqlite``. FULL: a commit is on disk before the request leaves.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")


def _words(error: Exception) -> str:
    """Return what went wrong and what to do, without the statement and its values."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    remedy = next((remedy for sign, remedy in _REMEDIES if sign in said.lower()), "")
    return f"{said}; {remedy}" if remedy else said
