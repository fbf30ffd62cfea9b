"""How gravely two steps differ, place by place: in bytes, in words, in meaning, in structure.

A model's answer is compared as what was said: its text by meaning, its tool calls under the policy, and data in its
text as data. What a run carries along (an answer comes back in the next request's history) is judged where it arose,
not again in every request behind it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from spantape._dialects import Dialect
from spantape._fields import MISSING
from spantape.errors import NotReplayable
from spantape.tape.answers import Said, dialect_of, said_in
from spantape.tape.carried import Carried
from spantape.tape.diff import body_value, step_name
from spantape.tape.fingerprint import descriptor
from spantape.tape.model import AgentStep, ExchangeStep, Step, ToolStep
from spantape.tape.places import Compare, Comparison, Places, WeighedDifference
from spantape.tape.vectors import weigh_vectors
from spantape.tolerance.calls import CallPolicy, ToolCall, argument_shape, call_differences, describe_call
from spantape.tolerance.policy import Policy, StepPolicy

_CALL: Final = frozenset({"kind", "name", "method", "path", "request", "arguments"})
_COUNTED: Final = 1000  # differences found in one step


class Weigher:
    """Weighs the differences of two runs' steps, which it must be given in order.

    `steps` are those of the first run. `compare` compares two texts, None for the built-in comparison. What the policy
    ignores is no difference.
    """

    def __init__(self, policy: Policy, steps: Iterable[Step], compare: Compare | None = None) -> None:
        self.policy: Final = policy
        self._compare = compare
        self._carried = Carried({step.index: step.parent for step in steps})

    def differences(self, first: Step, second: Step, *, same_call: bool = False) -> list[WeighedDifference]:
        """Every place where two steps of one kind differ, at most 1,000.

        With `same_call` the calls are known to be the same, and only what came of them is weighed.

        Raises:
            TapeError: a body cannot be rebuilt.
        """
        one, other = descriptor(first), descriptor(second)
        if one == other:
            return []
        self._carried.reach(first.index)
        tool = first.name if isinstance(first, ToolStep) else None
        step = Places(self, self.policy.of_step(first.index, step_name(first), tool), first.index)
        changed = [key for key in one if one[key] != other.get(key, MISSING)]
        if same_call:
            changed = [key for key in changed if key not in _CALL]
        for key in changed:
            if key not in ("request", "response", "arguments", "result"):
                step.add(key, one[key], other.get(key, MISSING), "structure")
        if isinstance(first, ExchangeStep) and isinstance(second, ExchangeStep):
            _Exchanges(step, first, second).weigh(changed)
        elif not isinstance(first, ExchangeStep) and not isinstance(second, ExchangeStep):
            _weigh_calls(step, first, second, changed)
        return step.found[:_COUNTED]

    def exceeding(self, first: Step, found: list[WeighedDifference]) -> list[WeighedDifference]:
        """Those of a step's differences that the policy does not tolerate."""
        tool = first.name if isinstance(first, ToolStep) else None
        policy = self.policy.of_step(first.index, step_name(first), tool)
        return [difference for difference in found if _exceeds(policy, difference)]

    def compared(self, first: str, second: str) -> Comparison:
        """The comparison of two texts."""
        if self._compare is None:
            from spantape.semantic.compare import compare

            self._compare = compare
        return self._compare(first, second)

    def is_carried(self, first: Any, second: Any) -> bool:
        """Whether the runs carry this difference along from an earlier step."""
        return (first, second) in self._carried

    def carry(self, first: Any, second: Any, *, by: int) -> None:
        """What the runs carry along from step `by` of the first one."""
        self._carried.note(first, second, by=by)


def _exceeds(policy: StepPolicy, difference: WeighedDifference) -> bool:
    tolerance = policy.at(difference.path)
    return tolerance != "ignore" and not tolerance.tolerates(difference.severity)


class _Exchanges:
    """Weighs two exchanges: their requests as JSON, their answers as what the model said."""

    def __init__(self, step: Places, first: ExchangeStep, second: ExchangeStep) -> None:
        self._step, self._first, self._second = step, first, second

    def weigh(self, changed: list[str]) -> None:
        """Weigh the differences in the bodies that `changed` names."""
        one, other = self._dialects()
        known = one is not None and other is not None
        if "request" in changed:
            self._bodies("request.body", lambda step: step.request_body(), dialect=known)
        if "response" not in changed:
            return
        said = (self._said(self._first, one), self._said(self._second, other)) if known else ([], [])
        if said[0] and said[1]:
            self._answers(*said)
        elif not (one is not None and one.operation == "embeddings" and self._vectors()):
            self._bodies("response.body", _response_body, dialect=known)

    def _dialects(self) -> tuple[Dialect | None, Dialect | None]:
        try:
            return (None, None) if self._step.exact else (dialect_of(self._first), dialect_of(self._second))
        except NotReplayable:
            return None, None

    def _said(self, step: ExchangeStep, dialect: Dialect | None) -> list[Said]:
        try:
            return [] if dialect is None else said_in(step, dialect)
        except NotReplayable:
            return []

    def _vectors(self) -> bool:
        """Whether both answers are embeddings, which are then weighed."""
        before = self._step.seen
        try:
            bodies = _response_body(self._first), _response_body(self._second)
        except NotReplayable:
            return False
        found = weigh_vectors(self._step, *bodies)
        if found and self._step.seen == before:
            self._step.add(
                "response.body", "embeddings", "the same embeddings", "bytes", "spelling, ids or counts"
            )
        return found

    def _bodies(self, path: str, read: Callable[[ExchangeStep], bytes], *, dialect: bool) -> None:
        try:
            one, other = read(self._first), read(self._second)
        except NotReplayable as error:
            self._step.add(path, "<recorded>", f"<{error.reason}>", "structure")
            return
        if not (_is_text(one) and _is_text(other)):
            self._step.add(path, body_value(one), body_value(other), "structure")
            return
        before = self._step.seen
        self._step.inputs = path == "request.body"
        loose = not dialect and not self._step.exact
        self._step.values(path, body_value(one), body_value(other), loose=loose, dialect=dialect)
        if self._step.seen == before:
            self._step.add(path, f"{len(one)} bytes", f"{len(other)} bytes", "bytes", "the same values")
        self._step.inputs = False

    def _answers(self, first: list[Said], second: list[Said]) -> None:
        before = self._step.seen
        if len(first) != len(second):
            self._step.add("answer", f"{len(first)} messages", f"{len(second)} messages", "structure")
        for index, (one, other) in enumerate(zip(first, second, strict=False)):
            _weigh_said(self._step, "answer" if len(first) == 1 else f"answer[{index}]", one, other)
        if self._step.seen == before:
            self._step.add("response.body", "an answer", "the same answer", "bytes", "ids, times or chunks")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _response_body(step: ExchangeStep) -> bytes:
    response = step.response
    return b"" if response is None else response.body


def _weigh_said(step: Places, path: str, first: Said, second: Said) -> None:
    for name, one, other in (
        ("finish_reason", first.finish, second.finish),
        ("parts", first.others, second.others),
    ):
        if one != other:
            step.add(f"{path}.{name}", one, other, "structure")
    if bool(first.text) != bool(second.text):
        step.add(f"{path}.text", first.text or MISSING, second.text or MISSING, "structure")
    else:
        step.text(f"{path}.text", first.text, second.text)
    _weigh_asked(step, f"{path}.calls", first.calls, second.calls)
    step.carry(first.text, second.text)
    for one, other in zip(first.texts, second.texts, strict=False):
        step.carry(one, other)


def _weigh_asked(step: Places, path: str, first: tuple[ToolCall, ...], second: tuple[ToolCall, ...]) -> None:
    """Weigh the calls that two answers ask for."""
    policy = step.weigher.policy
    sides = [
        [describe_call(call, policy.arguments_of(call.name)) for call in calls] for calls in (first, second)
    ]
    sources = {
        id(said): call
        for side, calls in zip(sides, (first, second), strict=True)
        for said, call in zip(side, calls, strict=True)
    }
    for difference in call_differences([sides[0]], [sides[1]], CallPolicy(policy.calls.order)):
        one, other = (sources.get(id(side)) for side in (difference.expected, difference.got))
        place = f"{path}[{difference.call}]"
        if one is None or other is None or one.name != other.name:
            step.add(place, _shown(one), _shown(other), "structure")
        else:
            step.values(
                f"{place}.arguments",
                *_compared(policy, one.name, one.arguments, other.arguments),
                loose=False,
            )
            step.carry(one.arguments, other.arguments)
    for one, other in _of_one_name(first, second):  # also what the policy does not look at is in the history
        step.carry(one.arguments, other.arguments)


def _compared(policy: Policy, tool: str, first: Any, second: Any) -> tuple[Any, Any]:
    """The arguments of two calls, or their shapes, as the policy compares them."""
    if policy.arguments_of(tool) == "shape":
        return argument_shape(first), argument_shape(second)
    return first, second


def _of_one_name(
    first: tuple[ToolCall, ...], second: tuple[ToolCall, ...]
) -> Iterator[tuple[ToolCall, ToolCall]]:
    """The calls of each tool with the other answer's, in order."""
    waiting: dict[str, deque[ToolCall]] = defaultdict(deque)
    for call in second:
        waiting[call.name].append(call)
    for call in first:
        if waiting[call.name]:
            yield call, waiting[call.name].popleft()


def _shown(call: ToolCall | None) -> Any:
    return MISSING if call is None else {"name": call.name, "arguments": call.arguments}


def _weigh_calls(
    step: Places, first: ToolStep | AgentStep, second: ToolStep | AgentStep, changed: list[str]
) -> None:
    """Weigh two calls of a tool or an agent that ran."""
    policy = step.weigher.policy
    how = policy.arguments_of(first.name) if first.kind == "tool" else "digest"
    if "arguments" in changed and how != "ignored":
        one, other = _read(lambda: first.arguments), _read(lambda: second.arguments)
        if how == "shape":
            one, other = argument_shape(one), argument_shape(other)
        step.inputs = True
        step.values("arguments", one, other, loose=False)
        step.inputs = False
    if "result" in changed:
        one, other = _read(lambda: first.result), _read(lambda: second.result)
        if first.kind == "agent" and not step.exact and isinstance(one, str) and isinstance(other, str):
            step.text("result", one, other)
        else:
            step.values("result", one, other, loose=not step.exact)
        step.carry(one, other)


def _read(load: Callable[[], Any]) -> Any:
    try:
        return load()
    except NotReplayable as error:
        return {"not recorded": error.reason}
