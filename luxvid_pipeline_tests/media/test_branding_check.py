"""Claims about files that go out unbranded: what names somebody is found, what does not is not."""

import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from luxvid_pipeline.domain.brand import CardText
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.media import branding_check
from luxvid_pipeline.media.brand_graphics import agent_card, caption, logo_mark
from luxvid_pipeline.media.branding_check import LogoSearch, added_pixels, branding_in, words_in_file, words_in_name
from luxvid_pipeline.media.logos import Logo
from luxvid_pipeline_tests.clips import draw_clip
from luxvid_pipeline_tests.drawn import scenery

IDENTITY = ("Elena Marlowe", "DRE 01234567", "Aurora Estates", "+1 310 555 0142", "elena@example.com")
SIZE = (960, 540)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return draw_clip(tmp_path_factory.mktemp("clip") / "villa-aurora_28s_16x9_unbranded.mp4", 0.5)


def tagged(clip, into, *options):
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([ffmpeg, "-v", "error", "-y", "-i", str(clip), "-c", "copy", *options, str(into)], check=True)
    return into


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("villa-aurora_28s_16x9_unbranded_1080p.mp4", ()),
        ("villa-aurora_elena-marlowe.mp4", ("Elena Marlowe",)),
        ("Villa by Aurora_Estates.mp4", ("Aurora Estates",)),
        ("call-13105550142.mp4", ("+1 310 555 0142",)),
    ],
)
def test_a_name_that_says_who_sells_is_found(name, found):
    assert [finding.what for finding in words_in_name(name, IDENTITY)] == [f"it contains {word!r}" for word in found]


def test_an_unbranded_film_has_nothing_to_find(clip):
    assert words_in_file(clip, IDENTITY) == ()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["-metadata", "artist=ELENA MARLOWE"], "Elena Marlowe"),
        (["-metadata", "comment=Call (310) 555-0142 today"], "+1 310 555 0142"),
        (["-metadata:s:v:0", "title=x", "-metadata", "description=by Aurora  Estates"], "Aurora Estates"),
    ],
)
def test_a_tag_that_says_who_sells_is_found(clip, tmp_path, options, word):
    found = words_in_file(tagged(clip, tmp_path / "film.mp4", *options), IDENTITY)
    assert [(finding.where, finding.what) for finding in found] == [("metadata", f"it says {word!r}")]


def test_a_name_hidden_anywhere_in_the_bytes_is_found(clip, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(clip.read_bytes() + b"\x00\x00\x00\x20free" + "Elena Marlowe".encode("utf-16-be")[:24])
    assert not words_in_file(path, IDENTITY)
    path.write_bytes(clip.read_bytes() + b"\x00\x00\x00\x22free" + "Elena Marlowe".encode("utf-16-be"))
    assert words_in_file(path, IDENTITY)


def test_a_picture_says_nothing_in_its_tags(tmp_path):
    path = tmp_path / "poster.png"
    tags = PngImagePlugin.PngInfo()
    tags.add_text("Author", "Elena Marlowe")
    Image.new("RGB", (64, 36)).save(path, pnginfo=tags)
    assert [finding.where for finding in words_in_file(path, IDENTITY)] == ["metadata"]
    Image.new("RGB", (64, 36)).save(path)
    assert words_in_file(path, IDENTITY) == ()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("<p>Villa Aurora, 12 Cliff Road</p>", 0),
        ("<p>Éléna  Marlówe</p>", 1),
        ("tel:+13105550142", 1),
        ("sha256: 3105550142313105550142aa", 0),
        ("Marlowesque", 0),
    ],
)
def test_a_text_is_read_as_people_read_it(tmp_path, text, count):
    path = tmp_path / "index.html"
    path.write_text(text)
    assert len(words_in_file(path, IDENTITY)) == count


def test_an_unreadable_film_is_an_error(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"no film")
    with pytest.raises(MediaError, match=r"film\.mp4"):
        words_in_file(path, IDENTITY)


@pytest.fixture(scope="module")
def photo():
    return np.dstack([scenery(*SIZE, seed=seed) for seed in (3, 3, 3)]).astype(np.uint8)[..., :3]


@pytest.fixture(scope="module")
def logo():
    rgba = np.zeros((200, 520, 4), dtype=np.uint8)
    mask = np.zeros((200, 520), dtype=np.uint8)
    cv2.circle(mask, (100, 100), 80, 255, 10)
    cv2.circle(mask, (100, 100), 40, 255, 8)
    cv2.putText(mask, "AURORA", (200, 120), cv2.FONT_HERSHEY_DUPLEX, 2.4, 255, 5, cv2.LINE_AA)
    cv2.putText(mask, "ESTATES", (205, 180), cv2.FONT_HERSHEY_DUPLEX, 1.4, 255, 3, cv2.LINE_AA)
    rgba[..., :3], rgba[..., 3] = 240, mask
    return Logo(rgba=rgba, one_colour=True)


def laid(picture, overlay):
    alpha = overlay[..., 3:].astype(float) / 255
    return (picture * (1 - alpha) + overlay[..., :3] * alpha).astype(np.uint8)


def look(tmp_path, picture, **wanted):
    path = tmp_path / "poster.png"
    Image.fromarray(picture).save(path)
    return [finding.what for finding in branding_in(path, IDENTITY, **wanted)]


def test_cards_captions_and_logos_are_found_in_the_picture_and_only_there(tmp_path, photo, logo):
    card = agent_card(CardText(title="Villa Aurora", agent="Elena Marlowe", phone="+1 310 555 0142"), SIZE, ["#0B2545"])
    words, mark = caption("Principal bedroom", SIZE), logo_mark(logo, SIZE)
    wanted = {"cards": [card], "overlays": [words, mark], "logo": logo}
    assert look(tmp_path, photo, **wanted) == []
    assert "a card is shown" in look(tmp_path, card[..., :3], cards=[card])
    faded = (card[..., :3] * 0.4).astype(np.uint8)
    assert "a card is shown" in look(tmp_path, faded, cards=[card])
    assert look(tmp_path, laid(photo, words), overlays=[words]) == ["an overlay is laid over the picture"]
    assert look(tmp_path, laid(photo, mark), overlays=[mark]) == ["an overlay is laid over the picture"]


@pytest.mark.parametrize(
    ("width", "at", "dark"), [(180, (300, 400), False), (330, (60, 500), True), (260, (250, 200), False)]
)
def test_a_logo_is_found_wherever_it_stands_light_or_dark(photo, logo, width, at, dark):
    small = cv2.resize(logo.rgba, (width, round(width / logo.aspect)), interpolation=cv2.INTER_AREA)
    overlay = np.zeros((*photo.shape[:2], 4), dtype=np.uint8)
    overlay[at[0] : at[0] + small.shape[0], at[1] : at[1] + small.shape[1]] = small
    if dark:
        overlay[..., :3] = 255 - overlay[..., :3]
    quiet = cv2.GaussianBlur(photo, (0, 0), 4)
    grey = cv2.cvtColor(laid(quiet, overlay), cv2.COLOR_RGB2GRAY)
    search = LogoSearch(logo)
    assert search.points_in(grey) >= branding_check._LOGO_POINTS
    assert search.points_in(cv2.cvtColor(quiet, cv2.COLOR_RGB2GRAY)) < branding_check._LOGO_POINTS


def test_an_added_pixel_is_found_against_the_clip_it_came_from(photo):
    noisy = np.clip(photo.astype(int) + np.random.default_rng(1).integers(-12, 13, photo.shape), 0, 255).astype(
        np.uint8
    )
    assert added_pixels([noisy], [photo]) == ()
    marked = photo.copy()
    marked[40:60, 800:860] = 255 - marked[40:60, 800:860]
    (found,) = added_pixels([photo, marked], [photo, photo])
    assert found.startswith("frame 1 differs from its clip at 8")


def test_a_whole_film_is_looked_at(clip):
    card = agent_card(CardText(agent="Elena Marlowe"), (320, 180))
    assert branding_in(clip, IDENTITY, cards=[card], overlays=[caption("Kitchen", (320, 180))]) == ()
