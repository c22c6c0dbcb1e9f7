"""Ending the process ends the work first, every part of it, wherever the signal strikes."""

import asyncio
import signal
import threading
import time

import pytest

from luxvid_pipeline.providers.interrupts import run_to_its_end


class EndedError(BaseException):
    """What the handlers of whoever runs us raise."""


@pytest.fixture
def raising_handlers():
    def raise_it(*_):
        raise EndedError

    earlier = {number: signal.signal(number, raise_it) for number in (signal.SIGINT, signal.SIGTERM)}
    yield raise_it
    for number, handler in earlier.items():
        signal.signal(number, handler)


def test_it_returns_what_the_work_returns_and_leaves_the_handlers_as_they_were(raising_handlers):
    async def work():
        return 7

    assert run_to_its_end(work()) == 7
    assert signal.getsignal(signal.SIGTERM) is raising_handlers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_busy_tasks_lets_each_clean_up_and_counts_afterwards(raising_handlers, number):
    cleaned, begun = set(), set()

    async def busy(name):
        try:
            ends = time.monotonic() + 5
            while time.monotonic() < ends:
                begun.add(name)
                time.sleep(0.002)
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            cleaned.add(name)
            raise

    async def work():
        threading.Timer(0.05, lambda: signal.pthread_kill(threading.main_thread().ident, number)).start()
        await asyncio.gather(*(busy(name) for name in range(4)), return_exceptions=True)

    with pytest.raises(EndedError):
        run_to_its_end(work())
    assert cleaned == begun == {0, 1, 2, 3}
    assert signal.getsignal(number) is raising_handlers


def test_a_failure_is_the_works_own():
    async def work():
        raise LookupError("its own")

    with pytest.raises(LookupError, match="its own"):
        run_to_its_end(work())


def test_in_another_thread_it_only_runs():
    async def work():
        return threading.current_thread().name

    came = []
    thread = threading.Thread(target=lambda: came.append(run_to_its_end(work())), name="elsewhere")
    thread.start()
    thread.join()
    assert came == ["elsewhere"]
