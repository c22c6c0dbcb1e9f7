"""Progress as a person sees it: every stage that reports any has a line, and in a terminal a bar."""

import getpass
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from luxvid_pipeline import terminal


@pytest.mark.parametrize("stage", ["photos", "direction", "clips", "score", "film", "delivery"])
@pytest.mark.parametrize("is_terminal", [False, True], ids=["a-pipe", "a-terminal"])
def test_whatever_stage_reports_is_shown(stage, is_terminal, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(terminal, "err", Console(file=shown, force_terminal=is_terminal, width=100))
    with terminal.progress_bars(show=True, stages=("photos",)) as board:
        board.report(stage, "part", 0.5)
        board.report(stage, "part", 1.0)
    assert stage.capitalize() in shown.getvalue()
    assert ("part done" in shown.getvalue()) is not is_terminal


@pytest.mark.parametrize("raised", [KeyError("getpwuid(): uid not found: 4711"), OSError("no user")])
def test_a_user_without_a_name_is_told_by_number(monkeypatch, raised):
    def fail():
        raise raised

    monkeypatch.setattr(getpass, "getuser", fail)
    assert terminal.user_name() == str(os.getuid())


def test_a_user_with_a_name_is_told_by_it(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "ines")
    assert terminal.user_name() == "ines"


# A file that is opened then gets the closed one's number: "status" opens databases.
@pytest.mark.parametrize("closed", ["schema >&-", "schema 2>&-", "status >&- 2>&-"])
def test_with_its_output_closed_the_command_works_and_says_nothing(tmp_path, closed):
    environment = {**os.environ, "LUXVID_HOME": str(tmp_path)}
    command = f'"{sys.executable}" -m luxvid_pipeline.cli {closed}'
    ended = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["schema", "doctor --json"])
def test_an_output_on_a_full_disk_is_one_line(tmp_path, command):
    environment = {**os.environ, "LUXVID_HOME": str(tmp_path)}
    asked = [sys.executable, "-m", "luxvid_pipeline.cli", *command.split()]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(asked, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "luxvid: what it prints cannot be written: No space left on device; what was made is kept\n"
    assert (ended.returncode, ended.stderr) == (1, said)


@pytest.mark.parametrize("name", ["out", "err"])
def test_when_nobody_reads_any_more_the_work_goes_on_and_says_nothing(name):
    code = f"""
import os, sys
from luxvid_pipeline import terminal
reader, writer = os.pipe()
stream = sys.{"stdout" if name == "out" else "stderr"}
os.dup2(writer, stream.fileno())
os.close(reader)
for _ in range(3):
    terminal.{name}.print("told to nobody")
print("and whatever else writes there", file=stream, flush=True)
os._exit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 7
