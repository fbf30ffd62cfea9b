"""Every model call of the corpus, served to the real SDKs, recorded, and replayed with the server gone."""

from __future__ import annotations

from collections import Counter, defaultdict
from urllib.parse import urlsplit

import httpx2
import pytest

import spantape
from corpus_exchanges import CORPUS, SECRET, as_recorded, at_events, exchanges, files, in_pieces, planted
from corpus_meaning import SPAN_OPERATIONS, asked_model, provider, wire_meaning
from corpus_sdks import KEY, WAYS, ask_all, refusal
from corpus_summary import COUNTS
from spantape._dialects import recognise
from spantape._spans import names
from spantape._spans.codec import read_exchange
from spantape._spans.kept import is_kept
from spantape._spans.redaction import Redactor
from spantape.testing import ExchangeServer

DIALECTS = {
    "chat": "openai.chat",
    "completions": "openai.completions",
    "embeddings": "openai.embeddings",
    "responses": "openai.responses",
    "messages": "anthropic.messages",
}

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside the project"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the recordings name models that are retired
]


def calls(path):
    """The exchanges of a file that an SDK asks for."""
    return [one for one in exchanges(path) if one.operation is not None]


FILES = [path for path in files() if calls(path)]
EACH_FILE = pytest.mark.parametrize("path", FILES, ids=[f"{p.parent.name}/{p.stem}" for p in FILES])
EACH_WAY = pytest.mark.parametrize("way", WAYS, ids=str)


def test_the_dialects_see_the_calls_that_path_and_body_tell():
    for path in files():
        for one in exchanges(path):
            dialect = recognise(one.method, one.host, one.target, one.request)
            expected = DIALECTS[one.operation.partition(".")[0]] if one.operation else None
            assert (dialect.name if dialect else None) == expected, (path.name, one.index)


@EACH_FILE
@EACH_WAY
def test_what_the_sdk_parses_is_the_same_with_the_server_gone(path, way, tmp_path, count):
    asked = [one for one in calls(path) if refusal(one, way) is None]
    tape = tmp_path / "run.tape"
    with ExchangeServer([one.exchange(way.cut) for one in asked], match="order") as server:
        origin = server.url
        with spantape.record(tape, redact=False) as session:
            live = ask_all(way, asked, origin)
    with spantape.replay(tape, redact=False):
        again = ask_all(way, asked, origin)
    assert len(server.requests) == len(asked) == len(session.tape.steps)
    for one, sent, step, was, is_ in zip(
        asked, server.requests, session.tape.steps, live, again, strict=True
    ):
        assert step.request_body() == sent.body
        if way.level == "bytes":
            assert (sent.method, sent.path, sent.body) == (one.method, one.target, one.request)
        assert_same(one, step, was, is_)
        count.ran(way, one, was)
    count.counts["files"] += way == WAYS[0]
    left = [one for one in calls(path) if one not in asked]
    for one in left:
        count.refused(way, one, refusal(one, way))
    assert len(asked) + len(left) == len(calls(path))


def assert_same(recorded, step, live, again):
    """The same objects, events, exceptions, heads and bytes, and those that the server sent."""
    assert repr(again.values()) == repr(live.values())
    (wire,), (other,) = live.wires, again.wires
    assert (other.status, other.chunks) == (wire.status, wire.chunks)
    assert sorted(other.headers) == sorted(kept_headers(wire) - FRAMING)
    assert wire.status == recorded.status
    got = b"".join(wire.chunks)
    assert step.response.body == got
    assert recorded.response.startswith(got)
    assert b"data:" not in recorded.response[len(got) :] or live.error is not None


FRAMING = {("transfer-encoding", "chunked")}  # describes the bytes on the wire, not those that are replayed


def kept_headers(wire):
    """The headers that are recorded: those of the allow-list, as they came."""
    return {pair for pair in wire.headers if is_kept(pair[0], response=True)}


# --- with redaction on -------------------------------------------------------------------------------------------


WITH_SECRETS = [
    (path, secrets)
    for secrets in (as_recorded, planted, in_pieces)
    for path in FILES
    if secrets is not in_pieces or any(one.is_stream for one in calls(path))
]


@pytest.mark.parametrize("way", [WAYS[0], WAYS[3]], ids=str)
@pytest.mark.parametrize(
    ("path", "secrets"), WITH_SECRETS, ids=[f"{s.__name__}-{p.parent.name}/{p.stem}" for p, s in WITH_SECRETS]
)
def test_with_redaction_all_is_the_same_but_for_what_was_replaced(path, way, secrets, tmp_path, count):
    asked = [secrets(one) for one in calls(path) if refusal(one, way) is None]
    tape = tmp_path / "run.tape"
    with ExchangeServer([one.exchange(way.cut) for one in asked], match="order") as server:
        origin = server.url
        with spantape.record(tape) as session:
            live = ask_all(way, asked, origin)
    with spantape.replay(tape):
        again = ask_all(way, asked, origin)
    expected = Replaced(server.requests, origin, live)
    steps = session.tape.steps
    assert [step.request_body() for step in steps] == [request for request, _ in expected.bodies]
    assert [step.response.body for step in steps] == [response for _, response in expected.bodies]
    for was, is_ in zip(live, again, strict=True):
        assert_same_but_for(expected.secrets, was, is_)
    assert_absent(session.tape, [*expected.secrets, KEY.encode()])
    count.replaced(secrets, expected.secrets)
    if secrets is planted and any(SECRET.encode() in request.body for request in server.requests):
        assert SECRET.encode() in expected.secrets


class Replaced:
    """What a redactor of its own makes of the same traffic: the bodies, and the secrets with their placeholders."""

    def __init__(self, requests, origin, live):
        redactor = Redactor()
        self.bodies = []
        for request, outcome in zip(requests, live, strict=True):
            (wire,) = outcome.wires
            redactor.learn(request.headers)
            clean = redactor.body(request.body)
            redactor.url(origin + request.path)
            content_type = dict(wire.headers).get("content-type", "")
            lengths = tuple(map(len, wire.chunks))
            answer, _ = redactor.stream(b"".join(wire.chunks), lengths, content_type)
            self.bodies.append((clean, answer))
            redactor.headers(tuple(wire.headers), response=True)
            redactor.headers(request.headers, response=False)
        self.secrets = dict(redactor._placeholders)


def assert_same_but_for(secrets, live, again):
    (wire,), (other,) = live.wires, again.wires
    assert other.status == wire.status
    assert len(other.chunks) <= len(wire.chunks)
    if not secrets:
        assert repr(again.values()) == repr(live.values())
        assert other.chunks == wire.chunks
        assert sorted(other.headers) == sorted(kept_headers(wire) - FRAMING)
        return
    if live.error is not None and live.parsed:
        return  # the SDK left before the pieces that complete a secret
    assert joined(again.values()) == {
        place: with_placeholders(value, secrets) for place, value in joined(live.values()).items()
    }


def joined(values):
    """The strings of all events, joined for each part of the answer and place in an event; all else in order."""
    parsed, error = values
    found = defaultdict(list)
    for event in [*parsed, ("error", error)]:
        all_ = list(leaves(event))
        parts = tuple(
            (place, leaf)
            for place, leaf in all_
            if place == EVENT_TYPE or (place and place[-1] in WHICH_PART)
        )
        for place, leaf in all_:
            found[parts, place, isinstance(leaf, str)].append(leaf)
    return {key: "".join(all_) if key[-1] else repr(all_) for key, all_ in found.items()}


EVENT_TYPE = (2, "type")  # an event is its type, its request id and its content
WHICH_PART = {"index", "item_id", "output_index", "content_index", "summary_index"}


def leaves(value, place=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*place, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from leaves(item, (*place, number))
    else:
        yield place, value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def with_placeholders(text, secrets):
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret.decode(), secrets[secret].decode())
    return text


def assert_absent(tape, secrets):
    """None of the secrets stands anywhere on the tape, in bodies whole or coded."""
    texts = [repr(dict(span.attributes)).encode() for span in tape.spans]
    for step in tape.steps:
        texts += [step.request_body(), step.response.body]
    for secret in secrets:
        assert not any(secret in text for text in texts)


# --- as spans ----------------------------------------------------------------------------------------------------


class ToLoopback(httpx2.HTTPTransport):
    """A transport that reaches every host at one loopback port."""

    def __init__(self, port):
        super().__init__()
        self._to = {"scheme": "http", "host": "127.0.0.1", "port": port}

    def handle_request(self, request):
        return super().handle_request(_moved(request, self._to))


class AsyncToLoopback(httpx2.AsyncHTTPTransport):
    """A transport that reaches every host at one loopback port."""

    def __init__(self, port):
        super().__init__()
        self._to = {"scheme": "http", "host": "127.0.0.1", "port": port}

    async def handle_async_request(self, request):
        return await super().handle_async_request(_moved(request, self._to))


def _moved(request, to):
    return httpx2.Request(
        request.method,
        request.url.copy_with(**to),
        headers=request.headers,
        stream=request.stream,
        extensions=request.extensions,
    )


@EACH_FILE
@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_each_call_is_a_span_that_says_what_the_bodies_say_and_gives_them_back(path, way, spans):
    asked = calls(path)
    with ExchangeServer([one.exchange(way.cut) for one in asked], match="order") as server:
        transport = (AsyncToLoopback if way.asynchronous else ToLoopback)(urlsplit(server.url).port)
        with spantape.instrument(spans.provider, redact=False):
            live = ask_all(way, asked, None, transport=transport)
    bases = {}
    for one, sent, was, span in zip(asked, server.requests, live, spans.all(), strict=True):
        attributes = span.attributes
        exchange = read_exchange(attributes, bases.get(attributes.get(names.BASE_DIGEST)))
        bases[attributes[names.REQUEST_DIGEST]] = exchange.request.body
        assert_gives_back(one, sent, was, exchange)
        assert_says(one, was, attributes)


def assert_gives_back(recorded, sent, live, exchange):
    (wire,) = live.wires
    url = httpx2.URL(recorded.url).copy_with(
        fragment=None
    )  # no client sends a fragment, or its scheme's own port
    assert (exchange.request.method, exchange.request.url) == (recorded.method, str(url))
    assert exchange.request.body == sent.body == recorded.request
    assert exchange.response.status == recorded.status
    assert exchange.response.body == b"".join(wire.chunks)
    chunks = tuple(map(len, wire.chunks)) if len(wire.chunks) > 1 else ()
    assert exchange.response.chunks == chunks
    assert len(exchange.response.chunk_times_ns) == len(chunks)
    assert set(exchange.response.headers) == kept_headers(wire)
    assert exchange.error is None


def assert_says(recorded, live, attributes):
    operation = SPAN_OPERATIONS[recorded.operation]
    assert names.CUT not in attributes
    assert attributes[names.DIALECT] == DIALECTS[recorded.operation.partition(".")[0]]
    assert attributes.get(names.OPERATION) == operation
    if operation is None:
        assert names.PROVIDER not in attributes
        return
    assert attributes[names.PROVIDER] == provider(recorded)
    assert attributes.get(names.REQUEST_MODEL) == asked_model(recorded)
    said = wire_meaning(recorded.operation, b"".join(live.wires[0].chunks), recorded.status)
    for name in ("input_tokens", "output_tokens"):
        assert attributes.get(f"gen_ai.usage.{name}") == said[name]
    reasons = attributes.get("gen_ai.response.finish_reasons")
    assert (reasons is not None) == said["finishes"], (reasons, said)
    assert (names.ERROR_TYPE in attributes) == (recorded.status >= 400 or said["error"])


# --- the receipt -------------------------------------------------------------------------------------------------


class Count:
    """What was run, for the summary: it travels as a property of the test's report, so that workers hand it on."""

    def __init__(self):
        self.counts = Counter()

    def ran(self, way, recorded, outcome):
        self.counts[f"calls, {way}"] += 1
        if way != WAYS[0]:
            return
        self.counts[f"exchanges, {recorded.operation}"] += 1
        self.counts["of these streamed"] += recorded.is_stream
        self.counts["of these HTTP errors"] += recorded.status >= 400
        if outcome.error is not None and recorded.status < 400:
            cause = f"{type(outcome.error).__qualname__}, {_answered(recorded)}"
            self.counts[f"the SDK raises on a 200, live and in replay: {cause}"] += 1
        elif any(isinstance(one, str) for one in outcome.parsed):
            self.counts[f"the SDK gives text, live and in replay: {_answered(recorded)}"] += 1

    def refused(self, way, recorded, reason):
        self.counts[f"not asked, {way}: {reason}, {recorded.operation}"] += 1

    def replaced(self, secrets, found):
        for placeholder in found.values():
            kind = placeholder.decode().strip("_").rpartition("_")[0]
            self.counts[f"secrets replaced, {secrets.__name__}: {kind}"] += 1


def _answered(recorded):
    if not recorded.response:
        return "empty body"
    return "an error in the stream" if at_events(recorded.response) else "another body than the API's"


@pytest.fixture
def count(record_property):
    made = Count()
    yield made
    record_property(COUNTS, dict(made.counts))
