"""The scene table is complete and in order."""

import pytest

from luxvid_pipeline.domain.scenes import SCENE_KEYS, SCENES, scene


def test_the_seven_keys_are_fixed():
    expected = ("1-arrival", "2-bedroom", "3-vanity", "4-bath", "5-living", "6-lifestyle", "7-farewell")
    assert expected == SCENE_KEYS


@pytest.mark.parametrize("each", SCENES, ids=SCENE_KEYS)
def test_a_scene_says_what_every_stage_needs(each):
    assert scene(each.key) is each
    assert each.rooms
    assert all(0 < fit <= 1 for fit in each.rooms.values())
    assert max(each.rooms.values()) == 1.0
    assert each.prompt.format(subject="the pool", title="Villa Aurora")
    assert each.negative_prompt
    assert 0 <= each.score.intensity <= 1


def test_the_score_grows_to_its_end():
    intensities = [each.score.intensity for each in SCENES]
    assert intensities[0] == min(intensities)
    assert intensities[-1] == max(intensities)
