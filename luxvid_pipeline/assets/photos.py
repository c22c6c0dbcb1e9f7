"""``listing_photos`` and ``photo_catalogue``: what came in, and what it shows.

Belongs here: the two assets.
Does not belong here: decoding photos (``media/photos.py``), telling rooms apart (``providers/``).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import polars as pl

from luxvid_pipeline import checks
from luxvid_pipeline.assets.metadata import (
    OWNERS,
    Stopwatch,
    account_of,
    engine_metadata,
    manifest_key,
    manifest_of,
    preview,
)
from luxvid_pipeline.domain.errors import NoUsablePhotosError
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import Engine, PhotoTagger
from luxvid_pipeline.domain.tables import from_table, to_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.media.listing_folder import read_listing_folder, shown_name
from luxvid_pipeline.media.photos import read_photos
from luxvid_pipeline.media.sheets import Tile, as_markdown, contact_sheet
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.progress import ProgressBoard

GROUP = "ingest"


@dg.asset(
    partitions_def=listing_partitions,
    group_name=GROUP,
    kinds={"polars", "image"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="table_io",
    check_specs=checks.PHOTO_CHECKS,
)
def listing_photos(
    context: dg.AssetExecutionContext,
    listing_sources: dg.ResourceParam[ListingSources],
    media_store: dg.ResourceParam[MediaStore],
    progress: dg.ResourceParam[ProgressBoard],
) -> Iterator[dg.Output[pl.DataFrame] | dg.AssetCheckResult]:
    """Every photo that came in, kept or refused with the reason; originals untouched, a working JPEG beside each."""
    watch = Stopwatch()
    listing = context.partition_key
    place = f"listing_photos/{listing}"
    folder = read_listing_folder(listing_sources.folder(listing))
    folder = listing_sources.fetch(folder, media_store.workshop(f"{place}/fetched"))
    records = read_photos(
        folder,
        media_store.workshop(place),
        listing,
        known=_earlier_records(media_store, listing),
        progress=lambda done: progress.report("photos", "reading", done),
    )
    for record in records:
        for key, sha256 in ((record.original, record.photo_id), (record.working, None)):
            if key:
                media_store.adopt(key, within=place, sha256=sha256)
    media_store.put_bytes(folder.manifest.model_dump_json(indent=2).encode(), manifest_key(listing))
    kept = [record for record in records if record.verdict is Verdict.KEPT]
    # Files with the same bytes are one photo, under one of their names.
    copies = sorted({shown_name(file) for file in folder.photo_files} - {record.file for record in records})
    reasons = Counter(record.reason for record in records if record.verdict is Verdict.REFUSED)
    context.add_output_metadata(
        {
            "photos": len(records),
            "kept": len(kept),
            "refused": len(records) - len(kept),
            "refused_because": dict(reasons),
            "copies": copies,
            **engine_metadata(Engine(), watch),
            **preview(_photo_sheet(media_store, records) + _not_shown(records, copies)),
        },
        output_name="result",
    )
    for record in records:
        if record.verdict is Verdict.REFUSED:
            context.log.info(f"{record.file}: refused: {record.reason}")
    for file in copies:
        context.log.info(f"{file}: it is a copy of another file, byte for byte")
    if not kept:
        raise NoUsablePhotosError(_nothing_usable(folder.folder, records))
    yield dg.Output(to_table(records, PhotoRecord))
    yield checks.photos_are_enough(records)
    yield checks.photos_are_varied(records)


@dg.asset(
    partitions_def=listing_partitions,
    group_name=GROUP,
    kinds={"polars"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="table_io",
    check_specs=checks.CATALOGUE_CHECKS,
)
def photo_catalogue(
    context: dg.AssetExecutionContext,
    listing_photos: pl.DataFrame,
    photo_tagger: dg.ResourceParam[PhotoTagger],
    media_store: dg.ResourceParam[MediaStore],
    table_io: dg.ResourceParam[TableIOManager],
    progress: dg.ResourceParam[ProgressBoard],
) -> Iterator[dg.Output[pl.DataFrame] | dg.AssetCheckResult]:
    """Room, features, caption, quality and scene suitability of each usable photo, and who said so."""
    watch = Stopwatch()
    listing = context.partition_key
    manifest = manifest_of(media_store, listing)
    photos = working_photos(media_store, listing_photos)
    made_from = digest(
        {
            "photos": sorted(photo.record.photo_id for photo in photos),
            "names": sorted(photo.record.file for photo in photos),
            "said": manifest.model_dump(mode="json", include={"photos"}),
            "engine": photo_tagger.engine,
            "code": "1",
        }
    )
    earlier = table_io.recall("photo_catalogue", listing, made_from)
    if earlier is None:
        tagging = photo_tagger.tag(photos, manifest, account_of(listing, manifest, "tagger", context.run.run_id))
        catalogue, engine = list(tagging.photos), tagging.engine
        table = to_table(catalogue, CataloguedPhoto)
    else:
        table, catalogue = earlier, from_table(earlier, CataloguedPhoto)
        engine = Engine(name=photo_tagger.engine)
    progress.report("photos", "catalogue", 1.0)
    context.add_output_metadata(
        {
            "photos": len(catalogue),
            "rooms": dict(Counter(entry.room.value for entry in catalogue)),
            "said_by": dict(Counter(entry.room_by for entry in catalogue)),
            **engine_metadata(engine, watch, reused=earlier is not None),
            **preview(_catalogue_sheet(media_store, catalogue)),
            "made_from": made_from,
        },
        output_name="result",
    )
    yield dg.Output(table)
    yield checks.catalogue_is_complete([photo.record.photo_id for photo in photos], catalogue)
    yield checks.catalogue_knows_the_rooms(catalogue)


def working_photos(store: MediaStore, listing_photos: pl.DataFrame) -> list[WorkingPhoto]:
    """Return every kept photo with the local path of its working JPEG, each file's hash checked."""
    return [
        WorkingPhoto(record=record, path=store.open(record.working))
        for record in from_table(listing_photos, PhotoRecord)
        if record.verdict is Verdict.KEPT and record.working
    ]


def _earlier_records(store: MediaStore, listing: str) -> dict[str, PhotoRecord]:
    """Return the photos that an earlier run read and whose files are still there, the working ones undamaged."""
    table = TableIOManager(store).earlier("listing_photos", listing)
    if table is None or table.schema != to_table([], PhotoRecord).schema:
        return {}
    return {
        record.photo_id: record
        for record in from_table(table, PhotoRecord)
        if record.original
        and store.find(record.original)
        and (record.working is None or store.is_whole(record.working))
    }


def _photo_sheet(store: MediaStore, records: list[PhotoRecord]) -> str:
    tiles = [
        Tile(
            picture=_picture(store, record),
            text=record.file if record.verdict is Verdict.KEPT else f"{record.file}: {record.reason}",
            crossed=record.verdict is Verdict.REFUSED,
        )
        for record in sorted(records, key=lambda record: (record.verdict is Verdict.REFUSED, record.file))
    ]
    return as_markdown(contact_sheet(tiles, columns=6, tile_px=(168, 112)), "photos kept and refused", quality=60)


def _not_shown(records: Sequence[PhotoRecord], copies: Sequence[str]) -> str:
    """Return the whole of what the sheet has no room for: which photo was refused, and why."""
    rows = [(record.file, record.reason) for record in records if record.verdict is Verdict.REFUSED]
    rows += [(file, "it is a copy of another file, byte for byte") for file in copies]
    if not rows:
        return ""
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in sorted(rows)]
    return "\n".join(["", "", "| photo | refused because |", "|---|---|", *lines])


def _picture(store: MediaStore, record: PhotoRecord) -> Path | None:
    key = record.working or record.original
    return store.workshop(key) if key else None


def _catalogue_sheet(store: MediaStore, catalogue: list[CataloguedPhoto]) -> str:
    tiles = [
        Tile(
            picture=store.open(entry.working),
            text=f"{entry.room.words} {entry.room_confidence:.0%} ({entry.room_by})",
        )
        for entry in sorted(catalogue, key=lambda entry: (entry.room.value, entry.file))
    ]
    return as_markdown(contact_sheet(tiles, columns=6, tile_px=(168, 112)), "rooms", quality=60)


def _nothing_usable(folder: Path, records: list[PhotoRecord]) -> str:
    if not records:
        return f"{folder}: there are no photos in it; put 20 to 80 JPEG, PNG, WebP, AVIF, TIFF or HEIC files there"
    reasons = "; ".join(f"{record.file}: {record.reason}" for record in records[:5])
    more = f"; and {len(records) - 5} more" if len(records) > 5 else ""
    return f"{folder}: none of its {len(records)} files can be used: {reasons}{more}"
