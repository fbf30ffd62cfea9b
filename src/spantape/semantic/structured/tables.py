"""Tables, as a list of records whose cells have no type yet: Markdown tables, CSV and its kin."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Final

from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.values import Plain

_RULE: Final = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?")
_CELLS: Final = re.compile(r"(?<!\\)\|")
_EMPHASIS: Final = re.compile(r"(\*\*|__|\*|_|`)(.+)\1")
_DELIMITERS: Final = ("\t", ";", "|", ",")


def read_markdown_table(text: str) -> Reading | None:
    """One Markdown table with its rule, and nothing beside it; the order of rows and columns says nothing."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if len(lines) < 2 or "|" not in lines[0] or not _RULE.fullmatch(lines[1].strip()):
        return None
    rows = [_cells(line) for line in (lines[0], *lines[2:])]
    return _table(rows, "a Markdown table", certain=True)


def _cells(line: str) -> list[str]:
    stripped = line.strip().removeprefix("|")
    if stripped.endswith("|") and not stripped.endswith("\\|"):
        stripped = stripped[:-1]
    return [_bare(cell.replace("\\|", "|").strip()) for cell in _CELLS.split(stripped)]


def _bare(cell: str) -> str:
    """The cell without the emphasis around all of it."""
    found = _EMPHASIS.fullmatch(cell)
    return found[2].strip() if found else cell


def read_csv(text: str, *, fenced: bool = False) -> Reading | None:
    """CSV with a header, or the same with tabs, semicolons or bars.

    Certain where a fence says so, or no delimiter has a blank behind it, as it has in prose.
    """
    head, _, rest = text.strip().partition("\n")
    if not rest or _RULE.fullmatch(rest.partition("\n")[0].strip()):
        return None
    for delimiter in _DELIMITERS:
        if delimiter in head:
            rows = _rows(text.strip(), delimiter)
            certain = fenced or not re.search(re.escape(delimiter) + " ", text)
            return None if rows is None else _table(rows, "CSV", certain=certain)
    return None


def _rows(text: str, delimiter: str) -> list[list[str]] | None:
    """The rows, None where they are not all as wide as the first."""
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if found and len(row) != len(found[0]) and row:
                return None
            if row:
                found.append(row)
    except csv.Error:  # a quote out of place, or a field beyond the module's limit
        return None
    return found


def _table(rows: list[list[str]], form: str, *, certain: bool) -> Reading | None:
    if len(rows) < 2 or len(rows[0]) < 2:
        return None
    head = [name.strip() for name in rows[0]]
    if not _is_header(head) or any(len(row) != len(head) for row in rows):
        return None
    return Reading("data", form, list(_records(head, rows[1:])), certain=certain, unordered=True)


def _is_header(head: list[str]) -> bool:
    """Whether the names are all there, different, short, and no numbers."""
    short = all(name and len(name) <= 60 and not re.fullmatch(r"[-+\d.,:%$€£ ]+", name) for name in head)
    return short and len({name.casefold() for name in head}) == len(head)


def _records(head: list[str], rows: Iterable[list[str]]) -> Iterator[dict[str, Plain]]:
    for row in rows:
        yield dict(zip(head, map(_cell, row), strict=True))


def _cell(text: str) -> Plain:
    return Plain(text.strip())
