"""How far each listing is.

Belongs here: reading the instance and the store for ``luxvid status``.
Does not belong here: printing (``cli.py``), changing anything.
"""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from luxvid_pipeline.domain.arrivals import Rejection
from luxvid_pipeline.domain.errors import InputError, ListingKeyError
from luxvid_pipeline.domain.keys import check_listing_key, listing_key_from_name, scene_partition_key
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import TableIOManager, media_key
from luxvid_pipeline.local_runs import open_instance
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.approvals import ListingApprovals, opened_approvals
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingStatus:
    """How far one listing is.

    Attributes:
        listing: Listing key.
        photos, kept: Photos that came in, and those a film may use.
        planned: Scenes the film will show; 0 before the pairs are chosen.
        clips: Scene keys whose clip is finished.
        score: Whether the score is finished.
        film: The film's address, or None.
        last_run: State of the last run and its job.
        rejected: In the row of a folder of the inbox that is rejected: why. Empty in a listing's.
        folder: That folder's name; ``listing`` is then the key it would have.
        approval: ``not_needed``, ``missing``, ``approved`` or ``rejected``, of the plan as it is now; empty before
            there is one.
    """

    listing: str
    photos: int
    kept: int
    planned: int
    clips: tuple[str, ...]
    score: bool
    film: str | None
    last_run: str | None
    rejected: str = ""
    folder: str = ""
    approval: str = ""


def statuses(settings: Settings, listing: str | None = None) -> list[ListingStatus]:
    """Return the state of one listing or of all, by key; a rejected folder of the inbox has a row of its own.

    Raises:
        InputError: There is no such listing.
    """
    if listing is not None:
        check_listing_key(listing)
    store = open_media_store(settings)
    rejected = [(_key_of(each.folder), each) for each in rejected_listings(settings)]
    with open_instance(settings) as instance, opened_approvals(settings) as approvals:
        known = sorted(instance.get_dynamic_partitions(str(listing_partitions.name)))
        if listing is not None and listing not in {*known, *(key for key, _ in rejected)}:
            raise InputError(f"there is no listing {listing!r}; known: {', '.join(known) or 'none'}")
        rows = [_status(store, instance, approvals, key) for key in known if listing in (None, key)]
    return rows + [_rejected(key, why) for key, why in rejected if listing in (None, key)]


def rejected_listings(settings: Settings) -> list[Rejection]:
    """Return the folders of the inbox that no film can be made of as they are, by name."""
    inbox = Path(settings.inbox)
    return [
        each
        for each in ListingSources(settings).rejections()
        if "://" in settings.inbox or (inbox / each.folder).is_dir()  # nobody may be watching since it was taken out
    ]


def _rejected(key: str, why: Rejection) -> ListingStatus:
    return ListingStatus(
        listing=key,
        photos=0,
        kept=0,
        planned=0,
        clips=(),
        score=False,
        film=None,
        last_run=None,
        rejected=why.reason,
        folder=why.folder,
    )


def _key_of(folder: str) -> str:
    """The key a rejected folder would have; its name as it is, where that makes none."""
    try:
        return listing_key_from_name(folder)
    except ListingKeyError:
        return folder


def _status(
    store: MediaStore, instance: dg.DagsterInstance, approvals: ListingApprovals, listing: str
) -> ListingStatus:
    tables = TableIOManager(store)
    photos = tables.load_partition("listing_photos", listing, missing_ok=True)
    pairs = tables.load_partition("scene_pairs", listing, missing_ok=True)
    records = from_table(photos, PhotoRecord) if photos is not None else []
    planned = [pair for pair in from_table(pairs, ScenePair) if not pair.left_out] if pairs is not None else []
    film = store.find(media_key("property_video", listing))
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": listing}), limit=1) or instance.get_runs(
        dg.RunsFilter(tags={"luxvid/listing": listing}), limit=1
    )
    return ListingStatus(
        listing=listing,
        photos=len(records),
        kept=sum(record.verdict is Verdict.KEPT for record in records),
        planned=len(planned),
        clips=tuple(key for key in SCENE_KEYS if _has_clip(store, listing, key)),
        score=store.find(media_key("soundtrack", listing)) is not None,
        film=f"{store.base}/{film.key}" if film else None,
        last_run=f"{runs[0].job_name} {runs[0].status.value.lower()}" if runs else None,
        approval=approvals.state(listing).value if pairs is not None else "",
    )


def _has_clip(store: MediaStore, listing: str, scene: str) -> bool:
    return store.find(media_key("scene_clips", scene_partition_key(listing, scene))) is not None
