"""The local composer: plays a listing's score stage by stage, each file beginning with the one before.

Belongs here: the port ``ScoreComposer`` on this machine; cutting stages from the one recording.
Does not belong here: the notes (``domain/score.py``), the sound (``providers/local/mixdown.py``).
"""

import threading
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from luxvid_pipeline.domain.errors import DamagedMediaError, TimelineError
from luxvid_pipeline.domain.ports import Engine, ScoreRequest
from luxvid_pipeline.domain.score import compose
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, Pcm, read_flac, to_pcm, write_flac
from luxvid_pipeline.media.memory import memory_reused
from luxvid_pipeline.providers.local.mixdown import perform

_KEPT_RECORDINGS = 2
# Another processor may round the last bits of a sum otherwise; this is 66 dB below full scale.
_SAME_MUSIC = 1 << 12
_SEAM_FRAMES = SAMPLE_RATE_HZ // 50


class LocalComposer:
    """Composes on this machine, from the listing's key, the style and the scenes' moods; costs nothing.

    The whole score is composed and mastered before its first stage is cut off, so that no stage can differ from what
    comes after it. Recordings are remembered within the process: seven stages cost one performance.
    """

    def __init__(self) -> None:
        """Begin with no recording."""
        self._recordings: LRUCache[ScoreRequest, Pcm] = LRUCache(_KEPT_RECORDINGS)
        self._lock = threading.Lock()

    @property
    def engine(self) -> str:
        """Always ``local``."""
        return "local"

    def compose_stage(self, request: ScoreRequest, stage: int, so_far: Path | None, into: Path) -> Engine:
        """Write the score up to the end of a stage, beginning with exactly what ``so_far`` holds.

        Args:
            request: The whole score that is wanted.
            stage: Index of the stage to add, from 0.
            so_far: The file of the stage before, None for the first; a later stage may do without, the same samples
                are then played again.
            into: Where to write the 48 kHz stereo FLAC of 24 bits.

        Raises:
            TimelineError: There is no such stage.
            SettingsError: The style is unknown.
            DamagedMediaError: ``so_far`` is not the beginning of this score.
            MediaError: ``so_far`` cannot be read, or the soundfont is unusable.
            StorageError: The file cannot be written.
        """
        if not 0 <= stage < len(request.stage_seconds):
            raise TimelineError(
                f"the score of {request.listing!r} has {len(request.stage_seconds)} stages, none with index {stage}"
            )
        kept = read_flac(so_far) if so_far is not None and stage > 0 else None
        before, end = (round(sum(request.stage_seconds[:count]) * SAMPLE_RATE_HZ) for count in (stage, stage + 1))
        score = self._recording(request)[:end]
        if so_far is not None and kept is not None:
            score = _continued(kept, score, before, so_far.name, request.listing)
        write_flac(score, into)
        return Engine(name=self.engine)

    def _recording(self, request: ScoreRequest) -> Pcm:
        with self._lock:
            known = self._recordings.get(request)
            if known is None:
                with memory_reused():
                    known = self._recordings[request] = to_pcm(perform(compose(request)))
            return known


def _continued(so_far: Pcm, score: Pcm, before: int, name: str, listing: str) -> Pcm:
    """The score with its beginning as it was kept."""
    begins = score[:before]
    if np.array_equal(so_far, begins):
        return score
    if len(so_far) != before or np.abs(so_far - begins).max(initial=0) > _SAME_MUSIC:
        raise DamagedMediaError(
            f"{name}: not the beginning of the score that {listing!r} asks for; run the asset soundtrack again from "
            "its first stage"
        )
    # Recorded on another machine: the last kept sample leads over into this machine's within 20 ms.
    continued = score.copy()
    continued[:before] = so_far
    seam = min(_SEAM_FRAMES, len(score) - before)
    if before and seam:
        offset = (so_far[-1] - begins[-1]) * np.linspace(1, 0, seam)[:, None]
        continued[before : before + seam] += np.asarray(np.round(offset), dtype=np.int32)
    return continued
