"""Messages cut out of a stream of bytes: behind 4-byte lengths, or the groups of a bare protobuf message.

See: <https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/fileexporter> and
<https://protobuf.dev/programming-guides/encoding/>
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import zstandard

from spantape.promote.sources._base import SourceDamaged
from spantape.tape.limits import Limits
from spantape.tape.unpack import WINDOW_LOG, ZSTD_MAGIC

_GROUPS_TAG: Final = 0x0A  # field 1, length-delimited: resource_spans of both top-level messages
_LARGEST_PREFIXED: Final = 1 << 27
_VARINT_BYTES: Final = 10
_FEED: Final = 1 << 14


class _Buffer:
    """Bytes of a stream, asked for by number."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._held = bytearray()
        self.at = 0

    def has(self, count: int) -> bool:
        """Whether so many bytes are left."""
        while len(self._held) < count:
            part = next(self._parts, None)
            if part is None:
                return False
            self._held += part
        return True

    def peek(self, count: int) -> bytes:
        """So many bytes, or those that are left."""
        self.has(count)
        return bytes(self._held[:count])

    def take(self, count: int) -> bytes:
        """So many bytes, which must be there."""
        taken = bytes(self._held[:count])
        del self._held[:count]
        self.at += count
        return taken


def is_json(data: bytes) -> bool:
    """Whether a message is JSON, not protobuf."""
    return data[:1] in (b"{", b"[")


def is_prefixed(head: bytes) -> bool:
    """Whether `head` opens a file of messages behind 4-byte lengths (big-endian): JSON, protobuf or zstd of either."""
    if len(head) < 8 or not 0 < int.from_bytes(head[:4], "big") <= _LARGEST_PREFIXED:
        return False
    return head[4:8] == ZSTD_MAGIC or head[4] in (_GROUPS_TAG, ord("{"))


def prefixed(parts: Iterable[bytes], limits: Limits) -> Iterator[tuple[int, bytes]]:
    """The messages behind their lengths, numbered from 1, unpacked.

    Raises:
        SourceDamaged: a length is impossible, or the last message is cut short.
    """
    buffer, number = _Buffer(parts), 0
    while buffer.has(1):
        number += 1
        place, at = f"message {number}", buffer.at
        length = int.from_bytes(buffer.peek(4), "big")
        if length > limits.line_bytes:
            raise SourceDamaged(f"got a length of {length} bytes at byte {at}", place=place)
        if not buffer.has(4 + length):
            raise SourceDamaged(
                f"the file ends inside the message of {length} bytes at byte {at}", place=place
            )
        buffer.take(4)
        yield number, _unpacked(buffer.take(length), limits, place)


def _unpacked(data: bytes, limits: Limits, place: str) -> bytes:
    if data[:4] != ZSTD_MAGIC:
        return data
    held: list[bytes] = []
    size = 0
    inflate = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).decompressobj()
    try:
        for at in range(0, len(data), _FEED):
            held.append(inflate.decompress(data[at : at + _FEED]))
            size += len(held[-1])
            if size > limits.line_bytes:
                raise SourceDamaged(f"unpacks to more than {limits.line_bytes} bytes, refused", place=place)
            if inflate.eof:
                return b"".join(held)
    except zstandard.ZstdError as error:
        raise SourceDamaged(f"is no whole zstd frame ({error})", place=place) from error
    raise SourceDamaged("is no whole zstd frame (it breaks off)", place=place)


def groups(parts: Iterable[bytes], limits: Limits) -> Iterator[tuple[int, bytes]]:
    """The groups of one bare message, or of several behind one another, each as a message, at its byte.

    Raises:
        SourceDamaged: it is no such message, or ends inside a group.
    """
    buffer = _Buffer(parts)
    while buffer.has(1):
        at = buffer.at
        head = buffer.peek(1 + _VARINT_BYTES)
        if head[0] != _GROUPS_TAG:
            raise SourceDamaged(
                f"got field tag {head[0]:#04x}, expected {_GROUPS_TAG:#04x}", place=f"byte {at}"
            )
        length, width = _varint(head[1:], at)
        if length > limits.line_bytes or not buffer.has(1 + width + length):
            raise SourceDamaged(f"the file ends inside a group of {length} bytes", place=f"byte {at}")
        yield at, buffer.take(1 + width + length)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for width, byte in enumerate(data, 1):
        value |= (byte & 0x7F) << (7 * (width - 1))
        if byte < 0x80:
            return value, width
    raise SourceDamaged("got a length that does not end", place=f"byte {at}")
