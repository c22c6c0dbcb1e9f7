"""The commands with which a person directs: ``luxvid approve``, ``luxvid reject``, ``luxvid direct``.

Belongs here: their arguments and what they print.
Does not belong here: decisions (``assets/deciding.py``), notes (``assets/notes.py``), making the next version
(``local_runs.py``).
"""

import dataclasses
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from luxvid_pipeline.terminal import JsonOption, one_line, out, progress_bars, user_name

if TYPE_CHECKING:
    from luxvid_pipeline.assets.deciding import Matter
    from luxvid_pipeline.domain.approvals import Decision, Verdict

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="Listing key.")]
ByOption = Annotated[str, typer.Option(metavar="NAME", help="Who decides; default: the user of this computer.")]
PlanOption = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="Only if the plan is still this one, as 'luxvid status' names it; else exit code 2."
    ),
]


def approve(listing: KeyArgument, plan: PlanOption = None, by: ByOption = "", as_json: JsonOption = False) -> None:
    """Approve exactly the plan that lies there now: its photos, prompts and engines.

    Any later change of these asks again. With --plan, a plan made since you looked is not approved.
    """
    from luxvid_pipeline.domain.approvals import Verdict  # noqa: PLC0415 - with the database

    _decide(listing, Verdict.APPROVED, plan, by, "", as_json=as_json)


def reject(
    listing: KeyArgument,
    because: Annotated[str, typer.Option(help="Why; kept, and told to whoever goes on.")],
    plan: PlanOption = None,
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Reject the plan that lies there now, with the reason; nothing is made of it."""
    from luxvid_pipeline.domain.approvals import Verdict  # noqa: PLC0415 - with the database

    _decide(listing, Verdict.REJECTED, plan, by, because, as_json=as_json)


def direct(
    listing: KeyArgument,
    note: Annotated[str, typer.Option(help='What should change: "show the terrace, not the kitchen".')],
    scene: Annotated[str, typer.Option(help="Only this scene: 1 to 7, or its key; default: the whole film.")] = "",
    by: ByOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say what should change; the next storyboard and pairs differ only there.

    The note is kept, and heeded again by whatever storyboard comes later. What nobody understood is told back.
    """
    from luxvid_pipeline.local_runs import redirect  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.resources.approvals import opened_approvals  # noqa: PLC0415 - loads SQLAlchemy
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    settings = Settings.from_environment()
    with progress_bars(show=not as_json) as board:
        made = redirect(listing, note, settings, scene=scene, by=by or user_name(), board=board)
    old = {pair.scene: pair.photos for pair in made.before.pairs}
    changed = [pair.scene for pair in made.plan.pairs if pair.photos != old.get(pair.scene)]
    if as_json:
        values = {
            "note": made.taken.model_dump(mode="json"),
            "version": made.plan.storyboard.version,
            "plan": made.plan.digest,
            "scenes_with_other_photos": changed,
        }
        typer.echo(json.dumps(values, indent=2))
        return
    from luxvid_pipeline.assets.deciding import matter_of  # noqa: PLC0415 - loads Dagster

    with opened_approvals(settings) as approvals:
        show_matter(matter_of(approvals, listing), marked=changed)
    for line in made.taken.done:
        out.print(f"Done   {escape(line)}")
    for line in made.taken.not_done:
        out.print(f"NOT    {escape(line)}")
    if made.taken.not_done:
        out.print("       (the note is kept; a hosted writer reads it whole)")


def _decide(listing: str, verdict: "Verdict", plan: str | None, by: str, because: str, *, as_json: bool) -> None:
    from luxvid_pipeline.assets.deciding import decide, matter_of  # noqa: PLC0415 - loads Dagster
    from luxvid_pipeline.domain.keys import check_listing_key  # noqa: PLC0415 - beside it
    from luxvid_pipeline.resources.approvals import opened_approvals  # noqa: PLC0415 - loads SQLAlchemy
    from luxvid_pipeline.resources.settings import Settings  # noqa: PLC0415 - beside it

    with opened_approvals(Settings.from_environment()) as approvals:
        matter = matter_of(approvals, check_listing_key(listing), plan)
        decision = decide(approvals, matter, verdict, by=by or user_name(), because=because)
    if as_json:
        typer.echo(json.dumps(_values(decision, matter), indent=2))
        return
    show_matter(matter)
    reason = f": {one_line(decision.because)}" if decision.because else ""
    out.print(escape(f"{verdict.value.capitalize()} by {decision.by}, {decision.at:%Y-%m-%d %H:%M} UTC{reason}"))


def show_matter(matter: "Matter", *, marked: Collection[str] = ()) -> None:
    """Print what is decided on: the plan, scene by scene, its price, where its animatic lies.

    Args:
        matter: What is decided on.
        marked: Scenes that get a star: their photos are new.
    """
    from luxvid_pipeline.assets.approval import told_range  # noqa: PLC0415 - loads Dagster

    plan = matter.plan
    requests = list(matter.directed.clip_requests())
    seconds = sum(request.shot.seconds for request in requests)
    makers = f"clips by {','.join(plan.engines['clips'])}, score by {','.join(plan.engines['score'])}"
    version = plan.storyboard.version
    out.print(
        f"Plan   {plan.listing} {plan.name} (storyboard {version}): {len(requests)} scenes, "
        f"{seconds:g} s, {escape(makers)}"
    )
    for request in requests:
        files = " to ".join(photo.record.file for photo in (request.first, request.last) if photo is not None)
        star = "*" if request.shot.scene in marked else " "
        out.print(f"     {star} {request.shot.scene}: {escape(request.shot.subject)} ({escape(files)})")
    out.print(f"Cost   the film is {told_range(matter.estimate)}")
    if matter.shown is not None:
        out.print(f"See    {escape(matter.shown.address)}")
    else:
        out.print(
            "See    no animatic shows exactly this plan: the listing asks for no approval, its photos or prompts have "
            "changed, or this shell names other engines; where approval is required, luxvid render makes one"
        )


def _values(decision: "Decision", matter: "Matter") -> dict[str, Any]:
    values = dataclasses.asdict(decision)
    return {
        **values,
        "verdict": decision.verdict.value,
        "at": decision.at.isoformat(),
        "estimate_low_usd": float(decision.estimate_low_usd),
        "estimate_expected_usd": float(matter.estimate.expected_usd),
        "estimate_high_usd": float(decision.estimate_high_usd),
        "animatic": matter.shown.address if matter.shown is not None else None,
    }
