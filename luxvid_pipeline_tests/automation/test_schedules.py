"""What runs by the clock asks for the right work at the right time, and for nothing where there is none."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from luxvid_pipeline.automation import schedules
from luxvid_pipeline.automation.alerts import ALERT_SENSORS
from luxvid_pipeline.automation.reconciliation import reconcile_ledger_job
from luxvid_pipeline.automation.retention import retire_listings_job
from luxvid_pipeline.automation.schedules import SCHEDULES, daily_spend_schedule
from luxvid_pipeline.definitions import ASSETS
from luxvid_pipeline.resources.catalogue import build_resources
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.records import open_records


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    with open_records(tmp_path_factory.mktemp("dagster")) as instance:
        yield instance


@pytest.fixture(scope="module")
def defs():
    """Everything that runs by the clock, beside the assets, and nothing else."""
    return dg.Definitions(
        assets=list(ASSETS),
        schedules=list(SCHEDULES),
        sensors=list(ALERT_SENSORS),
        jobs=[reconcile_ledger_job, retire_listings_job],
        resources=build_resources(Settings.from_environment),
    )


@pytest.fixture
def asked(instance, defs, tmp_path):
    services = PaidServices(Settings.from_environment({"LUXVID_HOME": str(tmp_path)}))

    def tick(at):
        with dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=at,
            repository_def=defs.get_repository_def(),
            resources={"paid_services": services},
        ) as context:
            return daily_spend_schedule.evaluate_tick(context)

    return tick


@pytest.mark.parametrize(
    ("at", "day"),
    [
        pytest.param(datetime(2026, 11, 22, 0, 20, tzinfo=UTC), "2026-11-21", id="the-day-before"),
        pytest.param(datetime(2026, 12, 1, 0, 20, tzinfo=UTC), "2026-11-30", id="over-the-end-of-a-month"),
        pytest.param(datetime(2026, 11, 2, 0, 20, tzinfo=UTC), "2026-11-01", id="the-first-day"),
    ],
)
def test_each_night_the_day_that_ended_is_reported_once(asked, at, day):
    (request,) = asked(at).run_requests
    assert (request.partition_key, request.run_key) == (day, day)


def test_each_night_days_that_were_booked_anew_since_their_report_are_reported_again(asked, monkeypatch):
    days = {"2026-10-31", "2026-11-02", "2026-11-05", "2026-11-09", "2026-11-10"}
    monkeypatch.setattr(schedules, "outdated_days", lambda *_: days)
    requests = asked(datetime(2026, 11, 10, 0, 20, tzinfo=UTC)).run_requests
    assert [request.partition_key for request in requests] == ["2026-11-09", "2026-11-05", "2026-11-02"]
    following = asked(datetime(2026, 11, 11, 0, 20, tzinfo=UTC)).run_requests
    assert not {request.run_key for request in requests} & {request.run_key for request in following}


def test_days_before_the_first_are_not_reported(asked):
    assert "2026-10-31" in asked(datetime(2026, 11, 1, 0, 20, tzinfo=UTC)).skip_message


def test_the_report_that_the_schedule_asks_for_is_made(studio, asked):
    (request,) = asked(datetime(2026, 11, 21, 0, 20, tzinfo=UTC)).run_requests
    assert studio.run("report_spend_job", partition=request.partition_key).success
    assert studio.latest("spend_report", "2026-11-20")["cost_usd"] == 0.0


def test_schedules_jobs_and_alert_sensors_load_with_no_setting_say_what_they_do_and_are_on(defs):
    dg.Definitions.validate_loadable(defs)
    for schedule in SCHEDULES:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        assert schedule.description
        assert schedule.execution_timezone == "UTC"
    for sensor in ALERT_SENSORS:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert sensor.description
    for job in (reconcile_ledger_job, retire_listings_job):
        assert job.description
