# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Making what goes out: the parts of each shape and size, and the files joined from them.

Belongs here: drawing a scene once a shape for everything that shows it, the card, streams, the teaser.
Does not belong here: what is wanted (``domain/delivery_plan.py``), where to crop (``media/reframing.py``), overlays
(``media/overlays.py``), writing a part (``media/part_runs.py``), keeping files (``assets/package_maker.py``).

Everything that goes out is joined from parts by copying packets, so a frame is encoded once a shape and size however
many files show it, and a scene that did not change is not touched.
"""

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from luxvid_pipeline.domain.camera import half_pace
from luxvid_pipeline.domain.delivery_plan import FULL_PX, LADDER_PX, SLOW, Shape, format_of
from luxvid_pipeline.domain.errors import MediaError, StorageError
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.media.crew import Crew
from luxvid_pipeline.media.encode import (
    ENCODER_THREADS,
    ClipWriter,
    Frame,
    FrameSink,
    empty_frame,
    gop_frames,
    planes,
)
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.film import Stretch, join_packets
from luxvid_pipeline.media.overlays import Ink, Overlay
from luxvid_pipeline.media.part_runs import PartOrder, PartWriter
from luxvid_pipeline.media.reframing import CropPath, draw_crop
from luxvid_pipeline.media.retiming import HalfPace
from luxvid_pipeline.media.video_files import frame_at, open_without_decoding

TEASER_PX = (480, 270)
TEASER_STEP = 3
"""The animated teaser shows each third frame of the other one."""

_RUN_FRAMES = 2 * gop_frames(FULL_HD)
"""Frames of a scene that its parts are encoded in at once, at its own pace: two groups of pictures, a second."""

_SHAPES_AHEAD = 2
"""Runs of a shape that may wait for their encoders while the next is drawn: each is at most 190 MB of pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSource:
    """One scene's pictures as the film shows them.

    Attributes:
        scene: Scene key.
        clip: Its clip, in the film's own format.
        frames: Length of the clip.
        after: The next scene's clip, where this one dissolves into it.
        overlap: Frames that a dissolve takes.
        skip: Frames at the beginning that belong to the dissolve from the scene before.
        dips: Frames in which it comes up from black and goes down to it.
        draws: Draws it again from its photographs at places told in frames of the clip, rising, parts of frames too;
            None where there is only the clip.
    """

    scene: str
    clip: Path
    frames: int
    after: Path | None = None
    overlap: int = 0
    skip: int = 0
    dips: tuple[int, int] = (0, 0)
    draws: Callable[[NDArray[np.float64], FrameSink], None] | None = None

    @property
    def length(self) -> int:
        """Frames that it contributes."""
        return self.frames - self.skip


def make_parts(
    source: SceneSource,
    orders: Sequence[PartOrder],
    crops: Mapping[Shape, CropPath],
    crops_after: Mapping[Shape, CropPath],
    *,
    film: FilmFormat = FULL_HD,
    doing: str = "",
) -> None:
    """Encode all parts of one scene.

    The scene is drawn once from its photographs, where it can be (no sharper picture of it exists), or else its clip
    decoded once. A frame that it shows at its own pace and at half of it is drawn once for both; each shape is drawn
    once and each size scaled once a frame.

    Args:
        source: The scene.
        orders: The parts wanted.
        crops: The crop of each shape, as long as the clip.
        crops_after: The same of the scene it dissolves into.
        film: The clips' format.
        doing: What this is about, for errors.

    Raises:
        MediaError: A clip cannot be decoded, or a part cannot be written.
    """
    doing = doing or f"packaging {source.scene}"
    cv2.setNumThreads(1)
    # Encoders that work beside each other fill the machine with a thread each; the bytes are the same.
    threads = 1 if len(orders) >= (os.cpu_count() or 1) else ENCODER_THREADS
    with Crew() as crew, ExitStack() as stack:
        shapes = [
            _ShapeParts(shape, group, crops.get(shape), crops_after.get(shape), film, crew, threads, doing)
            for shape, group in _by_shape(orders)
        ]
        for each in shapes:
            stack.enter_context(each)
        scene = _Scene(source, shapes, doing)
        paces = {order.part.slow for order in orders}
        if source.draws is not None:
            _draw_scene(scene, source.draws, paces, film, doing)
        else:
            _decode_scene(scene, paces, doing)
        scene.finish()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A frame of the scene, and what a cut does to it.

    Attributes:
        frame: The picture, wide; nobody writes to it again.
        at: Where it stands in the clip.
        own: Its number at the scene's own pace; None where that does not show it.
        slow: The same at half of it.
        black: How much of it is black at its own pace.
        other: The frame of the next scene that it dissolves into at its own pace.
        other_at: Where that stands in the next clip.
        mix: How much of the other is seen.
    """

    frame: Frame
    at: float
    own: int | None
    slow: int | None
    black: float = 0.0
    other: Frame | None = None
    other_at: float = 0.0
    mix: float = 0.0

    @property
    def run(self) -> int:
        """Which of the runs that parts are encoded in shows it."""
        return (self.own if self.own is not None else (self.slow or 0) // SLOW) // _RUN_FRAMES


class _Scene:
    """A scene on its way to its shapes, a run at a time: each run is drawn while those before it are encoded."""

    def __init__(self, source: SceneSource, shapes: "Sequence[_ShapeParts]", doing: str) -> None:
        self.source = source
        self._shapes = shapes
        self._partner = _decoded(source.after, doing) if source.after is not None else None
        self._moments: list[_Moment] = []
        self._given: deque[list[Future[None]]] = deque()

    def show(self, frame: Frame, at: float, *, own: int | None = None, slow: int | None = None) -> None:
        """Show a frame that stands at ``at`` in the clip: its number at the clip's own pace, and at half of it."""
        moment = self._moment(frame, at, own, slow)
        if self._moments and moment.run != self._moments[0].run:
            self._hand_on()
        self._moments.append(moment)

    def finish(self) -> None:
        """Wait until all that was shown is encoded.

        Raises:
            MediaError: A part cannot be written.
        """
        self._hand_on()
        while self._given:
            self._wait()

    def _moment(self, frame: Frame, at: float, own: int | None, slow: int | None) -> _Moment:
        source = self.source
        if own is None:
            return _Moment(frame=frame, at=at, own=None, slow=slow)
        shown, into_next = own - source.skip, own - (source.frames - source.overlap)
        other = next(self._partner, None) if self._partner is not None and into_next >= 0 else None
        return _Moment(
            frame=frame,
            at=at,
            own=shown if shown >= 0 else None,
            slow=slow,
            black=_black(source, shown),
            other=other,
            other_at=into_next,
            mix=(into_next + 1) / (source.overlap + 1) if other is not None else 0.0,
        )

    def _hand_on(self) -> None:
        moments, self._moments = self._moments, []
        for shape in self._shapes:
            while len(self._given) >= _SHAPES_AHEAD:
                self._wait()
            self._given.append(shape.take(moments))

    def _wait(self) -> None:
        for part in self._given.popleft():
            part.result()


class _ShapeParts:
    """One shape: draws each frame once, scales it once a size, hands it to every part that shows it."""

    def __init__(
        self,
        shape: Shape,
        orders: Sequence[PartOrder],
        crop: CropPath | None,
        crop_after: CropPath | None,
        film: FilmFormat,
        crew: Crew,
        threads: int,
        doing: str,
    ) -> None:
        self._crop, self._crop_after = crop, crop_after
        self._full = format_of(shape, fps=film.fps)
        self._parts: list[PartWriter] = []
        self._sizes = _Sizes(shape, film)
        self._stack = ExitStack()
        inks: dict[tuple[int, int], Ink] = {}

        def ink(overlay: Overlay | None, size: FilmFormat) -> Ink | None:
            if overlay is None:
                return None
            place = id(overlay), size.width_px  # one overlay often lies under several parts
            if place not in inks:
                inks[place] = Ink(overlay, size)
            return inks[place]

        for order in orders:
            size = format_of(shape, order.part.short_side_px, film.fps)
            self._parts.append(
                PartWriter(
                    order,
                    size,
                    crew,
                    ink=ink(order.overlay, size),
                    notice=ink(order.notice, size),
                    threads=threads,
                    doing=doing,
                )
            )

    def __enter__(self) -> Self:
        for part in self._parts:
            self._stack.enter_context(part)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def take(self, moments: Sequence[_Moment]) -> list[Future[None]]:
        """Draw moments in this shape and give them to their parts; done when all that is returned is."""
        given: dict[int, list[tuple[int, Frame]]] = {}
        for moment in moments:
            plays = {False: moment.own, True: moment.slow}
            takers = [
                (place, number)
                for place, part in enumerate(self._parts)
                if (number := plays[part.order.part.slow]) is not None and part.takes(number)
            ]
            if not takers:
                continue
            plain = self._drawn(moment.frame, self._crop, moment.at)
            drawn = {False: {FULL_PX: plain}}
            for place, number in takers:
                part = self._parts[place].order.part
                is_cut = not part.slow and (moment.other is not None or moment.black > 0)
                if is_cut and True not in drawn:
                    drawn[True] = {FULL_PX: self._cut(plain, moment)}
                given.setdefault(place, []).append((number, self._sizes.get(part.short_side_px, drawn[is_cut])))
        return [self._parts[place].add(frames) for place, frames in given.items()]

    def _drawn(self, frame: Frame, crop: CropPath | None, at: float) -> Frame:
        if crop is None:
            return frame
        drawn = empty_frame(self._full)
        _draw(frame, crop, at, drawn)
        return drawn

    def _cut(self, plain: Frame, moment: _Moment) -> Frame:
        """The frame as a dissolve or a fade shows it."""
        shown = plain.copy()
        if moment.other is not None:
            beside = self._drawn(moment.other, self._crop_after, moment.other_at)
            cv2.addWeighted(shown, 1 - moment.mix, beside, moment.mix, 0.0, dst=shown)
        if moment.black > 0:
            _darken(shown, moment.black)
        return shown


def _draw_scene(
    scene: _Scene,
    draws: Callable[[NDArray[np.float64], FrameSink], None],
    paces: set[bool],
    film: FilmFormat,
    doing: str,
) -> None:
    frames = scene.source.frames
    own = {float(number): number for number in range(frames)} if False in paces else {}
    slow = {float(place): number for number, place in enumerate(half_pace(frames))} if True in paces else {}
    places = np.array(sorted({*own, *slow}))

    def take(number: int, frame: Frame) -> None:
        if number < len(places):
            at = float(places[number])
            scene.show(frame, at, own=own.get(at), slow=slow.get(at))

    drawn = _Drawn(take, film)
    draws(places, drawn)
    if drawn.count != len(places):
        raise MediaError(f"{doing}: {drawn.count} frames were drawn, {len(places)} were expected")


def _decode_scene(scene: _Scene, paces: set[bool], doing: str) -> None:
    half = HalfPace() if True in paces else None
    before: Frame | None = None
    last = scene.source.frames - 1
    for number, frame in enumerate(_whole(scene.source, doing)):
        if half is not None and before is not None:
            early, late = half.between(before, frame)
            scene.show(early, number - 0.75, slow=2 * number - 1)
            scene.show(late, number - 0.25, slow=2 * number)
        scene.show(frame, float(number), own=number, slow=0 if number == 0 else None)
        before = frame
    if before is not None:
        scene.show(before, float(last), slow=2 * last + 1)


def _whole(source: SceneSource, doing: str) -> Iterator[Frame]:
    """The clip's frames, as many as were promised."""
    held = 0
    for frame in _decoded(source.clip, doing):
        yield frame
        held += 1
    if held != source.frames:
        raise MediaError(f"{doing}: {source.clip.name} holds {held} frames, {source.frames} were expected")


def make_card(
    last: SceneSource,
    orders: Sequence[PartOrder],
    crops: Mapping[Shape, CropPath],
    *,
    rise: int,
    film: FilmFormat = FULL_HD,
    doing: str = "",
) -> None:
    """Encode the card's parts: it comes up over the film's last picture and then stands.

    Args:
        last: The film's last scene.
        orders: The parts wanted, each with its card as overlay.
        crops: The crop of each shape.
        rise: Frames in which it comes up.
        film: The clips' format.
        doing: What this is about, for errors.

    Raises:
        MediaError: The clip cannot be decoded, an order has no card, or a part cannot be written.
    """
    doing = doing or "packaging the card"
    picture = last_picture(last.clip, last.frames)
    for shape, group in _by_shape(orders):
        full, sizes = format_of(shape, fps=film.fps), _Sizes(shape, film)
        ground = empty_frame(full)
        _draw(picture, crops.get(shape), last.frames - 1, ground)
        for order in group:
            if order.overlay is None:
                raise MediaError(f"{doing}: {order.part.name} has no card")
            size = format_of(shape, order.part.short_side_px, film.fps)
            below = sizes.get(order.part.short_side_px, {FULL_PX: ground})
            card = below.copy()
            Ink(order.overlay, size).blend(card, 1.0)
            with ClipWriter(order.into, size, doing=doing) as writer:
                for number in range(order.frames):
                    shown = min(1.0, (number + 1) / max(1, rise))
                    strength = 0.5 - 0.5 * float(np.cos(np.pi * shown))
                    target = writer.buffer()
                    cv2.addWeighted(below, 1 - strength, card, strength, 0.0, dst=target)
                    writer.write(target)


def last_picture(clip: Path, frames: int) -> Frame:
    """Return a clip's last frame; only the packets from its last key frame on are decoded.

    Raises:
        MediaError: It cannot be decoded.
    """
    try:
        with open_without_decoding(clip) as container:
            last = frame_at(container, container.streams.video[0], frames - 1)
            return np.asarray(last.to_ndarray(format="yuv420p"), np.uint8)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{clip.name}: cannot be decoded: {error.strerror or error}") from error
    except (ValueError, IndexError) as error:
        raise MediaError(f"{clip.name}: {error}") from error


def write_stream(renditions: Sequence[tuple[str, Path]], folder: Path, *, segment_s: float = 4.0) -> list[Path]:
    """Write an adaptive stream (HLS, fragmented MP4, one file a rendition) and return its files, the playlist first.

    Nothing is encoded: segments are cut at key frames, which all renditions have at the same times.

    Args:
        renditions: Name and file of each, largest first.
        folder: Where to write; made if it is not there.
        segment_s: Length of a segment.

    Raises:
        MediaError: ffmpeg failed.
        StorageError: The folder cannot be written.

    Source:
        RFC 8216, HTTP Live Streaming, 4.3.2.2 (byte ranges) and 4.3.4 (master playlist).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    inputs = [argument for _, path in renditions for argument in ("-i", str(path))]
    maps = [
        argument for number in range(len(renditions)) for argument in ("-map", f"{number}:v", "-map", f"{number}:a")
    ]
    streams = " ".join(f"v:{number},a:{number},name:{name}" for number, (name, _) in enumerate(renditions))
    run_ffmpeg(
        [
            *inputs,
            *maps,
            *("-c", "copy", "-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1"),
            *("-f", "hls", "-hls_time", f"{segment_s:g}", "-hls_playlist_type", "vod", "-hls_list_size", "0"),
            *("-hls_segment_type", "fmp4", "-hls_flags", "single_file+independent_segments"),
            *("-var_stream_map", streams, "-master_pl_name", "master.m3u8"),
            *("-hls_segment_filename", str(folder / "%v.mp4"), str(folder / "%v.m3u8")),
        ],
        doing=f"writing the stream {folder.name}",
    )
    names = [name for name, _ in renditions]
    return [
        folder / "master.m3u8",
        *(folder / f"{name}.m3u8" for name in names),
        *(folder / f"{name}.mp4" for name in names),
    ]


def write_teaser(stretches: Sequence[Stretch], film: FilmFormat, mp4: Path, webp: Path) -> None:
    """Write the silent teaser twice: joined as an MP4 without a sound track, and small as an animated WebP.

    Args:
        stretches: What it shows, parts of one size.
        film: Their size and rate.
        mp4: The one to write.
        webp: The other.

    Raises:
        MediaError: A part cannot be read or cut there.
    """
    frames = sum(stretch.frames or 0 for stretch in stretches)
    join_packets(stretches, None, mp4, frames=frames, samples=0, film_format=film)
    pictures: list[Image.Image] = []
    try:
        with av.open(str(mp4)) as container:
            for frame in itertools.islice(container.decode(video=0), 0, None, TEASER_STEP):
                small = frame.reformat(width=TEASER_PX[0], height=TEASER_PX[1], format="rgb24")
                pictures.append(small.to_image())
        pictures[0].save(
            webp,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 * TEASER_STEP / film.fps),
            loop=0,
            quality=68,
            method=2,
        )
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise MediaError(f"{mp4.name}: no teaser can be made of it: {error}") from error
    except OSError as error:
        raise StorageError(f"{webp.name}: the teaser could not be written: {error.strerror or error}") from error


class _Drawn:
    """Takes frames drawn from photographs and hands each on with its number."""

    def __init__(self, take: Callable[[int, Frame], None], film: FilmFormat) -> None:
        self._take, self._film = take, film
        self.count = 0

    def buffer(self) -> Frame:
        return empty_frame(self._film)  # a new one each time: encoders may still read the one before

    def write(self, frame: Frame) -> None:
        self._take(self.count, frame)
        self.count += 1


def _by_shape(orders: Sequence[PartOrder]) -> Iterator[tuple[Shape, list[PartOrder]]]:
    for shape in Shape:
        group = [order for order in orders if order.part.shape is shape]
        if group:
            yield shape, group


def _draw(frame: Frame, crop: CropPath | None, at: float, into: Frame) -> None:
    """The part of a frame that its shape shows; without a crop, all of it."""
    if crop is None or into.shape == frame.shape:
        np.copyto(into, frame)
        return
    left = float(np.interp(at, np.arange(len(crop.lefts_px)), crop.lefts_px))
    draw_crop(frame, left, crop.width_px, into)


class _Sizes:
    """A picture of one shape in each of its sizes, by FFmpeg's scaler: cv2's INTER_AREA takes three times as long.

    Each is scaled from the next larger one, wanted or not, so that what else is made does not decide its bytes: 480
    from 720 takes 0.7 ms where 480 from 1080 takes 2.1, and has a PSNR of 49 dB against a Lanczos reduction, where that
    has 51.
    """

    def __init__(self, shape: Shape, film: FilmFormat) -> None:
        self._formats = {short_px: format_of(shape, short_px, film.fps) for short_px in LADDER_PX}
        self._reformatters = {short_px: VideoReformatter() for short_px in LADDER_PX}

    def get(self, short_px: int, made: dict[int, Frame]) -> Frame:
        """Return a picture in a size, by its short side.

        Args:
            short_px: One of the ladder's.
            made: The picture in the sizes there are already, the full one at least; takes those that are made.
        """
        if short_px not in made:
            larger = min(each for each in LADDER_PX if each > short_px)
            made[short_px] = self._scaled(self.get(larger, made), short_px)
        return made[short_px]

    def _scaled(self, frame: Frame, short_px: int) -> Frame:
        size = self._formats[short_px]
        # PyAV takes a buffer in place only where its height is a multiple of four; see ``media/encode.py``.
        take = av.VideoFrame.from_numpy_buffer if frame.shape[0] % 6 == 0 else av.VideoFrame.from_ndarray
        small = self._reformatters[short_px].reformat(
            take(frame, format="yuv420p"),
            size.width_px,
            size.height_px,
            "yuv420p",
            interpolation=Interpolation.BICUBIC,
            threads=1,  # encoders have the cores
        )
        return np.asarray(small.to_ndarray(), np.uint8)


def _black(source: SceneSource, shown: int) -> float:
    """How much of a frame is black already, 0 to 1, as a fade at either end asks for."""
    rise, fall = source.dips
    left = source.length - 1 - shown
    up = 1 - shown / rise if rise and shown < rise else 0.0
    down = 1 - left / fall if fall and left < fall else 0.0
    return max(up, down)


def _darken(frame: Frame, black: float) -> None:
    luma, blue, red = planes(frame)
    for plane, level in ((luma, 16), (blue, 128), (red, 128)):
        cv2.convertScaleAbs(plane, dst=plane, alpha=1 - black, beta=level * black)


def _decoded(clip: Path, doing: str) -> Iterator[Frame]:
    try:
        with open_without_decoding(clip) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                yield np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)
    except (av.error.FFmpegError, OSError, IndexError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{doing}: {clip.name} cannot be decoded: {reason}") from error
