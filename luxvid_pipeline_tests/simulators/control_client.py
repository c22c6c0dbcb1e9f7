"""Speaking to a simulator that runs in another process.

Belongs here: starting one, and the calls of ``/_control/…``.
Does not belong here: the simulators.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from luxvid_pipeline_tests.simulators.script import Effect


class Remote:
    """Control of one simulator by its base URL."""

    def __init__(self, base_url: str):
        self.base_url = base_url.removesuffix("/v1")

    def log(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the logged requests whose fields equal ``wanted``."""
        return self._call("GET", f"log?{urlencode(wanted)}")

    def counters(self) -> dict[str, Any]:
        """Return the counters."""
        return self._call("GET", "counters")

    def on(self, event: str, effect: Effect, **more: Any) -> None:
        """Add a rule, with the arguments of ``Script.on``."""
        self._call("POST", "script", [{"event": event, "effect": effect, **more}])

    def clear_script(self) -> None:
        """Forget all rules."""
        self._call("DELETE", "script")

    def clear_log(self) -> None:
        """Forget the log in memory."""
        self._call("DELETE", "log")

    def settings(self, **values: Any) -> None:
        """Change settings: ``speed``, ``out_of_credit``, …"""
        self._call("POST", "settings", values)

    def call(self, what: str, **values: Any) -> None:
        """Make any other call: ``low_credit``, ``normal_credit``, ``schema``, ``age``."""
        self._call("POST", what, values)

    def _call(self, method: str, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base_url}/_control/{what}", data, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - loopback
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"{method} {what}: {error.code} {error.read().decode()}") from error


class SimulatorProcess:
    """The simulators in a process of their own; a context manager.

    Args:
        folder: Where ``ports.json`` and ``requests.jsonl`` go.
        options: More of the command line (``"--speed", "0.001"``).
    """

    def __init__(self, folder: Path, *options: str):
        self._ports, self.log_file = folder / "ports.json", folder / "requests.jsonl"
        self._ports.unlink(missing_ok=True)
        command = [sys.executable, "-m", "luxvid_pipeline_tests.simulators", "--port-file", str(self._ports)]
        command += ["--log", str(self.log_file), "--as-long-as", str(os.getpid()), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 30
        while not self._ports.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the simulators did not start (code {self._process.poll()})")
            time.sleep(0.02)
        self.urls: dict[str, Any] = json.loads(self._ports.read_text())
        self.replicate, self.xai, self.openai = (Remote(self.urls[name]) for name in ("replicate", "xai", "openai"))

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment needs to speak to it."""
        return {
            "REPLICATE_BASE_URL": self.urls["replicate"],
            "XAI_BASE_URL": self.urls["xai"],
            "OPENAI_BASE_URL": self.urls["openai"],
        }

    def __enter__(self) -> "SimulatorProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
