# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Making what goes out: the parts of each shape and size, and the files joined from them.

Belongs here: drawing a scene once a shape for everything that shows it, overlays, the card, streams, the teaser.
Does not belong here: what is wanted (``domain/delivery_plan.py``), where to crop (``media/reframing.py``), drawing
overlays (``media/brand_graphics.py``), keeping files (``assets/package_maker.py``).

Everything that goes out is joined from parts by copying packets, so a frame is encoded once a shape and size however
many files show it, and a scene that did not change is not touched.
"""

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from luxvid_pipeline.domain.camera import half_pace
from luxvid_pipeline.domain.delivery_plan import Part, Shape, format_of
from luxvid_pipeline.domain.errors import MediaError, StorageError
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.media.encode import ENCODER_THREADS, ClipWriter, Crew, Frame, FrameSink, empty_frame, planes
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.film import Stretch, join_packets
from luxvid_pipeline.media.reframing import CropPath, draw_crop
from luxvid_pipeline.media.retiming import HalfPace
from luxvid_pipeline.media.video_files import frame_at, open_without_decoding

Overlay = NDArray[np.uint8]
"""Height × width × 4, RGBA, straight alpha, as large as a shape's full size."""


class PackedOverlays(MutableMapping[tuple[str, Shape], Overlay]):
    """Overlays by scene and shape, packed: nearly all of each is empty, and a package has dozens of 8 MB."""

    def __init__(self) -> None:
        """Begin with none."""
        self._packed: dict[tuple[str, Shape], _Packed] = {}

    def __setitem__(self, place: tuple[str, Shape], overlay: Overlay) -> None:
        """Keep an overlay: of what is wholly clear, nothing."""
        rows, columns = (np.flatnonzero((overlay[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
        box = tuple(slice(int(each[0]), int(each[-1]) + 1) if len(each) else slice(0, 0) for each in (rows, columns))
        self._packed[place] = _Packed(overlay.shape, box, overlay[box].copy())

    def __getitem__(self, place: tuple[str, Shape]) -> Overlay:
        """Return an overlay, unpacked for whoever asks."""
        packed = self._packed[place]
        overlay = np.zeros(packed.shape, np.uint8)
        overlay[packed.box] = packed.pixels
        return overlay

    def __delitem__(self, place: tuple[str, Shape]) -> None:
        """Forget an overlay."""
        del self._packed[place]

    def __iter__(self) -> Iterator[tuple[str, Shape]]:
        """Go through the scenes and shapes that have one."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._packed)


@dataclass(frozen=True, slots=True)
class _Packed:
    """An overlay's size, and what of it is not clear."""

    shape: tuple[int, ...]
    box: tuple[slice, ...]
    pixels: Overlay


_SLOW_DETAIL = 1.25
"""Bits of a part at half pace over those at its own: the eye follows a slower picture better. With as many as all else,
scenes had VMAF 94.0 and more, where 95 is wanted."""

_FADE_FRAMES = 9
_SHEETS = 4
TEASER_PX = (480, 270)
_TEASER_STEP = 3

# BT.709, video range, from R, G, B. Source: ITU-R BT.709-6, sections 3.2 to 3.4.
_RGB_TO_YCBCR = np.array(
    [
        [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255, 16.0],
        [-0.2126 / 1.8556 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, 0.5 * 224 / 255, 128.0],
        [0.5 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, -0.0722 / 1.5748 * 224 / 255, 128.0],
    ],
    np.float32,
)


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
    with ExitStack() as stack:
        scene = _Scene(source, _benches(orders, crops, film, stack, doing), crops_after, doing)
        paces = {order.part.slow for order in orders}
        if source.draws is not None:
            _draw_scene(scene, source.draws, paces, film, doing)
        else:
            _decode_scene(scene, paces, doing)


def _benches(
    orders: Sequence[PartOrder], crops: Mapping[Shape, CropPath], film: FilmFormat, stack: ExitStack, doing: str
) -> "list[_Bench]":
    # Encoders that work beside each other fill the machine with a thread each, which costs a twentieth less than two;
    # the bytes are the same.
    threads = 1 if len(orders) >= (os.cpu_count() or 1) else ENCODER_THREADS
    hands = _Hands(stack, stack.enter_context(Crew()), threads, doing)
    return [_Bench(shape, group, crops, film, hands) for shape, group in _by_shape(orders)]


class _Scene:
    """A scene on its way to the benches: each frame with its number at either pace, and what the cut does to it."""

    def __init__(
        self, source: SceneSource, benches: "Sequence[_Bench]", crops_after: Mapping[Shape, CropPath], doing: str
    ) -> None:
        self.source = source
        self._benches, self._crops_after = benches, crops_after
        self._partner = _decoded(source.after, doing) if source.after is not None else None

    def show(self, frame: Frame, at: float, *, own: int | None = None, slow: int | None = None) -> None:
        """Show a frame that stands at ``at`` in the clip: its number at the scene's own pace, and at half of it."""
        source = self.source
        other, mix, black, into_next = None, 0.0, 0.0, 0
        if own is not None:
            into_next = own - (source.frames - source.overlap)
            own -= source.skip
            if self._partner is not None and into_next >= 0:
                other = next(self._partner, None)
                mix = (into_next + 1) / (source.overlap + 1) if other is not None else 0.0
            black = _black(source, own) if own >= 0 else 0.0
        for bench in self._benches:
            partner = None if other is None else (other, self._crops_after.get(bench.shape), into_next)
            bench.show(frame, at, own=own, slow=slow, black=black, other=partner, mix=mix)


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
        full = format_of(shape, fps=film.fps)
        ground = empty_frame(full)
        _draw(picture, crops.get(shape), last.frames - 1, ground)
        for order in group:
            if order.overlay is None:
                raise MediaError(f"{doing}: {order.part.name} has no card")
            size = format_of(shape, order.part.short_side_px, film.fps)
            below = _Scaler(size).scaled(ground)
            card = below.copy()
            _Ink(order.overlay, size).blend(card, 1.0)
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
            for frame in itertools.islice(container.decode(video=0), 0, None, _TEASER_STEP):
                small = frame.reformat(width=TEASER_PX[0], height=TEASER_PX[1], format="rgb24")
                pictures.append(small.to_image())
        pictures[0].save(
            webp,
            "WEBP",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 * _TEASER_STEP / film.fps),
            loop=0,
            quality=68,
            method=2,
        )
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise MediaError(f"{mp4.name}: no teaser can be made of it: {error}") from error
    except OSError as error:
        raise StorageError(f"{webp.name}: the teaser could not be written: {error.strerror or error}") from error


def laid_over(below: Overlay, above: Overlay) -> Overlay:
    """Return two overlays of one size as one, the second in front."""
    front, back = above.astype(np.float32) / 255, below.astype(np.float32) / 255
    alpha = front[..., 3:] + back[..., 3:] * (1 - front[..., 3:])
    colour = front[..., :3] * front[..., 3:] + back[..., :3] * back[..., 3:] * (1 - front[..., 3:])
    colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0)
    return np.asarray(np.round(np.concatenate([colour, alpha], axis=2) * 255), np.uint8)


class _Bench:
    """One shape: draws each frame once, scales it once a size, hands it to every part that shows it."""

    def __init__(
        self,
        shape: Shape,
        orders: Sequence[PartOrder],
        crops: Mapping[Shape, CropPath],
        film: FilmFormat,
        hands: "_Hands",
    ) -> None:
        self.shape = shape
        self._crop = crops.get(shape)
        self._full = format_of(shape, fps=film.fps)
        self._sheets = _Sheets(self._full)
        self._beside = empty_frame(self._full)
        self._slips: list[_Slip] = []
        self._scalers: dict[int, _Scaler] = {}
        inks: dict[tuple[int, int], _Ink] = {}

        def ink(overlay: Overlay | None, size: FilmFormat) -> _Ink | None:
            if overlay is None:
                return None
            place = id(overlay), size.width_px  # one overlay often lies under several parts
            if place not in inks:
                inks[place] = _Ink(overlay, size)
            return inks[place]

        for order in orders:
            size = format_of(shape, order.part.short_side_px, film.fps)
            writer = hands.writer(order, size)
            self._scalers.setdefault(order.part.short_side_px, _Scaler(size))
            drawn, notice = ink(order.overlay, size), ink(order.notice, size)
            self._slips.append(_Slip(order=order, format=size, writer=writer, ink=drawn, notice=notice))

    def show(
        self,
        frame: Frame,
        at: float,
        *,
        own: int | None,
        slow: int | None,
        black: float = 0.0,
        other: tuple[Frame, CropPath | None, int] | None = None,
        mix: float = 0.0,
    ) -> None:
        """Take the frame that stands at ``at`` in the clip.

        It may be read by encoders after this has returned, so nobody may write to it again.

        Args:
            frame: The frame, wide.
            at: Where it stands.
            own: Its number at the scene's own pace; None where that does not show it.
            slow: The same at half of it.
            black: How much of it is black, at its own pace.
            other: What it dissolves into at its own pace, the crop of that, and where that stands.
            mix: How much of the other is seen.
        """
        plays = {False: own, True: slow}
        taking = [(slip, number) for slip in self._slips if (number := plays[slip.slow]) is not None]
        taking = [(slip, number) for slip, number in taking if slip.takes(number)]
        if not taking:
            return
        drawn, is_new = frame, self._crop is not None
        if is_new:
            drawn = self._sheets.blank()
            _draw(frame, self._crop, at, drawn)
        if other is None and black == 0:
            self._hand_out(drawn, taking, is_new=is_new)
            return
        shown = self._sheets.blank()
        np.copyto(shown, drawn)
        self._hand_out(drawn, [each for each in taking if each[0].slow], is_new=is_new)
        if other is not None:
            _draw(other[0], other[1], other[2], self._beside)
            cv2.addWeighted(shown, 1 - mix, self._beside, mix, 0.0, dst=shown)
        if black > 0:
            _darken(shown, black)
        self._hand_out(shown, [each for each in taking if not each[0].slow], is_new=True)

    def _hand_out(self, drawn: Frame, taking: "Sequence[tuple[_Slip, int]]", *, is_new: bool) -> None:
        """Give a frame to all who show it, in their sizes; ``is_new`` if it is a sheet to be drawn on again."""
        readers: list[Future[Frame]] = []
        sizes: dict[int, Frame] = {}
        for slip, number in taking:
            side = slip.order.part.short_side_px
            if side not in sizes:
                sizes[side] = self._scalers[side].scaled(drawn)
            scaled = sizes[side]
            if slip.notice is None and slip.ink is None:  # all who show it plain read the same one
                shown = slip.writer.show(scaled)
                if scaled is drawn:
                    readers.append(shown)
                continue
            target = slip.writer.buffer()
            np.copyto(target, scaled)
            if slip.notice is not None:
                slip.notice.blend(target, 1.0)
            if slip.ink is not None:
                slip.ink.blend(target, slip.strength(number))
            slip.writer.write(target)
        if is_new:
            self._sheets.lend(drawn, readers)


@dataclass(frozen=True, slots=True)
class _Hands:
    """Who encodes a scene's parts: all writers by one crew, closed with the stack."""

    stack: ExitStack
    crew: Crew
    threads: int
    doing: str

    def writer(self, order: PartOrder, size: FilmFormat) -> ClipWriter:
        detail = _SLOW_DETAIL if order.part.slow else 1.0
        writer = ClipWriter(order.into, size, doing=self.doing, threads=self.threads, detail=detail, crew=self.crew)
        return self.stack.enter_context(writer)


class _Sheets:
    """Frames that several encoders read; one is drawn on again when all are through with it."""

    def __init__(self, size: FilmFormat) -> None:
        self._size = size
        self._lent: deque[tuple[Frame, Sequence[Future[Frame]]]] = deque()

    def blank(self) -> Frame:
        if len(self._lent) < _SHEETS:
            return empty_frame(self._size)
        frame, readers = self._lent.popleft()
        wait(readers)  # whose encode failed says so to its own writer
        return frame

    def lend(self, frame: Frame, readers: Sequence[Future[Frame]]) -> None:
        self._lent.append((frame, readers))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slip:
    """A part being written."""

    order: PartOrder
    format: FilmFormat
    writer: ClipWriter
    ink: "_Ink | None"
    notice: "_Ink | None"

    @property
    def slow(self) -> bool:
        return self.order.part.slow

    def takes(self, number: int) -> bool:
        return self.order.start <= number < self.order.start + self.order.frames

    def strength(self, number: int) -> float:
        """An overlay comes and goes within its stretch, never with the cut."""
        inside = number - self.order.start
        near = min(inside, self.order.frames - 1 - inside)
        return 0.5 - 0.5 * float(np.cos(np.pi * min(1.0, (near + 1) / _FADE_FRAMES)))


class _Ink:
    """An overlay in the planes of one size, only where it covers something."""

    def __init__(self, overlay: Overlay, size: FilmFormat) -> None:
        rows, columns = _filled(overlay, size)
        rgba = overlay[rows, columns].astype(np.float32)
        alpha = rgba[..., 3:] / 255
        colour = cv2.transform(np.ascontiguousarray(rgba[..., :3]), _RGB_TO_YCBCR) * alpha
        stack = np.concatenate([colour, alpha], axis=2).astype(np.float32)
        by = overlay.shape[0] / size.height_px, overlay.shape[1] / size.width_px
        self._bands: list[list[_Band]] = []
        for plane, coarser in ((0, 1), (1, 2), (2, 2)):
            top, left = round(rows.start / by[0] / coarser), round(columns.start / by[1] / coarser)
            end, right = round(rows.stop / by[0] / coarser), round(columns.stop / by[1] / coarser)
            layer = _resized(stack, (right - left, end - top))
            self._bands.append([_band(layer, plane, place, (top, left)) for place in _covered(layer)])

    def blend(self, frame: Frame, strength: float) -> None:
        """Lay it over a frame, 0 to 1 strong."""
        for plane, bands in zip(planes(frame), self._bands, strict=True):
            for band in bands:
                below = plane[band.rows, band.columns]
                # OpenCV rounds to the nearest whole value, and its sums stay within what a byte holds.
                shown = cv2.multiply(below, 1 - strength * band.alpha, dtype=cv2.CV_32F)
                below[...] = cv2.convertScaleAbs(cv2.scaleAdd(band.colour, strength, shown))


@dataclass(frozen=True, slots=True)
class _Band:
    """A stretch of rows of one plane that an overlay covers: its colour, times how much it covers, and that alone."""

    rows: slice
    columns: slice
    colour: NDArray[np.float32]
    alpha: NDArray[np.float32]


def _band(layer: NDArray[np.float32], plane: int, place: tuple[slice, slice], corner: tuple[int, int]) -> _Band:
    rows, columns = place
    # Copies, since a view would hold the whole.
    return _Band(
        slice(rows.start + corner[0], rows.stop + corner[0]),
        slice(columns.start + corner[1], columns.stop + corner[1]),
        layer[rows, columns, plane].copy(),
        layer[rows, columns, 3].copy(),
    )


def _filled(overlay: Overlay, size: FilmFormat) -> tuple[slice, slice]:
    """The rows and columns in which an overlay has something, widened to where pixels of a smaller picture begin."""
    filled = overlay[..., 3] > 0
    found: list[slice] = []
    for length, small, has in (
        (overlay.shape[0], size.height_px, filled.any(axis=1)),
        (overlay.shape[1], size.width_px, filled.any(axis=0)),
    ):
        places = np.flatnonzero(has)
        # A picture of half the size shares its edges with this one every so many pixels.
        step = 2 * length // math.gcd(length, small)
        low, high = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
        found.append(slice(low // step * step, min(length, -(-high // step) * step)))
    return found[0], found[1]


def _covered(stack: NDArray[np.float32]) -> list[tuple[slice, slice]]:
    """The bands of rows in which an overlay has something, each with its columns."""
    if not stack.size:
        return []
    alpha = stack[..., 3] > 1 / 512
    filled = np.flatnonzero(alpha.any(axis=1))
    if not len(filled):
        return []
    bands: list[tuple[slice, slice]] = []
    for rows in np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1):
        columns = np.flatnonzero(alpha[rows[0] : rows[-1] + 1].any(axis=0))
        bands.append((slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)))
    return bands


def _resized(picture: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if (picture.shape[1], picture.shape[0]) == size or not picture.size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


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


class _Scaler:
    """Scales frames to one size, by FFmpeg's scaler: cv2's INTER_AREA takes three times as long by such ratios."""

    def __init__(self, size: FilmFormat) -> None:
        self._size = size
        self._reformatter = VideoReformatter()

    def scaled(self, frame: Frame) -> Frame:
        """Return a frame in this size; itself if it has it."""
        size = self._size
        if frame.shape == (size.height_px * 3 // 2, size.width_px):
            return frame
        # PyAV takes a buffer in place only where its height is a multiple of four; see ``media/encode.py``.
        take = av.VideoFrame.from_numpy_buffer if frame.shape[0] % 6 == 0 else av.VideoFrame.from_ndarray
        picture = take(frame, format="yuv420p")
        small = self._reformatter.reformat(
            picture, size.width_px, size.height_px, "yuv420p", interpolation=Interpolation.BICUBIC
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
