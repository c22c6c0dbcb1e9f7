"""The way from direction to film, on a real instance and a real store: nothing lost, nothing twice."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.test_utils import create_run_for_test

from luxvid_pipeline.automation.cancellations import keep_cancelled, take_up_again
from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.progress import Cursor, Progress, build_progress_sensor, forgive
from luxvid_pipeline.automation.survey import Surveyor, why_it_failed
from luxvid_pipeline.domain.approvals import Verdict
from luxvid_pipeline.domain.errors import BudgetExceededError, ContentRefusedError, RetryableProviderError
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.progress import DEATHS_A_TRY
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.tables import from_table, to_table
from luxvid_pipeline.io_managers.manifests import manifest_key
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager, media_key, value_key
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.listing_operations import _forgive_scene
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.resources.approvals import ListingApprovals

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

JOBS = {stage: job.name for stage, job in STAGE_JOBS.items() if stage != "delivery"}


class Desk:
    """A studio as the sensor sees it, and a clock that stands still unless it is moved."""

    def __init__(self, studio):
        self.studio = studio
        self.instance = studio.instance
        self.cursor = Cursor()
        self.past_s = 0.0
        self.jobs = JOBS
        self.approvals = ListingApprovals(studio.settings, studio.store, SqlApprovals(studio.settings.database_url))

    def surveyor(self):
        return Surveyor(
            self.instance,
            store=self.studio.store,
            clips=self.studio.overrides["clip_generator"],
            score=self.studio.overrides["score_composer"],
            spare=LocalComposer(),
            approvals=self.approvals,
            jobs=self.jobs,
        )

    def progress(self, attempts=3):
        return Progress(
            self.instance,
            self.surveyor(),
            attempts=attempts,
            distances_s=(3_000, 12_000),  # far longer than any run of a test takes
            clock=lambda: time.time() + self.past_s,
        )

    def look(self, *, go_round=False):
        return self.progress().look(self.cursor, dg.get_dagster_logger(), go_round=go_round)

    def run(self, requests):
        """Do what was requested, one after the other, as the daemon does."""
        for request in requests:
            partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
            tags = {**request.tags, **partition, "dagster/run_key": request.run_key}
            self.studio.run(request.job_name, raise_on_error=False, tags=tags)

    def take_on(self):
        """Look and run until there is nothing more to do; returns the stages in the order of their runs."""
        stages = []
        while found := self.look().requests:
            stages += [request.tags["luxvid/stage"] for request in found]
            self.run(found)
        return stages


@pytest.fixture
def desk(directed):
    return Desk(directed)


def stages(look):
    return sorted(request.tags["luxvid/stage"] for request in look.requests)


def scenes(request):
    return sorted(item.partition("=")[0] for item in request.tags["luxvid/items"].split(","))


def clone(studio, listing):
    """Make a listing that is directed exactly as the studio's own, without running anything."""
    store, source = studio.store, studio.listing
    tables = TableIOManager(store)
    for asset in ("listing_photos", "scene_pairs"):
        table = tables.load_partition(asset, source, missing_ok=False)
        store.put_bytes(tables.encode(table), value_key(asset, listing, tables.file_name))
    documents = DocumentIOManager(store)
    board = documents.load_partition("storyboard", source, missing_ok=False)
    store.put_bytes(documents.encode(board), value_key("storyboard", listing, documents.file_name))
    store.put_bytes(store.read_bytes(manifest_key(source)), manifest_key(listing))
    studio.instance.add_dynamic_partitions("listings", [listing])
    studio.instance.report_runless_asset_event(dg.AssetMaterialization("scene_pairs", partition=listing))
    create_run_for_test(
        studio.instance,
        job_name="direct_listing_job",
        status=dg.DagsterRunStatus.SUCCESS,
        tags={"luxvid/listing": listing, "dagster/partition": listing},
    )


def change_pair(studio, scene, photo):
    """Direct again with another photo for one scene."""
    studio.overrides["pair_selector"].swap = {scene: photo}
    table = TableIOManager(studio.store).load_partition("scene_pairs", studio.listing, missing_ok=False)
    pairs = [
        ScenePair(scene=each.scene, first_photo=photo, confidence=0.9) if each.scene == scene else each
        for each in from_table(table, ScenePair)
    ]
    tables = TableIOManager(studio.store)
    key = value_key("scene_pairs", studio.listing, tables.file_name)
    studio.store.put_bytes(tables.encode(to_table(pairs, ScenePair)), key)
    studio.instance.report_runless_asset_event(dg.AssetMaterialization("scene_pairs", partition=studio.listing))
    create_run_for_test(
        studio.instance,
        job_name="direct_listing_job",
        status=dg.DagsterRunStatus.SUCCESS,
        tags={"luxvid/listing": studio.listing},
    )


def test_a_directed_listing_becomes_a_film_and_nothing_is_asked_for_twice(desk):
    first = desk.look()
    assert stages(first) == ["scenes", "score"]
    by_stage = {request.tags["luxvid/stage"]: request for request in first.requests}
    assert scenes(by_stage["scenes"]) == list(SCENE_KEYS)
    assert by_stage["scenes"].tags["dagster/asset_partition_range_start"] == "villa-test|1-arrival"
    assert by_stage["scenes"].tags["dagster/asset_partition_range_end"] == "villa-test|7-farewell"
    assert by_stage["score"].partition_key == "villa-test"
    desk.run(first.requests)
    film = desk.look()
    assert stages(film) == ["film"]
    desk.run(film.requests)
    assert not desk.look().requests
    camera = desk.studio.overrides["clip_generator"]
    assert dict(camera.shot) == dict.fromkeys(SCENE_KEYS, 1)
    assert desk.studio.store.find(media_key("property_video", "villa-test")) is not None

    # A lost cursor costs a look.
    desk.cursor = Cursor()
    again = desk.look(go_round=True)
    assert (again.looked_at, again.requests) == (1, [])

    # Another photo for one scene: that scene alone is shot again, and the film follows.
    used = from_table(
        TableIOManager(desk.studio.store).load_partition("scene_pairs", "villa-test", missing_ok=False), ScenePair
    )
    change_pair(desk.studio, "3-vanity", used[0].first_photo)
    changed = desk.look()
    assert [scenes(each) for each in changed.requests if each.tags["luxvid/stage"] == "scenes"] == [["3-vanity"]]
    desk.run(changed.requests)
    assert desk.take_on() == ["film"]
    assert camera.shot == {**dict.fromkeys(SCENE_KEYS, 1), "3-vanity": 2}


def test_many_listings_that_finish_between_two_looks_are_all_taken_on_once(desk):
    names = [f"villa-{number:03}" for number in range(20)]
    for name in names:
        clone(desk.studio, name)
    look = desk.look()
    asked = sorted((each.tags["luxvid/listing"], each.tags["luxvid/stage"]) for each in look.requests)
    assert asked == sorted((name, stage) for name in [*names, "villa-test"] for stage in ("scenes", "score"))
    assert len({each.run_key for each in look.requests}) == len(look.requests)
    # The same look from the beginning gives the same keys: Dagster starts a key once.
    fresh = Cursor()
    again = desk.progress().look(fresh, dg.get_dagster_logger(), go_round=True)
    assert {each.run_key for each in again.requests} == {each.run_key for each in look.requests}
    # Once the runs are there, unfinished, nobody asks for them again.
    for each in look.requests:
        create_run_for_test(
            desk.instance, job_name=each.job_name, status=dg.DagsterRunStatus.STARTED, tags=dict(each.tags)
        )
    assert not desk.progress().look(Cursor(), dg.get_dagster_logger(), go_round=True).requests


def test_a_tick_does_so_much_and_the_rest_stays_for_the_next(desk, monkeypatch):
    monkeypatch.setattr("luxvid_pipeline.automation.progress.LISTINGS_A_TICK", 3)
    names = [f"villa-{number}" for number in range(7)]
    for name in names:
        clone(desk.studio, name)
    looks = [desk.look() for _ in range(4)]
    assert [look.looked_at for look in looks] == [3, 3, 2, 0]
    seen = [each.tags["luxvid/listing"] for look in looks for each in look.requests]
    assert sorted(set(seen)) == sorted([*names, "villa-test"])
    assert len(seen) == 2 * 8


def test_a_failed_scene_is_asked_for_again_with_growing_distance_and_then_waits_for_a_person(desk):
    camera = desk.studio.overrides["clip_generator"]
    camera.fail = {"4-bath": RetryableProviderError("no answer")}
    desk.run(desk.look().requests)
    for distance_s in (3_000, 12_000):
        desk.past_s = 0
        assert not desk.look().requests
        desk.past_s = distance_s - 1_000
        assert not desk.look().requests
        desk.past_s = distance_s + 1
        again = desk.look()
        assert [scenes(each) for each in again.requests] == [["4-bath"]]
        desk.run(again.requests)
    desk.past_s += 1e5
    waiting = desk.progress().look(Cursor(), dg.get_dagster_logger(), go_round=True)
    assert not waiting.requests
    assert "4-bath: tried 3 times" in waiting.told[0]
    assert "no answer" in waiting.told[0]
    assert camera.shot == {**dict.fromkeys(SCENE_KEYS, 1), "4-bath": 3}
    # A person has looked at it.
    camera.fail = {}
    assert forgive(desk.instance, "villa-test") == 3
    assert desk.take_on() == ["scenes", "film"]


def test_a_scene_that_is_forgiven_is_asked_for_again_alone(desk):
    shooting = next(each for each in desk.look().requests if each.tags["luxvid/stage"] == "scenes")
    for _ in range(DEATHS_A_TRY):
        create_run_for_test(
            desk.instance, job_name=shooting.job_name, status=dg.DagsterRunStatus.FAILURE, tags=dict(shooting.tags)
        )
    desk.past_s = 1e5
    assert _forgive_scene(desk.instance, "villa-test", "4-bath") == DEATHS_A_TRY
    look = desk.progress(attempts=1).look(Cursor(), dg.get_dagster_logger(), go_round=True)
    assert [scenes(each) for each in look.requests if each.tags["luxvid/stage"] == "scenes"] == [["4-bath"]]


@pytest.mark.parametrize("failed", [pytest.param(True, id="before-a-retry"), pytest.param(False, id="between-stages")])
def test_a_listing_that_was_ended_while_nothing_of_it_ran_waits_for_a_person(desk, failed):
    asked = desk.look().requests
    status = dg.DagsterRunStatus.FAILURE
    for each in asked if failed else ():
        create_run_for_test(desk.instance, job_name=each.job_name, status=status, tags=dict(each.tags))
    keep_cancelled(desk.instance, "villa-test")
    desk.past_s = 1e5
    ended = desk.look(go_round=True)
    assert not ended.requests
    assert "villa-test: was ended by a person; then 'luxvid retry villa-test'" in ended.told
    take_up_again(desk.instance, "villa-test")
    assert stages(desk.look(go_round=True)) == ["scenes", "score"]


def test_a_listing_that_was_ended_goes_on_with_a_new_direction(desk):
    keep_cancelled(desk.instance, "villa-test")
    assert not desk.look(go_round=True).requests
    run = dg.DagsterRun("direct_listing_job", status=dg.DagsterRunStatus.SUCCESS, tags={"luxvid/listing": "villa-test"})
    # Its time is in whole seconds, or of another machine's clock.
    desk.instance.run_storage.add_historical_run(run, datetime.now(UTC) - timedelta(seconds=1))
    assert stages(desk.look(go_round=True)) == ["scenes", "score"]


def test_a_budget_that_is_reached_is_not_tried_again(desk):
    desk.studio.overrides["clip_generator"].fail = {"4-bath": BudgetExceededError("the budget of $10 is reached")}
    desk.run(desk.look().requests)
    desk.past_s = 1e5
    look = desk.progress().look(Cursor(), dg.get_dagster_logger(), go_round=True)
    assert not look.requests
    assert "budget of $10" in look.told[0]


@pytest.mark.parametrize(
    ("failures", "curable"),
    [
        pytest.param({"4-bath": ContentRefusedError("no bathrooms")}, False, id="a-final-word"),
        pytest.param({"4-bath": RuntimeError("a bug")}, True, id="nobody-knows"),
        pytest.param({"4-bath": ContentRefusedError("no"), "5-living": ContentRefusedError("no")}, False, id="both"),
        pytest.param({"4-bath": ContentRefusedError("no"), "5-living": RetryableProviderError("?")}, True, id="one-of"),
    ],
)
def test_whether_a_repeat_may_cure_a_failure_is_read_from_the_run(desk, failures, curable):
    desk.studio.overrides["clip_generator"].fail = failures
    failed = desk.studio.shoot(raise_on_error=False)
    assert why_it_failed(desk.instance, failed.run_id)[0] is curable


def test_a_direction_whose_process_died_is_asked_for_again(desk):
    tags = {"luxvid/listing": "villa-test", "dagster/partition": "villa-test"}
    create_run_for_test(desk.instance, job_name="direct_listing_job", status=dg.DagsterRunStatus.FAILURE, tags=tags)
    assert not desk.look().requests  # not at once
    desk.past_s = 3_001
    (again,) = desk.look().requests
    assert (again.job_name, again.partition_key, again.tags["luxvid/attempt"]) == (
        "direct_listing_job",
        "villa-test",
        "2",
    )


def test_what_was_directed_in_a_terminal_is_left_to_it(desk):
    run = next(iter(desk.instance.get_runs()))
    desk.instance.add_run_tags(run.run_id, {"luxvid/pid": "1", "luxvid/listing": "villa-test"})
    look = desk.look()
    assert not look.requests
    assert "terminal" in look.told[0]
    forgive(desk.instance, "villa-test")  # luxvid retry: the daemon goes on with it
    assert stages(desk.look()) == ["scenes", "score"]


def in_a_terminal(desk):
    """Make all runs so far those of ``luxvid render``."""
    for run in desk.instance.get_runs():
        desk.instance.add_run_tags(run.run_id, {"luxvid/pid": "1", "luxvid/listing": "villa-test"})


def test_of_a_listing_directed_in_a_terminal_it_is_said_whom_it_waits_for(desk):
    in_a_terminal(desk)
    store, key = desk.studio.store, manifest_key("villa-test")
    store.put_bytes(store.read_bytes(key).replace(b'"approval": "auto"', b'"approval": "required"'), key)
    plan = desk.approvals.plan("villa-test").name
    assert f"waits for 'luxvid approve villa-test --plan {plan}'" in desk.surveyor().survey("villa-test").told
    estimate = (Decimal(0), Decimal(0))
    desk.approvals.decide("villa-test", Verdict.REJECTED, by="Ann", estimate_usd=estimate, because="too dark")
    assert "its plan was rejected" in desk.surveyor().survey("villa-test").told
    desk.approvals.decide("villa-test", Verdict.APPROVED, by="Ann", estimate_usd=estimate)
    assert "is left to the terminal" in desk.surveyor().survey("villa-test").told


def test_a_film_made_in_a_terminal_waits_for_nobody(desk):
    assert desk.take_on()[-1] == "film"
    in_a_terminal(desk)
    survey = desk.surveyor().survey("villa-test")
    assert (survey.told, survey.stages) == ("", ())


def test_a_note_given_in_a_terminal_leaves_a_listing_with_the_daemon(desk):
    assert desk.take_on()[-1] == "film"
    note = {"luxvid/pid": "1", "dagster/partition": "villa-test"}
    desk.studio.run("revise_listing_job", tags=note)
    # The same pairs again: only the film has to be confirmed.
    assert desk.take_on() == ["film"]


def test_everything_of_a_listing_is_asked_for_with_one_job(desk):
    desk.studio.run("make_film_job")
    (request,) = desk.look().requests
    assert (request.job_name, request.partition_key) == ("direct_listing_job", "villa-test")
    # Asked for once, however often it is looked at; and again where its process died.
    assert desk.progress().look(Cursor(), dg.get_dagster_logger(), go_round=True).requests[0].run_key == request.run_key
    died = {**request.tags, "dagster/partition": "villa-test"}
    create_run_for_test(desk.instance, job_name=request.job_name, status=dg.DagsterRunStatus.FAILURE, tags=died)
    assert not desk.look().requests
    desk.past_s = 3_001
    (again,) = desk.look().requests
    assert again.tags["luxvid/attempt"] == "2"
    assert again.run_key != request.run_key
    desk.run([again])
    assert desk.take_on() == ["scenes", "score", "film"]


def test_a_film_nobody_has_photos_for_is_refused_at_once(desk):
    desk.instance.add_dynamic_partitions("listings", ["villa-unknown"])
    failed = desk.studio.run("make_film_job", partition="villa-unknown", raise_on_error=False)
    assert not failed.success
    assert not any(each.tags["luxvid/listing"] == "villa-unknown" for each in desk.look().requests)


def test_a_backfill_of_films_stands_back_in_all_its_stages(desk):
    tags = {"dagster/partition": "villa-test", "dagster/backfill": "abcdef"}
    desk.studio.run("make_film_job", tags=tags)
    (request,) = desk.look().requests
    assert request.tags["luxvid/class"] == "backfill"
    desk.run([request])
    assert {each.tags["luxvid/class"] for each in desk.look().requests} == {"backfill"}


def test_what_goes_out_follows_the_film_by_itself_once(desk):
    desk.jobs = {stage: job.name for stage, job in STAGE_JOBS.items()}
    while "delivery" not in stages(look := desk.look()):
        assert look.requests
        desk.run(look.requests)
    (request,) = look.requests
    assert (request.job_name, request.partition_key) == ("deliver_listing_job", "villa-test")
    desk.instance.report_runless_asset_event(dg.AssetMaterialization("delivery_package", partition="villa-test"))
    assert not desk.progress().look(Cursor(), dg.get_dagster_logger(), go_round=True).requests


def test_another_engine_in_the_settings_makes_no_finished_film_anew(desk):
    assert desk.take_on()[-1] == "film"
    desk.studio.overrides["clip_generator"].engine = "dear/camera"
    assert not desk.progress().look(Cursor(), dg.get_dagster_logger(), go_round=True).requests


def test_a_listing_that_waits_for_approval_costs_nothing_until_it_is_given(desk):
    store, key = desk.studio.store, manifest_key("villa-test")
    store.put_bytes(store.read_bytes(key).replace(b'"approval": "auto"', b'"approval": "required"'), key)
    look = desk.look()
    assert stages(look) == ["animatic"]
    assert "luxvid approve villa-test" in " ".join(look.told)
    desk.approvals.decide("villa-test", Verdict.APPROVED, by="Ann", estimate_usd=(Decimal(0), Decimal(0)))
    desk.past_s = 6
    assert stages(desk.look()) == ["scenes", "score"]


def test_a_film_whose_plan_is_rejected_afterwards_does_not_go_out(desk, monkeypatch):
    monkeypatch.setitem(JOBS, "delivery", "deliver_listing_job")
    store, key = desk.studio.store, manifest_key("villa-test")
    store.put_bytes(store.read_bytes(key).replace(b'"approval": "auto"', b'"approval": "required"'), key)
    desk.approvals.decide("villa-test", Verdict.APPROVED, by="Ann", estimate_usd=(Decimal(0), Decimal(0)))
    for make in (desk.studio.score, desk.studio.shoot, desk.studio.assemble):
        make()
    assert stages(desk.look()) == ["delivery"]
    no = "too dark"
    desk.approvals.decide("villa-test", Verdict.REJECTED, by="Ann", estimate_usd=(Decimal(0), Decimal(0)), because=no)
    look = desk.look(go_round=True)
    assert not look.requests
    assert "villa-test: its plan was rejected: change it with 'luxvid direct villa-test'" in look.told


def test_one_listing_that_cannot_be_read_holds_up_no_other(desk):
    clone(desk.studio, "villa-broken")
    place = desk.studio.store.workshop(value_key("scene_pairs", "villa-broken", "table.parquet"))
    place.write_bytes(b"no table")
    look = desk.look()
    assert {each.tags["luxvid/listing"] for each in look.requests} == {"villa-test"}
    assert any("villa-broken: cannot be looked at" in told for told in look.told)


def test_urgent_listings_overtake_and_a_backfill_stands_back(desk):
    clone(desk.studio, "villa-urgent")
    store, key = desk.studio.store, manifest_key("villa-urgent")
    store.put_bytes(store.read_bytes(key).replace(b'"priority": "normal"', b'"priority": "urgent"'), key)
    clone(desk.studio, "villa-backfill")
    run = next(iter(desk.instance.get_runs(dg.RunsFilter(tags={"luxvid/listing": "villa-backfill"}))))
    desk.instance.add_run_tags(run.run_id, {"dagster/backfill": "abcdef"})
    found = {each.tags["luxvid/listing"]: int(each.tags["dagster/priority"]) for each in desk.look().requests}
    assert found == {"villa-urgent": 102, "villa-test": 12, "villa-backfill": 2}


def test_a_retired_listing_is_no_longer_asked_for(desk):
    clone(desk.studio, "villa-gone")
    desk.instance.delete_dynamic_partition("listings", "villa-gone")
    assert {each.tags["luxvid/listing"] for each in desk.look().requests} == {"villa-test"}


def test_the_sensor_says_all_this_to_dagster(desk):
    studio = desk.studio
    sensor = build_progress_sensor(looks_for_s=0.0)
    resources = {
        "media_store": studio.store,
        "clip_generator": studio.overrides["clip_generator"],
        "score_composer": studio.overrides["score_composer"],
        "spare_composer": LocalComposer(),
        "listing_approvals": desk.approvals,
    }
    with (
        partition_loading_context(dynamic_partitions_store=desk.instance),
        dg.build_sensor_context(instance=desk.instance, resources=resources, definitions=studio.defs()) as context,
    ):
        ticked = sensor.evaluate_tick(context)
    assert sorted(request.job_name for request in ticked.run_requests) == ["score_listing_job", "shoot_scenes_job"]
    assert Cursor.read(ticked.cursor).until > 0
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_an_unreadable_cursor_is_begun_afresh():
    assert Cursor.read("not json") == Cursor.read('{"a": 1}') == Cursor.read(None) == Cursor()
