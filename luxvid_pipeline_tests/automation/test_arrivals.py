"""The inbox, watched: real folders, a real Dagster instance, a clock that the tests turn."""

import json
import os
import re
import shutil
from dataclasses import replace

import dagster as dg
import pytest

from luxvid_pipeline.automation import arrivals
from luxvid_pipeline.automation.arrivals import (
    Bounds,
    EarlierRun,
    Memory,
    describe,
    history_of,
    look_around,
    new_listings_sensor,
)
from luxvid_pipeline.domain.arrivals import REJECTED_NAME, State
from luxvid_pipeline.domain.errors import InputError
from luxvid_pipeline.media import file_samples, listing_folder
from luxvid_pipeline.resources.inbox import LocalInbox
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.records import open_records

JPEG = b"\xff\xd8\xff\xe0" + bytes(60) + b"\xff\xd9"
HALF_A_JPEG = JPEG[:40]
SETTLED = 21.0


class Watch:
    """An inbox, its memory, and runs that are made as soon as they are requested."""

    def __init__(self, home, **settings):
        self.settings = replace(Settings.from_environment({"LUXVID_HOME": str(home)}), **settings)
        self.inbox = home / "inbox"
        self.inbox.mkdir(parents=True)
        self.memory = Memory()
        self.runs: dict[str, list[EarlierRun]] = {}
        self.now = 1_000_000.0
        self.lost = False

    @property
    def sources(self):
        return ListingSources(self.settings)

    def drop(self, name, *photos, manifest=None, content=JPEG):
        folder = self.inbox / name
        folder.mkdir(exist_ok=True)
        for number, photo in enumerate(photos):
            (folder / photo).parent.mkdir(parents=True, exist_ok=True)
            (folder / photo).write_bytes(content[:30] + bytes([number]) + photo.encode() + content[30:])
        if manifest is not None:
            (folder / "listing.yaml").write_text(manifest)
        return folder

    def tick(self, after_s=1.0, **options):
        self.now += after_s
        found = look_around(
            self.sources, self.memory, lambda listing: self.runs.get(listing, []), now=self.now, **options
        )
        if not self.lost:
            for each in found.arrivals:
                self.runs.setdefault(each.listing, []).insert(0, EarlierRun(key=each.key, content=each.content))
        return found

    def directed(self, after_s=1.0, **options):
        return [arrival.listing for arrival in self.tick(after_s, **options).arrivals]

    def state(self, name):
        return self.memory.folders[name].state

    def rejected(self):
        return {each.folder: each.reason for each in self.sources.rejections()}


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path)


def test_a_folder_arrives_when_nothing_in_it_has_changed_for_the_settle_time(watch):
    watch.drop("Villa Aurora", "a.jpg")
    assert watch.directed() == []
    assert watch.directed(after_s=15) == []
    watch.drop("Villa Aurora", "b.jpg")
    assert watch.directed(after_s=15) == []
    assert watch.directed(after_s=15) == []
    assert watch.directed(after_s=6) == ["villa-aurora"]
    assert watch.directed(after_s=60) == []


def test_a_listing_whose_manifest_names_every_photo_arrives_at_once(watch):
    watch.drop("villa", "a.jpg", "b.jpg", manifest="photos: [{file: a.jpg}, {file: b.jpg}]")
    assert watch.directed() == ["villa"]


def test_a_listing_waits_for_the_last_byte_of_the_last_photo_its_manifest_names(watch):
    watch.drop("villa", "a.jpg", manifest="photos: [{file: a.jpg}, {file: b.jpg}]")
    assert watch.directed() == []
    watch.drop("villa", "b.jpg", content=HALF_A_JPEG)
    assert watch.directed() == []
    assert watch.directed() == []
    watch.drop("villa", "b.jpg")
    assert watch.directed() == ["villa"]


def test_photos_beside_those_the_manifest_names_may_be_followed_by_more(watch):
    watch.drop("villa", "a.jpg", "z.jpg", manifest="photos: [{file: a.jpg, room: pool}]")
    assert watch.directed() == []
    assert watch.directed(after_s=SETTLED) == ["villa"]


def test_a_photo_that_is_given_by_reference_counts_as_there(watch):
    watch.drop("villa", manifest="photos: [{file: a.jpg, source_url: 'https://example.com/a.jpg'}]")
    assert watch.directed() == ["villa"]


def test_hidden_folders_folders_on_their_way_and_single_files_are_left_alone(watch):
    for name in (".villa", "villa.part", "villa.tmp"):
        watch.drop(name, "a.jpg")
    (watch.inbox / "a.jpg").write_bytes(JPEG)
    watch.tick()
    assert watch.directed(after_s=SETTLED) == []
    assert watch.memory.folders == {}
    (watch.inbox / "villa.part").rename(watch.inbox / "villa")
    watch.tick()
    assert watch.directed(after_s=SETTLED) == ["villa"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda watch: watch.drop("villa", "c.jpg"), id="a-photo-added"),
        pytest.param(lambda watch: (watch.inbox / "villa/b.jpg").unlink(), id="a-photo-taken-away"),
        pytest.param(lambda watch: watch.drop("villa", manifest="title: Aurora"), id="the-manifest-edited"),
        pytest.param(lambda watch: (watch.inbox / "villa/a.jpg").write_bytes(JPEG + b"x"), id="a-photo-replaced"),
    ],
)
def test_a_known_listing_that_changes_is_directed_again_once(watch, change):
    watch.drop("villa", "a.jpg", "b.jpg")
    watch.tick()
    assert watch.directed(after_s=SETTLED) == ["villa"]
    watch.tick()
    change(watch)
    assert watch.directed() == []
    assert watch.directed(after_s=SETTLED) == ["villa"]
    assert watch.directed(after_s=SETTLED) == []
    assert len({run.key for run in watch.runs["villa"]}) == 2


def test_the_same_photos_copied_once_more_direct_nothing(watch):
    folder = watch.drop("villa", "a.jpg", "b.jpg")
    watch.tick()
    watch.tick(after_s=SETTLED)
    shutil.copytree(folder, watch.inbox / "copy.part")
    shutil.rmtree(folder)
    (watch.inbox / "copy.part").rename(folder)
    os.utime(folder / "a.jpg", (5, 5))
    watch.tick()
    assert watch.directed(after_s=SETTLED) == []
    assert watch.state("villa") is State.CONFIRMED


def test_a_listing_changed_and_changed_back_is_directed_each_time(watch):
    watch.drop("villa", "a.jpg")
    watch.tick()
    watch.tick(after_s=SETTLED)
    for manifest in ("title: one", "title: two", "title: one", "title: two"):
        watch.drop("villa", manifest=manifest)
        watch.tick()
        assert watch.directed(after_s=SETTLED) == ["villa"]
    assert len({run.key for run in watch.runs["villa"]}) == 5


def test_nothing_is_directed_twice_when_the_memory_is_lost(watch):
    watch.drop("villa", "a.jpg")
    watch.drop("other", "a.jpg")
    watch.tick()
    assert sorted(watch.directed(after_s=SETTLED)) == ["other", "villa"]
    watch.memory = Memory()
    watch.tick()
    assert watch.directed(after_s=SETTLED) == []
    assert {each.state for each in watch.memory.folders.values()} == {State.CONFIRMED}


def test_a_request_whose_run_never_came_to_be_is_made_again_under_the_same_key(watch):
    watch.drop("villa", "a.jpg")
    watch.tick()
    watch.lost = True
    first = watch.tick(after_s=SETTLED).arrivals
    second = watch.tick().arrivals
    watch.lost = False
    third = watch.tick().arrivals
    assert first == second == third
    assert watch.directed() == []
    assert watch.state("villa") is State.CONFIRMED


@pytest.mark.parametrize(
    ("manifest", "photos", "name", "reason"),
    [
        pytest.param(
            "film: {musik: x}", ["a.jpg"], "bad", r"listing.yaml, line 1: film.musik: no such field", id="field"
        ),
        pytest.param("film: [", ["a.jpg"], "bad", r"line 1: not readable as YAML", id="yaml"),
        pytest.param("photos: [{file: b.jpg}]", ["a.jpg"], "bad", r"not in the folder: 'b.jpg'", id="missing-photo"),
        pytest.param("listing: BAD KEY", ["a.jpg"], "bad", r"cannot be a listing key", id="key"),
        pytest.param(None, [], "bad", r"bad holds no photos", id="empty"),
        pytest.param(None, ["notes.txt"], "bad", r"bad holds no photos", id="no-photo"),
        pytest.param(None, ["a.jpg"], "…", r"rename it", id="no-key-in-the-name"),
        pytest.param(None, ["a.jpg", "listing.yml"], "bad", r"rename it to listing.yaml", id="misnamed-manifest"),
    ],
)
def test_a_broken_listing_is_told_what_is_wrong_and_holds_nobody_up(watch, manifest, photos, name, reason):
    folder = watch.drop(name, *photos, manifest=manifest)
    watch.drop("villa", "a.jpg")
    watch.drop("0-first", "a.jpg")
    watch.tick()
    found = watch.tick(after_s=SETTLED)
    assert sorted(each.listing for each in found.arrivals) == ["0-first", "villa"]
    assert [each.folder for each in found.rejections] == [name]
    text = (folder / REJECTED_NAME).read_text()
    assert re.search(reason, text)
    assert re.search(reason, watch.rejected()[name])
    assert re.search(reason, describe(watch.memory, found, watch.sources))
    again = watch.tick(after_s=SETTLED)
    assert (again.rejections, again.opened) == ([], 0)


def a_folder_of_another_encoding(watch):
    (watch.inbox / os.fsdecode(b"villa-\xe9t\xe9")).mkdir()


def a_pipe_for_a_manifest(watch):
    os.mkfifo(watch.drop("a-bad", "a.jpg") / "listing.yaml")


def a_pipe_among_the_photos(watch):
    os.mkfifo(watch.drop("a-bad", "notes.txt") / "pipe")


@pytest.mark.usefixtures("hanging_fails")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(a_folder_of_another_encoding, r"villa-\ufffdt\ufffd holds no photos", id="a-latin-1-name"),
        pytest.param(a_pipe_for_a_manifest, "is no file", id="a-pipe-for-a-manifest"),
        pytest.param(a_pipe_among_the_photos, "a-bad holds no photos", id="a-pipe-among-the-photos"),
    ],
)
def test_a_folder_that_nobody_can_read_is_rejected_in_words_that_can_be_written(watch, make, reason):
    make(watch)
    watch.drop("z-villa", "a.jpg")
    watch.tick()
    found = watch.tick(after_s=SETTLED)
    assert [each.listing for each in found.arrivals] == ["z-villa"]
    assert [re.search(reason, each.reason) is not None for each in found.rejections] == [True]
    describe(watch.memory, found, watch.sources).encode()
    assert found.trouble == []


def test_trouble_that_nobody_thought_of_stays_the_folders_own(watch, monkeypatch, tmp_path):
    pictures = LocalInbox.pictures

    def stumble(self, folder):
        if folder.name == "a-bad":
            raise KeyError("odd")
        return pictures(self, folder)

    monkeypatch.setattr(LocalInbox, "pictures", stumble)
    watch.drop("a-bad", "a.jpg", manifest="photos: [{file: a.jpg}]")
    watch.drop("z-villa", "a.jpg", manifest="photos: [{file: a.jpg}]")
    with open_records(tmp_path) as instance:
        tick = tick_of(watch.sources, instance, None)
    assert [each.partition_key for each in tick.run_requests] == ["z-villa"]
    (told,) = watch.tick().trouble
    assert "a-bad: cannot be judged (KeyError: 'odd'); take it out of the inbox" in told


def test_a_rejected_listing_is_tried_again_once_it_changes_and_its_note_goes_away(watch):
    folder = watch.drop("villa", "a.jpg", manifest="film: {musik: x}")
    watch.tick()
    watch.tick(after_s=SETTLED)
    assert list(watch.rejected()) == ["villa"]
    watch.drop("villa", manifest="title: Villa")
    assert watch.directed() == []
    assert watch.directed(after_s=SETTLED) == ["villa"]
    assert watch.rejected() == {}
    assert not (folder / REJECTED_NAME).exists()
    watch.tick()
    assert watch.directed(after_s=SETTLED) == []


@pytest.mark.parametrize("name", [REJECTED_NAME, f".{REJECTED_NAME}"])
def test_a_link_in_the_place_of_the_note_is_not_followed(watch, tmp_path, name):
    elsewhere = tmp_path / "elsewhere.conf"
    elsewhere.write_text("precious")
    folder = watch.drop("villa", "a.jpg", manifest="film: {musik: x}")
    (folder / name).symlink_to(elsewhere)
    watch.tick()
    watch.tick(after_s=SETTLED)
    assert elsewhere.read_text() == "precious"
    assert not (folder / REJECTED_NAME).is_symlink()
    assert "film.musik" in (folder / REJECTED_NAME).read_text()
    assert {each.name for each in folder.iterdir()} == {"a.jpg", "listing.yaml", REJECTED_NAME, name}


def test_a_note_that_cannot_be_put_in_its_place_leaves_nothing_behind(watch):
    folder = watch.drop("villa", "a.jpg", manifest="film: {musik: x}")
    (folder / REJECTED_NAME).mkdir()
    watch.tick()
    assert "REJECTED.txt cannot be written" in watch.tick(after_s=SETTLED).trouble[0]
    assert {each.name for each in folder.iterdir()} == {"a.jpg", "listing.yaml", REJECTED_NAME}


def test_another_reason_replaces_the_first(watch):
    folder = watch.drop("villa", "a.jpg", manifest="film: {musik: x}")
    watch.tick()
    watch.tick(after_s=SETTLED)
    watch.drop("villa", manifest="brand: {colour: x}")
    watch.tick()
    watch.tick(after_s=SETTLED)
    assert "brand.colour" in watch.rejected()["villa"]
    assert "brand.colour" in (folder / REJECTED_NAME).read_text()


def test_a_half_written_manifest_is_not_rejected_before_the_folder_settles(watch):
    watch.drop("villa", "a.jpg", manifest="photos: [{file: a.j")
    assert watch.tick().rejections == []
    watch.drop("villa", manifest="photos: [{file: a.jpg}]")
    assert watch.directed() == ["villa"]


def test_of_two_folders_with_one_key_the_second_is_rejected_until_the_first_goes(watch):
    first = watch.drop("Villa Aurora", "a.jpg")
    watch.drop("villa-aurora", "b.jpg")
    watch.tick()
    found = watch.tick(after_s=SETTLED)
    assert [each.folder for each in found.arrivals] == ["Villa Aurora"]
    assert "already belongs to" in watch.rejected()["villa-aurora"]
    assert str(first) in watch.rejected()["villa-aurora"]
    assert watch.tick(after_s=SETTLED).rejections == []
    shutil.rmtree(first)
    watch.tick()
    assert watch.directed(after_s=31) == ["villa-aurora"]
    assert watch.rejected() == {}


def test_a_key_that_belongs_to_a_folder_rendered_elsewhere_is_not_taken(watch, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    watch.sources.register("villa", elsewhere)
    watch.drop("villa", "a.jpg")
    watch.tick()
    assert watch.directed(after_s=SETTLED) == []
    assert f"'villa' already belongs to {elsewhere}" in watch.rejected()["villa"]


def test_a_copy_of_a_folder_rendered_elsewhere_is_the_same_listing(watch, tmp_path):
    elsewhere = shutil.copytree(watch.drop("villa", "a.jpg", manifest=""), tmp_path / "elsewhere")
    watch.sources.register("villa", elsewhere)
    watch.tick()
    assert watch.directed(after_s=SETTLED) == ["villa"]
    watch.sources.register("villa", elsewhere)
    assert watch.sources.folder("villa") == watch.inbox / "villa"
    (elsewhere / "b.jpg").write_bytes(JPEG)
    with pytest.raises(InputError, match="already belongs to"):
        watch.sources.register("villa", elsewhere)


def test_a_folder_of_listings_does_not_become_one_film_of_several_homes(watch):
    for home in ("march/east", "march/west"):
        (watch.inbox / home).mkdir(parents=True)
        watch.drop(home, "a.jpg", manifest="title: a home")
    watch.drop("april", "own.jpg", "interior/b.jpg", "archive/listing.yaml")
    watch.tick()
    assert watch.directed(after_s=SETTLED) == ["april"]
    assert "(east, west); put each of them into the inbox by itself" in watch.rejected()["march"]


def test_of_two_copies_in_the_inbox_one_is_a_listing(watch):
    shutil.copytree(watch.drop("villa", "a.jpg", manifest="listing: villa"), watch.inbox / "villa2")
    watch.tick()
    assert watch.directed(after_s=SETTLED) == ["villa"]
    assert "already belongs to" in watch.rejected()["villa2"]


def test_a_folder_that_takes_another_key_gives_its_old_one_back(watch):
    watch.drop("villa", "a.jpg", manifest="listing: one\nphotos: [{file: a.jpg}]")
    assert watch.directed() == ["one"]
    watch.drop("villa", manifest="listing: two\nphotos: [{file: a.jpg}]")
    assert watch.directed() == ["two"]
    watch.drop("later", "b.jpg", manifest="listing: one\nphotos: [{file: b.jpg}]")
    assert watch.directed() == ["one"]


def test_a_listing_is_found_under_the_key_its_manifest_gives(watch):
    folder = watch.drop("drop-17", "a.jpg", manifest="listing: villa\nphotos: [{file: a.jpg}]")
    assert watch.sources.folder("villa") == folder
    assert watch.directed() == ["villa"]
    assert watch.sources.folder("villa") == folder


def test_a_folder_taken_out_of_the_inbox_is_forgotten(watch):
    folder = watch.drop("villa", manifest="film: [")
    watch.tick()
    watch.tick(after_s=SETTLED)
    shutil.rmtree(folder)
    watch.tick()
    assert (watch.memory.folders, watch.rejected()) == ({}, {})


def test_an_inbox_that_may_only_be_read_still_rejects(watch, monkeypatch):
    def refuse(self, name, text):
        raise arrivals.StorageError(f"{name}/REJECTED.txt cannot be written: Read-only file system")

    monkeypatch.setattr(LocalInbox, "say_rejected", refuse)
    watch.drop("villa", manifest="film: [")
    watch.drop("other", "a.jpg")
    watch.tick()
    found = watch.tick(after_s=SETTLED)
    assert [each.listing for each in found.arrivals] == ["other"]
    assert "Read-only" in describe(watch.memory, found, watch.sources)
    assert list(watch.rejected()) == ["villa"]


@pytest.fixture
def work_done(monkeypatch):
    """Counts what a tick does to the disk."""
    counts = {"scans": 0, "opened": 0, "manifests": 0}
    scandir, sample, manifest = os.scandir, file_samples.sample, listing_folder._read_manifest

    def counting(name, function):
        def count(*arguments):
            counts[name] += 1
            return function(*arguments)

        return count

    monkeypatch.setattr("os.scandir", counting("scans", scandir))
    monkeypatch.setattr("luxvid_pipeline.resources.inbox.sample", counting("opened", sample))
    monkeypatch.setattr(listing_folder, "_read_manifest", counting("manifests", manifest))
    return counts


def test_a_thousand_unchanged_folders_cost_a_scan_each_and_nothing_is_opened(tmp_path, work_done):
    watch = Watch(tmp_path)
    for number in range(1000):
        watch.drop(f"villa-{number:04}", "a.jpg")
    watch.tick()
    bounds = Bounds(judged=10_000, requests=10_000, seconds=60)
    assert len(watch.directed(after_s=SETTLED, bounds=bounds)) == 1000
    watch.tick(bounds=bounds)
    work_done.update(scans=0, opened=0, manifests=0)
    found = watch.tick(bounds=bounds)
    assert (found.opened, found.arrivals) == (0, [])
    assert work_done == {"scans": 1001, "opened": 0, "manifests": 0}


def test_a_thousand_new_folders_are_taken_a_few_a_tick_and_none_starves(tmp_path, work_done):
    watch = Watch(tmp_path)
    for number in range(300):
        watch.drop(f"villa-{number:04}", "a.jpg")
    watch.tick()
    watch.now += SETTLED
    directed = []
    for _ in range(300 // Bounds().requests + 1):
        work_done.update(opened=0)
        directed += watch.directed()
        assert work_done["opened"] <= 40
    assert len(directed) == len(set(directed)) == 300


def test_a_tick_out_of_time_goes_on_where_it_stopped(watch):
    for name in "abcdef":
        watch.drop(name, "a.jpg", manifest="photos: [{file: a.jpg}]")
    seconds = iter(range(1000))
    stops_after_two = {"bounds": Bounds(seconds=1.5), "clock": lambda: next(seconds)}
    assert [watch.directed(**stops_after_two) for _ in range(3)] == [["a", "b"], ["c", "d"], ["e", "f"]]
    shutil.rmtree(watch.inbox / "a")
    watch.tick(**stops_after_two)
    assert sorted(watch.memory.folders) == list("bcdef")


def test_new_folders_are_found_behind_hundreds_that_wait(watch):
    for number in range(60):
        watch.drop(f"a-{number:02}", manifest="photos: [{file: missing.jpg}]")
    watch.drop("z", "a.jpg", manifest="photos: [{file: a.jpg}]")
    assert watch.directed() + watch.directed() == ["z"]


def test_the_memory_survives_a_restart_and_is_dropped_when_the_cursor_is_reset(tmp_path, watch):
    watch.drop("villa\udcff", "a.jpg")
    watch.drop("bad", manifest="film: [")
    watch.tick()
    watch.tick(after_s=SETTLED)
    file = tmp_path / "arrivals.json"
    watch.memory.save(file)
    kept = Memory.load(file, watch.memory.name)
    assert kept.folders == watch.memory.folders
    assert Memory.load(file, None).folders == {}
    assert Memory.load(file, "another").folders == {}
    file.write_text(file.read_text()[:-20])
    assert Memory.load(file, watch.memory.name).folders == {}


def tick_of(sources, instance, cursor):
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources={"listing_sources": sources})
    with context:
        return new_listings_sensor(context)


def test_the_sensor_adds_the_partition_and_requests_a_run_that_says_what_it_is_for(watch, tmp_path):
    watch.drop("villa", "a.jpg", manifest="photos: [{file: a.jpg}]\ngeneration: {priority: urgent}")
    watch.drop("bad", manifest="film: [")
    with open_records(tmp_path) as instance:
        first = tick_of(watch.sources, instance, None)
        (request,) = first.run_requests
        assert request.partition_key == "villa"
        assert request.run_key.startswith("direct|villa|")
        assert request.tags["luxvid/listing"] == "villa"
        assert request.run_key.endswith(request.tags["luxvid/fingerprint"])
        assert request.tags["dagster/priority"] == "100"
        assert [each.partition_keys for each in first.dynamic_partitions_requests] == [["villa"]]
        tags = {**request.tags, "dagster/run_key": request.run_key}
        instance.add_run(dg.DagsterRun(job_name="direct_listing_job", tags=tags))
        assert history_of(instance)("villa") == [
            EarlierRun(key=request.run_key, content=request.tags["luxvid/fingerprint"])
        ]
        second = tick_of(watch.sources, instance, first.cursor)
        assert not second.run_requests
        assert "1 listing directed, 1 still arriving" in second.skip_reason.skip_message
        assert second.cursor == first.cursor
        assert len(second.cursor) < 40
        after_a_reset = tick_of(watch.sources, instance, None)
        assert not after_a_reset.run_requests


def test_an_inbox_that_is_not_there_is_one_line_and_forgets_nothing(tmp_path):
    watch = Watch(tmp_path, inbox=str(tmp_path / "disk"))
    watch.inbox.rename(tmp_path / "disk")
    watch.inbox = tmp_path / "disk"
    watch.drop("villa", "a.jpg", manifest="photos: [{file: a.jpg}]")
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = tick_of(watch.sources, instance, None).cursor
        watch.inbox.rename(tmp_path / "unmounted")
        tick = tick_of(watch.sources, instance, cursor)
    assert isinstance(tick, dg.SkipReason)
    assert "the inbox is not there; make this folder" in tick.skip_message
    assert not watch.inbox.exists()
    assert list(json.loads((tmp_path / "arrivals.json").read_text())["folders"]) == ["villa"]


def test_the_usual_inbox_is_made_at_the_first_tick(tmp_path):
    sources = ListingSources(Settings.from_environment({"LUXVID_HOME": str(tmp_path / "home")}))
    with dg.DagsterInstance.ephemeral() as instance:
        tick = tick_of(sources, instance, None)
    assert "0 listings directed" in tick.skip_reason.skip_message
    assert (tmp_path / "home" / "inbox").is_dir()
