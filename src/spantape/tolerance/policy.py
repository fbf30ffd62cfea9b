"""The policy file: tolerance per step, tool and field, in TOML.

::

    version = 1                              # of this format; must be there
    tolerance = "semantic:0.9"               # for what nothing below names; "byte" where it is left out

    [calls]                                  # the tool calls that a model asks for
    order = "parallel"                       # exact | parallel | any (see CallPolicy)
    arguments = "digest"                     # digest | shape | ignored

    [steps."POST /v1/embeddings"]            # a step by its name as `spantape diff` prints it, * for any characters
    tolerance = "byte"

    [steps.3]                                # or by its index in the first tape
    tolerance = "structural"

    [tools.get_time]                         # a tool, * for any characters: its own steps, and calls that models ask for
    tolerance = "structural"
    arguments = "ignored"
    ignore = ["result"]                      # places of those steps alone; in [steps.…] too

    [fields]                                 # places within a step, as `spantape diff` prints them
    "request.body.metadata.*" = "ignore"
    "request.body.messages[0].content" = "byte"
    "result.summary" = "semantic:0.8"

A field's rule wins over its step's, a step's index over its name, a step over its tool, a tool over the file's own
tolerance; among rules of one table the first that fits wins. Field paths have names with dots between, `[3]`, `[*]`,
`*`, `**` and `["odd.name"]`.
"""

from __future__ import annotations

import fnmatch
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, get_args

from spantape.errors import PolicyError, UsageError
from spantape.player.paths import GRAMMAR, Segment, Wild, parse_path
from spantape.tolerance.calls import Arguments, CallPolicy, Order
from spantape.tolerance.level import ACCEPTED, BYTE, Tolerance, parse_tolerance

VERSION: Final = 1

_TABLES: Final = ("version", "tolerance", "calls", "steps", "tools", "fields")
Pattern = tuple[Segment, ...]
FieldRule = Tolerance | Literal["ignore"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for the steps or tools that `name` fits; what is None, the next rule or the policy itself says."""

    name: str
    tolerance: Tolerance | None = None
    arguments: Arguments | None = None
    ignore: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Which tolerance holds where. Made by `read_policy`, or by hand: what is left out is byte for byte.

    Names of `steps` and `tools` are patterns with `*`; a step's may be its index as text.
    """

    tolerance: Tolerance = BYTE
    calls: CallPolicy = field(default_factory=CallPolicy)
    steps: tuple[Rule, ...] = ()
    tools: tuple[Rule, ...] = ()
    fields: tuple[tuple[Pattern, FieldRule], ...] = ()

    def of_step(self, index: int, name: str, tool: str | None = None) -> StepPolicy:
        """What holds in a step, by its index in the first tape, its name as diff prints it, and the tool it ran."""
        rules = [rule for rule in self.steps if rule.name == str(index)]
        rules += [rule for rule in self.steps if fnmatch.fnmatchcase(name, rule.name)]
        rules += [] if tool is None else self._of_tool(tool)
        tolerance = next((rule.tolerance for rule in rules if rule.tolerance is not None), self.tolerance)
        return StepPolicy(tolerance, tuple(path for rule in rules for path in rule.ignore), self.fields)

    def arguments_of(self, tool: str) -> Arguments:
        """How the arguments of a tool's calls are compared."""
        given = (rule.arguments for rule in self._of_tool(tool) if rule.arguments is not None)
        return next(given, self.calls.arguments)

    def _of_tool(self, name: str) -> list[Rule]:
        return [rule for rule in self.tools if fnmatch.fnmatchcase(name, rule.name)]


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """What holds in one step: its tolerance, the places that are ignored in it, and the rules for fields."""

    tolerance: Tolerance
    ignore: tuple[Pattern, ...] = ()
    fields: tuple[tuple[Pattern, FieldRule], ...] = ()

    def at(self, path: str) -> FieldRule:
        """The tolerance of a place within the step (`request.body.messages[0].content`), or "ignore"."""
        given = self.rule_at(path)
        return self.tolerance if given is None else given

    def rule_at(self, path: str) -> FieldRule | None:
        """The rule that names the place, or what holds it; None where the step's own tolerance holds."""
        if not (self.ignore or self.fields):
            return None
        place = parse_path(path) or ()
        if any(_fits(pattern, place) for pattern in self.ignore):
            return "ignore"
        return next((rule for pattern, rule in self.fields if _fits(pattern, place)), None)


def _fits(pattern: Pattern, path: Pattern) -> bool:
    """Whether a pattern leads to `path`, or to something that holds it."""
    ends = {0}
    for key in path:
        if len(pattern) in ends:
            return True
        ends = {end for start in ends for end in _steps(pattern, start, key)}
    return len(pattern) in ends


def _steps(pattern: Pattern, start: int, key: Segment) -> set[int]:
    """Where in the pattern one is behind `key`, read at `start`."""
    head = pattern[start]
    if head is Wild.DEEP:
        return {start, *_steps(pattern, start + 1, key)}
    if head is Wild.MEMBER or (head is Wild.ITEM and isinstance(key, int)):
        return {start + 1}
    return {start + 1} if type(head) is type(key) and head == key else set()


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """The policy in the TOML file at `path`.

    Raises:
        PolicyError: the file cannot be read, is no TOML, or holds a table, key or value that is not known; the
            message names file, table and key.
    """
    place = os.fspath(path)
    try:
        text = Path(place).read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except OSError as error:
        raise PolicyError(f"cannot be read: {error.strerror or error}", path=place) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise PolicyError(f"is no TOML: {error}", path=place) from error
    return make_policy(found, place)


def effective_policy(
    tolerance: str | Tolerance | None, policy: Policy | str | os.PathLike[str] | None
) -> Policy:
    """The policy that both settings make: `policy`, or the one in its file, with `tolerance` as its default.

    Raises:
        UsageError: `tolerance` is none.
        PolicyError: as `read_policy`.
    """
    found = policy if isinstance(policy, Policy) else Policy() if policy is None else read_policy(policy)
    return found if tolerance is None else replace(found, tolerance=parse_tolerance(tolerance))


def make_policy(document: Mapping[str, Any], path: str | None = None) -> Policy:
    """The policy that a parsed document says; `path` is its file, for messages.

    Raises:
        PolicyError: as `read_policy`.
    """
    return _Reader(path).policy(document)


class _Reader:
    """Reads one document; knows its file, for messages."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    def policy(self, document: Mapping[str, Any]) -> Policy:
        self._known("", document, _TABLES)
        if document.get("version") != VERSION or isinstance(document.get("version"), bool):
            self._fail("", "version", f"got {document.get('version')!r}, expected {VERSION}")
        return Policy(
            tolerance=self._tolerance("", "tolerance", document) or BYTE,
            calls=self._calls(self._table(document, "calls")),
            steps=self._rules(document, "steps", ("tolerance", "ignore")),
            tools=self._rules(document, "tools", ("tolerance", "arguments", "ignore")),
            fields=tuple(self._field(name, rule) for name, rule in self._table(document, "fields").items()),
        )

    def _calls(self, table: Mapping[str, Any]) -> CallPolicy:
        self._known("calls", table, ("order", "arguments"))
        given = CallPolicy()
        order: Order = self._choice("calls", "order", table, get_args(Order)) or given.order
        return CallPolicy(
            order, self._choice("calls", "arguments", table, get_args(Arguments)) or given.arguments
        )

    def _rules(self, document: Mapping[str, Any], table: str, keys: tuple[str, ...]) -> tuple[Rule, ...]:
        given = self._table(document, table)
        return tuple(self._rule(table, name, rule, keys) for name, rule in given.items())

    def _rule(self, table: str, name: str, given: Any, keys: tuple[str, ...]) -> Rule:
        where = f"{table}.{_key(name)}"
        rule = self._as_table(where, given)
        self._known(where, rule, keys)
        if not rule:
            self._fail(where, "", f"is empty, expected {', '.join(keys)}")
        return Rule(
            name,
            self._tolerance(where, "tolerance", rule),
            self._choice(where, "arguments", rule, get_args(Arguments)),
            self._paths(where, rule.get("ignore", [])),
        )

    def _paths(self, where: str, given: Any) -> tuple[Pattern, ...]:
        paths = [parse_path(item) if isinstance(item, str) else None for item in _as_list(given)]
        if not isinstance(given, list) or not all(paths):
            self._fail(where, "ignore", f"got {given!r}, expected a list of paths: {GRAMMAR}")
        return tuple(path for path in paths if path)

    def _field(self, name: str, rule: Any) -> tuple[Pattern, FieldRule]:
        path = parse_path(name)
        if not path:
            return self._fail("fields", _key(name), f"is no path, expected {GRAMMAR}")
        if rule == "ignore":
            return path, "ignore"
        tolerance = self._tolerance("fields", name, {name: rule}, accepted=f"ignore, {ACCEPTED}")
        return path, tolerance or BYTE

    def _tolerance(
        self, where: str, key: str, table: Mapping[str, Any], *, accepted: str = ACCEPTED
    ) -> Tolerance | None:
        if key not in table:
            return None
        try:
            return parse_tolerance(table[key])
        except UsageError:
            return self._fail(where, _key(key), f"got {table[key]!r}, expected {accepted}")

    def _choice(self, where: str, key: str, table: Mapping[str, Any], accepted: tuple[str, ...]) -> Any:
        if key in table and table[key] not in accepted:
            self._fail(where, key, f"got {table[key]!r}, expected one of {', '.join(accepted)}")
        return table.get(key)

    def _table(self, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        return self._as_table(name, document.get(name, {}))

    def _as_table(self, name: str, given: Any) -> Mapping[str, Any]:
        return (
            given if isinstance(given, Mapping) else self._fail(name, "", f"got {given!r}, expected a table")
        )

    def _known(self, where: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in table:
            if key not in keys:
                self._fail(where, _key(key), f"is not known, expected one of {', '.join(keys)}")

    def _fail(self, table: str, key: str, reason: str) -> NoReturn:
        raise PolicyError(reason, path=self._path, table=table, key=key)


def _key(name: str) -> str:
    """A key as TOML writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _as_list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []
