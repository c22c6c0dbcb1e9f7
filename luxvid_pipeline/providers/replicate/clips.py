"""Video models as a camera: the port ``ClipGenerator`` on Replicate.

Belongs here: from a scene and its photos to a paid request, and from what comes back to a clip of the film.
Does not belong here: what each model takes (``models.py``), paying once (``predictions.py``), converting the clip
(``media/conform.py``).
"""

import asyncio
import os
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from luxvid_pipeline.domain.errors import InvalidRequestError
from luxvid_pipeline.domain.payments import Account, Estimate, PaidRequest
from luxvid_pipeline.domain.ports import ClipRequest, Engine, Progress, ignore_progress
from luxvid_pipeline.domain.pricing import billed_video, video_price
from luxvid_pipeline.media.conform import Conformed, check_clip, conform_clip
from luxvid_pipeline.providers.replicate.client import ReplicateApi
from luxvid_pipeline.providers.replicate.failures import Kind, VendorFailureError
from luxvid_pipeline.providers.replicate.models import Take, choose_take, schema_differences, video_input, video_model
from luxvid_pipeline.providers.replicate.photos import frame_photo
from luxvid_pipeline.providers.replicate.predictions import Delivery, Desk, InputFile, Order, deliver

_CHECKED_FOR_S = 900.0
"""How long a live schema that was found right is believed: longer than a film takes, shorter than a day."""

_CONVERTERS = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="conform")
"""Converting fills a core, so as many clips at once as there are; the ledger's short steps have other threads."""

_SHOT = 0.85
"""Part of the progress bar that shooting takes; the rest is converting."""


class SchemaCheck:
    """Compares a model's live schema with what is about to be sent, once a while; vendors change schemas silently."""

    def __init__(self) -> None:
        """Begin with nothing checked."""
        self._checked_at: dict[tuple[str, frozenset[str]], float] = {}
        self._lock = threading.Lock()

    async def __call__(self, api: ReplicateApi, model: str, given: Mapping[str, Any]) -> None:
        """Look, unless it was looked at lately.

        Raises:
            VendorFailureError: ``SCHEMA_CHANGED`` with every difference that matters.
        """
        what, now = (model, frozenset(given)), api.time.monotonic()
        with self._lock:
            if now - self._checked_at.get(what, -_CHECKED_FOR_S) < _CHECKED_FOR_S:
                return
        schema = await api.safely(lambda: api.input_schema(model))
        differences = schema_differences(given, schema)
        if differences:
            raise VendorFailureError(Kind.SCHEMA_CHANGED, "; ".join(differences))
        with self._lock:
            self._checked_at[what] = now


@dataclass(frozen=True, slots=True)
class _Framed:
    """The photos as they will be sent."""

    take: Take
    files: Mapping[str, InputFile]
    first: Path
    last: Path | None
    given: Mapping[str, Any]


class ReplicateClips:
    """Shoots clips with one video model.

    A model without a last frame shoots a pair from its first photo, and says so.
    """

    def __init__(self, model: str, desk: Desk, *, resolution: str = "", deadline_s: float = 900.0) -> None:
        """Choose a model.

        Args:
            model: One of ``models.VIDEO_MODELS``.
            desk: Where paid requests are handed in.
            resolution: ``720p``, ``1080p``, …; empty for the model's own order of preference.
            deadline_s: How long a clip may take before it is cancelled.

        Raises:
            SettingsError: There is no adapter for the model, or it has no such size.
        """
        self._model = video_model(model)
        self._desk = desk
        self._resolution = resolution
        self._deadline_s = deadline_s
        self._schema = SchemaCheck()
        choose_take(self._model, 1.0, pair=False, resolution=resolution)

    @property
    def engine(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def most_at_once(self) -> int:
        """As many as a film has scenes and more: the vendor's rate limit is kept by the desk."""
        return 32

    def take(self, request: ClipRequest) -> Take:
        """Return what would be asked of the model.

        Raises:
            InvalidRequestError: It makes no clip that long.
        """
        pair = request.last is not None
        return choose_take(self._model, request.shot.seconds, pair=pair, resolution=self._resolution)

    def estimate(self, request: ClipRequest) -> Estimate:
        """Return what the clip may cost if it has to be bought.

        Raises:
            InvalidRequestError: The model makes no clip that long.
        """
        take = self.take(request)
        return video_price(self._model.name, seconds=take.seconds, resolution=take.resolution, audio=False)

    def paid_request(self, request: ClipRequest) -> PaidRequest:
        """Return the request as the ledger knows it, to see what is already paid for.

        Raises:
            MediaError: A photo cannot be read.
            InvalidRequestError: The model makes no clip that long, or nobody is named who pays.
        """
        with tempfile.TemporaryDirectory(prefix="luxvid-") as folder:
            return self._paid(request, self._framed(request, Path(folder)))

    @property
    def takes_seed(self) -> bool:
        """Whether another seed gives another clip; without one only other words do."""
        return self._model.seed

    async def shoot(
        self,
        request: ClipRequest,
        into: Path,
        progress: Progress = ignore_progress,
        *,
        window: float | None = None,
    ) -> Engine:
        """Write the clip to ``into``, silent and in the film's format, and return who made it and what it cost.

        Args:
            request: What to shoot.
            into: The MP4 to write.
            progress: Told how far the work is.
            window: Which part of a longer clip is used; see ``conform_clip``. What is paid for already is cut anew.

        Raises:
            BudgetExceededError: It does not fit; nothing was sent.
            ProviderError: The model could not or would not make it.
            MediaError: A photo cannot be read, or what came back cannot be used.
        """
        with tempfile.TemporaryDirectory(prefix="luxvid-", dir=self._desk.scratch) as folder:
            framed = await asyncio.to_thread(self._framed, request, Path(folder))
            order = self._order(request, framed)
            delivery = await deliver(order, self._desk, lambda done: progress(_SHOT * done))
            conformed = await self._conformed(request, framed, delivery, into, window)
        progress(1.0)
        return self._engine(request, framed.take, delivery, conformed)

    def _framed(self, request: ClipRequest, folder: Path) -> _Framed:
        take = self.take(request)
        files: dict[str, InputFile] = {}
        names: list[str] = []
        paths: list[Path] = []
        last = request.last if take.pair else None
        for place, photo in (("first", request.first), ("last", last)):
            if photo is None:
                continue
            path = folder / f"{place}.jpg"
            digest = f"sha256:{frame_photo(photo.path, take.photo_px, path)}"
            files[digest] = InputFile(path=path, content_type="image/jpeg")
            names.append(digest)
            paths.append(path)
        given = video_input(
            self._model,
            take,
            prompt=request.shot.prompt,
            negative_prompt=request.shot.negative_prompt,
            seed=request.seed,
            first=names[0],
            last=names[1] if last is not None else None,
        )
        return _Framed(take, files, paths[0], paths[1] if last is not None else None, given)

    def _paid(self, request: ClipRequest, framed: _Framed) -> PaidRequest:
        return PaidRequest(
            vendor="replicate",
            model=self._model.name,
            input=framed.given,
            account=who_pays(request.account, request.listing, "clips", request.shot.scene),
            estimate=self.estimate(request),
        )

    def _order(self, request: ClipRequest, framed: _Framed) -> Order:
        model, take = self._model, framed.take

        def cost(metrics: Mapping[str, Any]) -> Decimal:
            return billed_video(
                model.name, metrics=metrics, resolution=take.resolution, audio=False, asked_seconds=take.seconds
            )

        def check(clip: Path) -> None:
            check_clip(clip, request.format.frames(request.shot.seconds), request.format)

        async def check_schema(api: ReplicateApi) -> None:
            await self._schema(api, model.name, framed.given)

        return Order(
            request=self._paid(request, framed),
            files=framed.files,
            doing=f"{model.name} for {request.shot.scene} of {request.listing}",
            suffix=".mp4",
            kinds=("video/",),
            cost=cost,
            check=check,
            deadline_s=self._deadline_s,
            usual_s=model.usual_s,
            before_sending=check_schema,
        )

    async def _conformed(
        self, request: ClipRequest, framed: _Framed, delivery: Delivery, into: Path, window: float | None
    ) -> Conformed:
        stop = threading.Event()
        converting = _CONVERTERS.submit(
            conform_clip,
            delivery.path,
            into,
            request.format,
            request.format.frames(request.shot.seconds),
            first=framed.first,
            last=framed.last,
            window=window,
            doing=f"{self._model.name}'s clip for {request.shot.scene} of {request.listing}",
            stopped=stop.is_set,
        )
        work = asyncio.wrap_future(converting)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            if not converting.cancel():
                await asyncio.wait([work])
            if work.done() and not work.cancelled():
                work.exception()
            into.unlink(missing_ok=True)
            raise

    def _engine(self, request: ClipRequest, take: Take, delivery: Delivery, conformed: Conformed) -> Engine:
        one_photo = request.last is not None and not take.pair
        notes: dict[str, float | str] = {
            "asked_seconds": take.seconds,
            "asked_resolution": take.resolution,
            "came_as": f"{conformed.source_width_px}x{conformed.source_height_px}, {conformed.source_fps:.3f} fps, "
            f"{conformed.source_seconds:.2f} s",
            "came_seconds": round(conformed.source_seconds, 3),
            "sound_dropped": "yes" if conformed.had_sound else "no",
            "speed": round(conformed.speed, 3),
            "used_from_s": round(conformed.used_from_s, 3),
            "used_to_s": round(conformed.used_to_s, 3),
            "drawn_frames": conformed.drawn_frames,
        }
        if conformed.first_ssim is not None:
            notes["first_frame_ssim"] = conformed.first_ssim
        if conformed.last_ssim is not None:
            notes["last_frame_ssim"] = conformed.last_ssim
        if conformed.source_first_ssim is not None:
            notes["came_first_ssim"] = conformed.source_first_ssim
        if conformed.source_last_ssim is not None:
            notes["came_last_ssim"] = conformed.source_last_ssim
        return Engine(
            name=self.engine,
            cost_usd=float(delivery.cost_usd),
            paid_calls=delivery.requests,
            degraded_reason=(
                f"{self.engine} takes no last frame: {request.shot.scene} was shot from its first photo alone"
                if one_photo
                else ""
            ),
            notes=notes,
        )


def who_pays(account: Account | None, listing: str, stage: str, scene: str) -> Account:
    """Return the account of one paid request.

    Raises:
        InvalidRequestError: Nobody is named: without an account there is no budget.
    """
    if account is None:
        raise InvalidRequestError(
            f"{stage} of {listing}: nobody is named who pays for a hosted engine; nothing was sent (this is a fault "
            "of LuxVid)"
        )
    return replace(account, listing=account.listing or listing, stage=stage, scene=scene)
