"""Who approved or rejected which plan, when and at which estimate, in the ledger's database.

Belongs here: keeping decisions and finding them again.
Does not belong here: what a plan is (``domain/approvals.py``), whether one is needed (``resources/approvals.py``).

Rows are only ever added; a change of mind is another row, and the latest one on a plan stands.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from luxvid_pipeline.domain.approvals import Decision, Verdict
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.schema import approvals, from_ticks, to_text, to_ticks


class SqlApprovals:
    """``domain.approvals.Approvals`` in the ledger's database.

    Args:
        database: Where the decisions are, or its URL; the ledger's own.
    """

    def __init__(self, database: Database | str) -> None:
        self._database = Database(database) if isinstance(database, str) else database

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()

    def decide(self, decision: Decision) -> None:
        """Keep a decision.

        Raises:
            LedgerError: The database cannot be written.
        """
        row = {
            "at": to_text(decision.at),
            "listing": decision.listing,
            "plan": decision.plan,
            "verdict": decision.verdict.value,
            "by": decision.by,
            "estimate_low_ticks": to_ticks(decision.estimate_low_usd),
            "estimate_high_ticks": to_ticks(decision.estimate_high_usd),
            "because": decision.because,
        }
        with self._database.writing() as connection:
            connection.execute(approvals.insert().values(row))

    def standing(self, listing: str, plan: str) -> Decision | None:
        """Return the latest decision on exactly this plan; None if there is none.

        Raises:
            LedgerError: The database cannot be read.
        """
        mine = sa.and_(approvals.c.listing == listing, approvals.c.plan == plan)
        found = self._rows(mine, latest_only=True)
        return found[0] if found else None

    def history(self, listing: str) -> Sequence[Decision]:
        """Return all decisions on a listing, oldest first.

        Raises:
            LedgerError: The database cannot be read.
        """
        return self._rows(approvals.c.listing == listing)

    def _rows(self, which: sa.ColumnElement[bool], *, latest_only: bool = False) -> list[Decision]:
        if self._database.is_new:
            return []  # Nothing was ever decided, and looking makes no file.
        wanted = sa.select(approvals).where(which)
        wanted = wanted.order_by(approvals.c.id.desc()).limit(1) if latest_only else wanted.order_by(approvals.c.id)
        with self._database.reading() as connection:
            return [_decision(row) for row in connection.execute(wanted).mappings()]


def _decision(row: sa.RowMapping) -> Decision:
    values: dict[str, Any] = dict(row)
    return Decision(
        listing=values["listing"],
        plan=values["plan"],
        verdict=Verdict(values["verdict"]),
        by=values["by"],
        at=datetime.fromisoformat(values["at"]),
        estimate_low_usd=from_ticks(values["estimate_low_ticks"]),
        estimate_high_usd=from_ticks(values["estimate_high_ticks"]),
        because=values["because"],
    )
