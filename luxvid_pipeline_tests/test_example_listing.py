"""The example listing is what its papers say; every demo and several benchmarks are made of it."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from luxvid_pipeline.domain.file_names import read_file_name
from luxvid_pipeline.domain.photos import Verdict
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.media.listing_folder import read_listing_folder
from luxvid_pipeline.media.photos import read_photos

EXAMPLE = Path(__file__).parents[1] / "examples" / "listings" / "villa-aurora"
TRUTH = EXAMPLE / "truth"
SCENES = sorted(file.stem for file in TRUTH.glob("*.json"))
FLAWS = {
    "DSC_0421.jpg": "it is nearly the same picture as living-room-1.jpg, which is the better one",
    "DSC_0429.jpg": "it is almost black",
    "DSC_0434.jpg": "it is blurred: nothing in it is in focus",
    "floor-plan.jpg": "it is a floor plan or a drawing, not a photograph",
}


@pytest.fixture(scope="module")
def labels():
    with (EXAMPLE / "LABELS.csv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = read_listing_folder(EXAMPLE)
    return {
        record.file: record
        for record in read_photos(folder, tmp_path_factory.mktemp("media"), "villa-aurora", workers=2)
    }


def test_it_is_the_mix_of_a_real_listing(labels):
    photographs = [row for file, row in labels.items() if file != "floor-plan.jpg"]
    assert 30 <= len(photographs) <= 40
    portrait = [row for row in photographs if int(row["height"]) > int(row["width"])]
    assert len(portrait) >= 2
    shown = {Room(row["room"]) for row in labels.values()}
    assert shown >= set(Room) - {Room.UNKNOWN, Room.GARDEN, Room.DETAIL}


def test_every_picture_has_its_label_and_its_full_size(labels):
    assert set(labels) == {file.name for file in EXAMPLE.glob("*.jpg")}
    for name, row in labels.items():
        with Image.open(EXAMPLE / name) as picture:
            assert sorted(picture.size) == [1600, 2400], name
            assert picture.size == (int(row["width"]), int(row["height"])), name


def test_its_flaws_are_refused_each_for_what_it_is_and_nothing_else(labels, records):
    refused = {file: record.reason for file, record in records.items() if record.verdict is Verdict.REFUSED}
    assert refused == FLAWS
    assert {file for file, row in labels.items() if row["usable"] == "no"} == set(FLAWS)


def test_one_file_name_lies_about_its_room(labels):
    said = {file: read_file_name(file).room for file in labels}
    lies = {file for file, room in said.items() if room not in (Room.UNKNOWN, Room(labels[file]["room"]))}
    assert "guest-bedroom.jpg" in lies
    assert said["guest-bedroom.jpg"] is Room.BEDROOM


def test_it_is_small_enough_to_come_with_the_code():
    assert sum(file.stat().st_size for file in EXAMPLE.rglob("*") if file.is_file()) <= 30_000_000
    assert sum(file.stat().st_size for file in TRUTH.iterdir()) <= 6_000_000


def test_all_seven_scenes_have_truth():
    assert [scene[0] for scene in SCENES] == list("1234567")


@pytest.mark.parametrize("scene", SCENES)
def test_the_truth_of_a_scene_is_a_path_between_two_photos_of_one_room(labels, scene):
    told = json.loads((TRUTH / f"{scene}.json").read_text())
    first, last = told["first_photo"], told["last_photo"]
    assert labels[first]["room"] == labels[last]["room"]
    instants = told["instants"]
    assert [each["t"] for each in instants] == pytest.approx([k / 7 for k in range(8)], abs=1e-5)
    steps = [
        [b - a for a, b in zip(one["position_m"], other["position_m"], strict=True)]
        for one, other in pairwise(instants)
    ]
    assert all(step == pytest.approx(steps[0], abs=2e-4) for step in steps)
    for each in instants:
        with Image.open(TRUTH / each["frame"]) as frame:
            assert list(frame.size) == told["frame_size_px"] == [640, 360]
