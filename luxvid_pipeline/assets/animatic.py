"""``animatic``: the film as it would be, small and for nothing, and what the real one would cost.

Belongs here: the asset, and what a person needs to see before deciding.
Does not belong here: the camera (``providers/local/``), the decision (``resources/approvals.py``), the gate
(``assets/approval.py``).
"""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from PIL import Image

from luxvid_pipeline.assets.approval import told_most, told_price, told_range
from luxvid_pipeline.assets.costs import CostLine, DirectedListing, making_lines, total
from luxvid_pipeline.assets.metadata import OWNERS, Stopwatch, engine_metadata, manifest_of, preview
from luxvid_pipeline.assets.photos import working_photos
from luxvid_pipeline.domain.approvals import Decision, Plan
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.ports import ClipRequest, Engine, ScoreRequest
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import Timeline, lay_out
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.media.film import assemble_film
from luxvid_pipeline.media.sheets import Tile, as_markdown, contact_sheet, frames_of
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.providers.local.preview import PREVIEW, preview_requests, shoot_previews
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.progress import ProgressBoard

CODE_VERSION = "1"


@dg.asset(
    partitions_def=listing_partitions,
    group_name="direction",
    kinds={"ffmpeg", "video"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    io_manager_key="media_io",
)
def animatic(
    context: dg.AssetExecutionContext,
    listing_photos: pl.DataFrame,
    storyboard: Storyboard,
    scene_pairs: pl.DataFrame,
    media_store: dg.ResourceParam[MediaStore],
    listing_approvals: dg.ResourceParam[ListingApprovals],
    progress: dg.ResourceParam[ProgressBoard],
) -> StoredFile:
    """A small preview of the film for a person to approve: same photos, same timing, local camera and score, $0."""
    listing = context.partition_key
    directed = DirectedListing(
        listing=listing,
        manifest=manifest_of(media_store, listing),
        photos=working_photos(media_store, listing_photos),
        storyboard=storyboard,
        pairs=from_table(scene_pairs, ScenePair),
    )
    stored, metadata = make_animatic(directed, listing_approvals, media_store, progress)
    context.add_output_metadata(metadata)
    return stored


def make_animatic(
    directed: DirectedListing, approvals: ListingApprovals, store: MediaStore, progress: ProgressBoard
) -> tuple[StoredFile, dict[str, Any]]:
    """Return a directed listing's animatic, and what its materialisation says; the same pictures are not drawn again.

    Raises:
        MediaError: A photo cannot be read, or an encode failed.
        SettingsError: An engine is unknown or its key is missing, so that nothing can be estimated.
    """
    watch = Stopwatch()
    listing, storyboard = directed.listing, directed.storyboard
    plan = approvals.plan_of(listing, storyboard, list(directed.pairs))
    lines = making_lines(directed, store, approvals.settings)
    price = total(lines)
    requests, score = preview_requests(list(directed.clip_requests())), directed.score()
    transition = Transition(storyboard.transition)
    timeline = lay_out([request.shot.seconds for request in requests], transition)
    made_from = _made_from(requests, score, transition)
    facts = {
        "plan": plan.digest,
        "estimate_low_usd": str(price.low_usd),
        "estimate_expected_usd": str(price.expected_usd),
        "estimate_high_usd": str(price.high_usd),
    }
    key = media_key("animatic", listing)
    stored = store.kept(key, made_from)
    reused = stored is not None
    if stored is None:
        stored = _make(store, requests, score, timeline, transition, key, made_from, facts, progress)
    elif dict(stored.facts) != facts:
        # The same pictures under another plan: prompts changed, or who shoots.
        stored = store.put_bytes(store.read_bytes(key), key, made_from=made_from, facts=facts)
    progress.report("direction", "animatic", 1.0)
    path = store.open(key)
    metadata: dict[str, Any] = {
        "file": dg.MetadataValue.path(str(path)),
        "plan": plan.digest,
        "storyboard": storyboard.version,
        "approval": approvals.state(listing, plan).value,
        **_decided(approvals.decision(listing, plan)),
        "estimate_low_usd": float(price.low_usd),
        "estimate_expected_usd": float(price.expected_usd),
        "estimate_high_usd": float(price.high_usd),
        "duration_s": timeline.duration_s,
        "width_px": PREVIEW.width_px,
        "height_px": PREVIEW.height_px,
        "scenes": [request.shot.scene for request in requests],
        **engine_metadata(Engine(), watch, reused=reused),
        **preview(_page(path, plan, requests, timeline, lines)),
    }
    return stored, metadata


def _made_from(requests: list[ClipRequest], score: ScoreRequest, transition: Transition) -> str:
    """Return a digest of what the animatic looks and sounds like; prompts and engines do not count."""
    return digest(
        [
            [request.fingerprint("local") for request in requests],
            score.fingerprint("local", len(score.shots) - 1),
            transition.value,
            CODE_VERSION,
        ]
    )


def _make(
    store: MediaStore,
    requests: list[ClipRequest],
    score: ScoreRequest,
    timeline: Timeline,
    transition: Transition,
    key: str,
    made_from: str,
    facts: dict[str, Any],
    progress: ProgressBoard,
) -> StoredFile:
    with store.scratch() as scratch:
        clips = [scratch / f"{request.shot.scene}.mp4" for request in requests]
        # One stage more than the clips: the score and the joining.
        shoot_previews(requests, clips, lambda done: progress.report("direction", "animatic", done / (len(clips) + 1)))
        music, file = scratch / "score.flac", scratch / Path(key).name
        LocalComposer().compose_stage(score, len(score.shots) - 1, None, music)
        assemble_film(clips, music, file, timeline=timeline, transition=transition, format=PREVIEW, workdir=scratch)
        return store.put(file, key, made_from=made_from, facts=facts)


def _decided(decision: Decision | None) -> dict[str, str]:
    if decision is None:
        return {}
    reason = {"because": decision.because} if decision.because else {}
    return {"decided_by": decision.by, "decided_at": decision.at.isoformat(timespec="seconds"), **reason}


def _page(path: Path, plan: Plan, requests: list[ClipRequest], timeline: Timeline, lines: list[CostLine]) -> str:
    """Poster, a sheet with two frames of each scene, and what each scene would cost."""
    # A quarter after its beginning and before its end, where a scene shows one photo and not a dissolve.
    frames = frames_of(path, 4 * len(requests) + 1, width_px=240)
    tiles: list[Tile] = []
    for request, start_s, early, late in zip(requests, timeline.starts_s, frames[1::4], frames[3::4], strict=True):
        files = [photo.record.file for photo in (request.first, request.last) if photo is not None]
        tiles.append(Tile(picture=early, text=f"{request.shot.scene}, {start_s:.0f} s: {request.shot.subject}"))
        tiles.append(Tile(picture=late, text=" to ".join(files)))
    subjects = {request.shot.scene: request.shot.subject for request in requests}
    rows = ["| scene | shows | engine | estimate | at most | |", "|---|---|---|---|---|---|"]
    for line in lines:
        title = f"{scene(line.scene).title} | {subjects[line.scene]}" if line.stage == "clips" else f"{line.stage} | "
        rows.append(f"| {title} | {line.engine} | {told_price(line.price)} | {told_most(line.price)} | {line.note} |")
    listing = plan.listing
    told = (
        f"The film is {told_range(total(lines))}. `luxvid approve {listing} --plan {plan.name}`, "
        f'`luxvid reject {listing} --because "…"` or `luxvid direct {listing} --scene 3 --note "…"`; or launch '
        "**approve_listing_job**."
    )
    sheet = as_markdown(contact_sheet(tiles, columns=4, tile_px=(240, 135)), "scenes", quality=70)
    poster: Image.Image = frames_of(path, 1, width_px=480)[0]
    return "\n\n".join([told, as_markdown(poster, "poster"), sheet, "\n".join(rows)])
