"""A clip from elsewhere comes out in the film's format: its length, its rate without judder, its best part."""

from fractions import Fraction
from functools import cache

import av
import cv2
import numpy as np
import pytest
from cachetools import cached
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media import conform
from luxvid_pipeline.media.conform import FASTEST, check_clip, conform_clip
from luxvid_pipeline.media.measures.fidelity import ssim
from luxvid_pipeline.media.probe import probe_video

FILM = FilmFormat(width_px=320, height_px=180, fps=Fraction(30))


_TEXTURE = cv2.GaussianBlur(np.random.default_rng(4).integers(0, 255, (180, 1600, 3), dtype=np.uint8), (0, 0), 2.5)
_TEXTURE = cv2.normalize(_TEXTURE, None, 16, 240, cv2.NORM_MINMAX)


def picture_at(place, size=(320, 180)):
    """A picture that travels to the right by four pixels (of 320) for each ``place``."""
    part = np.ascontiguousarray(_TEXTURE[:, 4 * place : 4 * place + 320])
    return part if size == (320, 180) else cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)


def write_clip(path, seconds, fps, *, size=(320, 180), sound=False, order=None, pts=None):
    """Frame ``n`` shows ``picture_at(n)``, or what ``order`` says."""
    rate = Fraction(fps).limit_denominator(1001)
    count = round(seconds * rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "12", "preset": "ultrafast"}
        if pts:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        voice = container.add_stream("aac", rate=48_000) if sound else None
        for number in range(count):
            shown = order(number) if order else picture_at(number, size)
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24")
            if pts:
                frame.pts, frame.time_base = pts(number), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            hum = av.AudioFrame.from_ndarray(np.zeros((2, 48_000), np.float32), format="fltp", layout="stereo")
            hum.sample_rate = 48_000
            container.mux(voice.encode(hum))
            container.mux(voice.encode(None))
    return path


@pytest.fixture(scope="module")
def travel(tmp_path_factory):
    """Clips of the whole travel, each written once."""
    folder = tmp_path_factory.mktemp("travel")

    @cache
    def written(seconds, fps, size=(320, 180)):
        return write_clip(folder / f"{seconds}-{fps}-{size[0]}.mp4", seconds, fps, size=size)

    return written


@pytest.fixture(scope="module")
def conformed(tmp_path_factory, travel):
    """What became of such a clip between photos of its ends, and the file; each made once."""

    @cache
    def made(seconds, fps, size, *, pair):
        folder = tmp_path_factory.mktemp("conformed")
        last_place = round(seconds * Fraction(fps).limit_denominator(1001)) - 1
        first = photo_of(folder / "first.jpg", 0)
        last = photo_of(folder / "last.jpg", last_place) if pair else None
        done = conform_clip(travel(seconds, fps, size), folder / "out.mp4", FILM, 120, first=first, last=last)
        return done, folder / "out.mp4"

    return made


def photo_of(path, place, size=(320, 180)):
    Image.fromarray(picture_at(place, size)).save(path, quality=95)
    return path


def places_shown(path, most):
    """For every frame of a clip, which place of the travel it shows, found by likeness."""
    band = slice(60, 100)
    known = [cv2.cvtColor(picture_at(place)[band], cv2.COLOR_RGB2GRAY).astype(np.float32) for place in range(most + 1)]
    flats = np.stack([(each - each.mean()).ravel() for each in known])
    flats /= np.linalg.norm(flats, axis=1)[:, None]
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            luma = frame.to_ndarray(format="gray")[band].astype(np.float32).ravel()
            scores = flats @ (luma - luma.mean())
            best = int(np.argmax(scores))
            # A parabola through the three best tells parts of a place.
            if 0 < best < most:
                left, middle, right = scores[best - 1 : best + 2]
                found.append(best + 0.5 * (left - right) / (left - 2 * middle + right))
            else:
                found.append(float(best))
    return np.array(found)


@pytest.mark.parametrize(
    ("seconds", "fps", "size", "pair", "speed", "drawn"),
    [
        pytest.param(4, 30, (320, 180), True, 1.0, 0, id="as-it-is"),
        pytest.param(5.05, 24, (320, 180), True, 1.25, 0, id="24-played-at-30"),
        pytest.param(5.0, 24, (320, 180), False, 1.25, 0, id="24-played-at-30-one-photo"),
        pytest.param(6, 25, (340, 192), True, 1.5, 118, id="hailuo-six-seconds"),
        pytest.param(8, 24, (256, 144), False, 1.25, 0, id="too-long-one-photo"),
        pytest.param(8, 24, (320, 180), True, 1.25, 0, id="too-long-two-photos"),
        pytest.param(9, 29.97, (320, 180), True, 1.5, 118, id="much-too-long-two-photos"),
        pytest.param(4, 24, (320, 180), True, 1.0, 118, id="24-to-30-in-real-time"),
        pytest.param(5.0625, 16, (320, 180), True, 1.27, 118, id="wan-16-frames-a-second"),
        pytest.param(4, 23.976, (320, 180), False, 1.0, 118, id="film-rate"),
        pytest.param(4, 60, (320, 180), False, 1.0, 0, id="sixty"),
        pytest.param(3.9, 30, (320, 180), True, 0.97, 118, id="a-little-short"),
    ],
)
def test_it_has_the_films_length_and_rate(conformed, seconds, fps, size, pair, speed, drawn):
    done, film = conformed(seconds, fps, size, pair=pair)
    facts = probe_video(film)
    assert (facts.frames, facts.fps, facts.width_px, facts.height_px) == (120, 30, 320, 180)
    assert done.speed == pytest.approx(speed, abs=0.03)
    assert done.drawn_frames == pytest.approx(drawn, abs=2)
    # Of 121 frames played one for one, either the first or the last is left out: four pixels here.
    assert done.first_ssim > (0.5 if seconds == 5.05 else 0.8)
    if seconds / 4 <= FASTEST and pair:
        assert done.last_ssim > 0.8


@pytest.mark.parametrize(("seconds", "fps"), [(5.05, 24), (6, 25), (4, 24), (8, 24), (5.0625, 16), (4, 23.976)])
def test_a_steady_move_stays_steady(conformed, seconds, fps):
    _, film = conformed(seconds, fps, (320, 180), pair=True)
    steps = np.diff(places_shown(film, round(seconds * fps)))
    assert np.abs(steps - np.median(steps)).max() < 0.35, "judder: a frame stands still or jumps"


def test_repeating_frames_would_be_seen_as_judder(tmp_path):
    clip = write_clip(tmp_path / "in.mp4", 4, 30, order=lambda number: picture_at(number * 4 // 5))
    steps = np.diff(places_shown(clip, 120))
    assert np.abs(steps - np.median(steps)).max() > 0.35


def test_sound_is_dropped(tmp_path):
    clip = write_clip(tmp_path / "in.mp4", 4, 30, sound=True)
    done = conform_clip(clip, tmp_path / "out.mp4", FILM, 120)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert (done.had_sound, len(container.streams.audio)) == (True, 0)
    assert (done.first_ssim, done.last_ssim) == (None, None)


def test_the_part_without_a_flash_is_chosen(tmp_path):
    def flashing(number):
        return np.full((180, 320, 3), 255, np.uint8) if number in {10, 11} else picture_at(number)

    clip = write_clip(tmp_path / "in.mp4", 8, 24, order=flashing)
    done = conform_clip(clip, tmp_path / "out.mp4", FILM, 120)
    assert done.used_from_s > 10 / 24


def test_two_photos_decide_together_which_part_is_used(tmp_path, travel):
    first = photo_of(tmp_path / "first.jpg", 40)
    last = photo_of(tmp_path / "last.jpg", 159)
    done = conform_clip(travel(8, 24), tmp_path / "out.mp4", FILM, 120, first=first, last=last)
    assert done.used_from_s == pytest.approx(40 / 24, abs=0.1)
    assert done.last_ssim > 0.8


def test_frames_at_uneven_times_are_read_by_the_clock(tmp_path):
    times = np.concatenate([np.arange(60) * 33, 60 * 33 + np.arange(60) * 66])
    clip = write_clip(tmp_path / "in.mp4", 4, 30, pts=lambda number: int(times[number]))
    done = conform_clip(clip, tmp_path / "out.mp4", FILM, 120)
    steps = np.diff(places_shown(tmp_path / "out.mp4", 120))
    assert done.speed == pytest.approx(1.48, abs=0.05)
    assert np.median(steps[5:30]) == pytest.approx(2 * np.median(steps[-30:-5]), rel=0.15)


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_a_clip_that_is_much_too_short_is_refused(tmp_path, seconds):
    clip = write_clip(tmp_path / "in.mp4", seconds, 24)
    with pytest.raises(MediaError, match="too short for 4 s"):
        conform_clip(clip, tmp_path / "out.mp4", FILM, 120)
    with pytest.raises(MediaError, match="too short"):
        check_clip(clip, 120, FILM)
    assert not (tmp_path / "out.mp4").exists()


def test_what_is_no_clip_is_refused(tmp_path):
    (tmp_path / "page.mp4").write_text("<html>not found</html>")
    with pytest.raises(MediaError, match="cannot be decoded"):
        check_clip(tmp_path / "page.mp4", 120, FILM)


def test_a_clip_is_looked_through_once_wherever_it_lies_and_again_once_it_is_another(tmp_path, monkeypatch):
    looked = []

    def look(clip, doing):
        looked.append(clip.name)
        return _look(clip, doing)

    _look = conform._look.__wrapped__
    monkeypatch.setattr(conform, "_look", cached({}, key=conform._sha256_of)(look))
    came = write_clip(tmp_path / "came.mp4", 4, 30)
    check_clip(came, 120, FILM)
    kept = came.rename(tmp_path / "kept.mp4")
    assert conform_clip(kept, tmp_path / "out.mp4", FILM, 120).source_seconds == pytest.approx(4, abs=0.02)
    assert looked == ["came.mp4"]
    write_clip(kept, 1, 24)
    with pytest.raises(MediaError, match=r"kept\.mp4 lasts 1\.00 s, too short for 4 s"):
        check_clip(kept, 120, FILM)
    kept.unlink()
    with pytest.raises(MediaError, match=r"kept\.mp4 cannot be decoded: No such file"):
        check_clip(kept, 120, FILM)


def test_the_same_clip_gives_the_same_bytes(tmp_path, travel):
    for into in ("one.mp4", "two.mp4"):
        conform._look.cache.clear()
        conform_clip(travel(6, 25), tmp_path / into, FILM, 120)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_colours_survive(tmp_path):
    red = np.zeros((180, 320, 3), np.uint8)
    red[:] = (200, 40, 60)
    clip = write_clip(tmp_path / "in.mp4", 4, 30, order=lambda _number: red)
    conform_clip(clip, tmp_path / "out.mp4", FILM, 120)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.floats(0, 60))
def test_likeness_is_one_for_the_same_and_less_for_others(seed, noise):
    lots = np.random.default_rng(seed)
    one = lots.integers(0, 255, (54, 96), dtype=np.uint8)
    other = np.clip(one + lots.normal(0, noise + 5, one.shape), 0, 255).astype(np.uint8)
    assert ssim(one, one) == pytest.approx(1.0)
    assert ssim(one, other) < 1.0
