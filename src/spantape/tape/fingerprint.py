"""The fingerprint of a run: a sha256 chain over what its steps did and its draws gave, without times and ids.

The same behaviour has the same fingerprint on any machine. `vectors/tape/README.md` specifies it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import jcs  # type: ignore[import-untyped]  # it ships no types
import msgspec

from spantape._spans import names
from spantape.tape.model import Draw, ExchangeStep, Step

START: Final = hashlib.sha256(b"spantape.fingerprint.v1").digest()

_MAX_SAFE: Final = (1 << 53) - 1
_MAX_DEPTH: Final = 100

_sorted = msgspec.json.Encoder(order="sorted")


def fingerprint(steps: Iterable[Step], draws: Iterable[Draw] = ()) -> str:
    """The fingerprint of `steps` and `draws`, each in their order, as 64 lowercase hex digits."""
    chain = START
    for recorded in _merged(steps, draws):
        chain = hashlib.sha256(chain + _canonical_descriptor(descriptor(recorded))).digest()
    return chain.hex()


def _canonical_descriptor(described: dict[str, Any]) -> bytes:
    """`canonical(described)`, told fast where nothing in it has to be escaped: text, small integers and null."""
    status = described.get("status")
    if status is None or (type(status) is int and 0 <= status <= _MAX_SAFE):
        with contextlib.suppress(UnicodeEncodeError, TypeError):
            plain = _sorted.encode(described)
            if plain.isascii() and b"\\" not in plain:
                return plain
    return canonical(described)


def _merged(steps: Iterable[Step], draws: Iterable[Draw]) -> Iterator[Step | Draw]:
    """Steps and draws in the one order in which they began."""
    waiting = deque(draws)
    for index, step in enumerate(steps):
        while waiting and waiting[0].before <= index:
            yield waiting.popleft()
        yield step
    yield from waiting


def descriptor(step: Step | Draw) -> dict[str, Any]:
    """What of a step or a draw the fingerprint covers, as a JSON object."""
    if isinstance(step, Draw):
        value = json_digest(step.span.attributes.get(names.DRAW_VALUE))
        return {"kind": "draw", "source": step.source, "value": value}
    error = step.error.type if step.error else None
    if isinstance(step, ExchangeStep):
        return {
            "kind": "exchange",
            "method": step.method,
            "path": path_of(step.url),
            "request": step.request_digest or None,
            "status": step.status,
            "response": step.response_digest or None,
            "end": step.end,
            "error": error,
        }
    attributes = step.span.attributes
    return {
        "kind": step.kind,
        "name": step.name,
        "arguments": json_digest(attributes.get(names.ARGUMENTS)),
        "result": json_digest(attributes.get(names.RESULT)),
        "error": error,
    }


def path_of(url: str) -> str:
    """Path and query of `url` as they were recorded, without scheme and host; "/" for an empty path."""
    _, separator, rest = url.partition("://")
    if not separator:
        return url
    for index, character in enumerate(rest):
        if character == "/":
            return rest[index:]
        if character in "?#":
            return "/" + rest[index:]
    return "/"


def json_digest(text: object) -> str | None:
    """The sha256 of a JSON text's canonical form, None for no text.

    A text that is not JSON, or nested deeper than 100 levels, is digested as it is.
    """
    if not isinstance(text, str):
        return None
    try:
        value = parse_json(text)
        data = text.encode("utf-8", "surrogatepass") if _deep(value) else canonical(value)
    except (ValueError, RecursionError):
        data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()


def parse_json(text: str) -> Any:
    """The value of a JSON text; NaN and the infinities are accepted as Python's `json` writes them.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: it is nested too deep to be read.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return json.loads(text)


def canonical(value: Any) -> bytes:
    """`value` in the JSON Canonicalization Scheme, made total.

    What JCS cannot say is replaced first: NaN and the infinities by `{"spantape.float": "NaN" | "Infinity" |
    "-Infinity"}`, integers beyond ±(2^53 - 1) by `{"spantape.int": "<decimal>"}`, a lone surrogate by the six
    characters of its escape.

    See: RFC 8785
    """
    try:
        canonicalized: bytes = jcs.canonicalize(_expressible(value))
    except UnicodeEncodeError:
        canonicalized = jcs.canonicalize(_expressible(_escape_surrogates(value)))
    return canonicalized


def _expressible(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _expressible(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_expressible(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"spantape.float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_SAFE:
        return {"spantape.int": _decimal(value)}
    return value


def _decimal(value: int) -> str:
    # str() refuses ints past 4300 digits (CVE-2020-10735); hex has no such cost
    return str(value) if value.bit_length() < 10_000 else hex(value)


def _escape_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escape_surrogates(key): _escape_surrogates(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_escape_surrogates(member) for member in value]
    return value


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [member for outer in level if isinstance(outer, dict | list) for member in _members(outer)]
        if not level:
            return False
    return True


def _members(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    members = value.values() if isinstance(value, dict) else value
    return (member for member in members if isinstance(member, dict | list))
