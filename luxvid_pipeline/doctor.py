"""Whether everything LuxVid needs is well.

Belongs here: the checks behind ``luxvid doctor``.
Does not belong here: printing them (``cli.py``), mending anything.

A terminal needs no daemon and no inbox, so their absence is told there and is no fault; a container that runs the
daemon asks with ``--daemon``, and then both have to be well. Nothing is left behind: what is written is removed, and no
ledger is made where nothing was paid for.
"""

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from luxvid_pipeline.domain.errors import LuxVidError, SettingsError, StorageError
from luxvid_pipeline.resources.settings import ENGINE_VARIABLES, VENDOR_VARIABLES, Settings, Vendor

_FREE_WANTED_BYTES = 2 * 10**9
# A daemon writes one every 30 s; Dagster itself waits half an hour before it calls one dead.
_HEARTBEAT_S = 120.0
_COST_NOTHING = {"local", "silence"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        well: Whether it is as it should be.
        detail: What was found, or what to do.
    """

    name: str
    well: bool
    detail: str


def examine(*, daemon: bool = False) -> list[Finding]:
    """Look at everything LuxVid needs; never raises, each fault is a finding.

    Args:
        daemon: Whether Dagster's daemon has to run here and the inbox has to be there.
    """
    findings = [_look("python", _python)]
    try:
        settings = Settings.from_environment()
    except Exception as error:
        return [*findings, Finding("settings", False, _told(error))]
    looks: list[tuple[str, Callable[[], str]]] = [
        ("ffmpeg", _ffmpeg),
        ("soundfont", _soundfont),
        ("home", lambda: _home(settings)),
        ("storage", lambda: _storage(settings.media, settings)),
        ("inbox", lambda: _inbox(settings, needed=daemon)),
        ("ledger", lambda: _ledger(settings)),
        ("dagster", lambda: _dagster(settings)),
        ("daemon", lambda: _daemon(settings, needed=daemon)),
        ("keys", lambda: _keys(settings)),
        *((variable, lambda stage=stage: _engine(stage, settings)) for stage, variable in ENGINE_VARIABLES.items()),
    ]
    if settings.archive:
        looks.append(("archive", lambda: _storage(settings.archive, settings)))
    if settings.alert_url:
        looks.append(("alerts", lambda: _alerts(settings)))
    return [*findings, *(_look(name, how) for name, how in looks)]


def _look(name: str, how: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, how())
    except Exception as error:
        return Finding(name, False, _told(error))


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise LuxVidError(f"Python {found}: LuxVid runs on 3.11 to 3.13")
    return found


def _ffmpeg() -> str:
    from luxvid_pipeline.media.ffmpeg import ffmpeg_path, run_ffmpeg  # noqa: PLC0415 - only when looked at

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "try.mp4"
        pattern = ["-f", "lavfi", "-i", "color=black:s=64x64:r=30:d=0.2", "-f", "lavfi", "-i", "sine=d=0.2"]
        run_ffmpeg([*pattern, "-c:v", "libx264", "-c:a", "aac", str(file)], doing="trying ffmpeg", deadline_s=30)
    return ffmpeg_path()


def _soundfont() -> str:
    from luxvid_pipeline.media.soundfont import default_soundfont  # noqa: PLC0415 - only when looked at

    default_soundfont()
    return "readable"


def _home(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.home, os.W_OK):
        raise LuxVidError(f"{settings.home} cannot be written; set LUXVID_HOME to a directory of yours")
    free = shutil.disk_usage(settings.home).free
    if free < _FREE_WANTED_BYTES:
        raise LuxVidError(f"{settings.home}: only {free / 1e9:.1f} GB free; a listing needs up to 2 GB")
    return f"{settings.home} ({free / 1e9:.0f} GB free)"


def _storage(address: str, settings: Settings) -> str:
    from luxvid_pipeline.io_managers.store import MediaStore  # noqa: PLC0415 - only when looked at

    store = MediaStore(address, settings.cache, cache_limit_bytes=int(settings.cache_gb * 1e9))
    # A name of its own: a container's health check and a person may look at the same time.
    key = f"doctor/{uuid.uuid4().hex}.txt"
    try:
        store.put_bytes(b"luxvid", key)
        if store.read_bytes(key) != b"luxvid":
            raise StorageError(f"{address}: what was written came back changed")
    finally:
        store.remove(key)
        if store.is_local:
            with suppress(OSError):  # somebody else looks at the same time
                Path(address, "doctor").rmdir()
    if not store.is_local:
        return f"{address} (written, read and removed)"
    free = shutil.disk_usage(address).free
    if free < _FREE_WANTED_BYTES:
        raise StorageError(f"{address}: only {free / 1e9:.1f} GB free; a listing needs up to 2 GB")
    return f"{address} ({free / 1e9:.0f} GB free)"


def _inbox(settings: Settings, *, needed: bool) -> str:
    from luxvid_pipeline.resources.inbox import open_inbox  # noqa: PLC0415 - only when looked at

    if "://" not in settings.inbox and not Path(settings.inbox).exists() and not needed:
        return f"{settings.inbox} is not there yet; make it to drop listings into"
    inbox = open_inbox(settings.inbox, settings.cache, cache_bytes=settings.cache_gb * 1e9)
    first = next(iter(inbox.folders()), None)
    return f"{inbox.place} ({'empty' if first is None else 'readable'})"


def _ledger(settings: Settings) -> str:
    from luxvid_pipeline.ledger.database import Database  # noqa: PLC0415 - only when looked at
    from luxvid_pipeline.ledger.schema import buckets  # noqa: PLC0415 - beside it

    database = Database(settings.database_url, busy_timeout_s=5.0)
    if database.is_new:
        return f"{database} (made when something is paid for)"
    name = f"doctor {uuid.uuid4().hex}"
    try:
        with database.writing() as connection:
            connection.execute(
                buckets.insert().values(name=name, tokens=0, counted_at_s=0, closed_until_s=0, low_credit_until_s=0)
            )
            connection.execute(buckets.delete().where(buckets.c.name == name))
    finally:
        database.close()
    return f"{database} (read and written)"


def _dagster(settings: Settings) -> str:
    from luxvid_pipeline.definitions import build_defs  # noqa: PLC0415 - only when looked at
    from luxvid_pipeline.local_runs import open_instance  # noqa: PLC0415 - only when looked at

    assets = len(build_defs(lambda: settings).resolve_all_asset_specs())
    with open_instance(settings) as instance:
        runs = instance.get_runs_count()
    return f"{settings.dagster_home} ({assets} assets, {runs} runs)"


def _daemon(settings: Settings, *, needed: bool) -> str:
    from luxvid_pipeline.local_runs import open_instance  # noqa: PLC0415 - only when looked at

    with open_instance(settings) as instance:
        required = instance.get_required_daemon_types()
        beats = instance.get_daemon_heartbeats()
    now = time.time()
    late = [kind for kind in required if kind not in beats or now - beats[kind].timestamp > _HEARTBEAT_S]
    if not late:
        return f"runs ({', '.join(sorted(kind.lower() for kind in required))})"
    if any(now - beats[kind].timestamp < _HEARTBEAT_S / 2 for kind in required if kind in beats):
        # Some of its threads beat and some do not: that is a fault whoever asks.
        raise LuxVidError(f"{', '.join(sorted(kind.lower() for kind in late))} no longer answers; start it again")
    last = max((beats[kind].timestamp for kind in required if kind in beats), default=None)
    since = "" if last is None else f" since {datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC"
    told = f"not running{since}: sensors and schedules wait until it is; 'make dev' or 'dagster-daemon run' starts it"
    if needed:
        raise LuxVidError(told)
    return told


def _keys(settings: Settings) -> str:
    from luxvid_pipeline.resources.engines import known_engines  # noqa: PLC0415 - only when looked at

    # A name that nobody knows is that engine's fault and told there.
    chosen = [
        name
        for stage, chain in settings.engines.items()
        for name in sorted(set(chain) - _COST_NOTHING)
        if name in known_engines(stage, settings)
    ]
    chosen += [settings.images] if settings.images else []
    needed = {name.partition("/")[0] if name.startswith(("xai/", "openai/")) else "replicate" for name in chosen}
    missing = [
        VENDOR_VARIABLES[vendor][0] for vendor in sorted(needed) if not settings.vendors.get(vendor, Vendor()).key
    ]
    if missing:
        raise SettingsError(f"{', '.join(missing)} not set, and a chosen engine needs it")
    if not needed:
        return "none needed: all engines are local"
    return f"{', '.join(VENDOR_VARIABLES[vendor][0] for vendor in sorted(needed))} set"


def _alerts(settings: Settings) -> str:
    parts = urlsplit(settings.alert_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError("LUXVID_ALERT_URL is no http(s) address")
    # The rest of the address is the secret.
    return f"told to {parts.scheme}://{parts.hostname}"


def _engine(stage: str, settings: Settings) -> str:
    from luxvid_pipeline.resources.engines import engine_for  # noqa: PLC0415 - only when looked at

    return str(engine_for(stage, settings).engine)
