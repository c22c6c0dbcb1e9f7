"""How like a frame is to a photo, at a glance and thoroughly."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from luxvid_pipeline.media.measures.fidelity import coarse_features, glance_at_photo, likeness, read_photo


def draw(seed: int, into: Path) -> np.ndarray:
    """A photo of 2400 × 1600 with edges of every direction, and its pixels."""
    random = np.random.default_rng(seed)
    picture = np.full((1600, 2400, 3), 128, np.uint8)
    for _ in range(400):
        corners = random.integers(0, 400, (4, 2)) + random.integers(-200, (2400, 1600))
        cv2.fillConvexPoly(
            picture, cv2.convexHull(corners.astype(np.int32)), random.integers(0, 255, 3).tolist(), cv2.LINE_AA
        )
    cv2.imwrite(str(into), picture)
    return picture


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """A photo, another one, and a frame that shows an off-centre part of the first."""
    folder = tmp_path_factory.mktemp("photos")
    picture = draw(1, folder / "one.jpg")
    draw(2, folder / "other.jpg")
    part = cv2.resize(picture[210:1335, 173:2173], (480, 270), interpolation=cv2.INTER_AREA)
    return folder / "one.jpg", folder / "other.jpg", np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8)


def test_a_glance_finds_a_frame_in_its_photo_as_surely_as_all_features_do(photos: tuple[Path, Path, np.ndarray]):
    one, _, frame = photos
    glanced = likeness(frame, glance_at_photo(one), coarse_features(frame))
    assert glanced.aligned
    assert glanced.ssim == pytest.approx(likeness(frame, read_photo(one)).ssim, abs=0.05)
    assert glanced.ssim > 0.85


def test_a_glance_does_not_take_another_photo_for_it(photos: tuple[Path, Path, np.ndarray]):
    _, other, frame = photos
    assert likeness(frame, glance_at_photo(other), coarse_features(frame)).ssim < 0.5
