"""``delivery_package``: what goes out.

Belongs here: the asset, and gathering what a package is made from.
Does not belong here: what is wanted (``domain/delivery_plan.py``), making it (``package_maker.py``), what is known of
its scenes (``package_facts.py``), looking through it (``package_checks.py``), when it is delivered (``automation/``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl

from luxvid_pipeline import checks
from luxvid_pipeline.assets.approval import check_not_rejected
from luxvid_pipeline.assets.film import clip_of
from luxvid_pipeline.assets.metadata import OWNERS, Stopwatch, engine_from_facts, engine_metadata, manifest_of, preview
from luxvid_pipeline.assets.package_checks import films_of, names_in_unbranded, off_table, unmarked
from luxvid_pipeline.assets.package_facts import Known, package_facts
from luxvid_pipeline.assets.package_maker import (
    Brand,
    Disclosure,
    PackageMaker,
    SceneInput,
    ScoreInput,
    prefix,
    release,
    withhold,
)
from luxvid_pipeline.assets.scene_sources import from_photographs, plays_slower, slowing_scenes
from luxvid_pipeline.domain import proof
from luxvid_pipeline.domain.brand import card_text, identity, one_line
from luxvid_pipeline.domain.delivery_plan import (
    DeliveryPlan,
    Material,
    Shape,
    format_of,
    plan_delivery,
    room_caption,
    scene_weight,
)
from luxvid_pipeline.domain.errors import InputError, ListingError, NotDeliverableError
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.listing import ListingManifest, Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import Payment, PaymentState
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord
from luxvid_pipeline.domain.ports import Engine, ScoreComposer
from luxvid_pipeline.domain.proof import FileFacts, PackageFacts
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import DISSOLVE_S
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.media.brand_graphics import agent_card, caption, card_notes, disclosure_line, logo_mark
from luxvid_pipeline.media.branding_check import words_in_name
from luxvid_pipeline.media.encode import gop_frames
from luxvid_pipeline.media.listing_folder import read_listing_folder
from luxvid_pipeline.media.logos import Logo, read_logo
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.media.overlays import Overlay, PackedOverlays, laid_over
from luxvid_pipeline.media.packaging import SceneSource
from luxvid_pipeline.media.provenance import Signer
from luxvid_pipeline.media.sheets import Tile, as_markdown, contact_sheet, frames_of
from luxvid_pipeline.partitions import listing_partitions, scenes_of_a_listing
from luxvid_pipeline.providers.local.silence import SILENCE
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.progress import ProgressBoard
from luxvid_pipeline.resources.settings import Settings

CODE_VERSION = "3"

_DIP_FRAMES = 8
_SHEET_FRAMES = 6


@dg.asset(
    partitions_def=listing_partitions,
    ins={
        "scene_clips": dg.AssetIn(
            partition_mapping=scenes_of_a_listing,
            metadata={"allow_missing": True},
        )
    },
    group_name="delivery",
    kinds={"ffmpeg", "video"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    io_manager_key="media_io",
    check_specs=checks.PACKAGE_CHECKS,
)
def delivery_package(
    context: dg.AssetExecutionContext,
    property_video: StoredFile,
    scene_clips: dict[str, StoredFile],
    soundtrack: StoredFile,
    storyboard: Storyboard,
    scene_pairs: pl.DataFrame,
    listing_photos: pl.DataFrame,
    photo_catalogue: pl.DataFrame,
    listing_sources: dg.ResourceParam[ListingSources],
    spare_composer: dg.ResourceParam[ScoreComposer],
    listing_approvals: dg.ResourceParam[ListingApprovals],
    media_store: dg.ResourceParam[MediaStore],
    ledger: dg.ResourceParam[SqlLedger],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[ProgressBoard],
) -> Iterator[dg.Output[StoredFile] | dg.AssetCheckResult]:
    """What goes out: every shape, length and size, branded and not, with its proof; nothing where a check fails."""
    watch = Stopwatch()
    listing = context.partition_key
    manifest = manifest_of(media_store, listing)
    pairs = {pair.scene: pair for pair in from_table(scene_pairs, ScenePair)}
    check_not_rejected(listing_approvals, listing, storyboard, list(pairs.values()))
    photos = {photo.photo_id: photo for photo in from_table(photo_catalogue, CataloguedPhoto)}
    records = {record.photo_id: record for record in from_table(listing_photos, PhotoRecord)}
    shown = scene_inputs(media_store, listing, storyboard, pairs, scene_clips)
    scenes = from_photographs(media_store, listing, shown, pairs, records)
    words = _captions(manifest, scenes, pairs, photos)
    logo, notes = _logo(media_store, listing, manifest, listing_sources)
    branded = logo is not None or card_text(manifest).names_somebody
    plan = _plan(media_store, listing, manifest, scenes, pairs, words if branded else {}, branded=branded)
    called = words_in_name(plan.film.name, identity(manifest))
    if called:  # before minutes are spent on files that could not go out
        result = checks.unbranded_files_name_nobody([str(finding) for finding in called], len(plan.files))
        yield result
        withhold(media_store, listing)
        raise NotDeliverableError(
            f"{listing}: the package must not go out: {result.check_name}: {result.description}; its files are called "
            "after its key, so render it with another --listing KEY, or change that name in listing.yaml"
        )
    score_engine = engine_from_facts(soundtrack.facts).name
    score = ScoreInput(
        stored=soundtrack,
        style=storyboard.music,
        silent=score_engine == SILENCE,
        composer=spare_composer if score_engine == spare_composer.engine else None,
    )
    known = Known(
        store=media_store,
        listing=listing,
        manifest=manifest,
        pairs=pairs,
        records=records,
        catalogue=photos,
        payments=_payments(ledger, listing),
        disclosure_url=f"{settings.disclosure_url}/{listing}" if settings.disclosure_url else "",
    )
    brand = _brand(manifest, plan, words, logo)
    with media_store.scratch() as stills:
        facts = package_facts(known, scenes, score, plan.film.name, stills)
        disclosure = Disclosure(
            facts=facts,
            signer=_signer(settings),
            notices=_notices(facts, plan) if manifest.film.disclosure_line else {},
        )
        maker = PackageMaker(
            media_store,
            listing,
            plan,
            scenes,
            score,
            property_video,
            brand,
            disclosure,
            progress=lambda part, done: progress.report("delivery", part, done),
        )
        package = maker.make()
    results = (
        checks.package_is_what_platforms_take(off_table(package), len(films_of(package))),
        checks.unbranded_files_name_nobody(
            names_in_unbranded(media_store, listing, package, brand, identity(manifest)),
            sum(not file.branded for file in package.facts.files),
        ),
        checks.manifest_covers_every_second(proof.manifest(package.facts)),
        checks.altered_views_are_marked(unmarked(media_store, listing, package, disclosure), len(facts.altered_scenes)),
        checks.originals_can_be_reached(proof.warnings(facts)),
    )
    progress.report("delivery", "checks", 1.0)
    yield from results
    wrong = [f"{result.check_name}: {result.description}" for result in results if _blocks(result)]
    if wrong:
        withhold(media_store, listing)
        raise NotDeliverableError(f"{listing}: the package must not go out: {' | '.join(wrong)}")
    for shape in dict.fromkeys(file.shape for file in plan.files):
        size = format_of(shape)
        notes += card_notes(card_text(manifest), (size.width_px, size.height_px), manifest.brand.colors, logo=logo)
    told = [*plan.notes, *dict.fromkeys(notes), proof.statement(facts), *proof.warnings(facts)]
    films = films_of(package)
    context.add_output_metadata(
        {
            "folder": dg.MetadataValue.path(_place(media_store, listing)),
            "files": len(package.files),
            "films": len(films),
            "shapes": list(dict.fromkeys(file.shape.value for file in plan.files)),
            "lengths_s": sorted({round(float(film.frames / film.fps), 1) for film in films}),
            "total_bytes": sum(file.bytes for file in package.files),
            "frames_encoded": package.encoded_frames,
            "generated": bool(facts.altered_scenes),
            "statement": proof.statement(facts),
            "notes": told,
            **engine_metadata(Engine(), watch, reused=package.reused),
            **preview(_sheet(media_store, listing, films) + "\n\n" + _table(films)),
        },
        output_name="result",
    )
    yield dg.Output(release(media_store, listing, package, told))


def _blocks(result: dg.AssetCheckResult) -> bool:
    return not result.passed and result.severity is dg.AssetCheckSeverity.ERROR


def _payments(ledger: SqlLedger, listing: str) -> list[Payment]:
    """What was paid for and delivered for a listing; nothing where nobody ever paid for anything."""
    if ledger.is_new:
        return []
    return [entry.payment for entry in ledger.rows(state=PaymentState.DELIVERED, listing=listing)]


def _signer(settings: Settings) -> Signer | None:
    """Who signs what was generated; the settings see to it that key and certificates are there together."""
    certificates, key = settings.c2pa_certificates, settings.c2pa_key
    return Signer(certificates=certificates, key=key) if certificates is not None and key is not None else None


def _notices(facts: PackageFacts, plan: DeliveryPlan) -> dict[Shape, Overlay]:
    """The line in the picture of altered scenes; without an address, since unbranded films show it too."""
    words = proof.short_statement(replace(facts, disclosure_url=""))
    if not words:
        return {}
    sizes = {file.shape: format_of(file.shape) for file in plan.files}
    return {shape: disclosure_line(words, (size.width_px, size.height_px)) for shape, size in sizes.items()}


def scene_inputs(
    store: MediaStore,
    listing: str,
    storyboard: Storyboard,
    pairs: Mapping[str, ScenePair],
    clips: dict[str, StoredFile],
) -> list[SceneInput]:
    """Return the film's scenes as they are shown, its transitions included.

    Raises:
        DamagedMediaError: A clip is missing, or was shot from other photos than those now chosen.
    """
    transition = Transition(storyboard.transition)
    shots = [shot for shot in storyboard.for_pairs(pairs.values()).shots if not pairs[shot.scene].left_out]
    stored = [clip_of(clips, listing, shot, pairs[shot.scene]) for shot in shots]
    overlap = FULL_HD.frames(DISSOLVE_S) if transition is Transition.DISSOLVE and len(shots) > 1 else 0
    found: list[SceneInput] = []
    for number, (shot, clip) in enumerate(zip(shots, stored, strict=True)):
        following = stored[number + 1] if overlap and number + 1 < len(shots) else None
        dips = transition is Transition.FADE
        found.append(
            SceneInput(
                source=SceneSource(
                    scene=shot.scene,
                    clip=store.open(clip.key),
                    frames=FULL_HD.frames(shot.seconds),
                    after=store.open(following.key) if following is not None else None,
                    overlap=overlap if following is not None else 0,
                    skip=overlap if number else 0,
                    dips=(
                        _DIP_FRAMES if dips and number else 0,
                        _DIP_FRAMES if dips and number < len(shots) - 1 else 0,
                    ),
                ),
                clip=clip,
                after=following,
                shot=shot,
            )
        )
    return found


def _plan(
    store: MediaStore,
    listing: str,
    manifest: ListingManifest,
    scenes: Sequence[SceneInput],
    pairs: Mapping[str, ScenePair],
    words: Mapping[str, tuple[str, str]],
    *,
    branded: bool,
) -> DeliveryPlan:
    likeness = slowing_scenes(store, listing, scenes)
    material = [
        Material(
            scene=scene.source.scene,
            frames=scene.source.length,
            weight=scene_weight(scene.source.scene, pairs[scene.source.scene].confidence),
            slows=plays_slower(scene, likeness[scene.source.scene]),
        )
        for scene in scenes
    ]
    return plan_delivery(
        listing,
        material,
        [Shape(variant) for variant in manifest.film.variants],
        grid=gop_frames(FULL_HD),
        branded=branded,
        captioned=words.keys(),
        broadcast=manifest.film.broadcast,
    )


def _captions(
    manifest: ListingManifest,
    scenes: Sequence[SceneInput],
    pairs: Mapping[str, ScenePair],
    photos: Mapping[str, CataloguedPhoto],
) -> dict[str, tuple[str, str]]:
    """What is written under each scene of a branded film, and below that: the property's name first, then the rooms."""
    found: dict[str, tuple[str, str]] = {}
    for number, scene in enumerate(scenes):
        key = scene.source.scene
        shown = [photos[photo] for photo in pairs[key].photos if photo in photos]
        room = room_caption(shown) if manifest.film.captions and shown else ""
        if number == 0 and (manifest.title or manifest.address):
            found[key] = (
                one_line(manifest.title or manifest.address),
                one_line(manifest.address) if manifest.title else "",
            )
        elif room:
            found[key] = (room, "")
    return found


def _brand(
    manifest: ListingManifest, plan: DeliveryPlan, words: Mapping[str, tuple[str, str]], logo: Logo | None
) -> Brand:
    """Draw what branded files show; the logo stands with the property's name at the beginning, and on the card."""
    shapes = dict.fromkeys(file.shape for file in plan.files)
    captions = PackedOverlays()
    cards: dict[Shape, Overlay] = {}
    with memory_reused():
        for shape in shapes:
            size = format_of(shape)
            size_px = (size.width_px, size.height_px)
            cards[shape] = agent_card(card_text(manifest), size_px, manifest.brand.colors, logo=logo)
            for number, (scene, (text, detail)) in enumerate(words.items()):
                drawn = caption(text, size_px, detail=detail)
                captions[scene, shape] = laid_over(drawn, logo_mark(logo, size_px)) if logo and number == 0 else drawn
    told = {scene: " · ".join(filter(None, said)) for scene, said in words.items()}
    return Brand(captions=captions, words=told, cards=cards, logo=logo)


def _logo(
    store: MediaStore, listing: str, manifest: ListingManifest, sources: ListingSources
) -> tuple[Logo | None, tuple[str, ...]]:
    """The brand's logo, read from the listing's folder and kept; a film goes out without one, but never silently.

    Raises:
        ListingError: The file named in the manifest is no logo that may be drawn.
    """
    if manifest.brand.logo is None:
        return None, ()
    name = Path(manifest.brand.logo).name
    key = f"{prefix(listing)}/parts/logo{Path(name).suffix.lower()}"
    try:
        folder = read_listing_folder(sources.folder(listing))
        found = [folder.folder / file for file in folder.logo_candidates]
    except InputError:
        found = []
    if found:
        store.put_bytes(found[0].read_bytes(), key)
    if store.find(key) is None:
        return None, (f"the logo {manifest.brand.logo!r} is not in the listing's folder; branded films have none",)
    try:
        logo = read_logo(store.open(key))
    except ListingError as error:
        raise ListingError(str(error).replace(Path(key).name, manifest.brand.logo)) from error
    return logo, logo.notes


def _sheet(store: MediaStore, listing: str, films: Sequence[FileFacts]) -> str:
    """A few frames of each film, read from its smallest size."""
    smallest: dict[str, FileFacts] = {}
    for film in sorted(films, key=lambda film: -film.width_px * film.height_px):
        if not film.name.endswith("_r128.mp4"):
            smallest[film.name.rpartition("_")[0]] = film
    tiles: list[Tile] = []
    for name, film in smallest.items():
        frames = frames_of(store.open(f"{prefix(listing)}/{film.name}"), _SHEET_FRAMES, width_px=240, exact=False)
        tiles += [Tile(picture=frame, text=name if number == 0 else "") for number, frame in enumerate(frames)]
    return as_markdown(contact_sheet(tiles, columns=_SHEET_FRAMES, tile_px=(200, 200)), "variants")


def _table(films: Sequence[FileFacts]) -> str:
    rows = ["| file | seconds | size | LUFS |", "|---|---|---|---|"]
    rows += [
        f"| {film.name} | {float(film.frames / film.fps):.1f} | {film.bytes / 1e6:.1f} MB | "
        f"{film.measures.get('loudness_lufs', '')} |"
        for film in films
    ]
    return "\n".join(rows)


def _place(store: MediaStore, listing: str) -> str:
    return f"{store.base.rstrip('/')}/{prefix(listing)}"
