"""A request is read whole or refused with the reason; what its spans are and where they lie is right for any request."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from collect_requests import agent_run, others, otlp_json, protobuf, raw_span, request
from spantape._spans import names
from spantape.collect._bodies import JSON, PROTOBUF, media_type, protobuf_of_json, unpacked
from spantape.collect._errors import BadRequest, TooLarge, WrongMediaType
from spantape.collect._export import read_export
from spantape.collect._wire import span_places

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
_pairs = st.lists(st.builds(KeyValue, key=_texts, value=st.builds(AnyValue, string_value=_texts)), max_size=2)
_spans = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16).filter(any),
    span_id=st.binary(min_size=8, max_size=8).filter(any),
    name=_texts,
    attributes=_pairs,
)
_scopes = st.builds(
    ScopeSpans,
    scope=st.one_of(st.none(), st.builds(InstrumentationScope, name=_texts)),
    spans=st.lists(_spans, max_size=3),
    schema_url=_texts,
)
_groups = st.builds(
    ResourceSpans,
    resource=st.one_of(st.none(), st.builds(Resource, attributes=_pairs)),
    scope_spans=st.lists(_scopes, max_size=3),
    schema_url=_texts,
)
_requests = st.lists(_groups, max_size=3).map(lambda groups: ExportTraceServiceRequest(resource_spans=groups))
_unknown = st.sampled_from(
    [
        b"",
        b"\x78\x05",
        b"\x7d\x00\x00\x00\x00",
        b"\x79" + b"\x01" * 8,
        b"\x7a\x02hi",
        b"\x7b\x08\x01\x12\x01x\x7c",
    ]
)


@settings(max_examples=60)
@given(_requests, _unknown)
def test_every_span_is_found_where_it_lies_and_with_its_head(sent, unknown):
    data = unknown + sent.SerializeToString() + unknown
    export = read_export(data)
    assert export.data[: export.body_bytes] == data
    expected = [
        (group, scope, span)
        for group in sent.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    assert len(export.spans) == len(expected)
    for at, (group, scope, span) in zip(export.spans, expected, strict=True):
        assert Span.FromString(export.data[slice(*at.place)]) == span
        head = ResourceSpans.FromString(export.data[slice(*at.head)])
        assert (head.resource, head.schema_url) == (group.resource, group.schema_url)
        [own] = head.scope_spans
        assert (own.scope, own.schema_url, len(own.spans)) == (scope.scope, scope.schema_url, 0)


@settings(max_examples=60)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with suppress(BadRequest):
        assert read_export(data).data.startswith(data)


@pytest.mark.parametrize("cut", [1, 10, 50])
def test_a_request_that_is_cut_is_refused(cut):
    with pytest.raises(BadRequest, match="not an ExportTraceServiceRequest"):
        read_export(protobuf(agent_run())[:-cut])


def test_a_group_that_never_ends_is_no_request():
    with pytest.raises((ValueError, IndexError)):
        list(span_places(b"\x7b\x08\x01"))
    with pytest.raises(ValueError, match="end of group 14"):
        list(span_places(b"\x7b\x74"))


def test_spans_are_told_by_what_they_say_of_their_run():
    export = read_export(protobuf([*agent_run("ab" * 16, turns=1), *others(2)]))
    assert [(span.run_id, span.is_root) for span in export.spans] == [
        ("ab" * 16, False),
        ("ab" * 16, True),
        ("", False),
        ("", True),
    ]
    lone = raw_span(attributes=[KeyValue(key=names.KIND, value=AnyValue(string_value="exchange"))])
    assert [span.is_root for span in read_export(request(lone)).spans] == [False]  # more of the loop may come


def test_a_record_block_ends_its_run_wherever_it_stands():
    span = raw_span(
        parent=b"parentid", attributes=[KeyValue(key=names.KIND, value=AnyValue(string_value="run"))]
    )
    assert read_export(request(span)).spans[0].is_root


def test_spans_with_ids_that_are_none_are_rejected_and_named_and_the_rest_is_taken():
    bad = [raw_span(trace=b"abc"), raw_span(span=b"\0" * 8), raw_span(parent=b"x"), raw_span(trace=b"")]
    export = read_export(request(raw_span(), *bad, raw_span(span=2)))
    assert [span.span_id[-1] for span in export.spans] == [1, 2]
    assert export.rejected == 4
    assert export.why == (
        "span 1: got a trace_id of 3 bytes, expected 16 bytes that are not all zero; "
        "span 2: got a span_id of only zeros, expected 8 bytes that are not all zero; "
        "span 3: got a parent_span_id of 1 bytes, expected 8 or none; and 1 more"
    )


def test_a_run_id_that_is_endless_is_rejected():
    ids = [KeyValue(key=names.RUN_ID, value=AnyValue(string_value="r" * size)) for size in (256, 257)]
    export = read_export(request(*(raw_span(span=n, attributes=[own]) for n, own in enumerate(ids, 1))))
    assert [len(span.run_id) for span in export.spans] == [256]
    assert export.why == "span 1: got a spantape.run.id of 257 characters, expected 256 at most"


# --- bodies --------------------------------------------------------------------------------------------------------


def _raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("GZIP", lambda data: gzip.compress(data[:99]) + gzip.compress(data[99:])),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("zstd", zstandard.compress),
        ("zstd", lambda data: zstandard.compress(data[:99]) + zstandard.compress(data[99:])),
        ("gzip, zstd", lambda data: zstandard.compress(gzip.compress(data))),
    ],
)
def test_content_encodings_are_undone(encoding, pack):
    data = protobuf(agent_run(turns=5)) + bytes(200_000)
    assert unpacked(pack(data), encoding, len(data)) == data
    assert unpacked(b"", encoding, 10) == b""


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)]
)
def test_what_does_not_decode_is_refused(encoding, pack):
    packed = pack(bytes(range(256)) * 40)
    for broken in (packed[:-1], b"no" + packed[2:], b"x"):
        with pytest.raises(BadRequest, match=f"not {encoding}"):
            unpacked(broken, encoding, 1 << 20)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)]
)
def test_a_bomb_is_refused_before_it_unfolds(encoding, pack):
    with pytest.raises(TooLarge, match="unpacks to more than 1000000 bytes"):
        unpacked(pack(bytes(64 << 20)), encoding, 1_000_000)


def test_what_is_not_understood_is_named():
    with pytest.raises(WrongMediaType, match="content-encoding 'br', expected one of gzip"):
        unpacked(b"", "br", 1)
    with pytest.raises(
        WrongMediaType, match="got content-type 'text/plain', expected application/x-protobuf"
    ):
        media_type("text/plain")
    assert media_type("application/json; charset=utf-8") == JSON
    assert media_type("Application/X-Protobuf") == PROTOBUF


# --- JSON ----------------------------------------------------------------------------------------------------------


def test_json_says_what_protobuf_says():
    data = protobuf([*agent_run(turns=2), *others(2)])
    read = ExportTraceServiceRequest.FromString(protobuf_of_json(otlp_json(data)))
    assert read == ExportTraceServiceRequest.FromString(data)


def test_json_as_senders_write_it():
    """Numbers for int64, enums by name or number, links, a field from the future, nulls, pretty-printed."""
    link = {"traceId": "AB" * 16, "spanId": "cd" * 8}
    span = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "parentSpanId": "",
        "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": 1_700_000_000_000_000_000,
        "endTimeUnixNano": "1700000000000000001",
        "attributes": [{"key": "n", "value": {"intValue": 7}}, {"key": "none", "value": None}],
        "links": [link],
        "events": None,
        "fromTheFuture": {"a": [1]},
    }
    body = json.dumps({"resourceSpans": [{"resource": None, "scopeSpans": [{"spans": [span]}]}]}, indent=2)
    [group] = ExportTraceServiceRequest.FromString(protobuf_of_json(body.encode())).resource_spans
    [read] = group.scope_spans[0].spans
    assert (read.trace_id, read.span_id, read.parent_span_id) == (b"\xab" * 16, b"\xcd" * 8, b"")
    assert (read.kind, read.start_time_unix_nano, read.end_time_unix_nano) == (
        3,
        17 * 10**17,
        17 * 10**17 + 1,
    )
    assert (read.links[0].trace_id, read.attributes[0].value.int_value) == (b"\xab" * 16, 7)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": ["x"]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 7}]}]}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"links": [1]}]}]}]}',
        b'{"a":' * 100_000,
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "\xff"}]}}]}',
    ],
)
def test_json_that_is_no_request_is_refused(body):
    with pytest.raises(BadRequest, match=r"expected an object|not an ExportTraceServiceRequest in JSON"):
        protobuf_of_json(body)


def test_values_nested_too_deep_are_refused():
    value = '{"arrayValue":{"values":[' * 300 + "{}" + "]}}" * 300
    span = f'{{"spanId":"{"ab" * 8}","attributes":[{{"key":"k","value":{value}}}]}}'
    with pytest.raises(BadRequest):
        read_export(
            protobuf_of_json(f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'.encode())
        )


@pytest.mark.parametrize("bad", ["xyz", "zz" * 16, "ab" * 15, "a" * 16, "é" * 16])
def test_ids_in_json_that_are_none_are_rejected_span_by_span(bad):
    spans = [{"traceId": bad, "spanId": "cd" * 8}, {"traceId": "ab" * 16, "spanId": "cd" * 8}]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    export = read_export(protobuf_of_json(body))
    assert (len(export.spans), export.rejected) == (1, 1)
    assert "span 0: got a trace_id of" in export.why


def test_half_a_surrogate_costs_no_span():
    body = (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s","name":"a\\ud83d!"}]}]}]}'
    )
    export = read_export(protobuf_of_json(body % (b"ab" * 16, b"cd" * 8)))
    assert len(export.spans) == 1
    assert Span.FromString(export.data[slice(*export.spans[0].place)]).name == "a\N{REPLACEMENT CHARACTER}!"
