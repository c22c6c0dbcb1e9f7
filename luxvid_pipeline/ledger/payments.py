"""The ledger: every paid request, what came of it and what it cost, kept so that nothing is ever paid twice.

Belongs here: claims, steps, budgets held while a request is under way, a person's decisions, questions to the history.
Does not belong here: the states and their order (``domain/payments.py``), the tables (``schema.py``), vendors.

Who may take a step: the process that holds the claim. A claim ends with its process. On the same machine that is
seen at once; of a process elsewhere, and of another task of the same process, by a lease that was not renewed. Two
tasks of one process that ask for the same request therefore pay once, as two processes do.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from luxvid_pipeline.domain.budgets import Budget, check_fits
from luxvid_pipeline.domain.errors import BudgetExceededError, LedgerError
from luxvid_pipeline.domain.payments import (
    STEPS,
    UNDER_WAY,
    ZERO_USD,
    Account,
    PaidRequest,
    Payment,
    PaymentState,
    Spent,
)
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.processes import Process
from luxvid_pipeline.ledger.schema import events, from_ticks, payments, to_text, to_ticks

# Three missed renewals of a minute each, with some to spare for a machine under load.
LEASE = timedelta(seconds=200)

_UNDER_WAY = tuple(state.value for state in UNDER_WAY)

_HELD, _AHEAD = "held", "clock_ahead_s"
"""What stands among a row's metrics only while it is under way, so that old tables hold it too; see ``Payment``."""


class Decision(StrEnum):
    """What a person found out about a row that nobody can settle by itself."""

    FOUND = "found"
    """The vendor made it or still makes it: the next run takes it up by its id."""
    LOST = "lost"
    """It was paid for and its result is gone: the cost is booked, it may be sent again."""
    NEVER = "never"
    """The vendor never heard it, or charged nothing: the reservation goes, it may be sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt as the ledger shows it to people and reports.

    Attributes:
        payment: The attempt.
        day: The UTC date on which it was reserved and counts, ``2026-11-21``.
        estimate_usd: Upper end of the estimate.
        may_retry: If it failed, whether it may be sent again.
        created_at: When it was reserved.
        updated_at: Its last change.
        process: Who holds the claim; empty for nobody.
        is_abandoned: Under way, but whoever worked on it is gone.
    """

    payment: Payment
    day: str
    estimate_usd: Decimal
    may_retry: bool
    created_at: datetime
    updated_at: datetime
    process: str
    is_abandoned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one row: when, to which state, by which process or person, why, and the money after it."""

    at: datetime
    key: str
    attempt: int
    state: str
    by: str
    what: str
    reserved_usd: Decimal
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Money of one day, client, listing, stage and model; of ``spent``, in all."""

    day: str = ""
    client: str = ""
    listing: str = ""
    stage: str = ""
    vendor: str = ""
    model: str = ""
    requests: int
    delivered: int
    failed: int
    cost_usd: Decimal
    reserved_usd: Decimal


def utc_now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


class SqlLedger:
    """``domain.payments.Ledger`` in a database; see there for what each step promises.

    Args:
        database: Where it is kept, or its URL.
        client_budget_usd: What each client may cost in all; None for no limit. Listings without a client do not count.
        day_budget_usd: What all paid requests of a day (UTC) may cost; None for no limit.
        clock: The time, in UTC.
        process: Who claims; by default the process that calls.
    """

    def __init__(
        self,
        database: Database | str,
        *,
        client_budget_usd: Decimal | None = None,
        day_budget_usd: Decimal | None = None,
        clock: Callable[[], datetime] = utc_now,
        process: Callable[[], Process] = Process.this,
    ):
        self._database = Database(database) if isinstance(database, str) else database
        self._client_budget_usd = client_budget_usd
        self._day_budget_usd = day_budget_usd
        self._clock = clock
        self._process = process

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written to it; whoever only reads can then leave its file unmade."""
        return self._database.is_new

    def close(self) -> None:
        """Close the database's connections; the next use opens new ones."""
        self._database.close()

    # Claims

    def claim(self, request: PaidRequest) -> Payment:
        """Ask to make a request; returns its row, and whether this process may go on with it."""
        # Most claims are of those who wait for another's result, or find it delivered: they do not queue to write.
        with self._database.reading() as connection:
            row = _latest(connection, request.key, lock=False)
            if row is not None and not self._can_be_claimed(row):
                return self._payment(row, ours=False)
        try:
            return self._claim(request)
        except BudgetExceededError:
            # What processes reserved that then died, and never sent, must not stand in the way.
            if not self.drop_abandoned_reservations():
                raise
        return self._claim(request)

    def _claim(self, request: PaidRequest) -> Payment:
        with self._database.writing(alone=True) as connection:
            row = _latest(connection, request.key)
            if row is None:
                return self._reserve(connection, request, attempt=1)
            if not self._can_be_claimed(row):
                return self._payment(row, ours=False)
            if row.state == PaymentState.FAILED:
                return self._reserve(connection, request, attempt=row.attempt + 1)
            if row.state == PaymentState.RESERVED:
                # Never sent: whoever asks now pays, so the money is held against their budgets.
                connection.execute(sa.delete(payments).where(_is(row)))
                return self._reserve(connection, request, attempt=row.attempt)
            # What comes of it is told by the run that takes it up; the budgets it is held against stay the same.
            change = self._change(connection, row, "taken up again", run_id=request.account.run_id or row.run_id)
            return self._payment(change, ours=True)

    def adopt(self, key: str) -> Payment:
        """Take up an abandoned row whose request nobody asks for any more, to settle it; see ``claim``.

        Raises:
            LedgerError: There is no such row.
        """
        with self._database.writing() as connection:
            row = _known(connection, key)
            if row.state not in _UNDER_WAY or not self._is_abandoned(row):
                return self._payment(row, ours=False)
            return self._payment(self._change(connection, row, "taken up again"), ours=True)

    def payment(self, key: str) -> Payment | None:
        """Return the row as it stands, or None."""
        with self._database.reading() as connection:
            row = _latest(connection, key, lock=False)
            return None if row is None else self._payment(row, ours=False)

    def payment_beginning(self, beginning: str) -> Payment:
        """Return the row whose key begins so.

        Raises:
            LedgerError: There is none, or more than one.
        """
        with self._database.reading() as connection:
            return self._payment(connection.execute(_last_attempt(_whole_key(connection, beginning))).one(), ours=False)

    def on_rows(self, prediction_ids: Collection[str]) -> frozenset[str]:
        """Return those of the vendor's ids that stand on a row, of any request and any attempt."""
        with self._database.reading() as connection:
            found = payments.c.prediction_id.in_(prediction_ids)
            return frozenset(connection.execute(sa.select(payments.c.prediction_id).where(found)).scalars())

    def release(self, key: str) -> None:
        """Give up a claim that never left (``reserved``): reservation and row go."""
        with self._database.writing() as connection:
            row = self._held(connection, key)
            if row.state != PaymentState.RESERVED:
                raise LedgerError(f"{_name(row)} is {row.state}: only a request that was not sent can be given up")
            self._drop(connection, row, "given up before it was sent")

    def drop_abandoned_reservations(self) -> int:
        """Drop the rows that processes reserved and never sent before they ended; returns how many."""
        query = sa.select(payments).where(payments.c.state == PaymentState.RESERVED.value).with_for_update()
        with self._database.writing(alone=True) as connection:
            rows = [row for row in connection.execute(query).all() if self._is_abandoned(row)]
            for row in rows:
                self._drop(connection, row, "never sent, and its process is gone")
            return len(rows)

    def keep_alive(self, keys: Sequence[str]) -> None:
        """Say that this process still works on these rows."""
        self._renew(keys, self._clock() + LEASE)

    def let_go(self, keys: Sequence[str]) -> None:
        """Stop working on these rows without a result; only for whoever ``claim`` gave them to."""
        self._renew(keys, self._clock(), owner="")

    def _renew(self, keys: Sequence[str], until: datetime, **values: str) -> None:
        if not keys:
            return
        ours = payments.c.key.in_(keys) & (payments.c.owner == str(self._process()))
        with self._database.writing() as connection:
            connection.execute(
                sa.update(payments)
                .where(ours & payments.c.state.in_(_UNDER_WAY))
                .values(lease_until=to_text(until), **values)
            )

    # Steps

    def submitting(self, key: str, *, clock_ahead_s: float | None = None) -> Payment:
        """Write down that the request is about to leave, and how far our clock is ahead of the vendor's, if known."""
        known = {} if clock_ahead_s is None else {_AHEAD: clock_ahead_s}
        return self._step(key, PaymentState.SUBMITTING, sending_since=to_text(self._clock()), metrics=_as_json(known))

    def not_sent(self, key: str, reason: str) -> Payment:
        """Write down that it certainly never reached the vendor: back to ``reserved``, still ours."""
        return self._step(key, PaymentState.RESERVED, reason, sending_since=None)

    def submitted(self, key: str, prediction_id: str) -> Payment:
        """Write down the vendor's id."""
        return self._step(key, PaymentState.SUBMITTED, f"as {prediction_id}", prediction_id=prediction_id)

    def finished(self, key: str, cost_usd: Decimal, metrics: Mapping[str, Any], *, held: str = "") -> Payment:
        """Write down that the vendor made it, what it cost, and a short result itself; the reservation becomes cost."""
        return self._step(
            key,
            PaymentState.FINISHED,
            reserved_ticks=0,
            cost_ticks=to_ticks(cost_usd),
            metrics=_as_json({**metrics, _HELD: held} if held else metrics),
        )

    def delivered(self, key: str, result: str, sha256: str) -> Payment:
        """Write down that the result is on the shelf; the claim ends."""
        return self._step(key, PaymentState.DELIVERED, owner="", result=result, sha256=sha256)

    def failed(self, key: str, reason: str, *, cost_usd: Decimal = ZERO_USD, may_retry: bool = False) -> Payment:
        """Write down that nothing will come of it, what it cost all the same, and whether it may be sent again.

        What was booked when it was ``finished`` stays booked if ``cost_usd`` is less.
        """
        return self._step(
            key,
            PaymentState.FAILED,
            reason,
            owner="",
            reason=reason,
            may_retry=may_retry,
            reserved_ticks=0,
            cost_ticks=to_ticks(cost_usd),
        )

    def unknown(self, key: str, reason: str) -> Payment:
        """Write down that nobody knows whether the vendor heard it; the reservation stays until a person decides."""
        return self._step(key, PaymentState.UNKNOWN, reason, owner="", reason=reason)

    def _step(self, key: str, to: PaymentState, why: str = "", **values: Any) -> Payment:
        with self._database.writing() as connection:
            row = self._held(connection, key)
            if to not in STEPS[PaymentState(row.state)]:
                raise LedgerError(f"{_name(row)} is {row.state} and cannot become {to}")
            if to is PaymentState.FAILED:
                values["cost_ticks"] = max(values["cost_ticks"], row.cost_ticks or 0)
            changed = self._change(connection, row, why, **{"state": to.value, **values})
            return self._payment(changed, ours=to in UNDER_WAY)

    # A person's decision

    def settle(
        self,
        key: str,
        decision: Decision,
        *,
        by: str,
        why: str = "",
        prediction_id: str = "",
        cost_usd: Decimal | None = None,
    ) -> Payment:
        """Write down what a person found out; who, when and why stay in the history.

        Args:
            key: The row, or enough of its beginning to be the only one.
            decision: See ``Decision``. Rows that are ``unknown`` take each; so do abandoned ones; ``delivered`` rows
                whose result has gone from the shelf take ``LOST``; those that failed for good take ``NEVER``, if a
                person knows why another try would succeed.
            by: The person.
            why: How they know.
            prediction_id: The vendor's id, for ``FOUND``.
            cost_usd: What it cost in dollars, for ``LOST``; by default what is booked, else what is reserved.

        Raises:
            LedgerError: No such row, or it is in a state in which nothing has to be decided; another row has that id.
        """
        if not by.strip():
            raise LedgerError("a decision needs the name of the person who takes it")
        with self._database.writing() as connection:
            row = _known(connection, _whole_key(connection, key))
            state = PaymentState(row.state)
            is_open = state is PaymentState.UNKNOWN or (state in UNDER_WAY and self._is_abandoned(row))
            values: dict[str, Any] = {"owner": ""}
            if decision is Decision.FOUND and is_open and prediction_id:
                _check_is_free(connection, row, prediction_id)
                values |= {"state": PaymentState.SUBMITTED.value, "prediction_id": prediction_id}
            elif decision is Decision.LOST and (is_open or state is PaymentState.DELIVERED):
                booked = row.reserved_ticks if row.cost_ticks is None else row.cost_ticks
                values |= _failed(booked if cost_usd is None else to_ticks(cost_usd))
            elif decision is Decision.NEVER and (is_open or state is PaymentState.FAILED):
                values |= _failed(row.cost_ticks or 0)
            elif decision is Decision.FOUND and is_open:
                raise LedgerError(f"{_name(row)}: to say that it was found, give the vendor's id of it")
            else:
                raise LedgerError(f"{_name(row)} is {row.state}: there is nothing to decide with {decision.value!r}")
            note = f"{decision.value}: {why}" if why else decision.value
            if values.get("state") == PaymentState.FAILED:
                values["reason"] = f"settled by {by} as {note}"
            return self._payment(self._change(connection, row, note, by=by, **values), ours=False)

    # Questions

    def budgets(self, account: Account, *, day: str = "") -> list[Budget]:
        """Return the budgets that a request of this account counts against, as they stand.

        Args:
            account: Who pays.
            day: The UTC date whose budget is asked for, ``2026-11-21``; by default today's.
        """
        with self._database.reading() as connection:
            return self._budgets(connection, account, day or _day(self._clock()))

    def spent(self, *, listing: str = "", client: str = "", day: str = "") -> Spending:
        """Return what was spent and reserved, of everything or of one listing, client, day (``2026-11-21``)."""
        with self._database.reading() as connection:
            query = _matching(_sums(), listing=listing, client=client, day=day)
            return _spending(connection.execute(query).one(), listing=listing, client=client, day=day)

    def spent_by(self, account: Account) -> Spent:
        """Return what an account's run has paid for its stage and scene; see ``SpentBy``. Nothing outside a run."""
        if not account.run_id:
            return Spent()
        query = _matching(_sums(), run_id=account.run_id, stage=account.stage, scene=account.scene)
        with self._database.reading() as connection:
            row = connection.execute(query.where(payments.c.cost_ticks > 0)).one()
            return Spent(cost_usd=from_ticks(row.cost_ticks), requests=row.requests)

    def spending(self, *, since: str = "", day: str = "", listing: str = "") -> list[Spending]:
        """Return the money by day, client, listing, stage and model, in this order."""
        by = [payments.c[name] for name in ("day", "client", "listing", "stage", "vendor", "model")]
        query = _matching(_sums(*by), listing=listing, day=day).group_by(*by).order_by(*by)
        if since:
            query = query.where(payments.c.day >= since)
        with self._database.reading() as connection:
            return [
                _spending(row, **{column.name: getattr(row, column.name) for column in by})
                for row in connection.execute(query)
            ]

    def rows(
        self,
        *,
        state: PaymentState | None = None,
        listing: str = "",
        day: str = "",
        since: datetime | None = None,
        latest: bool = True,
    ) -> list[Entry]:
        """Return rows, oldest first.

        Args:
            state: Only those in this state.
            listing: Only those that this listing pays for.
            day: Only those that count on this day.
            since: Only those changed at or after it.
            latest: Only each request's last attempt; False for all attempts, as the model scorecard wants them.
        """
        query = _matching(sa.select(payments), listing=listing, day=day)
        if state is not None:
            query = query.where(payments.c.state == state.value)
        if since is not None:
            query = query.where(payments.c.updated_at >= to_text(since))
        if latest:
            other = payments.alias()
            query = query.where(~sa.exists().where(other.c.key == payments.c.key, other.c.attempt > payments.c.attempt))
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(payments.c.created_at, payments.c.key, payments.c.attempt)).all()
            return [self._entry(row) for row in found]

    def history(self, key: str) -> list[Event]:
        """Return every change of a request, oldest first; ``key`` may be the beginning of one."""
        query = sa.select(events).where(events.c.key.startswith(key, autoescape=True)).order_by(events.c.id)
        with self._database.reading() as connection:
            return [
                Event(
                    at=datetime.fromisoformat(row.at),
                    key=row.key,
                    attempt=row.attempt,
                    state=row.state,
                    by=row.by,
                    what=row.what,
                    reserved_usd=from_ticks(row.reserved_ticks),
                    cost_usd=_usd(row.cost_ticks),
                )
                for row in connection.execute(query)
            ]

    # Inside a transaction

    def _reserve(self, connection: sa.Connection, request: PaidRequest, *, attempt: int) -> Payment:
        account, now = request.account, self._clock()
        asked_ticks = to_ticks(request.estimate.high_usd)
        what = f"{request.model} for {account.listing}{'/' if account.scene else ''}{account.scene}"
        check_fits(from_ticks(asked_ticks), self._budgets(connection, account, _day(now)), what=what)
        values = {
            "key": request.key,
            "attempt": attempt,
            "state": PaymentState.RESERVED.value,
            "may_retry": False,
            "vendor": request.vendor,
            "model": request.model,
            "version": request.version,
            "input": json.dumps(dict(request.input), sort_keys=True, ensure_ascii=False),
            "listing": account.listing,
            "client": account.client,
            "stage": account.stage,
            "scene": account.scene,
            "run_id": account.run_id,
            "budget_ticks": None if account.budget_usd is None else to_ticks(account.budget_usd),
            "day": _day(now),
            "estimate_ticks": asked_ticks,
            "reserved_ticks": asked_ticks,
            "owner": str(self._process()),
            "lease_until": to_text(now + LEASE),
            "created_at": to_text(now),
            "updated_at": to_text(now),
        }
        row = connection.execute(sa.insert(payments).values(values).returning(payments)).one()
        self._record(connection, row, "", by=row.owner)
        return self._payment(row, ours=True)

    def _budgets(self, connection: sa.Connection, account: Account, day: str) -> list[Budget]:
        limits = [
            ("listing", account.listing, account.budget_usd, "raise generation.budget_usd in its listing.yaml"),
            (
                "client",
                account.client,
                self._client_budget_usd if account.client else None,
                "raise the client's budget",
            ),
            ("day", day, self._day_budget_usd, "raise the day's budget or go on tomorrow (UTC)"),
        ]
        budgets: list[Budget] = []
        for column, value, limit_usd, remedy in limits:
            if limit_usd is None:
                continue
            sums = connection.execute(_sums().where(payments.c[column] == value)).one()
            budgets.append(
                Budget(
                    of=f"{column} {value}",
                    limit_usd=limit_usd,
                    spent_usd=from_ticks(sums.cost_ticks),
                    reserved_usd=from_ticks(sums.reserved_ticks),
                    remedy=remedy,
                )
            )
        return budgets

    def _held(self, connection: sa.Connection, key: str) -> sa.Row[Any]:
        """Return the row if this process holds its claim."""
        row = _known(connection, key)
        if row.owner != str(self._process()):
            holder = f"in the hands of {row.owner}" if row.owner else "in nobody's hands"
            raise LedgerError(f"{_name(row)} is {row.state} and {holder}: this process has to claim it first")
        return row

    def _change(
        self, connection: sa.Connection, row: sa.Row[Any], what: str, *, by: str = "", **values: Any
    ) -> sa.Row[Any]:
        """Change a row that is locked, renew its claim, and record it."""
        now, owner = self._clock(), str(self._process())
        values = {"owner": owner, "lease_until": to_text(now + LEASE), **values, "updated_at": to_text(now)}
        if values.get("state") in (PaymentState.DELIVERED, PaymentState.FAILED):
            values["metrics"] = _as_json(_vendors(json.loads(row.metrics)))
        changed = connection.execute(sa.update(payments).where(_is(row)).values(values).returning(payments)).one()
        self._record(connection, changed, what, by=by or owner)
        return changed

    def _drop(self, connection: sa.Connection, row: sa.Row[Any], what: str) -> None:
        connection.execute(sa.delete(payments).where(_is(row)))
        self._record(connection, row, what, by=str(self._process()), state="released", reserved_ticks=0)

    def _record(self, connection: sa.Connection, row: sa.Row[Any], what: str, *, by: str, **values: Any) -> None:
        copied = {name: getattr(row, name) for name in ("key", "attempt", "state", "reserved_ticks", "cost_ticks")}
        at = to_text(self._clock())
        connection.execute(sa.insert(events).values({"at": at, "by": by, "what": what, **copied, **values}))

    def _can_be_claimed(self, row: sa.Row[Any]) -> bool:
        if row.state == PaymentState.FAILED:
            return row.may_retry
        return row.state in _UNDER_WAY and self._is_abandoned(row)

    def _is_abandoned(self, row: sa.Row[Any]) -> bool:
        if not row.owner:
            return True
        has_lease = row.lease_until > to_text(self._clock())
        if row.owner == str(self._process()):
            return not has_lease
        runs = Process.from_text(row.owner).runs()
        return not has_lease if runs is None else not runs

    def _entry(self, row: sa.Row[Any]) -> Entry:
        return Entry(
            payment=self._payment(row, ours=False),
            day=row.day,
            estimate_usd=from_ticks(row.estimate_ticks),
            may_retry=row.may_retry,
            created_at=datetime.fromisoformat(row.created_at),
            updated_at=datetime.fromisoformat(row.updated_at),
            process=row.owner,
            is_abandoned=row.state in _UNDER_WAY and self._is_abandoned(row),
        )

    def _payment(self, row: sa.Row[Any], *, ours: bool) -> Payment:
        metrics = json.loads(row.metrics)
        return Payment(
            key=row.key,
            state=PaymentState(row.state),
            ours=ours,
            vendor=row.vendor,
            model=row.model,
            version=row.version,
            input=json.loads(row.input),
            account=Account(
                listing=row.listing,
                client=row.client,
                stage=row.stage,
                scene=row.scene,
                run_id=row.run_id,
                budget_usd=_usd(row.budget_ticks),
            ),
            attempt=row.attempt,
            reserved_usd=from_ticks(row.reserved_ticks),
            cost_usd=_usd(row.cost_ticks),
            prediction_id=row.prediction_id,
            sending_since=None if row.sending_since is None else datetime.fromisoformat(row.sending_since),
            result=row.result,
            sha256=row.sha256,
            clock_ahead_s=metrics.get(_AHEAD),
            metrics=_vendors(metrics),
            held=metrics.get(_HELD, ""),
            reason=row.reason,
        )


def _as_json(metrics: Mapping[str, Any]) -> str:
    return json.dumps(dict(metrics), sort_keys=True, default=str)


def _vendors(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the vendor reported, without what we keep beside it."""
    return {name: value for name, value in metrics.items() if name not in (_HELD, _AHEAD)}


def _latest(connection: sa.Connection, key: str, *, lock: bool = True) -> sa.Row[Any] | None:
    query = _last_attempt(key)
    return connection.execute(query.with_for_update() if lock else query).first()


def _last_attempt(key: str) -> sa.Select[Any]:
    return sa.select(payments).where(payments.c.key == key).order_by(payments.c.attempt.desc()).limit(1)


def _known(connection: sa.Connection, key: str) -> sa.Row[Any]:
    row = _latest(connection, key)
    if row is None:
        raise LedgerError(f"the ledger has no request {key[:12]}: it was never claimed, or given up")
    return row


def _whole_key(connection: sa.Connection, beginning: str) -> str:
    query = sa.select(payments.c.key).where(payments.c.key.startswith(beginning, autoescape=True)).distinct().limit(2)
    keys = connection.execute(query).scalars().all()
    if len(keys) != 1 or not beginning:
        raise LedgerError(f"{beginning!r} is the beginning of {'more than one' if keys else 'no'} request's key")
    return keys[0]


def _is(row: sa.Row[Any]) -> sa.ColumnElement[bool]:
    return (payments.c.key == row.key) & (payments.c.attempt == row.attempt)


def _check_is_free(connection: sa.Connection, row: sa.Row[Any], prediction_id: str) -> None:
    """Raise where a prediction stands on another row: it would be paid for, and shown, as two."""
    has_it = (payments.c.prediction_id == prediction_id) & ~_is(row)
    other = connection.execute(sa.select(payments).where(has_it).limit(1)).first()
    if other is not None:
        raise LedgerError(
            f"{_name(row)}: prediction {prediction_id} belongs to {_name(other)}; give the id of this one"
        )


def _failed(cost_ticks: int) -> dict[str, Any]:
    return {"state": PaymentState.FAILED.value, "may_retry": True, "reserved_ticks": 0, "cost_ticks": cost_ticks}


def _sums(*by: sa.ColumnElement[Any]) -> sa.Select[Any]:
    def of_state(state: PaymentState) -> sa.ColumnElement[int]:
        return sa.func.count().filter(payments.c.state == state.value)

    return sa.select(
        *by,
        sa.func.count().label("requests"),
        of_state(PaymentState.DELIVERED).label("delivered"),
        of_state(PaymentState.FAILED).label("failed"),
        sa.func.coalesce(sa.func.sum(payments.c.cost_ticks), 0).label("cost_ticks"),
        sa.func.coalesce(sa.func.sum(payments.c.reserved_ticks), 0).label("reserved_ticks"),
    )


def _matching(query: sa.Select[Any], **wanted: str) -> sa.Select[Any]:
    return query.where(*(payments.c[name] == value for name, value in wanted.items() if value))


def _spending(row: sa.Row[Any], **of: str) -> Spending:
    return Spending(
        requests=row.requests,
        delivered=row.delivered,
        failed=row.failed,
        cost_usd=from_ticks(row.cost_ticks),
        reserved_usd=from_ticks(row.reserved_ticks),
        **of,
    )


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def _usd(ticks: int | None) -> Decimal | None:
    return None if ticks is None else from_ticks(ticks)


def _name(row: sa.Row[Any]) -> str:
    """Return a row in words, with enough of its key to find it."""
    scene = f"/{row.scene}" if row.scene else ""
    return f"{row.model} for {row.listing}{scene} ({row.key[:12]}, attempt {row.attempt})"
