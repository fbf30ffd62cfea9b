"""The seal of a tape: its last line, and the trailer behind its zstd frame.

The seal line says what the lines before it must be; the trailer, a zstd skippable frame, says what every byte of the
file before it must be, so that any flipped bit is noticed. `vectors/tape/README.md` specifies both.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from spantape.errors import TapeDamaged, TapeError
from spantape.tape.model import Value
from spantape.tape.otlp import resource_line

FORMAT: Final = 1
PREFIX: Final = "spantape.seal."

_TRAILER_HEAD: Final = b"\x5a\x2a\x4d\x18" + (40).to_bytes(4, "little") + b"SPANTAPE"
TRAILER_BYTES: Final = len(_TRAILER_HEAD) + 32
_READ_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """What the last line of a tape says of the lines before it: `content` is the sha256 of their bytes."""

    steps: int
    spans: int
    fingerprint: str
    content: str
    run_id: str

    def line(self) -> bytes:
        """The line that says it, byte for byte."""
        return resource_line(
            {
                PREFIX + "format": FORMAT,
                PREFIX + "steps": self.steps,
                PREFIX + "spans": self.spans,
                PREFIX + "fingerprint": self.fingerprint,
                PREFIX + "content": self.content,
                PREFIX + "run.id": self.run_id,
            }
        )


def read_seal(resource: Mapping[str, Value], path: str) -> Seal | None:
    """The seal that a line's resource attributes state, None where they are not of a seal.

    Raises:
        TapeDamaged: some of it is missing, or of a wrong type.
        TapeError: it is of a format that this version does not know.
    """
    stated = {key.removeprefix(PREFIX): value for key, value in resource.items() if key.startswith(PREFIX)}
    if not stated:
        return None
    version = stated.pop("format", None)
    if isinstance(version, int) and version > FORMAT:
        raise TapeError(
            f"got seal format {version}, expected {FORMAT}: upgrade spantape to read it", path=path
        )
    numbers = [stated.pop(key, None) for key in ("steps", "spans")]
    texts = [stated.pop(key, None) for key in ("fingerprint", "content", "run.id")]
    if version != FORMAT or stated or not _are(numbers, int) or not _are(texts, str):
        raise TapeDamaged(f"got a seal that is not of format {FORMAT}", path=path, field="seal")
    return Seal(*numbers, *texts)  # type: ignore[arg-type]  # both lists were checked in the line above


def _are(values: list[Value], kind: type) -> bool:
    return all(type(value) is kind for value in values)


def trailer(file_digest: bytes) -> bytes:
    """The skippable frame that holds the sha256 of all bytes before it."""
    return _TRAILER_HEAD + file_digest


def read_trailer(file: BinaryIO, size: int) -> bytes | None:
    """The file digest that the last bytes of `file` state, None where they are no trailer."""
    if size < TRAILER_BYTES:
        return None
    file.seek(size - TRAILER_BYTES)
    tail = file.read(TRAILER_BYTES)
    file.seek(0, os.SEEK_SET)
    return tail[len(_TRAILER_HEAD) :] if tail.startswith(_TRAILER_HEAD) else None


def digest_of(file: BinaryIO, end: int) -> bytes:
    """The sha256 of the bytes before the offset `end`; the file's position is its start before and after."""
    total = hashlib.sha256()
    file.seek(0)
    left = end
    while left and (data := file.read(min(_READ_BYTES, left))):
        total.update(data)
        left -= len(data)
    file.seek(0)
    return total.digest()
