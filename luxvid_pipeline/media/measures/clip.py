"""All measures of a clip, from one pass over its frames.

Belongs here: putting the measures of this package together.
Does not belong here: any one of them, judging them (``domain/gates.py``).
"""

from pathlib import Path

import cv2
import numpy as np

from luxvid_pipeline.domain.measured import ClipMeasures
from luxvid_pipeline.media.measures.camera_motion import follow
from luxvid_pipeline.media.measures.faults import find_at_a_glance, find_faults, is_black
from luxvid_pipeline.media.measures.fidelity import (
    Likeness,
    Photo,
    as_framed,
    coarse_features,
    features,
    glance_at_photo,
    likeness,
    read_photo,
)
from luxvid_pipeline.media.measures.look import Grey, Look, look_at
from luxvid_pipeline.media.measures.sharpness import added_blur_px
from luxvid_pipeline.media.measures.steadiness import judder_px
from luxvid_pipeline.media.measures.straightness import bending
from luxvid_pipeline.media.probe import probe_video

_DRIFT_LOOKS = 5
_CLEARLY_ALIKE = 0.8


def measure_clip(clip: Path, *, first_photo: Path, last_photo: Path | None = None, doing: str = "") -> ClipMeasures:
    """Return everything that is measured of a clip.

    Args:
        clip: Any video file; what it shows is compared at 480 pixels of width.
        first_photo: The photo it begins on, as it was sent or as it lies in the store.
        last_photo: The photo it ends on; None for a clip of a single photo.
        doing: What this is about, for errors.

    Raises:
        MediaError: The clip cannot be decoded or has fewer than two frames, or a photo cannot be read.
    """
    # Clips are measured side by side; OpenCV's own threads would only get in their way.
    cv2.setNumThreads(1)
    look = look_at(clip, doing=doing)
    first = read_photo(first_photo)
    last = read_photo(last_photo) if last_photo is not None else None
    motion = follow(look)
    faults = find_faults(look, motion)
    judder, judder_peak = judder_px(motion)
    lines = bending(look)
    begins = likeness(look.greys[0], first)
    ends = likeness(look.greys[-1], last) if last is not None else None
    travel_x, travel_y = motion.travel()
    return ClipMeasures(
        frames=len(look.greys),
        seconds=round(look.seconds, 4),
        fps=round(look.fps, 4),
        width_px=look.width_px,
        height_px=look.height_px,
        constant_rate=look.constant_rate,
        first_ssim=round(begins.ssim, 4),
        last_ssim=round(ends.ssim, 4) if ends is not None else None,
        drift_ssim=round(_drift(look, first, last), 4),
        zoom=round(motion.zoom(), 4),
        travel_x=round(travel_x, 4),
        travel_y=round(travel_y, 4),
        followed=round(motion.followed_part, 3),
        moved_px=round(motion.moved_px(), 1),
        fastest_px_s=round(float(motion.speeds_px_s().max()), 1),
        frozen_s=round(faults.frozen_s, 3),
        frozen_tail_s=round(faults.frozen_tail_s, 3),
        black_s=round(faults.black_s, 3),
        flashes=faults.flashes,
        flicker=round(faults.flicker, 3),
        jumps=faults.jumps,
        judder_px=round(judder, 3),
        judder_peak_px=round(judder_peak, 3),
        bent_px=round(lines.bent_px, 2),
        lines=lines.lines,
        softened_px=round(_softened(look, first, last, begins, ends), 3),
        softest_px=round(_softest(look), 3),
    )


def glance_at_clip(clip: Path, *, first_photo: Path, last_photo: Path | None = None, doing: str = "") -> ClipMeasures:
    """Return what a clip's key frames tell, in a quarter of the time: enough for a camera that cannot imagine.

    The arguments and errors are those of ``measure_clip``.
    """
    cv2.setNumThreads(1)
    facts = probe_video(clip)
    look = look_at(clip, doing=doing, with_wholes=False, only_key_frames=True)
    motion = follow(look)
    frozen_s, tail_s, black_s = find_at_a_glance(look, motion, 1 / look.fps)
    first_ssim = _glanced_ssim(look.greys[0], first_photo)
    last_ssim = _glanced_ssim(look.greys[-1], last_photo) if last_photo is not None else None
    travel_x, travel_y = motion.travel()
    return ClipMeasures(
        frames=facts.frames,
        seconds=round(float(facts.duration_s), 4),
        fps=round(float(facts.fps), 4),
        width_px=facts.width_px,
        height_px=facts.height_px,
        constant_rate=facts.constant_rate,
        first_ssim=round(first_ssim, 4),
        last_ssim=round(last_ssim, 4) if last_ssim is not None else None,
        drift_ssim=1.0,
        zoom=round(motion.zoom(), 4),
        travel_x=round(travel_x, 4),
        travel_y=round(travel_y, 4),
        followed=round(motion.followed_part, 3),
        moved_px=round(motion.moved_px(), 1),
        fastest_px_s=round(float(motion.speeds_px_s().max()), 1),
        frozen_s=round(frozen_s, 3),
        frozen_tail_s=round(tail_s, 3),
        black_s=round(black_s, 3),
        flashes=(),
        flicker=0.0,
        jumps=(),
        judder_px=0.0,
        judder_peak_px=0.0,
        bent_px=0.0,
        lines=0,
        softened_px=0.0,
        softest_px=0.0,
        thorough=False,
    )


def _glanced_ssim(frame: Grey, photo: Path) -> float:
    """How like a frame is to a photo, by coarse features; where they leave a doubt, by all of them.

    A frame without any is bare, and looking closer finds none either.
    """
    seen = coarse_features(frame)
    glanced = likeness(frame, glance_at_photo(photo), seen).ssim
    if glanced >= _CLEARLY_ALIKE or not len(seen[0]):
        return glanced
    return max(glanced, likeness(frame, read_photo(photo)).ssim)


def _drift(look: Look, first: Photo, last: Photo | None) -> float:
    """The lowest likeness of a frame on the way to the nearer photo."""
    lowest = 1.0
    for number in np.linspace(0, len(look.greys) - 1, _DRIFT_LOOKS + 2)[1:-1].round().astype(int):
        if is_black(look.greys[number]):
            continue
        seen = features(look.greys[number])
        here = likeness(look.greys[number], first, seen).ssim
        if last is not None:
            here = max(here, likeness(look.greys[number], last, seen).ssim)
        lowest = min(lowest, here)
    return lowest


def _softened(look: Look, first: Photo, last: Photo | None, begins: Likeness, ends: Likeness | None) -> float:
    """Blur added at the clip's ends."""
    size = (look.width_px, look.height_px)
    blurs = [added_blur_px(as_framed(first, begins, size), look.wholes[0])]
    if last is not None and ends is not None:
        blurs.append(added_blur_px(as_framed(last, ends, size), look.wholes[len(look.greys) - 1]))
    return max(blurs)


def _softest(look: Look) -> float:
    """Blur of the softest frame inside the clip over its first."""
    inside = [whole for number, whole in look.wholes.items() if number > 0 and not is_black(look.greys[number])]
    return max((added_blur_px(look.wholes[0], whole) for whole in inside), default=0.0)
