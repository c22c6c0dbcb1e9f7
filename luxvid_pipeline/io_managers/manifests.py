"""The checked manifest of a listing, as it was when its photos came in.

Belongs here: where it is kept, and reading it back.
Does not belong here: what a manifest may say (``domain/listing.py``), reading ``listing.yaml`` (``media/``).
"""

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
    return ListingManifest.model_validate_json(store.read_bytes(manifest_key(listing)))
