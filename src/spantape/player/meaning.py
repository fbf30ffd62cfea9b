"""What a request means, whatever wire API it speaks: a model, a system prompt, what was said, and the tools.

Two requests mean the same when these agree. What APIs spell differently is taken out: where the system prompt
stands, how messages are split, the ids of tool calls (told by their order), a gateway's prefix of the model, blanks
in texts, whether JSON in a text is an object. A model's reasoning is not part of it: programs send it back or not.
Pure; `ask` of the dialect does the reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from spantape._dialects import Asked, Message, recognise
from spantape._model import Request
from spantape.player.matching import split_url

MEMBERS: Final = ("model", "system", "messages", "tools", "media")
"""What can be compared, in the words that steps and misses use."""

_SYSTEM_ROLES: Final = ("system", "developer")
_MEDIA: Final = ("blob", "uri", "file")


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a request: plain JSON values, equal where the meanings are.

    `messages` are pairs of a speaker and what was said; `media` digests of the images, sounds and files among them.
    """

    operation: str
    model: str
    system: str
    messages: tuple[tuple[str, Any], ...]
    tools: tuple[str, ...]
    media: tuple[str, ...]

    def fields(self, without: Iterable[str] = ()) -> dict[str, Any]:
        """The members by name, to compare field by field; those in `without` are left out."""
        left_out = set(without)
        said = [f"{speaker}: {text}" for speaker, text in map(_shown, self.messages)]
        found: dict[str, Any] = {
            "model": self.model,
            "system": self.system,
            "messages": said,
            "tools": list(self.tools),
            "media": list(self.media),
        }
        return {key: value for key, value in found.items() if key not in left_out}

    def key(self, without: Iterable[str] = ()) -> bytes:
        """A digest that two requests share when they mean the same, but for the members in `without`."""
        value = {"operation": self.operation, **self.fields(without)}
        return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()


def _shown(said: tuple[str, Any]) -> tuple[str, str]:
    speaker, what = said
    return speaker, what if isinstance(what, str) else _encoded(what)


def meaning_of(request: Request) -> Meaning | None:
    """The meaning of a request; None where it is no call of a model."""
    url = split_url(request.url)
    host = url.host.partition("://")[2]
    dialect = recognise(request.method, host, url.path, request.body)
    if dialect is None:
        return None
    asked = dialect.ask(request.body, url.path)
    if dialect.operation == "embeddings":
        return _of_embeddings(asked, request.body)
    system = None if asked.system is None else asked.system()
    tools = None if asked.tools is None else asked.tools()
    return meaning(asked, asked.render(0), system or (), tools or ())


def meaning(
    asked: Asked,
    messages: Sequence[Message],
    system: Sequence[dict[str, Any]] = (),
    tools: Sequence[dict[str, Any]] = (),
) -> Meaning:
    """The meaning of messages, a system prompt and tools as the conventions write them."""
    said = list(_turns(messages))
    instructions = [_text(part) for part in system]
    instructions += [text for speaker, text in said if speaker == "system" and isinstance(text, str)]
    return Meaning(
        operation=asked.operation or "",
        model=_model(asked),
        system=" ".join(filter(None, instructions)),
        messages=tuple(_merged(turn for turn in said if turn[0] != "system")),
        tools=tuple(sorted(str(tool.get("name") or "") for tool in tools)),
        media=tuple(_media_of(messages)),
    )


def _of_embeddings(asked: Asked, body: bytes) -> Meaning:
    """The meaning of a request for embeddings: the conventions have no place for its texts."""
    try:
        given = msgspec.json.decode(body).get("input")
    except (msgspec.DecodeError, AttributeError):
        given = None
    texts = given if isinstance(given, list) else [given]
    said = tuple(("user", _plain(text)) for text in texts)
    return Meaning("embeddings", _model(asked), "", said, (), ())


def _model(asked: Asked) -> str:
    """The model without the prefix that gateways put before it: `openai/gpt-4o` is `gpt-4o` on the wire."""
    return (asked.model or "").rpartition("/")[2]


def _turns(messages: Iterable[Message]) -> Iterator[tuple[str, Any]]:
    """What was said, part by part, each with its speaker; calls and their results by the order of the calls."""
    order: dict[str, int] = {}
    made = answered = 0
    for message in messages:
        role = str(message.get("role") or "user")
        for part in message.get("parts") or ():
            kind = str(part.get("type"))
            if kind == "tool_call":
                order.setdefault(str(part.get("id") or f"#{made}"), made)
                yield (
                    "assistant",
                    {
                        "call": made,
                        "name": part.get("name") or "",
                        "arguments": _value(part.get("arguments")),
                    },
                )
                made += 1
            elif kind == "tool_call_response":
                number = order.get(str(part.get("id") or ""), answered)
                answered += 1
                yield "tool", {"call": number, "result": _value(part.get("response", part.get("result")))}
            elif kind in _MEDIA:
                yield _speaker(role), {"media": str(part.get("modality") or "")}
            elif kind in ("text", "refusal"):
                yield _speaker(role), _text(part)


def _speaker(role: str) -> str:
    return "system" if role in _SYSTEM_ROLES else role


def _merged(turns: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The turns, with texts that follow one another from one speaker as one: APIs split them differently."""
    held: tuple[str, str] | None = None
    for speaker, what in turns:
        if isinstance(what, str):
            if held is not None and held[0] == speaker:
                what = f"{held[1]} {what}".strip()  # noqa: PLW2901 - the joined text takes its place
            elif held is not None:
                yield held
            held = (speaker, what) if what else held if held and held[0] == speaker else None
            continue
        if held is not None:
            yield held
            held = None
        yield speaker, what
    if held is not None:
        yield held


def _text(part: dict[str, Any]) -> str:
    content = part.get("content")
    return " ".join(content.split()) if isinstance(content, str) else ""


def _value(value: Any) -> Any:
    """Arguments or a result as what they parse to; a text that is no JSON with its blanks folded."""
    if isinstance(value, list) and value and all(_is_text(item) for item in value):
        value = "\n".join(str(item.get("content", item.get("text", ""))) for item in value)
    if isinstance(value, str):
        try:
            return _plain(msgspec.json.decode(value))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return " ".join(value.split())
    return _plain(value)


def _is_text(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "text"


def _plain(value: Any) -> Any:
    """A JSON value in one spelling: whole floats as integers, texts with their blanks folded."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _media_of(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        for part in message.get("parts") or ():
            if str(part.get("type")) in _MEDIA:
                held = part.get("content") or part.get("uri") or part.get("file_id") or ""
                yield hashlib.sha256(str(held).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _encoded(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
