"""One HTTP request and its response as plain values, shared by every room.

Nothing here knows a library, a span or a file. Bodies are bytes with the content-encoding undone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Headers = tuple[tuple[str, str], ...]
"""Lower-case names with their values, in the order they were sent; a name may repeat."""

End = Literal["complete", "closed", "error", "abandoned"]
"""How a response ended: read to its end, closed before it, failed, or dropped without a close."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: `url` is the full URL with its query, `headers` those that are kept."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered.

    `chunks` are the lengths of the pieces in which the body arrived; they sum to its length, and () stands for
    one piece. `chunk_times_ns` has one entry for each chunk: nanoseconds after the request was sent; () where
    they are not known.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    chunks: tuple[int, ...] = ()
    chunk_times_ns: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception as data: its qualified class name (`httpx2.ReadTimeout`) and its message."""

    type: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it.

    `response` is None when none came (`error` then says why); with `end` "error" and a response, the body
    is what had arrived when the stream broke.
    """

    request: Request
    response: Response | None = None
    end: End = "complete"
    error: Failure | None = None


def digest(data: bytes) -> str:
    """The sha256 of `data` as 64 lowercase hex digits."""
    return hashlib.sha256(data).hexdigest()


def header(headers: Headers, name: str) -> str | None:
    """The first value of the header `name` (lower-case), or None."""
    for key, value in headers:
        if key == name:
            return value
    return None
