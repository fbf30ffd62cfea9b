"""Reading JSON: what every reader shares, and the reading of values of which nothing is annotated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from spantape._model import Json
from spantape._values import _markers as marks
from spantape._values._place import Unfit, key_step, short, type_name

Reader = Callable[[Json], Any]
"""A function from JSON to a value; it raises `Unfit` where the JSON is not of its type."""


def unfit(data: Json, expected: object) -> Unfit:
    """The error for `data` where `expected` (a type, or words) should stand."""
    words = expected if isinstance(expected, str) else type_name(expected)
    return Unfit(f"got {short(data)}, expected {words}")


def plain(data: Json) -> Any:
    """A fresh copy of `data`, with what is marked as the value that it marks."""
    if type(data) is list:
        return read_items(plain, data)
    if type(data) is not dict:
        return data
    marker = marks.marker_of(data)
    if marker == marks.MAP:
        return read_mapping(plain, plain, data)
    return (
        {key: read_under(key_step(key), plain, item) for key, item in data.items()}
        if marker is None
        else marks.unmark(data)
    )


def read_under(step: str, reader: Reader, item: Json) -> Any:
    """The value of `item`, with `step` in the place of an error."""
    try:
        return reader(item)
    except Unfit as error:
        error.under(step)
        raise


def read_items(reader: Reader, items: list[Json]) -> list[Any]:
    """The values of `items`."""
    read: list[Any] = []
    try:
        for item in items:
            read.append(reader(item))  # noqa: PERF401 - its length is the place of an error
    except Unfit as error:
        error.under(f"[{len(read)}]")
        raise
    return read


def read_mapping(key_reader: Reader, reader: Reader, data: Json) -> dict[Any, Any]:
    """The mapping written as `data`: an object, or pairs under the `$map` marker."""
    try:
        return {key_reader(key): read_under(key_step(key), reader, item) for key, item in _pairs(data)}
    except TypeError as error:
        raise Unfit(f"a key has no hash: {error}") from error


def _pairs(data: Json) -> list[tuple[Json, Json]]:
    if type(data) is not dict:
        raise unfit(data, "an object")
    if marks.marker_of(data) != marks.MAP:
        return cast("list[tuple[Json, Json]]", list(data.items()))
    try:
        return [(key, item) for key, item in cast("list[tuple[Json, Json]]", data[marks.MAP])]
    except (TypeError, ValueError) as error:
        raise unfit(data, "pairs under $map") from error
