"""Answers of the responses API out of messages, whole and streamed: each part is an output item of its own.

See: <https://platform.openai.com/docs/api-reference/responses>
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from spantape._dialects.compose._base import (
    Part,
    Said,
    argument_pieces,
    arguments_text,
    encoded,
    event,
    finish_of,
    one_message,
    openai_usage,
    parts_of,
    refuse,
    text_of,
    words,
)

Item = dict[str, Any]

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_ENDED: Final = {"error": "failed", "cancelled": "cancelled", "stop": "completed", "tool_call": "completed"}


def whole(said: Said) -> list[bytes]:
    """The response as one object."""
    return [encoded(_response(said))]


def stream(said: Said) -> list[bytes]:
    """The response as events, with their sequence numbers."""
    final = _response(said)
    begun = {**final, "status": "in_progress", "output": [], "incomplete_details": None, "error": None}
    begun.pop("usage", None)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(final["output"]):
        events += _item_events(item, index)
    last = final["status"] if final["status"] != "cancelled" else "completed"
    events.append({"type": f"response.{last}", "response": final})
    return [event({**data, "sequence_number": n}, data["type"]) for n, data in enumerate(events)]


def _response(said: Said) -> dict[str, Any]:
    message = one_message(said.messages)
    finish = finish_of(message)
    status = _ENDED.get(finish, "incomplete")
    reason = _INCOMPLETE.get(finish, finish)
    response_id = said.made_id("resp_")
    usage = openai_usage(said.usage, responses=True)
    return {
        "id": response_id,
        "object": "response",
        "created_at": said.created,
        "status": status,
        "error": {"code": "server_error", "message": ""} if status == "failed" else None,
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "output": _items(parts_of(message), said, response_id.removeprefix("resp_")),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **({} if usage is None else {"usage": usage}),
    }


def _items(parts: list[Part], said: Said, mark: str) -> list[Item]:
    items: list[Item] = []
    for place, part in enumerate(parts):
        make = _ITEMS.get(str(part.get("type")))
        if make is None:
            raise refuse(part, "openai.responses")
        items += make(part, said, f"{mark}{place:02d}", items)
    return items


def _text(part: Part, _said: Said, mark: str, _before: list[Item]) -> list[Item]:
    content = (
        {"type": "refusal", "refusal": text_of(part)}
        if part["type"] == "refusal"
        else {"type": "output_text", "text": text_of(part), "annotations": [], "logprobs": []}
    )
    item = {"id": f"msg_{mark}", "type": "message", "status": "completed", "role": "assistant"}
    return [{**item, "content": [content]}] if text_of(part) else []


def _reasoning(part: Part, _said: Said, mark: str, _before: list[Item]) -> list[Item]:
    text = text_of(part)
    summary = [{"type": "summary_text", "text": text}] if text else []
    return [{"id": f"rs_{mark}", "type": "reasoning", "summary": summary}]


def _call(part: Part, said: Said, mark: str, before: list[Item]) -> list[Item]:
    item = {"id": f"fc_{mark}", "type": "function_call", "status": "completed"}
    call_id = said.made_call_id(part, len(before), "call_")
    return [{**item, "call_id": call_id, "name": part.get("name") or "", "arguments": arguments_text(part)}]


def _server_call(part: Part, _said: Said, mark: str, _before: list[Item]) -> list[Item]:
    given = part.get("server_tool_call")
    detail = dict(given) if isinstance(given, dict) else {}
    kind = str(detail.pop("type", "") or part.get("name") or "tool")
    item: Item = {"id": part.get("id") or f"st_{mark}", "type": _item_type(kind), "status": "completed"}
    if kind == "mcp":
        item["name"] = part.get("name")
    return [{**item, **{key: _as_text(key, value) for key, value in detail.items()}}]


def _server_result(part: Part, _said: Said, _mark: str, before: list[Item]) -> list[Item]:
    """The result joins the item of its call, as on the wire."""
    given = part.get("server_tool_call_response")
    detail = dict(given) if isinstance(given, dict) else {}
    kind = _item_type(str(detail.pop("type", "") or "tool"))
    call = before[-1] if before and before[-1]["type"] == kind else None
    if call is None:
        raise refuse(part, "openai.responses")
    call.update(detail)
    return []


def _compaction(part: Part, _said: Said, mark: str, _before: list[Item]) -> list[Item]:
    item = {"id": part.get("id") or f"cmp_{mark}", "type": "compaction", "encrypted_content": ""}
    return [{**item, "summary": text_of(part)} if text_of(part) else item]


def _item_type(kind: str) -> str:
    return kind if kind == "mcp_list_tools" else f"{kind}_call"


def _as_text(key: str, value: Any) -> Any:
    """Arguments are JSON text on the wire."""
    return encoded(value).decode() if key == "arguments" and not isinstance(value, str) else value


_ITEMS: Final[dict[str, Callable[[Part, Said, str, list[Item]], list[Item]]]] = {
    "text": _text,
    "refusal": _text,
    "reasoning": _reasoning,
    "tool_call": _call,
    "server_tool_call": _server_call,
    "server_tool_call_response": _server_result,
    "compaction": _compaction,
}


# --- streamed --------------------------------------------------------------------------------------------------------


def _item_events(item: Item, index: int) -> Iterator[dict[str, Any]]:
    empty = _EMPTY.get(item["type"], {})
    begun = {**item, **empty, **({"status": "in_progress"} if "status" in item else {})}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    inner = _INNER.get(item["type"])
    if inner is not None:
        yield from inner(item, {"item_id": item["id"], "output_index": index})
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _message_events(item: Item, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = item["content"][0]
    refused = content["type"] == "refusal"
    kind, member = ("response.refusal", "refusal") if refused else ("response.output_text", "text")
    more: dict[str, Any] = {} if refused else {"logprobs": []}
    place = {**place, "content_index": 0}
    yield {"type": "response.content_part.added", **place, "part": {**content, member: ""}}
    yield from ({"type": f"{kind}.delta", **place, "delta": word, **more} for word in words(content[member]))
    yield {"type": f"{kind}.done", **place, member: content[member], **more}
    yield {"type": "response.content_part.done", **place, "part": content}


def _reasoning_events(item: Item, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = "response.reasoning_summary"
    for index, part in enumerate(item["summary"]):
        at = {**place, "summary_index": index}
        yield {"type": f"{kind}_part.added", **at, "part": {**part, "text": ""}}
        yield from ({"type": f"{kind}_text.delta", **at, "delta": word} for word in words(part["text"]))
        yield {"type": f"{kind}_text.done", **at, "text": part["text"]}
        yield {"type": f"{kind}_part.done", **at, "part": part}


def _call_events(item: Item, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = "response.function_call_arguments"
    arguments = item["arguments"]
    yield from ({"type": f"{kind}.delta", **place, "delta": piece} for piece in argument_pieces(arguments))
    yield {"type": f"{kind}.done", **place, "arguments": arguments, "name": item["name"]}


_EMPTY: Final[dict[str, dict[str, Any]]] = {
    "message": {"content": []},
    "reasoning": {"summary": []},
    "function_call": {"arguments": ""},
}
_INNER: Final[dict[str, Callable[[Item, dict[str, Any]], Iterator[dict[str, Any]]]]] = {
    "message": _message_events,
    "reasoning": _reasoning_events,
    "function_call": _call_events,
}
