"""A person's notes make the next storyboard and pairs, and change nothing that they are not about."""

import shutil

import pytest

from luxvid_pipeline.assets.notes import notes_of, take_note
from luxvid_pipeline.domain.approvals import ApprovalState
from luxvid_pipeline.domain.errors import DamagedMediaError, InputError
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.tables import from_table
from luxvid_pipeline.io_managers.values import DocumentIOManager, TableIOManager
from luxvid_pipeline.providers.local.selector import LocalSelector
from luxvid_pipeline.providers.local.tagger import LocalTagger
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.resources.approvals import opened_approvals
from luxvid_pipeline_tests.conftest import open_studio
from luxvid_pipeline_tests.studio import draw_photos

pytestmark = pytest.mark.usefixtures("quick_pictures", "quick_ledger")

ROOMS = ("pool", "bedroom", "living", "terrace", "kitchen", "dining", "aerial")
KITCHEN, DINING = "IMG_0004.jpg", "IMG_0005.jpg"


def open_house(base, ready_clip):
    """A studio whose direction is local and real; clips and score are fakes."""
    studio = open_studio(base, ready_clip)
    studio.overrides |= {
        "photo_tagger": LocalTagger(),
        "storyboard_writer": LocalWriter(),
        "pair_selector": LocalSelector(),
    }
    return studio


@pytest.fixture(scope="session")
def house_home(tmp_path_factory, ready_clip):
    folder = draw_photos(tmp_path_factory.mktemp("rooms") / "house", len(ROOMS))
    photos = "".join(f"  - {{file: IMG_{at:04}.jpg, room: {room}}}\n" for at, room in enumerate(ROOMS))
    (folder / "listing.yaml").write_text(f"film: {{clip_seconds: 2}}\nphotos:\n{photos}")
    base = tmp_path_factory.mktemp("house") / "studio"
    studio = open_house(base, ready_clip)
    with studio.instance:
        studio.add(folder)
        studio.direct()
    return base


@pytest.fixture
def house(tmp_path, house_home, ready_clip):
    shutil.copytree(house_home, tmp_path / "studio")
    studio = open_house(tmp_path / "studio", ready_clip)
    with studio.instance:
        yield studio


def board_of(studio):
    return DocumentIOManager(studio.store).load_partition("storyboard", studio.listing, missing_ok=False)


def pairs_of(studio):
    table = TableIOManager(studio.store).load_partition("scene_pairs", studio.listing, missing_ok=False)
    return {row.scene: row for row in from_table(table, ScenePair)}


def say(studio, text, scene="", by="ana"):
    with opened_approvals(studio.settings) as approvals:
        return take_note(approvals, studio.listing, text, scene=scene, by=by)


def files_of(studio, scene):
    names = {photo: f"IMG_{at:04}.jpg" for at, photo in enumerate(_ids(studio))}
    return [names[photo] for photo in pairs_of(studio)[scene].photos]


def _ids(studio):
    table = TableIOManager(studio.store).load_partition("listing_photos", studio.listing, missing_ok=False)
    return table.sort("file")["photo_id"].to_list()


def test_only_what_a_note_touches_changes_and_only_that_scene_is_shot_again(house):
    house.shoot()
    camera = house.overrides["clip_generator"]
    camera.shot.clear()
    shots, pairs = {shot.scene: shot for shot in board_of(house).shots}, pairs_of(house)
    assert KITCHEN not in files_of(house, "6-lifestyle")

    say(house, "show the kitchen, not the terrace; and warmer light", "6")
    house.run("revise_listing_job")
    board = board_of(house)
    assert board.version == 2
    assert files_of(house, "6-lifestyle") == [KITCHEN]
    assert {shot.scene: shot for shot in board.shots if shot.scene != "6-lifestyle"} == {
        key: shot for key, shot in shots.items() if key != "6-lifestyle"
    }
    kept = {key: row for key, row in pairs_of(house).items() if key != "6-lifestyle"}
    assert {key: row.photos for key, row in kept.items()} == {key: pairs[key].photos for key in kept}
    told = house.latest("storyboard")
    assert (told["version"], told["note_not_done"]) == (2, ["not understood: “warmer light”"])
    assert "warmer light" in told["preview"]
    assert house.latest("scene_pairs")["scenes_kept"] == sorted(key for key, row in kept.items() if not row.left_out)

    house.shoot()
    assert dict(camera.shot) == {"6-lifestyle": 1}

    # What follows heeds the note again and again: run anew, nothing changes; another note comes on top of it.
    house.direct()
    assert board_of(house) == board
    say(house, "use IMG_5", "6-lifestyle", by="ben")
    house.run("revise_listing_job")
    assert files_of(house, "6-lifestyle") == [DINING]
    assert [(taken.note.by, bool(taken.done)) for taken in board_of(house).notes] == [("ana", True), ("ben", True)]
    assert {key: row.photos for key, row in pairs_of(house).items() if key in kept} == {
        key: row.photos for key, row in kept.items()
    }


def test_notes_survive_new_photos_and_another_draft(house, tmp_path):
    say(house, "show the kitchen", "6")
    house.run("revise_listing_job")
    folder = tmp_path / "more"
    draw_photos(folder, 8)
    photos = "".join(f"  - {{file: IMG_{at:04}.jpg, room: {room}}}\n" for at, room in enumerate([*ROOMS, "living"]))
    (folder / "listing.yaml").write_text(f"title: Casa Nova\nfilm: {{clip_seconds: 2}}\nphotos:\n{photos}")
    shutil.rmtree(house.home / "listings")
    house.add(folder)
    house.direct()
    board = board_of(house)
    assert board.title == "Casa Nova"
    assert board.version == 4, "a new draft is the third version, with the note it is the fourth"
    assert files_of(house, "6-lifestyle") == [KITCHEN]


def test_a_note_that_changes_nothing_asks_for_no_other_photos(house):
    before = board_of(house), pairs_of(house)
    say(house, "make it sing")
    house.run("revise_listing_job")
    after = board_of(house)
    assert after.model_copy(update={"notes": ()}) == before[0]
    assert after.notes[0].not_done == ("not understood: “make it sing”",)
    assert pairs_of(house) == before[1]


def test_notes_are_only_added_to_and_a_damaged_one_is_named(house):
    first = say(house, "no people")
    second = say(house, "no cars", "1")
    assert notes_of(house.store, "villa-test") == [first, second]
    assert (second.scene, second.seen) == ("1-arrival", pairs_of(house)["1-arrival"].photos)
    house.store.workshop(f"storyboard/villa-test/notes/{first.key}.json").write_text("{}")
    with pytest.raises(DamagedMediaError, match=f"{first.key}.json: this note is damaged; restore the file, or remove"):
        notes_of(house.store, "villa-test")


@pytest.mark.parametrize(
    ("text", "scene", "by", "words"),
    [("", "1", "ana", "feedback is empty"), ("no", "9", "ana", "no scene '9'"), ("no", "", " ", "nobody's name")],
)
def test_a_note_that_cannot_be_one_is_not_kept(house, text, scene, by, words):
    with pytest.raises(InputError, match=words):
        say(house, text, scene, by)
    assert notes_of(house.store, "villa-test") == []


# From Dagster's UI


def decide_in_ui(studio, **config):
    job = studio.defs().resolve_job_def("approve_listing_job")
    run_config = {
        "ops": {"decide_on_listing": {"config": {"listing": studio.listing, **config}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return job.execute_in_process(instance=studio.instance, run_config=run_config, raise_on_error=True)


def test_all_of_it_works_from_the_ui(house):
    house.environment = {"LUXVID_APPROVAL": "required"}

    def state():
        with opened_approvals(house.settings) as approvals:
            return approvals.state("villa-test")

    decide_in_ui(house, decision="reject", because="no kitchen", by="ben")
    assert state() is ApprovalState.REJECTED
    made = decide_in_ui(house, decision="direct", scene="6", note="show the kitchen", by="ben")
    assert state() is ApprovalState.MISSING
    assert files_of(house, "6-lifestyle") == [KITCHEN]
    assert (house.latest("storyboard")["version"], house.latest("scene_pairs")["scenes_shot"]) == (2, 5)
    assert house.latest("animatic")["storyboard"] == 2
    assert house.store.find("animatic/villa-test/animatic.mp4").sha256 == house.latest("animatic")["sha256"]
    assert house.instance.get_run_by_id(made.run_id).tags["luxvid/listing"] == "villa-test"
    with pytest.raises(InputError, match="not 0123456789ab; look at it"):
        decide_in_ui(house, decision="approve", plan="0123456789ab", by="ana")
    assert state() is ApprovalState.MISSING
    decide_in_ui(house, decision="approve", plan=house.latest("animatic")["plan"], by="ana")
    assert state() is ApprovalState.APPROVED
    house.direct()
    house.shoot()
    assert len(house.materialized("scene_clips")) == 5
    decide_in_ui(house, decision="direct", scene="6", note="at dusk", by="ben")
    assert house.unsynced("scene_clips") == {}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"decision": "reject", "by": "ana"}, "a rejection needs its reason"),
        ({"decision": "approve", "by": ""}, "set 'by'"),
        ({"decision": "direct", "by": "ana"}, "the feedback is empty"),
    ],
)
def test_half_a_decision_is_refused(house, config, words):
    with pytest.raises(InputError, match=words):
        decide_in_ui(house, **config)


@pytest.mark.parametrize(
    ("asset", "name"),
    [
        ("listing_photos", TableIOManager.file_name),
        ("scene_pairs", TableIOManager.file_name),
        ("storyboard", DocumentIOManager.file_name),
    ],
)
@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_damaged_value_is_made_anew_by_the_asset_that_makes_it(directed, asset, name, how):
    file = directed.home / "media" / asset / "villa-test" / name
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"x")
    directed.direct()
    assert directed.store.is_whole(f"{asset}/villa-test/{name}")
