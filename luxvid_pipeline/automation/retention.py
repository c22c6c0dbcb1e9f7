"""Listings whose time is over: media to the archive or away, then their traces in Dagster.

Belongs here: which listings are to go, the order in which theirs goes, the job that does so.
Does not belong here: when the job runs (``schedules.py``), copying and hashing a file (``io_managers/store.py``).

The order is such that a crash at any point leaves something that the next run finds and finishes:

1. A note, ``retirements/<listing>.json`` in the media store. From now on the listing is to go, whoever looks.
2. Each recorded file is copied to ``LUXVID_ARCHIVE`` with its record, and its hash checked there. Without an archive
   this step is empty. Nothing was taken away so far.
3. The runs of the listing are deleted, and with them every event of its partitions: Dagster 1.13 can wipe the events
   of single partitions only in Dagster+. A run that also made something of a living listing stays until that one goes.
4. The dynamic partition is deleted. It goes after the events, since Dagster shows no partition it does not know, and
   before the files, so that nobody requests what is being taken away.
5. Files, workshops and cached copies are removed, and the remembered place of the photos.
6. The note goes last.

What stays: the ledger, which says what was paid for; the shelf of paid results, which belongs to all listings, so that
a listing that comes back is not paid for again; the folder in the inbox; and the runs of this job, which say what went.
A listing that comes back to life between the note and its end (a new run, a new event) is left alone, and the note is
taken back.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from luxvid_pipeline.automation.cancellations import take_up_again
from luxvid_pipeline.automation.listing_runs import UNFINISHED, last_change, listings_of, runs_of
from luxvid_pipeline.domain.errors import ListingKeyError, LuxVidError, StorageError
from luxvid_pipeline.domain.keys import check_listing_key
from luxvid_pipeline.domain.payments import UNDER_WAY, PaymentState
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline.resources.shelf import PLACE as SHELF

NOTES = "retirements"
# What lies first in the store and belongs to no listing: results of all, reports by day, our own notes.
_NOT_A_LISTINGS = frozenset({SHELF, NOTES, "spend_report", "model_scorecard", "doctor"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """What became of one listing.

    Attributes:
        listing: Listing key.
        files: Files that went, records not counted.
        archived: Files that are in the archive.
        runs: Runs that were deleted.
        runs_kept: Runs that stay because they also made something of living listings.
        skipped: Why it was left as it is; empty if it went.
    """

    listing: str
    files: int = 0
    archived: int = 0
    runs: int = 0
    runs_kept: int = 0
    skipped: str = ""

    def __str__(self) -> str:
        """Return it as one line."""
        if self.skipped:
            return f"{self.listing}: stays: {self.skipped}"
        kept = f", {self.runs_kept} shared with living listings stay" if self.runs_kept else ""
        return f"{self.listing}: retired: {self.files} files ({self.archived} archived), {self.runs} runs{kept}"


@dataclass(frozen=True, slots=True)
class _House:
    """Everything a listing leaves traces in."""

    instance: dg.DagsterInstance
    settings: Settings
    store: MediaStore
    services: PaidServices
    now: datetime


def retire_listings(
    instance: dg.DagsterInstance,
    settings: Settings,
    store: MediaStore,
    services: PaidServices,
    *,
    now: datetime | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> list[Retired]:
    """Finish what was begun, then retire every listing without a change for ``keep_days``.

    Args:
        instance: Where partitions and runs are.
        settings: ``keep_days``, ``archive``, ``home``.
        store: Where media are.
        services: Where the ledger is.
        now: The time, UTC.
        step: Is told each step before it is taken.

    Returns:
        What became of each listing that is due or was begun, and of each partition whose name is no listing's; none
        where ``keep_days`` is not set.

    Raises:
        StorageError: The store itself cannot be read.
    """
    house = _House(instance, settings, store, services, now or _now())
    begun = {key.split("/")[1].removesuffix(".json") for key in store.keys(NOTES)}
    if settings.keep_days is None and not begun:
        return []
    known = set(instance.get_dynamic_partitions(str(listing_partitions.name)))
    told: list[Retired] = []
    for listing in sorted(begun | known):
        try:
            check_listing_key(listing)
            if listing in begun or _is_due(house, listing):
                told.append(_retired(house, listing, step, begun=listing in begun))
        except ListingKeyError as error:  # Dagster's UI takes any name under "Add partition", "." and "..", too
            told.append(Retired(listing=listing, skipped=f"{error}; delete this partition in Dagster's UI"))
        except LuxVidError as error:
            told.append(Retired(listing=listing, skipped=str(error)))
        except Exception as error:  # one listing that nobody thought of must not hold up all the others
            told.append(Retired(listing=listing, skipped=f"{type(error).__name__}: {error}; report this"))
    return told


def _is_due(house: _House, listing: str) -> bool:
    changed = _changed_at(house, listing)
    keep = timedelta(days=house.settings.keep_days or 0)
    return house.settings.keep_days is not None and changed is not None and changed < house.now - keep


def _changed_at(house: _House, listing: str) -> datetime | None:
    """When anything last happened to it: a run, or photos newly registered; None where nothing ever did."""
    times = [last_change(runs_of(house.instance, listing))]
    with suppress(FileNotFoundError):
        stored_at = _registration(house.settings, listing).stat().st_mtime
        times.append(datetime.fromtimestamp(stored_at, UTC))
    return max((time for time in times if time is not None), default=None)


def _retired(house: _House, listing: str, step: Callable[[str], None], *, begun: bool) -> Retired:
    with _held(house.settings, listing) as is_held:
        reason = "it is being rendered" if not is_held else _why_not(house, listing)
        if not reason and begun and _came_back(house, listing):
            house.store.remove(_note(listing))
            reason = "it came back to life while it was being retired"
        if reason:
            return Retired(listing=listing, skipped=reason)
        step("note")
        if not begun:
            text = json.dumps({"listing": listing, "begun_at": house.now.isoformat()})
            house.store.put_bytes(text.encode(), _note(listing))
        step("archive")
        archived = _archive(house, listing)
        reason = _why_not(house, listing)  # Copying takes minutes, in which somebody may have asked for it.
        if reason:
            return Retired(listing=listing, archived=archived, skipped=reason)
        step("events")
        runs, runs_kept = _delete_runs(house.instance, listing)
        step("partition")
        house.instance.delete_dynamic_partition(str(listing_partitions.name), listing)
        take_up_again(house.instance, listing)
        step("files")
        files = sum(house.store.clear(place) for place in _places(house.store, listing))
        _registration(house.settings, listing).unlink(missing_ok=True)
        step("note away")
        house.store.remove(_note(listing))
    return Retired(listing=listing, files=files, archived=archived, runs=runs, runs_kept=runs_kept)


def _why_not(house: _House, listing: str) -> str:
    """Return why a listing cannot go now; empty if it can."""
    unfinished = runs_of(house.instance, listing, UNFINISHED)
    if unfinished:
        run = unfinished[0].dagster_run
        return f"{run.job_name} {run.run_id[:8]} is {run.status.value.lower()}"
    if house.services.ledger.is_new:
        return ""
    open_states = {*UNDER_WAY, PaymentState.UNKNOWN}
    rows = [row for row in house.services.ledger.rows(listing=listing) if row.payment.state in open_states]
    return f"{len(rows)} paid requests are open; see 'luxvid ledger list --listing {listing}'" if rows else ""


def _came_back(house: _House, listing: str) -> bool:
    """Whether anything happened to it since its note was written."""
    try:
        begun_at = datetime.fromisoformat(json.loads(house.store.read_bytes(_note(listing)))["begun_at"])
    except (LuxVidError, ValueError, KeyError):
        return False
    changed = _changed_at(house, listing)
    return changed is not None and changed > begun_at


def _archive(house: _House, listing: str) -> int:
    """Copy every recorded file to the archive and check it there; returns how many are there."""
    if not house.settings.archive:
        return 0
    archive = MediaStore(house.settings.archive, house.settings.cache, cache_limit_bytes=_cache_bytes(house.settings))
    _check_is_elsewhere(house, archive, listing)
    keys = [key for place in _places(house.store, listing) for key in house.store.keys(place)]
    for key in keys:
        stored = house.store.find(key)
        there = archive.find(key)
        if stored is None or (there == stored and archive.is_whole(key)):
            continue
        with archive.scratch() as scratch:
            # A copy: the store moves what it is given. What cannot be read here is never taken for archived.
            copy = scratch / "copy"
            copy.write_bytes(house.store.read_bytes(key))
            archive.put(copy, key, made_from=stored.made_from, facts=stored.facts)
        if archive.find(key) != stored or not archive.is_whole(key):
            raise StorageError(f"{house.settings.archive}/{key} is not what was sent there; nothing was removed")
    return len(keys)


def _check_is_elsewhere(house: _House, archive: MediaStore, listing: str) -> None:
    """Raise where the archive is the store itself under another name (a link, a mount): its copy would be deleted too.

    Raises:
        StorageError: It is.
    """
    probe = f"archive_probe/{listing}"
    archive.put_bytes(f"{house.now.isoformat()} {uuid.uuid4()}".encode(), probe)
    try:
        is_the_store = house.store.find(probe) == archive.find(probe)
    finally:
        archive.remove(probe)
    if is_the_store:
        raise StorageError(f"{house.settings.archive} is where the media are; set LUXVID_ARCHIVE to another place")


def _delete_runs(instance: dg.DagsterInstance, listing: str) -> tuple[int, int]:
    """Delete the listing's runs with their events and logs; returns how many went, and how many others need."""
    living = set(instance.get_dynamic_partitions(str(listing_partitions.name))) - {listing}
    gone = kept = 0
    for record in runs_of(instance, listing):
        run = record.dagster_run
        if listings_of(instance, run) & living:
            kept += 1
            continue
        with suppress(NotImplementedError):
            instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        instance.delete_run(run.run_id)
        gone += 1
    # What Dagster remembers of which partitions are there is worked out anew from the events.
    instance.wipe_asset_cached_status(instance.all_asset_keys())
    return gone, kept


def _places(store: MediaStore, listing: str) -> Iterator[str]:
    """Give every directory of the store that is this listing's; a name that leads elsewhere is refused."""
    check_listing_key(listing)
    for folder in store.folders():
        if folder not in _NOT_A_LISTINGS and not folder.startswith("."):
            yield f"{folder}/{listing}"


def _now() -> datetime:
    return datetime.now(UTC)


def _note(listing: str) -> str:
    return f"{NOTES}/{listing}.json"


def _registration(settings: Settings, listing: str) -> Path:
    return settings.home / "listings" / f"{listing}.json"


def _cache_bytes(settings: Settings) -> int:
    return int(settings.cache_gb * 1e9)


@contextmanager
def _held(settings: Settings, listing: str) -> Iterator[bool]:
    """Hold the listing as a render does; gives whether nobody else holds it."""
    place = settings.home / "listings"
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place / f"{listing}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@dg.op(description="Retire listings without a change for LUXVID_KEEP_DAYS: media archived or removed, events wiped.")
def retire_due_listings(
    context: dg.OpExecutionContext,
    settings: dg.ResourceParam[Settings],
    media_store: dg.ResourceParam[MediaStore],
    paid_services: dg.ResourceParam[PaidServices],
) -> None:
    """Retire what is due and say what became of each listing."""
    told = retire_listings(context.instance, settings, media_store, paid_services)
    for retired in told:
        (context.log.warning if retired.skipped else context.log.info)(str(retired))
    if settings.keep_days is None:
        context.log.info("LUXVID_KEEP_DAYS is not set: no listing is ever retired.")
    context.add_output_metadata(
        {
            "retired": sum(not retired.skipped for retired in told),
            "left_as_they_are": sum(bool(retired.skipped) for retired in told),
            "files": sum(retired.files for retired in told),
            "archived": sum(retired.archived for retired in told),
        }
    )


@dg.job(
    name="retire_listings_job",
    executor_def=dg.in_process_executor,
    description="Retire listings without a change for LUXVID_KEEP_DAYS: media to LUXVID_ARCHIVE or away, partition and "
    "events removed; the ledger stays. Does nothing unless that is set.",
)
def retire_listings_job() -> None:
    """Retire what is due."""
    retire_due_listings()
