"""JSON text to values, refusing what has no one meaning: a member twice, NaN, a number that no double holds.

A text in canonical form is read at the encoder's speed; any other is read member by member.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from os import PathLike
from pathlib import Path
from typing import Any, Final

import msgspec

from spantape._fields import join
from spantape.errors import EvidenceError, NotCanonical
from spantape.rerun.canonical import DEEP, LARGEST_INTEGER, canonicalize, number_text, shortened

__all__ = ["read_file", "read_json"]

_DECODE: Final = msgspec.json.Decoder().decode
_MANTISSA: Final = re.compile(r"[-0.]*[1-9]")
"""The start of a number that is not zero."""
_MARK: Final = "\ufeff"


class _Refused(Exception):
    """Something in the text has no one meaning; where it is takes a second look."""


def read_json(data: bytes | str, *, what: str | None = None, path: str | PathLike[str] | None = None) -> Any:
    """The value of a JSON text (RFC 8259, UTF-8), one that has a canonical form.

    `what` and `path` are what errors call the document and its file.

    Raises:
        NotCanonical: the text is not JSON, or has a member twice, half a surrogate pair, NaN, or a number that a
            double would change or not hold; line or member are named.
    """
    try:
        return _read(data)
    except NotCanonical as error:
        raise NotCanonical(error.reason, what=what, path=path, field=error.field) from error
    except RecursionError as error:
        raise NotCanonical(DEEP, what=what, path=path) from error


def read_file(path: str | PathLike[str], *, what: str) -> Any:
    """The value of the JSON file at `path`.

    Raises:
        NotCanonical: as `read_json`.
        EvidenceError: the file cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise EvidenceError(f"cannot be read: {reason}", what=what, path=path) from error
    return read_json(data, what=what, path=path)


def _read(data: bytes | str) -> Any:
    if isinstance(data, bytes):
        value = _canonical_value(data)
        if value is not None:
            return value
        data = _decoded(data)
    if data.startswith(_MARK):
        raise NotCanonical("starts with a byte order mark; JSON is UTF-8 without one")
    try:
        return _parsed(data)
    except json.JSONDecodeError as error:
        raise NotCanonical(
            f"not JSON: {error.msg}", field=f"line {error.lineno} column {error.colno}"
        ) from error


def _canonical_value(data: bytes) -> Any:
    """The value where `data` is its canonical form, so that there is nothing to be refused; else None."""
    try:
        value = _DECODE(data)
        return value if canonicalize(value) == data else None
    except (msgspec.MsgspecError, NotCanonical, ValueError, RecursionError):
        return None


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NotCanonical(f"not UTF-8: {error.reason} at byte {error.start}") from error


def _parsed(text: str) -> Any:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_double,
            parse_constant=_constant,
        )
    except _Refused as error:
        raise _located(text) from error
    canonicalize(value)  # refuses what is left: half surrogate pairs, and depth
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Refused
    return made


def _integer(literal: str) -> int:
    if len(literal) < 16:
        return int(literal)
    if _number_refusal(literal) is not None:
        raise _Refused
    return int(literal)


def _double(literal: str) -> float:
    value = float(literal)
    usual = value != 0 and -LARGEST_INTEGER < value < LARGEST_INTEGER
    if not usual and _number_refusal(literal) is not None:
        raise _Refused
    return value


def _constant(_literal: str) -> Any:
    raise _Refused


def _number_refusal(literal: str) -> str | None:
    """Why the number of a JSON text would not be what canonical JSON makes of it, None where it would.

    Fractions are rounded to a double, as every reader does; integers and what is beyond any double are not.
    """
    value = float(literal)
    if math.isinf(value):
        return "beyond the largest double"
    try:
        exact = Decimal(literal)
    except InvalidOperation:  # an exponent that not even this can hold
        return "smaller than the smallest double" if _MANTISSA.match(literal) else None
    if value == 0:
        return None if exact == 0 else "smaller than the smallest double"
    if abs(value) < LARGEST_INTEGER or Decimal(number_text(value)) == exact:
        return None
    return f"would become {number_text(value)}: JSON numbers are doubles; write it as a string"


# --- what is refused ---------------------------------------------------------------------------------------------


class _Number(str):
    __slots__ = ()


class _Constant(str):
    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    __slots__ = ()


def _located(text: str) -> NotCanonical:
    """The refusal with the place of what was refused."""
    value = json.loads(
        text, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number, parse_constant=_Constant
    )
    path, reason = next(_refusals("", value))
    return NotCanonical(reason, field=shortened(path) or None)


def _refusals(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, _Constant):
        yield path, f"{value} is not JSON"
    elif isinstance(value, _Number):
        reason = _number_refusal(value)
        if reason is not None:
            yield path, f"{shortened(value)} is {reason}" if " become " not in reason else f"{value} {reason}"
    elif isinstance(value, _Object):
        seen: set[str] = set()
        for name, item in value:
            if name in seen:
                yield join(path, name), "stands twice"
            seen.add(name)
            yield from _refusals(join(path, name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _refusals(join(path, index), item)
