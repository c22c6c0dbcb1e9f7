from decimal import Decimal

import pytest

from luxvid_pipeline.domain.budgets import Budget, check_fits, dollars
from luxvid_pipeline.domain.errors import BudgetExceededError
from luxvid_pipeline.domain.payments import (
    FREE,
    STEPS,
    UNDER_WAY,
    Account,
    Estimate,
    PaidRequest,
    PaymentState,
)

S = PaymentState


def request(**changes):
    asked = {
        "vendor": "replicate",
        "model": "google/veo-3.1-fast",
        "input": {"prompt": "a slow push-in", "duration": 4},
        "account": Account(listing="villa-aurora"),
        "estimate": FREE,
    }
    return PaidRequest(**{**asked, **changes})


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        pytest.param({"input": {"duration": 4, "prompt": "a slow push-in"}}, True, id="order-of-fields"),
        pytest.param({"account": Account(listing="villa-borea", client="x")}, True, id="who-pays"),
        pytest.param({"estimate": Estimate(low_usd=Decimal(1), high_usd=Decimal(2))}, True, id="what-it-may-cost"),
        pytest.param({"input": {"prompt": "a slow push-in", "duration": 6}}, False, id="another-input"),
        pytest.param({"model": "google/veo-3.1"}, False, id="another-model"),
        pytest.param({"version": "671ac645"}, False, id="another-version"),
        pytest.param({"vendor": "xai"}, False, id="another-vendor"),
    ],
)
def test_a_request_is_the_same_if_the_vendor_would_be_asked_for_the_same(changes, is_same):
    assert (request(**changes).key == request().key) is is_same


def test_every_state_has_its_steps_and_those_with_none_are_ends():
    assert set(STEPS) == set(S)
    assert {state for state, steps in STEPS.items() if not steps} == {S.DELIVERED, S.FAILED, S.UNKNOWN}
    assert {state for state, steps in STEPS.items() if S.FAILED in steps} == UNDER_WAY


def test_nothing_can_be_sent_twice_without_saying_first_that_it_was_not_sent_or_failed():
    ways_to_send = {state for state, steps in STEPS.items() if S.SUBMITTING in steps}
    assert ways_to_send == {S.RESERVED}
    assert {state for state, steps in STEPS.items() if S.RESERVED in steps} == {S.PLANNED, S.SUBMITTING}


def test_estimates_add_up_end_by_end():
    both = Estimate(low_usd=Decimal("0.1"), high_usd=Decimal("0.3")) + Estimate(
        low_usd=Decimal("0.2"), high_usd=Decimal("0.2")
    )
    assert (both.low_usd, both.high_usd) == (Decimal("0.3"), Decimal("0.5"))


def budget(limit, spent="0", reserved="0"):
    return Budget(
        of="listing villa-aurora",
        limit_usd=Decimal(limit),
        spent_usd=Decimal(spent),
        reserved_usd=Decimal(reserved),
        remedy="raise it",
    )


@pytest.mark.parametrize(
    ("asked", "budgets", "fits"),
    [
        pytest.param("1", [], True, id="no-budget"),
        pytest.param("1", [budget("1")], True, id="exactly"),
        pytest.param("1.0000000001", [budget("1")], False, id="a-tick-too-much"),
        pytest.param("1", [budget("2", spent="0.5", reserved="0.6")], False, id="spent-and-reserved-count"),
        pytest.param("1", [budget("9"), budget("0.5")], False, id="the-second"),
        pytest.param("0", [budget("1", spent="1")], True, id="nothing-fits-always"),
        pytest.param("0.1", [budget("1", spent="1.2")], False, id="already-over"),
    ],
)
def test_a_request_fits_if_it_fits_every_budget(asked, budgets, fits):
    if fits:
        check_fits(Decimal(asked), budgets, what="a clip")
    else:
        with pytest.raises(BudgetExceededError, match=r"a clip may cost \$.* for listing villa-aurora.*: raise it"):
            check_fits(Decimal(asked), budgets, what="a clip")


def test_being_over_already_leaves_nothing_rather_than_less():
    with pytest.raises(BudgetExceededError, match=r"which leaves \$0\.00"):
        check_fits(Decimal("0.1"), [budget("1", spent="1.2")], what="a clip")


@pytest.mark.parametrize(
    ("usd", "said"), [("0", "$0.00"), ("10", "$10.00"), ("0.6", "$0.60"), ("0.039", "$0.039"), ("1E+1", "$10.00")]
)
def test_amounts_are_said_with_every_digit_that_counts(usd, said):
    assert dollars(Decimal(usd)) == said
