"""The environment: defaults, checks, and no engine replaced silently."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from luxvid_pipeline.domain.errors import InputError, SettingsError
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.resources.engines import engine_for, engines_for
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


@pytest.mark.parametrize("stage", ENGINE_VARIABLES)
def test_an_unknown_engine_is_refused_even_where_the_chain_has_a_known_one(tmp_path, stage):
    variable = ENGINE_VARIABLES[stage]
    with pytest.raises(SettingsError, match=rf"{variable}.*acme/dream-1.*local"):
        engine_for(stage, settings_in(tmp_path, **{variable: "acme/dream-1,local"}))


@pytest.mark.parametrize("stage", ENGINE_VARIABLES)
def test_the_default_engine_is_local_and_says_so(tmp_path, stage):
    assert engine_for(stage, settings_in(tmp_path)).engine == "local"


HOSTED = {
    "tagger": ("xai/grok-4.3", "XAI_API_KEY"),
    "writer": ("openai/gpt-6-luna", "OPENAI_API_KEY"),
    "selector": ("xai/grok-4.3", "XAI_API_KEY"),
    "clips": ("google/veo-3.1-fast", "REPLICATE_API_TOKEN"),
    "score": ("meta/musicgen", "REPLICATE_API_TOKEN"),
}


@pytest.mark.parametrize("stage", HOSTED)
def test_a_hosted_engine_stands_in_a_chain_before_the_local_one(tmp_path, stage):
    model, key = HOSTED[stage]
    settings = settings_in(tmp_path, **{ENGINE_VARIABLES[stage]: f"{model},local", key: "secret-of-a-test"})
    assert engine_for(stage, settings).engine == f"{model},local"
    assert [engine.engine for engine in engines_for(stage, settings)] == [model, "local"]
    assert not (tmp_path / "ledger.db").exists()
    assert "secret-of-a-test" not in repr(settings)


@pytest.mark.parametrize("stage", HOSTED)
def test_a_hosted_engine_without_its_key_says_which_variable_is_missing(tmp_path, stage):
    model, key = HOSTED[stage]
    with pytest.raises(SettingsError, match=key):
        engine_for(stage, settings_in(tmp_path, **{ENGINE_VARIABLES[stage]: model}))


def test_portraits_are_widened_only_where_somebody_chose_it(tmp_path):
    keys = {"REPLICATE_API_TOKEN": "secret-of-a-test"}
    assert engine_for("clips", settings_in(tmp_path, **keys)).engine == "local"
    chosen = settings_in(tmp_path, LUXVID_IMAGES="google/nano-banana", **keys)
    assert engine_for("clips", chosen).engine == "local after google/nano-banana"
    with pytest.raises(SettingsError, match=r"LUXVID_IMAGES=acme/paint.*google/nano-banana"):
        engine_for("clips", settings_in(tmp_path, LUXVID_IMAGES="acme/paint", **keys))
    with pytest.raises(SettingsError, match="REPLICATE_API_TOKEN"):
        engine_for("clips", settings_in(tmp_path, LUXVID_IMAGES="google/nano-banana"))


def test_a_key_alone_makes_nothing_paid(tmp_path):
    keys = {key: "secret-of-a-test" for _, key in HOSTED.values()}
    assert {engine_for(stage, settings_in(tmp_path, **keys)).engine for stage in HOSTED} == {"local"}


def test_a_misspelt_engine_is_told_its_nearest(tmp_path):
    with pytest.raises(SettingsError, match=r"did you mean google/veo-3\.1-fast\?"):
        engine_for("clips", settings_in(tmp_path, LUXVID_CLIPS="google/veo-3.1-fst"))


def test_an_engine_stands_in_a_chain_once(tmp_path):
    with pytest.raises(SettingsError, match="once"):
        engine_for("clips", settings_in(tmp_path, LUXVID_CLIPS="local,local"))


@pytest.mark.parametrize("value", ["ten", "-1", "NaN", "inf", "1e308"])
def test_a_budget_is_an_amount_of_money(tmp_path, value):
    with pytest.raises(SettingsError, match="LUXVID_DAY_BUDGET_USD"):
        settings_in(tmp_path, LUXVID_DAY_BUDGET_USD=value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LUXVID_SETTLE_S", "soon"),
        ("LUXVID_SETTLE_S", "-1"),
        ("LUXVID_SCENE_ATTEMPTS", "0"),
        ("LUXVID_SCENE_ATTEMPTS", "1.5"),
        ("LUXVID_KEEP_DAYS", "0"),
        ("LUXVID_APPROVAL", "perhaps"),
        ("LUXVID_C2PA_KEY", "no-such-file.pem"),
        ("LUXVID_C2PA_KEY", __file__),
        ("LUXVID_UI_URL", "localhost:3000"),
        ("LUXVID_DISCLOSURE_URL", "foo"),
        ("REPLICATE_BASE_URL", "ftp://example.com"),
        ("OPENAI_BASE_URL", "https://[not-an-address"),
    ],
)
def test_a_setting_of_daily_operation_is_checked_and_named(tmp_path, variable, value):
    with pytest.raises(SettingsError, match=variable):
        settings_in(tmp_path, **{variable: value})


@pytest.mark.parametrize(
    ("media", "archive"),
    [
        ("s3://films/media", "s3://films//media/"),
        ("/srv/media", "/srv/./x/../media/"),
        ("/srv/media", "file:///srv/media"),
    ],
)
def test_an_archive_is_another_place_than_the_media(tmp_path, media, archive):
    with pytest.raises(SettingsError, match="LUXVID_ARCHIVE"):
        settings_in(tmp_path, LUXVID_MEDIA=media, LUXVID_ARCHIVE=archive)
    assert settings_in(tmp_path, LUXVID_MEDIA=media, LUXVID_ARCHIVE=f"{media}-archive").archive == f"{media}-archive"


def test_nothing_is_retired_fetched_or_held_back_unless_asked(tmp_path):
    settings = settings_in(tmp_path)
    assert (settings.keep_days, settings.archive, settings.source_hosts) == (None, "", ())
    assert not settings.approval_required
    assert settings_in(tmp_path, LUXVID_APPROVAL="required").approval_required
    assert settings_in(tmp_path, LUXVID_SOURCE_HOSTS="A.example, b.example").source_hosts == ("a.example", "b.example")
    secret = settings_in(tmp_path, LUXVID_ALERT_URL="https://hooks.example/secret-path")
    assert "secret-path" not in repr(secret)


def test_the_ledger_lies_in_the_home_unless_told_otherwise(tmp_path):
    assert settings_in(tmp_path).database_url == f"sqlite:///{tmp_path}/ledger.db"
    elsewhere = settings_in(tmp_path, LUXVID_DATABASE_URL="postgresql://somebody:word@db/luxvid")
    assert elsewhere.database_url.startswith("postgresql")
    assert "word" not in repr(elsewhere)


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b", "a#b", "a[b]", "50% of ä+b@c:d"])
def test_the_ledger_lies_in_the_home_whatever_its_path_holds(tmp_path, name):
    settings = settings_in(tmp_path / name, DAGSTER_HOME=str(tmp_path / "dagster"))
    database = Database(settings.database_url)
    with database.reading():
        pass
    database.close()
    assert (tmp_path / name / "ledger.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a[b]"])
def test_a_path_at_which_dagster_would_not_find_its_files_is_refused_with_the_remedy(tmp_path, name):
    path = tmp_path / name / "dagster"
    with pytest.raises(SettingsError, match=f"DAGSTER_HOME={re.escape(str(path))}.*set DAGSTER_HOME"):
        settings_in(tmp_path / name)
    with pytest.raises(SettingsError, match="set DAGSTER_HOME"):
        settings_in(tmp_path, DAGSTER_HOME=str(path))


PATHS = ("LUXVID_HOME", "DAGSTER_HOME", "LUXVID_MEDIA", "LUXVID_INBOX", "LUXVID_ARCHIVE", "LUXVID_C2PA_KEY")


@pytest.mark.parametrize("variable", PATHS)
def test_the_home_of_a_user_who_does_not_exist_is_refused_by_its_variable(tmp_path, variable):
    with pytest.raises(SettingsError, match=f"{variable}=~nobodyofthisname/x: there is no such user; write the path"):
        settings_in(tmp_path, **{variable: "~nobodyofthisname/x"})


@pytest.mark.parametrize("variable", ["LUXVID_HOME", "DAGSTER_HOME", "LUXVID_C2PA_KEY"])
def test_a_path_that_this_user_may_not_look_at_is_refused_by_its_variable(tmp_path, locked, variable):
    with pytest.raises(SettingsError, match=f"{variable}={locked} cannot be looked at: Permission denied; set it to"):
        settings_in(tmp_path, **{variable: str(locked)})


def test_a_local_film_loads_no_vendor_package():
    program = (
        "import sys, luxvid_pipeline.definitions; from luxvid_pipeline.resources.settings import Settings; "
        "from luxvid_pipeline.resources.engines import engine_for; "
        "stages = ('tagger', 'writer', 'selector', 'clips', 'score'); "
        "[engine_for(stage, Settings.from_environment({})) for stage in stages]; "
        "print([name for name in ('openai', 'replicate') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_operators_page_explains_every_variable():
    read = set(
        re.findall(
            r'"((?:LUXVID|DAGSTER|REPLICATE|XAI|OPENAI)_[A-Z0-9_]+)"', (PACKAGE / "resources/settings.py").read_text()
        )
    )
    told = set(re.findall(r"`([A-Z0-9_]{5,})`", (PACKAGE.parent / "docs/operating.md").read_text()))
    assert len(read) > 25
    assert read - told == set()


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
    names = "(spec.key.to_user_string() for spec in d.defs.resolve_all_asset_specs())"
    code = f"import luxvid_pipeline.definitions as d; print(*{names})"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert {"listing_photos", "property_video"} <= set(done.stdout.split())
