"""Logfire's instrumentations of the SDKs, and pydantic-ai: the GenAI conventions now, events and raw data before.

See: <https://pydantic.dev/docs/ai/integrations/logfire/>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from spantape.promote.foreign import genai, logfire_agents
from spantape.promote.foreign._call import ForeignCall
from spantape.promote.foreign._messages import message
from spantape.promote.foreign._read import api_of_request, base, checked, tool_definitions, with_request
from spantape.promote.foreign._values import loose, objects, parsed, text
from spantape.promote.foreign.events import Event, told_by_list
from spantape.tape.model import Span

PYDANTIC_AI: Final = "pydantic-ai"
LOGFIRE: Final = "Logfire"
_SETTINGS: Final = {
    PYDANTIC_AI: "InstrumentationSettings(include_content=True)",
    LOGFIRE: "logfire.configure(scrubbing=False)",
}


def recognise(span: Span) -> bool:
    """Whether pydantic-ai or logfire wrote the span."""
    marks = ("model_request_parameters", "pydantic_ai.all_messages", "all_messages_events", "request_data")
    return span.scope.startswith(("pydantic-ai", "logfire")) or any(mark in span.attributes for mark in marks)


def read(span: Span, events: Sequence[Event]) -> ForeignCall | None:
    """The call, tool or agent of the span; None for logfire's other spans."""
    source = LOGFIRE if span.scope.startswith("logfire") or "request_data" in span.attributes else PYDANTIC_AI
    setting = _SETTINGS[source]
    if span.scope == logfire_agents.SCOPE:
        return logfire_agents.read(span, source, setting)
    if not text(span, "gen_ai.operation.name") and (unnamed := _unnamed(span, source, setting)) is not None:
        return unnamed
    if not genai.recognise(span):
        return None
    call = genai.read(span, events, source=source, setting=setting)
    if call is None or call.kind != "model":
        return call
    streamed = call.stream or span.attributes.get("logfire.span_type") == "log"
    call = replace(call, losses=(), tools=_tools(call), stream=streamed)
    call = genai.with_told(call, told_by_list(parsed(span.attributes.get("events"))))
    return checked(_data(call), setting)


def _unnamed(span: Span, source: str, setting: str) -> ForeignCall | None:
    """Spans of before the names of the conventions: agents, tools, and calls that only hold raw data."""
    if "all_messages_events" in span.attributes or "pydantic_ai.all_messages" in span.attributes:
        return base(span, source, kind="agent", name=text(span, "agent_name") or span.name)
    if "tool_arguments" in span.attributes:
        return genai.read_tool(span, source, setting)
    call = _data(base(span, source, stream="stream" in span.name))
    return checked(call, setting) if call.request is not None else None


def _tools(call: ForeignCall) -> Sequence[Mapping[str, Any]] | None:
    """The tools that pydantic-ai lists beside the request, where the attribute of the conventions is not there."""
    if call.tools:
        return call.tools
    stated = parsed(call.span.attributes.get("model_request_parameters"))
    if not isinstance(stated, dict):
        return call.tools
    listed = [*objects(stated.get("function_tools")), *objects(stated.get("output_tools"))]
    return tool_definitions(listed)


def _data(call: ForeignCall) -> ForeignCall:
    """The call with the raw request, and what `response_data` holds of the answer: a message, or its text alone."""
    request = parsed(call.span.attributes.get("request_data"))
    api = api_of_request(request)
    if api is not None and call.messages is None and isinstance(request, dict):
        call = with_request(call, api, request)
    data = parsed(call.span.attributes.get("response_data"))
    if not isinstance(data, dict) or call.outputs is not None:
        return call
    said = data.get("message", data.get("combined_chunk_content", data.get("text")))
    given = said if isinstance(said, dict) else {"role": "assistant", "content": loose(said)}
    outputs = [message(given, "assistant")] if said is not None else None
    return replace(call, outputs=outputs)
