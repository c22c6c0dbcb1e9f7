"""Why a scene is shot from these photos, why the runner-up lost, why a scene is left out: one sentence each.

Belongs here: the words, made from what was measured and from nothing else.
Does not belong here: the choice (``domain/pairing.py``), noun phrases for rooms (``domain/subjects.py``).
"""

import math
from collections.abc import Sequence

from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.scenes import MoveKind, Scene, scene
from luxvid_pipeline.domain.subjects import subject_of

Footage = tuple[CataloguedPhoto, CataloguedPhoto | None, Overlap | None]
"""First photo, last photo, what the two have in common."""

_STEP = 0.04
_SHARP = 0.8
_SOFT = 0.55
_FEW_PX = 1280
"""Pixels across from which a photo is not told to be low in resolution: below, a film at 1080p enlarges it by half or
more."""


def take_reason(shown: Scene, first: CataloguedPhoto, last: CataloguedPhoto | None, overlap: Overlap | None) -> str:
    """Return why these photos shoot this scene."""
    subject = subject_of(first)
    picture = f"{subject[0].upper()}{subject[1:]}{_qualities(shown, first)}"
    if last is None:
        ending = "shot from one photo, for lack of a second view that goes with it"
    elif overlap is None:
        ending = (
            "the second photo appears to show the same space, with no overlap to move along, "
            "so the clip dissolves from one to the other"
        )
    else:
        ending = f"the second view is {_step(overlap)} and {overlap.share:.0%} of the first is still in it".replace(
            "%", " %"
        )
    reason = f"{picture}; {ending}."
    if shown.rooms.get(first.room, 0.0) >= 0.6:
        return reason
    return f"A stand-in, with nothing better left to show {shown.asks_for}: {reason[0].lower()}{reason[1:]}"


def runner_up_reason(shown: Scene, *, chosen: Footage, second: Footage, fits: tuple[float, float]) -> str:
    """Return why the runner-up lost to the choice.

    Args:
        shown: The scene.
        chosen: What was chosen.
        second: The runner-up.
        fits: How well the room of the first photo plays the scene, for the choice and for the runner-up.
    """
    (first, last, overlap), (other, other_last, other_overlap) = chosen, second
    same = {photo.photo_id for photo in (first, last) if photo} >= {
        photo.photo_id for photo in (other, other_last) if photo
    }
    if same:
        return _why_not_otherwise(shown, other_last, other_overlap)
    why: list[str] = []
    if fits[1] < fits[0] - 0.04:
        why.append(f"{subject_of(other)} plays this scene less well than {subject_of(first)}")
    elif other.room_confidence < first.room_confidence - 0.15:
        why.append("it is less certain what room it shows")
    why += _worse(shown, first, other)
    if last is not None and other_last is None:
        why.append("it has no second view that goes with it")
    elif overlap is not None and other_last is not None and other_overlap is None:
        why.append("its two photos have no measured overlap")
    if not why:
        why.append("on the whole it has a little less of what the scene looks for")
    lost = ", and ".join(why[:2])
    return f"{lost[0].upper()}{lost[1:]}."


def left_out_reason(shown: Scene, serving: Sequence[str]) -> str:
    """Return why a scene is left out.

    Args:
        shown: The scene.
        serving: Scenes that use the photos that could have shown it; empty where there is none.
    """
    if not serving:
        return f"no photo shows {shown.asks_for}"
    takers = " and ".join(f"“{scene(key).title}”" for key in sorted(set(serving)))
    what = "the only photo" if len(serving) == 1 else "the only photos"
    return f"{what} that could show {shown.asks_for} already {'serves' if len(serving) == 1 else 'serve'} {takers}"


def _qualities(shown: Scene, photo: CataloguedPhoto) -> str:
    words: list[str] = []
    if photo.sharpness >= _SHARP:
        words.append("sharp")
    elif photo.sharpness < _SOFT:
        words.append("a little soft")
    if photo.exposure < 0.22:
        words.append("dark")
    elif photo.exposure > 0.72:
        words.append("very bright")
    elif 0.34 <= photo.exposure <= 0.64:
        words.append("evenly lit")
    if shown.needs.symmetry > 0 and photo.symmetry >= 0.7:
        words.append("symmetrical")
    if shown.needs.depth > 0 and photo.depth >= 0.6:
        words.append("with depth to move into")
    if shown.needs.warmth > 0 and photo.warmth >= 0.6:
        words.append("in warm light")
    drawbacks: list[str] = []
    if photo.width_px < photo.height_px:
        drawbacks.append("portrait")
    if _across(photo) < _FEW_PX:
        drawbacks.append("low in resolution")
    told = f", {_in_a_row(words)}" if words else ""
    return told + (f", though {_in_a_row(drawbacks)}" if drawbacks else "")


def _across(photo: CataloguedPhoto) -> float:
    """Pixels of the photo that the widest frame of the film has from side to side."""
    return min(photo.width_px, photo.height_px * FULL_HD.aspect)


def _in_a_row(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _step(overlap: Overlap) -> str:
    closer, right, down = math.log(overlap.zoom), -overlap.shift_x, -overlap.shift_y
    moves = [
        (abs(closer), "a step closer" if closer > 0 else "a step further back"),
        (abs(right), "further to the right" if right > 0 else "further to the left"),
        (abs(down), "a little lower" if down > 0 else "a little higher"),
    ]
    told = [words for amount, words in sorted(moves, key=lambda move: -move[0]) if amount >= _STEP][:2]
    return " and ".join(told) or "almost the same"


def _worse(shown: Scene, first: CataloguedPhoto, other: CataloguedPhoto) -> list[str]:
    words: list[str] = []
    if other.sharpness < first.sharpness - 0.08:
        words.append("it is less sharp")
    if other.exposure < 0.3 and other.exposure < first.exposure - 0.06:
        words.append("it is darker")
    elif other.exposure > 0.68 and other.exposure > first.exposure + 0.06:
        words.append("it is overexposed beside it")
    if other.width_px / other.height_px < 0.9 * first.width_px / first.height_px:
        words.append("less of it fits a 16:9 frame")
    if shown.needs.depth > 0 and other.depth < first.depth - 0.1:
        words.append("it is flatter")
    if shown.needs.symmetry > 0 and other.symmetry < first.symmetry - 0.1:
        words.append("it is less symmetrical")
    if shown.needs.warmth > 0 and other.warmth < first.warmth - 0.1:
        words.append("its light is colder")
    return words


def _why_not_otherwise(shown: Scene, other_last: CataloguedPhoto | None, other_overlap: Overlap | None) -> str:
    if other_last is None:
        return "The same photo alone would give the camera less to show than the pair."
    if other_overlap is None:
        lesser_place = "end" if shown.camera.kind is MoveKind.PULL_BACK else "begin"
        return f"The same two photos the other way round would {lesser_place} on the lesser of the two."
    return "The same two photos the other way round would follow the scene's camera less well."
