"""Whether a run is whole, told from the spans that are there, and what is missing where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from spantape._spans import names
from spantape.promote.assembly import Member
from spantape.promote.sources._base import PROTO
from spantape.tape.model import Span

_STEPS: Final = ("exchange", "tool", "agent")
_SHOWN: Final = 3
_KEEP: Final = (
    "it still runs, was sampled out, or is in a source that was not given: give all sources, keep traces whole "
    "(OTEL_TRACES_SAMPLER=parentbased_always_on; a Collector's tail sampling by trace)"
)
_HAS_IS_REMOTE: Final = 0x100  # From: SpanFlags in opentelemetry/proto/trace/v1/trace.proto
_IS_REMOTE: Final = 0x200


def is_ours(span: Span) -> bool:
    """Whether a span is one that spantape made of a step."""
    return span.attributes.get(names.KIND) in _STEPS


def missing(members: Sequence[Member], run_id: str) -> str | None:
    """What a run waits for, None where nothing is known to be missing.

    Steps of ours are numbered from 0, so that a gap is a step that is not there; in a trace of others a parent that
    is named and not there is one.
    """
    spans = [member.span for member in members]
    unended = next((span for span in spans if not span.ended_ns), None)
    if unended is not None:
        return f"run {run_id}: span {unended.span_id} ({unended.name}) has not ended"
    ours = [span for span in spans if is_ours(span)]
    return _gap(spans, ours, run_id) if ours else _orphan(members, run_id)


def _gap(spans: Sequence[Span], ours: Sequence[Span], run_id: str) -> str | None:
    numbers = {step for span in ours if type(step := span.attributes.get(names.STEP)) is int and step >= 0}
    total = max(numbers, default=-1) + 1
    count = total - len(numbers)
    if count <= sum(names.STEP not in span.attributes for span in ours):
        return None
    gaps = list(islice((number for number in range(total) if number not in numbers), _SHOWN))
    told = ", ".join(map(str, gaps)) + (f" and {count - _SHOWN} more" if count > _SHOWN else "")
    parents = _missing_parents(spans)
    which = f" (parent span {parents[0].parent_id} of {parents[0].name!r})" if 0 in gaps and parents else ""
    noun, verb = ("step", "is") if count == 1 else ("steps", "are")
    return f"run {run_id}: {noun} {told}{which} of {total} {verb} missing: {_KEEP}"


def _missing_parents(spans: Sequence[Span]) -> list[Span]:
    here = {(span.trace_id, span.span_id) for span in spans}
    return [span for span in spans if span.parent_id and (span.trace_id, span.parent_id) not in here]


def _orphan(members: Sequence[Member], run_id: str) -> str | None:
    orphans = {id(span) for span in _missing_parents([member.span for member in members])}
    for member in members:
        span = member.span
        if id(span) in orphans and not _is_remote(member):
            return f"run {run_id}: parent span {span.parent_id} of {span.name!r} is missing: {_KEEP}"
    return None


def notes(spans: Sequence[Span]) -> list[str]:
    """What is missing around a run of ours without costing it anything: parents that hold no step."""
    orphans = _missing_parents(spans)
    return [
        f"span {span.span_id} ({span.name}) stands at the top: its parent {span.parent_id} is in no source"
        for span in orphans[:_SHOWN]
    ]


# --- flags -----------------------------------------------------------------------------------------------------------


class _Span(msgspec.Struct):
    flags: int | None = None


class _Scope(msgspec.Struct):
    spans: list[_Span]


class _Group(msgspec.Struct):
    scopeSpans: list[_Scope]  # noqa: N815 - the wire's names, here and below


class _Document(msgspec.Struct):
    resourceSpans: list[_Group]  # noqa: N815


def _is_remote(member: Member) -> bool:
    """Whether a span says that its parent is another process's, which may send its spans elsewhere."""
    flags = _flags(member)
    return bool(flags & _HAS_IS_REMOTE and flags & _IS_REMOTE)


def _flags(member: Member) -> int:
    if member.form == PROTO:
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

        flags: int = TracesData.FromString(member.data).resource_spans[0].scope_spans[0].spans[0].flags
        return flags
    try:
        document = msgspec.json.decode(member.data, type=_Document)
    except msgspec.DecodeError:
        return 0
    return document.resourceSpans[0].scopeSpans[0].spans[0].flags or 0
