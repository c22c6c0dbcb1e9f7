"""Whether a listing waits for a person, and for whose word on what.

Belongs here: putting a listing's plan, its manifest, the settings and the kept decisions together.
Does not belong here: what a plan is (``domain/approvals.py``), keeping decisions (``ledger/approvals.py``), stopping
the work (``assets/approval.py``), estimating (``assets/costs.py``).

Everything is read from the store when it is asked for, so the answer is about what lies there now. Where no approval is
needed no database is opened.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

from luxvid_pipeline.domain.approvals import Approvals, ApprovalState, Decision, Plan, Verdict
from luxvid_pipeline.domain.errors import DamagedMediaError, InputError
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.manifests import manifest_of
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.providers.chains import COST_NOTHING
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.settings import Settings

REQUIRED = "required"


@contextmanager
def opened_approvals(settings: Settings) -> "Iterator[ListingApprovals]":
    """Give the approvals as the settings ask for them, and close their database afterwards."""
    decisions = SqlApprovals(settings.database_url)
    try:
        yield ListingApprovals(settings, open_media_store(settings), decisions)
    finally:
        decisions.close()


class ListingApprovals:
    """The approvals of all listings.

    Args:
        settings: The environment: whether every listing waits, and which engines a plan names.
        store: Where storyboards, pairs and manifests lie.
        approvals: Where decisions are kept.
    """

    def __init__(self, settings: Settings, store: MediaStore, approvals: Approvals) -> None:
        self.settings = settings
        self.store = store
        self.approvals = approvals

    def is_required(self, listing: str) -> bool:
        """Whether this listing waits for a person, by the environment or by its manifest.

        Raises:
            DamagedMediaError: The listing's photos were never read.
        """
        return self.settings.approval_required or manifest_of(self.store, listing).generation.approval == REQUIRED

    def plan(self, listing: str) -> Plan | None:
        """Return what would be shot now; None before the listing has a storyboard and pairs.

        Raises:
            DamagedMediaError: A file is not the one that was recorded.
        """
        board = DocumentIOManager(self.store).load_partition("storyboard", listing, missing_ok=True)
        pairs = TableIOManager(self.store).load_partition("scene_pairs", listing, missing_ok=True)
        if not isinstance(board, Storyboard) or pairs is None:
            return None
        return self.plan_of(listing, board, from_table(pairs, ScenePair))

    def plan_of(self, listing: str, storyboard: Storyboard, pairs: list[ScenePair]) -> Plan:
        """Return the plan that a storyboard and its pairs make with the engines that are set."""
        return Plan(
            listing=listing,
            storyboard=storyboard,
            pairs=tuple(pairs),
            engines=self.settings.engines,
            images=self.settings.images,
            takes=0 if set(self.settings.engines["clips"]) <= COST_NOTHING else self.settings.max_takes,
        )

    def state(self, listing: str, plan: Plan | None = None) -> ApprovalState:
        """Return whether a listing may go on to what costs money.

        Args:
            listing: Listing key.
            plan: The plan it is about; what lies in the store by default.

        Raises:
            DamagedMediaError: The listing's photos were never read, or a file is damaged.
            LedgerError: The decisions cannot be read.
        """
        if not self.is_required(listing):
            return ApprovalState.NOT_NEEDED
        decision = self.decision(listing, plan)
        if decision is None:
            return ApprovalState.MISSING
        return ApprovalState.APPROVED if decision.verdict is Verdict.APPROVED else ApprovalState.REJECTED

    def decision(self, listing: str, plan: Plan | None = None) -> Decision | None:
        """Return the standing decision on exactly this plan; None if there is none, or no plan."""
        plan = plan or self.plan(listing)
        return None if plan is None else self.approvals.standing(listing, plan.digest)

    def decide(
        self,
        listing: str,
        verdict: Verdict,
        *,
        by: str,
        estimate_usd: tuple[Decimal, Decimal],
        because: str = "",
        plan: Plan | None = None,
    ) -> Decision:
        """Keep a decision on a plan and return it.

        Args:
            listing: Listing key.
            verdict: Approved or rejected.
            by: Who decides.
            estimate_usd: What the film would cost at that moment, least and most.
            because: The reason; needed for a rejection.
            plan: The plan that was looked at; what lies in the store by default.

        Raises:
            InputError: There is no plan yet, or the decision lacks a name or its reason.
            LedgerError: It cannot be kept.
        """
        plan = plan or self.required_plan(listing)
        low_usd, high_usd = estimate_usd
        decision = Decision(
            listing=listing,
            plan=plan.digest,
            verdict=verdict,
            by=by,
            at=datetime.now(UTC),
            estimate_low_usd=low_usd,
            estimate_high_usd=high_usd,
            because=because.strip(),
        )
        self.approvals.decide(decision)
        return decision

    def required_plan(self, listing: str) -> Plan:
        """Return the plan that lies in the store.

        Raises:
            InputError: The listing has no storyboard and pairs yet.
        """
        try:
            plan = self.plan(listing)
        except DamagedMediaError as error:
            raise InputError(f"{listing}: its plan cannot be read: {error}") from error
        if plan is None:
            raise InputError(
                f"{listing}: there is nothing to decide on yet, no storyboard and no pairs; run the job "
                f"direct_listing_job for it, or 'luxvid render FOLDER'"
            )
        return plan
