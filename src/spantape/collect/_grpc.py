"""OTLP over gRPC: the three Export services, of which the one for traces is read.

Requests come as bytes and are stored as such; what gRPC itself compresses it also unpacks.

See: <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc>
"""

from __future__ import annotations

from typing import Any, Final

import grpc  # type: ignore[import-untyped] # it ships no types
import grpc.aio  # type: ignore[import-untyped] # it ships no types

from spantape.collect._answers import accepted, check_token, refused
from spantape.collect._bodies import PROTOBUF
from spantape.collect._engine import Engine
from spantape.collect._errors import Refused
from spantape.collect._export import Export
from spantape.collect._sockets import cannot_listen, open_socket
from spantape.collect.settings import Address, Settings

_SERVICE: Final = "opentelemetry.proto.collector.{0}.v1.{1}Service"
_TRACES: Final = _SERVICE.format("trace", "Trace")
_OTHERS: Final = (_SERVICE.format("metrics", "Metrics"), _SERVICE.format("logs", "Logs"))
_STREAMS: Final = 32
_DETAILS: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class GrpcServer:
    """The services over an engine, from `start` to `stop`."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        options = [
            ("grpc.so_reuseport", 0),  # else a second collector would take half of the first one's requests
            ("grpc.max_receive_message_length", settings.max_body_bytes),
            ("grpc.max_concurrent_streams", _STREAMS),
        ]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers(
            (_handler(_TRACES, self._traces), *(_handler(service, self._unread) for service in _OTHERS))
        )

    async def start(self, address: Address) -> int:
        """The port, once requests are taken.

        Raises:
            UsageError: the address cannot be listened on.
        """
        open_socket(address, "grpc").close()  # gRPC itself does not say why it cannot
        try:
            port: int = self._server.add_insecure_port(str(address))
        except RuntimeError as error:
            raise cannot_listen("grpc", address, str(error)) from error
        await self._server.start()
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no more requests, and finish those that are here."""
        await self._server.stop(grace_s)

    async def _traces(self, body: bytes, context: Any) -> bytes:
        return await self._answered(context, body)

    async def _unread(self, _body: bytes, context: Any) -> bytes:
        return await self._answered(context, None)

    async def _answered(self, context: Any, body: bytes | None) -> bytes:
        try:
            check_token(self._settings.token, _authorization(context))
            export = Export(b"", 0) if body is None else await self._taken(body)
        except Refused as refusal:
            trailing = ((_DETAILS, refused(refusal, PROTOBUF)),)
            await context.abort(_CODES[refusal.code], str(refusal), trailing)
            raise
        return accepted(export, PROTOBUF)

    async def _taken(self, body: bytes) -> Export:
        with self._engine.room() as room:
            room.grow(len(body))
            return await self._engine.take(body)


def _handler(service: str, export: Any) -> Any:
    return grpc.method_handlers_generic_handler(
        service, {"Export": grpc.unary_unary_rpc_method_handler(export)}
    )


def _authorization(context: Any) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            return value if isinstance(value, str) else value.decode("latin-1")
    return ""
