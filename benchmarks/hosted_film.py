"""A small hosted film: a drawn listing, simulated vendors in a process of their own, ``luxvid render``.

Belongs here: what the crash test and the row on hosted films share: the listing, the environment, running, the books.
Does not belong here: killing (``crash.py``), timing (``hosted_row.py``), the vendors (``luxvid_pipeline_tests``).
"""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luxvid_pipeline_tests.simulators.control_client import SimulatorProcess
from luxvid_pipeline_tests.studio import draw_photos

ROOMS = ("aerial", "pool", "bedroom", "bathroom", "bathtub_shower", "living", "living", "dining", "terrace", "garden")
"""One photo a room is enough for all seven scenes; some are shot from pairs, some from one photo."""

ENGINES = {
    "LUXVID_TAGGER": "xai/grok-4.3",
    "LUXVID_WRITER": "openai/gpt-6-luna",
    "LUXVID_SELECTOR": "xai/grok-4.3",
    "LUXVID_CLIPS": "google/veo-3.1-fast",
    "LUXVID_SCORE": "meta/musicgen",
}
KEYS = {"REPLICATE_API_TOKEN": "r8_simulated", "XAI_API_KEY": "xai-simulated", "OPENAI_API_KEY": "sk-simulated"}
_DIRECT = """
import sys
from pathlib import Path
from luxvid_pipeline.local_runs import direct, listing_key_of
from luxvid_pipeline.resources.progress import SilentBoard
from luxvid_pipeline.resources.settings import Settings
folder = Path(sys.argv[1])
direct(folder, Settings.from_environment(), listing=listing_key_of(folder, None), board=SilentBoard())
"""
OPEN_STATES = ("reserved", "submitting", "submitted", "finished", "unknown")


def draw_listing(folder: Path, *, clip_seconds: float = 2) -> Path:
    """Draw the listing: small photos, every room named in the manifest."""
    draw_photos(folder, len(ROOMS))
    photos = [f"  - {{file: IMG_{number:04}.jpg, room: {room}}}" for number, room in enumerate(ROOMS)]
    manifest = [f"film: {{clip_seconds: {clip_seconds:g}}}", "generation: {budget_usd: 100}", "photos:", *photos]
    (folder / "listing.yaml").write_text("\n".join(manifest) + "\n")
    return folder


def environment(home: Path, simulators: SimulatorProcess) -> dict[str, str]:
    """Return the environment of a hosted render in ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LUXVID_", "DAGSTER_"))}
    return {**kept, **simulators.environment, **KEYS, **ENGINES, "LUXVID_HOME": str(home)}


def start_render(folder: Path, film: Path, home: Path, simulators: SimulatorProcess) -> "subprocess.Popen[str]":
    """Start ``luxvid render`` as the leader of its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "luxvid_pipeline.cli", "render", str(folder), "--out", str(film), "--json"],
        env=environment(home, simulators),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: "subprocess.Popen[str]", timeout_s: float = 600.0) -> dict[str, Any]:
    """Wait for a render and return what it printed.

    Raises:
        RuntimeError: It failed.
    """
    said, complained = process.communicate(timeout=timeout_s)
    if process.returncode != 0:
        raise RuntimeError(f"luxvid render ended with {process.returncode}: {complained[-1500:]}")
    return json.loads(said)


def direct(folder: Path, home: Path, simulators: SimulatorProcess) -> None:
    """Read the photos and choose the pairs, so that copies of ``home`` begin with shooting."""
    command = [sys.executable, "-c", _DIRECT, str(folder)]
    done = subprocess.run(command, env=environment(home, simulators), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"directing ended with {done.returncode}: {done.stderr[-1500:]}")


def copy_home(template: Path, home: Path) -> None:
    """Begin where ``template`` stands: listings, media, ledger and Dagster's events."""
    shutil.copytree(template, home)


@dataclass(frozen=True)
class Books:
    """The ledger as it stands.

    Attributes:
        states: How many rows of each vendor (``replicate``, ``xai``, …) are in each state.
        cost_usd: Booked in all.
        reserved_usd: Held in all.
        ids: Predictions the ledger knows.
        lost_answers: Language-model requests booked at their upper end because nobody heard the answer.
    """

    states: Counter[tuple[str, str]]
    cost_usd: float
    reserved_usd: float
    ids: int
    lost_answers: int

    def in_state(self, *states: str, vendor: str = "replicate") -> int:
        """Return how many rows of a vendor are in one of these states."""
        return sum(count for (of, state), count in self.states.items() if of == vendor and state in states)

    @property
    def open_rows(self) -> int:
        """Rows that are neither delivered nor failed."""
        return sum(count for (_, state), count in self.states.items() if state in OPEN_STATES)


def read_books(home: Path) -> Books:
    """Read a home's ledger beside whoever writes it."""
    file = home / "ledger.db"
    if not file.exists():
        return Books(Counter(), 0.0, 0.0, 0, 0)
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30) as connection:
        query = "SELECT vendor, state, reserved_ticks, cost_ticks, prediction_id, reason FROM ledger_payments"
        try:
            rows = connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            rows = []  # The tables are not there yet.
    connection.close()
    return Books(
        states=Counter((vendor, state) for vendor, state, *_ in rows),
        cost_usd=sum(row[3] or 0 for row in rows) / 1e10,
        reserved_usd=sum(row[2] or 0 for row in rows) / 1e10,
        ids=sum(1 for row in rows if row[0] == "replicate" and row[4]),
        lost_answers=sum(1 for row in rows if row[0] != "replicate" and row[1] == "failed"),
    )


def sha256(file: Path) -> str:
    """Return a file's hash."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
