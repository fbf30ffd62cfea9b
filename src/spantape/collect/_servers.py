"""The servers of a collector on one event loop: uvicorn for HTTP, gRPC's own, both over one engine.

Uvicorn, since it is the ASGI server most in use, lives on a loop that others share, and takes a socket that we opened:
so a port in use is found before anything else is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

import uvicorn

from spantape.collect._engine import Engine
from spantape.collect._grpc import GrpcServer
from spantape.collect._http import HttpApp
from spantape.collect.events import Listening
from spantape.collect.settings import Address, Settings

_GRACE_S: Final = 10.0
_KEEP_ALIVE_S: Final = (
    120  # exporters send every few seconds over one connection, which must not close under them
)


class _Uvicorn(uvicorn.Server):
    """A server that says when it listens, and whose end is `should_exit` alone: signals are its owner's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._ended = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Tick once a second for the date header, until `end`; uvicorn's own looks ten times a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1.0)

    def end(self) -> None:
        """Take no more connections, and end when those that are here are done."""
        self.should_exit = True
        self._ended.set()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override] # a generator there
        return contextlib.nullcontext()


class Servers:
    """What listens for an engine, from `start` to `stop`."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._http: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None
        self._grpc: GrpcServer | None = None

    async def start(self, http: socket.socket | None) -> Listening:
        """The endpoints that are listened on; `http` is the socket for HTTP.

        Raises:
            UsageError: an address cannot be listened on.
        """
        grpc = await self._start_grpc() if self._settings.grpc is not None else ""
        return Listening(await self._start_http(http) if http is not None else "", grpc)

    async def _start_grpc(self) -> str:
        address = self._settings.grpc or Address("127.0.0.1", 0)
        self._grpc = GrpcServer(self._engine, self._settings)
        return f"http://{address._replace(port=await self._grpc.start(address))}"

    async def _start_http(self, listener: socket.socket) -> str:
        host, port = listener.getsockname()[:2]
        config = uvicorn.Config(
            HttpApp(self._engine, self._settings),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(_GRACE_S),
        )
        self._http = _Uvicorn(config)
        self._serving = asyncio.create_task(self._http.serve([listener]))
        listening = asyncio.create_task(self._http.listening.wait())
        await asyncio.wait((self._serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        return f"http://{Address(host, port)}"

    async def stop(self) -> None:
        """Take no more requests, and finish those that are here."""
        self._engine.refuse()
        if self._http is not None:
            self._http.end()
        if self._grpc is not None:
            await self._grpc.stop(_GRACE_S)
        if self._serving is not None:
            await self._serving
