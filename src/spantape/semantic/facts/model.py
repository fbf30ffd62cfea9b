"""What the fact modules find and hand on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between two texts: what kind, what was expected, what came, how grave (0 to 1), as a sentence."""

    kind: str
    expected: str
    actual: str
    weight: float
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(slots=True, eq=False)
class Quantity:
    """A number with what it measures, in the dimension's base unit; a range where `low` and `high` differ."""

    low: float
    high: float
    dimension: str
    text: str
    start: int
    end: int
    bound: str = ""
    about: bool = False
    soft: bool = False
    written: float = 0.0


@dataclass(slots=True, eq=False)
class Moment:
    """A date or a time of day: only the parts that the text states; `minute` counts from midnight."""

    kind: str
    parts: dict[str, int]
    text: str
    start: int
    end: int
    vague: bool = False
