# ruff: noqa: PLR0911 - a table of routes has a return for each
"""Replicate on loopback: predictions, models, files and delivery, in the vendor's words, with the vendor's failures.

Belongs here: the routes of the API and of the delivery host, a prediction's life, files and their expiry, rate limits.
Does not belong here: schemas and rules of models (``cards.py``), making media (``footage.py``), sockets (``wire.py``).
"""

import base64
import binascii
import copy
import hashlib
import json
import random
import string
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from luxvid_pipeline_tests.simulators import footage
from luxvid_pipeline_tests.simulators.cards import Card, all_cards, clip_plan, cross_field_fault, picture_fault
from luxvid_pipeline_tests.simulators.control import control
from luxvid_pipeline_tests.simulators.failures import CREDIT, bend, failure, invalid, problem, throttled
from luxvid_pipeline_tests.simulators.script import Effect, Script
from luxvid_pipeline_tests.simulators.webhooks import WebhookSender
from luxvid_pipeline_tests.simulators.wire import LoopbackServer, Part, Reply, Request, RequestLog

LATENCY_S = {"video": 60.0, "music": 8.0, "image": 6.0, "fixed": 2.0}
"""Simulated seconds from create to the end, by kind of model."""

_ENDED = frozenset({"succeeded", "failed", "canceled", "aborted"})
_HOUR_S = 3600.0
_LOW_CREDIT = {"per_minute": 6.0, "burst": 1.0}
_HIGHEST = {"per_minute": 600.0, "burst": 600.0}
_PAGE = 100
_LARGEST_FILE = 100_000_000


@dataclass
class StoredFile:
    """One upload."""

    id: str
    name: str
    content_type: str
    content: bytes
    metadata: dict[str, Any]
    created: float
    expires: float


@dataclass
class Prediction:
    """One paid job. Times are seconds since 1970, real; ``start_s`` and ``run_s`` are real seconds too."""

    id: str
    card: Card
    given: dict[str, Any]
    version: str
    created: float
    start_s: float
    run_s: float
    effects: dict[str, Effect]
    deadline: float | None = None
    status: str = "starting"
    started: float | None = None
    completed: float | None = None
    output: Any = None
    error: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    billed: dict[str, Any] = field(default_factory=dict)
    made: "Future[list[tuple[str, str, bytes]]] | None" = None
    delivered: list[str] = field(default_factory=list)
    removed: bool = False
    shown_early: bool = False
    told_early: bool = False
    webhook: str = ""
    webhook_events: tuple[str, ...] = ()
    told: set[str] = field(default_factory=set)


class ReplicateSimulator:
    """A whole Replicate: ``base_url`` for the API (append ``/v1``), ``delivery_url`` for outputs.

    Args:
        speed: Real seconds a simulated second takes; 1 is real time, 0.01 a hundred times faster.
        latency_s: Simulated seconds a prediction takes, by kind (``video``, ``music``, ``image``).
        tokens: Accepted API tokens; None for any that is not empty.
        picture_scale: Clips are made this much smaller in each direction; 1 for true sizes.
        era: ``2026`` or ``2024``: which generation of replies is spoken (files with or without name and etag).
        low_credit: Whether creates are limited to 6 a minute with a burst of 1.
        extra_input_keys: Whether unknown keys inside ``input`` are let through (unconfirmed at the vendor).
        interpolation_needs_8_s: Whether Veo fails with a last frame and fewer than 8 seconds (unconfirmed).
        cache: Folder of made media; kept if given, otherwise private and gone at the end.
        log: File for the request log, as JSON lines.
        seed: Draws ids and lengths of ``starting``; None for different ones each time.
        port: Of the API; 0 for any free one.
    """

    def __init__(
        self,
        *,
        speed: float = 0.001,
        latency_s: Mapping[str, float] | None = None,
        tokens: frozenset[str] | None = None,
        picture_scale: float = 1.0,
        era: str = "2026",
        low_credit: bool = False,
        extra_input_keys: bool = False,
        interpolation_needs_8_s: bool = True,
        cache: Path | None = None,
        log: Path | RequestLog | None = None,
        seed: int | None = None,
        port: int = 0,
    ):
        self.speed = speed
        self.latency_s = LATENCY_S | dict(latency_s or {})
        self.tokens = tokens
        self.picture_scale = picture_scale
        self.era = era
        self.extra_input_keys = extra_input_keys
        self.interpolation_needs_8_s = interpolation_needs_8_s
        self.out_of_credit = False
        self.script = Script()
        self.cards = all_cards()
        self.predictions: dict[str, Prediction] = {}
        self.files: dict[str, StoredFile] = {}
        self.counts: Counter[str] = Counter()
        self.log = log if isinstance(log, RequestLog) else RequestLog(log)
        self.webhooks = WebhookSender()
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._limit = dict(_LOW_CREDIT if low_credit else _HIGHEST)
        self._tokens_left, self._tokens_at = self._limit["burst"], time.monotonic()
        self._throttle_style: dict[str, Any] = {}
        self._delivery: dict[str, tuple[str, bytes]] = {}
        self._own_cache = None if cache else tempfile.TemporaryDirectory(prefix="luxvid-simulator-")
        self._cache = footage.MediaCache(cache or Path(self._own_cache.name))  # type: ignore[union-attr]
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="model")
        self._api = LoopbackServer("replicate", self._answer, self.log, port)
        self._delivery_server = LoopbackServer("delivery", self._deliver, self.log)

    # --- for tests ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> "ReplicateSimulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering."""
        self._api.close()
        self._delivery_server.close()
        self._workers.shutdown(cancel_futures=True)
        self.webhooks.close()
        self.log.close()
        if self._own_cache:
            self._own_cache.cleanup()

    @property
    def base_url(self) -> str:
        """What ``REPLICATE_BASE_URL`` takes: the paths add ``/v1``."""
        return self._api.base_url

    @property
    def delivery_url(self) -> str:
        """Where outputs are; another port than the API's."""
        return self._delivery_server.base_url

    @property
    def accepted(self) -> list[Prediction]:
        """Every prediction that was created, in order: what a client would have to pay for."""
        return list(self.predictions.values())

    @property
    def token_reached_delivery(self) -> bool:
        """Whether any request to the delivery host carried an ``Authorization`` header."""
        return any("authorization" in entry["headers"] for entry in self.log.entries(server="delivery"))

    def low_credit(self, per_minute: float = 6, burst: float = 1, **style: Any) -> None:
        """Limit creates as for an account below five dollars; in real time, whatever the speed.

        Args:
            per_minute: Creates that become free in a minute.
            burst: Creates that can be saved up.
            style: How the 429 speaks: ``header``, ``body`` and ``words`` of ``script.throttle``.
        """
        with self._lock:
            self._throttle_style = style
            self._limit = {"per_minute": per_minute, "burst": burst}
            self._tokens_left, self._tokens_at = burst, time.monotonic()

    def normal_credit(self) -> None:
        """Allow 600 creates a minute again."""
        self.low_credit(**_HIGHEST)

    def change_schema(
        self,
        model: str,
        *,
        remove: tuple[str, ...] | list[str] = (),
        rename: Mapping[str, str] | None = None,
        change: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Let the live schema of a model differ from the one on record: fields removed, renamed, changed or added."""
        with self._lock:
            card = self.cards[model]
            card.fields = [one for one in card.fields if one["name"] not in remove]
            for one in card.fields:
                one["name"] = (rename or {}).get(one["name"], one["name"])
            for name, facts in (change or {}).items():
                known = next((one for one in card.fields if one["name"] == name), None)
                if known is None:
                    known = {"name": name, "type": "string", "required": False}
                    card.fields.append(known)
                known.update(facts)

    def add_model(
        self, name: str, *, version: str, fields: list[dict[str, Any]], is_official: bool, output: Any
    ) -> None:
        """Add a model that always gives ``output``; ``fields`` as in ``data/models``."""
        self.cards[name] = Card(
            name=name,
            version=version,
            is_official=is_official,
            fields=fields,
            output={},
            first_field="",
            last_field="",
            fixed_output=output,
        )

    def age(self, seconds: float) -> None:
        """Let everything there is grow older by so many seconds, deadlines and expiries included."""
        with self._lock:
            for prediction in self.predictions.values():
                self._settle(prediction)
                for name in ("created", "started", "completed", "deadline"):
                    if (value := getattr(prediction, name)) is not None:
                        setattr(prediction, name, value - seconds)
            for file in self.files.values():
                file.created -= seconds
                file.expires -= seconds

    def counters(self) -> dict[str, Any]:
        """Return how often what was asked and how much of it must be paid."""
        with self._lock:
            accepted = Counter(prediction.card.name for prediction in self.predictions.values())
            return {**self.counts, "accepted": len(self.predictions), "accepted_by_model": dict(accepted)}

    # --- API ---------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        path = request.path.removeprefix("/v1")
        if path.startswith("/_control/"):
            return control(self, request)
        steps = [step for step in path.split("/") if step]
        event = _event(request.method, steps)
        model = self._model_named(request, steps)
        self.counts[event] += 1
        effects = self.script.take(event, "any", model=model, path=request.path)
        early = next((reply for effect in effects if (reply := failure(effect)) is not None), None)
        reply = early if early is not None else self._allowed(request, steps, event, model)
        reply.note |= {"event": event, "model": model}
        for effect in effects:
            if effect["effect"] == "late":
                self._later(effect["real_s"], lambda: self._allowed(request, steps, event, model))
            if effect["effect"] == "drop_after":
                reply.drop = True
            if effect["effect"] == "delay":
                reply.delay_s = effect["real_s"]
        return reply

    def _later(self, real_s: float, carry_out: Callable[[], object]) -> None:
        timer = threading.Timer(real_s, carry_out)
        timer.daemon = True
        timer.start()

    def _allowed(self, request: Request, steps: list[str], event: str, model: str) -> Reply:
        if not request.token or (self.tokens is not None and request.token not in self.tokens):
            return failure({"effect": "unauthenticated"})  # type: ignore[return-value]
        headers = {"ratelimit-remaining": "2999", "ratelimit-reset": "1"}
        if event == "create":
            wait_s, left = self._take_token()
            if wait_s > 0:
                return throttled(max(1, round(wait_s + 0.5)), **self._throttle_style)
            headers["ratelimit-remaining"] = str(int(left))
        reply = self._route(request, steps, event, model)
        reply.headers = headers | reply.headers
        return reply

    def _route(self, request: Request, steps: list[str], event: str, model: str) -> Reply:
        match request.method, steps:
            case "POST", ["predictions"] | ["models", _, _, "predictions"]:
                return self._create(request, steps, model)
            case "GET", ["predictions"]:
                return self._list(request)
            case "GET", ["predictions", id_]:
                return self._get(id_)
            case "POST", ["predictions", id_, "cancel"]:
                return self._cancel(id_)
            case "GET", ["account"]:
                return Reply(200, {"type": "user", "username": "luxvid", "name": "LuxVid", "github_url": None})
            case _ if event == "model":
                return self._model(steps)
            case _ if event in {"upload", "file"}:
                return self._files(request, steps)
            case _:
                return problem(404, "The requested resource could not be found.", "Not found")

    def _model_named(self, request: Request, steps: list[str]) -> str:
        match steps:
            case ["models", owner, name, *_]:
                return f"{owner}/{name}"
            case ["predictions"] if request.method == "POST" and isinstance(request.json, dict):
                return self._by_version(str(request.json.get("version") or "")) or ""
            case ["predictions", id_, *_] if id_ in self.predictions:
                return self.predictions[id_].card.name
            case _:
                return ""

    def _by_version(self, version: str) -> str | None:
        owner_name, _, digits = version.partition(":")
        for card in self.cards.values():
            if version == card.version or (owner_name == card.name and digits == card.version):
                return card.name
            if version == card.name and card.is_official:
                return card.name
        return None

    def _take_token(self) -> tuple[float, float]:
        """Take one create from the account's bucket; returns seconds to wait (0 if taken) and what is left."""
        with self._lock:
            now = time.monotonic()
            rate = self._limit["per_minute"] / 60
            self._tokens_left = min(self._limit["burst"], self._tokens_left + rate * (now - self._tokens_at))
            self._tokens_at = now
            if self._tokens_left < 1:
                return (1 - self._tokens_left) / rate, 0
            self._tokens_left -= 1
            return 0.0, self._tokens_left

    def _create(self, request: Request, steps: list[str], model: str) -> Reply:
        body = request.json
        if self.out_of_credit:
            return problem(402, CREDIT, "Insufficient credit")
        if not isinstance(body, dict):
            return problem(400, "Request body is not valid JSON", "Bad request")
        by_model = steps[0] == "models"
        known = {"input", "webhook", "webhook_events_filter", "stream"} | (set() if by_model else {"version"})
        faults = [
            {
                "type": "additional_property_not_allowed",
                "field": "",
                "description": f"Additional property {name} is not allowed",
            }
            for name in sorted(set(body) - known)
        ]
        needed = ["input"] if by_model else ["version", "input"]
        faults += [
            {"type": "required", "field": "", "description": f"{name} is required"}
            for name in needed
            if name not in body
        ]
        if faults:
            return invalid(faults)
        card = self.cards.get(model)
        if card is None:
            if by_model:
                return problem(404, "The requested resource could not be found.", "Not found")
            return failure({"effect": "invalid_version"})  # type: ignore[return-value]
        if by_model and not card.is_official:
            return problem(404, "The requested resource could not be found.", "Not found")
        if not isinstance(body["input"], dict):
            return invalid([{"type": "invalid_type", "field": "input", "description": "Invalid type."}])
        if faults := card.input_faults(body["input"], extra_keys=self.extra_input_keys):
            return invalid(faults)
        prediction = self._begin(card, body, request.headers.get("cancel-after", ""))
        headers: dict[str, str] = {}
        status = 201
        prefer = request.headers.get("prefer", "")
        if prefer.startswith("wait"):
            _, _, seconds = prefer.partition("=")
            wait_s = min(60.0, float(seconds or 60))
            headers["Preference-Applied"] = prefer
            self._wait(prediction, wait_s * self.speed)
        with self._lock:
            shown = self._shown(prediction, fresh=not prefer)
        if prefer and "output" not in shown and prediction.status not in _ENDED:
            status = 202
        headers["Location"] = shown["urls"]["get"]
        return Reply(status, shown, headers, note={"prediction": prediction.id, "paid": True})

    def _begin(self, card: Card, body: Mapping[str, Any], cancel_after: str) -> Prediction:
        effects = {
            effect["effect"]: effect for effect in self.script.take("prediction", model=card.name, path="/predictions")
        }
        total_s = self.latency_s[card.kind]
        with self._lock:
            start_s, run_s = self._random.uniform(0.2, 1) * total_s * 0.1, 0.9 * total_s
            if "latency" in effects:
                start_s, run_s = float(effects["latency"]["start_s"]), float(effects["latency"]["run_s"])
            prediction = Prediction(
                id="".join(self._random.choices(string.ascii_lowercase + string.digits, k=26)),
                card=card,
                given=copy.deepcopy(body["input"]),
                version="hidden" if card.is_official else card.version,
                created=time.time(),
                start_s=start_s * self.speed,
                run_s=run_s * self.speed,
                effects=effects,
                webhook=str(body.get("webhook") or ""),
                webhook_events=tuple(body.get("webhook_events_filter") or ("start", "output", "logs", "completed")),
            )
            prediction.billed["run_s"] = run_s
            prediction.billed["start_s"] = start_s
            if cancel_after:
                prediction.deadline = prediction.created + max(5.0, _seconds(cancel_after)) * self.speed
            self.predictions[prediction.id] = prediction
            prediction.made = self._workers.submit(self._make, prediction)
            if prediction.webhook:
                threading.Thread(target=self._tell, args=(prediction,), daemon=True).start()
            return prediction

    def _wait(self, prediction: Prediction, real_s: float) -> None:
        until = time.monotonic() + real_s
        while time.monotonic() < until:
            with self._lock:
                self._settle(prediction)
                if prediction.status in _ENDED:
                    return
                if "early_output" in prediction.effects and self._output_ready(prediction):
                    return
            time.sleep(min(0.01, real_s / 10))

    def _get(self, id_: str) -> Reply:
        with self._lock:
            prediction = self.predictions.get(id_)
            if prediction is None:
                return problem(404, "The requested resource could not be found.", "Not found")
            return Reply(200, self._shown(prediction), {"ratelimit-remaining": "59999"}, compress=True)

    def _list(self, request: Request) -> Reply:
        with self._lock:
            rows = list(reversed(self.predictions.values()))
            for name, keep in (("created_after", True), ("created_before", False)):
                if name in request.query:
                    try:
                        moment = datetime.fromisoformat(request.query[name].replace("Z", "+00:00")).timestamp()
                    except ValueError:
                        return problem(400, f"{name} is not a valid RFC 3339 timestamp", "Bad request")
                    rows = [row for row in rows if (row.created >= moment) == keep]
            if request.query.get("source") == "web":
                rows = []
            rows.sort(key=lambda row: row.created, reverse=True)
            start = _cursor(request.query.get("cursor", ""))
            page = [self._shown(row) for row in rows[start : start + _PAGE]]
        rest = {name: value for name, value in request.query.items() if name != "cursor"}
        more = start + _PAGE < len(rows)
        body = {
            "next": self._page_url(rest, start + _PAGE) if more else None,
            "previous": self._page_url(rest, max(0, start - _PAGE)) if start else None,
            "results": page,
        }
        return Reply(200, body, compress=True)

    def _page_url(self, query: Mapping[str, str], start: int) -> str:
        cursor = base64.urlsafe_b64encode(f"o={start}".encode()).decode()
        rest = "".join(f"&{name}={value.replace('+', '%2B')}" for name, value in query.items())
        return f"{self.base_url}/v1/predictions?cursor={cursor}{rest}"

    def _cancel(self, id_: str) -> Reply:
        with self._lock:
            prediction = self.predictions.get(id_)
            if prediction is None:
                return problem(404, "The requested resource could not be found.", "Not found")
            self._settle(prediction)
            if prediction.status not in _ENDED:
                not_started = prediction.started is None and self.era == "2026"
                self._end(prediction, "aborted" if not_started else "canceled", time.time())
                shown = self._shown(prediction) | {"output": None, "logs": None}
            else:
                shown = self._shown(prediction)
            return Reply(200, shown, compress=True)

    def _model(self, steps: list[str]) -> Reply:
        card = self.cards.get("/".join(steps[1:3]))
        if card is None or len(steps) == 1:
            return problem(404, "The requested resource could not be found.", "Not found")
        version = {
            "id": card.version,
            "created_at": "2026-09-01T10:00:00.123456Z",
            "cog_version": "0.16.9",
            "openapi_schema": card.openapi(),
        }
        if len(steps) == 3:
            owner, name = card.name.split("/")
            body = {
                "url": f"https://replicate.com/{card.name}",
                "owner": owner,
                "name": name,
                "description": f"{card.name}, simulated",
                "visibility": "public",
                "is_official": card.is_official,
                "github_url": None,
                "paper_url": None,
                "license_url": None,
                "created_at": "2026-01-15T09:00:00.123456Z",
                "run_count": 1000 + len(self.predictions),
                "cover_image_url": None,
                "default_example": None,
                "latest_version": version,
            }
            return Reply(200, body, compress=True)
        if steps[3:] == ["versions"]:
            return Reply(200, {"next": None, "previous": None, "results": [version]}, compress=True)
        if steps[3] == "versions" and steps[4:] == [card.version]:
            return Reply(200, version, compress=True)
        if steps[5:] == ["trainings"]:
            return Reply(
                404,
                {"detail": "The specified training destination does not exist", "status": 404},
                content_type="application/problem+json",
            )
        return problem(404, "The requested resource could not be found.", "Not found")

    # --- a prediction's life -----------------------------------------------------------------------------------------

    def _output_ready(self, prediction: Prediction) -> bool:
        done_at = prediction.created + prediction.start_s + prediction.run_s
        return bool(prediction.made and prediction.made.done() and time.time() >= done_at)

    def _settle(self, prediction: Prediction) -> None:
        """Bring a prediction up to the present moment."""
        if prediction.status in _ENDED:
            self._forget_old(prediction)
            return
        now, effects = time.time(), prediction.effects
        begins = prediction.created + prediction.start_s
        if "never_start" in effects:
            begins = float("inf")
        if now >= begins:
            prediction.status, prediction.started = "processing", begins
        if (
            prediction.deadline
            and now >= prediction.deadline
            and not self._over_before(prediction, prediction.deadline)
        ):
            self._end(prediction, "canceled" if begins <= prediction.deadline else "aborted", prediction.deadline)
            return
        if prediction.status != "processing" or "hold" in effects or not self._output_ready(prediction):
            return
        done_at = begins + prediction.run_s
        self._finish(prediction, max(done_at, begins))

    def _over_before(self, prediction: Prediction, moment: float) -> bool:
        stuck = {"hold", "never_start"} & prediction.effects.keys()
        return not stuck and prediction.created + prediction.start_s + prediction.run_s <= moment

    def _finish(self, prediction: Prediction, at: float) -> None:
        effects, made = prediction.effects, prediction.made
        assert made
        fault = made.exception()
        if fault is not None and not isinstance(fault, footage.BadInputError):
            raise fault
        if "fail" in effects or fault is not None:
            prediction.error = effects["fail"]["error"] if "fail" in effects else str(fault)
            self._end(prediction, "failed", at)
            return
        if "end_as" in effects:
            self._end(prediction, effects["end_as"]["status"], at)
            return
        outputs = [self._put(prediction, *one) for one in made.result()]
        if not outputs:
            prediction.output = prediction.card.fixed_output
        else:
            prediction.output = outputs[0] if len(outputs) == 1 else {"audio": outputs[0], "spectrogram": outputs[1]}
        if "output_null" in effects:
            prediction.output = None
        if "inline_output" in effects:
            _, content_type, content = made.result()[0]
            prediction.output = f"data:{content_type};base64,{base64.b64encode(content).decode()}"
        if "early_output" in effects and not prediction.told_early:
            prediction.shown_early = True
            return
        self._end(prediction, "succeeded", at)
        if "data_removed" in effects:
            self._remove_data(prediction)

    def _end(self, prediction: Prediction, status: str, at: float) -> None:
        prediction.status, prediction.completed = status, at
        if prediction.made and status in {"aborted", "canceled"}:
            prediction.made.cancel()
        if status == "aborted" or prediction.started is None:
            prediction.started = None
            prediction.metrics = {"total_time": round((at - prediction.created) / max(self.speed, 1e-9), 6)}
            return
        whole = status in {"succeeded", "failed"}
        run_s = prediction.billed["run_s"] if whole else (at - prediction.started) / max(self.speed, 1e-9)
        prediction.metrics = {"predict_time": round(run_s, 6)}
        if prediction.card.is_official or self.era != "2026":
            prediction.metrics["total_time"] = round(run_s + prediction.billed["start_s"], 6)
        if status == "succeeded":
            prediction.metrics |= prediction.billed.get("metrics", {})

    def _forget_old(self, prediction: Prediction) -> None:
        if prediction.completed is not None and time.time() - prediction.completed >= _HOUR_S:
            self._remove_data(prediction)

    def _remove_data(self, prediction: Prediction) -> None:
        prediction.removed, prediction.output = True, None
        for path in prediction.delivered:
            self._delivery.pop(path, None)

    def _put(self, prediction: Prediction, name: str, content_type: str, content: bytes) -> str:
        """Lay a file on the delivery host and return its URL."""
        prefix = "xezq" if prediction.card.is_official else "pbxt"
        folder = "".join(self._random.choices(string.ascii_letters + string.digits, k=44))
        path = f"/{prefix}/{folder}/{name}"
        self._delivery[path] = (content_type, content)
        prediction.delivered.append(path)
        return self.delivery_url + path

    def _shown(self, prediction: Prediction, *, fresh: bool = False) -> dict[str, Any]:
        """Return the prediction as the API shows it now."""
        if not fresh:
            self._settle(prediction)
        url = f"{self.base_url}/v1/predictions/{prediction.id}"
        shown: dict[str, Any] = {
            "id": prediction.id,
            "model": prediction.card.name,
            "version": prediction.version,
            "input": {} if prediction.removed else prediction.given,
            "logs": "",
            "error": prediction.error,
            "status": prediction.status,
            "created_at": _stamp(prediction.created),
            "urls": {"cancel": f"{url}/cancel", "get": url},
        }
        if self.era == "2026":
            shown["data_removed"] = prediction.removed
            shown["urls"]["web"] = f"https://replicate.com/p/{prediction.id}"
        if prediction.deadline is not None:
            shown["deadline"] = _stamp(prediction.deadline)
        if prediction.started is not None:
            shown["started_at"] = _stamp(prediction.started)
            shown["logs"] = "Running prediction...\n" if not prediction.removed else None
        ended = prediction.completed is not None
        if ended:
            shown |= {"completed_at": _stamp(prediction.completed or 0), "metrics": prediction.metrics}
        if ended or prediction.shown_early:
            shown["output"] = prediction.output
            prediction.told_early = True
        return shown

    # --- making ------------------------------------------------------------------------------------------------------

    def _make(self, prediction: Prediction) -> list[tuple[str, str, bytes]]:
        """Make the outputs of a prediction: (file name, type, bytes); in a worker thread."""
        card, full = prediction.card, prediction.card.with_defaults(prediction.given)
        if fault := cross_field_fault(card, full, interpolation_needs_8_s=self.interpolation_needs_8_s):
            raise footage.BadInputError(fault)
        odd = prediction.effects.get("odd_media", {})
        if card.kind == "fixed":
            return []
        if "bytes" in odd:
            content_type = {"video": "video/mp4", "music": "audio/wav", "image": "image/jpeg"}[card.kind]
            return [("tmpodd.mp4", content_type, str(odd["bytes"]).encode())]
        made = {"video": self._clip, "music": self._music, "image": self._image}[card.kind](card, full, odd)
        outputs, metrics = made
        prediction.billed["metrics"] = metrics if card.is_official else {}
        return outputs

    def _clip(self, card: Card, full: Mapping[str, Any], odd: Mapping[str, Any]) -> Any:
        files = [self._fetched(full[name]) if full.get(name) else None for name in (card.first_field, card.last_field)]
        if full.get("reference_images"):
            files[1] = None
        first, last = (footage.picture(data) if data is not None else None for data in files)
        for image in (first, last):
            if image is not None and (fault := picture_fault(card, image.shape[1], image.shape[0])):
                raise footage.BadInputError(fault)
        plan = clip_plan(card, full, 16 / 9 if first is None else first.shape[1] / first.shape[0])
        fps = odd.get("fps", plan.fps)
        frames = round(odd.get("seconds", plan.frames / plan.fps) * fps)
        recipe = {
            "first": _sha(files[0]),
            "last": _sha(files[1]),
            "width": max(16, round(odd.get("width", plan.width) * self.picture_scale / 2) * 2),
            "height": max(16, round(odd.get("height", plan.height) * self.picture_scale / 2) * 2),
            "fps": fps,
            "frames": frames,
            "audio": plan.audio and not odd.get("silent", False),
            "odd": {name: odd[name] for name in ("black", "swap", "frozen") if odd.get(name)},
        }

        def make() -> bytes:
            a, b = (last, first) if odd.get("swap") else (first, last)
            if odd.get("frozen"):
                b = None
            if odd.get("black"):
                a = b = footage.np.zeros((64, 64, 3), footage.np.uint8)
            about = {name: recipe[name] for name in ("width", "height", "fps", "frames", "audio")}
            return footage.clip(a, b, **about, forward=0.0 if odd.get("frozen") else footage.FORWARD)

        seconds = round(frames / fps, 3)
        metrics: dict[str, Any] = {"video_output_count": 1, "video_output_duration_seconds": seconds}
        if "generate_audio" in card.names:
            metrics["with_audio"] = plan.audio
        if resolution := full.get("resolution"):
            metrics["resolution_target"] = resolution
        if card.price.get("unit") == "per_output":
            metrics = {"video_output_count": 1}
        name = f"tmp{hashlib.sha256(repr(recipe).encode()).hexdigest()[:8]}.mp4"
        return [(name, "video/mp4", self._cache.get({"clip": recipe}, make))], metrics

    def _music(self, card: Card, full: Mapping[str, Any], odd: Mapping[str, Any]) -> Any:
        del odd
        if card.name == "meta/musicgen":
            heard = self._fetched(full["input_audio"]) if full.get("input_audio") else None
            data, _ = footage.musicgen(full, heard)
            ending = str(full["output_format"])
            return [(f"out.{ending}", f"audio/{'mpeg' if ending == 'mp3' else 'x-wav'}", data)], {}
        words = json.dumps(full, sort_keys=True)
        if card.name == "riffusion/riffusion":
            audio = footage.wav(footage.tune(words, 5.11, 44_100, 1), 44_100)
            return [
                ("gen_sound.wav", "audio/x-wav", audio),
                ("spectrogram.jpg", "image/jpeg", footage.spectrogram(words)),
            ], {}
        seconds = float(full.get("duration", full.get("music_length_ms", 30_000) / 1000))
        hertz = 48_000 if "lyria" in card.name else 44_100
        samples = footage.tune(words, seconds, hertz, 2)
        as_wav = "lyria-2" in card.name or str(full.get("output_format", "")).startswith("wav")
        data = (footage.wav if as_wav else footage.mp3)(samples, hertz)
        metrics = {"audio_output_count": 1, "audio_output_duration_seconds": seconds}
        return [("output.wav" if as_wav else "output.mp3", "audio/x-wav" if as_wav else "audio/mpeg", data)], metrics

    def _image(self, card: Card, full: Mapping[str, Any], odd: Mapping[str, Any]) -> Any:
        del card, odd
        given = [self._fetched(url) for url in full.get("image_input", [])]
        pictures = [footage.picture(data) for data in given]
        image = pictures[0] if pictures else footage.np.full((1024, 1024, 3), 128, footage.np.uint8)
        aspect = image.shape[1] / image.shape[0]
        if full["aspect_ratio"] != "match_input_image":
            wide, high = map(int, full["aspect_ratio"].split(":"))
            aspect = wide / high
        ending = str(full["output_format"])
        recipe = {"image": [_sha(data) for data in given], "aspect": aspect, "ending": ending}
        data = self._cache.get(recipe, lambda: footage.encoded(footage.extended(image, aspect), ending))
        content_type = "image/png" if ending == "png" else "image/jpeg"
        return [(f"tmp{_sha(data)[:8]}.{ending}", content_type, data)], {"image_output_count": 1}

    def _fetched(self, url: str) -> bytes:
        """Return what an input URL points at, as the vendor would fetch it."""
        if url.startswith("data:"):
            head, _, data = url.partition(",")
            try:
                return base64.b64decode(data, validate=True) if head.endswith(";base64") else data.encode()
            except binascii.Error as error:
                raise footage.BadInputError("Input validation error: invalid data URI") from error
        path = urlsplit(url).path
        if url.startswith(f"{self.base_url}/v1/files/"):
            file = self.files.get(path.removeprefix("/v1/files/"))
            if file is None or file.expires <= time.time():
                raise footage.BadInputError(f"Input validation error: failed to fetch {url}: 404 Not Found")
            return file.content
        if url.startswith(self.delivery_url) and path in self._delivery:
            return self._delivery[path][1]
        raise footage.BadInputError(f"Input validation error: failed to fetch {url}")

    # --- files -------------------------------------------------------------------------------------------------------

    def _files(self, request: Request, steps: list[str]) -> Reply:
        match request.method, steps[1:]:
            case "POST", []:
                return self._upload(request)
            case "GET", []:
                with self._lock:
                    rows = [self._file_shown(file) for file in reversed(self.files.values())]
                return Reply(200, {"next": None, "previous": None, "results": rows}, compress=True)
            case (("GET" | "DELETE"), [id_, *rest]):
                with self._lock:
                    file = self.files.get(id_)
                    if file is None or file.expires <= time.time():
                        return problem(404, "The requested file could not be found.", "Not found")
                    if request.method == "DELETE":
                        del self.files[id_]
                        return Reply(204)
                    if rest == ["download"]:
                        return Reply(200, file.content, content_type=file.content_type)
                    return Reply(200, self._file_shown(file), compress=True)
            case _:
                return problem(404, "The requested resource could not be found.", "Not found")

    def _upload(self, request: Request) -> Reply:
        parts = {part.name: part for part in request.parts}
        if "content" not in parts:
            return invalid([{"type": "required", "field": "content", "description": "content is required"}])
        content: Part = parts["content"]
        if len(content.content) > _LARGEST_FILE:
            return problem(413, "The file is too large.", "Payload too large")
        name = parts["filename"].content.decode() if "filename" in parts else content.filename
        now = time.time()
        file = StoredFile(
            id=base64.b64encode(str(uuid.UUID(int=self._random.getrandbits(128), version=4)).encode())
            .decode()
            .rstrip("="),
            name=name,
            content_type=parts["type"].content.decode() if "type" in parts else content.content_type,
            content=content.content,
            metadata=json.loads(parts["metadata"].content) if "metadata" in parts else {},
            created=now,
            expires=now + (_HOUR_S if self.era == "2026" else 24 * _HOUR_S),
        )
        with self._lock:
            self.files[file.id] = file
        return Reply(201, self._file_shown(file), note={"file": file.id})

    def _file_shown(self, file: StoredFile) -> dict[str, Any]:
        digest = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
        shown: dict[str, Any] = {
            "id": file.id,
            "content_type": file.content_type,
            "size": len(file.content),
            "checksums": {"sha256": _sha(file.content)},
            "metadata": file.metadata,
            "created_at": _stamp(file.created, 3),
            "expires_at": _stamp(file.expires, 3),
            "urls": {"get": f"{self.base_url}/v1/files/{file.id}"},
        }
        if self.era != "2026":
            shown |= {"name": file.name, "etag": digest}
            shown["checksums"]["md5"] = digest
        return shown

    # --- delivery ----------------------------------------------------------------------------------------------------

    def _deliver(self, request: Request) -> Reply:
        moved = request.path.startswith("/moved/")
        path = request.path.removeprefix("/moved")
        effects = [] if moved else self.script.take("download", "any", path=request.path)
        self.counts["download"] += not moved
        with self._lock:
            for prediction in self.predictions.values():
                self._forget_old(prediction)
            found = self._delivery.get(path)
        early = next((reply for effect in effects if (reply := failure(effect)) is not None), None)
        if early is not None:
            return early
        if found is None:
            return Reply(404, "<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", content_type="text/xml")
        content_type, content = found
        reply = Reply(
            200,
            content,
            {"Cache-Control": "public,max-age=3600", "ETag": f'"{hashlib.md5(content).hexdigest()}"'},  # noqa: S324
            content_type=content_type,
            ranges=True,
        )
        for effect in effects:
            bend(reply, effect, self.delivery_url + "/moved" + path)
        return reply

    # --- webhooks ----------------------------------------------------------------------------------------------------

    def _tell(self, prediction: Prediction) -> None:
        """Follow one prediction and post its events, each signed; the last one twice, as the vendor may."""
        while "completed" not in prediction.told:
            with self._lock:
                shown = self._shown(prediction)
            for event, due in (("start", prediction.started), ("completed", prediction.completed)):
                if due is not None and event not in prediction.told:
                    prediction.told.add(event)
                    if event in prediction.webhook_events:
                        self.webhooks.post(prediction.webhook, shown)
            time.sleep(0.005)


def _event(method: str, steps: list[str]) -> str:
    match method, steps:
        case "POST", ["predictions"] | ["models", _, _, "predictions"]:
            return "create"
        case "GET", ["predictions"]:
            return "list"
        case "GET", ["predictions", _]:
            return "get"
        case "POST", ["predictions", _, "cancel"]:
            return "cancel"
        case "POST", ["files"]:
            return "upload"
        case _, ["files", *_]:
            return "file"
        case _, ["models", *_]:
            return "model"
        case _:
            return "other"


def _stamp(moment: float, digits: int = 6) -> str:
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text[: len(text) - 6 + digits]}Z"


def _seconds(duration: str) -> float:
    """Read ``Cancel-After``: ``30s``, ``5m``, ``1h30m45s`` or bare seconds."""
    total, number = 0.0, ""
    for sign in duration.strip():
        if sign in "hms":
            total += float(number) * {"h": 3600, "m": 60, "s": 1}[sign]
            number = ""
        else:
            number += sign
    return total + (float(number) if number else 0.0)


def _cursor(text: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(text).decode().removeprefix("o="))
    except (ValueError, binascii.Error):
        return 0


def _sha(data: bytes | None) -> str:
    return hashlib.sha256(data).hexdigest() if data is not None else ""
