"""What the assets are partitioned by.

Belongs here: listings, scenes and their product, days, and how a listing's scenes map to the listing.
Does not belong here: minting keys (``domain/keys.py``), deciding what runs.
"""

import dagster as dg

from luxvid_pipeline.domain.keys import scene_partition_key
from luxvid_pipeline.domain.scenes import SCENE_KEYS

LISTING = "listing"
SCENE = "scene"

listing_partitions = dg.DynamicPartitionsDefinition(name="listings")
scene_partitions = dg.StaticPartitionsDefinition(list(SCENE_KEYS))
listing_scene_partitions = dg.MultiPartitionsDefinition({LISTING: listing_partitions, SCENE: scene_partitions})

# Days as the ledger counts them, in UTC. Today can be reported on too; its report grows until the day is over.
day_partitions = dg.DailyPartitionsDefinition(start_date="2026-11-01", timezone="UTC", end_offset=1)

scenes_of_a_listing = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name=LISTING)
"""Seven scene partitions stand behind one listing; declared, because Dagster's inference has changed before."""


def all_scenes_tags(listing: str) -> dict[str, str]:
    """Return the tags that make one run cover all seven scenes of a listing."""
    return scenes_range_tags(listing, SCENE_KEYS[0], SCENE_KEYS[-1])


def scenes_range_tags(listing: str, first: str, last: str) -> dict[str, str]:
    """Return the tags that make one run cover a listing's scenes from the first to the last of two.

    Dimensions sort by name, so keys are ``listing|scene`` and a listing's scenes are one contiguous range.
    """
    return {
        "dagster/asset_partition_range_start": scene_partition_key(listing, first),
        "dagster/asset_partition_range_end": scene_partition_key(listing, last),
    }


def split_key(partition: str) -> tuple[str, str]:
    """Return listing and scene of a ``listing|scene`` key."""
    listing, scene = partition.split("|", 1)
    return listing, scene
