"""Which scenes are drawn from their photographs at half pace, and that this shows the clip's own move."""

from dataclasses import replace

import av
import numpy as np
import pytest

from luxvid_pipeline.assets.clips import clip_made_from
from luxvid_pipeline.assets.package_maker import SceneInput
from luxvid_pipeline.assets.scene_sources import from_photographs, plays_slower, slowing_scenes
from luxvid_pipeline.domain.camera import half_pace
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.media.encode import empty_frame, planes
from luxvid_pipeline.media.packaging import SceneSource
from luxvid_pipeline.providers.local.camera import LocalCamera, shoot_clip
from luxvid_pipeline_tests.drawn import scenery, working_photo

LISTING, SCENE = "villa-test", "1-arrival"
WORKING = f"listing_photos/{LISTING}/front.jpg"
FRAMES = 15


@pytest.fixture
def shot(tmp_path):
    """A store with a clip of the local camera, half a second long, and the scene it makes."""
    store = MediaStore(str(tmp_path / "store"), tmp_path / "cache")
    photo = working_photo(scenery(2400, 1600, seed=3), tmp_path / "front.jpg")
    store.put(photo.path, WORKING)
    record = replace(photo.record, working=WORKING)
    plan = Shot(scene=SCENE, subject="", camera="", prompt="", negative_prompt="", score_prompt="", seconds=0.5)
    request = ClipRequest(listing=LISTING, shot=plan, first=WorkingPhoto(record=record, path=store.open(WORKING)))
    shoot_clip(request, tmp_path / "clip.mp4")
    stored = store.put(
        tmp_path / "clip.mp4",
        f"scene_clips/{LISTING}/{SCENE}.mp4",
        made_from=clip_made_from(request, LocalCamera.engine),
        facts={"engine": "local"},
    )
    source = SceneSource(scene=SCENE, clip=store.open(stored.key), frames=FRAMES)
    pair = ScenePair(scene=SCENE, first_photo="front")
    return store, SceneInput(source=source, clip=stored, after=None, shot=plan), pair, record


def made(shot, **changes):
    store, scene, pair, record = shot
    scene = replace(scene, clip=replace(scene.clip, **changes))
    (found,) = from_photographs(store, LISTING, [scene], {SCENE: pair}, {"front": record})
    return found


class Taken:
    """Keeps the frames it is given."""

    def __init__(self):
        self.frames = []

    def buffer(self):
        return empty_frame(FULL_HD)

    def write(self, frame):
        self.frames.append(frame)


def test_at_its_own_pace_a_scene_is_drawn_as_it_was_shot(shot):
    taken = Taken()
    made(shot).source.draws(np.arange(FRAMES, dtype=float), taken)
    with av.open(str(shot[1].source.clip)) as container:
        own = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    assert len(taken.frames) == len(own) == FRAMES
    for number in range(1, FRAMES - 1):
        off = [float(np.abs(taken.frames[number].astype(int) - own[number + step]).mean()) for step in (-1, 0, 1)]
        assert off[1] < 2
        assert off[1] == min(off)


def test_at_half_pace_the_same_move_is_drawn_from_the_photograph(shot):
    taken = Taken()
    made(shot).source.draws(half_pace(FRAMES), taken)
    with av.open(str(shot[1].source.clip)) as container:
        own = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]
    assert len(taken.frames) == 2 * len(own) == 2 * FRAMES

    def off(one, other):
        return float(np.abs(planes(one)[0].astype(int) - planes(other)[0]).mean())

    assert off(taken.frames[0], own[0]) < 2
    assert off(taken.frames[-1], own[-1]) < 2
    for number in range(3, FRAMES - 3):
        same, between = taken.frames[2 * number], taken.frames[2 * number + 1]
        assert off(same, own[number]) < 2
        assert off(same, own[number]) < off(between, own[number]) < off(own[number + 1], own[number])
        assert off(between, own[number + 1]) < off(own[number], own[number + 1])


def test_what_a_scene_shows_at_both_paces_is_the_same_frame(shot):
    own, slow = Taken(), Taken()
    made(shot).source.draws(np.arange(FRAMES, dtype=float), own)
    made(shot).source.draws(half_pace(FRAMES), slow)
    for number in range(FRAMES - 1):
        assert (slow.frames[2 * number] == own.frames[number]).all()
    assert (slow.frames[-1] == own.frames[-1]).all()


def test_a_scene_drawn_from_its_photographs_plays_slower_without_being_measured(shot):
    scene = made(shot)
    likeness = slowing_scenes(shot[0], LISTING, [scene])
    assert likeness == {SCENE: 1.0}
    assert plays_slower(scene, likeness[SCENE])
    assert shot[0].find(f"delivery_package/{LISTING}/parts/pace.json") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": {"engine": "google/veo-3.1"}},
        {"facts": {"engine": "local", "disclosure": "front.jpg was widened by a model"}},
        {"made_from": "what an earlier camera made it from"},
    ],
    ids=["a model's clip", "an altered photograph", "an earlier camera"],
)
def test_what_the_camera_would_not_shoot_so_is_drawn_from_the_clip(shot, changes):
    source = made(shot, **changes).source
    assert source.draws is None


def test_without_its_photograph_a_clip_is_drawn_from_itself(shot):
    store = shot[0]
    store.workshop(WORKING).write_bytes(b"damaged")
    assert made(shot).source.draws is None
    store.remove(WORKING)
    assert made(shot).source.draws is None
