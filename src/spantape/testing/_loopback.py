"""HTTP/1.1 on a loopback port: a thread that accepts, a thread for each connection, nothing that polls.

Sockets rather than `http.server`, so that chunk boundaries, cuts and gates are exact, a stop is immediate and
every socket is closed when the server is left.
"""

from __future__ import annotations

import contextlib
import http
import selectors
import socket
import threading
from types import TracebackType
from typing import BinaryIO, Final, Self

from spantape.errors import UsageError
from spantape.testing._message import Answer, Gate, ReceivedRequest

_MAX_LINE: Final = 1 << 20
_NO_BODY: Final = frozenset({204, 304})
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


class Loopback:
    """A server on 127.0.0.1; a subclass gives `answer`.

    It runs inside a `with` block (or from `start` to `close`), in threads of this process, so that sync and async
    clients alike can be served. `requests` holds what was received, in order of arrival; `connections` counts those
    that were accepted. What `answer` raises reaches the client as a 500 and is raised again where the block is left.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self._port = port
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._failure: BaseException | None = None
        self._listener: socket.socket | None = None
        self._wake: socket.socket | None = None

    def answer(self, request: ReceivedRequest) -> Answer:
        """The answer to `request`; called from the connection's thread."""
        raise NotImplementedError

    # --- from start to close -----------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen; gives the server itself.

        Raises:
            UsageError: it has been started before.
        """
        if self._listener is not None:
            raise UsageError(f"this {type(self).__name__} has been started; make a new one to serve again")
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = self._listener.getsockname()[1]
        wake, self._wake = socket.socketpair()
        self._spawn(self._accept, self._listener, wake)
        return self

    def close(self) -> None:
        """Stop at once: every connection is closed, held answers too, and the threads have ended."""
        self._closing.set()
        if self._wake is not None:
            self._wake.close()
        while threads := self._others():  # the accepting thread may have admitted one more meanwhile
            self._hang_up()
            for thread in threads:
                thread.join()

    def _others(self) -> list[threading.Thread]:
        with self._lock:
            return [thread for thread in self._threads if thread is not threading.current_thread()]

    def _hang_up(self) -> None:
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if self._failure is not None and error is None:
            raise self._failure

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a slash at the end."""
        if self._listener is None:
            raise UsageError(f"this {type(self).__name__} is not started: use it as `with … as server:`")
        return f"http://127.0.0.1:{self._port}"

    # --- connections -------------------------------------------------------------------------------------------------

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(
            target=self._run, args=(target, *args), name=type(self).__name__, daemon=True
        )
        with self._lock:  # whoever closes joins those that are here, so they have started
            self._threads.add(thread)
            thread.start()

    def _run(self, target: object, *args: object) -> None:
        try:
            target(*args)  # type: ignore[operator] # one of this class's own methods
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _accept(self, listener: socket.socket, wake: socket.socket) -> None:
        with listener, wake, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while all(key.fileobj is listener for key, _ in selector.select()):
                connection, _ = listener.accept()
                self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self.connections += 1
            self._open.add(connection)
        self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, ValueError):
                while not self._closing.is_set() and self._exchange(connection, stream):
                    pass
        finally:
            with self._lock:
                self._open.discard(connection)

    def _exchange(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """Serve one request; whether the connection stays open for another."""
        read = read_request(stream, connection)
        if read is None:
            return False
        request, version = read
        with self._lock:
            self.requests.append(request)
        answer = self._safe_answer(request)
        keep = version == "HTTP/1.1" and (request.header("connection") or "").lower() != "close"
        return self._send(connection, request, answer, keep) and keep

    def _safe_answer(self, request: ReceivedRequest) -> Answer:
        try:
            return self.answer(request)
        except Exception as error:  # noqa: BLE001 - a test's script; raised again where the server is left
            self._failure = self._failure or error
            text = f"the script failed: {type(error).__name__}: {error}"
            body = b'{"error": {"type": "server_error", "message": "' + _plain_ascii(text) + b'"}}'
            return Answer(500, (("content-type", "application/json"), ("x-should-retry", "false")), (body,))

    def _send(self, connection: socket.socket, request: ReceivedRequest, answer: Answer, keep: bool) -> bool:
        """Send `answer`; whether all of it went out, so that the connection can be used again."""
        if answer.disconnect:
            return False
        has_body = request.method != "HEAD" and answer.status not in _NO_BODY
        connection.sendall(head_bytes(answer, keep, has_body=has_body))
        if not has_body:
            return True
        gates = dict(answer.gates)
        for index, piece in answer.pieces():
            if not self._passed(gates.get(index)):
                return False
            connection.sendall(_framed(piece) if answer.chunked else piece)
        if answer.is_cut or not self._passed(gates.get(len(answer.chunks))):
            return False
        if answer.chunked:
            connection.sendall(b"0\r\n\r\n")
        return True

    def _passed(self, gate: Gate | None) -> bool:
        """Wait at `gate`; whether the answer goes on, which it does not where the server was left meanwhile."""
        if gate is None:
            return True
        gate.wait(self._closing)
        return not self._closing.is_set()


def _framed(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def _plain_ascii(text: str) -> bytes:
    return text.replace("\\", "/").replace('"', "'").replace("\n", " ").encode("ascii", "replace")


def head_bytes(answer: Answer, keep: bool, *, has_body: bool = True) -> bytes:
    """The status line and headers of `answer`; framing headers are ours, whatever it brought along."""
    try:
        reason = http.HTTPStatus(answer.status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in _FRAMING]
    if answer.chunked and has_body:
        lines.append("transfer-encoding: chunked")
    elif answer.status not in _NO_BODY:
        lines.append(f"content-length: {answer.length}")
    if not keep:
        lines.append("connection: close")
    return b"".join(_line(line) for line in [*lines, ""])


def _line(text: str) -> bytes:
    """One header line; a value is free text, so it is kept from ending the line or the head."""
    flat = " ".join(text.splitlines())
    try:
        return flat.encode("latin-1") + b"\r\n"
    except UnicodeEncodeError:
        return flat.encode("utf-8", "surrogateescape") + b"\r\n"


def read_request(stream: BinaryIO, connection: socket.socket) -> tuple[ReceivedRequest, str] | None:
    """The next request of a connection and its HTTP version; None where the client has closed.

    Raises:
        ValueError: it is not HTTP.
    """
    line = stream.readline(_MAX_LINE)
    if not line.strip():
        return None
    method, target, version = line.decode("latin-1").split()
    headers = tuple(_read_headers(stream))
    fields = dict(headers)
    if fields.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = b"".join(iter(lambda: _read_chunk(stream), b""))
    else:
        body = _read_exactly(stream, int(fields.get("content-length", "0")))
    return ReceivedRequest(method, target, headers, body), version


def _read_headers(stream: BinaryIO) -> list[tuple[str, str]]:
    headers = []
    while (line := stream.readline(_MAX_LINE).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    return headers


def _read_chunk(stream: BinaryIO) -> bytes:
    """The next chunk; b"" at the last one, with its trailers read."""
    size = int(stream.readline(_MAX_LINE).split(b";")[0], 16)
    if size == 0:
        _read_headers(stream)
        return b""
    chunk = _read_exactly(stream, size)
    stream.readline(_MAX_LINE)
    return chunk


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError(f"the client closed after {len(data)} of {size} bytes of its body")
    return data
