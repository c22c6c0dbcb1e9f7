"""A whole film in this process."""

import shutil

import pytest

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.io_managers.manifests import manifest_key
from luxvid_pipeline.local_runs import _said_since, render
from luxvid_pipeline.media.listing_folder import read_manifest
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.media_store import open_media_store
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


@pytest.mark.parametrize(
    ("now", "told"),
    [
        pytest.param("title: Villa\nbrand: {agent: {name: Ann}}\n", "", id="as-it-was"),
        pytest.param("title: Villa\nbrand: {agent: {name: Ben}}\n", "another brand since", id="another-agent"),
        pytest.param("title: House\nfilm: {variants: [9x16]}\n", "another title and brand and film since", id="more"),
        pytest.param("titel: House\n", "", id="unreadable-is-told-by-the-render"),
    ],
)
def test_a_package_says_when_the_listing_has_changed_since_it_was_directed(tmp_path, eight_photos, now, told):
    folder = shutil.copytree(eight_photos, tmp_path / "villa")
    settings = Settings.from_environment({"LUXVID_HOME": str(tmp_path / "home")})
    ListingSources(settings).register("villa", folder)
    (folder / "listing.yaml").write_text("title: Villa\nbrand: {agent: {name: Ann}}\n")
    store = open_media_store(settings)
    store.put_bytes(read_manifest(folder).model_dump_json().encode(), manifest_key("villa"))
    (folder / "listing.yaml").write_text(now)
    notes = " ".join(_said_since(settings, store, "villa"))
    assert (told in notes) if told else not notes
