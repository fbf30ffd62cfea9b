"""How a live run differs from its tape: answers that changed, requests that are new, changed or gone."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal

from spantape._fields import FieldDifference, json_differences
from spantape._spans import names
from spantape.errors import TapeError
from spantape.player.canonical import content_type
from spantape.player.matching import Matcher, Queue, split_url
from spantape.player.miss import request_differences
from spantape.player.preview import body_fields, step_line
from spantape.player.retries import find_attempts
from spantape.player.rules import MatchRules
from spantape.player.tools import Calls
from spantape.tape.fingerprint import descriptor
from spantape.tape.model import AgentStep, ExchangeStep, Step, ToolStep
from spantape.tape.volatile import is_volatile
from spantape.tolerance.level import SEVERITIES, Severity, Tolerance, gravest

if TYPE_CHECKING:
    from spantape.tape.places import WeighedDifference
    from spantape.tape.weighing import Weigher
    from spantape.tolerance.policy import Policy

Kind = Literal["answer", "request", "new", "vanished"]

_SHOWN: Final = 12  # differences of one step that are listed
_COMPARED: Final = 1000  # differences of one step that are looked for
_WORDS: Final[dict[Severity, str]] = {
    "bytes": "in bytes only",
    "wording": "in words only",
    "meaning": "in meaning",
    "structure": "in structure",
}
_SPAN_FIELDS: Final = re.compile(r"gen_ai\.(?:output|response|usage)\.|error\.type$")


@dataclass(frozen=True, slots=True)
class StepDrift:
    """One step that is not as it was.

    `kind` says how: "answer", the same call came out otherwise; "request", a call in the place of another;
    "new" and "vanished", a call that one side alone has (`recorded` or `live` is then None). `volatile` are
    differences that every run has: ids, times, token counts.
    """

    kind: Kind
    recorded: Step | None
    live: Step | None
    differences: tuple[FieldDifference, ...] = ()
    volatile: tuple[FieldDifference, ...] = ()
    severity: Severity = "structure"
    weighed: tuple[WeighedDifference, ...] = ()

    def __str__(self) -> str:
        step = self.recorded or self.live
        what = {"answer": "another answer", "request": "another request", "new": "not on the tape"}
        changed = f", {_WORDS[self.severity]}" if self.recorded and self.live else ""
        lines = [f"{step_line(step) if step else 'step'}: {what.get(self.kind, 'no longer asked')}{changed}"]
        lines += [f"  {field.path} {_WORDS[field.severity]}: {field.reason}" for field in self._explained()]
        lines += [f"  {difference}" for difference in self.differences[:_SHOWN]]
        if len(self.differences) > _SHOWN:
            lines.append(f"  … and {len(self.differences) - _SHOWN} more differences")
        if self.volatile:
            shown = ", ".join(difference.path for difference in self.volatile[:_SHOWN])
            lines.append(f"  (volatile: {shown}{', …' if len(self.volatile) > _SHOWN else ''})")
        return "\n".join(lines)

    def _explained(self) -> list[WeighedDifference]:
        """The places whose texts were compared and that make the step's severity."""
        return [field for field in self.weighed if field.reason and field.severity == self.severity][:_SHOWN]


def drift(
    tape_steps: Sequence[Step],
    live_steps: Sequence[Step],
    rules: MatchRules | None = None,
    *,
    tolerance: str | Tolerance | None = None,
    policy: Policy | str | PathLike[str] | None = None,
) -> list[StepDrift]:
    """What differs between a recorded run and a live one, in recorded order, new calls last.

    Calls are the same as in matching; failed attempts that were made good are left out on both sides. What
    remains is paired by method and path, or by name, in order. A step whose only differences are volatile has not
    drifted; nor has one that differs within the tolerance or the policy, where one is given (see `spantape.diff`).
    Each step is weighed: what changed in words only is told from what changed in meaning.

    Raises:
        UsageError: `tolerance` is none; PolicyError, one of it: the policy cannot be read.
    """
    from spantape.tape.weighing import Weigher
    from spantape.tolerance.policy import Policy, effective_policy

    rules = rules or MatchRules()
    given = tolerance is not None or policy is not None
    wanted = effective_policy(tolerance, policy) if given else Policy(Tolerance("semantic"))
    weigher = Weigher(wanted, tape_steps)
    pairs = sorted(_pairs(tape_steps, live_steps, rules), key=_place)
    found = [_weighed(_compare(*pair, rules), pair, weigher, given=given) for pair in pairs]
    return [step for step in found if step is not None]


def _weighed(found: StepDrift | None, pair: Pair, weigher: Weigher, *, given: bool) -> StepDrift | None:
    """The drift with its severity; None where it is within what was `given` as tolerance."""
    recorded, live, same = pair
    if found is None or recorded is None or live is None:
        return found
    try:
        weighed = weigher.differences(recorded, live, same_call=same)
    except TapeError:  # that it cannot be compared is among its differences already
        return found
    if not weighed and descriptor(recorded) == descriptor(
        live
    ):  # an error's message, which weighing does not see
        return found
    exceeding = weigher.exceeding(recorded, weighed) if given else weighed
    if given and not exceeding:
        return None
    severity = gravest([difference.severity for difference in exceeding]) or "bytes"
    return replace(found, severity=severity, weighed=tuple(exceeding))


def drift_report(found: Sequence[StepDrift]) -> str:
    """The drift as text, one block for each step."""
    if not found:
        return "no drift"
    counts = Counter(step.severity for step in found)
    told = ", ".join(
        f"{counts[severity]} {_WORDS[severity]}" for severity in reversed(SEVERITIES) if counts[severity]
    )
    head = f"{len(found)} step{'s' if len(found) > 1 else ''} drifted: {told}"
    return "\n".join([head, *map(str, found)])


Pair = tuple[Step | None, Step | None, bool]
"""A recorded and a live step, and whether their calls are the same."""


def _place(pair: Pair) -> tuple[bool, int]:
    recorded, live, _ = pair
    step = recorded or live
    return recorded is None, step.index if step else 0


def _pairs(tape_steps: Sequence[Step], live_steps: Sequence[Step], rules: MatchRules) -> Iterator[Pair]:
    find = _Finder(tape_steps, rules)
    left: list[Step] = []
    for step in _without_retries(live_steps, rules):
        recorded = find(step)
        if recorded is None:
            left.append(step)
        else:
            yield recorded, step, True
    waiting: dict[tuple[str, str], deque[Step]] = defaultdict(deque)
    for step in find.left():
        waiting[_kind_of_call(step)].append(step)
    for step in left:
        queue = waiting[_kind_of_call(step)]
        yield (queue.popleft() if queue else None), step, False
    for queue in waiting.values():
        yield from ((step, None, False) for step in queue)


def _without_retries(steps: Sequence[Step], rules: MatchRules) -> list[Step]:
    matcher = _matcher(steps, rules)
    skipped = find_attempts(steps, matcher.groups(), skip=True).skipped
    return [step for position, step in enumerate(steps) if position not in skipped]


def _matcher(steps: Sequence[Step], rules: MatchRules) -> Matcher:
    return Matcher([(p, step) for p, step in enumerate(steps) if step.kind == "exchange"], rules)


def _kind_of_call(step: Step) -> tuple[str, str]:
    """What two calls must share to stand for each other although they differ."""
    if step.kind == "exchange":
        return step.method, split_url(step.url).path
    return step.kind, step.name


class _Finder:
    """Finds for a live step the recorded one with the same call, each once."""

    def __init__(self, steps: Sequence[Step], rules: MatchRules) -> None:
        self._steps = _without_retries(steps, rules)
        self._matcher = _matcher(self._steps, rules)
        self._matcher.enqueue(p for p, step in enumerate(self._steps) if step.kind == "exchange")
        self._calls = Calls(self._steps, rules)
        self._used: set[int] = set()

    def __call__(self, live: Step) -> Step | None:
        found = self._exchange(live) if live.kind == "exchange" else self._call(live)
        return None if found is None else self._steps[found]

    def left(self) -> list[Step]:
        return [step for position, step in enumerate(self._steps) if position not in self._used]

    def _exchange(self, live: ExchangeStep) -> int | None:
        route = self._matcher.routes.of(live.method, live.url, live.request_headers)
        found = self._matcher.find_exact((route, live.request_digest), self._take)
        if found is not None:
            return found
        try:
            forms = self._matcher.forms(route, live.request_body(), live.request_headers)
        except TapeError:
            return None
        return self._matcher.find_canonical(route, forms, self._take)

    def _call(self, live: ToolStep | AgentStep) -> int | None:
        try:
            arguments = self._calls.arguments(live.arguments)
        except TapeError:
            return None
        taken = (self._take(queue) for queue in self._calls.queues((live.kind, live.name), arguments))
        return next((position for position in taken if position is not None), None)

    def _take(self, queue: Queue) -> int | None:
        while queue:
            position = queue.popleft()
            if position not in self._used:
                self._used.add(position)
                return position
        return None


def _compare(recorded: Step | None, live: Step | None, same: bool, rules: MatchRules) -> StepDrift | None:
    if recorded is None or live is None:
        return StepDrift("new" if recorded is None else "vanished", recorded, live)
    differences = [] if same else _call_differences(recorded, live, rules)
    differences += _outcome_differences(recorded, live)
    stable = tuple(field for field in differences if not is_volatile(field.path))
    volatile = tuple(field for field in differences if is_volatile(field.path))
    if not stable and (same or volatile):
        return None
    return StepDrift("answer" if same else "request", recorded, live, stable, volatile)


def _call_differences(recorded: Step, live: Step, rules: MatchRules) -> list[FieldDifference]:
    try:
        if recorded.kind == "exchange" and live.kind == "exchange":
            asked = live.exchange().request
            return [found.field for found in request_differences(recorded, asked, rules)]
        if recorded.kind != "exchange" and live.kind != "exchange":
            return _under("arguments", json_differences(recorded.arguments, live.arguments, limit=_COMPARED))
    except TapeError as error:
        return [FieldDifference("request", "<cannot be compared>", f"<{error}>")]
    return []


def _outcome_differences(recorded: Step, live: Step) -> list[FieldDifference]:
    outcome = [_outcome(recorded), _outcome(live)]
    if recorded.kind == "exchange" and live.kind == "exchange":
        if recorded.response_digest is not None and recorded.response_digest == live.response_digest:
            return json_differences({"status": recorded.status}, {"status": live.status})
        outcome = [_answer(recorded), _answer(live)]
    return json_differences(*outcome, limit=_COMPARED)


def _outcome(step: Step) -> dict[str, Any]:
    """How a tool or an agent came out."""
    error = step.error and {"type": step.error.type, "message": step.error.message}
    return {"result": None if step.kind == "exchange" else _readable(lambda: step.result), "error": error}


def _answer(step: ExchangeStep) -> dict[str, Any]:
    """An exchange's answer as fields: what its span says of a stream, else the body."""
    error = step.error and step.error.type
    fields: dict[str, Any] = {"status": step.status, "error": error}
    meaning = _meaning(step)
    return (
        {**fields, **meaning}
        if meaning
        else {**fields, "response": _readable(lambda: _response_fields(step))}
    )


def _meaning(step: ExchangeStep) -> dict[str, Any]:
    """What the span says the answer means; only for streams, whose pieces fall otherwise in every run."""
    headers = _readable(lambda: step.response.headers if step.response else ())
    if not isinstance(headers, tuple) or "stream" not in content_type(headers):
        return {}
    attributes = step.span.attributes
    return {name: _json(name, attributes[name]) for name in sorted(attributes) if _SPAN_FIELDS.match(name)}


def _json(name: str, value: Any) -> Any:
    if name != names.OUTPUT_MESSAGES or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _response_fields(step: ExchangeStep) -> Any:
    response = step.response
    return None if response is None else body_fields(response.body, response.headers, MatchRules())


def _readable(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except TapeError as error:
        return f"<cannot be read: {error}>"


def _under(root: str, found: Sequence[FieldDifference]) -> list[FieldDifference]:
    return [FieldDifference(f"{root}.{field.path}", field.recorded, field.got) for field in found]
