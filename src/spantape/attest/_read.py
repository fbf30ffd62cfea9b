"""Documents of others read: bounded, strict JSON in, typed values out, errors that name the member."""

from __future__ import annotations

import json
import re
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from spantape.errors import EvidenceError, SchemaViolation

T = TypeVar("T")

_PLACE: Final = re.compile(r"(?s)(?P<reason>.*?)(?: - at `\$\.?(?P<place>.*)`)?\Z")
_LONGEST: Final = 200
_MEMBER: Final = re.compile(r"Object (?:missing required|contains unknown) field `(?P<member>.*)`\Z")


def read_bytes(path: str | PathLike[str], *, what: str, largest: int) -> bytes:
    """The bytes of a file of at most `largest`.

    Raises:
        EvidenceError: it cannot be read.
        SchemaViolation: it is larger.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(largest + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise EvidenceError(f"cannot be read: {reason}", what=what, path=path) from error
    _refuse_large(data, what, path, largest)
    return data


def decoded(data: bytes, kind: type[T], *, what: str, path: str | PathLike[str] | None, largest: int) -> T:
    """The value of type `kind` that a JSON text states.

    Raises:
        SchemaViolation: the text is too large, is not JSON, has a member twice, or is not of that type.
    """
    _refuse_large(data, what, path, largest)
    try:
        value = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_each_once)  # msgspec takes the last of two members with one name
    except msgspec.ValidationError as error:
        raise _violation(str(error), what, path) from error
    except RecursionError as error:
        raise SchemaViolation("the JSON is nested too deep to be read", what=what, path=path) from error
    except ValueError as error:  # of JSON, of UTF-8, of a member that comes twice
        raise SchemaViolation(f"not the JSON text it should be: {error}", what=what, path=path) from error
    return value


def _refuse_large(data: bytes, what: str, path: str | PathLike[str] | None, largest: int) -> None:
    if len(data) > largest:
        raise SchemaViolation(f"is larger than {largest:,} bytes, refused", what=what, path=path)


def _violation(message: str, what: str, path: str | PathLike[str] | None) -> SchemaViolation:
    found = _PLACE.match(message)
    reason, place = (found["reason"], found["place"]) if found else (message, None)
    member = _MEMBER.match(reason)
    field = ".".join(part for part in (place, member and member["member"]) if part)
    return SchemaViolation(_shown(reason), what=what, path=path, field=_shown(field) or None)


def _shown(text: str) -> str:
    """`text` cut where a hostile document would fill the screen."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice[:80]!r} comes twice")
    return members
