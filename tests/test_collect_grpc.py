"""OTLP over gRPC: what the real exporter sends is taken, and refusals carry what a sender needs to come again."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace.export import SpanExportResult

from collect_requests import agent_run, protobuf, raw_span, request
from spantape.collect import Collector, Settings, address
from spantape.errors import UsageError
from spantape.tape.read import read_tape

ANY = address("127.0.0.1:0")


@pytest.fixture
def collect(tmp_path):
    """Collectors of gRPC into `tmp_path`, and a channel to each."""
    running = []

    def start(**settings):
        given = {"idle_s": 0, "fsync": False, "http": None, "grpc": ANY} | settings
        collector = Collector(tmp_path / "tapes", Settings(**given)).start()
        channel = grpc.insecure_channel(collector.grpc_endpoint.removeprefix("http://"))
        running.extend([channel.close, collector.stop])
        return collector, channel

    yield start
    for stop in running:
        stop()


def export(channel, body, **more):
    return TraceServiceStub(channel).Export(ExportTraceServiceRequest.FromString(body), timeout=5, **more)


def refusal(channel, body, **more):
    with pytest.raises(grpc.RpcError) as caught:
        export(channel, body, **more)
    details = dict(caught.value.trailing_metadata()).get("grpc-status-details-bin", b"")
    return caught.value, Status.FromString(details)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_what_the_exporter_sends_is_a_tape(collect, compression):
    collector, _ = collect()
    spans = agent_run(turns=3)
    exporter = OTLPSpanExporter(collector.grpc_endpoint, insecure=True, compression=compression)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()
    tape = read_tape(collector.wait_for(spans[0].context.trace_id))
    assert [step.kind for step in tape.steps] == ["agent", "exchange", "exchange", "exchange"]


def test_rejected_spans_are_a_partial_success_with_the_reason(collect):
    _, channel = collect()
    told = export(channel, request(raw_span(trace=b"abc"), raw_span())).partial_success
    assert told.rejected_spans == 1
    assert told.error_message.startswith("span 0: got a trace_id of 3 bytes")


def test_metrics_and_logs_are_accepted(collect):
    _, channel = collect()
    metrics = MetricsServiceStub(channel).Export(ExportMetricsServiceRequest(), timeout=5)
    logs = LogsServiceStub(channel).Export(ExportLogsServiceRequest(), timeout=5)
    assert (metrics, logs) == (ExportMetricsServiceResponse(), ExportLogsServiceResponse())


def test_garbage_is_an_invalid_argument(collect):
    _, channel = collect()
    call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", timeout=5)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not an ExportTraceServiceRequest" in caught.value.details()


def test_when_there_is_no_room_the_status_says_when_to_come_again(collect):
    _, channel = collect(max_waiting_bytes=100)
    error, status = refusal(channel, protobuf(agent_run()))
    retry = RetryInfo()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.details[0].Unpack(retry)
    assert (status.code, retry.retry_delay.seconds) == (8, 1)


@pytest.mark.parametrize(
    ("metadata", "taken"),
    [((("authorization", "Bearer s3cret"),), True), ((("authorization", "Bearer x"),), False), ((), False)],
)
def test_a_token_is_asked_for_where_one_is_set(collect, metadata, taken):
    collector, channel = collect(token="s3cret")
    if taken:
        export(channel, request(raw_span()), metadata=metadata)
    else:
        error, _ = refusal(channel, request(raw_span()), metadata=metadata)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert collector.counts["spans"] == taken


def test_a_request_that_is_too_large_is_refused(collect):
    _, channel = collect(max_body_bytes=1000)
    error, _ = refusal(channel, protobuf(agent_run()))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_port_in_use_is_said_and_the_other_port_is_left(collect, tmp_path):
    collector, _ = collect()
    taken = address(collector.grpc_endpoint.removeprefix("http://"))
    with Collector(tmp_path / "free") as freed:
        http = address(freed.endpoint.removeprefix("http://"))
    with pytest.raises(UsageError, match=r"another program listens there.*--grpc 127.0.0.1:0"):
        Collector(tmp_path / "other", Settings(http=http, grpc=taken)).start()
    with Collector(tmp_path / "other", Settings(http=http)) as collector:
        assert collector.endpoint == f"http://{http}"
