"""What went wrong, from an error body of any of the shapes that providers and proxies send.

Seen shapes: `{"error": {"type", "code", "message"}}`, the same wrapped in a list, `{"type": "error", "error": …}`,
`{"error": "text"}`, `{"message", "code"}`, `{"detail": …}`, and plain text.
"""

from __future__ import annotations

from typing import Any

from spantape._dialects import _json
from spantape._framing import sse

_LONGEST_TYPE = 100
_LONGEST_MESSAGE = 4000

Error = tuple[str, str]
"""(type, message): the type is a short word for grouping, the message is for people."""


def of_body(body: bytes, status: int) -> Error:
    """The error that `body` reports; the type is the status where it names none."""
    found = of_value(_json.value(body))
    if found is None and sse.is_stream(body):
        found = next(filter(None, map(of_value, map(_json.value, sse.payloads(body)))), None)
    if found is None:
        return str(status), body[:_LONGEST_MESSAGE].decode("utf-8", "replace").strip()
    return found[0] or str(status), found[1]


def of_value(value: Any) -> Error | None:
    """The error in a parsed JSON value, None where it reports none; the type may be ""."""
    if isinstance(value, list):
        return of_value(value[0]) if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    if isinstance(inner, dict):
        return of_object(inner)
    if isinstance(inner, str) and inner:
        return _short(value.get("code")), inner[:_LONGEST_MESSAGE]
    if "message" in value or "detail" in value:
        return of_object(value)
    return None


def of_object(error: Any) -> Error | None:
    """The error that the object (or the text) `error` describes; the type may be "". One of empty members is none."""
    if isinstance(error, str):
        return ("", error[:_LONGEST_MESSAGE]) if error else None
    if not isinstance(error, dict):
        return None
    kind = _short(error.get("type"))
    if kind in ("", "error"):
        kind = _short(error.get("code")) or _short(error.get("status")) or kind
    message = _message(error)
    return (kind, message) if kind or message else None


def _short(kind: Any) -> str:
    if isinstance(kind, int) and not isinstance(kind, bool):
        kind = str(kind)
    return kind if isinstance(kind, str) and len(kind) <= _LONGEST_TYPE else ""


def _message(error: dict[str, Any]) -> str:
    said = next((error[key] for key in ("message", "detail") if error.get(key)), "")
    return (said if isinstance(said, str) else _json.compact(said))[:_LONGEST_MESSAGE]
