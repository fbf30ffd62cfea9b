"""Readers of lists, tuples, sets and mappings, given the readers of what they hold."""

from __future__ import annotations

import collections
from collections import abc
from collections.abc import Callable
from typing import Any, Final

from spantape._model import Json
from spantape._values._plain import Reader, plain, read_items, read_mapping, read_under, unfit

_ABSTRACT: Final[dict[Any, type]] = {
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
    abc.Iterable: list,
    abc.Reversible: list,
    abc.Container: list,
    abc.Set: set,
    abc.MutableSet: set,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
}
"""What an abstract annotation is read as: the class that functions so annotated mostly return."""


def container_reader(
    origin: type, arguments: tuple[Any, ...], reader_of: Callable[[Any], Reader]
) -> Reader | None:
    """The reader of the container class `origin[arguments]`, or None where it is no container."""
    cls = _ABSTRACT.get(origin, origin)
    if issubclass(cls, tuple):
        return _tuple_reader(cls, arguments, reader_of)
    if issubclass(cls, (list, set, frozenset, collections.deque)):
        return _items_reader(cls, reader_of(arguments[0]) if arguments else plain)
    if issubclass(cls, dict):
        return _mapping_reader(cls, arguments, reader_of)
    return None


def _items_reader(cls: Any, reader: Reader) -> Reader:
    def read(data: Json) -> Any:
        if type(data) is not list:
            raise unfit(data, cls)
        items = read_items(reader, data)
        return items if cls is list else _build(cls, items, data)

    return read


def _tuple_reader(cls: Any, arguments: tuple[Any, ...], reader_of: Callable[[Any], Reader]) -> Reader:
    if not arguments or arguments[-1] is Ellipsis:
        return _items_reader(cls, reader_of(arguments[0]) if arguments else plain)
    readers = [(f"[{index}]", reader_of(argument)) for index, argument in enumerate(arguments)]

    def read(data: Json) -> Any:
        if type(data) is not list or len(data) != len(readers):
            raise unfit(data, f"a tuple of {len(readers)}")
        items = [read_under(step, reader, item) for (step, reader), item in zip(readers, data, strict=True)]
        return _build(cls, items, data)

    return read


def _mapping_reader(cls: Any, arguments: tuple[Any, ...], reader_of: Callable[[Any], Reader]) -> Reader:
    if issubclass(cls, collections.Counter):
        arguments = (*arguments[:1], int)
    key_reader, reader = (
        [reader_of(argument) for argument in arguments] if len(arguments) == 2 else [plain, plain]
    )

    def read(data: Json) -> Any:
        items = read_mapping(key_reader, reader, data)
        if issubclass(cls, collections.defaultdict):
            return _build(lambda content: cls(None, content), items, data)
        return items if cls is dict else _build(cls, items, data)

    return read


def _build(cls: Callable[[Any], Any], content: Any, data: Json) -> Any:
    try:
        return cls(content)
    except Exception as error:
        raise unfit(data, cls) from error
