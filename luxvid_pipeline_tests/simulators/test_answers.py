"""The default answers fit whatever strict schema is asked for.

Belongs here: the property that holds for all schemas.
Does not belong here: what is said of photos and scenes (``test_language_models.py``).
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline_tests.simulators.answers import Ask, default_answer

NAMES = [
    "scene", "first", "last", "photo_id", "id", "room", "caption", "reason", "runner_up_first", "leave_out", "prompt",
    "avoid", "faults", "quality", "number", "not_done", "title",
]  # fmt: skip
WORDS = st.lists(st.text("abcP0123", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)
RANGES = st.tuples(st.integers(-5, 5), st.integers(0, 9))

LEAVES = st.one_of(
    st.just({"type": "string"}),
    st.just({"type": "boolean"}),
    WORDS.map(lambda words: {"type": "string", "enum": words}),
    st.just({"type": "string", "enum": [scene.key for scene in SCENES]}),
    st.builds(
        lambda kind, ends: {"type": kind, "minimum": ends[0], "maximum": ends[0] + ends[1]},
        st.sampled_from(["integer", "number"]),
        RANGES,
    ),
)


def object_of(properties):
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def grown(inner):
    return st.one_of(
        st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=4).map(object_of),
        inner.map(lambda items: {"type": "array", "items": items}),
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least, "maxItems": least + 2},
            inner,
            st.integers(0, 3),
        ),
        inner.map(lambda one: {"anyOf": [one, {"type": "null"}]}),
    )


SCHEMAS = st.dictionaries(st.sampled_from(NAMES), st.recursive(LEAVES, grown, max_leaves=8), min_size=1).map(object_of)
TEXTS = st.lists(
    st.sampled_from(["Feedback: the bath is dark", '{"photo": "P1", "room": "pool"}', "Photo a: kitchen", "{"]),
    max_size=3,
)


@settings(max_examples=80, deadline=None)
@given(SCHEMAS, TEXTS)
def test_a_default_answer_fits_its_schema(schema, texts):
    ask = Ask("chat", "grok-4.3", tuple(texts), (), schema, "answer", {})
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(default_answer(ask))]
    assert not errors
