"""What `luxvid status` reads of a listing: what is under way, what waits for whom, what is still on its way in."""

import shutil
import socket
import subprocess
from contextlib import nullcontext

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from luxvid_pipeline import listing_status
from luxvid_pipeline.automation.arrivals import Memory
from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.progress import Cursor, Progress
from luxvid_pipeline.automation.survey import Surveyor
from luxvid_pipeline.domain.arrivals import FolderMemory, State
from luxvid_pipeline.domain.errors import BudgetExceededError
from luxvid_pipeline.io_managers.manifests import manifest_key
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.listing_status import statuses
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.resources.approvals import ListingApprovals


@pytest.fixture
def seen(directed, monkeypatch):
    """Read the state of the studio's listing from the studio's own instance."""
    monkeypatch.setattr(listing_status, "open_instance", lambda _: nullcontext(directed.instance))
    monkeypatch.setattr(
        listing_status,
        "engine_for",
        lambda stage, _: directed.overrides["clip_generator" if stage == "clips" else "score_composer"],
    )
    return lambda: next(row for row in statuses(directed.settings) if row.listing == directed.listing)


def asked_for(studio):
    """What the progress sensor would request now."""
    surveyor = Surveyor(
        studio.instance,
        store=studio.store,
        clips=studio.overrides["clip_generator"],
        score=studio.overrides["score_composer"],
        spare=LocalComposer(),
        approvals=ListingApprovals(studio.settings, studio.store, SqlApprovals(studio.settings.database_url)),
        jobs={stage: job.name for stage, job in STAGE_JOBS.items()},
    )
    return Progress(studio.instance, surveyor, attempts=3).look(Cursor(), None, go_round=True).requests


def test_a_listing_that_waits_for_approval_says_so_once(directed, seen):
    store, key = directed.store, manifest_key(directed.listing)
    store.put_bytes(store.read_bytes(key).replace(b'"approval": "auto"', b'"approval": "required"'), key)
    row = seen()
    assert row.approval == "missing"
    assert row.waits == (f"waits for 'luxvid approve {directed.listing} --plan {row.plan[:12]}'",)


def test_scenes_that_wait_for_a_person_are_named_with_their_reason_in_one_line(directed, seen):
    reached = BudgetExceededError("the budget of $10 is reached")
    directed.overrides["clip_generator"].fail = {"4-bath": reached, "6-lifestyle": reached}
    (request,) = (each for each in asked_for(directed) if each.job_name == "shoot_scenes_job")
    directed.run(request.job_name, raise_on_error=False, tags=dict(request.tags))
    (wait,) = seen().waits
    assert wait.startswith("4-bath, 6-lifestyle: ")
    assert "the budget of $10 is reached" in wait
    assert wait.endswith("then 'luxvid retry villa-test'")


@pytest.mark.parametrize("asset", ["listing_photos", "scene_pairs"])
def test_a_damaged_table_is_told_at_its_listings_row(directed, seen, asset):
    (directed.home / "media" / asset / directed.listing / "table.parquet").write_bytes(b"damaged")
    (wait,) = seen().waits
    assert f"{asset}/{directed.listing}/table.parquet was damaged" in wait


def test_what_is_under_way_is_named_and_nothing_is_said_to_wait(directed, seen):
    assert seen().working == ()
    create_run_for_test(
        directed.instance,
        job_name="shoot_scenes_job",
        status=dg.DagsterRunStatus.STARTED,
        tags={"luxvid/listing": directed.listing},
    )
    row = seen()
    assert (row.working, row.waits, row.last_run) == (("shoot_scenes_job started",), (), "shoot_scenes_job started")


def test_a_run_whose_process_is_gone_is_not_under_way_and_it_is_said_how_to_go_on(directed, seen):
    gone = subprocess.Popen(["true"])
    gone.wait()
    create_run_for_test(
        directed.instance,
        job_name="shoot_scenes_job",
        status=dg.DagsterRunStatus.STARTED,
        tags={
            "luxvid/listing": directed.listing,
            "luxvid/host": socket.gethostname(),
            "luxvid/pid": str(gone.pid),
        },
    )
    row = seen()
    assert (row.working, row.last_run) == ((), "shoot_scenes_job gone")
    assert row.waits == (
        "the process of shoot_scenes_job is gone; 'luxvid retry villa-test' goes on with what is finished",
    )
    assert len(directed.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))) == 1, "only told"


def test_an_engine_that_cannot_be_used_is_told_and_the_rest_is_shown(directed, seen, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(listing_status, "open_instance", lambda _: nullcontext(directed.instance))
    directed.environment["LUXVID_CLIPS"] = "google/veo-3.1-fast"
    (row,) = statuses(directed.settings)
    assert row.kept == 8
    assert "REPLICATE_API_TOKEN" in row.waits[0]


def test_a_folder_that_is_still_arriving_has_a_row_until_it_is_taken_away(directed, seen):
    home = directed.home
    folder = home / "inbox" / "Villa Nova"
    folder.mkdir(parents=True)
    memory = Memory(folders={folder.name: FolderMemory(look="x", since=0.0, state=State.ARRIVING)})
    memory.save(home / "arrivals.json")
    row = next(row for row in statuses(directed.settings) if row.folder)
    assert (row.listing, row.folder) == ("villa-nova", "Villa Nova")
    assert "nothing in it has changed for 20 s" in row.arriving
    shutil.rmtree(folder)
    assert not [row for row in statuses(directed.settings) if row.folder]
    memory.save(home / "arrivals.json")
    (home / "arrivals.json").write_text("{")
    assert not [row for row in statuses(directed.settings) if row.folder]
