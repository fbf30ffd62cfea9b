"""Anthropic `POST /v1/messages` and `/v1/messages/count_tokens`.

See: <https://docs.anthropic.com/en/api/messages>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spantape._model import Headers
from spantape.testing._message import json_object
from spantape.testing._wire.base import Call, Endpoint, calls, refuses, sse, tokens_in, tokens_out
from spantape.testing.prompt import Prompt, Tool, content_text, objects, string, texts
from spantape.testing.replies import Failing, Part, Reasoning, Reply, ToolCall

_STOP: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""Reasons to stop: chat completions' word → Anthropic's; a word of Anthropic's own stays."""

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def prompt(body: dict[str, Any]) -> Prompt:
    """The prompt of a messages request: tool results travel in messages of the user there."""
    messages = objects(body.get("messages"))
    last_user = max((i for i, m in enumerate(messages) if _is_said(m)), default=-1)
    later = [block for m in messages[last_user + 1 :] for block in objects(m.get("content"))]
    choice = body.get("tool_choice")
    return Prompt(
        model=string(body.get("model")),
        stream=body.get("stream") is True,
        text=content_text(messages[last_user].get("content")) if last_user >= 0 else "",
        system=content_text(body.get("system")),
        tools=tuple(
            Tool(string(tool.get("name")), string(tool.get("description")), tool.get("input_schema"))
            for tool in objects(body.get("tools"))
        ),
        tool_results=texts(block.get("content") for block in later if block.get("type") == "tool_result"),
        parallel=not (isinstance(choice, dict) and choice.get("disable_parallel_tool_use") is True),
    )


def _is_said(message: dict[str, Any]) -> bool:
    """Whether a user wrote the message, as against one that brings tool results."""
    blocks = objects(message.get("content"))
    return message.get("role") == "user" and all(block.get("type") != "tool_result" for block in blocks)


def headers(call: Call) -> Headers:
    """The response headers that the SDK and its users look at."""
    return (("request-id", f"req_{call.mark}"),)


def error_body(failing: Failing, status: int, call: Call) -> dict[str, Any]:
    """The body of an error."""
    otherwise = "api_error" if status >= 500 else "invalid_request_error"
    error = {"type": failing.type or _TYPES.get(status, otherwise), "message": failing.message}
    return {"type": "error", "error": error, "request_id": f"req_{call.mark}"}


def whole(reply: Reply, call: Call) -> dict[str, Any]:
    """The message as one object."""
    return {
        **_message(reply, call),
        "content": [_block(part, id_) for part, id_ in _parts(reply, call)],
        "stop_reason": _stop_reason(reply, call),
        "usage": _usage(reply, call, tokens_out(reply)),
    }


def _message(reply: Reply, call: Call) -> dict[str, Any]:
    return {
        "id": f"msg_{call.mark}",
        "type": "message",
        "role": "assistant",
        "model": call.model(reply),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(reply: Reply, call: Call) -> str:
    if reply.finish is not None:
        return _STOP.get(reply.finish, reply.finish)
    if refuses(reply):
        return "refusal"
    return "tool_use" if calls(reply, "toolu_", call.mark) else "end_turn"


def _usage(reply: Reply, call: Call, taken: int) -> dict[str, Any]:
    """Usage as this API counts it: the cached tokens stand beside the input tokens, not in them."""
    usage = reply.usage
    given = tokens_in(call.body, usage) - usage.cached - usage.cache_write
    return {
        "input_tokens": max(0, given),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": taken,
        "service_tier": "standard",
    }


def _parts(reply: Reply, call: Call) -> list[tuple[Part, str]]:
    ids = {id(each): id_ for id_, each in calls(reply, "toolu_", call.mark)}
    return [(part, ids.get(id(part), "")) for part in reply.parts]


def _block(part: Part, id_: str) -> dict[str, Any]:
    if isinstance(part, ToolCall):
        return {
            "type": "tool_use",
            "id": id_,
            "name": part.name,
            "input": json_object(part.arguments.encode()),
        }
    if isinstance(part, Reasoning):
        return {"type": "thinking", "thinking": part.whole, "signature": _SIGNATURE}
    return {"type": "text", "text": part.whole}


_SIGNATURE: Final = "c3BhbnRhcGU="


def stream(reply: Reply, call: Call) -> list[bytes]:
    """The message as events."""
    begun = {**_message(reply, call), "usage": _usage(reply, call, 1)}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, (part, id_) in enumerate(_parts(reply, call)):
        events += _block_events(part, id_, index)
    if reply.failure is not None:
        return _named([*_until(events, reply.failure), error_body(reply.failure, 500, call)])
    delta = {"stop_reason": _stop_reason(reply, call), "stop_sequence": None}
    counted = {
        name: n for name, n in _usage(reply, call, tokens_out(reply)).items() if name.endswith("tokens")
    }
    events += [{"type": "message_delta", "delta": delta, "usage": counted}, {"type": "message_stop"}]
    return _named(events)


def _named(events: list[dict[str, Any]]) -> list[bytes]:
    return [sse(event, event["type"]) for event in events]


def _until(events: list[dict[str, Any]], failure: Failing) -> list[dict[str, Any]]:
    """The events up to and with the delta after which the stream fails."""
    left = failure.after or 0
    kept: list[dict[str, Any]] = []
    for event in events:
        left -= event["type"] == "content_block_delta"
        if left < 0:
            break
        kept.append(event)
    return kept


def _block_events(part: Part, id_: str, index: int) -> Iterator[dict[str, Any]]:
    block = _block(part, id_)
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty[block["type"]]}}
    for delta in _block_deltas(part):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _block_deltas(part: Part) -> Iterator[dict[str, str]]:
    if isinstance(part, ToolCall):
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in ("", *part.pieces))
    elif isinstance(part, Reasoning):
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in part.pieces)
        yield {"type": "signature_delta", "signature": _SIGNATURE}
    else:
        yield from ({"type": "text_delta", "text": piece} for piece in part.pieces)


def count(reply: Reply, call: Call) -> dict[str, Any]:
    """The answer to a count of tokens."""
    return {"input_tokens": tokens_in(call.body, reply.usage)}


ENDPOINT = Endpoint("/messages", prompt, whole, stream, error_body, headers)
COUNT = Endpoint("/messages/count_tokens", prompt, count, None, error_body, headers, automatic=True)
