"""Readers of single values: numbers, texts, times, enums, literals, numpy."""

from __future__ import annotations

import datetime as dt
import enum
import types
from typing import Any, Final

import msgspec

from spantape._model import Json
from spantape._values import _markers as marks
from spantape._values._place import type_name
from spantape._values._plain import Reader, plain, unfit
from spantape._values._write import write


def same_json(one: Json, other: Json) -> bool:
    """Whether two JSON values are the same text, keys in any order; 1, 1.0 and true are three values."""
    encode = msgspec.json.encode
    return encode(one, order="deterministic") == encode(other, order="deterministic")


def literal_reader(hint: Any, members: tuple[Any, ...]) -> Reader:
    """The reader of `Literal[members]`."""
    written = [(write(member), member) for member in members]

    def read(data: Json) -> Any:
        for form, member in written:
            if same_json(form, data):
                return member
        raise unfit(data, hint)

    return read


def enum_reader(cls: type[enum.Enum]) -> Reader:
    """The reader of an Enum or Flag: by value, or by name for a member whose value has no JSON form."""
    written = [(write(member), member) for member in cls.__members__.values()]

    def read(data: Json) -> Any:
        for form, member in written:
            if same_json(form, data):
                return member
        if issubclass(cls, enum.Flag) and type(data) is int:
            return _flag(cls, data)
        raise unfit(data, f"a member of {type_name(cls)}")

    return read


def _flag(cls: type[enum.Flag], data: int) -> Any:
    try:
        return cls(data)
    except ValueError as error:
        raise unfit(data, cls) from error


def iso_reader(cls: Any) -> Reader:
    """The reader of a datetime, date or time class."""

    def read(data: Json) -> Any:
        try:
            value = cls.fromisoformat(data)
        except (TypeError, ValueError) as error:
            raise unfit(data, cls) from error
        if value.isoformat() != data:  # a date alone is no datetime, though fromisoformat takes it
            raise unfit(data, cls)
        return value

    return read


def called_reader(cls: Any, base: type) -> Reader:
    """The reader that calls `cls` with the `base` that was written."""
    scalar = SCALARS[base]

    def read(data: Json) -> Any:
        value = scalar(data)
        try:
            return cls(value)
        except Exception as error:
            raise unfit(data, cls) from error

    return read


def unknown_class_reader(cls: type) -> Reader:
    """The reader of a class derived from a scalar; of any other class nothing is known, and JSON stays plain."""
    for base in (str, int, float, complex, bytes):
        if issubclass(cls, base):
            return called_reader(cls, base)
    return plain


def numpy_reader(cls: Any) -> Reader:
    """The reader of a numpy array or scalar class; an abstract one (`np.floating`) takes what an array holds."""

    def read(data: Json) -> Any:
        value = marks.unmark(data)
        try:
            if marks.marker_of(data) != marks.ARRAY:
                value = cls(value)
            elif cls.__name__ != "ndarray":
                value = value[()]
        except Exception as error:
            raise unfit(data, cls) from error
        if isinstance(value, cls):
            return value
        raise unfit(data, cls)

    return read


def _of(*accepted: type) -> Reader:
    """The reader of values that stand as themselves or under a marker."""

    def read(data: Json) -> Any:
        value = marks.unmark(data)
        if isinstance(value, accepted):
            return value
        raise unfit(data, accepted[0])

    return read


def _read_none(data: Json) -> None:
    if data is not None:
        raise unfit(data, "None")


def _read_duration(data: Json) -> Any:
    try:
        return msgspec.convert(data, dt.timedelta)
    except msgspec.ValidationError as error:
        raise unfit(data, dt.timedelta) from error


SCALARS: Final[dict[type, Reader]] = {
    types.NoneType: _read_none,
    bool: _of(bool),
    int: _of(int),
    float: _of(float, int),
    complex: _of(complex, float, int),
    str: _of(str),
    bytes: _of(bytes),
    dt.timedelta: _read_duration,
}
SCALARS[bytearray] = called_reader(bytearray, bytes)
SCALARS[memoryview] = called_reader(memoryview, bytes)
