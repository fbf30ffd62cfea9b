"""The events of a streamed message, joined into the message that they spell.

Blocks are told apart by `index`. Usage starts from `message_start`; each number of `message_delta` then replaces
the one before, since it is cumulative.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from spantape._dialects import _json
from spantape._dialects._json import Count
from spantape._framing import sse
from spantape._framing.repeats import fold_texts


class CacheCreation(msgspec.Struct, gc=False):
    """Tokens written to the cache, by how long they stay."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """Output tokens by kind."""

    thinking_tokens: Count | None = None


class Usage(msgspec.Struct, gc=False):
    """Token counts; `input_tokens` are those that came neither from the cache nor into it."""

    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: Count | None = None
    output_tokens_details: OutputDetails | None = None


class Answer(msgspec.Struct, gc=False):
    """A message, or an error in its place; `content` as plain values."""

    model: str | None = None
    id: str | None = None
    type: str | None = None
    role: str | None = None
    content: Any = None
    stop_reason: str | None = None
    usage: Usage | None = None
    error: Any = None


class Delta(msgspec.Struct, gc=False):
    """A piece of a block, or what is known when the message ends."""

    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    content: str | None = None
    stop_reason: str | None = None


class Event(msgspec.Struct, gc=False):
    """One event of the stream."""

    type: str | None = None
    index: int | None = None
    delta: Delta | None = None
    content_block: Any = None
    message: Answer | None = None
    usage: Usage | None = None
    error: Any = None


_EVENTS = _json.Reader(Event)
_PIECE = re.compile(rb'"delta": ?\{[^{}\[\]]*"(?:text|thinking|partial_json)": ?"\Z')
_MEMBERS = ("text", "thinking", "content")


def joined(body: bytes) -> Answer | None:
    """The message that the stream in `body` spells, as far as it came; None where it spells none."""
    whole: Answer | None = None
    blocks: dict[int, _Block] = {}
    for event in _events(body):
        if event.type == "content_block_delta":
            block = blocks.get(event.index or 0)
            if block is None:
                block = blocks[event.index or 0] = _Block({})
            if event.delta is not None:
                block.pieces.append(event.delta)
        elif event.type == "content_block_start":
            blocks[event.index or 0] = _Block(event.content_block)
        else:
            whole = _take(whole, event)
    if blocks:
        whole = whole or Answer()
        whole.content = [blocks[index].whole() for index in sorted(blocks)]
    return whole


def _events(body: bytes) -> list[Event]:
    """The events, with the type from the event's name where the JSON has none."""
    found = _EVENTS.many(sse.payloads(fold_texts(body, _PIECE)))
    if all([event.type for event in found]):  # noqa: C419 - a list is twice as fast here, and short
        return found
    named: list[Event] = []
    for item in sse.events(body, torn=True):
        event = _EVENTS.one(item.data)
        if event is not None:
            event.type = event.type or item.event
            named.append(event)
    return named


def _take(whole: Answer | None, event: Event) -> Answer | None:
    """Keep what an event says of the whole message."""
    if event.type == "message_start" and event.message is not None:
        return event.message
    if event.type == "message_delta":
        whole = whole or Answer()
        if event.delta is not None and event.delta.stop_reason:
            whole.stop_reason = event.delta.stop_reason
        whole.usage = _overlaid(whole.usage, event.usage)
    if event.error is not None:
        whole = whole or Answer()
        whole.error = event.error
    return whole


def _overlaid(usage: Usage | None, newer: Usage | None) -> Usage | None:
    if usage is None or newer is None:
        return newer or usage
    for name in Usage.__struct_fields__:
        count = getattr(newer, name)
        if count is not None:
            setattr(usage, name, count)
    return usage


class _Block:
    """What has come of one content block."""

    __slots__ = ("_begun", "pieces")

    def __init__(self, begun: Any) -> None:
        self._begun: dict[str, Any] = begun if isinstance(begun, dict) else {}
        self.pieces: list[Delta] = []

    def whole(self) -> dict[str, Any]:
        """The block as it would stand in an answer that is not streamed."""
        block = dict(self._begun)
        for member in _MEMBERS:
            pieces = [piece for delta in self.pieces if (piece := getattr(delta, member))]
            if pieces:
                had = block.get(member)
                block[member] = (had if isinstance(had, str) else "") + "".join(pieces)
                block.setdefault("type", _KINDS[member])
        arguments = [delta.partial_json for delta in self.pieces if delta.partial_json]
        if arguments:
            block["input"] = "".join(arguments)
        return block


_KINDS = {"text": "text", "thinking": "thinking", "content": "compaction"}
