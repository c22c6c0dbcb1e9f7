"""HTTP clients for loopback that load no certificates, which would take longer than most tests.

Belongs here: making them.
Does not belong here: vendors' clients.
"""

import ssl
from typing import Any

import httpx


def plain_client(**options: Any) -> httpx.Client:
    """Return a client that knows no certificate at all."""
    return httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options)


PLAIN = plain_client(timeout=20, limits=httpx.Limits(max_keepalive_connections=0))
"""For requests without a key or a base URL."""
