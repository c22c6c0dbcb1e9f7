from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luxvid_pipeline.domain.approvals import Decision, Verdict
from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.ledger.payments import SqlLedger

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def decision(listing="villa", plan="p1", verdict=Verdict.APPROVED, **changes):
    values = {"by": "ana", "at": AT, "estimate_low_usd": Decimal("1.2"), "estimate_high_usd": Decimal("3.4567")}
    if verdict is Verdict.REJECTED:
        values["because"] = "too dark"
    return Decision(listing=listing, plan=plan, verdict=verdict, **(values | changes))


@pytest.fixture
def approvals(url):
    opened = SqlApprovals(url)
    yield opened
    opened.close()


def test_a_decision_is_found_again_as_it_was(approvals):
    kept = decision(verdict=Verdict.REJECTED, because="the kitchen; it's “old” — no")
    approvals.decide(kept)
    assert approvals.standing("villa", "p1") == kept


def test_the_latest_word_on_a_plan_stands_and_all_are_kept(approvals):
    said = [
        decision(),
        decision(plan="p2"),
        decision(verdict=Verdict.REJECTED, at=AT + timedelta(hours=1)),
        decision(by="ben", at=AT - timedelta(days=1)),  # a clock that runs behind changes nothing
    ]
    for each in said:
        approvals.decide(each)
    assert approvals.standing("villa", "p1") == said[3]
    assert list(approvals.history("villa")) == said


def test_looking_for_decisions_makes_no_database(tmp_path):
    approvals = SqlApprovals(f"sqlite:///{tmp_path}/new/ledger.db")
    assert approvals.standing("villa", "p1") is None
    assert list(approvals.history("villa")) == []
    assert list(tmp_path.iterdir()) == []


def test_the_ledger_beside_them_goes_on_counting(url):
    approvals, ledger = SqlApprovals(url), SqlLedger(url)
    approvals.decide(decision())
    assert ledger.spent().requests == 0
    approvals.close()
    ledger.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"by": " "}, "nobody's name", id="no-name"),
        pytest.param({"verdict": Verdict.REJECTED, "because": " "}, "needs its reason", id="no-reason"),
        pytest.param({"at": datetime(2026, 11, 21)}, "without a time zone", id="no-zone"),
    ],
)
def test_a_decision_that_nobody_could_account_for_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        decision(**changes)


_NAMES = st.sampled_from(["a", "b", "c"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(st.tuples(_NAMES, _NAMES, st.sampled_from(Verdict)), max_size=6))
def test_a_word_on_one_plan_says_nothing_about_another(tmp_path_factory, said):
    approvals = SqlApprovals(f"sqlite:///{tmp_path_factory.mktemp('said')}/ledger.db")
    last = {}
    for listing, plan, verdict in said:
        approvals.decide(decision(listing, plan, verdict))
        last[listing, plan] = verdict
    for listing in "abc":
        for plan in "abc":
            standing = approvals.standing(listing, plan)
            assert (standing.verdict if standing else None) == last.get((listing, plan))
    approvals.close()
