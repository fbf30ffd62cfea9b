"""What a wire API is here: a request read into the step record's terms, and written from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spantape._dialects import Dialect
from spantape.errors import NotCanonical, UsageError
from spantape.rerun.reading import read_json

Members = dict[str, Any]
"""The members of a JSON object."""

TRAVEL: Final = frozenset({"model", "stream", "stream_options"})
"""Members that say how the answer travels, or that stand elsewhere in a record."""

STORED: Final = ("previous_response_id", "conversation", "prompt", "container")
"""Options that name what the provider keeps of a conversation."""

SAID_IN_HEADERS: Final = frozenset({"anthropic-beta", "anthropic-version", "openai-beta"})
"""Request headers that change what is asked."""


class NotACallError(Exception):
    """A request that asks nothing which could be asked again; its text says why, without a place."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks of a model.

    `sampling` and `inputs` are members of a step record: `inputs` has `system_prompt`, `messages` and, where tools
    are offered, `tools`, the latter two as they are on the wire. `options` are the other members of the request, as
    they are on the wire; those that are null, and those that say how the answer travels, are left out. `headers` are
    those that change what is asked.
    """

    api: str
    model: str
    sampling: Members
    inputs: Members
    options: Members = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def stored(self) -> tuple[str, ...]:
        """The options by which the request goes on with what the provider keeps, so that its inputs are not all."""
        return tuple(name for name in STORED if name in self.options)


@dataclass(frozen=True, slots=True)
class Api:
    """One wire API: its dialect, the end of its path, and the two ways between request and call.

    `sampling` gives, for a member of a record's sampling, the wire's names for it, the usual one first; `outer.inner`
    is a member of a member. `read` takes the inputs out of the members of a request, and `put` puts them in; it
    raises `UsageError` where they do not fit. `finish` is given the whole request last.
    """

    dialect: Dialect
    path: str
    sampling: Mapping[str, Sequence[str]]
    read: Callable[[Members], Members]
    put: Callable[[Members, Members], None]
    finish: Callable[[Members], None] = lambda _body: None

    @property
    def name(self) -> str:
        """The dialect's name."""
        return self.dialect.name

    def call(self, model: str, body: Members) -> Call:
        """What the request with the members `body` asks of `model`.

        Raises:
            NotACallError: there is nothing in it to be asked.
        """
        rest = {key: value for key, value in body.items() if value is not None and key not in TRAVEL}
        sampling = _lifted(rest, self.sampling)
        return Call(self.name, model, sampling, self.read(rest), rest)

    def write(self, call: Call) -> Members:
        """The members of the request that asks `call`: options last, in their own spelling."""
        body: Members = {"model": call.model}
        self.put(body, call.inputs)
        for member, spellings in self.sampling.items():
            outer = {name.partition(".")[0] for name in spellings}
            if member in call.sampling and call.options.keys().isdisjoint(outer):
                _put_in(body, spellings[0], call.sampling[member])
        body |= call.options
        self.finish(body)
        return body


def _lifted(rest: Members, spellings: Mapping[str, Sequence[str]]) -> Members:
    """The sampling in `rest`. The usual spelling is taken out; another stays too, so that it is sent again as it was."""
    sampling: Members = {}
    for member, names in spellings.items():
        read = _READ.get(member, _number)
        found = ((name, value) for name in reversed(names) if (value := read(_at(rest, name))) is not None)
        name, value = next(found, ("", None))
        if value is not None:
            sampling[member] = value
        if name == names[0]:
            _take_out(rest, name)
    return sampling


def _at(members: Members, name: str) -> Any:
    """The member `name` of an object, or, of `outer.inner`, the inner one."""
    outer, _, inner = name.partition(".")
    value = members.get(outer)
    return (value.get(inner) if isinstance(value, dict) else None) if inner else value


def _take_out(rest: Members, name: str) -> None:
    """Take out the member `name`; an inner one only where nothing is beside it."""
    outer, _, inner = name.partition(".")
    if not inner or rest[outer].keys() == {inner}:
        del rest[outer]


def _put_in(body: Members, name: str, value: Any) -> None:
    outer, _, inner = name.partition(".")
    body[outer] = {inner: value} if inner else value


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> int | float | None:
    return value if isinstance(value, float) and math.isfinite(value) else _integer(value)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _strings(value: object) -> list[str] | None:
    found = [value] if isinstance(value, str) else value
    return found if isinstance(found, list) and found and all(isinstance(one, str) for one in found) else None


_READ: Final[Mapping[str, Callable[[object], Any]]] = {
    "seed": _integer,
    "max_tokens": _integer,
    "top_k": _integer,
    "reasoning_tokens": _integer,
    "reasoning_effort": _string,
    "stop": _strings,
}


def plain_json(body: bytes) -> Members:
    """The members of the JSON object in `body`.

    Raises:
        NotACallError: it is not a JSON object, or one that two readers might read differently.
    """
    try:
        found = read_json(body)
    except NotCanonical as error:
        raise NotACallError(f"the request body has no canonical JSON form ({error})") from error
    if not isinstance(found, dict):
        raise NotACallError("the request body is not a JSON object")
    return found


def taken_list(rest: Members, name: str, what: str) -> list[Any]:
    """The list `name`, taken out of `rest`.

    Raises:
        NotACallError: it is not there, or is no list; the text says that the request has no `what`.
    """
    found = rest.pop(name, None)
    if not isinstance(found, list):
        raise NotACallError(f"the request has no {what}: its {name!r} is {_kind(found)}")
    return found


def texts_as_messages(given: object, name: str) -> list[Members]:
    """One user message for each text of a prompt or an input, which may be bare; token ids stand in for text.

    Raises:
        NotACallError: it is neither.
    """
    if isinstance(given, str) or _is_tokens(given):
        given = [given]
    if (
        not isinstance(given, list)
        or not given
        or not all(isinstance(one, str) or _is_tokens(one) for one in given)
    ):
        raise NotACallError(f"the request has no texts: its {name!r} is {_kind(given)}")
    return [{"role": "user", "content": text} for text in given]


def messages_as_texts(inputs: Members, api: str) -> Any:
    """What `texts_as_messages` was given; one alone is bare.

    Raises:
        UsageError: there is more to the inputs than texts.
    """
    messages = inputs["messages"]
    if inputs["system_prompt"] or "tools" in inputs or not all(map(_is_text, messages)):
        raise UsageError(
            f"{api} takes texts alone: expected an empty system_prompt, no tools, and messages that are each "
            '{"role": "user", "content": "…"}'
        )
    texts = [message["content"] for message in messages]
    return texts[0] if len(texts) == 1 else texts


def _is_text(message: object) -> bool:
    return isinstance(message, dict) and message.keys() == {"role", "content"} and message["role"] == "user"


def _is_tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_integer(one) is not None for one in value)


def _kind(value: object) -> str:
    return (
        "missing" if value is None else f"{value!r:.40}" if not isinstance(value, list) else "an empty list"
    )


def plain_text(content: object) -> str | None:
    """The text of a content that one string says as well: a string, or a single text part with nothing else to it."""
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
        if isinstance(content, dict) and content.keys() == {"type", "text"} and content["type"] == "text":
            content = content["text"]
        else:
            return None
    return content if isinstance(content, str) else None
