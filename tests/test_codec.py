from __future__ import annotations

import itertools
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spantape._model import Exchange, Failure, Request, Response, digest
from spantape._seams.served import Served
from spantape._spans import names
from spantape._spans.chunks import read_chunks, write_chunks
from spantape._spans.codec import (
    COMPRESS_FROM,
    compress,
    decompress,
    pack,
    read_body,
    read_exchange,
    read_headers,
    read_response,
    split_encoding,
    unpack,
    write_exchange,
    write_headers,
)
from spantape.errors import MissingBase, NotReplayable, TapeDamaged
from spantape.player.player import Player
from spantape.tape.build import recorded_spans, tape_of
from spantape.tape.otlp import span_line
from spantape.tape.otlp_read import read_document
from spantape.tape.read import read_tape
from spantape.tape.write import write_tape
from tape_spans import exchange_span, sdk_spans

# --- any exchange ------------------------------------------------------------------------------------------------

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=20)
tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.:!#$%&'*+^`|~", min_size=1, max_size=12)
odd_values = st.one_of(
    texts, st.sampled_from(["", " ", ": ", "a: b", "a\nb", "\n", "\r\n", "é\x00", "x" * 300, ","])
)
headers = st.lists(st.tuples(tokens, odd_values), max_size=5).map(tuple)


def _grown(parts):
    unit, times, tail = parts
    return unit * times + tail


bodies = st.one_of(
    st.just(b""),
    st.binary(max_size=60),
    texts.map(str.encode),
    st.tuples(
        st.binary(min_size=1, max_size=9), st.sampled_from([1, 300, COMPRESS_FROM]), st.binary(max_size=9)
    ).map(_grown),
    st.sampled_from(
        [b"\xef\xbb\xbf{}", "日本語".encode("utf-16"), b"\x00", b"\xed\xa0\x80", b"a" * (COMPRESS_FROM - 1)]
    ),
)


@st.composite
def responses(draw):
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=6)))
    edges = [0, *cuts, len(body)]
    chunks = tuple(stop - start for start, stop in itertools.pairwise(edges)) if cuts else ()
    waits = draw(st.lists(st.integers(0, 10_000_000), min_size=len(chunks), max_size=len(chunks)))
    times = tuple(sum(waits[: index + 1]) * 1000 for index in range(len(chunks)))
    return Response(
        draw(st.sampled_from([100, 200, 204, 429, 500, 599])),
        draw(headers),
        body,
        chunks,
        draw(st.sampled_from([(), times])),
    )


requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "QUERY", "m-search"]),
    texts.map(lambda path: f"https://api.example.com/{path}"),
    headers,
    bodies,
)
failures = st.builds(Failure, st.one_of(st.just("httpx2.ReadTimeout"), texts), texts)
exchanges = st.builds(
    Exchange,
    requests,
    st.one_of(st.none(), responses()),
    st.sampled_from(["complete", "closed", "error", "abandoned"]),
    st.one_of(st.none(), failures),
)


def keyframe(body):
    """An exchange whose body others grow from."""
    return Exchange(Request("PUT", "https://api.example.com/", (), body), Response(200))


# --- the law: read(write(exchange)) == exchange ------------------------------------------------------------------


@given(exchanges)
def test_an_exchange_comes_back_from_its_attributes(exchange):
    assert read_exchange(write_exchange(exchange)) == exchange


@given(exchanges, bodies)
def test_an_exchange_comes_back_from_its_attributes_and_its_base(exchange, base):
    attributes = write_exchange(exchange, base)
    assert split_encoding(attributes[names.REQUEST_ENCODING])[0]
    assert read_exchange(attributes, base) == exchange


@given(exchanges, st.integers(0, 40), st.integers(0, 40), st.binary(max_size=9))
def test_an_exchange_comes_back_from_a_base_that_it_grew_from(exchange, start, length, other):
    body = exchange.request.body
    base = body[:start] + other + body[start + length :]
    assert read_exchange(write_exchange(exchange, base), base) == exchange


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(exchanges, st.one_of(st.none(), bodies)), min_size=1, max_size=3))
def test_exchanges_come_back_from_sdk_spans(pairs):
    def make(tracer):
        for exchange, base in pairs:
            tracer.start_span("call", attributes=write_exchange(exchange, base)).end()

    for span, (exchange, base) in zip(sdk_spans(make), pairs, strict=True):
        assert read_exchange(span.attributes, base) == exchange


@settings(max_examples=50, deadline=None)
@given(exchanges, st.one_of(st.none(), bodies))
def test_an_exchange_comes_back_from_otlp_protobuf(exchange, base):
    def make(tracer):
        tracer.start_span("call", attributes=write_exchange(exchange, base)).end()

    sent = encode_spans(sdk_spans(make)).SerializeToString()
    parsed = ExportTraceServiceRequest.FromString(sent)
    [span] = parsed.resource_spans[0].scope_spans[0].spans
    assert read_exchange({one.key: _any_value(one.value) for one in span.attributes}, base) == exchange


def _any_value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_any_value(member) for member in value.array_value.values)
    return getattr(value, kind)


@settings(max_examples=50, deadline=None)
@given(exchanges, st.one_of(st.none(), bodies))
def test_an_exchange_comes_back_from_otlp_json(exchange, base):
    def make(tracer):
        tracer.start_span("call", attributes=write_exchange(exchange, base)).end()

    [of_the_sdk] = recorded_spans(sdk_spans(make))
    [of_ours] = read_document(span_line(exchange_span(0, exchange, base))).spans
    assert read_exchange(of_the_sdk.attributes, base) == exchange
    assert read_exchange(of_ours.attributes, base) == exchange


@settings(max_examples=40, deadline=None)
@given(st.lists(exchanges, min_size=1, max_size=4), bodies)
def test_exchanges_come_back_from_a_tape_file(tmp_path_factory, recorded, body):
    path = tmp_path_factory.mktemp("tapes") / "a.tape"
    spans = [exchange_span(0, keyframe(body))]
    spans += [exchange_span(index, one, body) for index, one in enumerate(recorded, start=1)]
    write_tape(path, spans, name="a", run_id="5eed" * 8)
    assert [step.exchange() for step in read_tape(path).steps[1:]] == recorded


@settings(max_examples=40, deadline=None)
@given(requests, responses(), bodies)
def test_the_player_serves_the_response_that_was_recorded(request_, response, body):
    spans = [exchange_span(0, keyframe(body)), exchange_span(1, Exchange(request_, response), body)]
    tape = tape_of([spans[0], spans[1]])
    player = Player(tape, allow_unused=True)
    step = player.answer(tape.steps[1].exchange().request)
    served = Served(step, None, response=step.response)
    kept = tuple(pair for pair in response.headers if pair[0] not in ("transfer-encoding", "connection"))
    assert b"".join(served.chunks()) == response.body
    assert (step.response.status, served.headers(), step.response.body) == (
        response.status,
        kept,
        response.body,
    )
    lengths = [len(chunk) for chunk in Served(step, None, response=response).chunks()]
    assert lengths == [length for length in response.chunks or (len(response.body),) if length]


# --- how a body travels ------------------------------------------------------------------------------------------


def test_text_travels_as_text_and_long_payloads_as_zstd():
    assert pack(b'{"a": 1}') == ('{"a": 1}', "")
    assert pack(b"\xff") == (b"\xff", "")
    value, encoding = pack(b"a" * COMPRESS_FROM)
    assert encoding == "zstd"
    assert len(value) < 100


def test_the_middle_of_a_text_is_text():
    body, base = '{"m":["é"]}'.encode(), '{"m":["è"]}'.encode()
    attributes = write_exchange(keyframe(body), base)
    assert attributes[names.REQUEST_BODY] == "é"
    assert attributes[names.REQUEST_ENCODING] == "delta"


def test_a_base_that_is_missing_is_named():
    attributes = write_exchange(keyframe(b"abcd"), b"abxd")
    with pytest.raises(MissingBase, match=digest(b"abxd")):
        read_body(attributes, None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({names.BASE_PREFIX: 99}, "does not fit its base"),
        ({names.BASE_PREFIX: "2"}, "does not fit its base"),
        ({names.BASE_SUFFIX: -1}, "does not fit its base"),
        ({names.BASE_SUFFIX: None}, "does not fit its base"),
        ({names.REQUEST_BODY: "y"}, "got sha256"),
        ({names.REQUEST_BODY: 7}, "body of type int"),
        ({names.REQUEST_BODY: None}, "body of type NoneType"),
        ({names.REQUEST_ENCODING: "delta+gzip"}, "'gzip', expected one of"),
        ({names.REQUEST_ENCODING: "delta+zstd"}, "of type str with encoding 'zstd'"),
        ({names.REQUEST_ENCODING: ""}, "got sha256"),
        ({names.REQUEST_DIGEST: None}, "recorded None"),
    ],
)
def test_a_delta_that_was_tampered_with_is_damaged(change, says):
    attributes = {**write_exchange(keyframe(b"abcd"), b"abxd"), **change}
    with pytest.raises(TapeDamaged, match=says):
        read_body(attributes, b"abxd")


def test_another_base_than_the_named_one_gives_no_body():
    with pytest.raises(TapeDamaged, match="got sha256"):
        read_body(write_exchange(keyframe(b"abcd"), b"abxd"), b"zzxd")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "dropped on its way here"),
        ({names.CONTENT: "none"}, "NO_CONTENT"),
        ({names.CUT: (names.REQUEST_BODY,)}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    ],
)
@pytest.mark.parametrize("body", [names.REQUEST_BODY, names.RESPONSE_BODY])
def test_a_payload_that_is_not_there_says_why(body, more, says):
    attributes = {**write_exchange(keyframe(b"abcd")), **more}
    del attributes[body]
    with pytest.raises(NotReplayable, match=says):
        read_exchange(attributes)


# --- zstd --------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.binary(max_size=2000))
def test_what_is_compressed_unfolds(data):
    assert decompress(compress(data), len(data)) == data


@pytest.mark.parametrize("states_its_size", [True, False])
def test_a_bomb_is_refused_before_it_is_unfolded(states_its_size):
    compressor = zstandard.ZstdCompressor(write_content_size=states_its_size)
    bomb = compressor.compress(bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TapeDamaged, match="more than the stated 1000 bytes"):
            decompress(bomb, 1000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_frame_without_its_size_unfolds_too():
    data = bytes(range(256)) * 9000
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(data)
    assert unpack(packed, "zstd", len(data)) == data
    with pytest.raises(TapeDamaged, match="more than the stated"):
        decompress(packed, len(data) - 1)


@pytest.mark.parametrize(
    "damage", [b"", b"PK", b"\x28\xb5\x2f\xfd", compress(b"a" * 99)[:-1], compress(b"abc" * 99)[:-6]]
)
def test_what_is_no_whole_frame_is_damaged(damage):
    with pytest.raises(TapeDamaged, match="zstd frame"):
        decompress(damage, 1000)


def test_every_flipped_bit_of_a_frame_is_noticed():
    body = b'{"messages": []}' * 40
    attributes = {**write_exchange(keyframe(body)), names.REQUEST_ENCODING: "zstd"}
    packed = compress(body)
    for bit in range(len(packed) * 8):
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert read_body({**attributes, names.REQUEST_BODY: bytes(flipped)}, None) == body
        except TapeDamaged:
            continue


# --- headers -----------------------------------------------------------------------------------------------------


@given(headers)
def test_headers_come_back(given_headers):
    assert read_headers(write_headers(given_headers)) == given_headers


@pytest.mark.parametrize(
    "odd",
    [
        (),
        (("a", ""),),
        (("a", "1"), ("a", "2")),
        (("a", "x: y: z"),),
        (("a", "line\nanother: b"),),
        (("a:", "1"),),
        (("a", "\n"), ("b", "")),
    ],
)
def test_odd_headers_come_back(odd):
    assert read_headers(write_headers(odd)) == odd


# --- chunks ------------------------------------------------------------------------------------------------------


def test_chunks_are_short_and_readable():
    assert write_chunks(
        [312, 45, 45, 45, 45], [15_023_000, 15_233_000, 15_233_000, 15_233_000, 15_233_000]
    ) == ("312+15023,45+210,45+0x3")
    assert write_chunks([5, 5, 5]) == "5x3"
    assert write_chunks([]) == ""


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=60))
def test_chunks_come_back(pairs):
    lengths = tuple(length for length, _ in pairs)
    times = tuple(sum(wait for _, wait in pairs[: index + 1]) * 1000 for index in range(len(pairs)))
    assert read_chunks(write_chunks(lengths, times), sum(lengths)) == (lengths, times)
    assert read_chunks(write_chunks(lengths), sum(lengths)) == (lengths, ())


@pytest.mark.parametrize(
    ("text", "size_bytes", "says"),
    [
        ("a", 1, "chunk entry 'a'"),
        ("1,,1", 2, "chunk entry ''"),
        ("-1", 1, "chunk entry '-1'"),
        ("1+2+3", 1, "chunk entry"),
        ("٣", 3, "chunk entry"),
        ("1" * 5000, 1, "chunk entry"),
        ("1x" + "9" * 5000, 1, "chunk entry"),
        ("1+1,1", 2, "for some chunks only"),
        ("2", 1, "do not make up the body of 1 bytes"),
        ("1x50000000", 1, "do not make up the body of 1 bytes"),
        ("0x50000000", 1, "do not make up the body of 1 bytes"),
        ("0x999999999999999999", 10**6, "do not make up"),
        ("1,1", 3, "do not make up the body of 3 bytes"),
    ],
)
def test_chunks_that_cannot_be_are_damaged(text, size_bytes, says):
    tracemalloc.start()
    try:
        with pytest.raises(TapeDamaged, match=says):
            read_chunks(text, size_bytes)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_response_whose_chunks_are_not_its_body_is_damaged():
    attributes = {**write_exchange(keyframe(b"")), names.RESPONSE_CHUNKS: "3,4"}
    with pytest.raises(TapeDamaged, match="do not make up"):
        read_response(attributes)
