"""What a listing's film would cost with the chosen engines, before anything is spent.

Belongs here: the estimate by stage and scene, and what is paid for or made already.
Does not belong here: prices (``domain/pricing.py``), printing (``cli_money.py``), budgets' enforcement (``ledger/``).

A scene's price depends on which photos it is shot from only where they were shot before, so an estimate before the
hosted models have directed a listing is made from what the local engines would choose, and says so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from luxvid_pipeline.assets.clips import kept_clip
from luxvid_pipeline.assets.metadata import account_of, manifest_of
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.assets.score import kept_score, score_request
from luxvid_pipeline.domain.errors import InvalidRequestError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import FREE, ZERO_USD, Estimate, PaymentState
from luxvid_pipeline.domain.photos import CataloguedPhoto, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager
from luxvid_pipeline.local_runs import direct, listing_key_of
from luxvid_pipeline.resources.engines import LOCAL, engines_for
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import ProgressBoard
from luxvid_pipeline.resources.settings import Settings

DIRECTION = ("tagger", "writer", "selector")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of an estimate.

    Attributes:
        stage: ``tagger``, ``writer``, ``selector``, ``clips`` or ``score``.
        scene: Scene key, empty for a whole listing.
        engine: Who would do it.
        low_usd: Least it would cost now, in dollars.
        high_usd: Most it would cost now; what a budget has to hold.
        note: Why it costs nothing, or what is uncertain; empty if there is nothing to say.
    """

    stage: str
    scene: str = ""
    engine: str
    low_usd: Decimal
    high_usd: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmEstimate:
    """What one listing's film would cost.

    Attributes:
        listing: Listing key.
        lines: One a stage of direction, one a scene, one for the score.
        low_usd: Sum of the lines.
        high_usd: Sum of the lines.
        budget_usd: What the listing may cost in all.
        spent_usd: What it has cost so far, reservations included.
        directed_by: Who chose the photos that this is made from.
    """

    listing: str
    lines: tuple[CostLine, ...]
    low_usd: Decimal
    high_usd: Decimal
    budget_usd: Decimal
    spent_usd: Decimal
    directed_by: str

    @property
    def fits(self) -> bool:
        """Whether even the upper end fits into what is left of the listing's budget."""
        return self.high_usd <= max(ZERO_USD, self.budget_usd - self.spent_usd)


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
    engines = {stage: engines_for(stage, settings, services) for stage in settings.engines}
    directed = _direction(folder, settings, key, board)
    lines = tuple(_lines(directed, engines, settings, services))
    budget = account_of(key, directed.manifest, "", "").budget_usd
    spent = ZERO_USD
    if any(line.engine not in {LOCAL, "silence"} for line in lines):
        booked = services.ledger.spent(listing=key)
        spent = booked.cost_usd + booked.reserved_usd
    return FilmEstimate(
        listing=key,
        lines=lines,
        low_usd=sum((line.low_usd for line in lines), ZERO_USD),
        high_usd=sum((line.high_usd for line in lines), ZERO_USD),
        budget_usd=ZERO_USD if budget is None else budget,
        spent_usd=spent,
        directed_by=directed.by,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directed:
    """A listing as far as its pairs."""

    listing: str
    store: MediaStore
    manifest: ListingManifest
    photos: list[WorkingPhoto]
    catalogue: list[CataloguedPhoto]
    storyboard: Storyboard
    pairs: list[ScenePair]
    by: str


def _direction(folder: Path, settings: Settings, key: str, board: ProgressBoard) -> _Directed:
    """Direct a listing with engines that cost nothing, or take what hosted engines have directed before."""
    hosted = any(settings.engines[stage] != (LOCAL,) for stage in DIRECTION)
    if not hosted:
        direct(folder, settings, listing=key, board=board)
        return _read(settings, key, LOCAL)
    if TableIOManager(_store(settings)).load_partition("scene_pairs", key, missing_ok=True) is not None:
        return _read(settings, key, "what was directed before")
    # A home of its own, so that an estimate never takes the place of what the hosted engines will write.
    aside = replace(
        settings,
        home=settings.home / "estimates",
        media=str(settings.home / "estimates" / "media"),
        dagster_home=settings.home / "estimates" / "dagster",
        engines={**settings.engines, **dict.fromkeys(DIRECTION, (LOCAL,))},
    )
    direct(folder, aside, listing=key, board=board)
    return _read(aside, key, "local engines, since nobody has directed it yet")


def _read(settings: Settings, key: str, by: str) -> _Directed:
    store = _store(settings)
    tables = TableIOManager(store)

    def table(asset: str) -> pl.DataFrame:
        found = tables.load_partition(asset, key, missing_ok=False)
        if found is None:
            raise RuntimeError(f"{asset} of {key} was made and cannot be read")
        return found

    board = DocumentIOManager(store).load_partition("storyboard", key, missing_ok=False)
    if not isinstance(board, Storyboard):
        raise TypeError(f"the storyboard of {key} was made and cannot be read")
    return _Directed(
        listing=key,
        store=store,
        manifest=manifest_of(store, key),
        photos=working_photos(store, table("listing_photos")),
        catalogue=from_table(table("photo_catalogue"), CataloguedPhoto),
        storyboard=board,
        pairs=from_table(table("scene_pairs"), ScenePair),
        by=by,
    )


def _store(settings: Settings) -> MediaStore:
    return MediaStore(settings.media, settings.cache)


def _lines(
    directed: _Directed, engines: Mapping[str, Sequence[Any]], settings: Settings, services: PaidServices
) -> Iterator[CostLine]:
    files = {photo.record.photo_id: photo.path for photo in directed.photos}
    asked: dict[str, Callable[[Any], Estimate]] = {
        "tagger": lambda engine: engine.estimate(directed.photos, directed.manifest),
        "writer": lambda engine: engine.estimate(directed.listing, directed.manifest, directed.catalogue),
        "selector": lambda engine: engine.estimate(directed.storyboard, directed.catalogue, files),
    }
    for stage, ask in asked.items():
        yield _line(stage, engines[stage], ask)
    real = _store(settings)
    chain = ",".join(settings.engines["clips"])
    photos = {photo.record.photo_id: photo for photo in directed.photos}
    for pair in directed.pairs:
        shot = next((shot for shot in directed.storyboard.shots if shot.scene == pair.scene), None)
        if pair.left_out or shot is None or pair.first_photo is None:
            continue
        request = ClipRequest(
            listing=directed.listing,
            shot=shot,
            first=photos[pair.first_photo],
            last=photos[pair.last_photo] if pair.last_photo else None,
            overlap=pair.overlap,
            account=account_of(directed.listing, directed.manifest, "clips", ""),
        )
        if kept_clip(real, request, chain) is not None:
            yield _nothing("clips", pair.scene, engines["clips"][0].engine, "made already")
        else:
            yield _clip_line(pair.scene, request, engines["clips"], services)
    score = score_request(directed.listing, directed.storyboard, directed.pairs)
    if any(kept_score(real, score, composer.engine) is not None for composer in engines["score"]):
        yield _nothing("score", "", engines["score"][0].engine, "made already")
    else:
        yield _line("score", engines["score"], lambda engine: engine.estimate(score))


def _clip_line(scene: str, request: ClipRequest, engines: Sequence[Any], services: PaidServices) -> CostLine:
    line = _line("clips", engines, lambda engine: engine.estimate(request), scene)
    chosen = next(engine for engine in engines if engine.engine == line.engine)
    if not hasattr(chosen, "paid_request"):
        return line
    paid = services.ledger.payment(chosen.paid_request(request).key)
    if paid is not None and paid.state is PaymentState.DELIVERED:
        return _nothing("clips", scene, line.engine, "paid for already")
    return line


def _line(stage: str, engines: Sequence[Any], ask: Callable[[Any], Estimate], scene: str = "") -> CostLine:
    """The first engine of a chain that takes the work; what a later one would cost instead is not added."""
    notes: list[str] = []
    for engine in engines:
        try:
            price = ask(engine) if hasattr(engine, "estimate") else FREE
        except InvalidRequestError as error:
            if engine is engines[-1]:
                raise
            notes.append(f"{engine.engine} cannot: {error}")
            continue
        return CostLine(
            stage=stage,
            scene=scene,
            engine=engine.engine,
            low_usd=price.low_usd,
            high_usd=price.high_usd,
            note="; ".join(notes),
        )
    raise RuntimeError(f"no engine is chosen for {stage}")


def _nothing(stage: str, scene: str, engine: str, note: str) -> CostLine:
    return CostLine(stage=stage, scene=scene, engine=engine, low_usd=ZERO_USD, high_usd=ZERO_USD, note=note)
