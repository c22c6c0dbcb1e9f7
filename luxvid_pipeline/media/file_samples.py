"""What a few blocks of a file tell: whether it has changed, whether it has come in to its end.

Belongs here: reading samples, knowing how picture formats end.
Does not belong here: decoding (``media/photo_decoding.py``), what follows for a listing (``domain/arrivals.py``).

Photos of a listing weigh hundreds of megabytes, and whoever watches an inbox has no time to read them all. A compressed
picture cannot be changed without changing its length, its head or its end; a file changed only between the blocks, as
an uncompressed TIFF could be, counts as unchanged.
"""

import hashlib
import struct
from pathlib import Path

from luxvid_pipeline.domain.arrivals import Wholeness

BLOCKS = 8
BLOCK_BYTES = 16_384
_BOX_HEAD_BYTES = 8
_MOST_BOXES = 64


def sample(path: Path) -> tuple[str, Wholeness]:
    """Return a hash of a file's size and of eight blocks from its head to its end, and whether it ends as it should.

    A file of up to 128 KiB is hashed whole.

    Raises:
        OSError: It cannot be read.
    """
    made = hashlib.sha256()
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        made.update(str(size).encode())
        head = tail = b""
        for number in range(BLOCKS):
            stream.seek(max(0, size - BLOCK_BYTES) * number // (BLOCKS - 1) if size > BLOCKS * BLOCK_BYTES else 0)
            tail = stream.read(BLOCK_BYTES if size > BLOCKS * BLOCK_BYTES else -1)
            head = head or tail
            made.update(tail)
            if size <= BLOCKS * BLOCK_BYTES:
                break
        whole = _wholeness(head, tail, size)
        if whole is None:
            whole = _ends_with_a_box(path, size)
    return made.hexdigest(), whole


def _wholeness(head: bytes, tail: bytes, size: int) -> Wholeness | None:
    """None where the file is made of boxes (HEIC, AVIF), which have to be walked."""
    if size == 0:
        return Wholeness.UNFINISHED
    if head.startswith(b"\xff\xd8\xff"):  # cameras and editors write more after the end mark, so it is looked for
        return _either(b"\xff\xd9" in tail)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _either(b"IEND\xaeB`\x82" in tail)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _either(size >= 8 + int.from_bytes(head[4:8], "little"))
    return None if head[4:8] == b"ftyp" else Wholeness.UNKNOWN


def _ends_with_a_box(path: Path, size: int) -> Wholeness:
    """Walk the top-level boxes of an ISO base media file; source: ISO/IEC 14496-12, 4.2."""
    at = 0
    with path.open("rb") as stream:
        for _ in range(_MOST_BOXES):
            if at == size:
                return Wholeness.WHOLE
            stream.seek(at)
            box = stream.read(2 * _BOX_HEAD_BYTES)
            if len(box) < _BOX_HEAD_BYTES:
                return Wholeness.UNFINISHED
            length = int.from_bytes(box[:4], "big")
            if length == 1 and len(box) == 2 * _BOX_HEAD_BYTES:
                (length,) = struct.unpack(">Q", box[_BOX_HEAD_BYTES:])
            if length < _BOX_HEAD_BYTES:  # 0: to the end of the file, wherever that is
                return Wholeness.UNKNOWN
            at += length
            if at > size:
                return Wholeness.UNFINISHED
    return Wholeness.UNKNOWN


def _either(whole: bool) -> Wholeness:
    return Wholeness.WHOLE if whole else Wholeness.UNFINISHED
