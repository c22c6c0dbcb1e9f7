"""``spend_report`` and ``model_scorecard``: what was paid for, by day and by model, from the ledger.

Belongs here: the two assets, and how their figures are shown.
Does not belong here: the sums (``ledger/``), drawing bars (``media/charts.py``), the terminal (``cli_money.py``).

Both only read. Where nothing was ever paid for there is no ledger, and none is made: the tables are empty then.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl

from luxvid_pipeline.assets.metadata import OWNERS, preview
from luxvid_pipeline.assets.takes import is_take
from luxvid_pipeline.domain.payments import ZERO_USD
from luxvid_pipeline.domain.tables import to_table
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.ledger.payments import Spending, SqlLedger
from luxvid_pipeline.ledger.reports import ClipFidelity, ModelScore, TakeOutcome, score_models
from luxvid_pipeline.media.charts import Bar, bar_chart
from luxvid_pipeline.media.sheets import as_markdown
from luxvid_pipeline.partitions import day_partitions

GROUP = "accounts"
_RESERVED = "reserved"
_MOST_ROWS = 40


@dg.asset(
    partitions_def=day_partitions,
    group_name=GROUP,
    kinds={"polars"},
    owners=OWNERS,
    code_version="1",
    io_manager_key="table_io",
)
def spend_report(context: dg.AssetExecutionContext, ledger: dg.ResourceParam[SqlLedger]) -> pl.DataFrame:
    """What one day's paid requests cost, by client, listing, stage and model, each on the day it was made."""
    day = context.partition_key
    rows = [] if ledger.is_new else ledger.spending(day=day)
    spent, reserved = _sum(row.cost_usd for row in rows), _sum(row.reserved_usd for row in rows)
    title = f"{day}: {_about(spent)} spent" + (f", {_about(reserved)} reserved" if reserved else "")
    chart = bar_chart(title, _bars_by_listing(rows), nothing="Nothing was asked of a paid service.")
    context.add_output_metadata(
        {
            **_figures(rows),
            "day_is_over": day < datetime.now(UTC).date().isoformat(),
            **preview(f"{as_markdown(chart, title)}\n\n{_spending_table(rows)}"),
        }
    )
    return to_table(rows, Spending)


def outdated_days(instance: dg.DagsterInstance, ledger: SqlLedger) -> set[str]:
    """Return the days of which the ledger says something else than their last report, or that have none.

    What was asked for on a day may be booked, settled or given up long after it. Days before the ledger's first are
    another ledger's: their reports are all that is left of it here.
    """
    rows_of: dict[str, list[Spending]] = defaultdict(list)
    for row in [] if ledger.is_new else ledger.spending():
        rows_of[row.day].append(row)
    reported = _reported(instance)
    days = rows_of.keys() | {day for day in reported if rows_of and day >= min(rows_of)}
    return {day for day in days if reported.get(day) != _figures(rows_of.get(day, ()))}


def _reported(instance: dg.DagsterInstance) -> dict[str, dict[str, Any]]:
    """The figures of each day's last report."""
    key = dg.AssetKey("spend_report")
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    latest = list(instance.event_log_storage.get_latest_storage_id_by_partition(key, kind).values())
    if not latest:
        return {}
    wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=latest)
    reports = [record.asset_materialization for record in instance.fetch_materializations(wanted, len(latest)).records]
    return {
        str(report.partition): {name: report.metadata[name].value for name in _figures(()) if name in report.metadata}
        for report in reports
        if report is not None
    }


def _figures(rows: Sequence[Spending]) -> dict[str, float]:
    return {
        "cost_usd": float(_sum(row.cost_usd for row in rows)),
        "reserved_usd": float(_sum(row.reserved_usd for row in rows)),
        "requests": sum(row.requests for row in rows),
        "delivered": sum(row.delivered for row in rows),
        "failed": sum(row.failed for row in rows),
    }


@dg.asset(group_name=GROUP, kinds={"polars"}, owners=OWNERS, code_version="1", io_manager_key="table_io")
def model_scorecard(
    context: dg.AssetExecutionContext,
    ledger: dg.ResourceParam[SqlLedger],
    media_store: dg.ResourceParam[MediaStore],
) -> pl.DataFrame:
    """What each paid model did for its money: deliveries, refusals, seconds, dollars, fidelity, takes."""
    attempts = [] if ledger.is_new else ledger.rows(latest=False)
    clips, takes = _shot_so_far(media_store) if attempts else ([], [])
    scores = score_models(attempts, clips, takes)
    spent = _sum(score.cost_usd for score in scores)
    title = "Requests by model and what became of them"
    chart = bar_chart(title, [_bar_of(score) for score in scores], nothing="No paid model was ever asked.")
    context.add_output_metadata(
        {
            "models": len(scores),
            "requests": sum(score.attempts for score in scores),
            "delivered": sum(score.delivered for score in scores),
            "refused": sum(score.refused for score in scores),
            "clips_measured": sum(score.clips_measured for score in scores),
            "takes": sum(score.takes for score in scores),
            "takes_failed": sum(score.takes_failed for score in scores),
            "cost_usd": float(spent),
            **preview(f"{as_markdown(chart, title)}\n\n{_score_table(scores)}"),
        }
    )
    return to_table(scores, ModelScore)


def _shot_so_far(store: MediaStore) -> tuple[list[ClipFidelity], list[TakeOutcome]]:
    """Return how true the clips are that lie in the store now, and what became of their takes; older ones are gone."""
    found: list[ClipFidelity] = []
    takes: list[TakeOutcome] = []
    for key in store.keys("scene_clips"):
        if is_take(key):
            continue  # The clip's own record tells of all its takes.
        stored = store.find(key)
        facts = stored.facts if stored is not None else {}
        notes = facts.get("notes") or {}
        first, last = notes.get("first_frame_ssim"), notes.get("last_frame_ssim")
        found.append(ClipFidelity(model=str(facts.get("engine", "")), first_ssim=first, last_ssim=last))
        takes += [
            TakeOutcome(
                model=take["engine"], passed=take["passed"], chosen=take["chosen"], faults=tuple(take["faults"])
            )
            for take in facts.get("takes") or ()
        ]
    return found, takes


def _bars_by_listing(rows: Sequence[Spending]) -> list[Bar]:
    """One bar a listing, the dearest first, a part for each stage and one for what is still reserved."""
    stages = sorted({row.stage or "other" for row in rows if row.cost_usd})
    parts: dict[str, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys([*stages, _RESERVED], ZERO_USD))
    requests: dict[str, int] = defaultdict(int)
    for row in rows:
        stage = row.stage or "other"
        parts[row.listing][stage] = parts[row.listing].get(stage, ZERO_USD) + row.cost_usd
        parts[row.listing][_RESERVED] += row.reserved_usd
        requests[row.listing] += row.requests
    is_reserved = any(row.reserved_usd for row in rows)
    return [
        Bar(
            label=listing,
            parts={name: float(usd) for name, usd in money.items() if name != _RESERVED or is_reserved},
            text=f"{_about(_sum(money.values()))} · {requests[listing]} requests",
        )
        for listing, money in sorted(parts.items(), key=lambda item: (-_sum(item[1].values()), item[0]))
    ]


def _bar_of(score: ModelScore) -> Bar:
    each = score.delivered_usd
    told = [f"{_about(score.cost_usd)} spent" if each is None else f"{_about(each)} each"]
    if score.predict_s is not None:
        told.append(f"{score.predict_s:.0f} s")
    if score.first_frame_ssim is not None:
        told.append(f"first frame {score.first_frame_ssim:.2f}")
    if score.last_frame_ssim is not None:
        told.append(f"last {score.last_frame_ssim:.2f}")
    outcomes = {
        "delivered": score.delivered,
        "refused": score.refused,
        "failed": score.failed,
        "under way": score.under_way,
    }
    return Bar(label=f"{score.vendor}: {score.model}", parts=outcomes, text=" · ".join(told))


def _spending_table(rows: Sequence[Spending]) -> str:
    dearest = sorted(rows, key=lambda row: (-row.cost_usd - row.reserved_usd, row.listing, row.stage))
    headings = ("client", "listing", "stage", "model", "requests", "delivered", "failed", "spent", "reserved")
    lines = [
        (
            row.client or "–",
            row.listing,
            row.stage,
            f"{row.vendor}: {row.model}",
            row.requests,
            row.delivered,
            row.failed,
            _usd(row.cost_usd),
            _usd(row.reserved_usd),
        )
        for row in dearest
    ]
    return _table(headings, lines)


def _score_table(scores: Sequence[ModelScore]) -> str:
    headings = (
        "model",
        "attempts",
        "delivered",
        "refused",
        "failed",
        "under way",
        "model's seconds",
        "seconds waited",
        "spent",
        "for each delivered",
        "first frame",
        "last frame",
        "clips measured",
        "takes",
        "failed at the gate",
        "takes for each clip",
        "faults",
    )
    lines = [
        (
            f"{score.vendor}: {score.model}",
            score.attempts,
            score.delivered,
            score.refused,
            score.failed,
            score.under_way,
            score.predict_s,
            score.wait_s,
            _usd(score.cost_usd),
            None if score.delivered_usd is None else _usd(score.delivered_usd),
            score.first_frame_ssim,
            score.last_frame_ssim,
            score.clips_measured,
            score.takes,
            score.takes_failed,
            score.takes_per_clip,
            score.faults or None,
        )
        for score in scores
    ]
    return _table(headings, lines)


def _table(headings: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """Return a table in Markdown; only so many rows, since metadata travels with every event."""
    if not lines:
        return ""
    rows = [headings, ["---"] * len(headings), *lines[:_MOST_ROWS]]
    told = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if len(lines) > _MOST_ROWS:
        told.append(f"\nand {len(lines) - _MOST_ROWS} more in the table itself")
    return "\n".join(told)


def _cell(value: Any) -> str:
    return "–" if value is None else str(value).replace("|", "\\|")


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO_USD)


def _usd(amount: Decimal) -> str:
    return f"${amount:.2f}" if amount == round(amount, 2) else f"${amount:.4f}"


def _about(amount: Decimal) -> str:
    return f"${amount:.2f}" if amount >= 1 else _usd(amount)
