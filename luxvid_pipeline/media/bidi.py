"""In which order characters of both directions stand on a line.

Belongs here: the Unicode Bidirectional Algorithm for one line of plain text.
Does not belong here: shaping and drawing (``media/fonts.py``), marks that embed directions (``domain/brand.py`` makes
them plain before).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_NEUTRAL = ("B", "S", "WS", "ON")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one direction, in reading order.

    Attributes:
        start, end: Where they stand in the line, ``end`` excluded.
        rightwards: Whether they are read from left to right.
    """

    start: int
    end: int
    rightwards: bool


def reads_leftwards(text: str) -> bool:
    """Return whether a line begins at the right: its first strong character says so (UAX #9, P2 and P3)."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def runs(text: str) -> tuple[Run, ...]:
    """Return the runs of a line from left to right as they are seen, each in reading order.

    Source:
        UAX #9 without explicit embeddings and paired brackets: rules W1 to W7, N1, N2, I1, I2, L2.
        https://www.unicode.org/reports/tr9/
    """
    levels = _levels([unicodedata.bidirectional(char) or "L" for char in text], int(reads_leftwards(text)))
    pieces: list[tuple[int, Run]] = []
    for level, group in groupby(range(len(text)), key=lambda index: levels[index]):
        indices = list(group)
        pieces.append((level, Run(indices[0], indices[-1] + 1, level % 2 == 0)))
    for level in range(max(levels, default=0), 0, -1):
        pieces = _reversed_from(pieces, level)
    return tuple(run for _, run in pieces)


def _levels(kinds: list[str], base: int) -> list[int]:
    outer = "R" if base else "L"
    _resolve_weak(kinds, outer)
    _resolve_neutral(kinds, outer)
    up = {0: {"L": 0, "R": 1, "AN": 2, "EN": 2}, 1: {"L": 2, "R": 1, "AN": 2, "EN": 2}}[base]
    return [up[kind] for kind in kinds]


def _resolve_weak(kinds: list[str], outer: str) -> None:
    before = outer
    for index, kind in enumerate(kinds):  # W1
        if kind in ("NSM", "BN"):
            kinds[index] = before
        before = kinds[index]
    strong = outer
    for index, kind in enumerate(kinds):  # W2, W3
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[index] = "AN"
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for index in range(1, len(kinds) - 1):  # W4
        left, kind, right = kinds[index - 1 : index + 2]
        if left == right and ((kind == "ES" and left == "EN") or (kind == "CS" and left in ("EN", "AN"))):
            kinds[index] = left
    for start, end in _stretches(kinds, ("ET",)):  # W5
        if (start > 0 and kinds[start - 1] == "EN") or (end < len(kinds) and kinds[end] == "EN"):
            kinds[start:end] = ["EN"] * (end - start)
    kinds[:] = ["ON" if kind in ("ES", "ET", "CS") else kind for kind in kinds]  # W6
    strong = outer
    for index, kind in enumerate(kinds):  # W7
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[index] = "L"


def _resolve_neutral(kinds: list[str], outer: str) -> None:
    kinds[:] = [kind if kind in ("L", "R", "AN", "EN") else "ON" for kind in kinds]
    for start, end in _stretches(kinds, _NEUTRAL):  # N1, N2
        left = outer if start == 0 else _as_strong(kinds[start - 1])
        right = outer if end == len(kinds) else _as_strong(kinds[end])
        kinds[start:end] = [left if left == right else outer] * (end - start)


def _as_strong(kind: str) -> str:
    return "L" if kind == "L" else "R"


def _stretches(kinds: Sequence[str], wanted: Sequence[str]) -> list[tuple[int, int]]:
    """Return where kinds of a set stand next to each other."""
    found: list[tuple[int, int]] = []
    for inside, group in groupby(range(len(kinds)), key=lambda index: kinds[index] in wanted):
        if inside:
            indices = list(group)
            found.append((indices[0], indices[-1] + 1))
    return found


def _reversed_from(pieces: list[tuple[int, Run]], level: int) -> list[tuple[int, Run]]:
    """Return the pieces with every stretch of at least this level turned around (L2)."""
    turned: list[tuple[int, Run]] = []
    for inside, group in groupby(pieces, key=lambda piece: piece[0] >= level):
        stretch = list(group)
        turned += stretch[::-1] if inside else stretch
    return turned
