"""The format every clip and film of LuxVid has.

Belongs here: size, frame rate, the numbers a delivery platform reads.
Does not belong here: ffmpeg arguments (``media/encode.py``), reframing for other shapes.
"""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """Size and rate of a picture track.

    Attributes:
        width_px, height_px: Even numbers.
        fps: Constant frame rate.
    """

    width_px: int = 1920
    height_px: int = 1080
    fps: Fraction = Fraction(30)

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.width_px / self.height_px

    def frames(self, seconds: float) -> int:
        """The whole number of frames nearest to ``seconds``, at least one."""
        return max(1, round(Fraction(seconds).limit_denominator(100_000) * self.fps))


FULL_HD = FilmFormat()
