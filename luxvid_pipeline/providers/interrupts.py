"""Running asynchronous work so that ending the process ends the work first.

Belongs here: Ctrl-C and SIGTERM become a cancellation of the work, which then has time to clean up.
Does not belong here: what cleaning up means (each engine), who sends signals.

Whoever runs us has handlers that raise (Dagster's raise its own exception). Raised inside an event loop, such an
exception lands wherever the loop happens to be: in one task, which dies while its neighbours go on, or in a callback
of the loop, which logs it and forgets it. So while work runs here, a signal only cancels it, and is handed on to the
earlier handler once the work has ended.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_to_its_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run ``work`` in an event loop of its own and return its result; a signal cancels it and counts afterwards.

    In another thread than the main one no signal arrives, and nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    came: list[int] = []
    earlier = {number: signal.getsignal(number) for number in _SIGNALS}

    async def cancellable() -> _Result:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)

        def end(number: int) -> None:
            came.append(number)
            task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, end, number)
        try:
            return await task
        finally:
            for number, handler in earlier.items():
                loop.remove_signal_handler(number)
                if handler is not None:  # None: set by something else than Python, which cannot put it back
                    signal.signal(number, handler)

    try:
        result = asyncio.run(cancellable())
    except BaseException:
        _hand_on(came)
        raise
    _hand_on(came)
    return result


def _hand_on(came: list[int]) -> None:
    if came:
        signal.raise_signal(came[0])
