"""From a camera plan to a clip's file: drawn and encoded in stretches, each on a core of its own.

Belongs here: where a clip is divided, drawing and encoding its stretches side by side, putting them together.
Does not belong here: drawing a frame (``media/clips.py``), the encoder's settings (``media/encode.py``), which clips
are shot at once (``providers/local/camera.py``).

Groups of pictures are closed, so a clip's second half can be encoded before its first is done, and their packets put
one after the other. A thread that draws a frame and encodes it keeps a core to itself: beside x264's own threads a clip
took 2.7 s instead of 2.3 on two cores, and seven of them 4 % more of the processor. Where a clip is divided depends on
its length alone, so its bytes do not depend on the machine.
"""

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

import cv2

from luxvid_pipeline.domain.camera import CameraPlan
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.clips import PlanPhotos, draw_clip
from luxvid_pipeline.media.encode import ClipWriter, gop_frames
from luxvid_pipeline.media.film import Stretch, join_packets
from luxvid_pipeline.media.memory import return_free_memory

_GROUPS = 4
"""Groups of pictures in a stretch: two seconds, so a scene of four is drawn by two cores."""

_CORES = threading.Semaphore(os.cpu_count() or 1)
"""Held by whoever draws and encodes: of all clips that are being shot, as many stretches at once as there are cores."""


class _OthersFailed(Exception):  # noqa: N818 - the other stretch says what is wrong
    pass


def shoot_plan(
    plan: CameraPlan,
    first: Path,
    last: Path | None,
    into: Path,
    film: FilmFormat,
    *,
    doing: str = "",
    each_frame: Callable[[int], None] = lambda _done: None,
) -> None:
    """Draw and encode a clip; whatever ends the work leaves no file.

    Args:
        plan: Where the camera is.
        first: Working photo it begins on.
        last: Working photo it ends on, if there are two.
        into: The MP4 to write.
        film: Size and rate.
        doing: What this is about, for errors.
        each_frame: Called with the number of frames done, from several threads, one at a time; what it raises ends the
            work.

    Raises:
        MediaError: A photo cannot be read or the encoder gave up.
    """
    cv2.setNumThreads(1)
    ranges = stretches(plan.frames, film)
    photos = PlanPhotos(plan, first, last, film, users=len(ranges))
    parts = [into.with_name(f"{into.name}.{number}") for number in range(len(ranges))]
    telling, failed = threading.Lock(), threading.Event()
    done = 0

    def tell(_done: int) -> None:
        nonlocal done
        if failed.is_set():
            raise _OthersFailed
        with telling:
            done += 1
            each_frame(done)

    def shoot(frames: range, part: Path) -> None:
        if failed.is_set():
            return
        try:
            with _CORES, ClipWriter(part, film, doing=doing, threads=1, at_once=True) as writer:
                draw_clip(plan, photos, film, writer, tell, frames=frames)
        except BaseException:
            failed.set()
            raise

    try:
        _side_by_side([partial(shoot, frames, part) for frames, part in zip(ranges, parts, strict=True)], failed)
        if len(parts) == 1:
            parts[0].replace(into)
        else:
            whole = [Stretch(part) for part in parts]
            join_packets(whole, None, into, frames=plan.frames, samples=0, film_format=film)
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
        return_free_memory()  # an encoder leaves 90 MB behind; which of the allocator's pools holds them is chance


def _side_by_side(work: Sequence[Callable[[], None]], failed: threading.Event) -> None:
    """Do all of it at once; of what fails, raise what failed first and not for the others' sake."""
    with ThreadPoolExecutor(min(len(work), os.cpu_count() or 1), "shoot") as threads:
        begun = [threads.submit(each) for each in work]
        try:
            wait(begun)
        except BaseException:  # this thread is interrupted: the others end within a frame
            failed.set()
            raise
    errors = [error for each in begun if (error := each.exception()) is not None]
    reasons = [error for error in errors if not isinstance(error, _OthersFailed)]
    if reasons:
        raise reasons[0]


def stretches(frames: int, film: FilmFormat) -> list[range]:
    """Return where a clip is divided: at key frames, into stretches as equal as these allow."""
    gop = gop_frames(film)
    groups = -(-frames // gop)
    count = max(1, round(groups / _GROUPS))
    edges = [min(frames, gop * round(groups * place / count)) for place in range(count + 1)]
    return [range(start, end) for start, end in itertools.pairwise(edges)]
