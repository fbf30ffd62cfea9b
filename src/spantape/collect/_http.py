"""OTLP over HTTP as an ASGI application: `/v1/traces`, and `/healthz`.

Metrics and logs are accepted and left unread, so that an SDK with all signals on has nothing to complain about.

See: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>, <https://asgi.readthedocs.io/en/latest/specs/www.html>
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from spantape.collect._answers import accepted, check_token, refused
from spantape.collect._bodies import JSON, PROTOBUF, media_type, protobuf_of_json, unpacked
from spantape.collect._engine import Engine, Room
from spantape.collect._errors import NotHere, Refused, TooLarge, WrongMethod
from spantape.collect._export import Export
from spantape.collect.settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_METHODS: Final = {
    "/v1/traces": "POST",
    "/v1/metrics": "POST",
    "/v1/logs": "POST",
    "/flush": "POST",
    "/healthz": "GET",
}
_PIECE: Final = 1 << 16
_DRAINED: Final = (
    4  # times the largest body: how much of a refused request is read, so that its sender hears why
)


class _Answer(NamedTuple):
    status: int
    media: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class _Gone(Exception):
    """The sender has left."""


class _Request:
    """One request: its headers, and its body as it comes."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._headers: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
        self._receive = receive
        self._more = True

    def header(self, name: str) -> str:
        """A header's value, "" for none."""
        return self._headers.get(name.encode(), "")

    async def chunk(self) -> bytes | None:
        """The next piece of the body, None after the last."""
        if not self._more:
            return None
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        self._more = message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data

    async def drain(self, most: int) -> None:
        """Read what is left of the body and let it go, up to `most` bytes."""
        while most > 0 and (data := await self.chunk()) is not None:
            most -= len(data)


class HttpApp:
    """The application over an engine."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = _Request(scope, receive)
        with contextlib.suppress(_Gone):
            answer = await self._answer(request)
            await request.drain(_PIECE if answer.status == 401 else _DRAINED * self._settings.max_body_bytes)
            await _send(send, answer)

    async def _answer(self, request: _Request) -> _Answer:
        try:
            return await self._route(request)
        except Refused as refusal:
            media = JSON if "json" in request.header("content-type") or refusal.status == 415 else PROTOBUF
            headers: list[tuple[str, str]] = []
            if refusal.retry_after_s is not None:
                headers.append(("retry-after", str(refusal.retry_after_s)))
            if refusal.status == 401:
                headers.append(("www-authenticate", "Bearer"))
            if refusal.status == 405:
                headers.append(("allow", _METHODS[request.path]))
            return _Answer(refusal.status, media, refused(refusal, media), tuple(headers))

    async def _route(self, request: _Request) -> _Answer:
        method = _METHODS.get(request.path)
        if method is None:
            raise NotHere(f"got {request.path!r:.80}, expected one of {', '.join(_METHODS)}")
        if request.method != method:
            raise WrongMethod(f"got {request.method} {request.path}, expected {method}")
        if request.path == "/healthz":
            return self._health(request)
        check_token(self._settings.token, request.header("authorization"))
        if request.path == "/flush":
            await self._engine.flush()
            return self._health(request)
        media = media_type(request.header("content-type"))
        export = await self._traces(request, media) if request.path == "/v1/traces" else Export(b"", 0)
        return _Answer(200, media, accepted(export, media))

    def _health(self, request: _Request) -> _Answer:
        failing = self._engine.failing
        told: dict[str, Any] = {"status": "failing", "failing": failing} if failing else {"status": "ok"}
        with contextlib.suppress(Refused):
            check_token(self._settings.token, request.header("authorization"))
            told |= self._engine.counts
        return _Answer(503 if failing else 200, JSON, msgspec.json.encode(told))

    async def _traces(self, request: _Request, media: str) -> Export:
        with self._engine.room() as room:
            packed = await self._body(request, room)
            encodings, limit = request.header("content-encoding"), self._settings.max_body_bytes
            if len(packed) > _PIECE:  # what takes long is not for the loop, which others wait for
                body = await asyncio.to_thread(_protobuf, packed, encodings, media, limit)
            else:
                body = _protobuf(packed, encodings, media, limit)
            if body is not packed:
                room.grow(len(body))
            return await self._engine.take(body)

    async def _body(self, request: _Request, room: Room) -> bytes:
        limit = self._settings.max_body_bytes
        stated = request.header("content-length")
        if stated.isdecimal() and int(stated) > limit:
            raise TooLarge(f"got a body of {stated} bytes, expected {limit} at most")
        parts: list[bytes] = []
        size = 0
        while (data := await request.chunk()) is not None:
            size += len(data)
            if size > limit:
                raise TooLarge(f"got a body of more than {limit} bytes")
            room.grow(len(data))
            parts.append(data)
        return b"".join(parts)


def _protobuf(packed: bytes, encodings: str, media: str, limit: int) -> bytes:
    body = unpacked(packed, encodings, limit)
    return protobuf_of_json(body) if media == JSON else body


async def _send(send: Send, answer: _Answer) -> None:
    headers = [("content-type", answer.media), ("content-length", str(len(answer.body))), *answer.headers]
    coded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": coded})
    await send({"type": "http.response.body", "body": answer.body})
