"""Token buckets shared by every process of the machine: being a good client, together.

Belongs here: how often a vendor may be asked, and what was learnt from its refusals.
Does not belong here: which request asks which bucket and what a reply's words mean (``providers/``).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from luxvid_pipeline.domain.errors import RetryableProviderError
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.schema import buckets

# How long an account counts as low after the vendor last said so: credit can be bought, the next 429 says otherwise.
LOW_CREDIT_S = 600.0
# No vendor asks for a longer pause. What lies further off was written by a clock that was ahead.
LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often a bucket may be asked.

    Attributes:
        per_minute: Most requests in any 60 s.
        burst: How many of them may go at the same moment.
    """

    per_minute: int
    burst: int

    @property
    def per_second(self) -> float:
        """How fast tokens come back; a full burst and a minute's refill together stay within ``per_minute``."""
        return (self.per_minute - self.burst + 1) / 60


# https://replicate.com/docs/topics/predictions/rate-limits: 600 creates a minute, 3000 of anything else; 6 a minute
# with a burst of 1 for an account with little credit.
LIMITS: Mapping[str, Limit] = {
    "replicate:create": Limit(per_minute=600, burst=30),
    "replicate": Limit(per_minute=3000, burst=100),
}
LOW_CREDIT = Limit(per_minute=6, burst=1)


class SqlRateLimits:
    """``domain.payments.RateLimits`` in the ledger's database.

    A bucket without a limit is never waited for, unless its vendor said 429.

    Args:
        database: Where the buckets are, or its URL; the ledger's own.
        limits: By bucket.
        clock: Seconds since the epoch, the same for all processes.
        sleep: How to wait without holding up the event loop.
    """

    def __init__(
        self,
        database: Database | str,
        *,
        limits: Mapping[str, Limit] = LIMITS,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ):
        self._database = Database(database) if isinstance(database, str) else database
        self._limits = limits
        self._clock = clock
        self._sleep = sleep

    async def wait(self, bucket: str, *, deadline_s: float) -> None:
        """Wait for a token of ``bucket``, at most ``deadline_s`` seconds from now.

        Raises:
            RetryableProviderError: None becomes free within the deadline; said as soon as that is certain.
            LedgerError: The buckets cannot be read.
        """
        give_up_at = self._clock() + deadline_s
        while (wait_s := await asyncio.to_thread(self._take, bucket)) > 0:
            if self._clock() + wait_s > give_up_at:
                raise RetryableProviderError(
                    f"{bucket}: no request may be sent for another {wait_s:.0f} s, and the deadline is nearer"
                )
            # Those who wait for the same token do not all come back in the same moment.
            await self._sleep(wait_s * random.uniform(1.0, 1.1))  # noqa: S311 - no secret

    def throttled(self, bucket: str, retry_after_s: float, *, low_credit: bool = False) -> None:
        """Hear that the vendor said 429: nobody takes a token before then; ``low_credit`` drops to 6 a minute.

        Afterwards tokens come one by one, never as a burst. A low account is believed to be low for ten minutes after
        the vendor last said so. A pause is an hour at most: then the vendor is asked again, and says so again.
        """
        now = self._clock()
        with self._database.writing() as connection:
            state = self._state(connection, bucket, now)
            closed_until_s = max(_closed_until_s(state, now), now + min(max(retry_after_s, 0.0), LONGEST_PAUSE_S))
            low_until_s = max(_low_until_s(state, now), closed_until_s + LOW_CREDIT_S if low_credit else 0.0)
            self._write(
                connection,
                bucket,
                tokens=1.0,
                counted_at_s=closed_until_s,
                closed_until_s=closed_until_s,
                low_credit_until_s=low_until_s,
            )

    def _take(self, bucket: str) -> float:
        """Take a token and return 0, or return how many seconds it takes until there is one."""
        with self._database.writing() as connection:
            now = self._clock()
            state = self._state(connection, bucket, now)
            closed_until_s = _closed_until_s(state, now)
            if now < closed_until_s:
                return closed_until_s - now
            limit = LOW_CREDIT if now < _low_until_s(state, now) else self._limits.get(bucket)
            if limit is None:
                return 0.0
            # A clock that was set back gives nothing, and takes nothing.
            elapsed_s = max(0.0, now - state.counted_at_s)
            tokens = min(float(limit.burst), state.tokens + elapsed_s * limit.per_second)
            missing = 1.0 - tokens
            if missing > 1e-9:
                self._write(connection, bucket, tokens=tokens, counted_at_s=now)
                return missing / limit.per_second
            self._write(connection, bucket, tokens=max(0.0, tokens - 1.0), counted_at_s=now)
            return 0.0

    def _state(self, connection: sa.Connection, bucket: str, now: float) -> sa.Row[Any]:
        """Return the bucket's row, locked; a new bucket is full."""
        query = sa.select(buckets).where(buckets.c.name == bucket).with_for_update()
        found = connection.execute(query).first()
        if found is None:
            limit = self._limits.get(bucket)
            new = (bucket, float(limit.burst) if limit else 1.0, now, 0.0, 0.0)
            marks = ", ".join(f":{column.name}" for column in buckets.c)
            connection.execute(
                sa.text(f"INSERT INTO {buckets.name} VALUES ({marks}) ON CONFLICT DO NOTHING"),  # noqa: S608 - our names
                dict(zip(buckets.c.keys(), new, strict=True)),
            )
            found = connection.execute(query).one()
        return found

    def _write(self, connection: sa.Connection, bucket: str, **values: float) -> None:
        connection.execute(sa.update(buckets).where(buckets.c.name == bucket).values(values))


def _closed_until_s(state: sa.Row[Any], now: float) -> float:
    return _believed(state.closed_until_s, now, LONGEST_PAUSE_S)


def _low_until_s(state: sa.Row[Any], now: float) -> float:
    return _believed(state.low_credit_until_s, now, LONGEST_PAUSE_S + LOW_CREDIT_S)


def _believed(until_s: float, now: float, longest_s: float) -> float:
    """A time written earlier, or 0 where only a clock that was ahead can have written it."""
    return until_s if until_s <= now + longest_s else 0.0
