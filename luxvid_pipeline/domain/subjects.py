"""What a photo shows, in the words of a sentence: no more than its room, its features and its name say.

Belongs here: noun phrases for reasons and prompts, the rooms that a phrase names, hints that file names carry.
Does not belong here: deciding the room (``providers/local/tagger.py``), scoring (``domain/pairing.py``).
"""

import re
from collections.abc import Mapping

from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room

_NOUNS: Mapping[Room, str] = {
    Room.EXTERIOR_FRONT: "the front of the house",
    Room.EXTERIOR_BACK: "the back of the house",
    Room.AERIAL: "the property from the air",
    Room.BATHTUB_SHOWER: "the bathing area",
    Room.UNKNOWN: "the property",
}

_SHARPER_NOUNS: Mapping[Room, tuple[tuple[str, str], ...]] = {
    Room.POOL: (("infinity pool", "the infinity pool"), ("lap pool", "the lap pool")),
    Room.BEDROOM: (("principal", "the principal bedroom"),),
    Room.BATHROOM: (("principal", "the principal bathroom"),),
    Room.BATHTUB_SHOWER: (
        ("freestanding tub", "the freestanding tub"),
        ("free standing tub", "the freestanding tub"),
        ("tub", "the tub"),
        ("bathtub", "the tub"),
        ("shower", "the shower"),
    ),
    Room.TERRACE: (("roof terrace", "the roof terrace"),),
}

_HOURS = (("sunset", "at sunset"), ("dusk", "at dusk"), ("night", "by night"))

PRINCIPAL = frozenset({"master", "principal", "primary", "main", "ensuite"})
"""Words of a file's name for the first bedroom of a home and its bath."""

_PLACES = frozenset(
    {
        *("upstairs", "downstairs", "upper", "lower", "ground", "first", "second", "third", "north", "south", "east"),
        *("west", "guest", "kids", "children", "twin", "staff", "annex", "annexe", "cottage", "studio"),
        *("indoor", "outdoor", "inside", "outside", "powder"),
        *PRINCIPAL,
    }
)

_ROOM_WORDS: tuple[tuple[str, frozenset[Room]], ...] = (
    (r"pools?", frozenset({Room.POOL})),
    (r"front of the house|front|fa[cç]ade|entrance|driveway", frozenset({Room.EXTERIOR_FRONT})),
    (r"back of the house|rear", frozenset({Room.EXTERIOR_BACK})),
    (r"aerial|drone|from the air|from above", frozenset({Room.AERIAL})),
    (r"gardens?|lawn", frozenset({Room.GARDEN})),
    (r"views?", frozenset({Room.VIEW})),
    (r"terraces?|deck|patio|balcony", frozenset({Room.TERRACE})),
    (r"living room|lounge|living", frozenset({Room.LIVING})),
    (r"dining", frozenset({Room.DINING})),
    (r"kitchens?", frozenset({Room.KITCHEN})),
    (r"bedrooms?", frozenset({Room.BEDROOM})),
    (r"bathrooms?|vanity|basin", frozenset({Room.BATHROOM})),
    (r"tub|bathtub|shower|bathing area", frozenset({Room.BATHTUB_SHOWER})),
    (r"hallway|staircase|entrance hall", frozenset({Room.HALLWAY})),
)


def words_of_name(file: str) -> tuple[str, ...]:
    """Return the words of a file's own name, lower case, without digits, folders or suffix."""
    stem = re.split(r"[\\/]", file)[-1].rsplit(".", 1)[0]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)
    return tuple(re.findall(r"[a-zà-ÿ]+", spaced.lower()))


def features_of(photo: CataloguedPhoto) -> frozenset[str]:
    """Return a photo's features in one spelling, with ``principal`` where its file name says so."""
    features = {re.sub(r"[\s_-]+", " ", feature.strip().lower()) for feature in photo.features}
    if PRINCIPAL & {*words_of_name(photo.file), *features}:
        features.add("principal")
    return frozenset(features)


def places_of(photo: CataloguedPhoto) -> frozenset[str]:
    """Return the words of a file's name that tell one room of a kind from another (``upstairs``, ``guest``)."""
    return _PLACES & set(words_of_name(photo.file))


def subject_of(photo: CataloguedPhoto) -> str:
    """Return what a photo shows as a noun phrase with its article, such as ``the infinity pool at dusk``.

    Nothing is said that the catalogue does not say.
    """
    features = features_of(photo)
    noun = next(
        (phrase for feature, phrase in _SHARPER_NOUNS.get(photo.room, ()) if feature in features),
        _NOUNS.get(photo.room, f"the {photo.room.words}"),
    )
    hour = next((phrase for feature, phrase in _HOURS if feature in features), "") if photo.room.is_exterior else ""
    return f"{noun} {hour}".strip()


def room_at(text: str, at: int) -> tuple[int, frozenset[Room]] | None:
    """Return where the longest room's name ends that begins at a place in a text, and the rooms; None if none does."""
    found = [
        (named.end(), rooms)
        for pattern, rooms in _ROOM_WORDS
        if (named := re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE).match(text, at))
    ]
    return max(found, key=lambda each: each[0], default=None)


def rooms_named(text: str) -> frozenset[Room]:
    """Return the rooms that a phrase names; empty where it names none."""
    words = text.lower()
    return frozenset(
        room for pattern, rooms in _ROOM_WORDS for room in rooms if re.search(rf"\b(?:{pattern})\b", words)
    )
