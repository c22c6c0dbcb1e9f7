"""What a chosen pair is: the photos a scene's clip begins and ends on, and why.

Belongs here: the records behind the table ``scene_pairs``.
Does not belong here: choosing (``domain/pairing.py``), measuring overlap in pictures (``media/overlap.py``).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What two photos of the same space have in common, measured between their working JPEGs.

    Attributes:
        share: 0 to 1, the part of the first photo's area that the second shows too.
        inliers: Matched features that agree with the homography.
        homography: Nine numbers, row by row: working pixels of the first photo to working pixels of the second.
        zoom: Magnification of the second over the first at the frame's centre; above 1 went in.
        shift_x, shift_y: Where the first photo's centre lies in the second, minus its centre, in frame widths and
            heights; positive is right and down.
    """

    share: float
    inliers: int
    homography: tuple[float, ...]
    zoom: float
    shift_x: float
    shift_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenePair:
    """The photos of one scene; a row of ``scene_pairs``.

    Attributes:
        scene: Scene key.
        first_photo: ``photo_id`` the clip begins on; None where the scene is left out.
        last_photo: ``photo_id`` it ends on; None for a clip of a single photo.
        confidence: 0 to 1.
        reason: Why this choice, or why the scene is left out, in a sentence a person would write.
        runner_up_first, runner_up_last, runner_up_reason: The next best choice, if there was one.
        overlap: What the two photos have in common; None for a single photo or no measurable overlap.
        engine: Who chose.
        degraded_reason: Why somebody other than the chosen engine decided; empty if nobody did.
        version: The storyboard's version that this choice serves.
        subject, prompt: What is shown and what a video model is told of it, where the storyboard's words were filled
            in for another photo (``domain/shot_words.py``); empty where they fit.
    """

    scene: str
    first_photo: str | None
    last_photo: str | None = None
    confidence: float = 0.0
    reason: str = ""
    runner_up_first: str | None = None
    runner_up_last: str | None = None
    runner_up_reason: str = ""
    overlap: Overlap | None = None
    engine: str = "local"
    degraded_reason: str = ""
    version: int = 1
    subject: str = ""
    prompt: str = ""

    @property
    def left_out(self) -> bool:
        """Whether the film does without this scene."""
        return self.first_photo is None

    @property
    def photos(self) -> tuple[str, ...]:
        """The one or two photos the clip uses, in order; empty where the scene is left out."""
        return tuple(photo for photo in (self.first_photo, self.last_photo) if photo is not None)
