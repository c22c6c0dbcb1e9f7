# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The local tagger: what each photo shows, from the manifest, its file name and simple rules on its pixels.

Belongs here: weighing who is to be believed, words, quality, suitability for scenes.
Does not belong here: measuring pixels (``media/photo_content.py``), words in names (``domain/file_names.py``), the
scene table (``domain/scenes.py``), choosing photos (``domain/pairing.py``).

The rules on pixels tell outside from inside, and know a pool and an open view; which room an interior is they do not
claim to know. A room nobody named stays ``unknown``, with ``exterior`` or ``interior`` among its features.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.domain.file_names import NameHint, read_file_name
from luxvid_pipeline.domain.listing import ListingManifest, PhotoEntry
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, WorkingPhoto
from luxvid_pipeline.domain.ports import Tagging
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES, Scene
from luxvid_pipeline.media.photo_content import PhotoContent, look_at

MANIFEST, FILE_NAME, LOCAL_RULE = "manifest", "file name", "local rule"

_SURELY_OUTSIDE, _SURELY_INSIDE = 0.7, 0.35
_LEAST_BELIEVED = 0.2
_FULL_RESOLUTION_PX = 1920 * 1080
_WHITE_IS_SKY = 0.5
"""How much of a smooth white area at the upper edge counts as sky: a sunlit wall looks the same, and fills less."""

_IN_WORDS = ("dusk", "sky", "water", "greenery", "window", "warm")
_IN_OR_OUT = frozenset({Room.DETAIL, Room.BATHTUB_SHOWER, Room.FLOOR_PLAN, Room.TERRACE, Room.VIEW, Room.UNKNOWN})


class LocalTagger:
    """Tags photos on this machine, at no cost and always alike."""

    @property
    def engine(self) -> str:
        """Always ``local``."""
        return "local"

    def tag(self, photos: Sequence[WorkingPhoto], manifest: ListingManifest, account: Account | None = None) -> Tagging:
        """Return one catalogue entry a photo, in the order given.

        Raises:
            DamagedMediaError: A working photo cannot be decoded.
        """
        entries = {entry.file: entry for entry in manifest.photos}
        with ThreadPoolExecutor(os.cpu_count() or 1, "tag-photo") as pool:
            return Tagging(
                photos=tuple(pool.map(_tagged, photos, (entries.get(photo.record.file) for photo in photos)))
            )


def _tagged(photo: WorkingPhoto, entry: PhotoEntry | None) -> CataloguedPhoto:
    record = photo.record
    content = _content_of(photo)
    hint = read_file_name(record.file)
    room, room_by, sure = _room(entry, hint, content)
    features, features_by = _features(record, room, content, hint, entry)
    quality = _quality(record)
    return CataloguedPhoto(
        photo_id=record.photo_id,
        file=record.file,
        working=record.working or "",
        width_px=record.working_width_px,
        height_px=record.working_height_px,
        room=room,
        room_by=room_by,
        room_confidence=round(sure, 3),
        features=features,
        features_by=features_by,
        caption=_caption(room, features),
        caption_by=LOCAL_RULE,
        quality=round(quality, 4),
        quality_by=LOCAL_RULE,
        sharpness=record.sharpness,
        exposure=record.exposure,
        symmetry=round(content.symmetry, 4),
        depth=round(content.depth, 4),
        warmth=round(content.warmth, 4),
        suitability=suitability(record, room, sure, quality, features, content),
    )


def suitability(
    record: PhotoRecord,
    room: Room,
    sure: float,
    quality: float,
    features: Sequence[str],
    measured: PhotoContent | CataloguedPhoto,
) -> dict[str, float]:
    """Return how well a photo suits each scene, 0 to 1: room fit and quality together.

    Args:
        record: Its size, sharpness and exposure.
        room: What it shows.
        sure: How sure that is, 0 to 1.
        quality: 0 to 1, of the photo as a photo.
        features: Words for what it shows.
        measured: Whence its depth, symmetry and warmth are taken.
    """
    return {scene.key: round(_suits(scene, record, room, sure, quality, features, measured), 4) for scene in SCENES}


def _content_of(photo: WorkingPhoto) -> PhotoContent:
    try:
        content = np.fromfile(photo.path, np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_REDUCED_COLOR_4) if content.size else None
    except (OSError, cv2.error) as error:
        raise DamagedMediaError(f"{photo.path} cannot be read; materialise listing_photos again") from error
    if picture is None:
        raise DamagedMediaError(f"{photo.path} is damaged; materialise listing_photos again")
    return look_at(picture.astype(np.uint8, copy=False))


def _room(entry: PhotoEntry | None, hint: NameHint, content: PhotoContent) -> tuple[Room, str, float]:
    if entry is not None and entry.room is not None:
        return entry.room, MANIFEST, 1.0
    if hint.room is not Room.UNKNOWN:
        sure = hint.confidence * _agreement(hint.room, content)
        if sure >= _LEAST_BELIEVED:
            return hint.room, FILE_NAME, sure
    if content.exterior > _SURELY_OUTSIDE:
        if content.blue_sky > 0.2 and content.water > 0.1:
            return Room.VIEW, LOCAL_RULE, 0.5
        if content.calm_cyan > 0.045 and content.blue_sky < 0.2:
            return Room.POOL, LOCAL_RULE, 0.55
    return Room.UNKNOWN, LOCAL_RULE, 0.0


def _agreement(room: Room, content: PhotoContent) -> float:
    """How far the pixels let a named room stand: 1 where they do not contradict."""
    if room in _IN_OR_OUT:
        return 1.0
    if room.is_exterior:
        return 0.5 if content.exterior < 0.2 else 1.0
    if content.exterior > 0.9 and content.leaves + content.blue_sky > 0.25:
        return 0.25
    return min(1.0, 1.0 - 1.5 * (content.exterior - 0.5))


def _features(
    record: PhotoRecord, room: Room, content: PhotoContent, hint: NameHint, entry: PhotoEntry | None
) -> tuple[tuple[str, ...], str]:
    outside = room.is_exterior or (not _is_interior(room) and content.exterior > _SURELY_OUTSIDE)
    inside = _is_interior(room) or (not room.is_exterior and content.exterior < _SURELY_INSIDE)
    told = tuple(tag.strip().lower() for tag in entry.tags) if entry else ()
    seen = {
        "exterior": outside,
        "interior": inside,
        "sky": not inside and content.blue_sky + _WHITE_IS_SKY * content.white_sky > 0.05,
        "water": not inside and (content.calm_cyan > 0.03 or content.water > 0.15),
        "greenery": content.leaves > (0.2 if inside else 0.08),
        "dusk": not inside and content.dusk > 0,
        "window": inside and 0.01 < content.glow < 0.3,
        "symmetry": content.symmetry > 0.6,
        "warm": content.warmth > 0.62,
        "bright": record.exposure > 0.5,
        "wide": record.working_width_px >= 1.6 * record.working_height_px,
    }
    named = hint.features if hint.room is room else tuple(each for each in hint.features if each == "dusk")
    by = [who for who, any_of in ((MANIFEST, told), (FILE_NAME, named), (LOCAL_RULE, any(seen.values()))) if any_of]
    words = (*told, *named, *(word for word, is_seen in seen.items() if is_seen))
    return tuple(dict.fromkeys(word for word in words if word)), ", ".join(by) or LOCAL_RULE


def _is_interior(room: Room) -> bool:
    return not room.is_exterior and room not in _IN_OR_OUT


def _quality(record: PhotoRecord) -> float:
    return 0.5 * record.sharpness + 0.3 * _well_exposed(record) + 0.2 * _resolution(record)


def _well_exposed(record: PhotoRecord) -> float:
    return max(0.0, 1.0 - abs(record.exposure - 0.48) / 0.48)


def _resolution(record: PhotoRecord) -> float:
    return min(1.0, record.working_width_px * record.working_height_px / _FULL_RESOLUTION_PX)


def _suits(
    scene: Scene,
    record: PhotoRecord,
    room: Room,
    sure: float,
    quality: float,
    features: Sequence[str],
    measured: PhotoContent | CataloguedPhoto,
) -> float:
    """Room fit and quality together, 0 for a room that may not play the scene."""
    fit = scene.rooms.get(room, 0.0)
    if fit == 0.0:
        return 0.0
    needs = scene.needs
    aspect = record.working_width_px / max(1, record.working_height_px)
    has = (
        (needs.sharpness, record.sharpness),
        (needs.exposure, _well_exposed(record)),
        (needs.resolution, _resolution(record)),
        (needs.aspect, min(aspect, 16 / 9) / max(aspect, 16 / 9)),
        (needs.depth, measured.depth),
        (needs.symmetry, measured.symmetry),
        (needs.warmth, measured.warmth),
    )
    met = sum(weight * value for weight, value in has) / max(sum(weight for weight, _ in has), 1e-9)
    wished = scene.wanted_features
    granted = sum(bonus for word, bonus in wished.items() if word in features) / max(sum(wished.values()), 1e-9)
    return min(1.0, fit * (0.5 + 0.5 * sure) * (0.25 + 0.3 * quality + 0.3 * met + 0.15 * granted))


def _caption(room: Room, features: Sequence[str]) -> str:
    """Say what is known and no more, as in "Pool with sky and greenery"."""
    if room is Room.UNKNOWN:
        subject = "An outdoor picture" if "exterior" in features else "An indoor picture"
        subject = subject if {"exterior", "interior"} & set(features) else "A picture"
    else:
        subject = room.words[0].upper() + room.words[1:]
    own = {"pool": "water", "garden": "greenery"}.get(room.value)
    seen = [_WORDS.get(word, word) for word in _IN_WORDS if word in features and word != own]
    listed = " and ".join(filter(None, (", ".join(seen[:-1]), seen[-1]))) if seen else ""
    return f"{subject} with {listed}." if listed else f"{subject}."


_WORDS = {"warm": "warm light", "dusk": "evening light", "window": "daylight from a window"}
