"""A part of a package, written in runs of whole groups of pictures, each encoded by itself.

Belongs here: what a part shows of a scene, its overlays coming and going, its runs and putting them together.
Does not belong here: drawing frames (``media/packaging.py``), the encoder (``media/encode.py``).

An encoder of full size holds ninety megabytes, and two dozen parts are made of a scene. As groups of pictures are
closed, a part can be encoded a second at a time: as many encoders are open as there are cores, and each has its caches
to itself. Where runs end depends on the part alone, so its bytes do not depend on the machine.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from luxvid_pipeline.domain.delivery_plan import Part
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.crew import Crew
from luxvid_pipeline.media.encode import ClipWriter, Frame, gop_frames
from luxvid_pipeline.media.film import Stretch, join_packets
from luxvid_pipeline.media.overlays import Ink, Overlay

SLOW_DETAIL = 1.25
"""Bits of a part at half pace over those at its own: the eye follows a slower picture better. With as many as all else,
scenes had VMAF 94.0 and more, where 95 is wanted."""

_FADE_FRAMES = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder:
    """A part to encode.

    Attributes:
        part: What it is.
        into: The MP4 to write.
        start, frames: Which frames of the scene, at this part's pace.
        overlay: What is laid over it, at the shape's full size, coming and going; None for plain pictures.
        notice: What stands over it from its first frame to its last; None for nothing.
    """

    part: Part
    into: Path
    start: int
    frames: int
    overlay: Overlay | None = None
    notice: Overlay | None = None


class PartWriter:
    """Writes one part. A context manager: left by an exception, it leaves nothing."""

    def __init__(
        self,
        order: PartOrder,
        size: FilmFormat,
        crew: Crew,
        *,
        ink: Ink | None = None,
        notice: Ink | None = None,
        threads: int = 1,
        doing: str = "",
    ) -> None:
        """Prepare to write.

        Args:
            order: The part wanted.
            size: Its size and rate.
            crew: Who encodes.
            ink: Its overlay in that size.
            notice: Its notice in that size.
            threads: Encoder threads; they do not decide the bytes.
            doing: What this is about, for errors.
        """
        self.order = order
        self._size, self._line, self._ink, self._notice = size, crew.line(), ink, notice
        self._threads, self._doing = threads, doing
        self._runs: list[Path] = []
        self._writer: ClipWriter | None = None

    def __enter__(self) -> Self:
        return self

    def takes(self, number: int) -> bool:
        """Return whether the part shows a frame of the scene, by its number at the part's pace."""
        return self.order.start <= number < self.order.start + self.order.frames

    def add(self, frames: Sequence[tuple[int, Frame]]) -> Future[None]:
        """Encode frames of the part's size, each with its number, as soon as one of the crew is free.

        Nobody may write to them before what is returned is done.
        """
        return self._line.add(partial(self._encode, frames))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the part together.

        Raises:
            MediaError: It cannot be written.
        """
        self._line.stop()
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.__exit__(kind, error, trace)
            if kind is None:
                self._put_together()
        finally:
            for run in self._runs:
                run.unlink(missing_ok=True)

    def _encode(self, frames: Sequence[tuple[int, Frame]]) -> None:
        for number, frame in frames:
            writer = self._run()
            if self._ink is None and self._notice is None:
                writer.show(frame)
                continue
            target = writer.buffer()
            np.copyto(target, frame)
            if self._notice is not None:
                self._notice.blend(target, 1.0)
            if self._ink is not None:
                self._ink.blend(target, self._strength(number))
            writer.write(target)
        writer = self._writer
        # Elsewhere than between groups a key frame would come early: the run then goes on with what comes next.
        if writer is not None and writer.frames_written % gop_frames(self._size) == 0:
            self._writer = None
            writer.__exit__(None, None, None)

    def _run(self) -> ClipWriter:
        """The run being written; a new one after one that has ended."""
        if self._writer is None:
            path = self.order.into.with_name(f"{self.order.into.name}.{len(self._runs)}")
            self._runs.append(path)
            detail = SLOW_DETAIL if self.order.part.slow else 1.0
            writer = ClipWriter(path, self._size, doing=self._doing, threads=self._threads, detail=detail, at_once=True)
            self._writer = writer.__enter__()
        return self._writer

    def _put_together(self) -> None:
        if not self._runs:
            raise MediaError(f"{self._doing}: nothing was shown of {self.order.part.name}")
        if len(self._runs) == 1:
            self._runs[0].replace(self.order.into)
            return
        join_packets(
            [Stretch(run) for run in self._runs],
            None,
            self.order.into,
            frames=self.order.frames,
            samples=0,
            film_format=self._size,
        )

    def _strength(self, number: int) -> float:
        """An overlay comes and goes within its stretch, never with the cut."""
        inside = number - self.order.start
        near = min(inside, self.order.frames - 1 - inside)
        return 0.5 - 0.5 * float(np.cos(np.pi * min(1.0, (near + 1) / _FADE_FRAMES)))
