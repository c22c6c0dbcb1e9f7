"""The language models' simulator: both flavours, both APIs, each failure of the reference's sections 4 to 6.

Belongs here: claims about xAI's and OpenAI's wire formats, seen through the ``openai`` package and plain HTTP.
Does not belong here: Replicate.
"""

import base64
import json

import cv2
import numpy as np
import openai
import pytest

from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline_tests.simulators import LanguageModelSimulator, script
from luxvid_pipeline_tests.simulators.plain_http import PLAIN, plain_client

MODELS = {"xai": "grok-4.20-non-reasoning", "openai": "gpt-5.4-mini"}
ROOMS = [room.value for room in Room]


def closed(**properties):
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def words(*values):
    return {"type": "string", "enum": [*values]}


def maybe(schema):
    return {"anyOf": [schema, {"type": "null"}]}


TEXT, SHARE = {"type": "string"}, {"type": "number", "minimum": 0, "maximum": 1}


def tags_of(*ids):
    row = closed(
        id=words(*ids),
        room=words(*ROOMS),
        room_confidence=SHARE,
        features={"type": "array", "items": words("sky", "table", "mirror")},
        caption=TEXT,
        quality=SHARE,
        avoid={"type": "array", "items": words("people", "text")},
    )
    return closed(photos={"type": "array", "items": row})


def pairs_of(*ids):
    row = closed(
        scene=words(*(scene.key for scene in SCENES)),
        first=maybe(words(*ids)),
        last=maybe(words(*ids)),
        confidence=SHARE,
        reason=TEXT,
        runner_up_first=maybe(words(*ids)),
        leave_out={"type": "boolean"},
    )
    return closed(scenes={"type": "array", "items": row})


def picture(colour, kind="jpeg"):
    data = cv2.imencode(f".{kind}", np.full((320, 480, 3), colour, np.uint8))[1].tobytes()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture(params=["xai", "openai"])
def sim(request):
    with LanguageModelSimulator(request.param) as sim:
        yield sim


@pytest.fixture
def client(sim):
    with openai.OpenAI(base_url=sim.base_url, api_key="key-1", max_retries=0) as client:
        yield client


def chat(client, sim, schema=None, content="hello", **more):
    shape = {"json_schema": {"name": "answer", "strict": True, "schema": schema}, "type": "json_schema"}
    more = {"response_format": shape, **more} if schema else more
    return client.chat.completions.create(
        **{"model": MODELS[sim.flavour], "messages": [{"role": "user", "content": content}], **more}
    )


def said(reply):
    return json.loads(reply.choices[0].message.content)


def test_photos_are_tagged_by_their_words_and_else_by_their_colours(sim, client):
    content = [
        {"type": "text", "text": "Photo P01, kitchen-table.jpg:"},
        {"type": "image_url", "image_url": {"url": picture((90, 90, 90)), "detail": "high"}},
        {"type": "text", "text": "Photo P02:"},
        {"type": "image_url", "image_url": {"url": picture((220, 120, 0), "png"), "detail": "low"}},
    ]
    kitchen, pool = said(chat(client, sim, tags_of("P01", "P02"), content))["photos"]
    assert (kitchen["id"], kitchen["room"], kitchen["features"]) == ("P01", "kitchen", ["table"])
    assert (pool["id"], pool["room"], pool["avoid"]) == ("P02", "pool", [])
    assert 0 <= pool["quality"] <= 1


def test_pictures_of_a_known_folder_are_recognised_at_any_size(tmp_path):
    draw = np.random.default_rng(5)
    pictures = {
        name: cv2.resize(draw.integers(0, 255, (6, 8, 3), dtype=np.uint8), (960, 720))
        for name in ("DSC_1.jpg", "DSC_2.jpg", "home-office.jpg")
    }
    for name, pixels in pictures.items():
        cv2.imwrite(str(tmp_path / name), pixels)
    (tmp_path / "LABELS.csv").write_text('file,room,notes\nDSC_1.jpg,bathroom,"a mirror over two basins"\n')
    content = []
    for place, pixels in enumerate([*pictures.values(), 255 - pictures["DSC_1.jpg"]], 1):
        small = cv2.imencode(".jpg", cv2.resize(pixels, (320, 240), interpolation=cv2.INTER_AREA))[1].tobytes()
        url = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
        content += [{"type": "text", "text": f"Photo P{place}:"}, {"type": "image_url", "image_url": {"url": url}}]
    with (
        LanguageModelSimulator("xai", knows=[tmp_path]) as sim,
        openai.OpenAI(base_url=sim.base_url, api_key="k") as client,
    ):
        bath, _, office, _ = said(chat(client, sim, tags_of("P1", "P2", "P3", "P4"), content))["photos"]
        assert (bath["room"], bath["caption"]) == ("bathroom", "A mirror over two basins.")
        assert bath["features"] == ["mirror"]
        assert office["room"] == "office"
        assert [one is not None for one in sim.asks[0].known] == [True, True, True, False]


def test_pairs_fit_their_scenes_and_use_no_photo_twice(sim, client):
    rooms = ["pool", "bedroom", "bathroom", "bathtub_shower", "living", "dining", "aerial", "office", "terrace"]
    catalogue = [{"id": f"P{number:02}", "room": room} for number, room in enumerate(rooms, 1)]
    ids = [one["id"] for one in catalogue]
    rows = said(chat(client, sim, pairs_of(*ids), json.dumps({"photos": catalogue})))["scenes"]
    assert [row["scene"] for row in rows] == [scene.key for scene in SCENES]
    used = [row[name] for row in rows for name in ("first", "last") if row[name]]
    assert len(used) == len({*used})
    room_of = {one["id"]: Room(one["room"]) for one in catalogue}
    for scene, row in zip(SCENES, rows, strict=True):
        assert all(room_of[row[name]] in scene.rooms for name in ("first", "last") if row[name])
    assert not any(row["leave_out"] for row in rows if row["first"])


def test_a_storyboard_keeps_the_words_it_was_given_and_adds_a_few_to_its_prompts(sim, client):
    row = closed(scene=words("1-arrival", "2-bedroom"), subject=TEXT, prompt=TEXT, seconds={"type": "number"})
    draft = [{"scene": "1-arrival", "subject": "the pool at dusk", "prompt": "Slowly.", "seconds": 3.5}]
    schema = closed(scenes={"type": "array", "items": row}, not_done=TEXT)
    first, second = said(chat(client, sim, schema, "Draft:\n" + json.dumps(draft)))["scenes"]
    assert first == draft[0] | {"prompt": "Slowly. Unhurried, with air in the curtains."}
    assert second["scene"] == "2-bedroom"
    assert second["prompt"]


def test_feedback_changes_the_scenes_it_names_and_no_other(sim, client):
    keys = ["1-arrival", "2-bedroom", "7-farewell"]
    row = closed(scene=words(*keys), subject=maybe(TEXT), prompt=maybe(TEXT))
    schema = closed(
        meant={"type": "array", "items": words(*keys)}, scenes={"type": "array", "items": row}, not_done=TEXT
    )
    draft = json.dumps([{"scene": key, "subject": "it", "prompt": "Slowly."} for key in keys])
    content = [{"type": "text", "text": draft}, {"type": "text", "text": "Feedback:\nThe farewell is too dark."}]
    answer = said(chat(client, sim, schema, content))
    assert (answer["meant"], answer["not_done"]) == (["7-farewell"], "")
    assert answer["scenes"] == [{"scene": "7-farewell", "subject": None, "prompt": "Slowly. The farewell is too dark."}]


def test_a_schema_with_references_and_limits_is_filled(sim, client):
    schema = closed(one={"$ref": "#/$defs/inner"}, kind={"const": "x"}) | {
        "$defs": {
            "inner": closed(count={"type": "integer", "minimum": 3, "maximum": 5}, note={"type": ["string", "null"]})
        }
    }
    answer = said(chat(client, sim, schema))
    assert answer["kind"] == "x"
    assert 3 <= answer["one"]["count"] <= 5


def test_a_function_can_answer_and_a_rule_can_amend(sim, client):
    sim.answer_with(lambda ask: {"pictures": len(ask.pictures)} if ask.schema_name == "answer" else None)
    content = [{"type": "image_url", "image_url": {"url": picture((1, 2, 3))}}]
    schema = closed(pictures={"type": "integer"})
    assert said(chat(client, sim, schema, content)) == {"pictures": 1}
    sim.script.language(script.amended(("pictures", 7)))
    assert said(chat(client, sim, schema, content)) == {"pictures": 7}
    sim.script.language(script.says({"pictures": 9}))
    assert said(chat(client, sim, schema, content)) == {"pictures": 9}
    sim.script.language(script.text("not JSON"))
    assert chat(client, sim, schema).choices[0].message.content == "not JSON"


def test_responses_speak_the_other_api(sim, client):
    reply = client.responses.create(
        model=MODELS[sim.flavour],
        instructions="choose",
        input=[{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        text={"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": closed(ok=words("yes"))}},
    )
    assert json.loads(reply.output_text) == {"ok": "yes"}
    assert reply.status == "completed"
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    sim.script.on("responses", script.truncated())
    cut = client.responses.create(model=MODELS[sim.flavour], input="hello")
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    sim.script.on("responses", script.refusal("No."))
    refused = client.responses.create(model=MODELS[sim.flavour], input="hello")
    assert refused.output[0].content[0].refusal == "No."


def test_usage_and_cost_add_up(sim, client):
    content = [{"type": "text", "text": "a" * 400}, {"type": "image_url", "image_url": {"url": picture((1, 2, 3))}}]
    usage = chat(client, sim, content=content).usage
    assert usage.prompt_tokens > 100
    if sim.flavour == "xai":
        assert 256 <= usage.prompt_tokens_details.image_tokens <= 1792
        assert usage.cost_in_usd_ticks / 10**10 == pytest.approx(sim.cost_usd)
        expected = usage.prompt_tokens * 1.25e-6 + usage.completion_tokens * 2.5e-6
        assert sim.cost_usd == pytest.approx(expected, rel=1e-6)
    else:
        assert not hasattr(usage, "cost_in_usd_ticks")


def test_reasoning_stands_outside_completion_at_xai_and_inside_at_openai():
    for flavour, model in (("xai", "grok-4.5"), ("openai", "gpt-6-luna")):
        with LanguageModelSimulator(flavour) as sim, openai.OpenAI(base_url=sim.base_url, api_key="k") as client:
            usage = chat(client, sim, model=model).usage
            reasoning = usage.completion_tokens_details.reasoning_tokens
            apart = usage.total_tokens - usage.prompt_tokens - usage.completion_tokens
            assert (reasoning, apart) == (228, 228 if flavour == "xai" else 0)


@pytest.mark.parametrize(
    ("effect", "xai", "other"),
    [
        (script.rate_limited(3), (429, "Too many requests"), (429, "rate_limit_exceeded")),
        (script.credit_exhausted(), (429, "used all available credits"), (429, "insufficient_quota")),
        (script.bad_key(), (400, "Incorrect API key"), (401, "invalid_api_key")),
        (script.model_retired(), (404, "was deprecated"), (404, "model_not_found")),
        (script.html(503), (503, "<html>"), (503, "<html>")),
    ],
)
def test_each_error_comes_in_the_vendors_own_shape(sim, client, effect, xai, other):
    sim.script.language(effect)
    with pytest.raises(openai.APIStatusError) as caught:
        chat(client, sim)
    status, telling = xai if sim.flavour == "xai" else other
    assert caught.value.status_code == status
    assert telling in caught.value.response.text
    if status in {404, 429}:
        assert isinstance(caught.value.body, str if sim.flavour == "xai" else dict)
    if effect["effect"] == "rate_limited":
        assert caught.value.response.headers["retry-after"] == "3"
    assert sim.counters()["accepted"] == 0


def test_an_error_can_come_with_http_200(sim, client):
    sim.script.language(script.error_in_200())
    reply = chat(client, sim)
    assert reply.choices is None
    sim.script.language(script.no_choices())
    assert chat(client, sim).choices == []
    sim.script.language(script.no_usage())
    assert chat(client, sim).usage is None


def test_answers_can_end_early_be_refused_or_filtered_and_are_billed(sim, client):
    sim.script.language(script.truncated(0.5))
    cut = chat(client, sim, closed(reason=TEXT))
    assert cut.choices[0].finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        said(cut)
    sim.script.language(script.refusal("I can't."))
    message = chat(client, sim, closed(reason=TEXT)).choices[0].message
    assert (message.refusal, bool(message.content)) == ("I can't.", False)
    sim.script.language(script.content_filter())
    assert chat(client, sim).choices[0].finish_reason == "content_filter"
    assert chat(client, sim, closed(reason=TEXT), max_completion_tokens=3).choices[0].finish_reason == "length"
    assert sim.counters()["accepted"] == 4


def test_a_reply_can_be_lost_before_or_after_it_was_billed(sim, client):
    sim.script.language(script.drop())
    with pytest.raises(openai.APIConnectionError):
        chat(client, sim)
    assert sim.counters()["accepted"] == 0
    sim.script.language(script.drop_after())
    with pytest.raises(openai.APIConnectionError):
        chat(client, sim)
    assert sim.counters()["accepted"] == 1


@pytest.mark.parametrize(
    ("flavour", "more", "status", "telling"),
    [
        ("xai", {"model": "grok-4-fast-reasoning"}, 404, "deprecated"),
        ("xai", {"model": "gpt-6-luna"}, 404, "does not exist"),
        ("xai", {"reasoning_effort": "none"}, 400, "reasoningEffort"),
        ("xai", {"model": "grok-4.5", "reasoning_effort": "none"}, 400, "low, medium, high"),
        (
            "xai",
            {"content": [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,UklGRg=="}}]},
            400,
            "webp",
        ),
        (
            "xai",
            {"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}]},
            400,
            "valid image",
        ),
        ("openai", {"model": "o4-mini"}, 404, "deprecated"),
        ("openai", {"max_tokens": 5}, 400, "max_completion_tokens"),
        ("openai", {"schema": {"type": "object", "properties": {}}}, 400, "additionalProperties"),
        ("openai", {"schema": closed(a=TEXT) | {"required": []}}, 400, "Missing 'a'"),
        ("openai", {"content": [{"type": "image_url", "image_url": {"url": "https://x/y.jpg"}}]}, 400, "fetch image"),
    ],
)
def test_what_a_vendor_does_not_take_is_refused(flavour, more, status, telling):
    with (
        LanguageModelSimulator(flavour) as sim,
        openai.OpenAI(base_url=sim.base_url, api_key="k", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError) as caught:
            chat(client, sim, **more)
        assert caught.value.status_code == status
        assert telling in caught.value.response.text


def test_keys_are_checked_and_never_logged():
    with LanguageModelSimulator("xai", tokens=frozenset({"good"})) as sim, plain_client() as client:
        body = {"model": "grok-4.3", "messages": [{"role": "user", "content": "x"}]}
        assert client.post(f"{sim.base_url}/chat/completions", json=body).status_code == 401
        wrong = client.post(f"{sim.base_url}/chat/completions", json=body, headers={"Authorization": "Bearer bad"})
        assert wrong.status_code == 400
        right = client.post(f"{sim.base_url}/chat/completions", json=body, headers={"Authorization": "Bearer good"})
        assert right.status_code == 200
        assert "good" not in str(sim.log.entries())
        sim.out_of_credit = True
        late = client.post(f"{sim.base_url}/chat/completions", json=body, headers={"Authorization": "Bearer good"})
        assert late.status_code == 429


def test_models_are_listed_with_the_day_they_end():
    with LanguageModelSimulator("openai") as sim:
        headers = {"Authorization": "Bearer k"}
        listed = PLAIN.get(f"{sim.base_url}/models", headers=headers).json()["data"]
        assert {one["id"] for one in listed} >= {"gpt-6-luna"}
        one = PLAIN.get(f"{sim.base_url}/models/gpt-4o-mini", headers=headers).json()
        assert one["shutdown_date"] == "2027-01-14"
        assert PLAIN.get(f"{sim.base_url}/models/gone", headers=headers).status_code == 404
