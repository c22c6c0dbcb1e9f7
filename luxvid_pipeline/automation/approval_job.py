"""``approve_listing_job``: approving, rejecting and directing a listing from Dagster's UI.

Belongs here: the job, its configuration, recording what a note made.
Does not belong here: what deciding is (``assets/deciding.py``), what a note asks for (``domain/directions.py``).

Launch it with a configuration such as::

    ops:
      decide_on_listing:
        config:
          listing: villa-aurora
          decision: direct          # or approve, or reject with "because", both with "plan" if it may be no other
          scene: "3"
          note: show the terrace, not the kitchen
          by: Ana
"""

from enum import Enum
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from luxvid_pipeline.assets.animatic import make_animatic
from luxvid_pipeline.assets.approval import told_range
from luxvid_pipeline.assets.costs import read_directed, stored_table
from luxvid_pipeline.assets.data_versions import tags_as_before
from luxvid_pipeline.assets.deciding import Matter, decide, matter_of
from luxvid_pipeline.assets.direction import choose_scene_pairs, write_storyboard
from luxvid_pipeline.assets.notes import take_note
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.domain.approvals import Verdict
from luxvid_pipeline.domain.errors import InputError, NoUsablePhotosError
from luxvid_pipeline.domain.keys import check_listing_key
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.ports import PairSelector, StoryboardWriter
from luxvid_pipeline.domain.progress import LISTING_TAG
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import StoredFile
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager, value_key
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.progress import ProgressBoard


class DecisionChoice(Enum):
    """What a person can do about a plan."""

    approve = "approve"
    reject = "reject"
    direct = "direct"


class DecisionConfig(dg.Config):
    """What is decided, about which listing, by whom."""

    listing: str = Field(description="Listing key.")
    decision: DecisionChoice = Field(description="approve, reject (with because) or direct (with note).")
    plan: str | None = Field(
        default=None,
        description="Approve or reject only this plan, as its animatic names it; without, whatever lies there.",
    )
    by: str = Field(description="Who decides; kept with the decision.")
    because: str = Field(default="", description="Why it is rejected.")
    scene: str = Field(default="", description="Scene the note is about, 1 to 7 or its key; empty for the whole film.")
    note: str = Field(default="", description='What should change: "show the terrace, not the kitchen".')


@dg.op(description="Approve or reject exactly the plan that lies there now, or change it by a note.")
def decide_on_listing(
    context: dg.OpExecutionContext,
    config: DecisionConfig,
    listing_approvals: dg.ResourceParam[ListingApprovals],
    storyboard_writer: dg.ResourceParam[StoryboardWriter],
    pair_selector: dg.ResourceParam[PairSelector],
    progress: dg.ResourceParam[ProgressBoard],
) -> None:
    """Do what the configuration says and record it."""
    listing = check_listing_key(config.listing)
    if not config.by.strip():
        raise InputError(f"{listing}: nobody's name stands under this decision; set 'by'")
    # The run has no partition; with this tag whoever looks for the listing's runs finds it.
    context.instance.add_run_tags(context.run_id, {LISTING_TAG: listing})
    if config.decision is DecisionChoice.direct:
        note = take_note(listing_approvals, listing, config.note, by=config.by, scene=config.scene)
        context.log.info(f"{listing}: kept the note of {note.by}: {note.text}")
        _Revising(context, listing_approvals, progress).revise(listing, storyboard_writer, pair_selector)
        return
    matter = matter_of(listing_approvals, listing, config.plan)
    verdict = Verdict.APPROVED if config.decision is DecisionChoice.approve else Verdict.REJECTED
    decision = decide(listing_approvals, matter, verdict, by=config.by, because=config.because)
    context.add_output_metadata(_told(matter, {"verdict": verdict.value, "by": decision.by, "because": config.because}))
    context.log.info(f"{listing}: {verdict.value} by {decision.by}, the film {told_range(matter.estimate)}")


class _Revising:
    """The next version of a listing's storyboard, pairs and animatic, recorded as their assets' materialisations."""

    def __init__(self, context: dg.OpExecutionContext, approvals: ListingApprovals, progress: ProgressBoard) -> None:
        self._context = context
        self._approvals = approvals
        self._store = approvals.store
        self._progress = progress

    def revise(self, listing: str, writer: StoryboardWriter, selector: PairSelector) -> None:
        run_id, store = self._context.run_id, self._store
        catalogue = stored_table(store, "photo_catalogue", listing)
        entries = from_table(catalogue, CataloguedPhoto)
        board, metadata = write_storyboard(listing, entries, writer, store, run_id)
        documents, tables = DocumentIOManager(store), TableIOManager(store)
        kept = store.put_bytes(documents.encode(board), value_key("storyboard", listing, documents.file_name))
        self._record("storyboard", listing, kept, metadata)
        photos = working_photos(store, stored_table(store, "listing_photos", listing))
        table, metadata = choose_scene_pairs(board, photos, catalogue, selector, tables, run_id)
        if not metadata["scenes_shot"]:
            raise NoUsablePhotosError(f"{listing}: with this note none of the seven scenes can be shot; give another")
        self._keep_pairs(tables, listing, table, metadata)
        taken = board.notes[-1]
        for line in taken.not_done:
            self._context.log.warning(f"{listing}: {line}")
        matter = matter_of(self._approvals, listing)
        if not self._approvals.state(listing, matter.plan).may_go_on:
            directed = read_directed(store, listing)
            stored, metadata = make_animatic(directed, self._approvals, store, self._progress)
            self._record("animatic", listing, stored, metadata)
            matter = matter_of(self._approvals, listing)
        self._context.add_output_metadata(
            _told(matter, {"done": list(taken.done), "not_done": list(taken.not_done), "by": taken.note.by})
        )

    def _keep_pairs(self, tables: TableIOManager, listing: str, table: pl.DataFrame, metadata: dict[str, Any]) -> None:
        key = value_key("scene_pairs", listing, tables.file_name)
        kept = self._store.put_bytes(tables.encode(table), key, made_from=metadata["made_from"])
        self._record("scene_pairs", listing, kept, metadata)

    def _record(self, asset: str, listing: str, stored: StoredFile, metadata: dict[str, Any]) -> None:
        where = {"sha256": stored.sha256, "bytes": stored.bytes, "path": stored.key}
        self._context.log_event(
            dg.AssetMaterialization(
                asset_key=asset,
                partition=listing,
                metadata={**metadata, **where},
                tags=tags_as_before(self._context.instance, asset, listing),
            )
        )


def _told(matter: Matter, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "listing": matter.plan.listing,
        "plan": matter.plan.digest,
        "storyboard": matter.plan.storyboard.version,
        "animatic": matter.shown.address if matter.shown is not None else "none was made of exactly this plan",
        "estimate_low_usd": float(matter.estimate.low_usd),
        "estimate_expected_usd": float(matter.estimate.expected_usd),
        "estimate_high_usd": float(matter.estimate.high_usd),
        **{name: value for name, value in more.items() if value},
    }


@dg.job(description="Approve, reject or direct a listing before money is spent; say which in the configuration.")
def approve_listing_job() -> None:
    """Decide on one listing."""
    decide_on_listing()
