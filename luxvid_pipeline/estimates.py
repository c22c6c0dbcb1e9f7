"""What a listing's film would cost with the chosen engines, before anything is spent.

Belongs here: directing a listing for its estimate, what direction costs, the whole against the budget.
Does not belong here: what clips and score cost (``assets/costs.py``), prices (``domain/pricing.py``), printing
(``cli_money.py``), budgets' enforcement (``ledger/``).

A scene's price depends on which photos it is shot from only where they were shot before, so an estimate before the
hosted models have directed a listing is made from what the local engines would choose, and says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from luxvid_pipeline.assets.costs import (
    CostLine,
    DirectedListing,
    cost_line,
    making_lines,
    read_directed,
    stored_table,
    total,
)
from luxvid_pipeline.assets.metadata import account_of
from luxvid_pipeline.domain.payments import ZERO_USD, Estimate
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, public_address
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore, sha256_of
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.local_runs import direct, listing_key_of
from luxvid_pipeline.media.listing_folder import ListingFolder, read_listing_folder
from luxvid_pipeline.resources.engines import LOCAL, engines_for
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import ProgressBoard
from luxvid_pipeline.resources.settings import Settings

DIRECTION = ("tagger", "writer", "selector")
MAKING = ("clips", "score")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEstimate:
    """What one listing's film would cost.

    Attributes:
        listing: Listing key.
        lines: One a stage of direction, one a scene, one for the score.
        low_usd, expected_usd, high_usd: Sums of the lines.
        budget_usd: What the listing may cost in all.
        spent_usd: What it has cost so far, reservations included.
        directed_by: Who chose the photos that this is made from.
    """

    listing: str
    lines: tuple[CostLine, ...]
    low_usd: Decimal
    expected_usd: Decimal
    high_usd: Decimal
    budget_usd: Decimal
    spent_usd: Decimal
    directed_by: str

    @property
    def left_usd(self) -> Decimal:
        """What is left of the listing's budget."""
        return max(ZERO_USD, self.budget_usd - self.spent_usd)

    @property
    def fits(self) -> bool:
        """Whether the budget holds the film as it is expected; what goes beyond the budget is never bought."""
        return self.expected_usd <= self.left_usd

    @property
    def at_most_usd(self) -> Decimal:
        """What can be spent without asking again: all that the settings allow, as far as the budget does."""
        return min(self.high_usd, self.left_usd)


def estimate(folder: Path, settings: Settings, *, listing: str | None = None, board: ProgressBoard) -> FilmEstimate:
    """Return what the film of a folder would cost now; nothing is sent to anybody.

    Args:
        folder: The photos, and ``listing.yaml`` if there is one.
        settings: The environment, with the engines that are chosen.
        listing: Listing key; by default the manifest's or the folder's name.
        board: Is told of progress while photos are read.

    Raises:
        LuxVidError: The folder cannot be used, an engine is unknown or its key is missing.
    """
    key = listing_key_of(folder, listing)
    services = PaidServices(settings)
    engines = {stage: engines_for(stage, settings, services) for stage in DIRECTION}
    for stage in MAKING:
        engines_for(stage, settings, services)  # a wrong name or a missing key is told before photos are read
    directed = _direction(folder, settings, key, board)
    lines = (
        *_lines(directed, engines),
        *making_lines(directed.listing, open_media_store(settings), settings, services, is_draft=directed.is_draft),
    )
    price = total(lines)
    budget = account_of(key, directed.listing.manifest, "", "").budget_usd
    spent = ZERO_USD
    if any(line.high_usd or line.engine not in {LOCAL, "silence"} for line in lines):
        booked = services.ledger.spent(listing=key)
        spent = booked.cost_usd + booked.reserved_usd
    return FilmEstimate(
        listing=key,
        lines=lines,
        low_usd=price.low_usd,
        expected_usd=price.expected_usd,
        high_usd=price.high_usd,
        budget_usd=ZERO_USD if budget is None else budget,
        spent_usd=spent,
        directed_by=directed.by,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directed:
    """A listing as far as its pairs, who chose them, and whether others will still choose."""

    listing: DirectedListing
    catalogue: list[CataloguedPhoto]
    by: str
    is_draft: bool = False


def _direction(folder: Path, settings: Settings, key: str, board: ProgressBoard) -> _Directed:
    """Direct a listing with engines that cost nothing, or take what hosted engines have directed before."""
    hosted = any(settings.engines[stage] != (LOCAL,) for stage in DIRECTION)
    if not hosted:
        direct(folder, settings, listing=key, board=board)
        return _read(settings, key, LOCAL)
    by = "local engines, since nobody has directed it yet"
    if TableIOManager(open_media_store(settings)).load_partition("scene_pairs", key, missing_ok=True) is not None:
        before, now = _read(settings, key, "what was directed before"), read_listing_folder(folder)
        if _is_as_directed(before, now, open_media_store(settings)):
            # What may be spent is no part of what is directed, and counts as it stands now.
            return replace(before, listing=replace(before.listing, manifest=now.manifest))
        by = "local engines, since photos or listing.yaml have changed since it was directed"
    # A home of its own, so that an estimate never takes the place of what the hosted engines will write.
    aside = replace(
        settings,
        home=settings.home / "estimates",
        media=str(settings.home / "estimates" / "media"),
        dagster_home=settings.home / "estimates" / "dagster",
        engines={**settings.engines, **dict.fromkeys(DIRECTION, (LOCAL,))},
    )
    direct(folder, aside, listing=key, board=board)
    return replace(_read(aside, key, by), is_draft=True)


def _is_as_directed(before: _Directed, now: ListingFolder, store: MediaStore) -> bool:
    """Whether a folder still holds the photos, and says of them, what it did when it was directed.

    Photos by reference are the same as long as their addresses are: nothing is fetched for an estimate.
    """
    if before.listing.manifest.model_copy(update={"generation": now.manifest.generation}) != now.manifest:
        return False
    records = from_table(stored_table(store, "listing_photos", before.listing.listing), PhotoRecord)
    addresses = {public_address(entry.source_url) for entry in now.to_fetch}
    fetched = {record.photo_id for record in records if public_address(record.source_url) in addresses}
    # Rows without an original are of files whose bytes nobody saw.
    seen = {record.photo_id for record in records if record.original}
    try:
        return seen == fetched | {sha256_of(now.path(file)) for file in now.photo_files}
    except OSError:
        return False


def _read(settings: Settings, key: str, by: str) -> _Directed:
    store = open_media_store(settings)
    catalogue = from_table(stored_table(store, "photo_catalogue", key), CataloguedPhoto)
    return _Directed(listing=read_directed(store, key), catalogue=catalogue, by=by)


def _lines(directed: _Directed, engines: Mapping[str, Sequence[Any]]) -> Iterator[CostLine]:
    """What direction would cost."""
    listing, draft = directed.listing, directed.is_draft
    files = {photo.record.photo_id: photo.path for photo in listing.photos}
    asked: dict[str, Callable[[Any], Estimate]] = {
        "tagger": lambda engine: engine.estimate(listing.photos, listing.manifest, is_draft=draft),
        "writer": lambda engine: engine.estimate(listing.listing, listing.manifest, directed.catalogue, is_draft=draft),
        "selector": lambda engine: engine.estimate(listing.storyboard, directed.catalogue, files, is_draft=draft),
    }
    for stage, ask in asked.items():
        yield cost_line(stage, engines[stage], ask)
