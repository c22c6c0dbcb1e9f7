"""Sampling: a view that only scales shows the same picture scaled or warped, at any place between samples."""

from unittest import mock

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.media import sampling
from luxvid_pipeline.media.sampling import warp

RNG = np.random.default_rng(7)


def plane(channels):
    """Detail as fine as an enlarged photo has."""
    small = RNG.integers(16, 236, (150, 240, channels), np.uint8)
    return cv2.resize(small, (720, 450), interpolation=cv2.INTER_CUBIC).reshape(450, 720, channels).squeeze()


PLANES = {1: plane(1), 4: plane(4)}


def drawn(samples, step, first):
    into = np.empty((120, 200, *samples.shape[2:]), np.uint8)
    warp(samples, np.array([[step[0], 0.0, first[0]], [0.0, step[1], first[1]], [0.0, 0.0, 1.0]]), into)
    return into


def warped(samples, step, first):
    with mock.patch.object(sampling, "_scale", return_value=False):
        return drawn(samples, step, first)


@given(
    channels=st.sampled_from(sorted(PLANES)),
    step=st.tuples(st.floats(1.2, 3.2), st.floats(1.2, 3.2)),
    first=st.tuples(st.floats(-3, 90), st.floats(-3, 70)),
)
@settings(max_examples=150, deadline=None)
def test_a_view_that_only_scales_shows_what_a_warp_shows(channels, step, first):
    samples = PLANES[channels]
    apart = drawn(samples, step, first).astype(int) - warped(samples, step, first)
    # A grid may lie a twenty-fifth of a sample from its place, where neighbours differ by 60 levels and more.
    assert np.abs(apart).max() <= 8
    assert abs(apart.mean()) < 0.3  # halves are rounded up by the one and to even by the other
    assert np.sqrt(np.square(apart).mean()) < 2


def test_most_frames_of_a_push_in_are_scaled():
    scaled = []
    keep = sampling._scale

    def counted(*arguments):
        scaled.append(keep(*arguments))
        return scaled[-1]

    with mock.patch.object(sampling, "_scale", counted):
        for frame in range(60):
            step = 3.0 - 0.007 * frame
            drawn(PLANES[1], (step, step), (360 - 100 * step, 225 - 60 * step))
    assert len(scaled) == 60
    assert sum(scaled) > 30


@pytest.mark.parametrize(
    "homography",
    [
        pytest.param([[2.5, 0.02, 40.0], [-0.02, 2.5, 40.0], [0, 0, 1]], id="turned"),
        pytest.param([[2.5, 0, 40.0], [0, 2.5, 40.0], [1e-5, 0, 1]], id="leaning"),
        pytest.param([[-2.5, 0, 640.0], [0, 2.5, 40.0], [0, 0, 1]], id="mirrored"),
    ],
)
def test_every_other_view_is_warped(homography):
    into = np.zeros((120, 200), np.uint8)
    warp(PLANES[1], np.array(homography), into)
    place = np.array(homography) @ (100, 60, 1)
    column, row = place[:2] / place[2]
    x, y = int(column), int(row)
    around = PLANES[1][y : y + 2, x : x + 2].astype(float)
    right, down = column - x, row - y
    wanted = np.array([1 - down, down]) @ around @ np.array([1 - right, right])
    assert abs(into[60, 100] - wanted) <= 1
