"""Whatever happens in whatever order: no budget is overrun, no request is sent twice, no dollar is lost."""

from collections import Counter
from decimal import Decimal
from random import Random

from luxvid_pipeline.domain.errors import BudgetExceededError, LedgerError
from luxvid_pipeline.domain.payments import STEPS, PaymentState
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.payments import LEASE, Decision, SqlLedger
from luxvid_pipeline.ledger.processes import Process
from luxvid_pipeline_tests.ledger.asked import Clock, asked

PROMPTS = ["one", "two", "three", "four", "five", "six"]
KEYS = [asked(prompt).key for prompt in PROMPTS]
LISTINGS = ["villa-aurora", "villa-borea"]
LISTING_USD, CLIENT_USD, DAY_USD = Decimal("1.50"), Decimal("2.00"), Decimal("2.50")
HOLDS_MONEY = {PaymentState.RESERVED, PaymentState.SUBMITTING, PaymentState.SUBMITTED}


class World:
    """Two processes of two machines, one ledger, and a vendor that remembers what it was sent."""

    def __init__(self, seed: int, database: Database):
        self.chance = Random(seed)
        self.clock = Clock()
        self.ledgers = [
            SqlLedger(
                database,
                client_budget_usd=CLIENT_USD,
                day_budget_usd=DAY_USD,
                clock=self.clock,
                process=lambda number=number: Process(f"machine-{number}/1/1", 7, "1"),
            )
            for number in range(2)
        ]
        self.booked = Decimal(0)
        self.in_flight: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()

    def lives(self, steps: int) -> None:
        happenings = {
            self.somebody_claims: 6,
            self.a_holder_goes_on: 14,
            self.somebody_tries_anything: 3,
            self.a_holder_lets_go: 2,
            self.a_person_decides: 2,
            self.time_passes: 1,
        }
        for _ in range(steps):
            self.chance.choices(list(happenings), list(happenings.values()))[0]()
            self.check()

    def somebody_claims(self) -> None:
        request = asked(
            self.chance.choice(PROMPTS),
            usd=self.chance.choice(["0.40", "0.70"]),
            listing=self.chance.choice(LISTINGS),
            client=self.chance.choice(["", "aurora-estates"]),
            budget_usd=str(LISTING_USD),
        )
        try:
            payment = self.chance.choice(self.ledgers).claim(request)
        except BudgetExceededError:
            self.seen["too dear"] += 1
            return
        self.seen[f"claimed {payment.state}" if payment.ours else "not ours"] += 1

    def a_holder_goes_on(self) -> None:
        held = [entry for entry in self.ledgers[0].rows() if entry.process]
        if held:
            entry = self.chance.choice(held)
            holder = self.ledgers[entry.process.startswith("machine-1")]
            steps = sorted(STEPS[entry.payment.state])
            if entry.payment.state is PaymentState.RESERVED:
                steps = [*steps, PaymentState.SUBMITTING, PaymentState.PLANNED]
            assert self._takes(holder, entry.payment.key, self.chance.choice(steps))

    def somebody_tries_anything(self) -> None:
        self._takes(self.chance.choice(self.ledgers), self.chance.choice(KEYS), self.chance.choice(list(PaymentState)))

    def a_holder_lets_go(self) -> None:
        self.chance.choice(self.ledgers).let_go([self.chance.choice(KEYS)])

    def a_person_decides(self) -> None:
        key = self.chance.choice(KEYS)
        row = self.ledgers[0].payment(key)
        try:
            settled = self.ledgers[0].settle(key, self.chance.choice(list(Decision)), by="maria", prediction_id="p1")
        except LedgerError:
            return
        self.seen["settled"] += 1
        self.booked += (settled.cost_usd or 0) - (row.cost_usd or 0)
        self.in_flight[key] = int(settled.state is not PaymentState.FAILED)

    def time_passes(self) -> None:
        self.clock.passes(self.chance.choice([1, LEASE.total_seconds() + 1, 86_400]))

    def _takes(self, ledger: SqlLedger, key: str, step: PaymentState) -> bool:
        """Take a step, and note what it means for the vendor and the books; returns whether it was allowed."""
        row = ledger.payment(key)
        cost_usd = row.reserved_usd * self.chance.choice([0, Decimal("0.5"), 1]) if row else Decimal(0)
        take = {
            PaymentState.PLANNED: lambda: ledger.release(key),
            PaymentState.RESERVED: lambda: ledger.not_sent(key, "refused"),
            PaymentState.SUBMITTING: lambda: ledger.submitting(key),
            PaymentState.SUBMITTED: lambda: ledger.submitted(key, "p1"),
            PaymentState.FINISHED: lambda: ledger.finished(key, cost_usd, {}),
            PaymentState.DELIVERED: lambda: ledger.delivered(key, "a.mp4", "ab" * 32),
            PaymentState.FAILED: lambda: ledger.failed(
                key, "no", cost_usd=cost_usd, may_retry=self.chance.random() < 0.8
            ),
            PaymentState.UNKNOWN: lambda: ledger.unknown(key, "who knows"),
        }[step]
        try:
            take()
        except LedgerError:
            return False
        self.seen[step.value] += 1
        if step is PaymentState.SUBMITTING:
            self.in_flight[key] += 1
        elif step in {PaymentState.RESERVED, PaymentState.FAILED}:
            self.in_flight[key] = 0
        if step in {PaymentState.FINISHED, PaymentState.FAILED}:
            self.booked += max(cost_usd - (row.cost_usd or 0), Decimal(0))
        return True

    def check(self) -> None:
        assert max(self.in_flight.values(), default=0) <= 1, "sent while an earlier one may still deliver"
        ledger = self.ledgers[0]
        assert ledger.spent().cost_usd == self.booked
        for limit, of in (
            (CLIENT_USD, {"client": "aurora-estates"}),
            (DAY_USD, {"day": self.clock().date().isoformat()}),
            *((LISTING_USD, {"listing": listing}) for listing in LISTINGS),
        ):
            sums = ledger.spent(**of)
            assert sums.cost_usd + sums.reserved_usd <= limit, of
        for entry in ledger.rows(latest=False):
            row = entry.payment
            is_held = row.state in HOLDS_MONEY or (row.state is PaymentState.UNKNOWN and row.cost_usd is None)
            assert row.reserved_usd == (entry.estimate_usd if is_held else 0), row


def test_money_is_conserved_whatever_happens_in_whatever_order(tmp_path):
    seen: Counter[str] = Counter()
    for seed in range(8):
        database = Database(f"sqlite:///{tmp_path}/{seed}.db")
        world = World(seed, database)
        world.lives(50)
        seen += world.seen
        database.close()
    for happening in (*PaymentState, "too dear", "not ours", "claimed submitting", "settled"):
        assert seen[happening] > 0, f"{happening} never happened, so nothing was shown"
