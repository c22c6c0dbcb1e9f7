import asyncio
import math
import threading
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.camera import CameraPlan, corners
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media.clips import StillPhoto
from luxvid_pipeline.media.encode import empty_frame, planes
from luxvid_pipeline.media.overlap import measure_overlap
from luxvid_pipeline.providers.local.camera import LocalCamera, plan_clip, shoot_clip
from luxvid_pipeline_tests.drawn import camera_on_wall, keep, scenery, tiles, wall_seen_by, working_photo

HALF = FilmFormat(640, 360, Fraction(30))
WALL = (2400, 1800)


@pytest.fixture(scope="module")
def wall():
    return scenery(*WALL, seed=3)


def request(first, last=None, key="1-arrival", overlap=None, seconds=1.0, film=HALF):
    shot = Shot(scene=key, subject="", camera="", prompt="", negative_prompt="", score_prompt="", seconds=seconds)
    return ClipRequest(listing="villa", shot=shot, first=first, last=last, overlap=overlap, format=film)


def shot_of(what, tmp_path):
    path = tmp_path / "clip.mp4"
    shoot_clip(what, path)
    with av.open(path) as clip:
        return [frame.to_ndarray()[: what.format.height_px] for frame in clip.decode(video=0)]


def framed(picture, view, film):
    """The part of a picture that a view shows, drawn another way: enlarged, warped, averaged down."""
    width, height = film.width_px * 4, film.height_px * 4
    unit = np.array([[1 / width, 0, 0.5 / width - 0.5], [0, 1 / width, (0.5 - height / 2) / width], [0, 0, 1.0]])
    centred = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]]) @ view @ unit
    luma = 16 + cv2.transform(picture, np.array([[0.2126, 0.7152, 0.0722]]) * 219 / 255)
    large = cv2.warpPerspective(luma, centred, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return cv2.resize(large, (film.width_px, film.height_px), interpolation=cv2.INTER_AREA)


def likeness(one, two):
    """SSIM over 11-pixel Gaussian windows (Wang et al., 2004)."""
    one, two = one.astype(np.float64), two.astype(np.float64)

    def blurred(x):
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    mean_1, mean_2 = blurred(one), blurred(two)
    spread_1, spread_2 = blurred(one**2) - mean_1**2, blurred(two**2) - mean_2**2
    shared = blurred(one * two) - mean_1 * mean_2
    top = (2 * mean_1 * mean_2 + 6.5025) * (2 * shared + 58.5225)
    return float((top / ((mean_1**2 + mean_2**2 + 6.5025) * (spread_1 + spread_2 + 58.5225))).mean())


def tracked(first, last):
    """Homography from tracked corners of one frame to another."""
    start = cv2.goodFeaturesToTrack(first, 400, 0.01, 6)
    end, found, _ = cv2.calcOpticalFlowPyrLK(first, last, start, None, winSize=(25, 25), maxLevel=5)
    keep_ = found.ravel() == 1
    homography, _ = cv2.findHomography(start[keep_], end[keep_], cv2.RANSAC, 1.5)
    return homography


def moved(homography, film):
    """Magnification, and shift of the frame's centre in frame widths."""
    centre = np.array([film.width_px / 2, film.height_px / 2, 1.0])
    there = homography @ centre
    zoom = math.sqrt(abs(np.linalg.det(homography) / there[2] ** 3))
    return zoom, (there[0] / there[2] - centre[0]) / film.width_px


@pytest.mark.parametrize("key", ["1-arrival", "4-bath", "6-lifestyle", "7-farewell"])
def test_the_zoom_measured_in_the_clip_is_the_scenes(key, wall, tmp_path):
    frames = shot_of(request(working_photo(wall[:1350], tmp_path / "a.jpg"), key=key), tmp_path)
    zoom, _ = moved(tracked(frames[0], frames[-1]), HALF)
    assert zoom == pytest.approx(scene(key).camera.zoom, rel=0.01)


@pytest.mark.parametrize("key", ["2-bedroom", "3-vanity", "5-living"])
def test_the_travel_measured_in_the_clip_is_the_scenes(key, wall, tmp_path):
    frames = shot_of(request(working_photo(wall[:1350], tmp_path / "a.jpg"), key=key), tmp_path)
    _, shift = moved(tracked(frames[0], frames[-1]), HALF)
    assert -shift == pytest.approx(scene(key).camera.travel_x, rel=0.1)


def test_first_and_last_frame_are_the_two_photos_framings(tmp_path):
    one, two = scenery(1280, 853, seed=7, grain_px=10), scenery(1500, 1125, seed=8, grain_px=12)
    what = request(working_photo(one, tmp_path / "a.jpg"), working_photo(two, tmp_path / "b.jpg"), key="2-bedroom")
    frames, plan = shot_of(what, tmp_path), plan_clip(what)
    assert likeness(frames[0], framed(one, plan.first[0], HALF)) > 0.97
    assert likeness(frames[-1], framed(two, plan.last[-1], HALF)) > 0.97


def test_a_pair_with_overlap_is_aligned_in_the_middle_of_its_dissolve(wall, tmp_path):
    photo_px = (1500, 1000)
    cameras = camera_on_wall(WALL, photo_px, (0.47, 0.5), 0.6), camera_on_wall(WALL, photo_px, (0.52, 0.5), 0.52, 0.03)
    photos = [
        working_photo(wall_seen_by(wall, camera, *photo_px), tmp_path / f"{index}.jpg")
        for index, camera in enumerate(cameras)
    ]
    what = request(*photos, overlap=measure_overlap(photos[0].path, photos[1].path))
    plan = plan_clip(what)
    assert plan.aligned
    frames = shot_of(what, tmp_path)
    middle = int(np.argmin(np.abs(plan.mix - 0.5)))
    # Both photos show the same wall: an aligned mixture looks like either of them, a ghosted one like neither.
    seen = framed(wall_seen_by(wall, cameras[0], *photo_px), plan.first[middle], HALF)
    assert likeness(frames[middle], seen) > 0.9


def test_photos_that_no_homography_makes_agree_do_not_make_the_picture_lean(tmp_path):
    photos = [working_photo(scenery(1500, 1000, seed=seed, grain_px=12), tmp_path / f"{seed}.jpg") for seed in (7, 8)]
    leaning = (1.02, 0.03, 12.0, 0.0, 1.05, 8.0, 3e-5, 1e-5, 1.0)
    overlap = Overlap(share=0.9, inliers=60, homography=leaning, zoom=1.0, shift_x=0.0, shift_y=0.0)
    plan = plan_clip(request(*photos, overlap=overlap))
    assert plan.aligned
    assert np.abs(plan.first[:, 2, :2]).max() < 1e-9
    assert np.abs(plan.last[:, 2, :2]).max() < 1e-9


@pytest.mark.parametrize("colour", [(40, 190, 215), (150, 140, 125)], ids=["a-pool", "paving"])
def test_an_upright_photo_of_a_pool_ends_on_the_pool(colour, tmp_path):
    picture = (scenery(600, 900, seed=9) * (0.35, 0.5, 0.3)).astype(np.uint8)
    picture[600:850] = colour
    middles = corners(plan_clip(request(working_photo(picture, tmp_path / "a.jpg"))).first, HALF.aspect)[..., 1].mean(1)
    assert (middles[-1] > middles[0]) == (colour[2] > 200)


def test_motion_is_smooth_to_a_fraction_of_a_pixel(wall, tmp_path):
    photo = working_photo(wall[:1350], tmp_path / "a.jpg")
    plan = plan_clip(request(photo, key="2-bedroom", seconds=4.0))
    still = StillPhoto(photo.path, plan.first, HALF)
    frame, drawn = empty_frame(HALF), []
    for view in plan.first[40:70]:
        still.draw(view, frame)
        drawn.append(planes(frame)[0].copy())
    size = np.array([HALF.width_px, HALF.height_px])
    start = cv2.goodFeaturesToTrack(drawn[0][60:-60, 80:-80], 200, 0.02, 8).reshape(-1, 2) + np.array([80, 60])
    unit = np.array([[1 / size[0], 0, 0.5 / size[0] - 0.5], [0, 1 / size[0], (0.5 - size[1] / 2) / size[0]], [0, 0, 1]])
    deviations = []
    for index in range(1, len(drawn)):
        to = np.linalg.inv(plan.first[40 + index] @ unit) @ plan.first[40] @ unit
        ideal = cv2.perspectiveTransform(start[None].astype(np.float64), to)[0]
        found, ok, _ = cv2.calcOpticalFlowPyrLK(
            drawn[0], drawn[index], start.astype(np.float32), ideal.astype(np.float32), winSize=(31, 31),
            maxLevel=0, flags=cv2.OPTFLOW_USE_INITIAL_FLOW, criteria=(3, 60, 0.001),
        )  # fmt: skip
        apart = (found - ideal)[ok.ravel() == 1]
        deviations.append(np.median(apart, axis=0))
    steps = np.diff(np.array(deviations), axis=0)
    assert np.sqrt((steps**2).mean()) < 0.03


def test_fine_tiles_neither_shimmer_nor_soften(tmp_path):
    picture = tiles(1280, 960)
    path = keep(picture, tmp_path / "tiles.png")
    views = np.stack([np.array([[w, 0, 640 + x], [0, w, 480], [0, 0, 1.0]]) for w, x in ((1200, 0), (1196, 0.4))])
    film = FilmFormat(1280, 720)
    still, frame = StillPhoto(path, views, film), empty_frame(film)
    errors, detail = [], []
    for view in views:
        still.draw(view, frame)
        truth = lanczos(picture, view, film)
        luma = planes(frame)[0].astype(np.float64)
        errors.append(luma - truth)
        detail.append(cv2.Laplacian(luma, cv2.CV_64F).std() / cv2.Laplacian(truth, cv2.CV_64F).std())
    assert np.sqrt(np.mean(errors[0] ** 2)) < 2.5
    assert np.std(errors[1] - errors[0]) < 3.0
    assert detail == pytest.approx([1.0, 1.0], abs=0.06)


def lanczos(picture, view, film):
    """A still, unturned view in floating point, with three lobes each way."""
    luma = 16 + picture[..., 0].astype(np.float64) * 219 / 255

    def weights(count, wanted, scale, start):
        at = (np.arange(wanted) + 0.5) * scale + start - 0.5
        apart = at[:, None] - np.arange(count)[None]
        kernel = np.where(np.abs(apart) < 3, np.sinc(apart) * np.sinc(apart / 3), 0.0)
        return kernel / kernel.sum(axis=1, keepdims=True)

    scale = view[0, 0] / film.width_px
    left, top = corners(view[None], film.aspect)[0, 0]
    rows = weights(luma.shape[0], film.height_px, scale, top)
    return rows @ luma @ weights(luma.shape[1], film.width_px, scale, left).T


def test_colours_come_out_as_they_went_in(tmp_path):
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[:, :640], picture[:, 640:] = (200, 60, 40), (30, 90, 180)
    path = keep(picture, tmp_path / "flags.png")
    view = np.array([[1270.0, 0, 640], [0, 1270, 360], [0, 0, 1.0]])
    frame = empty_frame(HALF)
    StillPhoto(path, view[None], HALF).draw(view, frame)
    luma, blue, red = planes(frame)
    for x, (r, g, b) in ((100, (200, 60, 40)), (540, (30, 90, 180))):
        grey = 0.2126 * r + 0.7152 * g + 0.0722 * b
        expected = 16 + grey * 219 / 255, 128 + (b - grey) / 1.8556 * 224 / 255, 128 + (r - grey) / 1.5748 * 224 / 255
        assert (luma[180, x], blue[90, x // 2], red[90, x // 2]) == pytest.approx(expected, abs=1.01)


def test_the_same_request_gives_the_same_bytes(wall, tmp_path):
    what = request(working_photo(wall[:1350], tmp_path / "a.jpg"))
    for name in "xy":
        shoot_clip(what, tmp_path / name)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_progress_rises_to_one_and_the_engine_is_free(wall, tmp_path):
    heard = []
    what = request(working_photo(wall[:1350], tmp_path / "a.jpg"))
    engine = asyncio.run(LocalCamera().shoot(what, tmp_path / "clip.mp4", heard.append))
    assert (engine.name, engine.cost_usd, engine.paid_calls) == ("local", 0.0, 0)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert LocalCamera().most_at_once >= 1


def test_a_cancelled_shot_stops_and_leaves_no_file(wall, tmp_path):
    what = request(working_photo(wall[:1350], tmp_path / "a.jpg"), seconds=30.0)
    path, begun = tmp_path / "clip.mp4", threading.Event()

    async def shoot_and_cancel():
        work = asyncio.create_task(LocalCamera().shoot(what, path, lambda _part: begun.set()))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(work, 5)

    asyncio.run(shoot_and_cancel())
    assert not path.exists()


def test_a_photo_that_is_none_is_named_and_leaves_no_file(wall, tmp_path):
    photo = working_photo(wall[:1350], tmp_path / "hall.jpg")
    photo.path.write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"hall\.jpg"):
        shoot_clip(request(photo), tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_a_photo_smaller_than_the_frame_still_makes_a_clip(tmp_path):
    small = working_photo(scenery(400, 300), tmp_path / "small.jpg")
    assert len(shot_of(request(small, seconds=0.5), tmp_path)) == 15


def test_a_clip_of_one_photo_has_no_dissolve(wall, tmp_path):
    plan = plan_clip(request(working_photo(wall[:1350], tmp_path / "a.jpg")))
    assert isinstance(plan, CameraPlan)
    assert plan.last is None
    assert not plan.mix.any()
