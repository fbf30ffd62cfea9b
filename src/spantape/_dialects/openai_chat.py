"""OpenAI's chat completions, which most other providers and servers speak too.

Choices made here, where the conventions leave room: a refusal is a text part; reasoning whose text is withheld is a
reasoning part with "" as content; citations and log probabilities are left out; a role stays as the wire has it.

See: <https://platform.openai.com/docs/api-reference/chat>
"""

from __future__ import annotations

import functools
import re
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from spantape._dialects import _chat_message, _chat_stream, _errors, _finish, _json, _names, _openai
from spantape._dialects._base import Answered, Asked, Attribute, Dialect, Message
from spantape._dialects._chat_stream import Completion
from spantape._dialects._json import Count
from spantape._framing import sse

_PROMPT_PATH = re.compile(r"/prompts/([^/?]+)/completions")


class _ResponseFormat(msgspec.Struct, gc=False):
    type: str | None = None


class _Reasoning(msgspec.Struct, gc=False):
    effort: str | None = None


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    messages: list[Raw] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Count | None = None
    seed: int | None = None
    random_seed: int | None = None  # Mistral
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    top_k: Count | None = None  # vLLM, OpenRouter, Together
    service_tier: str | None = None
    reasoning_effort: str | None = None
    reasoning: _Reasoning | None = None  # OpenRouter
    response_format: _ResponseFormat | None = None
    modalities: list[str] | None = None
    tools: Raw = Raw()
    functions: Raw = Raw()


_REQUEST = _json.Reader(_Request)
_COMPLETION = _json.Reader(Completion)

_OPTIONS = _openai.members(
    ("temperature", _names.TEMPERATURE),
    ("top_p", _names.TOP_P),
    ("top_k", _names.TOP_K),
    ("frequency_penalty", _names.FREQUENCY_PENALTY),
    ("presence_penalty", _names.PRESENCE_PENALTY),
    ("reasoning_effort", _names.REASONING_LEVEL),
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
    """What a chat completion request asks for."""
    request = _REQUEST.one(body) or _Request()
    messages = request.messages or []
    attributes = _OPTIONS(request)
    _put_rest(attributes, request)
    if "/prompts/" in path and (prompt := _PROMPT_PATH.search(path)):
        attributes[_names.PROMPT_NAME] = unquote(prompt[1])
    return Asked(
        operation="chat",
        model=_openai.requested_model(request.model, path),
        stream=request.stream is True,
        attributes=attributes,
        message_count=len(messages),
        history_end=_json.end_of_last(body, messages),
        render=functools.partial(_render, messages),
        tools=functools.partial(_openai.tool_definitions, request.tools, request.functions)
        if request.tools or request.functions
        else None,
    )


def answer(body: bytes, status: int, _content_type: str, _asked: Asked) -> Answered:
    """What a chat completion, a stream of its chunks, or an error in place of either says."""
    if status >= 400:
        return Answered(error=_errors.of_body(body, status))
    found = _chat_stream.joined(body) if sse.is_stream(body) else _COMPLETION.one(body)
    return Answered() if found is None else _answered(found)


def _put_rest(attributes: dict[str, Attribute], request: _Request) -> None:
    """The options that are spelled in more than one way, or that are no plain value."""
    limit = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    if limit is not None:
        attributes[_names.MAX_TOKENS] = limit
    if request.stream is True:
        attributes[_names.STREAM] = True
    if request.n is not None and request.n != 1:
        attributes[_names.CHOICE_COUNT] = request.n
    _openai.put_seed(attributes, request.random_seed if request.seed is None else request.seed)
    _openai.put_stop(attributes, request.stop)
    if request.reasoning is not None and request.reasoning.effort:
        attributes.setdefault(_names.REASONING_LEVEL, request.reasoning.effort)
    if (output := _output_type(request)) is not None:
        attributes[_names.OUTPUT_TYPE] = output


def _output_type(request: _Request) -> str | None:
    modalities = request.modalities or ()
    if "audio" in modalities:
        return "speech"
    if "image" in modalities:
        return "image"
    form = request.response_format
    return _OUTPUT_TYPES.get(form.type or "") if form is not None else None


def _render(messages: list[Raw], start: int) -> list[Message]:
    return [_chat_message.read(_json.value(raw), "user") for raw in messages[max(start, 0) :]]


def _answered(completion: Completion) -> Answered:
    attributes = _META(completion)
    usage = completion.usage
    if usage is None and completion.x_groq is not None:
        usage = completion.x_groq.usage
    _openai.put_usage(attributes, usage)
    choices = completion.choices or []
    messages = [_output(choice.message, _finish.reason(choice.finish_reason)) for choice in choices]
    if messages:
        attributes[_names.FINISH_REASONS] = [message["finish_reason"] for message in messages]
    return Answered(attributes, messages, _error(completion))


def _output(message: Any, finish: str) -> Message:
    found = _chat_message.read(message, "assistant")
    found["finish_reason"] = finish
    return found


def _error(completion: Completion) -> _errors.Error | None:
    """A failure reported inside a 200: of the whole answer, or of one choice."""
    reports = (completion.error, *(choice.error for choice in completion.choices or ()))
    found = next((error for report in reports if (error := _errors.of_object(report))), None)
    return None if found is None else (found[0] or _finish.ERROR, found[1])


CHAT = Dialect("openai.chat", "chat", ask, answer, {_names.OPENAI_API_TYPE: "chat_completions"})
