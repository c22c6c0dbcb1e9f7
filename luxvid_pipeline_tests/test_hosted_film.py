"""A whole film by hosted engines, against simulated vendors: what it costs is known before, paid once, told afterwards.

Belongs here: claims about a render from photos to film with paid engines.
Does not belong here: single engines (``providers/``), the ledger alone (``ledger/``), kills (``benchmarks/crash.py``).
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from luxvid_pipeline.domain.errors import BudgetExceededError
from luxvid_pipeline.domain.pricing import billed_hardware, billed_video
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.estimates import estimate
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.local_runs import open_instance, render
from luxvid_pipeline.media import encode
from luxvid_pipeline.media.film import inspect_film
from luxvid_pipeline.media.loudness import SILENCE_LUFS
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.conftest import LOOKS_FOR_LESS
from luxvid_pipeline_tests.simulators import LanguageModelSimulator, ReplicateSimulator, script
from luxvid_pipeline_tests.studio import draw_photos

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

VEO, MUSICGEN = "google/veo-3.1-fast", "meta/musicgen"
KEYS = {
    "REPLICATE_API_TOKEN": "r8_Sekr3tOfTheVideos",
    "XAI_API_KEY": "xai-Sekr3tOfTheEyes",
    "OPENAI_API_KEY": "sk-Sekr3tOfTheWords",
}
DIRECTORS = {
    "LUXVID_TAGGER": "xai/grok-4.3",
    "LUXVID_WRITER": "openai/gpt-6-luna",
    "LUXVID_SELECTOR": "xai/grok-4.3",
}
ROOMS = ("aerial", "pool", "bedroom", "bathroom", "bathtub_shower", "living", "living", "dining", "terrace", "garden")
SPEED = 0.004
ROOT = Path(__file__).parents[1]


def listing(folder, rooms, *, budget_usd=100.0):
    """A listing of drawn photos, one a room, named in the manifest."""
    draw_photos(folder, len(rooms), grain=22)
    photos = [f"  - {{file: IMG_{number:04}.jpg, room: {room}}}" for number, room in enumerate(rooms)]
    manifest = [
        "listing: villa-test",
        "film: {clip_seconds: 2}",
        f"generation: {{budget_usd: {budget_usd}}}",
        "photos:",
    ]
    (folder / "listing.yaml").write_text("\n".join([*manifest, *photos]) + "\n")
    return folder


class Vendors:
    """Three vendors, and the settings of whoever buys from them."""

    def __init__(self, replicate, xai, openai):
        self.replicate, self.xai, self.openai = replicate, xai, openai

    def settings(self, home, **engines):
        addresses = {
            "REPLICATE_BASE_URL": self.replicate.base_url,
            "XAI_BASE_URL": self.xai.base_url,
            "OPENAI_BASE_URL": self.openai.base_url,
        }
        return Settings.from_environment({"LUXVID_HOME": str(home), **KEYS, **addresses, **engines})

    @property
    def paid(self):
        """Everything that has to be paid: predictions, and questions that were answered."""
        answers = sum(vendor.counters().get("accepted", 0) for vendor in (self.xai, self.openai))
        return self.replicate.counters()["accepted"] + answers

    @property
    def bill_usd(self):
        """What each vendor says it costs: metrics at the listed prices, and the language models' own figures."""
        total = Decimal(0)
        for prediction in self.replicate.accepted:
            if prediction.card.name == MUSICGEN:
                total += billed_hardware(MUSICGEN, prediction.metrics)
            elif prediction.status == "succeeded":
                given = prediction.given
                total += billed_video(
                    prediction.card.name,
                    metrics=prediction.metrics,
                    resolution=given["resolution"],
                    audio=False,
                    asked_seconds=given["duration"],
                )
        answers = {name: vars(self)[name].counters().get("cost_usd", 0.0) for name in ("xai", "openai")}
        return {"replicate": float(total), **answers}


@contextmanager
def open_vendors(cache):
    with (
        ReplicateSimulator(speed=SPEED, picture_scale=0.25, cache=cache) as replicate,
        LanguageModelSimulator("xai", speed=SPEED) as xai,
        LanguageModelSimulator("openai", speed=SPEED) as openai,
    ):
        yield Vendors(replicate, xai, openai)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def vendors(cache, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "set by the instance; put back after the test")
    with open_vendors(cache) as opened:
        yield opened


class Hosted:
    """A film of seven scenes, made by hosted engines alone."""

    def __init__(self, vendors, folder, settings, expected, film, paid, bill_usd):
        self.vendors, self.folder, self.settings = vendors, folder, settings
        self.expected, self.film, self.paid, self.bill_usd = expected, film, paid, bill_usd

    @property
    def ledger(self):
        return SqlLedger(self.settings.database_url)


@pytest.fixture(scope="module")
def hosted(cache, tmp_path_factory):
    base = tmp_path_factory.mktemp("hosted")
    with pytest.MonkeyPatch.context() as patch, open_vendors(cache) as vendors:
        patch.setenv("DAGSTER_HOME", "set by the instance; put back after the test")
        folder = listing(base / "villa", ROOMS)
        settings = vendors.settings(base / "home", LUXVID_CLIPS=VEO, LUXVID_SCORE=MUSICGEN, **DIRECTORS)
        expected = estimate(folder, settings, board=SilentBoard())
        assert vendors.paid == 0, "an estimate asks nobody"
        vendors.replicate.script.on("create", script.delay(0.4), nth=1, model=VEO)
        film = render(folder, settings, board=SilentBoard())
        yield Hosted(vendors, folder, settings, expected, film, vendors.paid, vendors.bill_usd)


def test_seven_scenes_are_shot_by_the_engines_that_were_asked_for(hosted):
    assert hosted.film.scenes == SCENE_KEYS
    assert hosted.film.degraded_reason == ""
    assert inspect_film(hosted.film.film).duration_s == pytest.approx(14.0, abs=0.1)


def test_each_request_is_paid_once_at_the_price_that_ledger_vendor_and_events_agree_on(hosted):
    rows = hosted.ledger.rows()
    assert {row.payment.state.value for row in rows} == {"delivered"}
    assert len(rows) == hosted.paid == hosted.film.paid_calls
    spent = hosted.ledger.spent(listing="villa-test")
    assert spent.reserved_usd == 0
    assert float(spent.cost_usd) == pytest.approx(hosted.film.cost_usd, abs=1e-9)
    booked = Counter()
    for row in rows:
        booked[row.payment.vendor] += float(row.payment.cost_usd)
    assert booked["replicate"] == pytest.approx(hosted.bill_usd["replicate"], abs=1e-9)
    assert booked["xai"] == pytest.approx(hosted.bill_usd["xai"], abs=1e-9)
    # OpenAI says tokens and no price; those that may have been written into its cache are booked at a quarter more.
    assert hosted.bill_usd["openai"] <= booked["openai"] <= 1.25 * hosted.bill_usd["openai"]


def test_an_estimate_is_never_less_than_what_is_paid(hosted):
    estimate, paid_usd = hosted.expected, Decimal(str(hosted.film.cost_usd))
    assert 0 < estimate.low_usd <= estimate.expected_usd
    assert paid_usd <= estimate.high_usd
    # Not by luck: it holds a second take of every scene, whichever scenes needed one.
    assert estimate.high_usd - estimate.expected_usd >= sum(
        line.expected_usd for line in estimate.lines if line.stage == "clips"
    )


def test_the_first_clip_goes_alone_and_the_others_once_it_is_accepted(hosted):
    first, *others = hosted.vendors.replicate.log.entries(event="create", model=VEO)
    assert len(others) == 6
    # Its answer was held back for 0.4 s.
    assert min(create["at"] for create in others) >= first["at"] + 0.4


def test_the_score_is_played_while_the_clips_are_shot(hosted):
    log = hosted.vendors.replicate.log
    first_stage = log.entries(event="create", model=MUSICGEN)[0]["at"]
    last_clip = max(entry["at"] for entry in log.entries(event="get", model=VEO))
    assert first_stage < last_clip


def test_the_ledgers_rows_name_the_run_that_shows_them(hosted):
    clips_or_score = [row.payment.account for row in hosted.ledger.rows() if row.payment.vendor == "replicate"]
    assert {account.run_id for account in clips_or_score} < set(hosted.film.runs)
    assert {account.stage for account in clips_or_score} == {"clips", "score"}
    with open_instance(hosted.settings) as instance:
        score_run = next(account.run_id for account in clips_or_score if account.stage == "score")
        assert instance.get_run_by_id(score_run).job_name == "score_listing_job"
        scored = instance.get_latest_materialization_event(dg.AssetKey("soundtrack"))
        metadata = {name: value.value for name, value in scored.asset_materialization.metadata.items()}
    assert (metadata["engine"], metadata["paid_calls"], metadata["stages_made"]) == (MUSICGEN, 7, 7)
    assert metadata["cost_usd"] > 0


def test_no_key_is_written_anywhere(hosted):
    files = [path for path in Path(hosted.settings.home).rglob("*") if path.is_file()]
    assert {"ledger.db"} < {path.name for path in files}
    kept = [(path, key) for path in files for key in KEYS.values() if key.encode() in path.read_bytes()]
    assert kept == []


def test_a_second_render_pays_nothing_and_gives_the_same_film(hosted):
    before = hosted.film.film.read_bytes()
    again = render(hosted.folder, hosted.settings, board=SilentBoard())
    assert (again.cost_usd, again.paid_calls) == (0.0, 0)
    assert hosted.vendors.paid == hosted.paid
    assert again.film.read_bytes() == before


def test_a_budget_too_small_stops_before_anything_is_sent_and_says_the_numbers(vendors, tmp_path):
    folder = listing(tmp_path / "villa", ("pool", "bedroom"), budget_usd=0.05)
    settings = vendors.settings(tmp_path / "home", LUXVID_CLIPS=f"{VEO},local", LUXVID_SCORE="local")
    with pytest.raises(BudgetExceededError, match=r"listing villa-test.*\$0\.05") as stopped:
        render(folder, settings, board=SilentBoard())
    assert stopped.value.exit_code == 3
    assert vendors.paid == 0
    assert SqlLedger(settings.database_url).spent().reserved_usd == 0


@pytest.fixture
def as_many_bits_as_it_needs(monkeypatch):
    """A clip of these photos is then above the ceiling and encoded twice, and joined with one that is not."""
    monkeypatch.setattr(encode, "_SPENT_WELL", LOOKS_FOR_LESS)


@pytest.mark.usefixtures("as_many_bits_as_it_needs")
def test_a_chain_goes_on_where_one_engine_refuses_and_says_so(vendors, tmp_path):
    vendors.replicate.script.prediction(VEO, script.fail(script.E005), times=1)
    vendors.replicate.script.prediction(MUSICGEN, script.fail(script.E005), nth=2)
    folder = listing(tmp_path / "villa", ("pool", "bedroom"))
    settings = vendors.settings(tmp_path / "home", LUXVID_CLIPS=f"{VEO},local", LUXVID_SCORE=f"{MUSICGEN},local")
    film = render(folder, settings, board=SilentBoard())
    assert re.search(rf"\d-\w+: {VEO} refused the content", film.degraded_reason), "and names the scene"
    assert f"{MUSICGEN} refused the content" in film.degraded_reason
    assert "made by local instead" in film.degraded_reason
    rows = SqlLedger(settings.database_url).rows(latest=False)
    assert sum(float(row.payment.cost_usd) for row in rows) == pytest.approx(vendors.bill_usd["replicate"], abs=1e-9)
    charged_for_nothing = [row for row in rows if row.payment.state.value == "failed" and row.payment.cost_usd]
    assert charged_for_nothing, "a stage that failed after it had run is billed by its seconds"
    assert film.cost_usd == pytest.approx(vendors.bill_usd["replicate"], abs=1e-9)
    with open_instance(settings) as instance:
        made = instance.get_latest_materialization_event(dg.AssetKey("property_video")).asset_materialization
    assert made.metadata["film_cost_usd"].value == pytest.approx(film.cost_usd, abs=1e-9)
    assert inspect_film(film.film).integrated_lufs == pytest.approx(-14, abs=1)

    # The same listing for an operator who prefers silence to another engine's music.

    silent = replace(settings, engines={**settings.engines, "score": ("riffusion/riffusion", "silence")})
    vendors.replicate.script.prediction("riffusion/riffusion", script.fail(script.E005), times=None)
    accepted_clips = len(vendors.replicate.log.entries(event="create", model=VEO))
    quiet = render(folder, silent, board=SilentBoard())
    assert "made by silence instead" in quiet.degraded_reason
    assert inspect_film(quiet.film).integrated_lufs <= SILENCE_LUFS
    assert len(vendors.replicate.log.entries(event="create", model=VEO)) == accepted_clips, "clips are kept"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_an_ended_render_cancels_clips_and_score_and_goes_on_later(vendors, tmp_path, how):
    vendors.replicate.script.prediction(VEO, script.hold(), times=None)
    vendors.replicate.script.prediction(MUSICGEN, script.hold(), times=None)
    folder = listing(tmp_path / "villa", ("pool", "bedroom"))
    settings = vendors.settings(tmp_path / "home", LUXVID_CLIPS=VEO, LUXVID_SCORE=MUSICGEN)
    environment = {
        "PATH": os.environ["PATH"],
        "LUXVID_HOME": str(settings.home),
        "LUXVID_CLIPS": VEO,
        "LUXVID_SCORE": MUSICGEN,
        "REPLICATE_API_TOKEN": KEYS["REPLICATE_API_TOKEN"],
        "REPLICATE_BASE_URL": vendors.replicate.base_url,
    }
    command = [sys.executable, "-m", "luxvid_pipeline.cli", "render", str(folder)]
    render_ = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with render_:
        deadline = time.monotonic() + 120
        while {prediction.card.name for prediction in vendors.replicate.accepted} < {VEO, MUSICGEN}:
            assert render_.poll() is None, render_.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        render_.send_signal(how)
        _, said = render_.communicate(timeout=60)
    assert render_.returncode == 130, said
    rows = SqlLedger(settings.database_url).rows()
    ends = {(prediction.card.name, prediction.status) for prediction in vendors.replicate.accepted}
    assert {status for _, status in ends} <= {"canceled", "aborted"}, (ends, [row.payment for row in rows], said)
    assert [row.payment.state.value for row in rows if not row.may_retry] == []
    assert sum(row.payment.reserved_usd for row in rows) == 0
