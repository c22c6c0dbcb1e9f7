"""When a folder has arrived: the rules, without a disk."""

import pytest

from luxvid_pipeline.domain.arrivals import (
    TRY_AGAIN_S,
    FolderMemory,
    SeenFile,
    SeenFolder,
    State,
    Step,
    Wholeness,
    content_hash,
    is_complete,
    is_ignored,
    is_inside,
    looked_at,
    missing_photos,
    next_step,
    rejection_text,
    run_key,
    to_fetch,
)
from luxvid_pipeline.domain.listing import parse_manifest

WHOLE, UNFINISHED, UNKNOWN = Wholeness.WHOLE, Wholeness.UNFINISHED, Wholeness.UNKNOWN
SETTLE_S = 20.0


def folder(*names, manifest=False, stamp="1", size=10):
    files = [SeenFile(name, size, stamp) for name in names]
    return SeenFolder("villa", tuple(files + [SeenFile("listing.yaml", 5, stamp)] * manifest))


def remembered(seen, since=0.0, **changes):
    return FolderMemory(look=seen.look, since=since, **changes)


@pytest.mark.parametrize("name", [".villa", "villa.part", "Villa.TMP", ".DS_Store"])
def test_hidden_folders_and_folders_on_their_way_are_nobodys_listing(name):
    assert is_ignored(name)
    assert not is_ignored("villa.partial view")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(folder("a.jpg", "b.jpg"), id="a-photo-more"),
        pytest.param(folder("a.jpg", stamp="2"), id="another-time"),
        pytest.param(folder("a.jpg", size=11), id="it-grows"),
        pytest.param(folder("b.jpg"), id="another-name"),
        pytest.param(SeenFolder("villa", trouble="no permission"), id="unreadable"),
    ],
)
def test_any_change_starts_the_wait_anew_whatever_was_decided(change):
    for state in State:
        memory = looked_at(remembered(folder("a.jpg"), state=state, key="villa", blocked=True), change, 100.0)
        assert (memory.state, memory.since, memory.key, memory.blocked) == (State.ARRIVING, 100.0, "villa", False)


def test_a_folder_that_looks_the_same_is_remembered_as_it_was():
    memory = remembered(folder("a.jpg"), since=5.0, state=State.CONFIRMED)
    assert looked_at(memory, folder("a.jpg"), 100.0) is memory


def test_a_clock_that_is_set_back_never_makes_a_folder_wait_longer_than_the_settle_time():
    memory = looked_at(remembered(folder("a.jpg"), since=1000.0), folder("a.jpg"), 10.0)
    assert next_step(memory, folder("a.jpg"), 10.0 + SETTLE_S, SETTLE_S) is Step.JUDGE


@pytest.mark.parametrize(
    ("state", "manifest", "unchanged_s", "step"),
    [
        (State.ARRIVING, False, 19.0, Step.WAIT),
        (State.ARRIVING, False, 20.0, Step.JUDGE),
        (State.ARRIVING, True, 0.0, Step.JUDGE),
        (State.INCOMPLETE, True, 19.0, Step.WAIT),
        (State.INCOMPLETE, True, 20.0, Step.JUDGE),
        (State.REQUESTED, True, 0.0, Step.CONFIRM),
        (State.CONFIRMED, True, 9e9, Step.NOTHING),
        (State.REJECTED, True, 9e9, Step.NOTHING),
    ],
)
def test_what_is_done_with_an_unchanged_folder(state, manifest, unchanged_s, step):
    seen = folder("a.jpg", manifest=manifest)
    assert next_step(remembered(seen, state=state), seen, unchanged_s, SETTLE_S) is step


def test_a_folder_that_waits_for_anothers_key_is_judged_again_now_and_then():
    seen = folder("a.jpg")
    memory = remembered(seen, state=State.REJECTED, blocked=True)
    assert next_step(memory, seen, TRY_AGAIN_S - 1, SETTLE_S) is Step.NOTHING
    assert next_step(memory, seen, TRY_AGAIN_S, SETTLE_S) is Step.JUDGE


@pytest.mark.parametrize(
    ("manifest", "names", "whole", "steady", "complete"),
    [
        pytest.param("photos: [{file: a.jpg}]", ["a.jpg"], {"a.jpg": WHOLE}, False, True, id="all-there"),
        pytest.param("photos: [{file: A.JPG}]", ["a.jpg"], {"a.jpg": WHOLE}, False, True, id="another-case"),
        pytest.param("photos: [{file: a.jpg}]", [], {}, True, False, id="one-missing"),
        pytest.param("photos: [{file: a.jpg}]", ["a.jpg"], {"a.jpg": UNFINISHED}, True, False, id="half-copied"),
        pytest.param("photos: [{file: a.tif}]", ["a.tif"], {"a.tif": UNKNOWN}, False, None, id="nobody-can-tell-yet"),
        pytest.param("photos: [{file: a.tif}]", ["a.tif"], {"a.tif": UNKNOWN}, True, True, id="it-does-not-grow"),
        pytest.param("title: Villa", ["a.jpg"], {}, True, False, id="names-no-photo"),
        pytest.param("photos: [{file: a.jpg}]", ["a.jpg", "b.jpg"], {"a.jpg": WHOLE}, True, False, id="more-may-come"),
        pytest.param("photos: [{file: a.jpg, source_url: 'https://x/a'}]", [], {}, False, True, id="by-reference"),
    ],
)
def test_a_listing_is_complete_when_its_manifest_says_so(manifest, names, whole, steady, complete):
    seen = folder(*names, manifest=True)
    assert is_complete(parse_manifest(manifest), seen, whole, names, steady=steady) is complete


def test_an_empty_photo_is_still_on_its_way():
    seen = folder("a.jpg", manifest=True, size=0)
    manifest = parse_manifest("photos: [{file: a.jpg}]")
    assert is_complete(manifest, seen, {"a.jpg": WHOLE}, ["a.jpg"], steady=True) is False


def test_a_photo_by_reference_is_fetched_unless_its_file_is_there_and_is_never_missing():
    manifest = parse_manifest("photos: [{file: a.jpg, source_url: 'https://x/a'}, {file: b.jpg}]")
    assert [entry.file for entry in to_fetch(manifest, ["c.jpg"])] == ["a.jpg"]
    assert to_fetch(manifest, ["A.JPG"]) == ()
    assert missing_photos(manifest, []) == ("b.jpg",)


def test_the_content_does_not_depend_on_the_order_of_the_files_and_on_nothing_but_them():
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    assert len({content_hash({"a": "1"}), content_hash({"a": "2"}), content_hash({"b": "1"}), content_hash({})}) == 4


def test_a_listing_that_is_changed_back_gets_a_run_key_of_its_own():
    first = run_key("villa", "abc")
    assert first == "direct|villa|abc"
    assert run_key("villa", "abc", [first]) == "direct|villa|abc|2"
    assert run_key("villa", "abc", [first, "direct|villa|abc|2"]) == "direct|villa|abc|3"


def test_the_text_of_a_rejection_says_what_is_wrong_and_what_to_do():
    text = rejection_text("listing.yaml, line 3: film.musik: no such field")
    assert "line 3" in text
    assert "looked at again as soon as anything in it changes" in text


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", "a\\b", "./a", "a\0"])
def test_object_keys_that_would_lead_out_of_a_folder_are_not_followed(name):
    assert not is_inside(name)
    assert is_inside("a/b.jpg")
