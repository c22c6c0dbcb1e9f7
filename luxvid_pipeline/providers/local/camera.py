"""The local camera: a scene's clip from one photo or two, on this machine, with no model.

Belongs here: ``LocalCamera``, behind the ``ClipGenerator`` port.
Does not belong here: where the camera goes (``domain/camera.py``), drawing and encoding (``media/``).
"""

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from luxvid_pipeline.domain.camera import (
    CameraPlan,
    PhotoShape,
    interest_map,
    plan_pair,
    plan_single,
    travels_along,
    without_leaning,
)
from luxvid_pipeline.domain.ports import ClipRequest, Engine, Progress, ignore_progress
from luxvid_pipeline.domain.scenes import scene
from luxvid_pipeline.media.clips import PlanPhotos, draw_clip, misalignment_px, photo_size, small_luma, small_picture
from luxvid_pipeline.media.encode import FrameSink
from luxvid_pipeline.media.photo_content import calm_water
from luxvid_pipeline.media.shooting import shoot_plan

_INTEREST_LONG_SIDE_PX = 128
_LEAST_WATER = 0.02
"""Part of a photo from which its calm water is a pool; less is a blue cushion."""

_MIDDLES = (0.5, 0.35, 0.65, 0.2, 0.8)
"""Where in the clip a dissolve may lie, as its length's part, the best first."""


_AGREES_PX = 12.0
"""How far apart, at 1080p, the homography may show the same things; beyond that the photos were taken from different
places in a deep space, the homography is that of one plane, and only the rest of the picture would lean with it. On the
seven scenes of the example listing, all of that kind, the plainer move is closer to what a real camera saw
(docs/camera-truth.md)."""


class _StoppedEarly(Exception):  # noqa: N818 - no failure: somebody no longer wants the clip
    pass


class LocalCamera:
    """Shoots clips by moving a virtual camera over the photos."""

    engine = "local"

    @property
    def most_at_once(self) -> int:
        """One clip a processor core: drawing and encoding of one clip together fill one."""
        return max(1, os.cpu_count() or 1)

    async def shoot(self, request: ClipRequest, into: Path, progress: Progress = ignore_progress) -> Engine:
        """Write the clip to ``into`` and return who made it.

        A cancelled shot stops within a frame, ends its encoder and leaves no file.

        Raises:
            MediaError: A photo cannot be read or the encoder gave up.
        """
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        def report(part_done: float) -> None:
            loop.call_soon_threadsafe(progress, part_done)

        work = asyncio.ensure_future(asyncio.to_thread(shoot_clip, request, into, report, stop.is_set))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()
            into.unlink(missing_ok=True)
            raise
        return Engine(name=self.engine)


def plan_clip(request: ClipRequest) -> CameraPlan:
    """Return where the camera is at each frame of a requested clip.

    Where both photos are shown aligned, the dissolve lies where they agree best, and is the shorter the less they
    agree: a double image that lasts looks worse than a quick change.

    Raises:
        MediaError: A photo cannot be read.
    """
    film, move = request.format, scene(request.shot.scene).camera
    frames = film.frames(request.shot.seconds)
    first_luma = small_luma(request.first.path)
    first = _shape(request.first.path, first_luma, film.aspect)
    if request.last is None:
        return plan_single(move, first, film, frames)
    last_luma = small_luma(request.last.path)
    last = _shape(request.last.path, last_luma, film.aspect)
    sizes_px = first.width_px, last.width_px

    def apart_px(plan: CameraPlan, at: int) -> float:
        if plan.last is None:
            raise ValueError("a plan of one photo has nothing to agree")
        return misalignment_px(first_luma, last_luma, (plan.first[at], plan.last[at]), sizes_px, film)

    plan = plan_pair(move, first, last, film, frames, request.overlap)
    if not plan.aligned or request.overlap is None:
        return plan
    best = _best_dissolve(plan, apart_px)
    if best.apart_px * 1920 / film.width_px > _AGREES_PX:
        plainer = plan_pair(move, first, last, film, frames, without_leaning(request.overlap, first, film.aspect))
        if plainer.aligned:
            plan, best = plainer, _best_dissolve(plainer, apart_px)
    seconds = float(np.interp(best.apart_px * 1920 / film.width_px, [2.0, 8.0, 24.0], [1.0, 0.6, 0.3]))
    return plan.with_dissolve(best.middle, film.frames(seconds))


@dataclass(frozen=True, slots=True)
class _Dissolve:
    middle: int
    apart_px: float


def _best_dissolve(plan: CameraPlan, apart_px: Callable[[CameraPlan, int], float]) -> _Dissolve:
    # A late or early dissolve has to agree better to be worth leaving one photo on screen for so short a time.
    start, end = plan.window
    middles = sorted({min(max(round(part * plan.frames), start + 3), end - 3) for part in _MIDDLES})
    apart = {at: apart_px(plan, at) for at in middles}
    middle = min(
        middles, key=lambda at: apart[at] * (1 + 2 * abs(at / plan.frames - 0.5)) + 6 * abs(at / plan.frames - 0.5)
    )
    return _Dissolve(middle, apart[middle])


def shoot_clip(
    request: ClipRequest,
    into: Path,
    progress: Progress = ignore_progress,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Draw and encode a clip; a stopped one leaves no file and no error.

    Args:
        request: What to shoot.
        into: The MP4 to write.
        progress: Told of the part done.
        stopped: Asked before each frame; true ends the work.

    Raises:
        MediaError: A photo cannot be read or the encoder gave up.
    """
    plan = plan_clip(request)
    every = max(1, plan.frames // 40)

    def each_frame(done: int) -> None:
        if stopped():
            raise _StoppedEarly
        if done % every == 0 or done == plan.frames:
            progress(done / plan.frames)

    doing = f"shooting {request.shot.scene} of {request.listing}"
    last = request.last.path if request.last is not None else None
    try:
        shoot_plan(plan, request.first.path, last, into, request.format, doing=doing, each_frame=each_frame)
    except _StoppedEarly:
        return


def draw_again(request: ClipRequest, places: NDArray[np.float64], into: FrameSink) -> None:
    """Draw a clip again from its photos, as it was before it was encoded, and what lies between its frames.

    Args:
        request: What the clip was shot from.
        places: What to draw, rising, in frames of the clip and parts of them.
        into: Takes the frames.

    Raises:
        MediaError: A photo cannot be read.
    """
    plan = plan_clip(request).at(places)
    draw_clip(plan, photos_of(plan, request), request.format, into)


def photos_of(plan: CameraPlan, request: ClipRequest) -> PlanPhotos:
    """Return a requested clip's photos, for one who draws all its frames."""
    last = request.last.path if request.last is not None else None
    return PlanPhotos(plan, request.first.path, last, request.format)


def _shape(path: Path, luma: NDArray[np.uint8], aspect: float) -> PhotoShape:
    width, height = photo_size(path)
    every = max(1, max(luma.shape) // _INTEREST_LONG_SIDE_PX)
    rows, columns = (side // every for side in luma.shape)
    small = luma[: rows * every, : columns * every].reshape(rows, every, columns, every).mean(axis=(1, 3))
    water = _water(path, (rows, columns)) if travels_along(width, height, aspect) else None
    return PhotoShape(width_px=width, height_px=height, interest=interest_map(small), water=water)


def _water(path: Path, size: tuple[int, int]) -> NDArray[np.float64] | None:
    """How much of each part of a photo is a pool, rows × columns; None where there is none to speak of."""
    found = calm_water(small_picture(path)).astype(np.float64)
    if found.mean() < _LEAST_WATER:
        return None
    return np.asarray(cv2.resize(found, size[::-1], interpolation=cv2.INTER_AREA), np.float64)
