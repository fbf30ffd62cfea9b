"""Calls through the real SDKs, one for each wire API and way of answering, for the tests of rerun bundles."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property

import anthropic
import openai

import spantape
from spantape.testing import ModelServer

TOOL = {
    "name": "weather",
    "description": "Weather in a city",
    "parameters": {"type": "object", "properties": {}},
}
CLAUDE_TOOL = {"name": "weather", "description": "Weather in a city", "input_schema": {"type": "object"}}
SAMPLED = {"temperature": 0.5, "top_p": 0.9}
HISTORY = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def chat(clients, **more):
    asked = {"model": "gpt-4o", "messages": HISTORY, "seed": 7, "max_tokens": 50, **SAMPLED} | more
    _read(clients.openai.chat.completions.create(**asked))


def responses(clients, **more):
    asked = {"model": "gpt-5", "instructions": "Be brief.", "input": "Hi", "max_output_tokens": 50, **SAMPLED}
    _read(clients.openai.responses.create(**asked | more))


def completions(clients, **more):
    asked = {"model": "davinci-002", "prompt": "Once upon", "max_tokens": 50, **SAMPLED}
    _read(clients.openai.completions.create(**asked | more))


def embeddings(clients, **more):
    clients.openai.embeddings.create(**{"model": "text-embedding-3-small", "input": ["one", "two"]} | more)


def claude(clients, **more):
    asked = {"model": "claude-x", "max_tokens": 50, "system": "Be brief.", "extra_body": SAMPLED}
    asked |= {"messages": [{"role": "user", "content": "Hi"}]}
    _read(clients.anthropic.messages.create(**asked | more))


def _read(answer):
    if isinstance(answer, openai.Stream | anthropic.Stream):
        for _ in answer:
            pass


STREAMED = {"chat": chat, "responses": responses, "completions": completions, "claude": claude}
EVERY = {**STREAMED, "embeddings": embeddings}


class Clients:
    """Both SDKs' clients of one server, each made when it is used."""

    def __init__(self, server):
        self._server = server

    @cached_property
    def openai(self):
        return openai.OpenAI(base_url=self._server.base_url("openai"), api_key="none", max_retries=0)

    @cached_property
    def anthropic(self):
        return anthropic.Anthropic(base_url=self._server.base_url("anthropic"), api_key="none", max_retries=0)

    def close(self):
        for made in {"openai", "anthropic"} & vars(self).keys():
            getattr(self, made).close()


@contextmanager
def clients_of(script=None):
    """The clients of a scripted server."""
    with ModelServer(script) as server:
        clients = Clients(server)
        try:
            yield clients
        finally:
            clients.close()


def record(path, *calls, script=None, **settings):
    """The tape at `path` of what each of `calls` does with the clients of a scripted server."""
    with clients_of(script) as clients, spantape.record(path, **settings):
        for call in calls:
            call(clients)
    return spantape.read_tape(path)
