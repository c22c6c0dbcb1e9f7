"""How far each listing is.

Belongs here: reading the instance and the store for ``luxvid status``.
Does not belong here: printing (``cli.py``), changing anything.
"""

from dataclasses import dataclass

import dagster as dg

from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.domain.keys import check_listing_key, scene_partition_key
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import TableIOManager, media_key
from luxvid_pipeline.local_runs import open_instance
from luxvid_pipeline.partitions import listing_partitions
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
    """

    listing: str
    photos: int
    kept: int
    planned: int
    clips: tuple[str, ...]
    score: bool
    film: str | None
    last_run: str | None


def statuses(settings: Settings, listing: str | None = None) -> list[ListingStatus]:
    """Return the state of one listing or of all, by key.

    Raises:
        InputError: There is no such listing.
    """
    if listing is not None:
        check_listing_key(listing)
    store = open_media_store(settings)
    with open_instance(settings) as instance:
        known = sorted(instance.get_dynamic_partitions(str(listing_partitions.name)))
        if listing is not None and listing not in known:
            raise InputError(f"there is no listing {listing!r}; known: {', '.join(known) or 'none'}")
        return [_status(store, instance, key) for key in known if listing in (None, key)]


def _status(store: MediaStore, instance: dg.DagsterInstance, listing: str) -> ListingStatus:
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
    )


def _has_clip(store: MediaStore, listing: str, scene: str) -> bool:
    return store.find(media_key("scene_clips", scene_partition_key(listing, scene))) is not None
