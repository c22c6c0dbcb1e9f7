"""What goes out: which files of which shape and length, what each shows when, and what a person calls them.

Belongs here: shapes and their sizes, what targets ask of the sound, the choice of scenes and windows for each length,
file names.
Does not belong here: safe zones (``domain/brand.py``), cropping and encoding (``media/``), drawing cards and captions
(``media/brand_graphics.py``), where files are kept (``assets/delivery.py``).

A clip has a key frame each half second, so a window that begins and ends on one is taken from the clip without being
encoded again. All windows here do: their places are counted in frames and lie on that grid.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS


class Shape(StrEnum):
    """A picture's shape, as a listing's manifest names it."""

    WIDE = "16x9"
    TALL = "9x16"
    SQUARE = "1x1"
    PORTRAIT = "4x5"


class Preset(StrEnum):
    """A length: ``short`` and ``long`` fill a platform's slot, card included; ``film`` is as long as the film."""

    SHORT = "short"
    FILM = "film"
    LONG = "long"


SHORT_S = 15
LONG_S = 60
CARD_S = 5.0
"""The card: half a second in which it comes up, and four and a half in which it stands."""

CARD_RISE_S = 0.5
TEASER_S = 6

SLOW = 2
"""How many times longer a scene may last in the ``long`` cut. At twice its length every clip of the example still
moves visibly; slower, and viewers take it for a photograph."""

FULL_PX = 1080
LADDER_PX = (1080, 720, 480)

_SIZES: Mapping[Shape, tuple[int, int]] = {
    Shape.WIDE: (1920, 1080),
    Shape.TALL: (1080, 1920),
    Shape.SQUARE: (1080, 1080),
    Shape.PORTRAIT: (1080, 1350),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a destination asks of a file's sound.

    Attributes:
        name: Short, as in file names.
        loudness_lufs, ceiling_dbtp: Integrated loudness and highest true peak, after the AAC encode.
        audio_bitrate_bps: Of the AAC track.
    """

    name: str
    loudness_lufs: float = -14.0
    ceiling_dbtp: float = -1.0
    audio_bitrate_bps: int = 192_000


WEB = Target(name="web")
SOCIAL = Target(name="social", audio_bitrate_bps=128_000)
"""Reels take AAC up to 128 kbit/s."""

BROADCAST = Target(name="r128", loudness_lufs=-23.0)
"""EBU R 128: https://tech.ebu.ch/publications/r128"""

TARGETS: Mapping[Shape, Target] = {
    Shape.WIDE: WEB,
    Shape.TALL: SOCIAL,
    Shape.SQUARE: WEB,
    Shape.PORTRAIT: WEB,
}


def format_of(shape: Shape, short_side_px: int = FULL_PX, fps: Fraction = FULL_HD.fps) -> FilmFormat:
    """Return a shape's frame with its short side so many pixels long; both sides are even."""
    width, height = (2 * round(side * short_side_px / FULL_PX / 2) for side in _SIZES[shape])
    return FilmFormat(width_px=width, height_px=height, fps=fps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One scene as it can be shown.

    Attributes:
        scene: Scene key.
        frames: Length at its own pace.
        weight: How much a short cut wants it, from 0.
        slows: Whether frames between its frames can be drawn so well that it may play ``SLOW`` times slower.
    """

    scene: str
    frames: int
    weight: float = 1.0
    slows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of one scene.

    Attributes:
        scene: Scene key.
        start, frames: Place and length in the scene as it plays at this pace; on the grid, bar a scene's end.
        slow: Whether it plays ``SLOW`` times slower.
        caption: Place and length of the stretch that carries a caption, in the same count; None where it would not
            fit into the window.
    """

    scene: str
    start: int
    frames: int
    slow: bool = False
    caption: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One length of the film, with its card or without.

    Attributes:
        preset: Which length this is.
        branded: Whether it carries captions, logo and card.
        windows: What is shown, in order.
        card_frames: Length of the card at its end; 0 without one.
        fps: Frame rate.
    """

    preset: Preset
    branded: bool
    windows: tuple[Window, ...]
    card_frames: int = 0
    fps: Fraction = FULL_HD.fps

    @property
    def frames(self) -> int:
        """Length in frames, the card included."""
        return sum(window.frames for window in self.windows) + self.card_frames

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.frames / self.fps)

    @property
    def stage_seconds(self) -> tuple[float, ...]:
        """How long the score has for each scene; the last one's includes the card."""
        lengths = [window.frames for window in self.windows]
        lengths[-1] += self.card_frames
        return tuple(float(length / self.fps) for length in lengths)

    @property
    def starts_s(self) -> tuple[float, ...]:
        """When each window begins, then when the card does."""
        at, starts = 0, list[float]()
        for window in self.windows:
            starts.append(float(at / self.fps))
            at += window.frames
        return (*starts, float(at / self.fps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of picture that is encoded once and put into every file that shows it.

    Attributes:
        scene: Scene key, or ``CARD``.
        shape: Its shape.
        short_side_px: Its size.
        slow: Whether it plays slower.
        captioned: Whether it is the stretch with the caption.
    """

    scene: str
    shape: Shape
    short_side_px: int = FULL_PX
    slow: bool = False
    captioned: bool = False

    @property
    def name(self) -> str:
        """Its file's name."""
        words = ("slow" if self.slow else "", "captioned" if self.captioned else "")
        return "_".join(filter(None, (self.scene, self.shape.value, f"{self.short_side_px}p", *words))) + ".mp4"


CARD = "card"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a part, as it is joined: its place and length in the part's frames."""

    part: Part
    start: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFile:
    """One film file of the package.

    Attributes:
        name: What a person calls it, ``villa-aurora_28s_9x16_unbranded_1080p.mp4``.
        shape: Its shape.
        short_side_px: Its size.
        cut: What it shows.
        target: What its sound is made for.
    """

    name: str
    shape: Shape
    short_side_px: int
    cut: Cut
    target: Target

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What it is joined from."""
        return tuple(_pieces(self.cut, self.shape, self.short_side_px))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An adaptive stream (HLS): the same cut in several sizes.

    Attributes:
        folder: Name of its folder.
        files: The renditions, largest first.
    """

    folder: str
    files: tuple[DeliveryFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlan:
    """Everything that goes out for one listing.

    Attributes:
        files: The films.
        streams: The adaptive streams.
        teaser: The silent teaser's windows.
        posters: Name of the poster of each shape.
        notes: What was wanted and is not there, and why; for people.
    """

    files: tuple[DeliveryFile, ...]
    streams: tuple[Stream, ...]
    teaser: Cut
    posters: Mapping[Shape, str]
    notes: tuple[str, ...] = ()

    @property
    def film(self) -> DeliveryFile:
        """The whole film as it is: wide, of full size, unbranded, for the web."""
        return self.files[0]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part that some file shows, each once."""
        return tuple(dict.fromkeys(piece.part for file in self.files for piece in file.pieces))

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """Every cut, each once."""
        return tuple(dict.fromkeys(file.cut for file in self.files))


def plan_delivery(
    listing: str,
    material: Sequence[Material],
    shapes: Sequence[Shape],
    *,
    grid: int,
    branded: bool = True,
    captioned: Collection[str] = (),
    broadcast: bool = False,
    fps: Fraction = FULL_HD.fps,
) -> DeliveryPlan:
    """Return the package of a listing.

    Args:
        listing: Listing key; file names begin with it.
        material: The scenes of the film in play order, one or more.
        shapes: The shapes asked for; 16x9 is always among them.
        grid: Frames from one key frame to the next.
        branded: Whether there is a brand to show; without one all films are unbranded.
        captioned: Scenes that carry a caption in branded films.
        broadcast: Whether the 16:9 film also goes out at broadcasters' loudness.
        fps: Frame rate.
    """
    wanted = tuple(dict.fromkeys((Shape.WIDE, *shapes)))
    cuts, notes = _cuts(material, grid, fps, captioned, branded=branded)
    files: list[DeliveryFile] = []
    streams: list[Stream] = []
    for shape in wanted:
        for cut in cuts:
            sizes = LADDER_PX if cut.preset is Preset.FILM and shape in {Shape.WIDE, Shape.TALL} else (FULL_PX,)
            made = [_file(listing, shape, size, cut, TARGETS[shape]) for size in sizes]
            files += made
            if len(made) > 1:
                folder = _name(listing, shape, cut) + "_hls"
                streams.append(Stream(folder=folder, files=tuple(made)))
            if broadcast and shape is Shape.WIDE and cut.preset is Preset.FILM:
                files.append(_file(listing, shape, FULL_PX, cut, BROADCAST))
    return DeliveryPlan(
        files=tuple(files),
        streams=tuple(streams),
        teaser=_teaser(material, grid, fps),
        posters={shape: f"{listing}_poster_{shape.value}.jpg" for shape in wanted},
        notes=tuple(notes),
    )


def _cuts(
    material: Sequence[Material], grid: int, fps: Fraction, captioned: Collection[str], *, branded: bool
) -> tuple[list[Cut], list[str]]:
    """The lengths that this material gives, each unbranded and branded, and what it does not give."""
    own_s = float(sum(scene.frames for scene in material) / fps)
    slow_s = float(sum(scene.frames * (SLOW if scene.slows else 1) for scene in material) / fps)
    card = _on_grid(CARD_S, grid, fps)
    cuts: list[Cut] = []
    notes: list[str] = [] if branded else ["no branded films: listing.yaml names neither an agent nor a logo"]

    def add(preset: Preset, windows: Mapping[bool, Sequence[Window]]) -> None:
        for with_brand in (False, True) if branded else (False,):
            shown = tuple(
                _captioned(window, material, grid) if with_brand and window.scene in captioned else window
                for window in windows[with_brand]
            )
            cuts.append(
                Cut(
                    preset=preset,
                    branded=with_brand,
                    windows=shown,
                    card_frames=card if with_brand else 0,
                    fps=fps,
                )
            )

    whole = [Window(scene=scene.scene, start=0, frames=scene.frames) for scene in material]
    add(Preset.FILM, {False: whole, True: whole})
    if own_s >= SHORT_S + 1:
        slot = _on_grid(SHORT_S, grid, fps)
        scenes = _best(material, (slot - card) // grid, grid)
        add(
            Preset.SHORT,
            {card_too: _windows(scenes, slot - (card if card_too else 0), grid) for card_too in (False, True)},
        )
    else:
        notes.append(f"no {SHORT_S} s cut: the film itself lasts {own_s:g} s")
    if own_s >= LONG_S + 1 or (own_s <= LONG_S * 0.8 and slow_s >= own_s * 1.25):
        slot = _on_grid(LONG_S, grid, fps)
        pace = own_s < LONG_S
        add(
            Preset.LONG,
            {
                card_too: _windows(material, slot - (card if card_too else 0), grid, slow=pace)
                for card_too in (False, True)
            },
        )
        stiff = [scene.scene for scene in material if not scene.slows]
        if pace and stiff:
            notes.append(f"the long cut plays {', '.join(stiff)} at its own pace: slower, it would not be smooth")
        if pace and slow_s < LONG_S - CARD_S:
            notes.append(f"the long cut lasts {slow_s:g} s and its card: the clips give no more without standing still")
    else:
        why = "the film itself nearly is" if own_s > LONG_S * 0.8 else "too few of the clips stay smooth at half pace"
        notes.append(f"no {LONG_S} s cut: {why}")
    return cuts, notes


def _best(material: Sequence[Material], slots: int, grid: int) -> list[Material]:
    """The scenes of a short cut in play order: the first and the last, and the best of the others.

    Two seconds are the least that lets a room be seen and its caption be read.
    """
    least = 4
    most = max(1, slots // least)
    usable = [scene for scene in material if scene.frames >= least * grid] or list(material)
    if len(usable) <= most:
        return usable
    middle = sorted(usable[1:-1], key=lambda scene: -scene.weight)[: max(0, most - 2)]
    kept = {scene.scene for scene in (usable[0], *middle, usable[-1])}
    return [scene for scene in usable if scene.scene in kept][-most:]


def _windows(material: Sequence[Material], budget: int, grid: int, *, slow: bool = False) -> list[Window]:
    """A window of each scene, together at most ``budget`` frames, as even as their lengths allow.

    A window lies in the middle of its scene, where the camera is in full flow; the last one ends with the scene,
    where it comes to rest.
    """
    lengths = [scene.frames * (SLOW if slow and scene.slows else 1) for scene in material]
    given = [0] * len(material)
    left = budget
    if sum(lengths) <= budget:
        given = list(lengths)
    else:
        # The end gains first when there is one step to spare, then the opening.
        order = sorted(range(len(material)), key=lambda at: (at != len(material) - 1, at))
        while left >= grid:
            least = min((given[at] for at in order if given[at] + grid <= lengths[at]), default=None)
            if least is None:
                break
            at = next(at for at in order if given[at] == least and given[at] + grid <= lengths[at])
            given[at] += grid
            left -= grid
    windows: list[Window] = []
    for number, (scene, frames, length) in enumerate(zip(material, given, lengths, strict=True)):
        if frames == 0:
            continue
        spare = length - frames
        at_end = number == len(material) - 1
        # A scene whose length is no multiple of the grid has its odd frames at its end.
        start = _last_start(length, frames, grid) if at_end else spare // grid // 2 * grid
        windows.append(
            Window(
                scene=scene.scene,
                start=start,
                frames=length - start if at_end else frames,
                slow=slow and scene.slows,
            )
        )
    return windows


def _last_start(length: int, frames: int, grid: int) -> int:
    """The key frame from which a scene has about so many frames to its end, and not more."""
    return min(length - 1, math.ceil((length - frames) / grid) * grid)


def _captioned(window: Window, material: Sequence[Material], grid: int) -> Window:
    """The window with the place of its caption, which is the same in every cut so that it is encoded once."""
    scene = next(scene for scene in material if scene.scene == window.scene)
    steps = scene.frames * (SLOW if window.slow else 1) // grid
    wanted = 6 if window.slow else 4
    if steps < 3:
        return window
    length = min(wanted, steps)
    start = (steps - length) // 2 if not window.slow else min(4, (steps - length) // 2)
    place = (start * grid, length * grid)
    fits = place[0] >= window.start and sum(place) <= window.start + window.frames
    if not fits:
        return window
    return Window(scene=window.scene, start=window.start, frames=window.frames, slow=window.slow, caption=place)


def _teaser(material: Sequence[Material], grid: int, fps: Fraction) -> Cut:
    """Six seconds without a word: the opening, the best room, the end."""
    slot = _on_grid(TEASER_S, grid, fps)
    return Cut(
        preset=Preset.SHORT,
        branded=False,
        windows=tuple(_windows(_best(material, 12, grid), slot, grid)),
        fps=fps,
    )


def _pieces(cut: Cut, shape: Shape, size: int) -> Iterator[Piece]:
    for window in cut.windows:
        plain = Part(scene=window.scene, shape=shape, short_side_px=size, slow=window.slow)
        end = window.start + window.frames
        if window.caption is None:
            yield Piece(part=plain, start=window.start, frames=window.frames)
            continue
        told = Part(scene=window.scene, shape=shape, short_side_px=size, slow=window.slow, captioned=True)
        at, length = window.caption
        if at > window.start:
            yield Piece(part=plain, start=window.start, frames=at - window.start)
        yield Piece(part=told, start=0, frames=length)
        if end > at + length:
            yield Piece(part=plain, start=at + length, frames=end - at - length)
    if cut.card_frames:
        yield Piece(part=Part(scene=CARD, shape=shape, short_side_px=size), start=0, frames=cut.card_frames)


def scene_weight(scene: str, confidence: float) -> float:
    """Return how much a short cut wants a scene: what sells a house, times how well the photos show it."""
    return _WANTED.get(scene, 0.5) * (0.5 + 0.5 * confidence)


_WANTED = dict(zip(SCENE_KEYS, (1.0, 0.75, 0.4, 0.7, 0.95, 0.8, 1.0), strict=True))


def _file(listing: str, shape: Shape, size: int, cut: Cut, target: Target) -> DeliveryFile:
    ending = f"_{target.name}" if target is BROADCAST else ""
    return DeliveryFile(
        name=f"{_name(listing, shape, cut)}_{size}p{ending}.mp4",
        shape=shape,
        short_side_px=size,
        cut=cut,
        target=target,
    )


def _name(listing: str, shape: Shape, cut: Cut) -> str:
    brand = "branded" if cut.branded else "unbranded"
    return f"{listing}_{math.floor(cut.seconds + 0.5)}s_{shape.value}_{brand}"


def _on_grid(seconds: float, grid: int, fps: Fraction) -> int:
    """The most frames on the grid that last no longer than ``seconds``."""
    return math.floor(Fraction(seconds) * fps / grid) * grid


def room_caption(photos: Sequence[CataloguedPhoto]) -> str:
    """Return what a branded film may write under a scene, from the photos it really shows; empty where none is sure.

    A wrong name is worse than none: all photos have to show the same room, and whoever said so has to be sure.

    Args:
        photos: The one or two photos of the scene.
    """
    rooms = {photo.room for photo in photos}
    sure = all(photo.room_by == "manifest" or photo.room_confidence >= _SURE for photo in photos)
    if len(rooms) != 1 or not sure:
        return ""
    room = rooms.pop()
    if room is Room.BATHTUB_SHOWER:
        features = {feature for photo in photos for feature in photo.features}
        return "Bath" if "tub" in features else "Shower" if "shower" in features else "Bathroom"
    return _CAPTIONS.get(room, "")


_SURE = 0.7

_CAPTIONS: Mapping[Room, str] = {
    Room.EXTERIOR_FRONT: "Exterior",
    Room.EXTERIOR_BACK: "Exterior",
    Room.AERIAL: "From above",
    Room.POOL: "Pool",
    Room.GARDEN: "Garden",
    Room.VIEW: "View",
    Room.TERRACE: "Terrace",
    Room.LIVING: "Living room",
    Room.DINING: "Dining",
    Room.KITCHEN: "Kitchen",
    Room.BEDROOM: "Bedroom",
    Room.BATHROOM: "Bathroom",
    Room.HALLWAY: "Hall",
    Room.OFFICE: "Study",
}
