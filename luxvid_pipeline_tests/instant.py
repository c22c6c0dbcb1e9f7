"""A code location whose engines are instant fakes: what is left is orchestration.

Belongs here: definitions for a real daemon in tests and benchmarks, steered by files in ``LUXVID_HOME``.
Does not belong here: starting the daemon (``daemon.py``), the fakes themselves (``fakes.py``).

``$LUXVID_HOME/instant/``: ``clip.mp4`` is what every scene shows; a file ``fail/<listing>.<scene>`` makes that scene
fail as often as its text says; ``slow`` holds how long a clip takes, in seconds; ``shot.log`` gets a line for each clip
that was shot.
"""

import asyncio
import os
from pathlib import Path

from luxvid_pipeline.automation import progress
from luxvid_pipeline.automation.jobs import STAGE_JOBS
from luxvid_pipeline.automation.sensors import SENSORS
from luxvid_pipeline.definitions import build_defs
from luxvid_pipeline.domain.errors import RetryableProviderError
from luxvid_pipeline.domain.ports import Engine, ignore_progress
from luxvid_pipeline.domain.takes import TakeRecord
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.fakes import FakeComposer, FakeSelector, FakeTagger, FakeWriter

DISTANCES_S = (1.0, 2.0)


class InstantCamera:
    """Copies the ready clip, and writes down what it shot."""

    engine = "instant/camera"
    most_at_once = 7

    def __init__(self, home: Path):
        self._folder = home / "instant"

    async def shoot(self, request, into, progress=ignore_progress):
        place = f"{request.listing}.{request.shot.scene}"
        self._write_down(place)
        slow = self._folder / "slow"
        if slow.exists():
            await asyncio.sleep(float(slow.read_text()))
        failing = self._folder / "fail" / place
        if failing.exists():
            left = int(failing.read_text()) - 1
            failing.write_text(str(left)) if left else failing.unlink()
            raise RetryableProviderError(f"{place}: the camera had a cold")
        into.write_bytes((self._folder / "clip.mp4").read_bytes())
        progress(1.0)
        # As an engine that measured what it shot: looking at every frame of a clip is none of the orchestration's work.
        take = TakeRecord(take=1, engine=self.engine, seed=request.seed, passed=True, chosen=True, score=1.0)
        return Engine(name=self.engine, takes=(take,))

    def _write_down(self, place):
        log = os.open(self._folder / "shot.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(log, f"{place}\n".encode())
        finally:
            os.close(log)


def instant_engines(home: Path) -> dict[str, object]:
    """Return every engine as an instant fake."""
    return {
        "photo_tagger": FakeTagger(),
        "storyboard_writer": FakeWriter(),
        "pair_selector": FakeSelector(),
        "clip_generator": InstantCamera(home),
        "score_composer": FakeComposer(),
    }


# As far as the film: making what goes out of it is real work, and none of the orchestration's.
_JOBS = {stage: job for stage, job in STAGE_JOBS.items() if stage != "delivery"}
_QUICK = {"listing_progress_sensor": progress.build_progress_sensor(_JOBS, distances_s=DISTANCES_S)}

defs = build_defs(
    overrides=instant_engines(Settings.from_environment().home),
    sensors=[_QUICK.get(sensor.name, sensor) for sensor in SENSORS],
)
