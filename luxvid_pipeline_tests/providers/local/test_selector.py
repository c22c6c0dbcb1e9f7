"""The local selector opens few pictures, each once, and takes the overlaps it finds to the choice."""

import threading

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.storyboard import LeftOut
from luxvid_pipeline.providers.local.selector import LocalSelector, PairMeasure, palette
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline_tests.imagined import a_whole_home, overlap, photo

pytestmark = pytest.mark.usefixtures("photos_looked_at_anew")


class CountingMeasure(PairMeasure):
    """Knows the overlaps by the files' names, and what it was asked."""

    def __init__(self, known=None):
        self.known = known or {}
        self.looked_at = []
        self.compared = []
        self.lock = threading.Lock()
        super().__init__(self._features, self._overlap)

    def _features(self, path):
        with self.lock:
            self.looked_at.append(path.stem)
        return path.stem

    def _overlap(self, first, last):
        with self.lock:
            self.compared.append((first, last))
        return self.known.get((first, last))


@pytest.fixture
def files(tmp_path):
    def write(photos, colour=(90, 140, 170)):
        paths = {}
        for each in photos:
            paths[each.photo_id] = tmp_path / f"{each.photo_id}.jpg"
            cv2.imwrite(str(paths[each.photo_id]), np.full((200, 300, 3), colour, np.uint8))
        return paths

    return write


def storyboard(photos, **changes):
    board = LocalWriter().write("villa-aurora", ListingManifest(), photos).storyboard
    return board.model_copy(update=changes)


def test_a_measured_overlap_becomes_the_scenes_pair(files):
    photos = [*a_whole_home(), photo("pool-b", Room.POOL, features=("water",))]
    measure = CountingMeasure({("pool", "pool-b"): overlap(share=0.71, zoom=1.15)})
    choice = LocalSelector(measure).select(storyboard(photos), photos, files(photos))
    arrival = choice.pairs[0]
    assert arrival.photos == ("pool", "pool-b")
    assert arrival.overlap is not None
    assert arrival.reason.endswith("the second view is a step closer and 71 % of the first is still in it.")
    assert tuple(row.scene for row in choice.pairs) == SCENE_KEYS
    assert (choice.engine.name, choice.engine.cost_usd) == ("local", 0)


def test_each_photo_is_looked_at_once_and_no_more_pairs_are_compared_than_allowed(files):
    photos = [photo(f"pool-{at}", Room.POOL) for at in range(9)] + [photo(f"bed-{at}", Room.BEDROOM) for at in range(9)]
    measure = CountingMeasure()
    LocalSelector(measure, most_pairs=12).select(storyboard(photos), photos, files(photos))
    assert len(measure.compared) == len(set(measure.compared)) == 12
    assert len(measure.looked_at) == len(set(measure.looked_at))
    assert all(a[:3] == b[:3] for a, b in measure.compared), "a pool and a bedroom are never compared"


def test_photos_of_other_colours_are_not_compared(files):
    photos = [photo("a"), photo("b")]
    paths = files(photos[:1]) | files(photos[1:], colour=(30, 20, 200))
    measure = CountingMeasure({("a", "b"): overlap(zoom=1.2)})
    LocalSelector(measure).select(storyboard(photos), photos, paths)
    assert measure.compared == []


def test_the_same_listing_gives_the_same_choice_on_any_number_of_threads(files):
    photos = [*a_whole_home(), photo("pool-b"), photo("tub-b", Room.BATHTUB_SHOWER)]
    paths, board = files(photos), storyboard(photos)
    known = {("pool", "pool-b"): overlap(zoom=1.2), ("tub", "tub-b"): overlap(zoom=1.1)}
    choices = {LocalSelector(CountingMeasure(known), workers=each).select(board, photos, paths) for each in (1, 4)}
    assert len(choices) == 1


def test_scenes_the_storyboard_leaves_out_are_not_shot(files):
    photos = a_whole_home()
    board = storyboard(photos)
    shorter = board.model_copy(
        update={"shots": board.shots[1:], "left_out": (LeftOut(scene="1-arrival", reason="no drone licence"),)}
    )
    choice = LocalSelector(CountingMeasure()).select(shorter, photos, files(photos))
    assert choice.pairs[0].left_out
    assert choice.pairs[0].reason == "no drone licence"


def test_an_unreadable_working_photo_is_named(tmp_path):
    photos = [photo("a"), photo("b")]
    paths = {each.photo_id: tmp_path / f"{each.photo_id}.jpg" for each in photos}
    for path in paths.values():
        path.write_bytes(b"not a picture")
    with pytest.raises(MediaError, match=r"[ab]\.jpg cannot be read"):
        LocalSelector(CountingMeasure()).select(storyboard(photos), photos, paths)


def test_without_a_measure_of_ones_own_real_pictures_are_matched(tmp_path):
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 255, (90, 135, 3), np.uint8)
    wall = cv2.GaussianBlur(cv2.resize(coarse, (1350, 900), interpolation=cv2.INTER_CUBIC), (0, 0), 1.2)
    photos = [photo("far", width_px=900, height_px=600), photo("near", width_px=900, height_px=600)]
    paths = {each.photo_id: tmp_path / f"{each.photo_id}.png" for each in photos}
    cv2.imwrite(str(paths["far"]), cv2.resize(wall, (900, 600), interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(paths["near"]), cv2.resize(wall[90:810, 135:1215], (900, 600), interpolation=cv2.INTER_AREA))
    board = storyboard(photos)
    only_arrival = board.model_copy(update={"shots": board.shots[:1]})
    arrival = LocalSelector().select(only_arrival, photos, paths).pairs[0]
    assert arrival.photos == ("far", "near"), "an arrival goes closer"
    assert arrival.overlap is not None
    assert arrival.overlap.zoom == pytest.approx(1.25, abs=0.02)


def test_a_palette_adds_up_to_one_and_tells_red_from_blue(tmp_path):
    for name, colour in (("red", (20, 20, 200)), ("blue", (200, 40, 20))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((160, 240, 3), colour, np.uint8))
    red, blue = palette(tmp_path / "red.png"), palette(tmp_path / "blue.png")
    assert red.sum() == pytest.approx(1)
    assert np.sqrt(red * blue).sum() < 0.1
