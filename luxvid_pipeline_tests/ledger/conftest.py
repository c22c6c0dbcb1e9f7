import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from luxvid_pipeline_tests.ledger.asked import Clock


class Postgres:
    """A server of its own, on a socket in a folder of its own; it refuses root, so root lends it another user."""

    def __init__(self, binaries: Path):
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._as_user: list[str] = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
            self._as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data = self.folder / "data"
        self._run(binaries / "initdb", "-D", data, "-U", "luxvid", "-A", "trust", "-N", "-E", "UTF8")
        self.log = (self.folder / "log").open("w")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]
        self.server = subprocess.Popen(
            [*self._as_user, binaries / "postgres", "-D", data, *options],
            stderr=self.log,
            cwd=self.folder,
        )
        self.url = f"postgresql+psycopg://luxvid@/postgres?host={self.folder}"
        self._engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        self._wait()

    def new_ledger(self) -> str:
        """The address of an empty schema, which costs less than a database."""
        name = f"ledger_{uuid4().hex[:12]}"
        with self._engine.begin() as connection:
            connection.execute(sa.schema.CreateSchema(name))
        return f"{self.url}&options=-csearch_path%3D{name}"

    def stop(self) -> None:
        self.server.send_signal(signal.SIGINT)  # ends at once, whoever is still connected
        self.server.wait(20)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command: object) -> None:
        ended = subprocess.run([*self._as_user, *map(str, command)], cwd=self.folder, capture_output=True, check=False)
        assert ended.returncode == 0, ended.stderr.decode()

    def _wait(self) -> None:
        give_up_at = time.monotonic() + 30
        while True:
            try:
                self._engine.connect().close()
            except sa.exc.OperationalError:
                assert time.monotonic() < give_up_at, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")) or [Path(shutil.which("postgres") or "")]
    if not binaries[-1].is_file():
        pytest.skip("no postgres binary on this machine (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'luxvid-pipeline[postgres]')")
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("postgres refuses to run as root, and there is no setpriv to become another user")
    server = Postgres(binaries[-1].parent)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty ledger, on each database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgres").new_ledger()


@pytest.fixture
def clock() -> Clock:
    return Clock()
