"""Tapes of one small agent under the real SDKs, whose model and tools can be made to answer otherwise."""

from __future__ import annotations

import json

import anthropic
import openai

import spantape
from spantape.testing import ModelServer, Reply

RESULTS = {"Oslo": "It is 4 degrees in Oslo and it is snowing.", "Bergen": "rain"}
ASK = "What is the weather in Oslo?"


class Tools:
    """What the agent's tools give; a run takes them from here."""

    results = RESULTS


@spantape.tool
def weather(city: str) -> str:
    return Tools.results[city]


def chat(client, server, ask=ASK, *, stream=False, **settings):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ask}]
    while True:
        message = _asked(client, messages, stream=stream, **settings)
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        for call in message["tool_calls"]:
            result = weather(**json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


def _asked(client, messages, *, stream, model="gpt-4o", **settings):
    if not stream:
        answer = client.chat.completions.create(model=model, messages=messages, **settings)
        return answer.choices[0].message.model_dump(exclude_none=True)
    with client.chat.completions.stream(model=model, messages=messages, **settings) as events:
        return events.get_final_completion().choices[0].message.model_dump(exclude_none=True)


def responses(client, server, ask=ASK):
    items = [{"role": "user", "content": ask}]
    while True:
        answer = client.responses.create(model="gpt-4o", input=items)
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            return answer.output_text
        for call in calls:
            result = weather(**json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})


def messages(client, server, ask=ASK, *, stream=False):
    history = [{"role": "user", "content": ask}]
    settings = {"model": "claude-x", "max_tokens": 99}
    while True:
        if stream:
            with client.messages.stream(messages=history, **settings) as events:
                answer = events.get_final_message()
        else:
            answer = client.messages.create(messages=history, **settings)
        history.append(
            {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in answer.content]}
        )
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return answer.content[-1].text
        found = [{"type": "tool_result", "tool_use_id": c.id, "content": weather(**c.input)} for c in calls]
        history.append({"role": "user", "content": found})


def streamed_chat(client, server, ask=ASK):
    return chat(client, server, ask, stream=True)


def streamed_messages(client, server, ask=ASK):
    return messages(client, server, ask, stream=True)


def once(client, server, ask=ASK):
    """One question, whatever the answer asks for."""
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": ask}])


def twice(agent):
    """An agent whose second question quotes the first answer."""

    def asks_twice(client, server, ask=ASK):
        first = agent(client, server, ask)
        return agent(client, server, f"{first} And tomorrow?")

    asks_twice.agent = agent
    return asks_twice


def together(*replies):
    """One reply with the parts of all."""
    return Reply(parts=tuple(part for reply in replies for part in reply.parts))


AGENTS = (chat, streamed_chat, responses, messages, streamed_messages)


def record(path, replies, agent=chat, results=RESULTS, **settings):
    """The tape of one run of `agent` against a model with these replies."""
    with spantape.record(path):
        run(replies, agent, results, **settings)
    return path


def run(replies, agent=chat, results=RESULTS, *, script=None, **settings):
    Tools.results = results
    with ModelServer(script or replies) as server, _client(agent, server) as client:
        return agent(client, server, **settings)


def _client(agent, server):
    if getattr(agent, "agent", agent) in (messages, streamed_messages):
        return anthropic.Anthropic(base_url=server.base_url("anthropic"), api_key="x", max_retries=0)
    return openai.OpenAI(base_url=server.base_url("openai"), api_key="x", max_retries=0)
