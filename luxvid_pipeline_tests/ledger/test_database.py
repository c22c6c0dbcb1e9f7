import gc
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import sqlalchemy as sa

from luxvid_pipeline.domain.errors import LedgerError
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.schema import OLDEST, VERSION, approvals, events, payments, to_ticks
from luxvid_pipeline.ledger.schema import version as versions
from luxvid_pipeline_tests.forks import in_another_process
from luxvid_pipeline_tests.ledger.asked import asked


def test_nothing_is_touched_before_the_first_use(tmp_path):
    SqlLedger(f"sqlite:///{tmp_path}/new/ledger.db")
    assert list(tmp_path.iterdir()) == []


def test_many_may_open_a_new_ledger_at_the_same_moment(url):
    databases = [Database(url) for _ in range(8)]
    start = threading.Barrier(len(databases))

    def open_and_claim(database):
        start.wait()
        return SqlLedger(database).claim(asked()).ours

    with ThreadPoolExecutor(len(databases)) as pool:
        ours = list(pool.map(open_and_claim, databases))
    assert sorted(ours) == [False] * 7 + [True]
    for database in databases:
        database.close()


def test_a_second_use_finds_what_the_first_left(url):
    for ours in (True, False):
        ledger = SqlLedger(url)
        assert ledger.claim(asked()).ours is ours
        ledger.close()


def test_sqlite_is_kept_in_wal_mode_and_commits_reach_the_disk(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_a_ledger_that_was_only_dropped_closes_its_connections(tmp_path):
    closed = []

    def on_close(_connection, _record):
        closed.append(True)

    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.claim(asked())
    sa.event.listen(sa.Pool, "close", on_close)
    try:
        del ledger
        gc.collect()
    finally:
        sa.event.remove(sa.Pool, "close", on_close)
    assert closed
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.db"]  # SQLite's log goes with the last connection


def test_the_database_itself_refuses_a_second_attempt_beside_one_that_may_deliver(url):
    database = Database(url)
    SqlLedger(database).claim(asked())
    with database.reading() as connection:
        row = dict(connection.execute(sa.select(payments)).one()._mapping)
    with pytest.raises(LedgerError, match=r"(?i)unique"):
        _insert(database, payments, **row | {"attempt": 2})
    database.close()


def test_a_transaction_that_breaks_off_leaves_no_trace(url):
    database = Database(url)
    ledger = SqlLedger(database)
    with pytest.raises(ZeroDivisionError):
        _insert(
            database, events, at="", key="k", attempt=1, state="", by="", what="", reserved_ticks=1, ends_well=False
        )
    assert ledger.history("k") == []
    database.close()


# Newer Pythons warn of forks beside threads; the test runner has some.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_uses_connections_of_its_own(url):
    database = Database(url)
    ledger = SqlLedger(database)
    ledger.claim(asked("parent"))

    def claims() -> int:
        is_parents = not ledger.claim(asked("parent")).ours  # the parent runs, and is not the child
        return 0 if is_parents and ledger.claim(asked("child")).ours else 2

    child = in_another_process(claims)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ledger.claim(asked("child")).ours, "the child has ended"
    assert ledger.submitting(asked("parent").key)
    database.close()


def test_whoever_waits_for_another_process_gives_up_and_says_so(url):
    holding, waiting = Database(url), Database(url, busy_timeout_s=0.1)
    with holding.writing(alone=True) as held:
        held.execute(sa.update(versions).values(version=VERSION))
        with pytest.raises(LedgerError, match="has been writing to it for too long"), waiting.writing(alone=True):
            pass
    with waiting.writing(alone=True) as connection:
        assert connection.execute(sa.select(versions.c.version)).scalar() == VERSION
    holding.close()
    waiting.close()


def test_a_process_that_stands_still_in_a_transaction_holds_nobody_up_for_long(postgres):
    address = postgres.new_ledger()
    stopped, waiting = Database(address, busy_timeout_s=0.1), Database(address)

    def stand_still():
        with stopped.writing(alone=True) as held:
            with waiting.writing(alone=True) as connection:
                connection.execute(sa.update(versions).values(version=VERSION))
            held.execute(sa.select(versions.c.version))

    with pytest.raises(LedgerError, match="stood still while it wrote: run it again"):
        stand_still()
    stopped.close()
    waiting.close()


# What can be wrong with a ledger


def test_a_file_that_is_no_database_is_named_with_the_remedy(tmp_path):
    (tmp_path / "ledger.db").write_text("Dear ledger, " * 100)
    with pytest.raises(LedgerError, match=r"ledger\.db failed: file is not a database; .*LUXVID_DATABASE_URL"):
        SqlLedger(f"sqlite:///{tmp_path}/ledger.db").spent()
    assert (tmp_path / "ledger.db").read_text().startswith("Dear ledger")


def test_another_programs_database_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("CREATE TABLE films (title TEXT)")
    connection.close()
    with pytest.raises(LedgerError, match="is no ledger of LuxVid: it holds the tables films"):
        SqlLedger(f"sqlite:///{tmp_path}/ledger.db").spent()


def test_a_postgres_database_may_be_shared_unless_its_tables_have_our_names(postgres):
    for table, is_refused in (("films", False), ("ledger_payments", True)):
        database = Database(postgres.new_ledger())
        engine = sa.create_engine(str(database), poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text(f"CREATE TABLE {table} (title TEXT)"))
        if is_refused:
            with pytest.raises(LedgerError, match="is no ledger of LuxVid"):
                SqlLedger(database).spent()
        else:
            assert SqlLedger(database).spent().requests == 0
        database.close()


@pytest.mark.parametrize(("version", "words"), [(VERSION + 1, "a newer LuxVid"), (OLDEST - 1, "an older LuxVid")])
def test_a_ledger_of_another_version_is_not_touched(version, words, url):
    database = Database(url)
    with database.writing() as connection:
        connection.execute(versions.update().values(version=version))
    database.close()
    with pytest.raises(LedgerError, match=words):
        SqlLedger(database).claim(asked())


def test_a_ledger_from_before_approvals_gets_their_table_and_keeps_its_rows(url):
    database = Database(url)
    SqlLedger(database).claim(asked())
    with database.writing() as connection:
        approvals.drop(connection)
        connection.execute(versions.update().values(version=1))
    database.close()
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        spent = list(pool.map(lambda opened: SqlLedger(opened).spent().requests, databases))
    for opened in databases:
        opened.close()
    with database.reading() as connection:
        assert connection.execute(sa.select(versions.c.version)).scalars().all() == [VERSION]
        assert connection.execute(sa.select(approvals)).all() == []
    database.close()
    assert spent == [1, 1, 1, 1]


def test_a_ledger_that_may_only_be_read_can_be_asked_but_not_written(tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.claim(asked())
    ledger.close()
    readable = SqlLedger(f"sqlite:///file:{tmp_path}/ledger.db?mode=ro&uri=true")
    assert readable.spent().reserved_usd == Decimal("0.60")
    with pytest.raises(LedgerError, match="it may only be read: give this user the right to write"):
        readable.claim(asked("two"))
    readable.close()


def test_a_full_disk_keeps_what_was_written_and_says_so(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/ledger.db")
    ledger = SqlLedger(database)
    ledger.claim(asked("kept"))
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(LedgerError, match="the disk is full: free some space"):
        _claim_many(ledger)
    kept = ledger.spent().requests
    assert kept >= 1
    with database.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert ledger.claim(asked("room again")).ours
    assert ledger.spent().requests == kept + 1
    database.close()


def test_a_writer_that_hangs_is_waited_for_and_then_named(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    hanging, waiting = Database(url), Database(url, busy_timeout_s=0.2)
    with (
        hanging.writing(),
        pytest.raises(LedgerError, match=r"is locked; another process has been writing to it for too long"),
    ):
        SqlLedger(waiting).claim(asked())
    assert SqlLedger(waiting).claim(asked()).ours
    hanging.close()
    waiting.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("sqlite://", "in memory forgets", id="memory"),
        pytest.param("sqlite:///:memory:", "in memory forgets", id="memory-by-name"),
        pytest.param("mysql://host/name", "SQLite or Postgres, not in mysql", id="another-database"),
        pytest.param("ledger.db", "no address of a ledger", id="no-address"),
        pytest.param("oracles://host/name", "no address of a ledger", id="no-such-database"),
    ],
)
def test_an_address_that_cannot_be_a_ledger_is_refused_at_once(address, words):
    with pytest.raises(LedgerError, match=words):
        Database(address)


def test_a_server_that_does_not_answer_is_named_without_its_password():
    pytest.importorskip("psycopg")
    with pytest.raises(LedgerError) as failed:
        SqlLedger("postgres://luxvid:s3cret@127.0.0.1:1/ledger?connect_timeout=2").spent()
    said = "\n".join(str(error) for error in (failed.value, failed.value.__cause__))
    assert "luxvid:***@127.0.0.1:1/ledger" in said
    assert "the server does not answer: check LUXVID_DATABASE_URL" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("postgresql://u:s3cret@h/db", "u:***@h/db", id="before-the-host"),
        pytest.param("postgresql://u:s3%40cret@h/db", "u:***@h/db", id="with-an-encoded-at"),
        pytest.param("postgresql://h/db?password=s3cret&user=u", "h/db?password=***&user=u", id="as-a-parameter"),
        pytest.param("postgresql://h/db?PassWord=s3cret", "h/db?PassWord=***", id="in-capitals"),
        pytest.param("postgresql://h/db?password=x&password=s3cret", "h/db?password=***", id="twice"),
        pytest.param("postgresql://h/db?sslpassword=s3cret", "h/db?sslpassword=***", id="of-a-certificate"),
        pytest.param(
            "postgresql://h/db?passfile=%2Fetc%2Fpg", "h/db?passfile=%2Fetc%2Fpg", id="a-file-is-only-a-place"
        ),
    ],
)
def test_an_address_is_shown_without_the_password_wherever_it_stands(address, shown):
    pytest.importorskip("psycopg")
    assert str(Database(address)) == f"postgresql+psycopg://{shown}"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("postgresql://u:s3@cret@h/db", id="in-the-host"),
        pytest.param("postgresql://u:s3@cr/et@h/db", id="in-the-database"),
        pytest.param("postgresql://u:s3@cret:9x@h/db", id="in-the-port"),
    ],
)
def test_a_password_with_a_bare_at_is_refused_and_not_shown(address):
    pytest.importorskip("psycopg")
    with pytest.raises(LedgerError, match="LUXVID_DATABASE_URL") as refused:
        Database(address)
    told = f"{refused.value} {refused.value.__cause__}"
    assert not [part for part in ("s3", "cr", "9x") if part in told]


def test_amounts_are_kept_in_whole_ticks_rounded_up():
    assert to_ticks(Decimal("0.039")) == 390_000_000
    assert to_ticks(Decimal("0.00000000001")) == 1


def _insert(database, table, *, ends_well=True, **values):
    with database.writing() as connection:
        connection.execute(table.insert().values(values))
        if not ends_well:
            raise ZeroDivisionError


def _claim_many(ledger):
    for number in range(100):
        ledger.claim(asked(f"{number}" * 500))
