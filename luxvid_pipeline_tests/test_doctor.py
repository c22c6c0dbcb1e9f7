"""The doctor finds what is wrong, names the remedy, tells no secret and leaves nothing behind."""

import json
import os
import time
from decimal import Decimal
from pathlib import Path

import fsspec
import pytest
from dagster._daemon.types import DaemonHeartbeat
from typer.testing import CliRunner

from luxvid_pipeline import doctor
from luxvid_pipeline.cli import app
from luxvid_pipeline.doctor import examine
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.local_runs import open_instance
from luxvid_pipeline.resources.settings import Settings
from luxvid_pipeline_tests.s3 import S3Server

SECRETS = {"REPLICATE_API_TOKEN": "r8_Sekr3tOfTheDoctor", "XAI_API_KEY": "xai-Sekr3tOfTheDoctor"}


@pytest.fixture
def env(tmp_path, monkeypatch):
    """Set LuxVid's environment for this test; DAGSTER_HOME is put back, since opening an instance sets it.

    What takes seconds and is not in question here is left to the doctor's test in ``test_cli.py``.
    """
    for look in ("_ffmpeg", "_soundfont"):
        monkeypatch.setattr(doctor, look, lambda: "not looked at")
    monkeypatch.setattr(doctor, "_dagster", lambda _settings: "not looked at")
    for name in [name for name in os.environ if name.startswith(("LUXVID_", "AWS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LUXVID_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))

    def change(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return change


def findings(**options):
    return {finding.name: finding for finding in examine(**options)}


def wrong(**options):
    return {name: finding.detail for name, finding in findings(**options).items() if not finding.well}


def beat(age_s=0.0, *, only=None):
    settings = Settings.from_environment()
    with open_instance(settings) as instance:
        for kind in only or instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age_s, kind, "1", []))
        return instance.get_required_daemon_types()


def test_a_fresh_machine_is_well_without_daemon_inbox_or_ledger_and_none_is_made(env, tmp_path):
    found = findings()
    assert [finding for finding in found.values() if not finding.well] == []
    assert found["daemon"].detail.startswith("not running")
    assert "not there yet" in found["inbox"].detail
    assert "local" in found["keys"].detail
    assert not (tmp_path / "home" / "ledger.db").exists()
    assert not (tmp_path / "home" / "inbox").exists()
    assert [path for path in (tmp_path / "home" / "media").rglob("*") if path.is_file()] == []
    assert not (tmp_path / "home" / "media" / "doctor").exists()


def test_a_containers_health_check_wants_the_daemon_and_the_inbox(env, tmp_path):
    assert set(wrong(daemon=True)) == {"daemon", "inbox"}
    (tmp_path / "home" / "inbox").mkdir(parents=True)
    beat()
    assert wrong(daemon=True) == {}


def test_a_daemon_that_went_silent_is_told_with_since_when(env, tmp_path):
    (tmp_path / "home" / "inbox").mkdir(parents=True)
    beat(600)
    assert "not running since 20" in wrong(daemon=True)["daemon"]
    assert wrong() == {}


def test_a_daemon_of_which_a_part_went_silent_is_wrong_whoever_asks(env):
    kinds = beat(600)
    beat(5, only=kinds[1:])
    assert f"{kinds[0].lower()} no longer answers" in wrong()["daemon"]


def test_a_missing_key_is_named_and_a_set_one_is_never_shown(env):
    env(LUXVID_CLIPS="google/veo-3.1-fast", LUXVID_TAGGER="xai/grok-4.3", **SECRETS)
    found = findings()
    assert found["keys"].detail == "REPLICATE_API_TOKEN, XAI_API_KEY set"
    assert not any(secret in json.dumps(str(found)) for secret in SECRETS.values())
    env(XAI_API_KEY="")
    assert wrong()["keys"].startswith("XAI_API_KEY not set")


@pytest.mark.parametrize("path", ["~nobodyofthisname/x", None], ids=["of-nobody", "locked"])
def test_a_home_that_cannot_be_looked_at_is_a_finding(env, locked, path):
    env(LUXVID_HOME=path or locked)
    assert "LUXVID_HOME" in wrong()["settings"]


def test_settings_that_fail_as_nobody_thought_of_are_a_finding(env, monkeypatch):
    monkeypatch.setattr(Settings, "from_environment", lambda: int("no number"))
    assert "no number" in wrong()["settings"]


def test_media_that_cannot_be_written_are_wrong(env, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    env(LUXVID_MEDIA=tmp_path / "file" / "media")
    assert "storage" in wrong()


def test_an_inbox_that_cannot_be_read_is_wrong(env, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    env(LUXVID_INBOX=tmp_path / "file")
    assert "inbox" in wrong()


def test_a_ledger_that_is_no_ledger_is_wrong_and_a_good_one_stays_as_it_is(env, tmp_path):
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / "ledger.db").write_text("this is no database, whatever its name says " * 30)
    assert "not a database" in wrong()["ledger"]
    (home / "ledger.db").unlink()
    ledger = SqlLedger(f"sqlite:///{home / 'ledger.db'}")
    request = PaidRequest(
        vendor="xai",
        model="grok-4.3",
        input={},
        account=Account(listing="villa"),
        estimate=Estimate(low_usd=Decimal(0), high_usd=Decimal(1)),
    )
    ledger.claim(request)
    before = ledger.rows()
    assert "read and written" in findings()["ledger"].detail
    assert ledger.rows() == before


def test_a_database_password_is_not_shown(env):
    env(LUXVID_DATABASE_URL="postgresql://luxvid:Sekr3tPassword@127.0.0.1:9/luxvid")
    found = findings()
    assert not found["ledger"].well
    assert "Sekr3tPassword" not in str(found)


def test_an_alert_address_is_checked_and_its_path_kept_secret(env):
    env(LUXVID_ALERT_URL="https://hooks.slack.com/services/T00/B00/Sekr3tPath")
    found = findings()["alerts"]
    assert (found.well, found.detail) == (True, "told to https://hooks.slack.com")
    env(LUXVID_ALERT_URL="hooks.slack.com/services/T00/B00/Sekr3tPath")
    assert "Sekr3t" not in wrong()["alerts"]


def test_storage_on_s3_is_written_read_and_cleaned_up_or_named_with_the_remedy(env):
    with S3Server() as server:
        client = server.client()
        client.create_bucket(Bucket="luxvid")
        env(LUXVID_MEDIA="s3://luxvid/media", LUXVID_ARCHIVE="s3://nobody-made-this/archive", **server.environment)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        found = findings()
        assert found["storage"].detail == "s3://luxvid/media (written, read and removed)"
        assert "no such bucket; create it" in found["archive"].detail
        assert client.list_objects_v2(Bucket="luxvid").get("Contents", []) == []


def test_unusable_settings_are_one_finding(env):
    env(LUXVID_KEEP_DAYS="often")
    assert set(wrong()) == {"settings"}


def test_the_command_prints_json_and_exits_with_1_where_something_is_wrong(env, tmp_path):
    well = CliRunner().invoke(app, ["doctor", "--json"])
    assert (well.exit_code, json.loads(well.stdout)["well"]) == (0, True)
    ill = CliRunner().invoke(app, ["doctor", "--json", "--daemon"])
    told = json.loads(ill.stdout)
    assert (ill.exit_code, told["well"]) == (1, False)
    assert {finding["name"] for finding in told["findings"] if not finding["well"]} == {"daemon", "inbox"}
    assert Path(os.environ["LUXVID_HOME"]) == tmp_path / "home"
