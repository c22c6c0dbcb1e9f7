"""LuxVid's definitions: the page to read first.

Belongs here: putting assets, jobs, sensors, schedules and resources together.
Does not belong here: anything else; nothing here needs a secret, a network or a file.

::

    listing_photos ─► photo_catalogue ─► storyboard ─► scene_pairs ─┬─► scene_clips (× 7) ─┬─► property_video
                                                                    └─► soundtrack ────────┘
    what was paid for ─► ledger ─► spend_report (a day), model_scorecard
"""

from collections.abc import Sequence

import dagster as dg

from luxvid_pipeline.assets.accounts import model_scorecard, spend_report
from luxvid_pipeline.assets.animatic import animatic
from luxvid_pipeline.assets.clips import scene_clips
from luxvid_pipeline.assets.delivery import delivery_package
from luxvid_pipeline.assets.direction import scene_pairs, storyboard
from luxvid_pipeline.assets.film import property_video
from luxvid_pipeline.assets.photos import listing_photos, photo_catalogue
from luxvid_pipeline.assets.score import soundtrack
from luxvid_pipeline.automation.jobs import JOBS
from luxvid_pipeline.automation.schedules import HOUSEKEEPING_JOBS, SCHEDULES
from luxvid_pipeline.automation.sensors import SENSORS
from luxvid_pipeline.resources.catalogue import ReadSettings, build_resources
from luxvid_pipeline.resources.progress import ProgressBoard
from luxvid_pipeline.resources.settings import Settings

ASSETS = (
    listing_photos,
    photo_catalogue,
    storyboard,
    scene_pairs,
    animatic,
    scene_clips,
    soundtrack,
    property_video,
    delivery_package,
    spend_report,
    model_scorecard,
)


def build_defs(
    read_settings: ReadSettings = Settings.from_environment,
    board: ProgressBoard | None = None,
    overrides: dict[str, object] | None = None,
    sensors: Sequence[dg.SensorDefinition] = SENSORS,
    schedules: Sequence[dg.ScheduleDefinition] = SCHEDULES,
) -> dg.Definitions:
    """Return fresh definitions.

    Args:
        read_settings: Called when a run starts; tests pass their own.
        board: Who is told of progress; nobody by default.
        overrides: Resources by name that replace the usual ones.
        sensors: What requests runs when something happens; tests pass theirs, with other times.
        schedules: What requests runs by the clock.
    """
    return dg.Definitions(
        assets=list(ASSETS),
        jobs=[*JOBS, *HOUSEKEEPING_JOBS],
        sensors=list(sensors),
        schedules=list(schedules),
        # A run is a process already; another one a step costs seconds (docs/orchestration.md).
        executor=dg.in_process_executor,
        resources={**build_resources(read_settings, board), **(overrides or {})},
    )


defs = build_defs()
