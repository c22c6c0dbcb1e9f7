# ruff: noqa: PLR0911 - a table of failures has a return for each
"""Replies that are not the ones hoped for, in Replicate's words.

Belongs here: turning an effect into a reply, problem documents, spoiled downloads.
Does not belong here: when an effect is due (``script.py``), what language models say (``language_server.py``).
"""

import random
from typing import Any

from luxvid_pipeline_tests.simulators.script import Effect
from luxvid_pipeline_tests.simulators.wire import Reply

_HTML = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center><hr></body>\r\n</html>\r\n"
CREDIT = (
    "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to purchase "
    "credit. Once you purchase credit, please wait a few minutes before trying again."
)
_PERMISSION = "The specified version does not exist (or perhaps you don't have permission to use it?)"


def failure(effect: Effect) -> Reply | None:
    """Return the reply of an effect that replaces a request's own, or None."""
    match effect["effect"]:
        case "throttle":
            return throttled(effect["retry_after"], header=effect["header"], body=effect["body"], words=effect["words"])
        case "insufficient_credit":
            return problem(402, CREDIT, "Insufficient credit")
        case "unauthenticated":
            return problem(401, "You did not pass a valid authentication token", "Unauthenticated")
        case "invalid_version":
            return problem(422, _PERMISSION, "Invalid version or not permitted")
        case "refuse_input":
            fields = effect["fields"] or [["required", "input", "prompt is required"]]
            return invalid([{"type": kind, "field": name, "description": words} for kind, name, words in fields])
        case "html":
            titles = {500: "500 Internal Server Error", 502: "502 Bad Gateway", 503: "503 Service Unavailable"}
            title = titles.get(effect["status"], f"{effect['status']} Gateway Time-out")
            return Reply(effect["status"], _HTML.format(title), content_type="text/html; charset=UTF-8")
        case "problem":
            return problem(effect["status"], effect["detail"], effect["title"])
        case "answer":
            return Reply(effect["status"], effect["body"], dict(effect["headers"]), content_type=effect["content_type"])
        case "late":
            return Reply(drop=True) if effect["drop"] else failure({"effect": "html", "status": 504})
        case "drop":
            return Reply(drop=True)
        case _:
            return None


def bend(reply: Reply, effect: Effect, elsewhere: str) -> None:
    """Spoil a download as the effect says."""
    whole = reply.payload
    match effect["effect"]:
        case "redirect":
            reply.status, reply.body, reply.headers["Location"] = effect["status"], b"", elsewhere
            reply.ranges = False
        case "short_body":
            reply.send_only = min(len(whole) - 1, effect["sent_bytes"])
        case "drip":
            reply.drip_s = effect["pause_s"]
        case "wrong_length":
            by = effect["by"]
            if by < 0:
                reply.body = whole[:by]
            else:
                reply.say_length = len(whole) + by
        case "wrong_type":
            reply.body, reply.content_type, reply.ranges = _HTML.format("Sign in"), effect["content_type"], False
        case "garbage":
            reply.body = random.Random(1).randbytes(len(whole))
        case "drop_after":
            reply.drop = True
        case "delay":
            reply.delay_s = effect["real_s"]
        case _:
            raise ValueError(f"a download cannot suffer {effect['effect']}")


def problem(status: int, detail: str, title: str = "") -> Reply:
    """Return a problem document; older ones have no title."""
    body: dict[str, Any] = {"title": title} if title else {}
    return Reply(status, body | {"detail": detail, "status": status}, content_type="application/problem+json")


def invalid(faults: list[dict[str, str]]) -> Reply:
    """Return the 422 of an input that its schema refuses."""
    detail = "".join(f"- {fault['field'] or '(root)'}: {fault['description']}\n" for fault in faults)
    body = {"detail": detail, "status": 422, "title": "Input validation failed", "invalid_fields": faults}
    return Reply(422, body, content_type="application/problem+json")


def throttled(retry_after: float, *, header: bool = True, body: bool = True, words: str = "new") -> Reply:
    whole = int(retry_after) if float(retry_after).is_integer() else retry_after
    details = {
        "new": f"Request was throttled. Your rate limit resets in ~{whole}s.",
        "old": f"Request was throttled. Expected available in {whole} second{'' if whole == 1 else 's'}.",
        "none": "Request was throttled.",
    }
    reply = problem(429, details[words])
    if body:
        reply.body["retry_after"] = whole
    if header:
        reply.headers["Retry-After"] = str(whole)
    return reply
