"""What two runs carry along: values that differ since an earlier step of each run differed.

An answer comes back in the history of the next request, a tool's result too, and the arguments that a model asked
for are those that the tool then runs with. Only what a step was given can be carried along; what it gave is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from spantape._fields import MISSING
from spantape.semantic.structured import value_differences
from spantape.semantic.structured.values import number_key


class Carried:
    """Pairs of values, one of each run, that were weighed already where they arose.

    What a tool or an agent gives is not known to the steps inside it, so it is held back from them. `parents` are the
    steps of the first run by their index, each with the one that it ran under.
    """

    def __init__(self, parents: Mapping[int, int | None]) -> None:
        self._parents = parents
        self._pairs: set[tuple[Any, Any]] = set()
        self._held: list[tuple[int, Any, Any]] = []

    def note(self, first: Any, second: Any, *, by: int) -> None:
        """Remember that `second` stands in the second run where `first` does in the first, as step `by` gave it."""
        self._held.append((by, first, second))

    def reach(self, step: int) -> None:
        """Take in what is known when step `step` begins."""
        held, self._held = self._held, []
        around = self._around(step)
        for by, first, second in held:
            if by in around:
                self._held.append((by, first, second))
                continue
            for found in value_differences(first, second):
                if MISSING not in (found.recorded, found.got):
                    self._pairs.add((_key(found.recorded), _key(found.got)))

    def _around(self, step: int) -> set[int]:
        """The steps that a step runs under."""
        found: set[int] = set()
        parent = self._parents.get(step)
        while (
            parent is not None and parent not in found
        ):  # parents are data from a file and may form a circle
            found.add(parent)
            parent = self._parents.get(parent)
        return found

    def __contains__(self, pair: tuple[Any, Any]) -> bool:
        return bool(self._pairs) and (_key(pair[0]), _key(pair[1])) in self._pairs


def _key(value: Any) -> Any:
    """The same for equal values of JSON, and hashable."""
    if isinstance(value, bool) or value is None:
        return (value,)
    if isinstance(value, int | float | Decimal):
        return number_key(str(value)) or str(value)
    return value if isinstance(value, str) else repr(value)
