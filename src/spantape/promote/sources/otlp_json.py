"""OTLP JSON: a TracesData document (a line of the File Exporter, an export request, Tempo's two forms) as its spans.

Spans are told apart without being read: only ids, links and the run id are looked at, the rest stays as it came.

See: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from spantape._spans import names
from spantape.promote.sources._base import JSON, LOG, Found, SourceDamaged, identified

_EMPTY: Final = msgspec.Raw(b"{}")
_NOTHING: Final = msgspec.Raw()


class ScopeSpans(msgspec.Struct):
    """What one instrumentation scope made; the second names are those before OTLP 0.15, which Tempo still writes."""

    scope: msgspec.Raw = _NOTHING
    instrumentationLibrary: msgspec.Raw = _NOTHING  # noqa: N815 - the wire's names, here and below
    spans: list[msgspec.Raw] | None = None


class ResourceSpans(msgspec.Struct):
    """What one resource made."""

    resource: msgspec.Raw = _NOTHING
    scopeSpans: list[ScopeSpans] | None = None  # noqa: N815
    instrumentationLibrarySpans: list[ScopeSpans] | None = None  # noqa: N815


class _Link(msgspec.Struct):
    traceId: str | None = None  # noqa: N815


class _KeyValue(msgspec.Struct):
    key: str = ""
    value: msgspec.Raw = _NOTHING


class _Span(msgspec.Struct):
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815
    parentSpanId: str | None = None  # noqa: N815
    links: list[_Link] | None = None
    attributes: list[_KeyValue] | None = None


class _Text(msgspec.Struct):
    stringValue: str | None = None  # noqa: N815


_span_decoder = msgspec.json.Decoder(_Span)
_text_decoder = msgspec.json.Decoder(_Text)


def read_groups(groups: Sequence[ResourceSpans] | None) -> Iterator[Found]:
    """The spans of `groups`, in their order.

    Raises:
        SourceDamaged: something that must be known of a span has a wrong type.
    """
    for group in groups or ():
        head = b'{"resourceSpans":[{"resource":' + _raw(group.resource)
        for scope in (*(group.scopeSpans or ()), *(group.instrumentationLibrarySpans or ())):
            named = scope.scope if bytes(scope.scope) else scope.instrumentationLibrary
            front = head + b',"scopeSpans":[{"scope":' + _raw(named) + b',"spans":['
            for number, span in enumerate(scope.spans or ()):
                yield _found(front, bytes(span), number)


def _raw(value: msgspec.Raw) -> bytes:
    data = bytes(value)
    return _on_one_line(data) if data and data != b"null" else b"{}"


def _on_one_line(data: bytes) -> bytes:
    """JSON that may have been written over several lines: a line of a tape is one."""
    return msgspec.json.format(data, indent=-1) if b"\n" in data or b"\r" in data else data


def _found(front: bytes, span: bytes, number: int) -> Found:
    try:
        known = _span_decoder.decode(span)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceDamaged(f"span {number} of its scope is none ({error})") from error
    span = _on_one_line(span)
    links = () if known.parentSpanId else tuple(hex_id(link.traceId, 16) for link in known.links or ())
    trace = identified(hex_id(known.traceId, 16))
    return Found(trace, _run_id(known.attributes), links, JSON, front + span + b"]}]}]}\n")


def _run_id(attributes: Sequence[_KeyValue] | None) -> str:
    for pair in attributes or ():
        if pair.key == names.RUN_ID:
            try:
                return _text_decoder.decode(pair.value).stringValue or ""
            except msgspec.DecodeError:
                return ""
    return ""


def hex_id(text: str | None, size: int) -> str:
    """An id as lowercase hex, from hex or from base64 (as plain protobuf JSON has it); "" for none or all zeros.

    Raises:
        SourceDamaged: it is neither.
    """
    if not text:
        return ""
    try:
        if len(text) == 2 * size:
            raw = bytes.fromhex(text)
        else:
            raw = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != size:
        raise SourceDamaged(f"got id {text!r:.60}, expected {2 * size} hex digits")
    return raw.hex() if any(raw) else ""


# --- log records ---------------------------------------------------------------------------------------------------


class _ScopeLogs(msgspec.Struct):
    logRecords: list[msgspec.Raw] | None = None  # noqa: N815


class ResourceLogs(msgspec.Struct):
    """What one resource logged; of it only the records of spans are taken."""

    scopeLogs: list[_ScopeLogs] | None = None  # noqa: N815


class _LogRecord(msgspec.Struct):
    traceId: str | None = None  # noqa: N815
    spanId: str | None = None  # noqa: N815


_record_decoder = msgspec.json.Decoder(_LogRecord)


def read_logs(groups: Sequence[ResourceLogs] | None) -> Iterator[Found]:
    """The log records that belong to spans: some instrumentations put a call's content there.

    Raises:
        SourceDamaged: an id has a wrong type.
    """
    records = (
        record
        for group in groups or ()
        for scope in group.scopeLogs or ()
        for record in scope.logRecords or ()
    )
    for record in records:
        try:
            known = _record_decoder.decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SourceDamaged(f"got a log record that is none ({error})") from error
        if known.traceId and known.spanId:
            data = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + bytes(record) + b"]}]}]}"
            yield Found(hex_id(known.traceId, 16), "", (), LOG, data)


# --- names ---------------------------------------------------------------------------------------------------------


def camel_case(value: Any) -> Any:
    """A document whose member names are as in the .proto files (`resource_spans`), with OTLP's own names."""
    if isinstance(value, dict):
        return {_camel(key): camel_case(member) for key, member in value.items()}
    return [camel_case(member) for member in value] if isinstance(value, list) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)
