"""The vocabulary of rooms: what a photo can show, and the words people use for it.

Belongs here: the rooms, their plain names, the aliases a manifest may use.
Does not belong here: deciding which room a photo shows (``providers/local/tagger.py``), which scene wants which
room (``domain/scenes.py``).
"""

from enum import StrEnum


class Room(StrEnum):
    """What a photo shows, as one word of a closed vocabulary."""

    EXTERIOR_FRONT = "exterior_front"
    EXTERIOR_BACK = "exterior_back"
    AERIAL = "aerial"
    POOL = "pool"
    GARDEN = "garden"
    VIEW = "view"
    TERRACE = "terrace"
    LIVING = "living"
    DINING = "dining"
    KITCHEN = "kitchen"
    BEDROOM = "bedroom"
    BATHROOM = "bathroom"
    BATHTUB_SHOWER = "bathtub_shower"
    HALLWAY = "hallway"
    OFFICE = "office"
    DETAIL = "detail"
    FLOOR_PLAN = "floor_plan"
    UNKNOWN = "unknown"

    @property
    def is_exterior(self) -> bool:
        """Whether the camera stood outside."""
        return self in EXTERIORS

    @property
    def words(self) -> str:
        """The room as a person would write it in a sentence."""
        return _WORDS.get(self, self.value.replace("_", " "))


EXTERIORS = frozenset(
    {Room.EXTERIOR_FRONT, Room.EXTERIOR_BACK, Room.AERIAL, Room.POOL, Room.GARDEN, Room.VIEW, Room.TERRACE}
)

_WORDS = {
    Room.EXTERIOR_FRONT: "front exterior",
    Room.EXTERIOR_BACK: "rear exterior",
    Room.AERIAL: "aerial view",
    Room.LIVING: "living room",
    Room.DINING: "dining area",
    Room.BATHTUB_SHOWER: "tub or shower",
    Room.UNKNOWN: "unidentified room",
}
