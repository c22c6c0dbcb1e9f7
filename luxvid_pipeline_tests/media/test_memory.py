import subprocess
import sys

import pytest

from luxvid_pipeline.media import memory

_PROGRAM = """
import resource
from contextlib import nullcontext

import numpy as np

from luxvid_pipeline.media.memory import keep_memory_low, memory_reused

keep_memory_low()


def faults(pictures):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(pictures):
        np.ones(18_000_000, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def held_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


at_first = held_mb()
returned = faults(10)
with memory_reused():
    with memory_reused():
        faults(1)
    again = faults(10)
    kept = held_mb()
afterwards = held_mb()
returned_later = faults(10)
print(returned, again, returned_later, kept - at_first, afterwards - at_first)
"""


@pytest.mark.skipif(memory._glibc() is None, reason="another C library, which keeps memory in its own ways")
def test_blocks_are_reused_within_the_block_and_given_back_after_it():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    returned, again, returned_later, kept_mb, afterwards_mb = (float(word) for word in done.stdout.split())
    assert again < 0.05 * returned
    assert returned_later > 0.8 * returned
    assert kept_mb > 15
    assert afterwards_mb < 5
