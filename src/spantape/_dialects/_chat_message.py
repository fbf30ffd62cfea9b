"""One message of a chat completion, asked or answered, in the conventions' shape."""

from __future__ import annotations

from typing import Any

from spantape._dialects import _json, _openai, _parts
from spantape._dialects._base import Message

_TOOL_ROLES = ("tool", "function")


def read(value: Any, role: str) -> Message:
    """The message in `value`; `role` is its role where it names none."""
    if not isinstance(value, dict):
        return {"role": role, "parts": []}
    if _PLAIN.issuperset(value) and (plain := _plain(value)) is not None:
        return plain
    said = value.get("role")
    if isinstance(said, str) and said:
        role = said
    message: Message = {"role": role, "parts": _response(value) if role in _TOOL_ROLES else _spoken(value)}
    name = value.get("name")
    if isinstance(name, str) and name:
        message["name"] = name
    return message


_PLAIN = frozenset(("role", "content", "refusal", "annotations"))


def _plain(value: dict[str, Any]) -> Message | None:
    """The message in `value` where it is nothing but text, as most are; read at once, since histories are long."""
    role, content = value.get("role"), value.get("content")
    if type(role) is str and role not in _NOT_SPOKEN and type(content) is str and not value.get("refusal"):
        return {"role": role, "parts": [{"type": "text", "content": content}] if content else []}
    return None


_NOT_SPOKEN = frozenset(("", *_TOOL_ROLES))


def _response(value: dict[str, Any]) -> list[_parts.Part]:
    content = value.get("content")
    response = _openai.content_parts(content) if isinstance(content, list) else content
    return [_parts.tool_response(value.get("tool_call_id"), response)]


def _spoken(value: dict[str, Any]) -> list[_parts.Part]:
    """Reasoning first, then what was run by the provider, the content, and the calls, as they were made."""
    parts = _reasoning(value)
    if value.get("executed_tools"):
        parts += _executed(value["executed_tools"])
    parts += _openai.content_parts(value.get("content"))
    refusal = value.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(_parts.text(refusal))
    if value.get("images"):
        parts += _openai.content_parts(value["images"])
    if value.get("audio"):
        parts += _audio(value["audio"])
    if value.get("tool_calls"):
        parts += _calls(value["tool_calls"])
    if value.get("function_call"):
        parts += _function_call(None, value["function_call"], "arguments")
    return parts


def _reasoning(value: dict[str, Any]) -> list[_parts.Part]:
    """Reasoning in the first spelling that has text; servers send the same text in several."""
    for key in ("reasoning_content", "reasoning"):
        said = value.get(key)
        if isinstance(said, str) and said:
            return [_parts.reasoning(said)]
    details = value.get("reasoning_details")
    if not isinstance(details, list) or not details:
        return []
    texts = _json.texts(details, lambda detail: detail.get("text") or detail.get("summary"))
    return [_parts.reasoning(text) for text in texts or [""]]


def _audio(audio: Any) -> list[_parts.Part]:
    """Spoken output: the sound where it came along, and what it says."""
    if not isinstance(audio, dict):
        return []
    data, transcript = audio.get("data"), audio.get("transcript")
    parts = [_parts.blob(data, modality="audio")] if isinstance(data, str) and data else []
    if isinstance(transcript, str) and transcript:
        parts.append(_parts.text(transcript))
    return parts


def _calls(calls: Any) -> list[_parts.Part]:
    if not isinstance(calls, list):
        return []
    return [part for call in calls if isinstance(call, dict) for part in _call(call)]


def _call(call: dict[str, Any]) -> list[_parts.Part]:
    """A call of a function or of a custom tool; some servers send both members, one of them empty."""
    return _function_call(call.get("id"), call.get("function"), "arguments") or _function_call(
        call.get("id"), call.get("custom"), "input"
    )


def _function_call(call_id: Any, function: Any, arguments: str) -> list[_parts.Part]:
    if not isinstance(function, dict) or not (function.get("name") or function.get(arguments)):
        return []
    return [_parts.tool_call(call_id, function.get("name"), function.get(arguments))]


def _executed(tools: Any) -> list[_parts.Part]:
    """Groq's `executed_tools`: what its compound models ran themselves, with arguments and output."""
    parts: list[_parts.Part] = []
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        kind = tool.get("type")
        kind = kind if isinstance(kind, str) and kind else "tool"
        parts.append(_parts.server_call(None, kind, {"arguments": _parts.parsed(tool.get("arguments"))}))
        results = {key: tool[key] for key in ("output", "search_results", "code_results") if tool.get(key)}
        if results:
            parts.append(_parts.server_response(None, kind, results))
    return parts
