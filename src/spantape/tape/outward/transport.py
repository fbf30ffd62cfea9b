"""One request to an OTLP endpoint, and what its answer means: over HTTP in protobuf or JSON, or over gRPC.

See: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response> and <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc>
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, Protocol

from google.protobuf import json_format  # type: ignore[import-untyped] # it ships no types
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spantape.tape.outward.endpoint import Endpoint

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

_RETRYABLE: Final = frozenset((429, 502, 503, 504))
_SHOWN: Final = 300
_PACKERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request.

    `rejected` counts the spans that the endpoint says it dropped of one that it took; `message` is what it says of it.
    `after_s` is how long it asks to wait before a retry, None where it does not say.
    """

    outcome: Literal["taken", "later", "too large", "refused"]
    message: str = ""
    rejected: int = 0
    after_s: float | None = None


class Transport(Protocol):
    """What sends one request and can be closed."""

    def send(self, data: bytes) -> Answer:
        """The answer to one ExportTraceServiceRequest; never raises for what the network does."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def transport_to(endpoint: Endpoint) -> Transport:
    """What sends to `endpoint`."""
    if endpoint.protocol != "grpc":
        return HttpTransport(endpoint)
    from spantape.tape.outward.transport_grpc import GrpcTransport

    return GrpcTransport(endpoint)


# --- HTTP --------------------------------------------------------------------------------------------------------


class HttpTransport:
    """OTLP over HTTP; one connection is kept."""

    def __init__(self, endpoint: Endpoint) -> None:
        import requests

        self._errors: tuple[type[Exception], ...] = (requests.RequestException,)
        self._endpoint = endpoint
        self._session = requests.Session()
        self._session.headers.update(_headers(endpoint))
        self._session.verify = endpoint.certificate or True
        if endpoint.client_certificate:
            own = (endpoint.client_certificate, endpoint.client_key)
            self._session.cert = own if endpoint.client_key else endpoint.client_certificate

    def send(self, data: bytes) -> Answer:
        """The answer to one request; a connection that fails is to be tried again."""
        pack = _PACKERS.get(self._endpoint.compression, bytes)
        try:
            response = self._session.post(
                self._endpoint.url, data=pack(data), timeout=self._endpoint.timeout_s, allow_redirects=False
            )
        except self._errors as error:
            return Answer("later", f"{type(error).__name__}: {error}"[:_SHOWN])
        return _answer(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"content-type": JSON if endpoint.protocol == "http/json" else PROTOBUF}
    if endpoint.compression != "none":
        headers["content-encoding"] = endpoint.compression
    return {"user-agent": "spantape", **headers, **dict(endpoint.headers)}


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    is_json = "json" in headers.get("content-type", "")
    if 200 <= status < 300:
        return taken(_parsed(body, is_json=is_json))
    said = f"HTTP {status}"
    told = _told(body, is_json=is_json)
    message = f"{said}: {told}" if told else said
    if status in _RETRYABLE:
        return Answer("later", message, after_s=_after(headers.get("retry-after", "")))
    return Answer("too large" if status == 413 else "refused", message)


def taken(response: Any) -> Answer:
    """The answer that an ExportTraceServiceResponse says."""
    partial = response.partial_success
    return Answer("taken", partial.error_message, rejected=partial.rejected_spans)


def _parsed(body: bytes, *, is_json: bool) -> Any:
    """The response in a body; an empty one where it is none: the request was taken all the same."""
    response = ExportTraceServiceResponse()
    try:
        if is_json:
            json_format.Parse(body or b"{}", response, ignore_unknown_fields=True)
        else:
            response.ParseFromString(body)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError):
        return ExportTraceServiceResponse()
    return response


def _told(body: bytes, *, is_json: bool) -> str:
    """What the body of a failure says: a google.rpc.Status, else text."""
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # it ships no types

    try:
        if is_json:
            status = json_format.Parse(body, Status(), ignore_unknown_fields=True)
        else:
            status = Status.FromString(body)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError):
        return body[:_SHOWN].decode("utf-8", "replace").strip()
    return str(status.message)[:_SHOWN]


def _after(text: str) -> float | None:
    """The seconds that a Retry-After header says (RFC 9110 section 10.2.3), None where it says none."""
    if text.strip().isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
