"""Whether everything LuxVid needs is well.

Belongs here: the checks behind ``luxvid doctor``.
Does not belong here: printing them (``cli.py``), mending anything.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from luxvid_pipeline.domain.errors import LuxVidError
from luxvid_pipeline.resources.settings import ENGINE_VARIABLES, Settings

_FREE_WANTED_BYTES = 2 * 10**9


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


def examine() -> list[Finding]:
    """Look at everything LuxVid needs; never raises, each fault is a finding."""
    findings = [_look("python", _python)]
    try:
        settings = Settings.from_environment()
    except LuxVidError as error:
        return [*findings, Finding("settings", False, str(error))]
    return [
        *findings,
        _look("ffmpeg", _ffmpeg),
        _look("soundfont", _soundfont),
        _look("home", lambda: _home(settings)),
        _look("media", lambda: _media(settings)),
        _look("dagster", lambda: _dagster(settings)),
        *(
            _look(variable, lambda stage=stage: _engine(stage, settings))
            for stage, variable in ENGINE_VARIABLES.items()
        ),
    ]


def _look(name: str, how: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, how())
    except Exception as error:
        return Finding(name, False, " ".join(str(error).split()) or type(error).__name__)


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


def _media(settings: Settings) -> str:
    from luxvid_pipeline.io_managers.store import MediaStore  # noqa: PLC0415 - only when looked at

    store = MediaStore(settings.media, settings.cache)
    store.put_bytes(b"luxvid", "doctor/try.txt")
    try:
        store.read_bytes("doctor/try.txt")
    finally:
        store.remove("doctor/try.txt")
    return settings.media


def _dagster(settings: Settings) -> str:
    from luxvid_pipeline.definitions import build_defs  # noqa: PLC0415 - only when looked at
    from luxvid_pipeline.local_runs import open_instance  # noqa: PLC0415 - only when looked at

    assets = len(build_defs(lambda: settings).resolve_all_asset_specs())
    with open_instance(settings) as instance:
        runs = instance.get_runs_count()
    return f"{settings.dagster_home} ({assets} assets, {runs} runs)"


def _engine(stage: str, settings: Settings) -> str:
    from luxvid_pipeline.resources.engines import engine_for  # noqa: PLC0415 - only when looked at

    return str(engine_for(stage, settings).engine)
