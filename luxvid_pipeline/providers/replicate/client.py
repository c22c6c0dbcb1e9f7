# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The one place that talks to Replicate: create, get, list, cancel, upload, download, each with a deadline.

Belongs here: the ``replicate`` client and what keeps its traps shut; plain HTTP where the client cannot be made right.
Does not belong here: what failures mean (``failures.py``), the order of a paid request (``predictions.py``).

The client (1.0.7) is used for create, get, cancel, upload and model metadata, under a transport that

- ends every request in time: ``create`` and ``files.create`` ask for no timeout at all;
- raises on 400 and above before the client's own retries see it (ten tries and uncapped waits for a GET on 429), with
  headers and ``invalid_fields``, which ``ReplicateError`` loses;
- adds ``Cancel-After``, for which ``create`` has no parameter;
- keeps the answer as it came: the client's models refuse the status ``aborted`` and files without ``name`` or
  ``etag``, and a refusal there would lose the id of something already paid for. Only the kept answer is read.

Listing goes over plain HTTP because the client cannot filter by time, and downloads because its reader sends the token
to any host and follows no redirects.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import httpx
from pydantic.v1 import ValidationError
from replicate.client import Client

from luxvid_pipeline.providers.replicate.failures import Kind, VendorFailureError, http_failure
from luxvid_pipeline.providers.trust import trusted_certificates

BASE_URL = "https://api.replicate.com"

FINAL_STATES = frozenset({"succeeded", "failed", "canceled", "aborted"})

_Result = TypeVar("_Result")
_FILE_ID = re.compile(r"/v1/files/([\w-]+)$")
_LARGEST_DOWNLOAD = 2 << 30
_PAGES = 20
# Two clocks of one machine differ by no more, unless one was set or stood still while the machine slept.
_CLOCK_SET_S = 2.0
# Anything shorter is no key, and might be a word of the answer.
_SHORTEST_KEY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long everything may take, in seconds.

    Attributes:
        connect_s, read_s: For any request.
        create_s: For the answer to a create.
        upload_s: For a whole upload.
        download_s: For fetching a result, all tries together.
        safe_s: How long a safe request other than polling is tried again.
        backoff_first_s, backoff_most_s: Pause before the second try, and the longest; doubled each time, with jitter.
        poll_first_s, poll_most_s: Least and longest pause between two looks at a prediction: an eighth of
            the time it has taken so far.
        tries: How often a request that failed for a passing reason is sent in all.
        queue_s: How long to wait for a token of the rate limit.
        take_up_s: How long after sending the vendor may still take a request up: as long as its answer may take,
            connecting included. No answer, or a gateway's, does not stop it.
        settle_s: How long after that the vendor's list is believed to be complete.
        skew_s: How far the vendor's clock may be from ours beyond what its answers tell.
        goodbye_s: How long a cancelled run may take to cancel what is in flight.
        margin_s: ``Cancel-After`` beyond the own deadline.
        heartbeat_s: Between two signs of life to the ledger.
        neighbour_s: Between two looks at a request that another process works on.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    create_s: float = 60.0
    upload_s: float = 180.0
    download_s: float = 300.0
    safe_s: float = 90.0
    backoff_first_s: float = 0.5
    backoff_most_s: float = 20.0
    poll_first_s: float = 0.5
    poll_most_s: float = 2.0
    tries: int = 4
    queue_s: float = 1800.0
    take_up_s: float = 70.0
    settle_s: float = 5.0
    skew_s: float = 120.0
    goodbye_s: float = 8.0
    margin_s: float = 60.0
    heartbeat_s: float = 30.0
    neighbour_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """Clock and randomness, so that tests can bring their own.

    Attributes:
        now: Wall time, UTC.
        monotonic: Seconds of a clock that never jumps.
        sleep: Waits.
        random: A number from 0 to 1.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the vendor says of a prediction; keys it leaves out are filled in.

    Attributes:
        id, model, version: As the vendor names them; ``model`` is not always what was asked for.
        status: ``starting``, ``processing``, or one of ``FINAL_STATES``.
        input: As it was sent; empty once removed.
        output: A string, a list, an object or None.
        error: Free text of a failed one.
        metrics: Times and billing counters.
        created_at: UTC; None if not said.
        started: Whether it ever began to run, as far as is known.
        data_removed: Whether input and output are gone.
    """

    id: str
    model: str = ""
    version: str = ""
    status: str = "starting"
    input: Mapping[str, Any] = field(default_factory=dict[str, Any])
    output: Any = None
    error: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: datetime | None = None
    started: bool = False
    data_removed: bool = False

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINAL_STATES

    def output_url(self, part: str = "") -> str | None:
        """Return the address of its result, or None if it has none.

        Args:
            part: Which entry counts where the output is an object.
        """
        found = self.output
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(part)
        if isinstance(found, list):
            found = next((each for each in cast("list[Any]", found) if each), None)
        return found if isinstance(found, str) and found else None


def read_prediction(body: Mapping[str, Any]) -> Prediction:
    """Return the prediction of an answer.

    Raises:
        VendorFailureError: It has no id or status.
    """
    identity, status, error = body.get("id"), body.get("status"), body.get("error")
    if not isinstance(identity, str) or not identity or not isinstance(status, str):
        raise VendorFailureError(Kind.UNAVAILABLE, "the answer holds no prediction")
    return Prediction(
        id=identity,
        model=str(body.get("model") or ""),
        version=str(body.get("version") or ""),
        status=status,
        input=_mapping(body.get("input")),
        output=body.get("output"),
        error=None if error is None else error if isinstance(error, str) else json.dumps(error),
        metrics=_mapping(body.get("metrics")),
        created_at=read_time(body.get("created_at")),
        started=bool(body.get("started_at")) or status in {"processing", "succeeded"},
        data_removed=bool(body.get("data_removed")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def read_time(text: object) -> datetime | None:
    """Return a time of RFC 3339 with any number of fraction digits, or None."""
    if not isinstance(text, str):
        return None
    try:
        # Python 3.11 reads at most six fraction digits; the vendor sends up to nine.
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Exchange:
    """What one request needs beside what the client lets one say, and the answer as it came."""

    timeout_s: float
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


_exchange: ContextVar[_Exchange | None] = ContextVar("replicate_exchange", default=None)


class _VendorClock:
    """How far our clock is ahead of the vendor's, as any of its answers to this process told."""

    def __init__(self, time: Timekeeper) -> None:
        self._time = time
        self._heard: tuple[timedelta, datetime, float] | None = None
        self.is_silent = False
        """Whether it answered and did not tell."""

    def hear(self, headers: httpx.Headers) -> None:
        """Take note of an answer."""
        try:
            said = parsedate_to_datetime(headers["Date"])
            now = self._time.now()
            self._heard, self.is_silent = (now - said, now, self._time.monotonic()), False
        except (KeyError, ValueError, TypeError):  # no Date, or one that is none
            self.is_silent = self._heard is None

    @property
    def ahead_s(self) -> float | None:
        """Seconds; None where nobody told, or our clock was set, or stood still, since somebody did."""
        if self._heard is None:
            return None
        ahead, then, mono = self._heard
        set_by_s = (self._time.now() - then).total_seconds() - (self._time.monotonic() - mono)
        return ahead.total_seconds() if abs(set_by_s) < _CLOCK_SET_S else None


class _GuardedTransport(httpx.AsyncBaseTransport):
    """Timeouts, extra headers, failures as ``VendorFailureError``, answers as they came but for the key in them."""

    def __init__(self, wrapped: httpx.AsyncBaseTransport, patience: Patience, token: str, clock: _VendorClock) -> None:
        self._wrapped = wrapped
        self._patience = patience
        self._token = token
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _exchange.get() or _Exchange(self._patience.read_s)
        request.headers.update(exchange.headers)
        whole_s = exchange.timeout_s
        request.extensions["timeout"] = httpx.Timeout(whole_s, connect=self._patience.connect_s).as_dict()
        try:
            async with asyncio.timeout(whole_s + self._patience.connect_s):
                response = await self._wrapped.handle_async_request(request)
                body = self._without_key(await response.aread())
        except (TimeoutError, httpx.HTTPError) as error:
            raise _unreachable(error) from error
        self._clock.hear(response.headers)
        if response.status_code >= 400:
            raise http_failure(response.status_code, response.headers, body)
        exchange.body = body
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in {"content-encoding", "content-length", "transfer-encoding"}
        ]
        return httpx.Response(response.status_code, headers=headers, content=body, request=request)

    async def aclose(self) -> None:
        await self._wrapped.aclose()

    def _without_key(self, body: bytes) -> bytes:
        """Strike out a key that a vendor, or a gateway, repeats: a proxy's keys look like nothing in particular."""
        if len(self._token) < _SHORTEST_KEY:
            return body
        return body.replace(self._token.encode(), b"[key]")


class ReplicateApi:
    """Replicate's HTTP API; open it once a task of work (``async with``), in one event loop.

    Every method raises ``VendorFailureError`` and nothing else of the vendor's or of the network.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str = BASE_URL,
        patience: Patience | None = None,
        timekeeper: Timekeeper | None = None,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
        delivery_transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        """Prepare, without any request.

        Args:
            token: The key; it goes to ``base_url`` and nowhere else.
            base_url: Where the API is, without ``/v1``.
            patience: Timeouts and pauses.
            timekeeper: Clock and randomness.
            transport: Makes the transport to the API, for tests.
            delivery_transport: Makes the transport to the delivery host, for tests.
        """
        self._token = token
        self._base_url = base_url.rstrip("/")
        self.patience = patience or Patience()
        self.time = timekeeper or Timekeeper()
        self._transport = transport or _plain_transport
        self._delivery_transport = delivery_transport or _plain_transport
        self._open: _Open | None = None
        self._clock = _VendorClock(self.time)

    def __repr__(self) -> str:
        return f"ReplicateApi(base_url={self._base_url!r})"

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Self]:
        """Open a copy for one event loop; its connections are closed at the end."""
        if not self._token:
            raise VendorFailureError(Kind.BAD_KEY, "REPLICATE_API_TOKEN is not set", surely_unheard=True)
        copy = type(self)(
            self._token,
            base_url=self._base_url,
            patience=self.patience,
            timekeeper=self.time,
            transport=self._transport,
            delivery_transport=self._delivery_transport,
        )
        copy._clock = self._clock
        async with AsyncExitStack() as stack:
            guard = _GuardedTransport(self._transport(), self.patience, self._token, self._clock)
            stack.push_async_callback(guard.aclose)
            plain = await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=self._base_url,
                    headers={"Authorization": f"Bearer {self._token}"},
                    transport=guard,
                    trust_env=False,
                )
            )
            delivery = await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=self._delivery_transport(),
                    follow_redirects=True,
                    max_redirects=5,
                    timeout=httpx.Timeout(self.patience.read_s, connect=self.patience.connect_s),
                    headers={"Accept-Encoding": "identity", "User-Agent": "luxvid"},
                    trust_env=False,
                )
            )
            client = Client(api_token=self._token, base_url=self._base_url, transport=guard)
            copy._open = _Open(client, plain, delivery)
            yield copy

    async def create(
        self, model: str, version: str, given: Mapping[str, Any], *, cancel_after_s: float | None = None
    ) -> Prediction:
        """Ask for a prediction, once: never sent again by itself.

        Args:
            model: ``owner/name``.
            version: Its version for models that need one; empty for official ones.
            given: The input, files as URLs.
            cancel_after_s: When the vendor shall give up by itself.
        """
        headers = {} if cancel_after_s is None else {"Cancel-After": f"{max(5, round(cancel_after_s))}s"}
        predictions = self._opened.client.predictions
        if version:
            call = predictions.async_create(version=version, input=dict(given))
        else:
            call = self._opened.client.models.predictions.async_create(model, input=dict(given))
        return read_prediction(await self._ask(call, timeout_s=self.patience.create_s, headers=headers))

    async def get(self, prediction_id: str) -> Prediction:
        """Look at a prediction."""
        return read_prediction(await self._ask(self._opened.client.predictions.async_get(prediction_id)))

    async def cancel(self, prediction_id: str) -> Prediction:
        """Cancel a prediction; one that has ended stays as it is."""
        return read_prediction(await self._ask(self._opened.client.predictions.async_cancel(prediction_id)))

    @property
    def clock_ahead_s(self) -> float | None:
        """By how many seconds our clock is ahead of the vendor's, as its last answer told; None where nobody knows."""
        return self._clock.ahead_s

    async def learn_time(self) -> None:
        """Have ``clock_ahead_s`` known if that can be: where no answer has told it, something free is asked, once."""
        if self.clock_ahead_s is None and not self._clock.is_silent:
            with suppress(VendorFailureError):  # who refuses tells the time as well
                await self._ask(self._opened.plain.get("/v1/account"))

    async def recent(self, since: datetime) -> list[Prediction]:
        """Return every prediction created since a time, the newest first.

        Raises:
            VendorFailureError: Also where the list is longer than twenty pages: it could not be read to its end.
        """
        # The client's list knows no ``created_after``.
        url: str | None = "/v1/predictions"
        parameters: dict[str, str] | None = {"created_after": since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        found: list[Prediction] = []
        for _ in range(_PAGES):
            page = await self._ask(self._opened.plain.get(_path(url), params=parameters))
            entries = [read_prediction(entry) for entry in cast("list[dict[str, Any]]", page.get("results") or [])]
            found += entries
            url, parameters = page.get("next"), None
            times = [entry.created_at for entry in entries if entry.created_at is not None]
            if not url or not entries or (times and min(times) < since):
                return [entry for entry in found if entry.created_at is None or entry.created_at >= since]
        raise VendorFailureError(Kind.UNAVAILABLE, "the list of recent predictions is too long to be read")

    async def upload(self, file: Path, content_type: str) -> str:
        """Upload a file and return the URL that a model input takes; valid for an hour at least."""
        call = self._opened.client.files.async_create(file, content_type=content_type)
        body = await self._ask(call, timeout_s=self.patience.upload_s)
        url = cast("Mapping[str, Any]", body.get("urls") or {}).get("get")
        if not isinstance(url, str) or not url:
            raise VendorFailureError(Kind.UNAVAILABLE, "the answer to an upload holds no address")
        return url

    async def content_hash(self, value: str) -> str | None:
        """Return the SHA-256 of what a file input holds, or None if that cannot be told.

        Args:
            value: The input's value: an address of the Files API or a data URI.
        """
        if value.startswith("data:"):
            return hashlib.sha256(_data_uri(value)).hexdigest()
        match = _FILE_ID.search(value.partition("?")[0])
        if match is None:
            return None
        try:
            # The client's model of a file refuses answers without ``name`` or ``etag``; the kept answer is read.
            body = await self._ask(self._opened.client.files.async_get(match[1]))
        except VendorFailureError as failure:
            if failure.kind is Kind.NOT_FOUND:
                return None
            raise
        found = cast("Mapping[str, Any]", body.get("checksums") or {}).get("sha256")
        return found if isinstance(found, str) else None

    async def input_schema(self, model: str) -> dict[str, Any]:
        """Return the live input schema of a model: ``properties`` and ``required``, references to enums filled in."""
        body = await self._ask(self._opened.client.models.async_get(model))
        version = cast("Mapping[str, Any]", body.get("latest_version") or {})
        schemas: dict[str, Any] = (
            cast("Any", version.get("openapi_schema") or {}).get("components", {}).get("schemas", {})
        )
        given: dict[str, Any] = schemas.get("Input") or {}
        properties: dict[str, Any] = {
            name: _resolved(each, schemas) for name, each in (given.get("properties") or {}).items()
        }
        return {"properties": properties, "required": list(given.get("required") or [])}

    async def download(self, url: str, into: Path, *, kinds: tuple[str, ...]) -> None:
        """Fetch a result: whole, of the expected type, with redirects, without the key, resumed where it broke off.

        Args:
            url: Its address, or a data URI.
            into: The file to write.
            kinds: Beginnings of content types that are expected; ``application/octet-stream`` always is.

        Raises:
            VendorFailureError: ``NOT_FOUND`` where its address says that there is none, or none for us;
                ``UNREACHABLE`` where it is not there whole by ``Patience.download_s``.
        """
        if url.startswith("data:"):
            into.write_bytes(_data_uri(url))
            return
        if not url.startswith(("https://", "http://")):
            raise VendorFailureError(Kind.NO_RESULT, f"the result's address is no URL: {url[:80]}")
        part = into.with_name(f".{into.name}.part")
        part.unlink(missing_ok=True)
        fetch = _Fetch(url, part, kinds)
        whole_s = self.patience.download_s
        ends = self.time.monotonic() + whole_s

        async def go_on() -> None:
            # A host that sends a byte now and then never meets the limit of a single read.
            try:
                async with asyncio.timeout(max(0.0, ends - self.time.monotonic())):
                    await fetch.go_on(self._opened.delivery)
            except TimeoutError as error:
                raise VendorFailureError(Kind.UNREACHABLE, f"the result did not arrive within {whole_s:g} s") from error

        await self.safely(go_on, deadline_s=whole_s)
        part.replace(into)

    async def safely(self, ask: Callable[[], Awaitable[_Result]], *, deadline_s: float | None = None) -> _Result:
        """Make a request that may be made any number of times, again and again until it works or time is up.

        Args:
            ask: Makes the request.
            deadline_s: How long to try; ``Patience.safe_s`` unless told.
        """
        ends = self.time.monotonic() + (self.patience.safe_s if deadline_s is None else deadline_s)
        tries = 0
        while True:
            try:
                return await ask()
            except VendorFailureError as failure:
                tries += 1
                pause_s = self.pause_s(tries, failure)
                if not failure.again or self.time.monotonic() + pause_s > ends:
                    raise
                await self.time.sleep(pause_s)

    def pause_s(self, tries: int, failure: VendorFailureError | None = None) -> float:
        """Return how long to wait after so many tries: what the vendor says, else doubled each time, with jitter."""
        if failure is not None and failure.retry_after_s is not None:
            # A little more than told, and not all at once.
            return failure.retry_after_s + 0.25 * self.time.random()
        most = min(self.patience.backoff_most_s, self.patience.backoff_first_s * 2 ** min(tries - 1, 30))
        return most * (0.5 + 0.5 * self.time.random())

    async def _ask(
        self, call: Awaitable[object], *, timeout_s: float | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Make one request and return its answer as it came."""
        exchange = _Exchange(self.patience.read_s if timeout_s is None else timeout_s, headers or {})
        token = _exchange.set(exchange)
        try:
            await call
        except (ValidationError, TypeError, AttributeError):
            # The client's models know neither ``aborted`` nor files without names; the kept answer is read instead.
            if not exchange.body:
                raise
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise VendorFailureError(Kind.UNAVAILABLE, "the answer is no JSON") from error
        finally:
            _exchange.reset(token)
        try:
            body = json.loads(exchange.body)
        except ValueError as error:
            raise VendorFailureError(Kind.UNAVAILABLE, "the answer is no JSON") from error
        if not isinstance(body, dict):
            raise VendorFailureError(Kind.UNAVAILABLE, "the answer is no object")
        return cast("dict[str, Any]", body)

    @property
    def _opened(self) -> "_Open":
        if self._open is None:
            raise RuntimeError("ReplicateApi is used outside of its session")
        return self._open


@dataclass(frozen=True, slots=True)
class _Open:
    client: Client
    plain: httpx.AsyncClient
    delivery: httpx.AsyncClient


class _Fetch:
    """One download over as many tries as it takes; what has arrived is kept between them."""

    def __init__(self, url: str, part: Path, kinds: tuple[str, ...]) -> None:
        self._url = url
        self._part = part
        self._kinds = (*kinds, "application/octet-stream", "binary/octet-stream")
        self._etag = ""

    async def go_on(self, client: httpx.AsyncClient) -> None:
        """Fetch what is missing."""
        have = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have and self._etag:
            headers["If-Range"] = self._etag
        try:
            async with client.stream("GET", self._url, headers=headers) as response:
                await self._receive(response, have)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        except httpx.InvalidURL as error:
            raise VendorFailureError(Kind.NO_RESULT, "the result's address is no URL") from error

    async def _receive(self, response: httpx.Response, have: int) -> None:
        status = response.status_code
        if status == 416:
            self._part.unlink(missing_ok=True)
            raise VendorFailureError(Kind.UNREACHABLE, "the download could not be resumed; it begins again")
        if status in {401, 403, 404, 410}:
            raise VendorFailureError(
                Kind.NOT_FOUND, f"HTTP {status}: its address does not give the result", status=status
            )
        if status >= 400:
            failure = http_failure(status, response.headers, await response.aread())
            if not failure.again:
                raise VendorFailureError(Kind.NOT_FOUND, failure.text, status=status)
            raise failure
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and not kind.startswith(self._kinds):
            raise VendorFailureError(Kind.UNREACHABLE, f"the delivery host sent {kind}, not the result")
        begins = _range_start(response.headers.get("content-range", "")) if status == 206 else 0
        if begins not in {0, have}:
            self._part.unlink(missing_ok=True)
            raise VendorFailureError(Kind.UNREACHABLE, "the delivery host sent another part than asked for")
        self._etag = response.headers.get("etag", "")
        encoded = response.headers.get("content-encoding", "identity") != "identity"
        expected = None if encoded else _length(response.headers.get("content-length"))
        received = 0
        with self._part.open("ab" if begins else "wb") as file:
            # In blocks as they arrive: a chunk size would throw away what came before the connection broke.
            async for block in response.aiter_bytes():
                file.write(block)
                received += len(block)
                if begins + received > _LARGEST_DOWNLOAD:
                    raise VendorFailureError(Kind.NO_RESULT, "the result is larger than 2 GB")
        if expected is not None and received != expected:
            raise VendorFailureError(Kind.UNREACHABLE, f"{received} of {expected} bytes arrived")
        if begins + received == 0:
            raise VendorFailureError(Kind.UNREACHABLE, "the delivery host sent an empty file")


def _unreachable(error: Exception) -> VendorFailureError:
    """A failure of the network; only one to connect is certain not to have been heard."""
    unheard = isinstance(
        error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol
    )
    what = str(error) or type(error).__name__
    return VendorFailureError(Kind.UNREACHABLE, f"{type(error).__name__}: {what}", surely_unheard=unheard)


def _plain_transport() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(verify=trusted_certificates())


def _path(url: str) -> str:
    """The path and query of a page's address: the key goes to our API host, whatever the answer says."""
    found = httpx.URL(url)
    return found.raw_path.decode("ascii") if found.is_absolute_url else url


def _resolved(field_schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """A field with what ``allOf`` and ``$ref`` point to merged in."""
    merged: dict[str, Any] = {}
    parts = [*cast("list[Any]", field_schema.get("allOf") or []), field_schema]
    for part in parts:
        reference = part.get("$ref")
        if isinstance(reference, str):
            merged.update(schemas.get(reference.rsplit("/", 1)[-1]) or {})
        merged.update({key: value for key, value in part.items() if key not in {"allOf", "$ref"}})
    return merged


def _data_uri(uri: str) -> bytes:
    head, _, data = uri.partition(",")
    try:
        return base64.b64decode(data) if head.endswith(";base64") else httpx.URL(f"x:{data}").path.encode("latin-1")
    except (binascii.Error, ValueError, httpx.InvalidURL) as error:
        raise VendorFailureError(Kind.BAD_FILE, "the result's data URI is damaged") from error


def _range_start(text: str) -> int:
    match = re.match(r"bytes (\d+)-", text)
    return int(match[1]) if match else -1


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
