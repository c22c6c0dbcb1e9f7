"""Where each listing's photos lie.

Belongs here: remembering the folder a listing was rendered from, finding it again in the inbox.
Does not belong here: reading the folder (``media/listing_folder.py``), watching the inbox (``automation/``).
"""

import json
from pathlib import Path

from luxvid_pipeline.domain.errors import InputError, ListingKeyError
from luxvid_pipeline.domain.keys import check_listing_key, listing_key_from_name
from luxvid_pipeline.resources.settings import Settings


class ListingSources:
    """Listing keys to the folders they are made from."""

    def __init__(self, settings: Settings) -> None:
        """Remember folders under ``LUXVID_HOME``; look into the inbox for the others."""
        self._directory = settings.home / "listings"
        self._inbox = settings.inbox

    def register(self, listing: str, folder: Path) -> None:
        """Remember that a listing is made from a folder.

        Raises:
            InputError: The key already belongs to another folder that still exists; one film never replaces another
                because two folders have the same name.
        """
        folder = folder.resolve()
        earlier = self._registered(check_listing_key(listing))
        if earlier is not None and earlier != folder and earlier.is_dir():
            raise InputError(
                f"{folder}: the listing key {listing!r} already belongs to {earlier}; pass --listing KEY, or set "
                f"'listing:' in listing.yaml, to give this one its own"
            )
        self._directory.mkdir(parents=True, exist_ok=True)
        part = self._file(listing).with_suffix(".part")
        part.write_text(json.dumps({"folder": str(folder)}))
        part.replace(self._file(listing))

    def folder(self, listing: str) -> Path:
        """Return the folder a listing is made from.

        Raises:
            InputError: Nobody said where its photos are, or they are no longer there.
        """
        folder = self._registered(check_listing_key(listing))
        if folder is not None and folder.is_dir():
            return folder
        inbox = Path(self._inbox)
        if "://" not in self._inbox and inbox.is_dir():
            for candidate in sorted(inbox.iterdir()):
                if candidate.is_dir() and _key_of(candidate) == listing:
                    return candidate
        if folder is not None:
            raise InputError(f"{folder}: the photos of {listing!r} are no longer there; put the folder back")
        raise InputError(
            f"no photos are known for the listing {listing!r}: run 'luxvid render FOLDER --listing {listing}', or put "
            f"them into {self._inbox}/{listing}"
        )

    def _registered(self, listing: str) -> Path | None:
        try:
            return Path(json.loads(self._file(listing).read_text())["folder"])
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def _file(self, listing: str) -> Path:
        return self._directory / f"{listing}.json"


def _key_of(folder: Path) -> str | None:
    try:
        return listing_key_from_name(folder.name)
    except ListingKeyError:
        return None
