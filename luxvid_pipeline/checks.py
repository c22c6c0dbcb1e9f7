"""What must hold of an asset before anybody relies on it.

Belongs here: the checks' names, what they claim, and the figures they show.
Does not belong here: taking the measures (``media/``), deciding what to do about a failure.
"""

from fractions import Fraction

import dagster as dg

from luxvid_pipeline.media.film import FilmFacts
from luxvid_pipeline.media.loudness import SILENCE_LUFS

LOUDNESS_LUFS, LOUDNESS_TOLERANCE_LU = -14.0, 1.0
TRUE_PEAK_DBTP = -1.0

FILM = dg.AssetKey("property_video")

FILM_CHECKS = (
    dg.AssetCheckSpec(
        "film_is_as_long_as_its_scenes",
        asset=FILM,
        description="Picture and sound are as long as the planned scenes together, to a frame.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "film_is_as_loud_as_agreed",
        asset=FILM,
        description="Integrated loudness is −14 LUFS ±1 and the true peak at most −1 dBTP, measured after encoding.",
        blocking=True,
    ),
)


def film_is_as_long_as_its_scenes(facts: FilmFacts, planned_s: float) -> dg.AssetCheckResult:
    """Compare the film's length with its plan."""
    frame_s = float(1 / Fraction(facts.fps))
    off_picture_s, off_sound_s = abs(facts.duration_s - planned_s), abs(facts.audio_duration_s - planned_s)
    return dg.AssetCheckResult(
        check_name="film_is_as_long_as_its_scenes",
        passed=off_picture_s < frame_s / 2 and off_sound_s < frame_s,
        metadata={
            "planned_s": planned_s,
            "picture_s": float(facts.duration_s),
            "sound_s": float(facts.audio_duration_s),
        },
    )


def film_is_as_loud_as_agreed(facts: FilmFacts, *, silent: bool = False) -> dg.AssetCheckResult:
    """Compare the film's loudness with the target; a film that is meant to be silent has to be silent."""
    if silent:
        return dg.AssetCheckResult(
            check_name="film_is_as_loud_as_agreed",
            passed=facts.integrated_lufs <= SILENCE_LUFS,
            metadata={"integrated_lufs": facts.integrated_lufs, "silent": True},
        )
    return dg.AssetCheckResult(
        check_name="film_is_as_loud_as_agreed",
        passed=abs(facts.integrated_lufs - LOUDNESS_LUFS) <= LOUDNESS_TOLERANCE_LU
        and facts.true_peak_dbtp <= TRUE_PEAK_DBTP,
        metadata={"integrated_lufs": facts.integrated_lufs, "true_peak_dbtp": facts.true_peak_dbtp},
    )
