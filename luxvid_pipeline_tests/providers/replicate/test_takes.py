"""Takes against the simulated vendor: what fails its gate is paid for once, what replaces it once more."""

import asyncio
from decimal import Decimal

import pytest

from luxvid_pipeline.domain.errors import TakesFailedError
from luxvid_pipeline.domain.gates import Fault
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.providers.chains import ClipChain
from luxvid_pipeline.providers.local.camera import LocalCamera
from luxvid_pipeline.providers.replicate.clips import ReplicateClips
from luxvid_pipeline.providers.takes import WithTakes
from luxvid_pipeline_tests.drawn import scenery, working_photo
from luxvid_pipeline_tests.providers.replicate.desk import desk_for
from luxvid_pipeline_tests.providers.replicate.test_clips import request_for
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

# Each makes a clip that is hardly longer than asked for: one photo, two photos.
VEO, SEEDANCE = "google/veo-3.1-fast", "bytedance/seedance-1-pro"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def sim(cache):
    with ReplicateSimulator(picture_scale=0.25, cache=cache, seed=1, speed=0.0001) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    return [working_photo(scenery(1200, 800, seed=number), folder / f"{number}.jpg") for number in (1, 5)]


def shoot(clips, request, into):
    return asyncio.run(clips.shoot(request, into))


def test_a_frozen_take_is_paid_and_recorded_and_the_second_is_chosen(sim, photos, tmp_path):
    sim.script.prediction(VEO, script.odd_media(frozen=True))
    desk = desk_for(sim.base_url, tmp_path / "desk")
    request = request_for(photos[:1], seconds=2.0)
    engine = shoot(WithTakes(ReplicateClips(VEO, desk), 2), request, tmp_path / "clip.mp4")
    first, second = engine.takes
    assert not first.passed
    assert set(first.faults) & {Fault.FROZEN, Fault.FROZEN_TAIL}
    assert (second.passed, second.chosen) == (True, True)
    assert (first.cost_usd, second.cost_usd) == (0.4, 0.4)
    assert (engine.cost_usd, engine.paid_calls) == (0.8, 2)
    assert len(sim.accepted) == 2
    assert [prediction.given["seed"] for prediction in sim.accepted] == [0, second.seed]
    assert desk.ledger.spent(listing="villa-aurora").cost_usd == Decimal("0.8")
    assert (tmp_path / first.file).is_file()

    # As after a crash that lost the clip and kept the ledger: the same takes again, and nothing is paid.
    again = shoot(WithTakes(ReplicateClips(VEO, desk), 2), request, tmp_path / "again.mp4")
    assert len(sim.accepted) == 2
    assert again.cost_usd == 0
    assert [take.seed for take in again.takes] == [0, second.seed]
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "clip.mp4").read_bytes()


def test_a_clip_between_the_wrong_photos_never_passes(sim, photos, tmp_path):
    sim.script.prediction(SEEDANCE, script.odd_media(swap=True))
    engine = shoot(
        WithTakes(ReplicateClips(SEEDANCE, desk_for(sim.base_url, tmp_path / "desk")), 2),
        request_for(photos, seconds=2.0),
        tmp_path / "clip.mp4",
    )
    assert {Fault.FIRST_FRAME, Fault.LAST_FRAME} <= set(engine.takes[0].faults)
    assert [take.chosen for take in engine.takes] == [False, True]


def test_a_budget_for_one_take_buys_one(sim, photos, tmp_path):
    sim.script.prediction(VEO, script.odd_media(frozen=True), times=None)
    desk = desk_for(sim.base_url, tmp_path / "desk")
    account = Account(listing="villa-aurora", budget_usd=Decimal("0.5"))
    request = request_for(photos[:1], seconds=2.0, account=account)
    with pytest.raises(TakesFailedError, match=r"stands? still"):
        shoot(WithTakes(ReplicateClips(VEO, desk), 3), request, tmp_path / "clip.mp4")
    assert len(sim.accepted) == 1


def test_when_no_take_of_any_engine_passes_the_local_camera_shoots_and_all_is_told(sim, photos, tmp_path):
    for model in (VEO, SEEDANCE):
        sim.script.prediction(model, script.odd_media(black=True), times=None)
    desk = desk_for(sim.base_url, tmp_path / "desk")
    engines = [WithTakes(ReplicateClips(model, desk), 2) for model in (VEO, SEEDANCE)]
    chain = ClipChain(engines, lambda account: desk.ledger.spent(listing=account.listing), spare=LocalCamera())
    engine = shoot(chain, request_for(photos[:1], seconds=2.0), tmp_path / "clip.mp4")
    assert engine.name == "local"
    assert [(take.engine, take.take, take.passed) for take in engine.takes] == [
        (VEO, 1, False),
        (VEO, 2, False),
        (SEEDANCE, 1, False),
        (SEEDANCE, 2, False),
    ]
    assert all("it is black" in take.told for take in engine.takes)
    assert "made by local instead" in engine.degraded_reason
    # What was tried in vain was paid all the same, and is told.
    assert len(sim.accepted) == 4
    assert engine.cost_usd == pytest.approx(float(desk.ledger.spent(listing="villa-aurora").cost_usd))
    assert (tmp_path / "clip.mp4").is_file()
