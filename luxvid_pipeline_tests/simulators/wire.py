"""A small HTTP/1.1 server on loopback: requests as values in, replies as values out, every request in a log.

Belongs here: sockets, headers, chunked and multipart bodies, gzip, byte ranges, broken replies, the request log.
Does not belong here: what any vendor answers (``replicate_server.py``, ``language_server.py``).
"""

import gzip
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import parse_qsl, urlsplit

LONGEST_LOGGED_TEXT = 2000
"""Characters; longer strings of a logged body are replaced by their beginning, length and hash."""


@dataclass(frozen=True)
class Part:
    """One part of a multipart form."""

    name: str
    filename: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON, or None if it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def token(self) -> str:
        """What follows ``Bearer`` or ``Token``; empty where there is no such header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in {"bearer", "token"} else ""

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart form; empty for any other body."""
        content_type = self.headers.get("content-type", "")
        if not content_type.startswith("multipart/"):
            return ()
        boundary = _parsed(f"Content-Type: {content_type}".encode()).get_boundary("")
        # Split as bytes: the e-mail parser goes through the contents line by line, which took seconds for photographs.
        _, *parts, _ = (b"\r\n" + self.body).split(b"\r\n--" + boundary.encode())
        return tuple(_part(*part.removeprefix(b"\r\n").partition(b"\r\n\r\n")) for part in parts)


def _part(head: bytes, _: bytes, content: bytes) -> Part:
    message = _parsed(head)
    return Part(
        name=str(message.get_param("name", "", header="content-disposition")),
        filename=message.get_filename() or "",
        content_type=message.get_content_type(),
        content=content,
    )


def _parsed(head: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=HTTP).parsebytes(head + b"\r\n\r\n", headersonly=True)


@dataclass
class Reply:
    """What to send back.

    Attributes:
        status: HTTP status.
        body: Bytes as they are; text; or anything else as JSON.
        headers: Extra headers; an empty value leaves a default one out.
        content_type: JSON with a charset where not given.
        compress: Whether a client that accepts gzip gets it.
        drop: Close the connection without a word.
        send_only: Bytes of the body that are sent before the connection is closed; None for all.
        say_length: ``Content-Length`` to claim instead of the true one.
        ranges: Whether ``Range`` is honoured.
        delay_s: Real seconds to wait before the first byte.
        drip_s: Real seconds between two bytes of the body; 0 sends them together.
        note: Facts for the log (``prediction``, ``paid``).
    """

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    compress: bool = False
    drop: bool = False
    send_only: int | None = None
    say_length: int | None = None
    ranges: bool = False
    delay_s: float = 0.0
    drip_s: float = 0.0
    note: dict[str, Any] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


class RequestLog:
    """Every request in order, in memory and, if wanted, as JSON lines in a file.

    Keys are never written: ``authorization`` becomes its scheme and a short hash.
    """

    def __init__(self, file: Path | None = None):
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._file: TextIO | None = file.open("a", encoding="utf-8") if file else None

    def add(self, server: str, request: Request, reply: Reply) -> None:
        """Write down one request and the status it got (0 for a dropped connection)."""
        entry = {
            "at": time.time(),
            "server": server,
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name: _without_key(name, value) for name, value in request.headers.items()},
            "body_bytes": len(request.body),
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "json": _shortened(request.json),
            "parts": [
                {
                    "name": part.name,
                    "filename": part.filename,
                    "content_type": part.content_type,
                    "bytes": len(part.content),
                    "sha256": hashlib.sha256(part.content).hexdigest(),
                }
                for part in request.parts
            ],
            "status": 0 if reply.drop else reply.status,
            **reply.note,
        }
        with self._lock:
            entry["number"] = len(self._entries) + 1
            self._entries.append(entry)
            if self._file:
                self._file.write(json.dumps(entry) + "\n")
                self._file.flush()

    def entries(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the entries whose fields equal ``wanted``; ``path`` may end in ``*``."""
        with self._lock:
            found = list(self._entries)
        for name, value in wanted.items():
            if isinstance(value, str) and value.endswith("*"):
                found = [entry for entry in found if str(entry.get(name, "")).startswith(value[:-1])]
            else:
                found = [entry for entry in found if entry.get(name) == value]
        return found

    def clear(self) -> None:
        """Forget the entries in memory; a file keeps them."""
        with self._lock:
            self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None


def _without_key(name: str, value: str) -> str:
    if name not in {"authorization", "x-api-key"}:
        return value
    scheme, _, key = value.partition(" ")
    return f"{scheme} sha256:{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner) for inner in value]
    if isinstance(value, str) and len(value) > LONGEST_LOGGED_TEXT:
        return f"{value[:200]}… ({len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]})"
    return value


class LoopbackServer:
    """A server on 127.0.0.1, on a port of its own, answering in threads until closed."""

    def __init__(self, name: str, answer: Callable[[Request], Reply], log: RequestLog, port: int = 0):
        self.name = name
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), "log": log, "name": name})
        self._server = _QuietServer(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve, daemon=True, name=name)
        self._thread.start()

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``, no slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.stop()
        self._thread.join()
        self._server.server_close()


class _QuietServer(ThreadingHTTPServer):
    """Waits for requests without looking up in between: hundreds of these begin and end in a run of the tests."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    _stopped = False

    def serve(self) -> None:
        while not self._stopped:
            self.handle_request()

    def stop(self) -> None:
        self._stopped = True
        socket.create_connection(("127.0.0.1", self.server_port), timeout=5).close()  # wakes it

    def verify_request(self, request, client_address):
        return not self._stopped

    def handle_error(self, request, client_address):  # a killed client is part of the work here
        del request, client_address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[Request], Reply]
    log: RequestLog
    name: str

    def _any(self) -> None:
        split = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=split.path,
            query=dict(parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
        )
        try:
            reply = self.answer(request)
        except Exception as error:
            reply = Reply(599, {"detail": f"the simulator broke: {error!r}"}, note={"broke": repr(error)})
        if not request.path.startswith("/_control/"):
            self.log.add(self.name, request, reply)
        if reply.delay_s:
            time.sleep(reply.delay_s)
        if reply.drop:
            self._hang_up()
            return
        self._send(request, reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _any  # noqa: N815 - http.server's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, request: Request, reply: Reply) -> None:
        payload, status, headers = reply.payload, reply.status, dict(reply.headers)
        if reply.ranges and status == 200:
            headers["Accept-Ranges"] = "bytes"
            start = _range_start(request.headers.get("range", ""))
            if start is not None and start < len(payload):
                headers["Content-Range"] = f"bytes {start}-{len(payload) - 1}/{len(payload)}"
                payload, status = payload[start:], 206
            elif start is not None:
                headers["Content-Range"] = f"bytes */{len(payload)}"
                payload, status = b"", 416
        if reply.compress and "gzip" in request.headers.get("accept-encoding", ""):
            payload = gzip.compress(payload, mtime=0)
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        if status != 204:
            headers.setdefault("Content-Type", reply.content_type or "application/json; charset=utf-8")
            headers["Content-Length"] = str(len(payload) if reply.say_length is None else reply.say_length)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if request.method != "HEAD":
            for part in [payload] if not reply.drip_s else (bytes([byte]) for byte in payload):
                self.wfile.write(part if reply.send_only is None else part[: reply.send_only])
                time.sleep(reply.drip_s)
        if reply.send_only is not None or reply.say_length is not None:
            self.wfile.flush()
            self._hang_up(politely=True)

    def _hang_up(self, *, politely: bool = False) -> None:
        self.close_connection = True
        if not politely:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def version_string(self) -> str:
        return "cloudflare"

    def log_message(self, format, *args):  # the request log is the log
        del format, args


def _range_start(header: str) -> int | None:
    if not header.startswith("bytes=") or "," in header:
        return None
    start, _, _ = header.removeprefix("bytes=").partition("-")
    return int(start) if start.isdigit() else None
