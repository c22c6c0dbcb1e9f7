"""The ports: what the assets ask of whoever directs, shoots and composes.

Belongs here: one ``Protocol`` a stage, and the values that cross it.
Does not belong here: any implementation (``providers/``), prices, retries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.pairs import Overlap, ScenePair
from luxvid_pipeline.domain.payments import Account, Estimate
from luxvid_pipeline.domain.photos import CataloguedPhoto, WorkingPhoto
from luxvid_pipeline.domain.storyboard import Shot, Storyboard
from luxvid_pipeline.domain.takes import TakeRecord

Progress = Callable[[float], None]
"""Called with the part done, 0 to 1, in rising order."""


_LOCAL_CAMERA = 2
"""Raised whenever the local camera would shoot some request otherwise; what a vendor shot and was paid for stays."""


def ignore_progress(_part_done: float) -> None:
    """Be told of progress and do nothing with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Who did a piece of work, and what it took.

    Attributes:
        name: ``local`` or the model's name.
        cost_usd: What it cost, exactly 0 for local work.
        paid_calls: Requests that cost money.
        degraded_reason: Why this is not the engine that was asked for, or not all it was asked for; empty if it is.
        disclosure: What whoever sees the result has to be told (``extended to 16:9 by …``); empty if nothing.
        notes: What was measured, by name: numbers and short words.
        takes: Every take of a clip, in the order in which they were shot; empty where only one was ever made.
    """

    name: str = "local"
    cost_usd: float = 0.0
    paid_calls: int = 0
    degraded_reason: str = ""
    disclosure: str = ""
    notes: Mapping[str, float | str] = field(default_factory=dict[str, float | str], hash=False)
    takes: tuple[TakeRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRequest:
    """One clip to shoot.

    Attributes:
        listing: Listing key.
        shot: The planned scene.
        first: Working photo the clip begins on.
        last: Working photo it ends on, or None for a clip of a single photo.
        overlap: What the two have in common, if that was measured.
        format: Size and frame rate of the clip.
        seed: For engines that draw lots; the same request and seed give the same clip.
        account: Who pays; an engine that costs nothing does not ask. No part of what the clip looks like.
    """

    listing: str
    shot: Shot
    first: WorkingPhoto
    last: WorkingPhoto | None = None
    overlap: Overlap | None = None
    format: FilmFormat = FULL_HD
    seed: int = 0
    account: Account | None = None

    def fingerprint(self, engine: str) -> str:
        """Return a digest of all that decides how this clip looks; equal fingerprints, equal clips.

        The local camera does not read prompts, so a reworded storyboard re-shoots nothing that it made.
        """
        words: dict[str, str | int] = (
            {"camera": _LOCAL_CAMERA}
            if engine == "local"
            else {"prompt": self.shot.prompt, "negative_prompt": self.shot.negative_prompt}
        )
        return digest(
            {
                "scene": self.shot.scene,
                "seconds": self.shot.seconds,
                "first": _photo_identity(self.first),
                "last": _photo_identity(self.last) if self.last else None,
                "overlap": [round(number, 9) for number in self.overlap.homography] if self.overlap else None,
                "format": [self.format.width_px, self.format.height_px, str(self.format.fps)],
                "seed": self.seed,
                "engine": engine,
                "words": words,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """The score of one film.

    Attributes:
        listing: Listing key; seeds the local composer.
        style: One of the composer's styles.
        shots: The scenes the film shows, in order; one stage each.
        stage_seconds: Length of each stage in seconds, as the timeline gives it.
        account: Who pays; an engine that costs nothing does not ask. No part of how the score sounds.
    """

    listing: str
    style: str
    shots: tuple[Shot, ...]
    stage_seconds: tuple[float, ...]
    account: Account | None = None

    def fingerprint(self, engine: str, stage: int) -> str:
        """Return a digest of all that decides how the score sounds up to the end of ``stage`` (from 0)."""
        return digest(
            {
                "listing": self.listing,
                "style": self.style,
                "scenes": [[shot.scene, shot.score_prompt] for shot in self.shots],
                "seconds": list(self.stage_seconds),
                "engine": engine,
                "stage": stage,
            }
        )


def _photo_identity(photo: WorkingPhoto) -> list[str | int]:
    record = photo.record
    return [record.photo_id, record.working_width_px, record.working_height_px]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """The catalogue of a listing's photos, one entry a photo, and who made it."""

    photos: tuple[CataloguedPhoto, ...]
    engine: Engine = field(default_factory=Engine)


class PhotoTagger(Protocol):
    """Says what each photo shows."""

    @property
    def engine(self) -> str:
        """``local`` or the model's name."""
        ...

    def tag(self, photos: Sequence[WorkingPhoto], manifest: ListingManifest, account: Account | None = None) -> Tagging:
        """Return one catalogue entry a photo, in the order given.

        Args:
            photos: What to look at.
            manifest: What the listing says; its word on a room stands before anybody else's.
            account: Who pays; an engine that costs nothing does not ask.

        Raises:
            ProviderError: The engine could not do it; a paid engine without an account included.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A storyboard, and who wrote it; after a note, what became of it.

    Attributes:
        storyboard: The storyboard.
        engine: Who wrote it, or revised it.
        done: What was changed at a person's wish, or was so already.
        not_done: What of it was not understood or cannot be done.
    """

    storyboard: Storyboard
    engine: Engine = field(default_factory=Engine)
    done: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()


class StoryboardWriter(Protocol):
    """Writes the seven scenes for one listing."""

    @property
    def engine(self) -> str:
        """``local`` or the model's name."""
        ...

    def write(
        self,
        listing: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        account: Account | None = None,
    ) -> Draft:
        """Return the listing's storyboard; scenes it cannot show are left out with their reason.

        Args:
            listing: Listing key.
            manifest: Brief, brand rules, length and style.
            catalogue: Every usable photo.
            account: Who pays; an engine that costs nothing does not ask.

        Raises:
            ProviderError: The engine could not do it.
        """
        ...

    def revise(
        self,
        storyboard: Storyboard,
        feedback: str,
        manifest: ListingManifest,
        catalogue: Sequence[CataloguedPhoto],
        account: Account | None = None,
        *,
        about: str = "",
        pairs: Sequence[ScenePair] = (),
        seen: Sequence[str] = (),
    ) -> Draft:
        """Return the next version of a storyboard, changed where a person's words say so and nowhere else.

        Args:
            storyboard: The version they are about.
            feedback: The words.
            manifest: Brief and brand rules, which still hold.
            catalogue: Every usable photo.
            account: Who pays; an engine that costs nothing does not ask.
            about: Key of the one scene that may change; empty where the words themselves say which.
            pairs: The photos chosen now; scenes that are not meant keep theirs.
            seen: The scene's photos when this was said, for "another photo".

        Returns:
            The next version, the other shots the very same; the same version where nothing of it can be done.

        Raises:
            InputError: The words are empty or too long.
            ProviderError: The engine could not do it; the storyboard stands.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChoice:
    """The pairs of a listing: one row for every one of the seven scenes, in order, left-out ones included."""

    pairs: tuple[ScenePair, ...]
    engine: Engine = field(default_factory=Engine)


class PairSelector(Protocol):
    """Chooses the photos each scene begins and ends on."""

    @property
    def engine(self) -> str:
        """``local`` or the model's name."""
        ...

    def select(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        account: Account | None = None,
        *,
        pinned: Mapping[str, ScenePair] | None = None,
    ) -> PairChoice:
        """Return a row for each of the seven scenes; no photo serves two.

        Args:
            storyboard: What the film means to show, with a person's wishes for its photos.
            catalogue: Every usable photo.
            files: ``photo_id`` to the local working JPEG.
            account: Who pays; an engine that costs nothing does not ask.
            pinned: Scene key to the row that it keeps; its photos serve no other scene.

        Raises:
            ProviderError: The engine could not do it.
        """
        ...


class ClipGenerator(Protocol):
    """Shoots one scene."""

    @property
    def engine(self) -> str:
        """``local`` or the model's name."""
        ...

    @property
    def most_at_once(self) -> int:
        """How many clips this engine shoots at the same time to good effect."""
        ...

    async def shoot(self, request: ClipRequest, into: Path, progress: Progress = ignore_progress) -> Engine:
        """Write the clip to ``into`` (an MP4 in the request's format, silent) and return who made it.

        Raises:
            ProviderError: The engine could not make it.
            MediaError: A photo or an encode failed.
        """
        ...


class ScoreComposer(Protocol):
    """Plays the score, stage by stage."""

    @property
    def engine(self) -> str:
        """``local`` or the model's name."""
        ...

    def compose_stage(self, request: ScoreRequest, stage: int, so_far: Path | None, into: Path) -> Engine:
        """Write the score up to the end of stage ``stage`` (from 0) to ``into``, continuing ``so_far``.

        Args:
            request: The whole score that is wanted.
            stage: Index of the stage to add.
            so_far: The file of the stage before; None for the first.
            into: Where to write a 48 kHz stereo FLAC that begins with exactly what ``so_far`` holds.
        """
        ...


class ImageEditor(Protocol):
    """Widens a photo that is too tall for the film, where a scene has nothing better; off unless chosen."""

    @property
    def engine(self) -> str:
        """``local`` or the model's name."""
        ...

    def estimate(self) -> Estimate:
        """Return what one photo may cost."""
        ...

    async def widen(self, photo: WorkingPhoto, into: Path, account: Account | None = None) -> Engine:
        """Write a 16:9 JPEG to ``into`` that shows the photo with its sides continued.

        The engine's ``disclosure`` is never empty: what was invented is always said.

        Raises:
            ProviderError: The engine could not or would not do it.
            MediaError: The photo cannot be read.
        """
        ...
