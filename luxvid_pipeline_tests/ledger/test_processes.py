"""A process is told from a later one that got its id, whatever the clock does."""

import os
import subprocess

import pytest

from luxvid_pipeline.ledger.processes import Process, runs_since

NOW, LONG_AGO = 4e9, 0.0


@pytest.mark.parametrize(
    ("since", "started", "runs"),
    [
        pytest.param(NOW, "", True, id="it-was-there"),
        pytest.param(LONG_AGO, "", False, id="it-began-later"),
        pytest.param(LONG_AGO, Process.this().started, True, id="the-clock-was-set-since"),
        pytest.param(NOW, "1", False, id="another-got-its-id"),
    ],
)
def test_a_process_runs_since_it_was_seen(since, started, runs):
    assert runs_since(os.getpid(), since, started) is runs


def test_a_process_that_has_ended_does_not_run():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not runs_since(ended.pid, NOW)
    assert not runs_since(ended.pid, NOW, "1")
