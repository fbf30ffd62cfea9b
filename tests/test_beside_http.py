"""Beside the instrumentation of the HTTP library: its span is a child of ours, and the headers it adds are sent."""

from __future__ import annotations

import asyncio

import httpx
import httpx2
import openai
import pytest
from opentelemetry.instrumentation import httpx as http_instrumentation

import spantape
from beside_others import ours
from spantape.testing import ModelServer

INSTRUMENTORS = {
    httpx: "HTTPXClientInstrumentor",
    httpx2: "HTTPX2ClientInstrumentor",
}
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def server():
    with ModelServer() as running:
        yield running


@pytest.fixture(params=["theirs", "ours"])
def both(request, spans):
    """Both instrumentations of a library, on in this order while the block is open."""

    def switched_on(library):
        instrumentor = getattr(http_instrumentation, INSTRUMENTORS[library])()
        if request.param == "theirs":
            instrumentor.instrument(tracer_provider=spans.provider)
        handle = spantape.instrument(spans.provider)
        if request.param == "ours":
            instrumentor.instrument(tracer_provider=spans.provider)
        request.addfinalizer(handle.remove)
        request.addfinalizer(instrumentor.uninstrument)

    return switched_on


def post(library, url):
    with library.Client() as client:
        return client.post(url, json=BODY).json()


def post_async(library, url):
    async def call():
        async with library.AsyncClient() as client:
            return (await client.post(url, json=BODY)).json()

    return asyncio.run(call())


@pytest.mark.parametrize("call", [post, post_async])
@pytest.mark.parametrize("library", list(INSTRUMENTORS), ids=lambda library: library.__name__)
def test_the_http_span_is_a_child_of_ours_and_its_trace_header_is_sent(library, call, both, spans, server):
    both(library)
    assert call(library, server.base_url("openai") + "/chat/completions")["model"] == "m"
    theirs, own = spans.all()
    assert ours([own]) == [own]
    assert theirs.parent.span_id == own.context.span_id
    (request,) = server.requests
    trace_id, span_id = request.header("traceparent").split("-")[1:3]
    assert trace_id == format(own.context.trace_id, "032x")
    assert span_id == format(theirs.context.span_id, "016x")


def test_a_streamed_chat_through_the_sdk_is_one_tree_and_counted_once(both, spans, server):
    both(httpx2)
    with openai.OpenAI(base_url=server.base_url("openai"), api_key="none") as client:
        usage = {"include_usage": True}
        chunks = list(client.chat.completions.create(**BODY, stream=True, stream_options=usage))
    assert chunks
    (own,) = ours(spans.all())
    (theirs,) = (span for span in spans.all() if span is not own)
    assert theirs.parent.span_id == own.context.span_id
    assert own.attributes["gen_ai.usage.output_tokens"]
    assert "gen_ai.usage.output_tokens" not in theirs.attributes
