"""JSON in canonical form (RFC 8785, JCS): the bytes that hashes and signatures cover.

`canonicalize` writes them from Python values, `read_json` reads JSON text that can have such a form. Both refuse
what two readers might take for different values: NaN, a member twice, half a surrogate, a number that no double
holds. Bytes are those of the `jcs` package, made faster: values without fractions go through msgspec's encoder as
they are, others once its numbers are spelled and its members ordered as the RFC says.

See: <https://www.rfc-editor.org/rfc/rfc8785>
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from spantape._fields import join
from spantape.errors import NotCanonical

__all__ = ["LARGEST_INTEGER", "canonicalize", "number_text", "sha256_of", "shortened"]

LARGEST_INTEGER: Final = 2**53
"""Integers up to this one are doubles, all of them."""

DEEP: Final = "nested too deeply"

_SORTED: Final = msgspec.json.Encoder(order="sorted").encode
_AS_BUILT: Final = msgspec.json.Encoder().encode
_REFUSED: Final = (TypeError, ValueError, OverflowError)
_SHOWN: Final = 200  # characters of a path in a message


def canonicalize(value: Any) -> bytes:
    """The canonical JSON of `value` in UTF-8: str, int, float, bool, None, and dicts, lists and tuples of them.

    An integer beyond 2^53 must be one that its canonical form, a double's, spells exactly.

    Raises:
        NotCanonical: a value has no canonical form; its place is named.
    """
    try:
        spelled = value if _plain(value) else _spelled(value)
        written = _SORTED(spelled)  # by code points
        if written.isascii() or not _may_order_otherwise(written) or _ascii_names(spelled):
            return written
        return _AS_BUILT(_reordered(spelled))
    except RecursionError as error:
        raise NotCanonical(DEEP) from error
    except _REFUSED as error:
        raise _located(value, error) from error


def sha256_of(value: Any) -> str:
    """`sha256:` and 64 hex digits over the canonical JSON of `value`; `Raises` as `canonicalize`."""
    return "sha256:" + hashlib.sha256(canonicalize(value)).hexdigest()


def number_text(value: float) -> str:
    """The number as ECMAScript writes it, which is how RFC 8785 does: `1`, `0.001`, `1e-7`, `1e+21`; -0 is `0`.

    Raises:
        NotCanonical: NaN, an infinity, or an integer that this text would change.
    """
    if isinstance(value, int):
        return _integer_text(value)
    if not math.isfinite(value):
        raise NotCanonical(f"{value} is not a JSON number")
    if value.is_integer() and abs(value) <= LARGEST_INTEGER:
        return str(int(value))
    text = float.__repr__(value)
    return _double_text(value) if "e" in text or abs(value) >= LARGEST_INTEGER else text


# --- numbers -----------------------------------------------------------------------------------------------------


def _integer_text(value: int) -> str:
    if -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return int.__repr__(value)
    try:
        text = _double_text(float(value))
    except OverflowError as error:
        raise NotCanonical(f"{_digits(value)} is beyond the largest double") from error
    if Decimal(text) != value:
        raise NotCanonical(
            f"{_digits(value)} would become {text}: JSON numbers are doubles; write it as a string"
        )
    return text


def _double_text(value: float) -> str:
    """ECMAScript's text of a double that is not zero (Number::toString): the shortest digits that give it back."""
    sign, digits, exponent = Decimal(float.__repr__(value)).normalize().as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    text = "".join(map(str, digits))
    point = len(text) + exponent  # the decimal point stands behind this many digits
    return "-" * sign + _placed(text, point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _digits(value: int) -> str:
    return str(value) if value.bit_length() < 200 else f"an integer of {value.bit_length():,} bits"


# --- values ------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> bool:
    """Whether the encoder writes `value` canonically but for the order of its members: no fraction, no subclass.

    The encoder itself refuses names that are no strings.
    """
    kind = type(value)
    if kind is dict:
        return _all_plain(value.values())
    if kind is list:
        return _all_plain(value)
    return kind is str or value is None or kind is bool or (kind is int and _small(value))


def _all_plain(values: Iterable[Any]) -> bool:
    for value in values:
        kind = type(value)
        if kind is str or value is None:
            continue
        if kind is dict:
            if not _all_plain(value.values()):
                return False
        elif kind is list:
            if not _all_plain(value):
                return False
        elif kind is not bool and not (kind is int and _small(value)):
            return False
    return True


def _small(value: int) -> bool:
    return -LARGEST_INTEGER <= value <= LARGEST_INTEGER


def _spelled(value: Any) -> Any:
    """`value` with its numbers as the text that they have in canonical JSON, and subclasses as what they are."""
    kind = type(value)
    if kind is dict:
        return {name: item if type(item) is str else _spelled(item) for name, item in value.items()}
    if kind is list:
        return [item if type(item) is str else _spelled(item) for item in value]
    if kind is str or value is None or kind is bool:
        return value
    if isinstance(value, (int, float)):
        return msgspec.Raw(number_text(value))
    return _rebuilt(value)


def _rebuilt(value: Any) -> Any:
    """A tuple, or an instance of a subclass, as the plain value."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return _spelled(dict(value))
    if isinstance(value, (list, tuple)):
        return _spelled(list(value))
    raise TypeError(f"expected a JSON value, got {type(value).__name__}")


# --- order -------------------------------------------------------------------------------------------------------


def _may_order_otherwise(written: bytes) -> bool:
    """Whether the order of UTF-16 code units may be another one than that of code points.

    They differ only between a character beyond U+FFFF, whose UTF-8 starts with F0 to F4, and one from U+E000 on,
    with EE or EF.
    """
    return any(lead in written for lead in _ASTRAL) and any(lead in written for lead in _LATE)


_ASTRAL: Final = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
_LATE: Final = (b"\xee", b"\xef")


def _ascii_names(value: Any) -> bool:
    if type(value) is dict:
        return "".join(value).isascii() and all(map(_ascii_names, value.values()))
    return type(value) is not list or all(map(_ascii_names, value))


def _reordered(value: Any) -> Any:
    """`value` with the members of its objects by the UTF-16 code units of their names."""
    if type(value) is dict:
        return {name: _reordered(value[name]) for name in sorted(value, key=_utf16)}
    return [_reordered(item) for item in value] if type(value) is list else value


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


# --- what is refused ---------------------------------------------------------------------------------------------


def _located(value: Any, error: Exception) -> NotCanonical:
    """The refusal with the place of what was refused."""
    try:
        for path, item in _walk("", value):
            reason = _refusal(item)
            if reason is not None:
                return NotCanonical(reason, field=shortened(path) or None)
    except RecursionError:  # the walk needs more of the stack than the encoder
        pass
    return NotCanonical(str(error))


def _walk(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                yield path, _BadName(name)
            else:
                yield join(path, name), _Name(name)
                yield from _walk(join(path, name), item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _walk(join(path, index), item)


class _BadName(msgspec.Struct):
    name: Any


class _Name(str):
    __slots__ = ()


def _refusal(item: Any) -> str | None:
    """Why `item`, its members aside, has no canonical form."""
    if isinstance(item, _BadName):
        return f"the name of a member must be a string, got {type(item.name).__name__} {item.name!r}"
    try:
        if isinstance(item, str):
            item.encode()
        elif isinstance(item, (int, float)):
            number_text(item)
        elif item is not None and not isinstance(item, (dict, list, tuple)):
            return f"expected a JSON value, got {type(item).__name__}"
    except UnicodeEncodeError:
        return "half a surrogate pair in " + ("the name" if isinstance(item, _Name) else "the text")
    except NotCanonical as error:
        return error.reason
    return None


def shortened(path: str) -> str:
    """`path` for a message: one line that can be printed, cut in its middle where it is long."""
    text = path.encode("utf-8", "backslashreplace").decode()
    text = text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]}"
