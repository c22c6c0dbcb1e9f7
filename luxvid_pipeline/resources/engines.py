"""Which engine does which stage, as the settings ask.

Belongs here: engine names to engine objects, alone or as a fallback chain.
Does not belong here: the engines (``providers/``), reading the environment (``settings.py``).
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from luxvid_pipeline.domain.errors import SettingsError
from luxvid_pipeline.domain.payments import SpentBy
from luxvid_pipeline.domain.pricing import PRICES, Unit
from luxvid_pipeline.providers.chains import (
    COST_NOTHING,
    ClipChain,
    ScoreChain,
    SelectorChain,
    TaggerChain,
    WriterChain,
)
from luxvid_pipeline.providers.local.camera import LocalCamera
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.providers.local.selector import LocalSelector
from luxvid_pipeline.providers.local.silence import SILENCE, Silence
from luxvid_pipeline.providers.local.tagger import LocalTagger
from luxvid_pipeline.providers.local.writer import LocalWriter
from luxvid_pipeline.providers.widening import WideningClips
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.settings import ENGINE_VARIABLES, Settings

LOCAL = "local"

Maker = Callable[[], Any]


def engines_for(stage: str, settings: Settings, services: PaidServices | None = None) -> tuple[Any, ...]:
    """Return the engines that a stage is set to, in the order in which they are asked.

    Args:
        stage: ``tagger``, ``writer``, ``selector``, ``clips`` or ``score``.
        settings: The environment.
        services: Ledger, shelf and vendors, to be shared between stages; fresh ones unless given.

    Raises:
        SettingsError: No engine of that name exists for the stage, or its key is missing; nothing is replaced
            silently.
    """
    known = _makers(stage, services or PaidServices(settings), settings.max_takes)
    chosen = settings.engines[stage]
    variable = ENGINE_VARIABLES[stage]
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]}?" if near else "."
            raise SettingsError(
                f"{variable}={','.join(chosen)}: there is no engine {name!r} for {stage}{meant} "
                f"Known: {', '.join(sorted(known))}"
            )
    if len(set(chosen)) < len(chosen):
        raise SettingsError(f"{variable}={','.join(chosen)}: each engine can stand in a chain once")
    return tuple(known[name]() for name in chosen)


def known_engines(stage: str, settings: Settings) -> frozenset[str]:
    """Return the names that a stage may be set to; no key and no network is needed."""
    return frozenset(_makers(stage, PaidServices(settings), settings.max_takes))


def engine_for(stage: str, settings: Settings, services: PaidServices | None = None) -> Any:
    """Return the engine that a stage is set to: the one, or a chain of several.

    Raises:
        SettingsError: As ``engines_for``.
    """
    services = services or PaidServices(settings)
    engines = engines_for(stage, settings, services)
    free = all(engine.engine in COST_NOTHING for engine in engines)
    if free and len(engines) == 1:
        engine = engines[0]
    elif stage == "clips":
        engine = ClipChain(engines, spent_by(services), spare=LocalCamera())
    else:
        engine = _CHAINS[stage](engines, spent_by(services))
    return WideningClips(engine, _image_editor(settings, services)) if stage == "clips" and settings.images else engine


def spent_by(services: PaidServices) -> SpentBy:
    """Return who knows what a run has paid for; the ledger's database is opened when it is asked."""
    return services.ledger.spent_by


def _image_editor(settings: Settings, services: PaidServices) -> Any:
    from luxvid_pipeline.providers.replicate.images import (  # noqa: PLC0415 - loads replicate
        NANO_BANANA,
        ReplicateImageEditor,
    )

    if settings.images != NANO_BANANA:
        raise SettingsError(
            f"LUXVID_IMAGES={settings.images}: there is no such image model; known: {NANO_BANANA}; unset it for none"
        )
    return ReplicateImageEditor(services.replicate)


_CHAINS: Mapping[str, Callable[[Sequence[Any], SpentBy], Any]] = {
    "tagger": TaggerChain,
    "writer": WriterChain,
    "selector": SelectorChain,
    "score": ScoreChain,
}


def _makers(stage: str, services: PaidServices, most_takes: int) -> dict[str, Maker]:
    makers: dict[str, Callable[[], dict[str, Maker]]] = {
        "tagger": lambda: {LOCAL: LocalTagger, **_vision(services, "tagger", "VisionTagger")},
        "writer": lambda: {LOCAL: LocalWriter, **_vision(services, "writer", "VisionWriter")},
        "selector": lambda: {LOCAL: LocalSelector, **_vision(services, "selector", "VisionSelector")},
        "clips": lambda: {LOCAL: LocalCamera, **_video(services, most_takes)},
        "score": lambda: {LOCAL: LocalComposer, SILENCE: Silence, **_score(services)},
    }
    return makers[stage]()


def _vision(services: PaidServices, module: str, name: str) -> dict[str, Maker]:
    def maker(vendor: str, model: str) -> Any:
        import importlib  # noqa: PLC0415 - the openai package takes a second to load

        engine = getattr(importlib.import_module(f"luxvid_pipeline.providers.vision.{module}"), name)
        return engine(services.vision(vendor, model))

    asked = [model.partition("/") for model, price in PRICES.items() if price.unit is Unit.TOKEN]
    return {f"{vendor}/{model}": lambda vendor=vendor, model=model: maker(vendor, model) for vendor, _, model in asked}


def _video(services: PaidServices, most_takes: int) -> dict[str, Maker]:
    from luxvid_pipeline.providers.replicate.models import VIDEO_MODELS  # noqa: PLC0415 - loads no vendor package

    def maker(model: str) -> Any:
        from luxvid_pipeline.providers.replicate.clips import ReplicateClips  # noqa: PLC0415 - loads replicate
        from luxvid_pipeline.providers.takes import WithTakes  # noqa: PLC0415 - loads what measures clips

        return WithTakes(ReplicateClips(model, services.replicate), most_takes)

    return {model: lambda model=model: maker(model) for model in VIDEO_MODELS}


def _score(services: PaidServices) -> dict[str, Maker]:
    def maker(engine: str) -> Any:
        from luxvid_pipeline.providers.replicate.score import ReplicateScore  # noqa: PLC0415 - loads replicate

        return ReplicateScore(engine, services.replicate)

    names = ("meta/musicgen", "meta/musicgen:single", "riffusion/riffusion")
    return {engine: lambda engine=engine: maker(engine) for engine in names}
