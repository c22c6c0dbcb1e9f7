"""Catalogued photos and overlaps that nobody took, for tests of the choice and of the storyboard.

Belongs here: makers of records with sensible defaults.
Does not belong here: pictures (``drawn.py``).
"""

from typing import Any

from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room


def photo(photo_id: str, room: Room | str = Room.POOL, **facts: Any) -> CataloguedPhoto:
    """A good, well-lit 3:2 photo of a room, unless told otherwise."""
    given: dict[str, Any] = {
        "file": f"{photo_id}.jpg",
        "working": f"listing_photos/villa/working/{photo_id}.jpg",
        "width_px": 3000,
        "height_px": 2000,
        "room_by": "manifest",
        "room_confidence": 1.0,
        "sharpness": 0.9,
        "exposure": 0.5,
        **facts,
    }
    return CataloguedPhoto(photo_id=photo_id, room=Room(room), **given)


def overlap(share: float = 0.8, zoom: float = 1.0, shift_x: float = 0.0, shift_y: float = 0.0) -> Overlap:
    """What two 3000 × 2000 photos have in common when the second is zoomed about the centre and shifted."""
    width, height = 2999.0, 1999.0
    homography = (
        *(zoom, 0.0, width / 2 * (1 - zoom) + shift_x * 3000),
        *(0.0, zoom, height / 2 * (1 - zoom) + shift_y * 2000),
        *(0.0, 0.0, 1.0),
    )
    return Overlap(share=share, inliers=120, homography=homography, zoom=zoom, shift_x=shift_x, shift_y=shift_y)


def a_whole_home() -> list[CataloguedPhoto]:
    """One photo for each of the seven scenes and a few to spare."""
    return [
        photo("pool", Room.POOL, features=("water", "sky"), depth=0.8),
        photo("front", Room.EXTERIOR_FRONT, features=("sky",)),
        photo("bedroom", Room.BEDROOM, features=("window",)),
        photo("bathroom", Room.BATHROOM, symmetry=0.8),
        photo("tub", Room.BATHTUB_SHOWER, features=("tub",)),
        photo("living", Room.LIVING),
        photo("dining", Room.DINING),
        photo("office", Room.OFFICE),
    ]
