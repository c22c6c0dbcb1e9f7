"""Progress as a person sees it: every stage that reports any has a line, and in a terminal a bar."""

import io

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
