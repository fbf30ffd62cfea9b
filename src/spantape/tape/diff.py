"""How two tapes differ: which steps came, went or changed, and where inside a changed one.

What is compared is what the fingerprint covers, so two tapes differ exactly where their fingerprints do; times, ids
and headers are no difference. Within a tolerance, what two steps say is compared instead (`spantape.tape.weighing`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from spantape._fields import MISSING, FieldDifference, align, json_differences, show, show_both
from spantape._framing.sse import events, is_stream
from spantape._model import digest
from spantape.errors import NotReplayable
from spantape.tape.fingerprint import descriptor, parse_json, path_of
from spantape.tape.model import Draw, ExchangeStep, Step, Tape
from spantape.tape.read import read_tape

if TYPE_CHECKING:
    from spantape.tape.weighing import Weigher
    from spantape.tolerance.level import Severity, Tolerance
    from spantape.tolerance.policy import Policy

Change = Literal["added", "removed", "changed"]

_COUNTED: Final = 1000  # differences found in one step
_SHOWN: Final = 20  # differences shown of one step
_WORDS: Final = {"added": "only in the second tape", "removed": "only in the first tape"}


@dataclass(frozen=True, slots=True)
class StepDifference:
    """One step that differs: `first` and `second` are the steps, None on the side that lacks it.

    `fields` are the places where a changed step differs, at most 1,000 of them; within a tolerance they are
    `WeighedDifference`s, and `severity` is the gravest of them ("structure" for a step that one side lacks). Compared
    byte for byte nothing is weighed, and `severity` is None.
    """

    change: Change
    first: Step | None
    second: Step | None
    fields: tuple[FieldDifference, ...] = ()
    severity: Severity | None = None

    def __str__(self) -> str:
        step = self.first or self.second
        title = "" if step is None else f"step {step.index}, {step_name(step)}"
        if self.change != "changed":
            return f"{title}: {_WORDS[self.change]}"
        shown = [f"  {_field_line(field)}" for field in self.fields[:_SHOWN]]
        if len(self.fields) > _SHOWN:
            shown.append(f"  and {_counted(len(self.fields) - _SHOWN, 'more difference')}")
        return "\n".join([title, *shown])


@dataclass(frozen=True, slots=True)
class TapeDiff:
    """The steps in which two tapes differ beyond the tolerance, in order; false where they do not.

    `tolerated` are the steps that differ within it, `draws` the values that the programs read and that differ, by
    their place in the order of reading. As text it is for people.
    """

    steps: tuple[StepDifference, ...]
    first_count: int
    second_count: int
    tolerance: str = "byte"
    tolerated: tuple[StepDifference, ...] = ()
    draws: tuple[FieldDifference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps or self.draws)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[StepDifference]:
        return iter(self.steps)

    def __str__(self) -> str:
        within = "" if self.tolerance == "byte" else f" beyond {self.tolerance}"
        if self.tolerated:
            within += f" ({_counted(len(self.tolerated), 'step')} within it)"
        if not self:
            return f"no difference{within} in {_counted(self.first_count, 'step')}"
        sides = f"{self.first_count} and {_counted(self.second_count, 'step')}"
        return "\n".join(
            [
                f"{_counted(len(self.steps) + len(self.draws), 'difference')}{within} between {sides}",
                *map(str, self.steps),
                *(f"draws{_field_line(field)}" for field in self.draws[:_SHOWN]),
            ]
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def diff(
    first: Tape | str | os.PathLike[str],
    second: Tape | str | os.PathLike[str],
    *,
    tolerance: str | Tolerance | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
) -> TapeDiff:
    """The steps in which `second` differs from `first`, aligned so that an inserted step shifts no other.

    `tolerance` says what is no difference: "byte" (the default) nothing; "structural" whatever leaves the steps, the
    tool calls and the values as they were, texts are not compared; "semantic" or "semantic:0.9" other words of the
    same meaning. `policy` (a `Policy`, or the path of its TOML file) sets it per step, tool and field; `tolerance`
    then replaces the policy's own default.

    Raises:
        UsageError: `tolerance` is none; PolicyError, one of it: the policy cannot be read.
        TapeError: a path was given, and its tape cannot be read; or a body cannot be rebuilt.
    """
    one, other = _tape(first), _tape(second)
    if tolerance is None and policy is None:
        return _exact(one, other)
    from spantape.tolerance.policy import Policy, effective_policy

    wanted = effective_policy(tolerance, policy)
    return _exact(one, other) if wanted == Policy() else _weighed(one, other, wanted)


def _exact(one: Tape, other: Tape) -> TapeDiff:
    if one.fingerprint == other.fingerprint:
        return TapeDiff((), len(one.steps), len(other.steps))
    found = [_difference(*pair) for pair in _aligned_steps(one, other)]
    steps = tuple(step for step in found if step is not None)
    return TapeDiff(steps, len(one.steps), len(other.steps), draws=_draw_differences(one, other))


def _weighed(one: Tape, other: Tape, policy: Policy) -> TapeDiff:
    from spantape.tape.moves import reunited
    from spantape.tape.weighing import Weigher

    weigher = Weigher(policy, one.steps)
    pairs = _aligned_steps(one, other)
    if policy.calls.order != "exact":
        pairs = reunited(pairs)
    found = [weighed for pair in pairs if (weighed := _weigh(*pair, weigher)) is not None]
    beyond = tuple(difference for difference, exceeds in found if exceeds)
    within = tuple(difference for difference, exceeds in found if not exceeds)
    name = str(policy.tolerance) if policy == type(policy)(policy.tolerance) else "the policy"
    return TapeDiff(beyond, len(one.steps), len(other.steps), name, within, _draw_differences(one, other))


def _draw_differences(one: Tape, other: Tape) -> tuple[FieldDifference, ...]:
    """The draws in which two tapes differ: no tolerance makes another value the same."""
    first, second = ([{draw.source: _drawn(draw)} for draw in tape.draws] for tape in (one, other))
    return tuple(json_differences(first, second, limit=_COUNTED)) if first or second else ()


def _drawn(draw: Draw) -> Any:
    try:
        return draw.value
    except NotReplayable:
        return "not recorded"


def _weigh(first: Step | None, second: Step | None, weigher: Weigher) -> tuple[StepDifference, bool] | None:
    """How a pair of steps differs, and whether beyond the tolerance; None where it does not."""
    from spantape.tolerance.level import gravest

    if first is None or second is None:
        change: Change = "added" if first is None else "removed"
        return StepDifference(change, first, second, severity="structure"), True
    if first.kind != second.kind:
        kinds = (FieldDifference("kind", first.kind, second.kind),)
        return StepDifference("changed", first, second, kinds, "structure"), True
    found = weigher.differences(first, second)
    exceeding = weigher.exceeding(first, found)
    told = exceeding or found
    if not told:
        return None
    severity = gravest([difference.severity for difference in told])
    return StepDifference("changed", first, second, tuple(told), severity), bool(exceeding)


def _aligned_steps(one: Tape, other: Tape) -> list[tuple[Step | None, Step | None]]:
    pairs = align([_aligned(step) for step in one.steps], [_aligned(step) for step in other.steps])
    return [(None if i is None else one.steps[i], None if j is None else other.steps[j]) for i, j in pairs]


def _tape(given: Tape | str | os.PathLike[str]) -> Tape:
    return given if isinstance(given, Tape) else read_tape(given)


def step_name(step: Step) -> str:
    """What a step called: method and path, or kind and name."""
    if isinstance(step, ExchangeStep):
        return f"{step.method} {path_of(step.url).partition('?')[0]}"
    return f"{step.kind} {step.name}"


def _aligned(step: Step) -> dict[str, Any]:
    return {"type": step.kind, "name": step_name(step), "did": descriptor(step)}


def _difference(first: Step | None, second: Step | None) -> StepDifference | None:
    if first is None or second is None:
        return StepDifference("added" if first is None else "removed", first, second)
    fields = step_differences(first, second)
    return StepDifference("changed", first, second, fields) if fields else None


def step_differences(first: Step, second: Step) -> tuple[FieldDifference, ...]:
    """The fields in which two steps differ, such as `request.body.messages[3].content`, at most 1,000.

    Raises:
        TapeError: a body cannot be rebuilt.
    """
    one, other = descriptor(first), descriptor(second)
    changed = [key for key in one if one[key] != other.get(key, MISSING)]
    if first.kind != second.kind:
        return (FieldDifference("kind", first.kind, second.kind),)
    fields = [field for key in changed for field in _changed_field(key, first, second, one[key], other[key])]
    return tuple(fields[:_COUNTED])


def _changed_field(key: str, first: Step, second: Step, one: Any, other: Any) -> list[FieldDifference]:
    if key not in ("request", "response", "arguments", "result"):
        return [FieldDifference(key, one, other)]
    path = f"{key}.body" if isinstance(first, ExchangeStep) else key
    found = json_differences(_value(first, key, one), _value(second, key, other), limit=_COUNTED)
    if not found:  # other bytes, the same meaning: spacing, key order, escapes
        found = [FieldDifference("", f"sha256 {one}", f"equal as JSON, sha256 {other}")]
    return [FieldDifference(_below(path, field.path), field.recorded, field.got) for field in found]


def _below(path: str, inner: str) -> str:
    return path + ("" if not inner or inner.startswith("[") else ".") + inner


def _value(step: Step, key: str, stated: str | None) -> Any:
    if stated is None:
        return None
    try:
        if not isinstance(step, ExchangeStep):
            return step.arguments if key == "arguments" else step.result
        if key == "request":
            return body_value(step.request_body())
        return body_value(step.response.body if step.response else b"")
    except NotReplayable:
        return f"not recorded, sha256 {stated}"


def body_value(body: bytes) -> Any:
    """A body as a JSON value: parsed, or its events, its lines of JSON, its text, or its size and digest."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"<{len(body)} bytes, sha256 {digest(body)}>"
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        pass
    if is_stream(body) and (found := events(body, torn=True)):
        return [{"event": event.event, "data": _json_or_text(event.data.decode())} for event in found]
    lines = text.splitlines()
    return [_json_or_text(line) for line in lines] if len(lines) > 1 else text


def _json_or_text(text: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return text


def _field_line(field: FieldDifference) -> str:
    severity, reason = getattr(field, "severity", ""), getattr(field, "reason", "")
    told = f" ({severity}{': ' + reason if reason else ''})" if severity else ""
    return f"{_change_line(field)}{told}"


def _change_line(field: FieldDifference) -> str:
    if field.recorded is MISSING:
        return f"{field.path}: nothing → {show(field.got)}"
    if field.got is MISSING:
        return f"{field.path}: {show(field.recorded)} → nothing"
    recorded, got = show_both(field.recorded, field.got)
    return f"{field.path}: {recorded} → {got}"
