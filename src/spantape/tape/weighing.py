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

from spantape._dialects import Dialect
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
from spantape.tolerance.level import Severity
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
class WeighedDifference(FieldDifference):
    """A difference with how grave it is, and why where a comparison of texts said it."""

    severity: Severity = "structure"
    reason: str = ""


class Weigher:
    """Weighs the differences of two runs' steps, which it must be given in order.

    `compare` compares two texts, None for the built-in comparison. What the policy ignores is no difference.
    """

    def __init__(self, policy: Policy, compare: Compare | None = None) -> None:
        self.policy: Final = policy
        self._compare = compare
        self._carried = Carried()

    def differences(self, first: Step, second: Step, *, same_call: bool = False) -> list[WeighedDifference]:
        """Every place where two steps of one kind differ, at most 1,000.

        With `same_call` the calls are known to be the same, and only what came of them is weighed.

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

    @property
    def carried(self) -> Carried:
        """What the runs carry along from earlier steps."""
        return self._carried


def _exceeds(policy: StepPolicy, difference: WeighedDifference) -> bool:
    tolerance = policy.at(difference.path)
    return tolerance != "ignore" and not tolerance.tolerates(difference.severity)


class _Step:
    """The differences of one pair of steps, as they are found."""

    def __init__(self, weigher: Weigher, policy: StepPolicy) -> None:
        self.weigher, self.policy = weigher, policy
        self.found: list[WeighedDifference] = []
        self.seen = 0  # differences, those too that are ignored or carried along

    def add(self, path: str, first: Any, second: Any, severity: Severity, reason: str = "") -> None:
        """Note a difference, unless the policy ignores its place."""
        self.seen += 1
        if self.policy.rule_at(path) != "ignore":
            self.found.append(WeighedDifference(path, first, second, severity, reason))

    def text(self, path: str, first: str, second: str) -> None:
        """Severity two texts: as data where both are, else by what they mean."""
        if first == second or self._is_carried(first, second):
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
        """Severity two JSON values; where `loose`, prose in them by what it means, else every string exactly."""
        rule = self._rule(loose=loose, dialect=dialect)
        self._add_values("", value_differences(first, second, texts=rule, path=path), dialect=dialect)

    def _add_values(self, path: str, found: list[FieldDifference], *, dialect: bool = False) -> None:
        for difference in found:
            if self._is_carried(difference.recorded, difference.got):
                continue
            place = _under(path, difference.path)
            severity: Severity = "bytes" if dialect and is_volatile(place) else "structure"
            self.add(place, difference.recorded, difference.got, severity)

    def _rule(self, *, loose: bool, dialect: bool = False) -> Callable[[str, str, str], bool]:
        """What decides on two strings in a value: True where they are equal, or their difference is noted by itself."""

        def rule(path: str, first: str, second: str) -> bool:
            if self._is_carried(first, second):
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

    def _is_carried(self, first: Any, second: Any) -> bool:
        """Whether the difference was weighed in an earlier step; byte for byte it still is one."""
        if self.exact or (first, second) not in self.weigher.carried:
            return False
        self.seen += 1
        return True

    @property
    def exact(self) -> bool:
        """Whether the step is compared byte for byte, all but what the policy ignores in it."""
        return self.policy.tolerance.level == "byte"

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
            self.seen += 1
            return
        if tolerance.level == "structural":  # which does not look at texts
            self.add(path, first, second, "meaning", "texts are not compared")
            return
        found = self.weigher.compared(first, second)
        said = found.verdict == "same" if tolerance.threshold is None else found.score >= tolerance.threshold
        reasons = [f"score {found.score:.2f}", *([] if said else found.reasons[:_REASONS])]
        self.add(path, first, second, "wording" if said else "meaning", "; ".join(reasons))


class _Exchanges:
    """Weighs two exchanges: their requests as JSON, their answers as what the model said."""

    def __init__(self, step: _Step, first: ExchangeStep, second: ExchangeStep) -> None:
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
        else:
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

    def _bodies(self, path: str, read: Callable[[ExchangeStep], bytes], *, dialect: bool) -> None:
        try:
            one, other = read(self._first), read(self._second)
        except NotReplayable as error:
            self._step.add(path, "<recorded>", f"<{error.reason}>", "structure")
            return
        before = self._step.seen
        loose = not dialect and not self._step.exact
        self._step.values(path, body_value(one), body_value(other), loose=loose, dialect=dialect)
        if self._step.seen == before:
            self._step.add(path, f"{len(one)} bytes", f"{len(other)} bytes", "bytes", "the same values")

    def _answers(self, first: list[Said], second: list[Said]) -> None:
        before = self._step.seen
        if len(first) != len(second):
            self._step.add("answer", f"{len(first)} messages", f"{len(second)} messages", "structure")
        for index, (one, other) in enumerate(zip(first, second, strict=False)):
            _weigh_said(self._step, "answer" if len(first) == 1 else f"answer[{index}]", one, other)
        if self._step.seen == before:
            self._step.add("response.body", "an answer", "the same answer", "bytes", "ids, times or chunks")


def _response_body(step: ExchangeStep) -> bytes:
    response = step.response
    return b"" if response is None else response.body


def _weigh_said(step: _Step, path: str, first: Said, second: Said) -> None:
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
    carried = step.weigher.carried
    carried.note(first.text, second.text)
    for one, other in zip(first.texts, second.texts, strict=False):
        carried.note(one, other)


def _weigh_asked(step: _Step, path: str, first: tuple[ToolCall, ...], second: tuple[ToolCall, ...]) -> None:
    """Severity the calls that two answers ask for."""
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
            step.weigher.carried.note(one.arguments, other.arguments)
    for one, other in _of_one_name(first, second):  # also what the policy does not look at is in the history
        step.weigher.carried.note(one.arguments, other.arguments)


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
    step: _Step, first: ToolStep | AgentStep, second: ToolStep | AgentStep, changed: list[str]
) -> None:
    """Severity two calls of a tool or an agent that ran."""
    policy = step.weigher.policy
    if "arguments" in changed:
        one, other = _read(lambda: first.arguments), _read(lambda: second.arguments)
        if first.kind == "tool" and policy.arguments_of(first.name) != "ignored":
            step.values("arguments", *_compared(policy, first.name, one, other), loose=False)
        elif first.kind == "agent":
            step.values("arguments", one, other, loose=False)
        step.weigher.carried.note(one, other)
    if "result" in changed:
        one, other = _read(lambda: first.result), _read(lambda: second.result)
        if first.kind == "agent" and not step.exact and isinstance(one, str) and isinstance(other, str):
            step.text("result", one, other)
        else:
            step.values("result", one, other, loose=not step.exact)
        step.weigher.carried.note(one, other)


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
