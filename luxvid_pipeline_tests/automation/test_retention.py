"""A listing whose time is over goes as a whole, in an order that a crash cannot turn into a loss."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from filelock import FileLock

from luxvid_pipeline.automation import retention
from luxvid_pipeline.automation.retention import NOTES, retire_listings, retire_listings_job
from luxvid_pipeline.automation.schedules import retention_schedule
from luxvid_pipeline.definitions import build_defs
from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.partitions import all_scenes_tags
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

LISTING, NEIGHBOUR = "villa-test", "villa-test-2"
LATER = datetime.now(UTC) + timedelta(days=40)


class House:
    """A studio with one listing that is shot and scored, and a neighbour that lives."""

    def __init__(self, studio, archive):
        self.studio = studio
        self.instance = studio.instance
        self.archive = archive
        self.environ = {"LUXVID_HOME": str(studio.home), "LUXVID_KEEP_DAYS": "30", "LUXVID_ARCHIVE": archive}

    @property
    def settings(self):
        return Settings.from_environment(self.environ)

    @property
    def services(self):
        return PaidServices(self.settings)

    def retire(self, *, now=LATER, step=lambda _: None):
        return retire_listings(self.instance, self.settings, self.studio.store, self.services, now=now, step=step)

    def files(self, listing=LISTING):
        media = self.studio.home / "media"
        return sorted(path for path in media.rglob("*") if path.is_file() and listing in path.relative_to(media).parts)

    def traces(self, listing=LISTING):
        """What is left of a listing, by kind."""
        keys = self.instance.all_asset_keys()
        partitions = {part for key in keys for part in self.instance.get_materialized_partitions(key)}
        tags = {"files": len(self.files(listing))}
        tags["events"] = sum(part.split("|")[0] == listing for part in partitions)
        tags["partition"] = listing in self.instance.get_dynamic_partitions("listings")
        tags["runs"] = len(self.instance.get_runs(dg.RunsFilter(tags={"dagster/partition": listing})))
        tags["folder"] = (self.studio.home / "listings" / f"{listing}.json").exists()
        tags["note"] = bool(self.studio.store.keys(NOTES))
        return {name: count for name, count in tags.items() if count}


@pytest.fixture
def house(shot, tmp_path):
    return House(shot, str(tmp_path / "archive"))


def test_media_go_to_the_archive_whole_and_every_trace_in_dagster_goes(house):
    before = {key: house.studio.store.find(key) for key in house.studio.store.keys("scene_clips")}
    source = json.loads((house.studio.home / "listings" / f"{LISTING}.json").read_text())["folder"]
    (told,) = house.retire()
    assert told.skipped == ""
    assert told.archived == told.files // 2 > 10
    assert told.runs == 3
    assert house.traces() == {}
    archive = MediaStore(house.archive, house.studio.home / "cache")
    assert {key: archive.find(key) for key in archive.keys("scene_clips")} == before
    assert all(archive.is_whole(key) for key in archive.keys(""))
    # The inbox is the client's.
    assert list(Path(source).iterdir())
    assert house.retire() == []


def test_without_an_archive_media_are_gone(house):
    house.environ["LUXVID_ARCHIVE"] = ""
    (told,) = house.retire()
    assert (told.archived, told.skipped) == (0, "")
    assert house.traces() == {}


def test_nothing_is_retired_before_its_time_or_where_nobody_asked_for_it(house):
    before = house.traces()
    assert house.retire(now=datetime.now(UTC) + timedelta(days=29)) == []
    del house.environ["LUXVID_KEEP_DAYS"]
    assert house.retire() == []
    assert house.traces() == before


def test_a_neighbour_with_a_longer_name_and_the_shelf_of_paid_results_stay(house):
    store = house.studio.store
    for key in (
        f"scene_clips/{NEIGHBOUR}/1-arrival.mp4",
        "paid_results/ab/abc.mp4",
        "spend_report/2026-11-21/t.parquet",
    ):
        store.put_bytes(b"x", key)
    house.retire()
    assert store.keys("scene_clips") == [f"scene_clips/{NEIGHBOUR}/1-arrival.mp4"]
    assert store.keys("paid_results") == ["paid_results/ab/abc.mp4"]
    assert store.keys("spend_report") == ["spend_report/2026-11-21/t.parquet"]


@pytest.mark.parametrize("odd", ["Villa Aurora", ".", "..", "villa/../.."])
def test_a_partition_of_an_odd_name_is_said_and_left_alone_and_holds_nobody_up(house, odd):
    store = house.studio.store
    store.put_bytes(b"x", f"scene_clips/{NEIGHBOUR}/1-arrival.mp4")
    house.instance.add_dynamic_partitions("listings", [odd])
    create_run_for_test(house.instance, status=dg.DagsterRunStatus.FAILURE, tags={"dagster/partition": odd})
    told = {each.listing: each.skipped for each in house.retire()}
    assert told.pop(LISTING) == ""
    ((_, why),) = told.items()
    assert "cannot be a listing key" in why
    assert "delete this partition" in why
    assert store.keys("scene_clips") == [f"scene_clips/{NEIGHBOUR}/1-arrival.mp4"]


def test_a_listing_that_raises_what_nobody_thought_of_holds_nobody_up(house, monkeypatch):
    house.instance.add_dynamic_partitions("listings", ["a-villa"])
    changed_at = retention._changed_at

    def stumble(house, listing):
        if listing == "a-villa":
            raise KeyError("odd")
        return changed_at(house, listing)

    monkeypatch.setattr(retention, "_changed_at", stumble)
    assert [(each.listing, each.skipped) for each in house.retire()] == [
        ("a-villa", "KeyError: 'odd'; report this"),
        (LISTING, ""),
    ]


STEPS = ("note", "archive", "events", "partition", "files", "note away")


@pytest.mark.parametrize("at", STEPS)
def test_a_crash_before_any_step_is_finished_by_the_next_run_and_loses_nothing(house, at):
    whole = {key: house.studio.store.find(key).sha256 for key in house.studio.store.keys("")}

    def crash(step):
        if step == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.retire(step=crash)
    (told,) = house.retire()
    assert told.skipped == ""
    assert house.traces() == {}
    archive = MediaStore(house.archive, house.studio.home / "cache")
    assert {key: archive.find(key).sha256 for key in archive.keys("")} == whole


def test_a_file_that_does_not_arrive_in_the_archive_as_it_left_stops_everything(house, monkeypatch):
    before = house.traces()
    put = MediaStore.put

    def damaged(self, file, key, **options):
        if self.base == house.archive and key.endswith("3-vanity.mp4"):
            file.write_bytes(b"half")
        return put(self, file, key, **options)

    monkeypatch.setattr(MediaStore, "put", damaged)
    (told,) = house.retire()
    assert "3-vanity.mp4 is not what was sent there; nothing was removed" in told.skipped
    assert house.traces() == {**before, "note": True}
    monkeypatch.undo()
    assert house.retire()[0].skipped == ""


def test_an_archive_that_is_the_store_under_another_name_stops_everything(house, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(house.studio.home / "media")
    before = house.files()
    with pytest.raises(SettingsError, match="is where the media are"):
        Settings.from_environment({**house.environ, "LUXVID_ARCHIVE": str(link)})
    # A mount has two names that no spelling gives away: then the store is asked.
    settings = replace(house.settings, archive=str(link))
    (told,) = retire_listings(house.instance, settings, house.studio.store, house.services, now=LATER)
    assert "is where the media are" in told.skipped
    assert house.files() == before


def test_a_listing_that_comes_back_to_life_while_it_goes_is_left_alone(house):
    def crash(step):
        if step == "events":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.retire(now=datetime.now(UTC) + timedelta(days=31), step=crash)
    note = house.studio.store.keys(NOTES)[0]
    house.studio.store.put_bytes(
        json.dumps({"begun_at": datetime.now(UTC).isoformat()}).encode(), note
    )  # begun now, not in a month
    house.studio.assemble()
    (told,) = house.retire()
    assert "came back to life" in told.skipped
    assert house.traces()["events"] == 8
    assert house.studio.store.keys(NOTES) == []


def test_a_listing_that_is_worked_on_or_has_open_payments_is_skipped_with_the_reason(house):
    with FileLock(house.studio.home / "listings" / f"{LISTING}.lock"):
        (told,) = house.retire()
        assert told.skipped == "it is being rendered"
    job = build_defs(lambda: house.settings).resolve_job_def("assemble_film_job")
    run = house.instance.create_run_for_job(
        job, tags={"dagster/partition": LISTING}, status=dg.DagsterRunStatus.STARTED
    )
    (told,) = house.retire()
    assert told.skipped == f"assemble_film_job {run.run_id[:8]} is started"
    house.instance.report_run_canceled(run)
    services = house.services
    request = PaidRequest(
        vendor="replicate",
        model="google/veo-3.1-fast",
        input={"prompt": "calm"},
        account=Account(listing=LISTING),
        estimate=Estimate(low_usd=Decimal(1), high_usd=Decimal(1)),
    )
    services.ledger.claim(request)
    (told,) = house.retire()
    assert "1 paid requests are open" in told.skipped
    assert house.traces()["events"] == 8
    services.ledger.release(request.key)
    assert house.retire()[0].skipped == ""


def test_a_run_that_made_something_of_two_listings_stays_until_the_second_goes(house, eight_photos):
    house.studio.add(eight_photos, NEIGHBOUR)
    house.studio.run("direct_listing_job", partition=NEIGHBOUR)
    both = {
        "dagster/asset_partition_range_start": f"{LISTING}|1-arrival",
        "dagster/asset_partition_range_end": f"{NEIGHBOUR}|7-farewell",
    }
    house.studio.run("shoot_scenes_job", tags=both)
    house.studio.run("shoot_scenes_job", tags=all_scenes_tags(NEIGHBOUR))
    with FileLock(house.studio.home / "listings" / f"{NEIGHBOUR}.lock"):
        first = {told.listing: told for told in house.retire()}
    assert (first[LISTING].runs, first[LISTING].runs_kept) == (3, 1)
    assert len(house.files(NEIGHBOUR)) > 10
    assert house.traces(NEIGHBOUR)["events"] == 8
    (second,) = house.retire()
    assert (second.listing, second.runs_kept) == (NEIGHBOUR, 0)
    assert house.traces(NEIGHBOUR) == {}
    assert house.traces() == {}


def test_the_schedule_runs_the_job_and_says_what_went(house, monkeypatch):
    at = {"instance": house.instance, "scheduled_execution_time": LATER}
    unset = Settings.from_environment({"LUXVID_HOME": str(house.studio.home)})
    with dg.build_schedule_context(**at, resources={"settings": unset}) as context:
        assert "LUXVID_KEEP_DAYS is not set" in retention_schedule.evaluate_tick(context).skip_message
    with dg.build_schedule_context(**at, resources={"settings": house.settings}) as context:
        (request,) = retention_schedule.evaluate_tick(context).run_requests
    assert request.run_key == LATER.date().isoformat()
    house.environ["LUXVID_KEEP_DAYS"] = "1"
    monkeypatch.setattr("luxvid_pipeline.automation.retention._now", lambda: LATER)
    resources = build_defs(lambda: house.settings).resources
    done = retire_listings_job.execute_in_process(
        instance=house.instance,
        resources={key: resources[key] for key in ("settings", "media_store", "paid_services")},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    assert done.success
    (output,) = (event.step_output_data for event in done.all_events if event.is_successful_output)
    assert output.metadata["retired"].value == 1
    assert house.traces() == {}
