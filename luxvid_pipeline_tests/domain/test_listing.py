"""listing.yaml: everything is optional, everything wrong is named with its line."""

import contextlib
import json

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from luxvid_pipeline.domain.errors import ListingError
from luxvid_pipeline.domain.listing import Transition, manifest_json_schema, parse_manifest
from luxvid_pipeline.domain.rooms import Room

COMPLETE = """\
listing: villa-aurora
title: Villa Aurora
address: 12 Cliff Road, Malibu
client: aurora-estates
brief: {goal: "private viewings", audience: "international buyers", key_messages: ["ocean on three sides"]}
brand:
  tone: [calm]
  colors: ["#0B2545"]
  avoid: ["people"]
  logo: logo.svg
  agent: {name: A, licence: "1", brokerage: B, phone: "555", email: a@example.com}
photos:
  - {file: IMG_0001.jpg, room: pool, tags: [dusk], source_url: "https://example.com/1.jpg"}
film: {clip_seconds: 4, transition: cut, music: cinematic-ambient, variants: [16x9, 9x16]}
generation: {budget_usd: 10.00, approval: auto}
"""


def test_the_manifest_of_the_design_page_is_understood():
    manifest = parse_manifest(COMPLETE)
    assert manifest.listing == "villa-aurora"
    assert manifest.photos[0].room is Room.POOL
    assert manifest.film.transition is Transition.CUT
    assert manifest.brand.agent is not None
    assert manifest.generation.budget_usd == 10.0


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "---\n", "brief:\nbrand:\nphotos:\ngeneration:\n  budget_usd:\n"]
)
def test_an_empty_manifest_says_nothing_and_is_fine(text):
    assert parse_manifest(text).film.clip_seconds == 4.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("title: [", ["line 1", "YAML"], id="not-yaml"),
        pytest.param("- a\n- b\n", ["line 1", "list"], id="a-list"),
        pytest.param("title: " + 20_000 * "[", ["YAML", "nested too deeply"], id="nested-without-end"),
        pytest.param("title: !!bool maybe", ["YAML", "tag"], id="a-boolean-that-is-none"),
        pytest.param('title: !!int ""', ["YAML", "tag"], id="a-number-that-is-none"),
        pytest.param("title: !!timestamp x", ["YAML", "tag"], id="a-date-that-is-none"),
        pytest.param("titel: Villa", ["line 1", "titel", "no such field"], id="misspelt-field"),
        pytest.param("listing: Villa Aurora\n", ["line 1", "listing", "'villa-aurora'"], id="key-with-spaces"),
        pytest.param("listing: a|b\n", ["line 1", "listing", "a-z"], id="key-that-breaks-partitions"),
        pytest.param("title: V\nphotos:\n  - file: a.jpg\n    room: pol\n", ["line 4", "'pool'"], id="unknown-room"),
        pytest.param("photos:\n  - {file: ../../etc/passwd}\n", ["line 2", "out of the"], id="path-out-of-folder"),
        pytest.param("photos:\n  - {file: /etc/passwd}\n", ["line 2", "out of the"], id="absolute-path"),
        pytest.param("photos:\n  - {file: 'C:\\..\\x'}\n", ["line 2", "out of the"], id="backslashes"),
        pytest.param("photos: [{file: a.jpg}, {file: a.jpg}]", ["'a.jpg'", "twice"], id="photo-listed-twice"),
        pytest.param("film: {clip_seconds: 0}\n", ["line 1", "film.clip_seconds"], id="no-length"),
        pytest.param("film:\n  transition: wipe\n", ["line 2", "film.transition"], id="unknown-transition"),
        pytest.param("brand:\n  colors: [navy]\n", ["line 2", "brand.colors[0]"], id="colour-that-is-none"),
        pytest.param("generation: {budget_usd: -1}", ["line 1", "budget_usd"], id="negative-budget"),
        pytest.param("generation:\n  budget_usd: .inf\n", ["line 2", "budget_usd", "number"], id="endless-budget"),
        pytest.param("generation:\n  budget_usd: 1e+308\n", ["line 2", "budget_usd", "1000000"], id="boundless-budget"),
        pytest.param("generation:\n  budget_usd: .nan\n", ["line 2", "budget_usd"], id="no-number-for-a-budget"),
        pytest.param("title: A\ntitle: B\n", ["line 2", "title", "twice"], id="field-said-twice"),
        pytest.param(
            "film:\n  music: warm-acoustic\n  music: modern-piano", ["line 3", "twice"], id="twice-further-in"
        ),
        pytest.param("x: &x\n  - *x\n", ["line 1", "no such field"], id="an-anchor-that-holds-itself"),
        pytest.param("brand:\n  tone: calm\n", ["line 2", "brand.tone", "a list"], id="one-word-for-a-list"),
        pytest.param("brief: sell it\n", ["line 1", "brief", "lines of its own"], id="text-for-a-section"),
        pytest.param("photos:\n  - {room: pool}\n", ["line 2", "photos[0].file", "missing"], id="photo-without-a-name"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_line(text, told):
    with pytest.raises(ListingError) as caught:
        parse_manifest(text, "villa/listing.yaml")
    message = str(caught.value)
    assert message.startswith("villa/listing.yaml")
    assert "\n" not in message
    for part in told:
        assert part in message


def test_every_fault_is_told_at_once():
    with pytest.raises(ListingError) as caught:
        parse_manifest("titel: a\nfilm: {musik: b}\nphotos:\n - {file: a.jpg, room: loo}\n")
    for part in ("line 1", "line 2", "line 4"):
        assert part in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_manifest_or_one_clear_error(text):
    with contextlib.suppress(ListingError):
        parse_manifest(text)


def test_the_published_schema_accepts_what_the_parser_accepts_and_refuses_the_rest():
    schema = json.loads(json.dumps(manifest_json_schema()))
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert validator.is_valid(yaml.safe_load(COMPLETE))
    assert validator.is_valid({})
    assert not validator.is_valid({"titel": "Villa"})
    for refused in (
        {"film": {"clip_seconds": 0}},
        {"listing": "Bad Key"},
        {"listing": ""},
        *({"photos": [{"file": file}]} for file in ("../a.jpg", "a/../../b.jpg", "/a.jpg", "..", "a\\..\\b.jpg")),
        {"photos": [{"file": "a.jpg", "room": "unknown"}]},
    ):
        assert not validator.is_valid(refused), refused
        with pytest.raises(ListingError):
            parse_manifest(json.dumps(refused))
    for accepted in ("a.jpg", "photos of ours/a..b.jpg", "..a.jpg", "a/b.jpg"):
        assert validator.is_valid({"photos": [{"file": accepted}]})
        assert parse_manifest(json.dumps({"photos": [{"file": accepted}]})).photos[0].file == accepted
