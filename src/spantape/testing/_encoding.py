"""Content-encodings for scripted bodies: each chunk is flushed, so that a stream can be decoded as it comes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from spantape.errors import UsageError


def encoded(chunks: Sequence[bytes], encoding: str) -> tuple[bytes, ...]:
    """The chunks, encoded one by one into one body; a last one is added where the format has an end of its own.

    Raises:
        UsageError: the encoding is not known, or its package is not installed.
    """
    if encoding not in _ENCODERS:
        raise UsageError(f"content-encoding {encoding!r}: expected one of {', '.join(_ENCODERS)}")
    encode, finish = _ENCODERS[encoding]()
    pieces = [*(encode(chunk) for chunk in chunks), finish()]
    return tuple(piece for piece in pieces if piece)


_Encoder = tuple[Callable[[bytes], bytes], Callable[[], bytes]]


def _zlib(window: int) -> _Encoder:
    compressor = zlib.compressobj(wbits=window)
    return lambda chunk: compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH), compressor.flush


def _brotli() -> _Encoder:
    try:
        import brotli  # type: ignore[import-untyped,unused-ignore] # it ships no types
    except ImportError as error:
        raise UsageError("content-encoding 'br' needs a package: pip install brotli") from error
    compressor: Any = brotli.Compressor()
    return lambda chunk: compressor.process(chunk) + compressor.flush(), compressor.finish


def _zstd() -> _Encoder:
    import zstandard

    compressor = zstandard.ZstdCompressor().compressobj()
    flush_block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return lambda chunk: compressor.compress(chunk) + compressor.flush(flush_block), compressor.flush


_ENCODERS: Final[dict[str, Callable[[], _Encoder]]] = {
    "gzip": lambda: _zlib(31),
    "deflate": lambda: _zlib(15),
    "br": _brotli,
    "zstd": _zstd,
}
