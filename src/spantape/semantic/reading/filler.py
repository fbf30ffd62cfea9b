"""Courtesy, openings and closings: words that a reader learns nothing from, taken out before texts are compared."""

from __future__ import annotations

import re
from functools import cache

from spantape.semantic.lexicon import table
from spantape.semantic.reading.clean import expand_contractions

_SPACES = re.compile(r" {2,}")


@cache
def _pattern(language: str) -> re.Pattern[str] | None:
    """Phrases at word bounds, the longest first. Literal alternatives only: linear on any text."""
    phrases = {_plain(line, language) for line in table(language, "phrases")}
    if not phrases:
        return None
    listed = "|".join(re.escape(phrase) for phrase in sorted(phrases, key=lambda phrase: -len(phrase)))
    bound = "" if language in {"ja", "zh"} else r"\b"
    return re.compile(rf"{bound}(?:{listed}){bound},?", re.IGNORECASE)


def _plain(phrase: str, language: str) -> str:
    return expand_contractions(phrase) if language == "en" else phrase


def without_filler(text: str, language: str) -> tuple[str, int]:
    """Return a text without its filler, and how many phrases were taken out; a text of nothing else is left as it is."""
    pattern = _pattern(language)
    if pattern is None:
        return text, 0
    kept, count = pattern.subn(" ", text)
    kept = _SPACES.sub(" ", kept)
    return (kept, count) if any(char.isalnum() for char in kept) else (text, 0)
