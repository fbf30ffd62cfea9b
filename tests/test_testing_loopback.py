"""The loopback server keeps to HTTP/1.1, hides nothing, and is gone at once when it is left."""

from __future__ import annotations

import http.client
import socket
import threading
import time

import httpx2
import pytest

from spantape.errors import UsageError
from spantape.testing import Gate, ModelServer, raw, text
from spantape.testing._loopback import Loopback
from spantape.testing._message import Answer


class Echo(Loopback):
    """Answers with what it got."""

    def answer(self, request):
        return Answer(200, (("x-path", request.path),), (request.body,))


class Fixed(Loopback):
    """Gives one answer again and again."""

    def __init__(self, answer):
        super().__init__()
        self.given = answer

    def answer(self, request):
        return self.given


def exchange_bytes(server, sent: bytes) -> bytes:
    """What comes back over a bare socket, up to where the server closes."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_connection_is_kept_and_used_again():
    with Echo() as server, httpx2.Client(base_url=server.url) as client:
        for n in range(5):
            assert client.post(f"/{n}", content=b"x" * n).content == b"x" * n
        assert server.connections == 1
        assert [request.path for request in server.requests] == [f"/{n}" for n in range(5)]


def test_a_client_that_asks_to_close_is_obeyed():
    with Echo() as server:
        got = exchange_bytes(server, b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert got == b"HTTP/1.1 200 OK\r\nx-path: /a?b=c\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def test_requests_on_one_connection_may_be_sent_ahead():
    asked = b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nconnection: close\r\n\r\n"
    with Echo() as server:
        got = exchange_bytes(server, asked)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.index(b"/1") < got.index(b"/2")


def test_chunked_requests_and_expect_continue_are_understood():
    with Echo() as server:
        with httpx2.Client(base_url=server.url) as client:
            assert (
                client.post("/", content=iter([b"ab", b"", b"c" * 70_000])).content == b"ab" + b"c" * 70_000
            )
        host, port = server.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        connection.putrequest("POST", "/")
        connection.putheader("Expect", "100-continue")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"hi")
        assert connection.getresponse().read() == b"hi"
        connection.close()


def test_head_and_204_have_no_body_and_leave_the_connection_usable():
    with Fixed(Answer(200, (), (b"body",))) as server, httpx2.Client(base_url=server.url) as client:
        answer = client.head("/")
        assert (answer.content, answer.headers["content-length"]) == (b"", "4")
        assert client.get("/").content == b"body"
        server.given = Answer(204, (), (b"ignored",))
        assert client.get("/").content == b""
        server.given = Answer(304, (), (b"a", b"b"), chunked=True)
        assert client.get("/").content == b""
        assert server.connections == 1


def test_each_chunk_is_a_chunk_on_the_wire():
    with Fixed(Answer(200, (), (b"ab", b"", b"c" * 16), chunked=True)) as server:
        got = exchange_bytes(server, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert got.partition(b"\r\n\r\n")[2] == b"2\r\nab\r\n10\r\n" + b"c" * 16 + b"\r\n0\r\n\r\n"


def test_framing_headers_of_an_answer_never_contradict_its_body():
    headers = (
        ("Content-Length", "999"),
        ("transfer-encoding", "gzip, chunked"),
        ("connection", "upgrade"),
        ("x-a", "1"),
    )
    with Fixed(Answer(200, headers, (b"ab",))) as server, httpx2.Client(base_url=server.url) as client:
        answer = client.get("/")
    assert answer.content == b"ab"
    assert dict(answer.headers) == {"x-a": "1", "content-length": "2"}


def test_header_values_are_free_text_that_cannot_break_the_head():
    headers = (
        ("x-split", "a\r\nx-evil: 1"),
        ("x-wide", "gr\u00fc\u00df \u2713"),
        ("x-latin", "\u00e9"),
        ("x-a", "1"),
        ("x-a", "2"),
    )
    with Fixed(Answer(299, headers)) as server, httpx2.Client(base_url=server.url) as client:
        answer = client.get("/")
    assert answer.status_code == 299
    assert "x-evil" not in answer.headers
    assert answer.headers["x-split"] == "a x-evil: 1"
    assert answer.headers.get_list("x-a") == ["1", "2"]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_cut_answer_ends_after_so_many_bytes_and_is_noticed(chunked, after):
    answer = Answer(200, (), (b"abc", b"def"), chunked=chunked, cut_after=after)
    with (
        Fixed(answer) as server,
        httpx2.Client(base_url=server.url) as client,
        client.stream("GET", "/") as response,
    ):
        got = []
        with pytest.raises(httpx2.RemoteProtocolError):
            got.extend(response.iter_raw())
    assert b"".join(got) == b"abcdef"[:after]


def test_a_server_that_is_left_lets_go_of_held_answers_and_idle_connections():
    gate = Gate()
    client = httpx2.Client()
    with ModelServer([raw(body=[b"a", b"b"]).held(gate, before=1), text("x")]) as server:
        response = client.send(
            client.build_request("POST", server.url + "/v1/messages", content=b"{}"), stream=True
        )
        assert gate.reached.wait(5)
        client.post(server.url + "/v1/messages", content=b"{}")
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "ModelServer"]
    with pytest.raises(httpx2.RemoteProtocolError):
        response.read()
    response.close()
    client.close()


def test_a_server_that_was_left_does_not_answer_and_does_not_start_again():
    with Echo() as server:
        url = server.url
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url)
    with pytest.raises(UsageError, match="has been started; make a new one"):
        server.start()
    server.close()


def test_a_server_that_is_not_started_has_no_url():
    with pytest.raises(UsageError, match="is not started"):
        _ = Echo().url


def test_bytes_that_are_not_http_close_the_connection_and_harm_nobody():
    with Echo() as server:
        for sent in (
            b"\x16\x03\x01 nonsense\r\n\r\n",
            b"one two three four\r\n\r\n",
            b"\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        ):
            assert exchange_bytes(server, sent) == b""
        assert httpx2.post(server.url, content=b"ok").content == b"ok"
        assert len(server.requests) == 1


def test_a_client_that_leaves_in_the_middle_harms_nobody():
    host_gate = Gate()
    big = Answer(200, (), (b"x" * 100, b"y" * 5_000_000), chunked=True, gates=((1, host_gate),))
    with Fixed(big) as server:
        with httpx2.Client() as client, client.stream("GET", server.url) as response:
            next(response.iter_raw())
        host_gate.open()
        server.given = Answer(200, (), (b"ok",))
        assert httpx2.get(server.url).content == b"ok"


def test_many_connections_are_served_at_once():
    gates = [Gate() for _ in range(8)]

    class Held(Loopback):
        def answer(self, request):
            n = int(request.path[1:])
            return Answer(200, (), (b"a", b"%d" % n), gates=((1, gates[n]),))

    got = {}
    with Held() as server:

        def ask(n):
            got[n] = httpx2.get(f"{server.url}/{n}").content

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for gate in gates:
            assert gate.reached.wait(5)
        for gate in reversed(gates):
            gate.open()
        for thread in threads:
            thread.join()
    assert got == {n: b"a%d" % n for n in range(8)}


@pytest.mark.parametrize("chunked", [True, False])
def test_a_gate_at_the_end_holds_the_end_back(chunked):
    gate = Gate()
    answer = Answer(200, (), (b"a", b"b"), chunked=chunked, gates=((2, gate),))
    with (
        Fixed(answer) as server,
        httpx2.Client(base_url=server.url) as client,
        client.stream("GET", "/") as response,
    ):
        assert gate.reached.wait(5)
        gate.open()
        assert response.read() == b"ab"
