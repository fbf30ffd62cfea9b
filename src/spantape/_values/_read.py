"""JSON → Python values, by annotation: which reader an annotation gets."""

from __future__ import annotations

import datetime as dt
import enum
import pathlib
import types
import typing
from collections import abc
from typing import Any, Final, Literal, Union

from spantape._model import Json
from spantape._values._containers import container_reader
from spantape._values._hints import strip
from spantape._values._kinds import is_numpy, is_pydantic, is_text, record_fields
from spantape._values._place import Unfit
from spantape._values._plain import Reader, plain, unfit
from spantape._values._records import pydantic_reader, record_reader
from spantape._values._scalars import (
    SCALARS,
    called_reader,
    enum_reader,
    iso_reader,
    literal_reader,
    numpy_reader,
    same_json,
    unknown_class_reader,
)
from spantape._values._write import write


def from_json(data: Json, annotation: Any = Any, *, place: str = "result") -> Any:
    """The value that `to_json` made `data` of, as the type that `annotation` (resolved, not a string) says.

    Of a union it is the member that writes back to the same JSON. Records (dataclasses, Structs, NamedTuples) are
    built by their constructor and then hold the recorded fields, also those that it would have computed anew. An
    int stands for a float and a bool for an int where it was recorded so. Without an annotation, and for classes
    of which nothing is known, it is plain JSON data, with bytes, odd floats and odd keys as they were. Nothing of
    `data` is shared with the value.

    Raises:
        UsageError: `data` is not of the annotated type, or its class refuses it; the message names the place.
    """
    try:
        return _cached_reader(annotation)(data)
    except Unfit as error:
        raise error.usage_error(place) from error.__cause__
    except RecursionError:
        raise Unfit("nested too deeply to be read").usage_error(place) from None
    except Exception as error:
        reason = (
            f"it cannot be read back: {type(error).__name__}: {error}"  # a user's __hash__, a property, …
        )
        raise Unfit(reason).usage_error(place) from error


_CACHE: Final[dict[int, tuple[Any, Reader]]] = {}
_CACHE_SIZE: Final = 512


def _cached_reader(annotation: Any) -> Reader:
    """`reader_of`, remembered by identity: `A | B` equals `B | A`, but is read in another order."""
    entry = _CACHE.get(id(annotation))
    if entry is not None and entry[0] is annotation:
        return entry[1]
    if len(_CACHE) >= _CACHE_SIZE:
        _CACHE.clear()
    reader = reader_of(annotation)
    _CACHE[id(annotation)] = (annotation, reader)
    return reader


def reader_of(annotation: Any) -> Reader:
    """The reader of `annotation`; where nothing is known of it, that of plain JSON."""
    hint = strip(annotation)
    origin = typing.get_origin(hint)
    if origin is not None:
        return _generic_reader(hint, origin, typing.get_args(hint))
    if isinstance(hint, type):
        return _class_reader(hint)
    return _alias_reader(hint) if hasattr(hint, "__value__") else plain


def _generic_reader(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Reader:  # noqa: PLR0911 - a table of kinds
    if origin is Literal:
        return literal_reader(hint, arguments)
    if origin in (Union, types.UnionType):
        return _union_reader(hint, arguments)
    if hasattr(origin, "__value__"):
        return _alias_reader(hint)
    if not isinstance(origin, type):
        return plain
    if _is_record(origin):
        return record_reader(origin, arguments, reader_of)
    if is_numpy(origin):
        return numpy_reader(origin)
    return container_reader(origin, arguments, reader_of) or plain


def _alias_reader(hint: Any) -> Reader:
    """The reader of a `type` statement's alias: looked up when first used, since it may name itself."""
    found: list[Reader] = []

    def read(data: Json) -> Any:
        if not found:
            found.append(reader_of(hint.__value__))
        return found[0](data)

    return read


_CLASS_READERS: Final[dict[type, Reader]] = {}


def _class_reader(cls: type) -> Reader:
    reader = SCALARS.get(cls) or _CLASS_READERS.get(cls)
    if reader is None:
        if len(_CLASS_READERS) >= _CACHE_SIZE:  # classes made at run time must not pile up
            _CLASS_READERS.clear()
        reader = _CLASS_READERS[cls] = _find_class_reader(cls)
    return reader


def _find_class_reader(cls: type) -> Reader:  # noqa: PLR0911 - a table of kinds
    if issubclass(cls, enum.Enum):
        return enum_reader(cls)
    if is_numpy(cls):
        return numpy_reader(cls)
    if is_pydantic(cls):
        return pydantic_reader(cls)
    if _is_record(cls):
        return record_reader(cls, (), reader_of)
    if is_text(cls):
        return called_reader(cls, str)
    if issubclass(cls, (dt.date, dt.time)):
        return iso_reader(cls)
    return container_reader(cls, (), reader_of) or unknown_class_reader(cls)


def _is_record(cls: type) -> bool:
    return record_fields(cls) is not None or typing.is_typeddict(cls)


def _union_reader(hint: Any, members: tuple[Any, ...]) -> Reader:
    rest = [member for member in members if member is not types.NoneType]
    readers = [reader_of(member) for member in sorted(rest, key=_vagueness)]
    optional = len(rest) < len(members)

    def read(data: Json) -> Any:
        if data is None and optional:
            return None
        return readers[0](data) if len(readers) == 1 else _first_fit(readers, data, hint)

    return read


_VAGUE: Final[frozenset[Any]] = frozenset({str, dict, abc.Mapping, abc.MutableMapping})


def _vagueness(member: Any) -> int:
    """How much else a member's reader would take: a text may be a date, a date is never any text."""
    hint = strip(member)
    origin = typing.get_origin(hint) or hint
    if reader_of(hint) is plain:
        return 3
    if isinstance(origin, type) and issubclass(origin, pathlib.PurePath):
        return 2
    return 1 if isinstance(origin, type) and origin in _VAGUE else 0


def _first_fit(readers: list[Reader], data: Json, hint: Any) -> Any:
    """The first reading that writes back to `data`, else the first at all."""
    fits: list[Any] = []
    for reader in readers:
        try:
            fits.append(reader(data))
            if same_json(write(fits[-1]), data):
                return fits[-1]
        except Unfit:
            continue
    if not fits:
        raise unfit(data, hint)
    return fits[0]
