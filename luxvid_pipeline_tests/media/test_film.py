from fractions import Fraction

import cv2
import numpy as np
import pytest
from scipy import signal

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.domain.listing import Transition
from luxvid_pipeline.domain.timeline import lay_out
from luxvid_pipeline.media import encode
from luxvid_pipeline.media import film as film_module
from luxvid_pipeline.media.audio import SAMPLE_RATE_HZ, decode_audio, to_pcm, to_sound, write_flac
from luxvid_pipeline.media.encode import ClipWriter, empty_frame, planes
from luxvid_pipeline.media.film import assemble_film, inspect_film
from luxvid_pipeline.media.loudness import measure_loudness
from luxvid_pipeline.media.probe import probe_audio, probe_video, read_mp4_layout
from luxvid_pipeline.media.video_files import open_without_decoding
from luxvid_pipeline_tests.clips import SMALL, decoded_pictures, draw_clip, picture_packets
from luxvid_pipeline_tests.sounds import pluckings, silence, tone

SECONDS = (1.5, 2.0, 1.5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return [draw_clip(folder / f"{number}.mp4", seconds, hue=90 * number) for number, seconds in enumerate(SECONDS)]


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    path = tmp_path_factory.mktemp("score") / "score.flac"
    write_flac(to_pcm(pluckings(5.0)), path)
    return path


def assemble(clips, score, into, transition=Transition.CUT, seconds=SECONDS, film=SMALL, **other):
    return assemble_film(
        clips,
        score,
        into,
        timeline=lay_out(seconds, transition),
        transition=transition,
        format=film,
        workdir=into.parent,
        **other,
    )


def encoded(into, luma_of):
    """A clip as ``ClipWriter`` makes it of what ``luma_of`` says each frame is."""
    frame = empty_frame(SMALL)
    frame[:] = 128
    with ClipWriter(into, SMALL) as writer:
        for number in range(45):
            planes(frame)[0][:] = luma_of(number)
            writer.write(frame)
    return into


def test_clips_with_and_without_b_frames_follow_each_other(score, tmp_path, monkeypatch):
    noise = np.random.default_rng(1)
    texture = cv2.resize(noise.integers(16, 236, (20, 60), dtype=np.uint8), (320 + 90, 180))
    with monkeypatch.context() as earlier:  # which let x264 do without B-frames, and whose clips are still joined
        earlier.setattr(encode, "_SPENT_WELL", "b-adapt=1")
        flicker = encoded(
            tmp_path / "a.mp4", lambda _: cv2.resize(noise.integers(16, 236, (4, 6), np.uint8), (320, 180))
        )
    moving = encoded(tmp_path / "b.mp4", lambda number: texture[:, 2 * number : 2 * number + 320])
    delays: list[int] = []
    for clip in (flicker, moving):
        with open_without_decoding(clip) as container:
            delays.append(film_module._reordering(film_module._pictures(film_module.Stretch(clip), container)))
    assert delays[0] == 0 < delays[1]
    facts = assemble([flicker, moving, flicker], score, tmp_path / "film.mp4", seconds=(1.5, 1.5, 1.5))
    assert facts.frames == 135
    shown = [time for time, _ in decoded_pictures(tmp_path / "film.mp4")]
    assert shown == [512 * number for number in range(135)]


@pytest.fixture(scope="module", params=list(Transition))
def film(request, clips, score, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / f"{request.param.value}.mp4"
    return request.param, path, assemble(clips, score, path, request.param)


def test_a_film_is_as_platforms_take_it(film):
    transition, path, facts = film
    video, audio, layout = probe_video(path), probe_audio(path), read_mp4_layout(path)
    length_s = Fraction(lay_out(SECONDS, transition).duration_s)
    assert facts.frames == video.frames == length_s * 30
    assert facts.duration_s == video.duration_s == audio.duration_s == layout.movie_s == length_s
    assert layout.track_s == (length_s, length_s)
    assert video.start_s == audio.start_s == 0
    assert video.constant_rate
    assert (video.codec, video.profile, video.pix_fmt) == ("h264", "High", "yuv420p")
    assert (video.primaries, video.transfer, video.matrix, video.range) == (1, 1, 1, 1)
    assert video.longest_gop_frames == 15
    assert video.closed_gops
    assert (audio.codec, audio.profile, audio.rate_hz, audio.channels) == ("aac", "LC", 48_000, 2)
    assert audio.bitrate_bps == pytest.approx(192_000, rel=0.25)
    assert layout.moov_first
    assert layout.edit_lists == 0
    assert not layout.dated


def test_a_film_is_as_loud_as_agreed_after_its_sound_was_encoded(film):
    _, path, facts = film
    heard = measure_loudness(path)
    assert heard.integrated_lufs == pytest.approx(-14, abs=1)
    assert heard.true_peak_dbtp <= -1
    assert facts.integrated_lufs == pytest.approx(heard.integrated_lufs, abs=0.05)
    assert facts.true_peak_dbtp == pytest.approx(heard.true_peak_dbtp, abs=0.05)
    again = inspect_film(path)
    assert (again.frames, again.bytes, again.edit_lists) == (facts.frames, facts.bytes, 0)


def test_a_film_shows_every_frame_in_its_time(film):
    _, path, facts = film
    shown = decoded_pictures(path)
    step = shown[1][0]
    assert [time for time, _ in shown] == [number * step for number in range(facts.frames)]


def test_sound_and_picture_begin_together_and_the_sound_fades(film, score):
    _, path, facts = film
    heard, given = decode_audio(path).mean(axis=1), decode_audio(score).mean(axis=1)
    inner = slice(SAMPLE_RATE_HZ // 2, 3 * SAMPLE_RATE_HZ)
    lag = int(np.argmax(signal.correlate(heard[inner], given[inner], method="fft"))) - (inner.stop - inner.start - 1)
    assert abs(lag) <= 48  # a millisecond
    end = round(facts.duration_s * SAMPLE_RATE_HZ)
    assert np.abs(heard[:480]).max() < 0.01
    assert np.abs(heard[end - 480 :]).max() < 0.01


def test_hard_cuts_copy_the_clips_packets(clips, score, tmp_path):
    assemble(clips, score, tmp_path / "film.mp4")
    assert picture_packets(tmp_path / "film.mp4") == [packet for clip in clips for packet in picture_packets(clip)]


def test_a_dissolve_shows_both_scenes_at_once_and_a_fade_goes_through_black(clips, score, tmp_path):
    assemble(clips, score, tmp_path / "d.mp4", Transition.DISSOLVE)
    assemble(clips, score, tmp_path / "f.mp4", Transition.FADE)
    first, second = (dict(enumerate(picture for _, picture in decoded_pictures(clip))) for clip in clips[:2])
    dissolve = [picture.astype(float) for _, picture in decoded_pictures(tmp_path / "d.mp4")]
    half = (first[37].astype(float) + second[7]) / 2
    assert np.abs(dissolve[37] - half).mean() < 6
    assert np.abs(dissolve[10] - first[10]).mean() < 4
    fade = [picture.mean() for _, picture in decoded_pictures(tmp_path / "f.mp4")]
    assert min(fade[43:47]) < 12
    assert min(fade[:35]) > 60
    assert fade[-1] > 60


@pytest.mark.parametrize("transition", [Transition.CUT, Transition.DISSOLVE])
def test_the_same_clips_and_score_give_the_same_bytes_and_leave_nothing_behind(clips, score, tmp_path, transition):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assemble(clips, score, tmp_path / name / "film.mp4", transition)
    assert (tmp_path / "one" / "film.mp4").read_bytes() == (tmp_path / "two" / "film.mp4").read_bytes()
    assert [path.name for path in tmp_path.rglob("*.*")] == ["film.mp4", "film.mp4"]


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(pluckings(3.0), id="too-short"),
        pytest.param(pluckings(9.0), id="too-long"),
        pytest.param(pluckings(5.0) * 0.01, id="very-soft"),
        pytest.param(np.tanh(40 * pluckings(5.0)) * 0.99, id="very-loud"),
        pytest.param(np.sign(tone(90, 5.0)) * 0.7, id="square-wave"),
    ],
)
def test_any_score_is_brought_to_the_films_length_and_loudness(clips, tmp_path, sound):
    write_flac(to_pcm(sound.astype(np.float32)), tmp_path / "any.flac")
    facts = assemble(clips, tmp_path / "any.flac", tmp_path / "film.mp4")
    assert facts.audio_duration_s == facts.duration_s == 5
    assert facts.integrated_lufs == pytest.approx(-14, abs=1)
    assert facts.true_peak_dbtp <= -1


def test_sound_that_the_encoder_makes_peak_too_high_is_encoded_again_softer(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(film_module, "_HEADROOM_DB", -0.9)
    bursts = tone(200, 5.0)
    bursts[np.arange(len(bursts)) % SAMPLE_RATE_HZ > 400] *= 0.02
    write_flac(to_pcm(bursts), tmp_path / "bursts.flac")
    facts = assemble(clips, tmp_path / "bursts.flac", tmp_path / "film.mp4")
    assert facts.true_peak_dbtp <= -1
    assert facts.integrated_lufs == pytest.approx(-14, abs=1)


def test_progress_rises_to_one(clips, score, tmp_path):
    told: list[float] = []
    assemble(clips, score, tmp_path / "film.mp4", progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    ("film", "other", "fault"),
    [
        pytest.param(FilmFormat(640, 360, Fraction(30)), {}, "size is 640×360", id="size"),
        pytest.param(FilmFormat(320, 180, Fraction(25)), {}, "frame rate is 25", id="rate"),
        pytest.param(SMALL, {"pix_fmt": "yuv444p", "profile:v": "high444"}, "codec is", id="chroma"),
        pytest.param(SMALL, {"color_primaries": "bt470bg", "colorspace": "bt470bg"}, "colour is", id="colour"),
        pytest.param(SMALL, {"frames:v": 61}, "number of frames is 61", id="length"),
        pytest.param(SMALL, {"g": 60, "keyint_min": 60}, "key frames are every 60", id="gop"),
        pytest.param(SMALL, {"refs": 1, "x264-params": "open-gop=0:cabac=0"}, "other settings", id="settings"),
    ],
)
def test_a_clip_that_does_not_fit_is_named_with_what_to_run_again(clips, score, tmp_path, film, other, fault):
    strange = draw_clip(tmp_path / "strange.mp4", 2.0, film, **other)
    with pytest.raises(MediaError, match=rf"strange\.mp4: .*{fault}.*scene_clips"):
        assemble([clips[0], strange, clips[2]], score, tmp_path / "film.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["strange.mp4"]


def test_a_clip_too_few_is_noticed(clips, score, tmp_path):
    with pytest.raises(MediaError, match="2 clips for 3 planned scenes"):
        assemble(clips[:2], score, tmp_path / "film.mp4")


def test_a_silent_score_is_refused(clips, tmp_path):
    write_flac(to_pcm(silence(5.0)), tmp_path / "mute.flac")
    with pytest.raises(MediaError, match=r"mute\.flac.*silent.*soundtrack"):
        assemble(clips, tmp_path / "mute.flac", tmp_path / "film.mp4")


def test_what_a_score_holds_is_what_the_film_is_given(score):
    assert np.array_equal(to_pcm(to_sound(to_pcm(decode_audio(score)))), to_pcm(decode_audio(score)))
