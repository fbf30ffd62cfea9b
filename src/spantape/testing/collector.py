"""An OTLP/HTTP receiver in this process: what an exporter sends, as bytes and as spans."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable
from typing import Any, Final

from google.protobuf import json_format, message  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spantape.testing._loopback import Loopback
from spantape.testing._message import Answer, ReceivedRequest, json_answer, not_found

_PROTOBUF: Final = "application/x-protobuf"
_DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
_OTHER_SIGNALS: Final = ("/v1/metrics", "/v1/logs")


class OtlpReceiver(Loopback):
    """A receiver of OTLP over HTTP, protobuf or JSON, compressed (gzip, deflate) or not.

    Point an exporter at `endpoint`, or `OTEL_EXPORTER_OTLP_ENDPOINT` at `url`. `exports` holds what was received, in
    order of arrival; `requests` holds the raw HTTP requests. Metrics and logs are accepted and left unread.
    """

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.exports: list[ExportTraceServiceRequest] = []
        self._arrived = threading.Condition()

    @property
    def endpoint(self) -> str:
        """The URL that traces are posted to."""
        return f"{self.url}/v1/traces"

    def answer(self, request: ReceivedRequest) -> Answer:
        """The collector's answer: 200 for what could be read, 400 for what could not."""
        if request.method == "POST" and request.route.endswith(_OTHER_SIGNALS):
            return _accepted(request)
        if request.method != "POST" or not request.route.endswith("/v1/traces"):
            return not_found(request)
        try:
            export = _parsed(request)
        except (
            message.DecodeError,
            json_format.ParseError,
            OSError,
            EOFError,
            zlib.error,
            ValueError,
        ) as error:
            return json_answer(400, {"code": 3, "message": f"{type(error).__name__}: {error}"})
        with self._arrived:
            self.exports.append(export)
            self._arrived.notify_all()
        return _accepted(request)

    def spans(self) -> list[Span]:
        """All spans received, in order of arrival."""
        with self._arrived:
            return _spans(self.exports)

    def wait_for(self, count: int, timeout_s: float = 5.0) -> list[Span]:
        """All spans received, once there are `count` of them.

        Raises:
            TimeoutError: they did not come in time.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(_spans(self.exports)) >= count, timeout_s):
                raise TimeoutError(f"{len(_spans(self.exports))} of {count} spans arrived in {timeout_s} s")
            return _spans(self.exports)


def _spans(exports: list[ExportTraceServiceRequest]) -> list[Span]:
    return [
        span
        for export in exports
        for resource in export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _parsed(request: ReceivedRequest) -> ExportTraceServiceRequest:
    decompress = _DECODERS.get(request.header("content-encoding") or "", bytes)
    body = decompress(request.body)
    export = ExportTraceServiceRequest()
    if _is_json(request):
        json_format.Parse(body, export)
    else:
        export.ParseFromString(body)
    return export


def _is_json(request: ReceivedRequest) -> bool:
    return "json" in (request.header("content-type") or "")


def _accepted(request: ReceivedRequest) -> Answer:
    if _is_json(request):
        return json_answer(200, {})
    return Answer(200, (("content-type", _PROTOBUF),), (ExportTraceServiceResponse().SerializeToString(),))


def attributes_of(holder: Any) -> dict[str, Any]:
    """The attributes of a received span, event, link or resource as plain values; bytes stay bytes."""
    pairs: list[KeyValue] = list(holder.attributes)
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    return getattr(value, kind)
