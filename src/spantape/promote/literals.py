"""JSON values and statements as Python source, laid out as formatters lay it out; nothing in a value can leave it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

WIDTH: Final = 88
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text_literal(value: str) -> str:
    """`value` as a string literal; what is not printable (also what turns the writing direction) is escaped."""
    quote = "'" if '"' in value and "'" not in value else '"'
    return quote + "".join(_escaped(character, quote) for character in value) + quote


def _escaped(character: str, quote: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == quote:
        return "\\" + quote
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flat(value: Any) -> str:
    """A JSON value as an expression on one line.

    Raises:
        TypeError: it is no JSON value.
    """
    if value is None or isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flat(key)}: {flat(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flat, value)) + "]"
    raise TypeError(f"got {type(value).__name__}, expected a JSON value")


def _float(value: float) -> str:
    written = repr(value)
    return written if written[-1].isdigit() else f'float("{written}")'


def width(source: str) -> int:
    """The columns that a line takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in source)


def laid_out(value: Any, indent: int, taken: int) -> str:
    """`value` as an expression behind `taken` columns: on one line where that fits, else a member a line."""
    line = flat(value)
    if taken + width(line) <= WIDTH or not isinstance(value, Mapping | list | tuple) or not value:
        return line
    pad = " " * (indent + 4)
    if isinstance(value, Mapping):
        heads = [f"{pad}{flat(key)}: " for key in value]
        members: Sequence[Any] = list(value.values())
    else:
        heads, members = [pad] * len(value), value
    lines = [
        head + laid_out(member, indent + 4, width(head) + 1) + ","
        for head, member in zip(heads, members, strict=True)
    ]
    opening, closing = ("{", "}") if isinstance(value, Mapping) else ("[", "]")
    return "\n".join([opening, *lines, " " * indent + closing])


def assigned(name: str, value: Any, indent: int) -> str:
    """The statement `name = value`."""
    head = f"{' ' * indent}{name} = "
    source = laid_out(value, indent, width(head))
    inner = indent + 4 + width(source)
    if "\n" not in source and width(head + source) > WIDTH >= inner and isinstance(value, str):
        return f"{head}(\n{' ' * (indent + 4)}{source}\n{' ' * indent})"
    return head + source


def called(head: str, function: str, arguments: Sequence[tuple[str, Any]], tail: str, indent: int) -> str:
    """The statement `head function(name=value, …)tail`; an argument without a name stands as the source that it is."""
    pad = " " * indent
    flats = [f"{name}={flat(value)}" if name else str(value) for name, value in arguments]
    line = f"{pad}{head}{function}({', '.join(flats)}){tail}"
    if width(line) <= WIDTH or not arguments:
        return line
    inner = " " * (indent + 4)
    lines = [
        f"{inner}{name}={laid_out(value, indent + 4, indent + 6 + width(name))},"
        if name
        else f"{inner}{value},"
        for name, value in arguments
    ]
    return "\n".join([f"{pad}{head}{function}(", *lines, f"{pad}){tail}"])
