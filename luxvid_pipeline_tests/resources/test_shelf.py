"""A paid result that the shelf has kept is there whatever happens next."""

import os
import shutil
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from luxvid_pipeline.domain.errors import StorageError
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.resources.shelf import MediaShelf


@pytest.fixture
def result(tmp_path):
    file = tmp_path / "result.mp4"
    file.write_bytes(b"a clip that was paid for")
    return file


@pytest.fixture
def synced(monkeypatch):
    """The inodes that were written to the disk itself, in order."""
    seen = []
    real = os.fsync

    def fsync(descriptor):
        seen.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


@pytest.mark.parametrize("times", [pytest.param(1, id="new"), pytest.param(2, id="kept-before-a-power-failure")])
def test_a_paid_result_its_record_and_their_folders_are_on_the_disk_before_it_counts_as_kept(
    tmp_path, result, synced, times
):
    shelf = MediaShelf(MediaStore(str(tmp_path / "media"), tmp_path / "cache"))
    for _ in range(times):
        synced.clear()
        sha256 = shelf.keep("abc.mp4", result)
    kept = shelf.fetch("abc.mp4", sha256)
    places = [kept, kept.with_name("abc.mp4.json"), kept.parent, kept.parent.parent, tmp_path / "media", tmp_path]
    assert synced == [place.stat().st_ino for place in places]


def test_a_remote_store_is_not_synced(tmp_path, result, synced):
    shelf = MediaShelf(MediaStore(f"memory://{tmp_path.name}/media", tmp_path / "cache"))
    assert shelf.fetch("abc.mp4", shelf.keep("abc.mp4", result)).read_bytes() == result.read_bytes()
    assert synced == []


def test_a_disk_that_does_not_take_a_paid_result_is_said_in_one_line(tmp_path, result, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        MediaShelf(MediaStore(str(tmp_path / "media"), tmp_path / "cache")).keep("abc.mp4", result)


@pytest.mark.parametrize("base", ["{}/media/not/made/yet", "memory://{}/media"])
@pytest.mark.parametrize(
    ("free", "has_room"), [pytest.param(10**7, False, id="full"), pytest.param(10**9, True, id="not")]
)
def test_a_full_disk_is_said_before_anything_is_paid_for(tmp_path, monkeypatch, base, free, has_room):
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free))
    shelf = MediaShelf(MediaStore(base.format(tmp_path), tmp_path / "cache"))
    with (
        nullcontext() if has_room else pytest.raises(StorageError, match=r"the disk is full, 10 MB .* free some space")
    ):
        shelf.check_room()
    assert not list(tmp_path.iterdir())


def test_a_place_that_may_not_be_written_is_said_before_anything_is_paid_for(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _place, _how: False)  # the user of a test may be root
    with pytest.raises(StorageError, match="no permission"):
        MediaShelf(MediaStore(str(tmp_path / "media"), tmp_path / "cache")).check_room()
