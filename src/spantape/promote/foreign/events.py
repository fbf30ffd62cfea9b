"""Events of other instrumentations: log records in OTLP JSON, events on spans, and lists of them in an attribute.

The conventions up to 1.36 wrote a message an event (`gen_ai.user.message`, `gen_ai.choice`); since 1.37 there is one event
with all of it (`gen_ai.client.inference.operation.details`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from spantape._dialects import Message, _chat_message
from spantape._dialects._finish import reason
from spantape.errors import TapeDamaged
from spantape.promote.foreign._values import UNREADABLE, objects, parsed, plain
from spantape.tape.model import Span, Value

DETAILS: Final = "gen_ai.client.inference.operation.details"
CHOICE: Final = "gen_ai.choice"
_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_OLDEST: Final = {"gen_ai.content.prompt": "gen_ai.prompt", "gen_ai.content.completion": "gen_ai.completion"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, and the span that it belongs to. `body` is a plain value."""

    trace_id: str
    span_id: str
    name: str
    time_ns: int
    attributes: Mapping[str, Any]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Told:
    """What events tell of a call: None for what they do not."""

    inputs: list[Message] | None = None
    outputs: list[Message] | None = None
    hollow: bool = False


class _LogRecord(msgspec.Struct):
    timeUnixNano: int | str | None = None  # noqa: N815 - the wire's names, here and below
    observedTimeUnixNano: int | str | None = None  # noqa: N815
    eventName: str | None = None  # noqa: N815
    body: Any = None
    attributes: list[Any] | None = None
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815


class _ScopeLogs(msgspec.Struct):
    logRecords: list[_LogRecord] | None = None  # noqa: N815


class _ResourceLogs(msgspec.Struct):
    scopeLogs: list[_ScopeLogs] | None = None  # noqa: N815


class _LogsData(msgspec.Struct):
    resourceLogs: list[_ResourceLogs] | None = None  # noqa: N815


_LOGS: Final = msgspec.json.Decoder(_LogsData)


def read_events(line: bytes) -> list[Event]:
    """The events of one OTLP JSON LogsData document; records that belong to no span or have no name are left out.

    Raises:
        TapeDamaged: it is no such document.

    See: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
    """
    try:
        document = _LOGS.decode(line)
        return [event for record in _records(document) if (event := _event(record)) is not None]
    except (msgspec.MsgspecError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TapeDamaged(f"got a line that is no OTLP LogsData document ({error})") from error


def _records(document: _LogsData) -> Iterable[_LogRecord]:
    for resource in document.resourceLogs or ():
        for scope in resource.scopeLogs or ():
            yield from scope.logRecords or ()


def _event(record: _LogRecord) -> Event | None:
    attributes = {pair["key"]: _value(pair.get("value")) for pair in record.attributes or ()}
    name = record.eventName or attributes.get("event.name")
    if not record.spanId or not isinstance(name, str):
        return None
    time_ns = int(record.timeUnixNano or record.observedTimeUnixNano or 0)
    trace_id = (record.traceId or "").lower()
    return Event(trace_id, record.spanId.lower(), name, time_ns, attributes, _value(record.body))


def _value(value: Any) -> Any:
    """An AnyValue as a plain value."""
    if not isinstance(value, dict):
        return None
    for kind, inner in value.items():
        if inner is None:
            continue
        if kind == "arrayValue":
            return [_value(item) for item in inner.get("values") or ()]
        if kind == "kvlistValue":
            return {pair["key"]: _value(pair.get("value")) for pair in inner.get("values") or ()}
        return int(inner) if kind == "intValue" else float(inner) if kind == "doubleValue" else inner
    return None


# --- what they say ---------------------------------------------------------------------------------------------------


def of_span(span: Span, events: Iterable[Event]) -> list[Event]:
    """The events of a span in order of time: those given that belong to it, and those on the span itself."""
    own = [
        Event(span.trace_id, span.span_id, str(each.get("name")), _time(each), _attributes(each))
        for each in span.events
    ]
    listed = [each for each in events if each.span_id == span.span_id and each.trace_id == span.trace_id]
    return sorted([*listed, *own], key=lambda event: event.time_ns)


def _time(event: Mapping[str, Value]) -> int:
    time_ns = event.get("time_ns")
    return time_ns if isinstance(time_ns, int) else 0


def _attributes(event: Mapping[str, Value]) -> Mapping[str, Any]:
    attributes = event.get("attributes")
    return attributes if isinstance(attributes, Mapping) else {}


def details(events: Iterable[Event]) -> Mapping[str, Any]:
    """The attributes of the one event that holds all, {} where there is none."""
    return next((event.attributes for event in events if event.name == DETAILS), {})


def told_by(events: Sequence[Event]) -> Told:
    """What the events that hold a message each tell of a call."""
    bodies = [(event.name, _body(event)) for event in events]
    oldest = _of_oldest(events)
    return told_by_list([{**body, "event.name": name} for name, body in bodies if body is not None], oldest)


def told_by_list(listed: Any, otherwise: Told | None = None) -> Told:
    """As `told_by`, of events as objects with an `event.name`: what pydantic-ai and logfire put in an attribute."""
    inputs: list[Message] = []
    outputs: list[Message] = []
    hollow = False
    for item in objects(listed):
        name = item.get("event.name")
        if name == CHOICE:
            outputs.append(_choice(item))
        elif name in _ROLES:
            inputs.append(_asked(item, _ROLES[name]))
            hollow = hollow or not inputs[-1]["parts"] or _without_content(item)
    if not inputs and not outputs:
        return otherwise or Told()
    return Told(inputs or None, outputs or None, hollow)


def _without_content(item: Mapping[str, Any]) -> bool:
    return item.get("content") is None and not item.get("tool_calls")


def _body(event: Event) -> dict[str, Any] | None:
    if event.name != CHOICE and event.name not in _ROLES:
        return None
    if isinstance(event.body, dict):
        return event.body
    packed = event.attributes.get("gen_ai.event.content")  # what Azure's clients write on span events
    found = parsed(packed) if packed is not None else plain(event.attributes)
    return found if isinstance(found, dict) else {}


def _asked(item: dict[str, Any], role: str) -> Message:
    named = item.get("role")
    said = named if isinstance(named, str) and named else role
    return _chat_message.read(
        {**item, "role": said, "tool_call_id": item.get("id", item.get("tool_call_id"))}, role
    )


def _choice(item: dict[str, Any]) -> Message:
    inner = item.get("message")
    message = _chat_message.read(inner if isinstance(inner, dict) else item, "assistant")
    finish = item.get("finish_reason")
    if isinstance(finish, str) and finish:
        message["finish_reason"] = reason(finish)
    return message


def _of_oldest(events: Iterable[Event]) -> Told:
    """What the two events of the first conventions hold: a JSON list of messages each."""
    found: dict[str, list[Message]] = {}
    for event in events:
        key = _OLDEST.get(event.name)
        value = parsed(event.attributes.get(key)) if key is not None else UNREADABLE
        if key is not None and isinstance(value, list):
            found[key] = [_chat_message.read(item, "user") for item in objects(value)]
    return Told(found.get("gen_ai.prompt"), found.get("gen_ai.completion"))
