"""Whole runs out of the journal: the tape is the one that an exporter in the service would have written."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from opentelemetry.proto_json.trace.v1.trace import TracesData

from collect_requests import agent_run, call, lone_calls, others, protobuf, raw_span, request
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.collect._bodies import protobuf_of_json
from spantape.collect._export import read_export
from spantape.collect._journal import Journal
from spantape.collect._lines import LineMaker
from spantape.collect._runs import Runs
from spantape.collect._tapes import Job, short_ids_in, write_run
from spantape.errors import TapeError
from spantape.tape import naming
from spantape.tape.build import recorded_spans
from spantape.tape.read import read_tape
from spantape.tape.verify import verify_tape
from tape_spans import chat, exchange, names_in, sdk_spans


class Collected:
    """A journal with requests in it, and the runs that they make, written into `directory`."""

    def __init__(self, directory, journal):
        self.directory, self.journal = directory, journal
        self.runs = Runs(idle_s=0, wait_s=0)

    def add(self, body):
        export = read_export(body)
        place = self.journal.append(export.data, export.body_bytes).result(5)
        return self.runs.add(export, place, 0.0)

    def write(self, **changes):
        return [self._write(run_id, **changes) for run_id in self.runs.due(0.0, 99)]

    def _write(self, run_id, **changes):
        run = self.runs.start(run_id)
        given = {
            "directory": self.directory,
            "run_id": run.id,
            "refs": run.refs,
            "segments": {number: self.journal.path_of(number) for number in run.segments()},
            "traces": tuple(sorted(trace.hex() for trace in run.traces)),
            "look_up": frozenset(short_ids_in(self.directory)),
        }
        written = write_run(Job(**given | changes))
        self.runs.finish(run_id)
        return written


@pytest.fixture
def collected(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "tapes").mkdir()
    journal = Journal(tmp_path / "journal")
    yield Collected(tmp_path / "tapes", journal)
    journal.close()


def test_a_run_is_the_tape_that_its_spans_make(collected):
    spans = agent_run(turns=3, resource={"service.name": "trips"})
    collected.add(protobuf(spans[:2]))
    collected.add(protobuf(spans[2:]))
    [written] = collected.write()
    tape = read_tape(written.path)
    assert tape.sealed
    assert tape.spans == tuple(sorted(recorded_spans(spans), key=lambda span: span.started_ns))
    assert [step.exchange() for step in tape.steps[1:]] == [exchange(turn) for turn in range(3)]
    assert tape.resource["service.name"] == "trips"
    assert (written.kind, written.steps, written.spans, written.added) == ("tape", 4, 4, 4)
    assert (written.fingerprint, written.name, written.late) == (tape.fingerprint, "planner", False)
    assert written.path.name == f"{naming.stamp(spans[-1].start_time)}-planner-abababababab.tape"
    assert verify_tape(written.path).steps == 4


def test_one_request_with_many_runs_makes_a_tape_of_each(collected):
    runs = [agent_run(f"{number:x}" * 32, turns=number) for number in (1, 2, 3)]
    mixed = [span for group in zip(*(run[::-1] for run in runs), strict=False) for span in group]
    rest = [span for run in runs for span in run if span not in mixed]
    collected.add(protobuf(mixed + rest))
    tapes = [read_tape(written.path) for written in collected.write()]
    assert sorted((tape.run_id[0], len(tape.steps)) for tape in tapes) == [("1", 2), ("2", 3), ("3", 4)]


def test_a_loop_without_a_root_is_one_tape(collected):
    spans = lone_calls(turns=4)
    for span in spans:
        collected.add(protobuf([span]))
    [written] = collected.write()
    assert len(written.traces) == 4
    assert [step.request_body() for step in read_tape(written.path).steps] == [
        chat(turn) for turn in range(4)
    ]


def test_all_other_spans_of_the_trace_are_on_the_tape(collected):
    def make(tracer):
        with tracer.start_as_current_span("GET /plan"):
            tracer.start_span("query").end()
            tracer.start_span("chat", attributes=call("ab" * 16)).end()

    collected.add(protobuf(list(sdk_spans(make))))
    [written] = collected.write()
    assert {span.name for span in read_tape(written.path).spans} == {"GET /plan", "query", "chat"}


def test_late_spans_extend_a_tape_that_stays_in_its_place(collected):
    spans = agent_run(turns=3)
    collected.add(protobuf(spans[:1] + spans[3:]))
    [first] = collected.write()
    collected.add(protobuf(spans[1:3]))
    [second] = collected.write()
    assert (second.path, second.late, second.added, second.steps) == (first.path, True, 2, 4)
    assert [step.request_body() for step in read_tape(first.path).steps[1:]] == [
        chat(turn) for turn in range(3)
    ]
    assert names_in(collected.directory) == [first.path.name]


def test_a_run_that_comes_wholly_again_leaves_its_tape_as_it_is(collected):
    body = protobuf(agent_run())
    collected.add(body)
    [first] = collected.write()
    kept = first.path.read_bytes()
    collected.runs = Runs(idle_s=0, wait_s=0)  # another collector, which remembers nothing
    collected.add(body)
    [second] = collected.write()
    assert (second.kind, second.path, second.added) == ("unchanged", first.path, 0)
    assert first.path.read_bytes() == kept


def test_another_runs_tape_is_never_touched(collected):
    for tail in ("0" * 20, "1" * 20):
        spans = agent_run("ab" * 6 + tail)
        for span in spans:
            span._start_time = 1_700_000_000_000_000_000 + span._start_time % 1000
        collected.add(protobuf(spans))
        collected.write()
    assert names_in(collected.directory) == [
        "20231114T221320Z-planner-abababababab-2.tape",
        "20231114T221320Z-planner-abababababab.tape",
    ]
    runs = {read_tape(path).run_id for path in collected.directory.iterdir()}
    assert runs == {"ab" * 6 + "0" * 20, "ab" * 6 + "1" * 20}


def test_a_damaged_tape_is_left_alone_and_late_spans_get_one_of_their_own(collected):
    spans = agent_run()
    collected.add(protobuf(spans[1:]))
    [first] = collected.write()
    first.path.write_bytes(first.path.read_bytes()[:-1])
    kept = first.path.read_bytes()
    collected.add(protobuf(spans[:1]))
    [second] = collected.write()
    assert second.path != first.path
    assert first.path.read_bytes() == kept
    assert len(read_tape(second.path).steps) == 1


# --- traces without a span of ours -----------------------------------------------------------------------------------


def test_a_trace_without_a_span_of_ours_is_kept_as_lines(collected):
    spans = others()
    collected.add(protobuf(spans))
    [written] = collected.write()
    assert written.kind == "lines"
    assert written.path.name.endswith(f"-get-orders-{written.traces[0][:12]}.otlp.jsonl")
    lines = written.path.read_bytes().splitlines()
    assert [json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] for line in lines] == [
        "SELECT 0",
        "SELECT 1",
        "GET /orders",
    ]
    with pytest.warns(UserWarning, match="0 whole steps"):
        assert read_tape(written.path).spans == tuple(
            sorted(recorded_spans(spans), key=lambda span: span.started_ns)
        )


def test_late_spans_extend_the_lines_too(collected):
    spans = others()
    collected.add(protobuf(spans[1:]))
    [first] = collected.write()
    collected.add(protobuf(spans[:1]))
    [second] = collected.write()
    assert (second.path, second.late, second.added, second.spans) == (first.path, True, 1, 3)
    assert len(first.path.read_bytes().splitlines()) == 3


def test_lines_become_a_tape_when_a_span_of_ours_comes_late(collected):
    def make(tracer):
        with tracer.start_as_current_span("GET /plan"):
            tracer.start_span("chat", attributes=call("ab" * 16)).end()

    chat_span, outer = sdk_spans(make)
    collected.add(protobuf([outer]))
    [lines] = collected.write()
    assert lines.kind == "lines"
    collected.add(protobuf([chat_span]))
    [tape] = collected.write()
    assert (tape.kind, tape.spans, tape.late) == ("tape", 2, True)
    assert names_in(collected.directory) == [tape.path.name]


def test_other_traces_are_dropped_where_nobody_wants_them(collected):
    collected.add(protobuf(others()))
    [written] = collected.write(keep_others=False)
    assert (written.kind, written.path) == ("dropped", None)
    assert names_in(collected.directory) == []


def test_a_run_no_tape_can_be_made_of_is_kept_as_lines_with_the_reason(collected):
    wrong = [
        KeyValue(key=names.KIND, value=AnyValue(string_value="exchange")),
        KeyValue(key=names.STEP, value=AnyValue(string_value="first")),
    ]
    collected.add(request(raw_span(attributes=wrong, start_time_unix_nano=17 * 10**17)))
    [written] = collected.write()
    assert (written.kind, written.spans) == ("lines", 1)
    assert "spantape.step: got 'first' of type str, expected int" in written.reason
    assert len(written.path.read_bytes().splitlines()) == 1


# --- disk ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "broken"),
    [(others(), "spantape.collect._tapes.os.fsync"), (agent_run(), "spantape.tape.write._pack")],
)
def test_a_full_disk_is_an_error_and_leaves_nothing_behind(collected, monkeypatch, spans, broken):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    collected.add(protobuf(spans))
    monkeypatch.setattr(broken, full)
    with pytest.raises(TapeError, match="No space left"):
        collected.write()
    assert names_in(collected.directory) == []


def test_a_journal_that_is_gone_is_an_error(collected):
    collected.add(protobuf(agent_run()))
    with pytest.raises(TapeError, match="cannot be read from the journal"):
        collected.write(segments={1: collected.directory / "none"})


# --- lines ---------------------------------------------------------------------------------------------------------


def _value(**kind):
    return AnyValue(**kind)


FULL = Span(
    trace_id=b"\xab" * 16,
    span_id=b"\xcd" * 8,
    parent_span_id=b"\xef" * 8,
    trace_state="a=b",
    flags=0x301,
    name="näme\n\u2028",
    kind=3,
    start_time_unix_nano=2**64 - 1,
    end_time_unix_nano=1,
    attributes=[
        KeyValue(key="text", value=_value(string_value="")),
        KeyValue(key="int", value=_value(int_value=-(2**63))),
        KeyValue(key="no", value=_value(bool_value=False)),
        KeyValue(key="half", value=_value(double_value=0.5)),
        KeyValue(key="endless", value=_value(double_value=float("-inf"))),
        KeyValue(key="raw", value=_value(bytes_value=b"\xff\x00")),
        KeyValue(key="none", value=AnyValue()),
        KeyValue(key="twice", value=_value(int_value=1)),
        KeyValue(key="twice", value=_value(int_value=2)),
        KeyValue(key="list", value=_value(array_value=ArrayValue(values=[_value(int_value=1), AnyValue()]))),
        KeyValue(
            key="map",
            value=_value(
                kvlist_value=KeyValueList(values=[KeyValue(key="k", value=_value(bool_value=True))])
            ),
        ),
    ],
    events=[Span.Event(time_unix_nano=7, name="e", dropped_attributes_count=1)],
    links=[Span.Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="c=d", flags=0x100)],
    dropped_attributes_count=2,
    dropped_events_count=3,
    dropped_links_count=4,
    status=Status(message="broke", code=2),
)
HEAD = ResourceSpans(
    resource=Resource(
        attributes=[KeyValue(key="service.name", value=_value(string_value="shop"))],
        dropped_attributes_count=1,
    ),
    scope_spans=[ScopeSpans(scope=InstrumentationScope(name="lib", version="1"), schema_url="s")],
    schema_url="r",
)


def whole():
    sent = ResourceSpans()
    sent.CopyFrom(HEAD)
    sent.scope_spans[0].spans.append(FULL)
    return ExportTraceServiceRequest(resource_spans=[sent])


def test_a_line_leaves_nothing_of_a_span_out():
    line = LineMaker().line(HEAD.SerializeToString(), FULL.SerializeToString())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert ExportTraceServiceRequest.FromString(protobuf_of_json(line)) == whole()


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
_values = st.recursive(
    st.one_of(
        st.just(AnyValue()),
        st.builds(AnyValue, string_value=_texts),
        st.builds(AnyValue, bool_value=st.booleans()),
        st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
        st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
        st.builds(AnyValue, bytes_value=st.binary(max_size=9)),
    ),
    lambda inner: st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3))),
        st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=_texts, value=inner), max_size=3)
            ),
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=60)
@given(st.lists(st.builds(KeyValue, key=_texts, value=_values), max_size=4))
def test_a_line_leaves_nothing_of_any_attribute_out(attributes):
    sent = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, attributes=attributes)
    line = LineMaker().line(HEAD.SerializeToString(), sent.SerializeToString())
    [group] = ExportTraceServiceRequest.FromString(protobuf_of_json(line)).resource_spans
    assert list(group.scope_spans[0].spans) == [sent]


@pytest.mark.parametrize("seed", range(5))
def test_however_spans_come_the_tapes_are_the_same(collected, seed):
    """Shuffled, cut into requests anywhere, some of them twice, and written in between."""
    chance = random.Random(seed)
    runs = [agent_run(f"{number:x}" * 32, turns=3) for number in range(1, 4)]
    spans = [span for run in runs for span in run] * 2
    chance.shuffle(spans)
    while spans:
        size = chance.randint(1, 5)
        collected.add(protobuf(spans[:size]))
        del spans[:size]
        if chance.random() < 0.3:
            collected.write()
            collected.runs = Runs(idle_s=0, wait_s=0)  # what was written is not remembered
    collected.write()
    tapes = {tape.run_id[0]: tape for tape in map(read_tape, collected.directory.iterdir())}
    assert {key: len(tape.spans) for key, tape in tapes.items()} == {"1": 4, "2": 4, "3": 4}
    assert len({tape.fingerprint for tape in tapes.values()}) == 1
    assert all(
        [step.request_body() for step in tape.steps[1:]] == [chat(turn) for turn in range(3)]
        for tape in tapes.values()
    )


def test_a_line_is_otlp_json_to_others():
    [group] = TracesData.from_json(
        LineMaker().line(HEAD.SerializeToString(), FULL.SerializeToString())
    ).resource_spans
    [read] = group.scope_spans[0].spans
    assert (read.trace_id, read.name, read.flags) == (b"\xab" * 16, FULL.name, 0x301)
    assert (read.status.message, group.schema_url) == ("broke", "r")


def test_payloads_are_text_on_the_line_as_on_every_tape():
    big = exchange(0, answer=b'{"choices":[{"message":{"content":"' + b"long " * 30_000 + b'"}}]}')
    attributes = {names.KIND: "exchange", names.RUN_ID: "ab" * 16, names.STEP: 0} | write_exchange(big)
    assert attributes[names.RESPONSE_ENCODING] == "zstd"
    spans = sdk_spans(lambda tracer: tracer.start_span("chat", attributes=attributes).end())
    export = read_export(protobuf(list(spans)))
    [at] = export.spans
    line = LineMaker().line(export.data[slice(*at.head)], export.data[slice(*at.place)])
    assert b"long long long" in line
    assert names.RESPONSE_ENCODING.encode() not in line
    [ours] = recorded_spans(spans)
    read = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    assert {pair["key"] for pair in read} == set(ours.attributes)


def test_short_ids_are_found_whatever_the_files_are_called(tmp_path):
    for name in (
        "20231114T221320Z-a-b-abababababab-2.tape",
        "20231114T221320Z-run-my-run-1.tape",
        "20231114T221320Z-get-cdcdcdcdcdcd.otlp.jsonl",
        "notes.txt",
        "x.tape",
    ):
        (tmp_path / name).touch()
    found = set(short_ids_in(tmp_path))
    assert {"abababababab", "my-run-1", "cdcdcdcdcdcd"} <= found
    assert not any(len(short) > 12 for short in found)
