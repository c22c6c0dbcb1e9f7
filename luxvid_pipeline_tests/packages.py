"""The facts of a small package: one generated scene, one local, one from a widened photograph.

Belongs here: facts and the pictures they name.
Does not belong here: claims.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from luxvid_pipeline.domain.proof import (
    FileFacts,
    PackageFacts,
    PhotoFacts,
    SceneFacts,
    ScoreFacts,
    SegmentFacts,
)

FILM = "villa-aurora_28s_16x9_branded_1080p.mp4"
POSTER = "villa-aurora_poster_16x9.jpg"


def package(pictures: Path | None = None, *, local: bool = False) -> PackageFacts:
    """Return the facts; pictures are drawn into ``pictures``; ``local`` takes away all that was generated."""
    draw = _Drawer(pictures)
    scenes = (
        SceneFacts(
            key="1-arrival",
            title="Arrival over the pool",
            camera="dolly forward",
            reason="the pool from the lawn and from above, half of it in both",
            chosen_by="xai/grok-4.3",
            photos=(
                PhotoFacts(photo_id="a1" * 32, file="DSC_0403.jpg", role="first", original=draw("a", 210)),
                PhotoFacts(photo_id="a2" * 32, file="<b>DJI.jpg", role="last", original=draw("b", 120)),
            ),
            prompt="Low over <rippling> water & stone",
            engine="google/veo-3.1-fast",
            model_version="3.1",
            seed=42,
            take=2,
            takes=2,
            measures={"first_frame_ssim": 0.97},
            cost_usd=1.2,
            generated=True,
            clip="clips/1-arrival.mp4",
            clip_frames=120,
            view=draw("view", 30),
        ),
        SceneFacts(
            key="5-living",
            title="Living room",
            photos=(PhotoFacts(photo_id="c1" * 32, file="living.jpg", role="only"),),
            clip_frames=120,
        ),
        SceneFacts(
            key="7-farewell",
            title="Farewell",
            photos=(
                PhotoFacts(
                    photo_id="d1" * 32,
                    file="garden.jpg",
                    role="only",
                    altered_by="google/nano-banana",
                    original=draw("c", 60),
                    altered=draw("d", 90),
                ),
            ),
        ),
    )
    segments = (
        SegmentFacts(start=0, frames=120, scene="1-arrival"),
        SegmentFacts(start=105, frames=120, scene="5-living", dissolve_frames=15, caption="Living room"),
        SegmentFacts(start=225, frames=120, scene="7-farewell", source_frames=60),
        SegmentFacts(start=345, frames=135),
    )
    poster = (SegmentFacts(start=0, frames=1, scene="5-living"),)
    facts = PackageFacts(
        listing="villa-aurora",
        title="Villa Aurora",
        address="12 Cliff Road, Malibu",
        scenes=scenes,
        files=(
            FileFacts(name=FILM, shape="16x9", branded=True, sha256="cd" * 32, bytes=1000, segments=segments),
            FileFacts(name=POSTER, kind="poster", fps=Fraction(0), sound=False, segments=poster),
        ),
        score=ScoreFacts(engine="meta/musicgen", generated=True, cost_usd=0.25),
        disclosure_url="https://media.example.com/villa-aurora",
        made_by="LuxVid 0.1.0",
    )
    if not local:
        return facts
    plain = tuple(
        replace(
            scene,
            engine="local",
            generated=False,
            photos=tuple(replace(photo, altered_by="", altered=None) for photo in scene.photos),
        )
        for scene in scenes
    )
    return replace(facts, scenes=plain, score=ScoreFacts())


class _Drawer:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def __call__(self, name: str, hue: int) -> Path | None:
        if self._folder is None:
            return None
        ramp = np.linspace(0, 255, 320 * 180).reshape(180, 320)
        picture = np.dstack((ramp, np.full_like(ramp, hue), 255 - ramp)).astype(np.uint8)
        path = self._folder / f"{name}.jpg"
        Image.fromarray(picture).save(path)
        return path
