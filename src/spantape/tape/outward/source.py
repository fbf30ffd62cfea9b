"""A tape as the OTLP documents that it is made of, with all that its file holds of a span and the tape in memory not.

A document is one span: an OTLP TracesData object in the JSON form, with its resource and its scope. What a sealed tape
leaves out (digests that follow from the bodies) is put back, so that each document means the same by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from spantape._spans import names
from spantape.errors import TapeError
from spantape.tape.model import Span, Tape
from spantape.tape.otlp import attribute_list, span_line
from spantape.tape.otlp_read import read_document
from spantape.tape.payload import plain_payloads
from spantape.tape.read import load, read_tape

Document = dict[str, Any]
"""One span as an OTLP TracesData object."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """A tape to be written elsewhere: its run, and the lines of its file where it is in one."""

    tape: Tape
    lines: Sequence[bytes]

    @property
    def header(self) -> dict[str, Any]:
        """The resource attributes that say which run the spans are, as a tape begins with them."""
        known = {
            names.FORMAT: names.FORMAT_VERSION,
            names.RUN_ID: self.tape.run_id,
            names.RUN_NAME: self.tape.name,
        }
        return {**self.tape.resource, **{key: value for key, value in known.items() if value}}

    def pairs(self) -> Iterator[tuple[Span, Document]]:
        """The spans of the run in the order of a tape, each with its document.

        Raises:
            TapeError: the file no longer holds what it did when the tape was read.
        """
        found = self._found()
        opened = _Opened()
        for span in self.tape.spans:
            held = found.get(_key(span), [])
            if not held:
                reason = f"span {span.span_id} is gone: the file was changed while it was read"
                raise TapeError(reason, path=self.tape.path)
            group, scope, raw = opened.span(*(held[0] if span.span_id else held.pop(0)))
            yield span, _single(group, scope, _restored(span, raw))

    def _found(self) -> dict[_Key, list[tuple[bytes, int]]]:
        """Where each span stands: its line and its place among the spans of that line, by id."""
        found: dict[_Key, list[tuple[bytes, int]]] = {}
        for line in self.lines:
            for place, span in enumerate(read_document(line).spans):
                found.setdefault(_key(span), []).append((line, place))
        return found


def source_of(tape: Tape) -> Source:
    """A tape in memory as a source: what its spans hold is all there is."""
    return Source(tape, [span_line(span) for span in tape.spans])


def read_source(path: str | os.PathLike[str], *, run: str | None = None) -> Source:
    """The tape at `path` as a source, with scope versions, trace states and flags as the file has them.

    `Raises` as `read_tape`.
    """
    tape = read_tape(path, run=run)
    return Source(tape, [line for line, _ in load(path, lines=True).recording.lines])


def _key(span: Span) -> _Key:
    return (span.trace_id, span.span_id)


class _Opened:
    """The line that was looked into last: a collector puts many spans on one."""

    def __init__(self) -> None:
        self._line = b""
        self._spans: list[tuple[Document, Document, Document]] = []

    def span(self, line: bytes, place: int) -> tuple[Document, Document, Document]:
        """The group, the scope and the span at `place` of `line`, as they stand there."""
        if line is not self._line:
            self._line, self._spans = line, list(_spans(msgspec.json.decode(line)))
        return self._spans[place]


def _spans(document: Mapping[str, Any]) -> Iterator[tuple[Document, Document, Document]]:
    for group in document.get("resourceSpans") or ():
        for scope in group.get("scopeSpans") or ():
            for span in scope.get("spans") or ():
                yield group, scope, span


def _single(group: Document, scope: Document, span: Document) -> Document:
    scopes = [{**scope, "spans": [span]}]
    return {"resourceSpans": [{**group, "scopeSpans": scopes}]}


def _restored(span: Span, raw: Document) -> Document:
    """`raw` with the ids in OTLP's form, the times as the tape has them, and all attributes."""
    links = [
        {**given, "traceId": link.get("trace_id", ""), "spanId": link.get("span_id", "")}
        for given, link in zip(raw.get("links") or (), span.links, strict=True)
    ]
    written = {
        **{key: value for key, value in raw.items() if value is not None},
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "startTimeUnixNano": str(span.started_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "kind": span.kind,
        "attributes": attribute_list(plain_payloads(span.attributes)),
    }
    written |= {"parentSpanId": span.parent_id} if span.parent_id else {}
    return written | ({"links": links} if links else {})


def with_attributes(document: Document, name: str, attributes: Mapping[str, Any]) -> Document:
    """The document with another name and other attributes for its span."""
    ((group, scope, span),) = _spans(document)
    return _single(group, scope, {**span, "name": name, "attributes": attribute_list(attributes)})
