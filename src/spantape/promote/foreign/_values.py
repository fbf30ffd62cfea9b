"""Attribute values of foreign spans as plain values: JSON texts parsed, dotted indexes gathered, masks and cuts told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from spantape.tape.model import Span, Value

UNREADABLE: Final = object()
"""What stands for a JSON text that was cut."""

_MASKS: Final = frozenset(
    {
        "__REDACTED__",  # OpenInference
        "[REDACTED]",
        "<redacted>",
        "<fully masked due to failed mask function>",  # langfuse
        "[Scrubbed due to 'password']",  # logfire, which names the word that it found
    }
)


def parsed(value: Value) -> Any:
    """The value of an attribute that is a structure or its JSON text; `UNREADABLE` for a text that is no JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return UNREADABLE
    return plain(value)


def loose(value: Value) -> Any:
    """As `parsed`, but a text that is no JSON is itself."""
    found = parsed(value)
    return value if found is UNREADABLE else found


def plain(value: Any) -> Any:
    """A structured attribute as lists and dicts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


def text(span: Span, *keys: str) -> str:
    """The first of the attributes that is a text, "" where none is."""
    found = (span.attributes.get(key) for key in keys)
    return next((value for value in found if isinstance(value, str) and value), "")


def number(span: Span, *keys: str) -> int | None:
    """The first of the attributes that is a whole number."""
    for key in keys:
        value = span.attributes.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def is_mask(value: Any) -> bool:
    """Whether the value is what an instrumentation puts in the place of content that it hides."""
    return isinstance(value, str) and (value in _MASKS or value.startswith("[Scrubbed due to "))


def has_mask(value: Any) -> bool:
    """Whether a mask stands anywhere in the value."""
    if isinstance(value, Mapping):
        return any(map(has_mask, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_mask, value))
    return is_mask(value)


def gathered(attributes: Mapping[str, Value], prefix: str) -> list[dict[str, Any]]:
    """`prefix.0.a.b`, `prefix.1.…` as a list of nested dicts, by index; gaps are left out.

    Members whose names are all numbers become lists again.
    """
    tree: dict[str, Any] = {}
    for key, value in attributes.items():
        if key.startswith(prefix + "."):
            _put(tree, key[len(prefix) + 1 :].split("."), value)
    items = _listed(tree)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def indexes(attributes: Mapping[str, Value], prefix: str) -> list[int]:
    """The indexes that stand behind `prefix`, in order."""
    start = len(prefix) + 1
    found = {key[start:].partition(".")[0] for key in attributes if key.startswith(prefix + ".")}
    return sorted(int(index) for index in found if index.isdecimal())


def _put(tree: dict[str, Any], path: list[str], value: Value) -> None:
    for name in path[:-1]:
        inner = tree.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[path[-1]] = value


def _listed(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(name.isdecimal() for name in tree):
        return [_listed(tree[name]) for name in sorted(tree, key=int)]
    return {name: _listed(inner) for name, inner in tree.items()}


def is_vector(value: Any) -> bool:
    """Whether the value is an embedding: a list of numbers."""
    return isinstance(value, list) and value != [] and all(type(item) in (int, float) for item in value)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The dicts in a list."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
