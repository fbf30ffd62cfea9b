"""Logfire over OpenAI's Agents SDK: the raw answer and input of each call, and the functions and agents around them.

See: <https://pydantic.dev/docs/logfire/integrations/llms/openai/>
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from spantape.promote.foreign._call import ForeignCall
from spantape.promote.foreign._read import (
    api_of_response,
    base,
    checked,
    ran_tool,
    with_request,
    with_response,
)
from spantape.promote.foreign._values import parsed, text
from spantape.tape.model import Span

SCOPE: Final = "logfire.openai_agents"
_API: Final = "openai.responses"


def read(span: Span, source: str, setting: str) -> ForeignCall | None:
    """The call, tool or agent of the span; None for the turns, tasks and traces around them."""
    if "raw_input" in span.attributes:
        return checked(_call(base(span, source, api=_API, provider="openai"), span), setting)
    message, name = text(span, "logfire.msg"), text(span, "name")
    if message.startswith("Function: "):
        arguments, result = span.attributes.get("input"), span.attributes.get("output")
        return ran_tool(span, source, setting, name=name, arguments=arguments, result=result)
    return base(span, source, kind="agent", name=name) if message.startswith("Agent run: ") else None


def _call(call: ForeignCall, span: Span) -> ForeignCall:
    """The call; the answer repeats the instructions and the tools of its request."""
    given, answer = parsed(span.attributes.get("raw_input")), parsed(span.attributes.get("response"))
    echoed: dict[str, Any] = answer if isinstance(answer, dict) else {}
    call = replace(call, model=text(span, "gen_ai.request.model"))
    if isinstance(given, str | list):
        kept = {key: echoed[key] for key in ("instructions", "tools") if echoed.get(key)}
        call = replace(with_request(call, _API, {"model": call.model, "input": given, **kept}), request=None)
    return with_response(call, _API, echoed) if api_of_response(echoed) == _API else call
