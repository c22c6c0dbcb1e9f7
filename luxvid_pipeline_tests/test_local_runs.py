"""A whole film in this process."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.local_runs import _records_kept_open, render  # pyright: ignore[reportPrivateUsage]
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


def test_dagsters_files_are_held_open_during_a_render_and_no_others(tmp_path: Path):
    home, elsewhere = tmp_path / "dagster", tmp_path / "ledger.db"
    home.mkdir()

    def write(file: Path) -> bool:
        """Write as Dagster does, a connection for each event, and return whether the log outlives it."""
        engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text("PRAGMA journal_mode=WAL"))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS event (said TEXT)"))
            connection.execute(text("INSERT INTO event VALUES ('done')"))
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO event VALUES ('done')"))
        return file.with_name(f"{file.name}-wal").exists()

    with _records_kept_open(home):
        assert write(home / "runs.db")
        assert not write(elsewhere)
    assert not (home / "runs.db-wal").exists()
    assert not write(home / "runs.db")
