"""The jobs: everything of a listing; its direction, its clips, its score, its film; reports on what was paid for.

Belongs here: which assets run together.
Does not belong here: when (sensors and schedules), for which listing (partition keys).
"""

import dagster as dg

from luxvid_pipeline.automation.approval_job import approve_listing_job
from luxvid_pipeline.automation.whole_film import make_film_job

direct_listing_job = dg.define_asset_job(
    "direct_listing_job",
    selection=dg.AssetSelection.assets("listing_photos", "photo_catalogue", "storyboard", "scene_pairs"),
    description="Read a listing's photos, catalogue them, write the storyboard and choose the pairs.",
)

revise_listing_job = dg.define_asset_job(
    "revise_listing_job",
    selection=dg.AssetSelection.assets("storyboard", "scene_pairs"),
    description="Make the next version of a listing's storyboard and pairs from the notes of a person.",
)

animatic_job = dg.define_asset_job(
    "animatic_job",
    selection=dg.AssetSelection.assets("animatic"),
    description="Make a listing's animatic and its estimate, to be approved before money is spent.",
)

shoot_scenes_job = dg.define_asset_job(
    "shoot_scenes_job",
    selection=dg.AssetSelection.assets("scene_clips"),
    description="Shoot scenes of a listing; one run takes all seven at the same time.",
)

score_listing_job = dg.define_asset_job(
    "score_listing_job",
    selection=dg.AssetSelection.assets("soundtrack"),
    description="Play a listing's score, stage by stage.",
)

assemble_film_job = dg.define_asset_job(
    "assemble_film_job",
    selection=dg.AssetSelection.assets("property_video"),
    description="Join a listing's clips and its score into the film.",
)

deliver_listing_job = dg.define_asset_job(
    "deliver_listing_job",
    selection=dg.AssetSelection.assets("delivery_package"),
    description="Make what goes out of a listing's film: shapes, lengths, sizes, branded and not.",
)

report_spend_job = dg.define_asset_job(
    "report_spend_job",
    selection=dg.AssetSelection.assets("spend_report"),
    description="Report what a day's paid requests cost, from the ledger.",
)

# Apart from the days: a backfill of thirty days would score all models thirty times.
score_models_job = dg.define_asset_job(
    "score_models_job",
    selection=dg.AssetSelection.assets("model_scorecard"),
    description="Compare the paid models: deliveries, refusals, seconds, dollars, fidelity.",
)

STAGE_JOBS = {
    "direction": direct_listing_job,
    "animatic": animatic_job,
    "scenes": shoot_scenes_job,
    "score": score_listing_job,
    "film": assemble_film_job,
    "delivery": deliver_listing_job,
}
"""The job of each stage of ``domain/progress.py``; a stage without one is not taken by the progress sensor."""

JOBS = (
    make_film_job,
    direct_listing_job,
    revise_listing_job,
    animatic_job,
    approve_listing_job,
    shoot_scenes_job,
    score_listing_job,
    assemble_film_job,
    deliver_listing_job,
    report_spend_job,
    score_models_job,
)
