# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Choosing the photos of all seven scenes at once: what a photo, a pair and a whole choice are worth.

Belongs here: honesty (which photo may play which scene, which two photos may be a pair), scores, the optimal choice.
Does not belong here: matching features or reading pictures (``media/overlap.py``, ``providers/local/selector.py``),
the sentences that explain a choice (``domain/pair_reasons.py``).

The worth of a take is a number from 0 to about 1.25: a photo's score, or for a pair the mean of both plus what the pair
adds to the clip (``pair_gain``). A pair that adds nothing is worth less than its better photo alone, so it is
only chosen on merit. The choice maximises first how many scenes are shot, then the sum of their worth.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from luxvid_pipeline.domain.errors import LuxVidError
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.pair_reasons import left_out_reason, runner_up_reason, take_reason
from luxvid_pipeline.domain.pairs import Overlap, ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES, CameraMove, MoveKind, Scene
from luxvid_pipeline.domain.subjects import PRINCIPAL, features_of, places_of, rooms_named
from luxvid_pipeline.domain.wishes import NO_WISHES, PictureWishes

Overlaps = Mapping[tuple[str, str], Overlap]
"""(first, second) ``photo_id`` to what was measured between them; either order serves both."""

Likeness = Mapping[tuple[str, str], float]
"""(lower, higher) ``photo_id`` to how alike the colours of two photos are, 0 to 1."""

LEAST_SHARE = 0.2
"""Two photos that have less in common than this part of the first are not shot as one move."""

MOST_UNMEASURED = 0.05
"""What a pair without measured overlap may add at most; an overlapping pair in the scene's direction adds 0.05–0.25."""

_SURE = 0.35
_CONFIDENT = 0.7
_PAIRED_AT_MOST = 12
_MEASURED_GAIN = 0.25
_LEAST_MOVE = 0.03
_OFF_SUBJECT = 0.8
_VOUCHED = 0.5
_UNKNOWN_EXTERIOR_FIT = 0.3
_FILLED = 10_000
_UNITS = 1_000
_TIE = 0.05

# On the photos of one real villa the colours of views that overlap are alike to 0.95, of its two kitchens to 0.90, of
# any two photos to 0.64 (median).
_LIKE = 0.88
_UNLIKE = 0.6

# A home has one of each; two bedrooms or two baths that look alike are two rooms until an overlap says otherwise, or
# both are the principal one.
_ONE_INDOORS = frozenset({Room.LIVING, Room.DINING, Room.KITCHEN, Room.TERRACE})
_ONE_PRINCIPAL = frozenset({Room.BEDROOM, Room.BATHROOM, Room.BATHTUB_SHOWER})

# Seen from its other side, what stands in the open has other colours behind it: the one pool of that villa is alike to
# 0.76 to 0.86 from four sides. So here the label vouches, and the colours only say which two go together best.
_ONE_OUTDOORS = frozenset({Room.POOL, Room.EXTERIOR_FRONT, Room.EXTERIOR_BACK, Room.AERIAL})
_LABELLED_ONLY = 0.03
_SAME_LIGHT = 0.2
_LESSER_ORDER = 0.005

# How sure it is that the two photos of a pair show one space.
_LIKELY_SPACE, _MEASURED_SPACE, _VOUCHED_SPACE = 0.6, 0.7, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One way of shooting one scene.

    Attributes:
        scene: Scene key.
        first, last: ``photo_id`` of the first and of the last frame; None for a single photo.
        worth: What it is worth to the film, 0 to about 1.25.
        overlap: What was measured between the two, from the first to the last.
    """

    scene: str
    first: str
    last: str | None = None
    worth: float
    overlap: Overlap | None = None

    @property
    def photos(self) -> tuple[str, ...]:
        """The photos it uses up."""
        return (self.first,) if self.last is None else (self.first, self.last)


def room_fit(scene: Scene, photo: CataloguedPhoto) -> float:
    """Return how well a photo's room plays a scene, 0 to 1; 0 means it never honestly does.

    A room nobody is sure of counts as unknown, and an unknown room only ever stands for the outside of the house, where
    the picture itself shows that the camera stood outside.
    """
    if photo.room is not Room.UNKNOWN and photo.room_confidence >= _SURE:
        return scene.rooms.get(photo.room, 0.0)
    if scene.camera.kind not in (MoveKind.DOLLY_FORWARD, MoveKind.PULL_BACK):
        return 0.0
    features = features_of(photo)
    return _UNKNOWN_EXTERIOR_FIT if "exterior" in features and "interior" not in features else 0.0


def photo_score(scene: Scene, photo: CataloguedPhoto, subject: str = "") -> float:
    """Return what a photo alone is worth to a scene, 0 to 1; 0 where it may not play it.

    Args:
        scene: The scene.
        photo: The photo.
        subject: What the storyboard wants shown; a photo of a room it does not name counts for less.
    """
    fit = room_fit(scene, photo)
    if fit == 0:
        return 0.0
    features = features_of(photo)
    wanted = 1 - math.prod(1 - bonus for feature, bonus in scene.wanted_features.items() if feature in features)
    craft = 0.75 * craft_score(scene, photo) + 0.25 * wanted
    if scene.key in photo.suitability:
        craft = 0.75 * craft + 0.25 * min(1.0, max(0.0, photo.suitability[scene.key]))
    named = rooms_named(subject) & scene.rooms.keys()
    agreement = 1.0 if not named or photo.room in named else _OFF_SUBJECT
    return fit * agreement * (0.6 + 0.4 * photo.room_confidence) * (0.3 + 0.7 * craft)


def craft_score(scene: Scene, photo: CataloguedPhoto) -> float:
    """Return how well a photo is made for a scene's camera, 0 to 1, whatever room it shows."""
    needs = scene.needs
    return (
        needs.sharpness * photo.sharpness
        + needs.exposure * exposure_score(photo.exposure)
        + needs.resolution * _ramp(_cover(photo), 0.4, 1.4)
        + needs.aspect * _aspect_score(photo)
        + needs.depth * photo.depth
        + needs.symmetry * photo.symmetry
        + needs.warmth * photo.warmth
    )


def exposure_score(exposure: float) -> float:
    """Return 1 for a mean luma that looks evenly lit (0.36 to 0.62), falling to 0 towards black and white."""
    return min(_ramp(exposure, 0.05, 0.36), 1 - _ramp(exposure, 0.62, 0.95))


def pair_gain(scene: Scene, first: CataloguedPhoto, last: CataloguedPhoto, overlap: Overlap) -> float | None:
    """Return what going from one overlapping photo to another adds to a scene, −0.25 to 0.25.

    Args:
        scene: The scene, whose camera the move should follow.
        first: Photo the clip would begin on.
        last: Photo it would end on.
        overlap: Measured from ``first`` to ``last``.

    Returns:
        Positive where the move follows the scene's camera, negative where it goes against it; None where the two
        are no pair: hardly any picture in common, or the same picture twice.
    """
    moved = math.hypot(math.log(overlap.zoom), overlap.shift_x, overlap.shift_y)
    if overlap.share < LEAST_SHARE or moved < _LEAST_MOVE:
        return None
    follows = follows_camera(scene.camera, overlap)
    if follows <= 0:
        return _MEASURED_GAIN * follows
    same_light = 1 - _ramp(abs(first.exposure - last.exposure), 0.08, 0.3)
    if ("dusk" in features_of(first)) != ("dusk" in features_of(last)):
        same_light *= 0.5
    return _MEASURED_GAIN * follows * _ramp(overlap.share, LEAST_SHARE, 0.5) * _sureness(overlap) * same_light


def follows_camera(camera: CameraMove, overlap: Overlap) -> float:
    """Return how far the change between two photos is the camera's own move: 1 fully, 0 across it, −1 against it.

    A push-in wants the second photo tighter, a pull-back wider, a truck or a sweep wants the view to travel to the
    camera's side, a hold wants little change. A move too large for a few slow seconds counts for less.
    """
    closer = math.log(overlap.zoom)
    # Where the first photo's centre lies left of the second's centre, the view has travelled to the right.
    rightwards = -overlap.shift_x
    match camera.kind:
        case MoveKind.HOLD:
            return 1 - 2 * _ramp(math.hypot(closer, overlap.shift_x, overlap.shift_y), 0.05, 0.4)
        case MoveKind.TRUCK | MoveKind.SWEEP:
            along, across = math.copysign(1, camera.travel_x) * rightwards, math.hypot(closer, overlap.shift_y)
        case MoveKind.PULL_BACK:
            along, across = -closer, math.hypot(overlap.shift_x, overlap.shift_y)
        case _:
            along, across = closer, math.hypot(overlap.shift_x, overlap.shift_y)
    return along / (abs(along) + across + 0.02) * (1 - 0.6 * _ramp(abs(along), 0.35, 0.9))


def inverted(overlap: Overlap, first: CataloguedPhoto, last: CataloguedPhoto) -> Overlap:
    """Return the same measurement seen from ``last`` to ``first``.

    Args:
        overlap: Measured from ``first`` to ``last``.
        first: The photo it was measured from; its size counts.
        last: The photo it was measured to.
    """
    back = np.linalg.inv(np.array(overlap.homography, dtype=np.float64).reshape(3, 3))
    back /= back[2, 2]
    x, y, w = back @ ((last.width_px - 1) / 2, (last.height_px - 1) / 2, 1.0)
    return Overlap(
        share=min(1.0, overlap.share * overlap.zoom**2),
        inliers=overlap.inliers,
        homography=tuple(float(value) for value in back.ravel()),
        zoom=1 / overlap.zoom,
        shift_x=float((x / w - (first.width_px - 1) / 2) / first.width_px),
        shift_y=float((y / w - (first.height_px - 1) / 2) / first.height_px),
    )


def vouched_by_labels(a: CataloguedPhoto, b: CataloguedPhoto) -> bool:
    """Return whether two labels name the one space of its kind: the pool, the front, the back, the principal bedroom.

    Both have to be sure of the room, to agree on where in the house it is, and to show it by the same light.
    """
    features, others = features_of(a), features_of(b)
    if a.room in _ONE_OUTDOORS:
        is_one = _same_room(a, b)
    else:
        is_one = a.room in _ONE_PRINCIPAL and "principal" in features & others and _same_room(a, b, PRINCIPAL)
    return is_one and ("dusk" in features) == ("dusk" in others) and abs(a.exposure - b.exposure) <= _SAME_LIGHT


def _same_room(a: CataloguedPhoto, b: CataloguedPhoto, whatever: frozenset[str] = frozenset()) -> bool:
    return (
        a.room is b.room
        and min(a.room_confidence, b.room_confidence) >= _CONFIDENT
        and places_of(a) - whatever == places_of(b) - whatever
    )


def promising_pairs(
    scenes: Sequence[Scene], catalogue: Sequence[CataloguedPhoto], likeness: Likeness, *, at_most: int = 60
) -> tuple[tuple[str, str], ...]:
    """Return the pairs of photos whose overlap is worth measuring, the scenes taking turns to name theirs.

    Args:
        scenes: The scenes to shoot.
        catalogue: Every usable photo.
        likeness: How alike the colours of two photos are; too unlike, or missing, and a pair is
            not worth a look.
        at_most: How many pairs to return.

    Returns:
        (lower, higher) ``photo_id``, no pair twice, the most promising first.
    """
    wishes: list[list[tuple[str, str]]] = []
    for scene in scenes:
        scored = {photo.photo_id: photo_score(scene, photo) for photo in catalogue}
        ids = sorted((key for key, score in scored.items() if score > 0), key=lambda key: (-scored[key], key))[
            :_PAIRED_AT_MOST
        ]
        ranked = sorted(
            (-0.5 * (scored[a] + scored[b]) - 0.4 * likeness.get(pair_key(a, b), 0.0), pair_key(a, b))
            for at, a in enumerate(ids)
            for b in ids[at + 1 :]
            if likeness.get(pair_key(a, b), 0.0) >= _UNLIKE
        )
        wishes.append([pair for _, pair in ranked])
    chosen: dict[tuple[str, str], None] = {}
    for turn in range(max(map(len, wishes), default=0)):
        for wish in wishes:
            if turn < len(wish) and len(chosen) < at_most:
                chosen.setdefault(wish[turn])
    return tuple(chosen)


def pair_key(a: str, b: str) -> tuple[str, str]:
    """Return two photo ids in the order in which unordered facts about them are kept."""
    return (a, b) if a <= b else (b, a)


def possible_takes(
    scene: Scene,
    catalogue: Sequence[CataloguedPhoto],
    overlaps: Overlaps,
    likeness: Likeness | None = None,
    subject: str = "",
    wishes: PictureWishes = NO_WISHES,
) -> tuple[Take, ...]:
    """Return every honest way of shooting a scene, in the order of the photos' ids.

    A photo that a person named for the scene may play it whatever its label says.

    Args:
        scene: The scene.
        catalogue: Every usable photo.
        overlaps: What was measured between photos.
        likeness: How alike the colours of two photos are; without it nothing but overlap makes a pair.
        subject: What the storyboard wants shown.
        wishes: What a person wants the photos to show; only takes that meet them are returned.
    """
    photos = {photo.photo_id: photo for photo in sorted(catalogue, key=lambda photo: photo.photo_id)}
    allowed = [photo for photo in photos.values() if wishes.allow(photo)]
    scores = {photo.photo_id: photo_score(scene, photo, subject) for photo in allowed}
    scores = {
        key: max(score, _VOUCHED * craft_score(scene, photos[key]) if key in wishes.named else 0.0)
        for key, score in scores.items()
        if score > 0 or key in wishes.named
    }
    takes = [Take(scene=scene.key, first=key, worth=score) for key, score in scores.items()]
    for a in scores:
        for b in scores:
            if a == b:
                continue
            overlap = _from_to(photos[a], photos[b], overlaps)
            if overlap is not None:
                gain = pair_gain(scene, photos[a], photos[b], overlap)
            else:
                gain = _unmeasured_gain(photos[a], photos[b], (likeness or {}).get(pair_key(a, b), 0.0))
                # The hero opens its scene; a pull-back arrives at it.
                hero_first = (-scores[a], a) < (-scores[b], b)
                if gain is not None and hero_first is (scene.camera.kind is MoveKind.PULL_BACK):
                    gain -= _LESSER_ORDER
            if gain is None and {a, b} <= wishes.named:
                gain = 0.0  # a person put the two together
            if gain is not None:
                worth = max(0.0, 0.5 * (scores[a] + scores[b]) + gain)
                takes.append(Take(scene=scene.key, first=a, last=b, worth=worth, overlap=overlap))
    return tuple(sorted((take for take in takes if wishes.met_by(take.photos, photos)), key=_take_order))


def best_takes(takes: Sequence[Take]) -> dict[str, Take]:
    """Return at most one take a scene with no photo in two of them: as many scenes as possible, then the most worth.

    Worth counts in thousandths. Choices of equal worth go to the lower photo ids, whatever order the takes come in.

    Returns:
        Scene key to its take; a scene that gets none is missing.

    Raises:
        LuxVidError: The solver gave up.
    """
    ordered = sorted(takes, key=_take_order)
    if not ordered:
        return {}
    rows: dict[tuple[str, str], int] = {}
    places: list[tuple[int, int]] = []
    for column, take in enumerate(ordered):
        for name in (("scene", take.scene), *(("photo", photo) for photo in take.photos)):
            places.append((rows.setdefault(name, len(rows)), column))
    by_ids = sorted(range(len(ordered)), key=lambda at: (ordered[at].photos, ordered[at].scene))
    preference = np.empty(len(ordered))
    preference[by_ids] = np.linspace(_TIE, 0, len(ordered))
    worth = np.array([_FILLED + round(_UNITS * take.worth) for take in ordered]) + preference
    used = scipy.sparse.csr_array(
        (np.ones(len(places)), tuple(zip(*places, strict=True))), shape=(len(rows), len(ordered))
    )
    solved = scipy.optimize.milp(
        -worth,
        integrality=np.ones(len(ordered)),
        bounds=scipy.optimize.Bounds(0, 1),
        constraints=scipy.optimize.LinearConstraint(used, -np.inf, 1),
        options={"mip_rel_gap": 0.0},
    )
    if not solved.success:
        raise LuxVidError(f"the photos of the scenes could not be chosen: {solved.message}")
    return {ordered[at].scene: ordered[at] for at in np.flatnonzero(solved.x > 0.5)}


def choose_pairs(
    scenes: Sequence[str],
    catalogue: Sequence[CataloguedPhoto],
    overlaps: Overlaps,
    *,
    likeness: Likeness | None = None,
    subjects: Mapping[str, str] | None = None,
    left_out: Mapping[str, str] | None = None,
    wishes: Mapping[str, PictureWishes] | None = None,
    pinned: Mapping[str, ScenePair] | None = None,
) -> tuple[ScenePair, ...]:
    """Return the best choice of photos for all scenes together, one row for each of the seven scenes, in order.

    Args:
        scenes: Keys of the scenes that the storyboard wants shot.
        catalogue: Every usable photo.
        overlaps: What was measured between photos.
        likeness: How alike the colours of two photos are.
        subjects: Scene key to what the storyboard wants shown.
        left_out: Scene key to the storyboard's reason for leaving it out.
        wishes: Scene key to what a person wants its photos to show. Where no free photo is so, the scene is chosen
            without them and its reason says so.
        pinned: Scene key to the row it keeps; its photos serve no other scene.
    """
    pinned, subjects, wishes = pinned or {}, subjects or {}, wishes or {}
    photos = {photo.photo_id: photo for photo in catalogue}
    held = {photo: row.scene for row in pinned.values() for photo in row.photos}
    free = [photo for photo in catalogue if photo.photo_id not in held]
    wanted = [scene for scene in SCENES if scene.key in scenes and scene.key not in pinned]
    takes = {
        scene.key: possible_takes(
            scene, free, overlaps, likeness, subjects.get(scene.key, ""), wishes.get(scene.key, NO_WISHES)
        )
        for scene in wanted
    }
    unmet = {scene.key for scene in wanted if not takes[scene.key] and wishes.get(scene.key, NO_WISHES) != NO_WISHES}
    for scene in wanted:
        if scene.key in unmet:
            takes[scene.key] = possible_takes(scene, free, overlaps, likeness, subjects.get(scene.key, ""))
    chosen = best_takes([take for each in takes.values() for take in each])
    serves = held | {photo: key for key, take in chosen.items() for photo in take.photos}
    rows: list[ScenePair] = []
    for scene in SCENES:
        if scene.key in pinned:
            rows.append(pinned[scene.key])
            continue
        take = chosen.get(scene.key)
        if take is not None:
            row = _row(scene, take, takes[scene.key], serves, photos)
            rows.append(replace(row, reason=row.reason + _heeded(wishes.get(scene.key), scene.key in unmet)))
            continue
        reason = (left_out or {}).get(scene.key, "the storyboard leaves this scene out")
        if scene.key in takes:
            candidates = [photo.photo_id for photo in catalogue if photo_score(scene, photo) > 0]
            reason = left_out_reason(scene, [serves[photo] for photo in candidates if photo in serves])
        rows.append(ScenePair(scene=scene.key, first_photo=None, reason=reason))
    return tuple(rows)


def _heeded(wishes: PictureWishes | None, is_unmet: bool) -> str:
    if wishes is None or wishes == NO_WISHES:
        return ""
    return " No free photo is as a person's note asks." if is_unmet else " As a person's note asks."


def _row(
    scene: Scene,
    take: Take,
    takes: Sequence[Take],
    serves: Mapping[str, str],
    photos: Mapping[str, CataloguedPhoto],
) -> ScenePair:
    first, last = photos[take.first], photos[take.last] if take.last else None
    pair = ScenePair(
        scene=scene.key,
        first_photo=take.first,
        last_photo=take.last,
        confidence=_confidence(scene, take, photos),
        reason=take_reason(scene, first, last, take.overlap),
        overlap=take.overlap,
    )
    free = [each for each in takes if all(serves.get(photo, scene.key) == scene.key for photo in each.photos)]
    second = _runner_up(take, free)
    if second is None:
        return pair
    return replace(
        pair,
        runner_up_first=second.first,
        runner_up_last=second.last,
        runner_up_reason=runner_up_reason(
            scene,
            chosen=(first, last, take.overlap),
            second=(photos[second.first], photos[second.last] if second.last else None, second.overlap),
            fits=(room_fit(scene, first), room_fit(scene, photos[second.first])),
        ),
    )


def _runner_up(take: Take, others: Sequence[Take]) -> Take | None:
    """The best other take; one that begins or ends on another photo goes before the same photos used otherwise."""
    rest = [each for each in others if each.photos != take.photos]
    return min(
        rest,
        key=lambda each: (set(each.photos) <= set(take.photos), -round(_UNITS * each.worth), each.photos),
        default=None,
    )


def _confidence(scene: Scene, take: Take, photos: Mapping[str, CataloguedPhoto]) -> float:
    used = [photos[photo] for photo in take.photos]
    room = min(photo.room_confidence * math.sqrt(room_fit(scene, photo)) for photo in used)
    craft = min(craft_score(scene, photo) for photo in used)
    return round(min(1.0, room * (0.6 + 0.4 * craft) * _sure_of_one_space(used, take.overlap)), 2)


def _sure_of_one_space(used: Sequence[CataloguedPhoto], overlap: Overlap | None) -> float:
    match used, overlap:
        case [_], _:
            return 1.0
        case [first, last], None:
            return _VOUCHED_SPACE if vouched_by_labels(first, last) else _LIKELY_SPACE
        case _, Overlap():
            return _MEASURED_SPACE + (1 - _MEASURED_SPACE) * _sureness(overlap)
        case _:
            raise ValueError(f"a take has one photo or two, not {len(used)}")


def _from_to(first: CataloguedPhoto, last: CataloguedPhoto, overlaps: Overlaps) -> Overlap | None:
    """What was measured from one to the other; None where that is nothing, or too little to move along."""
    there = overlaps.get((first.photo_id, last.photo_id))
    back = overlaps.get((last.photo_id, first.photo_id))
    if there is None and back is not None:
        there = inverted(back, last, first)
    return there if there is not None and there.share >= LEAST_SHARE else None


def _unmeasured_gain(first: CataloguedPhoto, last: CataloguedPhoto, likeness: float) -> float | None:
    if vouched_by_labels(first, last):
        return MOST_UNMEASURED * (0.4 + 0.6 * _ramp(likeness, _UNLIKE, _LIKE)) if likeness >= _UNLIKE else None
    if likeness < _LIKE or first.room not in _ONE_INDOORS or not _same_room(first, last):
        return None
    return _LABELLED_ONLY * _ramp(likeness, _LIKE, 1.0)


def _sureness(overlap: Overlap) -> float:
    return _ramp(overlap.inliers, 8, 40)


def _cover(photo: CataloguedPhoto) -> float:
    """Photo pixels for each pixel of the film across the tighter dimension."""
    return min(photo.width_px / FULL_HD.width_px, photo.height_px / FULL_HD.height_px)


def _aspect_score(photo: CataloguedPhoto) -> float:
    """The part of the photo that a 16:9 frame can show."""
    aspect = photo.width_px / photo.height_px / FULL_HD.aspect
    return min(aspect, 1 / aspect)


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _take_order(take: Take) -> tuple[str, str, str]:
    return take.scene, take.first, take.last or ""
