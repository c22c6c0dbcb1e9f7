"""The certificates that vendors are checked against.

Belongs here: reading them, once a process.
Does not belong here: who is spoken to, and how (``replicate/client.py``, ``vision/wire.py``).
"""

import functools
import ssl

import httpx


@functools.cache
def trusted_certificates() -> ssl.SSLContext:
    """Return what is trusted, read once: reading it takes longer than a request to a vendor nearby."""
    return httpx.create_ssl_context()
