"""The commands with which a person directs: ``luxvid approve``, ``luxvid reject``, ``luxvid direct``.

Belongs here: their arguments and what they print.
Does not belong here: decisions (``assets/deciding.py``), notes (``assets/notes.py``), making the next version
(``local_runs.py``).
"""

import dataclasses
import getpass
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from luxvid_pipeline.terminal import JsonOption, out

if TYPE_CHECKING:
    from luxvid_pipeline.assets.deciding import Matter
    from luxvid_pipeline.domain.approvals import Decision, Verdict

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Listing key.")]
ByOption = Annotated[str, typer.Option(metavar="NAME", help="Who decides; default: the user of this computer.")]

_PLAN_SHOWN = 12


def approve(listing: KeyArgument, by: ByOption = "", as_json: JsonOption = False) -> None:
    """Approve exactly the plan that lies there now: its photos, prompts and engines.

    Any later change of these asks again.
    """
    from luxvid_pipeline.domain.approvals import Verdict  # noqa: PLC0415 - with the database

    _decide(listing, Verdict.APPROVED, by, "", as_json=as_json)


def reject(
    listing: KeyArgument,
    because: Annotated[str, typer.Option(help="Why; kept, and told to whoever goes on.")],
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Reject the plan that lies there now, with the reason; nothing is made of it."""
    from luxvid_pipeline.domain.approvals import Verdict  # noqa: PLC0415 - with the database

    _decide(listing, Verdict.REJECTED, by, because, as_json=as_json)


def _decide(listing: str, verdict: "Verdict", by: str, because: str, *, as_json: bool) -> None:
    from luxvid_pipeline.assets.deciding import decide, matter_of  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.domain.keys import check_listing_key  # noqa: PLC0415 - beside it
    from luxvid_pipeline.resources.approvals import opened_approvals  # noqa: PLC0415 - loads SQLAlchemy
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    with opened_approvals(Settings.from_environment()) as approvals:
        matter = matter_of(approvals, check_listing_key(listing))
        decision = decide(approvals, matter, verdict, by=by or getpass.getuser(), because=because)
    if as_json:
        typer.echo(json.dumps(_values(decision, matter), indent=2))
        return
    show_matter(matter)
    reason = f": {decision.because}" if decision.because else ""
    out.print(escape(f"{verdict.value.capitalize()} by {decision.by}, {decision.at:%Y-%m-%d %H:%M} UTC{reason}"))


def show_matter(matter: "Matter") -> None:
    """Print what is decided on: the plan, scene by scene, its price, where its animatic lies."""
    from luxvid_pipeline.assets.approval import told_range  # noqa: PLC0415 - loads Dagster

    plan = matter.plan
    requests = list(matter.directed.clip_requests())
    seconds = sum(request.shot.seconds for request in requests)
    makers = f"clips by {','.join(plan.engines['clips'])}, score by {','.join(plan.engines['score'])}"
    version = plan.storyboard.version
    out.print(
        f"Plan   {plan.listing} {plan.digest[:_PLAN_SHOWN]} (storyboard {version}): {len(requests)} scenes, "
        f"{seconds:g} s, {escape(makers)}"
    )
    for request in requests:
        files = " to ".join(photo.record.file for photo in (request.first, request.last) if photo is not None)
        out.print(f"       {request.shot.scene}: {escape(request.shot.subject)} ({escape(files)})")
    out.print(f"Cost   the film is {told_range(matter.estimate)}")
    if matter.shown is not None:
        out.print(f"See    {escape(matter.shown.address)}")
    else:
        out.print(
            "See    no animatic was made of exactly this plan: its photos or prompts have changed, or this shell names "
            "other engines; luxvid render makes one"
        )


def _values(decision: "Decision", matter: "Matter") -> dict[str, Any]:
    values = dataclasses.asdict(decision)
    return {
        **values,
        "verdict": decision.verdict.value,
        "at": decision.at.isoformat(),
        "estimate_low_usd": float(decision.estimate_low_usd),
        "estimate_high_usd": float(decision.estimate_high_usd),
        "animatic": matter.shown.address if matter.shown is not None else None,
    }
