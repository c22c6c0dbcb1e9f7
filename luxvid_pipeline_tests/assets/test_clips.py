"""scene_clips: all at once, each recorded when done, only the missing one made again."""

import dagster as dg
import pytest

from luxvid_pipeline import checks
from luxvid_pipeline.domain.errors import InputError, PermanentProviderError, ScenesFailedError
from luxvid_pipeline.domain.keys import scene_partition_key
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.partitions import all_scenes_tags

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

ALL = {scene_partition_key("villa-test", scene) for scene in SCENE_KEYS}


def test_one_run_shoots_all_seven_scenes_at_the_same_time(directed):
    directed.shoot()
    camera = directed.overrides["clip_generator"]
    assert directed.materialized("scene_clips") == ALL
    assert camera.together == 7


def test_an_engine_that_wants_fewer_at_once_gets_fewer(directed):
    camera = directed.overrides["clip_generator"]
    camera.most_at_once = 2
    directed.shoot()
    assert camera.together == 2
    assert directed.materialized("scene_clips") == ALL


def test_one_that_fails_leaves_the_other_six_and_running_again_makes_only_the_missing_one(directed):
    camera = directed.overrides["clip_generator"]
    camera.fail = {"4-bath": PermanentProviderError("the model refused the photo")}
    with pytest.raises(ScenesFailedError, match=r"1 of 7 .*villa-test\|4-bath: the model refused.*6 are kept"):
        directed.shoot()
    assert directed.materialized("scene_clips") == ALL - {"villa-test|4-bath"}
    camera.fail = {}
    camera.shot.clear()
    directed.shoot()
    assert dict(camera.shot) == {"4-bath": 1}
    assert directed.materialized("scene_clips") == ALL


def test_a_run_that_was_asked_for_some_scenes_leaves_the_missing_ones_between_them_alone(directed):
    camera = directed.overrides["clip_generator"]
    directed.shoot(partition="villa-test|4-bath")
    camera.shot.clear()
    camera.fail = {"3-vanity": PermanentProviderError("the model refused the photo")}
    directed.shoot(tags={**all_scenes_tags("villa-test"), "luxvid/items": "1-arrival=0a1b,5-living=2c3d"})
    assert dict(camera.shot) == {"1-arrival": 1, "5-living": 1}
    assert directed.materialized("scene_clips") == {
        f"villa-test|{each}" for each in ("1-arrival", "4-bath", "5-living")
    }


def test_nothing_of_a_finished_film_is_marked_as_unsynced_after_a_direction_that_changed_nothing(directed, tmp_path):
    camera = directed.overrides["clip_generator"]
    directed.shoot()
    directed.score()
    directed.assemble()
    directed.direct()
    assert [directed.unsynced(each) for each in ("scene_clips", "soundtrack", "property_video")] == [{}, {}, {}]
    directed.store.remove("scene_clips/villa-test/4-bath.mp4")
    another = tmp_path / "another.mp4"
    another.write_bytes(camera.clip.read_bytes() + b"\0\0\0\x08free")
    camera.clip = another
    directed.shoot()
    assert directed.unsynced("property_video") == {"villa-test": ["has a new dependency data version"]}


def test_a_scene_the_film_does_without_is_neither_shot_nor_recorded(directed):
    directed.overrides["pair_selector"].leave_out = {"3-vanity"}
    directed.overrides["pair_selector"].engine = "fake/selector-2"
    directed.direct()
    directed.shoot()
    assert directed.materialized("scene_clips") == ALL - {"villa-test|3-vanity"}
    history = directed.instance.event_log_storage.get_asset_check_execution_history(checks.CLIP_CHECKS[0].key, limit=20)
    said = {each.partition: each.evaluation for each in history}
    assert all(isinstance(each, dg.AssetCheckEvaluation) for each in said.values())
    assert said["villa-test|3-vanity"].passed
    assert said["villa-test|3-vanity"].description.startswith("The film does without this scene: ")


def test_running_again_shoots_nothing_and_costs_nothing(directed):
    camera = directed.overrides["clip_generator"]
    camera.cost_usd = 0.4
    directed.shoot()
    assert directed.latest("scene_clips", "villa-test|1-arrival")["cost_usd"] == 0.4
    camera.shot.clear()
    directed.shoot()
    again = directed.latest("scene_clips", "villa-test|1-arrival")
    assert not camera.shot
    assert again["reused"] is True
    assert (again["cost_usd"], again["paid_calls"]) == (0.0, 0)


def test_a_damaged_clip_is_shot_again(directed):
    directed.shoot()
    path = directed.store.open("scene_clips/villa-test/5-living.mp4")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    camera = directed.overrides["clip_generator"]
    camera.shot.clear()
    directed.shoot()
    assert dict(camera.shot) == {"5-living": 1}


def test_a_single_scene_can_be_shot_from_the_ui(directed):
    directed.shoot(partition="villa-test|2-bedroom")
    assert directed.materialized("scene_clips") == {"villa-test|2-bedroom"}


@pytest.mark.parametrize(
    ("start", "end", "shot"),
    [
        ("villa-test|6-lifestyle", "villa-zwei|7-farewell", {"6-lifestyle", "7-farewell"}),
        ("villa-test|6-lifestyle", "villa-zwei|2-bedroom", None),
    ],
    ids=["a-product", "an-empty-product"],
)
def test_a_backfill_may_put_scenes_of_two_listings_into_one_run(directed, eight_photos, start, end, shot):
    directed.add(eight_photos, "villa-zwei")
    directed.run("direct_listing_job", partition="villa-zwei")
    tags = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
    if shot is None:
        with pytest.raises(InputError, match="launch each listing by itself"):
            directed.shoot(tags=tags)
        return
    directed.shoot(tags=tags)
    assert directed.materialized("scene_clips") == {
        f"{listing}|{each}" for listing in ("villa-test", "villa-zwei") for each in shot
    }


def test_each_clip_says_what_it_is_and_shows_a_strip_of_frames(directed):
    directed.shoot()
    told = directed.latest("scene_clips", "villa-test|1-arrival")
    assert (told["width_px"], told["height_px"], told["fps"], told["duration_s"]) == (1920, 1080, 30.0, 2.0)
    assert told["engine"] == "fake/camera"
    assert told["degraded"] is False
    assert told["bytes"] > 0
    assert len(told["sha256"]) == 64
    assert told["preview"].startswith("![1-arrival](data:image/jpeg;base64,")
    assert told["seconds_taken"] >= 0
