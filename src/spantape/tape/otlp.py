"""Spans as OTLP JSON lines: one TracesData document per span, as the OTLP File Exporter writes them.

Ids are hex, 64-bit integers are decimal strings, bytes are base64, NaN and the infinities are strings; what OTLP
cannot hold is said differently rather than lost: an integer past 64 bits becomes its decimal text, a lone surrogate
becomes U+FFFD.

See: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from spantape.tape.model import Span
from spantape.tape.payload import plain_payloads

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_HAS_IS_REMOTE: Final = 0x100  # From: SpanFlags in opentelemetry/proto/trace/v1/trace.proto
_IS_REMOTE: Final = 0x200
_INT64: Final = 1 << 63
_KEPT_HEADS: Final = 64

_json = msgspec.json.Encoder()


class LineWriter:
    """Spans in, lines out; what many spans share (resource and scope) is encoded once.

    Safe to use from many threads.
    """

    def __init__(self) -> None:
        self._heads: dict[tuple[int, int], tuple[object, object, msgspec.Raw, msgspec.Raw]] = {}

    def line(self, span: ReadableSpan) -> bytes:
        """The line of a finished span, with its newline."""
        resource, scope = self._head(span.resource, span.instrumentation_scope)
        return _line(resource, scope, _readable(span))

    def _head(self, resource: Any, scope: Any) -> tuple[msgspec.Raw, msgspec.Raw]:
        key = (id(resource), id(scope))
        kept = self._heads.get(key)
        if kept is None or kept[0] is not resource or kept[1] is not scope:
            if len(self._heads) >= _KEPT_HEADS:
                self._heads.clear()
            raw = (msgspec.Raw(_encode(_resource(resource.attributes))), msgspec.Raw(_encode(_scope(scope))))
            kept = self._heads[key] = (resource, scope, *raw)
        return kept[2], kept[3]


def span_line(span: Span) -> bytes:
    """The line of a recorded span, with its newline."""
    return _line(_resource(span.resource), {"name": span.scope} if span.scope else {}, _recorded(span))


def resource_line(attributes: Mapping[str, Any]) -> bytes:
    """A line that holds resource attributes and no span, with its newline."""
    return _encode({"resourceSpans": [{"resource": _resource(attributes), "scopeSpans": []}]}) + b"\n"


def _line(resource: Any, scope: Any, span: dict[str, Any]) -> bytes:
    scopes = [{"scope": scope, "spans": [span]}]
    return _encode({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}) + b"\n"


def _encode(value: Any) -> bytes:
    try:
        return _json.encode(value)
    except UnicodeEncodeError:
        return _json.encode(_without_surrogates(value))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(member) for member in value]
    return value


# --- attributes --------------------------------------------------------------------------------------------------


def any_value(value: Any) -> dict[str, Any]:
    """`value` as OTLP's AnyValue."""
    kind = type(value)
    if kind is str:
        return {"stringValue": value}
    if kind is int:
        return {"intValue": str(value)} if -_INT64 <= value < _INT64 else {"stringValue": str(value)}
    if kind is bool:
        return {"boolValue": value}
    if kind is float:
        return {"doubleValue": _double(value)}
    return _composite(value)


def _composite(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytesValue": b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": attribute_list(value)}}
    for plain in (str, bool, int, float):
        if isinstance(value, plain):
            return any_value(plain(value))
    if isinstance(value, Sequence):
        return {"arrayValue": {"values": [any_value(member) for member in value]}}
    return {"stringValue": str(value)}


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def attribute_list(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`attributes` as OTLP's list of KeyValue, in their order."""
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def _resource(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"attributes": attribute_list(attributes)}


def _scope(scope: Any) -> dict[str, Any]:
    if scope is None:
        return {}
    written: dict[str, Any] = {"name": scope.name}
    if scope.version:
        written["version"] = scope.version
    if scope.attributes:
        written["attributes"] = attribute_list(scope.attributes)
    return written


# --- spans -------------------------------------------------------------------------------------------------------


def _readable(span: ReadableSpan) -> dict[str, Any]:
    context, parent = span.context, span.parent
    written: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "flags": _flags(parent),
        "name": span.name,
        "kind": span.kind.value + 1,  # the SDK counts from 0, OTLP keeps 0 for "unspecified"
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": attribute_list(plain_payloads(_copied(span.attributes))),
    }
    if parent is not None:
        written["parentSpanId"] = f"{parent.span_id:016x}"
    if context.trace_state:
        written["traceState"] = context.trace_state.to_header()
    if span.events:
        written["events"] = [
            _event(event.name, event.timestamp, event.attributes or {}) for event in span.events
        ]
    if span.links:
        written["links"] = [_sdk_link(link) for link in span.links]
    _put(written, "droppedAttributesCount", span.dropped_attributes)
    _put(written, "droppedEventsCount", span.dropped_events)
    _put(written, "droppedLinksCount", span.dropped_links)
    _put(written, "status", _status(span.status.status_code.value, span.status.description or ""))
    return written


def _copied(attributes: Any) -> Mapping[str, Any]:
    # SDK attributes are a mapping proxy over a locked dict; a copy is an order faster to walk
    copied: Mapping[str, Any] = attributes.copy() if attributes else {}
    return copied


def _recorded(span: Span) -> dict[str, Any]:
    written: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": attribute_list(plain_payloads(span.attributes)),
    }
    _put(written, "parentSpanId", span.parent_id)
    _put(written, "events", [_recorded_event(event) for event in span.events])
    _put(written, "links", [_recorded_link(link) for link in span.links])
    _put(written, "droppedAttributesCount", span.dropped_attributes)
    _put(written, "status", _status(span.status_code, span.status_message))
    return written


def _put(written: dict[str, Any], key: str, value: Any) -> None:
    if value:
        written[key] = value


def _flags(parent: Any) -> int:
    return _HAS_IS_REMOTE | (_IS_REMOTE if parent is not None and parent.is_remote else 0)


def _status(code: int, message: str) -> dict[str, Any]:
    status: dict[str, Any] = {}
    _put(status, "message", message)
    _put(status, "code", code)
    return status


def _event(name: str, time_ns: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeUnixNano": str(time_ns), "name": name, "attributes": attribute_list(attributes)}


def _recorded_event(event: Mapping[str, Any]) -> dict[str, Any]:
    return _event(event.get("name", ""), event.get("time_ns", 0), event.get("attributes", {}))


def _sdk_link(link: Any) -> dict[str, Any]:
    context = link.context
    written: dict[str, Any] = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
    if context.trace_state:
        written["traceState"] = context.trace_state.to_header()
    written["attributes"] = attribute_list(link.attributes or {})
    return written


def _recorded_link(link: Mapping[str, Any]) -> dict[str, Any]:
    written: dict[str, Any] = {"traceId": link.get("trace_id", ""), "spanId": link.get("span_id", "")}
    _put(written, "traceState", link.get("trace_state", ""))
    written["attributes"] = attribute_list(link.get("attributes", {}))
    return written


def span_lines(spans: Iterable[Span]) -> Iterable[bytes]:
    """The lines of recorded spans, in the order given."""
    return map(span_line, spans)
