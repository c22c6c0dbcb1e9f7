"""A vision model as pair selector: it sees every photo and chooses; the rules of honest film-making check its choice.

Belongs here: thumbnails and scenes' needs as a question, what makes a choice wrong, who fills what is still wrong.
Does not belong here: which photo may play which scene (``domain/pairing.py``), measuring overlap
(``media/overlap.py``), asking and paying (``client.py``), prompts (``prompts.py``).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from luxvid_pipeline.domain.errors import ContentRefusedError, RetryableProviderError
from luxvid_pipeline.domain.pair_reasons import left_out_reason
from luxvid_pipeline.domain.pairing import LEAST_SHARE, inverted, pair_gain, pair_key, photo_score, room_fit
from luxvid_pipeline.domain.pairs import Overlap, ScenePair
from luxvid_pipeline.domain.payments import FREE, Account, Estimate
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.ports import Engine, PairChoice
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES, Scene, scene
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.wishes import NO_WISHES, PictureWishes
from luxvid_pipeline.media.overlap import PhotoFeatures, overlap_of, photo_features
from luxvid_pipeline.media.thumbnails import Thumbnail, thumbnail
from luxvid_pipeline.providers.local.selector import LocalSelector, PairMeasure
from luxvid_pipeline.providers.vision import prompts
from luxvid_pipeline.providers.vision.client import VisionClient
from luxvid_pipeline.providers.vision.failures import UnusableAnswerError
from luxvid_pipeline.providers.vision.questions import (
    Bill,
    Question,
    Schema,
    faults_in_words,
    faults_told,
    first_fault,
    list_of,
    number,
    object_of,
    one_of,
    or_null,
    rows_of,
    text,
    with_room,
    yes_or_no,
)
from luxvid_pipeline.providers.vision.tagger import PHOTO_ROOM

MOST_PHOTOS = 120
"""Photos shown to the model; of more, those that serve the scenes best."""

_SCENE_ROOM = 2500
"""Characters that one more scene may take in a question."""

_SIDE_PX = 448
_SURE = 0.7
_AT_ONCE = 4
_LONGEST_REASON = 400


class _Choice(BaseModel):
    """One scene's choice, photos under their short ids."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    scene: str
    leave_out: bool
    first: str | None
    last: str | None
    confidence: float
    reason: str
    runner_up_first: str | None
    runner_up_last: str | None
    runner_up_reason: str


@dataclass(frozen=True, slots=True)
class _Album:
    """The photos a question shows, under short ids in a fixed order, and what a person wants of them by scene."""

    photos: Mapping[str, CataloguedPhoto]
    pictures: Mapping[str, Thumbnail]
    wishes: Mapping[str, PictureWishes] = field(default_factory=dict[str, PictureWishes])

    def may_show(self, key: str, photo: CataloguedPhoto) -> bool:
        """Whether a photo may play a scene: by its room, or because a person vouches for it; and is as wished."""
        wishes = self.wishes.get(key, NO_WISHES)
        plays = room_fit(scene(key), photo) > 0 or photo.photo_id in wishes.named
        return plays and wishes.allow(photo)

    def for_people(self, words: str) -> str:
        """Return words with the photos' file names in place of their short ids."""
        return re.sub(r"\bP\d{2,}\b", lambda found: self._file(found[0]), words)

    def _file(self, name: str) -> str:
        photo = self.photos.get(name)
        return photo.file if photo else name

    def without(self, used: set[str], scenes: Sequence[Scene]) -> "_Album":
        """Return the album of the photos not used that could play one of the scenes; short ids stay."""
        kept = {
            name: photo
            for name, photo in self.photos.items()
            if photo.photo_id not in used and any(self.may_show(each.key, photo) for each in scenes)
        }
        return _Album(kept, self.pictures, self.wishes)


@dataclass(slots=True)
class _Outcome:
    """Scenes with a sound choice, and why others have none."""

    rows: dict[str, ScenePair]
    faults: dict[str, str]

    @property
    def used(self) -> set[str]:
        """The photos that are taken."""
        return {photo for row in self.rows.values() for photo in row.photos}


class VisionSelector:
    """Chooses by looking at all photos at once.

    Args:
        client: The model.
        local: Who chooses for the scenes the model got wrong.
        measure: How two photos are compared.
    """

    def __init__(
        self, client: VisionClient, local: LocalSelector | None = None, measure: PairMeasure[Any] | None = None
    ) -> None:
        self._client = client
        self._local = local or LocalSelector(measure)
        self._measure: PairMeasure[Any] = measure or PairMeasure[PhotoFeatures](photo_features, overlap_of)

    @property
    def engine(self) -> str:
        """The model's name, ``xai/grok-4.3``."""
        return self._client.engine

    def estimate(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        *,
        is_draft: bool = False,
    ) -> Estimate:
        """Return what choosing may cost; nothing if it was paid for before or there is nothing to choose.

        Args:
            storyboard: As in ``select``.
            catalogue: As in ``select``.
            files: As in ``select``.
            is_draft: Whether others may still write and tag, more scenes and in more words: room is left for the most.

        Raises:
            MediaError: A photo cannot be read.
        """
        album = _album(storyboard, catalogue, files)
        if not storyboard.shots or not album.photos:
            return FREE
        question = _question(storyboard, [shot.scene for shot in storyboard.shots], album)
        room = len(SCENES) * _SCENE_ROOM + len(album.photos) * PHOTO_ROOM
        largest = with_room(question, room, most_tokens=_most_tokens(len(SCENES))) if is_draft else None
        return self._client.estimate(question, repair=True, largest=largest)

    def select(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        account: Account | None = None,
        *,
        pinned: Mapping[str, ScenePair] | None = None,
    ) -> PairChoice:
        """Return a row for each of the seven scenes; no photo serves two.

        Args:
            storyboard: What the film means to show.
            catalogue: Every usable photo.
            files: ``photo_id`` to the local working JPEG; a photo without one cannot be chosen.
            account: Who pays.
            pinned: Scene key to the row that it keeps; the model is neither asked about it nor shown its photos.

        Raises:
            ProviderError: The model cannot be had or refuses; see ``failures.py``.
            BudgetExceededError: It does not fit.
            MediaError: A photo cannot be read.
        """
        pinned = pinned or {}
        held = {photo for row in pinned.values() for photo in row.photos}
        everything, catalogue = catalogue, [photo for photo in catalogue if photo.photo_id not in held]
        storyboard = storyboard.model_copy(
            update={"shots": tuple(shot for shot in storyboard.shots if shot.scene not in pinned)}
        )
        album = _album(storyboard, catalogue, files)
        keys = [shot.scene for shot in storyboard.shots]
        if not keys or not album.photos:
            return self._local.select(storyboard, everything, files, pinned=pinned)
        bill = Bill()
        outcome = self._ask(storyboard, keys, album, account, bill)
        outcome.faults = {key: album.for_people(fault) for key, fault in outcome.faults.items()}
        with ThreadPoolExecutor(_AT_ONCE, "overlap") as pool:
            measured = pool.map(partial(self._with_overlap, album, files), outcome.rows.values())
            rows = dict(zip(outcome.rows, measured, strict=True))
        if outcome.faults:
            rows |= self._local_rows(storyboard, catalogue, files, outcome)
        left_out = {each.scene: each.reason for each in storyboard.left_out}
        rows |= pinned
        for each in SCENES:
            if each.key not in rows:
                reason = left_out.get(each.key, "the storyboard leaves this scene out")
                rows[each.key] = ScenePair(scene=each.key, first_photo=None, reason=reason)
        reason = faults_in_words(outcome.faults, "chosen by local rules")
        engine = Engine(
            name=self.engine, cost_usd=float(bill.cost_usd), paid_calls=bill.paid_calls, degraded_reason=reason
        )
        return PairChoice(pairs=tuple(rows[each.key] for each in SCENES), engine=engine)

    def _ask(
        self, storyboard: Storyboard, keys: Sequence[str], album: _Album, account: Account | None, bill: Bill
    ) -> _Outcome:
        """Ask for all scenes, then once more for those that came back wrong, from the photos that are left."""
        outcome = self._heard(_question(storyboard, keys, album), keys, album, set(), account, bill)
        if not outcome.faults:
            return outcome
        wrong = [key for key in keys if key in outcome.faults]
        left = album.without(outcome.used, [scene(key) for key in wrong])
        if not left.photos:
            return outcome
        question = _question(storyboard, wrong, left, faults_told({key: outcome.faults[key] for key in wrong}))
        try:
            again = self._heard(question, wrong, left, outcome.used, account, bill)
        except (ContentRefusedError, RetryableProviderError) as error:
            again = _Outcome({}, {key: f"{outcome.faults[key]}; then {error}" for key in wrong})
        return _Outcome({**outcome.rows, **again.rows}, again.faults)

    def _heard(
        self,
        question: Question,
        keys: Sequence[str],
        album: _Album,
        used: set[str],
        account: Account | None,
        bill: Bill,
    ) -> _Outcome:
        try:
            answer = self._client.ask(question, account)
        except UnusableAnswerError as error:
            return _Outcome({}, dict.fromkeys(keys, str(error)))
        bill.add(answer)
        return _checked(answer.value, keys, album, used, self.engine)

    def _with_overlap(self, album: _Album, files: Mapping[str, Path], row: ScenePair) -> ScenePair:
        """Measure what the two photos have in common, as the local selector does: from the lower id to the higher.

        A second photo that is the same picture again, or certainly another place, is given up.
        """
        if row.first_photo is None or row.last_photo is None:
            return row
        low, high = pair_key(row.first_photo, row.last_photo)
        overlap: Overlap | None = self._measure.overlap(
            self._measure.features(files[low]), self._measure.features(files[high])
        )
        photos = {photo.photo_id: photo for photo in album.photos.values()}
        if overlap is not None and low != row.first_photo:
            overlap = inverted(overlap, photos[low], photos[high])
        first, last = photos[row.first_photo], photos[row.last_photo]
        if overlap is not None and overlap.share >= LEAST_SHARE:
            if pair_gain(scene(row.scene), first, last, overlap) is not None:
                return replace(row, overlap=overlap)
            why = f"{last.file} shows nearly the same picture"
        elif _two_places(first, last):
            why = f"{last.file} shows another place, with nothing in common that could be measured"
        else:
            return replace(row, reason=f"{row.reason} No overlap of the two photos could be measured.")
        return replace(row, last_photo=None, reason=f"{row.reason} Shot from the first photo alone: {why}.")

    def _local_rows(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        outcome: _Outcome,
    ) -> dict[str, ScenePair]:
        """Let the local selector fill the scenes still wrong, from the photos the model left.

        Where it cannot, because another scene holds the only photo for it, and the two together could both be shot,
        the other scene is chosen anew as well: a film with more scenes goes before the model's wish.
        """
        why = {key: f"{self.engine}: {fault}" for key, fault in outcome.faults.items()}
        rows = self._chosen(storyboard, catalogue, files, outcome.used, list(why))
        starved = [key for key, row in rows.items() if row.left_out]
        holders = [
            key
            for key, row in outcome.rows.items()
            if any(_can_play(starving, photo, catalogue) for starving in starved for photo in row.photos)
        ]
        if holders:
            used = outcome.used - {photo for key in holders for photo in outcome.rows[key].photos}
            wider = self._chosen(storyboard, catalogue, files, used, [*why, *holders])
            if sum(row.left_out for row in wider.values()) < len(starved):
                rows = wider
                why |= dict.fromkeys(holders, f"{self.engine}: its photos were the only ones for another scene")
        serves = {photo: row.scene for row in (outcome.rows | rows).values() for photo in row.photos}
        for key, row in rows.items():
            reason = row.reason
            if row.left_out:
                reason = left_out_reason(
                    scene(key), [taker for photo, taker in serves.items() if _can_play(key, photo, catalogue)]
                )
            rows[key] = replace(row, reason=reason, engine=self._local.engine, degraded_reason=why[key])
        outcome.faults |= {key: why[key].removeprefix(f"{self.engine}: ") for key in rows}
        return rows

    def _chosen(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        used: set[str],
        keys: Sequence[str],
    ) -> dict[str, ScenePair]:
        """Return the local selector's rows for some scenes, from the photos not used."""
        shots = tuple(shot for shot in storyboard.shots if shot.scene in keys)
        rest = [photo for photo in catalogue if photo.photo_id not in used]
        rows = self._local.select(storyboard.model_copy(update={"shots": shots, "left_out": ()}), rest, files).pairs
        return {row.scene: row for row in rows if row.scene in keys}


def _two_places(first: CataloguedPhoto, last: CataloguedPhoto) -> bool:
    """Whether no camera could go from one photo to the other in a few slow seconds, whatever the model thinks."""
    if min(first.room_confidence, last.room_confidence) < _SURE:
        return False
    rooms = {first.room, last.room}
    return rooms == {Room.EXTERIOR_FRONT, Room.EXTERIOR_BACK} or first.room.is_exterior != last.room.is_exterior


def _can_play(key: str, photo_id: str, catalogue: Sequence[CataloguedPhoto]) -> bool:
    return any(photo.photo_id == photo_id and photo_score(scene(key), photo) > 0 for photo in catalogue)


def _album(storyboard: Storyboard, catalogue: Sequence[CataloguedPhoto], files: Mapping[str, Path]) -> _Album:
    """Number the photos that can be shown and scale them down."""
    scenes = [scene(shot.scene) for shot in storyboard.shots]
    shown = [photo for photo in catalogue if photo.photo_id in files]
    best = {photo.photo_id: max((photo_score(each, photo) for each in scenes), default=0.0) for photo in shown}
    shown = sorted(shown, key=lambda photo: (-best[photo.photo_id], photo.photo_id))[:MOST_PHOTOS]
    shown.sort(key=lambda photo: photo.photo_id)
    photos = {f"P{at:02}": photo for at, photo in enumerate(shown, 1)}
    with ThreadPoolExecutor(_AT_ONCE, "thumbnail") as pool:
        pictures = pool.map(_small, [files[photo.photo_id] for photo in photos.values()])
        album = _Album(photos, dict(zip(photos, pictures, strict=True)))
    return replace(album, wishes=dict(_wishes_that_can_be(storyboard, album)))


def _wishes_that_can_be(storyboard: Storyboard, album: _Album) -> Iterator[tuple[str, PictureWishes]]:
    """Give the wishes that some photos meet; others would only leave their scene out."""
    for shot in storyboard.shots:
        if shot.wishes != NO_WISHES:
            asked = replace(album, wishes={shot.scene: shot.wishes})
            if any(asked.may_show(shot.scene, photo) for photo in album.photos.values()):
                yield shot.scene, shot.wishes


def _small(path: Path) -> Thumbnail:
    return thumbnail(path, long_side_px=_SIDE_PX)


def _question(storyboard: Storyboard, keys: Sequence[str], album: _Album, faults: str = "") -> Question:
    subjects = {shot.scene: shot.subject for shot in storyboard.shots}
    parts: list[str | Thumbnail] = [prompts.SELECTOR_REPAIR.format(faults=faults)] if faults else []
    needs = [{**_needs(scene(key), subjects[key]), **_wished(key, album)} for key in keys]
    parts.append(json.dumps({"scenes": needs}, ensure_ascii=False))
    for name, photo in album.photos.items():
        parts += [json.dumps(_known(name, photo), ensure_ascii=False), album.pictures[name]]
    return Question(
        name="scene_pairs",
        instructions=prompts.SELECTOR,
        parts=tuple(parts),
        schema=_schema(keys, list(album.photos)),
        likely_tokens=140 * len(keys),
        most_tokens=_most_tokens(len(keys)),
        detail="low",
    )


def _most_tokens(scenes: int) -> int:
    return 400 * scenes + 200


def _needs(each: Scene, subject: str) -> dict[str, Any]:
    return {
        "scene": each.key,
        "shows": each.shows,
        "subject": subject,
        "camera": each.camera.kind.value,
        "rooms, best first": [room.value for room, _ in sorted(each.rooms.items(), key=lambda item: -item[1])],
        "likes": sorted(each.wanted_features),
    }


def _wished(key: str, album: _Album) -> dict[str, Any]:
    """What a person wants of a scene's photos; nothing where nobody asked, so that such a question stays as it was."""
    wishes = album.wishes.get(key)
    if wishes is None:
        return {}
    names = {photo.photo_id: name for name, photo in album.photos.items()}
    allowed = [name for name, photo in album.photos.items() if album.may_show(key, photo)]
    begin, end = names.get(wishes.first), names.get(wishes.last)
    use = [names[photo] for photo in wishes.photos if photo in names]
    told = {"only these photos": allowed, "must use": use, "must begin on": begin, "must end on": end}
    return {name: value for name, value in told.items() if value}


def _known(name: str, photo: CataloguedPhoto) -> dict[str, Any]:
    return {
        "photo": name,
        "room": photo.room.value,
        "sure": round(photo.room_confidence, 2),
        "caption": photo.caption,
        "features": list(photo.features),
        "quality": round(photo.quality, 2),
        "size": f"{photo.width_px}x{photo.height_px}",
        **({"avoid": list(photo.avoid)} if photo.avoid else {}),
    }


def _schema(keys: Sequence[str], names: Sequence[str]) -> Schema:
    photo: Schema = {"$ref": "#/$defs/photo"}
    schema = object_of(
        scenes=list_of(
            object_of(
                scene=one_of(keys),
                leave_out=yes_or_no("true only if no photo can honestly show the scene"),
                first=or_null(photo),
                last=or_null(photo),
                confidence=number("0 to 1"),
                reason=text("one sentence"),
                runner_up_first=or_null(photo),
                runner_up_last=or_null(photo),
                runner_up_reason=text("why it lost; empty if there is none"),
            )
        )
    )
    return {**schema, "$defs": {"photo": one_of(names)}}


def _checked(value: Mapping[str, Any], keys: Sequence[str], album: _Album, used: set[str], engine: str) -> _Outcome:
    """Hold an answer against the facts: scenes, ids, rooms, no photo twice, nothing left out that could be shot."""
    choices: dict[str, _Choice] = {}
    faults: dict[str, str] = {}
    for row in rows_of(value, "scenes"):
        key = str(row.get("scene"))
        if key not in keys:
            continue
        if key in choices or key in faults:
            choices.pop(key, None)
            faults[key] = "it was answered more than once"
            continue
        try:
            choices[key] = _Choice.model_validate(row)
        except ValidationError as error:
            faults[key] = first_fault(error)
    taken = dict.fromkeys(used, "another scene")
    rows: dict[str, ScenePair] = {}
    for key in keys:
        choice = choices.get(key)
        if choice is None:
            faults.setdefault(key, "it is missing from the answer")
            continue
        fault = "" if choice.leave_out else _fault(choice, album, taken)
        if fault:
            faults[key] = fault
            continue
        rows[key] = _row(choice, album, engine)
        taken |= dict.fromkeys(rows[key].photos, key)
    for key, row in list(rows.items()):
        wishes = album.wishes.get(key, NO_WISHES)
        could = [
            name
            for name, photo in album.photos.items()
            if (photo_score(scene(key), photo) > 0 and wishes.allow(photo)) or photo.photo_id in wishes.named
        ]
        if row.left_out and could:
            del rows[key]
            faults[key] = f"it was left out, though {', '.join(could[:5])} could honestly show it"
    ordered = {key: faults[key] for key in keys if key in faults}
    return _Outcome({key: rows[key] for key in keys if key in rows}, ordered)


def _fault(choice: _Choice, album: _Album, taken: Mapping[str, str]) -> str:
    if choice.first is None:
        return "it has no first photo and is not left out"
    if choice.first == choice.last:
        return f"{choice.first} is both first and last; give null for last to use one photo"
    if not 0 <= choice.confidence <= 1:
        return f"confidence is {choice.confidence:g}, it goes from 0 to 1"
    if not choice.reason.strip():
        return "it has no reason"
    names = [name for name in (choice.first, choice.last) if name is not None]
    wrong = (_photo_fault(name, choice.scene, album, taken) for name in names)
    return next(filter(None, wrong), "") or _wish_fault(names, choice.scene, album)


def _wish_fault(names: Sequence[str], key: str, album: _Album) -> str:
    wishes = album.wishes.get(key, NO_WISHES)
    photos = {photo.photo_id: photo for photo in album.photos.values()}
    if wishes.met_by([album.photos[name].photo_id for name in names], photos):
        return ""
    asked = ", ".join(f"{name}: {value}" for name, value in _wished(key, album).items())
    return f"{' and '.join(names)} are not what was asked for ({asked})"


def _photo_fault(name: str, key: str, album: _Album, taken: Mapping[str, str]) -> str:
    photo = album.photos.get(name)
    if photo is None:
        return f"there is no photo {name}"
    if photo.photo_id in taken:
        return f"{name} already serves {taken[photo.photo_id]}"
    if room_fit(scene(key), photo) <= 0 and photo.photo_id not in album.wishes.get(key, NO_WISHES).named:
        return f"{name} shows {photo.room.words}, which may not play this scene"
    return ""


def _row(choice: _Choice, album: _Album, engine: str) -> ScenePair:
    if choice.leave_out or choice.first is None:
        shown = scene(choice.scene)
        reason = _sentence(album.for_people(choice.reason)) or f"no photo shows {shown.asks_for}"
        return ScenePair(scene=choice.scene, first_photo=None, reason=reason, engine=engine)
    runner_up = _runner_up(choice, album)
    return ScenePair(
        scene=choice.scene,
        first_photo=album.photos[choice.first].photo_id,
        last_photo=album.photos[choice.last].photo_id if choice.last else None,
        confidence=round(choice.confidence, 2),
        reason=_sentence(album.for_people(choice.reason)),
        runner_up_first=runner_up[0],
        runner_up_last=runner_up[1],
        runner_up_reason=_sentence(album.for_people(choice.runner_up_reason)) if runner_up[0] else "",
        engine=engine,
    )


def _runner_up(choice: _Choice, album: _Album) -> tuple[str | None, str | None]:
    """Return the runner-up's photos; one that does not exist, may not play the scene or is the choice is dropped."""
    names = [name for name in (choice.runner_up_first, choice.runner_up_last) if name is not None]
    photos = [album.photos.get(name) for name in names]
    sound = [photo.photo_id for photo in photos if photo is not None and room_fit(scene(choice.scene), photo) > 0]
    chosen = [name for name in (choice.first, choice.last) if name is not None]
    if choice.runner_up_first is None or len(sound) != len(names) or len(set(sound)) != len(sound) or names == chosen:
        return None, None
    return sound[0], sound[1] if len(sound) > 1 else None


def _sentence(words: str) -> str:
    words = " ".join(words.split())
    if len(words) > _LONGEST_REASON:
        words = words[:_LONGEST_REASON].rsplit(" ", 1)[0].rstrip(",;") + "…"
    return words if not words or words[-1] in ".!?…" else f"{words}."
