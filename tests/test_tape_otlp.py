"""Lines are OTLP that others read, and spans come back from them."""

from __future__ import annotations

import base64
import json
import math

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.proto_json.trace.v1.trace import TracesData
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from spantape._spans import names
from spantape._spans.codec import compress
from spantape.errors import TapeDamaged
from spantape.tape.model import Span
from spantape.tape.otlp import LineWriter, span_line
from spantape.tape.otlp_read import read_document
from tape_spans import any_spans, run_spans, sdk_run, sdk_spans, span

IDS = ("traceId", "spanId", "parentSpanId")


def with_base64_ids(value):
    """OTLP's hex ids as the base64 that plain protobuf JSON wants."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(inner)).decode() if key in IDS else with_base64_ids(inner)
            for key, inner in value.items()
        }
    return [with_base64_ids(inner) for inner in value] if isinstance(value, list) else value


def protobuf(line: bytes) -> trace_pb2.TracesData:
    text = json.dumps(with_base64_ids(json.loads(line)))
    return json_format.Parse(text, trace_pb2.TracesData())


def document(**changes):
    span_ = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "n"} | changes
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span_]}]}]}).encode()


@given(any_spans)
@settings(max_examples=150, deadline=None)
def test_a_span_comes_back_from_its_line_as_it_was(recorded):
    [back] = read_document(span_line(recorded)).spans
    assert back == recorded


@given(any_spans)
@settings(max_examples=40, deadline=None)
def test_every_line_parses_as_protobuf_and_as_the_typed_json_messages(recorded):
    line = span_line(recorded)
    [parsed] = protobuf(line).resource_spans[0].scope_spans[0].spans
    assert parsed.trace_id.hex() == recorded.trace_id
    assert parsed.name == recorded.name
    assert len(parsed.attributes) == len(recorded.attributes)
    [typed] = TracesData.from_json(line).resource_spans[0].scope_spans[0].spans
    assert typed.span_id.hex() == recorded.span_id
    assert typed.start_time_unix_nano == recorded.started_ns


def test_nan_comes_back_as_nan():
    [back] = read_document(span_line(span(0, {"a": math.nan}))).spans
    assert math.isnan(back.attributes["a"])


def test_what_otlp_cannot_hold_is_said_differently_rather_than_lost():
    [back] = read_document(span_line(span(0, {"big": 1 << 70, "lone": "a\ud800b"}))).spans
    assert back.attributes["big"] == str(1 << 70)
    assert back.attributes["lone"].startswith("a\ufffd")


def test_sdk_spans_keep_everything():
    link = Link(SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1)), {"why": "grew"})

    def make(tracer):
        with tracer.start_as_current_span("outer") as outer:
            outer.add_event("happened", {"n": 1}, timestamp=5)
            inner = tracer.start_span("inner", attributes={"list": [1, 2], "raw": b"\xff"}, links=[link])
            inner.set_status(Status(StatusCode.ERROR, "broke"))
            inner.end()

    spans = sdk_spans(make, resource={"service.name": "s"})
    inner, outer = (read_document(LineWriter().line(one)).spans[0] for one in spans)
    assert inner == Span(
        trace_id=f"{spans[0].context.trace_id:032x}",
        span_id=f"{spans[0].context.span_id:016x}",
        parent_id=outer.span_id,
        name="inner",
        started_ns=spans[0].start_time,
        ended_ns=spans[0].end_time,
        attributes={"list": (1, 2), "raw": b"\xff"},
        kind=1,
        status_code=2,
        status_message="broke",
        links=({"trace_id": f"{7:032x}", "span_id": f"{8:016x}", "attributes": {"why": "grew"}},),
        scope="spantape",
        resource={"service.name": "s"},
    )
    assert outer.events == ({"name": "happened", "time_ns": 5, "attributes": {"n": 1}},)


def test_sdk_lines_parse_as_protobuf_with_their_flags():
    for recorded in sdk_run(2):
        [parsed] = protobuf(LineWriter().line(recorded)).resource_spans[0].scope_spans[0].spans
        assert parsed.flags == 0x100
        assert parsed.kind == 1


def test_zstd_payloads_become_text_and_are_never_packed_twice():
    body = "wörd " * 5000
    raw = body.encode()
    packed = {
        names.REQUEST_BODY: compress(raw),
        names.REQUEST_ENCODING: "delta+zstd",
        names.REQUEST_SIZE: len(raw),
    }
    packed |= {
        names.RESPONSE_BODY: compress(raw),
        names.RESPONSE_ENCODING: "zstd",
        names.RESPONSE_SIZE: len(raw),
    }
    [back] = read_document(span_line(span(0, packed))).spans
    assert back.attributes[names.REQUEST_BODY] == body
    assert back.attributes[names.REQUEST_ENCODING] == "delta"
    assert back.attributes[names.RESPONSE_BODY] == body
    assert names.RESPONSE_ENCODING not in back.attributes


def test_a_payload_that_does_not_unfold_stays_as_it_is():
    odd = {names.REQUEST_BODY: b"not zstd \xff", names.REQUEST_ENCODING: "zstd", names.REQUEST_SIZE: 9}
    [back] = read_document(span_line(span(0, odd))).spans
    assert back.attributes == odd


def test_bytes_that_are_no_text_stay_bytes():
    [back] = read_document(span_line(span(0, {names.RESPONSE_BODY: b"\xff\xfe"}))).spans
    assert back.attributes[names.RESPONSE_BODY] == b"\xff\xfe"


def test_other_writers_spellings_are_read():
    line = document(
        traceId=base64.b64encode(b"\xab" * 16).decode(),
        spanId="CDCDCDCDCDCDCDCD",
        kind="SPAN_KIND_CLIENT",
        startTimeUnixNano=17,
        endTimeUnixNano="18",
        status={"code": "STATUS_CODE_ERROR"},
        parentSpanId=None,
        attributes=[
            {"key": "i", "value": {"intValue": 5}},
            {"key": "d", "value": {"doubleValue": "NaN"}},
            {"key": "b", "value": {"bytesValue": "_w"}},
            {"key": "n"},
            {"key": "new", "value": {"someFutureValue": 1}},
        ],
        somethingNew=[1],
    )
    [read] = read_document(line).spans
    assert (read.trace_id, read.span_id, read.parent_id) == ("ab" * 16, "cd" * 8, "")
    assert (read.kind, read.status_code, read.started_ns, read.ended_ns) == (3, 2, 17, 18)
    assert read.attributes["i"] == 5
    assert read.attributes["b"] == b"\xff"
    assert read.attributes["n"] is read.attributes["new"] is None


def test_other_signals_hold_no_spans():
    assert read_document(b'{"resourceLogs":[{"scopeLogs":[]}]}').spans == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not an OTLP TracesData"),
        (b"[]", "not an OTLP TracesData"),
        (b"{}", "without resourceSpans"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":3}]}]}]}', r"spans\[0\].name"),
        (b"\xff\xfe", "not an OTLP TracesData"),
        (document(traceId="zz"), "traceId"),
        (document(startTimeUnixNano="soon"), "startTimeUnixNano"),
        (document(startTimeUnixNano=str(1 << 64)), "startTimeUnixNano 1.8"),
        (document(attributes=[{"key": "a", "value": {"intValue": str(1 << 63)}}]), "intValue"),
        (document(attributes=[{"key": "a", "value": {"intValue": "9" * 300}}]), "intValue"),
        (document(attributes=[{"key": "a", "value": {"bytesValue": "!"}}]), "base64"),
        (document(attributes=[{"key": "a", "value": {"doubleValue": "x"}}]), "doubleValue"),
    ],
)
def test_what_is_no_span_is_named(line, says):
    with pytest.raises(TapeDamaged, match=says):
        read_document(line)


def test_absurd_nesting_is_refused():
    value = b'{"arrayValue":{"values":[' * 100_000
    line = b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":' + value
    with pytest.raises(TapeDamaged, match="nested too deep"):
        read_document(line)


def test_recorded_runs_parse_as_protobuf():
    for recorded in run_spans(3):
        assert protobuf(span_line(recorded)).resource_spans
