"""Response bytes out of messages: the inverse of a dialect's `answer`, in a form that the real SDKs accept.

`answer(compose(said))` gives the messages, model, id, finish reasons and usage back. What an API cannot say is refused by
name, never left out: `Uncomposable`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from spantape._dialects.compose import chat, messages, other, responses
from spantape._dialects.compose._base import Said, Uncomposable, encoded
from spantape._dialects.compose.requests import Wanted, compose_request
from spantape._model import Headers, Response
from spantape.errors import UsageError

__all__ = [
    "COMPOSABLE",
    "Said",
    "Uncomposable",
    "Wanted",
    "compose",
    "compose_error",
    "compose_request",
    "encoded",
]

_Compose = Callable[[Said], list[bytes]]

_COMPOSERS: Final[dict[str, tuple[_Compose, _Compose | None]]] = {
    "openai.chat": (chat.whole, chat.stream),
    "openai.responses": (responses.whole, responses.stream),
    "anthropic.messages": (messages.whole, messages.stream),
    "openai.completions": (other.completion, other.completion_stream),
    "openai.embeddings": (other.embeddings, None),
}
COMPOSABLE: Final = frozenset(_COMPOSERS)
"""The names of the dialects that have a composer."""

_JSON: Final[Headers] = (("content-type", "application/json"),)
_SSE: Final[Headers] = (("content-type", "text/event-stream; charset=utf-8"),)


def compose(dialect: str, said: Said, *, stream: bool = False) -> Response:
    """The response that says `said` in the wire API `dialect`, as server-sent events where `stream`.

    Each event is a chunk of its own.

    Raises:
        Uncomposable: a part has no form in an answer of that API.
        UsageError: no such dialect has a composer.
    """
    whole, streamed = _composers(dialect)
    if stream and streamed is not None:
        return _response(200, _SSE, streamed(said))
    return _response(200, _JSON, whole(said))


def compose_error(dialect: str, status: int, kind: str, message: str) -> Response:
    """The error response that an SDK of `dialect` raises as its own exception, and does not retry.

    Raises:
        UsageError: no such dialect has a composer.
    """
    _composers(dialect)
    error: dict[str, Any] = {"type": kind, "message": message}
    if dialect == "anthropic.messages":
        body: dict[str, Any] = {"type": "error", "error": error}
    else:
        body = {"error": {**error, "param": None, "code": None}}
    return _response(status, (*_JSON, ("x-should-retry", "false")), [encoded(body)])


def _composers(dialect: str) -> tuple[_Compose, _Compose | None]:
    found = _COMPOSERS.get(dialect)
    if found is None:
        raise UsageError(f"got the wire API {dialect!r}, expected one of {', '.join(sorted(COMPOSABLE))}")
    return found


def _response(status: int, headers: Headers, chunks: list[bytes]) -> Response:
    lengths = tuple(map(len, chunks)) if len(chunks) > 1 else ()
    return Response(status, headers, b"".join(chunks), lengths)
