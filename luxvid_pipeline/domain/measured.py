"""What is measured of a clip and of a score: the numbers, their units, nothing else.

Belongs here: the records that ``media/measures/`` fills and ``domain/gates.py`` judges.
Does not belong here: taking the measures, thresholds.

Pixels are those of a frame 1920 wide, whatever the clip's size; brightness counts from 0 to 255.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipMeasures:
    """What was measured of a clip, in one pass over its frames.

    Attributes:
        frames, seconds, fps, width_px, height_px: What it is; ``seconds`` to the end of the last frame.
        constant_rate: Whether all frames are equally long.
        first_ssim: Likeness of the first frame to the photo it begins on, 1 for the same; crop and zoom are allowed
            for, what the photo does not show counts as 0.
        last_ssim: The same of the last frame and the photo it ends on; None without one.
        drift_ssim: Lowest likeness of a frame between the ends to the nearer of its photos; black frames do not count.
        zoom: Magnification of the last frame over the first, by tracked features; above 1 went in.
        travel_x, travel_y: Where the view went, in frame widths and heights, right and down positive.
        followed: Part of the clip's steps in which the picture could be followed, 0 to 1.
        moved_px: How far a corner of the frame travelled, in pixels.
        fastest_px_s: Greatest speed of a corner over a quarter of a second, in pixels a second.
        frozen_s: Longest run without any motion of the picture, in seconds.
        frozen_tail_s: How long before its end the picture last moved.
        black_s: Longest black run, in seconds.
        flashes: Times in seconds at which the picture, or a good part of it, is suddenly brighter or darker and back.
        flicker: How much the mean brightness trembles from frame to frame (RMS about its own course).
        jumps: Times in seconds of cuts inside the clip.
        judder_px: Deviation of the picture's motion from a smooth curve (RMS), in pixels.
        judder_peak_px: The greatest such deviation.
        bent_px: How far straight lines bend (sagitta of the most bent tenth), in pixels.
        lines: Lines that were followed for it; below a handful ``bent_px`` says little.
        softened_px: Blur added to the photo's sharpest edges at the clip's ends (sigma), in pixels.
        softest_px: The same inside the clip, against its own first frame.
        thorough: Whether every frame was looked at. After a glance at the key frames, what lies between them is not
            known: flashes, flicker, judder, bending, drift and softness then say nothing is wrong.
    """

    frames: int
    seconds: float
    fps: float
    width_px: int
    height_px: int
    constant_rate: bool
    first_ssim: float
    last_ssim: float | None
    drift_ssim: float
    zoom: float
    travel_x: float
    travel_y: float
    followed: float
    moved_px: float
    fastest_px_s: float
    frozen_s: float
    frozen_tail_s: float
    black_s: float
    flashes: tuple[float, ...]
    flicker: float
    jumps: tuple[float, ...]
    judder_px: float
    judder_peak_px: float
    bent_px: float
    lines: int
    softened_px: float
    softest_px: float
    thorough: bool = True

    def as_facts(self) -> dict[str, Any]:
        """Return the numbers as JSON, for a stored file's record and for Dagster's metadata."""
        return {**asdict(self), "flashes": list(self.flashes), "jumps": list(self.jumps)}

    @staticmethod
    def from_facts(facts: Mapping[str, Any]) -> "ClipMeasures":
        """Return the measures that ``as_facts`` wrote.

        Raises:
            TypeError: They were written by another version.
        """
        times: dict[str, tuple[float, ...]] = {name: tuple(facts[name]) for name in ("flashes", "jumps")}
        values: Any = {**facts, **times}
        return ClipMeasures(**values)


_OF_EVERY_FRAME = frozenset(
    {
        *("drift_ssim", "flashes", "flicker", "jumps", "judder_px", "judder_peak_px"),
        *("bent_px", "lines", "softened_px", "softest_px"),
    }
)


def really_measured(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a clip's measures without those that a glance at its key frames cannot tell, and that stand for "well".

    Args:
        facts: What ``ClipMeasures.as_facts`` wrote; may be empty.
    """
    thorough = bool(facts.get("thorough", True))
    return {name: value for name, value in facts.items() if thorough or name not in _OF_EVERY_FRAME}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageJoin:
    """How a score goes on at one stage boundary, against how it goes elsewhere.

    Attributes:
        at_s: When the stage begins.
        clicks: Clicks within a few hundredths of a second of it.
        carried_db: How what sounds right before it goes on right after: median change of its partials in dB. New voices
            leave it alone; a step of the level or a cut does not.
        usual_low_db, usual_high_db: Between which it lies elsewhere in the score, at 98 of 100 places.
        timbre_jump: Change of the spectrum across it: mean difference of its bands in dB, level left out.
        usual_timbre_jump: What it is elsewhere (95 of 100 places have less).
    """

    at_s: float
    clicks: int
    carried_db: float
    usual_low_db: float
    usual_high_db: float
    timbre_jump: float
    usual_timbre_jump: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMeasures:
    """What was measured of a score or of a film's sound.

    Attributes:
        seconds: Length.
        integrated_lufs, true_peak_dbtp, range_lu: As a meter says (ITU-R BS.1770-4, EBU Tech 3342).
        clicks: Times in seconds at which the sound jumps, anywhere.
        silences: Begin and end in seconds of each silence inside; its own beginning and fading end do not count.
        joins: Its stage boundaries.
    """

    seconds: float
    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float
    clicks: tuple[float, ...]
    silences: tuple[tuple[float, float], ...]
    joins: tuple[StageJoin, ...]

    @property
    def silence_s(self) -> float:
        """The longest silence inside, in seconds."""
        return max((end - start for start, end in self.silences), default=0.0)
