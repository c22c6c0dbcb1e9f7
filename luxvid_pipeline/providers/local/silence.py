"""No music: for operators who would rather have a silent film than another engine's score.

Belongs here: ``Silence``, behind the ``ScoreComposer`` port.
Does not belong here: when it is chosen (``LUXVID_SCORE``), how a silent film is finished (``media/film.py``).
"""

from pathlib import Path

import numpy as np

from luxvid_pipeline.domain.ports import Engine, ScoreRequest
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, write_flac

SILENCE = "silence"


class Silence:
    """Writes digital silence of the right length."""

    engine = SILENCE

    def compose_stage(self, request: ScoreRequest, stage: int, so_far: Path | None, into: Path) -> Engine:
        """Write silence up to the end of a stage, whatever ``so_far`` holds."""
        frames = round(sum(request.stage_seconds[: stage + 1]) * SAMPLE_RATE_HZ)
        write_flac(np.zeros((frames, 2), np.int32), into)
        return Engine(name=self.engine)
