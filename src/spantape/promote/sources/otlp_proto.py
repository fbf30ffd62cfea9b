"""OTLP protobuf: an ExportTraceServiceRequest or TracesData as its spans.

See: <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto>
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spantape._spans import names
from spantape.errors import TapeDamaged
from spantape.promote.sources._base import PROTO, Found, SourceDamaged, identified
from spantape.tape.model import Span, Value


def read_proto(data: bytes) -> Iterator[Found]:
    """The spans of a message, in its order.

    Raises:
        SourceDamaged: it is no such message.
    """
    try:
        message = TracesData.FromString(data)
    except DecodeError as error:
        raise SourceDamaged(f"got {len(data)} bytes that are no OTLP trace message ({error})") from error
    for group in message.resource_spans:
        for scope in group.scope_spans:
            single = TracesData()
            holder = single.resource_spans.add()
            holder.resource.CopyFrom(group.resource)
            inner = holder.scope_spans.add()
            inner.scope.CopyFrom(scope.scope)
            for span in scope.spans:
                del inner.spans[:]
                inner.spans.add().CopyFrom(span)
                yield _found(span, single.SerializeToString())


def _found(span: Any, data: bytes) -> Found:
    trace = identified(_id(span.trace_id, 16, "trace_id"))
    links = () if span.parent_span_id else tuple(_id(link.trace_id, 16, "trace_id") for link in span.links)
    run = next((pair.value.string_value for pair in span.attributes if pair.key == names.RUN_ID), "")
    return Found(trace, run, links, PROTO, data)


def _id(raw: bytes, size: int, field: str) -> str:
    if raw and len(raw) != size:
        raise SourceDamaged(f"got a {field} of {len(raw)} bytes, expected {size}")
    return raw.hex() if any(raw) else ""


def span_of(data: bytes) -> Span:
    """The one span of a message that `read_proto` gave.

    Raises:
        TapeDamaged: it is nested too deep, or text of ours is not UTF-8.
    """
    group = TracesData.FromString(data).resource_spans[0]
    scope = group.scope_spans[0]
    span = scope.spans[0]
    return Span(
        trace_id=_id(span.trace_id, 16, "trace_id"),
        span_id=_id(span.span_id, 8, "span_id"),
        parent_id=_id(span.parent_span_id, 8, "parent_span_id"),
        name=span.name,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_texts(_attributes(span.attributes)),
        kind=span.kind,
        status_code=span.status.code,
        status_message=span.status.message,
        links=tuple(_link(link) for link in span.links),
        events=tuple(_event(event) for event in span.events),
        dropped_attributes=span.dropped_attributes_count,
        scope=scope.scope.name,
        resource=_attributes(group.resource.attributes),
    )


def _texts(attributes: dict[str, Value]) -> Mapping[str, Value]:
    for name, value in attributes.items():
        if type(value) is bytes and name in names.TEXTS:
            try:
                attributes[name] = value.decode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise TapeDamaged(f"got {name} in bytes that are not UTF-8 ({error})") from error
    return attributes


def _attributes(pairs: Any) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Value:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    plain = getattr(value, kind)
    if kind == "array_value":
        return tuple(_value(member) for member in plain.values)
    if kind == "kvlist_value":
        return _attributes(plain.values)
    found: Value = plain
    return found


def _link(link: Any) -> dict[str, Value]:
    read: dict[str, Value] = {
        "trace_id": _id(link.trace_id, 16, "trace_id"),
        "span_id": _id(link.span_id, 8, "span_id"),
        "attributes": _attributes(link.attributes),
    }
    if link.trace_state:
        read["trace_state"] = link.trace_state
    return read


def _event(event: Any) -> dict[str, Value]:
    return {
        "name": event.name,
        "time_ns": event.time_unix_nano,
        "attributes": _attributes(event.attributes),
    }
