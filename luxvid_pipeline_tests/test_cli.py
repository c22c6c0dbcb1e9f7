"""The command line: exit codes, one clear line for every failure, the same instance as the UI.

A process of its own takes seconds to load everything, so only what is about processes has one: a first render, one
failure, ends by signals.
"""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import dagster as dg
import pytest

from luxvid_pipeline.domain.errors import ApprovalMissingError
from luxvid_pipeline.domain.progress import STARTED_TAG
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.media.film import inspect_film
from luxvid_pipeline_tests.studio import draw_photos

ROOT = Path(__file__).parents[1]
ROOMS = ("pool", "bedroom")
SHOT = ("1-arrival", "2-bedroom")


def process(*arguments, home, **env):
    environment = {"PATH": os.environ["PATH"], "LUXVID_HOME": str(home), **env}
    return subprocess.run(
        [sys.executable, "-m", "luxvid_pipeline.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=240,
        check=False,
    )


def start_render(folder, home, out):
    command = [sys.executable, "-m", "luxvid_pipeline.cli", "render", str(folder), "--out", str(out)]
    environment = {"PATH": os.environ["PATH"], "LUXVID_HOME": str(home)}
    return subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(found, seconds=120):
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def photo(folder, name="pool.jpg"):
    draw_photos(folder, 1)
    (folder / "IMG_0000.jpg").rename(folder / name)
    return folder


def broken_manifest(folder, text):
    photo(folder)
    (folder / "listing.yaml").write_text(text)
    return folder


def tiny_picture(folder):
    draw_photos(folder, 1, size_px=(320, 200))
    return folder


def rubbish(folder):
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"not a picture")
    return folder


def empty(folder):
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda folder: folder, ["villa", "no such"], id="no-folder"),
        pytest.param(empty, ["villa", "no photos"], id="empty-folder"),
        pytest.param(rubbish, ["a.jpg"], id="no-usable-photo"),
        pytest.param(tiny_picture, ["IMG_0000.jpg", "640"], id="only-a-thumbnail"),
        pytest.param(lambda f: broken_manifest(f, "title: ["), ["listing.yaml", "line 1"], id="not-yaml"),
        pytest.param(lambda f: broken_manifest(f, "\nfoo: 1"), ["listing.yaml", "line 2", "foo"], id="unknown-field"),
        pytest.param(
            lambda f: broken_manifest(f, "photos: [{file: pool.jpg, room: lo}]"), ["line 1", "'lo'"], id="unknown-room"
        ),
        pytest.param(
            lambda f: broken_manifest(f, "photos: [{file: gone.jpg}]"), ["gone.jpg"], id="photo-that-is-not-there"
        ),
        pytest.param(lambda f: broken_manifest(f, "listing: a|b"), ["listing", "a-z"], id="forbidden-key"),
    ],
)
def test_unusable_input_is_one_clear_line_and_exit_code_2(luxvid, tmp_path, make, told):
    code, out, said = luxvid("render", make(tmp_path / "villa"))
    assert code == 2, said
    assert out == ""
    lines = [line for line in said.splitlines() if line.startswith("luxvid: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    for part in told:
        assert part in lines[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["render"], "FOLDER"),
        (["render", "x", "--fast"], "--fast"),
        (["film"], "film"),
        (["render", "villa", "--listing", "A B"], "'a-b'"),
        (["status", "nobody"], "nobody"),
        (["costs", "--days", "1000000"], "--days"),
        (["estimate", ""], "an empty name"),
        (["review", "villa", "--out", ""], "an empty name"),
        (["ledger", "settle", "abc", "lost", "--because", "x", "--cost", "1e308"], "--cost"),
    ],
    ids=[
        "no-folder",
        "unknown-option",
        "unknown-command",
        "forbidden-key",
        "unknown-listing",
        "endless-days",
        "no-folder-to-estimate",
        "no-place-for-the-page",
        "endless-cost",
    ],
)
def test_wrong_usage_is_exit_code_2(luxvid, tmp_path, monkeypatch, arguments, told):
    photo(tmp_path / "villa")
    monkeypatch.chdir(tmp_path)
    code, _, said = luxvid(*arguments)
    assert code == 2, said
    assert told in said


@pytest.mark.parametrize(
    ("target", "told"),
    [
        pytest.param("a-folder", "is a directory", id="a-folder"),
        pytest.param("a-file/film.mp4", "is a file, so nothing can be put into it", id="below-a-file"),
        pytest.param(f"{'n' * 260}.mp4", "is too long for a file's name", id="a-name-no-disk-holds"),
        pytest.param("a-pipe", "is no file that could be replaced", id="a-pipe"),
    ],
)
def test_a_place_for_the_film_that_cannot_be_is_told_before_it_is_made(luxvid, tmp_path, target, told):
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-file").write_text("of somebody's own")
    os.mkfifo(tmp_path / "a-pipe")
    code, _, said = luxvid("render", photo(tmp_path / "villa"), "--out", tmp_path / target)
    assert (code, told in said) == (2, True), said
    assert not (tmp_path / "home" / "media").exists(), "nothing was made"


@pytest.mark.parametrize(
    "arguments",
    [["render", "villa", "--out"], ["render", "villa", "--listing", "a", "--out"], ["review", "villa", "--out"]],
    ids=["render", "render-one", "review"],
)
def test_a_target_that_this_user_may_not_look_at_is_wrong_usage_before_anything_is_made(
    luxvid, tmp_path, monkeypatch, locked, arguments
):
    photo(tmp_path / "villa")
    monkeypatch.chdir(tmp_path)
    code, _, said = luxvid(*arguments, locked)
    assert code == 2, said
    assert said.startswith(f"luxvid: {locked} cannot be looked at: Permission denied; ")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(["render", "nowhere", "--json"], 2, "nowhere: there is no such folder", id="unusable-input"),
        pytest.param(["status", "nobody", "--json"], 2, "there is no listing 'nobody'", id="unknown-listing"),
        pytest.param(["costs", "--json", "--days", "x"], 2, "Invalid value for '--days'", id="wrong-usage"),
    ],
)
def test_with_json_a_failure_is_an_object_on_stdout_as_well(luxvid, tmp_path, monkeypatch, arguments, code, told):
    monkeypatch.chdir(tmp_path)
    ended, out, said = luxvid(*arguments)
    values = json.loads(out)
    assert (ended, values["exit_code"], set(values)) == (code, code, {"problem", "exit_code"})
    assert told in values["problem"]
    assert values["problem"] in said


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        pytest.param(KeyboardInterrupt(), 130, "interrupted; what is finished is kept", id="ctrl-c"),
        pytest.param(ApprovalMissingError("it is dark\n\n  and dull"), 3, "it is dark and dull", id="lines"),
        pytest.param(RuntimeError("of nobody"), 1, "RuntimeError: of nobody", id="unexpected"),
    ],
)
def test_whatever_ends_a_command_is_one_line_and_with_json_an_object(luxvid, monkeypatch, capsys, raised, code, told):
    def fail(*_):
        raise raised

    monkeypatch.setattr("luxvid_pipeline.listing_status.statuses", fail)
    if isinstance(raised, RuntimeError):
        with pytest.raises(RuntimeError):
            luxvid("status", "--json")
        assert json.loads(capsys.readouterr().out) == {"problem": told, "exit_code": code}
        return
    ended, out, said = luxvid("status", "--json")
    assert (ended, json.loads(out)["exit_code"]) == (code, code)
    assert told in said
    assert said.count("\n") == 1
    ended, out, said = luxvid("status")
    assert (ended, out, told in said) == (code, "", True)


def test_what_pillow_warns_of_in_a_photo_is_not_shown(luxvid, monkeypatch):
    def warn(*_):
        warnings.warn_explicit("Corrupt EXIF data.", UserWarning, "TiffImagePlugin.py", 982, "PIL.TiffImagePlugin")
        return []

    monkeypatch.setattr("luxvid_pipeline.listing_status.statuses", warn)
    assert luxvid("status", "--json") == (0, "[]\n", "")


def test_an_engine_that_does_not_exist_is_named_with_its_variable(tmp_path):
    done = process("render", photo(tmp_path / "villa"), home=tmp_path / "home", LUXVID_CLIPS="acme/dream-1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "LUXVID_CLIPS" in done.stderr
    assert "acme/dream-1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_is_json(luxvid):
    code, told, _ = luxvid("schema")
    assert code == 0
    assert json.loads(told)["title"] == "listing.yaml"


def test_help_is_quick_because_it_does_not_load_dagster():
    code = "import sys, luxvid_pipeline.cli; sys.exit(any(m.split('.')[0] in ('dagster', 'cv2') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_the_doctor_finds_a_well_house_well_and_a_wrong_engine_wrong(luxvid):
    code, told, _ = luxvid("doctor", "--json")
    assert code == 0, told
    assert json.loads(told)["well"] is True
    code, told, _ = luxvid("doctor", "--json", LUXVID_SCORE="acme/tune")
    assert code == 1
    (finding,) = (each for each in json.loads(told)["findings"] if not each["well"])
    assert finding["name"] == "LUXVID_SCORE"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A whole film of drawn photos, two seconds a scene, made by the command with the local engines."""
    base = tmp_path_factory.mktemp("cli")
    folder = draw_photos(base / "villa", len(ROOMS), size_px=(1500, 1000))
    entries = "\n".join(f"  - {{file: IMG_{number:04}.jpg, room: {room}}}" for number, room in enumerate(ROOMS))
    (folder / "listing.yaml").write_text(f"title: Villa\nfilm: {{clip_seconds: 2}}\nphotos:\n{entries}\n")
    done = process("render", folder, "--out", base / "out" / "villa.mp4", "--json", home=base / "home")
    assert done.returncode == 0, done.stderr
    return base, folder, json.loads(done.stdout), done


def test_render_makes_the_film_and_says_where_it_lies_and_what_it_cost(rendered):
    base, _folder, told, _done = rendered
    assert told["film"] == str(base / "out" / "villa.mp4")
    assert told["scenes"] == list(SHOT)
    assert set(told["left_out"]) == set(SCENE_KEYS) - set(SHOT)
    assert all(told["left_out"].values())
    assert (told["cost_usd"], told["paid_calls"]) == (0.0, 0)
    facts = inspect_film(Path(told["film"]))
    assert facts.duration_s == 4.0


def test_rendering_again_changes_nothing_and_is_quick(luxvid, rendered):
    base, folder, told, _done = rendered
    before = Path(told["film"]).read_bytes()
    clips = base / "home" / "media" / "scene_clips" / "villa"
    clips_before = {file: file.stat().st_mtime_ns for file in clips.iterdir()}
    code, out, said = luxvid("render", folder, "--out", base / "out" / "again.mp4", home=base / "home")
    assert code == 0, said
    assert (base / "out" / "again.mp4").read_bytes() == before
    assert "$0.00" in out
    # The command it names is one that can be typed here, on the path or not.
    (see,) = (line for line in out.splitlines() if line.startswith("See"))
    named = see.partition("DAGSTER_HOME=")[2].split()[1]
    assert Path(named).is_absolute()
    assert Path(named).exists()
    assert all(file.stat().st_mtime_ns == mtime for file, mtime in clips_before.items())
    assert set(clips.iterdir()) == set(clips_before)


def test_a_film_rendered_in_the_terminal_is_seen_on_the_instance_with_its_lineage(rendered):
    base, _folder, told, _done = rendered
    os.environ["DAGSTER_HOME"] = str(base / "home" / "dagster")
    try:
        with dg.DagsterInstance.get() as instance:
            assert instance.get_dynamic_partitions("listings") == ["villa"]
            assert instance.get_materialized_partitions(dg.AssetKey("scene_clips")) == {
                f"villa|{scene}" for scene in SHOT
            }
            assert instance.get_materialized_partitions(dg.AssetKey("property_video")) == {"villa"}
            run = instance.get_run_by_id(told["runs"][-1])
            assert run.status is dg.DagsterRunStatus.SUCCESS
            assert run.tags[STARTED_TAG].isdigit()
    finally:
        del os.environ["DAGSTER_HOME"]


def test_status_tells_how_far_each_listing_is(luxvid, rendered):
    base, _folder, _told, _done = rendered
    _, told, _ = luxvid("status", "--json", home=base / "home")
    (row,) = json.loads(told)
    assert (row["listing"], row["kept"], row["planned"], len(row["clips"]), row["score"]) == ("villa", 2, 2, 2, True)
    code, words, _ = luxvid("status", "villa", home=base / "home")
    assert code == 0
    assert "2 of 2" in words


def test_interrupted_it_ends_at_once_cleans_up_and_says_how_to_go_on(rendered, tmp_path):
    _base, folder, _told, _done = rendered
    home = tmp_path / "home"
    begun = start_render(folder, home, tmp_path / "film.mp4")
    wait_for(lambda: list((home / "media" / ".scratch").glob("*/*.mp4")))
    os.kill(begun.pid, signal.SIGINT)
    said = begun.communicate(timeout=60)[1]
    assert begun.returncode == 130
    (line,) = (line for line in said.splitlines() if line.startswith("luxvid: "))
    assert "interrupted" in line
    assert "Traceback" not in said
    assert list((home / "media" / ".scratch").iterdir()) == []


def test_killed_in_the_middle_and_started_again_the_film_is_the_same(luxvid, rendered, tmp_path):
    _base, folder, told, _done = rendered
    home = tmp_path / "home"
    begun = start_render(folder, home, tmp_path / "film.mp4")
    wait_for(lambda: list((home / "media" / "scene_clips" / "villa").glob("*.mp4.json")))
    os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate()
    assert not (tmp_path / "film.mp4").exists()
    code, _, said = luxvid("render", folder, "--out", tmp_path / "film.mp4", home=home)
    assert code == 0, said
    assert (tmp_path / "film.mp4").read_bytes() == Path(told["film"]).read_bytes()
    os.environ["DAGSTER_HOME"] = str(home / "dagster")
    try:
        with dg.DagsterInstance.get() as instance:
            stuck = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            assert stuck == []
    finally:
        del os.environ["DAGSTER_HOME"]
