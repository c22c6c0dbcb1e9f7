# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""How smoothly the camera moves.

Belongs here: deviation of the motion from a smooth curve.
Does not belong here: where the motion goes (``camera_motion.py``).
"""

import numpy as np
import scipy

from luxvid_pipeline.media.measures.camera_motion import Motion

_SPAN_S = 0.5


def judder_px(motion: Motion) -> tuple[float, float]:
    """Return how far the picture's way lies off a smooth curve, in pixels of a frame 1920 wide: RMS and peak.

    The curve is a running cubic over half a second, which every move of a calm camera keeps to; what remains is hand
    shake, a jolt, or frames repeated and left out by a bad conversion of the rate. Steps that could not be followed,
    and those beside them, do not count.

    Source:
        Savitzky and Golay, Analytical Chemistry 36(8), 1964.
    """
    path = motion.path_px()
    span = min(len(path) - 1 + len(path) % 2, round(_SPAN_S * motion.fps) // 2 * 2 + 1)
    if span < 5:
        return 0.0, 0.0
    off = np.sqrt(np.square(path - np.asarray(scipy.signal.savgol_filter(path, span, 3, axis=0))).sum(axis=1))
    lost = np.concatenate([[False], ~motion.followed])
    near = np.convolve(lost, np.ones(2 * (span // 2) + 1), mode="same") > 0
    counted = off[~near]
    if not len(counted):
        return 0.0, 0.0
    return float(np.sqrt(np.mean(np.square(counted)))), float(counted.max())
