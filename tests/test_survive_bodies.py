"""Bodies that nobody expects: malformed, empty, huge, binary; each goes through as it is and comes back."""

from __future__ import annotations

import resource
import sys
import time

import httpx2
import pytest

import spantape
from spantape.testing import ModelServer, raw
from survive_sdks import APIS, CHAT, WAYS

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}
MIB = 1 << 20


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


ANSWERS = {
    "cut JSON": raw(200, JSON, b'{"id": "x", "choices": [{"mess'),
    "no JSON": raw(200, JSON, b"<html>502</html>"),
    "empty": raw(200, JSON, b""),
    "null": raw(200, JSON, b"null"),
    "a number": raw(200, JSON, b"3"),
    "a list": raw(200, JSON, b"[]"),
    "deep": raw(200, JSON, b"[" * 5000 + b"]" * 5000),
    "not UTF-8": raw(200, JSON, b'{"id": "\xff\xfe\x00"}'),
    "NUL bytes": raw(200, JSON, b'\x00{"id": "\x00"}\x00'),
    "lone surrogate": raw(200, JSON, b'{"id": "\\ud800", "choices": []}'),
    "wrong types": raw(
        200, JSON, b'{"id": 3, "choices": {"a": 1}, "usage": "none", "content": 7, "output": {}}'
    ),
    "huge numbers": raw(
        200, JSON, b'{"id": "x", "created": 1e999, "usage": {"prompt_tokens": 99999999999999999999999}}'
    ),
    "same key twice": raw(200, JSON, b'{"id": "x", "id": "y", "choices": []}'),
    "a byte order mark": raw(200, JSON, b'\xef\xbb\xbf{"id": "x"}'),
    "text for JSON": raw(200, {"content-type": "text/plain"}, b"just text"),
    "no content type": raw(200, {}, b'{"id": "x"}'),
    "events, malformed": raw(200, EVENTS, [b"data: {not json}\n\n", b"data: [DONE]\n\n"]),
    "events, empty": raw(200, EVENTS, [b""]),
    "events, no end": raw(200, EVENTS, [b'data: {"id": "x"', b', "choices": []}']),
    "events, not UTF-8": raw(200, EVENTS, [b'data: {"id": "\xff"}\n\n', b"data: [DONE]\n\n"]),
    "events, NUL bytes": raw(200, EVENTS, [b"data: \x00\n\n", b"\x00\x00\n\n"]),
    "an error without a body": raw(400, {}, b""),
    "an error that is no JSON": raw(500, JSON, b"\xff\xfe oops"),
    "204": raw(204, {}, b""),
}


def _outcome(way, url):
    """What a call gives back, or the exception that it ends with."""
    try:
        return repr(way.ask(url))
    except Exception as error:  # noqa: BLE001 - whatever it is, a replay ends with the same
        return type(error), str(error)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("way", [way for way in WAYS if not way.asynchronous], ids=str)
def test_an_odd_answer_reaches_the_sdk_as_it_is_and_comes_back(tape, way, answer):
    with ModelServer(lambda _request: answer) as server:
        url = server.url
        bare = _outcome(way, url)
        with spantape.record(tape) as recorded:
            assert _outcome(way, url) == bare
    (step,) = recorded.tape.steps
    sent = b"".join(answer.chunks)
    assert sent.startswith(step.response.body) if step.end == "closed" else sent == step.response.body
    with spantape.replay(tape):
        assert _outcome(way, url) == bare


REQUESTS = {
    "cut JSON": b'{"model": "m", "messages": [{"ro',
    "no JSON": b"hello",
    "empty": b"",
    "null": b"null",
    "a list": b"[1]",
    "deep": b"[" * 5000 + b"]" * 5000,
    "deep messages": b'{"model": "m", "messages": ' + b"[" * 900 + b"]" * 900 + b"}",
    "not UTF-8": b'{"model": "\xff\xfe", "messages": []}',
    "NUL bytes": b"\x00\x01\x00" * 50,
    "lone surrogate": b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "wrong types": b'{"model": 7, "messages": {"a": 1}, "stream": "yes", "tools": 3, "input": 1.5}',
    "same key twice": b'{"model": "m", "model": "n", "messages": []}',
    "huge numbers": b'{"model": "m", "messages": [], "seed": 1e999, "n": 99999999999999999999999}',
}


@pytest.mark.parametrize("body", REQUESTS.values(), ids=REQUESTS.keys())
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"])
def test_an_odd_request_is_sent_as_it_is_and_answered_again(tape, path, body):
    with ModelServer(lambda _request: raw(200, JSON, b'{"seen": true}')) as server, httpx2.Client() as client:
        url = server.url + path
        with spantape.record(tape) as recorded:
            live = client.post(url, content=body, headers=JSON)
        assert server.requests[0].body == body
        assert recorded.tape.steps[0].request_body() == body
        with spantape.replay(tape):
            assert client.post(url, content=body, headers=JSON).content == live.content
        with pytest.raises(spantape.Miss), spantape.replay(tape):
            client.post(url, content=body + b"!", headers=JSON)


# --- 100 MB ------------------------------------------------------------------------------------------------------------


def _peak_bytes():
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _text(size):
    """That much text, neither all the same nor random."""
    line = "".join(f"{number:x} is what stands here; " for number in range(40_000))
    return (line * (size // len(line) + 1))[:size]


@pytest.mark.heavy
def test_a_100_mb_answer_is_recorded_and_comes_back(tape):
    body = b'{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "'
    body += _text(100_000_000).encode() + b'"}, "finish_reason": "stop"}]}'

    def call(url):
        with CHAT.client(url) as client:
            return CHAT.call(client).choices[0].message.content

    before, started = _peak_bytes(), time.process_time()
    with ModelServer(lambda _request: raw(200, JSON, body)) as server, spantape.record(tape):
        url = server.url
        live = call(url)
    with spantape.replay(tape):
        again = call(url)
    assert len(live) == 100_000_000
    assert again == live
    assert time.process_time() - started < 15
    assert _peak_bytes() - before < 2000 * MIB


@pytest.mark.heavy
def test_a_100_mb_question_is_recorded_and_answered_again(tape):
    prompt = _text(100_000_000)

    def call(url):
        with CHAT.client(url) as client:
            return CHAT.call(client, prompt).choices[0].message.content

    answer = raw(
        200,
        JSON,
        b'{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Long."}}]}',
    )
    before, started = _peak_bytes(), time.process_time()
    with ModelServer(lambda _request: answer) as server, spantape.record(tape):
        url = server.url
        live = call(url)
    with spantape.replay(tape):
        again = call(url)
    assert again == live == "Long."
    assert time.process_time() - started < 15
    assert _peak_bytes() - before < 2000 * MIB


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_question_of_nothing_is_recorded(tape, api):
    def call(url):
        with api.client(url) as client:
            return api.call(client, "").model_dump_json()

    with ModelServer() as server, spantape.record(tape):
        url = server.url
        live = call(url)
    with spantape.replay(tape):
        assert call(url) == live
