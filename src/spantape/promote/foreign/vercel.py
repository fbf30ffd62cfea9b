"""The Vercel AI SDK, of JavaScript: spans of a whole `generateText`, and inside them one for each call of a model.

See: <https://ai-sdk.dev/docs/ai-sdk-core/telemetry>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Message, _parts
from spantape._dialects._finish import reason
from spantape.promote.foreign._call import ForeignCall
from spantape.promote.foreign._facts import cut, wire_api
from spantape.promote.foreign._messages import UNRECORDED, without_system
from spantape.promote.foreign._read import base, checked, ran_tool, tool_definitions
from spantape.promote.foreign._values import UNREADABLE, is_vector, objects, parsed, text
from spantape.promote.foreign.events import Event
from spantape.tape.model import Span

SOURCE: Final = "Vercel AI SDK"
SETTING: Final = "experimental_telemetry: { recordInputs: true, recordOutputs: true }"
_CALLS: Final = (".doGenerate", ".doStream")
_EMBEDS: Final = ".doEmbed"


def recognise(span: Span) -> bool:
    """Whether the AI SDK wrote the span."""
    return (
        "ai.operationId" in span.attributes
        or "ai.model.id" in span.attributes
        or "ai.toolCall.name" in span.attributes
    )


def read(span: Span, _events: Sequence[Event]) -> ForeignCall | None:
    """The call or tool of the span; a whole `generateText` around its calls stands as an agent."""
    operation = text(span, "ai.operationId") or span.name
    if operation == "ai.toolCall" or "ai.toolCall.name" in span.attributes:
        return _tool(span)
    if operation.endswith(_CALLS):
        return _model(span, stream=operation.endswith(".doStream"))
    if operation.endswith(_EMBEDS):
        return _embedding(span)
    if operation.startswith(("ai.generate", "ai.stream")):
        return base(span, SOURCE, kind="agent", name=text(span, "ai.telemetry.functionId") or operation)
    return None


def _model(span: Span, *, stream: bool) -> ForeignCall:
    provider, _, api = text(span, "ai.model.provider", "gen_ai.system").partition(".")
    response_id = text(span, "ai.response.id", "gen_ai.response.id")
    call = base(
        span,
        SOURCE,
        provider=provider,
        api=wire_api(provider, "chat", response_id if api != "chat" else "", api),
        model=text(span, "ai.model.id", "gen_ai.request.model"),
        response_model=text(span, "ai.response.model", "gen_ai.response.model"),
        response_id=response_id,
        stream=stream,
        outputs=_outputs(span),
    )
    asked = parsed(span.attributes.get("ai.prompt.messages"))
    if asked is UNREADABLE:
        call = call.losing(cut("input messages", input=True))
    elif isinstance(asked, list):
        messages, system = without_system([_message(item) for item in objects(asked)])
        call = replace(call, messages=messages, system=system, tools=_tools(span))
    return checked(call, SETTING)


def _tools(span: Span) -> list[dict[str, Any]] | None:
    """The tools: an array of JSON texts, or one JSON text."""
    given = span.attributes.get("ai.prompt.tools")
    if given is None:
        return []
    return tool_definitions(
        [parsed(item) for item in given] if isinstance(given, tuple | list) else parsed(given)
    )


def _message(item: dict[str, Any]) -> Message:
    content = item.get("content")
    if isinstance(content, str):
        return {"role": str(item.get("role") or "user"), "parts": [_parts.text(content)] if content else []}
    parts = [part for given in objects(content) for part in _part(given)]
    return {"role": str(item.get("role") or "user"), "parts": parts}


def _part(part: dict[str, Any]) -> list[dict[str, Any]]:
    read = _PARTS.get(str(part.get("type")))
    return [part] if read is None else read(part)


def _said(part: dict[str, Any]) -> list[dict[str, Any]]:
    said = part.get("text")
    return [_parts.text(said)] if isinstance(said, str) and said else []


def _call(part: dict[str, Any]) -> dict[str, Any]:
    return _parts.tool_call(part.get("toolCallId"), part.get("toolName"), part.get("input", part.get("args")))


def _result(part: dict[str, Any]) -> list[dict[str, Any]]:
    """The result: since version 5 under `output`, with its type beside the value."""
    output = part.get("output")
    value = (
        output.get("value") if isinstance(output, dict) and "type" in output else part.get("result", output)
    )
    return [_parts.tool_response(part.get("toolCallId"), value)]


def _media(part: dict[str, Any]) -> list[dict[str, Any]]:
    held = part.get("data", part.get("image", part.get("url")))
    kind = part.get("mediaType", part.get("mimeType", "image/*" if part.get("type") == "image" else None))
    if not isinstance(held, str):
        return [_parts.uri(UNRECORDED, kind)]
    return [_parts.uri(held, kind) if held.startswith(("http", "data:")) else _parts.blob(held, kind)]


_PARTS: Final[dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]]] = {
    "text": _said,
    "reasoning": lambda part: [_parts.reasoning(str(part.get("text") or ""))],
    "tool-call": lambda part: [_call(part)],
    "tool-result": _result,
    "image": _media,
    "file": _media,
}


def _outputs(span: Span) -> list[Message] | None:
    reasoning, said = (
        text(span, "ai.response.reasoning"),
        text(span, "ai.response.text", "ai.response.object"),
    )
    calls = parsed(span.attributes.get("ai.response.toolCalls"))
    parts = [_parts.reasoning(reasoning)] if reasoning else []
    parts += [_parts.text(said)] if said else []
    parts += [_call(call) for call in objects(calls)]
    if not parts:
        return None
    finish = text(span, "ai.response.finishReason").replace("-", "_")
    message: Message = {"role": "assistant", "parts": parts}
    return [{**message, "finish_reason": reason(finish)} if finish else message]


def _embedding(span: Span) -> ForeignCall:
    values = [parsed(value) for value in _texts(span, "ai.value", "ai.values")]
    vectors = [parsed(value) for value in _texts(span, "ai.embedding", "ai.embeddings")]
    call = base(
        span, SOURCE, operation="embeddings", api="openai.embeddings", model=text(span, "ai.model.id")
    )
    if values and all(isinstance(value, str) for value in values):
        said = [{"role": "user", "parts": [_parts.text(value)]} for value in values]
        call = replace(call, messages=said, system=[], tools=[])
    if vectors and all(map(is_vector, vectors)):
        call = replace(call, vectors=vectors)
    return checked(call, SETTING)


def _texts(span: Span, one: str, many: str) -> list[Any]:
    listed = span.attributes.get(many)
    if isinstance(listed, tuple | list):
        return list(listed)
    single = span.attributes.get(one)
    return [] if single is None else [single]


def _tool(span: Span) -> ForeignCall:
    arguments, result = span.attributes.get("ai.toolCall.args"), span.attributes.get("ai.toolCall.result")
    name = text(span, "ai.toolCall.name")
    return ran_tool(span, SOURCE, SETTING, name=name, arguments=arguments, result=result)
