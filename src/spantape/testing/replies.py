"""What a scripted model answers, said once for every wire format.

A reply is a value: `text("Hi")`, `reasoning("hm") + text("Hi")`, `tool_call("f", {}) + tool_call("g", {})`. The server
renders it for the endpoint that was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from spantape._model import Headers
from spantape.errors import UsageError
from spantape.testing._message import Gate

ContentEncoding = Literal["gzip", "deflate", "br", "zstd"]


@dataclass(frozen=True, slots=True)
class Text:
    """Visible text, in the pieces in which a stream brings it."""

    pieces: tuple[str, ...]

    @property
    def whole(self) -> str:
        """The pieces joined."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Reasoning(Text):
    """Text that the model thinks, not says."""


@dataclass(frozen=True, slots=True)
class Refusal(Text):
    """Text that says why the model does not answer."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for; `arguments` is JSON text, which need not be valid. `id` None: made up."""

    name: str
    arguments: str
    id: str | None = None

    @property
    def pieces(self) -> tuple[str, ...]:
        """The arguments as a stream brings them."""
        return tuple(self.arguments[start : start + 8] for start in range(0, len(self.arguments), 8))


Part = Text | ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens to report; None: counted from the request and the reply. `cached`, `cache_write` are part of `input`."""

    input: int | None = None
    output: int | None = None
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Failing:
    """An error of the model: as an answer of its own, or inside a stream after `after` deltas (then with a 200)."""

    type: str
    message: str
    code: str | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of a scripted model; the functions of this module make them.

    `parts` is what the model says. `finish` overrides the reason for its end, in the words of OpenAI's chat
    completions (stop, length, tool_calls, content_filter). `model` is the model that answers, by default the one
    asked for. `chunks` is a raw body instead. `vectors` are the embeddings to give, by default made from the input.
    """

    parts: tuple[Part, ...] = ()
    status: int = 200
    headers: Headers = ()
    usage: Usage = Usage()
    finish: str | None = None
    model: str | None = None
    failure: Failing | None = None
    chunks: tuple[bytes, ...] | None = None
    chunked: bool = False
    vectors: tuple[tuple[float, ...], ...] = ()
    encoding: ContentEncoding | None = None
    gates: tuple[tuple[int, Gate], ...] = ()
    cut_after: int | None = None
    drops: bool = False

    def __add__(self, other: Reply) -> Reply:
        """A reply that says both, this first; all else is as in this one."""
        return replace(self, parts=self.parts + other.parts)

    def but(self, **changes: Any) -> Reply:
        """The same reply with other fields: `.but(model="gpt-9", usage=Usage(cached=3), status=201)`."""
        return replace(self, **changes)

    def compressed(self, encoding: ContentEncoding) -> Reply:
        """The same reply with its body in a content-encoding; a stream is flushed after each event."""
        return replace(self, encoding=encoding)

    def held(self, gate: Gate, before: int) -> Reply:
        """The same reply, waiting at `gate` before chunk number `before` of its body (the number of chunks: its end)."""
        return replace(self, gates=(*self.gates, (before, gate)))

    def cut(self, after: int) -> Reply:
        """The same reply with the connection cut after `after` bytes of its body."""
        return replace(self, cut_after=after)

    def breaking(self, after: int, type: str = "server_error", message: str = "The model broke off") -> Reply:  # noqa: A002 - the wire's own word
        """The same reply, streamed, failing after `after` deltas: an error inside a 200."""
        return replace(self, failure=Failing(type, message, after=after))

    def with_headers(self, headers: Mapping[str, str]) -> Reply:
        """The same reply with more response headers."""
        return replace(self, headers=(*self.headers, *_headers(headers)))


def text(content: str | Iterable[str]) -> Reply:
    """A reply that says `content`; given in pieces, a stream brings just those, else word by word."""
    return Reply((Text(_pieces(content)),))


def reasoning(content: str | Iterable[str]) -> Reply:
    """A reply that thinks `content`; add what it says."""
    return Reply((Reasoning(_pieces(content)),))


def refusal(content: str | Iterable[str]) -> Reply:
    """A reply that refuses, with its reason."""
    return Reply((Refusal(_pieces(content)),))


def tool_call(name: str, arguments: Mapping[str, Any] | str, id: str | None = None) -> Reply:  # noqa: A002 - the wire's own word
    """A reply that asks for a tool; `arguments` as text is sent as it is. Add replies to ask for several."""
    given = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return Reply((ToolCall(name, given, id),))


def error(
    status: int,
    type: str | None = None,  # noqa: A002 - the wire's own word
    message: str = "scripted error",
    headers: Mapping[str, str] | None = None,
    *,
    code: str | None = None,
) -> Reply:
    """An HTTP error in the shape of the API that was asked; `type` is by default what that API says for `status`."""
    if not 400 <= status <= 599:
        raise UsageError(f"error({status}): an HTTP error has a status from 400 to 599")
    return Reply(status=status, failure=Failing(type or "", message, code), headers=_headers(headers))


def raw(
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | Iterable[bytes] = b"",
) -> Reply:
    """A reply with just this body: bytes or text as one piece, several pieces as chunks of their own."""
    whole = body.encode() if isinstance(body, str) else body
    if isinstance(whole, bytes):
        return Reply(status=status, headers=_headers(headers), chunks=(whole,))
    return Reply(status=status, headers=_headers(headers), chunks=tuple(whole), chunked=True)


def embedding(*vectors: Iterable[float]) -> Reply:
    """A reply to an embeddings request: one vector for each input."""
    return Reply(vectors=tuple(tuple(vector) for vector in vectors))


def disconnect() -> Reply:
    """No answer: the connection is closed once the request is read."""
    return Reply(drops=True)


def _headers(headers: Mapping[str, str] | None) -> Headers:
    return tuple((name.lower(), value) for name, value in (headers or {}).items())


def _pieces(content: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(re.findall(r"\S+\s*|\s+", content) if isinstance(content, str) else content)
