"""How equal is equal enough: byte, structural, or semantic with a threshold."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from spantape.errors import UsageError

Level = Literal["byte", "structural", "semantic"]
Severity = Literal["bytes", "wording", "meaning", "structure"]
"""How grave a difference is, the least first: other bytes of the same values; other words of the same meaning;
another meaning; another structure (a call, a member, a type, a status, a value that is no prose)."""

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
ACCEPTED: Final = (
    "byte, structural, semantic, or semantic:<threshold above 0, at most 1> such as semantic:0.9"
)

_TOLERATED: Final[dict[str, frozenset[Severity]]] = {
    "byte": frozenset(),
    "structural": frozenset({"bytes", "wording", "meaning"}),
    "semantic": frozenset({"bytes", "wording"}),
}
_FORM: Final = re.compile(r"(byte|structural|semantic)(?::(\d*\.?\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What two runs may differ in and still be equal.

    "byte": nothing. "semantic": bytes and words, as long as the structure is the same and the texts mean the same;
    with a `threshold`, texts mean the same from that score on, without one by the comparison's own verdict.
    "structural": the structure must be the same (steps, tool calls, members, types, values), the texts are not
    looked at, as in a rerun bundle of that level.

    Raises:
        UsageError: the level is none of these, or the threshold is out of range or of another level.
    """

    level: Level = "byte"
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.level not in get_args(Level):
            raise UsageError(
                f"got tolerance level {self.level!r}, expected one of {', '.join(get_args(Level))}"
            )
        if self.threshold is None:
            return
        if self.level != "semantic" or not (math.isfinite(self.threshold) and 0 < self.threshold <= 1):
            raise UsageError(f"got tolerance {self.level}:{self.threshold}, expected {ACCEPTED}")

    def __str__(self) -> str:
        return self.level if self.threshold is None else f"{self.level}:{self.threshold:g}"

    def tolerates(self, severity: Severity) -> bool:
        """Whether a difference of that severity is none under this tolerance."""
        return severity in _TOLERATED[self.level]


BYTE: Final = Tolerance("byte")


def parse_tolerance(given: str | Tolerance) -> Tolerance:
    """The tolerance that a text such as `semantic:0.9` names.

    Raises:
        UsageError: it names none; the message quotes it and says what is accepted.
    """
    if isinstance(given, Tolerance):
        return given
    found = _FORM.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise UsageError(f"got tolerance {given!r}, expected {ACCEPTED}")
    level: Level = found[1]  # type: ignore[assignment]  # the pattern admits only these
    return Tolerance(level, None if found[2] is None else float(found[2]))


def gravest(severities: list[Severity]) -> Severity | None:
    """The gravest of the severities, None of none."""
    return max(severities, key=SEVERITIES.index, default=None)
