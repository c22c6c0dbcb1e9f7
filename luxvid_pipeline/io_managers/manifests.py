"""The checked manifest of a listing, as it was when its photos came in.

Belongs here: where it is kept, and reading it back.
Does not belong here: what a manifest may say (``domain/listing.py``), reading ``listing.yaml`` (``media/``).
"""

from pydantic import ValidationError

from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.io_managers.store import MediaStore


def manifest_key(listing: str) -> str:
    """Return where ``listing_photos`` keeps the checked manifest for the stages after it."""
    return f"listing_photos/{listing}/manifest.json"


def manifest_of(store: MediaStore, listing: str) -> ListingManifest:
    """Return the manifest as it was when the photos came in.

    Raises:
        DamagedMediaError: The listing's photos were never read, or the file is damaged.
    """
    key = manifest_key(listing)
    try:
        return ListingManifest.model_validate_json(store.read_bytes(key))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        field = ".".join(str(step) for step in fault["loc"])
        raise DamagedMediaError(
            f"{key}: {field or 'what listing.yaml said'} can no longer be used ({fault['msg']}); run the asset "
            f"listing_photos of {listing!r} again"
        ) from error
