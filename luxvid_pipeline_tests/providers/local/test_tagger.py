from pathlib import Path

import numpy as np
import pytest

from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.domain.listing import ListingManifest, PhotoEntry
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline.media.photo_content import look_at
from luxvid_pipeline.providers.local.tagger import LocalTagger
from luxvid_pipeline_tests import photo_files as draw

pytestmark = pytest.mark.usefixtures("photos_looked_at_anew")


def photo(tmp_path: Path, picture: np.ndarray, file: str) -> WorkingPhoto:
    path = draw.save(tmp_path / file.replace("/", "-"), picture)
    record = PhotoRecord(
        photo_id=file,
        file=file,
        original=f"originals/{file}",
        working=f"working/{file}",
        bytes=1,
        working_width_px=picture.shape[1],
        working_height_px=picture.shape[0],
        sharpness=0.8,
        exposure=float(picture.mean()) / 255,
        verdict=Verdict.KEPT,
    )
    return WorkingPhoto(record=record, path=path)


def tag(tmp_path: Path, picture: np.ndarray, file: str, *entries: PhotoEntry) -> CataloguedPhoto:
    (tagged,) = LocalTagger().tag([photo(tmp_path, picture, file)], ListingManifest(photos=entries)).photos
    return tagged


@pytest.mark.parametrize(
    ("picture", "file", "entries", "room", "room_by"),
    [
        pytest.param(
            draw.indoors(), "kitchen.jpg", [PhotoEntry(file="kitchen.jpg", room=Room.OFFICE)], Room.OFFICE, "manifest",
            id="the-manifest-before-the-name",
        ),
        pytest.param(draw.indoors(), "kitchen.jpg", [], Room.KITCHEN, "file name", id="the-name-before-the-pixels"),
        pytest.param(draw.indoors(), "IMG_1.jpg", [], Room.UNKNOWN, "local rule", id="an-interior-nobody-named"),
        pytest.param(draw.outdoors(), "IMG_1.jpg", [], Room.UNKNOWN, "local rule", id="an-exterior-nobody-named"),
    ],
)  # fmt: skip
def test_who_says_the_room(tmp_path, picture, file, entries, room, room_by):
    tagged = tag(tmp_path, picture, file, *entries)
    assert (tagged.room, tagged.room_by) == (room, room_by)
    assert (tagged.room_confidence == 1.0) == (room_by == "manifest")


def test_pixels_tell_outside_from_inside(tmp_path):
    outside, inside = look_at(draw.outdoors()[..., ::-1]), look_at(draw.indoors()[..., ::-1])
    assert outside.exterior > 0.9
    assert inside.exterior < 0.3
    assert "exterior" in tag(tmp_path, draw.outdoors(), "IMG_1.jpg").features
    assert {"sky", "greenery"} <= set(tag(tmp_path, draw.outdoors(), "IMG_1.jpg").features)
    assert "interior" in tag(tmp_path, draw.indoors(), "IMG_2.jpg").features


def test_pixels_contradict_a_name_that_lies(tmp_path):
    honest = tag(tmp_path, draw.indoors(), "bathroom.jpg")
    lying = tag(tmp_path, draw.outdoors(), "bathroom.jpg")
    assert honest.room is Room.BATHROOM
    assert (lying.room, lying.suitability["3-vanity"]) == (Room.UNKNOWN, 0.0)
    assert (
        tag(tmp_path, draw.indoors(), "pool.jpg").room_confidence
        < tag(tmp_path, draw.outdoors(), "pool.jpg").room_confidence
    )


def test_a_pool_is_seen_without_a_name(tmp_path):
    picture = draw.outdoors()
    picture[440:600, 200:700] = np.clip(np.random.default_rng(1).normal((70, 190, 215), 4, (160, 500, 3)), 0, 255)
    picture[:320] = picture[320:]  # trees instead of sky
    tagged = tag(tmp_path, picture, "IMG_3.jpg")
    assert (tagged.room, tagged.room_by) == (Room.POOL, "local rule")
    assert tagged.room_confidence < 0.75
    assert "water" in tagged.features


@pytest.mark.parametrize(
    ("rows", "columns", "is_sky"),
    [
        pytest.param(160, 960, True, id="an-overcast-sky"),
        pytest.param(240, 240, False, id="a-white-gable"),
    ],
)
def test_a_little_white_at_the_upper_edge_may_be_a_wall(tmp_path, rows, columns, is_sky):
    picture = draw.outdoors()
    picture[:320] = picture[320:]  # trees instead of sky
    picture[:rows, :columns] = (218, 216, 212)
    assert ("sky" in tag(tmp_path, picture, "front-1.jpg").features) is is_sky


@pytest.mark.parametrize("room", list(Room))
def test_no_scene_takes_a_room_it_does_not_list(tmp_path, room):
    entries = () if room is Room.UNKNOWN else (PhotoEntry(file="a.jpg", room=room),)
    tagged = tag(tmp_path, draw.indoors(), "a.jpg", *entries)
    assert list(tagged.suitability) == [scene.key for scene in SCENES]
    for scene in SCENES:
        assert (tagged.suitability[scene.key] > 0) == (room in scene.rooms)
        assert tagged.suitability[scene.key] <= 1


def test_measures_follow_the_picture(tmp_path):
    random = np.random.default_rng(2)
    half = draw.scene(5, 480, 640)
    mirrored = np.concatenate([half, half[:, ::-1]], axis=1)
    warm = np.clip(draw.scene(5) * (1.2, 0.9, 0.5), 0, 255).astype(np.uint8)
    assert look_at(mirrored).symmetry > 0.95
    assert look_at(mirrored).symmetry > look_at(draw.scene(5)).symmetry + 0.1
    assert look_at(warm[..., ::-1]).warmth > 0.6 > look_at(warm).warmth
    wall = random.normal(128, 3, (640, 960, 3)).clip(0, 255).astype(np.uint8)
    assert look_at(draw.indoors()).depth > look_at(wall).depth


def test_a_caption_says_what_is_known_and_no_more(tmp_path):
    assert tag(tmp_path, draw.outdoors(), "IMG_1.jpg").caption == "An outdoor picture with sky and greenery."
    assert tag(tmp_path, draw.indoors(), "kitchen.jpg").caption.startswith("Kitchen")


def test_tags_of_the_manifest_are_features_and_say_so(tmp_path):
    tagged = tag(tmp_path, draw.outdoors(), "a.jpg", PhotoEntry(file="a.jpg", room=Room.GARDEN, tags=("Dusk",)))
    assert tagged.features[0] == "dusk"
    assert tagged.features_by == "manifest, local rule"


def test_order_is_kept_and_the_answer_is_always_the_same(tmp_path):
    photos = [photo(tmp_path, draw.scene(seed), f"{seed}.jpg") for seed in range(5)]
    first, second = (LocalTagger().tag(photos, ListingManifest()).photos for _ in range(2))
    assert first == second
    assert [each.file for each in first] == [f"{seed}.jpg" for seed in range(5)]


def test_a_damaged_working_photo_names_the_asset_to_make_again(tmp_path):
    broken = photo(tmp_path, draw.scene(), "a.jpg")
    broken.path.write_bytes(b"nonsense")
    with pytest.raises(DamagedMediaError, match="materialise listing_photos again"):
        LocalTagger().tag([broken], ListingManifest())
