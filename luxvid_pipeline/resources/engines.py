"""Which engine does which stage, as the settings ask.

Belongs here: engine names to engine objects.
Does not belong here: the engines (``providers/``), reading the environment (``settings.py``).
"""

from collections.abc import Callable
from typing import Any

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.providers.local.camera import LocalCamera
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.providers.local.selector import LocalSelector
from luxvid_pipeline.providers.local.tagger import LocalTagger
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.resources.settings import ENGINE_VARIABLES, Settings

ENGINES: dict[str, dict[str, Callable[[], Any]]] = {
    "tagger": {"local": LocalTagger},
    "writer": {"local": LocalWriter},
    "selector": {"local": LocalSelector},
    "clips": {"local": LocalCamera},
    "score": {"local": LocalComposer},
}


def engine_for(stage: str, settings: Settings) -> Any:
    """Return the engine that a stage is set to.

    Raises:
        SettingsError: No engine of that name exists for the stage; nothing is replaced silently.
    """
    known = ENGINES[stage]
    for name in settings.engines[stage]:
        if name not in known:
            variable = ENGINE_VARIABLES[stage]
            raise SettingsError(
                f"{variable}={','.join(settings.engines[stage])}: there is no engine {name!r} for {stage} in this "
                f"version; known: {', '.join(sorted(known))}. Set {variable} to one of them or unset it"
            )
    return known[settings.engines[stage][0]]()
