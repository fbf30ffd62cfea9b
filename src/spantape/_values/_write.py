"""Python values → JSON."""

from __future__ import annotations

import datetime as dt
import enum
import types
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec

from spantape._model import Json
from spantape._values import _markers as marks
from spantape._values._kinds import is_numpy, is_pydantic, is_text, record_fields
from spantape._values._place import Unfit, key_step, type_name

MAX_DEPTH: Final = 100
"""Containers within containers, beyond which a value is not written."""


def to_json(value: object, *, placeholders: bool = False, place: str = "result") -> Json:
    """The JSON form of `value`; `from_json` with its annotation gives the value back.

    Sets come out sorted by their JSON, so that the same set is the same text in every process. With
    `placeholders`, what has no JSON form (clients, callables, cycles) becomes a string such as
    `<httpx2.Client>` instead of an error. `place` is how a message calls the value.

    Raises:
        UsageError: something in it has no JSON form, refers back to itself, or lies deeper than
            `MAX_DEPTH`; the message names the place.
    """
    try:
        return _write(value, _Walk(placeholders))
    except Unfit as error:
        raise error.usage_error(place) from error.__cause__


def write(value: object) -> Json:
    """`to_json` for this package: an `Unfit` where the value has no JSON form."""
    return _write(value, _Walk(placeholders=False))


def placeholder(value: object) -> str:
    """A string that stands for an object, the same in every process: no address in it."""
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return f"<{value.__module__ or 'builtins'}.{value.__qualname__}>"
    if isinstance(value, types.MethodType):
        return placeholder(value.__func__)
    kind = type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"


class _Walk:
    """The containers that are being written, outermost first, and what to do with the unwritable."""

    __slots__ = ("active", "placeholders")

    def __init__(self, placeholders: bool) -> None:
        self.active: set[int] = set()
        self.placeholders = placeholders


_Writer = Callable[[Any, _Walk], Json]


def _write(value: Any, walk: _Walk) -> Json:  # noqa: PLR0911 - the frequent kinds first, without a look-up
    kind = type(value)
    if kind is str:
        return marks.mark_text(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return] # None or a bool, by the line above
    if kind is int:
        return marks.mark_int(value)
    if kind is float:
        return marks.mark_float(value)
    try:
        return _writer_of(kind)(value, walk)
    except Unfit:
        if walk.placeholders:
            return placeholder(value)
        raise
    except Exception as error:
        if walk.placeholders:
            return placeholder(value)
        raise Unfit(f"{type_name(kind)} cannot be written: {type(error).__name__}: {error}") from error


def _writer_of(kind: type) -> _Writer:
    writer = _EXACT.get(kind) or _FOUND.get(kind)
    if writer is None:
        writer = _FOUND[kind] = _find_writer(kind)
    return writer


def _find_writer(kind: type) -> _Writer:  # noqa: PLR0911 - a table of kinds
    if issubclass(kind, enum.Enum):
        return _write_enum
    if is_numpy(kind):
        return _write_numpy
    if is_pydantic(kind):
        return _inside(_write_pydantic)
    names = record_fields(kind)
    if names is not None:
        return _inside(_record_writer(names))
    if is_text(kind):
        return _write_text
    for base, writer in _BY_BASE:
        if issubclass(kind, base):
            return writer
    return _refuse


def _refuse(value: Any, _walk: _Walk) -> Json:
    raise Unfit(
        f"{type_name(type(value))} has no JSON form; give plain data, a dataclass or a pydantic model instead"
    )


def _inside(writer: _Writer) -> _Writer:
    """`writer` for a container: with cycles and bottomless nesting refused."""

    def write_container(value: Any, walk: _Walk) -> Json:
        mark, active = id(value), walk.active
        if mark in active:
            raise Unfit(f"this {type_name(type(value))} contains itself, and JSON has no cycles")
        if len(active) >= MAX_DEPTH:
            raise Unfit(f"nested deeper than {MAX_DEPTH} levels")
        active.add(mark)
        try:
            return writer(value, walk)
        finally:
            active.discard(mark)

    return write_container


def _write_list(value: Any, walk: _Walk) -> Json:
    written: list[Json] = []
    try:
        for item in value:
            written.append(_write(item, walk))  # noqa: PERF401 - its length is the place of an error
    except Unfit as error:
        error.under(f"[{len(written)}]")
        raise
    return written


def _write_set(value: Any, walk: _Walk) -> Json:
    return sorted((_write(item, walk) for item in value), key=msgspec.json.encode)


def _write_mapping(value: Any, walk: _Walk) -> Json:
    pairs: list[tuple[Json, Json]] = []
    for key, item in value.items():
        try:
            pairs.append((_write(key, walk), _write(item, walk)))
        except Unfit as error:
            error.under(key_step(key))
            raise
    written = {key: item for key, item in pairs if type(key) is str}
    if len(written) < len(pairs) or marks.marker_of(written):
        return {marks.MAP: [list(pair) for pair in pairs]}
    return written


def _record_writer(names: tuple[str, ...]) -> _Writer:
    def write_record(value: Any, walk: _Walk) -> Json:
        written: dict[str, Json] = {}
        for name in names:
            item = getattr(value, name, msgspec.UNSET)
            if item is msgspec.UNSET:
                continue
            try:
                written[name] = _write(item, walk)
            except Unfit as error:
                error.under(f".{name}")
                raise
        return written

    return write_record


def _write_pydantic(value: Any, walk: _Walk) -> Json:
    dumped = value.model_dump(mode="json", by_alias=False, round_trip=True, warnings=False)
    return _write(dumped, walk)


def _write_enum(value: Any, walk: _Walk) -> Json:
    try:
        return _write(value.value, _Walk(placeholders=False))
    except Unfit:
        return _write(value.name, walk)


def _write_numpy(value: Any, walk: _Walk) -> Json:
    if value.shape or value.dtype.kind in "mM" or type(value).__name__ == "ndarray":
        return marks.mark_array(value)
    return _write(value.item(), walk)


def _write_text(value: Any, _walk: _Walk) -> Json:
    return marks.mark_text(str(value))


def _write_iso(value: Any, _walk: _Walk) -> Json:
    return value.isoformat()  # type: ignore[no-any-return] # a datetime, date or time: text


def _write_duration(value: Any, _walk: _Walk) -> Json:
    return msgspec.to_builtins(value)  # type: ignore[no-any-return] # an ISO 8601 duration: text


def _base_writer(base: Callable[[Any], Any], writer: Callable[[Any], Json]) -> _Writer:
    return lambda value, _walk: writer(base(value))


_EXACT: Final[dict[type, _Writer]] = {
    list: _inside(_write_list),
    tuple: _inside(_write_list),
    dict: _inside(_write_mapping),
    set: _inside(_write_set),
    frozenset: _inside(_write_set),
    bytes: lambda value, _walk: marks.mark_bytes(value),
}
_BY_BASE: Final[tuple[tuple[type, _Writer], ...]] = (
    (str, _base_writer(str.__str__, marks.mark_text)),
    (int, _base_writer(int.__index__, marks.mark_int)),
    (float, _base_writer(float.__float__, marks.mark_float)),
    (complex, _base_writer(complex, marks.mark_complex)),
    (bytes, _base_writer(bytes, marks.mark_bytes)),
    (bytearray, _base_writer(bytes, marks.mark_bytes)),
    (memoryview, _base_writer(bytes, marks.mark_bytes)),
    (dt.date, _write_iso),
    (dt.time, _write_iso),
    (dt.timedelta, _write_duration),
    (list, _EXACT[list]),
    (tuple, _EXACT[tuple]),
    (deque, _EXACT[list]),
    (Mapping, _EXACT[dict]),
    (AbstractSet, _EXACT[set]),
)
_FOUND: WeakKeyDictionary[type, _Writer] = WeakKeyDictionary()
