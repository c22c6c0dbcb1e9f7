"""What every materialisation says about itself, in one vocabulary.

Belongs here: metadata keys of DESIGN.md and the few helpers the stages share.
Does not belong here: what one stage alone reports.
"""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import dagster as dg

from luxvid_pipeline.domain.listing import ListingManifest
from luxvid_pipeline.domain.payments import Account
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.io_managers.manifests import manifest_key, manifest_of

__all__ = [
    "OWNERS",
    "Stopwatch",
    "account_of",
    "engine_facts",
    "engine_from_facts",
    "engine_metadata",
    "manifest_key",
    "manifest_of",
    "preview",
]

OWNERS = ["team:film"]


class Stopwatch:
    """Measures ``seconds_taken`` from its making."""

    def __init__(self) -> None:
        """Start."""
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start, to a hundredth."""
        return round(time.monotonic() - self._start, 2)


def engine_metadata(engine: Engine, watch: Stopwatch, *, reused: bool = False) -> dict[str, Any]:
    """Return who made it, at what price, whether it is what was asked for, and whether it was there already.

    A reused result cost nothing this time; what it once cost stands on the materialisation that made it.
    """
    return {
        "engine": engine.name,
        "degraded": bool(engine.degraded_reason),
        "degraded_reason": engine.degraded_reason,
        "cost_usd": 0.0 if reused else float(engine.cost_usd),
        "paid_calls": 0 if reused else engine.paid_calls,
        "seconds_taken": watch.seconds,
        "reused": reused,
        **({"disclosure": engine.disclosure} if engine.disclosure else {}),
        **({"measured": dict(engine.notes)} if engine.notes else {}),
    }


def engine_facts(engine: Engine) -> dict[str, Any]:
    """Return an engine's account as JSON, for a stored file's record."""
    return {
        "engine": engine.name,
        "cost_usd": engine.cost_usd,
        "paid_calls": engine.paid_calls,
        "degraded_reason": engine.degraded_reason,
        "disclosure": engine.disclosure,
        "notes": dict(engine.notes),
    }


def engine_from_facts(facts: Mapping[str, Any]) -> Engine:
    """Return the account that ``engine_facts`` wrote."""
    return Engine(
        name=facts.get("engine", "local"),
        cost_usd=facts.get("cost_usd", 0.0),
        paid_calls=facts.get("paid_calls", 0),
        degraded_reason=facts.get("degraded_reason", ""),
        disclosure=facts.get("disclosure", ""),
        notes=facts.get("notes", {}),
    )


def account_of(listing: str, manifest: ListingManifest, stage: str, run_id: str) -> Account:
    """Return who pays for a stage of a listing."""
    return Account(
        listing=listing,
        client=manifest.client,
        stage=stage,
        run_id=run_id,
        budget_usd=Decimal(str(manifest.generation.budget_usd)),
    )


def preview(markdown: str) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the picture that Dagster's UI shows on the materialisation."""
    return {"preview": dg.MetadataValue.md(markdown)}
