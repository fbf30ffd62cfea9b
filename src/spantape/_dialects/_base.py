"""What a dialect gives back: the meaning of request and response bytes, in the conventions' words.

A dialect is pure: bytes in, values out, no I/O, no clock, no library objects. It never raises on odd input: what
it cannot read, it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Attribute = str | bool | int | float | Sequence[str]
Message = dict[str, Any]
"""One message as the conventions write it: `{"role": …, "parts": [{"type": …, …}], …}`."""


@dataclass(slots=True)
class Asked:
    """What a request means.

    `operation` is the `gen_ai.operation.name`, None where the request is of the wire API but is no inference (a
    count of tokens). `attributes` are the `gen_ai.request.*` (and provider-specific) attributes, without operation, provider and
    model, which stand apart. `message_count` counts the input messages; `render(start)` gives the messages from
    `start` on, parsed only then, since a history is long and mostly known already. `system` and `tools` are
    rendered as `gen_ai.system_instructions` and `gen_ai.tool.definitions`, likewise on demand. `history_end` is
    the offset in the body just behind the last input message, 0 where there is none: a body that starts with
    another's bytes up to there continues that conversation.
    """

    operation: str | None = None
    model: str | None = None
    stream: bool = False
    attributes: dict[str, Attribute] = field(default_factory=dict)
    message_count: int = 0
    history_end: int = 0
    render: Callable[[int], list[Message]] = lambda _start: []
    system: Callable[[], list[dict[str, Any]]] | None = None
    tools: Callable[[], list[dict[str, Any]]] | None = None


@dataclass(slots=True)
class Answered:
    """What a response means.

    `attributes` hold id, model, finish reasons, usage and the like; usage stands under `gen_ai.usage.*` only.
    `messages` are the output messages, one for each choice. `error` is (type, message) of a failure, also of one
    reported inside a 200. `is_stored` says that later requests may name it by its id instead of resending it.
    """

    attributes: dict[str, Attribute] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    error: tuple[str, str] | None = None
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire API: its name and its two pure functions.

    `ask(body, path)` reads a request, `answer(body, status, content_type, asked)` its response; `content_type` is
    the header's value, "" where there is none.
    """

    name: str
    operation: str
    ask: Callable[[bytes, str], Asked]
    answer: Callable[[bytes, int, str, Asked], Answered]
    constants: Mapping[str, Attribute] = field(default_factory=dict)
