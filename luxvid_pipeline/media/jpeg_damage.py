"""Whether a JPEG's coded picture is whole, told from its bytes without decoding them.

Belongs here: the markers of a JPEG, what may stand between them, zeros where a transfer left a hole.
Does not belong here: decoding, what to tell the customer (``media/photo_decoding.py``).

libjpeg paints grey or shifted stripes over damaged data, says so on standard error and reports success.

Source:
    ITU-T T.81, annex B (markers, byte stuffing, restart intervals) and annex C (canonical Huffman codes).
"""

import struct
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class JpegState(Enum):
    """What the bytes of a JPEG tell of its main picture."""

    WHOLE = "whole"
    CUT_OFF = "cut off"
    DAMAGED = "damaged"


_SOS, _EOI, _DHT, _DRI = 0xDA, 0xD9, 0xC4, 0xDD
_HUFFMAN_SEQUENTIAL = frozenset({0xC0, 0xC1})
_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAY_END_A_SCAN = frozenset({0xC4, 0xCC, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE})
_NO_COEFFICIENT = frozenset({0x00, 0xF0})
_NEVER_FLAT_BYTES = 1024
"""More than a whole MCU of ten blocks takes in zeros, where zeros mean coefficients."""
_AT_ONCE = 1 << 18
_PADDING_BYTES = 4096
"""So many zeros before a marker may be a writer's padding."""


@dataclass(slots=True)
class _Tables:
    frame: int = 0
    blocks: int = 0
    restart_interval: int = 0
    first_symbol: dict[int, int] = field(default_factory=dict[int, int])
    """By class and number of a Huffman table, the symbol that a row of zero bits stands for."""

    def take(self, marker: int, segment: bytes) -> None:
        if marker in _FRAMES and len(segment) >= 6 + 3 * segment[5]:
            height, width = struct.unpack_from(">HH", segment, 1)
            self.frame = marker
            sampling = [divmod(segment[7 + 3 * part], 16) for part in range(segment[5])] or [(1, 1)]
            across, down = (8 * max(1, *each) for each in zip(*sampling, strict=True))
            self.blocks = -(-width // across) * -(-height // down) * sum(wide * high for wide, high in sampling)
        elif marker == _DRI and len(segment) >= 2:
            self.restart_interval = struct.unpack_from(">H", segment)[0]
        elif marker == _DHT:
            at = 0
            while at + 17 < len(segment):
                self.first_symbol[segment[at]] = segment[at + 17]
                at += 17 + sum(segment[at + 1 : at + 17])

    def most_zero_bytes(self, scan: bytes) -> int:
        """The longest row of zero bytes that a sound scan may hold; zero if nothing is known of it.

        A row of zero bits is a row of each table's first code. Where that names a coefficient, a few blocks would
        have them all alike, which no photo has. Elsewhere the blocks are flat, and the whole picture has an end.
        """
        if self.frame not in _HUFFMAN:
            return 0
        tables = [0x10 | scan[2 + 2 * part] & 0x0F for part in range(scan[0])] if len(scan) > 2 * scan[0] else []
        if self.frame in _HUFFMAN_SEQUENTIAL and any(
            self.first_symbol.get(table, 0) not in _NO_COEFFICIENT for table in tables
        ):
            return _NEVER_FLAT_BYTES
        return max(self.blocks // 2, _NEVER_FLAT_BYTES)


def jpeg_state(content: bytes) -> JpegState:
    """Return whether the main picture of a JPEG is whole, as far as its markers and its zeros tell.

    Finds: a missing end; a second picture or any other marker where none may stand; ``FF`` followed by what never
    follows it in coded data; restart markers missing, doubled, out of order or not announced; a hole of zeros of
    about 1 KB or more (in progressive files and in those of mostly flat pictures: half a byte a block).
    Cannot find: changed bytes that form no marker, which is most of the damage of a few bytes; a hole filled with
    other bytes. Only decoding every coefficient would. What follows the end of the main picture is not looked at.

    Args:
        content: The whole file, which begins with a start marker.
    """
    data = np.frombuffer(content, np.uint8)
    tables = _Tables()
    at, begun = 2, False
    while at + 2 <= len(content):
        if content[at] != 0xFF:
            return JpegState.DAMAGED if begun else JpegState.CUT_OFF
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            return JpegState.WHOLE if begun else JpegState.CUT_OFF
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        if at + 4 > len(content):
            break
        start = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        segment = content[at + 4 : start]
        at = start
        if marker != _SOS:
            tables.take(marker, segment)
            continue
        begun = True
        end = _end_of_scan(data, start, tables.restart_interval)
        if end is None:
            return JpegState.DAMAGED
        if _has_hole(content, start, end, tables.most_zero_bytes(segment)):
            return JpegState.DAMAGED
        at = end
    return JpegState.CUT_OFF


def _end_of_scan(data: NDArray[np.uint8], start: int, restart_interval: int) -> int | None:
    """Where the marker after a scan begins (or the file ends), or None if the scan holds what it may not."""
    at = start
    restarts = 0
    while at < len(data):
        part = data[at : at + _AT_ONCE + 1]
        found = np.flatnonzero(part[:-1] == 0xFF)
        follows = part[found + 1]
        found, follows = found[follows != 0], follows[follows != 0]
        is_restart = (follows & 0xF8) == 0xD0
        others = np.flatnonzero(~is_restart)
        before = int(others[0]) if others.size else len(follows)
        numbers = follows[:before] & 7
        if numbers.size and not restart_interval:
            return None
        if not np.array_equal(numbers, (np.arange(restarts, restarts + numbers.size) & 7).astype(np.uint8)):
            return None
        restarts += int(numbers.size)
        if others.size:
            return _marker_at(data, at + int(found[before]))
        at += _AT_ONCE
    return len(data)


def _marker_at(data: NDArray[np.uint8], at: int) -> int | None:
    """``at``, if a marker that may end a scan begins there, after any filling."""
    last = at + 1
    while last < len(data) and data[last] == 0xFF and last - at < _PADDING_BYTES:
        last += 1
    if last >= len(data):
        return len(data)
    return at if int(data[last]) in _MAY_END_A_SCAN else None


def _has_hole(content: bytes, start: int, end: int, most_zero_bytes: int) -> bool:
    if not most_zero_bytes:
        return False
    hole = content.find(bytes(most_zero_bytes + 1), start, end)
    if hole < 0:
        return False
    last = end
    while last > start and content[last - 1] == 0 and end - last < _PADDING_BYTES:
        last -= 1
    return content.find(bytes(most_zero_bytes + 1), start, last) >= 0
