"""Ending a listing's work, and starting again what is missing of it.

Belongs here: runs of the daemon and of other terminals ended, predictions cancelled, the ledger settled; failed tries
forgiven and the work taken up again.
Does not belong here: printing (``cli_operations.py``), settling one row (``automation/reconciliation.py``), deciding
what is missing (``domain/progress.py``).

A run that is ended cancels its own predictions (``providers/interrupts.py``). What it no longer gets to, and what
killed processes left, is cancelled here, but only once nobody works on it any more: a row in a live process's hands is
never touched.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
from dagster._core.launcher import WorkerStatus
from filelock import FileLock, Timeout

from luxvid_pipeline.automation.cancellations import keep_cancelled, take_up_again
from luxvid_pipeline.automation.listing_runs import UNFINISHED, runs_of
from luxvid_pipeline.automation.progress import forgive
from luxvid_pipeline.automation.reconciliation import Settled, outcome, settle_left_overs, waiting_for_a_person
from luxvid_pipeline.domain.directions import scene_key_of
from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.domain.keys import check_listing_key
from luxvid_pipeline.domain.payments import UNDER_WAY, ZERO_USD, Payment, PaymentState
from luxvid_pipeline.domain.progress import (
    FORGIVEN_ITEMS_TAG,
    FORGIVEN_TAG,
    HOST_TAG,
    ITEMS_TAG,
    LISTING_TAG,
    PID_TAG,
    STARTED_TAG,
    items_from_tag,
)
from luxvid_pipeline.ledger.payments import Entry
from luxvid_pipeline.ledger.processes import runs_since
from luxvid_pipeline.local_runs import RenderedFilm, fail_abandoned_runs, open_instance, render
from luxvid_pipeline.partitions import listing_partitions
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import ProgressBoard
from luxvid_pipeline.resources.settings import Settings

END_WITHIN_S = 60.0
"""How long runs may take to end: what they have in flight at a vendor is cancelled within eight."""

_LOOK_EVERY_S = 0.2
_SETTLE_WITHIN_S = 20.0
_HEARTBEAT_S = 120.0
_SENSORS = "SENSOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """What ending a listing's work came to.

    Attributes:
        listing: Listing key.
        ended: Runs that ended, ``shoot_scenes_job 0b5f0c1e``.
        left: Runs that did not end in time or cannot be ended from here, each with the reason.
        settled: Paid requests that were under way, and what became of each.
        waiting: Paid requests that a person has to decide about.
        cost_usd: What was booked meanwhile, in dollars.
        spent_usd: What the listing has cost in all.
    """

    listing: str
    ended: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    settled: tuple[Settled, ...] = ()
    waiting: tuple[Settled, ...] = ()
    cost_usd: Decimal = ZERO_USD
    spent_usd: Decimal = ZERO_USD

    @property
    def is_over(self) -> bool:
        """Whether nothing runs any more and nothing is open but what a person has to decide."""
        return not self.left and not any(row.open for row in self.settled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What trying again came to.

    Attributes:
        listing: Listing key.
        forgiven: Runs that no longer count as tries.
        film: The film, where it was made in this process; None where the daemon goes on.
    """

    listing: str
    forgiven: int
    film: RenderedFilm | None = None


def cancel(
    settings: Settings,
    listing: str,
    *,
    end_within_s: float = END_WITHIN_S,
    tell: Callable[[str], None] = lambda _: None,
) -> Cancelled:
    """End everything that is queued or running for a listing, and settle what it has under way at the vendors.

    The daemon requests nothing more for it until ``retry``, or until somebody asks for a new direction.
    Running it again changes nothing.

    Args:
        settings: The environment.
        listing: Listing key.
        end_within_s: How long to wait for its runs.
        tell: Is told what is waited for.

    Raises:
        InputError: There is no such listing.
        LedgerError: The ledger cannot be read or written.
    """
    services = PaidServices(settings)
    with open_instance(settings) as instance:
        _check_known(instance, listing)
        before = _under_way(services, listing)
        spent_before = _spent(services, listing)
        keep_cancelled(instance, listing)
        ended, left = _end_runs(instance, settings, listing, end_within_s, tell)
    if before:
        tell("settling what is under way at the vendors")
    settled = _settle(services, listing, before)
    spent = _spent(services, listing)
    return Cancelled(
        listing=listing,
        ended=tuple(ended),
        left=tuple(left),
        settled=tuple(settled),
        waiting=tuple(waiting_for_a_person(services, listing=listing)),
        cost_usd=spent - spent_before,
        spent_usd=spent,
    )


def retry(settings: Settings, listing: str, *, scene: str = "", here: bool = False, board: ProgressBoard) -> Retried:
    """Forget a listing's failed tries and start again what is missing of its film.

    Where the daemon runs it goes on within seconds; otherwise the work is done in this process.

    Args:
        settings: The environment.
        listing: Listing key.
        scene: Number, key or name of the one scene whose tries are forgotten; empty for all of the listing's.
        here: Do it in this process even where the daemon runs.
        board: Is told of progress.

    Raises:
        InputError: There is no such listing or scene, or its photos are gone.
        LuxVidError: Whatever stopped it again.
    """
    key = scene_key_of(scene) if scene else ""
    with open_instance(settings) as instance:
        _check_known(instance, listing)
        fail_abandoned_runs(instance)
        take_up_again(instance, listing)  # first: a run that is not begun because of it is forgiven with the others
        forgiven = _forgive_scene(instance, listing, key) if key else forgive(instance, listing)
        daemon = _sensors_run(instance)
    if daemon and not here:
        return Retried(listing=listing, forgiven=forgiven)
    return Retried(listing=listing, forgiven=forgiven, film=render(None, settings, listing=listing, board=board))


def _check_known(instance: dg.DagsterInstance, listing: str) -> None:
    check_listing_key(listing)
    known = instance.get_dynamic_partitions(str(listing_partitions.name))
    if listing not in known:
        raise InputError(f"there is no listing {listing!r}; known: {', '.join(sorted(known)) or 'none'}")


# ---- runs ------------------------------------------------------------------------------------------------------------


def _end_runs(
    instance: dg.DagsterInstance, settings: Settings, listing: str, within_s: float, tell: Callable[[str], None]
) -> tuple[list[str], list[str]]:
    """End all unfinished runs and wait for them; returns those that ended, and those left with the reason."""
    ends = time.monotonic() + within_s
    asked = {run.run_id: _named(run) for run in _abandoned(instance, listing)}
    signalled: set[int] = set()
    reasons: dict[str, str] = {}
    while True:
        records = runs_of(instance, listing, UNFINISHED)
        runs = [record.dagster_run for record in records]
        for record in records:
            run = record.dagster_run
            if run.run_id in asked:
                continue
            asked[run.run_id] = _named(run)
            tell(f"ending {asked[run.run_id]}")
            reasons[run.run_id] = _ask_to_end(instance, record, signalled)
        _as_ended_by_a_person(instance, asked)
        busy = _is_held(settings, listing)
        if busy:
            _end_terminal_between_runs(instance, listing, signalled)
        if not runs and not busy:
            return list(asked.values()), []
        if time.monotonic() > ends or (runs and all(reasons.get(run.run_id) for run in runs) and not busy):
            break
        time.sleep(_LOOK_EVERY_S)
    left: list[str] = []
    for run in runs:
        reason = reasons.get(run.run_id) or f"it has not ended within {within_s:g} s; run this again"
        if _is_gone(instance, run):
            instance.report_run_canceled(run, message="Ended by 'luxvid cancel'; its process was gone.")
        else:
            left.append(f"{asked.pop(run.run_id)}: {reason}")
    _as_ended_by_a_person(instance, asked)
    if not runs:
        left.append(f"a 'luxvid' command works on it and has not ended within {within_s:g} s; run this again")
    return list(asked.values()), left


def _named(run: dg.DagsterRun) -> str:
    return f"{run.job_name} {run.run_id[:8]}"


def _abandoned(instance: dg.DagsterInstance, listing: str) -> list[dg.DagsterRun]:
    """Mark runs of killed commands as what they are, and return those of this listing."""
    before = [record.dagster_run for record in runs_of(instance, listing, UNFINISHED)]
    fail_abandoned_runs(instance)
    after = {record.dagster_run.run_id for record in runs_of(instance, listing, UNFINISHED)}
    return [run for run in before if run.run_id not in after]


def _as_ended_by_a_person(instance: dg.DagsterInstance, run_ids: Iterable[str]) -> None:
    """Mark runs that an interruption let fail as cancelled: a failed one is told about and tried again."""
    for run_id in run_ids:
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status is dg.DagsterRunStatus.FAILURE:
            instance.report_run_canceled(run, message="Ended by 'luxvid cancel'.")


def _ask_to_end(instance: dg.DagsterInstance, record: dg.RunRecord, signalled: set[int]) -> str:
    """Ask one run to end; returns why it cannot be asked from here, or nothing."""
    run = record.dagster_run
    host = run.tags.get(HOST_TAG)
    if host is None:
        try:
            asked = instance.run_coordinator.cancel_run(run.run_id)
        except Exception as error:
            return f"its code server does not answer ({type(error).__name__}); start the daemon again"
        return "" if asked else "its code server does not answer; start the daemon again"
    if host != socket.gethostname():
        return f"it runs in a terminal on {host}; end it there with Ctrl-C"
    _interrupt(record, signalled)
    return ""


def _end_terminal_between_runs(instance: dg.DagsterInstance, listing: str, signalled: set[int]) -> None:
    """Interrupt the command that holds the listing although none of its runs is unfinished just now."""
    here = [
        record
        for record in runs_of(instance, listing)[-8:]
        if record.dagster_run.tags.get(HOST_TAG) == socket.gethostname()
    ]
    if here:
        _interrupt(here[-1], signalled)


def _interrupt(record: dg.RunRecord, signalled: set[int]) -> None:
    """Send Ctrl-C to the command of ours that made a run, once.

    Ids are given out again, so it must have been there when the run was, and what it is called has to fit.
    """
    tag = record.dagster_run.tags.get(PID_TAG, "")
    pid = int(tag) if tag.isdigit() else 0
    if not pid or pid in signalled or pid == os.getpid() or not _is_luxvid(pid):
        return
    if not runs_since(pid, record.create_timestamp.timestamp(), record.dagster_run.tags.get(STARTED_TAG, "")):
        return
    signalled.add(pid)
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return


def _is_luxvid(pid: int) -> bool:
    try:
        return b"luxvid" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self/cmdline").exists()


def _is_held(settings: Settings, listing: str) -> bool:
    """Whether a command in a terminal works on the listing."""
    file = settings.home / "listings" / f"{listing}.lock"
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def _is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process of a run the daemon launched is certainly gone."""
    launcher = instance.run_launcher
    if HOST_TAG in run.tags or not launcher.supports_check_run_worker_health:
        return False
    try:
        return launcher.check_run_worker_health(run).status is WorkerStatus.FAILED
    except Exception:
        return False


def _sensors_run(instance: dg.DagsterInstance) -> bool:
    """Whether the daemon that ticks sensors has given a sign of life."""
    beat = instance.get_daemon_heartbeats().get(_SENSORS)
    return beat is not None and time.time() - beat.timestamp < _HEARTBEAT_S


def _forgive_scene(instance: dg.DagsterInstance, listing: str, scene: str) -> int:
    """As ``forgive``, for one scene: of a run that was to make others too, their tries still count."""
    forgiven = 0
    for record in runs_of(instance, listing):
        run = record.dagster_run
        if not run.is_finished or FORGIVEN_TAG in run.tags or run.tags.get(LISTING_TAG) != listing:
            continue
        items = set(items_from_tag(run.tags.get(ITEMS_TAG, "")))
        before = set(filter(None, run.tags.get(FORGIVEN_ITEMS_TAG, "").split(",")))
        if scene not in items - before:
            continue
        tags = {FORGIVEN_ITEMS_TAG: ",".join(sorted({*before, scene}))}
        if items <= {*before, scene}:
            tags[FORGIVEN_TAG] = datetime.now(UTC).isoformat(timespec="seconds")
        instance.add_run_tags(run.run_id, tags)
        forgiven += run.status is not dg.DagsterRunStatus.SUCCESS
    return forgiven


# ---- money -----------------------------------------------------------------------------------------------------------


def _settle(services: PaidServices, listing: str, before: dict[str, Entry]) -> list[Settled]:
    """Cancel and settle until nobody works on the listing's requests; returns what became of those under way."""
    ends = time.monotonic() + _SETTLE_WITHIN_S
    notes: dict[str, Settled] = {}
    while True:
        # A run that has ended may take a moment to let go of what it held.
        notes |= {row.key: row for row in settle_left_overs(services, listing=listing, cancel=True)}
        now = _under_way(services, listing)
        before = {**now, **before}
        if not any(not row.is_abandoned for row in now.values()) or time.monotonic() > ends:
            break
        time.sleep(_LOOK_EVERY_S)
    told: list[Settled] = []
    for key, row in before.items():
        payment: Payment | None = services.ledger.payment(key)
        is_open = payment is not None and payment.state in UNDER_WAY
        note = notes[key].note if key in notes and is_open else ""
        if is_open and not note:
            note = "a process still works on it"
        told.append(outcome(row, payment, note=note, is_open=is_open))
    return told


def _under_way(services: PaidServices, listing: str) -> dict[str, Entry]:
    if services.ledger.is_new:
        return {}
    return {row.payment.key: row for row in services.ledger.rows(listing=listing) if row.payment.state in _OPEN}


def _spent(services: PaidServices, listing: str) -> Decimal:
    return ZERO_USD if services.ledger.is_new else services.ledger.spent(listing=listing).cost_usd


_OPEN: frozenset[PaymentState] = UNDER_WAY
