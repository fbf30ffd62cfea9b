"""Jaeger's JSON (its UI's download, its query API): `data[].spans[]` with tags, and processes beside.

See: <https://www.jaegertracing.io/docs/2.0/apis/> and
<https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/>
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from spantape.promote.sources._base import SourceDamaged
from spantape.promote.sources._members import an_id, an_object, from_base64, integer, items, restored, text
from spantape.tape.model import Span, Value

_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_CODES: Final = {"OK": 1, "ERROR": 2}
_SCOPES: Final = ("otel.scope.name", "otel.library.name")
_OWN: Final = frozenset(
    {"span.kind", "otel.status_code", "otel.status_description", "otel.scope.version", "otel.library.version"}
)
_US: Final = 1000


def is_export(document: Any) -> bool:
    """Whether a document is one of Jaeger's."""
    traces = document.get("data") if isinstance(document, dict) else document
    traces = [document] if isinstance(document, dict) and "traceID" in document else traces
    return isinstance(traces, list) and any(
        isinstance(trace, dict) and "spans" in trace and "traceID" in trace for trace in traces
    )


def read_export(document: Any) -> Iterator[Span]:
    """The spans of a document of Jaeger's, in its order.

    Raises:
        SourceDamaged: something in it has a wrong type.
    """
    if isinstance(document, dict) and "traceID" in document:
        document = [document]
    for trace in items(document if isinstance(document, dict) else {"data": document}, "data"):
        processes = an_object(trace, "processes")
        for span in items(trace, "spans"):
            named = text(span, "processID")
            holder, key = (processes, named) if named in processes else (span, "process")
            yield _span(span, _resource(an_object(holder, key)))


def _resource(process: Mapping[str, Any]) -> dict[str, Value]:
    resource: dict[str, Value] = {}
    if "serviceName" in process:
        resource["service.name"] = text(process, "serviceName")
    return resource | _tags(process, "tags")


def _span(span: Mapping[str, Any], resource: Mapping[str, Value]) -> Span:
    tags = _tags(span, "tags")
    started = integer(span, "startTime") * _US
    references = items(span, "references")
    trace = an_id(span, "traceID", 16)
    parent = _parent(references, trace) or an_id(span, "parentSpanID", 8)
    code = tags.get("otel.status_code", "ERROR" if tags.get("error") in (True, "true") else "")
    scope = next((str(tags[name]) for name in _SCOPES if name in tags), "")
    attributes = {name: value for name, value in tags.items() if name not in _OWN and name not in _SCOPES}
    return Span(
        trace_id=trace,
        span_id=an_id(span, "spanID", 8),
        parent_id=parent,
        name=text(span, "operationName"),
        started_ns=started,
        ended_ns=started + integer(span, "duration") * _US,
        attributes=restored(attributes),
        kind=_KINDS.get(str(tags.get("span.kind")), 1),
        status_code=_CODES.get(str(code), 0),
        status_message=str(tags.get("otel.status_description", "")),
        links=tuple(_links(references, trace, parent)),
        events=tuple(_event(log) for log in items(span, "logs")),
        scope=scope,
        resource=resource,
    )


def _parent(references: list[Mapping[str, Any]], trace: str) -> str:
    for reference in references:
        if reference.get("refType") == "CHILD_OF" and an_id(reference, "traceID", 16) == trace:
            return an_id(reference, "spanID", 8)
    return ""


def _links(references: list[Mapping[str, Any]], trace: str, parent: str) -> Iterator[dict[str, Value]]:
    for reference in references:
        link = (an_id(reference, "traceID", 16), an_id(reference, "spanID", 8))
        if link != (trace, parent):
            yield {"trace_id": link[0], "span_id": link[1], "attributes": {}}


def _event(log: Mapping[str, Any]) -> dict[str, Value]:
    fields = _tags(log, "fields")
    return {
        "name": str(fields.pop("event", "")),
        "time_ns": integer(log, "timestamp") * _US,
        "attributes": fields,
    }


def _tags(holder: Mapping[str, Any], key: str) -> dict[str, Value]:
    return {text(tag, "key"): _value(tag) for tag in items(holder, key)}


def _value(tag: Mapping[str, Any]) -> Value:
    kind, value = tag.get("type"), tag.get("value")
    if kind == "binary" and isinstance(value, str):
        return from_base64(value)
    if kind == "int64":
        return integer(tag, "value")
    if kind == "bool" and isinstance(value, str):
        return value == "true"
    if kind == "float64" and isinstance(value, str):
        try:
            return float(value)
        except ValueError as error:
            raise SourceDamaged(f"got float64 {value!r:.60} in tag {tag.get('key')!r:.60}") from error
    found: Value = value
    return found
