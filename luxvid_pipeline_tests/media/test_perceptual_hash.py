import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from luxvid_pipeline.media.perceptual_hash import NEAR_HASH_BITS, differing_bits, likeness, perceptual_hash, sketch
from luxvid_pipeline_tests import photo_files as draw

HASHES = st.integers(0, 2**64 - 1).map(lambda bits: f"{bits:016x}")


def grey(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


@given(HASHES, HASHES, HASHES)
def test_differing_bits_are_a_distance(one, other, third):
    assert differing_bits(one, one) == 0
    assert differing_bits(one, other) == differing_bits(other, one) <= 64
    assert differing_bits(one, third) <= differing_bits(one, other) + differing_bits(other, third)


@given(st.integers(0, 50), st.floats(0.3, 1.0), st.integers(40, 95))
@settings(max_examples=20, deadline=None)
@example(1, 0.431640625, 41)  # eight bits, the most seen
def test_size_and_compression_hardly_change_a_hash(seed, scale, quality):
    picture = draw.scene(seed, 480, 360)
    smaller = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    again = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert differing_bits(perceptual_hash(grey(picture)), perceptual_hash(grey(again))) <= NEAR_HASH_BITS
    assert likeness(sketch(picture), sketch(again)) > 0.85


@pytest.mark.parametrize("seed", range(6))
def test_different_pictures_are_unlike(seed):
    one, other = sketch(draw.scene(seed)), sketch(draw.scene(seed + 100))
    assert likeness(one, other) < 0.4


def test_pictures_of_different_shape_are_not_the_same():
    one = sketch(draw.scene(1))
    assert likeness(one, one, 1.5, 1.5) > 0.99
    assert likeness(one, one, 1.5, 0.75) == 0.0
