"""Paid requests and ledgers for the ledger's tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest, Payment, PaymentState
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.processes import Process

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ELSEWHERE = Process("another-machine/1a2b3c4d/1", 4711, "99")


class Clock:
    """A time that tests set."""

    def __init__(self, now: datetime = NOON):
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def asked(
    prompt: str = "a slow push-in",
    *,
    usd: str = "0.60",
    listing: str = "villa-aurora",
    client: str = "",
    budget_usd: str | None = None,
    scene: str = "1-arrival",
) -> PaidRequest:
    return PaidRequest(
        vendor="replicate",
        model="google/veo-3.1-fast",
        input={"prompt": prompt, "image": "sha256:" + "ab" * 32},
        account=Account(
            listing=listing,
            client=client,
            stage="clips",
            scene=scene,
            budget_usd=None if budget_usd is None else Decimal(budget_usd),
        ),
        estimate=Estimate(low_usd=Decimal(usd) / 2, high_usd=Decimal(usd)),
    )


def brought_to(ledger: SqlLedger, state: PaymentState, request: PaidRequest, *, cost: str = "0.50") -> Payment:
    """The request's row, taken to ``state`` by the ledger's own process."""
    payment = ledger.claim(request)
    for step in {
        PaymentState.RESERVED: "",
        PaymentState.SUBMITTING: "s",
        PaymentState.SUBMITTED: "si",
        PaymentState.FINISHED: "sif",
        PaymentState.DELIVERED: "sifd",
        PaymentState.FAILED: "sx",
        PaymentState.UNKNOWN: "su",
    }[state]:
        payment = {
            "s": lambda: ledger.submitting(request.key),
            "i": lambda: ledger.submitted(request.key, "p1"),
            "f": lambda: ledger.finished(request.key, Decimal(cost), {"predict_time": 9.5}),
            "d": lambda: ledger.delivered(request.key, f"{request.key}.mp4", "cd" * 32),
            "x": lambda: ledger.failed(request.key, "refused: no faces"),
            "u": lambda: ledger.unknown(request.key, "the connection broke"),
        }[step]()
    return payment
