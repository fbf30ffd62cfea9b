"""Which classes are records (a fixed set of named fields), and which are written as their text."""

from __future__ import annotations

import dataclasses
import pathlib
import uuid
from typing import Any, Final

import msgspec

_TEXT_NAMES: Final = frozenset(
    {
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress.IPv4Address",
        "ipaddress.IPv4Interface",
        "ipaddress.IPv4Network",
        "ipaddress.IPv6Address",
        "ipaddress.IPv6Interface",
        "ipaddress.IPv6Network",
        "zoneinfo.ZoneInfo",
    }
)
"""Classes with `cls(str(value)) == value`, by name, so that asking does not import them."""


def is_text(cls: type) -> bool:
    """Whether values of `cls` are written as `str(value)` and read back by calling it."""
    if issubclass(cls, (uuid.UUID, pathlib.PurePath)):
        return True
    return any(f"{base.__module__}.{base.__qualname__}" in _TEXT_NAMES for base in cls.__mro__)


def is_pydantic(cls: type) -> bool:
    """Whether `cls` is a pydantic (v2) model, without importing pydantic."""
    return hasattr(cls, "model_dump") and hasattr(cls, "model_validate_json")


def is_struct(cls: type) -> bool:
    """Whether `cls` is a msgspec Struct."""
    return issubclass(cls, msgspec.Struct)


def is_named_tuple(cls: type) -> bool:
    """Whether `cls` is a NamedTuple, typed or not."""
    return issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def is_numpy(cls: type) -> bool:
    """Whether `cls` is a numpy array or scalar class, without importing numpy."""
    return any(base.__module__ == "numpy" and base.__name__ in ("ndarray", "generic") for base in cls.__mro__)


def record_fields(cls: Any) -> tuple[str, ...] | None:
    """The field names of a dataclass, Struct or NamedTuple class, in order; None for any other class."""
    if dataclasses.is_dataclass(cls):
        return tuple(field.name for field in dataclasses.fields(cls))
    if is_struct(cls):
        return tuple(cls.__struct_fields__)
    if is_named_tuple(cls):
        return tuple(cls._fields)
    return None
