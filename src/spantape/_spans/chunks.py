"""The chunks in which a response arrived, as one short text."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Sequence

from spantape.errors import TapeDamaged

_CHUNK = re.compile(r"([0-9]{1,18})(?:\+([0-9]{1,18}))?(?:x([0-9]{1,18}))?")
_EMPTY_CHUNKS = 1 << 20
"""How many chunks without a byte a response may have: redaction and content-encodings leave some."""


def write_chunks(lengths: Sequence[int], times_ns: Sequence[int] = ()) -> str:
    """Chunk lengths and arrival times as one short text, "" for no chunks.

    Comma-separated `length+microseconds` where the microseconds count from the chunk before (the first from when
    the request was sent), `length` alone where times are not known; runs of equal entries are written once with
    `x<count>`: `312+15023,45+210,45+0x3`.
    """
    if not lengths:
        return ""
    if times_ns:
        micros = [time // 1000 for time in times_ns]
        steps = list(map(operator.sub, micros, [0, *micros[:-1]]))
        if min(steps) < 0:
            steps = [max(step, 0) for step in steps]
        entries = [f"{length}+{step}" for length, step in zip(lengths, steps, strict=True)]
    else:
        entries = [str(length) for length in lengths]
    return ",".join(_run_lengths(entries))


def _run_lengths(entries: list[str]) -> list[str]:
    if not any(map(operator.eq, entries, itertools.islice(entries, 1, None))):
        return entries
    runs: list[str] = []
    last, count = entries[0], 0
    for entry in entries:
        if entry == last:
            count += 1
        else:
            runs.append(last if count == 1 else f"{last}x{count}")
            last, count = entry, 1
    runs.append(last if count == 1 else f"{last}x{count}")
    return runs


def read_chunks(text: str, size_bytes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lengths and times (nanoseconds, to the microsecond) that `write_chunks` was given.

    `size_bytes` is the length of the body that the chunks make up; it bounds how many there may be.

    Raises:
        TapeDamaged: the text is not of that form, or the lengths do not sum to `size_bytes`.
    """
    lengths: list[int] = []
    times: list[int] = []
    now, left = 0, size_bytes
    for entry in text.split(",") if text else ():
        length, step, count = _read_chunk(entry)
        left -= length * count
        if left < 0 or len(lengths) + count > size_bytes + _EMPTY_CHUNKS:
            raise _misfit(size_bytes)
        lengths.extend([length] * count)
        if step is not None:
            times.extend((now + step * (index + 1)) * 1000 for index in range(count))
            now += step * count
    if times and len(times) != len(lengths):
        raise TapeDamaged("got chunk times for some chunks only", field="response.chunks")
    if left and lengths:
        raise _misfit(size_bytes)
    return tuple(lengths), tuple(times)


def _read_chunk(entry: str) -> tuple[int, int | None, int]:
    match = _CHUNK.fullmatch(entry)
    if match is None:
        raise TapeDamaged(
            f"got chunk entry {entry[:40]!r}, expected length+microseconds", field="response.chunks"
        )
    length, step, count = match.groups()
    return int(length), None if step is None else int(step), int(count or 1)


def _misfit(size_bytes: int) -> TapeDamaged:
    return TapeDamaged(
        f"got chunks that do not make up the body of {size_bytes} bytes", field="response.chunks"
    )
