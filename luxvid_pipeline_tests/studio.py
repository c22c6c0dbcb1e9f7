"""A whole LuxVid in a temporary directory: a real Dagster instance, a real store, engines of the test's choice.

Belongs here: running the graph's jobs for tests.
Does not belong here: the engines (``fakes.py``), claims (the tests).
"""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from luxvid_pipeline.definitions import build_defs
from luxvid_pipeline.io_managers.store import MediaStore
from luxvid_pipeline.partitions import all_scenes_tags
from luxvid_pipeline.resources.listing_sources import ListingSources
from luxvid_pipeline.resources.settings import Settings

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def draw_photos(folder: Path, count: int, *, size_px: tuple[int, int] = (960, 640), grain: int = 5) -> Path:
    """Draw sharp, well-exposed photographs that nobody takes for one another.

    With much grain a clip of them is above the ceiling of bits and encoded twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    width, height = size_px
    for number in range(count):
        dice = np.random.default_rng(number)
        coarse = dice.integers(30, 225, (6, 9, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        picture += dice.integers(-grain, grain + 1, (height, width, 1), dtype=np.int16)
        for _ in range(60):
            x, y = int(dice.integers(0, width - 80)), int(dice.integers(0, height - 60))
            shade = int(dice.integers(0, 255))
            cv2.rectangle(picture, (x, y), (x + 70, y + 45), (shade, 255 - shade, shade // 2), 3)
        cv2.imwrite(str(folder / f"IMG_{number:04}.jpg"), np.clip(picture, 0, 255).astype(np.uint8))
    return folder


@dataclass
class Studio:
    """One home, one instance, one listing."""

    home: Path
    instance: dg.DagsterInstance
    overrides: dict[str, Any] = field(default_factory=dict)
    listing: str = "villa-test"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment({"LUXVID_HOME": str(self.home), **self.environment})

    @property
    def store(self) -> MediaStore:
        return MediaStore(self.settings.media, self.settings.cache)

    def add(self, folder: Path, listing: str | None = None) -> None:
        key = listing or self.listing
        ListingSources(self.settings).register(key, folder)
        self.instance.add_dynamic_partitions("listings", [key])

    def defs(self) -> dg.Definitions:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return build_defs(lambda: self.settings, overrides=self.overrides)

    def run(self, job: str, *, raise_on_error: bool = True, partition: str | None = None, tags=None):
        whole_listing = job == "shoot_scenes_job" and partition is None and tags is None
        return (
            self.defs()
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                partition_key=None if whole_listing or tags else partition or self.listing,
                tags=all_scenes_tags(self.listing) if whole_listing else tags,
                run_config=_QUIET,
                raise_on_error=raise_on_error,
            )
        )

    def direct(self):
        return self.run("direct_listing_job")

    def shoot(self, **options):
        return self.run("shoot_scenes_job", **options)

    def score(self, **options):
        return self.run("score_listing_job", **options)

    def assemble(self, **options):
        return self.run("assemble_film_job", **options)

    def latest(self, asset: str, partition: str | None = None) -> dict[str, Any]:
        """Return the metadata of an asset's latest materialisation, as plain values."""
        partition = partition or self.listing
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition]), limit=1
        ).records
        materialization = records[0].asset_materialization
        return {key: value.value for key, value in materialization.metadata.items()}

    def unsynced(self, asset: str) -> dict[str, list[str]]:
        """Return the materialised partitions that Dagster's UI marks as unsynced, each with the reasons it gives."""
        graph = self.defs().resolve_asset_graph()
        marks = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        causes = {each: marks.get_stale_causes(dg.AssetKey(asset), each) for each in self.materialized(asset)}
        return {each: [cause.reason for cause in found] for each, found in causes.items() if found}

    def materialized(self, asset: str) -> set[str]:
        return set(self.instance.get_materialized_partitions(dg.AssetKey(asset)))
