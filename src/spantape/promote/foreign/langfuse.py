"""Langfuse's observations: input and output in the words of the wire API, without the response's envelope.

See: <https://langfuse.com/integrations/native/opentelemetry>
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from spantape._dialects import Message, _parts
from spantape._dialects._json import Reader, compact
from spantape._dialects._openai import Usage, put_usage
from spantape.promote.foreign._call import ForeignCall
from spantape.promote.foreign._messages import finished, message, without_system
from spantape.promote.foreign._read import base, checked, ran_tool, tool_definitions
from spantape.promote.foreign._values import is_mask, loose, objects, parsed, text
from spantape.promote.foreign.events import Event
from spantape.tape.model import Span

SOURCE: Final = "Langfuse"
SETTING: Final = "Langfuse without mask=…, and with capture_input and capture_output"
_OBSERVATION: Final = "langfuse.observation"
_TYPES: Final = {"generation": "chat", "embedding": "embeddings"}
_ITEMS: Final = frozenset({"message", "reasoning", "function_call"})
_USAGE: Final = Reader(Usage)
_DEFAULTS: Final = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}


def recognise(span: Span) -> bool:
    """Whether the span is an observation of Langfuse's."""
    return f"{_OBSERVATION}.type" in span.attributes or span.scope.startswith("langfuse")


def read(span: Span, _events: Sequence[Event]) -> ForeignCall | None:
    """The call, tool or agent of the span; None for other observations."""
    kind = text(span, f"{_OBSERVATION}.type")
    if kind == "tool":
        return _tool(span)
    if kind == "agent":
        return base(span, SOURCE, kind="agent", name=span.name)
    operation = _TYPES.get(kind)
    return None if operation is None else _model(span, operation)


def _model(span: Span, operation: str) -> ForeignCall:
    given = loose(span.attributes.get(f"{_OBSERVATION}.input"))
    said = loose(span.attributes.get(f"{_OBSERVATION}.output"))
    responses = _is_responses(given, said)
    name = text(span, f"{_OBSERVATION}.model.name")
    call = base(
        span,
        SOURCE,
        operation=operation,
        api="openai.embeddings"
        if operation == "embeddings"
        else "openai.responses"
        if responses
        else "openai.chat",
        response_model=name,  # of the answer; the one that was asked for is not kept
        usage=_usage(span),
        options=_options(span),
        stream=f"{_OBSERVATION}.completion_start_time" in span.attributes,
    )
    call = _with_input(call, given)
    if operation != "embeddings":
        call = replace(call, outputs=_outputs(span, said, responses=responses))
    return checked(call, SETTING)


def _is_responses(given: Any, said: Any) -> bool:
    if isinstance(given, dict) and "input" in given:
        return True
    items = said if isinstance(said, list) else [said]
    return any(str(item.get("type")) in _ITEMS for item in objects(items))


def _with_input(call: ForeignCall, given: Any) -> ForeignCall:
    asked = given
    tools: Any = None
    if isinstance(given, dict) and ("messages" in given or "input" in given):
        asked, tools = given.get("messages", given.get("input")), given.get("tools")
    found = _messages(asked, "user")
    if found is None or is_mask(asked):
        return call
    messages, system = without_system(found)
    return replace(call, messages=messages, system=system, tools=tool_definitions(tools or []))


def _messages(value: Any, role: str) -> list[Message] | None:
    if isinstance(value, str):
        return [{"role": role, "parts": [_parts.text(value)]}]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not value:
        return None
    return [
        {"role": role, "parts": [_parts.text(item)]} if isinstance(item, str) else message(item, role)
        for item in value
        if isinstance(item, str | dict)
    ]


def _outputs(span: Span, said: Any, *, responses: bool) -> list[Message] | None:
    """The choices; the items of a response are one message."""
    found = _messages(said, "assistant")
    if found is None:
        return None
    if responses:
        found = [{"role": "assistant", "parts": [part for each in found for part in each["parts"]]}]
    stated = loose(span.attributes.get(f"{_OBSERVATION}.metadata.finish_reason"))
    return finished(found, [stated] if isinstance(stated, str) else [])


def _usage(span: Span) -> dict[str, int]:
    """The usage of the wire, or Langfuse's own short words for it."""
    stated = parsed(span.attributes.get(f"{_OBSERVATION}.usage_details"))
    if not isinstance(stated, dict):
        return {}
    words = {"input": "input_tokens", "output": "output_tokens"}
    usage = _USAGE.one(compact({words.get(key, key): value for key, value in stated.items()}).encode())
    found: dict[str, Any] = {}
    put_usage(found, usage)
    return {
        key: count
        for key, count in found.items()
        if count or not key.endswith(("cache_read.input_tokens", "reasoning.output_tokens"))
    }


def _options(span: Span) -> dict[str, Any]:
    """What was asked for; the wrapper fills in defaults, which cannot be told from what was given."""
    stated = parsed(span.attributes.get(f"{_OBSERVATION}.model.parameters"))
    if not isinstance(stated, dict):
        return {}
    kept = {key: stated[key] for key, usual in _DEFAULTS.items() if stated.get(key) not in (None, usual)}
    return {f"gen_ai.request.{key}": value for key, value in kept.items()}


def _tool(span: Span) -> ForeignCall:
    arguments, result = (span.attributes.get(f"{_OBSERVATION}.{side}") for side in ("input", "output"))
    given = _named(loose(arguments))
    return ran_tool(span, SOURCE, SETTING, name=span.name, arguments=given, result=result)


def _named(arguments: Any) -> Any:
    """The arguments by name; `@observe` records `{"args": […], "kwargs": {…}}`."""
    if isinstance(arguments, dict) and set(arguments) == {"args", "kwargs"} and not arguments["args"]:
        return arguments["kwargs"]
    return arguments
