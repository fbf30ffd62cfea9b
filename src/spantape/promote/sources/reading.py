"""One source as its spans: unpacked, cut into documents, each document given to the reader of its format.

Known by content: sealed tapes and journals, segments of a running `collect`, and, behind zstd, gzip or nothing, JSON
Lines, one JSON document, messages behind 4-byte lengths (the Collector's file exporter), and bare protobuf.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

import msgspec

from spantape.errors import TapeDamaged
from spantape.promote.sources import framing, whole
from spantape.promote.sources._base import Found, Source, SourceDamaged
from spantape.promote.sources.formats import read_json
from spantape.tape.limits import Limits
from spantape.tape.unpack import Torn, lines, pieces

OnDamage = Callable[[SourceDamaged], None]
"""Told of what is damaged; raises it, or returns so that the rest is read."""

STREAMED: Final = Limits(total_bytes=1 << 62)
"""A source is never in memory as a whole, so it may be of any size; one line, message or document may not."""

_PEEK: Final = 4096
_EXPECTED: Final = (
    "expected OTLP (JSON Lines, protobuf, the Collector's file exporter), a tape, or a JSON export of Jaeger, Tempo, "
    "Phoenix or Langfuse; plain, gzip or zstd"
)


class Placed(NamedTuple):
    """A span and where it stood: `unit` (line, message, document, byte; "" for a tape) and its number."""

    found: Found
    unit: str
    number: int


class Document(NamedTuple):
    """The bytes of one document, what reads them, and where they stood."""

    data: bytes
    read: Callable[[bytes], Iterator[Found]]
    unit: str
    number: int


def read(source: Source, on_damage: OnDamage, limits: Limits = STREAMED) -> Iterator[Placed]:
    """The spans of `source`, in its order; memory holds one document at a time.

    Raises:
        SourceDamaged: it cannot be opened or read; what is damaged in it goes to `on_damage`.
    """
    try:
        with source.open() as file:
            yield from _read(source, file, on_damage, limits)
    except FileNotFoundError:
        if source.named or not source.path.endswith(".segment"):  # one that a running collect is done with
            raise SourceDamaged("is gone", path=source.path) from None
    except OSError as error:
        raise SourceDamaged(f"cannot be read ({error.strerror or error})", path=source.path) from error


def _read(source: Source, file: BinaryIO, on_damage: OnDamage, limits: Limits) -> Iterator[Placed]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    special = whole.reader_of(file, size)
    if special is not None:
        for found in special(source, file, size, on_damage):
            yield Placed(found, "", 0)
        return
    documents = _documents(source, file, size, limits)
    while (document := _next(documents, source, on_damage)) is not None:
        try:
            for found in document.read(document.data):
                yield Placed(found, document.unit, document.number)
        except TapeDamaged as error:
            on_damage(SourceDamaged(error.reason, path=source.path, place=_place(document)))
        except (
            msgspec.MsgspecError,
            UnicodeError,
            RecursionError,
        ) as error:  # in a part that was left for later
            why = f"holds what cannot be read ({error})"
            on_damage(SourceDamaged(why, path=source.path, place=_place(document)))


def _place(document: Document) -> str:
    return f"{document.unit} {document.number}"


def _next(documents: Iterator[Document], source: Source, on_damage: OnDamage) -> Document | None:
    """The next document; what ends the file early is told, and ends it."""
    try:
        return next(documents, None)
    except Torn as torn:
        why = f"the bytes break off at byte {torn.at} ({torn.why})"
        on_damage(SourceDamaged(why, path=source.path, place=f"frame at byte {torn.frame}"))
    except TapeDamaged as error:
        place = error.place if isinstance(error, SourceDamaged) else None
        on_damage(SourceDamaged(error.reason, path=source.path, place=place))
    return None


def _documents(source: Source, file: BinaryIO, size: int, limits: Limits) -> Iterator[Document]:
    parts = (piece.data for piece in pieces(file, size))
    head, stream = _peeked(parts)
    if not head.strip():
        return
    if framing.is_prefixed(head):
        yield from _framed(framing.prefixed(stream, limits), "message")
    elif head[:1] == b"\n" and not _is_text(head):  # the tag of a group, which is a newline in text
        yield from _framed(framing.groups(stream, limits), "byte")
    elif head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        yield from _json(lines(stream, limits))
    else:
        raise SourceDamaged(f"got bytes that begin with {head[:16]!r}, {_EXPECTED}", path=source.path)


def _peeked(parts: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them."""
    held: list[bytes] = []
    length = 0
    for part in parts:
        held.append(part)
        length += len(part)
        if length >= _PEEK:
            break
    return b"".join(held)[:_PEEK], itertools.chain(held, parts)


def _is_text(head: bytes) -> bool:
    return not any(byte < 0x20 and byte not in b"\t\n\r" for byte in head[:256])


def _framed(messages: Iterable[tuple[int, bytes]], unit: str) -> Iterator[Document]:
    for number, data in messages:
        yield Document(data, read_json if framing.is_json(data) else _proto, unit, number)


def _proto(data: bytes) -> Iterator[Found]:
    from spantape.promote.sources.otlp_proto import read_proto

    return read_proto(data)


# --- JSON ----------------------------------------------------------------------------------------------------------


def _json(found: Iterator[bytes]) -> Iterator[Document]:
    """Lines as documents, or all of them as one where the first is only the beginning of one."""
    numbered = enumerate((line.removeprefix(b"\xef\xbb\xbf") for line in found), 1)
    filled = ((number, line) for number, line in numbered if not line.isspace())
    first = next(filled, None)
    if first is None:
        return
    second = next(filled, None)
    rest = itertools.chain([] if second is None else [second], filled)
    if second is not None and _begins_document(first[1], second[1]):
        yield Document(b"".join([first[1], *(line for _, line in rest)]), read_json, "document", 1)
        return
    for number, line in itertools.chain([first], rest):
        yield Document(line, read_json, "line", number)


def _begins_document(first: bytes, second: bytes) -> bool:
    """Whether a first line is the head of a document that goes on: not whole, and what follows is no new document."""
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return first.strip() in (b"[", b"{") or second[:1] not in (b"{", b"[")
    return False
