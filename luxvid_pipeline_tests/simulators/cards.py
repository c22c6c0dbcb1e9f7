"""What each hosted model takes and gives: its schema as Replicate publishes it, and the rules no schema tells.

Belongs here: the OpenAPI document of a model made from ``data/models``, validation of inputs in the vendor's words,
cross-field rules, sizes, frame rates and lengths of what comes out.
Does not belong here: making media (``footage.py``), HTTP.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_DATA = Path(__file__).parent / "data" / "models"

_JSON_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


@dataclass
class Card:
    """One model, with the schema it has at the moment.

    Attributes:
        name: ``owner/name``.
        version: 64 hex digits.
        is_official: Created at ``/models/…/predictions``, its version shown as ``hidden``.
        fields: Its input fields as in ``data/models``.
        output: Its output schema.
        first_field, last_field: Names of the photo fields; empty where there is none.
        price: As in ``data/models``.
        fixed_output: What it always gives, for models that are not simulated; None for those that are.
    """

    name: str
    version: str
    is_official: bool
    fields: list[dict[str, Any]]
    output: dict[str, Any]
    first_field: str
    last_field: str
    price: dict[str, Any] = field(default_factory=dict)
    fixed_output: Any = None

    @property
    def kind(self) -> str:
        """``video``, ``music``, ``image``, or ``fixed`` for a model whose output a test gave."""
        if self.fixed_output is not None:
            return "fixed"
        if self.name == "google/nano-banana":
            return "image"
        return "video" if self.first_field else "music"

    @property
    def names(self) -> frozenset[str]:
        """The names of its input fields."""
        return frozenset(one["name"] for one in self.fields)

    def openapi(self) -> dict[str, Any]:
        """Return ``latest_version.openapi_schema`` as Cog writes it: enums as components of their own."""
        components: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for order, one in enumerate(self.fields):
            name, title = one["name"], one["name"].replace("_", " ").title()
            prop: dict[str, Any] = {"x-order": order, "description": one.get("description", "")}
            if one.get("enum"):
                components[name] = {
                    "enum": one["enum"],
                    "type": one["type"],
                    "title": name,
                    "description": "An enumeration.",
                }
                prop["allOf"] = [{"$ref": f"#/components/schemas/{name}"}]
            else:
                prop |= {"type": one["type"], "title": title}
                low, high = ("minItems", "maxItems") if one["type"] == "array" else ("minimum", "maximum")
                prop |= {low: one["min"]} if one.get("min") is not None else {}
                prop |= {high: one["max"]} if one.get("max") is not None else {}
            prop |= {key: one[key] for key in ("format", "items", "deprecated") if one.get(key)}
            if one.get("default") is not None:
                prop["default"] = one["default"]
            properties[name] = prop
        schema: dict[str, Any] = {"type": "object", "title": "Input", "properties": properties}
        if required := [one["name"] for one in self.fields if one["required"]]:
            schema["required"] = required
        output = {key: value for key, value in self.output.items() if key != "shape"} | {"title": "Output"}
        if output.get("type") == "object":
            output["properties"] = {
                name: {"type": "string", "format": "uri", "title": name.title()} for name in output["properties"]
            }
        components |= {"Input": schema, "Output": output}
        return {
            "info": {"title": "Cog", "version": "0.1.0"},
            "openapi": "3.0.2",
            "paths": {},
            "components": {"schemas": components},
        }

    def input_faults(self, given: Mapping[str, Any], *, extra_keys: bool = False) -> list[dict[str, str]]:
        """Return what is wrong with an input, as ``invalid_fields`` of the vendor's 422.

        Args:
            given: The ``input`` of a create.
            extra_keys: Whether keys the schema does not know are let through (unconfirmed at the vendor).
        """
        schema = _resolved(self.openapi()["components"]["schemas"])
        if not extra_keys:
            schema["additionalProperties"] = False
        errors = sorted(Draft202012Validator(schema).iter_errors(dict(given)), key=lambda error: str(error.path))
        return [fault for error in errors for fault in _faults(error)]

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input as the model sees it."""
        defaults = {one["name"]: one.get("default") for one in self.fields if one.get("default") is not None}
        return defaults | {name: value for name, value in given.items() if value is not None}


def _resolved(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Input schema with its references put in place."""
    schema = copy.deepcopy(schemas["Input"])
    for prop in schema["properties"].values():
        for reference in prop.pop("allOf", []):
            prop |= {key: schemas[reference["$ref"].rsplit("/", 1)[1]][key] for key in ("enum", "type")}
    return schema


def _faults(error: Any) -> list[dict[str, str]]:
    """Turn one jsonschema error into the validator's words that Replicate shows (gojsonschema's)."""
    where = ".".join(["input", *map(str, error.absolute_path)])
    name = str(error.absolute_path[-1]) if error.absolute_path else "input"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return [{"type": "required", "field": where, "description": f"{missing} is required"}]
    if error.validator == "additionalProperties":
        extra = sorted(set(error.instance) - set(error.schema["properties"]))
        return [
            {
                "type": "additional_property_not_allowed",
                "field": where,
                "description": f"Additional property {one} is not allowed",
            }
            for one in extra
        ]
    if error.validator == "enum":
        allowed = ", ".join(json.dumps(value) for value in error.validator_value)
        words = f"{name} must be one of the following: {allowed}"
        return [{"type": "enum", "field": where, "description": words}]
    if error.validator == "type":
        given = _JSON_NAMES.get(type(error.instance), "null")
        words = f"Invalid type. Expected: {error.validator_value}, given: {given}"
        return [{"type": "invalid_type", "field": where, "description": words}]
    kind, words = {
        "minimum": ("number_gte", f"Must be greater than or equal to {error.validator_value}"),
        "maximum": ("number_lte", f"Must be less than or equal to {error.validator_value}"),
        "maxItems": ("array_max_items", f"Array must have at most {error.validator_value} items"),
        "minItems": ("array_min_items", f"Array must have at least {error.validator_value} items"),
    }.get(error.validator, (error.validator, error.message))
    return [{"type": kind, "field": where, "description": words}]


@cache
def _all_data() -> dict[str, dict[str, Any]]:
    found = (json.loads(file.read_text(encoding="utf-8")) for file in sorted(_DATA.glob("*.json")))
    return {data["model"]: data for data in found}


def all_cards() -> dict[str, Card]:
    """Return a fresh card of every model in ``data/models``, by name."""
    return {name: _card(data) for name, data in _all_data().items()}


def _card(data: Mapping[str, Any]) -> Card:
    frames = data.get("first_last_frame", {})
    return Card(
        name=data["model"],
        version=data.get("version") or hashlib.sha256(data["model"].encode()).hexdigest(),
        is_official=bool(data["is_official"]),
        fields=copy.deepcopy(data["fields"]),
        output=copy.deepcopy(data["output"]),
        first_field=frames.get("first_frame_field") or "",
        last_field=frames.get("last_frame_field") or "",
        price=data.get("price", {}),
    )


# --- what no schema tells --------------------------------------------------------------------------------------------


def cross_field_fault(card: Card, full: Mapping[str, Any], *, interpolation_needs_8_s: bool) -> str:
    """Return why the model fails on this input after the queue, or an empty string.

    Args:
        card: The model.
        full: The input with its defaults.
        interpolation_needs_8_s: Whether Veo wants 8 seconds with a last frame (Google's own rule; unconfirmed here).
    """
    name, last = card.name, full.get(card.last_field) if card.last_field else None
    first, seconds = full.get(card.first_field) if card.first_field else None, full.get("duration")
    resolution = full.get("resolution")
    broken = {
        f"{card.last_field} needs {card.first_field}": last and not first,
        "end_image is only supported in pro mode": name == "kwaivgi/kling-v2.1" and last and full["mode"] != "pro",
        "10 second videos are only available at 768p": name.startswith("minimax/hailuo")
        and seconds == 10
        and resolution == "1080p",
        "last_frame_image is not supported at 512p": name == "minimax/hailuo-02" and last and resolution == "512p",
        "reference_images cannot be combined with 1080p or with first or last frames": name.startswith(
            "bytedance/seedance"
        )
        and full.get("reference_images")
        and (resolution == "1080p" or first or last),
        "reference_images need aspect_ratio 16:9 and duration 8": name == "google/veo-3.1"
        and full.get("reference_images")
        and (full["aspect_ratio"] != "16:9" or seconds != 8),
        "1080p requires a duration of 8 seconds": name == "google/veo-3.1-lite"
        and resolution == "1080p"
        and seconds != 8,
        "last_frame requires a duration of 8 seconds": name.startswith("google/veo-3.1")
        and interpolation_needs_8_s
        and last
        and seconds != 8,
        "duration must be between 4 and 15, or -1": name.startswith("bytedance/seedance-2.0") and seconds in range(4),
        "effect cannot be combined with last_frame_image": name == "pixverse/pixverse-v5"
        and last
        and full.get("effect", "None") != "None",
    }
    return next((f"Input validation error: {words}" for words, is_so in broken.items() if is_so), "")


def picture_fault(card: Card, width: int, height: int) -> str:
    """Return why the model refuses a photo of this size, or an empty string."""
    if card.name.startswith(("minimax/", "kwaivgi/")) and (
        min(width, height) <= 300 or not 0.4 <= width / height <= 2.5
    ):
        return "Input validation error: image must be larger than 300 px with an aspect ratio between 2:5 and 5:2"
    return ""


@dataclass(frozen=True)
class ClipPlan:
    """What a video model will deliver: never exactly the nominal size and length."""

    width: int
    height: int
    fps: int
    frames: int
    audio: bool

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.frames / self.fps


_SHORT_SIDE = {"480p": 480, "512p": 512, "540p": 540, "720p": 720, "768p": 768, "1080p": 1080, "360p": 360}
_SEEDANCE_16_9 = {"480p": (864, 480), "720p": (1248, 704), "1080p": (1920, 1088)}


def clip_plan(card: Card, full: Mapping[str, Any], aspect: float) -> ClipPlan:
    """Return size, rate and length of the clip that ``card`` makes of this input.

    Args:
        card: A video model.
        full: Its input with defaults.
        aspect: Width over height of the first photo.
    """
    name, maker = card.name, card.name.split("/")[0]
    seconds = full.get("duration", 5)
    seconds = 5 if seconds == -1 else seconds
    resolution = full.get("resolution") or full.get("quality") or ("1080p" if full.get("mode") == "pro" else "720p")
    if maker == "google":
        wide = full.get("aspect_ratio", "16:9") == "16:9"
        return ClipPlan(
            *_size(_SHORT_SIDE[resolution], 16 / 9 if wide else 9 / 16),
            24,
            24 * seconds,
            bool(full.get("generate_audio", True)),
        )
    if maker == "bytedance":
        size = _SEEDANCE_16_9[resolution] if abs(aspect - 16 / 9) < 0.1 else _size(_SHORT_SIDE[resolution], aspect, 32)
        # One frame more than the nominal length, as diffusion video models count (4n + 1).
        return ClipPlan(*size, 24, 24 * seconds + 1, bool(full.get("generate_audio", False)))
    if maker == "wan-video":
        return ClipPlan(
            *_size(_SHORT_SIDE[resolution], aspect, 16), full["frames_per_second"], full["num_frames"], False
        )
    if maker == "luma":
        return ClipPlan(
            *_size(_SHORT_SIDE["540p" if "540p" in name else "720p"], aspect, 8), 24, 24 * seconds + 1, False
        )
    if maker == "minimax":
        short = 512 if name == "minimax/hailuo-02-fast" else _SHORT_SIDE[resolution]
        return ClipPlan(*_size(short, aspect), 25, 25 * seconds - 3, False)
    return ClipPlan(
        *_size(_SHORT_SIDE[resolution], aspect), 24, 24 * seconds + 1, bool(full.get("generate_audio", False))
    )


def _size(short_side: int, aspect: float, multiple: int = 2) -> tuple[int, int]:
    """Return width and height with this short side, each rounded to a multiple."""
    width, height = (short_side * aspect, short_side) if aspect >= 1 else (short_side, short_side / aspect)
    return round(width / multiple) * multiple, round(height / multiple) * multiple
