"""One JSON document, given to the reader of the format that its members show."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from spantape.promote.sources import jaeger, langfuse, phoenix
from spantape.promote.sources._base import Found, SourceDamaged, found
from spantape.promote.sources.otlp_json import ResourceLogs, ResourceSpans, camel_case, read_groups, read_logs
from spantape.tape.model import Span

_NOTHING: Final = msgspec.Raw()


class _Trace(msgspec.Struct):
    resourceSpans: list[ResourceSpans] | None = None  # noqa: N815 - the wire's names, here and below
    batches: list[ResourceSpans] | None = None


class _Document(msgspec.Struct):
    """What tells the formats apart; members that no format shows are left unread."""

    resourceSpans: list[ResourceSpans] | None = None  # noqa: N815
    batches: list[ResourceSpans] | None = None
    trace: _Trace | msgspec.UnsetType | str | None = msgspec.UNSET
    result: _Trace | msgspec.UnsetType | str | list[msgspec.Raw] | None = msgspec.UNSET
    resource_spans: msgspec.Raw = _NOTHING
    resourceLogs: list[ResourceLogs] | None = None  # noqa: N815
    resourceMetrics: msgspec.Raw = _NOTHING  # noqa: N815


_decoder = msgspec.json.Decoder(_Document)

_OTHERS: Final[tuple[tuple[Callable[[Any], bool], Callable[[Any], Iterator[Span]]], ...]] = (
    (jaeger.is_export, jaeger.read_export),
    (phoenix.is_export, phoenix.read_export),
    (langfuse.is_export, langfuse.read_export),
)


def read_json(data: bytes) -> Iterator[Found]:
    """The spans of one JSON document, in its order, and the log records of spans; none for metrics.

    Raises:
        SourceDamaged: it is not JSON, or of no format that is known.
    """
    try:
        if data.lstrip()[:1] == b"[":
            return _each(msgspec.json.decode(data, type=list[msgspec.Raw]), data)
        document = _decoder.decode(data)
        if bytes(document.resource_spans):
            return read_json(msgspec.json.encode(camel_case(msgspec.json.decode(data))))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceDamaged(f"is not a document that can be read ({error})") from error
    groups = _groups(document)
    if groups is not None or document.resourceLogs is not None:
        return itertools.chain(read_groups(groups), read_logs(document.resourceLogs))
    if bytes(document.resourceMetrics):
        return iter(())
    return _other(data)


def _groups(document: _Document) -> list[ResourceSpans] | None:
    holders = (document, document.trace, document.result)
    for holder in holders:
        if isinstance(holder, _Document | _Trace):
            groups = holder.resourceSpans if holder.resourceSpans is not None else holder.batches
            if groups is not None:
                return groups
    return None


def _each(documents: list[msgspec.Raw], data: bytes) -> Iterator[Found]:
    """The spans of an array: of documents of their own, or of another tool's spans."""
    first = bytes(documents[0]).lstrip() if documents else b""
    if first[:1] == b"{" and not _is_own_document(first):
        yield from _other(data)
        return
    for document in documents:
        yield from read_json(bytes(document))


def _is_own_document(data: bytes) -> bool:
    document = _decoder.decode(data)
    return _groups(document) is not None or bytes(document.resource_spans) != b""


def _other(data: bytes) -> Iterator[Found]:
    try:
        document = msgspec.json.decode(data)
        for known, spans in _OTHERS:
            if known(document):
                return iter([found(span) for span in spans(document)])
    except RecursionError as error:
        raise SourceDamaged("is nested too deep") from error
    except (msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise SourceDamaged(f"holds a value of a wrong type ({error})") from error
    members = sorted(document) if isinstance(document, dict) else []
    raise SourceDamaged(
        f"got a JSON document with members {', '.join(members[:6]) or 'none'}, expected resourceSpans (OTLP), batches "
        "or trace (Tempo), data with spans (Jaeger, Phoenix), or observations (Langfuse)"
    )
