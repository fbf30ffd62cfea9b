"""A server that gives recorded exchanges back, byte for byte."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from spantape._model import Exchange, Request, Response
from spantape.errors import UsageError
from spantape.testing._loopback import Loopback
from spantape.testing._message import Answer, ReceivedRequest, not_found

Match = Literal["body", "path", "order"]

_DECODED: Final = frozenset({"content-encoding"})


class ExchangeServer(Loopback):
    """A server that answers with recorded responses: status, headers, body and chunk boundaries as they were.

    `match` says which exchange answers a request. "body": one of the same method, path with query, and body (JSON
    bodies equal as JSON, others as bytes). "path": one of the same method and path with query. "order": the next,
    whatever is asked. Equal requests are answered in recorded order, each exchange once. A request that nothing is
    left for gets a JSON 404 that says so. An exchange without a response is answered by closing the connection; a
    response that broke off (`end` "error") is cut where it broke.

    Bodies are recorded decoded, so a `content-encoding` header is left out; framing headers are made anew.
    """

    def __init__(self, exchanges: Iterable[Exchange], *, match: Match = "body", port: int = 0) -> None:
        super().__init__(port=port)
        if match not in ("body", "path", "order"):
            raise UsageError(f"ExchangeServer(match={match!r}): expected 'body', 'path' or 'order'")
        self._match = match
        self._queue_lock = threading.Lock()
        self._queues: dict[Hashable, deque[Exchange]] = {}
        for exchange in exchanges:
            self._queues.setdefault(self._key(exchange.request), deque()).append(exchange)

    @property
    def remaining(self) -> int:
        """How many exchanges nobody has asked for yet."""
        with self._queue_lock:
            return sum(map(len, self._queues.values()))

    def answer(self, request: ReceivedRequest) -> Answer:
        """The response of the exchange that matches `request`."""
        key = self._key(Request(request.method, request.path, body=request.body))
        with self._queue_lock:
            queue = self._queues.get(key)
            exchange = queue.popleft() if queue else None
        if exchange is None:
            return not_found(
                request, f"no exchange is left for {request.method} {request.path} (by {self._match})"
            )
        if exchange.response is None:
            return Answer(disconnect=True)
        return recorded_answer(exchange.response, broken=exchange.end == "error")

    def _key(self, request: Request) -> Hashable:
        if self._match == "order":
            return None
        parts = urlsplit(request.url)
        asked = (request.method, f"{parts.path or '/'}?{parts.query}")
        return asked if self._match == "path" else (*asked, _body_key(request.body))


def _body_key(body: bytes) -> bytes:
    """A JSON body with its keys in order and without spaces; any other body itself."""
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    except (ValueError, TypeError, RecursionError):  # not JSON, or none that can be written again
        return body


def recorded_answer(response: Response, *, broken: bool = False) -> Answer:
    """The answer that gives `response` back; chunked where it came in pieces or said that it would."""
    headers = tuple((name, value) for name, value in response.headers if name not in _DECODED)
    said = dict(response.headers).get("transfer-encoding", "")
    chunked = len(response.chunks) > 1 or "chunked" in said.lower() or broken
    chunks = tuple(_split(response.body, response.chunks))
    return Answer(response.status, headers, chunks, chunked, cut_after=len(response.body) if broken else None)


def _split(body: bytes, lengths: tuple[int, ...]) -> Iterator[bytes]:
    start = 0
    for length in lengths:
        yield body[start : start + length]
        start += length
    if start < len(body):
        yield body[start:]
