"""The parts of a message, in the shapes of the GenAI conventions (section "Content").

A member that is not known is left out, never null.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_to_bytes

from spantape._dialects import _json

Part = dict[str, Any]

_MODALITIES = ("image", "audio", "video")
_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def text(content: str) -> Part:
    """A text part. A refusal is one too: the conventions have no other place for it."""
    return {"type": "text", "content": content}


def reasoning(content: str) -> Part:
    """A reasoning part; "" where the model reasoned but its text is withheld (encrypted, redacted)."""
    return {"type": "reasoning", "content": content}


def tool_call(call_id: Any, name: Any, arguments: Any) -> Part:
    """A call of a client's tool. Arguments that are JSON text of an object become that object."""
    part: Part = {"type": "tool_call"}
    if isinstance(call_id, str) and call_id:
        part["id"] = call_id
    part["name"] = name if isinstance(name, str) else ""
    if arguments is not None:
        part["arguments"] = parsed(arguments)
    return part


def tool_response(call_id: Any, response: Any) -> Part:
    """What a client's tool gave back."""
    part: Part = {"type": "tool_call_response"}
    if isinstance(call_id, str) and call_id:
        part["id"] = call_id
    part["response"] = response
    return part


def server_call(call_id: Any, name: str, detail: dict[str, Any], *, kind: str | None = None) -> Part:
    """A call of a tool that the provider runs itself."""
    part: Part = {"type": "server_tool_call"}
    if isinstance(call_id, str) and call_id:
        part["id"] = call_id
    part["name"] = name
    part["server_tool_call"] = {**detail, "type": kind or name}
    return part


def server_response(call_id: Any, kind: str, detail: dict[str, Any]) -> Part:
    """What a tool that the provider runs itself gave back."""
    part: Part = {"type": "server_tool_call_response"}
    if isinstance(call_id, str) and call_id:
        part["id"] = call_id
    part["server_tool_call_response"] = {**detail, "type": kind}
    return part


def compaction(item_id: Any = None, content: Any = None) -> Part:
    """A place where the provider folded the history; `content` where it gives the summary."""
    part: Part = {"type": "compaction"}
    if isinstance(item_id, str) and item_id:
        part["id"] = item_id
    if isinstance(content, str) and content:
        part["content"] = content
    return part


def blob(content: str, mime_type: Any = None, modality: str | None = None) -> Part:
    """Base64 data in the message itself."""
    return _media("blob", mime_type, modality, "content", content)


def uri(where: str, mime_type: Any = None, modality: str | None = None) -> Part:
    """Data at a URI; a `data:` URL becomes a blob."""
    if where.startswith("data:"):
        return _of_data_url(where, modality)
    return _media("uri", mime_type, modality, "uri", where)


def file(file_id: str, mime_type: Any = None, modality: str | None = None) -> Part:
    """Data that was uploaded before, by its id."""
    return _media("file", mime_type, modality, "file_id", file_id)


def audio_type(audio_format: Any) -> str | None:
    """The MIME type of an audio format's short name (`wav`, `mp3`)."""
    if not isinstance(audio_format, str) or not audio_format:
        return None
    return _AUDIO_TYPES.get(audio_format, f"audio/{audio_format}")


def parsed(arguments: Any) -> Any:
    """`arguments` as an object where they are JSON text of one, else as they are."""
    if isinstance(arguments, str):
        found = _json.value(arguments.encode("utf-8", "replace"))
        return found if isinstance(found, dict) else arguments
    return arguments


def joined_base64(pieces: list[str]) -> str:
    """One base64 text of the bytes of several."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


def _media(kind: str, mime_type: Any, modality: str | None, key: str, content: str) -> Part:
    mime = mime_type if isinstance(mime_type, str) and mime_type else None
    part: Part = {"type": kind, "modality": modality or _modality(mime)}
    if mime is not None:
        part["mime_type"] = mime
    part[key] = content
    return part


def _modality(mime_type: str | None) -> str:
    major = (mime_type or "").partition("/")[0].lower()
    return major if major in _MODALITIES else "document"


def _of_data_url(url: str, modality: str | None) -> Part:
    head, _, content = url[5:].partition(",")
    mime_type, *options = head.split(";")
    if "base64" not in options:
        content = base64.b64encode(unquote_to_bytes(content)).decode()
    return blob(content, mime_type, modality)
