"""What the simulated models deliver is real media made from what they were given.

Belongs here: probing clips, music and pictures with a decoder.
Does not belong here: HTTP (the other tests here).
"""

import io
import time

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from luxvid_pipeline_tests.simulators import ReplicateSimulator, script
from luxvid_pipeline_tests.simulators.cards import all_cards, clip_plan
from luxvid_pipeline_tests.simulators.footage import MUSICGEN_HZ, sound, tune, wav
from luxvid_pipeline_tests.simulators.plain_http import PLAIN, plain_client


@pytest.fixture(scope="module")
def sim():
    with ReplicateSimulator(picture_scale=0.25, interpolation_needs_8_s=False) as sim:
        yield sim


@pytest.fixture
def client(sim):
    with plain_client(base_url=f"{sim.base_url}/v1", headers={"Authorization": "Bearer any"}, timeout=30) as client:
        yield client


def photo(colour, width=1280, height=720):
    picture = np.full((height, width, 3), colour, np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def upload(client, data, name="photo.jpg", kind="image/jpeg"):
    return client.post("/files", files={"content": (name, data, kind)}).json()["urls"]["get"]


def run(sim, client, model, **given):
    card = sim.cards[model]
    path, body = (f"/models/{model}/predictions", {"input": given})
    if not card.is_official:
        path, body = "/predictions", {"version": card.version, "input": given}
    reply = client.post(path, json=body)
    assert reply.status_code == 201, reply.text
    prediction = reply.json()
    while prediction["status"] in {"starting", "processing"}:
        time.sleep(0.02)  # without a pause the asking takes the processor from the making
        prediction = client.get(prediction["urls"]["get"]).json()
    return prediction


def watched(url):
    with av.open(io.BytesIO(PLAIN.get(url).content)) as container:
        video = container.streams.video[0]
        decoded = list(container.decode(video))
        assert {frame.colorspace for frame in decoded} == {Colorspace.ITU709}
        frames = [frame.to_ndarray(format="bgr24", src_colorspace="ITU709") for frame in decoded]
        size = (video.codec_context.width, video.codec_context.height)
        return frames, size, video.average_rate, bool(container.streams.audio)


RED, BLUE = (30, 30, 200), (200, 60, 30)


@pytest.mark.parametrize(
    ("model", "first", "last", "more", "size", "fps", "seconds", "audio"),
    [
        ("google/veo-3.1-fast", "image", "last_frame", {"duration": 4}, (1920, 1080), 24, 4.0, True),
        (
            "google/veo-3.1",
            "image",
            "last_frame",
            {"duration": 4, "resolution": "720p", "generate_audio": False},
            (1280, 720),
            24,
            4.0,
            False,
        ),
        (
            "minimax/hailuo-02",
            "first_frame_image",
            "last_frame_image",
            {"resolution": "768p"},
            (1366, 768),
            25,
            5.88,
            False,
        ),
        (
            "bytedance/seedance-1-lite",
            "image",
            "last_frame_image",
            {"resolution": "720p", "duration": 3},
            (1248, 704),
            24,
            73 / 24,
            False,
        ),
        ("kwaivgi/kling-v2.1", "start_image", "end_image", {"mode": "pro"}, (1920, 1080), 24, 121 / 24, False),
        ("wan-video/wan-2.2-i2v-fast", "image", "last_image", {}, (848, 480), 16, 81 / 16, False),
    ],
)
def test_a_clip_begins_on_the_first_photo_and_ends_on_the_last(
    sim, client, model, first, last, more, size, fps, seconds, audio
):
    given = {"prompt": "slowly", first: upload(client, photo(RED)), last: upload(client, photo(BLUE)), **more}
    prediction = run(sim, client, model, **given)
    assert prediction["status"] == "succeeded", prediction["error"]
    assert prediction["version"] == "hidden"
    frames, seen_size, rate, has_audio = watched(prediction["output"])
    assert np.allclose(frames[0].mean((0, 1)), RED, atol=12)
    assert np.allclose(frames[-1].mean((0, 1)), BLUE, atol=12)
    assert (rate, has_audio) == (fps, audio)
    assert np.allclose(seen_size, np.array(size) / 4, atol=2)
    assert len(frames) / fps == pytest.approx(seconds)
    plan = clip_plan(sim.cards[model], sim.cards[model].with_defaults(given), 16 / 9)
    assert (plan.width, plan.height) == size
    if model != "wan-video/wan-2.2-i2v-fast":
        assert prediction["metrics"]["video_output_duration_seconds"] == pytest.approx(seconds, abs=0.001)
    assert prediction["metrics"]["predict_time"] == 54


def test_every_video_model_on_record_makes_a_clip(sim, client):
    first = upload(client, photo(RED))
    for name, card in all_cards().items():
        if card.kind != "video":
            continue
        given = {card.first_field: first} | ({"duration": 8} if name.startswith("google/veo-3.1-lite") else {})
        sim.script.prediction(name, script.odd_media(seconds=0.5))
        prediction = run(sim, client, name, prompt="slowly", **given)
        assert prediction["status"] == "succeeded", (name, prediction["error"])


def test_the_same_inputs_give_the_same_bytes(sim, client):
    def once():
        given = {"image": upload(client, photo(RED)), "last_frame_image": upload(client, photo(BLUE))}
        return PLAIN.get(
            run(sim, client, "bytedance/seedance-1-pro", prompt="x", duration=2, **given)["output"]
        ).content

    kept = once()
    sim._cache._folder.joinpath("x").write_bytes(b"")
    for file in sim._cache._folder.iterdir():
        file.unlink()
    assert once() == kept


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({"seconds": 1.0}, lambda frames, size, rate, audio: len(frames) == 24),
        ({"fps": 30}, lambda frames, size, rate, audio: rate == 30),
        ({"width": 640, "height": 640}, lambda frames, size, rate, audio: size == (160, 160)),
        ({"black": True}, lambda frames, size, rate, audio: max(frame.max() for frame in frames) < 20),
        ({"swap": True}, lambda frames, size, rate, audio: frames[0][0, 0, 0] > 150),
        ({"frozen": True}, lambda frames, size, rate, audio: np.allclose(frames[0], frames[-1], atol=8)),
        ({"silent": True}, lambda frames, size, rate, audio: not audio),
    ],
    ids=["shorter", "faster", "square", "black", "swapped", "frozen", "silent"],
)
def test_a_clip_can_be_odd(sim, client, change, holds):
    sim.script.prediction("google/veo-3.1-fast", script.odd_media(**change))
    given = {"image": upload(client, photo(RED)), "last_frame": upload(client, photo(BLUE)), "duration": 4}
    assert holds(*watched(run(sim, client, "google/veo-3.1-fast", prompt="x", **given)["output"]))


def test_musicgen_returns_the_slice_and_then_what_is_new(sim, client):
    before = tune("before", 6, 48_000, 2)
    given = {"input_audio": upload(client, wav(before, 48_000), "score.wav", "audio/wav"), "continuation": True}
    prediction = run(sim, client, "meta/musicgen", prompt="strings", duration=4, continuation_start=2, **given)
    heard = sound(PLAIN.get(prediction["output"]).content, MUSICGEN_HZ, 2)
    assert len(heard) == pytest.approx((4 + 4) * MUSICGEN_HZ, abs=50)
    sliced = sound(wav(before, 48_000), MUSICGEN_HZ, 2)[2 * MUSICGEN_HZ :]
    likeness = np.corrcoef(heard[: len(sliced), 0], sliced[:, 0])[0, 1]
    assert likeness > 0.98
    assert not np.allclose(np.abs(heard[: len(sliced)]).max(), np.abs(sliced).max(), rtol=0.01)
    assert prediction["output"].endswith("/out.wav")
    assert [*prediction["metrics"]] == ["predict_time"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"continuation": True, "duration": 25, "slice_s": 6},
            "duration + continuation duration must be <= 30 seconds",
        ),
        ({"continuation": True, "duration": 4}, "Must provide `input_audio` if continuation is `True`."),
        ({"prompt": None, "duration": 4}, "Must provide either prompt or input_audio"),
        ({"model_version": "stereo-large", "slice_s": 2, "duration": 4}, "Only melody models"),
    ],
)
def test_musicgen_fails_by_its_own_rules(sim, client, given, words):
    given = {"prompt": "strings", **given}
    if slice_s := given.pop("slice_s", 0):
        given["input_audio"] = upload(client, wav(tune("x", slice_s, 32_000, 2), 32_000), "s.wav", "audio/wav")
    given = {name: value for name, value in given.items() if value is not None}
    prediction = run(sim, client, "meta/musicgen", **given)
    assert (prediction["status"], prediction["output"]) == ("failed", None)
    assert words in prediction["error"]


def test_riffusion_gives_an_object_of_two_files(sim, client):
    output = run(sim, client, "riffusion/riffusion", prompt_a="calm piano")["output"]
    assert output["audio"].endswith("gen_sound.wav")
    assert output["spectrogram"].endswith("spectrogram.jpg")
    assert len(sound(PLAIN.get(output["audio"]).content, 44_100, 1)) / 44_100 == pytest.approx(5.1, abs=0.1)


def test_nano_banana_widens_a_portrait_and_keeps_it_in_the_middle(sim, client):
    url = upload(client, photo(RED, 600, 900))
    output = run(sim, client, "google/nano-banana", prompt="extend", image_input=[url], aspect_ratio="16:9")["output"]
    picture = cv2.imdecode(np.frombuffer(PLAIN.get(output).content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1] / picture.shape[0] == pytest.approx(16 / 9, abs=0.01)
    assert np.allclose(picture[picture.shape[0] // 2, picture.shape[1] // 2], RED, atol=8)


@pytest.mark.parametrize("model", ["stability-ai/stable-audio-2.5", "google/lyria-2", "elevenlabs/music"])
def test_the_other_score_models_give_music(sim, client, model):
    more = {"duration": 4} if "stable" in model else {}
    prediction = run(sim, client, model, prompt="strings", **more)
    assert len(sound(PLAIN.get(prediction["output"]).content, 48_000, 2)) > 48_000
