"""Joining: seven clips with hard cuts become a film without an encode of the pictures.

Belongs here: one row of the bench: whether packets are copied, and what joining costs beside encoding.
Does not belong here: shooting clips (``clip_row.py``), the whole film.

Run it alone with ``python benchmarks/film_row.py``; ``measure()`` returns the figures.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import ffmpeg

from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.ports import ScoreRequest
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.domain.timeline import lay_out
from luxvid_pipeline.media.encode import mp4_options, x264_options
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.film import assemble_film
from luxvid_pipeline.providers.local.composer import LocalComposer

CLIP_S = 4.0


def measure() -> list[dict[str, Any]]:
    """Return two rows: the share of packets that are the clips' own, and joining's time over encoding's."""
    with tempfile.TemporaryDirectory(prefix="luxvid-bench-") as folder:
        work = Path(folder)
        begun = time.perf_counter()
        clips = [_card(work / f"{key}.mp4", hue) for hue, key in enumerate(SCENE_KEYS)]
        encoding_s = time.perf_counter() - begun

        begun = time.perf_counter()
        score = _score(work)
        composing_s = time.perf_counter() - begun

        begun = time.perf_counter()
        film = work / "film.mp4"
        facts = assemble_film(
            clips, score, film, timeline=lay_out([CLIP_S] * len(clips)), transition=Transition.CUT, workdir=work
        )
        joining_s = time.perf_counter() - begun
        theirs = [packet for clip in clips for packet in _packets(clip)]
        ours = _packets(film)
        copied = sum(one == other for one, other in zip(ours, theirs, strict=False)) / max(len(ours), len(theirs))
    return [
        {
            "name": "joining seven clips with hard cuts: packets that are the clips' own",
            "ratio": copied,
            "target": 1.0,
            "better": "higher",
            "detail": f"{facts.frames} frames, {facts.integrated_lufs:.1f} LUFS, {facts.true_peak_dbtp:.1f} dBTP",
        },
        {
            "name": "joining and mastering, against encoding the same clips",
            "ratio": joining_s / encoding_s,
            "target": 0.25,
            "better": "lower",
            "detail": f"joining {joining_s:.1f} s, composing {composing_s:.1f} s, encoding {encoding_s:.1f} s",
        },
    ]


def _card(into: Path, hue: int) -> Path:
    card = ffmpeg.input(
        f"testsrc2=s={FULL_HD.width_px}x{FULL_HD.height_px}:r={FULL_HD.fps},hue=h={50 * hue},format=yuv420p,"
        "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv",
        f="lavfi",
    )
    options = {**x264_options(FULL_HD), **mp4_options(FULL_HD), "frames:v": FULL_HD.frames(CLIP_S)}
    run_ffmpeg(ffmpeg.output(card, str(into), **options).overwrite_output().compile()[1:], doing=f"drawing {into.name}")
    return into


def _score(work: Path) -> Path:
    shots = tuple(
        Shot(scene=key, subject="it", camera="still", prompt="p", negative_prompt="n", score_prompt="s", seconds=CLIP_S)
        for key in SCENE_KEYS
    )
    request = ScoreRequest(
        listing="bench", style="cinematic-ambient", shots=shots, stage_seconds=(CLIP_S,) * len(shots)
    )
    composer = LocalComposer()
    stages = [work / f"stage-{number + 1}.flac" for number in range(len(shots))]
    for stage, into in enumerate(stages):
        composer.compose_stage(request, stage, stages[stage - 1] if stage else None, into)
    return stages[-1]


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
