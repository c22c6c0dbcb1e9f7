"""What is known of a listing's film, gathered for whoever has to say yes to it.

Belongs here: reading the store, the instance and the ledger for ``luxvid review``; the small pictures and the small
film that the page carries inside itself.
Does not belong here: how the page looks (``review_page.py``), arguments and printing (``cli_review.py``), changing
anything: only the small film is kept in the store, since encoding it takes seconds.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import dagster as dg
import ffmpeg
import numpy as np
from PIL import Image

from luxvid_pipeline.assets.metadata import manifest_of
from luxvid_pipeline.domain.approvals import ApprovalState, Decision
from luxvid_pipeline.domain.errors import DamagedMediaError, InputError
from luxvid_pipeline.domain.keys import check_listing_key, digest, scene_partition_key
from luxvid_pipeline.domain.listing import ListingManifest, Transition
from luxvid_pipeline.domain.measured import really_measured
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.payments import ZERO_USD
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, Verdict
from luxvid_pipeline.domain.scenes import SCENE_KEYS, scene
from luxvid_pipeline.domain.storyboard import Shot, Storyboard
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.domain.timeline import Timeline, lay_out
from luxvid_pipeline.io_managers.store import MediaStore, StoredFile
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager, media_key
from luxvid_pipeline.ledger.approvals import SqlApprovals
from luxvid_pipeline.local_runs import open_instance
from luxvid_pipeline.media.audio import decode_audio, louder
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.film import FilmFacts, inspect_film
from luxvid_pipeline.media.sheets import frames_of
from luxvid_pipeline.media.thumbnails import thumbnail
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.approvals import ListingApprovals
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings

PHOTO_PX, RUNNER_UP_PX, FRAME_PX, POSTER_PX = 640, 240, 240, 1280
SMALL_FILM_HEIGHT_PX = 720
WAVE_COLUMNS = 280

_SMALL_FILM_VERSION = "1"
_ASSETS = ("listing_photos", "photo_catalogue", "storyboard", "scene_pairs", "soundtrack", "property_video")
_PACKAGE = "delivery_package"


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photograph as the page shows it.

    Attributes:
        file: Its name in the listing's folder.
        caption: What it shows, in words; empty if nobody said.
        jpeg: A small picture of it.
        width_px, height_px: Size of that picture.
    """

    file: str
    caption: str
    jpeg: bytes = field(repr=False)
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One take of a scene.

    Attributes:
        name: ``take 2 of google/veo-3.1-fast``.
        chosen: Whether it is the one in the film.
        verdict: What the gate said of it, in words.
        cost_usd: What it cost.
        seed: Its seed.
        measures: What was measured, by name.
    """

    name: str
    chosen: bool
    verdict: str
    cost_usd: float
    seed: int
    measures: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedScene:
    """One scene of the film.

    Attributes:
        key, title: Which scene.
        starts_s, seconds: When it is shown.
        mood: How its stage of the score sounds, in a few words.
        shot: The planned shot.
        pair: The chosen photos and why.
        first, last, runner_up: The photographs; ``last`` is None for a clip of one photo.
        frame: A small frame from its middle, JPEG; None while it is not shot.
        engine: Who shot it; empty while it is not shot.
        cost_usd, paid_calls: What it took.
        warning: What is not as it should be (another engine, another photo); empty if nothing.
        disclosure: What viewers have to be told; empty if nothing.
        likeness: How like the clip's ends are to its photos, 0 to 1; one number for a clip of a single photo.
        verdict: What the gate said of it, in words; empty for a clip that was never measured.
        measures: What was measured of the clip, by name.
        takes: Every take that was shot, in order; empty for a clip that was made without takes.
    """

    key: str
    title: str
    starts_s: float
    seconds: float
    mood: str
    shot: Shot
    pair: ScenePair
    first: Photo
    last: Photo | None
    runner_up: Photo | None
    frame: bytes | None = field(repr=False)
    engine: str = ""
    cost_usd: float = 0.0
    paid_calls: int = 0
    warning: str = ""
    disclosure: str = ""
    likeness: tuple[float, ...] = ()
    verdict: str = ""
    measures: Mapping[str, float | str] = field(default_factory=dict[str, float | str])
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check said of an asset.

    Attributes:
        name: The claim, ``film_is_as_long_as_its_scenes``.
        about: Asset, and scene where it is one scene's.
        passed: Whether the claim holds.
        blocks: Whether a film for which it does not hold must not go out.
        told: What the check adds in words.
        figures: What it measured, by name.
        scene: Title of the scene it is about; empty for a whole listing.
    """

    name: str
    about: str
    passed: bool
    blocks: bool
    told: str
    figures: Mapping[str, float | str]
    scene: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that can be had.

    Attributes:
        name: Its name.
        group: What kind of file (``Film``, ``16x9 branded``).
        bytes: Its size.
        file: Where it lies on this machine; None in a remote store.
        address: Where it lies, for people.
    """

    name: str
    group: str
    bytes: int
    file: Path | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was paid for one stage to one model."""

    stage: str
    model: str
    requests: int
    cost_usd: Decimal
    reserved_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Whether a person has to agree, and who did.

    Attributes:
        state: Of the plan as it is now.
        plan: That plan's name, which is the one the page shows.
        decisions: Everything that was ever decided on the listing, oldest first.
    """

    state: ApprovalState
    plan: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What the player plays: the finished film, or the animatic of its plan.

    Attributes:
        facts: Measured from the file.
        sha256: Of the file.
        small: A small rendition of it, MP4.
        poster: A picture of it, JPEG.
        is_animatic: Whether it is the animatic, before anything is shot.
    """

    facts: FilmFacts
    sha256: str
    is_animatic: bool
    small: bytes = field(repr=False)
    poster: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score.

    Attributes:
        style: Its style.
        engine: Who played it.
        cost_usd: What it cost.
        warning: Why it is not who was asked; empty if it is.
        peaks: Loudest sample of each of ``WAVE_COLUMNS`` equal parts, 0 to 1.
    """

    style: str
    engine: str
    cost_usd: float
    warning: str
    peaks: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Everything the page shows.

    Attributes:
        listing, title, manifest: The listing.
        photos, kept: Photos that came in, and those a film may use.
        duration_s: Length of the film as planned.
        scenes: Those the film shows, in order.
        left_out: Titles of those it does without, each with the reason.
        film, score: None while they are not made.
        checks, downloads, spent, approval: As found.
        warnings: What is not as it was asked for, over all stages.
        disclosures: What viewers have to be told; empty says that no pixel was generated.
    """

    listing: str
    title: str
    manifest: ListingManifest
    photos: int
    kept: int
    duration_s: float
    scenes: tuple[ReviewedScene, ...]
    left_out: tuple[tuple[str, str], ...]
    film: Film | None
    score: Score | None
    checks: tuple[Check, ...]
    downloads: tuple[Download, ...]
    spent: tuple[Spent, ...]
    approval: Approval
    warnings: tuple[str, ...]
    disclosures: tuple[str, ...]

    @property
    def cost_usd(self) -> Decimal:
        """What the listing has cost so far."""
        return sum((each.cost_usd for each in self.spent), ZERO_USD)


def review(settings: Settings, listing: str) -> Review:
    """Return what is known of a listing; nothing is made but the small film the page carries.

    Raises:
        InputError: There is no such listing, or its photos have not been chosen yet.
        DamagedMediaError: A file of it is not the one that was recorded.
        MediaError: The film cannot be read.
    """
    with open_instance(settings) as instance:
        return review_on(instance, settings, listing)


def review_on(instance: dg.DagsterInstance, settings: Settings, listing: str) -> Review:
    """Return what is known of a listing, on an instance that is open already; raises as ``review``."""
    check_listing_key(listing)
    known = sorted(instance.get_dynamic_partitions(str(listing_partitions.name)))
    if listing not in known:
        raise InputError(f"there is no listing {listing!r}; known: {', '.join(known) or 'none'}")
    store = MediaStore(settings.media, settings.cache)
    gathered = _Gathering(store, listing)
    checks = tuple(_checks(instance, listing))
    return gathered.review(checks, tuple(_spent(settings, listing)), _approval(settings, gathered))


class _Gathering:
    """One listing's values, read once."""

    def __init__(self, store: MediaStore, listing: str) -> None:
        tables = TableIOManager(store)
        photos = tables.load_partition("listing_photos", listing, missing_ok=True)
        catalogue = tables.load_partition("photo_catalogue", listing, missing_ok=True)
        pairs = tables.load_partition("scene_pairs", listing, missing_ok=True)
        board = DocumentIOManager(store).load_partition("storyboard", listing, missing_ok=True)
        if photos is None or catalogue is None or pairs is None or not isinstance(board, Storyboard):
            raise InputError(
                f"{listing}: its photos have not been chosen yet, so there is nothing to review; run 'luxvid render' "
                "or materialise scene_pairs first"
            )
        self.store = store
        self.listing = listing
        self.board = board
        self.manifest = manifest_of(store, listing)
        self.records = {record.photo_id: record for record in from_table(photos, PhotoRecord)}
        self.catalogue = {entry.photo_id: entry for entry in from_table(catalogue, CataloguedPhoto)}
        self.pairs = {pair.scene: pair for pair in from_table(pairs, ScenePair)}
        shots = board.for_pairs(self.pairs.values()).shots
        self.shots = [shot for shot in shots if not self.pairs[shot.scene].left_out]
        self.timeline: Timeline | None = (
            lay_out([shot.seconds for shot in self.shots], Transition(board.transition)) if self.shots else None
        )

    def review(self, checks: tuple[Check, ...], spent: tuple[Spent, ...], approval: Approval) -> Review:
        scenes = tuple(self._scenes())
        score = self._score()
        film = self._film()
        told = [*(f"{each.title}: {each.warning}" for each in scenes if each.warning)]
        told += [f"Score: {score.warning}"] if score and score.warning else []
        told += [f"Storyboard: {self.board.degraded_reason}"] if self.board.degraded_reason else []
        disclosures = (f"{each.title}: {each.disclosure}" for each in scenes if each.disclosure)
        return Review(
            listing=self.listing,
            title=self.board.title or self.manifest.title or self.listing,
            manifest=self.manifest,
            photos=len(self.records),
            kept=sum(record.verdict is Verdict.KEPT for record in self.records.values()),
            duration_s=self.timeline.duration_s if self.timeline else 0.0,
            scenes=scenes,
            left_out=tuple(
                (scene(key).title, self.pairs[key].reason)
                for key in SCENE_KEYS
                if key in self.pairs and self.pairs[key].left_out
            ),
            film=film,
            score=score,
            checks=checks,
            downloads=tuple(self._downloads()),
            spent=spent,
            approval=approval,
            warnings=tuple(told),
            disclosures=tuple(disclosures),
        )

    def _scenes(self) -> Iterator[ReviewedScene]:
        if self.timeline is None:
            return
        for shot, starts_s in zip(self.shots, self.timeline.starts_s, strict=True):
            pair = self.pairs[shot.scene]
            clip = self._stored("scene_clips", scene_partition_key(self.listing, shot.scene))
            facts = clip.facts if clip else {}
            warnings = [pair.degraded_reason, str(facts.get("degraded_reason", ""))]
            if clip is not None and (facts.get("first_photo"), facts.get("last_photo")) != (
                pair.first_photo,
                pair.last_photo,
            ):
                warnings.append("the clip shows other photos than those chosen now; shoot it again")
            first = self._photo(pair.first_photo, PHOTO_PX)
            if first is None:
                raise DamagedMediaError(
                    f"{self.listing}: the photo of {shot.scene} is not in its catalogue; run listing_photos again"
                )
            yield ReviewedScene(
                key=shot.scene,
                title=scene(shot.scene).title,
                starts_s=starts_s,
                seconds=shot.seconds,
                mood=scene(shot.scene).score.words,
                shot=shot,
                pair=pair,
                first=first,
                last=self._photo(pair.last_photo, PHOTO_PX),
                runner_up=self._photo(pair.runner_up_first, RUNNER_UP_PX),
                frame=_jpeg(frames_of(self.store.open(clip.key), 3, width_px=FRAME_PX)[1]) if clip else None,
                engine=str(facts.get("engine", "")),
                cost_usd=float(facts.get("cost_usd", 0.0)),
                paid_calls=int(facts.get("paid_calls", 0)),
                warning="; ".join(filter(None, warnings)),
                disclosure=str(facts.get("disclosure", "")),
                likeness=_likeness(facts.get("gate") or {}),
                verdict=_verdict(facts.get("gate") or {}),
                measures={**_measured(facts.get("gate") or {}), **_figures(facts.get("notes") or {})},
                takes=tuple(_takes(facts.get("takes") or ())),
            )

    def _photo(self, photo_id: str | None, long_side_px: int) -> Photo | None:
        entry = self.catalogue.get(photo_id or "")
        if entry is None:
            return None
        small = thumbnail(self.store.open(entry.working), long_side_px=long_side_px)
        return Photo(
            file=entry.file,
            caption=entry.caption or entry.room.words,
            jpeg=small.jpeg,
            width_px=small.width_px,
            height_px=small.height_px,
        )

    def _score(self) -> Score | None:
        stored = self._stored("soundtrack", self.listing)
        if stored is None:
            return None
        return Score(
            style=self.board.music,
            engine=str(stored.facts.get("engine", "local")),
            cost_usd=float(stored.facts.get("cost_usd", 0.0)),
            warning=str(stored.facts.get("degraded_reason", "")),
            peaks=_peaks(self.store.open(stored.key), WAVE_COLUMNS),
        )

    def _film(self) -> Film | None:
        stored = self._stored("property_video", self.listing) or self._stored("animatic", self.listing)
        if stored is None:
            return None
        path = self.store.open(stored.key)
        small = self.store.open(_small_film(self.store, stored, path).key)
        # As the package's posters: the house as the photographer chose it. The middle of a scene may be a dissolve.
        (first,) = frames_of(path, 1, width_px=POSTER_PX)
        return Film(
            facts=inspect_film(path),
            sha256=stored.sha256,
            is_animatic=stored.key.startswith("animatic/"),
            small=small.read_bytes(),
            poster=_jpeg(first, quality=76),
        )

    def _downloads(self) -> Iterator[Download]:
        named = (("Film", "property_video"), ("Animatic", "animatic"), ("Score", "soundtrack"))
        files = [(group, self._stored(asset, self.listing)) for group, asset in named]
        prefix = f"{_PACKAGE}/{self.listing}"
        package = [(_package_group(PurePosixPath(key).relative_to(prefix)), key) for key in self.store.keys(prefix)]
        for group, key in sorted(each for each in package if each[0]):
            files.append((group.partition(" ")[2], self.store.find(key)))
        for group, stored in files:
            if stored is not None:
                path = PurePosixPath(stored.key)
                yield Download(
                    name=f"{path.parent.name}/{path.name}" if path.suffix == ".m3u8" else path.name,
                    group=group,
                    bytes=stored.bytes,
                    file=self.store.workshop(stored.key) if self.store.is_local else None,
                    address=f"{self.store.base.rstrip('/')}/{stored.key}",
                )

    def _stored(self, asset: str, partition: str) -> StoredFile | None:
        return self.store.find(media_key(asset, partition))


def _package_group(file: PurePosixPath) -> str:
    """Return under which heading, and in which place, a package's file is listed; empty for what people do not want."""
    if file.parts[0] == "parts" or file.name == "package.json":
        return ""
    if file.parent.name.endswith("_hls"):
        # A player that is given the playlist finds the rest.
        return "3 Streams" if file.name == "master.m3u8" else ""
    if file.parts[0] == "clips":
        return "5 Clips and score"
    if file.suffix == ".mp4" and "teaser" not in file.stem:
        return "2 Unbranded films" if "_unbranded_" in file.stem else "1 Branded films"
    if file.suffix in {".mp4", ".webp", ".jpg"} and len(file.parts) == 1:
        return "4 Posters and teaser"
    return "6 Proof and disclosure"


def _small_film(store: MediaStore, film: StoredFile, path: Path) -> StoredFile:
    """Return a rendition small enough to travel inside a page, made once for each film."""
    key = f"{film.key.rpartition('/')[0]}/small.mp4"
    made_from = digest([film.sha256, SMALL_FILM_HEIGHT_PX, _SMALL_FILM_VERSION])
    kept = store.kept(key, made_from)
    if kept is not None:
        return kept
    with store.scratch() as scratch:
        file = scratch / "small.mp4"
        source = ffmpeg.input(str(path))
        # Two threads and bit-exact writing: the same film gives the same bytes on every machine.
        command = (
            ffmpeg.output(
                source.video.filter("scale", -2, SMALL_FILM_HEIGHT_PX, flags="bicubic"),
                source.audio,
                str(file),
                vcodec="libx264",
                crf=26,
                preset="medium",
                pix_fmt="yuv420p",
                threads=2,
                acodec="aac",
                audio_bitrate=128_000,
                movflags="+faststart",
                fflags="+bitexact",
                map_metadata=-1,
                **{"flags:v": "+bitexact", "flags:a": "+bitexact"},
            )
            .overwrite_output()
            .compile()
        )
        run_ffmpeg(command[1:], doing=f"making a small rendition of {path.name}")
        return store.put(file, key, made_from=made_from)


def _peaks(score: Path, columns: int) -> tuple[float, ...]:
    """Return the loudest sample of each of ``columns`` equal parts, to three digits."""
    mono = louder(np.abs(decode_audio(score)))
    edges = np.linspace(0, len(mono), columns + 1).astype(int)
    loudest = np.maximum.reduceat(mono, np.minimum(edges[:-1], len(mono) - 1))
    return tuple(round(float(level), 3) for level in np.minimum(loudest, 1.0))


def _jpeg(picture: Image.Image, *, quality: int = 72) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _takes(found: Iterable[Mapping[str, Any]]) -> Iterator[Take]:
    for take in found:
        told = str(take.get("told", "")) or ("" if take.get("passed", True) else "did not pass")
        yield Take(
            name=f"Take {take.get('take', 1)} · {take.get('engine', 'local')}",
            chosen=bool(take.get("chosen")),
            verdict=(f"passed, but {told}" if told else "passed") if take.get("passed", True) else told,
            cost_usd=float(take.get("cost_usd", 0.0)),
            seed=int(take.get("seed", 0)),
            measures=_measured(take),
        )


def _likeness(gate: Mapping[str, Any]) -> tuple[float, ...]:
    measures: Mapping[str, Any] = gate.get("measures") or {}
    ends = (measures.get("first_ssim"), measures.get("last_ssim"))
    return tuple(float(each) for each in ends if isinstance(each, int | float))


def _verdict(gate: Mapping[str, Any]) -> str:
    if not gate:
        return ""
    told = str(gate.get("told", ""))
    if gate.get("passed", True):
        return f"passed, but {told}" if told else "passed"
    return told or "did not pass"


def _measured(gate: Mapping[str, Any]) -> dict[str, float | str]:
    """Return what a person looks for among a clip's measures; of a glance only what it can tell."""
    measures = really_measured(gate.get("measures") or {})
    if not measures:
        return {}
    found = {told: measures[name] for told, name in _FIGURES.items() if isinstance(measures.get(name), int | float)}
    counts = {told: len(measures[told]) for told in ("flashes", "jumps") if told in measures}
    score = {"score": gate["score"]} if "score" in gate else {}
    return _figures({**score, **found, **counts})


_FIGURES: Mapping[str, str] = {
    "likeness to the first photo": "first_ssim",
    "likeness to the last photo": "last_ssim",
    "least likeness on the way": "drift_ssim",
    "magnification": "zoom",
    "travel across": "travel_x",
    "travel down": "travel_y",
    "moves_px": "moved_px",
    "stands still_s": "frozen_s",
    "black_s": "black_s",
    "flicker": "flicker",
    "judder_px": "judder_px",
    "lines bend_px": "bent_px",
    "softer than the photo_px": "softened_px",
}
"""In a person's words, with the unit: the measure's name."""


def _checks(instance: dg.DagsterInstance, listing: str) -> Iterator[Check]:
    """Return what the runs that made the listing's latest values said of them, the latest word on each claim."""
    latest: dict[tuple[str, str, str], tuple[int, dg.AssetCheckEvaluation]] = {}
    places = [(asset, listing) for asset in (*_ASSETS, _PACKAGE)]
    places += [("scene_clips", scene_partition_key(listing, key)) for key in SCENE_KEYS]
    for run_id in dict.fromkeys(_run_of(instance, asset, partition) for asset, partition in places):
        if not run_id:
            continue
        found = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        for record in found.records:
            event = record.event_log_entry.dagster_event
            if event is None:
                continue
            said = event.asset_check_evaluation_data
            partition = said.partition or ""
            if partition.split("|")[0] not in ("", listing):
                continue
            place = (said.asset_key.to_user_string(), partition, said.check_name)
            if place not in latest or latest[place][0] < record.storage_id:
                latest[place] = record.storage_id, said
    order = [*_ASSETS[:-1], "scene_clips", _ASSETS[-1], _PACKAGE]
    for asset, partition, name in sorted(
        latest, key=lambda each: (order.index(each[0]) if each[0] in order else 99, each)
    ):
        said = latest[asset, partition, name][1]
        _, _, scene_key = partition.partition("|")
        yield Check(
            name=name,
            about=f"{asset} {scene_key}".strip(),
            scene=scene(scene_key).title if scene_key in SCENE_KEYS else "",
            passed=said.passed,
            blocks=bool(said.blocking) or said.severity is dg.AssetCheckSeverity.ERROR,
            told=said.description or "",
            figures=_figures({key: value.value for key, value in said.metadata.items()}),
        )


def _run_of(instance: dg.DagsterInstance, asset: str, partition: str) -> str:
    """Return the id of the run that made a partition last; empty if none did."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0].run_id if records else ""


def _spent(settings: Settings, listing: str) -> Iterator[Spent]:
    """Return what the ledger knows of the listing, by stage and model; no ledger is made for it."""
    ledger = PaidServices(settings).ledger
    try:
        rows = [] if ledger.is_new else ledger.spending(listing=listing)
    finally:
        ledger.close()
    sums: dict[tuple[str, str], Spent] = {}
    for row in rows:
        place = (row.stage, f"{row.vendor}: {row.model}")
        before = sums.get(
            place, Spent(stage=place[0], model=place[1], requests=0, cost_usd=ZERO_USD, reserved_usd=ZERO_USD)
        )
        sums[place] = Spent(
            stage=place[0],
            model=place[1],
            requests=before.requests + row.requests,
            cost_usd=before.cost_usd + row.cost_usd,
            reserved_usd=before.reserved_usd + row.reserved_usd,
        )
    yield from (sums[place] for place in sorted(sums))


def _approval(settings: Settings, found: _Gathering) -> Approval:
    kept = SqlApprovals(settings.database_url)
    try:
        approvals = ListingApprovals(settings, found.store, kept)
        plan = approvals.plan_of(found.listing, found.board, list(found.pairs.values()))
        state = approvals.state(found.listing, plan)
        return Approval(state=state, plan=plan.name, decisions=tuple(kept.history(found.listing)))
    finally:
        kept.close()


def _figures(values: Mapping[str, Any]) -> dict[str, float | str]:
    """Return the values that fit into a line: numbers, short words, short lists of them."""
    found: dict[str, float | str] = {}
    for name, value in values.items():
        if isinstance(value, bool):
            found[name] = "yes" if value else "no"
        elif isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 200):
            found[name] = value
        elif (
            isinstance(value, Sequence)
            and len(value) <= 7
            and all(isinstance(each, int | float | str) for each in value)
        ):
            found[name] = ", ".join(f"{each:g}" if isinstance(each, int | float) else each for each in value) or "none"
    return found
