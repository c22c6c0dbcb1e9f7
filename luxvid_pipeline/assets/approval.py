"""The gate before money: nothing is shot or played for a listing until its plan is approved.

Belongs here: stopping the work, and telling a person what to look at and which commands decide.
Does not belong here: whether a plan is approved (``resources/approvals.py``), what it costs (``assets/costs.py``),
making the animatic (``assets/animatic.py``).
"""

import threading
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from luxvid_pipeline.domain.approvals import ApprovalState, Plan
from luxvid_pipeline.domain.errors import ApprovalMissingError
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Estimate
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.resources.approvals import ListingApprovals


class ApprovalGate:
    """Lets work on a listing pass, or raises; each listing's plan is looked up once.

    For use by several threads at once.
    """

    def __init__(self, approvals: ListingApprovals) -> None:
        """Look up decisions in ``approvals``."""
        self._approvals = approvals
        self._found: dict[str, ApprovalMissingError | None] = {}
        self._lock = threading.Lock()

    def pass_through(self, listing: str, storyboard: Storyboard, pairs: list[ScenePair]) -> None:
        """Return if this plan may go on to what costs money.

        Args:
            listing: Listing key.
            storyboard: What the caller is about to make.
            pairs: From which photos.

        Raises:
            ApprovalMissingError: The listing waits for a person, or this plan was rejected.
        """
        with self._lock:
            if listing not in self._found:
                plan = self._approvals.plan_of(listing, storyboard, pairs)
                state = self._approvals.state(listing, plan)
                self._found[listing] = None if state.may_go_on else missing_error(self._approvals, plan)
            error = self._found[listing]
        if error is not None:
            raise error


def check_not_rejected(
    approvals: ListingApprovals, listing: str, storyboard: Storyboard, pairs: list[ScenePair]
) -> None:
    """Return if nobody said no to what is about to go out, though it was made before.

    Raises:
        ApprovalMissingError: This plan was rejected.
    """
    plan = approvals.plan_of(listing, storyboard, pairs)
    if approvals.state(listing, plan) is ApprovalState.REJECTED:
        raise missing_error(approvals, plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The animatic that was made of a plan.

    Attributes:
        key: Its key in the store.
        address: Where it lies, for people.
        estimate: What going on would have cost when it was made.
    """

    key: str
    address: str
    estimate: Estimate


def animatic_of(approvals: ListingApprovals, plan: Plan) -> Shown | None:
    """Return the animatic of exactly this plan; None if none was made of it."""
    store = approvals.store
    stored = store.find(media_key("animatic", plan.listing))
    if stored is None or stored.facts.get("plan") != plan.digest:
        return None
    low, expected, high = (
        Decimal(str(stored.facts.get(f"estimate_{name}_usd", 0))) for name in ("low", "expected", "high")
    )
    price = Estimate(low_usd=low, expected_usd=expected, high_usd=high)
    return Shown(key=stored.key, address=f"{store.base}/{stored.key}", estimate=price)


def missing_error(approvals: ListingApprovals, plan: Plan) -> ApprovalMissingError:
    """Return the error that says what a listing waits for, where its animatic lies and how to decide."""
    listing = plan.listing
    decision = approvals.decision(listing, plan)
    shown = animatic_of(approvals, plan)
    if shown is None:
        look = f"run the asset animatic of {listing} to see it and what it would cost (luxvid render does)"
    else:
        look = f"look at {shown.address} (the film is {told_range(shown.estimate)})"
    redirect = f'luxvid direct {listing} --scene 3 --note "…"'
    if decision is not None:
        return ApprovalMissingError(
            f"{listing}: this plan was rejected by {decision.by}: {decision.because.rstrip('.')}. Change it with "
            f"'{redirect}', or think again: {look}, then 'luxvid approve {listing} --plan {plan.name}'"
        )
    return ApprovalMissingError(
        f"{listing}: its plan waits for approval: {look}, then 'luxvid approve {listing} --plan {plan.name}', "
        f"'luxvid reject {listing} --because \"…\"' or '{redirect}'"
    )


def told_range(price: Estimate) -> str:
    """Return an estimate in words, ``estimated at $1.20 to $1.40, at most $2.80 with every …``."""
    most = f", at most {told_most(price)} with every further take, retry and fallback that is allowed"
    return f"estimated at {told_price(price)}{most if price.high_usd > price.expected_usd else ''}"


def told_price(price: Estimate) -> str:
    """Return what is expected, ``$1.20 to $1.40``; rounded up, so that nobody approves less than is spent."""
    low, expected = _cents_up(price.low_usd), _cents_up(price.expected_usd)
    return expected if low == expected else f"{low} to {expected}"


def told_most(price: Estimate) -> str:
    """Return the most it can be, ``$2.80``, rounded up."""
    return _cents_up(price.high_usd)


def _cents_up(usd: Decimal) -> str:
    return f"${usd.quantize(Decimal('0.01'), rounding=ROUND_CEILING)}"
