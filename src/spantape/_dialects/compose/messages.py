"""Anthropic's messages out of messages, whole and streamed: each part is a content block of its own.

See: <https://docs.anthropic.com/en/api/messages>
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from spantape._dialects import _names, _parts
from spantape._dialects.compose._base import (
    Part,
    Said,
    argument_pieces,
    encoded,
    event,
    finish_of,
    one_message,
    parts_of,
    refuse,
    text_of,
    words,
)

Block = dict[str, Any]

_STOP: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_call": "tool_use",
    "content_filter": "refusal",
    "error": None,
}


def whole(said: Said) -> list[bytes]:
    """The message as one object."""
    message = one_message(said.messages)
    body = {
        **_envelope(said),
        "content": _blocks(parts_of(message), said),
        "stop_reason": _stop_reason(finish_of(message)),
        "usage": _usage(said.usage),
    }
    return [encoded(body)]


def stream(said: Said) -> list[bytes]:
    """The message as events."""
    message = one_message(said.messages)
    usage = _usage(said.usage)
    begun = {**_envelope(said), "usage": {**usage, **({"output_tokens": 1} if usage else {})}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(_blocks(parts_of(message), said)):
        events += _block_events(block, index)
    delta = {"stop_reason": _stop_reason(finish_of(message)), "stop_sequence": None}
    counted = {name: count for name, count in usage.items() if name.endswith("_tokens")}
    events.append({"type": "message_delta", "delta": delta, "usage": counted})
    events.append({"type": "message_stop"})
    return [event(data, data["type"]) for data in events]


def _envelope(said: Said) -> dict[str, Any]:
    return {
        "id": said.made_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(finish: str) -> str | None:
    return _STOP.get(finish, finish)


def _usage(usage: Mapping[str, int]) -> dict[str, Any]:
    """The counts in Anthropic's words: what the cache has is not in its input tokens."""
    read, written = usage.get(_names.CACHE_READ_TOKENS), usage.get(_names.CACHE_WRITE_TOKENS)
    found: dict[str, Any] = {}
    if _names.INPUT_TOKENS in usage:
        found["input_tokens"] = max(usage[_names.INPUT_TOKENS] - (read or 0) - (written or 0), 0)
    if written is not None:
        found["cache_creation_input_tokens"] = written
    if read is not None:
        found["cache_read_input_tokens"] = read
    if _names.OUTPUT_TOKENS in usage:
        found["output_tokens"] = usage[_names.OUTPUT_TOKENS]
    if _names.REASONING_TOKENS in usage:
        found["output_tokens_details"] = {"thinking_tokens": usage[_names.REASONING_TOKENS]}
    return found


def _blocks(parts: list[Part], said: Said) -> list[Block]:
    blocks: list[Block] = []
    for place, part in enumerate(parts):
        make = _BLOCKS.get(str(part.get("type")))
        if make is None:
            raise refuse(part, "anthropic.messages")
        blocks += make(part, said, place)
    return blocks


def _text(part: Part, _said: Said, _place: int) -> list[Block]:
    return [{"type": "text", "text": text_of(part)}] if text_of(part) else []


def _thinking(part: Part, _said: Said, _place: int) -> list[Block]:
    return [{"type": "thinking", "thinking": text_of(part), "signature": ""}]


def _tool_use(part: Part, said: Said, place: int) -> list[Block]:
    found = _parts.parsed(part.get("arguments"))
    block_id = said.made_call_id(part, place, "toolu_")
    given = {} if found is None else found
    return [{"type": "tool_use", "id": block_id, "name": part.get("name") or "", "input": given}]


def _server_use(part: Part, said: Said, place: int) -> list[Block]:
    given = part.get("server_tool_call")
    detail = dict(given) if isinstance(given, dict) else {}
    kind = detail.pop("type", None)
    block_id = said.made_call_id(part, place, "srvtoolu_")
    block = {"id": block_id, "name": part.get("name") or kind or ""}
    if kind == "mcp":
        return [{"type": "mcp_tool_use", **block, **detail}]
    return [{"type": "server_tool_use", **block, "input": detail}]


def _server_result(part: Part, _said: Said, _place: int) -> list[Block]:
    given = part.get("server_tool_call_response")
    detail = dict(given) if isinstance(given, dict) else {}
    kind = detail.pop("type", None) or "tool"
    return [{"type": f"{kind}_tool_result", "tool_use_id": part.get("id") or "", **detail}]


def _compaction(part: Part, _said: Said, _place: int) -> list[Block]:
    return [{"type": "compaction", "content": text_of(part) or None}]


_BLOCKS: Final[dict[str, Callable[[Part, Said, int], list[Block]]]] = {
    "text": _text,
    "refusal": _text,
    "reasoning": _thinking,
    "tool_call": _tool_use,
    "server_tool_call": _server_use,
    "server_tool_call_response": _server_result,
    "compaction": _compaction,
}


# --- streamed --------------------------------------------------------------------------------------------------------


def _block_events(block: Block, index: int) -> Iterator[dict[str, Any]]:
    begun = {**block, **_EMPTY.get(block["type"], {})}
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    kind = block["type"]
    if kind == "text":
        yield from ({"type": "text_delta", "text": word} for word in words(block["text"]))
    elif kind == "thinking":
        yield from ({"type": "thinking_delta", "thinking": word} for word in words(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        given = block.get("input")
        text = given if isinstance(given, str) else encoded(given).decode()
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in argument_pieces(text))


_EMPTY: Final[dict[str, dict[str, Any]]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
    "mcp_tool_use": {"input": {}},
}
