"""A file as its lines, whatever it is packed in: zstd, gzip or nothing; streaming, and bounded.

Input is fed in small pieces, since 4 bytes of zstd may unfold to 128 KiB: so memory stays bounded whatever a frame
claims.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

import zstandard

from spantape.errors import TapeDamaged
from spantape.tape.limits import Limits

ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"  # From: RFC 8878, section 3.1.1
WINDOW_LOG: Final = 27  # the largest window that plain `zstdcat` accepts

_GZIP_MAGIC: Final = b"\x1f\x8b"
_FEED_BYTES: Final = 1024
_PLAIN_BYTES: Final = 1 << 16
_GZIP_PIECE_BYTES: Final = 1 << 20


class Torn(Exception):
    """The packed bytes end or break inside a frame: `frame` is the offset where it began, `at` where it broke."""

    def __init__(self, frame: int, at: int, why: str) -> None:
        super().__init__(why)
        self.frame = frame
        self.at = at
        self.why = why


class Piece(NamedTuple):
    """Some unpacked bytes: `frame` is the offset where their frame began, `last` says that it is complete."""

    frame: int
    data: bytes
    last: bool


def is_zstd(head: bytes) -> bool:
    """Whether `head` opens a zstd file: a frame, or a skippable one."""
    return head[:4] == ZSTD_MAGIC or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50)


def pieces(file: BinaryIO, end: int) -> Iterator[Piece]:
    """The content of `file` from its position (the start) to the offset `end`, unpacked.

    Raises:
        Torn: a frame is incomplete or damaged.
    """
    head = file.read(min(4, end))
    file.seek(0)
    if is_zstd(head):
        return zstd_pieces(file, 0, end)
    if head[:2] == _GZIP_MAGIC:
        return _gzip_pieces(file, end)
    return _plain_pieces(file, end)


def zstd_pieces(file: BinaryIO, start: int, end: int) -> Iterator[Piece]:
    """The frames between two offsets; the file's position must be `start`.

    Raises:
        Torn: a frame is incomplete or damaged.
    """
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG)
    inflate = None
    pending, position, frame = b"", start, start
    while True:
        if not pending:
            pending = file.read(min(_FEED_BYTES, end - position))
            position += len(pending)
            if not pending:
                break
        if inflate is None:
            inflate, frame = decompressor.decompressobj(), position - len(pending)
        try:
            data = inflate.decompress(pending)
        except zstandard.ZstdError as error:
            raise Torn(frame, position, f"{error}") from error
        pending = inflate.unused_data if inflate.eof else b""
        last = inflate.eof
        if last:
            inflate = None
        yield Piece(frame, data, last)
    if inflate is not None:
        raise Torn(frame, position, "the file ends inside a zstd frame")


def _gzip_pieces(file: BinaryIO, end: int) -> Iterator[Piece]:
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    pending, position, frame, fresh = b"", 0, 0, True
    while pending or position < end:
        if not pending:
            pending = file.read(min(_PLAIN_BYTES, end - position))
            position += len(pending)
            if not pending:
                break
        fresh = False
        try:
            data = inflate.decompress(pending, _GZIP_PIECE_BYTES)
        except zlib.error as error:
            raise Torn(frame, position, f"{error}") from error
        pending = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        yield Piece(frame, data, inflate.eof)
        if inflate.eof:
            inflate, frame, fresh = zlib.decompressobj(16 + zlib.MAX_WBITS), position - len(pending), True
    if not fresh:
        raise Torn(frame, position, "the file ends inside a gzip member")


def _plain_pieces(file: BinaryIO, end: int) -> Iterator[Piece]:
    position = 0
    while data := file.read(min(_PLAIN_BYTES, end - position)):
        position += len(data)
        yield Piece(0, data, last=False)


def lines(parts: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """The lines that `parts` make together, each with its newline; the last may lack one.

    Raises:
        TapeDamaged: a limit is passed.
    """
    held: list[bytes] = []
    held_bytes = total = 0
    for part in parts:
        total += len(part)
        if total > limits.total_bytes:
            raise TapeDamaged(
                f"got more than {limits.total_bytes} uncompressed bytes, refused (Limits.total_bytes)"
            )
        *whole, rest = part.split(b"\n")
        for line in whole:
            yield b"".join([*held, line, b"\n"])
            held, held_bytes = [], 0
        if rest:
            held.append(rest)
            held_bytes += len(rest)
        if held_bytes > limits.line_bytes:
            raise TapeDamaged(
                f"got a line of more than {limits.line_bytes} bytes, refused (Limits.line_bytes)"
            )
    if held:
        yield b"".join(held)
