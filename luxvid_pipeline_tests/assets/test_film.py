"""From photos to film through the graph, with engines that are fakes and media that are real."""

import pytest

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    BudgetExceededError,
    ContentRefusedError,
    DamagedMediaError,
    MediaError,
    NoCreditError,
    NoUsablePhotosError,
    RetryableProviderError,
    UnknownPaymentError,
)
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.media.film import inspect_film
from luxvid_pipeline.providers.chains import ScoreChain
from luxvid_pipeline_tests.fakes import FakeComposer

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")


def test_clips_and_score_become_a_film_that_passes_its_checks(shot):
    result = shot.assemble()
    evaluations = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert set(evaluations) == {
        "film_is_as_long_as_its_scenes",
        "film_is_as_loud_as_agreed",
        "film_is_what_platforms_take",
    }
    assert all(each.passed for each in evaluations.values())
    told = shot.latest("property_video")
    assert told["duration_s"] == 14.0
    assert told["cost_usd"] == 0.0
    assert told["preview"].startswith("![poster](data:image/jpeg")
    assert (
        shot.store.open("property_video/villa-test/film.mp4").stat().st_size
        == shot.store.find("property_video/villa-test/film.mp4").bytes
    )


def test_a_film_without_a_scene_is_shorter_and_says_so(studio):
    studio.overrides["pair_selector"].leave_out = {"4-bath", "6-lifestyle"}
    studio.direct()
    studio.shoot()
    studio.score()
    studio.assemble()
    told = studio.latest("property_video")
    assert told["duration_s"] == 10.0
    assert told["left_out"] == {"4-bath": "nothing shows it", "6-lifestyle": "nothing shows it"}
    assert studio.latest("soundtrack")["stages"] == 5


def test_making_it_again_from_the_same_clips_changes_no_byte(shot):
    shot.assemble()
    before = shot.latest("property_video")["sha256"]
    shot.assemble()
    again = shot.latest("property_video")
    assert again["reused"] is True
    assert again["sha256"] == before
    shot.store.remove("property_video/villa-test/film.mp4")
    shot.assemble()
    assert shot.latest("property_video")["sha256"] == before


def test_a_missing_clip_names_the_scene_to_shoot(shot):
    shot.store.remove("scene_clips/villa-test/3-vanity.mp4")
    with pytest.raises(DamagedMediaError, match=r"3-vanity is missing.*run the asset scene_clips"):
        shot.assemble()


def test_a_clip_of_photos_no_longer_chosen_is_not_put_into_the_film(shot):
    selector = shot.overrides["pair_selector"]
    photos = shot.latest("listing_photos")
    assert photos["kept"] == 8
    shot.overrides["pair_selector"].engine = "fake/selector-2"
    eighth = _photo_ids(shot)[7]
    selector.swap = {"2-bedroom": eighth}
    shot.direct()
    with pytest.raises(DamagedMediaError, match="2-bedroom shows other photos than now chosen"):
        shot.assemble()
    camera = shot.overrides["clip_generator"]
    camera.shot.clear()
    shot.shoot()
    assert dict(camera.shot) == {"2-bedroom": 1}
    shot.assemble()
    assert inspect_film(shot.store.open("property_video/villa-test/film.mp4")).duration_s == 14.0


@pytest.mark.parametrize(
    ("key", "asset"),
    [
        ("scene_clips/villa-test/1-arrival.mp4", "scene_clips"),
        ("soundtrack/villa-test/score.flac", "soundtrack"),
        ("scene_pairs/villa-test/table.parquet", "scene_pairs"),
        ("storyboard/villa-test/document.json", "storyboard"),
    ],
)
def test_a_file_damaged_between_stages_names_itself_and_the_asset_to_run_again(shot, key, asset):
    path = shot.store.open(key)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(
        DamagedMediaError, match=rf"{path.name} was damaged.*run the asset {asset} again for villa-test"
    ):
        shot.assemble()


def test_a_score_stopped_at_stage_five_goes_on_at_stage_five(directed):
    studio = directed
    composer = studio.overrides["score_composer"]
    composer.fail_at = 4
    with pytest.raises(RuntimeError, match="stage 4"):
        studio.score()
    assert composer.stages == [0, 1, 2, 3]
    studio.score()
    assert composer.stages == [0, 1, 2, 3, 4, 5, 6]
    told = studio.latest("soundtrack")
    assert (told["stages"], told["stages_made"]) == (7, 3)
    assert len(studio.store.keys("soundtrack/villa-test")) == 8


class PaidComposer(FakeComposer):
    """A composer that costs money and fails at its third stage."""

    def __init__(self, engine, failure=None):
        super().__init__()
        self.engine, self.failure = engine, failure

    def compose_stage(self, request, stage, so_far, into):
        if self.failure is not None and stage == 2:
            raise self.failure
        return super().compose_stage(request, stage, so_far, into)


@pytest.mark.parametrize(
    ("failure", "takes_over"),
    [
        (RetryableProviderError("busy"), "acme/second"),
        (ContentRefusedError("no songs"), "acme/second"),
        (NoCreditError("no money"), "fake/spare"),
        (BadKeyError("wrong key"), "fake/spare"),
        (BudgetExceededError("10.00"), "fake/spare"),
        (UnknownPaymentError("who knows"), "fake/spare"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_music_never_stops_the_film(directed, failure, takes_over):
    first, second, spare = PaidComposer("acme/first", failure), PaidComposer("acme/second"), PaidComposer("fake/spare")
    directed.overrides |= {"score_composer": ScoreChain([first, second]), "spare_composer": spare}
    directed.score()
    told = directed.latest("soundtrack")
    assert told["engine"] == takes_over
    assert told["degraded"]
    assert str(failure) in told["degraded_reason"]
    played = {"acme/second": second, "fake/spare": spare}
    assert played.pop(takes_over).stages == list(range(told["stages"]))
    assert all(not other.stages for other in played.values())


def test_a_score_that_costs_nothing_fails_as_itself(directed):
    broken = PaidComposer("local", MediaError("no soundfont"))
    directed.overrides |= {"score_composer": broken, "spare_composer": FakeComposer()}
    with pytest.raises(MediaError, match="no soundfont"):
        directed.score()


def test_direction_runs_again_without_tagging_again(directed):
    directed.direct()
    assert directed.overrides["photo_tagger"].calls == 0
    assert directed.latest("photo_catalogue")["reused"] is True


def test_a_listing_none_of_whose_scenes_can_be_shot_is_refused_with_every_reason(studio):
    studio.overrides["pair_selector"].leave_out = {scene.scene for scene in _all_pairs(studio)}
    with pytest.raises(NoUsablePhotosError, match="1-arrival: nothing shows it"):
        studio.direct()


def _photo_ids(studio):
    table = TableIOManager(studio.store).load_partition("photo_catalogue", studio.listing, missing_ok=False)
    return table["photo_id"].to_list()


def _all_pairs(studio):
    return studio.overrides["storyboard_writer"].write("x", ListingManifest(), []).storyboard.shots
