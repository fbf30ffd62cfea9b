"""OTLP protobuf: one TracesData message, written group by group, since messages that follow each other are one.

See: <https://protobuf.dev/programming-guides/encoding/#last-one-wins> and
<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto>
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from typing import Any, Final

from google.protobuf import json_format  # type: ignore[import-untyped] # it ships no types
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from spantape.errors import TapeDamaged, TapeError
from spantape.tape.otlp import attribute_list
from spantape.tape.outward.source import Document, Source

_IDS: Final = ("traceId", "spanId", "parentSpanId")
_GROUPS_TAG: Final = 0x0A  # field 1, length-delimited: resource_spans


# --- out ---------------------------------------------------------------------------------------------------------


def write_proto(sources: Sequence[Source]) -> Iterator[bytes]:
    """The message of the runs, in pieces; a first group without spans says which run it is, where there is but one.

    Raises:
        TapeError: a file was changed while it was read, or a span cannot be said in protobuf.
    """
    if len(sources) == 1:
        yield serialized(_header(sources[0]))
    for source in sources:
        for _, document in source.pairs():
            yield serialized(document)


def _header(source: Source) -> Document:
    return {"resourceSpans": [{"resource": {"attributes": attribute_list(source.header)}, "scopeSpans": []}]}


def serialized(document: Document) -> bytes:
    """A document as the bytes of a TracesData message, which an ExportTraceServiceRequest is too; `Raises` as `message_of`."""
    data: bytes = message_of(document).SerializeToString()
    return data


def message_of(document: Document) -> Any:
    """A document as a TracesData message.

    Raises:
        TapeError: it is nested deeper than protobuf's readers go.
    """
    message = TracesData()
    try:
        json_format.ParseDict(_with_ids(document, _base64_of_hex), message, ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError) as error:
        raise TapeError(f"a span cannot be said in protobuf ({error!s:.200})") from error
    return message


# --- in ----------------------------------------------------------------------------------------------------------


def is_proto(data: bytes) -> bool:
    """Whether `data` is a TracesData message that holds spans."""
    if data[:1] != bytes([_GROUPS_TAG]):
        return False
    try:
        message = TracesData.FromString(data)
    except DecodeError:
        return False
    return any(scope.spans for group in message.resource_spans for scope in group.scope_spans)


def read_proto(data: bytes) -> Iterator[Document]:
    """The groups of a TracesData message as documents.

    Raises:
        TapeDamaged: it is no such message.
    """
    try:
        message = TracesData.FromString(data)
    except DecodeError as error:
        raise TapeDamaged(f"got {len(data)} bytes that are no OTLP trace message ({error})") from error
    for group in message.resource_spans:
        single = TracesData(resource_spans=[group])
        yield _with_ids(json_format.MessageToDict(single, use_integers_for_enums=True), _hex_of_base64)


# --- ids: hex in OTLP's JSON, base64 in protobuf's ---------------------------------------------------------------


def _base64_of_hex(text: str) -> str:
    return b64encode(bytes.fromhex(text)).decode()


def _hex_of_base64(text: str) -> str:
    return b64decode(text).hex()


def _with_ids(document: Document, change: Any) -> Document:
    groups = []
    for group in document.get("resourceSpans") or ():
        scopes = [
            {**scope, "spans": [_span_with_ids(span, change) for span in scope.get("spans") or ()]}
            for scope in group.get("scopeSpans") or ()
        ]
        groups.append({**group, "scopeSpans": scopes})
    return {**document, "resourceSpans": groups}


def _span_with_ids(span: Document, change: Any) -> Document:
    changed = _changed(span, change)
    if span.get("links"):
        changed["links"] = [_changed(link, change) for link in span["links"]]
    return changed


def _changed(holder: Document, change: Any) -> Document:
    ids = {key: change(holder[key]) for key in _IDS if holder.get(key)}
    return {**{key: value for key, value in holder.items() if key not in _IDS}, **ids}
