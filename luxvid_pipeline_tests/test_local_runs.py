"""A whole film in this process."""

import errno
import os
import shutil
import sqlite3

import pytest
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage

from luxvid_pipeline.domain.errors import LuxVidError, SettingsError, StorageError
from luxvid_pipeline.io_managers.manifests import manifest_key
from luxvid_pipeline.local_runs import _only_one, _said_since, open_instance, render
from luxvid_pipeline.media.listing_folder import read_manifest
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline.resources.settings import Settings


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        pytest.param({"LUXVID_CLIPS": "google/veo-3.1-fast,local"}, "REPLICATE_API_TOKEN is not set", id="no-key"),
        pytest.param({"LUXVID_SCORE": "meta/musikgen"}, r"did you mean meta/musicgen\?", id="misspelt"),
    ],
)
def test_an_engine_that_cannot_work_stops_the_film_before_anything_is_paid_or_made(
    tmp_path, eight_photos, environment, words
):
    home = tmp_path / "home"
    settings = Settings.from_environment({"LUXVID_HOME": str(home), "XAI_API_KEY": "any", **environment})
    with pytest.raises(SettingsError, match=words):
        render(eight_photos, settings, board=SilentBoard())
    assert not home.exists()


@pytest.mark.parametrize(
    ("now", "told"),
    [
        pytest.param("title: Villa\nbrand: {agent: {name: Ann}}\n", "", id="as-it-was"),
        pytest.param("title: Villa\nbrand: {agent: {name: Ben}}\n", "another brand since", id="another-agent"),
        pytest.param("title: House\nfilm: {variants: [9x16]}\n", "another title and brand and film since", id="more"),
        pytest.param("titel: House\n", "", id="unreadable-is-told-by-the-render"),
    ],
)
def test_a_package_says_when_the_listing_has_changed_since_it_was_directed(tmp_path, eight_photos, now, told):
    folder = shutil.copytree(eight_photos, tmp_path / "villa")
    settings = Settings.from_environment({"LUXVID_HOME": str(tmp_path / "home")})
    ListingSources(settings).register("villa", folder)
    (folder / "listing.yaml").write_text("title: Villa\nbrand: {agent: {name: Ann}}\n")
    store = open_media_store(settings)
    store.put_bytes(read_manifest(folder).model_dump_json().encode(), manifest_key("villa"))
    (folder / "listing.yaml").write_text(now)
    notes = " ".join(_said_since(settings, store, "villa"))
    assert (told in notes) if told else not notes


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings with a home of their own; DAGSTER_HOME is put back, since opening an instance sets it."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    return Settings.from_environment({"LUXVID_HOME": str(tmp_path)})


def used(settings):
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("listings", ["a"])
        return instance.get_runs_count()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(b"storage: [a", "while parsing", id="no-yaml"),
        pytest.param(b"- 3", "dictionary", id="a-list"),
        pytest.param(b"\xff\xfe\x80", "decode", id="no-text"),
        pytest.param(b"nonsense: 3", 'unexpected config entry "nonsense"', id="an-unknown-field"),
        pytest.param(
            b"storage: {sqlite: {base_dir: {env: NOBODY_SET_THIS}}}", "NOBODY_SET_THIS", id="a-variable-that-is-not-set"
        ),
        pytest.param(
            b"run_storage: {module: nobody_installed_this, class: A, config: {}}\n"
            b"event_log_storage: {module: nobody_installed_this, class: A, config: {}}\n"
            b"schedule_storage: {module: nobody_installed_this, class: A, config: {}}\n",
            "nobody_installed_this",
            id="a-module-that-is-not-there",
        ),
    ],
)
def test_a_dagster_yaml_that_cannot_be_used_is_named_in_one_line_with_the_remedy(settings, text, words):
    file = settings.dagster_home / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    with pytest.raises(SettingsError, match=words) as told:
        used(settings)
    assert str(told.value).startswith(f"{file} cannot be used: ")
    assert "move it away" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
def test_a_file_of_dagsters_records_that_is_no_database_is_named_in_one_line_with_the_remedy(settings, name):
    used(settings)
    file = settings.dagster_home / name
    for kept in file.parent.glob(f"{file.name}*"):
        kept.unlink()
    file.write_bytes(b"this is no database" * 900)
    with pytest.raises(StorageError) as told:
        used(settings)
    assert str(told.value).startswith(f"{file}: Dagster's records failed: file is not a database; move the file away")


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("database or disk is full", "free some space"),
        ("attempt to write a readonly database", "the right to write"),
        ("unable to open database file", "may be written"),
        ("something new", "check DAGSTER_HOME"),
    ],
)
def test_a_database_that_fails_while_a_film_is_made_is_told_in_one_line(
    settings, eight_photos, monkeypatch, said, remedy
):
    def fail(*_args, **_named):
        raise sqlite3.OperationalError(said)

    used(settings)
    monkeypatch.setattr(SqliteRunStorage, "add_run", fail)
    with pytest.raises(StorageError, match=remedy) as told:
        render(eight_photos, settings, board=SilentBoard())
    assert str(told.value).startswith(f"{settings.dagster_home}: Dagster's records failed: {said}; ")


@pytest.mark.parametrize("raised", [LuxVidError("said already"), ValueError("of nobody")])
def test_what_luxvid_says_itself_and_what_no_database_said_stays_as_it_is(settings, raised):
    raised.__cause__ = sqlite3.OperationalError("far below") if isinstance(raised, LuxVidError) else None
    with pytest.raises(type(raised), match=str(raised)), open_instance(settings):
        raise raised


def test_a_file_where_dagster_wants_a_directory_is_named(settings):
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "history").write_text("no directory")
    with pytest.raises(StorageError, match=r"dagster/history: .* cannot be read or written: File exists"):
        used(settings)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_listing_that_cannot_be_held_for_this_process_is_told_in_one_line(settings, monkeypatch, code):
    def fail(path, *_args, **_named):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(StorageError) as told, _only_one(settings, "villa"):
        pass
    assert str(told.value).startswith(f"{settings.home / 'listings'}: cannot be written: {os.strerror(code)}; ")
    assert "LUXVID_HOME" in str(told.value)


def test_what_fails_while_a_listing_is_held_is_not_taken_for_its_lock(settings):
    with pytest.raises(PermissionError, match="of a photo"), _only_one(settings, "villa"):
        raise PermissionError("of a photo")
