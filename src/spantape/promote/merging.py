"""Which spans tell of one and the same call: nested ones, those of one response, and a stream's end beside its start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from spantape._dialects import Asked
from spantape._model import header
from spantape.errors import TapeError
from spantape.promote.foreign import ForeignCall
from spantape.tape.answers import dialect_of
from spantape.tape.model import ExchangeStep, Span

Key = tuple[str, str]
"""Trace and span id."""

_LOOKED_INTO: Final = 64  # calls of one response id that a span may belong to: more is a mock's doing
_ANCESTORS: Final = 64  # levels that are looked through: a cycle of parents ends


def key_of(span: Span) -> Key:
    """What a span is found by."""
    return span.trace_id, span.span_id


@dataclass(slots=True)
class Group:
    """The spans of one call: ours in order of start, and those of others from the outermost to the innermost."""

    own: list[ExchangeStep] = field(default_factory=list)
    foreign: list[ForeignCall] = field(default_factory=list)


class Tree:
    """The spans of a run by id, to look for what stands above one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: Mapping[Key, Span] = {key_of(span): span for span in spans}

    def above(self, span: Span, wanted: Callable[[Key], bool]) -> Key | None:
        """The nearest span above that is wanted, None where there is none."""
        key = span.trace_id, span.parent_id
        for _ in range(_ANCESTORS):
            parent = self._spans.get(key)
            if parent is None:
                return None
            if wanted(key):
                return key
            key = parent.trace_id, parent.parent_id
        return None

    def depth(self, span: Span) -> int:
        """How many known spans stand above."""
        count, key = 0, (span.trace_id, span.parent_id)
        while count < _ANCESTORS and (parent := self._spans.get(key)) is not None:
            count, key = count + 1, (parent.trace_id, parent.parent_id)
        return count


def grouped(own: Sequence[ExchangeStep], calls: Sequence[ForeignCall], tree: Tree) -> list[Group]:
    """The model calls by call: each group tells of one."""
    told = {key_of(call.span): call for call in calls}
    joined = _Joined()
    for step in own:
        joined.add(key_of(step.span))
    for key in told:
        joined.add(key)
    for span in (*(step.span for step in own), *(call.span for call in calls)):
        above = tree.above(span, told.__contains__)
        if above is not None and not _is_another(told.get(key_of(span)), told[above]):
            joined.join(key_of(span), above)
    _join_by_response(own, calls, joined)
    _join_stream_ends(calls, joined)
    return _groups(own, calls, joined, tree)


def _is_another(inner: ForeignCall | None, outer: ForeignCall) -> bool:
    """Whether the inner call is another one than that of the span around it: a wrapper may call several models."""
    return (
        inner is not None
        and bool(inner.response_id and outer.response_id)
        and inner.response_id != outer.response_id
    )


def _join_by_response(own: Sequence[ExchangeStep], calls: Sequence[ForeignCall], joined: _Joined) -> None:
    """Join the spans that tell of one response at one time; ours are read only where others need it.

    They may be of several traces: LangChain's callbacks do not make their spans the current ones.
    """
    by_id: dict[str, list[Span]] = defaultdict(list)
    for call in calls:
        if call.response_id:
            by_id[call.response_id].append(call.span)
    for step in own if by_id else ():
        if response_id := _response_id(step):
            by_id[response_id].append(step.span)
    for spans in by_id.values():
        _join_disjoint(spans, joined)


def _join_disjoint(spans: Sequence[Span], joined: _Joined) -> None:
    """Join spans of one response id where they overlap and no instrumentation would be in it twice.

    One that gives every call the same id (a mock, mostly) told of several calls.
    """
    sets: dict[Key, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.started_ns):
        sets[joined.root(key_of(span))].append(span)
    made: list[list[Span]] = []
    for members in sets.values():
        scopes = {span.scope for span in members}
        into = next(
            (
                one
                for one in made[-_LOOKED_INTO:]
                if scopes.isdisjoint(s.scope for s in one) and _meet(one, members)
            ),
            None,
        )
        if into is None:
            made.append(members)
            continue
        joined.join(key_of(into[0]), key_of(members[0]))
        into += members


def _meet(ones: Sequence[Span], others: Sequence[Span]) -> bool:
    return any(_overlap(one, other) for one in ones for other in others)


def _overlap(one: Span, other: Span) -> bool:
    return one.started_ns <= other.ended_ns and other.started_ns <= one.ended_ns


def _response_id(step: ExchangeStep) -> str:
    stated = step.span.attributes.get("gen_ai.response.id")
    if isinstance(stated, str):
        return stated
    try:
        dialect, response = dialect_of(step), step.response
    except TapeError:
        return ""
    if dialect is None or response is None or response.status >= 400:
        return ""
    kind = header(response.headers, "content-type") or ""
    asked = Asked(operation=dialect.operation)
    return str(dialect.answer(response.body, 200, kind, asked).attributes.get("gen_ai.response.id") or "")


def _join_stream_ends(calls: Sequence[ForeignCall], joined: _Joined) -> None:
    """Join logfire's record of a finished stream with the call that it began as, which holds no answer."""
    ends = [call for call in calls if call.span.attributes.get("logfire.span_type") == "log"]
    begun = [call for call in calls if call.outputs is None and call.error is None]
    for end in ends:
        for call in begun:
            beside = call.span.trace_id == end.span.trace_id and call.span.scope == end.span.scope
            if beside and call.span is not end.span and call.messages == end.messages:
                joined.join(key_of(call.span), key_of(end.span))
                begun.remove(call)
                break


def _groups(
    own: Sequence[ExchangeStep], calls: Sequence[ForeignCall], joined: _Joined, tree: Tree
) -> list[Group]:
    groups: dict[Key, Group] = defaultdict(Group)
    for step in own:
        groups[joined.root(key_of(step.span))].own.append(step)
    for call in sorted(calls, key=lambda call: tree.depth(call.span)):
        groups[joined.root(key_of(call.span))].foreign.append(call)
    return list(groups.values())


class _Joined:
    """Sets of keys that grow together."""

    def __init__(self) -> None:
        self._parents: dict[Key, Key] = {}

    def add(self, key: Key) -> None:
        self._parents.setdefault(key, key)

    def root(self, key: Key) -> Key:
        while (parent := self._parents[key]) != key:
            self._parents[key] = self._parents[parent]
            key = parent
        return key

    def join(self, one: Key, other: Key) -> None:
        self._parents[self.root(other)] = self.root(one)
