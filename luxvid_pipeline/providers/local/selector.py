# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""The local pair selector: looks at the promising photos, then lets the domain choose.

Belongs here: which pictures are opened and how many at once, how alike their colours are.
Does not belong here: scores and the choice (``domain/pairing.py``), matching features (``media/overlap.py``).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.pairing import Likeness, choose_pairs, pair_key, photo_score, promising_pairs
from luxvid_pipeline.domain.pairs import Overlap, ScenePair
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.ports import Engine, PairChoice
from luxvid_pipeline.domain.scenes import Scene, scene
from luxvid_pipeline.domain.storyboard import Storyboard
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.media.overlap import PhotoFeatures, overlap_of, photo_features

MOST_PAIRS = 48
"""Pairs whose overlap is measured for one listing, however many photos it has."""

_BINS = (4, 8, 8)
_TWO = 2

FeaturesT = TypeVar("FeaturesT")


class PairMeasure(Generic[FeaturesT]):
    """How two photos are compared: features once a photo, then an overlap for each pair of them."""

    def __init__(
        self, features: Callable[[Path], FeaturesT], overlap: Callable[[FeaturesT, FeaturesT], Overlap | None]
    ) -> None:
        self.features = features
        self.overlap = overlap


class LocalSelector:
    """Chooses by scores and measured overlap; the same photos and storyboard always give the same choice.

    Args:
        measure: How two photos are compared.
        most_pairs: How many pairs of photos are compared at most.
        workers: Threads that read photos; default one a core.
    """

    engine = "local"

    def __init__(
        self,
        measure: PairMeasure[Any] | None = None,
        *,
        most_pairs: int = MOST_PAIRS,
        workers: int | None = None,
    ) -> None:
        self._measure: PairMeasure[Any] = measure or PairMeasure[PhotoFeatures](photo_features, overlap_of)
        self._most_pairs = most_pairs
        self._workers = workers or os.cpu_count() or 1

    def select(
        self,
        storyboard: Storyboard,
        catalogue: Sequence[CataloguedPhoto],
        files: Mapping[str, Path],
        account: Account | None = None,
        *,
        pinned: Mapping[str, ScenePair] | None = None,
    ) -> PairChoice:
        """Return a row for each of the seven scenes; no photo serves two.

        Args:
            storyboard: What the film means to show.
            catalogue: Every usable photo.
            files: ``photo_id`` to the local working JPEG; a photo without one is chosen on its record alone.
            account: Not asked; the local choice costs nothing.
            pinned: Scene key to the row that it keeps; its photos are not looked at.

        Raises:
            MediaError: A working photo cannot be read.
        """
        pinned = pinned or {}
        subjects = {shot.scene: shot.subject for shot in storyboard.shots}
        scenes = [scene(key) for key in subjects if key not in pinned]
        held = {photo for row in pinned.values() for photo in row.photos}
        seen = [photo for photo in catalogue if photo.photo_id in files and photo.photo_id not in held]
        wishes = {shot.scene: shot.wishes for shot in storyboard.shots}
        named = [tuple(sorted(each.named & files.keys())) for key, each in wishes.items() if key not in pinned]
        asked_for = tuple(pair_key(*pair) for pair in named if len(pair) == _TWO)
        with memory_reused(), ThreadPoolExecutor(self._workers) as threads:
            likeness = _likeness(scenes, seen, files, threads)
            promising = promising_pairs(scenes, seen, likeness, at_most=self._most_pairs)
            overlaps = self._overlaps(tuple(dict.fromkeys((*asked_for, *promising))), files, threads)
        pairs = choose_pairs(
            list(subjects),
            catalogue,
            overlaps,
            likeness=likeness,
            subjects=subjects,
            left_out={each.scene: each.reason for each in storyboard.left_out},
            wishes=wishes,
            pinned=pinned,
        )
        return PairChoice(pairs=pairs, engine=Engine(name=self.engine))

    def _overlaps(
        self, pairs: Sequence[tuple[str, str]], files: Mapping[str, Path], threads: ThreadPoolExecutor
    ) -> dict[tuple[str, str], Overlap]:
        ids = sorted({photo for pair in pairs for photo in pair})
        features = dict(zip(ids, threads.map(self._measure.features, [files[photo] for photo in ids]), strict=True))
        firsts, lasts = [features[first] for first, _ in pairs], [features[last] for _, last in pairs]
        measured = threads.map(self._measure.overlap, firsts, lasts)
        return {pair: overlap for pair, overlap in zip(pairs, measured, strict=True) if overlap is not None}


def _likeness(
    scenes: Sequence[Scene],
    catalogue: Sequence[CataloguedPhoto],
    files: Mapping[str, Path],
    threads: ThreadPoolExecutor,
) -> Likeness:
    """How alike the colours of any two photos are that could play a scene together: 1 the same, 0 nothing shared."""
    groups = [[photo.photo_id for photo in catalogue if photo_score(each, photo) > 0] for each in scenes]
    ids = sorted({photo for group in groups if len(group) > 1 for photo in group})
    palettes = dict(zip(ids, threads.map(palette, [files[photo] for photo in ids]), strict=True))
    pairs = {pair_key(a, b) for group in groups for at, a in enumerate(group) for b in group[at + 1 :]}
    # Bhattacharyya's coefficient of two histograms.
    return {pair: float(np.sqrt(palettes[pair[0]] * palettes[pair[1]]).sum()) for pair in sorted(pairs)}


def palette(path: Path) -> NDArray[np.float64]:
    """Return the colours of a photo as a histogram over lightness and two colour axes, adding up to 1.

    Raises:
        MediaError: It cannot be read.
    """
    small = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_8 | cv2.IMREAD_IGNORE_ORIENTATION)
    if small is None:
        raise MediaError(f"{path.name} cannot be read as a picture; read the listing's photos again")
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.5), cv2.COLOR_BGR2LAB)
    # Photos of homes hardly ever leave the middle half of both colour axes, so all bins lie there.
    lab[..., 1:] = np.clip(lab[..., 1:], 64, 191)
    counts = cv2.calcHist([lab], [0, 1, 2], None, list(_BINS), [0, 256, 64, 192, 64, 192]).ravel().astype(np.float64)
    return counts / max(1.0, counts.sum())
