"""The environment, read once: the only place that names an environment variable.

Belongs here: every variable LuxVid reads, its default and its check.
Does not belong here: what follows from a setting (``engines.py``, ``store.py``).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from luxvid_pipeline.domain.errors import SettingsError

ENGINE_VARIABLES = {
    "tagger": "LUXVID_TAGGER",
    "writer": "LUXVID_WRITER",
    "selector": "LUXVID_SELECTOR",
    "clips": "LUXVID_CLIPS",
    "score": "LUXVID_SCORE",
}


VENDOR_VARIABLES = {
    "replicate": ("REPLICATE_API_TOKEN", "REPLICATE_BASE_URL"),
    "xai": ("XAI_API_KEY", "XAI_BASE_URL"),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """How a vendor is reached.

    Attributes:
        key: The secret; empty if none is set. Never shown.
        base_url: Where it answers; empty for its public address.
    """

    key: str = field(default="", repr=False)
    base_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment asks for.

    Attributes:
        home: ``LUXVID_HOME``, absolute; default ``.luxvid/`` in the working directory.
        media: ``LUXVID_MEDIA``, a path or an fsspec address; default inside ``home``.
        inbox: ``LUXVID_INBOX``; default inside ``home``.
        dagster_home: ``DAGSTER_HOME``, absolute; default inside ``home``.
        engines: One name or fallback chain a stage (``tagger``, ``writer``, ``selector``, ``clips``, ``score``).
        database_url: ``LUXVID_DATABASE_URL``, the ledger's; default SQLite in ``home``. It may hold a password.
        client_budget_usd: ``LUXVID_CLIENT_BUDGET_USD``, what each client may cost in all; None for no limit.
        day_budget_usd: ``LUXVID_DAY_BUDGET_USD``, what all paid requests of a day (UTC) may cost; None for no limit.
        vendors: How each vendor is reached. A key alone makes nothing paid.
        images: ``LUXVID_IMAGES``, the model that widens portrait photos to the film's shape; empty for none.
    """

    home: Path
    media: str
    inbox: str
    dagster_home: Path
    engines: Mapping[str, tuple[str, ...]]
    database_url: str = field(default="", repr=False)
    client_budget_usd: Decimal | None = None
    day_budget_usd: Decimal | None = None
    vendors: Mapping[str, Vendor] = field(default_factory=dict[str, Vendor], repr=False)
    images: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment.

        Raises:
            SettingsError: A variable is set to something that cannot be meant.
        """
        env = os.environ if environ is None else environ
        home = _directory(env, "LUXVID_HOME", Path(".luxvid"))
        return cls(
            home=home,
            media=_address(env, "LUXVID_MEDIA", home / "media"),
            inbox=_address(env, "LUXVID_INBOX", home / "inbox"),
            dagster_home=_directory(env, "DAGSTER_HOME", home / "dagster"),
            engines={stage: _chain(env, name) for stage, name in ENGINE_VARIABLES.items()},
            database_url=env.get("LUXVID_DATABASE_URL", "").strip() or f"sqlite:///{home / 'ledger.db'}",
            client_budget_usd=_dollars(env, "LUXVID_CLIENT_BUDGET_USD"),
            day_budget_usd=_dollars(env, "LUXVID_DAY_BUDGET_USD"),
            vendors={
                vendor: Vendor(key=env.get(key, "").strip(), base_url=env.get(address, "").strip())
                for vendor, (key, address) in VENDOR_VARIABLES.items()
            },
            images=env.get("LUXVID_IMAGES", "").strip(),
        )

    @property
    def cache(self) -> Path:
        """Local copies of remote files, and scratch space of remote stores."""
        return self.home / "cache"


def _directory(env: Mapping[str, str], name: str, default: Path) -> Path:
    path = Path(env.get(name, "").strip() or default).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{name}={path} is not a directory; set it to one, or unset it")
    return path


def _address(env: Mapping[str, str], name: str, default: Path) -> str:
    value = env.get(name, "").strip()
    if not value:
        return str(default)
    return value if "://" in value else str(Path(value).expanduser().absolute())


def _chain(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    value = env.get(name, "").strip()
    if not value:
        return ("local",)
    engines = tuple(part.strip() for part in value.split(","))
    if not all(engines):
        raise SettingsError(f"{name}={value!r} has an empty entry; write engines separated by single commas")
    return engines


def _dollars(env: Mapping[str, str], name: str) -> Decimal | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise SettingsError(f"{name}={value!r} is no amount of US dollars; write 25.00, or unset it for no limit")
    return amount
