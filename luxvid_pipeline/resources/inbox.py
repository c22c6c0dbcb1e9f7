"""The inbox: where listings are dropped, a local folder or a prefix on S3, behind one protocol.

Belongs here: the protocol, the local folder, opening whichever ``LUXVID_INBOX`` names.
Does not belong here: S3 (``s3_inbox.py``), deciding what has arrived (``domain/arrivals.py``), requesting runs
(``automation/arrivals.py``).
"""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from luxvid_pipeline.domain.arrivals import REJECTED_NAME, SeenFile, SeenFolder, Wholeness, is_ignored
from luxvid_pipeline.domain.errors import InputError, SettingsError, StorageError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.media.file_samples import sample
from luxvid_pipeline.media.listing_folder import PHOTO_SUFFIXES, is_picture, read_manifest, seen_files

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource

_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
"""A file that was not there: folders are other people's, and what lies in them may be a link to anywhere."""


class Inbox(Protocol):
    """Folders in which listings arrive.

    Attributes:
        place: What to call it in messages: a path or an address.
        look_every_s: How long to wait between two looks; what a look costs decides.
    """

    place: str
    look_every_s: float

    def folders(self, after: str = "") -> Iterator[SeenFolder]:
        """Give the folders that sort after a name, in order, each looked at only when it is asked for.

        Raises:
            StorageError: The inbox cannot be read; one line says why and what to do.
        """
        ...

    def manifest(self, folder: SeenFolder) -> ListingManifest:
        """Return what a folder's ``listing.yaml`` says; an empty manifest where there is none.

        Raises:
            ListingError: It is unreadable; the message names line and field.
        """
        ...

    def pictures(self, folder: SeenFolder) -> tuple[str, ...]:
        """Return the names of a folder's files that are or claim to be pictures."""
        ...

    def contents(self, folder: SeenFolder) -> Mapping[str, tuple[str, Wholeness]]:
        """Return for each file a hash of its content, and whether it has come in to its end.

        Raises:
            OSError: A file went away meanwhile.
        """
        ...

    def say_rejected(self, name: str, text: str) -> None:
        """Put ``REJECTED.txt`` into a folder.

        Raises:
            StorageError: The inbox may only be read.
        """
        ...

    def take_back(self, name: str) -> None:
        """Remove ``REJECTED.txt`` from a folder; nothing happens where there is none."""
        ...

    def address(self, name: str) -> str:
        """Return a folder's path or address."""
        ...

    def holds(self, address: str) -> bool:
        """Return whether a folder of this address is in the inbox and holds anything."""
        ...

    def local_folder(self, name: str, listing: str) -> Path:
        """Return a local folder with everything a film of this listing needs.

        Raises:
            InputError: There is no such folder.
            StorageError: It cannot be fetched.
        """
        ...


def sorting_key(name: str) -> bytes:
    """Return what names sort by: bytes of the name and a slash, as S3 sorts the keys under a prefix."""
    return os.fsencode(name) + b"/"


class LocalInbox:
    """A folder of folders on this machine's disks."""

    look_every_s = 0.0

    def __init__(self, root: Path) -> None:
        """Watch a folder; it need not be there yet."""
        self.root = root
        self.place = str(root)

    def folders(self, after: str = "") -> Iterator[SeenFolder]:
        """Give the folders that sort after a name, in order; a scan a folder, and none is opened."""
        try:
            with os.scandir(self.root) as scanned:
                names = [entry.name for entry in scanned if not is_ignored(entry.name) and entry.is_dir()]
        except FileNotFoundError as error:
            raise StorageError(f"{self.root}: the inbox is not there; make this folder, or set LUXVID_INBOX") from error
        except OSError as error:
            raise StorageError(f"{self.root}: the inbox cannot be read: {error.strerror}") from error
        for name in sorted(names, key=sorting_key):
            if after and sorting_key(name) <= sorting_key(after):
                continue
            try:
                yield SeenFolder(name, seen_files(self.root / name))
            except (FileNotFoundError, NotADirectoryError):  # gone meanwhile
                continue
            except OSError as error:
                yield SeenFolder(name, trouble=f"it cannot be read ({error.strerror}); check its permissions")

    def manifest(self, folder: SeenFolder) -> ListingManifest:
        """Return what ``listing.yaml`` says."""
        return read_manifest(self.root / folder.name)

    def pictures(self, folder: SeenFolder) -> tuple[str, ...]:
        """Return the names of pictures; where no ending claims one, files are looked into."""
        claimed = pictures_by_name(folder.files)
        unsure = [file.name for file in folder.files if not Path(file.name).suffix]
        return (*claimed, *(name for name in unsure if is_picture(self.root / folder.name / name)))

    def contents(self, folder: SeenFolder) -> Mapping[str, tuple[str, Wholeness]]:
        """Hash a few blocks of each file; a link is hashed as a link, wherever it leads."""
        found: dict[str, tuple[str, Wholeness]] = {}
        for file in folder.files:
            path = self.root / folder.name / file.name
            if path.is_symlink() or not path.is_file():  # a pipe or a device would block whoever opens it
                found[file.name] = (f"{file.bytes} {file.stamp}", Wholeness.WHOLE)
            else:
                found[file.name] = sample(path)
        return found

    def say_rejected(self, name: str, text: str) -> None:
        """Write ``REJECTED.txt``, whole or not at all, and into this folder, wherever links of its uploader lead."""
        target = self.root / name / REJECTED_NAME
        part = target.with_name(f".{REJECTED_NAME}.{uuid.uuid4().hex}")
        try:
            with os.fdopen(os.open(part, _ANEW, 0o666), "w", encoding="utf-8", errors="replace") as stream:
                stream.write(text)
            part.replace(target)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise StorageError(
                f"{target} cannot be written: {error.strerror}; let the daemon write to this folder"
            ) from error

    def take_back(self, name: str) -> None:
        """Remove ``REJECTED.txt``."""
        try:
            (self.root / name / REJECTED_NAME).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{self.root / name / REJECTED_NAME} cannot be removed: {error.strerror}") from error

    def address(self, name: str) -> str:
        """Return the folder's path, links resolved."""
        return str((self.root / name).resolve())

    def holds(self, address: str) -> bool:
        """Return whether the folder is there."""
        return Path(address).is_dir()

    def local_folder(self, name: str, listing: str) -> Path:
        """Return the folder itself."""
        path = self.root / name
        if not path.is_dir():
            raise InputError(f"{path}: the photos of {listing!r} are no longer there; put the folder back")
        return path


def pictures_by_name(files: Sequence[SeenFile]) -> tuple[str, ...]:
    """Return the names that end as pictures do."""
    return tuple(file.name for file in files if Path(file.name).suffix.lower() in PHOTO_SUFFIXES)


def open_inbox(address: str, cache: Path, *, cache_bytes: float, s3: "S3Resource | None" = None) -> Inbox:
    """Return the inbox that an address names.

    Args:
        address: A path, or ``s3://bucket/prefix``.
        cache: Local directory for what has to be fetched.
        cache_bytes: How much may lie there.
        s3: How S3 is reached; by default as boto3 finds it.

    Raises:
        SettingsError: The address is of another kind.
    """
    if address.startswith("s3://"):
        from luxvid_pipeline.resources.s3_inbox import S3Inbox  # noqa: PLC0415 - boto3 takes a second to import

        return S3Inbox(address, cache / "inbox", cache_bytes=cache_bytes, s3=s3)
    if "://" in address:
        raise SettingsError(f"LUXVID_INBOX={address} is neither a path nor s3://bucket/prefix")
    return LocalInbox(Path(address))
