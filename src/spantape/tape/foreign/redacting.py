"""Secrets of a foreign recording replaced, as a recording of ours would have done it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spantape._model import Exchange, Request, Response, header
from spantape._spans.redaction import Redactor
from spantape.tape.foreign.model import Entry, ForeignDraw, ForeignExchange, ForeignTool
from spantape.tape.importing import clean_value


def redacted(entries: Sequence[Entry], redactor: Redactor) -> tuple[list[Entry], list[tuple[str, ...]]]:
    """The entries with their secrets replaced, in order, and what was replaced in each."""
    clean: list[Entry] = []
    counts: list[tuple[str, ...]] = []
    for entry in entries:
        before = dict(redactor.counts)
        clean.append(_entry(entry, redactor))
        counts.append(redactor.since(before))
    return clean, counts


def _entry(entry: Entry, redactor: Redactor) -> Entry:
    if isinstance(entry, ForeignExchange):
        return replace(entry, exchange=_exchange(entry.exchange, redactor))
    if isinstance(entry, ForeignDraw):
        return replace(entry, value=clean_value(entry.value, redactor))
    return _tool(entry, redactor)


def _tool(entry: ForeignTool, redactor: Redactor) -> ForeignTool:
    error = entry.error and replace(entry.error, message=redactor.text(entry.error.message))
    return replace(
        entry,
        arguments=clean_value(entry.arguments, redactor),
        result=clean_value(entry.result, redactor),
        error=error,
        attributes={key: _payload(value, redactor) for key, value in entry.attributes.items()},
    )


def _payload(value: Any, redactor: Redactor) -> Any:
    return redactor.body(value) if isinstance(value, bytes) else clean_value(value, redactor)


def _exchange(exchange: Exchange, redactor: Redactor) -> Exchange:
    request, response = exchange.request, exchange.response
    redactor.learn(request.headers)
    body = redactor.body(request.body)
    asked = Request(
        request.method, redactor.url(request.url), redactor.headers(request.headers, response=False), body
    )
    error = exchange.error and replace(exchange.error, message=redactor.text(exchange.error.message))
    answered = None if response is None else _response(response, redactor)
    return Exchange(asked, answered, exchange.end, error)


def _response(response: Response, redactor: Redactor) -> Response:
    kind = header(response.headers, "content-type") or ""
    lengths = response.chunks or (len(response.body),)
    body, shifted = redactor.stream(response.body, lengths, kind)
    headers = redactor.headers(response.headers, response=True)
    chunks, times = (shifted, response.chunk_times_ns) if response.chunks else ((), ())
    return Response(response.status, headers, body, chunks, times)
