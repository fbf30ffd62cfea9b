"""Content blocks of Anthropic's messages as parts. Citations, signatures and cache marks are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spantape._dialects import _parts
from spantape._dialects._base import Message

_Block = dict[str, Any]


def message(value: Any, role: str) -> Message:
    """The message in `value`; `role` is its role where it names none."""
    if not isinstance(value, dict):
        return {"role": role, "parts": []}
    said, content = value.get("role"), value.get("content")
    if type(content) is str and content and type(said) is str and said:  # most are, and histories are long
        return {"role": said, "parts": [{"type": "text", "content": content}]}
    return {"role": said if isinstance(said, str) and said else role, "parts": parts(content)}


def parts(content: Any) -> list[_parts.Part]:
    """The parts of a content: a string, or an array of blocks. An unknown block stays as it is."""
    if isinstance(content, str):
        return [_parts.text(content)] if content else []
    if isinstance(content, list):
        return [part for block in content for part in _block(block)]
    return []


def _block(block: Any) -> list[_parts.Part]:
    if isinstance(block, str):
        return parts(block)
    if not isinstance(block, dict):
        return []
    kind = block.get("type")
    if not isinstance(kind, str) or not kind:
        return []
    read = _BLOCKS.get(kind)
    if read is not None:
        return read(block)
    if kind.endswith("_tool_result"):
        return [_server_result(block, kind)]
    return [block]


def _text(block: _Block) -> list[_parts.Part]:
    return parts(block["text"]) if isinstance(block.get("text"), str) else []


def _thinking(block: _Block) -> list[_parts.Part]:
    said = block.get("thinking")
    return [_parts.reasoning(said if isinstance(said, str) else "")]


def _tool_result(block: _Block) -> list[_parts.Part]:
    content = block.get("content")
    response = parts(content) if isinstance(content, list) else content
    return [_parts.tool_response(block.get("tool_use_id"), response)]


def _server_use(block: _Block) -> list[_parts.Part]:
    name, given = _name(block), _parts.parsed(block.get("input"))
    detail = given if isinstance(given, dict) else {} if given is None else {"input": given}
    return [_parts.server_call(block.get("id"), name, detail)]


def _mcp_use(block: _Block) -> list[_parts.Part]:
    detail = {
        key: _parts.parsed(block[key]) for key in ("server_name", "input") if block.get(key) is not None
    }
    return [_parts.server_call(block.get("id"), _name(block), detail, kind="mcp")]


def _mcp_result(block: _Block) -> list[_parts.Part]:
    detail: dict[str, Any] = {"content": block.get("content")}
    if block.get("is_error") is not None:
        detail["is_error"] = block["is_error"]
    return [_parts.server_response(block.get("tool_use_id"), "mcp", detail)]


def _server_result(block: _Block, kind: str) -> _parts.Part:
    return _parts.server_response(
        block.get("tool_use_id"), kind.removesuffix("_tool_result"), {"content": block.get("content")}
    )


def _image(block: _Block) -> list[_parts.Part]:
    return _source(block.get("source"), "image")


def _document(block: _Block) -> list[_parts.Part]:
    return _source(block.get("source"), "document")


def _source(source: Any, modality: str) -> list[_parts.Part]:
    """Where the bytes of an image or document are: here, at a URL, uploaded; or the document is text."""
    if not isinstance(source, dict):
        return []
    if "content" in source:
        return parts(source["content"])
    data, where, file_id = source.get("data"), source.get("url"), source.get("file_id")
    mime_type = source.get("media_type")
    if isinstance(data, str) and data:
        return [_parts.text(data) if source.get("type") == "text" else _parts.blob(data, mime_type, modality)]
    if isinstance(where, str) and where:
        return [_parts.uri(where, mime_type, modality)]
    return [_parts.file(file_id, mime_type, modality)] if isinstance(file_id, str) and file_id else []


def _upload(block: _Block) -> list[_parts.Part]:
    file_id = block.get("file_id")
    return [_parts.file(file_id)] if isinstance(file_id, str) and file_id else []


def _name(block: _Block) -> str:
    name = block.get("name")
    return name if isinstance(name, str) else ""


_BLOCKS: dict[str, Callable[[_Block], list[_parts.Part]]] = {
    "compaction": lambda block: [_parts.compaction(None, block.get("content"))],
    "container_upload": _upload,
    "document": _document,
    "image": _image,
    "mcp_tool_result": _mcp_result,
    "mcp_tool_use": _mcp_use,
    "redacted_thinking": lambda _block: [_parts.reasoning("")],
    "server_tool_use": _server_use,
    "text": _text,
    "thinking": _thinking,
    "tool_result": _tool_result,
    "tool_use": lambda block: [_parts.tool_call(block.get("id"), block.get("name"), block.get("input"))],
}
