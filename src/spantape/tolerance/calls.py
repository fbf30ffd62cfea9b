"""The tool calls that a model asked for, as a graph, and how two graphs differ under a policy.

A graph is a sequence of groups: the calls of one answer are a group, asked for side by side. What a policy does not
look at is not written either, so that a described graph can be signed and shown without the arguments themselves.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import msgspec

from spantape._fields import MISSING, FieldDifference, Pair, align, json_differences, show, show_both
from spantape._model import Json
from spantape.errors import UsageError
from spantape.tape.fingerprint import canonical

Order = Literal["exact", "parallel", "any"]
Arguments = Literal["digest", "shape", "ignored"]

_ARGUMENTS: Final = {
    "tool_call": "arguments",
    "server_tool_call": "server_tool_call",
}  # part type: its member
_LISTED: Final = 1000  # differences that are told


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that a model asked for: the tool's name, and its arguments as a JSON value."""

    name: str
    arguments: Json = None


Group = tuple[ToolCall, ...]
"""The calls of one answer, in the order in which it gives them."""

Described = Sequence[Sequence[Mapping[str, Any]]]
"""A graph as JSON, see `describe_calls`."""

_Calls = list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What makes two call graphs equal.

    `order`: "exact", every call in its place; "parallel", groups in order, the calls of one group in any; "any",
    groups do not matter. `arguments`: "digest", equal as JSON values; "shape", the same members of the same types;
    "ignored".

    Raises:
        UsageError: a setting is none of these.
    """

    order: Order = "parallel"
    arguments: Arguments = "digest"

    def __post_init__(self) -> None:
        for name, accepted in (("order", get_args(Order)), ("arguments", get_args(Arguments))):
            given = getattr(self, name)
            if given not in accepted:
                raise UsageError(f"CallPolicy({name}={given!r}): expected one of {', '.join(accepted)}")


@dataclass(frozen=True, slots=True)
class CallDifference:
    """One place where two graphs differ. `group` and `call` count from 0; under order "any" there is one group.

    `expected` or `got` is None where that side has no such call.
    """

    group: int
    call: int
    expected: Mapping[str, Any] | None
    got: Mapping[str, Any] | None

    def __str__(self) -> str:
        place = f"calls[{self.group}][{self.call}]"
        if self.got is None:
            return f"{place}: expected {_told(self.expected)}, got no call"
        if self.expected is None:
            return f"{place}: expected no call, got {_told(self.got)}"
        if self.expected.get("name") != self.got.get("name"):
            return f"{place}: expected {_told(self.expected)}, got {_told(self.got)}"
        return (
            f"{place} {self.expected.get('name')}: arguments {show(self.expected.get('arguments'))} expected, "
            f"{show(self.got.get('arguments'))} got"
        )


def calls_of(messages: Iterable[Mapping[str, Any]]) -> Group:
    """The tool calls in decoded output messages, in order: the client's tools and the provider's own.

    Messages are as every dialect decodes them (`{"role": …, "parts": [{"type": "tool_call", …}]}`). Arguments are
    the parsed object where they are JSON text of one, else what the model wrote; call ids are left out.
    """
    parts = (part for message in messages for part in _parts(message))
    return tuple(
        ToolCall(str(part.get("name", "")), part.get(_ARGUMENTS[part["type"]]))
        for part in parts
        if part.get("type") in _ARGUMENTS
    )


def _parts(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    parts = message.get("parts")
    for part in parts if isinstance(parts, Sequence) and not isinstance(parts, str | bytes) else ():
        if isinstance(part, Mapping):
            yield part


def describe_calls(groups: Iterable[Iterable[ToolCall]], policy: CallPolicy) -> list[list[dict[str, Any]]]:
    """The graph as JSON, with what the policy looks at: name, and the digest or shape of the arguments.

    A digest is `sha256:` and 64 hex digits over the canonical JSON (RFC 8785) of the arguments. Groups without a
    call are left out.
    """
    described = [[describe_call(call, policy.arguments) for call in group] for group in groups]
    return [group for group in described if group]


def describe_call(call: ToolCall, arguments: Arguments) -> dict[str, Any]:
    """One call as JSON, with what `arguments` (see `CallPolicy`) asks for."""
    if arguments == "ignored":
        return {"name": call.name}
    told = argument_digest(call.arguments) if arguments == "digest" else argument_shape(call.arguments)
    return {"name": call.name, "arguments": told}


def argument_digest(arguments: Json) -> str:
    """`sha256:` and 64 hex digits over the canonical JSON of the arguments; `20.0` and `20` are the same number."""
    try:
        data = canonical(arguments)
    except RecursionError:  # no JSON reader gives such a value
        data = b"nested too deep to be read"
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def argument_shape(value: Json) -> Any:
    """The members and types of a JSON value, without its values.

    A scalar is "null", "boolean", "number" or "string"; an object `{"object": {name: shape}}`; an array
    `{"array": [shape, …]}` with each different shape of its items once, by first appearance.
    """
    try:
        return _shape(value)
    except RecursionError:
        return "nested too deep to be read"


def _shape(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"object": {str(name): _shape(member) for name, member in value.items()}}
    if isinstance(value, list | tuple):
        shapes = map(_shape, value)
        return {"array": list({_key(shape): shape for shape in shapes}.values())}
    return _scalar(value)


def _key(value: Any) -> bytes:
    """The same bytes for equal JSON values."""
    return msgspec.json.encode(value, order="sorted")


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def call_differences(expected: Described, got: Described, policy: CallPolicy) -> list[CallDifference]:
    """Where `got` differs from `expected`, both described under `policy`; [] where they are equal under it.

    An inserted group shifts no other. Under "shape" an empty array agrees with any.
    """
    one, other = ([list(group) for group in graph] for graph in (expected, got))
    if policy.order == "any":
        one, other = ([[call for group in graph for call in group]] for graph in (one, other))
    found: list[CallDifference] = []
    for i, j in align(one, other):
        groups = ([] if i is None else one[i], [] if j is None else other[j])
        pairs = align(*groups) if policy.order == "exact" else _unordered(*groups)
        place = i if i is not None else j or 0
        found += _differences(place, groups, pairs)
    return found[:_LISTED]


def compare_calls(
    expected: Iterable[Iterable[ToolCall]], got: Iterable[Iterable[ToolCall]], policy: CallPolicy
) -> list[str]:
    """Why the calls differ under the policy, a line for each place; [] where they do not.

    As `call_differences`, and since the arguments are at hand, a changed one is named:
    `calls[0][0] refund: arguments.amount: 20.0 expected, 200.0 got`.
    """
    given = [[list(group) for group in graph] for graph in (expected, got)]
    described = [describe_calls(graph, policy) for graph in given]
    sources: dict[int, ToolCall] = {}
    for graph, calls in zip(given, described, strict=True):
        whole = [group for group in graph if group]
        sources |= {
            id(d): call for ds, cs in zip(calls, whole, strict=True) for d, call in zip(ds, cs, strict=True)
        }
    found = call_differences(described[0], described[1], policy)
    return [line for difference in found for line in _lines(difference, sources, policy)]


def _lines(difference: CallDifference, sources: Mapping[int, ToolCall], policy: CallPolicy) -> list[str]:
    one, other = sources.get(id(difference.expected)), sources.get(id(difference.got))
    if one is None or other is None or one.name != other.name or policy.arguments != "digest":
        return [str(difference)]
    place = f"calls[{difference.group}][{difference.call}] {one.name}"
    fields = json_differences({"arguments": one.arguments}, {"arguments": other.arguments}, limit=_LISTED)
    return [f"{place}: {expected_and_got(field)}" for field in fields] or [str(difference)]


def expected_and_got(field: FieldDifference) -> str:
    """`path: x expected, y got`, with "nothing" for a side that has nothing there."""
    if MISSING in (field.recorded, field.got):
        return (
            f"{field.path}: {show(field.recorded)} expected, nothing got"
            if field.got is MISSING
            else f"{field.path}: nothing expected, {show(field.got)} got"
        )
    expected, got = show_both(field.recorded, field.got)
    return f"{field.path}: {expected} expected, {got} got"


def _differences(group: int, calls: tuple[_Calls, _Calls], pairs: Iterable[Pair]) -> Iterator[CallDifference]:
    for i, j in pairs:
        one, other = None if i is None else calls[0][i], None if j is None else calls[1][j]
        if one is None or other is None or not _agree(one, other):
            yield CallDifference(group, i if i is not None else j or 0, one, other)


def _unordered(expected: _Calls, got: _Calls) -> list[Pair]:
    """Equal calls with each other, then calls of one name in their order; what is left has no other side."""
    pairs: list[Pair] = []
    rows, columns = list(range(len(expected))), list(range(len(got)))
    for kind in (_key, _name):
        waiting: dict[Any, deque[int]] = defaultdict(deque)
        for j in columns:
            waiting[kind(got[j])].append(j)
        left = []
        for i in rows:
            queue = waiting[kind(expected[i])]
            if queue:
                pairs.append((i, queue.popleft()))
            else:
                left.append(i)
        rows, columns = left, sorted(j for queue in waiting.values() for j in queue)
    return sorted(pairs) + [(i, None) for i in rows] + [(None, j) for j in columns]


def _name(call: Mapping[str, Any]) -> Any:
    return call.get("name")


def _agree(one: Any, other: Any) -> bool:
    """Whether two described calls are equal, an empty array's shape with any other's."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return False
        if one.keys() == {"array"}:
            return not one["array"] or not other["array"] or _same_items(one["array"], other["array"])
        return all(_agree(member, other[name]) for name, member in one.items())
    return bool(one == other)


def _same_items(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether each shape on one side has one that agrees with it on the other."""
    return all(any(_agree(a, b) for b in other) for a in one) and all(
        any(_agree(a, b) for a in one) for b in other
    )


def _told(call: Mapping[str, Any] | None) -> str:
    if call is None:
        return "no call"
    arguments = f" with arguments {show(call['arguments'])}" if "arguments" in call else ""
    return f"a call of {call.get('name')!r}{arguments}"
