"""Where the spans of a protobuf export request lie in its bytes, so that each can be stored and read as it came.

Only the three outer levels are walked (request, resource, scope); what is inside a span is skipped. The body must have
been parsed before: that proves its lengths.

See: <https://protobuf.dev/programming-guides/encoding/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_GROUPS: Final = 1  # ExportTraceServiceRequest.resource_spans, From: opentelemetry/proto/collector/trace/v1
_SCOPES: Final = 2  # ResourceSpans.scope_spans, From: opentelemetry/proto/trace/v1/trace.proto
_SPANS: Final = 2  # ScopeSpans.spans


def span_places(body: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of each span in `body`, in the order in which a parser gives them."""
    for group in _members(body, 0, len(body), _GROUPS):
        for scope in _members(body, *group, _SCOPES):
            yield from _members(body, *scope, _SPANS)


def _members(body: bytes, at: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Where the messages of the field `wanted` lie between two offsets."""
    while at < end:
        tag, at = _varint(body, at)
        number, kind = tag >> 3, tag & 7
        if kind == _LENGTH_DELIMITED:
            size, at = _varint(body, at)
            if number == wanted:
                yield at, at + size
            at += size
        else:
            at = _past(body, at, kind, number)


def _past(body: bytes, at: int, kind: int, number: int) -> int:
    """The offset behind a field that is no message."""
    if kind in _FIXED:
        return at + _FIXED[kind]
    if kind == 0:
        return _varint(body, at)[1]
    while True:  # a group, which parsers keep as unknown: skip to the end tag of its number
        tag, at = _varint(body, at)
        if tag & 7 == 4:
            if tag >> 3 != number:
                raise ValueError(f"got the end of group {tag >> 3}, expected that of {number}")
            return at
        if tag & 7 == _LENGTH_DELIMITED:
            size, at = _varint(body, at)
            at += size
        else:
            at = _past(body, at, tag & 7, tag >> 3)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    byte = body[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = body[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
