"""Parsed values compared field by field: key order, number spelling and serialisation are free, values are not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, Final

from spantape._fields import MISSING, FieldDifference, Pair, align, join, show, show_both

TextRule = Callable[[str, str, str], bool]
"""Whether two different strings at a path say the same: (path, expected, actual)."""

MAX_DEPTH: Final = 100  # levels of nesting that are compared; what is deeper is no structure
LISTED: Final = 1000  # differences that are looked for

_NUMBER: Final = re.compile(
    r"[-+]?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d+)?(?:[eE][-+]?\d{1,6})?", re.ASCII
)
_WORDS: Final = {
    True: frozenset({"true", "yes", "on"}),
    False: frozenset({"false", "no", "off"}),
    None: frozenset({"", "null", "none", "~"}),
}


class Plain(str):
    """A scalar whose text does not tell its type: a table's cell, an unquoted scalar of YAML."""

    __slots__ = ()


def value_differences(
    expected: Any, actual: Any, *, texts: TextRule | None = None, path: str = ""
) -> list[FieldDifference]:
    """The places where two parsed values differ, at most 1,000 of them; `recorded` is the expected side.

    Numbers are equal by value at any size (`20.0` and `20`), strings by their characters in NFC unless `texts` says
    that two of them mean the same. `1`, `true` and `"1"` are three values; a `Plain` scalar equals any value that it
    may be read as. The order of lists counts; where their lengths differ they are aligned first, so that an inserted
    item shifts no other. Values nested too deeply to walk come back as one difference of the whole.
    """
    try:
        return list(islice(_walk(path, expected, actual, texts), LISTED))
    except RecursionError:
        return [FieldDifference(path, "<nested too deeply to compare>", "<nested too deeply to compare>")]


def _walk(path: str, one: Any, other: Any, texts: TextRule | None) -> Iterator[FieldDifference]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        yield from _walk_members(path, one, other, texts)
    elif isinstance(one, list) and isinstance(other, list):
        yield from _walk_items(path, one, other, texts)
    elif not same_leaf(one, other) and not _same_text(path, one, other, texts):
        yield FieldDifference(path, one, other)


def _walk_members(
    path: str, one: Mapping[str, Any], other: Mapping[str, Any], texts: TextRule | None
) -> Iterator[FieldDifference]:
    for key, value in one.items():
        if key in other:
            yield from _walk(join(path, key), value, other[key], texts)
        else:
            yield FieldDifference(join(path, key), value, MISSING)
    for key, value in other.items():
        if key not in one:
            yield FieldDifference(join(path, key), MISSING, value)


def _walk_items(
    path: str, one: list[Any], other: list[Any], texts: TextRule | None
) -> Iterator[FieldDifference]:
    in_place = len(one) == len(other)
    pairs: Iterable[Pair] = (
        zip(range(len(one)), range(len(one)), strict=True) if in_place else align(one, other)
    )
    for i, j in pairs:
        if i is not None and j is not None:
            yield from _walk(join(path, i), one[i], other[j], texts)
        elif i is not None:
            yield FieldDifference(join(path, i), one[i], MISSING)
        elif j is not None:
            yield FieldDifference(join(path, j), MISSING, other[j])


def same_leaf(one: Any, other: Any) -> bool:
    """Whether two values that are not both objects or both arrays are equal."""
    if isinstance(one, Plain):
        return _plain_equals(one, other)
    if isinstance(other, Plain):
        return _plain_equals(other, one)
    if isinstance(one, str) and isinstance(other, str):
        return one == other or composed(one) == composed(other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS):
        return bool(one == other)
    return one is None and other is None


def _plain_equals(plain: Plain, other: Any) -> bool:
    text = composed(plain).strip()
    if isinstance(other, Plain):
        return text == composed(other).strip() or _reading(text) == _reading(other) is not None
    if isinstance(other, str):
        return text == composed(other).strip()
    if other is None or isinstance(other, bool):
        return text.lower() in _WORDS[other]
    return isinstance(other, _NUMBERS) and as_number(text) == other


def _reading(text: str) -> Any:
    """What an untyped text may be read as, the same for equal numbers and equal truths; None for any other."""
    word = text.strip().lower()
    truth = next((value for value in (True, False) if word in _WORDS[value]), None)
    return number_key(text) if truth is None else ("truth", truth)


def _same_text(path: str, one: Any, other: Any, texts: TextRule | None) -> bool:
    return texts is not None and isinstance(one, str) and isinstance(other, str) and texts(path, one, other)


def composed(text: str) -> str:
    """`text` in Unicode's composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def number(literal: str) -> Any:
    """The value of a number's literal: exact, at any size; the literal itself where it is beyond all measure."""
    try:
        return Decimal(literal)
    except InvalidOperation:  # an exponent of more than eighteen digits
        return literal


def as_number(text: str) -> Decimal | None:
    """The number that a text is: no leading zeros (an id), commas between thousands alone; None for any other text."""
    found = _NUMBER.fullmatch(text.strip())
    return None if found is None else Decimal(found[0].replace(",", ""))


def number_key(text: str) -> tuple[int, tuple[int, ...], int] | None:
    """The same for texts of equal numbers, and cheap at any exponent; None where the text is no number."""
    found = as_number(text)
    if found is None:
        return None
    sign, digits, exponent = found.as_tuple()
    kept = len(digits)
    while kept and digits[kept - 1] == 0:
        kept -= 1
    return (sign, digits[:kept], int(exponent) + len(digits) - kept) if kept else (0, (), 0)


def too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than `MAX_DEPTH`."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [member for outer in level for member in _members(outer)]
        if not level:
            return False
    return True


def _members(value: Any) -> Iterable[Any]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (member for member in members if isinstance(member, dict | list))


def line(difference: FieldDifference) -> str:
    """`args.amount: 20.0 expected, 200.0 got`, with "nothing" for a side that has nothing there."""
    place = difference.path or "value"
    if difference.recorded is MISSING:
        return f"{place}: nothing expected, {show(_shown(difference.got))} got"
    if difference.got is MISSING:
        return f"{place}: {show(_shown(difference.recorded))} expected, nothing got"
    expected, got = show_both(_shown(difference.recorded), _shown(difference.got))
    return f"{place}: {expected} expected, {got} got"


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, Plain) else value


_NUMBERS: Final = (int, float, Decimal)
