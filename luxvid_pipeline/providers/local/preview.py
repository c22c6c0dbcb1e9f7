"""The animatic's clips: the local camera's own moves, small, with a mark on every frame.

Belongs here: shooting a preview of all scenes side by side.
Does not belong here: where the camera goes (``camera.py``), the mark (``media/preview_mark.py``), the score, joining.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.media.clips import draw_clip
from luxvid_pipeline.media.preview_mark import MarkedClipWriter
from luxvid_pipeline.providers.local.camera import photos_of, plan_clip

PREVIEW = FilmFormat(width_px=960, height_px=540, fps=Fraction(30))
"""A quarter of the film's pixels at the film's own rate, so that every cut falls where it will."""


class _EndedEarly(Exception):  # noqa: N818 - no failure: a neighbour failed, or the run is ended
    pass


def preview_requests(requests: Sequence[ClipRequest]) -> list[ClipRequest]:
    """Return the same clips in the animatic's format."""
    return [replace(request, format=PREVIEW) for request in requests]


def shoot_previews(
    requests: Sequence[ClipRequest],
    into: Sequence[Path],
    progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Shoot clips side by side, one a processor core; the first failure ends the others.

    Args:
        requests: The clips, in the animatic's format.
        into: A file for each.
        progress: Told how many are done; called from several threads.

    Raises:
        MediaError: A photo cannot be read or the encoder gave up.
    """
    stop = threading.Event()
    done: list[Path] = []

    def shoot(request: ClipRequest, file: Path) -> None:
        try:
            _shoot(request, file, stop)
        except _EndedEarly:
            return
        done.append(file)
        progress(len(done))

    with ThreadPoolExecutor(max(1, os.cpu_count() or 1), "preview") as threads:
        work = [threads.submit(shoot, request, file) for request, file in zip(requests, into, strict=True)]
        try:
            for each in work:
                each.result()
        except BaseException:
            stop.set()
            raise


def _shoot(request: ClipRequest, file: Path, stop: threading.Event) -> None:
    def each_frame(_done: int) -> None:
        if stop.is_set():
            raise _EndedEarly

    if stop.is_set():
        raise _EndedEarly
    plan = plan_clip(request)
    doing = f"previewing {request.shot.scene} of {request.listing}"
    with MarkedClipWriter(file, request.format, doing=doing) as writer:
        draw_clip(plan, photos_of(plan, request), request.format, writer, each_frame)
