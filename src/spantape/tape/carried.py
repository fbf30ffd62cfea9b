"""What two runs carry along: values that differ since an earlier step of each run differed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from spantape._fields import MISSING
from spantape.semantic.structured import value_differences
from spantape.semantic.structured.values import number_key


class Carried:
    """Pairs of values, one of each run, that were judged already where they arose."""

    def __init__(self) -> None:
        self._pairs: set[tuple[Any, Any]] = set()

    def note(self, first: Any, second: Any) -> None:
        """Remember that `second` stands in the second run where `first` does in the first, and what is inside them."""
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
