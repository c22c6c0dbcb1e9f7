"""Making a package in the store: what is missing of it, and nothing else.

Belongs here: which parts and files are there already, making those that are not, what each file is.
Does not belong here: Dagster, what is wanted (``domain/delivery_plan.py``), encoding (``media/packaging.py``), what is
known of scenes and photos (``package_facts.py``), whether it may go out (``package_checks.py``).

Parts lie in ``delivery_package/<listing>/parts/``, the files that go out beside that folder. Each record holds a digest
of what it was made from, so unchanged input makes nothing anew, and a scene that was shot again makes only its own
parts and the files that show it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from luxvid_pipeline.domain.delivery_plan import (
    BROADCAST,
    CARD,
    CARD_RISE_S,
    FULL_PX,
    SLOW,
    WEB,
    Cut,
    DeliveryFile,
    DeliveryPlan,
    Part,
    Piece,
    Preset,
    Shape,
    Target,
    Window,
    format_of,
)
from luxvid_pipeline.domain.delivery_table import against_table
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.ports import ScoreComposer, ScoreRequest
from luxvid_pipeline.domain.proof import FileFacts, PackageFacts, SegmentFacts, SourceType, source_type, statement
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound, decode_audio
from luxvid_pipeline.media.film import Master, Stretch, encode_silence, join_packets
from luxvid_pipeline.media.logos import Logo
from luxvid_pipeline.media.loudness import Loudness
from luxvid_pipeline.media.measures.delivery import inspect_file
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.media.overlays import Overlay
from luxvid_pipeline.media.packaging import (
    TEASER_PX,
    TEASER_STEP,
    SceneSource,
    make_card,
    make_parts,
    write_stream,
    write_teaser,
)
from luxvid_pipeline.media.part_runs import PartOrder
from luxvid_pipeline.media.proof_files import write_proof
from luxvid_pipeline.media.provenance import Provenance, Signer, can_be_marked
from luxvid_pipeline.media.reframing import CropPath, crop_path, look_along
from luxvid_pipeline.media.score_editing import recut, ring_out
from luxvid_pipeline.media.sheets import frames_of

ASSET = "delivery_package"
PACKAGE_LIST = "package.json"
"""What goes out, for programs; written last, so that a package without it is not finished."""
SCORE_NAME = "clips/score.flac"
PARTS_VERSION = "7"
CODE_VERSION = "2"

_LOUDNESS = ("integrated_lufs", "true_peak_dbtp", "range_lu")
TABLE, RIGHT = "against_table", "right"
"""The measure that says how a finished film compares with the delivery table, and its value for one that is within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneInput:
    """One scene of the film.

    Attributes:
        source: Its pictures.
        clip: The record of its clip.
        after: The record of the next scene's clip, where the one dissolves into the other.
        shot: What was planned.
    """

    source: SceneSource
    clip: StoredFile
    after: StoredFile | None
    shot: Shot

    @property
    def is_clip(self) -> bool:
        """Whether the film shows the clip's own frames, from the first to the last."""
        return self.source.skip == 0 and self.source.after is None and self.source.dips == (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreInput:
    """The film's music.

    Attributes:
        stored: The kept score.
        style: Its style.
        silent: Whether the film is meant to be silent.
        composer: Who composes anew for other lengths at no cost; None where the score was paid for and is cut instead.
    """

    stored: StoredFile
    style: str
    silent: bool = False
    composer: ScoreComposer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """What branded files show, drawn.

    Attributes:
        captions: Overlay of each scene and shape.
        words: What each scene's caption says.
        cards: Card of each shape.
        logo: Its logo.
    """

    captions: Mapping[tuple[str, Shape], Overlay] = field(default_factory=dict[tuple[str, Shape], Overlay])
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    cards: Mapping[Shape, Overlay] = field(default_factory=dict[Shape, Overlay])
    logo: Logo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """What is said about how the pictures came about, inside the files.

    Attributes:
        facts: The package's facts, its files not among them.
        signer: Who signs what was generated; None for nobody.
        notices: The line that stands in the picture of altered scenes, for each shape; none where nobody asked.
    """

    facts: PackageFacts
    signer: Signer | None = None
    notices: Mapping[Shape, Overlay] = field(default_factory=dict[Shape, Overlay])

    def notice(self, scene: str, shape: Shape) -> Overlay | None:
        """Return the line that stands over a scene, if one does."""
        found = self.facts.scene(scene)
        return self.notices.get(shape) if found is not None and found.altered else None

    def of(self, file: FileFacts) -> Provenance | None:
        """Return what is written into a file; None for one that is made of photographs alone, and says so elsewhere."""
        source = source_type(self.facts, file)
        if source is SourceType.CAPTURED:
            return None
        # An unbranded file shows no address at all: it may name whose disclosure it is.
        facts = self.facts if file.branded else replace(self.facts, disclosure_url="")
        return Provenance(
            source=source,
            words=statement(facts),
            address=facts.disclosure_url,
            made_by=self.facts.made_by,
            signer=self.signer,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What was made.

    Attributes:
        facts: Its facts, with every file that goes out.
        proof: The files that prove and disclose it.
        encoded_frames: Frames that were encoded this time, over all sizes.
        reused: Whether nothing had to be made.
    """

    facts: PackageFacts
    proof: tuple[FileFacts, ...]
    encoded_frames: int
    reused: bool

    @property
    def files(self) -> tuple[FileFacts, ...]:
        """Every file that goes out."""
        return (*self.facts.files, *self.proof)


def prefix(listing: str) -> str:
    """Return the key under which a listing's package lies."""
    return f"{ASSET}/{listing}"


def package_files(store: MediaStore, listing: str) -> list[str]:
    """Return the names of the files of a listing's package, as ``package.json`` lists them.

    Raises:
        DamagedMediaError: There is no package, or its list was damaged.
    """
    return list(json.loads(store.read_bytes(f"{prefix(listing)}/{PACKAGE_LIST}"))["files"])


class PackageMaker:
    """Makes one listing's package."""

    def __init__(
        self,
        store: MediaStore,
        listing: str,
        plan: DeliveryPlan,
        scenes: Sequence[SceneInput],
        score: ScoreInput,
        film: StoredFile,
        brand: Brand,
        disclosure: Disclosure,
        progress: Callable[[str, float], None] = lambda _part, _done: None,
    ) -> None:
        """Prepare to deliver.

        Args:
            store: Where clips, score and film lie, and where the package goes.
            listing: Listing key.
            plan: What is wanted.
            scenes: The film's scenes in order.
            score: Its music.
            film: The finished film, which is the 16:9 unbranded film of the package as it is.
            brand: What branded files show.
            disclosure: What the files say of how they came about.
            progress: Told of each piece of work how far it is.
        """
        self._store, self._listing, self._plan = store, listing, plan
        self._scenes = {scene.source.scene: scene for scene in scenes}
        self._score, self._film, self._brand, self._disclosure = score, film, brand, disclosure
        self._progress = progress
        self._encoded = 0
        self._made = 0
        self._parts: dict[Part, StoredFile] = {}
        self._overlays: dict[tuple[str, Shape], str] = {}
        self._opened: dict[str, Path] = {}
        self._played: tuple[Cut, Sound] | None = None
        self._mastered: tuple[tuple[Cut, float, float], Master] | None = None

    def make(self) -> Package:
        """Make what is missing and return what is there. It goes out once :func:`release` has listed it.

        Raises:
            MediaError: Something cannot be decoded, encoded or joined.
            StorageError: The store does not take it.
        """
        plan = self._plan
        missing = self._find_parts()
        self._remove_other_parts()
        with self._store.scratch() as scratch, memory_reused(), ThreadPoolExecutor(1, "sound") as beside:
            # The sound is made while the pictures are encoded; of one cut for all its targets, since it is played once.
            wanted = dict.fromkeys((file.cut, file.target) for file in plan.files if not self._is_kept(file))
            cuts = list(dict.fromkeys(cut for cut, _ in wanted))
            tracks = {
                track: beside.submit(self._track, *track, scratch)
                for track in sorted(wanted, key=lambda track: (cuts.index(track[0]), track[1].loudness_lufs))
            }
            try:
                self._make_parts(missing)
            except BaseException:
                beside.shutdown(cancel_futures=True)
                raise
            heard = {track: sound.result() for track, sound in tracks.items()}
            files = [self._file(file, heard) for file in plan.files]
        by_name = {file.name: file for file in files}
        for stream in plan.streams:
            files += self._stream(stream.folder, [by_name[each.name] for each in stream.files], stream.files)
        files += self._teaser()
        files += [self._poster(shape, name) for shape, name in plan.posters.items()]
        files += [self._clip(scene) for scene in self._scenes.values()]
        files += self._score_file()
        facts = replace(self._disclosure.facts, files=tuple(files))
        proof = self._proof(facts)
        return Package(facts=facts, proof=proof, encoded_frames=self._encoded, reused=self._made == 0)

    # Parts

    def _find_parts(self) -> dict[str, list[Part]]:
        """Remember the parts that are there; return the others, by scene."""
        missing: dict[str, list[Part]] = {}
        for part in self._plan.parts:
            scene = self._scenes.get(part.scene)
            kept = (
                scene.clip
                if scene is not None and self._is_the_clip(part, scene)
                else self._store.kept(self._part_key(part), self._part_digest(part))
            )
            if kept is not None:
                self._parts[part] = kept
            else:
                missing.setdefault(part.scene, []).append(part)
        return missing

    def _make_parts(self, missing: Mapping[str, Sequence[Part]]) -> None:
        for number, (scene, parts) in enumerate(missing.items()):
            self._make_scene_parts(scene, parts)
            self._progress("pictures", (number + 1) / len(missing))

    def _make_scene_parts(self, scene: str, parts: Sequence[Part]) -> None:
        with self._store.scratch() as scratch:
            captions: dict[Shape, Overlay] = {}
            orders = [self._order(part, scratch, captions) for part in parts]
            shapes = {part.shape for part in parts}
            if scene == CARD:
                last = list(self._scenes.values())[-1]
                rise = round(CARD_RISE_S * FULL_HD.fps)
                make_card(last.source, orders, self._crops(last, shapes), rise=rise, doing=self._doing(scene))
            else:
                self._shoot(self._scenes[scene], orders, shapes)
            for order in orders:
                self._parts[order.part] = self._store.put(
                    order.into, self._part_key(order.part), made_from=self._part_digest(order.part)
                )
                self._encoded += order.frames
                self._made += 1

    def _shoot(self, scene: SceneInput, orders: Sequence[PartOrder], shapes: set[Shape]) -> None:
        following: Mapping[Shape, CropPath] = {}
        if scene.source.after is not None:
            names = list(self._scenes)
            following = self._crops(self._scenes[names[names.index(scene.source.scene) + 1]], shapes)
        make_parts(scene.source, orders, self._crops(scene, shapes), following, doing=self._doing(scene.source.scene))

    def _crops(self, scene: SceneInput, shapes: set[Shape]) -> dict[Shape, CropPath]:
        narrow = [shape for shape in shapes if shape is not Shape.WIDE]
        if not narrow:
            return {}
        looks = look_along(scene.source.clip, scene.source.frames)
        return {shape: crop_path(looks, FULL_HD, format_of(shape), scene.source.frames) for shape in narrow}

    def _order(self, part: Part, scratch: Path, captions: dict[Shape, Overlay]) -> PartOrder:
        """What to encode for a part; ``captions`` holds the scene's captions that were unpacked already."""
        into = scratch / part.name
        notice = self._disclosure.notice(part.scene, part.shape)
        if part.scene == CARD:
            frames = max(file.cut.card_frames for file in self._plan.files)
            return PartOrder(part=part, into=into, start=0, frames=frames, overlay=self._brand.cards[part.shape])
        if part.captioned:
            start, frames = self._caption_place(part)
            if part.shape not in captions:
                captions[part.shape] = self._brand.captions[part.scene, part.shape]
            overlay = captions[part.shape]
            return PartOrder(part=part, into=into, start=start, frames=frames, overlay=overlay, notice=notice)
        length = self._scenes[part.scene].source.length * (SLOW if part.slow else 1)
        return PartOrder(part=part, into=into, start=0, frames=length, notice=notice)

    def _is_the_clip(self, part: Part, scene: SceneInput) -> bool:
        """Whether a part is nothing else than the clip, which is then used as it is."""
        return (
            part.shape is Shape.WIDE
            and part.short_side_px == FULL_PX
            and not part.slow
            and not part.captioned
            and scene.is_clip
            and self._disclosure.notice(part.scene, part.shape) is None
        )

    def _caption_place(self, part: Part) -> tuple[int, int]:
        return next(
            window.caption
            for cut in self._plan.cuts
            for window in cut.windows
            if window.scene == part.scene and window.slow == part.slow and window.caption is not None
        )

    def _part_digest(self, part: Part) -> str:
        names = list(self._scenes)
        scene = self._scenes[names[-1] if part.scene == CARD else part.scene]
        source = scene.source
        following = names.index(source.scene) + 1
        notice = self._disclosure.notice(part.scene, part.shape)
        return digest(
            {
                "part": part.name,
                "clip": scene.clip.sha256,
                "after": self._scenes[names[following]].clip.sha256 if source.after is not None else "",
                "plays": [source.frames, source.overlap, source.skip, list(source.dips)],
                "stretch": list(self._caption_place(part)) if part.captioned else [],
                "overlay": self._overlay_digest(part.scene, part.shape) if part.scene == CARD or part.captioned else "",
                **({"notice": hashlib.sha256(notice.tobytes()).hexdigest()} if notice is not None else {}),
                "code": PARTS_VERSION,
            }
        )

    def _overlay_digest(self, scene: str, shape: Shape) -> str:
        """The digest of a caption or a card; each is 8 MB and lies under dozens of parts."""
        if (scene, shape) not in self._overlays:
            overlay = self._brand.cards[shape] if scene == CARD else self._brand.captions[scene, shape]
            self._overlays[scene, shape] = hashlib.sha256(overlay.tobytes()).hexdigest()
        return self._overlays[scene, shape]

    def _part_key(self, part: Part) -> str:
        return f"{prefix(self._listing)}/parts/{part.name}"

    def _remove_other_parts(self) -> None:
        wanted = {self._part_key(part) for part in self._plan.parts}
        for key in self._store.keys(f"{prefix(self._listing)}/parts"):
            if key.endswith(".mp4") and key not in wanted:
                self._store.remove(key)

    def _doing(self, scene: str) -> str:
        return f"packaging {scene} of {self._listing}"

    # Files

    def _key(self, name: str) -> str:
        return f"{prefix(self._listing)}/{name}"

    def _keep(self, file: FileFacts, made_from: Any, make: Callable[[Path], Mapping[str, float]]) -> FileFacts:
        """Return a file of the package with its hash, made and marked first if it is not there.

        Args:
            file: What it shows.
            made_from: JSON values that decide its bytes.
            make: Writes it into the path given; returns the loudness of its sound where that is known.
        """
        told = self._told(file)
        key, made_digest = self._key(file.name), self._made_from(file, made_from)
        stored = self._store.kept(key, made_digest)
        if stored is None:
            self._made += 1
            with self._store.scratch() as scratch:
                into = scratch / Path(file.name).name
                heard = make(into)
                if told is not None:
                    told.write_into(into, signed=file.kind != "stream")
                stored = self._store.put(into, key, made_from=made_digest, facts=self._figures(into, file, heard))
        return replace(
            file,
            sha256=stored.sha256,
            bytes=stored.bytes,
            # As a record lists them when it is read again: the same package, the same manifest.
            measures={
                name: value for name, value in sorted(stored.facts.items()) if isinstance(value, int | float | str)
            },
        )

    def _figures(self, path: Path, file: FileFacts, known: Mapping[str, float]) -> dict[str, Any]:
        """What of a finished film or teaser is not as platforms take it, measured from the file that goes out."""
        if file.kind not in {"film", "teaser"} or path.suffix != ".mp4":
            return {}
        figures = inspect_file(path, loudness=Loudness(**known) if known else None)
        wanted = BROADCAST.loudness_lufs if file.name.endswith(f"_{BROADCAST.name}.mp4") else WEB.loudness_lufs
        rows = against_table(figures, loudness_lufs=wanted)
        wrong = [f"{row.name} is {row.value}, wanted {row.wanted}" for row in rows if not row.is_right]
        frames = figures.picture.frames if figures.picture is not None else 0
        if frames != file.frames:
            wrong.append(f"it holds {frames} frames, {file.frames} were planned")
        heard = figures.sound
        loudness = (
            {"loudness_lufs": round(heard.integrated_lufs, 2), "true_peak_dbtp": round(heard.true_peak_dbtp, 2)}
            if heard is not None
            else {}
        )
        return {**loudness, TABLE: "; ".join(wrong) or RIGHT}

    def _told(self, file: FileFacts) -> Provenance | None:
        """What is written into a file about how it came about; None for nothing."""
        return self._disclosure.of(file) if can_be_marked(Path(file.name)) else None

    def _made_from(self, file: FileFacts, made_from: Any) -> str:
        told = self._told(file)
        return digest([made_from, *([told.digest] if told is not None else [])])

    def _film_facts(self, file: DeliveryFile) -> FileFacts:
        size = format_of(file.shape, file.short_side_px)
        return FileFacts(
            name=file.name,
            kind="film",
            shape=file.shape.value,
            branded=file.cut.branded,
            width_px=size.width_px,
            height_px=size.height_px,
            fps=file.cut.fps,
            sound=not self._score.silent,
            segments=self._segments(file.cut),
        )

    def _file(self, file: DeliveryFile, heard: Mapping[tuple[Cut, Target], "_Track"]) -> FileFacts:
        def make(into: Path) -> Mapping[str, float]:
            if self._is_the_film(file):
                return self._take(self._film, into, is_changed=self._disclosure.of(facts) is not None)
            return self._join(file, heard[file.cut, file.target], into)

        facts = self._film_facts(file)
        found = self._keep(facts, self._film_digest(file), make)
        self._progress("files", 1.0)
        return found

    def _is_the_film(self, file: DeliveryFile) -> bool:
        """Whether a file shows and plays exactly what the finished film does."""
        return (
            file.shape is Shape.WIDE
            and file.short_side_px == FULL_PX
            and file.cut.preset is Preset.FILM
            and not file.cut.branded
            and file.target.name == "web"
            and not any(self._disclosure.notice(window.scene, file.shape) is not None for window in file.cut.windows)
        )

    def _take(self, stored: StoredFile, into: Path, *, is_changed: bool) -> Mapping[str, float]:
        """Put a stored file where the package has it, without a copy where nobody will write to it."""
        source = self._store.open(stored.key)
        try:
            if is_changed:
                shutil.copyfile(source, into)
            else:
                os.link(source, into)
        except OSError:
            shutil.copyfile(source, into)
        return {}

    def _join(self, file: DeliveryFile, track: "_Track", into: Path) -> Mapping[str, float]:
        join_packets(
            [self._stretch(piece) for piece in file.pieces],
            track.aac,
            into,
            frames=file.cut.frames,
            samples=track.samples,
            film_format=format_of(file.shape, file.short_side_px, file.cut.fps),
        )
        return {name: getattr(track.loudness, name) for name in _LOUDNESS}

    def _stretch(self, piece: Piece) -> Stretch:
        key = self._parts[piece.part].key
        if key not in self._opened:  # its hash is checked once, though dozens of files may show it
            self._opened[key] = self._store.open(key)
        return Stretch(self._opened[key], piece.start, piece.frames)

    def _film_digest(self, file: DeliveryFile) -> Any:
        if self._is_the_film(file):
            return ["film", self._film.sha256, CODE_VERSION]
        return {
            "pieces": [[self._parts[piece.part].sha256, piece.start, piece.frames] for piece in file.pieces],
            "score": self._sound_digest(file.cut),
            "target": [file.target.loudness_lufs, file.target.ceiling_dbtp, file.target.audio_bitrate_bps],
            "code": CODE_VERSION,
        }

    def _segments(self, cut: Cut) -> tuple[SegmentFacts, ...]:
        """What a cut shows, in the frames of the scenes' clips; scenes that dissolve share some frames of the film."""
        at, before = 0, None
        found: list[SegmentFacts] = []
        for window in cut.windows:
            source = self._scenes[window.scene].source
            pace = SLOW if window.slow else 1
            shared = source.skip if before is not None and self._dissolves(before, window) else 0
            found.append(
                SegmentFacts(
                    start=at - shared,
                    frames=window.frames + shared,
                    scene=window.scene,
                    source_start=source.skip - shared + window.start // pace,
                    source_frames=-(-window.frames // pace) if window.slow else 0,
                    dissolve_frames=shared,
                    caption=self._brand.words.get(window.scene, "") if window.caption is not None else "",
                )
            )
            at += window.frames
            before = window
        if cut.card_frames:
            found.append(SegmentFacts(start=at, frames=cut.card_frames))
        return tuple(found)

    def _dissolves(self, before: Window, window: Window) -> bool:
        """Whether a window begins in the dissolve that the one before it ends with."""
        names = list(self._scenes)
        follows = names.index(window.scene) == names.index(before.scene) + 1
        source = self._scenes[before.scene].source
        ends = not before.slow and before.start + before.frames == source.length and source.after is not None
        return follows and ends and window.start == 0 and not window.slow

    # Sound

    def _is_kept(self, file: DeliveryFile) -> bool:
        """Whether a file is there and nothing it is joined from has changed."""
        if self._is_the_film(file):
            return True
        if any(piece.part not in self._parts for piece in file.pieces):
            return False
        made_from = self._made_from(self._film_facts(file), self._film_digest(file))
        return self._store.kept(self._key(file.name), made_from) is not None

    def _track(self, cut: Cut, target: Target, scratch: Path) -> "_Track":
        """Encode the sound of a cut as a target wants it."""
        samples = round(cut.frames / cut.fps * SAMPLE_RATE_HZ)
        name = digest([self._sound_digest(cut), target.name])[:16]
        wav, aac = scratch / f"{name}.wav", scratch / f"{name}.m4a"
        if self._score.silent:
            heard = encode_silence(samples, wav, aac)
        else:
            heard = self._master(cut, samples, target).encode(wav, aac, bitrate_bps=target.audio_bitrate_bps)
        wav.unlink(missing_ok=True)
        return _Track(aac=aac, samples=samples, loudness=heard)

    def _master(self, cut: Cut, samples: int, target: Target) -> Master:
        """A cut's sound as loud as a target wants it; targets that differ in their bit rate alone share it."""
        wanted = cut, target.loudness_lufs, target.ceiling_dbtp
        if self._mastered is None or self._mastered[0] != wanted:
            self._mastered = None
            if self._played is None or self._played[0] != cut:
                self._played = None  # before the next is composed beside it
                self._played = cut, self._sound(cut)
            sound, name = self._played[1], self._score.stored.key
            loudness, ceiling = target.loudness_lufs, target.ceiling_dbtp
            self._mastered = wanted, Master(sound, samples, name, loudness_lufs=loudness, ceiling_dbtp=ceiling)
        return self._mastered[1]

    def _sound_digest(self, cut: Cut) -> str:
        return digest(
            {
                "score": self._score.stored.sha256,
                "silent": self._score.silent,
                "composed": self._composes(cut),
                "scenes": [window.scene for window in cut.windows],
                "seconds": [round(seconds, 4) for seconds in cut.stage_seconds],
                "card": cut.card_frames,
                "code": CODE_VERSION,
            }
        )

    def _composes(self, cut: Cut) -> bool:
        return cut.preset is not Preset.FILM and self._score.composer is not None

    def _sound(self, cut: Cut) -> Sound:
        """The score as long as a cut: composed for it where that costs nothing, else the kept one cut or rung out."""
        if self._composes(cut) and self._score.composer is not None:
            return self._compose(cut, self._score.composer)
        score = decode_audio(self._store.open(self._score.stored.key))
        card_s = float(Fraction(cut.card_frames) / cut.fps)
        if cut.preset is not Preset.FILM and not self._score.silent:
            score = recut(score, cut.seconds - card_s)
        return ring_out(score, card_s) if card_s and not self._score.silent else score

    def _compose(self, cut: Cut, composer: ScoreComposer) -> Sound:
        with self._store.scratch() as scratch:
            into = scratch / "score.flac"
            request = ScoreRequest(
                listing=self._listing,
                style=self._score.style,
                shots=tuple(self._scenes[window.scene].shot for window in cut.windows),
                stage_seconds=cut.stage_seconds,
            )
            composer.compose_stage(request, len(request.shots) - 1, None, into)
            return decode_audio(into)

    # What is made from files

    def _stream(self, folder: str, files: Sequence[FileFacts], wanted: Sequence[DeliveryFile]) -> list[FileFacts]:
        made_from = ["stream", [file.sha256 for file in files], CODE_VERSION]
        names = [f"{file.short_side_px}p" for file in wanted]
        facts = [_stream_facts(f"{folder}/master.m3u8", files[0])]
        facts += [
            _stream_facts(f"{folder}/{name}{kind}", file)
            for kind in (".m3u8", ".mp4")
            for name, file in zip(names, files, strict=True)
        ]
        with self._store.scratch() as scratch:
            if any(self._store.kept(self._key(each.name), self._made_from(each, made_from)) is None for each in facts):
                sources = [self._store.open(self._key(file.name)) for file in files]
                write_stream(list(zip(names, sources, strict=True)), scratch / folder)
            return [self._keep(each, made_from, _moves(scratch / each.name)) for each in facts]

    def _teaser(self) -> list[FileFacts]:
        cut, size = self._plan.teaser, 720
        base = f"{self._listing}_teaser_{round(cut.seconds)}s_16x9"
        file = DeliveryFile(name=base, shape=Shape.WIDE, short_side_px=size, cut=cut, target=Target(name="silent"))
        pieces = [[self._parts[piece.part].sha256, piece.start, piece.frames] for piece in file.pieces]
        made_from = ["teaser", pieces, CODE_VERSION]
        wide = format_of(Shape.WIDE, size)
        mp4 = FileFacts(
            name=f"{base}.mp4",
            kind="teaser",
            shape=Shape.WIDE.value,
            width_px=wide.width_px,
            height_px=wide.height_px,
            fps=cut.fps,
            sound=False,
            segments=self._segments(cut),
        )
        width, height = TEASER_PX
        webp = replace(mp4.thinned(TEASER_STEP), name=f"{base}.webp", width_px=width, height_px=height)
        with self._store.scratch() as scratch:
            if any(
                self._store.kept(self._key(each.name), self._made_from(each, made_from)) is None for each in (mp4, webp)
            ):
                stretches = [self._stretch(piece) for piece in file.pieces]
                film = format_of(Shape.WIDE, size, cut.fps)
                write_teaser(stretches, film, scratch / mp4.name, scratch / webp.name)
            return [self._keep(each, made_from, _moves(scratch / each.name)) for each in (mp4, webp)]

    def _poster(self, shape: Shape, name: str) -> FileFacts:
        size = format_of(shape)
        source = next(
            file
            for file in self._plan.files
            if file.shape is shape and not file.cut.branded and file.cut.preset is Preset.FILM
        )
        film = self._store.find(self._key(source.name))

        def make(into: Path) -> Mapping[str, float]:
            # The first frame: the house as the photographer chose it, in no dissolve.
            (picture,) = frames_of(self._store.open(self._key(source.name)), 1, width_px=size.width_px)
            picture.save(into, "JPEG", quality=92, optimize=True)
            return {}

        facts = FileFacts(
            name=name,
            kind="poster",
            shape=shape.value,
            width_px=size.width_px,
            height_px=size.height_px,
            fps=Fraction(0),
            sound=False,
            segments=(SegmentFacts(start=0, frames=1, scene=source.cut.windows[0].scene),),
        )
        return self._keep(facts, ["poster", film.sha256 if film else "", CODE_VERSION], make)

    def _clip(self, scene: SceneInput) -> FileFacts:
        """A scene's own clip, for editors, where the cut list looks for it."""
        facts = FileFacts(
            name=clip_name(scene.source.scene),
            kind="clip",
            shape=Shape.WIDE.value,
            width_px=FULL_HD.width_px,
            height_px=FULL_HD.height_px,
            fps=FULL_HD.fps,
            sound=False,
            segments=(SegmentFacts(start=0, frames=scene.source.frames, scene=scene.source.scene),),
        )

        def make(into: Path) -> Mapping[str, float]:
            return self._take(scene.clip, into, is_changed=self._disclosure.of(facts) is not None)

        return self._keep(facts, ["clip", scene.clip.sha256], make)

    def _score_file(self) -> list[FileFacts]:
        """The score as it was composed, for editors; none for a silent film."""
        if self._score.silent:
            return []
        facts = FileFacts(name=SCORE_NAME, kind="score", fps=Fraction(0))
        stored = self._score.stored
        return [self._keep(facts, ["score", stored.sha256], lambda into: self._take(stored, into, is_changed=False))]

    def _proof(self, facts: PackageFacts) -> tuple[FileFacts, ...]:
        """Write the manifest, the cut for editors, the page of originals."""
        found: list[FileFacts] = []
        with self._store.scratch() as scratch:
            for path in write_proof(scratch, facts):
                name = path.relative_to(scratch).as_posix()
                stored = self._store.put(path, self._key(name))
                found.append(
                    FileFacts(
                        name=name, kind="proof", fps=Fraction(0), sound=False, sha256=stored.sha256, bytes=stored.bytes
                    )
                )
        return tuple(found)


def clip_name(scene: str) -> str:
    """Return where a package has a scene's clip."""
    return f"clips/{scene}.mp4"


def release(store: MediaStore, listing: str, package: Package, notes: Sequence[str]) -> StoredFile:
    """List what goes out in ``package.json``, and remove what an earlier package had and this one has not."""
    key = f"{prefix(listing)}/{PACKAGE_LIST}"
    for name in _listed(store, key):
        if name not in {file.name for file in package.files}:
            store.remove(f"{prefix(listing)}/{name}")
    values = {
        "listing": listing,
        "files": {file.name: _as_json(file) for file in package.files},
        "notes": list(notes),
    }
    return store.put_bytes((json.dumps(values, indent=2) + "\n").encode(), key)


def withhold(store: MediaStore, listing: str) -> None:
    """Take back the list of what goes out: a package that failed a check is nobody's to deliver."""
    store.remove(f"{prefix(listing)}/{PACKAGE_LIST}")


def _listed(store: MediaStore, key: str) -> list[str]:
    return list(json.loads(store.read_bytes(key)).get("files", {})) if store.find(key) and store.is_whole(key) else []


def _moves(made: Path) -> Callable[[Path], Mapping[str, float]]:
    """Return what takes a file that was made beside others."""

    def make(into: Path) -> Mapping[str, float]:
        made.replace(into)
        return {}

    return make


def _stream_facts(name: str, of: FileFacts) -> FileFacts:
    return replace(of, name=name, kind="stream", sha256="", bytes=0, measures={})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Track:
    """An encoded sound track."""

    aac: Path
    samples: int
    loudness: Loudness


def _as_json(file: FileFacts) -> dict[str, Any]:
    return {
        "kind": file.kind,
        "shape": file.shape,
        "branded": file.branded,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "duration_s": round(float(file.frames / file.fps), 3) if file.fps else 0.0,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "sound": file.sound,
        **file.measures,
        "shows": [
            {
                "start": segment.start,
                "frames": segment.frames,
                "scene": segment.scene or CARD,
                "clip_start": segment.source_start,
                "clip_frames": segment.taken if segment.scene else 0,
                **({"caption": segment.caption} if segment.caption else {}),
            }
            for segment in file.segments
        ],
    }
