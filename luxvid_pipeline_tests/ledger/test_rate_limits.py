import asyncio
import threading
import time
from itertools import pairwise

import pytest

from luxvid_pipeline.domain.errors import RetryableProviderError
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.rate_limits import LIMITS, LOW_CREDIT_S, Limit, SqlRateLimits

CREATE = "replicate:create"


class FakeTime:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self):
        self.now_s = 1_000_000.0

    def __call__(self):
        return self.now_s

    async def sleep(self, seconds):
        self.now_s += seconds


@pytest.fixture
def seconds():
    return FakeTime()


@pytest.fixture
def database(url):
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def limits(database, seconds):
    return SqlRateLimits(database, limits={CREATE: Limit(per_minute=30, burst=5)}, clock=seconds, sleep=seconds.sleep)


def taken_at(limits, seconds, count, bucket=CREATE):
    """When each of ``count`` tokens came, in seconds from now."""
    start_s = seconds.now_s

    async def take():
        times = []
        for _ in range(count):
            await limits.wait(bucket, deadline_s=3600)
            times.append(seconds.now_s - start_s)
        return times

    return asyncio.run(take())


def test_a_burst_goes_at_once_and_no_minute_sees_more_than_the_limit(limits, seconds):
    times = taken_at(limits, seconds, 40)
    assert times[:5] == [0.0] * 5
    assert times[5] > 0
    for start in times:
        assert sum(start <= moment < start + 60 for moment in times) <= 30
    assert times[-1] < 35 / limits._limits[CREATE].per_second * 1.1, "no slower than it has to be"


def test_the_vendors_600_a_minute_is_the_default():
    assert LIMITS[CREATE].per_minute == 600
    assert LIMITS[CREATE].burst + 60 * LIMITS[CREATE].per_second <= 601


def test_all_processes_take_from_the_same_bucket(url, seconds):
    databases = [Database(url) for _ in range(2)]
    both = [
        SqlRateLimits(d, limits={CREATE: Limit(per_minute=60, burst=2)}, clock=seconds, sleep=seconds.sleep)
        for d in databases
    ]
    assert taken_at(both[0], seconds, 2) == [0.0, 0.0]
    assert taken_at(both[1], seconds, 1)[0] > 0.9
    for database in databases:
        database.close()


def test_after_a_429_nobody_takes_a_token_before_its_time_and_then_one_by_one(limits, seconds):
    limits.throttled(CREATE, 7.0)
    times = taken_at(limits, seconds, 3)
    assert 7.0 <= times[0] < 8.0
    assert times[1] - times[0] > 1.0
    assert times[2] - times[1] > 1.0


def test_an_earlier_429_is_not_forgotten_for_a_later_shorter_one(limits, seconds):
    limits.throttled(CREATE, 30.0)
    limits.throttled(CREATE, 1.0)
    assert taken_at(limits, seconds, 1)[0] >= 30.0


def test_a_low_account_is_asked_six_times_a_minute_until_it_has_been_quiet_for_a_while(limits, seconds):
    limits.throttled(CREATE, 10.0, low_credit=True)
    times = taken_at(limits, seconds, 8)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] >= 10.0
    assert all(9.9 <= gap <= 11.1 for gap in gaps), gaps
    seconds.now_s += LOW_CREDIT_S
    assert taken_at(limits, seconds, 1) == [0.0]
    later = taken_at(limits, seconds, 6)
    assert later[-1] < 10.0, "six in less than a low account's gap"


def test_a_wait_that_cannot_end_in_time_is_refused_at_once(limits, seconds):
    limits.throttled(CREATE, 120.0)
    with pytest.raises(RetryableProviderError, match="no request may be sent for another 120 s"):
        asyncio.run(limits.wait(CREATE, deadline_s=60))
    assert seconds.now_s == 1_000_000.0


def test_a_bucket_without_a_limit_waits_only_for_what_its_vendor_said(limits, seconds):
    assert taken_at(limits, seconds, 50, bucket="xai:chat") == [0.0] * 50
    limits.throttled("xai:chat", 3.0)
    assert taken_at(limits, seconds, 1, bucket="xai:chat")[0] >= 3.0


def test_a_clock_that_is_set_back_gives_no_tokens_and_takes_none(limits, seconds):
    taken_at(limits, seconds, 5)
    seconds.now_s -= 3600
    assert 0 < taken_at(limits, seconds, 1)[0] < 5


@pytest.mark.parametrize("low_credit", [False, True])
def test_what_a_clock_that_was_a_day_ahead_wrote_stops_nobody_once_it_is_right(limits, seconds, low_credit):
    seconds.now_s += 86400
    limits.throttled(CREATE, 30.0, low_credit=low_credit)
    seconds.now_s -= 86400
    assert max(taken_at(limits, seconds, 3)) < 5
    limits.throttled(CREATE, 7.0)
    assert 7.0 <= taken_at(limits, seconds, 1)[0] < 8.0


def test_no_pause_is_longer_than_an_hour(limits, seconds):
    limits.throttled(CREATE, 1e9)
    with pytest.raises(RetryableProviderError, match="for another 3600 s"):
        asyncio.run(limits.wait(CREATE, deadline_s=60))


def test_waiting_for_a_busy_ledger_does_not_hold_up_the_event_loop(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    busy, database = Database(url), Database(url)
    limits = SqlRateLimits(database)
    written = threading.Event()

    def hold():
        with busy.writing():
            written.set()
            time.sleep(0.4)

    async def tick_while_waiting():
        waiting = asyncio.ensure_future(limits.wait(CREATE, deadline_s=5))
        ticks = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
        await waiting
        return ticks

    holder = threading.Thread(target=hold)
    holder.start()
    written.wait()
    assert asyncio.run(tick_while_waiting()) >= 10
    holder.join()
    busy.close()
    database.close()
