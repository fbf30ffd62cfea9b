"""Field by field, how one JSON value differs from another.

Lists are aligned before they are compared, so that one inserted message does not make every later one differ.
Paths are written as in ignore rules: `messages[3].content`, and `["odd.key"]` where a name is no plain word.
"""

from __future__ import annotations

import enum
import json
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import islice, zip_longest
from typing import Any, Final, Literal

import msgspec

Pair = tuple[int | None, int | None]

_PLAIN_NAME: Final = re.compile(r"[^\s.\[\]*\"]+")
_SHOWN: Final = 72  # characters of a value in a message
_LEAD: Final = 24  # characters shown before the first difference
_LABELLED_LIMIT: Final = 200  # items of a changed stretch that are still paired by what they look like


class Missing(enum.Enum):
    """The one value `MISSING`: there is nothing at this place."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One place where two values differ; a side is `MISSING` where it has nothing there.

    `path` is "" for the whole value. Indices count in the recorded list; those of added items in the new one.
    """

    path: str
    recorded: Any
    got: Any

    def __str__(self) -> str:
        name = _name(self.got if self.recorded is MISSING else self.recorded)
        place = self.path + (f" {_quote(name)}" if name and MISSING in (self.recorded, self.got) else "")
        recorded, got = show_both(self.recorded, self.got)
        if self.recorded is MISSING:
            return f"{place}: not recorded, got {got}"
        if self.got is MISSING:
            return f"{place}: recorded {recorded} got nothing"
        return f"{place}: recorded {recorded} got {got}"


def json_differences(recorded: Any, got: Any, *, limit: int | None = None) -> list[FieldDifference]:
    """The differences between two JSON values in the order of the recorded one, at most `limit` of them.

    `1` and `1.0` are the same number, `1` and `true` are not the same value; decimals and integers compare
    exactly. Values nested too deeply to walk come back as one difference of the whole.
    """
    try:
        return list(islice(_walk("", recorded, got), limit))
    except RecursionError:
        return [FieldDifference("", "<nested too deeply to compare>", "<nested too deeply to compare>")]


def join(path: str, key: str | int) -> str:
    """The path of the member `key` of what stands at `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_NAME.fullmatch(key):
        return f"{path}[{_quote(key)}]"
    return f"{path}.{key}" if path else key


def show_both(recorded: Any, got: Any) -> tuple[str, str]:
    """Both values as short text, cut so that the first place where they differ can be seen."""
    if isinstance(recorded, str) and isinstance(got, str):
        at = common_prefix(recorded, got)
        return _around(recorded, at), _around(got, at)
    return show(recorded), show(got)


def show(value: Any) -> str:
    """A value as JSON-like text of one line, cut at its end where it is long."""
    if isinstance(value, str):
        return _around(value, 0)
    text = _json_text(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def common_prefix(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How many leading items two sequences of one kind (str, bytes, list) share; O(n) with a small factor."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _walk(path: str, recorded: Any, got: Any) -> Iterator[FieldDifference]:
    if isinstance(recorded, dict) and isinstance(got, dict):
        yield from _walk_objects(path, recorded, got)
    elif isinstance(recorded, list) and isinstance(got, list):
        yield from _walk_lists(path, recorded, got)
    elif not _same_leaf(recorded, got):
        yield FieldDifference(path, recorded, got)


def _walk_objects(path: str, recorded: dict[str, Any], got: dict[str, Any]) -> Iterator[FieldDifference]:
    for key, value in recorded.items():
        if key in got:
            yield from _walk(join(path, key), value, got[key])
        else:
            yield FieldDifference(join(path, key), value, MISSING)
    for key, value in got.items():
        if key not in recorded:
            yield FieldDifference(join(path, key), MISSING, value)


def _walk_lists(path: str, recorded: list[Any], got: list[Any]) -> Iterator[FieldDifference]:
    for i, j in align(recorded, got):
        if i is not None and j is not None:
            yield from _walk(join(path, i), recorded[i], got[j])
        elif i is not None:
            yield FieldDifference(join(path, i), recorded[i], MISSING)
        elif j is not None:
            yield FieldDifference(join(path, j), MISSING, got[j])


def _same_leaf(recorded: Any, got: Any) -> bool:
    if isinstance(recorded, bool) is not isinstance(got, bool):
        return False
    if isinstance(recorded, float) and isinstance(got, float) and math.isnan(recorded):
        return math.isnan(got)
    return bool(recorded == got)


def align(recorded: Sequence[Any], got: Sequence[Any]) -> list[Pair]:
    """Which item of one list stands for which of the other, in order; None on the side that lacks one.

    Equal items that occur once on each side are the anchors (a patience diff, O(n log n)); between two anchors
    items are paired by name, role or type, and what is left by place.
    """
    a, b = _tokens(recorded, got)
    pairs: list[Pair] = []
    i = j = 0
    for anchor_i, anchor_j in [*_anchors(a, b), (len(a), len(b))]:
        pairs += _pair_between(recorded, got, (a, b), (i, anchor_i), (j, anchor_j))
        if anchor_i < len(a):
            pairs.append((anchor_i, anchor_j))
        i, j = anchor_i + 1, anchor_j + 1
    return pairs


def _tokens(recorded: Sequence[Any], got: Sequence[Any]) -> tuple[list[bytes], list[bytes]]:
    """A text for each item, the same for equal items; items with the same text may still differ."""
    a, b = [_token(item) for item in recorded], [_token(item) for item in got]
    if any(
        _FRACTION.search(token) for token in (*a, *b)
    ):  # 1 and 1.0 are equal, so numbers need one spelling
        a, b = [_NUMBER.sub(_as_float, t) for t in a], [_NUMBER.sub(_as_float, t) for t in b]
    return a, b


def _token(item: Any) -> bytes:
    try:
        return _SORTED.encode(item)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return repr(item).encode("utf-8", "backslashreplace")


def _as_float(found: re.Match[bytes]) -> bytes:
    return repr(float(found[0]) + 0.0).encode()  # the sum makes -0.0 the 0.0 that it equals


def _anchors(a: list[bytes], b: list[bytes]) -> list[tuple[int, int]]:
    """The longest run of index pairs, increasing on both sides, of tokens that are unique on both sides."""
    count_a, count_b = Counter(a), Counter(b)
    where = {token: j for j, token in enumerate(b) if count_b[token] == 1}
    common = [(i, where[token]) for i, token in enumerate(a) if count_a[token] == 1 and token in where]
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(common):
        length = bisect_left(tails, j)
        before.append(ends[length - 1] if length else -1)
        tails[length:] = [j, *tails[length + 1 :]]
        ends[length:] = [index, *ends[length + 1 :]]
    chain: list[tuple[int, int]] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chain.append(common[at])
        at = before[at]
    return chain[::-1]


def _pair_between(
    recorded: Sequence[Any],
    got: Sequence[Any],
    tokens: tuple[list[bytes], list[bytes]],
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> Iterator[Pair]:
    (i, i_end), (j, j_end) = rows, columns
    while i < i_end and j < j_end and tokens[0][i] == tokens[1][j]:
        yield i, j
        i, j = i + 1, j + 1
    if max(i_end - i, j_end - j) > _LABELLED_LIMIT:
        yield from zip_longest(range(i, i_end), range(j, j_end))
        return
    labels = [_label(x) for x in recorded[i:i_end]], [_label(x) for x in got[j:j_end]]
    matcher = SequenceMatcher(None, *labels, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        here = recorded[i + i1 : i + i2], got[j + j1 : j + j2]
        yield from _shifted(_pair_stretch(tag, *here), i + i1, j + j1)


def _shifted(pairs: Iterator[Pair], i: int, j: int) -> Iterator[Pair]:
    for row, column in pairs:
        yield None if row is None else row + i, None if column is None else column + j


def _pair_stretch(
    tag: Literal["replace", "delete", "insert", "equal"], recorded: Sequence[Any], got: Sequence[Any]
) -> Iterator[Pair]:
    for place, (a, b) in enumerate(zip_longest(recorded, got, fillvalue=MISSING)):
        if tag == "equal" or (MISSING not in (a, b) and _may_be_one(a, b)):
            yield place, place
            continue
        if a is not MISSING:
            yield place, None
        if b is not MISSING:
            yield None, place


def _may_be_one(a: Any, b: Any) -> bool:
    """Whether two items can be one that was changed: not two things with different names."""
    name_a, name_b = _name(a), _name(b)
    return name_a is None or name_b is None or name_a == name_b


def _label(item: Any) -> tuple[str, ...]:
    if not isinstance(item, dict):
        return (type(item).__name__,)
    return (str(item.get("role")), str(item.get("type")), str(_name(item)))


def _name(item: Any) -> str | None:
    """What an item of a list calls itself: a tool's name, also inside its `function`."""
    if not isinstance(item, dict):
        return None
    function = item.get("function")
    for holder in (item, function if isinstance(function, dict) else {}):
        if isinstance(holder.get("name"), str):
            return str(holder["name"])
    return None


def _around(text: str, at: int) -> str:
    start = max(0, at - _LEAD) if len(text) > _SHOWN else 0
    end = start + _SHOWN
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return f'"{before}{_quote(text[start:end])[1:-1]}{after}"'


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json_text(value: Any) -> str:
    if not isinstance(value, _JSON_TYPES):
        return repr(value)
    try:
        return _TEXT.encode(value).decode()
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return repr(value)


_JSON_TYPES: Final = (dict, list, int, float, Decimal, type(None))
_FRACTION: Final = re.compile(rb"\d[.eE][-+\d]")
_NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_SORTED: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")
_TEXT: Final = msgspec.json.Encoder(decimal_format="number")
