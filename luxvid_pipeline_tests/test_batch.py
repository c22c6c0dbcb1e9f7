"""Many listings one after the other: what counts as one, and that a failure is nobody else's."""

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from luxvid_pipeline import local_runs
from luxvid_pipeline.batch import listings_in, render_each
from luxvid_pipeline.cli import app
from luxvid_pipeline.cli_batch import render_all
from luxvid_pipeline.domain.arrivals import Rejection
from luxvid_pipeline.domain.errors import ApprovalMissingError, LuxVidError, NoUsablePhotosError
from luxvid_pipeline.listing_status import rejected_listings, statuses
from luxvid_pipeline.local_runs import RenderedFilm
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.settings import Settings


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("files", "listings"),
    [
        pytest.param(["a/1.jpg", "b/1.jpg", "c/notes.txt"], ["a", "b"], id="a-folder-of-listings"),
        pytest.param(["villa/1.jpg"], ["villa"], id="of-one-listing"),
        pytest.param(["a/listing.yaml", "b/1.jpg"], ["a", "b"], id="a-manifest-is-enough"),
        pytest.param(["a/rooms/1.jpg", "b/1.jpg"], ["a", "b"], id="photos-deeper-down"),
        pytest.param(["1.jpg", "a/1.jpg", "b/1.jpg"], [], id="photos-of-its-own"),
        pytest.param(["listing.yaml", "a/1.jpg", "b/1.jpg"], [], id="a-manifest-of-its-own"),
        pytest.param(["Interior/1.jpg", "Exterior/1.jpg"], [], id="photos-sorted-by-where"),
        pytest.param(["Kitchen/1.jpg", "Master Bedroom/1.jpg", "DJI/1.jpg"], [], id="photos-sorted-by-room"),
        pytest.param(["photos/1.jpg"], [], id="photos-in-a-folder-of-theirs"),
        pytest.param(["1st floor/1.jpg", "2nd floor/1.jpg"], [], id="photos-sorted-by-floor"),
        pytest.param(["kitchen/listing.yaml", "b/1.jpg"], ["b", "kitchen"], id="a-manifest-makes-it-a-listing"),
        pytest.param([".hidden/1.jpg", "a.part/1.jpg", "b/notes.txt"], [], id="nothing"),
    ],
)
def test_a_folder_of_listings_is_told_from_a_listing_in_subfolders(tmp_path, files, listings):
    assert [folder.name for folder in listings_in(put(tmp_path, *files))] == listings


def test_a_folder_that_is_not_there_is_no_batch(tmp_path):
    assert listings_in(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("files", "listings"),
    [
        pytest.param(["a/1.jpg", "b/1.jpg"], ["a", "b", "locked"], id="beside-others"),
        pytest.param(["a/1.jpg", "notes.txt", "locked/deep/1.jpg"], ["a", "locked"], id="further-down"),
        pytest.param(["Kitchen/1.jpg"], [], id="of-a-listing-sorted-by-room"),
        pytest.param([], [], id="alone"),
    ],
)
def test_a_subfolder_that_cannot_be_read_is_a_listing_that_fails_and_not_the_end_of_the_batch(
    tmp_path, monkeypatch, files, listings
):
    def scan(path, scan=os.scandir):
        if Path(path).is_relative_to(tmp_path / "locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    put(tmp_path, *files)
    (tmp_path / "locked").mkdir(exist_ok=True)
    monkeypatch.setattr(os, "scandir", scan)
    assert [folder.name for folder in listings_in(tmp_path)] == listings


def film_of(folder):
    return RenderedFilm(
        listing=folder.name,
        film=folder / "film.mp4",
        duration_s=28.0,
        cost_usd=1.5,
        paid_calls=2,
        scenes=("1-arrival",),
        left_out={},
    )


PROBLEMS = {
    "b": NoUsablePhotosError("b: none of its files can be used"),
    "c": RuntimeError("nobody\nexpected this"),
    "d": ApprovalMissingError("d waits for luxvid approve d"),
}


def render(folder):
    if folder.name in PROBLEMS:
        raise PROBLEMS[folder.name]
    return film_of(folder)


def test_one_listing_that_fails_does_not_stop_the_next():
    results = list(render_each([Path(name) for name in "abcde"], render))
    assert [(each.folder.name, each.exit_code, each.problem) for each in results] == [
        ("a", 0, ""),
        ("b", 2, "b: none of its files can be used"),
        ("c", 1, "RuntimeError: nobody"),
        ("d", 3, "d waits for luxvid approve d"),
        ("e", 0, ""),
    ]


def test_an_interruption_stops_the_batch():
    def interrupted(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(render_each([Path("a"), Path("b")], interrupted))


@pytest.mark.parametrize(("names", "code"), [("ae", 0), ("abe", 1), ("abd", 1), ("ad", 3)])
def test_the_exit_code_says_whether_something_failed_or_only_waits(names, code, capsys):
    folders = [Path(name) for name in names]
    ended = 0
    try:
        render_all(folders, render, lambda film: film.film, as_json=False)
    except typer.Exit as end:
        ended = end.exit_code
    assert ended == code
    said = capsys.readouterr().out
    assert f"{sum(name in 'ae' for name in names)} of {len(names)} films" in said
    assert all(f"/{len(names)}  {name}: " in said for name in names)


def test_a_batch_as_json_has_every_listing(capsys):
    with pytest.raises(typer.Exit):
        render_all([Path("a"), Path("b")], render, lambda film: Path("out") / f"{film.listing}.mp4", as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["films"], said["failed"], said["cost_usd"]) == (1, 1, 1.5)
    assert [(each["folder"], each["film"], each["exit_code"]) for each in said["listings"]] == [
        ("a", "out/a.mp4", 0),
        ("b", None, 2),
    ]


def test_an_interrupted_batch_tells_machines_once_what_was_made(luxvid, tmp_path, monkeypatch):
    for name in "abc":
        put(tmp_path / "in" / name, "1.jpg")

    def until_b(folder, *_rest, **_options):
        if folder.name == "b":
            raise KeyboardInterrupt
        return film_of(folder)

    monkeypatch.setattr(local_runs, "render", until_b)
    code, told, said = luxvid("render", tmp_path / "in", "--json")
    answer = json.loads(told)
    assert (code, answer["exit_code"], answer["films"]) == (130, 130, 1)
    assert [Path(each["folder"]).name for each in answer["listings"]] == ["a"]
    assert [Path(each).name for each in answer["left"]] == ["b", "c"]
    assert f"luxvid: {answer['problem']}\n" in said


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param([], 1, id="a-batch"),
        pytest.param(["--listing", "one"], 2, id="one-key-makes-one-film"),
        pytest.param(["--out", "film.mp4"], 2, id="one-file-holds-one-film"),
        pytest.param(["--out", "films.d"], 2, id="nor-does-a-folder-with-a-dot-that-is-not-there"),
        pytest.param(["--out", ""], 2, id="nothing-is-no-place"),
        pytest.param(["--out", "films"], 1, id="a-folder-holds-many"),
    ],
)
def test_the_command_tells_a_batch_from_a_film(tmp_path, options, code):
    for name in "ab":
        put(tmp_path / "in" / name, "1.jpg")
        (tmp_path / "in" / name / "listing.yaml").write_text("film: {musik: x}")
    done = CliRunner().invoke(
        app, ["render", str(tmp_path / "in"), "--json", *options], env={"LUXVID_HOME": str(tmp_path / "home")}
    )
    ended = done.exception.exit_code if isinstance(done.exception, LuxVidError) else done.exit_code
    assert ended == code
    if code == 1:
        said = json.loads(done.stdout)
        assert [Path(each["folder"]).name for each in said["listings"]] == ["a", "b"]
        assert all("line 1: film.musik" in each["problem"] for each in said["listings"])


def test_a_film_that_cannot_be_delivered_is_a_failure():
    def refuse(film):
        raise NoUsablePhotosError("the disk is full")

    with pytest.raises(typer.Exit) as end:
        render_all([Path("a")], render, refuse, as_json=False)
    assert end.value.exit_code == 1


def test_a_rejected_folder_shows_in_the_status_until_it_is_taken_away(tmp_path):
    settings = Settings.from_environment({"LUXVID_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "dagster")})
    sources = ListingSources(settings)
    for name in ("Villa Bad", "…"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
        sources.remember_rejection(Rejection(folder=name, reason=f"{name}: listing.yaml, line 2: no such field"))
    assert [each.folder for each in rejected_listings(settings)] == ["Villa Bad", "…"]
    (row,) = statuses(settings, "villa-bad")
    assert (row.folder, row.rejected, row.last_run) == (
        "Villa Bad",
        "Villa Bad: listing.yaml, line 2: no such field",
        None,
    )
    assert len(statuses(settings)) == 2
    (tmp_path / "inbox" / "Villa Bad").rmdir()
    assert [each.folder for each in statuses(settings)] == ["…"]
