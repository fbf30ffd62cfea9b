"""What members an object has and what each must be: the little language in which the schemas are written.

A check is called with a value and raises `Wrong` where that is not what it must be; objects add the member's name
on the way out, so that a value that is right costs no path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from spantape._fields import join
from spantape.errors import NotCanonical
from spantape.rerun._base64 import from_base64
from spantape.rerun.canonical import LARGEST_INTEGER, number_text, shortened
from spantape.rerun.embedding import embedding_refusal

Check = Callable[[Any], None]

_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
_KINDS: Final = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    dict: "an object",
    list: "an array",
}
_SHOWN: Final = 60  # characters of a value in a message


class Wrong(Exception):
    """A value is not what it must be; `path` is where, from the inside out."""

    def __init__(self, reason: str, *path: str | int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = list(path)

    @property
    def field(self) -> str | None:
        """The place as `steps[0].sampling.top_p`, None for the document itself."""
        path = ""
        for key in reversed(self.path):
            path = join(path, key)
        return shortened(path) or None


class Object:
    """An object with the `required` members, perhaps the `optional` ones, and no other."""

    __slots__ = ("_check_of", "_required", "_rule")

    def __init__(
        self,
        required: Mapping[str, Check],
        optional: Mapping[str, Check] | None = None,
        rule: Check | None = None,
    ) -> None:
        self._check_of = {**required, **(optional or {})}.get
        self._required = tuple(required)
        self._rule = rule

    def __call__(self, value: Any) -> None:
        """Check an object and all that is in it, then the `rule` that its members follow together."""
        if not isinstance(value, dict):
            raise expected("an object", value)
        check_of = self._check_of
        name: Any = None
        try:
            for name, item in value.items():
                check_of(name, _unknown)(item)
        except Wrong as wrong:
            wrong.path.append(str(name))
            raise
        for name in self._required:
            if name not in value:
                raise Wrong("missing", name)
        if self._rule is not None:
            self._rule(value)


class Array:
    """An array of `item`s, not empty where `at_least_one`."""

    __slots__ = ("_at_least_one", "_item")

    def __init__(self, item: Check, *, at_least_one: bool = False) -> None:
        self._item = item
        self._at_least_one = at_least_one

    def __call__(self, value: Any) -> None:
        """Check an array and each of its items."""
        array(value)
        if self._at_least_one and not value:
            raise Wrong("expected at least one item, got an empty array")
        index = 0
        try:
            for index, item in enumerate(value):  # noqa: B007 - the place of what is refused
                self._item(item)
        except Wrong as wrong:
            wrong.path.append(index)
            raise


def one_of(*values: str) -> Check:
    """A check for a string that is one of `values`."""
    accepted = frozenset(values)
    told = " or ".join(f"'{value}'" for value in values)

    def check(value: Any) -> None:
        if not isinstance(value, str) or value not in accepted:
            raise expected(told, value)

    return check


def _unknown(_value: Any) -> None:
    raise Wrong("unknown member")


def anything(_value: Any) -> None:
    """Any JSON value; that it is one is seen when it is hashed."""


def string(value: Any) -> None:
    """A string, perhaps an empty one."""
    if not isinstance(value, str):
        raise expected("a string", value)


def number(value: Any) -> None:
    """A number that canonical JSON can write."""
    if type(value) is float and -1 < value < LARGEST_INTEGER:  # most are, and NaN is not
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise expected("a number", value)
    try:
        number_text(value)
    except NotCanonical as error:
        raise Wrong(error.reason) from error


def integer(value: Any) -> None:
    """A number without a fraction; `1.0` is one, since JSON has but one kind of number."""
    if type(value) is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return
    number(value)
    if isinstance(value, float) and not value.is_integer():
        raise expected("an integer", value)


def array(value: Any) -> None:
    """An array of anything."""
    if not isinstance(value, (list, tuple)):
        raise expected("an array", value)


def hash_string(value: Any) -> None:
    """`sha256:` and 64 lowercase hex digits."""
    if not isinstance(value, str) or _HASH.fullmatch(value) is None:
        raise expected("'sha256:' and 64 lowercase hex digits", value)


def embedding(value: Any) -> None:
    """The base64 of little-endian float32 values."""
    string(value)
    reason = embedding_refusal(value)
    if reason is not None:
        raise Wrong(reason)


def public_key(value: Any) -> None:
    """The base64 of the 32 bytes of a public key."""
    string(value)
    try:
        size = len(from_base64(value))
    except ValueError as error:
        raise Wrong(str(error)) from error
    if size != 32:
        raise Wrong(f"expected base64 of 32 bytes, got {size} bytes")


def strings(value: Any) -> None:
    """An object whose members, of any name, are strings."""
    if not isinstance(value, dict):
        raise expected("an object", value)
    for name, item in value.items():
        if not isinstance(item, str):
            wrong = expected("a string", item)
            wrong.path.append(name)
            raise wrong


def expected(what: str, got: Any) -> Wrong:
    """`expected …, got …`, with short values shown."""
    if got is None:
        return Wrong(f"expected {what}, got null")
    if isinstance(got, (bool, int, float, str)):
        shown = str(got).lower() if isinstance(got, bool) else _short(got)
        return Wrong(f"expected {what}, got {_kind(got)} {shown}")
    return Wrong(f"expected {what}, got {_kind(got)}")


def _kind(value: Any) -> str:
    return next((name for kind, name in _KINDS.items() if isinstance(value, kind)), type(value).__name__)


def _short(value: float | str) -> str:
    try:
        text = ascii(value) if isinstance(value, str) else repr(value)
    except ValueError:  # more digits than Python writes
        return "too long to show"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
