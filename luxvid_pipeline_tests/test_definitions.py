"""The graph as a whole: a rename shows up in review here."""

import dagster as dg
import pytest

from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.definitions import build_defs
from luxvid_pipeline.domain.progress import STAGES

SNAPSHOT = {
    "assets": {
        "listing_photos": {"group": "ingest", "upstream": [], "io": "table_io", "partitions": "listing"},
        "photo_catalogue": {
            "group": "ingest",
            "upstream": ["listing_photos"],
            "io": "table_io",
            "partitions": "listing",
        },
        "storyboard": {
            "group": "direction",
            "upstream": ["photo_catalogue"],
            "io": "document_io",
            "partitions": "listing",
        },
        "scene_pairs": {
            "group": "direction",
            "upstream": ["listing_photos", "photo_catalogue", "storyboard"],
            "io": "table_io",
            "partitions": "listing",
        },
        "animatic": {
            "group": "direction",
            "upstream": ["listing_photos", "scene_pairs", "storyboard"],
            "io": "media_io",
            "partitions": "listing",
        },
        "scene_clips": {
            "group": "shooting",
            "upstream": ["listing_photos", "scene_pairs", "storyboard"],
            "io": "media_io",
            "partitions": "listing|scene",
        },
        "soundtrack": {
            "group": "score",
            "upstream": ["scene_pairs", "storyboard"],
            "io": "media_io",
            "partitions": "listing",
        },
        "property_video": {
            "group": "film",
            "upstream": ["scene_clips", "scene_pairs", "soundtrack", "storyboard"],
            "io": "media_io",
            "partitions": "listing",
        },
        "delivery_package": {
            "group": "delivery",
            "upstream": [
                "listing_photos",
                "photo_catalogue",
                "property_video",
                "scene_clips",
                "scene_pairs",
                "soundtrack",
                "storyboard",
            ],
            "io": "media_io",
            "partitions": "listing",
        },
        "spend_report": {"group": "accounts", "upstream": [], "io": "table_io", "partitions": "day"},
        "model_scorecard": {"group": "accounts", "upstream": [], "io": "table_io", "partitions": ""},
    },
    "jobs": {
        "make_film_job": ["ask_for_film"],
        "direct_listing_job": ["listing_photos", "photo_catalogue", "scene_pairs", "storyboard"],
        "revise_listing_job": ["scene_pairs", "storyboard"],
        "animatic_job": ["animatic"],
        "approve_listing_job": ["decide_on_listing"],
        "shoot_scenes_job": ["scene_clips"],
        "score_listing_job": ["soundtrack"],
        "assemble_film_job": ["property_video"],
        "deliver_listing_job": ["delivery_package"],
        "report_spend_job": ["spend_report"],
        "score_models_job": ["model_scorecard"],
        "reconcile_ledger_job": ["settle_rows"],
        "retire_listings_job": ["retire_due_listings"],
    },
    "checks": {
        "delivery_package": [
            "altered_views_are_marked",
            "manifest_covers_every_second",
            "originals_can_be_reached",
            "package_is_what_platforms_take",
            "unbranded_files_name_nobody",
        ],
        "listing_photos": ["photos_are_enough", "photos_are_varied"],
        "photo_catalogue": ["catalogue_is_complete", "catalogue_knows_the_rooms"],
        "property_video": [
            "film_is_as_long_as_its_scenes",
            "film_is_as_loud_as_agreed",
            "film_is_what_platforms_take",
        ],
        "scene_clips": ["clip_is_true_to_its_photos"],
        "scene_pairs": ["all_scenes_are_shot", "pairs_are_valid"],
        "soundtrack": ["score_has_no_seam"],
    },
    # Paid work is never a surprise: what runs by itself uses local engines until somebody chooses others.
    "sensors": {
        "new_listings_sensor": "RUNNING",
        "listing_progress_sensor": "RUNNING",
        "failure_alert_sensor": "RUNNING",
        "budget_alert_sensor": "RUNNING",
    },
    "schedules": {
        "daily_spend_schedule": "RUNNING 20 0 * * * UTC",
        "reconcile_schedule": "RUNNING */10 * * * * UTC",
        "retention_schedule": "RUNNING 30 3 * * * UTC",
    },
}


@pytest.fixture(scope="module")
def defs():
    return build_defs()


def test_the_graph_is_the_one_that_was_agreed(defs):
    graph = defs.resolve_asset_graph()
    assets = {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "upstream": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "io": graph.get(key).assets_def.get_io_manager_key_for_asset_key(key),
            "partitions": "|".join(_dimensions(graph.get(key).partitions_def)),
        }
        for key in graph.get_all_asset_keys()
    }
    jobs = {
        job.name: sorted(node.name for node in job.nodes)
        for job in defs.resolve_all_job_defs()
        if not job.name.startswith("__")
    }
    checks: dict[str, list[str]] = {}
    for check in sorted(graph.asset_check_keys):
        checks.setdefault(check.asset_key.to_user_string(), []).append(check.name)
    assert {
        "assets": assets,
        "jobs": jobs,
        "checks": checks,
        "sensors": {sensor.name: sensor.default_status.value for sensor in defs.sensors or []},
        "schedules": {
            each.name: f"{each.default_status.value} {each.cron_schedule} {each.execution_timezone}"
            for each in defs.schedules or []
        },
    } == SNAPSHOT


def test_every_asset_has_what_its_users_look_for(defs):
    for spec in defs.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert len(spec.description.splitlines()) == 1, spec.key
        assert list(spec.owners) == ["team:film"], spec.key
        assert spec.kinds, spec.key
        assert spec.code_version, spec.key


def test_whoever_shoots_and_whoever_plays_has_a_pool(defs):
    graph = defs.resolve_asset_graph()
    pools = {key.to_user_string(): graph.get(key).pools for key in graph.get_all_asset_keys()}
    assert {name: pool for name, pool in pools.items() if pool} == {"scene_clips": {"clips"}, "soundtrack": {"score"}}


def test_every_job_sensor_and_schedule_says_what_it_is_for(defs):
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    for each in (*jobs, *defs.sensors, *defs.schedules):
        assert each.description, each.name
        assert len(each.description) < 200, each.name


def test_every_stage_that_is_requested_has_a_job_and_every_job_of_a_sensor_is_there(defs):
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    assert set(STAGE_JOBS) == set(STAGES)
    assert {job.name for sensor in defs.sensors if sensor.has_jobs for job in sensor.jobs} <= jobs
    assert {schedule.job_name for schedule in defs.schedules} <= jobs


def test_fresh_definitions_can_be_built_with_other_resources():
    class Camera:
        engine = "mine"

    mine = build_defs(overrides={"clip_generator": Camera()})
    assert isinstance(mine.resources["clip_generator"], Camera)


def _dimensions(partitions):
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return [dimension.name for dimension in partitions.partitions_defs]
    if isinstance(partitions, dg.DailyPartitionsDefinition):
        return ["day"]
    if partitions is None:
        return []
    assert isinstance(partitions, dg.DynamicPartitionsDefinition)
    return ["listing"]
