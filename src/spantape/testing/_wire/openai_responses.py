"""OpenAI `POST …/responses` and `…/responses/input_tokens`.

See: <https://platform.openai.com/docs/api-reference/responses>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spantape.testing._wire.base import CREATED, Call, Endpoint, calls, sse, tokens_in, tokens_out
from spantape.testing._wire.openai_common import error_body, headers
from spantape.testing.prompt import Prompt, Tool, content_text, objects, string, texts
from spantape.testing.replies import Failing, Part, Reasoning, Refusal, Reply, Text

_ECHOED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""The fields that a response repeats from its request, with what stands there where the request is silent."""

_EMPTY: Final[dict[str, dict[str, Any]]] = {
    "message": {"content": []},
    "reasoning": {"summary": []},
    "function_call": {"arguments": ""},
}
"""What an item lacks while its stream has only begun."""

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


def prompt(body: dict[str, Any]) -> Prompt:
    """The prompt of a responses request."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else objects(given)
    last_user = max((i for i, item in enumerate(items) if item.get("role") == "user"), default=-1)
    outputs = (
        item.get("output") for item in items[last_user + 1 :] if item.get("type") == "function_call_output"
    )
    return Prompt(
        model=string(body.get("model")),
        stream=body.get("stream") is True,
        text=content_text(items[last_user].get("content")) if last_user >= 0 else "",
        system=string(body.get("instructions")),
        tools=tuple(
            Tool(string(tool.get("name")), string(tool.get("description")), tool.get("parameters"))
            for tool in objects(body.get("tools"))
            if tool.get("type") == "function"
        ),
        tool_results=texts(outputs),
        parallel=body.get("parallel_tool_calls") is not False,
    )


def whole(reply: Reply, call: Call) -> dict[str, Any]:
    """The response as one object."""
    return _response(reply, call, _items(reply, call), _status(reply))


def _status(reply: Reply) -> str:
    return "incomplete" if reply.finish in _INCOMPLETE else "completed"


def _response(reply: Reply, call: Call, output: list[dict[str, Any]], status: str) -> dict[str, Any]:
    reason = _INCOMPLETE.get(reply.finish or "")
    return {
        "id": f"resp_{call.mark}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "model": call.model(reply),
        "output": output,
        "service_tier": "default",
        "usage": None if status == "in_progress" else _usage(reply, call),
        **{name: call.body.get(name) or otherwise for name, otherwise in _ECHOED.items()},
        "parallel_tool_calls": call.prompt.parallel,
    }


def _usage(reply: Reply, call: Call) -> dict[str, Any]:
    given, taken = tokens_in(call.body, reply.usage), tokens_out(reply)
    return {
        "input_tokens": given,
        "input_tokens_details": {
            "cached_tokens": reply.usage.cached,
            "cache_write_tokens": reply.usage.cache_write,
        },
        "output_tokens": taken,
        "output_tokens_details": {"reasoning_tokens": reply.usage.reasoning},
        "total_tokens": given + taken,
    }


def _items(reply: Reply, call: Call) -> list[dict[str, Any]]:
    ids = {id(each): id_ for id_, each in calls(reply, "call_", call.mark)}
    return [_item(part, index, call, ids.get(id(part), "")) for index, part in enumerate(reply.parts)]


def _item(part: Part, index: int, call: Call, call_id: str) -> dict[str, Any]:
    tail = f"{call.mark}{index:02d}"
    if isinstance(part, Reasoning):
        summary = [{"type": "summary_text", "text": part.whole}]
        return {"id": f"rs_{tail}", "type": "reasoning", "summary": summary}
    if isinstance(part, Text):
        content = [_content(part, part.whole)]
        return {
            "id": f"msg_{tail}",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": content,
        }
    return {
        "id": f"fc_{tail}",
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": part.name,
        "arguments": part.arguments,
    }


def _content(part: Text, words: str) -> dict[str, Any]:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": words}
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


def stream(reply: Reply, call: Call) -> list[bytes]:
    """The response as events, with their sequence numbers."""
    begun = _response(reply, call, [], "in_progress")
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    if reply.failure is not None:
        events += _broken(reply, call, reply.failure)
    else:
        events += [event for index, _ in enumerate(reply.parts) for event in _item_events(reply, call, index)]
        final = whole(reply, call)
        events.append({"type": f"response.{final['status']}", "response": final})
    return [sse({**event, "sequence_number": n}, event["type"]) for n, event in enumerate(events)]


def _broken(reply: Reply, call: Call, failure: Failing) -> list[dict[str, Any]]:
    """The events up to and with the delta after which the response fails, then its error."""
    kept: list[dict[str, Any]] = []
    left = failure.after or 0
    for event in (event for index, _ in enumerate(reply.parts) for event in _item_events(reply, call, index)):
        left -= event["type"].endswith(".delta")
        if left < 0:
            break
        kept.append(event)
    return [*kept, {"type": "error", "code": failure.type, "message": failure.message, "param": None}]


def _item_events(reply: Reply, call: Call, index: int) -> Iterator[dict[str, Any]]:
    item, part = _items(reply, call)[index], reply.parts[index]
    place = {"item_id": item["id"], "output_index": index}
    begun = {**item, **_EMPTY[item["type"]]}
    if "status" in item:
        begun["status"] = "in_progress"
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    if isinstance(part, Reasoning):
        yield from _summary_events(part, place)
    elif isinstance(part, Text):
        yield from _text_events(part, {**place, "content_index": 0})
    else:
        kind = "response.function_call_arguments"
        yield from ({"type": f"{kind}.delta", **place, "delta": piece} for piece in part.pieces)
        yield {"type": f"{kind}.done", **place, "arguments": part.arguments, "name": part.name}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _text_events(part: Text, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    refused = isinstance(part, Refusal)
    kind, done = ("response.refusal", "refusal") if refused else ("response.output_text", "text")
    more: dict[str, Any] = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", **place, "part": _content(part, "")}
    yield from ({"type": f"{kind}.delta", **place, "delta": piece, **more} for piece in part.pieces)
    yield {"type": f"{kind}.done", **place, done: part.whole, **more}
    yield {"type": "response.content_part.done", **place, "part": _content(part, part.whole)}


def _summary_events(part: Reasoning, place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    place = {**place, "summary_index": 0}
    kind = "response.reasoning_summary"
    yield {"type": f"{kind}_part.added", **place, "part": {"type": "summary_text", "text": ""}}
    yield from ({"type": f"{kind}_text.delta", **place, "delta": piece} for piece in part.pieces)
    yield {"type": f"{kind}_text.done", **place, "text": part.whole}
    yield {"type": f"{kind}_part.done", **place, "part": {"type": "summary_text", "text": part.whole}}


def count(reply: Reply, call: Call) -> dict[str, Any]:
    """The answer to a count of input tokens."""
    return {"object": "response.input_tokens", "input_tokens": tokens_in(call.body, reply.usage)}


ENDPOINT = Endpoint("/responses", prompt, whole, stream, error_body, headers)
COUNT = Endpoint("/responses/input_tokens", prompt, count, None, error_body, headers, automatic=True)
