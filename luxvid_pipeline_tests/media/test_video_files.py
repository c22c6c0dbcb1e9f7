"""Single frames, fetched without decoding what nobody looks at, are the frames that a player shows."""

import av
import cv2
import numpy as np
import pytest

from luxvid_pipeline.media.encode import ClipWriter, empty_frame, planes
from luxvid_pipeline.media.video_files import frame_at, key_frame, open_without_decoding
from luxvid_pipeline_tests.clips import SMALL

FRAMES = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A picture that moves, with B-frames and a key frame each half second; every frame another brightness."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    noise = np.random.default_rng(2).integers(0, 60, (20, 60), dtype=np.uint8)
    texture = cv2.resize(noise, (SMALL.width_px + 2 * FRAMES, SMALL.height_px))
    with ClipWriter(path, SMALL) as writer:
        for number in range(FRAMES):
            frame = empty_frame(SMALL)
            frame[:] = 128
            planes(frame)[0][:] = texture[:, 2 * number : 2 * number + SMALL.width_px] + 30 + 3 * number
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def played(clip):
    with av.open(str(clip)) as container:
        return [(frame.pts, frame.to_ndarray(format="yuv420p")) for frame in container.decode(video=0)]


@pytest.mark.parametrize("number", [0, 1, 14, 15, 16, 29, 30, FRAMES - 2, FRAMES - 1])
def test_a_frame_by_its_number_is_the_one_that_is_played(clip, played, number):
    with open_without_decoding(clip) as container:
        found = frame_at(container, container.streams.video[0], number)
    assert found.pts == played[number][0]
    assert np.array_equal(found.to_ndarray(format="yuv420p"), played[number][1])


def test_frames_may_be_asked_for_in_any_order(clip, played):
    with open_without_decoding(clip) as container:
        for number in (30, 7, 0, FRAMES - 1, 15):
            found = frame_at(container, container.streams.video[0], number)
            assert np.array_equal(found.to_ndarray(format="yuv420p"), played[number][1])


@pytest.mark.parametrize(("at", "expected"), [(0, 0), (14, 0), (15, 15), (39, 30)])
def test_a_key_frame_is_the_last_one_before_a_time(clip, played, at, expected):
    with open_without_decoding(clip) as container:
        found = key_frame(container, container.streams.video[0], played[at][0])
    assert found.pts == played[expected][0]
    assert np.array_equal(found.to_ndarray(format="yuv420p"), played[expected][1])


def test_a_frame_beyond_the_end_is_an_error(clip):
    with open_without_decoding(clip) as container, pytest.raises(ValueError, match="frame 200 is not in it"):
        frame_at(container, container.streams.video[0], 200)


def test_what_is_known_without_decoding_is_what_the_file_is(clip):
    with open_without_decoding(clip) as container, av.open(str(clip)) as opened:
        quick, whole = container.streams.video[0], opened.streams.video[0]
        for name in ("frames", "average_rate", "time_base", "width", "height", "profile"):
            assert getattr(quick, name) == getattr(whole, name), name
        assert quick.codec_context.extradata == whole.codec_context.extradata
