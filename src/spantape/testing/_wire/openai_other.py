"""OpenAI `POST …/completions` (legacy) and `…/embeddings`.

See: <https://platform.openai.com/docs/api-reference/embeddings>
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any, Final

import msgspec

from spantape.testing._wire.base import (
    CREATED,
    Call,
    Endpoint,
    spoken,
    sse,
    tokens_in,
    tokens_out,
    until_failure,
)
from spantape.testing._wire.openai_common import error_body, headers
from spantape.testing.prompt import Prompt, string
from spantape.testing.replies import Reply, Text

_DIMENSIONS: Final = 8


def prompt(body: dict[str, Any]) -> Prompt:
    """The prompt of a completion or embeddings request."""
    given = body.get("prompt", body.get("input"))
    said = (
        given if isinstance(given, str) else "\n".join(map(string, given)) if isinstance(given, list) else ""
    )
    return Prompt(model=string(body.get("model")), stream=body.get("stream") is True, text=said)


def _usage(reply: Reply, call: Call) -> dict[str, int]:
    given, taken = tokens_in(call.body, reply.usage), tokens_out(reply)
    return {"prompt_tokens": given, "completion_tokens": taken, "total_tokens": given + taken}


def _completion(reply: Reply, call: Call, words: str, finish: str | None) -> dict[str, Any]:
    return {
        "id": f"cmpl-{call.mark}",
        "object": "text_completion",
        "created": CREATED,
        "model": call.model(reply),
        "choices": [{"text": words, "index": 0, "logprobs": None, "finish_reason": finish}],
    }


def whole(reply: Reply, call: Call) -> dict[str, Any]:
    """The completion as one object."""
    completion = _completion(reply, call, spoken(reply, Text) or "", reply.finish or "stop")
    return {**completion, "usage": _usage(reply, call)}


def stream(reply: Reply, call: Call) -> list[bytes]:
    """The completion as events."""
    pieces = [piece for part in reply.parts if type(part) is Text for piece in part.pieces]
    events = until_failure(reply, (sse(_completion(reply, call, piece, None)) for piece in pieces))
    if reply.failure is not None:
        return [*events, sse(error_body(reply.failure, 500, call))]
    events.append(sse(_completion(reply, call, "", reply.finish or "stop")))
    options = call.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        counted = _completion(reply, call, "", None)
        events.append(sse({**counted, "choices": [], "usage": _usage(reply, call)}))
    return [*events, sse(b"[DONE]")]


def embeddings(reply: Reply, call: Call) -> dict[str, Any]:
    """The embeddings of the input: the scripted vectors, or unit vectors that only equal inputs share."""
    vectors = reply.vectors or tuple(_vector(item, call) for item in _inputs(call.body.get("input")))
    as_base64 = call.body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    given = tokens_in(call.body, reply.usage)
    usage = {"prompt_tokens": given, "total_tokens": given}
    return {"object": "list", "data": data, "model": call.model(reply), "usage": usage}


def _inputs(given: Any) -> list[Any]:
    """The inputs to embed; a list of token numbers is one input."""
    if not isinstance(given, list):
        return [given]
    return [given] if given and all(isinstance(item, int) for item in given) else given


def _vector(item: Any, call: Call) -> tuple[float, ...]:
    wanted = call.body.get("dimensions")
    length = wanted if isinstance(wanted, int) and wanted > 0 else _DIMENSIONS
    digest = hashlib.shake_256(msgspec.json.encode(item)).digest(2 * length)
    numbers = [number / 32768 - 1 for number in struct.unpack(f"<{length}H", digest)]
    norm = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return struct.unpack(f"<{length}f", struct.pack(f"<{length}f", *(number / norm for number in numbers)))


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


COMPLETIONS = Endpoint("/completions", prompt, whole, stream, error_body, headers)
EMBEDDINGS = Endpoint("/embeddings", prompt, embeddings, None, error_body, headers, automatic=True)
