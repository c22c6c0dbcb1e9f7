"""``storyboard`` and ``scene_pairs``: what the film shows, and from which photo to which.

Belongs here: the two assets, and how the next version follows from the one before and what people said.
Does not belong here: prompts (``domain/scenes.py``), the choice itself (``domain/pairing.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import polars as pl

from luxvid_pipeline import checks
from luxvid_pipeline.assets.metadata import OWNERS, Stopwatch, account_of, engine_metadata, manifest_of, preview
from luxvid_pipeline.assets.notes import notes_of
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.domain.errors import NoUsablePhotosError
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto, WorkingPhoto
from luxvid_pipeline.domain.ports import Engine, PairSelector, StoryboardWriter
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.domain.shot_words import worded
from luxvid_pipeline.domain.storyboard import NoteTaken, Storyboard
from luxvid_pipeline.domain.tables import from_table, to_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager
from luxvid_pipeline.media.sheets import Tile, as_markdown, contact_sheet
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.progress import ProgressBoard

GROUP = "direction"


@dg.asset(
    partitions_def=listing_partitions,
    group_name=GROUP,
    kinds={"pydantic"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="document_io",
)
def storyboard(
    context: dg.AssetExecutionContext,
    photo_catalogue: pl.DataFrame,
    storyboard_writer: dg.ResourceParam[StoryboardWriter],
    media_store: dg.ResourceParam[MediaStore],
) -> Storyboard:
    """The seven scenes for this listing: subject, camera, prompts, seconds; scenes it cannot show, with the reason."""
    listing = context.partition_key
    catalogue = from_table(photo_catalogue, CataloguedPhoto)
    board, metadata = write_storyboard(listing, catalogue, storyboard_writer, media_store, context.run.run_id)
    context.add_output_metadata(metadata)
    return board


def write_storyboard(
    listing: str, catalogue: Sequence[CataloguedPhoto], writer: StoryboardWriter, store: MediaStore, run_id: str
) -> tuple[Storyboard, dict[str, Any]]:
    """Return a listing's storyboard with every note heeded, and what its materialisation says.

    Notes that the storyboard in the store heeds already are not heeded again, as long as the draft under them is the
    same; with other photos, another brief or another writer there is a new draft, and all notes are.

    Raises:
        ProviderError: The writer could not do it.
        DamagedMediaError: A note is damaged.
    """
    watch = Stopwatch()
    manifest = manifest_of(store, listing)
    account = account_of(listing, manifest, "writer", run_id)
    draft = writer.write(listing, manifest, catalogue, account)
    engines = [draft.engine]
    board, chosen = _drafted(draft.storyboard, listing, store)
    for note in notes_of(store, listing)[len(board.notes) :]:
        pairs = [row for row in chosen if _stands(row, board)]
        revised = writer.revise(
            board, note.text, manifest, catalogue, account, about=note.scene, pairs=pairs, seen=note.seen
        )
        engines.append(revised.engine)
        taken = NoteTaken(note=note, done=revised.done, not_done=revised.not_done)
        board = revised.storyboard.model_copy(update={"notes": (*board.notes, taken)})
    last = board.notes[-1] if board.notes else None
    metadata: dict[str, Any] = {
        "version": board.version,
        "notes": len(board.notes),
        **({"note_done": list(last.done), "note_not_done": list(last.not_done)} if last else {}),
        "scenes": len(board.shots),
        "left_out": {each.scene: each.reason for each in board.left_out},
        "duration_s": sum(shot.seconds for shot in board.shots),
        **engine_metadata(_together(engines), watch),
        **preview(_storyboard_table(board)),
    }
    return board, metadata


def _drafted(draft: Storyboard, listing: str, store: MediaStore) -> tuple[Storyboard, list[ScenePair]]:
    """Return the storyboard to go on from, and the photos chosen for it: the one in the store or a new draft."""
    basis = digest(draft.model_dump(mode="json", exclude={"version", "basis", "notes"}))
    earlier = DocumentIOManager(store).earlier("storyboard", listing)
    if not isinstance(earlier, Storyboard):
        return draft.model_copy(update={"basis": basis}), []
    heeded, said = [taken.note.key for taken in earlier.notes], [note.key for note in notes_of(store, listing)]
    if earlier.basis == basis and said[: len(heeded)] == heeded:
        return earlier, _chosen_before(store, listing)
    version = earlier.version + 1
    shots = tuple(shot.model_copy(update={"since": version}) for shot in draft.shots)
    return draft.model_copy(update={"basis": basis, "version": version, "shots": shots}), []


def _chosen_before(store: MediaStore, listing: str) -> list[ScenePair]:
    """Return the pairs in the store; none where they were never chosen, or cannot be read any more."""
    table = TableIOManager(store).earlier("scene_pairs", listing)
    return [] if table is None else from_table(table, ScenePair)


def _stands(row: ScenePair, board: Storyboard) -> bool:
    """Whether what a scene shows is still what its photos were chosen for."""
    return any(shot.scene == row.scene and shot.since <= row.version for shot in board.shots)


def _together(engines: Sequence[Engine]) -> Engine:
    reasons = dict.fromkeys(engine.degraded_reason for engine in engines if engine.degraded_reason)
    return replace(
        engines[-1],
        cost_usd=sum(engine.cost_usd for engine in engines),
        paid_calls=sum(engine.paid_calls for engine in engines),
        degraded_reason="; ".join(reasons),
    )


@dg.asset(
    partitions_def=listing_partitions,
    group_name=GROUP,
    kinds={"polars"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="table_io",
    check_specs=checks.PAIR_CHECKS,
)
def scene_pairs(
    context: dg.AssetExecutionContext,
    listing_photos: pl.DataFrame,
    photo_catalogue: pl.DataFrame,
    storyboard: Storyboard,
    pair_selector: dg.ResourceParam[PairSelector],
    media_store: dg.ResourceParam[MediaStore],
    table_io: dg.ResourceParam[TableIOManager],
    progress: dg.ResourceParam[ProgressBoard],
) -> Iterator[dg.Output[pl.DataFrame] | dg.AssetCheckResult]:
    """For each scene, the photos its clip begins and ends on, how sure, why, and the runner-up."""
    photos = working_photos(media_store, listing_photos)
    table, metadata = choose_scene_pairs(
        storyboard, photos, photo_catalogue, pair_selector, table_io, context.run.run_id
    )
    progress.report("direction", "pairs", 1.0)
    context.add_output_metadata(metadata, output_name="result")
    pairs = from_table(table, ScenePair)
    if not metadata["scenes_shot"]:
        reasons = "; ".join(f"{pair.scene}: {pair.reason}" for pair in pairs)
        raise NoUsablePhotosError(
            f"{storyboard.listing}: none of the seven scenes can be shot from its photos: {reasons}"
        )
    yield dg.Output(table)
    yield checks.pairs_are_valid(pairs, [entry.photo_id for entry in from_table(photo_catalogue, CataloguedPhoto)])
    yield checks.all_scenes_are_shot(pairs)


def choose_scene_pairs(
    storyboard: Storyboard,
    photos: Sequence[WorkingPhoto],
    photo_catalogue: pl.DataFrame,
    selector: PairSelector,
    table_io: TableIOManager,
    run_id: str,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return the photos of each scene, and what their materialisation says.

    After a note, scenes that it left alone keep exactly the photos they have.

    Raises:
        ProviderError: The selector could not do it.
        MediaError: A photo cannot be read.
    """
    watch = Stopwatch()
    listing, store = storyboard.listing, table_io.store
    by_id = {photo.record.photo_id: photo for photo in photos}
    made_from = digest(
        {
            "catalogue": photo_catalogue.write_json(),
            "storyboard": storyboard.model_dump(mode="json", exclude={"notes", "basis"}),
            "engine": selector.engine,
            "code": "2",
        }
    )
    earlier = table_io.recall("scene_pairs", listing, made_from)
    pinned: dict[str, ScenePair] = {}
    if earlier is None:
        catalogue = from_table(photo_catalogue, CataloguedPhoto)
        account = account_of(listing, manifest_of(store, listing), "selector", run_id)
        files = {key: photo.path for key, photo in by_id.items()}
        pinned = {
            row.scene: row
            for row in _chosen_before(store, listing)
            if row.version < storyboard.version and _stands(row, storyboard) and set(row.photos) <= by_id.keys()
        }
        choice = selector.select(storyboard, catalogue, files, account, pinned=pinned)
        pairs, engine = [replace(pair, version=storyboard.version) for pair in choice.pairs], choice.engine
    else:
        pairs, engine = from_table(earlier, ScenePair), Engine(name=selector.engine)
    pairs = worded(pairs, storyboard, from_table(photo_catalogue, CataloguedPhoto), manifest_of(store, listing))
    shot = [pair for pair in pairs if not pair.left_out]
    metadata: dict[str, Any] = {
        "scenes_shot": len(shot),
        "scenes_with_two_photos": sum(pair.last_photo is not None for pair in shot),
        "scenes_kept": sorted(pinned),
        "left_out": {pair.scene: pair.reason for pair in pairs if pair.left_out},
        "lowest_confidence": min((pair.confidence for pair in shot), default=0.0),
        **engine_metadata(engine, watch, reused=earlier is not None),
        **preview(_pair_sheet(pairs, by_id)),
        "made_from": made_from,
    }
    return to_table(pairs, ScenePair), metadata


def _storyboard_table(board: Storyboard) -> str:
    rows = ["| scene | subject | camera | score | seconds |", "|---|---|---|---|---|"]
    rows += [
        f"| {shot.scene} | {shot.subject} | {shot.camera} | {shot.score_prompt} | {shot.seconds:g} |"
        for shot in board.shots
    ]
    rows += [f"| {each.scene} | *left out* | {each.reason} | | |" for each in board.left_out]
    if board.notes:
        rows += ["", "| note | by | done | not done |", "|---|---|---|---|"]
    for taken in board.notes:
        about = f"{taken.note.scene}: " if taken.note.scene else ""
        cells = (about + taken.note.text, taken.note.by, "; ".join(taken.done), "; ".join(taken.not_done))
        rows.append("| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |")
    return "\n".join(rows)


def _pair_sheet(pairs: list[ScenePair], photos: dict[str, WorkingPhoto]) -> str:
    tiles: list[Tile] = []
    lines = ["| scene | why | confidence | runner-up |", "|---|---|---|---|"]
    for pair in pairs:
        for position, photo_id in (("first", pair.first_photo), ("last", pair.last_photo)):
            photo = photos.get(photo_id) if photo_id else None
            text = photo.record.file if photo else "left out" if pair.left_out else "shot from one photo"
            tiles.append(Tile(picture=photo.path if photo else None, text=f"{pair.scene} {position}: {text}"))
        runner = photos.get(pair.runner_up_first or "")
        second = f"{runner.record.file}: {pair.runner_up_reason}" if runner else "–"
        lines.append(f"| {scene(pair.scene).title} | {pair.reason} | {pair.confidence:.2f} | {second} |")
    sheet = as_markdown(contact_sheet(tiles, columns=4, tile_px=(240, 160)), "pairs", quality=65)
    return sheet + "\n\n" + "\n".join(lines)
