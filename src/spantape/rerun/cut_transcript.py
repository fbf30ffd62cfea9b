"""What a model answered, in the form that two answers are compared in: nothing of it names the one call it came from.

A transcript is the output messages in the conventions' words (`role`, `parts`, `finish_reason`), the same whether the
answer was streamed or not. Left out are the ids of answers, of tool calls and of containers, times, token counts and
log probabilities; arguments that are JSON text of an object are that object, so that neither key order nor spacing
counts. The transcript of embeddings is `{"embeddings": […]}`: one vector for each input, in their order, as base64 of
little-endian float32, however it was sent.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

_IDS: Final = ("id", "call_id", "tool_use_id", "item_id", "container_id", "created_at")
"""Members of a part, or of what a provider's own tool was asked and gave, that name one call."""
_SERVER_TOOL: Final = ("server_tool_call", "server_tool_call_response")
_FLOAT_TYPES: Final = (None, "float")


def of_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The transcript of a dialect's output messages."""
    return [{**message, "parts": [_part(part) for part in message["parts"]]} for message in messages]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in part.items() if key not in _IDS}
    for member in _SERVER_TOOL:
        if isinstance(kept.get(member), dict):
            kept[member] = {key: value for key, value in kept[member].items() if key not in _IDS}
    return kept


def text_of(transcript: Sequence[Mapping[str, Any]]) -> str:
    """What the answer says in words: its text parts, a blank line between; reasoning and calls are no part of it."""
    parts = [part for message in transcript for part in message["parts"]]
    texts = (part.get("content") for part in parts if part.get("type") == "text")
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def of_embeddings(body: bytes, output_type: object = None) -> dict[str, list[str]]:
    """The transcript of the embeddings answer `body`; `output_type` is what the request asked of its numbers.

    Vectors of another type than float that came as base64 stay as they came.

    Raises:
        ValueError: it holds no vectors, or one that is neither numbers nor base64.
    """
    found = msgspec.json.decode(body, type=_Embeddings)
    ordered = sorted(
        enumerate(found.data), key=lambda pair: pair[0] if pair[1].index is None else pair[1].index
    )
    if not ordered:
        raise ValueError("the answer holds no vectors")
    return {"embeddings": [_coded(vector.embedding, output_type in _FLOAT_TYPES) for _, vector in ordered]}


class _Embedding(msgspec.Struct, gc=False):
    embedding: str | list[float]
    index: int | None = None


class _Embeddings(msgspec.Struct, gc=False):
    data: list[_Embedding]


def _coded(embedding: str | list[float], floats: bool) -> str:
    if isinstance(embedding, list):
        return b64encode(_floats(embedding)).decode()
    try:
        raw = b64decode(embedding, validate=True)
    except Base64Error as error:
        raise ValueError(f"a vector is neither numbers nor base64 ({error})") from error
    if floats and (not raw or len(raw) % 4):
        raise ValueError(f"a vector has {len(raw)} bytes, which are no float32")
    return embedding if not floats else b64encode(raw).decode()


def _floats(numbers: list[float]) -> bytes:
    if not numbers:
        raise ValueError("a vector is empty")
    try:
        return struct.pack(f"<{len(numbers)}f", *numbers)
    except OverflowError as error:
        raise ValueError(f"a vector holds a number that is no float32 ({error})") from error


def vector_of(transcript: Mapping[str, Any]) -> str:
    """The vectors of an embeddings transcript, one behind the other, as base64 of little-endian float32.

    Of unit vectors, the cosine of two such rows is the mean of the cosines of their vectors.
    """
    return b64encode(b"".join(b64decode(text) for text in transcript["embeddings"])).decode()
