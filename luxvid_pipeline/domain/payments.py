"""Paid requests: what is asked of a vendor for money, and the rules by which it is never paid for twice.

Belongs here: the value that identifies a paid request, its states, and the ports of the ledger, the shelf of paid
results and the rate limits.
Does not belong here: prices (``pricing.py``), the database (``ledger/``), any vendor's wire format (``providers/``).

A paid request lives in these states, each written down before the step it announces::

    planned ─► reserved ─► submitting ─► submitted ─► finished ─► delivered
                  │             │            │            │
                  └─────────────┼────────────┼────────────┼─► failed (with a reason)
                                └────────────┴────────────┴─► unknown (nobody can tell what became of it)

``reserved`` holds the estimate's upper end against every budget. ``submitting`` is written before the request leaves,
``submitted`` as soon as the vendor's id is known; an answer that comes with the reply is ``finished`` at once. Only a
row that never got as far as ``submitting`` may be sent without asking the vendor first.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from luxvid_pipeline.domain.keys import digest

ZERO_USD = Decimal(0)


_AS_HIGH = Decimal(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a request, or work that takes several, will cost in US dollars; all equal where nothing is uncertain.

    Attributes:
        low_usd: Least, if nothing has to be asked for twice.
        high_usd: Most: of one request what is reserved for it; of work all that may be asked for without asking a
            person again, second takes, retries that are paid and fallbacks included.
        expected_usd: Upper end if nothing has to be asked for twice; ``high_usd`` unless given.
    """

    low_usd: Decimal
    high_usd: Decimal
    expected_usd: Decimal = _AS_HIGH

    def __post_init__(self) -> None:
        """Fill in what was not given."""
        if self.expected_usd is _AS_HIGH:
            object.__setattr__(self, "expected_usd", self.high_usd)

    def __add__(self, other: "Estimate") -> "Estimate":
        """Return the estimate of both together."""
        return Estimate(
            low_usd=self.low_usd + other.low_usd,
            expected_usd=self.expected_usd + other.expected_usd,
            high_usd=self.high_usd + other.high_usd,
        )

    def at_most(self, times: int) -> "Estimate":
        """Return the estimate of something that is expected to be asked for once, and may be ``times`` times."""
        return replace(self, high_usd=self.high_usd * times)

    @property
    def spare(self) -> "Estimate":
        """The estimate of what is only asked for if something else fails: expected to cost nothing."""
        return Estimate(low_usd=ZERO_USD, expected_usd=ZERO_USD, high_usd=self.high_usd)


FREE = Estimate(low_usd=ZERO_USD, high_usd=ZERO_USD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whom a request is charged to.

    Attributes:
        listing: Listing key; its budget is ``generation.budget_usd``.
        client: The manifest's ``client``; empty if it names none.
        stage: ``tagger``, ``writer``, ``selector``, ``clips``, ``score`` or ``images``.
        scene: Scene key, or the score's stage; empty for a whole listing.
        run_id: The Dagster run that asked; empty outside one.
        budget_usd: What the listing may cost in all; None for no limit of its own.
    """

    listing: str
    client: str = ""
    stage: str = ""
    scene: str = ""
    run_id: str = ""
    budget_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one run has paid for one piece of work, attempts that failed included.

    Attributes:
        cost_usd: In dollars.
        requests: Attempts that cost something.
    """

    cost_usd: Decimal = ZERO_USD
    requests: int = 0


SpentBy = Callable[[Account], Spent]
"""Answers what the run, stage and scene of an account have cost so far: the ledger's own sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidRequest:
    """One request that costs money.

    Attributes:
        vendor: ``replicate``, ``xai`` or ``openai``.
        model: The vendor's name of it, ``google/veo-3.1-fast``.
        version: The version asked for; empty where the vendor does not let one choose.
        input: Everything that decides the result, canonical: JSON values, each file as ``sha256:<hex>``.
        account: Who pays. Not part of the identity: what one listing paid for serves another.
        estimate: What it may cost.
    """

    vendor: str
    model: str
    version: str = ""
    input: Mapping[str, Any]
    account: Account
    estimate: Estimate

    @property
    def key(self) -> str:
        """Digest of vendor, model, version and input: equal keys are the same request."""
        return digest({"vendor": self.vendor, "model": self.model, "version": self.version, "input": dict(self.input)})


class PaymentState(StrEnum):
    """How far a paid request is; see the module's picture."""

    PLANNED = "planned"
    RESERVED = "reserved"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


# Where a row may go from where it is. ``planned`` is never written: an estimate holds nothing.
STEPS: Mapping[PaymentState, frozenset[PaymentState]] = {
    PaymentState.PLANNED: frozenset({PaymentState.RESERVED}),
    PaymentState.RESERVED: frozenset({PaymentState.SUBMITTING, PaymentState.FAILED}),
    # An answer that comes with the reply is finished at once.
    PaymentState.SUBMITTING: frozenset(
        {
            PaymentState.RESERVED,
            PaymentState.SUBMITTED,
            PaymentState.FINISHED,
            PaymentState.FAILED,
            PaymentState.UNKNOWN,
        }
    ),
    # Unknown also when the vendor does not know its own id any more.
    PaymentState.SUBMITTED: frozenset({PaymentState.FINISHED, PaymentState.FAILED, PaymentState.UNKNOWN}),
    PaymentState.FINISHED: frozenset({PaymentState.DELIVERED, PaymentState.FAILED, PaymentState.UNKNOWN}),
    PaymentState.DELIVERED: frozenset(),
    PaymentState.FAILED: frozenset(),
    PaymentState.UNKNOWN: frozenset(),
}
# Somebody is working on these rows, or was when its process ended.
UNDER_WAY = frozenset({PaymentState.RESERVED, PaymentState.SUBMITTING, PaymentState.SUBMITTED, PaymentState.FINISHED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One row of the ledger, as it stands.

    Attributes:
        key: The request's digest.
        state: How far it is.
        ours: Whether this process may take the next step; otherwise another live process is on it.
        vendor: As in the request.
        model: As in the request.
        version: As in the request.
        input: As in the request.
        account: Who pays.
        attempt: 1 for the first time it was sent, rising each time it is sent again after a failure.
        reserved_usd: Held against the budgets until the cost is known.
        cost_usd: What it cost; None until known.
        prediction_id: The vendor's id; empty before ``submitted``.
        sending_since: When ``submitting`` was written (UTC), by the clock of the machine that wrote it.
        clock_ahead_s: By how many seconds that clock was ahead of the vendor's then; None where nobody knew.
        result: Name of the result on the shelf; empty before ``delivered``.
        sha256: Hash of the result.
        metrics: What the vendor reported (seconds, tokens).
        held: A short result itself while it is not on the shelf yet: it can be fetched from nowhere else.
        reason: Why it failed or is unknown.
    """

    key: str
    state: PaymentState
    ours: bool
    vendor: str
    model: str
    version: str
    input: Mapping[str, Any]
    account: Account
    attempt: int
    reserved_usd: Decimal
    cost_usd: Decimal | None = None
    prediction_id: str = ""
    sending_since: datetime | None = None
    clock_ahead_s: float | None = None
    result: str = ""
    sha256: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    held: str = ""
    reason: str = ""


class Ledger(Protocol):
    """Every paid request and what came of it. Each call is one short transaction, safe across processes.

    Steps are only taken by the process that holds the claim; a step on somebody else's claim raises ``LedgerError``.
    """

    def claim(self, request: PaidRequest) -> Payment:
        """Ask to make a request; returns its row, and whether this process may go on with it.

        - New, or failed for a reason that allows another try: ``reserved``, ours, the estimate held against the
          budgets of listing, client and day.
        - ``reserved`` … ``finished`` and its process is gone: the same state, now ours. The caller goes on from
          there: ``submitting`` has to be settled with the vendor first.
        - In another live process's hands: its state, not ours; look again later with ``payment``.
        - ``delivered``: the row, nothing reserved, nothing to pay.
        - ``failed`` for good (refused content, invalid input): the row, not ours; it would fail again.
        - ``unknown``: the row, not ours; a person decides.

        Raises:
            BudgetExceededError: The estimate's upper end does not fit; the message has the numbers. Nothing is kept.
        """
        ...

    def adopt(self, key: str) -> Payment:
        """Take up a row whose process is gone and whose request nobody asks for any more, to settle it.

        Raises:
            LedgerError: There is no such row.
        """
        ...

    def payment(self, key: str) -> Payment | None:
        """Return the row as it stands, or None; ``ours`` is False, since only ``claim`` gives it into one's hands."""
        ...

    def on_rows(self, prediction_ids: Collection[str]) -> frozenset[str]:
        """Return those of the vendor's ids that stand on a row, of any request and any attempt."""
        ...

    def submitting(self, key: str, *, clock_ahead_s: float | None = None) -> Payment:
        """Write down that the request is about to leave, and how far our clock is ahead of the vendor's, if known."""
        ...

    def not_sent(self, key: str, reason: str) -> Payment:
        """Write down that it certainly never reached the vendor: back to ``reserved``, still ours."""
        ...

    def submitted(self, key: str, prediction_id: str) -> Payment:
        """Write down the vendor's id."""
        ...

    def finished(self, key: str, cost_usd: Decimal, metrics: Mapping[str, Any], *, held: str = "") -> Payment:
        """Write down that the vendor made it, and what it cost; the reservation becomes the cost.

        Args:
            key: The request's digest.
            cost_usd: In dollars.
            metrics: What the vendor reported.
            held: The result itself, where it is a short text; kept until the row is at its end.
        """
        ...

    def delivered(self, key: str, result: str, sha256: str) -> Payment:
        """Write down that the result is on the shelf; the claim ends."""
        ...

    def failed(self, key: str, reason: str, *, cost_usd: Decimal = ZERO_USD, may_retry: bool = False) -> Payment:
        """Write down that nothing will come of it, what it cost all the same, and whether it may be sent again."""
        ...

    def unknown(self, key: str, reason: str) -> Payment:
        """Write down that nobody knows whether the vendor heard it; the reservation stays until a person decides."""
        ...

    def release(self, key: str) -> None:
        """Give up a claim that never left (``reserved``): reservation and row go."""
        ...

    def keep_alive(self, keys: Sequence[str]) -> None:
        """Say that this process still works on these rows; at least once a minute while it waits."""
        ...

    def let_go(self, keys: Sequence[str]) -> None:
        """Stop working on these rows without a result: whoever claims one next goes on from its state.

        For the ``finally`` of whoever was given them by ``claim``, and nobody else: another task of the same process
        may hold them. Rows of other processes, or already at their end, are left as they are. Without it a task that
        broke off keeps its claim from the other tasks of its own process until the lease ends.
        """
        ...


class Shelf(Protocol):
    """Where paid results are kept for good, by name, with their hash; shared by all listings."""

    def check_room(self) -> None:
        """Return if a result could be kept, as far as can be told beforehand; asked before anything is paid for.

        Raises:
            StorageError: It certainly could not; the message names the place and the remedy.
        """
        ...

    def keep(self, name: str, file: Path) -> str:
        """Take a copy of ``file`` under ``name`` (``<key>.mp4``) and return its SHA-256.

        Raises:
            StorageError: It could not be kept: disk full, no permission, storage unreachable.
        """
        ...

    def fetch(self, name: str, sha256: str) -> Path | None:
        """Return a local path of the result, checked against its hash, or None if it is gone or damaged."""
        ...


class RateLimits(Protocol):
    """Token buckets shared by all processes of this machine."""

    async def wait(self, bucket: str, *, deadline_s: float) -> None:
        """Wait for a token of ``bucket`` (``replicate:create``).

        Raises:
            RetryableProviderError: None became free within the deadline.
        """
        ...

    def throttled(self, bucket: str, retry_after_s: float, *, low_credit: bool = False) -> None:
        """Hear that the vendor said 429: nobody takes a token before then; ``low_credit`` drops to 6 a minute."""
        ...
