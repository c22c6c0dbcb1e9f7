"""The demonstration with simulated vendors can cost nobody anything."""

import importlib.util
import shlex
import subprocess
from pathlib import Path

import pytest

from luxvid_pipeline.resources.settings import VENDOR_VARIABLES, Settings

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "demo_hosted.py"
SIMULATED = {
    "REPLICATE_BASE_URL": "http://127.0.0.1:1",
    "XAI_BASE_URL": "http://127.0.0.1:2/v1",
    "OPENAI_BASE_URL": "http://127.0.0.1:3/v1",
}


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location("demo_hosted", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_real_key_address_ledger_or_store_reaches_it(demo, tmp_path, monkeypatch):
    for key, address in VENDOR_VARIABLES.values():
        monkeypatch.setenv(key, "a-real-key")
        monkeypatch.setenv(address, "https://vendor.example")
    for name in ("LUXVID_DATABASE_URL", "LUXVID_MEDIA", "LUXVID_INBOX", "DAGSTER_HOME", "LUXVID_DAY_BUDGET_USD"):
        monkeypatch.setenv(name, "s3://real/9")
    settings = Settings.from_environment(demo._environment(tmp_path, SIMULATED))
    assert all("127.0.0.1" in vendor.base_url for vendor in settings.vendors.values())
    assert {vendor.key for vendor in settings.vendors.values()} == {"simulated"}
    assert settings.database_url == f"sqlite:///{tmp_path / 'ledger.db'}"
    assert {Path(place).parent for place in (settings.media, settings.inbox, settings.dagster_home)} == {tmp_path}
    assert settings.day_budget_usd is None


def test_every_stage_has_a_hosted_engine(demo, tmp_path):
    settings = Settings.from_environment(demo._environment(tmp_path, SIMULATED))
    assert all(chain[0] != "local" for chain in settings.engines.values())


@pytest.mark.parametrize("more", [[], ["vid/.luxvid/hosted", "examples/listings/villa-aurora"]])
def test_a_folder_that_it_did_not_make_is_left_alone(demo, tmp_path, monkeypatch, capsys, more):
    precious = tmp_path / "lux" / "ledger.db"
    precious.parent.mkdir()
    precious.write_bytes(b"what was paid")
    monkeypatch.setattr(demo.sys, "argv", ["demo_hosted.py", str(precious.parent), *more])
    monkeypatch.setattr(demo, "SimulatorProcess", None)
    assert demo.main() == 2
    assert precious.read_bytes() == b"what was paid"
    assert "demo-hosted: " in capsys.readouterr().err


def test_make_names_one_folder_wherever_the_project_lies():
    home = "/somebody's/lux vid"
    done = subprocess.run(
        ["make", "-n", "-o", "setup", f"LUXVID_HOME={home}", "demo-hosted"],
        cwd=SCRIPT.parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in done.stdout.splitlines() if "demo_hosted.py" in line)
    assert shlex.split(line)[1:] == ["tools/demo_hosted.py", f"{home}/hosted", "examples/listings/villa-aurora"]
