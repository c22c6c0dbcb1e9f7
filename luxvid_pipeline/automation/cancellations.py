"""Listings that a person has ended: nothing is requested for them before a person says so.

Belongs here: keeping that a listing was ended, and whether that still holds.
Does not belong here: ending its runs (``listing_operations.py``), what is requested otherwise (``domain/progress.py``).

It is kept beside the cursors of Dagster's daemon and not on a run: between two stages, or before the next try of one
that failed, a listing has no run that could be ended.
"""

import time
from contextlib import suppress

import dagster as dg

_KEY = "luxvid/cancelled/"


def cancelled_at(instance: dg.DagsterInstance, listing: str) -> float:
    """Return when a person ended a listing's work, Unix time; 0 where nobody did or it was taken up again since."""
    key = f"{_KEY}{listing}"
    with suppress(ValueError):
        return float(instance.daemon_cursor_storage.get_cursor_values({key}).get(key) or 0)
    return 0.0


def keep_cancelled(instance: dg.DagsterInstance, listing: str) -> None:
    """Keep that a person ends a listing's work now."""
    instance.daemon_cursor_storage.set_cursor_values({f"{_KEY}{listing}": repr(time.time())})


def take_up_again(instance: dg.DagsterInstance, listing: str) -> None:
    """Forget that a person has ended a listing's work."""
    if cancelled_at(instance, listing):
        instance.daemon_cursor_storage.set_cursor_values({f"{_KEY}{listing}": ""})
