"""Langfuse's exports: traces with their observations, or observations alone, as its API and its UI's download give them.

An observation that came to Langfuse over OpenTelemetry keeps its own attributes in its metadata; they are taken as
they are. The rest is named as Langfuse's SDK names it on spans.

See: <https://langfuse.com/docs/api-and-data-platform/features/query-via-sdk> and
<https://langfuse.com/integrations/native/opentelemetry>
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from spantape.promote.sources._members import flat, items, restored, text, time_ns
from spantape.tape.model import Span, Value

_MEMBERS: Final = (
    ("type", "langfuse.observation.type"),
    ("input", "langfuse.observation.input"),
    ("output", "langfuse.observation.output"),
    ("model", "langfuse.observation.model.name"),
    ("modelParameters", "langfuse.observation.model.parameters"),
    ("usageDetails", "langfuse.observation.usage_details"),
    ("costDetails", "langfuse.observation.cost_details"),
    ("level", "langfuse.observation.level"),
    ("statusMessage", "langfuse.observation.status_message"),
    ("completionStartTime", "langfuse.observation.completion_start_time"),
    ("promptName", "langfuse.observation.prompt.name"),
    ("version", "langfuse.version"),
    ("environment", "langfuse.environment"),
)
_TRACE_MEMBERS: Final = (("name", "langfuse.trace.name"), ("userId", "user.id"), ("sessionId", "session.id"))
_HEX: Final = frozenset("0123456789abcdef")


def is_export(document: Any) -> bool:
    """Whether a document is one of Langfuse's."""
    return any(_is_observation(one) or _is_trace(one) for one in _listed(document)[:1])


def _listed(document: Any) -> list[Any]:
    if isinstance(document, dict):
        if _is_observation(document) or _is_trace(document):
            return [document]
        document = document.get("data")
    return document if isinstance(document, list) else []


def _is_observation(value: Any) -> bool:
    return isinstance(value, dict) and {"id", "traceId", "type", "startTime"} <= value.keys()


def _is_trace(value: Any) -> bool:
    return isinstance(value, dict) and {"id", "observations"} <= value.keys()


def read_export(document: Any) -> Iterator[Span]:
    """The spans of a document of Langfuse's, in its order.

    Raises:
        SourceDamaged: something in it has a wrong type.
    """
    for one in items({"data": _listed(document)}, "data"):
        if not _is_trace(one):
            yield _span(one, {})
        elif all(isinstance(observation, dict) for observation in one["observations"] or ()):
            for observation in items(one, "observations"):
                yield _span({"traceId": one.get("id"), **observation}, one)


def _span(one: Mapping[str, Any], trace: Mapping[str, Any]) -> Span:
    metadata = _object(one.get("metadata"))
    attributes = {name: _told(one[key]) for key, name in _MEMBERS if one.get(key) not in (None, "", {}, [])}
    if not one.get("parentObservationId"):
        attributes |= {name: _told(trace[key]) for key, name in _TRACE_MEMBERS if trace.get(key)}
    attributes |= flat(_object(metadata.get("attributes")))
    started, ended = time_ns(one, "startTime"), time_ns(one, "endTime")
    scope = _object(metadata.get("scope"))
    return Span(
        trace_id=_id(text(one, "traceId"), 16),
        span_id=_id(text(one, "id"), 8),
        parent_id=_id(text(one, "parentObservationId"), 8),
        name=text(one, "name"),
        started_ns=started,
        ended_ns=ended or (started if one.get("type") == "EVENT" else 0),
        attributes=restored(attributes),
        kind=1,
        status_code=2 if one.get("level") == "ERROR" else 0,
        status_message=text(one, "statusMessage"),
        scope=text(scope, "name"),
        resource=restored(flat(_object(metadata.get("resourceAttributes")))),
    )


def _object(value: Any) -> Mapping[str, Any]:
    """A JSON object, also where it came as its text; an empty one for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _told(value: Any) -> Value:
    """A value as Langfuse's SDK puts it on a span: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _id(given: str, size: int) -> str:
    """An id as OpenTelemetry has it; ids of Langfuse's own (UUIDs, any text) are digested."""
    if not given or (len(given) == 2 * size and _HEX.issuperset(given)):
        return given
    plain = given.replace("-", "").lower()
    if len(plain) == 2 * size and _HEX.issuperset(plain):
        return plain
    return hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[: 2 * size]
