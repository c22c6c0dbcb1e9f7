# ruff: noqa: PLR0911 - a table of names has a return for each
"""What a simulated language model answers when nothing else is scripted: plausible, true to the schema, computed.

Belongs here: reading a request's texts and pictures, filling a strict schema from them (rooms from names and colours,
pairs whose rooms fit, scenes in the words they were given).
Does not belong here: HTTP, usage, failures (``language_server.py``).
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from luxvid_pipeline.domain.rooms import EXTERIORS, Room
from luxvid_pipeline.domain.scenes import SCENES

Schema = Mapping[str, Any]

_SCENES = {scene.key: scene for scene in SCENES}
_ROOM_WORDS = {
    word: room
    for room in Room
    for word in {room.value, room.value.replace("_", " "), room.value.replace("_", "-"), room.words}
}


@dataclass(frozen=True)
class SeenPicture:
    """One picture of a request, with the words that stood before it."""

    label: str
    content_type: str
    data: bytes
    width: int
    height: int

    @property
    def pixels(self) -> np.ndarray | None:
        """The picture as BGR, or None if it cannot be read."""
        return cv2.imdecode(np.frombuffer(self.data, np.uint8), cv2.IMREAD_COLOR) if self.data else None


@dataclass(frozen=True)
class KnownPicture:
    """A picture the simulated model will recognise: what it shows, and how it looks from far away."""

    room: Room
    words: str
    look: np.ndarray


class PictureMemory:
    """Folders of pictures that a simulated model recognises, whatever their size and name in a request.

    Rooms and words come from the folder's ``LABELS.csv`` (``file``, ``room``, ``notes``, ``usable``) where there is
    one, otherwise from the files' names. Rows that say ``usable,no`` are passed over.
    """

    def __init__(self, folders: Sequence[Path] = ()):
        self._known = [known for folder in folders for known in _pictures_of(folder)]

    def recognise(self, picture: SeenPicture) -> KnownPicture | None:
        """Return what a picture is, or None if it was never seen before."""
        pixels = picture.pixels if self._known else None
        if pixels is None:
            return None
        look = _look(pixels)
        distance, _, best = min(
            (float(np.abs(known.look - look).mean()), at, known) for at, known in enumerate(self._known)
        )
        return best if distance < _SAME_LOOK else None


_SAME_LOOK = 6.0
"""Mean difference in grey levels of two small copies; another picture of the same room differs by more."""


def _look(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.resize(pixels, (32, 24), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY).astype(float)


def _pictures_of(folder: Path) -> Iterator[KnownPicture]:
    labels = folder / "LABELS.csv"
    rows = (
        {row["file"]: row for row in csv.DictReader(labels.read_text(encoding="utf-8").splitlines())}
        if labels.exists()
        else {}
    )
    for file in sorted(folder.iterdir()):
        pixels = cv2.imread(str(file)) if file.suffix.lower() in {".jpg", ".jpeg", ".png"} else None
        if pixels is None:
            continue
        row = rows.get(file.name, {})
        if row.get("usable") == "no":
            continue
        name = file.stem.lower().replace("-", " ").replace("_", " ")
        room = row.get("room") or next((room.value for word, room in _ROOM_WORDS.items() if word in name), "unknown")
        yield KnownPicture(Room(room), row.get("notes") or name, _look(pixels))


@dataclass(frozen=True)
class Ask:
    """One request to a language model.

    Attributes:
        api: ``chat`` or ``responses``.
        model: As asked for.
        texts: System and user texts, in order.
        pictures: In order.
        schema: The strict schema of the answer, or None where plain text is wanted.
        schema_name: Its name.
        body: The whole request.
        known: What is recognised of each picture; empty where the model remembers nothing.
    """

    api: str
    model: str
    texts: tuple[str, ...]
    pictures: tuple[SeenPicture, ...]
    schema: Schema | None
    schema_name: str
    body: Mapping[str, Any]
    known: tuple[KnownPicture | None, ...] = ()

    @property
    def text(self) -> str:
        """All texts together."""
        return "\n".join(self.texts)


def default_answer(ask: Ask) -> Any:
    """Return what the model says: a JSON value that fits the schema, or a text where there is none."""
    if ask.schema is None:
        return "I see " + (f"{len(ask.pictures)} pictures." if ask.pictures else "what you mean.")
    return _Filler(ask).fill(ask.schema, "", _About())


@dataclass
class _Choice:
    """The photos of one scene; empty for none."""

    first: str = ""
    last: str = ""
    runner_up: str = ""


@dataclass
class _About:
    """What the object being filled is about."""

    scene: str = ""
    photo: str = ""
    place: int = 0
    room: Room | None = None


class _Filler:
    def __init__(self, ask: Ask):
        self._ask = ask
        self._schema = ask.schema or {}
        self._objects = [found for text in ask.texts for found in _objects_in(text)]
        self._plan: dict[str, _Choice] | None = None
        self._feedback = next((text for text in ask.texts if text.lower().startswith("feedback")), "")

    def fill(self, schema: Schema, name: str, about: _About, *, or_null: bool = False) -> Any:
        """Return a value for ``schema``; a photo that cannot be had is None where ``or_null``."""
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._chosen(list(schema["enum"]), name, about, or_null=or_null)
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self._either(schema[several], name, about)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._either([{**schema, "type": one} for one in kind], name, about)
        match kind:
            case "object":
                return self._object(schema, about)
            case "array":
                return self._array(schema, name, about)
            case "string":
                return self._words(name, about)[: schema.get("maxLength", 10_000)]
            case "integer" | "number":
                return self._number(schema, name, about)
            case "boolean" if name == "leave_out" and about.scene and self._plan_ids():
                return not self._fitting(self._plan_ids(), "first", about)
            case "boolean":
                return any(word in name for word in ("usable", "fit", "keep", "ok", "good", "possible"))
            case _:
                return None

    def _plan_ids(self) -> list[str]:
        """Return the ids of photos that the schema lets a scene begin on."""
        for one in _nested(self._schema):
            first = next((one[key] for key in ("first", "first_photo") if isinstance(one.get(key), dict)), None)
            if first is not None:
                return [str(value) for value in self._enum(first)]
        return []

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found: Any = self._schema
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def _either(self, choices: Sequence[Schema], name: str, about: _About) -> Any:
        may_be_null = any(choice.get("type") == "null" for choice in choices)
        real = [choice for choice in choices if choice.get("type") != "null"]
        if may_be_null and any(word in name for word in ("left_out", "fault", "problem", "avoid")):
            return None
        if may_be_null and self._feedback and about.scene and name not in {"prompt", "scene"}:
            return None
        return self.fill(real[0], name, about, or_null=may_be_null)

    def _object(self, schema: Schema, about: _About) -> dict[str, Any]:
        return {key: self.fill(inner, key, about) for key, inner in schema.get("properties", {}).items()}

    def _array(self, schema: Schema, name: str, about: _About) -> list[Any]:
        items = self._resolved(schema.get("items", {"type": "string"}))
        least, most = schema.get("minItems", 0), schema.get("maxItems", 10_000)
        abouts = self._drivers(items)
        if abouts:
            found = [self.fill(items, name, one) for one in abouts]
        elif "enum" in items and set(items["enum"]) <= _SCENES.keys():
            found = self._meant(items["enum"]) if self._feedback else list(items["enum"])
        elif "enum" in items:
            found = self._told_of(items["enum"], about)[:4]
            found += [value for value in items["enum"] if value not in found][: max(0, least - len(found))]
        else:
            empty = any(word in name for word in ("avoid", "fault", "problem", "left_out", "missing"))
            found = [] if empty else [self.fill(items, name, about)]
        found += [self.fill(items, name, about) for _ in range(least - len(found))]
        return found[:most]

    def _drivers(self, items: Schema) -> list[_About]:
        """Return what a list has one item for: every scene, every photo; empty if neither."""
        properties = items.get("properties", {})
        scene_enum = next((self._enum(properties[key]) for key in ("scene", "key") if key in properties), [])
        if scene_enum and set(scene_enum) <= _SCENES.keys():
            scene_enum = self._meant(scene_enum)
            return [_About(scene=key, place=place) for place, key in enumerate(scene_enum, start=1)]
        if "scene" in properties:
            told = [key for key in _SCENES if key in self._ask.text] or list(_SCENES)
            return [_About(scene=key, place=place) for place, key in enumerate(told, start=1)]
        id_name = next((key for key in properties if _is_photo(key)), "")
        if not id_name:
            return []
        ids = self._enum(properties[id_name]) or self._labels()
        pictures = self._ask.pictures
        numbered = self._resolved(properties[id_name]).get("type") == "integer"
        found = []
        for place, one in enumerate(ids if ids else range(1, len(pictures) + 1), start=1):
            photo = str(place if numbered and not self._enum(properties[id_name]) else one)
            found.append(_About(photo=photo, place=place, room=self._room_seen(photo, place)))
        return found

    def _meant(self, keys: list[str]) -> list[str]:
        """Return the scenes that a person's feedback names; all of them if there is none, or it names none."""
        said = self._feedback.lower()
        named = [
            key
            for key in keys
            if key in said
            or f"scene {_SCENES[key].number}" in said
            or any(word in said for word in key.split("-")[1:])
            or any(word in said for word in _SCENES[key].title.lower().split() if len(word) > 3)
        ]
        return named or keys

    def _enum(self, schema: Schema) -> list[Any]:
        schema = self._resolved(schema)
        for inner in schema.get("anyOf", []):
            if found := self._enum(inner):
                return found
        return list(schema.get("enum", []))

    def _labels(self) -> list[str]:
        """Return the photos' names: the last word of what stands before each picture, or its quoted part."""
        return [_name_in(picture.label) for picture in self._ask.pictures]

    # --- values ------------------------------------------------------------------------------------------------------

    def _chosen(self, values: list[Any], name: str, about: _About, *, or_null: bool) -> Any:
        if about.scene and about.scene in values:
            return about.scene
        if about.photo and about.photo in map(str, values):
            return next(value for value in values if str(value) == about.photo)
        if about.room is not None and about.room.value in values:
            return about.room.value
        if about.scene and _is_photo(name):
            found = self._fitting(values, name, about)
            return values[0] if found is None and not or_null else found
        if (kept := self._given(name, about)) in values:
            return kept
        told = self._told_of(values, about)
        return told[0] if told else values[0]

    def _fitting(self, values: list[Any], name: str, about: _About) -> Any:
        """Return the planned photo of a scene, or None."""
        ids = [str(value) for value in values if value is not None]
        if self._plan is None:
            self._plan = self._planned(ids)
        choice = self._plan.get(about.scene, _Choice())
        if "runner" in name:
            found = "" if "last" in name else choice.runner_up
        else:
            found = choice.last if "last" in name or "end" in name else choice.first
        if found not in ids:
            return None
        return next(value for value in values if str(value) == found)

    def _planned(self, ids: list[str]) -> dict[str, _Choice]:
        """Choose for all scenes at once: the scarcest first, each photo once, last photos of the first one's room."""
        rooms = {one: self._room_told(one) or Room.UNKNOWN for one in ids}
        fits = {
            scene.key: {one: scene.rooms[rooms[one]] for one in ids if rooms[one] in scene.rooms}
            for scene in SCENES
            if scene.key in self._scenes_asked()
        }
        plan: dict[str, _Choice] = {}
        free = [*ids]
        for key in _matched(fits):
            best = [one for one in sorted(fits[key], key=lambda one: -fits[key][one]) if one in free]
            plan[key] = _Choice(first=self._first_of(best, key, fits, free))
            free = [one for one in free if one != plan[key].first]
        for key, choice in plan.items():
            choice.last = next((one for one in free if choice.first and rooms[one] == rooms[choice.first]), "")
            free = [one for one in free if one != choice.last]
            choice.runner_up = next((one for one in fits[key] if one in free), "")
        return plan

    def _first_of(self, best: list[str], key: str, fits: Mapping[str, Mapping[str, float]], free: Sequence[str]) -> str:
        """Return the best photo that leaves every later scene one of its own, as far as that can be."""
        for one in best:
            rest = {
                other: {photo: fit for photo, fit in could.items() if photo in free and photo != one}
                for other, could in fits.items()
                if other != key
            }
            starved = [other for other, could in rest.items() if not could and any(p in free for p in fits[other])]
            if not starved:
                return one
        return best[0] if best else ""

    def _scenes_asked(self) -> set[str]:
        """Return the scenes that the schema asks about; all of them where it does not say."""
        told = json.dumps(self._schema)
        return {key for key in _SCENES if f'"{key}"' in told} or {*_SCENES}

    def _told_of(self, values: Sequence[Any], about: _About) -> list[Any]:
        """Return those of ``values`` that the words about this photo mention."""
        near = self._near(about.photo) if about.photo else ""
        if about.photo and (known := self._known(about.place)):
            near += f" {known.words.lower()} {known.room.words}"
        return [value for value in values if isinstance(value, str) and value and value.lower() in near]

    def _near(self, photo: str) -> str:
        """Return what the texts and labels say beside a photo's name, in lower case."""
        lines = [line for text in self._ask.texts for line in text.splitlines() if _mentions(line, photo)]
        labels = [picture.label for picture in self._ask.pictures if _mentions(picture.label, photo)]
        objects = [json.dumps(one) for one in self._objects if photo in map(str, one.values())]
        short = [line for line in [*objects, *labels, *lines] if len(line) < 2000]
        return " ".join(short).lower()

    def _room_told(self, photo: str) -> Room | None:
        """Return the room that the request says a photo shows."""
        for one in self._objects:
            if photo in map(str, one.values()) and one.get("room") in set(Room):
                return Room(one["room"])
        near = self._near(photo)
        said = [(near.find(word), -len(word), room) for word, room in _ROOM_WORDS.items() if word in near]
        return min(said)[2] if said else None

    def _room_seen(self, photo: str, place: int) -> Room:
        """Return the room a photo shows: as its name says, else guessed from its colours."""
        if told := self._room_told(photo):
            return told
        if known := self._known(place):
            return known.room
        pictures = self._ask.pictures
        pixels = pictures[place - 1].pixels if place <= len(pictures) else None
        return Room.UNKNOWN if pixels is None else _room_of_colours(pixels)

    def _known(self, place: int) -> KnownPicture | None:
        """Return what is recognised of the picture at this place, counted from 1."""
        return self._ask.known[place - 1] if 0 < place <= len(self._ask.known) else None

    def _given(self, name: str, about: _About) -> Any:
        """Return what the request itself says of this scene or photo under the same name."""
        for one in self._objects:
            named = {str(one.get(key)) for key in ("scene", "key", "photo_id", "photo", "id", "file")}
            if {about.scene, about.photo} & named - {""} and isinstance(one.get(name), str | int | float):
                return one[name]
        return None

    def _words(self, name: str, about: _About) -> str:
        if _is_photo(name):
            return about.photo or str(self._fitting(list(self._labels()), name, about) or "")
        if name in {"scene", "key"} and about.scene:
            return about.scene
        kept = self._given(name, about)
        if isinstance(kept, str) and kept:
            return self._reworded(kept, name) if about.scene else kept
        if name in {"not_done", "runner_up_reason"} or name.startswith("left_out"):
            choice = (self._plan or {}).get(about.scene, _Choice())
            return "Its light is flatter." if name == "runner_up_reason" and choice.runner_up else ""
        scene = _SCENES.get(about.scene)
        room = (about.room or Room.UNKNOWN).words
        known = self._known(about.place) if about.photo else None
        if known and ("caption" in name or "description" in name):
            return f"{known.words[:1].upper()}{known.words[1:]}."
        if "caption" in name or "description" in name:
            return f"The {room} in even daylight."
        if "negative" in name:
            return scene.negative_prompt if scene else "people, text"
        if "score" in name and scene:
            return scene.score.words
        if "camera" in name and scene:
            return str(scene.camera.kind)
        if "prompt" in name and scene:
            return scene.prompt.format(subject=scene.shows, title="the house")
        if "subject" in name and scene:
            return scene.shows
        if "reason" in name or "why" in name:
            return f"It shows what {scene.title.lower()} needs." if scene else "It is plain to see."
        return f"{name.replace('_', ' ')} {about.scene or room}".strip()

    def _reworded(self, kept: str, name: str) -> str:
        """Return a scene's prompts in slightly other words, as the feedback asks or as a model would; else as given."""
        more = {"prompt": "Unhurried, with air in the curtains.", "score_prompt": "Soft felt piano."}.get(name, "")
        if name == "prompt" and self._feedback:
            more = " ".join(self._feedback.partition(":")[2].split())[:200]
        short = len(kept) + len(more) < (300 if name == "score_prompt" else 900)
        return f"{kept.rstrip('. ')}. {more}" if more and short and more not in kept else kept

    def _number(self, schema: Schema, name: str, about: _About) -> float | int:
        low, high = schema.get("minimum", 0), schema.get("maximum")
        kept = self._given(name, about)
        if isinstance(kept, int | float) and not isinstance(kept, bool):
            value = float(kept)
        elif schema.get("type") == "integer":
            value = float(about.place if _is_photo(name) or name in {"number", "index"} else max(low, 1))
        else:
            digit = int(hashlib.sha256(f"{name}{about.photo}{about.scene}".encode()).hexdigest()[:2], 16) / 255
            value = 0.7 + 0.25 * digit if high is None or high <= 1 else low + (high - low) * (0.6 + 0.3 * digit)
        value = max(low, value) if high is None else min(high, max(low, value))
        return round(value) if schema.get("type") == "integer" else round(value, 2)


def _matched(fits: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the scenes, those with the fewest photos first."""
    return sorted(fits, key=lambda key: (len(fits[key]), key))


def _is_photo(name: str) -> bool:
    known = {"id", "file", "first", "last", "photo", "photo_id", "image", "number", "runner_up_first", "runner_up_last"}
    return name in known or "photo" in name


def _mentions(line: str, photo: str) -> bool:
    return bool(photo) and re.search(rf"(?<![\w.]){re.escape(photo)}(?!\w)", line) is not None


def _name_in(label: str) -> str:
    quoted = re.findall(r"[\"'`]([^\"'`]+)[\"'`]", label)
    words = quoted or re.findall(r"[\w.\-/]+", label)
    return words[-1].rstrip(".:") if words else ""


def _objects_in(text: str) -> Iterator[dict[str, Any]]:
    """Yield every JSON object in a text, nested ones included."""
    decoder, at = json.JSONDecoder(), 0
    while (start := min((found for sign in "{[" if (found := text.find(sign, at)) >= 0), default=-1)) >= 0:
        try:
            value, at = decoder.raw_decode(text, start)
        except ValueError:
            at = start + 1
            continue
        yield from _nested(value)


def _nested(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _nested(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _nested(inner)


def _room_of_colours(pixels: np.ndarray) -> Room:
    """Guess a room from colours alone: sky, water and green are outside, the rest is drawn from the indoor rooms."""
    small = cv2.cvtColor(cv2.resize(pixels, (64, 48), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2HSV)
    hue, saturation = small[..., 0], small[..., 1]
    blue = (hue > 90) & (hue < 130) & (saturation > 60)
    green = (hue > 35) & (hue < 85) & (saturation > 60)
    if blue[24:].mean() > 0.25:
        return Room.POOL
    if blue[:24].mean() > 0.3:
        return Room.EXTERIOR_FRONT
    if green.mean() > 0.35:
        return Room.GARDEN
    indoors = [room for room in Room if room not in EXTERIORS | {Room.DETAIL, Room.FLOOR_PLAN, Room.UNKNOWN}]
    return indoors[int(hashlib.sha256(small.tobytes()).hexdigest()[:4], 16) % len(indoors)]
