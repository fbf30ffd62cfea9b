"""The demo's agent: two models, two tools, streaming and not, on the real SDKs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import anthropic
import openai

import spantape

_KNOWN: Final = {"Oslo": (4.5, "rain"), "Lisbon": (19.0, "sun")}

_WEATHER: Final[Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city now",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_PACKING: Final[Any] = {
    "name": "packing_list",
    "description": "What to pack for a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@dataclass
class Weather:
    """What the weather tool says of a city."""

    city: str
    celsius: float
    sky: str


@spantape.tool
def weather(city: str) -> Weather:
    """The weather in a city now."""
    celsius, sky = _KNOWN.get(city, (12.0, "clouds"))
    return Weather(city, celsius, sky)


@spantape.tool
def packing_list(city: str) -> list[str]:
    """What to pack for a city."""
    return ["umbrella", "coat"] if _KNOWN.get(city, (0.0, "rain"))[1] == "rain" else ["sunglasses"]


class Planner:
    """An agent that asks one model about the weather and another what to pack."""

    def __init__(self, openai_url: str, anthropic_url: str, api_key: str) -> None:
        self._openai = openai.OpenAI(base_url=openai_url, api_key=api_key, max_retries=0)
        self._anthropic = anthropic.Anthropic(base_url=anthropic_url, api_key=api_key, max_retries=0)

    def close(self) -> None:
        """Close the clients' connections."""
        self._openai.close()
        self._anthropic.close()

    @spantape.agent(name="trip planner")
    def plan(self, question: str) -> str:
        """The answer to a traveller's question."""
        return f"{self._ask_weather(question)} {self._ask_packing(question)}"

    def _ask_weather(self, question: str) -> str:
        """OpenAI's chat completions: one whole answer with parallel tool calls, then a streamed one."""
        messages: list[Any] = [
            {"role": "system", "content": "You know the weather."},
            {"role": "user", "content": question},
        ]
        asked = self._openai.chat.completions.create(model="gpt-4o", messages=messages, tools=[_WEATHER])
        message = asked.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls or ():
            if call.type == "function":
                found = weather(**json.loads(call.function.arguments))
                messages.append(
                    {"role": "tool", "tool_call_id": call.id, "content": json.dumps(asdict(found))}
                )
        stream = self._openai.chat.completions.create(
            model="gpt-4o", messages=messages, tools=[_WEATHER], stream=True
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    def _ask_packing(self, question: str) -> str:
        """Anthropic's messages: a streamed tool call, then a whole answer."""
        messages: list[Any] = [{"role": "user", "content": question}]
        settings: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 500, "tools": [_PACKING]}
        with self._anthropic.messages.stream(messages=messages, **settings) as stream:
            asked = stream.get_final_message()
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": ", ".join(packing_list(str(block.input["city"]))),
            }
            for block in asked.content
            if block.type == "tool_use"
        ]
        messages += [{"role": "assistant", "content": asked.content}, {"role": "user", "content": results}]
        answer = self._anthropic.messages.create(messages=messages, **settings)
        return "".join(block.text for block in answer.content if block.type == "text")
