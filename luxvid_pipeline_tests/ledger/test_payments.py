import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from luxvid_pipeline.domain.errors import BudgetExceededError, LedgerError
from luxvid_pipeline.domain.payments import STEPS, UNDER_WAY, PaymentState, Spent
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.payments import LEASE, Decision, SqlLedger
from luxvid_pipeline.ledger.schema import payments
from luxvid_pipeline_tests.ledger.asked import ELSEWHERE, NOON, Clock, asked, brought_to

S = PaymentState
KEY = asked().key
STEPS_BY_STATE = {
    S.SUBMITTING: lambda ledger: ledger.submitting(KEY),
    S.RESERVED: lambda ledger: ledger.not_sent(KEY, "connection refused"),
    S.SUBMITTED: lambda ledger: ledger.submitted(KEY, "p1"),
    S.FINISHED: lambda ledger: ledger.finished(KEY, Decimal("0.4"), {}),
    S.DELIVERED: lambda ledger: ledger.delivered(KEY, "a.mp4", "ef" * 32),
    S.FAILED: lambda ledger: ledger.failed(KEY, "refused"),
    S.UNKNOWN: lambda ledger: ledger.unknown(KEY, "nobody knows"),
}


@pytest.fixture
def database(url):
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def ledger(database, clock):
    return SqlLedger(database, clock=clock)


@pytest.fixture
def neighbour(database, clock):
    """The same ledger, seen by a process of another machine."""
    return SqlLedger(database, clock=clock, process=lambda: ELSEWHERE)


def test_a_request_goes_from_claim_to_delivery_and_is_never_paid_again(ledger, neighbour):
    claimed = ledger.claim(asked())
    assert (claimed.state, claimed.ours, claimed.attempt) == (S.RESERVED, True, 1)
    assert (claimed.reserved_usd, claimed.cost_usd) == (Decimal("0.60"), None)
    assert ledger.submitting(KEY).sending_since == NOON
    assert ledger.submitted(KEY, "p1").prediction_id == "p1"
    finished = ledger.finished(KEY, Decimal("0.5"), {"predict_time": 9.5})
    assert (finished.reserved_usd, finished.cost_usd, finished.metrics) == (0, Decimal("0.5"), {"predict_time": 9.5})
    delivered = ledger.delivered(KEY, "a.mp4", "ef" * 32)
    assert (delivered.state, delivered.ours, delivered.metrics) == (S.DELIVERED, False, {"predict_time": 9.5})

    for other in (ledger.claim(asked(listing="villa-borea")), neighbour.claim(asked(budget_usd="0"))):
        assert (other.state, other.ours, other.result, other.sha256) == (S.DELIVERED, False, "a.mp4", "ef" * 32)
    assert ledger.spent().cost_usd == Decimal("0.5")
    assert ledger.spent(listing="villa-borea").requests == 0


@pytest.mark.parametrize("start", [state for state in S if state is not S.PLANNED])
def test_only_the_steps_of_the_picture_are_taken(start, ledger):
    for step, take in STEPS_BY_STATE.items():
        request = asked()
        brought_to(ledger, start, request)
        before = ledger.payment(KEY)
        if step in STEPS[start]:
            after = take(ledger)
            assert after.state is step, f"{start} -> {step}"
            assert after.ours is (step in UNDER_WAY)
        else:
            with pytest.raises(LedgerError, match=rf"{start}"):
                take(ledger)
            assert ledger.payment(KEY) == before, f"{start} -> {step} left a trace"
        _forget(ledger)


@pytest.mark.parametrize("start", sorted(UNDER_WAY))
def test_a_step_on_a_claim_of_another_process_is_refused(start, ledger, neighbour):
    brought_to(ledger, start, asked())
    for step, take in STEPS_BY_STATE.items():
        with pytest.raises(LedgerError, match="has to claim it first"):
            take(neighbour)
        assert ledger.payment(KEY).state is start, step
    with pytest.raises(LedgerError, match="has to claim it first"):
        neighbour.release(KEY)


@pytest.mark.parametrize("start", sorted(UNDER_WAY))
def test_a_claim_is_taken_up_only_once_its_lease_has_run_out(start, ledger, neighbour, clock):
    brought_to(neighbour, start, asked())
    clock.passes(100)
    neighbour.keep_alive([KEY])
    clock.passes(LEASE.total_seconds() - 1)
    assert not ledger.claim(asked()).ours
    clock.passes(2)
    taken = ledger.claim(asked())
    assert (taken.state, taken.ours) == (start, True)
    with pytest.raises(LedgerError):
        neighbour.failed(KEY, "too late")


def test_two_tasks_of_one_process_do_not_both_hold_a_claim(ledger):
    assert ledger.claim(asked()).ours
    assert not ledger.claim(asked()).ours
    assert not ledger.payment(KEY).ours
    ledger.submitting(KEY)
    ledger.let_go([KEY])
    with pytest.raises(LedgerError, match="nobody's hands"):
        ledger.submitted(KEY, "p1")
    taken = ledger.claim(asked())
    assert (taken.state, taken.ours) == (S.SUBMITTING, True)


def test_a_reservation_taken_over_is_charged_to_whoever_asks_now(ledger, neighbour, clock):
    neighbour.claim(asked(listing="villa-aurora"))
    clock.passes(LEASE.total_seconds() + 1)
    assert ledger.claim(asked(listing="villa-borea")).account.listing == "villa-borea"
    assert ledger.spent(listing="villa-aurora").reserved_usd == 0
    assert ledger.spent(listing="villa-borea").reserved_usd == Decimal("0.60")


def test_a_request_in_flight_stays_charged_to_whoever_sent_it(ledger, neighbour, clock):
    brought_to(neighbour, S.SUBMITTED, asked(listing="villa-aurora"))
    clock.passes(LEASE.total_seconds() + 1)
    taken = ledger.claim(asked(listing="villa-borea", budget_usd="0"))
    assert (taken.ours, taken.account.listing, taken.prediction_id) == (True, "villa-aurora", "p1")


def test_what_failed_for_good_is_not_sent_again_and_what_may_is_sent_as_a_new_attempt(ledger):
    ledger.claim(asked())
    ledger.submitting(KEY)
    ledger.failed(KEY, "busy", cost_usd=Decimal("0.10"), may_retry=True)
    again = ledger.claim(asked())
    assert (again.state, again.ours, again.attempt, again.prediction_id) == (S.RESERVED, True, 2, "")
    ledger.submitting(KEY)
    ledger.failed(KEY, "refused")
    last = ledger.claim(asked())
    assert (last.state, last.ours, last.reason, last.attempt) == (S.FAILED, False, "refused", 2)
    assert ledger.spent().cost_usd == Decimal("0.10")
    assert [entry.payment.reason for entry in ledger.rows(latest=False)] == ["busy", "refused"]
    assert [entry.payment.attempt for entry in ledger.rows()] == [2]


def test_a_released_claim_leaves_no_row_but_what_earlier_attempts_cost(ledger):
    ledger.claim(asked())
    ledger.release(KEY)
    assert ledger.payment(KEY) is None
    ledger.claim(asked())
    ledger.submitting(KEY)
    ledger.failed(KEY, "busy", cost_usd=Decimal("0.10"), may_retry=True)
    ledger.claim(asked())
    ledger.release(KEY)
    left = ledger.payment(KEY)
    assert (left.state, left.attempt, left.cost_usd) == (S.FAILED, 1, Decimal("0.10"))
    ledger.claim(asked())
    ledger.submitting(KEY)
    with pytest.raises(LedgerError, match="not sent can be given up"):
        ledger.release(KEY)


def test_failing_after_it_was_finished_does_not_unbook_the_cost(ledger):
    brought_to(ledger, S.FINISHED, asked(), cost="0.5")
    assert ledger.failed(KEY, "gone from the vendor", may_retry=True).cost_usd == Decimal("0.5")


def test_every_step_on_an_unclaimed_request_says_that_it_was_never_claimed(ledger):
    for take in STEPS_BY_STATE.values():
        with pytest.raises(LedgerError, match="never claimed"):
            take(ledger)
    assert ledger.payment(KEY) is None


@pytest.mark.parametrize("cost", ["-0.01", "NaN", "Infinity", "1e12"])
def test_an_impossible_cost_is_refused(cost, ledger):
    brought_to(ledger, S.SUBMITTED, asked())
    with pytest.raises(LedgerError, match="no amount of dollars"):
        ledger.finished(KEY, Decimal(cost), {})
    assert ledger.payment(KEY).state is S.SUBMITTED


def test_money_is_exact_to_the_tick_and_never_rounded_down(ledger):
    third = Decimal(1) / 3
    for number in range(3):
        request = asked(f"{number}")
        brought_to(ledger, S.SUBMITTED, request)
        ledger.finished(request.key, third, {})
    assert ledger.spent().cost_usd == Decimal("1.0000000002")


# Budgets


def test_budgets_are_reserved_before_anything_is_sent(ledger):
    for number in range(3):
        ledger.claim(asked(f"{number}", budget_usd="2.00"))
    with pytest.raises(BudgetExceededError) as stopped:
        ledger.claim(asked("one too many", budget_usd="2.00"))
    assert str(stopped.value) == (
        "google/veo-3.1-fast for villa-aurora/1-arrival may cost $0.60, but of $2.00 for listing villa-aurora $0.00 "
        "are spent and $1.80 reserved, which leaves $0.20: raise generation.budget_usd in its listing.yaml, or choose "
        "a cheaper engine"
    )
    assert ledger.payment(asked("one too many").key) is None
    assert ledger.claim(asked("it fits exactly", usd="0.20", budget_usd="2.00")).ours


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"client_budget_usd": Decimal("1.00")}, "client aurora-estates"),
        ({"day_budget_usd": Decimal("1.00")}, "day 2026-11-21"),
    ],
)
def test_budgets_of_client_and_day_hold_across_listings(limits, named, database, clock):
    ledger = SqlLedger(database, clock=clock, **limits)
    brought_to(ledger, S.DELIVERED, asked("one", client="aurora-estates"))
    with pytest.raises(BudgetExceededError, match=rf"of \$1\.00 for {named} \$0\.50 are spent and \$0\.00 reserved"):
        ledger.claim(asked("two", listing="villa-borea", client="aurora-estates"))
    assert [budget.of for budget in ledger.budgets(asked(client="aurora-estates").account)] == [named]


def test_a_day_ends_at_midnight_utc_and_a_listing_without_a_client_has_no_clients_budget(database, clock):
    ledger = SqlLedger(database, clock=clock, day_budget_usd=Decimal(1), client_budget_usd=Decimal("0.1"))
    ledger.claim(asked("one"))
    clock.passes(12 * 3600)
    assert ledger.claim(asked("two")).ours
    assert [(row.day, row.reserved_usd) for row in ledger.spending()] == [
        ("2026-11-21", Decimal("0.60")),
        ("2026-11-22", Decimal("0.60")),
    ]


def test_a_request_of_the_last_moment_of_a_day_is_held_against_that_day(database):
    midnight = datetime(2026, 11, 22, tzinfo=UTC)
    ledger = SqlLedger(database, clock=lambda: midnight - timedelta(hours=12), day_budget_usd=Decimal(1))
    brought_to(ledger, S.DELIVERED, asked("one"))
    moments = iter([midnight - timedelta(microseconds=1)])
    at_midnight = SqlLedger(database, clock=lambda: next(moments, midnight), day_budget_usd=Decimal(1))
    with pytest.raises(BudgetExceededError, match="day 2026-11-21"):
        at_midnight.claim(asked("two"))


def test_reservations_of_dead_processes_do_not_stand_in_the_way(ledger, neighbour, clock):
    neighbour.claim(asked("never sent", budget_usd="1.00"))
    brought_to(neighbour, S.SUBMITTING, asked("perhaps sent", usd="0.30", budget_usd="1.00"))
    clock.passes(LEASE.total_seconds() + 1)
    assert ledger.claim(asked("now", budget_usd="1.00")).ours
    assert ledger.payment(asked("never sent").key) is None
    assert ledger.spent().reserved_usd == Decimal("0.90")
    with pytest.raises(BudgetExceededError, match=r"\$0\.90 reserved"):
        ledger.claim(asked("too much", budget_usd="1.00"))


def test_an_unknown_request_keeps_its_reservation_until_a_person_decides(ledger):
    brought_to(ledger, S.UNKNOWN, asked(budget_usd="1.00"))
    waiting = ledger.claim(asked(budget_usd="1.00"))
    assert (waiting.state, waiting.ours, waiting.reason) == (S.UNKNOWN, False, "the connection broke")
    with pytest.raises(BudgetExceededError, match=r"\$0\.60 reserved"):
        ledger.claim(asked("another", budget_usd="1.00"))


# A person's decisions


def test_the_vendors_ids_are_known_of_every_request_and_attempt(ledger):
    brought_to(ledger, S.SUBMITTED, asked())
    first = ledger.payment(KEY).prediction_id
    ledger.failed(KEY, "high demand", may_retry=True)
    ledger.submitting(ledger.claim(asked()).key)
    assert ledger.on_rows([first, "another"]) == {first}
    assert ledger.on_rows([]) == frozenset()


@pytest.mark.parametrize(
    ("decision", "arguments", "state", "cost", "spent"),
    [
        pytest.param(Decision.LOST, {}, S.FAILED, "0.60", "0.60", id="lost-books-what-was-reserved"),
        pytest.param(Decision.LOST, {"cost_usd": Decimal("0.1")}, S.FAILED, "0.1", "0.1", id="lost-at-a-known-cost"),
        pytest.param(Decision.NEVER, {}, S.FAILED, "0", "0", id="never-frees-the-money"),
        pytest.param(Decision.FOUND, {"prediction_id": "p7"}, S.SUBMITTED, None, "0", id="found-is-taken-up"),
    ],
)
def test_a_person_settles_what_is_unknown(decision, arguments, state, cost, spent, ledger):
    brought_to(ledger, S.UNKNOWN, asked())
    settled = ledger.settle(KEY[:10], decision, by="maria", why="asked the vendor", **arguments)
    assert (settled.state, settled.cost_usd) == (state, None if cost is None else Decimal(cost))
    assert ledger.spent().cost_usd == Decimal(spent)
    last = ledger.history(KEY)[-1]
    assert (last.by, last.what, last.at) == ("maria", f"{decision.value}: asked the vendor", NOON)
    again = ledger.claim(asked())
    assert (again.ours, again.attempt) == (True, 1 if state is S.SUBMITTED else 2)
    assert again.prediction_id == arguments.get("prediction_id", "")


@pytest.mark.parametrize(
    ("start", "decisions"),
    [
        (S.RESERVED, set()),
        (S.SUBMITTING, set()),
        (S.SUBMITTED, set()),
        (S.FINISHED, set()),
        (S.DELIVERED, {Decision.LOST}),
        (S.FAILED, {Decision.NEVER}),
        (S.UNKNOWN, set(Decision)),
    ],
)
def test_there_is_nothing_to_decide_about_a_row_that_is_not_stuck(start, decisions, ledger):
    for decision in Decision:
        brought_to(ledger, start, asked())
        if decision in decisions:
            ledger.settle(KEY, decision, by="maria", prediction_id="p1")
        else:
            with pytest.raises(LedgerError, match="nothing to decide"):
                ledger.settle(KEY, decision, by="maria", prediction_id="p1")
        _forget(ledger)


def test_a_delivered_result_that_was_lost_keeps_its_cost_and_may_be_bought_anew(ledger):
    brought_to(ledger, S.DELIVERED, asked(), cost="0.5")
    ledger.settle(KEY, Decision.LOST, by="maria", why="the disk died")
    assert ledger.claim(asked()).attempt == 2
    assert (ledger.spent().cost_usd, ledger.spent().reserved_usd) == (Decimal("0.5"), Decimal("0.60"))


def test_a_decision_needs_a_person_an_id_where_one_was_found_and_one_row(ledger):
    brought_to(ledger, S.UNKNOWN, asked())
    with pytest.raises(LedgerError, match="name of the person"):
        ledger.settle(KEY, Decision.NEVER, by=" ")
    with pytest.raises(LedgerError, match="give the vendor's id"):
        ledger.settle(KEY, Decision.FOUND, by="maria")
    with pytest.raises(LedgerError, match="of no request's key"):
        ledger.settle("%", Decision.NEVER, by="maria")
    with pytest.raises(LedgerError, match="more than one"):
        ledger.settle("", Decision.NEVER, by="maria") if ledger.claim(asked("two")) else None


def test_an_abandoned_row_that_nobody_asks_for_any_more_can_be_adopted(ledger, neighbour, clock):
    brought_to(neighbour, S.SUBMITTED, asked())
    assert not ledger.adopt(KEY).ours
    clock.passes(LEASE.total_seconds() + 1)
    assert [entry.is_abandoned for entry in ledger.rows(state=S.SUBMITTED)] == [True]
    assert ledger.adopt(KEY).ours
    assert ledger.finished(KEY, Decimal("0.5"), {}).cost_usd == Decimal("0.5")


# History


def test_the_history_tells_every_change_and_outlives_the_row(ledger):
    brought_to(ledger, S.DELIVERED, asked())
    assert [(event.state, event.reserved_usd, event.cost_usd) for event in ledger.history(KEY)] == [
        ("reserved", Decimal("0.60"), None),
        ("submitting", Decimal("0.60"), None),
        ("submitted", Decimal("0.60"), None),
        ("finished", 0, Decimal("0.5")),
        ("delivered", 0, Decimal("0.5")),
    ]
    other = asked("given up").key
    ledger.claim(asked("given up"))
    ledger.release(other)
    assert [(event.state, event.reserved_usd) for event in ledger.history(other)] == [
        ("reserved", Decimal("0.60")),
        ("released", 0),
    ]


def test_spending_adds_up_by_day_client_listing_stage_and_model(ledger):
    brought_to(ledger, S.DELIVERED, asked("one", client="aurora-estates"))
    brought_to(ledger, S.FAILED, asked("two", client="aurora-estates"))
    ledger.claim(asked("three", listing="villa-borea"))
    first, second = ledger.spending(since="2026-11-21")
    assert (second.day, second.client, second.listing, second.stage, second.model) == (
        "2026-11-21",
        "aurora-estates",
        "villa-aurora",
        "clips",
        "google/veo-3.1-fast",
    )
    assert (second.requests, second.delivered, second.failed, second.cost_usd) == (2, 1, 1, Decimal("0.5"))
    assert (first.listing, first.reserved_usd) == ("villa-borea", Decimal("0.60"))
    assert ledger.spending(since="2026-11-22") == []
    assert ledger.spent(client="aurora-estates", day="2026-11-21").requests == 2
    assert [entry.payment.account.listing for entry in ledger.rows(listing="villa-borea")] == ["villa-borea"]
    assert ledger.rows(since=Clock(NOON).now)[0].created_at == NOON


# Real processes

CRASH = """
import os, signal, sys
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.schema import payments
from luxvid_pipeline_tests.ledger.asked import asked, brought_to
from luxvid_pipeline.domain.payments import PaymentState
ledger = SqlLedger(sys.argv[1])
for state in sys.argv[3:]:
    brought_to(ledger, PaymentState(state), asked(state))
print("ready", flush=True)
if sys.argv[2] == "exit":
    os._exit(9)
elif sys.argv[2] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def test_a_run_is_told_all_it_paid_for_a_scene_what_failed_and_what_it_took_up_included(ledger, neighbour, clock):
    def by(run, **scene):
        request = asked(**scene)
        return replace(request, account=replace(request.account, run_id=run))

    first = by("run-1")
    for what in (neighbour.claim(first), neighbour.submitting(KEY), neighbour.submitted(KEY, "p1")):
        assert what.ours
    neighbour.failed(KEY, "failed after it had run", cost_usd=Decimal("0.30"), may_retry=True)
    neighbour.claim(first)
    neighbour.submitting(KEY)
    neighbour.submitted(KEY, "p2")
    elsewhere = by("run-1", prompt="another", scene="4-bath")
    brought_to(neighbour, S.DELIVERED, elsewhere)
    clock.passes(LEASE.total_seconds() + 1)

    assert ledger.claim(by("run-2")).ours
    ledger.finished(KEY, Decimal("0.50"), {})
    spent = {run: ledger.spent_by(by(run).account) for run in ("run-1", "run-2", "")}
    assert spent["run-1"] == Spent(cost_usd=Decimal("0.30"), requests=1)
    assert spent["run-2"] == Spent(cost_usd=Decimal("0.50"), requests=1)
    assert spent[""] == Spent()
    whole_stage = replace(by("run-1").account, scene="")
    assert ledger.spent_by(whole_stage) == Spent(cost_usd=Decimal("0.80"), requests=2)


@pytest.mark.parametrize("end", ["exit", "kill", "zombie"])
def test_whatever_state_a_process_dies_in_the_next_one_goes_on_from_there(end, url, database):
    states = [str(state) for state in S if state is not S.PLANNED]
    command = [sys.executable, "-c", CRASH, url, "wait" if end == "zombie" else end, *states]
    dying = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert dying.stdout.readline() == b"ready\n"
    ledger = SqlLedger(database)
    if end == "zombie":
        for state in UNDER_WAY:
            assert not ledger.claim(asked(str(state))).ours, "its process still runs"
        os.kill(dying.pid, signal.SIGKILL)  # and nobody asks for its exit code yet
        os.waitid(os.P_PID, dying.pid, os.WEXITED | os.WNOWAIT)
    else:
        dying.wait()
    for state in states:
        claimed = ledger.claim(asked(state))
        assert (claimed.state, claimed.ours) == (S(state), S(state) in UNDER_WAY)
    spent = ledger.spent()
    assert spent.cost_usd == Decimal("0.50") * 2  # finished and delivered
    assert spent.reserved_usd == Decimal("0.60") * 4  # reserved, submitting, submitted, unknown
    dying.communicate()


def _forget(ledger: SqlLedger) -> None:
    """Empty the ledger between two cases of one test."""
    with ledger._database.writing() as connection:
        connection.execute(payments.delete())
