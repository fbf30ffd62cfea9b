"""The OTLP receiver takes what the real exporters send, and keeps it as bytes and as spans."""

from __future__ import annotations

import gzip

import httpx2
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from spantape.testing import CountedIds, FixedClock, OtlpReceiver, attributes_of


def provider_for(receiver, processor=SimpleSpanProcessor, compression=Compression.NoCompression):
    provider = TracerProvider(id_generator=CountedIds(), resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(processor(OTLPSpanExporter(receiver.endpoint, compression=compression)))
    return provider


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_spans_arrive_with_their_ids_times_and_attributes(compression):
    clock = FixedClock()
    with OtlpReceiver() as receiver:
        provider = provider_for(receiver, compression=compression)
        attributes = {"text": "é", "n": 1, "x": 0.5, "yes": True, "raw": b"\xff", "list": ["a", "b"]}
        span = provider.get_tracer("t").start_span("s", start_time=clock(), attributes=attributes)
        span.end(clock())
        provider.shutdown()
        (found,) = receiver.spans()
    assert found.name == "s"
    assert found.trace_id == (1).to_bytes(16, "big")
    assert found.span_id == (1).to_bytes(8, "big")
    assert found.end_time_unix_nano - found.start_time_unix_nano == 1_000_000_000
    assert attributes_of(found) == attributes
    assert attributes_of(receiver.exports[0].resource_spans[0].resource) == {"service.name": "shop"}
    assert receiver.requests[0].route == "/v1/traces"


def test_waiting_for_spans_gives_them_once_they_are_there():
    with OtlpReceiver() as receiver:
        provider = provider_for(receiver, BatchSpanProcessor)
        for n in range(3):
            provider.get_tracer("t").start_span(str(n)).end()
        provider.force_flush()
        assert [span.name for span in receiver.wait_for(3)] == ["0", "1", "2"]
        with pytest.raises(TimeoutError, match="3 of 4 spans arrived"):
            receiver.wait_for(4, timeout_s=0.01)
        provider.shutdown()


def test_json_is_accepted_too():
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"j","attributes":[{"key":"m","value":{"kvlistValue":{"values":[{"key":"a"}]}}}]}]}]}]}'
    with OtlpReceiver() as receiver:
        answer = httpx2.post(receiver.endpoint, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()) == (200, {})
        assert attributes_of(receiver.spans()[0]) == {"m": {"a": None}}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"\xff\xff\xff", {"content-type": "application/x-protobuf"}),
        (b"not gzip", {"content-encoding": "gzip"}),
        (gzip.compress(b"x" * 99)[:-20], {"content-encoding": "gzip"}),
        (b"{", {"content-type": "application/json"}),
    ],
)
def test_what_cannot_be_read_is_a_400_and_kept_out(content, headers):
    with OtlpReceiver() as receiver:
        assert httpx2.post(receiver.endpoint, content=content, headers=headers).status_code == 400
        assert receiver.spans() == []
        assert receiver.requests[0].body == content


def test_metrics_and_logs_are_accepted_and_other_routes_are_not():
    with OtlpReceiver() as receiver, httpx2.Client(base_url=receiver.url) as client:
        assert client.post("/v1/metrics").status_code == 200
        assert client.post("/v1/logs").status_code == 200
        assert client.get("/v1/traces").status_code == 404
        assert client.post("/").status_code == 404


def test_an_empty_export_is_an_export():
    with OtlpReceiver() as receiver:
        assert httpx2.post(receiver.endpoint, content=b"").status_code == 200
        assert receiver.exports == [ExportTraceServiceRequest()]
