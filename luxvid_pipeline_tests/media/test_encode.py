import os
from concurrent.futures import ThreadPoolExecutor, wait
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media import encode
from luxvid_pipeline.media.encode import ClipWriter, empty_frame, gop_frames, planes

SMALL = FilmFormat(320, 180, Fraction(30))


def frames(count, film=SMALL, seed=0):
    rng = np.random.default_rng(seed)
    texture = rng.integers(16, 236, (film.height_px, film.width_px + 2 * count), dtype=np.uint8)
    frame = empty_frame(film)
    luma, blue, red = planes(frame)
    blue[:], red[:] = 120, 136
    for index in range(count):
        luma[:] = texture[:, 2 * index : 2 * index + film.width_px]
        yield frame


def write(path, count=32, film=SMALL, seed=0):
    with ClipWriter(path, film) as writer:
        for frame in frames(count, film, seed):
            writer.write(frame)
    return path


def test_a_clip_is_what_a_delivery_platform_asks_for(tmp_path):
    with av.open(write(tmp_path / "clip.mp4", 32)) as clip:
        stream = clip.streams.video[0]
        context = stream.codec_context
        assert (context.width, context.height, stream.average_rate) == (320, 180, 30)
        assert (stream.codec.name, stream.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert stream.time_base == Fraction(1, 15360)
        packets = [packet for packet in clip.demux(stream) if packet.size]
    assert len(packets) == 32
    assert [index for index, packet in enumerate(packets) if packet.is_keyframe] == [0, 15, 30]
    assert sorted(packet.pts for packet in packets) == [512 * index for index in range(32)]
    # Closed groups: no picture after a key frame is shown before it.
    for index in (15, 30):
        assert min(packet.pts for packet in packets[index:]) == packets[index].pts


def test_the_index_lies_in_front_and_nothing_tells_version_time_or_edits(tmp_path):
    data = write(tmp_path / "clip.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    assert b"elst" not in data
    assert b"x264 - core" not in data
    assert b"Lavf" not in data


def test_clips_of_different_pictures_share_their_parameter_sets(tmp_path):
    extradata = []
    for seed, count in ((1, 20), (2, 45)):
        with av.open(write(tmp_path / f"{seed}.mp4", count, seed=seed)) as clip:
            extradata.append(clip.streams.video[0].codec_context.extradata)
    assert extradata[0] == extradata[1]


def test_the_same_frames_give_the_same_bytes(tmp_path):
    assert write(tmp_path / "a.mp4").read_bytes() == write(tmp_path / "b.mp4").read_bytes()


def zoom(count, film, seed):
    """A slow push-in on soft shapes with grain, as photos give it: far below the ceiling, and full of B-frames."""
    rng = np.random.default_rng(seed)
    shapes = cv2.resize(rng.integers(16, 236, (36, 40), dtype=np.uint8), (2 * film.width_px, 2 * film.height_px))
    photo = np.clip(shapes.astype(np.int16) + rng.integers(-3, 4, shapes.shape), 16, 235).astype(np.uint8)
    for number in range(count):
        frame = empty_frame(film)
        scale = 1 / (1 + 0.004 * number)
        move = np.array([[scale, 0, 20 + number * (seed % 3)], [0, scale, 15.0]])
        planes(frame)[0][:] = cv2.warpAffine(photo, move, (film.width_px, film.height_px), flags=cv2.WARP_INVERSE_MAP)
        planes(frame)[1][:], planes(frame)[2][:] = 120, 136
        yield frame


@pytest.mark.parametrize("seed", [1, 7, 8])
def test_the_bytes_do_not_depend_on_threads_memory_or_how_busy_the_machine_is(tmp_path, seed):
    pictures = list(zoom(90, SMALL, seed))

    def encoded(place):
        path = tmp_path / f"{place}.mp4"
        with ClipWriter(path, SMALL, threads=1 + place % 3) as writer:
            for picture in pictures:
                writer.write(picture)
        return path.read_bytes()

    with ThreadPoolExecutor(4) as pool:  # more encoders than cores, in memory that earlier ones have used
        made = list(pool.map(encoded, range(12)))
    assert len(made[0]) * 8 / 3 < 1000 * encode.ceiling_kbps(SMALL)
    assert len(set(made)) == 1


def test_writers_that_show_the_same_frame_write_what_each_would_of_its_own(tmp_path):
    pictures = list(zoom(20, SMALL, 3))
    alone, one, other = (tmp_path / f"{name}.mp4" for name in ("alone", "one", "other"))
    with ClipWriter(alone, SMALL) as writer:
        for picture in pictures:
            writer.write(picture)
    with ClipWriter(one, SMALL) as first, ClipWriter(other, SMALL, threads=1) as second:
        for number, picture in enumerate(pictures):
            kept = picture.copy()
            readers = [first.show(kept), second.show(kept) if number % 3 else None]
            if number % 3 == 0:  # a writer may be shown some frames and be given others
                second.write(picture)
            wait([reader for reader in readers if reader is not None])
            kept[:] = 0
    assert alone.read_bytes() == one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(("fps", "gop"), [(Fraction(30), 15), (Fraction(25), 12), (Fraction(30000, 1001), 15)])
def test_a_group_of_pictures_lasts_half_a_second(fps, gop):
    assert gop_frames(FilmFormat(320, 180, fps)) == gop


def test_noise_stays_below_the_ceiling(tmp_path):
    path = write(tmp_path / "noise.mp4", 120)
    assert path.stat().st_size * 8 / 4 < 1.25 * 1000 * encode.ceiling_kbps(SMALL)
    assert write(tmp_path / "again.mp4", 120).read_bytes() == path.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_clip_below_the_ceiling_and_one_above_can_be_joined(tmp_path, monkeypatch):
    def extradata(path):
        with av.open(str(path)) as clip:
            return clip.streams.video[0].codec_context.extradata

    free = write(tmp_path / "free.mp4", 45)
    monkeypatch.setattr(encode, "ceiling_kbps", lambda _film: 300)
    held = write(tmp_path / "held.mp4", 45)
    assert held.stat().st_size < 0.7 * free.stat().st_size
    assert extradata(held) == extradata(free)


def test_whoever_hands_frames_over_may_encode_them_in_their_own_thread(tmp_path):
    pictures = list(zoom(20, SMALL, 3))
    for name, at_once in (("beside", False), ("at-once", True)):
        with ClipWriter(tmp_path / name, SMALL, at_once=at_once) as writer:
            for number, picture in enumerate(pictures):
                if number % 2:
                    writer.show(picture)
                else:
                    np.copyto(writer.buffer(), picture)
                    writer.write(writer.buffer())
    assert (tmp_path / "beside").read_bytes() == (tmp_path / "at-once").read_bytes()


def test_an_exception_leaves_no_file(tmp_path):
    path = tmp_path / "clip.mp4"
    writer = ClipWriter(path, SMALL)

    def interrupted():
        with writer:
            for frame in frames(20):
                writer.write(frame)
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        interrupted()
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_one_error_that_says_what_was_being_done(tmp_path):
    with pytest.raises(MediaError, match=r"encoding clip\.mp4: clip\.mp4 cannot be written: No such file"):
        write(tmp_path / "no-such-folder" / "clip.mp4", 8, FilmFormat(1920, 1080))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")  # noqa: PTH110
def test_a_full_disk_is_called_a_full_disk(tmp_path):
    path = tmp_path / "clip.mp4"
    path.symlink_to("/dev/full")
    with pytest.raises(MediaError, match="the disk is full"):
        write(path, 60)


def test_a_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(MediaError, match="no 320x180 picture"), ClipWriter(tmp_path / "clip.mp4", SMALL) as writer:
        writer.write(np.zeros((100, 100), np.uint8))


def test_no_frame_is_no_clip(tmp_path):
    with pytest.raises(MediaError), ClipWriter(tmp_path / "clip.mp4", SMALL):
        pass
    assert not (tmp_path / "clip.mp4").exists()


def test_more_detail_is_more_bits_and_joins_with_the_rest_all_the_same(tmp_path):
    noise = np.random.default_rng(4)
    picture = cv2.resize(noise.integers(16, 236, (60, 120), dtype=np.uint8), (SMALL.width_px + 60, SMALL.height_px))
    sizes: list[int] = []
    headers: list[bytes | None] = []
    for detail in (1.0, 1.2):
        path = tmp_path / f"{detail}.mp4"
        with ClipWriter(path, SMALL, detail=detail) as writer:
            for number in range(30):
                frame = empty_frame(SMALL)
                frame[:] = 128
                planes(frame)[0][:] = picture[:, number : number + SMALL.width_px]
                writer.write(frame)
        sizes.append(path.stat().st_size)
        with av.open(str(path)) as container:
            headers.append(container.streams.video[0].codec_context.extradata)
    assert 1.05 * sizes[0] < sizes[1] < 1.6 * sizes[0]
    assert headers[0] == headers[1]
