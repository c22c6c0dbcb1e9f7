"""Each failure of the reference's sections 1.5, 1.6 and 6 can be had from the Replicate simulator on demand.

Belongs here: one claim for each switch.
Does not belong here: recorded traffic (``test_cassettes.py``), media (``test_media.py``).
"""

import base64
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import cv2
import httpx
import numpy as np
import pytest

from luxvid_pipeline_tests.simulators import ReplicateSimulator, script
from luxvid_pipeline_tests.simulators.plain_http import PLAIN, plain_client
from luxvid_pipeline_tests.simulators.webhooks import SECRET, signature

VEO = "google/veo-3.1-fast"
WORDS = {"prompt": "slowly", "duration": 4, "resolution": "720p", "generate_audio": False}


@pytest.fixture
def sim():
    with ReplicateSimulator(picture_scale=0.05) as sim:
        yield sim


@pytest.fixture
def client(sim):
    with plain_client(base_url=f"{sim.base_url}/v1", headers={"Authorization": "Bearer key-1"}, timeout=20) as client:
        yield client


def create(client, model=VEO, headers=None, **given):
    return client.post(f"/models/{model}/predictions", json={"input": {**WORDS, **given}}, headers=headers)


def ended(client, reply):
    prediction = reply.json()
    for _ in range(2000):
        prediction = client.get(prediction["urls"]["get"]).json()
        if prediction["status"] not in {"starting", "processing"}:
            return prediction
    raise AssertionError("it never ends")


def upload(client, data=b"x", name="a.jpg", kind="image/jpeg"):
    return client.post("/files", files={"content": (name, data, kind)})


def jpeg(width=640, height=360):
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


# --- creating --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "status", "body", "header"),
    [
        (script.throttle(30), 429, {"retry_after": 30}, "30"),
        (script.throttle(30, header=False), 429, {"detail": "Your rate limit resets in ~30s."}, None),
        (script.throttle(1, body=False, words="old"), 429, {"detail": "Expected available in 1 second."}, "1"),
        (script.insufficient_credit(), 402, {"title": "Insufficient credit", "detail": "account/billing"}, None),
        (script.unauthenticated(), 401, {"title": "Unauthenticated"}, None),
        (script.invalid_version(), 422, {"title": "Invalid version or not permitted"}, None),
        (script.refuse_input(), 422, {"detail": "- input: prompt is required\n"}, None),
        (script.problem(404, "gone"), 404, {"detail": "gone"}, None),
    ],
)
def test_a_create_can_be_refused_in_every_way_on_record(sim, client, effect, status, body, header):
    sim.script.on_create(2, effect)
    assert create(client).status_code == 201
    refused = create(client)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers.get("retry-after") == header
    told = refused.json()
    assert told["status"] == status
    for name, value in body.items():
        assert value in told[name] if isinstance(value, str) else told[name] == value
    assert ("retry_after" in told) == ("retry_after" in body or effect.get("body", False))
    assert create(client).status_code == 201
    assert sim.counters()["accepted"] == 2
    assert sim.counters()["create"] == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_answers_with_a_page(sim, client, status):
    sim.script.on("create", script.html(status))
    reply = create(client)
    assert (reply.status_code, reply.headers["content-type"][:9]) == (status, "text/html")
    assert reply.text.startswith("<html>")


def test_a_dropped_create_made_nothing_and_one_dropped_after_made_a_job(sim, client):
    sim.script.on_create(1, script.drop())
    with pytest.raises(httpx.TransportError):
        create(client)
    assert sim.counters()["accepted"] == 0
    sim.script.on("create", script.drop_after())
    with pytest.raises(httpx.TransportError):
        create(client, prompt="heard")
    assert [one.given["prompt"] for one in sim.accepted] == ["heard"]
    (entry,) = sim.log.entries(event="create", status=0, paid=True)
    assert entry["prediction"] == sim.accepted[0].id


def test_a_starved_account_is_throttled_at_its_second_create(sim, client):
    sim.low_credit(per_minute=600, burst=1)
    assert create(client).status_code == 201
    throttled = create(client)
    assert throttled.status_code == 429
    assert throttled.json()["retry_after"] == int(throttled.headers["retry-after"]) == 1
    time.sleep(0.12)
    assert create(client).status_code == 201


def test_creates_beyond_the_bucket_are_throttled_and_normally_it_holds_600(sim, client):
    sim.low_credit(per_minute=0.001, burst=3)
    assert [create(client).status_code for _ in range(4)] == [201, 201, 201, 429]
    sim.low_credit(per_minute=0.001, burst=0, header=False, body=False, words="old")
    bare = create(client)
    assert ("retry-after" in bare.headers, "retry_after" in bare.json()) == (False, False)
    assert "Expected available in" in bare.json()["detail"]
    sim.normal_credit()
    assert create(client).headers["ratelimit-remaining"] == "599"


def test_an_account_without_credit_gets_402_whatever_it_asks(sim, client):
    sim.out_of_credit = True
    assert create(client).status_code == 402
    assert sim.counters()["accepted"] == 0


@pytest.mark.parametrize(
    ("given", "kind", "field", "words"),
    [
        ({"prompt": None}, "required", "input", "prompt is required"),
        ({"duration": 5}, "enum", "input.duration", "duration must be one of the following: 4, 6, 8"),
        ({"duration": "4"}, "enum", "input.duration", "duration must be one of"),
        ({"prompt": 7}, "invalid_type", "input.prompt", "Expected: string, given: integer"),
        ({"end_image": "x"}, "additional_property_not_allowed", "input", "Additional property end_image"),
    ],
)
def test_an_input_against_the_schema_is_refused_with_its_fields(client, given, kind, field, words):
    given = {name: value for name, value in {**WORDS, **given}.items() if value is not None}
    reply = client.post(f"/models/{VEO}/predictions", json={"input": given})
    assert reply.status_code == 422
    fault = reply.json()["invalid_fields"][0]
    assert (fault["type"], fault["field"]) == (kind, field)
    assert words in fault["description"]
    assert fault["description"] in reply.json()["detail"]


def test_minimum_and_maximum_are_kept():
    with ReplicateSimulator() as sim:
        card = sim.cards["bytedance/seedance-1-lite"]
        assert card.input_faults({"prompt": "x", "duration": 1})[0]["type"] == "number_gte"
        assert card.input_faults({"prompt": "x", "duration": 13})[0]["type"] == "number_lte"
        many = {"prompt": "x", "reference_images": ["data:,"] * 5}
        assert card.input_faults(many)[0]["type"] == "array_max_items"


def test_unknown_input_keys_can_be_let_through_and_unknown_top_level_keys_never(sim, client):
    sim.extra_input_keys = True
    assert create(client, cfg_scale=7).status_code == 201
    reply = client.post(f"/models/{VEO}/predictions", json={"input": WORDS, "model": VEO})
    assert reply.json()["invalid_fields"][0] | {"description": ""} == {
        "type": "additional_property_not_allowed",
        "field": "",
        "description": "",
    }


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("{digits}", 201),
        ("meta/musicgen:{digits}", 201),
        ("google/lyria-2", 201),
        ("meta/musicgen", 422),
        ("meta/musicgen:latest", 422),
        ("0" * 64, 422),
    ],
)
def test_a_version_is_taken_as_digits_or_with_its_model_or_as_an_official_name(sim, client, version, status):
    body = {"version": version.format(digits=sim.cards["meta/musicgen"].version), "input": {"prompt": "x"}}
    assert client.post("/predictions", json=body).status_code == status
    assert client.post("/models/meta/musicgen/predictions", json={"input": {"prompt": "x"}}).status_code == 404


def test_a_key_is_needed_everywhere_but_for_outputs(sim):
    assert PLAIN.get(f"{sim.base_url}/v1/predictions").status_code == 401
    assert PLAIN.get(f"{sim.base_url}/v1/models/{VEO}", headers={"Authorization": "Token x"}).status_code == 200


# --- a prediction's life ---------------------------------------------------------------------------------------------


def test_a_fresh_prediction_has_no_output_key_and_is_hidden_in_version(client):
    fresh = create(client).json()
    assert not {"output", "metrics", "started_at", "completed_at"} & {*fresh}
    assert (fresh["status"], fresh["version"], fresh["data_removed"]) == ("starting", "hidden", False)
    assert len(fresh["id"]) == 26


@pytest.mark.parametrize("error", [script.E003, script.E004, script.E005, "Input validation error: no"])
def test_a_prediction_fails_with_the_vendors_words_and_http_200(sim, client, error):
    sim.script.prediction(VEO, script.fail(error), nth=2)
    first, second = create(client), create(client)
    assert ended(client, first)["status"] == "succeeded"
    failed = ended(client, second)
    assert (failed["status"], failed["error"], failed["output"]) == ("failed", error, None)
    assert "video_output_duration_seconds" not in failed["metrics"]


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        ("minimax/hailuo-02", {"duration": 10, "resolution": "1080p"}, "only available at 768p"),
        ("minimax/hailuo-02", {"last_frame_image": "data:,x"}, "last_frame_image needs first_frame_image"),
        (
            "minimax/hailuo-02",
            {"resolution": "512p", "first_frame_image": "data:,x", "last_frame_image": "data:,x"},
            "not supported at 512p",
        ),
        ("kwaivgi/kling-v2.1", {"start_image": "data:,x", "end_image": "data:,x"}, "only supported in pro mode"),
        (VEO, {"image": "data:,x", "last_frame": "data:,x", "duration": 6}, "requires a duration of 8"),
        ("google/veo-3.1-lite", {"resolution": "1080p", "duration": 4}, "1080p requires"),
        ("bytedance/seedance-2.0", {"duration": 2}, "between 4 and 15"),
        ("bytedance/seedance-1-lite", {"image": "data:,x", "reference_images": ["data:,x"]}, "cannot be combined"),
        (VEO, {"image": "data:,not a picture"}, "cannot identify image file"),
        (VEO, {"image": "http://127.0.0.1:9/a.jpg"}, "failed to fetch"),
    ],
)
def test_a_rule_that_no_schema_tells_shows_as_a_failed_prediction(client, model, given, words):
    reply = client.post(f"/models/{model}/predictions", json={"input": {"prompt": "x", **given}})
    assert reply.status_code == 201
    failed = ended(client, reply)
    assert failed["status"] == "failed"
    assert words in failed["error"]


def test_a_photo_too_small_for_the_model_fails(client):
    url = upload(client, jpeg(280, 200)).json()["urls"]["get"]
    reply = client.post(
        "/models/minimax/hailuo-02/predictions", json={"input": {"prompt": "x", "first_frame_image": url}}
    )
    assert "larger than 300 px" in ended(client, reply)["error"]


@pytest.mark.parametrize("status", ["aborted", "canceled", "thinking"])
def test_a_prediction_can_end_in_any_status(sim, client, status):
    sim.script.prediction("", script.end_as(status))
    assert ended(client, create(client))["status"] == status


def test_an_output_can_be_null_removed_or_inline(sim, client):
    found = []
    for effect in (script.output_null(), script.data_removed(), script.inline_output()):
        sim.script.prediction(VEO, effect)
        found.append(ended(client, create(client)))
    null, removed, inline = found
    assert (null["status"], null["output"], null["data_removed"]) == ("succeeded", None, False)
    assert (removed["output"], removed["data_removed"], removed["input"]) == (None, True, {})
    head, _, data = inline["output"].partition(",")
    assert head == "data:video/mp4;base64"
    assert base64.b64decode(data)[4:8] == b"ftyp"


def test_everything_is_gone_after_an_hour(sim, client):
    done = ended(client, create(client))
    assert PLAIN.get(done["output"]).status_code == 200
    sim.age(3700)
    assert PLAIN.get(done["output"]).status_code == 404
    later = client.get(done["urls"]["get"]).json()
    assert (later["status"], later["output"], later["data_removed"]) == ("succeeded", None, True)


def test_a_wait_that_runs_out_returns_an_unfinished_prediction(sim, client):
    sim.script.prediction("", script.hold())
    reply = create(client, headers={"Prefer": "wait=1"})
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, "wait=1")
    assert reply.json()["status"] in {"starting", "processing"}
    sim.speed = 0.01
    sim.script.prediction("", script.latency(0, 5))
    waited = create(client, headers={"Prefer": "wait"})
    assert (waited.status_code, waited.json()["status"]) == (201, "succeeded")


def test_cancelling_stops_what_runs_and_leaves_what_is_over(sim, client):
    sim.speed = 0.02
    sim.script.prediction("", script.hold())
    sim.script.prediction("", script.never_start(), nth=2)
    running, waiting = create(client).json(), create(client).json()
    while client.get(running["urls"]["get"]).json()["status"] == "starting":
        time.sleep(0.01)
    canceled = client.post(running["urls"]["cancel"]).json()
    assert (canceled["status"], canceled["output"], canceled["logs"]) == ("canceled", None, None)
    assert canceled["metrics"]["predict_time"] > 0
    assert client.post(running["urls"]["cancel"]).json()["status"] == "canceled"
    assert client.post(waiting["urls"]["cancel"]).json()["status"] == "aborted"
    assert client.post("/predictions/nobody/cancel").status_code == 404


@pytest.mark.parametrize(
    ("effect", "status"), [(script.never_start(), "aborted"), (script.hold(), "canceled")], ids=["waiting", "running"]
)
def test_a_deadline_ends_what_is_not_over(sim, client, effect, status):
    sim.script.prediction("", effect)
    reply = create(client, headers={"Cancel-After": "1m30s"})
    assert "deadline" in reply.json()
    assert ended(client, reply)["status"] == status


def test_a_deadline_does_not_touch_what_was_over_before(client):
    reply = create(client, headers={"Cancel-After": "2h"})
    assert ended(client, reply)["status"] == "succeeded"


def test_listing_finds_recent_predictions_by_time_in_pages(sim, client):
    sim.script.prediction("", script.fail("x"), times=None)
    before = datetime.now(UTC) - timedelta(seconds=60)
    ids = [create(client, prompt=str(number)).json()["id"] for number in range(103)]
    first = client.get("/predictions", params={"created_after": before.isoformat()}).json()
    assert first["previous"] is None
    second = client.get(first["next"]).json()
    assert second["next"] is None
    assert [one["id"] for one in first["results"] + second["results"]] == ids[::-1]
    assert first["results"][0]["input"]["prompt"] == "102"
    assert client.get("/predictions", params={"created_before": before.isoformat()}).json()["results"] == []
    assert client.get("/predictions", params={"created_after": "yesterday"}).status_code == 400


# --- models, files, delivery -----------------------------------------------------------------------------------------


def test_the_live_schema_is_published_and_can_change(sim, client):
    def published():
        version = client.get(f"/models/{VEO}").json()["latest_version"]
        return version["openapi_schema"]["components"]["schemas"]

    before = published()
    assert before["Input"]["required"] == ["prompt"]
    assert before["Input"]["properties"]["duration"]["allOf"] == [{"$ref": "#/components/schemas/duration"}]
    assert before["duration"]["enum"] == [4, 6, 8]
    sim.change_schema(VEO, rename={"last_frame": "end_frame"}, change={"duration": {"enum": [5, 10], "default": 5}})
    after = published()
    assert "end_frame" in after["Input"]["properties"]
    assert after["duration"]["enum"] == [5, 10]
    assert create(client).status_code == 422
    versions = client.get(f"/models/{VEO}/versions").json()["results"]
    assert client.get(f"/models/{VEO}/versions/{versions[0]['id']}").json() == versions[0]
    assert client.get("/models/nobody/nothing").status_code == 404


@pytest.mark.parametrize(("era", "lives_s"), [("2026", 3600), ("2024", 86400)])
def test_both_generations_of_file_replies_are_spoken(sim, client, era, lives_s):
    sim.era = era
    file = upload(client).json()
    assert ({"name", "etag"} <= {*file}) == (era == "2024")
    assert ("md5" in file["checksums"]) == (era == "2024")
    created, expires = (datetime.fromisoformat(file[name]) for name in ("created_at", "expires_at"))
    assert (expires - created).total_seconds() == lives_s


def test_a_file_is_gone_when_deleted_or_expired_and_a_job_that_wants_it_fails(sim, client):
    deleted, expired = (upload(client, jpeg()).json() for _ in range(2))
    assert client.delete(deleted["urls"]["get"]).status_code == 204
    assert client.get(deleted["urls"]["get"]).status_code == 404
    sim.age(3700)
    for file in (deleted, expired):
        failed = ended(client, create(client, image=file["urls"]["get"]))
        assert failed["status"] == "failed"
        assert "failed to fetch" in failed["error"]


def test_a_file_above_the_limit_is_refused(client, monkeypatch):
    monkeypatch.setattr("luxvid_pipeline_tests.simulators.replicate_server._LARGEST_FILE", 10)
    assert upload(client, b"x" * 11).status_code == 413
    assert client.post("/files", data={"no": "content"}).status_code == 422


def test_outputs_live_on_another_port_without_a_key(sim, client):
    url = ended(client, create(client))["output"]
    assert url.startswith(sim.delivery_url)
    assert httpx.URL(sim.delivery_url).port != httpx.URL(sim.base_url).port
    PLAIN.get(url)
    assert not sim.token_reached_delivery
    PLAIN.get(url, headers={"Authorization": "Bearer key-1"})
    assert sim.token_reached_delivery


def test_downloads_resume_and_fail_in_every_way_on_record(sim, client):
    url = ended(client, create(client))["output"]
    whole = PLAIN.get(url).content
    part = PLAIN.get(url, headers={"Range": "bytes=100-"})
    assert (part.status_code, part.content) == (206, whole[100:])
    assert part.headers["content-range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert PLAIN.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416

    sim.script.download(script.redirect())
    moved = PLAIN.get(url)
    assert moved.status_code == 302
    assert PLAIN.get(moved.headers["location"]).content == whole

    sim.script.download(script.short_body(50))
    with pytest.raises(httpx.RemoteProtocolError):
        PLAIN.get(url)
    sim.script.download(script.wrong_length(+10))
    with pytest.raises(httpx.RemoteProtocolError):
        PLAIN.get(url)
    sim.script.download(script.wrong_length(-10))
    assert PLAIN.get(url).content == whole[:-10]
    sim.script.download(script.wrong_type())
    assert PLAIN.get(url).headers["content-type"] == "text/html"
    sim.script.download(script.garbage())
    noise = PLAIN.get(url).content
    assert (len(noise), noise == whole) == (len(whole), False)
    sim.script.download(script.html(503))
    assert PLAIN.get(url).status_code == 503
    sim.script.download(script.drop())
    with pytest.raises(httpx.TransportError):
        PLAIN.get(url)
    assert PLAIN.get(url).content == whole


# --- webhooks, log, rules --------------------------------------------------------------------------------------------


def test_webhooks_are_signed_and_may_come_twice(sim, client):
    heard = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format, *args):
            del format, args

    ear = HTTPServer(("127.0.0.1", 0), Ear)
    Thread(target=ear.serve_forever, args=(0.01,), daemon=True).start()
    sim.webhooks.times = 2
    url = f"http://127.0.0.1:{ear.server_address[1]}/hook"
    body = {"input": WORDS, "webhook": url, "webhook_events_filter": ["completed"]}
    client.post(f"/models/{VEO}/predictions", json=body)
    until = time.monotonic() + 10
    while len(heard) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    ear.shutdown()
    ear.server_close()
    (headers, first), (again, second) = heard
    assert first == second
    assert headers["webhook-id"] == again["webhook-id"]
    signed = signature(SECRET, headers["webhook-id"], headers["webhook-timestamp"], first)
    assert headers["webhook-signature"] == signed
    assert b'"succeeded"' in first


def test_the_log_tells_everything_but_the_key(sim, client):
    create(client, prompt="a" * 5000)
    upload(client, b"abc")
    (entry,) = sim.log.entries(event="create")
    assert entry["method"] == "POST"
    assert entry["path"] == f"/v1/models/{VEO}/predictions"
    assert entry["json"]["input"]["duration"] == 4
    assert len(entry["json"]["input"]["prompt"]) < 400
    (file,) = sim.log.entries(event="upload")
    assert file["parts"][0]["bytes"] == 3
    assert "key-1" not in str(sim.log.entries())
    assert sim.log.entries(path="/v1/models/*") == [entry]


def test_rules_meet_the_requests_they_name(sim, client):
    sim.script.on("create", script.html(), model="google/veo-3", times=None)
    sim.script.on("get", script.html(), nth=[2])
    assert create(client).status_code == 201
    assert create(client, model="google/veo-3").status_code == 502
    codes = [client.get(f"/predictions/{sim.accepted[0].id}").status_code for _ in range(3)]
    assert codes == [200, 502, 200]
    sim.script.clear()
    assert create(client, model="google/veo-3").status_code == 201
    with pytest.raises(ValueError, match="no event called"):
        sim.script.on("creation", script.html())


def test_the_language_of_multipart_is_understood_in_chunks(sim):
    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="content"; filename="a.txt"\r\n'
        yield b"Content-Type: text/plain\r\n\r\nhello\r\n--b--\r\n"

    headers = {"Authorization": "Bearer k", "Content-Type": "multipart/form-data; boundary=b"}
    reply = PLAIN.post(f"{sim.base_url}/v1/files", content=chunks(), headers=headers)
    assert (reply.status_code, reply.json()["size"]) == (201, 5)
    assert next(iter(sim.files.values())).content == b"hello"
