"""The commands about money: ``luxvid estimate``, ``luxvid costs`` and ``luxvid ledger``.

Belongs here: their arguments and what they print.
Does not belong here: estimating (``estimates.py``), the ledger (``ledger/``), other commands (``cli.py``).
"""

import asyncio
import dataclasses
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from luxvid_pipeline.terminal import JsonOption, named_path, one_line, out, progress_bars, user_name

if TYPE_CHECKING:
    from luxvid_pipeline.ledger.payments import Entry, Event, SqlLedger
    from luxvid_pipeline.resources.paid_services import PaidServices

_KEY_SHOWN = 12


def estimate(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", parser=named_path, help="Folder with the photos, and listing.yaml if there is one."
        ),
    ],
    listing: Annotated[str | None, typer.Option(help="Listing key, a-z 0-9 -; default: from the folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what FOLDER's film would cost with the chosen engines, by scene and in total; nothing is spent.

    What is paid for or made already costs nothing again. Where a price is uncertain, the range is shown. "At most" adds
    every further take, every retry that is paid and every fallback that is allowed; a budget stops them earlier.
    """
    from luxvid_pipeline.estimates import estimate as estimate_film  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    with progress_bars(show=not as_json) as board:
        found = estimate_film(folder, Settings.from_environment(), listing=listing, board=board)
    if as_json:
        typer.echo(
            json.dumps(
                {**_plain(dataclasses.asdict(found)), "fits": found.fits, "at_most_usd": float(found.at_most_usd)},
                indent=2,
            )
        )
        return
    table = Table("stage", "scene", "engine", box=None, pad_edge=False)
    table.add_column("expected", justify="right")
    table.add_column("at most", justify="right")
    table.add_column("note", overflow="fold")
    for line in found.lines:
        cost = _range(line.low_usd, line.expected_usd)
        most = _usd_up(line.high_usd)
        table.add_row(line.stage, line.scene or "–", escape(line.engine), cost, most, escape(line.note))
    table.add_row("", "", "in all", _range(found.low_usd, found.expected_usd), _usd_up(found.high_usd), "")
    out.print(table)
    left = found.budget_usd - found.spent_usd
    if not found.fits:
        verdict = "it does NOT fit: raise generation.budget_usd or choose other engines"
    elif found.high_usd > found.left_usd:
        verdict = f"it fits as expected, and the budget stops whatever would cost more than {_usd(found.left_usd)}"
    else:
        verdict = "it fits"
    money = f"{_usd(found.budget_usd)}, {_usd(found.spent_usd)} spent, {_usd(left)} left"
    out.print(f"Budget of {found.listing}: {money}; {verdict}")
    out.print(f"Photos chosen by {found.directed_by}.")


class By(StrEnum):
    """What costs are summed by."""

    DAY = "day"
    CLIENT = "client"
    LISTING = "listing"
    STAGE = "stage"
    MODEL = "model"


def costs(
    listing: Annotated[str | None, typer.Option(help="Only this listing.")] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="The last so many days.")] = 30,
    by: Annotated[By, typer.Option(help="Sum by this.")] = By.LISTING,
    as_json: JsonOption = False,
) -> None:
    """Say what was spent, from the ledger: requests, dollars booked and dollars still reserved."""
    since = (datetime.now(UTC) - timedelta(days=days - 1)).date().isoformat()
    book = _ledger()
    rows = [] if book.is_new else book.spending(since=since, listing=listing or "")
    sums: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"requests": 0, "delivered": 0, "failed": 0, "cost_usd": Decimal(0), "reserved_usd": Decimal(0)}
    )
    for row in rows:
        name = f"{row.vendor}: {row.model}" if by is By.MODEL else str(getattr(row, by.value)) or "–"
        for field in sums[name]:
            sums[name][field] += getattr(row, field)
    if as_json:
        typer.echo(json.dumps(_plain({"since": since, "by": by.value, "sums": dict(sorted(sums.items()))}), indent=2))
        return
    if not sums:
        out.print(f"Nothing was spent{f' on {escape(listing)}' if listing else ''} since {since}.")
        return
    table = Table(by.value, box=None, pad_edge=False)
    for heading in ("requests", "delivered", "failed", "spent", "reserved"):
        table.add_column(heading, justify="right")
    for name, row in sorted(sums.items()):
        counts = [str(row[field]) for field in ("requests", "delivered", "failed")]
        table.add_row(escape(name), *counts, _usd(row["cost_usd"]), _usd(row["reserved_usd"]))
    spent = sum((row["cost_usd"] for row in sums.values()), Decimal(0))
    reserved = sum((row["reserved_usd"] for row in sums.values()), Decimal(0))
    table.add_row("in all", "", "", "", _usd(spent), _usd(reserved))
    out.print(table)


ledger = typer.Typer(
    help="Look at paid requests, and decide about those that nobody can settle by itself.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class StateOption(StrEnum):
    """States a row can be asked for by."""

    RESERVED = "reserved"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@ledger.command("list")
def list_rows(
    state: Annotated[StateOption | None, typer.Option(help="Only rows in this state.")] = None,
    listing: Annotated[str | None, typer.Option(help="Only rows this listing pays for.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List paid requests, the latest attempt of each; those that wait for a decision are marked."""
    from luxvid_pipeline.domain.payments import PaymentState  # noqa: PLC0415 - with the database

    wanted = PaymentState(state.value) if state is not None else None
    book = _ledger()
    rows = [] if book.is_new else book.rows(state=wanted, listing=listing or "")
    if as_json:
        typer.echo(json.dumps([_row(row) for row in rows], indent=2))
        return
    if not rows:
        out.print("No paid requests." if state is None and listing is None else "No such paid requests.")
        return
    table = Table("request", "when", "listing", "stage", "model", "state", box=None, pad_edge=False)
    table.add_column("cost", justify="right")
    table.add_column("why", overflow="fold")
    for row in rows:
        paid = row.payment
        needs = paid.state is PaymentState.UNKNOWN or row.is_abandoned
        told = f"{paid.state.value} (decide)" if paid.state is PaymentState.UNKNOWN else paid.state.value
        cost = _usd(paid.cost_usd) if paid.cost_usd is not None else f"({_usd(paid.reserved_usd)})"
        why = paid.reason or ("its process is gone; the next run goes on from here" if needs else "")
        scene = f"{paid.account.stage} {paid.account.scene}".strip()
        table.add_row(
            paid.key[:_KEY_SHOWN],
            f"{row.created_at:%Y-%m-%d %H:%M}",
            paid.account.listing,
            scene,
            f"{paid.vendor}: {paid.model}",
            told,
            cost,
            escape(one_line(why)),
        )
    out.print(table)


@ledger.command()
def show(
    key: Annotated[str, typer.Argument(metavar="REQUEST", help="A request's key, or enough of its beginning.")],
    as_json: JsonOption = False,
) -> None:
    """Show everything that happened to one paid request."""
    events = _history(_ledger(), key)
    if as_json:
        typer.echo(json.dumps([_plain(dataclasses.asdict(event)) for event in events], indent=2))
        return
    for event in events:
        cost = f" cost {_usd(event.cost_usd)}" if event.cost_usd is not None else ""
        held = f" reserved {_usd(event.reserved_usd)}" if event.reserved_usd else ""
        out.print(
            f"{event.at:%Y-%m-%d %H:%M:%S}  {event.key[:_KEY_SHOWN]} attempt {event.attempt}  {event.state:10}"
            f"{cost}{held}  {escape(one_line(event.what))}  ({escape(event.by)})"
        )


class DecisionOption(StrEnum):
    """What a person can have found out."""

    FOUND = "found"
    LOST = "lost"
    NEVER = "never"


@ledger.command()
def settle(
    key: Annotated[str, typer.Argument(metavar="REQUEST", help="A request's key, or enough of its beginning.")],
    decision: Annotated[
        DecisionOption,
        typer.Argument(
            help="found: the vendor has it (give --prediction); lost: it was paid for and its result is gone; "
            "never: the vendor never heard it, or charged nothing."
        ),
    ],
    because: Annotated[str, typer.Option(help="How you know; kept in the history.")],
    prediction: Annotated[str, typer.Option(help="The vendor's id of it, for 'found'.")] = "",
    cost: Annotated[float | None, typer.Option(min=0, max=1e6, help="What it cost in dollars, for 'lost'.")] = None,
    by: Annotated[str, typer.Option(help="Who decides; default: the user of this computer.")] = "",
) -> None:
    """Decide about a request of which nobody can tell whether it was paid for.

    What you found is compared with what the vendor says of it.
    """
    from luxvid_pipeline.ledger.payments import Decision  # noqa: PLC0415 - with the database

    services = _services()
    book = services.ledger
    _history(book, key)
    if decision is DecisionOption.FOUND and prediction:
        _check_may_be(services, key, prediction)
    settled = book.settle(
        key,
        Decision(decision.value),
        by=by or user_name(),
        why=because,
        prediction_id=prediction,
        cost_usd=Decimal(str(cost)) if cost is not None else None,
    )
    what = (
        "the next run fetches its result" if decision is DecisionOption.FOUND else "the next run may ask for it again"
    )
    out.print(f"{settled.key[:_KEY_SHOWN]} is {settled.state.value} now; {what}.")


def _history(book: "SqlLedger", key: str) -> "Sequence[Event]":
    """What happened to a request.

    Raises:
        BadParameter: There is no such request.
    """
    events = [] if book.is_new else book.history(key)
    if not events:
        raise typer.BadParameter(f"no paid request begins with {key!r}; see 'luxvid ledger list'")
    return events


def _check_may_be(services: "PaidServices", key: str, prediction: str) -> None:
    """Return if the vendor's prediction may be the one of a request.

    Raises:
        BadParameter: The vendor gives nothing out a second time.
        InputError: It is another one.
    """
    from luxvid_pipeline.providers.replicate.left_overs import order_of  # noqa: PLC0415 - loads replicate
    from luxvid_pipeline.providers.replicate.predictions import check_may_be  # noqa: PLC0415 - beside it

    payment = services.ledger.payment_beginning(key)
    if payment.vendor != "replicate":
        raise typer.BadParameter(
            f"an answer of {payment.vendor} cannot be fetched; settle it as lost, or as never if nothing was billed"
        )
    asyncio.run(check_may_be(order_of(payment), services.replicate, prediction))


def _ledger() -> "SqlLedger":
    return _services().ledger


def _services() -> "PaidServices":
    from luxvid_pipeline.resources.paid_services import PaidServices  # noqa: PLC0415 - loads SQLAlchemy
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    return PaidServices(Settings.from_environment())


def _row(row: "Entry") -> dict[str, Any]:
    values = dataclasses.asdict(row)
    payment = values.pop("payment")
    return _plain({**payment, **values})


def _plain(value: Any) -> Any:
    """JSON's types; dollars as numbers with all their digits in a string would be of no use to a spreadsheet."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def _usd(amount: Decimal) -> str:
    cents = f"${amount:.2f}"
    return cents if amount == amount.quantize(Decimal("0.01")) else f"${amount:.4f}"


def _usd_up(amount: Decimal) -> str:
    return _usd(amount.quantize(Decimal("0.0001"), rounding=ROUND_CEILING))


def _range(low: Decimal, high: Decimal) -> str:
    return _usd(high) if low == high else f"{_usd(low)} to {_usd(high)}"
