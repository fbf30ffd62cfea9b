"""The real SDKs, asking again what the corpus holds: every way to ask, and what comes back, as values."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import anthropic
import httpx2
import openai
import pydantic
from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from anthropic.types.beta import BetaMessage, BetaMessageTokensCount, BetaRawMessageStreamEvent
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import CompactedResponse, Response, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse

from corpus_exchanges import anywhere, at_events

KEY = "corpus-key-0f1e2d3c4b5a6978"
_TLS = ssl.create_default_context()


class Way(NamedTuple):
    """How the SDK is asked: with the recorded `bytes` or through its own `method`, and how the answer comes."""

    level: str
    asynchronous: bool
    cut: Any

    def __str__(self):
        return f"{self.level}-{'async' if self.asynchronous else 'sync'}-{self.cut.__name__}"


WAYS = (
    Way("bytes", False, at_events),
    Way("bytes", True, anywhere),
    Way("method", False, anywhere),
    Way("method", True, at_events),
)


class Kind(NamedTuple):
    """How the SDK speaks an operation: the end of its path, its method ("" for none), and its types."""

    end: str
    method: str
    whole: Any
    piece: Any = None


KINDS = {
    "chat": Kind("/chat/completions", "chat.completions.create", ChatCompletion, ChatCompletionChunk),
    "chat.prompt": Kind("", "", ChatCompletion, ChatCompletionChunk),
    "chat.writer": Kind("", "", ChatCompletion, ChatCompletionChunk),
    "completions": Kind("/completions", "completions.create", Completion, Completion),
    "embeddings": Kind("/embeddings", "embeddings.create", CreateEmbeddingResponse),
    "responses": Kind("/responses", "responses.create", Response, ResponseStreamEvent),
    "responses.compact": Kind("/responses/compact", "responses.compact", CompactedResponse),
    "responses.input_tokens": Kind(
        "/responses/input_tokens", "responses.input_tokens.count", InputTokenCountResponse
    ),
    "responses.retrieve": Kind("", "responses.retrieve", Response, ResponseStreamEvent),
    "messages": Kind("/v1/messages", "messages.create", Message, RawMessageStreamEvent),
    "messages.count_tokens": Kind("/v1/messages/count_tokens", "messages.count_tokens", MessageTokensCount),
    "beta.messages": Kind("/v1/messages", "beta.messages.create", BetaMessage, BetaRawMessageStreamEvent),
    "beta.messages.count_tokens": Kind(
        "/v1/messages/count_tokens", "beta.messages.count_tokens", BetaMessageTokensCount
    ),
}


def kind_of(recorded):
    """How the SDK speaks the exchange's operation."""
    beta = recorded.operation.startswith("messages") and "beta=true" in recorded.query
    return KINDS[f"beta.{recorded.operation}" if beta else recorded.operation]


# --- what cannot be asked ----------------------------------------------------------------------------------------


def refusal(recorded, way):
    """Why this exchange cannot be asked for in this way, by class of cause; None where it can."""
    if way.level == "bytes":
        return None
    kind = kind_of(recorded)
    if not kind.method:
        return "the SDK has no method for this endpoint"
    if recorded.request_missing:
        return "the recording lacks the request"
    if recorded.method == "POST" and not recorded.body:
        return "the recorded request is not JSON"
    _, required = arguments(kind.method)
    if recorded.method == "POST" and required - recorded.body.keys():
        return "the SDK's method demands an argument that the recorded request lacks"
    return None


@lru_cache(maxsize=32)
def arguments(method):
    """The body's keys that the method takes as keyword arguments, and those that it demands."""
    client = anthropic.Anthropic if "messages" in method else openai.OpenAI
    with httpx2.Client(verify=_TLS) as http:
        function = attrgetter(method)(client(api_key=KEY, http_client=http))
    parameters = inspect.signature(function).parameters.values()
    known = {one.name for one in parameters if not one.name.startswith("extra_")} - _TRANSPORT
    return known, {one.name for one in parameters if one.default is one.empty} & known


_TRANSPORT = {"timeout", "betas", "user_profile_id"}  # what the SDK sends outside of the body, or not at all


# --- what comes back ---------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """One answer on the SDK's side of the seam."""

    status: int
    headers: list[tuple[str, str]]
    chunks: list[bytes] = field(default_factory=list)


@dataclass
class Outcome:
    """What the SDK made of one call: an object, or the events of a stream, and the exception if one came."""

    parsed: list[Any] = field(default_factory=list)
    error: BaseException | None = None
    wires: list[Wire] = field(default_factory=list)

    def values(self):
        """All of it as plain values."""
        return [plain(one) for one in self.parsed], plain_error(self.error)


def plain(parsed):
    """The type, the request id and the content of a parsed object; what is no model is itself."""
    if isinstance(parsed, pydantic.BaseModel):
        content = parsed.model_dump(mode="python", warnings=False)
        return type(parsed).__qualname__, getattr(parsed, "_request_id", None), content
    return parsed


def plain_error(error):
    """What a program can see of an exception of the SDK, or of any other."""
    if error is None:
        return None
    told = {
        name: getattr(error, name)
        for name in ("message", "status_code", "request_id", "body", "code", "param", "type")
        if hasattr(error, name)
    }
    if (response := getattr(error, "response", None)) is not None:
        told["content"] = response.content
    return type(error).__qualname__, str(error), told


class _Tee(httpx2.SyncByteStream):
    def __init__(self, stream, chunks):
        self._stream, self._chunks = stream, chunks

    def __iter__(self):
        for chunk in self._stream:
            self._chunks.append(chunk)
            yield chunk

    def close(self):
        self._stream.close()


class _AsyncTee(httpx2.AsyncByteStream):
    def __init__(self, stream, chunks):
        self._stream, self._chunks = stream, chunks

    async def __aiter__(self):
        async for chunk in self._stream:
            self._chunks.append(chunk)
            yield chunk

    async def aclose(self):
        await self._stream.aclose()


# --- asking ------------------------------------------------------------------------------------------------------


def ask_all(way, recordings, origin, *, transport=None):
    """The outcome of asking each of `recordings`, one after the other, at `origin` (None: at its own host)."""
    if not way.asynchronous:
        return _ask_all(way, recordings, origin, transport)
    return asyncio.run(_ask_all_async(way, recordings, origin, transport))


def _ask_all(way, recordings, origin, transport):
    current = []

    def note(response):
        wire = Wire(response.status_code, list(response.headers.multi_items()))
        current.append(wire)
        response.stream = _Tee(response.stream, wire.chunks)

    outcomes = []
    with httpx2.Client(
        verify=_TLS, trust_env=False, event_hooks={"response": [note]}, transport=transport
    ) as http:
        for recorded in recordings:
            outcome = Outcome()
            try:
                result = _call(way, recorded, _client(recorded, way, origin, http))
                if isinstance(result, openai.Stream | anthropic.Stream):
                    for event in result:
                        outcome.parsed.append(event)
                else:
                    outcome.parsed.append(result)
            except Exception as error:  # noqa: BLE001 - what the SDK raises is compared
                outcome.error = error
            outcome.wires, current[:] = list(current), []
            outcomes.append(outcome)
    return outcomes


async def _ask_all_async(way, recordings, origin, transport):
    current = []

    async def note(response):
        wire = Wire(response.status_code, list(response.headers.multi_items()))
        current.append(wire)
        response.stream = _AsyncTee(response.stream, wire.chunks)

    outcomes = []
    async with httpx2.AsyncClient(
        verify=_TLS, trust_env=False, event_hooks={"response": [note]}, transport=transport
    ) as http:
        for recorded in recordings:
            outcome = Outcome()
            try:
                result = await _call(way, recorded, _client(recorded, way, origin, http))
                if isinstance(result, openai.AsyncStream | anthropic.AsyncStream):
                    async for event in result:
                        outcome.parsed.append(event)
                else:
                    outcome.parsed.append(result)
            except Exception as error:  # noqa: BLE001 - what the SDK raises is compared
                outcome.error = error
            outcome.wires, current[:] = list(current), []
            outcomes.append(outcome)
    return outcomes


def _client(recorded, way, origin, http):
    """The SDK's client, with the base URL under which its method asks at the recorded path."""
    origin = origin or recorded.url.partition(recorded.place)[0]
    end = kind_of(recorded).end
    settings = {"api_key": KEY, "http_client": http, "max_retries": 0, "timeout": 30.0}
    if recorded.operation == "responses.retrieve":
        end = recorded.place[recorded.place.rindex("/responses/") :]
    base = origin + (recorded.place.removesuffix(end) if end else "")
    if recorded.operation.startswith("messages"):
        cls = anthropic.AsyncAnthropic if way.asynchronous else anthropic.Anthropic
        return cls(base_url=base, **settings)
    if "/deployments/" in recorded.place:
        azure = openai.AsyncAzureOpenAI if way.asynchronous else openai.AzureOpenAI
        return azure(base_url=base, api_version=parse_qs(recorded.query)["api-version"][0], **settings)
    return (openai.AsyncOpenAI if way.asynchronous else openai.OpenAI)(base_url=base, **settings)


def _call(way, recorded, client):
    """The result of the call, or its awaitable."""
    return (_with_bytes if way.level == "bytes" else _with_method)(recorded, client)


def _with_bytes(recorded, client):
    kind = kind_of(recorded)
    library = anthropic if isinstance(client, anthropic.Anthropic | anthropic.AsyncAnthropic) else openai
    asynchronous = isinstance(client, anthropic.AsyncAnthropic | openai.AsyncOpenAI)
    settings = {"cast_to": kind.whole, "stream": recorded.is_stream}
    if recorded.is_stream:
        settings["stream_cls"] = (library.AsyncStream if asynchronous else library.Stream)[kind.piece]
    path = recorded.target
    if isinstance(client, openai.AzureOpenAI | openai.AsyncAzureOpenAI):
        path = kind.end
    elif kind.end:
        path = kind.end + (f"?{recorded.query}" if recorded.query else "")
    elif recorded.method == "GET":
        path = recorded.target[recorded.target.rindex("/responses/") :]
    if recorded.method == "GET":
        return client.get(path, **settings)
    headers = {"headers": {"content-type": "application/json"}}
    return client.post(path, content=recorded.request, options=headers, **settings)


def _with_method(recorded, client):
    method = kind_of(recorded).method
    function = attrgetter(method)(client)
    if recorded.method == "GET":
        query = {name: values[0] for name, values in parse_qs(recorded.query).items()}
        streamed = {"stream": True} if recorded.is_stream else {}
        return function(recorded.place.rpartition("/")[2], extra_query=query, **streamed, timeout=30.0)
    known, _ = arguments(method)
    given = {key: value for key, value in recorded.body.items() if key in known}
    extra = {key: value for key, value in recorded.body.items() if key not in known}
    return function(**given, extra_body=extra or None, timeout=30.0)
