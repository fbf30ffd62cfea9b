"""OTLP JSON Lines: one TracesData document per line, as the OTLP File Exporter and the Collector write them.

A first line without spans says which run it is, as on a tape, where there is but one.

See: <https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/>
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from spantape.tape.otlp import resource_line
from spantape.tape.outward.source import Document, Source

_json = msgspec.json.Encoder()


def document_line(document: Document) -> bytes:
    """A document as a line, with its newline."""
    return _json.encode(document) + b"\n"


def write_json(sources: Sequence[Source]) -> Iterator[bytes]:
    """The lines of the runs, one behind the other.

    Raises:
        TapeError: a file was changed while it was read.
    """
    if len(sources) == 1:
        yield resource_line(sources[0].header)
    for source in sources:
        yield from lines_of(document for _, document in source.pairs())


def lines_of(documents: Iterable[Document]) -> Iterator[bytes]:
    """Documents as lines."""
    return map(document_line, documents)
