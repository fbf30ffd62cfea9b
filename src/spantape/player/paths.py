"""Dotted paths into a JSON value: `messages[*].id`, `metadata.*`, `**.cache_control`, `["odd.key"]`.

`*` is any member or item, `[*]` any item, `**` any depth, none included.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final


class Wild(enum.Enum):
    """The wildcards of a path."""

    MEMBER = "*"
    ITEM = "[*]"
    DEEP = "**"


Segment = str | int | Wild
Path = tuple[Segment, ...]

GRAMMAR: Final = 'names with dots between, [3], [*], *, **, and ["odd.name"]'
_SEGMENT: Final = re.compile(
    r"""\.?(?: (?P<deep>\*\*) | (?P<member>\*) | (?P<name>[^\s.\[\]*"]+)
          | \[(?P<item>\*)\] | \[(?P<index>\d+)\] | \[(?P<quoted>"(?:[^"\\]|\\.)*")\] )""",
    re.VERBOSE,
)


def parse_path(text: str) -> Path | None:
    """The segments of a path, () for "", or None where the text is none (see `GRAMMAR`)."""
    segments: list[Segment] = []
    at = 0
    while at < len(text):
        found = _SEGMENT.match(text, at)
        if found is None or (text[at] == "." and at == 0) or _glued(text, at, found):
            return None
        segments.append(_segment(found))
        at = found.end()
    return None if segments and segments[-1] is Wild.DEEP else tuple(segments)


def _glued(text: str, at: int, found: re.Match[str]) -> bool:
    """Whether two names touch without a dot, or a dot stands before a bracket."""
    bracket = found["item"] or found["index"] or found["quoted"]
    return bool(bracket) if text[at] == "." else at > 0 and not bracket


def _segment(found: re.Match[str]) -> Segment:
    if found["deep"]:
        return Wild.DEEP
    if found["member"]:
        return Wild.MEMBER
    if found["item"]:
        return Wild.ITEM
    if found["index"]:
        return int(found["index"])
    return str(json.loads(found["quoted"])) if found["quoted"] else found["name"]


def prune(value: Any, paths: Sequence[Path]) -> None:
    """Take out of `value`, in place, every member and item that one of the paths names."""
    if isinstance(value, dict):
        keys: Iterable[Any] = list(value)
    elif isinstance(value, list):
        keys = reversed(range(len(value)))
    else:
        return
    for key in keys:
        rest = [tail for path in paths for tail in _advance(path, key)]
        if () in rest:
            del value[key]
        elif rest:
            prune(value[key], rest)


def _advance(path: Path, key: str | int) -> list[Path]:
    """What is left of `path` behind the member `key`: nothing where it leads elsewhere."""
    head, tail = path[0], path[1:]
    if head is Wild.DEEP:
        return [path, *_advance(tail, key)]
    if head is Wild.MEMBER or (head is Wild.ITEM and isinstance(key, int)):
        return [tail]
    return [tail] if type(head) is type(key) and head == key else []
