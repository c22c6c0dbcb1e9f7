"""Fakes for the ports: each does the least that is true.

Belongs here: engines that need no picture and no sound to be understood.
Does not belong here: drawn photographs (``drawn.py``), servers that speak a vendor's wire format.
"""

import asyncio
import io
import threading
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.photos import CataloguedPhoto
from luxvid_pipeline.domain.ports import Draft, Engine, PairChoice, Tagging, ignore_progress
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENES
from luxvid_pipeline.domain.storyboard import Shot, Storyboard


class FakeTagger:
    """Calls every photo a pool."""

    engine = "fake/tagger"

    def __init__(self):
        self.calls = 0

    def tag(self, photos, manifest, account=None):
        self.calls += 1
        tagged = [
            CataloguedPhoto(
                photo_id=photo.record.photo_id,
                file=photo.record.file,
                working=photo.record.working,
                width_px=photo.record.working_width_px,
                height_px=photo.record.working_height_px,
                room=Room.POOL,
                room_by=self.engine,
                room_confidence=1.0,
            )
            for photo in photos
        ]
        return Tagging(photos=tuple(tagged), engine=Engine(name=self.engine))


class FakeWriter:
    """Plans every scene in its own words."""

    engine = "fake/writer"

    def write(self, listing, manifest, catalogue, account=None):
        shots = tuple(
            Shot(
                scene=scene.key,
                subject=scene.shows,
                camera=scene.camera.kind.value,
                prompt=scene.prompt,
                negative_prompt=scene.negative_prompt,
                score_prompt=scene.score.words,
                seconds=manifest.film.clip_seconds,
            )
            for scene in SCENES
        )
        storyboard = Storyboard(
            listing=listing,
            title=manifest.title or listing,
            music=manifest.film.music,
            transition=manifest.film.transition.value,
            shots=shots,
        )
        return Draft(storyboard=storyboard, engine=Engine(name=storyboard.engine))


class FakeSelector:
    """Gives the scenes one photo each in order; those named are left out."""

    engine = "fake/selector"

    def __init__(self, leave_out=()):
        self.leave_out = set(leave_out)
        self.swap = {}

    def select(self, storyboard, catalogue, files, account=None, *, pinned=None):
        photos = [photo.photo_id for photo in catalogue]
        pairs = []
        for number, scene in enumerate(SCENES):
            if scene.key in (pinned or {}):
                pairs.append(pinned[scene.key])
            elif scene.key in self.leave_out:
                pairs.append(ScenePair(scene=scene.key, first_photo=None, reason="nothing shows it"))
            else:
                photo = self.swap.get(scene.key, photos[number])
                pairs.append(ScenePair(scene=scene.key, first_photo=photo, confidence=0.9, reason="it is the one"))
        return PairChoice(pairs=tuple(pairs), engine=Engine(name=self.engine))


class FakeCamera:
    """Copies one ready-made clip; fails for the scenes it is told to, and remembers who was in flight together."""

    engine = "fake/camera"
    most_at_once = 7

    def __init__(self, clip: Path, fail=(), cost_usd=0.0):
        self.clip = clip
        self.fail = dict(fail)
        self.cost_usd = cost_usd
        self.shot = Counter()
        self.together = 0
        self._flying = 0
        self._lock = threading.Lock()

    async def shoot(self, request, into, progress=ignore_progress):
        scene = request.shot.scene
        with self._lock:
            self.shot[scene] += 1
            self._flying += 1
            self.together = max(self.together, self._flying)
        try:
            await asyncio.sleep(0.05)
            if scene in self.fail:
                raise self.fail[scene]
            into.write_bytes(self.clip.read_bytes())
        finally:
            with self._lock:
                self._flying -= 1
        progress(1.0)
        return Engine(name=self.engine, cost_usd=self.cost_usd, paid_calls=1 if self.cost_usd else 0)


class FakeComposer:
    """Plays a soft tone; fails once at the stage it is told to."""

    engine = "fake/composer"

    def __init__(self, fail_at=None):
        self.fail_at = fail_at
        self.stages = []

    def compose_stage(self, request, stage, so_far, into):
        if self.fail_at == stage:
            self.fail_at = None
            raise RuntimeError(f"stopped at stage {stage}")
        self.stages.append(stage)
        into.write_bytes(_soft_tone(sum(request.stage_seconds[: stage + 1])))
        return Engine(name=self.engine)


@cache
def _soft_tone(seconds):
    """A FLAC; most films here ask for the same seven lengths."""
    at = np.arange(round(seconds * 48_000)) / 48_000
    tone = 0.1 * np.sin(2 * np.pi * 220 * at) * (1 + 0.3 * np.sin(2 * np.pi * 3 * at))
    flac = io.BytesIO()
    soundfile.write(flac, np.stack([tone, tone], axis=1), 48_000, format="FLAC", subtype="PCM_24")
    return flac.getvalue()
