"""A hosted clip that fails its gate is shot again, at most so often and within the budget; every take is told."""

import asyncio
from dataclasses import fields, replace
from decimal import Decimal

import pytest

from luxvid_pipeline.domain.errors import (
    BudgetExceededError,
    ContentRefusedError,
    MediaError,
    TakesFailedError,
    UnknownPaymentError,
)
from luxvid_pipeline.domain.gates import Fault
from luxvid_pipeline.domain.measured import ClipMeasures
from luxvid_pipeline.domain.payments import Account, Estimate, Spent
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest, Engine, ignore_progress
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.domain.takes import retake_note, take_seed
from luxvid_pipeline.providers.chains import ClipChain
from luxvid_pipeline.providers.takes import WithTakes

# Whatever else is measured is nothing to complain of when it is nothing.
_NOTHING = {each.name: () if each.type == tuple[float, ...] else 0 for each in fields(ClipMeasures)}
GOOD = ClipMeasures(
    **{
        **_NOTHING,
        "frames": 120,
        "seconds": 4.0,
        "fps": 30.0,
        "width_px": 1920,
        "height_px": 1080,
        "constant_rate": True,
        "first_ssim": 0.95,
        "last_ssim": None,
        "drift_ssim": 0.9,
        "zoom": 1.12,
        "followed": 1.0,
        "moved_px": 120.0,
        "lines": 10,
    }
)
FROZEN_TAIL = replace(GOOD, frozen_s=1.2, frozen_tail_s=1.2)
BENT = replace(GOOD, bent_px=9.0)
WRONG_PHOTO = replace(GOOD, first_ssim=0.2)


def photo(path):
    path.write_bytes(b"a photo")
    record = PhotoRecord(photo_id="ab" * 32, file=path.name, original=path.name, bytes=7, verdict=Verdict.KEPT)
    return WorkingPhoto(record=record, path=path)


@pytest.fixture
def request_(tmp_path):
    shot = Shot(
        scene="1-arrival",
        subject="the pool",
        camera="dolly forward",
        prompt="a slow dolly.",
        negative_prompt="people",
        score_prompt="sparse",
        seconds=4.0,
    )
    account = Account(listing="villa", budget_usd=Decimal(5))
    return ClipRequest(listing="villa", shot=shot, first=photo(tmp_path / "a.jpg"), account=account)


class FakeHosted:
    """Shoots what it is told to: one entry a request, measures or an error."""

    most_at_once = 7

    def __init__(self, *shots, engine="fake/video", takes_seed=True, whole_s=4.0):
        self.engine = engine
        self.takes_seed = takes_seed
        self.whole_s = whole_s
        self.asked = []
        self.windows = []
        self._shots = list(shots)
        self._paid = {}

    def estimate(self, request):
        return Estimate(low_usd=Decimal("0.4"), high_usd=Decimal("0.4"))

    def paid_request(self, request):
        return request

    async def shoot(self, request, into, progress=ignore_progress, *, window=None):
        key = (request.seed, request.shot.prompt)
        self.windows.append(window)
        first = key not in self._paid
        if first:
            self.asked.append(request)
            shot = self._shots.pop(0)
            if isinstance(shot, Exception):
                raise shot
            self._paid[key] = shot
        into.write_text(f"{len(self.asked)} {window}")
        begins = 0.0 if window is None else window * (self.whole_s - 4.0)
        notes = {"came_seconds": self.whole_s, "used_from_s": begins, "used_to_s": begins + 4.0}
        return Engine(name=self.engine, cost_usd=0.4 if first else 0.0, paid_calls=int(first), notes=notes)

    def measure(self, clip, request, ends_on_last):
        measures = self._paid[request.seed, request.shot.prompt]
        words = clip.read_text().split()
        return measures[words[1]] if isinstance(measures, dict) else measures


class FakeCamera:
    engine = "local"
    most_at_once = 2

    async def shoot(self, request, into, progress=ignore_progress):
        into.write_text("local")
        return Engine()


def shoot(clips, request, tmp_path):
    into = tmp_path / "1-arrival.mp4"
    return asyncio.run(clips.shoot(request, into)), into


def takes(hosted, most=2):
    return WithTakes(hosted, most, measure=hosted.measure)


def test_a_take_that_passes_is_the_clip(request_, tmp_path):
    hosted = FakeHosted(GOOD)
    engine, into = shoot(takes(hosted), request_, tmp_path)
    assert into.read_text() == "1 None"
    assert (engine.cost_usd, engine.paid_calls, engine.degraded_reason) == (0.4, 1, "")
    (take,) = engine.takes
    assert (take.take, take.passed, take.chosen, take.file) == (1, True, True, "")
    assert ClipMeasures.from_facts(take.measures) == GOOD
    assert engine.notes["gate_score"] == take.score > 0.8


def test_a_take_that_fails_is_shot_again_with_another_seed_and_both_are_told(request_, tmp_path):
    hosted = FakeHosted(FROZEN_TAIL, GOOD)
    engine, into = shoot(takes(hosted), request_, tmp_path)
    assert into.read_text() == "2 None"
    assert hosted.asked[0].seed == 0
    assert hosted.asked[1].seed > 0
    assert hosted.asked[0].shot == hosted.asked[1].shot
    first, second = engine.takes
    assert (first.passed, first.chosen, first.faults[0]) == (False, False, Fault.FROZEN_TAIL.value)
    assert "stand still" in first.told
    assert (tmp_path / first.file).read_text() == "1 None"
    assert (second.passed, second.chosen, second.seed) == (True, True, hosted.asked[1].seed)
    assert engine.cost_usd == pytest.approx(0.8)
    assert engine.paid_calls == 2
    assert engine.degraded_reason == ""


def test_seeds_are_the_same_on_every_run_and_differ_between_takes_scenes_and_engines(request_):
    seeds = {
        take_seed(0, replace(request_, listing="x").fingerprint(engine), take)
        for take in (1, 2, 3)
        for engine in ("a/b", "c/d")
    }
    assert len(seeds) == 5  # every engine's first take has the request's own seed
    assert seeds == {
        take_seed(0, request_.fingerprint(engine), take) for take in (1, 2, 3) for engine in ("a/b", "c/d")
    }
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_model_without_a_seed_hears_what_was_wrong(request_, tmp_path):
    hosted = FakeHosted(FROZEN_TAIL, GOOD, takes_seed=False)
    engine, _ = shoot(takes(hosted), request_, tmp_path)
    assert [each.seed for each in hosted.asked] == [0, 0]
    added = "The camera keeps moving until the very last frame. (Take 2.)"
    assert hosted.asked[1].shot.prompt == f"a slow dolly. {added}"
    assert engine.takes[1].note == added


def test_every_retake_has_another_note():
    assert retake_note([], 2) != retake_note([], 3)


def test_when_no_take_passes_the_error_carries_them_all(request_, tmp_path):
    hosted = FakeHosted(FROZEN_TAIL, BENT)
    with pytest.raises(
        TakesFailedError, match=r"take 1: its last 1.2 s stand still.*take 2: straight lines bend"
    ) as told:
        shoot(takes(hosted), request_, tmp_path)
    assert [take.passed for take in told.value.takes] == [False, False]
    assert all((tmp_path / take.file).is_file() for take in told.value.takes)
    assert not (tmp_path / "1-arrival.mp4").exists()


def test_more_takes_than_allowed_are_never_shot(request_, tmp_path):
    hosted = FakeHosted(*[FROZEN_TAIL] * 5)
    with pytest.raises(TakesFailedError):
        shoot(takes(hosted, 3), request_, tmp_path)
    assert len(hosted.asked) == 3


def test_a_budget_that_ends_before_the_second_take_keeps_the_first_if_it_is_usable(request_, tmp_path):
    hosted = FakeHosted(BENT, BudgetExceededError("$0.40 does not fit"))
    engine, into = shoot(takes(hosted), request_, tmp_path)
    assert into.read_text() == "1 None"
    assert "take 1 of fake/video is kept though straight lines bend" in engine.degraded_reason
    assert "$0.40 does not fit" in engine.degraded_reason
    assert (engine.takes[0].passed, engine.takes[0].chosen) == (False, True)


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        pytest.param(WRONG_PHOTO, "not the photo it should begin on", id="another-house"),
        pytest.param(FROZEN_TAIL, "stand still", id="a-third-of-it-is-dead"),
    ],
)
def test_a_budget_excuses_no_clip_that_shows(request_, tmp_path, measures, words):
    hosted = FakeHosted(measures, BudgetExceededError("$0.40 does not fit"))
    with pytest.raises(TakesFailedError, match=words):
        shoot(takes(hosted), request_, tmp_path)


def test_a_budget_that_does_not_hold_the_first_take_stops_the_scene(request_, tmp_path):
    with pytest.raises(BudgetExceededError):
        shoot(takes(FakeHosted(BudgetExceededError("no"))), request_, tmp_path)


def test_a_vendor_that_fails_the_second_take_leaves_the_next_engine_its_turn(request_, tmp_path):
    hosted = FakeHosted(BENT, ContentRefusedError("flagged"))
    with pytest.raises(TakesFailedError, match="take 2: fake/video refused the content"):
        shoot(takes(hosted), request_, tmp_path)


def test_what_may_be_paid_already_stops_everything(request_, tmp_path):
    hosted = FakeHosted(BENT, UnknownPaymentError("nobody knows"))
    with pytest.raises(UnknownPaymentError):
        shoot(takes(hosted), request_, tmp_path)


def test_another_part_of_a_longer_clip_is_tried_before_money_is_spent(request_, tmp_path):
    hosted = FakeHosted({"None": FROZEN_TAIL, "0.5": BENT, "1.0": GOOD}, whole_s=8.0)
    engine, into = shoot(takes(hosted), request_, tmp_path)
    assert len(hosted.asked) == 1
    assert hosted.windows == [None, 0.5, 1.0]  # the part from 0 s is the one that was measured first
    assert into.read_text() == "1 1.0"
    (take,) = engine.takes
    assert (take.passed, take.used_from_s, take.cost_usd) == (True, 4.0, 0.4)
    assert (engine.cost_usd, engine.paid_calls) == (0.4, 1)
    assert [file.name for file in tmp_path.glob("*.mp4")] == ["1-arrival.mp4"]


def test_the_next_engine_shoots_what_the_first_could_not_and_all_takes_are_told(request_, tmp_path):
    first, second = FakeHosted(FROZEN_TAIL, BENT), FakeHosted(GOOD, engine="other/video")
    engine, _ = shoot(ClipChain([takes(first), takes(second)], spare=FakeCamera()), request_, tmp_path)
    assert engine.name == "other/video"
    assert [(take.engine, take.chosen) for take in engine.takes] == [
        ("fake/video", False),
        ("fake/video", False),
        ("other/video", True),
    ]
    assert "no take of fake/video passed" in engine.degraded_reason
    assert "made by other/video instead" in engine.degraded_reason


def test_when_the_chain_is_at_its_end_the_local_camera_shoots_and_it_is_said(request_, tmp_path):
    spent = Spent(cost_usd=Decimal("0.80"), requests=2)
    chain = ClipChain([takes(FakeHosted(FROZEN_TAIL, BENT))], lambda _: spent, FakeCamera())
    engine, into = shoot(chain, request_, tmp_path)
    assert into.read_text() == "local"
    assert (engine.name, engine.cost_usd, engine.paid_calls) == ("local", 0.8, 2)
    assert "made by local instead" in engine.degraded_reason
    assert len(engine.takes) == 2


def test_a_budget_stops_no_scene_whose_takes_were_shot_and_found_bad(request_, tmp_path):
    second = FakeHosted(BudgetExceededError("$0.40 does not fit"), engine="other/video")
    chain = ClipChain([takes(FakeHosted(WRONG_PHOTO, WRONG_PHOTO)), takes(second)], spare=FakeCamera())
    engine, _ = shoot(chain, request_, tmp_path)
    assert engine.name == "local"
    assert "a budget or an approval stopped it" in engine.degraded_reason


def test_the_spare_camera_shoots_nothing_that_failed_otherwise(request_, tmp_path):
    chain = ClipChain([takes(FakeHosted(MediaError("not readable")))], spare=FakeCamera())
    with pytest.raises(MediaError, match="not readable"):
        shoot(chain, request_, tmp_path)
