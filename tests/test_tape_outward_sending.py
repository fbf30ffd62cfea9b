"""Tapes sent over OTLP: whole, in batches, again where that is asked for, and with everything rejected counted."""

from __future__ import annotations

import gzip
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from cli_tapes import record_guide
from spantape import read_tape
from spantape._spans import names
from spantape._spans.codec import write_exchange
from spantape.collect import Collector, Settings, address
from spantape.errors import UsageError
from spantape.tape.otlp_read import read_document
from spantape.tape.outward.endpoint import PROTOCOLS, Endpoint, endpoint_of
from spantape.tape.outward.formats import recorded_documents
from spantape.tape.outward.sending import BATCH_BYTES, batches, send
from spantape.tape.outward.source import read_source
from spantape.tape.outward.transport import Answer
from spantape.tape.write import write_tape
from spantape.testing import OtlpReceiver
from spantape.testing._message import Answer as HttpAnswer
from spantape.testing._message import json_answer
from tape_spans import RUN, chat, exchange, exchange_span, run_spans, sealed, span

TAKEN = Answer("taken")


class Script:
    """A transport that answers by a list, and keeps what it was given; at the end of the list, all is taken."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.closed = False

    def send(self, data):
        self.requests.append(ExportTraceServiceRequest.FromString(data))
        return self.answers.pop(0) if self.answers else TAKEN

    def close(self):
        self.closed = True


def spans_of(*requests):
    return [
        span
        for each in requests
        for group in each.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def sent_by(script, documents, **more):
    pauses = []
    sent = send(
        documents, Endpoint("http://x"), transport=script, wait=pauses.append, jitter=lambda: 0.5, **more
    )
    assert script.closed
    return sent, pauses


def documents_of(tape):
    return list(recorded_documents(read_source(tape.path)))


@pytest.fixture
def documents(tmp_path):
    return documents_of(sealed(tmp_path / "a.tape", turns=4))


# --- batches -----------------------------------------------------------------------------------------------------


def test_batches_stay_below_their_limit_and_keep_the_order():
    pieces = [bytes([n]) * n for n in (3, 4, 5, 12, 1, 1)]
    made = list(batches(pieces, limit=9))
    assert made == [pieces[0:2], [pieces[2]], [pieces[3]], pieces[4:6]]
    assert [len(batch) for batch in batches(pieces, count=2)] == [2, 2, 2]
    assert list(batches([])) == []


def test_large_spans_go_in_requests_below_four_mebibytes(tmp_path):
    spans = [
        span(
            n,
            {
                names.KIND: "exchange",
                names.RUN_ID: RUN,
                names.STEP: n,
                **write_exchange(exchange(n, answer=b"x" * 900_000)),
            },
        )
        for n in range(9)
    ]
    script = Script()
    sent, _ = sent_by(script, documents_of(write_tape(tmp_path / "a.tape", spans, run_id=RUN)))
    assert (sent.taken, sent.complete) == (9, True)
    assert len(script.requests) == 3
    assert max(each.ByteSize() for each in script.requests) < BATCH_BYTES < 4 << 20
    assert [one.span_id.hex() for one in spans_of(*script.requests)] == [one.span_id for one in spans]


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_a_span_too_large_for_a_request_goes_packed_and_is_whole_again(tmp_path, protocol):
    """A body of text and one of bytes, the second request a delta to the first."""
    spans = [
        exchange_span(0, exchange(40, answer=b"answer " * 700_000)),
        exchange_span(1, exchange(41, answer=b"\xff\0" * 2_300_000), chat(40)),
    ]
    tape = write_tape(tmp_path / "a.tape", spans, run_id=RUN)
    with Collector(tmp_path / "tapes", Settings(idle_s=0, wait_s=0)) as collector:
        sent = send(documents_of(tape), endpoint_of(collector.endpoint, {}, protocol=protocol))
        collector.flush()
        back = read_tape(collector.wait_for(tape.spans[0].trace_id))
    assert (sent.complete, sent.requests) == (True, 1)
    assert back.fingerprint == tape.fingerprint
    assert [step.exchange() for step in back.steps] == [step.exchange() for step in tape.steps]


# --- retries -----------------------------------------------------------------------------------------------------


def test_what_is_to_come_again_is_sent_again_behind_growing_pauses(documents):
    script = Script(Answer("later"), Answer("later"), Answer("later"))
    sent, pauses = sent_by(script, documents)
    assert (sent.taken, sent.retries, sent.complete) == (4, 3, True)
    assert pauses == [1, 2, 4]
    assert script.requests[0] == script.requests[3]


def test_the_time_that_is_asked_for_is_kept_and_none_is_no_tight_loop(documents):
    _, pauses = sent_by(Script(Answer("later", after_s=7.5), Answer("later", after_s=0.0)), documents)
    assert pauses == [7.5, 0.2]


def test_an_endpoint_that_never_answers_is_left_and_the_rest_counted(tmp_path):
    spans = run_spans(3)
    made = documents_of(write_tape(tmp_path / "a.tape", spans, run_id=RUN))
    script = Script(*[Answer("later", "connection refused")] * 99)
    sent, pauses = sent_by(script, made * 300)
    assert (sent.taken, sent.unsent, sent.total, sent.complete) == (0, 900, 900, False)
    assert (len(script.requests), len(pauses)) == (6, 5)
    assert sent.messages == ["connection refused"]


def test_a_pause_of_minutes_is_not_waited_for(documents):
    sent, pauses = sent_by(Script(Answer("later", "quota", after_s=3600.0)), documents)
    assert (sent.unsent, pauses) == (4, [])


# --- refusals ----------------------------------------------------------------------------------------------------


def test_what_is_refused_is_not_sent_again(documents):
    sent, pauses = sent_by(Script(Answer("refused", "HTTP 400: no")), documents)
    assert (sent.rejected, sent.taken, sent.requests, pauses) == (4, 0, 1, [])
    assert sent.messages == ["HTTP 400: no"]


def test_a_partial_success_counts_what_was_dropped(documents):
    sent, _ = sent_by(Script(Answer("taken", "a name is too long", rejected=1)), documents)
    assert (sent.taken, sent.rejected, sent.complete) == (3, 1, False)


def test_a_warning_of_one_who_took_all_is_told(documents):
    sent, _ = sent_by(Script(Answer("taken", "use batches")), documents)
    assert (sent.complete, sent.messages) == (True, ["use batches"])


def test_a_request_that_is_too_large_is_halved(documents):
    script = Script(Answer("too large"), Answer("too large"), TAKEN, Answer("too large", "HTTP 413"), TAKEN)
    sent, _ = sent_by(script, documents)
    assert [len(spans_of(each)) for each in script.requests] == [4, 2, 1, 1, 2]
    assert (sent.taken, sent.rejected) == (3, 1)


def test_halves_that_cannot_be_delivered_are_counted(documents):
    sent, _ = sent_by(Script(Answer("too large"), *[Answer("later")] * 6), documents)
    assert (sent.taken, sent.unsent, sent.total) == (0, 4, 4)


# --- over HTTP ---------------------------------------------------------------------------------------------------


class Scripted(OtlpReceiver):
    """A receiver that first gives the answers of a list."""

    def __init__(self, *answers):
        super().__init__()
        self.script = list(answers)

    def answer(self, request):
        return self.script.pop(0) if self.script else super().answer(request)


def post(receiver, documents, *, environment=None, **more):
    pauses = []
    endpoint = endpoint_of(receiver.url, environment or {}, **more)
    return send(documents, endpoint, wait=pauses.append, jitter=lambda: 0.5), pauses


@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_a_receiver_gets_every_span_as_it_is(tmp_path, protocol, compression):
    tape = read_tape(record_guide(tmp_path / "a.tape"))
    with OtlpReceiver() as receiver:
        sent, _ = post(
            receiver,
            documents_of(tape),
            protocol=protocol,
            environment={"OTEL_EXPORTER_OTLP_COMPRESSION": compression},
        )
        (request,) = receiver.requests
    assert sent.complete
    assert request.header("content-encoding") == (None if compression == "none" else compression)
    if protocol == "http/protobuf":
        spans = spans_of(*receiver.exports)
        assert [one.span_id.hex() for one in spans] == [one.span_id for one in tape.spans]
        assert [one.start_time_unix_nano for one in spans] == [one.started_ns for one in tape.spans]
        assert [one.parent_span_id.hex() for one in spans] == [one.parent_id for one in tape.spans]
    else:
        body = {"gzip": gzip.decompress, "deflate": zlib.decompress, "none": bytes}[compression](request.body)
        assert tuple(read_document(body).spans) == tape.spans


def test_headers_come_from_the_environment_and_the_command(documents):
    with OtlpReceiver() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,x=1"}
        post(receiver, documents, environment=environment, headers=["x=2", "Authorization=Bearer t"])
        (request,) = receiver.requests
    assert [request.header(name) for name in ("api-key", "x", "authorization")] == ["a b", "2", "Bearer t"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_when_it_says(documents, status):
    busy = HttpAnswer(status, (("retry-after", "3"), ("content-type", "text/plain")), (b"busy",))
    with Scripted(busy) as receiver:
        sent, pauses = post(receiver, documents)
    assert (sent.taken, pauses) == (4, [3.0])


def test_a_date_to_come_again_is_understood(documents):
    past = HttpAnswer(503, (("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),), ())
    odd = HttpAnswer(503, (("retry-after", "soon"),), ())
    with Scripted(past, odd) as receiver:
        sent, pauses = post(receiver, documents)
    assert (sent.taken, pauses) == (4, [0.1, 2.0])


def test_an_error_is_told_in_the_words_of_the_server(documents):
    status = Status(code=3, message="bad id").SerializeToString()
    said = [
        HttpAnswer(400, (("content-type", "application/x-protobuf"),), (status,)),
        json_answer(400, {"code": 3, "message": "bad json id"}),
        HttpAnswer(401, (("content-type", "text/html"),), (b"<p>who are you</p>",)),
        HttpAnswer(500, (), ()),
    ]
    for answer, message in zip(
        said,
        ["HTTP 400: bad id", "HTTP 400: bad json id", "HTTP 401: <p>who are you</p>", "HTTP 500"],
        strict=True,
    ):
        with Scripted(answer) as receiver:
            sent, pauses = post(receiver, documents)
        assert (sent.rejected, sent.messages, pauses) == (4, [message], [])


@pytest.mark.parametrize("media", ["application/x-protobuf", "application/json"])
def test_a_partial_success_is_read_from_either_encoding(documents, media):
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 2
    response.partial_success.error_message = "too old"
    answer = HttpAnswer(200, (("content-type", media),), (response.SerializeToString(),))
    if "json" in media:
        answer = json_answer(200, {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}})
    with Scripted(answer) as receiver:
        sent, _ = post(receiver, documents)
    assert (sent.taken, sent.rejected, sent.messages) == (2, 2, ["too old"])


def test_a_redirect_is_no_success(documents):
    with Scripted(HttpAnswer(307, (("location", "http://127.0.0.1:9/v1/traces"),), ())) as receiver:
        sent, _ = post(receiver, documents)
    assert (sent.rejected, sent.messages) == (4, ["HTTP 307"])


def test_nobody_there_is_told(documents):
    with OtlpReceiver() as receiver:
        pass
    sent, pauses = post(receiver, documents)
    assert (sent.unsent, len(pauses)) == (4, 5)
    assert "ConnectionError" in sent.messages[0]


# --- over gRPC ---------------------------------------------------------------------------------------------------


class GrpcReceiver:
    """A gRPC server of the trace service that first fails by a list."""

    def __init__(self, *failures, response=None):
        self.failures = list(failures)
        self.response = response or ExportTraceServiceResponse()
        self.exports = []
        self.metadata = {}

    def export(self, request, context):
        if self.failures:
            code, details = self.failures.pop(0)
            context.set_trailing_metadata(details)
            context.abort(code, "not now")
        self.metadata = dict(context.invocation_metadata())
        self.exports.append(request)
        return self.response

    def __enter__(self):
        self.pool = ThreadPoolExecutor(1)
        self.server = grpc.server(self.pool)
        method = grpc.unary_unary_rpc_method_handler(
            self.export,
            request_deserializer=ExportTraceServiceRequest.FromString,
            response_serializer=ExportTraceServiceResponse.SerializeToString,
        )
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {"Export": method}),)
        )
        self.url = f"grpc://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()
        self.pool.shutdown()


def details(seconds, nanos=0):
    info = RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos))
    status = Status(code=8)
    status.details.add().Pack(info)
    return (("grpc-status-details-bin", status.SerializeToString()),)


def test_grpc_takes_every_span_and_header(documents):
    with GrpcReceiver() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
        sent, _ = post(receiver, documents, headers=["X-Key=1"], environment=environment)
    assert (sent.taken, sent.complete) == (4, True)
    assert len(spans_of(*receiver.exports)) == 4
    assert receiver.metadata["x-key"] == "1"


def test_grpc_is_asked_again_by_its_codes_and_times(documents):
    info = RetryInfo(retry_delay=Duration(seconds=4))
    failures = [
        (grpc.StatusCode.UNAVAILABLE, ()),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, details(2, 500_000_000)),
        (grpc.StatusCode.ABORTED, (("google.rpc.retryinfo-bin", info.SerializeToString()),)),
    ]
    with GrpcReceiver(*failures) as receiver:
        sent, pauses = post(receiver, documents)
    assert (sent.taken, pauses) == (4, [1.0, 2.5, 4.0])


def test_grpc_refusals_are_told_and_what_is_too_large_is_halved(documents):
    with GrpcReceiver((grpc.StatusCode.INVALID_ARGUMENT, ())) as receiver:
        sent, pauses = post(receiver, documents)
    assert (sent.rejected, sent.messages, pauses) == (4, ["INVALID_ARGUMENT: not now"], [])
    with GrpcReceiver((grpc.StatusCode.RESOURCE_EXHAUSTED, ())) as receiver:
        sent, _ = post(receiver, documents)
    assert (sent.taken, len(receiver.exports)) == (4, 2)


def test_grpc_partial_success_is_counted(documents):
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 1
    with GrpcReceiver(response=response) as receiver:
        sent, _ = post(receiver, documents)
    assert (sent.taken, sent.rejected) == (3, 1)


# --- to a collector and back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collected_tape_is_the_one_that_was_sent(tmp_path, protocol):
    tape = read_tape(record_guide(tmp_path / "a.tape"))
    settings = Settings(grpc=address("127.0.0.1:0"), idle_s=0, wait_s=0)
    with Collector(tmp_path / "tapes", settings) as collector:
        url = collector.grpc_endpoint if protocol == "grpc" else collector.endpoint
        sent = send(documents_of(tape), endpoint_of(url, {}, protocol=protocol))
        collector.flush()
        back = read_tape(collector.wait_for(tape.spans[0].trace_id))
    assert sent.complete
    assert back.fingerprint == tape.fingerprint
    assert back.spans == tape.spans


def test_a_delta_coded_run_is_collected_whole(tmp_path):
    tape = sealed(tmp_path / "a.tape", turns=6)
    with Collector(tmp_path / "tapes", Settings(idle_s=0, wait_s=0)) as collector:
        assert send(documents_of(tape), endpoint_of(collector.endpoint, {})).complete
        collector.flush()
        back = read_tape(collector.wait_for(tape.spans[0].trace_id))
    assert (back.fingerprint, back.spans) == (tape.fingerprint, read_tape(tape.path).spans)


# --- settings ----------------------------------------------------------------------------------------------------

BASE = {"http://h:4318": "http://h:4318/v1/traces", "https://h/otel/": "https://h/otel/v1/traces"}


@pytest.mark.parametrize("url", [*BASE, "http://h:6006/v1/traces", "http://h/v1/traces?key=1"])
def test_a_url_is_a_base_unless_it_names_the_path(url):
    assert endpoint_of(url, {}).url == BASE.get(url, url)


def test_settings_for_traces_stand_before_the_general_ones(tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    environment = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2.5",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem"),
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
    }
    endpoint = endpoint_of("https://h:4317", environment)
    assert (endpoint.url, endpoint.protocol, endpoint.secure) == ("h:4317", "grpc", True)
    assert (endpoint.timeout_s, endpoint.compression) == (2.5, "gzip")
    assert endpoint.certificate == str(tmp_path / "ca.pem")
    assert endpoint_of("https://h:1", environment, protocol="http/json").protocol == "http/json"
    assert endpoint_of("grpcs://h:1", {}) == Endpoint("h:1", "grpc", secure=True)


@pytest.mark.parametrize(
    ("url", "environment", "headers", "says"),
    [
        ("localhost:4318", {}, [], "expected http://host:port"),
        ("http://", {}, [], "expected http://host:port"),
        ("http://h", {"OTEL_EXPORTER_OTLP_PROTOCOL": "x"}, [], "got the protocol 'x'"),
        ("http://h", {"OTEL_EXPORTER_OTLP_TIMEOUT": "-1"}, [], "expected seconds above 0"),
        ("http://h", {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, [], "expected seconds above 0"),
        ("http://h", {"OTEL_EXPORTER_OTLP_COMPRESSION": "br"}, [], "expected one of none, gzip, deflate"),
        ("grpc://h:1", {"OTEL_EXPORTER_OTLP_COMPRESSION": "deflate"}, [], "expected one of none, gzip"),
        ("http://h", {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/none"}, [], "which is no file"),
        ("http://h", {}, ["secret"], "expected NAME=VALUE"),
    ],
)
def test_settings_that_mean_nothing_are_named(url, environment, headers, says):
    with pytest.raises(UsageError, match=says):
        endpoint_of(url, environment, headers=headers)
