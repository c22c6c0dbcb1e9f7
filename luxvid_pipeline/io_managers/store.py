# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportDeprecated=false
"""Where values are kept: files under one base address, on local disk or S3, each with its record.

Belongs here: moving a finished file into place, its hash and record beside it, checking the hash when it is read,
scratch space, what a storage's own errors mean.
Does not belong here: what a value means (``values.py``), Dagster, the cache of remote files (``cache.py``).

A stored file ``a/b.mp4`` has a record ``a/b.mp4.json``: its SHA-256, size, what it was made from, and facts. The
record is removed before the file is replaced and written after it, so a crash in between leaves a file without a
record, which counts as not there; a file is never found together with another file's record. On S3 an object appears
whole or not at all; what an interrupted upload leaves is invisible, and a lifecycle rule for incomplete multipart
uploads removes it.
"""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from luxvid_pipeline.domain.errors import DamagedMediaError, StorageError
from luxvid_pipeline.io_managers.cache import FileCache

CACHE_LIMIT_BYTES = 20 * 10**9

# Files from twice this size on are sent in parts, ten at a time; the library's own 50 MB would take 500 MB of memory.
_PART_BYTES = 8 << 20


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
        cache_limit_bytes: How much of a remote store is kept there; files that this object gave out stay until it is
            gone.
    """

    def __init__(self, base: str, cache: Path, *, cache_limit_bytes: int = CACHE_LIMIT_BYTES) -> None:
        """Open the store; nothing is created before the first file is kept.

        Raises:
            StorageError: There is no storage of that kind, or its package is not installed.
        """
        try:
            # Listings are not cached: another process may have written since.
            filesystem, root = fsspec.core.url_to_fs(base, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StorageError(
                f"{base}: {error}; for S3 install 'luxvid-pipeline[s3]', or set LUXVID_MEDIA to a path"
            ) from error
        self._fs: Any = filesystem
        self._root = str(root).rstrip("/")
        self._cache = FileCache(cache, cache_limit_bytes)
        self.base = base
        self.is_local = isinstance(filesystem, LocalFileSystem)
        self._parts: dict[str, int] = {} if "s3" not in _protocols(filesystem) else {"chunksize": _PART_BYTES}

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a fresh local directory, on the store's own disk where it is local, removed afterwards."""
        directory = Path(self._root) / ".scratch" / uuid.uuid4().hex if self.is_local else self._cache.scratch()
        with storage_errors(str(directory)):
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
        if self.is_local:
            return Path(self._root).joinpath(*PurePosixPath(key).parts)
        return self._cache.workshop(key)

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
        with storage_errors(self._place(key)):
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
        with storage_errors(f"{self.base}/{key}"):
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
                with suppress(FileNotFoundError):  # another process, which puts the same, was quicker
                    self._fs.rm_file(self._path(_record_key(key)))
            if self.is_local:
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                _move_into_place(file, Path(target))
            else:
                self._fs.put_file(str(file), target, **self._parts)
                self._copy_into_cache(file, stored)
            self._write_record(stored)
        return stored

    def put_bytes(
        self, data: bytes, key: str, *, made_from: str = "", facts: Mapping[str, Any] | None = None
    ) -> StoredFile:
        """Keep a small value; as ``put``."""
        with self.scratch() as directory:
            file = directory / PurePosixPath(key).name
            with storage_errors(str(file)):
                file.write_bytes(data)
            return self.put(file, key, made_from=made_from, facts=facts)

    def check_room(self, least_bytes: int) -> None:
        """Return unless the disk on which files are made, or kept, certainly does not take so many bytes.

        Raises:
            StorageError: It does not; the message names the place and the remedy.
        """
        place = Path(self._root) if self.is_local else self._cache.root
        with storage_errors(str(place)):
            there = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
            if not os.access(there, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
            free = shutil.disk_usage(there).free
            if free < least_bytes:
                raise StorageError(
                    f"{place}: the disk is full, {free / 1e6:.0f} MB of it are free and {least_bytes / 1e6:.0f} are "
                    "needed; free some space and run it again"
                )

    def make_lasting(self, key: str) -> None:
        """Have a stored file, its record and their names on the disk itself, so that no power failure takes them back.

        For what cannot be made again for nothing; a remote store has done so once it took the file.

        Raises:
            StorageError: The disk does not take it.
        """
        self._check_key(key)
        if not self.is_local:
            return
        file, root = Path(self._path(key)), Path(self._root)
        folders = [folder for folder in file.parents if folder.is_relative_to(root)]
        with storage_errors(self._place(key)):
            for place in (file, Path(self._path(_record_key(key))), *folders):
                _sync(place)
            with suppress(PermissionError):  # the store may be all that this user may read
                _sync(root.parent)

    def find(self, key: str) -> StoredFile | None:
        """Return the record of a stored file, or None; the file itself is not looked at."""
        self._check_key(key)
        with storage_errors(self._place(key)):
            try:
                data = self._fs.cat_file(self._path(_record_key(key)))
            except FileNotFoundError:
                return None
        try:
            # Where it lies says which file it is of: a record may have been copied, or forged.
            return replace(StoredFile(**json.loads(data)), key=key)
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
        with storage_errors(self._place(key)):
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
        found = set(self._names(prefix))
        return sorted(name for name in found if f"{name}.json" in found)

    def folders(self) -> list[str]:
        """Return the names of the directories right under the base, sorted.

        Raises:
            StorageError: The storage cannot be listed.
        """
        with storage_errors(self.base):
            try:
                found = self._fs.ls(self._root, detail=True)
            except FileNotFoundError:
                return []
        return sorted(
            str(entry["name"]).rstrip("/").rpartition("/")[2] for entry in found if entry["type"] == "directory"
        )

    def remove(self, key: str) -> None:
        """Remove a file and its record; nothing happens where there is none."""
        for name in (_record_key(key), key):
            with storage_errors(self._place(key)):
                try:
                    self._fs.rm_file(self._path(name))
                except FileNotFoundError:
                    continue

    def clear(self, prefix: str) -> int:
        """Remove everything under a directory-like prefix, recorded or not, and what is cached of it.

        Each record goes before its file, so that a crash in between leaves nothing that looks finished.

        Returns:
            How many files went, records included.

        Raises:
            StorageError: The storage does not let it be removed.
        """
        self._check_key(prefix)
        names = self._names(prefix)
        kept = {name: stored for name in names if f"{name}.json" in names and (stored := self.find(name))}
        for name in sorted(names, key=lambda name: (name.removesuffix(".json") not in kept, name)):
            with storage_errors(self._place(name)):
                try:
                    self._fs.rm_file(self._path(name))
                except FileNotFoundError:
                    continue
        if self.is_local:
            shutil.rmtree(self._path(prefix), ignore_errors=True)
        else:
            for stored in kept.values():
                self._cache.forget_file(stored.sha256)
            self._cache.forget(prefix)
        return len(names)

    def _names(self, prefix: str) -> list[str]:
        """Every file under a prefix, records too, as paths under the base."""
        # With the slash: on S3, villa-2 begins with villa.
        with storage_errors(self._place(prefix)):
            try:
                found: list[str] = self._fs.find(f"{self._path(prefix).rstrip('/')}/" if prefix else self._root)
            except FileNotFoundError:
                return []
        start = len(self._root) + 1
        return sorted(name[start:] for name in found)

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
        path = self._cache.place(stored.sha256, version[:16], PurePosixPath(stored.key).name)
        if not path.is_file():
            part = path.with_name(f".{uuid.uuid4().hex}")
            try:
                self._fs.get_file(self._path(stored.key), str(part), **self._parts)
                part.replace(path)
            except FileNotFoundError:
                return None
            finally:
                part.unlink(missing_ok=True)
            self._cache.has_grown(stored.bytes)
        return path

    def _copy_into_cache(self, file: Path, stored: StoredFile) -> None:
        """Keep what was just sent, so that the next stage need not fetch it; it is only a saving."""
        version = str(self._fs.ukey(self._path(stored.key)))
        path = self._cache.place(stored.sha256, version[:16], PurePosixPath(stored.key).name)
        if path.is_file():
            return
        part = path.with_name(f".{uuid.uuid4().hex}")
        try:
            os.link(file, part)
        except OSError:
            shutil.copyfile(file, part)
        part.replace(path)
        self._cache.has_grown(stored.bytes)

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
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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


def _sync(place: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network disks sync files, and no folders
            raise
    finally:
        os.close(descriptor)


def _protocols(filesystem: Any) -> tuple[str, ...]:
    found = filesystem.protocol
    return (found,) if isinstance(found, str) else tuple(found)


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Turn what the operating system or the remote storage says into one clear line."""
    try:
        yield
    except FileNotFoundError as error:
        if "bucket does not exist" not in str(error):
            raise
        raise StorageError(f"{place}: there is no such bucket; create it, or correct the address") from error
    except PermissionError as error:
        raise StorageError(f"{place}: no permission ({_words(error)}); {_ACCESS}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{place}: the disk is full; free some space and run it again") from error
        raise StorageError(f"{place}: {_words(error)}") from error
    except Exception as error:
        # Raised by the storage's client before fsspec made an OSError of it: no credentials, no connection.
        if type(error).__module__.partition(".")[0] not in _CLIENTS:
            raise
        raise StorageError(f"{place}: {_words(error)}; {_ACCESS}") from error


_CLIENTS = ("botocore", "aiobotocore", "aiohttp", "s3fs")
_ACCESS = (
    "check the owner of a local path, and for S3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL and the "
    "rights to get, put, delete and list"
)


def _words(error: Exception) -> str:
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return " ".join(said.split()).rstrip(".")
