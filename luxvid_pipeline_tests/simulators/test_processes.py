"""The simulators as a process of their own, and the vendors' own clients against them.

Belongs here: what only shows across processes, and once each client as it is.
Does not belong here: single failures.
"""

import io
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import openai
import pytest
import replicate
from replicate.exceptions import ReplicateError

from luxvid_pipeline_tests.simulators import Remote, ReplicateSimulator, SimulatorProcess, script
from luxvid_pipeline_tests.simulators.plain_http import PLAIN

CREATE = """
import sys, httpx
body = {"input": {"prompt": "x", "duration": 4, "resolution": "720p", "generate_audio": False}}
url = sys.argv[1] + "/v1/models/google/veo-3.1-fast/predictions"
print(httpx.post(url, json=body, headers={"Authorization": "Bearer k"}).json()["id"], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with SimulatorProcess(tmp_path_factory.mktemp("sim"), "--speed", "0.001", "--picture-scale", "0.05") as running:
        yield running


def test_a_prediction_outlives_the_client_that_was_killed(running):
    client = subprocess.Popen(
        [sys.executable, "-c", CREATE, running.urls["replicate"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    id_ = client.stdout.readline().strip()
    os.kill(client.pid, signal.SIGKILL)
    client.communicate()
    headers, until = {"Authorization": "Bearer k"}, time.monotonic() + 20
    while time.monotonic() < until:
        listed = PLAIN.get(f"{running.urls['replicate']}/v1/predictions", headers=headers).json()["results"]
        if listed[0]["status"] == "succeeded":
            break
    assert (listed[0]["id"], listed[0]["status"]) == (id_, "succeeded")
    assert PLAIN.get(listed[0]["output"]).content[4:8] == b"ftyp"


def test_the_simulators_end_with_the_process_that_wanted_them(tmp_path):
    keeper = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    ports = tmp_path / "ports.json"
    command = [sys.executable, "-m", "luxvid_pipeline_tests.simulators", "--port-file", str(ports)]
    with subprocess.Popen([*command, "--as-long-as", str(keeper.pid)], stdout=subprocess.DEVNULL) as simulators:
        until = time.monotonic() + 20
        while not ports.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert simulators.poll() is None
        keeper.communicate()
        assert simulators.wait(20) == 0


def test_log_counters_and_rules_are_reached_from_outside(running):
    before = running.replicate.counters()["accepted"]
    running.replicate.on("create", script.drop_after())
    running.replicate.call("schema", model="google/veo-3", remove=["seed"])
    running.replicate.settings(extra_input_keys=True)
    with pytest.raises(Exception, match=r"disconnected|reset"):
        PLAIN.post(
            f"{running.urls['replicate']}/v1/models/google/veo-3/predictions",
            json={"input": {"prompt": "x", "seed": 1}},
            headers={"Authorization": "Bearer k"},
        )
    assert running.replicate.counters()["accepted"] == before + 1
    entry = running.replicate.log(event="create")[-1]
    assert (entry["status"], entry["model"]) == (0, "google/veo-3")
    written = [json.loads(line) for line in running.log_file.read_text().splitlines()]
    assert written[-1]["number"] == entry["number"]
    running.xai.on("language", script.credit_exhausted())
    with openai.OpenAI(base_url=running.urls["xai"], api_key="k", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="grok-4.3", messages=[{"role": "user", "content": "x"}])
        client.chat.completions.create(model="grok-4.3", messages=[{"role": "user", "content": "x"}])
    assert running.xai.counters()["accepted"] == 1
    with pytest.raises(RuntimeError, match="404"):
        Remote(running.urls["openai"]).call("nothing")


def test_the_replicate_client_makes_a_clip_and_reads_its_errors():
    with ReplicateSimulator(picture_scale=0.1, era="2024") as sim:
        client = replicate.Client(api_token="k", base_url=sim.base_url)  # noqa: S106
        photo = io.BytesIO(cv2.imencode(".jpg", np.full((360, 640, 3), 60, np.uint8))[1].tobytes())
        photo.name = "photo.jpg"
        given = {"prompt": "x", "image": photo, "duration": 4}
        prediction = client.models.predictions.create("google/veo-3.1-fast", input=given)
        assert prediction.status == "starting"
        assert client.files.list()[0].name == "photo.jpg"
        while prediction.status in {"starting", "processing"}:
            prediction.reload()
        assert prediction.status == "succeeded", prediction.error
        assert PLAIN.get(prediction.output).headers["content-type"] == "video/mp4"
        assert client.models.get("google/veo-3.1-fast").latest_version.openapi_schema["openapi"] == "3.0.2"
        assert [one.id for one in client.predictions.list().results] == [prediction.id]
        version = sim.cards["meta/musicgen"].version
        music = client.predictions.create(version=version, input={"prompt": "x", "duration": 2})
        music.cancel()
        music.reload()
        assert music.status in {"canceled", "succeeded"}
        sim.script.on("create", script.insufficient_credit())
        with pytest.raises(ReplicateError) as caught:
            client.models.predictions.create("google/veo-3", input={"prompt": "x"})
        assert (caught.value.status, caught.value.title) == (402, "Insufficient credit")
        assert not sim.token_reached_delivery
        client._client.close()


def test_todays_file_reply_breaks_the_replicate_client_as_it_does_in_life():
    with ReplicateSimulator() as sim:
        client = replicate.Client(api_token="k", base_url=sim.base_url)  # noqa: S106
        with pytest.raises(ValueError, match="etag"):
            client.files.create(io.BytesIO(b"x"))
        assert sim.counters()["upload"] == 1
        client._client.close()
