"""A clip that is drawn and encoded in stretches is one clip: every frame, no seam, and nothing left behind."""

from fractions import Fraction

import av
import numpy as np
import pytest

from luxvid_pipeline.domain.camera import PhotoShape, plan_pair
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.media import shooting
from luxvid_pipeline.media.clips import PlanPhotos, draw_clip
from luxvid_pipeline.media.encode import empty_frame
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.media.shooting import shoot_plan, stretches
from luxvid_pipeline_tests.drawn import keep, scenery

SMALL = FilmFormat(320, 180, Fraction(30))
FRAMES = 120


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two photographs, and a move from the one to the other."""
    folder = tmp_path_factory.mktemp("photos")
    paths = [keep(scenery(900, 600, seed=seed), folder / f"{seed}.png") for seed in (1, 2)]
    shapes = [PhotoShape(width_px=900, height_px=600)] * 2
    return plan_pair(scene("2-bedroom").camera, *shapes, SMALL, FRAMES), paths


class Drawn:
    """Keeps frames as they were drawn."""

    def __init__(self):
        self.frames = []

    def buffer(self):
        return empty_frame(SMALL)

    def write(self, frame):
        self.frames.append(frame)


@pytest.mark.parametrize(
    ("frames", "fps", "lengths"),
    [
        (1, 30, [1]),
        (15, 30, [15]),
        (89, 30, [45, 44]),
        (120, 30, [60, 60]),
        (125, 30, [60, 65]),
        (240, 30, [60, 60, 60, 60]),
        (100, 25, [48, 52]),
    ],
)
def test_a_clip_is_divided_at_key_frames_by_its_length_alone(frames, fps, lengths):
    film = FilmFormat(320, 180, Fraction(fps))
    found = stretches(frames, film)
    assert [len(each) for each in found] == lengths
    assert [number for each in found for number in each] == list(range(frames))
    assert all(each.start % round(fps / 2) == 0 for each in found)


def test_every_frame_is_the_one_that_was_drawn_and_the_seam_is_a_key_frame_like_others(pair, tmp_path):
    plan, (first, last) = pair
    heard = []
    shoot_plan(plan, first, last, tmp_path / "clip.mp4", SMALL, each_frame=heard.append)
    drawn = Drawn()
    draw_clip(plan, PlanPhotos(plan, first, last, SMALL), SMALL, drawn)
    with av.open(tmp_path / "clip.mp4") as clip:
        shown = [frame.to_ndarray(format="yuv420p") for frame in clip.decode(video=0)]
    assert len(shown) == FRAMES

    def off(number, meant):
        return float(np.abs(shown[number].astype(int) - drawn.frames[meant]).mean())

    own = [off(number, number) for number in range(FRAMES)]
    assert max(own) < 5
    assert max(own[57:63]) <= max(own[:57] + own[63:])
    for number in range(5, FRAMES - 5):  # so small, a frame differs from the next by less than encoding takes
        assert own[number] < min(off(number, number - 5), off(number, number + 5))
    facts = probe_video(tmp_path / "clip.mp4")
    assert (facts.constant_rate, facts.closed_gops, facts.longest_gop_frames) == (True, True, 15)
    assert facts.duration_s == 4
    assert heard == list(range(1, FRAMES + 1))
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_bytes_are_the_same_whoever_comes_first(pair, tmp_path, monkeypatch):
    plan, (first, last) = pair
    shoot_plan(plan, first, last, tmp_path / "both.mp4", SMALL)
    monkeypatch.setattr(shooting.os, "cpu_count", lambda: 1)
    shoot_plan(plan, first, last, tmp_path / "one.mp4", SMALL)
    assert (tmp_path / "both.mp4").read_bytes() == (tmp_path / "one.mp4").read_bytes()


@pytest.mark.parametrize("at", [1, 30, 119])
def test_what_ends_one_stretch_ends_the_clip_and_leaves_nothing(pair, tmp_path, at):
    plan, (first, last) = pair

    def interrupt(done):
        if done == at:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        shoot_plan(plan, first, last, tmp_path / "clip.mp4", SMALL, each_frame=interrupt)
    assert not list(tmp_path.iterdir())


def test_a_photo_that_only_the_second_stretch_shows_is_named(pair, tmp_path):
    plan, (first, _) = pair
    broken = tmp_path / "terrace.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"terrace\.jpg"):
        shoot_plan(plan, first, broken, tmp_path / "clip.mp4", SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["terrace.jpg"]


def test_photos_are_let_go_when_all_who_draw_are_past_them(pair):
    plan, (first, last) = pair
    photos = PlanPhotos(plan, first, last, SMALL, users=2)
    opened = photos.first()
    photos.leave_first()
    assert photos.first() is opened
    photos.leave_first()
    assert photos.first() is not opened
