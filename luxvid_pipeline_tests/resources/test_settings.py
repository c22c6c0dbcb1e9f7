"""The environment: defaults, checks, and no engine replaced silently."""

import subprocess
import sys
from pathlib import Path

import pytest

from luxvid_pipeline.domain.errors import InputError, SettingsError
from luxvid_pipeline.resources.engines import ENGINES, engine_for
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.settings import ENGINE_VARIABLES, Settings

PACKAGE = Path(__file__).parents[2] / "luxvid_pipeline"


def settings_in(tmp_path, **env):
    return Settings.from_environment({"LUXVID_HOME": str(tmp_path), **env})


def test_without_any_variable_everything_is_local_and_below_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_environment({})
    assert settings.home == tmp_path / ".luxvid"
    assert settings.media == str(tmp_path / ".luxvid" / "media")
    assert settings.dagster_home == tmp_path / ".luxvid" / "dagster"
    assert set(settings.engines.values()) == {("local",)}


def test_an_address_is_kept_and_a_path_made_absolute(tmp_path):
    assert settings_in(tmp_path, LUXVID_MEDIA="s3://bucket/prefix").media == "s3://bucket/prefix"
    assert Path(settings_in(tmp_path, LUXVID_MEDIA="films").media).is_absolute()


def test_a_chain_is_read_in_order(tmp_path):
    settings = settings_in(tmp_path, LUXVID_CLIPS="google/veo-3.1-fast, local")
    assert settings.engines["clips"] == ("google/veo-3.1-fast", "local")


@pytest.mark.parametrize(
    ("variable", "value"), [("LUXVID_CLIPS", "local,,local"), ("LUXVID_HOME", __file__)], ids=["empty-entry", "a-file"]
)
def test_a_value_that_cannot_be_meant_names_its_variable(tmp_path, variable, value):
    with pytest.raises(SettingsError, match=variable):
        settings_in(tmp_path, **{variable: value})


@pytest.mark.parametrize("stage", ENGINES)
def test_an_unknown_engine_is_refused_even_where_the_chain_has_a_known_one(tmp_path, stage):
    variable = ENGINE_VARIABLES[stage]
    with pytest.raises(SettingsError, match=rf"{variable}.*acme/dream-1.*local"):
        engine_for(stage, settings_in(tmp_path, **{variable: "acme/dream-1,local"}))


@pytest.mark.parametrize("stage", ENGINES)
def test_the_default_engine_is_local_and_says_so(tmp_path, stage):
    assert engine_for(stage, settings_in(tmp_path)).engine == "local"


def test_the_environment_is_named_in_one_module_only():
    reading = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if any(word in path.read_text() for word in ("os.environ", "os.getenv"))
    }
    assert reading == {"resources/settings.py", "local_runs.py"}  # The second only tells Dagster where its home is.


def test_two_folders_never_share_a_key(tmp_path):
    first, second = tmp_path / "a" / "photos", tmp_path / "b" / "photos"
    first.mkdir(parents=True)
    second.mkdir(parents=True)
    sources = ListingSources(settings_in(tmp_path))
    sources.register("photos", first)
    sources.register("photos", first)
    with pytest.raises(InputError, match=r"already belongs to .*--listing"):
        sources.register("photos", second)
    first.rmdir()
    sources.register("photos", second)
    assert sources.folder("photos") == second


def test_a_listing_in_the_inbox_is_found_by_its_folder_name(tmp_path):
    (tmp_path / "inbox" / "Villa Aurora").mkdir(parents=True)
    sources = ListingSources(settings_in(tmp_path))
    assert sources.folder("villa-aurora").name == "Villa Aurora"
    with pytest.raises(InputError, match="luxvid render"):
        sources.folder("villa-nowhere")


def test_definitions_load_without_secret_home_or_network():
    code = "import luxvid_pipeline.definitions as d; print(len(d.defs.resolve_all_asset_specs()))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert done.stdout.strip() == "7"
