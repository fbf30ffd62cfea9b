"""OpenAI's responses: created, compacted, counted, fetched again.

The operation is `chat` for creating and compacting, `fetch_response` for `GET …/responses/{id}` (no usage there:
it was counted when the response was made), and None for counting input tokens, which is no inference.

See: <https://platform.openai.com/docs/api-reference/responses>
"""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec import Raw

from spantape._dialects import (
    _errors,
    _finish,
    _json,
    _names,
    _openai,
    _parts,
    _responses_items,
    _responses_stream,
)
from spantape._dialects._base import Answered, Asked, Attribute, Dialect, Message
from spantape._dialects._json import Count
from spantape._dialects._responses_stream import Response
from spantape._framing import sse

_FETCHED = re.compile(r"/responses/([^/?]+)/?(?:\?(.*))?$", re.DOTALL)
_UNFINISHED = ("queued", "in_progress")
_ENDED_OTHERWISE = {"failed": _finish.ERROR, "cancelled": "cancelled"}


class _Format(msgspec.Struct, gc=False):
    type: str | None = None


class _Text(msgspec.Struct, gc=False):
    format: _Format | None = None


class _Reasoning(msgspec.Struct, gc=False):
    effort: str | None = None


class _Conversation(msgspec.Struct, gc=False):
    id: str | None = None


class _Prompt(msgspec.Struct, gc=False):
    id: str | None = None
    version: str | None = None


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    input: str | list[Raw] | None = None
    instructions: Raw = Raw()
    stream: bool | None = None
    previous_response_id: str | None = None
    conversation: Raw = Raw()
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: Count | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    service_tier: str | None = None
    reasoning: _Reasoning | None = None
    text: _Text | None = None
    prompt: _Prompt | None = None
    tools: Raw = Raw()


_REQUEST = _json.Reader(_Request)
_RESPONSE = _json.Reader(Response)
_CONVERSATION = _json.Reader(_Conversation)

_OPTIONS = _openai.members(
    ("temperature", _names.TEMPERATURE),
    ("top_p", _names.TOP_P),
    ("max_output_tokens", _names.MAX_TOKENS),
    ("frequency_penalty", _names.FREQUENCY_PENALTY),
    ("presence_penalty", _names.PRESENCE_PENALTY),
    ("previous_response_id", _names.PREVIOUS_RESPONSE),
    ("service_tier", _names.OPENAI_REQUEST_TIER),
)
_META = _openai.members(
    ("id", _names.RESPONSE_ID),
    ("model", _names.RESPONSE_MODEL),
    ("service_tier", _names.OPENAI_RESPONSE_TIER),
    ("system_fingerprint", _names.OPENAI_FINGERPRINT),
)
_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def ask(body: bytes, path: str) -> Asked:
    """What a request to the responses API asks for."""
    place = path.partition("?")[0].rstrip("/")
    if place.endswith("/responses/input_tokens"):
        return _asked(body, path, None)
    fetched = None if place.endswith(("/responses", "/compact")) else _FETCHED.search(path)
    return _asked(body, path, "chat") if fetched is None else _fetching(unquote(fetched[1]), fetched[2] or "")


def answer(body: bytes, status: int, _content_type: str, asked: Asked) -> Answered:
    """What a response, a stream of its events, or an error in place of either says."""
    if status >= 400:
        return Answered(error=_errors.of_body(body, status))
    if asked.operation is None:
        return Answered()
    if sse.is_stream(body):
        joined = _responses_stream.joined(body)
        return Answered() if joined is None else _answered(*joined, asked)
    found = _RESPONSE.one(body)
    return Answered() if found is None else _answered(found, torn=False, asked=asked)


def _fetching(response_id: str, query: str) -> Asked:
    """A `GET` of a response that was made before, perhaps resuming its stream."""
    options = parse_qs(query)
    attributes: dict[str, Attribute] = {_names.RESPONSE_ID: response_id}
    stream = options.get("stream") == ["true"]
    if stream:
        attributes[_names.STREAM] = True
    if cursor := options.get("starting_after"):
        attributes[_names.STREAM_CURSOR] = cursor[0]
    return Asked(operation="fetch_response", stream=stream, attributes=attributes)


def _asked(body: bytes, path: str, operation: str | None) -> Asked:
    request = _REQUEST.one(body) or _Request()
    attributes = _OPTIONS(request)
    _put_rest(attributes, request)
    items = [request.input] if isinstance(request.input, str) else request.input or []
    return Asked(
        operation=operation,
        model=_openai.requested_model(request.model, path),
        stream=request.stream is True,
        attributes=attributes,
        message_count=len(items),
        history_end=0 if isinstance(request.input, str) else _json.end_of_last(body, request.input),
        render=functools.partial(_render, items),
        system=functools.partial(_system, request.instructions) if request.instructions else None,
        tools=functools.partial(_openai.tool_definitions, request.tools) if request.tools else None,
    )


def _put_rest(attributes: dict[str, Attribute], request: _Request) -> None:
    """The options that are no plain value, or that stand deeper."""
    if request.stream is True:
        attributes[_names.STREAM] = True
    _openai.put_seed(attributes, request.seed)
    if request.reasoning is not None and request.reasoning.effort:
        attributes[_names.REASONING_LEVEL] = request.reasoning.effort
    if request.conversation and (conversation := _conversation(request.conversation)):
        attributes[_names.CONVERSATION] = conversation
    if request.text is not None and request.text.format is not None:
        output = _OUTPUT_TYPES.get(request.text.format.type or "")
        if output is not None:
            attributes[_names.OUTPUT_TYPE] = output
    if request.prompt is not None and request.prompt.id:
        attributes[_names.PROMPT_NAME] = request.prompt.id
        if request.prompt.version:
            attributes[_names.PROMPT_VERSION] = request.prompt.version


def _conversation(raw: Raw) -> str | None:
    """The id of the conversation, which is given bare or in an object."""
    given = _json.value(raw)
    if isinstance(given, str):
        return given
    found = _CONVERSATION.one(raw)
    return None if found is None else found.id


def _render(items: list[str] | list[Raw], start: int) -> list[Message]:
    return [_message(item) for item in items[max(start, 0) :]]


def _message(item: str | Raw) -> Message:
    value = item if isinstance(item, str) else _json.value(item)
    if isinstance(value, str):
        return {"role": "user", "parts": _openai.content_parts(value)}
    return _responses_items.message(value)


def _system(instructions: Raw) -> list[dict[str, Any]]:
    """The instructions as text parts; a stored prompt's come back as a list of items."""
    given = _json.value(instructions)
    if isinstance(given, str):
        return _openai.content_parts(given)
    items = given if isinstance(given, list) else []
    return [part for item in items for part in _responses_items.message(item)["parts"]]


def _answered(response: Response, torn: bool, asked: Asked) -> Answered:
    """What `response` says; `torn` where it came in a stream that ended too early."""
    attributes = _META(response)
    if asked.operation == "fetch_response":
        if response.status:
            attributes[_names.RESPONSE_STATUS] = response.status
    else:
        _openai.put_usage(attributes, response.usage)
    parts = [part for item in response.output or () for part in _responses_items.parts(item)]
    if any(part["type"] == "compaction" for part in parts):
        attributes[_names.COMPACTED] = True
    message: Message = {"role": "assistant", "parts": parts}
    finish = _finished(response, parts, torn)
    if finish is not None:
        attributes[_names.FINISH_REASONS] = [finish]
        message["finish_reason"] = finish
    return Answered(attributes, [message] if response.output else [], _error(response), is_stored=True)


def _finished(response: Response, parts: list[_parts.Part], torn: bool) -> str | None:
    """Why the response ended, which the wire does not say in one word; None where it has not ended or is none."""
    status = response.status
    if torn:
        return _finish.ERROR if response.output else None
    if status in _UNFINISHED or (status is None and response.output is None):
        return None
    if status == "incomplete":
        details = response.incomplete_details
        return _finish.reason(details.reason if details is not None else None)
    if status in _ENDED_OTHERWISE:
        return _ENDED_OTHERWISE[status]
    if response.object == "response.compaction":
        return "compaction"
    return "tool_call" if any(part["type"] == "tool_call" for part in parts) else "stop"


def _error(response: Response) -> _errors.Error | None:
    found = _errors.of_object(response.error)
    if found is not None:
        return found[0] or _finish.ERROR, found[1]
    return (_finish.ERROR, "") if response.status == "failed" else None


RESPONSES = Dialect("openai.responses", "chat", ask, answer, {_names.OPENAI_API_TYPE: "responses"})
