"""OTLP over gRPC: one unary call for each request.

See: <https://opentelemetry.io/docs/specs/otlp/#failures>
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import grpc  # type: ignore[import-untyped] # it ships no types
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # it ships no types
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # it ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spantape.tape.outward.endpoint import Endpoint
from spantape.tape.outward.transport import Answer, taken

_METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_DETAILS: Final = "grpc-status-details-bin"
_RETRY_INFO: Final = "google.rpc.retryinfo-bin"
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class GrpcTransport:
    """OTLP over gRPC; one channel is kept."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = _channel(endpoint)
        self._export = self._channel.unary_unary(
            _METHOD, request_serializer=None, response_deserializer=ExportTraceServiceResponse.FromString
        )

    def send(self, data: bytes) -> Answer:
        """The answer to one request."""
        try:
            response = self._export(data, timeout=self._endpoint.timeout_s, metadata=self._endpoint.headers)
        except grpc.RpcError as error:
            return _failed(error)
        return taken(response)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _channel(endpoint: Endpoint) -> Any:
    packing = grpc.Compression.Gzip if endpoint.compression == "gzip" else grpc.Compression.NoCompression
    if not endpoint.secure:
        return grpc.insecure_channel(endpoint.url, compression=packing)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_content(endpoint.certificate),
        private_key=_content(endpoint.client_key),
        certificate_chain=_content(endpoint.client_certificate),
    )
    return grpc.secure_channel(endpoint.url, credentials, compression=packing)


def _content(path: str) -> bytes | None:
    return Path(path).read_bytes() if path else None


def _failed(error: Any) -> Answer:
    code, after_s = error.code(), _after(error.trailing_metadata() or ())
    message = f"{code.name}: {error.details()}"
    if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None):
        return Answer("later", message, after_s=after_s)
    return Answer("too large" if code is grpc.StatusCode.RESOURCE_EXHAUSTED else "refused", message)


def _after(metadata: Any) -> float | None:
    """The seconds of the RetryInfo that a failure carries, None where it carries none."""
    held = dict(metadata)
    try:
        if _RETRY_INFO in held:
            return _seconds(RetryInfo.FromString(held[_RETRY_INFO]))
        for detail in Status.FromString(held.get(_DETAILS, b"")).details:
            info = RetryInfo()
            if detail.Unpack(info):
                return _seconds(info)
    except DecodeError:
        return None
    return None


def _seconds(info: Any) -> float:
    delay = info.retry_delay
    return float(delay.seconds) + float(delay.nanos) / 1e9
