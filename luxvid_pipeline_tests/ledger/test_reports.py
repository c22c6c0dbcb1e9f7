"""What each model did for its money."""

from decimal import Decimal

import pytest

from luxvid_pipeline.domain.payments import PaymentState
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.reports import REFUSED, ClipFidelity, TakeOutcome, score_models
from luxvid_pipeline.providers.replicate.failures import Kind, as_reason
from luxvid_pipeline.providers.vision.failures import FAILURES
from luxvid_pipeline.providers.vision.failures import REFUSED as VISION_REFUSED
from luxvid_pipeline_tests.ledger.asked import Clock, asked, brought_to

VEO = "google/veo-3.1-fast"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(tmp_path, clock):
    opened = SqlLedger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=clock)
    yield opened
    opened.close()


def delivered(ledger, clock, prompt, *, seconds, metrics=None, cost="0.50"):
    row = ledger.claim(asked(prompt))
    ledger.submitting(row.key)
    ledger.submitted(row.key, f"p-{prompt}")
    clock.passes(seconds)
    ledger.finished(row.key, Decimal(cost), metrics or {})
    ledger.delivered(row.key, "clip.mp4", "ab")


def failed(ledger, prompt, reason, *, cost="0", may_retry=False):
    row = ledger.claim(asked(prompt))
    ledger.submitting(row.key)
    ledger.failed(row.key, reason, cost_usd=Decimal(cost), may_retry=may_retry)


def test_every_attempt_counts_once_and_failures_make_what_is_delivered_dearer(ledger, clock):
    delivered(ledger, clock, "one", seconds=60, metrics={"predict_time": 54.0})
    failed(ledger, "two", "model failed: it broke", cost="0.10", may_retry=True)
    delivered(ledger, clock, "two", seconds=80, metrics={"predict_time": 56.0})
    failed(ledger, "three", "content refused: no (E005)")
    brought_to(ledger, PaymentState.SUBMITTED, asked("four"))
    (score,) = score_models(ledger.rows(latest=False))
    assert (score.vendor, score.model) == ("replicate", VEO)
    assert (score.attempts, score.delivered, score.refused, score.failed, score.under_way) == (5, 2, 1, 1, 1)
    assert (score.predict_s, score.wait_s) == (55.0, 70.0)
    assert (score.cost_usd, score.delivered_usd) == (Decimal("1.10"), Decimal("0.55"))


def test_takes_that_failed_at_the_gate_are_told_with_their_faults(ledger, clock):
    delivered(ledger, clock, "one", seconds=60)
    takes = [
        TakeOutcome(model=VEO, passed=False, chosen=False, faults=("frozen tail", "bent lines")),
        TakeOutcome(model=VEO, passed=True, chosen=True, faults=("bent lines",)),
        TakeOutcome(model=VEO, passed=True, chosen=True),
        TakeOutcome(model="another", passed=False, chosen=False, faults=("flash",)),
    ]
    (score,) = score_models(ledger.rows(latest=False), (), takes)
    assert (score.takes, score.takes_failed, score.takes_per_clip) == (3, 1, 1.5)
    assert score.faults == "bent lines (2), frozen tail (1)"


def test_what_is_not_known_is_left_empty(ledger, clock):
    assert score_models([]) == []
    brought_to(ledger, PaymentState.UNKNOWN, asked("one"))
    (score,) = score_models(ledger.rows(latest=False))
    assert (score.under_way, score.predict_s, score.wait_s, score.delivered_usd) == (1, None, None, None)
    assert (score.clips_measured, score.first_frame_ssim, score.last_frame_ssim) == (0, None, None)


def test_only_clips_of_the_model_that_were_measured_count(ledger, clock):
    delivered(ledger, clock, "one", seconds=60, metrics={"predict_time": True})
    clips = [
        ClipFidelity(model=VEO, first_ssim=0.9, last_ssim=0.8),
        ClipFidelity(model=VEO, first_ssim=0.7, last_ssim=None),
        ClipFidelity(model=VEO, first_ssim=None, last_ssim=None),
        ClipFidelity(model="local", first_ssim=0.1, last_ssim=0.1),
    ]
    (score,) = score_models(ledger.rows(latest=False), clips)
    assert (score.clips_measured, score.first_frame_ssim, score.last_frame_ssim) == (2, 0.8, 0.8)
    assert score.predict_s is None


def test_a_refusal_is_called_the_same_by_every_vendor():
    assert as_reason(Kind.CONTENT_REFUSED, "no").startswith(REFUSED)
    named = {row.name for row in (*FAILURES, VISION_REFUSED) if row.error.__name__ == "ContentRefusedError"}
    assert named == {REFUSED}
