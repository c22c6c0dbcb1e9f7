"""The environment, read once: the only place that names an environment variable.

Belongs here: every variable LuxVid reads, its default and its check.
Does not belong here: what follows from a setting (``engines.py``, ``store.py``).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from luxvid_pipeline.domain.errors import SettingsError

ENGINE_VARIABLES = {
    "tagger": "LUXVID_TAGGER",
    "writer": "LUXVID_WRITER",
    "selector": "LUXVID_SELECTOR",
    "clips": "LUXVID_CLIPS",
    "score": "LUXVID_SCORE",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment asks for.

    Attributes:
        home: ``LUXVID_HOME``, absolute; default ``.luxvid/`` in the working directory.
        media: ``LUXVID_MEDIA``, a path or an fsspec address; default inside ``home``.
        inbox: ``LUXVID_INBOX``; default inside ``home``.
        dagster_home: ``DAGSTER_HOME``, absolute; default inside ``home``.
        engines: One name or fallback chain a stage (``tagger``, ``writer``, ``selector``, ``clips``, ``score``).
    """

    home: Path
    media: str
    inbox: str
    dagster_home: Path
    engines: Mapping[str, tuple[str, ...]]

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
