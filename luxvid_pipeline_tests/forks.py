"""A copy of the test's process that does one thing and ends, for what killed and parallel processes leave behind.

Processes that start from nothing (`subprocess`, the daemon) are started by those who need them.
"""

import os
import traceback
from collections.abc import Callable


def in_another_process(work: Callable[[], object]) -> int:
    """Fork, and do `work` in the child, which ends with the number it returns (0 for anything else, 1 if it raised).

    Returns the child's process id; the caller waits for it. The child never gets back to the test runner: it would
    go on as a second one, and wait for work that never comes.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            done = work()
            code = done if isinstance(done, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child
