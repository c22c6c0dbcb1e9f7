"""Asking a model: each question is paid for once, whatever crashes, and asked again where that may help.

Belongs here: the one place that retries, waits and keeps to a deadline; each step in the ledger before it is taken.
Does not belong here: the vendors' wire format (``wire.py``), what is asked (``prompts.py``), what the answer must hold
(the engines), what a failure means (``failures.py``).
"""

import json
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from luxvid_pipeline.domain.errors import (
    InvalidRequestError,
    LedgerError,
    ProviderError,
    ResultWaitsError,
    RetryableProviderError,
    SettingsError,
    StorageError,
    UnknownPaymentError,
)
from luxvid_pipeline.domain.payments import (
    FREE,
    ZERO_USD,
    Account,
    Estimate,
    Ledger,
    PaidRequest,
    Payment,
    PaymentState,
    Shelf,
)
from luxvid_pipeline.domain.pricing import PRICES, Unit, billed_tokens, token_price
from luxvid_pipeline.providers.vision.answers import bring_to_shelf, finish
from luxvid_pipeline.providers.vision.failures import (
    NO_KEY,
    NOT_HEARD,
    STRANGE,
    Charged,
    Failure,
    failure_named,
    without_secrets,
)
from luxvid_pipeline.providers.vision.questions import REPAIR_ROOM, Answer, Question, with_room
from luxvid_pipeline.providers.vision.wire import (
    BASE_URLS,
    ChatWire,
    Reply,
    effort_of,
    picture_tokens,
    room_to_think,
    tokens_of,
)

TICKS_PER_USD = Decimal(10**10)
"""Of xAI's ``cost_in_usd_ticks``: https://docs.x.ai/developers/cost-tracking"""

MODELS: tuple[str, ...] = tuple(name for name, price in PRICES.items() if price.unit is Unit.TOKEN)
"""The models that can be asked, ``xai/grok-4.3`` and others: those with a price."""

_LONGEST_WAIT_S = 30.0
_ALIVE_EVERY_S = 30.0
_LOOK_AGAIN_S = 0.25
_RESEND = "asked again because its answer was lost"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Where paid requests and their answers are written down."""

    ledger: Ledger
    shelf: Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often a question is asked.

    Attributes:
        deadline_s: Whole time for one question, waiting and asking again included.
        answer_s: Longest wait for one answer.
        least_s: With less of the whole time left nothing is sent: it would be paid for, and hardly be heard.
        tries: How often it is sent at most.
        first_wait_s: Wait before the second try; doubles each time, with jitter.
    """

    deadline_s: float = 300.0
    answer_s: float = 150.0
    least_s: float = 5.0
    tries: int = 5
    first_wait_s: float = 1.0


class VisionClient:
    """One model of one vendor.

    Args:
        vendor: ``xai`` or ``openai``.
        model: The vendor's name of it, ``grok-4.3``.
        api_key: The vendor's key; never part of an error, a row or a log line.
        keeping: Ledger and shelf.
        base_url: Where the vendor answers; empty for its public address.
        patience: Deadlines and tries.
        wait: How to wait, in seconds.

    Raises:
        SettingsError: There is no such model, or it has no price.
    """

    def __init__(
        self,
        vendor: str,
        model: str,
        *,
        api_key: str,
        keeping: Keeping,
        base_url: str = "",
        patience: Patience | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        if f"{vendor}/{model}" not in MODELS:
            raise SettingsError(f"there is no vision model {vendor}/{model} with a price; known: {', '.join(MODELS)}")
        self.vendor = vendor
        self.model = model
        self._key = api_key
        self._ledger, self._shelf = keeping.ledger, keeping.shelf
        self._patience = patience or Patience()
        self._wait = wait
        self._wire = ChatWire(model, api_key=api_key, base_url=base_url or BASE_URLS[vendor])

    @property
    def engine(self) -> str:
        """``xai/grok-4.3``: how this model is named everywhere else."""
        return f"{self.vendor}/{self.model}"

    def estimate(self, question: Question, *, repair: bool = False, largest: Question | None = None) -> Estimate:
        """Return what a question may cost: one answer is expected, and every try that may be paid is in the upper end.

        Args:
            question: What would be asked.
            repair: Whether a second question may follow, about what was wrong with the first answer.
            largest: The question at its largest, where it is not known yet what will be asked. Without it, a question
                whose answer is on the shelf costs nothing: the second one was asked then too.

        Raises:
            SettingsError: The model has no price.
        """
        once, most = self._price(question), largest or question
        high = self._price(most).high_usd
        if repair:
            high += self._price(with_room(most, REPAIR_ROOM)).high_usd
        paid = self._ledger.payment(self._request(question, Account(listing=""), 0).key)
        if paid is not None and paid.state in (PaymentState.FINISHED, PaymentState.DELIVERED):
            if largest is None:
                return FREE
            once = FREE
        return Estimate(low_usd=once.low_usd, expected_usd=once.high_usd, high_usd=high * self._patience.tries)

    def ask(self, question: Question, account: Account | None) -> Answer:
        """Return the model's answer, paid for at most once.

        Raises:
            BudgetExceededError: It does not fit into a budget; nothing was sent.
            UnusableAnswerError: It answered, was paid, and the answer is cut off or no JSON.
            ContentRefusedError, NoCreditError, BadKeyError, InvalidRequestError: See ``failures.py``.
            RetryableProviderError: It could not be had within the deadline.
            ResultWaitsError: Somebody else asks the same, and has not heard the answer by the deadline.
            UnknownPaymentError: A person has to decide about an earlier try.
            StorageError: There is no room for an answer and nothing was sent, or none for the one that was paid and
                waits in the ledger's row for the next call.
        """
        if account is None:
            raise InvalidRequestError(f"{self.engine} costs money and was not told who pays")
        if not self._key:
            raise self._error(NO_KEY, "no key is set")
        deadline = time.monotonic() + self._patience.deadline_s
        for resend in range(3):
            request = self._request(question, account, resend)
            answer = self._buy(request, question, deadline)
            if answer is not None:
                return answer
            _log.warning("%s: the answer %s is no longer on the shelf and is asked for again", self.engine, request.key)
        raise RetryableProviderError(f"{self.engine}: paid answers keep vanishing from the shelf; check its disk")

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _request(self, question: Question, account: Account, resend: int) -> PaidRequest:
        asked: dict[str, Any] = {**question.canonical(), "effort": effort_of(self.model)}
        if resend:
            asked[_RESEND] = resend
        return PaidRequest(
            vendor=self.vendor, model=self.model, input=asked, account=account, estimate=self._price(question)
        )

    def _price(self, question: Question) -> Estimate:
        sizes = [picture_tokens(self.vendor, self.model, picture) for picture in question.pictures]
        low = token_price(
            self.engine,
            prompt_tokens=math.ceil(question.characters / 5) + sum(least for least, _ in sizes),
            completion_tokens=question.likely_tokens // 2,
        )
        high = token_price(
            self.engine,
            prompt_tokens=math.ceil(question.characters / 2) + sum(most for _, most in sizes),
            completion_tokens=question.most_tokens,
            reasoning_tokens=room_to_think(self.model),
        )
        return Estimate(low_usd=low.low_usd, high_usd=high.high_usd)

    def _buy(self, request: PaidRequest, question: Question, deadline: float) -> Answer | None:
        """Take a request from wherever it stands to its answer; None if it was paid for once and is lost."""
        sent = 0
        while True:
            payment = self._ledger.claim(request)
            if payment.state is PaymentState.DELIVERED:
                file = self._shelf.fetch(payment.result, payment.sha256)
                return None if file is None else Answer(value=json.loads(file.read_text(encoding="utf-8")))
            if not payment.ours:
                self._wait_for(payment, deadline)
                continue
            try:
                came = self._go_on(payment, question, deadline)
            except BaseException:
                # Only what is held may be let go: another task of this process may hold what this one waits for, or
                # what it has just seen to its end.
                self._ledger.let_go([request.key])
                raise
            if isinstance(came, Answer):
                return came
            if came is None:
                continue
            failure, words, retry_after_s = came
            sent += 1
            error = self._error(failure, words)
            if not failure.again or sent >= self._patience.tries:
                raise error
            wait_s = self._patience.first_wait_s * 2 ** (sent - 1) * (0.5 + random.random())  # noqa: S311 - jitter
            wait_s = max(min(wait_s, _LONGEST_WAIT_S), retry_after_s)
            self._pause(wait_s, deadline - self._patience.least_s, str(error))

    def _wait_for(self, payment: Payment, deadline: float) -> None:
        """Wait a moment for whoever holds the row, or raise what it came to."""
        if payment.state is PaymentState.UNKNOWN:
            raise UnknownPaymentError(
                f"{self.engine}: this request may have been paid for already: {payment.reason}; "
                "see 'luxvid ledger' and settle it there"
            )
        if payment.state is PaymentState.FAILED:
            raise self._error(failure_named(payment.reason) or STRANGE, payment.reason.partition(": ")[2])
        if time.monotonic() + _LOOK_AGAIN_S >= deadline:
            # It may be paid for there: no other engine is asked for it here.
            raise ResultWaitsError(
                f"{self.engine}: another process has been asking the same for too long ({payment.state}); run it "
                "again, or end that process"
            )
        self._wait(_LOOK_AGAIN_S)

    def _go_on(
        self, payment: Payment, question: Question, deadline: float
    ) -> Answer | tuple[Failure, str, float] | None:
        """Take a row that is ours one try further: to its answer, to a failure, or back to its start (None)."""
        if payment.state is PaymentState.FINISHED:
            return self._recovered(payment)
        if payment.state is not PaymentState.RESERVED:
            # An answer nobody heard cannot be fetched any more: booked as spent, and asked for again.
            reason = f"{NOT_HEARD.name}: the process that asked is gone"
            self._ledger.failed(payment.key, reason, cost_usd=payment.reserved_usd, may_retry=True)
            return None
        if time.monotonic() >= deadline - self._patience.least_s:
            self._ledger.release(payment.key)
            raise self._too_late("too little time is left to hear one")
        try:
            self._shelf.check_room()
        except StorageError:
            self._ledger.release(payment.key)
            raise
        reply = self._send(payment.key, payment, question, deadline)
        if reply.failure is not None:
            return reply.failure, reply.words, reply.retry_after_s
        return self._deliver(payment, reply)

    def _send(self, key: str, payment: Payment, question: Question, deadline: float) -> Reply:
        """Send once; write down before and after what it means for the money."""
        self._ledger.submitting(key)
        try:
            with self._alive(key):
                reply = self._wire.send(question, by=min(deadline, time.monotonic() + self._patience.answer_s))
        except BaseException:
            self._ledger.failed(key, f"{NOT_HEARD.name}: interrupted", cost_usd=payment.reserved_usd, may_retry=True)
            raise
        if reply.failure is None:
            return reply
        failure, reserved = reply.failure, payment.reserved_usd
        charged = {
            Charged.NOTHING: ZERO_USD,
            Charged.PERHAPS: reserved,
            Charged.AS_REPORTED: self._cost(reply.usage, unreported=ZERO_USD if not failure.answered else reserved),
        }[failure.charged]
        reason = f"{failure.name}: {reply.words}"
        self._ledger.failed(key, reason, cost_usd=charged, may_retry=not failure.for_good)
        return reply

    def _deliver(self, payment: Payment, reply: Reply) -> Answer:
        key, cost_usd = payment.key, self._cost(reply.usage, unreported=payment.reserved_usd)
        if reply.prediction_id:
            self._ledger.submitted(key, reply.prediction_id)
        value, metrics = reply.value or {}, tokens_of(reply.usage)
        finish(key, value, self._ledger, self._shelf, cost_usd=cost_usd, metrics=metrics)
        return Answer(value=value, cost_usd=cost_usd, paid_calls=1)

    def _recovered(self, payment: Payment) -> Answer | None:
        """Finish what was paid for before, and waits for room or for a process that died."""
        text = bring_to_shelf(payment, self._ledger, self._shelf)
        return None if text is None else Answer(value=json.loads(text))

    def _pause(self, seconds: float, deadline: float, why: str) -> None:
        if time.monotonic() + seconds >= deadline:
            raise self._too_late(why)
        self._wait(seconds)

    def _too_late(self, why: str) -> RetryableProviderError:
        return RetryableProviderError(
            f"{self.engine}: no answer within {self._patience.deadline_s:g} s; last: {why.removesuffix('.')}"
        )

    @contextmanager
    def _alive(self, key: str) -> Generator[None]:
        """Tell the ledger, while an answer is awaited, that somebody still waits for it."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(_ALIVE_EVERY_S):
                try:
                    self._ledger.keep_alive([key])
                except LedgerError as error:
                    _log.warning("%s: the ledger could not be told that an answer is awaited: %s", self.engine, error)

        thread = threading.Thread(target=beat, name="awaiting-answer", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _cost(self, usage: Mapping[str, Any], *, unreported: Decimal) -> Decimal:
        """What an answer did cost, in dollars: the vendor's own figure, else its tokens times their price."""
        ticks = usage.get("cost_in_usd_ticks")
        if isinstance(ticks, int) and not isinstance(ticks, bool) and ticks >= 0:
            return Decimal(ticks) / TICKS_PER_USD
        counts = tokens_of(usage)
        if not counts["prompt_tokens"] and not counts["completion_tokens"]:
            return unreported
        return billed_tokens(
            self.engine,
            prompt_tokens=counts["prompt_tokens"],
            completion_tokens=counts["completion_tokens"],
            cached_tokens=counts["cached_tokens"],
            reasoning_tokens=counts["reasoning_tokens"],
        )

    def _error(self, failure: Failure, words: str) -> ProviderError:
        return failure.error(
            f"{self.engine}: {failure.name}: {without_secrets(words, [self._key]).rstrip('.')}; {failure.remedy}"
        )
