"""JSON values as lines of text, and the names that ids get in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from spantape.tape.fingerprint import parse_json

_ID_KEY: Final = re.compile(r"(?:^|[._-])(?:id|fingerprint|obfuscation)$|[a-z]I[Dd]$")
_TIME_KEY: Final = re.compile(
    r"^(?:created|created_at|completed_at|createTime|timestamp|.*_duration|latencyMs|expires_at)$"
)
_RANDOM: Final = re.compile(
    r"[A-Za-z]{1,12}[-_][A-Za-z0-9_-]{8,}"  # chatcmpl-…, call_…, msg_…, resp_…, toolu_…
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?=[A-Za-z]*[0-9])[A-Za-z0-9_-]{16,}"
)
_HOME: Final = re.compile(r"(?<![\w.])(?:/home|/Users)/[^/\s\"'\\]+")
_LONG: Final = 400
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_=-]+")


class Names:
    """The ids of one tape, numbered in order of appearance; the same id has the same number everywhere."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def learn(self, value: Any, key: str = "") -> None:
        """Number what looks random in `value`, which a server made, and stands there under an id's name."""
        if isinstance(value, dict):
            for name, inner in value.items():
                self.learn(inner, name)
        elif isinstance(value, list | tuple):
            for inner in value:
                self.learn(inner, key)
        elif isinstance(value, str) and _ID_KEY.search(key) and _RANDOM.fullmatch(value):
            self._numbers.setdefault(value, f"<id {len(self._numbers) + 1}>")

    def settled(self, value: Any, *, made: bool, key: str = "") -> Any:
        """`value` with the ids that were learned as their numbers and, where a server `made` it, times left out.

        What a program said stays as it is otherwise.
        """
        if isinstance(value, dict):
            return {
                self._text(name): self.settled(inner, made=made, key=name) for name, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.settled(inner, made=made, key=key) for inner in value]
        if made and _TIME_KEY.match(key) and isinstance(value, int | float | str):
            return "<time>"
        return self._text(value) if isinstance(value, str) else value

    def _text(self, value: str) -> str:
        known = self._numbers.get(value)
        return _HOME.sub("~", value) if known is None else known


def json_of(body: bytes) -> Any:
    """The JSON value of a body, else its text, else what is left of bytes that are neither: size and digest."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"<{len(body)} bytes, sha256 {sha256(body).hexdigest()}>"
    try:
        return parse_json(text)
    except (ValueError, RecursionError):
        return text


def fields(path: str, value: Any) -> Iterator[str]:
    """The fields of a JSON value, a line each; a text of several lines is told in lines of its own, behind its name."""
    stack = [(path, value)]
    while stack:
        at, inner = stack.pop()
        if isinstance(inner, dict) and inner:
            stack += [(_below(at, key), member) for key, member in reversed(inner.items())]
        elif isinstance(inner, list) and inner and not _is_numbers(inner):
            stack += [(f"{at}[{index}]", inner[index]) for index in range(len(inner) - 1, -1, -1)]
        elif isinstance(inner, str):
            yield from _text(at, inner)
        elif inner != {}:
            yield f"{at}: {_scalar(inner)}"


def _below(path: str, key: str) -> str:
    name = key if re.fullmatch(r"[\w-]+", key) else json.dumps(key, ensure_ascii=False)
    return f"{path}.{name}" if path else name


def _is_numbers(value: list[Any]) -> bool:
    return len(value) > 16 and all(isinstance(each, int | float) for each in value)


def _scalar(value: Any) -> str:
    """A value that is no text in a line; a long vector as its length and digest."""
    written = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and value:
        return f"<{len(value)} numbers, sha256 {sha256(written.encode()).hexdigest()[:16]}>"
    return written


def _text(path: str, text: str) -> Iterator[str]:
    if len(text) > _LONG and _BASE64.fullmatch(text):
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        yield f"{path}: <{len(text)} characters of base64, sha256 {digest}>"
    elif "\n" not in text:
        yield f"{path}: {json.dumps(text, ensure_ascii=False)}"
    else:
        yield f"{path}:"
        yield from (f"  | {line}".rstrip() for line in text.split("\n"))
