"""One export request as the collector keeps it: checked, its bytes as they came, and what its spans are.

A span is named by its ids and found by its place in the bytes. Spans with ids that are none are rejected and counted,
the rest of their request is taken (OTLP's partial success).

See: <https://opentelemetry.io/docs/specs/otlp/#partial-success>
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import Any, Final, NamedTuple

from google.protobuf import message  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spantape._spans import names
from spantape.collect._errors import BadRequest
from spantape.collect._wire import span_places

_OURS: Final = b"spantape."
_RUN_ID: Final = 256
_NAMED: Final = 3  # rejected spans that a message names


class SpanAt(NamedTuple):
    """A span of a request: what decides its run, and where its bytes and those of its head are in `Export.data`."""

    trace_id: bytes
    span_id: bytes
    run_id: str  # "" where the span names none
    is_root: bool
    is_ours: bool
    head: tuple[int, int]
    place: tuple[int, int]


@dataclass(slots=True)
class Export:
    """What one request holds.

    `data` is the request's protobuf, and behind it one head for each scope: a `ResourceSpans` with the resource and
    the scope and without spans. `body_bytes` is the length of the former.
    """

    data: bytes
    body_bytes: int
    spans: list[SpanAt] = field(default_factory=list)
    rejected: int = 0
    why: str = ""


def read_export(body: bytes) -> Export:
    """The request in the protobuf bytes `body`.

    Raises:
        BadRequest: they are not an ExportTraceServiceRequest.
    """
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
        places = list(span_places(body))
    except (message.DecodeError, ValueError, IndexError, RecursionError) as error:
        raise BadRequest(
            f"got {len(body)} bytes that are not an ExportTraceServiceRequest ({error})"
        ) from error
    scopes = [(group, scope) for group in request.resource_spans for scope in group.scope_spans]
    heads = [_head(group, scope) for group, scope in scopes]
    ends = accumulate(map(len, heads), initial=len(body))
    export = Export(body + b"".join(heads), len(body))
    head_of = chain.from_iterable(
        [(start, end)] * len(scope.spans)
        for (_, scope), (start, end) in zip(scopes, pairwise(ends), strict=True)
    )
    spans = chain.from_iterable(scope.spans for _, scope in scopes)
    _take(export, zip(spans, head_of, places, strict=True))
    return export


def _head(group: ResourceSpans, scope: ScopeSpans) -> bytes:
    head = ResourceSpans(schema_url=group.schema_url)
    if group.HasField("resource"):
        head.resource.CopyFrom(group.resource)
    own = head.scope_spans.add(schema_url=scope.schema_url)
    if scope.HasField("scope"):
        own.scope.CopyFrom(scope.scope)
    data: bytes = head.SerializeToString()
    return data


def _take(export: Export, spans: Iterable[tuple[Span, tuple[int, int], tuple[int, int]]]) -> None:
    reasons: list[str] = []
    for number, (span, head, place) in enumerate(spans):
        reason = _why_none(span)
        if reason:
            reasons.append(f"span {number}: {reason}")
            continue
        run_id, kind = _identity(span, export.data[place[0] : place[1]])
        if len(run_id) > _RUN_ID:
            reasons.append(
                f"span {number}: got a {names.RUN_ID} of {len(run_id)} characters, expected {_RUN_ID} at most"
            )
            continue
        is_root = kind == "run" or (kind != "exchange" and not any(span.parent_span_id))
        export.spans.append(SpanAt(span.trace_id, span.span_id, run_id, is_root, bool(kind), head, place))
    export.rejected = len(reasons)
    more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    export.why = "; ".join(reasons[:_NAMED]) + more


def _why_none(span: Span) -> str:
    for field_name, value, size in (("trace_id", span.trace_id, 16), ("span_id", span.span_id, 8)):
        if len(value) != size or not any(value):
            got = "only zeros" if len(value) == size else f"{len(value)} bytes"
            return f"got a {field_name} of {got}, expected {size} bytes that are not all zero"
    if span.parent_span_id and len(span.parent_span_id) != 8:
        return f"got a parent_span_id of {len(span.parent_span_id)} bytes, expected 8 or none"
    return ""


def _identity(span: Span, data: bytes) -> tuple[str, str]:
    """The run id and the kind that the span's attributes state, "" for each that is not there."""
    if _OURS not in data:
        return "", ""
    found: dict[str, Any] = {}
    for pair in span.attributes:
        if pair.key in (names.RUN_ID, names.KIND):
            found[pair.key] = pair.value.string_value
            if len(found) == 2:
                break
    return found.get(names.RUN_ID, ""), found.get(names.KIND, "")
