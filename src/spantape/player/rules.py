"""What counts as the same request: the settings of matching, checked when they are made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from spantape.errors import UsageError
from spantape.player.paths import GRAMMAR, Path, Wild, parse_path

UUID: Final = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
"""A UUID with hyphens, for `MatchRules(volatile=(UUID,))`."""

TIMESTAMP: Final = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?(?:Z|[+-]\d\d:?\d\d)\b)?)?"
)
"""A date, with or without a time of day and a zone (ISO 8601, RFC 3339), for `MatchRules(volatile=(TIMESTAMP,))`."""

DEFAULT_HEADERS: Final = ("anthropic-version", "anthropic-beta", "openai-beta")

_ROOTS: Final = ("body", "query", "header", "arguments")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Ignored:
    """Ignore rules by what they reach into; `query` and `header` hold names, or "*" for all."""

    body: tuple[Path, ...] = ()
    arguments: tuple[Path, ...] = ()
    query: frozenset[str] = frozenset()
    header: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MatchRules:
    """What makes a live request equal to a recorded one.

    `headers` are the request headers that must agree. `ignore` names what may differ, as dotted paths:
    `body.metadata.*`, `body.messages[*].id`, `body.**.cache_control`, `body` (all of it), `query.api-version`,
    `header.openai-beta`, `arguments.now` (of a tool). `volatile` are patterns whose matches inside string values
    are blanked before comparing (`UUID` and `TIMESTAMP` are ready-made). `normalize` is applied to every request
    body, recorded and live, before it is compared in canonical form. `host` makes scheme and host part of the match.

    Never a difference: the order of JSON keys, of query parameters and of the values in a comma-separated header;
    JSON spacing, escapes and number spelling (`1.0` and `1`; numbers compare exactly, at any size); a slash at the
    end of the path; the boundary of a multipart body.

    Raises:
        UsageError: a setting is not of its kind; the message quotes it and says what is accepted.
    """

    headers: tuple[str, ...] = DEFAULT_HEADERS
    ignore: tuple[str, ...] = ()
    host: bool = False
    normalize: Callable[[bytes], bytes] | None = None
    volatile: tuple[re.Pattern[str] | str, ...] = ()
    ignored: Ignored = field(init=False, repr=False, compare=False)
    patterns: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("headers", "ignore", "volatile"):
            object.__setattr__(self, name, _items(name, getattr(self, name)))
        object.__setattr__(self, "headers", tuple(_header_name(name) for name in self.headers))
        object.__setattr__(self, "ignored", _parse_ignored(self.ignore))
        object.__setattr__(self, "patterns", tuple(_pattern(item) for item in self.volatile))
        if not isinstance(self.host, bool):
            raise UsageError(f"MatchRules(host={self.host!r}): expected True or False")
        if self.normalize is not None and not callable(self.normalize):
            raise UsageError(
                f"MatchRules(normalize={self.normalize!r}): expected a function from bytes to bytes, or None"
            )

    def normalized(self, body: bytes) -> bytes:
        """The body after the user's hook.

        Raises:
            UsageError: the hook gave back something that is not bytes.
        """
        if self.normalize is None:
            return body
        normalized: Any = self.normalize(body)
        if not isinstance(normalized, bytes):
            raise UsageError(
                f"MatchRules(normalize={self.normalize!r}) returned {type(normalized).__name__}, expected bytes"
            )
        return normalized

    def blank(self, text: str) -> str:
        """The text with every volatile match replaced by one mark."""
        for pattern in self.patterns:
            text = pattern.sub("\u2400", text)
        return text


def _items(name: str, given: object) -> tuple[Any, ...]:
    if isinstance(given, str | bytes) or not isinstance(given, list | tuple | set | frozenset):
        raise UsageError(f"MatchRules({name}={given!r}): expected a tuple, as in ({given!r},)")
    return tuple(given)


def _header_name(given: object) -> str:
    if not isinstance(given, str) or not _HEADER_NAME.fullmatch(given):
        raise UsageError(
            f"MatchRules(headers=…): {given!r} is not a header name; expected one like 'anthropic-version'"
        )
    return given.lower()


def _pattern(given: object) -> re.Pattern[str]:
    if isinstance(given, re.Pattern) and isinstance(given.pattern, str):
        return given
    if not isinstance(given, str):
        raise UsageError(
            f"MatchRules(volatile=…): {given!r} is not a pattern; expected a str or a compiled str pattern"
        )
    try:
        return re.compile(given)
    except re.error as error:
        raise UsageError(f"MatchRules(volatile=…): {given!r} is not a regular expression: {error}") from error


def _parse_ignored(rules: tuple[object, ...]) -> Ignored:
    found: dict[str, list[Path]] = {root: [] for root in _ROOTS}
    for rule in rules:
        root, path = _parse_rule(rule)
        found[root].append(path)
    return Ignored(
        body=tuple(found["body"]),
        arguments=tuple(found["arguments"]),
        query=frozenset(_one_name(path) for path in found["query"]),
        header=frozenset(_one_name(path).lower() for path in found["header"]),
    )


def _parse_rule(rule: object) -> tuple[str, Path]:
    accepted = f"expected a path that starts with {', '.join(_ROOTS)} and goes on with {GRAMMAR}"
    path = parse_path(rule) if isinstance(rule, str) else None
    if not path or path[0] not in _ROOTS:
        raise UsageError(f"MatchRules(ignore=…): {rule!r} is not a path; {accepted}")
    root, rest = str(path[0]), path[1:]
    if root in {"query", "header"} and (
        len(rest) > 1 or not all(isinstance(s, str) or s is Wild.MEMBER for s in rest)
    ):
        raise UsageError(
            f"MatchRules(ignore=…): {rule!r} goes too deep; expected one name, as in '{root}.name'"
        )
    return root, rest


def _one_name(path: Path) -> str:
    """The name in a rule for queries and headers: "*" where the rule names all of them."""
    return path[0] if path and isinstance(path[0], str) else "*"
