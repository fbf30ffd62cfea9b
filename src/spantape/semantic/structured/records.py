"""Two lists of records of which one at least is a table: rows in any order, columns by what they are called."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final

from spantape._fields import MISSING, FieldDifference
from spantape.semantic.structured.values import (
    LISTED,
    Plain,
    TextRule,
    composed,
    number_key,
    value_differences,
)

_WORD: Final = re.compile(r"[\W_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Record = dict[str, Any]


def record_differences(
    expected: Any, actual: Any, texts: TextRule | None = None
) -> list[FieldDifference] | None:
    """Where the rows differ, None where a side is no list of records.

    Equal rows are taken out first, in linear time; what is left is paired by its first column, then in order.
    Indices count in the expected rows, those of added rows in the actual ones.
    """
    one, other = as_records(expected), as_records(actual)
    if one is None or other is None:
        return None
    rows = [renamed(row) for row in one], [renamed(row) for row in other]
    names = {label(name): name for row in (*other[:1], *one[:1]) for name in row}
    found: list[FieldDifference] = []
    for i, j in _pairs(*rows):
        if j is None:
            found.append(FieldDifference(f"rows[{i}]", one[i or 0], MISSING))
        elif i is None:
            found.append(FieldDifference(f"rows[{j}]", MISSING, other[j]))
        else:
            sides = (
                {names.get(key, key): value for key, value in row.items()} for row in (rows[0][i], rows[1][j])
            )
            found += value_differences(*sides, texts=texts, path=f"rows[{i}]")
        if len(found) >= LISTED:
            break
    return found[:LISTED]


def as_records(value: Any) -> list[Record] | None:
    """A list of objects, also where it stands alone inside an object (`{"rows": […]}`); None for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        return None
    return value


@lru_cache(maxsize=4096)
def label(name: str) -> str:
    """What two spellings of a column's or member's name share: `Order ID`, `order_id`, `orderId`."""
    return _WORD.sub(" ", _CAMEL.sub(" ", composed(name))).strip().casefold()


def renamed(record: Record) -> Record:
    """The record by its labels; unchanged where two names share one."""
    made = dict(zip(map(label, record), record.values(), strict=True))
    return made if len(made) == len(record) else record


def _pairs(one: list[Record], other: list[Record]) -> Iterator[tuple[int | None, int | None]]:
    """The rows that stand for each other and may differ; equal ones are left out."""
    first = next(iter(one[0]))
    left, paired = (list(range(len(one))), list(range(len(other)))), []
    for key in (_text, _whole, lambda row: _leaf(row.get(first, ""))):
        found, left = _matched(one, other, left, key)
        paired = found
    yield from sorted(paired)
    yield from zip_longest(*left)


Places = tuple[list[int], list[int]]


def _matched(
    one: list[Record], other: list[Record], left: Places, key: Callable[[Record], Any]
) -> tuple[list[tuple[int, int]], Places]:
    """The rows of one key, in order, and those that are left."""
    waiting: dict[Any, deque[int]] = defaultdict(deque)
    for j in left[1]:
        waiting[key(other[j])].append(j)
    found: list[tuple[int, int]] = []
    unpaired: list[int] = []
    for i in left[0]:
        queue = waiting.get(key(one[i]))
        if queue:
            found.append((i, queue.popleft()))
        else:
            unpaired.append(i)
    return found, (unpaired, sorted(j for queue in waiting.values() for j in queue))


def _text(row: Record) -> Any:
    """What rows with the same cells share, as they are written; cheap, and enough for most."""
    return frozenset(row.items()) if all(isinstance(cell, str) for cell in row.values()) else id(row)


def _whole(row: Record) -> frozenset[tuple[str, Any]]:
    return frozenset((name, _leaf(value)) for name, value in row.items())


def _leaf(value: Any) -> Any:
    """The same for cells that are equal: a number by its value, a text as it is."""
    if isinstance(value, bool) or value is None:
        return {None: "", True: "true", False: "false"}[value]
    if isinstance(value, int | float | Decimal):
        return number_key(str(value)) or str(value)
    if isinstance(value, str):
        return (number_key(value) if isinstance(value, Plain) else None) or composed(value).strip()
    return repr(value)
