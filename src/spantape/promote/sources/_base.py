"""A span as a source holds it, and where: what every reader gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Literal, NamedTuple

from spantape._spans import names
from spantape.errors import TapeDamaged
from spantape.tape.model import Span
from spantape.tape.otlp import span_line
from spantape.tape.otlp_read import read_document

Form = Literal[0, 1, 2]
JSON: Final[Form] = 0
PROTO: Final[Form] = 1
LOG: Final[Form] = 2


class Found(NamedTuple):
    """One span, or one log record of a span (`LOG`, an OTLP JSON document of its own): what it belongs to, and its bytes, which are decoded when its run is put together.

    Ids are lowercase hex; `links` are the other traces that a span without a parent goes on from. `data` is a
    TracesData document that holds this span alone, as a JSON line or (`PROTO`) as protobuf.
    """

    trace_id: str
    run_id: str
    links: tuple[str, ...]
    form: Form
    data: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read: `open` gives its bytes from the start, seekable; `named` says that it was asked for by name."""

    path: str
    open: Callable[[], BinaryIO] = field(repr=False)
    named: bool = True


class SourceDamaged(TapeDamaged):
    """A source that is not what an exporter wrote: names the file, and the line, message or byte."""

    def __init__(self, reason: str, *, path: str | None = None, place: str | None = None) -> None:
        self.place = place
        super().__init__(reason, path=path)

    def _message(self) -> str:
        known = (None if self.path is None else repr(self.path), self.place)
        where = ", ".join(part for part in known if part)
        return f"source {where}: {self.reason}" if where else self.reason

    def at(self, path: str, place: str) -> SourceDamaged:
        """The same, where it is."""
        return SourceDamaged(self.reason, path=path, place=place)


def found(span: Span, run_id: str = "") -> Found:
    """A span that is decoded already; `run_id` is its run's where it names none itself."""
    stated = span.attributes.get(names.RUN_ID)
    own = stated if isinstance(stated, str) and stated else run_id
    links = () if span.parent_id else tuple(str(link.get("trace_id", "")) for link in span.links)
    return Found(identified(span.trace_id), own, links, JSON, span_line(span))


def identified(trace_id: str) -> str:
    """`trace_id`, which a span must have.

    Raises:
        SourceDamaged: it is empty.
    """
    if not trace_id:
        raise SourceDamaged("got a span without a trace id")
    return trace_id


def decode(form: Form, data: bytes) -> tuple[Span, bytes]:
    """The span of a `Found`, and its line as a tape keeps it.

    Raises:
        TapeDamaged: something in it has a wrong type.
    """
    if form == PROTO:
        from spantape.promote.sources.otlp_proto import span_of

        span = span_of(data)
        return span, span_line(span)
    (span,) = read_document(data).spans
    return span, data if _is_kept_so(data, span) else span_line(span)


def _is_kept_so(line: bytes, span: Span) -> bool:
    """Whether a line can stand on a tape as it came: ids in hex, enums as numbers, no payload packed."""
    return (
        b'"bytesValue"' not in line
        and b'"SPAN_KIND_' not in line
        and b'"STATUS_CODE_' not in line
        and f'"{span.trace_id}"'.encode() in line
        and f'"{span.span_id}"'.encode() in line
    )
