"""Anthropic's messages, also as they stand behind Vertex, gateways and compatible servers.

Input tokens are the sum of those read from the cache, written to it and neither, as the conventions want; roles stay
as the wire has them, so tool results stand in user messages. Counting tokens is recognised, but is no inference.

See: <https://docs.anthropic.com/en/api/messages>
"""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from spantape._dialects import _anthropic_blocks, _anthropic_stream, _errors, _finish, _json, _names, _openai
from spantape._dialects._anthropic_stream import Answer, Usage
from spantape._dialects._base import Answered, Asked, Attribute, Dialect, Message
from spantape._dialects._json import Count
from spantape._framing import sse

_MODEL_IN_PATH = re.compile(r"/models/([^/:?]+):(?:rawPredict|streamRawPredict)")
_COUNTING = ("/count_tokens", "/count-tokens:rawPredict")


class _Format(msgspec.Struct, gc=False):
    type: str | None = None


class _OutputConfig(msgspec.Struct, gc=False):
    effort: str | None = None
    format: _Format | None = None


class _Request(msgspec.Struct, gc=False):
    max_tokens: Count | None = None
    messages: list[Raw] | None = None
    model: str | None = None
    system: Raw = Raw()
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: Count | None = None
    stop_sequences: list[str] | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None
    tools: Raw = Raw()


_REQUEST = _json.Reader(_Request)
_ANSWER = _json.Reader(Answer)

_OPTIONS = _openai.members(
    ("max_tokens", _names.MAX_TOKENS),
    ("temperature", _names.TEMPERATURE),
    ("top_p", _names.TOP_P),
    ("top_k", _names.TOP_K),
)
_META = _openai.members(("id", _names.RESPONSE_ID), ("model", _names.RESPONSE_MODEL))


def ask(body: bytes, path: str) -> Asked:
    """What a messages request asks for; of a count of tokens, the operation is None."""
    request = _REQUEST.one(body) or _Request()
    messages = request.messages or []
    attributes = _OPTIONS(request)
    _put_rest(attributes, request)
    place = path.partition("?")[0].rstrip("/")
    return Asked(
        operation=None if place.endswith(_COUNTING) else "chat",
        model=_model(request, path),
        stream=request.stream is True,
        attributes=attributes,
        message_count=len(messages),
        history_end=_json.end_of_last(body, messages),
        render=functools.partial(_render, messages),
        system=functools.partial(_system, request.system) if request.system else None,
        tools=functools.partial(_definitions, request.tools) if request.tools else None,
    )


def answer(body: bytes, status: int, _content_type: str, asked: Asked) -> Answered:
    """What a message, a stream of its events, or an error in place of either says."""
    if status >= 400:
        return Answered(error=_errors.of_body(body, status))
    if asked.operation is None:
        return Answered()
    found = _anthropic_stream.joined(body) if sse.is_stream(body) else _ANSWER.one(body)
    return Answered() if found is None else _answered(found)


def _put_rest(attributes: dict[str, Attribute], request: _Request) -> None:
    if request.stream is True:
        attributes[_names.STREAM] = True
    if request.stop_sequences:
        attributes[_names.STOP_SEQUENCES] = request.stop_sequences
    form = request.output_format
    if request.output_config is not None:
        if request.output_config.effort:
            attributes[_names.REASONING_LEVEL] = request.output_config.effort
        form = request.output_config.format or form
    if form is not None and form.type == "json_schema":
        attributes[_names.OUTPUT_TYPE] = "json"


def _model(request: _Request, path: str) -> str | None:
    """The model asked for: the body's, or the one in the path of Vertex, whose bodies name none."""
    if request.model:
        return request.model
    found = _MODEL_IN_PATH.search(path)
    return unquote(found[1]) if found else None


def _render(messages: list[Raw], start: int) -> list[Message]:
    return [_anthropic_blocks.message(_json.value(raw), "user") for raw in messages[max(start, 0) :]]


def _system(system: Raw) -> list[dict[str, Any]]:
    return _anthropic_blocks.parts(_json.value(system))


def _definitions(tools: Raw) -> list[dict[str, Any]]:
    return [_definition(tool) for tool in _json.values(tools) if isinstance(tool, dict)]


def _definition(tool: dict[str, Any]) -> dict[str, Any]:
    """A client's tool as a function; one of Anthropic's own by its type and name."""
    kind, name = tool.get("type"), tool.get("name")
    if isinstance(kind, str) and kind not in ("", "custom"):
        return {"type": kind, "name": name if isinstance(name, str) else kind}
    definition: dict[str, Any] = {"type": "function", "name": name if isinstance(name, str) else ""}
    for key, ours in (("description", "description"), ("input_schema", "parameters")):
        if tool.get(key) is not None:
            definition[ours] = tool[key]
    return definition


def _answered(message: Answer) -> Answered:
    error = _errors.of_object(message.error)
    if error is not None:
        error = (error[0] or _finish.ERROR, error[1])
    attributes = _META(message)
    _put_usage(attributes, message.usage)
    if message.content is None and message.type != "message":
        return Answered(attributes, error=error)
    finish = _finish.reason(message.stop_reason)
    attributes[_names.FINISH_REASONS] = [finish]
    parts = _anthropic_blocks.parts(message.content)
    if any(part["type"] == "compaction" for part in parts):
        attributes[_names.COMPACTED] = True
    output = {"role": message.role or "assistant", "parts": parts, "finish_reason": finish}
    return Answered(attributes, [output], error)


def _put_usage(attributes: dict[str, Attribute], usage: Usage | None) -> None:
    """Add the token counts that `usage` has; those it lacks stay absent."""
    if usage is None:
        return
    read, written = usage.cache_read_input_tokens, _written(usage)
    if usage.input_tokens is not None:
        attributes[_names.INPUT_TOKENS] = min(
            usage.input_tokens + (read or 0) + (written or 0), _json.LARGEST
        )
    if usage.output_tokens is not None:
        attributes[_names.OUTPUT_TOKENS] = usage.output_tokens
    if read is not None:
        attributes[_names.CACHE_READ_TOKENS] = read
    if written is not None:
        attributes[_names.CACHE_WRITE_TOKENS] = written
    details = usage.output_tokens_details
    if details is not None and details.thinking_tokens is not None:
        attributes[_names.REASONING_TOKENS] = details.thinking_tokens


def _written(usage: Usage) -> int | None:
    if usage.cache_creation_input_tokens is not None or usage.cache_creation is None:
        return usage.cache_creation_input_tokens
    found = (usage.cache_creation.ephemeral_5m_input_tokens, usage.cache_creation.ephemeral_1h_input_tokens)
    return None if found == (None, None) else min(sum(count or 0 for count in found), _json.LARGEST)


MESSAGES = Dialect("anthropic.messages", "chat", ask, answer)
