# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""How much sharper the photo is than the clip.

Belongs here: blur added between a photo, seen as the clip frames it, and a frame.
Does not belong here: whether a photo is sharp (``media/photo_quality.py``, whose measure of an edge is used).
"""

import math

from luxvid_pipeline.media.measures.look import FULL_WIDTH_PX, Grey
from luxvid_pipeline.media.photo_quality import sharpest_edges_px


def added_blur_px(sharper: Grey, frame: Grey) -> float:
    """Return the blur (sigma) that has to be added to one picture's sharpest edges to give another's.

    Args:
        sharper: What it should look like, the same size and framing.
        frame: What it looks like.

    Returns:
        Pixels of a frame 1920 wide; 0 where the frame is as sharp or sharper, or where there is no edge to tell.
    """
    scale = FULL_WIDTH_PX / frame.shape[1]
    here, wanted = sharpest_edges_px(frame), sharpest_edges_px(sharper)
    if math.isinf(wanted):
        return 0.0
    if math.isinf(here):
        here = 4.0
    return math.sqrt(max(0.0, here**2 - wanted**2)) * scale
