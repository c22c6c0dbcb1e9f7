"""Giving memory back: large pictures come and go in several threads, and the C library likes to keep what they left.

Belongs here: the process's settings for its allocator, and returning what is free.
Does not belong here: deciding what is held (whoever holds it).
"""

import ctypes
import sys

# glibc's mallopt parameters, from malloc.h.
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_LARGE_BYTES = 4 << 20


def keep_memory_low() -> None:
    """Make the allocator return every large block at once and share its pools between threads; glibc only.

    Without it, each thread that ever read a photo keeps its own pool, and a freed picture of 20 MB stays in it: a
    render of 80 photos held several hundred MB that nothing used.
    """
    libc = _glibc()
    if libc is not None:
        for parameter, value in ((_ARENA_MAX, 2), (_MMAP_THRESHOLD, _LARGE_BYTES), (_TRIM_THRESHOLD, _LARGE_BYTES)):
            libc.mallopt(parameter, value)


def return_free_memory() -> None:
    """Give back what is free now, after a stage that used much; glibc only."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
        return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
    except OSError:
        return None  # another C library, which has its own ways
