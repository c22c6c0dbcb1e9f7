# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportDeprecated=false
"""Where values are kept: files under one base address, on local disk or S3, each with its record.

Belongs here: moving a finished file into place, its hash and record beside it, checking the hash when it is read,
scratch space, the local cache of remote files.
Does not belong here: what a value means (``tables.py``, ``documents.py``, ``media_files.py``), Dagster.

A stored file ``a/b.mp4`` has a record ``a/b.mp4.json``: its SHA-256, size, what it was made from, and facts. The
record is removed before the file is replaced and written after it, so a crash in between leaves a file without a
record, which counts as not there; a file is never found together with another file's record.
"""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from luxvid_pipeline.domain.errors import DamagedMediaError, StorageError

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """The record of a stored file.

    Attributes:
        key: Its path under the store's base, with ``/``.
        sha256: Of its bytes, hex.
        bytes: Its size.
        made_from: Digest of everything it was made from; equal digests mean the same work.
        facts: What else is worth keeping (engine, cost, duration, …), JSON types only.
    """

    key: str
    sha256: str
    bytes: int
    made_from: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class MediaStore:
    """Files under one base address.

    Args:
        base: A local directory or an fsspec address (``s3://bucket/prefix``, ``memory://x``).
        cache: Local directory for copies of remote files and for scratch space of remote stores.
    """

    def __init__(self, base: str, cache: Path) -> None:
        """Open the store; nothing is created before the first file is kept."""
        filesystem, root = fsspec.core.url_to_fs(base)
        self._fs: Any = filesystem
        self._root = str(root).rstrip("/")
        self._cache = cache
        self.base = base
        self.is_local = isinstance(filesystem, LocalFileSystem)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a fresh local directory, on the store's own disk where it is local, removed afterwards."""
        parent = Path(self._root) / ".scratch" if self.is_local else self._cache / "scratch"
        directory = parent / uuid.uuid4().hex
        with _storage_errors(str(directory)):
            directory.mkdir(parents=True)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def workshop(self, key: str) -> Path:
        """Return a lasting local directory in which files under ``key`` are made: their own place in a local store.

        For stages that make many files and want to find the earlier ones again; each becomes part of the store by
        ``adopt``.
        """
        self._check_key(key)
        base = Path(self._root) if self.is_local else self._cache / "workshop"
        return base.joinpath(*PurePosixPath(key).parts)

    def adopt(self, key: str, *, within: str, sha256: str | None = None) -> StoredFile:
        """Record a file that was made in its workshop; in a remote store it is sent there.

        Args:
            key: The file's key; it lies under ``within``.
            within: Key of the workshop.
            sha256: The file's hash, where the caller has just taken it.

        Raises:
            StorageError: The storage does not take it.
        """
        file = self.workshop(within) / PurePosixPath(key).relative_to(within)
        if not self.is_local:
            return self.put(file, key, sha256=sha256)
        self._check_key(key)
        with _storage_errors(self._place(key)):
            stored = StoredFile(key=key, sha256=sha256 or sha256_of(file), bytes=file.stat().st_size)
            if self.find(key) != stored:
                self._write_record(stored)
        return stored

    def put(
        self,
        file: Path,
        key: str,
        *,
        made_from: str = "",
        facts: Mapping[str, Any] | None = None,
        sha256: str | None = None,
    ) -> StoredFile:
        """Move a finished file into place and record it; the same bytes again change nothing but the record.

        Args:
            file: A local file; it is moved, not copied, where the store is on the same disk.
            key: Path under the base.
            made_from: Digest of everything it was made from.
            facts: JSON values for the record.
            sha256: The file's hash, where the caller has just taken it.

        Raises:
            StorageError: No space, no permission, or the storage does not answer.
        """
        self._check_key(key)
        with _storage_errors(f"{self.base}/{key}"):
            stored = StoredFile(
                key=key,
                sha256=sha256 or sha256_of(file),
                bytes=file.stat().st_size,
                made_from=made_from,
                facts=dict(facts or {}),
            )
            earlier = self.find(key)
            if earlier == stored and self.is_whole(key):
                return stored
            target = self._path(key)
            if earlier is not None:
                self._fs.rm_file(self._path(_record_key(key)))
            if self.is_local:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                _move_into_place(file, Path(target))
            else:
                self._fs.put_file(str(file), target)
            self._write_record(stored)
        return stored

    def put_bytes(
        self, data: bytes, key: str, *, made_from: str = "", facts: Mapping[str, Any] | None = None
    ) -> StoredFile:
        """Keep a small value; as ``put``."""
        with self.scratch() as directory:
            file = directory / PurePosixPath(key).name
            with _storage_errors(str(file)):
                file.write_bytes(data)
            return self.put(file, key, made_from=made_from, facts=facts)

    def find(self, key: str) -> StoredFile | None:
        """Return the record of a stored file, or None; the file itself is not looked at."""
        self._check_key(key)
        try:
            with self._fs.open(self._path(_record_key(key)), "rb") as stream:
                values = json.loads(stream.read())
            return StoredFile(**values)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return None  # A record cut off by a crash counts as no record: the work is done again.

    def open(self, key: str) -> Path:
        """Return a local path that holds the stored file, its hash checked.

        Raises:
            DamagedMediaError: It is missing, or it is not the file that was recorded; the message names the asset.
        """
        stored = self.find(key)
        if stored is None:
            raise DamagedMediaError(f"{self._place(key)} is not there or was never finished: {_remedy(key)}")
        with _storage_errors(self._place(key)):
            path = self._fetch(stored)
        if path is None:
            raise DamagedMediaError(f"{self._place(key)} is gone though its record is there: {_remedy(key)}")
        found = sha256_of(path)
        if found != stored.sha256:
            if not self.is_local:
                path.unlink(missing_ok=True)
            raise DamagedMediaError(
                f"{self._place(key)} was damaged after it was made (SHA-256 {found[:12]}…, recorded "
                f"{stored.sha256[:12]}…): {_remedy(key)}"
            )
        return path

    def is_whole(self, key: str) -> bool:
        """Return whether a file is there and is the one that was recorded."""
        try:
            self.open(key)
        except DamagedMediaError:
            return False
        return True

    def kept(self, key: str, made_from: str) -> StoredFile | None:
        """Return the record of a file made from exactly this, if it is there and undamaged; else None."""
        stored = self.find(key)
        if stored is None or not made_from or stored.made_from != made_from or not self.is_whole(key):
            return None
        return stored

    def read_bytes(self, key: str) -> bytes:
        """Return a small value, its hash checked; raises as ``open``."""
        return self.open(key).read_bytes()

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of all recorded files under a prefix, sorted."""
        try:
            found = self._fs.find(self._path(prefix))
        except FileNotFoundError:
            return []
        records = [name for name in found if name.endswith(".json") and f"{name.removesuffix('.json')}" in set(found)]
        start = len(self._root) + 1
        return sorted(name.removesuffix(".json")[start:] for name in records)

    def remove(self, key: str) -> None:
        """Remove a file and its record; nothing happens where there is none."""
        for name in (_record_key(key), key):
            with _storage_errors(self._place(key)):
                try:
                    self._fs.rm_file(self._path(name))
                except FileNotFoundError:
                    continue

    def _fetch(self, stored: StoredFile) -> Path | None:
        if self.is_local:
            path = Path(self._path(stored.key))
            return path if path.is_file() else None
        try:
            # The remote object's own identity (ETag, size, time) is part of the name, so a copy of what used to be
            # there never hides that the object was replaced since.
            version = self._fs.ukey(self._path(stored.key))
        except FileNotFoundError:
            return None
        path = self._cache / "files" / stored.sha256 / version[:16] / PurePosixPath(stored.key).name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{uuid.uuid4().hex}")
            try:
                self._fs.get_file(self._path(stored.key), str(part))
            except FileNotFoundError:
                return None
            part.replace(path)
        return path

    def _write_record(self, stored: StoredFile) -> None:
        record = {
            "key": stored.key,
            "sha256": stored.sha256,
            "bytes": stored.bytes,
            "made_from": stored.made_from,
            "facts": dict(stored.facts),
        }
        data = json.dumps(record, indent=1, sort_keys=True, allow_nan=False).encode()
        path = self._path(_record_key(stored.key))
        if self.is_local:
            part = Path(path).with_name(f".{uuid.uuid4().hex}")
            part.write_bytes(data)
            part.replace(path)
        else:
            self._fs.pipe_file(path, data)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _place(self, key: str) -> str:
        return self._path(key) if self.is_local else f"{self.base.rstrip('/')}/{key}"

    @staticmethod
    def _check_key(key: str) -> None:
        parts = PurePosixPath(key).parts
        if not parts or PurePosixPath(key).is_absolute() or ".." in parts or "\\" in key or "\x00" in key:
            raise StorageError(f"{key!r} cannot be a storage key: it must stay inside the store")


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hex, without holding it in memory."""
    seen = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            seen.update(block)
    return seen.hexdigest()


def _record_key(key: str) -> str:
    return f"{key}.json"


def _remedy(key: str) -> str:
    parts = PurePosixPath(key).parts
    asset, listing = parts[0], parts[1] if len(parts) > 1 else ""
    return f"run the asset {asset} again for {listing or 'its listing'}"


def _move_into_place(file: Path, target: Path) -> None:
    """Move on one disk, or copy to a temporary name beside the target and rename."""
    try:
        os.replace(file, target)  # noqa: PTH105 - Path.replace hides which side EXDEV came from
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(f".{uuid.uuid4().hex}")
        try:
            shutil.copyfile(file, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        file.unlink()


@contextmanager
def _storage_errors(place: str) -> Iterator[None]:
    """Turn what the operating system or the remote storage says into one clear line."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{place}: the disk is full; free some space and run it again") from error
        if isinstance(error, PermissionError):
            raise StorageError(f"{place}: no permission to write or read here; check owner and credentials") from error
        raise StorageError(f"{place}: {error.strerror or error}") from error
