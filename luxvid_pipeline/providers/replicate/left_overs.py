"""What a row of the ledger tells of its order, so that it can be settled when nobody asks for it any more.

Belongs here: a row back to an ``Order``: its suffix, its price, how its result is looked at.
Does not belong here: taking it up (``predictions.py``), finding such rows (``automation/reconciliation.py``).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from luxvid_pipeline.domain.errors import MediaError, SettingsError
from luxvid_pipeline.domain.film_format import FULL_HD
from luxvid_pipeline.domain.payments import ZERO_USD, Estimate, PaidRequest, Payment
from luxvid_pipeline.domain.pricing import billed_hardware, billed_video, output_price
from luxvid_pipeline.media.conform import check_clip
from luxvid_pipeline.media.stage_joins import read_music
from luxvid_pipeline.providers.replicate.images import NANO_BANANA
from luxvid_pipeline.providers.replicate.models import VIDEO_MODELS, VideoModel
from luxvid_pipeline.providers.replicate.predictions import Order
from luxvid_pipeline.providers.replicate.score import MUSICGEN, RIFFUSION

# Whoever tidies up does not wait long for a vendor that does not answer: it comes again in ten minutes.
_DEADLINE_S = 20.0
# A clip this much shorter than was asked for is none; the scene may have needed all of it.
_SHORT_S = 0.5


def order_of(payment: Payment) -> Order:
    """Return the order of a row, without its files: enough to fetch or book it, never enough to send it.

    Raises:
        SettingsError: No adapter of this LuxVid made it.
    """
    request = PaidRequest(
        vendor=payment.vendor,
        model=payment.model,
        version=payment.version,
        input=payment.input,
        account=payment.account,
        estimate=Estimate(low_usd=ZERO_USD, high_usd=payment.reserved_usd),
    )
    where = f"{payment.account.scene} of {payment.account.listing}".removeprefix(" of ")
    doing = f"{payment.model} for {where}"
    if payment.model in VIDEO_MODELS:
        seconds, resolution = _take(VIDEO_MODELS[payment.model], payment.input)

        def check(clip: Path) -> None:
            check_clip(clip, max(1, int((seconds - _SHORT_S) * FULL_HD.fps)), FULL_HD)

        return Order(
            request=request,
            doing=doing,
            suffix=".mp4",
            kinds=("video/",),
            cost=_video_cost(payment.model, seconds, resolution),
            check=check,
            deadline_s=_DEADLINE_S,
        )
    if payment.model in {MUSICGEN, RIFFUSION}:
        return Order(
            request=request,
            doing=doing,
            suffix=".wav",
            kinds=("audio/",),
            part="audio" if payment.model == RIFFUSION else "",
            # As the run that sent it: without a time from the vendor, what was reserved for this much sound.
            cost=lambda metrics: billed_hardware(payment.model, metrics, made_s=payment.input.get("duration")),
            by_hardware=True,
            check=read_music,
            deadline_s=_DEADLINE_S,
        )
    if payment.model == NANO_BANANA:
        return Order(
            request=request,
            doing=doing,
            suffix=".png",
            kinds=("image/",),
            cost=lambda _metrics: output_price(NANO_BANANA).high_usd,
            check=_check_picture,
            deadline_s=_DEADLINE_S,
        )
    raise SettingsError(
        f"{payment.model} has no adapter in this LuxVid: settle {payment.key[:12]} with 'luxvid ledger'"
    )


def _take(model: VideoModel, given: Mapping[str, Any]) -> tuple[float, str]:
    """Seconds and size that an input asks for."""
    length = float(given[model.duration_field])
    seconds = (length - 1) / model.frames_at if model.frames_at else length
    if not model.resolution_field:
        return seconds, model.offers[0].resolution
    said = str(given[model.resolution_field])
    sizes = {name: size for size, name in model.resolutions.items()}
    return seconds, sizes.get(said, said)


def _video_cost(model: str, seconds: float, resolution: str) -> Callable[[Mapping[str, Any]], Decimal]:
    def cost(metrics: Mapping[str, Any]) -> Decimal:
        return billed_video(model, metrics=metrics, resolution=resolution, audio=False, asked_seconds=seconds)

    return cost


def _check_picture(path: Path) -> None:
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise MediaError(f"{path.name} cannot be read as a picture ({error})") from error
