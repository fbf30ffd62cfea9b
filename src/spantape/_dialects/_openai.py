"""What OpenAI's wire APIs share: request options, usage, tool definitions and content parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from spantape._dialects import _json, _names, _parts
from spantape._dialects._base import Attribute
from spantape._dialects._json import Count

_DEPLOYMENT = re.compile(r"/(?:deployments|engines)/([^/?]+)/")
_INT64 = range(-(2**63), 2**63)


def members(*pairs: tuple[str, str]) -> Callable[[Any], dict[str, Attribute]]:
    """A function that reads the fields (field, attribute) of a struct into attributes, absent and empty ones left out."""
    read = attrgetter(*(field for field, _ in pairs))
    keys = tuple(key for _, key in pairs)

    def attributes(struct: Any) -> dict[str, Attribute]:
        return {
            key: value
            for key, value in zip(keys, read(struct), strict=True)
            if value is not None and value != ""  # 0 is a value, "" stands for none
        }

    return attributes


def requested_model(body_model: str | None, path: str) -> str | None:
    """The model asked for: the deployment or engine in the path (Azure), else what the body names."""
    if "/deployments/" in path or "/engines/" in path:
        found = _DEPLOYMENT.search(path)
        if found:
            return unquote(found[1])
    return body_model or None


def put_seed(attributes: dict[str, Attribute], seed: int | None) -> None:
    """Add the seed; one beyond int64, which OTLP cannot carry, as a string of its digits."""
    if seed is not None:
        attributes[_names.SEED] = seed if seed in _INT64 else str(seed)


def put_stop(attributes: dict[str, Attribute], stop: str | list[str] | None) -> None:
    """Add the stop sequences, one or many."""
    if stop:
        attributes[_names.STOP_SEQUENCES] = [stop] if isinstance(stop, str) else stop


class Details(msgspec.Struct, gc=False):
    """Token counts by kind, of the input or of the output."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    text_tokens: Count | None = None
    image_tokens: Count | None = None


class Usage(msgspec.Struct, gc=False):
    """Token counts in the spellings of OpenAI's APIs and of those that speak them."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None
    prompt_token_details: Details | None = None  # Writer
    completion_token_details: Details | None = None
    prompt_cache_hit_tokens: Count | None = None  # DeepSeek
    num_cached_tokens: Count | None = None  # Mistral
    cached_tokens: Count | None = None  # Together, Moonshot
    reasoning_tokens: Count | None = None  # Perplexity


def put_usage(attributes: dict[str, Attribute], usage: Usage | None) -> None:
    """Add the token counts that `usage` has; those it lacks stay absent.

    Counts by modality only where they are not 0: OpenAI sends a 0 for each modality with every answer.
    """
    if usage is None:
        return
    _put(attributes, _names.INPUT_TOKENS, usage.prompt_tokens, usage.input_tokens)
    _put(attributes, _names.OUTPUT_TOKENS, usage.completion_tokens, usage.output_tokens)
    given = (
        usage.prompt_tokens_details or usage.input_tokens_details or usage.prompt_token_details or _NO_DETAILS
    )
    made = (
        usage.completion_tokens_details
        or usage.output_tokens_details
        or usage.completion_token_details
        or _NO_DETAILS
    )
    cached = given.cached_tokens
    if cached is None:
        own = (usage.prompt_cache_hit_tokens, usage.num_cached_tokens, usage.cached_tokens)
        _put(attributes, _names.CACHE_READ_TOKENS, *own)
    else:
        attributes[_names.CACHE_READ_TOKENS] = cached
    if given.cache_write_tokens is not None:
        attributes[_names.CACHE_WRITE_TOKENS] = given.cache_write_tokens
    _put(attributes, _names.REASONING_TOKENS, made.reasoning_tokens, usage.reasoning_tokens)
    _put_modalities(attributes, given, made)


_NO_DETAILS = Details()


def _put(attributes: dict[str, Attribute], key: str, *counts: int | None) -> None:
    for count in counts:
        if count is not None:
            attributes[key] = count
            return


def _put_modalities(attributes: dict[str, Attribute], given: Details, made: Details) -> None:
    if given.text_tokens:
        attributes[_names.TEXT_INPUT_TOKENS] = given.text_tokens
    if given.image_tokens:
        attributes[_names.IMAGE_INPUT_TOKENS] = given.image_tokens
    if given.audio_tokens:
        attributes[_names.AUDIO_INPUT_TOKENS] = given.audio_tokens
    if made.text_tokens:
        attributes[_names.TEXT_OUTPUT_TOKENS] = made.text_tokens
    if made.image_tokens:
        attributes[_names.IMAGE_OUTPUT_TOKENS] = made.image_tokens
    if made.audio_tokens:
        attributes[_names.AUDIO_OUTPUT_TOKENS] = made.audio_tokens


def tool_definitions(tools: Raw, functions: Raw = Raw()) -> list[dict[str, Any]]:  # noqa: B008 - Raw is immutable
    """`gen_ai.tool.definitions` of `tools`, nested (chat) or flat (responses), then of legacy `functions`."""
    found = [_definition(tool) for tool in _json.values(tools) if isinstance(tool, dict)]
    found += [_function(function) for function in _json.values(functions) if isinstance(function, dict)]
    return found


def _definition(tool: dict[str, Any]) -> dict[str, Any]:
    kind = tool.get("type")
    kind = kind if isinstance(kind, str) and kind else "function"
    inner = tool.get(kind)
    described = inner if isinstance(inner, dict) and "name" in inner else tool
    if kind == "function":
        return _function(described)
    name = next(
        (described[key] for key in ("name", "server_label") if isinstance(described.get(key), str)), kind
    )
    definition = {"type": kind, "name": name}
    if kind == "custom" and isinstance(described.get("description"), str):
        definition["description"] = described["description"]
    return definition


def _function(function: dict[str, Any]) -> dict[str, Any]:
    name = function.get("name")
    definition: dict[str, Any] = {"type": "function", "name": name if isinstance(name, str) else ""}
    for key in ("description", "parameters"):
        if function.get(key) is not None:
            definition[key] = function[key]
    return definition


def content_parts(content: Any) -> list[_parts.Part]:
    """The parts of a message's content: a string, or an array of typed parts."""
    if isinstance(content, str):
        return [_parts.text(content)] if content else []
    if isinstance(content, list):
        return [part for item in content for part in _content_part(item)]
    return []


def _content_part(item: Any) -> Iterable[_parts.Part]:
    if isinstance(item, str):
        return content_parts(item)
    if not isinstance(item, dict):
        return ()
    kind = item.get("type")
    read = _CONTENT.get(kind) if isinstance(kind, str) else None
    if read is not None:
        return read(item)
    return (item,) if isinstance(kind, str) and kind else ()


def _text(item: dict[str, Any]) -> Iterable[_parts.Part]:
    said = item.get("text")
    return (_parts.text(said),) if isinstance(said, str) and said else ()


def _refusal(item: dict[str, Any]) -> Iterable[_parts.Part]:
    said = item.get("refusal")
    return (_parts.text(said),) if isinstance(said, str) and said else ()


def _thinking(item: dict[str, Any]) -> Iterable[_parts.Part]:
    """Mistral's `{"type": "thinking", "thinking": [{"type": "text", "text"}]}`; also a plain string."""
    thoughts = item.get("thinking")
    if isinstance(thoughts, list):
        thoughts = "".join(_json.texts(thoughts, lambda thought: thought.get("text")))
    return (_parts.reasoning(thoughts),) if isinstance(thoughts, str) and thoughts else ()


def _located(key: str, modality: str) -> Callable[[dict[str, Any]], Iterable[_parts.Part]]:
    """A reader of `{key: url}`, `{key: {"url": …}}` and, for uploads, `{"file_id": …}`."""

    def read(item: dict[str, Any]) -> Iterable[_parts.Part]:
        where = item.get(key)
        if isinstance(where, dict):
            where = where.get("url")
        if isinstance(where, str) and where:
            return (_parts.uri(where, modality=modality),)
        return _uploaded(item, modality)

    return read


def _uploaded(item: dict[str, Any], modality: str | None) -> Iterable[_parts.Part]:
    file_id = item.get("file_id")
    return (_parts.file(file_id, modality=modality),) if isinstance(file_id, str) and file_id else ()


def _input_audio(item: dict[str, Any]) -> Iterable[_parts.Part]:
    audio = item.get("input_audio")
    if not isinstance(audio, dict):  # Mistral gives the base64 or the URL itself
        return (_parts.uri(audio, modality="audio"),) if isinstance(audio, str) and audio else ()
    data = audio.get("data")
    if not isinstance(data, str) or not data:
        return ()
    return (_parts.blob(data, _parts.audio_type(audio.get("format")), "audio"),)


def _file(item: dict[str, Any]) -> Iterable[_parts.Part]:
    """A file of the chat API (members under `file`) or of the responses API (members beside `type`)."""
    inner = item.get("file")
    file = inner if isinstance(inner, dict) else item
    data, where = file.get("file_data"), file.get("file_url")
    if isinstance(data, str) and data:
        return (_parts.uri(data) if data.startswith(("data:", "http")) else _parts.blob(data),)
    if isinstance(where, str) and where:
        return (_parts.uri(where),)
    return _uploaded(file, None)


_CONTENT: dict[str, Callable[[dict[str, Any]], Iterable[_parts.Part]]] = {
    "audio_url": _located("audio_url", "audio"),
    "document_url": _located("document_url", "document"),
    "file": _file,
    "image_url": _located("image_url", "image"),
    "input_audio": _input_audio,
    "input_file": _file,
    "input_image": _located("image_url", "image"),
    "input_text": _text,
    "input_video": _located("video_url", "video"),
    "output_text": _text,
    "reasoning_text": lambda item: [_parts.reasoning(text["content"]) for text in _text(item)],
    "refusal": _refusal,
    "summary_text": _text,
    "text": _text,
    "thinking": _thinking,
    "video_url": _located("video_url", "video"),
}
