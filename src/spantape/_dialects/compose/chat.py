"""Chat completions out of messages, whole and streamed.

A choice has one reasoning, one text and one refusal, so several of each are joined; calls follow in their order.

See: <https://platform.openai.com/docs/api-reference/chat>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from spantape._dialects._base import Message
from spantape._dialects.compose._base import (
    Part,
    Said,
    argument_pieces,
    arguments_text,
    encoded,
    event,
    finish_of,
    openai_usage,
    parts_of,
    refuse,
    text_of,
    words,
)

_FINISH: Final = {"tool_call": "tool_calls", "error": None}
_SPOKEN: Final = {"text": "content", "refusal": "refusal", "reasoning": "reasoning_content"}


def whole(said: Said) -> list[bytes]:
    """The completion as one object."""
    choices = [
        {
            "index": index,
            "message": _message(message, said),
            "logprobs": None,
            "finish_reason": _finish(message),
        }
        for index, message in enumerate(said.messages)
    ]
    body = {**_envelope(said, "chat.completion"), "choices": choices}
    usage = openai_usage(said.usage, responses=False)
    return [encoded(body if usage is None else {**body, "usage": usage})]


def stream(said: Said) -> list[bytes]:
    """The completion as events, the choices one after the other."""
    envelope = _envelope(said, "chat.completion.chunk")

    def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**envelope, "choices": [choice]})

    events: list[bytes] = []
    for index, message in enumerate(said.messages):
        events.append(chunk(index, {"role": message.get("role") or "assistant", "content": ""}))
        events += [chunk(index, delta) for delta in _deltas(message, said)]
        events.append(chunk(index, {}, _finish(message)))
    usage = openai_usage(said.usage, responses=False)
    if usage is not None and said.include_usage:
        events.append(event({**envelope, "choices": [], "usage": usage}))
    return [*events, event(b"[DONE]")]


def _envelope(said: Said, kind: str) -> dict[str, Any]:
    return {"id": said.made_id("chatcmpl-"), "object": kind, "created": said.created, "model": said.model}


def _finish(message: Message) -> str | None:
    finish = finish_of(message)
    return _FINISH.get(finish, finish)


def _message(message: Message, said: Said) -> dict[str, Any]:
    spoken, calls = _read(message)
    made: dict[str, Any] = {
        "role": message.get("role") or "assistant",
        "content": spoken.pop("content", None),
        "refusal": spoken.pop("refusal", None),
        **spoken,
    }
    if calls:
        made["tool_calls"] = [_call(said, part, place) for place, part in enumerate(calls)]
    return made


def _read(message: Message) -> tuple[dict[str, str], list[Part]]:
    """What a choice says by member of the wire message, and its calls."""
    spoken: dict[str, str] = {}
    calls: list[Part] = []
    for part in parts_of(message):
        member = _SPOKEN.get(str(part.get("type")))
        if member is not None:
            if text := text_of(part):
                spoken[member] = spoken.get(member, "") + text
        elif part.get("type") == "tool_call":
            calls.append(part)
        else:
            raise refuse(part, "openai.chat")
    return spoken, calls


def _call(said: Said, part: Part, place: int) -> dict[str, Any]:
    function = {"name": part.get("name") or "", "arguments": arguments_text(part)}
    return {"id": said.made_call_id(part, place, "call_"), "type": "function", "function": function}


def _deltas(message: Message, said: Said) -> Iterator[dict[str, Any]]:
    spoken, calls = _read(message)
    for member in ("reasoning_content", "content", "refusal"):
        yield from ({member: piece} for piece in words(spoken.get(member, "")))
    for place, part in enumerate(calls):
        call = _call(said, part, place)
        arguments = call["function"]["arguments"]
        call["function"]["arguments"] = ""
        yield {"tool_calls": [{"index": place, **call}]}
        for piece in argument_pieces(arguments):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}
