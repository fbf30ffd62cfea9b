"""Units and currencies in every language that has tables, as factors to a base."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from spantape.semantic.lexicon import table


@dataclass(frozen=True, slots=True)
class Unit:
    """What one unit measures and how many of the dimension's base units it is."""

    dimension: str
    factor: float


@cache
def _units() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in table("shared", "units"):
        dimension, factor, *names = line.split()
        for name in names:
            found.setdefault(name.replace("_", " "), Unit(dimension, float(factor)))
    return found


@cache
def _currencies() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for line in table("shared", "money"):
        code, factor, *names = line.split()
        for name in names:
            found.setdefault(name.replace("_", " "), Unit(f"money:{code}", float(factor)))
    return found


@cache
def _folded() -> dict[str, Unit]:
    return {
        name.lower(): unit for name, unit in reversed(_units().items()) if len(name) > 3 or name.islower()
    }


# Short spellings that are common words as well; they are units only where a number stands right before them.
AMBIGUOUS = frozenset(
    [
        "in",
        "a",
        "an",
        "as",
        "is",
        "mes",
        "me",
        "mi",
        "m",
        "s",
        "h",
        "d",
        "g",
        "t",
        "l",
        "b",
        "c",
        "k",
        "hr",
        "or",
        "ft",
        "once",
        "ore",
        "an",
        "ans",
        "pie",
        "pies",
        "cup",
        "cups",
        "pints",
        "bar",
        "bars",
        "point",
        "points",
        "min",
        "mo",
        "second",
        "seconds",
        "degree",
        "degrees",
        "quarter",
        "quarters",
        "stone",
        "current",
        "rate",
        "knots",
        "kn",
    ]
)


@cache
def unit_named(name: str) -> Unit | None:
    """Return the unit or currency that a word or phrase names, or None. Case tells `M` from `m` where both exist."""
    unit = _units().get(name) or _currencies().get(name)
    return unit or _folded().get(name.lower()) or _currencies().get(name.lower())


def is_unit(name: str) -> bool:
    """Whether a word names a unit or a currency."""
    return unit_named(name) is not None


@cache
def longest_unit() -> int:
    """Return how many words the longest unit has."""
    return max(name.count(" ") + 1 for name in (*_units(), *_currencies()))
