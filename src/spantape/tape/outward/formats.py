"""The formats in which a tape leaves, as a table: a new one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from spantape.errors import UsageError
from spantape.tape.outward.genai import genai_documents
from spantape.tape.outward.openinference import openinference_documents
from spantape.tape.outward.otlp_json import lines_of, write_json
from spantape.tape.outward.source import Document, Source


class Format(NamedTuple):
    """A format of spans: its name, what it is, its documents, and the bytes of a file of several runs."""

    name: str
    title: str
    documents: Callable[[Source], Iterator[Document]]
    write: Callable[[Sequence[Source]], Iterator[bytes]]


def recorded_documents(source: Source) -> Iterator[Document]:
    """The spans of a run as they are on the tape."""
    return (document for _, document in source.pairs())


def _write_proto(sources: Sequence[Source]) -> Iterator[bytes]:
    from spantape.tape.outward.otlp_proto import write_proto

    return write_proto(sources)


def _lines_of(
    documents: Callable[[Source], Iterator[Document]],
) -> Callable[[Sequence[Source]], Iterator[bytes]]:
    def write(sources: Sequence[Source]) -> Iterator[bytes]:
        for source in sources:
            yield from lines_of(documents(source))

    return write


FORMATS: Final = (
    Format("otlp-json", "OTLP JSON Lines", recorded_documents, write_json),
    Format("otlp-proto", "OTLP protobuf", recorded_documents, _write_proto),
    Format(
        "openinference",
        "spans as Phoenix shows them",
        openinference_documents,
        _lines_of(openinference_documents),
    ),
    Format(
        "genai", "spans of OpenTelemetry's GenAI conventions", genai_documents, _lines_of(genai_documents)
    ),
)
NAMES: Final = tuple(form.name for form in FORMATS)


def format_named(name: str) -> Format:
    """The format of spans called `name`.

    Raises:
        UsageError: there is none.
    """
    for form in FORMATS:
        if form.name == name:
            return form
    raise UsageError(f"got the format {name!r}, expected one of {', '.join(NAMES)}")
