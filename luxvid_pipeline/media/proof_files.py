# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""A package's proof and disclosure as files: manifest, cut for editors, the page of originals.

Belongs here: writing ``manifest.json``, the EDL, the OpenTimelineIO file and the ``disclosure`` folder.
Does not belong here: the facts and the words (``domain/proof.py``), marks inside films (``media/provenance.py``).
"""

import base64
import html
import io
import json
from pathlib import Path
from typing import Any

import opentimelineio as otio
import segno
from PIL import Image, ImageOps

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.domain.proof import (
    FileFacts,
    PackageFacts,
    PhotoFacts,
    SceneFacts,
    SegmentFacts,
    edit_decision_list,
    manifest,
    statement,
    without_originals,
)

_PICTURE_PX = 1280
_QUALITY = 82


def write_proof(directory: Path, facts: PackageFacts) -> list[Path]:
    """Write everything that proves and discloses a package, and return the files in the order they were written.

    ``manifest.json`` always; ``<listing>.edl`` and ``<listing>.otio`` where the package has a film; a ``disclosure``
    folder where anything was generated or altered. The same facts give the same bytes.

    Args:
        directory: The package's folder; made if it is not there.
        facts: What the package is made of.

    Raises:
        StorageError: A file cannot be written.
    """
    files: dict[str, bytes] = {"manifest.json": manifest_json(facts)}
    film = facts.main_film
    if film is not None:
        files[f"{facts.listing}.edl"] = edit_decision_list(facts, film).replace("\n", "\r\n").encode("ascii")
        files[f"{facts.listing}.otio"] = timeline_json(facts, film)
    if facts.altered_scenes:
        files["disclosure/index.html"] = disclosure_page(facts)
        files["disclosure/statement.txt"] = (statement(facts) + "\n").encode()
        if facts.disclosure_url:
            files["disclosure/qr.svg"] = qr_code(facts.disclosure_url)
    written: list[Path] = []
    try:
        for name, data in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            written.append(path)
    except OSError as error:
        raise StorageError(f"{directory}: the package's proof cannot be written: {error.strerror or error}") from error
    return written


def manifest_json(facts: PackageFacts) -> bytes:
    """Return the manifest as JSON, indented for people."""
    return (json.dumps(manifest(facts), ensure_ascii=False, indent=2, sort_keys=False) + "\n").encode()


def qr_code(address: str) -> bytes:
    """Return a QR code as SVG, readable also where a tenth of it is covered."""
    buffer = io.BytesIO()
    segno.make(address, error="m", micro=False).save(buffer, kind="svg", scale=8, border=4, xmldecl=True, light="#fff")
    return buffer.getvalue()


# --- For editors ----------------------------------------------------------------------------------------------------


def timeline_json(facts: PackageFacts, file: FileFacts) -> bytes:
    """Return a file's cut as OpenTimelineIO: a picture track, a sound track, the facts of each scene as metadata.

    Source:
        https://opentimelineio.readthedocs.io/en/latest/tutorials/otio-timeline-structure.html
    """
    rate = float(file.fps)
    timeline = otio.schema.Timeline(name=facts.title or facts.listing)
    timeline.global_start_time = otio.opentime.RationalTime(3600 * round(file.fps), rate)
    timeline.metadata["luxvid"] = {"listing": facts.listing, "file": file.name, "statement": statement(facts)}
    picture = otio.schema.Track(name="picture", kind=otio.schema.TrackKind.Video)
    for index, segment in enumerate(file.segments):
        following = file.segments[index + 1] if index + 1 < len(file.segments) else None
        if segment.dissolve_frames and index:
            before = segment.dissolve_frames // 2
            picture.append(
                otio.schema.Transition(
                    name="dissolve",
                    transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                    in_offset=otio.opentime.RationalTime(before, rate),
                    out_offset=otio.opentime.RationalTime(segment.dissolve_frames - before, rate),
                )
            )
        picture.append(_clip(facts, segment, following, rate))
    timeline.tracks.append(picture)
    if file.sound and file.frames and facts.score is not None:
        sound = otio.schema.Track(name="score", kind=otio.schema.TrackKind.Audio)
        music = otio.schema.Clip(
            name="score",
            source_range=_range(0, file.frames, rate),
            metadata={"luxvid": _plain(manifest(facts)["score"])},
        )
        if facts.score.clip:
            music.media_reference = otio.schema.ExternalReference(
                target_url=facts.score.clip, available_range=_range(0, file.frames, rate)
            )
        sound.append(music)
        timeline.tracks.append(sound)
    return (timeline.to_json_string(indent=2) + "\n").encode()


def _clip(facts: PackageFacts, segment: SegmentFacts, following: SegmentFacts | None, rate: float) -> Any:
    """Return a segment as a clip that ends where the middle of the next dissolve lies."""
    head = segment.dissolve_frames // 2
    lost = following.dissolve_frames - following.dissolve_frames // 2 if following else 0
    scene = facts.scene(segment.scene)
    speed = segment.taken / segment.frames
    clip = otio.schema.Clip(
        name=segment.scene or "card",
        source_range=_range(segment.source_start + round(head * speed), segment.frames - head - lost, rate),
    )
    if speed != 1:
        clip.effects.append(otio.schema.LinearTimeWarp(name="slower", time_scalar=speed))
    if scene is None:
        clip.media_reference = otio.schema.MissingReference()
        return clip
    clip.metadata["luxvid"] = _plain(manifest(facts)["scenes"][scene.key])
    if scene.clip:
        frames = scene.clip_frames or segment.source_start + segment.taken
        clip.media_reference = otio.schema.ExternalReference(
            target_url=scene.clip, available_range=_range(0, frames, rate)
        )
    return clip


def _range(start: int, frames: int, rate: float) -> Any:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(frames, rate))


def _plain(values: Any) -> Any:
    """Return values as JSON knows them, without numbers that it does not."""
    return json.loads(json.dumps(values, default=str))


# --- The disclosure page --------------------------------------------------------------------------------------------

_STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#faf8f4;color:#1c1d20;font:17px/1.55 Georgia,'Times New Roman',serif}
main{max-width:1100px;margin:0 auto;padding:32px 20px 80px}
h1{font-weight:400;font-size:2rem;margin:0 0 4px}
h2{font-weight:400;font-size:1.35rem;margin:0 0 12px}
.quiet{color:#5d6067;margin:0}
.statement{border:1px solid #b8893f;background:#fff;padding:20px 24px;margin:28px 0;display:flex;gap:28px;
 align-items:center;flex-wrap:wrap}
.statement p{flex:1 1 320px;margin:0;font-size:1.15rem}
.statement svg{width:148px;height:148px;flex:none}
section{border-top:1px solid #ddd6c8;padding:28px 0 12px}
.views{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:18px}
figure{margin:0}
img{width:100%;height:auto;display:block;background:#e8e3d8}
figcaption{font-size:.92rem;padding-top:8px}
.label{display:inline-block;font:600 .74rem/1 system-ui,sans-serif;letter-spacing:.06em;text-transform:uppercase;
 padding:6px 8px;margin-bottom:6px;color:#fff;background:#8a2f2f}
.original .label{background:#1f5a3c}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;font-size:.9rem;margin:16px 0}
dt{color:#5d6067}
dd{margin:0;overflow-wrap:anywhere}
a{color:#6b4a12;overflow-wrap:anywhere}
@media(max-width:480px){dl{grid-template-columns:1fr}dd{margin-bottom:6px}}
@media print{section{break-inside:avoid}}
"""


def disclosure_page(facts: PackageFacts) -> bytes:
    """Return one HTML page that shows each altered view beside its unaltered original, and needs nothing else.

    Pictures, style and QR code are inside it; it runs no script and asks no network. What cannot be shown is said.
    """
    title = html.escape(facts.title or facts.listing)
    address = facts.disclosure_url
    link = f'<a href="{html.escape(address)}">{html.escape(address)}</a>' if address.startswith("http") else ""
    words = html.escape(statement(facts))
    if link:
        words = words.replace(html.escape(address), link)
    code = ""
    if address:
        code = segno.make(address, error="m", micro=False).svg_inline(
            scale=4, border=2, title="QR code to the unaltered original images"
        )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in without_originals(facts))
    body = "\n".join(_section(scene) for scene in facts.altered_scenes)
    untouched = [scene for scene in facts.scenes if not scene.altered]
    rest = ""
    if untouched:
        names = html.escape(", ".join(_title(scene) for scene in untouched))
        rest = (
            "<section><h2>Views that are not generated</h2><p>These show parts of unaltered photographs, moved, scaled "
            f"and turned in perspective: {names}.</p></section>"
        )
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: digitally altered images and their originals</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{title}</h1>
<p class="quiet">{html.escape(facts.address)}</p>
</header>
<div class="statement"><p>{words}</p>{code}</div>
{f'<ul class="quiet">{notes}</ul>' if notes else ""}
{body}
{rest}
<p class="quiet">{html.escape(facts.made_by)}</p>
</main>
</body>
</html>
"""
    return page.encode()


def _section(scene: SceneFacts) -> str:
    views: list[str] = []
    if scene.view is not None:
        by = scene.engine if scene.generated else "the pictures below"
        views.append(
            _figure(scene.view, "Digitally altered", f"A frame of the film, generated by {by}.", original=False)
        )
    for photo in scene.photos:
        if photo.altered is not None:
            views.append(
                _figure(
                    photo.altered,
                    "Digitally altered",
                    f"The photograph, changed by {photo.altered_by}.",
                    original=False,
                )
            )
        views.append(_figure(photo.original, "Original, unaltered", _about(photo), original=True))
    facts = [
        ("Made by", " ".join(filter(None, (scene.engine, scene.model_version))) if scene.generated else "local camera"),
        ("Asked for", scene.prompt),
        ("Camera", scene.camera),
        ("Seed", "" if scene.seed is None else str(scene.seed)),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts if value)
    return (
        f'<section id="{html.escape(scene.key)}"><h2>{html.escape(_title(scene))}</h2>\n'
        f'<div class="views">{"".join(views)}</div>\n<dl>{rows}</dl></section>'
    )


def _title(scene: SceneFacts) -> str:
    return scene.title or scene.key


def _about(photo: PhotoFacts) -> str:
    role = {"first": "the first frame's photograph", "last": "the last frame's photograph"}.get(photo.role, "")
    words = ", ".join(filter(None, (photo.file, photo.room, role)))
    source = f" Source: {photo.source_url}." if photo.source_url else ""
    return f"{words}.{source} SHA-256 {photo.photo_id[:16]}…"


def _figure(picture: Path | None, label: str, words: str, *, original: bool) -> str:
    data = _embedded(picture) if picture else None
    kind = "original" if original else "altered"
    shown = (
        f'<img src="{data}" alt="{html.escape(label)}: {html.escape(words)}">'
        if data
        else "<p><em>The picture cannot be shown here.</em></p>"
    )
    return (
        f'<figure class="{kind}">{shown}<figcaption><span class="label">{html.escape(label)}</span><br>'
        f"{html.escape(words)}</figcaption></figure>"
    )


def _embedded(picture: Path) -> str | None:
    """Return a picture as a data address, no larger than a page needs; None where it cannot be read."""
    try:
        with Image.open(picture) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
            upright.thumbnail((_PICTURE_PX, _PICTURE_PX), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            upright.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
