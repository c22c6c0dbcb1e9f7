"""All takes of a clip are in the store, and the materialisation says which is in the film and why."""

from dataclasses import replace

import pytest

from luxvid_pipeline.assets.takes import is_take
from luxvid_pipeline.domain.takes import TakeRecord

TAIL = "its last 1.2 s stand still"


class TakingCamera:
    """Shoots each scene twice; only the second take passes."""

    engine = "fake/camera"
    most_at_once = 7

    def __init__(self, camera):
        self.camera = camera
        self.scenes_with_takes = {"1-arrival"}

    async def shoot(self, request, into, progress):
        engine = await self.camera.shoot(request, into, progress)
        if request.shot.scene not in self.scenes_with_takes:
            return engine
        first = into.with_name(f"{into.stem}.take-1-fake-camera.mp4")
        first.write_bytes(b"a take that stands still")
        takes = (
            TakeRecord(
                take=1,
                engine=self.engine,
                seed=0,
                passed=False,
                told=f"{TAIL} | at the end",
                faults=("frozen tail",),
                score=0.3,
                cost_usd=0.4,
                file=first.name,
            ),
            TakeRecord(
                take=2,
                engine=self.engine,
                seed=77,
                passed=True,
                chosen=True,
                score=0.9,
                cost_usd=0.4,
                measures={"first_ssim": 0.93},
            ),
        )
        return replace(engine, cost_usd=0.8, paid_calls=2, takes=takes)


@pytest.fixture
def taken(directed):
    directed.overrides["clip_generator"] = TakingCamera(directed.overrides["clip_generator"])
    directed.shoot(partition="villa-test|1-arrival")
    return directed


def test_the_take_that_failed_lies_beside_the_clip_with_its_score(taken):
    key = "scene_clips/villa-test/1-arrival/takes/1-arrival.take-1-fake-camera.mp4"
    stored = taken.store.find(key)
    assert taken.store.read_bytes(key) == b"a take that stands still"
    assert (stored.facts["score"], stored.facts["passed"], stored.facts["faults"]) == (0.3, False, ["frozen tail"])
    assert [key for key in taken.store.keys("scene_clips/villa-test") if is_take(key)] == [key]


def test_the_materialisation_says_which_take_is_in_the_film_and_why(taken):
    told = taken.latest("scene_clips", "villa-test|1-arrival")
    assert (told["takes"], told["takes_failed"], told["take_chosen"]) == (2, 1, "take 2 of fake/camera")
    assert (told["gate_score"], told["seed"], told["cost_usd"]) == (0.9, 77, 0.8)
    assert f"| 1 | fake/camera | 0 | $0.40 | 0.30 | {TAIL} \\| at the end |" in told["preview"]
    assert "| 2 | fake/camera | 77 | $0.40 | 0.90 | passed | **in the film** |" in told["preview"]


def test_a_clip_that_was_reused_still_tells_its_takes(taken):
    taken.shoot(partition="villa-test|1-arrival")
    told = taken.latest("scene_clips", "villa-test|1-arrival")
    assert (told["reused"], told["takes"], told["cost_usd"]) == (True, 2, 0.0)


def test_takes_of_an_earlier_clip_go_with_it(taken):
    taken.overrides["clip_generator"].scenes_with_takes = set()
    taken.store.remove("scene_clips/villa-test/1-arrival.mp4")
    taken.shoot(partition="villa-test|1-arrival")
    assert [key for key in taken.store.keys("scene_clips/villa-test") if is_take(key)] == []
    assert "takes" not in taken.latest("scene_clips", "villa-test|1-arrival")
