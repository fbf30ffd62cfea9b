"""Items of the responses API, asked or answered, as parts and messages.

A tool that the provider runs is one item with call and result; it becomes a `server_tool_call` and, where it has
results, a `server_tool_call_response`. Citations and log probabilities are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spantape._dialects import _json, _openai, _parts
from spantape._dialects._base import Message

_Read = Callable[[dict[str, Any]], list[_parts.Part]]


def message(item: Any) -> Message:
    """The input item `item` as a message of its own."""
    if not isinstance(item, dict):
        return {"role": "user", "parts": []}
    kind = item.get("type")
    found: Message = {"role": _role(item, kind), "parts": parts(item)}
    return found


def parts(item: Any) -> list[_parts.Part]:
    """The parts of the item `item`, input or output; one of an unknown type stays as it is."""
    if not isinstance(item, dict):
        return []
    kind = item.get("type")
    if not isinstance(kind, str) or not kind:
        return _openai.content_parts(item.get("content"))
    read = _ITEMS.get(kind)
    return read(item) if read is not None else _built_in(item, kind)


def _built_in(item: dict[str, Any], kind: str) -> list[_parts.Part]:
    """An item of a tool that the API brings along, told by its type."""
    if kind in _SERVER_TOOLS:
        return _server_tool(item, kind)
    if kind.endswith("_output"):
        return _tool_output(item)
    if kind.endswith("_call"):
        return _client_tool(item, kind)
    return _openai.content_parts([item])


def _role(item: dict[str, Any], kind: Any) -> str:
    role = item.get("role")
    if isinstance(role, str) and role:
        return role
    if isinstance(kind, str) and kind.endswith("_output"):
        return "assistant" if item.get("execution") == "server" else "tool"
    made = isinstance(kind, str) and (kind in _MADE or kind.endswith("_call"))
    return "assistant" if made else "user"


def _reasoning(item: dict[str, Any]) -> list[_parts.Part]:
    """The reasoning itself where it is given, else its summary, else that there was some."""
    for key in ("content", "summary"):
        pieces = item.get(key)
        found = _json.texts(pieces, lambda piece: piece.get("text")) if isinstance(pieces, list) else []
        if found:
            return [_parts.reasoning(text) for text in found]
    return [_parts.reasoning("")]


def _function_call(item: dict[str, Any]) -> list[_parts.Part]:
    return [_parts.tool_call(item.get("call_id") or item.get("id"), item.get("name"), item.get("arguments"))]


def _custom_call(item: dict[str, Any]) -> list[_parts.Part]:
    return [_parts.tool_call(item.get("call_id") or item.get("id"), item.get("name"), item.get("input"))]


def _client_tool(item: dict[str, Any], kind: str) -> list[_parts.Part]:
    """A built-in tool that the caller runs (computer, shell, patch): its name is the item's type."""
    arguments = {key: value for key, value in item.items() if key not in _ENVELOPE}
    action = arguments.get("action", arguments)
    return [_parts.tool_call(item.get("call_id") or item.get("id"), kind.removesuffix("_call"), action)]


def _tool_output(item: dict[str, Any]) -> list[_parts.Part]:
    output = item.get("output")
    if isinstance(output, list):
        output = _openai.content_parts(output)
    elif isinstance(output, dict) and isinstance(output.get("type"), str):
        output = _openai.content_parts([output])
    return [_parts.tool_response(item.get("call_id"), output)]


def _server_tool(item: dict[str, Any], kind: str) -> list[_parts.Part]:
    name, asked, given = _SERVER_TOOLS[kind]
    named = item.get("name")
    call = {key: _parts.parsed(item[key]) for key in asked if item.get(key) is not None}
    found = [
        _parts.server_call(
            item.get("id"), named if isinstance(named, str) and named else name, call, kind=name
        )
    ]
    results = {key: item[key] for key in given if item.get(key) is not None}
    if results:
        found.append(_parts.server_response(item.get("id"), name, results))
    return found


def _tool_search(item: dict[str, Any]) -> list[_parts.Part]:
    if item.get("execution") == "client":
        return [_parts.tool_call(item.get("call_id"), "tool_search", item.get("arguments"))]
    call = {"arguments": _parts.parsed(item.get("arguments"))}
    return [_parts.server_call(item.get("call_id") or item.get("id"), "tool_search", call)]


def _tool_search_output(item: dict[str, Any]) -> list[_parts.Part]:
    call_id, tools = item.get("call_id"), item.get("tools")
    if item.get("execution") == "client":
        return [_parts.tool_response(call_id, tools)]
    return [_parts.server_response(call_id or item.get("id"), "tool_search", {"tools": tools})]


def _image(item: dict[str, Any]) -> list[_parts.Part]:
    """The image that was drawn, after the call that drew it."""
    asked = {
        key: item[key] for key in ("action", "revised_prompt", "size", "quality") if item.get(key) is not None
    }
    found = [_parts.server_call(item.get("id"), "image_generation", asked)]
    result = item.get("result")
    if isinstance(result, str) and result:
        form = item.get("output_format")
        mime_type = f"image/{form}" if isinstance(form, str) and form else None
        found.append(_parts.blob(result, mime_type, "image"))
    return found


def _compaction(item: dict[str, Any]) -> list[_parts.Part]:
    return [_parts.compaction(item.get("id"), item.get("summary"))]


_ENVELOPE = ("type", "id", "call_id", "status", "role")
_ITEMS: dict[str, _Read] = {
    "compaction": _compaction,
    "compaction_summary": _compaction,
    "custom_tool_call": _custom_call,
    "function_call": _function_call,
    "image_generation_call": _image,
    "message": lambda item: _openai.content_parts(item.get("content")),
    "reasoning": _reasoning,
    "tool_search_call": _tool_search,
    "tool_search_output": _tool_search_output,
}
# by item type: the name, the members of the call, the members of the result
_SERVER_TOOLS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "code_interpreter_call": ("code_interpreter", ("code", "container_id"), ("outputs",)),
    "file_search_call": ("file_search", ("queries",), ("results",)),
    "mcp_approval_request": ("mcp", ("server_label", "name", "arguments"), ()),
    "mcp_call": ("mcp", ("server_label", "arguments"), ("output", "error")),
    "mcp_list_tools": ("mcp_list_tools", ("server_label",), ("tools", "error")),
    "web_search_call": ("web_search", ("action",), ("results",)),
}
_MADE = frozenset(
    (
        "compaction",
        "compaction_summary",
        "mcp_approval_request",
        "mcp_list_tools",
        "output_text",
        "reasoning",
        "refusal",
    )
)
