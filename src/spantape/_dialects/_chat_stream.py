"""Chunks of a streamed chat completion, joined into the completion that they spell.

Choices interleave and are told apart by `index`; so are the parallel tool calls of a choice. Id and model are the
first that are not empty, usage the last that is not null.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from spantape._dialects import _json, _parts
from spantape._dialects._openai import Usage
from spantape._framing import sse
from spantape._framing.repeats import fold_texts


class FunctionDelta(msgspec.Struct, gc=False):
    """A piece of a call: the name comes once, the arguments in pieces."""

    name: str | None = None
    arguments: str | None = None
    input: str | None = None  # of a custom tool


class CallDelta(msgspec.Struct, gc=False):
    """A piece of one of a choice's tool calls."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionDelta | None = None
    custom: FunctionDelta | None = None


class AudioDelta(msgspec.Struct, gc=False):
    """A piece of spoken output."""

    data: str | None = None
    transcript: str | None = None


class Delta(msgspec.Struct, gc=False):
    """A piece of a choice's message."""

    role: str | None = None
    content: str | list[Any] | None = None
    refusal: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    reasoning_details: list[Any] | None = None
    tool_calls: list[CallDelta] | None = None
    function_call: FunctionDelta | None = None
    audio: AudioDelta | None = None
    images: list[Any] | None = None
    executed_tools: list[Any] | None = None


class ChoiceDelta(msgspec.Struct, gc=False):
    """A piece of one choice. Some servers send `message` in its place, or beside it with the same content."""

    index: int | None = None
    delta: Delta | None = None
    finish_reason: str | None = None
    message: Delta | None = None
    usage: Usage | None = None  # Moonshot
    error: Any = None


class Groq(msgspec.Struct, gc=False):
    """Groq's own corner of a chunk, where its usage stands."""

    usage: Usage | None = None


class Chunk(msgspec.Struct, gc=False):
    """One event of the stream."""

    id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    choices: list[ChoiceDelta] | None = None
    usage: Usage | None = None
    x_groq: Groq | None = None
    error: Any = None


class Choice(msgspec.Struct, gc=False):
    """One choice of a completion; `message` as plain values."""

    index: int | None = None
    message: Any = None
    finish_reason: str | None = None
    error: Any = None


class Completion(msgspec.Struct, gc=False):
    """A whole chat completion, as the wire has it or as its chunks add up to."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    x_groq: Groq | None = None
    error: Any = None


_CHUNKS = _json.Reader(Chunk)


_PIECE = re.compile(
    rb'"delta": ?\{[^{}\[\]]*"(?:content|reasoning_content|reasoning|refusal)": ?"\Z|'
    rb'"delta": ?\{[^{}\[\]]*"tool_calls": ?\[\{[^{}\[\]]*"function": ?\{[^{}\[\]]*"arguments": ?"\Z'
)


def joined(body: bytes) -> Completion:
    """The completion that the chunks in the stream `body` add up to, as far as they came."""
    whole = Completion()
    choices: dict[int, _Choice] = {}
    for chunk in _CHUNKS.many(sse.payloads(fold_texts(body, _PIECE))):
        if chunk.choices:
            for choice in chunk.choices:
                index = choice.index or 0
                state = choices.get(index)
                if state is None:
                    state = choices[index] = _Choice()
                state.add(choice)
                if choice.usage is not None:
                    whole.usage = choice.usage
        _take(whole, chunk)
    if choices:
        whole.choices = [choices[index].whole(index) for index in sorted(choices)]
    return whole


def _take(whole: Completion, chunk: Chunk) -> None:
    """Keep what a chunk says of the whole completion."""
    if not whole.id:
        whole.id = chunk.id
    if not whole.model:
        whole.model = chunk.model
    if not whole.service_tier:
        whole.service_tier = chunk.service_tier
    if not whole.system_fingerprint:
        whole.system_fingerprint = chunk.system_fingerprint
    if chunk.usage is not None:
        whole.usage = chunk.usage
    if chunk.x_groq is not None and chunk.x_groq.usage is not None:
        whole.x_groq = chunk.x_groq
    if chunk.error is not None and whole.error is None:
        whole.error = chunk.error


class _Choice:
    """What has come of one choice."""

    __slots__ = ("_calls", "_content", "_error", "_finish", "_last_call", "_pieces", "_role", "_whole")

    def __init__(self) -> None:
        self._role: str | None = None
        self._finish: str | None = None
        self._error: Any = None
        self._content: list[str | list[Any]] = []
        self._pieces: dict[str, list[str]] = {}
        self._whole: dict[str, list[Any]] = {}
        self._calls: dict[int, list[_Call]] = {}
        self._last_call = 0

    def add(self, choice: ChoiceDelta) -> None:
        if choice.finish_reason:
            self._finish = choice.finish_reason
        if choice.error is not None:
            self._error = choice.error
        delta = choice.delta or choice.message
        if delta is None:
            return
        if delta.content:
            self._content.append(delta.content)
        if self._role is None:
            self._role = delta.role
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._add_call(call)
        if delta.reasoning_content or delta.reasoning:
            self._add_piece("reasoning_content", delta.reasoning_content)
            self._add_piece("reasoning", delta.reasoning)
        if (
            delta.refusal
            or delta.reasoning_details
            or delta.function_call
            or delta.audio
            or delta.images
            or delta.executed_tools
        ):
            self._add_rest(delta)

    def whole(self, index: int) -> Choice:
        """The choice as it would stand in an answer that is not streamed."""
        message: dict[str, Any] = {"role": self._role, "content": _content(self._content), **self._whole}
        pieces = {key: "".join(found) for key, found in self._pieces.items()}
        message.update({key: text for key, text in pieces.items() if "." not in key})
        if "reasoning_details" in self._whole:
            message["reasoning_details"] = _details(self._whole["reasoning_details"])
        if "function.name" in pieces or "function.arguments" in pieces:
            message["function_call"] = {
                "name": pieces.get("function.name"),
                "arguments": pieces.get("function.arguments", ""),
            }
        if audio := {
            key: self._pieces[f"audio.{key}"]
            for key in ("data", "transcript")
            if f"audio.{key}" in self._pieces
        }:
            message["audio"] = {
                "data": _parts.joined_base64(audio.get("data", [""])),
                "transcript": "".join(audio.get("transcript", ())),
            }
        calls = [call.whole() for _, calls in sorted(self._calls.items()) for call in calls]
        if calls:
            message["tool_calls"] = calls
        return Choice(index, message, self._finish, self._error)

    def _add_rest(self, delta: Delta) -> None:
        """Add what few streams have."""
        self._add_piece("refusal", delta.refusal)
        for key in ("reasoning_details", "images", "executed_tools"):
            if found := getattr(delta, key):
                self._whole.setdefault(key, []).extend(found)
        if delta.function_call is not None:
            self._add_piece("function.name", delta.function_call.name)
            self._add_piece("function.arguments", delta.function_call.arguments)
        if delta.audio is not None:
            self._add_piece("audio.data", delta.audio.data)
            self._add_piece("audio.transcript", delta.audio.transcript)

    def _add_piece(self, key: str, piece: str | None) -> None:
        if piece:
            self._pieces.setdefault(key, []).append(piece)

    def _add_call(self, call: CallDelta) -> None:
        """Add to the call at its index; to a new one where a second name and id come for the same index."""
        index = self._last_call if call.index is None else call.index
        self._last_call = index
        calls = self._calls.get(index)
        if calls is None:
            calls = self._calls[index] = [_Call()]
        elif calls[-1].is_another(call):
            calls.append(_Call())
        calls[-1].add(call)


class _Call:
    """What has come of one tool call."""

    __slots__ = ("_arguments", "_custom", "_id", "_name")

    def __init__(self) -> None:
        self._id: str | None = None
        self._name: str | None = None
        self._custom = False
        self._arguments: list[str] = []

    def is_another(self, call: CallDelta) -> bool:
        """Whether `call` starts a call of its own: it has a name again, under another id."""
        if not call.id or call.id == self._id:
            return False
        piece = call.function or call.custom
        return bool(self._name and piece and piece.name)

    def add(self, call: CallDelta) -> None:
        if call.id and not self._id:
            self._id = call.id
        piece = call.function
        if call.custom is not None and (piece is None or not piece.name):
            piece, self._custom = call.custom, True
        if piece is None:
            return
        if piece.name and not self._name:
            self._name = piece.name
        if text := piece.arguments or piece.input:
            self._arguments.append(text)

    def whole(self) -> dict[str, Any]:
        arguments = "".join(self._arguments)
        if self._custom:
            return {"id": self._id, "type": "custom", "custom": {"name": self._name, "input": arguments}}
        return {"id": self._id, "type": "function", "function": {"name": self._name, "arguments": arguments}}


def _content(pieces: list[str | list[Any]]) -> Any:
    """The content that `pieces` spell: a string, or parts where some piece is an array of them (Mistral)."""
    texts = [piece for piece in pieces if isinstance(piece, str)]
    if len(texts) == len(pieces):
        return "".join(texts)
    parts: list[Any] = []
    for piece in pieces:
        for item in piece if isinstance(piece, list) else [{"type": "text", "text": piece}]:
            if not (parts and _extended(parts[-1], item)):
                parts.append(dict(item) if isinstance(item, dict) else item)
    return parts


def _extended(last: Any, item: Any) -> bool:
    """Whether `item` went on with `last`: more text, or more thoughts."""
    if not (isinstance(last, dict) and isinstance(item, dict)) or last.get("type") != item.get("type"):
        return False
    for key in ("text", "thinking"):
        had, more = last.get(key), item.get(key)
        if (isinstance(had, str) and isinstance(more, str)) or (
            isinstance(had, list) and isinstance(more, list)
        ):
            last[key] = had + more  # type: ignore[operator]  # both are str, or both are list
            return True
    return False


def _details(pieces: list[Any]) -> list[Any]:
    """OpenRouter's reasoning details, the pieces of one `index` joined."""
    found: dict[Any, dict[str, Any]] = {}
    for place, piece in enumerate(pieces):
        if not isinstance(piece, dict):
            continue
        index = piece.get("index")
        key = (index if isinstance(index, int) else -1 - place, str(piece.get("type")))
        last = found.setdefault(key, {})
        for member in ("text", "summary"):
            if isinstance(piece.get(member), str):
                last[member] = last.get(member, "") + piece[member]
    return list(found.values())
