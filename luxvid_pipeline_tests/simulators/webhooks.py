"""Signed posts to a client's own server, as Replicate sends them.

Belongs here: the signature and the sending.
Does not belong here: when an event is due (``replicate_server.py``).
"""

import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.request
import uuid
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"simulated-secret-of-24-b").decode()


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return ``v1,<base64>`` over ``{id}.{timestamp}.{body}``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class WebhookSender:
    """Posts events, in a thread each; ``times`` is how often each one is sent (the vendor may repeat itself)."""

    def __init__(self, times: int = 1):
        self.times = times
        self._closed = threading.Event()

    def post(self, url: str, event: Any) -> None:
        """Send one event."""
        threading.Thread(target=self._post, args=(url, event), daemon=True).start()

    def close(self) -> None:
        """Send nothing more."""
        self._closed.set()

    def _post(self, url: str, event: Any) -> None:
        body, message_id, timestamp = json.dumps(event).encode(), f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(SECRET, message_id, timestamp, body),
        }
        for _ in range(self.times):
            if self._closed.is_set():
                return
            request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - loopback
            try:
                with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                    continue
            except OSError:
                continue
