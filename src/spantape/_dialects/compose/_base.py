"""What a response is composed of, and what the composers of all wire APIs share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from spantape._dialects import _names
from spantape._dialects._base import Message
from spantape.errors import UsageError

Part = dict[str, Any]

_PIECES: Final = re.compile(r"\S+\s*|\s+")
_ARGUMENT_PIECE: Final = 24  # characters of a call's arguments in one event


class Uncomposable(UsageError):
    """A message says what the wire API has no form for; the text names the part."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a response says, in the words of the conventions.

    `messages` are the output messages, one for each choice, with their `finish_reason`. `usage` holds
    `gen_ai.usage.*` counts. An empty `id` is made of the content, so that equal content gets an equal one.
    `include_usage` says whether a stream of chat completions ends with its usage, which its request asks for.
    `vectors` are the answer to a request for embeddings.
    """

    messages: Sequence[Message] = ()
    model: str = ""
    id: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    created: int = 0
    include_usage: bool = True
    vectors: Sequence[Sequence[float]] = ()

    def made_id(self, prefix: str) -> str:
        """The id, or one made of the content."""
        return self.id or prefix + _digest((self.model, self.messages, self.vectors))[:24]

    def made_call_id(self, part: Part, place: int, prefix: str) -> str:
        """The id of a tool call, or one made of what is called and where."""
        given = part.get("id")
        if isinstance(given, str) and given:
            return given
        return prefix + _digest((self.made_id(""), place, part.get("name"), part.get("arguments")))[:20]


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def encoded(value: Any) -> bytes:
    """`value` as JSON bytes, also where it holds an integer that msgspec refuses or half a surrogate pair."""
    try:
        return msgspec.json.encode(value)
    except (OverflowError, UnicodeEncodeError):
        return json.dumps(value, separators=(",", ":")).encode()


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if name is None else b"event: %b\n" % name.encode()
    return b"%bdata: %b\n\n" % (head, data if isinstance(data, bytes) else encoded(data))


def words(text: str) -> list[str]:
    """A text in the pieces in which a model streams it; joined they are the text."""
    return _PIECES.findall(text)


def argument_pieces(text: str) -> list[str]:
    """The arguments of a call in the pieces of a stream."""
    return [text[start : start + _ARGUMENT_PIECE] for start in range(0, len(text), _ARGUMENT_PIECE)]


def arguments_text(part: Part) -> str:
    """The arguments of a tool call as the JSON text that a model wrote; text that is no JSON object stays as it is."""
    arguments = part.get("arguments")
    if arguments is None:
        return "{}"
    return arguments if isinstance(arguments, str) else encoded(arguments).decode()


def text_of(part: Part) -> str:
    """The text of a text, refusal or reasoning part."""
    content = part.get("content")
    return content if isinstance(content, str) else ""


def parts_of(message: Message) -> list[Part]:
    """The parts of a message."""
    return [part for part in message.get("parts") or () if isinstance(part, dict)]


def refuse(part: Part, dialect: str) -> Uncomposable:
    """The error for a part that the wire API cannot say."""
    return Uncomposable(
        f"got a part of type {part.get('type')!r}, and an answer of {dialect} has no form for it"
    )


def one_message(messages: Iterable[Message]) -> Message:
    """The one message that an API without choices answers with: all the parts, and the last reason to stop.

    Readers of such APIs split an answer of several items into several messages.
    """
    found = list(messages)
    parts = [part for message in found for part in parts_of(message)]
    finish = next((m["finish_reason"] for m in reversed(found) if m.get("finish_reason")), None)
    return {"role": "assistant", "parts": parts, "finish_reason": finish or _natural_finish(parts)}


def finish_of(message: Message) -> str:
    """Why a message ended; where that was not recorded, what its parts say."""
    finish = message.get("finish_reason")
    return finish if isinstance(finish, str) and finish else _natural_finish(parts_of(message))


def _natural_finish(parts: Iterable[Part]) -> str:
    return "tool_call" if any(part.get("type") == "tool_call" for part in parts) else "stop"


def openai_usage(usage: Mapping[str, int], *, responses: bool) -> dict[str, Any] | None:
    """The counts in OpenAI's words, chat or responses; None where there are none."""
    given, made = ("input", "output") if responses else ("prompt", "completion")
    found: dict[str, Any] = {}
    for name, key in ((f"{given}_tokens", _names.INPUT_TOKENS), (f"{made}_tokens", _names.OUTPUT_TOKENS)):
        if key in usage:
            found[name] = usage[key]
    if not usage:
        return None
    found["total_tokens"] = sum(found.values())
    found[f"{given}_tokens_details"] = _details(usage, _INPUT_DETAILS)
    found[f"{made}_tokens_details"] = _details(usage, _OUTPUT_DETAILS)
    return {name: value for name, value in found.items() if value != {}}


def _details(usage: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    return {name: usage[key] for name, key in names.items() if key in usage}


_INPUT_DETAILS: Final = {
    "cached_tokens": _names.CACHE_READ_TOKENS,
    "cache_write_tokens": _names.CACHE_WRITE_TOKENS,
    "text_tokens": _names.TEXT_INPUT_TOKENS,
    "image_tokens": _names.IMAGE_INPUT_TOKENS,
    "audio_tokens": _names.AUDIO_INPUT_TOKENS,
}
_OUTPUT_DETAILS: Final = {
    "reasoning_tokens": _names.REASONING_TOKENS,
    "text_tokens": _names.TEXT_OUTPUT_TOKENS,
    "image_tokens": _names.IMAGE_OUTPUT_TOKENS,
    "audio_tokens": _names.AUDIO_OUTPUT_TOKENS,
}
