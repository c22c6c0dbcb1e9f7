"""Whatever happens in whatever order: no budget is overrun, no request is sent twice, no dollar is lost."""

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from luxvid_pipeline.domain.errors import BudgetExceededError, LedgerError
from luxvid_pipeline.domain.payments import PaymentState
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.payments import LEASE, Decision, SqlLedger
from luxvid_pipeline.ledger.processes import Process
from luxvid_pipeline_tests.ledger.asked import Clock, asked

PROMPTS = ["one", "two", "three"]
LISTINGS = ["villa-aurora", "villa-borea"]
LISTING_USD, CLIENT_USD, DAY_USD = Decimal("1.50"), Decimal("2.20"), Decimal("2.50")

requests = st.builds(
    asked,
    prompt=st.sampled_from(PROMPTS),
    usd=st.sampled_from(["0.40", "0.70"]),
    listing=st.sampled_from(LISTINGS),
    client=st.sampled_from(["", "aurora-estates"]),
    budget_usd=st.just(str(LISTING_USD)),
)
keys = st.sampled_from([asked(prompt).key for prompt in PROMPTS])
workers = st.integers(0, 1)


class Money(RuleBasedStateMachine):
    """Two processes of two machines, one ledger, and a vendor that remembers what it was sent."""

    @initialize()
    def open_ledger(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.database = Database(f"sqlite:///{Path(self.folder.name)}/ledger.db")
        self.ledgers = [
            SqlLedger(
                self.database,
                client_budget_usd=CLIENT_USD,
                day_budget_usd=DAY_USD,
                clock=self.clock,
                process=lambda number=number: Process(f"machine-{number}/1/1", 7, "1"),
            )
            for number in range(2)
        ]
        self.booked = Decimal(0)
        self.in_flight = dict.fromkeys((asked(prompt).key for prompt in PROMPTS), 0)

    def teardown(self):
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    @rule(worker=workers, request=requests)
    def claim(self, worker, request):
        before = self.ledgers[0].payment(request.key)
        try:
            payment = self.ledgers[worker].claim(request)
        except BudgetExceededError:
            after = self.ledgers[0].payment(request.key)
            # An abandoned reservation may have gone; nothing else changes.
            assert after == before or before.state is PaymentState.RESERVED
            return
        assert payment.ours <= (payment.state not in {PaymentState.DELIVERED, PaymentState.UNKNOWN})

    @rule(worker=workers, key=keys, heard=st.booleans())
    def send(self, worker, key, heard):
        if self._done(worker, "submitting", key):
            self.in_flight[key] += 1
            assert self.in_flight[key] == 1, "sent while an earlier one may still deliver"
            if heard:
                assert self._done(worker, "submitted", key, "p1")

    @rule(worker=workers, key=keys)
    def find(self, worker, key):
        self._done(worker, "submitted", key, "p1")

    @rule(worker=workers, key=keys)
    def not_sent(self, worker, key):
        if self._done(worker, "not_sent", key, "refused"):
            self.in_flight[key] -= 1

    @rule(worker=workers, key=keys, share=st.sampled_from(["0", "0.5", "1"]))
    def finish(self, worker, key, share):
        row = self.ledgers[0].payment(key)
        if row and self._done(worker, "finished", key, row.reserved_usd * Decimal(share), {}):
            self.booked += row.reserved_usd * Decimal(share)

    @rule(worker=workers, key=keys)
    def deliver(self, worker, key):
        self._done(worker, "delivered", key, "a.mp4", "ab" * 32)

    @rule(worker=workers, key=keys, may_retry=st.booleans(), share=st.sampled_from(["0", "1"]))
    def fail(self, worker, key, may_retry, share):
        row = self.ledgers[0].payment(key)
        cost_usd = row.reserved_usd * Decimal(share) if row else Decimal(0)
        if self._done(worker, "failed", key, "no", cost_usd=cost_usd, may_retry=may_retry):
            self.booked += max(cost_usd - (row.cost_usd or 0), Decimal(0))
            self.in_flight[key] = 0

    @rule(worker=workers, key=keys)
    def lose_sight(self, worker, key):
        self._done(worker, "unknown", key, "who knows")

    @rule(worker=workers, key=keys)
    def give_up(self, worker, key):
        self._done(worker, "release", key)

    @rule(worker=workers, key=keys)
    def let_go(self, worker, key):
        self.ledgers[worker].let_go([key])

    @rule(key=keys, decision=st.sampled_from(Decision))
    def decide(self, key, decision):
        row = self.ledgers[0].payment(key)
        try:
            settled = self.ledgers[0].settle(key, decision, by="maria", prediction_id="p1")
        except LedgerError:
            return
        self.booked += (settled.cost_usd or Decimal(0)) - (row.cost_usd or Decimal(0))
        if settled.state is PaymentState.FAILED:
            self.in_flight[key] = 0
        else:
            self.in_flight[key] = 1

    @rule(seconds=st.sampled_from([1, LEASE.total_seconds() + 1, 86_400]))
    def time_passes(self, seconds):
        self.clock.passes(seconds)

    @invariant()
    def the_books_agree_with_what_happened(self):
        if hasattr(self, "ledgers"):
            assert self.ledgers[0].spent().cost_usd == self.booked

    @invariant()
    def no_budget_is_overrun(self):
        if not hasattr(self, "ledgers"):
            return
        ledger = self.ledgers[0]
        day = self.clock().date().isoformat()
        for limit, of in (
            (CLIENT_USD, {"client": "aurora-estates"}),
            (DAY_USD, {"day": day}),
            *((LISTING_USD, {"listing": listing}) for listing in LISTINGS),
        ):
            sums = ledger.spent(**of)
            assert sums.cost_usd + sums.reserved_usd <= limit, of

    @invariant()
    def only_what_is_not_settled_holds_money(self):
        if not hasattr(self, "ledgers"):
            return
        for entry in self.ledgers[0].rows(latest=False):
            row = entry.payment
            held = row.state in {
                PaymentState.RESERVED,
                PaymentState.SUBMITTING,
                PaymentState.SUBMITTED,
            } or (row.state is PaymentState.UNKNOWN and row.cost_usd is None)
            assert row.reserved_usd == (entry.estimate_usd if held else 0), row

    def _done(self, worker, step, key, *args, **kwargs):
        try:
            getattr(self.ledgers[worker], step)(key, *args, **kwargs)
        except LedgerError:
            return False
        return True


TestMoney = Money.TestCase
TestMoney.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
