"""What goes wrong, and when: effects as plain data, and the rules that say which request each one meets.

Belongs here: the failures a simulator can be told to have, as JSON values, so that a test in this process and one that
talks to ``/_control/script`` say the same thing.
Does not belong here: carrying them out (the servers do).
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Effect = dict[str, Any]

EVENTS = frozenset(
    {
        "create",
        "prediction",
        "get",
        "list",
        "cancel",
        "upload",
        "file",
        "model",
        "download",
        "chat",
        "responses",
        "language",
        "any",
    }
)
"""What a rule can wait for: ``language`` is chat or responses, ``prediction`` is a create that was accepted."""

# --- any request -----------------------------------------------------------------------------------------------------


def throttle(retry_after: float = 30, *, header: bool = True, body: bool = True, words: str = "new") -> Effect:
    """429. ``words``: ``new`` (resets in ~30s), ``old`` (Expected available in …) or ``none``."""
    return {"effect": "throttle", "retry_after": retry_after, "header": header, "body": body, "words": words}


def insufficient_credit() -> Effect:
    """402 as Replicate words it."""
    return {"effect": "insufficient_credit"}


def unauthenticated() -> Effect:
    """401 as recorded."""
    return {"effect": "unauthenticated"}


def refuse_input(*fields: tuple[str, str, str]) -> Effect:
    """422 with ``invalid_fields``; each is (type, field, description). Without any: ``prompt is required``."""
    return {"effect": "refuse_input", "fields": [list(one) for one in fields]}


def invalid_version() -> Effect:
    """422, the version does not exist."""
    return {"effect": "invalid_version"}


def html(status: int = 502) -> Effect:
    """A gateway's HTML page."""
    return {"effect": "html", "status": status}


def problem(status: int, detail: str, title: str = "") -> Effect:
    """Any problem document."""
    return {"effect": "problem", "status": status, "detail": detail, "title": title}


def answer(status: int, body: Any, headers: dict[str, str] | None = None, content_type: str = "") -> Effect:
    """Exactly this reply; text as it is, anything else as JSON."""
    return {"effect": "answer", "status": status, "body": body, "headers": headers or {}, "content_type": content_type}


def drop() -> Effect:
    """The connection breaks before the request is looked at: nothing was created."""
    return {"effect": "drop"}


def drop_after() -> Effect:
    """The request is carried out (the job exists, and is paid), then the connection breaks without a reply."""
    return {"effect": "drop_after"}


def late(real_s: float, *, drop: bool = False) -> Effect:
    """A gateway gives up at once (504, or the connection breaks); the request is carried out this much later."""
    return {"effect": "late", "real_s": real_s, "drop": drop}


def delay(real_s: float) -> Effect:
    """The reply comes this many real seconds late."""
    return {"effect": "delay", "real_s": real_s}


# --- predictions (rules on "prediction") -----------------------------------------------------------------------------

E003 = "Service is currently unavailable due to high demand. Please try again later. (E003)"
E004 = "The model is temporarily unavailable. Please try again later. (E004)"
E005 = "The input or output was flagged as sensitive. Please try again with different inputs. (E005) (Zz3kQ9xT1b)"


def fail(error: str = E003) -> Effect:
    """Ends ``failed`` with this text."""
    return {"effect": "fail", "error": error}


def end_as(status: str) -> Effect:
    """Ends in this status (``aborted``, ``canceled``, or one that nobody knows) without output."""
    return {"effect": "end_as", "status": status}


def output_null() -> Effect:
    """``succeeded`` with ``output: null`` (billed)."""
    return {"effect": "output_null"}


def data_removed() -> Effect:
    """``succeeded``, but input, output and logs are already gone and the delivery URL is dead."""
    return {"effect": "data_removed"}


def hold() -> Effect:
    """Stays ``processing`` for ever (until cancelled or its deadline)."""
    return {"effect": "hold"}


def never_start() -> Effect:
    """Stays ``starting`` for ever (until cancelled or its deadline)."""
    return {"effect": "never_start"}


def early_output() -> Effect:
    """The output is there while the status still says ``processing``, once."""
    return {"effect": "early_output"}


def inline_output() -> Effect:
    """The output is a data URI."""
    return {"effect": "inline_output"}


def latency(start_s: float, run_s: float) -> Effect:
    """Simulated seconds of ``starting`` and of ``processing``."""
    return {"effect": "latency", "start_s": start_s, "run_s": run_s}


def odd_media(**changes: Any) -> Effect:
    """Media that differ from what was asked: ``seconds``, ``width``, ``height``, ``fps``, ``black``, ``silent``,
    ``swap`` (last photo first), ``frozen`` (never leaves the first photo), ``bytes`` (text instead of media)."""
    return {"effect": "odd_media", **changes}


# --- downloads (rules on "download") ---------------------------------------------------------------------------------


def redirect(status: int = 302) -> Effect:
    """Sent elsewhere on the delivery host first."""
    return {"effect": "redirect", "status": status}


def short_body(sent_bytes: int = 1000) -> Effect:
    """Right ``Content-Length``, but the connection ends after this many bytes."""
    return {"effect": "short_body", "sent_bytes": sent_bytes}


def drip(pause_s: float = 0.05) -> Effect:
    """It arrives a byte at a time, with this pause between two of them."""
    return {"effect": "drip", "pause_s": pause_s}


def wrong_length(by: int = -1000) -> Effect:
    """``Content-Length`` differs from the true length by this; a smaller one cuts the body to it, cleanly."""
    return {"effect": "wrong_length", "by": by}


def wrong_type(content_type: str = "text/html") -> Effect:
    """200 with an HTML page instead of the file."""
    return {"effect": "wrong_type", "content_type": content_type}


def garbage() -> Effect:
    """Right type and length, but the bytes are noise."""
    return {"effect": "garbage"}


# --- language models (rules on "chat", "responses" or "language") -----------------------------------------------------


def rate_limited(retry_after: float | None = None) -> Effect:
    """429 in the flavour's own words; may be tried again."""
    return {"effect": "rate_limited", "retry_after": retry_after}


def credit_exhausted() -> Effect:
    """429 that no waiting cures: xAI's spending limit, OpenAI's ``insufficient_quota``."""
    return {"effect": "credit_exhausted"}


def bad_key() -> Effect:
    """The flavour's reply to a wrong key: 400 from xAI, 401 from OpenAI."""
    return {"effect": "bad_key"}


def model_retired() -> Effect:
    """404: the model was deprecated."""
    return {"effect": "model_retired"}


def error_in_200() -> Effect:
    """HTTP 200 whose body is only ``{"code", "error"}``."""
    return {"effect": "error_in_200"}


def truncated(keep: float = 0.5) -> Effect:
    """The text ends early, ``finish_reason`` is ``length`` (``incomplete`` in responses); billed."""
    return {"effect": "truncated", "keep": keep}


def refusal(words: str = "I'm sorry, but I can't help with that.") -> Effect:
    """The model declines; billed."""
    return {"effect": "refusal", "words": words}


def content_filter() -> Effect:
    """``finish_reason`` ``content_filter``, no text."""
    return {"effect": "content_filter"}


def text(words: str) -> Effect:
    """The model says exactly this (not JSON, or JSON of another shape); billed."""
    return {"effect": "text", "words": words}


def says(value: Any) -> Effect:
    """The model answers with this JSON value."""
    return {"effect": "says", "value": value}


def amended(*changes: tuple[str, Any]) -> Effect:
    """The default answer with some places changed: (``scenes.0.first_photo``, value)."""
    return {"effect": "amended", "changes": [list(one) for one in changes]}


def no_choices() -> Effect:
    """200 with an empty list of choices."""
    return {"effect": "no_choices"}


def no_usage() -> Effect:
    """200 without ``usage``."""
    return {"effect": "no_usage"}


@dataclass
class Rule:
    """One effect and the requests it meets.

    Attributes:
        event: One of ``EVENTS``.
        effect: What happens.
        nth: Which matching requests, counted from 1 since the rule was added; empty for the next ``times``.
        times: How often it happens where ``nth`` is empty; None for always.
        model: Only for this model (``owner/name``, or a language model's name); empty for any.
        path: Only where the path contains this.
    """

    event: str
    effect: Effect
    nth: tuple[int, ...] = ()
    times: int | None = 1
    model: str = ""
    path: str = ""
    seen: int = field(default=0, repr=False)
    used: int = field(default=0, repr=False)

    def meets(self, events: Iterable[str], model: str, path: str) -> bool:
        """Count a request that this rule is about, and say whether the effect meets it."""
        if self.event not in events or (self.model and self.model != model) or self.path not in path:
            return False
        self.seen += 1
        met = self.seen in self.nth if self.nth else self.times is None or self.used < self.times
        self.used += met
        return met


class Script:
    """The rules of one simulator; safe to change while it answers."""

    def __init__(self):
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self.answers: list[Callable[..., Any]] = []

    def on(
        self,
        event: str,
        effect: Effect,
        *,
        nth: int | Iterable[int] | None = None,
        times: int | None = 1,
        model: str = "",
        path: str = "",
    ) -> Rule:
        """Let ``effect`` meet the ``nth`` matching requests, or the next ``times`` of them (None: all)."""
        if event not in EVENTS:
            raise ValueError(f"no event called {event!r}; known are {', '.join(sorted(EVENTS))}")
        places = () if nth is None else (nth,) if isinstance(nth, int) else tuple(nth)
        rule = Rule(event=event, effect=effect, nth=places, times=times, model=model, path=path)
        with self._lock:
            self._rules.append(rule)
        return rule

    def on_create(self, nth: int | Iterable[int] | None, effect: Effect, *, model: str = "") -> Rule:
        """Let ``effect`` meet the ``nth`` POST that would create a prediction."""
        return self.on("create", effect, nth=nth, model=model)

    def prediction(
        self, model: str, effect: Effect, *, nth: int | Iterable[int] | None = None, times: int | None = 1
    ) -> Rule:
        """Let ``effect`` befall the ``nth`` (or the next ``times``) accepted predictions of ``model``; "" for any."""
        return self.on("prediction", effect, nth=nth, times=times, model=model)

    def download(self, effect: Effect, *, nth: int | Iterable[int] | None = None, times: int | None = 1) -> Rule:
        """Let ``effect`` meet downloads from the delivery host."""
        return self.on("download", effect, nth=nth, times=times)

    def language(
        self, effect: Effect, *, nth: int | Iterable[int] | None = None, times: int | None = 1, model: str = ""
    ) -> Rule:
        """Let ``effect`` meet chat completions and responses."""
        return self.on("language", effect, nth=nth, times=times, model=model)

    def add_json(self, rules: Iterable[dict[str, Any]]) -> None:
        """Add rules as ``/_control/script`` takes them: the arguments of ``on`` by name."""
        for rule in rules:
            self.on(**rule)

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self._rules.clear()

    def take(self, *events: str, model: str = "", path: str = "") -> list[Effect]:
        """Return the effects that meet this request, in the order their rules were added."""
        with self._lock:
            return [dict(rule.effect) for rule in self._rules if rule.meets({*events}, model, path)]
