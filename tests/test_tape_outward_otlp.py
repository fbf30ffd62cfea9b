"""Tapes as OTLP files and back: the same spans, fingerprint and bodies, with all that the file says of them."""

from __future__ import annotations

import json
import warnings
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, TraceFlags, TraceState

from cli_tapes import record_guide
from spantape import read_tape
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.errors import TapeDamaged, TapeError, UsageError
from spantape.tape.exchanges import export_exchanges, import_exchanges
from spantape.tape.outward.formats import FORMATS, format_named
from spantape.tape.outward.importing import holds_spans, import_spans, runs_in
from spantape.tape.outward.otlp_proto import message_of, read_proto
from spantape.tape.outward.source import read_source, source_of
from spantape.tape.write import TapeWriter, write_tape
from tape_spans import RUN, agent_span, any_spans, exchange, exchange_span, run_spans, sealed, tool_span

LOSSLESS = ("otlp-json", "otlp-proto")
_numbers = count()


@pytest.fixture(params=LOSSLESS)
def form(request):
    return request.param


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return tmp_path_factory.mktemp("outward")


def exported(form, *sources):
    return b"".join(format_named(form).write(sources))


def there_and_back(directory, tape_path, form, **more):
    file = directory / f"{next(_numbers)}.otlp"
    file.write_bytes(exported(form, read_source(tape_path)))
    return import_spans(file, directory / f"{next(_numbers)}.tape", **more)


def bodies(tape):
    exchanges = [step for step in tape.steps if step.kind == "exchange"]
    return [(step.request_body(), step.response) for step in exchanges]


def same(back, tape):
    read = read_tape(back.path)
    assert read.spans == tape.spans
    assert (read.fingerprint, read.run_id, read.name, read.resource) == (
        tape.fingerprint,
        tape.run_id,
        tape.name,
        tape.resource,
    )
    assert bodies(read) == bodies(tape)
    assert read.sealed


# --- there and back ----------------------------------------------------------------------------------------------

odd_bodies = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode), st.just(b"{}" * 9000))
exchanges = st.lists(
    st.builds(exchange, st.integers(0, 3), answer=odd_bodies, status=st.sampled_from([200, 429, 503])),
    max_size=4,
)


@given(
    exchanges, st.lists(any_spans, max_size=3, unique_by=lambda span: span.span_id), st.sampled_from(LOSSLESS)
)
@settings(max_examples=60, deadline=None)
def test_any_run_comes_back_as_it_was(room, made, others, form):
    ours = [exchange_span(index, each) for index, each in enumerate(made)]
    path = room / f"{next(_numbers)}.tape"
    tape = write_tape(
        path, [*ours, tool_span(7, {"a": 1}), *others], name="näme", run_id=RUN, resource={"a": 1.5}
    )
    same(there_and_back(room, path, form), read_tape(tape.path))


@given(exchanges)
@settings(max_examples=40, deadline=None)
def test_any_exchanges_come_back_as_they_were(room, made):
    spans = [exchange_span(index, each) for index, each in enumerate(made)]
    tape = write_tape(room / f"{next(_numbers)}.tape", spans, run_id=RUN)
    lines = list(export_exchanges(tape))
    back = write_tape(room / f"{next(_numbers)}.tape", import_exchanges(lines))
    assert back.fingerprint == tape.fingerprint
    assert bodies(back) == bodies(tape)
    assert list(export_exchanges(back)) == lines


def test_a_delta_coded_run_comes_back(tmp_path, form):
    tape = sealed(tmp_path / "a.tape", turns=9)
    same(there_and_back(tmp_path, tape.path, form), read_tape(tape.path))


def test_a_run_of_the_real_sdk_comes_back(tmp_path, form):
    tape = read_tape(record_guide(tmp_path / "a.tape"))
    back = there_and_back(tmp_path, tape.path, form)
    same(back, tape)
    assert [step.kind for step in back.steps] == ["agent", "tool", "exchange"]


def recorded_with_context(path):
    """A tape whose spans have what the tape in memory does not hold: scope version, trace state, flags."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("spantape", "9.9.1", attributes={"scoped": True})
    link = Link(
        SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", "1")]))
    )
    attributes = {names.KIND: "exchange", names.RUN_ID: RUN, names.STEP: 0, **write_exchange(exchange(0))}
    span = tracer.start_span("chat", attributes=attributes, links=[link])
    span.add_event("hello", {"n": 1}, timestamp=12)
    span.end()
    writer = TapeWriter(path, name="linked", run_id=RUN)
    for finished in kept.get_finished_spans():
        writer.add(finished)
    return writer.close()


def group_of(message):
    return next(group for group in message.resource_spans if group.scope_spans)


def test_scope_trace_state_and_flags_are_kept(tmp_path, form):
    tape = recorded_with_context(tmp_path / "a.tape")
    back = there_and_back(tmp_path, tape.path, form)
    found = group_of(TracesData.FromString(exported("otlp-proto", read_source(back.path))))
    (scope,) = found.scope_spans
    (span,) = scope.spans
    assert (scope.scope.name, scope.scope.version) == ("spantape", "9.9.1")
    assert scope.scope.attributes[0].key == "scoped"
    assert (span.links[0].trace_id, span.links[0].trace_state) == (bytes(15) + b"\7", "v=1")
    assert span.flags == 0x100
    assert (span.events[0].name, span.events[0].time_unix_nano) == ("hello", 12)
    assert span.start_time_unix_nano == tape.spans[0].started_ns


def test_a_file_in_protobuf_is_one_message_that_others_read(tmp_path):
    tape = sealed(tmp_path / "a.tape")
    message = TracesData.FromString(exported("otlp-proto", read_source(tape.path)))
    spans = [span for group in message.resource_spans for scope in group.scope_spans for span in scope.spans]
    assert [span.span_id.hex() for span in spans] == [span.span_id for span in tape.spans]


def test_a_tape_in_memory_is_exported_too():
    (first, *_) = source_of(read_memory()).pairs()
    assert first[1]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] == "ab" * 16


def read_memory():
    from spantape.tape.build import tape_of

    return tape_of(run_spans(2))


# --- several runs ------------------------------------------------------------------------------------------------


def two_runs(tmp_path):
    first = sealed(tmp_path / "a.tape")
    other = [agent_span(90, "writer", trace_id="cd" * 16)]
    other[0].attributes[names.RUN_ID] = "0ther" * 4
    second = write_tape(tmp_path / "b.tape", other, run_id="0ther" * 4)
    return first, second


def test_a_file_of_two_runs_gives_back_each(tmp_path, form):
    tapes = two_runs(tmp_path)
    file = tmp_path / "both.otlp"
    file.write_bytes(exported(form, *(read_source(tape.path) for tape in tapes)))
    assert runs_in(file) == [tape.run_id for tape in tapes]
    with pytest.raises(UsageError, match="got 2 runs"):
        import_spans(file, tmp_path / "c.tape")
    for tape in tapes:
        back = import_spans(file, tmp_path / "c.tape", run=tape.run_id)
        assert back.spans == tape.spans
        assert back.fingerprint == tape.fingerprint


# --- what is no such file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\n", b"\n\n- yaml: 1\n", b"{}", b"\x0a\x05hello", b"\x0a\x00"])
def test_what_holds_no_spans_is_not_taken_for_them(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    assert not holds_spans(tmp_path / "x")


def test_a_tape_is_not_taken_for_a_file_of_spans(tmp_path):
    assert not holds_spans(sealed(tmp_path / "a.tape").path)
    assert not holds_spans(tmp_path)


def test_spans_of_others_alone_make_no_tape(tmp_path, form):
    tape = write_tape(tmp_path / "a.tape", [foreign_span()], run_id=RUN)
    with pytest.raises(TapeError, match="none of which spantape recorded"):
        there_and_back(tmp_path, tape.path, form)


def foreign_span():
    from tape_spans import span

    return span(0, {"gen_ai.operation.name": "chat"})


def test_bytes_that_are_no_message_are_refused():
    with pytest.raises(TapeDamaged, match="no OTLP trace message"):
        list(read_proto(b"\x0a\xff"))


def test_a_span_nested_deeper_than_protobuf_goes_is_refused():
    deep = {"stringValue": "x"}
    for _ in range(200):
        deep = {"arrayValue": {"values": [deep]}}
    span = {"traceId": "ab" * 16, "attributes": [{"key": "a", "value": deep}]}
    with pytest.raises(TapeError, match="cannot be said in protobuf"):
        message_of({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    source = read_source(sealed(tmp_path / "a.tape").path)
    changed = type(source)(source.tape, source.lines[1:])
    with pytest.raises(TapeError, match="changed while it was read"):
        list(changed.pairs())


def test_an_unknown_format_is_named():
    with pytest.raises(UsageError, match="got the format 'x', expected one of otlp-json"):
        format_named("x")
    assert len({form.name for form in FORMATS}) == len(FORMATS)


def test_ids_that_a_writer_left_in_base64_leave_as_hex(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tape = sealed(tmp_path / "a.tape", turns=1)
        lines = exported("otlp-json", read_source(tape.path)).splitlines()
        span = json.loads(lines[1])
        span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = "q6urq6urq6urq6urq6urqw=="
        (tmp_path / "b.jsonl").write_bytes(lines[0] + b"\n" + json.dumps(span).encode() + b"\n")
        assert b'"traceId":"abab' in exported("otlp-json", read_source(tmp_path / "b.jsonl"))
