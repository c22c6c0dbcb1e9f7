"""``python -m benchmarks.vmaf``: how true the encoder is to what it was given, as VMAF.

Belongs here: encoding the example's clips and the package's shapes with a witness that keeps every frame as it was
drawn, and asking ffmpeg's libvmaf how near the file comes to that; the table in ``docs/quality.md``.
Does not belong here: choosing the encoder's settings (``media/encode.py``).

The film of 16:9 is its clips' own packets, so its score is theirs. Everything else, other shapes, captions and half
pace, is drawn from the photographs again, and compared with what was drawn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from rich.console import Console

from benchmarks import quality_page
from benchmarks.camera_truth import LISTING
from luxvid_pipeline.domain.delivery_plan import SLOW, Part, Shape, format_of
from luxvid_pipeline.domain.film_format import FULL_HD, FilmFormat
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media import part_runs, shooting
from luxvid_pipeline.media.brand_graphics import caption
from luxvid_pipeline.media.encode import ClipWriter, Frame
from luxvid_pipeline.media.ffmpeg import ffmpeg_path
from luxvid_pipeline.media.overlap import measure_overlap
from luxvid_pipeline.media.overlays import Overlay
from luxvid_pipeline.media.packaging import SceneSource, make_parts
from luxvid_pipeline.media.part_runs import PartOrder
from luxvid_pipeline.media.reframing import crop_path, look_along
from luxvid_pipeline.providers.local import camera


class Kind(Enum):
    """What a part of a package shows of its scene."""

    PLAIN = "plain"
    CAPTIONED = "captioned"
    SLOW = "at half pace"


SECONDS = 4.0
LEAST = 95.0
_EVERY = 5


class Witness(ClipWriter):
    """A writer that also keeps every frame as it was given, and is asked afterwards."""

    scores: ClassVar[dict[str, tuple[float, float]]] = {}

    def __init__(self, into: Path, film: FilmFormat = FULL_HD, **options: Any) -> None:
        """Prepare to write ``into`` and its raw frames beside it."""
        super().__init__(into, film, **options)
        self._file, self._size = into, film
        self._raw = into.with_name(f"{into.name}.yuv")

    def __enter__(self) -> Self:
        """Open both."""
        self._sink = self._raw.open("wb")
        return super().__enter__()

    def write(self, frame: Frame) -> None:
        """Encode a frame and keep it."""
        self._sink.write(frame.tobytes())
        super().write(frame)

    def show(self, frame: Frame) -> Future[Frame]:
        """The same of a frame that others show too."""
        self._sink.write(frame.tobytes())
        return super().show(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, and compare it."""
        super().__exit__(kind, error, trace)
        self._sink.close()
        if kind is None:
            Witness.scores[self._file.name] = vmaf(self._file, self._raw, self._size)
        self._raw.unlink()


def _put_together(clip: Path) -> None:
    """Score a clip by its stretches, or a part by its runs, which are all equally long."""
    scores = [Witness.scores[name] for name in Witness.scores if name.startswith(f"{clip.name}.")]
    means, least = zip(*scores, strict=True)
    Witness.scores[clip.name] = sum(means) / len(means), min(least)


def vmaf(file: Path, raw: Path, film: FilmFormat) -> tuple[float, float]:
    """Return the mean and the least VMAF of a file against raw frames, of every fifth frame.

    Source:
        Netflix, https://github.com/Netflix/vmaf, model vmaf_v0.6.1, as libvmaf in ffmpeg.
    """
    log = file.with_name(f"{file.name}.json")
    size = f"{film.width_px}x{film.height_px}"
    command = [ffmpeg_path(), "-v", "error", "-i", str(file), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size]
    command += ["-r", str(film.fps), "-i", str(raw), "-lavfi"]
    command += [f"libvmaf=log_fmt=json:log_path={log}:n_threads=2:n_subsample={_EVERY}", "-f", "null", "-"]
    subprocess.run(command, check=True)
    pooled = json.loads(log.read_text())["pooled_metrics"]["vmaf"]
    return float(pooled["mean"]), float(pooled["min"])


def main() -> int:
    """Encode, compare, print, write; returns 1 if a file is below the threshold."""
    parser = argparse.ArgumentParser(prog="benchmarks.vmaf", description=__doc__)
    parser.add_argument("--scenes", nargs="*", default=list(SCENE_KEYS), choices=SCENE_KEYS)
    parser.add_argument("--reframed", nargs="*", default=list(SCENE_KEYS), choices=SCENE_KEYS, help="scenes cut out")
    parser.add_argument(
        "--kinds", nargs="*", default=[kind.value for kind in Kind], choices=[kind.value for kind in Kind]
    )
    options = parser.parse_args()
    kinds = [Kind(value) for value in options.kinds]
    shooting.ClipWriter = part_runs.ClipWriter = Witness  # pyright: ignore[reportPrivateImportUsage]
    with tempfile.TemporaryDirectory() as folder:
        for scene in dict.fromkeys([*options.scenes, *options.reframed]):
            clip = Path(folder) / _name(scene, Shape.WIDE, Kind.PLAIN)
            camera.shoot_clip(_request(scene), clip)
            _put_together(clip)
            if scene in options.reframed:
                _reframe(scene, clip, Path(folder), kinds)
    text = _table(options.scenes, options.reframed, kinds)
    if len(kinds) == len(Kind):
        quality_page.replace_block("vmaf", text)
    Console(highlight=False).print(text, markup=False)
    return 0 if all(mean >= LEAST for name, (mean, _) in Witness.scores.items() if name.endswith(".mp4")) else 1


def _request(scene: str) -> ClipRequest:
    truth = json.loads((LISTING / "truth" / f"{scene}.json").read_text())
    first, last = (LISTING / truth[name] for name in ("first_photo", "last_photo"))
    shot = Shot(scene=scene, subject="", camera="", prompt="", negative_prompt="", score_prompt="", seconds=SECONDS)
    return ClipRequest(
        listing="villa-aurora",
        shot=shot,
        first=_photo(first),
        last=_photo(last),
        overlap=measure_overlap(first, last),
    )


def _photo(path: Path) -> WorkingPhoto:
    record = PhotoRecord(
        photo_id=path.stem, file=path.name, original=path.name, bytes=path.stat().st_size, verdict=Verdict.KEPT
    )
    return WorkingPhoto(record=record, path=path)


def _reframe(scene: str, clip: Path, folder: Path, kinds: Sequence[Kind]) -> None:
    frames = FULL_HD.frames(SECONDS)
    looks = look_along(clip, frames)
    crops = {shape: crop_path(looks, FULL_HD, format_of(shape), frames) for shape in Shape if shape is not Shape.WIDE}
    orders = [
        PartOrder(
            part=Part(scene=scene, shape=shape, captioned=kind is Kind.CAPTIONED, slow=kind is Kind.SLOW),
            into=folder / _name(scene, shape, kind),
            start=0,
            frames=frames * (SLOW if kind is Kind.SLOW else 1),
            overlay=_caption(scene, shape) if kind is Kind.CAPTIONED else None,
        )
        for kind in kinds
        for shape in Shape
        if (shape, kind) != (Shape.WIDE, Kind.PLAIN)  # that one is the clip
    ]
    request = _request(scene)
    source = SceneSource(
        scene=scene,
        clip=clip,
        frames=frames,
        draws=partial(camera.draw_again, request),
    )
    make_parts(source, orders, crops, {})
    for order in orders:
        _put_together(order.into)


def _caption(scene: str, shape: Shape) -> Overlay:
    size = format_of(shape)
    return caption(
        scene.partition("-")[2].capitalize(), (size.width_px, size.height_px), detail="12 Cliff Road, Malibu"
    )


def _name(scene: str, shape: Shape, kind: Kind) -> str:
    return f"{scene}_{shape.value}_{kind.value.replace(' ', '-')}.mp4"


def _table(scenes: Sequence[str], reframed: Sequence[str], kinds: Sequence[Kind]) -> str:
    rows: list[list[object]] = []
    for kind in kinds:
        for shape in Shape:
            wanted = scenes if (shape, kind) == (Shape.WIDE, Kind.PLAIN) else reframed
            found = {scene: Witness.scores[_name(scene, shape, kind)] for scene in wanted}
            if not found:
                continue
            mean = sum(each for each, _ in found.values()) / len(found)
            worst = min(found, key=lambda scene: found[scene][0])
            rows.append(
                [
                    shape.value,
                    kind.value,
                    len(found),
                    f"{mean:.1f}",
                    f"{found[worst][0]:.1f} ({worst})",
                    f"{min(least for _, least in found.values()):.1f}",
                ]
            )
    return quality_page.table(("shape", "", "scenes", "mean VMAF", "lowest scene", "lowest frame"), rows)


if __name__ == "__main__":
    sys.exit(main())
