"""Rows of the ledger whose process is gone: fetched, booked or dropped, without anything being sent again.

Belongs here: finding such rows, settling each with its vendor, the job that does so.
Does not belong here: how one is settled (``providers/``), when the job runs (``schedules.py``), what a person decides
(``luxvid ledger settle``).

============  ===================================  ==============================================================
row is        and                                  becomes
============  ===================================  ==============================================================
reserved      never left                           dropped, its money free again
submitting    the vendor's list has it             submitted, then as below
submitting    the vendor's list does not           dropped: it was never heard
submitted     it still runs                        left for the next time; cancelled by ``luxvid cancel``
submitted     it ended                             delivered to the shelf, or failed with what it cost
finished      its result is still there            delivered to the shelf
finished      its result is gone                   failed as lost, its cost stays booked
(xAI, OpenAI) nobody heard the answer              failed, booked at its upper end (docs/decisions/0008)
(xAI, OpenAI) the answer waits for room            delivered to the shelf once there is some
unknown                                            stays: a person decides
============  ===================================  ==============================================================
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import dagster as dg

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    LuxVidError,
    NoCreditError,
    PermanentProviderError,
    ProviderError,
)
from luxvid_pipeline.domain.payments import ZERO_USD, Payment, PaymentState
from luxvid_pipeline.ledger.payments import Entry
from luxvid_pipeline.resources.paid_services import PaidServices

_AT_ONCE = 4
_GONE = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of one row.

    Attributes:
        key: The request's digest.
        what: Model, scene and listing in words.
        listing: Whose it is.
        was: Its state before.
        became: Its state now; ``released`` where it was dropped.
        cost_usd: What is booked for it, in dollars.
        note: Why it is not settled, or why it failed; empty where all is well.
        open: Whether it still has to be settled.
    """

    key: str
    what: str
    listing: str
    was: str
    became: str
    cost_usd: Decimal = ZERO_USD
    note: str = ""
    open: bool = False

    def __str__(self) -> str:
        """Return it as one line."""
        change = self.became if self.was == self.became else f"{self.was} is now {self.became}"
        cost = f", ${self.cost_usd:.4f}" if self.cost_usd else ""
        return f"{self.what} ({self.key[:12]}): {change}{cost}" + (f": {self.note}" if self.note else "")


def left_over(services: PaidServices, *, listing: str = "") -> list[Entry]:
    """Return the rows that nobody works on any more and that are not at their end, oldest first.

    Args:
        services: Where the ledger is; a ledger that nobody has written to is left unmade.
        listing: Only what this listing pays for.
    """
    if services.ledger.is_new:
        return []
    return [row for row in services.ledger.rows(listing=listing) if row.is_abandoned]


def settle_left_overs(services: PaidServices, *, listing: str = "", cancel: bool = False) -> list[Settled]:
    """Settle every row whose process is gone; one that cannot be settled now is said so and left for the next time.

    Args:
        services: Ledger, shelf and vendors.
        listing: Only what this listing pays for.
        cancel: Whether predictions that still run are cancelled.

    Raises:
        LedgerError: The ledger cannot be read or written.
    """
    rows = left_over(services, listing=listing)
    theirs = [row for row in rows if row.payment.vendor == "replicate"]
    told = [_answer_settled(services, row) for row in rows if row.payment.vendor != "replicate"]
    return [*told, *_predictions_settled(services, theirs, cancel=cancel)]


def waiting_for_a_person(services: PaidServices, *, listing: str = "") -> list[Settled]:
    """Return the rows of which nobody can tell whether they were paid for."""
    if services.ledger.is_new:
        return []
    rows = services.ledger.rows(state=PaymentState.UNKNOWN, listing=listing)
    return [outcome(row, row.payment, note="decide with 'luxvid ledger settle'", is_open=True) for row in rows]


def _answer_settled(services: PaidServices, row: Entry) -> Settled:
    from luxvid_pipeline.providers.vision.left_overs import settle_left_over  # noqa: PLC0415 - loads the openai package

    try:
        return outcome(row, settle_left_over(row.payment.key, services.ledger, services.shelf))
    except LuxVidError as error:
        return outcome(row, row.payment, note=str(error), is_open=True)
    except Exception as error:  # as below
        return _unexpected(row, error)


def _predictions_settled(services: PaidServices, rows: Sequence[Entry], *, cancel: bool) -> list[Settled]:
    never_left = [row for row in rows if row.payment.state is PaymentState.RESERVED]
    if never_left:
        services.ledger.drop_abandoned_reservations()
    dropped = [outcome(row, services.ledger.payment(row.payment.key)) for row in never_left]
    sent = [row for row in rows if row.payment.state is not PaymentState.RESERVED]
    return [*dropped, *(asyncio.run(_asked(services, sent, cancel=cancel)) if sent else ())]


async def _asked(services: PaidServices, rows: Sequence[Entry], *, cancel: bool) -> list[Settled]:
    from luxvid_pipeline.providers.replicate.left_overs import order_of  # noqa: PLC0415 - loads replicate
    from luxvid_pipeline.providers.replicate.predictions import settle_left_over  # noqa: PLC0415 - beside it

    try:
        desk = services.replicate
    except LuxVidError as error:
        return [outcome(row, row.payment, note=f"not asked: {error}", is_open=True) for row in rows]
    at_once = asyncio.Semaphore(_AT_ONCE)
    stopped: list[str] = []

    async def settled(row: Entry) -> Settled:
        async with at_once:
            if stopped:
                return outcome(row, row.payment, note=f"not asked: {stopped[0]}", is_open=True)
            try:
                found = await settle_left_over(order_of(row.payment), desk, cancel=cancel)
            except LuxVidError as error:
                # A vendor that does not answer one question does not answer the next; a wrong input is its row's own.
                if isinstance(error, ProviderError) and not _only_its_own(error):
                    stopped.append(str(error))
                return outcome(row, row.payment, note=str(error), is_open=True)
            except Exception as error:  # one row that nobody thought of must not hold up all the others
                return _unexpected(row, error)
            return outcome(row, found)

    return list(await asyncio.gather(*map(settled, rows)))


def _unexpected(row: Entry, error: Exception) -> Settled:
    note = f"it cannot be settled ({type(error).__name__}: {error}); report this"
    return outcome(row, row.payment, note=note, is_open=True)


def _only_its_own(error: ProviderError) -> bool:
    return isinstance(error, PermanentProviderError) and not isinstance(error, BadKeyError | NoCreditError)


def outcome(row: Entry, now: Payment | None, *, note: str = "", is_open: bool = False) -> Settled:
    """Return what became of a row.

    Args:
        row: As it was.
        now: As it is; None where it was dropped.
        note: Why it is not settled.
        is_open: Whether it still has to be.
    """
    was = row.payment
    where = "/".join(filter(None, (was.account.listing, was.account.scene)))
    still_runs = now is not None and now.state is PaymentState.SUBMITTED and not note
    return Settled(
        key=was.key,
        what=f"{was.model} for {where}",
        listing=was.account.listing,
        was=was.state.value,
        became=_GONE if now is None else now.state.value,
        cost_usd=ZERO_USD if now is None else now.cost_usd or ZERO_USD,
        note=note or ("it still runs at the vendor" if still_runs else "" if now is None else now.reason),
        open=is_open or still_runs,
    )


@dg.op(description="Settle the ledger's rows whose process is gone, with their vendors; nothing is sent again.")
def settle_rows(context: dg.OpExecutionContext, paid_services: dg.ResourceParam[PaidServices]) -> None:
    """Settle what is left over and say what became of each row."""
    settled = settle_left_overs(paid_services)
    for row in settled:
        (context.log.warning if row.open else context.log.info)(str(row))
    people = waiting_for_a_person(paid_services)
    for row in people:
        context.log.warning(str(row))
    context.add_output_metadata(
        {
            "settled": sum(not row.open for row in settled),
            "left_for_later": sum(row.open for row in settled),
            "waiting_for_a_person": len(people),
            "cost_usd": float(sum((row.cost_usd for row in settled), ZERO_USD)),
        }
    )


@dg.job(
    name="reconcile_ledger_job",
    executor_def=dg.in_process_executor,
    # It takes a moment, and frees money that listings wait for: never behind a queue of films.
    tags={"dagster/priority": "50"},
    description="Settle paid requests whose process is gone: fetch what was made, book what it cost, free what was "
    "reserved. Runs every ten minutes where something is left over.",
)
def reconcile_ledger_job() -> None:
    """Settle what is left over."""
    settle_rows()
