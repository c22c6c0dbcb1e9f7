"""A scene's words are about the photos that play it, whatever the storyboard expected."""

import pytest

from luxvid_pipeline.domain.approvals import plan_digest
from luxvid_pipeline.domain.listing import parse_manifest
from luxvid_pipeline.domain.pairing import choose_pairs
from luxvid_pipeline.domain.pairs import ScenePair
from luxvid_pipeline.domain.rooms import Room
from luxvid_pipeline.domain.scenes import SCENE_KEYS
from luxvid_pipeline.domain.shot_words import worded
from luxvid_pipeline.domain.subjects import subject_of
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline_tests.imagined import a_whole_home, overlap, photo

MANIFEST = parse_manifest("title: Villa Aurora\nbrief: {key_messages: [ocean on three sides]}\n")
ENGINES = {"clips": ["google/veo-3.1-fast"], "score": ["local"]}


@pytest.fixture
def home():
    """A home whose farewell is expected from the air, and whose two dusk views of the back overlap."""
    dusk = {"features": ("dusk", "exterior"), "exposure": 0.3}
    return [
        *a_whole_home(),
        photo("aerial", Room.AERIAL, features=("sky", "water")),
        photo("back-1", Room.EXTERIOR_BACK, **dusk),
        photo("back-2", Room.EXTERIOR_BACK, **dusk),
    ]


@pytest.fixture
def board(home):
    return LocalWriter().write("villa", MANIFEST, home).storyboard


def chosen(home):
    return choose_pairs(SCENE_KEYS, home, {("back-1", "back-2"): overlap(zoom=0.8)})


def words(board, pairs):
    return {shot.scene: (shot.subject, shot.prompt) for shot in board.for_pairs(pairs).shots}


def test_a_scene_is_told_by_the_photo_it_begins_on(home, board):
    pairs = worded(chosen(home), board, home, MANIFEST)
    farewell = pairs[-1]
    assert {*farewell.photos} == {"back-1", "back-2"}
    assert words(board, [])["7-farewell"][0] == "the property from the air"
    subject, prompt = words(board, pairs)["7-farewell"]
    assert subject == "the back of the house at dusk"
    assert subject in prompt
    assert "ocean on three sides" in prompt
    assert "air" not in prompt
    by_id = {each.photo_id: each for each in home}
    assert {pair.scene: subject_of(by_id[pair.first_photo]) for pair in pairs} == {
        scene: subject for scene, (subject, _) in words(board, pairs).items()
    }


def test_where_the_words_fit_the_storyboard_keeps_them(home, board):
    pairs = worded(chosen(home), board, home, MANIFEST)
    assert [pair.scene for pair in pairs if pair.prompt] == ["7-farewell"]
    assert {scene: told for scene, told in words(board, pairs).items() if scene != "7-farewell"} == {
        scene: told for scene, told in words(board, []).items() if scene != "7-farewell"
    }
    # Chosen again as the storyboard expected, nothing of it is left.
    again = worded(
        [*pairs[:-1], ScenePair(scene="7-farewell", first_photo="aerial", prompt="x")], board, home, MANIFEST
    )
    assert not any(pair.prompt or pair.subject for pair in again)


def test_what_a_model_wrote_stays_as_it_is(home, board):
    written = board.model_copy(
        update={"shots": tuple(shot.model_copy(update={"written_by": "grok"}) for shot in board.shots)}
    )
    assert not any(pair.prompt for pair in worded(chosen(home), written, home, MANIFEST))


def test_the_plan_that_is_approved_is_the_one_with_these_words(home, board):
    bare = chosen(home)
    assert plan_digest(board, bare, ENGINES) != plan_digest(board, worded(bare, board, home, MANIFEST), ENGINES)


def test_a_scene_left_out_has_no_words(home, board):
    without = [each for each in home if each.room not in (Room.BATHROOM, Room.BATHTUB_SHOWER)]
    pairs = worded(choose_pairs(SCENE_KEYS, without, {}), board, without, MANIFEST)
    assert [(pair.scene, pair.prompt) for pair in pairs if pair.left_out] == [("3-vanity", ""), ("4-bath", "")]
