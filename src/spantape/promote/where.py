"""The filter language of `--where`: which runs, by what their spans say.

::

    filter   = term *( " " term )                      all must hold
    term     = key operator value
    operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "~" | "!~"      (~: a regular expression is found)
    value    = word | "'" text "'" | '"' text '"'

A key is a derived one, a resource attribute, or an attribute of any span: error (true, false), errors, cost, tokens,
input_tokens, output_tokens, duration (seconds; also 300ms, 2s, 5m), steps, model, agent, grade, name, run, trace; for
example `service.name=shop error=true cost>0.1`. Of a key with several values one must fit; with "!" none may. A key
that a run does not have fits nothing, so that only "!" holds of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from spantape.errors import UsageError
from spantape.promote.facts import Facts

_TOKEN: Final = re.compile(r"\s*(?P<key>[^\s=!<>~'\"]+)(?P<operator>!=|>=|<=|!~|=|>|<|~)?")
_VALUE: Final = re.compile(r"'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<word>[^\s'\"]\S*)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|min|m|h)")
_BOOLEANS: Final = {"true": True, "false": False}
_OPERATORS: Final = "=, !=, >, >=, <, <=, ~ or !~"

_DERIVED: Final[Mapping[str, Callable[[Facts], list[Any]]]] = {
    "error": lambda facts: [facts.errors > 0],
    "errors": lambda facts: [facts.errors],
    "cost": lambda facts: [] if facts.cost is None else [facts.cost],
    "tokens": lambda facts: [facts.input_tokens + facts.output_tokens],
    "input_tokens": lambda facts: [facts.input_tokens],
    "output_tokens": lambda facts: [facts.output_tokens],
    "duration": lambda facts: [(facts.ended_ns - facts.started_ns) / 1e9],
    "steps": lambda facts: [facts.steps],
    "model": lambda facts: list(facts.models),
    "agent": lambda facts: list(facts.agents),
    "grade": lambda facts: [facts.grade] if facts.grade else [],
    "name": lambda facts: [facts.name],
    "run": lambda facts: [facts.run_id],
    "trace": lambda facts: list(facts.traces),
}
_NUMERIC: Final = frozenset(
    {"cost", "tokens", "input_tokens", "output_tokens", "duration", "steps", "errors"}
)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `test` says whether a value fits, `negated` that none may."""

    key: str
    test: Callable[[Any], bool]
    negated: bool

    def fits(self, facts: Facts) -> bool:
        """Whether it holds of a run."""
        return any(self.test(value) for value in values_of(facts, self.key)) != self.negated


@dataclass(frozen=True, slots=True)
class Where:
    """A whole filter: true of a run of which all its terms hold."""

    terms: tuple[Term, ...] = ()

    def __call__(self, facts: Facts) -> bool:
        """Whether all terms hold of a run."""
        return all(term.fits(facts) for term in self.terms)


def values_of(facts: Facts, key: str) -> list[Any]:
    """What a run has under `key`: derived, else of its resource, else of its spans."""
    derived = _DERIVED.get(key)
    if derived is not None:
        return derived(facts)
    if key in facts.resource:
        return _members(facts.resource[key])
    return [value for span in facts.attributes if key in span for value in _members(span[key])]


def _members(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def parse_where(text: str) -> Where:
    """The filter that `text` says.

    Raises:
        UsageError: it says none; the message points at the token.
    """
    terms: list[Term] = []
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            _refuse(text, at + len(text[at:]) - len(text[at:].lstrip()), "expected a key")
        if token["operator"] is None:
            _refuse(text, token.end(), f"expected {_OPERATORS} after {token['key']!r}")
        value = _VALUE.match(text, token.end())
        if value is None:
            _refuse(text, token.end(), f"expected a value after {token['key'] + token['operator']!r}")
        at = value.end()
        if at < len(text) and not text[at].isspace():
            _refuse(text, at, "expected a blank between two terms")
        given = next(part for part in (value["single"], value["double"], value["word"]) if part is not None)
        terms.append(_term(text, token["key"], token["operator"], given, token.end()))
    return Where(tuple(terms))


def _refuse(text: str, at: int, why: str) -> NoReturn:
    raise UsageError(f"--where: {why}\n  {text}\n  {' ' * at}^")


def _term(text: str, key: str, operator: str, given: str, at: int) -> Term:
    negated = operator in ("!=", "!~")
    if operator in ("~", "!~"):
        try:
            pattern = re.compile(given)
        except (re.error, RecursionError) as error:
            _refuse(text, at, f"expected a regular expression ({error})")
        return Term(key, lambda value: pattern.search(_text(value)) is not None, negated)
    wanted = _number(given)
    if operator in ("=", "!="):
        if key in _NUMERIC and wanted is None:
            _refuse(text, at, f"expected a number after {key + operator!r}")
        if key == "error" and given not in _BOOLEANS:
            _refuse(text, at, "expected true or false")
        return Term(key, lambda value: _equal(value, given, wanted), negated)
    if wanted is None:
        _refuse(text, at, f"expected a number after {key + operator!r}")
    return Term(key, _comparison(operator, wanted), negated=False)


def _number(given: str) -> float | None:
    duration = _DURATION.fullmatch(given)
    if duration is not None:
        return float(duration[1]) * _UNITS[duration[2]]
    try:
        return float(given)
    except ValueError:
        return None


def _equal(value: Any, given: str, wanted: float | None) -> bool:
    if isinstance(value, bool):
        return _BOOLEANS.get(given) is value
    if isinstance(value, int | float):
        return wanted is not None and float(value) == wanted
    return _text(value) == given


def _comparison(operator: str, wanted: float) -> Callable[[Any], bool]:
    tests: dict[str, Callable[[float], bool]] = {
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
    }
    test = tests[operator]
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and test(float(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
