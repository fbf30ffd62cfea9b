"""Streams that do not end well: cut, left, never read, dropped, interrupted."""

from __future__ import annotations

import asyncio
import gc

import pytest

import spantape
from spantape._seams.crossing import settle
from spantape.testing import Gate, ModelServer, raw, text
from survive_sdks import APIS, CHAT, MESSAGES, WAYS, Way, ask, plain

WORDS = ["one ", "two ", "three ", "four ", "five"]
STREAMS = [way for way in WAYS if way.stream]
SYNC_STREAMS = [way for way in STREAMS if not way.asynchronous]


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


def _outcome(way, url):
    """The events that come, then how the stream ended."""
    seen = []

    def failed(error):
        seen.append((type(error), str(error)))
        return seen

    async def read():
        try:
            async with way.api.client(url, asynchronous=True) as client:
                async for event in await way.api.call(client, stream=True):
                    seen.append(plain(event))  # noqa: PERF401 - those before the failure count
        except Exception as error:  # noqa: BLE001 - whatever it is, a replay ends with the same
            failed(error)
        return seen

    if way.asynchronous:
        return asyncio.run(read())
    try:
        with way.api.client(url) as client:
            for event in way.api.call(client, stream=True):
                seen.append(plain(event))  # noqa: PERF401 - likewise
    except Exception as error:  # noqa: BLE001 - likewise
        return failed(error)
    return seen


@pytest.mark.parametrize("after", [1, 150, 400, 700])
@pytest.mark.parametrize("way", STREAMS, ids=str)
def test_a_stream_cut_mid_event_is_cut_there_again(tape, way, after):
    with ModelServer([text(WORDS).cut(after)]) as server, spantape.record(tape) as session:
        url = server.url
        live = _outcome(way, url)
    assert live[-1][0].__name__ in {"RemoteProtocolError", "APIConnectionError"}
    assert session.tape.steps[0].end == "error"
    assert len(session.tape.steps[0].response.body) <= after
    with spantape.replay(tape):
        assert _outcome(way, url) == live


def _left(way, url, count):
    """The first `count` events, then the stream is closed."""

    async def take():
        async with (
            way.api.client(url, asynchronous=True) as client,
            await way.api.call(client, stream=True) as stream,
        ):
            events = aiter(stream)
            return [plain(await anext(events)) for _ in range(count)]

    if way.asynchronous:
        return asyncio.run(take())
    with way.api.client(url) as client, way.api.call(client, stream=True) as stream:
        events = iter(stream)
        return [plain(next(events)) for _ in range(count)]


@pytest.fixture
def gated():
    """A reply that stops before its end until the test is over, so that what was left is never sent."""
    gate = Gate()
    yield text(WORDS).held(gate, before=5)
    gate.open()


@pytest.mark.parametrize("count", [0, 3], ids=["never-read", "after-3"])
@pytest.mark.parametrize("way", STREAMS, ids=str)
def test_a_stream_that_is_left_replays_where_it_is_left_again(tape, way, count, gated):
    with ModelServer([gated]) as server, spantape.record(tape) as session:
        url = server.url
        live = _left(way, url, count)
    assert session.tape.steps[0].end == "closed"
    with spantape.replay(tape):
        assert _left(way, url, count) == live


@pytest.mark.parametrize("count", [0, 3], ids=["never-read", "after-3"])
@pytest.mark.parametrize("way", STREAMS, ids=str)
def test_reading_on_where_a_stream_was_left_is_a_miss(tape, way, count, gated):
    with ModelServer([gated]) as server, spantape.record(tape):
        url = server.url
        _left(way, url, count)
    with (
        pytest.raises(spantape.Miss, match="the program reads on, but the recorded one left this"),
        spantape.replay(tape),
    ):
        way.ask(url)


@pytest.mark.parametrize("count", [0, 3], ids=["never-read", "after-3"])
@pytest.mark.parametrize("way", SYNC_STREAMS, ids=str)
def test_a_stream_that_is_dropped_is_one_step_and_replays(tape, way, count, gated):
    def dropped(url):
        client = way.api.client(url)
        stream = way.api.call(client, stream=True)
        events = iter(stream)
        seen = [plain(next(events)) for _ in range(count)]
        del stream, events
        gc.collect()
        return seen

    with ModelServer([gated]) as server, spantape.record(tape) as session:
        url = server.url
        live = dropped(url)
        settle()
    (step,) = session.tape.steps
    assert step.end in {"abandoned", "closed"}
    with spantape.replay(tape):
        assert dropped(url) == live
    gc.collect()


@pytest.mark.parametrize("way", SYNC_STREAMS, ids=str)
def test_a_stream_that_is_still_open_when_the_block_is_left_is_on_the_tape(tape, way, gated):
    with ModelServer([gated]) as server, way.api.client(server.url) as client:
        with spantape.record(tape) as session:
            stream = way.api.call(client, stream=True)
            events = iter(stream)
            first = plain(next(events))
        (step,) = session.tape.steps
        assert step.end == "abandoned"
        url = server.url
        stream.close()
    with spantape.replay(tape):
        assert _left(way, url, 1) == [first]


class Stop(BaseException):
    """As KeyboardInterrupt, which pytest wants for itself."""


@pytest.mark.parametrize("kind", [Stop, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("way", SYNC_STREAMS, ids=str)
def test_an_interrupt_in_the_middle_of_a_stream_leaves_a_whole_tape(tape, way, kind, gated):
    def program(url, block):
        with block, way.api.client(url) as client, way.api.call(client, stream=True) as stream:
            for count, event in enumerate(stream):
                seen.append(plain(event))
                if count == 2:
                    raise kind

    seen = []
    with ModelServer([gated]) as server:
        url = server.url
        with pytest.raises(kind):
            program(url, spantape.record(tape))
    live, seen = seen, []
    recorded = spantape.read_tape(tape)
    assert [step.end for step in recorded.steps] == ["closed"]
    with pytest.raises(kind):
        program(url, spantape.replay(tape))
    assert seen == live


@pytest.mark.parametrize("way", [way for way in STREAMS if way.asynchronous], ids=str)
def test_a_task_that_is_cancelled_in_the_middle_of_a_stream_leaves_a_whole_tape(tape, way, gated):
    async def program(url):
        seen, enough = [], asyncio.Event()

        async def read():
            async with (
                way.api.client(url, asynchronous=True) as client,
                await way.api.call(client, stream=True) as stream,
            ):
                async for event in stream:
                    seen.append(plain(event))
                    if len(seen) == 2:
                        enough.set()
                        await asyncio.Event().wait()

        task = asyncio.create_task(read())
        await enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    with ModelServer([gated]) as server, spantape.record(tape) as session:
        url = server.url
        live = asyncio.run(program(url))
    assert [step.end for step in session.tape.steps] == ["closed"]
    with spantape.replay(tape):
        assert asyncio.run(program(url)) == live


@pytest.mark.parametrize("way", [way for way in WAYS if way.asynchronous], ids=str)
def test_a_task_that_is_cancelled_before_the_answer_comes_leaves_a_whole_tape(tape, way):
    gate = Gate()

    async def program(url, *, reached):
        task = asyncio.create_task(_ask(url))
        await asyncio.to_thread(reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def _ask(url):
        async with way.api.client(url, asynchronous=True) as client:
            answer = await way.api.call(client, stream=way.stream)
            if way.stream:
                async for _event in answer:
                    pass

    reply = raw(200, {"content-type": "application/json"}, b"{}").held(gate, before=0)
    with ModelServer([reply, text("later")]) as server, spantape.record(tape) as session:
        asyncio.run(program(server.url, reached=lambda: gate.reached.wait(5)))
        gate.open()
        way.ask(server, "and then?")
    assert [step.end for step in session.tape.steps] == ["closed", "complete"] or session.tape.steps[
        1
    ].end == "closed"
    assert session.tape.steps[0].end == "closed"


@pytest.mark.parametrize("api", [CHAT, MESSAGES], ids=lambda api: api.name)
def test_the_sdks_own_stream_helpers_replay(tape, api):
    def run(url):
        with api.client(url) as client:
            if api is CHAT:
                with client.chat.completions.stream(
                    model="m", messages=[{"role": "user", "content": "Hi"}]
                ) as stream:
                    return [event.type for event in stream], plain(stream.get_final_completion())
            with client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            ) as stream:
                return list(stream.text_stream), plain(stream.get_final_message())

    with ModelServer([text(WORDS)]) as server, spantape.record(tape):
        url = server.url
        live = run(url)
    with spantape.replay(tape):
        assert run(url) == live


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_raw_and_streaming_responses_replay(tape, api):
    def run(url):
        with api.client(url) as client:
            owner = client
            for part in api.method.split(".")[:-1]:
                owner = getattr(owner, part)
            whole = owner.with_raw_response.create(**api.arguments("Hi"))
            with owner.with_streaming_response.create(**api.arguments("Ho")) as response:
                pieces = b"".join(response.iter_bytes())
            return whole.headers.get("content-type"), plain(whole.parse()), pieces

    with ModelServer() as server, spantape.record(tape):
        url = server.url
        live = run(url)
    with spantape.replay(tape):
        assert run(url) == live


def test_the_server_was_asked_what_the_tape_says(tape):
    with ModelServer() as server, spantape.record(tape) as session:
        for way in (Way(api, a, s) for api in APIS for a in (False, True) for s in (False, True)):
            way.ask(server, str(way))
        ask(CHAT, server)
        received = [request.body for request in server.requests]
    assert [step.request_body() for step in session.tape.steps] == received
