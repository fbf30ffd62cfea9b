"""The rule-based model asks for the tool, then answers with what it said, in every wire format."""

from __future__ import annotations

import json

import anthropic
import openai

from spantape.testing import ModelServer

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
        "exact": {"type": "boolean"},
        "note": {"type": "string"},
    },
    "required": ["city", "days", "unit", "exact"],
}
QUESTION = "Is it warmer in Oslo or in New York today?"


def weather(city, days, unit, exact):
    return f"{city}: {days} {unit} {exact}"


def test_a_chat_agent_runs_its_loop():
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
    with ModelServer() as server, openai.OpenAI(base_url=server.base_url("openai"), api_key="k") as client:
        asked = client.chat.completions.create(model="m", messages=messages, tools=tools).choices[0].message
        messages.append(asked.to_dict())
        for call in asked.tool_calls:
            said = weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
        answer = client.chat.completions.create(model="m", messages=messages, tools=tools).choices[0].message
    assert server.requests[0].prompt.system == "Be brief."
    assert answer.content == "According to the tool: Oslo: 1 celsius True New York: 1 celsius True"


def test_a_responses_agent_runs_its_loop():
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    items = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]
    with ModelServer() as server, openai.OpenAI(base_url=server.base_url("openai"), api_key="k") as client:
        asked = client.responses.create(model="m", input=items, tools=tools)
        items += [item.to_dict() for item in asked.output]
        items += [
            {
                "type": "function_call_output",
                "call_id": c.call_id,
                "output": weather(**json.loads(c.arguments)),
            }
            for c in asked.output
        ]
        answer = client.responses.create(model="m", input=items, tools=tools)
    assert answer.output_text == "According to the tool: Oslo: 1 celsius True New York: 1 celsius True"


def test_an_anthropic_agent_runs_its_loop_and_a_second_question_starts_anew():
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    messages = [{"role": "user", "content": QUESTION}]
    options = {"model": "c", "max_tokens": 9, "tools": tools, "messages": messages}
    with (
        ModelServer() as server,
        anthropic.Anthropic(base_url=server.base_url("anthropic"), api_key="k") as client,
    ):
        asked = client.messages.create(**options)
        messages.append({"role": "assistant", "content": [block.to_dict() for block in asked.content]})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": b.id,
                "content": [{"type": "text", "text": weather(**b.input)}],
            }
            for b in asked.content
        ]
        messages.append({"role": "user", "content": results})
        answer = client.messages.create(**options)
        messages += [
            {"role": "assistant", "content": answer.content[0].text},
            {"role": "user", "content": "And in Rome or in Bonn?"},
        ]
        again = client.messages.create(
            **options, tool_choice={"type": "auto", "disable_parallel_tool_use": True}
        )
    assert answer.content[0].text == "According to the tool: Oslo: 1 celsius True New York: 1 celsius True"
    assert [block.input["city"] for block in again.content] == ["Rome"]


def test_without_a_name_to_ask_about_it_asks_for_paris():
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    messages = [{"role": "user", "content": "Will it rain?"}]
    with ModelServer() as server, openai.OpenAI(base_url=server.base_url("openai"), api_key="k") as client:
        asked = client.chat.completions.create(model="m", messages=messages, tools=tools).choices[0].message
    assert json.loads(asked.tool_calls[0].function.arguments)["city"] == "Paris"


def test_without_tools_it_says_what_it_was_asked():
    with ModelServer() as server, openai.OpenAI(base_url=server.base_url("openai"), api_key="k") as client:
        answer = client.responses.create(model="m", input="Will it rain?")
    assert answer.output_text == "You asked: Will it rain?"


def test_a_tool_with_an_odd_schema_is_asked_for_all_the_same():
    with ModelServer() as server, openai.OpenAI(base_url=server.base_url("openai"), api_key="k") as client:
        for parameters in ({}, {"properties": {"q": {"type": ["string", "null"]}}}, {"required": ["q"]}):
            tools = [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
            answer = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}], tools=tools
            )
            assert answer.choices[0].finish_reason == "tool_calls"
