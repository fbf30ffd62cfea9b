"""OTLP JSON documents as spans, tolerant of what writers do differently and strict about what cannot be.

64-bit integers come as strings or numbers, ids as hex (OTLP) or base64 (plain protobuf JSON), absent fields as null;
unknown fields are ignored. A value of a wrong type is an error that names its place in the document.

See: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from spantape._spans import names
from spantape.errors import TapeDamaged
from spantape.tape.model import Span, Value

_ABSENT = msgspec.Raw()
_INT64 = 1 << 63


class _Array(msgspec.Struct):
    values: list[_Any] | None = None


class _KeyValue(msgspec.Struct):
    key: str = ""
    value: _Any | None = None


class _KeyValues(msgspec.Struct):
    values: list[_KeyValue] | None = None


class _Any(msgspec.Struct):
    stringValue: str | None = None  # noqa: N815 - the wire's names, here and below
    boolValue: bool | None = None  # noqa: N815
    intValue: int | str | None = None  # noqa: N815
    doubleValue: float | str | None = None  # noqa: N815
    arrayValue: _Array | None = None  # noqa: N815
    kvlistValue: _KeyValues | None = None  # noqa: N815
    bytesValue: str | None = None  # noqa: N815


class _Resource(msgspec.Struct):
    attributes: list[_KeyValue] | None = None


class _Scope(msgspec.Struct):
    name: str | None = None


class _Event(msgspec.Struct):
    timeUnixNano: int | str | None = None  # noqa: N815
    name: str | None = None
    attributes: list[_KeyValue] | None = None


class _Link(msgspec.Struct):
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815
    traceState: str | None = None  # noqa: N815
    attributes: list[_KeyValue] | None = None


class _Status(msgspec.Struct):
    message: str | None = None
    code: int | str | None = None


class _Span(msgspec.Struct):
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815
    parentSpanId: str | None = None  # noqa: N815
    name: str | None = None
    kind: int | str | None = None
    startTimeUnixNano: int | str | None = None  # noqa: N815
    endTimeUnixNano: int | str | None = None  # noqa: N815
    attributes: list[_KeyValue] | None = None
    droppedAttributesCount: int | None = None  # noqa: N815
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    status: _Status | None = None


class _ScopeSpans(msgspec.Struct):
    scope: _Scope | None = None
    spans: list[_Span] | None = None


class _ResourceSpans(msgspec.Struct):
    resource: _Resource | None = None
    scopeSpans: list[_ScopeSpans] | None = None  # noqa: N815


class _TracesData(msgspec.Struct):
    resourceSpans: list[_ResourceSpans] | None = None  # noqa: N815
    resourceLogs: msgspec.Raw = _ABSENT  # noqa: N815 - a collector writes these beside, and they are no spans
    resourceMetrics: msgspec.Raw = _ABSENT  # noqa: N815


_decoder = msgspec.json.Decoder(_TracesData)

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_CODES = ("UNSET", "OK", "ERROR")


class Document(NamedTuple):
    """One line: its spans, and the attributes of each resource that has none (headers and seals)."""

    spans: list[Span]
    bare_resources: list[dict[str, Value]]


def read_document(line: bytes) -> Document:
    """The spans of one TracesData document, in its order.

    Raises:
        TapeDamaged: the line is not such a document; the reason names the place in it.
    """
    try:
        data = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TapeDamaged(f"got a line that is not an OTLP TracesData document ({error})") from error
    except RecursionError as error:
        raise TapeDamaged("got a line that is nested too deep") from error
    if data.resourceSpans is None and data.resourceLogs is _ABSENT and data.resourceMetrics is _ABSENT:
        raise TapeDamaged("got a JSON document without resourceSpans, expected OTLP TracesData")
    document = Document([], [])
    try:
        for group in data.resourceSpans or ():
            _read_group(group, document)
    except RecursionError as error:
        raise TapeDamaged("got attributes that are nested too deep") from error
    return document


def _read_group(group: _ResourceSpans, document: Document) -> None:
    resource = _attributes(group.resource.attributes if group.resource else None)
    scopes = group.scopeSpans or ()
    if not any(scope.spans for scope in scopes):
        document.bare_resources.append(resource)
    for scope in scopes:
        name = (scope.scope.name if scope.scope else None) or ""
        document.spans.extend(_span(span, name, resource) for span in scope.spans or ())


def _span(span: _Span, scope: str, resource: Mapping[str, Value]) -> Span:
    status = span.status or _Status()
    return Span(
        trace_id=_id(span.traceId, 16, "traceId"),
        span_id=_id(span.spanId, 8, "spanId"),
        parent_id=_id(span.parentSpanId, 8, "parentSpanId"),
        name=span.name or "",
        started_ns=_integer(span.startTimeUnixNano, "startTimeUnixNano"),
        ended_ns=_integer(span.endTimeUnixNano, "endTimeUnixNano"),
        attributes=_texts(_attributes(span.attributes)),
        kind=_enum(span.kind, _KINDS, "SPAN_KIND_"),
        status_code=_enum(status.code, _CODES, "STATUS_CODE_"),
        status_message=status.message or "",
        links=tuple(_link(link) for link in span.links or ()),
        events=tuple(_event(event) for event in span.events or ()),
        dropped_attributes=span.droppedAttributesCount or 0,
        scope=scope,
        resource=resource,
    )


def _event(event: _Event) -> dict[str, Value]:
    time_ns = _integer(event.timeUnixNano, "timeUnixNano")
    return {"name": event.name or "", "time_ns": time_ns, "attributes": _attributes(event.attributes)}


def _link(link: _Link) -> dict[str, Value]:
    read: dict[str, Value] = {
        "trace_id": _id(link.traceId, 16, "traceId"),
        "span_id": _id(link.spanId, 8, "spanId"),
        "attributes": _attributes(link.attributes),
    }
    if link.traceState:
        read["trace_state"] = link.traceState
    return read


# --- values ------------------------------------------------------------------------------------------------------


def _attributes(pairs: Sequence[_KeyValue] | None) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs or ()}


def _texts(attributes: dict[str, Value]) -> dict[str, Value]:
    """`attributes` with text that travelled as bytes, past an SDK's limits, as the text that it is."""
    for name, value in attributes.items():
        if type(value) is bytes and name in names.TEXTS:
            try:
                attributes[name] = value.decode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise TapeDamaged(f"got {name} in bytes that are not UTF-8 ({error})") from error
    return attributes


def _value(value: _Any | None) -> Value:
    if value is None:
        return None
    if value.stringValue is not None:
        return value.stringValue
    if value.intValue is not None:
        return _signed(value.intValue)
    if value.boolValue is not None:
        return value.boolValue
    return _rare_value(value)


def _rare_value(value: _Any) -> Value:
    if value.bytesValue is not None:
        return _bytes(value.bytesValue, "bytesValue")
    if value.arrayValue is not None:
        return tuple(_value(member) for member in value.arrayValue.values or ())
    if value.kvlistValue is not None:
        return _attributes(value.kvlistValue.values)
    if value.doubleValue is not None:
        return _double(value.doubleValue)
    return None


def _integer(value: int | str | None, field: str) -> int:
    if value is None:
        return 0
    try:
        number = int(value)
    except ValueError as error:
        raise TapeDamaged(f"got {field} {value!r:.60}, expected a decimal integer") from error
    if not -_INT64 <= number < 2 * _INT64:  # int64 or fixed64, as the field has it
        raise TapeDamaged(f"got {field} {number:.6e}, expected an integer of 64 bits")
    return number


def _signed(value: int | str) -> int:
    number = _integer(value, "intValue")
    if number >= _INT64:
        raise TapeDamaged(f"got intValue {number}, expected a signed integer of 64 bits")
    return number


def _double(value: float | str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise TapeDamaged(f"got doubleValue {value!r:.60}, expected a number") from error


def _enum(value: int | str | None, words: Sequence[str], prefix: str) -> int:
    if value is None:
        return 0
    if isinstance(value, str):
        word = value.removeprefix(prefix)
        return words.index(word) if word in words else _integer(value, prefix.lower())
    return value


def _id(text: str | None, size: int, field: str) -> str:
    if not text:
        return ""
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * size else _bytes(text, field)
    except ValueError:
        raw = b""
    if len(raw) != size:
        raise TapeDamaged(f"got {field} {text!r:.60}, expected {2 * size} hex digits")
    return raw.hex() if any(raw) else ""


def _bytes(text: str, field: str) -> bytes:
    padded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except ValueError as error:
        raise TapeDamaged(f"got a {field} that is not base64 ({error})") from error
