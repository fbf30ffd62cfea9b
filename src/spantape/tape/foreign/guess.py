"""Where a call went, told by what its bodies say: for recordings that kept no URL. Each guess is named as one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from spantape._framing.sse import events
from spantape.tape.fingerprint import parse_json

SSE: Final = "text/event-stream"
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

_ANTHROPIC: Final = "https://api.anthropic.com/v1/messages"
_OPENAI: Final = "https://api.openai.com/v1/"
_GEMINI: Final = "https://generativelanguage.googleapis.com/v1beta/models/"
_UNKNOWN: Final = "https://unknown.invalid/"  # From: RFC 2606: a name that no host can have

_OBJECTS: Final[Mapping[str, str]] = {
    "chat.completion": "chat/completions",
    "chat.completion.chunk": "chat/completions",
    "text_completion": "completions",
    "response": "responses",
}


class Guess(NamedTuple):
    """The URL that a call is taken to have gone to, and the wire API that said so ("" where nothing did)."""

    url: str
    api: str


def guess(request: bytes, response: bytes) -> Guess:
    """Where a call with these bodies went; a request with `messages` is Anthropic's unless it looks otherwise."""
    asked, answered = _value(request), _first_value(response)
    kind, made = answered.get("type"), answered.get("object")
    if isinstance(made, str) and made in _OBJECTS:
        return Guess(_OPENAI + _OBJECTS[made], f"openai.{made}")
    if kind in ("message", "message_start") or (kind == "error" and "messages" in asked):
        return Guess(_ANTHROPIC, "anthropic.messages")
    if isinstance(kind, str) and kind.startswith("response."):
        return Guess(f"{_OPENAI}responses", "openai.response")
    if made == "list" and "input" in asked:
        return Guess(f"{_OPENAI}embeddings", "openai.embeddings")
    if "candidates" in answered or "contents" in asked:
        return _gemini(str(asked.get("model") or answered.get("modelVersion") or "unknown"), response)
    return _of_request(asked)


def _of_request(asked: Mapping[str, Any]) -> Guess:
    if "messages" in asked:
        return Guess(_ANTHROPIC, "anthropic.messages")
    if "input" in asked:
        return Guess(f"{_OPENAI}responses", "openai.response")
    if "prompt" in asked:
        return Guess(f"{_OPENAI}completions", "openai.text_completion")
    return Guess(_UNKNOWN, "")


def _gemini(model: str, response: bytes) -> Guess:
    stream = is_stream(response)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return Guess(f"{_GEMINI}{quote(model.removeprefix('models/'))}:{method}", "gemini")


def is_stream(body: bytes) -> bool:
    """Whether a body is server-sent events."""
    return body.startswith((b"data:", b"event:", b": ", b":\n", b"id:", b"retry:"))


def content_type(body: bytes) -> str:
    """The content type that a body must have had, as far as its bytes say."""
    if is_stream(body):
        return SSE
    head, _, rest = body.lstrip().partition(b"\n")
    if rest.strip() and head[:1] == b"{" and _value(head):
        return NDJSON
    return JSON if body.lstrip()[:1] in (b"{", b"[") or not body else "application/octet-stream"


def _first_value(body: bytes) -> Mapping[str, Any]:
    if not is_stream(body):
        return _value(body)
    first = next(iter(events(body[: 1 << 20])), None)
    return {} if first is None else _value(first.data)


def _value(body: bytes) -> Mapping[str, Any]:
    try:
        value = parse_json(body.decode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def error_of(body: bytes) -> str | None:
    """The type of the error that a body reports, None where it reports none."""
    value = _value(body)
    error = value.get("error")
    if not isinstance(error, dict) or "choices" in value:
        return None
    return str(error.get("type") or error.get("status") or json.dumps(error)[:40])
