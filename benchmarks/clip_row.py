"""How fast the local camera makes a clip, as ratios taken in one run.

Belongs here: the camera against the encoder alone, against ``still-motion`` and against ``moviepy``.
Does not belong here: the whole film, memory, photos (their own rows).

The peers live in another interpreter (they pin an older Pillow), given as an argument or in ``LUXVID_PEERS_PYTHON``:
``python benchmarks/clip_row.py [INTERPRETER]``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media.clips import StillPhoto
from luxvid_pipeline.media.encode import CRF, PRESET, ClipWriter, Frame, empty_frame, x264_options
from luxvid_pipeline.media.ffmpeg import ffmpeg_path
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.providers.local.camera import plan_clip, shoot_clip

SECONDS = 4.0
ROUNDS = 3
_PEERS = Path(__file__).parent / "peers"


def measure(peers_python: str | None = None) -> list[dict[str, Any]]:
    """Return one row a number to reach: ``name``, ``ratio``, ``target``, ``better`` (``higher``) and ``detail``.

    Args:
        peers_python: Interpreter that has still-motion and moviepy; rows against them are left out without one.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), peers_python)


def _measure(folder: Path, peers_python: str | None) -> list[dict[str, Any]]:
    photo = _photo_of_24_megapixels(folder / "photo.jpg")
    request = _request(photo)
    frames = _frames(request)
    rows: list[dict[str, Any]] = []
    for at_once in (1, 2):

        def shoot(place: int) -> None:
            shoot_clip(request, folder / f"shot{place}.mp4")

        def encode(place: int) -> None:
            with ClipWriter(folder / f"encoded{place}.mp4", FULL_HD) as writer:
                for frame in frames:
                    writer.write(frame)

        camera_s, encoder_s = _taking_turns(
            partial(_side_by_side, shoot, at_once), partial(_side_by_side, encode, at_once)
        )
        fps = [at_once * len(frames) / seconds for seconds in (camera_s, encoder_s)]
        rows.append(
            _row(
                f"local clip rendering against the encoder alone, {at_once} at once",
                encoder_s / camera_s,
                0.8,
                f"{fps[0]:.1f} against {fps[1]:.1f} frames a second",
            )
        )
    if peers_python is None:
        return rows
    for name, script, target in (("still-motion", "still_motion_clip.py", 3.0), ("moviepy", "moviepy_clip.py", 6.0)):
        ours, theirs = folder / "ours.mp4", folder / "peer.mp4"
        command = [peers_python, str(_PEERS / script), str(photo), str(theirs), str(SECONDS)]
        command += [str(_ffmpeg_with_our_settings(folder / "ffmpeg")), str(CRF), PRESET]
        turns = [(_timed(partial(shoot_clip, request, ours)), _peer(command, theirs)) for _ in range(ROUNDS)]
        _check_equal_output(ours, theirs)
        ours_s, theirs_s = (min(times) for times in zip(*turns, strict=True))
        detail = f"{SECONDS:g} s of 1080p in {ours_s:.1f} s against {theirs_s:.1f} s"
        rows.append(_row(f"local clip rendering against {name}", theirs_s / ours_s, target, detail))
    return rows


def _peer(command: list[str], into: Path) -> float:
    """Run a peer and return the seconds of its work, as it says: neither side's start of an interpreter counts."""
    into.unlink(missing_ok=True)  # still-motion does nothing, and says nothing, where the file is there already
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[1]} failed: {done.stderr[-600:]}")
    if not into.exists():
        raise RuntimeError(f"{command[1]} wrote nothing: {done.stderr[-600:]}")
    return float(done.stdout.split()[-1])


def _ffmpeg_with_our_settings(into: Path) -> Path:
    """Write a program that calls ffmpeg and adds the film's x264 settings to what is written; threads stay the peer's.

    A peer's API takes crf and preset only. With its default groups of 250 pictures it would spend half of our bits.
    """
    options = {key: value for key, value in x264_options(FULL_HD, ceiling=False).items() if key != "threads"}
    added = [word for key, value in options.items() for word in (f"-{key}", str(value))]
    lines = [
        f"#!{sys.executable} -S",
        "import os, sys",
        f"ffmpeg, added, given = {ffmpeg_path()!r}, {added!r}, sys.argv[1:]",
        "writes = bool(given) and given[-1].endswith('.mp4')",
        "os.execv(ffmpeg, [ffmpeg, *given[:-1], *added, given[-1]] if writes else [ffmpeg, *given])",
    ]
    into.write_text("\n".join(lines) + "\n")
    into.chmod(0o755)
    return into


def _check_equal_output(ours: Path, theirs: Path) -> None:
    """Raise if the peer made another kind of clip."""
    one, other = (
        (
            facts.width_px,
            facts.height_px,
            facts.fps,
            facts.frames,
            facts.longest_gop_frames,
            f"{facts.codec} {facts.profile}",
            facts.pix_fmt,
        )
        for facts in (probe_video(ours), probe_video(theirs))
    )
    if one != other:
        raise RuntimeError(f"not the same work: ours is {one}, the peer's {other}")


def _row(name: str, ratio: float, target: float, detail: str) -> dict[str, Any]:
    return {"name": name, "ratio": round(ratio, 3), "target": target, "better": "higher", "detail": detail}


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _taking_turns(one: Callable[[], Any], two: Callable[[], Any]) -> tuple[float, float]:
    """Least seconds of each, measured in turns so that a busy machine slows both."""
    times = [(_timed(one), _timed(two)) for _ in range(ROUNDS)]
    return min(time[0] for time in times), min(time[1] for time in times)


def _side_by_side(work: Callable[[int], None], count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def _photo_of_24_megapixels(path: Path) -> Path:
    """A drawn facade of the size cameras give: tiles, foliage-like texture, edges of every direction.

    At 12 Mbit/s its clip is busier than any of the example listing (4 to 7), and below the ceiling of 16: above it a
    clip is encoded twice, which the peers never do and hardly any photograph asks for.
    """
    rng = np.random.default_rng(4)
    picture = np.full((4000, 6000, 3), 140, np.uint8)
    for _ in range(900):
        x, y, side = rng.integers(0, 6000), rng.integers(0, 4000), rng.integers(20, 500)
        colour = [int(value) for value in rng.integers(20, 236, 3)]
        cv2.fillConvexPoly(
            picture,
            (np.array([[0, 0], [side, side // 5], [side, side], [0, side * 4 // 5]]) + np.array([x, y])).astype(
                np.int32
            ),
            colour,
            lineType=cv2.LINE_AA,
        )
    grain = rng.normal(0, 6, (1000, 1500)).astype(np.float32)
    grain = cv2.resize(grain, (6000, 4000), interpolation=cv2.INTER_CUBIC)
    # A third of the picture as fine as foliage, which real exteriors are full of and encoders work hardest on.
    leaves = cv2.resize(rng.normal(0, 14, (2000, 1000)).astype(np.float32), (2000, 4000), interpolation=cv2.INTER_CUBIC)
    grain[:, :2000] += leaves
    picture = np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)
    Image.fromarray(picture).save(path, quality=92)
    return path


def _request(path: Path) -> ClipRequest:
    record = PhotoRecord(
        photo_id="bench", file=path.name, original=path.name, bytes=path.stat().st_size, verdict=Verdict.KEPT
    )
    shot = Shot(
        scene="1-arrival", subject="", camera="", prompt="", negative_prompt="", score_prompt="", seconds=SECONDS
    )
    return ClipRequest(listing="bench", shot=shot, first=WorkingPhoto(record=record, path=path))


def _frames(request: ClipRequest) -> list[Frame]:
    plan = plan_clip(request)
    still = StillPhoto(request.first.path, plan.first, request.format)
    frames: list[Frame] = []
    for view in plan.first:
        frame = empty_frame(request.format)
        still.draw(view, frame)
        frames.append(frame)
    return frames


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("LUXVID_PEERS_PYTHON")
    print(json.dumps(measure(given), indent=2))
