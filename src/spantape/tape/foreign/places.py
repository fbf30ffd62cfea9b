"""Foreign documents walked: every value knows its place, and a value of a wrong kind is an error that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from spantape.errors import TapeDamaged, TapeError

T = TypeVar("T")

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bytes: "bytes",
    bool: "a truth value",
    int: "an integer",
    float: "a number",
    type(None): "nothing",
}


class UnknownFormat(TapeError):
    """A file that is no recording of a format that is known here."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a foreign document, `at` its place (`interactions[3].request`) in the file `path`."""

    value: Any
    at: str
    path: str

    def __contains__(self, key: object) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> Place:
        """The member `key`, with the value None where it is absent or this is no object."""
        member = self.value.get(key) if isinstance(self.value, dict) else None
        return Place(member, f"{self.at}.{key}" if self.at else key, self.path)

    def items(self) -> Iterator[Place]:
        """The items of a list, none where there is none.

        Raises:
            TapeError: it is no list.
        """
        for index, item in enumerate(self.typed(list, [])):
            yield Place(item, f"{self.at}[{index}]", self.path)

    def typed(self, kind: type[T], default: T) -> T:
        """The value, which must be of `kind`; `default` where there is none.

        Raises:
            TapeError: it is of another kind.
        """
        if self.value is None:
            return default
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            raise self.wrong(_KINDS.get(kind, kind.__name__))
        return self.value

    def needed(self, kind: type[T]) -> T:
        """The value, which must be there and of `kind`.

        Raises:
            TapeError: it is not.
        """
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            raise self.wrong(_KINDS.get(kind, kind.__name__))
        return self.value

    def method(self) -> str:
        """The HTTP method, "" where there is none; some recorders spell it in lower case.

        Raises:
            TapeError: it is no text.
        """
        method = self.typed(str, "")
        return method.upper() if method.upper() in METHODS else method

    def wrong(self, expected: str) -> TapeError:
        """The error that this value is not what was `expected`."""
        got = _KINDS.get(type(self.value), type(self.value).__name__)
        shown = "" if self.value is None or isinstance(self.value, dict | list) else f" {self.value!r:.40}"
        return TapeError(f"got {got}{shown}, expected {expected}", path=self.path, field=self.at or None)

    def damaged(self, reason: str) -> TapeDamaged:
        """The error that what stands here cannot be right."""
        return TapeDamaged(reason, path=self.path, field=self.at or None)
