"""Records that are written quickly are Dagster's own records."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance import InstanceRef
from dagster._core.test_utils import create_run_for_test

from luxvid_pipeline import records
from luxvid_pipeline.local_runs import open_instance
from luxvid_pipeline.records import QuickRecords, quickened
from luxvid_pipeline.resources.settings import Settings

KEY = dg.AssetKey("scene_clips")


def opened(home, *, quickly):
    ref = InstanceRef.from_dir(str(home))
    return dg.DagsterInstance.from_ref(quickened(ref) if quickly else ref)


def make_a_run(instance, told):
    run = create_run_for_test(instance)
    instance.report_engine_event(told, run)
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, description=told, partition=told))
    instance.add_dynamic_partitions("listings", [told])
    return run.run_id


def seen(instance):
    """All that is in the records, but for times."""
    runs = [run.run_id for run in instance.get_runs()]
    said = {run_id: [entry.dagster_event.message for entry in instance.all_logs(run_id)] for run_id in runs}
    made = instance.fetch_materializations(KEY, limit=10).records
    told = [record.asset_materialization.description for record in made]
    return runs, said, told, sorted(instance.get_dynamic_partitions("listings"))


@pytest.fixture
def home(tmp_path):
    return tmp_path / "dagster"


@pytest.mark.parametrize("told", [pytest.param(False, id="raised-from-nothing"), pytest.param(True, id="on-the-way")])
def test_only_an_error_that_comes_from_a_database_is_told_as_one(told):
    error = ValueError("a fault of another kind")
    error.__context__ = sqlite3.OperationalError("disk I/O error")
    error.__suppress_context__ = not told
    assert records.is_of_database(error) is told


def test_what_is_written_quickly_dagster_reads_and_what_dagster_writes_is_read_quickly(home):
    home.mkdir()
    ids = []
    for quickly in (True, False, True):
        with opened(home, quickly=quickly) as instance:
            ids.append(make_a_run(instance, f"run-{len(ids)}"))
    found = []
    for quickly in (True, False):
        with opened(home, quickly=quickly) as instance:
            found.append(seen(instance))
    assert found[0] == found[1]
    runs, said, told, listings = found[0]
    assert sorted(runs) == sorted(ids)
    assert {run_id: any(f"run-{at}" in line for line in said[run_id]) for at, run_id in enumerate(ids)} == (
        dict.fromkeys(ids, True)
    )
    assert told == ["run-2", "run-1", "run-0"]
    assert listings == ["run-0", "run-1", "run-2"]


def test_two_processes_may_write_at_the_same_time(home):
    home.mkdir()
    with opened(home, quickly=True) as one, opened(home, quickly=True) as two, opened(home, quickly=False) as three:
        ids = [make_a_run(each, f"run-{at}") for at, each in enumerate((one, two, three))]
        for instance in (one, two, three):
            assert sorted(run.run_id for run in instance.get_runs()) == sorted(ids)
            assert sorted(instance.get_dynamic_partitions("listings")) == ["run-0", "run-1", "run-2"]
            for run_id in ids:
                assert len(instance.all_logs(run_id)) == 1


@pytest.mark.parametrize("left", [b"", None], ids=["empty", "without-its-stamp"])
def test_a_runs_file_that_somebody_else_has_only_begun_is_finished(home, left):
    home.mkdir()
    with opened(home, quickly=True) as instance:
        run = create_run_for_test(instance)
        file = Path(home, "history", "runs", f"{run.run_id}.db")
        if left is None:
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        else:
            file.write_bytes(left)
        instance.report_engine_event("it goes on", run)
        assert [entry.dagster_event.message for entry in instance.all_logs(run.run_id)] == ["it goes on"]


def test_where_no_file_can_be_linked_dagster_makes_a_runs_file(home, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    home.mkdir()
    with opened(home, quickly=True) as instance:
        runs = [make_a_run(instance, f"run-{number}") for number in range(2)]
        assert [len(instance.all_logs(run_id)) for run_id in runs] == [1, 1]
    left = {file.name for file in (home / "history" / "runs").iterdir()}
    assert left == {"index.db", ".db", *(f"{run_id}.db" for run_id in runs)}  # .db: what was reported outside of runs


def test_files_stay_open_until_the_instance_is_closed_and_no_more_than_a_few_runs(home, monkeypatch):
    monkeypatch.setattr(records, "_OPEN_AT_ONCE", 3)
    settings = Settings.from_environment({"LUXVID_HOME": str(home.parent), "DAGSTER_HOME": str(home)})
    monkeypatch.setenv("DAGSTER_HOME", "set by the instance; put back after the test")

    def logs():
        return sorted(file.name for file in (settings.dagster_home / "history").rglob("*.db-wal"))

    with open_instance(settings) as instance:
        ids = [make_a_run(instance, f"run-{number}") for number in range(6)]
        assert "runs.db-wal" in logs()
        assert "index.db-wal" in logs()
        assert len(logs()) == 1 + 3
        assert [len(instance.all_logs(run_id)) for run_id in ids] == [1] * 6
    assert logs() == []


def test_other_storages_are_left_as_they_are(home):
    home.mkdir()
    storage = {"postgres": {"postgres_url": "postgresql://somewhere/dagster"}}
    (home / "dagster.yaml").write_text(f"storage: {storage}\n")
    ref = InstanceRef.from_dir(str(home))
    assert quickened(ref) == ref
    (home / "dagster.yaml").write_text("")
    assert quickened(InstanceRef.from_dir(str(home))).storage_data.class_name == QuickRecords.__name__
