# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The virtual camera: what part of a photograph each frame of a clip shows, and how it moves.

Belongs here: easing, moves as homographies, framing a photo by what is interesting in it, the plan of a clip of one
photo or of two, all in numbers.
Does not belong here: reading photos and drawing frames (``media/clips.py``), encoding, how far each scene's camera
moves (``domain/scenes.py``).

A *view* is a 3x3 homography from frame units to photo pixels. Frame units have their origin at the frame's centre and
count frame *widths* in both directions, x right and y down, so a 16:9 frame spans 1 by 0.5625. Photo pixels are
continuous: pixel ``i`` covers ``[i, i + 1)``. A homography is all a still photograph honestly supports: the camera may
turn and zoom and shift, and straight lines stay straight. All views of a clip change together along one eased
parameter ``s`` from 0 (first frame) to 1 (last frame).
"""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import scipy
from numpy.typing import NDArray

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.scenes import CameraMove, MoveKind

Floats = NDArray[np.float64]

END_SPEED = 0.3
"""Speed at a cut, as a part of the speed in the middle: a camera that comes to rest at every cut looks like a slide
show."""

RAMP = 0.35
"""Part of the clip over which the camera gathers speed, and loses it again."""

DISSOLVE_S = 0.7
"""Length of the dissolve between two photos that are not aligned with each other."""

LEAST_SHARE = 0.35
"""Overlap from which the view travels along the homography; below it too little of the dissolve would be aligned."""

_FOCAL = 0.75
"""Focal length of the virtual camera in frame widths: a lens of 27 mm on 36 mm film, what interiors are shot with."""

_INSET_PX = 0.5
"""Distance kept from the photo's edge: from there on, sampling would repeat the outermost pixel."""

_TALL_SLACK = 0.35
"""Frame heights hidden above and below from which the camera shows them by travelling (4:3 photos stay below)."""

_TALL_TRAVEL = 0.4
"""Farthest vertical travel, in frame heights: a comfortable tilt within four seconds."""

_LEFT_BEHIND = 0.03
"""Part of the last frame of a travel that a pool has to fill; with less, the travel goes the other way. Measured on
upright cuts of four pools, a garden and two seas: below, the camera ended on trees; above, on the pool's far edge."""

_WATER_WEIGHT = 0.2
"""How much of what is interesting a pool then is: water is calm, so that the map of details passes over it."""

_FASTEST = 0.62
"""Farthest a frame's corner may travel along a homography, in frame widths; more is a whip, not a move."""

_TIGHTENINGS = (1.0, 1.06, 1.13, 1.21, 1.31, 1.43)
_SLIDES = (0.0, 0.5, 1.0)
_PROBES = 41
_LEAST_DISSOLVE_S, _LONGEST_DISSOLVE_S = 0.3, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoShape:
    """What framing needs to know of a photo.

    Attributes:
        width_px, height_px: Its size.
        interest: How interesting each part is, any size, all positive, sum 1; None if nothing is known.
        water: How much of each part is a pool or another calm water, 0 to 1, of the interest's size; None if there is
            none to speak of, or where nobody asks: only in a photo that is travelled along (``travels_along``).
    """

    width_px: int
    height_px: int
    interest: Floats | None = None
    water: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPlan:
    """Everything a renderer needs to draw a clip.

    Attributes:
        first: Views of the first photo, shape ``(frames, 3, 3)``.
        last: Views of the last photo, same shape; None for a clip of one photo.
        mix: How much of the last photo each frame shows, 0 to 1, rising; shape ``(frames,)``.
        aligned: Whether both photos show the same scene point at the same place of the frame.
        window: Frames ``(from, to)`` within which a dissolve may lie: both photos fill the frame from the one to the
            other, both inclusive; ``(0, 0)`` for one photo.
    """

    first: Floats
    last: Floats | None
    mix: Floats
    aligned: bool = False
    window: tuple[int, int] = (0, 0)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.mix)

    def with_dissolve(self, middle: int, length: int) -> "CameraPlan":
        """Return the plan with its dissolve around frame ``middle``, moved and cut to lie inside the window."""
        start, end = self.window
        length = max(1, min(length, end - start))
        at = min(max(middle - length // 2, start), end - length)
        return replace(self, mix=_dissolve(self.frames, at, at + length))

    def at(self, places: Floats) -> "CameraPlan":
        """Return the same move in other frames.

        Args:
            places: Where they stand, rising, in frames of this plan and parts of them.
        """
        low = np.clip(places.astype(int), 0, max(0, self.frames - 2))
        high, part = np.minimum(low + 1, self.frames - 1), places - low

        def between(values: Floats) -> Floats:
            share = part.reshape(-1, *[1] * (values.ndim - 1))
            return values[low] * (1 - share) + values[high] * share

        def views(each: Floats) -> Floats:
            return between(each / each[:, 2:, 2:])

        start, end = (int(place) for place in np.searchsorted(places, self.window))
        return replace(
            self,
            first=views(self.first),
            last=views(self.last) if self.last is not None else None,
            mix=between(self.mix),
            window=(start, end),
        )


def half_pace(frames: int) -> Floats:
    """Return where the frames of a move at half its pace stand, in frames of the move; there are twice as many.

    Every other one is a frame of the move itself, so what both show has to be drawn once. The last two steps are half
    as long as all others: it ends where the move ends.
    """
    last = frames - 1
    return np.maximum(np.append(np.arange(2 * last) / 2, [last - 0.25, last]), 0.0)


def eased(frames: int, end_speed: float = END_SPEED, ramp: float = RAMP) -> Floats:
    """Return the progress of a move at each frame, from 0 to 1, with a velocity that never jumps.

    The velocity is a plateau with raised-cosine ramps, so that acceleration is continuous too.

    Args:
        frames: Number of frames; one gives ``[0]``.
        end_speed: Velocity at both ends over that of the plateau, 0 to 1.
        ramp: Length of each ramp as a part of the whole, above 0 and at most 0.5.
    """
    t = np.arange(frames) / max(1, frames - 1)

    def travelled(x: Floats) -> Floats:
        inside = np.minimum(x, ramp)
        swing = (inside - ramp / math.pi * np.sin(math.pi * inside / ramp)) / 2
        return end_speed * x + (1 - end_speed) * (swing + (x - inside))

    half = travelled(np.array([0.5]))[0]
    return np.where(t <= 0.5, travelled(np.minimum(t, 0.5)), 2 * half - travelled(np.minimum(1 - t, 0.5))) / (2 * half)


def move_views(move: CameraMove, s: Floats, aspect: float, *, anchor: float = 0.0) -> Floats:
    """Return the views of a move in units of the frame it has at ``s == anchor``, shape ``(len(s), 3, 3)``.

    Zoom is exponential, which looks even; with zoom and travel together the view grows about one fixed point, as when
    a camera heads for it.

    Args:
        move: What the camera does from ``s = 0`` to ``s = 1``; travel is counted in frames at ``s = 0``.
        s: Progress.
        aspect: Width over height of the frame.
        anchor: Where the view is the plain frame: 0 or 1.
    """
    based = _framed(move, s, aspect)
    if anchor:
        based = np.linalg.inv(_framed(move, np.array([anchor]), aspect)) @ based
    return based @ _turned(np.radians(move.yaw_deg) * (s - anchor), np.radians(move.pitch_deg) * (s - anchor))


def corners(views: Floats, aspect: float) -> Floats:
    """Return where the four corners of the frame lie, shape ``(frames, 4, 2)``."""
    h = 0.5 / aspect
    frame = np.array([[-0.5, -h, 1.0], [0.5, -h, 1.0], [0.5, h, 1.0], [-0.5, h, 1.0]])
    points = views @ frame.T
    return np.swapaxes(points[:, :2] / points[:, 2:], 1, 2)


def interest_map(luma: Floats) -> Floats:
    """Return how interesting each part of a small picture is: detail, what stands out, and the middle a little more.

    Args:
        luma: Brightness, shape ``(height, width)``, some 64 to 160 pixels on the long side.

    Returns:
        Same shape, positive, sum 1.

    Source:
        What stands out is the spectral residual: Hou and Zhang, CVPR 2007.
    """
    picture = luma.astype(np.float64)
    detail = scipy.ndimage.gaussian_filter(
        np.hypot(scipy.ndimage.sobel(picture, 0), scipy.ndimage.sobel(picture, 1)), 2.0
    )
    spectrum = np.fft.fft2(picture)
    log_size = np.log(np.abs(spectrum) + 1e-6)
    residual = log_size - scipy.ndimage.gaussian_filter(log_size, 1.5, mode="wrap")
    stands_out = scipy.ndimage.gaussian_filter(
        np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2, 2.5
    )
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width]
    middle = np.exp(-(((x + 0.5) / width - 0.5) ** 2 + ((y + 0.5) / height - 0.5) ** 2) / (2 * 0.33**2))
    weight = (np.sqrt(detail / (detail.mean() + 1e-9)) + stands_out / (stands_out.mean() + 1e-9) + 0.05) * middle
    return weight / weight.sum()


def travels_along(width_px: int, height_px: int, aspect: float) -> bool:
    """Return whether a photo is so tall that a single view would hide much of it: the camera then travels along it."""
    return _hidden(width_px, height_px, aspect) >= _TALL_SLACK


def plan_single(move: CameraMove, photo: PhotoShape, film: FilmFormat, frames: int) -> CameraPlan:
    """Return the plan of a clip of one photo: the widest framing that leaves room for the scene's move.

    A push-in heads for what is interesting, a pull-back comes from there, and a photo much taller than the frame is
    shown by travelling along it.

    Args:
        move: The scene's camera.
        photo: What it looks at.
        film: Shape and rate of the frames.
        frames: Length of the clip.
    """
    s = eased(frames)
    views = _shoot(move, photo, film.aspect, s, anchor=0.0)
    return CameraPlan(first=views, last=None, mix=np.zeros(frames))


def plan_pair(
    move: CameraMove,
    first: PhotoShape,
    last: PhotoShape,
    film: FilmFormat,
    frames: int,
    overlap: Overlap | None = None,
) -> CameraPlan:
    """Return the plan of a clip that begins on one photo and ends on another.

    With enough overlap one view travels along the homography between them, seen through the first photo and then
    through the last. Otherwise, or where no such travel stays inside both photos, each makes its part of the scene's
    move at the same velocity across a short dissolve in the middle; along two tall photos the camera travels the way
    that suits the last.

    Args:
        move: The scene's camera; the homography decides the direction where there is one.
        first: The photo it begins on.
        last: The photo it ends on.
        film: Shape and rate of the frames.
        frames: Length of the clip.
        overlap: What the photos have in common.
    """
    if overlap is not None and overlap.share >= LEAST_SHARE:
        aligned = _plan_aligned(move, first, last, film, frames, overlap)
        if aligned is not None:
            return aligned
    s = eased(frames)
    length = min(frames, max(2, film.frames(DISSOLVE_S)))
    start = (frames - length) // 2
    end = min(frames - 1, start + length)
    after = _shoot(move, last, film.aspect, s[start:], anchor=1.0)
    downwards = None
    if travels_along(last.width_px, last.height_px, film.aspect):
        downwards = bool(_middle(after[-1])[1] > _middle(after[0])[1])
    before = _shoot(move, first, film.aspect, s[: end + 1], anchor=0.0, downwards=downwards)
    return CameraPlan(
        first=np.concatenate([before, np.repeat(before[-1:], frames - end - 1, axis=0)]),
        last=np.concatenate([np.repeat(after[:1], start, axis=0), after]),
        mix=_dissolve(frames, start, end),
        window=(start, end),
    )


def without_leaning(overlap: Overlap, first: PhotoShape, aspect: float) -> Overlap:
    """Return the overlap with the homography's nearest similarity: shift, turn and magnification of the whole frame.

    The homography between two photos of a room is that of one of its planes, a table's or a mirror's; what lies in
    front and behind leans with it. Where that makes the photos agree no better, the plainer move is the truer one.
    """
    to_last = continuous(overlap.homography)
    view = _placed(np.eye(3)[None], first, aspect)[0]
    across, down = np.meshgrid(np.linspace(-0.4, 0.4, 5), np.linspace(-0.4, 0.4, 5) / aspect)
    points = _mapped(view, np.stack([across.ravel(), down.ravel()], axis=1))
    seen = _mapped(to_last, points)
    middle, target = points.mean(axis=0), seen.mean(axis=0)
    here = (points - middle) @ np.array([1, 1j])
    there = (seen - target) @ np.array([1, 1j])
    turn = np.vdot(here, there) / np.vdot(here, here)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    shift = target - linear @ middle
    similar = np.block([[linear, shift[:, None]], [np.zeros((1, 2)), np.ones((1, 1))]])
    return replace(overlap, homography=tuple(float(number) for number in _between_centres(similar).ravel()))


def inside(views: Floats, photo: PhotoShape, aspect: float, inset_px: float = 0.0) -> NDArray[np.bool_]:
    """Return for each view whether it shows nothing but the photo, keeping ``inset_px`` from its edge."""
    h = 0.5 / aspect
    depths = views[:, 2] @ np.array([[-0.5, 0.5, 0.5, -0.5], [-h, -h, h, h], [1.0, 1.0, 1.0, 1.0]])
    return np.asarray((depths > 0).all(axis=1) & _points_inside(corners(views, aspect), photo, inset_px))


def _points_inside(points: Floats, photo: PhotoShape, inset_px: float = _INSET_PX) -> NDArray[np.bool_]:
    low, high = points.min(axis=1), points.max(axis=1)
    near = inset_px - 1e-6
    far = np.array([photo.width_px, photo.height_px]) - near
    within: NDArray[np.bool_] = ((low >= near) & (high <= far)).all(axis=1)
    return within


def _framed(move: CameraMove, s: Floats, aspect: float) -> Floats:
    """Zoom and travel, without any turn, in units of the first frame."""
    zoomed = move.zoom**s
    part = (1 - 1 / zoomed) / (1 - 1 / move.zoom) if abs(math.log(move.zoom)) > 1e-3 else s
    views = np.zeros((len(s), 3, 3))
    views[:, 0, 0] = views[:, 1, 1] = 1 / zoomed
    views[:, 0, 2] = move.travel_x * part
    views[:, 1, 2] = move.travel_y / aspect * part
    views[:, 2, 2] = 1.0
    return views


def _turned(yaw: Floats, pitch: Floats) -> Floats:
    """Rotations of the camera about its own frame's centre, which stays where it is."""
    views = np.zeros((len(yaw), 3, 3))
    views[:] = np.eye(3)
    if not (yaw.any() or pitch.any()):
        return views
    for index, (about_y, about_x) in enumerate(zip(yaw, pitch, strict=True)):
        right = np.array(
            [[math.cos(about_y), 0, math.sin(about_y)], [0, 1, 0], [-math.sin(about_y), 0, math.cos(about_y)]]
        )
        up = np.array(
            [[1, 0, 0], [0, math.cos(about_x), -math.sin(about_x)], [0, math.sin(about_x), math.cos(about_x)]]
        )
        lens = np.diag([_FOCAL, _FOCAL, 1.0])
        seen = lens @ right @ up @ np.linalg.inv(lens)
        seen /= seen[2, 2]
        recentred = np.eye(3)
        recentred[:2, 2] = -seen[:2, 2]
        views[index] = recentred @ seen
    return views


def _shoot(
    move: CameraMove, photo: PhotoShape, aspect: float, s: Floats, *, anchor: float, downwards: bool | None = None
) -> Floats:
    """Views of one photo over the given progress, as wide as they fit, placed where it is interesting.

    A tall photo is travelled along ``downwards`` or upwards, by default towards its richer half; in any case not away
    from its water.
    """
    if not travels_along(photo.width_px, photo.height_px, aspect):
        return _aimed_and_placed(move, photo, aspect, s, anchor)
    along = _along_a_tall_photo(move, photo, aspect)
    if downwards is not None:
        along = replace(along, travel_y=math.copysign(along.travel_y, 1 if downwards else -1))
    views = _aimed_and_placed(along, photo, aspect, s, anchor)
    if photo.interest is None or photo.water is None or _filled(photo.water, views[-1], photo, aspect) >= _LEFT_BEHIND:
        return views
    # Trees are richer than the pool before them, and a camera that ends on the trees has lost its subject.
    back = replace(along, travel_y=-along.travel_y)
    towards_water = replace(photo, interest=_with_water(photo.interest, photo.water))
    turned = _aimed_and_placed(back, towards_water, aspect, s, anchor)
    return turned if _filled(photo.water, turned[-1], photo, aspect) >= _LEFT_BEHIND else views


def _aimed_and_placed(move: CameraMove, photo: PhotoShape, aspect: float, s: Floats, anchor: float) -> Floats:
    views = _placed(move_views(move, s, aspect, anchor=anchor), photo, aspect)
    if abs(math.log(move.zoom)) < 0.08 or photo.interest is None:
        return views
    return _placed(move_views(_aimed(move, views, photo, aspect), s, aspect, anchor=anchor), photo, aspect)


def _middle(view: Floats) -> Floats:
    """The place of the photo at the frame's middle."""
    return view[:2, 2] / view[2, 2]


def _filled(what: Floats, view: Floats, photo: PhotoShape, aspect: float) -> float:
    """Part of a view that something fills which lies somewhere in the photo."""
    box, size = corners(view[None], aspect)[0], np.array([photo.width_px, photo.height_px])
    low, high = box.min(axis=0) / size, box.max(axis=0) / size
    return _held(what, low, high) / _held(np.ones_like(what), low, high)


def _with_water(interest: Floats, water: Floats) -> Floats:
    return (1 - _WATER_WEIGHT) * interest + _WATER_WEIGHT * water / water.sum()


def _placed(relative: Floats, photo: PhotoShape, aspect: float) -> Floats:
    """The relative views enlarged until they fill the photo, then slid to where most of the interest is."""
    points = corners(relative, aspect)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    room = np.array([photo.width_px, photo.height_px]) - 2 * _INSET_PX
    scale = float(np.min(room / (high - low)))
    slack = np.maximum(room - scale * (high - low), 0.0)
    origin = _INSET_PX - scale * low
    best = slack / 2
    if photo.interest is not None and slack.max() > 1.0:
        best = _most_interesting(points[[0, -1]] * scale + origin, slack, photo)
    place = np.array([[scale, 0.0, origin[0] + best[0]], [0.0, scale, origin[1] + best[1]], [0.0, 0.0, 1.0]])
    return place @ relative


def _most_interesting(ends: Floats, slack: Floats, photo: PhotoShape) -> Floats:
    steps = np.linspace(0.0, 1.0, 25)
    offsets = [np.array([x, y]) * slack for x in (steps if slack[0] > 1 else [0.5]) for y in steps]
    size = np.array([photo.width_px, photo.height_px])

    def worth(offset: Floats) -> float:
        windows = ends + offset
        seen = sum(_interest_in(photo, window.min(axis=0) / size, window.max(axis=0) / size) for window in windows)
        off_centre = np.abs(offset / np.maximum(slack, 1e-9) - 0.5) * (slack / size)
        return seen - 0.5 * float(np.sum(off_centre))

    return max(offsets, key=worth)


def _interest_in(photo: PhotoShape, low: Floats, high: Floats) -> float:
    """Part of the photo's interest inside a box given in parts of its size."""
    return float(np.prod(high - low)) if photo.interest is None else _held(photo.interest, low, high)


def _held(what: Floats, low: Floats, high: Floats) -> float:
    height, width = what.shape

    def cover(count: int, start: float, end: float) -> Floats:
        edges = np.arange(count + 1)
        held = np.clip(edges, start * count, end * count)
        return np.diff(held)

    return float(cover(height, low[1], high[1]) @ what @ cover(width, low[0], high[0]))


def _aimed(move: CameraMove, views: Floats, photo: PhotoShape, aspect: float) -> CameraMove:
    """The zoom, heading for the interest inside its widest frame or coming from there, never past the frame's edge."""
    wide, narrow = (views[0], views[-1]) if move.zoom > 1 else (views[-1], views[0])
    boxes = corners(np.stack([wide, narrow]), aspect)
    low, high = boxes[0].min(axis=0), boxes[0].max(axis=0)
    centre = _interest_centre(photo, low, high)
    room = ((high - low) - (boxes[1].max(axis=0) - boxes[1].min(axis=0))) / 2
    towards = np.clip(0.8 * (centre - (low + high) / 2), -0.7 * room, 0.7 * room)
    frame = views[0][0, 0]
    sign = 1.0 if move.zoom > 1 else -1.0
    return replace(
        move,
        travel_x=move.travel_x + sign * float(towards[0] / frame),
        travel_y=move.travel_y + sign * float(towards[1] / frame * aspect),
    )


def _interest_centre(photo: PhotoShape, low: Floats, high: Floats) -> Floats:
    interest = photo.interest
    if interest is None:
        return (low + high) / 2
    height, width = interest.shape
    x = (np.arange(width) + 0.5) * photo.width_px / width
    y = (np.arange(height) + 0.5) * photo.height_px / height
    seen = interest * np.outer((y >= low[1]) & (y <= high[1]), (x >= low[0]) & (x <= high[0]))
    total = seen.sum()
    if total <= 0:
        return (low + high) / 2
    return np.array([seen.sum(axis=0) @ x, seen.sum(axis=1) @ y]) / total


def _hidden(width_px: int, height_px: int, aspect: float) -> float:
    """Frame heights of a photo that the widest view hides."""
    return height_px / width_px * aspect - 1


def _along_a_tall_photo(move: CameraMove, photo: PhotoShape, aspect: float) -> CameraMove:
    """The move with a vertical travel."""
    hidden = _hidden(photo.width_px, photo.height_px, aspect)
    farthest = min(_TALL_TRAVEL, 0.8 * hidden) * (0.35 if move.kind is MoveKind.HOLD else 1.0)
    rows = photo.interest.sum(axis=1) if photo.interest is not None else np.ones(2) / 2
    upper, lower = rows[: len(rows) // 2].sum(), rows[(len(rows) + 1) // 2 :].sum()
    # The move ends on the richer half; a tie rises, as a camera does that reveals a facade or a tall window.
    return replace(move, travel_x=move.travel_x / 2, travel_y=farthest if lower > 1.05 * upper else -farthest)


def _dissolve(frames: int, start: int, end: int) -> Floats:
    """Part of the second photo: a raised cosine from 0 at frame ``start`` to 1 at frame ``end``."""
    t = np.clip((np.arange(frames) - start) / max(1, end - start), 0.0, 1.0)
    return (1 - np.cos(math.pi * t)) / 2


@dataclass(frozen=True, slots=True)
class _Travel:
    """A candidate: the first and the last view, and how much speaks against it."""

    cost: float
    start: Floats
    end: Floats


def _plan_aligned(
    move: CameraMove, first: PhotoShape, last: PhotoShape, film: FilmFormat, frames: int, overlap: Overlap
) -> CameraPlan | None:
    """The best travel along the homography that stays inside both photos long enough to dissolve, if there is one."""
    to_last = continuous(overlap.homography)
    s = eased(frames)
    for travel in _travels(move, first, last, film, to_last, frames)[:8]:
        generator = _generator(np.linalg.inv(travel.start) @ np.linalg.inv(to_last) @ travel.end)
        if generator is None:
            continue
        views = travel.start @ _exponential(s[:, None, None] * generator)
        through_last = to_last @ views
        window = _shared_window(
            inside(views, first, film.aspect, _INSET_PX / 2), inside(through_last, last, film.aspect, _INSET_PX / 2)
        )
        if window is None or window[1] - window[0] < film.frames(_LEAST_DISSOLVE_S):
            continue
        plan = CameraPlan(first=views, last=through_last, mix=np.zeros(frames), aligned=True, window=window)
        return plan.with_dissolve(frames // 2, film.frames(_LONGEST_DISSOLVE_S))
    return None


def _travels(
    move: CameraMove, first: PhotoShape, last: PhotoShape, film: FilmFormat, to_last: Floats, frames: int
) -> list[_Travel]:
    """Candidates between a framing of the first photo and one of the last, the best first.

    The paths of the frame's corners are taken as straight here, which they nearly are; the chosen one is then checked
    along its true path.
    """
    aspect, s = film.aspect, eased(_PROBES)
    shortest, longest = (film.frames(seconds) / frames for seconds in (_LEAST_DISSOLVE_S, _LONGEST_DISSOLVE_S))
    back = np.linalg.inv(to_last)
    still_first, still_last = _placed(np.eye(3)[None], first, aspect)[0], _placed(np.eye(3)[None], last, aspect)[0]
    ends = corners(np.stack([still_first, back @ still_last]), aspect)
    goes = -math.log(_diagonal(ends[1]) / _diagonal(ends[0]))
    # Photos that clearly zoom the other way than the scene decide the direction; the scene still says how far.
    wanted = math.log(move.zoom) if abs(goes) < 0.05 else math.copysign(math.log(move.zoom), goes)
    zooms = abs(wanted) > 0.08
    found: list[_Travel] = []
    for tight_first, tight_last, slide in product(
        _TIGHTENINGS, _TIGHTENINGS, _SLIDES if move.travel_x or move.travel_y else (0.0,)
    ):
        slid_x, slid_y = slide * move.travel_x / 2, slide * move.travel_y / 2
        start = _tightened(still_first, first, aspect, tight_first, (-slid_x, -slid_y))
        end = _tightened(still_last, last, aspect, tight_last, (slid_x, slid_y))
        points = corners(np.stack([start, back @ end]), aspect)
        if np.abs(points[1] - points[0]).max() > _FASTEST * start[0, 0]:
            continue
        shrunk = _diagonal(points[1]) / _diagonal(points[0])
        part = (1 - shrunk**s) / (1 - shrunk) if abs(shrunk - 1) > 1e-3 else s
        path = points[0] + part[:, None, None] * (points[1] - points[0])
        window = _shared_window(
            _points_inside(path, first), _points_inside(_mapped(to_last, path.reshape(-1, 2)).reshape(path.shape), last)
        )
        if window is None:
            continue
        since, until = window[0] / (_PROBES - 1), window[1] / (_PROBES - 1)
        if until - since < shortest:
            continue
        middle = min(max(0.5, since + shortest / 2), until - shortest / 2)
        cost = (
            math.log(tight_first * tight_last)
            + 0.9 * abs(middle - 0.5)
            + 0.25 * max(0.0, 1 - (until - since) / longest)
            + (0.8 * abs(-math.log(shrunk) - wanted) if zooms else 0.0)
            - 0.5 * slide * abs(move.travel_x)
        )
        found.append(_Travel(cost, start, end))
    return sorted(found, key=lambda travel: travel.cost)


def _diagonal(quad: Floats) -> float:
    return float(np.linalg.norm(quad[2] - quad[0]))


def _mapped(homography: Floats, points: Floats) -> Floats:
    moved = points @ homography[:, :2].T + homography[:, 2]
    return moved[:, :2] / moved[:, 2:]


def continuous(homography: tuple[float, ...]) -> Floats:
    """Return a measured homography, between pixel centres at whole numbers, for continuous pixel coordinates."""
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    moved = half @ np.array(homography, dtype=np.float64).reshape(3, 3) @ np.linalg.inv(half)
    return moved / moved[2, 2]


def _between_centres(homography: Floats) -> Floats:
    """The inverse of ``continuous``."""
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    return np.linalg.inv(half) @ homography @ half


def _tightened(view: Floats, photo: PhotoShape, aspect: float, tightened: float, slide: tuple[float, float]) -> Floats:
    """A still framing tightened about its centre and slid by parts of a frame, as far as the photo goes."""
    scale = view[0, 0] / tightened
    half = np.array([scale / 2, scale / aspect / 2])
    centre = view[:2, 2] + np.array([slide[0] * scale, slide[1] * scale / aspect])
    room = np.array([photo.width_px, photo.height_px]) - _INSET_PX
    centre = np.clip(centre, half + _INSET_PX, np.maximum(room - half, half + _INSET_PX))
    return np.array([[scale, 0.0, centre[0]], [0.0, scale, centre[1]], [0.0, 0.0, 1.0]])


def _generator(whole: Floats) -> Floats | None:
    """What to multiply by ``s`` and exponentiate to go a part of a homography's way; None if it has no honest part."""
    determinant = float(np.linalg.det(whole))
    if not np.isfinite(determinant) or determinant <= 0:
        return None
    normal = whole / determinant ** (1 / 3)
    if (np.linalg.eigvals(normal).real <= 1e-3).any():
        return None
    root, halvings = normal, 0
    while np.abs(root - np.eye(3)).max() > 0.05 and halvings < 24:
        root, halvings = _square_root(root), halvings + 1
    z = (root - np.eye(3)) @ np.linalg.inv(root + np.eye(3))
    squared = z @ z
    series = z @ (np.eye(3) + squared @ (np.eye(3) / 3 + squared @ (np.eye(3) / 5 + squared / 7)))
    generator = 2.0**halvings * 2 * series
    return generator if np.allclose(_exponential(generator[None])[0], normal, atol=1e-6) else None


def _square_root(matrix: Floats) -> Floats:
    """The principal square root, by the iteration of Denman and Beavers."""
    root, inverse = matrix, np.eye(3)
    for _ in range(12):
        root, inverse = (root + np.linalg.inv(inverse)) / 2, (inverse + np.linalg.inv(root)) / 2
    return root


def _exponential(matrices: Floats) -> Floats:
    """Matrix exponentials, shape ``(n, 3, 3)``.

    SciPy's ``expm`` and ``logm`` wake BLAS threads for every 3x3 matrix: 11 ms each on a busy machine.
    """
    small = matrices / 64
    result = np.eye(3) + small / 9
    for term in range(8, 0, -1):
        result = np.eye(3) + small @ result / term
    for _ in range(6):
        result = result @ result
    return result


def _shared_window(in_first: NDArray[np.bool_], in_last: NDArray[np.bool_]) -> tuple[int, int] | None:
    """First and last index where the first photo has filled the frame all along and the last will all along."""
    if not (in_first[0] and in_last[-1]):
        return None
    until = len(in_first) - 1 if in_first.all() else int(np.argmin(in_first)) - 1
    since = 0 if in_last.all() else len(in_last) - int(np.argmin(in_last[::-1]))
    return (since, until) if since < until else None
