"""What a replayed program does otherwise is noticed and named; what a server answers badly comes back as it was."""

from __future__ import annotations

import asyncio
import contextlib
import time

import anyio
import httpx2
import pytest

import spantape
from spantape.testing import ModelServer, error, text
from survive_sdks import APIS, CHAT, MESSAGES, RESPONSES, WAYS, Way, plain

TOOL = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


def _tool(api, name):
    if api is CHAT:
        return {"type": "function", "function": {"name": name, "parameters": TOOL}}
    if api is RESPONSES:
        return {"type": "function", "name": name, "parameters": TOOL, "strict": True}
    return {"name": name, "input_schema": TOOL}


def _asked(api, **changed):
    """The arguments of a rich call, with something changed."""
    said = {
        "model": "m-1",
        "temperature": 0.5,
        "tool": "weather",
        "system": "Be brief.",
        "message": "Is it wet?",
    }
    said |= changed
    arguments = {"model": said["model"], "tools": [_tool(api, said["tool"])]}
    if api is not MESSAGES:
        arguments["temperature"] = said["temperature"]
    turns = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": said["message"]},
    ]
    if api is CHAT:
        return arguments | {"messages": [{"role": "system", "content": said["system"]}, *turns]}
    if api is RESPONSES:
        return arguments | {"instructions": said["system"], "input": turns}
    extra = {"extra_body": {"temperature": said["temperature"]}}
    return arguments | {"system": said["system"], "messages": turns, "max_tokens": 9, **extra}


NAMED = {
    "model": ['{model}: recorded "m-1" got "m-2"'],
    "temperature": ["{temperature}: recorded 0.5 got 0.7"],
    "tool": ['tools[0] "weather": recorded {{', 'tools[0] "climate": not recorded, got {{'],
    "system": ['{system}: recorded "Be brief." got "Be long."'],
    "message": ['{message}: recorded "Is it wet?" got "Is it dry?"'],
}
PATHS = {
    "chat": {"system": "messages[0].content", "message": "messages[3].content"},
    "responses": {"system": "instructions", "message": "input[2].content"},
    "messages": {"system": "system", "message": "messages[2].content"},
}
OTHER = {"model": "m-2", "temperature": 0.7, "tool": "climate", "system": "Be long.", "message": "Is it dry?"}


def _send(api, url, *, headers=None, **changed):
    with api.client(url) as client:
        target = client
        for part in api.method.split("."):
            target = getattr(target, part)
        return plain(target(**_asked(api, **changed), extra_headers=headers))


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
@pytest.mark.parametrize("what", OTHER)
def test_a_change_is_a_miss_that_names_its_path_and_both_values(tape, api, what):
    with ModelServer([text("Yes.")]) as server, spantape.record(tape):
        url = server.url
        _send(api, url)
    with pytest.raises(spantape.Miss) as caught, spantape.replay(tape):
        _send(api, url, **{what: OTHER[what]})
    paths = {"model": "model", "temperature": "temperature", **PATHS[api.name]}
    named = [line.strip() for line in str(caught.value).splitlines() if line.startswith("    ")]
    wanted = [start.format(**paths) for start in NAMED[what]]
    assert len(named) == len(wanted)
    assert all(line.startswith(start) for line, start in zip(named, wanted, strict=True)), named


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_changed_header_of_the_match_set_is_a_miss_that_names_it(tape, api):
    rules = spantape.MatchRules(headers=("x-title",))
    with ModelServer([text("Yes.")]) as server, spantape.record(tape):
        url = server.url
        _send(api, url, headers={"x-title": "one"})
    with spantape.replay(tape):  # it is not in the set by default
        _send(api, url, headers={"x-title": "two"})
    with (
        pytest.raises(spantape.Miss, match='header x-title: recorded "one" got "two"'),
        spantape.replay(tape, match=rules),
    ):
        _send(api, url, headers={"x-title": "two"})


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_miss_passes_through_the_sdk_and_reaches_no_network(tape, way):
    with ModelServer() as server:
        with spantape.record(tape):
            way.ask(server)
        asked = len(server.requests)
        with pytest.raises(spantape.Miss, match="nothing recorded answers POST"), spantape.replay(tape):
            way.ask(server, "Something else")
        assert len(server.requests) == asked


def test_a_program_that_swallows_a_miss_fails_when_the_block_is_left(tape):
    with ModelServer([text("Yes.")]) as server, spantape.record(tape):
        url = server.url
        _send(CHAT, url)

    def program():
        with (
            spantape.replay(tape, allow_unused=True),
            contextlib.suppress(BaseException),
        ):  # the worst there is
            _send(CHAT, url, model="m-2")

    with pytest.raises(spantape.Miss, match='model: recorded "m-1" got "m-2"'):
        program()


def test_a_program_that_swallows_a_miss_and_fails_otherwise_still_hears_of_it(tape):
    with ModelServer([text("Yes.")]) as server, spantape.record(tape):
        url = server.url
        _send(CHAT, url)

    def program():
        with spantape.replay(tape, allow_unused=True):
            try:
                _send(CHAT, url, model="m-2")
            except BaseException:  # noqa: BLE001 - likewise
                raise ValueError("something went wrong") from None

    with pytest.raises(spantape.Miss) as caught:
        program()
    assert isinstance(caught.value.__cause__, ValueError)


# --- errors ----------------------------------------------------------------------------------------------------------

STATUSES = (400, 401, 403, 404, 409, 422, 429, 500, 503, 529)


def _error(way, url):
    """What the program can see of the exception that a call raises."""
    with pytest.raises(way.api.errors.APIStatusError) as caught:
        way.ask(url)
    seen = caught.value
    own = {
        name: getattr(seen, name, None)
        for name in ("code", "param", "type", "request_id", "status_code", "body")
    }
    headers = {
        name: seen.response.headers.get(name) for name in ("x-request-id", "request-id", "content-type")
    }
    return type(seen), str(seen), seen.message, own, headers, seen.response.content


@pytest.mark.parametrize("way", [Way(api, a, False) for api in APIS for a in (False, True)], ids=str)
def test_errors_come_back_as_the_sdks_own_exceptions_with_the_same_attributes(tape, way):
    replies = [error(status, message=f"status {status}", code="c-1") for status in STATUSES]
    with ModelServer(replies) as server, spantape.record(tape):
        url = server.url
        live = [_error(way, url) for _ in STATUSES]
    assert [seen[3]["status_code"] for seen in live] == list(STATUSES)
    assert live[6][0] is way.api.errors.RateLimitError
    with spantape.replay(tape):
        assert [_error(way, url) for _ in STATUSES] == live


def _outcome(way, url):
    """What a call gives back, or the exception that it ends with."""
    try:
        return way.ask(url)
    except Exception as failure:  # noqa: BLE001 - whatever it is, a replay ends with the same
        return type(failure), str(failure), getattr(failure, "body", None)


@pytest.mark.parametrize("way", [Way(api, a, True) for api in APIS for a in (False, True)], ids=str)
def test_an_error_inside_a_streamed_200_comes_back_where_it_came(tape, way):
    reply = text(["one ", "two ", "three"]).breaking(2, message="the model broke off")
    with ModelServer([reply]) as server, spantape.record(tape):
        url = server.url
        live = _outcome(way, url)
    assert "the model broke off" in str(live)
    with spantape.replay(tape):
        assert _outcome(way, url) == live


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_encoded_answer_is_the_same_through_the_sdk(tape, way, encoding):
    """Where the library under the SDK cannot undo it (zstd wants a package), the SDK fails, and fails alike."""
    reply = text("It rains. " * 40).compressed(encoding)
    with ModelServer([reply]) as server, spantape.record(tape) as session:
        url = server.url
        live = _outcome(way, url)
    undone = encoding in httpx2._decoders.SUPPORTED_DECODERS
    assert isinstance(live, dict | list) == undone
    assert (b'"m-1"' in session.tape.steps[0].response.body) == undone
    with spantape.replay(tape):
        assert _outcome(way, url) == live


# --- retries -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def slept(monkeypatch):
    """The seconds that anything asked to sleep; it is taken at its word."""
    seconds = []
    asleep, real_async = time.sleep, asyncio.sleep

    async def async_sleep(duration, *arguments):
        seconds.append(duration)
        await real_async(0, *arguments)

    monkeypatch.setattr(time, "sleep", lambda duration: seconds.append(duration) or asleep(0))
    monkeypatch.setattr(asyncio, "sleep", async_sleep)
    monkeypatch.setattr(anyio, "sleep", async_sleep)
    return seconds


@pytest.mark.parametrize("retries", ["skip", "replay"])
@pytest.mark.parametrize(
    "headers", [{}, {"retry-after": "1"}, {"retry-after-ms": "300"}], ids=["none", "s", "ms"]
)
@pytest.mark.parametrize(
    "way", [Way(api, a, False) for api in (CHAT, MESSAGES) for a in (False, True)], ids=str
)
def test_a_429_and_then_a_200_replay_both_ways_without_sleeping(tape, way, headers, retries, slept):
    def ask(url):
        settings = {"max_retries": 2}
        if way.asynchronous:

            async def call():
                async with way.api.client(url, asynchronous=True, **settings) as client:
                    return plain(await way.api.call(client))

            return asyncio.run(call())
        with way.api.client(url, **settings) as client:
            return plain(way.api.call(client))

    replies = [error(429, headers=headers), error(503), text("Yes.")]
    with ModelServer(replies) as server, spantape.record(tape) as session:
        url = server.url
        live = ask(url)
    assert [step.status for step in session.tape.steps] == [429, 503, 200]
    assert sum(slept) > 0.05  # it did sleep while it was recorded, or asked to
    slept.clear()
    with spantape.replay(tape, retries=retries) as session:
        assert ask(url) == live
    assert sum(slept) < 0.010
    receipt = session.receipt()
    assert (receipt.answered, receipt.skipped, receipt.unused) == (
        (1, 2, 0) if retries == "skip" else (3, 0, 0)
    )
