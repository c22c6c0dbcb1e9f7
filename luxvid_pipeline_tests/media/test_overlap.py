import numpy as np
import pytest

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.overlap import measure_overlap
from luxvid_pipeline_tests.drawn import camera_on_wall, keep, scenery, tiles, wall_seen_by

WALL = (2000, 1500)
PHOTO = (1200, 800)


@pytest.fixture(scope="module")
def wall():
    return scenery(*WALL, seed=3)


def shoot(wall, tmp_path, name, camera):
    return keep(wall_seen_by(wall, camera, *PHOTO), tmp_path / f"{name}.jpg")


@pytest.mark.parametrize(
    ("centre", "width", "yaw", "zoom"),
    [
        pytest.param((0.5, 0.5), 0.5, 0.0, 1.2, id="went-in"),
        pytest.param((0.5, 0.5), 0.72, 0.0, 0.833, id="went-back"),
        pytest.param((0.58, 0.46), 0.6, 0.0, 1.0, id="went-right-and-up"),
        pytest.param((0.45, 0.5), 0.6, 0.12, 1.0, id="turned"),
    ],
)
def test_the_homography_between_two_photos_of_a_wall_is_found_to_a_pixel(wall, tmp_path, centre, width, yaw, zoom):
    first, last = camera_on_wall(WALL, PHOTO, (0.5, 0.5), 0.6), camera_on_wall(WALL, PHOTO, centre, width, yaw)
    overlap = measure_overlap(shoot(wall, tmp_path, "a", first), shoot(wall, tmp_path, "b", last))
    assert overlap is not None
    truth = np.linalg.inv(last) @ first
    found = np.array(overlap.homography).reshape(3, 3)
    points = np.array([[300, 200, 1], [900, 200, 1], [900, 600, 1], [300, 600, 1], [600, 400, 1.0]]).T
    there, measured = truth @ points, found @ points
    assert np.abs(there[:2] / there[2] - measured[:2] / measured[2]).max() < 1.0
    assert overlap.zoom == pytest.approx(zoom, rel=0.03)
    centre_px = truth @ [599.5, 399.5, 1.0]
    assert overlap.shift_x == pytest.approx((centre_px[0] / centre_px[2] - 599.5) / 1200, abs=0.002)
    assert overlap.shift_y == pytest.approx((centre_px[1] / centre_px[2] - 399.5) / 800, abs=0.002)


def test_the_share_is_the_part_of_the_first_photo_the_second_shows(wall, tmp_path):
    first, last = camera_on_wall(WALL, PHOTO, (0.5, 0.5), 0.6), camera_on_wall(WALL, PHOTO, (0.62, 0.5), 0.6)
    overlap = measure_overlap(shoot(wall, tmp_path, "a", first), shoot(wall, tmp_path, "b", last))
    assert overlap is not None
    assert overlap.share == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        pytest.param(scenery(*PHOTO, seed=1), scenery(*PHOTO, seed=2), id="two-rooms"),
        pytest.param(tiles(*PHOTO, side_px=24), scenery(*PHOTO, seed=2), id="tiles-and-a-room"),
        pytest.param(np.full((800, 1200, 3), 128, np.uint8), scenery(*PHOTO, seed=2), id="a-blank-wall"),
        pytest.param(scenery(*PHOTO, seed=1), scenery(*PHOTO, seed=1)[:, ::-1], id="mirrored"),
    ],
)
def test_photos_with_nothing_in_common_have_no_overlap(one, two, tmp_path):
    assert measure_overlap(keep(one, tmp_path / "a.png"), keep(two, tmp_path / "b.png")) is None


def test_a_photo_that_is_none_is_named(tmp_path):
    (tmp_path / "hall.jpg").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"hall\.jpg"):
        measure_overlap(tmp_path / "hall.jpg", tmp_path / "hall.jpg")
