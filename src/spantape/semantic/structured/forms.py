"""What a text may be read as: a form with its parsed value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["data", "python", "sql", "shell"]
"""What can be compared with each other: data in any serialisation, tool calls too; code of one language."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text.

    `form` names it for people ("JSON", "a Markdown table"). A reading that is not `certain` (words with colons may be
    YAML, or notes) is never the ground for a difference by itself. `unordered` marks rows, whose order says
    nothing. `around` is the prose around a fenced block.
    """

    kind: Kind
    form: str
    value: Any
    certain: bool = True
    unordered: bool = False
    around: str = ""
