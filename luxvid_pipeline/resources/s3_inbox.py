"""The inbox on S3: a listing is a prefix, ``s3://bucket/prefix/<listing>/…``.

Belongs here: listing keys page by page, reading and putting single objects, fetching a listing into a bounded place.
Does not belong here: the protocol and the local folder (``inbox.py``), deciding what has arrived.

An object is there whole or not at all, so nothing here is ever half copied; its ETag stands for its content.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import boto3.session
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from dagster_aws.s3 import S3Resource
from filelock import FileLock

from luxvid_pipeline.domain.arrivals import REJECTED_NAME, SeenFile, SeenFolder, Wholeness, is_ignored, is_inside
from luxvid_pipeline.domain.errors import InputError, ListingError, SettingsError, StorageError
from luxvid_pipeline.domain.listing import MANIFEST_NAME, ListingManifest, parse_manifest
from luxvid_pipeline.media.listing_folder import visible_names
from luxvid_pipeline.media.photos import LARGEST_FILE_BYTES
from luxvid_pipeline.resources.inbox import pictures_by_name

_CONNECT_S, _READ_S, _ATTEMPTS = 3, 10, 2  # a sensor's tick has 60 seconds
_LARGEST_MANIFEST_BYTES = 1_000_000
_AT_ONCE = 8
_LONGEST_NAME = 255  # bytes, on every file system of Linux and macOS
_IN_USE_S = 3600.0
_RECORD = ".fetched.json"
_NOT_NEEDED = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".zip", ".rar", ".7z", ".pdf", ".psd", ".docx")
_REFUSED_KEYS = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403"}
)

# Reading the description of S3's interface takes most of the time a client takes to make, and it never changes.
_DESCRIPTIONS = botocore.session.Session().get_component("data_loader")


def s3_client(s3: S3Resource) -> Any:
    """Return a client as the resource describes it, but one that gives up in time for a sensor's tick."""
    session = botocore.session.Session(profile=s3.profile_name)
    session.register_component("data_loader", _DESCRIPTIONS)
    return boto3.session.Session(botocore_session=session).client(
        "s3",
        region_name=s3.region_name,
        use_ssl=s3.use_ssl,
        verify=s3.verify,
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.aws_access_key_id,
        aws_secret_access_key=s3.aws_secret_access_key,
        aws_session_token=s3.aws_session_token,
        config=Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"max_attempts": min(s3.max_attempts, _ATTEMPTS), "mode": "standard"},
            max_pool_connections=2 * _AT_ONCE,
            signature_version=UNSIGNED if s3.use_unsigned_session else None,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Object:
    name: str
    bytes: int
    etag: str


class S3Inbox:
    """A prefix of a bucket whose sub-prefixes are listings."""

    look_every_s = 10.0
    """A look lists every key: a request a thousand, each of which is charged for."""

    def __init__(self, address: str, cache: Path, *, cache_bytes: float, s3: S3Resource | None = None) -> None:
        """Watch a prefix; nothing is asked before the first look.

        Args:
            address: ``s3://bucket/prefix``; the prefix may be empty.
            cache: Local directory for the listings that are being read.
            cache_bytes: How much may lie there.
            s3: How S3 is reached; by default as boto3 finds it.

        Raises:
            SettingsError: The address names no bucket.
        """
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not self._bucket:
            raise SettingsError(f"LUXVID_INBOX={address} names no bucket; write s3://bucket/prefix")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.place = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._s3 = s3 or S3Resource()
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:
            with self._errors():
                self._made = s3_client(self._s3)
        return self._made

    def folders(self, after: str = "") -> Iterator[SeenFolder]:
        """Give the listings that sort after a name, in order; a request for every thousand keys."""
        start = f"{self._prefix}{after}0" if after else ""  # "0" is the character after "/"
        name = ""
        objects: list[_Object] = []
        for found in self._objects(self._prefix, start):
            folder, slash, rest = found.name.partition("/")
            if not slash or not folder:
                continue
            if folder != name:
                if name and not is_ignored(name):
                    yield _seen(name, objects)
                name, objects = folder, []
            if rest:
                objects.append(_Object(rest, found.bytes, found.etag))
        if name and not is_ignored(name):
            yield _seen(name, objects)

    def manifest(self, folder: SeenFolder) -> ListingManifest:
        """Return what ``listing.yaml`` says; one request."""
        found = next((file for file in folder.files if file.name == MANIFEST_NAME), None)
        if found is None:
            misnamed = {"listing.yml", "Listing.yaml", "listing.yaml.txt"} & {file.name for file in folder.files}
            if misnamed:
                raise ListingError(f"{min(misnamed)} in {folder.name} would not be read; rename it to {MANIFEST_NAME}")
            return ListingManifest()
        if found.bytes > _LARGEST_MANIFEST_BYTES:
            raise ListingError(f"{MANIFEST_NAME} in {folder.name} is larger than 1 MB; it should be a page of text")
        with self._errors():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(folder.name, MANIFEST_NAME))
            content: bytes = answer["Body"].read()
        try:
            return parse_manifest(content.decode("utf-8-sig"), MANIFEST_NAME)
        except UnicodeDecodeError as error:
            raise ListingError(
                f"{MANIFEST_NAME} in {folder.name} is not UTF-8 text (byte {error.start}); save it so"
            ) from error

    def pictures(self, folder: SeenFolder) -> tuple[str, ...]:
        """Return the names that end as pictures do; nothing is fetched to look into it."""
        return pictures_by_name(folder.files)

    def contents(self, folder: SeenFolder) -> Mapping[str, tuple[str, Wholeness]]:
        """Return each object's ETag and size; raises an InputError for names that no disk can hold."""
        _check_names(self.address(folder.name), [file.name for file in folder.files])
        return {file.name: (f"{file.stamp} {file.bytes}", Wholeness.WHOLE) for file in folder.files}

    def say_rejected(self, name: str, text: str) -> None:
        """Put ``REJECTED.txt`` as an object."""
        with self._errors():
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key(name, REJECTED_NAME),
                Body=text.encode(),
                ContentType="text/plain; charset=utf-8",
            )

    def take_back(self, name: str) -> None:
        """Delete ``REJECTED.txt``; S3 does not mind if there is none."""
        with self._errors():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name, REJECTED_NAME))

    def address(self, name: str) -> str:
        """Return ``s3://bucket/prefix/name``."""
        return f"{self.place}/{name}"

    def holds(self, address: str) -> bool:
        """Return whether anything lies under an address of this inbox."""
        if not address.startswith(f"{self.place}/"):
            return False
        name = address.removeprefix(f"{self.place}/")
        with self._errors():
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._key(name, ""), MaxKeys=2)
        return any(not each["Key"].endswith(f"/{REJECTED_NAME}") for each in found.get("Contents", ()))

    def local_folder(self, name: str, listing: str) -> Path:
        """Fetch a listing, or what has changed of it; films and archives beside the photos are left where they are."""
        there = [found for found in self._objects(self._key(name, ""), "") if is_inside(found.name)]
        visible = set(visible_names([found.name for found in there]))
        wanted = [each for each in there if each.name in visible and not each.name.lower().endswith(_NOT_NEEDED)]
        if not wanted:
            raise InputError(f"{self.address(name)}: the photos of {listing!r} are no longer there; put them back")
        _check_names(self.address(name), [each.name for each in wanted])
        into = self._cache / listing
        needed = sum(each.bytes for each in wanted if each.bytes <= LARGEST_FILE_BYTES)
        if needed > self._cache_bytes:
            raise StorageError(
                f"{self.address(name)}: its {needed / 1e9:.1f} GB do not fit into the cache of "
                f"{self._cache_bytes / 1e9:.1f} GB; raise LUXVID_CACHE_GB"
            )
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            with FileLock(self._cache / f"{listing}.lock"):
                self._make_room(into, needed)
                self._fetch(name, wanted, into)
        except OSError as error:
            raise StorageError(
                f"{into}: {self.address(name)} cannot be kept here: {error.strerror or error}; free some space"
            ) from error
        return into

    def _fetch(self, name: str, wanted: Sequence[_Object], into: Path) -> None:
        have = _record_of(into)
        into.mkdir(parents=True, exist_ok=True)
        (into / _RECORD).unlink(missing_ok=True)
        names = {each.name for each in wanted}
        done: dict[str, list[Any]] = {}
        for file in [path for path in into.rglob("*") if path.is_file()]:
            if file.relative_to(into).as_posix() not in names:
                file.unlink()
        for folder in sorted((path for path in into.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):  # it holds something
                folder.rmdir()  # an object may have its name now

        def fetch(each: _Object) -> None:
            target = into / each.name
            if have.get(each.name) == [each.etag, each.bytes] and target.is_file():
                done[each.name] = [each.etag, each.bytes]
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{hashlib.sha256(target.name.encode()).hexdigest()}.part")
            if each.bytes > LARGEST_FILE_BYTES:
                with part.open("wb") as stream:
                    stream.truncate(each.bytes)  # refused for its size, by whoever reads the photos
            else:
                with self._errors():
                    self._client.download_file(self._bucket, self._key(name, each.name), str(part))
            part.replace(target)
            done[each.name] = [each.etag, each.bytes]

        try:
            with ThreadPoolExecutor(_AT_ONCE, "fetch-listing") as pool:
                list(pool.map(fetch, wanted))
        finally:
            (into / _RECORD).write_text(json.dumps(done))

    def _make_room(self, into: Path, needed: int) -> None:
        """Remove the listings not read for longest until this one fits; those of the last hour may be in use."""
        others: list[tuple[float, int, Path]] = []
        for record in self._cache.glob(f"*/{_RECORD}"):
            folder = record.parent
            if folder != into:
                size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                others.append((record.stat().st_mtime, size, folder))
        held = sum(size for _, size, _ in others)
        for read_at, size, folder in sorted(others):
            if held + needed <= self._cache_bytes or time.time() - read_at < _IN_USE_S:
                break
            shutil.rmtree(folder, ignore_errors=True)
            held -= size

    def _objects(self, prefix: str, start: str) -> Iterator[_Object]:
        """Give every object under a prefix, its name relative to it, page by page."""
        more: dict[str, str] = {"StartAfter": start} if start else {}
        while True:
            with self._errors():
                page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **more)
            for found in page.get("Contents", ()):
                yield _Object(found["Key"].removeprefix(prefix), found["Size"], found["ETag"].strip('"'))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _key(self, name: str, file: str) -> str:
        return f"{self._prefix}{name}/{file}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what S3 says into one clear line."""
        try:
            yield
        except NoCredentialsError as error:
            raise StorageError(f"{self.place}: no credentials for S3; set AWS_ACCESS_KEY_ID and its secret") from error
        except ClientError as error:
            said: Any = error.response.get("Error", {})
            code = str(said.get("Code", ""))
            if code == "NoSuchBucket":
                remedy = f"there is no bucket {self._bucket!r}; make it, or set LUXVID_INBOX"
            elif code in _REFUSED_KEYS:
                remedy = f"S3 refuses the credentials ({code}); check the AWS keys and what they are allowed to do"
            else:
                remedy = f"S3 answered {code}: {said.get('Message', '')}"
            raise StorageError(f"{self.place}: {remedy}") from error
        except BotoCoreError as error:
            what = " ".join(str(error).split())
            raise StorageError(
                f"{self.place}: S3 is not reached ({what}); check the network and its address"
            ) from error


def _seen(name: str, objects: Sequence[_Object]) -> SeenFolder:
    visible = set(visible_names([found.name for found in objects]))
    files = (SeenFile(each.name, each.bytes, each.etag) for each in objects if each.name in visible)
    return SeenFolder(name, tuple(file for file in files if is_inside(file.name)))


def _check_names(where: str, names: Sequence[str]) -> None:
    """Raise an InputError for objects that cannot lie on a disk as they are named; S3 takes any name."""
    needed = [name for name in names if not name.lower().endswith(_NOT_NEEDED)]
    folders = {parent.as_posix() for name in needed for parent in PurePosixPath(name).parents}
    both = next((name for name in needed if name in folders), None)
    if both is not None:
        raise InputError(
            f"{where}/{both} is an object, and there are others under {both}/: no disk can hold both; rename or "
            "delete one of them"
        )
    long = next(
        (name for name in needed if any(len(os.fsencode(part)) > _LONGEST_NAME for part in name.split("/"))), ""
    )
    if long:
        raise InputError(
            f"{where}/{long} has a name of more than {_LONGEST_NAME} bytes, which no disk can hold; shorten it"
        )


def _record_of(folder: Path) -> dict[str, list[Any]]:
    try:
        return json.loads((folder / _RECORD).read_text())
    except (FileNotFoundError, ValueError):
        return {}
