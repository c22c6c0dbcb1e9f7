"""What deciding on a listing is, for the terminal and for Dagster's UI alike.

Belongs here: a decision together with what it is about.
Does not belong here: printing (``cli_direction.py``), the job (``automation/approval_job.py``), the gate
(``approval.py``).
"""

from dataclasses import dataclass

from luxvid_pipeline.assets.approval import Shown, animatic_of
from luxvid_pipeline.assets.costs import DirectedListing, making_lines, read_directed, total
from luxvid_pipeline.domain.approvals import Decision, Plan, Verdict
from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.domain.payments import Estimate
from luxvid_pipeline.resources.approvals import ListingApprovals


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a person decides on.

    Attributes:
        plan: Exactly this.
        directed: The listing with its photos.
        shown: The animatic of the plan; None if none was made of it.
        estimate: What going on costs now.
    """

    plan: Plan
    directed: DirectedListing
    shown: Shown | None
    estimate: Estimate


def matter_of(approvals: ListingApprovals, listing: str, looked_at: str | None = None) -> Matter:
    """Return what there is to decide on for a listing now.

    Where the engines' keys are not at hand, the estimate is the one that was made with the animatic.

    Args:
        approvals: Where it is read.
        listing: Listing key.
        looked_at: Name of the plan it has to be; None for whatever lies there.

    Raises:
        InputError: The listing has no storyboard and pairs yet, or the plan is another.
        SettingsError: The estimate can be had from nowhere.
    """
    plan = approvals.required_plan(listing)
    if looked_at is not None:
        plan.check_is(looked_at)
    directed = read_directed(approvals.store, listing)
    shown = animatic_of(approvals, plan)
    try:
        price = total(making_lines(directed, approvals.store, approvals.settings))
    except SettingsError:
        if shown is None:
            raise
        price = shown.estimate
    return Matter(plan=plan, directed=directed, shown=shown, estimate=price)


def decide(approvals: ListingApprovals, matter: Matter, verdict: Verdict, *, by: str, because: str = "") -> Decision:
    """Keep a decision on what was looked at and return it.

    Raises:
        InputError: It lacks a name, or a rejection its reason.
        LedgerError: It cannot be kept.
    """
    return approvals.decide(
        matter.plan.listing,
        verdict,
        by=by,
        because=because,
        estimate_usd=(matter.estimate.low_usd, matter.estimate.high_usd),
        plan=matter.plan,
    )
