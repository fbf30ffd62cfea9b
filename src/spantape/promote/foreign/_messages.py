"""Messages as instrumentations write them, in the shape of the conventions.

Seen: the conventions' parts with small differences, and the messages of the wire APIs (chat completions, Anthropic's
blocks, items of the responses API), which the dialects read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from spantape._dialects import Message, _anthropic_blocks, _chat_message, _parts, _responses_items
from spantape._dialects._finish import reason
from spantape.promote.foreign._values import objects

Part = dict[str, Any]

SYSTEM_ROLES: Final = ("system", "developer")
_CLAUDE_BLOCKS: Final = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "image", "document"}
)
UNRECORDED: Final = "unrecorded:"
"""The URI of media that were there, of which nothing else is known."""

_LEFT_OUT: Final = (UNRECORDED, "@@@langfuseMedia")
_MEDIA_URLS: Final = {
    "image-url": "image",
    "audio-url": "audio",
    "video-url": "video",
    "document-url": "document",
}


def messages(value: Any, role: str) -> list[Message] | None:
    """A list of messages in any of the known shapes, None where it is none; `role` is for those that name none."""
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return None
    return [message(item, role) for item in objects(value)]


def message(item: dict[str, Any], role: str) -> Message:
    """One message, whatever its shape."""
    if isinstance(item.get("parts"), list):
        return _of_parts(item, role)
    if isinstance(item.get("type"), str) and item["type"] not in ("message", ""):
        return _responses_items.message(item)
    content = item.get("content")
    if isinstance(content, list) and any(
        str(part.get("type")) in _CLAUDE_BLOCKS for part in objects(content)
    ):
        return _finished(item, _anthropic_blocks.message(item, role))
    return _finished(item, _chat_message.read(item, role))


def _finished(item: dict[str, Any], found: Message) -> Message:
    finish = item.get("finish_reason") or item.get("stop_reason")
    if isinstance(finish, str) and finish:
        found["finish_reason"] = reason(finish)
    return found


def _of_parts(item: dict[str, Any], role: str) -> Message:
    said = item.get("role")
    found: Message = {
        "role": said if isinstance(said, str) and said else role,
        "parts": [part for given in objects(item["parts"]) for part in _part(given)],
    }
    if isinstance(item.get("name"), str) and item["name"]:
        found["name"] = item["name"]
    return _finished(item, found)


def parts(value: Any) -> list[Part] | None:
    """A list of parts (or of texts, or one text), None where it is none."""
    if isinstance(value, str):
        return [_parts.text(value)] if value else []
    if not isinstance(value, list):
        return None
    return [part for item in value for part in (_part(item) if isinstance(item, dict) else parts(item) or [])]


def _part(part: dict[str, Any]) -> list[Part]:
    """One part in the conventions' shape; [] for what says nothing."""
    kind = str(part.get("type"))
    read = _PARTS.get(kind)
    if read is not None:
        return read(part)
    if kind in _MEDIA_URLS:
        return [_parts.uri(str(part.get("url") or ""), modality=_MEDIA_URLS[kind])]
    if kind.startswith("anthropic_"):
        return _unrecorded(kind.removeprefix("anthropic_"))
    if kind in _CLAUDE_BLOCKS:
        return _anthropic_blocks.parts([part])
    return [{key: value for key, value in part.items() if value is not None}]


def _spoken(part: dict[str, Any]) -> list[Part]:
    kind, content = part["type"], part.get("content", part.get("text", part.get("thinking")))
    if not isinstance(content, str):
        return []
    if kind in ("reasoning", "thinking"):
        return [_parts.reasoning(text) for text in _summaries(content)]
    return [{"type": kind, "content": content}] if content else []


def _summaries(content: str) -> list[str]:
    """The texts of a reasoning; OpenLLMetry writes the summary list of the responses API as JSON."""
    if not content.startswith("[{"):
        return [content]
    try:
        found = [item.get("text") for item in objects(json.loads(content))]
    except (ValueError, RecursionError):
        return [content]
    texts = [text for text in found if isinstance(text, str)]
    return texts or [content]


def _unrecorded(kind: str) -> list[Part]:
    """A block of which only the type was recorded: that something was there is all that can be said."""
    if kind in ("image", "document"):
        return [_parts.uri(UNRECORDED, modality=kind)]
    return (
        [_parts.reasoning("")]
        if kind in ("redacted_thinking", "thinking")
        else [{"type": f"anthropic_{kind}"}]
    )


def without_system(found: Sequence[Message]) -> tuple[list[Message], list[Part]]:
    """The messages without those of the system, and the parts of these."""
    system = [part for each in found if each.get("role") in SYSTEM_ROLES for part in each.get("parts") or ()]
    return [each for each in found if each.get("role") not in SYSTEM_ROLES], system


def finished(found: Iterable[Message], reasons: Sequence[Any]) -> list[Message]:
    """The output messages with the reasons to stop that the span tells beside them, where they have none."""
    made: list[Message] = []
    for index, each in enumerate(found):
        given = reasons[index] if index < len(reasons) else None
        if not each.get("finish_reason") and isinstance(given, str) and given:
            each = {**each, "finish_reason": reason(given)}  # noqa: PLW2901 - the same message, told more of
        made.append(each)
    return made


def empty_inputs(found: Sequence[Message]) -> list[int]:
    """The places of messages that say nothing, though a user or a tool does not send such."""
    return [
        place
        for place, each in enumerate(found)
        if not each.get("parts") and each.get("role") in ("user", "tool")
    ]


def is_hollow(value: Any) -> bool:
    """Whether parts are there without their content: what pydantic-ai writes with content switched off."""
    return any(
        part.get("type") in ("text", "tool_call", "thinking")
        and not ({"content", "arguments", "text", "thinking"} & part.keys())
        for item in objects(value)
        for part in objects(item.get("parts"))
    )


def has_gap(value: Any) -> bool:
    """Whether media in the messages were left out, or put elsewhere."""
    return any(
        part.get("type") == "uri" and str(part.get("uri") or UNRECORDED).startswith(_LEFT_OUT)
        for item in objects(value)
        for part in objects(item.get("parts"))
    )


def _call(part: dict[str, Any]) -> list[Part]:
    return [_parts.tool_call(part.get("id"), part.get("name"), part.get("arguments"))]


def _response(part: dict[str, Any]) -> list[Part]:
    return [_parts.tool_response(part.get("id"), part.get("response", part.get("result")))]


def _blob(part: dict[str, Any]) -> list[Part]:
    """Inline data, whose type pydantic-ai spelled in its own way up to version 3 of its format; it may be left out."""
    kind, content = part.get("mime_type", part.get("media_type")), part.get("content")
    modality = part.get("modality")
    stated = modality if isinstance(modality, str) else None
    if not isinstance(content, str) or not content:
        return [_parts.uri(UNRECORDED, kind, stated)]
    return [_parts.blob(content, kind, stated)]


_PARTS: Final[dict[str, Callable[[dict[str, Any]], list[Part]]]] = {
    "binary": _blob,
    "blob": _blob,
    "reasoning": _spoken,
    "refusal": _spoken,
    "text": _spoken,
    "thinking": _spoken,
    "tool_call": _call,
    "tool_call_response": _response,
}
