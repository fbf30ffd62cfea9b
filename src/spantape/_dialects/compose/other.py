"""Legacy text completions and embeddings out of what was recorded of them.

See: <https://platform.openai.com/docs/api-reference/completions>, <https://platform.openai.com/docs/api-reference/embeddings>
"""

from __future__ import annotations

from typing import Any, Final

from spantape._dialects import _names
from spantape._dialects._base import Message
from spantape._dialects.compose._base import (
    Said,
    Uncomposable,
    encoded,
    event,
    finish_of,
    openai_usage,
    parts_of,
    refuse,
    text_of,
    words,
)

_FINISH: Final = {"error": None}


def completion(said: Said) -> list[bytes]:
    """A text completion as one object."""
    choices = [_choice(index, _text(message), message) for index, message in enumerate(said.messages)]
    body = {**_envelope(said), "choices": choices}
    usage = openai_usage(said.usage, responses=False)
    return [encoded(body if usage is None else {**body, "usage": usage})]


def completion_stream(said: Said) -> list[bytes]:
    """A text completion as events, the choices one after the other."""
    envelope = _envelope(said)
    events: list[bytes] = []
    for index, message in enumerate(said.messages):
        pieces = words(_text(message)) or [""]
        for place, piece in enumerate(pieces, 1):
            last = message if place == len(pieces) else None
            events.append(event({**envelope, "choices": [_choice(index, piece, last)]}))
    usage = openai_usage(said.usage, responses=False)
    if usage is not None and said.include_usage:
        events.append(event({**envelope, "choices": [], "usage": usage}))
    return [*events, event(b"[DONE]")]


def embeddings(said: Said) -> list[bytes]:
    """Embeddings as one object, the vectors as numbers.

    Raises:
        Uncomposable: there are no vectors.
    """
    if not said.vectors:
        raise Uncomposable("got no vectors, and an answer of openai.embeddings is nothing else")
    data = [
        {"object": "embedding", "index": index, "embedding": list(vector)}
        for index, vector in enumerate(said.vectors)
    ]
    tokens = said.usage.get(_names.INPUT_TOKENS, 0)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return [encoded({"object": "list", "data": data, "model": said.model, "usage": usage})]


def _envelope(said: Said) -> dict[str, Any]:
    made = {"id": said.made_id("cmpl-"), "object": "text_completion", "created": said.created}
    return {**made, "model": said.model}


def _choice(index: int, text: str, ended: Message | None) -> dict[str, Any]:
    finish = None if ended is None else finish_of(ended)
    return {
        "index": index,
        "text": text,
        "logprobs": None,
        "finish_reason": _FINISH.get(finish or "", finish),
    }


def _text(message: Message) -> str:
    odd = next((part for part in parts_of(message) if part.get("type") != "text"), None)
    if odd is not None:
        raise refuse(odd, "openai.completions")
    return "".join(map(text_of, parts_of(message)))
