"""JSON, JSON Lines, and the object literals of Python and JavaScript, as values with exact numbers."""

from __future__ import annotations

import ast
import json
import warnings
from decimal import Decimal
from typing import Any, Final

from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.values import number, too_deep

_LITERAL_LIMIT: Final = 200_000  # characters of a literal that are given to Python's parser
_NAMES: Final = {"true": True, "false": False, "null": None, "undefined": None}


class NotDataError(ValueError):
    """A text is not what it was tried as, or its meaning is not certain."""


def read_json(text: str) -> Reading | None:
    """A JSON object or array; None for any other text, for a key that stands twice, and for NaN."""
    found = _container(text)
    return None if found is None else Reading("data", "JSON", found)


def read_json_lines(text: str) -> Reading | None:
    """Objects or arrays, one on each of two or more lines, as a list."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or any(line.lstrip()[0] not in "{[" for line in lines):
        return None
    found: list[Any] = []
    for line in lines:
        value = _container(line)
        if value is None:
            return None
        found.append(value)
    return Reading("data", "JSON Lines", found)


def read_literal(text: str) -> Reading | None:
    """A dict or list as Python or JavaScript writes it: single quotes, `True` or `true`, a comma at the end."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "[") or len(stripped) > _LITERAL_LIMIT:
        return None
    tree = expression(stripped)
    try:
        found = None if tree is None else literal(tree)
    except (NotDataError, RecursionError):
        return None
    if not isinstance(found, dict | list) or too_deep(found):
        return None
    return Reading("data", "a literal", found)


def expression(text: str) -> ast.expr | None:
    """The syntax tree of a Python expression, None for any other text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def literal(tree: ast.expr) -> Any:
    """The JSON value that a literal stands for.

    Raises:
        NotDataError: it is no literal, a key is no string or stands twice.
    """
    if isinstance(tree, ast.Constant):
        return _constant(tree.value)
    if isinstance(tree, ast.Name) and tree.id in _NAMES:
        return _NAMES[tree.id]
    if isinstance(tree, ast.List | ast.Tuple):
        return [literal(item) for item in tree.elts]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return _negative(literal(tree.operand))
    if isinstance(tree, ast.Dict):
        return unique(
            [(_key(key), literal(value)) for key, value in zip(tree.keys, tree.values, strict=True)]
        )
    raise NotDataError(f"{type(tree).__name__} is no literal")


def _constant(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return number(repr(value))
    if isinstance(value, int):
        return number(str(value))
    raise NotDataError(f"{type(value).__name__} is no JSON")


def _negative(value: Any) -> Decimal:
    if not isinstance(value, Decimal):
        raise NotDataError("a minus before what is no number")
    return value.copy_negate()  # the operator would round


def _key(key: ast.expr | None) -> str:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return key.value
    raise NotDataError("a key that is no string")


def _container(text: str) -> Any:
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(
            stripped, object_pairs_hook=unique, parse_float=number, parse_int=number, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return None
    return None if too_deep(found) else found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members as a dict.

    Raises:
        NotDataError: a key stands twice, so that readers disagree about its value.
    """
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotDataError("a key stands twice")
    return made


def _refuse(literal: str) -> Any:
    raise NotDataError(f"{literal} is no JSON")
