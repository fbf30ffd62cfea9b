"""What the renderers of all wire formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from spantape._model import Headers
from spantape.testing.prompt import Prompt
from spantape.testing.replies import Failing, Refusal, Reply, Text, ToolCall, Usage

CREATED: Final = 1_700_000_000
"""The time that every answer claims to be made at, in seconds since the epoch."""

DEFAULT_MODEL: Final = "scripted-model"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a renderer sees it: its decoded body, and `mark`, 24 hex digits that are its own."""

    body: dict[str, Any]
    mark: str
    prompt: Prompt

    def model(self, reply: Reply) -> str:
        """The model that answers."""
        return reply.model or self.prompt.model or DEFAULT_MODEL


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One wire format: how a request is read, and a reply is rendered whole, as a stream, and as an error.

    `automatic` endpoints compute their answer from the request, so that they take no reply from a list.
    """

    suffix: str
    prompt: Callable[[dict[str, Any]], Prompt]
    whole: Callable[[Reply, Call], dict[str, Any]]
    stream: Callable[[Reply, Call], list[bytes]] | None
    failure: Callable[[Failing, int, Call], dict[str, Any]]
    headers: Callable[[Call], Headers]
    automatic: bool = False


def sse(data: Any, event: str | None = None) -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, bytes) else msgspec.json.encode(data)
    head = b"" if event is None else b"event: %b\n" % event.encode()
    return b"%bdata: %b\n\n" % (head, text)


def calls(reply: Reply, prefix: str, mark: str) -> list[tuple[str, ToolCall]]:
    """The tool calls of a reply with their ids."""
    found = [part for part in reply.parts if isinstance(part, ToolCall)]
    return [(call.id or f"{prefix}{mark[:20]}{index:02d}", call) for index, call in enumerate(found)]


def spoken(reply: Reply, kind: type[Text]) -> str | None:
    """What the reply says in parts of just this kind, joined; None where it has none."""
    found = [part.whole for part in reply.parts if type(part) is kind]
    return "".join(found) if found else None


def refuses(reply: Reply) -> bool:
    """Whether the reply is a refusal."""
    return any(type(part) is Refusal for part in reply.parts)


def tokens_in(body: dict[str, Any], usage: Usage) -> int:
    """The input tokens to report: as scripted, or one for each four bytes of what was said."""
    if usage.input is not None:
        return usage.input
    said = [body.get(name) for name in ("system", "instructions", "messages", "input", "prompt", "tools")]
    return max(1, sum(len(msgspec.json.encode(part)) for part in said if part) // 4)


def tokens_out(reply: Reply) -> int:
    """The output tokens to report: as scripted, or one for each piece of the reply."""
    if reply.usage.output is not None:
        return reply.usage.output
    return sum(len(part.pieces) for part in reply.parts)


def until_failure(reply: Reply, deltas: Iterable[bytes]) -> list[bytes]:
    """The deltas up to where the reply breaks off; all of them where it does not."""
    after = None if reply.failure is None else reply.failure.after
    found = list(deltas)
    return found if after is None else found[:after]
