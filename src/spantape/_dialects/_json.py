"""JSON to typed structs, forgiving: a member of the wrong type is left out, and the rest is read.

The typed decoder of msgspec does well-formed input in one pass. What it refuses is read again member by member, so
both ways end in the same structs and give the same values wherever both can read.
"""

from __future__ import annotations

import functools
import json
import math
import types
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Raw

T = TypeVar("T", bound=msgspec.Struct)

LARGEST: Final = 2**63 - 1
"""The largest integer that an attribute can carry: OTLP has int64."""

Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
"""A number of tokens, choices or dimensions: not negative, and an int64."""

_REFUSALS = (msgspec.MsgspecError, RecursionError, ValueError, OverflowError)
_NOTHING: Any = object()
_OBJECT = dict[str, Raw]
_ARRAY = list[Raw]


class Reader(Generic[T]):
    """Reads JSON objects as `kind`, a struct whose every field has a default.

    The decoder is built on first use: msgspec takes a while to look through the types, and a program that speaks
    one wire API need not pay for five.
    """

    __slots__ = ("_decoder", "_kind")

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder: msgspec.json.Decoder[T] | None = None

    def one(self, data: bytes | Raw) -> T | None:
        """The object in `data`, None where it holds none."""
        try:
            return (self._decoder or self._typed()).decode(data)
        except _REFUSALS:
            return self._forgiving(data)

    def many(self, texts: list[bytes]) -> list[T]:
        """The objects in `texts`, those that hold none left out."""
        try:
            found = (self._decoder or self._typed()).decode_lines(b"\n".join(texts))
        except _REFUSALS:
            found = []
        if len(found) == len(texts):
            return found
        return [item for text in texts if (item := self.one(text)) is not None]

    def _typed(self) -> msgspec.json.Decoder[T]:
        self._decoder = msgspec.json.Decoder(self._kind)
        return self._decoder

    def _forgiving(self, data: bytes | Raw) -> T | None:
        text = bytes(data).decode("utf-8", "replace").encode()
        found = _salvage(self._kind, Raw(text))
        if found is _NOTHING and (mended := _mended(text)) is not None:
            found = _salvage(self._kind, Raw(mended))
        return None if found is _NOTHING else typing.cast("T", found)


def value(data: bytes | Raw) -> Any:
    """The JSON value in `data` as plain Python values, None where it is not JSON."""
    try:
        return msgspec.json.decode(data)
    except _REFUSALS:
        mended = _mended(bytes(data))
    try:
        return None if mended is None else msgspec.json.decode(mended)
    except _REFUSALS:
        return None


def values(data: bytes | Raw) -> list[Any]:
    """The items of the JSON array in `data`, [] where it is none."""
    found = value(data) if data else None
    return found if isinstance(found, list) else []


def compact(item: Any) -> str:
    """`item` as JSON text without blanks, "" where it cannot be written."""
    try:
        return msgspec.json.encode(item).decode()
    except _REFUSALS:
        return ""


def _salvage(kind: Any, raw: Raw) -> Any:
    """What of `raw` fits `kind`, `_NOTHING` where nothing does."""
    whole = _decoded(raw, kind)
    if whole is not _NOTHING:
        return whole
    return next((found for arm in _arms(kind) if (found := _salvage_arm(arm, raw)) is not _NOTHING), _NOTHING)


def _salvage_arm(arm: Any, raw: Raw) -> Any:
    if isinstance(arm, type) and issubclass(arm, msgspec.Struct):
        return _salvage_struct(arm, raw)
    if typing.get_origin(arm) is list:
        return _salvage_list(typing.get_args(arm)[0], raw)
    if arm is int or arm == Count:
        return _salvage_int(arm, raw)
    return _NOTHING


def _salvage_struct(kind: type[msgspec.Struct], raw: Raw) -> Any:
    members = _decoded(raw, _OBJECT)
    if members is _NOTHING:
        return _NOTHING
    found: dict[str, Any] = {}
    for name, wire_name, field_type in _fields(kind):
        if wire_name in members:
            item = _salvage(field_type, members[wire_name])
            if item is not _NOTHING:
                found[name] = item
    return kind(**found)


def _salvage_list(kind: Any, raw: Raw) -> Any:
    items = _decoded(raw, _ARRAY)
    if items is _NOTHING:
        return _NOTHING
    return [found for item in items if (found := _salvage(kind, item)) is not _NOTHING]


def _salvage_int(kind: Any, raw: Raw) -> Any:
    """An integer that was written as a float (`12.0`), as some servers do."""
    number = _decoded(raw, float)
    if number is _NOTHING or not number.is_integer():
        return _NOTHING
    try:
        return msgspec.convert(int(number), kind)
    except _REFUSALS:
        return _NOTHING


def _decoded(raw: Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except _REFUSALS:
        return _NOTHING


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    return tuple((field.name, field.encode_name, field.type) for field in msgspec.structs.fields(kind))


@functools.cache
def _arms(kind: Any) -> tuple[Any, ...]:
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        return typing.get_args(kind)
    return (kind,)


def _mended(data: bytes) -> bytes | None:
    """`data` as strict JSON, where only a laxer reader takes it: lone surrogates, bytes that are not UTF-8, NaN.

    SDKs read with the standard library, which lets these pass; a body cut short is not worth the second look.
    """
    if data.rstrip()[-1:] not in (b"}", b"]", b'"'):
        return None
    try:
        lax = json.loads(data.decode("utf-8", "replace"), parse_constant=_null, parse_float=_finite)
        return json.dumps(lax, ensure_ascii=False).encode("utf-8", "replace")
    except _REFUSALS:
        return None


def _null(_name: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def texts(items: Iterable[Any], pick: Callable[[Any], Any]) -> list[str]:
    """The non-empty strings that `pick` finds in the objects among `items`."""
    found = (pick(item) for item in items if isinstance(item, dict))
    return [text for text in found if isinstance(text, str) and text]


def end_of_last(body: bytes, items: list[Raw] | None) -> int:
    """The offset in `body` just behind the last of `items`, which were read from it; 0 where there is none."""
    if not items:
        return 0
    last = memoryview(items[-1])
    start = body.rfind(last)
    return start + last.nbytes if start >= 0 else 0
