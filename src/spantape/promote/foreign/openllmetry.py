"""OpenLLMetry (Traceloop): indexed attributes up to 0.5x, the GenAI conventions since.

See: <https://github.com/traceloop/openllmetry>
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Message, _parts
from spantape._dialects._finish import reason
from spantape._dialects._json import compact
from spantape.promote.foreign import genai
from spantape.promote.foreign._call import ForeignCall, Loss
from spantape.promote.foreign._facts import wire_api
from spantape.promote.foreign._messages import message, without_system
from spantape.promote.foreign._read import LANGCHAIN, base, checked, ran_tool
from spantape.promote.foreign._values import gathered, indexes, loose, objects, parsed, text
from spantape.promote.foreign.events import Event
from spantape.tape.model import Span

SOURCE: Final = "OpenLLMetry"
SETTING: Final = "TRACELOOP_TRACE_CONTENT=true"

_PROVIDERS: Final = "openai|anthropic|cohere|groq|mistralai|ollama|together|replicate|vertexai|bedrock|watsonx|langchain|openai_agents"
_SCOPE: Final = re.compile(rf"opentelemetry\.instrumentation\.(?:{_PROVIDERS})(?:\.|$)")
_TYPES: Final = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}


def recognise(span: Span) -> bool:
    """Whether OpenLLMetry wrote the span."""
    marks = ("llm.request.type", "traceloop.span.kind", "gen_ai.prompt.0.role", "gen_ai.prompt.0.content")
    return any(mark in span.attributes for mark in marks) or _SCOPE.match(span.scope) is not None


def read(span: Span, events: Sequence[Event]) -> ForeignCall | None:
    """The call, tool, or agent of the span; None for a workflow's other parts."""
    kind = text(span, "traceloop.span.kind")
    if kind == "tool":
        return _tool(span)
    if kind in ("agent", "workflow"):
        return base(span, SOURCE, kind="agent", name=_agent_name(span))
    if _is_indexed(span):
        return _indexed(span)
    if not genai.recognise(span):
        return None
    return genai.read(span, events, source=SOURCE, setting=SETTING)


def _agent_name(span: Span) -> str:
    return text(span, "gen_ai.agent.name", "traceloop.entity.name", "traceloop.workflow.name") or span.name


def _is_indexed(span: Span) -> bool:
    return "llm.request.type" in span.attributes or bool(indexes(span.attributes, "gen_ai.prompt"))


def _indexed(span: Span) -> ForeignCall:
    provider = text(span, "gen_ai.system").lower()
    operation = _TYPES.get(text(span, "llm.request.type"), "chat")
    response_id = text(span, "gen_ai.response.id")
    if provider == "anthropic" and operation == "text_completion":
        operation = "chat"  # what it calls Anthropic's messages
    asked = gathered(span.attributes, "gen_ai.prompt")
    said = gathered(span.attributes, "gen_ai.completion")
    call = base(
        span,
        SOURCE,
        operation=operation,
        provider=provider,
        api=wire_api(provider, operation, response_id, genai.api_type(span)),
        model=text(span, "gen_ai.request.model"),
        response_model=text(span, "gen_ai.response.model"),
        response_id=response_id,
        stream=span.attributes.get("llm.is_streaming") is True,
        base_url=genai.base_url(span),
    )
    if asked:
        inputs, system = without_system([_message(item, "user") for item in asked])
        call = replace(call, messages=inputs, system=system, tools=_functions(span))
    if outputs := _choices(said):
        call = replace(call, outputs=outputs)
    return checked(call.losing(*_gaps(span)), SETTING, indexed=True)


def _message(item: dict[str, Any], role: str) -> Message:
    """One indexed message: a text, or the JSON of a list of parts."""
    content = loose(item.get("content"))
    calls = [
        {"id": each.get("id"), "function": {"name": each.get("name"), "arguments": each.get("arguments")}}
        for each in objects(item.get("tool_calls"))
    ]
    listed = isinstance(content, list) and all(isinstance(part, dict) for part in content)
    said = {**item, "content": content if listed else item.get("content"), "tool_calls": calls}
    return message(said, role)


def _choices(said: list[dict[str, Any]]) -> list[Message]:
    """The output messages; thinking, which stands as a message of its own, goes in front of what came of it."""
    found: list[Message] = []
    thoughts: list[dict[str, Any]] = []
    finish = ""
    for item in said:
        stated = item.get("finish_reason")
        finish = stated if isinstance(stated, str) and stated else finish
        if item.get("role") == "thinking":
            thoughts.append(_parts.reasoning(str(item.get("content") or "")))
            continue
        each = _message(item, "assistant")
        reasoning = item.get("reasoning")
        if isinstance(reasoning, str) and reasoning:
            thoughts.append(_parts.reasoning(reasoning))
        each["parts"] = [*thoughts, *each["parts"]]
        if finish:
            each.setdefault("finish_reason", reason(finish))
        found.append(each)
        thoughts = []
    if thoughts:
        found.append({"role": "assistant", "parts": thoughts, "finish_reason": reason(finish)})
    return found if any(each["parts"] for each in found) else []


def _functions(span: Span) -> list[dict[str, Any]]:
    return [
        {"name": item.get("name"), "description": item.get("description"), "parameters": _schema(item)}
        for item in gathered(span.attributes, "llm.request.functions")
    ]


def _schema(item: dict[str, Any]) -> dict[str, Any]:
    found = parsed(item.get("parameters", item.get("input_schema")))
    return found if isinstance(found, dict) else {"type": "object"}


def _gaps(span: Span) -> list[Loss]:
    """The messages whose attributes are missing while later ones are there."""
    there = indexes(span.attributes, "gen_ai.prompt")
    missing = sorted(set(range(there[-1] + 1 if there else 0)) - set(there))
    if not missing:
        return []
    why = f"the span does not hold number {', '.join(map(str, missing[:5]))} of {there[-1] + 1}"
    return [Loss("input messages", why, "a larger OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", input=True)]


def _tool(span: Span) -> ForeignCall:
    """A decorated tool: its input is `{"args": […], "kwargs": {…}}`, which has no names for the former.

    LangChain's tools have `{"inputs": …}` instead, and their output beside what it was called with.
    """
    attributes = span.attributes
    given = loose(attributes.get("traceloop.entity.input", attributes.get("gen_ai.tool.call.arguments")))
    inner = given.get("inputs", given) if isinstance(given, dict) else given
    named = inner.get("kwargs", inner) if isinstance(inner, dict) else inner
    losses = []
    if isinstance(inner, dict) and inner.get("args"):
        losses.append(
            Loss("arguments", "those given by position were recorded without their names", input=True)
        )
    result = attributes.get("traceloop.entity.output", attributes.get("gen_ai.tool.call.result"))
    value = loose(result)
    if isinstance(value, dict) and set(value) == {"output", "kwargs"}:
        value = value["output"]
        result = compact(value)
    if isinstance(value, dict) and "lc" in value:
        losses.append(LANGCHAIN)
    name = text(span, "traceloop.entity.name", "gen_ai.tool.name")
    return ran_tool(span, SOURCE, SETTING, name=name, arguments=named, result=result, losses=losses)
