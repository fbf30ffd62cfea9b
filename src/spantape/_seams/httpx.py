"""The seam of httpx2 and httpx: the transport that a client chooses for a request.

Wrapped is the choice (`Client._transport_for_url`), not a transport class: so every transport that a user passed
in, mounts and proxies are covered, each redirect is a call of its own, and the client does everything else (cookies,
timing, decoding, errors) as it always does, for replayed answers too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from time import perf_counter_ns
from types import ModuleType, SimpleNamespace
from typing import Any

from spantape import _guard, _state
from spantape._seams._patch import Where, Wrapper
from spantape._seams.crossing import Around, Crossing, abandon, ended, open_crossing
from spantape._seams.served import Served
from spantape._spans.call import Call
from spantape._spans.kept import relevant


def _sync(module: ModuleType) -> Wrapper:
    proxy = classes(module).Transport
    return lambda wrapped, _instance, args, kwargs: _chosen(proxy, wrapped(*args, **kwargs))


def _async(module: ModuleType) -> Wrapper:
    proxy = classes(module).AsyncTransport
    return lambda wrapped, _instance, args, kwargs: _chosen(proxy, wrapped(*args, **kwargs))


def _chosen(proxy: Any, transport: Any) -> Any:
    return proxy(transport) if _state.watching() else transport


TABLE = tuple(
    Where(module, path, make)
    for module in ("httpx2", "httpx")
    for path, make in (("Client._transport_for_url", _sync), ("AsyncClient._transport_for_url", _async))
)


@lru_cache(maxsize=8)
def classes(module: ModuleType) -> SimpleNamespace:
    """The transports and streams for one of the two libraries, each derived from that library's own bases.

    The clients check the types of streams, so the classes below are only halves until they know their library.
    """
    sync, asynchronous = module.SyncByteStream, module.AsyncByteStream
    halves = {
        "Transport": (_Transport, module.BaseTransport),
        "AsyncTransport": (_AsyncTransport, module.AsyncBaseTransport),
        "RequestTee": (_RequestTee, sync),
        "AsyncRequestTee": (_AsyncRequestTee, asynchronous),
        "Tee": (_Tee, sync),
        "AsyncTee": (_AsyncTee, asynchronous),
        "ServedStream": (_ServedStream, sync, asynchronous),
    }
    made = SimpleNamespace()
    for name, bases in halves.items():
        setattr(made, name, type(name, bases, {"library": module, "made": made}))
    return made


# --- transports --------------------------------------------------------------------------------------------------


class _Proxy:
    """A chosen transport, with its calls crossing the seam on their way in and out."""

    library: ModuleType
    made: SimpleNamespace

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _answer(self, request: Any, served: Served) -> Any:
        return _built(self.library, request, served, self.made.ServedStream)


class _Transport(_Proxy):
    def handle_request(self, request: Any) -> Any:
        if _state.STATE.sessions and _state.replaying():
            request.read()
        crossing = _open(self.library, request)
        if crossing is None:
            return self._inner.handle_request(request)
        if crossing.served is not None:
            return self._answer(request, crossing.served)
        if crossing.call.body is None:
            _guard.guarded(_tap_request, request, crossing, self.made.RequestTee)
        with Around(crossing):
            response = self._inner.handle_request(request)
        _guard.entered(_watch, crossing, response, self.made.Tee)
        return response

    def close(self) -> None:
        self._inner.close()


class _AsyncTransport(_Proxy):
    async def handle_async_request(self, request: Any) -> Any:
        if _state.STATE.sessions and _state.replaying():
            await request.aread()
        crossing = _open(self.library, request)
        if crossing is None:
            return await self._inner.handle_async_request(request)
        if crossing.served is not None:
            return self._answer(request, crossing.served)
        if crossing.call.body is None:
            _guard.guarded(_tap_request, request, crossing, self.made.AsyncRequestTee)
        with Around(crossing):
            response = await self._inner.handle_async_request(request)
        _guard.entered(_watch, crossing, response, self.made.AsyncTee)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


# --- requests ----------------------------------------------------------------------------------------------------


def call_of(library: ModuleType, request: Any) -> Call:
    """The call that an httpx request is about to make."""
    url = str(request.url)
    host, port, target = _addresses.get(url) or _address(url, request.url)
    return Call(
        request.method,
        url,
        host,
        port,
        target,
        relevant(request.headers.raw, response=False),
        getattr(request, "_content", None),
        undoes=_undoes(library),
    )


_Address = tuple[str, int | None, str]
_addresses: dict[str, _Address] = {}
_MOST_ADDRESSES = 512


def _address(text: str, url: Any) -> _Address:
    """Host, port and target of `url`; those of one without a query, where secrets may stand, are kept."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    found = (url.host, port, url.raw_path.decode("ascii", "replace"))
    if "?" not in text and "@" not in text:
        if len(_addresses) >= _MOST_ADDRESSES:
            _addresses.clear()
        _addresses[text] = found
    return found


@lru_cache(maxsize=8)
def _undoes(library: ModuleType) -> frozenset[str] | None:
    """The content-encodings that the library undoes here: brotli and zstd want packages of their own."""
    decoders = getattr(getattr(library, "_decoders", None), "SUPPORTED_DECODERS", None)
    return None if decoders is None else frozenset(decoders)


def _open(library: ModuleType, request: Any) -> Crossing | None:
    if _state.STATE.sessions and _state.replaying():
        return _opened(library, request)
    return _guard.entered(_opened, library, request)


def _opened(library: ModuleType, request: Any) -> Crossing | None:
    return open_crossing(call_of(library, request))


def _tap_request(request: Any, crossing: Crossing, tee: Any) -> None:
    """Note a body that is streamed out as it passes."""
    request.stream = tee(request.stream, crossing)


# --- responses ---------------------------------------------------------------------------------------------------


def _built(module: ModuleType, request: Any, served: Served, stream: Any) -> Any:
    """The recorded response, as the transport would have given it."""
    if served.error is not None and served.response is None:
        raise error_of(module, served.error.type, served.error.message, request)
    response = served.response
    if response is None:
        raise served.nothing()
    return module.Response(
        response.status,
        headers=[
            (name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in served.headers()
        ],
        stream=stream(served, request),
        extensions={"http_version": b"HTTP/1.1"},
    )


def error_of(module: ModuleType, kind: str, message: str, request: Any) -> BaseException:
    """The library's own exception of that class name; a transport error where it has none of that name."""
    found = getattr(module, kind.rpartition(".")[2], None)
    error: BaseException
    if isinstance(found, type) and issubclass(found, module.TransportError):
        error = found(message, request=request)
    else:
        error = module.TransportError(f"{kind}: {message}", request=request)
    return error


def _watch(crossing: Crossing, response: Any, tee: Any) -> None:
    """Let the response's body pass by the crossing."""
    crossing.answered(response.status_code, relevant(response.headers.raw, response=True))
    if hasattr(response, "_content"):  # made in memory: nobody will read its stream
        for chunk in response.stream:
            crossing.arrived(chunk)
        crossing.end("complete")
    else:
        response.stream = tee(response.stream, crossing)


# --- streams -----------------------------------------------------------------------------------------------------


class _Stream:
    """A stream of the library with the crossing that it belongs to."""

    library: ModuleType

    def __init__(self, stream: Any, crossing: Crossing) -> None:
        self._stream, self._crossing = stream, crossing


class _RequestTee(_Stream):
    """A request body on its way out, noted as it passes."""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            _guard.guarded(self._crossing.sending, chunk)
            yield chunk

    def close(self) -> None:
        self._stream.close()


class _AsyncRequestTee(_Stream):
    """A request body on its way out, noted as it passes."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            _guard.guarded(self._crossing.sending, chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Tee(_Stream):
    """A response body that passes through untouched, each chunk noted before it is handed on."""

    def __iter__(self) -> Iterator[bytes]:
        crossing = self._crossing
        note, at, now = crossing.chunks.append, crossing.arrivals_ns.append, perf_counter_ns
        try:
            for chunk in self._stream:
                note(chunk)
                at(now())
                yield chunk
        except Exception as error:
            ended(crossing, "error", error)
            raise
        ended(crossing, "complete")

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            ended(self._crossing, "closed")

    def __del__(self) -> None:
        if (crossing := getattr(self, "_crossing", None)) is not None:  # else it was never made
            abandon(crossing)


class _AsyncTee(_Stream):
    """A response body that passes through untouched, each chunk noted before it is handed on."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        crossing = self._crossing
        note, at, now = crossing.chunks.append, crossing.arrivals_ns.append, perf_counter_ns
        try:
            async for chunk in self._stream:
                note(chunk)
                at(now())
                yield chunk
        except Exception as error:
            ended(crossing, "error", error)
            raise
        ended(crossing, "complete")

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            ended(self._crossing, "closed")

    def __del__(self) -> None:
        if (crossing := getattr(self, "_crossing", None)) is not None:  # else it was never made
            abandon(crossing)


class _ServedStream:
    """A recorded body, in the chunks in which it came; sync and async.

    It is one stream: who iterates it again (the SDKs do, to drain what is left) goes on where it was left.
    """

    library: ModuleType

    def __init__(self, served: Served, request: Any) -> None:
        self._served, self._request = served, request
        self._chunks = served.chunks()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:  # noqa: UP028 - `yield from` would close the chunks where this is left
            yield chunk
        self._break_off()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        self._break_off()

    def _break_off(self) -> None:
        if (failure := self._served.broke()) is not None:
            raise error_of(self.library, failure.type, failure.message, self._request)

    def close(self) -> None:
        """Nothing is held."""

    async def aclose(self) -> None:
        """Nothing is held."""
