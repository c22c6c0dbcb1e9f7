"""How xAI and OpenAI are spoken to: a question becomes a request, a reply becomes an answer or a named failure.

Belongs here: chat completions as both vendors speak them, their traps, deadlines of one request, counting tokens.
Does not belong here: asking again, paying (``client.py``), what a failure means (``failures.py``).

Both vendors speak chat completions, so the ``openai`` package serves both; its own retries are off, and replies are
read as they came, because an error inside an HTTP 200 and a refusal are lost on its way to a parsed answer.
"""

import base64
import json
import math
import re
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

import openai

from luxvid_pipeline.media.thumbnails import Thumbnail
from luxvid_pipeline.providers.trust import trusted_certificates
from luxvid_pipeline.providers.vision.failures import (
    CUT_OFF,
    NO_JSON,
    NOT_HEARD,
    NOT_REACHED,
    REFUSED,
    STRANGE,
    Failure,
    failure_of,
    without_secrets,
)
from luxvid_pipeline.providers.vision.questions import Question

BASE_URLS: Mapping[str, str] = {"xai": "https://api.x.ai/v1", "openai": "https://api.openai.com/v1"}
"""Where each vendor answers, unless told otherwise."""

_MOST_BYTES = 8 * 1024 * 1024
_CONNECT_S = 10.0
# Beyond the deadline, for whoever keeps to it to say what was wrong.
_GRACE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of sending once.

    Attributes:
        value: The answer; None if there is a failure.
        failure: Its row in the table of failures.
        words: The vendor's words about it, with nothing secret in them.
        prediction_id: The vendor's id of the answer.
        usage: What was reported of tokens and cost.
        retry_after_s: How long the vendor asks to wait.
    """

    value: Mapping[str, Any] | None = None
    failure: Failure | None = None
    words: str = ""
    prediction_id: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict[str, Any])
    retry_after_s: float = 0.0


class ChatWire:
    """One model at one address.

    Args:
        model: The vendor's name of it.
        api_key: Sent as the bearer token and nowhere else.
        base_url: Where the vendor answers.
    """

    def __init__(self, model: str, *, api_key: str, base_url: str) -> None:
        self._model = model
        self._key = api_key
        # Redirects are not followed: whoever answers elsewhere must not be handed the key. Each request has its own
        # connection: one that was kept and has gone stale looks like an answer lost on its way, which counts as paid.
        self._openai = openai.OpenAI(
            api_key=api_key or "none",
            base_url=base_url,
            max_retries=0,
            default_headers={"Connection": "close"},
            http_client=openai.DefaultHttpxClient(follow_redirects=False, verify=trusted_certificates()),
        )

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def send(self, question: Question, *, by: float) -> Reply:
        """Send a question once and read the reply whole.

        Args:
            question: What to ask.
            by: Until when on ``time.monotonic`` to wait for the end of the reply.
        """
        left_s = max(0.1, by - time.monotonic())
        heard: Future[Reply] = Future()

        def listen() -> None:
            try:
                heard.set_result(self._send(question, by, left_s))
            except BaseException as error:
                heard.set_exception(error)

        # Time limits of the package hold for each read: headers, or the body of an error, that drip in never end.
        threading.Thread(target=listen, name="asking", daemon=True).start()
        try:
            return heard.result(left_s + _GRACE_S)
        except TimeoutError:
            return Reply(failure=NOT_HEARD, words=f"its answer was not complete after {left_s:.0f} s")

    def _send(self, question: Question, by: float, left_s: float) -> Reply:
        effort = effort_of(self._model)
        extra: dict[str, Any] = {} if effort is None else {"reasoning_effort": effort}
        create = cast("Any", self._openai.chat.completions.with_streaming_response.create)
        try:
            with create(
                model=self._model,
                messages=_messages(question),
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": question.name, "strict": True, "schema": question.schema},
                },
                max_completion_tokens=question.most_tokens + room_to_think(self._model),
                timeout=openai.Timeout(left_s, connect=min(_CONNECT_S, left_s)),
                **extra,
            ) as response:
                body = bytearray()
                for piece in response.iter_bytes():
                    body += piece
                    if time.monotonic() > by or len(body) > _MOST_BYTES:
                        return Reply(failure=NOT_HEARD, words=f"its answer was not complete after {left_s:.0f} s")
                return self._read(response.status_code, bytes(body))
        except openai.APIStatusError as error:
            text = error.response.text
            failure = failure_of(error.status_code, text)
            retry_after_s = _retry_after_s(error.response.headers, text) if failure.again else 0.0
            return Reply(
                failure=failure,
                words=self._words(f"HTTP {error.status_code}: {_told(text)}"),
                retry_after_s=retry_after_s,
            )
        except openai.APIConnectionError as error:
            cause = type(error.__cause__).__name__
            failure = NOT_REACHED if cause in ("ConnectError", "ConnectTimeout", "PoolTimeout") else NOT_HEARD
            late = "Timeout" in cause
            return Reply(failure=failure, words=f"no reply within {left_s:.0f} s" if late else f"{cause}")
        except Exception as error:
            # httpx2 raises its own while a body is read, and the openai package hands it through.
            if not type(error).__module__.startswith(("httpx", "httpcore")):
                raise
            return Reply(failure=NOT_HEARD, words=f"the connection was lost ({type(error).__name__})")

    def _read(self, status: int, body: bytes) -> Reply:
        """Read a reply of HTTP 200, which may hold an answer, a refusal or an error."""
        fields = _object(body)
        if fields is None:
            return Reply(failure=STRANGE, words=self._words(f"no JSON: {body[:100_000].decode(errors='replace')}"))
        usage = _mapping(fields.get("usage"))
        choices = fields.get("choices")
        if fields.get("error") or not isinstance(choices, list) or not choices:
            told = _told(json.dumps(fields)) if fields.get("error") else "a reply without an answer"
            return Reply(failure=failure_of(status, told), words=self._words(told), usage=usage)
        value, failure, words = _answer(_mapping(cast("list[Any]", choices)[0]))
        return Reply(
            value=value,
            failure=failure,
            words=self._words(words),
            prediction_id=str(fields.get("id") or ""),
            usage=usage,
        )

    def _words(self, text: str) -> str:
        return without_secrets(text, [self._key])


def effort_of(model: str) -> str | None:
    """Return what to send as ``reasoning_effort``: as little as the model allows; None where it takes none.

    Source: docs.x.ai/developers/models (grok-4.20 rejects the field, 4.3 takes ``none``, 4.5 and later begin at
    ``low``); developers.openai.com/api/docs/models (GPT-5.1 and later take ``none``, the luna models reason without
    it). Read 21 Nov 2026.
    """
    if re.match(r"grok-4\.3\b|gpt-5\.\d|gpt-[6-9]", model):
        return "none"
    return "low" if re.match(r"grok-4\.[5-9]", model) else None


def room_to_think(model: str) -> int:
    """Return tokens to allow beyond the answer itself, for models that cannot be told not to reason.

    Whether a vendor counts them against the most tokens allowed is not documented; if it does, an answer without this
    room would be cut off.
    """
    return 0 if effort_of(model) in (None, "none") else 4000


def picture_tokens(vendor: str, model: str, picture: Thumbnail) -> tuple[int, int]:
    """Return fewest and most tokens a picture is counted as.

    Source: xAI says 256 to 1792 each. OpenAI's patches of 32 pixels, at most 1536, count 1.0 to 2.46 times by model
    (github.com/openai/openai-python#2851); gpt-4o-mini counts 2833 and 5667 a tile of 512.
    """
    width, height = picture.width_px, picture.height_px
    if vendor == "xai":
        return 256, 1792
    if model.startswith("gpt-4o"):
        tiles = math.ceil(width / 512) * math.ceil(height / 512)
        return 2833, 2833 + 5667 * tiles
    patches = min(1536, math.ceil(width / 32) * math.ceil(height / 32))
    return patches, math.ceil(2.46 * patches)


def _answer(choice: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, Failure | None, str]:
    """Return the object a model wrote, or the failure and its words."""
    message, finish = _mapping(choice.get("message")), choice.get("finish_reason")
    if message.get("refusal") or finish == "content_filter":
        return None, REFUSED, str(message.get("refusal") or "stopped by the vendor's content filter")
    if finish == "length":
        return None, CUT_OFF, "it reached the most tokens allowed"
    content = message.get("content")
    value = _object(content) if isinstance(content, str) else None
    if value is None:
        return None, NO_JSON, "what it wrote is not the JSON asked for"
    # Half a character, as of an emoji that was cut, could be kept nowhere.
    return _object(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")), None, ""


def _object(text: str | bytes) -> Mapping[str, Any] | None:
    """Return the JSON object a text holds, or None."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None


def _messages(question: Question) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in question.parts:
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        else:
            url = f"data:image/jpeg;base64,{base64.b64encode(part.jpeg).decode()}"
            content.append({"type": "image_url", "image_url": {"url": url, "detail": question.detail}})
    return [{"role": "system", "content": question.instructions}, {"role": "user", "content": content}]


def tokens_of(usage: Mapping[str, Any]) -> dict[str, int]:
    """Return the token counts a vendor reported, each under one name; 0 for what it did not report."""
    prompt, completion = _mapping(usage.get("prompt_tokens_details")), _mapping(usage.get("completion_tokens_details"))
    told = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": prompt.get("cached_tokens"),
        "image_tokens": prompt.get("image_tokens"),
        "reasoning_tokens": completion.get("reasoning_tokens"),
    }
    return {name: max(0, count) if isinstance(count, int) else 0 for name, count in told.items()}


def _told(body: str) -> str:
    """Return the vendor's own words in an error's body: xAI's ``error`` is a string, OpenAI's an object."""
    try:
        fields = _mapping(json.loads(body))
    except ValueError:
        return re.sub(r"<[^>]*>", " ", body).strip() or "no words"
    error = fields.get("error")
    inner = _mapping(error)
    parts = [
        fields.get("code"),
        inner.get("code"),
        inner.get("type"),
        inner.get("message") if inner else error,
        fields.get("message"),
        fields.get("detail"),
    ]
    return ": ".join(dict.fromkeys(str(part) for part in parts if part)) or body


def _retry_after_s(headers: Mapping[str, str], body: str) -> float:
    """Return the seconds a vendor asks to wait for, in a header or in its words; 0 if it does not say."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name) or "") * scale)
        except ValueError:
            continue
    found = re.search(r"(?:in|after) ~?(\d+(?:\.\d+)?) ?(ms|s\b|sec)", body)
    return 0.0 if found is None else float(found[1]) * (0.001 if found[2] == "ms" else 1.0)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
