"""A headless Chromium, driven through the DevTools protocol over a pair of pipes.

Belongs here: finding Chromium, starting and ending it, opening a file in it, asking a page, pressing keys, screenshots.
Does not belong here: claims, any page.

The protocol is JSON with a NUL after each message, read from file descriptor 3 and written to 4 of the browser:
https://chromedevtools.github.io/devtools-protocol/ (``--remote-debugging-pipe``). No port is opened and no package is
needed. The browser is given a name server that knows no name, so a page that asks for anything is seen to fail.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)
_KEYS = {" ": ("Space", 32), "Tab": ("Tab", 9), "Enter": ("Enter", 13), "Home": ("Home", 36), "End": ("End", 35)}
_KEYS |= {"ArrowLeft": ("ArrowLeft", 37), "ArrowRight": ("ArrowRight", 39), "PageDown": ("PageDown", 34)}


def chromium() -> str:
    """Return the path of a Chromium; skips the test where there is none."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium here (looked for {', '.join(_NAMES)}): install Debian's package chromium")
    return found


class Browser:
    """``with Browser(profile) as browser``: one browser with one page.

    Attributes:
        trouble: Console errors, exceptions, policy violations and failed loads so far, in words.
        requests: Addresses that were asked for, without ``data:`` and ``blob:``.
    """

    def __init__(self, profile: Path, *, may_ask: str = "") -> None:
        """Take a directory for what the browser keeps, and the one host it may ask; none by default."""
        self._profile = profile
        self._names = "MAP * ~NOTFOUND" + (f" , EXCLUDE {may_ask}" if may_ask else "")
        self.trouble: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._unread = b""
        self._session = ""

    def __enter__(self) -> Self:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # A shell puts the pipes where the browser looks for them; subprocess cannot choose the numbers.
        place = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        own = (f"--host-resolver-rules={self._names}", f"--user-data-dir={self._profile}", "about:blank")
        command = ["bash", "-c", place, chromium(), *_FLAGS, *own]
        self._process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        pages = [each for each in self.ask("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        attached = self.ask("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._write)  # The browser ends when nobody is left to ask it anything.
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command of the protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        sent = json.dumps(message).encode() + b"\0"
        while sent:
            sent = sent[os.write(self._write, sent) :]
        while True:
            answer = self._next(30)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next(self, within_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + within_s
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            assert data, f"Chromium said nothing for {within_s:g} s, or ended (code {self._process.poll()})"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\0")
        said = json.loads(line)
        self._hear(said)
        return said

    def _hear(self, said: dict[str, Any]) -> None:
        method, told = said.get("method"), said.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.trouble.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and told["type"] in {"error", "warning", "assert"}:
            self.trouble.append(" ".join(str(part.get("value")) for part in told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in {"error", "warning"}:
            self.trouble.append(told["entry"]["text"])
        elif method == "Network.loadingFailed" and not told.get("canceled"):
            self.trouble.append(f"{told['type']}: {told['errorText']} {told.get('blockedReason', '')}")
        elif method == "Network.requestWillBeSent":
            url = told["request"]["url"]
            if not url.startswith(("data:", "blob:")):
                self.requests.append(url)

    def size(self, width_px: int, height_px: int, *, dark: bool = False, phone: bool = False) -> None:
        """Give the page a size, and a light or a dark world."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, file: Path) -> None:
        """Open a file of this machine and wait until it is loaded."""
        self.ask("Page.navigate", url=file.absolute().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression is worth in the page; promises are awaited."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer.get("exceptionDetails")
        return answer["result"].get("value")

    def wait(self, expression: str, *, within_s: float = 20.0) -> None:
        """Wait until an expression holds in the page."""
        deadline = time.monotonic() + within_s
        while not self.value(expression):
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {expression}"
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press and release a key as a person does."""
        code, number = _KEYS[key]
        named = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        text = {" ": " ", "Enter": "\r"}.get(key)
        self.ask("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    def click(self, selector: str, *, at: float = 0.5) -> None:
        """Click an element with the mouse, ``at`` its width from the left."""
        x, y = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center', "
            f"behavior: 'instant'}}); const b = e.getBoundingClientRect(); return [b.left + b.width * {at}, "
            "b.top + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, into: Path, *, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        into.write_bytes(base64.b64decode(shot["data"]))
