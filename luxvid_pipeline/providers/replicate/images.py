"""Widening a portrait photo to 16:9: the port ``ImageEditor`` on Replicate, by ``google/nano-banana``.

Belongs here: what the model is asked, and keeping the photo itself untouched in the middle of what it makes.
Does not belong here: deciding that a scene has nothing better (the selector, the operator), paying once
(``predictions.py``).

The model redraws the whole picture at about one megapixel. So only the sides are taken from it: the photo is laid over
the middle, where it was, pixel for pixel at the size of the result, and both are blended along the edge. What is
invented is always disclosed.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from luxvid_pipeline.domain.errors import InvalidRequestError, MediaError
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest
from luxvid_pipeline.domain.photos import WorkingPhoto
from luxvid_pipeline.domain.ports import Engine
from luxvid_pipeline.domain.pricing import output_price
from luxvid_pipeline.providers.replicate.client import ReplicateApi
from luxvid_pipeline.providers.replicate.clips import SchemaCheck, who_pays
from luxvid_pipeline.providers.replicate.predictions import Desk, InputFile, Order, deliver

NANO_BANANA = "google/nano-banana"

_ASPECT = 16 / 9
_PROMPT = (
    "Extend this photograph to the left and to the right so that it becomes a 16:9 landscape picture. Keep everything "
    "that is in the photograph exactly where and as it is, centred, at full height. Continue walls, floor, sky and "
    "light plainly; add no people, no furniture, no objects, no text."
)
_SENT_PX = 1600
_BLEND = 0.03
"""Part of the photo's width over which it becomes what the model drew."""


class ReplicateImageEditor:
    """Widens photos with ``google/nano-banana``."""

    def __init__(self, desk: Desk, *, deadline_s: float = 300.0) -> None:
        """Take the desk where paid requests are handed in, and how long an edit may take."""
        self._desk = desk
        self._deadline_s = deadline_s
        self._schema = SchemaCheck()

    @property
    def engine(self) -> str:
        """Always ``google/nano-banana``."""
        return NANO_BANANA

    def estimate(self) -> Estimate:
        """Return what one photo may cost if it has to be bought."""
        return output_price(NANO_BANANA)

    async def widen(self, photo: WorkingPhoto, into: Path, account: Account | None = None) -> Engine:
        """Write a 16:9 JPEG to ``into`` that shows the photo, untouched, with its sides continued.

        Raises:
            InvalidRequestError: The photo is 16:9 or wider already, or nobody is named who pays.
            BudgetExceededError: It does not fit; nothing was sent.
            ProviderError: The model could not or would not do it.
            MediaError: The photo cannot be read.
        """
        picture = _opened(photo.path)
        if picture.width / picture.height >= _ASPECT:
            raise InvalidRequestError(f"{photo.record.file} is as wide as the film already: there is nothing to extend")
        with tempfile.TemporaryDirectory(prefix="luxvid-", dir=self._desk.scratch) as folder:
            sent = Path(folder) / "photo.jpg"
            small = picture.copy()
            small.thumbnail((_SENT_PX, _SENT_PX), Image.Resampling.LANCZOS)
            small.save(sent, "JPEG", quality=95, subsampling=0)
            delivery = await deliver(self._order(photo, sent, account), self._desk)
            _laid_over(picture, _opened(delivery.path)).save(into, "JPEG", quality=95, subsampling=0)
        share = 1 - picture.width / (picture.height * _ASPECT)
        return Engine(
            name=self.engine,
            cost_usd=float(delivery.cost_usd),
            paid_calls=delivery.requests,
            disclosure=(
                f"{photo.record.file} was extended to 16:9 by {self.engine}: {share:.0%} of the picture, at its left "
                "and right, is invented"
            ),
            notes={"invented_share": round(share, 4)},
        )

    def _order(self, photo: WorkingPhoto, sent: Path, account: Account | None) -> Order:
        digest = f"sha256:{hashlib.sha256(sent.read_bytes()).hexdigest()}"
        given = {"prompt": _PROMPT, "image_input": [digest], "aspect_ratio": "16:9", "output_format": "png"}

        def cost(_metrics: Mapping[str, Any]) -> Decimal:
            return output_price(NANO_BANANA).high_usd

        async def check_schema(api: ReplicateApi) -> None:
            await self._schema(api, NANO_BANANA, given)

        listing = account.listing if account is not None else "this listing"
        return Order(
            request=PaidRequest(
                vendor="replicate",
                model=NANO_BANANA,
                input=given,
                account=who_pays(account, listing, "images", account.scene if account is not None else ""),
                estimate=self.estimate(),
            ),
            files={digest: InputFile(path=sent, content_type="image/jpeg")},
            doing=f"{NANO_BANANA} for {photo.record.file} of {listing}",
            suffix=".png",
            kinds=("image/",),
            cost=cost,
            check=_opened,
            deadline_s=self._deadline_s,
            usual_s=15.0,
            before_sending=check_schema,
        )


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise MediaError(f"{path.name} cannot be read as a picture ({error})") from error


def _laid_over(photo: Image.Image, drawn: Image.Image) -> Image.Image:
    """The photo at full height in the middle of what the model drew, blended along its sides."""
    height = photo.height - photo.height % 2
    width = round(height * _ASPECT / 2) * 2
    backdrop = _filled(drawn, width, height)
    inner = photo.resize((round(photo.width * height / photo.height), height), Image.Resampling.LANCZOS)
    edge = max(1, round(inner.width * _BLEND))
    weights = np.minimum(1.0, np.minimum(np.arange(inner.width), np.arange(inner.width)[::-1]) / edge)
    mask = Image.fromarray(np.tile((255 * weights).astype(np.uint8), (height, 1)))
    backdrop.paste(inner, ((width - inner.width) // 2, 0), mask)
    return backdrop


def _filled(picture: Image.Image, width: int, height: int) -> Image.Image:
    """A picture enlarged to fill a size, cut in the middle."""
    scale = max(width / picture.width, height / picture.height)
    part_width, part_height = width / scale, height / scale
    left, top = (picture.width - part_width) / 2, (picture.height - part_height) / 2
    return picture.resize(
        (width, height), Image.Resampling.LANCZOS, box=(left, top, left + part_width, top + part_height)
    )
