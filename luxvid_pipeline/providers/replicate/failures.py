"""What can go wrong at Replicate, as one table: how it is recognised, which error it becomes, what may be tried again.

Belongs here: statuses, titles and texts of the vendor, and their meaning.
Does not belong here: sending anything (``client.py``), deciding what to do next (``predictions.py``).

Sources: the vendor's OpenAPI and error codes (https://replicate.com/docs/reference/error-codes), texts seen in public
issues and logs. A failed prediction has no code field; only its text tells why.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, cast

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    ContentRefusedError,
    InvalidRequestError,
    NoCreditError,
    ProviderError,
    RetryableProviderError,
    UnknownPaymentError,
)


class Kind(StrEnum):
    """What went wrong, in the words that stand in the ledger before the vendor's own."""

    CONTENT_REFUSED = "content refused"
    INVALID_INPUT = "invalid input"
    UNREADABLE_INPUT = "input could not be fetched"
    SCHEMA_CHANGED = "schema changed"
    NO_CREDIT = "no credit"
    BAD_KEY = "bad key"
    NOT_FOUND = "not found"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"
    STOPPED = "stopped"
    LOST = "result lost"
    NO_RESULT = "no result"
    BAD_FILE = "unusable result"
    MODEL_FAILED = "model failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What follows from a kind of failure.

    Attributes:
        error: The error the caller gets.
        again: Worth another try by itself, after a pause.
        may_retry: The same request may be sent again later, by somebody who asks for it.
        advice: What to do about it.
    """

    error: type[ProviderError]
    again: bool = False
    may_retry: bool = True
    advice: str = ""


RULES: Mapping[Kind, Rule] = {
    Kind.CONTENT_REFUSED: Rule(
        error=ContentRefusedError, may_retry=False, advice="reword the scene, choose another photo or another engine"
    ),
    Kind.INVALID_INPUT: Rule(
        error=InvalidRequestError, may_retry=False, advice="choose another engine, or report it with this message"
    ),
    Kind.UNREADABLE_INPUT: Rule(error=RetryableProviderError, again=True, advice="run it again"),
    Kind.SCHEMA_CHANGED: Rule(
        error=InvalidRequestError, advice="nothing was sent; choose another engine until LuxVid knows the new schema"
    ),
    Kind.NO_CREDIT: Rule(
        error=NoCreditError, advice="buy credit at replicate.com/account/billing and wait a few minutes"
    ),
    Kind.BAD_KEY: Rule(error=BadKeyError, advice="check REPLICATE_API_TOKEN"),
    Kind.NOT_FOUND: Rule(error=InvalidRequestError, advice="the model or version is gone; choose another engine"),
    Kind.THROTTLED: Rule(error=RetryableProviderError, again=True, advice="run it again later"),
    Kind.UNAVAILABLE: Rule(error=RetryableProviderError, again=True, advice="run it again later"),
    Kind.UNREACHABLE: Rule(error=RetryableProviderError, again=True, advice="check the network and run it again"),
    Kind.TIMED_OUT: Rule(error=RetryableProviderError, advice="run it again, or choose another engine"),
    Kind.STOPPED: Rule(error=RetryableProviderError, advice="run it again"),
    Kind.LOST: Rule(
        error=RetryableProviderError,
        advice="it was paid for; the vendor keeps results for one hour only. Running it again buys it anew",
    ),
    Kind.NO_RESULT: Rule(error=RetryableProviderError, advice="running it again buys it anew"),
    Kind.BAD_FILE: Rule(error=RetryableProviderError, advice="running it again buys it anew"),
    Kind.MODEL_FAILED: Rule(error=RetryableProviderError, advice="run it again, or choose another engine"),
    Kind.UNKNOWN: Rule(
        error=UnknownPaymentError, may_retry=False, advice="decide with `luxvid ledger` before it is asked for again"
    ),
}

_ANY = r""
_HTTP: tuple[tuple[range, str, Kind], ...] = (
    (range(400, 401), r"authenticat|api token|api key", Kind.BAD_KEY),
    (range(401, 402), _ANY, Kind.BAD_KEY),
    (range(402, 403), _ANY, Kind.NO_CREDIT),
    (range(403, 404), _ANY, Kind.BAD_KEY),
    (range(404, 405), _ANY, Kind.NOT_FOUND),
    (range(410, 411), _ANY, Kind.NOT_FOUND),
    (range(408, 409), _ANY, Kind.UNAVAILABLE),
    (range(413, 414), _ANY, Kind.INVALID_INPUT),
    (range(422, 423), r"invalid version|version does not exist", Kind.NOT_FOUND),
    (range(422, 423), _ANY, Kind.INVALID_INPUT),
    (range(429, 430), r"insufficient credit|spending limit", Kind.NO_CREDIT),
    (range(429, 430), _ANY, Kind.THROTTLED),
    (range(500, 600), _ANY, Kind.UNAVAILABLE),
    (range(400, 500), _ANY, Kind.INVALID_INPUT),
)
"""Status and text to kind; the first that fits counts."""

_PREDICTION: tuple[tuple[str, Kind], ...] = (
    (
        r"\(E005\)|flagged as sensitive|content policy|safety (filter|checker|system)|\bnsfw\b|prohibited",
        Kind.CONTENT_REFUSED,
    ),
    (
        r"\(E003\)|high demand|\(E004\)|temporarily unavailable|try again later|rate limit|too many requests",
        Kind.UNAVAILABLE,
    ),
    (r"insufficient (credit|balance)", Kind.NO_CREDIT),
    (
        r"(could not|failed to|unable to|cannot) (download|fetch|retrieve|load)|40[34] client error"
        r"|cannot identify image file|url .*expired|file .*expired|has expired",
        Kind.UNREADABLE_INPUT,
    ),
    (
        r"\(E006\)|input validation error|must be (<=|>=|one of|less|greater|between)"
        r"|invalid (input|value|argument|parameter|image)|not supported|only (supported|available|with|works)"
        r"|requires? |is required|unprocessable",
        Kind.INVALID_INPUT,
    ),
    (r"\(E001\)|out of memory|\bE1001\b|\bE6716\b|timeout starting|\bE1000\b|interrupted|internal", Kind.UNAVAILABLE),
)
"""Text of a failed prediction to kind; the first that fits counts, anything else is ``MODEL_FAILED``."""

_WAITS = (
    re.compile(r"resets? in ~?\s*(\d+(?:\.\d+)?)\s*s", re.IGNORECASE),
    re.compile(r"available in ~?\s*(\d+(?:\.\d+)?)\s*s", re.IGNORECASE),
    re.compile(r"(?:retry|try again) (?:after|in) ~?\s*(\d+(?:\.\d+)?)\s*s", re.IGNORECASE),
)
_NOT_THERE = frozenset({404, 410})
_SECRETS = re.compile(r"r8_\w+|(?i:(?:bearer|token)\s+)[\w.\-]{8,}|(?<=\?)[^\s\"')]*(?:signature|token|key)=[^\s\"')]*")
_LONGEST_TEXT = 400

_LOW_CREDIT_WAIT_S = 5.0
"""At 600 creates a minute a bucket refills within a second; longer waits are those of an account at 6 a minute."""


class VendorFailureError(Exception):
    """Replicate, or the way to it, failed; stops at this package.

    Attributes:
        kind: What went wrong.
        text: The vendor's words, without secrets.
        status: HTTP status, 0 where there was none.
        retry_after_s: How long the vendor asks to wait; None if it does not say.
        low_credit: Whether it throttles because the account is low.
        surely_unheard: For a request that creates something: it certainly created nothing.
    """

    def __init__(
        self,
        kind: Kind,
        text: str,
        *,
        status: int = 0,
        retry_after_s: float | None = None,
        low_credit: bool = False,
        surely_unheard: bool = False,
    ) -> None:
        """Keep what is known of it."""
        self.kind = kind
        self.text = without_secrets(text)
        self.status = status
        self.retry_after_s = retry_after_s
        self.low_credit = low_credit
        self.surely_unheard = surely_unheard
        super().__init__(f"{kind}: {self.text}")

    @property
    def again(self) -> bool:
        """Whether it is worth another try after a pause."""
        return RULES[self.kind].again

    def as_error(self, doing: str) -> ProviderError:
        """Return the project's error for it.

        Args:
            doing: What was asked of whom, ``google/veo-3.1-fast for 2-bedroom of villa-aurora``.
        """
        return error_of(self.kind, self.text, doing)


def error_of(kind: Kind, text: str, doing: str) -> ProviderError:
    """Return the project's error for a kind of failure."""
    rule = RULES[kind]
    said = f" ({text})" if text else ""
    advice = f"; {rule.advice}" if rule.advice else ""
    return rule.error(f"{doing}: {kind}{said}{advice}")


def as_reason(kind: Kind, text: str) -> str:
    """Return how a failure is written into the ledger."""
    return f"{kind}: {text}" if text else str(kind)


def error_from_reason(reason: str, doing: str) -> ProviderError:
    """Return the error for a reason that ``as_reason`` wrote, possibly another process long ago."""
    said, _, text = reason.partition(": ")
    kind = Kind(said) if said in set(Kind) else Kind.MODEL_FAILED
    return error_of(kind, f"{text or reason}; it was asked before and would fail again", doing)


def http_failure(status: int, headers: Mapping[str, str], body: bytes) -> VendorFailureError:
    """Return what an HTTP answer of 400 and above means.

    Args:
        status: HTTP status.
        headers: Its headers, names in any case.
        body: Its decoded body; HTML is as welcome as a problem document.
    """
    problem = _problem(body)
    text = _told(problem) or _plain(body) or f"HTTP {status}"
    if status in _NOT_THERE and not problem:
        # Believed, it would make what is paid for unknown to everybody.
        kind, text = Kind.UNREACHABLE, f"{text}: no answer of Replicate's API; check REPLICATE_BASE_URL and the proxy"
    else:
        kind = next(
            kind for statuses, pattern, kind in _HTTP if status in statuses and re.search(pattern, text, re.IGNORECASE)
        )
    wait_s = _retry_after_s(headers, problem, text) if kind in {Kind.THROTTLED, Kind.UNAVAILABLE} else None
    low = bool(re.search(r"burst of 1|reduced to|in credit|payment method", text, re.IGNORECASE))
    return VendorFailureError(
        kind,
        f"HTTP {status}: {text}" if not text.startswith("HTTP") else text,
        status=status,
        retry_after_s=wait_s,
        low_credit=kind is Kind.THROTTLED and (low or (wait_s or 0.0) > _LOW_CREDIT_WAIT_S),
        surely_unheard=400 <= status < 500 and status not in {408, 409},
    )


def prediction_failure(error: str | None) -> VendorFailureError:
    """Return what the error text of a failed prediction means."""
    text = (error or "").strip() or "it failed without a word"
    kind = next((kind for pattern, kind in _PREDICTION if re.search(pattern, text, re.IGNORECASE)), Kind.MODEL_FAILED)
    return VendorFailureError(kind, text)


def without_secrets(text: str) -> str:
    """Return a text fit for logs: no keys, no signed queries, one line, not too long."""
    line = " ".join(_SECRETS.sub("[removed]", text).split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}


def _told(problem: Mapping[str, Any]) -> str:
    listed = problem.get("invalid_fields")
    fields = cast("list[Any]", listed) if isinstance(listed, list) else []
    told = [cast("Mapping[str, Any]", each) for each in fields if isinstance(each, dict)]
    named = [f"{each.get('field', '')}: {each.get('description', '')}" for each in told]
    parts = [str(problem[key]).strip() for key in ("title", "detail") if problem.get(key)]
    return " - ".join([*parts[:1], *(named or parts[1:])])


def _plain(body: bytes) -> str:
    text = re.sub(r"<[^>]+>", " ", body[:4096].decode(errors="replace"))
    return " ".join(text.split())[:160]


def _retry_after_s(headers: Mapping[str, str], problem: Mapping[str, Any], text: str) -> float | None:
    """The header, the body's field, or the words of older answers, in this order."""
    lowered = {name.lower(): value for name, value in headers.items()}
    header = lowered.get("retry-after", "").strip()
    if header:
        try:
            return max(0.0, float(header))
        except ValueError:
            pass
        try:
            then = parsedate_to_datetime(header)
            now = parsedate_to_datetime(lowered["date"]) if "date" in lowered else datetime.now(UTC)
            return max(0.0, (then - now).total_seconds())
        except (TypeError, ValueError):
            pass
    said = problem.get("retry_after")
    if isinstance(said, int | float):
        return max(0.0, float(said))
    for pattern in _WAITS:
        match = pattern.search(text)
        if match:
            return float(match[1])
    return None
