"""Content-encodings undone, chunk by chunk, so that each decoded piece keeps its place in time.

See: RFC 9110, section 8.4 (Content-Encoding); RFC 8878 (zstd); RFC 7932 (brotli).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from typing import Any

import zstandard

Decode = Callable[[bytes], bytes]


class _Inflate:
    """`deflate` on the web is zlib-wrapped (RFC 9110) or, from older servers, raw: the first bytes tell."""

    def __init__(self) -> None:
        self._inner: Any = None

    def __call__(self, data: bytes) -> bytes:
        if self._inner is None:
            if not data:
                return b""
            wrapped = data[0] & 0x0F == zlib.DEFLATED and (
                len(data) < 2 or (data[0] << 8 | data[1]) % 31 == 0
            )
            self._inner = zlib.decompressobj() if wrapped else zlib.decompressobj(-zlib.MAX_WBITS)
        plain: bytes = self._inner.decompress(data)
        return plain


def _gzip() -> Decode:
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress


def _brotli() -> Decode | None:
    try:
        brotli: Any = import_module("brotli")
    except ImportError:
        try:
            brotli = import_module("brotlicffi")
        except ImportError:
            return None
    decoder = brotli.Decompressor()
    # the two brotli packages name the same method differently
    method: Decode = getattr(decoder, "decompress", None) or decoder.process
    return method


def _zstd() -> Decode:
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress


_DECODERS: dict[str, Callable[[], Decode | None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Inflate,
    "br": _brotli,
    "zstd": _zstd,
}


def undo(
    chunks: Sequence[bytes], content_encoding: str, only: Collection[str] | None = None
) -> list[bytes] | None:
    """The decoded piece of each chunk, in order and as many; None where it cannot be undone.

    That is so for an encoding that is not known here or not among `only` (clients leave such a body as it is) and
    for bytes that do not decode: the body is then kept as it came, with its header.
    """
    names = [name.strip().lower() for name in content_encoding.split(",") if name.strip()]
    pieces = list(chunks)
    for name in reversed(names):
        if name == "identity":
            continue
        make = _DECODERS.get(name) if only is None or name in only else None
        decode = make() if make else None
        if decode is None:
            return None
        try:
            pieces = [decode(piece) if piece else b"" for piece in pieces]
        except Exception:  # noqa: BLE001 - brotli, zstandard and zlib each raise their own; all mean: not decodable
            return None
    return pieces
