"""What a loopback server receives and sends, as plain values."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from spantape._model import Headers, header
from spantape.testing.prompt import Prompt


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it came in: `path` with its query, header names in lower case, the body without framing."""

    method: str
    path: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower-case), or None."""
        return header(self.headers, name)

    @property
    def route(self) -> str:
        """The path without its query."""
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, str]:
        """The query; of a repeated name the last value."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def json(self) -> Any:
        """The body, decoded.

        Raises:
            msgspec.DecodeError: it is not JSON.
        """
        return msgspec.json.decode(self.body)

    @property
    def prompt(self) -> Prompt:
        """What the request asks of the model, in the same words for every wire format; empty for other requests."""
        from spantape.testing._wire import endpoint_for

        endpoint = endpoint_for(self.route)
        return Prompt() if endpoint is None else endpoint.prompt(json_object(self.body))


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` is, or {} where it is none."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


class Gate:
    """A place in an answer where the server waits until a test says go on: events instead of sleeps.

    `reached` is set once the server has sent everything before the gate; `open()` lets it go on.
    """

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let the server go on, now or when it arrives."""
        self._opened.set()

    def wait(self, closing: threading.Event) -> None:
        """Mark the gate as reached and block until it is open or the server is closing."""
        self.reached.set()
        while not self._opened.wait(0.005) and not closing.is_set():
            pass


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes onto the wire: a body in `chunks`.

    With `chunked` each is a chunk of its own (Transfer-Encoding: chunked); else they follow each other under one
    Content-Length. `gates` are (index, gate): the server waits at the gate before it sends that chunk. After
    `cut_after` bytes of the body the connection is cut. `disconnect` cuts it before anything is sent.
    """

    status: int = 200
    headers: Headers = ()
    chunks: tuple[bytes, ...] = ()
    chunked: bool = False
    gates: tuple[tuple[int, Gate], ...] = ()
    cut_after: int | None = None
    disconnect: bool = False
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", sum(map(len, self.chunks)))

    def pieces(self) -> Iterator[tuple[int, bytes]]:
        """The chunks with their places, up to the cut."""
        left = self.length if self.cut_after is None else self.cut_after
        for index, chunk in enumerate(self.chunks):
            if left <= 0:
                return
            yield index, chunk[:left]
            left -= len(chunk)

    @property
    def is_cut(self) -> bool:
        """Whether the connection is cut before the whole body is out."""
        return self.cut_after is not None and self.cut_after <= self.length


def json_answer(status: int, content: Any, headers: Headers = ()) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, (*headers, ("content-type", "application/json")), (msgspec.json.encode(content),))


def not_found(request: ReceivedRequest, message: str | None = None) -> Answer:
    """The JSON 404 for a request that nobody answers, in a shape that both families of SDKs read."""
    text = message or f"no such route: {request.method} {request.route}"
    error = {"type": "not_found_error", "message": text, "param": None, "code": "not_found"}
    return json_answer(404, {"type": "error", "error": error})
