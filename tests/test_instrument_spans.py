"""Whole spans, attribute by attribute, as the conventions want them and as a replay needs them."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import urlsplit

import anthropic
import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

import spantape
from spantape.testing import CountedIds, ModelServer, Usage, error, text, tool_call

HI = [{"role": "user", "content": "Hi"}]
IN_HI = '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'
OUT = '[{"role":"assistant","parts":[{"type":"text","content":"Hello you"}],"finish_reason":"stop"}]'
USAGE = Usage(11, 5, cached=4, cache_write=3, reasoning=2)
RUN = "00000000000000000000000000000001"


@pytest.fixture
def counted(make_spans):
    return make_spans(id_generator=CountedIds())


@pytest.fixture
def run(counted):
    """The one span of `call(client)` against a server that answers `script`, and what it should be beside `own`."""

    def go(sdk, script, call):
        with ModelServer(script) as server, spantape.instrument(counted.provider):
            make = openai.OpenAI if sdk == "openai" else anthropic.Anthropic
            with make(base_url=server.base_url(sdk), api_key="none", max_retries=0) as client:
                call(client)
            (request,) = server.requests
        return counted.one(), expected(server, request)

    return go


def expected(server, request):
    """The attributes of any call: where it went, and its request body."""
    return {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": urlsplit(server.url).port,
        "url.full": server.url + request.path,
        "spantape.format": 1,
        "spantape.kind": "exchange",
        "spantape.run.id": RUN,
        "spantape.step": 0,
        "spantape.request.body": request.body.decode(),
        "spantape.request.body.sha256": hashlib.sha256(request.body).hexdigest(),
        "spantape.request.body.size": len(request.body),
    }


def split(span):
    """The attributes of `span` but for the response's payload, which is checked here to be whole."""
    attributes = dict(span.attributes)
    body = attributes.pop("spantape.response.body").encode()
    assert attributes.pop("spantape.response.body.sha256") == hashlib.sha256(body).hexdigest()
    assert attributes.pop("spantape.response.body.size") == len(body)
    chunks = attributes.pop("spantape.response.chunks", "")
    assert sum(int(entry.split("+")[0]) for entry in chunks.split(",") if entry) == (
        len(body) if chunks else 0
    )
    sent, received = attributes.pop("spantape.request.headers"), attributes.pop("spantape.response.headers")
    assert "content-type: application/json" in sent.splitlines()
    assert not any(word in sent for word in ("authorization", "x-api-key", "none"))
    assert "content-type: " in received
    assert (attributes.pop("gen_ai.response.time_to_first_chunk", None) is not None) == bool(chunks)
    return attributes, body


def chat_answer():
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": IN_HI,
        "openai.api.type": "chat_completions",
        "spantape.dialect": "openai.chat",
    }


def test_a_chat_completion(run):
    tool = {"name": "weather", "description": "Of a city", "parameters": {"type": "object"}}
    span, common = run(
        "openai",
        [text("Hello you").but(usage=USAGE)],
        lambda client: client.chat.completions.create(
            model="m",
            messages=HI,
            temperature=0.5,
            top_p=0.9,
            seed=7,
            max_completion_tokens=9,
            frequency_penalty=0.1,
            presence_penalty=0.2,
            stop=["x", "y"],
            tools=[{"type": "function", "function": tool}],
            response_format={"type": "json_object"},
            service_tier="default",
        ),
    )
    attributes, body = split(span)
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)
    assert (span.parent, span.links, span.events) == (None, (), ())
    assert attributes == common | chat_answer() | {
        "gen_ai.output.messages": OUT,
        "gen_ai.output.type": "json",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.stop_sequences": ("x", "y"),
        "gen_ai.response.id": json.loads(body)["id"],
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.tool.definitions": json.dumps([{"type": "function", **tool}], separators=(",", ":")),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "http.response.status_code": 200,
        "openai.request.service_tier": "default",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_spantape",
    }


def test_a_streamed_chat_completion(run):
    span, common = run(
        "openai",
        [text("Hello you").but(usage=USAGE)],
        lambda client: list(
            client.chat.completions.create(
                model="m", messages=HI, stream=True, stream_options={"include_usage": True}
            )
        ),
    )
    attributes, body = split(span)
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)
    assert attributes == common | chat_answer() | {
        "gen_ai.output.messages": OUT,
        "gen_ai.request.stream": True,
        "gen_ai.response.id": json.loads(body.split(b"\n")[0].removeprefix(b"data: "))["id"],
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "http.response.status_code": 200,
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_spantape",
    }


def test_a_chat_completion_that_is_not_found(run):
    def call(client):
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="m", messages=HI)

    span, common = run("openai", [error(404)], call)
    attributes, _ = split(span)
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.ERROR)
    assert attributes == common | chat_answer() | {
        "error.type": "not_found_error",
        "http.response.status_code": 404,
    }


def test_a_response(run):
    span, common = run(
        "openai",
        [text("Hello you").but(usage=USAGE)],
        lambda client: client.responses.create(
            model="m",
            input="Hi",
            instructions="Be brief.",
            reasoning={"effort": "low"},
            previous_response_id="resp_0",
        ),
    )
    attributes, body = split(span)
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)
    assert attributes == common | {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.previous_response.id": "resp_0",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.input.messages": IN_HI,
        "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
        "gen_ai.output.messages": OUT,
        "gen_ai.response.id": json.loads(body)["id"],
        "gen_ai.response.model": "m",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "http.response.status_code": 200,
        "openai.api.type": "responses",
        "openai.response.service_tier": "default",
        "spantape.dialect": "openai.responses",
    }


def test_embeddings(run):
    span, common = run(
        "openai", [], lambda client: client.embeddings.create(model="m", input="Hi", dimensions=4)
    )
    attributes, _ = split(span)
    assert (span.name, span.kind, span.status.status_code) == (
        "embeddings m",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    assert attributes == common | {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.embeddings.dimension.count": 4,
        "gen_ai.request.encoding_formats": ("base64",),
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 1,
        "http.response.status_code": 200,
        "spantape.dialect": "openai.embeddings",
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_anthropic_message(run, stream):
    def call(client):
        tools = [{"name": "weather", "description": "Of a city", "input_schema": {"type": "object"}}]
        answer = client.messages.create(
            model="m", max_tokens=9, system="Be brief.", messages=HI, tools=tools, stream=stream
        )
        if stream:
            list(answer)

    span, common = run("anthropic", [tool_call("weather", {"city": "Oslo"}, id="t1").but(usage=USAGE)], call)
    attributes, body = split(span)
    first = json.loads(body.split(b"data: ")[1].split(b"\n")[0])["message"] if stream else json.loads(body)
    assert (span.name, span.kind, span.status.status_code) == ("chat m", SpanKind.CLIENT, StatusCode.UNSET)
    streaming = {"gen_ai.request.stream": True} if stream else {}
    reasons = attributes.pop("gen_ai.response.finish_reasons")
    assert len(reasons) == 1
    assert json.loads(attributes.pop("gen_ai.output.messages")) == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Oslo"}}],
            "finish_reason": "tool_call",
        }
    ]
    assert attributes == common | streaming | {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "m",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.input.messages": IN_HI,
        "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
        "gen_ai.tool.definitions": '[{"type":"function","name":"weather","description":"Of a city",'
        '"parameters":{"type":"object"}}]',
        "gen_ai.response.id": first["id"],
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "http.response.status_code": 200,
        "spantape.dialect": "anthropic.messages",
    }


def test_an_agent_with_a_tool(counted):
    @spantape.tool
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    @spantape.agent
    def plan(question: str) -> str:
        """Plans."""
        return f"{question} {add(1, 2)}"

    with spantape.instrument(counted.provider):
        plan("How many?")
    tool, agent = counted.all()
    common = {"spantape.format": 1, "spantape.run.id": RUN, "spantape.result.type": "value"}
    where = f"{__name__}:{test_an_agent_with_a_tool.__name__}.<locals>"
    assert (tool.name, tool.kind, tool.status.status_code) == (
        "execute_tool add",
        SpanKind.INTERNAL,
        StatusCode.UNSET,
    )
    assert tool.parent.span_id == agent.context.span_id
    assert dict(tool.attributes) == common | {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Adds.",
        "gen_ai.tool.call.arguments": '{"a":1,"b":2}',
        "gen_ai.tool.call.result": "3",
        "spantape.kind": "tool",
        "spantape.step": 1,
        "spantape.callable": f"{where}.add",
        "spantape.arguments": '{"a":1,"b":2}',
        "spantape.result": "3",
    }
    assert (agent.name, agent.kind, agent.parent) == ("invoke_agent plan", SpanKind.INTERNAL, None)
    assert dict(agent.attributes) == common | {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "plan",
        "gen_ai.agent.description": "Plans.",
        "spantape.kind": "agent",
        "spantape.step": 0,
        "spantape.callable": f"{where}.plan",
        "spantape.arguments": '{"question":"How many?"}',
        "spantape.result": '"How many? 3"',
    }


def test_a_tool_that_fails(counted):
    @spantape.tool
    def fail() -> None:
        raise ValueError("no such town")

    with spantape.instrument(counted.provider), pytest.raises(ValueError, match="no such town"):
        fail()
    span = counted.one()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "no such town")
    assert dict(span.attributes) == {
        "error.type": "ValueError",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "fail",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.arguments": "{}",
        "spantape.format": 1,
        "spantape.kind": "tool",
        "spantape.run.id": RUN,
        "spantape.step": 0,
        "spantape.callable": f"{__name__}:{test_a_tool_that_fails.__name__}.<locals>.fail",
        "spantape.arguments": "{}",
        "spantape.error.message": "no such town",
    }
