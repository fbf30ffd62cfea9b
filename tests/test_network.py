"""The closed network: what is refused, what goes on working, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import ssl
import threading

import pytest
from opentelemetry import context as otel_context

from spantape import Miss, UsageError
from spantape._network import NetworkBlocked, blocked, parse_rule

AWAY = ("192.0.2.1", 443)  # TEST-NET-1: nobody is there


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def looked_up(monkeypatch):
    """Names are found without a network: every name is at 127.0.0.1."""
    asked = []

    def answer(host, port=None, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def sending(method, *args):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return getattr(sock, method)(*args)


WAYS = {
    "connect": lambda: sending("connect", AWAY),
    "connect_ex": lambda: sending("connect_ex", AWAY),
    "sendto": lambda: sending("sendto", b"x", AWAY),
    "sendto with flags": lambda: sending("sendto", b"x", 0, AWAY),
    "sendmsg": lambda: sending("sendmsg", [b"x"], [], 0, AWAY),
    "create_connection": lambda: socket.create_connection(AWAY, 1),
    "getaddrinfo": lambda: socket.getaddrinfo("model.invalid", 443),
    "getaddrinfo, bytes": lambda: socket.getaddrinfo(b"model.invalid", 443),
    "gethostbyname": lambda: socket.gethostbyname("model.invalid"),
    "gethostbyname_ex": lambda: socket.gethostbyname_ex("model.invalid"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_out_is_refused_with_host_and_test_named(way):
    with blocked("test 'a.py::test_b'") as policy, pytest.raises(NetworkBlocked) as caught:
        WAYS[way]()
    message = str(caught.value)
    assert "192.0.2.1:443" in message or "model.invalid" in message
    assert "test 'a.py::test_b'" in message
    assert "allowed_hosts=[" in message
    assert policy.blocked == [caught.value]


def test_a_refusal_is_a_miss_and_no_exception_that_sdks_catch():
    with blocked("t"), pytest.raises(NetworkBlocked) as caught:
        WAYS["connect"]()
    assert isinstance(caught.value, Miss)
    assert not isinstance(caught.value, Exception)


def test_a_refusal_crosses_processes():
    with blocked("t"), pytest.raises(NetworkBlocked) as caught:
        WAYS["connect"]()
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy).__name__ == "NetworkBlocked"
    assert str(copy) == str(caught.value)


def test_tls_is_refused_before_it_connects():
    context = ssl.create_default_context()
    with (
        blocked("t"),
        context.wrap_socket(socket.socket(), server_hostname="model.invalid") as sock,
        pytest.raises(NetworkBlocked, match=r"192\.0\.2\.1:443"),
    ):
        sock.connect(AWAY)


def test_ipv6_is_refused():
    with (
        blocked("t"),
        socket.socket(socket.AF_INET6) as sock,
        pytest.raises(NetworkBlocked, match="2001:db8::1"),
    ):
        sock.connect(("2001:db8::1", 443, 0, 0))


def test_threads_are_refused():
    caught = []

    def run():
        try:
            WAYS["connect"]()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is looked at
            caught.append(error)

    with blocked("t"):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert [type(error).__name__ for error in caught] == ["NetworkBlocked"]


@pytest.mark.parametrize("host", ["192.0.2.1", "model.invalid"])
async def test_asyncio_is_refused_for_addresses_and_names(host):
    with blocked("t"), pytest.raises(NetworkBlocked, match=host):
        await asyncio.open_connection(host, 443)


async def test_sock_connect_of_a_loop_is_refused():
    with blocked("t"), socket.socket() as sock:
        sock.setblocking(False)
        with pytest.raises(NetworkBlocked):
            await asyncio.get_running_loop().sock_connect(sock, AWAY)


def test_loopback_is_refused_like_any_other_host(listener):
    with blocked("t"), socket.socket() as sock, pytest.raises(NetworkBlocked, match=r"127\.0\.0\.1"):
        sock.connect(listener.getsockname())


@pytest.mark.parametrize("rule", ["localhost", "127.0.0.1", "127.0.0.0/8", "127.*", "*"])
def test_loopback_is_reached_where_it_is_allowed(listener, rule):
    with blocked("t", [rule]) as policy, socket.create_connection(listener.getsockname(), 5):
        assert policy.blocked == []


def test_a_port_may_be_the_only_one_that_is_allowed(listener):
    port = listener.getsockname()[1]
    with blocked("t", [f"localhost:{port}"]):
        socket.create_connection(("127.0.0.1", port), 5).close()
        with pytest.raises(NetworkBlocked):
            socket.create_connection(("127.0.0.1", port + 1 if port < 65535 else 1), 5)


def test_an_allowed_name_may_be_looked_up_and_its_address_reached(listener, looked_up):
    port = listener.getsockname()[1]
    with blocked("t", [f"db.example.com:{port}"]):
        socket.create_connection(("db.example.com", port), 5).close()
        with pytest.raises(NetworkBlocked):
            socket.create_connection(("other.example.com", port), 5)
    assert looked_up == ["db.example.com"], "the refused name was never looked up"


def test_unix_sockets_pairs_and_event_loops_work(tmp_path):
    with blocked("t") as policy:
        left, right = socket.socketpair()
        left.sendall(b"x")
        assert right.recv(1) == b"x"
        left.close()
        right.close()
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(tmp_path / "s"))
            server.listen()
            client.connect(str(tmp_path / "s"))
        asyncio.run(asyncio.sleep(0))
    assert policy.blocked == []


def test_a_socketpair_over_loopback_works_as_on_windows(monkeypatch):
    def over_loopback():
        with socket.create_server(("127.0.0.1", 0)) as server:
            left = socket.socket()
            left.connect(server.getsockname())
            return left, server.accept()[0]

    monkeypatch.setattr(socket, "socketpair", over_loopback)
    with blocked("t"):
        for end in socket.socketpair():
            end.close()
        with pytest.raises(NetworkBlocked):
            WAYS["connect"]()


async def test_a_test_may_serve_on_loopback_without_a_rule():
    with blocked("t") as policy:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        server.close()
        await server.wait_closed()
    assert policy.blocked == []


def test_an_inner_block_does_not_open_the_outer_one(listener):
    address = listener.getsockname()
    with blocked("outer"):
        with blocked("inner", ["*"]), pytest.raises(NetworkBlocked, match="outer"):
            socket.create_connection(address, 5)
        with pytest.raises(NetworkBlocked, match="outer"):
            socket.create_connection(address, 5)


def test_an_inner_block_closes_what_the_outer_one_allows(listener):
    address = listener.getsockname()
    with blocked("outer", ["localhost"]):
        with blocked("inner"), pytest.raises(NetworkBlocked, match="inner"):
            socket.create_connection(address, 5)
        socket.create_connection(address, 5).close()


def test_blocks_may_end_in_any_order(listener):
    first, second = blocked("first"), blocked("second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(NetworkBlocked, match="second"):
        socket.create_connection(listener.getsockname(), 5)
    second.__exit__(None, None, None)
    socket.create_connection(listener.getsockname(), 5).close()


NAMES = ["create_connection", "getaddrinfo", "gethostbyname", "gethostbyname_ex", "socketpair"]


def test_everything_is_as_before_afterwards():
    functions = [vars(socket)[name] for name in NAMES]
    methods = dict(vars(socket.socket))
    with blocked("t"):
        assert all(vars(socket)[name] is not before for name, before in zip(NAMES, functions, strict=True))
        assert dict(vars(socket.socket)) != methods
    assert [vars(socket)[name] for name in NAMES] == functions
    assert dict(vars(socket.socket)) == methods


def test_everything_is_as_before_after_an_error():
    before = socket.getaddrinfo
    with contextlib.suppress(ZeroDivisionError), blocked("t"):
        raise ZeroDivisionError
    assert socket.getaddrinfo is before


def test_below_another_tools_patch_ours_lets_pass_and_goes_next_time(listener, monkeypatch):
    original = socket.create_connection
    with blocked("t"):
        ours = socket.create_connection

        def theirs(*args, **kwargs):
            return ours(*args, **kwargs)

        socket.create_connection = theirs
    try:
        assert socket.create_connection is theirs, "what is on top of ours was not thrown away"
        theirs(listener.getsockname(), 5).close()
    finally:
        socket.create_connection = ours
    with blocked("t"):
        pass
    assert socket.create_connection is original


def test_an_exporters_thread_gets_an_error_that_it_survives():
    token = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        with blocked("t") as policy, pytest.raises(ConnectionRefusedError, match="network blocked"):
            WAYS["connect"]()
    finally:
        otel_context.detach(token)
    assert (policy.blocked, policy.refused) == ([], 1)


@pytest.mark.parametrize("given", ["", " ", "http://localhost", "localhost:http", 5, None])
def test_what_is_no_host_is_refused_with_what_is_accepted(given):
    with pytest.raises(UsageError, match="expected a host") as caught:
        parse_rule(given)
    assert repr(given) in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "host", "port", "covers"),
    [
        ("api.example.com", "api.example.com", 443, True),
        ("API.example.com", "api.example.com", 443, True),
        ("example.com", "api.example.com", 443, False),
        ("*.example.com", "api.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 1, True),
        ("10.0.0.0/8", "11.1.2.3", 1, False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 1, True),
        ("localhost", "::1", 1, True),
        ("localhost", "127.8.9.1", 1, True),
        ("localhost", "128.0.0.1", 1, False),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("::1", "::1", 81, True),
        ("fe80::/10", "fe80::1%eth0", 5, True),
        ("host:80", "host", None, True),
    ],
)
def test_rules_cover(rule, host, port, covers):
    assert parse_rule(rule).covers(host, port) is covers
