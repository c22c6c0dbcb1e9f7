"""Where each listing's photos lie.

Belongs here: remembering the folder a listing was rendered from or arrived in, finding it again in the inbox; what is
known of folders that were rejected; fetching photos that are given by reference.
Does not belong here: reading the folder (``media/listing_folder.py``), watching the inbox (``automation/``).
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from luxvid_pipeline.domain.arrivals import Rejection, SeenFolder, plain_name
from luxvid_pipeline.domain.errors import InputError, ListingError, ListingKeyError, StorageError
from luxvid_pipeline.domain.keys import check_listing_key, listing_key_from_name
from luxvid_pipeline.media.file_samples import sample
from luxvid_pipeline.media.listing_folder import ListingFolder, seen_files
from luxvid_pipeline.media.remote_photos import AddressPolicy, RemotePhotos
from luxvid_pipeline.resources.inbox import Inbox, LocalInbox, open_inbox
from luxvid_pipeline.resources.settings import Settings

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource


class ListingSources:
    """Listing keys to the folders they are made from."""

    def __init__(
        self, settings: Settings, *, s3: "S3Resource | None" = None, policy: AddressPolicy | None = None
    ) -> None:
        """Remember folders under ``LUXVID_HOME``; look into the inbox for the others.

        Args:
            settings: The environment.
            s3: How an inbox on S3 is reached; by default as boto3 finds it.
            policy: From where photos may be fetched; by default public addresses of ``LUXVID_SOURCE_HOSTS``.
        """
        self.settings = settings
        self._directory = settings.home / "listings"
        self._rejections = settings.home / "rejections"
        self._s3 = s3
        self._inbox: Inbox | None = None
        self._policy = policy or AddressPolicy(hosts=settings.source_hosts)

    @property
    def inbox(self) -> Inbox:
        """The inbox, opened at the first question.

        Raises:
            SettingsError: ``LUXVID_INBOX`` is neither a path nor on S3.
        """
        if self._inbox is None:
            settings = self.settings
            self._inbox = open_inbox(settings.inbox, settings.cache, cache_bytes=settings.cache_gb * 1e9, s3=self._s3)
        return self._inbox

    def register(self, listing: str, folder: Path | str) -> None:
        """Remember that a listing is made from a folder.

        Args:
            listing: Listing key.
            folder: A local folder, or an address inside the inbox.

        A copy of the folder is the same listing: rendered in a terminal, it may be dropped into the inbox as well, and
        the other way round. Of the two, the one in the inbox is remembered.

        Raises:
            InputError: The key already belongs to another folder that still exists; one film never replaces another
                because two folders have the same name.
        """
        place = str(folder) if "://" in str(folder) else str(Path(folder).resolve())
        earlier = self._registered(check_listing_key(listing))
        if earlier == place:
            return
        if earlier is not None and self._is_there(earlier):
            if self._is_copy(place, earlier):
                if not self._lies_in_inbox(earlier):
                    self._remember(listing, place)
                return
            raise InputError(
                f"{place}: the listing key {listing!r} already belongs to {earlier}; set another 'listing:' in "
                "listing.yaml, or pass --listing KEY to 'luxvid render', to give this one its own"
            )
        self._remember(listing, place)

    def forget(self, listing: str, folder: str) -> None:
        """Give a key back that a folder had before it took another one."""
        if self._registered(check_listing_key(listing)) == folder:
            self._file(listing).unlink(missing_ok=True)

    def folder(self, listing: str) -> Path:
        """Return the folder a listing is made from; one on S3 is fetched first.

        Raises:
            InputError: Nobody said where its photos are, or they are no longer there.
            StorageError: The inbox cannot be read.
        """
        place = self._registered(check_listing_key(listing))
        if place is not None and "://" not in place and Path(place).is_dir():
            return Path(place)
        name = self._name_in_inbox(listing, place)
        if name is not None:
            return self.inbox.local_folder(name, listing)
        if place is not None:
            raise InputError(f"{place}: the photos of {listing!r} are no longer there; put the folder back")
        raise InputError(
            f"no photos are known for the listing {listing!r}: run 'luxvid render FOLDER --listing {listing}', or put "
            f"them into {self.settings.inbox}/{listing}"
        )

    def fetch(self, folder: ListingFolder, into: Path) -> ListingFolder:
        """Return a listing's folder with the photos it gives by reference among the others.

        Args:
            folder: From ``read_listing_folder``.
            into: Local directory that keeps what was fetched.

        Raises:
            StorageError: ``into`` cannot be written.
        """
        if not folder.to_fetch:
            return folder
        fetched = RemotePhotos(into, self._policy).fetch(folder.to_fetch)
        return folder.with_fetched(fetched.files, fetched.refused)

    def remember_rejection(self, rejection: Rejection) -> None:
        """Keep why a folder of the inbox was rejected, for ``luxvid status``."""
        self._rejections.mkdir(parents=True, exist_ok=True)
        part = self._rejection_file(rejection.folder).with_suffix(".part")
        part.write_text(json.dumps({"folder": rejection.folder, "reason": rejection.reason}))
        part.replace(self._rejection_file(rejection.folder))

    def forget_rejection(self, folder: str) -> None:
        """Forget a rejection: the folder was accepted, or is gone."""
        self._rejection_file(folder).unlink(missing_ok=True)

    def rejection(self, folder: str) -> Rejection | None:
        """Return why a folder of the inbox is rejected now, or None."""
        return _rejection_in(self._rejection_file(folder))

    def rejections(self) -> list[Rejection]:
        """Return the folders of the inbox that are rejected now, by name."""
        found = (_rejection_in(file) for file in self._rejections.glob("*.json"))
        return sorted((each for each in found if each is not None), key=lambda rejection: rejection.folder)

    def _name_in_inbox(self, listing: str, place: str | None) -> str | None:
        inbox = self.inbox
        if place is not None and "://" in place:
            if not inbox.holds(place):
                return None
            return place.rsplit("/", 1)[-1]
        if isinstance(inbox, LocalInbox) and not inbox.root.is_dir():
            return None
        others: list[SeenFolder] = []
        for seen in inbox.folders():
            if _key_of(seen.name) == listing and self._said_key(seen) in {None, listing}:
                return seen.name
            if seen.has_manifest:
                others.append(seen)
        return next((seen.name for seen in others if self._said_key(seen) == listing), None)

    def _said_key(self, seen: SeenFolder) -> str | None:
        try:
            return self.inbox.manifest(seen).listing if seen.has_manifest else None
        except ListingError:
            return None

    def _is_there(self, place: str) -> bool:
        if "://" not in place:
            return Path(place).is_dir()
        try:
            return self.inbox.holds(place)
        except StorageError:
            return True  # nobody can tell, so the key stays where it is

    def _is_copy(self, place: str, earlier: str) -> bool:
        """Whether two folders on this machine's disks hold the same files, not both in the inbox."""
        if "://" in place + earlier or (self._lies_in_inbox(place) and self._lies_in_inbox(earlier)):
            return False
        try:
            one, other = _samples(Path(place)), _samples(Path(earlier))
        except OSError:
            return False
        return bool(one) and one == other

    def _lies_in_inbox(self, place: str) -> bool:
        inbox = self.inbox
        return isinstance(inbox, LocalInbox) and Path(place).is_relative_to(inbox.root.resolve())

    def _remember(self, listing: str, place: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        part = self._file(listing).with_suffix(".part")
        part.write_text(json.dumps({"folder": place}))
        part.replace(self._file(listing))

    def _registered(self, listing: str) -> str | None:
        try:
            return str(json.loads(self._file(listing).read_text())["folder"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _file(self, listing: str) -> Path:
        return self._directory / f"{listing}.json"

    def _rejection_file(self, folder: str) -> Path:
        name = hashlib.sha256(folder.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        return self._rejections / f"{name}.json"


def _key_of(name: str) -> str | None:
    try:
        return listing_key_from_name(name)
    except ListingKeyError:
        return None


def _samples(folder: Path) -> dict[str, str]:
    """Return what a few blocks of each file tell; what is no file, such as a link, is nothing that can be compared."""
    names = [file.name for file in seen_files(folder)]
    if any((folder / name).is_symlink() or not (folder / name).is_file() for name in names):
        return {}
    return {plain_name(name): sample(folder / name)[0] for name in names}


def _rejection_in(file: Path) -> Rejection | None:
    try:
        values = json.loads(file.read_text())
        return Rejection(folder=values["folder"], reason=values["reason"])
    except (FileNotFoundError, ValueError, KeyError):
        return None  # taken back meanwhile, or cut off by a crash; the next look writes it again
