"""Keys and addresses never leave the process, wherever they stand, and what is left still replays."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re

import pytest
import zstandard
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spantape
from spantape.testing import ModelServer, OtlpReceiver, attributes_of, text, tool_call
from survive_sdks import APIS, CHAT, KEY, plain

ADDRESS = "grace.hopper@navy.example.com"
FIVE = ["grace.", "hop", "per@na", "vy.example", ".com"]
BODY_KEY = "ghp_0123456789abcdefghijABCDEFGHIJ456789"
QUERY_KEY = "AIzaSyD3x4mpl3K3yTh4tL00ksR34lEn0ugh12"
TOOL_ADDRESS = "ada@lovelace.example.org"
SECRETS = (ADDRESS, KEY, BODY_KEY, QUERY_KEY, TOOL_ADDRESS, "hopper@", "lovelace")


@spantape.tool
def write_to(address: str) -> str:
    """Says that it wrote."""
    return f"wrote to {address}"


def _said(event):
    """The piece of text or of a tool call's arguments that an event of any API brings."""
    if "choices" in event:
        delta = event["choices"][0]["delta"] if event["choices"] else {}
        call = (delta.get("tool_calls") or [{"function": {"arguments": ""}}])[0]
        return (delta.get("content") or "") + (call["function"]["arguments"] or "")
    delta = event.get("delta") or ""
    return delta if isinstance(delta, str) else delta.get("text") or delta.get("partial_json") or ""


@spantape.tool
def relay(pieces):
    """The pieces of a stream, passed on as they come."""
    yield from pieces


@spantape.tool
def relay_whole(pieces) -> list[str]:
    return list(pieces)


@spantape.agent
def sync_agent(api, url):
    """Everything that may hold a secret: headers, query, prompt, answer, pieces of a stream, tool-call arguments."""
    with api.client(url, default_query={"key": QUERY_KEY}, default_headers={"x-api-key": KEY}) as client:
        yield json.dumps(plain(api.call(client, f"I am {ADDRESS}, my token is {BODY_KEY}")))
        for question in ("Who am I?", "Write to somebody."):
            for event in api.call(client, question, stream=True):
                yield _said(plain(event))
        yield json.dumps(plain(api.call(client, f"And again: {ADDRESS} and {TOOL_ADDRESS}")))
    yield f" {write_to(TOOL_ADDRESS)} "
    yield from relay(iter(FIVE))
    yield from [" ", *relay_whole(iter(FIVE))]


@spantape.agent
async def async_agent(api, url):
    settings = {"default_query": {"key": QUERY_KEY}, "default_headers": {"x-api-key": KEY}}
    async with api.client(url, asynchronous=True, **settings) as client:
        yield json.dumps(plain(await api.call(client, f"I am {ADDRESS}, my token is {BODY_KEY}")))
        for question in ("Who am I?", "Write to somebody."):
            async for event in await api.call(client, question, stream=True):
                yield _said(plain(event))
        yield json.dumps(plain(await api.call(client, f"And again: {ADDRESS} and {TOOL_ADDRESS}")))
    yield f" {write_to(TOOL_ADDRESS)} "
    for piece in [*relay(iter(FIVE)), " ", *relay_whole(iter(FIVE))]:
        yield piece


async def _all(items):
    return [item async for item in items]


def run(api, url, asynchronous):
    """What the program sees, piece by piece."""
    return asyncio.run(_all(async_agent(api, url))) if asynchronous else list(sync_agent(api, url))


def replies():
    return [
        text(f"You are {ADDRESS}."),
        text(["You are ", *FIVE, ", I believe."]),
        tool_call("write_to", {"address": ADDRESS, "also": BODY_KEY}),
        text(f"Both {TOOL_ADDRESS} and {ADDRESS}."),
    ]


def _texts(value):
    """Every text and byte string in a value, those that are packed unpacked too."""
    if isinstance(value, str):
        yield value.encode("utf-8", "surrogatepass")
        yield from _unbased(value)
    elif isinstance(value, bytes):
        yield value
        if value[:4] == b"\x28\xb5\x2f\xfd":
            yield zstandard.ZstdDecompressor().decompressobj().decompress(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (*_texts(name), *_texts(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _unbased(value):
    if len(value) > 15 and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
        try:
            plain_bytes = base64.b64decode(value, validate=True)
        except ValueError:
            return
        yield from _texts(plain_bytes)


def _joined_pieces(data):
    """The texts of a stream's events, joined by the field that carries them: what a reader of the stream reads."""
    fields: dict[bytes, list[str]] = {}
    name = b""
    for text_of, colon in re.findall(rb'"((?:[^"\\]|\\.)*)"(\s*:)?', data):
        if colon:
            name = text_of
            continue
        with contextlib.suppress(ValueError):  # no JSON string after all
            fields.setdefault(name, []).append(json.loads(b'"' + text_of + b'"', strict=False))
    return ["".join(values) for values in fields.values()]


def leaks(values):
    """The secrets that stand in any of the values, also escaped, also in pieces."""
    found = set()
    for value in values:
        for data in _texts(value):
            forms = [data, *(joined.encode("utf-8", "surrogatepass") for joined in _joined_pieces(data))]
            found |= {secret for secret in SECRETS for form in forms if secret.encode() in form}
    return found


def lines_of(file_bytes):
    """The JSON lines of a tape or a journal: all its frames, unpacked."""
    reader = zstandard.ZstdDecompressor(max_window_size=1 << 31).stream_reader(
        file_bytes, read_across_frames=True
    )
    data = reader.read()
    return [json.loads(line) for line in data.splitlines() if line]


def payloads(tape):
    for step in tape.steps:
        yield vars(step) if hasattr(step, "__dict__") else repr(step)
        if step.kind == "exchange":
            yield from (step.request_body(), step.response.body, step.url, repr(step.request_headers))
            yield repr(step.response.headers)
        else:
            yield repr((step.arguments, step.result, step.error))


def test_the_search_finds_what_it_is_to_find():
    packed = zstandard.compress(f"at {ADDRESS}".encode())
    assert leaks([{"a": [packed]}]) >= {ADDRESS}
    assert leaks([base64.b64encode(packed).decode()]) >= {ADDRESS}
    stream = b"".join(b'data: {"delta": {"content": %s}}\n\n' % json.dumps(piece).encode() for piece in FIVE)
    assert leaks([stream]) >= {ADDRESS}
    assert leaks([json.dumps(json.dumps({"key": KEY}))]) == {KEY}
    assert leaks([json.dumps(FIVE)]) >= {ADDRESS}
    assert leaks(["nothing"]) == set()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_no_secret_is_on_spans_in_otlp_or_on_tapes_and_they_replay(tmp_path, api, asynchronous):
    path, provider, memory = (
        tmp_path / "run.tape",
        TracerProvider(shutdown_on_exit=False),
        InMemorySpanExporter(),
    )
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with OtlpReceiver() as receiver, ModelServer(replies()) as server:
        url = server.url
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=receiver.endpoint)))
        with spantape.instrument(provider), spantape.record(path) as session:
            live = run(api, url, asynchronous)
            journal = path.with_name("run.tape.journal").read_bytes()
        provider.shutdown()
        asked = [(request.path, request.body, dict(request.headers)) for request in server.requests]
        received = [attributes_of(span) | {"name": span.name} for span in receiver.spans()]
        sent = [bytes(request.body) for request in receiver.requests]
    assert leaks(asked) >= {ADDRESS, KEY, BODY_KEY, QUERY_KEY}  # the server did get them
    assert leaks([json.dumps(live)]) >= {ADDRESS, BODY_KEY, TOOL_ADDRESS}  # and the program

    spans = memory.get_finished_spans()
    assert len(spans) == len(received) == 8
    events = [dict(event.attributes) for span in spans for event in span.events]
    assert leaks([dict(span.attributes) for span in spans] + events + [span.name for span in spans]) == set()
    assert leaks([repr(span.status.description) for span in spans]) == set()
    assert leaks(received) == set()
    assert leaks(sent) == set()
    assert leaks(lines_of(journal)) == set()
    assert leaks(lines_of(path.read_bytes())) == set()
    assert leaks([journal, path.read_bytes()]) == set()
    assert leaks(payloads(session.tape)) == set()
    assert leaks(payloads(spantape.read_tape(path))) == set()

    with spantape.replay(path) as replayed:
        again = run(api, url, asynchronous)
    assert replayed.receipt().unused == 0
    assert _blanked(again) == _blanked(live)


def _blanked(seen):
    """What the program saw as one text, secrets and the placeholders that came for them made equal."""
    joined = "".join(seen)
    for secret in SECRETS[:5]:
        joined = joined.replace(secret, "#")
    return re.sub(r"__[a-z_]+_[0-9]+__", "#", joined)


def test_a_secret_in_an_exception_is_on_no_tape(tmp_path):
    path = tmp_path / "run.tape"

    @spantape.tool
    def fail() -> str:
        raise ValueError(f"no mailbox {ADDRESS} for {BODY_KEY}")

    provider, memory = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    with spantape.instrument(provider), spantape.record(path), pytest.raises(ValueError, match=ADDRESS):
        fail()
    (span,) = memory.get_finished_spans()
    assert (
        leaks([dict(span.attributes), span.status.description, [dict(e.attributes) for e in span.events]])
        == set()
    )
    assert leaks(lines_of(path.read_bytes())) == set()


def test_a_secret_in_an_exception_that_leaves_an_agent_or_the_block_is_on_no_tape(tmp_path):
    path = tmp_path / "run.tape"

    @spantape.agent
    def failing():
        raise LookupError(f"no mailbox {ADDRESS}")

    with pytest.raises(LookupError, match=ADDRESS), spantape.record(path):
        failing()
    assert leaks(lines_of(path.read_bytes())) == set()


def test_a_secret_in_a_name_that_the_user_gives_is_his_own(tmp_path):
    """Names of tapes, tools and agents are the program's code, and stay."""
    with spantape.record(tmp_path / "run.tape", name="for the team") as session:
        pass
    assert session.tape.name == "for the team"


def test_a_replay_that_is_recorded_holds_no_secret_either(tmp_path):
    path, copy = tmp_path / "run.tape", tmp_path / "copy.tape"
    with ModelServer(replies()) as server, spantape.record(path):
        url = server.url
        run(CHAT, url, False)
    with spantape.replay(path, record_to=copy):
        run(CHAT, url, False)
    assert leaks(lines_of(copy.read_bytes())) == set()
    assert spantape.read_tape(copy).fingerprint == spantape.read_tape(path).fingerprint
