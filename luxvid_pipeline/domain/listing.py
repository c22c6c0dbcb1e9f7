"""``listing.yaml``: what somebody may say about a listing, checked.

Belongs here: the manifest's shape, its parsing from text with line and field named in every error, its JSON Schema.
Does not belong here: reading the file (``media/listing_folder.py``), the photos' own facts.
"""

import difflib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from luxvid_pipeline.domain.errors import ListingError, ListingKeyError
from luxvid_pipeline.domain.keys import check_listing_key
from luxvid_pipeline.domain.rooms import Room

MUSIC_STYLES = ("cinematic-ambient", "modern-piano", "warm-acoustic")
"""Styles the local composer plays."""

MANIFEST_NAME = "listing.yaml"


class Transition(StrEnum):
    """How one scene becomes the next."""

    CUT = "cut"
    DISSOLVE = "dissolve"
    FADE = "fade"


def _known_room(value: object) -> object:
    if not isinstance(value, str):
        return value
    word = value.strip().lower().replace(" ", "_").replace("-", "_")
    rooms = [room.value for room in Room if room is not Room.UNKNOWN]
    if word in rooms:
        return word
    near = difflib.get_close_matches(word, rooms, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown room {value!r}{hint} (rooms: {', '.join(rooms)})")


# Editors offer the rooms as the design page spells them; ``Living`` and ``floor plan`` are understood too.
KnownRoom = Annotated[
    Room,
    BeforeValidator(_known_room),
    WithJsonSchema({"type": "string", "enum": [room.value for room in Room if room is not Room.UNKNOWN]}),
]

_KEY_PATTERN = "^[a-z0-9-]{1,64}$"
_INSIDE_PATTERN = r"^(?![\\/])(?!(.*[\\/])?\.\.([\\/]|$))"
"""A path that neither begins at a root nor goes up."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _says_nothing_where_it_is_empty(cls, values: object) -> object:
        """A field's name with nothing behind it is a template that nobody filled in."""
        if not isinstance(values, dict):
            return values
        given = cast("dict[object, object]", values)
        return {name: value for name, value in given.items() if value is not None or name not in cls.model_fields}


class Brief(_Part):
    """What the film is for."""

    goal: str = Field(default="", max_length=2000, description="What the film should achieve.")
    audience: str = Field(default="", max_length=2000, description="Who will watch it.")
    key_messages: tuple[str, ...] = Field(default=(), description="What must come across.")


class Agent(_Part):
    """Who sells the property."""

    name: str = Field(default="", max_length=200)
    licence: str = Field(default="", max_length=200)
    brokerage: str = Field(default="", max_length=200)
    phone: str = Field(default="", max_length=200)
    email: str = Field(default="", max_length=200)


class Brand(_Part):
    """The client's rules."""

    tone: tuple[str, ...] = ()
    colors: tuple[Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")], ...] = Field(
        default=(), description="Six hex digits each, as in #0B2545."
    )
    avoid: tuple[str, ...] = Field(default=(), description="What must not be seen.")
    logo: str | None = Field(default=None, description="File in the listing folder.")
    agent: Agent | None = None


class PhotoEntry(_Part):
    """What is said of one photo."""

    file: str = Field(
        min_length=1,
        max_length=1024,
        description="Path inside the listing folder.",
        json_schema_extra={"pattern": _INSIDE_PATTERN},
    )
    room: KnownRoom | None = None
    tags: tuple[str, ...] = ()
    source_url: str | None = Field(default=None, max_length=4096)

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\x00" in value:
            raise ValueError(f"{value!r} leads out of the listing folder; name a file inside it")
        return str(path)


class FilmSettings(_Part):
    """How the film is made."""

    clip_seconds: float = Field(default=4.0, ge=2, le=10, description="Length of each scene in seconds.")
    transition: Transition = Transition.CUT
    music: Literal["cinematic-ambient", "modern-piano", "warm-acoustic"] = Field(
        default="cinematic-ambient", description="Style of the score."
    )
    variants: tuple[Literal["16x9", "9x16", "1x1", "4x5"], ...] = Field(
        default=("16x9",), description="Shapes that are delivered; 16x9 always is."
    )
    captions: bool = Field(default=True, description="Whether branded films name the rooms they show.")
    disclosure_line: bool = Field(
        default=False, description="Whether a line in the picture says where a model drew or changed it."
    )
    broadcast: bool = Field(default=False, description="Whether the 16x9 films also go out at -23 LUFS.")


class GenerationSettings(_Part):
    """What may be spent, and who has to agree."""

    budget_usd: float = Field(default=10.0, ge=0, le=1e6)
    approval: Literal["auto", "required"] = "auto"
    priority: Literal["normal", "urgent"] = Field(
        default="normal", description="Urgent listings overtake all others that are waiting."
    )


class ListingManifest(_Part):
    """Everything ``listing.yaml`` may say; all of it is optional."""

    listing: str | None = Field(
        default=None,
        description="Partition key, [a-z0-9-]{1,64}; default: from the folder.",
        json_schema_extra={"pattern": _KEY_PATTERN},
    )
    title: str = Field(default="", max_length=200)
    address: str = Field(default="", max_length=400)
    client: str = Field(default="", max_length=200)
    brief: Brief = Brief()
    brand: Brand = Brand()
    photos: tuple[PhotoEntry, ...] = ()
    film: FilmSettings = FilmSettings()
    generation: GenerationSettings = GenerationSettings()

    @field_validator("listing")
    @classmethod
    def _is_a_key(cls, value: str | None) -> str | None:
        try:
            return None if value is None else check_listing_key(value)
        except ListingKeyError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _names_each_photo_once(self) -> "ListingManifest":
        seen: set[str] = set()
        for entry in self.photos:
            if entry.file in seen:
                raise ValueError(f"photo {entry.file!r} is listed twice")
            seen.add(entry.file)
        return self

    def entry(self, file: str) -> PhotoEntry | None:
        """Return what is said of a photo, by its path inside the folder."""
        return next((entry for entry in self.photos if entry.file == file), None)


def parse_manifest(text: str, source: str = MANIFEST_NAME) -> ListingManifest:
    """Return the manifest that a YAML text holds; an empty text is an empty manifest.

    Args:
        text: The file's content.
        source: What to call the file in errors.

    Raises:
        ListingError: Not YAML, or a field is wrong; the message names file, line and field.
    """
    try:
        node = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
        values: Any = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ListingError(f"{source}{line}: not readable as YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ListingError(f"{source}: not readable as YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ListingError(
            f"{source}: not readable as YAML: its brackets are nested too deeply; untangle it"
        ) from error
    except Exception as error:  # PyYAML lets through whatever its conversions raise: KeyError for "!!bool maybe", …
        raise ListingError(
            f"{source}: not readable as YAML: a value is not of the kind that its tag (!!int, !!bool, …) says; "
            "take the tag away"
        ) from error
    twice = [
        f"{source}, line {key.start_mark.line + 1}: {key.value} is said twice; keep one of them" for key in _twice(node)
    ]
    if twice:
        raise ListingError("; ".join(twice))
    if values is None:
        return ListingManifest()
    if not isinstance(values, dict):
        raise ListingError(f"{source}, line 1: expected 'field: value' lines, found a {type(values).__name__}")
    try:
        return ListingManifest.model_validate(values)
    except ValidationError as error:
        raise ListingError(_explain(error, node, source)) from error


def manifest_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``listing.yaml``, for editors and for whoever writes manifests by program."""
    schema = ListingManifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": MANIFEST_NAME}


_IN_PLAIN_WORDS = {
    "extra_forbidden": "no such field",
    "missing": "is missing",
    "tuple_type": "expected a list, as in [one, two]",
    "model_type": "expected 'field: value' lines of its own",
    "string_type": "expected text; put it in quotes",
    "finite_number": "expected a number that ends",
}
"""What pydantic says in the words of a programmer."""


def _twice(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Give the field names that the same part of the document has said before; YAML itself would keep the last."""
    waiting: list[yaml.Node | None] = [root]
    looked_at: set[int] = set()  # an anchor may be referred to often, or hold itself
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in looked_at:
            continue
        looked_at.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += cast("list[yaml.Node]", node.value)
        elif isinstance(node, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
            said = [key for key, _ in pairs if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            yield from (key for at, key in enumerate(said) if any(key.value == other.value for other in said[:at]))
            waiting += [value for _, value in pairs]


def _explain(error: ValidationError, node: yaml.Node | None, source: str) -> str:
    faults: list[str] = []
    for fault in error.errors(include_url=False):
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault["loc"]).lstrip(".")
        message = fault["msg"].removeprefix("Value error, ")
        message = _IN_PLAIN_WORDS.get(fault["type"], message)
        where = f"{source}, line {_line_of(node, fault['loc'])}"
        faults.append(f"{where}: {field}: {message}" if field else f"{where}: {message}")
    return "; ".join(faults)


def _line_of(node: yaml.Node | None, steps: tuple[int | str, ...]) -> int:
    """Return the line, from 1, of the deepest part of ``steps`` that the document holds."""
    line = 1
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
            match = next(((key, value) for key, value in pairs if key.value == step), None)
            if match is None:
                break
            line, node = match[0].start_mark.line + 1, match[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            children = cast("list[yaml.Node]", node.value)
            node = children[step]
            line = node.start_mark.line + 1
        else:
            break
    return line
