"""Giving memory back, and keeping it where it is wanted again at once: large pictures come and go in several threads.

Belongs here: the process's settings for its allocator, and returning what is free.
Does not belong here: deciding what is held (whoever holds it).
"""

import ctypes
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

# glibc's mallopt parameters, from malloc.h.
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
_LARGE_BYTES = 4 << 20
_REUSED_BYTES = 32 << 20  # the most that glibc takes
_KEPT_BYTES = 512 << 20
_USUAL_KEPT_BYTES = 64 << 20  # what glibc comes to by itself, once a block of the size above was freed

_lock = threading.Lock()
_is_low = False
_reusing = 0


def keep_memory_low() -> None:
    """Make the allocator return every large block at once and share its pools between threads; glibc only.

    Without it, each thread that ever read a photo keeps its own pool, and a freed picture of 20 MB stays in it: a
    render of 80 photos held several hundred MB that nothing used.
    """
    global _is_low  # noqa: PLW0603 - the allocator is the process's, and so is how it is set
    libc = _glibc()
    if libc is None:
        return
    with _lock:
        _is_low = True
        libc.mallopt(_ARENA_MAX, 2)
        if not _reusing:
            _set(libc, large_bytes=_LARGE_BYTES, kept_bytes=_LARGE_BYTES)


@contextmanager
def memory_reused() -> Generator[None]:
    """Keep large blocks for the next one while the block runs, and return them all at its end; glibc only.

    For work that takes and frees pictures or sounds of the same size again and again. A block that was given back
    comes anew as empty pages, and on a virtual machine a page costs 4 µs: of the features of thirty photos that was a
    third of the time, of reading them a half.
    """
    global _reusing  # noqa: PLW0603
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _reusing += 1
        _set(libc, large_bytes=_REUSED_BYTES, kept_bytes=_KEPT_BYTES)
    try:
        yield
    finally:
        with _lock:
            _reusing -= 1
            if not _reusing:
                large_bytes = _LARGE_BYTES if _is_low else _REUSED_BYTES
                _set(libc, large_bytes=large_bytes, kept_bytes=_LARGE_BYTES if _is_low else _USUAL_KEPT_BYTES)
                libc.malloc_trim(0)


def return_free_memory() -> None:
    """Give back what is free now, after a stage that used much; glibc only."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, *, large_bytes: int, kept_bytes: int) -> None:
    libc.mallopt(_MMAP_THRESHOLD, large_bytes)
    libc.mallopt(_TRIM_THRESHOLD, kept_bytes)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
        return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
    except OSError:
        return None  # another C library, which has its own ways
