"""OpenAI's responses in the step record's terms.

The messages are the items of `input`, a bare text being one user message; the system prompt is `instructions`. A
response that goes on with a stored one (`previous_response_id`, `conversation`, `prompt`) says so in its options.
"""

from __future__ import annotations

from typing import Any, Final

from spantape._dialects import openai_responses
from spantape.rerun.wire._base import STORED, Api, Members, NotACallError


def _read(rest: Members) -> Members:
    system = rest.get("instructions")
    inputs: Members = {
        "system_prompt": rest.pop("instructions") if isinstance(system, str) else "",
        "messages": _messages(rest),
    }
    if isinstance(rest.get("tools"), list):
        inputs["tools"] = rest.pop("tools")
    return inputs


def _messages(rest: Members) -> list[Any]:
    given = rest.pop("input", None)
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if isinstance(given, list):
        return given
    if not any(name in rest for name in STORED):
        raise NotACallError("the request has no input")
    return []


def _put(body: Members, inputs: Members) -> None:
    if inputs["system_prompt"]:
        body["instructions"] = inputs["system_prompt"]
    body["input"] = inputs["messages"]
    if "tools" in inputs:
        body["tools"] = inputs["tools"]


RESPONSES: Final = Api(
    openai_responses.RESPONSES,
    "/responses",
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "seed": ("seed",),
        "max_tokens": ("max_output_tokens",),
        "frequency_penalty": ("frequency_penalty",),
        "presence_penalty": ("presence_penalty",),
        "reasoning_effort": ("reasoning.effort",),
    },
    _read,
    _put,
)
