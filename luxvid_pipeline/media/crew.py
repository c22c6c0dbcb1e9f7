"""Work for many, in order for each, on one thread a core.

Belongs here: the threads, and lines of work that share them.
Does not belong here: the work (``media/part_runs.py``).
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class Crew:
    """One thread a core, each of which does what it begins to its end.

    A thread for each of two dozen encoders would be stopped many times a frame, and find its caches full of the others'
    pictures: a sixth more of the processor where the machine has other work too.
    """

    def __init__(self) -> None:
        """Begin without a thread."""
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "crew")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until all is done."""
        self._threads.shutdown()

    def line(self) -> "Line":
        """Return a new line of work."""
        return Line(self._threads)


class Line:
    """Does one thing after the other, in the order they were given, whichever of the crew is free."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        """Share threads with others."""
        self._threads = threads
        self._waiting: deque[tuple[Future[None], Callable[[], None]]] = deque()
        self._is_worked_on = False
        self._changes = threading.Condition()

    def add(self, work: Callable[[], None]) -> Future[None]:
        """Do something once all that was added before is done."""
        future: Future[None] = Future()
        with self._changes:
            self._waiting.append((future, work))
            if self._is_worked_on:
                return future
            self._is_worked_on = True
        self._threads.submit(self._work)
        return future

    def stop(self) -> None:
        """Leave out what was not begun, and wait for what was."""
        with self._changes:
            while self._waiting:
                self._waiting.popleft()[0].cancel()
            self._changes.wait_for(lambda: not self._is_worked_on)

    def _work(self) -> None:
        while True:
            with self._changes:
                if not self._waiting:
                    self._is_worked_on = False
                    self._changes.notify_all()
                    return
                future, work = self._waiting.popleft()
            try:
                work()
            except BaseException as error:  # whoever waits for it is told
                future.set_exception(error)
            else:
                future.set_result(None)
