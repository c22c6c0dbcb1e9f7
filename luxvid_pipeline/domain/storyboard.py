"""The storyboard of one listing: the scenes it means to show, in its own words.

Belongs here: the storyboard's shape, as it is kept and as a person edits it.
Does not belong here: writing one (``providers/local/writer.py`` or a model), choosing photos for it.
"""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from luxvid_pipeline.domain.keys import digest
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.wishes import NO_WISHES, PictureWishes


class Shot(BaseModel):
    """One planned scene of one listing.

    Attributes:
        scene: Scene key.
        subject: What is shown, in words (``the infinity pool at dusk``).
        camera: The camera move in words.
        prompt, negative_prompt: For a video model.
        score_prompt: For a score model, and for people.
        seconds: Length of the clip.
        written_by: Who wrote its words, ``local`` or a model's name.
        wishes: What a person wants its photos to show.
        since: The storyboard's version in which what it shows last changed; its photos were chosen then, and stay.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: str
    subject: str
    camera: str
    prompt: str
    negative_prompt: str
    score_prompt: str
    seconds: float = Field(gt=0, le=30)
    written_by: str = "local"
    wishes: PictureWishes = NO_WISHES
    since: int = 1


class LeftOut(BaseModel):
    """A scene this listing cannot show, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: str
    reason: str


class Note(BaseModel):
    """What a person said about a storyboard.

    Attributes:
        text: In their words.
        scene: Key of the scene it is about; empty for the whole film.
        by: Who said it.
        at: When, with time zone.
        version: The storyboard they had before them.
        seen: ``photo_id`` of the scene's photos they had before them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    scene: str = ""
    by: str
    at: datetime
    version: int = 1
    seen: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What identifies it, and sorts by time."""
        return f"{self.at:%Y%m%dT%H%M%S.%fZ}-{digest(self.model_dump(mode='json'))[:8]}"


class NoteTaken(BaseModel):
    """A note and what became of it.

    Attributes:
        note: What was said.
        done: What was changed, or was so already, a line each.
        not_done: What was not understood or cannot be done, a line each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: Note
    done: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()


class Storyboard(BaseModel):
    """The scenes of one listing in play order.

    Attributes:
        listing: Listing key.
        title: What the film calls the property.
        version: 1 for the first; feedback makes the next.
        engine: Who wrote it.
        music: Style of the score (``cinematic-ambient``, …).
        transition: ``cut``, ``dissolve`` or ``fade``.
        shots: What will be shot.
        left_out: What will not, with the reason.
        degraded_reason: Which scenes somebody other than ``engine`` wrote, and why; empty if none.
        notes: What people said about it, oldest first; this version heeds them all.
        basis: Digest of the draft before any note; with another draft the notes are heeded anew.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listing: str
    title: str
    version: int = 1
    engine: str = "local"
    music: str = "cinematic-ambient"
    transition: str = "cut"
    shots: tuple[Shot, ...]
    left_out: tuple[LeftOut, ...] = ()
    degraded_reason: str = ""
    notes: tuple[NoteTaken, ...] = ()
    basis: str = ""

    def for_pairs(self, pairs: Iterable[ScenePair]) -> "Storyboard":
        """Return it in the words for the photos that were chosen, where those are not the ones it expected."""
        own = {pair.scene: {"subject": pair.subject, "prompt": pair.prompt} for pair in pairs if pair.prompt}
        return self.model_copy(
            update={"shots": tuple(shot.model_copy(update=own.get(shot.scene, {})) for shot in self.shots)}
        )
