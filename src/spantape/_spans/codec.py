"""An exchange as span attributes and back: the law `read(write(exchange)) == exchange`.

This module knows how bytes travel in attributes: as text where they are UTF-8, as zstd where they are long, as a
delta where they grew from a body that the same run has already sent. What the bytes mean is the dialects' matter.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import zstandard

from spantape._framing.delta import apply_delta, find_delta
from spantape._model import End, Exchange, Failure, Headers, Request, Response, digest
from spantape._spans import names
from spantape._spans.body import Base, Body, seal
from spantape._spans.chunks import read_chunks, write_chunks
from spantape.errors import MissingBase, NotReplayable, TapeDamaged

COMPRESS_FROM = 16 * 1024
"""Payloads from this length on travel as zstd bytes; shorter ones as text, which collectors compress better together."""

_PIECE_BYTES = 1 << 20
THRIFTY_FROM = 1024

_ENCODINGS = ("", "delta", "zstd", "delta+zstd")
_local = threading.local()


def compress(data: bytes) -> bytes:
    """`data` as one zstd frame at level 3, with its content size and checksum."""
    compressor = getattr(_local, "compressor", None)
    if compressor is None:  # a compressor is not thread-safe, and costs more to make than to use
        compressor = _local.compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    packed: bytes = compressor.compress(data)
    return packed


def decompress(data: bytes, size_bytes: int) -> bytes:
    """The content of a zstd frame, at most `size_bytes` long: what is longer is refused before it is unfolded.

    Raises:
        TapeDamaged: not a zstd frame, damaged, or longer than stated.
    """
    try:
        stated = zstandard.frame_content_size(data)
        if stated > size_bytes:
            raise _too_long(size_bytes)
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        plain = decompressor.decompress(data) if stated >= 0 else _unfold(decompressor, data, size_bytes)
    except (zstandard.ZstdError, MemoryError) as error:
        raise TapeDamaged(f"got bytes that are not the zstd frame they should be ({error})") from error
    if len(plain) > size_bytes:
        raise _too_long(size_bytes)
    return plain


def _unfold(decompressor: zstandard.ZstdDecompressor, data: bytes, size_bytes: int) -> bytes:
    """The content of a frame that does not state its size, or a little more than `size_bytes` of it."""
    parts: list[bytes] = []
    held = 0
    with decompressor.stream_reader(data) as reader:
        while held <= size_bytes and (part := reader.read(_PIECE_BYTES)):
            parts.append(part)
            held += len(part)
    return b"".join(parts)


def _too_long(size_bytes: int) -> TapeDamaged:
    return TapeDamaged(f"got more than the stated {size_bytes} bytes from a zstd frame")


def pack(data: bytes, *, thrifty: bool = False) -> tuple[str | bytes, str]:
    """`data` as an attribute value, and its encoding: "" or "zstd".

    A `thrifty` one is packed from a kilobyte on where that leaves less than a third: of a long run each span counts.
    What packs worse stays text, which the exporter's own compression shares between spans.
    """
    if len(data) >= COMPRESS_FROM:
        return compress(data), "zstd"
    if thrifty and len(data) >= THRIFTY_FROM:
        packed = compress(data)
        if len(packed) * 3 <= len(data):
            return packed, "zstd"
    try:
        return data.decode(), ""
    except UnicodeDecodeError:
        return data, ""


def unpack(value: object, encoding: str, size_bytes: int) -> bytes:
    """The bytes that `pack` was given; `size_bytes` bounds what a frame may unfold to.

    Raises:
        TapeDamaged: the value or its encoding is not one that `pack` makes.
    """
    if encoding not in ("", "zstd"):
        raise TapeDamaged(
            f"got body encoding {encoding!r}, expected one of {', '.join(map(repr, _ENCODINGS))}"
        )
    if isinstance(value, str) and not encoding:
        return value.encode()
    if not isinstance(value, bytes):
        raise TapeDamaged(
            f"got a body of type {type(value).__name__} with encoding {encoding!r}, expected str or bytes"
        )
    return decompress(value, size_bytes) if encoding else value


# --- request bodies ----------------------------------------------------------------------------------------------


def write_body(attributes: dict[str, Any], body: Body, base: Base | None) -> None:
    """Put `body` into `attributes` as what is new since `base`; without a base it is a keyframe."""
    attributes[names.REQUEST_DIGEST] = seal(body)
    attributes[names.REQUEST_SIZE] = len(body.data)
    encoding = ""
    middle = body.data
    if base is not None:
        attributes[names.BASE_DIGEST] = seal(base.body)
        attributes[names.BASE_PREFIX] = base.prefix
        attributes[names.BASE_SUFFIX] = base.suffix
        middle = middle[base.prefix : len(middle) - base.suffix]
        encoding = "delta"
    value, packed = pack(middle, thrifty=base is not None)
    attributes[names.REQUEST_BODY] = value
    if encoding or packed:
        attributes[names.REQUEST_ENCODING] = "+".join(part for part in (encoding, packed) if part)


def read_body(attributes: Mapping[str, Any], base: bytes | None) -> bytes:
    """The request body in `attributes`; `base` is the body named by `spantape.request.base.sha256`.

    Raises:
        MissingBase: the body is a delta and `base` is None.
        NotReplayable: there is no body in the attributes.
        TapeDamaged: the value does not decode, or does not have its digest.
    """
    size = attributes.get(names.REQUEST_SIZE, 0)
    encoding = attributes.get(names.REQUEST_ENCODING, "")
    if names.REQUEST_BODY not in attributes:
        raise NotReplayable(
            f"the span has no {names.REQUEST_BODY}: {why_missing(attributes)}", field="request.body"
        )
    is_delta, packed = split_encoding(encoding)
    body = unpack(attributes[names.REQUEST_BODY], packed, size)
    if is_delta:
        wanted = attributes.get(names.BASE_DIGEST)
        if base is None:
            raise MissingBase(f"its base body sha256 {wanted} is not on the tape", field="request.body")
        try:
            body = apply_delta(base, attributes[names.BASE_PREFIX], attributes[names.BASE_SUFFIX], body)
        except (KeyError, TypeError, ValueError) as error:
            raise TapeDamaged(f"the delta does not fit its base ({error})", field="request.body") from error
    check_digest(body, attributes.get(names.REQUEST_DIGEST), "request.body")
    return body


def split_encoding(encoding: str) -> tuple[bool, str]:
    """Whether a body encoding is a delta, and its packing ("" or "zstd")."""
    if encoding == "delta":
        return True, ""
    if encoding.startswith("delta+"):
        return True, encoding.removeprefix("delta+")
    return False, encoding


def check_digest(body: bytes, expected: object, field: str) -> None:
    """Raise unless `body` has the sha256 `expected`.

    Raises:
        TapeDamaged: it has another.
    """
    got = digest(body)
    if got != expected:
        raise TapeDamaged(f"got sha256 {got}, recorded {expected}", field=field)


def refuse_cut(attributes: Mapping[str, Any], needed: Collection[str]) -> None:
    """Raise where a limit of the SDK cut one of the `needed` attributes: what is left of it may mean something else.

    Raises:
        NotReplayable: it did.
    """
    if lost := [name for name in attributes.get(names.CUT, ()) if name in needed]:
        raise NotReplayable(f"{lost[0]} is lost: {why_missing(attributes)}")


def why_missing(attributes: Mapping[str, Any]) -> str:
    """The reason why a span holds no payload, with the setting that would have kept it."""
    if reasons := attributes.get(names.GRADE_REASONS):
        return "; ".join(reasons)
    if attributes.get(names.CONTENT) == "none":
        return (
            "it was recorded with OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT set to NO_CONTENT; "
            "unset it to record payloads"
        )
    if cut := attributes.get(names.CUT):
        return (
            f"the span limits of the SDK cut or dropped {', '.join(cut)}; raise OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and "
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
        )
    return "it was dropped on its way here"


# --- responses ---------------------------------------------------------------------------------------------------


def write_response(attributes: dict[str, Any], response: Response, *, thrifty: bool = False) -> None:
    """Put `response` into `attributes`."""
    attributes[names.HTTP_STATUS] = response.status
    attributes[names.RESPONSE_HEADERS] = write_headers(response.headers)
    value, packed = pack(response.body, thrifty=thrifty)
    attributes[names.RESPONSE_BODY] = value
    if packed:
        attributes[names.RESPONSE_ENCODING] = packed
    attributes[names.RESPONSE_DIGEST] = digest(response.body)
    attributes[names.RESPONSE_SIZE] = len(response.body)
    if chunks := write_chunks(response.chunks, response.chunk_times_ns):
        attributes[names.RESPONSE_CHUNKS] = chunks


def read_response(attributes: Mapping[str, Any]) -> Response | None:
    """The response in `attributes`, None where none came.

    Raises:
        NotReplayable: there was a response, but its body is not in the attributes.
        TapeDamaged: the body does not decode, or does not have its digest.
    """
    refuse_cut(attributes, names.RESPONSE_PARTS)
    status = attributes.get(names.HTTP_STATUS)
    if status is None:
        return None
    if names.RESPONSE_BODY not in attributes:
        raise NotReplayable(
            f"the span has no {names.RESPONSE_BODY}: {why_missing(attributes)}", field="response.body"
        )
    body = unpack(
        attributes[names.RESPONSE_BODY],
        attributes.get(names.RESPONSE_ENCODING, ""),
        attributes.get(names.RESPONSE_SIZE, 0),
    )
    check_digest(body, attributes.get(names.RESPONSE_DIGEST), "response.body")
    chunks, times = read_chunks(attributes.get(names.RESPONSE_CHUNKS, ""), len(body))
    return Response(status, read_headers(attributes.get(names.RESPONSE_HEADERS, ())), body, chunks, times)


# --- whole exchanges ---------------------------------------------------------------------------------------------


def write_exchange(exchange: Exchange, base: bytes | None = None) -> dict[str, Any]:
    """The attributes that give `exchange` back; `base` is a body that the reader will have."""
    request = exchange.request
    attributes: dict[str, Any] = {
        names.HTTP_METHOD: request.method,
        names.URL_FULL: request.url,
        names.REQUEST_HEADERS: write_headers(request.headers),
    }
    known = None if base is None else Base(Body("", base, base, ""), *find_delta(base, request.body))
    write_body(attributes, Body("", request.body, request.body, ""), known)
    if exchange.response is not None:
        write_response(attributes, exchange.response)
    write_end(attributes, exchange.end, exchange.error)
    return attributes


def write_end(attributes: dict[str, Any], end: End, error: Failure | None) -> None:
    """Put how the exchange ended into `attributes`."""
    if end != "complete":
        attributes[names.END] = end
    if error is not None:
        attributes[names.ERROR_TYPE] = error.type
        attributes[names.ERROR_MESSAGE] = error.message


def read_exchange(attributes: Mapping[str, Any], base: bytes | None = None) -> Exchange:
    """The exchange that `write_exchange` was given; `Raises` as `read_body` and `read_response`."""
    request = Request(
        attributes[names.HTTP_METHOD],
        attributes[names.URL_FULL],
        read_headers(attributes.get(names.REQUEST_HEADERS, ())),
        read_body(attributes, base),
    )
    return Exchange(
        request, read_response(attributes), attributes.get(names.END, "complete"), read_error(attributes)
    )


def read_error(attributes: Mapping[str, Any]) -> Failure | None:
    """The exception that ended the exchange, None where none did.

    `error.type` alone is the conventions' (an HTTP status, an error inside a 200) and no exception.
    """
    if names.ERROR_MESSAGE not in attributes:
        return None
    return Failure(str(attributes.get(names.ERROR_TYPE, "")), str(attributes[names.ERROR_MESSAGE]))


def write_headers(headers: Headers) -> str | tuple[str, ...]:
    """Each header as a line "name: value"; a list of lines where a value holds a line end itself.

    One text costs an SDK, a collector and a reader less than a list of them.
    """
    lines = [f"{name}: {value}" for name, value in headers]
    text = "\n".join(lines)
    return text if text.count("\n") == max(len(lines) - 1, 0) and lines != [""] else tuple(lines)


def read_headers(lines: str | Sequence[str]) -> Headers:
    """The headers that `write_headers` was given."""
    if isinstance(lines, str):
        lines = lines.split("\n") if lines else ()
    return tuple([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
