"""The inbox on S3, over HTTP, with a server that pages, answers with ETags and can refuse."""

import json
import os
import re
import time
import zlib
from dataclasses import replace

import dagster as dg
import pytest
from dagster_aws.s3 import S3Resource

from luxvid_pipeline.automation.arrivals import EarlierRun, Memory, describe, look_around, new_listings_sensor
from luxvid_pipeline.domain.arrivals import REJECTED_NAME, State
from luxvid_pipeline.domain.errors import InputError, SettingsError, StorageError
from luxvid_pipeline.media.listing_folder import read_listing_folder
from luxvid_pipeline.media.photos import LARGEST_FILE_BYTES
from luxvid_pipeline.resources import s3_inbox
from luxvid_pipeline.resources.inbox import open_inbox
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.s3_inbox import S3Inbox
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.s3 import REGION, S3Server

JPEG = b"\xff\xd8\xff\xe0" + bytes(60) + b"\xff\xd9"


@pytest.fixture(scope="module")
def server():
    with S3Server() as server:
        yield server


@pytest.fixture
def bucket(server, request):
    name = f"b{zlib.crc32(request.node.name.encode())}"
    server.client().create_bucket(Bucket=name)
    return name


def reached(server):
    env = server.environment
    return S3Resource(
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


class Drop:
    """An inbox on S3 and a memory; runs are made as soon as they are requested."""

    def __init__(self, server, bucket, home, **settings):
        self.client = server.client()
        self.bucket = bucket
        environment = {"LUXVID_HOME": str(home), "LUXVID_INBOX": f"s3://{bucket}/in/box"}
        self.settings = replace(Settings.from_environment(environment), **settings)
        self.s3 = reached(server)
        self.memory = Memory()
        self.runs: dict[str, list[EarlierRun]] = {}
        self.now = 1_000_000.0

    @property
    def sources(self):
        return ListingSources(self.settings, s3=self.s3)

    def put(self, key, body=JPEG):
        self.client.put_object(Bucket=self.bucket, Key=f"in/box/{key}", Body=body)

    def there(self):
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {each["Key"].removeprefix("in/box/") for each in found}

    def tick(self, after_s=1.0):
        self.now += after_s
        found = look_around(self.sources, self.memory, lambda key: self.runs.get(key, []), now=self.now)
        for each in found.arrivals:
            self.runs.setdefault(each.listing, []).insert(0, EarlierRun(key=each.key, content=each.content))
        return found

    def directed(self, after_s=1.0):
        return [arrival.listing for arrival in self.tick(after_s).arrivals]


@pytest.fixture
def drop(server, bucket, tmp_path):
    return Drop(server, bucket, tmp_path)


def test_a_listing_is_a_prefix_and_arrives_as_a_folder_would(drop):
    drop.put("Villa Aurora/a.jpg")
    drop.put("Villa Aurora/inside/b.jpg")
    drop.put("at-once/a.jpg")
    drop.put("at-once/listing.yaml", b"photos: [{file: a.jpg}]")
    drop.put("stray.jpg")
    drop.client.put_object(Bucket=drop.bucket, Key="in/boxes/other/a.jpg", Body=JPEG)
    assert drop.directed() == ["at-once"]
    assert drop.directed(after_s=21) == ["villa-aurora"]
    assert drop.directed(after_s=21) == []
    assert sorted(drop.memory.folders) == ["Villa Aurora", "at-once"]
    drop.put("at-once/b.jpg", JPEG + b"more")
    drop.tick()
    assert drop.directed(after_s=21) == ["at-once"]


def test_the_same_objects_put_once_more_are_no_change(drop):
    drop.put("villa/a.jpg")
    drop.tick()
    assert drop.directed(after_s=21) == ["villa"]
    drop.tick()
    drop.put("villa/a.jpg")
    drop.tick()
    assert drop.memory.folders["villa"].state is State.CONFIRMED


def test_a_broken_listing_is_told_in_an_object_that_is_no_part_of_it(drop):
    drop.put("bad/a.jpg")
    drop.put("bad/listing.yaml", b"film: {musik: x}")
    drop.put("good/a.jpg")
    drop.tick()
    assert drop.directed(after_s=21) == ["good"]
    said = drop.client.get_object(Bucket=drop.bucket, Key=f"in/box/bad/{REJECTED_NAME}")["Body"].read().decode()
    assert "listing.yaml, line 1: film.musik: no such field" in said
    assert drop.tick(after_s=21).opened == 0
    assert [each.folder for each in drop.sources.rejections()] == ["bad"]
    drop.put("bad/listing.yaml", b"photos: [{file: a.jpg}]")
    assert drop.directed() == ["bad"]
    assert f"bad/{REJECTED_NAME}" not in drop.there()
    assert drop.sources.rejections() == []


def test_two_prefixes_never_share_a_key_until_one_is_emptied(drop):
    drop.put("Villa/a.jpg")
    drop.put("villa/b.jpg")
    drop.tick()
    assert [each.folder for each in drop.tick(after_s=21).arrivals] == ["Villa"]
    assert f"already belongs to s3://{drop.bucket}/in/box/Villa" in drop.sources.rejection("villa").reason
    drop.client.delete_object(Bucket=drop.bucket, Key="in/box/Villa/a.jpg")
    drop.tick()
    assert [each.folder for each in drop.tick(after_s=31).arrivals] == ["villa"]


def test_a_listing_is_fetched_where_its_photos_can_be_read_and_only_what_changed_is_fetched_again(drop, monkeypatch):
    drop.put("villa/a.jpg")
    drop.put("villa/sub/b.jpg")
    drop.put("villa/listing.yaml", b"listing: aurora\nphotos: [{file: a.jpg}, {file: sub/b.jpg}]")
    for litter in (
        "tour.mp4",
        ".DS_Store",
        "__MACOSX/c.jpg",
        "closed/.nomedia",
        "closed/d.jpg",
        "../e.jpg",
        "x/../f.jpg",
    ):
        drop.put(f"villa/{litter}")
    assert drop.directed() == ["aurora"]
    folder = drop.sources.folder("aurora")
    held = read_listing_folder(folder)
    assert [file.as_posix() for file in held.photo_files] == ["a.jpg", "sub/b.jpg"]
    assert {path.name for path in folder.rglob("*") if path.is_file()} >= {"a.jpg", "b.jpg", "listing.yaml"}
    assert not [path for path in drop.settings.home.rglob("*") if path.name in {"tour.mp4", "d.jpg", "e.jpg", "f.jpg"}]
    fetched = []
    client = s3_inbox.s3_client(drop.s3)
    download = client.download_file
    client.download_file = lambda bucket, key, path: (fetched.append(key), download(bucket, key, path))
    monkeypatch.setattr(s3_inbox, "s3_client", lambda s3: client)
    drop.sources.folder("aurora")
    assert fetched == []
    drop.put("villa/a.jpg", JPEG + b"new")
    drop.client.delete_object(Bucket=drop.bucket, Key="in/box/villa/sub/b.jpg")
    drop.sources.folder("aurora")
    assert fetched == ["in/box/villa/a.jpg"]
    assert (folder / "a.jpg").read_bytes() == JPEG + b"new"
    assert not (folder / "sub/b.jpg").exists()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        pytest.param(
            ["photos", "photos/a.jpg"], "/villa/photos is an object, .* rename or delete", id="file-and-folder"
        ),
        pytest.param(["x" * 252 + ".jpeg"], "x.jpeg has a name of more than 255 bytes.*; shorten it", id="too-long"),
    ],
)
def test_names_that_no_disk_can_hold_are_the_listings_own_fault_and_told_with_the_remedy(drop, keys, reason):
    for key in (*keys, "b.jpg"):
        drop.put(f"villa/{key}")
    drop.put("z-villa/a.jpg")
    drop.tick()
    found = drop.tick(after_s=60)
    assert [each.listing for each in found.arrivals] == ["z-villa"]
    assert [re.search(reason, each.reason) is not None for each in found.rejections] == [True]
    with pytest.raises(InputError, match=reason):
        drop.sources.folder("villa")


def test_a_long_name_of_many_bytes_is_fetched_and_a_folder_may_become_a_file(drop):
    drop.put("villa/a.jpg/b.jpg")
    drop.sources.folder("villa")
    drop.client.delete_object(Bucket=drop.bucket, Key="in/box/villa/a.jpg/b.jpg")
    names = {"a.jpg", "\u5ba4" * 83 + ".jpg"}
    for name in names:
        drop.put(f"villa/{name}")
    assert names <= {path.name for path in drop.sources.folder("villa").iterdir() if path.is_file()}


def test_a_listing_nobody_registered_is_found_by_its_name_or_its_manifest(drop):
    drop.put("Villa Aurora/a.jpg")
    drop.put("drop-1/a.jpg")
    drop.put("drop-1/listing.yaml", b"listing: other")
    assert (drop.sources.folder("villa-aurora") / "a.jpg").is_file()
    assert (drop.sources.folder("other") / "a.jpg").is_file()
    with pytest.raises(InputError, match=r"no photos are known .*s3://"):
        drop.sources.folder("nowhere")


def test_a_photo_too_large_to_be_read_is_not_fetched_to_find_that_out(drop, monkeypatch):
    monkeypatch.setattr(s3_inbox, "LARGEST_FILE_BYTES", 100)
    drop.put("villa/a.jpg", bytes(200))
    folder = drop.sources.folder("villa")
    assert (folder / "a.jpg").stat().st_size == 200
    assert LARGEST_FILE_BYTES > 100


def test_the_local_copies_stay_within_their_bounds(drop):
    drop.settings = replace(drop.settings, cache_gb=2500 / 1e9)
    for name in ("one", "two", "three"):
        drop.put(f"{name}/a.jpg", bytes(1000))
    one, two = drop.sources.folder("one"), drop.sources.folder("two")
    hours_ago(one)
    three = drop.sources.folder("three")
    assert (one.exists(), two.exists(), three.exists()) == (False, True, True)
    drop.put("huge/a.jpg", bytes(3000))
    with pytest.raises(StorageError, match="raise LUXVID_CACHE_GB"):
        drop.sources.folder("huge")


def hours_ago(folder):
    os.utime(folder / ".fetched.json", (1, 1))


def test_ten_thousand_keys_are_listed_page_by_page(server, bucket, tmp_path):
    drop = Drop(server, bucket, tmp_path)
    names = [f"villa-{number // 20:03}/IMG_{number % 20:02}.jpg" for number in range(10_000)]
    server.fill(bucket, [f"in/box/{name}" for name in names])
    pages = []
    client = s3_inbox.s3_client(drop.s3)
    client.meta.events.register(
        "after-call.s3.ListObjectsV2", lambda **answer: pages.append(answer["parsed"]["KeyCount"])
    )
    inbox = open_inbox(drop.settings.inbox, tmp_path / "cache", cache_bytes=1e9, s3=drop.s3)
    inbox._made = client
    folders = list(inbox.folders())
    assert (len(folders), sum(len(folder.files) for folder in folders)) == (500, 10_000)
    assert pages == [1000] * 10
    assert [folder.name for folder in inbox.folders("villa-497")] == ["villa-498", "villa-499"]
    assert sum(pages[10:]) == 40


@pytest.mark.parametrize("names", [["a", "a-b", "a.b", "a b", "a0", "aa", "A", "é"]])
def test_a_round_can_go_on_after_any_name(drop, names):
    for name in names:
        drop.put(f"{name}/x.jpg")
    order = [folder.name for folder in drop.sources.inbox.folders()]
    assert sorted(order) == sorted(names)
    for number, name in enumerate(order):
        assert [folder.name for folder in drop.sources.inbox.folders(name)] == order[number + 1 :]


def test_wrong_credentials_are_one_clear_line_in_the_tick(tmp_path):
    with S3Server() as server:
        server.client().create_bucket(Bucket="luxvid")
        wrong = reached(server)
        server.check_credentials()
        settings = Settings.from_environment({"LUXVID_HOME": str(tmp_path), "LUXVID_INBOX": "s3://luxvid"})
        right = reached(server)
        server.client().put_object(Bucket="luxvid", Key="villa/a.jpg", Body=JPEG)
        tick = sensor_tick(ListingSources(settings, s3=wrong))
        assert isinstance(tick, dg.SkipReason)
        assert tick.skip_message == (
            "s3://luxvid: S3 refuses the credentials (InvalidAccessKeyId); check the AWS keys and what they are "
            "allowed to do"
        )
        assert "1 still arriving" in sensor_tick(ListingSources(settings, s3=right)).skip_reason.skip_message


def sensor_tick(sources, cursor=None):
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"listing_sources": sources})
        with context:
            return new_listings_sensor(context)


def test_a_bucket_that_is_not_there_and_a_server_that_does_not_answer_are_told(server, tmp_path):
    with pytest.raises(StorageError, match="there is no bucket 'nowhere-at-all'; make it"):
        list(S3Inbox("s3://nowhere-at-all/x", tmp_path, cache_bytes=1, s3=reached(server)).folders())
    gone = reached(server).model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(StorageError, match="S3 is not reached"):
        list(S3Inbox("s3://luxvid", tmp_path, cache_bytes=1, s3=gone).folders())
    with pytest.raises(SettingsError, match="names no bucket"):
        S3Inbox("s3:///x", tmp_path, cache_bytes=1)


def test_s3_is_not_asked_at_every_tick(drop):
    first = sensor_tick(drop.sources)
    file = drop.settings.home / "arrivals.json"

    def said(**change):
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
        return sensor_tick(drop.sources, first.cursor).skip_reason.skip_message

    assert re.search(r"next look in (9|10) s", said(looked_at=time.time()))
    assert "next look" not in said(looked_at=time.time() - 11)
    assert "next look" not in said(looked_at=time.time(), after="a round that is not through")


def test_one_object_that_cannot_be_read_holds_up_nobody_else(drop, monkeypatch):
    drop.put("a/a.jpg")
    drop.put("a/listing.yaml", b"photos: [{file: a.jpg}]")
    drop.put("b/a.jpg")
    drop.put("b/listing.yaml", b"photos: [{file: a.jpg}]")
    manifest = S3Inbox.manifest

    def refuse(self, folder):
        if folder.name == "a":
            raise StorageError("s3://x: S3 refuses the credentials (AccessDenied)")
        return manifest(self, folder)

    monkeypatch.setattr(S3Inbox, "manifest", refuse)
    found = drop.tick()
    assert [each.folder for each in found.arrivals] == ["b"]
    assert "AccessDenied" in describe(drop.memory, found, drop.sources)
    monkeypatch.setattr(S3Inbox, "manifest", manifest)
    assert drop.directed() == ["a"]
