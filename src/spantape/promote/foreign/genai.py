"""The GenAI conventions from 1.37 on, as several instrumentations write them, and their events of before.

See: <https://opentelemetry.io/docs/specs/semconv/gen-ai/>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Message
from spantape._spans.beside import MODEL_OPERATIONS
from spantape.promote.foreign import events as event_lists
from spantape.promote.foreign._call import ForeignCall, Loss
from spantape.promote.foreign._facts import cut, wire_api
from spantape.promote.foreign._messages import finished, is_hollow, messages, parts, without_system
from spantape.promote.foreign._read import base, checked, ran_tool, tool_definitions
from spantape.promote.foreign._values import UNREADABLE, loose, number, parsed, text
from spantape.promote.foreign.events import Event
from spantape.tape.model import Span

SOURCE: Final = "OpenTelemetry GenAI"
SETTING: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY"
OLD_SETTING: Final = (
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true, with the log records exported too"
)

_AGENTS: Final = frozenset({"invoke_agent", "invoke_workflow", "create_agent"})
_MARKS: Final = (
    "gen_ai.operation.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
)
_PROVIDERS: Final = frozenset({"gen_ai.provider.name", "gen_ai.system"})
"""Marks of any work around a provider; of a call only where what else it said was dropped."""

_TELLING_TOOLS: Final = (
    "opentelemetry.instrumentation.",  # util-genai and OpenLLMetry
    "pydantic-ai",
    "logfire",
)
_INPUT: Final = "gen_ai.input.messages"
_OUTPUT: Final = "gen_ai.output.messages"


def recognise(span: Span) -> bool:
    """Whether the span follows the conventions, of whatever version, and whatever a limit has left of it."""
    if any(mark in span.attributes for mark in _MARKS):
        return True
    return span.dropped_attributes > 0 and not _PROVIDERS.isdisjoint(span.attributes)


def read(
    span: Span, events: Sequence[Event], *, source: str = SOURCE, setting: str = ""
) -> ForeignCall | None:
    """The call, the tool or the agent of the span; None for other operations (plans, memory, retrieval)."""
    operation = text(span, "gen_ai.operation.name") or "chat"
    if operation == "execute_tool":
        return read_tool(span, source, setting or SETTING)
    if operation in _AGENTS:
        name = text(span, "gen_ai.agent.name", "gen_ai.workflow.name", "agent_name") or span.name
        return base(span, source, kind="agent", operation=operation, name=name)
    if operation not in MODEL_OPERATIONS or operation in ("retrieval", "fetch_response"):
        return None
    return _read_model(span, operation, events, source, setting)


def _read_model(
    span: Span, operation: str, events: Sequence[Event], source: str, setting: str
) -> ForeignCall:
    own = event_lists.of_span(span, events)
    attributes = {**span.attributes, **event_lists.details(own)}
    provider = text(span, "gen_ai.provider.name", "gen_ai.system").lower()
    response_id = text(span, "gen_ai.response.id")
    call = base(
        span,
        source,
        operation=operation,
        provider=provider,
        api=wire_api(provider, operation, response_id, api_type(span)),
        model=text(span, "gen_ai.request.model"),
        response_model=text(span, "gen_ai.response.model"),
        response_id=response_id,
        stream=any(span.attributes.get(key) is True for key in _STREAMS),
        base_url=base_url(span),
    )
    call = with_content(call, attributes)
    told = event_lists.told_by(own)
    old = call.messages is None and call.outputs is None and _is_old(span)
    call = with_told(call, told)
    return checked(call, setting or (OLD_SETTING if old else SETTING))


_STREAMS: Final = ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming")


def _is_old(span: Span) -> bool:
    return "gen_ai.system" in span.attributes and "gen_ai.provider.name" not in span.attributes


def api_type(span: Span) -> str:
    """Which of OpenAI's APIs the span says: "responses" or ""."""
    if text(span, "openai.api.type") == "responses" or span.name.lower().startswith(
        ("openai.response", "responses api")
    ):
        return "responses"
    return ""


def base_url(span: Span) -> str:
    """Where the API stands, as far as the span tells; "" where it does not."""
    stated = text(span, "gen_ai.openai.api_base")
    if stated:
        return stated.rstrip("/").removesuffix("/v1")
    host, port = text(span, "server.address"), number(span, "server.port")
    if not host:
        return ""
    local = host in ("127.0.0.1", "localhost", "::1")
    scheme = text(span, "url.scheme") or ("http" if local else "https")
    return f"{scheme}://{host}" + (f":{port}" if port and port not in (80, 443) else "")


def with_content(call: ForeignCall, attributes: Mapping[str, Any]) -> ForeignCall:
    """The call with the content that stands in the conventions' attributes (of the span, or of its event)."""
    inputs, lost_inputs = _listed(attributes, _INPUT, "user")
    outputs, lost_outputs = _listed(attributes, _OUTPUT, "assistant")
    losses: list[Loss] = [*lost_inputs, *lost_outputs]
    system: list[dict[str, Any]] | None = None
    stated = parsed(attributes.get("gen_ai.system_instructions"))
    if stated is UNREADABLE:
        losses.append(cut("system instructions", input=True))
    if inputs is not None:
        inputs, within = without_system(inputs)
        system = [*((None if stated is UNREADABLE else parts(stated)) or ()), *within]
    reasons = loose(attributes.get("gen_ai.response.finish_reasons"))
    if outputs is not None:
        outputs = finished(outputs, reasons if isinstance(reasons, list) else [])
    tools = parsed(attributes.get("gen_ai.tool.definitions"))
    return replace(
        call,
        messages=inputs,
        system=system,
        outputs=outputs,
        tools=_tools(tools, told=inputs is not None and call.span.scope.startswith(_TELLING_TOOLS)),
        losses=(*call.losses, *losses),
    )


def _tools(value: Any, *, told: bool) -> list[dict[str, Any]] | None:
    """The tools; where content is told by one that tells tools too, and no tools are, there were none."""
    if value is None:
        return [] if told else None
    return None if value is UNREADABLE else tool_definitions(value)


def _listed(attributes: Mapping[str, Any], key: str, role: str) -> tuple[list[Message] | None, list[Loss]]:
    """The messages under `key`, and what is lost of them."""
    what, is_input = ("input messages", True) if key == _INPUT else ("output messages", False)
    if key not in attributes:
        where = attributes.get(f"{key}_ref")
        return None, [] if where is None else [Loss(what, f"they stand at {where}", SETTING, input=is_input)]
    value = parsed(attributes[key])
    if value is UNREADABLE:
        return None, [cut(what, input=is_input)]
    if is_hollow(value):
        return None, []
    return messages(value, role), []


def with_told(call: ForeignCall, told: event_lists.Told) -> ForeignCall:
    """The call with what its events say of it; they never tell the tools."""
    if told.hollow or (told.inputs is None and told.outputs is None):
        return call
    changes: dict[str, Any] = {}
    if call.messages is None and told.inputs is not None:
        changes["messages"], changes["system"] = without_system(told.inputs)
    if call.outputs is None and told.outputs is not None:
        changes["outputs"] = told.outputs
    return replace(call, **changes)


def read_tool(span: Span, source: str, setting: str) -> ForeignCall:
    """A tool that ran: its arguments and its result where they were recorded."""
    arguments = _first(span, "gen_ai.tool.call.arguments", "tool_arguments")
    result = _first(span, "gen_ai.tool.call.result", "tool_response")
    name = text(span, "gen_ai.tool.name")
    return ran_tool(span, source, setting, name=name, arguments=arguments, result=result)


def _first(span: Span, *keys: str) -> Any:
    return next((span.attributes[key] for key in keys if span.attributes.get(key) is not None), None)
