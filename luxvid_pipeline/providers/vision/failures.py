"""What can go wrong with a question to a model, as one table: what it means, whether to ask again, who is to be told.

Belongs here: the table, finding the row for a reply, the words of the error with nothing secret in them.
Does not belong here: sending and waiting (``client.py``), what an engine does about it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from luxvid_pipeline.domain.errors import (
    BadKeyError,
    ContentRefusedError,
    InvalidRequestError,
    NoCreditError,
    ProviderError,
    RetryableProviderError,
)


class UnusableAnswerError(RetryableProviderError):
    """The model answered and was paid, but what it wrote is cut off or no JSON; another question may do better."""


class Charged(Enum):
    """Whether the vendor may have charged for a request that brought no answer."""

    NOTHING = "nothing"
    PERHAPS = "perhaps"
    AS_REPORTED = "as reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One way to fail.

    Attributes:
        name: What it is called in the ledger.
        error: What it is raised as.
        remedy: What to do about it.
        statuses: HTTP statuses it comes with; empty for failures that have none.
        words: Pattern of the vendor's words; empty matches any.
        again: Whether the same request is sent again after a wait.
        for_good: Whether the ledger refuses this request from now on.
        charged: Whether money may have been spent.
        answered: Whether the model did write something; without a report of its tokens the estimate is booked.
    """

    name: str
    error: type[ProviderError]
    remedy: str
    statuses: frozenset[int] = frozenset()
    words: str = ""
    again: bool = False
    for_good: bool = False
    charged: Charged = Charged.NOTHING
    answered: bool = False


def _on(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


# The first row that fits counts. xAI answers a wrong key with 400, exhausted credit with 429, and some errors with 200.
# Sources: https://docs.x.ai/developers/debugging.md, github.com/continuedev/continue#10373, github.com/vercel/ai
# (xai-error.ts); OpenAI: https://developers.openai.com/api/docs/guides/error-codes. Read 21 Nov 2026.
FAILURES: tuple[Failure, ...] = (
    Failure(
        name="no credit",
        statuses=_on(200, 400, 402, 403, 429),
        words=(
            r"available credits|spending limit|insufficient_quota|current quota|insufficient (credit|funds)|"
            r"credit balance|billing[_ ]hard[_ ]limit|no credits"
        ),
        error=NoCreditError,
        remedy="buy credit or raise the limit at the vendor, or choose another engine",
    ),
    Failure(name="no credit", statuses=_on(402), error=NoCreditError, remedy="buy credit at the vendor"),
    Failure(
        name="wrong key",
        statuses=_on(200, 400, 401, 403),
        words=r"api[ _-]?key|unauthenticated|invalid[ _]authentication|authorization header",
        error=BadKeyError,
        remedy="set the vendor's key to a valid one",
    ),
    Failure(
        name="content refused",
        statuses=_on(200, 400, 403, 422),
        words=r"content[ _]?(policy|filter)|usage (guidelines|polic)|safety|moderation",
        error=ContentRefusedError,
        remedy="choose another engine, or take out what it objects to",
        for_good=True,
    ),
    Failure(
        name="model not offered",
        statuses=_on(200, 400, 403, 404, 410, 422),
        words=r"model\b.{0,120}(deprecat|retired|not (be )?found|not exist|no longer|shut ?down|not have access)",
        error=InvalidRequestError,
        remedy="the vendor does not offer this model (any more); choose another one",
    ),
    Failure(
        name="not allowed",
        statuses=_on(401, 403),
        error=BadKeyError,
        remedy="set the vendor's key to one that may use this model",
    ),
    Failure(
        name="too many requests",
        statuses=_on(429),
        error=RetryableProviderError,
        remedy="try again later",
        again=True,
    ),
    Failure(
        name="vendor busy",
        statuses=_on(409, 500, 503, 529),
        error=RetryableProviderError,
        remedy="try again later",
        again=True,
    ),
    Failure(
        name="gateway gave up",
        statuses=_on(408, 502, 504, 520, 522, 524),
        error=RetryableProviderError,
        remedy="try again later",
        again=True,
        charged=Charged.PERHAPS,
    ),
    Failure(
        name="wrong input",
        statuses=_on(400, 404, 405, 413, 415, 422),
        error=InvalidRequestError,
        remedy="the vendor does not take this request; choose another engine and report it",
        for_good=True,
    ),
    Failure(
        name="wrong address",
        statuses=_on(301, 302, 303, 307, 308),
        error=InvalidRequestError,
        remedy="the vendor's base address leads elsewhere; correct it",
    ),
    Failure(
        name="error in an answer",
        statuses=_on(200, 201, 202),
        error=RetryableProviderError,
        remedy="try again later",
        again=True,
        charged=Charged.AS_REPORTED,
    ),
)

NO_KEY = Failure(name="no key", error=BadKeyError, remedy="set the vendor's key")
NOT_REACHED = Failure(
    name="not reached", error=RetryableProviderError, remedy="check the network and the vendor's address", again=True
)
NOT_HEARD = Failure(
    name="no answer heard",
    error=RetryableProviderError,
    remedy="try again later",
    again=True,
    charged=Charged.PERHAPS,
)
REFUSED = Failure(
    name="content refused",
    error=ContentRefusedError,
    remedy="choose another engine, or take out what it objects to",
    for_good=True,
    charged=Charged.AS_REPORTED,
    answered=True,
)
CUT_OFF = Failure(
    name="answer cut off",
    error=UnusableAnswerError,
    remedy="ask for less at once, or choose another engine",
    charged=Charged.AS_REPORTED,
    answered=True,
)
NO_JSON = Failure(
    name="answer unreadable",
    error=UnusableAnswerError,
    remedy="ask again, or choose another engine",
    charged=Charged.AS_REPORTED,
    answered=True,
)
STRANGE = Failure(
    name="strange reply",
    error=RetryableProviderError,
    remedy="try again later",
    again=True,
    charged=Charged.PERHAPS,
)

_BY_NAME = {row.name: row for row in (*FAILURES, NO_KEY, NOT_REACHED, NOT_HEARD, REFUSED, CUT_OFF, NO_JSON, STRANGE)}


def failure_of(status: int, words: str) -> Failure:
    """Return the row for an HTTP reply, by its status and the words in it."""
    for row in FAILURES:
        if status in row.statuses and re.search(row.words, words, re.IGNORECASE | re.DOTALL):
            return row
    return STRANGE


def failure_named(reason: str) -> Failure | None:
    """Return the row that a reason in the ledger begins with, or None."""
    return _BY_NAME.get(reason.split(":", 1)[0])


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return a vendor's words on one line, short, with every key in them struck out."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    text = re.sub(r"(?i)\b(?:bearer|token)\s+[\w.~+/*-]{6,}=*", "[key]", text)
    # Vendors echo keys half masked, as in "sk-ab***yz".
    text = re.sub(r"\b(?:sk|xai|r8)[-_][\w*.…-]{4,}", "[key]", text)
    text = " ".join(text.split())
    return text if len(text) <= 300 else f"{text[:297]}..."
