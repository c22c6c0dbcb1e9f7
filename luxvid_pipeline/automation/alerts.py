"""What people are told of: runs that failed, budgets that are nearly or wholly taken.

Belongs here: the sensors that notice, and the words.
Does not belong here: sending (``resources/alerts.py``).

A tick always succeeds: an alert that cannot be delivered is a warning in the tick's log and no more. Dagster hands five
runs a tick to a run-status sensor (``DAGSTER_RUN_STATUS_SENSOR_PROCESS_LIMIT``), so many failures are told over
several ticks, ten seconds apart.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import dagster as dg

from luxvid_pipeline.domain.budgets import Budget, dollars
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.progress import LISTING_TAG
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.partitions import LISTING, split_key
from luxvid_pipeline.resources.alerts import Alert, Webhook
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings

_UNSET = "LUXVID_ALERT_URL is not set: nobody is told."
_REASON_CHARACTERS = 600
_LISTING_TAGS = (
    LISTING_TAG,
    f"dagster/partition/{LISTING}",
    "dagster/partition",
    "dagster/asset_partition_range_start",
)
# These errors stop a listing until a person decides; everything else is a fault.
_STOPPED = {"BudgetExceededError": "budget", "ApprovalMissingError": "stopped", "StoppedError": "stopped"}

THRESHOLDS = (Decimal("0.8"), Decimal(1))
"""Shares of a budget at which somebody is told, once each."""

# Rows written while the last look went on, by machines whose clocks differ a little.
_OVERLAP = timedelta(minutes=2)
_MOST_REMEMBERED = 5000


@dg.run_failure_sensor(
    name="failure_alert_sensor",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells LUXVID_ALERT_URL of every failed run: listing, asset, reason, link. Does nothing without it.",
)
def failure_alert_sensor(
    context: dg.RunFailureSensorContext,
    settings: dg.ResourceParam[Settings],
    alert_webhook: dg.ResourceParam[Webhook],
) -> dg.SkipReason | None:
    """Tell of one failed run."""
    if not alert_webhook.is_set:
        return dg.SkipReason(_UNSET)
    now = context.instance.get_run_by_id(context.dagster_run.run_id)
    if now is not None and now.status is dg.DagsterRunStatus.CANCELED:
        return dg.SkipReason("A person ended it.")
    alert = alert_of(
        context.dagster_run, context.get_step_failure_events(), context.failure_event.message or "", settings.ui_url
    )
    problem = alert_webhook.send(alert)
    if problem:
        context.log.warning(f"nobody could be told of run {context.dagster_run.run_id}: {problem}")
        return dg.SkipReason(f"Not delivered: {problem}")
    return None


def alert_of(run: dg.DagsterRun, failures: Sequence[dg.DagsterEvent], message: str, ui_url: str) -> Alert:
    """Return what to say of a failed run.

    Args:
        run: The run.
        failures: Its failed steps.
        message: What Dagster says of it, for one that failed outside of any step.
        ui_url: Where the UI is reached.
    """
    listing = listing_of(run.tags)
    causes = [_cause(failure) for failure in failures]
    name, reason = next(iter(causes), ("", message))
    kind = _STOPPED.get(name, "failure")
    assets = ", ".join(dict.fromkeys(failure.step_key for failure in failures if failure.step_key)) or run.job_name
    reason = " ".join(reason.split())[:_REASON_CHARACTERS] or "it ended without a reason; see its log"
    whose = f" of {listing}" if listing else ""
    verb = "failed" if kind == "failure" else "waits for a person"
    return Alert(
        kind=kind,
        text=f"LuxVid: {assets}{whose} {verb}: {reason}",
        listing=listing,
        asset=assets,
        reason=reason,
        run=run.run_id,
        link=f"{ui_url}/runs/{run.run_id}",
    )


def listing_of(tags: Mapping[str, str]) -> str:
    """Return the listing that a run's tags name first; empty for none."""
    named = next((tags[tag] for tag in _LISTING_TAGS if tags.get(tag)), "")
    return split_key(named)[0] if "|" in named else named


def _cause(failure: dg.DagsterEvent) -> tuple[str, str]:
    """The class and message of what was raised, beneath Dagster's own wrapping."""
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    if error is None:
        return "", ""
    name = error.cls_name or ""
    # Dagster writes module, class and message in one line.
    _, found, said = error.message.partition(f"{name}: ")
    return name, said if found else error.message


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What the sensor knows between two ticks."""

    since: datetime | None
    told: tuple[str, ...]

    @classmethod
    def from_cursor(cls, cursor: str | None) -> "_Remembered":
        try:
            values = json.loads(cursor or "")
            return cls(datetime.fromisoformat(values["since"]), tuple(values["told"]))
        except (ValueError, KeyError, TypeError):
            return cls(None, ())

    def as_cursor(self) -> str:
        since = None if self.since is None else self.since.isoformat()
        return json.dumps({"since": since, "told": self.told[-_MOST_REMEMBERED:]})


@dg.sensor(
    name="budget_alert_sensor",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells LUXVID_ALERT_URL once when 80 % and when all of a listing's, client's or day's budget is taken.",
)
def budget_alert_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    paid_services: dg.ResourceParam[PaidServices],
    alert_webhook: dg.ResourceParam[Webhook],
) -> dg.SensorResult | dg.SkipReason:
    """Tell of budgets that what changed in the ledger since the last tick has brought over a threshold."""
    if not alert_webhook.is_set:
        return dg.SkipReason(_UNSET)
    before = _Remembered.from_cursor(context.cursor)
    now = datetime.now(UTC)
    if paid_services.ledger.is_new:
        return dg.SkipReason("Nothing was ever paid for.")
    told = list(before.told)
    problems: list[str] = []
    sent = 0
    # The first tick looks a day back: what was used up long ago is no news.
    since = before.since or now - timedelta(days=1)
    for budget in _budgets(paid_services.ledger, since - _OVERLAP):
        reached = [share for share in THRESHOLDS if _taken(budget) >= share]
        new = [name for share in reached if (name := _name(budget, share)) not in told]
        if not new or problems:
            continue
        problem = alert_webhook.send(_budget_alert(budget, reached[-1], settings.ui_url))
        if problem:
            context.log.warning(f"nobody could be told of the budget of {budget.of}: {problem}")
            problems.append(problem)
            continue
        told += new
        sent += 1
    # What could not be delivered is looked for again by the next tick.
    after = _Remembered(since if problems else now, tuple(told))
    said = f"Not delivered: {problems[0]}" if problems else f"Told of {sent} budgets." if sent else "No budget is new."
    return dg.SensorResult(skip_reason=dg.SkipReason(said), cursor=after.as_cursor())


def _budgets(ledger: SqlLedger, since: datetime) -> list[Budget]:
    """The budgets of everybody whose rows have changed, each once, as they stand.

    A day's is that of the day on which a row counts: one used up just before midnight UTC is looked at after it.
    """
    accounts: dict[tuple[str, str], Account] = {
        (row.payment.account.listing, row.day): row.payment.account for row in ledger.rows(since=since)
    }
    found: dict[str, Budget] = {}
    for (_, day), account in accounts.items():
        found |= {budget.of: budget for budget in ledger.budgets(account, day=day)}
    return list(found.values())


def _taken(budget: Budget) -> Decimal:
    """The share of a budget that is spent or reserved; nothing of a budget of nothing, which stops all at once."""
    return (budget.spent_usd + budget.reserved_usd) / budget.limit_usd if budget.limit_usd else Decimal(0)


def _name(budget: Budget, share: Decimal) -> str:
    """What is remembered of an alert; a raised limit is another one."""
    return f"{budget.of} {budget.limit_usd.normalize():f} {share:.0%}"


def _budget_alert(budget: Budget, share: Decimal, ui_url: str) -> Alert:
    what, _, name = budget.of.partition(" ")
    how_much = "all" if share >= 1 else f"{share:.0%}"
    reason = (
        f"{dollars(budget.spent_usd)} spent and {dollars(budget.reserved_usd)} reserved of {dollars(budget.limit_usd)}"
    )
    return Alert(
        kind="budget",
        text=f"LuxVid: {how_much} of the budget of {budget.of} is taken: {reason}; {budget.remedy}",
        listing=name if what == "listing" else "",
        reason=reason,
        link=f"{ui_url}/assets/spend_report",
    )


ALERT_SENSORS = (failure_alert_sensor, budget_alert_sensor)
