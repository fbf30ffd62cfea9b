"""Phoenix's spans: its REST API's (`/v1/projects/…/spans`, also `/spans/otlpv1`) and its client's lists of them.

See: <https://arize.com/docs/phoenix/sdk-api-reference/spans>
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from spantape.promote.sources._members import an_id, an_object, flat, items, restored, text, time_ns
from spantape.promote.sources.otlp_json import camel_case
from spantape.tape.model import Span, Value

_CODES: Final = {"OK": 1, "ERROR": 2}
_KIND: Final = "openinference.span.kind"


def is_export(document: Any) -> bool:
    """Whether a document is one of Phoenix's: spans with a `context`, or flat OTLP spans."""
    return any(_is_span(span) for span in _spans(document)[:1])


def _spans(document: Any) -> list[Any]:
    if isinstance(document, dict) and _is_span(document):
        return [document]
    spans = document.get("data", document.get("spans")) if isinstance(document, dict) else document
    return spans if isinstance(spans, list) else []


def _is_span(span: Any) -> bool:
    if not isinstance(span, dict):
        return False
    context = span.get("context")
    return (isinstance(context, dict) and "trace_id" in context) or _is_flat(span)


def _is_flat(span: Mapping[str, Any]) -> bool:
    return "trace_id" in span and "span_id" in span and "start_time_unix_nano" in span


def read_export(document: Any) -> Iterator[Span]:
    """The spans of a document of Phoenix's, in its order.

    Raises:
        SourceDamaged: something in it has a wrong type.
    """
    for span in items({"spans": _spans(document)}, "spans"):
        yield _otlp(span) if _is_flat(span) else _span(span)


def _span(span: Mapping[str, Any]) -> Span:
    context = an_object(span, "context")
    attributes = flat(an_object(span, "attributes"))
    if span.get("span_kind"):
        attributes.setdefault(_KIND, text(span, "span_kind"))
    return Span(
        trace_id=an_id(context, "trace_id", 16),
        span_id=an_id(context, "span_id", 8),
        parent_id=an_id(span, "parent_id", 8),
        name=text(span, "name"),
        started_ns=time_ns(span, "start_time"),
        ended_ns=time_ns(span, "end_time"),
        attributes=restored(attributes),
        kind=1,
        status_code=_CODES.get(text(span, "status_code"), 0),
        status_message=text(span, "status_message"),
        events=tuple(_event(event) for event in items(span, "events")),
    )


def _event(event: Mapping[str, Any]) -> dict[str, Value]:
    attributes = restored(flat(an_object(event, "attributes")))
    return {"name": text(event, "name"), "time_ns": time_ns(event, "timestamp"), "attributes": attributes}


def _otlp(span: Mapping[str, Any]) -> Span:
    """A span of `/spans/otlpv1`: an OTLP span with the .proto's names, without its resource."""
    import msgspec

    from spantape.tape.otlp_read import read_document

    document = {"resourceSpans": [{"scopeSpans": [{"spans": [_numbers(camel_case(span))]}]}]}
    (read,) = read_document(msgspec.json.encode(document)).spans
    return read


def _numbers(value: Any) -> Any:
    """A span whose members may be null or whole floats, as OTLP JSON has them."""
    if isinstance(value, dict):
        return {key: _numbers(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_numbers(member) for member in value]
    return value
