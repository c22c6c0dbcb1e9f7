"""What a person wants a scene's photos to show, and not to show.

Belongs here: the wishes as a storyboard keeps them, and whether a photo or a pair of photos meets them.
Does not belong here: reading them from a note (``domain/directions.py``), choosing photos (``domain/pairing.py``).
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.subjects import features_of, places_of

SAYINGS: Mapping[str, frozenset[str]] = {
    "dusk": frozenset({"dusk", "sunset", "night"}),
    "tub": frozenset({"tub", "bathtub", "freestanding tub", "free standing tub"}),
}
"""What a catalogue may call a thing; a word that is not here stands for itself."""


_Each = TypeVar("_Each", bound=str)


class PictureWishes(BaseModel):
    """Wishes for the photos of one scene; empty fields ask for nothing.

    Attributes:
        rooms: Each photo shows one of these.
        not_rooms: No photo shows one of these.
        words: Each photo's features or file name say all of these (``dusk``, ``principal``, ``guest``).
        not_words: No photo's features or file name say one of these.
        photos: ``photo_id`` of photos the scene uses, whatever they show: a person named them.
        not_photos: ``photo_id`` of photos it does not use.
        first, last: ``photo_id`` it begins and ends on; empty for any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rooms: tuple[Room, ...] = ()
    not_rooms: tuple[Room, ...] = ()
    words: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    photos: tuple[str, ...] = ()
    not_photos: tuple[str, ...] = ()
    first: str = ""
    last: str = ""

    @property
    def named(self) -> frozenset[str]:
        """The photos that a person named for this scene."""
        return frozenset(filter(None, (*self.photos, self.first, self.last)))

    def allow(self, photo: CataloguedPhoto) -> bool:
        """Whether a photo may be one of the scene's; a named one always may."""
        if photo.photo_id in self.named:
            return True
        if photo.photo_id in self.not_photos or photo.room in self.not_rooms:
            return False
        if self.rooms and photo.room not in self.rooms:
            return False
        return all(says(photo, word) for word in self.words) and not any(says(photo, word) for word in self.not_words)

    def met_by(self, photos: Sequence[str], catalogue: Mapping[str, CataloguedPhoto]) -> bool:
        """Whether the one or two photos of a clip, in order, are what is wanted.

        Args:
            photos: ``photo_id`` of the first and, if there is one, the last.
            catalogue: Every usable photo by its id.
        """
        if not photos or any(photo not in catalogue or not self.allow(catalogue[photo]) for photo in photos):
            return False
        begins, ends = self.first in ("", photos[0]), self.last in ("", photos[-1])
        return begins and ends and set(self.photos) <= set(photos)

    def then(self, later: "PictureWishes") -> "PictureWishes":
        """Return these wishes with later ones; where the two disagree, the later word stands."""
        named = bool(later.named)
        return PictureWishes(
            rooms=later.rooms or tuple(room for room in self.rooms if room not in later.not_rooms),
            not_rooms=_joined(self.not_rooms, later.not_rooms, without=later.rooms),
            words=_joined(self.words, later.words, without=later.not_words),
            not_words=_joined(self.not_words, later.not_words, without=later.words),
            photos=later.photos if named else _joined(self.photos, (), without=later.not_photos),
            not_photos=_joined(self.not_photos, later.not_photos, without=tuple(later.named)),
            first=later.first if named or self.first in later.not_photos else self.first,
            last=later.last if named or self.last in later.not_photos else self.last,
        )


NO_WISHES = PictureWishes()


def says(photo: CataloguedPhoto, word: str) -> bool:
    """Whether a photo's features or its file's name say a word."""
    return bool(SAYINGS.get(word, frozenset({word})) & (features_of(photo) | places_of(photo)))


def _joined(old: tuple[_Each, ...], new: tuple[_Each, ...], *, without: tuple[_Each, ...]) -> tuple[_Each, ...]:
    return tuple(each for each in dict.fromkeys((*old, *new)) if each not in without)
