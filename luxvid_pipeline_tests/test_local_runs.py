"""A whole film in this process."""

import pytest

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.local_runs import render
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline.resources.settings import Settings


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        pytest.param({"LUXVID_CLIPS": "google/veo-3.1-fast,local"}, "REPLICATE_API_TOKEN is not set", id="no-key"),
        pytest.param({"LUXVID_SCORE": "meta/musikgen"}, r"did you mean meta/musicgen\?", id="misspelt"),
    ],
)
def test_an_engine_that_cannot_work_stops_the_film_before_anything_is_paid_or_made(
    tmp_path, eight_photos, environment, words
):
    home = tmp_path / "home"
    settings = Settings.from_environment({"LUXVID_HOME": str(home), "XAI_API_KEY": "any", **environment})
    with pytest.raises(SettingsError, match=words):
        render(eight_photos, settings, board=SilentBoard())
    assert not home.exists()
