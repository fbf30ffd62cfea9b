"""Request bodies unpacked to protobuf: content-encodings undone up to a limit, OTLP JSON turned into protobuf.

See: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>, RFC 9110 section 8.4
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
import zstandard
from google.protobuf import json_format  # type: ignore[import-untyped] # it ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spantape.collect._errors import BadRequest, TooLarge, WrongMediaType

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

_PROTOBUF_NAMES: Final = (PROTOBUF, "application/protobuf", "application/vnd.google.protobuf")
_PIECE: Final = 1 << 16
_WINDOW_BYTES: Final = 1 << 27
_IDS: Final = (("traceId", 16), ("spanId", 8), ("parentSpanId", 8))


def media_type(content_type: str) -> str:
    """`PROTOBUF` or `JSON`, whichever `content_type` names.

    Raises:
        WrongMediaType: it names neither.
    """
    name = content_type.partition(";")[0].strip().lower()
    if name in _PROTOBUF_NAMES:
        return PROTOBUF
    if name == JSON:
        return JSON
    raise WrongMediaType(f"got content-type {content_type!r:.80}, expected {PROTOBUF} or {JSON}")


# --- content-encodings ---------------------------------------------------------------------------------------------


def unpacked(body: bytes, encodings: str, limit: int) -> bytes:
    """`body` with its content-encodings (gzip, deflate, zstd, identity; comma-separated) undone.

    Raises:
        WrongMediaType: an encoding is not known.
        BadRequest: the bytes do not decode.
        TooLarge: they unpack to more than `limit` bytes.
    """
    for name in reversed([name.strip().lower() for name in encodings.split(",")]):
        if name in ("", "identity"):
            continue
        pieces = _UNPACKERS.get(name)
        if pieces is None:
            raise WrongMediaType(
                f"got content-encoding {name!r:.80}, expected one of {', '.join(_UNPACKERS)}"
            )
        body = _bounded(pieces, body, name, limit)
    return body


def _bounded(pieces: Callable[[bytes], Iterator[bytes]], body: bytes, name: str, limit: int) -> bytes:
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces(body):
            held.append(piece)
            size += len(piece)
            if size > limit:
                raise TooLarge(f"got a body that unpacks to more than {limit} bytes ({name})")
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise BadRequest(f"got {len(body)} bytes that are not {name} ({error})") from error
    return b"".join(held)


def _gzip(body: bytes) -> Iterator[bytes]:
    return _inflated(body, 16 + zlib.MAX_WBITS)


def _deflate(body: bytes) -> Iterator[bytes]:
    wrapped = len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and (body[0] << 8 | body[1]) % 31 == 0
    return _inflated(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


def _inflated(body: bytes, window: int) -> Iterator[bytes]:
    while body:  # a gzip file may be several, one behind another
        inflate = zlib.decompressobj(window)
        while body and not inflate.eof:
            yield inflate.decompress(body, _PIECE)
            body = inflate.unconsumed_tail
        while not inflate.eof and (rest := inflate.decompress(b"", _PIECE)):
            yield rest
        if not inflate.eof:
            raise EOFError("it breaks off")
        body = inflate.unused_data if window > zlib.MAX_WBITS else b""


def _zstd(body: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    while body:
        inflate = decompressor.decompressobj()
        for at in range(0, len(body), 1024):  # few bytes at a time: 4 of them may unfold to 128 KiB
            yield inflate.decompress(body[at : at + 1024])
            if inflate.eof:
                body = inflate.unused_data + body[at + 1024 :]
                break
        else:
            raise EOFError("it breaks off")


_UNPACKERS: Final[Mapping[str, Callable[[bytes], Iterator[bytes]]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}


# --- JSON ------------------------------------------------------------------------------------------------------------


def protobuf_of_json(body: bytes) -> bytes:
    """The protobuf bytes of an OTLP JSON request; fields that are not known are left out.

    Raises:
        BadRequest: it is not such a request.
    """
    request = ExportTraceServiceRequest()
    try:
        document = _document(body)
        if not isinstance(document, dict):
            raise BadRequest(f"got a JSON {type(document).__name__}, expected an object with resourceSpans")
        for span in _spans(document):
            _plain_ids(span)
        json_format.ParseDict(document, request, ignore_unknown_fields=True)
        data: bytes = request.SerializeToString()
    except (
        ValueError,
        json_format.ParseError,
        RecursionError,
        TypeError,
        AttributeError,
    ) as error:
        raise BadRequest(
            f"got {len(body)} bytes that are not an ExportTraceServiceRequest in JSON ({error})"
        ) from error
    return data


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        if b"\\ud" not in body.lower():
            raise
    # JavaScript writes a string that was cut inside a character with half a surrogate, which protobuf cannot hold
    text = json.dumps(json.loads(body), ensure_ascii=False)
    return msgspec.json.decode(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _spans(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for group in document.get("resourceSpans") or ():
        for scope in group.get("scopeSpans") or ():
            yield from scope.get("spans") or ()


def _plain_ids(span: dict[str, Any]) -> None:
    """OTLP writes ids in hex where protobuf's own JSON has base64; what is neither becomes an id that is rejected."""
    for holder in (span, *(span.get("links") or ())):
        for name, size in _IDS:
            text = holder.get(name)
            if isinstance(text, str):
                holder[name] = base64.b64encode(_id(text, size)).decode()


def _id(text: str, size: int) -> bytes:
    try:
        if len(text) == 2 * size:
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b"?"
