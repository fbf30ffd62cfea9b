"""Messages of the GenAI conventions as OpenInference's indexed attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

Part = Mapping[str, Any]
Pairs = Iterator[tuple[str, Any]]


def in_openinference(prefix: str, messages: Sequence[Mapping[str, Any]]) -> Pairs:
    """The attributes of `messages` below `prefix`, in order.

    A message that holds results of tools becomes one for each of them, and one for the rest: OpenInference has one
    result to a message.
    """
    index = 0
    for message in messages:
        for role, parts in _split(message):
            yield from _message(f"{prefix}.{index}.message", role, parts, message.get("name"))
            index += 1


def flat(part: Part) -> bool:
    """Whether a part is plain text, which needs no `contents`."""
    return part.get("type") == "text"


def _split(message: Mapping[str, Any]) -> Iterator[tuple[str, list[Part]]]:
    parts: list[Part] = list(message.get("parts", ()))
    results = [part for part in parts if part.get("type") == "tool_call_response"]
    yield from (("tool", [part]) for part in results)
    rest = [part for part in parts if part.get("type") != "tool_call_response"]
    if rest or not results:
        yield str(message.get("role", "user")), rest


def _message(prefix: str, role: str, parts: Sequence[Part], name: object) -> Pairs:
    yield f"{prefix}.role", role
    if isinstance(name, str):
        yield f"{prefix}.name", name
    if role == "tool" and len(parts) == 1 and parts[0].get("type") == "tool_call_response":
        yield from _result(prefix, parts[0])
        return
    said = [part for part in parts if part.get("type") != "tool_call"]
    if len(said) == 1 and flat(said[0]):
        yield f"{prefix}.content", said[0].get("content", "")
    else:
        for index, part in enumerate(said):
            yield from _content(f"{prefix}.contents.{index}.message_content", part)
    calls = [part for part in parts if part.get("type") == "tool_call"]
    for index, call in enumerate(calls):
        yield from _call(f"{prefix}.tool_calls.{index}.tool_call", call)


def _result(prefix: str, part: Part) -> Pairs:
    if part.get("id"):
        yield f"{prefix}.tool_call_id", part["id"]
    yield f"{prefix}.content", _text(part.get("response"))


def _call(prefix: str, part: Part) -> Pairs:
    if part.get("id"):
        yield f"{prefix}.id", part["id"]
    yield f"{prefix}.function.name", part.get("name", "")
    if "arguments" in part:
        yield f"{prefix}.function.arguments", _text(part["arguments"])


# --- contents ----------------------------------------------------------------------------------------------------


def _content(prefix: str, part: Part) -> Pairs:
    kind = str(part.get("type"))
    write = _CONTENTS.get(kind)
    if write is not None:
        yield from write(prefix, part)
    elif kind in _MEDIA:
        yield from _media(prefix, part)
    else:  # a call of the provider's own tool, a compaction: no word there, so it is shown as it is
        yield f"{prefix}.type", "text"
        yield f"{prefix}.text", _text(part)


def _spoken(prefix: str, part: Part) -> Pairs:
    yield f"{prefix}.type", part["type"]
    yield f"{prefix}.text", part.get("content", "")


def _media(prefix: str, part: Part) -> Pairs:
    """An image, audio, video or document, by its URL; data stands in a `data:` URL."""
    modality = str(part.get("modality", "document"))
    word = modality if modality in ("image", "audio", "video") else "document"
    yield f"{prefix}.type", word
    yield f"{prefix}.{word}.{word}.url", _url(part)
    if word in ("audio", "document") and part.get("mime_type"):
        yield f"{prefix}.{word}.{word}.mime_type", part["mime_type"]


def _url(part: Part) -> str:
    if part.get("type") == "blob":
        return f"data:{part.get('mime_type', 'application/octet-stream')};base64,{part.get('content', '')}"
    return str(part.get("uri") or part.get("file_id") or "")


_MEDIA: Final = ("blob", "uri", "file")
_CONTENTS: Final[Mapping[str, Callable[[str, Part], Pairs]]] = {"text": _spoken, "reasoning": _spoken}


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
