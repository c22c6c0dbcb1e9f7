"""One paid request, from asking the ledger to a file on the shelf, so that it is paid for once whatever happens.

Belongs here: the order of steps around a prediction, settling what a crash or a broken connection left open.
Does not belong here: HTTP (``client.py``), what failures mean (``failures.py``), what a model is asked
(``clips.py``, ``score.py``, ``images.py``), how states are kept (``ledger/``).

Each state is written before the step it announces::

    claim ─► reserved ─► (schema, uploads, rate limit) ─► submitting ─► POST ─► submitted ─► poll ─► finished ─┐
                                                              │                                                │
              connection lost, or found so after a crash: the vendor's list decides    delivered ◄─ shelf ◄─ download

The vendor knows no idempotency key, so a POST is never repeated before the vendor's list has said that the earlier one
was not heard. An empty list says so only once the request can no longer be under way: a gateway that gives up, a broken
connection and a dead process do not stop the vendor from carrying out later what it was sent.
"""

import asyncio
import contextlib
import os
import tempfile
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    DamagedMediaError,
    InputError,
    LedgerError,
    LuxVidError,
    MediaError,
    NoCreditError,
    ProviderError,
    ResultWaitsError,
    StorageError,
)
from luxvid_pipeline.domain.fallback import is_of_this_machine
from luxvid_pipeline.domain.payments import (
    ZERO_USD,
    Ledger,
    PaidRequest,
    Payment,
    PaymentState,
    RateLimits,
    Shelf,
)
from luxvid_pipeline.domain.ports import Progress, ignore_progress
from luxvid_pipeline.providers.replicate.client import Prediction, ReplicateApi
from luxvid_pipeline.providers.replicate.failures import (
    RULES,
    Kind,
    VendorFailureError,
    as_reason,
    error_from_reason,
    error_of,
    prediction_failure,
)

CREATE_BUCKET = "replicate:create"

_BILLED = ("video_output_duration_seconds", "video_output_count", "image_output_count", "audio_output_duration_seconds")
_IN_TRANSIT = frozenset({PaymentState.SUBMITTING, PaymentState.SUBMITTED, PaymentState.FINISHED})
_INPUT_KEPT = timedelta(hours=1)
"""So long the vendor keeps what was asked of it."""

_RESULT_KEPT = timedelta(hours=24)
"""No result is kept for longer, though it were still listed."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file that goes with a request.

    Attributes:
        path: Where it is.
        content_type: What it is, ``image/jpeg``.
    """

    path: Path
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A paid request and what it takes to make it.

    Attributes:
        request: What is asked, canonical; its files stand there as ``sha256:<hex>``.
        files: Those files.
        doing: What this is about, for errors.
        suffix: Of the result, ``.mp4``.
        kinds: Beginnings of content types the result may have.
        part: Which entry counts where the output is an object.
        cost: What it did cost, from the vendor's metrics.
        by_hardware: Whether the vendor bills the time the model ran, also of a run that failed.
        check: Looks at the file; raises ``MediaError`` for one that cannot be used.
        deadline_s: From sending to the end of the prediction.
        usual_s: How long it usually takes, for the progress bar.
        before_sending: Last look before anything is uploaded or sent; not called for what is paid for already.
    """

    request: PaidRequest
    files: Mapping[str, InputFile] = field(default_factory=dict[str, InputFile])
    doing: str
    suffix: str
    kinds: tuple[str, ...]
    part: str = ""
    cost: Callable[[Mapping[str, Any]], Decimal]
    by_hardware: bool = False
    check: Callable[[Path], object]
    deadline_s: float = 900.0
    usual_s: float = 90.0
    before_sending: Callable[[ReplicateApi], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A result that is paid for and on the shelf.

    Attributes:
        path: The file.
        sha256: Its hash.
        cost_usd: What was booked by this call; 0 where it was there already.
        paid_now: Whether this call booked anything.
        requests: Paid requests that this call sent and the vendor accepted.
        metrics: What the vendor reported.
    """

    path: Path
    sha256: str
    cost_usd: Decimal
    paid_now: bool
    requests: int
    metrics: Mapping[str, Any]


class FirstAlone:
    """Lets the first paid request of a run go alone, and all others the moment the vendor has accepted it.

    A missing credit, a broken key or a changed schema shows before seven are in flight, at the cost of one request's
    latency. One object serves one event loop.
    """

    def __init__(self) -> None:
        """Begin with nothing accepted."""
        self._lock = asyncio.Lock()
        self._accepted = False
        self._fatal: ProviderError | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for one's turn to send.

        Raises:
            ProviderError: Whoever went first found that the account cannot pay or the key is wrong.
        """
        if self._accepted:
            yield
            return
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._lock)
            if self._accepted:
                await stack.aclose()
            if self._fatal is not None:
                raise self._fatal
            yield

    def accepted(self) -> None:
        """The vendor has taken one."""
        self._accepted = True

    def refused(self, error: ProviderError) -> None:
        """Whoever went first failed; if it is about the account, nobody else need try."""
        if isinstance(error, NoCreditError | BadKeyError):
            self._fatal = error


class Desk:
    """Where paid requests to Replicate are handed in: the API with its ledger, shelf and rate limits.

    One object serves all engines of a process, in any number of event loops and threads.
    """

    def __init__(
        self, api: ReplicateApi, ledger: Ledger, shelf: Shelf, limits: RateLimits, *, scratch: Path | None = None
    ) -> None:
        """Take over what is needed.

        Args:
            api: The vendor, not yet opened.
            ledger: Every paid request.
            shelf: Every paid result.
            limits: Shared by all processes of this machine.
            scratch: Where downloads lie until they are on the shelf; the system's own place unless told.
        """
        self.api = api
        self.ledger = ledger
        self.shelf = shelf
        self.limits = limits
        self.scratch = scratch
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, FirstAlone] = WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def gate(self) -> FirstAlone:
        """The gate of the running event loop: one run is one loop."""
        with self._lock:
            return self._gates.setdefault(asyncio.get_running_loop(), FirstAlone())


_in_hand: set[str] = set()
_in_hand_lock = threading.Lock()


def _empty_handed() -> None:
    """A forked child has none of its parent's tasks: what they hold would never be put down there."""
    global _in_hand_lock  # noqa: PLW0603 - a thread that is not there may have held it
    _in_hand_lock = threading.Lock()
    _in_hand.clear()


os.register_at_fork(after_in_child=_empty_handed)


@asynccontextmanager
async def _alone_with(key: str) -> AsyncGenerator[None]:
    """Hold a request within this process, whoever's desk it lies on: a claim belongs to a process, not to a task."""
    while not _took(key):
        await asyncio.sleep(0.05)
    try:
        yield
    finally:
        with _in_hand_lock:
            _in_hand.discard(key)


def _took(key: str) -> bool:
    with _in_hand_lock:
        if key in _in_hand:
            return False
        _in_hand.add(key)
        return True


async def deliver(order: Order, desk: Desk, progress: Progress = ignore_progress) -> Delivery:
    """Return the result of a paid request, buying it only if nobody ever has.

    What an earlier process sent is taken up again by its id; what another live process is working on is waited for.
    Cancelling this call cancels the prediction and leaves the ledger so that a later call goes on from there.

    Raises:
        BudgetExceededError: It does not fit; nothing was sent.
        UnknownPaymentError: It may have been paid for and nobody can tell.
        ResultWaitsError: It was taken, or may have been, and could not be had now; calling again goes on from there.
        ProviderError: The vendor could not or would not make it.
        LedgerError: The ledger cannot be written; nothing is sent without it.
        StorageError: The result could not be kept, or there is no room for one and nothing was sent.
        DamagedMediaError: It was delivered once and is no longer on the shelf.
    """
    async with _alone_with(order.request.key):
        try:
            async with desk.api.session() as api:
                return await _Case(order, desk, api, progress).close()
        except VendorFailureError as failure:
            error = failure.as_error(order.doing)
            row = await _step(desk.ledger.payment, order.request.key)
            if row is not None and row.state is PaymentState.SUBMITTING:
                error = ResultWaitsError(f"{error}; it may have been taken, and the next run asks the vendor again")
            elif row is not None and row.state in _IN_TRANSIT:
                error = ResultWaitsError(f"{error}; it is paid for, and the next run fetches it")
            raise error from failure


async def settle_left_over(order: Order, desk: Desk, *, cancel: bool = False) -> Payment | None:
    """Take a row whose process is gone as far as it goes without waiting for a result and without sending anything.

    One that never left is dropped; one that may have left is looked for at the vendor, until it can no longer be under
    way; of one that has ended the result is fetched, or its cost booked. One that is still being made stays as it is,
    for a later look.

    Args:
        order: What it was, as far as the row tells.
        desk: Where it was handed in.
        cancel: Whether one that is still being made is cancelled.

    Returns:
        The row as it stands then; None where it was dropped. Rows in a live process's hands are left alone.

    Raises:
        ProviderError: The vendor does not answer, or refuses the key; the row stays as it is.
        LedgerError, StorageError: As ``deliver``.
    """
    async with _alone_with(order.request.key), desk.api.session() as api:
        return await _LeftOver(order, desk, api, ignore_progress).settle(cancel=cancel)


async def check_may_be(order: Order, desk: Desk, prediction_id: str) -> None:
    """Return if a prediction that a person names may be what became of a request; its row is left as it is.

    Raises:
        InputError: The vendor does not know it, or it certainly is another one.
        ProviderError: The vendor does not answer, or refuses the key.
        LedgerError: The ledger cannot be read.
    """
    try:
        async with desk.api.session() as api:
            await _Case(order, desk, api, ignore_progress).check_may_be(prediction_id)
    except VendorFailureError as failure:
        raise failure.as_error(order.doing) from failure


class _TryAgainError(Exception):
    """It failed for a passing reason and may be sent anew."""

    def __init__(self, failure: VendorFailureError) -> None:
        self.failure = failure
        super().__init__(str(failure))


class _Case:
    """One request in the hands of one task."""

    def __init__(self, order: Order, desk: Desk, api: ReplicateApi, progress: Progress) -> None:
        self._order = order
        self._key = order.request.key
        self._desk = desk
        self._ledger = desk.ledger
        self._api = api
        self._patience = api.patience
        self._time = api.time
        self._progress = progress
        self._requests = 0
        self._booked = ZERO_USD
        self._gave_up = False
        self._live = ""
        """Id of a prediction that is running at the vendor on our behalf."""
        self._posted_at: float | None = None
        """When this call last sent it, on a clock that never jumps."""
        self._holds = False
        """Whether the claim is this call's; otherwise another task of the same process may hold it."""

    async def close(self) -> Delivery:
        """Do whatever is left to do."""
        tries = 0
        try:
            while True:
                payment = await self._claimed()
                if payment.state is PaymentState.DELIVERED:
                    return await self._from_shelf(payment)
                try:
                    async with self._alive():
                        return await self._go_on(payment)
                except _TryAgainError as again:
                    self._holds = False  # failed, so anybody may claim it while this call pauses
                    tries += 1
                    if tries >= self._patience.tries:
                        raise again.failure.as_error(f"{self._order.doing}, {tries} times") from again
                    await self._time.sleep(self._api.pause_s(tries, again.failure))
        except asyncio.CancelledError:
            await self._say_goodbye()
            raise
        finally:
            if self._holds:
                with contextlib.suppress(LedgerError):
                    await self._leave()

    async def _leave(self) -> None:
        """Give it up: what never left goes from the ledger, the rest is anybody's to take up again."""
        row = await _step(self._ledger.payment, self._key)
        if row is not None and row.state is PaymentState.RESERVED:
            await _step(self._ledger.release, self._key)
        else:
            await _step(self._ledger.let_go, [self._key])

    def _claim(self) -> Payment:
        # Noted where it happens, so that a call cancelled in this moment still lets go.
        payment = self._ledger.claim(self._order.request)
        self._holds = payment.ours
        return payment

    async def _claimed(self) -> Payment:
        """Our claim, or what somebody else's came to."""
        ends = self._time.monotonic() + self._order.deadline_s + self._patience.queue_s
        while True:
            payment = await _step(self._claim)
            if payment.ours or payment.state is PaymentState.DELIVERED:
                return payment
            if payment.state is PaymentState.UNKNOWN:
                raise error_of(Kind.UNKNOWN, payment.reason, self._order.doing)
            if payment.state is PaymentState.FAILED:
                raise error_from_reason(payment.reason, self._order.doing)
            if self._time.monotonic() > ends:
                # It may be paid for there: no other engine is bought for it here.
                raise ResultWaitsError(
                    f"{self._order.doing}: another process has been working on the same request for too long "
                    f"({payment.state}); run it again"
                )
            await self._time.sleep(self._patience.neighbour_s)

    async def _go_on(self, payment: Payment) -> Delivery:
        prediction_id = payment.prediction_id
        if payment.state is PaymentState.SUBMITTING:
            found = await self._settle(payment, None)
            if found is None:
                payment = await _step(self._ledger.not_sent, self._key, "the vendor's list does not hold it")
            else:
                prediction_id = found.id
                self._live = found.id
                payment = await _step(self._ledger.submitted, self._key, found.id)
        if payment.state not in _IN_TRANSIT:
            prediction_id = await self._send()
        if payment.state is PaymentState.FINISHED:
            return await self._collect(payment, await self._get(prediction_id))
        self._live = prediction_id
        prediction = await self._followed(prediction_id)
        self._live = ""
        return await self._concluded(prediction)

    # ---- sending -------------------------------------------------------------------------------------------------

    async def _send(self) -> str:
        """Send it and return the vendor's id."""
        await _step(self._desk.shelf.check_room)
        if self._order.before_sending is not None:
            await self._order.before_sending(self._api)
        given = await self._uploaded()
        gate = self._desk.gate
        async with gate.turn():
            try:
                return await self._sent(given, gate)
            except VendorFailureError as failure:
                gate.refused(failure.as_error(self._order.doing))
                raise

    async def _uploaded(self) -> dict[str, Any]:
        """The input as the vendor takes it: every file uploaded afresh, since addresses die within the hour.

        An upload costs nothing and one too many only expires, so it may be repeated.
        """
        files = self._order.files
        urls = await asyncio.gather(
            *(
                self._api.safely(lambda file=file: self._api.upload(file.path, file.content_type))
                for file in files.values()
            )
        )
        addresses = dict(zip(files, urls, strict=True))
        return {name: _with_files(value, addresses) for name, value in self._order.request.input.items()}

    async def _sent(self, given: Mapping[str, Any], gate: FirstAlone) -> str:
        tries = 0
        ends = self._time.monotonic() + self._patience.queue_s
        # Should nobody hear its answer, the vendor's list is read from this moment on by the vendor's clock.
        await self._api.learn_time()
        while True:
            await self._desk.limits.wait(CREATE_BUCKET, deadline_s=max(0.0, ends - self._time.monotonic()))
            payment = await self._announced()
            try:
                prediction = await self._posted(given)
            except VendorFailureError as failure:
                prediction = None if failure.surely_unheard else await self._settle(payment, given)
                if prediction is None:
                    await _step(self._ledger.not_sent, self._key, as_reason(failure.kind, failure.text))
                    tries += 1
                    await self._wait_out(failure, tries, ends)
                    continue
            self._live = prediction.id
            self._requests += 1
            await _step(self._ledger.submitted, self._key, prediction.id)
            gate.accepted()
            return prediction.id

    async def _announced(self) -> Payment:
        """Write down that it is about to leave; cancelled in this moment, that it did not."""
        try:
            return await _step(self._ledger.submitting, self._key, clock_ahead_s=self._api.clock_ahead_s)
        except asyncio.CancelledError:
            await self._not_sent_after_all()
            raise

    async def _not_sent_after_all(self) -> None:
        row = await _step(self._ledger.payment, self._key)
        if row is not None and row.state is PaymentState.SUBMITTING:
            await _step(self._ledger.not_sent, self._key, "the run was ended before it was sent")

    async def _posted(self, given: Mapping[str, Any]) -> Prediction:
        """POST once. Cancelled while it is on its way, its answer is still heard, so that it can be cancelled too."""
        request = self._order.request
        self._posted_at = self._time.monotonic()
        post = asyncio.ensure_future(
            self._api.create(
                request.model,
                request.version,
                given,
                cancel_after_s=self._order.deadline_s + self._patience.margin_s,
            )
        )
        try:
            return await asyncio.shield(post)
        except asyncio.CancelledError:
            await asyncio.wait([post], timeout=self._patience.goodbye_s)
            if not post.done():
                post.cancel()
                await asyncio.wait([post])
            failure = None if post.cancelled() else post.exception()
            if isinstance(failure, VendorFailureError) and failure.surely_unheard:
                await self._not_sent_after_all()
            elif not post.cancelled() and failure is None:
                self._live = post.result().id
                await _step(self._ledger.submitted, self._key, self._live)
            raise

    async def _wait_out(self, failure: VendorFailureError, tries: int, ends: float) -> None:
        """Pause after a create that was not heard, or give up."""
        pause_s = self._api.pause_s(tries, failure)
        throttled = failure.kind is Kind.THROTTLED
        too_late = self._time.monotonic() + pause_s > ends
        if not failure.again or too_late or (not throttled and tries >= self._patience.tries):
            raise failure
        if throttled:
            # Everybody of this machine waits, and this one in the same queue.
            limits = self._desk.limits
            await _step(lambda: limits.throttled(CREATE_BUCKET, pause_s, low_credit=failure.low_credit))
        else:
            await self._time.sleep(pause_s)

    # ---- settling ------------------------------------------------------------------------------------------------

    async def _settle(self, payment: Payment, given: Mapping[str, Any] | None) -> Prediction | None:
        """Ask the vendor what became of a request of which nobody heard, as long as it may still take it up.

        Args:
            payment: Its row, ``submitting``.
            given: The very input that was sent, if this process sent it.

        Returns:
            The prediction, or None where it is certain that there is none.

        Raises:
            UnknownPaymentError: It cannot be told; the row says so from now on.
            VendorFailureError: The list cannot be had; the row stays ``submitting``.
        """
        sent_at = payment.sending_since or self._time.now()
        await self._api.learn_time()
        if given is not None and self._posted_at is not None:
            gone_s = self._time.monotonic() - self._posted_at
        else:
            # Of what another process sent only the wall clock tells, and that may have been set since: hence the bound.
            gone_s = (self._time.now() - sent_at).total_seconds()
            if payment.clock_ahead_s is not None and self._api.clock_ahead_s is not None:
                gone_s += min(0.0, payment.clock_ahead_s - self._api.clock_ahead_s)
        whole_s = self._patience.take_up_s + self._patience.settle_s
        sure_at = self._time.monotonic() + min(whole_s, whole_s - gone_s)
        empty_looks = 0
        while True:
            looked_at = self._time.monotonic()
            found, doubtful = await self._candidates(self._since(sent_at, payment.clock_ahead_s), given)
            if found:
                return _best(found, sent_at)
            if doubtful:
                reason = (
                    f"sent at {sent_at:%Y-%m-%d %H:%M:%S} UTC and never heard of; predictions {', '.join(doubtful)} "
                    "may be it, but their input can no longer be read"
                )
                await _step(self._ledger.unknown, self._key, reason)
                raise error_of(Kind.UNKNOWN, reason, self._order.doing)
            # A list that was read while the request may be under way need not hold it yet.
            if looked_at >= sure_at:
                empty_looks += 1
            if empty_looks >= 2:
                return None
            await self._time.sleep(max(0.2, self._patience.settle_s / 2))

    def _since(self, sent_at: datetime, ahead_s: float | None) -> datetime:
        """The earliest moment, by the vendor's clock, at which it may have taken a request that left at a time of ours.

        Our clock may have been ahead of the vendor's then. Where nobody knew that, it is taken to be so still; one that
        has been set back since tells nothing any more: then all is looked through of which the vendor has the input.
        Looking through more than is needed does no harm, so nothing is made of a clock that was behind.
        """
        now = self._time.now()
        if ahead_s is None:
            ahead_s = self._api.clock_ahead_s or 0.0
            if sent_at > now + timedelta(seconds=self._patience.skew_s):
                sent_at = now - _INPUT_KEPT
        return sent_at - timedelta(seconds=self._patience.skew_s + max(0.0, ahead_s))

    async def _candidates(self, since: datetime, given: Mapping[str, Any] | None) -> tuple[list[Prediction], list[str]]:
        """Predictions that are this request, and ids of those that may be.

        One that the ledger knows already is another attempt's, paid for and booked there: this one has no id yet.
        """
        request = self._order.request
        found: list[Prediction] = []
        doubtful: list[str] = []
        recent = await self._api.safely(lambda: self._api.recent(since))
        recent = [prediction for prediction in recent if _same_model(prediction, request)]
        booked = await _step(self._ledger.on_rows, [prediction.id for prediction in recent])
        for prediction in recent:
            if prediction.id in booked:
                continue
            if not prediction.input:
                doubtful.append(prediction.id)
                continue
            if given is not None and dict(prediction.input) == dict(given):
                found.append(prediction)
                continue
            same = await self._same_input(request.input, prediction.input)
            if same:
                found.append(prediction)
            elif same is None:
                doubtful.append(prediction.id)
        return found, doubtful

    async def _same_input(self, asked: Mapping[str, Any], seen: Mapping[str, Any]) -> bool | None:
        """Whether an input is the one asked for; None if that cannot be told.

        A vendor that shows more than it was given, as defaults, or less, is no reason to send it again.
        """
        unclear = asked.keys() != seen.keys()
        files: list[tuple[str, Any]] = []
        for name, value in asked.items():
            if name not in seen:
                continue
            if _is_file(value):
                files += _paired(value, seen[name])
            elif value != seen[name]:
                return False
        for wanted, value in files:
            found = None
            if isinstance(value, str):
                found = await self._api.safely(lambda value=value: self._api.content_hash(value))
            if found is None:
                unclear = True
            elif f"sha256:{found}" != wanted:
                return False
        return None if unclear else True

    async def check_may_be(self, prediction_id: str) -> None:
        """As the function of this name."""
        try:
            prediction = await self._api.safely(lambda: self._api.get(prediction_id))
        except VendorFailureError as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
            raise InputError(
                f"{self._order.doing}: the vendor does not know prediction {prediction_id}; copy the id from its "
                "dashboard, and set the key of the account that made it"
            ) from failure
        request = self._order.request
        if not _same_model(prediction, request):
            made = prediction.model or prediction.version
            raise InputError(f"{self._order.doing}: prediction {prediction_id} is of {made}; give the id of this one")
        # The vendor forgets inputs within the hour: of such a one the model alone can be told, and the person's word.
        if prediction.input and await self._same_input(request.input, prediction.input) is False:
            raise InputError(
                f"{self._order.doing}: prediction {prediction_id} was asked for something else (its input is another); "
                "give the id of this one"
            )

    # ---- following -----------------------------------------------------------------------------------------------

    async def _get(self, prediction_id: str, *, again: bool = True) -> Prediction:
        """Look at a prediction; one that the vendor does not know, looked at twice, is left to a person."""
        try:
            return await self._api.safely(lambda: self._api.get(prediction_id), deadline_s=self._order.deadline_s)
        except VendorFailureError as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
            cause = failure
        if again:
            # What was made a moment ago may not be known everywhere yet, as with the list.
            await self._time.sleep(self._patience.settle_s)
            return await self._get(prediction_id, again=False)
        reason = f"the vendor does not know prediction {prediction_id}; was it made with another account's key?"
        self._live = ""
        await _step(self._ledger.unknown, self._key, reason)
        raise error_of(Kind.UNKNOWN, reason, self._order.doing) from cause

    async def _followed(self, prediction_id: str) -> Prediction:
        """The prediction once it has ended; one that takes too long is cancelled."""
        began = self._time.monotonic()
        while True:
            prediction = await self._get(prediction_id)
            taken_s = self._time.monotonic() - began
            if prediction.final:
                return prediction
            if taken_s > self._order.deadline_s and not self._gave_up:
                self._gave_up = True
                prediction = await self._api.safely(lambda: self._api.cancel(prediction_id))
                if prediction.final:
                    return prediction
            if taken_s > self._order.deadline_s + self._patience.margin_s:
                # Not known to have ended: the row stays as it is, and a later call takes it up.
                raise VendorFailureError(Kind.STOPPED, f"it is still {prediction.status} after being cancelled")
            self._progress(min(0.9, 0.9 * taken_s / self._order.usual_s))
            # A short job is looked at often, so that a score's chain of them does not wait longer than it plays.
            pause_s = max(self._patience.poll_first_s, taken_s / 8)
            await self._time.sleep(min(self._patience.poll_most_s, pause_s))

    async def _concluded(self, prediction: Prediction) -> Delivery:
        """What to make of a prediction that has ended."""
        if prediction.status == "succeeded":
            cost = self._order.cost(prediction.metrics)
            lost = prediction.data_removed and prediction.output_url(self._order.part) is None
            if lost:
                raise await self._failed(_LOST, cost)
            payment = await _step(self._ledger.finished, self._key, cost, dict(prediction.metrics))
            self._booked += cost
            return await self._collect(payment, prediction)
        cost = self._cost_of_nothing(prediction)
        if prediction.status == "failed":
            failure = prediction_failure(prediction.error)
        elif prediction.status == "aborted":
            failure = VendorFailureError(Kind.TIMED_OUT, "the vendor gave it up before it began; nothing was charged")
        elif self._gave_up:
            failure = VendorFailureError(Kind.TIMED_OUT, f"not done after {self._order.deadline_s:.0f} s, so cancelled")
        else:
            failure = VendorFailureError(Kind.STOPPED, "it was cancelled at the vendor")
        raise await self._failed(failure, cost)

    def _cost_of_nothing(self, prediction: Prediction) -> Decimal:
        """What a prediction costs that gave nothing: its run time once it ran, or what the vendor says it billed."""
        metrics = prediction.metrics
        if prediction.status == "aborted":
            return ZERO_USD
        ran = bool(metrics.get("predict_time")) or prediction.started
        billed = any(metrics.get(name) for name in _BILLED)
        if prediction.status == "canceled":
            return self._order.cost(metrics) if ran or billed else ZERO_USD
        return self._order.cost(metrics) if billed or (self._order.by_hardware and ran) else ZERO_USD

    async def _failed(self, failure: VendorFailureError, cost: Decimal) -> Exception:
        """Write down that nothing came of it; returns what to raise."""
        self._booked += cost
        await _step(
            lambda: self._ledger.failed(
                self._key,
                as_reason(failure.kind, failure.text),
                cost_usd=cost,
                may_retry=RULES[failure.kind].may_retry,
            )
        )
        # What was charged like a result is not bought again unasked; a run billed by its seconds may have been short.
        again = failure.again and (self._order.by_hardware or not cost)
        return _TryAgainError(failure) if again else failure

    # ---- collecting ----------------------------------------------------------------------------------------------

    async def _collect(self, payment: Payment, prediction: Prediction) -> Delivery:
        """Fetch the result, look at it, put it on the shelf."""
        cost = payment.cost_usd if payment.cost_usd is not None else self._order.cost(prediction.metrics)
        self._booked = max(self._booked, cost)
        url = prediction.output_url(self._order.part)
        if url is None:
            raise await self._failed(_LOST if prediction.data_removed else _NOTHING, cost)
        name = f"{self._key}{self._order.suffix}"
        try:
            with tempfile.TemporaryDirectory(prefix="luxvid-", dir=self._desk.scratch) as folder:
                file = Path(folder) / f"result{self._order.suffix}"
                await self._fetched(prediction, url, file, cost)
                sha256 = await _step(self._desk.shelf.keep, name, file)
        except OSError as error:
            place = error.filename or self._desk.scratch or "the folder for temporary files"
            raise StorageError(
                f"{self._order.doing}: it is paid for and could not be kept ({place}: {error.strerror or error}); free "
                "some space and run it again within the hour, it is not bought again"
            ) from error
        done = await _step(self._ledger.delivered, self._key, name, sha256)
        self._progress(1.0)
        return await self._from_shelf(done, booked=True)

    async def _fetched(self, prediction: Prediction, url: str, file: Path, cost: Decimal) -> None:
        """Download it, again if it cannot be used; a second useless file is the vendor's."""
        try:
            await self._api.download(url, file, kinds=self._order.kinds)
            try:
                await _step(self._order.check, file)
            except MediaError:
                await self._api.download(url, file, kinds=self._order.kinds)
                await _step(self._order.check, file)
        except MediaError as error:
            if is_of_this_machine(error):
                raise StorageError(
                    f"{self._order.doing}: it is paid for and cannot be looked at here ({error}); run it again within "
                    "the hour, it is not bought again"
                ) from error
            raise await self._failed(VendorFailureError(Kind.BAD_FILE, str(error)), cost) from error
        except VendorFailureError as failure:
            if failure.kind is Kind.NOT_FOUND:
                listed = await self._get(prediction.id)
                if self._is_lost(listed):
                    raise await self._failed(_LOST, cost) from failure
                # Whoever refuses it may be somebody on the way to the delivery host: what is paid for is not given up.
                refused = f"{failure.text}, though the vendor lists it: check that a proxy lets its address through"
                raise VendorFailureError(Kind.UNREACHABLE, refused, status=failure.status) from failure
            raise

    def _is_lost(self, listed: Prediction) -> bool:
        """Whether the vendor has removed a result, as it says itself or as its age does."""
        if listed.data_removed or listed.output_url(self._order.part) is None:
            return True
        ahead = timedelta(seconds=self._api.clock_ahead_s or 0.0)
        return listed.created_at is not None and self._time.now() - ahead - listed.created_at > _RESULT_KEPT

    async def _from_shelf(self, payment: Payment, *, booked: bool = False) -> Delivery:
        path = await _step(self._desk.shelf.fetch, payment.result, payment.sha256)
        if path is None:
            raise DamagedMediaError(
                f"{self._order.doing}: it was paid for and delivered as {payment.result}, but that file is gone or "
                "damaged; restore it, or forget the row with `luxvid ledger` to buy it anew"
            )
        return Delivery(
            path=path,
            sha256=payment.sha256,
            cost_usd=self._booked if booked else ZERO_USD,
            paid_now=booked,
            requests=self._requests,
            metrics=payment.metrics,
        )

    # ---- staying alive and leaving -------------------------------------------------------------------------------

    @asynccontextmanager
    async def _alive(self) -> AsyncGenerator[None]:
        """Tell the ledger every few seconds that this process still works on it."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(self._patience.heartbeat_s)
                with contextlib.suppress(LuxVidError):
                    await _step(self._ledger.keep_alive, [self._key])

        beating = asyncio.ensure_future(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])

    async def _say_goodbye(self) -> None:
        """Cancel what is running at the vendor; whatever cannot be settled now is left for a later run."""
        prediction_id, self._live = self._live, ""
        if not prediction_id:
            return
        leaving = asyncio.ensure_future(self._cancelled(prediction_id))
        await asyncio.wait([leaving], timeout=self._patience.goodbye_s)
        if not leaving.done():
            leaving.cancel()
            await asyncio.wait([leaving])
        if not leaving.cancelled():
            leaving.exception()

    async def _cancelled(self, prediction_id: str) -> None:
        ended = await self._api.safely(lambda: self._api.cancel(prediction_id), deadline_s=self._patience.goodbye_s)
        if ended.status in {"canceled", "aborted"}:
            cost = self._cost_of_nothing(ended)
            reason = as_reason(Kind.STOPPED, "the run was ended before it was done")
            await _step(lambda: self._ledger.failed(self._key, reason, cost_usd=cost, may_retry=True))


class _LeftOver(_Case):
    """A request that nobody asks for any more."""

    async def settle(self, *, cancel: bool) -> Payment | None:
        """As ``settle_left_over``."""
        payment = await _step(self._ledger.adopt, self._key)
        self._holds = payment.ours
        try:
            if payment.ours:
                async with self._alive():
                    await self._settled(payment, cancel=cancel)
        except (VendorFailureError, ProviderError, _TryAgainError) as failure:
            # What came of it is written down; only a row that is still open could not be settled.
            row = await _step(self._ledger.payment, self._key)
            if row is None or row.state not in _IN_TRANSIT:
                return row
            if isinstance(failure, VendorFailureError):
                raise failure.as_error(self._order.doing) from failure
            raise
        finally:
            if self._holds:
                with contextlib.suppress(LedgerError):
                    await _step(self._ledger.let_go, [self._key])
        return await _step(self._ledger.payment, self._key)

    async def _settled(self, payment: Payment, *, cancel: bool) -> None:
        prediction_id = payment.prediction_id
        if payment.state is PaymentState.SUBMITTING:
            found = await self._settle(payment, None)
            if found is None:
                payment = await _step(self._ledger.not_sent, self._key, "the vendor's list does not hold it")
            else:
                prediction_id = found.id
                payment = await _step(self._ledger.submitted, self._key, found.id)
        if payment.state is PaymentState.RESERVED:
            await _step(self._ledger.release, self._key)
            return
        prediction = await self._get(prediction_id)
        if payment.state is PaymentState.FINISHED:
            await self._collect(payment, prediction)
            return
        if cancel and not prediction.final:
            prediction = await self._api.safely(lambda: self._api.cancel(prediction_id))
        if prediction.final:
            await self._concluded(prediction)


_LOST = VendorFailureError(Kind.LOST, "the result is no longer at the vendor")
_NOTHING = VendorFailureError(Kind.NO_RESULT, "it succeeded without a result")


async def _step(
    function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Do one short blocking thing in a thread, always to its end: a step half taken would be a step unknown."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


def _is_file(value: object) -> bool:
    if isinstance(value, list):
        entries = cast("list[object]", value)
        return bool(entries) and all(_is_file(each) for each in entries)
    return isinstance(value, str) and value.startswith("sha256:")


def _with_files(value: Any, addresses: Mapping[str, str]) -> Any:
    if not _is_file(value):
        return value
    if isinstance(value, list):
        return [addresses[each] for each in cast("list[str]", value)]
    return addresses[value]


def _paired(asked: Any, seen: Any) -> list[tuple[str, Any]]:
    """Each file asked for beside what stands in its place."""
    wanted = cast("list[str]", asked if isinstance(asked, list) else [asked])
    found = cast("list[Any]", seen if isinstance(seen, list) else [seen])
    return [(each, found[place] if place < len(found) else "") for place, each in enumerate(wanted)]


def _same_model(prediction: Prediction, request: PaidRequest) -> bool:
    if request.version:
        return prediction.version == request.version
    return prediction.model == request.model


def _best(found: list[Prediction], sent_at: datetime) -> Prediction:
    """Of predictions with the very same input, any serves; the one that is alive or done, nearest to its sending."""

    def rank(prediction: Prediction) -> tuple[bool, float]:
        useless = prediction.status in {"failed", "canceled", "aborted"}
        at = prediction.created_at or sent_at
        return useless, abs((at - sent_at).total_seconds())

    return min(found, key=rank)
