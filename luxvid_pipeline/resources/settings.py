"""The environment, read once: the only place that names an environment variable.

Belongs here: every variable LuxVid reads, its default and its check.
Does not belong here: what follows from a setting (``engines.py``, ``store.py``).
"""

import math
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import quote, urlsplit

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

_MOST_USD = Decimal(10**9)
# Dagster takes its home for a pattern of file names, and for a part of a database's address.
_MISREAD_BY_DAGSTER = re.compile(r"\[.*\]|\?|%[0-9A-Fa-f]{2}")


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
        settle_s: ``LUXVID_SETTLE_S``, how long nothing in an inbox folder may change before it counts as arrived.
        source_hosts: ``LUXVID_SOURCE_HOSTS``, the hosts photos may be fetched from; empty for any public one.
        approval_required: ``LUXVID_APPROVAL=required``: every listing waits for a person after its pairs are chosen,
            whatever its manifest says.
        scene_attempts: ``LUXVID_SCENE_ATTEMPTS``, how often a failed scene is requested before it waits for a person.
        max_takes: ``LUXVID_MAX_TAKES``, how often a hosted engine may shoot one scene.
        alert_url: ``LUXVID_ALERT_URL``, the webhook that hears of failures and budgets; the address is a secret.
        ui_url: ``LUXVID_UI_URL``, where Dagster's UI is reached, for links.
        keep_days: ``LUXVID_KEEP_DAYS``, after how many days without a change a listing is retired; None for never.
        archive: ``LUXVID_ARCHIVE``, where a retired listing's media go; empty deletes them.
        cache_gb: ``LUXVID_CACHE_GB``, how much of a remote store is kept locally, in 1e9 bytes.
        disclosure_url: ``LUXVID_DISCLOSURE_URL``, the public address under which disclosures are put; empty for none.
        c2pa_certificates, c2pa_key: ``LUXVID_C2PA_CERTIFICATES`` and ``LUXVID_C2PA_KEY``, PEM files that sign what was
            generated; None for no signature.
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
    settle_s: float = 20.0
    source_hosts: tuple[str, ...] = ()
    approval_required: bool = False
    scene_attempts: int = 3
    max_takes: int = 2
    alert_url: str = field(default="", repr=False)
    ui_url: str = "http://127.0.0.1:3000"
    keep_days: int | None = None
    archive: str = ""
    cache_gb: float = 20.0
    disclosure_url: str = ""
    c2pa_certificates: Path | None = None
    c2pa_key: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment.

        Raises:
            SettingsError: A variable is set to something that cannot be meant.
        """
        env = os.environ if environ is None else environ
        home = _directory(env, "LUXVID_HOME", Path(".luxvid"))
        certificates, key = _file(env, "LUXVID_C2PA_CERTIFICATES"), _file(env, "LUXVID_C2PA_KEY")
        media, archive = _address(env, "LUXVID_MEDIA", home / "media"), _address(env, "LUXVID_ARCHIVE", None)
        if archive and _place(archive) == _place(media):
            raise SettingsError(
                f"LUXVID_ARCHIVE={archive} is where the media are: retiring a listing would delete its only copy; set "
                "it to another place, or unset it"
            )
        if (certificates is None) != (key is None):
            raise SettingsError("LUXVID_C2PA_CERTIFICATES and LUXVID_C2PA_KEY go together; set both, or neither")
        return cls(
            home=home,
            media=media,
            inbox=_address(env, "LUXVID_INBOX", home / "inbox"),
            dagster_home=_dagster_home(env, home / "dagster"),
            engines={stage: _chain(env, name) for stage, name in ENGINE_VARIABLES.items()},
            database_url=env.get("LUXVID_DATABASE_URL", "").strip() or _sqlite(home / "ledger.db"),
            client_budget_usd=_dollars(env, "LUXVID_CLIENT_BUDGET_USD"),
            day_budget_usd=_dollars(env, "LUXVID_DAY_BUDGET_USD"),
            vendors={
                vendor: Vendor(key=env.get(token, "").strip(), base_url=_web(env, address))
                for vendor, (token, address) in VENDOR_VARIABLES.items()
            },
            images=env.get("LUXVID_IMAGES", "").strip(),
            settle_s=_number(env, "LUXVID_SETTLE_S", 20.0),
            source_hosts=_names(env, "LUXVID_SOURCE_HOSTS"),
            approval_required=_choice(env, "LUXVID_APPROVAL", ("auto", "required")) == "required",
            scene_attempts=int(_number(env, "LUXVID_SCENE_ATTEMPTS", 3, least=1, whole=True)),
            max_takes=int(_number(env, "LUXVID_MAX_TAKES", 2, least=1, whole=True)),
            alert_url=env.get("LUXVID_ALERT_URL", "").strip(),
            ui_url=_web(env, "LUXVID_UI_URL").rstrip("/") or "http://127.0.0.1:3000",
            keep_days=_days(env, "LUXVID_KEEP_DAYS"),
            archive=archive,
            cache_gb=_number(env, "LUXVID_CACHE_GB", 20.0),
            disclosure_url=_web(env, "LUXVID_DISCLOSURE_URL").rstrip("/"),
            c2pa_certificates=certificates,
            c2pa_key=key,
        )

    @property
    def cache(self) -> Path:
        """Local copies of remote files, and scratch space of remote stores."""
        return self.home / "cache"


def _path(name: str, value: str | Path) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise SettingsError(f"{name}={value}: there is no such user; write the path out") from error


def _mode(name: str, path: Path) -> int | None:
    """What kind of file is there; None if nothing is."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(
            f"{name}={path} cannot be looked at: {error.strerror or error}; set it to a path of yours"
        ) from error


def _directory(env: Mapping[str, str], name: str, default: Path) -> Path:
    path = _path(name, env.get(name, "").strip() or default)
    mode = _mode(name, path)
    if mode is not None and not stat.S_ISDIR(mode):
        raise SettingsError(f"{name}={path} is not a directory; set it to one, or unset it")
    return path


def _dagster_home(env: Mapping[str, str], default: Path) -> Path:
    path = _directory(env, "DAGSTER_HOME", default)
    misread = _MISREAD_BY_DAGSTER.search(str(path))
    if misread:
        raise SettingsError(
            f"DAGSTER_HOME={path}: Dagster misreads {misread.group()!r} in a path and would not find its files; set "
            "DAGSTER_HOME or LUXVID_HOME to another directory"
        )
    return path


def _sqlite(file: Path) -> str:
    """Return the address of a SQLite file, as SQLAlchemy reads it back."""
    return f"sqlite:///{quote(str(file), safe=' +/')}"


def _file(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    path = _path(name, value)
    if not stat.S_ISREG(_mode(name, path) or 0):
        raise SettingsError(f"{name}={path} is not a file; set it to one, or unset it")
    return path


def _address(env: Mapping[str, str], name: str, default: Path | None) -> str:
    value = env.get(name, "").strip()
    if not value:
        return str(default or "")
    return value if "://" in value else str(_path(name, value))


def _place(address: str) -> str:
    """An address in the one spelling in which two can be compared."""
    scheme, is_url, rest = address.partition("://")
    if not is_url or scheme in {"file", "local"}:
        return str(Path(rest or address).resolve())
    return f"{scheme}://{'/'.join(part for part in rest.split('/') if part not in {'', '.'})}"


def _web(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise SettingsError(f"{name}={value!r} is no http(s) address; write https://host/path, or unset it")
    return value


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
    if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        raise SettingsError(f"{name}={value!r} is no amount of US dollars; write 25.00, or unset it for no limit")
    return amount


def _number(
    env: Mapping[str, str], name: str, default: float, *, least: float = 0, whole: bool = False, unset: str = ""
) -> float:
    value = env.get(name, "").strip()
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < least or (whole and not number.is_integer()):
        kind = "whole number" if whole else "number"
        raise SettingsError(f"{name}={value!r} is no {kind} from {least:g} up; unset it for {unset or f'{default:g}'}")
    return number


def _days(env: Mapping[str, str], name: str) -> int | None:
    if not env.get(name, "").strip():
        return None
    return int(_number(env, name, 0, least=1, whole=True, unset="keeping everything"))


def _names(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in env.get(name, "").split(",") if part.strip())


def _choice(env: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    value = env.get(name, "").strip() or known[0]
    if value not in known:
        raise SettingsError(f"{name}={value!r} is not one of {', '.join(known)}")
    return value
