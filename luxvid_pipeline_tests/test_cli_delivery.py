"""``luxvid explain`` and ``luxvid deliver --out``: what is seen in a file, and what lies in the folder afterwards."""

import hashlib
import json
from dataclasses import replace
from fractions import Fraction

import pytest
from typer.testing import CliRunner

from luxvid_pipeline.cli import app
from luxvid_pipeline.domain.errors import InputError, StorageError
from luxvid_pipeline.domain.proof import manifest
from luxvid_pipeline.local_runs import DeliveredPackage
from luxvid_pipeline_tests.packages import FILM, POSTER, package

runner = CliRunner()
_BYTES = b"a film"


@pytest.fixture
def folder(tmp_path):
    """A package as it was copied to somebody's disk."""
    facts = package()
    film = replace(facts.files[0], sha256=hashlib.sha256(_BYTES).hexdigest())
    clip = replace(film, name="clips/1-arrival.mp4", kind="clip", segments=film.segments[:1])
    score = replace(film, name="clips/score.flac", kind="score", fps=Fraction(0), segments=())
    music = replace(
        facts.score, style="cinematic-ambient", seed=7, prompt="a slow\nopening", degraded_reason="x/y failed"
    )
    facts = replace(facts, files=(film, clip, score, *facts.files[1:]), score=music)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest(facts)))
    (tmp_path / "clips").mkdir()
    for name in (FILM, "clips/1-arrival.mp4", "clips/score.flac", POSTER):
        (tmp_path / name).write_bytes(_BYTES)
    return tmp_path


def told(*arguments):
    done = runner.invoke(app, ["explain", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_a_file_is_told_segment_by_segment(folder):
    words = told(folder / FILM)
    assert "16 s, Villa Aurora" in words
    rows = [line for line in words.splitlines() if " s  " in line]
    assert ["Arrival over the pool" in rows[0], "Living room" in rows[1], "Farewell" in rows[2]] == [True] * 3
    assert "DSC_0403.jpg → <b>DJI.jpg" in rows[0]
    assert "google/veo-3.1-fast 3.1" in rows[0]
    assert rows[0].rstrip().endswith("$1.20")
    assert "the card" in rows[3]
    assert "changed" not in words


def test_a_moment_is_told_with_its_photos_maker_take_and_cost(folder):
    words = told(folder / FILM, "--at", 1.5)
    for part in (
        "second 1 of 16",
        "1-arrival: Arrival over the pool, dolly forward",
        "first: DSC_0403.jpg  (sha256 a1a1a1a1a1a1a1a1)",
        "Because the pool from the lawn and from above, half of it in both  (chosen by xai/grok-4.3)",
        "google/veo-3.1-fast 3.1, take 2 of 2, seed 42: $1.20 for all takes",
        "Low over <rippling> water & stone",
        "meta/musicgen, cinematic-ambient, seed 7: $0.25",
    ):
        assert part in words
    assert "Living room" not in words


@pytest.mark.parametrize(
    ("second", "scenes"),
    [(0, ["1-arrival"]), (3.9, ["1-arrival", "5-living"]), (5, ["5-living"]), (15.9, ["card"])],
)
def test_json_holds_all_that_the_manifest_knows_of_the_moment(folder, second, scenes):
    values = json.loads(told(folder / FILM, "--at", second, "--json"))
    assert [scene["scene"] for scene in values["scenes"]] == scenes
    assert (values["listing"], values["second"], values["unchanged"]) == ("villa-aurora", int(second), True)
    assert all(len(photo["sha256"]) == 64 for scene in values["scenes"] for photo in scene.get("photos", ()))


def test_an_altered_photograph_is_named_with_who_altered_it(folder):
    assert "garden.jpg, altered by google/nano-banana" in told(folder / FILM, "--at", 9)


def test_a_file_within_a_folder_of_the_package_is_found_too(folder):
    assert "4 s, Villa Aurora" in told(folder / "clips" / "1-arrival.mp4")


def test_the_score_is_told_with_its_maker_style_seed_stages_and_cost(folder):
    words = told(folder / "clips" / "score.flac")
    for part in (
        "clips/score.flac: Villa Aurora",
        "meta/musicgen, cinematic-ambient, seed 7: $0.25 (x/y failed)",
        "Stages  3, each continuing the one before: 1-arrival, 5-living, 7-farewell",
        "Prompt  a slow opening",
    ):
        assert part in words
    assert "changed" not in words
    values = json.loads(told(folder / "clips" / "score.flac", "--json"))
    assert (values["listing"], values["file"], values["unchanged"]) == ("villa-aurora", "clips/score.flac", True)
    assert (values["score"]["engine"], values["score"]["seed"]) == ("meta/musicgen", 7)
    assert values["stages"] == ["1-arrival", "5-living", "7-farewell"]


def test_a_file_that_is_no_longer_what_was_delivered_is_said_to_be_another(folder):
    (folder / FILM).write_bytes(b"cut again by somebody")
    assert "its bytes have changed" in told(folder / FILM)
    assert json.loads(told(folder / FILM, "--json"))["unchanged"] is False


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        (FILM, ["--at", "16"], "it is 16 s long, and has no second 16"),
        ("clips/score.flac", ["--at", "3"], "it is the score, heard under every scene; leave out --at"),
        ("manifest.json", [], "says nothing of what is seen in it"),
        ("notes.txt", [], "says nothing of what is seen in it"),
    ],
)
def test_what_cannot_be_told_is_said_with_the_file_and_the_reason(folder, name, arguments, why):
    if not (folder / name).exists():
        (folder / name).write_text("of somebody's own")
    with pytest.raises(InputError, match=why) as raised:
        runner.invoke(app, ["explain", str(folder / name), *arguments], catch_exceptions=False)
    assert name in str(raised.value)


@pytest.mark.parametrize("content", [None, "not JSON", "[]", '{"files": [], "scenes": {}}'])
def test_without_the_manifest_of_a_package_nothing_is_told(tmp_path, content):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    film = tmp_path / "deep" / "er" / "film.mp4"
    film.write_bytes(_BYTES)
    if content is not None:
        film.with_name("manifest.json").write_text(content)
    with pytest.raises(InputError, match="manifest"):
        runner.invoke(app, ["explain", str(film)], catch_exceptions=False)


# --- luxvid deliver --out ---


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def deliver(tmp_path, monkeypatch):
    """Deliver a package that holds the files named, into ``tmp_path / "out"``."""

    def delivered(*names, listing="villa", fails_at=None):
        made = tmp_path / "made"
        package = {name: made / name for name in names} | {"package.json": made / "package.json"}
        for path in package.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_BYTES)
        (made / "package.json").write_text(json.dumps({"listing": listing, "files": dict.fromkeys(names)}))
        if fails_at is not None:
            package[fails_at].unlink()
        monkeypatch.setattr(
            "luxvid_pipeline.local_runs.deliver",
            lambda *_, **__: DeliveredPackage(
                listing=listing, folder="home", files=package, notes=(), frames_encoded=0, run="1"
            ),
        )
        return runner.invoke(app, ["deliver", listing, "--out", str(tmp_path / "out")])

    return delivered


def test_a_package_is_copied_with_its_list_and_what_it_no_longer_has_is_taken_out(deliver, tmp_path):
    assert deliver("wide.mp4", "tall.mp4", "tall_hls/master.m3u8").exit_code == 0
    (tmp_path / "out" / "notes.txt").write_text("of somebody's own")
    assert deliver("wide.mp4", "square.mp4").exit_code == 0
    assert files_in(tmp_path / "out") == {"wide.mp4", "square.mp4", "package.json", "notes.txt"}


def test_a_copy_that_broke_off_does_not_look_finished_and_the_next_one_tidies_up(deliver, tmp_path):
    assert deliver("wide.mp4", "tall.mp4").exit_code == 0
    broken = deliver("square.mp4", "wide.mp4", fails_at="wide.mp4")
    assert isinstance(broken.exception, StorageError)
    assert "wide.mp4" in str(broken.exception)
    assert "package.json" not in files_in(tmp_path / "out")
    assert deliver("square.mp4", "wide.mp4").exit_code == 0
    assert files_in(tmp_path / "out") == {"wide.mp4", "square.mp4", "package.json"}


def test_a_folder_with_another_listings_package_is_left_alone(deliver, tmp_path):
    assert deliver("wide.mp4").exit_code == 0
    other = deliver("wide.mp4", listing="cottage")
    assert other.exit_code == 2
    assert "'villa'" in other.output
    assert json.loads((tmp_path / "out" / "package.json").read_text())["listing"] == "villa"


def test_a_list_that_names_files_outside_the_folder_takes_nothing_out_there(deliver, tmp_path):
    (tmp_path / "mine.txt").write_text("of somebody's own")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "package.json").write_text(
        json.dumps({"listing": "villa", "files": {"../mine.txt": {}, str(tmp_path / "mine.txt"): {}}})
    )
    assert deliver("wide.mp4").exit_code == 0
    assert (tmp_path / "mine.txt").exists()
