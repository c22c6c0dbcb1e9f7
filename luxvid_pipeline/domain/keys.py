"""Names that become partition keys and paths: minted and checked in one place.

Belongs here: listing keys, the two-dimensional key of a listing's scene, digests of what something is made from.
Does not belong here: paths (``io_managers/store.py``), Dagster's partition classes (``partitions.py``).
"""

import hashlib
import json
import re
import unicodedata
from typing import Any

from luxvid_pipeline.domain.errors import ListingKeyError

_KEY = re.compile(r"[a-z0-9-]{1,64}")


def check_listing_key(key: str) -> str:
    """Return ``key`` if it may name a listing.

    Dagster itself accepts ``..``, ``/``, ``|`` and commas, each of which breaks something later: keys become paths,
    and ``|`` separates the dimensions of a multi-partition key.

    Raises:
        ListingKeyError: It is not ``[a-z0-9-]{1,64}``.
    """
    if not _KEY.fullmatch(key):
        raise ListingKeyError(
            f"{key!r} cannot be a listing key: use 1 to 64 of a-z, 0-9 and '-', for example {_suggestion(key)!r}"
        )
    return key


def listing_key_from_name(name: str) -> str:
    """Return the slug of a folder's name, for listings whose manifest gives no key.

    Raises:
        ListingKeyError: Nothing usable is left of the name (``"…"``).
    """
    slug = _slug(name)
    if not slug:
        raise ListingKeyError(
            f"no listing key can be made from the name {name!r}: set 'listing:' in listing.yaml or pass --listing"
        )
    return slug


def scene_partition_key(listing: str, scene: str) -> str:
    """Return Dagster's key of one scene of one listing; dimensions sort by name, so the listing comes first."""
    return f"{check_listing_key(listing)}|{scene}"


def digest(value: Any) -> str:
    """Return the SHA-256, in hex, of a value made of JSON's types, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")


def _suggestion(key: str) -> str:
    return _slug(key) or "my-listing"
