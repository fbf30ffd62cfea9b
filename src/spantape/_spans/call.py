"""A call in flight as plain values: what a seam knows of the request, and later of its response."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spantape._dialects import known_host, provider_name, recognise
from spantape._framing.content import undo
from spantape._framing.whole import is_whole
from spantape._model import End, Failure, Headers, header
from spantape._spans.kept import sent

if TYPE_CHECKING:
    from spantape._dialects._base import Dialect


@dataclass(slots=True)
class Call:
    """The request as it crosses a seam; names of headers are lower-case, values untouched.

    `body` is None while it is still being sent (a streamed upload); `target` is path and query. `undoes` are the
    content-encodings that the client undoes (None: all that are known); what the program gets encoded is recorded
    so. `path` is the target without its query; `place` is host and port, as far as the port says something: local
    servers are told by it.
    """

    method: str
    url: str
    host: str
    port: int | None
    target: str
    headers: Headers
    body: bytes | None
    dialect: Dialect | None = None
    resent: int = 0
    replayed: bool = False
    undoes: Collection[str] | None = None
    path: str = field(init=False)
    place: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.target.partition("?")[0] if "?" in self.target else self.target
        self.place = self.host
        if self.port not in (None, 80, 443):
            self.place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def settle(self) -> None:
        """Find the dialect, and how often the client has sent this before."""
        self.dialect = recognise(self.method, self.place, self.path, self.body or b"")
        self.resent = sent(self.headers).resent

    def provider(self) -> str:
        """The `gen_ai.provider.name` of the API that this call speaks."""
        return provider_name(self.place, self.path, self.headers, self.dialect)

    def is_model_call(self) -> bool:
        """Whether this goes to a model's API: a wire format that is known, or a provider's host."""
        return self.dialect is not None or known_host(self.place)


@dataclass(slots=True)
class Outcome:
    """What became of a call. `chunks` are as they came over the wire, content-encoding and all."""

    status: int | None = None
    headers: Headers = ()
    chunks: Sequence[bytes] = ()
    times_ns: Sequence[int] = ()
    end: End = "complete"
    error: Failure | None = None
    content_encoding: str = ""
    body: bytes = b""
    lengths: tuple[int, ...] = ()
    first_chunk_ns: int | None = field(default=None)

    def settle(self, undoes: Collection[str] | None = None) -> None:
        """Undo the content-encoding, as the client does: fills `body` and `lengths`, which sum to its length.

        A body that was closed with nothing left to come is complete.
        """
        chunks = self.chunks
        encoding = header(self.headers, "content-encoding") or ""
        if encoding and (plain := undo(chunks, encoding, undoes)) is not None:
            chunks = plain
            self.content_encoding = encoding
            dropped = ("content-encoding", "content-length")
            self.headers = tuple(pair for pair in self.headers if pair[0] not in dropped)
        self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self.lengths = tuple(map(len, chunks)) if len(chunks) > 1 else ()
        if self.end == "closed" and self.status is not None and is_whole(self.headers, self.body):
            self.end = "complete"
        if self.times_ns:
            self.first_chunk_ns = self.times_ns[0]
