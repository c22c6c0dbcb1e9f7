"""A scene shot by a video model becomes a clip of the film, and what it took is told."""

import asyncio
import hashlib
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from cachetools import LRUCache, cached
from PIL import Image

from luxvid_pipeline.domain.errors import InvalidRequestError, MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.providers.chains import ClipChain
from luxvid_pipeline.providers.replicate import photos as photos_as_sent
from luxvid_pipeline.providers.replicate.clips import ReplicateClips
from luxvid_pipeline.providers.replicate.photos import frame_photo
from luxvid_pipeline_tests.providers.replicate.desk import desk_for
from luxvid_pipeline_tests.simulators import ReplicateSimulator, script

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

SMALL = FilmFormat(width_px=320, height_px=180, fps=Fraction(30))
ACCOUNT = Account(listing="villa-aurora", client="Aurora", budget_usd=Decimal(20))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def sim(cache):
    with ReplicateSimulator(picture_scale=0.2, cache=cache, seed=1, speed=0.0001) as simulator:
        yield simulator


def working_photo(path, seed, size=(1200, 800)):
    noise = Image.effect_noise((24, 16), 90 + seed).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    noise.save(path, quality=95)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = PhotoRecord(
        photo_id=digest,
        file=path.name,
        original=path.name,
        bytes=path.stat().st_size,
        working_width_px=size[0],
        working_height_px=size[1],
        verdict=Verdict.KEPT,
        reason="",
    )
    return WorkingPhoto(record=record, path=path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    return [working_photo(folder / f"{number}.jpg", number) for number in range(2)]


def request_for(photos, *, seconds=4.0, account=ACCOUNT):
    shot = Shot(
        scene="1-arrival",
        subject="the pool",
        camera="dolly forward",
        prompt="a slow dolly towards the pool",
        negative_prompt="people",
        score_prompt="sparse",
        seconds=seconds,
    )
    last = photos[1] if len(photos) > 1 else None
    return ClipRequest(listing="villa-aurora", shot=shot, first=photos[0], last=last, format=SMALL, account=account)


def shoot(clips, request, into):
    return asyncio.run(clips.shoot(request, into))


@pytest.mark.parametrize(
    "model",
    [
        "google/veo-3.1-fast",
        "minimax/hailuo-02",
        "bytedance/seedance-1-pro",
        "kwaivgi/kling-v2.1",
        "wan-video/wan-2.2-i2v-fast",
    ],
)
def test_a_pair_becomes_a_silent_clip_in_the_films_format(sim, photos, tmp_path, model):
    clips = ReplicateClips(model, desk_for(sim.base_url, tmp_path))
    request = request_for(photos)
    engine = shoot(clips, request, tmp_path / "clip.mp4")
    facts = probe_video(tmp_path / "clip.mp4")
    assert (facts.frames, facts.fps, facts.width_px, facts.height_px) == (120, 30, 320, 180)
    assert engine.name == model
    assert engine.degraded_reason == ""
    assert engine.paid_calls == 1
    estimate = clips.estimate(request)
    assert float(estimate.low_usd) * 0.9 <= engine.cost_usd <= float(estimate.high_usd)
    assert engine.notes["first_frame_ssim"] > 0.5
    assert engine.notes["last_frame_ssim"] > 0.5
    assert not sim.token_reached_delivery


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_clip_that_a_full_disk_does_not_take_is_not_bought_from_the_next_engine(sim, photos, tmp_path):
    desk, clip = desk_for(sim.base_url, tmp_path), tmp_path / "clip.mp4"
    chain = ClipChain([ReplicateClips(model, desk) for model in ("google/veo-3.1-fast", "minimax/hailuo-02")])
    clip.symlink_to("/dev/full")
    with pytest.raises(MediaError, match="the disk is full"):
        shoot(chain, request_for(photos), clip)
    assert sim.counters()["accepted"] == 1
    assert shoot(chain, request_for(photos), clip).name == "google/veo-3.1-fast"
    assert sim.counters()["accepted"] == 1


def test_a_model_without_last_frame_uses_the_first_photo_and_says_so(sim, photos, tmp_path):
    clips = ReplicateClips("google/veo-3-fast", desk_for(sim.base_url, tmp_path))
    engine = shoot(clips, request_for(photos), tmp_path / "clip.mp4")
    assert "takes no last frame" in engine.degraded_reason
    assert "last_frame_ssim" not in engine.notes
    (create,) = sim.log.entries(event="create")
    assert "last_frame" not in create["json"]["input"]
    assert len(sim.log.entries(event="upload")) == 1


def test_sound_that_comes_all_the_same_is_dropped(sim, photos, tmp_path):
    sim.script.prediction("google/veo-3.1-fast", script.odd_media(silent=False, width=250, height=140, fps=23.976))
    clips = ReplicateClips("google/veo-3.1-fast", desk_for(sim.base_url, tmp_path))
    shoot(clips, request_for(photos[:1]), tmp_path / "clip.mp4")
    assert probe_video(tmp_path / "clip.mp4").frames == 120


def test_the_second_time_nothing_is_sent(sim, photos, tmp_path):
    desk = desk_for(sim.base_url, tmp_path)
    request = request_for(photos[:1])
    shoot(ReplicateClips("google/veo-3.1-fast", desk), request, tmp_path / "one.mp4")
    seen = len(sim.log.entries())
    engine = shoot(ReplicateClips("google/veo-3.1-fast", desk), request, tmp_path / "two.mp4")
    assert len(sim.log.entries()) == seen
    assert (engine.cost_usd, engine.paid_calls) == (0.0, 0)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_the_ledger_can_be_asked_before_anything_is_sent(sim, photos, tmp_path):
    desk = desk_for(sim.base_url, tmp_path)
    clips = ReplicateClips("google/veo-3.1-fast", desk)
    request = request_for(photos[:1])
    assert desk.ledger.payment(clips.paid_request(request).key) is None
    shoot(clips, request, tmp_path / "one.mp4")
    assert desk.ledger.payment(clips.paid_request(request).key).cost_usd == Decimal("0.4")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"remove": ["last_frame"]}, "no field 'last_frame'", id="the-last-frame-is-gone"),
        pytest.param({"rename": {"image": "start_image"}}, "no field 'image'", id="a-field-was-renamed"),
        pytest.param({"change": {"duration": {"enum": [5, 10]}}}, "no longer takes 8", id="other-lengths"),
    ],
)
def test_a_changed_schema_stops_before_the_first_paid_call(sim, photos, tmp_path, change, words):
    sim.change_schema("google/veo-3.1-fast", **change)
    desk = desk_for(sim.base_url, tmp_path)
    clips = ReplicateClips("google/veo-3.1-fast", desk)
    request = request_for(photos)
    with pytest.raises(InvalidRequestError, match=words):
        shoot(clips, request, tmp_path / "clip.mp4")
    assert sim.log.entries(event="create") == []
    assert desk.ledger.payment(clips.paid_request(request).key) is None


def test_a_schema_is_looked_at_once_for_all_scenes(sim, photos, tmp_path):
    clips = ReplicateClips("google/veo-3.1-fast", desk_for(sim.base_url, tmp_path))
    shoot(clips, request_for(photos[:1]), tmp_path / "one.mp4")
    shoot(clips, request_for(photos[1:]), tmp_path / "two.mp4")
    assert len(sim.log.entries(event="model")) == 1


def test_without_somebody_who_pays_nothing_is_sent(sim, photos, tmp_path):
    clips = ReplicateClips("google/veo-3.1-fast", desk_for(sim.base_url, tmp_path))
    with pytest.raises(InvalidRequestError, match="nobody is named who pays"):
        shoot(clips, request_for(photos, account=None), tmp_path / "clip.mp4")
    assert sim.log.entries() == []


@pytest.mark.parametrize("size", [(1200, 800), (800, 1200), (1600, 900), (3000, 900)])
def test_photos_are_sent_in_the_size_that_is_rendered(tmp_path, size):
    photo = working_photo(tmp_path / "photo.jpg", 3, size)
    digest = frame_photo(photo.path, (1280, 720), tmp_path / "framed.jpg")
    with Image.open(tmp_path / "framed.jpg") as framed:
        assert framed.size == (1280, 720)
    photos_as_sent._framed.cache.clear()
    assert frame_photo(photo.path, (1280, 720), tmp_path / "again.jpg") == digest


def test_a_photo_is_framed_once_for_each_size_and_again_once_it_is_another(tmp_path, monkeypatch):
    made = []

    def framed(original, size_px):
        made.append(size_px)
        return _framed(original, size_px)

    _framed = photos_as_sent._framed.__wrapped__
    monkeypatch.setattr(photos_as_sent, "_framed", cached(LRUCache(2), key=photos_as_sent._asked)(framed))
    photo, into = working_photo(tmp_path / "photo.jpg", 3, (600, 400)).path, tmp_path / "framed.jpg"
    small, large = (160, 90), (320, 180)
    original = photo.read_bytes()
    digests = [frame_photo(photo, size, into) for size in (small, large, small, large)]
    assert made == [small, large]
    assert digests[:2] == digests[2:]
    assert hashlib.sha256(into.read_bytes()).hexdigest() == digests[-1]
    working_photo(photo, 4, (600, 400))
    assert frame_photo(photo, large, into) != digests[1]
    assert made == [small, large, large]
    # No more are kept than a film needs: the one that nobody asked for longest has gone.
    photo.write_bytes(original)
    assert frame_photo(photo, large, into) == digests[1]
    assert frame_photo(photo, small, into) == digests[0]
    assert made == [small, large, large, small]
