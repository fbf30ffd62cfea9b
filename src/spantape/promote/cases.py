"""What a test of a tape has to do: which agents to call with what, and what they gave back."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from spantape._model import Failure, Json
from spantape._spans import names
from spantape._values._markers import marker_of
from spantape.errors import TapeError
from spantape.promote.peek import Seen, seen
from spantape.tape.model import AgentStep, Tape

LARGEST_LITERAL: Final = 4096
"""Characters of JSON above which a value is read from the tape instead of standing in the test."""

_PLACEHOLDER: Final = re.compile(r"<[\w.]+>")
_NOT_WORDS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Target:
    """The function to call: its module, the name to import from it, and what stands behind that name (`.plan`)."""

    module: str
    name: str
    rest: str = ""
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class AgentCall:
    """One call: `step` is its index on the tape. `target` is None where `why` says that a person has to fill it in."""

    step: int
    target: Target | None
    why: str
    arguments: Mapping[str, Json]
    result: Json
    error: Failure | None
    is_large: bool


@dataclass(frozen=True, slots=True)
class Case:
    """The test of one tape. `skip` says why it cannot pass yet, "" where it can."""

    path: Path
    title: str
    calls: tuple[AgentCall, ...]
    has_others: bool
    skip: str = ""


def case_of(tape: Tape) -> Case:
    """What a test of `tape` has to do; nothing that the tape names is imported."""
    roots = [step for step in tape.steps if step.parent is None]
    agents = [step for step in roots if isinstance(step, AgentStep)]
    calls = tuple(_call(step) for step in agents)
    label = agents[0].name if agents else tape.name
    return Case(Path(tape.path or ""), _title(label), calls, len(agents) < len(roots), _skip(tape))


def _title(name: str) -> str:
    """A name as the words of a function's name: ASCII letters, digits and `_`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_WORDS.sub("_", plain).strip("_")[:48] or "run"


def _skip(tape: Tape) -> str:
    for step in tape.steps:
        if step.kind != "agent" and step.span.attributes.get(names.GRADE) == "skeleton":
            reasons: Any = step.span.attributes.get(names.GRADE_REASONS, ())
            told = "; ".join(map(str, reasons)) or "only its structure was recorded"
            return f"step {step.index} cannot be replayed: {told}"[:300]
    return ""


def _call(step: AgentStep) -> AgentCall:
    try:
        arguments, result = step.arguments, step.result
    except TapeError as error:
        return AgentCall(
            step.index,
            None,
            f"its arguments or result are lost ({error.reason})",
            {},
            None,
            step.error,
            False,
        )
    given = arguments if isinstance(arguments, dict) else {}
    target, why = _target(step.callable, given)
    if not isinstance(arguments, dict):
        target, why = None, "the tape does not hold what it was called with"
    elif (lost := next(_placeholders(given), None)) is not None:
        target, why = None, f"argument {lost} was an object that has no JSON form"
    large = len(msgspec.json.encode([given, result])) > LARGEST_LITERAL
    return AgentCall(step.index, target, why, given, result, step.error, large)


def _placeholders(arguments: Mapping[str, Json]) -> Iterator[str]:
    """The arguments that stand for something that is not on the tape."""
    for name, value in arguments.items():
        if isinstance(value, str) and _PLACEHOLDER.fullmatch(value):
            yield name if is_name(name) else repr(name)


def _target(qualified: str | None, arguments: Mapping[str, Json]) -> tuple[Target | None, str]:
    """The function that `module:qualified.name` names, or None and why it cannot be imported."""
    if not qualified:
        return None, "the tape does not say which function it is (decorate it with spantape.agent)"
    module, _, qualname = qualified.partition(":")
    parts, inner = module.split("."), qualname.split(".")
    if "<locals>" in inner:
        return None, "it is defined inside another function"
    if not all(map(is_name, (*parts, *inner))) or not all(map(is_name, arguments)):
        return None, "its name, or that of an argument, is no Python name"
    if module == "__main__":
        return None, "it was run as a script: give the module that it can be imported from"
    if parts[0] in sys.stdlib_module_names or parts[0] == "builtins":
        return None, "it is a function of the standard library, not an agent"
    known = seen(module, inner[0]) if len(inner) == 1 else None
    return Target(module, inner[0], "".join(f".{part}" for part in inner[1:]), known), ""


def is_name(text: str) -> bool:
    """Whether `text` is a Python name as Python itself reads it, and no keyword."""
    return text.isidentifier() and not keyword.iskeyword(text) and unicodedata.normalize("NFKC", text) == text


def is_direct(call: AgentCall) -> bool:
    """Whether the call can be written as anyone would write it: its source is known and all in it is plain data."""
    known = None if call.target is None else call.target.seen
    if known is None or call.is_large or known.shape == "async_generator":
        return False
    if not known.by_name.issuperset(call.arguments) or has_marker([dict(call.arguments), call.result]):
        return False
    if known.shape == "generator":
        return True
    scalar = call.result is None or isinstance(call.result, str | int | float | bool)
    return known.returns is True or (known.returns is None and scalar)


def has_marker(value: Json) -> bool:
    """Whether a value holds what JSON cannot say (bytes, odd floats …)."""
    waiting: list[Any] = [value]
    while waiting:
        inner = waiting.pop()
        if marker_of(inner):
            return True
        waiting.extend(
            inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ()
        )
    return False
