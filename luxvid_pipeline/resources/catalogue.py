"""All resources by the names the assets ask for.

Belongs here: resource keys and how each is built from the settings, when a run starts and not before.
Does not belong here: environment variables (``settings.py``), the objects' own behaviour.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.io_managers.values import DocumentIOManager, MediaIOManager, TableIOManager
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.providers.local.composer import LocalComposer
from luxvid_pipeline.resources.alerts import Webhook
from luxvid_pipeline.resources.approvals import ListingApprovals, opened_approvals
from luxvid_pipeline.resources.engines import engine_for
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.media_store import open_media_store
from luxvid_pipeline.resources.paid_services import PaidServices
from luxvid_pipeline.resources.progress import ProgressBoard, SilentBoard
from luxvid_pipeline.resources.settings import Settings

ReadSettings = Callable[[], Settings]

STAGE_RESOURCES = {
    "photo_tagger": "tagger",
    "storyboard_writer": "writer",
    "pair_selector": "selector",
    "clip_generator": "clips",
    "score_composer": "score",
}


def build_resources(
    read_settings: ReadSettings = Settings.from_environment, board: ProgressBoard | None = None
) -> dict[str, Any]:
    """Return fresh resources; the environment is read when a run needs one, so loading needs no setting at all."""

    def store() -> MediaStore:
        return open_media_store(read_settings())

    @contextmanager
    def ledger(_: dg.InitResourceContext) -> Iterator[SqlLedger]:
        opened = PaidServices(read_settings()).ledger
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def approvals(_: dg.InitResourceContext) -> Iterator[ListingApprovals]:
        with opened_approvals(read_settings()) as opened:
            yield opened

    @contextmanager
    def paid_services(_: dg.InitResourceContext) -> Iterator[PaidServices]:
        services = PaidServices(read_settings())
        try:
            yield services
        finally:
            services.ledger.close()

    return {
        "settings": _resource(read_settings, "What the environment asks for, for sensors, schedules and operations."),
        "paid_services": dg.ResourceDefinition(
            paid_services, description="Ledger, shelf and the vendors' desks; opened at the first need."
        ),
        "alert_webhook": _resource(lambda: Webhook(read_settings()), "Who is told of failures and budgets."),
        "media_store": _resource(store, "Files under LUXVID_MEDIA, each with its hash."),
        "listing_sources": _resource(lambda: ListingSources(read_settings()), "Which folder a listing is made from."),
        "progress": _resource(lambda: board or SilentBoard(), "Who is told how far the work is."),
        "table_io": dg.IOManagerDefinition(lambda _: TableIOManager(store()), description="Polars tables as Parquet."),
        "document_io": dg.IOManagerDefinition(lambda _: DocumentIOManager(store()), description="Documents as JSON."),
        "media_io": dg.IOManagerDefinition(lambda _: MediaIOManager(store()), description="Media files with a hash."),
        "ledger": dg.ResourceDefinition(ledger, description="Every paid request; opened at the first question."),
        "listing_approvals": dg.ResourceDefinition(
            approvals, description="Which listings wait for a person, and what was decided; opened at the first need."
        ),
        "spare_composer": _resource(LocalComposer, "Who plays the score if no chosen engine can: music stops no film."),
        **{key: _engine(stage, read_settings) for key, stage in STAGE_RESOURCES.items()},
    }


def _engine(stage: str, read_settings: ReadSettings) -> dg.ResourceDefinition:
    return _resource(lambda: engine_for(stage, read_settings()), f"The engine chosen for {stage}.")


def _resource(make: Callable[[], Any], description: str) -> dg.ResourceDefinition:
    return dg.ResourceDefinition(lambda _: make(), description=description)
