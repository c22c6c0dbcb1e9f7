"""Writing a large file that nobody reads again soon, without a copy of it in the system's memory.

Belongs here: how bytes reach the disk.
Does not belong here: which files these are, their names, appearing whole (whoever writes them).
"""

import errno
import mmap
import os
import threading
from pathlib import Path

_BLOCK_BYTES = 4096
"""What memory and lengths are aligned to: the page, and the largest block that disks have."""

_PIECE_BYTES = 4 << 20
_LARGE_BYTES = 1 << 20
"""From here on it is worth waiting for the disk."""

_own = threading.local()


def write_large(path: Path, content: bytes) -> None:
    """Write a new file straight to the disk where the file system takes that, in the usual way where it does not.

    The usual way fills a new page of the system's memory for each 4 kB, for which an original of 8 MB takes 11 ms of a
    core on a virtual machine and this way half a one; the thread waits for the disk meanwhile.

    Args:
        path: The file; one that is there is written anew.
        content: Its bytes.

    Raises:
        OSError: It cannot be written.
    """
    if len(content) < _LARGE_BYTES or not _written_straight(path, content):
        path.write_bytes(content)


def _written_straight(path: Path, content: bytes) -> bool:
    straight = getattr(os, "O_DIRECT", 0)  # Linux
    if not straight:
        return False
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | straight, 0o666)
        try:
            piece = _piece()
            for start in range(0, len(content), _PIECE_BYTES):
                part = memoryview(content)[start : start + _PIECE_BYTES]
                piece[: len(part)] = part
                padded = -(-len(part) // _BLOCK_BYTES) * _BLOCK_BYTES
                if os.write(file, piece[:padded]) != padded:
                    return False  # the disk is nearly full: the usual way says so
            os.ftruncate(file, len(content))
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return False
        raise
    return True


def _piece() -> memoryview:
    """This thread's aligned buffer: its pages too are new only once."""
    if not hasattr(_own, "piece"):
        _own.piece = memoryview(mmap.mmap(-1, _PIECE_BYTES))
    return _own.piece
