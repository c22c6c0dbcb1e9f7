"""A part that is encoded in runs is one part: all its frames, key frames where players look for them, nothing left."""

from fractions import Fraction

import av
import numpy as np
import pytest

from luxvid_pipeline.domain.delivery_plan import Part, Shape
from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.crew import Crew
from luxvid_pipeline.media.encode import empty_frame, planes
from luxvid_pipeline.media.overlays import Ink
from luxvid_pipeline.media.part_runs import PartOrder, PartWriter
from luxvid_pipeline.media.probe import probe_video

SMALL = FilmFormat(320, 180, Fraction(30))


def order(into, *, start=0, frames=60, slow=False):
    part = Part(scene="1-arrival", shape=Shape.WIDE, short_side_px=180, slow=slow)
    return PartOrder(part=part, into=into, start=start, frames=frames)


def frame(number):
    """A frame whose level tells its number."""
    drawn = empty_frame(SMALL)
    drawn[:] = 128
    planes(drawn)[0][:] = 40 + number
    return drawn


def write(what, steps, **options):
    """Give a part its scene's frames, so many at a time."""
    with Crew() as crew, PartWriter(what, SMALL, crew, **options) as writer:
        first = 0
        for count in steps:
            numbers = [number for number in range(first, first + count) if writer.takes(number)]
            writer.add([(number, frame(number)) for number in numbers]).result(timeout=60)
            first += count
    return what.into


def levels(path):
    with av.open(str(path)) as container:
        return [planes(each.to_ndarray(format="yuv420p"))[0].mean() for each in container.decode(video=0)]


@pytest.mark.parametrize(
    ("start", "frames", "steps"),
    [(0, 60, [30, 30]), (15, 60, [30, 30, 30]), (0, 45, [30, 30]), (7, 40, [30, 30]), (0, 20, [20]), (0, 50, [1] * 50)],
)
def test_a_part_holds_its_frames_and_a_key_frame_each_half_second_wherever_runs_end(tmp_path, start, frames, steps):
    path = write(order(tmp_path / "part.mp4", start=start, frames=frames), steps)
    assert levels(path) == pytest.approx([40 + number for number in range(start, start + frames)], abs=1.2)
    facts = probe_video(path)
    assert (facts.frames, facts.constant_rate, facts.closed_gops) == (frames, True, True)
    with av.open(str(path)) as container:
        keys = [number for number, entry in enumerate(container.streams.video[0].index_entries) if entry.is_keyframe]
    assert keys == list(range(0, frames, 15))
    assert list(tmp_path.iterdir()) == [path]


def test_an_overlay_comes_and_goes_once_over_all_runs_and_a_notice_stands(tmp_path):
    overlay = np.zeros((180, 320, 4), np.uint8)
    overlay[100:140, 40:200] = 255
    notice = np.zeros((180, 320, 4), np.uint8)
    notice[20:40, 40:200] = 255
    path = write(order(tmp_path / "part.mp4"), [30, 30], ink=Ink(overlay, SMALL), notice=Ink(notice, SMALL))
    with av.open(str(path)) as container:
        lumas = [planes(each.to_ndarray(format="yuv420p"))[0].astype(int) for each in container.decode(video=0)]
    caption = np.array([luma[105:135, 50:190].mean() for luma in lumas])
    assert caption[0] < 60
    assert caption[-1] < 110
    assert min(caption[9:51]) > 230
    assert min(luma[24:36, 50:190].mean() for luma in lumas) > 230


def test_the_bytes_do_not_depend_on_encoder_threads(tmp_path):
    paths = [write(order(tmp_path / f"{threads}.mp4"), [30, 30], threads=threads) for threads in (1, 3)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_part_of_which_nothing_was_shown_is_an_error(tmp_path):
    with pytest.raises(MediaError, match="nothing was shown of"):
        write(order(tmp_path / "part.mp4", start=90), [30])
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing(tmp_path):
    def write_some():
        with Crew() as crew, PartWriter(order(tmp_path / "part.mp4"), SMALL, crew, doing="packaging") as writer:
            writer.add([(number, frame(number)) for number in range(40)])
            writer.add([(40, np.zeros((10, 10), np.uint8))]).result(timeout=60)

    with pytest.raises(MediaError, match="packaging: a frame of shape"):
        write_some()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_said(tmp_path):
    with pytest.raises(MediaError, match="No such file"):
        write(order(tmp_path / "no-such-folder" / "part.mp4"), [30, 30])
