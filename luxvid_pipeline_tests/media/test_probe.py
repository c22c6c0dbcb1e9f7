from fractions import Fraction

import pytest

from luxvid_pipeline.domain.errors import MediaError
from luxvid_pipeline.domain.film_format import FilmFormat
from luxvid_pipeline.media.audio import to_pcm, write_flac
from luxvid_pipeline.media.probe import probe_audio, probe_video, read_mp4_layout
from luxvid_pipeline_tests.clips import SMALL, draw_clip
from luxvid_pipeline_tests.sounds import tone


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(25), Fraction(30000, 1001)])
def test_a_clip_in_the_films_format_is_described_as_it_was_made(tmp_path, fps):
    facts = probe_video(draw_clip(tmp_path / "clip.mp4", 1.5, FilmFormat(320, 180, fps)))
    assert (facts.width_px, facts.height_px, facts.fps) == (320, 180, fps)
    assert facts.frames == FilmFormat(320, 180, fps).frames(1.5)
    assert facts.duration_s == facts.frames / fps
    assert facts.start_s == 0
    assert facts.constant_rate
    assert (facts.codec, facts.profile, facts.pix_fmt) == ("h264", "High", "yuv420p")
    assert (facts.primaries, facts.transfer, facts.matrix, facts.range) == (1, 1, 1, 1)
    assert facts.longest_gop_frames == round(fps / 2)
    assert facts.closed_gops


def test_a_file_that_plays_late_and_carries_edit_lists_is_told_apart(tmp_path):
    plain = draw_clip(tmp_path / "plain.mp4", movflags="+disable_chpl", use_editlist=1)
    ours = draw_clip(tmp_path / "ours.mp4")
    assert read_mp4_layout(plain).edit_lists == 1
    assert not read_mp4_layout(plain).moov_first
    assert read_mp4_layout(ours).edit_lists == 0
    assert read_mp4_layout(ours).moov_first
    assert not read_mp4_layout(ours).dated
    assert read_mp4_layout(ours).movie_s == 1


def test_open_groups_of_pictures_do_not_count_as_places_to_cut(tmp_path):
    facts = probe_video(
        draw_clip(
            tmp_path / "open.mp4",
            3.0,
            **{"x264-params": "open-gop=1:keyint=40:min-keyint=2:scenecut=0", "flags": "+bitexact", "g": 40},
        )
    )
    assert facts.longest_gop_frames > 40


def test_a_sound_file_is_described(tmp_path):
    write_flac(to_pcm(tone(440, 1.25, -6)), tmp_path / "tone.flac")
    facts = probe_audio(tmp_path / "tone.flac")
    assert (facts.codec, facts.rate_hz, facts.channels) == ("flac", 48_000, 2)
    assert facts.start_s == 0
    assert facts.duration_s == Fraction(5, 4)


def test_what_is_not_there_is_said_with_the_files_name(tmp_path):
    clip = draw_clip(tmp_path / "silent.mp4", 0.5, SMALL)
    write_flac(to_pcm(tone(440, 0.2, -6)), tmp_path / "tone.flac")
    for probe, path in (
        (probe_audio, clip),
        (probe_video, tmp_path / "tone.flac"),
        (read_mp4_layout, tmp_path / "tone.flac"),
    ):
        with pytest.raises(MediaError, match=path.name):
            probe(path)


@pytest.mark.parametrize("kept", [0, 20, 600])
def test_half_a_file_is_refused_by_name(tmp_path, kept):
    whole = draw_clip(tmp_path / "whole.mp4", 0.5).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[:kept])
    for probe in (probe_video, read_mp4_layout):
        with pytest.raises(MediaError, match=r"half\.mp4"):
            probe(tmp_path / "half.mp4")


@pytest.mark.parametrize("share", [0.02, 0.04])
def test_a_film_cut_off_before_its_first_picture_ends_is_refused_in_one_line(tmp_path, share):
    whole = draw_clip(tmp_path / "whole.mp4", 1.5).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MediaError, match=r"^cut\.mp4: it is cut off or damaged: .*; make or copy it again$"):
        probe_video(tmp_path / "cut.mp4")


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    for probe in (probe_video, probe_audio, read_mp4_layout):
        with pytest.raises(MediaError, match=r"nowhere\.mp4"):
            probe(tmp_path / "nowhere.mp4")
