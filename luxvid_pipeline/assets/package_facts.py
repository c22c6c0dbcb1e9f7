"""What is known of how a film came about, gathered for the package that goes out.

Belongs here: reading scenes, takes, photos, the score and the ledger into the facts of ``domain/proof.py``.
Does not belong here: what follows from the facts (``domain/proof.py``), writing files (``package_maker.py``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luxvid_pipeline import __version__
from luxvid_pipeline.assets.metadata import engine_from_facts
from luxvid_pipeline.assets.package_maker import SCORE_NAME, SceneInput, ScoreInput, clip_name
from luxvid_pipeline.domain.gates import EngineKind, engine_kind
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.measured import really_measured
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Payment
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, public_address
from luxvid_pipeline.domain.proof import Fact, PackageFacts, PhotoFacts, SceneFacts, ScoreFacts
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.media.sheets import frames_of
from luxvid_pipeline.providers.local.silence import SILENCE

_VIEW_PX = 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Where the facts of one listing's package come from.

    Attributes:
        store: The media store.
        listing: Listing key.
        manifest: What the listing says of itself.
        pairs: The photos of each scene.
        records: Every photo that came in, by ``photo_id``.
        catalogue: What each usable photo shows, by ``photo_id``.
        payments: What was paid for and delivered for this listing, oldest first; empty where nothing ever was.
        disclosure_url: Public address of this listing's disclosure; empty for none.
    """

    store: MediaStore
    listing: str
    manifest: ListingManifest
    pairs: Mapping[str, ScenePair]
    records: Mapping[str, PhotoRecord]
    catalogue: Mapping[str, CataloguedPhoto]
    payments: Sequence[Payment] = field(default_factory=tuple[Payment, ...])
    disclosure_url: str = ""


def package_facts(
    known: Known, scenes: Sequence[SceneInput], score: ScoreInput, film: str, stills: Path
) -> PackageFacts:
    """Return everything that is known of a package before its files are made.

    Args:
        known: Where it comes from.
        scenes: The film's scenes in order.
        score: Its music.
        film: Name of the file whose cut is described for editors.
        stills: Where stills of altered scenes are written, for the page that shows them beside their originals.

    Raises:
        DamagedMediaError: A photograph or a clip is not the one that was recorded.
        MediaError: A clip cannot be decoded.
    """
    return PackageFacts(
        listing=known.listing,
        title=known.manifest.title,
        address=known.manifest.address,
        scenes=tuple(_scene(known, each, stills) for each in scenes),
        score=_score(known, score),
        film=film,
        disclosure_url=known.disclosure_url,
        made_by=f"LuxVid {__version__}",
    )


def _scene(known: Known, given: SceneInput, stills: Path) -> SceneFacts:
    shot, facts = given.shot, given.clip.facts
    maker = engine_from_facts(facts)
    generated = engine_kind(maker.name) is EngineKind.HOSTED
    takes: Sequence[Mapping[str, Any]] = facts.get("takes") or ()
    # From 1 over all engines: that of the second engine that was asked is not take 1 again.
    place, take = next(((at, each) for at, each in enumerate(takes, 1) if each.get("chosen")), (1, {}))
    seed = int(take.get("seed", facts.get("seed", 0)) or 0) if generated else None
    paid = _payment(known.payments, "clips", shot.scene, maker.name, seed) if generated else None
    altered = generated or bool(maker.disclosure)
    view: Path | None = None
    if altered:
        view = stills / f"{shot.scene}.jpg"
        frames_of(given.source.clip, 3, width_px=_VIEW_PX)[1].save(view, "JPEG", quality=88)
    prompt = " ".join(filter(None, (shot.prompt.rstrip(), str(take.get("note", "")))))
    return SceneFacts(
        key=shot.scene,
        title=f"{scene(shot.scene).title}: {shot.subject}" if shot.subject else scene(shot.scene).title,
        camera=shot.camera,
        photos=_photos(known, shot.scene, maker.disclosure, show=altered),
        reason=known.pairs[shot.scene].reason,
        chosen_by=known.pairs[shot.scene].engine,
        prompt=prompt if generated else "",
        negative_prompt=shot.negative_prompt if generated else "",
        engine=maker.name,
        model_version=paid.version if paid is not None else "",
        seed=seed,
        take=place,
        takes=max(1, len(takes)),
        measures=_measures(facts),
        cost_usd=maker.cost_usd,
        generated=generated,
        degraded_reason=maker.degraded_reason,
        clip=clip_name(shot.scene),
        clip_sha256=given.clip.sha256,
        clip_frames=given.source.frames,
        view=view,
        extra=_extra(maker.disclosure, paid),
    )


def _photos(known: Known, key: str, disclosure: str, *, show: bool) -> tuple[PhotoFacts, ...]:
    photos = known.pairs[key].photos
    roles = ("first", "last") if len(photos) == 2 else ("only",)
    found: list[PhotoFacts] = []
    for role, photo_id in zip(roles, photos, strict=True):
        record, entry = known.records.get(photo_id), known.catalogue.get(photo_id)
        file = record.file if record is not None else entry.file if entry is not None else ""
        original: Path | None = None
        if show and record is not None and record.working:
            original = known.store.open(record.working)
        found.append(
            PhotoFacts(
                photo_id=photo_id,
                file=file,
                role=role,
                source_url=(public_address(record.source_url) or "") if record is not None else "",
                room=entry.room.words if entry is not None and entry.room is not Room.UNKNOWN else "",
                altered_by=_altered_by(disclosure, file),
                original=original,
            )
        )
    return tuple(found)


def _altered_by(disclosure: str, file: str) -> str:
    """Return the model that changed a photo before it was filmed, as the clip's disclosure tells it; empty for none."""
    told = next((said for said in disclosure.split("; ") if file and said.startswith(f"{file} was ")), "")
    if not told:
        return ""
    named = re.search(r" by (\S+?):? ", f"{told} ")
    return named.group(1) if named else "a model"


def _score(known: Known, score: ScoreInput) -> ScoreFacts | None:
    maker = engine_from_facts(score.stored.facts)
    if maker.name == SILENCE:
        return None
    generated = engine_kind(maker.name) is EngineKind.HOSTED
    paid = _payment(known.payments, "score", "", maker.name, None) if generated else None
    return ScoreFacts(
        engine=maker.name,
        model_version=paid.version if paid is not None else "",
        style=score.style,
        prompt=str(paid.input.get("prompt", "")) if paid is not None else "",
        seed=paid.input.get("seed") if paid is not None else None,
        cost_usd=maker.cost_usd,
        generated=generated,
        degraded_reason=maker.degraded_reason,
        clip=SCORE_NAME,
        sha256=score.stored.sha256,
        extra=_extra(maker.disclosure, paid),
    )


def _payment(payments: Sequence[Payment], stage: str, key: str, model: str, seed: int | None) -> Payment | None:
    """Return the paid request that made something: that of its seed, or the latest of its model."""
    wanted = [
        payment
        for payment in payments
        if payment.account.stage == stage and payment.model == model and (not key or payment.account.scene == key)
    ]
    of_seed = [payment for payment in wanted if seed is not None and payment.input.get("seed") == seed]
    return next(reversed(of_seed or wanted), None)


def _measures(facts: Mapping[str, Any]) -> dict[str, Fact]:
    """What the gate measured of the clip, as plain values by name."""
    gate: Mapping[str, Any] = facts.get("gate") or {}
    measures = really_measured(gate.get("measures") or {})
    told: dict[str, Fact] = {name: value for name, value in measures.items() if isinstance(value, int | float | str)}
    if gate:
        told["gate_score"] = float(gate.get("score") or 0.0)
        told["gate_passed"] = bool(gate.get("passed"))
    return told


def _extra(disclosure: str, paid: Payment | None) -> dict[str, Fact]:
    told: dict[str, Fact] = {"disclosure": disclosure} if disclosure else {}
    if paid is not None:
        told |= {"vendor": paid.vendor, "vendor_request": paid.prediction_id or None}
    return told
