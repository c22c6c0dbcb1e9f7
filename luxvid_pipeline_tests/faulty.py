"""Clips and scores of known truth: clean ones of different moves, and the same with one fault put in.

Belongs here: drawing frames by homographies from one picture, putting faults in, encoding.
Does not belong here: measuring, judging, photos of a listing.

Every fault is one that generated footage has; its size is stated beside it, in pixels of a frame 1920 wide.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from scipy import signal

from luxvid_pipeline.domain.camera import eased
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.gates import Fault
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Sound
from luxvid_pipeline.media.encode import ClipWriter, empty_frame, planes

SMALL = FilmFormat(width_px=640, height_px=360, fps=Fraction(30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What the camera does: magnification of the last frame over the first, travel in frame widths and heights."""

    zoom: float = 1.0
    right: float = 0.0
    down: float = 0.0


PUSH_IN = Move(zoom=1.18, down=-0.01)
PULL_BACK = Move(zoom=0.82)
TRUCK = Move(zoom=1.03, right=0.09)
SWEEP = Move(zoom=1.04, right=0.13)
HOLD = Move(zoom=1.03, right=0.01)

Frames = list[np.ndarray]


def room(width_px, height_px, seed=1):
    """A drawn room, grey: walls, ceiling and floor in perspective, a window with bars, panels, some texture."""
    lots = np.random.default_rng(seed)
    scale = 2
    width, height = width_px // scale * scale, height_px // scale * scale
    picture = np.zeros((height, width), np.float32)
    gone = np.array([width * lots.uniform(0.42, 0.58), height * lots.uniform(0.4, 0.5)])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    inner = gone + (corners - gone) * lots.uniform(0.38, 0.48)
    shades = lots.uniform(90, 215, 5)
    for side in range(4):
        nxt = (side + 1) % 4
        face = np.array([corners[side], corners[nxt], inner[nxt], inner[side]])
        cv2.fillConvexPoly(picture, np.round(face).astype(np.int32), float(shades[side]), lineType=cv2.LINE_AA)
    cv2.fillConvexPoly(picture, np.round(inner).astype(np.int32), float(shades[4]), lineType=cv2.LINE_AA)

    def line(start, end, shade, thick):
        ends = [tuple(int(value) for value in np.round(point)) for point in (start, end)]
        cv2.line(picture, *ends, float(shade), thick, cv2.LINE_AA)

    thick = max(2, width // 400)
    for part in np.linspace(0, 1, 11):  # floor boards and beams run away from us
        for far, near in ((inner[3:1:-1], corners[3:1:-1]), (inner[:2], corners[:2])):
            line(far[0] + part * (far[1] - far[0]), near[0] + part * (near[1] - near[0]), lots.uniform(40, 230), thick)
    for depth in np.linspace(0.15, 0.95, 6):  # panels of both walls
        for top, bottom in ((0, 3), (1, 2)):
            high = inner[top] + depth * (corners[top] - inner[top])
            low = inner[bottom] + depth * (corners[bottom] - inner[bottom])
            line(high, low, lots.uniform(40, 230), thick)
    low, high = inner[0], inner[2]
    window = np.array([low + 0.15 * (high - low), low + np.array([0.85, 0.75]) * (high - low)])
    cv2.rectangle(picture, *[tuple(int(v) for v in point) for point in window], 235.0, -1, cv2.LINE_AA)
    for part in np.linspace(0, 1, 6):
        x = window[0, 0] + part * (window[1, 0] - window[0, 0])
        line((x, window[0, 1]), (x, window[1, 1]), 50, thick)
    for part in np.linspace(0, 1, 4):
        y = window[0, 1] + part * (window[1, 1] - window[0, 1])
        line((window[0, 0], y), (window[1, 0], y), 60, thick)
    for _ in range(40):  # things lying about
        centre = lots.uniform(0, 1, 2) * [width, height]
        size = lots.uniform(0.005, 0.03, 2) * width
        box = cv2.boxPoints((tuple(centre), tuple(size), float(lots.uniform(0, 90))))
        cv2.fillConvexPoly(picture, np.round(box).astype(np.int32), float(lots.uniform(30, 235)), lineType=cv2.LINE_AA)
    for grain, strength in ((3, 5.0), (24, 8.0)):
        noise = lots.normal(0, strength, (height // grain + 2, width // grain + 2)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.GaussianBlur(np.clip(picture, 0, 255), (0, 0), 0.6).astype(np.uint8)


def framing(picture, film, move=None):
    """Scale and middle of the first frame's view, with room around it for the move either way."""
    scale = 0.74 * min(picture.shape[1] / film.width_px, picture.shape[0] / film.height_px)
    if move is not None and move.zoom < 1:
        scale *= move.zoom
    return scale, (picture.shape[1] / 2, picture.shape[0] / 2)


def views(picture, film, move: Move, frames: int):
    """Homographies from frame pixels to picture pixels, shape ``(frames, 3, 3)``."""
    scale, middle = framing(picture, film, move)
    done = eased(frames)
    found = np.zeros((frames, 3, 3))
    for index, s in enumerate(done):
        step = scale / move.zoom**s
        centre = (
            middle[0] + move.right * s * film.width_px * scale,
            middle[1] + move.down * s * film.height_px * scale,
        )
        found[index] = [
            [step, 0, centre[0] - step * film.width_px / 2],
            [0, step, centre[1] - step * film.height_px / 2],
            [0, 0, 1],
        ]
    return found


def look_through(picture, view, film):
    """One frame, grey, 0 to 255."""
    size = (film.width_px, film.height_px)
    step = float(np.hypot(view[0, 0], view[1, 0]))
    finer = cv2.GaussianBlur(picture, (0, 0), 0.45 * step) if step > 1.2 else picture
    return cv2.warpPerspective(
        finer, view, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )


def clean(picture, film, move: Move, frames: int) -> Frames:
    """A clean clip's frames."""
    return [look_through(picture, view, film) for view in views(picture, film, move, frames)]


def photo_of(picture, film, move: Move, frames: int, index: int):
    """What a photograph shows from where the camera stands at one frame: a little more than the frame."""
    view = views(picture, film, move, frames)[index]
    wider = FilmFormat(width_px=round(film.width_px * 1.15) * 2, height_px=round(film.height_px * 1.15) * 2)
    to_frame = np.array(
        [
            [0.5, 0, (film.width_px - wider.width_px / 2) / 2],
            [0, 0.5, (film.height_px - wider.height_px / 2) / 2],
            [0, 0, 1],
        ]
    )
    return look_through(picture, view @ to_frame, wider)


def bent(frames: Frames, most_px: float = 20.0) -> Frames:
    """Lines bow more and more, to a sagitta of so many pixels."""
    height, width = frames[0].shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    most = most_px * width / 1920
    out = []
    for index, frame in enumerate(frames):
        part = most * index / (len(frames) - 1)
        across = x + part * np.sin(np.pi * 2 * y / height).astype(np.float32)
        down = y + part * np.sin(np.pi * 2 * x / width).astype(np.float32)
        out.append(cv2.remap(frame, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    return out


def frozen_tail(frames: Frames, seconds: float = 0.8, fps: int = 30) -> Frames:
    """The last frames are all the same."""
    hold = round(seconds * fps)
    return frames[:-hold] + [frames[-hold - 1]] * hold


def frozen_middle(frames: Frames, seconds: float = 0.8, fps: int = 30) -> Frames:
    """In the middle nothing moves."""
    start, hold = len(frames) // 3, round(seconds * fps)
    return frames[:start] + [frames[start]] * hold + frames[start + hold :]


def black_gap(frames: Frames, count: int = 2) -> Frames:
    """Some frames are black."""
    at = len(frames) // 2
    return frames[:at] + [np.zeros_like(frames[0])] * count + frames[at + count :]


def flash(frames: Frames, levels: float = 40.0, count: int = 4) -> Frames:
    """For a moment everything is brighter."""
    at = len(frames) // 3
    return [_brighter(f, levels) if at <= i < at + count else f for i, f in enumerate(frames)]


def lamp(frames: Frames, levels: float = 70.0, count: int = 6) -> Frames:
    """For a moment a lamp is on in a part of the picture."""
    height, width = frames[0].shape
    y, x = np.mgrid[0:height, 0:width]
    glow = levels * np.exp(-(((x - width * 0.3) / (width * 0.16)) ** 2 + ((y - height * 0.4) / (height * 0.25)) ** 2))
    at = len(frames) // 2
    return [_brighter(f, glow) if at <= i < at + count else f for i, f in enumerate(frames)]


def flicker(frames: Frames, part: float = 0.02, seed: int = 3) -> Frames:
    """Brightness trembles from frame to frame."""
    lots = np.random.default_rng(seed)
    return [np.clip(f * (1 + part * lots.normal()), 0, 255).astype(np.uint8) for f in frames]


def softened(frames: Frames, sigma_px: float = 3.0) -> Frames:
    """Out of focus."""
    sigma = sigma_px * frames[0].shape[1] / 1920
    return [cv2.GaussianBlur(f, (0, 0), sigma) for f in frames]


def repeated(frames: Frames) -> Frames:
    """24 frames a second shown at 30: every fifth is shown twice."""
    source = np.linspace(0, len(frames) - 1, round(len(frames) * 0.8)).round().astype(int)
    return [frames[source[min(len(source) - 1, int(i * 0.8))]] for i in range(len(frames))]


def shaken(picture, film, move: Move, frames: int, most_px: float = 1.5, seed: int = 5) -> Frames:
    """A hand holds the camera."""
    lots = np.random.default_rng(seed)
    off = lots.normal(0, most_px * film.width_px / 1920, (frames, 2))
    found = []
    for view, (across, down) in zip(views(picture, film, move, frames), off, strict=True):
        jitter = np.array([[1, 0, across], [0, 1, down], [0, 0, 1.0]])
        found.append(look_through(picture, view @ jitter, film))
    return found


def cut_to(frames: Frames, other: Frames) -> Frames:
    """Another picture from the middle on."""
    at = len(frames) // 2
    return frames[:at] + other[at:]


def dissolved(frames: Frames, other: Frames, seconds: float = 0.7, fps: int = 30) -> Frames:
    """One clip becomes another in the middle."""
    length = round(seconds * fps)
    start = (len(frames) - length) // 2
    mix = np.clip((np.arange(len(frames)) - start) / length, 0, 1)
    return [cv2.addWeighted(a, 1 - m, b, m, 0) for a, b, m in zip(frames, other, mix, strict=True)]


def grainy(frames: Frames, sigma: float = 3.0, seed: int = 9) -> Frames:
    """Film grain: new in every frame."""
    lots = np.random.default_rng(seed)
    return [np.clip(f + lots.normal(0, sigma, f.shape), 0, 255).astype(np.uint8) for f in frames]


def encode(frames: Frames, into: Path, film: FilmFormat) -> Path:
    """Write grey frames as a clip in the film's own kind of file."""
    with ClipWriter(into, film) as writer:
        for frame in frames:
            buffer = empty_frame(film)
            luma, blue, red = planes(buffer)
            luma[:] = np.rint(16 + frame.astype(np.float32) * 219 / 255).astype(np.uint8)
            blue[:] = red[:] = 128
            writer.write(buffer)
    return into


def keep_photo(grey, path: Path) -> Path:
    """Write a photograph."""
    cv2.imwrite(str(path), grey, [cv2.IMWRITE_JPEG_QUALITY, 93])
    return path


def _brighter(frame, levels):
    return np.clip(frame.astype(np.float32) + levels, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One clip of known truth.

    Attributes:
        name: What it is.
        scene: Scene it is for.
        move: What its camera does.
        fault: What is wrong with it; None for a clean one.
        also: Faults that may be reported besides, since one brings the other with it.
        spoil: From the clean frames and those of another picture to the frames shown.
        pair: Whether it ends on a second photo.
        last_of_other: Whether that second photo is of another room.
    """

    name: str
    scene: str
    move: Move
    fault: Fault | None = None
    also: frozenset[Fault] = frozenset()
    spoil: Callable[[Frames, Frames], Frames] = lambda frames, _other: frames
    shake_px: float = 0.0
    pair: bool = False
    last_of_other: bool = False


def _bad(name, scene, move, fault, spoil=lambda frames, _other: frames, also=(), **more):
    return Example(name=name, scene=scene, move=move, fault=fault, spoil=spoil, also=frozenset(also), **more)


CLEAN = (
    Example(name="push-in", scene="4-bath", move=PUSH_IN),
    Example(name="dolly", scene="1-arrival", move=PUSH_IN),
    Example(name="truck", scene="2-bedroom", move=TRUCK),
    Example(name="truck to the left", scene="3-vanity", move=Move(zoom=1.02, right=-0.08)),
    Example(name="sweep", scene="5-living", move=SWEEP),
    Example(name="almost static", scene="6-lifestyle", move=HOLD),
    Example(name="pull-back", scene="7-farewell", move=PULL_BACK),
    Example(name="push-in with grain", scene="4-bath", move=PUSH_IN, spoil=lambda f, _o: grainy(f)),
    Example(name="push-in to a second photo", scene="4-bath", move=PUSH_IN, pair=True),
)

FAULTY = (
    _bad("push-in going out", "4-bath", Move(zoom=0.85), Fault.DIRECTION),
    _bad("pull-back going in", "7-farewell", Move(zoom=1.2), Fault.DIRECTION),
    _bad("truck to the wrong side", "2-bedroom", Move(zoom=1.03, right=-0.09), Fault.DIRECTION),
    _bad(
        "frozen tail", "4-bath", PUSH_IN, Fault.FROZEN_TAIL, lambda f, _o: frozen_tail(f), {Fault.FROZEN, Fault.JUDDER}
    ),
    _bad(
        "frozen tail of a truck",
        "2-bedroom",
        TRUCK,
        Fault.FROZEN_TAIL,
        lambda f, _o: frozen_tail(f, 0.6),
        {Fault.JUDDER},
    ),
    _bad(
        "frozen tail of an almost static shot",
        "6-lifestyle",
        HOLD,
        Fault.FROZEN_TAIL,
        lambda f, _o: frozen_tail(f, 1.0),
    ),
    _bad("frozen in the middle", "5-living", SWEEP, Fault.FROZEN, lambda f, _o: frozen_middle(f), {Fault.JUDDER}),
    _bad("black gap", "4-bath", PUSH_IN, Fault.BLACK, lambda f, _o: black_gap(f), {Fault.FLASH}),
    _bad("one black frame", "5-living", SWEEP, Fault.BLACK, lambda f, _o: black_gap(f, 1), {Fault.FLASH}),
    _bad("flash", "4-bath", PUSH_IN, Fault.FLASH, lambda f, _o: flash(f)),
    _bad("faint flash", "2-bedroom", TRUCK, Fault.FLASH, lambda f, _o: flash(f, 15.0, 3)),
    _bad("lamp flashes", "5-living", SWEEP, Fault.FLASH, lambda f, _o: lamp(f)),
    # Now and then it trembles by as much as a flash.
    _bad("flicker", "4-bath", PUSH_IN, Fault.FLICKER, lambda f, _o: flicker(f), {Fault.FLASH}),
    _bad("faint flicker", "6-lifestyle", HOLD, Fault.FLICKER, lambda f, _o: flicker(f, 0.012)),
    _bad("bent lines", "4-bath", PUSH_IN, Fault.BENT, lambda f, _o: bent(f)),
    _bad("bent lines in a truck", "2-bedroom", TRUCK, Fault.BENT, lambda f, _o: bent(f, 16.0)),
    _bad("swapped last frame", "4-bath", PUSH_IN, Fault.LAST_FRAME, pair=True, last_of_other=True),
    _bad("ends in another room", "4-bath", PUSH_IN, Fault.JUMP, cut_to, {Fault.LAST_FRAME, Fault.DRIFT}, pair=True),
    _bad(
        "dissolves to another room",
        "4-bath",
        PUSH_IN,
        Fault.LAST_FRAME,
        dissolved,
        {Fault.DRIFT, Fault.BENT},
        pair=True,
    ),
    _bad("cut inside", "5-living", SWEEP, Fault.JUMP, cut_to, {Fault.DRIFT}),
    _bad("shaken", "4-bath", PUSH_IN, Fault.JUDDER, shake_px=1.5),
    _bad("shaken a little", "6-lifestyle", HOLD, Fault.JUDDER, shake_px=0.8),
    _bad("frames repeated", "5-living", SWEEP, Fault.JUDDER, lambda f, _o: repeated(f)),
    _bad("softened", "4-bath", PUSH_IN, Fault.SOFT, lambda f, _o: softened(f)),
    _bad("a still", "4-bath", Move(), Fault.FROZEN_TAIL, also={Fault.FROZEN, Fault.UNMOVED}),
)


def shoot(
    example: Example, picture, other, film: FilmFormat, frames: int, folder: Path
) -> tuple[Path, Path, Path | None]:
    """Make an example's clip and its photos.

    Args:
        example: What to make.
        picture: What it shows, grey, larger than the film.
        other: Another room.
        film: Format of the clip.
        frames: Length.
        folder: Where to.

    Returns:
        The clip, the photo it begins on, and the photo it ends on if it has one.
    """
    name = example.name.replace(" ", "-")
    if example.shake_px:
        shown = shaken(picture, film, example.move, frames, example.shake_px)
    else:
        shown = clean(picture, film, example.move, frames)
    shown = example.spoil(shown, clean(other, film, example.move, frames))
    first = keep_photo(photo_of(picture, film, example.move, frames, 0), folder / f"{name}-first.jpg")
    last = None
    if example.pair:
        ends_on = other if example.last_of_other else picture
        last = keep_photo(photo_of(ends_on, film, example.move, frames, frames - 1), folder / f"{name}-last.jpg")
    return encode(shown, folder / f"{name}.mp4", film), first, last


Spoiled = Callable[[Sound], Sound]


def with_click(sound: Sound, at_s: float, height: float = 0.08) -> Sound:
    """The sound jumps at one place and decays back, as where two files were put together."""
    out = sound.copy()
    at = round(at_s * SAMPLE_RATE_HZ)
    tail = np.exp(-np.arange(len(out) - at) / 40)[:, None]
    out[at:] += (height * tail).astype(np.float32)
    return out


def with_step(sound: Sound, at_s: float, gain_db: float = -7.0) -> Sound:
    """From one place on it is louder or quieter, without a click."""
    at = round(at_s * SAMPLE_RATE_HZ)
    ramp = np.clip((np.arange(len(sound)) - at) / 480, 0, 1)[:, None]
    return (sound * (10 ** (gain_db * ramp / 20))).astype(np.float32)


def with_other_timbre(sound: Sound, at_s: float, other: Sound) -> Sound:
    """From one place on another music plays, as loud, faded in without a click."""
    at = round(at_s * SAMPLE_RATE_HZ)
    level = float(np.sqrt(np.mean(np.square(sound[max(0, at - SAMPLE_RATE_HZ) : at]))))
    here = other[: len(sound)]
    own = float(np.sqrt(np.mean(np.square(here[at : at + SAMPLE_RATE_HZ])))) or 1.0
    ramp = np.clip((np.arange(len(sound)) - at) / 960, 0, 1)[:, None]
    return (sound * np.sqrt(1 - ramp) + here * (level / own) * np.sqrt(ramp)).astype(np.float32)


def with_gap(sound: Sound, at_s: float, seconds: float = 0.6) -> Sound:
    """Silence for a while."""
    out = sound.copy()
    at, length = round(at_s * SAMPLE_RATE_HZ), round(seconds * SAMPLE_RATE_HZ)
    fade = np.linspace(1, 0, 240)[:, None]
    out[at : at + 240] *= fade
    out[at + 240 : at + length] = 0
    out[at + length : at + length + 240] *= fade[::-1]
    return out


def another_song(seconds: float) -> Sound:
    """Nothing like an ambient score: bright, dense, without a bass."""
    lots = np.random.default_rng(11)
    sound = lots.normal(0, 0.1, (round(seconds * SAMPLE_RATE_HZ), 2))
    return np.asarray(
        signal.sosfilt(signal.butter(6, 3000, "highpass", fs=SAMPLE_RATE_HZ, output="sos"), sound, axis=0)
    )


SOUND_FAULTS: Mapping[str, tuple[Fault, Spoiled]] = {
    "click at a seam": (Fault.CLICK, lambda sound: with_click(sound, 12.0)),
    "click within a stage": (Fault.CLICK, lambda sound: with_click(sound, 14.3)),
    "level falls at a seam": (Fault.LEVEL, lambda sound: with_step(sound, 12.0, -8.0)),
    "level rises at a seam": (Fault.LEVEL, lambda sound: with_step(sound, 12.0, 10.0)),
    "another song at a seam": (
        Fault.TIMBRE,
        lambda sound: with_other_timbre(sound, 12.0, another_song(len(sound) / SAMPLE_RATE_HZ)),
    ),
    "silence": (Fault.SILENCE, lambda sound: with_gap(sound, 13.0)),
}
"""What can be wrong with a score of seven stages of 4 s."""
