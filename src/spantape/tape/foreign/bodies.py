"""Bodies as recordings keep them, brought back to bytes: content-encodings undone within bounds, JSON composed anew.

See: RFC 9110, section 8.4 (Content-Encoding).
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import zstandard

from spantape._model import Headers, header
from spantape.errors import TapeDamaged
from spantape.tape.foreign.model import Grade
from spantape.tape.limits import DEFAULT

_WINDOW: Final = 1 << 27
_PIECE: Final = 1 << 20
_COMPACT: Final = (",", ":")
_SPACED: Final = (", ", ": ")


class Body(NamedTuple):
    """Bytes with the grade of them, and its reason where they are not the recorded ones."""

    data: bytes
    grade: Grade = "exact"
    reason: str = ""


def base64_bytes(text: str) -> bytes:
    """What base64 text holds; white space between its characters is passed over.

    Raises:
        ValueError: it is no base64.
    """
    return b64decode("".join(text.split()), validate=True)


def content_length(headers: Headers) -> int | None:
    """The content-length that headers state, None where they state none."""
    stated = (header(headers, "content-length") or "").strip()
    return int(stated) if stated.isdecimal() and len(stated) < 16 else None


def media_type(headers: Headers) -> str:
    """The media type in lower case without parameters, "" where there is none."""
    return (header(headers, "content-type") or "").partition(";")[0].strip().lower()


# --- JSON composed -----------------------------------------------------------------------------------------------


def json_bytes(value: Any, length: int | None = None) -> bytes:
    """`value` as clients and servers write it; of the usual spellings the one that has `length` bytes, else the first.

    Raises:
        ValueError: it is no JSON value.
    """
    spellings = _spellings(value)
    first = next(spellings)
    if length is None or len(first) == length:
        return first
    return next((data for data in spellings if len(data) == length), first)


def _spellings(value: Any) -> Iterator[bytes]:
    for ascii_only in (False, True):
        for separators in (_COMPACT, _SPACED):
            yield _dumped(value, ensure_ascii=ascii_only, separators=separators)


def _dumped(value: Any, **how: Any) -> bytes:
    try:
        return json.dumps(value, **how).encode("utf-8", "surrogatepass")
    except (TypeError, RecursionError) as error:
        raise ValueError(f"got what is no JSON value ({error})") from error


def pretty_printed(text: str) -> Any:
    """The value of JSON text that is spelled as `json.dumps(…, indent=2)` does, None where it is not."""
    if not text.startswith(("{\n", "[\n")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if text.rstrip("\n") == json.dumps(value, indent=2) else None


# --- content-encodings -------------------------------------------------------------------------------------------


def undone(body: bytes, headers: Headers) -> tuple[bytes, bool]:
    """The body with its content-encoding undone, and whether there was one to undo.

    A body that does not decode is one that the recorder has decoded already, and left the header.

    Raises:
        TapeDamaged: it unfolds to more than a body may have.
    """
    names = [name.strip().lower() for name in (header(headers, "content-encoding") or "").split(",")]
    plain, found = body, False
    for name in reversed(names):
        unfolded = _unfold(name, plain)
        if unfolded is not None:
            plain, found = unfolded, True
    return plain, found


def _unfold(name: str, body: bytes) -> bytes | None:
    unfold = _UNFOLD.get(name)
    if unfold is None or not body:
        return None
    try:
        return unfold(body)
    except (zlib.error, zstandard.ZstdError):
        return None


def plain_headers(headers: Headers, body: bytes) -> Headers:
    """`headers` as they fit a decoded body: no content-encoding, and no content-length of another length."""
    length = content_length(headers)
    gone = {"content-encoding"} if length in (None, len(body)) else {"content-encoding", "content-length"}
    return tuple(pair for pair in headers if pair[0] not in gone)


def _too_long() -> TapeDamaged:
    return TapeDamaged(f"got a compressed body of more than {DEFAULT.body_bytes} bytes (Limits.body_bytes)")


def _inflated(body: bytes, window_bits: int) -> bytes | None:
    parts: list[bytes] = []
    left, size = body, 0
    while left:
        inflate = zlib.decompressobj(window_bits)
        part = inflate.decompress(left, DEFAULT.body_bytes - size + 1)
        size += len(part)
        if size > DEFAULT.body_bytes:
            raise _too_long()
        if not inflate.eof:
            return None
        parts.append(part)
        left = inflate.unused_data
    return b"".join(parts)


def _deflated(body: bytes) -> bytes | None:
    try:
        return _inflated(body, zlib.MAX_WBITS)
    except zlib.error:
        return _inflated(body, -zlib.MAX_WBITS)


def zstd_plain(data: bytes, most: int) -> bytes:
    """The content of zstd frames, unfolded in small steps.

    Raises:
        ZstdError: they are damaged, or cut.
        TapeDamaged: they unfold to more than `most` bytes.
    """
    parts: list[bytes] = []
    size = 0
    inflate = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    view = memoryview(data)
    for start in range(0, len(view), 1024):
        piece = bytes(view[start : start + 1024])
        while piece:
            if inflate.eof:
                inflate = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
            part = inflate.decompress(piece)
            piece = inflate.unused_data if inflate.eof else b""
            parts.append(part)
            size += len(part)
            if size > most:
                raise TapeDamaged(f"got zstd frames of more than {most} bytes")
    if not inflate.eof:
        raise zstandard.ZstdError("the data ends inside a frame")
    return b"".join(parts)


def _unbrotlied(body: bytes) -> bytes | None:
    try:
        brotli: Any = import_module("brotli")
    except ImportError:
        if _is_text(body):
            return None
        raise TapeDamaged(
            "got a body in brotli, which needs a package to be read: pip install brotli"
        ) from None
    decoder = brotli.Decompressor()
    feed = _bounded_brotli if hasattr(decoder, "can_accept_more_data") else _fed_brotli
    parts, size = [], 0
    try:
        for part in feed(decoder, body):
            parts.append(part)
            size += len(part)
            if size > DEFAULT.body_bytes:
                raise _too_long()
    except brotli.error:
        return None
    return b"".join(parts) if decoder.is_finished() else None


def _bounded_brotli(decoder: Any, body: bytes) -> Iterator[bytes]:
    """The unfolded body in pieces of a bounded size."""
    yield decoder.process(body, output_buffer_limit=_PIECE)
    while not decoder.is_finished() and not decoder.can_accept_more_data():
        yield decoder.process(b"", output_buffer_limit=_PIECE)


def _fed_brotli(decoder: Any, body: bytes) -> Iterator[bytes]:
    """The same of brotli before 1.2, which bounds nothing: it is fed little at a time."""
    for start in range(0, len(body), 64):
        if decoder.is_finished():
            return
        yield decoder.process(body[start : start + 64])


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


_UNFOLD: Final[Mapping[str, Callable[[bytes], bytes | None]]] = {
    "gzip": lambda body: _inflated(body, 16 + zlib.MAX_WBITS),
    "x-gzip": lambda body: _inflated(body, 16 + zlib.MAX_WBITS),
    "deflate": _deflated,
    "br": _unbrotlied,
    "zstd": lambda body: zstd_plain(body, DEFAULT.body_bytes),
}
