"""Recorded exchanges are served byte for byte to whoever asks the same."""

from __future__ import annotations

import base64
import http.client
import json
import pathlib
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantape._model import Exchange, Failure, Request, Response
from spantape.errors import UsageError
from spantape.testing import ExchangeServer
from spantape.testing.exchanges import recorded_answer

CORPUS = pathlib.Path(__file__).parents[2] / "shared" / "corpus"


def exchange(path="/a", body=b"", answer=b"ok", *, status=200, headers=(), chunks=(), **more):
    request = Request("POST", f"https://api.example.com{path}", body=body)
    return Exchange(request, Response(status, headers, answer, chunks), **more)


def test_equal_requests_are_answered_in_recorded_order_each_once():
    recorded = [
        exchange(body=b"1", answer=b"one"),
        exchange(body=b"2", answer=b"two"),
        exchange(body=b"1", answer=b"three"),
    ]
    with ExchangeServer(recorded) as server, httpx2.Client(base_url=server.url) as client:
        assert client.post("/a", content=b"2").content == b"two"
        assert client.post("/a", content=b"1").content == b"one"
        assert server.remaining == 1
        assert client.post("/a", content=b"1").content == b"three"
        left = client.post("/a", content=b"1")
    assert left.status_code == 404
    assert "no exchange is left for POST /a (by body)" in left.json()["error"]["message"]


def test_json_bodies_match_as_json_and_others_as_bytes():
    recorded = [exchange(body=b'{"a": 1, "b": [2]}'), exchange(body=b"\xff\x00", answer=b"binary")]
    with ExchangeServer(recorded) as server, httpx2.Client(base_url=server.url) as client:
        assert client.post("/a", content=b'{"b":[2],"a":1}').status_code == 200
        assert client.post("/a", content=b"\xff\x00").content == b"binary"
        assert client.post("/a", content=b"\xff").status_code == 404


def test_the_query_is_part_of_the_path():
    recorded = [exchange("/a?x=1", answer=b"one"), exchange("/a?x=2", answer=b"two")]
    with ExchangeServer(recorded, match="path") as server, httpx2.Client(base_url=server.url) as client:
        assert client.post("/a?x=2", content=b"whatever").content == b"two"
        assert client.post("/a").status_code == 404


def test_in_order_whatever_is_asked_gets_the_next():
    recorded = [exchange(answer=b"one"), exchange(answer=b"two")]
    with ExchangeServer(recorded, match="order") as server, httpx2.Client(base_url=server.url) as client:
        assert [client.get("/x").content, client.put("/y").content] == [b"one", b"two"]


def test_another_way_to_match_is_refused():
    with pytest.raises(UsageError, match="expected 'body', 'path' or 'order'"):
        ExchangeServer([], match="fuzzy")


def test_status_headers_and_chunks_come_back_as_they_were():
    headers = (("content-type", "text/event-stream"), ("x-request-id", "r1"), ("content-encoding", "gzip"))
    recorded = exchange(status=201, headers=headers, answer=b"data: 1\n\ndata: 2\n\n", chunks=(9, 9))
    with ExchangeServer([recorded]) as server, httpx2.stream("POST", f"{server.url}/a") as response:
        assert list(response.iter_raw()) == [b"data: 1\n\n", b"data: 2\n\n"]
    assert response.status_code == 201
    assert response.headers["x-request-id"] == "r1"
    assert response.headers["transfer-encoding"] == "chunked"
    assert "content-encoding" not in response.headers


def test_an_exchange_without_a_response_closes_the_connection():
    recorded = Exchange(Request("GET", "https://h/a"), None, "error", Failure("httpx2.ReadTimeout"))
    with ExchangeServer([recorded]) as server, pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"{server.url}/a")


def test_a_response_that_broke_off_breaks_off_again():
    recorded = exchange(answer=b"half", end="error", error=Failure("httpx2.ReadError"))
    got = []
    with (
        ExchangeServer([recorded]) as server,
        httpx2.stream("POST", f"{server.url}/a") as response,
        pytest.raises(httpx2.RemoteProtocolError),
    ):
        got.extend(response.iter_raw())
    assert got == [b"half"]


@given(st.binary(max_size=50), st.lists(st.integers(0, 20), max_size=5))
@settings(max_examples=60)
def test_whatever_the_recorded_chunk_lengths_the_body_is_whole(body, chunks):
    answer = recorded_answer(Response(200, (), body, tuple(chunks)))
    assert b"".join(answer.chunks) == body
    assert answer.length == len(body)


def read_line(line: str) -> Exchange:
    """One exchange of the corpus."""
    found = json.loads(line)

    def body(side):
        coded = found.get(f"{side}_body_b64")
        return base64.b64decode(coded) if coded else (found.get(f"{side}_body") or "").encode()

    request = Request(found["method"], found["url"], (), body("request"))
    headers = tuple(found["response_headers"].items())
    return Exchange(request, Response(found["status"], headers, body("response")))


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside the project")
def test_the_whole_corpus_is_served_byte_for_byte():
    recorded = [
        read_line(line)
        for file in sorted(CORPUS.glob("*/*.jsonl"))
        if file.parent.name != "realtime-ws"
        for line in file.read_text("utf-8").splitlines()
    ]
    assert len(recorded) > 1000
    with ExchangeServer(recorded) as server:
        host, port = server.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        for each in recorded:
            url = urlsplit(each.request.url)
            connection.request(each.request.method, f"{url.path}?{url.query}".rstrip("?"), each.request.body)
            response = connection.getresponse()
            assert response.status == each.response.status
            assert response.read() == each.response.body
            kept = dict(each.response.headers)
            assert response.headers.get("content-type", "") == kept.get("content-type", "").strip()
        connection.close()
        assert server.remaining == 0
        assert server.connections == 1
