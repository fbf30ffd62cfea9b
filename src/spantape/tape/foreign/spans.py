"""Foreign recordings as spans of ours: one trace, in order, each span with its grade."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from spantape._dialects import provider_name, recognise
from spantape._model import Exchange, header
from spantape._spans import names
from spantape._spans.codec import write_end, write_exchange
from spantape.tape.exchanges import Bases
from spantape.tape.fingerprint import path_of
from spantape.tape.foreign.model import Entry, ForeignDraw, ForeignExchange, ForeignTool, Recording
from spantape.tape.model import Span, Value
from spantape.tape.otlp import span_line

_CLIENT: Final = 3
_INTERNAL: Final = 1


def spans_of(recording: Recording, redacted: Sequence[tuple[str, ...]] = ()) -> list[Span]:
    """The spans of a recording, in its order.

    Ids come from the content, so equal recordings make equal spans. Steps without a time start one nanosecond after
    the one before. `redacted` says for each entry what was replaced in it.
    """
    bases = Bases()
    spans: list[Span] = []
    started = -1
    for index, entry in enumerate(recording.entries):
        begun, ended = _times(entry, started)
        started = max(started, begun)
        attributes = _attributes(entry, bases) | {names.STEP: index}
        if index < len(redacted) and redacted[index]:
            attributes[names.REDACTED] = redacted[index]
        kind = _CLIENT if isinstance(entry, ForeignExchange) else _INTERNAL
        spans.append(
            Span("", "", "", _name(entry, attributes), begun, ended, attributes, kind, scope=names.SCOPE)
        )
    return _identified(spans)


def _times(entry: Entry, before: int) -> tuple[int, int]:
    if isinstance(entry, ForeignExchange) and entry.started_ns is not None:
        return entry.started_ns, max(entry.started_ns, entry.ended_ns or 0)
    return before + 1, before + 1


def _identified(spans: Sequence[Span]) -> list[Span]:
    content = hashlib.sha256()
    for span in spans:
        content.update(span_line(span))
    run = content.hexdigest()[:32]
    trace = hashlib.sha256(run.encode()).hexdigest()[:32]
    return [
        replace(
            span,
            trace_id=trace,
            span_id=hashlib.sha256(f"{run} {index}".encode()).hexdigest()[:16],
            attributes={**span.attributes, names.RUN_ID: run},
        )
        for index, span in enumerate(spans)
    ]


def _name(entry: Entry, attributes: Mapping[str, Any]) -> str:
    if isinstance(entry, ForeignTool):
        return f"execute_tool {entry.name}"
    if isinstance(entry, ForeignDraw):
        return f"draw {entry.source}"
    operation, model = attributes.get(names.OPERATION), attributes.get(names.REQUEST_MODEL)
    return " ".join(filter(None, (operation, model))) if operation else entry.exchange.request.method


def _attributes(entry: Entry, bases: Bases) -> dict[str, Value]:
    attributes: dict[str, Value] = {names.FORMAT: names.FORMAT_VERSION}
    if isinstance(entry, ForeignExchange):
        attributes |= _exchange_attributes(entry, bases)
    elif isinstance(entry, ForeignTool):
        attributes |= _tool_attributes(entry)
    else:
        attributes |= {
            names.KIND: "draw",
            names.DRAW_SOURCE: entry.source,
            names.DRAW_VALUE: json.dumps(entry.value),
        }
    return attributes


def _exchange_attributes(entry: ForeignExchange, bases: Bases) -> dict[str, Any]:
    exchange = entry.exchange
    base = bases.best(exchange.request)
    attributes: dict[str, Any] = {names.KIND: "exchange"} | _meaning(exchange)
    attributes |= write_exchange(exchange, base)
    bases.remember(exchange.request, grown=base is not None)
    if entry.grade == "skeleton":
        del attributes[names.RESPONSE_BODY]
    if entry.known:
        attributes[names.REQUEST_KNOWN] = entry.known
    if entry.unrecorded:
        attributes[names.UNRECORDED] = entry.unrecorded
    return attributes | _graded(entry)


def _tool_attributes(entry: ForeignTool) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        names.KIND: "tool",
        names.OPERATION: "execute_tool",
        names.TOOL_NAME: entry.name,
        names.ARGUMENTS: json.dumps(entry.arguments),
    }
    if entry.error is None:
        attributes[names.RESULT] = json.dumps(entry.result)
        attributes[names.RESULT_TYPE] = "value"
    write_end(attributes, "complete", entry.error)
    return attributes | _graded(entry) | dict(entry.attributes)


def _graded(entry: ForeignExchange | ForeignTool) -> dict[str, Value]:
    if entry.grade == "exact":
        return {}
    return {names.GRADE: entry.grade, names.GRADE_REASONS: (entry.reason,)}


def _meaning(exchange: Exchange) -> dict[str, Any]:
    """What the bytes mean, as a recording would have said it; messages are left to who reads the payload."""
    request, response = exchange.request, exchange.response
    try:
        host = urlsplit(request.url).netloc.rpartition("@")[2]
    except ValueError:
        return {}
    path = path_of(request.url)
    dialect = recognise(request.method, host, path, request.body)
    if dialect is None:
        return {}
    attributes: dict[str, Any] = {names.DIALECT: dialect.name}
    asked = dialect.ask(request.body, path.partition("?")[0])
    if asked.operation is None:
        return attributes
    attributes[names.OPERATION] = asked.operation
    attributes[names.PROVIDER] = provider_name(host, path, request.headers, dialect)
    if asked.model:
        attributes[names.REQUEST_MODEL] = asked.model
    attributes |= {**dialect.constants, **asked.attributes}
    if response is not None:
        kind = header(response.headers, "content-type") or ""
        attributes |= dialect.answer(response.body, response.status, kind, asked).attributes
    return attributes
