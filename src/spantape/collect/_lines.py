"""Spans in protobuf as OTLP JSON lines, one span each: nothing that a span carries is left out.

Payloads of ours are unfolded to text, as on every tape.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from spantape._spans import names
from spantape.tape.otlp import any_value
from spantape.tape.payload import plain_payloads

_PAYLOADS: Final = frozenset({names.REQUEST_BODY, names.RESPONSE_BODY})
_ABOUT_PAYLOADS: Final = _PAYLOADS | {
    names.REQUEST_ENCODING,
    names.REQUEST_SIZE,
    names.RESPONSE_ENCODING,
    names.RESPONSE_SIZE,
}

_encode = msgspec.json.Encoder().encode


class LineMaker:
    """Makes lines; heads that many spans share are decoded once."""

    def __init__(self) -> None:
        self._heads: dict[bytes, dict[str, Any]] = {}

    def line(self, head: bytes, span: bytes) -> bytes:
        """The line, with its newline, of a span and of its head (a `ResourceSpans` with one scope and no span)."""
        read = Span()
        read.ParseFromString(span)
        known = self._heads.get(head)
        if known is None:
            known = self._heads[head] = _head(head)
        group = dict(known)
        group["scopeSpans"] = [{**known["scopeSpans"][0], "spans": [_span(read)]}]
        return _encode({"resourceSpans": [group]}) + b"\n"


def _head(data: bytes) -> dict[str, Any]:
    head = ResourceSpans()
    head.ParseFromString(data)
    scope = head.scope_spans[0]
    resource = _present(
        attributes=_attributes(head.resource.attributes),
        droppedAttributesCount=head.resource.dropped_attributes_count,
    )
    scoped: dict[str, Any] = {"scope": msgspec.Raw(_encode(_scope(scope.scope)))}
    scoped |= _present(schemaUrl=scope.schema_url)
    group: dict[str, Any] = {"resource": msgspec.Raw(_encode(resource)), "scopeSpans": [scoped]}
    return group | _present(schemaUrl=head.schema_url)


def _scope(scope: InstrumentationScope) -> dict[str, Any]:
    return _present(
        name=scope.name,
        version=scope.version,
        attributes=_attributes(scope.attributes),
        droppedAttributesCount=scope.dropped_attributes_count,
    )


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
    } | _present(
        parentSpanId=span.parent_span_id.hex(),
        traceState=span.trace_state,
        flags=span.flags,
        attributes=_plain(_attributes(span.attributes)),
        events=[_event(event) for event in span.events],
        links=[_link(link) for link in span.links],
        droppedAttributesCount=span.dropped_attributes_count,
        droppedEventsCount=span.dropped_events_count,
        droppedLinksCount=span.dropped_links_count,
        status=_present(message=span.status.message, code=int(span.status.code)),
    )


def _event(event: Span.Event) -> dict[str, Any]:
    return {"timeUnixNano": str(event.time_unix_nano), "name": event.name} | _present(
        attributes=_attributes(event.attributes), droppedAttributesCount=event.dropped_attributes_count
    )


def _link(link: Span.Link) -> dict[str, Any]:
    return {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex()} | _present(
        traceState=link.trace_state,
        flags=link.flags,
        attributes=_attributes(link.attributes),
        droppedAttributesCount=link.dropped_attributes_count,
    )


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


# --- attributes --------------------------------------------------------------------------------------------------


def _attributes(pairs: Iterable[KeyValue]) -> list[dict[str, Any]]:
    return [{"key": pair.key, "value": _value(pair.value)} for pair in pairs]


def _value(value: AnyValue) -> dict[str, Any]:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return {"stringValue": value.string_value}
    if kind == "int_value":
        return {"intValue": str(value.int_value)}
    rare = _RARE.get(kind or "")
    return {} if rare is None else rare(value)


_RARE: Final[dict[str, Callable[[AnyValue], dict[str, Any]]]] = {
    "bool_value": lambda value: {"boolValue": value.bool_value},
    "double_value": lambda value: any_value(value.double_value),
    "bytes_value": lambda value: any_value(value.bytes_value),
    "array_value": lambda value: {
        "arrayValue": {"values": [_value(member) for member in value.array_value.values]}
    },
    "kvlist_value": lambda value: {"kvlistValue": {"values": _attributes(value.kvlist_value.values)}},
}


def _plain(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`pairs` with payloads in bytes unfolded and as text, as a tape keeps them."""
    if not any(pair["key"] in _PAYLOADS and "bytesValue" in pair["value"] for pair in pairs):
        return pairs
    about = {pair["key"]: _scalar(pair["value"]) for pair in pairs if pair["key"] in _ABOUT_PAYLOADS}
    plain = plain_payloads(about)
    kept = [pair for pair in pairs if pair["key"] not in _ABOUT_PAYLOADS or pair["key"] in plain]
    return [
        {"key": pair["key"], "value": any_value(plain[pair["key"]])}
        if pair["key"] in _ABOUT_PAYLOADS and plain[pair["key"]] is not about[pair["key"]]
        else pair
        for pair in kept
    ]


def _scalar(value: dict[str, Any]) -> Any:
    """The payload, encoding or size that an attribute holds; None where it is of another type."""
    if "bytesValue" in value:
        return b64decode(value["bytesValue"])
    if "intValue" in value:
        return int(value["intValue"])
    return value.get("stringValue")
