"""OpenInference (Arize Phoenix): the raw request and response where the span has them, else its indexed attributes.

See: <https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md>
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Message, _parts
from spantape._dialects._finish import reason
from spantape.promote.foreign._call import ForeignCall, Loss
from spantape.promote.foreign._facts import LENGTH_LIMIT, wire_api
from spantape.promote.foreign._messages import without_system
from spantape.promote.foreign._read import (
    LANGCHAIN,
    api_of_request,
    api_of_response,
    base,
    checked,
    ran_tool,
    tool_definitions,
    with_request,
    with_response,
)
from spantape.promote.foreign._values import (
    UNREADABLE,
    gathered,
    has_mask,
    is_mask,
    is_vector,
    loose,
    objects,
    parsed,
    plain,
    text,
)
from spantape.promote.foreign.events import Event
from spantape.tape.model import Span

SOURCE: Final = "OpenInference"
SETTING: Final = "OPENINFERENCE_HIDE_INPUTS, OPENINFERENCE_HIDE_OUTPUTS and their kin unset"
_IDS: Final = {
    "openai": re.compile(r'"id": ?"((?:chatcmpl-|resp_)[^"]+)"'),
    "anthropic": re.compile(r'"id": ?"(msg_[^"]+)"'),
}
_CHATS: Final = ("openai.chat", "anthropic.messages")
_KIND: Final = "openinference.span.kind"


def recognise(span: Span) -> bool:
    """Whether the span is one of OpenInference's."""
    return _KIND in span.attributes


def read(span: Span, _events: Sequence[Event]) -> ForeignCall | None:
    """The call, tool or agent of the span; None for chains, retrievers, guardrails and the like."""
    kind = text(span, _KIND).upper()
    if kind == "TOOL":
        return _tool(span)
    if kind == "AGENT":
        name = text(span, "agent.name", "graph.node.name") or span.name
        return base(span, SOURCE, kind="agent", name=name)
    if kind == "EMBEDDING":
        return _embedding(span)
    return _model(span) if kind == "LLM" else None


def _model(span: Span) -> ForeignCall:
    provider = text(span, "llm.provider", "llm.system").lower()
    call = _attributes(base(span, SOURCE, provider=provider, model=_model_name(span)))
    call = _raw(call)
    if not call.response_id:
        call = replace(call, response_id=_id_within(span, provider))
    if call.api is None:
        call = replace(call, api=wire_api(provider, call.operation, call.response_id))
    return checked(call, SETTING)


def _id_within(span: Span, provider: str) -> str:
    """The response's id in an output that is a framework's own JSON: LangChain keeps it in a message's metadata."""
    found = _IDS["anthropic" if provider == "anthropic" else "openai"].search(text(span, "output.value"))
    return "" if found is None else found[1]


def _model_name(span: Span) -> str:
    stated = parsed(span.attributes.get("llm.invocation_parameters"))
    asked = stated.get("model") if isinstance(stated, dict) else None
    return text(span, "llm.request.model_name") or (asked if isinstance(asked, str) else "")


def _raw(call: ForeignCall) -> ForeignCall:
    """The call with its raw request and response, which say more than the attributes, where they are whole."""
    request, response = (_json(call.span, side) for side in ("input", "output"))
    api = api_of_response(response)
    asked = api_of_request(request)
    if asked is not None and not has_mask(request):
        call = with_request(call, _agreed(asked, api, call.provider), request)
    if api is not None and not has_mask(response):
        call = with_response(call, api, _whole(response))
    return call.losing(*_cut(call))


def _agreed(asked: str, answered: str | None, provider: str) -> str:
    """The API of a request whose shape two APIs share: that of its answer, else that of its provider."""
    if asked not in _CHATS:
        return asked
    if answered in _CHATS:
        return str(answered)
    return "anthropic.messages" if provider == "anthropic" else "openai.chat" if provider else asked


def _json(span: Span, side: str) -> Any:
    value = loose(span.attributes.get(f"{side}.value"))
    return value if isinstance(value, dict) else None


def _whole(response: dict[str, Any]) -> dict[str, Any]:
    """A completion that was joined from chunks keeps their name for itself."""
    return (
        {**response, "object": "chat.completion"}
        if response.get("object") == "chat.completion.chunk"
        else response
    )


def _cut(call: ForeignCall) -> list[Loss]:
    """Raw JSON that ends early, where the attributes beside it do not make up for it."""
    losses = []
    for side, held in (("input", call.messages), ("output", call.outputs)):
        value = call.span.attributes.get(f"{side}.value")
        is_json = text(call.span, f"{side}.mime_type") == "application/json"
        if is_json and not held and not is_mask(value) and parsed(value) is UNREADABLE:
            losses.append(
                Loss(f"{side} messages", "the raw JSON was cut short", LENGTH_LIMIT, input=side == "input")
            )
    return losses


def _attributes(call: ForeignCall) -> ForeignCall:
    """The call with what its indexed attributes say."""
    span = call.span
    asked = [_message(item) for item in gathered(span.attributes, "llm.input_messages")]
    said = [_message(item) for item in gathered(span.attributes, "llm.output_messages")]
    finish = text(span, "llm.finish_reason")
    if finish:
        said = [{**each, "finish_reason": reason(finish)} for each in said]
    found = [item.get("tool") for item in gathered(span.attributes, "llm.tools")]
    schemas = [parsed(tool.get("json_schema")) for tool in objects(found)]
    inputs, system = without_system(asked)
    return replace(
        call,
        response_model=text(span, "llm.response.model_name", "llm.model_name"),
        messages=inputs if asked else None,
        system=system if asked else None,
        tools=tool_definitions(schemas) if asked else None,
        outputs=said if any(each["parts"] for each in said) else None,
        stream=_streams(span),
    )


def _streams(span: Span) -> bool:
    stated = parsed(span.attributes.get("llm.invocation_parameters"))
    return isinstance(stated, dict) and stated.get("stream") is True


def _message(item: dict[str, Any]) -> Message:
    message = item.get("message")
    given: dict[str, Any] = message if isinstance(message, dict) else {}
    role = str(given.get("role") or "user")
    if role == "tool":
        return {
            "role": role,
            "parts": [_parts.tool_response(given.get("tool_call_id"), given.get("content"))],
        }
    content = given.get("content")
    parts = [_parts.text(content)] if isinstance(content, str) and content else []
    parts += [part for each in objects(given.get("contents")) for part in _content(each)]
    known = {part.get("id") for part in parts if part["type"] == "tool_call"}
    calls = [_call(each.get("tool_call")) for each in objects(given.get("tool_calls"))]
    return {
        "role": role,
        "parts": [*parts, *(call for call in calls if call.get("id") not in known or not known)],
    }


def _content(item: dict[str, Any]) -> list[dict[str, Any]]:
    """One of a message's contents; calls that it repeats from the message come where they stand here."""
    inner = item.get("message_content")
    given: dict[str, Any] = inner if isinstance(inner, dict) else {}
    kind = given.get("type")
    if kind == "tool_use":
        return [_call(item.get("tool_call"))]
    if kind == "reasoning":
        return [_parts.reasoning(str(given.get("text") or ""))]
    if kind == "image":
        url = given.get("image", {})
        while isinstance(url, dict):
            url = url.get("image", url.get("url"))
        return [_parts.uri(str(url or ""), modality="image")]
    said = given.get("text")
    return [_parts.text(said)] if isinstance(said, str) and said else []


def _call(value: Any) -> dict[str, Any]:
    call: dict[str, Any] = value if isinstance(value, dict) else {}
    inner = call.get("function")
    function: dict[str, Any] = inner if isinstance(inner, dict) else {}
    return _parts.tool_call(call.get("id"), function.get("name"), function.get("arguments"))


def _embedding(span: Span) -> ForeignCall:
    call = base(
        span,
        SOURCE,
        operation="embeddings",
        api="openai.embeddings",
        model=text(span, "embedding.model_name"),
    )
    found = [item.get("embedding") for item in gathered(span.attributes, "embedding.embeddings")]
    texts = [item.get("text") for item in objects(found)]
    vectors = [plain(item.get("vector")) for item in objects(found)]
    if texts and all(isinstance(each, str) for each in texts):
        messages = [{"role": "user", "parts": [_parts.text(str(each))]} for each in texts]
        call = replace(call, messages=messages, system=[], tools=[])
    if vectors and all(map(is_vector, vectors)):
        call = replace(call, vectors=vectors)
    request, response = _json(span, "input"), _json(span, "output")
    if isinstance(request, dict) and "input" in request and not has_mask(request):
        call = with_request(call, "openai.embeddings", request)
    if api_of_response(response) == "openai.embeddings" and not has_mask(response):
        call = with_response(call, "openai.embeddings", response)
    return checked(replace(call, response_model=call.response_model or call.model), SETTING)


def _tool(span: Span) -> ForeignCall:
    """A tool that ran; `tool.parameters` may be its schema, so only its input says what it was given."""
    arguments, result = span.attributes.get("input.value"), span.attributes.get("output.value")
    value = loose(result)
    of_langchain = isinstance(value, dict) and value.get("type") == "tool" and "data" in value
    losses = [LANGCHAIN] if of_langchain else []
    name = text(span, "tool.name")
    return ran_tool(span, SOURCE, SETTING, name=name, arguments=arguments, result=result, losses=losses)
