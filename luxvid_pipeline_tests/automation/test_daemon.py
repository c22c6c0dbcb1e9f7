"""The real daemon, its run queue and its runs as processes; the engines are instant.

Belongs here: what only the whole shows: folders to films, kills, the order in which runs are let go.
Does not belong here: what to request next (``test_progress.py``), when a folder has arrived (``test_arrivals.py``).
"""

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.events import EngineEventData
from dagster._core.launcher import LaunchRunContext
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster_shared.record import copy

from luxvid_pipeline.automation.cancellations import keep_cancelled
from luxvid_pipeline.automation.launcher import FORKED_TAG, LAUNCHED_TAG, WatchedRunLauncher
from luxvid_pipeline.domain.progress import ATTEMPT_TAG, STARTED_TAG, Urgency, work_tags
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.ledger import processes
from luxvid_pipeline_tests.daemon import Daemon, is_at_rest, runs, told, wait_for

# What it takes on a machine where much else runs; on an idle one all of it is over in a minute.
PATIENCE_S = 300
# A run that was killed before it had begun is missed only by this time-out; on a busy machine a run needs a while.
SOON = {"run_monitoring": {"enabled": True, "poll_interval_seconds": 2, "start_timeout_seconds": 60}}
ONCE = {"direction": 1, "scenes": 1, "score": 1, "film": 1}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, ready_clip):
    """A daemon that goes on from test to test: loading everything takes it eight seconds of a core."""
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), ready_clip, config=SOON)
    yield daemon
    daemon.kill()


def films(daemon, *listings):
    return all(daemon.has_film(listing) for listing in listings)


def stages_done(instance, listing):
    """How often each stage of a listing came to its end."""
    return Counter(
        run.tags["luxvid/stage"] for run in runs(instance, listing=listing) if run.status is dg.DagsterRunStatus.SUCCESS
    )


def scenes_recorded(instance):
    return set(instance.get_materialized_partitions(dg.AssetKey("scene_clips")))


def test_three_folders_one_broken_and_one_in_two_halves_become_two_films_and_a_rejection(daemon, eight_photos):
    photos = sorted(eight_photos.glob("*.jpg"))
    half, broken = daemon.inbox / "villa-half", daemon.inbox / "villa-broken"
    half.mkdir()
    named = "".join(f"  - {{file: {photo.name}}}\n" for photo in photos)
    (half / "listing.yaml").write_text(f"film: {{clip_seconds: 2}}\nphotos:\n{named}")
    for photo in photos[:4]:
        shutil.copy(photo, half)
    shutil.copytree(eight_photos, broken)
    (broken / "listing.yaml").write_text("film: {clip_seconds: two}\n")
    shutil.copytree(eight_photos, daemon.inbox / "villa-whole")
    daemon.fail("villa-half", "4-bath", 1)
    daemon.start()
    with daemon.instance() as instance:
        wait_for(lambda: runs(instance, "direct_listing_job", "villa-whole"), PATIENCE_S, "the first direction")
        assert not runs(instance, listing="villa-half"), "it was taken before it had come in"
        for photo in photos[4:]:
            shutil.copy(photo, half)
        wait_for((broken / "REJECTED.txt").exists, PATIENCE_S, "the rejection")
        wait_for(lambda: films(daemon, "villa-whole", "villa-half"), PATIENCE_S, "two films")
        wait_for(lambda: is_at_rest(instance), PATIENCE_S, "the end of all runs")
        assert "clip_seconds" in (broken / "REJECTED.txt").read_text()
        assert sorted(instance.get_dynamic_partitions("listings")) == ["villa-half", "villa-whole"], told(instance)
        assert stages_done(instance, "villa-whole") == ONCE, told(instance)
        # The scene that failed once was asked for again, alone.
        assert stages_done(instance, "villa-half") == ONCE, told(instance)
        expected = Counter(f"{name}.{scene}" for name in ("villa-half", "villa-whole") for scene in SCENE_KEYS)
        assert Counter(daemon.shots()) == expected + Counter(["villa-half.4-bath"])
        assert all(run.tags[STARTED_TAG].isdigit() for run in runs(instance))


def test_everything_killed_in_the_middle_of_listings_goes_on_where_it_was(daemon, eight_photos):
    slow = daemon.home / "instant" / "slow"
    slow.write_text("4")
    names = ["villa-a", "villa-b"]
    with daemon.instance() as instance:
        with daemon.running():
            for name in names:
                shutil.copytree(eight_photos, daemon.inbox / name)
            wait_for(lambda: any("villa-b." in place for place in daemon.shots()), PATIENCE_S, "shooting")
        unfinished = [run.run_id for run in instance.get_runs() if not run.is_finished]
        recorded, shot = scenes_recorded(instance), Counter(daemon.shots())
        assert unfinished, "nothing was under way when it was killed"
        slow.unlink()
        with daemon.running():
            wait_for(lambda: films(daemon, *names), PATIENCE_S, "the films after the kill")
            wait_for(lambda: is_at_rest(instance), PATIENCE_S, "the end of all runs")
        assert {f"{name}|{scene}" for name in names for scene in SCENE_KEYS} <= scenes_recorded(instance)
        # What was recorded before the kill was not shot again, and what was under way at most once more.
        again = Counter(daemon.shots())
        assert {key for key in recorded if again[key.replace("|", ".")] > shot[key.replace("|", ".")]} == set()
        assert max(again[f"{name}.{scene}"] for name in names for scene in SCENE_KEYS) <= 2
        # And a run that is gone was told to be.
        assert all(instance.get_run_by_id(run_id).is_finished for run_id in unfinished)


@pytest.fixture
def queue(tmp_path, ready_clip):
    """An instance with the packaged configuration, and its real run queue without a daemon around it."""
    daemon = Daemon(tmp_path, ready_clip)
    with daemon.instance() as instance:
        yield instance


def queued(instance, tags, status=dg.DagsterRunStatus.QUEUED, pool=""):
    """A run as the sensors and backfills leave it to the queue; without its plan, which a queue does not look at."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="luxvid_pipeline.definitions"), "luxvid"
    )
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "direct_listing_job")
    run = dg.DagsterRun("direct_listing_job", status=status, tags=dict(tags), remote_job_origin=origin)
    if pool:
        taken = RunOpConcurrency(root_key_counts={pool: 1}, has_unconstrained_root_nodes=False, all_pools={pool})
        run = copy(run, run_op_concurrency=taken)
    return instance.run_storage.add_run(run)


def let_go(instance):
    """Return which runs the queue would start now, in order."""
    config = instance.get_concurrency_config()
    return QueuedRunCoordinatorDaemon(interval_seconds=1)._get_runs_to_dequeue(instance, config, None)


def test_an_urgent_listing_overtakes_a_backfill_of_a_thousand(queue):
    for number in range(1000):
        queued(queue, {"dagster/backfill": "b", "dagster/partition": f"villa-{number:04}"})
    first = let_go(queue)
    assert [run.tags["dagster/partition"] for run in first] == ["villa-0000"]  # one backfill run at a time
    normal = queued(queue, work_tags("villa-normal", "direction", Urgency.NORMAL))
    urgent = queued(queue, work_tags("villa-urgent", "direction", Urgency.URGENT))
    begun = queued(queue, work_tags("villa-begun", "film", Urgency.NORMAL))
    follows = queued(queue, work_tags("villa-0000", "scenes", Urgency.BACKFILL))
    found = [run.run_id for run in let_go(queue)]
    assert found == [urgent.run_id, begun.run_id, normal.run_id, follows.run_id]


def test_a_listings_stage_runs_once_at_a_time(queue):
    tags = work_tags("villa", "scenes", Urgency.NORMAL)
    queued(queue, tags, dg.DagsterRunStatus.STARTED)
    queued(queue, tags)
    other = queued(queue, work_tags("villa", "score", Urgency.NORMAL))
    assert [run.run_id for run in let_go(queue)] == [other.run_id]


def test_backfills_always_leave_a_place_for_somebody_else(queue):
    for number in range(6):
        queued(queue, {"dagster/backfill": "b", "dagster/partition": f"villa-{number}"})
        queued(queue, work_tags(f"villa-{number}", "film", Urgency.BACKFILL))
    assert len(let_go(queue)) == 3  # of four


def test_two_packages_at_a_time_leave_memory_for_two_films(queue):
    for number in range(4):
        queued(queue, work_tags(f"villa-{number}", "delivery", Urgency.URGENT))
        queued(queue, work_tags(f"villa-{number}", "film", Urgency.NORMAL))
    assert [run.tags["luxvid/stage"] for run in let_go(queue)] == ["delivery", "delivery", "film", "film"]


def test_a_pool_bounds_how_many_listings_a_provider_works_for(queue):
    for number in range(3):
        queued(queue, work_tags(f"villa-{number}", "scenes", Urgency.NORMAL), pool="clips")
    score = queued(queue, work_tags("villa-0", "score", Urgency.NORMAL), pool="score")
    assert len(let_go(queue)) == 4  # nobody has set a limit
    queue.event_log_storage.set_concurrency_slots("clips", 1)
    found = let_go(queue)
    assert [run.tags["luxvid/stage"] for run in found] == ["scenes", "score"]
    assert found[1].run_id == score.run_id


def test_the_launcher_knows_which_runs_have_died(queue):
    launcher = queue.run_launcher
    assert isinstance(launcher, WatchedRunLauncher)
    here = {LAUNCHED_TAG: os.uname().nodename}
    alive, dead, elsewhere = (
        create_run_for_test(queue, status=dg.DagsterRunStatus.STARTED, tags=tags)
        for tags in (here, here, {LAUNCHED_TAG: "another-machine"})
    )
    gone = subprocess.Popen(["sleep", "60"])
    for run, pid in ((alive, os.getpid()), (dead, gone.pid)):
        queue.report_engine_event(
            f"Started process for run (pid: {pid}).",
            run,
            EngineEventData(metadata={"pid": dg.MetadataValue.text(str(pid))}),
        )
    assert launcher.check_run_worker_health(dead).status.value == "RUNNING"
    gone.kill()
    gone.wait()
    found = [launcher.check_run_worker_health(run).status.value for run in (alive, dead, elsewhere)]
    assert found == ["RUNNING", "FAILED", "FAILED"]


@pytest.mark.parametrize(("began", "asked"), [("", True), ("its own", True), ("1", False)])
def test_only_the_process_of_a_run_is_asked_to_end_and_not_who_has_its_id_by_now(queue, began, asked):
    with subprocess.Popen(["sleep", "60"]) as there:
        pid = there.pid
        tags = {LAUNCHED_TAG: os.uname().nodename, FORKED_TAG: str(pid)}
        if began:
            tags[STARTED_TAG] = processes._started(pid) if began == "its own" else began
        run = create_run_for_test(queue, status=dg.DagsterRunStatus.STARTED, tags=tags)
        assert queue.run_launcher.terminate(run.run_id) is asked
        if asked:
            assert there.wait() == -signal.SIGINT
        there.kill()
    left = dg.DagsterRunStatus.CANCELING if asked else dg.DagsterRunStatus.STARTED
    assert queue.get_run_by_id(run.run_id).status is left
    assert queue.run_launcher.terminate(run.run_id) is False, "its process is gone"


def test_what_the_sensor_asked_for_while_a_person_ended_the_listing_is_not_begun(queue):
    tags = work_tags("villa", "scenes", Urgency.NORMAL) | {ATTEMPT_TAG: "1"}
    keep_cancelled(queue, "villa")
    run = queued(queue, tags)
    queue.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    assert queue.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELED


def test_the_packaged_instance_is_the_one_in_the_repository():
    here = Path(__file__).parents[2]
    one, other = here / "dagster.yaml", here / "luxvid_pipeline" / "dagster.yaml"
    assert yaml.safe_load(one.read_text()) == yaml.safe_load(other.read_text())
