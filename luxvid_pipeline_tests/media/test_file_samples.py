"""Samples tell changes, and whether a picture has come in to its end."""

import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.arrivals import Wholeness
from luxvid_pipeline.media.file_samples import BLOCK_BYTES, BLOCKS, sample


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".avif"])
def test_a_picture_is_whole_only_with_its_last_byte(tmp_path, picture, ending):
    path = tmp_path / f"a{ending}"
    cv2.imwrite(str(path), picture)
    content = path.read_bytes()
    assert sample(path)[1] is Wholeness.WHOLE
    for length in (len(content) // 2, len(content) - 3, 1000):
        path.write_bytes(content[:length])
        assert sample(path)[1] is Wholeness.UNFINISHED


def test_a_photo_whose_room_was_made_before_it_was_copied_is_not_whole(tmp_path, picture):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), picture)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    assert sample(path)[1] is Wholeness.UNFINISHED


def test_what_cameras_write_behind_a_jpeg_does_not_matter(tmp_path, picture):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), picture)
    path.write_bytes(path.read_bytes() + b"maker notes" * 100)
    assert sample(path)[1] is Wholeness.WHOLE


@pytest.mark.parametrize(
    ("content", "wholeness"),
    [
        (b"", Wholeness.UNFINISHED),
        (b"II*\0" + bytes(100), Wholeness.UNKNOWN),
        (b"title: Villa\n", Wholeness.UNKNOWN),
        (b"\0\0\0\x18ftypheic" + bytes(12) + b"\0\0\0\0mdat", Wholeness.UNKNOWN),
    ],
    ids=["empty", "tiff", "text", "a-box-without-length"],
)
def test_where_a_format_does_not_tell_nobody_pretends(tmp_path, content, wholeness):
    path = tmp_path / "a"
    path.write_bytes(content)
    assert sample(path)[1] is wholeness


@pytest.mark.parametrize("size", [1, 1000, BLOCKS * BLOCK_BYTES, BLOCKS * BLOCK_BYTES + 1, 3_000_000])
def test_a_sample_changes_with_the_head_the_end_and_the_length(tmp_path, size):
    content = np.random.default_rng(0).bytes(size)
    path = tmp_path / "a.jpg"
    changes = [content, bytes([content[0] ^ 1]) + content[1:], content + b"x", content[:-1]]
    changes += [content[:-1] + bytes([content[-1] ^ 1])] * (size > 1)
    found = []
    for each in changes:
        path.write_bytes(each)
        found.append(sample(path)[0])
    assert len(set(found)) == len(found)
    path.write_bytes(content)
    assert sample(path)[0] == found[0]
