"""OpenAI's chat completions in the step record's terms.

The system prompt is the first message where that is of the role `system` and plain text, as it is with nearly every
client; a message of any other role (`developer` too) or with more to it stays a message. Legacy `functions` are tools
without a `type`.
"""

from __future__ import annotations

from typing import Any, Final

from spantape._dialects import openai_chat
from spantape.rerun.wire._base import Api, Members, plain_text, taken_list


def _read(rest: Members) -> Members:
    messages = taken_list(rest, "messages", "messages")
    system = _system(messages)
    inputs: Members = {
        "system_prompt": system or "",
        "messages": messages if system is None else messages[1:],
    }
    tools = _tools(rest)
    if tools is not None:
        inputs["tools"] = tools
    return inputs


def _system(messages: list[Any]) -> str | None:
    first = messages[0] if messages else None
    if not isinstance(first, dict) or first.keys() != {"role", "content"} or first["role"] != "system":
        return None
    return plain_text(first["content"]) or None


def _tools(rest: Members) -> list[Any] | None:
    tools, functions = rest.get("tools"), rest.get("functions")
    if isinstance(functions, list) and functions and all(map(_is_function, functions)):
        given = tools if isinstance(tools, list) else []
        if any(map(_is_function, given)):
            return _taken_tools(rest)
        rest.pop("functions")
        rest.pop("tools", None)
        return [*given, *functions]
    return _taken_tools(rest)


def _taken_tools(rest: Members) -> list[Any] | None:
    tools = rest.get("tools")
    return rest.pop("tools") if isinstance(tools, list) and not any(map(_is_function, tools)) else None


def _is_function(tool: object) -> bool:
    return isinstance(tool, dict) and "name" in tool and "type" not in tool


def _put(body: Members, inputs: Members) -> None:
    system, messages = inputs["system_prompt"], inputs["messages"]
    body["messages"] = [{"role": "system", "content": system}, *messages] if system else messages
    if "tools" in inputs:
        functions = [tool for tool in inputs["tools"] if _is_function(tool)]
        tools = [tool for tool in inputs["tools"] if not _is_function(tool)]
        if tools or not functions:
            body["tools"] = tools
        if functions:
            body["functions"] = functions


CHAT: Final = Api(
    openai_chat.CHAT,
    "/chat/completions",
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "seed": ("seed", "random_seed"),
        "max_tokens": ("max_tokens", "max_completion_tokens"),
        "top_k": ("top_k",),
        "frequency_penalty": ("frequency_penalty",),
        "presence_penalty": ("presence_penalty",),
        "stop": ("stop",),
        "reasoning_effort": ("reasoning_effort", "reasoning.effort"),
    },
    _read,
    _put,
)
