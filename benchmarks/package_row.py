"""What a package's pictures cost: one scene in every shape and size, against the encoder alone on the same frames.

Belongs here: the row for ``python -m benchmarks``.
Does not belong here: joining, sound, posters and proof, which encode no frame of a film.

Both are compared by processor time of all threads, in one run, so that the ratio holds on a busy machine. The encoder
alone gets frames of the same parts from memory: a stretch of each, played forth and back.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.clip_row import _photo_of_24_megapixels, _request
from luxvid_pipeline.domain.delivery_plan import Part, Shape, format_of
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.media.encode import ClipWriter, Frame
from luxvid_pipeline.media.packaging import SceneSource, make_parts
from luxvid_pipeline.media.part_runs import PartOrder
from luxvid_pipeline.media.reframing import crop_path, look_along
from luxvid_pipeline.providers.local.camera import shoot_clip

_PARTS = (
    *((Shape.WIDE, size) for size in (1080, 720, 480)),
    *((Shape.TALL, size) for size in (1080, 720, 480)),
    (Shape.SQUARE, 1080),
    (Shape.PORTRAIT, 1080),
)
_STRETCH = 30
_FRAMES = FULL_HD.frames(4.0)


def measure() -> list[dict[str, Any]]:
    """Return the row."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        clip = folder / "clip.mp4"
        shoot_clip(_request(_photo_of_24_megapixels(folder / "photo.jpg")), clip)
        orders = [
            PartOrder(
                part=Part(scene="1-arrival", shape=shape, short_side_px=size),
                into=folder / f"{shape.value}-{size}.mp4",
                start=0,
                frames=_FRAMES,
            )
            for shape, size in _PARTS
        ]
        start = time.process_time()
        looks = look_along(clip, _FRAMES)
        shapes = {order.part.shape for order in orders} - {Shape.WIDE}
        crops = {shape: crop_path(looks, FULL_HD, format_of(shape), _FRAMES) for shape in shapes}
        make_parts(SceneSource(scene="1-arrival", clip=clip, frames=_FRAMES), orders, crops, {})
        package_s = time.process_time() - start
        encoder_s = sum(encode_again(order.into, folder / "again.mp4", _FRAMES) for order in orders)
    return [
        {
            "name": "a scene in every shape and size of a package, against the encoder alone",
            "ratio": round(package_s / encoder_s, 3),
            "target": 1.3,
            "better": "lower",
            "detail": f"{package_s:.1f} s of processor against {encoder_s:.1f} s, {len(orders) * _FRAMES} frames",
        }
    ]


def encode_again(file: Path, into: Path, count: int) -> float:
    """Return the seconds of processor that encoding ``count`` frames like a part's takes, from memory."""
    frames: list[Frame] = []
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            frames.append(np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8))
            if len(frames) == _STRETCH:
                break
    there_and_back = [*frames, *frames[::-1]]
    film = FilmFormat(width_px=frames[0].shape[1], height_px=frames[0].shape[0] * 2 // 3, fps=FULL_HD.fps)
    start = time.process_time()
    with ClipWriter(into, film) as writer:
        for number in range(count):
            writer.write(there_and_back[number % len(there_and_back)])
    return time.process_time() - start


def _all_again(words: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as directory:
        again = Path(directory) / "again.mp4"
        return sum(
            encode_again(Path(file), again, int(count)) for file, count in zip(words[::2], words[1::2], strict=True)
        )


if __name__ == "__main__":
    print(_all_again(sys.argv[1:]) if sys.argv[1:] else measure())
