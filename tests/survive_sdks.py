"""The real SDKs over loopback: what a program asks, in every API and every way to ask it, with answers as plain data."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import anthropic
import openai

KEY = "sk-test-9f8e7d6c5b4a39281706f5e4d3c2b1a0"


def openai_client(server, *, asynchronous=False, **settings):
    make = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    return make(base_url=base("openai", server), api_key=KEY, **{"max_retries": 0, **settings})


def anthropic_client(server, *, asynchronous=False, **settings):
    make = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
    return make(base_url=base("anthropic", server), api_key=KEY, **{"max_retries": 0, **settings})


def base(family, server):
    """The base URL of a server, or of one that is gone: then `server` is its URL."""
    url = server if isinstance(server, str) else server.url
    return f"{url}/v1" if family == "openai" else url


@dataclass(frozen=True)
class Api:
    """One API of one SDK: `ask` makes the arguments of its method."""

    name: str
    family: str
    method: str

    def client(self, server, *, asynchronous=False, **settings):
        make = openai_client if self.family == "openai" else anthropic_client
        return make(server, asynchronous=asynchronous, **settings)

    def arguments(self, prompt, **more):
        if self.name == "responses":
            return {"model": "m-1", "input": prompt, **more}
        messages = [{"role": "user", "content": prompt}]
        tokens = {"max_tokens": 100} if self.family == "anthropic" else {}
        return {"model": "m-1", "messages": messages, **tokens, **more}

    def call(self, client, prompt="Hello", **more):
        target = client
        for part in self.method.split("."):
            target = getattr(target, part)
        return target(**self.arguments(prompt, **more))

    @property
    def errors(self):
        return openai if self.family == "openai" else anthropic


CHAT = Api("chat", "openai", "chat.completions.create")
RESPONSES = Api("responses", "openai", "responses.create")
MESSAGES = Api("messages", "anthropic", "messages.create")
APIS = (CHAT, RESPONSES, MESSAGES)


def plain(answer: Any) -> Any:
    """An SDK's answer as data."""
    return answer.model_dump(mode="json")


def ask(api, server, prompt="Hello", *, stream=False, **more):
    """The answer as data, or the events of a streamed one."""
    with api.client(server) as client:
        answer = api.call(client, prompt, stream=stream, **more)
        return [plain(event) for event in answer] if stream else plain(answer)


async def ask_async(api, server, prompt="Hello", *, stream=False, **more):
    async with api.client(server, asynchronous=True) as client:
        answer = await api.call(client, prompt, stream=stream, **more)
        return [plain(event) async for event in answer] if stream else plain(answer)


@dataclass(frozen=True)
class Way:
    """One way to ask: an API, sync or async, streamed or not."""

    api: Api
    asynchronous: bool
    stream: bool

    def __str__(self):
        return f"{self.api.name}-{'async' if self.asynchronous else 'sync'}{'-stream' if self.stream else ''}"

    def ask(self, server, prompt="Hello", **more):
        if self.asynchronous:
            return asyncio.run(ask_async(self.api, server, prompt, stream=self.stream, **more))
        return ask(self.api, server, prompt, stream=self.stream, **more)


WAYS = tuple(Way(api, a, s) for api in APIS for a in (False, True) for s in (False, True))
