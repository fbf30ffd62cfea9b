r"""Values that JSON cannot say, as an object with one marked key.

======================  ======================================================================
`{"$bytes": "AAE="}`    bytes, base64
`{"$float": "nan"}`     a float that is not finite: "nan", "inf", "-inf"
`{"$int": "2…"}`        an integer that a double cannot hold (RFC 8785 and jq would round it)
`{"$str": "\\ud800"}`    text with a lone surrogate, which UTF-8 cannot hold: escaped as ASCII
`{"$complex": [1, 2]}`  real and imaginary part
`{"$map": [[k, v]]}`    a mapping whose keys are not distinct strings, or one that looks like a marker
`{"$array": {…}}`       a numpy array: dtype, shape, base64 of its bytes in C order
======================  ======================================================================
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any, Final, cast

from spantape._model import Json
from spantape._values._place import Unfit, short

BYTES: Final = "$bytes"
FLOAT: Final = "$float"
INT: Final = "$int"
STR: Final = "$str"
COMPLEX: Final = "$complex"
MAP: Final = "$map"
ARRAY: Final = "$array"
MARKERS: Final = frozenset({BYTES, FLOAT, INT, STR, COMPLEX, MAP, ARRAY})

SAFE_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader holds exactly (RFC 7493, 2.2)."""

_DECIMAL_BITS: Final = 4096  # beyond it, Python limits how long a decimal text may be
_FLOATS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_ARRAY_KINDS: Final = "biufcSUmM"


def mark_text(value: str) -> Json:
    """`value`, or its marked form where UTF-8 cannot hold it."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return {STR: value.encode("unicode_escape").decode("ascii")}
    return value


def mark_int(value: int) -> Json:
    """`value`, or its marked form where a double cannot hold it."""
    return (
        value
        if -SAFE_INT <= value <= SAFE_INT
        else {INT: str(value) if value.bit_length() < _DECIMAL_BITS else hex(value)}
    )


def mark_float(value: float) -> Json:
    """`value`, or its marked form where it is not finite."""
    return value if math.isfinite(value) else {FLOAT: repr(value)}


def mark_bytes(value: bytes | bytearray | memoryview) -> Json:
    """The marked form of `value`."""
    return {BYTES: base64.b64encode(value).decode("ascii")}


def mark_complex(value: complex) -> Json:
    """The marked form of `value`."""
    return {COMPLEX: [mark_float(value.real), mark_float(value.imag)]}


def mark_array(array: Any) -> Json:
    """The marked form of a numpy array or scalar.

    Raises:
        Unfit: its dtype has no plain bytes (objects, structures).
    """
    dtype = array.dtype
    if dtype.kind not in _ARRAY_KINDS:
        raise Unfit(f"a numpy array of dtype {dtype} has no JSON form; give `.tolist()`")
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return {ARRAY: {"dtype": dtype.str, "shape": list(array.shape), "data": data}}


def marker_of(data: object) -> str | None:
    """The marker of `data`, or None where it is plain."""
    if type(data) is dict and len(data) == 1:
        key = next(iter(data))
        return key if key in MARKERS else None
    return None


def unmark(data: Json) -> Any:
    """The value that `data` marks, or `data` itself; mappings are not opened (`Unfit` for a malformed mark)."""
    name = marker_of(data)
    reader = None if name is None else _READERS.get(name)
    if name is None or reader is None:
        return data
    inner = cast("dict[str, Json]", data)[name]
    try:
        return reader(inner)
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, OverflowError) as error:
        raise Unfit(f"{short(data)} is not a {name} value: {error}") from error


def _bytes(inner: Any) -> bytes:
    return base64.b64decode(inner, validate=True)


def _int(inner: Any) -> int:
    return int(inner, 0)


def _text(inner: Any) -> str:
    return cast("str", inner.encode("ascii").decode("unicode_escape"))


def _complex(inner: Any) -> complex:
    real, imaginary = inner
    return complex(unmark(real), unmark(imaginary))


def _array(inner: Any) -> Any:
    import numpy as np

    dtype = np.dtype(inner["dtype"])
    if dtype.kind not in _ARRAY_KINDS or any(length < 0 for length in inner["shape"]):
        raise ValueError(f"dtype {dtype}, shape {inner['shape']}")
    flat = np.frombuffer(_bytes(inner["data"]), dtype=dtype)
    return flat.reshape(inner["shape"]).copy()


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    BYTES: _bytes,
    FLOAT: lambda inner: _FLOATS[inner],
    INT: _int,
    STR: _text,
    COMPLEX: _complex,
    ARRAY: _array,
}
