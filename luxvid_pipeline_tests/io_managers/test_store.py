"""The store keeps nothing halfway, notices damage, and is the same on disk and on remote storage."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from luxvid_pipeline.domain.errors import DamagedMediaError, StorageError
from luxvid_pipeline.io_managers import store as store_module
from luxvid_pipeline.io_managers.store import MediaStore, sha256_of

KEY = "scene_clips/villa/1-arrival.mp4"


@pytest.fixture(scope="module")
def s3_server():
    """A real S3 server process's stand-in on loopback, spoken to over HTTP."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["disk", "memory", "s3"])
def store(request, tmp_path, monkeypatch):
    if request.param == "s3":
        address = request.getfixturevalue("s3_server")
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="luxvid")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        return MediaStore(f"s3://luxvid/{uuid.uuid4().hex}", tmp_path / "cache")
    base = str(tmp_path / "media") if request.param == "disk" else f"memory://{tmp_path.name}/media"
    return MediaStore(base, tmp_path / "cache")


def made(tmp_path, data=b"clip"):
    file = tmp_path / "made.bin"
    file.write_bytes(data)
    return file


def overwrite(store, key, data):
    with store._fs.open(store._path(key), "wb") as stream:
        stream.write(data)


def test_what_is_kept_comes_back_with_its_hash(store, tmp_path):
    stored = store.put(made(tmp_path), KEY, made_from="d", facts={"engine": "local"})
    assert store.open(KEY).read_bytes() == b"clip"
    assert store.find(KEY) == stored
    assert stored.sha256 == sha256_of(store.open(KEY))
    assert stored.facts == {"engine": "local"}
    assert store.keys("scene_clips/villa") == [KEY]


def test_damage_between_stages_names_the_file_and_the_asset_to_run_again(store, tmp_path):
    store.put(made(tmp_path), KEY)
    overwrite(store, KEY, b"clop")
    with pytest.raises(DamagedMediaError, match=r"1-arrival\.mp4 .*run the asset scene_clips again for villa"):
        store.open(KEY)


def test_a_damaged_file_is_made_again_instead_of_reused(store, tmp_path):
    store.put(made(tmp_path), KEY, made_from="same")
    assert store.kept(KEY, "same") is not None
    overwrite(store, KEY, b"clop")
    assert store.kept(KEY, "same") is None


def test_only_work_from_the_same_input_is_reused(store, tmp_path):
    store.put(made(tmp_path), KEY, made_from="same")
    assert store.kept(KEY, "other") is None
    assert store.kept(KEY, "") is None


def test_files_made_in_a_workshop_become_part_of_the_store(store):
    within, key = "listing_photos/villa", "listing_photos/villa/working/a.jpg"
    file = store.workshop(within) / "working" / "a.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"photo")
    stored = store.adopt(key, within=within)
    assert store.adopt(key, within=within) == stored
    assert store.read_bytes(key) == b"photo"


def test_a_missing_file_says_which_asset_makes_it(store):
    with pytest.raises(DamagedMediaError, match="run the asset scene_clips"):
        store.open(KEY)


def test_a_file_without_its_record_counts_as_never_finished(store, tmp_path):
    store.put(made(tmp_path), KEY, made_from="d")
    store._fs.rm_file(store._path(KEY + ".json"))
    assert store.find(KEY) is None
    assert store.kept(KEY, "d") is None


def test_a_record_is_of_the_file_beside_it_whatever_it_says(tmp_path):
    store, outside = MediaStore(str(tmp_path / "media"), tmp_path / "cache"), tmp_path / "outside.txt"
    outside.write_bytes(b"not a film")
    store.put_bytes(b"a film", KEY)
    record = Path(store.base) / f"{KEY}.json"
    forged = json.loads(record.read_text()) | {"key": "../outside.txt", "sha256": sha256_of(outside), "bytes": 10}
    record.write_text(json.dumps(forged))
    assert store.find(KEY).key == KEY
    with pytest.raises(DamagedMediaError):
        store.open(KEY)


def test_a_record_that_another_process_has_just_taken_away_is_no_error(tmp_path, monkeypatch):
    store = MediaStore(str(tmp_path / "media"), tmp_path / "cache")
    earlier = store.put_bytes(b"a film", KEY)
    (Path(store.base) / f"{KEY}.json").unlink()
    monkeypatch.setattr(store, "find", lambda key: earlier)
    assert store.put_bytes(b"another film", KEY).bytes == 12


def test_a_record_cut_off_by_a_crash_counts_as_none(store, tmp_path):
    store.put(made(tmp_path), KEY, made_from="d")
    overwrite(store, KEY + ".json", b'{"key": "scene')
    assert store.find(KEY) is None


def test_removing_takes_file_and_record_and_can_be_done_twice(store, tmp_path):
    store.put(made(tmp_path), KEY)
    store.remove(KEY)
    store.remove(KEY)
    assert store.find(KEY) is None
    assert store.keys("scene_clips") == []


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../b", "", "a\\b", "a\x00b"])
def test_a_key_never_leaves_the_store(store, tmp_path, key):
    with pytest.raises(StorageError, match="inside the store"):
        store.put(made(tmp_path), key)


def test_the_same_bytes_again_leave_the_file_alone(tmp_path):
    store = MediaStore(str(tmp_path / "media"), tmp_path / "cache")
    store.put(made(tmp_path), KEY, made_from="d")
    before = store.open(KEY).stat().st_mtime_ns
    store.put(made(tmp_path), KEY, made_from="d")
    assert store.open(KEY).stat().st_mtime_ns == before


def test_a_full_disk_is_told_in_one_line(tmp_path, monkeypatch):
    store = MediaStore(str(tmp_path / "media"), tmp_path / "cache")

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_module, "_move_into_place", full)
    with pytest.raises(StorageError, match="disk is full"):
        store.put(made(tmp_path), KEY)
    assert store.find(KEY) is None


def test_scratch_space_is_gone_afterwards(store):
    with store.scratch() as directory:
        (directory / "part").write_bytes(b"x")
    assert not directory.exists()


def test_killed_at_any_moment_the_store_holds_a_whole_file_or_none(tmp_path):
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from luxvid_pipeline.io_managers.store import MediaStore
        base = Path(sys.argv[1])
        store = MediaStore(str(base / "media"), base / "cache")
        number = 0
        print("ready", flush=True)
        while True:
            number += 1
            store.put_bytes(bytes([number % 251]) * 300_000, "scene_clips/villa/1-arrival.mp4", made_from=str(number))
    """)
    store = MediaStore(str(tmp_path / "media"), tmp_path / "cache")
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        process.stdout.readline()
        time.sleep(0.05 + 0.013 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if store.find(KEY) is not None:
            data = store.open(KEY).read_bytes()
            assert len(data) == 300_000
            assert len(set(data)) == 1
        store.put_bytes(b"after", KEY)
        assert store.read_bytes(KEY) == b"after"


def test_the_record_is_json_a_person_can_read(tmp_path):
    store = MediaStore(str(tmp_path / "media"), tmp_path / "cache")
    store.put(made(tmp_path), KEY, facts={"engine": "local"})
    record = json.loads((tmp_path / "media" / f"{KEY}.json").read_text())
    assert set(record) == {"key", "sha256", "bytes", "made_from", "facts"}
