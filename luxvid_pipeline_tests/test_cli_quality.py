"""``luxvid inspect``: every figure of a file, beside what platforms take."""

import json

import pytest
from typer.testing import CliRunner

from luxvid_pipeline.cli import app
from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.media.audio import to_pcm, write_flac
from luxvid_pipeline_tests.clips import draw_clip
from luxvid_pipeline_tests.sounds import tone

runner = CliRunner()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return draw_clip(tmp_path_factory.mktemp("inspect") / "clip.mp4")


def test_a_file_within_the_table_is_told_figure_by_figure(clip):
    done = runner.invoke(app, ["inspect", str(clip)])
    assert done.exit_code == 0
    assert "a clip" in done.output
    assert "WRONG" not in done.output
    for figure in ("moov first", "h264 High", "320×180", "30 fps, constant", "BT.709", "15 frames (0.50 s), closed"):
        assert figure in done.output


def test_what_platforms_do_not_take_is_wrong_and_ends_with_code_1(tmp_path):
    file = draw_clip(tmp_path / "clip.mp4", g=60, keyint_min=60, seconds=2.0)
    done = runner.invoke(app, ["inspect", str(file), "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert not told["well"]
    assert [row["name"] for row in told["rows"] if not row["is_right"]] == ["groups of pictures"]
    assert told["figures"]["picture"]["longest_gop_frames"] == 60


def test_a_sound_file_has_no_target_of_its_own(tmp_path):
    write_flac(to_pcm(tone(440, 2.0, -12)), tmp_path / "score.flac")
    done = runner.invoke(app, ["inspect", str(tmp_path / "score.flac")])
    assert done.exit_code == 0
    assert "LUFS" in done.output


def test_a_file_that_does_not_play_is_unusable_input(tmp_path):
    (tmp_path / "notes.mp4").write_text("no film")
    with pytest.raises(InputError, match="not readable as film, clip or sound"):
        runner.invoke(app, ["inspect", str(tmp_path / "notes.mp4")], catch_exceptions=False)
