"""What making a directed listing's film would cost now: its clips and its score, with the engines that are set.

Belongs here: the lines of an estimate, and what is made or paid for already.
Does not belong here: prices (``domain/pricing.py``), what direction costs (``estimates.py``), printing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import polars as pl

from luxvid_pipeline.assets.clips import kept_clip
from luxvid_pipeline.assets.metadata import account_of, manifest_of
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.assets.score import kept_score, score_request
from luxvid_pipeline.domain.errors import DamagedMediaError, InvalidRequestError
from luxvid_pipeline.domain.listing import ListingManifest, Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import FREE, ZERO_USD, Estimate, PaymentState
from luxvid_pipeline.domain.photos import WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest, ScoreRequest
from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import lay_out
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager
from luxvid_pipeline.providers.widening import WideningClips
from luxvid_pipeline.resources.engines import engine_for, engines_for
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings

MADE = "made already"

_WITH = {"clips": "images"}
"""A stage whose lines count with another one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One line of an estimate.

    Attributes:
        stage: ``tagger``, ``writer``, ``selector``, ``clips`` or ``score``.
        scene: Scene key, empty for a whole listing.
        engine: Who would do it.
        low_usd: Least it would cost now, in dollars.
        expected_usd: Upper end if nothing fails: what a budget has to hold for the film to be made as it is set.
        high_usd: Most it could cost now, with every take, every retry that is paid and every fallback.
        note: Why it costs nothing, or what is uncertain; empty if there is nothing to say.
    """

    stage: str
    scene: str = ""
    engine: str
    low_usd: Decimal
    expected_usd: Decimal
    high_usd: Decimal
    note: str = ""

    @property
    def price(self) -> Estimate:
        """The line's figures."""
        return Estimate(low_usd=self.low_usd, expected_usd=self.expected_usd, high_usd=self.high_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectedListing:
    """A listing as far as its pairs.

    Attributes:
        listing: Listing key.
        manifest: What the listing says.
        photos: Every kept photo.
        storyboard: What will be shot.
        pairs: From which photos.
    """

    listing: str
    manifest: ListingManifest
    photos: Sequence[WorkingPhoto]
    storyboard: Storyboard
    pairs: Sequence[ScenePair]

    def clip_requests(self) -> Iterator[ClipRequest]:
        """Give the clips that are planned, in the order of the film."""
        photos = {photo.record.photo_id: photo for photo in self.photos}
        pairs = {pair.scene: pair for pair in self.pairs}
        for shot in self.storyboard.for_pairs(self.pairs).shots:
            pair = pairs.get(shot.scene)
            if pair is None or pair.first_photo is None:
                continue
            yield ClipRequest(
                listing=self.listing,
                shot=shot,
                first=photos[pair.first_photo],
                last=photos[pair.last_photo] if pair.last_photo else None,
                overlap=pair.overlap,
                account=account_of(self.listing, self.manifest, "clips", ""),
            )

    def score(self) -> ScoreRequest:
        """Return the score that fits the scenes."""
        return score_request(self.listing, self.storyboard, list(self.pairs))


def read_directed(store: MediaStore, listing: str) -> DirectedListing:
    """Return a listing as it lies in a store.

    Raises:
        DamagedMediaError: It has no pairs yet, or a file is not the one that was recorded.
    """
    board = DocumentIOManager(store).load_partition("storyboard", listing, missing_ok=False)
    if not isinstance(board, Storyboard):
        raise DamagedMediaError(f"the storyboard of {listing} cannot be read: run the asset storyboard for it")
    return DirectedListing(
        listing=listing,
        manifest=manifest_of(store, listing),
        photos=working_photos(store, stored_table(store, "listing_photos", listing)),
        storyboard=board,
        pairs=from_table(stored_table(store, "scene_pairs", listing), ScenePair),
    )


def stored_table(store: MediaStore, asset: str, listing: str) -> pl.DataFrame:
    """Return an asset's table.

    Raises:
        DamagedMediaError: It was never made, or it is not the one that was recorded.
    """
    found = TableIOManager(store).load_partition(asset, listing, missing_ok=False)
    if found is None:
        raise DamagedMediaError(f"{asset} of {listing} cannot be read: run the asset {asset} for it")
    return found


def making_lines(
    directed: DirectedListing,
    store: MediaStore,
    settings: Settings,
    services: PaidServices | None = None,
    *,
    is_draft: bool = False,
) -> list[CostLine]:
    """Return what clips and score of a directed listing would cost now; nothing is sent to anybody.

    Args:
        directed: The listing.
        store: Where what is made already lies.
        settings: The environment, with the engines that are chosen.
        services: Ledger and vendors, to be shared; fresh ones unless given.
        is_draft: Whether others will still direct it: the upper end then holds for any scenes and photos.

    Raises:
        SettingsError: An engine is unknown or its key is missing.
        LedgerError: What is paid for cannot be read.
    """
    services = services or PaidServices(settings)
    shooting, playing = (engines_for(stage, settings, services) for stage in ("clips", "score"))
    generator = engine_for("clips", settings, services)
    lines: list[CostLine] = []
    for request in directed.clip_requests():
        if kept_clip(store, request, generator.engine) is not None:
            lines.append(_nothing("clips", request.shot.scene, shooting[0].engine, MADE))
            continue
        lines.append(_clip_line(request, shooting, services))
        if isinstance(generator, WideningClips):
            widening = generator.estimate_pictures(request)
            if widening.high_usd:
                lines.append(_line("images", request.shot.scene, generator.editor, widening))
    score = directed.score()
    if any(kept_score(store, score, composer.engine) is not None for composer in playing):
        lines.append(_nothing("score", "", playing[0].engine, MADE))
    else:
        lines.append(cost_line("score", playing, lambda engine: engine.estimate(score)))
    if is_draft:
        lines += list(_other_choices(directed, lines, shooting, playing, generator))
    return lines


def total(lines: Sequence[CostLine]) -> Estimate:
    """Return the sum of an estimate's lines."""
    return sum((line.price for line in lines), FREE)


def is_made(store: MediaStore, settings: Settings, listing: str) -> bool:
    """Whether every clip and the score of a listing's plan are there already, so that going on costs nothing.

    Raises:
        DamagedMediaError: The listing was never directed, or a file is damaged.
        SettingsError: An engine is unknown or its key is missing.
    """
    return all(line.note == MADE for line in making_lines(read_directed(store, listing), store, settings))


def _clip_line(request: ClipRequest, engines: Sequence[Any], services: PaidServices) -> CostLine:
    scene = request.shot.scene
    line = cost_line("clips", engines, lambda engine: engine.estimate(request), scene)
    chosen = next(engine for engine in engines if engine.engine == line.engine)
    if not hasattr(chosen, "paid_request"):
        return line
    most_takes = getattr(chosen, "most_takes", 1)
    first = chosen.paid_request(request)
    paid = services.ledger.payment(first.key)
    if paid is not None and paid.state is PaymentState.DELIVERED:
        # Nobody has measured it here yet: where it fails its gate, the other takes and engines may follow.
        others = line.high_usd - first.estimate.high_usd
        nothing = _nothing("clips", scene, line.engine, _notes("paid for already", line.note))
        return replace(nothing, high_usd=others)
    if most_takes > 1:
        again = f"up to {most_takes} takes where one fails its gate, each at this price and within the budget"
        line = replace(line, note=_notes(line.note, again))
    return line


def _other_choices(
    directed: DirectedListing,
    lines: Sequence[CostLine],
    shooting: Sequence[Any],
    playing: Sequence[Any],
    generator: Any,
) -> Iterator[CostLine]:
    """Give what film and score may cost beyond their lines if others choose more scenes, or dearer photos for them."""
    asked = next(directed.clip_requests())
    choices = [replace(asked, last=None), replace(asked, last=asked.first)]
    clip_usd = sum((_dearest(engine, choices) for engine in shooting), ZERO_USD)
    if isinstance(generator, WideningClips):
        clip_usd += 2 * generator.picture.high_usd  # whichever photos are chosen, both may be portraits
    score, transition = directed.score(), Transition(directed.storyboard.transition)
    scores = [
        replace(score, stage_seconds=lay_out([asked.shot.seconds] * count, transition).stage_seconds)
        for count in range(1, len(SCENES) + 1)
    ]
    score_usd = sum((_dearest(engine, scores) for engine in playing), ZERO_USD)
    for stage, engines, most_usd in (("clips", shooting, len(SCENES) * clip_usd), ("score", playing, score_usd)):
        beyond_usd = most_usd - sum(line.high_usd for line in lines if line.stage in {stage, _WITH.get(stage)})
        if beyond_usd > 0:
            names = ",".join(engine.engine for engine in engines)
            note = "if other scenes or photos are chosen than are listed here"
            yield replace(_nothing(stage, "", names, note), high_usd=beyond_usd)


def _dearest(engine: Any, requests: Sequence[Any]) -> Decimal:
    """Return the most that any of the requests costs that an engine takes."""
    most_usd = ZERO_USD
    for request in requests:
        with suppress(InvalidRequestError):
            most_usd = max(most_usd, _price(engine, lambda each, asked=request: each.estimate(asked)).high_usd)
    return most_usd


def cost_line(stage: str, engines: Sequence[Any], ask: Callable[[Any], Estimate], scene: str = "") -> CostLine:
    """Return the line of the first engine that takes the work; its upper end holds the later ones of the chain too.

    Each engine may be paid for its takes and fail, and then the next one is asked.

    Raises:
        InvalidRequestError: No engine of the chain takes it.
    """
    prices: list[tuple[str, Estimate]] = []
    notes: list[str] = []
    for engine in engines:
        try:
            prices.append((engine.engine, _price(engine, ask)))
        except InvalidRequestError as error:
            if engine is engines[-1] and not prices:
                raise
            if not prices:
                notes.append(f"{engine.engine} cannot: {error}")
    if not prices:
        raise RuntimeError(f"no engine is chosen for {stage}")
    (chosen, price), *others = prices
    dearer = [name for name, other in others if other.high_usd]
    if dearer:
        notes.append(f"the most holds {', '.join(dearer)} too")
    most = sum((other.spare for _, other in others), price)
    return _line(stage, scene, chosen, most, "; ".join(notes))


def _price(engine: Any, ask: Callable[[Any], Estimate]) -> Estimate:
    return ask(engine) if hasattr(engine, "estimate") else FREE


def _line(stage: str, scene: str, engine: str, price: Estimate, note: str = "") -> CostLine:
    return CostLine(
        stage=stage,
        scene=scene,
        engine=engine,
        low_usd=price.low_usd,
        expected_usd=price.expected_usd,
        high_usd=price.high_usd,
        note=note,
    )


def _nothing(stage: str, scene: str, engine: str, note: str) -> CostLine:
    return _line(stage, scene, engine, FREE, note)


def _notes(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
