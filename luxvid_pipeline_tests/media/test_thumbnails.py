"""Thumbnails fit the limits they are given, and the same photo always gives the same bytes."""

import io

import pytest
from PIL import Image

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media.thumbnails import thumbnail
from luxvid_pipeline_tests import photo_files as draw


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return draw.save(tmp_path_factory.mktemp("photo") / "a.jpg", draw.scene(1, 1200, 800))


@pytest.mark.parametrize(("side", "size"), [(768, (768, 512)), (448, (448, 299)), (4000, (1200, 800))])
def test_the_longer_side_is_at_most_what_is_asked(photo, side, size):
    small = thumbnail(photo, long_side_px=side)
    assert (small.width_px, small.height_px) == size
    with Image.open(io.BytesIO(small.jpeg)) as opened:
        assert (opened.format, opened.mode, opened.size) == ("JPEG", "RGB", size)
        assert not opened.getexif()


def test_the_same_photo_gives_the_same_bytes(photo):
    assert thumbnail(photo, long_side_px=448).sha256 == thumbnail(photo, long_side_px=448).sha256


@pytest.mark.parametrize("most_bytes", [60_000, 20_000, 4_000])
def test_it_fits_into_the_bytes_it_may_have(photo, most_bytes):
    small = thumbnail(photo, long_side_px=768, most_bytes=most_bytes)
    assert len(small.jpeg) <= most_bytes


def test_what_cannot_fit_or_be_read_is_named(photo, tmp_path):
    with pytest.raises(MediaError, match=r"a\.jpg does not fit"):
        thumbnail(photo, long_side_px=768, most_bytes=100)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    for name in ("broken.jpg", "missing.jpg"):
        with pytest.raises(MediaError, match=name):
            thumbnail(tmp_path / name, long_side_px=768)
