"""Courtesy, openings and closings: words that a reader learns nothing from, taken out before texts are compared."""

from __future__ import annotations

import re
from functools import cache

from spantape.semantic.lexicon import table
from spantape.semantic.reading.clean import expand_contractions

_SENTENCE = re.compile(r"(?<=[.!?\n])(?=\s|[A-Z])")
_LONGEST = 160  # characters of a sentence that may be courtesy alone
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


@cache
def _closings(language: str) -> tuple[str, ...]:
    return tuple(_plain(line, language) for line in table(language, "closings"))


def _without_closings(text: str, language: str) -> tuple[str, int]:
    """The text without sentences that are courtesy as a whole, where another sentence is left."""
    cues = _closings(language)
    lowered = text.casefold()
    if not any(cue in lowered for cue in cues):
        return text, 0
    sentences = _SENTENCE.split(text)
    kept = [one for one in sentences if not _is_courtesy(one, cues)]
    return ("".join(kept), len(sentences) - len(kept)) if any("".join(kept).strip()) else (text, 0)


def _is_courtesy(sentence: str, cues: tuple[str, ...]) -> bool:
    lowered = sentence.casefold()
    short = len(sentence) <= _LONGEST and not any(char.isdigit() for char in sentence)
    return short and any(cue in lowered for cue in cues)


def _plain(phrase: str, language: str) -> str:
    return expand_contractions(phrase) if language == "en" else phrase


def without_filler(text: str, language: str) -> tuple[str, int]:
    """Return a text without its filler, and how many phrases were taken out; a text of nothing else is left as it is."""
    text, whole = _without_closings(text, language)
    pattern = _pattern(language)
    if pattern is None:
        return text, whole
    kept, count = pattern.subn(" ", text)
    kept = _SPACES.sub(" ", kept)
    return (kept, count + whole) if any(char.isalnum() for char in kept) else (text, whole)
