"""The events of a streamed response, joined into the response that they spell.

The last event of an unbroken stream carries the whole response, and only it is read. Of a broken one, the items are
put together from what came: items that were done are whole, the others have the pieces that arrived.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from spantape._dialects import _json
from spantape._dialects._openai import Usage
from spantape._framing import sse


class Incomplete(msgspec.Struct, gc=False):
    """Why a response is incomplete."""

    reason: str | None = None


class Response(msgspec.Struct, gc=False):
    """A response, or the outcome of compacting one; `output` as plain values."""

    id: str | None = None
    object: str | None = None
    status: str | None = None
    model: str | None = None
    output: list[Any] | None = None
    usage: Usage | None = None
    error: Any = None
    incomplete_details: Incomplete | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None


class _Last(msgspec.Struct, gc=False):
    type: str | None = None
    response: Raw = Raw()


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    response: Response | None = None
    item: Any = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str | None = None
    error: Any = None
    code: str | None = None
    message: str | None = None


_RESPONSE = _json.Reader(Response)
_LAST = _json.Reader(_Last)
_EVENT = _json.Reader(_Event)

_TERMINAL = frozenset(("response.completed", "response.failed", "response.incomplete", "response.cancelled"))

_OPEN = (None, "queued", "in_progress")

# by event type: the item's type, and where its pieces go: a member, or (a list of parts, the part's type, its member)
_PIECES: dict[str, tuple[str, str | tuple[str, str, str]]] = {
    "response.code_interpreter_call_code.delta": ("code_interpreter_call", "code"),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "input"),
    "response.function_call_arguments.delta": ("function_call", "arguments"),
    "response.mcp_call_arguments.delta": ("mcp_call", "arguments"),
    "response.output_text.delta": ("message", ("content", "output_text", "text")),
    "response.reasoning_summary_text.delta": ("reasoning", ("summary", "summary_text", "text")),
    "response.reasoning_text.delta": ("reasoning", ("content", "reasoning_text", "text")),
    "response.refusal.delta": ("message", ("content", "refusal", "refusal")),
}


def joined(body: bytes) -> tuple[Response, bool] | None:
    """The response that the stream in `body` spells and whether it is cut short; None where it spells none."""
    texts = sse.payloads(body)
    last = _LAST.one(texts[-1]) if texts else None
    if last is not None and last.type in _TERMINAL:
        response = _RESPONSE.one(last.response)
        if response is not None and response.output:
            return response, False
    return _rebuilt(_events(body))


def _rebuilt(events: list[tuple[str, _Event]]) -> tuple[Response, bool] | None:
    whole: Response | None = None
    failure: Any = None
    items: dict[int, _Item] = {}
    for name, event in events:
        whole = event.response or whole
        if name == "error" or event.error is not None:
            failure = event.error or {"code": event.code, "message": event.message}
        elif event.output_index is not None:
            _collect(items, name, event)
    if whole is None and failure is None and not items:
        return None
    whole = whole or Response()
    if not whole.output:
        whole.output = [items[index].whole() for index in sorted(items)]
    if failure is not None:
        whole.error = whole.error or failure
        whole.status = "failed"
    return whole, whole.status in _OPEN


def _events(body: bytes) -> list[tuple[str, _Event]]:
    """The events by type, which is in the JSON and, of some servers, only in the event's name."""
    found: list[tuple[str, _Event]] = []
    for event in sse.events(body, torn=True):
        read = _EVENT.one(event.data)
        if read is not None:
            found.append((read.type or event.event, read))
    return found


def _collect(items: dict[int, _Item], name: str, event: _Event) -> None:
    index = event.output_index or 0
    item = items.get(index)
    if item is None:
        item = items[index] = _Item()
    if name == "response.output_item.added":
        item.begin(event.item)
    elif name == "response.output_item.done":
        item.finish(event.item)
    elif name in _PIECES and event.delta:
        item.add(*_PIECES[name], event)


class _Item:
    """What has come of one output item."""

    __slots__ = ("_begun", "_done", "_pieces")

    def __init__(self) -> None:
        self._begun: dict[str, Any] = {}
        self._done: dict[str, Any] | None = None
        self._pieces: dict[tuple[str | tuple[str, str, str], int], list[str]] = {}

    def begin(self, item: Any) -> None:
        if isinstance(item, dict):
            self._begun = item

    def finish(self, item: Any) -> None:
        if isinstance(item, dict):
            self._done = item

    def add(self, kind: str, place: str | tuple[str, str, str], event: _Event) -> None:
        self._begun.setdefault("type", kind)
        part = event.summary_index if event.summary_index is not None else event.content_index
        self._pieces.setdefault((place, part or 0), []).append(event.delta or "")

    def whole(self) -> dict[str, Any]:
        """The item as it was done, else as it began with the pieces that came."""
        if self._done is not None:
            return self._done
        item = dict(self._begun)
        for (place, _), pieces in sorted(self._pieces.items(), key=lambda entry: entry[0][1]):
            text = "".join(pieces)
            if isinstance(place, str):
                item[place] = text
            else:
                member, kind, leaf = place
                given = item.get(member)
                item[member] = [*(given if isinstance(given, list) else ()), {"type": kind, leaf: text}]
        return item
