"""Every adapter builds only what its model's schema allows, and says every field that has a price."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import InvalidRequestError, SettingsError
from luxvid_pipeline.domain.pricing import video_price
from luxvid_pipeline.providers.replicate.models import (
    PRICED_FIELDS,
    VIDEO_MODELS,
    choose_take,
    schema_differences,
    video_input,
    video_model,
)
from luxvid_pipeline_tests import simulators

_DATA = Path(simulators.__file__).parent / "data" / "models"
_NAMES = sorted(VIDEO_MODELS)


def card(name):
    return json.loads((_DATA / f"{name.replace('/', '__')}.json").read_text())


def as_schema(name):
    """The card as JSON schema, closed: no field that the model does not know."""
    properties = {}
    for field in card(name)["fields"]:
        properties[field["name"]] = {
            key: value
            for key, value in {
                "type": field["type"],
                "enum": field["enum"],
                "minimum": field["min"] if field["type"] != "array" else None,
                "maximum": field["max"] if field["type"] != "array" else None,
                "items": field.get("items"),
            }.items()
            if value is not None
        }
    required = [field["name"] for field in card(name)["fields"] if field["required"]]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def built(name, seconds, *, pair, resolution=""):
    model = video_model(name)
    take = choose_take(model, seconds, pair=pair, resolution=resolution)
    given_input = video_input(
        model,
        take,
        prompt="a calm pool",
        negative_prompt="people",
        seed=7,
        first="https://example.org/first.jpg",
        last="https://example.org/last.jpg" if pair else None,
    )
    return take, given_input


@pytest.mark.parametrize("name", _NAMES)
@settings(max_examples=40, deadline=None)
@given(seconds=st.floats(1, 16), pair=st.booleans(), size=st.integers(0, 3))
def test_what_is_sent_is_what_the_schema_allows(name, seconds, pair, size):
    offers = video_model(name).offers
    resolution = offers[size - 1].resolution if 0 < size <= len(offers) else ""
    try:
        take, given_input = built(name, seconds, pair=pair, resolution=resolution)
    except InvalidRequestError:
        # Longer than it makes; with a last frame some sizes make nothing.
        assert seconds > min((max(offer.lengths(pair=pair), default=0) for offer in offers), default=0)
        return
    jsonschema.validate(given_input, as_schema(name))
    fields = {field["name"]: field for field in card(name)["fields"]}
    assert (PRICED_FIELDS & fields.keys()) <= given_input.keys(), "a field that has a price is left to its default"
    assert take.seconds >= seconds - 0.05
    if "aspect_ratio" in fields:
        assert given_input["aspect_ratio"] == "16:9"
    if "generate_audio" in fields:
        assert given_input["generate_audio"] is False
    last_field = card(name)["first_last_frame"]["last_frame_field"]
    assert (last_field in given_input) == (pair and last_field is not None)
    assert video_price(name, seconds=take.seconds, resolution=take.resolution, audio=False).high_usd > 0


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("pair", [False, True])
def test_the_length_is_the_shortest_that_is_long_enough(name, pair):
    model = video_model(name)
    for offer in model.offers:
        for length in offer.lengths(pair=pair and model.takes_last_frame):
            take = choose_take(model, length, pair=pair, resolution=offer.resolution)
            assert take.seconds == length


@pytest.mark.parametrize(
    ("name", "seconds", "pair", "asked"),
    [
        pytest.param("google/veo-3.1-fast", 4, False, ("1080p", 4), id="veo-four"),
        pytest.param("google/veo-3.1-fast", 4, True, ("1080p", 8), id="veo-interpolates-over-eight"),
        pytest.param("google/veo-3", 4.5, True, ("1080p", 6), id="veo-3-without-last-frame"),
        pytest.param("minimax/hailuo-02", 4, True, ("1080p", 6), id="hailuo-six"),
        pytest.param("minimax/hailuo-02", 8, True, ("768p", 10), id="hailuo-ten-only-at-768p"),
        pytest.param("kwaivgi/kling-v2.1", 4, True, ("1080p", 5), id="kling-pair-needs-pro"),
        pytest.param("bytedance/seedance-1-pro", 4, True, ("1080p", 4), id="seedance-whole-seconds"),
        pytest.param("bytedance/seedance-1-lite", 3.2, True, ("720p", 4), id="seedance-lite-pair-at-720p"),
        pytest.param("bytedance/seedance-2.0", 3, False, ("720p", 4), id="seedance-2-from-four"),
        pytest.param("wan-video/wan-2.2-i2v-fast", 4, True, ("720p", 5), id="wan-81-frames"),
    ],
)
def test_known_roundings(name, seconds, pair, asked):
    take, given_input = built(name, seconds, pair=pair)
    assert (take.resolution, take.seconds) == asked
    if name.startswith("wan"):
        assert given_input["num_frames"] == 81


def test_kling_takes_a_last_frame_only_in_its_dearer_mode():
    _, pair = built("kwaivgi/kling-v2.1", 5, pair=True)
    _, cheap = built("kwaivgi/kling-v2.1", 5, pair=False, resolution="720p")
    assert (pair["mode"], cheap["mode"]) == ("pro", "standard")
    with pytest.raises(InvalidRequestError, match="0 s at most"):
        built("kwaivgi/kling-v2.1", 5, pair=True, resolution="720p")


def test_unknown_models_and_sizes_are_said_so():
    with pytest.raises(SettingsError, match="no adapter"):
        video_model("nobody/nothing")
    with pytest.raises(SettingsError, match="it makes 1080p"):
        choose_take(video_model("google/veo-3.1"), 4, pair=False, resolution="4k")


_LIVE = {"properties": {"prompt": {"type": "string"}, "duration": {"type": "integer", "enum": [4, 6, 8]}}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param(_LIVE, None, id="as-expected"),
        pytest.param({**_LIVE, "required": ["prompt", "style"]}, "requires 'style'", id="a-new-required-field"),
        pytest.param({"properties": {"prompt": {"type": "string"}}}, "no field 'duration'", id="a-field-is-gone"),
        pytest.param(
            {"properties": {**_LIVE["properties"], "duration": {"type": "integer", "enum": [5, 10]}}},
            "no longer takes 4 but 5, 10",
            id="other-lengths",
        ),
        pytest.param(
            {"properties": {**_LIVE["properties"], "duration": {"type": "integer", "minimum": 5}}},
            "between 5 and None",
            id="other-bounds",
        ),
        pytest.param(
            {"properties": {**_LIVE["properties"], "duration": {"type": "string"}}}, "of type string", id="other-type"
        ),
        pytest.param(
            {"properties": {**_LIVE["properties"], "generate_audio": {"type": "boolean"}}},
            "new field 'generate_audio'",
            id="a-new-field-with-a-price",
        ),
        pytest.param(
            {"properties": {**_LIVE["properties"], "style": {"type": "string"}}}, None, id="a-new-field-without-one"
        ),
        pytest.param({}, "no schema", id="nothing"),
    ],
)
def test_a_changed_schema_is_told_where_it_matters(schema, words):
    differences = schema_differences({"prompt": "x", "duration": 4}, schema)
    if words is None:
        assert differences == []
    else:
        assert words in "; ".join(differences)
