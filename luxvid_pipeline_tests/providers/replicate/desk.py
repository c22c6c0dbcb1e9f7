"""A desk for tests: real ledger in a temporary SQLite file, a folder as shelf, no rate limit, no patience.

Belongs here: fakes of what providers are given, orders to hand in.
Does not belong here: the vendor (``simulators/``), claims.
"""

import hashlib
import shutil
from decimal import Decimal
from pathlib import Path

from luxvid_pipeline.domain.payments import Account, PaidRequest
from luxvid_pipeline.domain.pricing import billed_video, video_price
from luxvid_pipeline.ledger.payments import SqlLedger
from luxvid_pipeline.media.probe import probe_video
from luxvid_pipeline.providers.replicate.client import Patience, ReplicateApi
from luxvid_pipeline.providers.replicate.predictions import Desk, InputFile, Order

KEY = "r8_" + "Sekr3t" * 6
NO_PATIENCE = Patience(
    backoff_first_s=0.01,
    backoff_most_s=0.02,
    poll_first_s=0.01,
    poll_most_s=0.03,
    take_up_s=0.0,
    settle_s=0.1,
    neighbour_s=0.02,
    goodbye_s=2.0,
    safe_s=5.0,
    queue_s=5.0,
)
MODEL = "google/veo-3.1-fast"


class FolderShelf:
    """A shelf that is a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def check_room(self) -> None:
        """There always is."""

    def keep(self, name: str, file: Path) -> str:
        shutil.copyfile(file, self.folder / name)
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()

    def fetch(self, name: str, sha256: str) -> Path | None:
        path = self.folder / name
        return path if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256 else None


class OpenLimits:
    """No limit; remembers what it was told."""

    def __init__(self):
        self.waits: list[str] = []
        self.throttles: list[tuple[str, float, bool]] = []

    async def wait(self, bucket: str, *, deadline_s: float) -> None:
        self.waits.append(bucket)

    def throttled(self, bucket: str, retry_after_s: float, *, low_credit: bool = False) -> None:
        self.throttles.append((bucket, retry_after_s, low_credit))


def desk_for(base_url: str, folder: Path, *, patience: Patience = NO_PATIENCE, token: str = KEY, **api) -> Desk:
    """A desk whose ledger and shelf lie in ``folder``; two with the same folder share them."""
    folder.mkdir(parents=True, exist_ok=True)
    return Desk(
        ReplicateApi(token, base_url=base_url, patience=patience, **api),
        SqlLedger(f"sqlite:///{folder / 'ledger.db'}"),
        FolderShelf(folder / "shelf"),
        OpenLimits(),
    )


def veo_order(photo: Path, prompt: str = "a calm pool", *, account: Account | None = None, **changes) -> Order:
    """A clip of four seconds from one photo."""
    digest = f"sha256:{hashlib.sha256(photo.read_bytes()).hexdigest()}"
    given = {
        "prompt": prompt,
        "image": digest,
        "duration": 4,
        "resolution": "720p",
        "aspect_ratio": "16:9",
        "generate_audio": False,
    }

    def cost(metrics) -> Decimal:
        return billed_video(MODEL, metrics=metrics, resolution="720p", audio=False, asked_seconds=4)

    request = PaidRequest(
        vendor="replicate",
        model=MODEL,
        input=given,
        account=account or Account(listing="villa-aurora", stage="clips", scene="1-arrival"),
        estimate=video_price(MODEL, seconds=4, resolution="720p", audio=False),
    )
    values = {
        "files": {digest: InputFile(path=photo, content_type="image/jpeg")},
        "doing": f"{MODEL} for 1-arrival of villa-aurora",
        "suffix": ".mp4",
        "kinds": ("video/",),
        "cost": cost,
        "check": probe_video,
        "deadline_s": 20.0,
        **changes,
    }
    return Order(request=request, **values)
