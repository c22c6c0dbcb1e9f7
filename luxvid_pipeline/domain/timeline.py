"""When each scene is on screen.

Belongs here: the arithmetic of clips, cuts and fades.
Does not belong here: joining files (``media/film.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from luxvid_pipeline.domain.errors import TimelineError
from luxvid_pipeline.domain.listing import Transition

DISSOLVE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A film's clips on one line.

    Attributes:
        starts_s: When each clip begins, in seconds from the film's start.
        durations_s: How long each clip is.
        overlap_s: How long two neighbours are on screen together; 0 for cuts and for fades through black.
    """

    starts_s: tuple[float, ...]
    durations_s: tuple[float, ...]
    overlap_s: float

    @property
    def duration_s(self) -> float:
        """Length of the film."""
        return self.starts_s[-1] + self.durations_s[-1]

    @property
    def stage_seconds(self) -> tuple[float, ...]:
        """Length of the score's stage for each clip: until the next one begins, the last until the end."""
        ends = (*self.starts_s[1:], self.duration_s)
        return tuple(end - start for start, end in zip(self.starts_s, ends, strict=True))


def lay_out(durations_s: Sequence[float], transition: Transition = Transition.CUT) -> Timeline:
    """Return the timeline of clips played in order.

    Args:
        durations_s: Clip lengths in seconds; one or more.
        transition: ``dissolve`` overlaps neighbours by ``DISSOLVE_S``; ``cut`` and ``fade`` do not.

    Raises:
        TimelineError: There is no clip, or one is not longer than the overlaps it takes part in.
    """
    if not durations_s:
        raise TimelineError("a film needs at least one clip")
    overlap_s = DISSOLVE_S if transition is Transition.DISSOLVE and len(durations_s) > 1 else 0.0
    short = [duration for duration in durations_s if duration <= 2 * overlap_s]
    if short:
        raise TimelineError(f"a clip of {short[0]:g} s is too short for dissolves of {overlap_s:g} s at both ends")
    starts: list[float] = []
    at_s = 0.0
    for duration in durations_s:
        starts.append(at_s)
        at_s += duration - overlap_s
    return Timeline(starts_s=tuple(starts), durations_s=tuple(durations_s), overlap_s=overlap_s)
