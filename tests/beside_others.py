"""The other instrumentations that tests run beside, as a table, and what all of them are held to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections import Counter

import anthropic
import openai

from spantape._spans import names

USAGE = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "llm.token_count.prompt",
    "llm.token_count.completion",
)
INFERENCES = ("chat", "embeddings", "text_completion")


def said():
    """The messages of a call, new for each: OpenLLMetry changes those that it is given."""
    return [{"role": "user", "content": "Say hello."}]


def claude():
    return {"model": "m", "max_tokens": 9, "messages": said()}


class Other:
    """Another instrumentation: a class of a package, and the SDK that it wraps."""

    def __init__(self, sdk, module, name, *, leaves=True):
        self.sdk, self.module, self.name, self.leaves = sdk, module, name, leaves

    @property
    def id(self):
        return self.module

    @contextlib.contextmanager
    def on(self, provider):
        instrumentor = self.make()
        instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
        try:
            yield instrumentor
        finally:
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()

    def make(self):
        return getattr(importlib.import_module(self.module), self.name)()


_KNOWN = [
    # OpenLLMetry's for openai leaves its wrappers in when it is uninstrumented
    Other("openai", "opentelemetry.instrumentation.openai", "OpenAIInstrumentor", leaves=False),
    Other("openai", "opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    Other("openai", "openinference.instrumentation.openai", "OpenAIInstrumentor"),
    Other("anthropic", "opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
    Other("anthropic", "opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
    Other("anthropic", "openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
]


def _installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


OTHERS = [other for other in _KNOWN if _installed(other.module)]
LEAVING = [other for other in OTHERS if other.leaves]


# --- calls: each a function from a base URL to what the SDK gave back ---------------------------------------------


def _openai(base_url):
    return openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)


def chat(url):
    with _openai(url) as client:
        return client.chat.completions.create(model="m", messages=said()).model_dump()


def chat_streamed(url):
    with _openai(url) as client:
        settings = {"stream": True, "stream_options": {"include_usage": True}}
        return [
            c.model_dump() for c in client.chat.completions.create(model="m", messages=said(), **settings)
        ]


def responses(url):
    with _openai(url) as client:
        return client.responses.create(model="m", input=said()).model_dump()


def responses_streamed(url):
    with _openai(url) as client:
        return [event.model_dump() for event in client.responses.create(model="m", input=said(), stream=True)]


def embeddings(url):
    with _openai(url) as client:
        return client.embeddings.create(model="m", input="hello").model_dump()


def chat_async(url):
    async def call():
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            whole = await client.chat.completions.create(model="m", messages=said())
            return whole.model_dump()

    return asyncio.run(call())


def chat_async_streamed(url):
    async def call():
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            settings = {"stream": True, "stream_options": {"include_usage": True}}
            stream = await client.chat.completions.create(model="m", messages=said(), **settings)
            return [chunk.model_dump() async for chunk in stream]

    return asyncio.run(call())


def responses_async(url):
    async def call():
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            return (await client.responses.create(model="m", input=said())).model_dump()

    return asyncio.run(call())


def _anthropic(base_url):
    return anthropic.Anthropic(base_url=base_url, api_key="none", max_retries=0)


def messages(url):
    with _anthropic(url) as client:
        return client.messages.create(**claude()).model_dump()


def messages_streamed(url):
    with _anthropic(url) as client:
        return [event.model_dump() for event in client.messages.create(**claude(), stream=True)]


def messages_stream_helper(url):
    with _anthropic(url) as client, client.messages.stream(**claude()) as stream:
        return "".join(stream.text_stream)


def messages_async(url):
    async def call():
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
            return (await client.messages.create(**claude())).model_dump()

    return asyncio.run(call())


def messages_async_stream_helper(url):
    async def call():
        async with (
            anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client,
            client.messages.stream(**claude()) as stream,
        ):
            return "".join([piece async for piece in stream.text_stream])

    return asyncio.run(call())


CALLS = {
    "openai": [
        chat,
        chat_streamed,
        responses,
        responses_streamed,
        embeddings,
        chat_async,
        chat_async_streamed,
        responses_async,
    ],
    "anthropic": [
        messages,
        messages_streamed,
        messages_stream_helper,
        messages_async,
        messages_async_stream_helper,
    ],
}
ALL_CALLS = [(sdk, call) for sdk, calls in CALLS.items() for call in calls]


# --- what is held ------------------------------------------------------------------------------------------------


def counted(spans):
    """How many of `spans` count each kind of token, and how many are an inference."""
    found = Counter()
    for span in spans:
        found.update(key for key in USAGE if span.attributes.get(key))
        kind = span.attributes.get("openinference.span.kind")
        if span.attributes.get("gen_ai.operation.name") in INFERENCES or kind in ("LLM", "EMBEDDING"):
            found["inferences"] += 1
    return found


def ours(spans):
    return [span for span in spans if span.attributes.get(names.KIND) == "exchange"]
