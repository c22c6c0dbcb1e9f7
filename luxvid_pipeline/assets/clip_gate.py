"""What is measured of each clip of ``scene_clips``: kept on its record, told as a check of its scene.

Belongs here: asking for the measures and the verdict where the engine has not done so, their events and metadata.
Does not belong here: measuring (``media/measures/``), thresholds (``domain/gates.py``), other takes (``takes.py``).

Dagster evaluates a check once a run, for one partition; a run of ``scene_clips`` shoots many (decisions 0002, 0016). So
each scene's verdict is logged, as its materialisation is, the moment its clip is kept.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from luxvid_pipeline import checks
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.gates import EngineKind, Fault, engine_kind, judge_clip
from luxvid_pipeline.domain.measured import really_measured
from luxvid_pipeline.domain.ports import ClipRequest, Engine
from luxvid_pipeline.media.measures.clip import glance_at_clip

_FIGURES = (
    "first_ssim",
    "last_ssim",
    "drift_ssim",
    "zoom",
    "travel_x",
    "travel_y",
    "moved_px",
    "fastest_px_s",
    "frozen_s",
    "black_s",
    "flicker",
    "judder_px",
    "bent_px",
    "softened_px",
)


def gate_facts(clip: Path, request: ClipRequest, engine: Engine) -> dict[str, Any]:
    """Return what is known of a clip's quality, as JSON for its record.

    A hosted engine's takes were measured when they were shot. A clip without takes, the local camera's, gets a glance
    at its key frames, which finds what could be wrong with it; measuring every frame would make a film a third slower.

    Raises:
        MediaError: The local camera's clip is black, frozen, or not in the film's format: it must not go out.
    """
    taken = next((take for take in engine.takes if take.chosen), None)
    if taken is not None:
        verdict = {"passed": taken.passed, "told": taken.told, "faults": list(taken.faults), "score": taken.score}
        return {"gate": {**verdict, "measures": dict(taken.measures)}}
    kind = engine_kind(engine.name)
    doing = f"measuring {request.shot.scene} of {request.listing}"
    last = request.last.path if request.last is not None else None
    measures = glance_at_clip(clip, first_photo=request.first.path, last_photo=last, doing=doing)
    found = judge_clip(
        measures,
        request.shot.scene,
        kind,
        overlap=request.overlap,
        planned_s=request.shot.seconds,
        film=request.format,
    )
    if not found.passed and kind is EngineKind.LOCAL:
        raise MediaError(f"{doing}: {'; '.join(found.reasons)}; look at its photos, then run scene_clips again")
    faults = [fault.value for fault in found.faults]
    verdict = {"passed": found.passed, "told": found.told, "faults": faults, "score": found.score}
    return {"gate": {**verdict, "measures": measures.as_facts()}}


def gate_metadata(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a clip's figures as numbers that Dagster's UI plots over time; nothing for a clip of before they were."""
    gate: Mapping[str, Any] = facts.get("gate") or {}
    if not gate:
        return {}
    measures = really_measured(gate.get("measures") or {})
    figures = {name: float(measures[name]) for name in _FIGURES if isinstance(measures.get(name), int | float)}
    return {"gate_score": float(gate["score"]), **figures}


def gate_event(
    partition: str, facts: Mapping[str, Any], instance: dg.DagsterInstance | None = None
) -> dg.AssetCheckEvaluation | None:
    """Return what a check of this scene says; None for a clip that was never measured.

    Args:
        partition: Listing and scene.
        facts: From the clip's record.
        instance: Where the clip's materialisation is already kept: a verdict that does not name it counts for no
            partition in Dagster's UI.
    """
    gate: Mapping[str, Any] = facts.get("gate") or {}
    if not gate:
        return None
    well = bool(gate["passed"]) and not gate["faults"]
    return dg.AssetCheckEvaluation(
        asset_key=checks.CLIPS,
        check_name=checks.CLIP_CHECK,
        passed=well,
        partition=partition,
        target_materialization_data=_made(instance, partition) if instance is not None else None,
        blocking=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=str(gate["told"]) or "It begins and ends on its photos, and moves as its scene asks.",
        metadata={
            "faults": dg.MetadataValue.json([Fault(fault).value for fault in gate["faults"]]),
            **{name: dg.MetadataValue.float(value) for name, value in gate_metadata(facts).items()},
        },
    )


def left_out_event(partition: str, reason: str) -> dg.AssetCheckEvaluation:
    """Return what the check says of a scene that the film does without: nothing is wrong, and why there is no clip."""
    return dg.AssetCheckEvaluation(
        asset_key=checks.CLIPS,
        check_name=checks.CLIP_CHECK,
        passed=True,
        partition=partition,
        blocking=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"The film does without this scene: {reason}",
    )


def _made(instance: dg.DagsterInstance, partition: str) -> AssetCheckEvaluationTargetMaterializationData | None:
    wanted = dg.AssetRecordsFilter(asset_key=checks.CLIPS, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return next(
        (
            AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            )
            for record in records
        ),
        None,
    )
