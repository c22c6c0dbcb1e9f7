"""The media store as the settings ask for it.

Belongs here: settings to a ``MediaStore``.
Does not belong here: the store itself (``io_managers/store.py``).
"""

from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.resources.settings import Settings


def open_media_store(settings: Settings) -> MediaStore:
    """Return the store under ``LUXVID_MEDIA`` with its cache; nothing is written yet.

    Raises:
        StorageError: There is no storage of that kind, or its package is not installed.
    """
    return MediaStore(settings.media, settings.cache, cache_limit_bytes=int(settings.cache_gb * 1e9))
