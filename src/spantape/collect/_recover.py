"""What a collector that was killed had stored and not written: stored anew, so that there is one way in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from spantape.collect._errors import BadRequest
from spantape.collect._export import Export, read_export
from spantape.collect._segment import Skipped, requests_in

_TOGETHER_BYTES: Final = 32 << 20


@dataclass(slots=True)
class Found:
    """How many requests were taken up, and what was no whole record, in words."""

    requests: int = 0
    skipped: list[str] = field(default_factory=list)


async def recovered(segments: Sequence[Path], keep: Callable[[Export], Awaitable[None]]) -> Found:
    """What `segments` held: each request is given to `keep`, and each segment deleted when all of its own are kept.

    A crash on the way leaves some of them stored twice, which costs nothing: spans are known by their ids.
    """
    found = Found()
    for path in segments:
        held: list[Export] = []
        held_bytes = 0
        for record in requests_in(path):
            if isinstance(record, Skipped):
                found.skipped.append(str(record))
                continue
            try:
                held.append(read_export(record))
            except BadRequest as error:
                found.skipped.append(f"journal {str(path)!r}: {error}")
                continue
            found.requests += 1
            held_bytes += len(record)
            if held_bytes > _TOGETHER_BYTES:
                await asyncio.gather(*map(keep, held))
                held.clear()
                held_bytes = 0
        await asyncio.gather(*map(keep, held))
        path.unlink()
    return found
