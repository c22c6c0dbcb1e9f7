"""A listing's work can be ended at any moment and taken up again; nobody is charged for what nobody wants."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal
from functools import cache
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from luxvid_pipeline import listing_operations
from luxvid_pipeline.automation.cancellations import is_ended
from luxvid_pipeline.cli import app
from luxvid_pipeline.definitions import build_defs
from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest
from luxvid_pipeline.domain.progress import FORGIVEN_ITEMS_TAG, FORGIVEN_TAG, ITEMS_TAG, LISTING_TAG
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.listing_operations import cancel, retry
from luxvid_pipeline.local_runs import RenderedFilm, fail_abandoned_runs, open_instance
from luxvid_pipeline.providers.replicate.predictions import deliver
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.forks import in_another_process
from luxvid_pipeline_tests.providers.replicate.desk import veo_order
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script
from luxvid_pipeline_tests.studio import draw_photos

VEO = "google/veo-3.1-fast"
LISTING = "villa-test"
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _home_of_dagster(monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "set by the instance; put back after the test")


@pytest.fixture
def sim(tmp_path):
    with ReplicateSimulator(speed=0.004, picture_scale=0.25, cache=tmp_path / "made") as simulator:
        yield simulator


def environment(home, sim=None):
    hosted = {} if sim is None else {"REPLICATE_BASE_URL": sim.base_url, "REPLICATE_API_TOKEN": "r8_Sekr3t"}
    return {"LUXVID_HOME": str(home), "LUXVID_CLIPS": VEO if sim else "local", **hosted}


@cache
def score_job():
    return build_defs().resolve_job_def("score_listing_job")


def known(settings, listing=LISTING):
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("listings", [listing])
    return settings


def wait_for(found, seconds=90):
    ends = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < ends, "nothing happened in time"
        time.sleep(0.05)


@pytest.fixture
def rendering(sim, tmp_path):
    """A render in a terminal whose clips are under way at a vendor that never finishes them."""
    sim.script.prediction(VEO, script.hold(), times=None)
    folder = draw_photos(tmp_path / "villa", 2)
    photos = "\n".join(f"  - {{file: IMG_{n:04}.jpg, room: {room}}}" for n, room in enumerate(("pool", "bedroom")))
    (folder / "listing.yaml").write_text(f"listing: {LISTING}\nfilm: {{clip_seconds: 2}}\nphotos:\n{photos}\n")
    env = {"PATH": os.environ["PATH"], **environment(tmp_path / "home", sim)}
    process = subprocess.Popen(
        [sys.executable, "-m", "luxvid_pipeline.cli", "render", str(folder)],
        env=env,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    settings = Settings.from_environment(env)

    def submitted():
        assert process.poll() is None, process.communicate()[1]
        ledger = SqlLedger(settings.database_url)
        return not ledger.is_new and [row.payment.state for row in ledger.rows()].count("submitted") == 2

    wait_for(submitted)
    yield process, settings
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_render_in_another_terminal_is_ended_with_its_predictions_and_the_second_time_nothing_is_left(rendering, sim):
    process, settings = rendering
    done = cancel(settings, LISTING)
    assert process.wait(30) == 130
    assert done.is_over
    assert [run.partition(" ")[0] for run in done.ended] == ["shoot_scenes_job"]
    assert [(row.was, row.became, row.open) for row in done.settled] == [("submitted", "failed", False)] * 2
    assert {prediction.status for prediction in sim.accepted} <= {"canceled", "aborted"}
    ledger = SqlLedger(settings.database_url)
    assert ledger.spent().reserved_usd == 0
    assert done.cost_usd == done.spent_usd == ledger.spent().cost_usd
    with open_instance(settings) as instance:
        (run,) = instance.get_runs(dg.RunsFilter(job_name="shoot_scenes_job"))
        # Failed would be tried again by the daemon; what a person ended waits for that person.
        assert run.status is dg.DagsterRunStatus.CANCELED
    again = cancel(settings, LISTING)
    assert (again.ended, again.settled, again.cost_usd, again.is_over) == ((), (), 0, True)


def test_what_a_killed_render_left_at_the_vendor_is_cancelled(sim, tmp_path):
    sim.script.prediction(VEO, script.hold(), times=None)
    settings = known(Settings.from_environment(environment(tmp_path / "home", sim)))
    photo = next(draw_photos(tmp_path / "villa", 1).glob("*.jpg"))
    order = veo_order(photo, account=Account(listing=LISTING, stage="clips", scene="1-arrival"))
    killed = in_another_process(lambda: asyncio.run(deliver(order, PaidServices(settings).replicate)))
    ledger = SqlLedger(settings.database_url)
    wait_for(lambda: not ledger.is_new and (row := ledger.payment(order.request.key)) and row.prediction_id)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    with open_instance(settings) as instance:
        job = score_job()
        tags = {"luxvid/listing": LISTING, "luxvid/host": os.uname().nodename, "luxvid/pid": str(killed)}
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        done = cancel(settings, LISTING)
        assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.CANCELED
    assert done.is_over
    assert done.ended == (f"score_listing_job {run.run_id[:8]}",)
    assert [row.became for row in done.settled] == ["failed"]
    assert {prediction.status for prediction in sim.accepted} <= {"canceled", "aborted"}
    assert SqlLedger(settings.database_url).spent().reserved_usd == 0


def queued(instance, listing=LISTING, **tags):
    """Put a run into the queue as the daemon does."""
    job = score_job()
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name="luxvid_pipeline.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name="luxvid")
    code = RepositoryPythonOrigin(
        executable_path=sys.executable,
        code_pointer=dg._core.code_pointer.CodePointer.from_module("luxvid_pipeline.definitions", "defs", None),
        entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
    )
    return instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.QUEUED,
        tags={"dagster/partition": listing, **tags},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job.name),
        job_code_origin=JobPythonOrigin(job.name, code),
    )


def test_a_queued_run_leaves_the_queue_and_those_of_other_listings_stay(tmp_path):
    settings = known(known(Settings.from_environment(environment(tmp_path / "home"))), "villa-bella")
    with open_instance(settings) as instance:
        ours = queued(instance)
        theirs = queued(instance, "villa-bella")
        done = cancel(settings, LISTING)
        assert done.ended == (f"score_listing_job {ours.run_id[:8]}",)
        assert instance.get_run_by_id(ours.run_id).status is dg.DagsterRunStatus.CANCELED
        assert instance.get_run_by_id(theirs.run_id).status is dg.DagsterRunStatus.QUEUED


def test_a_render_on_another_machine_is_named_and_left(tmp_path):
    settings = known(Settings.from_environment(environment(tmp_path / "home")))
    with open_instance(settings) as instance:
        job = score_job()
        tags = {"luxvid/listing": LISTING, "luxvid/host": "another-machine", "luxvid/pid": "1"}
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        done = cancel(settings, LISTING, end_within_s=5)
    assert not done.is_over
    assert "it runs in a terminal on another-machine; end it there" in done.left[0]


def test_a_process_that_only_got_the_number_of_a_dead_render_is_not_interrupted(tmp_path):
    settings = known(Settings.from_environment(environment(tmp_path / "home")))
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        with open_instance(settings) as instance:
            job = score_job()
            tags = {"luxvid/listing": LISTING, "luxvid/host": os.uname().nodename, "luxvid/pid": str(bystander.pid)}
            instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
            cancel(settings, LISTING, end_within_s=0.5)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_row_that_a_living_process_of_another_listing_works_on_is_left_alone(tmp_path):
    settings = known(Settings.from_environment(environment(tmp_path / "home")))
    ledger = SqlLedger(settings.database_url)
    request = PaidRequest(
        vendor="replicate",
        model=VEO,
        input={"prompt": "calm"},
        account=Account(listing="villa-bella"),
        estimate=Estimate(low_usd=Decimal(1), high_usd=Decimal(1)),
    )
    ledger.claim(request)
    assert cancel(settings, LISTING).settled == ()
    assert ledger.spent().reserved_usd == 1


def test_a_listing_that_nobody_knows_is_wrong_usage(tmp_path):
    settings = Settings.from_environment(environment(tmp_path / "home"))
    for operation in (lambda: cancel(settings, "nobody"), lambda: retry(settings, "nobody", board=SilentBoard())):
        with pytest.raises(InputError, match="there is no listing 'nobody'"):
            operation()


@pytest.fixture
def house(tmp_path, monkeypatch):
    """An instance with failed and ended runs of a listing, and a render that only notes that it was asked for."""
    settings = known(Settings.from_environment(environment(tmp_path / "home")))
    rendered = []

    def render(folder, _settings, *, listing, board):
        rendered.append(listing)
        return RenderedFilm(
            listing=listing, film=Path("film.mp4"), duration_s=28.0, cost_usd=0.0, paid_calls=0, scenes=(), left_out={}
        )

    monkeypatch.setattr(listing_operations, "render", render)
    with open_instance(settings) as instance:
        job = score_job()

        def run(status, items):
            tags = {LISTING_TAG: LISTING, ITEMS_TAG: items}
            return instance.create_run_for_job(job, status=status, tags=tags).run_id

        runs = {
            "third": run(dg.DagsterRunStatus.FAILURE, "3-vanity=0a1b"),
            "fifth": run(dg.DagsterRunStatus.CANCELED, "5-living=2c3d"),
            "running": run(dg.DagsterRunStatus.STARTED, "7-farewell=4e5f"),
        }
        yield settings, instance, runs, rendered


def forgiven(instance, runs):
    return {name for name, run_id in runs.items() if FORGIVEN_TAG in instance.get_run_by_id(run_id).tags}


def test_all_failed_tries_are_forgotten_and_without_a_daemon_the_film_is_made_here(house):
    settings, instance, runs, rendered = house
    done = retry(settings, LISTING, board=SilentBoard())
    assert (done.forgiven, rendered) == (2, [LISTING])
    assert done.film is not None
    assert forgiven(instance, runs) == {"third", "fifth"}


def test_only_one_scenes_tries_are_forgotten_where_one_is_named(house):
    settings, instance, runs, _rendered = house
    assert retry(settings, LISTING, scene="3", board=SilentBoard()).forgiven == 1
    assert forgiven(instance, runs) == {"third"}
    with pytest.raises(InputError, match="9"):
        retry(settings, LISTING, scene="9", board=SilentBoard())


def test_a_run_of_several_scenes_is_forgiven_for_the_one_that_is_named_only(house):
    settings, instance, _runs, _rendered = house
    tags = {LISTING_TAG: LISTING, ITEMS_TAG: "3-vanity=0a1b,4-bath=6a7b"}
    run = instance.create_run_for_job(score_job(), status=dg.DagsterRunStatus.FAILURE, tags=tags)

    def told():
        tags = instance.get_run_by_id(run.run_id).tags
        return tags.get(FORGIVEN_ITEMS_TAG), FORGIVEN_TAG in tags

    assert retry(settings, LISTING, scene="3", board=SilentBoard()).forgiven == 2
    assert told() == ("3-vanity", False)
    assert retry(settings, LISTING, scene="3", board=SilentBoard()).forgiven == 0
    assert retry(settings, LISTING, scene="4", board=SilentBoard()).forgiven == 1
    assert told() == ("3-vanity,4-bath", True)


def test_what_was_ended_stays_ended_until_a_retry_though_nothing_ran(tmp_path, monkeypatch):
    settings = known(Settings.from_environment(environment(tmp_path / "home")))
    monkeypatch.setattr(listing_operations, "_sensors_run", lambda _: True)
    assert cancel(settings, LISTING).ended == ()
    with open_instance(settings) as instance:
        assert is_ended(instance, LISTING, ())
    retry(settings, LISTING, scene="3", board=SilentBoard())
    with open_instance(settings) as instance:
        assert not is_ended(instance, LISTING, ())


@pytest.fixture
def successor(house):
    """A process called after LuxVid that has been given the id of a render, killed three seconds before it began."""
    _settings, instance, _runs, _rendered = house
    tags = {LISTING_TAG: LISTING, "luxvid/host": socket.gethostname()}
    run = instance.create_run_for_job(score_job(), status=dg.DagsterRunStatus.STARTED, tags=tags)
    time.sleep(3.1)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "luxvid"])
    instance.add_run_tags(run.run_id, {"luxvid/pid": str(process.pid)})
    yield process, run.run_id
    process.kill()
    process.wait()


def test_a_process_that_was_given_the_id_of_a_killed_render_is_not_taken_for_it(house, successor):
    settings, instance, runs, _rendered = house
    process, run_id = successor
    record = instance.get_run_record_by_id(run_id)
    listing_operations._interrupt(record, set())
    assert fail_abandoned_runs(instance) == 1
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
    instance.report_run_canceled(instance.get_run_by_id(runs["running"]))
    assert cancel(settings, LISTING).is_over
    time.sleep(0.2)
    assert process.poll() is None


def test_where_the_daemon_runs_it_goes_on_unless_told_otherwise(house):
    settings, instance, _runs, rendered = house
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "1", []))
    assert retry(settings, LISTING, board=SilentBoard()).film is None
    assert rendered == []
    assert retry(settings, LISTING, here=True, board=SilentBoard()).film is not None
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 600, "SENSOR", "1", []))
    retry(settings, LISTING, board=SilentBoard())
    assert rendered == [LISTING, LISTING]


def test_the_commands_say_what_they_did(house, monkeypatch):
    settings, _instance, runs, _rendered = house
    monkeypatch.setenv("LUXVID_HOME", str(settings.home))
    monkeypatch.delenv("DAGSTER_HOME")
    told = CliRunner().invoke(app, ["retry", LISTING, "--scene", "3"])
    assert (told.exit_code, "1 failed run no longer counts" in told.stdout) == (0, True)
    stuck = CliRunner().invoke(app, ["cancel", LISTING, "--wait", "0"])
    assert stuck.exit_code == 1
    assert runs["running"][:8] in stuck.output
    with open_instance(settings) as instance:
        instance.report_run_canceled(instance.get_run_by_id(runs["running"]))
    idle = CliRunner().invoke(app, ["cancel", LISTING])
    assert idle.exit_code == 0
    assert idle.stdout.startswith(f"Nothing is queued or running for {LISTING}")
