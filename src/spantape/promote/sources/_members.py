"""Members of other tools' JSON, read with their place: what has a wrong type is an error that names it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from spantape._spans import names
from spantape.promote.sources._base import SourceDamaged
from spantape.promote.sources.otlp_json import hex_id
from spantape.tape.model import Value

_INTEGERS: Final = frozenset(
    {
        names.FORMAT,
        names.STEP,
        names.HTTP_STATUS,
        names.REQUEST_SIZE,
        names.RESPONSE_SIZE,
        names.BASE_PREFIX,
        names.BASE_SUFFIX,
        names.MESSAGES_BEFORE,
        names.SERVER_PORT,
    }
)
_STRINGS: Final = frozenset(
    {names.CUT, names.REDACTED, names.REQUEST_KNOWN, "gen_ai.response.finish_reasons"}
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def text(holder: Mapping[str, Any], key: str, default: str = "") -> str:
    """The text at `key`, `default` where there is none (or null).

    Raises:
        SourceDamaged: something else is there.
    """
    value = holder.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise SourceDamaged(f"got {key} {value!r:.60}, expected text")
    return value


def items(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of the array at `key`, none where there is none.

    Raises:
        SourceDamaged: something else is there.
    """
    value = holder.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(member, dict) for member in value):
        raise SourceDamaged(f"got {key} {value!r:.60}, expected an array of objects")
    return value


def an_object(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object at `key`, an empty one where there is none.

    Raises:
        SourceDamaged: something else is there.
    """
    value = holder.get(key)
    if value is not None and not isinstance(value, dict):
        raise SourceDamaged(f"got {key} {value!r:.60}, expected an object")
    return value or {}


def an_id(holder: Mapping[str, Any], key: str, size: int) -> str:
    """The id at `key`: hex (also without its leading zeros) or base64, "" for none."""
    given = text(holder, key)
    is_short_hex = len(given) < 2 * size and all(digit in "0123456789abcdefABCDEF" for digit in given)
    return hex_id(given.zfill(2 * size) if given and is_short_hex else given, size)


def integer(holder: Mapping[str, Any], key: str) -> int:
    """The integer at `key`, also where it is text or a whole float; 0 for none.

    Raises:
        SourceDamaged: something else is there.
    """
    value = holder.get(key)
    try:
        return 0 if value is None else int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceDamaged(f"got {key} {value!r:.60}, expected an integer") from error


def time_ns(holder: Mapping[str, Any], key: str) -> int:
    """The ISO 8601 time at `key` in nanoseconds since the epoch (UTC where it names no zone), 0 for none.

    Raises:
        SourceDamaged: something else is there.
    """
    given = text(holder, key)
    if not given:
        return 0
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise SourceDamaged(f"got {key} {given!r:.60}, expected an ISO 8601 time") from error
    gone = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return ((gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds) * 1000


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects as dotted names, and arrays of objects too, with their numbers."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = list(reversed(list(attributes.items())))
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting.extend((f"{name}.{key}", member) for key, member in reversed(list(value.items())))
        elif isinstance(value, list) and any(isinstance(member, dict) for member in value):
            waiting.extend((f"{name}.{number}", value[number]) for number in reversed(range(len(value))))
        elif value is not None:
            found[name] = value
    return found


def restored(attributes: Mapping[str, Any]) -> dict[str, Value]:
    """`attributes` whose types a backend lost on the way, as they were: numbers and lists that came as text."""
    return {name: _restored(name, value) for name, value in attributes.items()}


def _restored(name: str, value: Any) -> Value:
    if name in _INTEGERS and isinstance(value, str | float):
        number = float(value) if isinstance(value, float) else int(value) if value.isdecimal() else None
        return int(number) if number is not None and number == int(number) else value
    if name in _STRINGS and isinstance(value, str):
        return _listed(value)
    if isinstance(value, list):
        return tuple(_restored("", member) for member in value)
    found: Value = value
    return found


def _listed(value: str) -> Value:
    try:
        members = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return tuple(members) if isinstance(members, list) else value


def from_base64(value: str) -> bytes:
    """The bytes of a base64 text.

    Raises:
        SourceDamaged: it is none.
    """
    try:
        return b64decode(value, validate=True)
    except ValueError as error:
        raise SourceDamaged(f"got {value!r:.60}, expected base64") from error
