"""All the ways in which a text may be read as structure, the most certain first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from spantape.semantic.structured.calls import read_calls
from spantape.semantic.structured.fences import Block, introduced, unfenced
from spantape.semantic.structured.forms import Reading
from spantape.semantic.structured.jsons import read_json, read_json_lines, read_literal
from spantape.semantic.structured.python import read_python
from spantape.semantic.structured.shell import read_shell
from spantape.semantic.structured.sql import read_sql
from spantape.semantic.structured.tables import read_csv, read_markdown_table
from spantape.semantic.structured.xmls import read_xml
from spantape.semantic.structured.yamls import read_items, read_pairs, read_toml, read_yaml

Reader = Callable[[str], Reading | None]

_DATA: Final[tuple[Reader, ...]] = (read_json, read_json_lines, read_literal)
_ALL: Final[tuple[Reader, ...]] = (
    *_DATA,
    read_calls,
    read_markdown_table,
    read_python,
    read_sql,
    read_shell,
    read_csv,
    read_toml,
    read_xml,
    read_yaml,
    read_pairs,
    read_items,
)
_LANGUAGES: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("json", "jsonc", "json5", "jsonl", "ndjson", "javascript", "js"), _DATA),
    **dict.fromkeys(("yaml", "yml"), (read_yaml,)),
    **dict.fromkeys(("csv", "tsv"), (read_csv,)),
    "toml": (read_toml,),
    **dict.fromkeys(("xml", "html"), (read_xml,)),
    **dict.fromkeys(("python", "py", "python3"), (read_python, read_calls, *_DATA)),
    **dict.fromkeys(("sql", "postgresql", "postgres", "mysql", "sqlite"), (read_sql,)),
    **dict.fromkeys(("bash", "sh", "shell", "zsh", "console", "shell-session"), (read_shell,)),
    **dict.fromkeys(("", "text", "txt", "markdown", "md", "plaintext"), _ALL),
}
_TOLD: Final = frozenset({read_yaml, read_toml, read_csv, read_python, read_sql, read_shell})
"""Readers that a fence tells what it holds, so that they need not guess."""


def readings(text: str) -> list[Reading]:
    """The readings of a text, [] for prose and for several fenced blocks."""
    block = unfenced(text)
    if block is None:
        return []
    found = list(_of_block(block))
    if not found and block.language is None and (split := introduced(text)) is not None:
        found = list(_of_block(split))
    return found


def _of_block(block: Block) -> Iterator[Reading]:
    named = block.language not in (None, "", "text", "txt", "markdown", "md", "plaintext")
    for read in _LANGUAGES.get(block.language or "", ()):
        found = read(block.inside, fenced=True) if named and read in _TOLD else read(block.inside)
        if found is not None:
            yield replace(found, around=block.around)
            if found.kind == "data" and found.certain:
                return
