"""The store on S3, against a server process over HTTP, with the environment as users of boto3 have it.

Belongs here: what differs between S3 and a disk: parts, credentials, long listings, the local cache.
Does not belong here: what a store promises anywhere (``test_store.py``).
"""

import os
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import boto3
import fsspec
import polars as pl
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from luxvid_pipeline.domain.errors import DamagedMediaError, StorageError
from luxvid_pipeline.io_managers import store as store_module
from luxvid_pipeline.io_managers.store import MediaStore, sha256_of
from luxvid_pipeline.io_managers.values import TableIOManager
from luxvid_pipeline.media.film import inspect_film
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline_tests.conftest import open_studio
from luxvid_pipeline_tests.s3 import S3Server

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

KEY = "scene_clips/villa/1-arrival.mp4"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server():
    with S3Server() as server:
        server.client().create_bucket(Bucket="luxvid")
        yield server


@pytest.fixture
def s3(server, monkeypatch):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return server


@pytest.fixture
def base(s3):
    return f"s3://luxvid/{uuid.uuid4().hex}"


@pytest.fixture
def store(base, tmp_path):
    return MediaStore(base, tmp_path / "cache")


def made(tmp_path, data, name="made.bin"):
    file = tmp_path / name
    file.write_bytes(data)
    return file


def objects(server, base):
    bucket, _, prefix = base.removeprefix("s3://").partition("/")
    pages = server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"].removeprefix(f"{prefix}/") for page in pages for entry in page.get("Contents", [])]


def test_a_file_larger_than_a_part_is_sent_in_parts_and_comes_back_whole(store, base, s3, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_PART_BYTES", 5 << 20)
    data = os.urandom(11 << 20)
    MediaStore(base, tmp_path / "first").put(made(tmp_path, data), KEY)
    bucket, _, prefix = base.removeprefix("s3://").partition("/")
    # Amazon's own mark of an object that came in parts: their number at the end of its ETag.
    assert s3.client().head_object(Bucket=bucket, Key=f"{prefix}/{KEY}")["ETag"].endswith('-3"')
    assert store.open(KEY).read_bytes() == data


def test_an_interrupted_upload_leaves_neither_half_an_object_nor_a_record(base, s3, tmp_path):
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        import s3fs
        from luxvid_pipeline.io_managers import store
        whole = s3fs.S3FileSystem._call_s3
        async def stuck(self, method, *args, **kwargs):
            answer = await whole(self, method, *args, **kwargs)
            if method == "upload_part":
                print("a part is there", flush=True)
                import asyncio; await asyncio.sleep(60)
            return answer
        s3fs.S3FileSystem._call_s3 = stuck
        store._PART_BYTES = 5 << 20
        store.MediaStore(sys.argv[1], Path(sys.argv[2])).put(Path(sys.argv[3]), sys.argv[4])
    """)
    file = made(tmp_path, os.urandom(11 << 20))
    command = [sys.executable, "-c", program, base, str(tmp_path / "cache"), str(file), KEY]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **s3.environment})
    assert process.stdout.readline()
    process.kill()
    process.communicate()
    assert objects(s3, base) == []
    store = MediaStore(base, tmp_path / "other")
    assert store.find(KEY) is None
    store.put(file, KEY)
    assert store.is_whole(KEY)


def test_a_failed_upload_over_an_older_file_leaves_no_record_of_either(store, tmp_path, monkeypatch):
    store.put(made(tmp_path, b"old"), KEY, made_from="old")

    def broken(*_args, **_options):
        raise ConnectionResetError("the connection was reset")

    monkeypatch.setattr(store._fs, "put_file", broken)
    with pytest.raises(StorageError, match=r"s3://luxvid/.*1-arrival.mp4.*reset"):
        store.put(made(tmp_path, b"new"), KEY)
    assert store.find(KEY) is None


def test_no_such_bucket_is_one_line_with_the_address_and_the_remedy(s3, tmp_path):
    store = MediaStore("s3://nobody-made-this/media", tmp_path / "cache")
    with pytest.raises(StorageError, match=r"s3://nobody-made-this/media/.*no such bucket; create it") as told:
        store.put(made(tmp_path, b"x"), KEY)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("do"),
    [
        pytest.param(lambda store, file: store.put(file, KEY), id="writing"),
        pytest.param(lambda store, file: store.find(KEY), id="reading"),
        pytest.param(lambda store, file: store.keys("scene_clips"), id="listing"),
    ],
)
def test_wrong_credentials_are_one_line_that_names_what_to_check(checked, tmp_path, monkeypatch, do):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "Sekr3tButWrong")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    store = MediaStore("s3://luxvid/media", tmp_path / "cache")
    with pytest.raises(StorageError, match=r"^s3://luxvid/media/.*AWS_SECRET_ACCESS_KEY") as told:
        do(store, made(tmp_path, b"x"))
    assert "\n" not in str(told.value)
    assert "Sekr3t" not in str(told.value)


@pytest.fixture(scope="module")
def strict_server():
    with S3Server() as server:
        server.client().create_bucket(Bucket="luxvid")
        server.check_credentials()
        yield server


@pytest.fixture
def checked(strict_server, monkeypatch):
    for name, value in strict_server.environment.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return strict_server


def test_the_right_credentials_pass_the_same_check(checked, tmp_path):
    store = MediaStore("s3://luxvid/media", tmp_path / "cache")
    store.put(made(tmp_path, b"x"), KEY)
    assert store.read_bytes(KEY) == b"x"


def test_a_server_that_is_not_there_is_one_line(s3, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    store = MediaStore("s3://luxvid/media", tmp_path / "cache")
    with pytest.raises(StorageError, match=r"s3://luxvid/media/.*AWS_ENDPOINT_URL") as told:
        store.find(KEY)
    assert "\n" not in str(told.value)


@pytest.fixture
def crowded(monkeypatch):
    """A server with 10,000 objects of one listing, put there without asking it for each."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    for name, value in {**access, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    boto3.client("s3").create_bucket(Bucket="crowded")
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    names = [f"listing_photos/villa/working/{number:05}.jpg" for number in range(5000)]
    for key in (*names, *(f"{name}.json" for name in names), "listing_photos/villa-2/a.jpg"):
        backend.put_object("crowded", key, b"{}")
    yield names
    server.stop()


def test_ten_thousand_keys_are_listed_page_by_page_and_a_longer_name_is_another_listing(crowded, tmp_path):
    store = MediaStore("s3://crowded", tmp_path / "cache")
    assert store.keys("listing_photos/villa") == crowded


def test_an_object_replaced_behind_our_back_is_noticed_although_a_copy_is_cached(store, base, s3, tmp_path):
    store.put(made(tmp_path, b"right"), KEY)
    assert store.open(KEY).read_bytes() == b"right"
    bucket, _, prefix = base.removeprefix("s3://").partition("/")
    s3.client().put_object(Bucket=bucket, Key=f"{prefix}/{KEY}", Body=b"wrong")
    with pytest.raises(DamagedMediaError, match="run the asset scene_clips again for villa"):
        store.open(KEY)


def test_what_another_process_wrote_is_seen_at_once(base, tmp_path):
    here, there = MediaStore(base, tmp_path / "here"), MediaStore(base, tmp_path / "there")
    assert here.keys("scene_clips") == []
    there.put(made(tmp_path, b"new"), KEY)
    assert here.keys("scene_clips") == [KEY]
    assert here.read_bytes(KEY) == b"new"


def test_a_table_goes_to_s3_and_back(store):
    tables = TableIOManager(store)
    table = pl.DataFrame({"photo": ["a", "b"], "sharp": [1.0, 2.0]})
    store.put_bytes(tables.encode(table), "photo_catalogue/villa/table.parquet")
    assert tables.load_partition("photo_catalogue", "villa", missing_ok=False).equals(table)


def test_ffmpeg_reads_a_clip_from_s3_through_the_cache(store, ready_clip, base, tmp_path):
    MediaStore(base, tmp_path / "elsewhere").put(made(tmp_path, ready_clip.read_bytes(), "clip.mp4"), KEY)
    facts = probe_video(store.open(KEY))
    assert (facts.width_px, facts.height_px) == (1920, 1080)


def test_removing_a_listing_takes_everything_of_it_and_nothing_of_its_neighbour(store, base, s3, tmp_path):
    for key in (KEY, "scene_clips/villa/2-bedroom.mp4", "scene_clips/villa-2/1-arrival.mp4"):
        store.put(made(tmp_path, key.encode()), key)
    bucket, _, prefix = base.removeprefix("s3://").partition("/")
    s3.client().put_object(Bucket=bucket, Key=f"{prefix}/scene_clips/villa/never-recorded.mp4", Body=b"half")
    assert store.clear("scene_clips/villa") == 5
    assert store.clear("scene_clips/villa") == 0
    assert sorted(objects(s3, base)) == [
        "scene_clips/villa-2/1-arrival.mp4",
        "scene_clips/villa-2/1-arrival.mp4.json",
    ]


def test_a_film_is_made_with_media_and_tables_on_s3_and_another_machine_goes_on_from_an_inbox_there(
    base, s3, tmp_path, eight_photos, ready_clip
):
    first = open_studio(tmp_path / "first", ready_clip)
    first.environment = {"LUXVID_MEDIA": base}
    with first.instance:
        first.add(eight_photos)
        for stage in (first.direct, first.shoot, first.score, first.assemble):
            assert stage().success
        sha256 = first.latest("property_video")["sha256"]
    assert f"property_video/{first.listing}/film.mp4" in objects(s3, base)
    # Nothing but the cache was written to this machine's disk.
    assert {path.name for path in first.home.iterdir()} <= {"cache", "listings"}
    second = open_studio(tmp_path / "second", ready_clip)
    second.environment = {"LUXVID_MEDIA": base, "LUXVID_INBOX": f"{base}-inbox"}
    inbox = f"{base}-inbox".removeprefix("s3://luxvid/")
    for file in eight_photos.iterdir():
        s3.client().upload_file(str(file), "luxvid", f"{inbox}/{second.listing}/{file.name}")
    with second.instance:
        # Nothing was registered on this machine: the listing is found in the inbox by its name.
        second.instance.add_dynamic_partitions("listings", [second.listing])
        for stage in (second.direct, second.shoot):
            assert stage().success
        assert second.overrides["clip_generator"].shot == {}, "the clips are on S3 already"
        assert second.latest("scene_clips", f"{second.listing}|1-arrival")["reused"]
    film = second.store.open(f"property_video/{second.listing}/film.mp4")
    assert sha256_of(film) == sha256
    assert inspect_film(film).duration_s == pytest.approx(14.0, abs=0.1)
