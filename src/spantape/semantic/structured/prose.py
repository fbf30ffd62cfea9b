"""Strings inside data that are prose, and so may be compared by what they mean."""

from __future__ import annotations

from typing import Final

_WORDS: Final = 4  # words that make a string prose
_LETTERS: Final = 12  # letters of a script without blanks that do
_CJK: Final = "\u2e80"  # where the scripts without blanks begin


def is_prose(text: str) -> bool:
    """Whether a string is words in a row: four at least, or a dozen letters of a script without blanks."""
    if len(text.split()) >= _WORDS:
        return True
    return not text.isascii() and sum(c.isalpha() and c > _CJK for c in text) >= _LETTERS
