"""``storyboard`` and ``scene_pairs``: what the film shows, and from which photo to which.

Belongs here: the two assets.
Does not belong here: prompts (``domain/scenes.py``), the choice itself (``domain/pairing.py``).
"""

import dagster as dg
import polars as pl

from luxvid_pipeline.assets.metadata import OWNERS, Stopwatch, account_of, engine_metadata, manifest_of, preview
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.domain.errors import NoUsablePhotosError
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto, WorkingPhoto
from luxvid_pipeline.domain.ports import Engine, PairSelector, StoryboardWriter
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table, to_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import TableIOManager
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
    watch = Stopwatch()
    listing = context.partition_key
    manifest = manifest_of(media_store, listing)
    account = account_of(listing, manifest, "writer", context.run.run_id)
    draft = storyboard_writer.write(listing, manifest, from_table(photo_catalogue, CataloguedPhoto), account)
    board = draft.storyboard
    context.add_output_metadata(
        {
            "scenes": len(board.shots),
            "left_out": {each.scene: each.reason for each in board.left_out},
            "duration_s": sum(shot.seconds for shot in board.shots),
            **engine_metadata(draft.engine, watch),
            **preview(_storyboard_table(board)),
        }
    )
    return board


@dg.asset(
    partitions_def=listing_partitions,
    group_name=GROUP,
    kinds={"polars"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="table_io",
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
) -> pl.DataFrame:
    """For each scene, the photos its clip begins and ends on, how sure, why, and the runner-up."""
    watch = Stopwatch()
    listing = context.partition_key
    photos = {photo.record.photo_id: photo for photo in working_photos(media_store, listing_photos)}
    made_from = digest(
        {
            "catalogue": photo_catalogue.write_json(),
            "storyboard": storyboard.model_dump(mode="json"),
            "engine": pair_selector.engine,
            "code": "1",
        }
    )
    earlier = table_io.recall("scene_pairs", listing, made_from)
    if earlier is None:
        catalogue = from_table(photo_catalogue, CataloguedPhoto)
        account = account_of(listing, manifest_of(media_store, listing), "selector", context.run.run_id)
        files = {key: photo.path for key, photo in photos.items()}
        choice = pair_selector.select(storyboard, catalogue, files, account)
        pairs, engine = list(choice.pairs), choice.engine
    else:
        pairs, engine = from_table(earlier, ScenePair), Engine(name=pair_selector.engine)
    progress.report("direction", "pairs", 1.0)
    shot = [pair for pair in pairs if not pair.left_out]
    context.add_output_metadata(
        {
            "made_from": made_from,
            "scenes_shot": len(shot),
            "scenes_with_two_photos": sum(pair.last_photo is not None for pair in shot),
            "left_out": {pair.scene: pair.reason for pair in pairs if pair.left_out},
            "lowest_confidence": min((pair.confidence for pair in shot), default=0.0),
            **engine_metadata(engine, watch, reused=earlier is not None),
            **preview(_pair_sheet(pairs, photos)),
        }
    )
    if not shot:
        reasons = "; ".join(f"{pair.scene}: {pair.reason}" for pair in pairs)
        raise NoUsablePhotosError(f"{listing}: none of the seven scenes can be shot from its photos: {reasons}")
    return to_table(pairs, ScenePair)


def _storyboard_table(board: Storyboard) -> str:
    rows = ["| scene | subject | camera | score | seconds |", "|---|---|---|---|---|"]
    rows += [
        f"| {shot.scene} | {shot.subject} | {shot.camera} | {shot.score_prompt} | {shot.seconds:g} |"
        for shot in board.shots
    ]
    rows += [f"| {each.scene} | *left out* | {each.reason} | | |" for each in board.left_out]
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
