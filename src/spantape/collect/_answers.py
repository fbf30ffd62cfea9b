"""What a sender is told, in the words of OTLP: the same for HTTP and gRPC, in protobuf and in JSON.

See: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>, <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling>
"""

from __future__ import annotations

import hmac

import msgspec
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped] # it ships no types
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped] # it ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spantape.collect._bodies import JSON
from spantape.collect._errors import Refused, WrongToken
from spantape.collect._export import Export


def accepted(export: Export, media: str) -> bytes:
    """The body of an ExportTraceServiceResponse; a partial success where spans were rejected."""
    if media == JSON:
        partial = {"rejectedSpans": str(export.rejected), "errorMessage": export.why}
        return msgspec.json.encode({"partialSuccess": partial} if export.rejected else {})
    response = ExportTraceServiceResponse()
    if export.rejected:
        response.partial_success.rejected_spans = export.rejected
        response.partial_success.error_message = export.why
    data: bytes = response.SerializeToString()
    return data


def refused(refusal: Refused, media: str) -> bytes:
    """The body of a google.rpc.Status; in protobuf with a RetryInfo where the sender is to come again."""
    if media == JSON:
        return msgspec.json.encode({"code": refusal.code, "message": str(refusal)})
    status = Status(code=refusal.code, message=str(refusal))
    if refusal.retry_after_s is not None:
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=refusal.retry_after_s)))
    data: bytes = status.SerializeToString()
    return data


def check_token(token: str | None, authorization: str) -> None:
    """Nothing, where no token is asked for or `authorization` carries it; compared in constant time.

    Raises:
        WrongToken: it does not.
    """
    if token is None:
        return
    scheme, _, given = authorization.partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.strip().encode())
    if scheme.lower() != "bearer" or not same:
        got = "no authorization header" if not authorization else "another token"
        raise WrongToken(f"got {got}, expected `authorization: Bearer <the token that spantape collect has>`")
