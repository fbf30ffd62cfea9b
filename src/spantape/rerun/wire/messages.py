"""Anthropic's messages in the step record's terms.

The system prompt is the text of `system`; where that is several blocks, their texts with a blank line between, and
the blocks themselves (their cache marks too) stay an option, so that they are sent again as they were.
Behind Vertex the path names the model and the body the version.
"""

from __future__ import annotations

from typing import Any, Final

from spantape._dialects import anthropic_messages
from spantape.rerun.wire._base import Api, Members, plain_text, taken_list


def _read(rest: Members) -> Members:
    inputs: Members = {
        "system_prompt": _system(rest),
        "messages": taken_list(rest, "messages", "messages"),
    }
    if isinstance(rest.get("tools"), list):
        inputs["tools"] = rest.pop("tools")
    return inputs


def _system(rest: Members) -> str:
    system = rest.get("system")
    plain = plain_text(system)
    if plain is not None:
        rest.pop("system")
        return plain
    return "\n\n".join(map(_text, system)) if isinstance(system, list) else ""


def _text(block: Any) -> str:
    found = block.get("text") if isinstance(block, dict) else block
    return found if isinstance(found, str) else ""


def _put(body: Members, inputs: Members) -> None:
    if inputs["system_prompt"]:
        body["system"] = inputs["system_prompt"]
    body["messages"] = inputs["messages"]
    if "tools" in inputs:
        body["tools"] = inputs["tools"]


def _finish(body: Members) -> None:
    if "anthropic_version" in body:
        del body["model"]
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.keys() == {"budget_tokens"}:
        body["thinking"] = {"type": "enabled", **thinking}


MESSAGES: Final = Api(
    anthropic_messages.MESSAGES,
    "/v1/messages",
    {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "max_tokens": ("max_tokens",),
        "top_k": ("top_k",),
        "stop": ("stop_sequences",),
        "reasoning_effort": ("output_config.effort",),
        "reasoning_tokens": ("thinking.budget_tokens",),
    },
    _read,
    _put,
    finish=_finish,
)
