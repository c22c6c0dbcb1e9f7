"""The local cache of a remote store: bounded, shared by all processes of a machine, and never short of a file in use.

Belongs here: where copies lie, which are in use, which go first.
Does not belong here: fetching them (``store.py``), the remote storage.

A *unit* is what goes as one: the copies of one file by its hash, or the workshop of one asset and listing. Whoever uses
a unit holds a shared lock on one byte of the file ``.in-use``; the byte's place comes from the unit's name. Such a lock
needs no open file of its own, and ends with its process however that ends. What goes must be locked alone first, so
nothing is taken from under a reader; if all is in use, the cache is larger than its limit for that while.
"""

import fcntl
import hashlib
import os
import shutil
import threading
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

_FILES, _WORKSHOP, _SCRATCH = "files", "workshop", "scratch"
# What a killed process left half written.
_STALE_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Unit:
    """What goes as one."""

    name: str
    folder: Path
    used_at: float
    size_bytes: int


class _Pins:
    """Bytes locked by this process in one cache; one open file, since closing any would end all its locks."""

    def __init__(self, root: Path) -> None:
        self._file = root / ".in-use"
        self._guard = threading.RLock()
        self._held: Counter[int] = Counter()
        self._open: int | None = None
        self._pid = 0

    def hold(self, name: str) -> None:
        """Lock a unit against removal until ``drop``; waits while another process removes it."""
        place = _place(name)
        with self._guard:
            descriptor = self._descriptor()
            if not self._held[place]:
                fcntl.lockf(descriptor, fcntl.LOCK_SH, 1, place)
            self._held[place] += 1

    def drop(self, names: Iterable[str], pid: int) -> None:
        """Give up what ``hold`` locked; a forked child has none of its parent's locks."""
        with self._guard:
            if pid != self._pid or self._pid != os.getpid() or self._open is None:
                return
            for place in map(_place, names):
                self._held[place] -= 1
                if self._held[place] <= 0:
                    del self._held[place]
                    fcntl.lockf(self._open, fcntl.LOCK_UN, 1, place)

    def remove(self, unit: _Unit) -> bool:
        """Remove a unit that nobody uses; returns whether it is gone."""
        place = _place(unit.name)
        with self._guard:
            descriptor = self._descriptor()
            if self._held[place]:
                return False
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                return False
            try:
                shutil.rmtree(unit.folder, ignore_errors=True)
            finally:
                fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)
            return not unit.folder.exists()

    def _descriptor(self) -> int:
        if self._open is None or self._pid != os.getpid():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._open, self._pid = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), os.getpid()
            self._held.clear()
        return self._open


_pins: dict[Path, _Pins] = {}
_pins_lock = threading.Lock()


def _pins_of(root: Path) -> _Pins:
    with _pins_lock:
        return _pins.setdefault(root, _Pins(root))


class FileCache:
    """Copies of remote files under one local directory.

    What is asked for stays in use as long as this object lives; several may share the directory.

    Args:
        root: The directory.
        limit_bytes: How much may lie there, within five per cent, unless more than that is in use.
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self.root = root.absolute()
        self._limit_bytes = limit_bytes
        self._pins = _pins_of(self.root)
        self._names: list[str] = []
        self._unseen_bytes: int | None = None
        weakref.finalize(self, self._pins.drop, self._names, os.getpid())

    def place(self, sha256: str, version: str, name: str) -> Path:
        """Return where a copy lies or may be put, in use from now on; its directory is there."""
        unit = self.root / _FILES / sha256
        self._use(f"{_FILES}/{sha256}")
        path = unit / version / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            _touch(path)
        return path

    def workshop(self, key: str) -> Path:
        """Return a lasting directory or file in which files under ``key`` are made; in use from now on."""
        parts = PurePosixPath(key).parts
        self._use("/".join((_WORKSHOP, *parts[:2])))
        return self.root.joinpath(_WORKSHOP, *parts)

    def scratch(self) -> Path:
        """Return a directory that does not exist yet, for files that are gone soon."""
        return self.root / _SCRATCH / uuid.uuid4().hex

    def forget(self, workshop: str) -> None:
        """Remove a workshop (``<asset>/<listing>``) that nobody uses."""
        folder = self.root / _WORKSHOP / workshop
        if folder.exists():
            self._pins.remove(_Unit(f"{_WORKSHOP}/{workshop}", folder, 0.0, 0))

    def forget_file(self, sha256: str) -> None:
        """Remove the copies of a file by its hash, unless somebody uses them."""
        folder = self.root / _FILES / sha256
        if folder.exists():
            self._pins.remove(_Unit(f"{_FILES}/{sha256}", folder, 0.0, 0))

    def has_grown(self, size_bytes: int) -> None:
        """Hear that so much was put into it; once that is a twentieth of the limit, the longest unused go."""
        seen = self._unseen_bytes
        self._unseen_bytes = size_bytes + (seen or 0)
        if seen is None or self._unseen_bytes >= self._limit_bytes / 20:
            self._unseen_bytes = 0
            self.shrink()

    def shrink(self) -> int:
        """Remove what was not used for longest until the limit is kept; returns the bytes that went.

        One process does so at a time; another leaves it to that one.
        """
        try:
            with FileLock(self.root / ".shrinking", timeout=0):
                return self._shrink()
        except Timeout:
            return 0

    def _shrink(self) -> int:
        self._sweep()
        units = sorted(self._units(), key=lambda unit: unit.used_at)
        too_much = sum(unit.size_bytes for unit in units) - self._limit_bytes
        gone = 0
        for unit in units:
            if gone >= too_much:
                break
            if self._pins.remove(unit):
                gone += unit.size_bytes
        return gone

    def _use(self, name: str) -> None:
        if name not in self._names:
            self._pins.hold(name)
            self._names.append(name)

    def _units(self) -> Iterator[_Unit]:
        for folder in _folders(self.root / _FILES):
            yield _measured(f"{_FILES}/{folder.name}", folder)
        for asset in _folders(self.root / _WORKSHOP):
            for folder in _folders(asset):
                yield _measured(f"{_WORKSHOP}/{asset.name}/{folder.name}", folder)

    def _sweep(self) -> None:
        """Remove scratch space of processes that were killed."""
        for folder in _folders(self.root / _SCRATCH):
            try:
                if time.time() - folder.stat().st_mtime > _STALE_S:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue


def _place(name: str) -> int:
    """The byte that stands for a unit; two units that share one only stay longer than they need."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return  # A cache that may only be read serves all the same.


def _folders(parent: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _measured(name: str, folder: Path) -> _Unit:
    used_at, size_bytes = 0.0, 0
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except OSError:
            continue
        if path.is_file():
            used_at, size_bytes = max(used_at, status.st_mtime), size_bytes + status.st_size
    return _Unit(name, folder, used_at or time.time(), size_bytes)
