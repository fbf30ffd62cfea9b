"""Replacements in a body, and what they do to the chunks in which it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """`replacement` in place of the bytes `start:stop`."""

    start: int
    stop: int
    replacement: bytes


def apply_edits(data: bytes, edits: Sequence[Edit]) -> bytes:
    """`data` with `edits` made (in order, not overlapping); `data` itself where there are none."""
    if not edits:
        return data
    parts: list[bytes] = []
    at = 0
    for edit in edits:
        parts += (data[at : edit.start], edit.replacement)
        at = edit.stop
    parts.append(data[at:])
    return b"".join(parts)


def shift_chunks(lengths: Sequence[int], edits: Sequence[Edit]) -> tuple[int, ...]:
    """The lengths of the same chunks after `edits`; a replacement belongs to the chunk in which its secret began."""
    if not edits:
        return tuple(lengths)
    shifted: list[int] = []
    waiting = iter(edits)
    edit = next(waiting, None)
    end = shift = before = 0
    for length in lengths:
        end += length
        while edit is not None and edit.stop <= end:
            shift += len(edit.replacement) - (edit.stop - edit.start)
            edit = next(waiting, None)
        cut = end + shift
        if edit is not None and edit.start < end:
            cut = edit.start + shift + len(edit.replacement)
        shifted.append(cut - before)
        before = cut
    return tuple(shifted)
