"""Telling people outside: one short JSON message to a webhook, without a secret, in a few seconds or not at all.

Belongs here: the message, striking out what looks like a key, sending it.
Does not belong here: what is worth a message (``automation/alerts.py``).

An ordinary webhook gets ``text``, ``kind``, ``listing``, ``asset``, ``reason``, ``run`` and ``link``; ``text`` alone is
what Slack, Mattermost and Discord's ``/slack`` addresses show. Slack's own incoming webhook gets exactly its format.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from luxvid_pipeline.resources.settings import Settings

DEADLINE_S = 5.0
"""For one alert, its second try included: a sensor's tick has 60 s for several."""

STRUCK_OUT = "[secret]"
_PAUSE_S = 0.3
_LEAVE_S = 0.2
"""After the deadline, for what was sent to say what became of it."""
_AT_ONCE = 4
_SENDING = threading.BoundedSemaphore(_AT_ONCE)
"""Those of a process that are on their way, or hang in the look-up of a name."""
_LONGEST = 1500
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # A password in an address: scheme://user:password@host.
        r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)",
        # What comes after its own name: token=…, "api_key": "…", Authorization: Bearer ….
        r"(?i)(?<=bearer )\S+|(?<=token )[\w.~+/-]{8,}=*",
        r"(?i)\b[\w-]*(?:secret|token|passwd|password|api[_-]?key|signature|credential)[\w-]*[\"']?\s*[=:]\s*[\"']?[^\s\"'&,;]+",
        # Vendors' own shapes: Replicate, xAI, OpenAI, Amazon, Slack, GitHub, JSON web tokens.
        r"\b(?:r8|sk|xai|xox[abprs]|gh[pousr]|github_pat)[-_][\w*.…-]{4,}",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}",
        r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*",
        r"(?<=/services/)T\w+/B\w+/\w+",
        r"-----BEGIN[^-]*PRIVATE KEY-----.*?(?:-----END[^-]*-----|$)",
        # Amazon's secret keys have no shape but their length.
        r"(?<![\w/+])(?=[\w/+]*[a-z])(?=[\w/+]*[A-Z])(?=[\w/+]*\d)[A-Za-z0-9/+]{40}(?![\w/+=])",
    )
)
_SLACK_HOST = re.compile(r"^hooks\.slack(?:-gov)?\.com$")
_SLACK_PATH = re.compile(r"^/services/T\w+/B\w+/\w+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message.

    Attributes:
        kind: ``failure``, ``stopped`` or ``budget``.
        text: All of it in a sentence.
        listing: Listing key; empty where it is about none, or about several.
        asset: What could not be made.
        reason: Why.
        run: Dagster's run id.
        link: Where to look.
    """

    kind: str
    text: str
    listing: str = ""
    asset: str = ""
    reason: str = ""
    run: str = ""
    link: str = ""


class Webhook:
    """Where alerts go; without an address nothing is ever sent."""

    def __init__(self, settings: Settings, *, deadline_s: float = DEADLINE_S) -> None:
        """Take the address and every secret that must never leave.

        Args:
            settings: ``alert_url`` and the keys.
            deadline_s: How long one alert may take, its second try included.
        """
        self._url = settings.alert_url
        self._deadline_s = deadline_s
        password = settings.database_url.rpartition("@")[0].rpartition(":")[2]
        self._secrets = [vendor.key for vendor in settings.vendors.values()] + [password, self._url]

    @property
    def is_set(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self._url)

    def send(self, alert: Alert) -> str:
        """Send an alert; returns why it could not be delivered, in a line without a secret, or nothing.

        It never raises, and takes no longer than the deadline.
        """
        if not self._url:
            return "LUXVID_ALERT_URL is not set"
        clean = Alert(**{name: self._clean(value) for name, value in asdict(alert).items()})
        told: list[str] = []

        def sent() -> None:
            try:
                told.append(self._sent(clean))
            finally:
                _SENDING.release()

        if not _SENDING.acquire(blocking=False):
            return f"{_AT_ONCE} earlier alerts still wait for the webhook: see whether its host's name can be looked up"
        # Looking up a host's name cannot be cancelled: it is left to itself, and no process waits for it at its end.
        sending = threading.Thread(target=sent, name="alert", daemon=True)
        sending.start()
        sending.join(self._deadline_s + _LEAVE_S)
        return told[0] if told else self._too_late

    @property
    def _too_late(self) -> str:
        return f"the webhook did not answer within {self._deadline_s:g} s"

    def _sent(self, alert: Alert) -> str:
        try:
            return self._posted(_for_slack(alert) if _is_slack(self._url) else asdict(alert))
        except httpx.TimeoutException:
            return self._too_late
        except Exception as error:
            return self._clean(f"the webhook cannot be used: {type(error).__name__}: {error}")

    def _posted(self, body: dict[str, Any]) -> str:
        ends = time.monotonic() + self._deadline_s
        why = ""

        def in_time(step: str, _info: dict[str, Any]) -> None:
            # What was told to be too late is sent again by a later tick, so a look-up that ends then sends nothing.
            if step.endswith("send_request_headers.started") and time.monotonic() > ends:
                raise httpx.ConnectTimeout(self._too_late)

        with httpx.Client(trust_env=False) as client:
            for pause_s in (0.0, _PAUSE_S):
                time.sleep(pause_s)
                left_s = ends - time.monotonic()
                if left_s <= 0:
                    return self._too_late
                try:
                    # No redirect is followed: the address is the one that was set. Its words are not waited for.
                    with client.stream(
                        "POST", self._url, json=body, timeout=left_s, extensions={"trace": in_time}
                    ) as answer:
                        status = answer.status_code
                except httpx.TimeoutException:
                    raise
                except httpx.TransportError as error:
                    why = f"the webhook cannot be reached: {type(error).__name__}"
                    continue
                if httpx.codes.is_success(status):
                    return ""
                why = f"the webhook answered HTTP {status}"
                if status < 500 and status != httpx.codes.TOO_MANY_REQUESTS:
                    break
        return why

    def _clean(self, text: str) -> str:
        return without_secrets(text, self._secrets)


def without_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with every known secret, and whatever looks like one, struck out; long ones are cut.

    Args:
        text: What somebody else wrote.
        secrets: Values that must not be seen; empty ones are ignored.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, STRUCK_OUT)
    for pattern in _PATTERNS:
        text = pattern.sub(STRUCK_OUT, text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_slack(url: str) -> bool:
    parts = urlsplit(url)
    return bool(_SLACK_HOST.match(parts.hostname or "") or _SLACK_PATH.match(parts.path))


def _for_slack(alert: Alert) -> dict[str, Any]:
    """Slack's format: ``text`` for notifications, ``blocks`` for the channel; its three marks escaped."""
    said = _escaped(alert.text)
    if alert.link:
        said += f"\n<{alert.link}|Open it in Dagster>"
    return {"text": _escaped(alert.text), "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": said}}]}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
