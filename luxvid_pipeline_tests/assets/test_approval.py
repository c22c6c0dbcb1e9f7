"""Nothing is shot or played before a person has said yes to exactly this plan."""

import shutil
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from luxvid_pipeline.assets.approval import animatic_of, told_range
from luxvid_pipeline.domain.approvals import ApprovalState, Verdict
from luxvid_pipeline.domain.errors import ApprovalMissingError, InputError
from luxvid_pipeline.domain.payments import Estimate
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.media.film import inspect_film
from luxvid_pipeline.media.sheets import frames_of
from luxvid_pipeline.resources.approvals import opened_approvals
from luxvid_pipeline_tests.conftest import open_studio
from luxvid_pipeline_tests.fakes import FakeSelector

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

REQUIRED = {"LUXVID_APPROVAL": "required"}
SHOWN = ("1-arrival", "7-farewell")


@pytest.fixture
def waiting(directed):
    """A studio with pairs, in a house where a person looks first."""
    directed.environment = REQUIRED
    return directed


def open_short(base, ready_clip):
    """A studio whose film has two scenes: what an animatic is shows in two as in seven."""
    studio = open_studio(base, ready_clip)
    studio.overrides["pair_selector"] = FakeSelector(leave_out=set(SCENE_KEYS) - set(SHOWN))
    studio.overrides["pair_selector"].engine = "fake/short-selector"
    studio.environment = REQUIRED
    return studio


@pytest.fixture(scope="module")
def shown_home(tmp_path_factory, directed_home, ready_clip):
    base = tmp_path_factory.mktemp("shown") / "studio"
    shutil.copytree(directed_home, base)
    studio = open_short(base, ready_clip)
    with studio.instance:
        studio.direct()
        studio.run("animatic_job")
    return base


@pytest.fixture
def shown(tmp_path, shown_home, ready_clip):
    """The same with an animatic."""
    shutil.copytree(shown_home, tmp_path / "studio")
    studio = open_short(tmp_path / "studio", ready_clip)
    with studio.instance:
        yield studio


def decide(studio, verdict=Verdict.APPROVED, because="", by="ana"):
    with opened_approvals(studio.settings) as approvals:
        price = (Decimal("1.10"), Decimal("2.20"))
        return approvals.decide(studio.listing, verdict, by=by, because=because, estimate_usd=price)


def state(studio):
    with opened_approvals(studio.settings) as approvals:
        return approvals.state(studio.listing)


def choose_other_photos(studio):
    selector = studio.overrides["pair_selector"]
    selector.engine = "fake/selector-2"
    photos = [row["first_photo"] for row in pairs(studio)]
    selector.swap = {"1-arrival": photos[1], "2-bedroom": photos[0]}
    studio.direct()


def pairs(studio):
    return TableIOManager(studio.store).load_partition("scene_pairs", studio.listing, missing_ok=False).to_dicts()


def test_neither_clips_nor_score_are_made_before_approval(waiting):
    for work in (waiting.shoot, waiting.score):
        with pytest.raises(ApprovalMissingError, match=r"villa-test: its plan waits .*luxvid approve villa-test"):
            work()
    assert not waiting.overrides["clip_generator"].shot
    assert waiting.overrides["score_composer"].stages == []
    assert waiting.materialized("scene_clips") == waiting.materialized("soundtrack") == set()
    decide(waiting)
    waiting.shoot()
    waiting.score()
    assert len(waiting.materialized("scene_clips")) == len(SCENE_KEYS)


def test_an_approval_of_one_plan_lets_no_other_through(waiting):
    decide(waiting)
    assert state(waiting) is ApprovalState.APPROVED
    choose_other_photos(waiting)
    assert state(waiting) is ApprovalState.MISSING
    with pytest.raises(ApprovalMissingError, match="waits for approval"):
        waiting.shoot()
    assert not waiting.overrides["clip_generator"].shot
    waiting.overrides["pair_selector"].swap = {}
    waiting.overrides["pair_selector"].engine = "fake/selector"
    waiting.direct()
    assert state(waiting) is ApprovalState.APPROVED, "the plan that was approved is approved again"


def test_another_engine_is_another_plan(waiting):
    decide(waiting)
    waiting.environment = {**REQUIRED, "LUXVID_SCORE": "silence"}
    assert state(waiting) is ApprovalState.MISSING


def test_more_takes_than_were_approved_are_another_plan(waiting):
    hosted = {**REQUIRED, "LUXVID_CLIPS": "google/veo-3.1-fast,local"}
    waiting.environment = {**hosted, "LUXVID_MAX_TAKES": "1"}
    decide(waiting)
    assert state(waiting) is ApprovalState.APPROVED
    waiting.environment = {**hosted, "LUXVID_MAX_TAKES": "3"}
    assert state(waiting) is ApprovalState.MISSING
    waiting.environment = {**REQUIRED, "LUXVID_MAX_TAKES": "3"}
    decide(waiting)
    waiting.environment = REQUIRED
    assert state(waiting) is ApprovalState.APPROVED, "the local camera has no takes"


@pytest.mark.parametrize(
    ("price", "told"),
    [
        (("1.2", "1.2", "1.2"), "estimated at $1.20"),
        (("1.2", "1.4", "1.4"), "estimated at $1.20 to $1.40"),
        (("1.2", "1.2", "2.4"), "estimated at $1.20, at most $2.40 with every further take, retry and fallback"),
        (("1.2", "1.4", "2.801"), "estimated at $1.20 to $1.40, at most $2.81 with every further take"),
    ],
)
def test_an_estimate_in_words_says_what_is_expected_and_the_most(price, told):
    low, expected, high = map(Decimal, price)
    words = told_range(Estimate(low_usd=low, expected_usd=expected, high_usd=high))
    assert words.startswith(told)
    assert ("at most" in words) == (high > expected)


def test_a_rejected_plan_says_who_and_why(waiting):
    decide(waiting, Verdict.REJECTED, "the bath is too dark.", by="ben")
    assert state(waiting) is ApprovalState.REJECTED
    with pytest.raises(ApprovalMissingError, match=r"rejected by ben: the bath is too dark\. Change it with"):
        waiting.score()


def test_what_is_made_already_needs_no_approval_and_what_is_not_does(shot):
    shot.environment = REQUIRED
    camera = shot.overrides["clip_generator"]
    camera.shot.clear()
    shot.shoot()
    shot.score()
    assert not camera.shot
    shot.store.remove("scene_clips/villa-test/4-bath.mp4")
    with pytest.raises(ApprovalMissingError):
        shot.shoot()
    assert not camera.shot


def test_a_listing_that_asks_for_nothing_opens_no_database(shot):
    assert state(shot) is ApprovalState.NOT_NEEDED
    assert not (shot.home / "ledger.db").exists()


def test_a_manifest_alone_may_ask(studio, tmp_path, eight_photos):
    folder = tmp_path / "villa"
    shutil.copytree(eight_photos, folder)
    (folder / "listing.yaml").write_text("film: {clip_seconds: 2}\ngeneration: {approval: required}\n")
    studio.add(folder, "careful")
    studio.listing = "careful"
    studio.direct()
    assert state(studio) is ApprovalState.MISSING


def test_before_there_is_a_plan_there_is_nothing_to_decide_on(studio):
    with pytest.raises(InputError, match=r"villa-test: there is nothing to decide on yet"):
        decide(studio)


def test_a_decision_says_who_what_when_and_at_which_estimate(waiting):
    before = datetime.now(UTC)
    decide(waiting, Verdict.REJECTED, "no")
    decide(waiting)
    with opened_approvals(waiting.settings) as approvals:
        first, second = approvals.approvals.history("villa-test")
        plan = approvals.plan("villa-test").digest
    assert (first.verdict, first.because, second.verdict) == (Verdict.REJECTED, "no", Verdict.APPROVED)
    assert (second.by, second.plan) == ("ana", plan)
    assert (second.estimate_low_usd, second.estimate_high_usd) == (Decimal("1.10"), Decimal("2.20"))
    assert before <= first.at <= second.at <= datetime.now(UTC)


# The animatic


def test_the_animatic_is_the_film_at_a_quarter_of_its_pixels(shown):
    told = shown.latest("animatic")
    facts = inspect_film(shown.store.open("animatic/villa-test/animatic.mp4"))
    assert (facts.width_px, facts.height_px, facts.frames) == (960, 540, 2 * 2 * 30)
    assert (told["duration_s"], told["scenes"]) == (4.0, list(SHOWN))
    assert (told["approval"], told["estimate_low_usd"], told["estimate_high_usd"]) == ("missing", 0.0, 0.0)
    assert (told["cost_usd"], told["engine"], told["reused"]) == (0.0, "local", False)
    assert told["preview"].count("data:image/jpeg") == 2
    assert f"luxvid approve villa-test --plan {told['plan'][:12]}`" in told["preview"]


def test_each_frame_of_the_animatic_has_the_mark(shown):
    corner = (835, 485, 938, 518)
    for frame in frames_of(shown.store.open("animatic/villa-test/animatic.mp4"), 7, width_px=960):
        marked = frame.crop(corner).convert("L")
        low, high = marked.getextrema()
        assert high > 200, "white letters"
        assert low < 150, "on a darker plate"


def test_who_is_stopped_is_shown_where_to_look(shown):
    with pytest.raises(ApprovalMissingError) as stopped:
        shown.shoot()
    file = f"{shown.settings.media}/animatic/villa-test/animatic.mp4"
    assert f"look at {file} (the film is estimated at $0.00)" in str(stopped.value)
    assert stopped.value.exit_code == 3


def test_the_same_pictures_are_not_drawn_again_and_other_plans_have_none(shown):
    decide(shown)
    shown.run("animatic_job")
    told = shown.latest("animatic")
    assert (told["reused"], told["approval"], told["decided_by"]) == (True, "approved", "ana")
    shown.environment = {**REQUIRED, "LUXVID_SCORE": "silence"}
    with opened_approvals(shown.settings) as approvals:
        plan = approvals.plan("villa-test")
        assert animatic_of(approvals, plan) is None
        shown.run("animatic_job")
        assert animatic_of(approvals, plan) is not None
    told = shown.latest("animatic")
    assert (told["reused"], told["approval"], told["plan"]) == (True, "missing", plan.digest)
