"""The bytes of a journal's segment: records one behind another, each with its lengths and a checksum.

A record holds what `Export.data` holds. Reading finds every whole record, whatever a crash or a bad sector left
between them, and names what it had to skip.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

SUFFIX: Final = ".segment"

_MAGIC: Final = b"SPTJ\x01\n"
_HEAD: Final = struct.Struct(
    "<6sIII"
)  # magic, bytes of the request, bytes of all, crc32 of lengths and bytes
_LENGTHS: Final = struct.Struct("<II")
HEAD_BYTES: Final = _HEAD.size
_SEARCH_BYTES: Final = 1 << 20


def record_head(data: bytes, body_bytes: int) -> bytes:
    """What stands before the bytes `data`, of which the first `body_bytes` are the request."""
    check = zlib.crc32(data, zlib.crc32(_LENGTHS.pack(body_bytes, len(data))))
    return _HEAD.pack(_MAGIC, body_bytes, len(data), check)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Bytes of a segment that are no whole record: `torn` where they are its last, as a crash leaves them."""

    path: Path
    at: int
    size: int
    torn: bool

    def __str__(self) -> str:
        what = "a torn tail" if self.torn else "damaged bytes"
        return f"journal {str(self.path)!r}: dropped {what}, {self.size} bytes at byte {self.at}"


def requests_in(path: Path) -> Iterator[bytes | Skipped]:
    """The requests of the segment at `path`, in order, and between them what was skipped.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < size:
            found = _record(file, at, size)
            if found is None:
                next_at = _next_record(file, at + 1, size)
                yield Skipped(path, at, next_at - at, torn=next_at == size)
                at = next_at
            else:
                body, at = found
                yield body


def _record(file: BinaryIO, at: int, size: int) -> tuple[bytes, int] | None:
    file.seek(at)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or not head.startswith(_MAGIC):
        return None
    _, body_bytes, data_bytes, _ = _HEAD.unpack(head)
    if data_bytes > size - at - HEAD_BYTES or body_bytes > data_bytes:
        return None
    data = file.read(data_bytes)
    if record_head(data, body_bytes) != head:
        return None
    return data[:body_bytes], at + HEAD_BYTES + data_bytes


def _next_record(file: BinaryIO, start: int, size: int) -> int:
    """The offset of the first whole record from `start` on, or the end."""
    at = start
    while at < size:
        file.seek(at)
        part = file.read(_SEARCH_BYTES + len(_MAGIC))
        found = part.find(_MAGIC)
        while found >= 0:
            if _record(file, at + found, size) is not None:
                return at + found
            found = part.find(_MAGIC, found + 1)
        at += _SEARCH_BYTES
    return size
