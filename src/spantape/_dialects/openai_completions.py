"""OpenAI's legacy text completions, and the fill-in-the-middle ones of Mistral and DeepSeek.

Each prompt that is text is one user message; prompts of token ids have no text and are left out.

See: <https://platform.openai.com/docs/api-reference/completions>
"""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

from spantape._dialects import _chat_message, _errors, _finish, _json, _names, _openai, _parts
from spantape._dialects._base import Answered, Asked, Dialect, Message
from spantape._dialects._json import Count
from spantape._framing import sse
from spantape._framing.repeats import fold_texts


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    prompt: str | list[Any] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: Count | None = None
    max_tokens: Count | None = None
    n: Count | None = None
    seed: int | None = None
    random_seed: int | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int | None = None
    text: str | None = None
    finish_reason: str | None = None
    message: Any = None  # Mistral's fill-in-the-middle answers in the chat shape
    delta: Any = None


class _Completion(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _openai.Usage | None = None
    system_fingerprint: str | None = None
    error: Any = None
    value: str | None = None  # Writer's stream: a bare piece of text


_REQUEST = _json.Reader(_Request)
_COMPLETION = _json.Reader(_Completion)
_PIECE = re.compile(rb'"choices": ?\[\{[^{}\[\]]*"text": ?"\Z')

_OPTIONS = _openai.members(
    ("temperature", _names.TEMPERATURE),
    ("top_p", _names.TOP_P),
    ("top_k", _names.TOP_K),
    ("max_tokens", _names.MAX_TOKENS),
    ("frequency_penalty", _names.FREQUENCY_PENALTY),
    ("presence_penalty", _names.PRESENCE_PENALTY),
)
_META = _openai.members(
    ("id", _names.RESPONSE_ID),
    ("model", _names.RESPONSE_MODEL),
    ("system_fingerprint", _names.OPENAI_FINGERPRINT),
)


def ask(body: bytes, path: str) -> Asked:
    """What a text completion request asks for."""
    request = _REQUEST.one(body) or _Request()
    prompts = _prompts(request.prompt)
    attributes = _OPTIONS(request)
    if request.stream is True:
        attributes[_names.STREAM] = True
    if request.n is not None and request.n != 1:
        attributes[_names.CHOICE_COUNT] = request.n
    _openai.put_seed(attributes, request.random_seed if request.seed is None else request.seed)
    _openai.put_stop(attributes, request.stop)
    return Asked(
        operation="text_completion",
        model=_openai.requested_model(request.model, path),
        stream=request.stream is True,
        attributes=attributes,
        message_count=len(prompts),
        render=functools.partial(_render, prompts),
    )


def answer(body: bytes, status: int, _content_type: str, _asked: Asked) -> Answered:
    """What a text completion, a stream of its chunks, or an error in place of either says."""
    if status >= 400:
        return Answered(error=_errors.of_body(body, status))
    found = (
        _joined(_COMPLETION.many(sse.payloads(fold_texts(body, _PIECE))))
        if sse.is_stream(body)
        else _COMPLETION.one(body)
    )
    return Answered() if found is None else _answered(found)


def _prompts(prompt: str | list[Any] | None) -> list[str]:
    if isinstance(prompt, str):
        return [prompt]
    return [text for text in prompt or () if isinstance(text, str)]


def _render(prompts: list[str], start: int) -> list[Message]:
    return [{"role": "user", "parts": [_parts.text(prompt)]} for prompt in prompts[max(start, 0) :]]


def _joined(chunks: list[_Completion]) -> _Completion:
    """The completion that `chunks` add up to; choices interleave and are told apart by `index`."""
    whole = _Completion()
    texts: dict[int, list[str]] = {}
    reasons: dict[int, str | None] = {}
    for chunk in chunks:
        for choice in chunk.choices or ([_Choice(text=chunk.value)] if chunk.value is not None else ()):
            index = choice.index or 0
            texts.setdefault(index, []).append(_piece(choice))
            reasons[index] = choice.finish_reason or reasons.get(index)
        whole.id = whole.id or chunk.id
        whole.model = whole.model or chunk.model
        whole.system_fingerprint = whole.system_fingerprint or chunk.system_fingerprint
        whole.usage = whole.usage if chunk.usage is None else chunk.usage
        whole.error = whole.error or chunk.error
    if texts:
        whole.choices = [_Choice(index, "".join(texts[index]), reasons[index]) for index in sorted(texts)]
    return whole


def _piece(choice: _Choice) -> str:
    if choice.text is None and isinstance(choice.delta, dict):
        content = choice.delta.get("content")
        return content if isinstance(content, str) else ""
    return choice.text or ""


def _answered(completion: _Completion) -> Answered:
    attributes = _META(completion)
    _openai.put_usage(attributes, completion.usage)
    messages = [_output(choice) for choice in completion.choices or ()]
    if messages:
        attributes[_names.FINISH_REASONS] = [message["finish_reason"] for message in messages]
    error = _errors.of_object(completion.error)
    return Answered(attributes, messages, None if error is None else (error[0] or _finish.ERROR, error[1]))


def _output(choice: _Choice) -> Message:
    if choice.text is None:
        message = _chat_message.read(choice.message, "assistant")
    else:
        message = {"role": "assistant", "parts": _openai.content_parts(choice.text)}
    message["finish_reason"] = _finish.reason(choice.finish_reason)
    return message


COMPLETIONS = Dialect("openai.completions", "text_completion", ask, answer)
