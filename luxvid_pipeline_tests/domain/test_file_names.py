import pytest
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.file_names import read_file_name
from luxvid_pipeline.domain.rooms import Room


@pytest.mark.parametrize(
    ("file", "room"),
    [
        ("kitchen.jpg", Room.KITCHEN),
        ("downstairs-living.jpg", Room.LIVING),
        ("02_LivingRoom_final.JPG", Room.LIVING),
        ("masterBedroom3.jpg", Room.BEDROOM),
        ("back bedroom.jpg", Room.BEDROOM),
        ("bedroom/IMG_0001.jpg", Room.BEDROOM),
        ("outdoor-kitchen.jpg", Room.TERRACE),
        ("home.jpg", Room.EXTERIOR_FRONT),
        ("Küche 2.jpg", Room.KITCHEN),
        ("Ku\u0308che.jpg", Room.KITCHEN),
        ("baño.png", Room.BATHROOM),
        ("Bad.jpg", Room.BATHROOM),
        ("salle-de-bain_1.jpg", Room.BATHROOM),
        ("chambre 3.webp", Room.BEDROOM),
        ("Piscine.jpg", Room.POOL),
        ("soggiorno.jpg", Room.LIVING),
        ("Grundriss EG.png", Room.FLOOR_PLAN),
        ("floor-plan.png", Room.FLOOR_PLAN),
        ("master-bath-tub.jpg", Room.BATHTUB_SHOWER),
    ],
)
def test_a_name_that_names_a_room_is_understood(file, room):
    assert read_file_name(file).room is room


@pytest.mark.parametrize(
    "file",
    [
        "IMG_0001.jpg",
        "DSC_0412.JPG",
        "PXL_20240101_120000.jpg",
        "image1.jpg",
        "20240312_141522.heic",
        "amenities-3.jpg",
        "",
    ],
)
def test_a_camera_number_says_nothing(file):
    hint = read_file_name(file)
    assert (hint.room, hint.confidence) == (Room.UNKNOWN, 0.0)


def test_a_name_is_believed_less_when_it_says_two_things():
    plain = read_file_name("bathroom-1.jpg").confidence
    assert plain < 1
    assert read_file_name("bathroom-1-outdoor.jpg").confidence < 0.5 * plain
    assert read_file_name("living-kitchen.jpg").confidence < plain
    assert read_file_name("bathroom/IMG_1.jpg").confidence < plain


def test_other_words_become_features():
    assert read_file_name("pool-at-dusk.jpg").features == ("dusk",)


@given(st.text(max_size=60))
def test_any_name_has_an_answer(file):
    hint = read_file_name(file)
    assert 0 <= hint.confidence <= 0.75
    assert (hint.room is Room.UNKNOWN) == (hint.confidence == 0)
