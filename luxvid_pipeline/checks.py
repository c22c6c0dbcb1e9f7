"""What must hold of an asset before anybody relies on it.

Belongs here: the checks' names, what they claim, whether they block, and the figures they show.
Does not belong here: taking the measures (``media/``), thresholds of clips and files (``domain/``), deciding what to do
about a failure.

A check blocks where a film must not go out; the others warn. Every figure is a number of its own, so that Dagster's UI
plots it over time. The verdict on each clip is reached where it is shot (``assets/clip_gate.py``): what must not go out
is not kept at all, so the check that tells the verdict has nothing left to block.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import dagster as dg

from luxvid_pipeline.domain.delivery_table import (
    LOUDNESS_LUFS,
    LOUDNESS_TOLERANCE_LU,
    TRUE_PEAK_DBTP,
    FileFigures,
    against_table,
)
from luxvid_pipeline.domain.gates import judge_sound
from luxvid_pipeline.domain.measured import SoundMeasures
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto, PhotoRecord, Verdict
from luxvid_pipeline.domain.proof import gaps
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.media.film import FilmFacts
from luxvid_pipeline.media.loudness import SILENCE_LUFS
from luxvid_pipeline.media.perceptual_hash import differing_bits
from luxvid_pipeline.partitions import listing_scene_partitions

PHOTOS, CATALOGUE, PAIRS = (dg.AssetKey(name) for name in ("listing_photos", "photo_catalogue", "scene_pairs"))
CLIPS, SCORE, FILM = (dg.AssetKey(name) for name in ("scene_clips", "soundtrack", "property_video"))
PACKAGE = dg.AssetKey("delivery_package")

LEAST_PHOTOS = 14
"""Two for each of the seven scenes."""

_ALIKE_BITS = 10
"""Hashes that differ by no more show the same view; near-duplicates are refused long before (``media/photos.py``)."""

_MOST_ALIKE_PART = 0.5
_LEAST_KNOWN_PART = 0.7
_LEAST_CONFIDENCE = 0.3

PHOTO_CHECKS = (
    dg.AssetCheckSpec(
        "photos_are_enough",
        asset=PHOTOS,
        description=f"At least {LEAST_PHOTOS} photos can be used, two for each scene.",
    ),
    dg.AssetCheckSpec(
        "photos_are_varied",
        asset=PHOTOS,
        description="At least half of the photos show a view that no other shows.",
    ),
)
CATALOGUE_CHECKS = (
    dg.AssetCheckSpec(
        "catalogue_is_complete",
        asset=CATALOGUE,
        description="Every kept photo has exactly one entry.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "catalogue_knows_the_rooms",
        asset=CATALOGUE,
        description="Seven of ten photos have a room that somebody or something could name.",
    ),
)
PAIR_CHECKS = (
    dg.AssetCheckSpec(
        "pairs_are_valid",
        asset=PAIRS,
        description="Each scene has one row; its photos are in the catalogue, and no photo serves two scenes.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "all_scenes_are_shot",
        asset=PAIRS,
        description="No scene is left out, and each choice of photos is sure enough.",
    ),
)
CLIP_CHECK = "clip_is_true_to_its_photos"
with warnings.catch_warnings():
    # A check with partitions of its own is a preview in Dagster 1.13; the version is bounded (setup.cfg).
    warnings.simplefilter("ignore", dg.PreviewWarning)
    CLIP_CHECKS = (
        dg.AssetCheckSpec(
            CLIP_CHECK,
            asset=CLIPS,
            description="The clip begins and ends on its photos, moves as its scene asks, and has no fault of a film.",
            partitions_def=listing_scene_partitions,
        ),
    )
SCORE_CHECKS = (
    dg.AssetCheckSpec(
        "score_has_no_seam",
        asset=SCORE,
        description="No click, no silence, and each stage goes on from the one before as the music does elsewhere.",
    ),
)
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
    dg.AssetCheckSpec(
        "film_is_what_platforms_take",
        asset=FILM,
        description="Every figure of the file is within the delivery table (`luxvid inspect` prints it).",
        blocking=True,
    ),
)

PACKAGE_CHECKS = (
    dg.AssetCheckSpec(
        "package_is_what_platforms_take",
        asset=PACKAGE,
        description="Every finished film and teaser is within the delivery table and as long as planned.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "unbranded_files_name_nobody",
        asset=PACKAGE,
        description="No unbranded file says who sells: not in its name, its bytes or its picture.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "manifest_covers_every_second",
        asset=PACKAGE,
        description="The manifest names scene, maker and photographs of every second of every file.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "altered_views_are_marked",
        asset=PACKAGE,
        description="Every file that shows what a model drew says so inside, and the originals have their page.",
        blocking=True,
    ),
    dg.AssetCheckSpec(
        "originals_can_be_reached",
        asset=PACKAGE,
        description="Where views were altered, their originals have a public address (AB 723).",
    ),
)


def photos_are_enough(records: Sequence[PhotoRecord]) -> dg.AssetCheckResult:
    """Count the photos that can be used."""
    kept = sum(record.verdict is Verdict.KEPT for record in records)
    return dg.AssetCheckResult(
        check_name="photos_are_enough",
        passed=kept >= LEAST_PHOTOS,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{kept} of {len(records)} photos can be used.",
        metadata={"kept": kept, "refused": len(records) - kept},
    )


def photos_are_varied(records: Sequence[PhotoRecord]) -> dg.AssetCheckResult:
    """Count the photos that show a view of their own."""
    hashes = [record.perceptual_hash for record in records if record.verdict is Verdict.KEPT and record.perceptual_hash]
    alike = sum(
        any(differing_bits(one, other) <= _ALIKE_BITS for place, other in enumerate(hashes) if place != index)
        for index, one in enumerate(hashes)
    )
    part = alike / len(hashes) if hashes else 0.0
    return dg.AssetCheckResult(
        check_name="photos_are_varied",
        passed=part <= _MOST_ALIKE_PART,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(hashes) - alike} of {len(hashes)} photos show a view of their own.",
        metadata={"photos": len(hashes), "like_another": alike, "like_another_part": part},
    )


def catalogue_is_complete(kept: Sequence[str], catalogue: Sequence[CataloguedPhoto]) -> dg.AssetCheckResult:
    """Compare the catalogue with the photos that were kept.

    Args:
        kept: ``photo_id`` of each photo that can be used.
        catalogue: Its entries.
    """
    entries = Counter(entry.photo_id for entry in catalogue)
    missing = [photo for photo in kept if photo not in entries]
    unknown = [photo for photo in entries if photo not in set(kept)]
    twice = [photo for photo, count in entries.items() if count > 1]
    return dg.AssetCheckResult(
        check_name="catalogue_is_complete",
        passed=not (missing or unknown or twice),
        description=f"{len(missing)} photos without an entry, {len(unknown)} entries without a photo, "
        f"{len(twice)} photos with several.",
        metadata={
            "photos": len(kept),
            "missing": len(missing),
            "without_a_photo": len(unknown),
            "entered_twice": len(twice),
        },
    )


def catalogue_knows_the_rooms(catalogue: Sequence[CataloguedPhoto]) -> dg.AssetCheckResult:
    """Count the photos whose room is known, and how sure that is."""
    known = [entry for entry in catalogue if entry.room is not Room.UNKNOWN]
    part = len(known) / len(catalogue) if catalogue else 0.0
    sure = sum(entry.room_confidence for entry in known) / len(known) if known else 0.0
    return dg.AssetCheckResult(
        check_name="catalogue_knows_the_rooms",
        passed=part >= _LEAST_KNOWN_PART,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"The room of {len(known)} of {len(catalogue)} photos is known"
        + (
            "; name the others in listing.yaml, or their files after their rooms."
            if len(known) < len(catalogue)
            else "."
        ),
        metadata={"rooms_known": len(known), "rooms_known_part": part, "mean_confidence": sure},
    )


def pairs_are_valid(pairs: Sequence[ScenePair], catalogue: Sequence[str]) -> dg.AssetCheckResult:
    """Look whether the choice of photos is one that can be shot.

    Args:
        pairs: One row for each scene.
        catalogue: ``photo_id`` of every photo that may be chosen.
    """
    known = set(catalogue)
    uses = Counter(photo for pair in pairs for photo in set(pair.photos))
    wrong = {
        "scenes_without_one_row": sum(Counter(pair.scene for pair in pairs)[key] != 1 for key in SCENE_KEYS),
        "photos_not_in_the_catalogue": sum(photo not in known for photo in uses),
        "photos_in_two_scenes": sum(count > 1 for count in uses.values()),
        "pairs_of_the_same_photo": sum(len(set(pair.photos)) != len(pair.photos) for pair in pairs),
        "confidences_out_of_range": sum(not 0 <= pair.confidence <= 1 for pair in pairs),
    }
    told = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in wrong.items() if count)
    return dg.AssetCheckResult(
        check_name="pairs_are_valid",
        passed=not told,
        description=told or "Each scene has its own photos.",
        metadata=wrong,
    )


def all_scenes_are_shot(pairs: Sequence[ScenePair]) -> dg.AssetCheckResult:
    """Count the scenes the film does without, and how sure the choice of the others is."""
    shot = [pair for pair in pairs if not pair.left_out]
    lowest = min((pair.confidence for pair in shot), default=0.0)
    out = [pair.scene for pair in pairs if pair.left_out]
    return dg.AssetCheckResult(
        check_name="all_scenes_are_shot",
        passed=not out and lowest >= _LEAST_CONFIDENCE,
        severity=dg.AssetCheckSeverity.WARN,
        description=(f"Without {', '.join(out)}. " if out else "") + f"Least sure of a choice: {lowest:.2f}.",
        metadata={
            "scenes_shot": len(shot),
            "left_out": len(out),
            "lowest_confidence": lowest,
            "with_two_photos": sum(pair.last_photo is not None for pair in shot),
        },
    )


def score_has_no_seam(measures: SoundMeasures, *, silent: bool = False) -> dg.AssetCheckResult:
    """Look whether a score's stages go on into each other; a score that is meant to be silent has nothing to say."""
    verdict = judge_sound(measures)
    return dg.AssetCheckResult(
        check_name="score_has_no_seam",
        passed=silent or not verdict.faults,
        severity=dg.AssetCheckSeverity.WARN,
        description="It is meant to be silent." if silent else verdict.told or "Every stage goes on from the last.",
        metadata={
            "clicks": len(measures.clicks),
            "silence_s": measures.silence_s,
            "lowest_carried_db": min((join.carried_db for join in measures.joins), default=0.0),
            "highest_carried_db": max((join.carried_db for join in measures.joins), default=0.0),
            "greatest_timbre_jump": max((join.timbre_jump for join in measures.joins), default=0.0),
            "loudness_lufs": measures.integrated_lufs,
            "true_peak_dbtp": measures.true_peak_dbtp,
        },
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


def film_is_what_platforms_take(figures: FileFigures) -> dg.AssetCheckResult:
    """Compare every figure of the film's file with the delivery table."""
    rows = against_table(figures)
    wrong = [f"{row.name} is {row.value}, wanted {row.wanted}" for row in rows if not row.is_right]
    picture, sound = figures.picture, figures.sound
    return dg.AssetCheckResult(
        check_name="film_is_what_platforms_take",
        passed=not wrong,
        description="; ".join(wrong) or "Every figure is within the table.",
        metadata={
            "figures_wrong": len(wrong),
            "megabytes": figures.bytes / 1e6,
            "video_mbit_s": picture.bitrate_bps / 1e6 if picture else 0.0,
            "audio_kbit_s": sound.bitrate_bps / 1000 if sound else 0.0,
            "longest_gop_frames": picture.longest_gop_frames if picture else 0,
            "b_frames": picture.b_frames if picture else 0,
        },
    )


def package_is_what_platforms_take(wrong: Mapping[str, str], films: int) -> dg.AssetCheckResult:
    """Tell which films are not within the delivery table.

    Args:
        wrong: File name to what is wrong with it.
        films: How many films there are.
    """
    return dg.AssetCheckResult(
        check_name="package_is_what_platforms_take",
        passed=not wrong,
        description="; ".join(f"{name}: {what}" for name, what in wrong.items()) or "Every film is within the table.",
        metadata={"films": films, "films_wrong": len(wrong)},
    )


def unbranded_files_name_nobody(findings: Sequence[str], files: int) -> dg.AssetCheckResult:
    """Tell what in unbranded files says who sells the property.

    Args:
        findings: One sentence each.
        files: How many files were looked through.
    """
    return dg.AssetCheckResult(
        check_name="unbranded_files_name_nobody",
        passed=not findings,
        description="; ".join(findings) or "Nothing in them says who sells the property.",
        metadata={"files": files, "findings": len(findings)},
    )


def manifest_covers_every_second(document: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Look for seconds of the package that its manifest does not explain."""
    missing = gaps(document)
    seconds = sum(len(file["seconds"]) for file in document["files"])
    return dg.AssetCheckResult(
        check_name="manifest_covers_every_second",
        passed=not missing,
        description="; ".join(missing) or f"All {seconds} seconds of {len(document['files'])} files are explained.",
        metadata={"seconds": seconds, "gaps": len(missing), "cost_usd": float(document["cost_usd"])},
    )


def altered_views_are_marked(missing: Sequence[str], altered: int) -> dg.AssetCheckResult:
    """Tell what of a generated package does not say that it is.

    Args:
        missing: One sentence each.
        altered: How many of its scenes are altered.
    """
    told = f"{altered} altered scenes, each marked." if altered else "No pixel was generated."
    return dg.AssetCheckResult(
        check_name="altered_views_are_marked",
        passed=not missing,
        description="; ".join(missing) or told,
        metadata={"altered_scenes": altered, "missing": len(missing)},
    )


def originals_can_be_reached(warnings: Sequence[str]) -> dg.AssetCheckResult:
    """Tell what a person has to see to before the package is published."""
    return dg.AssetCheckResult(
        check_name="originals_can_be_reached",
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(warnings) or "Nothing was altered, or its originals have their address.",
        metadata={"warnings": len(warnings)},
    )
