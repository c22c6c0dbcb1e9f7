"""What a listing's review is gathered from: its store, its runs, its ledger."""

import json
import re
import shutil
from contextlib import nullcontext
from decimal import Decimal
from pathlib import PurePosixPath

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from typer.testing import CliRunner

from luxvid_pipeline.cli import app
from luxvid_pipeline.domain.approvals import ApprovalState, Verdict
from luxvid_pipeline.domain.errors import DamagedMediaError, InputError, StorageError
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.resources.approvals import ListingApprovals, opened_approvals
from luxvid_pipeline.review import _package_group, review_on
from luxvid_pipeline.review_page import page
from luxvid_pipeline_tests.conftest import open_studio

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shot_home, ready_clip):
    """A studio with a film, for all tests that only look at it."""
    base = tmp_path_factory.mktemp("finished") / "studio"
    shutil.copytree(shot_home, base)
    studio = open_studio(base, ready_clip)
    with studio.instance:
        studio.assemble()
        yield studio


def gather(studio):
    return review_on(studio.instance, studio.settings, studio.listing)


def test_a_finished_listing_is_gathered_with_its_film_its_checks_and_its_scenes(finished, tmp_path):
    found = gather(finished)
    assert [each.key for each in found.scenes] == list(SCENE_KEYS)
    assert [each.starts_s for each in found.scenes] == [2.0 * place for place in range(7)]
    assert found.film is not None
    assert found.film.facts.duration_s == 14
    small = tmp_path / "small.mp4"
    small.write_bytes(found.film.small)
    facts = probe_video(small)
    assert (facts.height_px, facts.duration_s) == (720, 14)
    by_name = {check.name: check for check in found.checks}
    assert by_name["film_is_as_long_as_its_scenes"].passed
    assert by_name["film_is_as_long_as_its_scenes"].figures["planned_s"] == 14
    clips = [check for check in found.checks if check.name == "clip_is_true_to_its_photos"]
    assert [check.scene for check in clips] == [each.title for each in found.scenes]
    assert all(len(each.likeness) == 1 and each.verdict and "score" in each.measures for each in found.scenes)
    assert found.score is not None
    assert len(found.score.peaks) == 280
    assert max(found.score.peaks) > 0.05
    assert {"film.mp4", "score.flac"} <= {file.name for file in found.downloads}
    assert found.cost_usd == 0
    assert found.warnings == found.disclosures == ()


def test_the_same_listing_gives_the_same_review_and_the_small_film_is_made_once(finished, monkeypatch):
    first = gather(finished)
    monkeypatch.setattr("luxvid_pipeline.review.run_ffmpeg", None)  # nobody needs it a second time
    assert gather(finished) == first


def test_a_listing_without_a_film_shows_its_plan(directed):
    found = gather(directed)
    assert found.film is None
    assert len(found.scenes) == 7
    assert all(each.engine == "" and each.frame is None for each in found.scenes)
    assert found.approval.state is ApprovalState.NOT_NEEDED


def test_a_clip_of_other_photos_than_chosen_now_is_said(shot):
    key = "scene_clips/villa-test/2-bedroom.mp4"
    stored = shot.store.find(key)
    record = shot.store.workshop(f"{key}.json")
    values = json.loads(record.read_text())
    values["facts"]["first_photo"] = "another"
    record.write_text(json.dumps(values))
    assert stored is not None
    assert any("other photos than those chosen now" in told for told in gather(shot).warnings)


def test_takes_are_read_from_the_clips_record(shot):
    record = shot.store.workshop("scene_clips/villa-test/1-arrival.mp4.json")
    values = json.loads(record.read_text())
    values["facts"]["takes"] = [
        {"take": 1, "engine": "x/y", "seed": 5, "cost_usd": 0.3, "passed": False, "told": "its last 1.2 s stand still"},
        {"take": 2, "engine": "x/y", "seed": 6, "cost_usd": 0.3, "chosen": True, "measures": {"first_ssim": 0.9}},
    ]
    record.write_text(json.dumps(values))
    first, second = gather(shot).scenes[0].takes
    assert (first.chosen, first.verdict) == (False, "its last 1.2 s stand still")
    assert (second.chosen, second.verdict, second.measures) == (
        True,
        "passed",
        {"likeness to the first photo": 0.9},
    )


def test_decisions_are_shown_with_the_state_of_the_plan_as_it_is_now(directed):
    kept = SqlApprovals(directed.settings.database_url)
    approvals = ListingApprovals(directed.settings, directed.store, kept)
    money = (Decimal("1.00"), Decimal("2.00"))
    approvals.decide("villa-test", Verdict.REJECTED, by="Ada", estimate_usd=money, because="too dark")
    kept.close()
    found = gather(directed)
    assert [(each.by, each.because) for each in found.approval.decisions] == [("Ada", "too dark")]
    assert found.approval.state is ApprovalState.NOT_NEEDED


def test_the_page_names_the_plan_it_shows(directed):
    directed.environment["LUXVID_APPROVAL"] = "required"
    found = gather(directed)
    assert found.approval.state is ApprovalState.MISSING
    assert f"luxvid approve villa-test --plan {found.approval.plan}<" in page(found)
    with opened_approvals(directed.settings) as approvals:
        approvals.required_plan("villa-test").check_is(found.approval.plan)


def test_an_unknown_listing_is_told_with_those_there_are(studio):
    with pytest.raises(InputError, match="no listing 'nobody'; known: villa-test"):
        review_on(studio.instance, studio.settings, "nobody")
    with pytest.raises(InputError, match="not been chosen yet"):
        gather(studio)


def test_checks_of_another_listing_in_the_same_run_are_left_away(finished):
    run = finished.instance.get_runs(limit=1)[0]
    for name, partition in (("strange", "villa-other"), ("own", "villa-test")):
        said = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("property_video"), check_name=name, passed=False, partition=partition
        )
        event = DagsterEvent(DagsterEventType.ASSET_CHECK_EVALUATION.value, run.job_name, event_specific_data=said)
        finished.instance.report_dagster_event(event, run.run_id)
    names = {check.name for check in gather(finished).checks}
    assert "own" in names
    assert "strange" not in names


def test_a_damaged_film_is_told_and_not_shown(finished):
    film = finished.store.workshop("property_video/villa-test/film.mp4")
    whole = film.read_bytes()
    film.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    try:
        with pytest.raises(DamagedMediaError, match="run the asset property_video again"):
            gather(finished)
    finally:
        film.write_bytes(whole)


@pytest.fixture
def command(finished, monkeypatch):
    """``luxvid`` in this process, on the finished studio."""
    monkeypatch.setenv("LUXVID_HOME", str(finished.home))
    monkeypatch.setattr("luxvid_pipeline.review.open_instance", lambda _: nullcontext(finished.instance))
    return lambda *arguments: CliRunner().invoke(app, ["review", *map(str, arguments)])


def test_the_command_writes_one_file_and_says_where(command, finished, tmp_path):
    said = command("villa-test", "--out", tmp_path / "pages" / "villa.html")
    assert said.exit_code == 0, said.output
    assert re.search(r"villa\.html  \(\d+\.\d MB\)", said.output)
    html = (tmp_path / "pages" / "villa.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert html.count('class="card"') == 7
    link = re.search(r'href="([^"]*film\.mp4)"', html)
    assert link is not None
    assert (tmp_path / "pages" / link[1]).resolve() == finished.store.workshop("property_video/villa-test/film.mp4")
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["villa.html"]


def test_the_command_writes_into_the_home_by_default_and_tells_programs_what_it_wrote(command, finished):
    told = json.loads(command("villa-test", "--json").output)
    page = finished.home / "reviews" / "villa-test.html"
    assert (told["page"], told["film"], told["scenes"]) == (str(page), True, list(SCENE_KEYS))
    assert page.stat().st_size == told["bytes"]


@pytest.mark.parametrize("arguments", [("nobody",), ("Not A Key",)])
def test_the_command_refuses_what_it_does_not_know(command, arguments):
    said = command(*arguments)
    assert isinstance(said.exception, InputError)
    assert said.exception.exit_code == 2


def test_the_command_wants_a_file_and_not_a_directory(command, tmp_path):
    said = command("villa-test", "--out", tmp_path)
    assert said.exit_code == 2
    assert "is a directory" in said.output


def test_a_page_that_cannot_be_written_is_told(command, finished, tmp_path, monkeypatch):
    found = gather(finished)
    monkeypatch.setattr("luxvid_pipeline.review.review", lambda *_: found)
    (tmp_path / "file").write_text("in the way")
    said = command("villa-test", "--out", tmp_path / "file" / "page.html")
    assert isinstance(said.exception, StorageError)
    assert "could not be written" in str(said.exception)


@pytest.mark.parametrize(
    ("file", "group"),
    [
        ("villa_28s_16x9_unbranded_1080p.mp4", "2 Unbranded films"),
        ("villa_33s_16x9_branded_1080p.mp4", "1 Branded films"),
        ("villa_33s_16x9_branded_hls/master.m3u8", "3 Streams"),
        ("villa_33s_16x9_branded_hls/480p.mp4", ""),
        ("villa_teaser_6s_16x9.mp4", "4 Posters and teaser"),
        ("villa_poster_9x16.jpg", "4 Posters and teaser"),
        ("clips/1-arrival.mp4", "5 Clips and score"),
        ("manifest.json", "6 Proof and disclosure"),
        ("disclosure/index.html", "6 Proof and disclosure"),
        ("parts/1-arrival_16x9_1080p.mp4", ""),
        ("package.json", ""),
    ],
)
def test_a_packages_files_are_listed_where_people_look_for_them(file, group):
    assert _package_group(PurePosixPath(file)) == group
