"""The upper end of an estimate holds whatever goes wrong: every take, every retry that is paid, every fallback.

Belongs here: the estimate of a whole film against what the worst luck makes its engines pay; whose choices it is made
from.
Does not belong here: single engines' estimates (``providers/``), a film against simulated vendors
(``test_hosted_film.py``).

The engines, their chains and the ledger are the real ones. What vendors answer, and whether a clip passes its gate, is
luck; each request that is charged is charged at its reservation.
"""

import asyncio
import shutil
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from luxvid_pipeline import estimates
from luxvid_pipeline.assets.costs import DirectedListing
from luxvid_pipeline.assets.score import ScoreStages
from luxvid_pipeline.domain.errors import InvalidRequestError, LuxVidError, MediaError
from luxvid_pipeline.domain.listing import parse_manifest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.domain.pricing import PRICES, Unit, hardware_price
from luxvid_pipeline.domain.scenes import SCENE_KEYS, scene
from luxvid_pipeline.media.conform import Conformed
from luxvid_pipeline.providers import takes
from luxvid_pipeline.providers.chains import composers_of
from luxvid_pipeline.providers.local.camera import LocalCamera
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.providers.replicate import clips, images, photos, score
from luxvid_pipeline.providers.replicate.client import Patience, Prediction
from luxvid_pipeline.providers.replicate.models import VIDEO_MODELS
from luxvid_pipeline.providers.replicate.predictions import Desk
from luxvid_pipeline.providers.vision import client, wire
from luxvid_pipeline.providers.vision.failures import CUT_OFF, NO_JSON, NOT_HEARD, REFUSED
from luxvid_pipeline.providers.vision.tagger import AVOID, FEATURES
from luxvid_pipeline.providers.vision.wire import Reply
from luxvid_pipeline.resources.engines import engine_for
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.drawn import scenery
from luxvid_pipeline_tests.imagined import photo
from luxvid_pipeline_tests.providers.test_takes import BENT, GOOD

pytestmark = pytest.mark.usefixtures("quick_ledger")

KEYS = {"REPLICATE_API_TOKEN": "r8_key", "XAI_API_KEY": "xai-key", "OPENAI_API_KEY": "sk-key"}
LISTING = "villa-test"
TALKERS = [model for model, price in PRICES.items() if price.unit is Unit.TOKEN]
STAGES = {
    "tagger": TALKERS,
    "writer": TALKERS,
    "selector": TALKERS,
    "clips": list(VIDEO_MODELS),
    "score": ["meta/musicgen", "meta/musicgen:single", "riffusion/riffusion"],
}


@pytest.fixture(scope="module", autouse=True)
def _each_photo_is_framed_once():
    """All worlds have the same few photos, each a single tone: in memory they are small."""
    with patch.object(photos, "_KEPT", 200):
        yield


class WorstLuck:
    """Every try is charged and fails, but for the last one, which brings something useless."""

    def prediction(self, tries, *, by_time, is_last):
        if not by_time:
            return "made"  # A take that fails its gate is dearer than one that fails: others follow it.
        return "made" if tries == Patience().tries and not is_last else "interrupted"

    def answer(self, tries):
        return Reply(value={}) if tries == client.Patience().tries else Reply(failure=NOT_HEARD)

    def measures(self):
        return BENT


class Outages(WorstLuck):
    """The vendor charges, fails, and asks to be asked again, whatever it makes."""

    def prediction(self, tries, *, by_time, is_last):
        return "made" if tries == Patience().tries else "interrupted"


class AnyLuck:
    """Whatever may happen; everything is charged. Asked from many threads, so Hypothesis draws its seed alone."""

    def __init__(self, chance):
        self.chance = chance

    def prediction(self, tries, *, by_time, is_last):
        return self.chance.choice(["made", "made", "made", "interrupted", "refused", "cancelled"])

    def answer(self, tries):
        failure = self.chance.choice([None, None, NOT_HEARD, CUT_OFF, NO_JSON, REFUSED])
        return Reply(value={} if failure is None else None, failure=failure)

    def measures(self):
        return self.chance.choice([GOOD, BENT])


class UnluckyApi:
    """Replicate as the engines use it, with no network: what becomes of a prediction is luck."""

    patience = Patience()
    clock_ahead_s = 0.0

    def __init__(self, luck):
        self._luck = luck
        self._tries = {}
        self._made = {}
        self.time = SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _s: asyncio.sleep(0))

    @asynccontextmanager
    async def session(self):
        yield self

    async def safely(self, ask, *, deadline_s=None):
        return await ask()

    async def learn_time(self):
        """It is told."""

    async def upload(self, file, content_type):
        return "https://files/one"

    def pause_s(self, tries, failure=None):
        return 0.0

    async def create(self, model, version, asked, *, cancel_after_s):
        key = (model, str(sorted(asked.items(), key=str)))
        self._tries[key] = self._tries.get(key, 0) + 1
        # A score that fails with its last stage is paid for whole, and the next engine begins it again.
        is_last = "last stage" in asked.get("prompt", asked.get("prompt_a", ""))
        fate = self._luck.prediction(self._tries[key], by_time=bool(version), is_last=is_last)
        output = {"audio": "https://made/one"} if "prompt_a" in asked else "https://made/one"
        # No hardware's seconds are told, and the most a clip may be too long: all that was reserved is booked.
        billed = {"video_output_count": 1, "image_output_count": 1}
        if "duration" in asked and not version:
            billed["video_output_duration_seconds"] = float(asked["duration"]) + 0.1
        told = {"model": model, "version": version, "input": asked, "metrics": billed, "started": True}
        ends = {
            "made": {"status": "succeeded", "output": output},
            "interrupted": {"status": "failed", "error": "E001: interrupted"},
            "refused": {"status": "failed", "error": "flagged as sensitive (E005)"},
            "cancelled": {"status": "canceled"},
        }
        made = Prediction(id=f"made-{len(self._made)}", **told, **ends[fate])
        self._made[made.id] = made
        return made

    async def get(self, prediction_id):
        return self._made[prediction_id]

    async def download(self, url, into, *, kinds):
        into.write_bytes(url.encode())


class NoLimits:
    async def wait(self, bucket, *, deadline_s):
        return


class World:
    """A listing of which little is known before hosted engines have looked at it, and its engines."""

    def __init__(self, folder, environment, *, seconds, known, pairs, portraits):
        self.folder = folder
        self.settings = Settings.from_environment({"LUXVID_HOME": str(folder), **KEYS, **environment})
        self.services = PaidServices(self.settings)
        self.manifest = parse_manifest(f"film: {{clip_seconds: {seconds}}}\ngeneration: {{budget_usd: 100000}}")
        self.account = Account(listing=LISTING)
        rooms = [max(scene(key).rooms.items(), key=lambda item: item[1])[0] for key in SCENE_KEYS]
        home = [photo(f"{key}-{end}", room) for key, room in zip(SCENE_KEYS, rooms, strict=True) for end in "ab"]
        self.photos = [self._photo(each.photo_id, at, is_portrait=portraits) for at, each in enumerate(home)]
        self.files = {each.record.photo_id: each.path for each in self.photos}
        # The worst that others may say of the photos: all seven scenes, in as many words as they may.
        self.told = [replace(each, caption="x" * 240, features=FEATURES, avoid=AVOID) for each in home]
        self.known = home[: 2 * known]
        self.is_draft = any(self.settings.engines[stage] != ("local",) for stage in ("tagger", "writer", "selector"))
        self.before = self._directed(self.known, pairs=0)
        self.after = self._directed(self.told, pairs=pairs) if self.is_draft else self.before

    def _photo(self, name, at, *, is_portrait):
        wide, high = (60, 90) if is_portrait else (90, 60)
        path = self.folder / f"{name}.jpg"
        cv2.imwrite(str(path), np.full((high, wide, 3), (15 * at, 140, 170), np.uint8))
        size = {"working_width_px": wide, "working_height_px": high}
        record = PhotoRecord(photo_id=name, file=path.name, original=path.name, bytes=1, verdict=Verdict.KEPT, **size)
        return WorkingPhoto(record=record, path=path)

    def _directed(self, catalogue, *, pairs):
        board = LocalWriter().write(LISTING, self.manifest, catalogue).storyboard
        words = {shot.scene: "the last stage" if shot is board.shots[-1] else shot.scene for shot in board.shots}
        shots = tuple(shot.model_copy(update={"score_prompt": words[shot.scene]}) for shot in board.shots)
        chosen = [
            ScenePair(
                scene=shot.scene,
                first_photo=f"{shot.scene}-a",
                last_photo=f"{shot.scene}-b" if at < pairs else None,
            )
            for at, shot in enumerate(shots)
        ]
        return DirectedListing(
            listing=LISTING,
            manifest=self.manifest,
            photos=self.photos,
            storyboard=board.model_copy(update={"shots": shots}),
            pairs=chosen,
        )

    def estimate(self):
        """The whole estimate, as ``luxvid estimate`` makes it once the listing is read."""
        directed = estimates._Directed(listing=self.before, catalogue=self.known, by="nobody", is_draft=self.is_draft)
        with patch.object(estimates, "_direction", return_value=directed):
            return estimates.estimate(self.folder, self.settings, listing=LISTING, board=SilentBoard())

    def pay(self, luck):
        """Make the film; what it cost, reservations left over included."""
        self.services.__dict__["replicate"] = Desk(
            UnluckyApi(luck), self.services.ledger, self.services.shelf, NoLimits()
        )
        with luck_has_it(luck):
            self._direct()
            self._shoot()
            self._play()
        spent = self.services.ledger.spent(listing=LISTING)
        return spent.cost_usd + spent.reserved_usd

    def _engine(self, stage):
        return engine_for(stage, self.settings, self.services)

    def _direct(self):
        for stage, ask in (
            ("tagger", lambda engine: engine.tag(self.photos, self.manifest, self.account)),
            ("writer", lambda engine: engine.write(LISTING, self.manifest, self.told, self.account)),
            ("selector", lambda engine: engine.select(self.after.storyboard, self.told, self.files, self.account)),
        ):
            if self.settings.engines[stage] != ("local",):
                with suppress(LuxVidError):
                    ask(self._engine(stage))

    def _shoot(self):
        generator = self._engine("clips")

        async def shoot():
            requests = [replace(each, account=self.account) for each in self.after.clip_requests()]
            films = [self.folder / f"{each.shot.scene}.mp4" for each in requests]
            shots = [generator.shoot(each, film) for each, film in zip(requests, films, strict=True)]
            return await asyncio.gather(*shots, return_exceptions=True)

        for outcome in asyncio.run(shoot()):
            if isinstance(outcome, BaseException) and not isinstance(outcome, LuxVidError):
                raise outcome

    def _play(self):
        request = replace(self.after.score(), account=self.account)
        stages = ScoreStages(request, open_media_store(self.settings), SilentBoard())
        stages.play(composers_of(self._engine("score")), Silence())


@contextmanager
def luck_has_it(luck):
    """Let luck answer for the vendors and the gate, and leave out the work that costs time and no money."""
    asked = Counter()

    def send(wire, question, *, by):
        asked[id(wire), str(question.canonical())] += 1
        return luck.answer(asked[id(wire), str(question.canonical())])

    async def nothing(*_args, **_kwargs):
        return None

    async def conformed(_self, _request, _framed, _delivery, into, _window):
        into.write_bytes(b"a clip")
        return Conformed(
            source_width_px=1920,
            source_height_px=1080,
            source_fps=30.0,
            source_seconds=4.0,
            had_sound=False,
            speed=1.0,
            used_from_s=0.0,
            used_to_s=4.0,
            drawn_frames=0,
            first_ssim=1.0,
            last_ssim=None,
            source_first_ssim=None,
            source_last_ssim=None,
        )

    async def broken(*_args):
        raise MediaError("the local camera broke")

    def opened(path):
        made = path.suffix == ".png" or path.name.startswith("result")
        return Image.new("RGB", (160, 90)) if made else Image.open(path).convert("RGB")

    silence = np.zeros((0, 2), np.int32)
    with ExitStack() as patched:
        for target, name, new in (
            (wire.ChatWire, "send", send),
            (client.VisionClient, "_pause", lambda *_args: None),
            (clips, "check_clip", lambda *_args: None),
            (clips.SchemaCheck, "__call__", nothing),
            (clips.ReplicateClips, "_conformed", conformed),
            (images, "_opened", opened),
            (score, "read_flac", lambda _path: silence),
            (score, "read_music", lambda _path: silence),
            (score, "write_flac", lambda _sound, into: into.write_bytes(b"a stage")),
            (score.ReplicateScore, "_joined", lambda *_args: (silence, {})),
            (takes.WithTakes.__init__, "__kwdefaults__", {"measure": lambda *_args: luck.measures()}),
            (LocalCamera, "shoot", broken),
            (LocalComposer, "compose_stage", lambda _self, _request, _stage, _so_far, into: _silent(into)),
        ):
            patched.enter_context(patch.object(target, name, new))
        yield


def _silent(into):
    into.write_bytes(b"nothing")
    return Engine()


class Silence:
    engine = "silence"

    def compose_stage(self, request, stage, so_far, into):
        return _silent(into)


def chains(stage):
    """One engine, or up to three in a row, ``local`` among them."""
    return st.lists(st.sampled_from([*STAGES[stage], "local"]), min_size=1, max_size=3, unique=True).map(",".join)


CHOICES = st.fixed_dictionaries(
    {
        **{f"LUXVID_{stage.upper()}": chains(stage) for stage in STAGES},
        "LUXVID_MAX_TAKES": st.sampled_from(["1", "2", "3"]),
        "LUXVID_IMAGES": st.sampled_from(["", "google/nano-banana"]),
    }
)
EVERYTHING = {
    "LUXVID_TAGGER": "xai/grok-4.3,openai/gpt-5.4-mini",
    "LUXVID_WRITER": "openai/gpt-6-luna,xai/grok-4.7",
    "LUXVID_SELECTOR": "xai/grok-4.3",
    "LUXVID_CLIPS": "wan-video/wan-2.2-i2v-fast,google/veo-3.1,local",
    "LUXVID_SCORE": "riffusion/riffusion,meta/musicgen",
    "LUXVID_MAX_TAKES": "3",
    "LUXVID_IMAGES": "google/nano-banana",
}
USUAL = {"LUXVID_CLIPS": "google/veo-3.1-fast,local", "LUXVID_SCORE": "meta/musicgen"}


def paid_and_estimated(environment, luck, **listing):
    with TemporaryDirectory() as folder:
        world = World(Path(folder), environment, **listing)
        estimate = world.estimate()
        return world.pay(luck), estimate


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    environment=CHOICES,
    seconds=st.sampled_from([2, 4]),
    known=st.integers(1, 7),
    pairs=st.integers(0, 7),
    portraits=st.booleans(),
    chance=st.one_of(st.none(), st.integers(0, 1 << 32)),
)
@example(environment=EVERYTHING, seconds=4, known=2, pairs=7, portraits=True, chance=None)
@example(environment=USUAL, seconds=4, known=7, pairs=0, portraits=False, chance=None)
def test_whatever_goes_wrong_no_more_is_paid_than_the_upper_end(environment, seconds, known, pairs, portraits, chance):
    luck = WorstLuck() if chance is None else AnyLuck(Random(chance))
    try:
        paid_usd, estimate = paid_and_estimated(
            environment, luck, seconds=seconds, known=known, pairs=pairs, portraits=portraits
        )
    except InvalidRequestError:
        return  # No engine of a chain makes clips that long: nothing is estimated, and nothing is begun.
    assert estimate.low_usd <= estimate.expected_usd <= estimate.high_usd
    assert paid_usd <= estimate.high_usd


@pytest.mark.parametrize("most_takes", [1, 2, 3])
def test_the_worst_luck_pays_exactly_the_upper_end_of_clips_and_score(most_takes):
    environment = {**USUAL, "LUXVID_MAX_TAKES": str(most_takes)}
    listing = {"seconds": 4, "known": 7, "pairs": 0, "portraits": False}
    paid_usd, estimate = paid_and_estimated(environment, WorstLuck(), **listing)
    clips_usd, score_usd = 7 * Decimal("0.4"), 7 * hardware_price("meta/musicgen", made_s=4).high_usd
    assert estimate.expected_usd == clips_usd + score_usd
    longer_usd = 7 * Decimal("0.01")  # a frame more than was asked for
    assert paid_usd == estimate.high_usd == most_takes * (clips_usd + longer_usd) + Patience().tries * score_usd


def test_a_failure_that_was_charged_like_a_clip_is_not_bought_again_unasked():
    environment = {"LUXVID_CLIPS": "google/veo-3.1-fast", "LUXVID_MAX_TAKES": "1"}
    paid_usd, estimate = paid_and_estimated(environment, Outages(), seconds=4, known=7, pairs=0, portraits=False)
    assert paid_usd == estimate.high_usd == 7 * Decimal("0.41")


@pytest.fixture
def directed(directed_home, eight_photos, tmp_path):
    """A home in which a listing was directed, its folder, and the environment that asks hosted engines now."""
    shutil.copytree(directed_home / "home", tmp_path / "home")
    folder = shutil.copytree(eight_photos, tmp_path / "villa")
    environment = {"LUXVID_HOME": str(tmp_path / "home"), **KEYS, "LUXVID_TAGGER": "xai/grok-4.3", **USUAL}
    return Settings.from_environment(environment), folder


def _another_photo(folder):
    Image.fromarray(scenery(1200, 800, seed=99)).save(folder / "new.jpg")


def _other_bytes(folder):
    Image.fromarray(scenery(1200, 800, seed=98)).save(min(folder.glob("*.jpg")))


@pytest.mark.parametrize(
    ("change", "is_as_directed"),
    [
        pytest.param(lambda _folder: None, True, id="nothing"),
        pytest.param(lambda folder: (folder / "notes.txt").write_text("for the agent"), True, id="no photo"),
        pytest.param(lambda folder: _say(folder, "generation: {budget_usd: 99}"), True, id="what may be spent"),
        pytest.param(lambda folder: _say(folder, "brief: {goal: sell it to sailors}"), False, id="the brief"),
        pytest.param(_another_photo, False, id="one photo more"),
        pytest.param(lambda folder: min(folder.glob("*.jpg")).unlink(), False, id="one photo less"),
        pytest.param(_other_bytes, False, id="another photo under the same name"),
    ],
)
def test_what_was_directed_before_counts_while_the_folder_is_as_it_was(directed, change, is_as_directed):
    settings, folder = directed
    change(folder)
    found = estimates._direction(folder, settings, LISTING, SilentBoard())
    assert found.is_draft is not is_as_directed
    assert found.by == (
        "what was directed before"
        if is_as_directed
        else "local engines, since photos or listing.yaml have changed since it was directed"
    )


def test_an_estimate_goes_by_the_budget_that_the_folder_names_now(directed):
    settings, folder = directed
    before = estimates.estimate(folder, settings, listing=LISTING, board=SilentBoard())
    _say(folder, "generation: {budget_usd: 2.5}")
    now = estimates.estimate(folder, settings, listing=LISTING, board=SilentBoard())
    assert (before.budget_usd, now.budget_usd) == (10, Decimal("2.5"))
    assert before.expected_usd == now.expected_usd


def _say(folder, line):
    with (folder / "listing.yaml").open("a") as manifest:
        manifest.write(line + "\n")
