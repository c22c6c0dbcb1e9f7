"""Listings that a person has ended: nothing is requested for them before a person says so.

Belongs here: keeping that a listing was ended, and whether that still holds.
Does not belong here: ending its runs (``listing_operations.py``), what is requested otherwise (``domain/progress.py``).

It is kept beside the cursors of Dagster's daemon and not on a run: between two stages, or before the next try of one
that failed, a listing has no run that could be ended. What came before and after is told by the ids of runs, which
rise; their times are those of another clock, in whole seconds.
"""

from collections.abc import Iterable
from contextlib import suppress

import dagster as dg

from luxvid_pipeline.domain.progress import ATTEMPT_TAG

_KEY = "luxvid/cancelled/"


def is_ended(instance: dg.DagsterInstance, listing: str, records: Iterable[dg.RunRecord]) -> bool:
    """Return whether a person has ended a listing's work, and nobody has asked for anything of it since.

    Args:
        instance: Where that is kept.
        listing: Listing key.
        records: Its runs that could take it up again; what the progress sensor asks for by itself never does.
    """
    until = _last_run_before(instance, listing)
    return until is not None and all(
        record.storage_id <= until for record in records if ATTEMPT_TAG not in record.dagster_run.tags
    )


def keep_cancelled(instance: dg.DagsterInstance, listing: str) -> None:
    """Keep that a person ends a listing's work now."""
    newest = next((record.storage_id for record in instance.get_run_records(limit=1)), 0)
    instance.daemon_cursor_storage.set_cursor_values({f"{_KEY}{listing}": str(newest)})


def take_up_again(instance: dg.DagsterInstance, listing: str) -> None:
    """Forget that a person has ended a listing's work."""
    if _last_run_before(instance, listing) is not None:
        instance.daemon_cursor_storage.set_cursor_values({f"{_KEY}{listing}": ""})


def _last_run_before(instance: dg.DagsterInstance, listing: str) -> int | None:
    """The id of the last run that was there when a person ended the listing; None where nobody did."""
    key = f"{_KEY}{listing}"
    with suppress(ValueError):
        return int(instance.daemon_cursor_storage.get_cursor_values({key}).get(key, ""))
    return None
