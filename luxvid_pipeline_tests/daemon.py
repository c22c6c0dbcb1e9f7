"""The real ``dagster-daemon`` on a home of its own, for tests and benchmarks.

Belongs here: preparing the home, starting and killing the daemon and everything it started, waiting for listings.
Does not belong here: the code location it loads (``instant.py``), claims.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance import InstanceRef

import luxvid_pipeline
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import media_key
from luxvid_pipeline.records import quickened
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.settings import Settings

_ROOT = Path(__file__).parents[1]
_FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


class Daemon:
    """A home, and the daemon that works on it.

    Args:
        base: An empty directory.
        clip: What the instant camera shows; None for a code location with other engines.
        module: The code location.
        environ: Further environment variables.
        config: Sections of ``dagster.yaml`` that replace the packaged ones.
    """

    def __init__(
        self,
        base: Path,
        clip: Path | None = None,
        *,
        module: str = "luxvid_pipeline_tests.instant",
        environ: Mapping[str, str] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare the home; nothing runs yet."""
        self.home = base / "home"
        self.dagster_home = self.home / "dagster"
        self.dagster_home.mkdir(parents=True)
        (self.home / "inbox").mkdir()
        instant = self.home / "instant"
        (instant / "fail").mkdir(parents=True)
        if clip is not None:
            shutil.copyfile(clip, instant / "clip.mp4")
        packaged = yaml.safe_load((Path(luxvid_pipeline.__file__).parent / "dagster.yaml").read_text())
        (self.dagster_home / "dagster.yaml").write_text(yaml.safe_dump({**packaged, **(config or {})}))
        self._workspace = base / "workspace.yaml"
        location = {"python_module": {"module_name": module, "location_name": "luxvid"}}
        self._workspace.write_text(yaml.safe_dump({"load_from": [location]}))
        self.log = base / "daemon.log"
        own = {name: value for name, value in os.environ.items() if not name.startswith(("LUXVID_", "DAGSTER_"))}
        self.environ = {
            **own,
            "LUXVID_HOME": str(self.home),
            "DAGSTER_HOME": str(self.dagster_home),
            "LUXVID_SETTLE_S": "2",
            "PYTHONPATH": str(_ROOT),
            "PYTHONWARNINGS": "ignore",
            **(environ or {}),
        }
        self.settings = Settings.from_environment(self.environ)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon in a process group of its own, with its code server and all runs, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [Path(sys.executable).parent / "dagster-daemon", "run", "-w", str(self._workspace)],
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the daemon, and id of the group of all it started."""
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        return self._process.pid

    def kill(self) -> None:
        """End the daemon, its code server and all runs at once with SIGKILL."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def running(self):
        """Run the daemon for a while; whatever it started is gone afterwards."""
        self.start()
        try:
            yield self
        finally:
            self.kill()

    @contextmanager
    def instance(self):
        """Open the instance the daemon works on, as a run of it does."""
        with dg.DagsterInstance.from_ref(quickened(InstanceRef.from_dir(str(self.dagster_home)))) as instance:
            yield instance

    @property
    def store(self) -> MediaStore:
        """Open the store."""
        return MediaStore(self.settings.media, self.settings.cache)

    @property
    def inbox(self) -> Path:
        """Where listings are dropped."""
        return self.home / "inbox"

    def add(self, instance: dg.DagsterInstance, listing: str, folder: Path) -> None:
        """Make a listing known without its arrival being noticed by anybody."""
        ListingSources(self.settings).register(listing, folder)
        instance.add_dynamic_partitions("listings", [listing])

    def has_film(self, listing: str) -> bool:
        """Whether the film of a listing is finished and recorded."""
        return self.store.find(media_key("property_video", listing)) is not None

    def shots(self) -> list[str]:
        """Return ``listing.scene`` of every clip that was shot, in order."""
        log = self.home / "instant" / "shot.log"
        return log.read_text().split() if log.exists() else []

    def fail(self, listing: str, scene: str, times: int) -> None:
        """Let a scene of a listing fail so many times."""
        (self.home / "instant" / "fail" / f"{listing}.{scene}").write_text(str(times))


def wait_for(come: Callable[[], Any], timeout_s: float, what: str, *, every_s: float = 0.3) -> Any:
    """Wait until something has come and return it.

    Raises:
        TimeoutError: It has not.
    """
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        found = come()
        if found:
            return found
        time.sleep(every_s)
    raise TimeoutError(f"waited {timeout_s:g} s for {what}")


def runs(instance: dg.DagsterInstance, job: str = "", listing: str = "") -> list[dg.DagsterRun]:
    """Return runs, newest first."""
    tags = {"luxvid/listing": listing} if listing else None
    return list(instance.get_runs(dg.RunsFilter(job_name=job or None, tags=tags)))


def is_at_rest(instance: dg.DagsterInstance) -> bool:
    """Whether no run is queued or under way."""
    return all(run.status in _FINISHED for run in instance.get_runs())


def told(instance: dg.DagsterInstance) -> str:
    """Return all runs as text, for whoever reads a failed test."""
    lines = [(run.job_name, run.tags.get("luxvid/listing"), run.status.value) for run in instance.get_runs()]
    return json.dumps(lines, indent=1)
