"""What the gate says of footage and scores of known truth: the cases, judging them, counting.

Belongs here: which clean and faulty clips there are, from which pictures, by which camera; the confusion table.
Does not belong here: putting faults in (``faulty.py``), measuring, thresholds, printing (``benchmarks/measures.py``).

Four kinds of footage: drawn rooms, on which the thresholds were set; photographs of the example listing, looked at by
the same camera; the same as a hosted model's file would come, 24 frames a second and hard compressed, brought into the
film's format as such files are; and clips of the local camera itself, faults put into their frames.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.gates import EngineKind, Fault, judge_clip, judge_sound
from luxvid_pipeline.domain.listing import MUSIC_STYLES
from luxvid_pipeline.domain.pairs import Overlap
from luxvid_pipeline.domain.photos import PhotoRecord, Verdict, WorkingPhoto
from luxvid_pipeline.domain.ports import ClipRequest
from luxvid_pipeline.domain.storyboard import Shot
from luxvid_pipeline.media.audio import decode_audio
from luxvid_pipeline.media.conform import conform_clip
from luxvid_pipeline.media.ffmpeg import run_ffmpeg
from luxvid_pipeline.media.measures.clip import measure_clip
from luxvid_pipeline.media.measures.sound import measures_of
from luxvid_pipeline.media.overlap import measure_overlap
from luxvid_pipeline.providers.local.camera import shoot_clip
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline_tests import faulty
from luxvid_pipeline_tests.faulty import CLEAN, FAULTY, SMALL, Example, Frames
from luxvid_pipeline_tests.sounds import score_request

PHOTOS = Path(__file__).resolve().parent.parent / "examples" / "listings" / "villa-aurora"
SECONDS = 4
FRAMES = SECONDS * 30
DRAWN, PHOTOGRAPHED, HOSTED, LOCAL = "drawn rooms", "photographs", "as a hosted file", "the local camera"

_ROOMS = (1, 2)
_PICTURES = (
    ("master-bath-1.jpg", "kitchen.jpg"),
    ("primary-bedroom-1.jpg", "dining-room.jpg"),
    ("DSC_0409.jpg", "hallway.jpg"),
    ("terrace-fire-bowl.jpg", "front-entrance.jpg"),
)
_HOSTED_PICTURES = (
    ("DSC_0428.jpg", "kitchen.jpg"),
    ("living-room-sea.jpg", "garden-1.jpg"),
    ("front-entrance.jpg", "dining-room.jpg"),
)
_PAIRS = (
    ("1-arrival", "DSC_0403.jpg", "pool-and-house-2.jpg"),
    ("2-bedroom", "primary-bedroom-1.jpg", "primary-bedroom-2.jpg"),
    ("3-vanity", "master-bath-2.jpg", "master-bath-1.jpg"),
    ("4-bath", "DSC_0431.jpg", "DSC_0432.jpg"),
    ("5-living", "living-room-2.jpg", "living-room-1.jpg"),
    ("6-lifestyle", "dining-room.jpg", None),
    ("7-farewell", "DSC_0452.jpg", "DSC_0453.jpg"),
)
_PICTURE_WIDTH_PX = 1600
_HOSTED_FILM = FilmFormat(width_px=640, height_px=360, fps=Fraction(24))
_HOSTED_CRF = "30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One clip or score of known truth.

    Attributes:
        group: What kind of footage.
        name: What it is, and of which picture.
        fault: What was put in; None for a clean one.
        also: Faults that this one brings with it.
    """

    group: str
    name: str
    fault: Fault | None
    also: frozenset[Fault]
    _example: Example
    _pictures: tuple[Any, ...]

    def found(self, folder: Path) -> frozenset[Fault]:
        """Make it, measure it, judge it.

        Args:
            folder: Where to put its files; they are removed.
        """
        makers: dict[str, Callable[[Example, tuple[Any, ...], Path], frozenset[Fault]]] = {
            DRAWN: _found_drawn,
            PHOTOGRAPHED: _found_photographed,
            HOSTED: _found_hosted,
            LOCAL: _found_local,
        }
        cv2.setNumThreads(1)
        try:
            return makers[self.group](self._example, self._pictures, folder)
        finally:
            for file in folder.glob("*"):
                file.unlink()


def cases() -> list[Case]:
    """Return every case of footage."""
    rooms = [(DRAWN, (seed, seed + 100)) for seed in _ROOMS]
    seen = [(PHOTOGRAPHED, names) for names in _PICTURES] + [(HOSTED, names) for names in _HOSTED_PICTURES]
    found = [_case(group, example, names) for group, names in [*rooms, *seen] for example in (*CLEAN, *FAULTY)]
    return found + [_case(LOCAL, example, pair) for pair in _PAIRS for example in _local_examples(pair)]


def _case(group: str, example: Example, pictures: tuple[Any, ...]) -> Case:
    name = f"{example.name}: {', '.join(str(each) for each in pictures if each)}"
    return Case(
        group=group, name=name, fault=example.fault, also=example.also, _example=example, _pictures=tuple(pictures)
    )


def _local_examples(pair: tuple[str, str, str | None]) -> Iterable[Example]:
    """The camera's own clip, and what can be wrong with its file."""
    scene, _, last = pair
    hold = scene == "6-lifestyle"
    spoils: list[tuple[str, Fault, Callable[[Frames, Frames], Frames], set[Fault]]] = [
        ("frozen tail", Fault.FROZEN_TAIL, lambda f, _o: faulty.frozen_tail(f), {Fault.FROZEN, Fault.JUDDER}),
        ("black gap", Fault.BLACK, lambda f, _o: faulty.black_gap(f), {Fault.FLASH}),
        ("flash", Fault.FLASH, lambda f, _o: faulty.flash(f), set()),
        ("flicker", Fault.FLICKER, lambda f, _o: faulty.flicker(f), {Fault.FLASH}),
        ("cut inside", Fault.JUMP, faulty.cut_to, {Fault.LAST_FRAME, Fault.DRIFT, Fault.DIRECTION}),
    ]
    if not hold:
        spoils += [
            ("frozen in the middle", Fault.FROZEN, lambda f, _o: faulty.frozen_middle(f), {Fault.JUDDER, Fault.JUMP}),
            ("frames repeated", Fault.JUDDER, lambda f, _o: faulty.repeated(f), set()),
        ]
    # The camera's wrong way is known only where the photos say which way is right.
    if last is not None and _overlap(*pair[1:]) is not None:
        ends = {Fault.FIRST_FRAME, Fault.LAST_FRAME}
        spoils.append(("played backwards", Fault.DIRECTION, lambda f, _o: f[::-1], ends))
    move = faulty.Move()
    yield Example(name=scene, scene=scene, move=move)
    if last is not None:
        also = frozenset({Fault.DIRECTION})
        yield Example(
            name="swapped last frame",
            scene=scene,
            move=move,
            fault=Fault.LAST_FRAME,
            also=also,
            pair=True,
            last_of_other=True,
        )
    for name, fault, spoil, also in spoils:
        yield Example(name=name, scene=scene, move=move, fault=fault, spoil=spoil, also=frozenset(also))


def _found_drawn(example: Example, pictures: tuple[Any, ...], folder: Path) -> frozenset[Fault]:
    seed, other = pictures
    return _shot(example, _room(seed), _room(other), folder)


def _found_photographed(example: Example, pictures: tuple[Any, ...], folder: Path) -> frozenset[Fault]:
    name, other = pictures
    return _shot(example, _photo(name), _photo(other), folder)


def _shot(example: Example, picture: Any, other: Any, folder: Path) -> frozenset[Fault]:
    clip, first, last = faulty.shoot(example, picture, other, SMALL, FRAMES, folder)
    return _judged(clip, example.scene, first, last)


def _found_hosted(example: Example, pictures: tuple[Any, ...], folder: Path) -> frozenset[Fault]:
    """A file of 24 frames a second, compressed hard, brought into the film's format as a model's file is."""
    name, other = pictures
    came, first, last = faulty.shoot(example, _photo(name), _photo(other), _HOSTED_FILM, FRAMES, folder)
    hard = folder / "hard.mp4"
    tags = ["-x264-params", "colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv"]
    arguments = ["-y", "-v", "error", "-i", str(came), "-c:v", "libx264", "-crf", _HOSTED_CRF, "-bf", "2", *tags]
    run_ffmpeg([*arguments, "-threads", "1", str(hard)], doing="compressing hard")
    clip = folder / "film.mp4"
    conform_clip(hard, clip, SMALL, FRAMES, first=first, last=last)
    return _judged(clip, example.scene, first, last)


def _found_local(example: Example, pictures: tuple[Any, ...], folder: Path) -> frozenset[Fault]:
    scene, first, last = pictures
    frames = _frames_of_the_local_camera(scene, first, last, folder)
    shown = example.spoil(list(frames), faulty.clean(_photo("hallway.jpg"), SMALL, faulty.PUSH_IN, FRAMES))
    clip = faulty.encode(shown, folder / "film.mp4", SMALL)
    ends_on = "kitchen.jpg" if example.last_of_other else last
    overlap = None if example.last_of_other or last is None else _overlap(first, last)
    photos = [PHOTOS / name if name else None for name in (first, ends_on)]
    return _judged(clip, scene, PHOTOS / first, photos[1], overlap, EngineKind.LOCAL)


def _judged(
    clip: Path,
    scene: str,
    first: Path,
    last: Path | None,
    overlap: Overlap | None = None,
    kind: EngineKind = EngineKind.HOSTED,
) -> frozenset[Fault]:
    measures = measure_clip(clip, first_photo=first, last_photo=last)
    return frozenset(judge_clip(measures, scene, kind, overlap=overlap, planned_s=SECONDS, film=SMALL).faults)


@cache
def _room(seed: int) -> Any:
    return faulty.room(_PICTURE_WIDTH_PX, _PICTURE_WIDTH_PX * 9 // 16, seed)


@cache
def _photo(name: str) -> Any:
    grey: Any = cv2.imread(str(PHOTOS / name), cv2.IMREAD_GRAYSCALE)
    scale = _PICTURE_WIDTH_PX / grey.shape[1]
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@cache
def _overlap(first: str, last: str) -> Overlap | None:
    return measure_overlap(PHOTOS / first, PHOTOS / last)


@cache
def _frames_of_the_local_camera(scene: str, first: str, last: str | None, folder: Path) -> tuple[Any, ...]:
    shot = Shot(
        scene=scene, subject="", camera="", prompt="", negative_prompt="", score_prompt="", seconds=float(SECONDS)
    )
    request = ClipRequest(
        listing="villa-aurora",
        shot=shot,
        first=_working(first),
        last=_working(last) if last else None,
        overlap=_overlap(first, last) if last else None,
        format=SMALL,
    )
    clip = folder / "camera.mp4"
    shoot_clip(request, clip)
    with av.open(str(clip)) as container:
        return tuple(_full_range(frame) for frame in container.decode(video=0))


def _full_range(frame: Any) -> Any:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return np.clip((rows.astype(np.float32) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)


def _working(name: str) -> WorkingPhoto:
    path = PHOTOS / name
    record = PhotoRecord(photo_id=path.stem, file=name, original=name, bytes=path.stat().st_size, verdict=Verdict.KEPT)
    return WorkingPhoto(record=record, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the gate said of one case."""

    group: str
    name: str
    fault: Fault | None
    found: frozenset[Fault]
    also: frozenset[Fault] = frozenset()

    @property
    def is_found(self) -> bool:
        """Whether the fault that was put in is reported."""
        return self.fault in self.found

    @property
    def false_alarms(self) -> frozenset[Fault]:
        """What is reported, and neither was put in nor comes with what was."""
        return self.found - {self.fault} - self.also


def score_outcomes(folder: Path, styles: Sequence[str] = MUSIC_STYLES, listings: int = 2) -> list[Outcome]:
    """Play scores of the local composer, put each fault into each of them, and judge all."""
    found: list[Outcome] = []
    for style in styles:
        for number in range(listings):
            request = score_request(f"listing-{number}", style)
            file = folder / "score.flac"
            LocalComposer().compose_stage(request, len(request.stage_seconds) - 1, None, file)
            score = decode_audio(file)
            name = f"{style} {number + 1}"
            spoiled = {"clean": (None, score)}
            spoiled |= {told: (fault, spoil(score)) for told, (fault, spoil) in faulty.SOUND_FAULTS.items()}
            for told, (fault, sound) in spoiled.items():
                verdict = judge_sound(measures_of(sound, stage_seconds=request.stage_seconds, fade_s=0.5))
                # A click inside a cut, or a step where another song begins, is part of the same fault.
                also = frozenset({Fault.LEVEL, Fault.TIMBRE} - {fault}) if fault in {Fault.TIMBRE, Fault.LEVEL} else ()
                found.append(
                    Outcome(
                        group="scores",
                        name=f"{told}: {name}",
                        fault=fault,
                        found=frozenset(verdict.faults),
                        also=frozenset(also),
                    )
                )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One row of the table.

    Attributes:
        fault: What was put in; None for clean ones.
        cases: How many.
        found: How many of them were found to have it; of clean ones, how many to have nothing.
        false_alarms: What else was reported without reason, and how often.
    """

    fault: Fault | None
    cases: int
    found: int
    false_alarms: Counter[Fault]


def counted(outcomes: Iterable[Outcome]) -> list[Count]:
    """Return the confusion table's rows, clean ones first, then by fault."""
    by_fault: dict[Fault | None, list[Outcome]] = {}
    for outcome in outcomes:
        by_fault.setdefault(outcome.fault, []).append(outcome)
    order = [None, *Fault]
    return [
        Count(
            fault=fault,
            cases=len(by_fault[fault]),
            found=sum(not each.found if fault is None else each.is_found for each in by_fault[fault]),
            false_alarms=Counter(alarm for each in by_fault[fault] for alarm in each.false_alarms),
        )
        for fault in order
        if fault in by_fault
    ]
