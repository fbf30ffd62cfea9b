"""What a miss says: the request, the nearest recorded step, where they differ, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spantape._fields import MISSING, FieldDifference, common_prefix, json_differences, show
from spantape._model import Headers, Json, Request
from spantape._spans import names
from spantape.errors import Miss, TapeError
from spantape.player.matching import Pairs, Routes, split_url
from spantape.player.meaning import meaning_of
from spantape.player.nearest import nearest_exchange
from spantape.player.preview import Blob, body_fields, call_name, request_fields, step_line
from spantape.player.reconstructed import compared, is_reconstructed, meaning_of_step, unrecorded
from spantape.player.rules import MatchRules
from spantape.player.tools import Calls
from spantape.tape.model import ExchangeStep, Step, Tape, ToolStep

_SHOWN: Final = 12  # differences that are listed
_COUNTED: Final = 1000  # differences that are counted
_RULES: Final = 3  # ignore rules that are proposed together
_LOOKED_INTO: Final = 32  # recorded calls whose arguments are compared
_AGAIN: Final = 'record again with mode="record" (pytest: --tape-mode=record)'

Used = Mapping[int, str]
"""What became of each position: "answered", "skipped" or "covered"; the others are unused."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with the ignore rule that would allow it, None where no rule can."""

    field: FieldDifference
    rule: str | None


def exchange_miss(
    tape: Tape, rules: MatchRules, request: Request, *, recorded: Sequence[int], used: Used
) -> Miss:
    """The miss for a request; `recorded` are the positions of equal requests, all of them used."""
    asked = f"{request.method} {split_url(request.url).path}"
    lines = _head(asked, tape, used)
    if recorded:
        lines += _repeated([tape.steps[p] for p in recorded], [used.get(p, "") for p in recorded])
        return Miss("\n".join([*lines, f"  next: ask as often as was recorded, or {_AGAIN}"]), path=tape.path)
    step = nearest_exchange(tape.steps, request, used)
    if step is None:
        return Miss(
            "\n".join([*lines, "  the tape holds no request at all", f"  next: {_AGAIN}"]), path=tape.path
        )
    lines.append(f"  nearest recorded: step {step.index}, {call_name(step)} ({_state(tape, step, used)})")
    if _by_meaning(step):
        lines.append(_reconstructed(step))
    return _with_differences(tape, lines, list(request_differences(step, request, rules)))


def tool_miss(
    tape: Tape, calls: Calls, name: str, arguments: Json, *, recorded: Sequence[int], used: Used
) -> Miss:
    """The miss for a tool call; `recorded` are the positions of equal calls, all of them used."""
    lines = _head(f"tool {name!r} {show(arguments)}", tape, used)
    if recorded:
        lines += _repeated([tape.steps[p] for p in recorded], [used.get(p, "") for p in recorded])
        return Miss(
            "\n".join([*lines, f"  next: call as often as was recorded, or {_AGAIN}"]), path=tape.path
        )
    step = _nearest_tool(tape.steps, name, arguments, used, calls)
    if step is None:
        tools = sorted({s.name for s in tape.steps if s.kind == "tool"})
        lines.append(
            f"  the tape holds no call of this tool; its tools: {', '.join(tools[:_SHOWN]) or 'none'}"
        )
        return Miss("\n".join([*lines, f"  next: {_AGAIN}"]), path=tape.path)
    lines.append(f"  nearest recorded: {step_line(step)} ({_state(tape, step, used)})")
    return _with_differences(tape, lines, list(_argument_differences(step, arguments, calls)))


def request_differences(step: ExchangeStep, request: Request, rules: MatchRules) -> Iterator[Difference]:
    """Where a request differs from a recorded one, as the rules see it: route first, then the body's fields.

    From a reconstructed step, where the meanings differ.
    """
    if _by_meaning(step):
        yield from _meaning_differences(step, request)
        return
    recorded, got = split_url(step.url), split_url(request.url)
    yield from _plain("method", step.method, request.method)
    if rules.host:
        yield from _plain("host", recorded.host, got.host)
    yield from _plain("path", recorded.path, got.path)
    routes = Routes(rules)
    before = routes.of(step.method, step.url, step.request_headers)
    now = routes.of(request.method, request.url, request.headers)
    yield from _named("query", before.query, now.query)
    yield from _named("header", before.headers, now.headers)
    if () not in rules.ignored.body:
        yield from _body_differences(step, request.body, request.headers, rules)


def _by_meaning(step: ExchangeStep) -> bool:
    """Whether the step is compared by what it means: it was reconstructed, and is a call of a model."""
    return is_reconstructed(step) and meaning_of_step(step) is not None


def _reconstructed(step: ExchangeStep) -> str:
    """What a person must know to read the differences from such a step."""
    told = step.span.attributes.get(names.SOURCES)
    by = f" from spans of {', '.join(map(str, told))}" if isinstance(told, tuple | list) and told else ""
    left_out = unrecorded(step)
    rest = f"; not recorded, so not compared: {', '.join(left_out)}" if left_out else ""
    return f"    it was reconstructed{by}, and is compared by meaning: {', '.join(compared(step))}{rest}"


def _meaning_differences(step: ExchangeStep, request: Request) -> Iterator[Difference]:
    recorded, got = meaning_of_step(step), meaning_of(request)
    if recorded is None or got is None:
        what = "<cannot be read>", "<…>" if got is not None else "<no call of a model that is known here>"
        yield Difference(FieldDifference("request", *what), None)
        return
    if recorded.operation != got.operation:
        yield Difference(FieldDifference("operation", recorded.operation, got.operation), None)
    without = unrecorded(step)
    for field in json_differences(recorded.fields(without), got.fields(without), limit=_COUNTED):
        yield Difference(field, None)


def _head(asked: str, tape: Tape, used: Used) -> list[str]:
    name = repr(tape.path) if tape.path else "in memory"
    following = next((step for position, step in enumerate(tape.steps) if position not in used), None)
    expected = (
        f"expected next: {step_line(following)}" if following else "every recorded step is used already"
    )
    return [
        f"nothing recorded answers {asked}",
        f"  tape {name}: {len(tape.steps)} steps, {len(used)} used; {expected}",
    ]


def _repeated(steps: Sequence[Step], uses: Sequence[str]) -> list[str]:
    count = len(steps)
    times = "once, asked twice" if count == 1 else f"{count} times, asked a {_ordinal(count + 1)}"
    places = ", ".join(str(step.index) for step in steps[:_SHOWN]) + (", …" if count > _SHOWN else "")
    lines = [f"  the same was recorded {times} (step{'s' if count > 1 else ''} {places})"]
    if "covered" in uses:
        lines.append("  some of it ran inside a tool, whose recorded result was given back instead")
    return lines


def _ordinal(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _state(tape: Tape, step: Step, used: Used) -> str:
    position = next(p for p, other in enumerate(tape.steps) if other is step)
    states = {
        "answered": "already used",
        "skipped": "a failed attempt",
        "covered": "inside a tool that was answered",
    }
    return states.get(used.get(position, ""), "not used yet")


def _with_differences(tape: Tape, lines: list[str], found: Sequence[Difference]) -> Miss:
    lines += [f"    {difference.field}" for difference in found[:_SHOWN]]
    if len(found) > _SHOWN:
        more = f"{len(found) - _SHOWN}" if len(found) < _COUNTED else f"at least {_COUNTED - _SHOWN}"
        lines.append(f"    … and {more} more differences")
    if not found:
        lines.append(
            "    no field differs, but the bodies do: in what parsers of their format do not agree on"
        )
    lines.append(f"  next: {_AGAIN}{_may_differ(found)}")
    return Miss("\n".join(lines), path=tape.path)


def _may_differ(found: Sequence[Difference]) -> str:
    """The rules under which the two would be the same, where there are a few that do it."""
    allowed = tuple(difference.rule for difference in found)
    if not allowed or None in allowed or len(allowed) > _RULES:
        return ""
    return f", or let it differ: MatchRules(ignore={allowed!r})"


def _plain(name: str, recorded: str, got: str) -> Iterator[Difference]:
    if recorded != got:
        yield Difference(FieldDifference(name, recorded, got), None)


def _named(root: str, recorded: Pairs, got: Pairs) -> Iterator[Difference]:
    before, now = _grouped(recorded), _grouped(got)
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name, MISSING), now.get(name, MISSING)
        if old != new:
            yield Difference(FieldDifference(f"{root} {name}", old, new), f"{root}.{name}")


def _grouped(pairs: Pairs) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def _body_differences(
    step: ExchangeStep, body: bytes, headers: Headers, rules: MatchRules
) -> Iterator[Difference]:
    try:
        recorded = request_fields(step, rules)
    except TapeError as error:
        yield Difference(FieldDifference("body", f"<cannot be rebuilt: {error}>", "<…>"), None)
        return
    got = body_fields(body, headers, rules)
    if isinstance(recorded, Blob) and isinstance(got, Blob) and recorded != got:
        at = common_prefix(step.request_body(), body)
        yield Difference(FieldDifference(f"body (first different at byte {at})", recorded, got), "body")
        return
    for field in json_differences(recorded, got, limit=_COUNTED):
        shown = field if field.path else FieldDifference("body", field.recorded, field.got)
        yield Difference(
            shown, f"body.{field.path}" if field.path[:1] not in {"", "["} else f"body{field.path}"
        )


def _under(root: str, path: str) -> str:
    return f"{root}.{path}" if path and not path.startswith("[") else root + path


def _argument_differences(step: ToolStep, arguments: Json, calls: Calls) -> Iterator[Difference]:
    for field in json_differences(recorded_arguments(step, calls), calls.fields(arguments), limit=_COUNTED):
        path = _under("arguments", field.path)
        yield Difference(FieldDifference(path, field.recorded, field.got), path)


def _nearest_tool(
    steps: Sequence[Step], name: str, arguments: Json, used: Used, calls: Calls
) -> ToolStep | None:
    named = [(position in used, step) for position, step in enumerate(steps) if isinstance(step, ToolStep)]
    looked_into = sorted((call for call in named if call[1].name == name), key=lambda call: call[0])[
        :_LOOKED_INTO
    ]
    fields = calls.fields(arguments)

    def distance(call: tuple[bool, ToolStep]) -> tuple[bool, int]:
        return call[0], len(json_differences(recorded_arguments(call[1], calls), fields, limit=50))

    return min(looked_into, key=distance)[1] if looked_into else None


def recorded_arguments(step: ToolStep, calls: Calls) -> Any:
    """The arguments of a recorded call to compare field by field; why not, where they cannot be read."""
    try:
        return calls.fields(step.arguments)
    except TapeError as error:
        return f"<cannot be read: {error}>"
