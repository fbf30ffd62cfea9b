"""Recorded runs in memory and on disk, for the tests of the tape room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantape._model import Exchange, Headers, Request, Response
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.tape.model import Span, Tape
from spantape.tape.write import write_tape

RUN = "5eed" * 8
CHAT = "https://api.example.com/v1/chat/completions?beta=1"
JSON: Headers = (("content-type", "application/json"),)


def chat(turn: int) -> bytes:
    """The request body of the turn `turn` of a run: it resends its history."""
    messages = [{"role": "user", "content": f"question {i}: " + "wörd " * 20} for i in range(turn + 1)]
    return json.dumps({"model": "m", "messages": messages}, ensure_ascii=False).encode()


def exchange(turn: int, *, answer: bytes = b"", status: int = 200) -> Exchange:
    body = answer or json.dumps({"choices": [{"message": {"content": f"answer {turn}"}}]}).encode()
    return Exchange(Request("POST", CHAT, JSON, chat(turn)), Response(status, JSON, body))


def span(index: int, attributes: dict[str, Any], *, parent: str = "", **more: Any) -> Span:
    given: dict[str, Any] = {
        "trace_id": "ab" * 16,
        "span_id": f"{index + 1:016x}",
        "parent_id": parent,
        "name": f"span {index}",
        "started_ns": 1_000 + index,
        "ended_ns": 2_000 + index,
        "attributes": attributes,
    }
    return Span(**(given | more))


def exchange_span(index: int, recorded: Exchange, base: bytes | None = None, **more: Any) -> Span:
    own = {names.KIND: "exchange", names.RUN_ID: RUN, names.STEP: index}
    return span(index, more.pop("attributes", None) or own | write_exchange(recorded, base), **more)


def run_spans(turns: int) -> list[Span]:
    """A run of `turns` exchanges, each but the first a delta to the one before."""
    return [exchange_span(i, exchange(i), chat(i - 1) if i else None) for i in range(turns)]


def tool_span(index: int, arguments: Any, result: Any = None, **more: Any) -> Span:
    attributes = {
        names.KIND: "tool",
        names.RUN_ID: RUN,
        names.STEP: index,
        names.TOOL_NAME: "search",
        names.ARGUMENTS: arguments if isinstance(arguments, str) else json.dumps(arguments),
        names.RESULT: json.dumps(result),
        names.RESULT_TYPE: "value",
    }
    return span(index, attributes, **more)


def agent_span(index: int, name: str = "planner", **more: Any) -> Span:
    attributes = {names.KIND: "agent", names.RUN_ID: RUN, names.STEP: index, names.AGENT_NAME: name}
    return span(index, attributes | {names.ARGUMENTS: "{}", names.RESULT: "null"}, **more)


def sealed(path: Path, spans: Iterable[Span] | None = None, turns: int = 4) -> Tape:
    return write_tape(path, run_spans(turns) if spans is None else spans, name="a run", run_id=RUN)


def names_in(directory: Path) -> list[str]:
    """The names of what is in a directory, sorted."""
    return sorted(path.name for path in directory.iterdir())


def edited(path: Path, edit: Callable[[bytearray], None]) -> None:
    data = bytearray(path.read_bytes())
    edit(data)
    path.write_bytes(data)


def sdk_spans(
    make: Callable[[Any], None], *, resource: dict[str, str] | None = None
) -> Sequence[ReadableSpan]:
    """The finished SDK spans of what `make` does with a tracer."""
    kept = InMemorySpanExporter()
    limits = SpanLimits(max_attributes=SpanLimits.UNSET)
    provider = TracerProvider(resource=Resource(resource or {}), span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    make(provider.get_tracer("spantape", "1.0"))
    return kept.get_finished_spans()


def sdk_run(turns: int) -> Sequence[ReadableSpan]:
    """The SDK spans of an agent that makes `turns` exchanges."""

    def make(tracer: Any) -> None:
        root = {names.KIND: "agent", names.RUN_ID: RUN, names.AGENT_NAME: "planner", names.ARGUMENTS: "{}"}
        with tracer.start_as_current_span("invoke_agent planner", attributes=root | {names.RESULT: "null"}):
            for turn in range(turns):
                own = {names.KIND: "exchange", names.RUN_ID: RUN, names.STEP: turn + 1}
                attributes = own | write_exchange(exchange(turn), chat(turn - 1) if turn else None)
                tracer.start_span("chat", attributes=attributes).end()

    return sdk_spans(make)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    texts,
    st.binary(max_size=12),
)
values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=6,
)
_hex16 = st.binary(min_size=8, max_size=8).filter(any).map(bytes.hex)
_hex32 = st.binary(min_size=16, max_size=16).filter(any).map(bytes.hex)
_times = st.integers(0, (1 << 63) - 1)
any_spans = st.builds(
    Span,
    trace_id=_hex32,
    span_id=_hex16,
    parent_id=st.one_of(st.just(""), _hex16),
    name=texts,
    started_ns=_times,
    ended_ns=_times,
    attributes=st.dictionaries(texts, values, max_size=5),
    kind=st.integers(0, 5),
    status_code=st.integers(0, 2),
    status_message=texts,
    links=st.lists(
        st.fixed_dictionaries(
            {"trace_id": _hex32, "span_id": _hex16, "attributes": st.dictionaries(texts, values, max_size=2)}
        ),
        max_size=2,
    ).map(tuple),
    events=st.lists(
        st.fixed_dictionaries(
            {"name": texts, "time_ns": _times, "attributes": st.dictionaries(texts, values, max_size=2)}
        ),
        max_size=2,
    ).map(tuple),
    dropped_attributes=st.integers(0, 100),
    scope=texts,
    resource=st.dictionaries(texts, values, max_size=2),
)
