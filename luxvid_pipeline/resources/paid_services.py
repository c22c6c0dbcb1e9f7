"""Whatever costs money, put together once: ledger, shelf, rate limits, and each vendor's desk.

Belongs here: building these from the settings, when the first paid engine asks for them.
Does not belong here: environment variables (``settings.py``), engines (``engines.py``), the services themselves.

A purely local run builds none of it: no database is opened, no vendor's package imported, no key looked at.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.ledger.database import Database
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.ledger.rate_limits import SqlRateLimits
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.settings import VENDOR_VARIABLES, Settings, Vendor
from luxvid_pipeline.resources.shelf import MediaShelf

if TYPE_CHECKING:
    from luxvid_pipeline.providers.replicate.predictions import Desk
    from luxvid_pipeline.providers.vision.client import VisionClient


class PaidServices:
    """Ledger, shelf, rate limits and vendors of one process."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is opened yet."""
        self._settings = settings

    @cached_property
    def database(self) -> Database:
        """The ledger's database."""
        return Database(self._settings.database_url)

    @cached_property
    def ledger(self) -> SqlLedger:
        """Every paid request."""
        return SqlLedger(
            self.database,
            client_budget_usd=self._settings.client_budget_usd,
            day_budget_usd=self._settings.day_budget_usd,
        )

    @cached_property
    def shelf(self) -> MediaShelf:
        """Every paid result."""
        return MediaShelf(open_media_store(self._settings))

    @cached_property
    def replicate(self) -> "Desk":
        """Where requests to Replicate are handed in.

        Raises:
            SettingsError: No key is set.
        """
        from luxvid_pipeline.providers.replicate.client import BASE_URL, ReplicateApi  # noqa: PLC0415 - loads replicate
        from luxvid_pipeline.providers.replicate.predictions import Desk  # noqa: PLC0415 - beside it

        vendor = self._vendor("replicate")
        api = ReplicateApi(vendor.key, base_url=vendor.base_url or BASE_URL)
        return Desk(api, self.ledger, self.shelf, SqlRateLimits(self.database))

    def vision(self, vendor: str, model: str) -> "VisionClient":
        """Return a client for one model of xAI or OpenAI.

        Raises:
            SettingsError: No key is set.
        """
        from luxvid_pipeline.providers.vision.client import Keeping, VisionClient  # noqa: PLC0415 - loads openai

        access = self._vendor(vendor)
        keeping = Keeping(ledger=self.ledger, shelf=self.shelf)
        return VisionClient(vendor, model, api_key=access.key, base_url=access.base_url, keeping=keeping)

    def _vendor(self, name: str) -> Vendor:
        vendor = self._settings.vendors.get(name, Vendor())
        if not vendor.key:
            key = VENDOR_VARIABLES[name][0]
            raise SettingsError(f"{key} is not set: the chosen engine needs it; set it, or choose local engines")
        return vendor
