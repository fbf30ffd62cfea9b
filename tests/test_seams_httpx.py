from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import io
import subprocess
import sys
import threading

import httpx
import httpx2
import pytest
import wrapt

import spantape
from spantape.testing import Gate, ModelServer, disconnect, raw

LIBRARIES = [httpx2, httpx]
URL = "/v1/chat/completions"


class Client:
    """One way to make a call: a library, sync or async."""

    def __init__(self, library, asynchronous):
        self.library = library
        self.asynchronous = asynchronous

    def request(self, method, url, *, client=None, **settings):
        """The response, read, of one request with a client made from `client` settings."""
        if not self.asynchronous:
            with self.library.Client(**(client or {})) as made:
                return made.request(method, url, **settings)

        async def call():
            async with self.library.AsyncClient(**(client or {})) as made:
                return await made.request(method, url, **settings)

        return asyncio.run(call())

    def stream(self, url, take=None):
        """The chunks of a streamed answer, all or the first `take`, and closed."""
        if not self.asynchronous:
            with self.library.Client() as made, made.stream("POST", url, content=b"{}") as response:
                return _taken(response.iter_raw(), take)

        async def call():
            async with (
                self.library.AsyncClient() as made,
                made.stream("POST", url, content=b"{}") as response,
            ):
                chunks = []
                async for chunk in response.aiter_raw():
                    chunks.append(chunk)
                    if len(chunks) == take:
                        break
                return chunks

        return asyncio.run(call())


def _taken(chunks, take):
    taken = []
    for chunk in chunks:
        taken.append(chunk)
        if len(taken) == take:
            break
    return taken


@pytest.fixture(
    params=[(lib, a) for lib in LIBRARIES for a in (False, True)],
    ids=lambda p: f"{p[0].__name__}-{'async' if p[1] else 'sync'}",
)
def client(request):
    return Client(*request.param)


@pytest.fixture(params=LIBRARIES, ids=lambda library: library.__name__)
def library(request):
    return request.param


@pytest.fixture
def tape(tmp_path):
    return tmp_path / "run.tape"


def serve(*replies):
    left = list(replies)
    return ModelServer(lambda _request: left.pop(0))


def test_a_call_is_recorded_and_replayed_with_the_server_gone(client, tape):
    with serve(
        raw(200, {"content-type": "application/json", "x-request-id": "req_7"}, b'{"a": 1}')
    ) as server:
        url = server.url + URL
        with spantape.record(tape):
            live = client.request("POST", url, json={"model": "m", "messages": []})
    with spantape.replay(tape):
        again = client.request("POST", url, json={"model": "m", "messages": []})
    assert (again.status_code, again.content, again.headers["x-request-id"]) == (200, live.content, "req_7")


def test_a_streamed_answer_comes_back_in_the_same_chunks(client, tape):
    pieces = [b"data: 1\n\n", b"data: 22\n\n", b"data: [DONE]\n\n"]
    with serve(raw(200, {"content-type": "text/event-stream"}, pieces)) as server:
        url = server.url + URL
        with spantape.record(tape):
            live = client.stream(url)
    with spantape.replay(tape):
        assert client.stream(url) == live
    assert b"".join(live) == b"".join(pieces)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_first_chunk_is_not_delayed_by_recording(library, tape):
    gate = Gate()
    reply = raw(200, {"content-type": "text/event-stream"}, [b"data: 1\n\n", b"data: 2\n\n"]).held(
        gate, before=1
    )
    with (
        serve(reply) as server,
        spantape.record(tape),
        library.Client() as made,
        made.stream("POST", server.url + URL, content=b"{}") as response,
    ):
        chunks = response.iter_raw()
        first = next(chunks)  # the server sends the second only when the gate is opened
        gate.open()
        rest = b"".join(chunks)
    assert (first, rest) == (b"data: 1\n\n", b"data: 2\n\n")


def test_a_replayed_stream_that_is_iterated_again_goes_on_where_it_was_left(library, tape):
    pieces = [b"data: 1\n\n", b"data: [DONE]\n\n", b"\n"]

    def read(url):
        with library.Client() as made, made.stream("POST", url, content=b"{}") as response:
            chunks = iter(response.stream)
            return [next(chunks), b"".join(response.stream)]

    async def read_async(url):
        async with library.AsyncClient() as made, made.stream("POST", url, content=b"{}") as response:
            chunks = aiter(response.stream)
            return [await anext(chunks), b"".join([chunk async for chunk in response.stream])]

    with serve(raw(200, {}, pieces), raw(200, {}, pieces)) as server:
        url = server.url + URL
        with spantape.record(tape):
            live = [read(url), asyncio.run(read_async(url))]
    with spantape.replay(tape):
        assert [read(url), asyncio.run(read_async(url))] == live == [[pieces[0], b"".join(pieces[1:])]] * 2


def test_the_span_ends_once_when_the_stream_ends(client, spans):
    with serve(raw(200, {}, [b"one", b"two"])) as server, spantape.instrument(spans.provider):
        client.stream(server.url + URL)
    assert "spantape.end" not in spans.one().attributes


def test_the_span_ends_once_when_the_stream_is_left_early(client, spans):
    gate = Gate()
    with (
        serve(raw(200, {}, [b"one", b"two"]).held(gate, before=1)) as server,
        spantape.instrument(spans.provider),
    ):
        client.stream(server.url + URL, take=1)
        gate.open()
    assert spans.one().attributes["spantape.end"] == "closed"
    assert spans.one().attributes["spantape.response.body"] == "one"


def test_the_span_ends_once_when_the_connection_breaks(client, spans):
    reply = raw(200, {"content-length": "10"}, [b"one", b"two"]).cut(4)
    with (
        serve(reply) as server,
        spantape.instrument(spans.provider),
        pytest.raises(client.library.RemoteProtocolError),
    ):
        client.stream(server.url + URL)
    span = spans.one()
    assert span.attributes["spantape.end"] == "error"
    assert span.attributes["error.type"].endswith("RemoteProtocolError")


@pytest.mark.parametrize("read", [0, 1])
def test_the_span_ends_once_when_a_response_is_dropped(library, spans, read):
    gate = Gate()
    with (
        serve(raw(200, {}, [b"one", b"two"]).held(gate, before=1)) as server,
        spantape.instrument(spans.provider),
    ):
        made = library.Client()
        response = made.send(made.build_request("POST", server.url + URL, content=b"{}"), stream=True)
        if read:
            chunks = iter(response.stream)
            next(chunks)
            del chunks
        del response
        gc.collect()
        ended = [span.attributes["spantape.end"] for span in spans.all()]
        gate.open()
        made.close()
    assert ended == ["abandoned"]
    assert len(spans.all()) == 1


def test_a_broken_stream_breaks_at_the_same_place_on_replay(client, tape):
    with serve(raw(200, {}, [b"one", b"two"]).cut(4)) as server:
        url = server.url + URL
        with spantape.record(tape), pytest.raises(client.library.RemoteProtocolError):
            client.request("POST", url, content=b"{}")
    with spantape.replay(tape), pytest.raises(client.library.RemoteProtocolError):
        client.request("POST", url, content=b"{}")


def test_a_refused_connection_is_the_same_exception_on_replay(client, tape):
    with serve() as server:
        url = server.url + URL
    with spantape.record(tape), pytest.raises(client.library.ConnectError):
        client.request("POST", url, content=b"{}")
    with spantape.replay(tape), pytest.raises(client.library.ConnectError):
        client.request("POST", url, content=b"{}")


def test_a_dropped_connection_is_the_same_exception_on_replay(client, tape):
    with serve(disconnect()) as server:
        url = server.url + URL
        with spantape.record(tape), pytest.raises(client.library.RemoteProtocolError):
            client.request("POST", url, content=b"{}")
    with spantape.replay(tape), pytest.raises(client.library.RemoteProtocolError):
        client.request("POST", url, content=b"{}")


def test_reading_on_where_the_recorded_program_left_is_a_miss(client, tape):
    gate = Gate()
    with serve(raw(200, {}, [b"one", b"two"]).held(gate, before=1)) as server:
        url = server.url + URL
        with spantape.record(tape):
            client.stream(url, take=1)
        gate.open()
    with pytest.raises(spantape.Miss, match="left this response after 1 chunks"), spantape.replay(tape):
        client.stream(url)


def test_leaving_at_the_same_place_replays(client, tape):
    gate = Gate()
    with serve(raw(200, {}, [b"one", b"two"]).held(gate, before=1)) as server:
        url = server.url + URL
        with spantape.record(tape):
            live = client.stream(url, take=1)
        gate.open()
    with spantape.replay(tape):
        assert client.stream(url, take=1) == live


def test_each_redirect_is_a_call_of_its_own(client, tape):
    with serve(raw(307, {"location": "/v1/there"}, b""), raw(200, {}, b"arrived")) as server:
        url = server.url + URL
        with spantape.record(tape) as session:
            client.request("POST", url, content=b"{}", follow_redirects=True)
    assert [step.response.status for step in session.tape.steps] == [307, 200]
    with spantape.replay(tape):
        again = client.request("POST", url, content=b"{}", follow_redirects=True)
    assert (again.content, [past.status_code for past in again.history]) == (b"arrived", [307])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_content_encodings_are_undone_and_the_answer_is_the_same(client, tape, encoding):
    body = b'{"text": "' + b"word " * 200 + b'"}'
    reply = raw(200, {"content-type": "application/json"}, body).compressed(encoding)
    with serve(reply) as server:
        url = server.url + URL
        with spantape.record(tape) as session:
            live = client.request("POST", url, content=b"{}")
    (step,) = session.tape.steps
    assert live.headers["content-encoding"] == encoding
    assert step.response.body == live.content
    if (
        encoding in client.library._decoders.SUPPORTED_DECODERS
    ):  # else the program itself gets the encoded bytes
        assert live.content == body
    with spantape.replay(tape):
        assert client.request("POST", url, content=b"{}").content == live.content


def test_a_body_that_does_not_decode_fails_alike_on_replay(client, tape):
    broken = gzip.compress(b"x" * 100)[:-20]
    with serve(raw(200, {"content-encoding": "gzip"}, b"\x1f\x8bnonsense" + broken)) as server:
        url = server.url + URL
        with spantape.record(tape), pytest.raises(client.library.DecodingError):
            client.request("POST", url, content=b"{}")
    with spantape.replay(tape), pytest.raises(client.library.DecodingError):
        client.request("POST", url, content=b"{}")


def test_binary_bodies_go_both_ways(client, tape):
    sent, received = bytes(range(256)), bytes(reversed(range(256)))
    with serve(raw(200, {"content-type": "audio/pcm"}, received)) as server:
        url = server.url + "/v1/audio"
        with spantape.record(tape) as session:
            client.request("POST", url, content=sent)
    assert session.tape.steps[0].request_body() == sent
    with spantape.replay(tape):
        assert client.request("POST", url, content=sent).content == received


def test_a_multipart_upload_replays_though_its_boundary_is_another(client, tape):
    with serve(raw(200, {}, b"ok")) as server:
        url = server.url + "/v1/files"
        with spantape.record(tape):
            client.request(
                "POST", url, data={"purpose": "x"}, files={"file": ("a.bin", b"\x00\xff", "audio/wav")}
            )
        received = server.requests[0].body
    with spantape.replay(tape) as session:
        again = client.request(
            "POST", url, data={"purpose": "x"}, files={"file": ("a.bin", b"\x00\xff", "audio/wav")}
        )
    assert again.content == b"ok"
    assert session.tape.steps[0].request_body() == received


def test_a_body_from_a_generator_is_recorded_as_it_passes(library, tape):
    def pieces():
        yield b"first,"
        yield b"second"

    with serve(raw(200, {}, b"ok")) as server:
        url = server.url + "/v1/upload"
        with spantape.record(tape) as session, library.Client() as made:
            made.post(url, content=pieces())
    assert session.tape.steps[0].request_body() == b"first,second"
    with spantape.replay(tape), library.Client() as made:
        assert made.post(url, content=pieces()).content == b"ok"


def test_an_async_body_from_a_generator_is_recorded_as_it_passes(library, tape):
    async def pieces():
        yield b"first,"
        yield b"second"

    async def post(url):
        async with library.AsyncClient() as made:
            return await made.post(url, content=pieces())

    with serve(raw(200, {}, b"ok")) as server:
        url = server.url + "/v1/upload"
        with spantape.record(tape) as session:
            asyncio.run(post(url))
    assert session.tape.steps[0].request_body() == b"first,second"
    with spantape.replay(tape):
        assert asyncio.run(post(url)).content == b"ok"


def test_a_transport_of_the_users_own_is_recorded(client, tape):
    transport = client.library.MockTransport(
        lambda _request: client.library.Response(201, json={"mock": True})
    )
    with spantape.record(tape) as session:
        live = client.request(
            "POST", "http://model.test/v1/x", client={"transport": transport}, content=b"{}"
        )
    assert session.tape.steps[0].response.body == live.content
    with spantape.replay(tape):
        again = client.request("POST", "http://model.test/v1/x", content=b"{}")
    assert (again.status_code, again.json()) == (201, {"mock": True})


def test_mounted_transports_are_recorded(library, tape):
    mounts = {
        "all://model.test": library.MockTransport(lambda _request: library.Response(200, text="mounted"))
    }
    with spantape.record(tape) as session, library.Client(mounts=mounts) as made:
        made.post("http://model.test/v1/x")
    assert session.tape.steps[0].response.body == b"mounted"


def test_calls_through_a_proxy_are_recorded(library, tape):
    with (
        serve(raw(200, {}, b"by proxy")) as proxy,
        spantape.record(tape) as session,
        library.Client(proxy=proxy.url) as made,
    ):
        made.post("http://model.test/v1/x", content=b"{}")
    assert (session.tape.steps[0].url, session.tape.steps[0].response.body) == (
        "http://model.test/v1/x",
        b"by proxy",
    )


@pytest.mark.parametrize("name", ["httpx2", "httpx"])
@pytest.mark.parametrize(
    "order", ["import {0}; spantape.instrument(P)", "spantape.instrument(P); import {0}"]
)
def test_it_does_not_matter_whether_the_library_is_imported_before(name, order):
    program = f"""
import spantape
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
P = TracerProvider(); E = InMemorySpanExporter(); P.add_span_processor(SimpleSpanProcessor(E))
{order.format(name)}
transport = {name}.MockTransport(lambda request: {name}.Response(200, json={{}}))
{name}.Client(transport=transport).post("http://x.test/v1/chat/completions", json={{"model": "m", "messages": []}})
print(len(E.get_finished_spans()))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1", done.stderr


def test_installing_twice_records_once(library, spans):
    transport = library.MockTransport(lambda _request: library.Response(200, json={}))
    with spantape.instrument(spans.provider), spantape.instrument(spans.provider):
        library.Client(transport=transport).post("http://x.test" + URL, json={"model": "m", "messages": []})
    assert len(spans.all()) == 1


def _targets(library):
    return [library.Client.__dict__["_transport_for_url"], library.AsyncClient.__dict__["_transport_for_url"]]


def test_removing_leaves_every_target_as_it_was(library, spans):
    before = _targets(library)
    handle = spantape.instrument(spans.provider)
    during = _targets(library)
    handle.remove()
    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert all(one is other for one, other in zip(before, _targets(library), strict=True))


def test_removing_under_another_tools_wrapper_takes_out_just_ours(library, spans):
    original = library.Client.__dict__["_transport_for_url"]
    seen = []

    def other(wrapped, _instance, args, kwargs):
        seen.append(args)
        return wrapped(*args, **kwargs)

    handle = spantape.instrument(spans.provider)
    theirs = wrapt.wrap_function_wrapper(library, "Client._transport_for_url", other)
    handle.remove()
    transport = library.MockTransport(lambda _request: library.Response(200))
    library.Client(transport=transport).get("http://x.test/v1/chat/completions")
    assert (len(seen), spans.all()) == (1, [])
    wrapt.unwrap_object(library, "Client._transport_for_url", theirs)
    assert library.Client.__dict__["_transport_for_url"] is original


def test_removing_under_a_plain_closure_switches_off(library, spans, monkeypatch):
    handle = spantape.instrument(spans.provider)
    ours = library.Client._transport_for_url
    monkeypatch.setattr(library.Client, "_transport_for_url", lambda *args: ours(*args))  # noqa: PLW0108 - another tool's closure
    handle.remove()
    transport = library.MockTransport(lambda _request: library.Response(200, json={}))
    library.Client(transport=transport).post("http://x.test" + URL, json={"model": "m", "messages": []})
    assert spans.all() == []


def test_a_library_of_another_shape_is_an_error_that_names_it(monkeypatch, spans):
    monkeypatch.delattr(httpx2.Client, "_transport_for_url")
    with pytest.raises(spantape.SeamError, match=r"httpx2 2\..* without Client\._transport_for_url"):
        spantape.instrument(spans.provider)


def test_other_hosts_are_left_alone_by_instrument_and_recorded_by_record(library, spans, tape):
    transport = library.MockTransport(lambda _request: library.Response(200, text="news"))
    with spantape.instrument(spans.provider), library.Client(transport=transport) as made:
        made.get("http://news.test/today")
        assert spans.all() == []
        with spantape.record(tape) as session:
            made.get("http://news.test/today")
    assert [step.url for step in session.tape.steps] == ["http://news.test/today"]


def test_instrument_can_be_asked_to_record_everything(library, spans):
    transport = library.MockTransport(lambda _request: library.Response(200, text="news"))
    with spantape.instrument(spans.provider, everything=True), library.Client(transport=transport) as made:
        made.get("http://news.test/today")
    assert spans.one().name == "GET"


def test_calls_that_ask_not_to_be_instrumented_are_not(library, spans):
    from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation

    transport = library.MockTransport(lambda _request: library.Response(200, json={}))
    with spantape.instrument(spans.provider), library.Client(transport=transport) as made:
        for suppress in (suppress_instrumentation, suppress_http_instrumentation):
            with suppress():
                made.post("http://x.test" + URL, json={"model": "m", "messages": []})
    assert spans.all() == []


def test_inside_a_replay_block_no_thread_reaches_the_network(library, tape):
    with serve(raw(200, {}, b"live")) as server:
        with spantape.record(tape):
            pass
        caught = []

        def call():
            with contextlib.suppress(BaseException), library.Client() as made:
                made.post(server.url + URL, content=b"{}")
            caught.append(True)

        thread = threading.Thread(target=call)
        with pytest.raises(spantape.Miss), spantape.replay(tape):  # noqa: PT012 - it is raised as the block is left
            thread.start()
            thread.join()
        assert (caught, server.requests) == ([True], [])


def test_an_empty_answer_comes_back_empty(client, tape):
    with serve(raw(204, {}, b"")) as server:
        url = server.url + "/v1/x"
        with spantape.record(tape):
            client.request("DELETE", url)
    with spantape.replay(tape):
        again = client.request("DELETE", url)
    assert (again.status_code, again.content) == (204, b"")


def test_a_file_that_is_uploaded_is_not_read_before_the_call(library, tape):
    with serve(raw(200, {}, b"ok")) as server:
        with spantape.record(tape) as session, library.Client() as made:
            made.post(server.url + "/v1/files", files={"file": io.BytesIO(b"x" * 100_000)})
        assert session.tape.steps[0].request_body() == server.requests[0].body


def test_a_model_call_that_telemetry_may_not_see_is_still_on_the_tape_and_replays(library, spans, tape):
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    def call(url):
        with suppress_instrumentation(), library.Client() as made:
            return made.post(url, json={"model": "m", "messages": []}).content

    with serve(raw(200, {}, b"{}")) as server, spantape.instrument(spans.provider):
        url = server.url + URL
        with spantape.record(tape):
            live = call(url)
    assert spans.all() == []
    with spantape.replay(tape):
        assert call(url) == live
