"""How gravely two steps differ, place by place: in bytes, in words, in meaning, in structure.

A model's answer is compared as what was said: its text by meaning, its tool calls under the policy, and data in its
text as data. What a run carries along (an answer comes back in the next request's history) is judged where it arose,
not again in every request behind it.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from spantape._fields import MISSING, FieldDifference
from spantape.errors import NotReplayable
from spantape.semantic.structured import compare_structured, value_differences
from spantape.tape.answers import Said, dialect_of, said_in
from spantape.tape.carried import Carried
from spantape.tape.diff import body_value, step_name
from spantape.tape.fingerprint import descriptor
from spantape.tape.model import AgentStep, ExchangeStep, Step, ToolStep
from spantape.tape.volatile import is_volatile
from spantape.tolerance.calls import CallPolicy, ToolCall, argument_shape, call_differences, describe_call
from spantape.tolerance.level import Grade
from spantape.tolerance.policy import Policy, StepPolicy

_CALL: Final = frozenset({"kind", "name", "method", "path", "request", "arguments"})
_COUNTED: Final = 1000  # differences found in one step
_REASONS: Final = 3  # reasons of a comparison that are told
_PLACES_OF_TEXT: Final = frozenset(
    {"content", "text", "input", "system", "prompt", "instructions", "thinking"}
)
_LAST_NAME: Final = re.compile(r"([^.\[\]]+)(?:\[\d+\])*$")
_WORDS: Final = 4  # words that make a string prose


class Comparison(Protocol):
    """What a comparison of two texts gives: see `spantape.semantic.compare`."""

    @property
    def score(self) -> float:
        """How alike the texts are, in [0, 1]."""
        ...

    @property
    def verdict(self) -> str:
        """One of "same", "different", "inconclusive"."""
        ...

    @property
    def reasons(self) -> Sequence[str]:
        """Why, the gravest first."""
        ...


Compare = Callable[[str, str], Comparison]


@dataclass(frozen=True, slots=True)
class GradedDifference(FieldDifference):
    """A difference with how grave it is, and why where a comparison of texts said it."""

    grade: Grade = "structure"
    reason: str = ""


class Grader:
    """Grades the differences of two runs' steps, which it must be given in order.

    `compare` compares two texts, None for the built-in comparison. What the policy ignores is no difference.
    """

    def __init__(self, policy: Policy, compare: Compare | None = None) -> None:
        self.policy: Final = policy
        self._compare = compare
        self._carried = Carried()

    def differences(self, first: Step, second: Step, *, same_call: bool = False) -> list[GradedDifference]:
        """Every place where two steps of one kind differ, at most 1,000.

        With `same_call` the calls are known to be the same, and only what came of them is graded.

        Raises:
            TapeError: a body cannot be rebuilt.
        """
        one, other = descriptor(first), descriptor(second)
        if one == other:
            return []
        tool = first.name if isinstance(first, ToolStep) else None
        step = _Step(self, self.policy.of_step(first.index, step_name(first), tool))
        changed = [key for key in one if one[key] != other.get(key, MISSING)]
        if same_call:
            changed = [key for key in changed if key not in _CALL]
        for key in changed:
            if key not in ("request", "response", "arguments", "result"):
                step.add(key, one[key], other.get(key, MISSING), "structure")
        if isinstance(first, ExchangeStep) and isinstance(second, ExchangeStep):
            _Exchanges(step, first, second).grade(changed)
        elif not isinstance(first, ExchangeStep) and not isinstance(second, ExchangeStep):
            _grade_calls(step, first, second, changed)
        return step.found[:_COUNTED]

    def exceeding(self, first: Step, found: list[GradedDifference]) -> list[GradedDifference]:
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

    @property
    def carried(self) -> Carried:
        """What the runs carry along from earlier steps."""
        return self._carried


def _exceeds(policy: StepPolicy, difference: GradedDifference) -> bool:
    tolerance = policy.at(difference.path)
    return tolerance != "ignore" and not tolerance.tolerates(difference.grade)


class _Step:
    """The differences of one pair of steps, as they are found."""

    def __init__(self, grader: Grader, policy: StepPolicy) -> None:
        self.grader, self.policy = grader, policy
        self.found: list[GradedDifference] = []

    def add(self, path: str, first: Any, second: Any, grade: Grade, reason: str = "") -> None:
        """Note a difference, unless the policy ignores its place."""
        if self.policy.rule_at(path) != "ignore":
            self.found.append(GradedDifference(path, first, second, grade, reason))

    def text(self, path: str, first: str, second: str) -> None:
        """Grade two texts: as data where both are, else by what they mean."""
        if first == second or (first, second) in self.grader.carried:
            return
        rule = self._rule(loose=True)
        parsed = compare_structured(first, second, texts=lambda inner, a, b: rule(_under(path, inner), a, b))
        if parsed.verdict == "same":
            self.add(path, first, second, "bytes", "the same data")
        elif parsed.verdict == "different":
            self._add_values(path, list(parsed.differences))
        else:
            self._by_meaning(path, first, second)

    def values(self, path: str, first: Any, second: Any, *, loose: bool, dialect: bool = False) -> None:
        """Grade two JSON values; where `loose`, prose in them by what it means, else every string exactly."""
        rule = self._rule(loose=loose, dialect=dialect)
        self._add_values("", value_differences(first, second, texts=rule, path=path), dialect=dialect)

    def _add_values(self, path: str, found: list[FieldDifference], *, dialect: bool = False) -> None:
        for difference in found:
            if (difference.recorded, difference.got) in self.grader.carried:
                continue
            place = _under(path, difference.path)
            grade: Grade = "bytes" if dialect and is_volatile(place) else "structure"
            self.add(place, difference.recorded, difference.got, grade)

    def _rule(self, *, loose: bool, dialect: bool = False) -> Callable[[str, str, str], bool]:
        """What decides on two strings in a value: True where they are equal, or their difference is noted by itself."""

        def rule(path: str, first: str, second: str) -> bool:
            if (first, second) in self.grader.carried:
                return True
            if (loose and _is_prose(first) and _is_prose(second)) or self._is_text(path, dialect=dialect):
                self.text(path, first, second)
                return True
            parsed = compare_structured(first, second)
            if parsed.verdict == "different":
                self._add_values(path, list(parsed.differences))
            elif parsed.verdict == "same":
                self.add(path, first, second, "bytes", "the same data")
            return parsed.verdict != "undecided"

        return rule

    def _is_text(self, path: str, *, dialect: bool) -> bool:
        """Whether a policy calls the place a text, or the wire API has one there."""
        rule = self.policy.rule_at(path)
        if rule is not None and rule != "ignore" and rule.level == "semantic":
            return True
        last = _LAST_NAME.search(path)
        return dialect and last is not None and last[1] in _PLACES_OF_TEXT

    def _by_meaning(self, path: str, first: str, second: str) -> None:
        tolerance = self.policy.at(path)
        if tolerance == "ignore":
            return
        if tolerance.level == "structural":  # which does not look at texts
            self.add(path, first, second, "meaning", "texts are not compared")
            return
        found = self.grader.compared(first, second)
        said = found.verdict == "same" if tolerance.threshold is None else found.score >= tolerance.threshold
        reasons = [f"score {found.score:.2f}", *([] if said else found.reasons[:_REASONS])]
        self.add(path, first, second, "wording" if said else "meaning", "; ".join(reasons))


class _Exchanges:
    """Grades two exchanges: their requests as JSON, their answers as what the model said."""

    def __init__(self, step: _Step, first: ExchangeStep, second: ExchangeStep) -> None:
        self._step, self._first, self._second = step, first, second

    def grade(self, changed: list[str]) -> None:
        """Find the differences in the bodies that `changed` names."""
        try:
            dialects = dialect_of(self._first), dialect_of(self._second)
        except NotReplayable:
            dialects = None, None
        if "request" in changed:
            self._bodies("request.body", lambda step: step.request_body(), dialect=None not in dialects)
        if "response" in changed:
            said = [
                [] if dialect is None else said_in(step, dialect)
                for step, dialect in zip((self._first, self._second), dialects, strict=True)
            ]
            if said[0] and said[1]:
                self._answers(said[0], said[1])
            else:
                self._bodies("response.body", _response_body, dialect=None not in dialects)

    def _bodies(self, path: str, read: Callable[[ExchangeStep], bytes], *, dialect: bool) -> None:
        try:
            bodies = read(self._first), read(self._second)
        except NotReplayable as error:
            self._step.add(path, "<recorded>", f"<{error.reason}>", "structure")
            return
        before = len(self._step.found)
        self._step.values(path, *map(body_value, bodies), loose=not dialect, dialect=dialect)
        if len(self._step.found) == before:
            self._step.add(
                path, f"{len(bodies[0])} bytes", f"{len(bodies[1])} bytes of the same values", "bytes"
            )

    def _answers(self, first: list[Said], second: list[Said]) -> None:
        before = len(self._step.found)
        if len(first) != len(second):
            self._step.add("answer", f"{len(first)} messages", f"{len(second)} messages", "structure")
        for index, (one, other) in enumerate(zip(first, second, strict=False)):
            _grade_said(self._step, "answer" if len(first) == 1 else f"answer[{index}]", one, other)
        if len(self._step.found) == before:
            self._step.add("response.body", "the answer", "the same in other bytes", "bytes")


def _response_body(step: ExchangeStep) -> bytes:
    response = step.response
    return b"" if response is None else response.body


def _grade_said(step: _Step, path: str, first: Said, second: Said) -> None:
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
    _grade_asked(step, f"{path}.calls", first.calls, second.calls)
    carried = step.grader.carried
    carried.note(first.text, second.text)
    for one, other in zip(first.texts, second.texts, strict=False):
        carried.note(one, other)


def _grade_asked(step: _Step, path: str, first: tuple[ToolCall, ...], second: tuple[ToolCall, ...]) -> None:
    """Grade the calls that two answers ask for."""
    policy = step.grader.policy
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
            step.grader.carried.note(one.arguments, other.arguments)
    for one, other in _of_one_name(first, second):  # also what the policy does not look at is in the history
        step.grader.carried.note(one.arguments, other.arguments)


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


def _grade_calls(
    step: _Step, first: ToolStep | AgentStep, second: ToolStep | AgentStep, changed: list[str]
) -> None:
    """Grade two calls of a tool or an agent that ran."""
    policy = step.grader.policy
    if "arguments" in changed:
        one, other = _read(lambda: first.arguments), _read(lambda: second.arguments)
        if first.kind == "tool" and policy.arguments_of(first.name) != "ignored":
            step.values("arguments", *_compared(policy, first.name, one, other), loose=False)
        elif first.kind == "agent":
            step.values("arguments", one, other, loose=False)
        step.grader.carried.note(one, other)
    if "result" in changed:
        one, other = _read(lambda: first.result), _read(lambda: second.result)
        if first.kind == "agent" and isinstance(one, str) and isinstance(other, str):
            step.text("result", one, other)
        else:
            step.values("result", one, other, loose=True)
        step.grader.carried.note(one, other)


def _read(load: Callable[[], Any]) -> Any:
    try:
        return load()
    except NotReplayable as error:
        return {"not recorded": error.reason}


def _is_prose(text: str) -> bool:
    """Whether a string is words in a row: four at least, or a dozen letters of a script without blanks."""
    words = text.split()
    if len(words) >= _WORDS:
        return True
    return (
        not text.isascii() and sum(character.isalpha() and character > "\u2e80" for character in text) >= 12
    )


def _under(path: str, inner: str) -> str:
    if not path or not inner:
        return path or inner
    return path + inner if inner.startswith("[") else f"{path}.{inner}"
