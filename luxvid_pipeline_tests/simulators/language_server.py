"""xAI's and OpenAI's chat completions and responses on loopback, each in its own words.

Belongs here: both wire formats, what each vendor refuses (keys, models, images, schemas), usage and cost, failures.
Does not belong here: what the model says (``answers.py``), Replicate.
"""

import base64
import binascii
import json
import math
import struct
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from luxvid_pipeline_tests.simulators.answers import Ask, PictureMemory, SeenPicture, default_answer
from luxvid_pipeline_tests.simulators.control import control
from luxvid_pipeline_tests.simulators.failures import failure
from luxvid_pipeline_tests.simulators.script import Effect, Script
from luxvid_pipeline_tests.simulators.wire import LoopbackServer, Reply, Request, RequestLog

TICKS_PER_USD = 10**10

_PRICES = {
    "grok-4.20-0309-non-reasoning": (1.25, 0.20, 2.50),
    "grok-4.20-non-reasoning": (1.25, 0.20, 2.50),
    "grok-4.3": (1.25, 0.20, 2.50),
    "grok-4.5": (2.0, 0.5, 6.0),
    "grok-4.6": (2.0, 0.5, 6.0),
    "grok-4.7": (2.0, 0.5, 6.0),
    "gpt-6-luna": (0.10, 0.01, 0.50),
    "gpt-5.6-luna": (0.20, 0.02, 1.20),
    "gpt-5.4-nano": (0.20, 0.02, 1.25),
    "gpt-5.4-mini": (0.75, 0.075, 4.50),
    "gpt-5-mini": (0.25, 0.025, 2.0),
    "gpt-4o-mini": (0.15, 0.15, 0.60),
    "gpt-4.1-mini": (0.40, 0.40, 1.60),
}
"""Dollars a million tokens: in, cached, out; from the reference, sections 4 and 5."""

_RETIRED = {
    "xai": (
        "grok-4-1-fast-reasoning",
        "grok-4-1-fast-non-reasoning",
        "grok-4-fast-reasoning",
        "grok-4-fast-non-reasoning",
        "grok-4-0709",
        "grok-code-fast-1",
        "grok-3",
    ),
    "openai": ("gpt-4.1-nano", "o4-mini"),
}
_SHUTDOWN = {"gpt-4o-mini": "2027-01-14", "gpt-4.1-mini": "2027-01-14", "gpt-5.4-nano": "2027-04-01"}
_XAI_CREDIT = (
    "Your team 4f1c2a7e has either used all available credits or reached its monthly spending limit. To continue "
    "making API requests, please purchase more credits or raise your spending limit."
)
_MOST_IMAGE_BYTES = 20 * 1024 * 1024

Answerer = Callable[[Ask], Any]


class LanguageModelSimulator:
    """One vendor of language models.

    Args:
        flavour: ``xai`` or ``openai``.
        speed: Real seconds a simulated second takes.
        latency_s: Simulated seconds an answer takes.
        tokens: Accepted keys; None for any that is not empty.
        knows: Folders of pictures the model recognises; see ``PictureMemory``.
        log: File for the request log, or a log to share.
        port: 0 for any free one.
    """

    def __init__(
        self,
        flavour: str = "xai",
        *,
        speed: float = 0.001,
        latency_s: float = 5.0,
        tokens: frozenset[str] | None = None,
        knows: Sequence[Path] = (),
        log: Path | RequestLog | None = None,
        port: int = 0,
    ):
        if flavour not in _RETIRED:
            raise ValueError(f"flavour is 'xai' or 'openai', not {flavour!r}")
        self.flavour, self.speed, self.latency_s, self.tokens = flavour, speed, latency_s, tokens
        self.out_of_credit = False
        self.script = Script()
        self.counts: Counter[str] = Counter()
        self.ticks = 0
        self.asks: list[Ask] = []
        self._memory = PictureMemory(knows)
        self._answerers: list[Answerer] = []
        self.log = log if isinstance(log, RequestLog) else RequestLog(log)
        self._server = LoopbackServer(flavour, self._answer, self.log, port)

    def __enter__(self) -> "LanguageModelSimulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering."""
        self._server.close()
        self.log.close()

    @property
    def base_url(self) -> str:
        """What ``XAI_BASE_URL`` or ``OPENAI_BASE_URL`` takes; ends in ``/v1``."""
        return f"{self._server.base_url}/v1"

    @property
    def cost_usd(self) -> float:
        """What all billed answers cost together."""
        return self.ticks / TICKS_PER_USD

    def answer_with(self, answerer: Answerer) -> None:
        """Let a function answer: it gets the ``Ask`` and returns a JSON value, a text, or None to pass.

        Functions added later are asked first; where all pass, the default answer is given.
        """
        self._answerers.insert(0, answerer)

    def counters(self) -> dict[str, Any]:
        """Return how often what was asked, how many answers were billed, and for how much."""
        return {"accepted": 0, **self.counts, "cost_usd": self.cost_usd}

    # --- routes ------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        path = request.path.removeprefix("/v1")
        if path.startswith("/_control/"):
            return control(self, request)
        event = {("POST", "/chat/completions"): "chat", ("POST", "/responses"): "responses"}.get(
            (request.method, path), "model" if path.startswith("/models") else "other"
        )
        self.counts[event] += 1
        body = request.json if isinstance(request.json, dict) else {}
        model = str(body.get("model") or "")
        events = (event, "language", "any") if event in {"chat", "responses"} else (event, "any")
        effects = self.script.take(*events, model=model, path=request.path)
        early = next((reply for effect in effects if (reply := self._failure(effect, model)) is not None), None)
        reply = early if early is not None else self._allowed(request, event, path, body, effects)
        reply.note |= {"event": event, "model": model}
        for effect in effects:
            if effect["effect"] == "drop_after":
                reply.drop = True
            if effect["effect"] == "delay":
                reply.delay_s += effect["real_s"]
        return reply

    def _allowed(
        self, request: Request, event: str, path: str, body: Mapping[str, Any], effects: list[Effect]
    ) -> Reply:
        if not request.token:
            return self._error(401, "unauthenticated", "No API key was provided.", code="missing_api_key")
        if self.tokens is not None and request.token not in self.tokens:
            return self._failure({"effect": "bad_key"}, "")  # type: ignore[return-value]
        if event == "model":
            return self._models(path)
        if event not in {"chat", "responses"}:
            return self._error(404, "Not found", f"Unknown path {request.path}")
        if self.out_of_credit:
            return self._failure({"effect": "credit_exhausted"}, "")  # type: ignore[return-value]
        return self._complete(event, body, {effect["effect"]: effect for effect in effects})

    def _models(self, path: str) -> Reply:
        known = [name for name in _PRICES if name.startswith("grok") == (self.flavour == "xai")]
        rows = [
            {"id": name, "object": "model", "created": 1_780_000_000, "owned_by": self.flavour}
            | ({"shutdown_date": _SHUTDOWN[name]} if name in _SHUTDOWN else {})
            for name in known
        ]
        wanted = path.removeprefix("/models").strip("/")
        if not wanted:
            return Reply(200, {"object": "list", "data": rows})
        found = next((row for row in rows if row["id"] == wanted), None)
        return self._unknown(wanted) if found is None else Reply(200, found)

    # --- an answer ---------------------------------------------------------------------------------------------------

    def _complete(self, event: str, body: Mapping[str, Any], effects: Mapping[str, Effect]) -> Reply:
        model = str(body.get("model") or "")
        if model in _RETIRED[self.flavour]:
            return self._failure({"effect": "model_retired"}, model)  # type: ignore[return-value]
        if model not in _PRICES or model.startswith("grok") != (self.flavour == "xai"):
            return self._unknown(model)
        try:
            ask = _ask(event, body)
            self._check(ask, body)
            ask = replace(ask, known=tuple(self._memory.recognise(picture) for picture in ask.pictures))
        except _RefusedRequestError as fault:
            return self._error(400, "Client specified an invalid argument", str(fault), code=fault.code)
        self.asks.append(ask)
        said = self._said(ask, effects)
        refused = effects["refusal"]["words"] if "refusal" in effects else None
        finish = "content_filter" if "content_filter" in effects else "stop"
        if refused is not None or finish == "content_filter":
            said = ""
        if "truncated" in effects:
            said, finish = said[: int(len(said) * effects["truncated"]["keep"])], "length"
        most = body.get("max_completion_tokens") or body.get("max_tokens") or body.get("max_output_tokens")
        if most and _tokens(said) > most:
            said, finish = said[: most * 4], "length"
        usage = self._usage(ask, said or refused or "", body)
        self.counts["accepted"] += 1
        self.ticks += usage["cost_in_usd_ticks"]
        shape = self._chat if event == "chat" else self._response
        reply = shape(model, said, refused, finish, usage)
        if "no_choices" in effects:
            reply["choices" if event == "chat" else "output"] = []
        if "no_usage" in effects:
            reply.pop("usage")
        headers = {"x-request-id": str(uuid.uuid4())}
        delay_s = self.latency_s * self.speed
        return Reply(200, reply, headers, delay_s=delay_s, note={"paid": True, "ticks": usage["cost_in_usd_ticks"]})

    def _said(self, ask: Ask, effects: Mapping[str, Effect]) -> str:
        if "text" in effects:
            return effects["text"]["words"]
        if "says" in effects:
            return json.dumps(effects["says"]["value"], ensure_ascii=False)
        for answerer in self._answerers:
            value = answerer(ask)
            if value is not None:
                break
        else:
            value = default_answer(ask)
        for path, change in effects.get("amended", {}).get("changes", []):
            _put(value, path, change)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def _check(self, ask: Ask, body: Mapping[str, Any]) -> None:
        """Refuse what the vendor refuses."""
        effort = body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort")
        allowed = _efforts(ask.model)
        if effort is not None and effort not in allowed:
            raise _RefusedRequestError(
                f"Model {ask.model} does not support parameter reasoningEffort"
                + (f" {effort}; supported: {', '.join(allowed)}." if allowed else ".")
            )
        if self.flavour == "openai" and "max_tokens" in body and ask.model.startswith(("gpt-5", "gpt-6")):
            raise _RefusedRequestError(
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                "unsupported_parameter",
            )
        kinds = {"image/jpeg", "image/jpg", "image/png", "image/webp", "image/gif"}
        if self.flavour == "xai":
            kinds -= {"image/webp", "image/gif"}
        for picture in ask.pictures:
            if picture.content_type not in kinds:
                raise _RefusedRequestError(f"Unsupported image format {picture.content_type}", "invalid_image_format")
            if len(picture.data) > _MOST_IMAGE_BYTES:
                raise _RefusedRequestError("Image is larger than 20 MiB", "image_too_large")
            if not picture.width:
                raise _RefusedRequestError("The image data you provided does not represent a valid image")
        if ask.schema is not None:
            Draft202012Validator.check_schema(dict(ask.schema))
            if self.flavour == "openai":
                _check_strict(ask.schema, ask.schema_name, ())

    def _usage(self, ask: Ask, said: str, body: Mapping[str, Any]) -> dict[str, Any]:
        text = _tokens(ask.text) + (_tokens(json.dumps(ask.schema)) if ask.schema else 0)
        images = sum(self._image_tokens(picture) for picture in ask.pictures)
        effort = body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort")
        default = "low" if ask.model.startswith(("grok-4.3", "grok-4.5", "grok-4.6", "grok-4.7")) else None
        default = "medium" if ask.model.endswith("-luna") else default
        reasoning = 0 if (effort or default) in {None, "none"} else 228
        completion = _tokens(said)
        prompt_price, _, out_price = _PRICES[ask.model]
        cost = ((text + images) * prompt_price + (completion + reasoning) * out_price) / 1e6
        # xAI leaves reasoning out of completion_tokens; OpenAI counts it in.
        shown = completion + (reasoning if self.flavour == "openai" else 0)
        return {
            "prompt_tokens": text + images,
            "completion_tokens": shown,
            "total_tokens": text + images + completion + reasoning,
            "text_tokens": text,
            "image_tokens": images,
            "reasoning_tokens": reasoning,
            "cost_in_usd_ticks": round(cost * TICKS_PER_USD),
        }

    def _image_tokens(self, picture: SeenPicture) -> int:
        if self.flavour == "xai":
            tiles = math.ceil(picture.width / 448) * math.ceil(picture.height / 448)
            return 256 * (min(6, tiles) + 1)
        return math.ceil(1.2 * min(1536, math.ceil(picture.width / 32) * math.ceil(picture.height / 32)))

    # --- shapes ------------------------------------------------------------------------------------------------------

    def _chat(
        self, model: str, said: str, refused: str | None, finish: str, usage: Mapping[str, Any]
    ) -> dict[str, Any]:
        xai = self.flavour == "xai"
        message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": refused}
        if refused is not None or finish == "content_filter":
            message["content"] = "" if xai else None
        if not xai:
            message["annotations"] = []
        prompt_details: dict[str, Any] = {"cached_tokens": 0, "audio_tokens": 0}
        completion_details = {
            "reasoning_tokens": usage["reasoning_tokens"],
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
        counted: dict[str, Any] = {
            "prompt_tokens": usage["prompt_tokens"],
            "completion_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
            "prompt_tokens_details": prompt_details,
            "completion_tokens_details": completion_details,
        }
        if xai:
            prompt_details |= {"text_tokens": usage["text_tokens"], "image_tokens": usage["image_tokens"]}
            counted |= {"num_sources_used": 0, "cost_in_usd_ticks": usage["cost_in_usd_ticks"]}
        return {
            "id": str(uuid.uuid4()) if xai else f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": counted,
            "system_fingerprint": f"fp_{uuid.uuid4().hex[:10]}",
        }

    def _response(
        self, model: str, said: str, refused: str | None, finish: str, usage: Mapping[str, Any]
    ) -> dict[str, Any]:
        part: dict[str, Any] = {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
        if refused is not None:
            part = {"type": "refusal", "refusal": refused}
        incomplete = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(finish)
        status = "incomplete" if incomplete else "completed"
        counted: dict[str, Any] = {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": usage["reasoning_tokens"]},
            "total_tokens": usage["total_tokens"],
        }
        if self.flavour == "xai":
            counted |= {"num_sources_used": 0, "cost_in_usd_ticks": usage["cost_in_usd_ticks"]}
        return {
            "id": f"resp_{uuid.uuid4().hex}" if self.flavour == "openai" else str(uuid.uuid4()),
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": {"reason": incomplete} if incomplete else None,
            "instructions": None,
            "metadata": {},
            "model": model,
            "output": [
                {
                    "type": "message",
                    "id": f"msg_{uuid.uuid4().hex}",
                    "status": status,
                    "role": "assistant",
                    "content": [part],
                }
            ],
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": counted,
        }

    # --- failures ----------------------------------------------------------------------------------------------------

    def _error(self, status: int, xai_code: str, message: str, *, code: str | None = None, kind: str = "") -> Reply:
        """Return an error in the flavour's own shape: a string from xAI, an object from OpenAI."""
        if self.flavour == "xai":
            return Reply(status, {"code": xai_code, "error": message})
        kind = kind or ("invalid_request_error" if status < 429 else "server_error")
        return Reply(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})

    def _unknown(self, model: str) -> Reply:
        if self.flavour == "xai":
            words = f"The model {model} does not exist or your team does not have access to it."
            return self._error(404, "Some requested entity was not found", words)
        words = f"The model `{model}` does not exist or you do not have access to it."
        return self._error(404, "", words, code="model_not_found")

    def _failure(self, effect: Effect, model: str) -> Reply | None:
        xai = self.flavour == "xai"
        match effect["effect"]:
            case "rate_limited":
                words = "Too many requests for this model. Please retry later." if xai else "Rate limit reached."
                reply = self._error(
                    429, "Some resource has been exhausted", words, code="rate_limit_exceeded", kind="requests"
                )
                if effect["retry_after"] is not None:
                    reply.headers["Retry-After"] = str(effect["retry_after"])
                return reply
            case "credit_exhausted":
                words = _XAI_CREDIT if xai else "You exceeded your current quota, please check your plan and billing."
                return self._error(
                    429,
                    "Some resource has been exhausted",
                    words,
                    code="insufficient_quota",
                    kind="insufficient_quota",
                )
            case "bad_key":
                words = "Incorrect API key provided: xa***xx. You can find your API key on the console."
                status = 400 if xai else 401
                return self._error(status, "Client specified an invalid argument", words, code="invalid_api_key")
            case "model_retired":
                words = f"The model {model} was deprecated and is no longer available."
                return self._error(404, "Some requested entity was not found", words, code="model_not_found")
            case "error_in_200":
                return Reply(200, {"code": "The service is currently unavailable", "error": "Service is at capacity."})
            case _:
                return failure(effect)


class _RefusedRequestError(Exception):
    """The vendor answers 400."""

    def __init__(self, words: str, code: str | None = None):
        super().__init__(words)
        self.code = code


def _efforts(model: str) -> tuple[str, ...]:
    """Return the values of ``reasoning_effort`` a model takes; empty for none at all."""
    if model.startswith("grok-4.20"):
        return ()
    if model == "grok-4.3":
        return ("none", "low", "medium", "high", "xhigh")
    if model.startswith("grok"):
        return ("low", "medium", "high")
    if model.startswith("gpt-4"):
        return ()
    return ("none", "minimal", "low", "medium", "high")


def _ask(event: str, body: Mapping[str, Any]) -> Ask:
    """Read a request of either API."""
    messages = body.get("messages") if event == "chat" else body.get("input")
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if not isinstance(messages, list) or not messages:
        raise _RefusedRequestError("messages must not be empty")
    texts: list[str] = [body["instructions"]] if body.get("instructions") else []
    pictures: list[SeenPicture] = []
    for message in messages:
        content = message.get("content", "")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        label = ""
        for part in parts:
            if part.get("type") in {"text", "input_text"}:
                texts.append(part["text"])
                label = part["text"]
            elif part.get("type") in {"image_url", "input_image"}:
                url = part["image_url"]["url"] if isinstance(part["image_url"], dict) else part["image_url"]
                pictures.append(_picture(url, label))
            else:
                raise _RefusedRequestError(f"Unknown content type {part.get('type')!r}")
    wanted = body.get("response_format") if event == "chat" else (body.get("text") or {}).get("format")
    schema, name = None, ""
    if wanted and wanted.get("type") == "json_schema":
        inner = wanted["json_schema"] if event == "chat" else wanted
        if "schema" not in inner or "name" not in inner:
            raise _RefusedRequestError("response_format json_schema needs name and schema")
        schema, name = inner["schema"], inner["name"]
    return Ask(event, str(body["model"]), tuple(texts), tuple(pictures), schema, name, body)


def _picture(url: str, label: str) -> SeenPicture:
    head, _, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise _RefusedRequestError(f"Failed to fetch image {url[:100]}", "invalid_image_url")
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise _RefusedRequestError("Invalid base64 image data", "invalid_base64") from error
    width, height = _size(raw)
    return SeenPicture(label, head.removeprefix("data:").removesuffix(";base64"), raw, width, height)


def _size(data: bytes) -> tuple[int, int]:
    """Return a picture's size from its header, (0, 0) if there is none."""
    if data.startswith(b"\x89PNG"):
        return struct.unpack(">II", data[16:24])
    at = 2
    while data.startswith(b"\xff\xd8") and at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return (1, 1) if data[:4] in {b"RIFF", b"GIF8"} else (0, 0)


def _check_strict(schema: Mapping[str, Any], name: str, where: tuple[str, ...]) -> None:
    """Refuse what OpenAI's strict mode refuses: open objects, properties that are not required."""
    if schema.get("type") == "object" or "properties" in schema:
        context = f"Invalid schema for response_format '{name}': In context={where!r}"
        if schema.get("additionalProperties") is not False:
            raise _RefusedRequestError(f"{context}, 'additionalProperties' is required to be supplied and to be false.")
        missing = set(schema.get("properties", {})) - set(schema.get("required", []))
        if missing:
            raise _RefusedRequestError(
                f"{context}, 'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{min(missing)}'."
            )
    for key, inner in schema.get("properties", {}).items():
        _check_strict(inner, name, (*where, "properties", key))
    for key, inner in schema.get("$defs", {}).items():
        _check_strict(inner, name, (*where, "$defs", key))
    if isinstance(schema.get("items"), dict):
        _check_strict(schema["items"], name, (*where, "items"))
    for place, inner in enumerate(schema.get("anyOf", [])):
        _check_strict(inner, name, (*where, "anyOf", str(place)))


def _put(value: Any, path: str, change: Any) -> None:
    """Set ``scenes.0.first_photo`` in a JSON value."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        value = value[step]
    value[last] = change


def _tokens(text: str) -> int:
    return math.ceil(len(text) / 4)
