"""The simulator against recorded traffic: the same request gets a reply of the same shape.

Belongs here: replaying ``data/cassettes`` and comparing status, keys, types and the headers that carry meaning.
Does not belong here: failures nobody recorded (``test_replicate_failures.py``).
"""

import gzip
import json
import time
from pathlib import Path

import httpx
import pytest
import yaml

from luxvid_pipeline_tests.simulators import ReplicateSimulator, script
from luxvid_pipeline_tests.simulators.plain_http import plain_client

CASSETTES = Path(__file__).parent / "data" / "cassettes"
SDXL = "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b"
MEANINGFUL = ("ratelimit-remaining", "ratelimit-reset", "preference-applied", "content-encoding")

OLD_ONLY = {"webhook_completed", "stream"}
"""Keys of recordings that today's OpenAPI document does not list, or lists for streaming models only."""


def recorded(name):
    for one in yaml.safe_load((CASSETTES / name).read_text())["interactions"]:
        answer = one["response"]
        body = answer.get("content", (answer.get("body") or {}).get("string")) or b""
        body = gzip.decompress(body) if isinstance(body, bytes) and body[:2] == b"\x1f\x8b" else body
        status = answer.get("status_code") or answer["status"]["code"]
        headers = {key.lower(): value[0] for key, value in answer["headers"].items()}
        yield one["request"], status, headers, json.loads(body) if body else None


def assert_same_shape(ours, theirs, where="reply"):
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = set(theirs) - set(ours) - OLD_ONLY
        assert not missing, f"{where} lacks {missing}"
        for key in set(theirs) & set(ours):
            if key not in {"openapi_schema", "default_example", "input", "metadata"}:
                assert_same_shape(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        if theirs and ours:
            assert_same_shape(ours[0], theirs[0], f"{where}[0]")
    elif not (ours is None or theirs is None):
        assert type(ours) is type(theirs), where


def assert_same_headers(ours, theirs):
    assert ours.get("content-type", "").partition(";")[0] == theirs["content-type"].partition(";")[0]
    for name in MEANINGFUL:
        if name == "ratelimit-remaining" and name in theirs:
            assert name in ours
        elif name in theirs:
            assert ours.get(name) == theirs[name], name


@pytest.fixture
def sim():
    text, whole = {"type": "string", "required": False}, {"type": "integer", "required": False}
    with ReplicateSimulator(era="2024", tokens=frozenset({"good"})) as sim:
        sdxl = [text | {"name": "prompt"}, *(whole | {"name": name} for name in ("width", "height", "seed"))]
        llama = [text | {"name": "prompt", "required": True}]
        sim.add_model(
            "stability-ai/sdxl", version=SDXL, fields=sdxl, is_official=False, output=["http://127.0.0.1/out-0.png"]
        )
        for name in ("meta/llama-2-70b-chat", "meta/meta-llama-3-8b-instruct"):
            sim.add_model(name, version=name.ljust(64, "0"), fields=llama, is_official=True, output=["So", "ft"])
        yield sim


@pytest.fixture
def client(sim):
    with plain_client(base_url=sim.base_url, headers={"Authorization": "Bearer good"}) as client:
        yield client


def send(client, request, path, **more):
    headers = {name: request["headers"][name][0] for name in ("content-type", "prefer") if name in request["headers"]}
    return client.request(request["method"], path, content=request["body"] or None, headers=headers, **more)


@pytest.mark.parametrize(
    "name", ["models-predictions-create.yaml", "test_predictions_create_by_model_False.yaml", "predictions-cancel.yaml"]
)
def test_a_recorded_session_gets_replies_of_the_recorded_shape(sim, client, name):
    sim.script.prediction("", script.hold(), times=None)
    ours = None
    for request, status, headers, body in recorded(name):
        path = httpx.URL(request["uri"]).path
        if path.endswith("/cancel"):
            path = f"/v1/predictions/{ours['id']}/cancel"
        reply = send(client, request, path)
        assert reply.status_code == status, path
        ours = reply.json()
        assert_same_headers(reply.headers, headers)
        assert_same_shape(ours, body)
        if body.get("status"):
            assert ours["status"] == body["status"]


def test_the_recorded_life_of_a_prediction_is_lived_again(sim, client):
    sim.speed = 0.01
    sim.script.prediction("", script.latency(start_s=50, run_s=200))
    seen, reply = [], None
    for request, status, headers, body in recorded("run.yaml"):
        if request["method"] == "POST":
            reply = send(client, request, "/v1/predictions")
            assert "output" not in reply.json()
        elif "/versions/" in request["uri"]:
            assert send(client, request, httpx.URL(request["uri"]).path).status_code == 200
            continue
        else:
            wanted = body["status"]
            until = time.monotonic() + 10
            while time.monotonic() < until:
                reply = client.get(f"/v1/predictions/{reply.json()['id']}")
                if reply.json()["status"] == wanted:
                    break
        assert reply.status_code == status
        assert reply.json()["status"] == body["status"]
        assert_same_headers(reply.headers, headers)
        assert_same_shape(reply.json(), body)
        seen.append(body["status"])
    assert {"starting", "processing", "succeeded"} <= {*seen}


def test_a_wait_answer_can_hold_the_output_while_it_is_still_processing(sim, client):
    sim.script.prediction("", script.early_output())
    ((request, status, headers, body),) = recorded("test_models_predictions_create_blocking_False-10.yaml")
    reply = send(client, request, httpx.URL(request["uri"]).path)
    assert (reply.status_code, reply.json()["status"]) == (status, body["status"])
    assert reply.json()["output"] == ["So", "ft"]
    assert_same_headers(reply.headers, headers)
    assert_same_shape(reply.json(), {key: value for key, value in body.items() if key != "data_removed"})


def test_the_recorded_files_session_is_lived_again(client):
    ours = None
    for request, status, headers, body in recorded("file-operations.yaml"):
        path = httpx.URL(request["uri"]).path
        if path.count("/") > 2:
            path = f"/v1/files/{ours}"
        reply = send(client, request, path)
        assert reply.status_code == status
        if status != 204:
            assert_same_headers(reply.headers, headers)
            assert_same_shape(reply.json(), body)
        if status == 201:
            ours = reply.json()["id"]
            assert reply.json()["checksums"] == body["checksums"]
            assert reply.json()["name"] == body["name"]
    assert client.get(f"/v1/files/{ours}").status_code == 404


@pytest.mark.parametrize("name", ["run__invalid-token.yaml", "trainings-create__invalid-destination.yaml"])
def test_a_recorded_refusal_is_told_in_the_same_words(client, name):
    ((request, status, headers, body),) = recorded(name)
    if status == 401:
        client.headers["Authorization"] = "Bearer wrong"
    reply = send(client, request, httpx.URL(request["uri"]).path)
    assert (reply.status_code, reply.json()) == (status, body)
    assert reply.headers["content-type"] == headers["content-type"] == "application/problem+json"
