"""The storyboard of one listing: the scenes it means to show, in its own words.

Belongs here: the storyboard's shape, as it is kept and as a person edits it.
Does not belong here: writing one (``providers/local/writer.py`` or a model), choosing photos for it.
"""

from pydantic import BaseModel, ConfigDict, Field


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


class LeftOut(BaseModel):
    """A scene this listing cannot show, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scene: str
    reason: str


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
