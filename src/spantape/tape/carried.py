"""What two runs carry along: values that differ since an earlier step of each run differed.

An answer comes back in the history of the next request, a tool's result too, and the arguments that a model asked
for are those that the tool then runs with. Only what a step was given can be carried along; what it gave is its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from spantape._fields import MISSING
from spantape.semantic.structured import value_differences
from spantape.semantic.structured.values import number_key


class Carried:
    """Pairs of values, one of each run, that were weighed already where they arose.

    A step that is under way has given nothing yet: what it will give is held back until `advance` comes to its end.
    """

    def __init__(self) -> None:
        self._pairs: set[tuple[Any, Any]] = set()
        self._coming: list[tuple[int, Any, Any]] = []

    def note(self, first: Any, second: Any, *, at_ns: int) -> None:
        """Remember that from `at_ns` on `second` stands in the second run where `first` does in the first."""
        self._coming.append((at_ns, first, second))

    def advance(self, now_ns: int) -> None:
        """Take in what was given before `now_ns`, by the first run's clock."""
        coming, self._coming = self._coming, []
        for at_ns, first, second in coming:
            if at_ns > now_ns:
                self._coming.append((at_ns, first, second))
                continue
            for found in value_differences(first, second):
                if MISSING not in (found.recorded, found.got):
                    self._pairs.add((_key(found.recorded), _key(found.got)))

    def __contains__(self, pair: tuple[Any, Any]) -> bool:
        return bool(self._pairs) and (_key(pair[0]), _key(pair[1])) in self._pairs


def _key(value: Any) -> Any:
    """The same for equal values of JSON, and hashable."""
    if isinstance(value, bool) or value is None:
        return (value,)
    if isinstance(value, int | float | Decimal):
        return number_key(str(value)) or str(value)
    return value if isinstance(value, str) else repr(value)
