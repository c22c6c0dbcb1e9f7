"""The ledger's tables.

Belongs here: tables, their indices, the schema's version, how money and time are written.
Does not belong here: connections and transactions (``database.py``), what may become of a row (``payments.py``).

Money is kept as whole ticks of 1e-10 dollars, the unit in which xAI bills, so sums are exact in every database; a
64-bit integer holds 922 million dollars. Times are ISO 8601 in UTC with microseconds, so that they sort as text.
"""

from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, text

from luxvid_pipeline.domain.errors import LedgerError

VERSION = 2
"""2 added ``ledger_approvals``; see ``database.py`` for how an older ledger gets what it lacks."""

OLDEST = 1
"""The oldest version that only lacks tables."""

TICKS_PER_USD = 10**10

metadata = MetaData()

version = Table("ledger_version", metadata, Column("version", Integer, nullable=False))

# One row for each time a request is sent, or about to be. Money counts where it was spent: an attempt that failed and
# cost something stays, whoever pays for the next.
payments = Table(
    "ledger_payments",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("may_retry", Boolean, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("input", Text, nullable=False),
    Column("listing", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("scene", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("budget_ticks", BigInteger),
    Column("day", String(10), nullable=False),
    Column("estimate_ticks", BigInteger, nullable=False),
    Column("reserved_ticks", BigInteger, nullable=False),
    Column("cost_ticks", BigInteger),
    Column("prediction_id", Text, nullable=False, default=""),
    Column("result", Text, nullable=False, default=""),
    Column("sha256", Text, nullable=False, default=""),
    Column("metrics", Text, nullable=False, default="{}"),
    Column("reason", Text, nullable=False, default=""),
    Column("owner", Text, nullable=False),
    Column("lease_until", String(32), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("sending_since", String(32)),
    Column("updated_at", String(32), nullable=False),
    Index("ledger_payments_listing", "listing"),
    Index("ledger_payments_client", "client"),
    Index("ledger_payments_day", "day"),
    Index("ledger_payments_state", "state"),
    # The database itself refuses a second attempt while an earlier one may still deliver, or has delivered.
    Index(
        "ledger_payments_never_twice",
        "key",
        unique=True,
        sqlite_where=text("state <> 'failed'"),
        postgresql_where=text("state <> 'failed'"),
    ),
)

# Every change of every row, and who made it; only ever added to.
events = Table(
    "ledger_events",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("key", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("reserved_ticks", BigInteger, nullable=False),
    Column("cost_ticks", BigInteger),
    Index("ledger_events_key", "key"),
)

buckets = Table(
    "ledger_buckets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("counted_at_s", Float, nullable=False),
    Column("closed_until_s", Float, nullable=False),
    Column("low_credit_until_s", Float, nullable=False),
)

# What people decided about plans; only ever added to.
approvals = Table(
    "ledger_approvals",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", String(32), nullable=False),
    Column("listing", Text, nullable=False),
    Column("plan", String(64), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("estimate_low_ticks", BigInteger, nullable=False),
    Column("estimate_high_ticks", BigInteger, nullable=False),
    Column("because", Text, nullable=False, default=""),
    Index("ledger_approvals_listing", "listing", "plan"),
)


def to_ticks(usd: Decimal) -> int:
    """Return an amount in ticks, a fraction of one rounded up.

    Raises:
        LedgerError: It is negative, not a number, or more than a column holds.
    """
    if not usd.is_finite() or not 0 <= usd < 2**63 // TICKS_PER_USD:
        raise LedgerError(f"{usd} is no amount of dollars that a ledger could keep")
    return int((usd * TICKS_PER_USD).to_integral_value(ROUND_CEILING))


def from_ticks(ticks: int | Decimal) -> Decimal:
    """Return an amount in dollars, exact."""
    return Decimal(ticks) / TICKS_PER_USD


def to_text(at: datetime) -> str:
    """Return a moment as the ledger writes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
