import errno
import hashlib
import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict
from luxvid_pipeline.media import photo_decoding, photos
from luxvid_pipeline.media.listing_folder import read_listing_folder
from luxvid_pipeline.media.photo_decoding import RefusedPhotoError
from luxvid_pipeline.media.photos import read_photos
from luxvid_pipeline_tests import photo_files as draw

pytestmark = pytest.mark.usefixtures("photos_looked_at_anew")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "villa"
    folder.mkdir()
    return folder


def read(home: Path, **settings) -> dict[str, PhotoRecord]:
    records = read_photos(read_listing_folder(home), home.parent / "media", "villa", **settings)
    return {record.file: record for record in records}


def read_one(home: Path) -> PhotoRecord:
    (record,) = read(home).values()
    return record


def local(home: Path, key: str | None) -> Path:
    assert key is not None
    assert key.startswith("listing_photos/villa/")
    return home.parent / "media" / key.removeprefix("listing_photos/villa/")


def working(home: Path, record: PhotoRecord) -> np.ndarray:
    with Image.open(local(home, record.working)) as picture:
        return np.asarray(picture.convert("RGB"))


FORMATS = [
    pytest.param("JPEG", "a.jpg", {}, "JPEG", id="jpeg"),
    pytest.param("JPEG", "a.png", {}, "JPEG", id="jpeg-named-png"),
    pytest.param("JPEG", "a.txt", {}, "JPEG", id="jpeg-named-txt"),
    pytest.param("JPEG", "a.jpg", {"progressive": True}, "JPEG", id="progressive-jpeg"),
    pytest.param("PNG", "a.jpg", {}, "PNG", id="png-named-jpg"),
    pytest.param("WEBP", "a.webp", {}, "WEBP", id="webp"),
    pytest.param("AVIF", "a.avif", {"speed": 9}, "AVIF", id="avif"),
    pytest.param("TIFF", "a.tif", {}, "TIFF", id="tiff"),
    pytest.param("TIFF", "a.tif", {"compression": "tiff_lzw"}, "TIFF", id="tiff-lzw"),
    pytest.param("HEIF", "a.heic", {}, "HEIF", id="heic"),
    pytest.param("HEIF", "a.JPG", {}, "HEIF", id="heic-named-jpg"),
    pytest.param("BMP", "a.bmp", {}, "BMP", id="bmp"),
]


@pytest.mark.parametrize(("kind", "name", "settings", "format"), FORMATS)
def test_every_format_becomes_a_working_jpeg_whatever_its_name(home, kind, name, settings, format):
    picture = draw.marked_scene()
    path = draw.save(home / name, picture, kind, **settings)

    record = read_one(home)

    assert (record.verdict, record.reason, record.format) == (Verdict.KEPT, "", format)
    assert (record.width_px, record.height_px, record.working_width_px) == (960, 720, 960)
    assert record.photo_id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert local(home, record.original).read_bytes() == path.read_bytes()
    assert Path(record.original).stem == record.photo_id[:16]
    seen = working(home, record)
    assert np.abs(seen.astype(int) - picture).mean() < 6
    assert draw.corner_names(seen) == list(draw.CORNERS)


def test_a_multi_picture_file_of_a_phone_gives_its_main_picture(home):
    main, second = Image.fromarray(draw.marked_scene()), Image.fromarray(draw.scene(9, 320, 240))
    main.save(home / "IMG_1.jpg", "MPO", save_all=True, append_images=[second], quality=90)
    record = read_one(home)
    assert (record.format, record.verdict, record.width_px) == ("MPO", Verdict.KEPT, 960)
    assert draw.corner_names(working(home, record)) == list(draw.CORNERS)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(home, kind):
    first, second = Image.fromarray(draw.marked_scene()), Image.fromarray(draw.scene(9))
    first.save(home / "a.gif", kind, save_all=True, append_images=[second], duration=100)
    record = read_one(home)
    assert record.verdict is Verdict.KEPT
    assert draw.corner_names(working(home, record)) == list(draw.CORNERS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_every_exif_orientation_is_turned_upright(home, orientation, kind):
    upright = Image.fromarray(draw.marked_scene())
    # The stored picture is the one that the orientation turns into the upright one.
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    draw.save(home / "a.jpg", np.asarray(stored), kind, exif=draw.exif(orientation))

    record = read_one(home)

    assert record.exif_orientation == orientation
    assert (record.width_px, record.height_px) == (record.working_width_px, record.working_height_px) == (960, 720)
    assert draw.corner_names(working(home, record)) == list(draw.CORNERS)


def _decoded(content: bytes) -> np.ndarray:
    return photo_decoding.decode(content, photo_decoding.read_header(content))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="baseline"),
        pytest.param({"optimize": True, "quality": 40}, id="optimised"),
        pytest.param({"progressive": True}, id="progressive"),
        pytest.param({"restart_marker_rows": 1}, id="a-restart-a-row"),
        pytest.param({"restart_marker_blocks": 1}, id="a-restart-a-block"),
        pytest.param({"progressive": True, "restart_marker_rows": 1}, id="progressive-with-restarts"),
        pytest.param({"icc_profile": draw.DISPLAY_P3}, id="of-a-phone"),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("margin", [0, 400], ids=["full", "half-of-it-one-colour"])
def test_a_sound_jpeg_is_never_taken_for_a_damaged_one(settings, mode, margin):
    picture = draw.scene(2)
    picture[:margin] = 0
    stream = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(stream, "JPEG", **settings)
    thumbnail = _jpeg(draw.scene(1, 64, 48))
    after = bytes(9000) + thumbnail  # what some cameras put behind the picture
    assert _decoded(stream.getvalue() + after).shape == (720, 960, 3)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(lambda whole: whole[:-2] + b"\x12\x91\x77\x03" + whole[-2:], id="a-few-bytes-too-many"),
        pytest.param(lambda whole: whole[:-2] + bytes(4000) + whole[-2:], id="padded-with-zeros"),
        pytest.param(lambda whole: whole[:-2] + b"\x7f" * 40 + whole[-2:], id="padded-with-something-else"),
        pytest.param(lambda whole: whole[:-2] + b"\xff" * 40 + whole[-2:], id="filled"),
        pytest.param(lambda whole: whole[:-2], id="without-its-end-marker"),
        pytest.param(lambda whole: whole.replace(b"JFIF\0\x01", b"JFIF\0\x07", 1), id="of-an-unknown-version"),
        pytest.param(
            lambda whole: whole[:2] + b"\xff\xe2\0\x10ICC_PROFILE\0\x01\x02" + whole[2:], id="with-half-a-profile"
        ),
        pytest.param(
            lambda whole: whole.replace(b"\xff\xdb", b"\1\2\xff\xdb", 1), id="with-odd-bytes-before-its-tables"
        ),
    ],
)
def test_what_odd_cameras_write_is_decoded_like_any_other(odd):
    whole = _jpeg(draw.scene(2))
    assert np.array_equal(_decoded(odd(whole)), _decoded(whole))


def test_place_and_name_stay_in_the_original(home):
    draw.save(home / "a.jpg", draw.scene(), exif=draw.exif(gps=True), comment=b"a secret")
    record = read_one(home)
    content = local(home, record.working).read_bytes()
    with Image.open(io.BytesIO(content)) as picture:
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert b"Jane" not in content
    assert b"secret" not in content
    assert b"Jane" in local(home, record.original).read_bytes()


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        pytest.param(draw.DISPLAY_P3, "Display P3", id="display-p3"),
        pytest.param(draw.ADOBE_RGB, "Adobe RGB (1998)", id="adobe-rgb"),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_embedded_profiles_become_srgb(home, profile, name, kind):
    """A picture is converted into the profile by lcms, saved so, and has to come back as it was."""
    truth = Image.fromarray(cv2.GaussianBlur(draw.scene(3), (0, 0), 0.6)).point(lambda level: 60 + level * 0.5)
    srgb = ImageCms.createProfile("sRGB")
    wide = ImageCms.profileToProfile(truth, srgb, ImageCms.getOpenProfile(io.BytesIO(profile)))
    assert wide is not None
    wide.save(home / "a.jpg", kind, icc_profile=profile, **({"quality": 97} if kind == "JPEG" else {}))

    record = read_one(home)

    assert record.colour_profile == name
    wrong = np.abs(np.asarray(wide).astype(int) - np.asarray(truth)).mean()
    right = np.abs(working(home, record).astype(int) - np.asarray(truth)).mean()
    assert right < 2.0
    assert right < wrong / 1.5


@pytest.mark.parametrize(
    "mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "I;16", "LAB"], ids=lambda mode: mode.replace(";", "-")
)
def test_every_pixel_layout_becomes_eight_bit_rgb(home, mode):
    picture = Image.fromarray(draw.marked_scene())
    if mode == "I;16":
        levels = np.asarray(picture.convert("L")).astype(np.uint16) * 257
        stored = Image.fromarray(levels)
    elif mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        stored = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
        assert stored is not None
    else:
        stored = picture.convert(mode)
    draw_as = {"format": "TIFF"} if mode in ("CMYK", "LAB") else {"format": "PNG", "compress_level": 1}
    stored.save(home / "a.tif", **draw_as)
    record = read_one(home)
    assert record.verdict is Verdict.KEPT, record.reason
    seen = working(home, record)
    truth = np.asarray(picture.convert("L") if mode in ("L", "LA", "1", "I;16") else picture)
    # Averaged over a few pixels, which the dots of a bilevel picture need.
    means = [cv2.blur(each.astype(np.float32), (15, 15)) for each in (seen, truth)]
    grey = means[0] if truth.ndim == 3 else means[0][..., 0]
    assert np.abs(grey - means[1]).mean() < 10


def test_a_cmyk_jpeg_is_not_shown_inverted(home):
    Image.fromarray(draw.marked_scene()).convert("CMYK").save(home / "a.jpg", "JPEG", quality=95)
    record = read_one(home)
    assert np.abs(working(home, record).astype(int) - draw.marked_scene()).mean() < 10


def test_transparency_is_laid_on_white(home):
    picture = np.dstack([draw.scene(), np.full((720, 960), 255, np.uint8)])
    picture[:300, :300, 3] = 0
    Image.fromarray(picture).save(home / "a.png", compress_level=1)
    assert working(home, read_one(home))[20:280, 20:280].min() > 245


def test_a_profile_that_does_not_fit_the_pixels_is_ignored(home):
    Image.fromarray(draw.marked_scene()).convert("L").save(
        home / "a.png", icc_profile=draw.DISPLAY_P3, compress_level=1
    )
    draw.save(home / "b.jpg", draw.scene(5), icc_profile=b"not a profile" * 40)
    assert {record.verdict for record in read(home).values()} == {Verdict.KEPT}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize(
    ("said", "exponent"),
    [
        pytest.param({"gAMA": 100_000}, 1.0, id="light-itself"),
        pytest.param({"gAMA": 55_556}, 1 / 1.8, id="an-old-mac's"),
        pytest.param({"gAMA": 45_455}, None, id="the-usual-one"),
        pytest.param({"sRGB": 0, "gAMA": 100_000}, None, id="srgb-comes-first"),
        pytest.param({"gAMA": 0}, None, id="nonsense"),
    ],
)
def test_a_png_is_shown_as_bright_as_its_gamma_says(home, mode, said, exponent):
    shown = np.full((720, 960, 3), 128, np.uint8)
    shown[200:400, 300:600] = 40
    light = np.where(shown / 255 <= 0.04045, shown / 255 / 12.92, ((shown / 255 + 0.055) / 1.055) ** 2.4)
    stored = shown if exponent is None else np.round(255 * light**exponent).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(stored).convert(mode).save(stream, "PNG", compress_level=1)
    content = stream.getvalue()
    chunks = b"".join(draw.png_chunk(name, value) for name, value in said.items())
    decoded = _decoded(content[:33] + chunks + content[33:])
    assert np.abs(decoded.astype(int) - shown).max() <= 4


@pytest.mark.parametrize(
    ("width", "height", "long"),
    [
        pytest.param(6000, 4000, 3000, id="24-megapixels-at-half"),
        pytest.param(4032, 3024, 3840, id="12-megapixels-just-shrunk"),
        pytest.param(1920, 1280, 1920, id="full-hd-as-it-is"),
        pytest.param(9000, 2000, 6480, id="a-panorama-keeps-its-height"),
    ],
)
def test_working_photos_are_as_large_as_the_film_needs_and_no_larger(home, width, height, long):
    picture = cv2.resize(draw.scene(8, 960, 640), (width, height), interpolation=cv2.INTER_NEAREST)
    draw.save(home / "a.jpg", picture, quality=75)
    record = read_one(home)
    assert (record.width_px, record.height_px) == (width, height)
    assert record.working_width_px == long
    assert working(home, record).shape == (record.working_height_px, record.working_width_px, 3)


def _jpeg(picture: np.ndarray, **settings: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", **{"quality": 92, **settings})
    return stream.getvalue()


def _thumbnailed() -> bytes:
    """A JPEG cut off in its picture, whose EXIF holds a whole thumbnail with an end marker."""
    thumbnail = _jpeg(draw.scene(1, 64, 48))
    whole = _jpeg(draw.scene(), exif=b"Exif\0\0II*\0\x08\0\0\0" + bytes(6) + thumbnail)
    return whole[: len(whole) * 2 // 3]


def _half_zeros(**settings: object) -> bytes:
    whole = _jpeg(draw.scene(), **settings)
    half = len(whole) // 2
    return whole[:half] + bytes(len(whole) - half - 2) + whole[-2:]


def _flat_half_zeros() -> bytes:
    """Of mostly flat blocks, so that zeros may be sound in it, but not so many."""
    picture = draw.scene(2)
    picture[:200] = 0
    whole = _jpeg(picture, quality=75, optimize=True)
    half = len(whole) // 2
    return whole[:half] + bytes(len(whole) - half - 2) + whole[-2:]


def _overwritten(with_bytes: bytes, **settings: object) -> bytes:
    whole = _jpeg(draw.scene(), **settings)
    half = len(whole) // 2
    return whole[:half] + with_bytes + whole[half + len(with_bytes) :]


def _block_misplaced(picture: Image.Image | None = None, **settings: object) -> bytes:
    """A JPEG in which one block of a disk was written over another."""
    stream = io.BytesIO()
    (picture or Image.fromarray(draw.scene())).save(stream, "JPEG", **{"quality": 92, **settings})
    whole = stream.getvalue()
    half = len(whole) // 2
    return whole[:half] + whole[8192:12288] + whole[half + 4096 :]


def _last_part_zeros() -> bytes:
    whole = _jpeg(draw.scene())
    return whole[:-3002] + bytes(3000) + whole[-2:]


def _with_restarts_lost() -> bytes:
    """A JPEG from whose middle three rows of MCUs have gone."""
    whole = _jpeg(draw.scene(), restart_marker_rows=1)
    restarts = [at for at in range(len(whole) - 1) if whole[at] == 0xFF and 0xD0 <= whole[at + 1] <= 0xD7]
    return whole[: restarts[10]] + whole[restarts[13] :]


def _blurred() -> np.ndarray:
    return cv2.GaussianBlur(draw.scene(3, 1920, 1280), (0, 0), 4)


def _grainy() -> np.ndarray:
    blurred = _blurred()
    return np.clip(blurred + np.random.default_rng(0).normal(0, 3, blurred.shape), 0, 255).astype(np.uint8)


# Pictures are drawn when they are wanted: each worker of a test run reads this file, and one of them tests with it.
REFUSED = [
    pytest.param("a.jpg", b"", "empty", id="empty"),
    pytest.param("a.jpg", b"this is not a picture" * 50, "cannot be read as a picture", id="text"),
    pytest.param("a.jpg", bytes(50_000), "only zeros", id="zeros"),
    pytest.param("a.jpg", b"<!DOCTYPE html><html>Not found</html>", "web page", id="web-page"),
    pytest.param("a.jpg", lambda: _jpeg(draw.scene())[:30_000], "cut off", id="truncated-jpeg"),
    pytest.param("a.jpg", _thumbnailed, "cut off", id="truncated-jpeg-with-a-whole-thumbnail"),
    pytest.param("a.jpg", _flat_half_zeros, "damaged: a part", id="jpeg-of-flat-blocks-with-its-second-half-zeros"),
    pytest.param("a.jpg", _half_zeros, "damaged: a part", id="jpeg-with-its-second-half-zeros"),
    pytest.param(
        "a.jpg", lambda: _half_zeros(progressive=True), "damaged: a part", id="progressive-jpeg-with-a-half-of-zeros"
    ),
    pytest.param(
        "a.jpg", lambda: _overwritten(b"\xff" * 40), "damaged: a part", id="jpeg-overwritten-with-forty-erased-bytes"
    ),
    pytest.param(
        "a.jpg", lambda: _overwritten(b"lost \xff\x31 found"), "damaged: a part", id="jpeg-with-a-marker-that-is-none"
    ),
    pytest.param("a.jpg", _last_part_zeros, "damaged: a part", id="jpeg-with-its-last-bytes-zeros"),
    pytest.param("a.jpg", _block_misplaced, "damaged: a part", id="jpeg-with-a-block-misplaced"),
    pytest.param(
        "a.jpg",
        lambda: _block_misplaced(icc_profile=draw.DISPLAY_P3),
        "damaged: a part",
        id="jpeg-of-a-phone-with-a-block-misplaced",
    ),
    pytest.param(
        "a.jpg",
        lambda: _block_misplaced(Image.fromarray(draw.scene()).convert("CMYK")),
        "damaged: a part",
        id="cmyk-jpeg-with-a-block-misplaced",
    ),
    pytest.param("a.jpg", _with_restarts_lost, "damaged: a part", id="jpeg-whose-restart-markers-skip-some"),
    pytest.param("a.jpg", lambda: _jpeg(draw.scene(1, 900, 600)), "too small: 900 × 600", id="too-small"),
    pytest.param("a.jpg", lambda: _jpeg(np.full((720, 960, 3), 6, np.uint8)), "almost black", id="black"),
    pytest.param("a.jpg", lambda: _jpeg((draw.scene() * 0.08).astype(np.uint8)), "almost black", id="under-exposed"),
    pytest.param("a.jpg", lambda: _jpeg(np.full((720, 960, 3), 252, np.uint8)), "almost white", id="white"),
    pytest.param("a.jpg", lambda: _jpeg(_blurred()), "blurred", id="blurred"),
    pytest.param("a.jpg", lambda: _jpeg(_grainy()), "blurred", id="blurred-and-noisy"),
    pytest.param("a.jpg", lambda: _jpeg(draw.floor_plan()), "floor plan", id="floor-plan"),
    pytest.param("a.jpg", lambda: _jpeg(draw.floor_plan(noise=3)), "floor plan", id="scanned-floor-plan"),
    pytest.param("a.jpg", lambda: _jpeg(draw.graphic()), "graphic", id="logo"),
    pytest.param("a.jpg", lambda: _jpeg(draw.screenshot()), "not a photograph", id="screenshot"),
    pytest.param("a.jpg", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", id="svg-named-jpg"),
    pytest.param("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", id="svg"),
    pytest.param("a.dng", lambda: draw.tiff_claiming(900, 900), "camera raw", id="raw"),
    pytest.param("a.png", lambda: draw.png_with_header(30_000, 30_000), "megapixels", id="png-bomb"),
    pytest.param("a.png", lambda: draw.png_with_header(14_000, 14_000), "far too few bytes", id="lying-png"),
    pytest.param("a.tif", lambda: draw.tiff_claiming(40_000, 40_000), "megapixels", id="tiff-bomb"),
    pytest.param("a.tif", lambda: draw.tiff_claiming(13_000, 13_000), "damaged", id="lying-tiff"),
    pytest.param("a.jpg", lambda: draw.jpeg_claiming(65_000, 65_000), "megapixels", id="jpeg-bomb"),
]


@pytest.mark.parametrize(("name", "content", "reason"), REFUSED)
def test_what_cannot_be_used_is_refused_with_its_reason_and_its_original_kept(home, name, content, reason):
    content = content() if callable(content) else content
    (home / name).write_bytes(content)
    record = read_one(home)
    assert record.verdict is Verdict.REFUSED
    assert reason in record.reason
    assert (record.working, record.working_width_px) == (None, 0)
    assert local(home, record.original).read_bytes() == content
    assert not list((home.parent / "media" / "working").iterdir())


@pytest.mark.parametrize(
    "draw_picture",
    [
        pytest.param(draw.bokeh, id="one-sharp-thing-before-a-soft-background"),
        pytest.param(lambda: np.clip(draw.scene(2) * 0.3, 0, 255).astype(np.uint8), id="dark-room"),
        pytest.param(
            lambda: np.where(np.arange(720)[:, None, None] < 240, draw.scene(2), 4).astype(np.uint8), id="silhouette"
        ),
        pytest.param(lambda: (draw.scene(2) // 4 + 185).astype(np.uint8), id="bright-white-room"),
        pytest.param(draw.outdoors, id="smooth-sky"),
        pytest.param(draw.indoors, id="plain-walls"),
        pytest.param(lambda: cv2.GaussianBlur(draw.scene(3, 1920, 1280), (0, 0), 1.5), id="a-little-soft"),
    ],
)
def test_difficult_photographs_stay(home, draw_picture):
    draw.save(home / "a.jpg", draw_picture())
    assert read_one(home).reason == ""


def test_more_blur_is_less_sharp_at_any_size(home):
    sharpest = draw.scene(3, 1920, 1280)
    for blur in (0, 1, 2, 3):
        draw.save(home / f"{blur}.jpg", cv2.GaussianBlur(sharpest, (0, 0), blur) if blur else sharpest)
    draw.save(home / "half.jpg", cv2.resize(sharpest, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[:, ::-1])
    records = read(home)
    values = [records[f"{blur}.jpg"].sharpness for blur in (0, 1, 2, 3)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[3] > 0.3


def test_equal_files_are_one_photo_under_the_name_the_manifest_uses(home):
    for name in ("a.jpg", "b/copy.jpg", "c.jpg"):
        draw.save(home / name, draw.scene())
    url = "https://ann:hunter2@example.com/c?X-Amz-Signature=abc#token"
    (home / "listing.yaml").write_text(f"photos: [{{file: c.jpg, source_url: '{url}'}}]")
    records = read(home)
    assert list(records) == ["c.jpg"]
    assert records["c.jpg"].source_url == "https://example.com/c"


@pytest.mark.parametrize(
    ("names", "in_manifest", "stays"),
    [
        pytest.param(("DSC_0001.jpg", "master-bedroom.jpg"), None, "master-bedroom.jpg", id="the-room-comes-second"),
        pytest.param(("kitchen.jpg", "z_0001.jpg"), None, "kitchen.jpg", id="the-room-comes-first"),
        pytest.param(("DSC_1.jpg", "pool/IMG_2.jpg"), None, "pool/IMG_2.jpg", id="a-folder-names-the-room"),
        pytest.param(("bedroom/IMG_1.jpg", "pool.jpg"), None, "pool.jpg", id="a-name-says-more-than-a-folder"),
        pytest.param(("bath.jpg", "kitchen.jpg"), None, "bath.jpg", id="of-two-rooms-the-first"),
        pytest.param(("DSC_1.jpg", "DSC_2.jpg"), None, "DSC_1.jpg", id="of-two-numbers-the-first"),
        pytest.param(("DSC_1.jpg", "kitchen.jpg"), "DSC_1.jpg", "DSC_1.jpg", id="the-manifest-comes-before-a-room"),
    ],
)
def test_of_equal_files_the_name_that_says_most_stays(home, names, in_manifest, stays):
    for name in names:
        draw.save(home / name, draw.scene())
    if in_manifest:
        (home / "listing.yaml").write_text(f"photos: [{{file: {in_manifest}}}]")
    for workers in (1, 2):
        assert list(read(home, workers=workers)) == [stays]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda picture: cv2.resize(picture, (1440, 960), interpolation=cv2.INTER_AREA), id="smaller"),
        pytest.param(lambda picture: np.clip(picture * 1.2, 0, 255).astype(np.uint8), id="brighter"),
        pytest.param(lambda picture: cv2.resize(picture[12:-12, 18:-18], (1920, 1280)), id="cropped-by-a-hair"),
    ],
)
def test_of_near_duplicates_the_better_one_stays(home, change):
    picture = draw.scene(3, 1920, 1280)
    draw.save(home / "good.jpg", picture)
    draw.save(home / "again.jpg", cv2.GaussianBlur(change(picture), (0, 0), 1.2), quality=70)
    records = read(home)
    good, again = records["good.jpg"], records["again.jpg"]
    assert good.verdict is Verdict.KEPT
    assert (again.verdict, again.duplicate_of, again.working) == (Verdict.REFUSED, good.photo_id, None)
    assert "nearly the same picture as good.jpg" in again.reason
    assert [file.stem for file in (home.parent / "media" / "working").iterdir()] == [good.photo_id[:16]]


@pytest.mark.parametrize(
    ("width_px", "has_colour", "in_manifest", "stays"),
    [
        pytest.param(1200, True, "", "photo.jpg", id="the-photo"),
        pytest.param(800, True, "", "copy.jpg", id="a-thumbnail-is-no-better-for-its-colours"),
        pytest.param(1200, True, "copy.jpg", "copy.jpg", id="the-manifest-wants-the-copy"),
        pytest.param(1200, False, "", "copy.jpg", id="both-are-black-and-white"),
    ],
)
def test_a_black_and_white_copy_does_not_take_its_photos_place(home, width_px, has_colour, in_manifest, stays):
    picture = draw.scene(3, 1200, 960)
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    muted = (0.8 * grey + 0.2 * picture).astype(np.uint8) if has_colour else grey
    draw.save(home / "photo.jpg", cv2.resize(muted, (width_px, width_px * 4 // 5)), quality=85)
    draw.save(home / "copy.jpg", grey, quality=97)
    if in_manifest:
        (home / "listing.yaml").write_text(f"photos: [{{file: {in_manifest}}}]")
    records = read(home)
    assert [name for name, record in records.items() if record.verdict is Verdict.KEPT] == [stays]
    assert {record.duplicate_of for record in records.values()} == {None, records[stays].photo_id}
    again = read(home, known={record.photo_id: record for record in records.values()})
    assert again == records


@pytest.mark.parametrize(
    "few",
    [
        pytest.param(lambda picture: picture.convert("P"), id="a-palette"),
        pytest.param(lambda picture: picture.convert("1"), id="black-and-white-dots"),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_dots_are_not_taken_for_the_sharper_photo(home, few, form):
    picture = cv2.GaussianBlur(draw.scene(3, 1200, 800), (0, 0), 0.6)
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    draw.save(home / "photo.jpg", grey)
    few(Image.fromarray(grey)).save(home / "dots", form)
    records = read(home)
    assert records["photo.jpg"].verdict is Verdict.KEPT
    assert records["dots"].duplicate_of == records["photo.jpg"].photo_id


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda picture: draw.scene(4, 1920, 1280), id="another-room"),
        pytest.param(lambda picture: picture[:, ::-1], id="mirrored"),
        pytest.param(lambda picture: picture[:, :, ::-1], id="painted-another-colour"),
        pytest.param(
            lambda picture: cv2.resize(picture[200:, 300:], (1920, 1280)), id="a-closer-view-of-the-same-room"
        ),
        pytest.param(lambda picture: np.roll(picture, 250, axis=1), id="the-same-room-from-further-right"),
    ],
)
def test_two_views_are_never_near_duplicates(home, other):
    picture = draw.scene(3, 1920, 1280)
    draw.save(home / "one.jpg", picture)
    draw.save(home / "two.jpg", other(picture))
    assert {record.verdict for record in read(home).values()} == {Verdict.KEPT}


def test_reading_again_decodes_nothing_and_changes_nothing(home, monkeypatch):
    for seed in range(3):
        draw.save(home / f"{seed}.jpg", draw.scene(seed))
    draw.save(home / "dup.jpg", draw.scene(2)[:-4], quality=60)
    (home / "bad.jpg").write_bytes(b"nothing")
    first = read(home)
    monkeypatch.setattr(photos, "decode", None)
    monkeypatch.setattr(photos, "read_header", None)
    again = read(home, known={record.photo_id: record for record in first.values()})
    assert again == first


def test_a_photo_whose_working_file_is_gone_is_made_again(home):
    draw.save(home / "a.jpg", draw.scene())
    first = read_one(home)
    local(home, first.working).unlink()
    again = read(home, known={first.photo_id: first})
    assert again == {"a.jpg": first}
    assert local(home, first.working).is_file()


def test_a_near_duplicate_comes_back_when_the_better_one_is_taken_away(home):
    picture = draw.scene(3, 1920, 1280)
    draw.save(home / "good.jpg", picture)
    draw.save(home / "again.jpg", picture, quality=60)
    known = {record.photo_id: record for record in read(home).values()}
    (home / "good.jpg").unlink()
    assert read(home, known=known)["again.jpg"].verdict is Verdict.KEPT


def _better_comes(home: Path) -> None:
    draw.save(home / "best.jpg", draw.scene(3, 1920, 1280), quality=97)


def _loser_is_named(home: Path) -> None:
    (home / "listing.yaml").write_text("photos: [{file: again.jpg}]")


def _third_is_named(home: Path) -> None:
    (home / "listing.yaml").write_text("photos: [{file: third.jpg}]")


def _best_leaves(home: Path) -> None:
    (home / "good.jpg").unlink()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([_better_comes], id="a-better-one-comes"),
        pytest.param([_loser_is_named], id="the-manifest-names-the-one-that-lost"),
        pytest.param([_third_is_named], id="the-manifest-names-another-that-lost"),
        pytest.param([_best_leaves], id="the-best-one-leaves"),
        pytest.param([_better_comes, _best_leaves, _loser_is_named], id="all-of-it-one-after-the-other"),
    ],
)
def test_the_choice_among_near_duplicates_is_that_of_a_first_reading(home, changes):
    picture = draw.scene(3, 1920, 1280)
    for name, blur in (("good.jpg", 0.8), ("again.jpg", 1.2), ("third.jpg", 1.5)):
        draw.save(home / name, cv2.GaussianBlur(picture, (0, 0), blur))
    draw.save(home / "other.jpg", draw.scene(4))
    records = read(home)
    assert [name for name, record in records.items() if record.verdict is Verdict.KEPT] == ["good.jpg", "other.jpg"]
    for change in changes:
        change(home)
        records = read(home, known={record.photo_id: record for record in records.values()})
    fresh = read_photos(read_listing_folder(home), home.parent / "fresh", "villa")
    assert list(records.values()) == fresh
    for record in fresh:
        working_file = home.parent / "media" / "working" / f"{record.photo_id[:16]}.jpg"
        assert working_file.is_file() is (record.verdict is Verdict.KEPT)


def test_a_remembered_near_duplicate_that_would_be_refused_today_is_refused_for_that(home, monkeypatch):
    picture = draw.scene(3, 1920, 1280)
    draw.save(home / "good.jpg", picture)
    draw.save(home / "again.jpg", cv2.GaussianBlur(picture, (0, 0), 1.2))
    known = {record.photo_id: record for record in read(home).values()}
    (home / "listing.yaml").write_text("photos: [{file: again.jpg}]")

    def refuse(*_arguments: object) -> None:
        raise RefusedPhotoError("it is damaged")

    monkeypatch.setattr(photos, "decode", refuse)
    records = read(home, known=known)
    assert records["good.jpg"].verdict is Verdict.KEPT
    assert (records["again.jpg"].reason, records["again.jpg"].duplicate_of) == ("it is damaged", None)


def test_one_worker_and_many_give_the_same_rows_and_bytes(home, tmp_path):
    for seed in range(4):
        draw.save(home / f"{seed}.jpg", draw.scene(seed))
    folder = read_listing_folder(home)
    results = [read_photos(folder, tmp_path / str(workers), "villa", workers=workers) for workers in (1, 4)]
    assert results[0] == results[1]
    for record in results[0]:
        name = Path(record.working or "").name
        assert (tmp_path / "1/working" / name).read_bytes() == (tmp_path / "4/working" / name).read_bytes()


def test_progress_rises_to_one(home):
    for seed in range(3):
        draw.save(home / f"{seed}.jpg", draw.scene(seed))
    parts: list[float] = []
    read(home, progress=parts.append)
    assert parts == [pytest.approx(part / 3) for part in (1, 2, 3)]


@pytest.mark.parametrize("error", [ValueError("odd"), SyntaxError("not a PNG"), IndexError(), RuntimeError("codec")])
def test_whatever_a_decoder_raises_becomes_a_row(home, monkeypatch, error):
    draw.save(home / "a.jpg", draw.scene())
    draw.save(home / "b.png", draw.scene(1), "PNG")

    def broken(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(photo_decoding, "_decode_with_pillow", broken)
    records = read(home)
    assert records["a.jpg"].verdict is Verdict.KEPT
    assert records["b.png"].verdict is Verdict.REFUSED
    assert "cannot be decoded" in records["b.png"].reason


def test_a_full_disk_stops_the_reading_with_one_clear_line(home, monkeypatch):
    draw.save(home / "a.jpg", draw.scene())
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if ".reading-" in str(path) and len(content) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match=r"No space left on device; free some space"):
        read(home)
    assert [file for file in (home.parent / "media").rglob("*") if file.is_file()] == []


def test_an_interruption_leaves_whole_files_only(home):
    for seed in range(4):
        draw.save(home / f"{seed}.jpg", draw.scene(seed))

    def interrupt(_part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(home, progress=interrupt, workers=1)
    left = [file for file in (home.parent / "media").rglob("*") if file.is_file()]
    assert all(file.parent.name in ("originals", "working") for file in left)
    for file in (home.parent / "media" / "working").iterdir():
        assert cv2.imread(str(file)) is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_a_row(home):
    draw.save(home / "a.jpg", draw.scene()).chmod(0)
    assert "cannot be opened" in read_one(home).reason
