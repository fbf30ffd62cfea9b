"""Export requests for the tests of the collector: recorded runs and foreign traces as protobuf, JSON and SDK spans."""

from __future__ import annotations

import base64
import json

from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from spantape._spans import names
from spantape._spans.codec import write_exchange
from tape_spans import chat, exchange, sdk_spans


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def agent_run(run="ab" * 16, turns=2, name="planner", resource=None):
    """The SDK spans of an agent that makes `turns` exchanges; the agent's own span is the last."""

    def make(tracer):
        root = {names.KIND: "agent", names.RUN_ID: run, names.AGENT_NAME: name, names.ARGUMENTS: "{}"}
        with tracer.start_as_current_span(f"invoke_agent {name}", attributes=root | {names.RESULT: "1"}):
            for turn in range(turns):
                tracer.start_span("chat", attributes=call(run, turn)).end()

    return list(sdk_spans(make, resource=resource))


def lone_calls(run="cd" * 16, turns=3):
    """The SDK spans of a loop without a root: each call is a trace of its own."""
    return list(
        sdk_spans(
            lambda tracer: [
                tracer.start_span("chat", attributes=call(run, turn)).end() for turn in range(turns)
            ]
        )
    )


def others(count=3):
    """The SDK spans of one trace that has nothing of ours; its root is the last."""

    def make(tracer):
        with tracer.start_as_current_span("GET /orders", attributes={"http.route": "/orders"}):
            for index in range(count - 1):
                tracer.start_span(f"SELECT {index}").end()

    return list(sdk_spans(make, resource={"service.name": "shop"}))


def call(run, turn=0):
    own = {names.KIND: "exchange", names.RUN_ID: run, names.STEP: turn}
    return own | write_exchange(exchange(turn), chat(turn - 1) if turn else None)


def protobuf(spans) -> bytes:
    """What an exporter sends of SDK spans."""
    return encode_spans(spans).SerializeToString()


def request(*spans) -> bytes:
    """A request of raw spans, under one resource and scope."""
    scope = ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[scope])]).SerializeToString()


def raw_span(trace=1, span=1, parent=b"", name="s", **more) -> Span:
    """A span in protobuf, its ids given as numbers or bytes."""
    trace_id = trace if isinstance(trace, bytes) else trace.to_bytes(16, "big")
    span_id = span if isinstance(span, bytes) else span.to_bytes(8, "big")
    return Span(trace_id=trace_id, span_id=span_id, parent_span_id=parent, name=name, **more)


def otlp_json(data: bytes) -> bytes:
    """The protobuf request `data` as OTLP JSON: protobuf's own JSON with its ids in hex."""
    document = json_format.MessageToDict(ExportTraceServiceRequest.FromString(data))
    for group in document.get("resourceSpans", ()):
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                for holder in (span, *span.get("links", ())):
                    for key in ("traceId", "spanId", "parentSpanId"):
                        if key in holder:
                            holder[key] = base64.b64decode(holder[key]).hex()
    return json.dumps(document).encode()
