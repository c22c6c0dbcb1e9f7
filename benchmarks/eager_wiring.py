"""The same assets, wired with plain ``AutomationCondition.eager()``: what the sensors are measured beside.

Belongs here: the code location that a daemon of ``orchestration.py`` loads.
Does not belong here: measuring.

Dagster's own wiring as its tutorials show it: each asset is made when what it is made of has changed, and a sensor of
Dagster's looks for that with its default interval. Engines, store, queue and launcher are the ones of
``luxvid_pipeline_tests/instant.py``.
"""

import dagster as dg

from luxvid_pipeline.definitions import ASSETS
from luxvid_pipeline.resources.catalogue import build_resources
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.instant import instant_engines

TO_THE_FILM = {
    "listing_photos",
    "photo_catalogue",
    "storyboard",
    "scene_pairs",
    "scene_clips",
    "soundtrack",
    "property_video",
}


def _eager(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    return asset.map_asset_specs(
        lambda spec: spec.replace_attributes(automation_condition=dg.AutomationCondition.eager())
    )


defs = dg.Definitions(
    assets=[_eager(asset) for asset in ASSETS if asset.key.to_user_string() in TO_THE_FILM],
    sensors=[
        dg.AutomationConditionSensorDefinition(
            "eager_sensor", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING
        )
    ],
    executor=dg.in_process_executor,
    resources={
        **build_resources(Settings.from_environment, None),
        **instant_engines(Settings.from_environment().home),
    },
)
