"""What runs by the clock: yesterday's spending, the ledger's left-overs, listings whose time is over.

Belongs here: schedules, and when one has nothing to do.
Does not belong here: what the jobs do (``reconciliation.py``, ``retention.py``, ``assets/accounts.py``).

All of them run unless somebody stops them: they cost nothing, and without work they start no run.
"""

from datetime import timedelta

import dagster as dg

from luxvid_pipeline.assets.accounts import outdated_days
from luxvid_pipeline.automation.jobs import report_spend_job
from luxvid_pipeline.automation.reconciliation import left_over, reconcile_ledger_job
from luxvid_pipeline.automation.retention import retire_listings_job
from luxvid_pipeline.partitions import day_partitions
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import Settings

# Most of what was asked before midnight has an answer by then; what is booked later is reported the night after.
_SPEND_AT = "20 0 * * *"
_MOST_REPORTS = 30
_RETIRE_AT = "30 3 * * *"


@dg.schedule(
    name="daily_spend_schedule",
    job=report_spend_job,
    cron_schedule=_SPEND_AT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 00:20 UTC: what yesterday's paid requests cost, and earlier days booked anew since.",
)
def daily_spend_schedule(
    context: dg.ScheduleEvaluationContext, paid_services: dg.ResourceParam[PaidServices]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Request the report of the day that has just ended, and of those whose report no longer says what is booked."""
    at = context.scheduled_execution_time
    yesterday = (at - timedelta(days=1)).date().isoformat()
    known = set(day_partitions.get_partition_keys(current_time=at))
    if yesterday not in known:
        return dg.SkipReason(f"{yesterday} is before the first day that is reported on")
    outdated = {day for day in outdated_days(context.instance, paid_services.ledger) & known if day < yesterday}
    again = sorted(outdated, reverse=True)[:_MOST_REPORTS]
    return [
        dg.RunRequest(run_key=yesterday, partition_key=yesterday),
        *(dg.RunRequest(run_key=f"{day}, again after {yesterday}", partition_key=day) for day in again),
    ]


@dg.schedule(
    name="reconcile_schedule",
    job=reconcile_ledger_job,
    cron_schedule="*/10 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every ten minutes: settle paid requests whose process is gone. Starts a run only if there are any.",
)
def reconcile_schedule(
    context: dg.ScheduleEvaluationContext, paid_services: dg.ResourceParam[PaidServices]
) -> dg.RunRequest | dg.SkipReason:
    """Request the job if any row is left over."""
    rows = left_over(paid_services)
    if not rows:
        return dg.SkipReason("No paid request is left over.")
    return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())


@dg.schedule(
    name="retention_schedule",
    job=retire_listings_job,
    cron_schedule=_RETIRE_AT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 03:30 UTC: retire listings unchanged for LUXVID_KEEP_DAYS; nothing happens without it.",
)
def retention_schedule(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    """Request the job if listings are to be retired at all."""
    if settings.keep_days is None:
        return dg.SkipReason("LUXVID_KEEP_DAYS is not set: no listing is ever retired.")
    return dg.RunRequest(run_key=context.scheduled_execution_time.date().isoformat())


SCHEDULES = (daily_spend_schedule, reconcile_schedule, retention_schedule)

HOUSEKEEPING_JOBS = (reconcile_ledger_job, retire_listings_job)
"""Jobs that make no asset; beside ``jobs.JOBS``."""
