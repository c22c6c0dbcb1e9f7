"""A question to a model and its answer: text and pictures in, JSON of a strict schema out.

Belongs here: the values, the few words a strict schema is made of, the canonical form that identifies a question.
Does not belong here: any vendor's wire format (``client.py``), prompts (``prompts.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from pydantic import ValidationError

from luxvid_pipeline.domain.payments import ZERO_USD
from luxvid_pipeline.media.thumbnails import Thumbnail

Schema = dict[str, Any]

MOST_FAULTS = 4000
"""Characters in which a second question may say what was wrong with the first answer."""

REPAIR_ROOM = MOST_FAULTS + 500
"""Characters by which a second question is at most longer than the first: the faults, and the words around them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model is asked.

    Attributes:
        name: What the answer is called in the schema, ``photo_tags``.
        instructions: What the model is to be and to do.
        parts: What it is given, texts and pictures in order.
        schema: Strict JSON schema of the answer: every property required, nothing else allowed.
        likely_tokens, most_tokens: Length of the answer as expected and at most.
        detail: How closely pictures are looked at: ``low``, ``high`` or ``auto``.
    """

    name: str
    instructions: str
    parts: tuple[str | Thumbnail, ...]
    schema: Schema
    likely_tokens: int
    most_tokens: int
    detail: str = "auto"

    @property
    def pictures(self) -> tuple[Thumbnail, ...]:
        """The pictures in it."""
        return tuple(part for part in self.parts if isinstance(part, Thumbnail))

    @property
    def characters(self) -> int:
        """Characters of text in it, the schema's keys included."""
        texts = sum(len(part) for part in self.parts if isinstance(part, str))
        return len(self.instructions) + texts + len(str(self.schema))

    def canonical(self) -> dict[str, Any]:
        """Return all that decides the answer, pictures by their hashes."""
        return {
            "name": self.name,
            "instructions": self.instructions,
            "parts": [part if isinstance(part, str) else f"sha256:{part.sha256}" for part in self.parts],
            "schema": self.schema,
            "most_tokens": self.most_tokens,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model answered.

    Attributes:
        value: The JSON, an object; not checked beyond that.
        cost_usd: What it cost this time; 0 for an answer that was paid for before.
        paid_calls: 1 if it was paid for now.
    """

    value: Mapping[str, Any]
    cost_usd: Decimal = ZERO_USD
    paid_calls: int = 0


@dataclass(slots=True)
class Bill:
    """What an engine's questions cost together."""

    cost_usd: Decimal = ZERO_USD
    paid_calls: int = 0

    def add(self, answer: Answer) -> None:
        """Count an answer."""
        self.cost_usd += answer.cost_usd
        self.paid_calls += answer.paid_calls


def with_room(question: Question, characters: int, *, most_tokens: int | None = None) -> Question:
    """Return a larger question, to be priced and never sent: with more text, and perhaps a longer answer."""
    return replace(question, parts=(*question.parts, " " * characters), most_tokens=most_tokens or question.most_tokens)


def object_of(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties, all of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_of(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def one_of(values: Sequence[str], description: str = "") -> Schema:
    """Return the schema of one word out of several."""
    told = {"description": description} if description else {}
    return {"type": "string", "enum": list(values), **told}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be missing."""
    return {"anyOf": [schema, {"type": "null"}]}


def text(description: str) -> Schema:
    """Return the schema of a text."""
    return {"type": "string", "description": description}


def number(description: str) -> Schema:
    """Return the schema of a number."""
    return {"type": "number", "description": description}


def yes_or_no(description: str) -> Schema:
    """Return the schema of a boolean."""
    return {"type": "boolean", "description": description}


def rows_of(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list in an answer; whatever else stands there is left out."""
    held: Any = value.get(name)
    rows = cast("list[Any]", held) if isinstance(held, list) else []
    return [cast("Mapping[str, Any]", row) for row in rows if isinstance(row, dict)]


def faults_told(faults: Mapping[str, str]) -> str:
    """Return what was wrong with an answer as lines of a second question, cut where they grow too long."""
    return "\n".join(f"- {name}: {fault}" for name, fault in faults.items())[:MOST_FAULTS]


def first_fault(error: ValidationError) -> str:
    """Return what is wrong with a row of an answer, in the model's own terms."""
    wrong = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def faults_in_words(faults: Mapping[str, str], did: str) -> str:
    """Return what was done instead where a model's answer was faulty: scenes with the same fault are named together.

    Args:
        faults: What was wrong, by scene.
        did: What the scenes got instead, ``words by the local engine``.
    """
    scenes: dict[str, list[str]] = {}
    for key, fault in sorted(faults.items()):
        scenes.setdefault(fault, []).append(key)
    return "; ".join(f"{did} for {', '.join(keys)}: {fault}" for fault, keys in scenes.items())
