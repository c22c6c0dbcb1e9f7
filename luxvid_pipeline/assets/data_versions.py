"""What Dagster's "unsynced" marks go by, for materialisations that an asset logs itself.

Belongs here: the tags that Dagster writes on an output of its own and not on a logged materialisation.
Does not belong here: what has to be made again (``domain/progress.py``); the sensor goes by what files were made from.

Without these tags Dagster compares times, and after each new direction of a listing all its clips would count as
unsynced for ever, however little the direction changed. Tag names: ``dagster._core.definitions.data_version``, read in
1.13.27.
"""

from collections.abc import Sequence

import dagster as dg

_VERSION = "dagster/data_version"
_CODE = "dagster/code_version"
_INPUT_VERSION = "dagster/input_data_version/"
_INPUT_EVENT = "dagster/input_event_pointer/"
_GIVEN = "dagster/data_version_is_user_provided"
_UNKNOWN, _NO_EVENT = "INITIAL", "NULL"


def input_tags(
    instance: dg.DagsterInstance, listing: str, inputs: Sequence[str], *, code_version: str
) -> dict[str, str]:
    """Return the tags that say which code makes an asset now, and from which materialisations.

    Args:
        instance: Dagster's.
        listing: Partition of the inputs.
        inputs: Names of the assets it is made from.
        code_version: Of the asset that is made.
    """
    tags = {_CODE: code_version}
    for name in inputs:
        record = _latest(instance, name, listing)
        event = record.asset_materialization if record else None
        tags[_INPUT_VERSION + name] = (event.tags or {}).get(_VERSION, _UNKNOWN) if event else _UNKNOWN
        tags[_INPUT_EVENT + name] = str(record.storage_id) if record else _NO_EVENT
    return tags


def own_tags(sha256: str) -> dict[str, str]:
    """Return the tags that tell what is made now from what was made before: a file made again alike is no news."""
    return {_VERSION: sha256, _GIVEN: "true"}


def tags_as_before(instance: dg.DagsterInstance, asset: str, listing: str) -> dict[str, str]:
    """Return the tags of the materialisation before, for one that takes its place."""
    record = _latest(instance, asset, listing)
    event = record.asset_materialization if record else None
    known = (_INPUT_VERSION, _INPUT_EVENT, _VERSION, _CODE)
    return {name: value for name, value in ((event.tags or {}) if event else {}).items() if name.startswith(known)}


def _latest(instance: dg.DagsterInstance, asset: str, partition: str) -> dg.EventLogRecord | None:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0] if records else None
