"""The differences of one pair of steps, as they are found: each place with how grave it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from spantape._fields import FieldDifference
from spantape.semantic.structured import compare_structured, is_prose, value_differences
from spantape.tape.volatile import is_volatile
from spantape.tolerance.level import Severity
from spantape.tolerance.policy import StepPolicy

if TYPE_CHECKING:
    from spantape.tape.weighing import Weigher

_REASONS: Final = 3  # reasons of a comparison that are told
_PLACES_OF_TEXT: Final = frozenset(
    {"content", "text", "input", "system", "prompt", "instructions", "thinking"}
)
_LAST_NAME: Final = re.compile(r"([^.\[\]]+)(?:\[\d+\])*$")


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


class Places:
    """The differences of one pair of steps, as they are found."""

    def __init__(self, weigher: Weigher, policy: StepPolicy, step: int) -> None:
        self.weigher, self.policy, self._index = weigher, policy, step
        self.inputs = False  # whether what the step was given is weighed, not what it gave
        self.found: list[WeighedDifference] = []
        self.seen = 0  # differences, those too that are ignored or carried along

    def add(self, path: str, first: Any, second: Any, severity: Severity, reason: str = "") -> None:
        """Note a difference, unless the policy ignores its place."""
        self.seen += 1
        if self.policy.rule_at(path) != "ignore":
            self.found.append(WeighedDifference(path, first, second, severity, reason))

    def text(self, path: str, first: str, second: str) -> None:
        """Weigh two texts: as data where both are, else by what they mean."""
        if first == second or self._is_carried(first, second):
            return
        parsed = compare_structured(first, second)
        if parsed.verdict == "undecided":
            self._by_meaning(path, first, second)
        elif parsed.verdict == "same":
            self.add(path, first, second, "bytes", "the same data")
        else:
            rule = self._rule(loose=True)
            found = compare_structured(first, second, texts=lambda at, *texts: rule(_under(path, at), *texts))
            self._add_values(path, list(found.differences))

    def values(self, path: str, first: Any, second: Any, *, loose: bool, dialect: bool = False) -> None:
        """Weigh two JSON values; where `loose`, prose in them by what it means, else every string exactly."""
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
            if (loose and is_prose(first) and is_prose(second)) or self._is_text(path, dialect=dialect):
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
        """Whether an input differs since an earlier step's output did; byte for byte it still is a difference."""
        if not self.inputs or self.exact or not self.weigher.is_carried(first, second):
            return False
        self.seen += 1
        return True

    def carry(self, first: Any, second: Any) -> None:
        """Note what this step gave, for the steps behind it."""
        self.weigher.carry(first, second, by=self._index)

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


def _under(path: str, inner: str) -> str:
    if not path or not inner:
        return path or inner
    return path + inner if inner.startswith("[") else f"{path}.{inner}"
