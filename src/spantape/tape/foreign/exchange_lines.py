"""Our own JSON Lines of exchanges, known by their first line: `tape.importing` reads them, many files as one run."""

from __future__ import annotations

from typing import Final

from spantape.tape.foreign.peek import Peek

NAME: Final = "exchanges"


def fits(peek: Peek) -> bool:
    """Whether the first line is an exchange."""
    first = peek.first
    return (
        isinstance(first, dict) and isinstance(first.get("method"), str) and isinstance(first.get("url"), str)
    )
