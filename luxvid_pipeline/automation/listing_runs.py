"""Which runs of Dagster's instance belong to a listing.

Belongs here: finding them by every tag that may name the listing.
Does not belong here: ending them (``listing_operations.py``), requesting them (sensors).
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from luxvid_pipeline.domain.keys import scene_partition_key
from luxvid_pipeline.domain.progress import LISTING_TAG
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.partitions import LISTING, split_key

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_PARTITION = "dagster/partition"
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def runs_of(
    instance: dg.DagsterInstance, listing: str, statuses: Sequence[dg.DagsterRunStatus] = ()
) -> list[dg.RunRecord]:
    """Return every run that names a listing, alone or with others, oldest first.

    Args:
        instance: Where to look.
        listing: Listing key.
        statuses: Only runs in these states; all if empty.
    """
    keys = [listing, *(scene_partition_key(listing, scene) for scene in SCENE_KEYS)]
    found: dict[str, dg.RunRecord] = {}
    for tag in (LISTING_TAG, _PARTITION, f"{_PARTITION}/{LISTING}", _RANGE_START, _RANGE_END):
        wanted = dg.RunsFilter(tags={tag: keys}, statuses=list(statuses) or None)
        found |= {record.dagster_run.run_id: record for record in instance.get_run_records(wanted)}
    return sorted(found.values(), key=lambda record: record.storage_id)


def listings_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[str]:
    """Return the listings a run works for; of a run over a range, those it made something of, and its ends."""
    named = {run.tags[tag] for tag in (LISTING_TAG, _PARTITION, f"{_PARTITION}/{LISTING}") if tag in run.tags}
    ends = {run.tags[tag] for tag in (_RANGE_START, _RANGE_END) if tag in run.tags}
    listings = {split_key(key)[0] if "|" in key else key for key in named | ends}
    if len({split_key(key)[0] if "|" in key else key for key in ends}) > 1:
        made = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        keys = {entry.dagster_event.partition for entry in made if entry.dagster_event is not None}
        listings |= {split_key(key)[0] if "|" in key else key for key in keys if key}
    return listings


def last_change(records: Sequence[dg.RunRecord]) -> datetime | None:
    """Return when the latest of these runs changed, UTC; None without a run."""
    return max((record.update_timestamp for record in records), default=None)
