"""The commands with which a person steps in: ``luxvid cancel`` and ``luxvid retry``.

Belongs here: their arguments and what they print.
Does not belong here: what they do (``listing_operations.py``), directing (``cli_direction.py``).
"""

import dataclasses
import json
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape

from luxvid_pipeline.terminal import JsonOption, err, out, progress_bars

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Listing key.")]


def cancel(
    listing: KeyArgument,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="How long its runs may take to end.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """End what is queued or running for KEY, cancel its open predictions and settle the ledger.

    What is finished is kept. Nothing of it starts again by itself: 'luxvid retry KEY' does that.
    """
    from luxvid_pipeline.listing_operations import cancel as cancel_listing  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    def tell(what: str) -> None:
        if not as_json:
            err.print(escape(what))

    done = cancel_listing(Settings.from_environment(), listing, end_within_s=wait, tell=tell)
    if as_json:
        typer.echo(json.dumps({**_plain(dataclasses.asdict(done)), "is_over": done.is_over}, indent=2))
    elif not (done.ended or done.left or done.settled):
        out.print(f"Nothing is queued or running for {listing}, and nothing is under way at a vendor.")
    else:
        for run in done.ended:
            out.print(f"Ended   {escape(run)}")
        for row in done.settled:
            out.print(f"{'Open  ' if row.open else 'Settled'} {escape(str(row))}")
        out.print(f"Cost    ${done.cost_usd:.2f} by ending it; ${done.spent_usd:.2f} spent on {listing} in all")
    for row in done.waiting:
        err.print(f"luxvid: {escape(str(row))}")
    for run in done.left:
        err.print(f"luxvid: {escape(run)}")
    if not done.is_over:
        raise typer.Exit(1)


def retry(
    listing: KeyArgument,
    scene: Annotated[
        str, typer.Option(help="Forget only this scene's tries: 1 to 7, or its key; default: all of the listing's.")
    ] = "",
    here: Annotated[bool, typer.Option("--here", help="Work in this process even where the daemon runs.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Forget KEY's failed tries and start again what is missing of its film; what is there is kept.

    Where Dagster's daemon runs it goes on within seconds; otherwise the work is done here, as by 'luxvid render'.
    """
    from luxvid_pipeline.listing_operations import retry as retry_listing  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    with progress_bars(show=not as_json) as board:
        done = retry_listing(Settings.from_environment(), listing, scene=scene, here=here, board=board)
    if as_json:
        typer.echo(json.dumps(_plain(dataclasses.asdict(done)), indent=2))
        return
    runs = "1 failed run no longer counts" if done.forgiven == 1 else f"{done.forgiven} failed runs no longer count"
    if done.film is None:
        out.print(f"Retry  {runs}; Dagster's daemon takes {listing} on from here, see 'luxvid status {listing}'")
        return
    out.print(f"Retry  {runs}")
    out.print(f"Film   {escape(str(done.film.film))}")
    out.print(f"Cost   ${done.film.cost_usd:.2f}  ({done.film.paid_calls} paid calls)")


def _plain(values: Any) -> Any:
    """JSON's types; dollars as numbers."""

    def other(value: object) -> Any:
        return float(value) if isinstance(value, Decimal) else str(value)

    return json.loads(json.dumps(values, default=other))
