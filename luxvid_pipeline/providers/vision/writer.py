"""A language model as writer: the seven scenes in the words of the brief, and revised after feedback.

Belongs here: what the model is given, the schema of its answer, what makes a scene's words wrong, what feedback names.
Does not belong here: which scenes can be shot and of what (``providers/local/writer.py`` settles that, from the
photos), asking and paying (``client.py``), prompts (``prompts.py``).

The local draft stays wherever the model's words cannot be used, scene by scene, and the scene says so.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from luxvid_pipeline.domain.directions import NOT_UNDERSTOOD, ORDINALS, check_note
from luxvid_pipeline.domain.errors import ContentRefusedError, RetryableProviderError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import FREE, Account, Estimate
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.ports import Draft, Engine
from luxvid_pipeline.domain.scenes import SCENES, scene
from luxvid_pipeline.domain.storyboard import Shot, Storyboard
from luxvid_pipeline.domain.subjects import rooms_named
from luxvid_pipeline.providers.local.writer import LocalWriter
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
    object_of,
    one_of,
    or_null,
    rows_of,
    text,
    with_room,
)
from luxvid_pipeline.providers.vision.tagger import PHOTO_ROOM

LIMITS: Mapping[str, int] = {"subject": 120, "prompt": 900, "negative_prompt": 500, "score_prompt": 300}
"""Characters at most; the shortest prompt that a video model of ours still takes whole is 1500 long."""

_IN_PROMPTS = {
    "subject": LIMITS["subject"],
    "prompt": LIMITS["prompt"],
    "negative": LIMITS["negative_prompt"],
    "score": LIMITS["score_prompt"],
}
_OWN_WORDS = ("subject", "prompt", "negative_prompt", "score_prompt")
_PHOTOS_TOLD = 100
_SCENE_ROOM = 4000
"""Characters that one more scene may take in a question."""

_VOICES = re.compile(r"\b(instrumental|no vocals|without vocals)\b", re.IGNORECASE)


class _Words(BaseModel):
    """A scene's words as a model gives them; None keeps what was there."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    scene: str
    subject: str | None
    prompt: str | None
    negative_prompt: str | None
    score_prompt: str | None


@dataclass(slots=True)
class _Outcome:
    """Scenes with new words, and why others have none."""

    shots: dict[str, Shot]
    faults: dict[str, str]


class VisionWriter:
    """Rewrites the local draft of a storyboard.

    Args:
        client: The model.
        local: Who drafts.
    """

    def __init__(self, client: VisionClient, local: LocalWriter | None = None) -> None:
        self._client = client
        self._local = local or LocalWriter()

    @property
    def engine(self) -> str:
        """The model's name, ``xai/grok-4.3``."""
        return self._client.engine

    def estimate(
        self,
        listing: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        *,
        is_draft: bool = False,
    ) -> Estimate:
        """Return what writing may cost; nothing if it was paid for before or there is nothing to write.

        Args:
            listing: As in ``write``.
            manifest: As in ``write``.
            catalogue: As in ``write``.
            is_draft: Whether others may still tag the photos, in more words and for more scenes: room is left for the
                most.
        """
        draft = self._local.write(listing, manifest, catalogue).storyboard
        if not draft.shots:
            return FREE
        question = _to_write(draft, draft.shots, manifest, catalogue)
        room = len(SCENES) * _SCENE_ROOM + min(len(catalogue), _PHOTOS_TOLD) * PHOTO_ROOM
        largest = with_room(question, room, most_tokens=_most_tokens(len(SCENES))) if is_draft else None
        return self._client.estimate(question, repair=True, largest=largest)

    def write(
        self,
        listing: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        account: Account | None = None,
    ) -> Draft:
        """Return the listing's storyboard; scenes it cannot show are left out with their reason.

        Raises:
            ProviderError: The model cannot be had or refuses; see ``failures.py``.
            BudgetExceededError: It does not fit.
        """
        draft = self._local.write(listing, manifest, catalogue).storyboard
        if not draft.shots:
            return Draft(storyboard=draft.model_copy(update={"engine": self.engine}), engine=Engine(name=self.engine))
        bill = Bill()
        olds = {shot.scene: shot for shot in draft.shots}

        def ask(shots: Sequence[Shot], faults: str) -> _Outcome:
            question = _to_write(draft, shots, manifest, catalogue, faults)
            answer = self._client.ask(question, account)
            bill.add(answer)
            return self._checked(answer.value, {shot.scene: shot for shot in shots}, manifest.brand.avoid)

        outcome = _twice(ask, draft.shots)
        shots = tuple(outcome.shots.get(key, old) for key, old in olds.items())
        reason = faults_in_words(outcome.faults, "local words kept")
        board = draft.model_copy(update={"engine": self.engine, "shots": shots, "degraded_reason": reason})
        return Draft(storyboard=board, engine=self._engine(bill, reason))

    def revise(
        self,
        storyboard: Storyboard,
        feedback: str,
        manifest: ListingManifest | None = None,
        catalogue: Sequence[CataloguedPhoto] = (),
        account: Account | None = None,
        *,
        about: str = "",
        pairs: Sequence[ScenePair] = (),
        seen: Sequence[str] = (),
    ) -> Draft:
        """Return the next version of a storyboard, changed where the feedback says so and nowhere else.

        What the local vocabulary understands (photos, rooms, what must not appear) is put on first, so that a wish for
        the pictures never depends on a model; then the model rewrites the words.

        Args:
            storyboard: The version that was commented on.
            feedback: What a person wants changed, in words; at most ``LONGEST_NOTE`` characters.
            manifest: Brief and brand rules, which still hold.
            catalogue: What the photos show.
            account: Who pays.
            about: Key of the one scene that may change; empty where the feedback itself says which.
            pairs: The photos chosen now; scenes that are not meant keep theirs.
            seen: The scene's photos when this was said, for "another photo".

        Returns:
            The next version; scenes that the feedback does not name are the very same. The same version, unchanged, if
            nothing of it could be done, with the reason.

        Raises:
            InputError: The feedback is empty or too long.
            ProviderError: The model cannot be had or refuses; the storyboard stands.
            BudgetExceededError: It does not fit.
        """
        feedback = check_note(feedback)
        manifest = manifest or ListingManifest()
        bill = Bill()
        local = self._local.revise(storyboard, feedback, manifest, catalogue, about=about, pairs=pairs, seen=seen)
        put = local.storyboard
        named = frozenset({about}) if about else scenes_meant(feedback, storyboard)
        absent = [
            f"{each.scene} is not in the film: {each.reason}" for each in storyboard.left_out if each.scene in named
        ]
        if put is storyboard and ((named and len(absent) == len(named)) or not storyboard.shots):
            reason = "; ".join(absent) or "the film has no scene"
            return Draft(storyboard=storyboard, engine=self._engine(bill, reason), not_done=(reason,))
        not_done: list[str] = []

        def ask(shots: Sequence[Shot], faults: str) -> _Outcome:
            said = f"About {about} only: {feedback}" if about else feedback
            answer = self._client.ask(_to_revise(put, said, manifest, catalogue, faults), account)
            bill.add(answer)
            rows = rows_of(answer.value, "scenes")
            meant = {about} if about else {str(each) for each in answer.value.get("meant") or ()}
            # Whatever it did to scenes that nobody spoke of is put back; without a name, its own reading counts.
            may_change = (named or meant) & {shot.scene for shot in shots}
            not_done[:] = [str(answer.value.get("not_done") or "").strip()]
            olds = {shot.scene: shot for shot in shots if shot.scene in may_change}
            told = {str(row.get("scene")) for row in rows} & olds.keys()
            return self._checked(
                answer.value, {key: olds[key] for key in olds if key in told}, manifest.brand.avoid, revising=True
            )

        outcome = _twice(ask, put.shots)
        spoken = {shot.scene: shot for shot in put.shots}
        changed = {key: shot for key, shot in outcome.shots.items() if _words_of(shot) != _words_of(spoken[key])}
        reasons = [*absent, *(f"{key} stays as it was: {why}" for key, why in outcome.faults.items())]
        reasons += [f"not done: {why}" for why in not_done if why]
        if not changed and not reasons and put is storyboard:
            reasons = ["the model found nothing to change"]
        reason = "; ".join(reasons)
        is_next = bool(changed) or put is not storyboard
        version = storyboard.version + (1 if is_next else 0)
        for key, shot in changed.items():
            if shot.subject != spoken[key].subject:
                changed[key] = shot.model_copy(update={"since": version})  # another subject, so perhaps other photos
        board = put.model_copy(
            update={
                "shots": tuple(changed.get(shot.scene, shot) for shot in put.shots),
                "version": version,
                "engine": self.engine if is_next else storyboard.engine,
                "degraded_reason": reason if is_next else storyboard.degraded_reason,
            }
        )
        done = (*local.done, *(f"{key} has new words" for key in changed))
        # What only the local vocabulary did not understand, the model has read.
        kept = tuple(each for each in local.not_done if not each.startswith(NOT_UNDERSTOOD))
        return Draft(storyboard=board, engine=self._engine(bill, reason), done=done, not_done=(*kept, *reasons))

    def _checked(
        self, value: Mapping[str, Any], olds: Mapping[str, Shot], avoid: Sequence[str], *, revising: bool = False
    ) -> _Outcome:
        """Hold an answer against the rules: each scene once, within the limits, nothing that is to be avoided."""
        outcome = _Outcome({}, {})
        for row in rows_of(value, "scenes"):
            key = str(row.get("scene"))
            old = olds.get(key)
            if old is None:
                continue
            if key in outcome.shots or key in outcome.faults:
                outcome.shots.pop(key, None)
                outcome.faults[key] = "it was answered more than once"
                continue
            try:
                words = _Words.model_validate(row)
            except ValidationError as error:
                outcome.faults[key] = first_fault(error)
                continue
            shot = self._shot(old, words, avoid)
            silent = [name for name in _OWN_WORDS if getattr(words, name) is None]
            fault = f"{silent[0]} is missing" if silent and not revising else _fault(shot, old, avoid)
            if fault:
                outcome.faults[key] = fault
            else:
                outcome.shots[key] = shot
        for key in olds:
            if key not in outcome.shots and key not in outcome.faults:
                outcome.faults[key] = "it is missing from the answer"
        return outcome

    def _shot(self, old: Shot, words: _Words, avoid: Sequence[str]) -> Shot:
        """Return the scene with its new words; what must be in them and can be added safely is added."""
        given = {
            name: " ".join(value.split())
            for name in _OWN_WORDS
            if (value := getattr(words, name)) is not None and value.strip() != getattr(old, name)
        }
        if "negative_prompt" in given:
            given["negative_prompt"] = _with_all(given["negative_prompt"], avoid)
        if "score_prompt" in given and not _VOICES.search(given["score_prompt"]):
            given["score_prompt"] = f"{given['score_prompt'].rstrip('.')}; instrumental, no vocals"
        return old.model_copy(update={**given, "written_by": self.engine})

    def _engine(self, bill: Bill, reason: str) -> Engine:
        return Engine(
            name=self.engine, cost_usd=float(bill.cost_usd), paid_calls=bill.paid_calls, degraded_reason=reason
        )


def scenes_meant(feedback: str, storyboard: Storyboard) -> frozenset[str]:
    """Return the scenes that a person's words name; empty where they name none, or speak of the whole film.

    A scene is named by its number, key or title, by its place (``the opening``), or by a room that its subject names;
    scenes that were left out can be named too.
    """
    words = feedback.lower()
    if re.search(r"\b(all|every|each|everywhere|everything|throughout|whole film|entire film|overall)\b", words):
        return frozenset()
    shown = [shot.scene for shot in storyboard.shots]
    meant: set[str] = set()
    for key in (*shown, *(each.scene for each in storyboard.left_out)):
        number = scene(key).number
        numbers = (rf"\bscene (no\.? ?)?{number}\b", rf"\b{ORDINALS[number - 1]} scene\b")
        if any(re.search(pattern, words) for pattern in (key, rf"\b({_NAMES[key]})\b", *numbers)):
            meant.add(key)
    if shown and re.search(r"\b(opening|beginning)\b", words):
        meant.add(shown[0])
    if shown and re.search(r"\b(ending|closing|(last|final) scene|the end)\b", words):
        meant.add(shown[-1])
    rooms = rooms_named(words)
    return frozenset(meant | {shot.scene for shot in storyboard.shots if rooms & rooms_named(shot.subject)})


_NAMES: Mapping[str, str] = {
    "1-arrival": "arrival",
    "2-bedroom": "bedrooms?",
    "3-vanity": "vanity|basins?",
    "4-bath": "bath|tub|bathtub|shower",
    "5-living": "living|lounge",
    "6-lifestyle": "lifestyle",
    "7-farewell": "farewell|goodbye",
}


def _twice(ask: Callable[[Sequence[Shot], str], _Outcome], shots: Sequence[Shot]) -> _Outcome:
    """Ask, then once more for the scenes that came back wrong, with their faults named."""
    try:
        outcome = ask(shots, "")
    except UnusableAnswerError as error:
        outcome = _Outcome({}, {shot.scene: str(error) for shot in shots})
    wrong = [shot for shot in shots if shot.scene in outcome.faults]
    if not wrong:
        return outcome
    try:
        again = ask(wrong, faults_told(outcome.faults))
    except (ContentRefusedError, RetryableProviderError) as error:
        again = _Outcome({}, {shot.scene: f"{outcome.faults[shot.scene]}; then {error}" for shot in wrong})
    return _Outcome({**outcome.shots, **again.shots}, again.faults)


def _fault(shot: Shot, old: Shot, avoid: Sequence[str]) -> str:
    for name in _OWN_WORDS:
        words = str(getattr(shot, name))
        if words == getattr(old, name):
            continue  # What was there before is not the model's fault.
        if not words.strip():
            return f"{name} is empty"
        if len(words) > LIMITS[name]:
            return f"{name} has {len(words)} characters, at most {LIMITS[name]} are allowed"
    for name in ("subject", "prompt"):
        if getattr(shot, name) == getattr(old, name):
            continue
        seen = [word for word in avoid if _says(getattr(shot, name), word)]
        if seen:
            return f"{name} speaks of {' and '.join(map(repr, seen))}, which must be avoided"
    rooms = scene(shot.scene).rooms
    named = rooms_named(shot.subject)
    if shot.subject != old.subject and named and not named & rooms.keys():
        return f"subject is another room's: {shot.scene} may show {', '.join(room.words for room in rooms)}"
    return ""


def _words_of(shot: Shot) -> list[str]:
    return [getattr(shot, name) for name in _OWN_WORDS]


def _says(words: str, avoided: str) -> bool:
    stem = re.escape(avoided.strip().lower().rstrip("s"))
    return bool(stem) and re.search(rf"\b{stem}(?:s|es)?\b", words.lower()) is not None


def _with_all(negative: str, avoid: Sequence[str]) -> str:
    missing = [word for word in avoid if not _says(negative, word)]
    return ", ".join([negative.rstrip(" ,."), *missing]) if missing else negative


def _to_write(
    draft: Storyboard,
    shots: Sequence[Shot],
    manifest: ListingManifest,
    catalogue: Sequence[CataloguedPhoto],
    faults: str = "",
) -> Question:
    given = {**_facts(draft, manifest, catalogue), "draft": [_told(shot) for shot in shots]}
    parts = [prompts.WRITER_REPAIR.format(faults=faults)] if faults else []
    return Question(
        name="storyboard",
        instructions=prompts.WRITER.format(**_IN_PROMPTS),
        parts=(*parts, json.dumps(given, ensure_ascii=False, indent=1)),
        schema=object_of(scenes=list_of(_scene_schema([shot.scene for shot in shots], may_keep=False))),
        likely_tokens=260 * len(shots),
        most_tokens=_most_tokens(len(shots)),
    )


def _to_revise(
    storyboard: Storyboard,
    feedback: str,
    manifest: ListingManifest,
    catalogue: Sequence[CataloguedPhoto],
    faults: str = "",
) -> Question:
    keys = [shot.scene for shot in storyboard.shots]
    given = {**_facts(storyboard, manifest, catalogue), "storyboard": [_told(shot) for shot in storyboard.shots]}
    repair = [prompts.WRITER_REPAIR.format(faults=faults)] if faults else []
    return Question(
        name="storyboard_revision",
        instructions=prompts.REVISER.format(**_IN_PROMPTS),
        parts=(json.dumps(given, ensure_ascii=False, indent=1), f"Feedback:\n{feedback}", *repair),
        schema=object_of(
            meant=list_of(one_of(keys)),
            scenes=list_of(_scene_schema(keys, may_keep=True)),
            not_done=text("what cannot be done, one sentence, or empty"),
        ),
        likely_tokens=300,
        most_tokens=_most_tokens(len(keys)),
    )


def _most_tokens(scenes: int) -> int:
    return 900 * scenes + 300


def _scene_schema(keys: Sequence[str], *, may_keep: bool) -> Schema:
    words = {name: text(f"at most {LIMITS[name]} characters") for name in _OWN_WORDS}
    return object_of(scene=one_of(keys), **{name: or_null(each) if may_keep else each for name, each in words.items()})


def _told(shot: Shot) -> dict[str, str]:
    return {
        "scene": shot.scene,
        "shows": scene(shot.scene).shows,
        "camera": shot.camera,
        "score_mood": scene(shot.scene).score.words,
        **{name: getattr(shot, name) for name in _OWN_WORDS},
    }


def _facts(storyboard: Storyboard, manifest: ListingManifest, catalogue: Sequence[CataloguedPhoto]) -> dict[str, Any]:
    """What is known of the property: nothing about agents and addresses, which no model needs."""
    plays = {room for each in SCENES for room in each.rooms}
    photos = sorted((photo for photo in catalogue if photo.room in plays), key=lambda photo: photo.photo_id)
    return {
        "title": storyboard.title,
        "brief": manifest.brief.model_dump(mode="json"),
        "tone": list(manifest.brand.tone),
        "avoid": list(manifest.brand.avoid),
        "music": storyboard.music,
        "photos": [
            {"room": photo.room.value, "shows": photo.caption, "features": list(photo.features)}
            for photo in photos[:_PHOTOS_TOLD]
        ],
    }
