"""A model that answers by rule: deterministic, and enough of an agent's counterpart to run a tool loop."""

from __future__ import annotations

import re
from typing import Any, Final

from spantape.testing._message import ReceivedRequest
from spantape.testing.prompt import Prompt, Tool
from spantape.testing.replies import Reply, text, tool_call

_NAME: Final = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")


def weather_brain(request: ReceivedRequest) -> Reply:
    """The reply of a model that asks for a tool first, and answers with what the tool said.

    With tools and no result yet it asks for the first tool: once for each proper name in the user's last message
    (`Is it warmer in Paris or in New York?`: two parallel calls). With results it says them. Without tools it says
    what it was asked.
    """
    prompt = request.prompt
    if prompt.tool_results:
        return text(f"According to the tool: {' '.join(prompt.tool_results)}")
    if not prompt.tools:
        return text(f"You asked: {prompt.text}")
    asked = [tool_call(prompt.tools[0].name, arguments) for arguments in _arguments(prompt)]
    return sum(asked[1:], asked[0])


def _arguments(prompt: Prompt) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(_NAME.findall(prompt.text))) or ["Paris"]
    return [_fill(prompt.tools[0], name) for name in (names if prompt.parallel else names[:1])]


def _fill(tool: Tool, name: str) -> dict[str, Any]:
    """Arguments after the tool's schema: those that are required, `name` for the texts."""
    schema = tool.parameters or {}
    properties = schema.get("properties") or {}
    required = schema.get("required") or list(properties)[:1]
    return {key: _value(properties.get(key) or {}, name) for key in required}


def _value(schema: dict[str, Any], name: str) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    values = {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}, "null": None}
    return values.get(kind, name) if isinstance(kind, str) else name
