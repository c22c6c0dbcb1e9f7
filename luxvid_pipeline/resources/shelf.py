"""Where paid results are kept for good: in the media store, beside everything else.

Belongs here: ``domain.payments.Shelf`` on a ``MediaStore``.
Does not belong here: what is paid for (``ledger/``), the store itself (``io_managers/store.py``).
"""

import shutil
from pathlib import Path

from luxvid_pipeline.domain.errors import DamagedMediaError
from luxvid_pipeline.io_managers.store import MediaStore, storage_errors

PLACE = "paid_results"

_LEAST_BYTES = 64_000_000
"""A few clips as a vendor sends them, and what is made of them."""


class MediaShelf:
    """Paid results under ``paid_results/`` of the media store, shared by all listings."""

    def __init__(self, store: MediaStore) -> None:
        """Keep results in ``store``."""
        self._store = store

    def check_room(self) -> None:
        """Return if results can be kept, as far as can be told; see ``domain.payments.Shelf``."""
        self._store.check_room(_LEAST_BYTES)

    def keep(self, name: str, file: Path) -> str:
        """Take a copy of ``file`` under ``name`` and return its SHA-256, once no power failure can take it back."""
        with self._store.scratch() as scratch:
            copy = scratch / name
            with storage_errors(str(copy)):
                shutil.copyfile(file, copy)
            sha256 = self._store.put(copy, _key(name)).sha256
        # The ledger, on disk at once, says next that it is delivered: it must not know more than the disk does.
        self._store.make_lasting(_key(name))
        return sha256

    def fetch(self, name: str, sha256: str) -> Path | None:
        """Return a local path of the result, checked against its hash, or None if it is gone or damaged."""
        stored = self._store.find(_key(name))
        if stored is None or stored.sha256 != sha256:
            return None
        try:
            return self._store.open(_key(name))
        except DamagedMediaError:
            return None


def _key(name: str) -> str:
    return f"{PLACE}/{name[:2]}/{name}"
