"""Counted ids make the ids of a test's spans foretold."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider

from spantape.testing import CountedIds


def test_traces_and_spans_are_counted_apart():
    tracer = TracerProvider(id_generator=CountedIds()).get_tracer("t")
    with tracer.start_as_current_span("a") as a, tracer.start_as_current_span("b") as b:
        pass
    with tracer.start_as_current_span("c") as c:
        pass
    ids = [(span.get_span_context().trace_id, span.get_span_context().span_id) for span in (a, b, c)]
    assert ids == [(1, 1), (1, 2), (2, 3)]


def test_they_may_start_elsewhere():
    ids = CountedIds(first=7)
    assert (ids.generate_trace_id(), ids.generate_span_id()) == (7, 7)
