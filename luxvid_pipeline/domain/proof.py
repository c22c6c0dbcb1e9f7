"""What a delivered package proves and discloses: which photo, engine, seed and cost every second of every file has.

Belongs here: the facts of a package, the manifest they make, the film's edit decision list, the words of disclosure.
Does not belong here: writing files and pages (``media/proof_files.py``), marks inside files (``media/provenance.py``),
gathering the facts (``assets/delivery.py``).
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

MANIFEST_VERSION = 1

Fact = str | int | float | bool | None
"""What a manifest can hold beside a name."""


class SourceType(StrEnum):
    """How media came about, in the words of IPTC.

    Source:
        https://cv.iptc.org/newscodes/digitalsourcetype/. A film with one generated scene is marked like one made
        wholly by a model: the stricter of the two words, which platforms and law know.
    """

    GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    PARTLY_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    """Pictures from photographs, sound from a model."""
    CAPTURED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeCapture"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFacts:
    """A photograph that a scene was made from.

    Attributes:
        photo_id: SHA-256 of the file as it came.
        file: Its name in the listing folder.
        role: ``first``, ``last`` or ``only`` frame.
        source_url: Where it was fetched from; empty for a file that was handed in.
        room: What it shows, in words.
        altered_by: The model that changed or widened it before it was filmed; empty for none.
        original: The unaltered photograph as a picture a browser shows, for the disclosure page.
        altered: The changed picture, where there is one.
    """

    photo_id: str
    file: str
    role: str
    source_url: str = ""
    room: str = ""
    altered_by: str = ""
    original: Path | None = None
    altered: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFacts:
    """How one scene was made.

    Attributes:
        key: Scene key.
        title: What it shows, in words.
        camera: Its move.
        photos: What it was made from, first frame first.
        reason, chosen_by: Why these photos, in a sentence, and who chose them: ``local`` or the model's name.
        prompt, negative_prompt: What was asked of the engine; empty where it reads none.
        engine: ``local`` or the model's name.
        model_version: As the vendor states it; empty for the local engine.
        seed: Of the take that was chosen.
        take, takes: Which take was chosen, from 1 over all engines that were asked, and how many were made.
        measures: Figures of the chosen take, by name with the unit last.
        cost_usd: Of all its takes.
        generated: Whether a model drew its pixels.
        degraded_reason: Why it is not what was asked for; empty where it is.
        clip: Where an editor finds the clip, relative to the package; empty where it is not delivered.
        clip_sha256: Of that clip.
        clip_frames: Its length; 0 where unknown.
        view: A still of the clip, for the disclosure page.
        extra: More to record, such as the vendor's id of the request.
    """

    key: str
    title: str = ""
    camera: str = ""
    photos: tuple[PhotoFacts, ...] = ()
    reason: str = ""
    chosen_by: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    engine: str = "local"
    model_version: str = ""
    seed: int | None = None
    take: int = 1
    takes: int = 1
    measures: Mapping[str, Fact] = field(default_factory=dict[str, Fact])
    cost_usd: float = 0.0
    generated: bool = False
    degraded_reason: str = ""
    clip: str = ""
    clip_sha256: str = ""
    clip_frames: int = 0
    view: Path | None = None
    extra: Mapping[str, Fact] = field(default_factory=dict[str, Fact])

    @property
    def altered(self) -> bool:
        """Whether what it shows is not only what a camera saw: generated, or from an altered picture."""
        return self.generated or any(photo.altered_by for photo in self.photos)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFacts:
    """How the music was made; the attributes are those of a scene, ``clip`` being the sound file for editors."""

    engine: str = "local"
    model_version: str = ""
    style: str = ""
    prompt: str = ""
    seed: int | None = None
    cost_usd: float = 0.0
    generated: bool = False
    degraded_reason: str = ""
    clip: str = ""
    sha256: str = ""
    extra: Mapping[str, Fact] = field(default_factory=dict[str, Fact])


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFacts:
    """A stretch of a file.

    Attributes:
        start, frames: Its place and length in the file, in frames.
        scene: Key of the scene it shows; empty for a card.
        source_start, source_frames: The part of the scene's clip; 0 frames for as many as are shown. Fewer than
            shown: it plays slower.
        dissolve_frames: How long it shares the screen with the segment before.
        caption: What is written over it.
    """

    start: int
    frames: int
    scene: str = ""
    source_start: int = 0
    source_frames: int = 0
    dissolve_frames: int = 0
    caption: str = ""

    @property
    def taken(self) -> int:
        """Frames taken from the clip."""
        return self.source_frames or self.frames


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """One file of the package.

    Attributes:
        name: Its path in the package, with ``/``.
        kind: ``film``, ``teaser``, ``poster``, ``stream``, ``clip``, ``score`` or ``proof``.
        shape: As in ``16x9``.
        branded: Whether it says who sells the property.
        width_px, height_px, fps: Of the picture; ``fps`` is 0 for a still.
        sha256, bytes: Of the file.
        sound: Whether it carries the score.
        segments: What it shows, in order.
        measures: Loudness, quality and the like, by name with the unit last.
    """

    name: str
    kind: str = "film"
    shape: str = ""
    branded: bool = False
    width_px: int = 0
    height_px: int = 0
    fps: Fraction = Fraction(30)
    sha256: str = ""
    bytes: int = 0
    sound: bool = True
    segments: tuple[SegmentFacts, ...] = ()
    measures: Mapping[str, Fact] = field(default_factory=dict[str, Fact])

    @property
    def frames(self) -> int:
        """Its length in frames."""
        return max((segment.start + segment.frames for segment in self.segments), default=0)

    def thinned(self, step: int) -> "FileFacts":
        """Return what is to be said of a copy that shows each ``step``-th frame for as long as ``step`` of them."""
        segments = tuple(
            replace(
                segment,
                start=-(-segment.start // step),
                frames=-(-(segment.start + segment.frames) // step) - -(-segment.start // step),
                source_frames=segment.taken if segment.scene else 0,
                dissolve_frames=segment.dissolve_frames // step,
            )
            for segment in self.segments
        )
        return replace(self, fps=self.fps / step, segments=segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFacts:
    """Everything that is said about a package.

    Attributes:
        listing: Listing key.
        title, address: Of the property.
        scenes: The scenes it shows, in order.
        files: Its files.
        score: Its music; None for a silent package.
        film: Name of the file whose cut the edit decision list and the timeline describe; empty for the first film.
        disclosure_url: Public address of this listing's disclosure; empty where none is set.
        made_by: Program and version.
    """

    listing: str
    title: str = ""
    address: str = ""
    scenes: tuple[SceneFacts, ...] = ()
    files: tuple[FileFacts, ...] = ()
    score: ScoreFacts | None = None
    film: str = ""
    disclosure_url: str = ""
    made_by: str = ""

    def scene(self, key: str) -> SceneFacts | None:
        """Return a scene by its key."""
        return next((scene for scene in self.scenes if scene.key == key), None)

    @property
    def altered_scenes(self) -> tuple[SceneFacts, ...]:
        """The scenes that have to be disclosed."""
        return tuple(scene for scene in self.scenes if scene.altered)

    @property
    def main_film(self) -> FileFacts | None:
        """The file whose cut is described for editors."""
        films = [file for file in self.files if file.kind == "film" and file.segments]
        named = [file for file in films if file.name == self.film]
        return next(iter(named or films), None)


def source_type(facts: PackageFacts, file: FileFacts) -> SourceType:
    """Return how a file came about, by what it shows and whether it carries the score."""
    shown = {segment.scene for segment in file.segments}
    if any(scene.altered for scene in facts.scenes if scene.key in shown):
        return SourceType.GENERATED
    if file.sound and facts.score is not None and facts.score.generated:
        return SourceType.PARTLY_GENERATED
    return SourceType.CAPTURED


# --- Words ----------------------------------------------------------------------------------------------------------


def statement(facts: PackageFacts) -> str:
    """Return what has to be said where the film is shown, in one or two sentences.

    Source:
        California Business and Professions Code section 10140.8 (AB 723, in force since 2026-01-01): a statement that
        the image was altered, on or beside it, which says that the unaltered images can be accessed at a link, URL or
        QR code. The text speaks of images; to say it of a film is the cautious reading.
    """
    if not facts.altered_scenes:
        return (
            "No pixel of this film was generated. Every picture is part of one of the listing's photographs, moved, "
            "scaled and turned in perspective." + _about_music(facts)
        )
    where = (
        f"The original, unaltered images can be accessed at {facts.disclosure_url}"
        if facts.disclosure_url
        else "The original, unaltered images can be accessed in the disclosure folder delivered with it."
    )
    # The address last: a full stop after it would be taken for a part of it.
    return f"This video contains images that have been digitally altered with AI.{_about_music(facts)} {where}"


def short_statement(facts: PackageFacts) -> str:
    """Return the line that may stand in the picture; empty where nothing was altered."""
    if not facts.altered_scenes:
        return ""
    address = re.sub(r"^https?://", "", facts.disclosure_url)
    return f"Digitally altered. Unaltered originals: {address}" if address else "Digitally altered images"


def warnings(facts: PackageFacts) -> tuple[str, ...]:
    """Return what a person has to see to before the package is published."""
    notes: list[str] = []
    if facts.altered_scenes and not facts.disclosure_url:
        notes.append(
            "altered images need a public address of their originals (AB 723): set LUXVID_DISCLOSURE_URL and put the "
            "disclosure folder there"
        )
    return (*notes, *without_originals(facts))


def without_originals(facts: PackageFacts) -> tuple[str, ...]:
    """Return what the public cannot be shown, a line for each scene."""
    return tuple(
        f"{scene.key}: no unaltered original can be shown beside it"
        for scene in facts.altered_scenes
        if not any(photo.original for photo in scene.photos)
    )


def _about_music(facts: PackageFacts) -> str:
    score = facts.score
    if score is None:
        return ""
    return f" The music was generated by {score.engine}." if score.generated else ""


# --- The manifest ---------------------------------------------------------------------------------------------------


def manifest(facts: PackageFacts) -> dict[str, Any]:
    """Return the package's manifest as plain values, ready for JSON.

    A file's ``seconds`` has one entry for each second begun: the keys of the scenes seen in it, which ``scenes``
    explains once. :func:`explain` puts both together.
    """
    return {
        "manifest_version": MANIFEST_VERSION,
        "listing": facts.listing,
        "title": facts.title,
        "address": facts.address,
        "made_by": facts.made_by,
        "generated": bool(facts.altered_scenes),
        "statement": statement(facts),
        "disclosure_url": facts.disclosure_url,
        "cost_usd": round(
            sum(scene.cost_usd for scene in facts.scenes) + (facts.score.cost_usd if facts.score else 0), 6
        ),
        "scenes": {scene.key: _scene(scene) for scene in facts.scenes},
        "score": _score(facts.score) if facts.score else None,
        "files": [_file(facts, file) for file in facts.files],
    }


def explain(document: Mapping[str, Any], file: str, second: int) -> dict[str, Any]:
    """Return everything a manifest knows of one second of one file.

    Args:
        document: A manifest, as :func:`manifest` makes it or as read from its JSON.
        file: The file's name in the package.
        second: From 0.

    Raises:
        KeyError: There is no such file, or it is shorter.
    """
    found = next((entry for entry in document["files"] if entry["file"] == file), None)
    if found is None or not 0 <= second < len(found["seconds"]):
        raise KeyError(f"{file}, second {second}: not in this manifest")
    shown: Sequence[str] = found["seconds"][second]
    return {
        "file": file,
        "second": second,
        "scenes": [{"scene": key, **document["scenes"].get(key, {})} for key in shown],
        "score": document["score"] if found["sound"] else None,
    }


def gaps(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what of a manifest leaves a second of a file unexplained, in words; nothing for a whole one.

    A second is explained if the manifest names what is seen in it, and of each scene who made it from which
    photographs, each with its hash.

    Args:
        document: A manifest, as :func:`manifest` makes it or as read from its JSON.
    """
    scenes: Mapping[str, Mapping[str, Any]] = document["scenes"]
    found: list[str] = []
    for key, scene in scenes.items():
        if not scene["engine"]:
            found.append(f"{key}: nobody is named who made it")
        if not scene["photos"] or not all(re.fullmatch("[0-9a-f]{64}", photo["sha256"]) for photo in scene["photos"]):
            found.append(f"{key}: its photographs are not named by their hashes")
    for file in document["files"]:
        if file["kind"] not in _SHOWING:
            continue
        seconds: Sequence[Sequence[str]] = file["seconds"]
        if not re.fullmatch("[0-9a-f]{64}", file["sha256"]):
            found.append(f"{file['file']}: it has no hash")
        if not seconds or len(seconds) < file["duration_s"]:
            found.append(f"{file['file']}: {len(seconds)} of {file['duration_s']:g} seconds are explained")
        for second, shown in enumerate(seconds):
            unknown = [key for key in shown if key != "card" and key not in scenes]
            if not shown or unknown:
                found.append(f"{file['file']}, second {second}: shows {', '.join(unknown) or 'nothing known'}")
    return tuple(found)


_SHOWING = frozenset(("film", "teaser", "poster", "stream", "clip"))


def _scene(scene: SceneFacts) -> dict[str, Any]:
    return {
        "title": scene.title,
        "camera": scene.camera,
        "photos": [
            {
                "role": photo.role,
                "sha256": photo.photo_id,
                "file": photo.file,
                "source_url": photo.source_url or None,
                "room": photo.room,
                "altered_by": photo.altered_by or None,
            }
            for photo in scene.photos
        ],
        "reason": scene.reason or None,
        "chosen_by": scene.chosen_by or None,
        "prompt": scene.prompt or None,
        "negative_prompt": scene.negative_prompt or None,
        "engine": scene.engine,
        "model_version": scene.model_version or None,
        "seed": scene.seed,
        "take": scene.take,
        "takes": scene.takes,
        "measures": dict(scene.measures),
        "cost_usd": round(scene.cost_usd, 6),
        "generated": scene.generated,
        "degraded_reason": scene.degraded_reason or None,
        "clip_sha256": scene.clip_sha256 or None,
        **scene.extra,
    }


def _score(score: ScoreFacts) -> dict[str, Any]:
    return {
        "engine": score.engine,
        "model_version": score.model_version or None,
        "style": score.style or None,
        "prompt": score.prompt or None,
        "seed": score.seed,
        "cost_usd": round(score.cost_usd, 6),
        "generated": score.generated,
        "degraded_reason": score.degraded_reason or None,
        "sha256": score.sha256 or None,
        **score.extra,
    }


def _file(facts: PackageFacts, file: FileFacts) -> dict[str, Any]:
    return {
        "file": file.name,
        "kind": file.kind,
        "shape": file.shape,
        "branded": file.branded,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "fps": str(file.fps),
        "duration_s": float(file.frames / file.fps) if file.fps else 0.0,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "sound": file.sound,
        "digital_source_type": source_type(facts, file).value,
        "measures": dict(file.measures),
        "segments": [
            {
                "from_s": round(float(segment.start / file.fps), 6) if file.fps else 0.0,
                "to_s": round(float((segment.start + segment.frames) / file.fps), 6) if file.fps else 0.0,
                "scene": segment.scene or None,
                "shows": "card" if not segment.scene else "scene",
                "clip_from_frame": segment.source_start,
                "clip_frames": segment.taken,
                "caption": segment.caption or None,
            }
            for segment in file.segments
        ],
        "seconds": _seconds(file),
    }


def _seconds(file: FileFacts) -> list[list[str]]:
    """Return, for each second begun, what is seen in it: scene keys, or ``card``."""
    if not file.fps:
        return [[segment.scene or "card" for segment in file.segments]]
    count = -(-file.frames // file.fps) if file.frames else 0
    seconds: list[list[str]] = []
    for second in range(int(count)):
        start, end = second * file.fps, (second + 1) * file.fps
        seconds.append(
            [
                segment.scene or "card"
                for segment in file.segments
                if segment.start < end and segment.start + segment.frames > start
            ]
        )
    return seconds


# --- For editors ----------------------------------------------------------------------------------------------------


def edit_decision_list(facts: PackageFacts, file: FileFacts) -> str:
    """Return the cut of a file as a CMX 3600 edit decision list, non-drop, the programme starting at one hour.

    Editors find each clip by its ``FROM CLIP NAME``; a scene that plays slower carries an ``M2`` line. An event ends
    where the dissolve into the next one begins, which shows the rest of it.

    Source:
        The CMX 3600 list as SMPTE RP 146 describes its fields, and as Avid, Premiere and Resolve read it.
    """
    fps = round(file.fps)
    record = fps * 3600
    title = _ascii(facts.title or facts.listing)[:70]
    lines = [f"TITLE: {title}", "FCM: NON-DROP FRAME", ""]
    before: SegmentFacts | None = None
    for number, segment in enumerate(file.segments, start=1):
        following = file.segments[number] if number < len(file.segments) else None
        shown = segment.frames - (following.dissolve_frames if following else 0)
        start = segment.source_start
        end = start + round(segment.taken * shown / segment.frames)
        places = (start, end, record + segment.start, record + segment.start + shown)
        if segment.dissolve_frames and before is not None:
            seam = before.source_start + round(before.taken * (1 - segment.dissolve_frames / before.frames))
            held = (seam, seam, record + segment.start, record + segment.start)
            lines.append(_event(number, before, "C", held, fps))
            lines.append(_event(number, segment, f"D    {segment.dissolve_frames:03d}", places, fps))
            lines += [f"* FROM CLIP NAME: {_clip_name(before)}", f"* TO CLIP NAME: {_clip_name(segment)}"]
        else:
            lines.append(_event(number, segment, "C", places, fps))
            lines.append(f"* FROM CLIP NAME: {_clip_name(segment)}")
        if segment.taken != segment.frames:
            speed = fps * segment.taken / segment.frames
            lines.append(f"M2   {_reel(segment):<8}       {speed:05.1f}                {timecode(start, fps)}")
        scene = facts.scene(segment.scene)
        if scene is not None and scene.generated:
            lines.append(f"* COMMENT: GENERATED BY {_ascii(scene.engine)}, TAKE {scene.take}")
        before = segment
    if file.sound and file.frames:
        places = (0, file.frames, record, record + file.frames)
        number = len(file.segments) + 1
        lines.append(f"{number:03d}  SCORE    AA    C        {' '.join(timecode(place, fps) for place in places)}")
        lines.append("* FROM CLIP NAME: score")
    return "\n".join(lines) + "\n"


def timecode(frame: int, fps: int) -> str:
    """Return a frame's place as hours, minutes, seconds and frames, non-drop."""
    seconds, rest = divmod(frame, fps)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}"


def _event(number: int, segment: SegmentFacts, kind: str, places: Sequence[int], fps: int) -> str:
    times = " ".join(timecode(place, fps) for place in places)
    return f"{number:03d}  {_reel(segment):<8} V     {kind:<8} {times}"


def _reel(segment: SegmentFacts) -> str:
    """Return a reel of at most eight characters, which is all a CMX 3600 list has room for."""
    return re.sub(r"[^A-Z0-9]", "", _ascii(segment.scene or "card").upper())[:8] or "AX"


def _clip_name(segment: SegmentFacts) -> str:
    return _ascii(segment.scene or "card")


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(plain.split()) or "untitled"
