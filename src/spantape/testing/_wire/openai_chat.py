"""OpenAI `POST …/chat/completions`.

See: <https://platform.openai.com/docs/api-reference/chat>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spantape.testing._wire.base import (
    CREATED,
    Call,
    Endpoint,
    calls,
    spoken,
    sse,
    tokens_in,
    tokens_out,
    until_failure,
)
from spantape.testing._wire.openai_common import error_body, headers
from spantape.testing.prompt import Prompt, Tool, content_text, objects, string, texts
from spantape.testing.replies import Reasoning, Refusal, Reply, Text


def prompt(body: dict[str, Any]) -> Prompt:
    """The prompt of a chat completion request."""
    messages = objects(body.get("messages"))
    last_user = max((i for i, m in enumerate(messages) if m.get("role") == "user"), default=-1)
    return Prompt(
        model=string(body.get("model")),
        stream=body.get("stream") is True,
        text=content_text(messages[last_user].get("content")) if last_user >= 0 else "",
        system="\n".join(
            texts(m.get("content") for m in messages if m.get("role") in ("system", "developer"))
        ),
        tools=tuple(_tool(tool.get("function")) for tool in objects(body.get("tools"))),
        tool_results=texts(m.get("content") for m in messages[last_user + 1 :] if m.get("role") == "tool"),
        parallel=body.get("parallel_tool_calls") is not False,
    )


def _tool(function: Any) -> Tool:
    given = function if isinstance(function, dict) else {}
    return Tool(string(given.get("name")), string(given.get("description")), given.get("parameters"))


def _finish(reply: Reply, call: Call) -> str:
    return reply.finish or ("tool_calls" if calls(reply, "call_", call.mark) else "stop")


def _usage(reply: Reply, call: Call) -> dict[str, Any]:
    given, taken = tokens_in(call.body, reply.usage), tokens_out(reply)
    return {
        "prompt_tokens": given,
        "completion_tokens": taken,
        "total_tokens": given + taken,
        "prompt_tokens_details": {"cached_tokens": reply.usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reply.usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _envelope(reply: Reply, call: Call, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{call.mark}",
        "object": kind,
        "created": CREATED,
        "model": call.model(reply),
        "service_tier": "default",
        "system_fingerprint": "fp_spantape",
    }


def _choices(call: Call) -> range:
    count = call.body.get("n")
    return range(count if isinstance(count, int) and count > 0 else 1)


def whole(reply: Reply, call: Call) -> dict[str, Any]:
    """The chat completion as one object."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": spoken(reply, Text),
        "refusal": spoken(reply, Refusal),
        "annotations": [],
    }
    if (thought := spoken(reply, Reasoning)) is not None:
        message["reasoning_content"] = thought
    if found := calls(reply, "call_", call.mark):
        message["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for id_, each in found
        ]
    finish = _finish(reply, call)
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index in _choices(call)
    ]
    return {**_envelope(reply, call, "chat.completion"), "choices": choices, "usage": _usage(reply, call)}


def stream(reply: Reply, call: Call) -> list[bytes]:
    """The chat completion as events; usage only where `stream_options.include_usage` asks for it."""
    options = call.body.get("stream_options")
    counted = isinstance(options, dict) and options.get("include_usage") is True
    envelope = _envelope(reply, call, "chat.completion.chunk")
    unknown = {"usage": None} if counted else {}

    def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse({**envelope, "choices": [choice], **unknown})

    indexes = _choices(call)
    events = [chunk({"role": "assistant", "content": "", "refusal": None}, index=index) for index in indexes]
    deltas = [chunk(delta, index=index) for delta in _deltas(reply, call) for index in indexes]
    events += until_failure(reply, deltas)
    if reply.failure is not None:
        return [*events, sse(error_body(reply.failure, 500, call))]
    events += [chunk({}, _finish(reply, call), index) for index in indexes]
    if counted:
        events.append(sse({**envelope, "choices": [], "usage": _usage(reply, call)}))
    return [*events, sse(b"[DONE]")]


def _deltas(reply: Reply, call: Call) -> Iterator[dict[str, Any]]:
    names = {Text: "content", Reasoning: "reasoning_content", Refusal: "refusal"}
    ids = {id(each): (index, id_) for index, (id_, each) in enumerate(calls(reply, "call_", call.mark))}
    for part in reply.parts:
        if isinstance(part, Text):
            yield from ({names[type(part)]: piece} for piece in part.pieces)
            continue
        index, id_ = ids[id(part)]
        first = {
            "index": index,
            "id": id_,
            "type": "function",
            "function": {"name": part.name, "arguments": ""},
        }
        yield {"tool_calls": [first]}
        yield from (
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in part.pieces
        )


ENDPOINT = Endpoint("/chat/completions", prompt, whole, stream, error_body, headers)
