"""A vision model as tagger: what each photo shows, checked, with the local tagger behind it.

Belongs here: batches, the schema of the answer, what makes an answer wrong, whose word counts.
Does not belong here: asking and paying (``client.py``), prompts (``prompts.py``), measuring pixels and file names
(``providers/local/tagger.py``).

Who is believed: the manifest, then the model, then the local rules where the model does not know. Depth, symmetry,
warmth and the words for light and shape stay measured.
"""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, ValidationError

from luxvid_pipeline.domain.errors import ContentRefusedError, RetryableProviderError
from luxvid_pipeline.domain.listing import ListingManifest, PhotoEntry
from luxvid_pipeline.domain.payments import FREE, Account, Estimate
from luxvid_pipeline.domain.photos import CataloguedPhoto, WorkingPhoto
from luxvid_pipeline.domain.ports import Engine, Tagging
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline.media.thumbnails import Thumbnail, thumbnail
from luxvid_pipeline.providers.local.tagger import LOCAL_RULE, MANIFEST, LocalTagger, suitability
from luxvid_pipeline.providers.vision import prompts
from luxvid_pipeline.providers.vision.client import VisionClient
from luxvid_pipeline.providers.vision.failures import UnusableAnswerError
from luxvid_pipeline.providers.vision.questions import (
    Bill,
    Question,
    Schema,
    faults_told,
    first_fault,
    list_of,
    number,
    object_of,
    one_of,
    rows_of,
    text,
)

AVOID = ("people", "photographer", "text", "clutter", "distortion")
"""What a model may say a film had better not show."""

_MEASURED = frozenset({"wide", "bright", "symmetry", "warm"})
_SHARPER = ("infinity pool", "lap pool", "freestanding tub", "roof terrace", "sunset", "night", "greenery", "fireplace")
FEATURES = tuple(
    sorted({word for scene in SCENES for word in (*scene.wanted_features, *scene.details)} - _MEASURED | {*_SHARPER})
)
"""Words a model may use for what it sees: those the scenes ask for, and those that sharpen a subject."""

_SIDE_PX = 768
_MOST_IN_BATCH, _LEAST_IN_BATCH, _ONE_IN = 10, 4, 4
_LONGEST_CAPTION = 240
_AT_ONCE = 4

PHOTO_ROOM = _LONGEST_CAPTION + sum(len(word) + 16 for word in (*FEATURES, *AVOID)) + 400
"""Characters that what a model says of one photo may add to a question of the stages after it, as JSON."""


class _Said(BaseModel):
    """What a model says of one photo; a value out of range is a fault."""

    model_config = ConfigDict(extra="ignore", strict=False)

    id: str
    room: Room
    room_confidence: float
    features: tuple[str, ...]
    caption: str
    quality: float
    avoid: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """A photo as it is sent."""

    photo: WorkingPhoto
    picture: Thumbnail


@dataclass(slots=True)
class _Outcome:
    """What is known of a batch: what the model said by ``photo_id``, and why it has nothing to say of the others."""

    said: dict[str, _Said]
    faults: dict[str, str]


class VisionTagger:
    """Tags photos by looking at them.

    Args:
        client: The model.
        local: Who measures, and tags what the model could not.
    """

    def __init__(self, client: VisionClient, local: LocalTagger | None = None) -> None:
        self._client = client
        self._local = local or LocalTagger()

    @property
    def engine(self) -> str:
        """The model's name, ``xai/grok-4.3``."""
        return self._client.engine

    def estimate(
        self, photos: Sequence[WorkingPhoto], manifest: ListingManifest, *, is_draft: bool = False
    ) -> Estimate:
        """Return what tagging these photos may cost; batches that were paid for before cost nothing.

        Args:
            photos: As in ``tag``.
            manifest: As in ``tag``.
            is_draft: Whether an earlier run may have ended between a batch's first question and its second.

        Raises:
            MediaError: A photo cannot be read.
        """
        questions = [_question(batch) for batch in _batches(_looks(photos))]
        return sum(
            (self._client.estimate(each, repair=True, largest=each if is_draft else None) for each in questions), FREE
        )

    def tag(self, photos: Sequence[WorkingPhoto], manifest: ListingManifest, account: Account | None = None) -> Tagging:
        """Return one catalogue entry a photo, in the order given.

        Args:
            photos: What to look at.
            manifest: Its word on a room stands; the model is not told it, so that an edit pays for nothing again.
            account: Who pays.

        Raises:
            ContentRefusedError: The model refuses every photo.
            ProviderError: The model cannot be had; see ``failures.py``.
            BudgetExceededError: The next batch does not fit.
            MediaError: A photo cannot be read.
        """
        known = self._local.tag(photos, manifest).photos
        bill = Bill()
        outcomes = self._ask_all(_batches(_looks(photos)), account, bill)
        said = {key: each for outcome in outcomes for key, each in outcome.said.items()}
        faults = {key: why for outcome in outcomes for key, why in outcome.faults.items()}
        told = {entry.file: entry for entry in manifest.photos}
        entries = [
            self._entry(photo, entry, said.get(entry.photo_id), told.get(entry.file))
            for photo, entry in zip(photos, known, strict=True)
        ]
        engine = Engine(
            name=self.engine,
            cost_usd=float(bill.cost_usd),
            paid_calls=bill.paid_calls,
            degraded_reason=_degraded(self.engine, photos, faults),
        )
        return Tagging(photos=tuple(entries), engine=engine)

    def _ask_all(self, batches: Sequence[Sequence[_Look]], account: Account | None, bill: Bill) -> list[_Outcome]:
        """Ask for the first batch alone, so that a broken key shows before several are in flight; then the others."""
        if not batches:
            return []
        first, refusals = self._ask(batches[0], account, bill, may_refuse=len(batches) > 1)
        with ThreadPoolExecutor(_AT_ONCE, "tag-batch") as pool:
            waiting = [pool.submit(self._ask, batch, account, bill, may_refuse=True) for batch in batches[1:]]
            try:
                rest = [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        refused = [each for each in (refusals, *(why for _, why in rest)) if each is not None]
        if len(refused) == len(batches):
            raise refused[0]
        return [first, *(outcome for outcome, _ in rest)]

    def _ask(
        self, batch: Sequence[_Look], account: Account | None, bill: Bill, *, may_refuse: bool
    ) -> tuple[_Outcome, ContentRefusedError | None]:
        """Ask about a batch, then once more about the photos that came back wrong."""
        try:
            outcome = self._heard(_question(batch), batch, account, bill)
        except ContentRefusedError as error:
            if not may_refuse:
                raise
            return _Outcome({}, {look.photo.record.photo_id: str(error) for look in batch}), error
        if not outcome.faults:
            return outcome, None
        wrong = [look for look in batch if look.photo.record.photo_id in outcome.faults]
        names = _names(wrong)
        faults = faults_told({name: outcome.faults[key] for key, name in names.items()})
        try:
            again = self._heard(_question(wrong, faults), wrong, account, bill)
        except (ContentRefusedError, RetryableProviderError) as error:
            again = _Outcome({}, {key: f"{outcome.faults[key]}; then {error}" for key in names})
        return _Outcome({**outcome.said, **again.said}, again.faults), None

    def _heard(self, question: Question, batch: Sequence[_Look], account: Account | None, bill: Bill) -> _Outcome:
        try:
            answer = self._client.ask(question, account)
        except UnusableAnswerError as error:
            return _Outcome({}, {look.photo.record.photo_id: str(error) for look in batch})
        bill.add(answer)
        return _checked(answer.value, batch)

    def _entry(
        self, photo: WorkingPhoto, known: CataloguedPhoto, said: _Said | None, told: PhotoEntry | None
    ) -> CataloguedPhoto:
        """Put together what the manifest, the model and the local rules say of one photo."""
        if said is None:
            return known
        room, room_by, sure = known.room, known.room_by, known.room_confidence
        if (told is None or told.room is None) and said.room is not Room.UNKNOWN:
            room, room_by, sure = said.room, self.engine, round(said.room_confidence, 3)
        features, features_by = self._features(known, room, said, told)
        quality = round(said.quality, 4)
        suits = suitability(photo.record, room, sure, quality, features, known)
        return replace(
            known,
            room=room,
            room_by=room_by,
            room_confidence=sure,
            features=features,
            features_by=features_by,
            caption=said.caption,
            caption_by=self.engine,
            quality=quality,
            quality_by=self.engine,
            # A photo that shows somebody may still be the only one of its room, so it only goes to the end.
            suitability={scene: round(fit * (0.5 if said.avoid else 1.0), 4) for scene, fit in suits.items()},
            avoid=said.avoid,
        )

    def _features(
        self, known: CataloguedPhoto, room: Room, said: _Said, told: PhotoEntry | None
    ) -> tuple[tuple[str, ...], str]:
        tags = tuple(tag.strip().lower() for tag in told.tags) if told else ()
        kept = _MEASURED | {"exterior", "interior"} if room is Room.UNKNOWN else _MEASURED
        outside = ("exterior",) if room.is_exterior else ()
        measured = (*outside, *(word for word in known.features if word in kept))
        by = [who for who, any_of in ((MANIFEST, tags), (self.engine, True), (LOCAL_RULE, measured)) if any_of]
        return tuple(dict.fromkeys(word for word in (*tags, *said.features, *measured) if word)), ", ".join(by)


def _looks(photos: Sequence[WorkingPhoto]) -> list[_Look]:
    with ThreadPoolExecutor(_AT_ONCE, "thumbnail") as pool:
        return list(pool.map(_look, photos))


def _look(photo: WorkingPhoto) -> _Look:
    return _Look(photo, thumbnail(photo.path, long_side_px=_SIDE_PX))


def _batches(looks: Sequence[_Look]) -> list[list[_Look]]:
    """Cut the photos into batches whose borders depend on the photos next to them.

    One more photo then changes one batch or two; counted off by tens it would change, and cost, every batch after it.
    """
    batches: list[list[_Look]] = [[]]
    for look in sorted(looks, key=lambda each: (each.picture.sha256, each.photo.record.photo_id)):
        batch = batches[-1]
        batch.append(look)
        lot = hashlib.sha256(look.picture.sha256.encode()).digest()[0]
        if len(batch) >= _MOST_IN_BATCH or (len(batch) >= _LEAST_IN_BATCH and lot % _ONE_IN == 0):
            batches.append([])
    return [batch for batch in batches if batch]


def _names(batch: Sequence[_Look]) -> dict[str, str]:
    """``photo_id`` to the short id the model is given; 64 hex digits are dear and easily misspelt."""
    return {look.photo.record.photo_id: f"P{number:02}" for number, look in enumerate(batch, 1)}


def _question(batch: Sequence[_Look], faults: str = "") -> Question:
    names = _names(batch)
    parts: list[str | Thumbnail] = [prompts.TAGGER_REPAIR.format(faults=faults)] if faults else []
    for look in batch:
        parts += [f"Photo {names[look.photo.record.photo_id]}:", look.picture]
    return Question(
        name="photo_tags",
        instructions=prompts.TAGGER,
        parts=tuple(parts),
        schema=_schema(list(names.values())),
        likely_tokens=110 * len(batch),
        most_tokens=300 * len(batch) + 200,
        detail="high",
    )


def _schema(names: Sequence[str]) -> Schema:
    return object_of(
        photos=list_of(
            object_of(
                id=one_of(names),
                room=one_of([room.value for room in Room]),
                room_confidence=number("0 to 1"),
                features=list_of(one_of(FEATURES)),
                caption=text("one sentence of at most 20 words"),
                quality=number("0 to 1"),
                avoid=list_of(one_of(AVOID)),
            )
        )
    )


def _checked(value: Mapping[str, object], batch: Sequence[_Look]) -> _Outcome:
    """Hold an answer against the facts: every photo exactly once, known rooms, numbers in range."""
    ids = {name: key for key, name in _names(batch).items()}
    said: dict[str, _Said] = {}
    faults: dict[str, str] = {}
    invented: list[str] = []
    for row in rows_of(value, "photos"):
        name = str(row.get("id"))
        key = ids.get(name)
        if key is None:
            invented.append(name)
            continue
        if key in said or key in faults:
            said.pop(key, None)
            faults[key] = "it was answered more than once"
            continue
        try:
            one = _Said.model_validate(row)
        except ValidationError as error:
            faults[key] = first_fault(error)
            continue
        fault = _fault(one)
        if fault:
            faults[key] = fault
        else:
            said[key] = _tidy(one)
    also = f"; the ids {', '.join(invented)} do not exist" if invented else ""
    for key in ids.values():
        if key not in said and key not in faults:
            faults[key] = f"it is missing from the answer{also}"
    return _Outcome(said, faults)


def _fault(said: _Said) -> str:
    for name, value in (("room_confidence", said.room_confidence), ("quality", said.quality)):
        if not 0 <= value <= 1:
            return f"{name} is {value:g}, it goes from 0 to 1"
    return "" if said.caption.strip() else "its caption is empty"


def _tidy(said: _Said) -> _Said:
    caption = " ".join(said.caption.split())
    if len(caption) > _LONGEST_CAPTION:
        caption = caption[:_LONGEST_CAPTION].rsplit(" ", 1)[0].rstrip(",;") + "…"
    known = {
        "features": tuple(dict.fromkeys(word for word in said.features if word in FEATURES)),
        "avoid": tuple(dict.fromkeys(word for word in said.avoid if word in AVOID)),
    }
    return said.model_copy(update={"caption": caption, **known})


def _degraded(engine: str, photos: Sequence[WorkingPhoto], faults: Mapping[str, str]) -> str:
    if not faults:
        return ""
    files = {photo.record.photo_id: photo.record.file for photo in photos}
    first = next(iter(faults))
    others = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
    return (
        f"{len(faults)} of {len(photos)} photos were tagged by local rules instead of {engine}: "
        f"{files[first]}{others}: {faults[first]}"
    )
